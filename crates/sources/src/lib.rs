//! Opens live `/proc`, directories and captures.
//!
//! A [`Tree`] hands out a machine's files by name: the running kernel's ([`LiveTree`]), a directory
//! shaped like `/proc` ([`DirTree`]) or a tar ([`TarTree`]). Above it there is one piece of code for
//! all of them: [`snapshot`] reads a machine into facts, [`capture`] writes its files into a tar
//! that reads back as the same facts. [`open`] finds out which of them a user means. [`read_log`]
//! hands out a kernel log piece by piece, from a file, packed or not, a pipe, the journal or the
//! ring buffer; [`follow()`] does so while it grows. [`open_or_report`] finds a report in one and
//! looks at it as at a machine.
//!
//! # What it promises
//! * A live machine pays little: one buffer for all files, one `read` for a file that the kernel
//!   prints in one piece, no path built on the heap. Page tables are walked for [`survey`] and
//!   for mappings alone.
//! * What could not be read is unknown, and the snapshot says why. A process that went away while
//!   it was read is left out.
//! * Captures are not trusted: nothing in one makes it read outside of it, wait, or hold more in
//!   memory than one file.
//!
//! # What it does not do
//! It knows no formula and prints nothing. It never asks name services: see [`Place::Users`].

mod account;
mod cache;
mod capture;
mod dir;
mod follow;
mod fs;
mod journal;
mod live;
mod log;
mod manifest;
mod mounts;
mod open;
mod pages;
mod place;
mod process_map;
mod refusal;
mod report;
mod shares;
mod snapshot;
mod sys;
mod tar;
#[cfg(test)]
mod testing;
mod tree;
mod unread;

pub use account::{AccountWant, account};
pub use cache::{CacheProgress, CacheQuestion, page_cache};
pub use capture::{
    CaptureError, CaptureSummary, CommandLines, Options, Smaps, capture, capture_to_file,
};
pub use dir::DirTree;
pub use follow::{Heard, follow};
pub use journal::{Journal, is_journal};
pub use live::LiveTree;
pub use log::{Log, LogError, read_log};
pub use open::{OpenError, Source, open, open_or_report};
pub use pages::ProcessPages;
pub use place::{Moment, Place, TaskFile};
pub use process_map::{ProcessMap, Stall, process_map};
pub use refusal::Refusal;
pub use report::{MachineOfReport, ReportedMachine};
pub use shares::{Ask, Ground, Head, KeepMapping, survey};
pub use snapshot::{KernelThreads, Physical, Want, identity, machine, physical, snapshot};
pub use tar::TarTree;
pub use tree::{About, Owner, Tree};
