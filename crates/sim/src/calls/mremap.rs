//! `mremap(2)`: `do_mremap()` and below in `mm/mremap.c`, 6.18. Several mappings are moved at once
//! since 6.17; before, a range that crosses the end of a mapping is refused.

use world::{Errno, MapFlags, RemapFlags};

use crate::anon::Chain;
use crate::ctx::{Answer, Ctx};
use crate::files::FileKind;
use crate::page::{PAGE, PAGE_BITS, page_align};
use crate::place::Wanted;
use crate::space::Candidate;
use crate::vm_flags::VmFlags;
use crate::vma::Backing;

/// The arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mremap {
    pub(crate) addr: u64,
    pub(crate) old_len: u64,
    pub(crate) new_len: u64,
    pub(crate) flags: RemapFlags,
    pub(crate) new_addr: u64,
}

impl Mremap {
    fn implies_address(&self) -> bool {
        self.flags.any(RemapFlags::FIXED.with(RemapFlags::DONTUNMAP))
    }

    fn keeps_old(&self) -> bool {
        self.flags.has(RemapFlags::DONTUNMAP)
    }

    fn delta(&self) -> u64 {
        self.old_len.abs_diff(self.new_len)
    }

    fn grows(&self) -> bool {
        self.new_len > self.old_len
    }

    fn shrinks(&self) -> bool {
        self.new_len < self.old_len
    }
}

impl Ctx<'_> {
    /// The system call.
    pub(crate) fn mremap(&mut self, call: &Mremap) -> Answer {
        let mut call = Mremap {
            old_len: page_align(call.old_len),
            new_len: page_align(call.new_len),
            ..*call
        };
        self.check_remap(&call)?;
        let same = call.old_len == call.new_len;
        if self.store.rules.moves_many && call.flags.has(RemapFlags::FIXED) && same {
            return self.remap_many(&call);
        }
        let at = self.mm.at(call.addr).ok_or(Errno::EFAULT)?.start;
        let populate = self.prepare_remap(&mut call, at)?;
        let old_len = call.old_len;
        let delta = call.delta();
        let result = if call.implies_address() {
            self.remap_to(&mut call)
        } else {
            self.remap_at(&mut call, at)
        }?;
        if populate {
            self.populate(result + old_len, result + old_len + delta);
        }
        Ok(result)
    }

    /// `check_mremap_params()`.
    fn check_remap(&self, call: &Mremap) -> Answer<()> {
        let known = RemapFlags::MAYMOVE.with(RemapFlags::FIXED).with(RemapFlags::DONTUNMAP);
        let size = self.mm.layout.task_size;
        if call.flags.0 & !known.0 != 0
            || call.addr & (PAGE - 1) != 0
            || call.new_len == 0
            || call.new_len > size
        {
            return Err(Errno::EINVAL);
        }
        if !call.implies_address() {
            return Ok(());
        }
        let (old_end, new_end) =
            (call.addr.wrapping_add(call.old_len), call.new_addr.wrapping_add(call.new_len));
        if call.new_addr > size - call.new_len
            || call.new_addr & (PAGE - 1) != 0
            || !call.flags.has(RemapFlags::MAYMOVE)
            || (call.keeps_old() && call.old_len != call.new_len)
            || (old_end > call.new_addr && new_end > call.addr)
        {
            return Err(Errno::EINVAL);
        }
        if self.mm.map_count() + 2 >= self.map_count_max() - 3 {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// `check_prep_vma()`; whether what is added is to be populated.
    fn prepare_remap(&mut self, call: &mut Mremap, at: u64) -> Answer<bool> {
        let vma = self.vma(at);
        let flags = vma.flags;
        if flags.has(VmFlags::SEALED) {
            return Err(Errno::EPERM);
        }
        if !call.implies_address() {
            call.new_addr = call.addr;
        }
        if !call.grows() && !call.implies_address() {
            return Ok(false);
        }
        if call.old_len == 0 && !flags.any(VmFlags::SHARED.with(VmFlags::MAYSHARE)) {
            return Err(Errno::EINVAL);
        }
        let fixed = VmFlags::DONTEXPAND.with(VmFlags::PFNMAP);
        if call.keeps_old() && flags.any(fixed) {
            return Err(Errno::EINVAL);
        }
        let old_len = if call.shrinks() { call.new_len } else { call.old_len };
        if old_len > vma.end - call.addr {
            return Err(Errno::EFAULT);
        }
        if call.new_len == old_len {
            return Ok(false);
        }
        let populate = flags.has(VmFlags::LOCKED);
        let pages = call.new_len >> PAGE_BITS;
        if vma.pgoff_at(call.addr).checked_add(pages).is_none() {
            return Err(Errno::EINVAL);
        }
        if flags.any(fixed) {
            return Err(Errno::EFAULT);
        }
        if !self.may_lock(flags, call.delta()) {
            return Err(Errno::EAGAIN);
        }
        if !self.may_expand(flags, call.delta() >> PAGE_BITS) {
            return Err(Errno::ENOMEM);
        }
        Ok(populate)
    }

    /// `remap_move()`: every mapping of the range goes where the first one goes.
    fn remap_many(&mut self, call: &Mremap) -> Answer {
        let start = call.addr;
        let end = start.checked_add(call.old_len).ok_or(Errno::EFAULT)?;
        let mut target = call.new_addr;
        let mut last_end = None;
        let mut at = start;
        // What moved may have become one with what lies before it, and reach beyond the end then.
        while at < end
            && let Some(vma) = self.mm.find(at).filter(|vma| vma.start < end)
        {
            let (vma_start, vma_end) = (vma.start, vma.end);
            if last_end.is_none() && start < vma_start {
                return Err(Errno::EFAULT);
            }
            let addr = vma_start.max(start);
            let len = end.min(vma_end) - addr;
            if !self.moves_along(vma_start) && (last_end.is_some() || vma_end < end) {
                return Err(Errno::EFAULT);
            }
            let gap = last_end.map_or(0, |last| vma_start.wrapping_sub(last));
            last_end = Some(vma_end);
            let mut one = Mremap {
                addr,
                old_len: len,
                new_len: len,
                new_addr: target.wrapping_add(gap),
                flags: call.flags,
            };
            self.prepare_remap(&mut one, vma_start)?;
            target = self.remap_to(&mut one)? + len;
            at = vma_end;
        }
        if last_end.is_some() { Ok(call.new_addr) } else { Err(Errno::EFAULT) }
    }

    /// `vma_multi_allowed()`: SysV memory has its own way to be placed, and moves alone.
    fn moves_along(&self, at: u64) -> bool {
        let open = self.vma(at).open_file();
        open.is_none_or(|open| self.store.file(open).kind != FileKind::SysV)
    }

    /// `mremap_to()`.
    fn remap_to(&mut self, call: &mut Mremap) -> Answer {
        if call.flags.has(RemapFlags::FIXED) {
            self.munmap(call.new_addr, call.new_len)?;
            self.mm.at(call.addr).ok_or(Errno::EFAULT)?;
        }
        let mut shrunk_by = 0;
        if call.shrinks() {
            shrunk_by = call.delta();
            self.munmap(call.addr + call.new_len, shrunk_by)?;
            self.mm.at(call.addr).ok_or(Errno::EFAULT)?;
            call.old_len = call.new_len;
        }
        if call.keeps_old() {
            let flags = self.mm.at(call.addr).ok_or(Errno::EFAULT)?.flags;
            if !self.may_expand(flags, call.old_len >> PAGE_BITS) {
                return Err(Errno::ENOMEM);
            }
        }
        let at = self.mm.at(call.addr).ok_or(Errno::EFAULT)?.start;
        call.new_addr = self.remap_place(call, at)?;
        if self.store.rules.charges_shrunk && self.vma(at).has(VmFlags::ACCOUNT) {
            // `vrm_calc_charge()` still has the difference in length, though what was too long has gone.
            self.promise(shrunk_by >> PAGE_BITS)?;
        }
        self.move_vma(call, at)
    }

    /// `mremap_at()`.
    fn remap_at(&mut self, call: &mut Mremap, at: u64) -> Answer {
        if call.shrinks() {
            self.munmap(call.addr + call.new_len, call.delta())?;
            return Ok(call.addr);
        }
        if !call.grows() {
            return Ok(call.addr);
        }
        if self.expands_in_place(call, at) {
            self.expand_in_place(call, at)?;
            return Ok(call.addr);
        }
        if !call.flags.has(RemapFlags::MAYMOVE) {
            return Err(Errno::ENOMEM);
        }
        call.new_addr = self.remap_place(call, at)?;
        self.move_vma(call, at)
    }

    /// `vrm_set_new_addr()`.
    fn remap_place(&mut self, call: &Mremap, at: u64) -> Answer {
        let vma = self.vma(at);
        let mut flags = MapFlags(0);
        if call.flags.has(RemapFlags::FIXED) {
            flags = flags.with(MapFlags::FIXED);
        }
        if vma.has(VmFlags::MAYSHARE) {
            flags = flags.with(MapFlags::SHARED);
        }
        let wanted = Wanted {
            addr: if call.implies_address() { call.new_addr } else { 0 },
            len: call.new_len,
            pgoff: vma.pgoff_at(call.addr),
            open: vma.open_file(),
            flags,
        };
        self.get_unmapped_area(&wanted)
    }

    /// `vrm_can_expand_in_place()` and `vma_expandable()`.
    fn expands_in_place(&mut self, call: &Mremap, at: u64) -> bool {
        let vma = self.vma(at);
        let (start, end) = (vma.start, vma.end);
        if end - call.addr != call.old_len {
            return false;
        }
        let Some(new_end) = end.checked_add(call.delta()) else { return false };
        if self.mm.intersection(end, new_end).is_some() {
            return false;
        }
        let wanted = Wanted {
            addr: start,
            len: new_end - start,
            pgoff: 0,
            open: None,
            flags: MapFlags::FIXED,
        };
        self.get_unmapped_area(&wanted).is_ok()
    }

    fn charge_remap(&mut self, call: &Mremap, flags: VmFlags) -> Answer<u64> {
        if !flags.has(VmFlags::ACCOUNT) {
            return Ok(0);
        }
        let bytes = if call.keeps_old() { call.new_len } else { call.delta() };
        self.promise(bytes >> PAGE_BITS)?;
        Ok(bytes >> PAGE_BITS)
    }

    /// `expand_vma_in_place()`.
    fn expand_in_place(&mut self, call: &Mremap, at: u64) -> Answer<()> {
        let vma = self.vma(at).clone();
        let charged = self.charge_remap(call, vma.flags)?;
        let own = vma.chain.own;
        let range = Candidate {
            start: vma.end,
            end: vma.end + call.delta(),
            flags: vma.flags,
            pgoff: vma.pgoff_at(vma.end),
            backing: vma.backing,
            chain: Chain { own, all: own.into_iter().collect() },
            policy: vma.policy,
        };
        if self.merge_new(&range, false).is_none() {
            self.store.forget(charged);
            return Err(Errno::ENOMEM);
        }
        self.count_moved(vma.flags, call.delta());
        Ok(())
    }

    /// `vrm_stat_account()`.
    fn count_moved(&mut self, flags: VmFlags, bytes: u64) {
        self.mm.account(flags, bytes >> PAGE_BITS, true);
        if flags.has(VmFlags::LOCKED) {
            self.mm.locked_vm += bytes >> PAGE_BITS;
        }
    }

    /// `move_vma()`.
    fn move_vma(&mut self, call: &Mremap, at: u64) -> Answer {
        if self.mm.map_count() >= self.map_count_max() - 3 {
            return Err(Errno::ENOMEM);
        }
        let flags = self.vma(at).flags;
        self.charge_remap(call, flags)?;
        let (old, new) = self.copy_vma(call, at);
        self.move_pages(call.addr, call.new_addr, call.old_len, old, new);
        let hiwater = self.mm.hiwater_vm;
        let flags = self.vma(old).flags;
        self.count_moved(flags, call.new_len);
        if call.keeps_old() {
            self.keep_source(call, old, new);
        } else {
            self.unmap_source(call, old);
        }
        self.mm.hiwater_vm = hiwater;
        Ok(call.new_addr)
    }

    /// `copy_vma()`: the starts of the old mapping, which may have become part of the new one, and of
    /// the new one.
    fn copy_vma(&mut self, call: &Mremap, at: u64) -> (u64, u64) {
        let vma = self.vma(at).clone();
        let mut pgoff = vma.pgoff_at(call.addr);
        if vma.is_anonymous() && vma.chain.own.is_none() {
            pgoff = call.new_addr >> PAGE_BITS;
        }
        let (start, end) = (call.new_addr, call.new_addr + call.new_len);
        let range = Candidate {
            start,
            end,
            flags: vma.flags,
            pgoff,
            backing: vma.backing,
            chain: vma.chain.clone(),
            policy: vma.policy,
        };
        if let Some(new) = self.merge_new(&range, true) {
            let merged = self.vma(new);
            let old = if vma.start >= merged.start && vma.start < merged.end { new } else { at };
            return (old, new);
        }
        let chain = self.store.anons.clone_from(&vma.chain, vma.chain.own);
        if let Backing::File(open) = vma.backing {
            self.store.hold(open);
        }
        self.mm.vmas.insert(start, crate::vma::Vma { start, end, pgoff, chain, ..vma });
        self.mm.holes.take(start, end);
        (at, start)
    }

    /// `dontunmap_complete()`.
    fn keep_source(&mut self, call: &Mremap, old: u64, new: u64) {
        let vma = self.vma(old);
        let whole = vma.start == call.addr && vma.end == call.addr + call.old_len;
        self.change(old, |vma| vma.flags = vma.flags.without(VmFlags::LOCKED_MASK));
        if new != old && whole {
            let mut chain = self.vma(old).chain.clone();
            self.store.anons.unlink(&mut chain);
            self.change(old, |vma| vma.chain = chain);
        }
    }

    /// `unmap_source_vma()`: the promise went along with the move.
    fn unmap_source(&mut self, call: &Mremap, old: u64) {
        let vma = self.vma(old);
        let accounted = vma.has(VmFlags::ACCOUNT);
        let (start, end) = (vma.start, vma.end);
        if accounted {
            self.change(old, |vma| vma.flags = vma.flags.without(VmFlags::ACCOUNT));
        }
        if call.old_len > 0 && self.munmap(call.addr, call.old_len).is_err() {
            self.store.committed += call.old_len >> PAGE_BITS;
            return;
        }
        if accounted {
            let to = call.addr + call.old_len;
            if start < call.addr
                && let Some(at) = self.mm.before(call.addr).map(|vma| vma.start)
            {
                self.change(at, |vma| vma.flags = vma.flags.with(VmFlags::ACCOUNT));
            }
            if end > to
                && let Some(at) = self.mm.find(to).map(|vma| vma.start)
            {
                self.change(at, |vma| vma.flags = vma.flags.with(VmFlags::ACCOUNT));
            }
        }
    }
}
