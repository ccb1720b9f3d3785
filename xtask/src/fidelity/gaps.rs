//! Which gaps are explained, and where.

use super::goals::Goal;

/// A gap that `DIVERGENCES.md` explains.
struct Gap {
    /// The start of the scenarios' names; empty: all.
    scenario: &'static str,
    /// The series; empty: all.
    series: &'static str,
    /// Goals that it is seen in.
    goals: &'static [Goal],
    /// What the row there is about: its first column; empty: nobody knows yet.
    row: &'static str,
}

const KILL: &[Goal] = &[Goal::KillPoint, Goal::Badness, Goal::Other, Goal::FreeAtKill];
const SWAP: &[Goal] = &[Goal::KillPoint, Goal::Badness, Goal::Other, Goal::Swap, Goal::Cache];

/// The more special come first.
const GAPS: &[Gap] = &[
    gap("42-", "", &[Goal::Victims, Goal::Other], "what a process costs the kernel"),
    gap("42-", "", &[Goal::Badness], "a victim's exit"),
    gap("50-", "", &[Goal::MemoryEvents], "cgroups: kills that others must wait for"),
    gap("51-", "", &[Goal::MemoryEvents], "cgroups: kills that others must wait for"),
    gap("50-", "", SWAP, "writing"),
    gap("53-", "6.1", &[Goal::Swap, Goal::Other], ""),
    gap("53-", "", SWAP, "writing"),
    gap("53-", "", &[Goal::CgroupShares, Goal::Claims], "cgroups: what reclaim leaves to each"),
    gap("54-", "", SWAP, "writing"),
    gap("54-", "", &[Goal::CgroupShares], "cgroups: what reclaim leaves to each"),
    gap("54-", "", &[Goal::MemoryEvents], "kswapd"),
    gap("56-", "6.12", &[Goal::Other], "lists of free pages of processors"),
    gap("56-", "", &[Goal::Other], "KSM: memory of its own"),
    gap("62-", "", SWAP, "writing"),
    gap("63-", "", SWAP, "writing"),
    gap("", "6.12", KILL, "lists of free pages of processors"),
    gap("", "6.1", KILL, "free pages in blocks"),
];

const fn gap(
    scenario: &'static str,
    series: &'static str,
    goals: &'static [Goal],
    row: &'static str,
) -> Gap {
    Gap { scenario, series, goals, row }
}

/// The row of `DIVERGENCES.md` that explains why a goal is not held; `None`: nobody knows yet.
pub(super) fn explained(scenario: &str, series: &str, goal: Goal) -> Option<&'static str> {
    let gap = GAPS.iter().find(|gap| {
        gap.goals.contains(&goal)
            && scenario.starts_with(gap.scenario)
            && (gap.series.is_empty() || gap.series == series)
    })?;
    Some(gap.row).filter(|row| !row.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn every_row_that_is_named_is_there() {
        let path = repository::root().join("DIVERGENCES.md");
        let text = std::fs::read_to_string(path).expect("the list of divergences");
        for gap in GAPS.iter().filter(|gap| !gap.row.is_empty()) {
            let begin = format!("| {} |", gap.row);
            assert!(text.lines().any(|line| line.starts_with(&begin)), "{}", gap.row);
        }
    }

    #[test]
    fn the_more_special_explanation_goes_first() {
        assert_eq!(explained("62-thrashing", "6.12", Goal::Other), Some("writing"));
        assert_eq!(explained("35-touching", "6.1", Goal::KillPoint), Some("free pages in blocks"));
        assert_eq!(explained("35-touching", "6.1", Goal::Protection), None);
        assert_eq!(explained("59-low-memory-reserve", "6.12", Goal::Other), None);
    }
}
