//! Names of the files that the project reads, whatever they are stored in.

use std::ffi::CStr;
use std::fmt;

use facts::Name;
use units::Pid;

/// One file of the machine that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// A file below `/proc` that is not about one process: `meminfo`, `sys/vm/swappiness`.
    Machine(&'a str),
    /// A file of one process.
    Task(Pid, TaskFile),
    /// A file of the memory cgroup at this path: as `/proc/PID/cgroup` prints it, `/` the root.
    Group(&'a [u8], &'a str),
    /// Names of user ids, in the form of `/etc/passwd`.
    Users,
    /// A file below `/sys`: `block/zram0/mm_stat`.
    Sys(&'a str),
    /// The kernel's log, as far as it is still there: of a capture, its lines about memory alone.
    KernelLog,
    /// `/proc/meminfo` once more: what a capture read at that moment, and of a live machine now.
    Again(Moment),
}

/// When a capture read a file once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Right after the totals: what moved until then moved while they were read.
    AfterTotals,
    /// After everything else, and so after the processes.
    AtEnd,
}

impl Moment {
    /// Where a capture keeps it.
    const fn path(self) -> &'static str {
        match self {
            Moment::AfterTotals => "oomph/again/meminfo",
            Moment::AtEnd => "oomph/end/meminfo",
        }
    }
}

/// Where a capture keeps the files of memory cgroups; the path of the group follows.
pub(crate) const GROUPS: &str = "oomph/cgroup";
/// Where a capture keeps the names of users.
pub(crate) const USERS: &str = "oomph/users";
/// Where a capture keeps files of `/sys`.
const SYS: &str = "oomph/sys/";
/// Where a capture keeps lines of the kernel's log.
const KERNEL_LOG: &str = "oomph/kernel-log";

impl Place<'_> {
    /// The path of the file in a capture, which for files of `/proc` is their path below `/proc`.
    /// Written to `out`, which is cleared first.
    pub fn write_path(&self, out: &mut Vec<u8>) {
        out.clear();
        match self {
            Place::Machine(path) => out.extend_from_slice(path.as_bytes()),
            Place::Task(pid, file) => {
                out.extend_from_slice(TaskPath::new(*pid, Some(*file)).as_str().as_bytes());
            }
            Place::Group(group, file) => {
                out.extend_from_slice(GROUPS.as_bytes());
                out.extend_from_slice(group);
                if out.last() != Some(&b'/') {
                    out.push(b'/');
                }
                out.extend_from_slice(file.as_bytes());
            }
            Place::Users => out.extend_from_slice(USERS.as_bytes()),
            Place::Sys(path) => {
                out.extend_from_slice(SYS.as_bytes());
                out.extend_from_slice(path.as_bytes());
            }
            Place::KernelLog => out.extend_from_slice(KERNEL_LOG.as_bytes()),
            Place::Again(moment) => out.extend_from_slice(moment.path().as_bytes()),
        }
    }
}

/// For people: safe on a terminal.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Machine(path) => f.write_str(path),
            Place::Task(pid, file) => write!(f, "{pid}/{}", file.name()),
            Place::Group(group, file) => {
                let group = Name::new(*group);
                write!(f, "memory cgroup {group}, {file}")
            }
            Place::Users => f.write_str("names of users"),
            Place::Sys(path) => write!(f, "/sys/{path}"),
            Place::KernelLog => f.write_str("the kernel's log"),
            Place::Again(moment) => f.write_str(moment.path()),
        }
    }
}

/// The files of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum TaskFile {
    /// `stat`.
    Stat,
    /// `status`.
    Status,
    /// `oom_score`.
    OomScore,
    /// `oom_score_adj` (2.6.36).
    OomScoreAdj,
    /// `oom_adj` (2.6.11).
    OomAdj,
    /// `cgroup` (2.6.24).
    Cgroup,
    /// `statm`.
    Statm,
    /// `cmdline`.
    Cmdline,
    /// `smaps` (2.6.14). Reading it walks page tables.
    Smaps,
    /// `maps`.
    Maps,
    /// `smaps_rollup` (4.14): the sums of `smaps`, at less than half its cost. Walks page tables.
    SmapsRollup,
}

impl TaskFile {
    /// All of them, in the order of their declaration.
    pub(crate) const ALL: [TaskFile; 11] = [
        TaskFile::Stat,
        TaskFile::Status,
        TaskFile::OomScore,
        TaskFile::OomScoreAdj,
        TaskFile::OomAdj,
        TaskFile::Cgroup,
        TaskFile::Statm,
        TaskFile::Cmdline,
        TaskFile::Smaps,
        TaskFile::Maps,
        TaskFile::SmapsRollup,
    ];

    /// The name below `/proc/PID`.
    pub const fn name(self) -> &'static str {
        match self {
            TaskFile::Stat => "stat",
            TaskFile::Status => "status",
            TaskFile::OomScore => "oom_score",
            TaskFile::OomScoreAdj => "oom_score_adj",
            TaskFile::OomAdj => "oom_adj",
            TaskFile::Cgroup => "cgroup",
            TaskFile::Statm => "statm",
            TaskFile::Cmdline => "cmdline",
            TaskFile::Smaps => "smaps",
            TaskFile::Maps => "maps",
            TaskFile::SmapsRollup => "smaps_rollup",
        }
    }

    /// Whether the kernel prints the file in one piece, so that a `read` that returns less than was
    /// asked for has returned all of it and the second one, which returns 0, can be spared.
    ///
    /// True of files made by `single_open()`: `seq_read_iter()` in `fs/seq_file.c` grows its buffer
    /// until the one record fits and copies as much of it as the caller has room for (every release
    /// since 2.6; in front of that, `proc_info_read()` and `simple_read_from_buffer()` do the same).
    /// Not true of files that list records, such as `smaps`, which return what fits into a page, nor
    /// of `cmdline`, which is copied piecewise.
    pub(crate) const fn is_one_piece(self) -> bool {
        !matches!(self, TaskFile::Smaps | TaskFile::Maps | TaskFile::Cmdline)
    }
}

/// `PID/file`, built without allocation.
#[derive(Clone, Copy)]
pub(crate) struct TaskPath {
    // Ten digits, a slash, the longest name (13) and a NUL are 25.
    bytes: [u8; 32],
    len: usize,
}

impl TaskPath {
    /// The path of a file of the process, or of its directory.
    pub(crate) fn new(pid: Pid, file: Option<TaskFile>) -> TaskPath {
        let mut digits = [0u8; 10];
        let mut start = digits.len();
        let mut rest = pid.get();
        loop {
            start -= 1;
            digits[start] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let mut path = TaskPath { bytes: [0; 32], len: 0 };
        path.push(&digits[start..]);
        if let Some(file) = file {
            path.push(b"/");
            path.push(file.name().as_bytes());
        }
        path
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(place: Place<'_>) -> String {
        let mut out = b"left over".to_vec();
        place.write_path(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn paths_in_captures_are_those_below_proc() {
        assert_eq!(path(Place::Machine("sys/vm/swappiness")), "sys/vm/swappiness");
        assert_eq!(
            path(Place::Task(Pid::new(u32::MAX), TaskFile::OomScoreAdj)),
            "4294967295/oom_score_adj"
        );
        assert_eq!(path(Place::Task(Pid::new(0), TaskFile::Stat)), "0/stat");
    }

    #[test]
    fn the_root_group_has_no_double_slash() {
        assert_eq!(path(Place::Group(b"/", "memory.stat")), "oomph/cgroup/memory.stat");
        assert_eq!(path(Place::Group(b"/a/b", "memory.max")), "oomph/cgroup/a/b/memory.max");
    }

    #[test]
    fn task_paths_end_where_their_text_ends() {
        let path = TaskPath::new(Pid::new(4_194_304), Some(TaskFile::Cgroup));
        assert_eq!(path.as_str(), "4194304/cgroup");
        assert_eq!(path.as_c_str().to_bytes(), b"4194304/cgroup");
        assert_eq!(TaskPath::new(Pid::new(7), None).as_str(), "7");
    }
}
