//! Real processes on the running kernel, in a fence that may run out of memory.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use world::{
    Call, Control, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Setup, Touch, Touched, World, WorldError,
};

use super::fence::Fence;
use super::{HostConfig, HostWorld};
use crate::vm::killed;

/// How long a victim may take to go, in steps of two milliseconds.
const PATIENCE: u32 = 2500;

/// The running kernel as a world that may run out of memory, in a cgroup.
#[derive(Debug)]
pub struct FencedWorld {
    /// Ends before the fence that its processes are in.
    world: HostWorld,
    fence: Fence,
    started: Vec<ProcessId>,
    /// Whose end is known: told to, or told of.
    ended: BTreeSet<ProcessId>,
    /// How many of them were killed.
    killed: u64,
    /// What the kernel logs from the beginning on; `None`: it may not be read.
    log: Option<File>,
    lines: Vec<String>,
    /// Whether the scenario speaks of cgroups of version 1.
    first_version: bool,
    /// Files of pressure that are polled.
    monitors: Vec<File>,
}

impl FencedWorld {
    /// A world without processes, in a fence with so many bytes of RAM and of swap, with these cgroups,
    /// of the first version if the scenario says so.
    ///
    /// # Errors
    /// A sentence that says why there can be none here.
    pub fn new(
        config: HostConfig,
        (ram, swap): (u64, u64),
        setup: &Setup,
        first_version: bool,
    ) -> Result<FencedWorld, WorldError> {
        let mut fence = Fence::new(ram, swap, &setup.cgroups)?;
        fence.arrange(setup)?;
        let mut world = HostWorld::new(config)?;
        world.put_into(fence.root());
        let mut options = OpenOptions::new();
        let log = options.read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg").ok();
        let log = log.and_then(|mut log| log.seek(SeekFrom::End(0)).ok().map(|_| log));
        Ok(FencedWorld {
            world,
            fence,
            started: Vec::new(),
            ended: BTreeSet::new(),
            killed: 0,
            log,
            lines: Vec::new(),
            first_version,
            monitors: Vec::new(),
        })
    }

    /// Reads what the kernel has logged since it was asked last.
    fn read_log(&mut self) {
        let Some(log) = &mut self.log else { return };
        let mut record = [0; 8 << 10];
        loop {
            match log.read(&mut record) {
                Ok(len @ 1..) => {
                    let text = String::from_utf8_lossy(&record[..len]).into_owned();
                    self.lines.extend(line(&text));
                }
                // Records that were overwritten before they were read.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                _ => return,
            }
        }
    }

    /// Opens a cgroup's file of pressure, writes what a monitor asks for, and keeps it open.
    fn watch(&mut self, path: &str, value: &str) -> Result<(), Errno> {
        let errno = |error: std::io::Error| {
            let errno = error.raw_os_error().and_then(|errno| u16::try_from(errno).ok());
            Errno(errno.unwrap_or(Errno::EINVAL.0))
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        let file = self.fence.place(path).join("memory.pressure");
        let mut file = options.open(file).map_err(errno)?;
        // The last byte is not read (`psi_write()`).
        file.write_all(format!("{value}\0").as_bytes()).map_err(errno)?;
        self.monitors.push(file);
        Ok(())
    }

    /// Puts those who died together into the order in which the kernel's log names them, as far as it does.
    fn in_order(&self, dead: &mut [(ProcessId, End)]) {
        let named: Vec<_> = self.lines.iter().filter_map(|line| killed(line)).collect();
        let named: Vec<_> = named.into_iter().map(|pid| self.world.actors.by_pid(pid)).collect();
        let place = |id: ProcessId| {
            let is = |known: &Option<(ProcessId, _)>| known.is_some_and(|(known, _)| known == id);
            named.iter().position(is).unwrap_or(usize::MAX)
        };
        dead.sort_by_key(|(id, _)| place(*id));
    }
}

/// A record of `/dev/kmsg` (`4,4923,27999572755,-;text`) as `dmesg` shows it.
fn line(record: &str) -> Option<String> {
    let (head, rest) = record.split_once(';')?;
    let time: u64 = head.split(',').nth(2)?.parse().ok()?;
    let text = rest.lines().next().unwrap_or_default();
    Some(format!("[{:5}.{:06}] {text}", time / 1_000_000, time % 1_000_000))
}

/// The reports that name a cgroup, of lines that have others too.
fn reports_of(lines: &[String], cgroup: &str) -> String {
    let mut all = String::new();
    let mut report: Vec<&str> = Vec::new();
    let mut flush = |report: &mut Vec<&str>| {
        if report.iter().any(|line| line.contains(cgroup)) {
            for line in report.iter() {
                all.push_str(line);
                all.push('\n');
            }
        }
        report.clear();
    };
    for line in lines {
        if line.contains(" invoked oom-killer: ") {
            flush(&mut report);
        } else if report.is_empty() {
            continue;
        }
        report.push(line);
    }
    flush(&mut report);
    all
}

impl World for FencedWorld {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        if files.iter().any(|file| file.tmpfs) {
            // The lab writes them, which is not in the fence.
            return Err(WorldError("files in memory are not made in a fence".to_owned()));
        }
        self.world.files(files)
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        let cgroup = Some(Fence::cgroup_of(spec.cgroup.as_ref()));
        let started = self.world.start(&ProcessSpec { cgroup, ..spec.clone() })?;
        self.started.push(started);
        Ok(started)
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        match self.world.call(process, call) {
            // Whoever dies within a call never sees its value.
            Err(_) if self.world.alive(process)?.is_some() => {
                Ok(Returned::plain(Err(Errno::EINTR)))
            }
            other => other,
        }
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        self.world.touch(process, touch)
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let child = self.world.fork(process, kind)?;
        self.started.extend(child.ok());
        Ok(child)
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        self.world.exec(process)
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.ended.insert(process);
        self.world.end(process, how)
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.world.sleep(nanoseconds)
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.world.observe(process)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        self.world.alive(process)
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        let Control::Cgroup { path, file } = what else {
            return Err(WorldError(format!("this machine is not ours to change: `{what}`")));
        };
        if what.is_pressure() {
            return Ok(self.watch(path, value));
        }
        match self.fence.control(path, file, value)? {
            Ok(()) => Ok(Ok(())),
            Err(error) => match error.raw_os_error().and_then(|errno| u16::try_from(errno).ok()) {
                Some(errno) => Ok(Err(Errno(errno))),
                None => Err(WorldError(format!("cannot write to {what}: {error}"))),
            },
        }
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        let mut files = self.fence.files(self.first_version);
        if let Ok(text) = std::fs::read("/proc/meminfo") {
            files.push(("meminfo".to_owned(), text));
        }
        Ok(files)
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        self.read_log();
        Ok(reports_of(&self.lines, &self.fence.name()).into_bytes())
    }

    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        let woken = (0..).zip(&self.monitors).filter(|(_, file)| crate::sys::has_event(file));
        Ok(woken.map(|(number, _)| number).collect())
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        let mut dead = Vec::new();
        for _ in 0..PATIENCE {
            for &id in &self.started {
                if self.ended.contains(&id) {
                    continue;
                }
                if let Some(end) = self.world.alive(id)? {
                    self.ended.insert(id);
                    if end == End::Signal(9) {
                        dead.push((id, end));
                    }
                }
            }
            if self.killed + dead.len() as u64 >= self.fence.kills() {
                break;
            }
            // Whoever was chosen is on the way out.
            std::thread::sleep(Duration::from_millis(2));
        }
        self.killed += dead.len() as u64;
        // A count that nobody's end explains is not waited for again.
        self.killed = self.killed.max(self.fence.kills());
        self.read_log();
        self.in_order(&mut dead);
        Ok(dead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_shown_as_dmesg_shows_it() {
        let record = "6,1234,7005123,-;web invoked oom-killer: order=0\n SUBSYSTEM=memory\n";
        assert_eq!(line(record).as_deref(), Some("[    7.005123] web invoked oom-killer: order=0"));
        assert_eq!(line("nothing"), None);
    }

    #[test]
    fn reports_of_others_are_left_out() {
        let lines = [
            "before",
            "a invoked oom-killer: x",
            "oom_memcg=/other",
            "b invoked oom-killer: y",
            "oom_memcg=/oomph-lab-7-0/web",
            "Killed process 5",
        ];
        let lines = lines.map(str::to_owned);
        let of_ours = "b invoked oom-killer: y\noom_memcg=/oomph-lab-7-0/web\nKilled process 5\n";
        assert_eq!(reports_of(&lines, "oomph-lab-7-0"), of_ours);
        assert_eq!(reports_of(&lines, "oomph-lab-8-0"), "");
    }
}
