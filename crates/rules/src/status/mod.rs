//! How near a machine is to running out of memory.
//!
//! [`status()`] gathers the answer from the rules: the headroom and the walls that end it
//! ([`crate::headroom`], [`crate::wall`]), who would die there (the ranking it is handed), what was
//! promised, what happened lately, and one verdict in words.

mod judge;
mod lately;
mod options;
mod promises;
mod report;
mod unread;
mod verdict;
mod victims;

pub use options::{StatusOptions, Threshold};
pub use report::{
    Certainty, CgroupKills, Headroom, HeadroomPart, Lately, Level, Memory, OwnCgroup, PartKind,
    PressureReport, PressureState, Promises, StatusReport, Unread, Verdict, Victims, Wall,
    WallKind,
};

use facts::{Cgroups, Field, Name, PressureFile, Release, Snapshot, Zone};
use units::{Bytes, Limit, Pages};

use crate::available::{AvailableInput, mem_available};
use crate::headroom::{file_cache, headroom, per_cpu_lists};
use crate::rank::{Domain, RankReport};
use crate::reserve::totalreserve_pages;
use crate::wall::{WallOptions, walls};

/// The release whose rules are applied where none is known: the newest that was read.
pub const NEWEST: Release = Release::new(7, 2);

/// Answers how near the machine is.
///
/// `rank` orders the processes of a domain by the kernel's rules; it is asked once, for what the
/// nearest wall that kills encloses.
pub fn status(
    snapshot: &Snapshot,
    options: &StatusOptions,
    rank: impl FnOnce(&Domain) -> RankReport,
) -> StatusReport {
    let release = options.release.or(snapshot.kernel.release).unwrap_or(NEWEST);
    let cgroup = options.cgroup.as_ref().or(snapshot.viewpoint.cgroup.as_ref());
    let headroom = headroom(snapshot, release);
    let walls = walls(
        snapshot,
        release,
        headroom.as_ref(),
        WallOptions { cgroup, near: options.near, at_least: 3 },
    );
    let domain = victims::domain(&walls, options);
    let ranking = rank(&domain);
    let unread = unread::unread(snapshot, &ranking);
    let source = ranking.source.clone();
    let victims = victims::victims(snapshot, ranking, options.victims);
    let lately = lately::lately(snapshot);
    let verdict = verdict::verdict(&verdict::Evidence {
        snapshot,
        options,
        cgroup,
        headroom: headroom.as_ref(),
        walls: &walls,
        victims: &victims,
        lately: &lately,
    });
    StatusReport {
        schema: "oomph.status/1",
        source,
        verdict,
        memory: memory(snapshot, release),
        headroom,
        walls,
        cgroup: cgroup.map(|path| own_cgroup(snapshot, path)),
        pressure: pressure(snapshot.pressure),
        victims,
        promises: promises::promises(snapshot, release),
        lately,
        unread,
    }
}

fn own_cgroup(snapshot: &Snapshot, path: &Name) -> OwnCgroup {
    let mut limited = Some(false);
    for above in Cgroups::ancestors(path.as_bytes()) {
        match snapshot.cgroups.groups.get(&Name::new(above)).and_then(|group| group.max) {
            Some(Limit::At(_)) => {
                limited = Some(true);
                break;
            }
            Some(Limit::Max) => {}
            // The root of v2 has no limit and no file for one.
            None if above == b"/" => {}
            None => limited = None,
        }
    }
    OwnCgroup { path: path.clone(), limited }
}

fn memory(snapshot: &Snapshot, release: Release) -> Memory {
    let get = |field| snapshot.meminfo.get(field);
    let available = get(Field::MemAvailable);
    Memory {
        total: get(Field::MemTotal),
        free: get(Field::MemFree),
        per_cpu_lists: per_cpu_lists(&snapshot.zones)
            .map(|pages| pages.to_bytes_saturating(snapshot.page_size)),
        available,
        available_computed: match available {
            Some(_) => None,
            None => available_by_formula(snapshot, release),
        },
        cache: file_cache(snapshot),
        shmem: get(Field::Shmem),
        anon: get(Field::AnonPages),
        swap_total: get(Field::SwapTotal),
        swap_free: get(Field::SwapFree),
    }
}

/// What the kernel's formula makes of a snapshot; `None` if an input is missing.
pub fn available_by_formula(snapshot: &Snapshot, release: Release) -> Option<Bytes> {
    let get = |field| snapshot.meminfo.get(field);
    let pages = |bytes: Bytes| snapshot.page_size.pages_in(bytes);
    let low_marks: Pages = snapshot.zones.iter().map(|zone: &Zone| zone.low).sum::<Option<_>>()?;
    let input = AvailableInput {
        free: pages(get(Field::MemFree)?),
        file_lru: pages(file_cache(snapshot)?),
        reclaimable: pages(get(Field::KReclaimable).or(get(Field::SReclaimable))?),
        low_marks,
        totalreserve: totalreserve_pages(&snapshot.zones)?,
    };
    mem_available(release, input).to_bytes(snapshot.page_size)
}

fn pressure(file: PressureFile) -> PressureReport {
    let (state, figures) = match file {
        PressureFile::Known(figures) => (PressureState::Known, Some(figures)),
        PressureFile::Absent => (PressureState::NotInThisKernel, None),
        PressureFile::Disabled => (PressureState::Disabled, None),
        PressureFile::Denied => (PressureState::Denied, None),
        PressureFile::Unknown => (PressureState::Unknown, None),
    };
    PressureReport { state, figures }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
