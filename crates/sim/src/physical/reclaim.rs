//! Reclaim: kswapd, and those who cannot wait for it.
//!
//! # What it follows
//! `balance_pgdat()`, `do_try_to_free_pages()`, `shrink_node()` and `shrink_lruvec()` in
//! `mm/vmscan.c`. kswapd's own part is in `kswapd.rs`.

use std::collections::BTreeSet;

use rules::memcg::View;

use super::balance::Prepared;
use super::lru::{List, Owner};
use super::mglru::Many;
use super::{For, Physical};
use crate::ctx::Ctx;
use crate::memcg::{Event, MemcgId};
use crate::policy::Place;

/// Whose pages are reclaimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Among {
    /// Everybody's.
    Machine,
    /// Those charged to this memory cgroup, and below it.
    Memcg(MemcgId),
}

impl Among {
    pub(super) fn is_machine(&self) -> bool {
        *self == Among::Machine
    }

    pub(super) fn root(&self) -> MemcgId {
        match self {
            Among::Machine => MemcgId::ROOT,
            Among::Memcg(id) => *id,
        }
    }
}

/// `struct scan_control`.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of struct scan_control")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(super) among: Among,
    /// Pages wanted.
    pub(super) target: u64,
    /// Pages freed.
    pub(super) freed: u64,
    /// Pages looked at.
    pub(super) scanned: u64,
    /// Of these, such as are on their way to the disk.
    pub(super) waiting: u64,
    /// From 12 down to 0: one page in 2^priority is scanned.
    pub(super) priority: u32,
    pub(super) kswapd: bool,
    /// The highest class of zone that it is for (`reclaim_idx`).
    pub(super) class: usize,
    pub(super) may_swap: bool,
    /// Pages in use are taken for unused ones, since nothing else helped.
    pub(super) force_deactivate: bool,
    /// Something was left alone because it is in use.
    pub(super) skipped: bool,
    /// What `memory.low` protects is taken as well (`memcg_low_reclaim`).
    pub(super) takes_low: bool,
    /// Something was left alone because of `memory.low`.
    pub(super) skipped_low: bool,
    /// The scan of the cgroup at hand, as its protection leaves it.
    pub(super) view: Option<View>,
    /// Every cgroup is looked at, since in part they did not yield enough (`memcg_full_walk`).
    pub(super) full_walk: bool,
    /// Of a cgroup, or of the request; `None`: the machine's.
    pub(super) swappiness: Option<u64>,
    /// Cgroups are to be aged before any is evicted from (`memcgs_need_aging`, 6.1).
    pub(super) needs_aging: bool,
    /// Pages that the cgroup at hand may swap out.
    pub(super) swap_room: u64,
}

/// `SWAP_CLUSTER_MAX`.
pub(crate) const CLUSTER: u64 = 32;
/// `DEF_PRIORITY`.
pub(super) const FIRST: u32 = 12;
/// How long kswapd waits for pages that are being written, nanoseconds (`HZ/10`),
pub(super) const PATIENCE: u64 = 100_000_000;
/// and a task that found nothing else, since 5.16.
const TICK: u64 = 4_000_000;
/// `MAX_RECLAIM_RETRIES`.
const RETRIES: u32 = 16;

/// A walk over the cgroups of a node, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Walk {
    node: u32,
    ids: Vec<MemcgId>,
    /// The next of them.
    next: usize,
    /// One has been looked at.
    begun: bool,
    /// It may end before the last one.
    partial: bool,
    /// Its pages are in generations, and this is how far it is.
    many: Option<Many>,
    all: Option<Prepared>,
    work: Option<Work>,
}

/// The lists of a cgroup, while they are scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Work {
    owner: Owner,
    prepared: Prepared,
    /// Pages still to be scanned, by list, and those that there were.
    left: [u64; 4],
    wanted: [u64; 4],
    /// What the pass had scanned and freed before.
    before: (u64, u64),
    /// Both kinds have been made to end in proportion, or need not.
    adjusted: bool,
}

impl Pass {
    pub(super) fn new(among: Among, target: u64, kswapd: bool) -> Pass {
        Pass {
            among,
            target,
            freed: 0,
            scanned: 0,
            waiting: 0,
            priority: FIRST,
            kswapd,
            class: super::class(rules::watermark::ZoneKind::Movable),
            may_swap: true,
            force_deactivate: false,
            skipped: false,
            takes_low: false,
            skipped_low: false,
            view: None,
            full_walk: false,
            swappiness: None,
            needs_aging: true,
            swap_room: u64::MAX,
        }
    }
}

impl Physical {
    /// Whether reclaim by a task may leave off in the middle of a subtree: by one whose cgroup is full, up
    /// to 5.3; by any since 6.10.
    fn walks_in_part(&self, pass: &Pass) -> bool {
        let since = |major, minor| self.release >= facts::Release::new(major, minor);
        let rule = since(6, 10) || (!since(5, 4) && !pass.among.is_machine());
        rule && !pass.kswapd && !(since(6, 10) && pass.full_walk)
    }

    /// Whether kswapd has given up (4.12): nothing it did has freed a page for long.
    pub(super) fn kswapd_is_hopeless(&self) -> bool {
        self.kswapd_failures >= RETRIES
    }

    pub(crate) fn nodes(&self) -> BTreeSet<u32> {
        self.zones.iter().map(|zone| zone.node).collect()
    }

    /// Nodes that direct reclaim goes over, in the order of the list; `bound`: but for those that the
    /// request may not use (`shrink_zones()`).
    fn nodes_reclaimed(&self, class: usize, bound: bool) -> Vec<u32> {
        let from = if bound { self.home } else { self.local };
        let highest = super::zones::KINDS[class.min(super::zones::CLASSES - 1)];
        let list = self.zone_list(from, highest);
        let mut nodes: Vec<u32> = list.into_iter().map(|at| self.zones[at].node).collect();
        nodes.dedup();
        nodes.retain(|&node| !bound || super::holds(self.reclaims_from, node));
        nodes
    }
}

impl Ctx<'_> {
    /// `try_to_free_pages()`: direct reclaim of a batch; how many pages were freed.
    pub(crate) fn reclaim_directly(&mut self, what: For) -> u64 {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.count(
                match what {
                    For::Kernel => "allocstall_normal",
                    _ => "allocstall_movable",
                },
                1,
            );
        }
        let class = super::class(what.highest());
        self.reclaim(Pass { class, ..Pass::new(Among::Machine, CLUSTER, false) })
    }

    /// `try_to_free_mem_cgroup_pages()`: how many pages of a subtree were freed.
    pub(crate) fn reclaim_in(
        &mut self,
        id: MemcgId,
        pages: u64,
        may_swap: bool,
        swappiness: Option<u64>,
    ) -> u64 {
        let swappiness = swappiness.or(self.store.frames.memcgs.get(id).swappiness);
        let among = Among::Memcg(id);
        self.reclaim(Pass { may_swap, swappiness, ..Pass::new(among, pages.max(CLUSTER), false) })
    }

    /// `do_try_to_free_pages()`: frees `target` pages, or finds that there are none.
    fn reclaim(&mut self, mut pass: Pass) -> u64 {
        loop {
            pass.priority = FIRST;
            loop {
                let Some(physical) = self.store.frames.physical.as_deref() else { return 0 };
                // Nodes that the request may not use are left alone.
                let bound = pass.among.is_machine();
                for node in physical.nodes_reclaimed(pass.class, bound) {
                    self.reclaim_above_soft_limits(node, &mut pass);
                    self.shrink_node(node, &mut pass);
                    self.share_time();
                }
                if pass.freed >= pass.target || pass.priority == 0 {
                    break;
                }
                let patience = self.patience(&pass);
                if patience > 0 {
                    let waited = self.wait_for_disk(CLUSTER, patience);
                    self.stall(waited);
                }
                pass.priority -= 1;
            }
            if pass.freed > 0 {
                break;
            }
            let physical = self.store.frames.physical.as_deref();
            if physical.is_some_and(|physical| physical.walks_in_part(&pass)) && !pass.full_walk {
                pass.full_walk = true;
                continue;
            }
            if pass.skipped && !pass.force_deactivate {
                pass.force_deactivate = true;
                pass.skipped = false;
                continue;
            }
            if pass.skipped_low && !pass.takes_low {
                pass.takes_low = true;
                pass.skipped_low = false;
                pass.force_deactivate = false;
                continue;
            }
            break;
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            if pass.freed > 0 {
                physical.kswapd_failures = 0;
                physical.pages_scanned = 0;
            } else {
                physical.pages_scanned += pass.scanned;
            }
        }
        self.reclaiming_took(pass.scanned, pass.freed);
        pass.freed
    }

    /// `shrink_node()`: every cgroup's lists in turn, and the kernel's own caches.
    fn shrink_node(&mut self, node: u32, pass: &mut Pass) {
        let mut walk = self.begin_walk(node, pass);
        while self.walk_on(&mut walk, pass) {}
    }

    /// Begins to go over a node.
    pub(super) fn begin_walk(&mut self, node: u32, pass: &Pass) -> Walk {
        self.pass_takes();
        let root = pass.among.root();
        let ids = self.store.frames.memcgs.subtree(root);
        let mut walk = Walk { node, ids, ..Walk::default() };
        let Some(physical) = self.store.frames.physical.as_deref() else { return walk };
        if physical.has_generations() && physical.orders_memcgs() && pass.among.is_machine() {
            walk.many = Some(Many::default());
            return walk;
        }
        let owners: Vec<Owner> = walk.ids.iter().map(|id| (node, id.0)).collect();
        walk.all = physical.looks_at_all().then(|| physical.prepare(node, &owners, pass));
        walk.partial = physical.walks_in_part(pass);
        // A walk goes on where the last one ended, and ends when enough is freed.
        let last = physical.walked.get(&(node, root.0)).filter(|_| walk.partial);
        let from =
            last.and_then(|last| walk.ids.iter().position(|id| id == last)).map_or(0, |at| at + 1);
        walk.next = if from < walk.ids.len() { from } else { 0 };
        walk
    }

    /// Scans up to 32 pages of each list of the cgroup at hand, or comes to the next one; false: the node is
    /// done.
    pub(super) fn walk_on(&mut self, walk: &mut Walk, pass: &mut Pass) -> bool {
        if let Some(many) = &mut walk.many {
            return self.shrink_many(walk.node, many, pass);
        }
        if let Some(mut work) = walk.work.take() {
            if self.shrink_some(&mut work, pass) {
                walk.work = Some(work);
            } else {
                self.end_lruvec(&work, pass);
            }
            return true;
        }
        let Some(&id) = walk.ids.get(walk.next) else {
            self.shrink_caches(pass);
            return false;
        };
        if walk.partial && walk.begun && pass.freed >= pass.target {
            return false;
        }
        let root = pass.among.root();
        walk.next += 1;
        walk.begun = true;
        if walk.partial
            && let Some(physical) = self.store.frames.physical.as_deref_mut()
        {
            physical.walked.insert((walk.node, root.0), id);
        }
        let view = self.store.frames.memcgs.view(root, id, pass.takes_low);
        match view {
            View::Min => return true,
            View::Low => {
                pass.skipped_low = true;
                return true;
            }
            View::Scan { breaks_low, holds_back, .. } => {
                pass.skipped_low |= holds_back;
                if breaks_low {
                    self.store.frames.memcgs.note(id, Event::Low, 1);
                }
            }
        }
        pass.view = Some(view);
        pass.swap_room = self.store.frames.memcgs.swap_room(id);
        walk.work = self.begin_lruvec((walk.node, id.0), pass, walk.all);
        true
    }

    /// The kernel's own caches, behind all cgroups.
    fn shrink_caches(&mut self, pass: &mut Pass) {
        if pass.among.is_machine()
            && let Some(physical) = self.store.frames.physical.as_deref_mut()
        {
            pass.freed += physical.shrink_slab(pass.priority);
            if self.store.oom.lowmemory.is_some() {
                self.ask_lowmemorykiller(pass.kswapd);
            }
        }
    }

    /// How long a task waits for the disk before it looks again. `skip_throttle_noprogress()`, 5.16: when it
    /// has freed nothing and more than half of what could be reclaimed is on its way there. Before, always
    /// but at first (`congestion_wait()` in `do_try_to_free_pages()`).
    fn patience(&self, pass: &Pass) -> u64 {
        let Some(physical) = self.store.frames.physical.as_deref() else { return 0 };
        if physical.release < facts::Release::new(5, 16) {
            return if pass.priority < FIRST - 2 { PATIENCE } else { 0 };
        }
        let all: u64 = (0..physical.zones.len()).map(|zone| physical.reclaimable(zone)).sum();
        let waits = pass.priority == 1 && pass.freed == 0 && physical.queue.pending() * 2 > all;
        if waits { TICK } else { 0 }
    }

    /// `writeback_throttling_sane()`: in v1, reclaim of a cgroup waits for each page that is being written.
    pub(super) fn waits_for_pages(&self, pass: &Pass) -> bool {
        let v1 = self.store.frames.memcgs.version == crate::memcg::CgroupVersion::V1;
        v1 && !pass.among.is_machine()
    }

    /// `shrink_lruvec()` begins: how much of each list is to be scanned.
    pub(super) fn begin_lruvec(
        &mut self,
        owner: Owner,
        pass: &mut Pass,
        all: Option<Prepared>,
    ) -> Option<Work> {
        let before = (pass.scanned, pass.freed);
        let physical = self.store.frames.physical.as_deref_mut()?;
        if physical.has_generations() {
            self.shrink_generations(owner, pass);
            if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                physical.send();
            }
            self.note_scan(MemcgId(owner.1), pass, before);
            return None;
        }
        let vec = physical.lru.vecs.get(&owner)?;
        let prepared = all.unwrap_or_else(|| physical.prepare(owner.0, &[owner], pass));
        let left = physical.scan_counts(vec, pass, prepared);
        let adjusted = !pass.kswapd && pass.priority == FIRST;
        Some(Work { owner, prepared, left, wanted: left, before, adjusted })
    }

    /// A turn of `shrink_lruvec()`'s loop; false: there is no other.
    pub(super) fn shrink_some(&mut self, work: &mut Work, pass: &mut Pass) -> bool {
        let Work { owner, prepared, left, wanted, before, adjusted } = work;
        if left[0] == 0 && left[2] == 0 && left[3] == 0 {
            return false;
        }
        for (at, list) in List::EVICTABLE.into_iter().enumerate() {
            let some = left[at].min(CLUSTER);
            if some == 0 {
                continue;
            }
            left[at] -= some;
            if list.is_active() {
                if prepared.may_deactivate[usize::from(list.is_file())] {
                    self.shrink_active(*owner, list, some, pass.class);
                } else {
                    pass.skipped = true;
                }
            } else {
                self.shrink_inactive(*owner, list, some, pass);
            }
        }
        if pass.freed - before.1 < pass.target || *adjusted {
            return true;
        }
        // Enough: the kind of which less is left to scan ends, the other in proportion.
        let (anon, file) = (left[0] + left[1], left[2] + left[3]);
        if anon == 0 || file == 0 {
            return false;
        }
        let (small, large) = if file > anon { (0, 2) } else { (2, 0) };
        let share = |at: usize| wanted[at] + wanted[at + 1] + 1;
        let percent = (left[small] + left[small + 1]) * 100 / share(small);
        left[small] = 0;
        left[small + 1] = 0;
        for at in [large, large + 1] {
            let done = wanted[at] - left[at];
            left[at] = (wanted[at] * (100 - percent.min(100)) / 100).saturating_sub(done);
        }
        *adjusted = true;
        true
    }

    /// `shrink_lruvec()` ends.
    pub(super) fn end_lruvec(&mut self, work: &Work, pass: &Pass) {
        let owner = work.owner;
        self.note_scan(MemcgId(owner.1), pass, work.before);
        // Anonymous pages are aged even if none is reclaimed.
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        physical.send();
        let ages = physical.swap.total() > 0;
        let low = physical.lru.vecs.get(&owner).is_some_and(|vec| physical.is_low(vec, false));
        if ages && low {
            self.shrink_active(owner, List::ActiveAnon, CLUSTER, pass.class);
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut()
            && let Some(vec) = physical.lru.vecs.get_mut(&owner)
        {
            vec.seen = vec.activated;
        }
    }

    /// What of a pass was a cgroup's.
    fn note_scan(&mut self, id: MemcgId, pass: &Pass, before: (u64, u64)) {
        let who = usize::from(!pass.kswapd);
        let vm = &mut self.store.frames.memcgs.get_mut(id).vm;
        vm.scan[who] += pass.scanned - before.0;
        vm.steal[who] += pass.freed - before.1;
    }

    /// `should_reclaim_retry()` and what came before it: whether another attempt makes sense.
    /// `freed`: what the last pass freed; `fruitless`: passes in a row that freed nothing.
    pub(crate) fn should_retry(
        &self,
        what: For,
        place: &Place,
        freed: u64,
        fruitless: u32,
    ) -> bool {
        use super::{Mark, Retry};
        let Some(physical) = self.store.frames.physical.as_deref() else { return false };
        match physical.policy.retry {
            Retry::NoProgress => freed > 0,
            Retry::Scanned => {
                let all: u64 =
                    (0..physical.zones.len()).map(|zone| physical.reclaimable(zone)).sum();
                freed > 0 || (all > 0 && physical.pages_scanned < 6 * all && fruitless < 64)
            }
            Retry::Available => {
                if fruitless > RETRIES {
                    return false;
                }
                let class = super::class(what.highest());
                let hoped = place.hoped(physical.release, what);
                let mut list = physical.fallback(what.highest());
                list.retain(|&at| super::holds(hoped, physical.zones[at].node));
                list.into_iter().any(|at| {
                    let mut available = physical.reclaimable(at);
                    if physical.policy.discounts {
                        let rounds = u64::from(fruitless);
                        available -=
                            (rounds * available).div_ceil(u64::from(RETRIES)).min(available);
                    }
                    let zone = &physical.zones[at];
                    available + zone.free > zone.limit(Mark::Min, class)
                })
            }
        }
    }
}
