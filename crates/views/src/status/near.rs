//! How near: totals, headroom, walls, pressure.

use facts::CgroupVersion;
use rules::status::{
    Certainty, Headroom, Memory, OwnCgroup, PressureReport, StatusReport, Wall, WallKind,
};
use units::{Bytes, Limit};

use crate::amount::{long, share};
use crate::bar::bar;
use crate::page::Page;
use crate::style::{Accent, Style};
use crate::text;
use crate::words;

/// Walls told in full; the rest is counted.
const WALLS: usize = 4;

pub(super) fn section(page: &mut Page<'_>, report: &StatusReport) {
    match &report.headroom {
        Some(headroom) => headroom_lines(page, headroom, report),
        None => page.heading("How near", "? what the headroom is computed from could not be read"),
    }
    totals(page, &report.memory);
    walls(page, report);
    page.labelled("pressure", &pressure(report.pressure));
}

fn totals(page: &mut Page<'_>, memory: &Memory) {
    let mut ram = format!("{}, {} free", long(memory.total), long(memory.free));
    match (memory.available, memory.available_computed) {
        (Some(available), _) => ram = format!("{ram}, {available} available by the kernel's count"),
        (None, Some(computed)) => {
            ram = format!("{ram}, {computed} available by a later kernel's count");
        }
        (None, None) => {}
    }
    page.labelled("RAM", &ram);
    let swap = match (memory.swap_total, memory.swap_free) {
        (Some(Bytes::ZERO), _) => "none".to_owned(),
        (None, None) => "?".to_owned(),
        (total, free) => format!("{}, {} free", long(total), long(free)),
    };
    page.labelled("swap", &swap);
}

fn headroom_lines(page: &mut Page<'_>, headroom: &Headroom, report: &StatusReport) {
    let style = page.style;
    let mut line = headroom.expected.to_string();
    if let Some(capacity) = headroom.capacity {
        let of = match share(headroom.expected, capacity) {
            Some(share) => format!(" of {capacity} ({share})"),
            None => format!(" of {capacity}"),
        };
        line.push_str(&of);
    }
    line.push_str(" can still be touched");
    if report.walls.first().is_some_and(|w| w.kind != WallKind::Machine) {
        line.push_str(" on the whole machine");
    }
    if headroom.total > headroom.expected {
        line = format!("{line}, at most about {}", headroom.total);
    }
    page.heading("How near", &line);

    let sum = |certainty| -> Bytes {
        headroom.parts.iter().filter(|p| p.certainty == certainty).map(|p| p.bytes).sum()
    };
    let taken = headroom.capacity.map(|c| c.saturating_sub(headroom.total));
    if let Some(taken) = taken {
        let parts = [taken, sum(Certainty::Perhaps), sum(Certainty::Likely), sum(Certainty::Sure)];
        if let Some(bar) = bar(parts, style.columns().saturating_sub(4).min(96), style) {
            page.line(&format!("  {}", style.paint(Accent::from(report.verdict.level), &bar)));
        }
    }
    let [dark, perhaps, likely, sure] = style.signs().bar;
    for (sign, certainty) in
        [(sure, Certainty::Sure), (likely, Certainty::Likely), (perhaps, Certainty::Perhaps)]
    {
        let parts = parts_of(headroom, certainty);
        if !parts.is_empty() {
            legend(page, sign, words::certainty(certainty), sum(certainty), &parts);
        }
    }
    if let Some(taken) = taken {
        let kept = headroom.kept_back;
        let words = if kept == Bytes::ZERO {
            "in use".to_owned()
        } else {
            format!("in use, or kept back for the kernel itself ({kept})")
        };
        legend(page, dark, "taken", taken, &words);
    }
    for note in &headroom.notes {
        page.sentence(note);
    }
}

fn legend(page: &mut Page<'_>, sign: &str, word: &str, bytes: Bytes, parts: &str) {
    let bytes = text::right(&bytes.to_string(), 9);
    let first = format!("  {sign} {} {bytes}  ", text::left(word, 7));
    let indent = text::width(&first);
    page.hanging(&first, parts, indent);
}

/// `free memory 22.6 GiB, room in swap 2.00 GiB`, without those that are nothing.
fn parts_of(headroom: &Headroom, certainty: Certainty) -> String {
    let parts: Vec<_> = headroom
        .parts
        .iter()
        .filter(|p| p.certainty == certainty && p.bytes > Bytes::ZERO)
        .collect();
    match parts.as_slice() {
        [] => String::new(),
        [only] => words::part(only.what).to_owned(),
        many => many
            .iter()
            .map(|p| format!("{} {}", words::part(p.what), p.bytes))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn walls(page: &mut Page<'_>, report: &StatusReport) {
    if report.walls.is_empty() {
        page.labelled("first wall", "none known");
        return;
    }
    for (i, wall) in report.walls.iter().take(WALLS).enumerate() {
        let label = match i {
            0 => "first wall",
            1 => "then",
            _ => "",
        };
        page.labelled(label, &wall_words(wall, page.style));
    }
    let more = report.walls.len().saturating_sub(WALLS);
    if more > 0 {
        page.under(&format!("and {more} farther; --json lists them"));
    }
    if let Some(OwnCgroup { path, limited: Some(false) }) = &report.cgroup {
        page.labelled("cgroup", &format!("{}, no limit up to the root", page.style.name(path)));
    }
}

fn wall_words(wall: &Wall, style: &Style) -> String {
    let mut words = match wall.distance {
        Some(Bytes::ZERO) => "here: ".to_owned(),
        Some(distance) => format!("{distance} away: "),
        None => "? away: ".to_owned(),
    };
    match &wall.kind {
        WallKind::Machine => words.push_str("the machine"),
        WallKind::Overcommit => words.push_str("the limit of promises"),
        WallKind::Cgroup { path, version, current, limit, oom_group, .. } => {
            words = format!("{words}cgroup {}", style.name(path));
            if *version == CgroupVersion::V1 {
                words.push_str(" (v1)");
            }
            if let Limit::At(limit) = limit {
                words = format!("{words}, {} of {limit} used", long(*current));
            }
            if *oom_group == Some(true) {
                words.push_str(", all die together");
            }
        }
    }
    if !wall.ours {
        words.push_str(" (not ours)");
    }
    format!("{words}; {}", wall.what_happens)
}

fn pressure(report: PressureReport) -> String {
    let Some(figures) = report.figures else {
        return words::pressure(report.state).to_owned();
    };
    let some = figures.some;
    if some.avg10.hundredths() == 0 && some.avg300.hundredths() == 0 {
        return "none: no task waited for memory in the last 5 min".to_owned();
    }
    let mut words =
        format!("some task waited {:.1} of 10 s, {:.1} of 5 min", some.avg10, some.avg300);
    if let Some(full) = figures.full {
        words = format!("{words}; all {:.1}, {:.1}", full.avg10, full.avg300);
    }
    words
}
