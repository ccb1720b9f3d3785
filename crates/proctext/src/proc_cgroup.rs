//! `/proc/PID/cgroup`: which groups a process is in.

use facts::CgroupVersion;

use crate::line::{decimal, lines, split_once};

/// One line of `/proc/PID/cgroup`: `4:memory:/a`, or `0::/a` for the hierarchy of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupLine<'a> {
    /// Number of the hierarchy; 0 is version 2's.
    pub hierarchy: u32,
    /// Controllers or `name=…`, separated by commas; empty for version 2.
    pub controllers: &'a [u8],
    /// The group's path as the reader's cgroup namespace shows it. A group that was removed under
    /// its last zombie ends in ` (deleted)`.
    pub path: &'a [u8],
}

/// The lines of `/proc/PID/cgroup`. One that is not of this form, or that was cut, is left out:
/// half a path is the path of another group.
pub fn proc_cgroup(text: &[u8]) -> impl Iterator<Item = CgroupLine<'_>> {
    let whole = memchr::memrchr(b'\n', text).map_or(&b""[..], |last| &text[..last]);
    lines(whole).filter_map(|(_, line)| {
        let (hierarchy, rest) = split_once(line, b':')?;
        let (controllers, path) = split_once(rest, b':')?;
        let hierarchy = u32::try_from(decimal(hierarchy)?).ok()?;
        path.starts_with(b"/").then_some(CgroupLine { hierarchy, controllers, path })
    })
}

/// The group a process's memory is charged to: that of the hierarchy with the `memory` controller
/// where there is one of version 1, else that of version 2.
///
/// The kernel prints version 2 last, so a text cut before it does not pass for one without version 1.
pub fn memory_cgroup(text: &[u8]) -> Option<(CgroupVersion, &[u8])> {
    let mut version_2 = None;
    for line in proc_cgroup(text) {
        if line.controllers.split(|&b| b == b',').any(|name| name == b"memory") {
            return Some((CgroupVersion::V1, line.path));
        }
        if line.hierarchy == 0 && line.controllers.is_empty() {
            version_2 = Some((CgroupVersion::V2, line.path));
        }
    }
    version_2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(text: &[u8]) -> Option<(CgroupVersion, String)> {
        memory_cgroup(text).map(|(version, path)| (version, String::from_utf8_lossy(path).into()))
    }

    #[test]
    fn the_memory_controller_of_version_1_comes_first() {
        let hybrid = include_bytes!("../tests/data/6.18/cgroup-hybrid");
        assert_eq!(memory(hybrid), Some((CgroupVersion::V1, "/web/1".to_owned())));
    }

    #[test]
    fn a_colon_in_a_path_is_part_of_it() {
        let text = include_bytes!("../tests/data/4.4/cgroup");
        let expected = (CgroupVersion::V1, "/system.slice/odd:name.service".to_owned());
        assert_eq!(memory(text), Some(expected));
        assert_eq!(proc_cgroup(text).count(), 5);
        assert_eq!(proc_cgroup(text).last().unwrap().controllers, b"name=systemd");
    }

    #[test]
    fn version_2_is_taken_where_version_1_has_no_memory() {
        let text = b"1:name=systemd:/a\n0::/user.slice\n";
        assert_eq!(memory(text), Some((CgroupVersion::V2, "/user.slice".to_owned())));
        // A controller whose name only looks like it.
        assert_eq!(memory(b"3:memory2:/a\n"), None);
    }

    #[test]
    fn half_a_path_is_no_path() {
        let hybrid = include_bytes!("../tests/data/6.18/cgroup-hybrid");
        let whole = memory(hybrid);
        for cut in 0..hybrid.len() {
            let part = memory(&hybrid[..cut]);
            assert!(part.is_none() || part == whole, "cut at {cut}: {part:?}");
        }
        assert_eq!(memory(b"0::/a/b"), None);
    }

    #[test]
    fn other_lines_are_left_out() {
        assert_eq!(
            proc_cgroup(b"\n:\n::/\nx:y:/z\n1:a\n1:a:b\n99999999999::/\n-1::/\n").count(),
            0
        );
    }
}
