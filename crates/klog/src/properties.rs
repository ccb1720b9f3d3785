//! What holds for any bytes, and for reports behind any prefix and through any mail.

use facts::Release;
use facts::oom_report::{LineKind, OomReport};
use proptest::prelude::*;

use crate::print::print;
use crate::print::sample::{Filler, report};
use crate::{Found, Scanner, reports};

const LINUX_6_8: Release = Release::new(6, 8);

fn sample(seed: u64, release: Release, memcg: bool) -> Vec<u8> {
    print(&report(&mut Filler::new(seed), release, memcg), release)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(text).unwrap().lines()
}

fn with_prefix(text: &[u8], mut prefix: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut out = String::new();
    for (at, line) in lines(text).enumerate() {
        out.push_str(&prefix(at));
        out.push_str(line);
        out.push('\n');
    }
    out.into_bytes()
}

/// What the text says, and that it says it without a remainder.
fn said(text: &[u8]) -> OomReport {
    let mut found = reports(text);
    assert_eq!(found.len(), 1, "{}", String::from_utf8_lossy(text));
    let Found { report, problems } = found.remove(0);
    assert_eq!(problems, []);
    let unknown: Vec<_> = report.unknown_lines().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    report.without_lines()
}

fn in_pieces(text: &[u8], size: usize) -> Vec<Found> {
    let mut all = Vec::new();
    let mut scanner = Scanner::new();
    for piece in text.chunks(size) {
        scanner.feed(piece, &mut |one| all.push(one));
    }
    scanner.finish(&mut |one| all.push(one));
    all
}

fn dmesg(text: &[u8]) -> Vec<u8> {
    with_prefix(text, |at| format!("[ 1234.{at:06}] "))
}

#[test]
fn every_prefix_hides_the_same_report() {
    for memcg in [false, true] {
        let text = sample(1, LINUX_6_8, memcg);
        let expected = said(&dmesg(&text));
        for prefix in [
            "",
            "<4>[ 1234.567890] ",
            "[ 1234.567890][ T1778] ",
            "[ 1234.567890][   C0] ",
            "kern  :warn  : [ 1234.567890] ",
            "[Wed Dec  6 23:54:11 2017] ",
            "[月  1月 26 01:49:41 2026] ",
            "[  +0.002367] ",
            "Dec  9 09:47:52 host kernel: ",
            "Dec  9 09:47:52 host kernel: [ 1234.567890] ",
            "2024-05-26T06:17:40.123456+02:00 host kernel: [ 1234.567890] ",
            "2024-05-26T06:17:40,123456+02:00 ",
            "<4>1 2024-05-26T06:17:40.123Z host kernel - - - [ 1234.567890] ",
            "Thu 2025-10-23 23:13:58 EDT host kernel: ",
            "Wed Dec  6 23:54:11 2017 kern.warn kernel: [ 1234.567890] ",
            "19:51:01 kernel: ",
            "kernel:",
            ">>> kernel: ",
            "> > [ 1234.567890] ",
            "\t\t[ 1234.567890] ",
            "4,1234,5678901,-;",
            "07-28 10:46:14.319   479   479 W kernel  : ",
        ] {
            assert_eq!(said(&with_prefix(&text, |_| prefix.to_owned())), expected, "{prefix}");
        }
    }
}

#[test]
fn line_ends_quotes_and_literals_change_nothing() {
    let text = dmesg(&sample(2, LINUX_6_8, false));
    let expected = said(&text);
    let each = |wrap: &dyn Fn(&str) -> String| {
        let all: String = lines(&text).map(|line| wrap(line) + "\n").collect();
        assert_eq!(said(all.as_bytes()), expected, "{}", wrap("x"));
    };
    each(&|line| format!("{line}\r"));
    each(&|line| format!("{line} "));
    each(&|line| format!("\t\t\"{}\",", line.replace('"', "\\\"")));
    each(&|line| format!("{{\"MESSAGE\":\"{line}\",\"_TRANSPORT\":\"kernel\"}}"));
    each(&|line| format!("{{\"log\":\"{line}\\n\",\"stream\":\"stdout\"}}"));
    each(&|line| format!("<div>{}</div>", line.replace('<', "&lt;").replace(' ', "&nbsp;")));
    each(&|line| line.replace('=', "=3D"));
    each(&|line| format!("{line}\n\n\n"));
    each(&|line| format!("\u{a0} {line}"));
}

#[test]
fn records_with_newlines_survive_every_transport() {
    let text = sample(3, LINUX_6_8, false);
    let expected = said(&dmesg(&text));
    let counters = |between: &str| {
        let mut out = String::new();
        let mut inside = false;
        for line in lines(&text) {
            // The machine-wide counters are one record.
            if inside && line.starts_with(' ') {
                out.push_str(&between.replace("PREFIX", ""));
            } else {
                out.push_str("\nDec  9 09:47:52 host kernel: ");
            }
            inside = line.starts_with("active_anon:") || (inside && line.starts_with(' '));
            out.push_str(line);
        }
        out
    };
    for between in ["#012", "\\x0a", "\n                          "] {
        assert_eq!(said(counters(between).as_bytes()), expected, "{between:?}");
    }
}

/// As mailers do: at the last blank before the column, the rest on a line of its own.
fn wrapped(line: &str, column: usize, trailing: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while rest.len() > column {
        let Some(at) = rest[..column].rfind(' ').filter(|at| !rest[..*at].trim().is_empty()) else {
            break;
        };
        out.push_str(&rest[..at]);
        out.push_str(trailing);
        out.push('\n');
        rest = rest[at..].trim_start();
    }
    out + rest + "\n"
}

#[test]
fn wrapped_mails_say_the_same() {
    for release in [Release::old(2, 6, 32), Release::new(4, 4), LINUX_6_8] {
        for memcg in [false, true] {
            let text = dmesg(&sample(4, release, memcg));
            let expected = one_blank(said(&text));
            for trailing in ["", " "] {
                let mail: String = lines(&text).map(|line| wrapped(line, 78, trailing)).collect();
                assert_eq!(one_blank(said(mail.as_bytes())), expected, "{release} {memcg}\n{mail}");
            }
        }
    }
}

/// Wrapping takes the blanks between two taints.
fn one_blank(mut report: OomReport) -> OomReport {
    report.reporter.taint = None;
    report
}

#[test]
fn quoted_printable_breaks_lines_inside_words() {
    let text = dmesg(&sample(5, LINUX_6_8, false));
    let expected = said(&text);
    let mut mail = String::new();
    for line in lines(&text) {
        let line = line.replace('=', "=3D");
        let mut column = 0;
        for c in line.chars() {
            // Never inside a code.
            if column >= 72 && c != '3' && c != 'D' {
                mail.push_str("=\n");
                column = 0;
            }
            mail.push(c);
            column += 1;
        }
        mail.push('\n');
    }
    assert_eq!(said(mail.as_bytes()), expected);
}

#[test]
fn newest_first_says_the_same() {
    let text = dmesg(&sample(6, LINUX_6_8, false));
    let expected = said(&text);
    let mut turned: Vec<&str> = lines(&text).collect();
    turned.reverse();
    assert_eq!(said((turned.join("\n") + "\n").as_bytes()), expected);
}

#[test]
fn two_cpus_that_print_at_once_are_told_apart_by_their_callers() {
    let [first, second] = [7, 8].map(|seed| sample(seed, LINUX_6_8, seed == 8));
    let expected = [&first, &second].map(|text| said(&dmesg(text)));
    let [mut a, mut b] = [(&first, 11), (&second, 22)].map(|(text, caller)| {
        with_prefix(text, |at| format!("[ 1234.{at:06}][{:>6}] ", format!("T{caller}")))
    });
    let mut mixed = Vec::new();
    while !a.is_empty() || !b.is_empty() {
        for (text, count) in [(&mut a, 3), (&mut b, 2)] {
            for _ in 0..count {
                let end = text.iter().position(|&c| c == b'\n').map_or(text.len(), |at| at + 1);
                mixed.extend(text.drain(..end));
            }
        }
    }
    let found: Vec<OomReport> =
        reports(&mixed).into_iter().map(|found| found.report.without_lines()).collect();
    assert_eq!(found, expected);
}

#[test]
fn other_programs_between_the_lines_are_kept_apart() {
    let text =
        with_prefix(&sample(9, LINUX_6_8, false), |_| "Dec  9 09:47:52 host kernel: ".into());
    let expected = said(&text);
    let between = "Dec  9 09:47:52 host app[7]: Killed process 1 (init)";
    let mixed: String = lines(&text).flat_map(|line| [line, "\n", between, "\n"]).collect();
    assert_eq!(said(mixed.as_bytes()), expected);
}

#[test]
fn every_section_stands_alone() {
    let text = sample(10, LINUX_6_8, false);
    let whole = dmesg(&text);
    let mut starts = vec![0];
    starts.extend(memchr::memchr_iter(b'\n', &whole).map(|at| at + 1));
    for &start in &starts[..starts.len() - 1] {
        // The head is lost in the ring buffer: what is left is read, and nothing is made up.
        for Found { report, problems } in reports(&whole[start..]) {
            assert_eq!(problems, []);
            assert_eq!(report.unknown_lines().count(), 0);
        }
    }
    let at = |words: &[u8]| memchr::memmem::find(&whole, words).unwrap();
    let headless = &whole[starts[starts.partition_point(|&s| s <= at(b"Tasks state")) + 2]..];
    let found = reports(headless);
    assert_eq!(found[0].report.tasks.as_ref().map(|tasks| tasks.rows.len()), Some(3));
    assert_eq!(found[0].report.trigger, None);
    assert_eq!(found[0].report.kills.len(), 1);
}

#[test]
fn a_log_of_other_lines_keeps_its_reports_and_their_places() {
    let text = dmesg(&sample(11, LINUX_6_8, false));
    let noise = "[ 1.000000] usb 1-1: new high-speed USB device, room 4711\n".repeat(3000);
    let log = [noise.as_bytes(), &text, noise.as_bytes(), &text, noise.as_bytes()].concat();
    let count = |text: &[u8]| memchr::memchr_iter(b'\n', text).count() as u64;
    let found = reports(&log);
    let first: Vec<u64> = found.iter().map(|found| found.report.lines[0].number).collect();
    let noise = count(noise.as_bytes());
    assert_eq!(first, [noise + 1, noise + count(&text) + noise + 1]);
    let last = found[0].report.lines.last().map(|line| (line.number, line.kind));
    assert_eq!(last, Some((noise + count(&text), LineKind::Reaper)));
}

#[test]
fn a_line_without_end_is_not_kept() {
    let mut scanner = Scanner::new();
    let mut found = 0;
    for _ in 0..16 {
        scanner.feed(&vec![b'a'; 1 << 20], &mut |_| found += 1);
        assert!(scanner.held() < 8 << 20, "{}", scanner.held());
    }
    scanner.finish(&mut |_| found += 1);
    assert_eq!(found, 0);
}

#[test]
fn reports_without_end_are_handed_out_on_the_way() {
    let text = dmesg(&sample(12, LINUX_6_8, false));
    let mut scanner = Scanner::new();
    let mut found = 0;
    for _ in 0..500 {
        scanner.feed(&text, &mut |_| found += 1);
        assert!(scanner.held() < 8 << 20, "{}", scanner.held());
    }
    assert!(found > 300, "{found}");
    scanner.finish(&mut |_| found += 1);
    assert_eq!(found, 500);
}

/// Bytes that look like parts of reports.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"Killed process ".to_vec()),
        Just(b"oom-kill:constraint=".to_vec()),
        Just(b" invoked oom-killer: gfp_mask=0x".to_vec()),
        Just(b"Mem-Info:".to_vec()),
        Just(b"Node 0 ".to_vec()),
        Just(b"DMA32: 1*4kB (U".to_vec()),
        Just(b"[ pid ]   uid  tgid total_vm rss nr_ptes swapents oom_score_adj name".to_vec()),
        Just(b"[  1] 0 1 2 3 4 5 6 ".to_vec()),
        Just(b"Memory cgroup stats for /a: cache:1KB ".to_vec()),
        Just(b"Unreclaimable slab info:\n".to_vec()),
        Just(b"all_unreclaimable? ".to_vec()),
        Just(b",task_memcg=".to_vec()),
        Just(b",uid=".to_vec()),
        Just(b"[ 12.5][ T1] ".to_vec()),
        Just(b"{\"message\":\"".to_vec()),
        Just(b"=3D=\n".to_vec()),
        Just(b"18446744073709551616kB".to_vec()),
        Just(b"(".to_vec()),
        Just(b")".to_vec()),
        Just(b":".to_vec()),
        Just(b"\n".to_vec()),
        Just(b" ".to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

/// Nothing comes out that did not go in.
fn bounded(text: &[u8], found: &[Found]) {
    let kept: usize =
        found.iter().flat_map(|f| &f.report.lines).map(|l| l.text.as_bytes().len()).sum();
    assert!(kept <= text.len(), "{kept} of {}", text.len());
    let rows: usize =
        found.iter().filter_map(|f| f.report.tasks.as_ref()).map(|t| t.rows.len()).sum();
    assert!(rows <= text.len() / 8);
    for Found { report, problems } in found {
        assert!(report.lines.windows(2).all(|two| two[0].number <= two[1].number));
        assert!(problems.len() <= text.len());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        bounded(&text, &reports(&text));
    }

    #[test]
    fn no_parts_of_reports_make_it_panic(text in pieces()) {
        bounded(&text, &reports(&text));
    }

    #[test]
    fn damage_to_a_report_makes_nothing_panic(
        seed: u64, memcg: bool, damage in prop::collection::vec((any::<u16>(), any::<u8>()), 1..20),
    ) {
        let mut text = dmesg(&sample(seed, LINUX_6_8, memcg));
        for (at, byte) in damage {
            let len = text.len();
            text[usize::from(at) % len] = byte;
        }
        bounded(&text, &reports(&text));
    }

    #[test]
    fn a_cut_anywhere_leaves_what_was_before(seed in 0u64..50, at in 0usize..20_000) {
        let text = dmesg(&sample(seed, LINUX_6_8, false));
        let cut = &text[..at.min(text.len())];
        let found = reports(cut);
        bounded(cut, &found);
        prop_assert!(found.len() <= 1);
    }

    #[test]
    fn pieces_of_any_size_give_the_same(seed in 0u64..20, size in 1usize..5000, twice: bool) {
        let one = dmesg(&sample(seed, LINUX_6_8, false));
        let noise = b"[ 1.0] eth0: link is up\n".repeat(200);
        let text = if twice { [&one[..], &noise, &one].concat() } else { [&noise[..], &one].concat() };
        prop_assert_eq!(in_pieces(&text, size), reports(&text));
    }
}
