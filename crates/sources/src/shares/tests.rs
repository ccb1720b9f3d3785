//! Shares of a machine in memory.
#![expect(clippy::similar_names, reason = "pid and ppid are the words of the field")]

use facts::{Measure, Why};

use super::*;
use crate::Owner;
use crate::testing::Machine;

/// A `stat` line with addresses that only those see who may trace the process.
fn stat(pid: u32, name: &str, ppid: u32, pages: u64, stack: u64) -> String {
    let head = format!("{pid} ({name}) S {ppid} 1 1 0 -1 4194304 10 0 0 0 7 5 0 0 20 0 1 0 900");
    let tail = "0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 1 2 3";
    format!(
        "{head} 8192000 {pages} 18446744073709551615 4194304 4200000 {stack} {tail} 77 78 79 80 0\n"
    )
}

fn sizes(list: &[(&str, u64)]) -> String {
    list.iter().fold(String::new(), |text, (name, kib)| {
        let name = format!("{name}:");
        format!("{text}{name:<16}{kib:>8} kB\n")
    })
}

fn rollup(pss: u64, anon: u64) -> String {
    let head = "5600-7fff ---p 00000000 00:00 0                          [rollup]\n";
    let list = [
        ("Rss", pss * 2),
        ("Pss", pss),
        ("Pss_Anon", anon),
        ("Pss_File", pss - anon),
        ("Pss_Shmem", 0),
        ("Private_Clean", 0),
        ("Private_Dirty", anon),
        ("Swap", 4),
        ("SwapPss", 4),
        ("Shared_Hugetlb", 0),
        ("Private_Hugetlb", 2048),
    ];
    format!("{head}{}", sizes(&list))
}

fn mapping(start: u64, name: &str, rss: u64, pss: u64, private: u64) -> String {
    let list = [
        ("Size", rss),
        ("Rss", rss),
        ("Pss", pss),
        ("Private_Clean", 0),
        ("Private_Dirty", private),
        ("Swap", 0),
    ];
    format!("{start:x}-{:x} rw-p 00000000 fe:00 9    {name}\n{}", start + 4096, sizes(&list))
}

/// Two processes and a thread of the kernel.
fn machine() -> Machine {
    let mut machine = Machine::example();
    machine.files.retain(|path, _| !path.starts_with("300/"));
    machine.files.retain(|path, _| !path.starts_with("1/"));
    for (pid, name, uid) in [(10, "server", 0), (20, "client", 1000)] {
        machine.put(&format!("{pid}/stat"), &stat(pid, name, 1, 100, u64::from(pid) << 20));
        machine.put(&format!("{pid}/cmdline"), &format!("/usr/bin/{name}\0-x\0\0"));
        machine.put(&format!("{pid}/smaps_rollup"), &rollup(100, 60));
        machine.put(&format!("{pid}/cgroup"), "1:name=systemd:/a.service\n0::/\n");
        machine.owners.insert(pid, Owner { uid, gid: uid });
    }
    machine
}

#[derive(Default)]
struct Wish<'a> {
    by_mapping: bool,
    only: Option<&'a str>,
    mapping: Option<&'a [u8]>,
    stall_us: Option<u64>,
}

fn look(machine: &mut Machine, wish: &Wish<'_>) -> Survey {
    let mut keep_mapping = |name: &[u8]| wish.mapping.is_none_or(|wanted| name == wanted);
    let mut ask = Ask {
        ground: if wish.by_mapping { Ground::Mappings } else { Ground::Processes },
        heads: true,
        cgroups: true,
        max_stall_us: wish.stall_us.unwrap_or(100_000),
        keep: &mut |head| wish.only.is_none_or(|only| head.process.comm == Some(Name::from(only))),
        keep_mapping: wish.mapping.is_some().then_some(&mut keep_mapping),
        progress: &mut |_, _| {},
    };
    survey(machine, &mut ask)
}

fn pss(process: &ProcessUse) -> Option<u64> {
    match &process.memory {
        MemoryOf::Shares(shares) => shares.pss().map(Bytes::kib),
        _ => None,
    }
}

#[test]
fn the_kernels_own_sums_are_taken_where_it_has_them() {
    let mut machine = machine();
    let survey = look(&mut machine, &Wish::default());
    assert_eq!(survey.processes.iter().map(pss).collect::<Vec<_>>(), [Some(100), Some(100)]);
    let client = &survey.processes[1];
    assert_eq!(client.uid, Some(1000));
    assert_eq!(client.cgroup, Some(Name::from("/a.service")));
    assert_eq!(client.command, Some(Name::from("/usr/bin/client -x")));
    assert_eq!(client.program, Some(Name::from("client")));
    let MemoryOf::Shares(shares) = &client.memory else { panic!("no shares") };
    assert_eq!(Amounts::from(&**shares).get(Measure::Hugetlb), Bytes::from_kib(2048));
    assert_eq!((survey.kernel_threads, survey.machine.missing.len()), (1, 0));
    assert_eq!(survey.machine.users.len(), 2);
    assert!(!machine.was_asked("10/smaps") && !machine.was_asked("10/status"));
    assert!(!machine.was_asked("2/smaps_rollup"), "a thread of the kernel has no memory");
}

#[test]
fn mappings_are_summed_up_where_there_is_no_rollup() {
    let mut machine = machine();
    machine.files.retain(|path, _| !path.ends_with("smaps_rollup"));
    let text = mapping(0x1000, "/lib/a", 8, 4, 0) + &mapping(0x8000, "", 16, 16, 16);
    machine.put("10/smaps", &text).put("20/smaps", &text);
    let survey = look(&mut machine, &Wish::default());
    assert_eq!(survey.processes.iter().map(pss).collect::<Vec<_>>(), [Some(20), Some(20)]);
    assert!(!machine.was_asked("20/smaps_rollup"), "once is enough to learn it is not there");
}

/// 100 KiB private, 200 KiB shared by two and 150 KiB shared by three are a share of 250 KiB.
#[test]
fn a_share_is_private_memory_and_parts_of_what_is_shared() {
    let mut machine = machine();
    machine.put(
        "10/smaps",
        &(mapping(0x1000, "", 100, 100, 100)
            + &mapping(0x100_000, "/two", 200, 100, 0)
            + &mapping(0x200_000, "/three", 150, 50, 0)),
    );
    machine.files.remove("10/smaps_rollup");
    let survey = look(&mut machine, &Wish { only: Some("server"), ..Wish::default() });
    assert_eq!(pss(&survey.processes[0]), Some(250));
    let MemoryOf::Shares(shares) = &survey.processes[0].memory else { panic!("no shares") };
    assert_eq!(shares.private(), Bytes::from_kib(100));
    assert_eq!(shares.rss(), Bytes::from_kib(450));
    assert_eq!(survey.filtered, 1);
}

#[test]
fn mappings_of_one_name_are_one_and_processes_are_counted_once() {
    let mut machine = machine();
    let text = mapping(0x1000, "/lib/a", 8, 4, 0)
        + &mapping(0x8000, "/lib/a", 8, 4, 0)
        + &mapping(0x10000, "", 16, 16, 16);
    machine.put("10/smaps", &text).put("20/smaps", &text);
    let survey = look(&mut machine, &Wish { by_mapping: true, ..Wish::default() });
    let mappings = survey.mappings.unwrap();
    let told: Vec<_> = mappings
        .iter()
        .map(|m| (m.name.to_string(), m.mappings, m.processes, m.amounts.get(Measure::Pss)))
        .collect();
    assert_eq!(
        told,
        [
            (String::new(), 2, 2, Bytes::from_kib(32)),
            ("/lib/a".to_owned(), 4, 2, Bytes::from_kib(16)),
        ]
    );
}

#[test]
fn a_filter_of_mappings_counts_them_alone() {
    let mut machine = machine();
    machine
        .put("10/smaps", &(mapping(0x1000, "/lib/a", 8, 4, 0) + &mapping(0x10000, "", 16, 16, 16)));
    machine.put("20/smaps", &mapping(0x10000, "", 16, 16, 16));
    let survey = look(&mut machine, &Wish { mapping: Some(b"/lib/a"), ..Wish::default() });
    assert_eq!(survey.processes.iter().map(pss).collect::<Vec<_>>(), [Some(4)]);
    assert_eq!(survey.filtered, 1);
}

#[test]
fn what_may_not_be_read_has_bounds() {
    let mut machine = machine();
    machine.refuse("20/smaps_rollup", Refusal::Denied).refuse("20/smaps", Refusal::Denied);
    machine
        .put("20/status", "Uid:\t33\t0\t0\t0\nVmRSS:\t400 kB\nRssAnon:\t300 kB\nVmSwap:\t8 kB\n");
    let survey = look(&mut machine, &Wish::default());
    let MemoryOf::Bounds(bounds) = &survey.processes[1].memory else { panic!("no bounds") };
    assert_eq!(bounds.why, Unshared::Refused(Why::Denied));
    assert_eq!(
        (bounds.rss, bounds.rss_anon, bounds.rss_file, bounds.swap),
        (Bytes::from_kib(400), Bytes::from_kib(300), None, Bytes::from_kib(8))
    );
    assert_eq!(survey.processes[1].uid, Some(33));
}

#[test]
fn page_tables_that_take_too_long_are_not_walked() {
    let mut machine = machine();
    machine.put("20/stat", &stat(20, "client", 1, 4 << 18, 7));
    machine.put("20/status", "VmRSS:\t4194304 kB\n");
    let wish = Wish { stall_us: Some(40_000), ..Wish::default() };
    let survey = look(&mut machine, &wish);
    let MemoryOf::Bounds(bounds) = &survey.processes[1].memory else { panic!("no bounds") };
    assert_eq!(bounds.why, Unshared::TooLong { estimate_us: 44_040 });
    assert!(!machine.was_asked("20/smaps_rollup"));
    // Reading a capture holds nobody up.
    machine.about.live = false;
    let survey = look(&mut machine, &wish);
    assert_eq!(pss(&survey.processes[1]), Some(100));
}

#[test]
fn two_processes_with_one_address_space_are_read_once() {
    let mut machine = machine();
    machine.process(1, "init", 0x40_0000, 0, "/");
    machine.put("1/smaps_rollup", &rollup(7, 7));
    for pid in [20, 30, 40, 50] {
        machine.put(&format!("{pid}/stat"), &stat(pid, "client", 10, 100, 77));
        machine.put(&format!("{pid}/smaps_rollup"), &rollup(100, 60));
        machine.owners.insert(pid, Owner { uid: 0, gid: 0 });
    }
    // 30 and 50 share; 20 and 40 only began alike, as children of one parent do.
    machine.address_spaces = [(10, 1), (20, 9), (30, 3), (40, 5), (50, 3)].into();
    let survey = look(&mut machine, &Wish::default());
    assert_eq!(survey.twins_by, TwinsBy::Kernel);
    let twins: Vec<_> = survey
        .processes
        .iter()
        .filter_map(|p| match p.memory {
            MemoryOf::Twin(of) => Some((p.pid.get(), of.get())),
            _ => None,
        })
        .collect();
    assert_eq!(twins, [(50, 30)]);
    assert!(!machine.was_asked("50/smaps_rollup"));
}

#[test]
fn without_the_kernels_word_a_process_like_its_parent_is_its_twin() {
    let mut machine = machine();
    machine.about.live = false;
    machine.put("20/stat", &stat(20, "client", 10, 100, 10 << 20));
    machine.put("30/stat", &stat(30, "other", 1, 100, 10 << 20));
    machine.put("30/smaps_rollup", &rollup(100, 60));
    let survey = look(&mut machine, &Wish::default());
    assert_eq!(survey.twins_by, TwinsBy::Looks);
    assert_eq!(survey.processes[1].memory, MemoryOf::Twin(Pid::new(10)));
    // 30 looks the same and is no child: fork leaves such siblings behind.
    assert_eq!(pss(&survey.processes[2]), Some(100));
}

#[test]
fn an_empty_text_of_a_capture_is_no_process_without_memory() {
    let mut machine = machine();
    machine.about.live = false;
    machine.files.retain(|path, _| !path.ends_with("smaps_rollup"));
    machine.put("10/smaps", "").put("20/smaps", &mapping(0x1000, "", 8, 8, 8));
    let survey = look(&mut machine, &Wish::default());
    let MemoryOf::Bounds(bounds) = &survey.processes[0].memory else { panic!("no bounds") };
    let why = Why::Failed("empty, though the process has memory".to_owned());
    assert_eq!(bounds.why, Unshared::Refused(why));
    assert_eq!(bounds.rss, Bytes::from_kib(400), "the pages of stat");
    assert_eq!(pss(&survey.processes[1]), Some(8));
    // Nor is it where nothing of its memory is in RAM at the moment.
    machine.put("10/stat", &stat(10, "server", 1, 0, 9 << 20));
    let survey = look(&mut machine, &Wish::default());
    let MemoryOf::Bounds(bounds) = &survey.processes[0].memory else { panic!("no bounds") };
    assert_eq!(bounds.rss, Some(Bytes::ZERO));
}

#[test]
fn who_goes_away_is_counted_and_not_listed() {
    let mut machine = machine();
    machine.gone.push(15);
    machine.refuse("20/smaps_rollup", Refusal::Gone);
    let survey = look(&mut machine, &Wish::default());
    assert_eq!((survey.processes.len(), survey.without_memory), (1, 2));
}

#[test]
fn no_text_stops_it() {
    let nasty: [&str; 5] = ["", "\0\0", "x", "1000-2000 rw-p 0 0:0 0\nRss: -1 kB\n", "Pss: 5 kB\n"];
    for text in nasty {
        for file in ["10/stat", "10/smaps_rollup", "10/cmdline", "10/cgroup", "meminfo"] {
            let mut machine = machine();
            machine.put(file, text);
            let survey = look(&mut machine, &Wish::default());
            assert!(survey.processes.iter().any(|p| pss(p) == Some(100)), "{file}: {text:?}");
        }
    }
}
