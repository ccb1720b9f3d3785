//! What holds for every text: a cut one yields the same values or fewer, never others, and says
//! so; arbitrary bytes yield problems, never a panic.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};

use facts::{Missing, Name, Task};
use proptest::prelude::*;
use units::{PageSize, Pid};

/// What a text said, by name; what it did not say is not in it.
type Facts = BTreeMap<String, String>;
type Parse = fn(&[u8], &mut Vec<Missing>) -> Facts;

macro_rules! data {
    ($path:literal) => {
        include_bytes!(concat!("../tests/data/", $path))
    };
}

/// Every sample and its parser. Not among them are the two whose sum over several entries cannot
/// tell a cut between entries: `swaps` and `smaps` have tests of their own.
const SAMPLES: &[(&str, &[u8], Parse)] = &[
    ("2.4.22/meminfo", data!("2.4.22/meminfo"), meminfo),
    ("2.6.32/meminfo", data!("2.6.32/meminfo"), meminfo),
    ("6.18/meminfo", data!("6.18/meminfo"), meminfo),
    ("2.6.13/zoneinfo", data!("2.6.13/zoneinfo"), zoneinfo),
    ("2.6.24/zoneinfo", data!("2.6.24/zoneinfo"), zoneinfo),
    ("2.6.32/zoneinfo", data!("2.6.32/zoneinfo"), zoneinfo),
    ("3.10/zoneinfo", data!("3.10/zoneinfo"), zoneinfo),
    ("4.4/zoneinfo", data!("4.4/zoneinfo"), zoneinfo),
    ("5.4/zoneinfo", data!("5.4/zoneinfo"), zoneinfo),
    ("6.18/zoneinfo", data!("6.18/zoneinfo"), zoneinfo),
    ("6.19/zoneinfo", data!("6.19/zoneinfo"), zoneinfo),
    ("6.18/vmstat", data!("6.18/vmstat"), vmstat),
    ("6.18/pressure", data!("6.18/pressure"), pressure),
    ("2.4.22/stat", data!("2.4.22/stat"), stat),
    ("2.6.32/stat", data!("2.6.32/stat"), stat),
    ("6.18/stat", data!("6.18/stat"), stat),
    ("hostile stat", HOSTILE_STAT, stat),
    ("2.4.22/status", data!("2.4.22/status"), status),
    ("2.6.32/status", data!("2.6.32/status"), status),
    ("4.4/status", data!("4.4/status"), status),
    ("6.18/status", data!("6.18/status"), status),
    ("6.18/status-kthread", data!("6.18/status-kthread"), status),
    ("6.18/memory.stat-v1", data!("6.18/memory.stat-v1"), memory_stat_v1),
    ("2.6.25/memory.stat", data!("2.6.25/memory.stat"), memory_stat_v1),
    ("6.18/memory.stat-v2", data!("6.18/memory.stat-v2"), memory_stat_v2),
    ("6.18/memory.events", data!("6.18/memory.events"), memory_events),
    ("oom_control", b"oom_kill_disable 0\nunder_oom 0\noom_kill 10\n", oom_control),
    ("6.18/smaps_rollup", data!("6.18/smaps_rollup"), smaps_totals),
    ("6.18/mountinfo", data!("6.18/mountinfo"), mountinfo),
];

/// A name that looks like the rest of the line, twice.
const HOSTILE_STAT: &[u8] =
    b"4194303 (x) R 1 1\n) S 77) Z 1 4194303 1 0 -1 4194304 103 0 0 0 11 22 \
    0 0 20 -5 8 0 106938 3133440 411 18446744073709551615 94883432652800 94883432672681\n";

/// The fields of a value whose `Debug` is derived, without those that are `None`.
fn fields(value: &impl Debug) -> Facts {
    let mut facts = Facts::new();
    let text = format!("{value:#?}");
    let mut current = String::new();
    for line in text.lines() {
        match line.strip_prefix("    ").filter(|l| !l.starts_with([' ', ')', ']', '}'])) {
            Some(field) => {
                let (name, value) = field.split_once(": ").unwrap_or((field, ""));
                name.clone_into(&mut current);
                if !value.starts_with("None") {
                    facts.insert(current.clone(), value.to_owned());
                }
            }
            None => {
                if let Some(value) = facts.get_mut(&current) {
                    value.push_str(line.trim());
                }
            }
        }
    }
    facts
}

fn meminfo(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    let info = crate::meminfo(text, "t", problems);
    let known = info.iter().map(|(field, size)| (field.text().to_owned(), size.to_string()));
    let other = info.other.iter().map(|o| (o.name.to_string(), format!("{} {}", o.value, o.kib)));
    let total = info.hugepages_total.map(|n| ("HugePages_Total".to_owned(), n.to_string()));
    let free = info.hugepages_free.map(|n| ("HugePages_Free".to_owned(), n.to_string()));
    known.chain(other).chain(total).chain(free).collect()
}

fn zoneinfo(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    let mut facts = Facts::new();
    for zone in crate::zoneinfo(text, "t", problems) {
        let place = format!("{} {}", zone.node, zone.name);
        for (name, value) in &zone.counters {
            facts.insert(format!("{place} counter {name}"), value.to_string());
        }
        let zone = facts::Zone { counters: Vec::new(), ..zone };
        for (name, value) in fields(&zone) {
            if value != "[]" && value != "[]," {
                facts.insert(format!("{place} {name}"), value);
            }
        }
    }
    facts
}

fn vmstat(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    let lines = crate::vmstat(text, "t", problems).lines;
    lines.into_iter().map(|(name, value)| (name.into(), value.to_string())).collect()
}

fn pressure(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    match crate::pressure(text, "t", problems) {
        facts::PressureFile::Known(pressure) => fields(&pressure),
        _ => Facts::new(),
    }
}

fn task(parse: impl FnOnce(&mut Task)) -> Facts {
    let mut task = Task::unknown(Pid::new(1));
    parse(&mut task);
    fields(&task)
}

fn stat(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    task(|task| crate::stat(text, task, "t", problems))
}

fn status(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    task(|task| crate::status(text, task, "t", problems))
}

fn memory_stat_v1(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    fields(&crate::memory_stat_v1(text, "t", problems))
}

fn memory_stat_v2(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    fields(&crate::memory_stat_v2(text, "t", problems))
}

fn memory_events(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    fields(&crate::memory_events(text, "t", problems))
}

fn oom_control(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    fields(&crate::oom_control(text, "t", problems))
}

fn smaps_totals(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    let mut facts = fields(&crate::smaps_totals(text, "t", problems));
    facts.remove("mappings");
    facts
}

fn mountinfo(text: &[u8], problems: &mut Vec<Missing>) -> Facts {
    let mounts = crate::mountinfo(text, "t", problems);
    mounts.into_iter().enumerate().map(|(i, m)| (i.to_string(), format!("{m:?}"))).collect()
}

#[test]
fn whole_samples_have_no_problems() {
    for (name, text, parse) in SAMPLES {
        let mut problems = Vec::new();
        let facts = parse(text, &mut problems);
        assert_eq!(problems, [], "{name}");
        assert!(facts.len() >= 2, "{name}: {facts:?}");
    }
}

#[test]
fn a_cut_text_never_says_anything_else_than_the_whole() {
    for (name, text, parse) in SAMPLES {
        let whole = parse(text, &mut Vec::new());
        for cut in 0..text.len() {
            let mut problems = Vec::new();
            let part = parse(&text[..cut], &mut problems);
            for (field, value) in &part {
                assert_eq!(whole.get(field), Some(value), "{name} cut at {cut}: {field}");
            }
            // Some files are empty for good reason, and a whole line is not known to be the last.
            let between_lines = cut == 0 || text[cut - 1] == b'\n';
            assert!(
                between_lines || !problems.is_empty() || part.len() == whole.len(),
                "{name} cut at {cut} has no problem"
            );
        }
    }
}

#[test]
fn a_changed_byte_is_a_problem_or_another_value_but_no_panic() {
    for (name, text, parse) in SAMPLES {
        let mut text = text.to_vec();
        // Texts repeat themselves; a prime step meets every kind of place in them.
        let step = if text.len() > 1000 { 23 } else { 5 };
        for at in (0..text.len()).step_by(step) {
            let before = text[at];
            for byte in [0, b'\n', b'9', b')', 0xff] {
                text[at] = byte;
                let mut problems = Vec::new();
                parse(&text, &mut problems);
                for problem in &problems {
                    assert!(problem.to_string().is_ascii() || problem.to_string().contains('…'));
                    assert_eq!(problem.place, "t", "{name}");
                }
            }
            text[at] = before;
        }
    }
}

/// Bytes that are likely to get somewhere: pieces of real files, whole or not, and noise.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        (0..SAMPLES.len(), any::<prop::sample::Index>(), 0..200_usize).prop_map(|(i, at, len)| {
            let text = SAMPLES[i].1;
            let at = at.index(text.len());
            text[at..text.len().min(at + len)].to_vec()
        }),
        Just(b"18446744073709551615".to_vec()),
        Just(b"-1".to_vec()),
        Just(b"\n".to_vec()),
        Just(b" kB\n".to_vec()),
        Just(b"Node 0, zone x\n  pagesets\n count: 18446744073709551615\n".to_vec()),
        Just(b"Rss: 18014398509481983 kB\n".to_vec()),
        Just(b"0-1 [x]\n".to_vec()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_bytes_never_panic(text in likely(), page in 10_u32..=20) {
        let mut problems = Vec::new();
        for (_, _, parse) in SAMPLES {
            parse(&text, &mut problems);
        }
        let page_size = PageSize::new(1 << page).unwrap();
        crate::number(&text, "t", &mut problems);
        crate::numbers(&text, "t", &mut problems);
        crate::bytes(&text, "t", &mut problems);
        crate::limit_v1(&text, page_size, "t", &mut problems);
        crate::limit_v2(&text, "t", &mut problems);
        crate::swaps(&text, "t", &mut problems);
        crate::smaps_totals(&text, "t", &mut problems);
        let mut task = Task::unknown(Pid::new(1));
        crate::oom_score(&text, &mut task, "t", &mut problems);
        crate::oom_score_adj(&text, &mut task, "t", &mut problems);
        crate::oom_adj(&text, &mut task, "t", &mut problems);
        crate::version(&text);
        crate::uptime(&text);
        crate::memory_cgroup(&text);
        crate::proc_cgroup(&text).for_each(drop);
        crate::passwd(&text).for_each(drop);
        // However long the text, the complaints about it are few and short.
        prop_assert!(problems.len() < 800);
        for Missing { why, .. } in &problems {
            if let facts::Why::Malformed { found, .. } = why {
                prop_assert!(found.chars().count() <= 40);
            }
        }
    }

    #[test]
    fn a_name_survives_stat_and_status_as_the_kernel_prints_it(
        name in prop::collection::vec(any::<u8>().prop_filter("ends it", |&b| b != 0), 0..16),
    ) {
        let mut problems = Vec::new();
        let mut task = Task::unknown(Pid::new(7));
        let mut text = b"7 (".to_vec();
        text.extend(&name);
        text.extend(b") S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 9 10 11 12\n");
        crate::stat(&text, &mut task, "t", &mut problems);
        prop_assert_eq!(task.comm.take(), Some(Name::new(&name[..])));

        let mut text = b"Name:\t".to_vec();
        for &byte in &name {
            match byte {
                b'\n' => text.extend(b"\\n"),
                b'\\' => text.extend(b"\\\\"),
                _ => text.push(byte),
            }
        }
        text.extend(b"\nState:\tS (sleeping)\n");
        crate::status(&text, &mut task, "t", &mut problems);
        prop_assert_eq!(task.comm.take(), Some(Name::new(&name[..])));
        prop_assert_eq!(problems, []);
    }

    #[test]
    fn a_name_cannot_forge_fields_wherever_the_text_is_cut(
        inside in prop::collection::vec(
            prop::sample::select(b") (1R-\n\tZ9".to_vec()), 0..=15),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = b"7 (".to_vec();
        text.extend(&inside);
        text.extend(b") S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 9 10 11 12\n");
        let whole = stat(&text, &mut Vec::new());
        let mut problems = Vec::new();
        let part = stat(&text[..cut.index(text.len())], &mut problems);
        prop_assert!(!problems.is_empty());
        for (field, value) in &part {
            prop_assert_eq!(whole.get(field), Some(value));
        }
    }

    #[test]
    fn pressure_reads_what_the_kernel_prints(a in 0..=10_000_u32, b in 0..=10_000_u32,
                                             c in 0..=10_000_u32, total in any::<u64>()) {
        let decimals = |n: u32| format!("{}.{:02}", n / 100, n % 100);
        let text = format!(
            "some avg10={} avg60={} avg300={} total={total}\n",
            decimals(a), decimals(b), decimals(c),
        );
        let mut problems = Vec::new();
        let facts::PressureFile::Known(read) = crate::pressure(text.as_bytes(), "t", &mut problems)
        else { return Err(TestCaseError::fail("unknown")) };
        prop_assert_eq!(
            (read.some.avg10.hundredths(), read.some.avg60.hundredths(),
             read.some.avg300.hundredths(), read.some.total_us, read.full),
            (a, b, c, total, None)
        );
    }

    #[test]
    fn meminfo_reads_what_the_kernel_prints(kib in prop::collection::vec(
        0..u64::MAX / 1024, facts::Field::ALL.len())) {
        let mut text = String::new();
        for (field, kib) in facts::Field::ALL.iter().zip(&kib) {
            writeln!(text, "{:<15} {kib:>8} kB", format!("{}:", field.text())).unwrap();
        }
        let mut problems = Vec::new();
        let info = crate::meminfo(text.as_bytes(), "t", &mut problems);
        prop_assert_eq!(problems, []);
        prop_assert_eq!(info.iter().map(|(_, size)| size.kib()).collect::<Vec<_>>(), kib);
    }
}
