use expect_test::{Expect, expect};
use facts::Name;
use rules::allocators::{
    Absent, AllocatorsReport, ColumnRuns, Comparison, End, Machine, Run, Samples, Watched,
    WhyWithout, Without, compare,
};
use units::Bytes;

use super::*;
use crate::style::Charset;

fn run(mib: u64, ms: u64) -> Run {
    Run {
        end: End::Exit(0),
        hwm: Some(Bytes::new(mib << 20)),
        tree_rss: Some(Bytes::new(mib << 20)),
        anon: Some(Bytes::new((mib - 1) << 20)),
        huge: None,
        minor_faults: Some(mib * 256),
        major_faults: Some(0),
        user_us: Some(ms * 900),
        system_us: Some(ms * 100),
        wall_us: Some(ms * 1000),
        looked_at: 1,
        processes: 1,
        samples: Samples { rounds: 10, cost_us: 200 },
        ..Run::default()
    }
}

fn column(name: &str, runs: &[(u64, u64)]) -> ColumnRuns {
    ColumnRuns {
        name: name.into(),
        library: (name != "glibc").then(|| Name::new(format!("/usr/lib/lib{name}.so.2"))),
        environment: Vec::new(),
        runs: runs.iter().map(|&(mib, ms)| run(mib, ms)).collect(),
        base: vec![run(2, 1); runs.len()],
    }
}

fn report(live: Option<u64>) -> AllocatorsReport {
    let mut columns = vec![
        column("glibc", &[(80, 500), (81, 510), (82, 520)]),
        column("jemalloc", &[(95, 505), (95, 512), (96, 521)]),
        column("mimalloc", &[(70, 400), (71, 400), (70, 400)]),
    ];
    columns[1].runs[2].end = End::Signal(11);
    columns[1].runs[2].last_words = "what:\x1b[31m no".into();
    columns[2].runs[0].without.push(Without {
        program: "/usr/bin/busybox".into(),
        why: WhyWithout::Static,
        processes: 3,
    });
    compare(Comparison {
        machine: Machine {
            kernel: "6.1.0".into(),
            architecture: "x86_64".to_owned(),
            cpus: Some(2),
            libc: Some("Debian GLIBC 2.36".into()),
            huge_pages: None,
        },
        command: vec!["job".into(), "a\nb".into()],
        program: "/bin/job".into(),
        repeat: 3,
        watched: Watched::Traced,
        live: live.map(Bytes::new),
        columns,
        absent: vec![Absent {
            name: "tbbmalloc".to_owned(),
            library: "libtbbmalloc_proxy.so.2".to_owned(),
            install: "apt install libtbbmalloc2".to_owned(),
            unfit: Vec::new(),
        }],
        interrupted: false,
        notes: vec!["A note.".to_owned()],
    })
}

fn style(width: usize, charset: Charset) -> Style {
    Style { width: Some(width), charset, color: false }
}

fn check(text: &str, expect: &Expect) {
    expect.assert_eq(text);
}

#[test]
fn the_page_says_who_needs_what_and_what_went_wrong() {
    let text = allocators(&report(Some(60 << 20)), &style(80, Charset::Utf8));
    check(
        &text,
        &expect![[r"
            Allocators   job a\nb
              mimalloc needs the least memory, 13 % less than glibc. mimalloc takes the
              least time, 21 % less than glibc.
              where      Linux 6.1.0 x86_64, 2 CPUs, Debian GLIBC 2.36, transparent huge
                         pages: unknown
              runs       3 of each, in turn; medians, and from the least to the most.
                         `same`: the medians differ by no more than runs do among
                         themselves; in brackets: too few repeats to tell

            Memory       most resident memory of the largest process (VmHWM)
                         PEAK          RANGE
              glibc    81.0Mi  80.0Mi–82.0Mi          █████████████████████████▓
              jemalloc 95.0Mi  95.0Mi–95.0Mi  (17 %)  ██████████████████████████████
              mimalloc 70.0Mi  70.0Mi–71.0Mi   -13 %  ██████████████████████

                          ANON  HUGE   EMPTY   ABOVE  OVERHEAD  FAULTS  MAJOR   USER  SYSTEM
              glibc     80.0Mi     ?  2.00Mi  79.0Mi      31 %  20 736      0  459ms  51.0ms
              jemalloc  94.0Mi     ?  2.00Mi  93.0Mi      55 %  24 320      0  457ms  50.8ms
              mimalloc  69.0Mi     ?  2.00Mi  68.0Mi      13 %  17 920      0  360ms  40.0ms
              ANON: anonymous memory; HUGE: of it in huge pages; EMPTY: PEAK of a program
              that does nothing; ABOVE: PEAK without that; OVERHEAD: what ANON without that
              of the empty program exceeds 60.0 MiB by; FAULTS: pages the kernel had to
              provide, MAJOR by reading.

            Time         from the first instruction to the end
                        WALL        RANGE
              glibc    510ms  500ms–520ms           █████████████████████████████▓
              jemalloc 508ms  505ms–512ms  (0.2 %)  ██████████████████████████████
              mimalloc 400ms  400ms–400ms    -21 %  ████████████████████████

            Set          so for each run
              jemalloc   LD_PRELOAD=/usr/lib/libjemalloc.so.2
              mimalloc   LD_PRELOAD=/usr/lib/libmimalloc.so.2

            Failed       under jemalloc 1 run ended by signal 11 (SIGSEGV); not counted
                         what:\x1b[31m no

            Beware
              Under mimalloc 3 processes of /usr/bin/busybox ran without it: it is linked
              statically, and no loader runs that could preload.

            Not here     tbbmalloc: not installed
              tbbmalloc  apt install libtbbmalloc2 has libtbbmalloc_proxy.so.2

            Measured     every process was stopped at its end and looked at: PEAK is exact,
                         and what was loaded is known
                         ANON, HUGE and TREE are the most of 90 looks between, of 20 us
                         each; a peak between two looks is not in them. The maps of 9
                         processes were read.
                         A note.
        "]],
    );
}

#[test]
fn no_line_is_wider_than_the_terminal_and_ascii_stays_ascii() {
    for width in [80, 100, 132] {
        let text = allocators(&report(Some(1)), &style(width, Charset::Ascii));
        assert!(text.is_ascii(), "{text}");
        let long = text.lines().find(|line| line.len() > width);
        assert_eq!(long, None, "{text}");
    }
}

#[test]
fn one_run_shows_differences_in_brackets_only() {
    let mut given = report(None);
    for column in &mut given.columns {
        if let Some(hwm) = column.against.as_mut().and_then(|against| against.hwm.as_mut()) {
            hwm.verdict = rules::allocators::Verdict::Unknown;
        }
    }
    let text = allocators(&given, &style(80, Charset::Utf8));
    assert!(text.contains("(17 %)") && !text.contains("+17 %"), "{text}");
    assert!(!text.contains("OVERHEAD"), "{text}");
}
