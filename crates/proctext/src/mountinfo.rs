//! `/proc/PID/mountinfo`: where the cgroup hierarchies are mounted.

use facts::Missing;
use memchr::memmem;

use crate::line::{Report, lines, unescape_octal};

/// A mounted cgroup hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Which directory of the file system is mounted; a container often sees only its own group.
    pub root: Vec<u8>,
    /// Where.
    pub mount_point: Vec<u8>,
    /// `cgroup` or `cgroup2`.
    pub fs_type: Vec<u8>,
    /// Options of the file system, separated by commas: for `cgroup` its controllers.
    pub super_options: Vec<u8>,
}

/// The cgroup mounts of a `mountinfo` (2.6.26), octal escapes undone. Other mounts are left out.
pub fn mountinfo(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Vec<Mount> {
    let mut report = Report::new(place, problems);
    // A machine full of containers has thousands of mounts: one search skips them all.
    let finder = memmem::Finder::new(b" - cgroup");
    let mut mounts = Vec::new();
    for (number, line) in lines(report.whole_lines(text)) {
        if finder.find(line).is_none() {
            continue;
        }
        match parse(line) {
            Some(mount) if is_cgroup(&mount.fs_type) => mounts.push(mount),
            Some(_) => {}
            None => {
                report.malformed(number, "`ID PARENT MAJ:MIN ROOT MOUNT OPTIONS - TYPE …`", line);
            }
        }
    }
    mounts
}

fn is_cgroup(fs_type: &[u8]) -> bool {
    matches!(fs_type, b"cgroup" | b"cgroup2")
}

fn parse(line: &[u8]) -> Option<Mount> {
    // Spaces inside a field are escaped, so one space separates two fields.
    let mut fields = line.split(|&b| b == b' ');
    let root = fields.nth(3)?;
    let mount_point = fields.next()?;
    let _options = fields.next()?;
    fields.find(|field| *field == b"-")?;
    let fs_type = fields.next()?;
    let _source = fields.next()?;
    let super_options = fields.next()?;
    Some(Mount {
        root: unescape_octal(root),
        mount_point: unescape_octal(mount_point),
        fs_type: fs_type.to_vec(),
        super_options: unescape_octal(super_options),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroup_mounts_are_kept_and_unescaped() {
        let text = include_bytes!("../tests/data/6.18/mountinfo");
        let mut problems = Vec::new();
        let mounts = mountinfo(text, "mountinfo", &mut problems);
        assert_eq!(problems, []);
        let mount = |root: &str, point: &str, kind: &str, options: &str| Mount {
            root: root.into(),
            mount_point: point.into(),
            fs_type: kind.into(),
            super_options: options.into(),
        };
        assert_eq!(
            mounts,
            [
                mount("/web/1", "/sys/fs/cgroup/memory", "cgroup", "rw,memory"),
                mount("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
                mount("/", "/mnt/a b\\c", "cgroup2", "rw,nsdelegate,memory_recursiveprot"),
            ]
        );
    }

    #[test]
    fn a_broken_cgroup_mount_is_named() {
        let mut problems = Vec::new();
        assert_eq!(mountinfo(b"1 - cgroup\n2 3 0:1 / /m rw - cgroup2\n", "m", &mut problems), []);
        assert_eq!(problems.len(), 2);
    }
}
