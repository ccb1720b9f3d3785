//! Memory cgroups: which of them are read, and how much of each.
//!
//! A machine may have hundreds of groups, nearly all without a limit. Of such a group two files are
//! read: its limit, and whether it dies as one (version 2) or waits instead of dying (version 1);
//! and who was killed, where the group above counts any kill. Everything is read of groups that have a limit, of those that the reader is in, and of those
//! asked for.

use std::collections::BTreeSet;

use facts::{Cgroup, CgroupVersion, Cgroups, Name, Snapshot, Why};
use units::{Bytes, Limit, PageSize};

use super::Want;
use super::machine::pressure;
use super::reader::{Need, Reader};
use crate::{Place, Refusal};

/// The hierarchy that counts memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hierarchy {
    /// There is none: a kernel without cgroups, or with the memory controller switched off.
    None,
    /// The source does not tell which; each process's file may.
    Unknown,
    /// This one.
    Known(CgroupVersion),
}

impl Hierarchy {
    /// Looks at the reader's own group.
    pub(super) fn find(reader: &mut Reader<'_>, snapshot: &mut Snapshot) -> Hierarchy {
        let place = Place::Machine("self/cgroup");
        let complete = reader.complete;
        let found = match reader.try_read(place) {
            Ok(text) => {
                proctext::memory_cgroup(text).map(|(version, path)| (version, Name::new(path)))
            }
            Err(Refusal::Absent) if complete => return Hierarchy::None,
            Err(Refusal::Absent) => return Hierarchy::Unknown,
            Err(refusal) => {
                reader.refused(place, Need::Always, &refusal);
                return Hierarchy::Unknown;
            }
        };
        let Some((version, path)) = found else { return Hierarchy::None };
        if version == CgroupVersion::V2 {
            // The hierarchy is there without the controller: `cgroup_disable=memory`, or a machine
            // whose version 1 does not have it either.
            let controllers = Place::Group(b"/", "cgroup.controllers");
            let lacks_memory = reader.try_read(controllers).is_ok_and(|text| {
                !text.split(u8::is_ascii_whitespace).any(|name| name == b"memory")
            });
            if lacks_memory {
                return Hierarchy::None;
            }
        }
        snapshot.viewpoint.cgroup = Some(path);
        snapshot.cgroups.version = Some(version);
        Hierarchy::Known(version)
    }
}

/// Reads the groups of all processes and their ancestors.
pub(super) fn read(
    reader: &mut Reader<'_>,
    snapshot: &mut Snapshot,
    want: &Want,
    memory: Hierarchy,
) {
    let Hierarchy::Known(version) = memory else { return };
    let mut paths: BTreeSet<&[u8]> = BTreeSet::new();
    let own = snapshot.viewpoint.cgroup.as_ref();
    let leaves = snapshot.tasks.iter().filter_map(|task| task.cgroup.as_ref());
    for leaf in leaves.chain(own).chain(&want.groups) {
        for path in Cgroups::ancestors(leaf.as_bytes()) {
            if !paths.insert(path) {
                break;
            }
        }
    }
    let mut visit = Visit { reader, page_size: snapshot.page_size, found: false, denied: 0 };
    let mut groups = std::collections::BTreeMap::new();
    // Groups in and below which nobody was killed. A group comes before those below it.
    let mut quiet: BTreeSet<&[u8]> = BTreeSet::new();
    for path in paths {
        let wanted = want.all_groups
            || own.into_iter().chain(&want.groups).any(|own| is_within(own.as_bytes(), path));
        let group = match version {
            CgroupVersion::V1 => visit.v1(path, wanted),
            CgroupVersion::V2 => {
                let above_is_quiet =
                    Cgroups::ancestors(path).nth(1).is_some_and(|above| quiet.contains(above));
                let group = visit.v2(path, wanted, above_is_quiet);
                if above_is_quiet || group.events.oom_kill == Some(0) {
                    quiet.insert(path);
                }
                group
            }
        };
        groups.insert(Name::new(path), group);
    }
    let (found, denied) = (visit.found, visit.denied);
    if denied > 0 {
        reader.missing(format!("files of {denied} memory cgroups"), Why::Denied);
    } else if own.is_some_and(|own| is_there(reader, own, version)) {
        // Groups that are not shown are other namespaces' or were removed.
    } else if !found {
        // Not mounted here, or not in the capture.
        reader.missing("files of memory cgroups".to_owned(), Why::Absent);
    } else if let Some(own) = own {
        // A mount from outside of the reader's cgroup namespace does not show which is its own.
        reader.missing(format!("memory cgroup {own}, which this process is in"), Why::Absent);
    }
    snapshot.cgroups.groups = groups;
}

/// Whether `path` is `group` or above it.
fn is_within(group: &[u8], path: &[u8]) -> bool {
    Cgroups::ancestors(group).any(|above| above == path)
}

/// Whether the source has the group at all, by a file that every group has.
fn is_there(reader: &mut Reader<'_>, path: &Name, version: CgroupVersion) -> bool {
    let file = match version {
        CgroupVersion::V1 => "memory.limit_in_bytes",
        CgroupVersion::V2 => "cgroup.controllers",
    };
    reader.try_read(Place::Group(path.as_bytes(), file)) != Err(Refusal::Absent)
}

struct Visit<'a, 'b> {
    reader: &'a mut Reader<'b>,
    page_size: PageSize,
    /// Whether any file of any group was there.
    found: bool,
    /// Groups with a file that may not be read.
    denied: usize,
}

/// Parsers of limits and sizes.
type Parse<T> = fn(&[u8], &str, &mut Vec<facts::Missing>) -> T;

impl Visit<'_, '_> {
    fn file<T>(
        &mut self,
        group: &[u8],
        file: &'static str,
        parse: impl FnOnce(&[u8], &str, &mut Vec<facts::Missing>) -> T,
    ) -> Option<T> {
        let place = Place::Group(group, file);
        match self.reader.try_read_with(place) {
            Ok((text, problems)) => {
                self.found = true;
                Some(parse(text, &place.to_string(), problems))
            }
            Err(Refusal::Denied) => {
                self.denied += 1;
                None
            }
            Err(refusal) => {
                // A group that was removed, a file that this kernel does not have.
                self.reader.refused(place, Need::Optional, &refusal);
                None
            }
        }
    }

    /// `memory.events` counts what happens below a group, too (unless the hierarchy is mounted with
    /// `memory_localevents`, 5.2), so below one without kills it need not be read.
    fn v2(&mut self, path: &[u8], wanted: bool, quiet: bool) -> Cgroup {
        let limit = proctext::limit_v2;
        let flag: Parse<Option<bool>> = |text, place, problems| {
            proctext::number(text, place, problems).map(|number| number != 0)
        };
        let mut group = Cgroup {
            max: self.file(path, "memory.max", limit).flatten(),
            oom_group: self.file(path, "memory.oom.group", flag).flatten(),
            ..Cgroup::default()
        };
        let whole = wanted || matches!(group.max, Some(Limit::At(_)));
        if whole || !quiet {
            let events = self.file(path, "memory.events", proctext::memory_events);
            group.events = events.unwrap_or_default();
        }
        if !whole {
            return group;
        }
        group.current = self.file(path, "memory.current", proctext::bytes).flatten();
        group.high = self.file(path, "memory.high", limit).flatten();
        group.low = self.file(path, "memory.low", limit).flatten();
        group.min = self.file(path, "memory.min", limit).flatten();
        group.swap_current = self.file(path, "memory.swap.current", proctext::bytes).flatten();
        group.swap_max = self.file(path, "memory.swap.max", limit).flatten();
        let stat = self.file(path, "memory.stat", proctext::memory_stat_v2);
        group.stat = stat.unwrap_or_default();
        group.pressure = pressure(self.reader, Place::Group(path, "memory.pressure"));
        group
    }

    fn v1(&mut self, path: &[u8], wanted: bool) -> Cgroup {
        let size = self.page_size;
        let limit = |text: &[u8], place: &str, problems: &mut Vec<facts::Missing>| {
            proctext::limit_v1(text, size, place, problems)
        };
        let mut group = Cgroup {
            max: self.file(path, "memory.limit_in_bytes", limit).flatten(),
            ..Cgroup::default()
        };
        let control = self.file(path, "memory.oom_control", proctext::oom_control);
        if let Some(control) = control {
            group.oom_kill_disable = control.oom_kill_disable;
            group.under_oom = control.under_oom;
            group.events.oom_kill = control.oom_kill;
        }
        if !wanted && !matches!(group.max, Some(Limit::At(_))) {
            return group;
        }
        let hierarchy = self.file(path, "memory.use_hierarchy", proctext::number).flatten();
        group.use_hierarchy = hierarchy.map(|number| number != 0);
        let bytes = proctext::bytes;
        group.current = self.file(path, "memory.usage_in_bytes", bytes).flatten();
        group.kmem = self.file(path, "memory.kmem.usage_in_bytes", bytes).flatten();
        group.memsw_max = self.file(path, "memory.memsw.limit_in_bytes", limit).flatten();
        let both = self.file(path, "memory.memsw.usage_in_bytes", bytes).flatten();
        // The two are read one after the other; a difference below zero is none.
        group.swap_current = both
            .zip(group.current)
            .map(|(both, memory): (Bytes, Bytes)| both.saturating_sub(memory));
        group.events.max = self.file(path, "memory.failcnt", proctext::number).flatten();
        group.swappiness = self.file(path, "memory.swappiness", proctext::number).flatten();
        let stat = self.file(path, "memory.stat", proctext::memory_stat_v1);
        group.stat = stat.unwrap_or_default();
        group
    }
}
