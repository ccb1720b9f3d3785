//! `oomph trace` and `oomph replay`: real programs of this machine, recorded and played.
#![cfg(target_arch = "x86_64")]
#![expect(clippy::print_stdout, reason = "tests say what was compared and what was skipped")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn oomph(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(arguments)
        .env_remove("GLIBC_TUNABLES")
        .env_remove("LD_PRELOAD")
        .output()
        .expect("oomph can be run")
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    folder
}

/// Records a command and plays it; `None` where this machine cannot (no such program, another C
/// library).
fn played(name: &str, command: &[&str]) -> Option<Value> {
    let trace = folder(name).join("trace");
    let trace = trace.to_str().expect("a plain name");
    let mut arguments = vec!["trace", "-o", trace, "--"];
    arguments.extend(command);
    let recorded = oomph(&arguments);
    if !Path::new(trace).exists() {
        let why = String::from_utf8_lossy(&recorded.stderr);
        println!("not recorded here: {why}");
        assert!(why.contains("error: "), "{why}");
        return None;
    }
    let report = oomph(&["replay", "--json", "--no-what-if", trace]);
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    Some(serde_json::from_slice(&report.stdout).expect("JSON"))
}

#[test]
fn every_block_of_real_programs_is_where_the_model_puts_it() {
    let programs: &[(&str, &[&str])] = &[
        ("bash", &["/bin/bash", "-c", "for ((i = 0; i < 300; i++)); do x+=$(echo $i); done"]),
        ("ls", &["/bin/ls", "-la", "/usr/bin"]),
        (
            "python",
            &["/usr/bin/python3", "-c", "import json; json.loads('[' + '{},' * 20000 + '1]')"],
        ),
        ("perl", &["/usr/bin/perl", "-e", "my %h; $h{$_} = 'x' x $_ for 1..2000"]),
        ("find", &["/usr/bin/find", "/usr/share", "-maxdepth", "2"]),
    ];
    let mut all = 0;
    for (name, command) in programs {
        let Some(report) = played(name, command) else { continue };
        let agreement = &report["agreement"];
        // Rules that were never compared with their library promise nothing.
        if report["exact"] != Value::Bool(true) {
            continue;
        }
        assert_eq!(agreement["first"], Value::Null, "{name}: {agreement}");
        all += agreement["main"].as_u64().unwrap_or(0) + agreement["other"].as_u64().unwrap_or(0);
    }
    println!("{all} blocks of real programs are where the model puts them");
}

/// A program without environment or time in its heap, so that two runs ask for the same.
#[test]
fn the_peak_that_a_sweep_promises_is_what_the_program_has_with_the_line_it_prints() {
    let place = folder("promised");
    let many = place.join("many");
    std::fs::create_dir(&many).expect("a folder");
    for number in 0..2500 {
        let name = format!("{}{number}", "x".repeat(number % 90));
        std::fs::write(many.join(name), "").expect("a file");
    }
    let (first, again) = (place.join("first"), place.join("again"));
    let text = |path: &Path| path.to_str().expect("a plain name").to_owned();
    let (first, again, many) = (text(&first), text(&again), text(&many));
    let command = ["/bin/ls", "-l", &many];
    let record = |trace: &str, tunables: Option<&str>| {
        let mut oomph = Command::new(env!("CARGO_BIN_EXE_oomph"));
        oomph.args(["trace", "-o", trace, "--"]).args(command).env_remove("LD_PRELOAD");
        match tunables {
            Some(value) => oomph.env("GLIBC_TUNABLES", value),
            None => oomph.env_remove("GLIBC_TUNABLES"),
        };
        let output = oomph.output().expect("oomph can be run");
        let recorded = Path::new(trace).exists();
        if !recorded {
            println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        }
        recorded
    };
    let report = |arguments: &[&str]| -> Value {
        let output = oomph(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    if !record(&first, None) {
        return;
    }
    let swept = report(&["replay", "--json", "--sweep", &first]);
    if swept["exact"] != Value::Bool(true) {
        println!("skipped: these rules were never compared with their library");
        return;
    }
    let settings = swept["settings"].as_array().expect("settings");
    assert!(settings.len() > 2000, "{}", settings.len());
    let peak = |setting: &Value| setting["peak"].as_u64().expect("a peak");
    // Of several tunables, since glibc 2.36 cuts them apart where they are.
    let several = settings.iter().filter(|setting| {
        setting["change"].is_null()
            && setting["tunables"].as_str().is_some_and(|line| line.contains(':'))
    });
    let best = several.min_by_key(|setting| peak(setting)).expect("some");
    let played = settings.iter().find(|setting| setting["played"] == true).expect("one");
    assert!(peak(best) < peak(played), "{best} {played}");
    let line = best["tunables"].as_str().expect("a line");
    assert!(record(&again, Some(line)));
    let under_it = report(&["replay", "--json", "--no-what-if", &again]);
    assert_eq!(under_it["tunables"], line);
    assert_eq!(under_it["agreement"]["first"], Value::Null, "{line}");
    assert_eq!(under_it["calls"], swept["calls"]);
    assert_eq!(under_it["peak_held"]["held"], best["peak"], "{line}");
    println!("{line}: {} instead of {}, as promised", best["peak"], played["peak"]);
}

#[test]
fn what_cannot_be_recorded_is_refused_with_the_reason() {
    let folder = folder("refused");
    let trace = folder.join("trace");
    let trace = trace.to_str().expect("a plain name");
    let text = folder.join("text");
    std::fs::write(&text, "hello").expect("a file");
    let text = text.to_str().expect("a plain name");
    let refused = oomph(&["trace", "-o", trace, "--", text]);
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(why.contains("neither an ELF file nor a script"), "{why}");
    assert!(!refused.status.success());
    assert!(!Path::new(trace).exists(), "a refusal leaves no file");
}

#[test]
fn a_file_that_is_there_is_kept_and_the_exit_code_is_the_programs() {
    let folder = folder("kept");
    let trace = folder.join("trace");
    std::fs::write(&trace, "mine").expect("a file");
    let name = trace.to_str().expect("a plain name");
    let refused = oomph(&["trace", "-o", name, "--", "/bin/sh", "-c", "exit 7"]);
    assert!(!refused.status.success());
    assert_eq!(std::fs::read(&trace).expect("still there"), b"mine");
    let forced = oomph(&["trace", "--force", "-o", name, "--", "/bin/sh", "-c", "exit 7"]);
    if trace.metadata().is_ok_and(|meta| meta.len() > 4096) {
        assert_eq!(forced.status.code(), Some(7));
    }
}
