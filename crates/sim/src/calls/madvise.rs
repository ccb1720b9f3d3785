//! `madvise(2)`: `do_madvise()` and `madvise_walk_vmas()`, 6.18; which advice exists, by release.

use std::collections::BTreeSet;

use facts::Release;
use world::{Advice, Errno};

use crate::calls::files::MOST_ON_DISK;
use crate::ctx::{Answer, Ctx};
use crate::fault::Refusal;
use crate::files::FileKind;
use crate::frames::file_of;
use crate::page::{HUGE, HUGE_BYTES, PAGE, PAGE_BITS, Pte, What, page_align};
use crate::pages::Zap;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

const NORMAL: i32 = 0;
const RANDOM: i32 = 1;
const SEQUENTIAL: i32 = 2;
const WILLNEED: i32 = 3;
const DONTNEED: i32 = 4;
const FREE: i32 = 8;
const REMOVE: i32 = 9;
const DONTFORK: i32 = 10;
const DOFORK: i32 = 11;
const MERGEABLE: i32 = 12;
const UNMERGEABLE: i32 = 13;
const HUGEPAGE: i32 = 14;
const NOHUGEPAGE: i32 = 15;
const DONTDUMP: i32 = 16;
const DODUMP: i32 = 17;
const WIPEONFORK: i32 = 18;
const KEEPONFORK: i32 = 19;
const COLD: i32 = 20;
const PAGEOUT: i32 = 21;
const POPULATE_READ: i32 = 22;
const POPULATE_WRITE: i32 = 23;
const DONTNEED_LOCKED: i32 = 24;
const COLLAPSE: i32 = 25;
const GUARD_INSTALL: i32 = 102;
const GUARD_REMOVE: i32 = 103;

/// The first release that knows an advice.
fn since(advice: i32) -> Option<Release> {
    Some(match advice {
        NORMAL..=DONTNEED => Release::old(2, 4, 0),
        REMOVE | DONTFORK | DOFORK => Release::old(2, 6, 16),
        MERGEABLE | UNMERGEABLE => Release::old(2, 6, 32),
        HUGEPAGE | NOHUGEPAGE => Release::old(2, 6, 38),
        DONTDUMP | DODUMP => Release::new(3, 4),
        FREE => Release::new(4, 5),
        WIPEONFORK | KEEPONFORK => Release::new(4, 14),
        COLD | PAGEOUT => Release::new(5, 4),
        POPULATE_READ | POPULATE_WRITE => Release::new(5, 14),
        DONTNEED_LOCKED => Release::new(5, 18),
        COLLAPSE => Release::new(6, 1),
        GUARD_INSTALL | GUARD_REMOVE => Release::new(6, 13),
        _ => return None,
    })
}

/// `can_madvise_modify()`: what is sealed and may not be written is not thrown away either (6.10), unless
/// it is of a file or shared.
fn may_advise(vma: &Vma, advice: i32) -> bool {
    let discards = [DONTNEED, DONTNEED_LOCKED, FREE, REMOVE, DONTFORK, WIPEONFORK, GUARD_INSTALL];
    let harmless = vma.open_file().is_some() || vma.flags.any(VmFlags::SHARED.with(VmFlags::WRITE));
    !vma.has(VmFlags::SEALED) || harmless || !discards.contains(&advice)
}

impl Ctx<'_> {
    /// The system call.
    pub(crate) fn madvise(&mut self, start: u64, len: u64, advice: Advice) -> Answer {
        let advice = advice.0;
        let known = since(advice).is_some_and(|since| self.store.release() >= since);
        if !known || start & (PAGE - 1) != 0 {
            return Err(Errno::EINVAL);
        }
        let rounded = page_align(len);
        if len != 0 && rounded == 0 {
            return Err(Errno::EINVAL);
        }
        let end = start.checked_add(rounded).ok_or(Errno::EINVAL)?;
        if start == end {
            return Ok(0);
        }
        if matches!(advice, POPULATE_READ | POPULATE_WRITE) {
            self.advise_populate(start, end, advice == POPULATE_WRITE)?;
            return Ok(0);
        }
        let mut hole = false;
        let mut at = start;
        while at < end {
            let Some(vma) = self.mm.find(at) else { return Err(Errno::ENOMEM) };
            if at < vma.start {
                hole = true;
                at = vma.start;
                if at >= end {
                    break;
                }
            }
            let (key, to) = (vma.start, vma.end.min(end));
            if !may_advise(vma, advice) {
                return Err(Errno::EPERM);
            }
            self.advise(key, at, to, advice)?;
            at = to;
        }
        if hole { Err(Errno::ENOMEM) } else { Ok(0) }
    }

    /// `madvise_vma_behavior()`.
    fn advise(&mut self, at: u64, start: u64, end: u64, advice: i32) -> Answer<()> {
        match advice {
            WILLNEED => {
                self.advise_willneed(at, start, end);
                Ok(())
            }
            DONTNEED | DONTNEED_LOCKED | FREE => self.advise_discard(at, start, end, advice),
            REMOVE => self.advise_remove(at, start, end),
            COLD | PAGEOUT => self.advise_cold(at, start, end, advice == PAGEOUT),
            COLLAPSE => self.advise_collapse(at, start, end),
            GUARD_INSTALL => self.guard_install(at, start, end),
            GUARD_REMOVE => {
                if self.vma(at).flags.any(VmFlags::SPECIAL) {
                    return Err(Errno::EINVAL);
                }
                self.zap_some(start >> PAGE_BITS, end >> PAGE_BITS, Zap::Guards);
                Ok(())
            }
            _ => self.advise_flags(at, start, end, advice),
        }
    }

    /// The advice that is kept as a flag of the mapping.
    fn advise_flags(&mut self, at: u64, start: u64, end: u64, advice: i32) -> Answer<()> {
        let vma = self.vma(at);
        let flags = vma.flags;
        let droppable = flags.has(VmFlags::DROPPABLE);
        let special = flags.any(VmFlags::SPECIAL);
        let new = match advice {
            NORMAL => flags.without(VmFlags::RAND_READ).without(VmFlags::SEQ_READ),
            SEQUENTIAL => flags.without(VmFlags::RAND_READ).with(VmFlags::SEQ_READ),
            RANDOM => flags.without(VmFlags::SEQ_READ).with(VmFlags::RAND_READ),
            DONTFORK => flags.with(VmFlags::DONTCOPY),
            DOFORK if special => return Err(Errno::EINVAL),
            DOFORK => flags.without(VmFlags::DONTCOPY),
            WIPEONFORK if vma.open_file().is_some() || flags.has(VmFlags::SHARED) => {
                return Err(Errno::EINVAL);
            }
            WIPEONFORK => flags.with(VmFlags::WIPEONFORK),
            KEEPONFORK if droppable => return Err(Errno::EINVAL),
            KEEPONFORK => flags.without(VmFlags::WIPEONFORK),
            DONTDUMP => flags.with(VmFlags::DONTDUMP),
            DODUMP if special || droppable => return Err(Errno::EINVAL),
            DODUMP => flags.without(VmFlags::DONTDUMP),
            MERGEABLE => {
                let shared = flags.any(VmFlags::SHARED.with(VmFlags::MAYSHARE));
                if shared || special || droppable {
                    flags
                } else {
                    self.store.ksm.enter(self.rest.mm, self.store.clock);
                    flags.with(VmFlags::MERGEABLE)
                }
            }
            UNMERGEABLE => {
                if flags.has(VmFlags::MERGEABLE) {
                    self.unmerge(at, start, end, true);
                }
                flags.without(VmFlags::MERGEABLE)
            }
            HUGEPAGE => flags.without(VmFlags::NOHUGEPAGE).with(VmFlags::HUGEPAGE),
            _ => flags.without(VmFlags::HUGEPAGE).with(VmFlags::NOHUGEPAGE),
        };
        if new == flags {
            return Ok(());
        }
        match self.modify(at, start, end, new) {
            Ok(_) => Ok(()),
            Err(Errno::ENOMEM) => Err(Errno::EAGAIN),
            Err(other) => Err(other),
        }
    }

    /// Reads the pages of a file into memory, without mapping them.
    fn advise_willneed(&mut self, at: u64, start: u64, end: u64) {
        self.will_need(start >> PAGE_BITS, end >> PAGE_BITS);
        let vma = self.vma(at);
        let Backing::File(open) = vma.backing else { return };
        let first = vma.pgoff_at(start);
        let file = self.store.opens[open].file;
        if self.store.files[file].is_shmem() {
            return;
        }
        let last = (first + ((end - start) >> PAGE_BITS)).min(self.store.files[file].pages());
        if first < last {
            // What cannot be had is not read.
            let _ = self.fill_all(file, first, last - first);
        }
    }

    /// `madvise_dontneed_free()`.
    fn advise_discard(&mut self, at: u64, start: u64, end: u64, advice: i32) -> Answer<()> {
        let vma = self.vma(at);
        let mut forbidden = VmFlags::PFNMAP;
        if advice != DONTNEED_LOCKED {
            forbidden = forbidden.with(VmFlags::LOCKED);
        }
        if vma.flags.any(forbidden) {
            return Err(Errno::EINVAL);
        }
        if advice == FREE && !vma.is_anonymous() {
            return Err(Errno::EINVAL);
        }
        self.mm.note_rss();
        let (first, last) = (start >> PAGE_BITS, end >> PAGE_BITS);
        if advice == FREE {
            self.lazy_free(first, last);
            return Ok(());
        }
        self.zap_some(first, last, Zap::KeepGuards);
        if self.store.rules.reclaims_tables {
            self.reclaim_tables(start, end);
        }
        Ok(())
    }

    /// Frees the page tables that a discard emptied; those with guards in them stay.
    fn reclaim_tables(&mut self, start: u64, end: u64) {
        let (first, last) = (start >> PAGE_BITS, end >> PAGE_BITS);
        let mut from = start;
        for (page, len, _) in self.mm.pages.within(first, last) {
            let keep = page / HUGE * HUGE_BYTES;
            self.mm.tables.reclaim(from, keep.max(from));
            from = (page + len).next_multiple_of(HUGE) << PAGE_BITS;
        }
        if from < end {
            self.mm.tables.reclaim(from, end);
        }
    }

    /// `madvise_free_pte_range()`: what is there may be taken until it is written again.
    fn lazy_free(&mut self, first: u64, last: u64) {
        let held = self.split_partial(first, last);
        for (page, len, pte) in self.mm.pages.within(first, last) {
            if pte.what == What::Swap {
                self.zap(page, page + len);
            }
            if pte.what != What::Anon {
                continue;
            }
            self.store.frames.leave_swap(pte.frame, len);
            for (frame, count, known) in self.store.frames.map.within(pte.frame, pte.frame + len) {
                // A shared page that was written by a call is left alone, and so are parts of huge ones.
                let part = known.large && held.contains(&(frame - frame % HUGE));
                let whole = pte.huge && self.store.frames.shares(frame);
                if part || whole || (known.dirty && known.maps > 1) {
                    continue;
                }
                let from = page + (frame - pte.frame);
                self.mm.pages.update(from, from + count, |_, pte| {
                    pte.young = false;
                    pte.dirty = false;
                });
                self.store.frames.update(frame, count, |frame| {
                    frame.dirty = false;
                    if frame.unevictable || !frame.swapbacked {
                        // `folio_mark_lazyfree()`: somebody else has it locked, or it is free to be
                        // taken already, however often calls have used it since.
                        return;
                    }
                    frame.swapbacked = false;
                    frame.referenced = false;
                    frame.active = false;
                });
            }
        }
    }

    /// `madvise_remove()`: a hole in the file.
    fn advise_remove(&mut self, at: u64, start: u64, end: u64) -> Answer<()> {
        let vma = self.vma(at);
        if vma.has(VmFlags::LOCKED) {
            return Err(Errno::EINVAL);
        }
        let open = vma.open_file().ok_or(Errno::EINVAL)?;
        if !vma.has(VmFlags::SHARED.with(VmFlags::MAYWRITE)) {
            return Err(Errno::EACCES);
        }
        let first = vma.pgoff_at(start);
        let file = self.store.opens[open].file;
        let last = first.saturating_add((end - start) >> PAGE_BITS);
        let disk = self.store.files[file].kind == FileKind::Disk;
        if disk && last.saturating_mul(PAGE) > MOST_ON_DISK {
            return Err(Errno::EFBIG);
        }
        self.punch(file, first.saturating_mul(PAGE), last.saturating_mul(PAGE));
        Ok(())
    }

    /// `madvise_cold()` and `madvise_pageout()`. Without swap, anonymous pages stay; pages of files
    /// and of shared memory are unmapped, and leave memory if they are clean.
    fn advise_cold(&mut self, at: u64, start: u64, end: u64, out: bool) -> Answer<()> {
        let vma = self.vma(at);
        if vma.flags.any(VmFlags::LOCKED.with(VmFlags::PFNMAP)) {
            return Err(Errno::EINVAL);
        }
        let droppable = vma.has(VmFlags::DROPPABLE);
        let (first, last) = (start >> PAGE_BITS, end >> PAGE_BITS);
        let held = self.split_partial(first, last);
        let held_files = self.split_file_folios(first, last);
        let runs = self.mm.pages.within(first, last);
        let mut gone = Vec::new();
        let mut swaps = Vec::new();
        let mut splits = BTreeSet::new();
        let swap = self.store.frames.has_swap();
        for (page, len, pte) in runs {
            if !pte.counted() {
                continue;
            }
            for (frame, count, known) in self.store.frames.folios_within(pte.frame, len) {
                let held = held_files.contains(&self.store.frames.folio(frame).0)
                    || known.large
                        && (held.contains(&(frame - frame % HUGE))
                            || pte.huge && self.store.frames.shares(frame));
                if known.maps != 1 || held {
                    continue;
                }
                let from = page + (frame - pte.frame);
                self.store.frames.update(frame, count, |frame| frame.referenced = false);
                if !out {
                    self.mm.pages.update(from, from + count, |_, pte| pte.young = false);
                    continue;
                }
                if known.unevictable {
                    // Somebody has it locked, or had: it goes back to its list.
                    continue;
                }
                let clean = !pte.dirty && !known.dirty;
                if swap && (known.swapbacked || pte.what == What::Shmem) {
                    swaps.push((frame, count));
                    continue;
                }
                if pte.what != What::Anon || ((clean || droppable) && !known.swapbacked) {
                    gone.push((from, count, clean && pte.what != What::Anon, frame));
                } else if known.large && known.swapbacked {
                    // There is no swap for it as a whole.
                    splits
                        .extend((frame..frame + count).step_by(512).map(|part| part - part % HUGE));
                } else if known.large {
                    self.store.frames.update(frame, count, |frame| frame.swapbacked = true);
                } else if !known.swapbacked {
                    // `try_to_unmap_one()`: written to since it was freed lazily, which is now known of the
                    // page itself.
                    self.store.frames.update(frame, count, |frame| {
                        (frame.dirty, frame.swapbacked) = (true, true);
                    });
                }
            }
        }
        for base in splits {
            self.split_folio(base);
        }
        for (frame, count) in swaps {
            self.page_out(frame, count);
        }
        for (page, count, leaves, frame) in gone {
            self.mm.off_list += self.store.fresh.of_others(self.rest.process, frame, count);
            // A huge page that was freed lazily goes page by page (`TTU_SPLIT_HUGE_PMD`): its table stays.
            let huge = self.mm.pages.within(page, page + count);
            let huge = huge.into_iter().filter(|(_, _, pte)| pte.huge);
            for first in huge.flat_map(|(at, len, _)| (at..at + len).step_by(512)) {
                self.flatten(first);
            }
            // Being paged out is no use.
            self.mm.pages.update(page, page + count, |_, pte| pte.young = false);
            self.zap(page, page + count);
            match file_of(frame) {
                Some((file, first)) if leaves => self.store.drop_pages(file, first, count),
                // Shared memory without swap is let go of again, and not marked.
                Some((file, _)) if !self.store.files[file].is_shmem() => {
                    // `shrink_folio_list()`: not before it is written back.
                    self.store.frames.update(frame, count, |frame| {
                        frame.reclaim = true;
                        frame.active = true;
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// `madvise_guard_install()`.
    fn guard_install(&mut self, at: u64, start: u64, end: u64) -> Answer<()> {
        let vma = self.vma(at);
        if vma.flags.any(VmFlags::SPECIAL.with(VmFlags::LOCKED)) {
            return Err(Errno::EINVAL);
        }
        // Guards of files came with 6.15.
        if !vma.is_anonymous() && self.store.release() < Release::new(6, 15) {
            return Err(Errno::EINVAL);
        }
        let marks = self.store.rules.marks_guards;
        if marks {
            self.change(at, |vma| vma.flags = vma.flags.with(VmFlags::MAYBE_GUARD));
        }
        if !marks || self.vma(at).is_anonymous() {
            self.prepare_anon(at);
        }
        let (first, last) = (start >> PAGE_BITS, end >> PAGE_BITS);
        self.zap(first, last);
        let guard = Pte {
            what: What::Guard,
            frame: 0,
            writable: false,
            dirty: false,
            young: false,
            huge: false,
        };
        self.put(first, last - first, guard);
        Ok(())
    }

    /// `madvise_populate()`.
    fn advise_populate(&mut self, start: u64, end: u64, write: bool) -> Answer<()> {
        let mut at = start;
        while at < end {
            let vma = self.mm.at(at).ok_or(Errno::ENOMEM)?;
            let needs = if write { VmFlags::WRITE } else { VmFlags::READ };
            if vma.flags.any(VmFlags::IO.with(VmFlags::PFNMAP)) || !vma.has(needs) {
                return Err(Errno::EINVAL);
            }
            let (key, to) = (vma.start, vma.end.min(end));
            self.fault_in(key, at, to, write, true).map_err(|refusal| match refusal {
                Refusal::Map | Refusal::Bus | Refusal::Protection => Errno::EFAULT,
                Refusal::Killed => Errno::EINTR,
            })?;
            at = to;
        }
        Ok(())
    }
}
