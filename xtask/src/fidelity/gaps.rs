//! Which gaps are explained, and where.

use super::goals::Goal;

/// A gap that `DIVERGENCES.md` explains.
struct Gap {
    /// The start of the scenarios' names; empty: all.
    scenario: &'static str,
    /// The series; empty: all.
    series: &'static str,
    goal: Goal,
    /// The heading there.
    heading: &'static str,
}

const GAPS: &[Gap] = &[];

/// The heading in `DIVERGENCES.md` that explains why a goal is not held; `None`: nobody knows yet.
pub(super) fn explained(scenario: &str, series: &str, goal: Goal) -> Option<&'static str> {
    let gap = GAPS.iter().find(|gap| {
        gap.goal == goal
            && scenario.starts_with(gap.scenario)
            && (gap.series.is_empty() || gap.series == series)
    })?;
    Some(gap.heading)
}

/// A heading as a link to it spells it: small letters, digits, and hyphens for spaces.
pub(super) fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_')
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn every_heading_that_is_linked_to_is_there() {
        let text = std::fs::read_to_string(repository::root().join("DIVERGENCES.md")).expect("it");
        for gap in GAPS {
            let line = text.lines().find(|line| line.trim_start_matches('#').trim() == gap.heading);
            assert!(line.is_some_and(|line| line.starts_with('#')), "{}", gap.heading);
        }
    }

    #[test]
    fn a_link_is_made_of_a_heading_as_browsers_expect_it() {
        assert_eq!(anchor("Watermarks: the boost (5.0)"), "watermarks-the-boost-50");
    }
}
