//! Cgroups of a machine: processes in them, what root writes to their files, and what these say.

use rules::psi::trigger::Request;
use world::{Errno, ProcessId, ProcessSpec, WorldError};

use super::files::Around;
use super::own::own_stats;
use super::{CgroupVersion, Event, Making, MemcgId, Write};
use crate::machine::{Machine, Process};
use crate::oom::{self, Outcome};
use crate::psi::State;
use crate::tree::TreeFile;

/// Pages that a kernel stack takes (x86-64 and arm64, 16 KiB).
const STACK: u64 = 4;
/// Pages of slab that a process takes: `task_struct`, `mm_struct`, mappings, files, signals. Measured
/// for a static program on 6.1, 6.12 and 6.18: 15 to 18 kB.
const PROCESS: u64 = 4;
/// And a thread: 6.8 kB.
const THREAD: u64 = 2;
/// The top page table, with the kernel's own beside it (`CONFIG_PAGE_TABLE_ISOLATION`).
const TOP: u64 = 2;
/// Attempts to reclaim that a write to `memory.max` or `memory.high` makes (`MAX_RECLAIM_RETRIES`).
const ROUNDS: u32 = 16;

impl Machine {
    /// The cgroup that a process is started in.
    pub(crate) fn cgroup_of(&self, spec: &ProcessSpec) -> Result<MemcgId, WorldError> {
        let path = spec.cgroup.as_deref().unwrap_or("/");
        self.store.frames.memcgs.find(path).ok_or_else(|| {
            WorldError(format!("`{}` starts in the cgroup `{path}`, which is not there", spec.name))
        })
    }

    /// What a process that is started in a cgroup is charged for beside its memory: its shell was forked
    /// elsewhere, and executed the program there.
    pub(crate) fn charge_exec(&mut self, by: MemcgId) -> Making {
        self.charge_making(Making { by, stack: 0, slab: PROCESS, top: TOP })
    }

    /// What a new process or thread is charged for beside its memory: to whoever forks.
    pub(crate) fn charge_process(&mut self, by: MemcgId, thread: bool) -> Making {
        let stack = if self.store.frames.memcgs.rules.charges_stacks { STACK } else { 0 };
        let (slab, top) = if thread { (THREAD, 0) } else { (PROCESS, TOP) };
        self.charge_making(Making { by, stack, slab, top })
    }

    fn charge_making(&mut self, making: Making) -> Making {
        if making.by == MemcgId::ROOT || self.store.frames.physical.is_none() {
            return Making::default();
        }
        self.store.frames.memcgs.force_charge_kernel(making.by, making.pages());
        making
    }

    /// A process moves: what it has stays charged to where it was, what it gets is not.
    fn enter(&mut self, pid: u32, to: MemcgId) -> Result<(), Errno> {
        let alive = |process: &Process| process.ended.is_none();
        let index = (0..self.processes.len()).find(|&index| {
            let id = ProcessId(u32::try_from(index).unwrap_or(u32::MAX));
            self.pid(id) == pid && alive(&self.processes[index])
        });
        let index = index.ok_or(Errno::ESRCH)?;
        let shares = self.store.frames.memcgs.get(to).children.iter().any(|child| {
            let child = self.store.frames.memcgs.get(*child);
            child.online
        });
        let v2 = self.store.config.cgroups == CgroupVersion::V2;
        if shares && v2 && to != MemcgId::ROOT {
            // A cgroup that shares the controller out has no processes itself.
            return Err(Errno::EBUSY);
        }
        let (group, key) = (self.processes[index].group, self.processes[index].mm);
        for process in self.processes.iter_mut().filter(|process| process.group == group) {
            process.memcg = to;
        }
        if let Some(mm) = self.mms.get_mut(&key) {
            mm.memcg = to;
        }
        Ok(())
    }

    /// Root writes to a file of a cgroup.
    pub(crate) fn control_cgroup(
        &mut self,
        path: &str,
        file: &str,
        value: &str,
    ) -> Result<(), Errno> {
        let memcgs = &mut self.store.frames.memcgs;
        let id = memcgs.find(path).ok_or(Errno::ENOENT)?;
        if file == "memory.pressure" && memcgs.has_file(id, file) {
            return self.watch_pressure(id, value);
        }
        let wanted = memcgs.write(id, file, value)?;
        match wanted {
            Write::Done => Ok(()),
            Write::Wake => {
                memcgs.get_mut(id).under_oom = false;
                Ok(())
            }
            Write::Enter(pid) => self.enter(pid, id),
            Write::Shrink(to) => {
                self.shrink(id, to, false);
                Ok(())
            }
            Write::ShrinkOrKill(to) => {
                self.shrink(id, to, true);
                Ok(())
            }
            Write::ShrinkOrFail { pages, memsw } => self.set_limit(id, pages, memsw),
            Write::Reclaim { pages, .. } => self.reclaim_some(id, pages),
            Write::Empty => {
                let mut rounds = 0;
                while rounds < 5 && self.store.frames.memcgs.get(id).memory.usage > 0 {
                    let freed = self.as_kernel(|ctx| ctx.reclaim_below(id, 1, true));
                    rounds += u32::from(freed == 0);
                }
                Ok(())
            }
        }
    }

    /// `memory_max_write()` and `memory_high_write()`: what is above goes, or as much as can.
    fn shrink(&mut self, id: MemcgId, to: u64, kill: bool) {
        let (mut rounds, mut drained) = (ROUNDS, false);
        loop {
            let usage = self.store.frames.memcgs.get(id).memory.usage;
            if usage <= to {
                return;
            }
            if !drained {
                self.store.frames.memcgs.drain(id);
                drained = true;
                continue;
            }
            if rounds > 0 {
                let freed = self.as_kernel(|ctx| ctx.reclaim_below(id, usage - to, true));
                rounds -= u32::from(freed == 0);
                continue;
            }
            if !kill {
                return;
            }
            self.store.frames.memcgs.note(id, Event::Oom, 1);
            let died = self.as_kernel(|ctx| {
                let request = oom::Request { asker: None, ..ctx.memcg_request(id) };
                let died = oom::out_of_memory(ctx, &request);
                if died == Outcome::Killed {
                    // Until they are gone, this is asked again and again.
                    let wait = ctx.victims_go();
                    ctx.store.frames.memcgs.note(id, Event::Oom, wait.questions());
                    ctx.stall(wait.time);
                }
                died
            });
            if died != Outcome::Killed {
                return;
            }
        }
    }

    /// `mem_cgroup_resize_max()`.
    fn set_limit(&mut self, id: MemcgId, pages: u64, memsw: bool) -> Result<(), Errno> {
        let mut drained = false;
        while !self.store.frames.memcgs.set_limit(id, pages, memsw) {
            if !drained {
                self.store.frames.memcgs.drain(id);
                drained = true;
            } else if self.as_kernel(|ctx| ctx.reclaim_below(id, 1, !memsw)) == 0 {
                return Err(Errno::EBUSY);
            }
        }
        Ok(())
    }

    /// `user_proactive_reclaim()`.
    fn reclaim_some(&mut self, id: MemcgId, pages: u64) -> Result<(), Errno> {
        let quarters = self.store.frames.memcgs.rules.reclaim_quarters;
        let (mut freed, mut rounds) = (0, ROUNDS);
        while freed < pages {
            let left = pages - freed;
            let some = if quarters { (left / 4).max(1) } else { left };
            let now = self.as_kernel(|ctx| ctx.reclaim_below(id, some, true));
            if now == 0 {
                if rounds == 0 {
                    return Err(Errno::EAGAIN);
                }
                rounds -= 1;
            }
            freed += now;
        }
        Ok(())
    }

    /// A process of a cgroup has run since then.
    pub(crate) fn passed(&mut self, id: MemcgId, since: u64) {
        let now = self.store.clock;
        self.store.frames.memcgs.pass(id, since, now, State::Runs);
        self.ksmd(now);
    }

    /// Processes in a cgroup, by their pids.
    pub(crate) fn procs(&self, id: MemcgId) -> Vec<u32> {
        let ids = (0..self.processes.len()).filter_map(|index| {
            let process = self.processes.get(index)?;
            let own = ProcessId(u32::try_from(index).ok()?);
            let leads = process.group == own && process.ended.is_none();
            (leads && process.memcg == id).then(|| self.pid(own))
        });
        ids.collect()
    }

    /// The files of all cgroups, each as its path below the root of the hierarchy and what it says; none
    /// on a machine without any.
    pub(crate) fn cgroup_files(&mut self) -> Vec<TreeFile> {
        if !self.store.frames.memcgs.any() {
            return Vec::new();
        }
        let stats = own_stats(&self.store, self.mms.values(), &self.processes);
        let own = |id: MemcgId| stats.get(&id).copied().unwrap_or_default();
        let mut memcgs = std::mem::take(&mut self.store.frames.memcgs);
        let procs = |id: MemcgId| self.procs(id);
        let now = self.store.clock;
        let physical = self.store.frames.physical.as_deref();
        let swappiness = physical.map_or(60, |physical| physical.swappiness);
        let around = Around { own: &own, procs: &procs, swappiness, now };
        let mut files = Vec::new();
        for id in memcgs.subtree(MemcgId::ROOT) {
            if !memcgs.get(id).online {
                continue;
            }
            let path = memcgs.path(id);
            let path = path.trim_matches('/');
            for file in memcgs.files(id) {
                if let Some(text) = memcgs.read(id, file, &around) {
                    let slash = if path.is_empty() { "" } else { "/" };
                    files.push((format!("{path}{slash}{file}"), text.into_bytes()));
                }
            }
        }
        self.store.frames.memcgs = memcgs;
        files
    }

    /// Where the hierarchy is mounted.
    pub(crate) fn cgroup_mount(&self) -> &'static str {
        match self.store.config.cgroups {
            CgroupVersion::V1 => "/sys/fs/cgroup/memory",
            CgroupVersion::V2 => "/sys/fs/cgroup",
        }
    }

    /// A monitor of a cgroup's pressure begins, or of the machine's (5.2): what it writes to the file is
    /// `value`.
    pub(crate) fn watch_pressure(&mut self, id: MemcgId, value: &str) -> Result<(), Errno> {
        let (release, now) = (self.store.release(), self.store.clock);
        if release < facts::Release::new(5, 2) {
            return Err(Errno::EINVAL);
        }
        let request = Request::parse(value, release).ok_or(Errno::EINVAL)?;
        let memcgs = &mut self.store.frames.memcgs;
        let number = memcgs.get_mut(id).psi.watch(request, release, now);
        memcgs.monitors.push((id, number));
        Ok(())
    }

    /// Monitors that were woken since they were last asked, by their numbers.
    pub(crate) fn woken_monitors(&mut self) -> Vec<u32> {
        let now = self.store.clock;
        let memcgs = &mut self.store.frames.memcgs;
        let all: Vec<_> = (0..).zip(memcgs.monitors.clone()).collect();
        let woken =
            all.into_iter().filter(|(_, (id, place))| memcgs.get_mut(*id).psi.woken(*place, now));
        woken.map(|(number, _)| number).collect()
    }

    /// Pressure on the whole machine, since 4.20.
    pub(crate) fn pressure_files(&mut self) -> Option<TreeFile> {
        if self.store.release() < facts::Release::new(4, 20) {
            return None;
        }
        let now = self.store.clock;
        let text = self.store.frames.memcgs.get_mut(MemcgId::ROOT).psi.text(now);
        Some(("pressure/memory".to_owned(), text.into_bytes()))
    }

    /// What `/proc/PID/cgroup` says of a process in this cgroup.
    pub(crate) fn cgroup_line(&self, id: MemcgId) -> String {
        let path = self.store.frames.memcgs.path(id);
        match self.store.config.cgroups {
            CgroupVersion::V1 => format!("2:memory:{path}\n"),
            CgroupVersion::V2 => format!("0::{path}\n"),
        }
    }

    /// The line of `mountinfo` for the hierarchy.
    pub(crate) fn cgroup_mountinfo(&self) -> String {
        let mount = self.cgroup_mount();
        let (kind, options) = match self.store.config.cgroups {
            CgroupVersion::V1 => ("cgroup memory", "rw,memory"),
            CgroupVersion::V2 if self.store.frames.memcgs.recursive => {
                ("cgroup2 cgroup2", "rw,memory_recursiveprot")
            }
            CgroupVersion::V2 => ("cgroup2 cgroup2", "rw"),
        };
        format!("30 24 0:26 / {mount} rw,relatime - {kind} {options}\n")
    }
}
