//! Who would die at the nearest wall that kills.

use facts::{Name, Snapshot};
use units::{Bytes, Percent};

use super::{StatusOptions, Victims, Wall, WallKind, verdict};
use crate::rank::{Domain, ImmuneRow, RankReport};

/// Immune processes are named from this share of the domain's total on …
const LARGE: Percent = Percent::from_hundredths(100);
/// … and at most so many.
const MOST_IMMUNE: usize = 3;

/// What runs out: what the deciding wall encloses if it kills, else the nearest of ours that does.
/// The machine, if no distance is known.
pub(super) fn domain(walls: &[Wall], options: &StatusOptions) -> Domain {
    let deciding = verdict::deciding(walls, options).map(|(wall, _)| wall);
    let nearest = || walls.iter().find(|w| w.ours && w.kills && w.distance.is_some());
    match deciding.filter(|wall| wall.kills).or_else(nearest).map(|wall| &wall.kind) {
        Some(WallKind::Cgroup { path, .. }) => Domain::Cgroup(path.clone()),
        _ => Domain::Machine,
    }
}

/// The first few of a ranking, and what else decides who dies.
pub(super) fn victims(snapshot: &Snapshot, ranking: RankReport, most: usize) -> Victims {
    let RankReport { formula, domain, total, mut rows, immune, notes, .. } = ranking;
    let group =
        rows.first().and_then(|first| whole_group(snapshot, &domain, first.cgroup.as_ref()));
    let more = rows.len().saturating_sub(most);
    rows.truncate(most);
    Victims {
        immune: large(immune, total),
        instead: instead(snapshot, &domain),
        formula,
        total,
        first: rows,
        more,
        group,
        notes,
        domain,
    }
}

fn large(mut immune: Vec<ImmuneRow>, total: Option<Bytes>) -> Vec<ImmuneRow> {
    let size = |row: &ImmuneRow| -> Bytes {
        [row.resident, row.swap, row.page_tables].into_iter().flatten().sum()
    };
    immune.retain(|row| {
        total.is_some_and(|total| size(row).get() >= LARGE.share_of(total.get()).max(1))
    });
    immune.sort_by_key(|row| std::cmp::Reverse(size(row)));
    immune.truncate(MOST_IMMUNE);
    immune
}

/// The cgroup that dies whole with a victim in `cgroup`: the highest with `memory.oom.group` from
/// there up to what ran out (`mem_cgroup_get_oom_group()`, 4.19). A cgroup outside of it has none.
fn whole_group(snapshot: &Snapshot, domain: &Domain, cgroup: Option<&Name>) -> Option<Name> {
    let mut highest = None;
    for (path, group) in snapshot.cgroups.upward(cgroup?) {
        if group.oom_group == Some(true) {
            highest = Some(path.clone());
        }
        if matches!(domain, Domain::Cgroup(end) if end == path) {
            return highest;
        }
    }
    // The way up ended at the root: right for the machine, a stranger's path for a cgroup.
    highest.filter(|_| *domain == Domain::Machine)
}

/// What the kernel would do instead of choosing.
///
/// `check_panic_on_oom()`: 1 panics unless the shortage is confined to a cgroup, a cpuset or a
/// memory policy, 2 always. `oom_kill_allocating_task` (2.6.24) counts only when the machine runs
/// out (`out_of_memory()`).
fn instead(snapshot: &Snapshot, domain: &Domain) -> Vec<String> {
    let machine = *domain == Domain::Machine;
    let mut instead = Vec::new();
    match snapshot.sysctls.panic_on_oom {
        Some(1) if machine => instead.push(
            "the kernel panics and kills nobody (vm.panic_on_oom is 1), unless memory ran out for a \
             cpuset or memory policy only"
                .to_owned(),
        ),
        Some(2) => instead
            .push("the kernel panics and kills nobody (vm.panic_on_oom is 2)".to_owned()),
        _ => {}
    }
    if machine && snapshot.sysctls.oom_kill_allocating_task == Some(true) {
        instead.push(
            "the kernel kills whoever asks for memory at that moment, if that process may be \
             killed (vm.oom_kill_allocating_task is 1)"
                .to_owned(),
        );
    }
    instead
}
