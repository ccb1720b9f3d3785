//! Every scenario of the library, every example of the reference and the README's run on the model,
//! and come out as they say.

mod simulated;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use scenario::words;
use simulated::simulate;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The scenarios of the library, with their names.
fn library() -> Vec<(String, String)> {
    let folder = repository().join("scenarios");
    let mut all: Vec<(String, String)> = fs::read_dir(folder)
        .expect("scenarios/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "kdl"))
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a scenario"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn every_scenario_of_the_library_comes_out_as_it_says() {
    let library = library();
    assert!(library.len() >= 20, "only {} scenarios", library.len());
    let mut broken = String::new();
    for (name, text) in library {
        // What the model does not have is for real kernels to show.
        if !text.contains("\nruns-on vm\n") {
            let output = simulate(&text, &[]);
            if !output.status.success() {
                broken = format!("{broken}\n==== {name}\n{}", said(&output));
            }
        }
        // One without a claim would come out whatever happens.
        assert!(text.contains("expect "), "{name} expects nothing");
        assert!(text.starts_with("// "), "{name} does not start with what it teaches");
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn every_example_of_the_reference_comes_out_as_it_says() {
    let mut broken = String::new();
    for (word, text) in words::examples() {
        let output = simulate(&text, &[]);
        if !output.status.success() {
            broken = format!("{broken}\n==== {word}\n{text}{}", said(&output));
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

/// The blocks of a document that are scenarios, which those of its own words are not.
fn blocks(document: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = document;
    while let Some((_, after)) = rest.split_once("```kdl\n") {
        let (block, after) = after.split_once("```").expect("the end of a block");
        all.push(block.to_owned());
        rest = after;
    }
    all
}

#[test]
fn the_scenarios_in_the_documents_come_out_as_they_say() {
    for path in ["README.md", "docs/scenario.md"] {
        let document = fs::read_to_string(repository().join(path)).expect("a document");
        let hand_written = document.split("<!-- words: generated -->").next().unwrap_or("");
        let blocks = blocks(hand_written);
        assert!(!blocks.is_empty(), "{path} has no scenario");
        for block in blocks {
            let output = simulate(&block, &[]);
            assert!(output.status.success(), "{path}:\n{block}{}", said(&output));
        }
    }
}

#[test]
fn two_runs_print_the_same_bytes() {
    for (name, text) in library().into_iter().take(5) {
        let once = simulate(&text, &["--trace"]);
        assert_eq!(once.stdout, simulate(&text, &["--trace"]).stdout, "{name}");
    }
}

#[test]
fn a_scenario_that_does_not_come_true_is_told_by_the_exit_code() {
    let output = simulate("process p { mmap a 1MiB; expect a.Rss is 4KiB }", &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("NOT AS EXPECTED: 1 of 1 expectation"), "{text}");
    assert!(text.contains("line 1: a.Rss is 4KiB, but 0 kB"), "{text}");
}

#[test]
fn mistakes_go_to_standard_error_with_their_place() {
    for options in [&[][..], &["--check"]] {
        let output = simulate("process p {\n  mmapp a 1MiB\n}\n", options);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.starts_with("standard input:2:3: error: there is no step `mmapp`\n"),
            "{text}"
        );
        assert!(text.contains("did you mean `mmap`?"), "{text}");
    }
}

#[test]
fn check_runs_nothing() {
    let output = simulate("process p { mmap a 1MiB; expect a.Rss is 4KiB }", &["--check"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(said(&output), "standard input: no mistakes; 2 steps in 1 process\n");
}

#[test]
fn the_trace_numbers_steps_and_at_stops_behind_one() {
    let text = "process p { repeat 5 { mmap a 1MiB }; touch a }";
    let trace = simulate(text, &["--trace"]);
    let trace = String::from_utf8_lossy(&trace.stdout);
    assert!(trace.contains("     6 p:1 write 0x"), "{trace}");
    let stopped = simulate(text, &["--at", "3", "--trace"]);
    let stopped = String::from_utf8_lossy(&stopped.stdout);
    assert!(stopped.contains("STOPPED: after step 3"), "{stopped}");
    assert!(!stopped.contains("     4 p"), "{stopped}");
}

#[test]
fn a_saved_machine_is_a_source_of_the_other_commands() {
    let folder = std::env::temp_dir().join(format!("oomph-scenarios-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("saved.tar");
    let path = file.to_string_lossy().into_owned();
    let text = "machine { ram 512MiB }\nprocess hog { mmap a 64MiB; touch a 5MiB }\n";
    let output = simulate(text, &["--save", &path]);
    assert!(output.status.success(), "{}", said(&output));
    let again = simulate(text, &["--save", &path]);
    assert_eq!(again.status.code(), Some(1), "an existing file is kept");
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_oomph"))
            .args(["--from", &path])
            .args(words)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("oomph");
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let usage = run(&["usage"]);
    assert!(usage.contains("hog"), "{usage}");
    let pid = run(&["rank", "--json"]);
    let pid: serde_json::Value = serde_json::from_str(&pid).expect("JSON");
    let rows = pid["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{pid}");
    let pid = rows[0]["pid"].to_string();
    let map = run(&["map", &pid]);
    assert!(map.contains("64.0 MiB") || map.contains("64.0Mi"), "{map}");
    run(&["status"]);
    fs::remove_dir_all(&folder).expect("the folder goes");
}

#[test]
fn the_json_has_what_the_screen_has() {
    let text = "process p { mmap a 0; expect fails EINVAL; expect VmRSS at-most 16MiB }";
    let output = simulate(text, &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["schema"], "oomph.simulation/1");
    assert_eq!(report["steps"], 3);
    assert_eq!(report["failures"][0]["why"], "EINVAL");
    assert_eq!(report["failures"][0]["foreseen"], true);
    assert_eq!(report["expectations"][1]["held"], true);
    assert_eq!(report["processes"][0]["memory"]["process"], "p");
}

#[test]
fn a_death_tells_what_the_machine_had_unless_a_cgroup_ran_out() {
    let of = |name: &str| -> serde_json::Value {
        let (_, text) = library().into_iter().find(|(known, _)| known.starts_with(name)).unwrap();
        serde_json::from_slice(&simulate(&text, &["--json"]).stdout).expect("JSON")
    };
    // 218 MiB, of which one process held what there was: the kernel kills below its mark `min`.
    let machine = &of("35-")["deaths"][0]["machine"];
    let mib = |field: &str| machine[field].as_u64().map(|bytes| bytes >> 20);
    assert_eq!((mib("total"), mib("free"), mib("shmem")), (Some(218), Some(2), Some(0)));
    assert!(mib("anon").is_some_and(|anon| (180..190).contains(&anon)), "{machine}");
    assert_eq!(of("49-")["deaths"][0]["machine"], serde_json::Value::Null);
}

#[test]
fn a_setting_that_is_not_known_is_a_mistake() {
    let text = "machine {\n  sysctl vm.overcommit_memry 2\n}\nprocess p { munlockall }\n";
    let output = simulate(text, &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("there is no setting `vm.overcommit_memry`"), "{text}");
    assert!(text.contains("did you mean `vm.overcommit_memory`?"), "{text}");
}

/// A whole screen, on a terminal of 80 columns.
fn screen(name: &str, expected: &expect_test::ExpectFile) {
    let (_, text) = library()
        .into_iter()
        .find(|(file, _)| file.starts_with(name))
        .unwrap_or_else(|| panic!("no scenario {name}"));
    let output = simulated::fed::run(simulated::command(&[]).env("COLUMNS", "80"), text.as_bytes());
    expected.assert_eq(&String::from_utf8_lossy(&output.stdout));
}

#[test]
fn screens_look_like_this() {
    screen("02-", &expect_test::expect_file!["snapshots/simulate-until-full.txt"]);
    screen("04-", &expect_test::expect_file!["snapshots/simulate-copy-on-write.txt"]);
    screen("50-", &expect_test::expect_file!["snapshots/simulate-cgroup-with-swap.txt"]);
}

/// A machine on which it depends on one size who lives.
const GROWING: &str = "machine { ram 128MiB; kernel 6.1 }
process web { grow piece 20MiB by=1MiB }
process worker count=10 { mmap block 1MiB; touch block }
expect web alive
";

fn many(options: &[&str]) -> Output {
    simulate(GROWING, options)
}

#[test]
fn many_runs_are_the_same_whatever_the_number_of_threads() {
    let vary = ["--variations", "24", "--vary", "process.web.grow=8..160MiB", "--json"];
    let alone = many(&[&vary[..], &["--threads", "1"]].concat());
    assert!(alone.status.success(), "{}", said(&alone));
    let together = many(&[&vary[..], &["--threads", "3"]].concat());
    assert_eq!(alone.stdout, together.stdout);
    let other = many(&[&vary[..], &["--seed", "2"]].concat());
    assert_ne!(alone.stdout, other.stdout);
    let report: serde_json::Value = serde_json::from_slice(&alone.stdout).expect("JSON");
    let sum = |name: &str| report["summary"][name].as_u64().expect("a number");
    assert_eq!(sum("survived") + sum("died"), 24);
    assert!(sum("survived") > 0 && sum("died") > 0, "{}", report["summary"]);
    assert_eq!(report["victims"][0]["process"], "web");
    assert_eq!(report["runs"].as_array().map(Vec::len), Some(24));
}

#[test]
fn every_value_of_a_list_meets_every_value_of_the_others() {
    let output = many(&[
        "--vary",
        "process.web.grow=8MiB,200MiB",
        "--vary",
        "process.worker.count=0..4/3",
        "--json",
    ]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let values: Vec<(i64, i64)> = report["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| {
            let value = |at: usize| run["values"][at]["amount"].as_i64().unwrap_or(-1);
            (value(0) >> 20, value(1))
        })
        .collect();
    assert_eq!(values, [(8, 0), (200, 0), (8, 2), (200, 2), (8, 4), (200, 4)]);
    assert_eq!(report["summary"]["died"], 3);
}

#[test]
fn the_edge_is_found_by_halving() {
    let output = many(&["--find", "machine.ram=64MiB..512MiB", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = |name: &str| report["found"][name]["amount"].as_u64().expect("a value");
    assert!(found("survives") > found("dies"), "{}", report["found"]);
    assert!(found("survives") - found("dies") <= 1 << 20);
}

#[test]
fn a_place_that_is_not_there_is_told_with_those_that_are() {
    let output = many(&["--vary", "process.web.gorw=1..2MiB"]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("did you mean `process.web.grow`?"), "{text}");
    let text = said(&many(&["--vary", "process.web.grow=many"]));
    assert!(text.contains("expected a number, a size or a time, found `many`"), "{text}");
}
