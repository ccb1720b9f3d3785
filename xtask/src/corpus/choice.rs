//! Whether the rules choose whom the kernels chose.
//!
//! # What is counted
//! * *Victims*: complete reports (see [`super::tally`]) of a kill by 2.6.36 or later whose table is
//!   whole, that is, has its heading and the row of the chosen: the kernel prints the table between
//!   choosing and killing, from the tasks it chose among, so a table without the chosen was cut.
//!   Good: the rules choose the same; or the report shows that the kernel did not choose by points;
//!   or this very kernel is known to choose wrongly, and does so in the way that is known. The last
//!   two are listed.
//! * *Scores*: logged scores where the text leaves at most [`NARROW`] points open. Good: equal, one
//!   off, or inside what is left open. What leaves more open is listed and not counted.

use super::tally::{Share, is_complete};
use facts::Release;
use facts::oom_report::OomReport;
use klog::Found;
use rules::explain::{Choice, ExplainReport, Gap};

/// The widest range of scores, in thousandths, in which a logged one counts as computed.
const NARROW: i64 = 5;

/// What the explanations of all reports come to.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// Victims of complete reports with a whole table.
    victims: Share,
    /// Victims that were not chosen by points, each with the reason that the explanation names.
    named: Vec<String>,
    /// Complete reports whose table is not whole.
    cut_tables: Vec<String>,
    /// Cut reports with a table and a victim: the same.
    cut: Share,
    scores: Share,
    exact: usize,
    one_off: usize,
    /// Neither, but inside a narrow range.
    inside: Vec<String>,
    /// Scores that the text leaves too open.
    open: Vec<String>,
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
                self.choice(report, &explained, &place());
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

    fn choice(&mut self, report: &OomReport, explained: &ExplainReport, place: &str) {
        let Some(choice) = &explained.choice else { return };
        let Some(victim) = explained.victims.first() else { return };
        let heading = report.tasks.as_ref().is_some_and(|table| table.columns.is_some());
        let has_row = choice.rank_of_chosen.is_some();
        let said = || {
            let predicted = choice.predicted.as_ref().and_then(|task| task.pid);
            format!(
                "{place}: killed {}, predicted {}, place {} of {}, {:?}",
                shown(victim.pid),
                shown(predicted),
                shown(choice.rank_of_chosen),
                choice.rows.len(),
                choice.doubts
            )
        };
        let named = choice
            .not_by_score
            .map(|why| format!("{place}: {why:?}"))
            .or_else(|| choice.kernel_fault.map(|fault| format!("{place}: {fault:?}")));
        let agrees = choice.agrees == Some(true) || named.is_some();
        match (is_complete(report), heading && (has_row || choice.not_by_score.is_some())) {
            (true, true) => {
                self.victims.count(agrees, said);
                self.named.extend(named);
            }
            (true, false) => {
                let lacks = if heading { "the row of the chosen" } else { "its heading" };
                self.cut_tables.push(format!("{place}: its table lacks {lacks}"));
            }
            (false, _) => self.cut.count(agrees, said),
        }
        self.score(choice, place);
    }

    fn score(&mut self, choice: &Choice, place: &str) {
        let (Some(logged), Some((from, to))) = (choice.logged_score, choice.computed_score) else {
            return;
        };
        let (least, most) = choice.score_at_choice.unwrap_or((from, to));
        let said = || format!("{place}: {logged} logged, {from} to {to} computed");
        if most - least > NARROW {
            let inside = if (least..=most).contains(&logged) { "inside" } else { "OUTSIDE" };
            self.open.push(format!("{}: {inside}", said()));
            return;
        }
        let near = (from - 1..=to + 1).contains(&logged);
        if from == to && logged == from {
            self.exact += 1;
        } else if from == to && near {
            self.one_off += 1;
        } else if near || (least..=most).contains(&logged) {
            self.inside.push(format!("{place}: {logged} logged, {least} to {most} computed"));
        }
        self.scores.count(near || (least..=most).contains(&logged), said);
    }

    /// Prints every share; true when all goals are reached.
    pub(super) fn print(&self) -> bool {
        let mut good =
            self.victims.print("victim predicted, or its kernel's reason named", Some(97));
        list("of which not by points, as the explanation names:", &self.named);
        list("not counted, complete but for the table:", &self.cut_tables);
        self.cut.print("victim predicted, of the others with table and victim", None);
        good &= self.scores.print("logged score computed, where at most 5 are left open", Some(95));
        println!(
            "    {} exact, {} one off, {} in a range",
            self.exact,
            self.one_off,
            self.inside.len()
        );
        list("in a range:", &self.inside);
        list("not counted, the text leaves more open:", &self.open);
        good &= !self.open.iter().any(|open| open.ends_with("OUTSIDE"));
        self.remainders.print("remainder computed, of reports with Mem-Info", None);
        let whole = "the same, where Mem-Info reaches to its totals";
        good &= self.whole_remainders.print(whole, Some(100));
        self.causes.print("cause found, of reports with header and zones' figures", None);
        good
    }
}

fn list(what: &str, lines: &[String]) {
    if !lines.is_empty() {
        println!("  {what}");
    }
    for line in lines {
        println!("    {line}");
    }
}

fn shown(what: Option<impl std::fmt::Display>) -> String {
    what.map_or_else(|| "?".to_owned(), |what| what.to_string())
}
