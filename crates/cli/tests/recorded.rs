//! What real kernels answered to scenarios, kept in `tests/data/recordings`: the model chooses the same
//! victims, and every claim holds on both. `cargo xtask fidelity --only NAME --kernel SERIES --record
//! tests/data/recordings` makes one anew, where a scenario has been changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn recordings() -> Vec<PathBuf> {
    let folder = repository().join("tests/data/recordings");
    let entries = std::fs::read_dir(folder).expect("recordings");
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all
}

fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oomph"))
        .arg("lab")
        .args(arguments)
        .env_remove("COLUMNS")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("oomph starts")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// The scenario that a recording is of.
fn scenario(recording: &Path) -> String {
    let name = recording.file_name().expect("a name").to_string_lossy().into_owned();
    let (stem, _) = name.split_once(".vm-").expect("a name that --record gives");
    repository().join("scenarios").join(format!("{stem}.kdl")).display().to_string()
}

#[test]
fn the_model_chooses_whom_recorded_kernels_chose() {
    let all = recordings();
    assert!(all.len() >= 4, "{all:?}");
    for recording in all {
        let on = format!("model,recorded:{}", recording.display());
        let output = lab(&["--json", "--on", &on, &scenario(&recording)]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{on}: {error}\n{}", said(&output)));
        let arms = report["arms"].as_array().expect("arms");
        let [model, real] = &arms[..] else { panic!("{on}: {arms:?}") };
        for arm in [model, real] {
            assert_eq!(arm["stopped"], Value::Null, "{on}");
            assert_eq!(arm["broken"].as_array().map(Vec::len), Some(0), "{on}: {}", arm["broken"]);
        }
        let dead = |arm: &Value| {
            let deaths = arm["deaths"].as_array().expect("deaths");
            deaths
                .iter()
                .map(|death| (death["process"].clone(), death["nth"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(dead(model), dead(real), "{on}");
        assert!(!dead(real).is_empty(), "{on}");
    }
}

#[test]
fn a_scenario_that_asks_for_something_else_is_told_the_step_and_both_questions() {
    let is_of = |path: &PathBuf| path.display().to_string().contains("/49-cgroup-limit.");
    let recording = recordings().into_iter().find(is_of).expect("one");
    let text = std::fs::read_to_string(scenario(&recording)).expect("a scenario");
    let other = text.replace("mmap block 80MiB", "mmap block 81MiB");
    assert_ne!(text, other);
    let file = std::env::temp_dir().join(format!("oomph-recorded-{}.kdl", std::process::id()));
    std::fs::write(&file, other).expect("a folder for files");
    let on = format!("model,recorded:{}", recording.display());
    let output = lab(&["--on", &on, &file.display().to_string()]);
    let _ = std::fs::remove_file(&file);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    // Sentences are broken where lines end.
    let words = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in ["mmap block 81MiB", "83886080", "84934656", "record it again"] {
        assert!(words.contains(wanted), "{wanted}: {words}");
    }
}

#[test]
fn a_folder_is_searched_for_what_is_of_the_scenario() {
    let folder = repository().join("tests/data/recordings").display().to_string();
    let scenarios = repository().join("scenarios");
    let of = |name: &str| scenarios.join(name).display().to_string();
    let found = lab(&["--on", &format!("recorded:{folder}"), &of("49-cgroup-limit.kdl")]);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));
    assert!(said(&found).contains("on recorded:6.1: web"), "{}", said(&found));
    let none = lab(&["--on", &format!("recorded:{folder}"), &of("01-promise-and-delivery.kdl")]);
    assert!(said(&none).contains("there is no recording of "), "{}", said(&none));
}
