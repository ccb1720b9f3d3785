//! `oomph replay` as its users meet it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use expect_test::expect;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.args(args).env("LC_ALL", "C.UTF-8").env("COLUMNS", "100");
    command
}

fn oomph(args: &[&str]) -> Output {
    command(args).output().expect("oomph runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn recorded(name: &str) -> String {
    format!("{}/../../tests/data/strace/{name}.log.gz", env!("CARGO_MANIFEST_DIR"))
}

/// A file of this test that goes when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &str) -> Scratch {
        let name = format!("oomph-replay-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).expect("a scratch file");
        Scratch(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const SMALL: &str = "\
execve(\"/bin/x\", [\"x\"], 0x7ffd00000000 /* 9 vars */) = 0
brk(NULL) = 0x555555561000
mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7000000
mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6fff000
mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6000000
brk(0x555555582000) = 0x555555582000
brk(what)
+++ exited with 0 +++
";

#[test]
fn differences_stand_before_what_agrees() {
    let log = Scratch::new("small.log", SMALL);
    // A screen is broken into lines by what its names are long.
    let output = command(&["replay", "--no-map", "-"])
        .stdin(fs::File::open(log.path()).expect("the log"))
        .output()
        .expect("oomph runs");
    assert!(output.status.success());
    let screen = text(&output.stdout);
    expect![[r"
        PREDICTED IN PART: 2 of 3 addresses that the kernel chose.
          standard input, 8 lines, rules of Linux 6.18.0, which explain it as well as any

          mmap(NULL) 1 of 2 as in the log
          brk        1 of 1 as in the log

        What differs
          line 5, -: mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = 0x7ffff6000000, the
              model says 0x7ffff6ffe000

        Programs
          LINE  PID  THREADS  MMAP  BRK  MREMAP  OTHERS  PROGRAM
             1    -        0   1/2  1/1       -       -  /bin/x

        Taken from the log, not predicted
          2 anchors: the first brk says where the heap begins (1), the first mmap without a hint below which
          address mappings go (1).
          1 range was mapped before any line says so: programs, their interpreters, their stacks.

        Not understood
          line 7: expected `) = RESULT` at the end of the call, found brk(what)
    "]].assert_eq(&screen);
}

#[test]
fn the_address_space_is_drawn_at_any_line() {
    let log = Scratch::new("lines.log", SMALL);
    let early = text(&oomph(&["replay", "--at", "3", log.path()]).stdout);
    assert!(early.contains("7ffff7002000") && !early.contains("7ffff6fff000 "), "{early}");
    let late = text(&oomph(&["replay", "--at", "6", log.path()]).stdout);
    assert!(late.contains("heap") && late.contains("7ffff6000000"), "{late}");
    let beyond = oomph(&["replay", "--at", "9", log.path()]);
    assert!(!beyond.status.success());
    assert!(text(&beyond.stderr).contains("lines 1 to 8"), "{}", text(&beyond.stderr));
}

#[test]
fn the_machine_is_saved_as_a_capture() {
    let tar = Scratch::new("saved.tar", "");
    let refused = oomph(&["replay", "--save", tar.path(), &recorded("ls")]);
    assert!(!refused.status.success());
    let saved = oomph(&["replay", "--save", tar.path(), "--force", &recorded("ls")]);
    assert!(saved.status.success(), "{}", text(&saved.stderr));
    let map = oomph(&["--from", tar.path(), "map", "1000"]);
    assert!(text(&map.stdout).starts_with("ls (pid 1000): "), "{}", text(&map.stdout));
    // What a log does not tell is unknown, and not 0.
    let json = text(&oomph(&["--from", tar.path(), "map", "1000", "--json"]).stdout);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert!(report["totals"]["fill"].is_null(), "{}", report["totals"]);
}

#[test]
fn the_json_holds_the_score() {
    let output = oomph(&["replay", "--json", &recorded("perl")]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["schema"], "oomph.replay-strace/1");
    assert_eq!(report["score"]["mremap"]["equal"], 6);
    assert_eq!(report["score"]["mremap"]["total"], 6);
}

#[test]
fn another_text_is_refused_with_a_hint() {
    let log = Scratch::new("other", "Dear diary,\n");
    let output = oomph(&["replay", log.path()]);
    assert!(!output.status.success());
    let words = text(&output.stderr).replace(log.path(), "other");
    expect![[r"
        error: `other` is neither a log of strace nor a trace of malloc
          caused by: byte 0: expected a trace of malloc (oomph trace, mtrace, .rep, glibc's trace utilities, heaptrack), found `Dear diary,`
        hint: `strace -f -e trace=memory,process -o FILE PROGRAM` makes the one, `oomph trace -o FILE -- PROGRAM` the other
    "]].assert_eq(&words);
}
