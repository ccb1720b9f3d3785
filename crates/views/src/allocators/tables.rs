//! The three tables: what is resident, what that consists of, and time.

use rules::allocators::{Against, AgainstFirst, AllocatorsReport, Column, Spread};
use units::Bytes;

use super::words;
use crate::amount;
use crate::page::Page;
use crate::style::Style;
use crate::table::{Align, Table};
use crate::text;

/// Columns of a bar at most.
const BAR: usize = 30;

/// `VmHWM`, with bars.
pub(super) fn resident(page: &mut Page<'_>, report: &AllocatorsReport) {
    page.heading("Memory", "most resident memory of the largest process (VmHWM)");
    let figure = |column: &Column| column.hwm;
    compared(
        page,
        report,
        figure,
        |against| against.hwm,
        "PEAK",
        |bytes| amount::short(Bytes::new(bytes)),
    );
}

/// Time from the first instruction to the end, with bars.
pub(super) fn time(page: &mut Page<'_>, report: &AllocatorsReport) {
    page.heading("Time", "from the first instruction to the end");
    let figure = |column: &Column| column.wall_us;
    compared(page, report, figure, |against| against.wall, "WALL", micros);
}

fn compared(
    page: &mut Page<'_>,
    report: &AllocatorsReport,
    figure: impl Fn(&Column) -> Option<Spread>,
    against: impl Fn(&AgainstFirst) -> Option<Against>,
    head: &'static str,
    unit: impl Fn(u64) -> String,
) {
    let style = page.style;
    let columns = &report.columns;
    let mut table = Table::new(2);
    table.column("", "", Align::Left, columns.iter().map(|column| words::name(column, style)));
    let median = |column: &Column| figure(column).map_or("?".to_owned(), |s| unit(s.median));
    table.column(" ", head, Align::Right, columns.iter().map(median));
    let range = |column: &Column| match figure(column) {
        Some(spread) if spread.runs > 1 => {
            format!("{}{}{}", unit(spread.min), style.signs().to, unit(spread.max))
        }
        _ => String::new(),
    };
    table.column("  ", "RANGE", Align::Right, columns.iter().map(range));
    let verdict = |(place, column): (usize, &Column)| match &column.against {
        None if place == 0 => String::new(),
        None => "?".to_owned(),
        Some(found) => words::against(against(found)),
    };
    table.column("  ", "", Align::Right, columns.iter().enumerate().map(verdict));
    let most = columns.iter().filter_map(&figure).map(|s| s.median).max();
    // Where nobody looks at a terminal, bars are as long as they may be.
    let room = table.room_for("  ", style).unwrap_or(BAR);
    let bars = columns.iter().map(|column| {
        let spread = figure(column).zip(most);
        spread.map_or(String::new(), |(spread, most)| bar(spread, most, room.min(BAR), style))
    });
    table.column("  ", "", Align::Left, bars);
    page.table(&table);
}

/// As long as the median is large; what the figures can differ by is light.
fn bar(spread: Spread, most: u64, columns: usize, style: &Style) -> String {
    let signs = style.signs().bar;
    let length = |value: u64| {
        let scaled = u128::from(value) * columns as u128;
        let length = (scaled + u128::from(most) / 2).checked_div(u128::from(most)).unwrap_or(0);
        usize::try_from(length).unwrap_or(columns).min(columns)
    };
    let (least, median, top) = (length(spread.min), length(spread.median), length(spread.max));
    let dark = if spread.median > 0 { least.max(1) } else { least };
    let middle = median.max(dark) - dark;
    let rest = top.max(dark + middle) - dark - middle;
    let drawn = [signs[0].repeat(dark), signs[1].repeat(middle), signs[3].repeat(rest)].concat();
    text::cut(&drawn, columns, "")
}

/// What the memory consists of, and what it took to get it.
pub(super) fn parts(page: &mut Page<'_>, report: &AllocatorsReport) {
    let style = page.style;
    let columns = &report.columns;
    let has_tree = columns.iter().filter_map(|c| c.processes).any(|processes| processes.max > 1);
    let mut table = Table::new(2);
    let bytes = |bytes: Option<Bytes>| amount::cell(bytes, style);
    let median = |s: Option<Spread>| s.map(|spread| Bytes::new(spread.median));
    let count = |s: Option<Spread>| s.map_or("?".to_owned(), |s| amount::grouped(s.median));
    let mut add = |head: &'static str, cell: &dyn Fn(&Column) -> String| {
        let align = if head.is_empty() { Align::Left } else { Align::Right };
        let before = if head.is_empty() { "" } else { "  " };
        table.column(before, head, align, columns.iter().map(cell));
    };
    add("", &|column| words::name(column, style));
    add("ANON", &|column| bytes(median(column.anon)));
    add("HUGE", &|column| bytes(median(column.huge)));
    add("EMPTY", &|column| bytes(median(column.base.hwm)));
    add("ABOVE", &|column| bytes(column.hwm_over_base));
    if has_tree {
        add("TREE", &|column| bytes(median(column.tree_rss)));
    }
    if report.live.is_some() {
        add("OVERHEAD", &|column| column.overhead.map_or("?".to_owned(), |o| format!("{o:.0}")));
    }
    add("FAULTS", &|column| count(column.minor_faults));
    add("MAJOR", &|column| count(column.major_faults));
    add("USER", &|column| column.user_us.map_or("?".to_owned(), |s| micros(s.median)));
    add("SYSTEM", &|column| column.system_us.map_or("?".to_owned(), |s| micros(s.median)));
    let gone = table.narrow(style, &["MAJOR", "HUGE", "EMPTY", "SYSTEM", "USER"]);
    page.line("");
    page.table(&table);
    let mut legend = vec![
        ("ANON", "anonymous memory".to_owned()),
        ("HUGE", "of it in huge pages".to_owned()),
        ("EMPTY", "PEAK of a program that does nothing".to_owned()),
        ("ABOVE", "PEAK without that".to_owned()),
    ];
    if has_tree {
        legend.push(("TREE", "all processes that ran at once, shared pages in each".to_owned()));
    }
    if let Some(live) = report.live {
        legend.push((
            "OVERHEAD",
            format!("what ANON without that of the empty program exceeds {live} by"),
        ));
    }
    legend.push(("FAULTS", "pages the kernel had to provide, MAJOR by reading".to_owned()));
    let told: Vec<String> = legend
        .into_iter()
        .filter(|(head, _)| !gone.contains(head))
        .map(|(head, words)| format!("{head}: {words}"))
        .collect();
    page.sentence(&format!("{}.", told.join("; ")));
}

/// `1.23 s`, `45.6 ms`, `789 µs`; `us` would be taken for a word.
fn micros(micros: u64) -> String {
    let scaled = |unit: u64, name: &str| {
        let (whole, rest) = (micros / unit, micros % unit);
        let fraction = rest.saturating_mul(100) / unit;
        match whole {
            0..10 => format!("{whole}.{fraction:02}{name}"),
            10..100 => format!("{whole}.{}{name}", fraction / 10),
            _ => format!("{whole}{name}"),
        }
    };
    match micros {
        0 => "0".to_owned(),
        1..1_000 => format!("{micros}us"),
        1_000..1_000_000 => scaled(1_000, "ms"),
        _ => scaled(1_000_000, "s"),
    }
}
