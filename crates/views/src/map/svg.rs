//! The picture as SVG: one file without references, in the reader's light or dark colours.
//!
//! Heights are as in the terminal's picture, but in pixels: a region of one page is a line of text
//! high, and every doubling adds the same.

use std::fmt::Write as _;

use rules::map::{Fill, Gap, MapReport, Region};
use rules::segment::Segment;
use units::Bytes;

use super::block::{Block, Fold, blocks};
use super::scale::Measure;
use super::{Drawing, Order, words};
use crate::amount::count;

/// Width of the picture.
const WIDTH: u32 = 800;
/// Where the boxes begin and how wide they are.
const BOX: u32 = 122;
const BOX_WIDTH: u32 = 296;
/// Where permissions, part and size stand.
const DETAIL: u32 = BOX + BOX_WIDTH + 14;
/// Where the names of objects stand, behind a bracket.
const NAME: u32 = 606;
/// Letters of a name that fit behind it.
const NAME_LETTERS: usize = 27;
/// Letters of a line across the picture.
const LETTERS: usize = 118;
/// Height of what is one page large, and what a doubling adds, in tenths of a pixel.
const PAGE_HEIGHT: u64 = 170;
const DOUBLING: u64 = 32;
/// Height of a row on the linear scale, in tenths of a pixel.
const ROW: u64 = 170;

const STYLE: &str = "\
text{font:11px ui-sans-serif,system-ui,'DejaVu Sans',sans-serif;fill:#1f2328}\
.m{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:10.5px}\
.h{font-size:17px;font-weight:600}.b{font-weight:600}\
.d{fill:#68727d}.w{fill:#c62828;font-weight:600}\
.bg{fill:#fff}.box{fill:none;stroke:#68727d}.row{stroke:#68727d;stroke-width:.6}\
.gap{stroke:#a3acb5;stroke-dasharray:2 4;fill:none}\
.p{fill:#2f6fde}.s{fill:#7fb0f5}.o{fill:#eb9a2d}.a{fill:#edf0f3}.u{fill:url(#u)}\
.hatch{stroke:#a3acb5}.at{fill:#c62828;stroke:#c62828}\
.k0{stroke:#7b52d6}.k1{stroke:#8b96a2}.k2{stroke:#c9418f}.k3{stroke:#dd7a1c}.k4{stroke:#2b9a8f}\
.k5{stroke:#555f6a}.k6{stroke:#c9cfd5}\
@media(prefers-color-scheme:dark){\
text{fill:#e2e7ec}.d{fill:#98a3ae}.w{fill:#ff7b72}.bg{fill:#12161b}.box{stroke:#7d8893}\
.row{stroke:#7d8893}.gap{stroke:#4c565f}.p{fill:#5b95f5}.s{fill:#2f5896}.o{fill:#e0912f}\
.a{fill:#1f262d}.hatch{stroke:#4c565f}.at{fill:#ff7b72;stroke:#ff7b72}\
.k0{stroke:#a58bf0}.k1{stroke:#77828d}.k2{stroke:#ec77b6}.k3{stroke:#f0a04b}.k4{stroke:#46c2b5}\
.k5{stroke:#aab4be}.k6{stroke:#3a444d}}";

/// The picture of an address space as an SVG document.
pub fn map_svg(report: &MapReport, drawing: Drawing) -> String {
    let mut svg = Svg {
        out: String::with_capacity(64 << 10),
        y: 0,
        drawing,
        measure: Measure::new(drawing.scale, report),
        located: report.located.map(|l| l.address.0),
    };
    svg.head(report);
    let all = blocks(report, drawing.most);
    let (beyond, mut own): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|block| block.start() >= report.user_end.0);
    if drawing.order == Order::Descending {
        own.reverse();
    }
    let top = match drawing.order {
        Order::Descending => own.first().map(Block::end),
        Order::Ascending => own.first().map(Block::start),
    };
    if let Some(top) = top {
        svg.address(top);
    }
    for block in &own {
        match block {
            Block::Gap(gap) => svg.gap(gap),
            Block::Object(regions) => svg.object(regions),
            Block::Fold(fold) => svg.fold(fold),
        }
    }
    svg.foot(report, &beyond);
    svg.document(report)
}

struct Svg {
    out: String,
    /// Where the next thing begins, in tenths of a pixel.
    y: u64,
    drawing: Drawing,
    measure: Measure,
    located: Option<u64>,
}

/// Tenths of a pixel as SVG writes them.
pub(super) fn px(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Text that is safe in XML. Control characters were escaped by the name's own printing.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

impl Svg {
    fn text(&mut self, x: u32, y: u64, class: &str, text: &str) {
        let y = px(y);
        let _ =
            writeln!(self.out, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", xml(text));
    }

    fn rect(&mut self, x: &str, y: u64, width: &str, height: u64, class: &str) {
        let (y, height) = (px(y), px(height));
        let _ = writeln!(
            self.out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\"/>"
        );
    }

    fn line(&mut self, from: (u32, u64), to: (u32, u64), class: &str) {
        let _ = writeln!(
            self.out,
            "<path d=\"M{} {}L{} {}\" class=\"{class}\"/>",
            from.0,
            px(from.1),
            to.0,
            px(to.1)
        );
    }

    fn head(&mut self, report: &MapReport) {
        self.text(20, 340, "h", &crate::text::cut(&title(report), 70, "…"));
        self.text(20, 560, "d", &crate::text::cut(&summary(report), LETTERS, "…"));
        let mut x = 20;
        let known = report.totals.fill.is_some();
        let swapped = report.totals.fill.is_none_or(|f| f.swapped.is_some());
        let legend: &[(&str, &str)] = if known {
            &[
                ("p", "resident, its own"),
                ("s", "resident, shared"),
                ("o", "swapped"),
                ("a", if swapped { "not in memory, not in swap" } else { "not in memory" }),
            ]
        } else {
            &[("u", "what it holds is unknown")]
        };
        for &(class, words) in legend {
            self.rect(&x.to_string(), 690, "12", 120, class);
            self.rect(&x.to_string(), 690, "12", 120, "box");
            self.text(x + 18, 790, "", words);
            x += 18 + 7 * u32::try_from(words.len()).unwrap_or(20) + 14;
        }
        self.y = 1020;
    }

    /// The address of an edge, beside it.
    fn address(&mut self, address: u64) {
        let y = px(self.y + 35);
        let x = BOX - 8;
        let _ = writeln!(
            self.out,
            "<text x=\"{x}\" y=\"{y}\" class=\"m d\" text-anchor=\"end\">{address:x}</text>"
        );
    }

    fn height(&self, size: u64) -> u64 {
        if self.measure.is_linear() {
            self.measure.region(size) as u64 * ROW
        } else {
            // Halves of a doubling, so that 96 KiB is taller than 64 KiB.
            let steps = self.measure.steps(size);
            let rest = self.measure.steps(size.saturating_mul(2) / 3 * 2) > steps;
            PAGE_HEIGHT + steps * DOUBLING + u64::from(rest) * (DOUBLING / 2)
        }
    }

    fn edge(&self, start: u64, end: u64) -> u64 {
        match self.drawing.order {
            Order::Descending => start,
            Order::Ascending => end,
        }
    }

    fn gap(&mut self, gap: &Gap) {
        let (rows, cut) = self.measure.gap(gap.size.get());
        let height = if self.measure.is_linear() {
            rows as u64 * ROW
        } else {
            self.height(gap.size.get()).max(220)
        };
        let (top, bottom) = (self.y, self.y + height);
        for x in [BOX, BOX + BOX_WIDTH] {
            self.line((x, top), (x, bottom), "gap");
        }
        let sign = if cut { "≈ " } else { "" };
        let words = format!("{sign}{}  {}", gap.size, words::gap(gap.kind));
        let (x, y) = (BOX + BOX_WIDTH / 2, px(top + height / 2 + 40));
        let _ = writeln!(
            self.out,
            "<text x=\"{x}\" y=\"{y}\" class=\"d\" text-anchor=\"middle\" font-style=\"italic\">{}</text>",
            xml(&words)
        );
        self.arrow(gap.start.0, gap.end.0, top, height);
        self.y = bottom;
        self.address(self.edge(gap.start.0, gap.end.0));
    }

    fn object(&mut self, regions: &[&Region]) {
        let Some(first) = regions.first() else { return };
        let top = self.y;
        let mut regions = regions.to_vec();
        if self.drawing.order == Order::Descending {
            regions.reverse();
        }
        for region in &regions {
            let height = self.height(region.size.get());
            self.filled(region.fill, height);
            let class = if region.perms.write() && region.perms.execute() { "m w" } else { "m" };
            let middle = self.y + height / 2 + 38;
            self.text(DETAIL, middle, class, &region.perms.to_string());
            self.text(DETAIL + 34, middle, "d", words::row(region, first));
            let size = region.size.to_string();
            let _ = writeln!(
                self.out,
                "<text x=\"{}\" y=\"{}\" class=\"m\" text-anchor=\"end\">{size}</text>",
                NAME - 18,
                px(middle)
            );
            self.arrow(region.start.0, region.end.0, self.y, height);
            self.y += height;
            self.address(self.edge(region.start.0, region.end.0));
        }
        let (what, name) = words::title(first);
        let label = match &name {
            Some(name) => name.rsplit('/').next().unwrap_or(name).to_owned(),
            None => what.clone(),
        };
        let full = name.as_ref().map_or_else(|| what.clone(), |name| format!("{what}: {name}"));
        let more = (name.is_some() && self.y - top > 300).then_some(what.as_str());
        self.bracket(top, kind(first.segment), &label, more, &full);
    }

    fn fold(&mut self, fold: &Fold) {
        let top = self.y;
        let height = self.height(fold.mapped.get()).max(340);
        self.filled(fold.fill, height);
        let middle = top + height / 2 + 38;
        let _ = writeln!(
            self.out,
            "<text x=\"{}\" y=\"{}\" class=\"m\" text-anchor=\"end\">{}</text>",
            NAME - 18,
            px(middle),
            fold.mapped
        );
        let gaps = (fold.gaps > 0)
            .then(|| format!("{}, {}", count(fold.gaps, "gap", "gaps"), fold.unmapped));
        let label = count(fold.regions, "region", "regions");
        self.y += height;
        self.address(self.edge(fold.start, fold.end));
        let full = format!("{label}, {}", gaps.as_deref().unwrap_or("no gap"));
        self.bracket(top, "k6", &label, gaps.as_deref(), &full);
    }

    /// A box with its fill.
    fn filled(&mut self, fill: Option<Fill>, height: u64) {
        let y = self.y;
        match fill {
            None => self.rect(&BOX.to_string(), y, &BOX_WIDTH.to_string(), height, "u"),
            Some(fill) => {
                self.rect(&BOX.to_string(), y, &BOX_WIDTH.to_string(), height, "a");
                let parts =
                    [fill.private, fill.shared, fill.swapped.unwrap_or(Bytes::ZERO), fill.absent];
                let cells = crate::bar::lengths(parts, BOX_WIDTH as usize).unwrap_or_default();
                let mut x = BOX as usize;
                for (&cells, class) in cells.iter().zip(["p", "s", "o"]) {
                    if cells > 0 {
                        self.rect(&x.to_string(), y, &cells.to_string(), height, class);
                    }
                    x += cells;
                }
            }
        }
        self.rect(&BOX.to_string(), y, &BOX_WIDTH.to_string(), height, "box row");
    }

    /// The bracket that holds an object's rows together, with its name.
    fn bracket(&mut self, top: u64, kind: &str, label: &str, more: Option<&str>, full: &str) {
        let (from, to) = (top + 20, self.y - 20);
        let _ = writeln!(
            self.out,
            "<path d=\"M{} {}V{}\" class=\"{kind}\" stroke-width=\"3\" stroke-linecap=\"round\"/>",
            NAME - 9,
            px(from),
            px(to)
        );
        let label = crate::text::cut(label, NAME_LETTERS, "…");
        let y = match more {
            Some(_) => top + (self.y - top) / 2 - 20,
            None => top + (self.y - top) / 2 + 38,
        };
        let _ = writeln!(
            self.out,
            "<text x=\"{NAME}\" y=\"{}\" class=\"b\">{}<title>{}</title></text>",
            px(y),
            xml(&label),
            xml(full)
        );
        if let Some(more) = more {
            self.text(NAME, y + 135, "d", more);
        }
    }

    /// Points at the address that was asked for, if it is here.
    fn arrow(&mut self, start: u64, end: u64, top: u64, height: u64) {
        let Some(at) = self.located.filter(|at| (start..end).contains(at)) else { return };
        let share = u128::from(at - start) * u128::from(height) / u128::from((end - start).max(1));
        let share = u64::try_from(share).unwrap_or(0);
        let y = match self.drawing.order {
            Order::Descending => top + height - share,
            Order::Ascending => top + share,
        };
        let (left, right, y) = (BOX - 1, BOX + BOX_WIDTH, px(y));
        let _ = writeln!(
            self.out,
            "<path d=\"M{left} {y}l-7 -4v8zM{left} {y}H{right}\" class=\"at\"/>"
        );
    }

    fn foot(&mut self, report: &MapReport, beyond: &[Block<'_>]) {
        self.y += 260;
        let mut lines = Vec::new();
        for region in beyond.iter().filter_map(|b| match b {
            Block::Object(regions) => Some(regions),
            _ => None,
        }) {
            for region in region {
                lines.push(format!(
                    "Beyond the process's addresses: {} at {:x}, {}, {}.",
                    words::title(region).0,
                    region.start,
                    region.perms,
                    region.size
                ));
            }
        }
        lines.push(if self.measure.is_linear() {
            format!(
                "A text line's height is {}, and every region has one at least; ≈ is a gap cut short.",
                Bytes::new(self.measure.row)
            )
        } else {
            "Heights are logarithmic: every doubling in size adds the same.".to_owned()
        });
        lines.extend(report.notes.iter().cloned());
        for line in lines.iter().flat_map(|line| crate::text::wrap(line, LETTERS)) {
            self.text(20, self.y, "d", &line);
            self.y += 160;
        }
    }

    fn document(self, report: &MapReport) -> String {
        let height = self.y / 10 + 6;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<title>{}</title>\n\
             <style>{STYLE}</style>\n\
             <defs><pattern id=\"u\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
             <path d=\"M0 6L6 0\" class=\"hatch\" stroke-width=\".7\"/></pattern></defs>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" class=\"bg\"/>\n{}</svg>\n",
            xml(&title(report)),
            self.out
        )
    }
}

fn title(report: &MapReport) -> String {
    let name = report.name.as_ref().map_or("a process".into(), |name| name.escaped());
    match report.pid {
        Some(pid) => format!("{name} (pid {pid})"),
        None => name.into_owned(),
    }
}

fn summary(report: &MapReport) -> String {
    let totals = &report.totals;
    let mut line = format!("{} in {}", totals.mapped, count(totals.regions, "region", "regions"));
    if let Some(fill) = totals.fill {
        let resident = fill.private.saturating_add(fill.shared);
        let _ = write!(line, "; {resident} resident, of it {} its own", fill.private);
        match fill.swapped {
            Some(swapped) if swapped > Bytes::ZERO => _ = write!(line, "; {swapped} swapped"),
            Some(_) => {}
            None => line.push_str("; swap unknown"),
        }
    }
    let _ = write!(line, " — {}", report.source.origin);
    if let Some(release) = report.source.release {
        let _ = write!(line, ", Linux {release}");
    }
    line
}

/// The colour of a segment's bracket.
fn kind(segment: Segment) -> &'static str {
    match segment {
        Segment::Program => "k0",
        Segment::Library | Segment::Loader | Segment::File => "k1",
        Segment::Heap | Segment::Arena => "k2",
        Segment::Stack | Segment::ThreadStack => "k3",
        Segment::Anonymous | Segment::SharedMemory => "k4",
        Segment::Vdso | Segment::Vvar | Segment::Vsyscall | Segment::Special | Segment::Device => {
            "k5"
        }
        Segment::Guard | Segment::Reserved => "k6",
    }
}
