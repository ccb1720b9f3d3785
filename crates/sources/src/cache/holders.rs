//! Which processes hold a file, by an open descriptor or by a mapping.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;

use facts::{Device, Hold, Holder, LeftAlone, Task};
use proctext::{MappingStream, MappingText};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{Dir, FileType, Mode, OFlags, makedev, openat, readlinkat};
use rustix::io::Errno;
use units::{PageSize, Pid};

use super::CacheProgress;
use super::ask::{Answer, Asker};
use super::filesystems::{Filesystems, Kind};
use super::findings::{Findings, HeldPath, Key, number};
use super::meta::Meta;
use super::walk::no_cache;
use crate::dir::MOST_SMAPS;
use crate::fs::{Until, open_dir, read_at};
use crate::{LiveTree, Place, Refusal, TaskFile, Tree};

/// The processes that hold a file that was found.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) holders: Vec<Holder>,
    /// Processes whose files could not be seen.
    pub(super) hidden: u64,
}

/// Looks through all processes but this one. With an asker, files that are not known yet are asked
/// about; without one, they are passed over.
pub(super) fn holders(
    tree: &mut LiveTree,
    filesystems: &Filesystems,
    in_use: Option<(Asker, &CacheProgress)>,
    page_size: PageSize,
    findings: &mut Findings,
) -> Result<Holders, Refusal> {
    if in_use.is_none() && findings.files.is_empty() {
        return Ok(Holders::default());
    }
    let mut search = Search {
        proc: open_dir("/proc")?,
        filesystems,
        in_use,
        page_size,
        findings,
        mapped: HashMap::new(),
        text: Vec::new(),
        path: Vec::new(),
    };
    let own = rustix::process::getpid();
    let mut found = Holders::default();
    for pid in tree.pids()? {
        if i64::from(pid.get()) == i64::from(own.as_raw_nonzero().get()) {
            continue;
        }
        let mut held = BTreeMap::new();
        match search.process(pid, &mut held) {
            Ok(()) => {}
            // Threads of the kernel hold nothing.
            Err(Errno::ACCESS | Errno::PERM) => {
                found.hidden += u64::from(!is_kernel_thread(tree, pid, &mut search.text));
            }
            // Gone, or a zombie.
            Err(_) => continue,
        }
        if held.is_empty() {
            continue;
        }
        let holder = number(found.holders.len());
        found.holders.push(describe(tree, pid, &mut search.text));
        for (file, (open, mapped)) in held {
            if let Some(file) = search.findings.files.get_mut(file as usize) {
                file.held_by.push(Hold { holder, open, mapped });
            }
        }
    }
    Ok(found)
}

fn describe(tree: &mut LiveTree, pid: Pid, text: &mut Vec<u8>) -> Holder {
    let task = task(tree, pid, text);
    Holder { pid, name: task.comm, uid: tree.owner(pid).ok().map(|owner| owner.uid) }
}

fn is_kernel_thread(tree: &mut LiveTree, pid: Pid, text: &mut Vec<u8>) -> bool {
    task(tree, pid, text).is_kernel_thread() == Some(true)
}

fn task(tree: &mut LiveTree, pid: Pid, text: &mut Vec<u8>) -> Task {
    let mut task = Task::unknown(pid);
    if tree.read(Place::Task(pid, TaskFile::Stat), text).is_ok() {
        proctext::stat(text, &mut task, "stat", &mut Vec::new());
    }
    task
}

/// Files by their place in the findings, whether open and whether mapped.
type Held = BTreeMap<u32, (bool, bool)>;

struct Search<'a> {
    proc: OwnedFd,
    filesystems: &'a Filesystems,
    in_use: Option<(Asker, &'a CacheProgress)>,
    page_size: PageSize,
    findings: &'a mut Findings,
    /// Files by what `maps` says of them, which on btrfs and overlays is not what `stat` says.
    mapped: HashMap<(Device, u64), Option<u32>>,
    text: Vec<u8>,
    path: Vec<u8>,
}

impl Search<'_> {
    fn process(&mut self, pid: Pid, held: &mut Held) -> Result<(), Errno> {
        self.descriptors(pid, held)?;
        self.mappings(pid, held)
    }

    fn descriptors(&mut self, pid: Pid, held: &mut Held) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = self.path(format_args!("{pid}/fd")).to_vec();
        let dir = openat(&self.proc, path.as_slice(), flags, Mode::empty())?;
        for entry in Dir::read_from(&dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_bytes().first().is_some_and(u8::is_ascii_digit) {
                continue;
            }
            // One that was closed meanwhile is nothing to mention.
            let Ok(meta) = Meta::at(&dir, name, true) else { continue };
            if meta.kind != FileType::RegularFile {
                continue;
            }
            let file = self.file(&meta, || {
                // The link itself leads to the file; a path on the way could not.
                let flags = OFlags::PATH | OFlags::CLOEXEC;
                let fd = openat(&dir, name, flags, Mode::empty())?;
                let printed = readlinkat(&dir, name, Vec::new())?;
                Ok((fd, printed.into_bytes()))
            });
            if let Some(file) = file {
                held.entry(file).or_default().0 = true;
            }
        }
        Ok(())
    }

    fn mappings(&mut self, pid: Pid, held: &mut Held) -> Result<(), Errno> {
        let mut text = std::mem::take(&mut self.text);
        let path = self.path(format_args!("{pid}/maps")).to_vec();
        let read = read_at(
            &self.proc,
            path.as_slice(),
            OFlags::empty(),
            Until::End,
            MOST_SMAPS,
            &mut text,
        );
        let mut stream = MappingStream::new("maps");
        if read.is_ok() {
            let mut visit = |mapping: &MappingText<'_>| {
                if mapping.inode == 0 {
                    return;
                }
                if let Some(file) = self.mapping(pid, mapping) {
                    held.entry(file).or_default().1 = true;
                }
            };
            stream.feed(&text, &mut visit);
            stream.finish(&mut visit);
        }
        self.text = text;
        match read {
            Err(Refusal::Denied) => Err(Errno::ACCESS),
            _ => Ok(()),
        }
    }

    /// The file of a mapping.
    fn mapping(&mut self, pid: Pid, mapping: &MappingText<'_>) -> Option<u32> {
        let known = (mapping.dev, mapping.inode);
        if let Some(&file) = self.mapped.get(&known) {
            return file;
        }
        let file = self.resolve(pid, mapping);
        self.mapped.insert(known, file);
        file
    }

    fn resolve(&mut self, pid: Pid, mapping: &MappingText<'_>) -> Option<u32> {
        let kind = self.filesystems.kind(makedev(mapping.dev.major, mapping.dev.minor));
        if kind == Some(Kind::Remote) {
            // Looking for it by its path could wait for the server.
            if self.in_use.is_some() {
                self.findings.leave(LeftAlone::Remote, None, || mapping.name.to_vec());
            }
            return None;
        }
        if kind.is_some_and(|kind| no_cache(kind).is_some()) {
            return None;
        }
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let (start, end) = (mapping.start, mapping.end);
        let path = self.path(format_args!("{pid}/map_files/{start:x}-{end:x}")).to_vec();
        let fd = openat(&self.proc, path.as_slice(), flags, Mode::empty()).or_else(|_| {
            // Only the privileged may follow these links. The path may lead to another file by now.
            let mut path = self.path(format_args!("{pid}/root")).to_vec();
            path.extend_from_slice(mapping.name);
            let flags = flags | OFlags::NOFOLLOW;
            openat(&self.proc, path.as_slice(), flags, Mode::empty())
        });
        let found = fd.and_then(|fd| Ok((Meta::of(&fd)?, fd)));
        match found {
            Ok((meta, fd)) if meta.ino == mapping.inode && meta.kind == FileType::RegularFile => {
                self.file(&meta, || Ok((fd, mapping.name.to_vec())))
            }
            // Devices can be mapped, too.
            Ok((meta, _)) if meta.ino == mapping.inode => None,
            _ => {
                if self.in_use.is_some() {
                    self.findings.leave(LeftAlone::NotPermitted, None, || mapping.name.to_vec());
                }
                None
            }
        }
    }

    /// A file that is held: its place in the findings, if there is something of it. `open` gets hold
    /// of it, and of what the kernel prints as its path.
    fn file(
        &mut self,
        meta: &Meta,
        open: impl FnOnce() -> Result<(OwnedFd, Vec<u8>), Errno>,
    ) -> Option<u32> {
        let mounted = self.filesystems.kind(meta.dev);
        // Files of an overlay may have a device that is mounted nowhere.
        for kind in [mounted.unwrap_or(Kind::Plain), Kind::Layered] {
            if let Some(known) = self.findings.known(&Key::new(meta, kind)) {
                return known.place();
            }
        }
        let (asker, progress) = self.in_use.as_ref()?;
        let Ok((fd, printed)) = open() else { return None };
        let kind = self.filesystems.kind_of(&fd, meta.dev);
        let key = Key::new(meta, kind);
        if let Some(known) = self.findings.known(&key) {
            return known.place();
        }
        let left = match kind {
            Kind::Remote => Some(LeftAlone::Remote),
            // Files of /proc that somebody has open are no page cache.
            Kind::MadeUp | Kind::Automount => {
                self.findings.add_nothing(key);
                return None;
            }
            kind => no_cache(kind),
        };
        let answer = if let Some(why) = left {
            Answer::Left(why, None)
        } else {
            let link = format!("self/fd/{}", fd.as_fd().as_raw_fd());
            asker.through(&self.proc, link.as_str(), kind)
        };
        match answer {
            Answer::Left(why, errno) => {
                self.findings.add_nothing(key);
                self.findings.leave(why, errno, || printed);
                None
            }
            Answer::Nothing => {
                self.findings.asked += 1;
                progress.add(1, 0);
                self.findings.add_nothing(key);
                None
            }
            Answer::Pages(meta, pages) => {
                self.findings.asked += 1;
                progress.add(1, pages.cached.saturating_mul(self.page_size.bytes()));
                let path =
                    HeldPath::new(&printed, meta.links, mounted.is_some() || kind != Kind::Swap);
                let backing = kind.backing()?;
                Some(self.findings.add_held(key, &meta, backing, pages, path))
            }
        }
    }

    fn path(&mut self, text: std::fmt::Arguments<'_>) -> &[u8] {
        self.path.clear();
        let _ = self.path.write_fmt(text);
        &self.path
    }
}
