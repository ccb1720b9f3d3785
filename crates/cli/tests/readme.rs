//! The picture in the README is what the program prints for a capture of this repository.
//! `UPDATE_EXPECT=1 cargo test -p oomph --test readme` takes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

#[test]
fn the_picture_is_real() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(["--from", "capture.tar"])
        .current_dir(root.join("tests/data/captures/6.12-256m-swap"))
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "80")
        .output()
        .expect("the program starts");
    let screen = String::from_utf8(output.stdout).expect("UTF-8");

    check("picture", &screen);
}

/// The README is written by one test at a time.
static README: Mutex<()> = Mutex::new(());

/// Whether the README has this screen between its markers.
fn check(name: &str, screen: &str) {
    let _alone = README.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let (start, end) =
        (format!("<!-- {name} -->\n```text\n"), format!("```\n<!-- end of {name} -->\n"));
    let (before, rest) = readme.split_once(&start).expect("the first marker");
    let (shown, after) = rest.split_once(&end).expect("the second marker");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{before}{start}{screen}{end}{after}")).expect("README.md");
    } else {
        assert_eq!(shown, screen, "UPDATE_EXPECT=1 cargo test -p oomph --test readme");
    }
}

#[test]
fn the_heap_is_what_the_program_says_of_such_a_trace() {
    let blocks = 10_000;
    let mut text = format!("0\n{}\n{}\n1\n", blocks + 1, 2 * blocks + 1);
    for block in 0..blocks {
        let _ = writeln!(text, "a {block} 32000");
    }
    let _ = writeln!(text, "a {blocks} 100");
    for block in 0..blocks {
        let _ = writeln!(text, "f {block}");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("wasteful.rep"), text).expect("a trace");
    let output = Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(["replay", "--no-what-if", "wasteful.rep"])
        .current_dir(&folder)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "80")
        .output()
        .expect("the program starts");
    let screen = String::from_utf8(output.stdout).expect("UTF-8");
    // What happened and why; not the tables behind it.
    let (screen, _) = screen.split_once("\nSIZES").expect("sizes");
    check("heap", screen);
}

#[test]
fn what_the_picture_is_said_to_have_led_to_is_what_happened() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let truth = root.join("tests/data/captures/6.12-256m-swap/truth");
    let truth = fs::read_to_string(truth).expect("the truth of the capture");
    let word = |key: &str| {
        let line = truth.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in the truth")).trim()
    };
    let kib: u32 =
        (word("touched ").parse::<u64>().expect("bytes") >> 10).try_into().expect("small");
    let readme = fs::read_to_string(root.join("README.md")).expect("README.md");
    let (mib, victim) = (f64::from(kib) / 1024.0, word("victim_name "));
    let said = format!("after {mib:.1} MiB more, and its choice was `{victim}`");
    assert!(readme.contains(&said), "the README does not say: {said}");
}
