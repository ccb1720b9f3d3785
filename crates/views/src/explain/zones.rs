//! What ran out, with the arithmetic.

use rules::explain::{Asker, Cause, ExplainReport, LimitState, ZoneTest};
use units::Bytes;

use crate::amount;
use crate::page::Page;
use crate::style::Style;
use crate::table::{Align, Table};

pub(super) fn print(page: &mut Page<'_>, report: &ExplainReport) {
    let has_group = report.group.is_some();
    if report.asked.is_none() && report.zones.is_empty() && report.swap.is_none() && !has_group {
        return;
    }
    page.heading("What ran out", "");
    if let Some(asked) = &report.asked {
        page.labelled("request", &request(asked, page.style));
    }
    if let Some(group) = &report.group {
        match (group.memory, group.memory_swap) {
            (None, None) => {
                page.labelled("memory", "the cgroup's usage and limit are not in the text");
            }
            (memory, _) => limit(page, "memory", memory),
        }
        let room = group.memory.and_then(|memory| memory.limit?.checked_sub(memory.usage?));
        let wanted = report.asked.as_ref().and_then(|asked| asked.bytes);
        if let (Some(room), Some(wanted), Cause::GroupLimit) = (room, wanted, &report.cause)
            && room >= wanted
        {
            page.under(
                "Read after the charge had failed; by then CPUs had given back what they held ready.",
            );
        }
        limit(page, "with swap", group.memory_swap);
        limit(page, "swap", group.swap);
        if let Some(path) = &group.killed_together {
            let path = page.style.name(path);
            page.labelled("together", &format!("all of {path} die (memory.oom.group)"));
        }
    }
    if let Some(swap) = report.swap {
        let text = match (swap.total, swap.free) {
            (Some(Bytes::ZERO), _) => "none".to_owned(),
            (Some(total), Some(Bytes::ZERO)) => format!("{total}, full"),
            (total, free) => {
                format!("{} free of {}", amount::long(free), amount::long(total))
            }
        };
        page.labelled("swap", &text);
    }
    if report.zones.iter().any(|zone| zone.free.is_some()) {
        let table = table(report, page.style);
        page.table(&table);
    }
}

/// The request in words.
pub(crate) fn request(asked: &Asker, style: &Style) -> String {
    let mut parts = Vec::new();
    if let Some(bytes) = asked.bytes {
        parts.push(match asked.order {
            Some(0) => format!("{bytes}, one page"),
            Some(order) => format!("{bytes}, 2^{order} pages in one block"),
            None => format!("{bytes} (the order is not in the text)"),
        });
    }
    if let Some(zone) = asked.highest_zone {
        let movable = if asked.movable == Some(true) { ", movable" } else { "" };
        parts.push(format!("from zone {zone} or lower{movable}"));
    }
    match (&asked.gfp_names, asked.gfp) {
        (Some(names), _) if !names.as_bytes().is_empty() => parts.push(style.name(names)),
        (_, Some(mask)) => parts.push(format!("gfp {mask:#x}")),
        _ => {}
    }
    parts.join("; ")
}

fn limit(page: &mut Page<'_>, label: &str, state: Option<LimitState>) {
    if let Some(state) = state {
        page.labelled(label, &limit_words(state));
    }
}

/// A limit of a cgroup, and how full it is.
pub(crate) fn limit_words(state: LimitState) -> String {
    let limit = match state.limit {
        Some(limit) => format!("limit {limit}"),
        None if state.unlimited => "no limit".to_owned(),
        None => "limit ?".to_owned(),
    };
    let room = match (state.limit, state.usage) {
        (Some(limit), Some(usage)) => match limit.checked_sub(usage) {
            Some(Bytes::ZERO) => ", full".to_owned(),
            Some(room) => format!(", {room} left"),
            None => format!(", {} over", usage.saturating_sub(limit)),
        },
        _ => String::new(),
    };
    let hits = match state.failcnt {
        Some(count) if count > 0 => {
            format!(", hit {} times", amount::grouped(count))
        }
        _ => String::new(),
    };
    format!("{} used, {limit}{room}{hits}", amount::long(state.usage))
}

fn table(report: &ExplainReport, style: &Style) -> Table {
    let zones = &report.zones;
    let mut table = Table::new(2);
    let cells = |of: &dyn Fn(&ZoneTest) -> String| zones.iter().map(of).collect::<Vec<_>>();
    let bytes = |of: fn(&ZoneTest) -> Option<Bytes>| cells(&|zone| amount::cell(of(zone), style));
    let nodes = zones.iter().any(|zone| zone.node.is_some_and(|node| node > 0));
    let name = |zone: &ZoneTest| match zone.node {
        Some(node) if nodes => format!("{node} {}", style.name(&zone.zone)),
        _ => style.name(&zone.zone),
    };
    table.column("", "ZONE", Align::Left, cells(&name));
    table.column("  ", "FREE", Align::Right, bytes(|zone| zone.free));
    if report.asked.as_ref().is_some_and(|asked| asked.gfp.is_some()) {
        table.column("  ", "USABLE", Align::Right, cells(&|zone| signed(zone.usable, style)));
        table.column("  ", "RESERVE", Align::Right, bytes(|zone| zone.reserve));
    }
    table.column("  ", "MIN", Align::Right, bytes(|zone| zone.min));
    table.column("  ", "HIGH", Align::Right, bytes(|zone| zone.high));
    if zones.iter().any(|zone| zone.boost.is_some_and(|boost| boost > Bytes::ZERO)) {
        table.column("  ", "BOOST", Align::Right, bytes(|zone| zone.boost));
    }
    table.column("  ", "LARGEST", Align::Right, bytes(|zone| zone.largest_block));
    table.column("  ", "TEST", Align::Left, cells(&|zone| test(zone).to_owned()));
    table
}

/// How the allocator's test ends for a zone.
pub(crate) fn test(zone: &ZoneTest) -> &'static str {
    match (zone.eligible, zone.above_high, zone.above_min, zone.single_above_min) {
        (None, ..) => "",
        (Some(false), ..) => "not for it",
        (_, Some(true), ..) => "passes",
        (_, Some(false), Some(true), _) => "below high",
        (_, Some(false), Some(false), Some(true)) => "no block",
        (_, Some(false), Some(false), _) => "below min",
        _ => "?",
    }
}

pub(super) fn signed(bytes: Option<i64>, style: &Style) -> String {
    let Some(bytes) = bytes else { return "?".to_owned() };
    let size = amount::cell(Some(Bytes::new(bytes.unsigned_abs())), style);
    if bytes < 0 { format!("-{size}") } else { size }
}
