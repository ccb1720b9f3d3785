//! The picture of the machine's memory as SVG: addresses from end to end, and below them each zone
//! with its marks and its free blocks.
//!
//! Heights of ranges are logarithmic; where a thing lies in its range is drawn to scale, from left to
//! right. One file without references, in the reader's light or dark colours.

use std::fmt::Write as _;

use rules::physical::{OrderFigures, PhysicalItem, PhysicalReport, Range, RangeKind, ZoneMap};
use units::Bytes;

use super::Order;
use super::physical::{in_zones, same_place, whole};
use super::svg::{px, xml};
use crate::amount::{count, long, short};

const WIDTH: u32 = 800;
const MARGIN: u32 = 20;
/// Where the boxes begin and how wide they are.
const BOX: u32 = 122;
const BOX_WIDTH: u32 = 516;
/// Where sizes end, and where the strips begin that show a thing's place in its range.
const SIZE: u32 = BOX + 262;
const STRIP: u32 = SIZE + 14;
const STRIP_WIDTH: u32 = BOX + BOX_WIDTH - STRIP - 12;
/// Where the names of zones stand, behind a bracket.
const ZONE: u32 = BOX + BOX_WIDTH + 20;
/// Letters of a name, of a line across, and of a list of zones.
const NAME_LETTERS: usize = 32;
const LETTERS: usize = 128;
const ZONE_LETTERS: usize = 17;
/// Things in a range that are drawn one by one; further ones are counted.
const MOST_INSIDE: usize = 8;
/// Tenths of a pixel: a row of text, what a page is high, and what a doubling adds.
const ROW: u64 = 165;
const PAGE_HEIGHT: u64 = 180;
const DOUBLING: u64 = 26;
/// Height of a zone's bar and of the columns of its free blocks, in tenths of a pixel.
const BAR: u64 = 160;
const COLUMNS: u64 = 440;

const STYLE: &str = "\
text{font:11px ui-sans-serif,system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}\
.m{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:10.5px}\
.h{font-size:17px;font-weight:600}.h2{font-size:14px;font-weight:600}.b{font-weight:600}\
.d{fill:#68727d}.i{font-style:italic}.e{text-anchor:end}.c{text-anchor:middle}\
.bg{fill:#fff}.edge{fill:none;stroke:#68727d;stroke-width:.7;pointer-events:none}.strip{fill:#68727d;opacity:.18}\
.gap{stroke:#a3acb5;stroke-dasharray:2 4;fill:none}\
.ram{fill:#dce8fc}.kernel{fill:#7b52d6}.pmem{fill:#bfe6e0}.kept{fill:url(#u)}.device{fill:#fbe9d2}\
.ram.t{fill:#2f6fde}.pmem.t{fill:#2b9a8f}.kept.t{fill:#8b96a2}.device.t{fill:#dd7a1c}\
.used{fill:#2f6fde}.min{fill:#c62828}.near{fill:#eb9a2d}.free{fill:#dfe6ee}\
.col{fill:#2b9a8f}.zone{stroke:#2b9a8f;stroke-width:3;stroke-linecap:round}\
.w{fill:#c62828}.hatch{stroke:#c9d0d7}\
@media(prefers-color-scheme:dark){\
text{fill:#e2e7ec}.d{fill:#98a3ae}.bg{fill:#12161b}.edge{stroke:#7d8893}.strip{fill:#98a3ae}\
.gap,.hatch{stroke:#4c565f}.ram{fill:#1c3054}.pmem{fill:#1d4641}.device{fill:#46331b}\
.kernel{fill:#a58bf0}.ram.t{fill:#5b95f5}.pmem.t{fill:#46c2b5}.kept.t{fill:#77828d}\
.device.t{fill:#f0a04b}.used{fill:#5b95f5}.min{fill:#ff7b72}.near{fill:#e0912f}.free{fill:#2a333c}\
.col{fill:#46c2b5}.zone{stroke:#46c2b5}.w{fill:#ff7b72}}";

/// The picture of the machine's memory as an SVG document.
pub fn physical_svg(report: &PhysicalReport, order: Order) -> String {
    let mut sheet = Sheet { out: String::with_capacity(32 << 10), y: 0 };
    sheet.head(report);
    let mut items: Vec<&PhysicalItem> = report.items.iter().collect();
    if order == Order::Descending {
        items.reverse();
    }
    let edges = |item: &PhysicalItem| match item {
        PhysicalItem::Range(range) => (range.start.0, range.last.0),
        PhysicalItem::Gap { start, last, .. } => (start.0, last.0),
    };
    if let Some(&first) = items.first() {
        let (start, last) = edges(first);
        sheet.address(if order == Order::Descending { last } else { start });
    }
    for item in items {
        match item {
            PhysicalItem::Range(range) => sheet.range(range, order),
            PhysicalItem::Gap { size, .. } => sheet.gap(*size),
        }
        let (start, last) = edges(item);
        sheet.address(if order == Order::Descending { start } else { last });
    }
    sheet.notes(report);
    sheet.zones(&report.zones);
    sheet.document()
}

struct Sheet {
    out: String,
    /// Where the next thing begins, in tenths of a pixel.
    y: u64,
}

impl Sheet {
    fn text(&mut self, x: u32, y: u64, class: &str, text: &str) {
        let (y, text) = (px(y), xml(text));
        let _ = writeln!(self.out, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>");
    }

    fn rect(&mut self, x: u32, y: u64, width: u32, height: u64, class: &str, title: &str) {
        let (y, height) = (px(y), px(height));
        let title =
            if title.is_empty() { String::new() } else { format!("<title>{}</title>", xml(title)) };
        let _ = writeln!(
            self.out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             class=\"{class}\">{title}</rect>"
        );
    }

    fn head(&mut self, report: &PhysicalReport) {
        let managed: Option<Bytes> = report.zones.iter().map(|zone| zone.managed).sum();
        let managed = managed.filter(|_| !report.zones.is_empty());
        self.text(MARGIN, 340, "h", "Physical memory");
        let mut line = format!(
            "{} of RAM, {} of it given to the allocator; the kernel's image takes {} — {}",
            long(report.system_ram),
            long(managed),
            long(report.kernel_image),
            report.source.origin
        );
        if let Some(release) = report.source.release {
            let _ = write!(line, ", Linux {release}");
        }
        self.text(MARGIN, 560, "d", &crate::text::cut(&line, LETTERS, "…"));
        self.y = 820;
        if report.items.is_empty() {
            return;
        }
        let legend = [
            ("ram t", "RAM"),
            ("kernel", "the kernel itself"),
            ("pmem t", "persistent memory"),
            ("kept", "kept by the firmware"),
            ("device t", "buses and devices"),
        ];
        self.legend(690, &legend);
        self.y = 1020;
    }

    fn legend(&mut self, y: u64, legend: &[(&str, &str)]) {
        let mut x = MARGIN;
        for (class, words) in legend {
            self.rect(x, y, 12, 120, class, "");
            self.text(x + 18, y + 100, "", words);
            x += 18 + 6 * u32::try_from(words.len()).unwrap_or(20) + 18;
        }
    }

    /// The address of an edge, beside it.
    fn address(&mut self, address: u64) {
        self.text(BOX - 8, self.y + 35, "m d e", &format!("{address:x}"));
    }

    fn gap(&mut self, size: Bytes) {
        let height = height(size).max(220);
        let (top, bottom) = (px(self.y), px(self.y + height));
        for x in [BOX, BOX + BOX_WIDTH] {
            let _ = writeln!(self.out, "<path d=\"M{x} {top}V{bottom}\" class=\"gap\"/>");
        }
        let words = format!("{}  nothing known", short(size));
        self.text(BOX + BOX_WIDTH / 2, self.y + height / 2 + 38, "d i c", &words);
        self.y += height;
    }

    fn range(&mut self, range: &Range, order: Order) {
        let (names, inside) = same_place(range);
        let mut rows = Vec::new();
        let mut more = 0;
        collect(inside, 1, order, &mut rows, &mut more);
        let count_of = rows.len() as u64 + u64::from(more > 0);
        let full = PAGE_HEIGHT + if count_of > 0 { count_of * ROW + 40 } else { 0 };
        let height = height(range.size).max(full);
        let top = self.y;
        let title = format!("{names}: {}, {}–{}", range.size, range.start, range.last);
        self.rect(BOX, top, BOX_WIDTH, height, kind(range.kind), &title);
        self.rect(BOX, top, BOX_WIDTH, height, "edge", "");
        let first = if count_of > 0 { top + 130 } else { top + height / 2 + 38 };
        self.text(BOX + 10, first, "b", &crate::text::cut(&names, NAME_LETTERS, "…"));
        self.text(SIZE, first, "m e", &short(range.size));
        let mut y = first + ROW;
        for (depth, child) in rows {
            let (names, _) = same_place(child);
            self.text(BOX + 10 + 12 * depth, y, "", &crate::text::cut(&names, NAME_LETTERS, "…"));
            self.text(SIZE, y, "m e", &short(child.size));
            self.rect(STRIP, y - 70, STRIP_WIDTH, 60, "strip", "");
            let (from, wide) = place(child, range);
            let title = format!("{names}: {}, {}–{}", child.size, child.start, child.last);
            let class = format!("{} t", kind(child.kind));
            self.rect(STRIP + from, y - 90, wide, 100, &class, &title);
            y += ROW;
        }
        if more > 0 {
            self.text(BOX + 22, y, "d", &format!("and {more} more inside"));
        }
        self.y += height;
        if range.kind == RangeKind::Ram && !range.zones.is_empty() {
            let (x, from, to) = (ZONE - 9, px(top + 20), px(self.y - 20));
            let _ = writeln!(self.out, "<path d=\"M{x} {from}V{to}\" class=\"zone\"/>");
            let words = crate::text::cut(&in_zones(&range.zones), ZONE_LETTERS, "…");
            self.text(ZONE, top + height / 2 + 38, "b", &words);
        }
    }

    fn notes(&mut self, report: &PhysicalReport) {
        let mut lines = Vec::new();
        if !report.items.is_empty() {
            self.y += 220;
            lines.push(
                "Heights are logarithmic: every doubling in size adds the same. A strip shows where \
                 in its range a thing lies."
                    .to_owned(),
            );
        }
        lines.extend(report.notes.iter().cloned());
        lines.extend(report.unread.iter().map(|missing| format!("Not read: {missing}")));
        for line in lines.iter().flat_map(|line| crate::text::wrap(line, LETTERS)) {
            self.text(MARGIN, self.y, "d", &line);
            self.y += 160;
        }
    }

    fn zones(&mut self, zones: &[ZoneMap]) {
        if zones.is_empty() {
            return;
        }
        self.y += 180;
        self.text(MARGIN, self.y, "h2", "Zones");
        let legend = [
            ("used", "in use"),
            ("min", "kept below min"),
            ("near", "between min and high"),
            ("free", "free above high"),
        ];
        self.y += 100;
        self.legend(self.y, &legend);
        self.y += 340;
        let mut empty = Vec::new();
        for zone in zones {
            if zone.managed == Some(Bytes::ZERO) {
                empty.push(format!("node {} {}", zone.node, zone.name));
                continue;
            }
            self.zone(zone);
        }
        if !empty.is_empty() {
            let line = format!("empty: {}", empty.join(", "));
            self.text(MARGIN, self.y, "d", &crate::text::cut(&line, LETTERS, "…"));
            self.y += 160;
        }
    }

    fn zone(&mut self, zone: &ZoneMap) {
        let wide = WIDTH - 2 * MARGIN;
        let mut line = format!("{}, {} free", long(zone.managed), long(zone.free));
        if let Some(per_cpu) = zone.per_cpu.filter(|&b| b > Bytes::ZERO) {
            let _ = write!(line, " and {per_cpu} on per-cpu lists");
        }
        let name = crate::text::cut(&format!("node {} {}", zone.node, zone.name), 30, "…");
        self.text(MARGIN, self.y, "b", &name);
        self.text(MARGIN + 130, self.y, "", &line);
        let marks =
            format!("min {}   low {}   high {}", long(zone.min), long(zone.low), long(zone.high));
        self.text(WIDTH - MARGIN, self.y, "d e", &marks);
        self.y += 70;
        if let (Some(managed), Some(free), Some(min), Some(high)) =
            (zone.managed, zone.free, zone.min, zone.high)
        {
            let kept = free.min(min);
            let near = free.min(high).saturating_sub(kept);
            let parts = [managed.saturating_sub(free), kept, near, free.saturating_sub(high)];
            let cells = crate::bar::lengths(parts, wide as usize).unwrap_or_default();
            let mut x = MARGIN;
            for ((cells, class), part) in
                cells.iter().zip(["used", "min", "near", "free"]).zip(parts)
            {
                let cells = u32::try_from(*cells).unwrap_or(wide);
                if cells > 0 {
                    self.rect(x, self.y, cells, BAR, class, &part.to_string());
                }
                x += cells;
            }
            self.y += BAR;
        }
        self.y += 130;
        self.orders(&zone.orders);
        self.y += 240;
    }

    /// Free memory by the size of its blocks, a column each, and what part of it is too small for that
    /// size.
    fn orders(&mut self, orders: &[OrderFigures]) {
        let Some(columns) = u32::try_from(orders.len()).ok().filter(|&columns| columns > 0) else {
            return;
        };
        let memory = |order: &OrderFigures| {
            u128::from(order.block.map_or(0, Bytes::get)) * u128::from(order.blocks)
        };
        let most = orders.iter().map(memory).max().unwrap_or(0).max(1);
        let step = (WIDTH - 2 * MARGIN - 90) / columns;
        let base = self.y + COLUMNS;
        for (y, words) in [(base + 140, "block"), (base + 280, "free"), (base + 420, "too small")] {
            self.text(MARGIN, y, "d", words);
        }
        for (at, order) in (0..columns).zip(orders) {
            let x = MARGIN + 90 + at * step;
            let high = memory(order) * u128::from(COLUMNS) / most;
            let high = u64::try_from(high).unwrap_or(COLUMNS).max(u64::from(order.blocks > 0) * 10);
            let title = match order.block.and_then(|block| block.get().checked_mul(order.blocks)) {
                Some(all) => format!("{} in {}", Bytes::new(all), count_of_blocks(order.blocks)),
                None => count_of_blocks(order.blocks),
            };
            let broad = step.saturating_sub(10).max(2);
            self.rect(x, base, broad, 7, "strip", "");
            self.rect(x, base - high, broad, high, "col", &title);
            let middle = x + broad / 2;
            self.text(middle, base + 140, "m c", &order.block.map_or("?".to_owned(), whole));
            self.text(middle, base + 280, "m c", &order.blocks.to_string());
            let unusable = order.unusable.map_or("?".to_owned(), |u| format!("{}%", u / 10));
            let class = if order.unusable.is_some_and(|u| u >= 900) { "m c w" } else { "m c d" };
            self.text(middle, base + 420, class, &unusable);
        }
        self.y = base + 420;
    }

    fn document(self) -> String {
        let height = self.y / 10 + 6;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>Physical memory</title>\n\
             <style>{STYLE}</style>\n\
             <defs><pattern id=\"u\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
             <path d=\"M0 6L6 0\" class=\"hatch\" stroke-width=\".7\"/></pattern></defs>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" class=\"bg\"/>\n{}</svg>\n",
            self.out
        )
    }
}

fn count_of_blocks(blocks: u64) -> String {
    count(usize::try_from(blocks).unwrap_or(usize::MAX), "block", "blocks")
}

/// What is drawn of what lies in a range, to the second level.
fn collect<'a>(
    inside: &'a [Range],
    depth: u32,
    order: Order,
    rows: &mut Vec<(u32, &'a Range)>,
    more: &mut usize,
) {
    let shown = inside.len().min(MOST_INSIDE);
    *more += inside.len() - shown;
    let mut drawn: Vec<&Range> = inside.iter().take(shown).collect();
    if order == Order::Descending {
        drawn.reverse();
    }
    for range in drawn {
        rows.push((depth, range));
        if depth < 2 {
            collect(same_place(range).1, depth + 1, order, rows, more);
        }
    }
}

/// Height in tenths of a pixel.
fn height(size: Bytes) -> u64 {
    PAGE_HEIGHT + u64::from((size.get() >> 12).max(1).ilog2()) * DOUBLING
}

/// Where in the strip of its range a thing begins, and how wide it is: seen, however small.
fn place(range: &Range, whole: &Range) -> (u32, u32) {
    const LEAST: u32 = 2;
    let at = |address: u64| {
        let into = u128::from(address.saturating_sub(whole.start.0)) * u128::from(STRIP_WIDTH);
        u32::try_from(into / u128::from(whole.size.get().max(1))).unwrap_or(STRIP_WIDTH)
    };
    let from = at(range.start.0).min(STRIP_WIDTH - LEAST);
    (from, at(range.last.0).saturating_sub(from).clamp(LEAST, STRIP_WIDTH - from))
}

fn kind(kind: RangeKind) -> &'static str {
    match kind {
        RangeKind::Ram => "ram",
        RangeKind::Kernel => "kernel",
        RangeKind::Persistent => "pmem",
        RangeKind::Reserved => "kept",
        RangeKind::Device => "device",
    }
}

#[cfg(test)]
mod tests {
    use facts::{Address, Name, Snapshot};
    use rules::rank::SourceLine;

    use super::*;

    fn range(name: &str, kind: RangeKind, start: u64, last: u64, inside: Vec<Range>) -> Range {
        Range {
            start: Address(start),
            last: Address(last),
            size: Bytes::new(last - start + 1),
            level: 0,
            name: Name::from(name),
            kind,
            zones: vec!["0/DMA32".to_owned()],
            inside,
        }
    }

    fn report(items: Vec<PhysicalItem>) -> PhysicalReport {
        let order = |order: usize, blocks| OrderFigures {
            order,
            block: Some(Bytes::new(4096 << order)),
            blocks,
            unusable: Some(100),
            fragmentation: None,
        };
        let zone = ZoneMap {
            node: 0,
            name: "DMA32".to_owned(),
            start: None,
            end: None,
            managed: Some(Bytes::new(64 << 20)),
            free: Some(Bytes::new(12 << 20)),
            per_cpu: None,
            min: Some(Bytes::new(1 << 20)),
            low: Some(Bytes::new(2 << 20)),
            high: Some(Bytes::new(3 << 20)),
            orders: vec![order(0, 1024), order(10, 2), order(11, u64::MAX)],
        };
        PhysicalReport {
            schema: "oomph.physical/1",
            source: SourceLine::from(&Snapshot::unknown("test")),
            addresses_hidden: items.is_empty(),
            items,
            system_ram: None,
            kernel_image: None,
            zones: vec![zone],
            notes: vec!["a <note>".to_owned()],
            unread: Vec::new(),
        }
    }

    fn machine() -> PhysicalReport {
        let crowd = (0..40_u64).map(|at| {
            let start = 0x100_0000 + at * 0x1000;
            range("</text>&\"\u{1b}[2J", RangeKind::Kernel, start, start + 0xfff, Vec::new())
        });
        report(vec![
            PhysicalItem::Range(range(
                "System RAM",
                RangeKind::Ram,
                0,
                0x3fff_ffff,
                crowd.collect(),
            )),
            PhysicalItem::Gap {
                start: Address(0x4000_0000),
                last: Address(u64::MAX - 1),
                size: Bytes::new(u64::MAX - 0x4000_0000),
            },
            PhysicalItem::Range(range(
                "the last byte",
                RangeKind::Device,
                u64::MAX,
                u64::MAX,
                Vec::new(),
            )),
        ])
    }

    #[test]
    fn names_cannot_break_the_document() {
        let svg = physical_svg(&machine(), Order::Descending);
        assert!(svg.contains("&lt;/text&gt;&amp;&quot;\\x1b[2J"), "{svg}");
        assert!(svg.contains("a &lt;note&gt;") && svg.contains("and 32 more inside"), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert_eq!(svg.matches("<rect").count(), svg.matches("</rect>").count() + 1);
    }

    #[test]
    fn everything_lies_on_the_paper() {
        for order in [Order::Descending, Order::Ascending] {
            let svg = physical_svg(&machine(), order);
            let number = |tag: &str, name: &str| -> f64 {
                let (_, rest) = tag.split_once(&format!(" {name}=\"")).expect("an attribute");
                rest.split('"').next().and_then(|text| text.parse().ok()).expect("a number")
            };
            let tall = number(&svg, "height");
            for tag in svg.lines().filter(|line| line.starts_with("<rect x")) {
                let (x, y) = (number(tag, "x"), number(tag, "y"));
                let (width, height) = (number(tag, "width"), number(tag, "height"));
                assert!(width > 0.0 && height > 0.0, "{tag}");
                assert!(x + width <= f64::from(WIDTH) && y >= 0.0 && y + height <= tall, "{tag}");
            }
            for tag in svg.lines().filter(|line| line.starts_with("<text")) {
                assert!(number(tag, "y") <= tall, "{tag}");
            }
        }
        let first = |order| {
            let svg = physical_svg(&machine(), order);
            svg.find("the last byte").zip(svg.find("System RAM"))
        };
        assert!(first(Order::Descending).is_some_and(|(last, ram)| last < ram));
        assert!(first(Order::Ascending).is_some_and(|(last, ram)| last > ram));
    }

    #[test]
    fn where_addresses_are_hidden_the_zones_are_drawn() {
        let svg = physical_svg(&report(Vec::new()), Order::Descending);
        assert!(svg.contains("node 0 DMA32") && !svg.contains("buses and devices"), "{svg}");
    }
}
