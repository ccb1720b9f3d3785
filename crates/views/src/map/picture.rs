//! The picture on a terminal.

use facts::Missing;
use rules::map::{Fill, GapKind, Item, MapReport, Region};
use units::Bytes;

use super::block::{Block, Fold, blocks};
use super::lines::{Lines, lines};
use super::scale::Measure;
use super::{Drawing, Order, words};
use crate::amount::{count, short};
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::text;

/// Widest picture; longer lines are hard to follow.
const WIDEST: usize = 110;

/// Places that could not be read and are told by name.
const PLACES: usize = 3;

/// The picture of an address space, its summary above it and its legend below.
pub fn map(report: &MapReport, drawing: Drawing, style: &Style) -> String {
    let mut page = Page::new(style);
    summary(&mut page, report);
    located(&mut page, report);
    let mut picture = Picture::new(report, drawing, style);
    let mut blocks = blocks(report, drawing.most);
    if drawing.order == Order::Descending {
        blocks.reverse();
    }
    page.line("");
    for (i, block) in blocks.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| blocks.get(i));
        picture.block(block, before, blocks.get(i + 1));
    }
    for line in &picture.lines {
        page.line(line);
    }
    page.line("");
    legend(&mut page, report, &picture.measure, &blocks);
    for note in &report.notes {
        page.sentence(note);
    }
    unread(&mut page, &report.unread);
    page.finish()
}

fn summary(page: &mut Page<'_>, report: &MapReport) {
    let style = page.style;
    let name = report.name.as_ref().map_or_else(|| "a process".to_owned(), |n| style.name(n));
    let title = match report.pid {
        Some(pid) => format!("{name} (pid {pid})"),
        None => name,
    };
    let totals = &report.totals;
    let mut line = format!(
        "{}: {} in {}",
        style.paint(Accent::Heading, &title),
        totals.mapped,
        count(totals.regions, "region", "regions"),
    );
    if let Some(fill) = totals.fill {
        let resident = fill.private.saturating_add(fill.shared);
        line = format!("{line}; {resident} resident, of it {} its own", fill.private);
        line = match fill.swapped {
            Some(Bytes::ZERO) => format!("{line}; nothing swapped"),
            Some(swapped) => format!("{line}; {swapped} swapped"),
            None => format!("{line}; swap unknown"),
        };
    }
    page.hanging("", &line, 2);
    let mut from = report.source.origin.clone();
    if let Some(release) = report.source.release {
        from = format!("{from}, Linux {release}");
    }
    page.sentence(&from);
}

fn located(page: &mut Page<'_>, report: &MapReport) {
    let Some(located) = report.located else { return };
    let place = located.item.and_then(|i| report.items.get(i));
    let text = match (place, located.into) {
        (Some(Item::Region(region)), Some(into)) => {
            let (what, name) = words::title(region);
            let part = region.part.map(|p| format!(", {}", words::part(p))).unwrap_or_default();
            let name = name.map(|n| format!(" {n}")).unwrap_or_default();
            let file = located
                .file_offset
                .map(|offset| format!("; offset {offset:#x} of the file"))
                .unwrap_or_default();
            format!("in {what}{name}{part} ({}), {into:#x} from its start{file}", region.perms)
        }
        (Some(Item::Gap(gap)), _) => format!("in a gap of {}: {}", gap.size, words::gap(gap.kind)),
        _ => "above all regions: the kernel's own addresses".to_owned(),
    };
    let sign = page.style.signs().mark;
    page.sentence(&format!("{sign} {:#x} is {text}", located.address));
    if let Some(Item::Region(region)) = place {
        flags(page, region, report);
    }
}

fn flags(page: &mut Page<'_>, region: &Region, report: &MapReport) {
    let Some(codes) = &region.flags else { return };
    let words: Vec<String> = codes
        .split_ascii_whitespace()
        .map(|code| {
            let flag = report.flag_words.iter().find(|flag| flag.code == code);
            match flag.and_then(|flag| flag.words) {
                Some(words) => format!("{code} {words}"),
                None => format!("{code} (not known to this program)"),
            }
        })
        .collect();
    if !words.is_empty() {
        page.sentence(&format!("flags: {}", words.join("; ")));
    }
}

fn legend(page: &mut Page<'_>, report: &MapReport, measure: &Measure, blocks: &[Block<'_>]) {
    let style = page.style;
    let bar = style.signs().bar;
    if report.items.iter().filter_map(Item::region).any(|r| r.fill.is_some()) {
        let absent = match report.totals.fill {
            Some(Fill { swapped: None, .. }) => "not in memory",
            _ => "not in memory and not in swap",
        };
        page.sentence(&format!(
            "{} resident, its own  {} resident, shared  {} swapped  {} {absent}",
            style.paint(Accent::Heading, bar[0]),
            style.paint(Accent::Calm, bar[1]),
            style.paint(Accent::Near, bar[2]),
            style.paint(Accent::Dim, bar[3]),
        ));
    }
    if measure.is_linear() {
        page.sentence(&format!(
            "A row is {}, and every region has one at least; gaps above 3 rows are cut short.",
            Bytes::new(measure.row)
        ));
    } else {
        page.sentence("A row more for every 64-fold in size, for regions and gaps alike.");
    }
    if blocks.iter().any(|b| matches!(b, Block::Fold(_))) {
        page.sentence("Small regions are drawn together; --all draws each.");
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
    if places.len() > PLACES {
        page.sentence(&format!("and {} more; --json lists them", places.len() - PLACES));
    }
}

struct Picture<'a> {
    style: &'a Style,
    signs: &'static Lines,
    drawing: Drawing,
    measure: Measure,
    /// Columns of an address.
    address: usize,
    /// Columns inside a box.
    inner: usize,
    user_end: u64,
    located: Option<u64>,
    lines: Vec<String>,
}

impl<'a> Picture<'a> {
    fn new(report: &MapReport, drawing: Drawing, style: &'a Style) -> Picture<'a> {
        let address = format!("{:x}", report.user_end).len().max(8);
        let columns = style.columns().min(WIDEST);
        Picture {
            style,
            signs: lines(style),
            drawing,
            measure: Measure::new(drawing.scale, report),
            address,
            inner: columns.saturating_sub(address + 3),
            user_end: report.user_end.0,
            located: report.located.map(|l| l.address.0),
            lines: Vec::new(),
        }
    }

    fn block(&mut self, block: &Block<'_>, before: Option<&Block<'_>>, after: Option<&Block<'_>>) {
        // What the kernel put beyond the process's addresses is told, not drawn.
        if block.start() >= self.user_end {
            self.beyond(block);
            return;
        }
        let boxed =
            |b: Option<&Block<'_>>| b.is_some_and(|b| b.is_box() && b.start() < self.user_end);
        let (joined, joins) = (boxed(before), boxed(after));
        match block {
            Block::Gap(gap) => {
                let (rows, cut) = self.measure.gap(gap.size.get());
                let text = format!("{} {}", short(gap.size), words::gap(gap.kind));
                self.gap(gap.start.0, gap.end.0, rows, cut, &text, gap.kind);
            }
            Block::Object(regions) => {
                let Some(first) = regions.first() else { return };
                let (what, name) = words::title(first);
                self.border(block, joined, &what, name.as_deref());
                let mut regions = regions.clone();
                if self.drawing.order == Order::Descending {
                    regions.reverse();
                }
                for region in regions {
                    self.region(region, first);
                }
                self.close(block, joins);
            }
            Block::Fold(fold) => {
                self.border(block, joined, &fold_title(fold), None);
                self.fold(fold);
                self.close(block, joins);
            }
        }
    }

    /// Something beyond the process's own addresses.
    fn beyond(&mut self, block: &Block<'_>) {
        if let Block::Object(regions) = block {
            for region in regions {
                let (what, _) = words::title(region);
                let line = format!(
                    "{:x}{}{what}, {}, {}, beyond its own addresses",
                    region.start,
                    if self.is_in(region.start.0, region.end.0) {
                        self.style.signs().mark
                    } else {
                        " "
                    },
                    region.perms,
                    short(region.size),
                );
                let columns = self.style.columns();
                self.lines.push(text::cut(&line, columns, self.style.signs().cut));
            }
        }
    }

    fn is_in(&self, start: u64, end: u64) -> bool {
        self.located.is_some_and(|at| (start..end).contains(&at))
    }

    fn mark(&self, start: u64, end: u64) -> String {
        if self.is_in(start, end) {
            self.style.paint(Accent::Wall, self.style.signs().mark)
        } else {
            " ".to_owned()
        }
    }

    fn label(&self, address: Option<u64>) -> String {
        let text = address.map(|a| format!("{a:x}")).unwrap_or_default();
        self.style.paint(Accent::Dim, &text::right(&text, self.address))
    }

    /// The upper edge of a box, with its title. `joined`: the box above it ends here.
    fn border(&mut self, block: &Block<'_>, joined: bool, what: &str, name: Option<&str>) {
        let ends = if joined { self.signs.middle } else { self.signs.top };
        let address = match self.drawing.order {
            // The box above was labelled with the same number.
            Order::Descending if !joined => Some(block.end()),
            _ => None,
        };
        let room = self.inner.saturating_sub(4);
        let what = text::cut(&self.style.plain(what), room, self.style.signs().cut);
        let room = room.saturating_sub(text::width(&what) + 2);
        let name = name.map(|n| self.shorten(&self.style.plain(n), room)).unwrap_or_default();
        let mut title = self.style.paint(Accent::Heading, &what);
        if !name.is_empty() {
            title = format!("{title}  {name}");
        }
        let rest = self.inner.saturating_sub(text::width(&title) + 2);
        self.lines.push(format!(
            "{} {}{} {title} {}{}",
            self.label(address),
            ends[0],
            "",
            self.signs.across.repeat(rest),
            ends[1]
        ));
    }

    /// A path without its middle, when there is no room for it.
    fn shorten(&self, name: &str, room: usize) -> String {
        if text::width(name) <= room {
            return name.to_owned();
        }
        let sign = self.style.signs().cut;
        let base = name.rsplit('/').next().unwrap_or(name);
        let room_before = room.saturating_sub(text::width(base) + text::width(sign) + 1);
        if room_before >= 4 && base.len() < name.len() {
            return format!("{}/{base}", text::cut(name, room_before + text::width(sign), sign));
        }
        text::cut(base, room, sign)
    }

    /// The lower edge of a box, unless another box follows.
    fn close(&mut self, block: &Block<'_>, joins: bool) {
        if joins {
            return;
        }
        let [left, right] = self.signs.bottom;
        let address = (self.drawing.order == Order::Ascending).then(|| block.end());
        let across = self.signs.across.repeat(self.inner);
        self.lines.push(format!("{} {left}{across}{right}", self.label(address)));
    }

    fn region(&mut self, region: &Region, first: &Region) {
        let perms = region.perms.to_string();
        let accent = (region.perms.write() && region.perms.execute()).then_some(Accent::Wall);
        let perms = accent.map_or_else(|| perms.clone(), |a| self.style.paint(a, &perms));
        let part = words::row(region, first);
        let rows = self.measure.region(region.size.get());
        self.rows(
            (region.start.0, region.end.0),
            rows,
            [&perms, part, &short(region.size)],
            region.fill,
        );
    }

    fn fold(&mut self, fold: &Fold) {
        let rows = self.measure.region(fold.mapped.get());
        self.rows((fold.start, fold.end), rows, ["", "", &short(fold.mapped)], fold.fill);
    }

    /// The rows of one region. Its start is told where it begins: below, or above when ascending.
    fn rows(
        &mut self,
        (start, end): (u64, u64),
        rows: usize,
        [perms, part, size]: [&str; 3],
        fill: Option<Fill>,
    ) {
        let narrow = self.inner < 50;
        let lead = if narrow {
            format!(" {} {} ", text::left(perms, 4), text::right(size, 7))
        } else {
            format!(" {} {} {}  ", text::left(perms, 4), text::left(part, 9), text::right(size, 7))
        };
        let room = self.inner.saturating_sub(text::width(&lead) + 1);
        let cells = cells(fill, room * rows);
        for row in 0..rows {
            let labelled = match self.drawing.order {
                Order::Descending => row + 1 == rows,
                Order::Ascending => row == 0,
            };
            let address = labelled.then_some(start);
            let lead = if row == 0 { lead.clone() } else { " ".repeat(text::width(&lead)) };
            let bar = self.bar(cells, row * room, room);
            let mark = if row == 0 { self.mark(start, end) } else { " ".to_owned() };
            let down = self.signs.down;
            self.lines.push(format!("{}{mark}{down}{lead}{bar} {down}", self.label(address)));
        }
    }

    /// A row of the fill: `room` cells from the `from`th on.
    fn bar(&self, cells: Option<[usize; 4]>, from: usize, room: usize) -> String {
        let Some(lengths) = cells else { return " ".repeat(room) };
        let signs = self.style.signs().bar;
        let accents = [None, Some(Accent::Calm), Some(Accent::Near), Some(Accent::Dim)];
        let mut out = String::new();
        let mut start = 0;
        let mut used = 0;
        for ((&length, sign), accent) in lengths.iter().zip(signs).zip(accents) {
            let end = start + length;
            let here = end.min(from + room).saturating_sub(start.max(from));
            let piece = sign.repeat(here);
            out.push_str(&accent.map_or_else(|| piece.clone(), |a| self.style.paint(a, &piece)));
            used += here;
            start = end;
        }
        out + &" ".repeat(room.saturating_sub(used))
    }

    fn gap(&mut self, start: u64, end: u64, rows: usize, cut: bool, text: &str, kind: GapKind) {
        let sign = if cut { self.signs.cut } else { self.signs.gap };
        // At the edge of the picture nobody else tells the address.
        let edge = match (self.drawing.order, kind) {
            (Order::Descending, _) if end == self.user_end => Some((0, end)),
            (Order::Ascending, _) if end == self.user_end => Some((rows - 1, end)),
            _ => None,
        };
        let null = (start == 0).then(|| match self.drawing.order {
            Order::Descending => rows - 1,
            Order::Ascending => 0,
        });
        for row in 0..rows {
            let address = match edge {
                Some((at, address)) if at == row => Some(address),
                _ => (null == Some(row)).then_some(start),
            };
            let text = if row == rows / 2 { text } else { "" };
            let text = text::cut(text, self.inner.saturating_sub(2), self.style.signs().cut);
            let mark = if row == rows / 2 { self.mark(start, end) } else { " ".to_owned() };
            let down = self.style.paint(Accent::Dim, sign);
            let text = self.style.paint(Accent::Dim, &text);
            self.lines.push(format!("{}{mark}{down}  {text}", self.label(address)));
        }
    }
}

fn fold_title(fold: &Fold) -> String {
    let regions = count(fold.regions, "region", "regions");
    if fold.gaps == 0 {
        return regions;
    }
    format!(
        "{regions} and {} between them, {} in all, {} at most",
        count(fold.gaps, "gap", "gaps"),
        short(fold.unmapped),
        short(fold.largest_gap)
    )
}

/// Cells of each kind: as many as its share, one at least for what is not nothing.
fn cells(fill: Option<Fill>, number: usize) -> Option<[usize; 4]> {
    let fill = fill?;
    let parts = [fill.private, fill.shared, fill.swapped.unwrap_or(Bytes::ZERO), fill.absent];
    crate::bar::lengths(parts, number)
}
