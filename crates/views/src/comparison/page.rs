//! The whole comparison as one page that needs no other file and runs no script.

use std::fmt::Write as _;

use facts::Name;
use scenario::comparison::{ComparisonReport, QuantityRow, StepRow};

use super::{amount, apart, curves, deaths, name, verdict};
use crate::map::xml;

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fbfaf8;--card:#fff;--ink:#1d2126;--soft:#5a636d;--line:#dfe2e6;\
--bad:#b3261e;--bad-ground:#fdecea;--ok:#1c6b36;--real:#2f6fb3;--model:#d9822b}\
@media screen and (prefers-color-scheme:dark){:root{--ground:#14171a;--card:#1c2024;--ink:#e6e8ea;\
--soft:#a2abb4;--line:#343a40;--bad:#ff8a80;--bad-ground:#3a1f1d;--ok:#7ed094;--real:#5c9de0;--model:#f0a04b}}\
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,\
sans-serif;overflow-wrap:anywhere}main{max-width:64rem;margin:0 auto;padding:1rem}\
section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.25rem;\
margin:0 0 1rem;overflow-x:auto}h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.15rem;margin:0 0 .6rem}\
h3{font-size:1rem;margin:1rem 0 .3rem}p{margin:.4rem 0}.soft{color:var(--soft)}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:.15rem .6rem .15rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
th{color:var(--soft);font-weight:600;overflow-wrap:normal}.n{text-align:right;white-space:nowrap}\
.q td:first-child{width:40%}summary{color:var(--soft);padding:.3rem 0;cursor:pointer}.bad{color:var(--bad);font-weight:600}\
tr.bad{background:var(--bad-ground)}.ok{color:var(--ok)}code{font-size:.9em}\
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:.5rem}\
svg{width:100%;height:auto}svg path{fill:none}.g{stroke:var(--line)}.real{stroke:var(--real);stroke-width:3;\
opacity:.6}.model{stroke:var(--model);stroke-width:1.6;stroke-dasharray:7 3}.h,.a{fill:var(--ink);font-size:12px}.a{text-anchor:end;\
fill:var(--soft)}.key{display:inline-block;width:1.4em;height:.25em;vertical-align:middle;margin:0 .3em 0 1em}\
@media (max-width:34rem){main{padding:.5rem}section{padding:.8rem}body{font-size:.9rem}\
th,td{padding-right:.4rem}}";

/// The comparison as a page.
pub fn comparison_page(report: &ComparisonReport) -> String {
    let title = escaped(&report.scenario);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main>\n"
    );
    let class = match report.equal {
        Some(true) => "ok",
        Some(false) => "bad",
        None => "soft",
    };
    let _ = write!(out, "<section><h1>{title}</h1>");
    if let Some(words) = &report.title {
        let _ = write!(out, "<p>{}</p>", escaped(words));
    }
    let _ = write!(out, "<p class=\"{class}\">{}</p>", escaped(&verdict(report).sentence()));
    worlds(&mut out, report);
    out.push_str("</section>\n");
    for between in pairs(report) {
        pair(&mut out, report, between);
    }
    differences(&mut out, report);
    steps(&mut out, report);
    out.push_str("</main></body></html>\n");
    out
}

/// Text in markup. Control characters have been shown by their names, where names are from outside.
pub(super) fn escaped(text: &str) -> String {
    xml(&Name::new(text.as_bytes()).to_string())
}

/// The pairs that have quantities or curves.
fn pairs(report: &ComparisonReport) -> Vec<[usize; 2]> {
    let mut all: Vec<[usize; 2]> = report.quantities.iter().map(|row| row.between).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn worlds(out: &mut String, report: &ComparisonReport) {
    out.push_str(
        "<table><tr><th>world</th><th>kernel</th><th class=\"n\">steps</th><th>claims</th><th>killed, in \
         order</th><th></th></tr>",
    );
    for arm in &report.arms {
        let claims = match arm.broken.len() {
            0 => format!("{} hold", arm.claims),
            broken => format!("{broken} of {} do not hold", arm.claims),
        };
        let mut notes: Vec<&str> = Vec::new();
        notes.extend(arm.stopped.as_deref());
        notes.extend(arm.panic.as_deref());
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{claims}</td><td>{}</td><td>{}</td></tr>",
            escaped(&arm.arm),
            escaped(arm.kernel.as_deref().unwrap_or("")),
            arm.steps,
            escaped(&deaths(arm)),
            escaped(&notes.join("; "))
        );
        for broken in &arm.broken {
            let _ = write!(
                out,
                "<tr class=\"bad\"><td></td><td colspan=\"5\">line {}: wanted <code>{}</code>, found \
                 <code>{}</code></td></tr>",
                broken.line,
                escaped(&broken.wanted),
                escaped(&broken.found)
            );
        }
    }
    out.push_str("</table>");
}

/// Pictures and quantities of one pair.
fn pair(out: &mut String, report: &ComparisonReport, between: [usize; 2]) {
    let [one, real] = between.map(|arm| escaped(&name(report, arm)));
    let _ = write!(out, "<section><h2>{one} beside {real}</h2>");
    let pictures = curves::pictures(report, between);
    if !pictures.is_empty() {
        let _ = write!(
            out,
            "<p class=\"soft\"><span class=\"key\" style=\"background:var(--real)\"></span>{real}<span \
             class=\"key\" style=\"background:var(--model)\"></span>{one}; steps of the scenario to the \
             right</p><div class=\"pictures\">{pictures}</div>"
        );
    }
    let rows: Vec<&QuantityRow> =
        super::shown(report).filter(|row| row.between == between).collect();
    for moment in rows.chunk_by(|one, other| one.moment == other.moment) {
        let _ = write!(out, "<h3>{}</h3>", escaped(&moment[0].moment));
        let equal = |row: &&QuantityRow| row.values[0] == row.values[1];
        let (same, others): (Vec<&QuantityRow>, Vec<&QuantityRow>) =
            moment.iter().copied().partition(equal);
        quantities(out, &others, [&one, &real]);
        if !same.is_empty() {
            let _ = write!(out, "<details><summary>{} more are equal</summary>", same.len());
            quantities(out, &same, [&one, &real]);
            out.push_str("</details>");
        }
    }
    out.push_str("</section>\n");
}

fn quantities(out: &mut String, rows: &[&QuantityRow], [one, real]: [&str; 2]) {
    if rows.is_empty() {
        return;
    }
    // Which one's model it is stands above.
    let one = if one.starts_with("model") { "model" } else { one };
    let _ = write!(
        out,
        "<table class=\"q\"><tr><th>quantity</th><th class=\"n\">{one}</th><th class=\"n\">{real}</th><th \
         class=\"n\">apart</th><th class=\"n\">allowed</th></tr>"
    );
    for row in rows {
        quantity(out, row);
    }
    out.push_str("</table>");
}

fn quantity(out: &mut String, row: &QuantityRow) {
    let class = if row.within == Some(false) { " class=\"bad\"" } else { "" };
    let [one, real] = row.values.map(|value| amount(row.unit, value));
    let allowed = row.allowed.map_or_else(String::new, |value| amount(row.unit, Some(value)));
    let _ = write!(
        out,
        "<tr{class}><td>{}</td><td class=\"n\">{one}</td><td class=\"n\">{real}</td><td \
         class=\"n\">{}</td><td class=\"n\">{allowed}</td></tr>",
        escaped(&row.what),
        apart(row)
    );
}

fn differences(out: &mut String, report: &ComparisonReport) {
    if report.differences.is_empty() {
        return;
    }
    out.push_str(
        "<section><h2>What differs</h2><table><tr><th>step</th><th>process</th><th>what</th>",
    );
    out.push_str("<th>one has</th><th>the other has</th></tr>");
    for row in &report.differences {
        let [one, other] = &row.values;
        let value = |arm: usize, value: &Option<String>| {
            let value = value.as_deref().unwrap_or("nothing");
            format!("{}: <code>{}</code>", escaped(&name(report, arm)), escaped(value))
        };
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            row.step,
            escaped(&row.process),
            escaped(&row.what),
            value(row.between[0], one),
            value(row.between[1], other)
        );
    }
    out.push_str("</table></section>\n");
}

fn steps(out: &mut String, report: &ComparisonReport) {
    out.push_str(
        "<section><h2>Steps</h2><table><tr><th>line</th><th>process</th><th>what came of it</th>",
    );
    out.push_str("<th class=\"n\">times</th></tr>");
    for row in &report.steps {
        let class = if row.equal { "" } else { " class=\"bad\"" };
        let line = row.line.map_or_else(String::new, |line| line.to_string());
        let _ = write!(
            out,
            "<tr{class}><td>{line}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td></tr>",
            escaped(&row.process),
            values(report, row),
            row.times
        );
    }
    out.push_str("</table></section>\n");
}

/// What came of a step: once where all say the same.
fn values(report: &ComparisonReport, row: &StepRow) -> String {
    let known =
        row.values.iter().enumerate().filter_map(|(arm, value)| Some((arm, value.as_ref()?)));
    let known: Vec<(usize, &String)> = known.collect();
    match &known[..] {
        [] => String::new(),
        [(_, first), others @ ..] if others.iter().all(|(_, value)| value == first) => {
            format!("<code>{}</code>", escaped(first))
        }
        several => {
            let each = several.iter().map(|(arm, value)| {
                format!("{}: <code>{}</code>", escaped(&name(report, *arm)), escaped(value))
            });
            each.collect::<Vec<_>>().join("<br>")
        }
    }
}
