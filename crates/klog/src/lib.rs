//! Kernel log text, and the OOM reports in it.
//!
//! [`Scanner`] takes a log in pieces of any size and hands out each report it finds as an
//! [`OomReport`], with the lines that could not be read as [`Problem`]s. [`reports`] does so for a
//! text in memory. [`LogScanner`] also hands out the lines of other programs about it, as [`NoticeScanner`]
//! does alone. [`print()`] is the way back: a report as the kernel of a release prints it.
//!
//! # What it promises
//! * The layout is chosen by the text and never by the release that the text names: vendors carry
//!   lines back and forth.
//! * Sections stand alone. The head may be lost in a ring buffer, the tail in a reboot.
//! * Every prefix of dmesg, syslog, journalctl, pstore, logcat and raw records is taken off, and
//!   what mails, web pages, JSON and string literals do to lines is undone.
//! * Names of tasks and cgroups may hold anything; lines are taken apart from the ends that only the
//!   kernel writes.
//! * Whatever the bytes: no panic, no more memory than a few megabytes, output bounded by input.
//!
//! # What it does not do
//! It opens no file and judges nothing: who should have died is a question for the rules.

mod assemble;
mod cursor;
pub mod print;
mod problem;
mod record;
mod region;
mod scan;
mod transport;
mod userspace;

#[cfg(test)]
mod properties;

pub use facts::oom_report::OomReport;
pub use print::print;
pub use problem::{Problem, Trouble};
pub use scan::{Entry, LogScanner, Scanner};
pub use userspace::{NoticeScanner, notices, when};

/// A report, and what of it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the kernel said.
    pub report: OomReport,
    /// Lines, and parts of lines, that are not as the kernel prints them.
    pub problems: Vec<Problem>,
}

/// All reports in a text, in its order.
pub fn reports(text: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    let mut found = |one| all.push(one);
    let mut scanner = Scanner::new();
    scanner.feed(text, &mut found);
    scanner.finish(&mut found);
    all
}
