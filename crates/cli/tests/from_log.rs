//! `--from LOG`: a report in a kernel's log looked at as a machine.

mod fed;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use facts::oom_report::OomReport;
use serde_json::Value;

fn logs() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .expect("tests/data/captures")
        .filter_map(|entry| Some(entry.ok()?.path().join("kill.log")))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn log(capture: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    dir.join(capture).join("kill.log")
}

fn oomph(args: &[&str], from: &str, input: &[u8]) -> Output {
    let mut oomph = Command::new(env!("CARGO_BIN_EXE_oomph"));
    oomph.args(args).env_clear().env("LC_ALL", "C.UTF-8").env("COLUMNS", "80");
    oomph.arg(format!("--from={from}"));
    fed::run(&mut oomph, input)
}

fn json(args: &[&str], from: &str) -> Value {
    let output = oomph(args, from, b"");
    assert!(output.status.success(), "{args:?} {from}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn error(args: &[&str], from: &str) -> String {
    let output = oomph(args, from, b"");
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn reports(path: &Path) -> Vec<OomReport> {
    klog::reports(&fs::read(path).expect("a log")).into_iter().map(|one| one.report).collect()
}

#[test]
fn the_first_of_the_kill_order_is_the_victim_wherever_the_choice_checks_out() {
    let mut compared = 0;
    for path in logs() {
        for (at, report) in reports(&path).iter().enumerate() {
            let explained = rules::explain(report, None);
            if explained.choice.is_none_or(|choice| choice.agrees != Some(true)) {
                continue;
            }
            let victim = explained.victims[0].pid.expect("a victim has a number").get();
            let from = format!("{}#{}", path.display(), at + 1);
            let rank = json(&["rank", "--json"], &from);
            assert_eq!(rank["rows"][0]["pid"], victim, "{from}");
            compared += 1;
        }
    }
    assert!(compared > 0);
}

#[test]
fn a_report_and_a_machine_tell_the_same_order() {
    for path in logs() {
        let last = reports(&path).pop().expect("a kill");
        let Some(choice) = rules::explain(&last, None).choice else { continue };
        let rank = json(&["rank", "--json"], path.to_str().expect("UTF-8"));
        let explained: Vec<u64> =
            choice.rows.iter().map(|row| u64::from(row.pid.unwrap().get())).collect();
        let ranked: Vec<u64> = rank["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["pid"].as_u64().unwrap())
            .collect();
        assert_eq!(explained, ranked, "{}", path.display());
        let total = choice.total.map(units::Bytes::get);
        assert_eq!(rank["total"].as_u64(), total, "{}", path.display());
    }
}

#[test]
fn status_and_ledger_say_of_a_report_what_explain_says() {
    for path in logs() {
        let from = path.to_str().expect("UTF-8");
        let last = reports(&path).pop().expect("a kill");
        let explained = rules::explain(&last, None);
        let account = explained.memory.expect("a report of a real kernel has an account");
        let ledger = json(&["ledger", "--json"], from);
        let status = json(&["status", "--json"], from);
        if explained.group.is_some() {
            let charged = ledger["cgroups"][0]["line"]["bytes"].as_u64();
            assert_eq!(charged, account.total.map(units::Bytes::get), "{from}");
            assert!(status["memory"]["total"].is_null(), "{from}");
        } else {
            assert_eq!(ledger["total"].as_u64(), account.total.map(units::Bytes::get), "{from}");
            let ours = ledger["verdict"]["remainder"].as_i64().expect("a remainder");
            assert_eq!(Some(ours), account.remainder, "{from}");
            assert_eq!(ledger["verdict"]["level"], "normal", "{from}");
        }
        let level = status["verdict"]["level"].as_str().expect("a level");
        assert!(matches!(level, "near" | "at_the_wall"), "{from}: {level}");
    }
}

#[test]
fn a_log_is_known_by_what_is_in_it_and_a_report_by_its_number() {
    let text = fs::read(log("6.1-256m")).expect("a log");
    let other = fs::read(log("6.12-1g")).expect("a log");
    let both = [text.as_slice(), b"\n", &other].concat();
    let first = |from: &str, input: &[u8]| -> String {
        let output = oomph(&["rank", "--json"], from, input);
        assert!(output.status.success(), "{output:?}");
        let rank: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        rank["source"]["origin"].as_str().expect("text").to_owned()
    };
    assert_eq!(first("-", &both), "report 2 of 2 in standard input");
    assert_eq!(first("-#1", &both), "report 1 of 2 in standard input");
    assert_eq!(first("-", &text), "report 1 in standard input");
    let dir = std::env::temp_dir().join(format!("oomph-from-log-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    // A name says nothing, and a file of exactly that name comes first.
    let odd = dir.join("capture.tar#1");
    fs::write(&odd, &both).expect("a file");
    let from = odd.to_str().expect("UTF-8");
    assert!(first(from, b"").starts_with("report 2 of 2 in "));
    assert!(first(&format!("{from}#1"), b"").starts_with("report 1 of 2 in "));
    let packed = dir.join("log.gz");
    if Command::new("gzip").arg("--version").output().is_ok() {
        let gzip = Command::new("gzip").arg("-c").arg(&odd).output().expect("gzip");
        fs::write(&packed, gzip.stdout).expect("a file");
        let from = packed.to_str().expect("UTF-8");
        assert!(first(from, b"").starts_with("report 2 of 2 in "));
    }
    fs::remove_dir_all(&dir).expect("gone");
}

#[test]
fn what_a_report_cannot_tell_is_refused_in_words() {
    let path = log("6.12-1g");
    let from = path.to_str().expect("UTF-8");
    let said = error(&["usage"], from);
    assert!(said.contains("an OOM report prints no mappings"), "{said}");
    assert!(said.contains("hint: `rank`, `status` and `ledger`"), "{said}");
    let said = error(&["map", "1"], from);
    assert!(said.contains("an OOM report prints no mappings"), "{said}");
    let said = error(&["rank"], &format!("{from}#7"));
    assert!(said.contains("no OOM report 7 in "), "{said}");
    assert!(said.contains(": it has 1"), "{said}");
    let said = error(&["rank"], concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    assert!(said.contains("neither a tar nor a log with an OOM report"), "{said}");
    let said =
        error(&["status"], &format!("{}#1", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")));
    assert!(said.contains("no OOM report in "), "{said}");
}
