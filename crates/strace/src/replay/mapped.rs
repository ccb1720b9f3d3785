//! What is mapped: files by name, and what must have been there before the log told of it.

use facts::Name;
use rules::replay::Assumed;
use sim::Machine;
use world::{Call, Errno, FileSpec, MapFlags, OpenFlags, ProcessId, Prot, World, WorldError};

use super::player::{Player, Tracee, number};
use super::program::is_fixed;
use super::space::Space;
use crate::entry::FileName;

/// `MAP_PRIVATE|MAP_ANONYMOUS`.
pub(super) const ANONYMOUS: MapFlags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);

/// How far below its heap a program can begin: its own size and the random gap of 1 GiB between.
const PROGRAM_SPAN: u64 = 4 << 30;

/// Bytes of a file whose length no line tells.
const UNKNOWN_LENGTH: u64 = 1 << 32;

impl Player<'_> {
    /// The file of an entry that maps one.
    pub(super) fn mapped(&self, index: usize) -> Option<Mapped> {
        let sealed = self.sealed.contains(&index);
        self.files.get(&index).map(|&file| Mapped { file, sealed })
    }

    /// Finds or makes the file that a call maps.
    pub(super) fn name_file(
        &mut self,
        index: usize,
        tracee: Tracee,
        call: &Call,
        file: &FileName,
    ) -> Result<(), WorldError> {
        let Call::Mmap { flags, fd, .. } = call else { return Ok(()) };
        let opened = self.descriptors[tracee.descriptors].get(fd);
        let path = match file {
            FileName::None => return Ok(()),
            FileName::Path(path) => Some(path.clone()),
            FileName::Unnamed => opened.map(|opened| opened.path.clone()),
        };
        if opened.is_some_and(|opened| opened.huge) {
            self.huge.insert(index);
        }
        if opened.is_some_and(|opened| opened.sealed) {
            self.sealed.insert(index);
        }
        // Segments of one library follow each other, at addresses that are orders.
        let last = self.spaces[tracee.space].unnamed.filter(|_| is_fixed(*flags));
        let found = if let Some(path) = path {
            self.file(&path)?
        } else if let Some(last) = last {
            last
        } else {
            let line = self.entries[index].line;
            let made = self.add_file(&format!("fd {fd} of line {line}"), UNKNOWN_LENGTH)?;
            self.spaces[tracee.space].unnamed = Some(made);
            made
        };
        self.files.insert(index, found);
        Ok(())
    }

    /// The file of that path.
    pub(super) fn file(&mut self, path: &str) -> Result<usize, WorldError> {
        if let Some(&known) = self.named.get(path) {
            return Ok(known);
        }
        let len = self.lengths.get(path).copied().unwrap_or(UNKNOWN_LENGTH);
        let made = self.add_file(path, len)?;
        self.named.insert(path.to_owned(), made);
        Ok(made)
    }

    pub(super) fn add_file(&mut self, path: &str, len: u64) -> Result<usize, WorldError> {
        let memory = ["/dev/", "/proc/", "/sys/", "/memfd:", "/SYSV", "/run/"];
        let elsewhere = path.contains(':') && !path.starts_with('/');
        let tmpfs = memory.iter().any(|start| path.starts_with(start)) || elsewhere;
        let spec = FileSpec { name: path.to_owned(), len, tmpfs: tmpfs || !self.align_files };
        self.machine.files(&[spec])?;
        let index = self.file_count;
        self.file_count += 1;
        let inode = 2 + u64::try_from(index).unwrap_or(0);
        let shown = Name::from(path).escaped().into_owned();
        self.machine.place_file(index, &shown, if tmpfs { (0, 25) } else { (8, 1) }, inode);
        Ok(index)
    }

    /// Maps what must have been there: below the heap the program itself, above all mappings its
    /// interpreter, elsewhere nobody knows what.
    pub(super) fn assume(
        &mut self,
        tracee: Tracee,
        line: usize,
        start: u64,
        end: u64,
    ) -> Result<(), WorldError> {
        self.out.assumed.push(Assumed { line: number(line), start, end });
        let space = &self.spaces[tracee.space];
        let path = if space.heap.is_some_and(|heap| end <= heap && heap - end < PROGRAM_SPAN) {
            let program = self.out.programs.get(tracee.program);
            program
                .and_then(|program| program.path.as_ref())
                .map(|path| path.escaped().into_owned())
        } else if space.base.is_some_and(|base| start >= base) {
            Some("ld.so (assumed)".to_owned())
        } else {
            None
        };
        let file = match path {
            Some(path) => Some(self.file(&path)?),
            None => None,
        };
        let kind = if file.is_some() { MapFlags::PRIVATE } else { ANONYMOUS };
        let call = Call::Mmap {
            addr: start,
            len: end.saturating_sub(start),
            prot: Prot::READ.with(Prot::WRITE),
            flags: kind.with(MapFlags::FIXED),
            fd: -1,
            offset: 0,
        };
        let file = file.map(|file| Mapped { file, sealed: false });
        perform(&mut self.machine, tracee.id, &call, file)?.ok();
        Ok(())
    }
}

/// The file that a call maps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapped {
    pub(super) file: usize,
    /// Nobody may write to it any more.
    pub(super) sealed: bool,
}

/// Makes a call. One that maps a file opens it before and closes it after.
pub(super) fn perform(
    machine: &mut Machine,
    id: ProcessId,
    call: &Call,
    file: Option<Mapped>,
) -> Result<Result<u64, Errno>, WorldError> {
    let (Call::Mmap { addr, len, prot, flags, offset, .. }, Some(Mapped { file, sealed })) =
        (call, file)
    else {
        return Ok(machine.call(id, call)?.value);
    };
    // Shared maps are of files opened for writing, or the log would tell of an error.
    let writes = flags.has(MapFlags::SHARED) && !sealed;
    let mode = if writes { OpenFlags::RDWR } else { OpenFlags::RDONLY };
    let opened = machine.call(id, &Call::Open { file, flags: mode })?.value;
    let fd = match opened.map(i32::try_from) {
        Ok(Ok(fd)) => fd,
        Ok(Err(_)) => return Ok(Err(Errno::EMFILE)),
        Err(error) => return Ok(Err(error)),
    };
    let (addr, len, prot, flags, offset) = (*addr, *len, *prot, *flags, *offset);
    let answer = machine.call(id, &Call::Mmap { addr, len, prot, flags, fd, offset })?.value;
    machine.call(id, &Call::Close { fd })?;
    Ok(answer)
}

/// Parts of the range of a call that are not mapped and that the log never mapped.
pub(super) fn missing(
    machine: &Machine,
    id: ProcessId,
    call: &Call,
    space: &Space,
) -> Vec<(u64, u64)> {
    let (addr, len) = match *call {
        Call::Mprotect { addr, len, .. }
        | Call::Madvise { addr, len, .. }
        | Call::Mseal { addr, len, .. }
        | Call::Mlock { addr, len }
        | Call::Mlock2 { addr, len, .. }
        | Call::Munlock { addr, len }
        | Call::Msync { addr, len, .. }
        | Call::Mincore { addr, len } => (addr, len),
        Call::Mremap { addr, old_len, .. } => (addr, old_len),
        _ => return Vec::new(),
    };
    let task_size = machine.config().arch.task_size();
    let start = addr & !4095;
    let Some(end) = addr.checked_add(len).and_then(|end| end.checked_next_multiple_of(4096)) else {
        return Vec::new();
    };
    if end > task_size {
        return Vec::new();
    }
    let mut gaps = Vec::new();
    let mut at = start;
    for (from, to) in ranges(machine, id) {
        if to <= at || from >= end {
            continue;
        }
        if from > at {
            gaps.push((at, from));
        }
        at = to;
    }
    if at < end {
        gaps.push((at, end));
    }
    gaps.retain(|(start, end)| !space.ever_mapped(*start, *end));
    gaps
}

/// The mappings of a process.
fn ranges(machine: &Machine, id: ProcessId) -> Vec<(u64, u64)> {
    let text = machine.maps(id).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let range = |line: &str| {
        let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
        Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    };
    text.lines().filter_map(range).collect()
}
