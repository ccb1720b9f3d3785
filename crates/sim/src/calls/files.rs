//! Calls on files: `open`, `close`, `pread`, `pwrite`, `ftruncate`, `fallocate`, `fsync`,
//! `posix_fadvise`, `memfd_create`, and SysV shared memory.

use world::{Errno, MapFlags, MemfdFlags, OpenFlags, Prot};

use crate::calls::mmap::Mmap;
use crate::ctx::{Answer, Ctx, Fd};
use crate::fault::Refusal;
use crate::files::{File, FileKind, Open};
use crate::frames::file_base;
use crate::page::{PAGE, PAGE_BITS, page_align};
use crate::range_map::RangeSet;
use crate::read_ahead::Advice;
use crate::store::Hole;
use crate::vma::Backing;

/// The largest offset in a file on ext4 with blocks of 4 KiB (`ext4_max_size()`).
pub(crate) const MOST_ON_DISK: u64 = ((1 << 32) - 1) * PAGE;
/// `FALLOC_FL_KEEP_SIZE`.
const KEEP_SIZE: u32 = 1;
/// `FALLOC_FL_PUNCH_HOLE`.
const PUNCH_HOLE: u32 = 2;
/// `SHM_RDONLY`.
const SHM_RDONLY: u32 = 0o10000;
/// `SHM_RND`.
const SHM_RND: u32 = 0o20000;
/// `SHM_REMAP`.
const SHM_REMAP: u32 = 0o40000;
/// `SHM_EXEC`.
const SHM_EXEC: u32 = 0o100_000;

impl Ctx<'_> {
    fn install_fd(&mut self, open: usize, cloexec: bool) -> u64 {
        let fd = self.free_fd();
        self.store.hold(open);
        self.task.fds.insert(fd, Fd { open, cloexec });
        u64::from(fd.unsigned_abs())
    }

    fn opened(&self, fd: i32) -> Answer<usize> {
        Ok(self.task.fds.get(&fd).ok_or(Errno::EBADF)?.open)
    }

    /// `open(2)` of the file of this index.
    pub(crate) fn open(&mut self, file: Option<usize>, flags: OpenFlags) -> Answer {
        let file = file.ok_or(Errno::ENOENT)?;
        let mode = flags.0 & 3;
        if flags.has(OpenFlags::TRUNC) && mode != 0 {
            self.set_len(file, 0);
        }
        let open = self.store.add_open(file, mode != 1, mode != 0);
        Ok(self.install_fd(open, false))
    }

    /// `memfd_create(2)`.
    pub(crate) fn memfd(&mut self, flags: MemfdFlags) -> Answer {
        let known = MemfdFlags::CLOEXEC.with(MemfdFlags::ALLOW_SEALING).with(MemfdFlags::HUGETLB);
        // MFD_NOEXEC_SEAL and MFD_EXEC, 6.3.
        if flags.0 & !(known.0 | 0x18) != 0 || flags.0 & 0x18 == 0x18 {
            return Err(Errno::EINVAL);
        }
        if flags.has(MemfdFlags::HUGETLB) {
            return Err(Errno::ENOSYS);
        }
        let inode = self.store.next_inode();
        let file = self.store.add_file(File {
            name: "/memfd:memfd (deleted)".to_owned(),
            device: (0, 1),
            inode,
            len: 0,
            kind: FileKind::Memfd,
            promised: None,
            blocks: RangeSet::default(),
            opens: 0,
            linked: false,
        });
        let open = self.store.add_open(file, true, true);
        Ok(self.install_fd(open, flags.has(MemfdFlags::CLOEXEC)))
    }

    /// `close(2)`.
    pub(crate) fn close(&mut self, fd: i32) -> Answer {
        let fd = self.task.fds.remove(&fd).ok_or(Errno::EBADF)?;
        self.store.release_open(fd.open);
        Ok(0)
    }

    /// `pread(2)`: what is read is in memory afterwards.
    pub(crate) fn pread(&mut self, fd: i32, offset: u64, len: u64) -> Answer {
        if i64::try_from(offset).is_err() {
            return Err(Errno::EINVAL);
        }
        let open = self.opened(fd)?;
        if !self.store.opens[open].read {
            return Err(Errno::EBADF);
        }
        let file = self.store.opens[open].file;
        let len = len.min(self.store.files[file].len.saturating_sub(offset));
        if len == 0 {
            return Ok(0);
        }
        let (first, last) = (offset >> PAGE_BITS, (offset + len - 1) >> PAGE_BITS);
        // A hole of shared memory is read without a page being made.
        let reads = !self.store.files[file].is_shmem();
        // What a read begins in is not marked where the one before ended in it (`filemap_read()`), and of
        // shared memory only what is read from its beginning on (`shmem_file_read_iter()`).
        let base = file_base(file);
        let known = if reads {
            // A folio that is yet to be read is no larger than a page.
            let folio = |page: u64| self.store.frames.folio(base + page);
            self.store.opens[open].window.last.is_some_and(|last| folio(last) == folio(first))
        } else {
            !offset.is_multiple_of(PAGE)
        };
        if reads {
            self.reads_ahead(open, first, last).map_err(|_| Errno::EINTR)?;
            self.store.opens[open].window.last = Some(last);
        }
        let mut page = first;
        while page <= last {
            let mut pages = last - page + 1;
            if reads {
                pages = self.fill_some(file, page, pages).map_err(|_| Errno::EINTR)?;
            }
            let (folio, len) = self.store.frames.folio(base + page);
            let skipped = if known && page == first { folio + len - (base + page) } else { 0 };
            let used = pages.saturating_sub(skipped);
            self.store.frames.accessed(base + page + skipped, used);
            page += pages;
        }
        if reads {
            self.reads_on_within(open, first, last).map_err(|_| Errno::EINTR)?;
        }
        Ok(len)
    }

    /// `pwrite(2)`.
    pub(crate) fn pwrite(&mut self, fd: i32, offset: u64, len: u64) -> Answer {
        if i64::try_from(offset).is_err() {
            return Err(Errno::EINVAL);
        }
        let open = self.opened(fd)?;
        if !self.store.opens[open].write {
            return Err(Errno::EBADF);
        }
        if len == 0 {
            return Ok(0);
        }
        let file = self.store.opens[open].file;
        let end = offset.checked_add(len).filter(|end| *end <= 1 << 43).ok_or(Errno::EFBIG)?;
        let (first, last) = (offset >> PAGE_BITS, (end - 1) >> PAGE_BITS);
        let old = self.store.files[file].len;
        self.store.written_folios(file, offset, end);
        let mut page = first;
        while page <= last {
            let pages = self.fill_some(file, page, last - page + 1).map_err(|refusal| {
                if refusal == Refusal::Killed { Errno::EINTR } else { Errno::ENOSPC }
            })?;
            let beyond = page == first && offset > old;
            if beyond && self.store.files[file].kind == FileKind::Disk {
                self.store.clear_part(file, old);
            }
            self.store.written(file, page, pages);
            self.balance_dirty();
            page += pages;
        }
        let known = &mut self.store.files[file];
        known.len = known.len.max(end);
        Ok(len)
    }

    /// `ftruncate(2)`.
    pub(crate) fn ftruncate(&mut self, fd: i32, len: u64) -> Answer {
        if i64::try_from(len).is_err() {
            return Err(Errno::EINVAL);
        }
        let open = self.opened(fd)?;
        if !self.store.opens[open].write {
            return Err(Errno::EINVAL);
        }
        let file = self.store.opens[open].file;
        if len > 1 << 43 && self.store.files[file].kind == FileKind::Disk {
            return Err(Errno::EFBIG);
        }
        self.set_len(file, len);
        Ok(0)
    }

    fn set_len(&mut self, file: usize, len: u64) {
        let old = self.store.files[file].len;
        let disk = self.store.files[file].kind == FileKind::Disk;
        if len > old && disk {
            // What was behind the end in its page is inside now.
            self.store.clear_part(file, old);
        }
        self.store.files[file].len = len;
        if len < old {
            let first = page_align(len) >> PAGE_BITS;
            self.store.files[file].blocks.take(first, 1 << 40);
            self.store.holes.push(Hole {
                file,
                first,
                count: u64::MAX >> 24,
                cows: true,
                stays: false,
                start: len,
                end: u64::MAX,
            });
        }
    }

    /// `fallocate(2)`: mode 0, and holes.
    pub(crate) fn fallocate(&mut self, fd: i32, mode: u32, offset: u64, len: u64) -> Answer {
        if i64::try_from(offset).is_err() || i64::try_from(len).is_err() {
            return Err(Errno::EINVAL);
        }
        let open = self.opened(fd)?;
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        if mode & !(KEEP_SIZE | PUNCH_HOLE) != 0 || mode == PUNCH_HOLE {
            return Err(Errno::EOPNOTSUPP);
        }
        if !self.store.opens[open].write {
            return Err(Errno::EBADF);
        }
        let file = self.store.opens[open].file;
        let end = offset.checked_add(len).filter(|end| *end <= 1 << 43).ok_or(Errno::EFBIG)?;
        if mode & PUNCH_HOLE != 0 {
            self.punch(file, offset, end);
            return Ok(0);
        }
        if self.store.files[file].is_shmem() {
            let (first, last) = (offset >> PAGE_BITS, end.div_ceil(PAGE));
            let base = file_base(file);
            let had = self.store.frames.map.within(base + first, base + last);
            if self.fill_all(file, first, last - first) != Ok(true) {
                return Err(Errno::ENOMEM);
            }
            // What is new is reserved, and not yet cleared.
            self.store.frames.update(base + first, last - first, |frame| {
                frame.dirty = true;
                frame.uptodate = false;
            });
            for (frame, len, known) in had {
                // What was reserved before is cleared now.
                self.store.frames.update(frame, len, |frame| {
                    *frame = crate::frames::Frame { uptodate: true, ..known };
                });
                self.store.frames.mark_dirty(frame, len);
            }
        }
        let old = self.store.files[file].len;
        if mode & KEEP_SIZE == 0 && end > old {
            self.store.files[file].len = end;
            if self.store.files[file].kind == FileKind::Disk {
                // `ext4_alloc_file_blocks()` clears what is new in the pages at both ends.
                self.store.clear_part(file, old);
                if end >> PAGE_BITS != old >> PAGE_BITS {
                    self.store.clear_part(file, end);
                }
            }
        }
        Ok(0)
    }

    /// Frees the whole pages of a range of a file; parts of pages are cleared (`shmem_fallocate()`,
    /// `truncate_pagecache_range()`).
    pub(crate) fn punch(&mut self, file: usize, offset: u64, mut end: u64) {
        let known = &self.store.files[file];
        if known.kind == FileKind::Disk {
            // `ext4_punch_hole()`: behind the end of the file is nothing, up to its page everything.
            if offset >= known.len {
                return;
            }
            if end >= known.len {
                end = page_align(known.len);
            }
        }
        let (first, last) = (offset.div_ceil(PAGE), end >> PAGE_BITS);
        let (count, start) = (last.saturating_sub(first), offset);
        let hole = Hole { file, first, count, cows: false, stays: false, start, end };
        self.store.holes.push(hole);
        if last == 0 {
            // `unmap_end` is -1 where the hole ends within the first page, and as an unsigned number
            // beyond everything: all pages from `first` on are unmapped, though none goes.
            let count = u64::MAX >> 24;
            let (start, cows, stays) = (offset, false, true);
            self.store.holes.push(Hole { file, first, count, cows, stays, start, end });
        }
        self.store.files[file].blocks.take(first, last.max(first));
    }

    /// `fsync(2)`.
    pub(crate) fn fsync(&mut self, fd: i32) -> Answer {
        let file = self.store.opens[self.opened(fd)?].file;
        self.store.synced.push((file, 0, u64::MAX >> 24));
        Ok(0)
    }

    /// `posix_fadvise(2)`: WILLNEED reads, DONTNEED drops what is clean and unmapped.
    pub(crate) fn fadvise(&mut self, fd: i32, offset: u64, len: u64, advice: i32) -> Answer {
        let open = self.opened(fd)?;
        let file = self.store.opens[open].file;
        if !(0..=5).contains(&advice) || i64::try_from(len).is_err() {
            return Err(Errno::EINVAL);
        }
        if self.store.files[file].is_shmem() {
            return Ok(0);
        }
        let end = if len == 0 { u64::MAX } else { offset.saturating_add(len) };
        let Open { window, no_reuse, .. } = &mut self.store.opens[open];
        match advice {
            0 => {
                window.advice = Advice::Normal;
                *no_reuse = false;
            }
            5 => *no_reuse = true,
            1 => window.advice = Advice::Random,
            2 => window.advice = Advice::Sequential,
            3 => {
                let last = end.div_ceil(PAGE).min(self.store.files[file].pages());
                let first = offset >> PAGE_BITS;
                if first < last {
                    // What cannot be had is not read.
                    let _ = self.fill_all(file, first, last - first);
                }
            }
            4 => {
                let first = offset.div_ceil(PAGE);
                // The last page goes when the range ends with the file.
                let last = if end >= self.store.files[file].len {
                    self.store.files[file].pages()
                } else {
                    end >> PAGE_BITS
                };
                self.drop_clean(file, first, last);
                // What is dirty is being written back, and clean soon.
                if first < last {
                    self.store.synced.push((file, first, last - first));
                }
            }
            _ => {}
        }
        Ok(0)
    }

    fn drop_clean(&mut self, file: usize, first: u64, last: u64) {
        let base = file_base(file);
        if first >= last {
            return;
        }
        for (frame, len, known) in self.store.frames.map.within(base + first, base + last) {
            if known.maps == 0 && !known.dirty {
                // Folios go as a whole or not at all (`find_lock_entries()`).
                let size = 1 << known.order;
                let (from, to) = (frame.next_multiple_of(size), frame + len - (frame + len) % size);
                if from < to {
                    self.store.frames.remove(from, to);
                }
            }
        }
    }

    /// `shmget(2)` of a private segment.
    pub(crate) fn shmget(&mut self, len: u64) -> Answer {
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        let pages = page_align(len) >> PAGE_BITS;
        if pages == 0 {
            return Err(Errno::ENOSPC);
        }
        self.promise(pages)?;
        let id = self.store.shm.len();
        let inode = u64::try_from(id).unwrap_or(0);
        let file = self.store.add_file(File {
            name: "/SYSV00000000 (deleted)".to_owned(),
            device: (0, 1),
            inode,
            len,
            kind: FileKind::SysV,
            promised: Some(pages),
            blocks: RangeSet::default(),
            opens: 0,
            linked: true,
        });
        self.store.shm.push(file);
        Ok(inode)
    }

    fn segment(&self, id: i32) -> Answer<usize> {
        let found = usize::try_from(id).ok().and_then(|id| self.store.shm.get(id).copied());
        // A removed segment lives while somebody is attached.
        let lives = |file: &usize| {
            let file = &self.store.files[*file];
            file.linked || file.opens > 0
        };
        found.filter(lives).ok_or(Errno::EINVAL)
    }

    /// `shmat(2)`.
    pub(crate) fn shmat(&mut self, id: i32, addr: u64, flags: u32) -> Answer {
        if id < 0 {
            return Err(Errno::EINVAL);
        }
        let mut addr = addr;
        let mut map = MapFlags::SHARED;
        if addr != 0 {
            if !addr.is_multiple_of(PAGE) {
                if flags & SHM_RND == 0 {
                    return Err(Errno::EINVAL);
                }
                addr &= !(PAGE - 1);
                if addr == 0 && flags & SHM_REMAP != 0 {
                    return Err(Errno::EINVAL);
                }
            }
            map = map.with(MapFlags::FIXED);
        } else if flags & SHM_REMAP != 0 {
            return Err(Errno::EINVAL);
        }
        let file = self.segment(id)?;
        let len = self.store.files[file].len;
        let write = flags & SHM_RDONLY == 0;
        let mut prot = if write { Prot::READ.with(Prot::WRITE) } else { Prot::READ };
        if flags & SHM_EXEC != 0 {
            prot = prot.with(Prot::EXEC);
        }
        if addr != 0 && flags & SHM_REMAP == 0 {
            let end = addr.checked_add(len).ok_or(Errno::EINVAL)?;
            if self.mm.intersection(addr, end).is_some() {
                return Err(Errno::EINVAL);
            }
        }
        let open = self.store.add_open(file, true, write);
        self.store.hold(open);
        let call = Mmap { addr, len, prot, flags: map, fd: -1, offset: 0 };
        let mapped = self.do_mmap(&call, Some(open));
        self.store.release_open(open);
        let (address, populate) = mapped?;
        self.change(address, |vma| vma.has_close = true);
        if populate {
            self.populate(address, address + page_align(len));
        }
        Ok(address)
    }

    /// `shmdt(2)`: every part of the attachment that starts at this address goes.
    pub(crate) fn shmdt(&mut self, addr: u64) -> Answer {
        if !addr.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        let mut size = 0;
        let mut of = None;
        for at in self.mm.starts(addr, self.mm.layout.task_size) {
            let vma = self.vma(at).clone();
            if of.is_some() && vma.end - addr > size {
                break;
            }
            let Backing::File(open) = vma.backing else { continue };
            let file = self.store.opens[open].file;
            if self.store.files[file].kind != FileKind::SysV {
                continue;
            }
            let starts_it = at.checked_sub(addr) == Some(vma.pgoff << PAGE_BITS);
            let same = of.is_none_or(|of| of == open);
            if !starts_it || !same {
                continue;
            }
            if of.is_none() {
                of = Some(open);
                size = page_align(self.store.files[file].len);
            }
            self.unmap(vma.start, vma.end)?;
        }
        if of.is_some() { Ok(0) } else { Err(Errno::EINVAL) }
    }

    /// `shmctl(2)` with `IPC_RMID`.
    pub(crate) fn shm_remove(&mut self, id: i32) -> Answer {
        if id < 0 {
            return Err(Errno::EINVAL);
        }
        let file = self.segment(id)?;
        self.store.files[file].linked = false;
        self.store.free_if_unused(file);
        Ok(0)
    }
}
