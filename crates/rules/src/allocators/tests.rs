use super::*;

fn run(hwm: u64, wall_us: u64) -> Run {
    Run {
        end: End::Exit(0),
        hwm: Some(Bytes::new(hwm)),
        anon: Some(Bytes::new(hwm / 2)),
        wall_us: Some(wall_us),
        user_us: Some(wall_us),
        processes: 1,
        ..Run::default()
    }
}

fn runs(name: &str, hwm: &[u64], base: &[u64]) -> ColumnRuns {
    ColumnRuns {
        name: name.into(),
        runs: hwm.iter().map(|&hwm| run(hwm, hwm)).collect(),
        base: base.iter().map(|&hwm| run(hwm, 1)).collect(),
        ..ColumnRuns::default()
    }
}

fn comparison(columns: Vec<ColumnRuns>) -> Comparison {
    Comparison {
        machine: Machine::default(),
        command: vec!["true".into()],
        program: "/bin/true".into(),
        repeat: 3,
        watched: Watched::Traced,
        live: None,
        columns,
        absent: Vec::new(),
        interrupted: false,
        notes: Vec::new(),
    }
}

#[test]
fn the_median_of_an_even_number_is_between_the_middle_two() {
    let median =
        |values: &[u64]| Spread::of(values.iter().copied()).map(|s| (s.median, s.min, s.max));
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[7]), Some((7, 7, 7)));
    assert_eq!(median(&[30, 10, 20]), Some((20, 10, 30)));
    assert_eq!(median(&[40, 10, 20, 30]), Some((25, 10, 40)));
    assert_eq!(median(&[u64::MAX, u64::MAX]), Some((u64::MAX, u64::MAX, u64::MAX)));
}

#[test]
fn a_difference_within_the_spread_of_either_column_is_none() {
    let verdict = |a: &[u64], b: &[u64]| {
        against(Spread::of(a.iter().copied()), Spread::of(b.iter().copied())).map(|a| a.verdict)
    };
    assert_eq!(verdict(&[110, 111, 112], &[100, 101, 102]), Some(Verdict::More));
    assert_eq!(verdict(&[90, 91, 92], &[100, 101, 102]), Some(Verdict::Less));
    assert_eq!(verdict(&[110, 111, 112], &[100, 101, 111]), Some(Verdict::NoDifference));
    assert_eq!(verdict(&[100, 111, 112], &[100, 101, 102]), Some(Verdict::NoDifference));
    // As far apart as the spread is wide is not further.
    assert_eq!(verdict(&[110, 110, 110], &[100, 100, 110]), Some(Verdict::NoDifference));
    assert_eq!(verdict(&[], &[100, 100]), None);
}

#[test]
fn two_runs_of_a_column_are_too_few_to_tell_however_far_apart() {
    let verdict = |a: &[u64], b: &[u64]| {
        against(Spread::of(a.iter().copied()), Spread::of(b.iter().copied())).map(|a| a.verdict)
    };
    assert_eq!(verdict(&[900, 901], &[100, 101, 102]), Some(Verdict::Unknown));
    assert_eq!(verdict(&[900, 901, 902], &[100, 101]), Some(Verdict::Unknown));
    assert_eq!(verdict(&[900], &[100]), Some(Verdict::Unknown));
    assert_eq!(verdict(&[900, 901, 902], &[100, 101, 102]), Some(Verdict::More));
}

#[test]
fn a_difference_from_nothing_has_no_percentage() {
    let found = against(Spread::of([5, 5, 5]), Spread::of([0, 0, 0]));
    assert_eq!(found, Some(Against { verdict: Verdict::More, by: None }));
}

#[test]
fn the_base_is_that_of_the_same_column() {
    let report = compare(comparison(vec![
        runs("glibc", &[1000, 1010, 1020], &[100, 100, 100]),
        runs("other", &[2000, 2000, 2000], &[900, 900, 900]),
    ]));
    let over: Vec<_> = report.columns.iter().map(|c| c.hwm_over_base.map(Bytes::get)).collect();
    assert_eq!(over, [Some(910), Some(1100)]);
    assert_eq!(report.columns[0].against, None);
    let hwm = report.columns[1].against.and_then(|against| against.hwm);
    assert_eq!(hwm.map(|hwm| hwm.verdict), Some(Verdict::More));
}

#[test]
fn without_a_base_nothing_is_subtracted_and_nothing_claimed() {
    let report = compare(comparison(vec![runs("glibc", &[1000], &[])]));
    assert_eq!(report.columns[0].base.hwm, None);
    assert_eq!(report.columns[0].hwm_over_base, None);
}

#[test]
fn overhead_is_unknown_without_live_bytes_and_never_zero_for_that() {
    let columns = vec![runs("glibc", &[3000, 3000], &[1000, 1000])];
    let mut given = comparison(columns);
    assert_eq!(compare(given.clone()).columns[0].overhead, None);
    given.live = Some(Bytes::new(800));
    assert_eq!(compare(given.clone()).columns[0].overhead, Percent::of(200, 800));
    given.live = Some(Bytes::ZERO);
    assert_eq!(compare(given).columns[0].overhead, None);
}

#[test]
fn a_run_that_failed_is_in_no_figure() {
    let mut columns = vec![runs("glibc", &[1000, 1000], &[]), runs("other", &[10, 2000, 10], &[])];
    for place in [0, 2] {
        columns[1].runs[place].end = End::Signal(11);
        columns[1].runs[place].last_words = "oh".into();
    }
    let report = compare(comparison(columns));
    let other = &report.columns[1];
    assert_eq!((other.runs, other.hwm.map(|hwm| hwm.min)), (1, Some(2000)));
    let failure = Failure { end: End::Signal(11), runs: 2, last_words: "oh".into() };
    assert_eq!(other.failures, [failure]);
}

#[test]
fn a_command_that_always_ends_with_the_same_code_is_measured() {
    let mut columns = vec![runs("glibc", &[1000], &[]), runs("other", &[2000], &[])];
    for column in &mut columns {
        column.runs[0].end = End::Exit(1);
    }
    let report = compare(comparison(columns.clone()));
    assert!(report.columns.iter().all(|column| column.runs == 1 && column.failures.is_empty()));
    // But one that always crashes is not.
    for column in &mut columns {
        column.runs[0].end = End::Signal(6);
    }
    let report = compare(comparison(columns));
    assert!(report.columns.iter().all(|column| column.hwm.is_none() && column.failures.len() == 1));
}

#[test]
fn programs_without_the_allocator_are_counted_over_all_runs() {
    let mut columns = vec![runs("other", &[1, 1], &[])];
    let without =
        |program: &str| Without { program: program.into(), why: WhyWithout::Static, processes: 2 };
    columns[0].runs[0].without = vec![without("/b"), without("/a")];
    columns[0].runs[1].without = vec![without("/b")];
    let found = &compare(comparison(columns)).columns[0].without;
    let counts: Vec<_> = found.iter().map(|w| (w.program.to_string(), w.processes)).collect();
    assert_eq!(counts, [("/a".to_owned(), 2), ("/b".to_owned(), 4)]);
}

#[test]
fn the_package_is_named_as_the_distribution_names_it() {
    let tcmalloc = KNOWN.iter().find(|known| known.name == "tcmalloc").unwrap();
    assert_eq!(install(tcmalloc, "debian"), "apt install libtcmalloc-minimal4");
    assert_eq!(install(tcmalloc, "rocky rhel centos fedora"), "dnf install gperftools-libs");
    assert_eq!(install(tcmalloc, ""), "apt install libtcmalloc-minimal4");
}

#[test]
fn the_verdict_claims_no_more_than_the_runs_show() {
    let verdict = |columns| compare(comparison(columns)).verdict;
    let glibc = || runs("glibc", &[1000, 1001, 1002], &[]);
    let check = |columns, sentence: &str| assert_eq!(verdict(columns), sentence);
    check(vec![glibc()], "There is nothing to hold glibc against.");
    check(
        vec![glibc(), runs("a", &[900, 901, 902], &[]), runs("b", &[800, 801, 802], &[])],
        "b needs the least memory, 19 % less than glibc. b takes the least time, 19 % less than glibc.",
    );
    check(
        vec![glibc(), runs("a", &[2000, 2001, 2002], &[])],
        "glibc needs the least memory. glibc takes the least time.",
    );
    check(
        vec![glibc(), runs("a", &[1001, 1000, 1003], &[])],
        "In memory none differs from glibc by more than runs do among themselves. In time none \
         differs from glibc by more than runs do among themselves.",
    );
    check(
        vec![runs("glibc", &[1000, 1001], &[]), runs("a", &[10, 11], &[])],
        "Too few repeats to tell: with fewer than 3 runs of each, a difference may well be chance.",
    );
}
