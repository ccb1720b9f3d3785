//! Memory policies: from which node a request is served, and which may serve it at all.
//!
//! # What it follows
//! `alloc_pages()`, `vma_alloc_folio()`, `alloc_pages_preferred_many()`, `get_vma_policy()`,
//! `policy_nodemask()` and `interleave_nodes()` in `mm/mempolicy.c`; `prepare_alloc_pages()` and
//! `cpuset_zone_allowed()` for what a cpuset adds; `constrained_alloc()` in `mm/oom_kill.c`. The rules
//! themselves are [`rules::mempolicy`]'s.
//!
//! # What it leaves out
//! Huge pages of the pool, which stand on the first node. Where memory of the kernel's own lies is a count
//! by zone, so that what a process gives back goes to its own node first.

mod bind;
mod maps;
mod node;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use facts::Release;
use rules::mempolicy::{Mempolicy, Mode, NodeMask, members};
use rules::watermark::ZoneKind;

use crate::ctx::Ctx;
use crate::oom::Scope;
use crate::page::{HUGE, PAGE_BITS};
use crate::physical::{For, Grant, Mark, Physical};
use crate::range_map::{RangeMap, Run};
use crate::vm_flags::VmFlags;
use crate::vma::Backing;

pub(crate) use node::{cpus_of, nodes_with_cpus};
pub(crate) use stats::Stats;

/// What belongs to a task: its policy, whose turn it is, and the node that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TaskPolicy {
    pub(crate) policy: Option<Mempolicy>,
    /// `il_prev`: the node that had the last turn.
    last: Option<u32>,
    /// `il_weight`: turns that it still has.
    left: u8,
    pub(crate) node: u32,
}

/// Policies that belong to no task and no mapping.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies {
    /// Somebody has set one, somewhere.
    pub(crate) used: bool,
    /// Weights of nodes (`/sys/kernel/mm/mempolicy/weighted_interleave`, 6.9).
    weights: BTreeMap<u32, u8>,
    /// Of shared memory, by file: pages of it.
    shared: BTreeMap<usize, RangeMap<Shared>>,
    /// What the fault at hand is about.
    fault: Option<At>,
    /// The page of shared memory that is being made.
    pub(crate) file: Option<(usize, u64)>,
}

/// A policy of a range of shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shared(Mempolicy);

impl Run for Shared {
    fn skip(&self, _by: u64) -> Shared {
        *self
    }
}

/// A page of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    /// The mapping's own.
    policy: Option<Mempolicy>,
    /// The mapping's offset, and the page's in the mapping.
    pgoff: u64,
    page: u64,
    /// Pages of the mapping before the huge page that holds it.
    huge: u64,
    /// It was advised to have huge pages, wherever they are.
    advised: bool,
}

/// Where a request may be served from.
#[allow(clippy::struct_excessive_bools, reason = "each is what one policy does")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The node whose list of zones is gone through,
    pub(crate) node: u32,
    /// and the node of the processor.
    pub(crate) local: u32,
    /// The nodes that the policy allows; `None`: all.
    policy: Option<NodeMask>,
    /// Those of the cpuset.
    cpuset: Option<NodeMask>,
    /// Nodes that are tried first (`MPOL_PREFERRED_MANY`).
    many: Option<NodeMask>,
    /// This one alone is tried first, for a huge page (`__GFP_THISNODE`, 4.1).
    alone: bool,
    /// One page a turn: every page of a request has a node of its own.
    pub(crate) by_turns: bool,
    /// The task's turn goes on with this request.
    rotates: bool,
    /// A node that is served in its turn is counted (`NUMA_INTERLEAVE_HIT`).
    pub(crate) counts_turns: bool,
}

fn and(one: Option<NodeMask>, other: Option<NodeMask>) -> Option<NodeMask> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one & other),
        (one, other) => one.or(other),
    }
}

impl Place {
    /// Anywhere, from this node on.
    pub(crate) fn near(node: u32) -> Place {
        Place {
            node,
            local: node,
            policy: None,
            cpuset: None,
            many: None,
            alone: false,
            by_turns: false,
            rotates: false,
            counts_turns: false,
        }
    }

    /// The nodes of the first attempt: those of the cpuset whatever the memory is for.
    pub(crate) fn first(&self) -> Option<NodeMask> {
        if self.alone { Some(1 << self.node) } else { and(self.policy, self.cpuset) }
    }

    /// Those of the slow path, where memory of the kernel's own may come from other nodes than the cpuset's.
    pub(crate) fn then(&self, what: For) -> Option<NodeMask> {
        match what {
            For::Kernel | For::KernelOwn => self.policy,
            _ => self.first(),
        }
    }

    /// Those that reclaim works on, and that a last hope is put in. Up to 6.11 that was put in nodes outside of
    /// the cpuset as well (`should_reclaim_retry()`).
    pub(crate) fn hoped(&self, release: Release, what: For) -> Option<NodeMask> {
        if release < Release::new(6, 12) { self.policy } else { self.then(what) }
    }

    /// Those that are reclaimed from (`shrink_zones()`).
    pub(crate) fn reclaimed(&self) -> Option<NodeMask> {
        and(self.policy, self.cpuset)
    }
}

impl Ctx<'_> {
    /// The task that acts.
    fn task_policy(&self) -> TaskPolicy {
        let process = self.rest.processes.get(self.rest.process);
        process.map(|process| process.policy).unwrap_or_default()
    }

    /// Where a request for such memory may be served from.
    pub(crate) fn place(&self, what: For) -> Place {
        let process = self.rest.processes.get(self.rest.process);
        let task = self.task_policy();
        let mut place = Place::near(task.node);
        place.cpuset = process.and_then(|process| self.store.nodes_of(process.memcg));
        let huge = what == For::Huge;
        // `alloc_hugepage_vma()`, 4.1; where they were asked for, other nodes will do (5.4).
        let advised = self.store.policies.fault.is_some_and(|at| at.advised);
        let alone = huge && !advised && self.store.release() >= Release::new(4, 1);
        let (policy, index) = self.policy_of(what, &task);
        let Some(policy) = policy else {
            place.alone = alone && place.cpuset.is_none_or(|nodes| nodes >> place.node & 1 == 1);
            return place;
        };
        let weight = |node: u32| self.store.policies.weights.get(&node).copied().unwrap_or(1);
        match policy.mode {
            Mode::Local => {}
            Mode::Preferred => place.node = members(policy.nodes).next().unwrap_or(task.node),
            Mode::Bind => {
                place.policy = policy.binds_to(place.cpuset.unwrap_or(NodeMask::MAX));
            }
            Mode::PreferredMany => place.many = Some(policy.nodes),
            Mode::Interleave | Mode::WeightedInterleave => {
                place.by_turns = true;
                place.rotates = index.is_none();
                place.counts_turns = policy.mode == Mode::Interleave;
                let next = match index {
                    Some(index) => policy.turn(index, weight),
                    None if task.left > 0 => task.last,
                    None => policy.next_after(task.last),
                };
                place.node = next.unwrap_or(task.node);
            }
        }
        let allowed = place.policy.is_none_or(|nodes| nodes >> place.node & 1 == 1);
        place.alone = alone && allowed && place.many.is_none() && !place.by_turns;
        place
    }

    /// The policy that holds for such memory, and the index that nodes take turns by; without one the task's own
    /// turn counts.
    fn policy_of(&self, what: For, task: &TaskPolicy) -> (Option<Mempolicy>, Option<u64>) {
        let policies = &self.store.policies;
        if !policies.used {
            return (None, None);
        }
        match (what, policies.fault, policies.file) {
            (For::UserFile, _, Some((file, page))) => {
                let shared = policies.shared.get(&file).and_then(|known| known.get(page));
                let inode = self.store.files.get(file).map_or(0, |file| file.inode);
                let policy = shared.map(|(_, Shared(policy))| policy).or(task.policy);
                (policy, Some(page.wrapping_add(inode)))
            }
            (For::User | For::Move, Some(at), _) => {
                (at.policy.or(task.policy), Some(at.pgoff.wrapping_add(at.page)))
            }
            (For::Huge, Some(at), _) => {
                (at.policy.or(task.policy), Some((at.pgoff / HUGE).wrapping_add(at.huge / HUGE)))
            }
            _ => (task.policy, None),
        }
    }

    /// A fault at this page of the mapping at `at` begins.
    pub(crate) fn fault_is_at(&mut self, at: u64, page: u64) {
        let vma = self.vma(at);
        let first = vma.start >> PAGE_BITS;
        let huge = (page - page % HUGE).saturating_sub(first);
        let advised = vma.has(VmFlags::HUGEPAGE);
        let at = At { policy: vma.policy, pgoff: vma.pgoff, page: page - first, huge, advised };
        self.store.policies.fault = Some(at);
    }

    /// It is over.
    pub(crate) fn fault_is_done(&mut self) {
        self.store.policies.fault = None;
    }

    /// The nodes of a request from now on, and its turn is taken.
    pub(crate) fn stand(&mut self, place: &Place) {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.stand(place, place.first());
        }
        if !place.rotates {
            return;
        }
        let weights = &self.store.policies.weights;
        let Some(process) = self.rest.processes.get_mut(self.rest.process) else { return };
        let task = &mut process.policy;
        let weighted = task.policy.is_some_and(|policy| policy.mode == Mode::WeightedInterleave);
        let weight =
            if weighted { weights.get(&place.node).copied().unwrap_or(1).max(1) } else { 1 };
        if task.left == 0 || task.last != Some(place.node) {
            task.left = weight;
        }
        task.left -= 1;
        task.last = Some(place.node);
    }

    /// The nodes that are preferred, if several are: without waiting for anything
    /// (`alloc_pages_preferred_many()`).
    pub(crate) fn try_preferred(&mut self, want: u64, what: For, place: &Place) -> Option<Grant> {
        let nodes = and(Some(place.many?), place.cpuset);
        let physical = self.store.frames.physical.as_deref_mut()?;
        physical.stand(place, nodes);
        let grant = physical.grab(want, what, Mark::Low);
        if grant.is_some() {
            return grant;
        }
        self.wake_kswapd(what.highest());
        let physical = self.store.frames.physical.as_deref_mut()?;
        let grant = physical.grab(want, what, Mark::Min);
        physical.stand(place, place.first());
        grant
    }

    /// What ran out, of a request that could not be served (`constrained_alloc()`, 2.6.16).
    pub(crate) fn ran_out(&self, place: &Place, what: For) -> Scope {
        let Some(physical) = self.store.frames.physical.as_deref() else { return Scope::Machine };
        if self.store.release() < Release::old(2, 6, 16) {
            return Scope::Machine;
        }
        let all = physical.memory_nodes();
        if let Some(nodes) = place.policy.filter(|nodes| all & !nodes != 0) {
            return Scope::Mempolicy(members(nodes).collect());
        }
        match place.cpuset.filter(|nodes| all & !nodes != 0) {
            Some(nodes) if !matches!(what, For::Kernel | For::KernelOwn) => {
                Scope::Cpuset(members(nodes).collect())
            }
            _ => Scope::Machine,
        }
    }

    /// The nodes that the acting process may use at all: those with memory of its cpuset.
    fn usable_nodes(&self) -> NodeMask {
        let physical = self.store.frames.physical.as_deref();
        let all = physical.map_or(1, Physical::memory_nodes);
        let process = self.rest.processes.get(self.rest.process);
        let cpuset = process.and_then(|process| self.store.nodes_of(process.memcg));
        all & cpuset.unwrap_or(NodeMask::MAX)
    }

    /// The file of a mapping whose policies belong to the file: shared memory.
    fn shared_file(&self, backing: Backing) -> Option<usize> {
        let Backing::File(open) = backing else { return None };
        let file = self.store.opens.get(open)?.file;
        self.store.files.get(file).filter(|file| file.is_shmem()).map(|_| file)
    }
}

impl Physical {
    /// The zones of a list, and the nodes that may be used of it.
    pub(crate) fn stand(&mut self, place: &Place, nodes: Option<NodeMask>) {
        (self.home, self.local) = (place.node, place.local);
        self.counts_turns = place.counts_turns;
        self.bound = nodes;
        self.reclaims_from = place.reclaimed();
    }

    /// Nodes that have memory.
    pub(crate) fn memory_nodes(&self) -> NodeMask {
        let node = |zone: &crate::physical::Zone| 1_u64.checked_shl(zone.node).unwrap_or(0);
        self.zones.iter().map(node).fold(0, |all, node| all | node)
    }

    /// Nodes that a request with this highest kind of zone goes to, in its order.
    pub(crate) fn nodes_in_order(&self, highest: ZoneKind) -> Vec<u32> {
        let mut nodes: Vec<u32> =
            self.allowed(highest).into_iter().map(|at| self.zones[at].node).collect();
        nodes.dedup();
        nodes
    }
}
