//! Whether the rules choose whom the kernels chose.

use super::tally::{Share, is_complete};
use facts::Release;
use klog::Found;
use rules::explain::{ExplainReport, Gap};

/// What the explanations of all reports come to.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// Complete reports from 2.6.36 on whose victim the rules choose.
    victims: Share,
    /// The same, of those whose table has the victim: without it no rule can choose it.
    in_table: Share,
    /// Cut reports with a table and a victim: the same.
    cut: Share,
    /// Logged scores, exact or one off, where the total is known.
    scores: Share,
    /// Logged scores inside the range that the text leaves.
    ranges: Share,
    /// Remainders, of the reports with any of Mem-Info's counters.
    remainders: Share,
    /// The same, of those with Mem-Info down to its totals: without these there is no remainder.
    whole_remainders: Share,
    /// Causes, of the reports that have what one follows from.
    causes: Share,
}

impl Choices {
    pub(super) fn add(&mut self, file: &str, found: &[Found]) {
        for Found { report, .. } in found {
            let explained = rules::explain(report, None);
            let place = explained.source.first_line.unwrap_or(0);
            let place = || format!("{file}:{place}");
            if explained.source.rules_of >= Release::old(2, 6, 36) {
                self.choice(&explained, is_complete(report), &place());
            }
            if let Some(account) = &explained.memory
                && report.memcg.is_none()
                && let Some(memory) = &report.memory
                && memory.counters.free.is_some()
            {
                let computed = account.remainder.is_some();
                self.remainders.count(computed, place);
                if memory.totals.reserved.is_some() {
                    self.whole_remainders.count(computed, place);
                }
            }
            let lacks = |gap| explained.gaps.contains(&gap);
            if !lacks(Gap::Header) && !lacks(Gap::MemInfo) && !lacks(Gap::Zones) {
                let known = explained.cause != rules::explain::Cause::Unknown;
                self.causes.count(known, place);
            }
        }
    }

    fn choice(&mut self, explained: &ExplainReport, complete: bool, place: &str) {
        let Some(choice) = &explained.choice else { return };
        if explained.victims.is_empty() || choice.not_by_score.is_some() {
            return;
        }
        let said = || {
            let victim = &explained.victims[0];
            let predicted = choice.predicted.as_ref().and_then(|task| task.pid);
            format!(
                "{place}: killed {:?}, predicted {predicted:?}, place {:?} of {}, {:?}",
                victim.pid,
                choice.rank_of_chosen,
                choice.rows.len(),
                choice.doubts
            )
        };
        let agrees = choice.agrees == Some(true);
        if complete {
            self.victims.count(agrees, said);
            if choice.rank_of_chosen.is_some() {
                self.in_table.count(agrees, said);
            }
        } else {
            self.cut.count(agrees, said);
        }
        if let (Some(logged), Some((from, to))) = (choice.logged_score, choice.computed_score) {
            let failed = || format!("{place}: {logged} logged, {from} to {to} computed");
            // With the total known, what the table holds is all that is computed with: columns
            // that it lacks (before 3.6) are no excuse here.
            if choice.total == choice.total_at_most {
                self.scores.count((from - 1..=from + 1).contains(&logged), failed);
            } else {
                self.ranges.count((from - 1..=to + 1).contains(&logged), failed);
            }
        }
    }

    /// Prints every share; true when all goals are reached.
    pub(super) fn print(&self) -> bool {
        let mut good =
            self.victims.print("victim predicted, of complete reports since 2.6.36", Some(97));
        self.in_table.print("the same, where the table has the victim", None);
        self.cut.print("victim predicted, of the others with table and victim", None);
        good &= self.scores.print("logged score exact or one off, total known", Some(95));
        self.ranges.print("logged score inside the range that the text leaves", None);
        self.remainders.print("remainder computed, of reports with Mem-Info", None);
        let whole = "the same, where Mem-Info reaches to its totals";
        good &= self.whole_remainders.print(whole, Some(100));
        self.causes.print("cause found, of reports with header and zones' figures", None);
        good
    }
}
