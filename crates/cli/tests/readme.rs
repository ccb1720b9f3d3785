//! The picture in the README is what the program prints for a capture of this repository.
//! `UPDATE_EXPECT=1 cargo test -p oomph --test readme` takes it anew.

use std::fs;
use std::path::Path;
use std::process::Command;

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

    let path = root.join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let (start, end) = ("<!-- picture -->\n```text\n", "```\n<!-- end of picture -->\n");
    let (before, rest) = readme.split_once(start).expect("the first marker");
    let (shown, after) = rest.split_once(end).expect("the second marker");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{before}{start}{screen}{end}{after}")).expect("README.md");
    } else {
        assert_eq!(shown, screen, "UPDATE_EXPECT=1 cargo test -p oomph --test readme");
    }
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
