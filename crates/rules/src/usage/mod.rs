//! Who uses memory, fairly counted: processes by proportional share, alone or in groups.
//!
//! The proportional share (PSS) of a process counts a page that three processes map as a third of
//! it. So shares may be added up: those of all processes are what is mapped on the machine, each
//! page once. Resident sizes (RSS) may not: what is shared is in each of them.
//!
//! # What it follows
//! `smaps_account()` in `fs/proc/task_mmu.c`, 2.6.25 and later. hugetlbfs pages are in none of the
//! kernel's three sizes; they are told beside them, and count where rows are put in order.
//!
//! # What it leaves out
//! Memory that no process maps: page cache, the kernel's own, shared memory that nobody has open.
//! The ledger has those.

mod amounts;
mod field;
mod group;
mod narrow;
mod order;
mod report;
mod tree;
mod unit;

#[cfg(test)]
mod tests;

use facts::{Amounts, Measure, MemoryOf, Survey, TwinsBy};
use units::{Bytes, Percent};

use crate::rank::SourceLine;

pub use field::Field;
pub use report::{
    Check, Grouping, Sizes, Unit, UnitKind, UnreadMemory, UsageFilter, UsageReport, UsageRow,
};
pub use unit::unit_of;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageOptions {
    /// What a row is.
    pub by: Grouping,
    /// What rows are ordered by; what they use ([`Field::Memory`]) where nothing is said.
    pub sort: Field,
    /// The other way round.
    pub reverse: bool,
    /// How many rows at most.
    pub top: Option<usize>,
    /// What was left out when the survey was made, for the reader.
    pub filters: Vec<UsageFilter>,
}

impl UsageOptions {
    /// All rows of this kind, the largest first.
    pub fn by(by: Grouping) -> UsageOptions {
        UsageOptions { by, sort: Field::Memory, reverse: false, top: None, filters: Vec::new() }
    }
}

/// Puts the processes of a survey into rows.
pub fn usage(survey: &Survey, options: &UsageOptions) -> UsageReport {
    match narrow::restored(survey) {
        None => report(survey, options),
        Some((survey, restored)) => {
            let mut report = report(&survey, options);
            report.restored = Some(restored);
            report.notes.push(format!(
                "This kernel of 32 bits loses in PSS the huge pages that one process has for \
                 itself (since 5.3). {restored} of them were put back, judged by what is private \
                 and in huge pages."
            ));
            report
        }
    }
}

fn report(survey: &Survey, options: &UsageOptions) -> UsageReport {
    let machine = &survey.machine;
    let memory_total = machine.meminfo.get(facts::Field::MemTotal);
    let mut rows = match options.by {
        Grouping::Process => group::processes(survey),
        Grouping::Tree => tree::rows(survey, options),
        Grouping::Mapping => group::mappings(survey),
        Grouping::Program | Grouping::User | Grouping::Cgroup | Grouping::Unit => {
            group::groups(survey, options.by)
        }
    };
    for row in &mut rows {
        row.percent = row
            .sizes
            .pss
            .zip(memory_total)
            .and_then(|(pss, total)| Percent::of(pss.get(), total.get()));
    }
    if options.by != Grouping::Tree {
        order::sort(&mut rows, options);
    }
    let all = rows.len();
    rows.truncate(options.top.unwrap_or(usize::MAX));
    let total = match &survey.mappings {
        Some(mappings) => amounts::sum(mappings.iter().map(|m| &m.amounts)),
        None => total(survey),
    };
    let unread = amounts::unread(survey.processes.iter());
    UsageReport {
        schema: "oomph.usage/1",
        source: SourceLine::from(machine),
        by: options.by,
        filters: options.filters.clone(),
        memory_total,
        swap_total: machine.meminfo.get(facts::Field::SwapTotal),
        check: check(survey, options, &total),
        left_out: all - rows.len(),
        rows,
        total: Sizes::from(&total),
        total_percent: total
            .get(Measure::Pss)
            .zip(memory_total)
            .and_then(|(pss, whole)| Percent::of(pss.get(), whole.get())),
        processes: survey.processes.len(),
        unread,
        unreadable: group::unreadable(survey),
        kernel_threads: survey.kernel_threads,
        without_memory: survey.without_memory,
        filtered: survey.filtered,
        restored: None,
        twins: survey.processes.iter().filter(|p| matches!(p.memory, MemoryOf::Twin(_))).count(),
        notes: notes(survey, options, &total),
        missing: machine.missing.clone(),
    }
}

/// What all processes use together.
fn total(survey: &Survey) -> Amounts {
    let mut sum = Amounts::ZERO;
    for process in &survey.processes {
        if let MemoryOf::Shares(shares) = &process.memory {
            sum.add(&Amounts::from(&**shares));
        }
    }
    sum
}

/// The shares against the kernel's own count of mapped pages.
fn check(survey: &Survey, options: &UsageOptions, total: &Amounts) -> Option<Check> {
    if !options.filters.is_empty() || survey.filtered > 0 || survey.machine.viewpoint.cut {
        return None;
    }
    let field = |field| survey.machine.meminfo.get(field);
    let counted = field(facts::Field::AnonPages)?.checked_add(field(facts::Field::Mapped)?)?;
    let shares = total.get(Measure::Pss)?;
    Some(Check { shares, counted, percent: Percent::of(shares.get(), counted.get()) })
}

fn notes(survey: &Survey, options: &UsageOptions, total: &Amounts) -> Vec<String> {
    let mut notes = Vec::new();
    if total.get(Measure::Hugetlb).is_some_and(|bytes| bytes > Bytes::ZERO) {
        notes.push(
            "Huge pages of hugetlbfs are in neither USS, PSS nor RSS; those that several processes \
             map are counted in each of them."
                .to_owned(),
        );
    }
    let any = survey.processes.iter().any(|p| matches!(p.memory, MemoryOf::Shares(_)));
    if any && options.by != Grouping::Mapping && total.get(Measure::Pss).is_none() {
        notes.push("This kernel reports no proportional shares (before 2.6.25).".to_owned());
    }
    let by_looks = survey.twins_by == TwinsBy::Looks
        && survey.processes.iter().any(|p| matches!(p.memory, MemoryOf::Twin(_)));
    if by_looks {
        notes.push(
            "Who shares an address space was judged by looks: a process that begins at the same \
             addresses as its parent and has the very same sizes."
                .to_owned(),
        );
    }
    notes
}
