//! `brk(2)`, 6.18.

use world::MapFlags;

use crate::anon::Chain;
use crate::ctx::{Answer, Ctx};
use crate::page::{PAGE, PAGE_BITS, page_align};
use crate::place::Wanted;
use crate::space::Candidate;
use crate::vm_flags::VmFlags;
use crate::vma::Backing;

impl Ctx<'_> {
    /// The system call: the break, moved or not.
    pub(crate) fn brk(&mut self, brk: u64) -> u64 {
        let segments = self.mm.segments;
        let old = segments.brk;
        if brk < segments.start_brk || !self.data_limit_allows(brk) {
            return old;
        }
        let (new_end, old_end) = (page_align(brk), page_align(old));
        if new_end == old_end {
            self.mm.segments.brk = brk;
            return brk;
        }
        if brk <= old {
            let Some(first) = self.mm.intersection(new_end, old_end) else { return old };
            if first.start >= old_end {
                return old;
            }
            self.mm.segments.brk = brk;
            if self.unmap(new_end, old_end).is_err() {
                self.mm.segments.brk = old;
                return old;
            }
            return brk;
        }
        if self.grow_heap(old_end, new_end).is_err() {
            return old;
        }
        self.mm.segments.brk = brk;
        if self.mm.def_flags.has(VmFlags::LOCKED) {
            self.populate(old_end, new_end);
        }
        brk
    }

    /// `check_data_rlimit()`.
    fn data_limit_allows(&self, brk: u64) -> bool {
        let limit = self.task.limits.data.0;
        let segments = self.mm.segments;
        limit == u64::MAX
            || (brk - segments.start_brk).saturating_add(segments.data.1 - segments.data.0) <= limit
    }

    fn grow_heap(&mut self, from: u64, to: u64) -> Answer<()> {
        let none = world::Errno::ENOMEM;
        let len = to.checked_sub(from).ok_or(none)?;
        self.get_unmapped_area(&Wanted {
            addr: from,
            len,
            pgoff: 0,
            open: None,
            flags: MapFlags::FIXED,
        })?;
        if !self.may_lock(self.mm.def_flags, len) {
            return Err(world::Errno::EAGAIN);
        }
        let gap = self.store.config.stack_guard_gap * PAGE;
        if let Some(next) = self.mm.intersection(from, to + PAGE + gap)
            && to + PAGE > self.start_gap(next)
        {
            return Err(none);
        }
        // `do_brk_flags()`.
        let flags = VmFlags::DATA_DEFAULT.with(VmFlags::ACCOUNT).with(self.mm.def_flags);
        let pages = len >> PAGE_BITS;
        if !self.may_expand(flags, pages) || self.mm.map_count() > self.map_count_max() {
            return Err(none);
        }
        self.promise(pages)?;
        let apart = self.store.rules.heap_apart;
        let left = self.mm.before(from).filter(|vma| vma.end == from);
        let left = left.filter(|vma| !apart || vma.end > self.mm.segments.start_brk);
        let range = Candidate {
            start: from,
            end: to,
            flags,
            pgoff: from >> PAGE_BITS,
            backing: Backing::Anon,
            chain: Chain::default(),
            policy: None,
        };
        if left.is_none() || !self.expand_heap(&range) {
            self.insert(from, to, flags, from >> PAGE_BITS, Backing::Anon);
        }
        self.mm.total_vm += pages;
        self.mm.data_vm += pages;
        if flags.has(VmFlags::LOCKED) {
            self.mm.locked_vm += pages;
        }
        Ok(())
    }

    /// The heap merges with what is below it, never with what follows (6.1 on; both before).
    fn expand_heap(&mut self, range: &Candidate) -> bool {
        if !self.store.rules.heap_apart {
            return self.merge_new(range, false).is_some();
        }
        self.merge_left_only(range)
    }
}
