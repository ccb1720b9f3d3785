//! `msync(2)` and `mincore(2)`, 6.18.

use world::{Errno, SyncFlags};

use crate::ctx::{Answer, Ctx};
use crate::page::{PAGE, PAGE_BITS};
use crate::vm_flags::VmFlags;
use crate::vma::Backing;

impl Ctx<'_> {
    /// `msync(2)`.
    pub(crate) fn msync(&mut self, start: u64, len: u64, flags: SyncFlags) -> Answer {
        let both = SyncFlags::ASYNC.with(SyncFlags::SYNC);
        let known = both.with(SyncFlags::INVALIDATE);
        if flags.0 & !known.0 != 0 || start & (PAGE - 1) != 0 || flags.has(both) {
            return Err(Errno::EINVAL);
        }
        let len = len.wrapping_add(PAGE - 1) & !(PAGE - 1);
        let end = start.wrapping_add(len);
        if end < start {
            return Err(Errno::ENOMEM);
        }
        if end == start {
            return Ok(0);
        }
        let mut hole = false;
        let mut at = start;
        loop {
            let vma = self.mm.find(at).ok_or(Errno::ENOMEM)?;
            if at < vma.start {
                if flags == SyncFlags::ASYNC || vma.start >= end {
                    return Err(Errno::ENOMEM);
                }
                at = vma.start;
                hole = true;
            }
            if flags.has(SyncFlags::INVALIDATE) && vma.has(VmFlags::LOCKED) {
                return Err(Errno::EBUSY);
            }
            let to = vma.end.min(end);
            if let Backing::File(open) = vma.backing
                && flags.has(SyncFlags::SYNC)
                && vma.has(VmFlags::SHARED)
            {
                let first = vma.pgoff_at(at);
                let file = self.store.opens[open].file;
                self.store.synced.push((file, first, (to - at) >> PAGE_BITS));
            }
            at = to;
            if at >= end {
                return if hole { Err(Errno::ENOMEM) } else { Ok(0) };
            }
        }
    }

    /// `mincore(2)`: one byte a page.
    pub(crate) fn mincore(&mut self, start: u64, len: u64) -> Answer<Vec<u8>> {
        if start & (PAGE - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        // `access_ok()`: addresses of the user's half.
        let end = start
            .checked_add(len)
            .filter(|end| *end <= self.mm.layout.task_size)
            .ok_or(Errno::ENOMEM)?;
        let mut residency = Vec::new();
        let mut at = start;
        while at < end {
            let vma = self.mm.at(at).ok_or(Errno::ENOMEM)?;
            let to = vma.end.min(end.next_multiple_of(PAGE));
            let (first, last) = (at >> PAGE_BITS, to >> PAGE_BITS);
            let from = residency.len();
            residency.resize(from + usize::try_from(last - first).unwrap_or(0), 0);
            let mut set = |page: u64, count: u64| {
                let begin = from + usize::try_from(page - first).unwrap_or(0);
                residency[begin..begin + usize::try_from(count).unwrap_or(0)].fill(1);
            };
            if let Backing::File(open) = vma.backing {
                let base = crate::frames::file_base(self.store.opens[open].file);
                let offset = vma.pgoff_at(at).min(crate::frames::MOST - (last - first));
                let cached = base + offset..base + offset + (last - first);
                for (frame, count, known) in
                    self.store.frames.map.iter_within(cached.start, cached.end)
                {
                    if known.uptodate {
                        set(first + (frame - base - offset), count);
                    }
                }
            }
            if matches!(vma.backing, Backing::Special(_)) {
                // `can_do_mincore()`: neither anonymous nor of a file.
                set(first, last - first);
            }
            for (page, count, pte) in self.mm.pages.iter_within(first, last) {
                if pte.present() {
                    set(page, count);
                }
            }
            at = to;
        }
        Ok(residency)
    }
}
