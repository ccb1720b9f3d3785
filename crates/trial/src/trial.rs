//! One run of a command.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use facts::Name;
use rules::allocators::{End, Run};
use units::Bytes;

use crate::last_words;
use crate::process;
use crate::sampler::{self, Shared};
use crate::sys::{self, Change};
use crate::tally::Tally;
use crate::tree::{self, Ended};

/// What is run, and how.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// Processor and word size of its program.
    pub machine: (u16, bool),
    /// The allocator to preload, as `realpath` prints it.
    pub library: Option<PathBuf>,
    /// What is set in the environment besides.
    pub environment: Vec<(OsString, OsString)>,
    /// Standard input; `/dev/null` without.
    pub input: Option<PathBuf>,
    /// Where its output goes.
    pub output: Output,
}

/// Where the output of a command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Nowhere; but the last lines of standard error are kept.
    Dropped,
    /// All of it to our standard error.
    Shown,
}

/// How processes are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// By `ptrace(2)`, and by looking now and then.
    Trace,
    /// By looking now and then.
    Sample,
}

/// Lines of standard error that are kept.
const LINES: usize = 5;

/// Runs a command to the end of all its processes.
///
/// # Errors
/// It could not be started; with [`Watching::Trace`] perhaps because tracing is not permitted here
/// (`PermissionDenied`), and [`Watching::Sample`] would do.
pub fn run(setup: &Setup, watching: Watching) -> io::Result<Run> {
    let mut command = command(setup)?;
    let listener = match setup.output {
        Output::Shown => {
            command.stdout(io::stderr().as_fd().try_clone_to_owned()?);
            None
        }
        Output::Dropped => {
            let (reader, writer) = io::pipe()?;
            command.stdout(Stdio::null()).stderr(writer);
            Some(reader)
        }
    };
    sys::prepare(&mut command, watching == Watching::Trace);
    let child = command.spawn()?;
    // The last writing ends of the pipe on this side; its reader waits for all of them to go.
    drop(command);
    let listener = listener.map(last_words::listen);

    let root = child.id();
    let shared = Shared::new(Tally::new(setup.library.as_deref(), setup.machine));
    let ended = watch(root, &shared, watching);
    if ended.is_err() {
        end(root);
    }
    let tally = shared.into_tally();
    let words = listener.and_then(|listener| listener.join().ok()).unwrap_or_default();
    Ok(told(&ended?, &tally, &words))
}

fn command(setup: &Setup) -> io::Result<Command> {
    let Some((program, arguments)) = setup.command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(setup.environment.iter().map(|(name, value)| (name, value)));
    if let Some(library) = &setup.library {
        // What somebody preloads already stays, behind it.
        let mut preload = library.clone().into_os_string();
        if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
            preload.push(":");
            preload.push(others);
        }
        command.env("LD_PRELOAD", preload);
    }
    command.stdin(match &setup.input {
        Some(path) => Stdio::from(File::open(path)?),
        None => Stdio::null(),
    });
    Ok(command)
}

/// Follows the tree to its end, a second thread looking on.
fn watch(root: u32, shared: &Shared, watching: Watching) -> io::Result<Ended> {
    if watching == Watching::Trace {
        wait_for_the_stop(root)?;
        sys::trace_the_tree(root)?;
    }
    shared.tally().begin(root);
    thread::scope(|scope| {
        let sampler = thread::Builder::new().name("sampler".to_owned());
        sampler.spawn_scoped(scope, || sampler::watch(root, shared, watching))?;
        let ended = match watching {
            Watching::Trace => tree::follow(root, shared),
            Watching::Sample => wait_for_the_end(root, shared),
        };
        shared.finish();
        ended
    })
}

/// It cannot be watched, so it does not run.
fn end(root: u32) {
    let pid = i32::try_from(root).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid
        && rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()
    {
        while let Ok(change) = wait_for(root) {
            if !libc::WIFSTOPPED(change.status) {
                break;
            }
        }
    }
}

/// A traced child stops by `SIGTRAP` before the first instruction of its new image.
fn wait_for_the_stop(root: u32) -> io::Result<()> {
    let change = wait_for(root)?;
    if libc::WIFSTOPPED(change.status) {
        Ok(())
    } else {
        Err(io::Error::other("the command ended before it began"))
    }
}

fn wait_for(pid: u32) -> io::Result<Change> {
    loop {
        match sys::wait(Some(pid)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

/// Without tracing: the command's own end, and then that of those it left behind.
fn wait_for_the_end(root: u32, shared: &Shared) -> io::Result<Ended> {
    let begin = Instant::now();
    let change = wait_for(root)?;
    let wall = begin.elapsed();
    {
        let mut tally = shared.tally();
        tally.end(root);
        tally.root_ended = Some(Instant::now());
    }
    loop {
        let left = shared.tally().live();
        if left.is_empty() {
            break;
        }
        // Nobody tells when somebody else's child has ended; the sampler finds out.
        thread::sleep(sampler::SHORTEST);
    }
    Ok(Ended { status: change.status, usage: change.usage, wall })
}

fn told(ended: &Ended, tally: &Tally, words: &[u8]) -> Run {
    let status = ended.status;
    let end = if libc::WIFEXITED(status) {
        End::Exit(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Unknown
    };
    let bytes = |bytes: Option<u64>| bytes.map(Bytes::new);
    let hwm = if tally.ended_unseen == 0 { tally.hwm } else { with_rusage(tally.hwm, ended) };
    Run {
        end,
        hwm: bytes(hwm),
        tree_rss: bytes(tally.rss.map(|rss| match hwm {
            // One process had its highest mark, whether or not anybody looked at that moment.
            Some(hwm) => rss.max(hwm),
            None => rss,
        })),
        anon: bytes(tally.anon),
        huge: bytes(tally.huge),
        minor_faults: Some(ended.usage.minor_faults),
        major_faults: Some(ended.usage.major_faults),
        user_us: Some(ended.usage.user_us),
        system_us: Some(ended.usage.system_us),
        wall_us: Some(u64::try_from(ended.wall.as_micros()).unwrap_or(u64::MAX)),
        looked_at: tally.looked_at,
        processes: tally.processes,
        without: tally.all_without(),
        others: tally.others(),
        left_over: tally.left_over.clone(),
        last_words: Name::new(last_words::last_lines(words, LINES)),
        samples: tally.samples,
    }
}

/// What the kernel kept of the largest process, where that says more: it holds for processes nobody
/// saw end, but is never less than what this very process had when it started the command.
fn with_rusage(seen: Option<u64>, ended: &Ended) -> Option<u64> {
    let own = process::status(std::process::id()).as_deref().and_then(process::memory_in)?.hwm?;
    if ended.usage.max_rss <= own {
        return seen;
    }
    Some(seen.map_or(ended.usage.max_rss, |seen| seen.max(ended.usage.max_rss)))
}
