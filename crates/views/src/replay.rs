//! A log of strace, played: the score first, then what differs, raced, was taken from the log.

use facts::Name;
use rules::replay::{
    AnchorKind, Difference, KernelBy, Program, Race, RaceOrder, StraceReport, Tally,
};

use crate::page::Page;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};

/// The whole report on a page; of each list so many rows.
pub fn strace_replay(report: &StraceReport, rows: usize, style: &Style) -> String {
    let mut page = Page::new(style);
    verdict(&mut page, report);
    differences(&mut page, &report.differences, rows);
    races(&mut page, &report.races, rows);
    programs(&mut page, &report.programs, rows);
    taken(&mut page, report, rows);
    unread(&mut page, report, rows);
    page.finish()
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn verdict(page: &mut Page<'_>, report: &StraceReport) {
    let style = page.style;
    let chosen = report.score.chosen();
    let (accent, word, text) = if chosen.total == 0 {
        let text = "the log has no address that the kernel chose and that can be predicted.";
        (Accent::Heading, "NOTHING TO PREDICT", text.to_owned())
    } else if chosen.is_whole() {
        let text = match chosen.total {
            1 => "the one address that the kernel chose.".to_owned(),
            n => format!("all {n} addresses that the kernel chose."),
        };
        (Accent::Calm, "PREDICTED", text)
    } else {
        let text = format!("{} of {} addresses that the kernel chose.", chosen.equal, chosen.total);
        (Accent::Near, "PREDICTED IN PART", text)
    };
    page.hanging("", &format!("{}: {text}", style.paint(accent, word)), 2);
    let by = match report.kernel_by {
        KernelBy::Given => "as asked for",
        KernelBy::Fitted => "which explain it as well as any",
    };
    let lines = plural(usize::try_from(report.lines).unwrap_or(usize::MAX), "line", "lines");
    let source =
        format!("{}, {lines}, rules of Linux {}, {by}", style.name(&report.origin), report.kernel);
    page.sentence(&style.paint(Accent::Dim, &source));
    let score = &report.score;
    page.line("");
    for (label, tally) in [
        ("mmap(NULL)", score.mmap),
        ("brk", score.brk),
        ("mremap", score.mremap),
        ("hinted", score.hinted),
        ("others", score.others),
    ] {
        if tally.total > 0 {
            page.labelled(label, &format!("{} of {} as in the log", tally.equal, tally.total));
        }
    }
}

fn left_out(page: &mut Page<'_>, all: usize, rows: usize) {
    if all > rows {
        page.sentence(&format!("and {} more; --all and --json have them all", all - rows));
    }
}

fn pid(pid: Option<u32>) -> String {
    pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string())
}

fn differences(page: &mut Page<'_>, all: &[Difference], rows: usize) {
    if all.is_empty() {
        return;
    }
    page.heading("What differs", "");
    for found in all.iter().take(rows) {
        let why = match (found.raced, found.attached) {
            (true, _) => "; it raced with other threads",
            (_, true) => "; what was mapped before the log began is not known",
            _ => "",
        };
        let text = format!("{} = {}, the model says {}{why}", found.call, found.log, found.model);
        page.hanging(&format!("  line {}, {}: ", found.line, pid(found.pid)), &text, 6);
    }
    left_out(page, all.len(), rows);
}

fn races(page: &mut Page<'_>, all: &[Race], rows: usize) {
    if all.is_empty() {
        return;
    }
    let count = |order| all.iter().filter(|race| race.order == order).count();
    let words = format!(
        "{}: {} in the order of the log, {} in another that their overlaps allow, {} in none",
        plural(all.len(), "time", "times"),
        count(RaceOrder::Log),
        count(RaceOrder::Other),
        count(RaceOrder::None)
    );
    page.heading("Calls that raced", "");
    page.sentence(&words);
    // Those that the order of the log does not explain come first.
    let mut sorted: Vec<&Race> = all.iter().collect();
    sorted.sort_by_key(|race| match race.order {
        RaceOrder::None => 0,
        RaceOrder::Other => 1,
        RaceOrder::Log => 2,
    });
    for race in sorted.into_iter().take(rows) {
        let order = match race.order {
            RaceOrder::Log => "as logged",
            RaceOrder::Other => "in this order",
            RaceOrder::None => "unexplained",
        };
        page.line("");
        page.sentence(&format!("{order}:"));
        for call in &race.calls {
            let first = format!("    lines {}-{}, {}: ", call.line, call.end, pid(call.pid));
            page.hanging(&first, &format!("{} = {}", call.call, call.log), 8);
        }
    }
    left_out(page, all.len(), rows);
}

fn tally(tally: Tally) -> String {
    if tally.total == 0 { "-".to_owned() } else { format!("{}/{}", tally.equal, tally.total) }
}

fn programs(page: &mut Page<'_>, all: &[Program], rows: usize) {
    let style = page.style;
    page.heading("Programs", "");
    let shown: Vec<&Program> = all.iter().take(rows).collect();
    let cells =
        |of: &dyn Fn(&Program) -> String| shown.iter().map(|row| of(row)).collect::<Vec<_>>();
    let mut table = Table::new(2);
    table.column("", "LINE", Align::Right, cells(&|row| row.line.to_string()));
    table.column("  ", "PID", Align::Right, cells(&|row| pid(row.pid)));
    table.column("  ", "THREADS", Align::Right, cells(&|row| row.threads.to_string()));
    table.column("  ", "MMAP", Align::Right, cells(&|row| tally(row.score.mmap)));
    table.column("  ", "BRK", Align::Right, cells(&|row| tally(row.score.brk)));
    table.column("  ", "MREMAP", Align::Right, cells(&|row| tally(row.score.mremap)));
    table.column("  ", "OTHERS", Align::Right, {
        cells(&|row| {
            let mut others = row.score.others;
            others.add(row.score.hinted);
            tally(others)
        })
    });
    table.column("  ", "PROGRAM", Align::Left, {
        cells(&|row| match (&row.path, row.attached) {
            (Some(path), _) => style.name(path),
            (None, true) => "? (ran before the log began)".to_owned(),
            (None, false) => "?".to_owned(),
        })
    });
    page.table(&table);
    left_out(page, all.len(), rows);
}

fn taken(page: &mut Page<'_>, report: &StraceReport, rows: usize) {
    let heaps = report.anchors.iter().filter(|found| found.what == AnchorKind::Heap).count();
    let bases = report.anchors.len() - heaps;
    if report.anchors.is_empty() && report.assumed.is_empty() && report.outside.is_empty() {
        return;
    }
    page.heading("Taken from the log, not predicted", "");
    if !report.anchors.is_empty() {
        page.sentence(&format!(
            "{}: the first brk says where the heap begins ({heaps}), the first mmap without a hint \
             below which address mappings go ({bases}).",
            plural(report.anchors.len(), "anchor", "anchors")
        ));
    }
    if !report.assumed.is_empty() {
        let words = match report.assumed.len() {
            1 => "1 range was mapped".to_owned(),
            n => format!("{n} ranges were mapped"),
        };
        page.sentence(&format!(
            "{words} before any line says so: programs, their interpreters, their stacks."
        ));
    }
    for found in report.outside.iter().take(rows) {
        let calls = match found.calls {
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        let name = style_name(page.style, &found.name);
        page.sentence(&format!("not compared: {name}, {calls}, first at line {}", found.line));
    }
}

fn style_name(style: &Style, text: &str) -> String {
    style.name(&Name::from(text))
}

fn unread(page: &mut Page<'_>, report: &StraceReport, rows: usize) {
    if report.problems.is_empty() {
        return;
    }
    page.heading("Not understood", "");
    for problem in report.problems.iter().take(rows) {
        let found = page.style.name(&problem.found);
        let text = format!("expected {}, found {found}", problem.expected);
        page.hanging(&format!("  line {}: ", problem.line), &text, 6);
    }
    left_out(page, report.problems.len(), rows);
}
