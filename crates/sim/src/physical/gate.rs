//! The gate that every page of memory passes: `__alloc_pages()`.
//!
//! # What it follows
//! `get_page_from_freelist()` and `__alloc_pages_slowpath()` in `mm/page_alloc.c`. First the zones of
//! the list in turn while each meets its low mark; then kswapd is woken, and the minimum will do;
//! then the asker reclaims by itself; and when that leads nowhere, the OOM killer is called, and
//! everything begins anew. Many pages are asked for at once: as many are granted as would be one
//! by one from the first zone that has any.

use facts::Release;
use rules::watermark::ZoneKind;
use world::Errno;

use super::zones::{Mark, class};
use super::{Granted, NOWHERE, Physical, Type, Zone};
use crate::ctx::Ctx;
use crate::log::Draft;
use crate::oom::{self, Outcome, Request};
use crate::page::{HUGE, PAGE_BITS};
use crate::policy::Place;

/// What pages are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Memory of a process (`GFP_HIGHUSER_MOVABLE`).
    User,
    /// A page of a file (`mapping_gfp_mask()`).
    UserFile,
    /// The kernel's own on behalf of a process (`GFP_KERNEL_ACCOUNT`).
    Kernel,
    /// The kernel's own that no cgroup pays for.
    KernelOwn,
    /// A huge page: taken where there is one, and done without otherwise.
    Huge,
    /// Where a page of a process is moved to, if there is room (`__GFP_RETRY_MAYFAIL`).
    Move,
}

impl For {
    /// The highest kind of zone that will do.
    pub(crate) fn highest(self) -> ZoneKind {
        match self {
            For::User | For::UserFile | For::Huge | For::Move => ZoneKind::Movable,
            For::Kernel | For::KernelOwn => ZoneKind::Normal,
        }
    }

    /// What its pages are kept apart for.
    pub(super) fn kind(self) -> Type {
        match self {
            For::User | For::UserFile | For::Huge | For::Move => Type::Movable,
            For::Kernel | For::KernelOwn => Type::Unmovable,
        }
    }

    /// The mask that is printed when the OOM killer is called.
    fn gfp(self) -> &'static str {
        match self {
            For::User | For::Huge => "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO",
            For::UserFile | For::Move => "GFP_HIGHUSER_MOVABLE",
            For::Kernel => "GFP_KERNEL_ACCOUNT|__GFP_ZERO",
            For::KernelOwn => "GFP_KERNEL",
        }
    }
}

/// Pages that may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    /// From one to as many as were asked for.
    pub(crate) pages: u64,
    /// The zone that they came from.
    pub(crate) zone: u8,
    /// The memory cgroup that they are charged to; 0 is the root.
    pub(crate) memcg: u16,
}

/// Why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoMemory {
    /// The asker itself has been killed.
    Dying,
    /// The request may fail, and did.
    Failed,
}

impl Physical {
    /// Pages from the first zone that meets this mark.
    pub(crate) fn grab(&mut self, want: u64, what: For, mark: Mark) -> Option<Grant> {
        let list = self.allowed(what.highest());
        let preferred = list.first().copied().unwrap_or_default();
        for at in list {
            let before = self.zones[at].lists();
            let pages = self.take(at, want, what, mark);
            self.wake_boosted(at);
            if pages > 0 {
                let zone = u8::try_from(at).unwrap_or(NOWHERE);
                self.grant(Granted { zone, before, pages, what, mark, preferred });
                self.count_numa(at, preferred, pages, true);
                return Some(Grant { pages, zone, memcg: 0 });
            }
        }
        None
    }

    /// Page tables that can be had from a list before that is refilled, where it matters when it is: since 6.7
    /// a refill takes the more, the more refills there were in a row.
    fn listed_tables(&self) -> u64 {
        let first = self.fallback(For::Kernel.highest()).first().copied();
        first.map_or(u64::MAX, |at| self.zones[at].pcp.until_refill(For::Kernel.kind()))
    }

    /// kswapd is woken where the marks have been raised.
    fn wake_boosted(&mut self, at: usize) {
        if std::mem::take(&mut self.zones[at].boosted) {
            let (node, kind) = (self.zones[at].node, self.zones[at].kind);
            self.wake(node, class(kind));
        }
    }

    /// Pages that the fast path can grant in all, roughly: never too many.
    fn room(&self, what: For) -> u64 {
        let class = class(what.highest());
        let above =
            |at: usize| self.zones[at].free.saturating_sub(self.zones[at].limit(Mark::Low, class));
        self.allowed(what.highest()).into_iter().map(above).sum()
    }
}

impl Ctx<'_> {
    /// Asks for pages; some of them, at least one, are granted.
    pub(crate) fn allocate(&mut self, want: u64, what: For) -> Result<Grant, NoMemory> {
        if self.rest.dying {
            return Err(NoMemory::Dying);
        }
        if self.store.frames.physical.is_none() {
            return Ok(Grant { pages: want, zone: NOWHERE, memcg: 0 });
        }
        let grant = self.obtain(want, what)?;
        self.pay(grant, what)
    }

    /// The same, and nobody pays for them.
    pub(crate) fn obtain(&mut self, want: u64, what: For) -> Result<Grant, NoMemory> {
        let place = self.place(what);
        self.stand(&place);
        let Some(physical) = self.store.frames.physical.as_deref_mut() else {
            return Ok(Grant { pages: want, zone: NOWHERE, memcg: 0 });
        };
        let want = match what {
            For::Huge if place.by_turns => HUGE,
            For::Huge => want,
            _ if place.by_turns => 1,
            _ => want.min(physical.pages_of_turn()),
        };
        let preferred = self.try_preferred(want, what, &place);
        let fast = preferred.or_else(|| {
            let physical = self.store.frames.physical.as_deref_mut()?;
            physical.grab(want, what, Mark::Low)
        });
        let grant = match fast {
            Some(grant) => grant,
            None => self.allocate_slowly(want, what, &place)?,
        };
        self.faults_take(grant.pages);
        Ok(grant)
    }

    /// `__alloc_pages_slowpath()`.
    fn allocate_slowly(&mut self, want: u64, what: For, place: &Place) -> Result<Grant, NoMemory> {
        let then = place.then(what);
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.stand(place, then);
        }
        if what == For::Huge {
            // Neither kswapd nor the asker reclaims for it (`GFP_TRANSHUGE_LIGHT`).
            let physical = self.store.frames.physical.as_deref_mut();
            let grant = physical.and_then(|physical| physical.grab(want, what, Mark::Min));
            return grant.ok_or(NoMemory::Failed);
        }
        let mut fruitless = 0;
        loop {
            self.wake_kswapd(what.highest());
            let Some(physical) = self.store.frames.physical.as_deref_mut() else {
                return Err(NoMemory::Failed);
            };
            // What kswapd has freed by its next turn is for the next request.
            let want = want.min(physical.pages_of_turn());
            let grant = physical.grab(want, what, Mark::Min);
            if let Some(grant) = grant {
                return Ok(grant);
            }
            let freed = self.reclaim_directly(what);
            if self.rest.dying {
                return Err(NoMemory::Dying);
            }
            if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                physical.stand(place, then);
            }
            if freed > 0 {
                // `__alloc_pages_direct_reclaim()`: one attempt, and another one with what processors
                // have on their lists.
                let Some(physical) = self.store.frames.physical.as_deref_mut() else {
                    return Err(NoMemory::Failed);
                };
                if let Some(grant) = physical.grab(want.min(freed), what, Mark::Min) {
                    return Ok(grant);
                }
                physical.granted.clear();
                physical.zones.iter_mut().for_each(Zone::drain);
                if let Some(grant) = physical.grab(want.min(freed), what, Mark::Min) {
                    return Ok(grant);
                }
                fruitless = 0;
            } else {
                fruitless += 1;
            }
            if self.should_retry(what, place, freed, fruitless) {
                continue;
            }
            fruitless = 0;
            if what == For::Move {
                return Err(NoMemory::Failed);
            }
            let Some(physical) = self.store.frames.physical.as_deref_mut() else {
                return Err(NoMemory::Failed);
            };
            // `__alloc_pages_may_oom()`: one last try, in case somebody else has just died.
            if let Some(grant) = physical.grab(want, what, Mark::High) {
                return Ok(grant);
            }
            let request = Request {
                gfp: what.gfp(),
                order: 0,
                highest_zone: what.highest(),
                scope: self.ran_out(place, what),
                asker: Some(self.rest.process),
                sysrq: false,
            };
            let failure = self.failure_of_a_victim(&request);
            match oom::out_of_memory(self, &request) {
                Outcome::Killed => {}
                Outcome::AskerDies => {
                    self.rest.dying = true;
                    if let Some(failure) = failure {
                        failure.write(&mut self.parts());
                    }
                    return Err(NoMemory::Dying);
                }
                Outcome::Panic => {
                    self.rest.dying = true;
                    return Err(NoMemory::Dying);
                }
                Outcome::Nothing => return Err(NoMemory::Failed),
            }
        }
    }

    /// What the kernel will say if this asker is the one that is killed, and gets no page of the reserves that
    /// victims have to end with: it asks once more, and then its request fails (`warn_alloc()`). Up to 4.13
    /// a victim had all that was free.
    fn failure_of_a_victim(&mut self, request: &Request) -> Option<Draft> {
        let physical = self.store.frames.physical.as_deref()?;
        let class = class(request.highest_zone);
        // Its cpuset does not bind it any more.
        let has_some = |at: usize| physical.zones[at].ok(Mark::Victim, class);
        let old = physical.release < Release::new(4, 14);
        if old || physical.fallback(request.highest_zone).into_iter().any(has_some) {
            return None;
        }
        Some(Draft::failure(&self.parts(), request))
    }

    /// Page tables for `count` pages from `page` on. The kernel makes each when it comes to it.
    pub(crate) fn make_tables(&mut self, page: u64, count: u64) -> Result<(), NoMemory> {
        if self.store.frames.physical.is_none() {
            return Ok(());
        }
        let (start, end) = (page << PAGE_BITS, (page + count) << PAGE_BITS);
        let mut missing = self.mm.tables.missing(start, end);
        if missing == 0 {
            return Ok(());
        }
        while missing > 0 {
            missing -= self.kernel_pages(missing, For::Kernel)?;
        }
        let before = self.mm.tables.count();
        self.mm.tables.make(start, end);
        let made = self.mm.tables.count() - before;
        self.mm.tables_paid += made;
        *self.mm.tables_of.entry(self.mm.memcg).or_default() += made;
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.tables += made;
        }
        Ok(())
    }

    /// Pages of the kernel's own; how many of those asked for.
    pub(crate) fn kernel_pages(&mut self, want: u64, what: For) -> Result<u64, NoMemory> {
        let grant = self.allocate(want, what)?;
        if let Some(physical) = self.store.frames.physical.as_deref_mut()
            && let Some(kernel) = physical.kernel.get_mut(usize::from(grant.zone))
        {
            *kernel += grant.pages;
        }
        Ok(grant.pages)
    }

    /// Pages for so many page tables of a child.
    pub(crate) fn reserve_tables(&mut self, count: u64) -> Result<u64, Errno> {
        if self.store.frames.physical.is_none() {
            return Ok(0);
        }
        let mut got = 0;
        while got < count {
            match self.kernel_pages(count - got, For::Kernel) {
                Ok(pages) => got += pages,
                Err(_) => break,
            }
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            if got < count {
                physical.give_kernel(got);
                self.store.frames.memcgs.uncharge_kernel(self.mm.memcg, got);
                return Err(Errno::ENOMEM);
            }
            physical.tables += got;
        }
        Ok(got)
    }

    /// Sees to it that so many pages can be had without asking.
    pub(crate) fn make_room(&mut self, pages: u64) -> Result<(), NoMemory> {
        let mut grants = Vec::new();
        let mut left = pages;
        let mut failed = None;
        while left > 0 && self.store.frames.physical.is_some() {
            match self.allocate(left, For::User) {
                Ok(grant) => {
                    left -= grant.pages;
                    grants.push(grant);
                }
                Err(none) => {
                    failed = Some(none);
                    break;
                }
            }
        }
        // The last first: as if none had been asked for.
        for grant in grants.into_iter().rev() {
            self.store.frames.give_back(grant);
        }
        failed.map_or(Ok(()), Err)
    }

    /// How many of `count` untouched pages from `page` on are faulted in at once: while memory is
    /// plentiful all, and close to the marks what one page table covers, so that tables and pages
    /// take turns as they do one by one.
    pub(crate) fn at_once(&mut self, page: u64, count: u64) -> u64 {
        let place = self.place(For::Kernel);
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.stand(&place, place.first());
        }
        let Some(physical) = self.store.frames.physical.as_deref() else { return count };
        let table = HUGE - page % HUGE;
        if count <= table {
            return count;
        }
        let paid = self.store.frames.memcgs.room(self.mm.memcg);
        let room = physical.room(For::Kernel).min(paid).saturating_sub(1024);
        let tables = physical.listed_tables().saturating_mul(HUGE).saturating_add(table);
        count.min(room - room / 256).min(tables).max(table)
    }
}

#[cfg(test)]
mod tests {
    use rules::layout::Arch;
    use units::Pages;

    use super::*;
    use crate::oom::Scope;
    use crate::{Image, Machine, MachineConfig, Profile};

    #[test]
    fn each_zone_is_left_at_its_mark_and_reserve_less_a_batch() {
        // RAM in MiB; pages free in DMA and DMA32 when 6.1 killed, without a boost of the marks.
        for (mib, dma, dma32) in [(256, 223, 420), (1024, 1120, 11_043), (2048, 2036, 11_130)] {
            let release = Release::new(6, 1);
            let profile = Profile::of(release, Arch::X86_64, mib);
            let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
            let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
            // Nobody is there to be killed.
            machine.as_kernel(|ctx| while ctx.allocate(1, For::User).is_ok() {});
            let zones = &machine.store.frames.physical.as_deref().unwrap().zones;
            assert!(zones[0].free.abs_diff(dma) <= 2, "{mib} MiB, DMA: {}", zones[0].free);
            assert!(zones[1].free.abs_diff(dma32) <= 64, "{mib} MiB, DMA32: {}", zones[1].free);
            assert!(zones[1].free <= zones[1].limit(Mark::Min, 4));
        }
    }

    /// What a victim's request leaves in the log when so many pages more than half of what is kept back are
    /// free in each zone.
    fn victims_log(release: Release, more: u64) -> String {
        let profile = Profile::of(release, Arch::X86_64, 256);
        let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let highest_zone = For::User.highest();
        let request = Request {
            gfp: For::User.gfp(),
            order: 0,
            highest_zone,
            scope: Scope::Machine,
            asker: None,
            sysrq: false,
        };
        machine.as_kernel(|ctx| {
            let physical = ctx.store.frames.physical.as_deref_mut().unwrap();
            for zone in &mut physical.zones {
                zone.boost = 0;
                zone.marks.min = Pages::new(425);
                zone.free = 213 + zone.protection[class(highest_zone)] + more;
            }
            if let Some(failure) = ctx.failure_of_a_victim(&request) {
                failure.write(&mut ctx.parts());
            }
        });
        String::from_utf8_lossy(machine.store.oom.log.text()).into_owned()
    }

    #[test]
    fn a_victim_may_have_half_of_what_is_kept_back_and_is_refused_beyond_it() {
        let release = Release::new(6, 12);
        assert_eq!(victims_log(release, 1), "");
        let log = victims_log(release, 0);
        let first = "page allocation failure: order:0, \
                     mode:0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), \
                     nodemask=(null),cpuset=/,mems_allowed=0\n";
        assert!(log.lines().next().is_some_and(|line| line.ends_with(first.trim_end())), "{log}");
        assert!(log.contains("Mem-Info:") && !log.contains("Tasks state"), "{log}");
        let all = klog::reports(log.as_bytes());
        assert_eq!(all.len(), 1, "{log}");
    }

    #[test]
    fn a_victim_had_everything_up_to_4_13() {
        assert_eq!(victims_log(Release::new(4, 13), 0), "");
        assert_ne!(victims_log(Release::new(4, 14), 0), "");
    }
}
