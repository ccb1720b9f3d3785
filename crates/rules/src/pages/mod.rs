//! The pages of a process, run by run, and what they add up to.

mod report;

pub use report::{PageTotals, PagesReport, RegionPages};

use facts::{Address, Mapping, Missing, Name, PageRun};
use units::{Bytes, Pid};

use crate::rank::SourceLine;
use crate::segment::segments;

/// What is known of a process's pages.
#[derive(Debug, Clone)]
pub struct PagesInput<'a> {
    /// Where it comes from.
    pub source: SourceLine,
    /// The process.
    pub pid: Pid,
    /// Its name.
    pub name: Option<Name>,
    /// Path of its program, where that could be read.
    pub exe: Option<Name>,
    /// Its mappings, ascending.
    pub mappings: &'a [Mapping],
    /// Runs of pages in memory or in swap, ascending.
    pub runs: &'a [PageRun],
    /// Whether the kernel told which frames they are.
    pub frames: bool,
    /// What could not be read.
    pub unread: Vec<Missing>,
}

/// The pages of a process, by region.
pub fn pages(input: PagesInput<'_>) -> PagesReport {
    let named = segments(input.mappings, input.exe.as_ref());
    let mut regions = Vec::new();
    let mut totals = PageTotals::default();
    for (mapping, named) in input.mappings.iter().zip(named) {
        let runs = within(input.runs, mapping);
        let mut region = PageTotals { regions: 1, ..PageTotals::default() };
        region.mapped = Bytes::new(mapping.size());
        for run in &runs {
            count(&mut region, run);
        }
        totals.add(&region);
        regions.push(RegionPages {
            start: mapping.start,
            end: mapping.end,
            perms: mapping.perms,
            segment: named.segment,
            name: (!mapping.name.as_bytes().is_empty()).then(|| mapping.name.clone()),
            totals: region,
            runs,
        });
    }
    let mut notes = Vec::new();
    if !input.frames {
        notes.push(
            "Which frames these are, how often each is mapped, and which KSM merged, is shown to \
             root alone."
                .to_owned(),
        );
    }
    PagesReport {
        schema: "oomph.pages/1",
        source: input.source,
        pid: input.pid,
        name: input.name,
        regions,
        totals,
        notes,
        unread: input.unread,
    }
}

/// The runs inside a mapping, cut at its edges.
fn within(runs: &[PageRun], mapping: &Mapping) -> Vec<PageRun> {
    let first = runs.partition_point(|run| run.end <= mapping.start);
    let cut = |run: &PageRun| PageRun {
        start: Address(run.start.0.max(mapping.start.0)),
        end: Address(run.end.0.min(mapping.end.0)),
        state: run.state,
    };
    runs.iter().skip(first).take_while(|run| run.start < mapping.end).map(cut).collect()
}

fn count(totals: &mut PageTotals, run: &PageRun) {
    let size = Bytes::new(run.end.0.saturating_sub(run.start.0));
    let state = &run.state;
    let add = |sum: &mut Bytes, yes: bool| {
        if yes {
            *sum = sum.saturating_add(size);
        }
    };
    let zero = state.zero == Some(true);
    add(&mut totals.zero, zero);
    add(&mut totals.anon, state.present && !state.file && !zero);
    add(&mut totals.file, state.present && state.file);
    add(&mut totals.swapped, state.swapped);
    add(&mut totals.huge, state.huge == Some(true));
    add(&mut totals.soft_dirty, state.soft_dirty);
    add(&mut totals.guard, state.guard);
    totals.runs += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use facts::PageState;

    #[test]
    fn runs_are_cut_at_the_edges_of_mappings_and_none_is_lost() {
        let mapping =
            |start, end| Mapping { start: Address(start), end: Address(end), ..Mapping::default() };
        let run = |start, end| PageRun {
            start: Address(start),
            end: Address(end),
            state: PageState { present: true, ..PageState::default() },
        };
        let mappings = [mapping(0x1000, 0x3000), mapping(0x3000, 0x5000), mapping(0x9000, 0xa000)];
        let runs = [run(0x1000, 0x2000), run(0x2000, 0x4000), run(0x9000, 0xa000)];
        let cut: Vec<Vec<PageRun>> = mappings.iter().map(|m| within(&runs, m)).collect();
        assert_eq!(cut[0], [run(0x1000, 0x2000), run(0x2000, 0x3000)]);
        assert_eq!(cut[1], [run(0x3000, 0x4000)]);
        assert_eq!(cut[2], [run(0x9000, 0xa000)]);
        let sum: u64 = cut.iter().flatten().map(|r| r.end.0 - r.start.0).sum();
        assert_eq!(sum, 0x4000);
    }

    #[test]
    fn the_page_of_zeros_is_not_counted_as_memory() {
        let mut totals = PageTotals::default();
        let state = PageState { present: true, zero: Some(true), ..PageState::default() };
        count(&mut totals, &PageRun { start: Address(0), end: Address(0x2000), state });
        assert_eq!((totals.zero, totals.anon), (Bytes::new(0x2000), Bytes::ZERO));
    }
}
