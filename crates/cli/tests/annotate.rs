//! `oomph explain --annotate`: the log is all there, every kind of line has a meaning, and nothing
//! from outside gets out of its line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use facts::OomReport;
use facts::oom_report::LineKind;
use rules::timeline::TimelineReport;
use unicode_width::UnicodeWidthStr;
use views::{Charset, PageEntry, Style};

const PLAIN: Style = Style { width: None, charset: Charset::Utf8, color: false };

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn logs() -> Vec<String> {
    let captures = fs::read_dir(root().join("tests/data/captures")).expect("captures");
    let mut paths: Vec<PathBuf> =
        captures.filter_map(|entry| Some(entry.ok()?.path().join("kill.log"))).collect();
    let logs = fs::read_dir(root().join("tests/data/logs")).expect("logs");
    paths.extend(logs.filter_map(|entry| Some(entry.ok()?.path())));
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "log") && path.is_file());
    paths.sort();
    assert!(paths.len() > 5);
    paths.iter().map(|path| fs::read_to_string(path).expect("a log")).collect()
}

fn annotated(report: &OomReport, style: &Style) -> String {
    let explained = rules::explain(report, None);
    let entry = PageEntry { number: 1, place: "kern.log", report, explained: &explained };
    views::annotated(&entry, Some(1), style)
}

/// The lines of the log in what is printed, each with its meaning.
fn taken_apart(text: &str) -> Vec<(String, String)> {
    let (_, lines) = text.split_once("\n\n").expect("an empty line behind the verdict");
    let mut all: Vec<(String, String)> = Vec::new();
    for line in lines.lines() {
        match line.strip_prefix("    ► ").or_else(|| line.strip_prefix("    │ ")) {
            Some(said) => {
                let (_, meaning) = all.last_mut().expect("a line before its meaning");
                meaning.push_str(said);
                meaning.push(' ');
            }
            None => all.push((line.to_owned(), String::new())),
        }
    }
    all
}

#[test]
fn the_log_is_all_there_in_80_columns_and_in_any() {
    let solid = |text: &str| text.replace(char::is_whitespace, "");
    for log in logs() {
        for found in klog::reports(log.as_bytes()) {
            for width in [None, Some(40), Some(80), Some(100)] {
                let text = annotated(&found.report, &Style { width, ..PLAIN });
                if let Some(width) = width {
                    assert!(text.lines().all(|line| line.width() <= width), "{text}");
                }
                let kept: String = taken_apart(&text).iter().map(|(line, _)| solid(line)).collect();
                assert_eq!(kept, solid(&log.replace('\\', "\\\\")));
            }
        }
    }
}

#[test]
fn on_a_wide_screen_lines_and_meanings_stand_side_by_side() {
    let log = &logs()[0];
    for found in klog::reports(log.as_bytes()) {
        let text = annotated(&found.report, &Style { width: Some(170), ..PLAIN });
        assert!(text.lines().all(|line| line.width() <= 170));
        let line = text.lines().find(|line| line.contains("Call Trace:")).expect("a trace");
        assert!(line.contains("│ How the kernel got here"), "{line}");
    }
}

#[test]
fn every_kind_of_line_of_every_release_has_a_meaning() {
    let samples = root().join("crates/klog/src/print/samples.txt");
    let samples = fs::read_to_string(samples).expect("samples of every row");
    let mut text = String::new();
    for line in samples.lines() {
        let (release, line) = line.split_once(' ').expect("a release and a line");
        assert!(release.starts_with(|c: char| c.is_ascii_digit()), "{release}");
        text.push_str(line.trim_start());
        text.push('\n');
    }
    let mut all = logs();
    all.push(text);
    // The kinds of lines, and how many of each have a meaning.
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for log in all {
        for found in klog::reports(log.as_bytes()) {
            let shown = annotated(&found.report, &PLAIN);
            let said = taken_apart(&shown);
            let mut said = said.iter();
            for line in &found.report.lines {
                let text = line.text.to_string();
                let (_, meaning) = said
                    .find(|(shown, _)| shown.trim() == text.trim().replace("\\t", "    ").trim())
                    .unwrap_or_else(|| panic!("{text} is not shown"));
                if let [record] = line.records[..] {
                    let kind = format!("{record:?}");
                    let kind = kind.split('(').next().unwrap_or_default().to_owned();
                    *kinds.entry(kind).or_default() += usize::from(!meaning.is_empty());
                }
                if line.kind == LineKind::Unknown {
                    assert!(meaning.starts_with("Not a line that"), "{meaning}");
                }
            }
        }
    }
    let silent: BTreeSet<&str> =
        kinds.iter().filter(|(_, said)| **said == 0).map(|(kind, _)| kind.as_str()).collect();
    // CPUs' own lists are told of once for a zone; what goes on, on the line before.
    let allowed = BTreeSet::from(["PerCpu", "Continued", "Figures"]);
    let unsaid: Vec<_> = silent.difference(&allowed).collect();
    assert!(unsaid.is_empty(), "{unsaid:?} have no meaning; {kinds:?}");
    assert!(kinds.len() > 40, "{}: {kinds:?}", kinds.len());
}

#[test]
fn rare_ends_of_a_report_have_meanings_too() {
    let log = fs::read_to_string(root().join("tests/data/captures/6.1-i386-1g/kill.log")).unwrap();
    let head: String = log
        .lines()
        .take_while(|line| !line.contains("oom-kill:"))
        .flat_map(|line| [line, "\n"])
        .collect();
    for (line, meaning) in [
        (
            "Kernel panic - not syncing: Out of memory and no killable processes...",
            "nobody left who may be killed: the machine stops",
        ),
        (
            "Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled",
            "to stop",
        ),
        (
            "Out of memory: OOM victim 1665 (hog) is already exiting. Skip killing the task",
            "hog was dying already",
        ),
    ] {
        let found = klog::reports(format!("{head}[  117.764600] {line}\n").as_bytes()).remove(0);
        let text = annotated(&found.report, &PLAIN);
        let said = taken_apart(&text).pop().expect("the line").1;
        assert!(said.contains(meaning), "{line}: {said}");
    }
    for (line, meaning) in [
        ("oom_reaper: unable to reap pid:1665 (hog)", "could not be taken at once"),
        ("oom killer 1665 (hog) has mm pinned by 1700 (other)", "lives on in other"),
        (
            "oom_reaper: reaped process 1665 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:8kB",
            "0 B of its own are left, and 8.00 KiB of shared memory",
        ),
    ] {
        let found = klog::reports(format!("{log}[  117.764600] {line}\n").as_bytes()).remove(0);
        let text = annotated(&found.report, &PLAIN);
        let said = taken_apart(&text).pop().expect("the line").1;
        assert!(said.contains(meaning), "{line}: {said}");
    }
    let failure = log.replace(
        "hog invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0",
        "hog: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null)",
    );
    let found = klog::reports(failure.as_bytes()).remove(0);
    let said = taken_apart(&annotated(&found.report, &PLAIN)).remove(0).1;
    assert!(said.contains("2^4 pages in one block (64.0 KiB; order=4) and got nothing"), "{said}");
    let tainted = log.replace("Not tainted", "Tainted: P        W  OE");
    let found = klog::reports(tainted.as_bytes()).remove(0);
    let said = taken_apart(&annotated(&found.report, &PLAIN)).remove(1).1;
    assert!(said.contains("P: a proprietary module; W: a warning earlier"), "{said}");
}

#[test]
fn meanings_are_sentences_with_the_figures_of_the_report() {
    let log = fs::read_to_string(root().join("tests/data/captures/6.1-i386-1g/kill.log")).unwrap();
    let found = klog::reports(log.as_bytes()).remove(0);
    let text = annotated(&found.report, &PLAIN);
    for (line, meaning) in taken_apart(&text).iter().filter(|(_, said)| !said.is_empty()) {
        assert!(meaning.trim_end().ends_with('.'), "{line}: {meaning}");
        assert!(!meaning.contains("  "), "{line}: {meaning}");
    }
    let of = |words: &str| {
        let all = taken_apart(&text);
        all.into_iter().find(|(line, _)| line.contains(words)).expect("a line").1
    };
    // 46620 kB free; 42236 kB of min and 1150 pages of reserve.
    assert!(
        of("Normal free:").contains("41.2 MiB + 4.49 MiB = 45.7 MiB"),
        "{}",
        of("Normal free:")
    );
    assert!(of(" hog").contains("asked for one page"));
    assert!(of("[   1665]").contains("833 MiB in memory"), "{}", of("[   1665]"));
    assert!(of("[    118]").contains("place 2 of 13"), "{}", of("[    118]"));
}

#[test]
fn what_is_not_of_the_report_is_dimmed_and_what_is_unknown_is_called_so() {
    let log = fs::read_to_string(root().join("tests/data/captures/6.12-1g/kill.log")).unwrap();
    let mut mixed = String::new();
    for line in log.lines() {
        mixed.push_str(line);
        mixed.push('\n');
        if line.contains("Mem-Info:") {
            mixed.push_str("Nov 20 10:00:00 host nginx[12]: upstream timed out\n");
            mixed.push_str("[   30.000000] frobnicate the zones: 12\n");
        }
    }
    let found = klog::reports(mixed.as_bytes()).remove(0);
    let colours = annotated(&found.report, &Style { color: true, ..PLAIN });
    let line = colours.lines().find(|line| line.contains("nginx")).expect("the line");
    assert!(line.starts_with("\x1b[2m"), "{line:?}");
    let plain = annotated(&found.report, &PLAIN);
    let (_, meaning) = taken_apart(&plain)
        .into_iter()
        .find(|(line, _)| line.contains("frobnicate"))
        .expect("the line");
    assert!(meaning.starts_with("Not a line that this program knows"), "{meaning}");
}

#[test]
fn hostile_names_stay_in_their_lines() {
    for log in logs() {
        let hostile = log.replace("hog", "h\x1b[2J\u{202e}x").replace("web", "`<b>");
        for found in klog::reports(hostile.as_bytes()) {
            let text = annotated(&found.report, &PLAIN);
            assert!(!text.contains('\x1b') && !text.contains('\u{202e}'));
            let ascii = annotated(&found.report, &Style { charset: Charset::Ascii, ..PLAIN });
            assert!(ascii.is_ascii(), "{ascii}");
        }
    }
}

#[test]
fn a_log_cut_anywhere_has_a_page_and_meanings() {
    for log in logs() {
        let ends: Vec<usize> = log.match_indices('\n').map(|(at, _)| at).collect();
        for &end in ends.iter().step_by(5) {
            for part in [&log[..end], &log[end..], &log[..end.saturating_sub(20)]] {
                for found in klog::reports(part.as_bytes()) {
                    assert!(!annotated(&found.report, &PLAIN).is_empty());
                    let explained = rules::explain(&found.report, None);
                    let entry = PageEntry {
                        number: 1,
                        place: "x",
                        report: &found.report,
                        explained: &explained,
                    };
                    assert!(
                        views::explained_html(&[entry], &TimelineReport::default())
                            .ends_with("</html>\n")
                    );
                }
            }
        }
    }
}

#[test]
fn a_page_of_900_tasks_and_an_index_of_many_reports_stay_small() {
    let log = fs::read_to_string(root().join("tests/data/captures/6.12-1g/kill.log")).unwrap();
    let row = log.lines().find(|line| line.ends_with(" web")).expect("a row");
    let rows: String =
        (0..900).map(|nth| row.replace(" web", &format!(" worker-{nth}")) + "\n").collect();
    let crowded = log.replace(&format!("{row}\n"), &rows);
    let found = klog::reports(crowded.as_bytes()).remove(0);
    let tasks = found.report.tasks.as_ref().map_or(0, |tasks| tasks.rows.len());
    assert!(tasks > 900, "{tasks}");
    let explained = rules::explain(&found.report, None);
    let entry = PageEntry { number: 1, place: "x", report: &found.report, explained: &explained };
    let page = views::explained_html(&[entry], &TimelineReport::default());
    assert!(page.len() < 1_800_000, "{}", page.len());

    let other = "[    9.000000] usb 1-1: new device\n".repeat(70);
    let many = [log, other].concat().repeat(60);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (input, output) = (dir.join("many.log"), dir.join("many.html"));
    fs::write(&input, many).expect("a file of the build");
    for (more, sections) in [(None, 50), (Some("--all"), 60), (Some("--report=7"), 1)] {
        let status = Command::new(env!("CARGO_BIN_EXE_oomph"))
            .args(["explain", "--html"])
            .args([&output, &input])
            .args(more)
            .env_clear()
            .status()
            .expect("oomph starts");
        assert!(status.success());
        let page = fs::read_to_string(&output).expect("the page");
        assert_eq!(page.matches("<article").count(), sections);
        assert!(page.contains(">60 OOM reports<"));
        let linked = (1..=60).filter(|n| page.contains(&format!("href=\"#r{n}\""))).count();
        assert_eq!(linked, sections);
    }
}
