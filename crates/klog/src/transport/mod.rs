//! What stands before and around a line of the kernel: the marks of those who carried it.
//!
//! [`Document`] undoes what was done to whole texts (quoted-printable, HTML), [`unwrap()`] what was
//! done to a line (quote marks, string literals, JSON), and [`peel()`] takes the prefix off: level,
//! time, caller, host, program.

mod document;
mod escapes;
mod json;
mod prefix;

pub(crate) use document::Document;
pub(crate) use escapes::unwrap;
pub(crate) use prefix::{Caller, Origin, Peeled, Peeler, RawStamp, peel};
