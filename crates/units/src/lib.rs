//! Quantities of Linux memory management that cannot be confused with one another.
//!
//! The kernel prints pages in one column and kB in the next; a limit of `max` is not a number; an
//! adjustment of -1000 is not a small adjustment. Here each of them is a type. There is one road
//! between [`Pages`] and [`Bytes`], and it asks for a [`PageSize`].
//!
//! # What this crate does not do
//! It knows no kernel rule and no file. It depends on no other crate of ours.

mod adj;
mod bytes;
mod limit;
mod pages;
mod percent;
mod pid;

pub use adj::{OomAdj, OutOfRange, ScoreAdj};
pub use bytes::{Bytes, ParseSizeError};
pub use limit::Limit;
pub use pages::{PageSize, Pages};
pub use percent::Percent;
pub use pid::Pid;
