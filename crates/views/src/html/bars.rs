//! Bars: limits, zones against their marks, and where the memory was.
//!
//! Drawn as SVG whose lengths are attributes, since the page's policy forbids styles in attributes.
//! Every bar says the same in words beside it.

use rules::explain::{ExplainReport, Holding, LimitState, MemoryAccount, ZoneTest};
use units::Bytes;

use super::PLAIN;
use super::markup::Markup;
use crate::amount;
use crate::explain::{words, zones as zone_words};

/// Length of a whole bar, in units of the picture.
const LENGTH: u64 = 10_000;
/// How many holders have a colour of their own.
const COLOURS: usize = 8;

/// A part of a bar: from, to, class, what it is.
struct Part {
    from: u64,
    to: u64,
    class: &'static str,
    title: String,
}

fn draw(page: &mut Markup, label: &str, parts: &[Part]) {
    let attributes = [
        ("class", "bar"),
        ("viewBox", "0 0 10000 100"),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", label),
    ];
    page.element("svg", &attributes, |page| {
        page.ours("<rect class=\"ground\" width=\"10000\" height=\"100\"></rect>");
        for part in parts.iter().filter(|part| part.to > part.from) {
            let (x, width) = (part.from.to_string(), (part.to - part.from).to_string());
            let attributes =
                [("class", part.class), ("x", &*x), ("width", &*width), ("height", "100")];
            page.element("rect", &attributes, |page| page.leaf("title", &[], &part.title));
        }
    });
}

/// Where an amount lies on a bar of `whole`.
fn at(bytes: Bytes, whole: Bytes) -> u64 {
    let place = u128::from(bytes.get()) * u128::from(LENGTH) / u128::from(whole.get().max(1));
    u64::try_from(place).unwrap_or(LENGTH).min(LENGTH)
}

/// A mark: a thin line that is seen at any width.
fn mark(bytes: Bytes, whole: Bytes, class: &'static str, title: String) -> Part {
    let place = at(bytes, whole).clamp(20, LENGTH - 20);
    Part { from: place - 20, to: place + 20, class, title }
}

/// Usage of a cgroup against a limit.
pub(super) fn limit(page: &mut Markup, name: &str, state: LimitState) {
    let text = zone_words::limit_words(state);
    page.element("div", &[("class", "row")], |page| {
        page.element("p", &[("class", "label")], |page| {
            page.leaf("b", &[], name);
            page.text(" ");
            page.text(&text);
        });
        let (Some(usage), Some(limit)) = (state.usage, state.limit) else { return };
        let whole = Bytes::new(usage.get().max(limit.get()));
        if whole == Bytes::ZERO {
            return;
        }
        let full = usage.get() >= limit.get() - limit.get() / 50;
        let class = if full { "full" } else { "used" };
        let parts = [
            Part { from: 0, to: at(usage, whole), class, title: format!("used {usage}") },
            mark(limit, whole, "m-high", format!("limit {limit}")),
        ];
        draw(page, &format!("{name}: {text}"), &parts);
    });
}

/// Every zone of the report: what is free against its marks.
pub(super) fn zones(page: &mut Markup, report: &ExplainReport) {
    let all: Vec<&ZoneTest> = report.zones.iter().filter(|zone| zone.free.is_some()).collect();
    if all.is_empty() {
        return;
    }
    page.leaf("h4", &[], "Every zone, as the allocator tests it");
    page.element("p", &[("class", "legend")], |page| {
        page.ours(
            "<span><span class=\"sw free\"></span> free for this request</span> \
             <span><span class=\"sw other\"></span> free, but not for it</span> \
             <span><span class=\"sw m-min\"></span> min + reserve</span> \
             <span><span class=\"sw m-low\"></span> low + reserve</span> \
             <span><span class=\"sw m-high\"></span> high + reserve</span>",
        );
    });
    page.element("div", &[("class", "bars")], |page| {
        for zone in all {
            self::zone(page, zone);
        }
    });
}

fn zone(page: &mut Markup, zone: &ZoneTest) {
    let name = match zone.node {
        Some(node) => format!("{} of node {node}", zone.zone),
        None => zone.zone.to_string(),
    };
    let outcome = zone_words::test(zone);
    let class = match outcome {
        "passes" => "test ok",
        "below min" | "below high" | "no block" => "test bad",
        _ => "test",
    };
    page.element("div", &[("class", "row")], |page| {
        page.element("p", &[("class", "label")], |page| {
            page.leaf("b", &[], &name);
            page.text(" ");
            page.leaf("span", &[("class", class)], outcome);
        });
        let free = zone.free.unwrap_or(Bytes::ZERO);
        let reserve = zone.reserve.unwrap_or(Bytes::ZERO);
        let with_reserve = |mark: Option<Bytes>| Some(mark?.saturating_add(reserve));
        let high = with_reserve(zone.high).unwrap_or(Bytes::ZERO);
        let whole = Bytes::new(free.get().max(high.get()).saturating_mul(21) / 20);
        let usable = zone.usable.and_then(|bytes| u64::try_from(bytes).ok()).map(Bytes::new);
        let usable = match zone.eligible {
            Some(false) => Bytes::ZERO,
            _ => usable.unwrap_or(free).min(free),
        };
        let mut parts = vec![
            Part {
                from: 0,
                to: at(usable, whole),
                class: "free",
                title: format!("free for this request {usable}"),
            },
            Part {
                from: at(usable, whole),
                to: at(free, whole),
                class: "other",
                title: format!("free, but not for it {}", free.saturating_sub(usable)),
            },
        ];
        for (bytes, class, name) in
            [(zone.min, "m-min", "min"), (zone.low, "m-low", "low"), (zone.high, "m-high", "high")]
        {
            if let Some(sum) = with_reserve(bytes) {
                parts.push(mark(sum, whole, class, format!("{name} + reserve {sum}")));
            }
        }
        let text = figures(zone);
        draw(page, &format!("{name}: {outcome}; {text}"), &parts);
        page.leaf("p", &[("class", "figures")], text);
    });
}

fn figures(zone: &ZoneTest) -> String {
    let mut parts = Vec::new();
    let mut say = |name: &str, bytes: Option<Bytes>, always: bool| {
        if let Some(bytes) = bytes.filter(|bytes| always || *bytes > Bytes::ZERO) {
            parts.push(format!("{name} {bytes}"));
        }
    };
    say("free", zone.free, true);
    say("in contiguous areas", zone.free_cma, false);
    say("kept for urgent requests", zone.highatomic, false);
    say("min", zone.min, true);
    say("low", zone.low, true);
    say("high", zone.high, true);
    say("boost", zone.boost, false);
    say("reserve", zone.reserve, true);
    say("largest block", zone.largest_block, true);
    parts.join(" · ")
}

/// Where the memory was: one bar of all, and a row for each holder.
pub(super) fn ledger(page: &mut Markup, report: &ExplainReport, account: &MemoryAccount) {
    let whole = if report.group.is_some() { "charged to the cgroup" } else { "managed" };
    let text = match account.total {
        Some(total) => format!("{total} {whole}."),
        None => "The total is not in the text.".to_owned(),
    };
    page.leaf("p", &[], &text);
    let mut rows: Vec<&Holding> =
        account.rows.iter().filter(|row| row.bytes > Bytes::ZERO && row.within.is_none()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
    let sum: Bytes = rows.iter().map(|row| row.bytes).sum();
    let total = account.total.unwrap_or(sum).max(sum);
    let mut parts = Vec::new();
    let mut edge = Bytes::ZERO;
    for (nth, row) in rows.iter().enumerate() {
        let from = at(edge, total);
        edge = edge.saturating_add(row.bytes);
        let title = format!("{}: {}", words::holder(row.what), row.bytes);
        parts.push(Part { from, to: at(edge, total), class: colour(nth), title });
    }
    if let Some(rest) = account.remainder.filter(|rest| *rest > 0) {
        let title = format!("the rest: {}", Bytes::new(rest.unsigned_abs()));
        parts.push(Part { from: at(edge, total), to: LENGTH, class: "rest", title });
    }
    draw(page, &format!("{text} The rows below say of what."), &parts);
    page.element("table", &[("class", "ledger")], |page| {
        page.ours(
            "<thead><tr><th>What</th><th class=\"n\">Size</th><th class=\"n\">Share</th></tr></thead>",
        );
        page.element("tbody", &[], |page| {
            for (nth, row) in rows.iter().enumerate() {
                holding(page, row, Some(colour(nth)), account.total);
                let within = account.rows.iter().filter(|part| part.within == Some(row.what));
                for part in within.filter(|part| part.bytes > Bytes::ZERO) {
                    holding(page, part, None, account.total);
                }
            }
            rest(page, account);
        });
    });
}

fn holding(page: &mut Markup, row: &Holding, colour: Option<&str>, total: Option<Bytes>) {
    let class = if colour.is_some() { "" } else { "part" };
    page.element("tr", &[("class", class)], |page| {
        page.element("td", &[], |page| {
            if let Some(colour) = colour {
                page.leaf("span", &[("class", &format!("sw {colour}"))], "");
                page.text(" ");
            } else {
                page.text("of it ");
            }
            page.text(words::holder(row.what));
        });
        page.leaf("td", &[("class", "n")], row.bytes);
        let share = total.and_then(|total| amount::share(row.bytes, total)).unwrap_or_default();
        page.leaf("td", &[("class", "n")], share);
    });
}

fn rest(page: &mut Markup, account: &MemoryAccount) {
    let (Some(rest), Some(what)) = (account.remainder, account.remainder_is) else { return };
    page.element("tr", &[], |page| {
        page.element("td", &[], |page| {
            page.ours("<span class=\"sw rest\"></span> the rest: ");
            page.text(words::remainder(what));
        });
        let bytes = Bytes::new(rest.unsigned_abs());
        let sign = if rest < 0 { "-" } else { "" };
        page.leaf("td", &[("class", "n")], format_args!("{sign}{bytes}"));
        let share = account.total.and_then(|total| amount::share(bytes, total)).unwrap_or_default();
        page.leaf("td", &[("class", "n")], format_args!("{sign}{share}"));
    });
}

fn colour(nth: usize) -> &'static str {
    const CLASSES: [&str; COLOURS] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"];
    CLASSES[nth.min(COLOURS - 1)]
}

/// The parts of a score on one bar: memory, swap, page tables, and what the adjustment adds.
pub(super) fn score(
    page: &mut Markup,
    parts: [(Option<Bytes>, &'static str, &str); 4],
    whole: Bytes,
) {
    let mut edge = Bytes::ZERO;
    let mut drawn = Vec::new();
    for (bytes, class, name) in parts {
        let Some(bytes) = bytes.filter(|bytes| *bytes > Bytes::ZERO) else { continue };
        let from = at(edge, whole);
        edge = edge.saturating_add(bytes);
        drawn.push(Part { from, to: at(edge, whole), class, title: format!("{name} {bytes}") });
    }
    let label: Vec<&str> = drawn.iter().map(|part| part.title.as_str()).collect();
    let label = if label.is_empty() { "nothing".to_owned() } else { label.join(", ") };
    draw(page, &PLAIN.plain(&label), &drawn);
}
