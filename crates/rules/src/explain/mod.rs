//! What the kernel's report about an OOM kill says, and whether the kernel was right.
//!
//! [`explain`] takes one [`OomReport`] and answers: what ran out, who asked, why the request could
//! not be served by the allocator's own test, where the memory was, whether the victim is the one
//! that the release's formula chooses, what would have prevented it, and what cannot be said.
//!
//! # What it follows
//! `out_of_memory()`, `oom_kill_process()` and `dump_header()` in `mm/oom_kill.c`, 2.6.9 to 7.1; the
//! rules of [`crate::badness`] and [`crate::watermark`].
//!
//! # What it leaves out
//! Scores before 2.6.36, which depend on CPU time, run time, nice and children: none is printed.

mod cause;
mod choice;
mod memory;
mod prevent;
mod report;
mod request;
mod scope;
mod source;
mod zones;

#[cfg(test)]
mod tests;

pub use report::{
    Asker, CacheSize, Cause, Choice, Doubt, Event, ExplainReport, Gap, GroupState, Holder, Holding,
    KernelFault, LimitState, MemoryAccount, NotByScore, Prevention, RanOut, Remainder,
    ReportSource, Retest, RulesFrom, SCHEMA, SwapState, Task, TaskScore, Victim, ZoneTest,
};

use facts::Release;
use facts::oom_report::{OomReport, TriggerKind};
use units::PageSize;

pub(crate) use memory::{figure, managed, ordinary};
pub(crate) use scope::ran_out;
pub(crate) use source::rules_of;

use choice::Election;
use prevent::Case;
use zones::Zones;

/// Explains a report by the rules of `kernel`, or of the release that the text names or looks like.
pub fn explain(report: &OomReport, kernel: Option<Release>) -> ExplainReport {
    let source = source::source(report, kernel);
    let release = source.rules_of;
    let page_size = report.page_size.unwrap_or(PageSize::KIB_4);
    let ran_out = ran_out(report);
    let group = scope::group(report, &ran_out);
    let wanted = request::wanted(report, release);
    let zones = Zones::new(report, wanted, release, page_size);
    let manual = scope::is_manual(report);
    let cause = cause::cause(&ran_out, manual, group.as_ref(), wanted, &zones);
    let swap = report.memory.as_ref().and_then(|memory| {
        let swap = SwapState { total: memory.swap.total, free: memory.swap.free };
        (swap.total.is_some() || swap.free.is_some()).then_some(swap)
    });
    let election = Election::new(report, &ran_out, release, page_size);
    let choice = choice::choice(report, election.as_ref(), release, page_size);
    let memory = memory::memory(report, group.as_ref(), release, page_size);
    let prevention = prevent::prevention(&Case {
        report,
        release,
        memory: memory.as_ref(),
        cause: &cause,
        wanted,
        zones: &zones,
        swap,
        group: group.as_ref(),
        choice: choice.as_ref(),
        election: election.as_ref(),
        page_size,
    });
    let mut explained = ExplainReport {
        schema: SCHEMA,
        event: scope::event(report),
        asked: request::asker(report, wanted, release, page_size),
        zones: zones.all.iter().map(|zone| zones.shown(zone)).collect(),
        swap,
        memory,
        victims: scope::victims(report),
        choice,
        prevention,
        gaps: Vec::new(),
        source,
        ran_out,
        cause,
        group,
    };
    explained.gaps = gaps(report, &explained, election.as_ref());
    explained
}

/// What cannot be said of this report.
fn gaps(
    report: &OomReport,
    explained: &ExplainReport,
    election: Option<&Election<'_>>,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut unless = |known: bool, gap| {
        if !known {
            gaps.push(gap);
        }
    };
    let kills = report.trigger.as_ref().is_none_or(|t| t.kind == TriggerKind::OomKiller);
    let of_group = explained.group.is_some();
    unless(report.trigger.is_some(), Gap::Header);
    if of_group {
        unless(report.memory.is_some(), Gap::MemInfoOfGroup);
        unless(report.memcg.is_some(), Gap::GroupBlock);
        unless(report.memcg.as_ref().is_none_or(|block| !block.stats.is_empty()), Gap::GroupStats);
    } else {
        unless(report.memory.is_some(), Gap::MemInfo);
        let any_zone = explained.zones.iter().any(|zone| zone.free.is_some());
        unless(report.memory.is_none() || any_zone, Gap::Zones);
        let tested = |zone: &&ZoneTest| zone.eligible == Some(true) && zone.free.is_some();
        let reserves = explained.zones.iter().filter(tested).all(|zone| zone.reserve.is_some());
        unless(reserves, Gap::Reserve);
    }
    if kills {
        unless(explained.choice.is_some(), Gap::Table);
        unless(explained.event != Event::Unknown, Gap::KillLine);
        unless(explained.choice.is_none() || election.is_some(), Gap::OldScore);
        let died_for = explained.victims.iter().any(|victim| victim.instead_of.is_some());
        unless(!died_for, Gap::Children);
    }
    unless(explained.source.rules_from != RulesFrom::Layout, Gap::Release);
    unless(explained.source.rules_from != RulesFrom::Assumed, Gap::Release);
    unless(explained.source.page_size_known, Gap::PageSize);
    let size = report.page_size.unwrap_or(PageSize::KIB_4);
    let miswritten = |memory| memory::miswritten(memory, size).is_some();
    unless(!report.memory.as_ref().is_some_and(miswritten), Gap::TotalRam);
    if let Some(election) = election {
        gaps.extend(choice::gaps(election, &explained.ran_out));
    }
    gaps
}
