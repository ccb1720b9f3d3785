//! What of which file is in the page cache: walking directories and asking the kernel.
//!
//! # What it promises
//! * No file is read, and none is waited for: files are opened without blocking, asked about, and
//!   closed. Where the kernel allows it they are opened so that no time of access changes.
//! * Symbolic links are not followed, automounts not triggered, devices, pipes and sockets not
//!   opened, nor anything on a filesystem that the kernel makes up, nor on one that can hang, unless
//!   a path leads there by name.
//! * It holds at most three descriptors a thread, and no more threads than there are cores.
//! * An inode counts once, whatever the number of its names and of the mounts it is seen through.
//! * What the kernel does not tell is counted as left alone, never as "not cached".
//!
//! # What it cannot see
//! Files that nobody holds and no path leads to, files held by the kernel alone (behind loop devices,
//! swap files), and file descriptors on their way through a socket.

mod ask;
mod filesystems;
mod findings;
mod holders;
mod meta;
mod sys;
mod walk;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::atomic::{AtomicU64, Ordering};

use facts::{AskedBy, Missing, Name, PageCache, Why};
use units::{Bytes, PageSize};

use crate::{LiveTree, Place, Refusal, Tree};
use ask::Asker;
use filesystems::Filesystems;
use findings::Findings;

/// What to ask about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheQuestion {
    /// Files and directories; none means: the files that processes hold.
    pub paths: Vec<OsString>,
    /// Whether to walk into filesystems that are mounted below.
    pub cross: bool,
    /// How to ask; `None` chooses what the kernel offers.
    pub ask_by: Option<AskedBy>,
}

/// How far it is, for somebody who waits.
#[derive(Debug, Default)]
pub struct CacheProgress {
    asked: AtomicU64,
    bytes: AtomicU64,
}

impl CacheProgress {
    /// Files that were asked about.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// What of them is in the page cache; an inode with several names counts several times.
    pub fn cached(&self) -> Bytes {
        Bytes::new(self.bytes.load(Ordering::Relaxed))
    }

    fn add(&self, asked: u64, bytes: u64) {
        self.asked.fetch_add(asked, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Asks the running kernel.
///
/// # Errors
/// `/proc` cannot be opened. All else is part of the answer.
pub fn page_cache(
    question: &CacheQuestion,
    progress: &CacheProgress,
) -> Result<PageCache, Refusal> {
    let mut tree = LiveTree::open()?;
    let about = tree.about();
    let page_size = about.page_size.unwrap_or(PageSize::KIB_4);
    let mut missing = Vec::new();
    let mut text = Vec::new();
    let filesystems = match tree.read(Place::Machine("self/mountinfo"), &mut text) {
        Ok(()) => Filesystems::new(&text),
        Err(refusal) => {
            missing.push(lacking("self/mountinfo", &refusal));
            Filesystems::default()
        }
    };
    let asker = Asker::new(question.ask_by, page_size);
    let mut findings = Findings::default();
    if !question.paths.is_empty() {
        walk::walk(question, &filesystems, &asker, page_size, progress, &mut findings);
    }
    let asked_by = asker.asked_by();
    let in_use = question.paths.is_empty().then_some((asker, progress));
    let held = holders::holders(&mut tree, &filesystems, in_use, page_size, &mut findings)?;
    let meminfo = match tree.read(Place::Machine("meminfo"), &mut text) {
        Ok(()) => proctext::meminfo(&text, "meminfo", &mut missing),
        Err(refusal) => {
            missing.push(lacking("meminfo", &refusal));
            facts::Meminfo::default()
        }
    };
    let kernel = match tree.read(Place::Machine("version"), &mut text) {
        Ok(()) => proctext::version(&text),
        Err(_) => facts::Kernel::default(),
    };
    let files = findings.files;
    let wanted: BTreeSet<u32> = files
        .iter()
        .map(|f| f.uid)
        .chain(held.holders.iter().filter_map(|holder| holder.uid))
        .collect();
    let users = match tree.read(Place::Users, &mut text) {
        Ok(()) => proctext::passwd(&text)
            .filter(|(uid, _)| wanted.contains(uid))
            .map(|(uid, name)| (uid, Name::new(name)))
            .collect(),
        Err(_) => std::collections::BTreeMap::new(),
    };
    Ok(PageCache {
        origin: about.origin,
        taken_at: about.taken_at,
        kernel,
        page_size,
        asked_by,
        paths: question.paths.iter().map(|p| Name::new(p.as_encoded_bytes())).collect(),
        directories: findings.directories,
        files,
        holders: held.holders,
        asked: findings.asked,
        walked: findings.walked,
        left_alone: findings.left_alone,
        hidden_processes: held.hidden,
        users,
        meminfo,
        missing,
    })
}

fn lacking(place: &str, refusal: &Refusal) -> Missing {
    Missing { place: place.to_owned(), why: Why::from(refusal) }
}
