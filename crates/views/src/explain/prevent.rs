//! What would have prevented it, and what cannot be said.

use rules::explain::{ExplainReport, Holder, Prevention, Retest};

use super::{verdict, words};
use crate::page::Page;
use crate::style::Style;

pub(super) fn print(page: &mut Page<'_>, report: &ExplainReport) {
    if report.prevention.is_empty() {
        return;
    }
    page.heading("What helps", "computed for this one request and this one choice");
    for prevention in &report.prevention {
        let (label, text) = words_for(prevention, page.style);
        page.labelled(label, &text);
    }
}

/// A label and a sentence.
#[expect(clippy::too_many_lines, reason = "one sentence a variant")]
pub(crate) fn words_for(prevention: &Prevention, style: &Style) -> (&'static str, String) {
    match prevention {
        Prevention::KernelHolds { holder, bytes, users, largest } => {
            let holder = match holder {
                Some(Holder::SlabUnreclaimable) => "slab that nobody can free holds".to_owned(),
                Some(other) => format!("{}: it holds", words::holder(*other)),
                None => "what no counter of the report knows has".to_owned(),
            };
            let largest = largest.as_ref().map_or_else(String::new, |largest| {
                format!("; the largest named: {} ({})", style.name(&largest.name), largest.bytes)
            });
            let text = format!(
                "{holder} {bytes}, more than all programs and files together ({users}): no limit, \
                 no swap and nobody's death would have helped for long{largest}"
            );
            ("nothing", text)
        }
        Prevention::FreeMore { node, zone, bytes, then } => {
            let node = node.map_or(String::new(), |node| format!(" of node {node}"));
            let zone = style.name(zone);
            let text = format!("with {bytes} more free in zone {zone}{node} this request passes");
            ("more free", text + &retest(*then))
        }
        Prevention::Swap { bytes, movable, had_none, then } => {
            let had = if *had_none { "there is no swap" } else { "swap was full" };
            let text = format!(
                "{had}: {bytes} of it would have served this request, out of {movable} of \
                 anonymous memory that could go there"
            );
            ("swap", text + &retest(*then))
        }
        Prevention::HugePool { unused, then } => {
            let text = format!(
                "{unused} of the pool were used by nobody; given back, they would have served"
            );
            ("huge pages", text + &retest(*then))
        }
        Prevention::Tmpfs { held, bytes, then } => {
            let text = format!(
                "tmpfs and shared memory hold {held}; {bytes} of it deleted would have served"
            );
            ("tmpfs", text + &retest(*then))
        }
        Prevention::MinFree { now, chosen, then } => {
            let text = format!(
                "vm.min_free_kbytes keeps {} KiB back; with {} KiB, as the kernel chooses by \
                 itself, this request passes",
                now.kib(),
                chosen.kib()
            );
            ("reserve", text + &retest(*then))
        }
        Prevention::StrictOvercommit { limit, taken } => {
            let text = format!(
                "with vm.overcommit_memory 2 at its default ratio no more than {limit} can be \
                 promised; {taken} were taken, so requests would have been refused before"
            );
            ("overcommit", text)
        }
        Prevention::SinglePages => {
            ("smaller", "a request for single pages would have been served".to_owned())
        }
        Prevention::GroupLimit { at_least, more, charged } => {
            let text = format!(
                "{more} more ({at_least}) would have let this one request pass, and no further: \
                 {charged} charged then"
            );
            ("limit", text)
        }
        Prevention::GroupSwap { bytes, movable, limit } => {
            let limit = if *limit == units::Bytes::ZERO {
                "the cgroup may not swap".to_owned()
            } else {
                format!("the cgroup's swap ({limit}) was full")
            };
            let text = format!(
                "{limit}: with {bytes} more of it this request passes; up to {movable} could go \
                 there"
            );
            ("swap", text)
        }
        Prevention::Adjust { task, from, to, then } => {
            let text = format!(
                "with oom_score_adj {} instead of {}, {} lives and {} dies",
                to.get(),
                from.get(),
                verdict::task(task, style),
                verdict::task(then, style)
            );
            ("adjust", text)
        }
        Prevention::Sacrifice { task, from, to, instead_of } => {
            let text = format!(
                "with oom_score_adj {} instead of {}, {} dies and {} lives",
                to.get(),
                from.get(),
                verdict::task(task, style),
                verdict::task(instead_of, style)
            );
            ("or", text)
        }
        Prevention::ChooseByScore { then } => {
            let text = format!(
                "with vm.oom_kill_allocating_task 0, {} dies: the first by score",
                verdict::task(then, style)
            );
            ("by score", text)
        }
    }
}

/// The result of trying it.
fn retest(then: Retest) -> String {
    let usable = u64::try_from(then.usable).map_or(units::Bytes::ZERO, units::Bytes::new);
    format!(" ({usable} usable then, more than {} needed)", then.needed)
}

pub(super) fn gaps(page: &mut Page<'_>, report: &ExplainReport) {
    if report.gaps.is_empty() {
        return;
    }
    page.heading("Not known", "");
    for gap in &report.gaps {
        page.hanging("  - ", words::gap(*gap), 4);
    }
}
