//! What a domain has, and who is in it.

use facts::{Cgroup, CgroupVersion, Cgroups, Field, Name, Snapshot, Task};
use units::{Bytes, Limit, Pages};

use super::Domain;

/// A cgroup limit above this is none: v1 prints 2⁶³ rounded down to pages.
const UNLIMITED: Bytes = Bytes::new(1 << 62);

/// What scores are measured against.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// RAM and swap of the machine.
    pub(super) machine: Option<Pages>,
    /// That, or what the cgroup may use.
    pub(super) domain: Option<Pages>,
}

impl Totals {
    /// `constrained_alloc()` without mempolicies and cpusets, which belong to the task that runs
    /// out and are in no snapshot; `mem_cgroup_get_max()` for cgroups.
    pub(super) fn of(snapshot: &Snapshot, domain: &Domain, notes: &mut Vec<String>) -> Totals {
        let mut of_machine = Vec::new();
        let machine = machine_total(snapshot, &mut of_machine);
        let own = match domain {
            Domain::Machine => None,
            Domain::Cgroup(path) => cgroup_total(snapshot, path, notes),
        };
        if own.is_none() || machine.is_some() {
            notes.append(&mut of_machine);
        }
        let domain = own.or(machine);
        Totals { machine, domain }
    }
}

/// `totalram_pages + total_swap_pages`.
fn machine_total(snapshot: &Snapshot, notes: &mut Vec<String>) -> Option<Pages> {
    let pages = |field| snapshot.meminfo.get(field).map(|b| snapshot.page_size.pages_in(b));
    let Some(ram) = pages(Field::MemTotal) else {
        notes.push("MemTotal is unknown: adjustments could not be weighed.".to_owned());
        return None;
    };
    let swap = pages(Field::SwapTotal).unwrap_or_else(|| {
        notes.push("SwapTotal is unknown: the total is without swap.".to_owned());
        Pages::ZERO
    });
    Some(ram.saturating_add(swap))
}

/// The limit of the cgroup, or of the tightest above it where it has none.
fn cgroup_total(snapshot: &Snapshot, path: &Name, notes: &mut Vec<String>) -> Option<Pages> {
    let cgroups = &snapshot.cgroups;
    let Some(own) = cgroups.groups.get(path) else {
        notes.push(format!(
            "Nothing is known about the limit of {path}: scores are measured against the machine."
        ));
        return None;
    };
    let in_pages = |bytes| snapshot.page_size.pages_in(bytes);
    if let Some(limit) = allowance(snapshot, own) {
        return Some(in_pages(limit));
    }
    let tightest = cgroups
        .upward(path)
        .filter_map(|(name, group)| Some((allowance(snapshot, group)?, name)))
        .min_by_key(|&(limit, _)| limit);
    let Some((limit, above)) = tightest else {
        notes.push(format!(
            "{path} has no limit, nor has any cgroup above it, and never runs out by itself: \
             scores are measured against the machine."
        ));
        return None;
    };
    notes.push(format!(
        "{path} has no limit and never runs out by itself: scores are measured against the limit \
         of {above}, whose other processes can be chosen too."
    ));
    Some(in_pages(limit))
}

/// What a cgroup may use at most, memory and swap together: `mem_cgroup_get_max()`. `None` if it
/// has no limit, or none that could be read.
fn allowance(snapshot: &Snapshot, group: &Cgroup) -> Option<Bytes> {
    let limit = |l: Option<Limit<Bytes>>| l?.value().filter(|&b| b < UNLIMITED);
    let memory = limit(group.max)?;
    let swap_total = snapshot.meminfo.get(Field::SwapTotal).unwrap_or_default();
    let (swappiness, swap) = match snapshot.cgroups.version {
        Some(CgroupVersion::V1) => (
            group.swappiness,
            limit(group.memsw_max).map_or(swap_total, |both| both.saturating_sub(memory)),
        ),
        _ => (snapshot.sysctls.swappiness, limit(group.swap_max).unwrap_or(swap_total)),
    };
    // Unknown swappiness is taken for the default, 60.
    let swap = if swappiness == Some(0) { Bytes::ZERO } else { swap.min(swap_total) };
    Some(memory.saturating_add(swap))
}

/// Whether a process is in the domain; `None` if its cgroup is unknown. Those below a v1 group
/// without `use_hierarchy` are not (`mem_cgroup_iter()`).
pub(super) fn contains(cgroups: &Cgroups, domain: &Domain, task: &Task) -> Option<bool> {
    match domain {
        Domain::Machine => Some(true),
        Domain::Cgroup(path) => {
            let own = task.cgroup.as_ref()?;
            let alone = cgroups.groups.get(path).is_some_and(|g| g.use_hierarchy == Some(false));
            Some(if alone {
                own == path
            } else {
                Cgroups::ancestors(own.as_bytes()).any(|above| above == path.as_bytes())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn machine() -> Snapshot {
        let mut snapshot = Snapshot::unknown("test");
        snapshot.meminfo.set(Field::MemTotal, Bytes::new(1000 * MIB));
        snapshot.meminfo.set(Field::SwapTotal, Bytes::new(200 * MIB));
        snapshot.cgroups.version = Some(CgroupVersion::V2);
        snapshot
    }

    fn mib(n: u64) -> Limit<Bytes> {
        Limit::At(Bytes::new(n * MIB))
    }

    fn total_mib(snapshot: &Snapshot, path: &str) -> (u64, Vec<String>) {
        let mut notes = Vec::new();
        let total = Totals::of(snapshot, &Domain::Cgroup(path.into()), &mut notes).domain;
        (total.unwrap().count() / 256, notes)
    }

    #[test]
    fn paths_are_compared_by_components() {
        for (path, top, inside) in [
            ("/a/b", "/a", true),
            ("/a", "/a", true),
            ("/ab", "/a", false),
            ("/a", "/a/b", false),
            ("/a", "/", true),
            ("/", "/", true),
            ("/", "/a", false),
            // Outside the reader's cgroup namespace.
            ("/../x", "/", false),
        ] {
            let task = Task { cgroup: Some(Name::from(path)), ..Task::unknown(units::Pid::new(2)) };
            let found = contains(&Cgroups::default(), &Domain::Cgroup(Name::from(top)), &task);
            assert_eq!(found, Some(inside), "{path} {top}");
        }
    }

    #[test]
    fn those_below_a_group_without_use_hierarchy_do_not_die_at_its_limit() {
        let mut cgroups = Cgroups::default();
        let group = Cgroup { use_hierarchy: Some(false), ..Cgroup::default() };
        cgroups.groups.insert("/a".into(), group);
        for (path, inside) in [("/a", true), ("/a/b", false)] {
            let task = Task { cgroup: Some(path.into()), ..Task::unknown(units::Pid::new(2)) };
            let found = contains(&cgroups, &Domain::Cgroup("/a".into()), &task);
            assert_eq!(found, Some(inside), "{path}");
        }
    }

    #[test]
    fn a_v2_cgroup_may_use_its_limit_and_its_swap() {
        let mut snapshot = machine();
        for (swap_max, swappiness, total) in [
            (Some(mib(50)), Some(60), 150),
            (Some(mib(500)), None, 300),
            (Some(Limit::Max), Some(1), 300),
            (None, Some(60), 300),
            (Some(mib(50)), Some(0), 100),
        ] {
            snapshot.sysctls.swappiness = swappiness;
            let group = Cgroup { max: Some(mib(100)), swap_max, ..Cgroup::default() };
            snapshot.cgroups.groups.insert("/a".into(), group);
            assert_eq!(total_mib(&snapshot, "/a"), (total, vec![]), "{swap_max:?} {swappiness:?}");
        }
    }

    #[test]
    fn a_v1_cgroup_may_use_what_both_limits_leave() {
        let mut snapshot = machine();
        snapshot.cgroups.version = Some(CgroupVersion::V1);
        snapshot.sysctls.swappiness = Some(0); // the cgroup's own counts
        let huge = Some(Limit::At(Bytes::new(9_223_372_036_854_771_712)));
        for (memsw_max, swappiness, total) in [
            (Some(mib(130)), Some(60), 130),
            (Some(mib(100)), Some(60), 100),
            (huge, Some(60), 300),
            (None, None, 300),
            (Some(mib(130)), Some(0), 100),
        ] {
            let group = Cgroup { max: Some(mib(100)), memsw_max, swappiness, ..Cgroup::default() };
            snapshot.cgroups.groups.insert("/a".into(), group);
            assert_eq!(total_mib(&snapshot, "/a"), (total, vec![]), "{memsw_max:?}");
        }
    }

    #[test]
    fn without_a_limit_the_tightest_above_counts_and_is_named() {
        let mut snapshot = machine();
        let limited = |max| Cgroup { max, swap_max: Some(mib(0)), ..Cgroup::default() };
        snapshot.cgroups.groups.insert("/".into(), Cgroup::default());
        snapshot.cgroups.groups.insert("/a".into(), limited(Some(mib(300))));
        snapshot.cgroups.groups.insert("/a/b".into(), limited(Some(mib(400))));
        snapshot.cgroups.groups.insert("/a/b/c".into(), limited(Some(Limit::Max)));
        let (total, notes) = total_mib(&snapshot, "/a/b/c");
        assert_eq!(total, 300);
        assert_eq!(
            notes,
            ["/a/b/c has no limit and never runs out by itself: scores are measured against \
              the limit of /a, whose other processes can be chosen too."]
        );
        let (total, notes) = total_mib(&snapshot, "/");
        assert_eq!((total, notes.len()), (1200, 1));
        let (total, notes) = total_mib(&snapshot, "/nowhere");
        assert_eq!((total, notes.len()), (1200, 1));
    }

    #[test]
    fn a_machine_without_memtotal_has_no_total() {
        let mut notes = Vec::new();
        let totals = Totals::of(&Snapshot::unknown("test"), &Domain::Machine, &mut notes);
        assert_eq!(totals.domain, None);
        assert_eq!(notes, ["MemTotal is unknown: adjustments could not be weighed."]);
    }
}
