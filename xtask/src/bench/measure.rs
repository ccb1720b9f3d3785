//! What one run of a program costs.
//!
//! CPU time is read from `/proc/PID/schedstat` after the program ended and before it is waited for:
//! user and system time of its one thread in nanoseconds, as `proc_pid_schedstat()` in
//! `fs/proc/base.c` prints it where `CONFIG_SCHED_INFO` is set. Peak memory is `VmHWM`, read while
//! the program waits for its reader: `ru_maxrss` would count what it was before `execve`.

use crate::Stop;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Processes that only are there; they end with the value.
#[derive(Debug)]
pub(super) struct Crowd(Vec<Child>);

impl Crowd {
    pub(super) fn gather(count: usize) -> Result<Crowd, Stop> {
        let mut crowd = Crowd(Vec::with_capacity(count));
        for _ in 0..count {
            // They end by themselves should this program be killed.
            let sleep = Command::new("sleep").arg("900").stdin(Stdio::null()).spawn();
            crowd.0.push(sleep.map_err(|err| format!("cannot start sleep: {err}"))?);
        }
        Ok(crowd)
    }
}

impl Crowd {
    /// Processes with some fifty mappings each: Python's, where there is one.
    pub(super) fn of_many_mappings(count: usize) -> Result<Crowd, Stop> {
        let script = "import ssl, json, sqlite3, decimal, ctypes, time; time.sleep(900)";
        Crowd::of_pythons(count, script).map_or_else(|_| Crowd::gather(count), Ok)
    }

    /// One process with so many regions and some of its own.
    pub(super) fn with_regions(count: usize) -> Result<Crowd, Stop> {
        // Neighbours differ in their permissions, or they would be one region.
        let script = format!(
            "import mmap, time; kept = [mmap.mmap(-1, 4096, prot=1 + 2 * (i % 2)) \
             for i in range({count})]; time.sleep(900)"
        );
        Crowd::of_pythons(1, &script)
    }

    /// The first of them.
    pub(super) fn first(&self) -> Option<u32> {
        self.0.first().map(Child::id)
    }

    fn of_pythons(count: usize, script: &str) -> Result<Crowd, Stop> {
        let mut crowd = Crowd(Vec::with_capacity(count));
        for _ in 0..count {
            let mut python = Command::new("/usr/bin/python3");
            python.args(["-c", script]).stdin(Stdio::null()).stderr(Stdio::null());
            crowd.0.push(python.spawn().map_err(|err| format!("cannot start python3: {err}"))?);
        }
        // They are ready when they sleep and no longer grow.
        let deadline = Instant::now() + Duration::from_secs(120);
        let asleep = |child: &Child| {
            let path = format!("/proc/{}/wchan", child.id());
            fs::read_to_string(path).is_ok_and(|at| at.contains("nanosleep"))
        };
        while !crowd.0.iter().all(asleep) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// CPU time of one run, in milliseconds.
pub(super) fn cpu(program: &Path, args: &[String]) -> Result<f64, Stop> {
    let mut child = start(program, args, Stdio::null())?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or("a process without a number")?;
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        .map_err(|err| format!("cannot wait for {}: {err}", program.display()))?;
    let statistics = fs::read_to_string(format!("/proc/{}/schedstat", child.id()));
    let _ = child.wait();
    let statistics = statistics.map_err(|err| format!("the kernel keeps no schedstat: {err}"))?;
    let nanoseconds: f64 = statistics
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| format!("schedstat: expected a number, found `{statistics}`"))?;
    Ok(nanoseconds / 1e6)
}

/// CPU time of all threads of one run, and the time it took, in milliseconds. The first comes from
/// `utime` and `stime` of `/proc/PID/stat`, which know threads that have ended, in ticks.
pub(super) fn cpu_of_threads(program: &Path, args: &[String]) -> Result<(f64, f64), Stop> {
    let begin = Instant::now();
    let mut child = start(program, args, Stdio::null())?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or("a process without a number")?;
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        .map_err(|err| format!("cannot wait for {}: {err}", program.display()))?;
    let wall = begin.elapsed().as_secs_f64() * 1e3;
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()));
    let _ = child.wait();
    let stat = stat.map_err(|err| format!("cannot read stat: {err}"))?;
    let times: Vec<f64> = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').skip(11).take(2).flat_map(str::parse).collect())
        .unwrap_or_default();
    let [user, system] = times[..] else {
        return Err(format!("stat: expected two times, found `{stat}`"));
    };
    let hertz = u32::try_from(rustix::param::clock_ticks_per_second());
    let tick = 1e3 / f64::from(hertz.map_err(|err| format!("clock ticks: {err}"))?);
    Ok(((user + system) * tick, wall))
}

/// Time from the start of one run to its first byte, in milliseconds.
pub(super) fn first_byte(program: &Path, args: &[String]) -> Result<f64, Stop> {
    let begin = Instant::now();
    let mut child = start(program, args, Stdio::piped())?;
    let mut stdout = child.stdout.take().ok_or("a process without output")?;
    let mut buffer = [0; 4096];
    let first = stdout.read(&mut buffer);
    let time = begin.elapsed();
    let drained = std::io::copy(&mut stdout, &mut std::io::sink());
    let _ = child.wait();
    match (first, drained) {
        (Ok(count), Ok(_)) if count > 0 => Ok(time.as_secs_f64() * 1e3),
        _ => Err(format!("{} printed nothing", program.display())),
    }
}

/// The most resident memory of one run, in MiB.
pub(super) fn peak_memory(program: &Path, args: &[String]) -> Result<f64, Stop> {
    let failed = |err: rustix::io::Errno| format!("cannot make a full pipe: {err}");
    // A full pipe stops the program at its first write.
    let (out, into) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let size = fcntl_setpipe_size(&into, 4096).map_err(failed)?;
    let mut into = File::from(into);
    into.write_all(&vec![0; size]).map_err(|err| format!("cannot fill a pipe: {err}"))?;
    let mut child = start(program, args, Stdio::from(into))?;
    let mut peak = stopped_peak(child.id());
    let mut out = File::from(out);
    let mut buffer = [0; 1024];
    while out.read(&mut buffer).is_ok_and(|count| count > 0) {
        // After the last write there may be no process any more.
        let now = high_water(child.id());
        peak = peak.map(|peak| now.map_or(peak, |now| peak.max(now)));
    }
    let _ = child.wait();
    peak.ok_or_else(|| format!("{} ended before its memory could be read", program.display()))
}

/// The high-water mark once the process sleeps, as it does in a write that cannot go on.
fn stopped_peak(pid: u32) -> Option<f64> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut asleep = 0;
    while asleep < 5 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())?;
        match state {
            'S' => asleep += 1,
            'Z' => return None,
            _ => asleep = 0,
        }
    }
    high_water(pid)
}

/// The most resident memory of a running process so far, in MiB.
pub(super) fn high_water(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024.0)
}

fn start(program: &Path, args: &[String], stdout: Stdio) -> Result<Child, Stop> {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|err| format!("cannot start {}: {err}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_prints_costs_time_and_memory() {
        let (program, args) = (Path::new("/bin/sh"), ["-c".to_owned(), "echo hello".to_owned()]);
        assert!(first_byte(program, &args).is_ok_and(|ms| ms > 0.0));
        assert!(peak_memory(program, &args).is_ok_and(|mib| mib > 0.1));
    }

    #[test]
    fn a_crowd_is_gone_when_it_is_dropped() {
        let crowd = Crowd::gather(3).expect("sleep exists");
        let pids: Vec<u32> = crowd.0.iter().map(Child::id).collect();
        drop(crowd);
        for pid in pids {
            let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            assert!(!cmdline.starts_with(b"sleep\x00900"));
        }
    }
}
