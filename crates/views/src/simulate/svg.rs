//! A run as a picture: what the machine's memory was for, from the first step to the last, and who was
//! killed when. What is in swap stands below.

use std::fmt::Write as _;

use scenario::report::{Curve, CurveSample};
use units::Bytes;

use crate::variations::escaped;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 112.0;
/// Height of the memory.
const MEMORY: f64 = 320.0;
/// Room for swap, if there is any in use at all.
const SWAP: f64 = 90.0;
const GAP: f64 = 44.0;
/// Lines of marks; more say no more.
const MARKS: usize = 2000;

/// An area of the picture: its class, its name, and up to where it reaches.
type Area = (&'static str, &'static str, fn(&CurveSample, u64) -> u64);

/// The areas, the highest first: each covers those below it.
const AREAS: [Area; 4] = [
    ("free", "free", |_, total| total),
    ("cache", "page cache, shared memory", |s, total| total.saturating_sub(s.free.get())),
    ("anon", "anonymous", |s, total| {
        total.saturating_sub(s.free.get()).saturating_sub(s.cache.get())
    }),
    ("kernel", "the kernel's own", |s, total| {
        let used = total.saturating_sub(s.free.get());
        used.saturating_sub(s.cache.get()).saturating_sub(s.anon.get())
    }),
];

/// A self-contained SVG, light or dark as the reader's system is.
pub fn simulation_svg(curve: &Curve) -> String {
    let swap = curve.samples.iter().map(|sample| sample.swap.get()).max().unwrap_or(0);
    let below = if swap > 0 { GAP + SWAP } else { 0.0 };
    let height = TOP + MEMORY + below + 76.0;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<style>\n\
         text {{ fill: #1f2937 }} .dim {{ fill: #6b7280 }} .back {{ fill: #ffffff }} \
         .axis {{ stroke: #9ca3af }} .free {{ fill: #e5e7eb }} .cache {{ fill: #93c5fd }} \
         .anon {{ fill: #f59e0b }} .kernel {{ fill: #6b7280 }} .swap {{ fill: #a78bfa }} \
         .killed {{ stroke: #b91c1c; stroke-opacity: 0.75 }} .mark {{ stroke: #374151; \
         stroke-dasharray: 3 3 }} text.dead {{ fill: #b91c1c; font-weight: 600 }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e5e7eb }} .dim {{ fill: #9ca3af }} \
         .back {{ fill: #111827 }} .free {{ fill: #374151 }} .cache {{ fill: #1d4ed8 }} \
         .anon {{ fill: #b45309 }} .kernel {{ fill: #9ca3af }} .swap {{ fill: #6d28d9 }} \
         .killed {{ stroke: #f87171 }} .mark {{ stroke: #d1d5db }} \
         text.dead {{ fill: #f87171 }} }}\n\
         </style>\n<rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    let title = curve.title.as_deref().unwrap_or(&curve.scenario);
    text(&mut out, LEFT, 30.0, "font-size=\"18\"", title);
    let line = format!("{}, on the model: {} of memory", curve.scenario, curve.total);
    text(&mut out, LEFT, 52.0, "class=\"dim\"", &line);
    let (Some(first), Some(last)) = (curve.samples.first(), curve.samples.last()) else {
        text(&mut out, LEFT, TOP, "class=\"dim\"", "nothing happened");
        out.push_str("</svg>\n");
        return out;
    };
    let scale = Scale { first: first.at, last: last.at.max(first.at + 1) };
    let bottom = TOP + MEMORY;
    for (class, name, reach) in AREAS {
        let total = curve.total.get();
        area(&mut out, curve, &scale, (class, name), (bottom, MEMORY, total), |sample| {
            reach(sample, total)
        });
    }
    axis(&mut out, TOP, bottom, &curve.total.to_string());
    if swap > 0 {
        let (top, bottom) = (bottom + GAP, bottom + GAP + SWAP);
        text(&mut out, LEFT, top - 8.0, "class=\"dim\"", "in swap");
        area(&mut out, curve, &scale, ("swap", "in swap"), (bottom, SWAP, swap), |sample| {
            sample.swap.get()
        });
        axis(&mut out, top, bottom, &Bytes::new(swap).to_string());
    }
    marks(&mut out, curve, &scale, bottom);
    legend(&mut out, bottom + below + 52.0, swap > 0);
    let foot = bottom + below + 22.0;
    text(&mut out, LEFT, foot, "class=\"dim\"", "first step");
    text(&mut out, WIDTH - RIGHT, foot, "text-anchor=\"end\" class=\"dim\"", "last step");
    out.push_str("</svg>\n");
    out
}

/// From the first look to the last, left to right.
struct Scale {
    first: u64,
    last: u64,
}

#[expect(clippy::cast_precision_loss, reason = "a picture has fewer points than a float has bits")]
fn float(amount: u64) -> f64 {
    amount as f64
}

impl Scale {
    fn x(&self, at: u64) -> f64 {
        let at = at.clamp(self.first, self.last) - self.first;
        LEFT + float(at) / float((self.last - self.first).max(1)) * (WIDTH - LEFT - RIGHT)
    }
}

fn area(
    out: &mut String,
    curve: &Curve,
    scale: &Scale,
    (class, name): (&str, &str),
    (bottom, high, most): (f64, f64, u64),
    reach: impl Fn(&CurveSample) -> u64,
) {
    let mut path = format!("M{LEFT:.1},{bottom:.1}");
    for sample in &curve.samples {
        let part = float(reach(sample).min(most)) / float(most.max(1));
        let _ = write!(path, "L{:.1},{:.1}", scale.x(sample.at), bottom - high * part);
    }
    let _ = writeln!(
        out,
        "<path class=\"{class}\" d=\"{path}L{:.1},{bottom:.1}Z\"><title>{name}</title></path>",
        WIDTH - RIGHT
    );
}

fn axis(out: &mut String, top: f64, bottom: f64, most: &str) {
    let _ = writeln!(
        out,
        "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{}\" y2=\"{bottom}\"/>\
         <line class=\"axis\" x1=\"{LEFT}\" y1=\"{top}\" x2=\"{LEFT}\" y2=\"{bottom}\"/>",
        WIDTH - RIGHT
    );
    text(out, LEFT - 8.0, top + 10.0, "text-anchor=\"end\"", most);
    text(out, LEFT - 8.0, bottom, "text-anchor=\"end\"", "0");
}

/// Checkpoints and deaths: a line each, and words on three heights where they cover no others.
fn marks(out: &mut String, curve: &Curve, scale: &Scale, bottom: f64) {
    let mut free = [LEFT; 3];
    for mark in curve.marks.iter().take(MARKS) {
        let x = scale.x(mark.at);
        let class = if mark.killed { "killed" } else { "mark" };
        let words = if mark.killed { format!("{} killed", mark.text) } else { mark.text.clone() };
        let _ = writeln!(
            out,
            "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\">\
             <title>{} (step {})</title></line>",
            TOP - 6.0,
            escaped(&words),
            mark.step,
        );
        // Where it covers no other; otherwise its line alone says it.
        let wide = 7.5 * float(words.chars().count() as u64) + 10.0;
        let right = x + wide > WIDTH - RIGHT;
        let from = if right { x - wide } else { x };
        let Some(row) = free.iter().position(|end| *end <= from + 1.0) else { continue };
        free[row] = from + wide;
        let y = TOP - 12.0 - 15.0 * [0.0, 1.0, 2.0][row];
        let anchor = if right { "text-anchor=\"end\" " } else { "" };
        let dead = if mark.killed { "class=\"dead\"" } else { "" };
        text(out, if right { x } else { x + 2.0 }, y, &format!("{anchor}{dead}"), &words);
    }
}

fn legend(out: &mut String, y: f64, swap: bool) {
    let mut x = LEFT;
    let rest = [("swap", "in swap")].into_iter().filter(|_| swap);
    for (class, name) in AREAS.iter().rev().map(|(class, name, _)| (*class, *name)).chain(rest) {
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"12\" height=\"12\"/>",
            y - 11.0
        );
        text(out, x + 18.0, y, "", name);
        x += 42.0 + 7.2 * float(name.chars().count() as u64);
    }
}

fn text(out: &mut String, x: f64, y: f64, how: &str, words: &str) {
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" {how}>{}</text>", escaped(words));
}

#[cfg(test)]
mod tests {
    use scenario::report::CurveMark;

    use super::*;

    fn curve(swap: u64) -> Curve {
        let sample = |at: u64, free: u64| CurveSample {
            at,
            free: Bytes::new(free << 20),
            anon: Bytes::new((90 - free) << 20),
            cache: Bytes::new(4 << 20),
            swap: Bytes::new(if at > 1 { swap } else { 0 }),
        };
        Curve {
            scenario: "a<b.kdl".to_owned(),
            title: None,
            total: Bytes::new(100 << 20),
            samples: vec![sample(1, 90), sample(2, 40), sample(3, 80)],
            marks: vec![CurveMark { at: 3, step: 7, text: "hog".to_owned(), killed: true }],
        }
    }

    #[test]
    fn each_area_covers_what_it_stands_for() {
        let text = simulation_svg(&curve(0));
        // From 92 to 936, and 320 high from 432 up: free 90, 40, 80 of 100 MiB.
        let cache =
            "class=\"cache\" d=\"M92.0,432.0L92.0,400.0L514.0,240.0L936.0,368.0L936.0,432.0Z\"";
        assert!(text.contains(cache), "{text}");
        assert!(text.contains("hog killed (step 7)"), "{text}");
        assert!(text.contains("a&lt;b.kdl") && !text.contains("a<b"), "{text}");
        assert!(!text.contains("in swap"), "{text}");
    }

    #[test]
    fn swap_has_a_part_of_its_own_when_there_is_some_in_use() {
        let text = simulation_svg(&curve(1 << 20));
        assert!(text.contains("<title>in swap</title>"), "{text}");
    }

    #[test]
    fn a_run_without_a_step_is_no_picture_and_no_panic() {
        let text = simulation_svg(&Curve { samples: Vec::new(), ..curve(0) });
        assert!(text.contains("nothing happened") && text.ends_with("</svg>\n"));
    }
}
