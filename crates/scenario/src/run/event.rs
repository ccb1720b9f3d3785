//! What happened, step by step.

use std::fmt;
use std::rc::Rc;

use world::{
    Call, Control, End, Errno, ForkKind, Observation, ProcessId, Returned, Stop, Touch, Touched,
};

use super::machine::{Death, MachineSeen};
use crate::program::NameId;
use crate::source::Span;

/// One step, or something that happened to a process.
#[derive(Debug, Clone)]
pub struct Event {
    /// Number of the step, from 1 over all processes; 0 for what is no step.
    pub step: u64,
    /// Virtual time in nanoseconds since the scenario began. It moves while processes sleep.
    pub time: u64,
    /// Whose.
    pub process: ProcessId,
    /// Its name.
    pub name: NameId,
    /// Where the step is written.
    pub span: Span,
    /// What.
    pub what: What,
    /// Whether a failure was reckoned with: an `expect` about it follows, or a loop ends by it.
    pub foreseen: bool,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The machine started it.
    Started,
    /// A call, and what it gave.
    Call(Call, Returned),
    /// Accesses, and how far they came. With `random`, that many single ones.
    Touch {
        /// The accesses; of random ones the range that they were in.
        touch: Touch,
        /// How far they came.
        touched: Touched,
        /// Whether they were at random.
        random: bool,
    },
    /// A request to the allocator: as it is written in C, and what it gave.
    Heap(String, Result<u64, Errno>),
    /// A child, or why there is none.
    Forked(ForkKind, Result<ProcessId, Errno>),
    /// A fresh image.
    Exec,
    /// It ended by itself or sent a signal.
    Ends(End),
    /// A signal was sent to other processes; the error if there was none.
    Killed(NameId, u8, Result<(), Errno>),
    /// Something was written to a file that changes the machine.
    Control(Control, String, Result<(), Errno>),
    /// A monitor of pressure was woken: the file, and what it had asked for.
    Woken(Control, String),
    /// It goes to sleep for so many nanoseconds.
    Sleeps(u64),
    /// It waits for another one.
    Waits(NameId),
    /// It said something.
    Said(String),
    /// A name was given to a range.
    Named(u64, u64),
    /// `/proc` was looked at, of every process that lives.
    Checkpoint(String, Vec<(ProcessId, Rc<Observation>)>),
    /// The machine was looked at, right after [`What::Checkpoint`] of that name; not when it is not
    /// the scenario's.
    Machine(String, Rc<MachineSeen>),
    /// A claim was looked at.
    Expected(Verdict),
    /// It was found dead.
    Died(End),
    /// The OOM killer has chosen it, while a step was done that may be another process's.
    Chosen(Death),
    /// The kernel panicked, with these words. Nothing comes after it but claims at the end.
    Panicked(String),
    /// It has done all its steps.
    Done,
}

/// Whether a claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it does; `None`: not looked at, since it is about other worlds.
    pub held: Option<bool>,
    /// What was wanted, as it is written.
    pub wanted: String,
    /// What was found.
    pub found: String,
}

/// Why a step did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// An error.
    Error(Errno),
    /// A signal, or death.
    Stopped(Stop),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Error(errno) => errno.fmt(f),
            Failed::Stopped(Stop::Signal(fault)) => fault.fmt(f),
            Failed::Stopped(Stop::Killed) => f.write_str("killed"),
        }
    }
}

impl What {
    /// Why it failed, if it did. A break that did not move failed for lack of memory, as the C
    /// library has it.
    pub fn failed(&self) -> Option<Failed> {
        match self {
            What::Call(Call::Brk { addr }, returned) => match returned.value {
                Ok(value) if value == *addr || *addr == 0 => None,
                Ok(_) => Some(Failed::Error(Errno::ENOMEM)),
                Err(errno) => Some(Failed::Error(errno)),
            },
            What::Call(_, returned) => returned.value.err().map(Failed::Error),
            What::Touch { touched, .. } => touched.stopped.map(Failed::Stopped),
            What::Heap(_, Err(errno))
            | What::Control(_, _, Err(errno))
            | What::Forked(_, Err(errno))
            | What::Killed(_, _, Err(errno)) => Some(Failed::Error(*errno)),
            _ => None,
        }
    }
}

/// What sees events as they happen.
pub trait Watch {
    /// An event.
    fn event(&mut self, event: &Event);
}

/// Keeps nothing.
impl Watch for () {
    fn event(&mut self, _: &Event) {}
}

/// Keeps everything: for tests and small scenarios.
impl Watch for Vec<Event> {
    fn event(&mut self, event: &Event) {
        self.push(event.clone());
    }
}
