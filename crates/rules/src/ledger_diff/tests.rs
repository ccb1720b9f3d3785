use facts::{Account, Field, MappingShare, Name, ProcessShare, Share, Shares, SlabCache, Snapshot};
use units::{Bytes, Pid};

use super::*;
use crate::ledger::{LineKind, ledger};

const MIB: u64 = 1 << 20;

/// A machine of 8 GiB whose account is open by 8 MiB, `hour` hours after some midnight.
fn machine(hour: u64) -> Snapshot {
    let mut snapshot = Snapshot::unknown("a test");
    snapshot.taken_at = Some(1_700_000_000 + hour * 3600);
    for (field, mib) in [
        (Field::MemTotal, 8192),
        (Field::MemFree, 4096),
        (Field::Active, 1000),
        (Field::Inactive, 2500),
        (Field::Unevictable, 0),
        (Field::AnonPages, 1500),
        (Field::Cached, 1900),
        (Field::Buffers, 100),
        (Field::Slab, 500),
        (Field::SReclaimable, 300),
        (Field::SUnreclaim, 200),
        (Field::PageTables, 88),
    ] {
        snapshot.meminfo.set(field, Bytes::new(mib * MIB));
    }
    snapshot
}

fn moved(snapshot: &mut Snapshot, field: Field, mib: i64) {
    let bytes = snapshot.meminfo.get(field).unwrap().get();
    let bytes = bytes.checked_add_signed(mib * (1 << 20)).unwrap();
    snapshot.meminfo.set(field, Bytes::new(bytes));
}

/// What the change of these fields over two hours is called.
fn told(changes: &[(Field, i64)]) -> LedgerDiffReport {
    let (before, mut after) = (machine(0), machine(2));
    for &(field, mib) in changes {
        moved(&mut after, field, mib);
    }
    after.meminfo.set(Field::MemAvailable, Bytes::new(5 << 30));
    between(&before, &Account::default(), &after, &Account::default())
}

fn between(
    before: &Snapshot,
    before_account: &Account,
    after: &Snapshot,
    after_account: &Account,
) -> LedgerDiffReport {
    let a = ledger(before, before_account);
    let b = ledger(after, after_account);
    diff(
        &Moment { snapshot: before, account: before_account, ledger: &a },
        &Moment { snapshot: after, account: after_account, ledger: &b },
    )
}

#[test]
fn memory_that_leaves_without_trace_is_called_a_leak_with_its_pace() {
    let report = told(&[(Field::MemFree, -512)]);
    assert_eq!(report.verdict.kind, Growth::KernelGrew);
    assert_eq!(report.elapsed_s, Some(7200));
    assert_eq!(
        report.verdict.text,
        "The kernel holds 512 MiB more (256 MiB an hour), and programs no more than before. That is \
         how a leak in the kernel looks. Most of it, 512 MiB, is memory that no counter knows: \
         pages of a driver, a GPU, network buffers or a module. At that pace what is available \
         lasts about 20 h. A third moment tells a leak from something that was allocated once."
    );
    assert_eq!(report.movers[0].kind, LineKind::Free);
    assert_eq!(report.movers[1].label, "rest of managed (MemTotal)");
}

#[test]
fn growing_slab_names_the_cache_that_grew() {
    let (before, mut after) = (machine(0), machine(1));
    for (field, mib) in [(Field::MemFree, -300), (Field::Slab, 300), (Field::SUnreclaim, 300)] {
        moved(&mut after, field, mib);
    }
    let cache =
        |name: &str, mib: u64| SlabCache { name: name.into(), bytes: Bytes::new(mib * MIB) };
    let caches = |dentry, kmalloc| Account {
        caches: vec![cache("dentry", dentry), cache("kmalloc-4k", kmalloc)],
        ..Account::default()
    };
    let report = between(&before, &caches(10, 100), &after, &caches(9, 400));
    assert_eq!(report.verdict.kind, Growth::KernelGrew);
    assert!(report.verdict.text.contains("unreclaimable slab: the cache `kmalloc-4k` most"));
    assert_eq!(report.caches.len(), 2);
    assert_eq!(report.caches[0].bytes.per_hour, Some(300 << 20));
}

#[test]
fn kernel_memory_that_programs_explain_is_no_leak() {
    let report = told(&[
        (Field::MemFree, -1100),
        (Field::AnonPages, 1000),
        (Field::Active, 1000),
        (Field::PageTables, 100),
    ]);
    assert_eq!(report.verdict.kind, Growth::UserGrew);
    assert_eq!(report.verdict.sums.user, 1000 << 20);
    assert_eq!(report.verdict.sums.kernel, 100 << 20);
}

#[test]
fn caches_that_grow_are_no_alarm() {
    let report = told(&[(Field::MemFree, -1000), (Field::Cached, 1000), (Field::Inactive, 1000)]);
    assert_eq!(report.verdict.kind, Growth::CacheGrew);
    assert_eq!(told(&[]).verdict.kind, Growth::Still);
    assert_eq!(told(&[(Field::MemFree, -8)]).verdict.kind, Growth::Still);
    let less = told(&[(Field::MemFree, 900), (Field::AnonPages, -900), (Field::Active, -900)]);
    assert_eq!(less.verdict.kind, Growth::Shrank);
}

#[test]
fn changes_of_the_parts_add_up_to_the_change_of_the_whole() {
    let report = told(&[(Field::MemFree, -1000), (Field::Cached, 700), (Field::Slab, 3)]);
    for (at, line) in report.lines.iter().enumerate() {
        let parts: Vec<i64> = report.lines[at + 1..]
            .iter()
            .take_while(|below| below.depth > line.depth)
            .filter(|below| below.depth == line.depth + 1)
            .map(|below| below.bytes.change)
            .collect();
        assert!(parts.is_empty() || parts.iter().sum::<i64>() == line.bytes.change);
    }
}

fn process(pid: u32, start: u64, mib: u64) -> ProcessShare {
    let total = Bytes::new(mib * MIB);
    let mut shares = Shares::default();
    shares.set(Share::Pss, total);
    ProcessShare {
        pid: Pid::new(pid),
        start_ticks: Some(start),
        name: Some(Name::from("java")),
        cgroup: None,
        rss: Some(total),
        rss_anon: None,
        shares: Some(shares),
        twin_of: None,
    }
}

#[test]
fn a_number_used_again_is_another_process() {
    let of = |shares: [ProcessShare; 3]| Account { shares: shares.into(), ..Account::default() };
    let old = [process(7, 1, 100), process(8, 1, 50), process(9, 1, 5)];
    let new = [process(7, 2, 300), process(8, 1, 60), process(9, 1, 5)];
    let report = between(&machine(0), &of(old), &machine(0), &of(new));
    let rows: Vec<_> = report
        .processes
        .iter()
        .map(|p| (p.pid.get(), p.pss.before.is_some(), p.pss.change >> 20))
        .collect();
    assert_eq!(rows, [(7, false, 300), (7, true, -100), (8, true, 10)]);
}

#[test]
fn mappings_of_one_name_are_added_up() {
    let of =
        |mappings: [MappingShare; 3]| Account { mappings: mappings.into(), ..Account::default() };
    let mapping = |name: &str, mib: u64| MappingShare {
        pid: Pid::new(7),
        start_ticks: None,
        process: None,
        mapping: name.into(),
        pss: Bytes::new(mib * MIB),
    };
    let old = [mapping("[heap]", 5), mapping("libc.so", 1), mapping("libc.so", 2)];
    let new = [mapping("[heap]", 50), mapping("libc.so", 3), mapping("gone", 0)];
    let report = between(&machine(0), &of(old), &machine(0), &of(new));
    assert_eq!(report.mappings.len(), 1);
    assert_eq!(report.mappings[0].pss.change, 45 << 20);
}

#[test]
fn moments_in_the_wrong_order_and_restarts_are_told() {
    let nothing = Account::default();
    let report = between(&machine(5), &nothing, &machine(0), &nothing);
    assert_eq!(report.elapsed_s, None);
    assert!(report.notes.iter().any(|note| note.contains("earlier")));
    let (mut before, mut after) = (machine(0), machine(5));
    (before.uptime_s, after.uptime_s) = (Some(10_000), Some(100));
    let report = between(&before, &nothing, &after, &nothing);
    assert!(report.notes.iter().any(|note| note.contains("restarted")));
}

#[test]
fn moments_without_an_account_cannot_be_compared() {
    let (unknown, nothing) = (Snapshot::unknown("nothing"), Account::default());
    let report = between(&unknown, &nothing, &unknown, &nothing);
    assert_eq!(report.verdict.kind, Growth::Unknown);
}
