//! Which files a program opens, taken from a trace of it.

use crate::{Stop, repository};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Absolute paths in the order they were opened, with repetitions; directories end in `/`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files(Vec<String>);

/// A file that is removed with the value.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        Temporary(repository::target().join(format!("{name}-{}", std::process::id())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the program once under strace.
pub(super) fn opened_by(program: &Path, args: &[String]) -> Result<Files, Stop> {
    let trace = Temporary::new("trace");
    let status = Command::new("strace")
        .args(["-y", "-qq", "-s", "4096", "-e", "trace=?open,openat,?openat2", "-o"])
        .arg(trace.path())
        .arg(program)
        .args(args)
        .stdout(Stdio::null())
        .status()
        .map_err(|err| format!("cannot start strace: {err}"))?;
    // The program's own exit code may speak of the machine; only a signal is a failure here.
    if status.code().is_none() {
        return Err(format!("{} under strace: {status}", program.display()));
    }
    let text =
        fs::read_to_string(trace.path()).map_err(|err| format!("cannot read the trace: {err}"))?;
    let files = Files::read(&text);
    if files.0.is_empty() {
        return Err(format!("the trace of {} opens nothing of the machine", program.display()));
    }
    Ok(files)
}

impl Files {
    /// What a trace opened of the machine. The program's libraries are left out: both programs pay
    /// for their own.
    fn read(trace: &str) -> Files {
        let of_the_machine = |path: &String| {
            (path.starts_with("/proc") || path.starts_with("/sys/") || path == "/etc/passwd")
                && !path.ends_with("/maps")
        };
        Files(trace.lines().filter_map(opened).filter(of_the_machine).collect())
    }

    /// The list as `bench-floor` reads it.
    pub(super) fn write(&self) -> Result<Temporary, Stop> {
        let list = Temporary::new("files");
        let text: String = self.0.iter().flat_map(|path| [path, "\0"]).collect();
        fs::write(list.path(), text).map_err(|err| format!("cannot write the list: {err}"))?;
        Ok(list)
    }
}

/// Counts by kind, with every process as `PID`.
impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let mut others = 0;
        for path in &self.0 {
            match of_process(path) {
                Some(file) => *kinds.entry(file.to_owned()).or_default() += 1,
                None => others += 1,
            }
        }
        write!(f, "{} files: ", self.0.len())?;
        for (file, count) in kinds {
            write!(f, "{count} PID/{file}, ")?;
        }
        write!(f, "{others} others")
    }
}

fn of_process(path: &str) -> Option<&str> {
    let (pid, file) = path.strip_prefix("/proc/")?.split_once('/')?;
    pid.bytes().all(|byte| byte.is_ascii_digit()).then_some(file)
}

/// The path of a line that opened one: `openat(3</proc>, "1/stat", O_RDONLY) = 4</proc/1/stat>`.
fn opened(line: &str) -> Option<String> {
    let (call, result) = line.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    let (head, rest) = call.split_once('"')?;
    let (path, flags) = rest.split_once('"')?;
    let start = match head.split_once('<') {
        Some((_, directory)) if !path.starts_with('/') => directory.split_once('>')?.0,
        _ => "",
    };
    let slash = if start.is_empty() { "" } else { "/" };
    let end = if flags.contains("O_DIRECTORY") && !path.ends_with('/') { "/" } else { "" };
    Some(format!("{start}{slash}{path}{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"openat(AT_FDCWD</home>, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3</etc/ld.so.cache>
openat(AT_FDCWD</home>, "/proc", O_RDONLY|O_DIRECTORY) = 3</proc>
openat(3</proc>, "1/stat", O_RDONLY|O_CLOEXEC) = 4</proc/1/stat>
openat(3</proc>, "self/cgroup", O_RDONLY) = 4</proc/77/cgroup>
openat(3</proc>, "2/stat", O_RDONLY) = -1 ENOENT (No such file or directory)
open("/proc/meminfo", O_RDONLY) = 4</proc/meminfo>
"#;

    #[test]
    fn paths_are_joined_and_libraries_and_failures_left_out() {
        let paths = ["/proc/", "/proc/1/stat", "/proc/self/cgroup", "/proc/meminfo"];
        assert_eq!(Files::read(TRACE), Files(paths.map(str::to_owned).to_vec()));
    }

    #[test]
    fn files_of_processes_are_counted_together() {
        assert_eq!(Files::read(TRACE).to_string(), "4 files: 1 PID/stat, 3 others");
    }
}
