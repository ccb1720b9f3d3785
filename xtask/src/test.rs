//! `cargo xtask test`: the tests, with their set-up, and a count at the end.

use crate::harness::Reading;
use crate::{Stop, needs, repository};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Runs `cargo test --workspace` and whatever `more` asks of cargo; true when all passed.
pub(crate) fn run(more: &[String]) -> Result<bool, Stop> {
    let absent = needs::provide(needs::FOR_TESTS);
    let mut child = repository::cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(more)
        .args(["--", "--show-output"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|err| format!("cannot start cargo: {err}"))?;
    let mut reading = Reading::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.map_err(|err| format!("cannot read what cargo prints: {err}"))?;
            let line = String::from_utf8_lossy(&line);
            if reading.line(&line) {
                println!("{line}");
            }
        }
    }
    let status = child.wait().map_err(|err| format!("cannot wait for cargo: {err}"))?;
    if !status.success() && reading.tally.failed == 0 {
        println!("cargo stopped with {status} before every test could run");
        reading.tally.count(false);
    }

    println!();
    for need in absent {
        println!("missing: {} (package {}); its tests were skipped", need.program, need.package);
    }
    for skip in &reading.skipped {
        println!("skipped: {skip}");
    }
    if reading.ignored > 0 {
        println!("{} ignored", reading.ignored);
    }
    for name in &reading.failures {
        println!("failed: {name}");
    }
    println!("{}", reading.tally);
    Ok(reading.tally.is_good())
}
