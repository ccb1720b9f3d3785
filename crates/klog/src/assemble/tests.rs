//! What belongs together, and what does not.

use facts::oom_report::{OomReport, Reporter};
use units::{Bytes, Limit, Pages, Pid};

use crate::reports;

/// Who reported, behind a header and before a table that make it a report.
fn reporter(lines: &str) -> Reporter {
    let text = format!(
        "cc1 invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0\n{lines}\nCall Trace:\n \
         [<ffffffff8151a000>] dump_stack+0x19/0x1b\n\
         Out of memory: Kill process 7 (cc1) score 9 or sacrifice child\n"
    );
    let mut all = reports(text.as_bytes());
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).report.reporter
}

/// As kernels to 4.8 print the stack below the machine's name, here without times.
const WORDS: &str = "ffff880221a3d000 00000000deadbeef ffff88021fb03b08 ffffffff8151a000\n \
                     ffff88021fb03b98 ffffffff81515f50 0000000000000206 ffffffff81062f20";

#[test]
fn words_of_a_stack_are_no_part_of_the_machines_name() {
    let cpu = "CPU: 3 PID: 7 Comm: cc1 Not tainted 3.12.0 #4";
    let hardware = "Hardware name: Maker Model/Board, BIOS 1.0 01/02/2014";
    for lines in [
        format!("{cpu}\n{hardware}\n {WORDS}"),
        format!("{cpu}\n{hardware} \n{WORDS}"),
        format!("\"{cpu}\",\n\"{hardware}\",\n\" {}\",", WORDS.replace('\n', "\",\n\"")),
        format!("> {cpu}\n> {hardware}\n> {}", WORDS.replace('\n', "\n> ")),
    ] {
        let reporter = reporter(&lines);
        let name = reporter.hardware.as_ref().map(ToString::to_string);
        assert_eq!(name.as_deref(), Some("Maker Model/Board, BIOS 1.0 01/02/2014"), "{lines}");
        assert_eq!(reporter.trace.len(), 1);
    }
}

#[test]
fn words_of_a_stack_are_no_part_of_the_version() {
    for cpu in [
        "CPU: 3 PID: 7 Comm: cc1 Not tainted 3.12.0 #4",
        "Pid: 7, comm: cc1 Tainted: G        W    3.12.0 #4",
    ] {
        for lines in [format!("{cpu}\n{WORDS}"), format!("{cpu} \n {WORDS}")] {
            let version = reporter(&lines).version.map(|version| version.to_string());
            assert_eq!(version.as_deref(), Some("3.12.0 #4"), "{lines}");
        }
    }
}

#[test]
fn a_version_and_a_machines_name_that_were_wrapped_are_whole() {
    let lines = "CPU: 3 PID: 7 Comm: cc1 Not tainted \n3.12.0-9-generic #4-Maker\n\
                 Hardware name: Maker Model/Board,\nBIOS 1.0 01/02/2014\n ";
    let reporter = reporter(&format!("{lines}{WORDS}"));
    let text = |name: &Option<facts::Name>| name.as_ref().map(ToString::to_string);
    assert_eq!(text(&reporter.version).as_deref(), Some("3.12.0-9-generic #4-Maker"));
    let hardware = "Maker Model/Board, BIOS 1.0 01/02/2014";
    assert_eq!(text(&reporter.hardware).as_deref(), Some(hardware));
}

fn one(text: &str) -> OomReport {
    let mut all = reports(text.as_bytes());
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].problems, [], "{text}");
    let report = all.remove(0).report;
    assert_eq!(report.unknown_lines().count(), 0, "{text}");
    report
}

#[test]
fn every_kernels_number_for_no_limit_is_none() {
    for (kib, limited) in [
        // Pages of 4 and of 64 KiB; bytes with and without a sign; 32 bits.
        (9_007_199_254_740_988, false),
        (9_007_199_254_740_928, false),
        (9_007_199_254_740_991, false),
        (18_014_398_509_481_983, false),
        (4 << 40, true),
        (0, true),
    ] {
        let text = format!(
            "Task in /a killed as a result of limit of /b\nmemory: usage 1kB, limit {kib}kB, \
             failcnt 0\nMemory cgroup out of memory: Killed process 7 (x)\n"
        );
        let usage = one(&text).memcg.unwrap().memory.unwrap();
        let expected = if limited { Bytes::from_kib(kib).map(Limit::At) } else { Some(Limit::Max) };
        assert_eq!(usage.limit, expected, "{kib}");
    }
}

#[test]
fn red_hats_kill_lines_name_the_user() {
    let head = "x invoked oom-killer: gfp_mask=0xd0, order=0, oomkilladj=0\n";
    for line in [
        "Out of memory: Killed process 123, UID 500, (x) y).",
        "Killed process 123, UID 500, (x) y) total-vm:8kB, anon-rss:4kB, file-rss:2kB",
        "Killed process 123 (x) y) total-vm:8kB, anon-rss:4kB, file-rss:2kB, shmem-rss:1kB",
    ] {
        let report = one(&format!("{head}{line}\n"));
        let kill = &report.kills[0];
        assert_eq!(kill.pid, Some(Pid::new(123)), "{line}");
        assert_eq!(kill.name.as_ref().map(ToString::to_string).as_deref(), Some("x) y"), "{line}");
        assert_eq!(kill.uid.is_some(), line.contains("UID"), "{line}");
        assert_eq!(kill.anon_rss.is_some(), line.contains("anon"), "{line}");
    }
}

#[test]
fn totals_of_other_architectures_are_read() {
    let report = one(
        "x invoked oom-killer: gfp_mask=0xd0, order=0, oomkilladj=0\nMem-info:\n65536 pages of \
         RAM\n547 free pages\n2170 reserved pages\n446 slab pages\n428 pages shared\n9 pages swap \
         cached\n",
    );
    let totals = report.memory.unwrap().totals;
    let pages = |count| Some(Pages::new(count));
    assert_eq!((totals.ram, totals.free, totals.reserved), (pages(65536), pages(547), pages(2170)));
    assert_eq!((totals.slab, totals.shared), (pages(446), pages(428)));
    assert_eq!(totals.swap_cached, pages(9));
    let report = one(
        "x invoked oom-killer: gfp_mask=0xd0, order=0, oomkilladj=0\nMem-info:\n65536 pages of \
         RAM\n0 pages of HIGHMEM\n2170 reserved pages\n428 pages shared\n9 pages swap cached\n7 pages \
         dirty\n6 pages writeback\n5 pages mapped\n4 pages slab\n3 pages pagetables\n",
    );
    let totals = report.memory.unwrap().totals;
    assert_eq!((totals.highmem, totals.dirty, totals.writeback), (pages(0), pages(7), pages(6)));
    assert_eq!((totals.mapped, totals.slab, totals.pagetables), (pages(5), pages(4), pages(3)));
}
