//! A run of a scenario: whether it came out as expected, what happened, what each process has.

mod futures;
mod svg;

use facts::Name;
use scenario::report::{
    CheckpointRow, ExpectationRow, FailureRow, MemoryRow, NodeRow, ProcessRow, SimulationReport,
    TimelineRow, WholeRow,
};
use units::Bytes;

use crate::amount;
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};

pub use svg::simulation_svg;

/// Rows of the longer lists on the screen; JSON has all.
const MOST: usize = 40;
/// A column of the table of processes.
type Column<T> = (&'static str, fn(&MemoryRow) -> Option<T>);

/// A column of the table of the machine.
type WholeColumn = (&'static str, fn(&WholeRow) -> Option<Bytes>);

/// A column of the table of its nodes.
type NodeColumn = (&'static str, fn(&NodeRow) -> Option<Bytes>);

/// Columns of a bar.
const BAR: usize = 24;
/// Deaths on the screen.
const DEATHS: usize = 12;
/// Sentences about reports of the kernel.
const EXPLAINED: usize = 3;
/// Looks at the machine.
const MOMENTS: usize = 12;

/// The whole run on a page: the verdict first.
pub fn simulation(report: &SimulationReport, style: &Style) -> String {
    let mut page = Page::new(style);
    verdict(&mut page, report);
    killed(&mut page, report);
    happened(&mut page, report);
    whole(&mut page, report);
    nodes(&mut page, &report.checkpoints);
    delivered(&mut page, &report.checkpoints);
    processes(&mut page, &report.processes);
    failures(&mut page, &report.failures);
    expected(&mut page, &report.expectations);
    futures::futures(&mut page, &report.futures);
    page.finish()
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn safe(text: &str, style: &Style) -> String {
    style.name(&Name::new(text.as_bytes()))
}

fn verdict(page: &mut Page<'_>, report: &SimulationReport) {
    let style = page.style;
    let judged = report.expectations.iter().filter(|row| row.held.is_some()).count();
    let broken = report.expectations.iter().filter(|row| row.held == Some(false)).count();
    // Those of its futures count as well.
    let own = report.futures.iter().map(|row| usize::try_from(row.claims).unwrap_or(usize::MAX));
    let judged = own.fold(judged, usize::saturating_add);
    let broken = broken + report.futures.iter().map(|row| row.broken.len()).sum::<usize>();
    let (accent, word, sentence) = if report.stopped {
        let at = report.steps;
        (Accent::Near, "STOPPED", format!("after step {at}, with more to do."))
    } else if broken > 0 {
        let all = plural(judged, "expectation", "expectations");
        (Accent::Wall, "NOT AS EXPECTED", format!("{broken} of {all} did not come true."))
    } else if judged > 0 {
        let all = match judged {
            1 => "the one expectation".to_owned(),
            n => format!("all {n} expectations"),
        };
        (Accent::Calm, "AS EXPECTED", format!("{all} came true."))
    } else {
        (Accent::Heading, "DONE", "nothing was expected.".to_owned())
    };
    page.hanging("", &format!("{}: {sentence}", style.paint(accent, word)), 2);
    if let Some(title) = &report.title {
        page.sentence(&safe(title, style));
    }
    let machine = &report.machine;
    let swap = match machine.swap {
        Bytes::ZERO => "no swap".to_owned(),
        swap => format!("{swap} of swap"),
    };
    let line = format!(
        "{}, on the model: {}, Linux {}, {} of RAM, {swap}",
        safe(&report.scenario, style),
        machine.arch,
        machine.kernel,
        machine.ram
    );
    page.sentence(&style.paint(Accent::Dim, &line));
}

/// Whom the OOM killer chose, and what the kernel's log says of it.
fn killed(page: &mut Page<'_>, report: &SimulationReport) {
    let style = page.style;
    if let Some(words) = &report.panic {
        page.heading("The machine stopped", "");
        page.sentence(&style.paint(Accent::Wall, &safe(words, style)));
    }
    if report.deaths.is_empty() {
        return;
    }
    let count = plural(report.deaths.len(), "process", "processes");
    page.heading("Who was killed", &format!("for lack of memory: {count}"));
    let rows: Vec<_> = report.deaths.iter().take(DEATHS).collect();
    let mut table = Table::new(2);
    table.column("", "PROCESS", Align::Left, rows.iter().map(|row| safe(&row.process, style)));
    table.column("  ", "STEP", Align::Right, rows.iter().map(|row| row.step.to_string()));
    if report.time_ns > 0 {
        table.column("  ", "TIME", Align::Right, rows.iter().map(|row| time(row.time_ns)));
    }
    let touched = rows.iter().map(|row| amount::cell(Some(row.touched), style));
    table.column("  ", "HAD TOUCHED", Align::Right, touched);
    let during = rows.iter().map(|row| match &row.during {
        Some(name) if *name == row.process => "its own step".to_owned(),
        Some(name) => format!("a step of {}", safe(name, style)),
        None => "time passed".to_owned(),
    });
    table.column("  ", "DURING", Align::Left, during);
    page.table(&table);
    if report.deaths.len() > DEATHS {
        let more = report.deaths.len() - DEATHS;
        page.sentence(&format!("and {more} more; `--json` has them all"));
    }
    for (at, words) in report.explained.iter().take(EXPLAINED).enumerate() {
        let first = if at == 0 { "The log says: " } else { "Then: " };
        page.hanging("  ", &format!("{first}{}", safe(words, style)), 4);
    }
}

/// What the machine had at each checkpoint, and at the end.
fn whole(page: &mut Page<'_>, report: &SimulationReport) {
    let style = page.style;
    let looks: Vec<(u64, &str, &WholeRow)> = report
        .checkpoints
        .iter()
        .filter_map(|look| Some((look.step, look.name.as_str(), look.machine.as_ref()?)))
        .collect();
    let looks = looks.get(looks.len().saturating_sub(MOMENTS)..).unwrap_or_default();
    let kills = report
        .deaths
        .iter()
        .filter_map(|death| Some((death.step, death.process.as_str(), death.machine.as_ref()?)))
        .take(MOMENTS - looks.len());
    let mut rows: Vec<(u64, String, &WholeRow)> = kills
        .map(|(step, name, row)| (step, format!("kill of {}", safe(name, style)), row))
        .collect();
    let killed = !rows.is_empty();
    rows.extend(looks.iter().map(|&(step, name, row)| (step, safe(name, style), row)));
    // A kill comes before the look that follows its step.
    rows.sort_by_key(|&(step, ..)| step);
    let total = rows.iter().find_map(|(.., row)| row.total);
    let (Some(total), Some(_)) = (total, rows.first()) else { return };
    let who = if killed {
        "as /proc/meminfo and the kernel's log count"
    } else {
        "as /proc/meminfo counts"
    };
    page.heading("The machine", &format!("{total} of memory, {who}"));
    let mut table = Table::new(2);
    table.column("", "AT", Align::Left, rows.iter().map(|(_, at, _)| at.clone()));
    let columns: [WholeColumn; 6] = [
        ("FREE", |row| row.free),
        ("ANON", |row| row.anon),
        ("CACHE", |row| row.cache),
        ("SHARED", |row| row.shmem),
        ("KERNEL", |row| row.kernel),
        ("SWAPPED", |row| row.swap_used),
    ];
    for (head, value) in columns {
        let cells = rows.iter().map(|(.., row)| amount::cell(value(row), style));
        table.column("  ", head, Align::Right, cells);
    }
    let bars = rows.iter().map(|(.., row)| {
        let used = row.free.map(|free| Bytes::new(total.get().saturating_sub(free.get())));
        used.map_or_else(String::new, |used| filled(used, total, 12, style))
    });
    table.column("  ", "IN USE", Align::Left, bars);
    table.narrow(style, &["SHARED", "KERNEL", "IN USE"]);
    page.table(&table);
}

/// What each NUMA node had at the same moments.
fn nodes(page: &mut Page<'_>, checkpoints: &[CheckpointRow]) {
    let style = page.style;
    let rows: Vec<(&CheckpointRow, &NodeRow)> = checkpoints
        .iter()
        .flat_map(|checkpoint| checkpoint.nodes.iter().map(move |node| (checkpoint, node)))
        .collect();
    let rows = rows.get(rows.len().saturating_sub(MOMENTS)..).unwrap_or_default();
    if rows.is_empty() {
        return;
    }
    page.heading("Its nodes", "as /sys/devices/system/node counts");
    let mut table = Table::new(2);
    table.column("", "AT", Align::Left, rows.iter().map(|(at, _)| safe(&at.name, style)));
    table.column("  ", "NODE", Align::Right, rows.iter().map(|(_, row)| row.node.to_string()));
    let columns: [NodeColumn; 4] = [
        ("MEMORY", |row| row.total),
        ("FREE", |row| row.free),
        ("ANON", |row| row.anon),
        ("FILES", |row| row.file),
    ];
    for (head, value) in columns {
        let cells = rows.iter().map(|(_, row)| amount::cell(value(row), style));
        table.column("  ", head, Align::Right, cells);
    }
    let missed = rows.iter().map(|(_, row)| {
        row.foreign.map_or_else(|| amount::cell(None, style), |pages| pages.to_string())
    });
    table.column("  ", "SERVED ELSEWHERE", Align::Right, missed);
    page.table(&table);
}

/// A part of a whole as a bar.
fn filled(part: Bytes, whole: Bytes, columns: usize, style: &Style) -> String {
    let share = u128::from(part.get()) * columns as u128 / u128::from(whole.get().max(1));
    let full = usize::try_from(share).unwrap_or(columns).min(columns);
    let signs = style.signs().bar;
    format!("{}{}", signs[0].repeat(full), signs[3].repeat(columns - full))
}

fn happened(page: &mut Page<'_>, report: &SimulationReport) {
    let style = page.style;
    let steps = plural(usize::try_from(report.steps).unwrap_or(usize::MAX), "step", "steps");
    page.heading("What happened", &format!("in {steps}{}", passed(report.time_ns)));
    let rows: Vec<&TimelineRow> = report.timeline.iter().take(MOST).collect();
    let timed = report.time_ns > 0;
    let several = report.processes.len() > 1;
    let mut table = Table::new(2);
    table.column("", "STEP", Align::Right, rows.iter().map(|row| steps_of(row, style)));
    if timed {
        table.column("  ", "TIME", Align::Right, rows.iter().map(|row| time(row.time_ns)));
    }
    if several {
        let names = rows.iter().map(|row| safe(&row.process, style));
        table.column("  ", "PROCESS", Align::Left, names);
    }
    let lines = rows.iter().map(|row| row.line.map_or(String::new(), |line| line.to_string()));
    table.column("  ", "LINE", Align::Right, lines);
    table.column("  ", "WHAT", Align::Left, rows.iter().map(|row| what(row, style)));
    page.table(&table);
    left_out(page, report.timeline.len());
}

fn left_out(page: &mut Page<'_>, all: usize) {
    if all > MOST {
        page.sentence(&format!("and {} more; `--json` has them all", all - MOST));
    }
}

fn passed(nanoseconds: u64) -> String {
    if nanoseconds == 0 { String::new() } else { format!(" and {}", time(nanoseconds)) }
}

/// `1.5 s`, `10 ms`.
fn time(nanoseconds: u64) -> String {
    let (unit, size) = match nanoseconds {
        0 => return "0".to_owned(),
        1_000_000_000.. => ("s", 1_000_000_000),
        1_000_000.. => ("ms", 1_000_000),
        1_000.. => ("us", 1_000),
        _ => ("ns", 1),
    };
    let tenths = u128::from(nanoseconds) * 10 / size;
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        rest => format!("{}.{rest} {unit}", tenths / 10),
    }
}

fn steps_of(row: &TimelineRow, style: &Style) -> String {
    match (row.first_step, row.last_step) {
        (0, _) => String::new(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}{}{last}", style.signs().to),
    }
}

fn what(row: &TimelineRow, style: &Style) -> String {
    // A step over several lines is its first one.
    let first = row.text.lines().next().unwrap_or("");
    let mut text = safe(first.trim_end_matches('{').trim_end(), style);
    if row.times > 1 {
        text = format!("{text}  ({} times)", row.times);
    }
    match row.failed {
        0 => text,
        _ if row.times == 1 => format!("{text}  {}", style.paint(Accent::Near, "failed")),
        1 => format!("{text}  {}", style.paint(Accent::Near, "failed once")),
        n => format!("{text}  {}", style.paint(Accent::Near, &format!("failed {n} times"))),
    }
}

fn delivered(page: &mut Page<'_>, checkpoints: &[CheckpointRow]) {
    let style = page.style;
    let rows: Vec<(&CheckpointRow, &MemoryRow)> = checkpoints
        .iter()
        .flat_map(|checkpoint| checkpoint.processes.iter().map(move |row| (checkpoint, row)))
        .take(MOST)
        .collect();
    let most = rows.iter().filter_map(|(_, row)| row.vm_size).max().unwrap_or_default();
    if rows.is_empty() {
        return;
    }
    let signs = style.signs().bar;
    let legend = format!("{} promised (VmSize), {} delivered (VmRSS)", signs[3], signs[0]);
    page.heading("Promised and delivered", &legend);
    let mut table = Table::new(2);
    let checkpoint_names = rows.iter().map(|(checkpoint, _)| safe(&checkpoint.name, style));
    table.column("", "AT", Align::Left, checkpoint_names);
    table.column(
        "  ",
        "PROCESS",
        Align::Left,
        rows.iter().map(|(_, row)| safe(&row.process, style)),
    );
    let promised = rows.iter().map(|(_, row)| amount::cell(row.vm_size, style));
    table.column("  ", "PROMISED", Align::Right, promised);
    let delivered = rows.iter().map(|(_, row)| amount::cell(row.vm_rss, style));
    table.column("  ", "DELIVERED", Align::Right, delivered);
    table.column("  ", "", Align::Left, rows.iter().map(|(_, row)| bar(row, most, style)));
    page.table(&table);
}

/// What was delivered within what was promised, within the most that was ever promised.
fn bar(row: &MemoryRow, most: Bytes, style: &Style) -> String {
    let (Some(size), Some(rss)) = (row.vm_size, row.vm_rss) else { return String::new() };
    let columns = |bytes: Bytes| {
        let share = u128::from(bytes.get()) * BAR as u128;
        let columns = share.div_ceil(u128::from(most.get().max(1)));
        usize::try_from(columns).unwrap_or(BAR).min(BAR)
    };
    let signs = style.signs().bar;
    let whole = columns(size);
    let full = columns(rss).min(whole);
    format!("{}{}", signs[0].repeat(full), signs[3].repeat(whole - full))
}

fn processes(page: &mut Page<'_>, processes: &[ProcessRow]) {
    let style = page.style;
    page.heading("Who has what", "at the end");
    let rows: Vec<&ProcessRow> = processes.iter().take(MOST).collect();
    let count = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |n| n.to_string());
    // The dead have nothing, which is no question.
    let alive =
        |row: &ProcessRow, text: String| if row.end.is_some() { "-".to_owned() } else { text };
    let mut table = Table::new(2);
    table.column("", "PROCESS", Align::Left, rows.iter().map(|r| safe(&r.memory.process, style)));
    table.column("  ", "STEPS", Align::Right, rows.iter().map(|row| row.steps.to_string()));
    let sizes: [Column<Bytes>; 5] = [
        ("SIZE", |row| row.vm_size),
        ("RSS", |row| row.vm_rss),
        ("PSS", |row| row.pss),
        ("TABLES", |row| row.page_tables),
        ("SWAP", |row| row.swap),
    ];
    for (head, value) in sizes {
        let cells = rows.iter().map(|row| alive(row, amount::cell(value(&row.memory), style)));
        table.column("  ", head, Align::Right, cells);
    }
    let counts: [Column<u64>; 3] = [
        ("MINOR", |row| row.minor_faults),
        ("MAJOR", |row| row.major_faults),
        ("MAPPINGS", |row| row.mappings),
    ];
    for (head, value) in counts {
        let cells = rows.iter().map(|row| alive(row, count(value(&row.memory))));
        table.column("  ", head, Align::Right, cells);
    }
    let ends = rows.iter().map(|row| {
        let text = row.end.clone().unwrap_or_else(|| "lives".to_owned());
        if row.killed { style.paint(Accent::Wall, &text) } else { text }
    });
    table.column("  ", "END", Align::Left, ends);
    table.narrow(style, &["SWAP", "MAJOR", "TABLES", "STEPS", "MAPPINGS", "PSS"]);
    page.table(&table);
    left_out(page, processes.len());
    printed(page, processes);
}

/// How far a real kernel's numbers may be from the exact ones.
fn printed(page: &mut Page<'_>, processes: &[ProcessRow]) {
    let apart = |row: &ProcessRow| {
        let (printed, exact) = (row.rss_printed?, row.memory.vm_rss?);
        let apart = |one: Bytes, other: Bytes| Bytes::new(one.get().saturating_sub(other.get()));
        Some((apart(exact, printed.least), apart(printed.most, exact)))
    };
    let all = processes.iter().filter_map(apart);
    let Some((less, more)) = all.reduce(|one, other| (one.0.max(other.0), one.1.max(other.1)))
    else {
        return;
    };
    page.sentence(&page.style.paint(
        Accent::Dim,
        &format!(
            "Kernels of this release add up late what is resident: VmRSS may be up to {less} less or \
             {more} more than this."
        ),
    ));
}

fn failures(page: &mut Page<'_>, failures: &[FailureRow]) {
    if failures.is_empty() {
        return;
    }
    let style = page.style;
    page.heading("What failed", "and why");
    for row in failures.iter().take(MOST) {
        let times = if row.times > 1 { format!(", {} times", row.times) } else { String::new() };
        let note = if row.foreseen { ", as the scenario reckons with" } else { "" };
        let head = format!(
            "line {} of {}: {}",
            row.line,
            safe(&row.process, style),
            safe(&row.source, style)
        );
        page.hanging("  ", &head, 4);
        page.hanging("    ", &format!("{}{times}{note}", safe(&row.asked, style)), 6);
        if let Some(reason) = &row.reason {
            page.hanging("    ", reason, 4);
        }
    }
    left_out(page, failures.len());
}

fn expected(page: &mut Page<'_>, expectations: &[ExpectationRow]) {
    if expectations.is_empty() {
        return;
    }
    let style = page.style;
    page.heading("What was expected", "");
    // What did not come true stands first.
    let mut rows: Vec<&ExpectationRow> = expectations.iter().collect();
    rows.sort_by_key(|row| row.held != Some(false));
    for row in rows.into_iter().take(MOST) {
        let (accent, word) = match row.held {
            Some(true) => (Accent::Calm, "yes"),
            Some(false) => (Accent::Wall, "NO"),
            None => (Accent::Dim, "not here"),
        };
        let wanted = row.wanted.lines().next().unwrap_or("").trim_end_matches('{').trim_end();
        let mut text = format!("line {}: {}", row.line, safe(wanted, style));
        if row.held == Some(false) {
            text = format!("{text}, but {}", safe(&row.found, style));
        } else if [" at-least ", " at-most "].iter().any(|bound| wanted.contains(bound)) {
            text = format!("{text}: {}", safe(&row.found, style));
        }
        if row.times > 1 {
            text = format!("{text} ({} times)", row.times);
        }
        let first = format!("  {}  ", style.paint(accent, &format!("{word:<3}")));
        page.hanging(&first, &text, 7);
    }
    left_out(page, expectations.len());
}
