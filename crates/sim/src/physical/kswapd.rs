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
    /// The highest kind of zone that it was woken for.
    class: usize,
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
    /// Pages that a run of kswapd wants at least (`kswapd_shrink_node()`): what all marks ask for.
    fn kswapd_target(&self, node: u32) -> u64 {
        let zones = self.zones.iter().filter(|zone| zone.node == node && zone.managed > 0);
        zones.map(|zone| (zone.marks.high.count() + zone.boost).max(CLUSTER)).sum()
    }

    /// `wakeup_kswapd()`.
    pub(super) fn wake(&mut self, node: u32, class: usize) {
        let boosts = self.boosts(node, class);
        let wanted = boosts.iter().sum();
        if self.kswapd_is_hopeless() || (wanted == 0 && self.balanced(node, class)) {
            return;
        }
        if let Some(known) = self.kswapds.iter_mut().find(|kswapd| kswapd.node == node) {
            known.class = known.class.max(class);
            return;
        }
        self.count("pageoutrun", 1);
        self.reclaims(node, class, true);
        let target = self.kswapd_target(node);
        let pass = Pass { class, ..Pass::new(Among::Machine, target, true) };
        self.kswapds.push(Kswapd {
            node,
            class,
            pass,
            freed: 0,
            boosts,
            wanted,
            content: false,
            walk: None,
            looked_at: (0, 0),
            begun: false,
            asleep_until: 0,
        });
        // It is its turn.
        self.turn_ends = self.queue.now;
    }

    /// How much the marks of each zone are raised that this kswapd is for.
    fn boosts(&self, node: u32, class: usize) -> Vec<u64> {
        let boost = |zone: &Zone| {
            let its = zone.node == node && super::class(zone.kind) <= class;
            if its { zone.boost } else { 0 }
        };
        self.zones.iter().map(boost).collect()
    }

    /// kswapd is done: what it was woken for is dealt with.
    fn sleeps(&mut self, kswapd: &Kswapd) {
        self.reclaims(kswapd.node, kswapd.class, false);
        for (zone, boost) in self.zones.iter_mut().zip(&kswapd.boosts) {
            zone.boost = zone.boost.saturating_sub(*boost);
        }
        if kswapd.freed > 0 {
            self.kswapd_failures = 0;
        } else if !kswapd.content {
            self.kswapd_failures += 1;
        }
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
            let mut runs = true;
            while runs
                && let Some(physical) = self.store.frames.physical.as_deref()
                && kswapd.asleep_until <= physical.queue.now
                && physical.queue.now < until
            {
                runs = self.balance(&mut kswapd);
            }
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
            if runs {
                physical.kswapds.push(kswapd);
            } else {
                physical.sleeps(&kswapd);
            }
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
