//! The program as a user meets it: words, codes, streams.
#![expect(clippy::print_stdout, reason = "tests say what was compared and what was skipped")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};

/// The program with no environment but what a test gives it.
fn oomph(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.args(args).env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    oomph(args).output().expect("the program starts")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

/// Code and standard error; nothing on standard output.
fn refused(args: &[&str], code: i32, expected: &Expect) {
    let output = run(args);
    expected.assert_eq(stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{args:?}");
    assert_eq!(stdout(&output), "");
}

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("oomph-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary directory");
        Dir(path)
    }

    fn file(&self, path: &str, text: impl AsRef<[u8]>) -> &Dir {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
        self
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A machine of 1 GiB in one zone, of which so many MiB are free and nothing can be reclaimed.
fn machine(name: &str, free_mib: u64) -> Dir {
    let dir = Dir::new(name);
    let kib = free_mib * 1024;
    dir.file("version", "Linux version 6.12.1 (a@b) (gcc) #1 SMP\n")
        .file(
            "meminfo",
            format!(
                "MemTotal: 1048576 kB\nMemFree: {kib} kB\nBuffers: 0 kB\nCached: 0 kB\n\
                 SwapCached: 0 kB\nActive(file): 0 kB\nInactive(file): 0 kB\nSwapTotal: 0 kB\n\
                 SwapFree: 0 kB\nDirty: 0 kB\nWriteback: 0 kB\nAnonPages: 1000 kB\nMapped: 0 kB\n\
                 Shmem: 0 kB\nKReclaimable: 0 kB\nSReclaimable: 0 kB\n"
            ),
        )
        .file(
            "zoneinfo",
            format!(
                "Node 0, zone   Normal\n  pages free     {}\n        boost    0\n        min      256\n\
                 \x20       low      320\n        high     384\n        spanned  262144\n\
                 \x20       present  262144\n        managed  262144\n        protection: (0, 0)\n",
                kib / 4
            ),
        )
        .file("sys/vm/overcommit_memory", "0\n")
        .file("77/stat", stat(77, "worker"))
        .file("77/status", "Name:\tworker\nUid:\t0\t0\t0\t0\nVmRSS:\t1000 kB\nVmSwap:\t0 kB\nVmPTE:\t40 kB\n")
        .file("77/oom_score_adj", "0\n")
        .file("77/oom_score", "666\n");
    dir
}

fn stat(pid: u32, comm: &str) -> String {
    format!(
        "{pid} ({comm}) S 0 {pid} {pid} 0 -1 4194304 0 0 0 0 1 1 0 0 20 0 1 0 100 4096000 250 \
         18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    )
}

#[test]
fn check_answers_by_code_and_the_verdict_comes_first() {
    for (free, code, word) in [(900, 0, "CALM"), (60, 1, "NEAR"), (8, 2, "AT THE WALL")] {
        let machine = machine(&format!("check-{free}"), free);
        let output = run(&["--from", machine.path(), "--check"]);
        let text = stdout(&output);
        assert!(text.starts_with(&format!("{word}: ")), "{text}");
        assert_eq!(output.status.code(), Some(code), "{text}");
        let output = run(&["--from", machine.path()]);
        assert_eq!(output.status.code(), Some(0), "without --check it is an answer, not an alarm");
    }
}

#[test]
fn thresholds_decide_what_is_near() {
    let machine = machine("thresholds", 500);
    let code = |args: &[&str]| {
        let all = [&["--from", machine.path(), "--check"], args].concat();
        run(&all).status.code()
    };
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--near", "60%"]), Some(1));
    assert_eq!(code(&["--near", "600MiB"]), Some(1));
    assert_eq!(code(&["--near", "90%", "--wall", "60%"]), Some(2));
}

#[test]
fn a_check_that_cannot_tell_is_3() {
    let dir = Dir::new("cannot-tell");
    dir.file("1/stat", stat(1, "init"));
    let output = run(&["--from", dir.path(), "--check"]);
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert_eq!(run(&["--check", "--from", "/nonexistent"]).status.code(), Some(3));
    assert_eq!(run(&["--check", "--nonsense"]).status.code(), Some(3));
    assert_eq!(run(&["--check", "--near", "ten"]).status.code(), Some(3));
    assert_eq!(run(&["--nonsense"]).status.code(), Some(2));
    assert_eq!(run(&["--from", "/nonexistent"]).status.code(), Some(1));
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    refused(
        &["--from", "/nonexistent.tar"],
        1,
        &expect![[r"
            error: cannot read `/nonexistent.tar`
              caused by: No such file or directory (os error 2)
        "]],
    );
    let empty = Dir::new("not-proc");
    let output = run(&["rank", "--from", empty.path()]);
    assert!(stderr(&output).contains("found a directory with neither `meminfo` nor a process"));
    assert_eq!(output.status.code(), Some(1));
    let machine = machine("errors", 900);
    refused(
        &["rank", "--from", machine.path(), "--near", "10%"],
        2,
        &expect![[r"
            error: unexpected argument '--near' found

            Usage: oomph rank --from <SOURCE>

            For more information, try '--help'.
        "]],
    );
    let output = run(&["rank", "--from", machine.path(), "--pid", "78"]);
    assert!(stderr(&output).starts_with("error: no process 78 with memory in directory "));
    let output = run(&["--from", machine.path(), "--cgroup", "/no/such"]);
    assert!(stderr(&output).starts_with("error: no memory cgroup `/no/such` in directory "));
}

#[test]
fn hostile_arguments_are_not_printed_raw() {
    let output = run(&["--from", "/nonexistent\x1b[2J\n"]);
    assert!(!stderr(&output).contains('\x1b'), "{:?}", stderr(&output));
    let machine = machine("hostile-arguments", 900);
    let output = run(&["--from", machine.path(), "--cgroup", "/\x1b[2J"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!stderr(&output).contains('\x1b'), "{:?}", stderr(&output));
}

#[test]
fn a_capture_shows_the_same_order_as_the_machine_it_was_taken_of() {
    let machine = machine("captured", 900);
    let out = Dir::new("captures");
    let tar = format!("{}/m.tar", out.path());
    let output = run(&["capture", "--from", machine.path(), &tar]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains(": 1 process, "), "{}", stderr(&output));

    let rows = |from: &str| -> serde_json::Value {
        let output = run(&["rank", "--json", "--from", from]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["rows"].clone()
    };
    assert_eq!(rows(&tar), rows(machine.path()));
    assert_eq!(rows(&tar)[0]["name"], "worker");
    assert_eq!(rows(&tar)[0]["predicted_oom_score"], rows(&tar)[0]["oom_score"]);

    let again = run(&["capture", "--from", machine.path(), &tar]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).ends_with("is there already\nhint: `--force` replaces it\n"));
    assert_eq!(run(&["capture", "--force", "--from", machine.path(), &tar]).status.code(), Some(0));

    let piped = run(&["capture", "--from", machine.path(), "-"]);
    assert_eq!(piped.stdout, fs::read(&tar).expect("the capture"));

    // Cut anywhere, it is still read as far as it goes, or refused with a sentence.
    let whole = fs::read(&tar).expect("the capture");
    for cut in (0..whole.len()).step_by(257) {
        let path = format!("{}/cut.tar", out.path());
        fs::write(&path, &whole[..cut]).expect("a file");
        let output = run(&["--from", &path]);
        match output.status.code() {
            Some(0) => assert!(!output.stdout.is_empty()),
            Some(1) => assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output)),
            other => panic!("cut at {cut}: {other:?}, {}", stderr(&output)),
        }
    }
}

#[test]
fn nonsense_files_are_refused_with_a_sentence() {
    let dir = Dir::new("nonsense");
    dir.file("noise", (0..5000u32).map(|n| (n * 7 % 251) as u8).collect::<Vec<u8>>())
        .file("gzip", b"\x1f\x8b\x08\0\0\0\0\0")
        .file("empty", b"");
    for (file, words) in [
        ("noise", "found a file that is neither a tar nor a log with an OOM report"),
        ("gzip", "hint: decompress it first"),
        ("empty", "found an empty file"),
    ] {
        let output = run(&["--from", &format!("{}/{file}", dir.path())]);
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn hostile_proc_files_never_stop_the_program() {
    let nasty: [&[u8]; 6] = [
        b"",
        b"\0\0\0\0",
        b"MemTotal: 99999999999999999999999 kB\nMemFree: -1 kB\n",
        b"\xff\xfe\x1b[2J\n\n\n:::((()))",
        b"18446744073709551615 (x) S 18446744073709551615 18446744073709551615\n",
        b"Node 4294967295, zone\n pages free 18446744073709551615\n min 18446744073709551615\n",
    ];
    for (i, text) in nasty.into_iter().enumerate() {
        let dir = machine(&format!("nasty-{i}"), 100);
        for file in
            ["meminfo", "zoneinfo", "vmstat", "version", "77/stat", "77/status", "pressure/memory"]
        {
            dir.file(file, text);
            for command in ["status", "rank"] {
                let output = run(&[command, "--from", dir.path()]);
                let shown = stderr(&output);
                assert_eq!(output.status.code(), Some(0), "{command}, {file}, {i}: {shown}");
                assert!(!stdout(&output).contains('\x1b'));
            }
        }
    }
}

#[test]
fn names_from_outside_are_escaped() {
    let machine = machine("names", 900);
    machine.file("78/stat", stat(78, "a) R 1\n\x1b[2J"));
    machine.file("78/status", "Name:\ta) R 1\\n\x1b[2J\nVmRSS:\t5000 kB\n");
    for command in ["status", "rank"] {
        let output = run(&[command, "--from", machine.path()]);
        assert!(!stdout(&output).contains('\x1b'));
        assert!(stdout(&output).contains(r"a) R 1\n\x1b[2J"), "{}", stdout(&output));
    }
}

#[test]
fn json_is_one_line_of_the_documented_format() {
    let machine = machine("json", 900);
    for (args, schema) in [(&["status"], "oomph.status/1"), (&["rank"], "oomph.rank/1")] {
        let output = run(&[args[0], "--json", "--from", machine.path()]);
        assert_eq!(stdout(&output).lines().count(), 1);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["schema"], schema);
    }
    let status = run(&["--json", "--from", machine.path()]);
    let report: serde_json::Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert!(report["lately"]["oom_kills"].is_null(), "unknown is null");
}

#[test]
fn colours_are_asked_for_by_flag_and_environment() {
    let machine = machine("colours", 900);
    let colourful = |flags: &[&str], env: &[(&str, &str)]| {
        let output = oomph(&[&["--from", machine.path()], flags].concat())
            .envs(env.iter().copied())
            .output()
            .expect("the program starts");
        stdout(&output).contains("\x1b[")
    };
    assert!(!colourful(&[], &[]), "a pipe is not a terminal");
    assert!(colourful(&["--color", "always"], &[]));
    assert!(colourful(&["--color", "always"], &[("NO_COLOR", "1")]), "the flag goes first");
    assert!(colourful(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colourful(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!colourful(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(colourful(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]));
    assert!(!colourful(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn without_a_utf8_locale_output_is_ascii() {
    let machine = machine("ascii", 900);
    machine.file("78/stat", stat(78, "数据库"));
    machine.file("78/status", "Name:\t数据库\nVmRSS:\t5000 kB\n");
    for command in ["status", "rank"] {
        let output = oomph(&[command, "--from", machine.path()])
            .env("LC_ALL", "C")
            .output()
            .expect("the program starts");
        assert!(stdout(&output).is_ascii(), "{}", stdout(&output));
        assert!(stdout(&output).contains(r"\u{6570}"));
    }
}

#[test]
fn columns_of_the_environment_are_kept() {
    let machine = machine("columns", 900);
    let output = oomph(&["--from", machine.path()])
        .env("COLUMNS", "50")
        .output()
        .expect("the program starts");
    let widest = stdout(&output).lines().map(|l| l.chars().count()).max();
    assert!(widest <= Some(50), "{}", stdout(&output));
}

#[test]
fn a_closed_pipe_is_success() {
    for args in [&["rank"][..], &["--json"], &["--help"], &["generate", "man"], &["capture", "-"]] {
        let mut child =
            oomph(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        drop(child.stdout.take());
        let mut errors = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut errors).expect("UTF-8");
        assert_eq!(child.wait().expect("ends").code(), Some(0), "{args:?}: {errors}");
        assert!(!errors.contains("error"), "{errors}");
    }
}

#[test]
fn a_full_disk_is_failure() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("no /dev/full here; skipped");
        return;
    };
    let output = oomph(&[]).stdout(full).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot write to standard output\n"));
}

#[test]
fn help_is_short_and_long() {
    let short = run(&["-h"]);
    let long = run(&["--help"]);
    assert!(stdout(&short).lines().count() <= 40, "{}", stdout(&short));
    for command in [&["status"][..], &["rank"], &["capture"], &["generate"], &[]] {
        let help = run(&[command, &["--help"]].concat());
        assert!(stdout(&help).contains("\nExamples:\n"), "{command:?}");
        assert_eq!(help.status.code(), Some(0));
    }
    assert!(stdout(&long).len() > stdout(&short).len());
}

/// Runs a tool if it is there; what it said, and whether it was content.
fn tool(name: &str, args: &[&str], file: &Path) -> Option<(bool, String)> {
    match Command::new(name).args(args).arg(file).stdin(Stdio::null()).output() {
        Ok(output) => {
            Some((output.status.success(), format!("{}{}", stdout(&output), stderr(&output))))
        }
        Err(error) => {
            println!("{name} cannot be run ({error}); skipped");
            None
        }
    }
}

#[test]
fn manuals_are_free_of_warnings() {
    let dir = Dir::new("man");
    assert_eq!(run(&["generate", "man", dir.path()]).status.code(), Some(0));
    let pages: Vec<PathBuf> =
        fs::read_dir(&dir.0).expect("the directory").flatten().map(|e| e.path()).collect();
    assert!(pages.len() >= 5, "{pages:?}");
    for page in &pages {
        let text = fs::read_to_string(page).expect("UTF-8");
        assert!(text.contains("EXIT STATUS"), "{}", page.display());
        if let Some((_, said)) = tool("man", &["--warnings", "-P", "cat", "-l"], page) {
            assert!(!said.contains("warning"), "{}: {said}", page.display());
        }
        if let Some((content, warnings)) = tool("mandoc", &["-Tlint", "-Wwarning"], page) {
            assert!(content, "{}: {warnings}", page.display());
        }
    }
}

#[test]
fn completions_are_sound() {
    let dir = Dir::new("completions");
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["generate", "completions", shell]);
        assert!(stdout(&output).contains("near-pressure"));
        dir.file(shell, &output.stdout);
        if let Some((sound, errors)) = tool(shell, &["-n"], &dir.0.join(shell)) {
            assert!(sound && errors.is_empty(), "{shell}: {errors}");
        }
    }
}

#[test]
fn the_schema_is_a_json_schema() {
    for report in ["status", "rank"] {
        let output = run(&["generate", "json-schema", report]);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(schema["title"], format!("oomph.{report}/1"));
        assert!(schema["properties"].is_object());
    }
}
