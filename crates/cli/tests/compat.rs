//! `oomph compat` from the outside: any source, all arguments untouched, codes as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/compat")
}

/// Runs the program beside the stored machines.
fn oomph(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(args)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .current_dir(data())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// A command line of one of the programs, whether it ended well, and what it printed.
struct Case {
    words: Vec<String>,
    status: i32,
    out: Vec<u8>,
}

/// The stored output of the real program that no quoting and no other locale is in.
fn golden(name: &str) -> Vec<Case> {
    let text = fs::read(data().join("golden").join(name)).expect("the golden output is there");
    let mut rest = text.as_slice();
    let mut cases = Vec::new();
    while let Some(end) = rest.iter().position(|&b| b == b'\n') {
        let line = String::from_utf8_lossy(&rest[2..end]).into_owned();
        rest = &rest[end + 1..];
        let end = rest.iter().position(|&b| b == b'\n').expect("a second line");
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        let numbers: Vec<usize> = head
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let out = rest[..numbers[1]].to_vec();
        rest = &rest[numbers[1] + 1..];
        let status = i32::try_from(numbers[0]).expect("a status");
        if !line.contains(['\'', '=']) {
            let words = line.split(' ').map(str::to_owned).collect();
            cases.push(Case { words, status, out });
        }
    }
    cases
}

fn agrees(case: &Case, global: &[&str]) {
    let mut args = global.to_vec();
    args.extend(["compat", "--bug-for-bug"]);
    args.extend(case.words.iter().map(String::as_str));
    let ours = oomph(&args);
    let (out, real) = (String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&case.out));
    assert!(ours.stdout == case.out, "{args:?}\n--- real\n{real}\n--- ours\n{out}");
    assert_eq!(ours.status.code(), Some(case.status), "{args:?}");
}

#[test]
fn free_and_pmap_print_what_the_real_ones_do_about_a_directory() {
    let mut compared = 0;
    for name in ["tame-free", "tame-pmap"] {
        // Every third is enough to see that arguments, output and code pass unchanged. The rc file
        // in the home directory is not there.
        let plain = |case: &&Case| !case.words.iter().any(|word| word == "-c");
        for case in golden(name).iter().filter(plain).step_by(3) {
            agrees(case, &["--from", "tame"]);
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn options_like_our_own_belong_to_the_program_behind_compat() {
    let text = |args: &[&str]| String::from_utf8(oomph(args).stdout).expect("UTF-8");
    let tame = ["--from", "tame", "compat"];
    let run = |more: &[&str]| text(&[&tame[..], more].concat());
    assert!(run(&["free", "-h"]).contains("Mem:            15Gi"));
    assert!(run(&["free", "--help"]).starts_with("Usage: oomph compat free"));
    assert!(
        run(&["smem", "--kernel", "kernel.elf", "-w"]).contains("kernel image             20.6")
    );
    assert_eq!(run(&["pmap", "-V"]), "pmap from procps-ng 4.0.2\n");
}

#[test]
fn a_capture_is_read_by_smem_as_the_machine_is() {
    let path = std::env::temp_dir().join(format!("oomph-compat-{}.tar", std::process::id()));
    let tar = path.to_str().expect("UTF-8");
    let made = oomph(&["--from", "tame", "capture", "--force", tar]);
    let columns = "pid name command maps swap uss rss pss vss";
    let smem = |source: &[&str]| {
        let output = oomph(&[&["compat", "smem", "-t", "-c", columns], source].concat());
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let (directory, capture) = (smem(&["-S", "tame"]), smem(&["-S", tar]));
    fs::remove_file(&path).expect("it can be removed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(directory, capture);
    assert!(capture.1.contains("31337 bash"), "{}", capture.1);
}

#[test]
fn bugs_are_copied_on_request() {
    let name = |args: &[&str]| {
        let source = ["smem", "-H", "-S", "hostile", "-P", "^evil", "-c", "name"];
        String::from_utf8(oomph(&[args, &source[..]].concat()).stdout).expect("UTF-8")
    };
    assert_eq!(name(&["compat"]).trim_end(), "ev)il (x");
    assert_eq!(name(&["compat", "--bug-for-bug"]).trim_end(), "ev");
}

#[test]
fn other_programs_and_json_are_refused() {
    for (args, code, words) in [
        (&["compat", "top"][..], 1, "`top` is none of the programs smem, pmap and free"),
        (&["--json", "compat", "free"], 1, "not JSON"),
        (&["--from", "tame", "compat", "pmap", "4"], 42, ""),
        (&["--from", "tame", "compat", "smem", "-c", "x"], 255, ""),
        (&["--from", "tame", "compat", "smem", "-z"], 2, "no such option: -z"),
    ] {
        let output = oomph(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(err.contains(words), "{err}");
    }
}
