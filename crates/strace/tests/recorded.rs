//! Programs that were recorded on Linux 6.18, played on the model: every address that the kernel chose
//! for a program of one thread is predicted, and of programs with threads every call that differs is
//! one that raced.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use facts::Name;
use oomph_strace::{Log, Options, parse, replay};
use rules::replay::{Program, RaceOrder, Score, StraceReport};

fn logs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/strace");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("tests/data/strace")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gz"))
        .collect();
    paths.sort();
    assert!(paths.len() > 30, "the recorded logs are there");
    paths
}

fn read(path: &Path) -> (String, Vec<u8>, Log) {
    let mut text = Vec::new();
    let packed = fs::read(path).expect("a log");
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).expect("a whole log");
    let log = parse(&text);
    (path.file_name().expect("a name").to_string_lossy().into_owned(), text, log)
}

fn play(log: &Log, name: &str) -> StraceReport {
    replay(log, &Name::from(name), Options::default()).expect("the machine goes on").0
}

fn sum(reports: &[StraceReport], of: impl Fn(&Program) -> bool) -> Score {
    let mut all = Score::default();
    for program in reports.iter().flat_map(|report| &report.programs).filter(|found| of(found)) {
        all.add(&program.score);
    }
    all
}

fn check(score: &Score, expected: &Expect) {
    let mut text = String::new();
    for (what, tally) in [
        ("mmap(NULL)", score.mmap),
        ("brk", score.brk),
        ("mremap", score.mremap),
        ("hinted", score.hinted),
        ("others", score.others),
    ] {
        let _ = writeln!(text, "{what}: {} of {}", tally.equal, tally.total);
    }
    let _ = writeln!(text, "anchors: {}", score.anchors);
    // Seen with `--nocapture`.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    expected.assert_eq(&text);
}

#[test]
fn what_the_kernel_chose_is_predicted() {
    let reports: Vec<StraceReport> = logs()
        .iter()
        .map(|path| {
            let (name, _, log) = read(path);
            assert_eq!(log.problems, [], "{name}");
            play(&log, &name)
        })
        .collect();
    let single = sum(&reports, |program| !program.attached && program.threads == 0);
    check(
        &single,
        &expect![[r"
        mmap(NULL): 2160 of 2160
        brk: 855 of 855
        mremap: 45 of 45
        hinted: 0 of 0
        others: 2312 of 2312
        anchors: 128
    "]],
    );
    let threaded = sum(&reports, |program| !program.attached && program.threads > 0);
    check(
        &threaded,
        &expect![[r"
        mmap(NULL): 1240 of 1240
        brk: 109 of 109
        mremap: 48 of 48
        hinted: 26 of 26
        others: 2599 of 2599
        anchors: 22
    "]],
    );
    let attached = sum(&reports, |program| program.attached);
    check(
        &attached,
        &expect![[r"
        mmap(NULL): 626 of 641
        brk: 0 of 0
        mremap: 0 of 0
        hinted: 0 of 0
        others: 696 of 696
        anchors: 1
    "]],
    );
    for report in &reports {
        for difference in report.differences.iter().filter(|found| !found.attached) {
            assert!(difference.raced, "{}: {difference:?}", report.origin);
        }
    }
    let races = reports.iter().flat_map(|report| &report.races);
    let count = |order| races.clone().filter(|race| race.order == order).count();
    expect![[r"
        104 races as logged, 15 in another order, 0 unexplained
    "]]
    .assert_eq(&format!(
        "{} races as logged, {} in another order, {} unexplained\n",
        count(RaceOrder::Log),
        count(RaceOrder::Other),
        count(RaceOrder::None)
    ));
}
