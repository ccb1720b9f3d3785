use facts::{
    Account, BootLog, BootTable, Field, HugePool, Kernel, Meminfo, Name, ProcessShare, Share,
    Shares, Snapshot, TablePlace, Zram,
};
use proptest::prelude::*;
use units::{Bytes, Pages, Pid};

use super::*;

/// A snapshot of the files of one machine, whose text is known to be whole.
fn machine(release: &str, meminfo: &[u8], zoneinfo: &[u8], vmstat: &[u8]) -> Snapshot {
    let mut problems = Vec::new();
    let mut snapshot = Snapshot::unknown("a test");
    snapshot.kernel = Kernel { text: Some(Name::from(release)), release: release.parse().ok() };
    snapshot.machine = Some(Name::from("x86_64"));
    snapshot.page_size_known = true;
    snapshot.meminfo = proctext::meminfo(meminfo, "meminfo", &mut problems);
    if !zoneinfo.is_empty() {
        snapshot.zones = proctext::zoneinfo(zoneinfo, "zoneinfo", &mut problems);
    }
    if !vmstat.is_empty() {
        snapshot.vmstat = proctext::vmstat(vmstat, "vmstat", &mut problems);
    }
    assert_eq!(problems, []);
    snapshot
}

/// A 24 GiB machine that initialises its memory map lazily, x86-64, Linux 6.18.
fn deferred() -> Snapshot {
    machine(
        "6.18.44",
        include_bytes!("data/6.18-deferred/meminfo"),
        include_bytes!("data/6.18-deferred/zoneinfo"),
        include_bytes!("data/6.18-deferred/vmstat"),
    )
}

/// A machine of 2 GiB with Linux 2.6.32, of which somebody kept `/proc/meminfo` alone.
fn old() -> Snapshot {
    machine("2.6.32", include_bytes!("data/2.6.32/meminfo"), b"", b"")
}

#[track_caller]
fn adds_up(line: &Line) {
    for (_, line) in line.walk() {
        if let Some(last) = line.children.last() {
            let sum: i128 = line.children.iter().map(|child| i128::from(child.bytes)).sum();
            assert_eq!(sum, i128::from(line.bytes), "{}", line.label());
            assert_eq!(last.kind, LineKind::Rest, "{}", line.label());
        }
        let negative = line.bytes < 0;
        assert!(!negative || line.kind == LineKind::Rest, "{} is negative", line.label());
        if let Exactness::Bounded { at_least, at_most } = line.exactness {
            assert!((at_least..=at_most).contains(&line.bytes), "{}", line.label());
        }
    }
}

fn of(report: &LedgerReport, kind: LineKind) -> i64 {
    report.machine.as_ref().and_then(|m| m.find(kind)).map_or(-1, |line| line.bytes)
}

#[test]
fn a_real_machine_is_accounted_for_to_a_thousandth() {
    let snapshot = deferred();
    let report = ledger(&snapshot, &Account::default());
    adds_up(report.machine.as_ref().unwrap());
    assert_eq!(report.verdict.level, RemainderLevel::Normal);
    let share = report.verdict.share.unwrap().hundredths();
    assert!(share <= 10, "{share} hundredths of a percent: {:?}", report.verdict);
    assert_eq!(report.implausible, []);
}

#[test]
fn memory_whose_map_is_not_initialised_is_free_and_named() {
    let snapshot = deferred();
    let report = ledger(&snapshot, &Account::default());
    let free = report.machine.as_ref().unwrap().find(LineKind::Free).unwrap();
    let deferred = free.child(LineKind::Deferred).unwrap();
    assert_eq!(deferred.bytes, 8_207_720 << 10);
    let counted = snapshot.meminfo.get(Field::MemFree).unwrap().get().cast_signed();
    assert!((free.bytes - counted).abs() < 8 << 20, "{free:?}");
}

#[test]
fn pages_that_moved_between_the_lists_and_the_files_are_counted_once() {
    let snapshot = deferred();
    let plain = ledger(&snapshot, &Account::default()).verdict.remainder.unwrap();
    // Read later: some 39 MiB went from per-cpu lists to the free lists.
    let mut later = deferred();
    let zone = later.zones.iter_mut().find(|zone| zone.pcp > Some(Pages::new(10_000))).unwrap();
    zone.pcp = Some(zone.pcp.unwrap().saturating_sub(Pages::new(10_000)));
    zone.free = Some(zone.free.unwrap().saturating_add(Pages::new(10_000)));
    let report = ledger(&later, &Account::default());
    assert_eq!(report.verdict.remainder.unwrap(), plain);
    let machine = report.machine.unwrap();
    let note = machine.find(LineKind::Free).unwrap().note.as_ref().unwrap();
    assert!(note.starts_with("meminfo MemFree, read at another moment, says "), "{note}");
}

#[test]
fn stacks_in_vmalloc_are_not_counted_twice() {
    let snapshot = deferred();
    let line = |told| {
        let report = ledger(&snapshot, &Account { vmap_stack: told, ..Account::default() });
        report.machine.unwrap().find(LineKind::Managed).unwrap().clone()
    };
    let stacks = snapshot.meminfo.get(Field::KernelStack).unwrap().get().cast_signed();
    let inside = line(Some(true));
    assert_eq!(inside.child(LineKind::KernelStacks), None);
    let vmalloc = inside.child(LineKind::Vmalloc).unwrap();
    assert_eq!(vmalloc.child(LineKind::KernelStacks).unwrap().exactness, Exactness::Exact);
    let beside = line(Some(false));
    assert_eq!(beside.child(LineKind::KernelStacks).unwrap().bytes, stacks);
    assert_eq!(beside.rest().unwrap().bytes, inside.rest().unwrap().bytes - stacks);
    // Nobody looked: x86-64 of 6.18 has them inside unless somebody switched that off.
    let likely = line(None);
    let likely = likely.child(LineKind::Vmalloc).unwrap().child(LineKind::KernelStacks).unwrap();
    assert_eq!(likely.exactness, Exactness::Estimated);
}

#[test]
fn stacks_that_do_not_fit_into_vmalloc_are_beside_it() {
    let mut snapshot = deferred();
    snapshot.meminfo.set(Field::KernelStack, Bytes::new(1 << 30));
    let report = ledger(&snapshot, &Account::default());
    let machine = report.machine.unwrap();
    let managed = machine.find(LineKind::Managed).unwrap();
    assert_eq!(managed.child(LineKind::KernelStacks).unwrap().bytes, 1 << 30);
}

#[test]
fn lines_an_old_kernel_does_not_have_are_said_to_be_in_the_remainder() {
    let mut snapshot = old();
    let report = ledger(&snapshot, &Account::default());
    adds_up(report.machine.as_ref().unwrap());
    assert_eq!(of(&report, LineKind::Vmalloc), -1, "it was address space, not memory");
    assert_eq!(report.verdict.level, RemainderLevel::Large);
    let told = report.verdict.may_be.join("; ");
    assert!(told.contains("vmalloc") && told.contains("per-cpu lists"), "{told}");

    // 2.6.27 has neither Unevictable nor Shmem nor KernelStack.
    let text = String::from_utf8_lossy(include_bytes!("data/2.6.32/meminfo")).into_owned();
    let without = ["Unevictable:", "Mlocked:", "Shmem:", "KernelStack:", "Active(", "Inactive("];
    let older: String = text
        .split_inclusive('\n')
        .filter(|line| !without.iter().any(|name| line.starts_with(name)))
        .collect();
    snapshot = machine("2.6.27", older.as_bytes(), b"", b"");
    let report = ledger(&snapshot, &Account::default());
    adds_up(report.machine.as_ref().unwrap());
    assert_eq!(of(&report, LineKind::User), (233_176 + 246_544) << 10);
    let told = report.verdict.may_be.join("; ");
    assert!(told.contains("stacks of threads"), "{told}");
}

#[test]
fn what_is_missing_altogether_is_unknown_and_not_zero() {
    let snapshot = Snapshot::unknown("nothing");
    let report = ledger(&snapshot, &Account::default());
    assert_eq!(report.machine, None);
    assert_eq!(report.verdict.level, RemainderLevel::Unknown);
    let mut snapshot = deferred();
    let total = snapshot.meminfo.get(Field::MemTotal).unwrap();
    snapshot.meminfo = Meminfo::default();
    snapshot.meminfo.set(Field::MemTotal, total);
    let report = ledger(&snapshot, &Account::default());
    assert_eq!(report.verdict.level, RemainderLevel::Unknown);
    assert_eq!(report.verdict.remainder, None);
}

#[test]
fn a_figure_that_cannot_be_true_is_named_and_not_used() {
    let mut snapshot = deferred();
    snapshot.meminfo.set(Field::SReclaimable, Bytes::new(u64::MAX - 4095));
    let report = ledger(&snapshot, &Account::default());
    adds_up(report.machine.as_ref().unwrap());
    assert_eq!(of(&report, LineKind::SlabReclaimable), -1);
    assert_eq!(report.implausible[0].place, "meminfo SReclaimable");
}

#[test]
fn an_over_count_is_shown() {
    let mut snapshot = deferred();
    let total = snapshot.meminfo.get(Field::MemTotal).unwrap();
    snapshot.meminfo.set(Field::PageTables, total);
    let report = ledger(&snapshot, &Account::default());
    adds_up(report.machine.as_ref().unwrap());
    assert_eq!(report.verdict.level, RemainderLevel::OverCounted);
    assert!(report.verdict.remainder.unwrap() < 0);
}

#[test]
fn memory_that_no_counter_knows_is_called_large_in_words() {
    let mut snapshot = deferred();
    let free = snapshot.meminfo.get(Field::MemFree).unwrap();
    snapshot.meminfo.set(Field::MemFree, free.saturating_sub(Bytes::new(3 << 30)));
    let report = ledger(&snapshot, &Account::default());
    assert_eq!(report.verdict.level, RemainderLevel::Large);
    assert!(report.verdict.text.contains("3.01 GiB"), "{}", report.verdict.text);
    assert!(report.verdict.may_be.iter().any(|m| m.contains("network")));
}

#[test]
fn a_balloon_is_counted_where_its_driver_left_it() {
    // Kept on MemTotal: it fills the hole.
    let mut snapshot = deferred();
    let free = snapshot.meminfo.get(Field::MemFree).unwrap();
    let size = Bytes::new(2 << 30);
    snapshot.meminfo.set(Field::MemFree, free.saturating_sub(size));
    snapshot.meminfo.set(Field::Balloon, size);
    let report = ledger(&snapshot, &Account::default());
    let machine = report.machine.unwrap();
    assert!(machine.find(LineKind::Managed).unwrap().child(LineKind::Balloon).is_some());
    assert_eq!(report.verdict.level, RemainderLevel::Normal);
    // Taken off it: there is no hole to fill.
    let mut snapshot = deferred();
    snapshot.meminfo.set(Field::Balloon, size);
    let report = ledger(&snapshot, &Account::default());
    let machine = report.machine.unwrap();
    adds_up(&machine);
    let before = machine.find(LineKind::BeforeAllocator).unwrap();
    assert!(before.child(LineKind::Balloon).is_some());
    assert_eq!(report.verdict.level, RemainderLevel::Normal);
}

#[test]
fn zswap_is_in_the_zsmalloc_pool_unless_it_cannot_be() {
    let mut snapshot = deferred();
    snapshot.meminfo.set(Field::Zswap, Bytes::new(100 << 20));
    let pages = |mib: u64| mib << 8;
    let mut with_pool = |mib| {
        snapshot.vmstat.lines.retain(|(name, _)| &**name != "nr_zspages");
        snapshot.vmstat.lines.push(("nr_zspages".into(), pages(mib)));
        let zram = vec![Zram { name: "zram0".into(), used: Bytes::new(50 << 20), stored: None }];
        let report = ledger(&snapshot, &Account { zram, ..Account::default() });
        of(&report, LineKind::Compressed) >> 20
    };
    assert_eq!(with_pool(150), 150);
    assert_eq!(with_pool(50), 150, "zswap has an allocator of its own");
    assert_eq!(with_pool(160), 160);
}

#[test]
fn pools_of_huge_pages_are_split_into_used_and_idle() {
    let mut snapshot = deferred();
    snapshot.meminfo.set(Field::Hugetlb, Bytes::new(3 << 30));
    let pools = vec![
        HugePool { page: Bytes::new(2 << 20), total: 512, free: Some(12) },
        HugePool { page: Bytes::new(1 << 30), total: 2, free: Some(2) },
    ];
    let report = ledger(&snapshot, &Account { pools, ..Account::default() });
    let machine = report.machine.unwrap();
    adds_up(&machine);
    let pool = machine.find(LineKind::HugetlbPool).unwrap();
    assert_eq!(pool.rest().unwrap().bytes, 0);
    assert_eq!(pool.children[0].label(), "huge page pool of 2 MiB");
    assert_eq!(pool.children[0].child(LineKind::HugetlbUsed).unwrap().bytes, 1000 << 20);
}

#[test]
fn unaccepted_memory_is_a_part_of_free_memory() {
    let mut snapshot = deferred();
    snapshot.vmstat.lines.push(("nr_unaccepted".into(), 1024));
    let before = of(&ledger(&deferred(), &Account::default()), LineKind::Free);
    let report = ledger(&snapshot, &Account::default());
    adds_up(report.machine.as_ref().unwrap());
    assert_eq!(of(&report, LineKind::Free), before);
    assert_eq!(of(&report, LineKind::Unaccepted), 4 << 20);
}

#[test]
fn tables_of_the_boot_log_leave_the_remainder() {
    let snapshot = deferred();
    let table = |name: &str, mib: u64, place| BootTable {
        name: name.into(),
        bytes: Bytes::new(mib << 20),
        place,
    };
    let tables = vec![
        table("TCP established", 2, TablePlace::Pages),
        table("Dentry cache", 32, TablePlace::Early),
        table("UDP", 1, TablePlace::Vmalloc),
    ];
    let plain = ledger(&snapshot, &Account::default()).verdict.remainder.unwrap();
    let report = ledger(
        &snapshot,
        &Account { boot: BootLog { tables, percpu_first_chunk: None }, ..Account::default() },
    );
    adds_up(report.machine.as_ref().unwrap());
    assert_eq!(report.verdict.remainder.unwrap(), plain - (2 << 20));
    assert_eq!(of(&report, LineKind::EarlyTables), 32 << 20);
}

fn with(shares: &[ProcessShare]) -> Account {
    Account { shares: shares.to_vec(), ..Account::default() }
}

fn process(pid: u32, anon: u64, file: u64, shmem: u64) -> ProcessShare {
    let [anon, file, shmem] = [anon, file, shmem].map(|kib| Bytes::new(kib << 10));
    let total = anon.saturating_add(file).saturating_add(shmem);
    let mut shares = Shares::default();
    for (share, bytes) in [
        (Share::Pss, total),
        (Share::PssAnon, anon),
        (Share::PssFile, file),
        (Share::PssShmem, shmem),
    ] {
        shares.set(share, bytes);
    }
    ProcessShare {
        pid: Pid::new(pid),
        start_ticks: None,
        name: None,
        cgroup: Some(Name::from("/a/b")),
        rss: Some(total),
        rss_anon: Some(anon),
        shares: Some(shares),
        twin_of: None,
    }
}

#[test]
fn shares_of_all_processes_are_what_the_kernel_counts() {
    let mut snapshot = deferred();
    snapshot.meminfo.set(Field::AnonPages, Bytes::new(300 << 20));
    snapshot.meminfo.set(Field::Mapped, Bytes::new(100 << 20));
    snapshot.meminfo.set(Field::Shmem, Bytes::new(40 << 20));
    let mut shares = [
        process(1, 200 << 10, 60 << 10, 10 << 10),
        process(2, 100 << 10, 20 << 10, 10 << 10),
        process(3, 100 << 10, 20 << 10, 10 << 10),
    ];
    shares[2].twin_of = Some(Pid::new(2));
    let report = ledger(&snapshot, &with(&shares));
    let identities = report.shares.unwrap();
    assert_eq!((identities.read, identities.unread, identities.twins), (2, 0, 1));
    assert_eq!(identities.anon.unwrap().difference, 0);
    assert!(identities.mapped.unwrap().holds);
    assert_eq!(
        identities.text,
        "The processes' shares add up to 100.00 % of AnonPages and 100.00 % of Mapped."
    );
    // Mapped shared memory is told apart by the shares: 100 - 20 MiB of files.
    let machine = report.machine.unwrap();
    assert_eq!(machine.find(LineKind::FileMapped).unwrap().bytes, 80 << 20);

    // One that could not be read explains at most its resident memory.
    shares[0].shares = None;
    let report = ledger(&snapshot, &with(&shares));
    let identities = report.shares.unwrap();
    assert!(identities.anon.unwrap().holds && identities.mapped.unwrap().holds);
    assert!(identities.text.ends_with("1 could not be read, at most 270 MiB in them."));
    shares[0].rss_anon = Some(Bytes::new(1 << 20));
    let report = ledger(&snapshot, &with(&shares));
    assert!(!report.shares.unwrap().anon.unwrap().holds);
}

#[test]
fn a_cgroup_is_its_parts_and_a_rest() {
    let mut snapshot = deferred();
    let mib = |n: u64| Some(Bytes::new(n << 20));
    let mut group = facts::Cgroup { current: mib(100), ..facts::Cgroup::default() };
    group.stat.anon = mib(50);
    group.stat.file = mib(30);
    group.stat.shmem = mib(10);
    group.stat.inactive_anon = mib(40);
    group.stat.active_anon = mib(20);
    group.stat.inactive_file = mib(10);
    group.stat.active_file = mib(10);
    group.stat.unevictable = mib(0);
    group.stat.kernel = mib(15);
    group.stat.slab = mib(9);
    group.stat.slab_reclaimable = mib(4);
    group.stat.slab_unreclaimable = mib(5);
    group.stat.kernel_stack = mib(1);
    group.stat.sock = mib(3);
    snapshot.cgroups.version = Some(facts::CgroupVersion::V2);
    snapshot.cgroups.groups.insert(Name::from("/a"), group);
    let shares = [process(1, 1024, 0, 0)];
    let report = ledger(&snapshot, &with(&shares));
    let ledger = &report.cgroups[0];
    adds_up(&ledger.line);
    assert_eq!(ledger.line.rest().unwrap().bytes, 2 << 20);
    let kernel = ledger.line.child(LineKind::CgroupKernel).unwrap();
    assert_eq!(kernel.rest().unwrap().bytes, 5 << 20);
    assert_eq!(ledger.line.find(LineKind::FileCache).unwrap().bytes, 20 << 20);
    assert_eq!(ledger.pss, Some(Bytes::new(1 << 20)));
}

proptest! {
    #[test]
    fn children_add_up_to_their_parent_whatever_the_files_say(
        kib in proptest::collection::vec(any::<Option<u64>>(), Field::ALL.len()),
        shift in 0_u32..64,
        counters in proptest::collection::vec(any::<u64>(), 8),
        zones in proptest::collection::vec(proptest::array::uniform4(any::<Option<u64>>()), 0..4),
        release in proptest::option::of((2_u16..8, 0_u16..40, 0_u16..40)),
    ) {
        let mut snapshot = Snapshot::unknown("arbitrary");
        snapshot.kernel.release = release.map(|(a, b, c)| facts::Release { major: a, minor: b, patch: c });
        for (&field, value) in Field::ALL.iter().zip(&kib) {
            if let Some(value) = value {
                snapshot.meminfo.set(field, Bytes::new(value >> shift));
            }
        }
        snapshot.meminfo.set(Field::MemTotal, Bytes::new(u64::MAX >> shift >> 12));
        let names = [
            "nr_zspages", "nr_isolated_anon", "nr_isolated_file", "nr_unaccepted",
            "nr_memmap_boot_pages", "balloon_inflate", "balloon_deflate", "nr_iommu_pages",
        ];
        for (name, value) in names.iter().zip(&counters) {
            snapshot.vmstat.lines.push(((*name).into(), value >> shift));
        }
        for figures in &zones {
            let [free, present, managed, pcp] = figures.map(|v| v.map(|v| Pages::new(v >> shift)));
            snapshot.zones.push(facts::Zone { free, present, managed, pcp, ..facts::Zone::default() });
        }
        let report = ledger(&snapshot, &Account::default());
        if let Some(machine) = &report.machine {
            adds_up(machine);
        }
    }
}

#[test]
fn huge_pages_that_32_bit_kernels_lose_in_pss_are_found_again() {
    // Process 114 of Debian's 6.1 for 686-pae: 26 MiB in huge pages, and a share of 87 KiB in what
    // it has in common with others.
    let shares = |own: u64, common: u64, pss: u64, huge: u64| {
        let mut shares = Shares::default();
        for (share, kib) in [
            (Share::Rss, own + common),
            (Share::Pss, pss),
            (Share::PssAnon, pss),
            (Share::PrivateClean, 0),
            (Share::PrivateDirty, own),
            (Share::AnonHuge, huge),
        ] {
            shares.set(share, Bytes::from_kib(kib).unwrap());
        }
        shares
    };
    let sum = |machine: &str, release: &str, shares: Shares| {
        let mut snapshot = deferred();
        snapshot.machine = Some(Name::from(machine));
        snapshot.kernel.release = release.parse().ok();
        let share = ProcessShare {
            pid: Pid::new(1),
            start_ticks: None,
            name: None,
            cgroup: None,
            rss: None,
            rss_anon: None,
            shares: Some(shares),
            twin_of: None,
        };
        let account = Account { shares: vec![share], ..Account::default() };
        ledger(&snapshot, &account).shares.unwrap().anon.unwrap().sum.kib()
    };
    let lost = || shares(29_312, 1412, 2775, 26_624);
    assert_eq!(sum("i686", "6.1.0", lost()), 2775 + 26_624);
    assert_eq!(sum("i686", "5.2.0", lost()), 2775);
    assert_eq!(sum("x86_64", "6.1.0", lost()), 2775);
    // Huge pages that a parent and its child map are not lost.
    assert_eq!(sum("i686", "6.1.0", shares(1200, 6424, 3205, 4096)), 3205);
}

#[test]
fn upper_levels_of_page_tables_are_a_line_where_the_kernel_does_not_count_them() {
    let uncounted = |release: &str, machine: &str| {
        let mut snapshot = deferred();
        snapshot.kernel.release = release.parse().ok();
        snapshot.machine = Some(Name::from(machine));
        for pid in 1..=16 {
            let mut task = facts::Task::unknown(Pid::new(pid));
            task.vm_rss = Some(Bytes::new(1 << 20));
            snapshot.tasks.push(task);
        }
        of(&ledger(&snapshot, &Account::default()), LineKind::UpperPageTables) >> 10
    };
    assert_eq!(uncounted("4.14.0", "x86_64"), 16 * (4 + 8));
    assert_eq!(uncounted("6.1.0", "x86_64"), 16 * (8 + 8) + 256);
    assert_eq!(uncounted("6.12.0", "x86_64"), 16 * 8);
    assert_eq!(uncounted("6.14.0", "x86_64"), -1);
    assert_eq!(uncounted("6.1.0", "aarch64"), -1);
}
