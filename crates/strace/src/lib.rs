//! Logs of `strace`: read into calls about memory, and played on the simulated machine.
//!
//! [`parse`] turns the text of a log into a [`Log`]: one [`Entry`] a call, with its arguments as the
//! kernel got them and what it answered. [`replay()`] plays a log on a [`sim::Machine`] and says for
//! each call whether the model answers as the log does. Every log is so a test of the model, and
//! every program in it a picture of an address space.
//!
//! # What it leaves out
//! Opening files and printing. What a log does not tell: pages that were touched, where a program,
//! its interpreter and its stack lie, which file systems its files are on. What the replay takes
//! from the log in place of predicting it is counted apart, as anchors and assumptions.

mod args;
mod assemble;
mod call;
mod entry;
mod line;
mod prefix;
mod processes;
pub mod replay;
mod value;

pub use assemble::{looks_like_strace, parse};
pub use entry::{Entry, FileName, Log, Outcome, Problem, Spawn, What};
pub use replay::{Options, Played, replay};
