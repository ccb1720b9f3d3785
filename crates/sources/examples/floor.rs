//! The price of a snapshot: its CPU time over that of a minimal loop that opens, reads and closes
//! the same files, in the same run.
//!
//! `cargo run --release -p oomph-sources --example floor [PROCESSES]` starts that many `sleep`
//! processes (400), takes turns between the two, and prints the medians and their ratio.

#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::error::Error;
use std::hint::black_box;
use std::process::{Child, Command};

use oomph_sources::{About, LiveTree, Owner, Place, Refusal, Tree, Want, snapshot};
use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags, open};
use rustix::time::{ClockId, clock_gettime};
use units::Pid;

const TURNS: usize = 41;

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(400), |n| n.parse())?;
    let _sleepers = Sleepers::start(count)?;

    // Which files a snapshot opens.
    let mut recorder = Recorder { live: live()?, paths: Vec::new() };
    let tasks = snapshot(&mut recorder, &Want::status()).tasks.len();
    let paths = recorder.paths;

    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        floors.push(cpu(|| floor(&paths)));
        ours.push(cpu(|| {
            if let Ok(mut live) = live() {
                black_box(snapshot(&mut live, &Want::status()));
            }
        }));
    }
    let (floor, our) = (median(floors), median(ours));
    println!("{tasks} processes, {} files", paths.len());
    println!("floor    {floor:>9} ns");
    println!("snapshot {our:>9} ns");
    println!("ratio    {}.{:02}", our / floor, our * 100 / floor % 100);
    Ok(())
}

fn live() -> Result<LiveTree, String> {
    LiveTree::open().map_err(|refusal| refusal.to_string())
}

/// The least that can be done: one `open`, one `read`, one `close` each.
fn floor(paths: &[String]) {
    let mut buf: Vec<u8> = Vec::with_capacity(64 * 1024);
    for path in paths {
        let Ok(file) = open(path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
            continue;
        };
        buf.clear();
        let _ = black_box(rustix::io::read(&file, spare_capacity(&mut buf)));
    }
}

/// CPU time of this process, nanoseconds.
fn cpu(work: impl FnOnce()) -> i64 {
    let now = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let start = now();
    work();
    now() - start
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values[values.len() / 2]
}

struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start(count: usize) -> std::io::Result<Sleepers> {
        let mut sleepers = Sleepers(Vec::new());
        for _ in 0..count {
            sleepers.0.push(Command::new("sleep").arg("1000").spawn()?);
        }
        Ok(sleepers)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Notes what is read, as absolute paths.
struct Recorder {
    live: LiveTree,
    paths: Vec<String>,
}

impl Tree for Recorder {
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        self.live.read(place, buf)?;
        let mount = self.live.about().memory_mount;
        let mount = mount.map(|m| m.escaped().into_owned()).unwrap_or_default();
        self.paths.push(match place {
            Place::Machine(path) => format!("/proc/{path}"),
            Place::Again(_) => "/proc/meminfo".to_owned(),
            Place::Task(pid, file) => format!("/proc/{pid}/{}", file.name()),
            Place::Group(group, file) => {
                format!("{mount}{}/{file}", String::from_utf8_lossy(group))
            }
            Place::Users => "/etc/passwd".to_owned(),
            Place::Sys(path) => format!("/sys/{path}"),
            Place::KernelLog => "/dev/kmsg".to_owned(),
        });
        Ok(())
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        self.live.pids()
    }

    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal> {
        self.live.owner(pid)
    }

    fn about(&mut self) -> About {
        self.live.about()
    }
}
