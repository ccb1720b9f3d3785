//! `cargo xtask ci`: every check that is not a test, and less than a minute beside a real kernel where there
//! is QEMU and a kernel has been fetched.
//!
//! The advisory database of cargo-deny is not asked: it is fetched from a host that a build machine
//! may not reach, and it would make yesterday's green commit red today.

use crate::tally::Tally;
use crate::{Stop, fidelity, fuzz_vm, needs, repository, tidy};
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// Pinned, so that a new release cannot fail an old commit.
const CARGO_DENY: &str = "0.20.2";

/// Runs every step, also after one failed; true when all passed.
pub(crate) fn run() -> bool {
    let mut tally = Tally::default();
    step(&mut tally, "formatting", || succeeds(repository::cargo().args(["fmt", "--check"])));
    step(&mut tally, "clippy", || {
        let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        succeeds(repository::cargo().args(lints))
    });
    step(&mut tally, "documentation", || {
        let doc = ["doc", "--workspace", "--no-deps"];
        succeeds(repository::cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"))
    });
    step(&mut tally, "dependencies", || {
        let Some(deny) = cargo_deny() else { return false };
        let checks = ["check", "licenses", "bans", "sources"];
        succeeds(Command::new(deny).args(checks).current_dir(repository::root()))
    });
    step(&mut tally, "tidiness", || tidy::run().is_ok_and(|clean| clean));
    step(&mut tally, "machines that run out", || succeeds_in(fuzz_vm::smoke()));
    step(&mut tally, "fidelity", || succeeds_in(fidelity::smoke()));
    println!("{tally}");
    tally.is_good()
}

/// What a chore of ours came to; why it could not be done is said.
fn succeeds_in(done: Result<bool, Stop>) -> bool {
    done.unwrap_or_else(|stop| {
        eprintln!("error: {stop}");
        false
    })
}

fn step(tally: &mut Tally, name: &str, check: impl FnOnce() -> bool) {
    println!("== {name}");
    let start = Instant::now();
    let passed = check();
    let word = if passed { "ok" } else { "FAILED" };
    println!("== {name}: {word} ({} s)", start.elapsed().as_secs());
    tally.count(passed);
}

fn succeeds(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(err) => {
            eprintln!("cannot start {}: {err}", command.get_program().display());
            false
        }
    }
}

/// The cargo-deny on the path, or our own, built once into the target directory; without
/// optimisation, for it runs a second and would be built for minutes.
fn cargo_deny() -> Option<PathBuf> {
    if needs::on_path("cargo-deny") {
        return Some("cargo-deny".into());
    }
    let tools = repository::target().join("tools");
    let own = tools.join("bin/cargo-deny");
    if own.is_file() {
        return Some(own);
    }
    println!("cargo-deny is missing: building {CARGO_DENY} into {}", tools.display());
    let mut install = repository::cargo();
    install
        .args([
            "install",
            "--locked",
            "--quiet",
            "--debug",
            "cargo-deny",
            "--version",
            CARGO_DENY,
            "--root",
        ])
        .arg(&tools)
        .args(["--target-dir".as_ref(), tools.join("build").as_os_str()]);
    succeeds(&mut install).then_some(own)
}
