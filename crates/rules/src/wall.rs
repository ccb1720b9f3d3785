//! The walls: what ends the headroom, and how far each is.
//!
//! # What it follows
//! The machine's wall is its [`headroom`](crate::headroom). A memory cgroup's is where a charge
//! fails although everything reclaimable inside has been reclaimed (`try_charge_memcg()`; every
//! ancestor is charged too, so each one's limit is a wall of its own). Strict overcommit ends
//! promises, not memory ([`crate::overcommit`]).
//!
//! # What it leaves out
//! Memory that `memory.min` and `memory.low` protect inside a cgroup. Limits below the machine that
//! are not memory: rlimits, tmpfs sizes, huge page pools.

use facts::{Cgroup, CgroupVersion, Field, Name, OvercommitMode, Release, Snapshot};
use units::{Bytes, Limit, Percent};

use crate::headroom::expected_slab;
use crate::status::{Headroom, PartKind, Wall, WallKind};

/// Whose walls are asked for, and which of the others' are worth naming.
#[derive(Debug, Clone, Copy)]
pub struct WallOptions<'a> {
    /// The cgroup whose walls, and whose ancestors', are "ours".
    pub cgroup: Option<&'a Name>,
    /// Other cgroups are named when less than this share of their capacity is left.
    pub near: Percent,
    /// And so many of the fullest in any case.
    pub at_least: usize,
}

/// All walls: ours, the nearest first and those of unknown distance last; then those of others, the
/// fullest first.
pub fn walls(
    snapshot: &Snapshot,
    release: Release,
    headroom: Option<&Headroom>,
    options: WallOptions<'_>,
) -> Vec<Wall> {
    let mut ours = vec![machine(snapshot, headroom)];
    ours.extend(overcommit(snapshot, release));
    let no_cgroup = Name::default();
    let own_path = options.cgroup.unwrap_or(&no_cgroup);
    let own: Vec<(&Name, &Cgroup)> = snapshot.cgroups.upward(own_path).collect();
    for &(path, group) in &own {
        ours.extend(of_cgroup(snapshot, path, group, true));
    }
    // A stable sort: of two walls at the same place the one closer to us stays first.
    ours.sort_by_key(|wall| (wall.distance.is_none(), wall.distance));

    let mut others: Vec<Wall> = snapshot
        .cgroups
        .groups
        .iter()
        .filter(|(path, _)| own.iter().all(|(ours, _)| ours != path))
        .flat_map(|(path, group)| of_cgroup(snapshot, path, group, false))
        .filter(|wall| wall.kills && wall.distance.is_some())
        .collect();
    others.sort_by_key(|wall| (share_left(wall).is_none(), share_left(wall), wall.distance));
    let near = |wall: &Wall| share_left(wall).is_some_and(|share| share < options.near);
    let kept = others.iter().take_while(|wall| near(wall)).count().max(options.at_least);
    others.truncate(kept);

    ours.extend(others);
    ours
}

/// What is left before a wall, as a share of its capacity; `None` if either is unknown or the
/// capacity is 0.
pub fn share_left(wall: &Wall) -> Option<Percent> {
    Percent::of(wall.distance?.get(), wall.capacity?.get())
}

fn machine(snapshot: &Snapshot, headroom: Option<&Headroom>) -> Wall {
    let panics = matches!(snapshot.sysctls.panic_on_oom, Some(1 | 2));
    Wall {
        kind: WallKind::Machine,
        distance: headroom.map(|headroom| headroom.total),
        capacity: headroom.and_then(|headroom| headroom.capacity),
        kills: true,
        ours: true,
        what_happens: if panics {
            "the kernel panics (vm.panic_on_oom)".to_owned()
        } else {
            "the kernel kills a process of its choice".to_owned()
        },
    }
}

/// The limits of one cgroup that are set: `max`, and on v2 `high` where it is lower.
fn of_cgroup(snapshot: &Snapshot, path: &Name, group: &Cgroup, ours: bool) -> Vec<Wall> {
    let version = snapshot.cgroups.version.unwrap_or(CgroupVersion::V2);
    let max = group.max.and_then(Limit::value);
    let high = group.high.and_then(Limit::value).filter(|&high| max.is_none_or(|max| high < max));
    let mut walls = Vec::new();
    if let Some(max) = max {
        let waits = version == CgroupVersion::V1 && group.oom_kill_disable == Some(true);
        let what_happens = if waits {
            "its tasks that need more memory wait until somebody makes room (oom_kill_disable)"
        } else if group.oom_group == Some(true) {
            "the kernel kills everybody in it (memory.oom.group)"
        } else {
            "the kernel kills a process in it"
        };
        walls.push(cgroup_wall(snapshot, version, path, group, max, ours, !waits, what_happens));
    }
    if let Some(high) = high {
        let what_happens = "its tasks are slowed down (memory.high); nothing is killed";
        walls.push(cgroup_wall(snapshot, version, path, group, high, ours, false, what_happens));
    }
    walls
}

#[expect(clippy::too_many_arguments, reason = "called twice, right above, with all it knows")]
fn cgroup_wall(
    snapshot: &Snapshot,
    version: CgroupVersion,
    path: &Name,
    group: &Cgroup,
    limit: Bytes,
    ours: bool,
    kills: bool,
    what_happens: &str,
) -> Wall {
    let reclaimable = reclaimable(group);
    let room = room(snapshot, version, path, group, limit, reclaimable);
    let swap =
        room.swap_left.map(|left| left.saturating_add(group.swap_current.unwrap_or_default()));
    Wall {
        distance: room.distance,
        capacity: Some(limit.saturating_add(swap.unwrap_or_default())),
        kind: WallKind::Cgroup {
            path: path.clone(),
            version,
            current: group.current,
            limit: Limit::At(limit),
            reclaimable,
            swap_left: room.swap_left,
            oom_group: group.oom_group,
        },
        kills,
        ours,
        what_happens: what_happens.to_owned(),
    }
}

/// What reclaim would take before the limit kills: file pages on the lists (shared memory is on the
/// anonymous ones), and the slab that is expected to come. `None` if neither is known.
fn reclaimable(group: &Cgroup) -> Option<Bytes> {
    let stat = &group.stat;
    let lists = match (stat.active_file, stat.inactive_file) {
        (Some(active), Some(inactive)) => Some(active.saturating_add(inactive)),
        _ => stat.file.map(|file| file.saturating_sub(stat.shmem.unwrap_or_default())),
    };
    let slab = stat.slab_reclaimable.map(expected_slab);
    let sum = match (lists, slab) {
        (None, None) => return None,
        (lists, slab) => lists.unwrap_or_default().saturating_add(slab.unwrap_or_default()),
    };
    Some(group.current.map_or(sum, |current| sum.min(current)))
}

/// How far a cgroup is from a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    distance: Option<Bytes>,
    swap_left: Option<Bytes>,
}

fn room(
    snapshot: &Snapshot,
    version: CgroupVersion,
    path: &Name,
    group: &Cgroup,
    limit: Bytes,
    reclaimable: Option<Bytes>,
) -> Room {
    let reclaimable = reclaimable.unwrap_or_default();
    let to = |limit: Bytes, used: Bytes| limit.saturating_add(reclaimable).saturating_sub(used);
    // Page cache gives way, but the group can hold no more than its limit.
    let memory = group.current.map(|current| to(limit, current).min(limit));
    let free = free_swap(snapshot, version, group);
    let (distance, swap_left) = match version {
        CgroupVersion::V2 => {
            let swap = free.map(|free| v2_swap_left(snapshot, path, free));
            (memory.map(|memory| memory.saturating_add(swap.unwrap_or_default())), swap)
        }
        CgroupVersion::V1 => {
            // Memory and swap together: swapping out makes no room under that limit.
            let used = group.current.zip(group.swap_current).map(|(c, s)| c.saturating_add(s));
            let together = group.memsw_max.and_then(Limit::value).zip(used);
            let together = together.map(|(memsw, used)| to(memsw, used));
            let bounded = |room: Bytes| together.map_or(room, |together| room.min(together));
            let distance =
                memory.map(|memory| bounded(memory.saturating_add(free.unwrap_or_default())));
            let swap = free.map(|free| match (distance, memory) {
                (Some(distance), Some(memory)) => free.min(distance.saturating_sub(memory)),
                _ => free,
            });
            (distance, swap)
        }
    };
    Room { distance, swap_left }
}

/// Swap that reclaim inside a cgroup may use at all: none where its swappiness is 0
/// (`get_scan_count()`; v2 has the machine's).
fn free_swap(snapshot: &Snapshot, version: CgroupVersion, group: &Cgroup) -> Option<Bytes> {
    let swappiness = match version {
        CgroupVersion::V1 => group.swappiness,
        CgroupVersion::V2 => snapshot.sysctls.swappiness,
    };
    if swappiness == Some(0) || snapshot.meminfo.get(Field::SwapTotal) == Some(Bytes::ZERO) {
        return Some(Bytes::ZERO);
    }
    snapshot.meminfo.get(Field::SwapFree)
}

/// Free swap within `memory.swap.max` of the group and of everyone above it
/// (`mem_cgroup_get_nr_swap_pages()`).
fn v2_swap_left(snapshot: &Snapshot, path: &Name, free: Bytes) -> Bytes {
    snapshot.cgroups.upward(path).fold(free, |left, (_, group)| {
        match group.swap_max.and_then(Limit::value) {
            Some(max) => left.min(max.saturating_sub(group.swap_current.unwrap_or_default())),
            None => left,
        }
    })
}

/// Strict overcommit, where it is in force: `CommitLimit - Committed_AS`, less what is kept back
/// from the reader: `admin_reserve_kbytes` unless root, and `user_reserve_kbytes`, which is kept
/// from every large process (3.10).
fn overcommit(snapshot: &Snapshot, release: Release) -> Option<Wall> {
    if snapshot.sysctls.overcommit_memory != Some(OvercommitMode::Never) {
        return None;
    }
    let limit = snapshot.meminfo.get(Field::CommitLimit);
    let committed = snapshot.meminfo.get(Field::CommittedAs);
    let sysctls = &snapshot.sysctls;
    let (admin, user) = if release >= Release::new(3, 10) {
        (sysctls.admin_reserve_kbytes, sysctls.user_reserve_kbytes)
    } else {
        (None, None)
    };
    let admin = admin.filter(|_| snapshot.viewpoint.euid != Some(0));
    let reserves = admin.unwrap_or_default().saturating_add(user.unwrap_or_default());
    let distance = limit
        .zip(committed)
        .map(|(limit, committed)| limit.saturating_sub(committed).saturating_sub(reserves));
    Some(Wall {
        kind: WallKind::Overcommit,
        distance,
        capacity: limit,
        kills: false,
        ours: true,
        what_happens: "requests for memory fail (vm.overcommit_memory is 2)".to_owned(),
    })
}

/// The part of a machine's headroom that comes without thrashing: all but the cache that running
/// programs map.
pub fn without_thrashing(headroom: &Headroom) -> Bytes {
    let mapped = headroom.parts.iter().filter(|part| part.what == PartKind::MappedCache);
    headroom.total.saturating_sub(mapped.map(|part| part.bytes).sum())
}

#[cfg(test)]
mod tests;
