//! Many runs as a picture: above, how many of them nobody dies in, by the first value that was
//! varied; below, at which point the first victim was killed, one dot a run.

use std::fmt::Write as _;

use scenario::vary::{Outcome, RunRow, VariationsReport};
use units::Bytes;

use super::bins::bins;
use super::value;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 84.0;
/// Height of the share of those who live.
const SHARE: f64 = 120.0;
const GAP: f64 = 56.0;
/// Height of the kill points.
const POINTS: f64 = 320.0;
/// Bars of the upper part.
const BARS: usize = 40;
/// Dots that are drawn; more say no more.
const DOTS: usize = 5_000;
/// Colours of victims, the most frequent first; the rest share the last.
const COLOURS: [&str; 6] = ["#c2410c", "#1d4ed8", "#7e22ce", "#0f766e", "#a16207", "#64748b"];

/// A self-contained SVG, light or dark as the reader's system is.
pub fn variations_svg(report: &VariationsReport) -> String {
    let below = TOP + SHARE + GAP;
    let height = below + POINTS + 96.0;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<style>\n\
         text {{ fill: #1f2937 }} .dim {{ fill: #6b7280 }} .lives {{ fill: #15803d }} \
         .dies {{ fill: #fecaca }} .axis {{ stroke: #9ca3af }} .back {{ fill: #ffffff }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e5e7eb }} .dim {{ fill: #9ca3af }} \
         .back {{ fill: #111827 }} .dies {{ fill: #7f1d1d }} .lives {{ fill: #4ade80 }} }}\n\
         </style>\n<rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    let title = report.title.as_deref().unwrap_or(&report.scenario);
    text(&mut out, LEFT, 30.0, "font-size=\"18\"", title);
    let sum = &report.summary;
    let line = format!("{} runs: in {} nobody was killed", sum.runs, sum.survived);
    text(&mut out, LEFT, 52.0, "class=\"dim\"", &line);
    let ends = (
        report.runs.iter().filter_map(|run| run.values.first()).min_by_key(|v| v.amount),
        report.runs.iter().filter_map(|run| run.values.first()).max_by_key(|v| v.amount),
    );
    let (Some(low), Some(high)) = ends else {
        out.push_str("</svg>\n");
        return out;
    };
    let scale = Scale { low: low.amount, high: high.amount };
    shares(&mut out, report, &scale);
    points(&mut out, report, &scale, below);
    let foot = below + POINTS + 24.0;
    text(&mut out, LEFT, foot, "", &value(low));
    text(&mut out, WIDTH - RIGHT, foot, "text-anchor=\"end\"", &value(high));
    let middle = LEFT.midpoint(WIDTH - RIGHT);
    let place = report.varied.first().map_or("", |row| row.place.as_str());
    text(&mut out, middle, foot, "text-anchor=\"middle\" class=\"dim\"", place);
    legend(&mut out, report, foot + 32.0);
    out.push_str("</svg>\n");
    out
}

/// Where a value stands from left to right.
struct Scale {
    low: i64,
    high: i64,
}

#[expect(clippy::cast_precision_loss, reason = "a picture has fewer points than a float has bits")]
fn float(amount: i64) -> f64 {
    amount as f64
}

fn size(bytes: Bytes) -> f64 {
    float(i64::try_from(bytes.get()).unwrap_or(i64::MAX))
}

impl Scale {
    fn x(&self, amount: i64) -> f64 {
        let wide = float(self.high.saturating_sub(self.low)).max(1.0);
        LEFT + float(amount.saturating_sub(self.low)) / wide * (WIDTH - LEFT - RIGHT)
    }
}

fn shares(out: &mut String, report: &VariationsReport, scale: &Scale) {
    let bins = bins(&report.runs, 0, BARS);
    for (at, bin) in bins.iter().enumerate() {
        let left = scale.x(bin.low.amount);
        let right = match bins.get(at + 1) {
            Some(next) => scale.x(next.low.amount),
            None => (WIDTH - RIGHT).max(left + 2.0),
        };
        let lives = float(i64::try_from(bin.survived).unwrap_or(0))
            / float(i64::try_from(bin.runs).unwrap_or(1)).max(1.0);
        let wide = (right - left - 1.0).max(1.0);
        let high = SHARE * lives;
        let _ = writeln!(
            out,
            "<g><title>{} to {}: in {} of {} runs nobody was killed</title>\
             <rect class=\"dies\" x=\"{left:.1}\" y=\"{TOP:.1}\" width=\"{wide:.1}\" \
             height=\"{SHARE:.1}\"/><rect class=\"lives\" x=\"{left:.1}\" y=\"{:.1}\" \
             width=\"{wide:.1}\" height=\"{high:.1}\"/></g>",
            escaped(&value(bin.low)),
            escaped(&value(bin.high)),
            bin.survived,
            bin.runs,
            TOP + SHARE - high,
        );
    }
    text(out, LEFT - 8.0, TOP + 10.0, "text-anchor=\"end\"", "100 %");
    text(out, LEFT - 8.0, TOP + SHARE, "text-anchor=\"end\"", "0");
    text(out, LEFT, TOP - 8.0, "class=\"dim\"", "runs in which nobody was killed");
}

fn points(out: &mut String, report: &VariationsReport, scale: &Scale, top: f64) {
    let bottom = top + POINTS;
    text(
        out,
        LEFT,
        top - 8.0,
        "class=\"dim\"",
        "what the first victim had touched when it was killed",
    );
    let _ = writeln!(
        out,
        "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{}\" y2=\"{bottom}\"/>\
         <line class=\"axis\" x1=\"{LEFT}\" y1=\"{top}\" x2=\"{LEFT}\" y2=\"{bottom}\"/>",
        WIDTH - RIGHT
    );
    let Some(most) = report.summary.kill_point_most.filter(|most| most.get() > 0) else {
        text(out, LEFT + 12.0, top + 24.0, "class=\"dim\"", "nobody was killed");
        return;
    };
    text(out, LEFT - 8.0, top + 10.0, "text-anchor=\"end\"", &most.to_string());
    text(out, LEFT - 8.0, bottom, "text-anchor=\"end\"", "0");
    let step = report.runs.len().div_ceil(DOTS).max(1);
    for run in report.runs.iter().step_by(step) {
        let (Some(first), Some(point)) = (run.values.first(), run.kill_point) else { continue };
        let y = bottom - POINTS * size(point) / size(most);
        let _ = writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{}\" fill-opacity=\"0.7\"><title>\
             {}</title></circle>",
            scale.x(first.amount),
            colour(report, run),
            escaped(&format!(
                "run {}: {} killed with {point} touched, at {}",
                run.run,
                run.victims.first().map_or("", String::as_str),
                value(first)
            )),
        );
    }
}

fn colour(report: &VariationsReport, run: &RunRow) -> &'static str {
    let first = run.victims.first();
    let at = report.victims.iter().position(|row| Some(&row.process) == first);
    let last = COLOURS.len() - 1;
    COLOURS[at.unwrap_or(last).min(last)]
}

fn legend(out: &mut String, report: &VariationsReport, y: f64) {
    let mut x = LEFT;
    let rows = report.victims.iter().take(COLOURS.len());
    for (row, colour) in rows.zip(COLOURS) {
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"{colour}\"/>",
            y - 4.0
        );
        let words = format!("{} (first in {} runs)", row.process, row.first);
        text(out, x + 10.0, y, "", &words);
        x += 30.0 + float(i64::try_from(words.chars().count()).unwrap_or(0)) * 7.2;
    }
    let panics = report.runs.iter().filter(|run| run.outcome == Outcome::Panicked).count();
    if panics > 0 {
        text(out, x, y, "class=\"dim\"", &format!("the kernel panicked in {panics} runs"));
    }
}

fn text(out: &mut String, x: f64, y: f64, attributes: &str, words: &str) {
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{}</text>", escaped(words));
}

/// Safe inside an element.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
