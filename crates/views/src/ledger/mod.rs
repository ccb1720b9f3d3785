//! The ledger as a tree with bars, its difference, and its picture.

mod diff;
mod svg;
mod tree;

pub use diff::ledger_diff;
pub use svg::ledger_svg;

use std::cmp::Reverse;

use facts::Name;
use rules::ledger::{
    CgroupLedger, Identity, LedgerReport, LineKind, RemainderLevel, ShareIdentities,
};
use rules::rank::SourceLine;
use units::Bytes;

use crate::amount;
use crate::page::Page;
use crate::rank::Rows;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};

/// The ledger: the verdict first, then the machine from the top down, the processes' shares, and
/// so many cgroups.
pub fn ledger(report: &LedgerReport, cgroups: Rows, style: &Style) -> String {
    let mut page = Page::new(style);
    let verdict = &report.verdict;
    let accent = accent(verdict.level);
    let word = style.paint(accent, level(verdict.level));
    page.hanging("", &format!("{word}: {}", verdict.text), 2);
    page.sentence(&style.paint(Accent::Dim, &source_words(&report.source)));
    if !verdict.may_be.is_empty() {
        page.heading("It may be", "");
        for guess in &verdict.may_be {
            page.hanging("  - ", guess, 4);
        }
    }
    if let Some(machine) = &report.machine {
        page.line("");
        tree::tree(&mut page, machine, report.total, accent);
    }
    if let Some(shares) = &report.shares {
        identities(&mut page, shares);
    }
    groups(&mut page, &report.cgroups, cgroups);
    doubts(&mut page, report);
    page.finish()
}

fn level(level: RemainderLevel) -> &'static str {
    match level {
        RemainderLevel::Unknown => "UNKNOWN",
        RemainderLevel::Normal => "ADDS UP",
        RemainderLevel::Large => "MEMORY IS MISSING",
        RemainderLevel::OverCounted => "COUNTED TWICE",
    }
}

fn accent(level: RemainderLevel) -> Accent {
    match level {
        RemainderLevel::Unknown => Accent::Heading,
        RemainderLevel::Normal => Accent::Calm,
        RemainderLevel::Large => Accent::Wall,
        RemainderLevel::OverCounted => Accent::Near,
    }
}

/// `this machine, Linux 6.18.44`.
pub(super) fn source_words(source: &SourceLine) -> String {
    let release = source
        .release
        .map_or_else(|| "kernel unknown".to_owned(), |release| format!("Linux {release}"));
    let pages = if source.page_size_known {
        String::new()
    } else {
        format!(", pages of {} bytes assumed", source.page_size)
    };
    format!("{}, {release}{pages}", source.origin)
}

/// Bytes that may be negative, for columns.
pub(super) fn short(bytes: i64) -> String {
    let text = amount::short(Bytes::new(bytes.unsigned_abs()));
    if bytes < 0 { format!("-{text}") } else { text }
}

/// A change, with its sign.
pub(super) fn signed(bytes: i64) -> String {
    let text = short(bytes);
    if bytes > 0 { format!("+{text}") } else { text }
}

/// A share with one decimal, for columns; `<0.1 %` for what is not nothing.
pub(super) fn percent(bytes: i64, whole: Option<Bytes>) -> String {
    let Some(share) = whole.and_then(|whole| units::Percent::of(bytes.unsigned_abs(), whole.get()))
    else {
        return String::new();
    };
    let sign = if bytes < 0 { "-" } else { "" };
    match share.hundredths() {
        0..10 if bytes != 0 => format!("{sign}<0.1 %"),
        _ => format!("{sign}{share:.1}"),
    }
}

fn identities(page: &mut Page<'_>, shares: &ShareIdentities) {
    page.heading("The processes' shares", "against the kernel's counters");
    page.sentence(&shares.text);
    let rows: Vec<(&str, Identity)> = match (shares.anon, shares.mapped, shares.both) {
        (Some(anon), Some(mapped), _) => {
            vec![("anonymous: AnonPages", anon), ("files, shared: Mapped", mapped)]
        }
        (_, _, Some(both)) => vec![("AnonPages + Mapped", both)],
        _ => Vec::new(),
    };
    let cell = |of: fn(&Identity) -> String| rows.iter().map(|(_, i)| of(i)).collect::<Vec<_>>();
    let mut table = Table::new(2);
    table.column("", "COUNTER", Align::Left, rows.iter().map(|(name, _)| (*name).to_owned()));
    table.column("  ", "KERNEL", Align::Right, cell(|i| amount::short(i.counter)));
    table.column("  ", "SHARES", Align::Right, cell(|i| amount::short(i.sum)));
    table.column("  ", "UNREAD", Align::Right, {
        let signs = page.style.signs();
        rows.iter().map(|(_, i)| match i.unread_at_most {
            Some(Bytes::ZERO) => "0".to_owned(),
            Some(bound) => format!("{}{}", signs.at_most, amount::short(bound)),
            None => "?".to_owned(),
        })
    });
    table.column("  ", "OPEN", Align::Right, cell(|i| signed(i.difference)));
    table.column(
        "  ",
        "MOVED",
        Align::Right,
        cell(|i| i.drift.map_or_else(|| "?".to_owned(), amount::short)),
    );
    table.column(
        "  ",
        "",
        Align::Left,
        cell(|i| if i.holds { "holds" } else { "does not hold" }.to_owned()),
    );
    if !rows.is_empty() {
        table.narrow(page.style, &["MOVED", "UNREAD", "SHARES"]);
        page.table(&table);
    }
}

fn groups(page: &mut Page<'_>, groups: &[CgroupLedger], rows: Rows) {
    if groups.is_empty() {
        return;
    }
    let mut sorted: Vec<&CgroupLedger> = groups.iter().collect();
    sorted.sort_by_key(|group| (Reverse(group.line.bytes), &group.path));
    // The largest, in the order of the tree.
    let mut shown: Vec<&CgroupLedger> = rows.of(&sorted).to_vec();
    shown.sort_by_key(|group| &group.path);
    page.heading("Memory cgroups", "what is charged to each, those below it included");
    let style = page.style;
    let cell = |of: &dyn Fn(&CgroupLedger) -> String| -> Vec<String> {
        shown.iter().map(|group| of(group)).collect()
    };
    let part = |kind: LineKind| {
        move |group: &CgroupLedger| {
            group.line.find(kind).map_or_else(|| "?".to_owned(), |line| short(line.bytes))
        }
    };
    let mut table = Table::new(2);
    table.column("", "CHARGED", Align::Right, cell(&|group| short(group.line.bytes)));
    table.column("  ", "ANON", Align::Right, cell(&part(LineKind::Anon)));
    table.column("  ", "SHMEM", Align::Right, cell(&part(LineKind::Shmem)));
    table.column("  ", "FILES", Align::Right, cell(&part(LineKind::FileCache)));
    table.column("  ", "KERNEL", Align::Right, cell(&part(LineKind::CgroupKernel)));
    table.column(
        "  ",
        "SOCK",
        Align::Right,
        cell(&|group| group.line.child(LineKind::Sock).map_or(String::new(), |l| short(l.bytes))),
    );
    table.column(
        "  ",
        "REST",
        Align::Right,
        cell(&|group| group.line.rest().map_or_else(|| "?".to_owned(), |l| short(l.bytes))),
    );
    if groups.iter().any(|group| group.pss.is_some()) {
        let shares = |group: &CgroupLedger| match group.pss {
            Some(pss) if group.unread > 0 => format!("{}+?", amount::short(pss)),
            Some(pss) => amount::short(pss),
            None => "?".to_owned(),
        };
        table.column("  ", "PSS", Align::Right, cell(&shares));
    }
    table.column("  ", "CGROUP", Align::Left, names(&shown, style));
    table.narrow(style, &["SOCK", "SHMEM", "KERNEL", "FILES", "ANON"]);
    page.table(&table);
    let more = sorted.len() - shown.len();
    if more > 0 {
        page.sentence(&format!("… and {more} more"));
    }
}

/// Paths as a tree: below the nearest group that is shown, indented, what its path adds.
fn names(shown: &[&CgroupLedger], style: &Style) -> Vec<String> {
    let mut above: Vec<&[u8]> = Vec::new();
    let mut names = Vec::new();
    for group in shown {
        let path = group.path.as_bytes();
        let below = |parent: &[u8]| match path.strip_prefix(parent) {
            Some(rest) if parent.ends_with(b"/") => Some(rest),
            Some(rest) => rest.strip_prefix(b"/"),
            None => None,
        };
        while above.last().is_some_and(|parent| below(parent).is_none_or(<[u8]>::is_empty)) {
            above.pop();
        }
        let own = above.last().and_then(|parent| below(parent)).unwrap_or(path);
        names.push(format!("{}{}", "  ".repeat(above.len()), style.name(&Name::new(own))));
        above.push(path);
    }
    names
}

fn doubts(page: &mut Page<'_>, report: &LedgerReport) {
    if report.implausible.is_empty() && report.notes.is_empty() {
        return;
    }
    page.heading("To know", "");
    for figure in &report.implausible {
        page.hanging(
            "  - ",
            &format!(
                "{} says {}, which cannot be (at most {}); it is not used",
                figure.place,
                Bytes::new(figure.found),
                Bytes::new(figure.at_most)
            ),
            4,
        );
    }
    for note in &report.notes {
        page.hanging("  - ", note, 4);
    }
}
