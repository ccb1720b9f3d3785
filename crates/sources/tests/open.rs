//! What a user may point the program at, and what it says to what it cannot read.

#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

mod common;

use std::error::Error;
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use common::Scratch;
use oomph_sources::{OpenError, Options, Want, capture_to_file, open};

/// The error with its causes and hint, the scratch directory left out.
fn refusal(scratch: &Scratch, name: &str) -> String {
    let error: OpenError = open(&scratch.spec(name)).unwrap_err();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, "; {inner}");
        cause = inner.source();
    }
    if let Some(hint) = error.hint() {
        let _ = write!(text, "; hint: {hint}");
    }
    text.replace(&scratch.spec(""), "")
}

/// A copy of a `/proc` with one process.
fn fill(scratch: &Scratch, at: &str) {
    scratch
        .put(&format!("{at}/meminfo"), "MemTotal:  1000 kB\nMemFree:   100 kB\n")
        .put(&format!("{at}/version"), "Linux version 6.1.0 (x) #1\n")
        .put(
            &format!("{at}/12/stat"),
            "12 (a) S 1 1 1 0 -1 4194304 1 0 0 0 7 5 0 0 20 0 1 0 900 8192 3\n",
        )
        .put(&format!("{at}/12/oom_score"), "600\n");
}

#[test]
fn each_thing_that_is_no_source_is_named_as_what_it_is() {
    let scratch = Scratch::new();
    scratch
        .put("empty", "")
        .put("text", "MemTotal: 1 kB\n".repeat(100))
        .put("a.gz", [0x1f, 0x8b, 8, 0])
        .put("a.zst", [0x28, 0xb5, 0x2f, 0xfd])
        .put("a.xz", [0xfd, b'7', b'z', b'X', b'Z', 0])
        .put("dir/file", "");
    let expected = "expected a tar, a directory shaped like /proc, a kernel log or `live`, found";
    let hint = |tool: &str, name: &str| {
        format!("; hint: decompress it first: `{tool} -d < {name} > capture.tar`")
    };
    for (name, found) in [
        ("empty", "an empty file".to_owned()),
        ("text", "a file that is neither a tar nor a log with an OOM report".to_owned()),
        ("a.gz", format!("a file compressed by gzip{}", hint("gzip", "a.gz"))),
        ("a.zst", format!("a file compressed by zstd{}", hint("zstd", "a.zst"))),
        ("a.xz", format!("a file compressed by xz{}", hint("xz", "a.xz"))),
        ("dir", "a directory with neither `meminfo` nor a process in it".to_owned()),
    ] {
        assert_eq!(refusal(&scratch, name), format!("cannot read `{name}`: {expected} {found}"));
    }
    assert_eq!(
        refusal(&scratch, "nothing\x1b"),
        "cannot read `nothing\\x1b`; No such file or directory (os error 2)"
    );
}

#[test]
fn a_pipe_or_a_device_is_not_waited_for() {
    let scratch = Scratch::new();
    assert!(Command::new("mkfifo").arg(scratch.path("pipe")).status().unwrap().success());
    assert!(refusal(&scratch, "pipe").contains("found a pipe; hint: a capture is read by offsets"));
    assert!(open("/dev/null").unwrap_err().to_string().ends_with("found a device"));
    // Inside a directory, too.
    fill(&scratch, "proc");
    std::fs::remove_file(scratch.path("proc/version")).unwrap();
    std::fs::rename(scratch.path("pipe"), scratch.path("proc/version")).unwrap();
    let snapshot = open(&scratch.spec("proc")).unwrap().snapshot(&Want::rank());
    assert_eq!(snapshot.tasks.len(), 1);
    let version = "version: expected a file, found something else";
    assert!(snapshot.missing.iter().any(|m| m.to_string() == version), "{:?}", snapshot.missing);
}

#[test]
fn a_tar_of_something_else_is_named_as_one() {
    let scratch = Scratch::new();
    scratch.put("etc/passwd", "root").put("etc/group", "root");
    let tar = scratch.path("etc.tar");
    let mut made = Command::new("tar");
    made.arg("-C").arg(scratch.path("")).arg("-cf").arg(&tar).arg("etc");
    if !made.status().is_ok_and(|status| status.success()) {
        println!("skipped: no `tar` here");
        return;
    }
    assert!(refusal(&scratch, "etc.tar").ends_with(
        "found a tar with neither `meminfo` nor a process in it (files: 2, such as `etc/group`)"
    ));
}

#[test]
fn a_copy_of_proc_is_read_where_it_is_or_as_proc_in_it() {
    let scratch = Scratch::new();
    fill(&scratch, "here");
    fill(&scratch, "there/proc");
    for name in ["here", "there"] {
        let snapshot = open(&scratch.spec(name)).unwrap().snapshot(&Want::rank());
        assert_eq!(snapshot.tasks.len(), 1, "{name}");
        assert_eq!(snapshot.tasks[0].oom_score, Some(600));
        // The directory says nothing about these, so nothing is said.
        assert_eq!((snapshot.tasks[0].uid, snapshot.taken_at), (None, None));
        assert!(!snapshot.page_size_known);
    }
}

#[test]
fn links_in_a_copy_do_not_lead_out_of_it() {
    let scratch = Scratch::new();
    fill(&scratch, "proc");
    scratch.put("secret", "MemTotal: 77 kB\n");
    std::fs::remove_file(scratch.path("proc/meminfo")).unwrap();
    symlink(scratch.path("secret"), scratch.path("proc/meminfo")).unwrap();
    let snapshot = open(&scratch.spec("proc")).unwrap().snapshot(&Want::status());
    assert_eq!(snapshot.meminfo.iter().count(), 0);
    let expected = "meminfo: expected a file, found a symbolic link";
    assert!(snapshot.missing.iter().any(|m| m.to_string() == expected), "{:?}", snapshot.missing);
}

#[test]
fn a_directory_its_capture_and_its_tar_are_the_same_facts() {
    let scratch = Scratch::new();
    fill(&scratch, "proc");
    scratch
        .put(
            "proc/oomph/manifest",
            "format 1\npage_size 65536\nuser_hz 250\nmachine ppc64le\ntaken_at 1700000000\neuid 5\n\
             pid_namespace other\n",
        )
        .put("proc/self/cgroup", "3:memory:/a\n")
        .put("proc/12/cgroup", "3:memory:/a/b\n")
        .put("proc/oomph/cgroup/a/memory.limit_in_bytes", "8192\n")
        .put("proc/oomph/cgroup/a/memory.usage_in_bytes", "4096\n")
        .put("proc/oomph/users", "five:x:5:::::\n")
        .put("proc/oomph/unread", "denied zoneinfo\nunsupported pressure/memory\n");
    let mut dir = open(&scratch.spec("proc")).unwrap();
    let summary = capture_to_file(dir.tree(), &scratch.path("a.tar"), Options::default()).unwrap();
    assert_eq!((summary.processes, summary.unread), (1, 2));
    let mut sources = vec![dir, open(&scratch.spec("a.tar")).unwrap()];

    let by_hand = scratch.path("b.tar");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(scratch.path("proc")).arg("-cf").arg(&by_hand).arg(".");
    if tar.status().is_ok_and(|status| status.success()) {
        sources.push(open(&scratch.spec("b.tar")).unwrap());
        // And the tool can read ours.
        let list = Command::new("tar").arg("-tf").arg(scratch.path("a.tar")).output().unwrap();
        assert!(list.status.success() && list.stderr.is_empty());
        assert!(String::from_utf8_lossy(&list.stdout).contains("\n12/stat\n"));
    }
    let mut snapshots: Vec<_> = sources.iter_mut().map(|s| s.snapshot(&Want::rank())).collect();
    for snapshot in &mut snapshots {
        assert_eq!(snapshot.page_size.bytes(), 65536);
        assert_eq!(snapshot.users.len(), 1);
        assert_eq!(snapshot.cgroups.groups.len(), 3);
        assert!(snapshot.origin.ends_with("proc") || snapshot.origin.ends_with("tar"));
        snapshot.origin.clear();
        // A capture has the owners of directories, a tar made by hand those of the copy, and a
        // directory none.
        snapshot.tasks[0].uid = None;
        snapshot.users.clear();
    }
    assert!(snapshots.windows(2).all(|pair| pair[0] == pair[1]), "{snapshots:#?}");
}

#[test]
fn a_capture_appears_whole_or_not_at_all() {
    let scratch = Scratch::new();
    fill(&scratch, "proc");
    let mut source = open(&scratch.spec("proc")).unwrap();
    let error = capture_to_file(source.tree(), &scratch.path("no/a.tar"), Options::default());
    let text = error.unwrap_err().to_string().replace(&scratch.spec(""), "");
    assert_eq!(text, "cannot write the capture `no/a.tar`");

    scratch.put("a.tar/in the way", "");
    let error = capture_to_file(source.tree(), &scratch.path("a.tar"), Options::default());
    assert!(error.is_err());
    let left: Vec<_> =
        std::fs::read_dir(scratch.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");

    // A device is written to as it is.
    capture_to_file(source.tree(), Path::new("/dev/null"), Options::default()).unwrap();
}
