//! Many futures from one moment, as a user asks for them.

mod simulated;

use std::process::Output;

use simulated::simulate;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(text: &str, options: &[&str]) -> serde_json::Value {
    let output = simulate(text, &[&["--json"], options].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", err(&output)))
}

const WEB: &str = "machine { ram 256MiB; sysctl vm.overcommit_memory 1; }
process web {
    mmap block 400MiB
    malloc small 100
    touch block 100MiB random=2000
    checkpoint half
    touch block
}
future \"gives back\" after=half {
    process web { munmap block; malloc more 100; expect more is small+112 }
    expect web alive
}
future \"goes on\" after=half {
    expect web killed
}
";

#[test]
fn a_future_without_a_difference_ends_as_the_run_itself_does() {
    let report = json(WEB, &[]);
    let [written, gives_back, goes_on] = &report["futures"].as_array().expect("rows")[..] else {
        panic!("{report}");
    };
    assert_eq!(written["name"], serde_json::Value::Null);
    for what in ["outcome", "victims", "kill_point", "machine", "time_ns"] {
        assert_eq!(written[what], goes_on[what], "{what}");
    }
    assert_eq!(goes_on["steps"], 1);
    assert_eq!(gives_back["outcome"], "survived");
    assert_eq!(gives_back["claims"], 2);
    assert_eq!(gives_back["from_step"], 4);
}

#[test]
fn the_run_itself_is_the_same_with_and_without_futures() {
    let (alone, _) = WEB.split_once("future").expect("a future");
    let (mut with, without) = (json(WEB, &[]), json(alone, &[]));
    with["futures"] = serde_json::json!([]);
    assert_eq!(with, without);
}

#[test]
fn a_claim_of_a_future_that_does_not_hold_is_told_by_the_exit_code() {
    let output = simulate(&WEB.replace("expect web alive", "expect web killed"), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = out(&output);
    assert!(said.starts_with("NOT AS EXPECTED: 1 of 3 expectations did not come true."), "{said}");
    assert!(said.contains("line 11: web killed, but it lives"), "{said}");
}

#[test]
fn a_future_starts_where_the_run_is_stopped_or_at_its_end() {
    let text = WEB.replace(" after=half", "");
    let steps = |options: &[&str]| json(&text, options)["futures"][1]["from_step"].clone();
    assert_eq!(steps(&[]), 5);
    assert_eq!(steps(&["--at", "3"]), 3);
    assert_eq!(steps(&["--at", "half"]), 4);
}

#[test]
fn values_vary_from_a_moment_on_and_not_before_it() {
    let text = "machine { ram 256MiB; sysctl vm.overcommit_memory 1; }
process web {
    mmap block 100MiB
    touch block
    checkpoint half
    mmap rest 50MiB
    touch rest
}
";
    let from_start = ["--vary", "process.web.mmap.rest=10MiB..200MiB/38", "--json"];
    let from_half = [&from_start[..], &["--at", "half"]].concat();
    let runs = |options: &[&str]| {
        let output = simulate(text, options);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["runs"].as_array().expect("runs").clone()
    };
    let (start, half) = (runs(&from_start), runs(&from_half));
    assert_eq!(start, half);
    assert!(half.iter().any(|run| run["outcome"] == "died"));
    assert!(half.iter().any(|run| run["outcome"] == "survived"));

    let decided = ["--at", "half", "--vary", "process.web.mmap.block=10MiB..20MiB/10"];
    let said = out(&simulate(text, &decided));
    assert!(said.contains("this was decided before the moment"), "{said}");
}

#[test]
fn a_moment_that_there_is_not_is_named() {
    let no = simulate(WEB, &["--at", "third"]);
    assert!(err(&no).starts_with("error: the scenario has no checkpoint `third`"), "{}", err(&no));
    let no = simulate(WEB, &["--at", "0"]);
    assert!(err(&no).contains("steps are numbered from 1"), "{}", err(&no));
    let no = simulate(&WEB.replace("after=half {\n    expect", "after=hafl {\n    expect"), &[]);
    assert!(err(&no).contains("there is no checkpoint `hafl`"), "{}", err(&no));
    assert!(err(&no).contains("did you mean `half`?"), "{}", err(&no));
    let no = simulate(&format!("{WEB}future x {{ touch a; process web adj=3 {{}} }}"), &[]);
    assert!(err(&no).contains("`touch` does not stand in a future"), "{}", err(&no));
    assert!(err(&no).contains("this process is there already"), "{}", err(&no));
}

#[test]
fn a_run_is_drawn_as_it_went_and_prints_the_same_beside_it() {
    let path = std::env::temp_dir().join(format!("oomph-run-{}.svg", std::process::id()));
    let file = path.to_string_lossy().into_owned();
    let with = simulate(WEB, &["--svg", &file]);
    assert_eq!(out(&with), out(&simulate(WEB, &[])));
    let text = std::fs::read_to_string(&path).expect("a picture");
    std::fs::remove_file(&path).expect("it can be removed");
    assert!(text.contains("<title>half (step 4)</title>"), "{text}");
    assert!(text.contains("<title>web killed (step 5)</title>"), "{text}");
}
