//! `oomph cache` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn oomph(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.arg("cache").args(args).env_clear().env("COLUMNS", "80");
    command.output().expect("the program starts")
}

fn place(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oomph-cache-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory of the build");
    fs::write(path.join("a.txt"), vec![1; 1 << 20]).expect("a file");
    path
}

#[test]
fn a_file_that_was_written_is_found_in_text_json_and_csv() {
    let place = place("found");
    let path = place.to_str().expect("UTF-8");
    let json = oomph(&[path, "--json"]);
    assert!(json.status.success() && json.stderr.is_empty(), "{json:?}");
    let report: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(report["schema"], "oomph.cache/1");
    assert_eq!(report["found"]["cached"], 1 << 20);
    assert_eq!(report["rows"][0]["name"], format!("{path}/a.txt"));
    let csv = String::from_utf8(oomph(&[path, "--csv", "--by", "extension"]).stdout).unwrap();
    assert!(csv.lines().nth(1).is_some_and(|row| row.starts_with("\"txt\",,1,1048576,")), "{csv}");
    let text = String::from_utf8(oomph(&[path, "--by", "directory", "--bytes"]).stdout).unwrap();
    assert!(text.contains("1048576 B") && text.lines().all(|line| line.len() <= 80), "{text}");
    let least = oomph(&[path, "--json", "--min", "2MiB"]);
    let report: Value = serde_json::from_slice(&least.stdout).expect("JSON");
    assert_eq!((&report["rows"], &report["more"]["rows"]), (&Value::Array(Vec::new()), &1.into()));
    let _ = fs::remove_dir_all(place);
}

#[test]
fn a_path_that_is_not_there_is_a_failure_after_the_others_were_told() {
    let place = place("absent");
    let path = place.to_str().expect("UTF-8");
    let output = oomph(&[path, "/absent", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error: `/absent` is not there\n");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["found"]["files"], 1);
    let _ = fs::remove_dir_all(place);
}

#[test]
fn only_the_running_kernel_can_be_asked() {
    let output = oomph(&["--from", "web1.tar"]);
    assert_eq!(output.status.code(), Some(1));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.starts_with("error: the page cache of another machine"), "{talk}");
}
