//! Processes of a scenario as actors on a real kernel.
//!
//! One actor, the launcher, is started with randomisation off. Every process of the scenario is forked
//! from it, gets what the scenario gives it, and executes itself anew: so it begins with as many
//! faults each time. It waits between batches, so that what `/proc` says of it does not move.
//!
//! # Nothing stays behind
//! Actors are killed when the world is dropped, and then segments of shared memory are removed. What
//! happens when the lab itself is killed is the business of the [`Kernel`].

pub(crate) mod kernel;
pub(crate) mod process;
mod step;

use std::rc::Rc;

use actor::{CLONE_FORK, CLONE_THREAD, CLONE_VFORK, Op, Request, image};
use world::{
    Call, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned, Stop,
    Touch, Touched, World, WorldError,
};

use crate::Files;
use kernel::Kernel;
use process::{Process, State};
pub use step::{Done, Step};

/// The actor's program; empty where it is not known how to build it.
pub(crate) const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/actor.elf"));

/// A kernel with actors on it, as a world.
#[derive(Debug)]
pub(crate) struct ActorWorld<K: Kernel> {
    pub(crate) kernel: Rc<K>,
    /// What [`World::observe`] reads of a process.
    look: Files,
    /// Files of the machine that it reads, below `/proc`.
    machine: Vec<String>,
    launcher: Process<K>,
    files: Vec<K::Handle>,
    pub(crate) processes: Vec<Process<K>>,
    /// Ids that the kernel gave to segments, in the order they were made.
    pub(crate) segments: Vec<i32>,
}

impl<K: Kernel> ActorWorld<K> {
    /// A world without processes.
    pub(crate) fn with(
        kernel: Rc<K>,
        launcher: Process<K>,
        look: Files,
        machine: Vec<String>,
    ) -> ActorWorld<K> {
        ActorWorld {
            kernel,
            look,
            machine,
            launcher,
            files: Vec::new(),
            processes: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// Gives it the scenario's files, open.
    pub(crate) fn hold(&mut self, files: Vec<K::Handle>) {
        self.files = files;
    }

    /// How many processes there have been.
    pub(crate) fn count(&self) -> usize {
        self.processes.len()
    }

    /// The latest who is known by this number, and how it ended.
    pub(crate) fn by_pid(&self, pid: i32) -> Option<(ProcessId, Option<End>)> {
        let is = |process: &Process<K>| process.pid == pid && !process.is_thread();
        let at = self.processes.iter().rposition(is)?;
        let end = match self.processes[at].state {
            State::Ended(end) => Some(end),
            _ => None,
        };
        Some((id_of(at), end))
    }

    /// Whether it is known to have ended.
    pub(crate) fn has_ended(&self, id: ProcessId) -> bool {
        let process = self.processes.get(id.0 as usize);
        process.is_some_and(|process| matches!(process.state, State::Ended(_)))
    }

    /// Everyone who lives, as far as is known.
    pub(crate) fn living(&self) -> Vec<ProcessId> {
        let all = self.processes.iter().enumerate();
        all.filter(|(_, process)| !matches!(process.state, State::Ended(_)))
            .map(|(at, _)| id_of(at))
            .collect()
    }

    /// Waits for the end of a process that is about to end.
    pub(crate) fn wait_for(&mut self, id: ProcessId) -> Result<End, WorldError> {
        let at = self.place(id)?;
        self.bury(at)?;
        match self.processes[at].state {
            State::Ended(end) => Ok(end),
            _ => Err(WorldError(format!("process {} does not end", id.0))),
        }
    }

    /// Takes everyone for killed: the kernel is no more.
    pub(crate) fn all_gone(&mut self) {
        for process in &mut self.processes {
            if !matches!(process.state, State::Ended(_)) {
                process.state = State::Ended(End::Signal(9));
            }
        }
    }

    /// Ends all processes and removes what they left, so that another scenario can begin.
    pub(crate) fn clear(&mut self) {
        for process in &self.processes {
            process.kill();
        }
        for process in &mut self.processes {
            process.reap();
        }
        for id in &self.segments {
            self.kernel.remove_segment(*id);
        }
        self.processes.clear();
        self.segments.clear();
        self.files.clear();
    }

    /// Which files of `/proc/PID` [`World::observe`] reads from now on.
    pub(crate) fn look_at(&mut self, files: Files) {
        self.look = files;
    }

    /// Performs steps one after the other, with as few switches of context as possible. Fewer results
    /// than steps: the process ended.
    pub(crate) fn perform(
        &mut self,
        id: ProcessId,
        steps: &[Step],
    ) -> Result<Vec<Done>, WorldError> {
        let at = self.running(id)?;
        let context = self.processes[at].context;
        let mut all = Vec::with_capacity(steps.len());
        let mut requests = Vec::new();
        let mut meanings = Vec::new();
        for step in steps {
            if let Step::Call(Call::SetOomScoreAdj { adj }) = step {
                if !self.flush(at, &mut requests, &mut meanings, &mut all)? {
                    return Ok(all);
                }
                match self.write_adj(at, *adj)? {
                    Some(value) => all.push(Done::Returned(Returned::plain(value))),
                    None => return Ok(all),
                }
                continue;
            }
            let makes_segment = matches!(step, Step::Call(Call::Shmget { .. }));
            let of_swap = match step {
                Step::Call(call @ (Call::Swapon { area, .. } | Call::Swapoff { area })) => {
                    let device = self.kernel.swap_area(*area);
                    device.and_then(|device| step::swap_requests(call, &device, context))
                }
                _ => None,
            };
            let (more, meaning) = match of_swap {
                Some(known) => known,
                None => step::requests(step, context, &self.segments, self.files.len())
                    .map_err(WorldError)?,
            };
            meanings.push((meaning, more.len()));
            requests.extend(more);
            // A later step may name the segment.
            if makes_segment && !self.flush(at, &mut requests, &mut meanings, &mut all)? {
                return Ok(all);
            }
        }
        self.flush(at, &mut requests, &mut meanings, &mut all)?;
        Ok(all)
    }

    /// Sends what has been gathered and reads what came of it; false when the process ended.
    fn flush(
        &mut self,
        at: usize,
        requests: &mut Vec<Request>,
        meanings: &mut Vec<(step::Meaning, usize)>,
        all: &mut Vec<Done>,
    ) -> Result<bool, WorldError> {
        let replies = self.processes[at].ask(requests)?;
        let alive = replies.len() == requests.len();
        requests.clear();
        let mut rest = &replies[..];
        for (meaning, len) in meanings.drain(..) {
            let Some((mine, others)) = rest.split_at_checked(len) else { break };
            rest = others;
            all.push(self.meant(meaning, mine));
        }
        if !alive {
            self.bury(at)?;
        }
        Ok(alive)
    }

    /// What the replies to one step say.
    fn meant(&mut self, meaning: step::Meaning, replies: &[process::Reply]) -> Done {
        let last = replies.last().map(|reply| reply.answer).unwrap_or_default();
        let plain = |value| Done::Returned(Returned::plain(value));
        match meaning {
            step::Meaning::Value => plain(step::value(last.value)),
            step::Meaning::Known(errno) => plain(Err(errno)),
            step::Meaning::Touch => Done::Touched(step::touched(&last)),
            step::Meaning::Segment => plain(match step::value(last.value) {
                Ok(id) => {
                    self.segments.push(i32::try_from(id).unwrap_or(-1));
                    Ok(self.segments.len() as u64 - 1)
                }
                error => error,
            }),
            step::Meaning::Sum => {
                let mut sum = 0;
                for reply in replies {
                    match step::value(reply.answer.value) {
                        Ok(done) => sum += done,
                        Err(errno) if sum == 0 => return plain(Err(errno)),
                        Err(_) => break,
                    }
                    if step::value(reply.answer.value) != Ok(image::SCRATCH_LEN) {
                        break;
                    }
                }
                plain(Ok(sum))
            }
            step::Meaning::Residency => {
                let mut residency = Vec::new();
                for pair in replies.chunks(2) {
                    let [call, bytes] = pair else { break };
                    if let Err(errno) = step::value(call.answer.value) {
                        return plain(Err(errno));
                    }
                    residency.extend_from_slice(&bytes.extra);
                }
                Done::Returned(Returned { value: Ok(0), residency })
            }
        }
    }

    /// Writes `/proc/self/oom_score_adj` from inside the process; `None` when it ended.
    fn write_adj(&mut self, at: usize, adj: i32) -> Result<Option<Result<u64, Errno>>, WorldError> {
        let scratch = image::scratch(self.processes[at].context);
        let call = |number: u64, a: u64, b: u64, c: u64| Request {
            op: Op::Call,
            args: [number, a, b, c, 0, 0, 0],
        };
        let here = i64::from(libc::AT_FDCWD).cast_unsigned();
        let mut requests = step::poke(b"/proc/self/oom_score_adj\0");
        requests.push(call(257, here, scratch, 1));
        let Some(opened) = self.processes[at].ask_whole(&requests)? else { return Ok(None) };
        let fd = match step::value(opened.value) {
            Ok(fd) => fd,
            Err(errno) => return Ok(Some(Err(errno))),
        };
        let text = adj.to_string();
        let mut requests = step::poke(text.as_bytes());
        requests.push(call(1, fd, scratch, text.len() as u64));
        let written = self.processes[at].ask_whole(&requests)?;
        let closed = self.processes[at].ask_whole(&[call(3, fd, 0, 0)])?;
        Ok(written.zip(closed).map(|(written, _)| step::value(written.value).map(|_| 0)))
    }

    /// The place of a process that can be told something.
    fn running(&self, id: ProcessId) -> Result<usize, WorldError> {
        let at = self.place(id)?;
        match self.processes[at].state {
            State::Running => Ok(at),
            State::Suspended(_) => {
                Err(WorldError(format!("process {} waits for its vfork child", id.0)))
            }
            State::Ended(_) => Err(WorldError(format!("process {} has ended", id.0))),
        }
    }

    fn place(&self, id: ProcessId) -> Result<usize, WorldError> {
        let at = id.0 as usize;
        if at < self.processes.len() {
            Ok(at)
        } else {
            Err(WorldError(format!("there is no process {}", id.0)))
        }
    }

    /// A process whose socket is closed: waits for it, and wakes who waits for it.
    fn bury(&mut self, at: usize) -> Result<(), WorldError> {
        let end = self.processes[at].wait_for_end()?;
        let pid = self.processes[at].pid;
        let threads = (0..self.processes.len()).filter(|&other| self.processes[other].pid == pid);
        let threads: Vec<usize> = threads.collect();
        for &other in &threads {
            self.processes[other].state = State::Ended(end);
        }
        // Whoever waits does so for the first.
        threads.into_iter().try_for_each(|other| self.resume_parent_of(other))
    }

    /// The parent of a vfork child that is out of its memory goes on.
    fn resume_parent_of(&mut self, child: usize) -> Result<(), WorldError> {
        for at in 0..self.processes.len() {
            if self.processes[at].state == State::Suspended(child) {
                self.processes[at].state = State::Running;
                if self.processes[at].reply()?.is_none() {
                    self.bury(at)?;
                }
            }
        }
        self.processes[child].context = 0;
        Ok(())
    }

    /// A context of this memory that nobody uses.
    fn free_context(&self, parent: usize) -> Option<u64> {
        let memory = self.processes[parent].memory;
        (1..image::CONTEXTS).find(|context| {
            !self.processes.iter().any(|process| {
                process.memory == memory
                    && process.context == *context
                    && !matches!(process.state, State::Ended(_))
            })
        })
    }
}

impl<K: Kernel> World for ActorWorld<K> {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        if files.len() == self.files.len() {
            return Ok(());
        }
        Err(WorldError("the world that has these actors makes the files".to_owned()))
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        let memory = self.processes.len();
        let mut process = match self.launcher.fork(CLONE_FORK, 0)? {
            process::Forked::Child(child) => *child,
            process::Forked::Refused(errno) => {
                return Err(WorldError(format!("cannot start a process: {errno}")));
            }
            process::Forked::Ended => return Err(WorldError("the launcher has ended".to_owned())),
        };
        process.memory = memory;
        let ready = process.become_one(spec, &self.files);
        if let Err(error) = ready {
            process.kill();
            process.reap();
            return Err(error);
        }
        self.processes.push(process);
        Ok(id_of(memory))
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        match self.perform(process, &[Step::Call(call.clone())])?.pop() {
            Some(Done::Returned(returned)) => Ok(returned),
            _ => Err(WorldError(format!("process {} ended within a call", process.0))),
        }
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        let at = self.running(process)?;
        let most = self.kernel.piece(touch.count).max(1);
        let mut requests = Vec::new();
        let mut from = 0;
        while from < touch.count {
            let count = most.min(touch.count - from);
            let addr = touch.addr.wrapping_add(from.wrapping_mul(touch.stride));
            requests.push(step::touch_request(&Touch { addr, count, ..*touch }));
            from += count;
        }
        // Most are a few pieces; one that goes on for long is cut again by who carries it.
        let mut done: u64 = 0;
        for some in requests.chunks(PIECES_AT_ONCE) {
            let replies = self.processes[at].ask_each(some)?;
            for reply in &replies {
                let piece = step::touched(&reply.answer);
                done = done.saturating_add(piece.done);
                if piece.stopped.is_some() {
                    return Ok(Touched { done, stopped: piece.stopped });
                }
            }
            if replies.len() < some.len() {
                match self.bury(at) {
                    // Nobody is left who could say how it ended.
                    Err(_) if self.kernel.is_over() => {}
                    buried => buried?,
                }
                return Ok(Touched { done, stopped: Some(Stop::Killed) });
            }
        }
        Ok(Touched { done, stopped: None })
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let at = self.running(process)?;
        let new = self.processes.len();
        let (flags, context) = match kind {
            ForkKind::Fork => (CLONE_FORK, 0),
            ForkKind::Vfork | ForkKind::Thread => {
                let Some(context) = self.free_context(at) else {
                    return Err(WorldError(format!(
                        "the actor has room for {} threads and vfork children at once",
                        image::CONTEXTS - 1
                    )));
                };
                (if kind == ForkKind::Vfork { CLONE_VFORK } else { CLONE_THREAD }, context)
            }
        };
        let mut child = match self.processes[at].fork(flags, context)? {
            process::Forked::Child(child) => *child,
            process::Forked::Refused(errno) => return Ok(Err(errno)),
            process::Forked::Ended => {
                self.bury(at)?;
                return Err(WorldError(format!("process {} ended within a fork", process.0)));
            }
        };
        child.context = if kind == ForkKind::Fork { self.processes[at].context } else { context };
        child.memory = if kind == ForkKind::Fork { new } else { self.processes[at].memory };
        if kind == ForkKind::Thread {
            child.pid = self.processes[at].pid;
        }
        self.processes.push(child);
        if kind == ForkKind::Vfork {
            self.processes[at].state = State::Suspended(new);
        }
        Ok(Ok(id_of(new)))
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        let at = self.running(process)?;
        if !self.processes[at].exec()? {
            return self.bury(at);
        }
        // Its other threads are gone.
        let pid = self.processes[at].pid;
        let others = self.processes.iter_mut().enumerate();
        for (_, other) in others.filter(|(place, other)| *place != at && other.pid == pid) {
            other.state = State::Ended(End::Exit(0));
        }
        self.processes[at].memory = at;
        self.resume_parent_of(at)?;
        self.processes[at].set_name()
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        let at = self.place(process)?;
        match (self.processes[at].state, how) {
            (State::Ended(_), _) => return Ok(()),
            (State::Suspended(_), End::Exit(_)) => {
                return Err(WorldError(format!("process {} waits for its vfork child", process.0)));
            }
            (_, End::Exit(status)) => self.processes[at].exit(status)?,
            (_, End::Signal(signal)) => self.processes[at].signal(signal.into()),
        }
        if self.processes[at].is_thread() && matches!(how, End::Exit(_)) {
            self.processes[at].wait_for_thread()?;
            self.processes[at].state = State::Ended(how);
            return Ok(());
        }
        self.bury(at)
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.kernel
            .sleep(nanoseconds)
            .map_err(|error| WorldError(format!("cannot let time pass: {error}")))
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        let at = self.place(process)?;
        if matches!(self.processes[at].state, State::Ended(_)) {
            return Ok(Observation::default());
        }
        let mut seen = self.processes[at].observe(self.look)?;
        for name in &self.machine {
            let text = self
                .kernel
                .read(&format!("/proc/{name}"))
                .map_err(|error| WorldError(format!("cannot read /proc/{name}: {error}")))?;
            seen.machine.push((name.clone(), text));
        }
        Ok(seen)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        let at = self.place(process)?;
        if !matches!(self.processes[at].state, State::Ended(_)) && self.processes[at].has_ended()? {
            self.bury(at)?;
        }
        match self.processes[at].state {
            State::Ended(end) => Ok(Some(end)),
            _ => Ok(None),
        }
    }
}

impl<K: Kernel> Drop for ActorWorld<K> {
    fn drop(&mut self) {
        self.clear();
        self.launcher.kill();
        self.launcher.reap();
    }
}

/// Touches are sent so many pieces at a time.
const PIECES_AT_ONCE: usize = 200;

fn id_of(place: usize) -> ProcessId {
    ProcessId(u32::try_from(place).unwrap_or(u32::MAX))
}
