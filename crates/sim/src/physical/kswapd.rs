//! kswapd, beside whoever needs memory.
//!
//! # What it follows
//! `balance_pgdat()` in `mm/vmscan.c`, and that a task which wakes up runs at once but not for longer than
//! others: kswapd and the task that asks for pages take turns of [`crate::MachineConfig::turn`], beginning
//! with kswapd, until there is enough free memory. When a call ends before that, kswapd has the processor for
//! itself.
//!
//! # What it leaves out
//! More than one processor, on which both run at the same time; the order is the same but for the turns.

use rules::watermark::ZoneKind;

use super::reclaim::{Among, CLUSTER, FIRST, PATIENCE, Pass, Walk};
use super::{Physical, Zone};
use crate::ctx::Ctx;

/// A node's kswapd at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kswapd {
    node: u32,
    /// The highest kind of zone that this run is for,
    class: usize,
    /// and that somebody has asked for meanwhile (`kswapd_highest_zoneidx`).
    next: Option<usize>,
    pass: Pass,
    /// Pages freed in all.
    freed: u64,
    /// How much the marks of each zone were raised when it began,
    boosts: Vec<u64>,
    /// and pages that are to be freed for that.
    wanted: u64,
    /// There is enough free memory.
    content: bool,
    walk: Option<Walk>,
    /// Pages that the pass had scanned, and found on their way to the disk, when the walk began.
    looked_at: (u64, u64),
    /// It has had its first turn, which is longer by a quarter on the average: who wakes up has slept for
    /// long (`place_entity()`), and turns end with ticks.
    begun: bool,
    /// It waits for the disk until then.
    asleep_until: u64,
}

impl Physical {
    /// Pages that a run of kswapd wants at least (`kswapd_shrink_node()`): what the marks of all zones ask for
    /// that it is for.
    fn kswapd_target(&self, node: u32, class: usize) -> u64 {
        let its = |zone: &&Zone| zone.node == node && super::class(zone.kind) <= class;
        let zones = self.zones.iter().filter(its).filter(|zone| zone.managed > 0);
        zones.map(|zone| (zone.marks.high.count() + zone.boost).max(CLUSTER)).sum()
    }

    /// `wakeup_kswapd()`.
    pub(super) fn wake(&mut self, node: u32, class: usize) {
        if let Some(known) = self.kswapds.iter_mut().find(|kswapd| kswapd.node == node) {
            known.next = known.next.max(Some(class));
            return;
        }
        let boosted = self.boosts(node, class).iter().any(|boost| *boost > 0);
        if self.kswapd_is_hopeless() || (!boosted && self.balanced(node, class)) {
            return;
        }
        let run = self.run_of(node, class);
        self.kswapds.push(run);
        // It is its turn.
        self.turn_ends = self.queue.now;
    }

    /// `balance_pgdat()` begins.
    fn run_of(&mut self, node: u32, class: usize) -> Kswapd {
        let boosts = self.boosts(node, class);
        let wanted = boosts.iter().sum();
        self.count("pageoutrun", 1);
        self.reclaims(node, class, true);
        let target = self.kswapd_target(node, class);
        let pass = Pass { class, ..Pass::new(Among::Machine, target, true) };
        Kswapd {
            node,
            class,
            next: None,
            pass,
            freed: 0,
            boosts,
            wanted,
            content: false,
            walk: None,
            looked_at: (0, 0),
            begun: false,
            asleep_until: 0,
        }
    }

    /// How much the marks of each zone are raised that this kswapd is for.
    fn boosts(&self, node: u32, class: usize) -> Vec<u64> {
        let boost = |zone: &Zone| {
            let its = zone.node == node && super::class(zone.kind) <= class;
            if its { zone.boost } else { 0 }
        };
        self.zones.iter().map(boost).collect()
    }

    /// kswapd's run is over: what it was woken for is dealt with. It begins the next one at once while there
    /// is too little for whom it was asked (`kswapd_try_to_sleep()`), and it has not failed too often.
    ///
    /// Linux tries again, too, when there was no page to look at. Here it waits to be woken then: a mark that
    /// is raised meanwhile stays up, as it did on 6.1 without swap.
    fn after_run(&mut self, kswapd: &Kswapd) -> Option<Kswapd> {
        self.reclaims(kswapd.node, kswapd.class, false);
        for (zone, boost) in self.zones.iter_mut().zip(&kswapd.boosts) {
            zone.boost = zone.boost.saturating_sub(*boost);
        }
        if kswapd.freed > 0 {
            self.kswapd_failures = 0;
        } else if !kswapd.content {
            self.kswapd_failures += 1;
        }
        let class = kswapd.next.unwrap_or(kswapd.class);
        let idle = kswapd.pass.scanned == 0;
        if idle || self.kswapd_is_hopeless() || self.balanced(kswapd.node, class) {
            return None;
        }
        self.count("kswapd_high_wmark_hit_quickly", 1);
        Some(Kswapd { begun: true, ..self.run_of(kswapd.node, class) })
    }

    /// How many pages a task can use for the first time before its turn is over.
    pub(super) fn pages_of_turn(&self) -> u64 {
        if self.kswapds.is_empty() {
            return u64::MAX;
        }
        (self.turn_ends.saturating_sub(self.queue.now) / super::disk::FAULT).max(1)
    }
}

impl Ctx<'_> {
    /// `wake_all_kswapds()`: that of each node which the request may be served from, if it has something to
    /// do.
    pub(crate) fn wake_kswapd(&mut self, highest: ZoneKind) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let class = super::class(highest);
        for node in physical.nodes_in_order(highest) {
            physical.wake(node, class);
        }
    }

    /// Lets kswapd have its turn, if that of the task is over.
    pub(crate) fn share_time(&mut self) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        if physical.kswapds.is_empty() || physical.queue.now < physical.turn_ends {
            return;
        }
        let turn = self.store.config.turn;
        self.run_kswapds(turn);
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.turn_ends = physical.queue.now.saturating_add(turn);
        }
    }

    /// A task waits for a page from the disk: kswapd goes on meanwhile.
    pub(crate) fn kswapd_meanwhile(&mut self) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let wait = physical.disk.request.saturating_add(physical.disk.page);
        let end = physical.queue.now.saturating_add(wait);
        if !physical.kswapds.is_empty() {
            self.run_kswapds(wait);
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.queue.now = physical.queue.now.max(end);
        }
    }

    /// Nobody else runs until kswapd is done.
    pub(crate) fn finish_kswapd(&mut self) {
        while let Some(physical) = self.store.frames.physical.as_deref_mut()
            && let Some(first) = physical.kswapds.iter().map(|kswapd| kswapd.asleep_until).min()
        {
            physical.queue.now = physical.queue.now.max(first);
            self.run_kswapds(u64::MAX);
        }
    }

    /// Every kswapd that does not wait runs for so long, or to its end.
    fn run_kswapds(&mut self, nanoseconds: u64) {
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        let running = std::mem::take(&mut physical.kswapds);
        for mut kswapd in running {
            let Some(physical) = self.store.frames.physical.as_deref() else { return };
            let longer = if kswapd.begun { 0 } else { nanoseconds / 4 };
            let turn = nanoseconds.saturating_add(longer);
            let until = physical.queue.now.saturating_add(turn);
            kswapd.begun = true;
            let mut going = Some(kswapd);
            while let Some(kswapd) = &mut going
                && let Some(physical) = self.store.frames.physical.as_deref()
                && kswapd.asleep_until <= physical.queue.now
                && physical.queue.now < until
            {
                if !self.balance(kswapd)
                    && let Some(physical) = self.store.frames.physical.as_deref_mut()
                {
                    going = physical.after_run(kswapd);
                }
            }
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
            physical.kswapds.extend(going);
        }
    }

    /// A step of `balance_pgdat()`; false: it is done.
    fn balance(&mut self, kswapd: &mut Kswapd) -> bool {
        let Kswapd { node, class, pass, walk, .. } = kswapd;
        if let Some(going) = walk {
            if self.walk_on(going, pass) {
                return true;
            }
            *walk = None;
            kswapd.freed += pass.freed;
            let seen = (pass.scanned - kswapd.looked_at.0, pass.waiting - kswapd.looked_at.1);
            if seen.1 > 0 && seen.0 == seen.1 {
                // `reclaim_throttle(VMSCAN_THROTTLE_WRITEBACK)`: everything is on its way already.
                kswapd.asleep_until = self.disk_has(CLUSTER, PATIENCE);
            }
            kswapd.wanted = kswapd.wanted.saturating_sub(pass.freed);
            let boosted = kswapd.wanted > 0;
            if boosted && pass.freed == 0 {
                // What swap and the disk would give is not for this.
                pass.priority = 0;
            } else if pass.freed == 0
                || seen.0 < pass.target && !(boosted && pass.priority == FIRST - 2)
            {
                // Looking at as many pages as it wants is enough (`kswapd_shrink_node()`).
                pass.priority -= 1;
            }
            return true;
        }
        let Some(physical) = self.store.frames.physical.as_deref() else { return false };
        let balanced = physical.balanced(*node, *class);
        if !balanced && kswapd.wanted > 0 {
            kswapd.wanted = 0;
            pass.priority = FIRST;
        }
        kswapd.content = balanced && kswapd.wanted == 0;
        if pass.priority < 1 || kswapd.content {
            return false;
        }
        pass.may_swap = kswapd.wanted == 0;
        pass.class = *class;
        pass.target = physical.kswapd_target(*node, *class);
        if physical.has_generations() {
            self.age_node(*node, pass);
        }
        pass.freed = 0;
        self.reclaim_above_soft_limits(*node, pass);
        kswapd.looked_at = (pass.scanned, pass.waiting);
        *walk = Some(self.begin_walk(*node, pass));
        true
    }
}

#[cfg(test)]
mod tests {
    use facts::Release;
    use rules::layout::Arch;
    use units::Pages;
    use world::{
        Access, Call, Content, MapFlags, ProcessSpec, Prot, Setup, SwapSpec, Touch, World,
    };

    use super::super::Physical;
    use crate::{Image, Machine, MachineConfig, Profile};

    /// A machine of 256 MiB with swap, on which a process has taken both zones down to their low marks.
    fn full(release: &str) -> Machine {
        let release: Release = release.parse().unwrap();
        let profile = Profile::of(release, Arch::X86_64, 256);
        let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let swap = vec![SwapSpec { len: 256 << 20, priority: None, zram: false }];
        machine.setup(&Setup { swap, ..Setup::default() }).unwrap();
        // Nothing comes from the kernel's own caches.
        let slab = &mut memory(&mut machine).slab;
        slab.reclaimable = slab.pinned;
        let id = machine.start(&ProcessSpec::new("p", 1000)).unwrap();
        let map = Call::Mmap {
            addr: 0,
            len: 256 << 20,
            prot: Prot::READ.with(Prot::WRITE),
            flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
            fd: -1,
            offset: 0,
        };
        let base = machine.call(id, &map).unwrap().value.unwrap();
        for step in 0..1024 {
            if memory(&mut machine).events.contains_key("pageoutrun") {
                break;
            }
            let touch = Touch {
                addr: base + step * (64 << 12),
                count: 64,
                stride: 4096,
                access: Access::Write,
                content: Content::OneByte,
            };
            machine.touch(id, &touch).unwrap();
        }
        machine
    }

    fn memory(machine: &mut Machine) -> &mut Physical {
        machine.store.frames.physical.as_deref_mut().unwrap()
    }

    /// Pages that are not free, of processes and files, by zone.
    fn frames_by_zone(machine: &Machine) -> [u64; 2] {
        let mut pages = [0; 2];
        for (_, len, frame) in machine.store.frames.map.iter() {
            if let Some(pages) = pages.get_mut(usize::from(frame.zone)) {
                *pages += len;
            }
        }
        pages
    }

    fn event(machine: &mut Machine, name: &str) -> u64 {
        memory(machine).events.get(name).copied().unwrap_or_default()
    }

    #[test]
    fn kswapd_takes_pages_of_the_zones_alone_that_it_was_woken_for() {
        for release in ["4.4", "4.9", "6.1", "6.12"] {
            let mut machine = full(release);
            let frames = frames_by_zone(&machine);
            let physical = memory(&mut machine);
            let free = physical.zones[0].free;
            assert!(free < 1000, "{release}: {free}");
            physical.zones[0].marks.high = Pages::new(free + 100);
            physical.wake(0, 0);
            assert_eq!(physical.kswapds.len(), 1, "{release}");
            machine.as_kernel(|ctx| {
                ctx.finish_kswapd();
            });
            let now = frames_by_zone(&machine);
            // Those on lists of processors came back, too.
            assert!((50..200).contains(&(frames[0] - now[0])), "{release}: {frames:?}, {now:?}");
            assert_eq!(now[1], frames[1], "{release}");
            let skips = release != "4.4";
            assert_eq!(event(&mut machine, "pgskip_dma32") > 0, skips, "{release}");
        }
    }

    #[test]
    fn kswapd_goes_on_for_whoever_asked_meanwhile_and_only_for_them() {
        for asked in [false, true] {
            let mut machine = full("6.12");
            let physical = memory(&mut machine);
            // Neither zone has enough for requests that may use both.
            for zone in &mut physical.zones {
                zone.marks.high = Pages::new(zone.free + 100);
            }
            physical.wake(0, 0);
            if asked {
                physical.wake(0, 4);
            }
            assert_eq!(physical.kswapds.len(), 1);
            machine.as_kernel(|ctx| {
                ctx.finish_kswapd();
            });
            let physical = memory(&mut machine);
            assert!(asked || physical.balanced(0, 0));
            assert_eq!(physical.balanced(0, 4), asked);
        }
    }

    #[test]
    fn kswapd_that_can_free_nothing_is_woken_sixteen_times_and_no_more() {
        let mut machine = full("6.12");
        let physical = memory(&mut machine);
        physical.lru.vecs.clear();
        physical.zones.iter_mut().for_each(|zone| zone.free = 1);
        for failures in 0..20 {
            let physical = memory(&mut machine);
            assert_eq!(physical.kswapd_failures, failures.min(16));
            physical.wake(0, 4);
            assert_eq!(physical.kswapds.is_empty(), failures >= 16);
            machine.as_kernel(|ctx| {
                ctx.finish_kswapd();
            });
        }
    }
}
