//! Runs a command under another allocator and measures what it costs.
//!
//! [`Program::find`] reads what a command is before it runs, [`library`] where allocators are,
//! and [`run`] runs it once: preloads, watches the whole tree of processes until the last has ended, and
//! says what was seen. What several runs mean is for [`rules::allocators`].
//!
//! # How a tree is watched
//! [`Watching::Trace`] stops each process at its end (`PTRACE_O_TRACEEXIT`), while its memory is still
//! there, and reads `VmHWM` and `maps`: exact, however short it lived. Between, and with
//! [`Watching::Sample`] alone, a second thread reads `statm` every so often, in at most a fiftieth of its
//! time.
//!
//! # What this crate does not do
//! It leaves nothing behind: processes that outlive the command are ended. It compares nothing.

mod last_words;
pub mod library;
pub mod loader;
pub mod machine;
mod process;
mod program;
mod sampler;
mod sys;
mod tally;
mod tree;
mod trial;

pub use program::{Interpreter, NotFound, Program, Unfit};
pub use sys::{catch_interrupts, interrupted};
pub use trial::{Output, Setup, Watching, run};
