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
    let Some(count) = decimal(count.trim_ascii()) else {
        report.malformed(number, "a number of pages behind `count:`", line);
        return None;
    };
    let sum = sum?.checked_add(Pages::new(count));
    if sum.is_none() {
        report.malformed(number, "per-cpu lists whose sum fits in 64 bits", line);
    }
    sum
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

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! zones {
        ($release:literal) => {{
            let text = include_bytes!(concat!("../tests/data/", $release, "/zoneinfo"));
            let mut problems = Vec::new();
            let zones = zoneinfo(text, "zoneinfo", &mut problems);
            assert_eq!(problems, []);
            zones
        }};
    }

    fn parse(text: &str) -> (Vec<Zone>, Vec<String>) {
        let mut problems = Vec::new();
        let zones = zoneinfo(text.as_bytes(), "zoneinfo", &mut problems);
        (zones, problems.iter().map(ToString::to_string).collect())
    }

    #[expect(clippy::unnecessary_wraps, reason = "spares a `Some` in every comparison")]
    fn pages(count: u64) -> Option<Pages> {
        Some(Pages::new(count))
    }

    fn marks(zone: &Zone) -> [Option<u64>; 3] {
        [zone.min, zone.low, zone.high].map(|mark| mark.map(Pages::count))
    }

    fn protection_of(zone: &Zone) -> Vec<u64> {
        zone.protection.iter().map(|pages| pages.count()).collect()
    }

    #[test]
    fn todays_zones_are_read_and_the_empty_ones_too() {
        let zones = zones!("6.18");
        let names: Vec<&str> = zones.iter().map(|zone| &*zone.name).collect();
        assert_eq!(names, ["DMA", "DMA32", "Normal", "Movable", "Device"]);
        let dma = &zones[0];
        assert_eq!(marks(dma), [Some(45), Some(56), Some(67)]);
        assert_eq!((dma.boost, dma.promo, dma.cma), (pages(0), pages(78), pages(0)));
        assert_eq!((dma.spanned, dma.present), (pages(4095), pages(3998)));
        assert_eq!(dma.managed, pages(3840));
        assert_eq!(protection_of(dma), [0, 3019, 5579, 5579, 5579]);
        assert_eq!((dma.pcp, dma.free), (pages(0), pages(3840)));
        // The node's counters stand under its first zone, beside the zone's own.
        assert!(dma.counter("nr_kernel_stack").is_some());
        assert_eq!(dma.counter("nr_free_pages"), Some(3840));
        assert_eq!(dma.counter("start_pfn"), Some(1));
        assert_eq!(zones[1].counter("nr_kernel_stack"), None);
        let movable = &zones[3];
        assert_eq!(marks(movable), [Some(32); 3]);
        assert_eq!((movable.managed, movable.pcp), (pages(0), None));
    }

    #[test]
    fn the_published_marks_of_2_6_24_are_read() {
        let zones = zones!("2.6.24");
        assert_eq!(marks(&zones[0]), [Some(17), Some(21), Some(25)]);
        assert_eq!(zones[0].present, pages(4064));
        assert_eq!(marks(&zones[1]), [Some(936), Some(1170), Some(1404)]);
        assert_eq!(zones[1].present, pages(223_520));
        assert_eq!(zones[1].managed_or_present(), pages(223_520));
        assert_eq!(protection_of(&zones[0]), [0, 873, 873, 873]);
        // Hot and cold lists of two CPUs.
        assert_eq!(zones[1].pcp, pages(117 + 53 + 169 + 61));
        assert_eq!(zones[1].counter("nr_anon_pages"), Some(40010));
        assert_eq!(zones[1].counter("prev_priority"), Some(12));
    }

    #[test]
    fn the_first_zoneinfo_is_read() {
        let zones = zones!("2.6.13");
        // `low:` and `high:` of the per-cpu lists are not the zone's.
        assert_eq!(marks(&zones[0]), [Some(17), Some(21), Some(25)]);
        assert_eq!((zones[0].pcp, zones[1].pcp), (pages(3), pages(180)));
        assert_eq!(zones[0].counter("inactive"), Some(220));
        assert_eq!(zones[1].counter("scanned"), Some(32));
    }

    #[test]
    fn zones_of_the_years_between_are_read() {
        let zones = zones!("2.6.32");
        assert_eq!((zones[0].pcp, zones[0].counter("inactive_ratio")), (pages(3), Some(1)));
        let zones = zones!("3.10");
        assert_eq!((zones[1].node, zones[1].managed), (1, pages(1_281_942)));
        let zones = zones!("4.4");
        assert_eq!((zones[0].pcp, zones[0].counter("nr_alloc_batch")), (pages(173), Some(701)));
        let zones = zones!("5.4");
        assert_eq!(zones[0].counter("nr_unstable"), Some(0));
        assert_eq!((zones[0].pcp, zones[1].pcp), (pages(0), None));
        let zones = zones!("6.19");
        assert_eq!((zones[0].boost, zones[0].pcp), (pages(512), pages(52069)));
        assert_eq!(zones[0].counter("free_highatomic"), Some(2081));
    }

    #[test]
    fn per_cpu_lists_that_were_cut_have_no_sum() {
        let text = include_str!("../tests/data/2.6.24/zoneinfo");
        let cut = text.rfind("    cpu: 1 pcp: 1").unwrap();
        let (zones, problems) = parse(&text[..cut]);
        assert_eq!((zones[0].pcp, zones[1].pcp), (pages(0), None));
        assert_eq!(zones[1].present, pages(223_520));
        assert_eq!(
            problems,
            ["zoneinfo: line 82: expected `pagesets` of node 0, zone Normal, \
              found the end of the zone"]
        );
    }

    #[test]
    fn an_unreadable_list_makes_the_sum_unknown() {
        let text = include_str!("../tests/data/2.6.24/zoneinfo").replace("count: 53", "count: -53");
        let (zones, problems) = parse(&text);
        assert_eq!(zones[1].pcp, None);
        assert_eq!(
            problems,
            ["zoneinfo: line 75: expected a number of pages behind `count:`, found count: -53"]
        );
    }

    #[test]
    fn missing_marks_are_named() {
        let (zones, problems) = parse("Node 0, zone DMA\n  pages free 5\n  present 0\n");
        assert_eq!(zones.len(), 1);
        let expected: Vec<String> = ["min", "low", "high", "protection:"]
            .iter()
            .map(|what| {
                format!(
                    "zoneinfo: line 3: expected `{what}` of node 0, zone DMA, \
                     found the end of the zone"
                )
            })
            .collect();
        assert_eq!(problems, expected);
    }

    #[test]
    fn text_that_is_no_zoneinfo_is_refused() {
        for text in ["", "hello\n", "Node x, zone DMA\n", "Node 0, zone \n", "Node 0\n"] {
            let (zones, problems) = parse(text);
            assert_eq!(zones, [], "{text}");
            assert_eq!(problems.len(), 1, "{text}");
        }
    }
}
