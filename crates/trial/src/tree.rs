//! Following a tree of processes by `ptrace(2)`: each is stopped at its end, while its memory is there.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use crate::process;
use crate::sampler::Shared;
use crate::sys::{self, Change, Usage};

/// How the command itself ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) status: libc::c_int,
    pub(crate) usage: Usage,
    pub(crate) wall: Duration,
}

/// Lets the command go, which has stopped before its first instruction, and follows it and all that it
/// starts until the last of them has ended.
pub(crate) fn follow(root: u32, shared: &Shared) -> io::Result<Ended> {
    let mut threads = BTreeMap::from([(root, root)]);
    let mut paused = Duration::ZERO;
    let mut ended = None;
    let begin = Instant::now();
    sys::go_on(root, 0)?;
    // A new process is traced before its first stop tells of it, so that who is known says nothing of
    // whether somebody is left; the kernel does.
    loop {
        let change = match sys::wait(None) {
            Ok(change) => change,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // Nobody is left.
            Err(_) => break,
        };
        let now = Instant::now();
        let is_over = libc::WIFEXITED(change.status) || libc::WIFSIGNALED(change.status);
        if is_over {
            let process = threads.remove(&change.pid);
            if process == Some(change.pid) {
                shared.tally().end(change.pid);
            }
            if change.pid == root {
                let wall = now.duration_since(begin).saturating_sub(paused);
                ended = Some(Ended { status: change.status, usage: change.usage, wall });
                shared.tally().root_ended = Some(now);
            }
        } else {
            stopped(change, &mut threads, shared);
            if threads.get(&change.pid) == Some(&root) {
                paused += now.elapsed();
            }
        }
    }
    ended.ok_or_else(|| io::Error::other("the command's end was not told"))
}

fn stopped(change: Change, threads: &mut BTreeMap<u32, u32>, shared: &Shared) {
    let Change { pid, status, .. } = change;
    let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
    let is_new = !threads.contains_key(&pid);
    if is_new {
        let process = process::status(pid).as_deref().and_then(process::tgid_in).unwrap_or(pid);
        threads.insert(pid, process);
        if process == pid {
            shared.tally().begin(pid);
        }
    }
    let pass_on = match event {
        libc::PTRACE_EVENT_EXIT => {
            look_at_the_end(pid, threads, shared);
            0
        }
        libc::PTRACE_EVENT_EXEC => {
            // Its other threads are gone, and whichever it was, it is the first one now.
            threads.retain(|&thread, process| *process != pid || thread == pid);
            shared.tally().new_image(pid);
            0
        }
        0 if is_new && signal == libc::SIGSTOP => 0,
        0 if stops(signal) && sys::is_group_stop(pid) => 0,
        0 => signal,
        _ => 0,
    };
    // Who was killed meanwhile cannot go on, and will be waited for.
    let _ = sys::go_on(pid, pass_on);
}

fn stops(signal: libc::c_int) -> bool {
    [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal)
}

/// A thread is about to end. With the last one the memory goes; which one that is cannot always be
/// told, since the others may be killed without a stop of their own. So the marks are read at each, and
/// what costs more at the first thread's end or when there was nothing before.
fn look_at_the_end(thread: u32, threads: &BTreeMap<u32, u32>, shared: &Shared) {
    let Some(&process) = threads.get(&thread) else { return };
    let Some(memory) = process::status(thread).as_deref().and_then(process::memory_in) else {
        return;
    };
    let (grown, unseen) = {
        let mut tally = shared.tally();
        tally.has(process, memory);
        (tally.has_grown(process), tally.is_unseen(process))
    };
    let is_first = thread == process;
    if grown || (is_first && memory.anon > 0) {
        let huge = process::huge(thread);
        shared.tally().huge_pages(process, huge);
    }
    if unseen || is_first {
        shared.tally().look_at(process);
    }
}
