//! fork, vfork, threads, exec and exit.
//!
//! `dup_mmap()` and `copy_page_range()` (`mm/mmap.c`, `mm/memory.c`), `exec_mmap()`, `exit_mmap()`,
//! 6.18.

use world::{End, Errno, ForkKind, ProcessId, WorldError};

use crate::anon::Chain;
use crate::calls::mlock::unlock;
use crate::calls::seal::inherited;
use crate::ctx::{Ctx, Task};
use crate::fault::KILL;
use crate::hugetlb::places;
use crate::machine::{Machine, Process};
use crate::memcg::Making;
use crate::mm::Mm;
use crate::page::{ANON, PAGE_BITS, Pte, What};
use crate::pages::by_table;
use crate::physical::{Holder, process_pages};
use crate::rules_of::AfterFork;
use crate::store::Store;
use crate::unsynced::{SWAP, signed};
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

/// `SIGSEGV`.
const SEGV: u8 = 11;
/// What a fork takes for each page whose entry it copies, nanoseconds. Measured on 6.12 under emulation,
/// which takes twenty times as long: of six programs the two of 34 and 17 MB found the child ahead of
/// them, those of 8 MB and less did not, and of two with 9 MB one did.
const COPIED_ENTRY: u64 = 16;

impl Machine {
    /// Makes a child or a thread.
    pub(crate) fn make_child(
        &mut self,
        id: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let process = self.living(id)?.clone();
        let parent_group = Self::index(process.group);
        let child_id = ProcessId(u32::try_from(self.processes.len()).unwrap_or(u32::MAX));
        // What belongs to the process is kept by its first thread.
        let (adj, adj_min) = {
            let leader = &self.processes[parent_group];
            (leader.adj, leader.adj_min)
        };
        let mut child = Process {
            parent: Some(process.group),
            adj,
            adj_min,
            started: self.store.clock,
            cpu: 0,
            borrows: kind == ForkKind::Vfork || (kind == ForkKind::Thread && process.borrows),
            stuck: false,
            victim: None,
            ..process.clone()
        };
        let holder = if kind == ForkKind::Thread { Holder::Thread } else { Holder::Process };
        if self.with(id, |ctx| process_pages(ctx, holder))?.is_err() {
            return Ok(Err(Errno::ENOMEM));
        }
        if kind == ForkKind::Fork {
            let key = self.next_mm;
            self.next_mm += 1;
            match self.with(id, |ctx| duplicate(ctx, key))? {
                Ok(mm) => {
                    child.mm = self.add_mm(mm);
                    if self.store.ksm.knows(process.mm) {
                        self.store.ksm.enter(child.mm, self.store.clock);
                    }
                }
                Err(error) => {
                    self.store.process_gone(holder, Making::default());
                    // What was copied before that may not be written to in place.
                    self.owns_its_pages(process.group)?;
                    return Ok(Err(error));
                }
            }
        } else if let Some(mm) = self.mms.get_mut(&process.mm) {
            mm.users += 1;
        }
        if kind == ForkKind::Thread {
            child.parent = process.parent;
            child.kernel = self.charge_process(process.memcg, true);
            return Ok(Ok(self.add_process(child)));
        }
        child.group = child_id;
        child.kernel = self.charge_process(process.memcg, false);
        let task = &self.processes[parent_group].task;
        child.task = Task { min_flt: 0, maj_flt: 0, stale: 0, ..task.clone() };
        for fd in child.task.fds.values() {
            self.store.hold(fd.open);
        }
        let made = self.add_process(child);
        if kind == ForkKind::Fork {
            let mut sides = [process.group, made];
            if self.child_goes_on(process.mm) {
                sides.reverse();
            }
            for side in sides {
                self.owns_its_pages(side)?;
            }
        }
        Ok(Ok(made))
    }

    /// What the program does to its own pages after a fork, refused or not.
    fn owns_its_pages(&mut self, side: ProcessId) -> Result<(), WorldError> {
        for touch in self.image.after_fork.clone() {
            if self.living(side).is_ok() {
                self.with(side, |ctx| ctx.touch(&touch))?;
            }
        }
        Ok(())
    }

    /// Whether the child goes on after a fork of this address space, and not the parent.
    fn child_goes_on(&self, parent: usize) -> bool {
        match self.store.rules.after_fork {
            AfterFork::Child => true,
            AfterFork::Parent => false,
            AfterFork::WhoHasTime => {
                let copied = self.mms.get(&parent).map_or(0, |mm| mm.rss[ANON] + mm.swapped);
                // `sysctl_sched_base_slice` on one processor: 750 us, of a turn of 4 ms.
                let slice = self.store.config.turn / 16 * 3;
                self.store.config.cpus == 1 && copied * COPIED_ENTRY > slice
            }
        }
    }

    /// A fresh image in place of the old one.
    pub(crate) fn replace_image(&mut self, id: ProcessId) -> Result<(), WorldError> {
        let process = self.living(id)?;
        let (old, group) = (process.mm, process.group);
        let leader = self.process(group)?;
        let (stack, memcg) = (leader.task.limits.stack.0, leader.memcg);
        let Some(mm) = self.load(stack, memcg) else {
            return self.finish(group, End::Signal(KILL));
        };
        if self.living(id).is_err() {
            // Killed by the lack of memory that its own image caused.
            self.release_mm(mm, usize::MAX);
            return Ok(());
        }
        // An exec ends the other threads; the memory is let go by each.
        let mut users = 0;
        let mut leaving = Vec::new();
        for (index, other) in self.processes.iter_mut().enumerate() {
            if other.group == group && other.ended.is_none() {
                other.ended = Some(End::Exit(0));
                leaving.push(index);
                users += 1;
                // The leader goes on with what it has.
                if users > 1 {
                    self.store.process_gone(Holder::Thread, std::mem::take(&mut other.kernel));
                }
            }
        }
        let mdwe = self.mms.get(&old).map_or(0, |old| inherited(old.mdwe));
        if let Some(new) = self.mms.get_mut(&mm) {
            new.mdwe = mdwe;
        }
        let fits = self.fits(mm, group)?;
        let leader = &mut self.processes[Self::index(group)];
        leader.ended = None;
        leader.mm = mm;
        leader.borrows = false;
        leader.task.min_flt += self.image.exec_faults.0;
        leader.task.maj_flt += self.image.exec_faults.1;
        let closing: Vec<i32> =
            leader.task.fds.iter().filter(|(_, fd)| fd.cloexec).map(|(fd, _)| *fd).collect();
        for fd in closing {
            if let Some(fd) = leader.task.fds.remove(&fd) {
                self.store.release_open(fd.open);
            }
        }
        for task in leaving {
            self.release_mm(old, task);
        }
        // Past the point of no return (`begin_new_exec()`) a failure is a signal.
        if fits { Ok(()) } else { self.finish(group, End::Signal(SEGV)) }
    }

    /// Whether limits allow the mappings of a fresh image, and the stack that the program uses at once.
    fn fits(&self, mm: usize, id: ProcessId) -> Result<bool, WorldError> {
        let Some(mm) = self.mms.get(&mm) else { return Ok(true) };
        let limits = &self.process(id)?.task.limits;
        let stack = self.image.after_fork.iter().map(|touch| touch.count << PAGE_BITS).next_back();
        let data = !self.store.rules.data_limit_all || mm.data_vm <= limits.data.0 >> PAGE_BITS;
        // `insert_vm_struct()` does not ask for the kernel's own mappings.
        let special = |vma: &&Vma| matches!(vma.backing, Backing::Special(_));
        let own = mm.total_vm - mm.vmas.values().filter(special).map(Vma::pages).sum::<u64>();
        let zero = limits.data.0 == 0 && mm.data_vm <= limits.data.1 >> PAGE_BITS;
        Ok(own <= limits.address_space.0 >> PAGE_BITS
            && (data || zero)
            && stack.is_none_or(|stack| stack <= limits.stack.0))
    }

    /// Ends a process with all its threads, or one thread.
    pub(crate) fn finish(&mut self, id: ProcessId, how: End) -> Result<(), WorldError> {
        let process = self.living(id)?;
        let (mm, group, node) = (process.mm, process.group, process.policy.node);
        self.runs_on(node);
        let whole = group == id || matches!(how, End::Signal(_));
        for index in 0..self.processes.len() {
            let other = &mut self.processes[index];
            let this = index == Self::index(id);
            if other.ended.is_none() && (this || (whole && other.group == group)) {
                other.ended = Some(how);
                let leads = Self::index(other.group) == index;
                let holder = if leads { Holder::Process } else { Holder::Thread };
                self.store.process_gone(holder, std::mem::take(&mut other.kernel));
                self.release_mm(mm, index);
            }
        }
        if whole {
            let fds = std::mem::take(&mut self.processes[Self::index(group)].task.fds);
            for fd in fds.into_values() {
                self.store.release_open(fd.open);
            }
        }
        Ok(())
    }

    /// One user less of an address space, this task; with the last one it goes.
    pub(crate) fn release_mm(&mut self, id: usize, task: usize) {
        let Some(mm) = self.mms.get_mut(&id) else { return };
        mm.unsynced.leave(task);
        mm.users = mm.users.saturating_sub(1);
        if mm.users == 0
            && let Some(mm) = self.mms.remove(&id)
        {
            destroy(&mut self.store, mm);
        }
    }
}

/// `exit_mmap()`.
pub(crate) fn destroy(store: &mut Store, mut mm: Mm) {
    if !store.rules.unlocks_late {
        unlock_all(store, &mm);
    }
    store.note_last_accesses(&mm);
    if store.rules.unlocks_late {
        unlock_all(store, &mm);
    }
    if let Some(physical) = store.frames.physical.as_deref_mut() {
        physical.tables = physical.tables.saturating_sub(mm.tables_paid);
        physical.give_kernel(mm.tables_paid);
        let paid = mm.tables_paid;
        store.frames.memcgs.free_tables(&mut mm, paid);
    }
    if let Some(physical) = store.frames.physical.as_deref_mut() {
        physical.settle_mappings(mm.mappings_paid, 0);
    }
    let last = mm.layout.task_size >> PAGE_BITS;
    for (_, len, pte) in mm.pages.remove(0, last + 1) {
        if pte.what == What::Swap {
            store.frames.unswap(pte.frame, len);
        }
        if pte.what == What::Hugetlb {
            store.let_go_of_huge(pte.frame, len);
        }
        if pte.counted() {
            store.frames.unmap(pte.frame, len);
        }
    }
    for mut vma in std::mem::take(&mut mm.vmas).into_values() {
        if vma.has(VmFlags::ACCOUNT) {
            store.forget(vma.pages());
        }
        if let Some((file, first, end)) = places(store, &vma) {
            store.unmap_huge(mm.key, file, first, end);
        }
        store.anons.unlink(&mut vma.chain);
        if let Backing::File(open) = vma.backing {
            store.release_open(open);
        }
    }
}

/// Nothing of an address space is locked any more.
fn unlock_all(store: &mut Store, mm: &Mm) {
    for vma in mm.vmas.values().filter(|vma| vma.has(VmFlags::LOCKED)) {
        unlock(store, mm, vma.start, vma.end);
    }
}

/// `dup_mmap()`: the copy, or `ENOMEM` when a promise is refused.
fn duplicate(ctx: &mut Ctx<'_>, key: usize) -> Result<Mm, Errno> {
    let mut child =
        Mm::new(ctx.store.config.arch, ctx.mm.layout, ctx.mm.segments, ctx.mm.unsynced.alike());
    child.mdwe = inherited(ctx.mm.mdwe);
    child.key = key;
    child.memcg = ctx.mm.memcg;
    // As many tables as the parent has will do, and what is too much of that goes back.
    child.tables_paid = ctx.reserve_tables(ctx.mm.tables.count())?;
    child.tables_of.insert(child.memcg, child.tables_paid);
    let Ctx { store, mm: parent, task, .. } = ctx;
    child.total_vm = parent.total_vm;
    child.data_vm = parent.data_vm;
    child.exec_vm = parent.exec_vm;
    child.stack_vm = parent.stack_vm;
    child.free_area_cache = parent.free_area_cache;
    child.cached_hole_size = parent.cached_hole_size;
    let starts: Vec<u64> = parent.vmas.keys().collect();
    for at in starts {
        let Some(vma) = parent.vmas.get(at).cloned() else { continue };
        if vma.has(VmFlags::DONTCOPY) {
            child.account(vma.flags, vma.pages(), false);
            continue;
        }
        let asks = vma.has(VmFlags::ACCOUNT);
        if asks && !store.promise(vma.pages(), task.privileged(), parent.total_vm) {
            destroy(store, child);
            return Err(Errno::ENOMEM);
        }
        let wipes = vma.has(VmFlags::WIPEONFORK);
        let chain = if wipes { Chain::default() } else { store.anons.fork(&vma.chain) };
        if let Backing::File(open) = vma.backing {
            store.hold(open);
        }
        let flags = vma.flags.without(VmFlags::LOCKED_MASK);
        child.vmas.insert(at, Vma { flags, chain, ..vma.clone() });
        let always = VmFlags::PFNMAP.with(VmFlags::MIXEDMAP).with(VmFlags::MAYBE_GUARD);
        if !wipes && (vma.chain.own.is_some() || vma.flags.any(always)) {
            copy_pages(store, parent, &mut child, &vma);
        }
    }
    child.find_holes();
    child.on_the_way = parent.on_the_way;
    child.off_list = parent.off_list;
    child.hiwater_vm = child.total_vm;
    child.hiwater_rss = child.rss_total();
    store.frames.pay_tables(&mut child);
    store.frames.pay_mappings(&mut child);
    Ok(child)
}

/// `copy_page_range()`.
fn copy_pages(store: &mut Store, parent: &mut Mm, child: &mut Mm, vma: &Vma) {
    let cow = vma.flags.and(VmFlags::SHARED.with(VmFlags::MAYWRITE)) == VmFlags::MAYWRITE;
    let shared = vma.has(VmFlags::SHARED);
    child.tables.copy(&parent.tables, vma.start, vma.end);
    let (first, last) = (vma.start >> PAGE_BITS, vma.end >> PAGE_BITS);
    for (page, len, pte) in parent.pages.within(first, last) {
        if pte.counted() {
            store.frames.map(pte.frame, len);
            if pte.what == What::Anon {
                store.frames.update(pte.frame, len, |frame| frame.exclusive = false);
            }
        }
        if pte.what == What::Swap
            && let Some(physical) = store.frames.physical.as_deref_mut()
        {
            physical.swap.hold(pte.frame, len);
            child.swapped += len;
            by_table(page, len, |pages| child.unsynced.at_once(SWAP, signed(pages)));
        }
        if pte.what == What::Hugetlb {
            store.hold_huge(pte.frame, len);
        }
        if let Some(kind) = pte.rss() {
            child.rss[kind] += len;
            by_table(page, len, |pages| child.unsynced.at_once(kind, signed(pages)));
        }
        let writable = pte.writable && !cow;
        let copy = Pte { young: false, dirty: pte.dirty && !shared, writable, ..pte };
        child.pages.insert(page, len, copy);
    }
    if cow {
        parent.pages.update(first, last, |_, pte| pte.writable = false);
    }
}

impl Ctx<'_> {
    /// Room for a descriptor: the lowest one that is free.
    pub(crate) fn free_fd(&self) -> i32 {
        let mut fd = self.task.first_fd;
        while self.task.fds.contains_key(&fd) || self.task.other_fds.contains(&fd) {
            fd += 1;
        }
        fd
    }
}

#[cfg(test)]
mod tests {
    use rules::layout::Arch;
    use world::{Call, MapFlags, ProcessSpec, Prot, Touch, World};

    use super::*;
    use crate::{Image, MachineConfig};

    /// Whether the child goes on after a fork of a program that has written so many pages.
    fn child_goes_on(release: &str, pages: u64, cpus: u32, turn: u64) -> bool {
        let release = release.parse().unwrap();
        let mut config = MachineConfig::new(release, Arch::X86_64, 1 << 18, 0);
        config.cpus = cpus;
        config.turn = turn;
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let id = machine.start(&ProcessSpec::new("p", 1000)).unwrap();
        let call = Call::Mmap {
            addr: 0,
            len: pages << PAGE_BITS,
            prot: Prot(3),
            flags: MapFlags(0x22),
            fd: -1,
            offset: 0,
        };
        let addr = machine.call(id, &call).unwrap().value.unwrap();
        let touch = Touch {
            addr,
            count: pages,
            stride: 4096,
            access: world::Access::Write,
            content: world::Content::OneByte,
        };
        assert_eq!(machine.touch(id, &touch).unwrap().done, pages);
        let mm = machine.living(id).unwrap().mm;
        machine.child_goes_on(mm)
    }

    #[test]
    fn the_child_goes_on_up_to_2_6_31_and_since_6_6_where_the_fork_took_long() {
        let (tick, emulated) = (4_000_000, 200_000);
        for small in [1, 100] {
            assert!(child_goes_on("2.6.31", small, 1, tick));
            assert!(!child_goes_on("2.6.32", small, 1, tick));
            assert!(!child_goes_on("6.12", small, 1, emulated));
        }
        // 34 and 17 MB: the child; 8.4 MB: the parent.
        for (kib, child) in [(34_428, true), (16_684, true), (8424, false)] {
            assert_eq!(child_goes_on("6.12", kib / 4, 1, emulated), child, "{kib} kB");
            assert!(!child_goes_on("6.5", kib / 4, 1, emulated));
            assert!(!child_goes_on("6.12", kib / 4, 2, emulated), "another processor has it");
            assert!(!child_goes_on("6.12", kib / 4, 1, tick), "where a page takes no time");
        }
    }
}
