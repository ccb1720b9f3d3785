//! Writes a machine, at this moment, into a plain tar.
//!
//! # Layout
//! The members of a `smemcap` capture are all there, in its order and under its names, so that what
//! reads those reads these: `meminfo`, `version`, and for each process its directory with the real
//! owner, `PID/smaps`, `PID/cmdline`, `PID/stat`. Between them stand further files of `/proc` under
//! their names there: those of the machine before the processes, so that a capture that is cut has
//! them. What is not in `/proc` is below `oomph/`:
//!
//! | member | is |
//! |---|---|
//! | `oomph/manifest` | page size, clock ticks, machine, time, reader, as `key value` |
//! | `oomph/users` | names of the user ids that occur, in the form of `/etc/passwd` |
//! | `oomph/cgroup/PATH/memory.*` | files of memory cgroups, by the path in `/proc/PID/cgroup` |
//! | `oomph/again/meminfo`, `oomph/end/meminfo` | `meminfo` once more: after the totals, and at the end |
//! | `oomph/sys/…` | files of `/sys`: pools of huge pages, zram |
//! | `oomph/kernel-log` | lines of the kernel's log about memory taken at boot |
//! | `oomph/unread` | what could not be read: `denied`, `gone`, `unsupported`, `errno-N`, and the path |
//!
//! The totals (`meminfo`, `vmstat`, `zoneinfo`) of a live machine are read until two readings of
//! `meminfo` around them agree, at most a dozen times.
//!
//! A file that is not there on the machine is not in the capture; nothing is stored empty because
//! it could not be read. The order is always the same: processes ascending, the rest by the lists
//! below.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use facts::{Name, Task};
use units::Pid;

use crate::account::{READINGS, is_still, moved};
use crate::manifest;
use crate::tar::{Entry, TarWriter};
use crate::unread::{UNREAD, Unread};
use crate::{Moment, Owner, Place, Refusal, TaskFile, Tree};

/// What to leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Mappings.
    pub smaps: Smaps,
    /// Command lines.
    pub command_lines: CommandLines,
}

/// Whether mappings are captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Smaps {
    /// `smaps` and `smaps_rollup` of every process. The kernel walks page tables for each: about
    /// 11 ms for each GiB of small pages.
    #[default]
    Include,
    /// None.
    LeaveOut,
}

/// Whether command lines are captured, which may hold passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommandLines {
    /// `cmdline` of every process.
    #[default]
    Include,
    /// An empty member each. Tools that know a kernel thread by its empty command line (`smem`)
    /// then take every process for one.
    LeaveOut,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureSummary {
    /// Size of the archive in bytes.
    pub bytes: u64,
    /// Processes in it.
    pub processes: usize,
    /// Files that could not be read.
    pub unread: usize,
}

/// Why a capture could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The list of processes could not be read.
    #[error("cannot capture: the list of processes: {0}")]
    Processes(Refusal),
    /// Writing failed.
    #[error("cannot write the capture{}", .path.as_ref().map(|p| format!(" `{p}`")).unwrap_or_default())]
    Write {
        /// The file, where it is one; already escaped.
        path: Option<String>,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

impl From<io::Error> for CaptureError {
    fn from(error: io::Error) -> CaptureError {
        CaptureError::Write { path: None, error }
    }
}

/// What is read together.
const TOTALS: [Place<'static>; 4] = [
    Place::Machine("meminfo"),
    Place::Machine("vmstat"),
    Place::Machine("zoneinfo"),
    Place::Again(Moment::AfterTotals),
];
/// What else is stored of the machine.
const MACHINE: [&str; 31] = [
    "buddyinfo",
    "iomem",
    "slabinfo",
    "swaps",
    "uptime",
    "pressure/memory",
    "pressure/cpu",
    "pressure/io",
    "sys/vm/overcommit_memory",
    "sys/vm/overcommit_ratio",
    "sys/vm/overcommit_kbytes",
    "sys/vm/admin_reserve_kbytes",
    "sys/vm/user_reserve_kbytes",
    "sys/vm/min_free_kbytes",
    "sys/vm/watermark_scale_factor",
    "sys/vm/watermark_boost_factor",
    "sys/vm/lowmem_reserve_ratio",
    "sys/vm/swappiness",
    "sys/vm/vfs_cache_pressure",
    "sys/vm/panic_on_oom",
    "sys/vm/oom_kill_allocating_task",
    "sys/vm/oom_dump_tasks",
    "sys/vm/max_map_count",
    "sys/vm/nr_hugepages",
    "sys/vm/nr_overcommit_hugepages",
    "sys/vm/zone_reclaim_mode",
    "sys/kernel/osrelease",
    "sys/kernel/ostype",
    "self/cgroup",
    "self/mountinfo",
    "self/status",
];
/// Files of memory cgroups: those of version 2, then those of version 1.
const GROUP: [&str; 21] = [
    "cgroup.controllers",
    "memory.max",
    "memory.current",
    "memory.high",
    "memory.low",
    "memory.min",
    "memory.swap.current",
    "memory.swap.max",
    "memory.oom.group",
    "memory.events",
    "memory.stat",
    "memory.pressure",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "memory.kmem.usage_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.memsw.usage_in_bytes",
    "memory.failcnt",
    "memory.swappiness",
    "memory.oom_control",
    "memory.use_hierarchy",
];

/// Captures into a file, which appears when it is complete and not before.
pub fn capture_to_file(
    tree: &mut dyn Tree,
    path: &Path,
    options: Options,
) -> Result<CaptureSummary, CaptureError> {
    let named = |error: io::Error| CaptureError::Write { path: Some(shown(path)), error };
    let name_the_file = |error: CaptureError| match error {
        CaptureError::Write { path: None, error } => named(error),
        other => other,
    };
    // A pipe or a device is written to as it is.
    if fs::metadata(path).is_ok_and(|m| m.file_type().is_fifo() || m.file_type().is_char_device()) {
        let out = OpenOptions::new().write(true).open(path).map_err(named)?;
        return capture(tree, out, options).map_err(name_the_file);
    }
    let (temporary, file) = Temporary::beside(path).map_err(named)?;
    let summary = capture(tree, &file, options).map_err(name_the_file)?;
    // The machine may be about to go down.
    file.sync_all().map_err(named)?;
    temporary.rename(path).map_err(named)?;
    Ok(summary)
}

fn shown(path: &Path) -> String {
    Name::new(path.as_os_str().as_encoded_bytes()).escaped().into_owned()
}

/// A file that is removed unless it gets its name.
struct Temporary {
    path: Option<PathBuf>,
}

impl Temporary {
    fn beside(path: &Path) -> io::Result<(Temporary, File)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}", std::process::id()));
        let path = path.with_file_name(temporary);
        // Nobody else may read what is in it.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((Temporary { path: Some(path) }, file))
    }

    fn rename(mut self, to: &Path) -> io::Result<()> {
        match self.path.take() {
            Some(from) => fs::rename(&from, to).inspect_err(|_| self.path = Some(from)),
            None => Ok(()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Captures into anything that can be written to.
///
/// Memory: the largest single file of the machine, which is the `smaps` of the process with the
/// most mappings, because its size stands before it in a tar.
pub fn capture(
    tree: &mut dyn Tree,
    out: impl Write,
    options: Options,
) -> Result<CaptureSummary, CaptureError> {
    let about = tree.about();
    let pids = tree.pids().map_err(CaptureError::Processes)?;
    let mut capture = Capture {
        tar: TarWriter::new(BufWriter::with_capacity(64 * 1024, out)),
        mtime: about.taken_at.unwrap_or(0),
        users: BTreeMap::new(),
        seen: about.euid.into_iter().collect(),
        groups: BTreeSet::new(),
        unread: Unread::default(),
        options,
        buf: Vec::new(),
        path: Vec::new(),
        tree,
    };
    capture.read_users();
    // `smemcap` stores `meminfo` and `version` of the machine, in this order.
    let [meminfo, others @ ..] = capture.totals(about.live);
    capture.put_text(meminfo)?;
    capture.file(Place::Machine("version"))?;
    capture.put(manifest::MANIFEST.as_bytes(), &manifest::print(&about))?;
    for text in others {
        capture.put_text(text)?;
    }
    for file in MACHINE {
        capture.file(Place::Machine(file))?;
    }
    for file in crate::account::sys_files() {
        capture.file(Place::Sys(&file))?;
    }
    capture.kernel_log()?;
    let mut processes = 0;
    for pid in pids {
        processes += usize::from(capture.process(pid)?);
    }
    capture.groups()?;
    capture.put_users()?;
    capture.file(Place::Again(Moment::AtEnd))?;
    let unread = std::mem::take(&mut capture.unread);
    capture.put(UNREAD.as_bytes(), &unread.print())?;
    let (_, bytes) = capture.tar.finish()?;
    Ok(CaptureSummary { bytes, processes, unread: unread.len() })
}

/// A file that was read and is not written yet.
struct Text {
    path: Vec<u8>,
    content: Vec<u8>,
}

struct Capture<'a, W: Write> {
    tree: &'a mut dyn Tree,
    tar: TarWriter<W>,
    mtime: u64,
    /// Every name that the machine has.
    users: BTreeMap<u32, Vec<u8>>,
    /// The user ids that occur.
    seen: BTreeSet<u32>,
    /// The memory cgroups that occur.
    groups: BTreeSet<Vec<u8>>,
    unread: Unread,
    options: Options,
    buf: Vec<u8>,
    path: Vec<u8>,
}

impl<W: Write> Capture<'_, W> {
    fn entry<'e>(&self, path: &'e [u8]) -> Entry<'e> {
        Entry { path, mode: 0o444, uid: 0, gid: 0, user: b"", mtime: self.mtime }
    }

    fn put(&mut self, path: &[u8], content: &[u8]) -> io::Result<()> {
        let entry = self.entry(path);
        self.tar.file(entry, content)
    }

    /// Reads a file; a refusal goes on the list.
    fn read(&mut self, place: Place<'_>) -> Result<(), Refusal> {
        place.write_path(&mut self.path);
        self.tree
            .read(place, &mut self.buf)
            .inspect_err(|refusal| self.unread.add(&self.path, refusal.clone()))
    }

    /// The totals, of a live machine from the moment at which they moved least while they were read.
    fn totals(&mut self, live: bool) -> [Option<Text>; TOTALS.len()] {
        let mut best = None;
        for _ in 0..if live { READINGS } else { 1 } {
            let texts = TOTALS.map(|place| {
                self.read(place).ok()?;
                Some(Text { path: self.path.clone(), content: self.buf.clone() })
            });
            let [before, .., after] = &texts;
            let [before, after] = [before, after].map(|text| {
                let content = text.as_ref().map_or(&b""[..], |text| &text.content);
                proctext::meminfo(content, "", &mut Vec::new())
            });
            let moved = moved(&before, &after);
            if best.as_ref().is_none_or(|(least, _)| moved < *least) {
                best = Some((moved, texts));
            }
            if is_still(&before, moved) {
                break;
            }
        }
        best.map_or([const { None }; TOTALS.len()], |(_, texts)| texts)
    }

    fn put_text(&mut self, text: Option<Text>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.put(&text.path, &text.content))
    }

    fn file(&mut self, place: Place<'_>) -> io::Result<()> {
        if self.read(place).is_err() {
            return Ok(());
        }
        if place == Place::Machine("self/cgroup") {
            self.note_group();
        }
        self.put_read()
    }

    /// Writes what was read last.
    fn put_read(&mut self) -> io::Result<()> {
        let (path, buf) = (std::mem::take(&mut self.path), std::mem::take(&mut self.buf));
        let written = self.put(&path, &buf);
        (self.path, self.buf) = (path, buf);
        written
    }

    /// Remembers the memory cgroup in the text read last, and those above it.
    fn note_group(&mut self) {
        let Some((_, path)) = proctext::memory_cgroup(&self.buf) else { return };
        for path in facts::Cgroups::ancestors(path) {
            if !self.groups.insert(path.to_vec()) {
                break;
            }
        }
    }

    /// Whether the process was still there.
    fn process(&mut self, pid: Pid) -> io::Result<bool> {
        // `stat` is read first, because it tells whether the process is there, and written in its
        // place.
        let stat = match self.tree.read(Place::Task(pid, TaskFile::Stat), &mut self.buf) {
            Ok(()) => Ok(self.buf.clone()),
            Err(Refusal::Gone) => return Ok(false),
            Err(refusal) => Err(refusal),
        };
        let owner = match self.tree.owner(pid) {
            Err(Refusal::Gone) => return Ok(false),
            other => other.unwrap_or(Owner { uid: 0, gid: 0 }),
        };
        self.seen.insert(owner.uid);
        let name = pid.to_string();
        let entry = Entry {
            path: name.as_bytes(),
            mode: 0o555,
            uid: owner.uid,
            gid: owner.gid,
            user: self.users.get(&owner.uid).map_or(b"", Vec::as_slice),
            mtime: self.mtime,
        };
        self.tar.directory(entry)?;
        if self.options.smaps == Smaps::Include {
            let read = self.read(Place::Task(pid, TaskFile::Smaps)).is_ok();
            if read {
                self.put_read()?;
            }
            // A kernel thread has an empty list of mappings, and of their sum `ESRCH`.
            if read && !self.buf.is_empty() {
                self.file(Place::Task(pid, TaskFile::SmapsRollup))?;
            }
        }
        let cmdline = Place::Task(pid, TaskFile::Cmdline);
        match self.options.command_lines {
            CommandLines::Include => self.file(cmdline)?,
            CommandLines::LeaveOut => {
                cmdline.write_path(&mut self.path);
                self.buf.clear();
                self.put_read()?;
            }
        }
        Place::Task(pid, TaskFile::Stat).write_path(&mut self.path);
        match stat {
            Ok(stat) => {
                self.buf = stat;
                self.put_read()?;
            }
            Err(refusal) => self.unread.add(&self.path, refusal),
        }
        let place = Place::Task(pid, TaskFile::Status);
        if self.read(place).is_ok() {
            let mut task = Task::unknown(pid);
            proctext::status(&self.buf, &mut task, "", &mut Vec::new());
            self.seen.extend([task.uid, task.euid].into_iter().flatten());
            self.put_read()?;
        }
        self.file(Place::Task(pid, TaskFile::OomScore))?;
        self.file(Place::Task(pid, TaskFile::OomScoreAdj))?;
        self.file(Place::Task(pid, TaskFile::OomAdj))?;
        if self.read(Place::Task(pid, TaskFile::Cgroup)).is_ok() {
            self.note_group();
            self.put_read()?;
        }
        self.file(Place::Task(pid, TaskFile::Statm))?;
        Ok(true)
    }

    /// What the kernel's log says about memory, and nothing else of it.
    fn kernel_log(&mut self) -> io::Result<()> {
        if self.read(Place::KernelLog).is_err() {
            return Ok(());
        }
        let lines = self.buf.split_inclusive(|&b| b == b'\n');
        self.buf = lines.filter(|line| proctext::is_about_boot(line)).flatten().copied().collect();
        if self.buf.is_empty() { Ok(()) } else { self.put_read() }
    }

    fn groups(&mut self) -> io::Result<()> {
        for group in std::mem::take(&mut self.groups) {
            for file in GROUP {
                self.file(Place::Group(&group, file))?;
            }
        }
        Ok(())
    }

    fn read_users(&mut self) {
        if self.read(Place::Users).is_ok() {
            for (uid, name) in proctext::passwd(&self.buf) {
                self.users.entry(uid).or_insert_with(|| name.to_vec());
            }
        }
    }

    /// In the form of `/etc/passwd`, because the same code reads it.
    fn put_users(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        for (uid, name) in self.users.iter().filter(|(uid, _)| self.seen.contains(uid)) {
            text.extend_from_slice(name);
            text.extend_from_slice(format!(":x:{uid}:::::\n").as_bytes());
        }
        self.put(crate::place::USERS.as_bytes(), &text)
    }
}
