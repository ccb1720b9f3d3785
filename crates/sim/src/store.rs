//! What processes share: frames, files, identities of anonymous memory, promises.

use std::collections::BTreeSet;

use facts::{OvercommitMode, Release};
use rules::layout::Placement;
use rules::overcommit::{Asker, Books, CommitInput, Machine, Reserves, grants};
use units::Pages;

use crate::anon::Anons;
use crate::config::MachineConfig;
use crate::cpuset::Cpusets;
use crate::files::{File, FileKind, Open};
use crate::frames::{Frame, Frames, file_base};
use crate::fresh::Fresh;
use crate::hugetlb::Pool;
use crate::ksm::{Contents, Ksm};
use crate::memcg::Making;
use crate::oom::State;
use crate::page::{HUGE, PAGE_BITS};
use crate::physical::{Grant, Holder, NOWHERE, Type, Zone};
use crate::policy::Policies;
use crate::range_map::RangeSet;
use crate::rules_of::Rules;

/// Pages of a file that go, and must be unmapped everywhere before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hole {
    pub(crate) file: usize,
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// Whether private copies go as well: the file became shorter.
    pub(crate) cows: bool,
    /// Unmapped only: the pages stay in memory.
    pub(crate) stays: bool,
    /// The bytes that go: the first, and the first that does not.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// State of the machine outside any one address space.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) config: MachineConfig,
    pub(crate) rules: Rules,
    pub(crate) placement: Placement,
    pub(crate) frames: Frames,
    pub(crate) anons: Anons,
    pub(crate) files: Vec<File>,
    pub(crate) opens: Vec<Open>,
    /// `vm_committed_as`, pages.
    pub(crate) committed: u64,
    /// The file whose pages stand for the vdso.
    pub(crate) vdso: usize,
    /// Frames that processes outside the model map.
    pub(crate) elsewhere: BTreeSet<u64>,
    /// SysV segments by their id.
    pub(crate) shm: Vec<usize>,
    /// What calls left to be done in every address space: pages that go,
    pub(crate) holes: Vec<Hole>,
    /// and pages that were written back, by file, first and count.
    pub(crate) synced: Vec<(usize, u64, u64)>,
    /// Whether there ever was memory that may be dropped.
    pub(crate) droppable: bool,
    /// Anonymous frames that were written to, where there are huge pages: the others hold zeros.
    pub(crate) written: RangeSet,
    /// What is in anonymous pages.
    pub(crate) contents: Contents,
    pub(crate) ksm: Ksm,
    /// Frames of files in large folios whose blocks (`struct buffer_head`) are dirty: not all of a dirty folio's
    /// are.
    pub(crate) dirty_blocks: RangeSet,
    /// What was made last, where memory never ends.
    pub(crate) fresh: Fresh,
    /// Pages that were used while it was not known yet that they are locked, or was.
    pub(crate) batched: u64,
    /// Huge pages that are set aside.
    pub(crate) pool: Pool,
    /// The last inode number given to what has no name.
    pub(crate) last_inode: u64,
    /// Time since boot, nanoseconds.
    pub(crate) clock: u64,
    /// Nodes that processes are bound to.
    pub(crate) cpusets: Cpusets,
    /// Memory policies of no one task.
    pub(crate) policies: Policies,
    /// The OOM killer and the kernel's log.
    pub(crate) oom: State,
}

impl Store {
    /// So many processes outside the model map these pages, too.
    pub(crate) fn mapped_elsewhere(&mut self, first: u64, count: u64, maps: u32) {
        for page in first..first + count {
            if maps > 0 && self.elsewhere.insert(page) {
                self.frames.update(page, 1, |frame| frame.maps += maps);
            }
        }
    }

    /// Pages of files and of processes that were there before the scenario, and may be reclaimed.
    pub(crate) fn add_boot_pages(&mut self) {
        let Some(physical) = self.frames.physical.as_deref() else { return };
        let used = |zone: &Zone| zone.managed - zone.unused();
        let zones = physical.zones.iter().enumerate();
        let Some((at, zone)) = zones.max_by_key(|(_, zone)| used(zone)) else { return };
        let anon = physical.profile.anon.min(used(zone));
        let cached = physical.profile.file.min(used(zone) - anon);
        let zone = u8::try_from(at).unwrap_or(NOWHERE);
        if anon > 0 {
            let grant = Grant { pages: anon, zone, memcg: 0 };
            self.frames.anonymous(anon, false, grant, (usize::MAX, 0));
        }
        if cached > 0 {
            let file = self.add_file(File {
                name: "[boot]".to_owned(),
                device: (0, 0),
                inode: 0,
                len: cached << PAGE_BITS,
                kind: FileKind::Disk,
                promised: None,
                blocks: RangeSet::default(),
                opens: 0,
                linked: true,
            });
            self.frames.add(file_base(file), cached, Frame { zone, ..Frame::CACHE });
        }
    }

    /// Pages of a file that were in a tmpfs before the scenario are about to be frames of their own.
    pub(crate) fn hand_over(&mut self, file: usize, first: u64, count: u64) {
        let base = file_base(file);
        let missing = count - self.frames.map.count(base + first, base + first + count);
        let Some(physical) = self.frames.physical.as_deref_mut() else { return };
        let known = missing.min(physical.profile.shmem);
        physical.profile.shmem -= known;
        let zones = physical.zones.iter().enumerate();
        let largest = zones.max_by_key(|(_, zone)| zone.managed).map(|(at, _)| at);
        let zone = largest.and_then(|at| u8::try_from(at).ok()).unwrap_or(NOWHERE);
        physical.give(zone, known, Type::Movable);
    }

    /// One more process maps a page of the vdso.
    pub(crate) fn vdso_frame(&mut self, page: u64) -> u64 {
        let frame = file_base(self.vdso) + page;
        if self.frames.map.get(frame).is_none() {
            let maps = self.config.vdso_users;
            self.frames.add(frame, 1, Frame { maps, ..Frame::CACHE });
        }
        self.frames.map(frame, 1);
        frame
    }

    pub(crate) fn next_inode(&mut self) -> u64 {
        self.last_inode += 1;
        self.last_inode
    }

    pub(crate) fn release(&self) -> Release {
        self.config.release
    }

    /// `security_vm_enough_memory_mm()`: takes the promise, or says no.
    pub(crate) fn promise(&mut self, pages: u64, privileged: bool, total_vm: u64) -> bool {
        let asker = Asker { privileged, total_vm: Pages::new(total_vm) };
        let mode = self.config.overcommit;
        if !grants(self.release(), mode, &self.books(), asker, Pages::new(pages)) {
            return false;
        }
        self.committed += pages;
        true
    }

    /// `vm_unacct_memory()`.
    pub(crate) fn forget(&mut self, pages: u64) {
        self.committed = self.committed.saturating_sub(pages);
    }

    pub(crate) fn strict(&self) -> CommitInput {
        CommitInput {
            total_ram: Pages::new(self.config.ram),
            hugetlb: Pages::new(self.pool.total() * HUGE),
            total_swap: Pages::new(self.config.swap),
            ratio: self.config.overcommit_ratio,
            fixed: Pages::new(self.config.overcommit_kbytes / 4),
        }
    }

    fn books(&self) -> Books {
        let config = &self.config;
        Books {
            machine: Machine {
                total_ram: Pages::new(config.ram),
                total_swap: Pages::new(config.swap),
                free: Pages::new(self.free()),
                free_swap: Pages::new(self.free_swap()),
                ..Machine::default()
            },
            strict: self.strict(),
            reserves: Reserves {
                admin: Pages::new(config.admin_reserve_kbytes / 4),
                user: Pages::new(config.user_reserve_kbytes / 4),
            },
            committed: Pages::new(self.committed + config.committed_elsewhere),
        }
    }

    /// What the kernel had for a process beside its page tables is free.
    /// `paid`: what a cgroup was charged for it.
    pub(crate) fn process_gone(&mut self, holder: Holder, paid: Making) {
        if let Some(physical) = self.frames.physical.as_deref_mut() {
            physical.give_process(holder);
            self.frames.memcgs.uncharge_making(paid);
        }
    }

    /// `SwapFree`, pages.
    pub(crate) fn free_swap(&self) -> u64 {
        self.frames.physical.as_deref().map_or(self.config.swap, |physical| physical.swap.free())
    }

    /// Pages that nothing in the model uses.
    pub(crate) fn free(&self) -> u64 {
        if let Some(physical) = self.frames.physical.as_deref() {
            return physical.free();
        }
        self.config.ram.saturating_sub(self.frames.map.total())
    }

    pub(crate) fn never_overcommits(&self) -> bool {
        self.config.overcommit == OvercommitMode::Never
    }

    /// The file behind an open one.
    pub(crate) fn file(&self, open: usize) -> &File {
        &self.files[self.opens[open].file]
    }
}
