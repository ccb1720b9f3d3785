//! Where the files of a memory cgroup are: from its path in `/proc/PID/cgroup` to a directory.
//!
//! # What it follows
//! Both the paths of `/proc/PID/cgroup` and the roots in `/proc/PID/mountinfo` are printed relative
//! to the reader's cgroup namespace (`cgroup_path_ns()` and `cgroup_show_path()` in
//! `kernel/cgroup/cgroup.c`, since 4.6), so one can be taken from the other: a container without
//! such a namespace finds its group `/docker/1` at the top of a mount with the root `/docker/1`.

use facts::CgroupVersion;
use proctext::Mount;

/// The mount to use for the memory hierarchy: of several, the one that shows the most of it.
pub(crate) fn memory_mount(mounts: &[Mount], version: CgroupVersion) -> Option<&Mount> {
    let holds_memory = |mount: &&Mount| match version {
        CgroupVersion::V1 => {
            mount.fs_type == b"cgroup"
                && mount.super_options.split(|&b| b == b',').any(|option| option == b"memory")
        }
        CgroupVersion::V2 => mount.fs_type == b"cgroup2",
    };
    mounts
        .iter()
        .filter(holds_memory)
        .min_by_key(|mount| (mount.root.len(), mount.mount_point.len()))
}

/// The path of a group below the mount point, without a slash before it; empty for the mount's own
/// root. `None` when the mount does not show the group.
pub(crate) fn below<'a>(root: &[u8], group: &'a [u8]) -> Option<&'a [u8]> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let rest = group.strip_prefix(root)?;
    let rest = match rest {
        [] => rest,
        [b'/', rest @ ..] => rest,
        // `/docker/12` is not below `/docker/1`.
        _ => return None,
    };
    // A group outside the reader's namespace: `/../other`. Its name is relative to something that
    // the mount does not show.
    let leads_out = rest.split(|&b| b == b'/').any(|part| part == b"..");
    (!leads_out).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(root: &str, group: &str, expected: Option<&str>) {
        assert_eq!(
            below(root.as_bytes(), group.as_bytes()),
            expected.map(str::as_bytes),
            "{group} below {root}"
        );
    }

    #[test]
    fn a_mount_of_the_whole_hierarchy_shows_every_group_by_its_path() {
        check("/", "/", Some(""));
        check("/", "/system.slice/a.service", Some("system.slice/a.service"));
    }

    #[test]
    fn a_mount_of_one_group_shows_only_what_is_below_it() {
        check("/docker/1", "/docker/1", Some(""));
        check("/docker/1", "/docker/1/x", Some("x"));
        check("/docker/1", "/docker/12", None);
        check("/docker/1", "/docker", None);
        check("/docker/1", "/", None);
    }

    #[test]
    fn groups_outside_the_namespace_are_not_guessed() {
        check("/", "/../other", None);
        check("/", "/..", None);
        check("/..", "/../other", Some("other"));
        check("/..", "/../../x", None);
        check("/..", "/", None);
    }

    #[test]
    fn the_mount_that_shows_the_most_is_used() {
        let mount = |root: &str, fs_type: &str, options: &str| Mount {
            root: root.into(),
            mount_point: b"/m".to_vec(),
            fs_type: fs_type.into(),
            super_options: options.into(),
        };
        let mounts = [
            mount("/", "cgroup", "rw,cpu,cpuacct"),
            mount("/docker/1", "cgroup", "rw,memory"),
            mount("/", "cgroup2", "rw"),
            mount("/", "cgroup", "rw,memory"),
        ];
        assert_eq!(memory_mount(&mounts, CgroupVersion::V1), Some(&mounts[3]));
        assert_eq!(memory_mount(&mounts, CgroupVersion::V2), Some(&mounts[2]));
        assert_eq!(memory_mount(&mounts[..1], CgroupVersion::V1), None);
    }
}
