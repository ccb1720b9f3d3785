//! Small machines for tests.

use facts::{Cgroup, CgroupStat, CgroupVersion, Field, Name, Snapshot, Task, Zone};
use units::{Bytes, Limit, Pages, Pid};

use crate::rank::{Domain, RankReport, RankRow, SourceLine};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

pub(crate) fn mib(count: u64) -> Bytes {
    Bytes::new(count * MIB)
}

/// A machine of which `/proc/meminfo` is known, in kB.
pub(crate) fn machine(release: &str, meminfo: &[(Field, u64)]) -> Snapshot {
    let mut snapshot = Snapshot::unknown("test");
    snapshot.kernel.release = Some(release.parse().unwrap());
    for &(field, kib) in meminfo {
        snapshot.meminfo.set(field, Bytes::from_kib(kib).unwrap());
    }
    snapshot
}

/// A zone: free, min (boost included), managed and the protection towards user pages.
pub(crate) fn zone(name: &str, free: u64, min: u64, managed: u64, protection: u64) -> Zone {
    Zone {
        name: name.into(),
        free: Some(Pages::new(free)),
        min: Some(Pages::new(min)),
        low: Some(Pages::new(min + min / 4)),
        high: Some(Pages::new(min + min / 2)),
        managed: Some(Pages::new(managed)),
        protection: vec![Pages::ZERO, Pages::new(protection)],
        ..Zone::default()
    }
}

/// 16 GiB, 8 GiB of them free and 4 GiB cache; no swap.
pub(crate) fn calm() -> Snapshot {
    let mut snapshot = machine(
        "6.18",
        &[
            (Field::MemTotal, 16 << 20),
            (Field::MemFree, 8 << 20),
            (Field::MemAvailable, 12 << 20),
            (Field::ActiveFile, 2 << 20),
            (Field::InactiveFile, 2 << 20),
            (Field::Mapped, 512 << 10),
            (Field::Dirty, 1 << 10),
            (Field::Writeback, 0),
            (Field::KReclaimable, 128 << 10),
            (Field::AnonPages, 3 << 20),
            (Field::SwapTotal, 0),
            (Field::SwapFree, 0),
        ],
    );
    let pages = 4 << 20;
    snapshot.zones = vec![zone("Normal", pages / 2, 16_384, pages, 0)];
    snapshot.vmstat.lines = vec![("oom_kill".into(), 0)];
    snapshot
}

/// Sets a line of `/proc/meminfo`, MiB, and keeps the one zone's free pages in step.
pub(crate) fn set(snapshot: &mut Snapshot, field: Field, mib: u64) {
    snapshot.meminfo.set(field, Bytes::new(mib * MIB));
    if field == Field::MemFree {
        snapshot.zones[0].free = Some(Pages::new(mib * MIB / 4096));
    }
}

/// Adds a v2 cgroup with a limit, usage and page cache, MiB.
pub(crate) fn cgroup<'a>(
    snapshot: &'a mut Snapshot,
    path: &str,
    max: Option<u64>,
    current: u64,
    cache: u64,
) -> &'a mut Cgroup {
    snapshot.cgroups.version.get_or_insert(CgroupVersion::V2);
    snapshot.cgroups.groups.entry(Name::from(path)).or_insert(Cgroup {
        max: Some(max.map_or(Limit::Max, |max| Limit::At(mib(max)))),
        current: Some(mib(current)),
        stat: CgroupStat {
            active_file: Some(Bytes::ZERO),
            inactive_file: Some(mib(cache)),
            ..CgroupStat::default()
        },
        ..Cgroup::default()
    })
}

/// A process with so much resident memory, in pages.
pub(crate) fn task(pid: u32, resident: u64, vsize: u64) -> Task {
    Task {
        rss: Some(Pages::new(resident)),
        vsize: Some(Bytes::new(vsize)),
        state: Some('S'),
        ..Task::unknown(Pid::new(pid))
    }
}

/// A row of a ranking: name, pid, resident memory and cgroup.
pub(crate) fn row(name: &str, pid: u32, resident: Bytes, cgroup: Option<&str>) -> RankRow {
    RankRow {
        rank: 1,
        pid: Pid::new(pid),
        name: Some(Name::from(name)),
        uid: None,
        user: None,
        points: 0,
        steps: Vec::new(),
        predicted_oom_score: None,
        oom_score: None,
        oom_score_adj: None,
        oom_adj: None,
        resident: Some(resident),
        resident_anon: None,
        swap: None,
        page_tables: None,
        frees: None,
        cgroup: cgroup.map(Name::from),
        assumed: Vec::new(),
    }
}

/// A ranking of one domain with these rows.
pub(crate) fn ranking(domain: &Domain, rows: Vec<RankRow>) -> RankReport {
    RankReport {
        schema: "oomph.rank/1",
        source: SourceLine {
            origin: "test".to_owned(),
            kernel: None,
            release: None,
            taken_at: None,
            page_size: 4096,
            page_size_known: true,
        },
        rules_of: None,
        formula: "by hand",
        domain: domain.clone(),
        total: Some(Bytes::new(16 * GIB)),
        rows,
        immune: Vec::new(),
        without_memory: 0,
        unreadable: Vec::new(),
        missing: Vec::new(),
        notes: Vec::new(),
    }
}
