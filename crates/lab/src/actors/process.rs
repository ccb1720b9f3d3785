//! One actor: its socket, its state, its end.

use std::rc::Rc;

use actor::{ANSWER_LEN, Answer, CLONE_THREAD, MOST_REQUESTS, Op, Request, handles, image};
use world::{End, Errno, Observation, ProcessSpec, WorldError};

use super::kernel::{Kernel, WaitStatus, gone};
use super::step;
use crate::Files;

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Waiting for what it is told.
    Running,
    /// Waiting for its vfork child, the process at this place.
    Suspended(usize),
    /// Gone.
    Ended(End),
}

/// The answer to one request, and what came along.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) extra: Vec<u8>,
}

/// What came of a fork.
pub(super) enum Forked<K: Kernel> {
    Child(Box<Process<K>>),
    Refused(Errno),
    /// The process that forked died of it.
    Ended,
}

/// A flow of control: a process, or a thread of one.
#[derive(Debug)]
pub(crate) struct Process<K: Kernel> {
    kernel: Rc<K>,
    socket: K::Handle,
    /// The process.
    pub(crate) pid: i32,
    /// The thread; equals `pid` for the first.
    tid: i32,
    name: String,
    /// Which buffers of the actor are its own.
    pub(super) context: u64,
    /// Whose memory it is, as a place in the list of processes.
    pub(super) memory: usize,
    pub(super) state: State,
    reaped: bool,
    proc: K::Folder,
}

impl<K: Kernel> Process<K> {
    /// The actor that others are forked from, which has been started as `pid`, when it is ready.
    pub(crate) fn launcher(
        kernel: Rc<K>,
        socket: K::Handle,
        pid: i32,
    ) -> Result<Process<K>, WorldError> {
        let mut process = Process::new(kernel, socket, "launcher");
        (process.pid, process.tid) = (pid, pid);
        match process.reply() {
            Ok(Some(_)) => Ok(process),
            Ok(None) => {
                let end = process.wait_for_end()?;
                Err(WorldError(format!("the actor ended at once: {end:?}")))
            }
            Err(error) => {
                process.kill();
                process.reap();
                Err(error)
            }
        }
    }

    fn new(kernel: Rc<K>, socket: K::Handle, name: &str) -> Process<K> {
        Process {
            kernel,
            socket,
            pid: 0,
            tid: 0,
            name: name.to_owned(),
            context: 0,
            memory: 0,
            state: State::Running,
            reaped: false,
            proc: K::Folder::default(),
        }
    }

    /// Becomes what `spec` says, with a fresh image.
    pub(super) fn become_one(
        &mut self,
        spec: &ProcessSpec,
        files: &[K::Handle],
    ) -> Result<(), WorldError> {
        for (file, number) in files.iter().zip(handles::FILES..) {
            let number = i64::from(number).cast_unsigned();
            let request = Request { op: Op::Place, args: [number, 0, 0, 0, 0, 0, 0] };
            self.send(&[request], Some(file))?;
            let placed = self.reply()?.ok_or_else(|| self.lost())?;
            self.expect("take a file", placed)?;
        }
        let limits = [
            (libc::RLIMIT_DATA, spec.limits.data),
            (libc::RLIMIT_STACK, spec.limits.stack),
            (libc::RLIMIT_MEMLOCK, spec.limits.memlock),
            (libc::RLIMIT_AS, spec.limits.address_space),
        ];
        for (number, soft) in limits {
            if let Some(soft) = soft {
                let hard = self.kernel.hard_limit(number).max(soft);
                let bytes = [soft.to_ne_bytes(), hard.to_ne_bytes()].concat();
                let args = [0, u64::from(number), image::scratch(0), 0];
                self.prepare("set a limit", &bytes, 302, args)?;
            }
        }
        if spec.adj.get() != 0 || self.kernel.protects_actors() {
            let path = format!("/proc/{}/oom_score_adj", self.pid);
            self.write(&path, &spec.adj.get().to_string())?;
        }
        if let Some(path) = &spec.cgroup {
            let Some(root) = self.kernel.cgroups() else {
                return Err(WorldError("real processes are not put into cgroups here".to_owned()));
            };
            self.write(&format!("{root}{path}/cgroup.procs"), &self.pid.to_string())?;
        }
        if spec.nice != 0 {
            let nice = i64::from(spec.nice).cast_unsigned();
            self.prepare("set its nice value", &[], 141, [0, 0, nice, 0])?;
        }
        if spec.uid == 0 && !self.kernel.is_root() {
            return Err(WorldError("a process of root's needs root".to_owned()));
        }
        // What one who is not root may do does not depend on who it is.
        if self.kernel.is_root() && spec.uid != 0 {
            let id = u64::from(spec.uid);
            self.prepare("leave its groups", &[], 116, [0, 0, 0, 0])?;
            self.prepare("change its group", &[], 119, [id, id, id, 0])?;
            self.prepare("change its user", &[], 117, [id, id, id, 0])?;
        }
        // A change of user has undone it.
        self.prepare("die with the lab", &[], 157, [1, 9, 0, 0])?;
        if !self.exec()? {
            return Err(self.lost());
        }
        spec.name.clone_into(&mut self.name);
        self.set_name()
    }

    fn write(&self, path: &str, text: &str) -> Result<(), WorldError> {
        self.kernel
            .write(path, text)
            .map_err(|error| WorldError(format!("cannot write {path}: {error}")))
    }

    /// A call that prepares the process for what it will be.
    fn prepare(
        &mut self,
        what: &str,
        bytes: &[u8],
        number: u64,
        args: [u64; 4],
    ) -> Result<(), WorldError> {
        let mut requests = step::poke(bytes);
        let [a, b, c, d] = args;
        requests.push(Request { op: Op::Call, args: [number, a, b, c, d, 0, 0] });
        let answer = self.ask_whole(&requests)?.ok_or_else(|| self.lost())?;
        self.expect(what, answer)
    }

    fn expect(&self, what: &str, answer: Answer) -> Result<(), WorldError> {
        match step::value(answer.value) {
            Ok(_) => Ok(()),
            Err(errno) => Err(WorldError(format!("process {} cannot {what}: {errno}", self.pid))),
        }
    }

    fn lost(&self) -> WorldError {
        WorldError(format!("process {} ended while it was being started", self.pid))
    }

    pub(super) fn is_thread(&self) -> bool {
        self.pid != self.tid
    }

    /// Sends requests, in as many batches as it takes. Fewer replies than requests: it ended.
    pub(super) fn ask(&mut self, requests: &[Request]) -> Result<Vec<Reply>, WorldError> {
        let mut batches = Vec::new();
        let mut rest = requests;
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(batch_len(rest));
            rest = others;
            batches.push(batch);
        }
        self.exchange(&batches)
    }

    /// Sends requests one by one: there is a reply for each that was done before the process ended.
    pub(super) fn ask_each(&mut self, requests: &[Request]) -> Result<Vec<Reply>, WorldError> {
        let single: Vec<&[Request]> = requests.chunks(1).collect();
        self.exchange(&single)
    }

    fn exchange(&mut self, batches: &[&[Request]]) -> Result<Vec<Reply>, WorldError> {
        let messages: Vec<Vec<u8>> = batches.iter().map(|batch| message(batch)).collect();
        let answers = self
            .kernel
            .exchange(&self.socket, &messages)
            .map_err(|error| WorldError(format!("cannot talk to process {}: {error}", self.pid)))?;
        let mut replies = Vec::new();
        for (batch, bytes) in batches.iter().zip(&answers) {
            let mut at = 0;
            for request in *batch {
                let extra = if request.op == Op::Peek { word_len(request.args[1]) } else { 0 };
                let Some(answer) = answer(bytes, at) else { break };
                let from = at + ANSWER_LEN;
                let Some(more) = bytes.get(from..from + extra) else { break };
                replies.push(Reply { answer, extra: more.to_vec() });
                at = from + extra.next_multiple_of(8);
            }
        }
        Ok(replies)
    }

    /// As [`Process::ask`], for requests whose last answer alone counts; `None` when it ended.
    pub(super) fn ask_whole(&mut self, requests: &[Request]) -> Result<Option<Answer>, WorldError> {
        let replies = self.ask(requests)?;
        let whole = replies.len() == requests.len();
        Ok(replies.last().filter(|_| whole).map(|reply| reply.answer))
    }

    /// Waits for one answer; `None` when it ended.
    pub(super) fn reply(&mut self) -> Result<Option<Answer>, WorldError> {
        let bytes = self
            .kernel
            .receive(&self.socket)
            .map_err(|error| WorldError(format!("cannot hear process {}: {error}", self.pid)))?;
        Ok(answer(&bytes, 0))
    }

    /// False when nobody listens any more.
    fn send(&self, batch: &[Request], along: Option<&K::Handle>) -> Result<bool, WorldError> {
        match self.kernel.send(&self.socket, &message(batch), along) {
            Ok(()) => Ok(true),
            Err(error) if gone(&error) => Ok(false),
            Err(error) => Err(WorldError(format!("cannot tell process {}: {error}", self.pid))),
        }
    }

    /// Gives it its name, as far as the kernel has room for one.
    pub(super) fn set_name(&mut self) -> Result<(), WorldError> {
        let name: Vec<u8> =
            self.name.bytes().take(15).take_while(|byte| *byte != 0).chain([0]).collect();
        let mut requests = step::poke(&name);
        let args = [157, 15, image::scratch(self.context), 0, 0, 0, 0];
        requests.push(Request { op: Op::Call, args });
        self.ask_whole(&requests)?;
        Ok(())
    }

    /// Makes a process or thread with these flags of `clone`.
    pub(super) fn fork(&mut self, flags: u64, context: u64) -> Result<Forked<K>, WorldError> {
        let (socket, theirs) = self
            .kernel
            .pair()
            .map_err(|error| WorldError(format!("cannot make a socket: {error}")))?;
        let request = Request { op: Op::Fork, args: [flags, context, 0, 0, 0, 0, 0] };
        if !self.send(&[request], Some(&theirs))? {
            return Ok(Forked::Ended);
        }
        drop(theirs);
        let mut child = Process::new(Rc::clone(&self.kernel), socket, &self.name);
        child.context = context;
        // A child says its number first; a refusal closes the socket, and only the parent answers.
        let born = child.reply()?;
        if let Some(answer) = born {
            child.tid = i32::try_from(answer.value).unwrap_or(-1);
            child.pid = if flags == CLONE_THREAD { self.pid } else { child.tid };
        }
        let suspended = born.is_some() && flags == actor::CLONE_VFORK;
        if !suspended {
            match self.reply()?.map(|answer| step::value(answer.value)) {
                None => return Ok(Forked::Ended),
                Some(Err(errno)) => return Ok(Forked::Refused(errno)),
                Some(Ok(_)) => {}
            }
        }
        if born.is_none() {
            return Err(WorldError(format!("the child of process {} ended at once", self.pid)));
        }
        Ok(Forked::Child(Box::new(child)))
    }

    /// Replaces the image; false when the process ended of it.
    pub(super) fn exec(&mut self) -> Result<bool, WorldError> {
        let request = Request { op: Op::Exec, args: [0; 7] };
        if !self.send(&[request], None)? {
            return Ok(false);
        }
        let Some(answer) = self.reply()? else { return Ok(false) };
        if let Err(errno) = step::value(answer.value) {
            return Err(WorldError(format!("process {} cannot exec: {errno}", self.pid)));
        }
        self.context = 0;
        self.tid = self.pid;
        self.proc = K::Folder::default();
        Ok(true)
    }

    /// Tells it to exit: the process, or the thread.
    pub(super) fn exit(&mut self, status: i32) -> Result<(), WorldError> {
        let number = if self.is_thread() { 60 } else { 231 };
        let status = i64::from(status).cast_unsigned();
        self.send(&[Request { op: Op::Call, args: [number, status, 0, 0, 0, 0, 0] }], None)?;
        Ok(())
    }

    /// Waits until a thread that was told to exit is gone.
    pub(super) fn wait_for_thread(&self) -> Result<(), WorldError> {
        let path = format!("/proc/{}/task/{}", self.pid, self.tid);
        for _ in 0..1_000_000 {
            if !self.kernel.exists(&path) {
                return Ok(());
            }
            std::thread::yield_now();
        }
        Err(WorldError(format!("thread {} does not end", self.tid)))
    }

    /// Waits for the end of the process.
    pub(super) fn wait_for_end(&mut self) -> Result<End, WorldError> {
        if let State::Ended(end) = self.state {
            return Ok(end);
        }
        let status = self
            .kernel
            .wait(self.pid, true)
            .map_err(|error| WorldError(format!("cannot wait for {}: {error}", self.pid)))?;
        self.reaped = true;
        Ok(end_of(status))
    }

    /// Whether it has ended by itself; its end is kept.
    pub(super) fn has_ended(&mut self) -> Result<bool, WorldError> {
        match self.kernel.wait(self.pid, false) {
            Ok(None) => Ok(false),
            Ok(status) => {
                self.reaped = true;
                self.state = State::Ended(end_of(status));
                Ok(true)
            }
            Err(error) => Err(WorldError(format!("cannot wait for {}: {error}", self.pid))),
        }
    }

    pub(super) fn observe(&mut self, files: Files) -> Result<Observation, WorldError> {
        self.kernel
            .observe(&mut self.proc, self.pid, files)
            .map_err(|error| WorldError(format!("cannot look at process {}: {error}", self.pid)))
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: i32) {
        self.kernel.kill(self.pid, signal);
    }

    /// Kills it if it lives.
    pub(crate) fn kill(&self) {
        if !self.is_over() {
            self.signal(9);
        }
    }

    /// Waits for it after it was killed.
    pub(crate) fn reap(&mut self) {
        if !self.is_over() {
            // It cannot be another's child; an error means there is nothing to wait for.
            let _ = self.kernel.wait(self.pid, true);
            self.reaped = true;
        }
    }

    /// Whether its number may by now be another process's.
    fn is_over(&self) -> bool {
        self.reaped || self.is_thread() || self.pid <= 0 || matches!(self.state, State::Ended(_))
    }
}

/// Requests as one message.
fn message(batch: &[Request]) -> Vec<u8> {
    batch.iter().flat_map(|request| request.to_bytes()).collect()
}

fn end_of(status: Option<WaitStatus>) -> End {
    match status {
        Some(WaitStatus::Signal(signal)) => End::Signal(u8::try_from(signal).unwrap_or(u8::MAX)),
        Some(WaitStatus::Exit(status)) => End::Exit(status),
        None => End::Exit(0),
    }
}

fn word_len(word: u64) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX).min(1 << 16)
}

fn answer(buffer: &[u8], at: usize) -> Option<Answer> {
    let bytes = buffer.get(at..at + ANSWER_LEN)?;
    Some(Answer::from_bytes(bytes.try_into().ok()?))
}

/// How many requests make the next batch: as many as fit, also with their answers.
fn batch_len(requests: &[Request]) -> usize {
    let mut room = word_len(image::ANSWERS_LEN);
    let mut len = 0;
    for request in requests.iter().take(MOST_REQUESTS) {
        let extra = if request.op == Op::Peek { word_len(request.args[1]) } else { 0 };
        let needed = ANSWER_LEN + extra.next_multiple_of(8);
        if needed > room {
            break;
        }
        room -= needed;
        len += 1;
    }
    len.max(1)
}
