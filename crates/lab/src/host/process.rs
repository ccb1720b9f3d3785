//! One actor: its socket, its state, its end.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use actor::{ANSWER_LEN, Answer, CLONE_THREAD, MOST_REQUESTS, Op, Request, handles, image};
use world::{End, Errno, Observation, ProcessSpec, WorldError};

use super::observe::{Files, ProcFolder};
use super::step;
use crate::sys::{self, WaitStatus};

/// Seconds after which an actor that does not answer is taken for lost.
const PATIENCE: i64 = 60;

/// No descriptor along with a message.
const NOTHING: Option<&OwnedFd> = None;

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
pub(super) enum Forked {
    Child(Box<Process>),
    Refused(Errno),
    /// The process that forked died of it.
    Ended,
}

/// A flow of control: a process, or a thread of one.
#[derive(Debug)]
pub(super) struct Process {
    socket: OwnedFd,
    /// The process.
    pub(super) pid: i32,
    /// The thread; equals `pid` for the first.
    tid: i32,
    name: String,
    /// Which buffers of the actor are its own.
    pub(super) context: u64,
    /// Whose memory it is, as a place in the list of processes.
    pub(super) memory: usize,
    pub(super) state: State,
    reaped: bool,
    proc: ProcFolder,
    buffer: Vec<u8>,
}

impl Process {
    /// Starts an actor that others are forked from: see [`super::launcher`].
    pub(super) fn launcher(program: &File) -> Result<Process, WorldError> {
        let no = |error: io::Error| WorldError(format!("cannot start the actor: {error}"));
        let (socket, theirs) = sys::socket_pair(PATIENCE).map_err(no)?;
        let handles =
            vec![(program.as_raw_fd(), handles::PROGRAM), (theirs.as_raw_fd(), handles::SOCKET)];
        let mut command = Command::new(format!("/proc/self/fd/{}", handles::PROGRAM));
        command
            .arg0("actor")
            .arg(handles::SOCKET.to_string())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        sys::set_up(&mut command, handles);
        let child = command.spawn().map_err(no)?;
        let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
        drop(theirs);
        let mut process = Process::new(socket, "launcher");
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

    fn new(socket: OwnedFd, name: &str) -> Process {
        Process {
            socket,
            pid: 0,
            tid: 0,
            name: name.to_owned(),
            context: 0,
            memory: 0,
            state: State::Running,
            reaped: false,
            proc: ProcFolder::default(),
            buffer: vec![0; 16 << 10],
        }
    }

    /// Becomes what `spec` says, with a fresh image.
    pub(super) fn become_one(
        &mut self,
        spec: &ProcessSpec,
        files: &[File],
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
                let hard = sys::hard_limit(number).max(soft);
                let bytes = [soft.to_ne_bytes(), hard.to_ne_bytes()].concat();
                let args = [0, u64::from(number), image::scratch(0), 0];
                self.prepare("set a limit", &bytes, 302, args)?;
            }
        }
        if spec.adj.get() != 0 {
            let path = format!("/proc/{}/oom_score_adj", self.pid);
            std::fs::write(&path, spec.adj.get().to_string())
                .map_err(|error| WorldError(format!("cannot write {path}: {error}")))?;
        }
        if spec.nice != 0 {
            let nice = i64::from(spec.nice).cast_unsigned();
            self.prepare("set its nice value", &[], 141, [0, 0, nice, 0])?;
        }
        if spec.uid == 0 && sys::own_uid() != 0 {
            return Err(WorldError("a process of root's needs root".to_owned()));
        }
        // What one who is not root may do does not depend on who it is.
        if sys::own_uid() == 0 && spec.uid != 0 {
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
        let mut replies = Vec::with_capacity(requests.len());
        let mut rest = requests;
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(batch_len(rest));
            rest = others;
            if !self.send(batch, NOTHING)? {
                break;
            }
            let len = self.receive()?;
            if len == 0 {
                break;
            }
            let mut at = 0;
            for request in batch {
                let extra = if request.op == Op::Peek { word_len(request.args[1]) } else { 0 };
                let padded = extra.next_multiple_of(8);
                let Some(answer) = answer(&self.buffer, at) else { break };
                let from = at + ANSWER_LEN;
                if from + padded > len {
                    break;
                }
                replies.push(Reply { answer, extra: self.buffer[from..from + extra].to_vec() });
                at = from + padded;
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
        let len = self.receive()?;
        Ok(if len < ANSWER_LEN { None } else { answer(&self.buffer, 0) })
    }

    /// False when nobody listens any more.
    fn send(&self, batch: &[Request], along: Option<&impl AsFd>) -> Result<bool, WorldError> {
        let bytes: Vec<u8> = batch.iter().flat_map(|request| request.to_bytes()).collect();
        match sys::send(&self.socket, &bytes, along) {
            Ok(()) => Ok(true),
            Err(error) if gone(&error) => Ok(false),
            Err(error) => Err(WorldError(format!("cannot tell process {}: {error}", self.pid))),
        }
    }

    fn receive(&mut self) -> Result<usize, WorldError> {
        sys::receive(&self.socket, &mut self.buffer).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                WorldError(format!("process {} gives no answer in {PATIENCE} s", self.pid))
            }
            _ => WorldError(format!("cannot hear process {}: {error}", self.pid)),
        })
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
    pub(super) fn fork(&mut self, flags: u64, context: u64) -> Result<Forked, WorldError> {
        let (socket, theirs) = sys::socket_pair(PATIENCE)
            .map_err(|error| WorldError(format!("cannot make a socket: {error}")))?;
        let request = Request { op: Op::Fork, args: [flags, context, 0, 0, 0, 0, 0] };
        if !self.send(&[request], Some(&theirs))? {
            return Ok(Forked::Ended);
        }
        drop(theirs);
        let mut child = Process::new(socket, &self.name);
        child.context = context;
        // A child says its number first; a refusal closes the socket, and only the parent answers.
        let born = child.reply()?;
        if let Some(answer) = born {
            child.tid = i32::try_from(answer.value).unwrap_or(-1);
            child.pid = if flags == CLONE_THREAD { self.pid } else { child.tid };
            child.proc = ProcFolder::new(child.pid);
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
        if !self.send(&[request], NOTHING)? {
            return Ok(false);
        }
        let Some(answer) = self.reply()? else { return Ok(false) };
        if let Err(errno) = step::value(answer.value) {
            return Err(WorldError(format!("process {} cannot exec: {errno}", self.pid)));
        }
        self.context = 0;
        self.tid = self.pid;
        self.proc.forget();
        Ok(true)
    }

    /// Tells it to exit: the process, or the thread.
    pub(super) fn exit(&mut self, status: i32) -> Result<(), WorldError> {
        let number = if self.is_thread() { 60 } else { 231 };
        let status = i64::from(status).cast_unsigned();
        self.send(&[Request { op: Op::Call, args: [number, status, 0, 0, 0, 0, 0] }], NOTHING)?;
        Ok(())
    }

    /// Waits until a thread that was told to exit is gone.
    pub(super) fn wait_for_thread(&self) -> Result<(), WorldError> {
        let path = format!("/proc/{}/task/{}", self.pid, self.tid);
        for _ in 0..1_000_000 {
            if !Path::new(&path).exists() {
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
        let status = sys::wait(self.pid, true)
            .map_err(|error| WorldError(format!("cannot wait for {}: {error}", self.pid)))?;
        self.reaped = true;
        Ok(end_of(status))
    }

    /// Whether it has ended by itself; its end is kept.
    pub(super) fn has_ended(&mut self) -> Result<bool, WorldError> {
        match sys::wait(self.pid, false) {
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
        self.proc.observe(files)
    }

    /// Kills it if it lives.
    pub(super) fn kill(&self) {
        if !self.is_over() {
            sys::kill(self.pid, libc::SIGKILL);
        }
    }

    /// Waits for it after it was killed.
    pub(super) fn reap(&mut self) {
        if !self.is_over() {
            // It cannot be another's child; an error means there is nothing to wait for.
            let _ = sys::wait(self.pid, true);
            self.reaped = true;
        }
    }

    /// Whether its number may by now be another process's.
    fn is_over(&self) -> bool {
        self.reaped || self.is_thread() || self.pid <= 0 || matches!(self.state, State::Ended(_))
    }
}

fn gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET | libc::ENOTCONN))
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
