//! `oomph explain` over the reports that real kernels printed: `tests/data/captures/*/kill.log`.
//! `UPDATE_EXPECT=1 cargo test -p oomph --test explain` rewrites the snapshots.

mod fed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use expect_test::{expect, expect_file};
use facts::Release;

fn logs() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let entries = fs::read_dir(dir).expect("tests/data/captures");
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join("kill.log")))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

fn oomph(args: &[&str], input: &[u8]) -> Output {
    let mut oomph = Command::new(env!("CARGO_BIN_EXE_oomph"));
    oomph.args(args).env_clear().env("LC_ALL", "C.UTF-8").env("COLUMNS", "80");
    fed::run(&mut oomph, input)
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

#[test]
fn every_report_of_a_real_kernel_is_explained_in_80_columns() {
    use unicode_width::UnicodeWidthStr;
    let logs = logs();
    assert!(!logs.is_empty());
    for log in logs {
        let name = log.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let output = oomph(&["explain", "-"], &fs::read(&log).unwrap());
        assert!(output.status.success(), "{output:?}");
        for line in text(&output).lines() {
            assert!(line.width() <= 80, "{name}: {line}");
        }
        let path = format!("{}/tests/snapshots/explain-{name}.txt", env!("CARGO_MANIFEST_DIR"));
        expect_file![path].assert_eq(text(&output));
    }
}

#[test]
fn the_rules_choose_whom_the_kernels_chose() {
    for log in logs() {
        for found in klog::reports(&fs::read(&log).unwrap()) {
            let explained = rules::explain(&found.report, None);
            let choice = explained.choice.expect("a table");
            assert_eq!(choice.agrees, Some(true), "{}", log.display());
        }
        let output = oomph(&["explain", "--verify", log.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(0), "{}", log.display());
    }
}

#[test]
fn a_wrong_choice_is_exit_code_1_when_asked_for_and_is_shown_anyway() {
    let log = fs::read_to_string(&logs()[0]).unwrap();
    let last = log.lines().rfind(|line| line.contains("Killed process")).expect("a kill");
    let mut rows = log.lines().filter(|line| line.contains("untouchable"));
    let pid = rows.find_map(|row| row.split(['[', ']']).nth(3)).expect("a row").trim();
    let killed = last.split("Killed process ").nth(1).unwrap().split(' ').next().unwrap();
    let wrong =
        log.replace(&format!("Killed process {killed} "), &format!("Killed process {pid} "));
    let output = oomph(&["explain", "--verify", "-"], wrong.as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("Was it right NO: these rules choose"), "{}", text(&output));
    assert_eq!(oomph(&["explain", "-"], wrong.as_bytes()).status.code(), Some(0));
}

#[test]
fn cut_reports_are_explained_as_far_as_they_go() {
    for log in logs() {
        let whole = fs::read(&log).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|&at| whole[at] == b'\n').collect();
        let style = views::Style { width: Some(80), charset: views::Charset::Utf8, color: false };
        for &end in &ends {
            for part in [&whole[..end], &whole[end..]] {
                for found in klog::reports(part) {
                    let explained = rules::explain(&found.report, None);
                    let shown = views::explained(&explained, &style);
                    assert!(!shown.is_empty());
                    // What is not there is not made up.
                    if found.report.kills.is_empty() && found.report.oom_kill.is_none() {
                        assert!(explained.victims.is_empty());
                    }
                    if found.report.tasks.is_none() {
                        assert!(explained.choice.is_none());
                    }
                }
            }
        }
    }
}

#[test]
fn any_release_can_be_asked_for() {
    let whole = fs::read(&logs()[0]).unwrap();
    let style = views::Style { width: Some(80), charset: views::Charset::Ascii, color: false };
    for release in ["2.4.22", "2.6.10", "2.6.32", "3.2", "3.16", "4.9", "5.15", "7.1"] {
        let release: Release = release.parse().unwrap();
        for found in klog::reports(&whole) {
            let shown = views::explained(&rules::explain(&found.report, Some(release)), &style);
            assert!(shown.is_ascii(), "{release}: {shown}");
        }
    }
}

#[test]
fn hostile_names_neither_confuse_nor_reach_the_terminal() {
    let log = fs::read_to_string(&logs()[0]).unwrap();
    let hostile = log.replace("hog", "h\x1b[2J) total-vm");
    let output = oomph(&["explain", "-"], hostile.as_bytes());
    assert!(output.status.success());
    assert!(!text(&output).contains('\x1b'));
    assert!(text(&output).contains(r"h\x1b[2J) total-vm"), "{}", text(&output));
    let json = oomph(&["explain", "--json", "-"], hostile.as_bytes());
    assert!(!text(&json).contains('\x1b'));
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["schema"], "oomph.explain/1");
    assert_eq!(report["choice"]["agrees"], true);
}

#[test]
fn a_log_without_a_report_is_told_so() {
    let output = oomph(&["explain", "-"], b"[    1.000000] usb 1-1: new device\n");
    assert_eq!(output.status.code(), Some(0));
    expect![[r"
        No OOM report in standard input.
    "]]
    .assert_eq(text(&output));
    let output = oomph(&["explain", "--report", "1", "-"], b"");
    assert_eq!(output.status.code(), Some(1));
    expect![[r"
        error: no report 1: found none
    "]]
    .assert_eq(std::str::from_utf8(&output.stderr).unwrap());
}

#[test]
fn several_reports_are_listed_and_any_can_be_picked() {
    let mut all = Vec::new();
    for log in logs().iter().take(3) {
        all.extend(fs::read(log).unwrap());
        all.extend(b"[    9.000000] usb 1-1: new device\n".repeat(70));
    }
    let output = oomph(&["explain", "-"], &all);
    let reboot = "     -- the machine was started again --";
    let listed: Vec<&str> = text(&output).lines().filter(|line| *line != reboot).take(3).collect();
    for (at, line) in listed.iter().enumerate() {
        assert!(line.trim_start().starts_with(&(at + 1).to_string()), "{line}");
        assert!(line.contains("killed "), "{line}");
    }
    assert!(text(&output).contains("\nReport 3 of 3\nKILLED: "));
    let first = oomph(&["explain", "--report", "1", "-"], &all);
    assert!(text(&first).contains("\nReport 1 of 3\nKILLED: "));
    let every = oomph(&["explain", "--all", "-"], &all);
    assert_eq!(text(&every).matches("\nWas it right").count(), 3);
    let json = oomph(&["explain", "--json", "-"], &all);
    assert_eq!(text(&json).lines().count(), 3);
    let none = oomph(&["explain", "--report", "4", "-"], &all);
    assert_eq!(none.status.code(), Some(1));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = oomph(&["explain", "/nonexistent/kern.log"], b"");
    assert_eq!(output.status.code(), Some(1));
    let said = std::str::from_utf8(&output.stderr).unwrap();
    assert!(said.starts_with("error: cannot read `/nonexistent/kern.log`\n"), "{said}");
}
