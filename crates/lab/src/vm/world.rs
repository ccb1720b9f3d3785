//! A machine as a [`World`].

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use ::world::{
    Call, Control, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Setup, Stop, Touch, Touched, World, WorldError,
};

use super::batch::{Batch, Then};
use super::boot::{self, Boot, CgroupVersion};
use super::guest::{Guest, panic_of};
use super::kernel::{CGROUPS, Handle, There};
use super::setup::{self, Disk};
use crate::actors::ActorWorld;
use crate::actors::kernel::Kernel;
use crate::actors::process::Process;
use crate::{Booted, Files};

/// A real kernel in a virtual machine.
#[derive(Debug)]
pub struct VmWorld {
    guest: Rc<Guest>,
    kernel: Rc<There>,
    actors: ActorWorld<There>,
    /// What its disks are for, and their devices.
    disks: Vec<(Disk, String)>,
    boot: Boot,
    /// Whether swap, cgroups and the file system are there.
    prepared: bool,
    /// Whether swap is on and the disk mounted, which stay so.
    equipped: bool,
    /// Whether a scenario has switched swap on or off.
    switched: bool,
    cgroups: Vec<String>,
    /// Settings that scenarios have changed: the file, and what was in it.
    replaced: Vec<(String, Vec<u8>)>,
    /// Where in the console the scenario begins.
    begin: u64,
    /// How far the console has been searched for deaths.
    searched: u64,
    /// Who was killed, and has not been told of.
    dead: Vec<(ProcessId, End)>,
    /// Files of pressure that are polled.
    monitors: Vec<Handle>,
}

impl VmWorld {
    /// Boots a machine.
    ///
    /// # Errors
    /// A sentence that says why there can be none here, or where the boot ended.
    pub fn boot(boot: &Boot) -> Result<VmWorld, WorldError> {
        let guest = Rc::new(boot::boot(boot)?);
        let kernel = Rc::new(There { guest: Rc::clone(&guest), swap: RefCell::default() });
        arrange(&kernel, boot.cgroups).map_err(cannot("arrange the machine"))?;
        if boot.cgroups == CgroupVersion::V1
            && !kernel.exists(&format!("{CGROUPS}/memory.usage_in_bytes"))
        {
            return Err(WorldError(
                "this kernel has no memory cgroups of version 1 (CONFIG_MEMCG_V1, since 6.11)"
                    .into(),
            ));
        }
        let devices =
            setup::devices(&kernel, boot.disks.len()).map_err(cannot("find its disks"))?;
        let no = cannot("start the actor");
        let (socket, theirs) = kernel.pair().map_err(&no)?;
        let pid = kernel.spawn(&theirs).map_err(&no)?;
        drop(theirs);
        let launcher = Process::launcher(Rc::clone(&kernel), socket, pid)?;
        kernel.write(&format!("/proc/{pid}/oom_score_adj"), "-1000").map_err(&no)?;
        let several = boot.nodes.len() > 1;
        let files = if several { Files::ALL.and(Files::NUMA_MAPS) } else { Files::ALL };
        let actors = ActorWorld::with(Rc::clone(&kernel), launcher, files, Vec::new());
        let begin = guest.console(0).len() as u64;
        Ok(VmWorld {
            guest,
            kernel,
            actors,
            disks: boot.disks.iter().copied().zip(devices).collect(),
            boot: boot.clone(),
            prepared: false,
            equipped: false,
            switched: false,
            cgroups: Vec::new(),
            replaced: Vec::new(),
            begin,
            searched: begin,
            dead: Vec::new(),
            monitors: Vec::new(),
        })
    }

    /// Switches swap on and mounts the disk.
    fn equip(&mut self, setup: &Setup) -> Result<(), WorldError> {
        let zram = setup.swap.iter().filter(|swap| swap.zram).count();
        if zram > 0 {
            let count = format!("num_devices={zram}");
            let modules = &self.boot.modules;
            setup::load(&self.kernel, modules, &count).map_err(cannot("have zram"))?;
        }
        let of_swap = self.disks.iter().filter(|(disk, _)| matches!(disk, Disk::Swap(_)));
        let devices: Vec<String> = of_swap.map(|(_, device)| device.clone()).collect();
        let areas =
            setup::swap(&self.kernel, &setup.swap, &devices).map_err(cannot("have swap"))?;
        self.kernel.swap.replace(areas);
        let disk = self.disks.iter().find(|(disk, _)| matches!(disk, Disk::Files(_)));
        if let Some((_, device)) = disk {
            setup::mount(&self.kernel, device).map_err(cannot("mount the disk"))?;
        }
        Ok(())
    }

    /// Makes the machine ready for another scenario that has the same swap and no files: everybody ends,
    /// cgroups go, settings are as they were, and caches are dropped.
    ///
    /// # Errors
    /// When the machine does not answer, has panicked, does not let go of something, or has swap that the
    /// scenario has switched on or off.
    pub fn reset(&mut self) -> Result<(), WorldError> {
        if let Some(why) = self.guest.over() {
            return Err(WorldError(why));
        }
        if self.switched {
            return Err(WorldError("the scenario has switched swap on or off".to_owned()));
        }
        self.clear();
        self.monitors.clear();
        let mut replaced = std::mem::take(&mut self.replaced);
        for (path, text) in replaced.drain(..).rev() {
            let text = String::from_utf8_lossy(&text);
            self.kernel.write(&path, text.trim()).map_err(cannot(&format!("restore {path}")))?;
        }
        let mut cgroups = std::mem::take(&mut self.cgroups);
        cgroups.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
        setup::remove_cgroups(&self.kernel, &cgroups).map_err(cannot("remove cgroups"))?;
        self.kernel
            .write("/proc/sys/vm/drop_caches", "3")
            .map_err(cannot("drop the machine's caches"))?;
        // Offline cgroups and caches of processors are let go of by workers, later.
        self.actors.sleep(100_000_000)?;
        self.prepared = false;
        self.begin = self.guest.console(0).len() as u64;
        self.searched = self.begin;
        Ok(())
    }

    /// Keeps what is in a file that is about to be written to.
    fn keep(&mut self, control: &Control) {
        let kept = match control {
            Control::Sysctl(name) => name != "vm.drop_caches" && name != "vm.compact_memory",
            Control::Sys(_) => true,
            Control::Cgroup { .. } | Control::SysRq | Control::Pressure => false,
        };
        let path = setup::path_of(control);
        if kept
            && !self.replaced.iter().any(|(known, _)| *known == path)
            && let Ok(text) = self.kernel.read(&path)
        {
            self.replaced.push((path, text));
        }
    }

    /// How many times the machine has been asked for something.
    pub fn batches(&self) -> u64 {
        self.guest.batches()
    }

    /// What the console has shown since the machine was switched on.
    pub fn console(&self) -> Vec<u8> {
        self.guest.console(0)
    }

    /// Whether the machine is over: its kernel has panicked, or does not answer.
    pub fn has_panicked(&self) -> bool {
        self.guest.over().is_some()
    }

    /// Whether the kernel has panicked, and what it said.
    fn panic(&self) -> Option<String> {
        self.guest.over()?;
        panic_of(&String::from_utf8_lossy(&self.guest.console(self.begin)))
    }

    /// Whom the console names as killed since it was searched last, by their numbers.
    fn newly_killed(&mut self) -> Vec<i32> {
        let new = self.guest.console(self.searched);
        // A line that is still being printed is read when it is whole.
        let Some(end) = new.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        self.searched += end as u64 + 1;
        String::from_utf8_lossy(&new[..end]).lines().filter_map(killed).collect()
    }

    /// Finds who was killed, and waits until they are gone.
    fn notice(&mut self) -> Result<(), WorldError> {
        let pids = self.newly_killed();
        for &pid in &pids {
            if let Some((id, ended)) = self.actors.by_pid(pid) {
                let end = match ended {
                    Some(end) => end,
                    None => self.actors.wait_for(id)?,
                };
                if !self.dead.iter().any(|(known, _)| *known == id) {
                    self.dead.push((id, end));
                }
            }
        }
        // Who shared the memory of a victim is killed without a line.
        for id in if pids.is_empty() { Vec::new() } else { self.actors.living() } {
            if let Some(end) = self.actors.alive(id)? {
                self.dead.push((id, end));
            }
        }
        Ok(())
    }

    /// Finds who was killed before the kernel panicked, of whom it could tell in its log alone.
    fn notice_last(&mut self) {
        for pid in self.newly_killed() {
            if let Some((id, _)) = self.actors.by_pid(pid)
                && !self.dead.iter().any(|(known, _)| *known == id)
            {
                self.dead.push((id, End::Signal(9)));
            }
        }
    }

    /// What a question came to, after who died of it has been found.
    fn after<T>(&mut self, result: Result<T, WorldError>, gone: T) -> Result<T, WorldError> {
        match result {
            Ok(value) => match self.guest.over() {
                None => {
                    self.notice()?;
                    Ok(value)
                }
                Some(_) if self.panic().is_some() => {
                    self.actors.all_gone();
                    Ok(value)
                }
                Some(why) => Err(WorldError(why)),
            },
            Err(error) => {
                if self.panic().is_some() {
                    self.actors.all_gone();
                    return Ok(gone);
                }
                Err(error)
            }
        }
    }
}

/// The number of the process in a line that says that it was killed.
pub(crate) fn killed(line: &str) -> Option<i32> {
    let (_, behind) = line.split_once("Killed process ")?;
    behind.split([' ', ',']).next()?.parse().ok()
}

fn cannot(what: &str) -> impl Fn(io::Error) -> WorldError {
    let what = what.to_owned();
    move |error| WorldError(format!("cannot {what}: {error}"))
}

/// File systems, and room for descriptors.
fn arrange(kernel: &There, cgroups: CgroupVersion) -> io::Result<()> {
    let mut batch = Batch::default();
    let mounts = match cgroups {
        // As systemd mounts it: what a parent protects and no child claims is shared out.
        CgroupVersion::V2 => ("cgroup2", CGROUPS, "memory_recursiveprot"),
        CgroupVersion::V1 => ("cgroup", CGROUPS, "memory"),
    };
    // As large as memory, and not half of it.
    let mounts = [("proc", "/proc", ""), mounts, ("tmpfs", "/shm", "size=0")];
    let places =
        mounts.map(|(kind, place, data)| (batch.text(kind), batch.text(place), batch.text(data)));
    // More than one machine needs.
    let most = 60_000_u64;
    let limit = batch.bytes(&[most.to_ne_bytes(), most.to_ne_bytes()].concat());
    let control = batch.text(&format!("{CGROUPS}/cgroup.subtree_control"));
    let memory = batch.bytes(b"+memory");
    let printk = batch.text("/proc/sys/kernel/printk");
    let everything = batch.bytes(b"7 4 1 7");
    for (at, (kind, place, data)) in places.into_iter().enumerate() {
        let args = [kind.into(), place.into(), kind.into(), 0.into(), data.into()];
        // A kernel that has no such cgroups is told of by its name.
        let then = if at == 1 { Then::Next } else { Then::UnlessError };
        batch.step(libc::SYS_mount.cast_unsigned(), args, then);
    }
    // RLIMIT_NOFILE
    batch.call(libc::SYS_prlimit64, [0.into(), 7.into(), limit.into(), 0.into()]);
    batch.write_file(printk, everything);
    if cgroups == CgroupVersion::V2 {
        batch.write_file(control, memory);
    }
    kernel.one(&batch).map(|_| ())
}

impl World for VmWorld {
    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.prepare(setup)?;
        for (control, value) in &setup.controls {
            self.keep(control);
            let path = setup::path_of(control);
            let what = format!("write `{value}` to {path}");
            self.kernel.write(&path, value).map_err(cannot(&what))?;
        }
        Ok(())
    }

    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        self.prepare(&Setup::default())?;
        if self.actors.count() > 0 {
            return Err(WorldError("files come before processes".to_owned()));
        }
        let made = setup::files(&self.kernel, files).map_err(cannot("make the files"))?;
        self.actors.hold(made);
        Ok(())
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        let started = self.actors.start(spec)?;
        self.notice()?;
        Ok(started)
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        self.switched |= matches!(call, Call::Swapon { .. } | Call::Swapoff { .. });
        let result = match self.actors.call(process, call) {
            // Whoever dies within a call never sees its value.
            Err(_) if self.guest.over().is_none() && self.actors.has_ended(process) => {
                Ok(Returned::plain(Err(Errno::EINTR)))
            }
            other => other,
        };
        self.after(result, Returned::plain(Err(Errno::EINTR)))
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        let result = self.actors.touch(process, touch);
        self.after(result, Touched { done: 0, stopped: Some(Stop::Killed) })
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let result = self.actors.fork(process, kind);
        self.after(result, Err(Errno::ENOMEM))
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        let result = self.actors.exec(process);
        self.after(result, ())
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        let result = self.actors.end(process, how);
        self.after(result, ())
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        let result = self.actors.sleep(nanoseconds);
        self.after(result, ())
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.actors.observe(process)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        if self.panic().is_some() {
            self.actors.all_gone();
        }
        self.actors.alive(process)
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        self.keep(what);
        let path = setup::path_of(what);
        let written = if what.is_pressure() {
            self.kernel.watch(&path, value).map(|monitor| self.monitors.push(monitor))
        } else {
            self.kernel.write(&path, value)
        };
        let result = match written {
            Ok(()) => Ok(Ok(())),
            Err(error) => match error.raw_os_error().and_then(|errno| u16::try_from(errno).ok()) {
                Some(errno) => Ok(Err(Errno(errno))),
                None => Err(cannot(&format!("write to {what}"))(error)),
            },
        };
        if *what == Control::SysRq && result.is_ok() {
            // It is done by a worker of the kernel, some time later.
            self.sleep(100_000_000)?;
        }
        self.after(result, Ok(()))
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        if self.panic().is_some() {
            return Ok(Vec::new());
        }
        let mut names: Vec<String> = MACHINE.iter().map(|name| (*name).to_owned()).collect();
        if self.boot.nodes.len() > 1 {
            let folder = "sys/devices/system/node/node";
            let files = |node| ["meminfo", "numastat"].map(|file| format!("{folder}{node}/{file}"));
            names.extend((0..self.boot.nodes.len()).flat_map(files));
        }
        let (mount, files) = match self.boot.cgroups {
            CgroupVersion::V1 => ("sys/fs/cgroup/memory", CGROUP_V1_FILES),
            CgroupVersion::V2 => ("sys/fs/cgroup", CGROUP_FILES),
        };
        for path in &self.cgroups {
            let path = path.trim_end_matches('/');
            names.extend(files.iter().map(|file| format!("{mount}{path}/{file}")));
        }
        let place = |name: &String| match name.strip_prefix(mount) {
            Some(rest) => format!("{CGROUPS}{rest}"),
            None if name.starts_with("sys/") => format!("/{name}"),
            None => format!("/proc/{name}"),
        };
        let paths: Vec<String> = names.iter().map(place).collect();
        let texts = self.kernel.read_all(&paths).map_err(cannot("look at the machine"))?;
        // A file that this kernel does not have is one that it does not report.
        let read = names.into_iter().zip(texts);
        Ok(read.filter_map(|(name, text)| Some((name, text.ok()?))).collect())
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        let mut log = self.guest.console(self.begin);
        log.retain(|byte| *byte != b'\r');
        Ok(log)
    }

    fn panicked(&mut self) -> Option<String> {
        self.panic()
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        if self.guest.over().is_none() {
            self.notice()?;
        } else if self.panic().is_some() {
            self.notice_last();
        }
        Ok(std::mem::take(&mut self.dead))
    }

    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        if self.monitors.is_empty() || self.panic().is_some() {
            return Ok(Vec::new());
        }
        let woken = self.kernel.woken(&self.monitors).map_err(cannot("poll files of pressure"))?;
        Ok((0..).zip(woken).filter(|(_, woken)| *woken).map(|(number, _)| number).collect())
    }
}

impl Booted for VmWorld {
    fn prepare(&mut self, setup: &Setup) -> Result<(), WorldError> {
        if std::mem::replace(&mut self.prepared, true) {
            return Ok(());
        }
        if !std::mem::replace(&mut self.equipped, true) {
            self.equip(setup)?;
        }
        setup::cgroups(&self.kernel, setup, self.boot.cgroups).map_err(cannot("have cgroups"))?;
        self.cgroups.clone_from(&setup.cgroups);
        Ok(())
    }

    fn clear(&mut self) {
        self.actors.clear();
        self.dead.clear();
    }

    fn cpus(&self) -> u32 {
        self.boot.cpus
    }

    fn parameters(&self) -> &[String] {
        &self.boot.parameters
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), WorldError> {
        self.kernel.write(path, text).map_err(cannot(&format!("write {path} in the machine")))
    }

    fn boot_log(&mut self) -> Result<String, WorldError> {
        let mut batch = Batch::default();
        let room = batch.room(1 << 20);
        // SYSLOG_ACTION_READ_ALL
        batch.call(libc::SYS_syslog, [3.into(), room.into(), room.len.into()]);
        let bytes = self.kernel.one(&batch).and_then(|len| self.guest.read(room, len));
        let bytes = bytes.map_err(cannot("read the machine's log"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, WorldError> {
        self.kernel.read(path).map_err(cannot(&format!("read {path} in the machine")))
    }
}

/// Files of the machine that are looked at.
const MACHINE: &[&str] = &[
    "meminfo",
    "vmstat",
    "zoneinfo",
    "buddyinfo",
    "swaps",
    "pressure/memory",
    "pressure/io",
    "pressure/cpu",
    "sys/kernel/mm/ksm/pages_shared",
    "sys/kernel/mm/ksm/pages_sharing",
    "sys/kernel/mm/ksm/pages_unshared",
    "sys/kernel/mm/ksm/pages_volatile",
    "sys/kernel/mm/ksm/full_scans",
];

/// Files of a memory cgroup that are looked at.
pub(crate) const CGROUP_FILES: &[&str] = &[
    "memory.current",
    "memory.peak",
    "memory.min",
    "memory.low",
    "memory.high",
    "memory.max",
    "memory.events",
    "memory.events.local",
    "memory.stat",
    "memory.oom.group",
    "memory.swap.current",
    "memory.swap.max",
    "memory.swap.events",
    "memory.pressure",
];

/// The same of version 1.
pub(crate) const CGROUP_V1_FILES: &[&str] = &[
    "memory.usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.failcnt",
    "memory.memsw.usage_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.memsw.failcnt",
    "memory.kmem.usage_in_bytes",
    "memory.stat",
    "memory.oom_control",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_kill_names_its_victim_in_every_era() {
        let lines = [
            "[    9.2] Out of memory: Killed process 77 (a) total-vm:1kB, anon-rss:1kB",
            "[    9.2] Memory cgroup out of memory: Killed process 78 (a b) total-vm:1kB",
            "[    9.2] Killed process 79, UID 0, (a) total-vm:1kB",
            "[    9.3] oom_reaper: reaped process 77 (a), now anon-rss:0kB",
        ];
        let found: Vec<Option<i32>> = lines.iter().map(|line| killed(line)).collect();
        assert_eq!(found, [Some(77), Some(78), Some(79), None]);
    }
}
