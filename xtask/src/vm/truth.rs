//! What a machine sent out: its capture, and what happened when memory ran out.

use lab::vm::debian::Arch;

use super::machines::Machine;
use crate::Stop;
use std::fs;
use std::path::Path;

/// What the hog touches at a time, in bytes.
const STEP: u64 = 256 * 1024;

/// One machine's end.
#[derive(Debug)]
pub(super) struct Outcome {
    capture: Vec<u8>,
    /// The kernel's report of the first kill; empty when nobody was killed.
    kill_log: String,
    /// Bytes the hog had touched.
    touched: u64,
    hog_pid: u32,
    end: End,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Killed { pid: u32, name: String },
    Refused,
}

impl Outcome {
    /// Puts together what came over the serial ports.
    pub(super) fn read(
        arch: Arch,
        capture: Vec<u8>,
        truth: &str,
        log: &str,
    ) -> Result<Outcome, Stop> {
        if capture.len() < 1024 || !capture.ends_with(&[0; 1024]) {
            return Err(format!("the capture is cut: {} bytes without an end", capture.len()));
        }
        let value = |key: &str| {
            truth
                .lines()
                .find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok())
                .ok_or_else(|| format!("the machine did not report `{key}`"))
        };
        let kill_log = first_kill(log);
        let end = match victim(&kill_log) {
            Some((pid, name)) => End::Killed { pid, name },
            None if truth.lines().any(|line| line == "refused") => End::Refused,
            None => return Err("nobody was killed, and the hog was not refused".to_owned()),
        };
        let hog_pid = u32::try_from(value("hog_pid ")?).map_err(|err| err.to_string())?;
        let other_died = matches!(end, End::Killed { pid, .. } if pid != hog_pid);
        if arch == Arch::I386 && other_died {
            return Err(format!("the shell's hog went on after another process died: {end:?}"));
        }
        Ok(Outcome { capture, kill_log, touched: value("touched ")?, hog_pid, end })
    }

    /// One line for the terminal.
    pub(super) fn summary(&self) -> String {
        format!(
            "{} KiB of capture; the hog touched {} KiB; {:?}",
            self.capture.len() / 1024,
            self.touched / 1024,
            self.end
        )
    }

    /// Writes the folder that tests read.
    pub(super) fn write(
        &self,
        folder: &Path,
        machine: &Machine,
        package: &str,
    ) -> Result<(), Stop> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)
            .map_err(|err| format!("cannot create {}: {err}", folder.display()))?;
        let write = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, content)
                .map_err(|err| format!("cannot write {}: {err}", path.display()))
        };
        write("capture.tar", &self.capture)?;
        if !self.kill_log.is_empty() {
            write("kill.log", self.kill_log.as_bytes())?;
        }
        write("truth", self.truth().as_bytes())?;
        write("README.md", readme(machine, package).as_bytes())
    }

    fn truth(&self) -> String {
        let end = match &self.end {
            End::Killed { pid, name } => {
                format!("end killed\nvictim_pid {pid}\nvictim_name {name}\n")
            }
            End::Refused => "end refused\n".to_owned(),
        };
        let Outcome { touched, hog_pid, .. } = self;
        format!("touched {touched}\nstep {STEP}\nhog_pid {hog_pid}\n{end}")
    }
}

fn readme(machine: &Machine, package: &str) -> String {
    let emulator = match machine.arch {
        Arch::Amd64 => "x86-64",
        Arch::I386 => "32-bit x86",
    };
    format!(
        "# {}\n\n{}\n\nMade by `cargo xtask capture-vm {}`: Debian's {package} on {emulator} under \
         QEMU, {} MiB of RAM, {} MiB of swap, a file of {} MiB in the page cache. The processes and \
         their sizes are in `xtask/src/vm/guest/init.sh`.\n\n\
         `capture.tar` is the machine at rest. `truth` says what happened right afterwards: how many \
         bytes of anonymous memory a new process (`hog_pid`, in the cgroup of the capture) had touched, \
         in steps of `step`, when the kernel first killed somebody, or refused. `kill.log` is the \
         kernel's report of that kill.\n",
        machine.name,
        machine.about,
        machine.name,
        machine.memory_mib,
        machine.swap_mib,
        machine.file_mib
    )
}

/// The kernel's lines from the first `invoked oom-killer` to the end of that kill.
fn first_kill(log: &str) -> String {
    let mut report = String::new();
    let mut killed = false;
    for line in log.lines().map(|line| line.trim_end_matches('\r')) {
        if line.contains("invoked oom-killer:") && killed {
            break;
        }
        if line.contains("invoked oom-killer:") || !report.is_empty() {
            report.push_str(line);
            report.push('\n');
        }
        killed |= line.contains("Killed process ");
    }
    report
}

/// Pid and name from `Killed process PID (NAME) total-vm:…`. The kernel writes the name raw.
fn victim(log: &str) -> Option<(u32, String)> {
    let (_, rest) = log.split_once("Killed process ")?;
    let (pid, rest) = rest.split_once(" (")?;
    let (name, _) = rest.split_once(") total-vm:")?;
    Some((pid.parse().ok()?, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[    1.0] boot
[    9.0] hog invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0
[    9.1] Mem-Info:
[    9.2] Out of memory: Killed process 77 (a) R (b) total-vm:1kB, anon-rss:1kB
[    9.3] oom_reaper: reaped process 77 (a) R (b), now anon-rss:0kB
[   10.0] hog invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0
";

    #[test]
    fn the_first_report_ends_where_the_second_starts() {
        let report = first_kill(LOG);
        assert_eq!(report.lines().count(), 4);
        assert!(report.starts_with("[    9.0]"));
        assert!(report.ends_with("anon-rss:0kB\n"));
    }

    #[test]
    fn a_victim_with_brackets_in_its_name_is_read_whole() {
        assert_eq!(victim(LOG), Some((77, "a) R (b".to_owned())));
    }

    #[test]
    fn a_capture_without_its_end_is_refused() {
        let cut = Outcome::read(Arch::Amd64, vec![1; 4096], "hog_pid 1\ntouched 1\n", LOG);
        assert!(cut.is_err_and(|stop| stop.contains("cut")));
    }

    #[test]
    fn a_hog_that_was_refused_has_no_victim() {
        let truth = "hog_pid 80\nhog_exit 0\ntouched 524288      \nrefused\n";
        let outcome = Outcome::read(Arch::Amd64, vec![0; 2048], truth, "[ 1.0] boot\n")
            .expect("all is there");
        assert_eq!(outcome.truth(), "touched 524288\nstep 262144\nhog_pid 80\nend refused\n");
    }
}
