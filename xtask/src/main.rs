//! Chores of this repository: `cargo xtask COMMAND`.
//!
//! Tests with their set-up, the checks of the continuous integration, benchmarks, and captures of
//! other kernels for `tests/data`. Nothing here is part of the program that users install.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to its terminal")]

mod bench;
mod boot_profiles;
mod ci;
mod corpus;
mod fidelity;
mod fuzz_host;
mod fuzz_klog;
mod fuzz_malloc;
mod fuzz_vm;
mod golden;
mod harness;
mod needs;
mod published;
mod real_programs;
mod repository;
mod strace_score;
mod tally;
mod test;
mod tidy;
mod vm;

use std::env;
use std::process::ExitCode;

const HELP: &str = "\
Chores of this repository.

cargo xtask test [ARG…]   install what the tests need if it is missing (Debian, as root), then run
                          `cargo test --workspace ARG…`; the last line is `N passed, M failed`
cargo xtask ci            formatting, clippy, documentation, dependencies, tidiness
cargo xtask tidy          only the last of these: what no compiler checks
cargo xtask bench [ARG…]  what `oomph status` (or `oomph ARG…`) costs over reading the same files;
                          `bench usage` sets `oomph usage` beside others of its kind;
                          `bench map` times the picture of small and large address spaces
cargo xtask bench cache [PATH…]
                          what `oomph cache` costs over walking and asking, beside vmtouch
cargo xtask bench malloc [TRACE]
                          what a call of the model of glibc's allocator costs, beside the real one, on
                          random calls and on a recorded program; and a sweep of 1,000 settings
cargo xtask bench sim     what the simulated machine costs, by the event and by the mapping, beside an
                          ordered map and the running kernel; its memory; whether runs are the same
cargo xtask bench explain [GIBIBYTES]
                          what reading kernel logs costs, beside grep and by the report, and the
                          memory that it takes while so much comes through a pipe
cargo xtask golden        what the real smem, pmap and free print about the machines in
                          tests/data/compat, kept in its folder `golden` (as root)
cargo xtask published     what the literature prints of running out of memory, and what comes out here
cargo xtask strace-score [LOG…]
                          how many addresses of recorded programs the model predicts; without a
                          LOG, those in tests/data/strace
cargo xtask corpus [DIR]  how much of the kernel logs in DIR is understood
cargo xtask fuzz-klog [--seconds N | --runs N] [--seed S] [LOG…]
                          mutated kernel logs: no panic, no hang, output bounded by input
cargo xtask fuzz-malloc [--ops N] [--seed S] [--mix NAME] [--only NAME] [--strace]
                        [--release NAME]… [--fetch] [--mutants]
                          the model of glibc's allocator beside the machine's own and others that
                          Debian carries (`--fetch` unpacks them under the target directory), call
                          by call; `--mutants` breaks each rule and sees that it is noticed
cargo xtask real-programs [NAME…]
                          python3, bash, gcc and others at work, recorded by `oomph trace` and
                          played by `oomph replay`: how many blocks are where the model puts them
cargo xtask fuzz-host [--steps N] [--seed S] [--seconds T] [--jobs J] [--mask NAMES] [--first WORLD]
                          random programs on the model and as real processes, compared; mismatches are
                          made smaller and kept in target/fuzz-host, or in --save DIR;
                          `--replay FILE` plays one again
cargo xtask fuzz-vm [--scenarios N] [--seed S] [--from N] [--seconds T] [--kernel SERIES]…
                          random machines that run out of memory, on the model and on kernels in QEMU:
                          how often both choose the same victims; what differs is made smaller and
                          kept in target/fuzz-vm, or in --save DIR; `--replay FILE…` performs it again
cargo xtask fidelity [--only NAME]… [--kernel SERIES]… [--out FILE] [--seconds T]
                          every scenario that a virtual machine can perform, on the model and on
                          kernels in QEMU: which goals hold, and how far the rest is apart
cargo xtask boot-profiles [SERIES…]
                          boot Debian kernels in QEMU on several sizes of RAM, and keep what they have
                          made of it in crates/sim/data/profiles
cargo xtask capture-vm [--kernel SERIES | NAME…]
                          boot Debian kernels in QEMU, capture them, drive them out of memory, and
                          keep the results in tests/data/captures
cargo xtask fence-vm [--kernel SERIES]… [--oomph FILE] [--show] [CASE…]
                          `oomph lab --on model,host` inside Debian kernels in QEMU that have cgroups of
                          version 2: what it prints, and that no process and no cgroup stays behind;
                          FILE is a static program, built if none is named; `--show` prints what
                          the cases that are as expected print, too
";

/// A chore that could not be done; the sentence says why.
type Stop = String;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match command {
        "test" => test::run(rest),
        "ci" => Ok(ci::run()),
        "tidy" => tidy::run(),
        "bench" => bench::run(rest),
        "golden" => golden::run(),
        "corpus" => corpus::run(rest),
        "fuzz-klog" => fuzz_klog::run(rest),
        "fuzz-malloc" => fuzz_malloc::run(rest),
        "fidelity" => fidelity::run(rest),
        "fuzz-vm" => fuzz_vm::run(rest),
        "fuzz-host" => fuzz_host::run(rest),
        "real-programs" => real_programs::run(rest),
        "published" => published::run(rest),
        "strace-score" => strace_score::run(rest),
        "boot-profiles" => boot_profiles::run(rest),
        "capture-vm" => vm::run(rest),
        "fence-vm" => vm::fence::run(rest),
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(true)
        }
        other => Err(format!("no chore is called `{other}`; `cargo xtask help` lists them")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(stop) => {
            eprintln!("error: {stop}");
            ExitCode::from(2)
        }
    }
}
