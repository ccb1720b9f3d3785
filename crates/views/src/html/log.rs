//! The log as it stood in the text, each line with its meaning.
//!
//! The meanings are there without the script: a line that is pointed at, tapped or reached by the
//! keyboard shows its own at the foot of the window, and one box shows all of them in place.

use facts::oom_report::{LineKind, SourceLine};

use super::markup::Markup;
use crate::annotate::{PageEntry, shown};
use crate::gloss::{Gloss, Glosses, Tone};

pub(super) fn print(page: &mut Markup, entry: &PageEntry<'_>, id: &str) {
    let report = entry.report;
    if report.lines.is_empty() {
        return;
    }
    let glosses = Glosses::new(report, entry.explained);
    page.element("section", &[("class", "log")], |page| {
        page.leaf("h3", &[], "The log, line by line");
        let all = format!("{id}-all");
        page.open("input", &[("type", "checkbox"), ("id", &all), ("class", "all")]);
        page.leaf("label", &[("for", &all)], "Show what every line means");
        page.leaf(
            "p",
            &[("class", "note hint")],
            "Point at a line, tap it or reach it by the keyboard to read what it says. Marked lines \
             are those the verdict hangs on.",
        );
        page.element("div", &[("class", "lines")], |page| {
            let mut group = None;
            for (at, line) in report.lines.iter().enumerate() {
                let title = title(line.kind);
                if let Some(title) = title
                    && group != Some(title)
                {
                    page.leaf("h4", &[], title);
                    group = Some(title);
                }
                self::line(page, line, glosses.of(line).as_ref(), &format!("{id}-g{at}"), id);
            }
        });
    });
}

fn line(page: &mut Markup, line: &SourceLine, gloss: Option<&Gloss>, name: &str, id: &str) {
    let place = format!("{id}-l{}", line.number);
    let class = match (gloss, line.kind) {
        (Some(Gloss { tone: Tone::Key, .. }), _) => "l key",
        (Some(Gloss { tone: Tone::Unknown, .. }), _) => "l unknown",
        (Some(_), _) => "l",
        (None, LineKind::Foreign | LineKind::Blank) => "l outside",
        (None, _) => "l silent",
    };
    let mut attributes = vec![("class", class), ("id", &*place)];
    if gloss.is_some() {
        attributes.extend([("tabindex", "0"), ("aria-describedby", name)]);
    }
    page.element("div", &attributes, |page| {
        page.leaf("code", &[], shown(line));
        if let Some(gloss) = gloss {
            page.element("span", &[("class", "gloss"), ("id", name)], |page| {
                page.prose(&gloss.text);
            });
        }
    });
}

/// The part of a report that a line belongs to.
fn title(kind: LineKind) -> Option<&'static str> {
    Some(match kind {
        LineKind::Header => "Who asked for what",
        LineKind::Trace => "How the kernel got there",
        LineKind::Memcg => "The cgroup",
        LineKind::Counters | LineKind::PerCpu => "The machine's memory",
        LineKind::Node => "Nodes",
        LineKind::Zone => "Zones",
        LineKind::Buddy => "Free blocks",
        LineKind::HugePages => "Huge pages",
        LineKind::Swap => "Cache and swap",
        LineKind::Totals => "All pages",
        LineKind::Allocations => "Who allocated in the kernel",
        LineKind::Slab => "The kernel's caches",
        LineKind::Tasks => "Tasks",
        LineKind::Kill => "The kill",
        LineKind::Reaper => "What became of the memory",
        LineKind::Panic => "The end",
        LineKind::Suppressed | LineKind::Blank | LineKind::Foreign | LineKind::Unknown => {
            return None;
        }
    })
}
