//! The picture of the machine's memory: physical addresses, zones and free blocks.

use facts::Missing;
use rules::physical::{OrderFigures, PhysicalItem, PhysicalReport, Range, RangeKind, ZoneMap};
use units::Bytes;

use super::Order;
use super::lines::{Lines, lines};
use crate::amount::{count, long, short};
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::text;

/// Ranges inside others that are drawn one by one; further ones are counted.
const MOST_INSIDE: usize = 8;

/// Depth to which they are drawn.
const DEEPEST: usize = 2;

/// Places that could not be read and are told by name.
const PLACES: usize = 3;

/// The picture of the machine's memory.
pub fn physical(report: &PhysicalReport, order: Order, style: &Style) -> String {
    let mut page = Page::new(style);
    summary(&mut page, report);
    if !report.items.is_empty() {
        page.line("");
        picture(&mut page, report, order);
        page.line("");
        page.sentence(
            "A row more for every 64-fold in size. The bar shows where in its range a thing lies.",
        );
    }
    for note in &report.notes {
        page.sentence(note);
    }
    zones(&mut page, &report.zones);
    unread(&mut page, &report.unread);
    page.finish()
}

fn summary(page: &mut Page<'_>, report: &PhysicalReport) {
    let managed: Option<Bytes> = report.zones.iter().map(|zone| zone.managed).sum();
    let managed = managed.filter(|_| !report.zones.is_empty());
    let line = format!(
        "{}: {} of RAM, {} of it given to the allocator; the kernel's image takes {}",
        page.style.paint(Accent::Heading, "Physical memory"),
        long(report.system_ram),
        long(managed),
        long(report.kernel_image),
    );
    page.hanging("", &line, 2);
    let mut from = report.source.origin.clone();
    if let Some(release) = report.source.release {
        from = format!("{from}, Linux {release}");
    }
    page.sentence(&from);
}

fn picture(page: &mut Page<'_>, report: &PhysicalReport, order: Order) {
    let style = page.style;
    let end = report.items.last().map_or(0, |item| match item {
        PhysicalItem::Range(range) => range.last.0,
        PhysicalItem::Gap { last, .. } => last.0,
    });
    let address = format!("{end:x}").len().max(8);
    let inner = style.columns().min(110).saturating_sub(address + 3);
    let draw = Draw { style, signs: lines(style), order, address, inner };
    let mut items: Vec<&PhysicalItem> = report.items.iter().collect();
    if order == Order::Descending {
        items.reverse();
    }
    let is_range = |item: Option<&&PhysicalItem>| matches!(item, Some(PhysicalItem::Range(_)));
    for (i, item) in items.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| items.get(i)).and_then(|item| match item {
            PhysicalItem::Range(range) => Some(range),
            PhysicalItem::Gap { .. } => None,
        });
        match item {
            PhysicalItem::Gap { size, .. } => draw.gap(page, *size),
            PhysicalItem::Range(range) => {
                draw.border(page, range, before);
                draw.range(page, range, range, 0);
                if !is_range(items.get(i + 1)) {
                    draw.bottom(page, range);
                }
            }
        }
    }
}

struct Draw<'a> {
    style: &'a Style,
    signs: &'static Lines,
    order: Order,
    address: usize,
    inner: usize,
}

impl Draw<'_> {
    fn label(&self, address: Option<u64>) -> String {
        let text = address.map(|a| format!("{a:x}")).unwrap_or_default();
        self.style.paint(Accent::Dim, &text::right(&text, self.address))
    }

    fn rows(size: Bytes) -> usize {
        1 + (size.get() >> 12).max(1).ilog2() as usize / 6
    }

    /// The upper edge; `above` is the range that ends there, if there is one.
    fn border(&self, page: &mut Page<'_>, range: &Range, above: Option<&Range>) {
        let [left, right] = if above.is_some() { self.signs.middle } else { self.signs.top };
        let edge = match (self.order, above) {
            (Order::Descending, Some(above)) => above.start.0,
            (Order::Descending, None) => range.last.0,
            (Order::Ascending, _) => range.start.0,
        };
        let across = self.signs.across.repeat(self.inner);
        page.line(&format!("{} {left}{across}{right}", self.label(Some(edge))));
    }

    fn bottom(&self, page: &mut Page<'_>, range: &Range) {
        let [left, right] = self.signs.bottom;
        let edge = match self.order {
            Order::Descending => range.start.0,
            Order::Ascending => range.last.0,
        };
        let across = self.signs.across.repeat(self.inner);
        page.line(&format!("{} {left}{across}{right}", self.label(Some(edge))));
    }

    fn gap(&self, page: &mut Page<'_>, size: Bytes) {
        let rows = Draw::rows(size);
        for row in 0..rows {
            let text = if row == rows / 2 {
                format!("{} nothing known", short(size))
            } else {
                String::new()
            };
            let sign = self.style.paint(Accent::Dim, self.signs.gap);
            let text = self.style.paint(Accent::Dim, &text);
            page.line(&format!("{} {sign}  {text}", self.label(None)));
        }
    }

    /// A range's rows, and below them those of what lies in it.
    fn range(&self, page: &mut Page<'_>, range: &Range, whole: &Range, depth: usize) {
        let (names, inside) = same_place(range);
        let rows = if depth == 0 { Draw::rows(range.size) } else { 1 };
        let zones = match range.kind {
            RangeKind::Ram if depth == 0 => in_zones(&range.zones),
            _ => String::new(),
        };
        let narrow = self.inner < 50;
        let name_columns = if narrow { self.inner.saturating_sub(20).max(8) } else { 32 };
        let name = format!("{}{}", "  ".repeat(depth), self.style.plain(&names));
        let name =
            text::left(&text::cut(&name, name_columns, self.style.signs().cut), name_columns);
        let name = if depth == 0 { self.style.paint(Accent::Heading, &name) } else { name };
        let lead = format!(" {name} {}  ", text::right(&short(range.size), 7));
        let room = self.inner.saturating_sub(text::width(&lead) + 1);
        for row in 0..rows {
            let lead = if row == 0 { lead.clone() } else { " ".repeat(text::width(&lead)) };
            let rest = if row == 0 && depth > 0 {
                self.place(range, whole, room)
            } else if row == 0 {
                let zones = text::cut(&zones, room, self.style.signs().cut);
                text::left(&self.style.paint(Accent::Dim, &zones), room)
            } else {
                " ".repeat(room)
            };
            // The addresses of a box stand at its edges.
            let address = (depth > 0).then_some(range.start.0);
            let down = self.signs.down;
            page.line(&format!("{} {down}{lead}{rest} {down}", self.label(address)));
        }
        if depth < DEEPEST {
            let mut inside: Vec<&Range> = inside.iter().collect();
            let more = inside.len().saturating_sub(MOST_INSIDE);
            inside.truncate(MOST_INSIDE);
            if self.order == Order::Descending {
                inside.reverse();
            }
            for child in inside {
                self.range(page, child, whole, depth + 1);
            }
            if more > 0 {
                let down = self.signs.down;
                let words = format!(" {}and {more} more inside", "  ".repeat(depth + 1));
                let words = text::left(&text::cut(&words, self.inner, ""), self.inner);
                page.line(&format!("{} {down}{words}{down}", self.label(None)));
            }
        }
    }

    /// Where in the whole the range lies.
    fn place(&self, range: &Range, whole: &Range, room: usize) -> String {
        let cell = |address: u64| {
            let into = u128::from(address.saturating_sub(whole.start.0));
            let at = into * room as u128 / u128::from(whole.size.get().max(1));
            usize::try_from(at).unwrap_or(room).min(room.saturating_sub(1))
        };
        let (first, last) = (cell(range.start.0), cell(range.last.0));
        let signs = self.style.signs().bar;
        let dim = |n: usize| self.style.paint(Accent::Dim, &signs[3].repeat(n));
        let own = (last + 1).saturating_sub(first);
        format!("{}{}{}", dim(first), signs[0].repeat(own), dim(room.saturating_sub(last + 1)))
    }
}

/// The names of a range and of what fills all of it, and what else lies in it.
pub(super) fn same_place(range: &Range) -> (String, &[Range]) {
    let mut names = range.name.escaped().into_owned();
    let mut inside = &range.inside[..];
    while let [only] = inside
        && (only.start, only.last) == (range.start, range.last)
    {
        names = format!("{names}, {}", only.name.escaped());
        inside = &only.inside;
    }
    (names, inside)
}

/// `zones DMA, DMA32`; the node is told where there is more than one.
pub(super) fn in_zones(zones: &[String]) -> String {
    let bare: Option<Vec<&str>> = zones.iter().map(|zone| zone.strip_prefix("0/")).collect();
    let names = bare.map_or_else(|| zones.join(", "), |bare| bare.join(", "));
    match zones.len() {
        0 => names,
        1 => format!("zone {names}"),
        _ => format!("zones {names}"),
    }
}

fn zones(page: &mut Page<'_>, zones: &[ZoneMap]) {
    if zones.is_empty() {
        return;
    }
    let signs = page.style.signs().bar;
    let style = page.style;
    page.heading(
        "Zones",
        &format!(
            "{} in use  {} kept below min  {} between min and high  {} free above high",
            signs[0],
            signs[1],
            signs[2],
            style.paint(Accent::Dim, signs[3])
        ),
    );
    let mut empty = Vec::new();
    for zone in zones {
        if zone.managed == Some(Bytes::ZERO) {
            empty.push(format!("node {} {}", zone.node, zone.name));
            continue;
        }
        self::zone(page, zone);
    }
    if !empty.is_empty() {
        page.sentence(&format!("empty: {}", empty.join(", ")));
    }
}

fn zone(page: &mut Page<'_>, zone: &ZoneMap) {
    let style = page.style;
    page.line("");
    let name =
        style.paint(Accent::Heading, &style.plain(&format!("node {} {}", zone.node, zone.name)));
    let mut line = format!("{name}  {}, {} free", long(zone.managed), long(zone.free));
    if let Some(per_cpu) = zone.per_cpu.filter(|&b| b > Bytes::ZERO) {
        line = format!("{line} and {per_cpu} on per-cpu lists");
    }
    if let (Some(start), Some(end)) = (zone.start, zone.end) {
        line = format!("{line}; {start:x}-{end:x}");
    }
    page.sentence(&line);
    if let Some(bar) = zone_bar(zone, style) {
        page.line(&format!("  {bar}"));
    }
    page.sentence(&format!(
        "min {}  low {}  high {}",
        long(zone.min),
        long(zone.low),
        long(zone.high)
    ));
    orders(page, &zone.orders);
}

fn zone_bar(zone: &ZoneMap, style: &Style) -> Option<String> {
    let (managed, free, min, high) = (zone.managed?, zone.free?, zone.min?, zone.high?);
    let kept = free.min(min);
    let near = free.min(high).saturating_sub(kept);
    let above = free.saturating_sub(high);
    let columns = style.columns().saturating_sub(4).min(96);
    crate::bar::bar([managed.saturating_sub(free), kept, near, above], columns, style)
}

/// A power of two, without decimals.
pub(super) fn whole(size: Bytes) -> String {
    let text = short(size);
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let number = digits.trim_end_matches('0').strip_suffix('.').unwrap_or(digits);
    format!("{number}{}", &text[digits.len()..])
}

/// Free blocks by order, one column an order, as many in a row as the terminal has room for.
fn orders(page: &mut Page<'_>, orders: &[OrderFigures]) {
    const LABEL: usize = 12;
    const COLUMN: usize = 6;
    if orders.is_empty() {
        return;
    }
    let style = page.style;
    let per_row = (style.columns().saturating_sub(LABEL) / COLUMN).max(1);
    for part in orders.chunks(per_row) {
        let mut row = |label: &str, figure: &dyn Fn(&OrderFigures) -> String| {
            let cells: String = part.iter().map(|o| text::right(&figure(o), COLUMN)).collect();
            page.line(&format!("{}{cells}", text::left(&format!("  {label}"), LABEL)));
        };
        row("block", &|o| o.block.map_or("?".to_owned(), whole));
        row("free", &|o| o.blocks.to_string());
        row("too small", &|o| o.unusable.map_or("?".to_owned(), |u| format!("{}%", u / 10)));
        if part.iter().any(|o| o.fragmentation.is_some()) {
            row("broken up", &|o| o.fragmentation.map_or("fits".to_owned(), |f| f.to_string()));
        }
    }
}

fn unread(page: &mut Page<'_>, places: &[Missing]) {
    if places.is_empty() {
        return;
    }
    page.heading("Not read", &count(places.len(), "place", "places"));
    for place in places.iter().take(PLACES) {
        page.sentence(&place.to_string());
    }
}
