//! `/proc/zoneinfo`.

use facts::{Missing, Zone};
use units::Pages;

use crate::line::{Report, decimal, kept, lines, split_once, words};

/// `/proc/zoneinfo`, `zoneinfo_show_print()`, from its first release to today's.
///
/// Lines are known by their names, not by their places, so counters may come and go. What every
/// release prints for a zone (free, marks, sizes, protection) is reported when it is missing, and
/// the sum over the per-cpu lists is unknown unless the line behind them was reached.
pub fn zoneinfo(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Vec<Zone> {
    let mut report = Report::new(place, problems);
    let mut zones = Vec::new();
    let mut open: Option<Block> = None;
    let mut last = 0;
    for (number, line) in lines(report.some_lines(text, "`Node 0, zone` and its like")) {
        last = number;
        let line = line.trim_ascii();
        if line.starts_with(b"Node ") {
            zones.extend(open.take().map(|block| block.close(number, &mut report)));
            open = heading(line).map(Block::new);
            if open.is_none() {
                report.malformed(number, "`Node`, a number, `, zone` and a name", line);
            }
        } else if let Some(block) = &mut open {
            block.take(line, number, &mut report);
        } else if number == 1 {
            report.malformed(number, "`Node`, a number, `, zone` and a name", line);
        }
    }
    zones.extend(open.take().map(|block| block.close(last, &mut report)));
    zones
}

/// `Node 0, zone      DMA`.
fn heading(line: &[u8]) -> Option<Zone> {
    let (node, name) = split_once(line.strip_prefix(b"Node ")?, b',')?;
    let name = name.trim_ascii().strip_prefix(b"zone")?.trim_ascii();
    let node = u32::try_from(decimal(node)?).ok()?;
    (!name.is_empty()).then(|| Zone { node, name: kept(name), ..Zone::default() })
}

/// The lines of one zone, as far as they were read.
struct Block {
    zone: Zone,
    protection: bool,
    pagesets: Pagesets,
}

/// How far the per-cpu lists were read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pagesets {
    /// Not reached. Empty zones have none.
    Before,
    /// Among them; the sum so far, unless one could not be read.
    Within(Option<Pages>),
    /// Behind them.
    Behind,
}

impl Block {
    fn new(zone: Zone) -> Block {
        Block { zone, protection: false, pagesets: Pagesets::Before }
    }

    fn take(&mut self, line: &[u8], number: usize, report: &mut Report<'_>) {
        match self.pagesets {
            Pagesets::Within(sum) if !ends_pagesets(line) => {
                self.pagesets = Pagesets::Within(pageset(line, sum, number, report));
                return;
            }
            Pagesets::Within(sum) => {
                self.zone.pcp = sum;
                self.pagesets = Pagesets::Behind;
            }
            Pagesets::Before | Pagesets::Behind => {}
        }
        match line {
            b"" | b"per-node stats" => return,
            b"pagesets" => {
                self.pagesets = Pagesets::Within(Some(Pages::ZERO));
                return;
            }
            _ => {}
        }
        if let Some(list) = line.strip_prefix(b"protection:") {
            match protection(list) {
                Some(list) => self.zone.protection = list,
                None => report.malformed(number, "numbers in brackets behind `protection:`", line),
            }
            self.protection = true;
            return;
        }
        let line = line.strip_prefix(b"pages ").unwrap_or(line);
        let Some((name, value)) = named_number(line) else {
            report.malformed(number, "a name and a number", line);
            return;
        };
        let zone = &mut self.zone;
        let field = match name {
            b"free" => &mut zone.free,
            b"boost" => &mut zone.boost,
            b"min" => &mut zone.min,
            b"low" => &mut zone.low,
            b"high" => &mut zone.high,
            b"promo" => &mut zone.promo,
            b"spanned" => &mut zone.spanned,
            b"present" => &mut zone.present,
            b"managed" => &mut zone.managed,
            b"cma" => &mut zone.cma,
            _ => {
                zone.counters.push((kept(name), value));
                return;
            }
        };
        *field = Some(Pages::new(value));
    }

    /// The zone, after a look for what every release prints.
    fn close(self, line: usize, report: &mut Report<'_>) -> Zone {
        let Block { zone, protection, pagesets } = self;
        let mut expect = |there: bool, what: &str| {
            if !there {
                let expected = format_args!("`{what}` of node {}, zone {}", zone.node, zone.name);
                report.malformed(line, expected, b"the end of the zone");
            }
        };
        expect(zone.free.is_some(), "pages free");
        expect(zone.min.is_some(), "min");
        expect(zone.low.is_some(), "low");
        expect(zone.high.is_some(), "high");
        expect(zone.present.is_some(), "present");
        expect(protection, "protection:");
        let empty = zone.present == Some(Pages::ZERO);
        expect(empty || pagesets == Pagesets::Behind, "pagesets");
        zone
    }
}

/// Whether the per-cpu lists are over: these lines stand behind them, one or all in each release.
fn ends_pagesets(line: &[u8]) -> bool {
    let ends: [&[u8]; 3] = [b"node_unreclaimable:", b"all_unreclaimable:", b"start_pfn:"];
    ends.iter().any(|end| line.starts_with(end))
}

/// `sum` and what a line among the per-cpu lists adds to it: `count:` alone. Before 2.6.25 each CPU
/// has two lists, hot and cold.
fn pageset(
    line: &[u8],
    sum: Option<Pages>,
    number: usize,
    report: &mut Report<'_>,
) -> Option<Pages> {
    let Some(count) = line.strip_prefix(b"count:") else { return sum };
    let count = decimal(count.trim_ascii());
    if count.is_none() {
        report.malformed(number, "a number of pages behind `count:`", line);
    }
    sum?.checked_add(Pages::new(count?))
}

/// `(0, 3019, 24090)`.
fn protection(list: &[u8]) -> Option<Vec<Pages>> {
    let inside = list.trim_ascii().strip_prefix(b"(")?.strip_suffix(b")")?;
    inside.split(|&b| b == b',').map(|n| decimal(n.trim_ascii()).map(Pages::new)).collect()
}

/// `nr_mapped    2726`, `start_pfn:           1`, and 2.6's `scanned  0 (a: 16 i: 16)`.
fn named_number(line: &[u8]) -> Option<(&[u8], u64)> {
    let mut words = words(line);
    let name = words.next()?;
    let name = name.strip_suffix(b":").unwrap_or(name);
    let value = decimal(words.next()?)?;
    let plain = words.next().is_none_or(|word| word.starts_with(b"("));
    (plain && !name.is_empty()).then_some((name, value))
}
