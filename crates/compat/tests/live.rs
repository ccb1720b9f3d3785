//! Our output against that of the real programs about a process that holds still, on the machine
//! that runs the tests.
//!
//! Proportional shares are not compared: the real program, while it runs, takes its part in the
//! pages of the C library.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod common;

use std::process::{Child, Command, Stdio};

use common::{Directory, data, run};
use oomph_compat::Bugs;

/// How often two readings may differ because the machine moved between them.
const TRIES: u32 = 20;

/// A process that does nothing until it is dropped; each test has its own number of seconds.
struct Still(Child);

impl Still {
    /// At addresses that are always the same, where that is allowed.
    fn start(seconds: &str) -> Still {
        let fixed =
            Command::new("setarch").args(["-R", "sleep", seconds]).stdin(Stdio::null()).spawn();
        fixed.ok().and_then(Still::once_it_sleeps).unwrap_or_else(|| {
            let sleep = Command::new("sleep").arg(seconds).stdin(Stdio::null()).spawn();
            Still::once_it_sleeps(sleep.expect("sleep can be started")).expect("sleep sleeps")
        })
    }

    /// Its maps are those of `sleep`, and no longer ours, once its command line is; `None` when it ended.
    fn once_it_sleeps(process: Child) -> Option<Still> {
        let mut still = Still(process);
        let path = format!("/proc/{}/stat", still.0.id());
        while !std::fs::read_to_string(&path).is_ok_and(|stat| stat.contains("(sleep) S")) {
            if !matches!(still.0.try_wait(), Ok(None)) {
                return None;
            }
            std::thread::yield_now();
        }
        Some(still)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether the real program is there, of the release that we follow.
fn is_here(program: &str, version: &[&str], expected: &str) -> bool {
    let output = Command::new(program).args(version).output();
    let here = output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(expected) && output.status.success()
    });
    if !here {
        println!("skipped: {program} ({expected}) is not here to be compared with");
    }
    here
}

/// Runs both until they agree. Each line of ours is one word split at blanks.
fn agree(program: &str, line: &str) {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let mut last = String::new();
    for _ in 0..TRIES {
        let real = Command::new(program)
            .args(&args)
            .current_dir(data())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .expect("it was there a moment ago");
        let ours = run(program, &args, false, &mut Directory::live(), Bugs::Fixed);
        if real.stdout == ours.out && real.status.code() == Some(ours.status.into()) {
            return;
        }
        last = format!(
            "--- real, {}\n{}\n--- ours, {}\n{}",
            real.status,
            String::from_utf8_lossy(&real.stdout),
            ours.status,
            String::from_utf8_lossy(&ours.out)
        );
    }
    panic!("{program} {line}, {TRIES} times:\n{last}");
}

#[test]
fn pmap_about_a_live_process() {
    if !is_here("pmap", &["-V"], "procps-ng 4.0.2") {
        return;
    }
    let still = Still::start("86398");
    let pid = still.0.id();
    for options in ["", "-p", "-q", "-d", "-x", "-x -p -q", "-C pmaprc", "-A 7f0000000000,"] {
        agree("pmap", &format!("{options} {pid}"));
    }
    // Kernel threads, where the pid namespace has them, and processes that are not there.
    agree("pmap", "2");
    agree("pmap", "2147483647");
}

#[test]
fn smem_about_a_live_process() {
    if !is_here("smem", &["--help"], "--mapfilter") {
        return;
    }
    let _still = Still::start("86397");
    // Another one has the same pages of the same files, so that they are shared whoever else is looking:
    // the real program maps some of them, too, and ours does not.
    let _other = Still::start("86396");
    for options in ["-c command", "-t -k -c uss", "-m -c map -r", "-u -n -c rss", "-p -c vss"] {
        agree("smem", &format!("-P ^sleep.86397$ -s rss {options}"));
    }
}

#[test]
fn free_about_this_machine() {
    if !is_here("free", &["-V"], "procps-ng 4.0.2") {
        return;
    }
    // What moves all the time is left out by a unit that is large enough.
    agree("free", "--tebi -t -l -w");
    agree("free", "-h --si -c 1");
}
