//! `oomph compare-allocators` as a user runs it. None of the allocators' packages is needed: glibc with
//! other tunables stands in for them, and a library of a few bytes where there is a compiler.

#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Set for the process that is measured.
const CHILD: &str = "OOMPH_TEST_CHILD";

fn oomph(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.arg("compare-allocators").args(args);
    command.env_remove("LD_PRELOAD").env_remove("GLIBC_TUNABLES").env(CHILD, "1");
    command.env("COLUMNS", "80").output().expect("the program starts")
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Whether programs here can be preloaded at all; says so otherwise.
fn is_glibc(output: &Output) -> bool {
    let talk = String::from_utf8_lossy(&output.stderr);
    let refused = talk.starts_with("error: no other allocator can be put before");
    if refused {
        eprintln!("skipped: {talk}");
    }
    !refused
}

fn own_path() -> String {
    let path = std::env::current_exe().expect("a path");
    path.to_str().expect("UTF-8").to_owned()
}

/// What is measured: blocks of a size that glibc learns to keep to itself, unless the threshold is set, which
/// stops it from learning.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_some() {
        for _ in 0..500 {
            std::hint::black_box(vec![1_u8; 256 << 10]);
        }
    }
}

#[test]
fn a_tunable_that_gives_memory_back_at_once_costs_faults() {
    let own = own_path();
    // Two megabytes were asked for at once, and half a megabyte was left.
    let trace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live.rep");
    fs::write(&trace, "0\n3\n5\n1\na 0 1572864\na 1 524288\nf 0\na 2 1000\nf 2\n").expect("a file");
    let trace = trace.to_str().expect("a plain name");
    let output = oomph(&[
        "--json",
        "--repeat",
        "3",
        "--live",
        trace,
        "--allocator",
        "glibc",
        "--tunables",
        "mmap_threshold=131072",
        "--tunables",
        "MALLOC_ARENA_MAX=1",
        "--",
        &own,
        "--exact",
        "child",
    ]);
    if !is_glibc(&output) {
        return;
    }
    assert!(output.status.success(), "{output:?}");
    let report = report(&output);
    assert_eq!(report["schema"], "oomph.compare-allocators/1");
    let columns = report["columns"].as_array().expect("columns");
    let names: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["glibc", "mmap_threshold=131072", "MALLOC_ARENA_MAX=1"]);
    let faults = |place: usize| columns[place]["minor_faults"]["median"].as_u64().expect("faults");
    // 64 pages a block, 500 blocks; pages may be as large as 64 KiB.
    assert!(faults(1) > faults(0) + 900, "{} {}", faults(0), faults(1));
    assert_eq!(columns[1]["against"]["minor_faults"]["verdict"], "more");
    assert_eq!(columns[1]["environment"][0], "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072");
    assert_eq!(columns[2]["environment"][0], "MALLOC_ARENA_MAX=1");
    for column in columns {
        assert_eq!((&column["runs"], &column["hwm"]["runs"]), (&3.into(), &3.into()));
        assert!(column["hwm"]["min"].as_u64() > Some(0));
        // Known where the cost of the empty program is.
        assert_eq!(column["overhead"].is_null(), column["anon_over_base"].is_null());
    }
    assert_eq!(report["live"], 2 << 20);
    let notes = report["notes"].to_string();
    assert!(notes.contains("are those of the trace"), "{notes}");
}

#[test]
fn live_bytes_that_are_neither_size_nor_trace_are_refused() {
    let output = oomph(&["--live", "nosuchtrace", "--", "true"]);
    let talk = String::from_utf8_lossy(&output.stderr);
    if is_glibc(&output) {
        assert!(
            talk.contains("`nosuchtrace` is no size, and as a trace it cannot be read"),
            "{talk}"
        );
        assert!(!output.status.success());
    }
}

#[test]
fn a_process_that_outlives_the_command_is_named_and_ended() {
    let line = "sleep 98765 & exit 0";
    let output =
        oomph(&["--json", "--repeat", "1", "--allocator", "glibc", "--", "sh", "-c", line]);
    if !is_glibc(&output) {
        return;
    }
    assert!(output.status.success(), "{output:?}");
    assert_eq!(report(&output)["columns"][0]["left_over"][0], "sleep");
    assert!(!runs("sleep\x0098765"), "it still runs");
}

#[test]
fn a_command_that_crashes_is_named_and_in_no_figure() {
    let line = "echo last words >&2; kill -SEGV $$";
    for more in ["--json", "--no-ptrace"] {
        let output =
            oomph(&["--repeat", "1", "--allocator", "glibc", more, "--", "sh", "-c", line]);
        if !is_glibc(&output) {
            return;
        }
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(talk, "error: `sh` failed under glibc\n");
        let data = String::from_utf8_lossy(&output.stdout);
        assert!(data.contains("last words"), "{data}");
        if more == "--json" {
            let column = &report(&output)["columns"][0];
            assert!(column["hwm"].is_null() && column["runs"] == 0, "{column}");
            assert_eq!(column["failures"][0]["end"]["signal"], 11);
        }
    }
}

#[test]
fn an_interrupt_ends_the_command_and_leaves_nothing_behind() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.args(["compare-allocators", "--allocator", "glibc", "--", "sleep", "87654"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let limit = Instant::now() + Duration::from_secs(60);
    while !runs("sleep\x0087654") && Instant::now() < limit {
        if child.try_wait().expect("a child").is_some() {
            let output = child.wait_with_output().expect("output");
            assert!(!is_glibc(&output), "{output:?}");
            return;
        }
        std::thread::yield_now();
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.expect("kill").success());
    let output = child.wait_with_output().expect("output");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(talk, "error: interrupted: runs are missing\n");
    assert!(!runs("sleep\x0087654"), "it still runs");
}

/// Whether a process has this command line.
fn runs(line: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok()).any(|cmdline| {
        cmdline.strip_suffix(b"\0").is_some_and(|cmdline| cmdline == line.as_bytes())
    })
}

/// Compiles a file; `None`, and the reason printed, where that cannot be done.
fn compile(name: &str, source: &str, flags: &[&str]) -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oomph-allocators-{name}"));
    fs::create_dir_all(&directory).expect("a directory of the build");
    let (from, to) = (directory.join("source.c"), directory.join(name));
    fs::write(&from, source).expect("a file");
    let compiled = Command::new("cc").args(flags).arg("-o").arg(&to).arg(&from).output();
    match compiled {
        Ok(output) if output.status.success() => Some(to),
        other => {
            eprintln!("skipped: cc cannot make {name}: {other:?}");
            None
        }
    }
}

#[test]
fn who_runs_without_the_library_is_told_with_the_reason() {
    let Some(library) = compile("libnothing.so", "int oomph_nothing;", &["-shared", "-fPIC"])
    else {
        return;
    };
    let library = library.to_str().expect("UTF-8");
    // The first has it, the second's environment was emptied, the shell itself has it, too.
    let line = "ls / >/dev/null; env -i ls / >/dev/null; exit 0";
    let output =
        oomph(&["--json", "--repeat", "1", "--allocator", library, "--", "sh", "-c", line]);
    if !is_glibc(&output) {
        return;
    }
    assert!(output.status.success(), "{output:?}");
    let report = report(&output);
    let column = &report["columns"][1];
    assert_eq!(column["name"], "libnothing.so");
    if report["watched"] != "traced" {
        eprintln!("skipped: tracing is not permitted here");
        return;
    }
    assert_eq!(column["looked_at"], 3, "{column}");
    let without = column["without"].as_array().expect("a list");
    assert_eq!(without.len(), 1, "{column}");
    assert_eq!((&without[0]["why"], &without[0]["processes"]), (&"environment".into(), &1.into()));
}

#[test]
fn a_static_program_is_refused_with_the_reason() {
    let Some(program) = compile("static", "int main(void) { return 0; }", &["-static"]) else {
        return;
    };
    let output = oomph(&["--", program.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("it is linked statically"), "{talk}");
}

#[test]
fn what_cannot_be_run_is_said_before_anything_runs() {
    let talk = |args: &[&str]| {
        let output = oomph(args);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let absent = talk(&["--", "no-such-program"]);
    assert!(absent.starts_with("error: cannot run `no-such-program`\n"), "{absent}");
    let unknown = talk(&["--allocator", "hoard", "--", &own_path()]);
    assert!(unknown.contains("no allocator `hoard`") || unknown.contains("no other"), "{unknown}");
    let tunable = talk(&["--tunables", "tcache", "--", &own_path()]);
    assert!(tunable.contains("expected NAME=VALUE") || tunable.contains("no other"), "{tunable}");
}
