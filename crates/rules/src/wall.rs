//! The walls: what ends the headroom, and how far each is.
//!
//! # What it follows
//! The machine's wall is the part of its [`headroom`](crate::headroom) that can be counted on. A
//! memory cgroup's is where a charge fails although everything reclaimable inside has been reclaimed
//! (`try_charge_memcg()`; every ancestor is charged too, so each one's limit is a wall of its own).
//! Strict overcommit ends promises, not memory ([`crate::overcommit`]).
//!
//! # What it leaves out
//! Memory that `memory.min` and `memory.low` protect inside a cgroup. Limits below the machine that
//! are not memory: rlimits, tmpfs sizes, huge page pools.

mod cgroup;

use facts::{Cgroup, Field, Name, OvercommitMode, Release, Snapshot};
use units::{Bytes, Percent};

use self::cgroup::Place;
use crate::overcommit::commit_limit_of;
use crate::status::{Headroom, Threshold, Wall, WallKind};

/// Whose walls are asked for, and which of the others' are worth naming.
#[derive(Debug, Clone, Copy)]
pub struct WallOptions<'a> {
    /// The cgroup whose walls, and whose ancestors', are "ours".
    pub cgroup: Option<&'a Name>,
    /// Other cgroups are named when so little is left to them.
    pub near: Threshold,
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
        ours.extend(Place { snapshot, path, group, ours: true }.walls());
    }
    // A stable sort: of two walls at the same place the one closer to us stays first.
    ours.sort_by_key(|wall| (wall.distance.is_none(), wall.distance));

    let mut others: Vec<Wall> = snapshot
        .cgroups
        .groups
        .iter()
        .filter(|(path, _)| own.iter().all(|(ours, _)| ours != path))
        .flat_map(|(path, group)| Place { snapshot, path, group, ours: false }.walls())
        .filter(|wall| wall.kills && wall.distance.is_some())
        .collect();
    others.sort_by_key(|wall| (share_left(wall).is_none(), share_left(wall), wall.distance));
    let near =
        |wall: &Wall| wall.distance.is_some_and(|left| options.near.passed(left, wall.capacity));
    let fullest = others.len().min(options.at_least);
    let rest = others.split_off(fullest);
    others.extend(rest.into_iter().filter(near));

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
        distance: headroom.map(|headroom| headroom.expected),
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

/// Strict overcommit, where it is in force: `CommitLimit - Committed_AS`, less what is kept back
/// (3.10): `admin_reserve_kbytes` unless the reader is root, and from each process 1/32 of its own
/// address space, at most `user_reserve_kbytes`. Of the latter the largest process's share counts,
/// so that nobody who is there is promised too much.
fn overcommit(snapshot: &Snapshot, release: Release) -> Option<Wall> {
    if snapshot.sysctls.overcommit_memory != Some(OvercommitMode::Never) {
        return None;
    }
    let limit = commit_limit_of(snapshot, release);
    let committed = snapshot.meminfo.get(Field::CommittedAs);
    let sysctls = &snapshot.sysctls;
    let (admin, user) = if release >= Release::new(3, 10) {
        (sysctls.admin_reserve_kbytes, sysctls.user_reserve_kbytes)
    } else {
        (None, None)
    };
    let largest = snapshot.tasks.iter().filter_map(|task| task.vsize).max();
    let share = largest.map(|vsize| Bytes::new(vsize.get() / 32));
    let user = user.map(|most| share.map_or(most, |share| most.min(share)));
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

#[cfg(test)]
mod tests;
