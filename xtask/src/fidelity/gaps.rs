//! Which gaps are explained, and where: scenario by scenario, so that one that comes later is explained by
//! nothing until somebody has found its cause.

use super::goals::Goal;
use super::goals::Goal::{
    Badness, CgroupShares, Claims, FreeAtKill, MemoryEvents, Other, Swap, Victims,
};
use crate::fuzz_vm::AS_BOOTED;

/// A gap that `DIVERGENCES.md` explains.
struct Gap {
    /// Numbers of the scenarios.
    scenarios: &'static [u32],
    /// The column; empty: all.
    series: &'static str,
    /// Goals that it is seen in.
    goals: &'static [Goal],
    /// What the row there is about: its first column.
    row: &'static str,
}

const BOOTS: &str = "a kernel itself, from one boot to the next";
const LISTS: &str = "lists of free pages of processors";
const BLOCKS: &str = "free pages in blocks";
const EXIT: &str = "a victim's exit";
const WAITING: &str = "cgroups: kills that others must wait for";
const SHARES: &str = "cgroups: what reclaim leaves to each";
const WRITING: &str = "writing";
const BINS: &str = "generations: cgroups under pressure of the whole machine";
const END_OF_LIST: &str = "generations: order at the end of a list";
const KSWAPD: &str = "kswapd";
const COSTS: &str = "what waiting for memory takes";
const SOFT: &str = "cgroups v1: soft limits";
const SWAP_CACHE: &str = "swap cache when swap is full";
const GENERATIONS: &str = "6.12-lru_gen";

const GAPS: &[Gap] = &[
    // Who is the largest follows from how much of the last victim is gone by then.
    gap(&[42], "", &[Badness, Victims, Other], EXIT),
    gap(&[42], "6.12", &[FreeAtKill], LISTS),
    // Two boots of 6.1 count 58 and 85, three of 6.12 19, 19 and 50; and 9539, 6287 and 22863.
    gap(&[51, 88], "", &[MemoryEvents], WAITING),
    gap(&[50], "", &[MemoryEvents, Badness, Other], WRITING),
    gap(&[53, 54], GENERATIONS, &[CgroupShares, Other, Swap, MemoryEvents], BINS),
    gap(&[38], GENERATIONS, &[Goal::Cache, Other], END_OF_LIST),
    gap(&[53, 54], "", &[CgroupShares, Other, Swap, Claims], SHARES),
    // More than boots count, which differ by 20: kswapd and the task share the work otherwise.
    gap(&[54], "", &[MemoryEvents], KSWAPD),
    gap(&[62, 63, 64], "", &[Swap, Other], WRITING),
    gap(&[41], "6.1", &[Other], BLOCKS),
    // One event of 274, where a call ends.
    gap(&[90], "", &[MemoryEvents], COSTS),
    gap(&[91], "6.1", &[CgroupShares, Other], SOFT),
    // Boots of 6.1 have 1.3 to 5 MB of it there.
    gap(&[92], "", &[Goal::Cache], SWAP_CACHE),
    gap(&[92], GENERATIONS, &[Other], END_OF_LIST),
    // 2888 pages lie on lists of two processors.
    gap(&[86], "6.12", &[Other], LISTS),
    // Scores that boots differ by, too.
    gap(&[35, 37, 40, 41, 44, 57, 59, 61, 65, 66, 82], "6.12", &[Badness], BOOTS),
    gap(
        &[35, 37, 38, 40, 41, 43, 44, 49, 51, 52, 65, 77, 78, 80, 88, 90],
        "6.12",
        &[Other, FreeAtKill],
        LISTS,
    ),
];

const fn gap(
    scenarios: &'static [u32],
    series: &'static str,
    goals: &'static [Goal],
    row: &'static str,
) -> Gap {
    Gap { scenarios, series, goals, row }
}

/// The row of `DIVERGENCES.md` that explains why a goal is not held; `None`: nobody knows yet.
pub(super) fn explained(scenario: &str, series: &str, goal: Goal) -> Option<&'static str> {
    let number: u32 = scenario.split('-').next()?.parse().ok()?;
    let plain = series.strip_suffix(AS_BOOTED).unwrap_or(series);
    let gap = GAPS.iter().find(|gap| {
        gap.goals.contains(&goal)
            && gap.scenarios.contains(&number)
            && (gap.series.is_empty() || gap.series == series || gap.series == plain)
    })?;
    Some(gap.row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn every_row_that_is_named_is_there() {
        let path = repository::root().join("DIVERGENCES.md");
        let text = std::fs::read_to_string(path).expect("the list of divergences");
        for gap in GAPS {
            let begin = format!("| {} |", gap.row);
            assert!(text.lines().any(|line| line.starts_with(&begin)), "{}", gap.row);
        }
    }

    #[test]
    fn a_gap_is_explained_where_its_cause_is_known_and_nowhere_else() {
        assert_eq!(explained("62-thrashing", "6.12", Other), Some(WRITING));
        assert_eq!(explained("62-thrashing", "6.12-lru_gen", Other), Some(WRITING));
        assert_eq!(explained("41-page-tables-kill", "6.1", Other), Some(BLOCKS));
        assert_eq!(explained("41-page-tables-kill", "6.1", Goal::KillPoint), None);
        assert_eq!(explained("35-touching", "6.1", Goal::Protection), None);
        assert_eq!(explained("no number", "6.1", Other), None);
    }
}
