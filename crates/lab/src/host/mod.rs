//! Real processes on the running kernel.
//!
//! # Nothing stays behind
//! Files lose their names as soon as they are open; actors die with the thread that started them.

mod fence;
mod fenced;
mod files;
pub(crate) mod observe;

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use actor::handles;
use world::{
    Call, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned, Touch,
    Touched, World, WorldError,
};

use crate::actors::kernel::{Kernel, WaitStatus, piece_of};
use crate::actors::process::Process;
use crate::actors::{ActorWorld, Done, PROGRAM, Step};
use crate::sys;
pub use fenced::FencedWorld;
pub use observe::Files;
use observe::ProcFolder;

/// Seconds after which an actor that does not answer is taken for lost.
const PATIENCE: i64 = 60;

/// Why real processes cannot be had here; `None` when they can.
pub fn unavailable() -> Option<String> {
    if PROGRAM.is_empty() {
        return Some("there is no actor for this processor, only for x86-64".to_owned());
    }
    if !sys::may_fix_addresses() {
        return Some("randomisation of addresses cannot be switched off here".to_owned());
    }
    None
}

/// How real processes are run and looked at.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Folder on a disk for the scenario's files.
    pub disk: PathBuf,
    /// Folder in memory (tmpfs) for them.
    pub memory: PathBuf,
    /// Which files of `/proc/PID` [`World::observe`] reads.
    pub files: Files,
    /// Which files of the machine it reads, below `/proc`.
    pub machine: Vec<String>,
}

impl Default for HostConfig {
    fn default() -> HostConfig {
        HostConfig {
            disk: std::env::temp_dir(),
            memory: PathBuf::from("/dev/shm"),
            files: Files::ALL,
            machine: Vec::new(),
        }
    }
}

/// The running kernel as a world.
#[derive(Debug)]
pub struct HostWorld {
    config: HostConfig,
    actors: ActorWorld<Here>,
}

impl HostWorld {
    /// A world without processes.
    ///
    /// # Errors
    /// A sentence that says why there can be none here.
    pub fn new(config: HostConfig) -> Result<HostWorld, WorldError> {
        if let Some(why) = unavailable() {
            return Err(WorldError(why));
        }
        let kernel = Rc::new(Here::default());
        let launcher = launch(&kernel)?;
        let actors = ActorWorld::with(kernel, launcher, config.files, config.machine.clone());
        Ok(HostWorld { config, actors })
    }

    /// Ends all processes and removes what they left, so that another scenario can begin.
    pub fn clear(&mut self) {
        self.actors.clear();
    }

    /// Puts processes that are started from now on into the cgroups that they name, below this folder.
    fn put_into(&mut self, folder: String) {
        *self.actors.kernel.cgroups.borrow_mut() = Some(Rc::from(folder));
    }

    /// Which files of `/proc/PID` [`World::observe`] reads from now on.
    pub fn look_at(&mut self, files: Files) {
        self.actors.look_at(files);
    }

    /// Performs steps one after the other, with as few switches of context as possible. Fewer results
    /// than steps: the process ended.
    ///
    /// # Errors
    /// As [`World::call`].
    pub fn perform(&mut self, id: ProcessId, steps: &[Step]) -> Result<Vec<Done>, WorldError> {
        self.actors.perform(id, steps)
    }
}

impl World for HostWorld {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        if self.actors.count() > 0 {
            return Err(WorldError("files come before processes".to_owned()));
        }
        self.actors.hold(files::make(files, &self.config)?);
        Ok(())
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        self.actors.start(spec)
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        self.actors.call(process, call)
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        self.actors.touch(process, touch)
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        self.actors.fork(process, kind)
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        self.actors.exec(process)
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.actors.end(process, how)
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.actors.sleep(nanoseconds)
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.actors.observe(process)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        self.actors.alive(process)
    }
}

/// Starts the actor that others are forked from.
fn launch(kernel: &Rc<Here>) -> Result<Process<Here>, WorldError> {
    let no = |error: io::Error| WorldError(format!("cannot start the actor: {error}"));
    let program = files::program(PROGRAM)?;
    let (socket, theirs) = kernel.pair().map_err(no)?;
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
    Process::launcher(Rc::clone(kernel), socket, pid)
}

/// This machine's kernel.
#[derive(Debug, Default)]
pub(crate) struct Here {
    /// Where memory cgroups of the scenario are, if it has any.
    cgroups: RefCell<Option<Rc<str>>>,
}

impl Kernel for Here {
    type Handle = OwnedFd;
    type Folder = ProcFolder;

    fn pair(&self) -> io::Result<(OwnedFd, OwnedFd)> {
        sys::socket_pair(PATIENCE)
    }

    fn send(&self, socket: &OwnedFd, bytes: &[u8], along: Option<&OwnedFd>) -> io::Result<()> {
        sys::send(socket, bytes, along)
    }

    fn receive(&self, socket: &OwnedFd) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 16 << 10];
        let len = sys::receive(socket, &mut buffer).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::Error::other(format!("no answer in {PATIENCE} s")),
            _ => error,
        })?;
        buffer.truncate(len);
        Ok(buffer)
    }

    fn wait(&self, pid: i32, wait: bool) -> io::Result<Option<WaitStatus>> {
        sys::wait(pid, wait)
    }

    fn kill(&self, pid: i32, signal: i32) {
        sys::kill(pid, signal);
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        std::fs::write(path, text)
    }

    fn exists(&self, path: &str) -> bool {
        Path::new(path).exists()
    }

    fn hard_limit(&self, number: u32) -> u64 {
        sys::hard_limit(number)
    }

    fn is_root(&self) -> bool {
        sys::own_uid() == 0
    }

    fn cgroups(&self) -> Option<Rc<str>> {
        self.cgroups.borrow().clone()
    }

    fn piece(&self, count: u64) -> u64 {
        // Without cgroups nobody runs out of memory.
        if self.cgroups.borrow().is_some() { piece_of(count) } else { count }
    }

    fn observe(&self, folder: &mut ProcFolder, pid: i32, files: Files) -> io::Result<Observation> {
        folder.observe(pid, files)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn remove_segment(&self, id: i32) {
        sys::remove_segment(id);
    }

    fn sleep(&self, nanoseconds: u64) -> io::Result<()> {
        std::thread::sleep(Duration::from_nanos(nanoseconds));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
