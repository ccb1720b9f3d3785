//! Several kills: the list in order of time, what repeats, what grew, what others said.

mod csv;
mod words;

pub use csv::{INCIDENT_COLUMNS, incident_csv, incident_csv_head};
pub use words::{named, notice};

use facts::{FigureOf, FigureValue};
use rules::explain::Event;
use rules::timeline::{
    Casualty, Echo, Extent, Growth, Incident, KernelPart, Killer, Repeated, Storm, TimelineReport,
};
use units::Bytes;

use crate::amount;
use crate::explain::scope_of;
use crate::page::Page;
use crate::style::Style;
use crate::text;

/// Lines of other programs that are shown of one incident.
const ECHOES: usize = 6;
/// Rows of a section.
const ROWS: usize = 8;

/// The whole timeline. With `places`, each log's name stands above its incidents.
pub fn timeline(report: &TimelineReport, places: bool, style: &Style) -> String {
    let mut page = Page::new(style);
    if report.not_listed > 0 {
        page.line(&format!("({} older ones are counted, not listed)", report.not_listed));
    }
    let mut place = None;
    let mut boot = None;
    for incident in &report.incidents {
        if place != Some(&incident.log) {
            if places {
                page.line(&style.name(&incident.log));
            }
            boot = None;
        }
        if boot.is_some_and(|boot| boot != incident.boot) {
            page.line("     -- the machine was started again --");
        }
        place = Some(&incident.log);
        boot = Some(incident.boot);
        line(&mut page, incident);
        below(&mut page, incident);
    }
    print_conclusions(&mut page, report);
    page.finish()
}

/// What the incidents have in common, without the list of them.
pub(crate) fn conclusions(report: &TimelineReport, style: &Style) -> String {
    let mut page = Page::new(style);
    print_conclusions(&mut page, report);
    page.finish()
}

fn print_conclusions(page: &mut Page<'_>, report: &TimelineReport) {
    totals(page, report);
    storms(page, report);
    repeated(page, &report.repeated);
    growth(page, &report.growth);
    without_report(page, report);
}

/// One incident: number of the report, time, what ran out and who died.
fn line(page: &mut Page<'_>, incident: &Incident) {
    const COLUMNS: usize = 19;
    let style = page.style;
    let number = match &incident.report {
        Some(part) => part.number.to_string(),
        None => "-".to_owned(),
    };
    let what = what(incident, style);
    let head = format!("{number:>3}  {}  ", text::left(&when(incident, style), 12));
    page.hanging(&style.plain(&head), &what, COLUMNS.max(text::width(&head)));
}

/// What ran out and who died.
pub(crate) fn what(incident: &Incident, style: &Style) -> String {
    match (&incident.report, &incident.notice) {
        (Some(part), _) => kernel(part, &incident.victims, style),
        (None, Some(own)) => notice(own, style),
        (None, None) => "?".to_owned(),
    }
}

fn kernel(part: &KernelPart, victims: &[Casualty], style: &Style) -> String {
    let died = match victims {
        [] => match part.event {
            Event::Panic => "the machine stopped".to_owned(),
            Event::NobodyToKill => "nobody could be killed".to_owned(),
            Event::AlreadyDying => "its choice was dying already".to_owned(),
            Event::AllocationFailure | Event::ShowMemory => "nobody killed".to_owned(),
            Event::Kill | Event::Unknown => "no victim in the text".to_owned(),
        },
        [one] => format!("killed {}", who(one, style)),
        [first, rest @ ..] => format!("killed {} and {} more", who(first, style), rest.len()),
    };
    let verdict = match (part.event, part.agrees) {
        (_, Some(false)) => "; NOT whom these rules choose",
        (Event::Kill, None) => "; choice not checked",
        _ => "",
    };
    format!("{}: {died}{verdict}", scope_of(&part.ran_out, &part.cause, style))
}

fn who(victim: &Casualty, style: &Style) -> String {
    let name = victim.name.as_ref().map_or_else(|| "?".to_owned(), |name| style.name(name));
    match victim.pid {
        Some(pid) => format!("{name} (pid {pid})"),
        None => name,
    }
}

pub(crate) fn when(incident: &Incident, style: &Style) -> String {
    match (&incident.time, incident.boot_us) {
        (Some(time), _) => style.name(time),
        (None, Some(us)) => format!("{}.{:02} s", us / 1_000_000, us / 10_000 % 100),
        (None, None) => "?".to_owned(),
    }
}

/// What else is to be said of an incident, under its line.
fn below(page: &mut Page<'_>, incident: &Incident) {
    let style = page.style;
    for remark in remarks(incident, style) {
        page.hanging("       ", &remark, 9);
    }
    for said in echoes(incident, style) {
        page.hanging("       + ", &said, 9);
    }
}

/// What other programs said of it.
pub(crate) fn echoes(incident: &Incident, style: &Style) -> Vec<String> {
    let shown = incident.echoes.iter().take(ECHOES);
    let mut said: Vec<String> =
        shown.map(|Echo { notice: said, .. }| notice(said, style)).collect();
    let more = incident.echoes.len().saturating_sub(ECHOES);
    if more > 0 {
        said.push(format!("and {}", amount::count(more, "line", "lines")));
    }
    said
}

/// What is odd about it.
pub(crate) fn remarks(incident: &Incident, style: &Style) -> Vec<String> {
    let mut remarks = Vec::new();
    if incident.left_out_before > 0 {
        remarks.push(format!(
            "{} left out just before, by the kernel's rate limit",
            amount::count(
                usize::try_from(incident.left_out_before).unwrap_or(usize::MAX),
                "report",
                "reports"
            )
        ));
    }
    if let Some(part) = &incident.report {
        remarks.extend(extent(part.extent, incident).map(str::to_owned));
        if let Some(earlier) = &part.earlier_victim_holds {
            let held = earlier.resident.map_or(String::new(), |held| format!(" {held}"));
            remarks.push(format!("the earlier victim {} still held{held}", who(earlier, style)));
        }
    }
    remarks
}

fn extent(extent: Extent, incident: &Incident) -> Option<&'static str> {
    match extent {
        Extent::Whole => None,
        Extent::HeadMissing => Some("its beginning is not in the log"),
        Extent::TailMissing => Some("its outcome is not in the log"),
        Extent::MiddleOnly => Some("its beginning and its outcome are not in the log"),
        Extent::KillLineOnly if incident.left_out_before > 0 => {
            Some("only its kill was printed: its report is one of those")
        }
        Extent::KillLineOnly => {
            Some("only its kill is in the log: rate limited, or the rest was not kept")
        }
    }
}

fn totals(page: &mut Page<'_>, report: &TimelineReport) {
    let count =
        |n: u64, one, many| amount::count(usize::try_from(n).unwrap_or(usize::MAX), one, many);
    let mut parts = vec![format!(
        "{} of the kernel, {} killed",
        count(report.reports, "report", "reports"),
        count(report.kernel_kills, "process", "processes")
    )];
    for by in &report.other_kills {
        parts.push(format!("{} by {}", count(by.kills, "kill", "kills"), named(by.killer)));
    }
    if report.left_out > 0 {
        parts.push(format!("{} left out by the rate limit", report.left_out));
    }
    if report.boots > 1 {
        parts.push(count(report.boots, "boot", "boots"));
    }
    if report.incidents.len() > 1 || !report.other_kills.is_empty() || report.left_out > 0 {
        page.heading("In all", &parts.join("; "));
    }
}

fn storms(page: &mut Page<'_>, report: &TimelineReport) {
    for (at, storm) in report.storms.iter().take(ROWS).enumerate() {
        let Storm { first_report, last_report, kills, lasted_us, before_memory_was_back, .. } =
            storm;
        let span = lasted_us.map_or(String::new(), |us| format!(" within {}", span(us)));
        let early = match before_memory_was_back {
            0 => String::new(),
            n => format!(", {n} of them before an earlier victim's memory was back"),
        };
        let sentence = format!(
            "{kills} processes killed{span}, reports {first_report} to {last_report}{early}"
        );
        if at == 0 {
            page.heading("Storm", &sentence);
        } else {
            page.under(&sentence);
        }
    }
    more(page, report.storms.len());
}

fn span(us: u64) -> String {
    match us {
        0..10_000_000 => format!("{}.{:02} s", us / 1_000_000, us / 10_000 % 100),
        _ => amount::span(us / 1_000_000),
    }
}

fn repeated(page: &mut Page<'_>, rows: &[Repeated]) {
    for (at, row) in rows.iter().take(ROWS).enumerate() {
        let style = page.style;
        let group =
            row.cgroup.as_ref().map_or(String::new(), |group| format!(" in {}", style.name(group)));
        let sizes = match (row.least, row.most) {
            (Some(least), Some(most)) if least != most => format!(", holding {least} to {most}"),
            (Some(least), _) => format!(", holding {least}"),
            _ => String::new(),
        };
        let sentence = format!("{} died {} times{group}{sizes}", style.name(&row.name), row.kills);
        if at == 0 {
            page.heading("Repeated", &sentence);
        } else {
            page.under(&sentence);
        }
    }
    more(page, rows.len());
}

fn growth(page: &mut Page<'_>, rows: &[Growth]) {
    for (at, row) in rows.iter().take(ROWS).enumerate() {
        let style = page.style;
        let name = row.task.name.as_ref().map_or_else(|| "?".to_owned(), |name| style.name(name));
        let pid = row.task.pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
        let rate = row
            .per_hour
            .and_then(|rate| u64::try_from(rate).ok())
            .map_or(String::new(), |rate| format!(", {} an hour", Bytes::new(rate)));
        let sentence = format!("{name}{pid} from {} to {}{rate}", row.from.held, row.to.held);
        if at == 0 {
            page.heading("Grew", &sentence);
        } else {
            page.under(&sentence);
        }
    }
    more(page, rows.len());
}

fn more(page: &mut Page<'_>, rows: usize) {
    if rows > ROWS {
        page.under(&format!("and {} more (--timeline --json has all)", rows - ROWS));
    }
}

fn without_report(page: &mut Page<'_>, report: &TimelineReport) {
    let rows = &report.without_report;
    if rows.is_empty() {
        return;
    }
    let sentence = "kills that other programs tell of and that are not in the log";
    page.heading("Not here", sentence);
    for row in rows.iter().take(ROWS) {
        let style = page.style;
        let when = match (&row.when.time, row.when.boot_us) {
            (Some(time), _) => style.name(time),
            (None, Some(us)) => format!("{}.{:02} s", us / 1_000_000, us / 10_000 % 100),
            (None, None) => format!("line {}", row.line),
        };
        page.under(&format!("{when}  {}", notice(row, style)));
    }
    more(page, rows.len());
}

/// A figure in words.
fn figure(of: FigureOf, value: FigureValue) -> String {
    let value = match value {
        FigureValue::Bytes(bytes) => bytes.to_string(),
        FigureValue::SignedBytes(bytes) if bytes < 0 => {
            format!("-{}", Bytes::new(bytes.unsigned_abs()))
        }
        FigureValue::SignedBytes(bytes) => Bytes::new(bytes.unsigned_abs()).to_string(),
        FigureValue::Percent(percent) => percent.to_string(),
        FigureValue::Micros(us) => span(us),
        FigureValue::Number(number) => number.to_string(),
    };
    match of {
        FigureOf::MemoryAvailable => format!("{value} available"),
        FigureOf::MemoryAvailableLimit => format!("mark {value} available"),
        FigureOf::MemoryUsed => format!("{value} of memory used"),
        FigureOf::MemoryTotal => format!("{value} of memory"),
        FigureOf::SwapFree => format!("{value} of swap free"),
        FigureOf::SwapFreeLimit => format!("mark {value} of swap free"),
        FigureOf::SwapUsed => format!("{value} of swap used"),
        FigureOf::SwapTotal => format!("{value} of swap"),
        FigureOf::UsedLimit => format!("mark {value} used"),
        FigureOf::Pressure => format!("pressure {value}"),
        FigureOf::PressureLimit | FigureOf::FileCacheLimit => format!("mark {value}"),
        FigureOf::PressureFor => format!("for {value}"),
        FigureOf::Resident => format!("held {value}"),
        FigureOf::Swapped => format!("{value} of it swapped out"),
        FigureOf::FileCache => format!("file cache {value}"),
        FigureOf::FreeAboveReserve => format!("{value} free above the reserve"),
        FigureOf::Score => format!("score {value}"),
        FigureOf::EndedAfter => format!("after {value}"),
        FigureOf::Requested => format!("requested {value}"),
    }
}

/// The word that says who killed.
fn killer(killer: Killer) -> &'static str {
    match killer {
        Killer::Kernel => "kernel",
        Killer::Other(speaker) => named(speaker),
    }
}
