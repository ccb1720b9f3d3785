//! Changing the set of mappings: splitting, merging, unmapping.
//!
//! # What it follows
//! `mm/vma.c` of 6.18: `__split_vma()`, `vma_merge_existing_range()`, `vma_merge_new_range()`,
//! `vms_gather_munmap_vmas()`, `vms_complete_munmap_vmas()`.

use rules::mempolicy::Mempolicy;
use world::Errno;

use crate::anon::{AnonId, Chain};
use crate::calls::mlock::unlock;
use crate::ctx::{Answer, Ctx};
use crate::page::{HUGE_BYTES, PAGE_BITS, page_of};
use crate::rules_of::AnonMerge;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

/// A range that may become part of its neighbours.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) flags: VmFlags,
    pub(crate) pgoff: u64,
    pub(crate) backing: Backing,
    /// What it holds of anonymous memory.
    pub(crate) chain: Chain,
    /// Which nodes its pages come from.
    pub(crate) policy: Option<Mempolicy>,
}

impl Ctx<'_> {
    pub(crate) fn map_count_max(&self) -> u64 {
        self.store.config.max_map_count
    }

    /// A mapping that is known to be there.
    pub(crate) fn vma(&self, start: u64) -> &Vma {
        let found = self.mm.vmas.get(start);
        found.unwrap_or_else(|| unreachable!("no mapping starts at {start:#x}"))
    }

    /// Changes a mapping that is known to be there, its start aside.
    pub(crate) fn change(&mut self, start: u64, change: impl FnOnce(&mut Vma)) {
        if let Some(vma) = self.mm.vmas.get_mut(start) {
            change(vma);
        }
    }

    /// Moves one end of a mapping, or both; its offset goes with its start.
    pub(crate) fn reshape(&mut self, at: u64, start: u64, end: u64) {
        let spot = self.mm.vmas.spot(at);
        if let Some((_, vma)) = self.mm.vmas.at_mut(spot).filter(|(key, _)| *key == at) {
            vma.pgoff = if start >= at {
                vma.pgoff.wrapping_add((start - at) >> PAGE_BITS)
            } else {
                vma.pgoff.wrapping_sub((at - start) >> PAGE_BITS)
            };
            vma.start = start;
            vma.end = end;
            self.mm.vmas.rekey(spot, start);
        }
    }

    /// `split_vma()`: in two at `address`, unless there are too many mappings.
    pub(crate) fn split(&mut self, at: u64, address: u64) -> Answer<()> {
        if self.mm.map_count() >= self.map_count_max() {
            return Err(Errno::ENOMEM);
        }
        self.split_unchecked(at, address);
        Ok(())
    }

    /// `__split_vma()`: the lower part keeps the key.
    pub(crate) fn split_unchecked(&mut self, at: u64, address: u64) {
        self.split_huge(address);
        let Some(vma) = self.mm.vmas.get_mut(at) else { return };
        let mut upper = vma.clone();
        upper.pgoff = vma.pgoff_at(address);
        upper.start = address;
        vma.end = address;
        let own = vma.chain.own;
        upper.chain = self.store.anons.clone_from(&vma.chain, own);
        if let Backing::File(open) = upper.backing {
            self.store.hold(open);
        }
        self.mm.vmas.insert(address, upper);
    }

    /// Forgets a mapping whose range another one took over or that is gone.
    pub(crate) fn discard(&mut self, mut vma: Vma) {
        self.store.anons.unlink(&mut vma.chain);
        if let Backing::File(open) = vma.backing {
            self.store.release_open(open);
        }
    }

    fn anon_mergeable(&self, target: &Vma, source: &Chain) -> bool {
        match (self.store.rules.anon_merge, target.chain.own, source.own) {
            (_, a, b) if a == b => true,
            (AnonMerge::Either, None, _) | (AnonMerge::Either, _, None) => true,
            (AnonMerge::Single, None, _) | (AnonMerge::Single, _, None) => {
                target.chain.all.len() == 1
            }
            (AnonMerge::Uncowed, None, Some(_)) => !source.is_forked(),
            (AnonMerge::Uncowed, Some(_), None) => !target.chain.is_forked(),
            _ => false,
        }
    }

    fn mergeable(&self, target: &Vma, range: &Candidate) -> bool {
        !matches!(target.backing, Backing::Special(_))
            && target.backing == range.backing
            && (target.flags.0 ^ range.flags.0) & !VmFlags::IGNORE_MERGE.0 == 0
            && target.policy == range.policy
            && self.anon_mergeable(target, &range.chain)
    }

    fn merges_left(&self, range: &Candidate) -> Option<u64> {
        let left = self.mm.before(range.start).filter(|left| left.end == range.start)?;
        let fits = self.mergeable(left, range) && left.pgoff + left.pages() == range.pgoff;
        fits.then_some(left.start)
    }

    fn merges_right(&self, range: &Candidate, left: Option<u64>) -> Option<u64> {
        let right = self.mm.vmas.get(range.end)?;
        let pages = (range.end - range.start) >> PAGE_BITS;
        if !self.mergeable(right, range) || right.pgoff != range.pgoff + pages {
            return None;
        }
        if let Some(left) = left {
            let (a, b) = (self.vma(left).chain.own, right.chain.own);
            if a.is_some() && b.is_some() && a != b {
                return None;
            }
        }
        Some(right.start)
    }

    /// `dup_anon_vma()`: the first takes over what the second holds.
    fn take_over(&mut self, target: u64, source: &Chain) {
        if self.vma(target).chain.own.is_some() || source.own.is_none() {
            return;
        }
        let chain = self.store.anons.clone_from(source, source.own);
        self.change(target, |vma| vma.chain = chain);
    }

    /// Flags that a mapping gets from what becomes part of it.
    fn stick(&mut self, at: u64, from: VmFlags) {
        let sticky = from.and(VmFlags::STICKY);
        self.change(at, |vma| vma.flags = vma.flags.with(sticky));
    }

    /// `vma_merge_new_range()`: a range that is free becomes part of a neighbour. The start of the
    /// mapping that it is now in.
    pub(crate) fn merge_new(&mut self, range: &Candidate, copied: bool) -> Option<u64> {
        if range.flags.any(VmFlags::SPECIAL) {
            return None;
        }
        let left = self.merges_left(range);
        let right = self.merges_right(range, left);
        if let Some(target) = left.or(right) {
            self.stick(target, range.flags);
            self.mm.holes.take(range.start, range.end);
        }
        match (left, right) {
            (None, None) => None,
            (Some(left), None) => {
                if copied {
                    self.take_over(left, &range.chain);
                }
                self.reshape(left, left, range.end);
                Some(left)
            }
            (Some(left), Some(right)) if self.vma(right).has_close => {
                self.reshape(left, left, range.end);
                Some(left)
            }
            (Some(left), Some(right)) => {
                let gone = self.mm.vmas.remove(right)?;
                self.stick(left, gone.flags);
                self.take_over(left, &gone.chain);
                if copied {
                    self.take_over(left, &range.chain);
                }
                self.reshape(left, left, gone.end);
                self.discard(gone);
                Some(left)
            }
            (None, Some(right)) => {
                if copied {
                    self.take_over(right, &range.chain);
                }
                let end = self.vma(right).end;
                self.reshape(right, range.start, end);
                Some(range.start)
            }
        }
    }

    /// As [`Ctx::merge_new`], with the neighbour below alone (`just_expand`).
    pub(crate) fn merge_left_only(&mut self, range: &Candidate) -> bool {
        if range.flags.any(VmFlags::SPECIAL) {
            return false;
        }
        let Some(left) = self.merges_left(range) else { return false };
        self.mm.holes.take(range.start, range.end);
        self.reshape(left, left, range.end);
        true
    }

    /// `vma_modify()`: `start..end` of the mapping at `at` gets other flags; it is merged with its
    /// neighbours or split off. The start of the mapping that holds it now. The flags are set.
    pub(crate) fn modify(&mut self, at: u64, start: u64, end: u64, flags: VmFlags) -> Answer {
        let policy = self.vma(at).policy;
        self.modify_to(at, start, end, flags, policy)
    }

    /// The same with a memory policy.
    pub(crate) fn modify_to(
        &mut self,
        at: u64,
        start: u64,
        end: u64,
        flags: VmFlags,
        policy: Option<Mempolicy>,
    ) -> Answer {
        if let Some(found) = self.merge_existing(at, start, end, flags, policy) {
            return Ok(found);
        }
        let mut key = at;
        if self.vma(at).start < start {
            self.split(at, start)?;
            key = start;
        }
        if self.vma(key).end > end {
            self.split(key, end)?;
        }
        self.change(key, |vma| (vma.flags, vma.policy) = (flags, policy));
        Ok(key)
    }

    /// `vma_merge_existing_range()`.
    fn merge_existing(
        &mut self,
        at: u64,
        start: u64,
        end: u64,
        flags: VmFlags,
        policy: Option<Mempolicy>,
    ) -> Option<u64> {
        let middle = self.vma(at);
        let (left_side, right_side) = (start == middle.start, end == middle.end);
        if flags.any(VmFlags::SPECIAL) || !(left_side || right_side) {
            return None;
        }
        // What mostly decides, before anything is copied.
        let alike = |other: &Vma| {
            other.backing == middle.backing
                && (other.flags.0 ^ flags.0) & !VmFlags::IGNORE_MERGE.0 == 0
                && other.policy == policy
        };
        let left = || self.mm.before(start).is_some_and(|left| left.end == start && alike(left));
        let right = || self.mm.vmas.get(end).is_some_and(alike);
        if !((left_side && left()) || (right_side && right())) {
            return None;
        }
        let middle = middle.clone();
        let range = Candidate {
            start,
            end,
            flags,
            pgoff: middle.pgoff_at(start),
            backing: middle.backing,
            chain: middle.chain.clone(),
            policy,
        };
        let left = left_side.then(|| self.merges_left(&range)).flatten();
        let mut right = right_side.then(|| self.merges_right(&range, left)).flatten();
        if left.is_none() && right.is_none() {
            return None;
        }
        let whole = left_side && right_side;
        if whole && middle.has_close {
            return None;
        }
        if left.is_some() && right.is_some_and(|right| self.vma(right).has_close) {
            right = None;
        }
        if let Some(target) = left.or(right) {
            self.stick(target, flags);
        }
        match (left, right) {
            (Some(left), Some(right)) => {
                let next = self.mm.vmas.remove(right)?;
                self.stick(left, next.flags);
                let gone = self.mm.vmas.remove(at)?;
                let source = if next.chain.own.is_some() { &next.chain } else { &gone.chain };
                self.take_over(left, source);
                self.reshape(left, left, next.end);
                self.discard(next);
                self.discard(gone);
                Some(left)
            }
            (Some(left), None) => {
                self.take_over(left, &middle.chain);
                if whole {
                    let gone = self.mm.vmas.remove(at)?;
                    self.reshape(left, left, end);
                    self.discard(gone);
                } else {
                    self.split_huge(end);
                    self.reshape(at, end, middle.end);
                    self.reshape(left, left, end);
                }
                Some(left)
            }
            (None, Some(right)) => {
                self.take_over(right, &middle.chain);
                let right_end = self.vma(right).end;
                if whole {
                    let gone = self.mm.vmas.remove(at)?;
                    self.reshape(right, start, right_end);
                    self.discard(gone);
                } else {
                    self.split_huge(start);
                    self.reshape(at, at, start);
                    self.reshape(right, start, right_end);
                }
                Some(start)
            }
            (None, None) => None,
        }
    }

    /// `reusable_anon_vma()` of both neighbours: what a mapping may use for its first page.
    pub(crate) fn neighbours_anon(&self, at: u64) -> Option<AnonId> {
        let vma = self.vma(at);
        let compatible = |a: &Vma, b: &Vma| {
            let differ = (a.flags.0 ^ b.flags.0) & !(VmFlags::ACCESS.0 | VmFlags::IGNORE_MERGE.0);
            a.end == b.start
                && a.backing == b.backing
                && a.policy == b.policy
                && differ == 0
                && b.pgoff == a.pgoff.wrapping_add(a.pages())
        };
        let single = |vma: &Vma| vma.chain.own.filter(|_| vma.chain.all.len() == 1);
        if let Some(next) = self.mm.after(at)
            && compatible(vma, next)
            && let Some(found) = single(next)
        {
            return Some(found);
        }
        let before = self.mm.before(at)?;
        if compatible(before, vma) { single(before) } else { None }
    }

    /// `anon_vma_prepare()`.
    pub(crate) fn prepare_anon(&mut self, at: u64) {
        if self.vma(at).chain.own.is_some() {
            return;
        }
        let found = self.neighbours_anon(at);
        if let Some(vma) = self.mm.vmas.get_mut(at) {
            self.store.anons.prepare(&mut vma.chain, found);
        }
    }

    /// `do_vmi_munmap()`.
    pub(crate) fn munmap(&mut self, start: u64, len: u64) -> Answer {
        let size = self.mm.layout.task_size;
        if start & 0xfff != 0 || start > size || len > size - start {
            return Err(Errno::EINVAL);
        }
        let end = start + crate::page::page_align(len);
        if end == start {
            return Err(Errno::EINVAL);
        }
        self.unmap(start, end)?;
        Ok(0)
    }

    /// What `start..end` holds is cut out of the mappings around (`vms_gather_munmap_vmas()`), and
    /// may be undone by not calling [`Ctx::finish_unmap`].
    pub(crate) fn gather(&mut self, start: u64, end: u64) -> Answer<Vec<u64>> {
        let Some(first) = self.mm.intersection(start, end) else { return Ok(Vec::new()) };
        let (at, first_end, sealed) = (first.start, first.end, first.has(VmFlags::SEALED));
        // `hugetlb_vm_op_split()`.
        let huge =
            |vma: &Vma, cut: u64| vma.has(VmFlags::HUGETLB) && !cut.is_multiple_of(HUGE_BYTES);
        if start > at && huge(first, start) {
            return Err(Errno::EINVAL);
        }
        if start > at {
            if end < first_end && self.mm.map_count() >= self.map_count_max() {
                return Err(Errno::ENOMEM);
            }
            if sealed {
                return Err(Errno::EPERM);
            }
            self.split_unchecked(at, start);
        }
        let starts = self.mm.starts(start, end);
        for &at in &starts {
            let vma = self.vma(at);
            if vma.has(VmFlags::SEALED) {
                return Err(Errno::EPERM);
            }
            if vma.end > end {
                if huge(vma, end) {
                    return Err(Errno::EINVAL);
                }
                self.split_unchecked(at, end);
            }
        }
        Ok(starts)
    }

    /// Removes mappings that [`Ctx::gather`] cut out, and their pages.
    pub(crate) fn finish_unmap(&mut self, starts: &[u64], start: u64, end: u64) {
        if starts.is_empty() {
            return;
        }
        self.mm.note_rss();
        self.mm.note_vm();
        let floor = self.mm.before(start).map_or(0, |vma| vma.end);
        let ceiling = self.mm.from(end).map_or(1 << 56, |vma| vma.start);
        let (first, last) = (starts[0], self.vma(starts[starts.len() - 1]).end);
        if self.mm.locked_vm > 0 && !self.store.rules.unlocks_late {
            // `munlock_vma_pages_all()`; later [`Ctx::zap_some`] does it, when a page's use is known.
            for at in starts {
                let vma = self.vma(*at);
                if vma.has(VmFlags::LOCKED) {
                    unlock(self.store, self.mm, vma.start, vma.end);
                }
            }
        }
        self.zap(page_of(first), page_of(last));
        self.mm.tables.free(first, last, floor, ceiling);
        for at in starts {
            let Some(vma) = self.mm.vmas.remove(*at) else { continue };
            let pages = vma.pages();
            self.mm.account(vma.flags, pages, false);
            if vma.has(VmFlags::LOCKED) {
                self.mm.locked_vm = self.mm.locked_vm.saturating_sub(pages);
            }
            if vma.has(VmFlags::ACCOUNT) {
                self.store.forget(pages);
            }
            self.unmap_huge(&vma);
            self.discard(vma);
        }
        self.freed_area(start, end);
    }

    /// `do_vmi_align_munmap()`.
    pub(crate) fn unmap(&mut self, start: u64, end: u64) -> Answer<()> {
        let starts = self.gather(start, end)?;
        self.finish_unmap(&starts, start, end);
        Ok(())
    }
}
