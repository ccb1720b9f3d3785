//! What can perform calls and be looked at.

use std::error::Error;
use std::fmt;

use crate::{
    Call, Control, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned, Setup,
    Touch, Touched,
};

/// The world itself failed: no process could be started, a file could not be made, a guest hangs.
/// Never what a program sees: that is an [`Errno`] or a signal.
#[derive(Debug)]
pub struct WorldError(pub String);

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for WorldError {}

/// A world that processes live in: the model, this machine's kernel, a kernel in a virtual machine.
///
/// A call or a touch of a process that is dead is a [`WorldError`]; whether one is dead is what
/// [`World::alive`] tells.
pub trait World {
    /// Makes the scenario's files; [`Call::Open`] names them by their place in this list.
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError>;

    /// Starts a process: a fresh image with nothing but the few mappings an exec makes.
    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError>;

    /// Performs a call.
    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError>;

    /// Accesses memory.
    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError>;

    /// Makes a child, which waits for what it is told to do.
    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError>;

    /// Replaces the image of a process by a fresh one, as `execve(2)` of the same program does.
    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError>;

    /// Ends a process: by `exit(2)` with this status, or by a signal sent to it.
    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError>;

    /// Lets this much time pass, in nanoseconds.
    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError>;

    /// Looks at a process.
    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError>;

    /// Whether it lives, or how it ended.
    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError>;

    /// Arranges swap, cgroups and settings, before the first file and the first process.
    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        if setup.is_empty() {
            return Ok(());
        }
        Err(WorldError(
            "this machine is not ours to arrange: no swap, cgroup or setting".to_owned(),
        ))
    }

    /// Writes to a file that changes the machine, as root.
    fn control(&mut self, what: &Control, _value: &str) -> Result<Result<(), Errno>, WorldError> {
        Err(WorldError(format!("this machine is not ours to change: `{what}`")))
    }

    /// Files of the whole machine, by the path that a capture gives them: below `/proc` as they are
    /// (`meminfo`, `zoneinfo`, `pressure/memory`), others from the root (`sys/fs/cgroup/web/memory.stat`).
    /// Empty when the machine is not the scenario's own.
    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        Ok(Vec::new())
    }

    /// What the kernel has logged since the machine was set up, as the console shows it.
    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        Ok(Vec::new())
    }

    /// Who has died since this was last asked, and was not told to: by the OOM killer.
    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        Ok(Vec::new())
    }

    /// Which monitors of pressure have been woken since this was last asked: by their numbers, the first that
    /// was written to a file of pressure being 0 ([`Control::is_pressure`]). Several events between two
    /// questions are one, as for a monitor that polls late.
    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        Ok(Vec::new())
    }

    /// Why the machine does nothing any more, if so: what the kernel said when it panicked, or what it
    /// waits for in vain. Any other question to it but that for its log is a [`WorldError`].
    fn panicked(&mut self) -> Option<String> {
        None
    }
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// By itself, with this status.
    Exit(i32),
    /// By this signal.
    Signal(u8),
}

/// A world that is lent.
impl<W: World + ?Sized> World for &mut W {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        (**self).files(files)
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        (**self).start(spec)
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        (**self).call(process, call)
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        (**self).touch(process, touch)
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        (**self).fork(process, kind)
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        (**self).exec(process)
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        (**self).end(process, how)
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        (**self).sleep(nanoseconds)
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        (**self).observe(process)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        (**self).alive(process)
    }

    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        (**self).setup(setup)
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        (**self).control(what, value)
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        (**self).machine()
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        (**self).log()
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        (**self).deaths()
    }

    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        (**self).woken()
    }

    fn panicked(&mut self) -> Option<String> {
        (**self).panicked()
    }
}
