//! The machine: processes, and the world that a scenario sees.

use std::collections::BTreeMap;

use rules::layout::{LayoutInput, layout, placement};
use rules::rss::{Printed, RssSlack, rss_slack};
use units::ScoreAdj;
use world::{
    Call, Control, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Setup, Touch, Touched, World, WorldError,
};

use crate::calls::mmap::Mmap;
use crate::calls::mremap::Mremap;
use crate::config::MachineConfig;
use crate::ctx::{Ctx, Rest, Rlimits, Task};
use crate::files::{File, FileKind};
use crate::fork::destroy;
use crate::frames::{MOST, file_base};
use crate::image::Image;
use crate::ksm::{Contents, Ksm};
use crate::memcg::{Making, MemcgId, Memcgs};
use crate::mm::Mm;
use crate::oom::{State, Victim};
use crate::page::PAGE_BITS;
use crate::physical::{Holder, Physical, process_pages};
use crate::policy::{Place, Policies, TaskPolicy};
use crate::proc::{self, Identity};
use crate::range_map::RangeSet;
use crate::rules_of::Rules;
use crate::store::Store;

/// A process, or a thread of one.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) parent: Option<ProcessId>,
    /// The process that it is a thread of; itself otherwise.
    pub(crate) group: ProcessId,
    pub(crate) nice: i8,
    pub(crate) adj: ScoreAdj,
    /// The lowest that it may set by itself.
    pub(crate) adj_min: ScoreAdj,
    pub(crate) task: Task,
    pub(crate) mm: usize,
    pub(crate) ended: Option<End>,
    /// The memory cgroup that it is in.
    pub(crate) memcg: MemcgId,
    /// What its making was charged for.
    pub(crate) kernel: Making,
    /// When it was started, nanoseconds since boot.
    pub(crate) started: u64,
    /// How long it has run, nanoseconds.
    pub(crate) cpu: u64,
    /// It is a child of `vfork` that still uses its parent's memory.
    pub(crate) borrows: bool,
    /// It cannot be woken, not even by a signal.
    pub(crate) stuck: bool,
    /// The OOM killer has killed it, and it has not gone yet.
    pub(crate) victim: Option<Victim>,
    /// Its memory policy, and the node that it runs on.
    pub(crate) policy: TaskPolicy,
}

/// A simulated machine.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(crate) store: Store,
    pub(crate) image: Image,
    pub(crate) mms: BTreeMap<usize, Mm>,
    pub(crate) processes: Vec<Process>,
    pub(crate) next_mm: usize,
    /// Where the first process's mappings were placed below.
    pub(crate) first_base: Option<u64>,
    /// State of what addresses are drawn from.
    pub(crate) random: u64,
    /// The scenario's files, by their place in its list.
    pub(crate) named: Vec<usize>,
}

/// The pid of the first process.
pub(crate) const FIRST_PID: u32 = 1000;

impl Machine {
    /// A machine on which every process starts as `image`.
    pub fn new(config: MachineConfig, image: Image) -> Machine {
        let release = config.release;
        let seed = config.aslr_seed.unwrap_or(0);
        let rules = Rules::of(release);
        let placement = placement(config.release, config.arch);
        let mut store = Store {
            config,
            rules,
            placement,
            frames: crate::frames::Frames::default(),
            anons: crate::anon::Anons::default(),
            files: Vec::new(),
            opens: Vec::new(),
            committed: 0,
            vdso: 0,
            elsewhere: std::collections::BTreeSet::new(),
            shm: Vec::new(),
            holes: Vec::new(),
            synced: Vec::new(),
            last_inode: 1000,
            clock: 0,
            droppable: false,
            written: RangeSet::default(),
            contents: Contents::default(),
            ksm: Ksm::new(release),
            dirty_blocks: RangeSet::default(),
            fresh: crate::fresh::Fresh::default(),
            batched: 0,
            pool: crate::hugetlb::Pool::default(),
            cpusets: crate::cpuset::Cpusets::default(),
            policies: Policies::default(),
            oom: State::new(release),
        };
        store.vdso = store.add_file(File {
            name: "[vdso]".to_owned(),
            device: (0, 0),
            inode: 0,
            len: 0,
            kind: FileKind::Disk,
            promised: None,
            blocks: RangeSet::default(),
            opens: 0,
            linked: true,
        });
        store.frames.memcgs = Memcgs::new(release, store.config.arch, store.config.cgroups);
        store.frames.physical = Physical::new(&store.config).map(Box::new);
        if let Some(physical) = store.frames.physical.as_deref() {
            store.config.ram = physical.managed();
        }
        store.add_boot_pages();
        Machine {
            store,
            image,
            mms: BTreeMap::new(),
            processes: Vec::new(),
            next_mm: 0,
            first_base: None,
            random: seed,
            named: Vec::new(),
        }
    }

    /// How the machine was built.
    pub fn config(&self) -> &MachineConfig {
        &self.store.config
    }

    /// What processes start as from now on, and what an exec makes of those that are there.
    pub fn set_image(&mut self, image: Image) {
        self.image = image;
    }

    /// Gives a process the name (`comm`) that `exec` gives it: 15 bytes.
    pub fn rename(&mut self, process: ProcessId, name: &str) {
        let end = (0..=name.len().min(15)).rev().find(|&end| name.is_char_boundary(end));
        if let Some(process) = self.processes.get_mut(Self::index(process)) {
            name[..end.unwrap_or(0)].clone_into(&mut process.name);
        }
    }

    /// Says under which name, device and inode number `maps` shows a file of the scenario's.
    pub fn place_file(&mut self, file: usize, name: &str, device: (u32, u32), inode: u64) {
        if let Some(&index) = self.named.get(file) {
            let file = &mut self.store.files[index];
            name.clone_into(&mut file.name);
            (file.device, file.inode) = (device, inode);
        }
    }

    /// `/proc/PID/maps` of a process alone; `None` when it has ended.
    pub fn maps(&self, process: ProcessId) -> Option<Vec<u8>> {
        let found = self.process(process).ok().filter(|found| found.ended.is_none())?;
        Some(proc::maps(&self.store, self.mms.get(&found.mm)?))
    }

    /// Whether this call is a `pread` of pages of a disk's file that are not in memory: what the kernel
    /// reads ahead then is not modelled.
    pub fn reads_ahead(&self, process: ProcessId, call: &Call) -> bool {
        let Call::Pread { fd, offset, len } = *call else { return false };
        let group = self.process(process).and_then(|found| self.process(found.group));
        let open = group.ok().and_then(|leader| leader.task.fds.get(&fd));
        let Some(open) = open.map(|fd| fd.open) else { return false };
        let (file, known) = (self.store.opens[open].file, self.store.file(open));
        let len = len.min(known.len.saturating_sub(offset));
        if len == 0 || known.is_shmem() {
            return false;
        }
        let (first, last) = (offset >> PAGE_BITS, (offset + len - 1) >> PAGE_BITS);
        let base = file_base(file);
        let cached = self.store.frames.map.iter_within(base + first, base + last + 1);
        let there: u64 = cached.filter(|(_, _, page)| page.uptodate).map(|(_, len, _)| len).sum();
        there <= last - first
    }

    /// The pid that `/proc` shows of a process.
    pub fn pid(&self, process: ProcessId) -> u32 {
        FIRST_PID + process.0
    }

    /// How far what a kernel of this release prints of a process's resident pages may be from what is
    /// resident, whichever processors the process has run on.
    ///
    /// # Errors
    /// There is no such process.
    pub fn slack(&self, process: ProcessId, printed: Printed) -> Result<RssSlack, WorldError> {
        let threads = self.identity(process)?.threads.max(1);
        let config = &self.store.config;
        Ok(rss_slack(config.release, config.cpus, threads, printed))
    }

    pub(crate) fn index(process: ProcessId) -> usize {
        usize::try_from(process.0).unwrap_or(usize::MAX)
    }

    pub(crate) fn process(&self, id: ProcessId) -> Result<&Process, WorldError> {
        self.processes
            .get(Self::index(id))
            .ok_or_else(|| WorldError(format!("there is no process {}", id.0)))
    }

    /// Whether anything can still happen on it.
    pub(crate) fn runs(&self) -> Result<(), WorldError> {
        match &self.store.oom.halted {
            Some(halt) => Err(WorldError(format!("the machine stands still: {halt}"))),
            None => Ok(()),
        }
    }

    /// Why nothing happens on it any more, in words; `None`: it runs.
    pub fn halted(&self) -> Option<String> {
        self.store.oom.halted.as_ref().map(ToString::to_string)
    }

    pub(crate) fn living(&self, id: ProcessId) -> Result<&Process, WorldError> {
        self.runs()?;
        let process = self.process(id)?;
        if process.ended.is_some() {
            return Err(WorldError(format!("process {} has ended", id.0)));
        }
        Ok(process)
    }

    /// Runs something in a living process.
    pub(crate) fn with<T>(
        &mut self,
        id: ProcessId,
        run: impl FnOnce(&mut Ctx<'_>) -> T,
    ) -> Result<T, WorldError> {
        let key = self.living(id)?.mm;
        self.in_space(id, key, run)
    }

    /// Runs something that a living process does in an address space, its own or another one.
    pub(crate) fn in_space<T>(
        &mut self,
        id: ProcessId,
        key: usize,
        run: impl FnOnce(&mut Ctx<'_>) -> T,
    ) -> Result<T, WorldError> {
        let process = self.living(id)?;
        let (group, memcg) = (Self::index(process.group), process.memcg);
        self.runs_on(self.processes[Self::index(id)].policy.node);
        let before = self.store.clock;
        let run = |ctx: &mut Ctx<'_>| {
            let result = run(ctx);
            if !ctx.rest.dying {
                ctx.finish_kswapd();
            }
            result
        };
        let result = self
            .within(key, Self::index(id), group, run)
            .ok_or_else(|| WorldError(format!("process {} has no memory", id.0)))?;
        self.passed(memcg, before);
        self.processes[group].cpu += self.store.clock.saturating_sub(before);
        self.settle(id);
        Ok(result)
    }

    /// Memory of the kernel's own comes from this node for now, and goes back there first.
    pub(crate) fn runs_on(&mut self, node: u32) {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.stand(&Place::near(node), None);
        }
    }

    /// Runs something on behalf of no process of the scenario's.
    pub(crate) fn as_kernel<T>(&mut self, run: impl FnOnce(&mut Ctx<'_>) -> T) -> T {
        self.runs_on(0);
        let config = &self.store.config;
        let input = LayoutInput {
            stack_limit: config.stack_limit.0,
            guard_gap: config.stack_guard_gap * 4096,
            randomized: false,
            offset: 0,
            legacy: false,
        };
        let layout = layout(config.release, config.arch, input);
        let mut mm = Mm::new(config.arch, layout, self.image.segments, config.unsynced());
        let rest = Rest {
            mms: &mut self.mms,
            processes: &mut self.processes,
            mm: usize::MAX,
            process: usize::MAX,
            group: usize::MAX,
            dying: false,
        };
        let mut task = Task::default();
        run(&mut Ctx { store: &mut self.store, mm: &mut mm, task: &mut task, rest })
    }

    /// Runs something in an address space, on behalf of a process: the two are taken out of their
    /// places meanwhile. `None`: it is gone.
    fn within<T>(
        &mut self,
        key: usize,
        process: usize,
        group: usize,
        run: impl FnOnce(&mut Ctx<'_>) -> T,
    ) -> Option<T> {
        let mut mm = self.mms.remove(&key)?;
        let mut task = std::mem::take(&mut self.processes[group].task);
        let rest = Rest {
            mms: &mut self.mms,
            processes: &mut self.processes,
            mm: key,
            process,
            group,
            dying: false,
        };
        let result = run(&mut Ctx { store: &mut self.store, mm: &mut mm, task: &mut task, rest });
        self.processes[group].task = task;
        self.store.frames.pay_tables(&mut mm);
        self.store.frames.pay_mappings(&mut mm);
        if mm.users > 0 {
            self.mms.insert(key, mm);
        } else {
            // Whoever used it was killed meanwhile.
            destroy(&mut self.store, mm);
        }
        Some(result)
    }

    /// What a call did to a file is done in every address space that maps it.
    fn settle(&mut self, id: ProcessId) {
        if self.store.holes.is_empty() && self.store.synced.is_empty() {
            return;
        }
        let holes = std::mem::take(&mut self.store.holes);
        let synced = std::mem::take(&mut self.store.synced);
        let process = Self::index(id);
        // What is written back is whole folios.
        let whole = |&(file, first, count): &(usize, u64, u64)| {
            let (base, count) = (file_base(file), count.min(MOST - first.min(MOST)));
            let (frame, count) = self.store.frames.whole(base + first, count);
            (file, frame - base, count)
        };
        let synced: Vec<(usize, u64, u64)> = synced.iter().map(whole).collect();
        let keys: Vec<usize> = self.mms.keys().copied().collect();
        for &key in &keys {
            self.within(key, process, process, |ctx| {
                for hole in &holes {
                    ctx.unmap_file(hole);
                }
                for &(file, first, count) in &synced {
                    ctx.clean_file(file, first, count);
                }
            });
        }
        for hole in holes.iter().filter(|hole| !hole.stays) {
            let cut = self.store.cut_by(hole);
            for &(frame, count) in &cut {
                let first = frame - file_base(hole.file);
                for &key in &keys {
                    self.within(key, process, process, |ctx| {
                        ctx.unmap_unused(hole.file, first, count);
                    });
                }
            }
            self.store.drop_hole(hole, &cut);
            self.store.clear_part(hole.file, hole.start);
            if !hole.cows {
                self.store.clear_part(hole.file, hole.end);
            }
        }
        for &(file, first, count) in &synced {
            self.store.clean(file, first, count);
        }
    }

    pub(crate) fn add_mm(&mut self, mm: Mm) -> usize {
        let id = mm.key;
        self.mms.insert(id, mm);
        id
    }

    pub(crate) fn add_process(&mut self, process: Process) -> ProcessId {
        let id = ProcessId(u32::try_from(self.processes.len()).unwrap_or(u32::MAX));
        self.processes.push(process);
        id
    }

    /// A fresh address space with the image in it; `None` when there is no memory for it.
    pub(crate) fn load(&mut self, stack_limit: u64, memcg: MemcgId) -> Option<usize> {
        let need = self.image.pages();
        self.as_kernel(|ctx| ctx.make_room(need)).ok()?;
        let (mut mm, image) = self.address_space(stack_limit);
        mm.key = self.next_mm;
        self.next_mm += 1;
        mm.memcg = memcg;
        image.install(&mut self.store, &mut mm);
        Some(self.add_mm(mm))
    }

    fn identity(&self, id: ProcessId) -> Result<Identity, WorldError> {
        let process = self.process(id)?;
        let group = self.process(process.group)?;
        let threads = self
            .processes
            .iter()
            .filter(|other| other.group == process.group && other.ended.is_none())
            .count();
        Ok(Identity {
            name: group.name.clone(),
            pid: self.pid(process.group),
            ppid: group.parent.map_or(1, |parent| self.pid(parent)),
            nice: group.nice,
            started: group.started,
            cpu: group.cpu,
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
        })
    }

    /// `oom_score_adj_write()`: lower than it was set by a privileged writer needs privilege.
    fn set_adj(&mut self, id: ProcessId, adj: i32) -> Result<Result<u64, Errno>, WorldError> {
        let group = self.living(id)?.group;
        let process = &mut self.processes[Self::index(group)];
        let Ok(adj) = ScoreAdj::new(i64::from(adj)) else { return Ok(Err(Errno::EINVAL)) };
        if adj < process.adj_min && !process.task.privileged() {
            return Ok(Err(Errno::EACCES));
        }
        let privileged = process.task.privileged();
        process.adj = adj;
        if privileged {
            process.adj_min = adj;
        }
        if self.store.oom.killer.adj_is_shared && !process.borrows {
            let group = Self::index(group);
            for sharer in self.parts().sharers(group) {
                let sharer = &mut self.processes[sharer];
                if !sharer.borrows {
                    sharer.adj = adj;
                    if privileged {
                        sharer.adj_min = adj;
                    }
                }
            }
        }
        Ok(Ok(0))
    }

    fn perform(ctx: &mut Ctx<'_>, call: &Call) -> Result<u64, Errno> {
        match *call {
            Call::Mmap { addr, len, prot, flags, fd, offset } => {
                ctx.mmap(&Mmap { addr, len, prot, flags, fd, offset })
            }
            Call::Munmap { addr, len } => ctx.munmap(addr, len),
            Call::Mprotect { addr, len, prot } => ctx.mprotect(addr, len, prot),
            Call::Brk { addr } => Ok(ctx.brk(addr)),
            Call::Mremap { addr, old_len, new_len, flags, new_addr } => {
                ctx.mremap(&Mremap { addr, old_len, new_len, flags, new_addr })
            }
            Call::Madvise { addr, len, advice } => ctx.madvise(addr, len, advice),
            Call::Mlock { addr, len } => ctx.mlock(addr, len, false),
            Call::Mlock2 { addr, len, flags } => ctx.mlock2(addr, len, flags),
            Call::Munlock { addr, len } => ctx.munlock(addr, len),
            Call::Mlockall { flags } => ctx.mlockall(flags),
            Call::Munlockall => {
                ctx.munlockall();
                Ok(0)
            }
            Call::Msync { addr, len, flags } => ctx.msync(addr, len, flags),
            Call::Mseal { addr, len, flags } => ctx.mseal(addr, len, flags),
            Call::DenyWriteExec { flags } => ctx.deny_write_exec(flags),
            Call::MemfdCreate { flags } => ctx.memfd(flags),
            Call::Close { fd } => ctx.close(fd),
            Call::Pread { fd, offset, len } => ctx.pread(fd, offset, len),
            Call::Pwrite { fd, offset, len } => ctx.pwrite(fd, offset, len),
            Call::Ftruncate { fd, len } => ctx.ftruncate(fd, len),
            Call::Fallocate { fd, mode, offset, len } => ctx.fallocate(fd, mode, offset, len),
            Call::Fsync { fd } => ctx.fsync(fd),
            Call::Fadvise { fd, offset, len, advice } => ctx.fadvise(fd, offset, len, advice),
            Call::Shmget { len } => ctx.shmget(len),
            Call::Shmat { id, addr, flags } => ctx.shmat(id, addr, flags),
            Call::Shmdt { addr } => ctx.shmdt(addr),
            Call::ShmRemove { id } => ctx.shm_remove(id),
            Call::Setrlimit { resource, soft, hard } => ctx.setrlimit(resource, soft, hard),
            Call::SetMempolicy { mode, nodes, max_node } => {
                ctx.set_mempolicy(mode, nodes, max_node)
            }
            Call::Mbind { addr, len, mode, nodes, max_node, flags } => {
                ctx.mbind((addr, len), mode, (nodes, max_node), flags)
            }
            Call::RunOn { node } => ctx.run_on(node),
            // Answered by the machine, which knows more than one process.
            Call::Open { .. }
            | Call::Mincore { .. }
            | Call::SetOomScoreAdj { .. }
            | Call::Swapon { .. }
            | Call::Swapoff { .. } => Err(Errno::ENOSYS),
        }
    }
}

impl World for Machine {
    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.arrange(setup)
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        self.runs()?;
        Ok(self.write_control(what, value))
    }

    fn panicked(&mut self) -> Option<String> {
        self.store.oom.halted.as_ref().map(crate::oom::Halt::words)
    }

    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        for spec in files {
            let inode = self.store.next_inode();
            let device = if spec.tmpfs { (0, 25) } else { self.store.config.file_device };
            let file = self.store.add_file(File {
                name: format!("/{}", spec.name),
                device,
                inode,
                len: spec.len,
                kind: if spec.tmpfs { FileKind::Tmpfs } else { FileKind::Disk },
                promised: None,
                blocks: RangeSet::default(),
                opens: 0,
                linked: true,
            });
            self.named.push(file);
            // Its content was written there, and what is on a disk is safe.
            let pages = self.store.files[file].pages();
            let mut done = 0;
            while done < pages {
                let filled = self.as_kernel(|ctx| ctx.fill_some(file, done, pages - done));
                let Ok(some) = filled else {
                    return Err(WorldError(format!("no room for the file `{}`", spec.name)));
                };
                self.store.written(file, done, some);
                self.store.clean(file, done, some);
                done += some;
            }
        }
        Ok(())
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        self.runs()?;
        let config = &self.store.config;
        let pair = |soft: Option<u64>, default: (u64, u64)| match soft {
            Some(soft) => (soft, default.1.max(soft)),
            None => default,
        };
        let unlimited = (u64::MAX, u64::MAX);
        let limits = Rlimits {
            data: pair(spec.limits.data, unlimited),
            stack: pair(spec.limits.stack, config.stack_limit),
            memlock: pair(spec.limits.memlock, config.memlock_limit),
            address_space: pair(spec.limits.address_space, unlimited),
        };
        let task = Task {
            uid: spec.uid,
            limits,
            min_flt: self.image.faults.0,
            maj_flt: self.image.faults.1,
            stale: 0,
            fds: BTreeMap::new(),
            first_fd: self.image.first_fd,
            other_fds: self.image.other_fds.clone(),
        };
        let none = || WorldError(format!("there is no memory to start `{}`", spec.name));
        self.as_kernel(|ctx| process_pages(ctx, Holder::Process)).map_err(|_| none())?;
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.started();
        }
        let memcg = self.cgroup_of(spec)?;
        let kernel = self.charge_exec(memcg);
        let mm = self.load(limits.stack.0, memcg).ok_or_else(none)?;
        let group = ProcessId(u32::try_from(self.processes.len()).unwrap_or(u32::MAX));
        Ok(self.add_process(Process {
            name: spec.name.clone(),
            parent: None,
            group,
            nice: spec.nice,
            adj: spec.adj,
            adj_min: spec.adj,
            task,
            mm,
            ended: None,
            memcg,
            kernel,
            started: self.store.clock,
            cpu: 0,
            borrows: false,
            stuck: false,
            victim: None,
            policy: TaskPolicy::default(),
        }))
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        if let Call::Mincore { addr, len } = *call {
            let found = self.with(process, |ctx| ctx.mincore(addr, len))?;
            return Ok(match found {
                Ok(residency) => Returned { value: Ok(0), residency },
                Err(error) => Returned::plain(Err(error)),
            });
        }
        let value = match *call {
            Call::Open { file, flags } => {
                let file = self.named.get(file).copied();
                self.with(process, |ctx| ctx.open(file, flags))?
            }
            Call::SetOomScoreAdj { adj } => self.set_adj(process, adj)?,
            Call::Swapon { area, priority } => self.swapon(process, area, priority)?,
            Call::Swapoff { area } => self.swapoff(process, area)?,
            _ => self.with(process, |ctx| Self::perform(ctx, call))?,
        };
        Ok(Returned::plain(value))
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        self.with(process, |ctx| ctx.touch(touch))
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        self.make_child(process, kind)
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        self.replace_image(process)
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.finish(process, how)
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.runs()?;
        let until = self.store.clock.saturating_add(nanoseconds);
        self.ksmd(until);
        self.store.clock = until;
        self.store.frames.arrive(until);
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.look(until);
        }
        crate::oom::reap_due(&mut self.parts());
        self.expire_dirty(nanoseconds);
        Ok(())
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        let who = self.identity(process)?;
        let group = Self::index(self.process(process)?.group);
        let oom_score = crate::oom::oom_score(&self.parts(), group)
            .map(|score| format!("{score}\n").into_bytes());
        let machine = self.machine_files();
        let found = self.process(process)?;
        let Some(mm) = self.mms.get(&found.mm).filter(|_| found.ended.is_none()) else {
            return Ok(Observation { machine, ..Observation::default() });
        };
        let task = &self.process(found.group)?.task;
        let store = &self.store;
        Ok(Observation {
            maps: Some(proc::maps(store, mm)),
            smaps: Some(proc::smaps(store, mm)),
            smaps_rollup: Some(proc::rollup(store, mm)),
            status: Some(proc::status(store, mm, task, &who)),
            statm: Some(proc::statm(store, mm)),
            stat: Some(proc::stat(store, mm, task, &who)),
            oom_score,
            numa_maps: self.numa_maps(process),
            machine,
        })
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        let mut files = self.machine_files();
        files.extend(self.pressure_files());
        let mount = self.cgroup_mount().trim_start_matches('/');
        let groups = self.cgroup_files().into_iter();
        files.extend(groups.map(|(path, text)| (format!("{mount}/{path}"), text)));
        files.extend(self.ksm_files());
        Ok(files)
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        Ok(self.store.oom.log.text().to_vec())
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        let deaths = std::mem::take(&mut self.store.oom.deaths).into_iter();
        let id = |index: usize| ProcessId(u32::try_from(index).unwrap_or(u32::MAX));
        Ok(deaths.map(|(index, how)| (id(index), how)).collect())
    }

    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        Ok(self.woken_monitors())
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        Ok(self.process(process)?.ended)
    }
}
