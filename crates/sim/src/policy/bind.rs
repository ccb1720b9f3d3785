//! The calls that set policies.
//!
//! # What it follows
//! `do_set_mempolicy()`, `do_mbind()`, `queue_pages_range()` and `mbind_range()` in `mm/mempolicy.c`, 6.1
//! and 6.12; `mpol_set_shared_policy()`; `sched_setaffinity()` as far as it decides on a node.

use rules::mempolicy::{Mempolicy, NodeMask, Request};
use world::{BindFlags, Errno, PolicyMode};

use super::{Shared, TaskPolicy};
use crate::ctx::{Answer, Ctx};
use crate::machine::Machine;
use crate::page::{HUGE, PAGE, PAGE_BITS, page_align};
use crate::physical::{For, NOWHERE, Type};
use crate::vma::{Backing, Vma};

/// Pages that are to be moved: the first, how many, and the frame of the first.
type Queued = (u64, u64, u64);

/// An `mbind` that is not refused as such.
struct Bind {
    request: Request,
    flags: BindFlags,
    start: u64,
    end: u64,
}

impl Ctx<'_> {
    /// What a call asks for, if the kernel has nodes at all.
    fn request(&self, mode: PolicyMode, nodes: u64, max_node: u64) -> Answer<Request> {
        if !crate::proc::is_numa(self.store.config.arch) {
            return Err(Errno::ENOSYS);
        }
        let release = self.store.release();
        Request::new(release, mode.0, nodes, max_node).map_err(|_| Errno::EINVAL)
    }

    /// `set_mempolicy(2)`.
    pub(crate) fn set_mempolicy(&mut self, mode: PolicyMode, nodes: u64, max: u64) -> Answer {
        let request = self.request(mode, nodes, max)?;
        let policy = request.policy(self.usable_nodes()).map_err(|_| Errno::EINVAL)?;
        self.store.policies.used |= policy.is_some();
        if let Some(process) = self.rest.processes.get_mut(self.rest.process) {
            let turns = policy.is_some_and(|policy| policy.mode.takes_turns());
            let TaskPolicy { last, left, node, .. } = process.policy;
            let (last, left) = if turns { (None, 0) } else { (last, left) };
            process.policy = TaskPolicy { policy, last, left, node };
        }
        Ok(0)
    }

    /// `mbind(2)`.
    pub(crate) fn mbind(
        &mut self,
        (addr, len): (u64, u64),
        mode: PolicyMode,
        nodes: (u64, u64),
        flags: BindFlags,
    ) -> Answer {
        let request = self.request(mode, nodes.0, nodes.1)?;
        let known = BindFlags::STRICT.with(BindFlags::MOVE).with(BindFlags::MOVE_ALL);
        if flags.0 & !known.0 != 0 {
            return Err(Errno::EINVAL);
        }
        if flags.has(BindFlags::MOVE_ALL) && !self.task.privileged() {
            return Err(Errno::EPERM);
        }
        if !addr.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL);
        }
        let flags = if request.is_default() { flags.without(BindFlags::STRICT) } else { flags };
        let end = addr.wrapping_add(page_align(len));
        if end < addr {
            return Err(Errno::EINVAL);
        }
        if end == addr {
            return Ok(0);
        }
        let policy = request.policy(self.usable_nodes()).map_err(|_| Errno::EINVAL)?;
        let bind = Bind { request, flags, start: addr, end };
        let queued = self.queue_pages(&bind)?;
        self.store.policies.used |= policy.is_some();
        for at in self.mm.starts(addr, end) {
            self.bind_mapping(at, addr, end, policy)?;
        }
        let mut failed = 0;
        for (page, count, frame) in queued {
            failed += self.migrate(page, count, frame);
        }
        if failed > 0 && flags.has(BindFlags::STRICT) { Err(Errno::EIO) } else { Ok(0) }
    }

    /// `queue_pages_range()`: whether everything is mapped, and which pages lie elsewhere.
    fn queue_pages(&self, bind: &Bind) -> Answer<Vec<Queued>> {
        let moves = bind.flags.any(BindFlags::MOVE.with(BindFlags::MOVE_ALL));
        let strict = bind.flags.has(BindFlags::STRICT);
        let gaps = bind.request.is_default();
        let mut queued = Vec::new();
        let starts = self.mm.starts(bind.start, bind.end);
        if starts.is_empty() {
            return Err(Errno::EFAULT);
        }
        let mut expected = bind.start;
        for (number, at) in starts.iter().enumerate() {
            let vma = self.vma(*at);
            let next = starts.get(number + 1).copied().unwrap_or(u64::MAX);
            if !gaps && (vma.start > expected || (vma.end < bind.end && next > vma.end)) {
                return Err(Errno::EFAULT);
            }
            expected = vma.end;
            let special = matches!(vma.backing, Backing::Special(_));
            if special || !(moves || strict) {
                continue;
            }
            let first = vma.start.max(bind.start) >> PAGE_BITS;
            let last = vma.end.min(bind.end) >> PAGE_BITS;
            for (page, len, pte) in self.mm.pages.iter_within(first, last) {
                if !pte.present() || !pte.counted() {
                    continue;
                }
                for (frame, count, known) in
                    self.store.frames.map.iter_within(pte.frame, pte.frame + len)
                {
                    if bind.request.nodes >> self.node_of_zone(known.zone) & 1 == 1 {
                        continue;
                    }
                    if !moves {
                        return Err(Errno::EIO);
                    }
                    if known.maps == 1 || bind.flags.has(BindFlags::MOVE_ALL) {
                        queued.push((page + (frame - pte.frame), count, frame));
                    }
                }
            }
        }
        Ok(queued)
    }

    fn node_of_zone(&self, zone: u8) -> u32 {
        let physical = self.store.frames.physical.as_deref();
        let zone = physical.and_then(|physical| physical.zones.get(usize::from(zone)));
        zone.map_or(0, |zone| zone.node)
    }

    /// `mbind_range()`: a part of a mapping gets a policy.
    fn bind_mapping(
        &mut self,
        at: u64,
        start: u64,
        end: u64,
        policy: Option<Mempolicy>,
    ) -> Answer<()> {
        // It may have become part of the one before.
        let Some(vma) = self.mm.at(at) else { return Ok(()) };
        let (key, flags) = (vma.start, vma.flags);
        let (from, to) = (vma.start.max(start), vma.end.min(end));
        if vma.policy == policy || from >= to {
            return Ok(());
        }
        let key = self.modify_to(key, from, to, flags, policy)?;
        let vma = self.vma(key).clone();
        if let Some(file) = self.shared_file(vma.backing) {
            self.share_policy(file, &vma, from, to, policy);
        }
        Ok(())
    }

    /// `mpol_set_shared_policy()`.
    fn share_policy(
        &mut self,
        file: usize,
        vma: &Vma,
        from: u64,
        to: u64,
        policy: Option<Mempolicy>,
    ) {
        let (first, last) = (vma.pgoff_at(from), vma.pgoff_at(to));
        let shared = self.store.policies.shared.entry(file).or_default();
        shared.remove(first, last);
        if let Some(policy) = policy {
            shared.insert(first, last - first, Shared(policy));
        }
    }

    /// `migrate_pages()` to where the policy wants them; how many stayed.
    fn migrate(&mut self, page: u64, count: u64, frame: u64) -> u64 {
        let mut done = 0;
        while done < count {
            let Some(vma) = self.mm.at((page + done) << PAGE_BITS) else { break };
            let at = vma.start;
            self.fault_is_at(at, page + done);
            let Some((len, known)) = self.store.frames.map.get(frame + done) else { break };
            let huge = known.large && (frame + done).is_multiple_of(HUGE) && len >= HUGE;
            let (want, what) =
                if huge { (HUGE, For::Huge) } else { (len.min(count - done), For::Move) };
            let grant = self.obtain(want, what);
            self.fault_is_done();
            let Ok(grant) = grant else { break };
            self.store.frames.move_to(frame + done, grant.pages, grant.zone);
            done += grant.pages;
        }
        count.saturating_sub(done)
    }

    /// `sched_setaffinity(2)` to the processors of a node.
    pub(crate) fn run_on(&mut self, node: u32) -> Answer {
        let nodes = self
            .store
            .frames
            .physical
            .as_deref()
            .map_or(vec![0], |physical| physical.nodes().into_iter().collect());
        if !super::nodes_with_cpus(self.store.config.cpus, &nodes).contains(&node) {
            return Err(Errno::EINVAL);
        }
        if let Some(process) = self.rest.processes.get_mut(self.rest.process) {
            process.policy.node = node;
        }
        Ok(0)
    }
}

impl crate::frames::Frames {
    /// These lie in another zone now, the pages of which were granted: they are the youngest of their lists
    /// there. What they cost is paid as it was.
    fn move_to(&mut self, first: u64, count: u64, zone: u8) {
        for (at, len, mut frame) in self.map.remove(first, first + count) {
            if let Some(physical) = self.physical.as_deref_mut() {
                physical.delist(at, len, &frame);
                physical.give(frame.zone, len, Type::Movable);
                frame.zone = zone;
                frame.lru = 0;
                physical.enlist(at, len, &mut frame);
            }
            self.map.insert(at, len, frame);
        }
        debug_assert!(zone != NOWHERE || self.physical.is_none());
    }
}

impl Machine {
    /// Writes a node's weight, `0` for what the kernel has by itself (6.9).
    pub(crate) fn set_weight(&mut self, node: &str, value: &str) -> Result<(), Errno> {
        let node: u32 = node.parse().map_err(|_| Errno::ENOENT)?;
        let weight: u8 = match value.trim() {
            "" => 0,
            number => number.parse().map_err(|_| Errno::EINVAL)?,
        };
        self.store.policies.weights.insert(node, weight.max(1));
        Ok(())
    }

    /// The nodes that processes of a cgroup may use are others now: their policies follow
    /// (`cpuset_change_task_nodemask()`, `mpol_rebind_mm()`).
    pub(crate) fn rebind(&mut self, before: &[Option<NodeMask>], all: NodeMask) {
        for (index, before) in before.iter().enumerate() {
            let Some(process) = self.processes.get_mut(index) else { continue };
            let now = self.store.nodes_of(process.memcg).unwrap_or(all);
            let before = before.unwrap_or(all);
            if before == now || process.ended.is_some() {
                continue;
            }
            if let Some(policy) = &mut process.policy.policy {
                policy.rebind(before, now);
            }
            let Some(mm) = self.mms.get_mut(&process.mm) else { continue };
            let starts: Vec<u64> = mm.vmas.keys().collect();
            for at in starts {
                if let Some(policy) = mm.vmas.get_mut(at).and_then(|vma| vma.policy.as_mut()) {
                    policy.rebind(before, now);
                }
            }
        }
    }
}
