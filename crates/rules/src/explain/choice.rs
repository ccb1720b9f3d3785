//! Whether the kernel chose whom its own formula says.
//!
//! # What it follows
//! `oom_badness()` through [`crate::badness`] and `select_bad_process()` through the rules of ties;
//! rows stand in the table in the order in which the kernel looks at them. Which page tables count
//! is told by the table's columns, whatever the release. User 0 is taken for privileged where
//! privilege counts: capabilities are not printed.

use facts::oom_report::{Kill, KillCause, OomReport, TaskColumns, TaskRow};
use facts::{Capabilities, Release};
use units::{Bytes, Limit, OomAdj, PageSize, Pages, Pid, ScoreAdj};

use super::memory;
use super::report::{Choice, Doubt, Gap, KernelFault, NotByScore, RanOut, Task, TaskScore};
use crate::badness::{Formula, PageTables, RootBonus, Subject, points};
use crate::eligible::Eligibility;
use crate::rank::selection::{Selection, Ties, compares_unsigned};

/// `CAP_SYS_ADMIN`.
const SYS_ADMIN: Capabilities = Capabilities(1 << 21);

/// In place of a total that nothing bounds, pages.
const BOUNDLESS: Pages = Pages::new(1 << 40);

/// The election: who stood, and by which rules.
#[derive(Debug, Clone)]
pub(super) struct Election<'a> {
    pub(super) rows: &'a [TaskRow],
    pub(super) formula: Formula,
    pub(super) totals: Totals,
    eligibility: Eligibility,
    ties: Ties,
    page_size: PageSize,
}

/// What scores are measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) least: Option<Pages>,
    /// `None` when nothing bounds it.
    pub(super) most: Option<Pages>,
}

/// Changes to try.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    /// Another adjustment for the row of this index.
    pub(super) adjust: Option<(usize, ScoreAdj)>,
    /// No adjustment for anybody; those of -1000 stay out.
    pub(super) no_adjustments: bool,
}

impl<'a> Election<'a> {
    /// `None` without a table, or before 2.6.36, when scores depended on more than is printed.
    pub(super) fn new(
        report: &'a OomReport,
        ran_out: &RanOut,
        release: Release,
        page_size: PageSize,
    ) -> Option<Election<'a>> {
        let table = report.tasks.as_ref().filter(|table| !table.rows.is_empty())?;
        let mut formula = Formula::for_release(release);
        // A vendor's kernel may print, and so count, other columns than mainline's of its number.
        let columns = table.columns.and_then(|columns| match columns {
            TaskColumns::Ptes => Some(PageTables::Ptes),
            TaskColumns::PtesPmds => Some(PageTables::PtesAndPmds),
            TaskColumns::PgtablesBytes | TaskColumns::SplitRss => Some(PageTables::All),
            TaskColumns::CpuAdj | TaskColumns::CpuAdjScoreAdj => None,
        });
        match &mut formula {
            Formula::Points(_) => return None,
            Formula::PerMille(_) => {}
            Formula::Pages(rules) => rules.page_tables = columns.unwrap_or(rules.page_tables),
        }
        Some(Election {
            rows: &table.rows,
            formula,
            totals: totals(report, ran_out, release, page_size),
            eligibility: Eligibility::for_release(release),
            ties: Selection::for_release(release).ties,
            page_size,
        })
    }

    /// The total to compute with where one is needed: the least it can be.
    pub(super) fn total(&self) -> Option<Pages> {
        self.totals.least.or(self.totals.most)
    }

    /// Whom the rules choose, whatever the total in its range. Points are straight lines over the
    /// total: who is first at both ends is first in between.
    pub(super) fn sure_winner(&self) -> Option<usize> {
        let [least, most] = self.ends();
        let winner = self.winner(least, Change::default())?;
        (self.winner(most, Change::default()) == Some(winner)).then_some(winner)
    }

    /// The least and the most that the total can be.
    pub(super) fn ends(&self) -> [Pages; 2] {
        [self.total().unwrap_or(Pages::ZERO), self.totals.most.unwrap_or(BOUNDLESS)]
    }

    fn subject(&self, row: &TaskRow, adj: ScoreAdj) -> Subject {
        let pages = |pages: Option<Pages>| pages.map_or(0, Pages::count);
        let tables = row.pgtables.map(|bytes| self.page_size.pages_in(bytes).count());
        Subject {
            rss: pages(row.rss),
            swap: pages(row.swapents),
            ptes: tables.or(row.nr_ptes).unwrap_or(0),
            pmds: row.nr_pmds.unwrap_or(0),
            caps: if row.uid == Some(0) { SYS_ADMIN } else { Capabilities(0) },
            oom_score_adj: adj,
            ..Subject::default()
        }
    }

    /// The points of a row, and whether it can be chosen.
    pub(super) fn points(&self, row: &TaskRow, adj: ScoreAdj, total: Pages) -> i64 {
        points(&self.formula, &self.subject(row, adj), total)
    }

    pub(super) fn is_immune(&self, row: &TaskRow) -> bool {
        let init = row.tgid.or(row.pid) == Some(Pid::new(1));
        let adj = row.oom_score_adj.unwrap_or(ScoreAdj::NONE);
        self.eligibility.immune(init, row.oom_adj.unwrap_or(OomAdj::NONE), adj, 1).is_some()
    }

    /// Indices of those who can be chosen with their points, the first victim first.
    pub(super) fn order(&self, total: Pages, change: Change) -> Vec<(usize, i64)> {
        let mut order: Vec<(usize, i64)> = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.rss.is_some() && !self.is_immune(row))
            .map(|(index, row)| {
                let adj = match change.adjust {
                    _ if change.no_adjustments => ScoreAdj::NONE,
                    Some((changed, adj)) if changed == index => adj,
                    _ => row.oom_score_adj.unwrap_or(ScoreAdj::NONE),
                };
                (index, self.points(row, adj, total))
            })
            .collect();
        if self.ties == Ties::Last {
            order.reverse();
        }
        // Stable: equals stay in the order in which they win.
        order.sort_by_key(|&(_, points)| std::cmp::Reverse(points));
        order
    }

    /// Who is chosen.
    pub(super) fn winner(&self, total: Pages, change: Change) -> Option<usize> {
        self.order(total, change).first().map(|&(index, _)| index)
    }

    pub(super) fn task(&self, index: usize) -> Option<Task> {
        let row = self.rows.get(index)?;
        Some(Task { pid: row.pid, name: row.name.clone() })
    }

    /// The row of a process, by its own number or a thread's.
    pub(super) fn row_of(&self, pid: Pid) -> Option<usize> {
        let by =
            |of: fn(&TaskRow) -> Option<Pid>| self.rows.iter().position(|r| of(r) == Some(pid));
        by(|row| row.pid).or_else(|| by(|row| row.tgid))
    }

    /// The score that the kernel would print (2.6.36 to 5.0).
    fn printed(&self, points: i64, total: Pages) -> i64 {
        match self.formula {
            Formula::PerMille(_) | Formula::Points(_) => points,
            Formula::Pages(_) => {
                let total = i128::from(total.count().max(1));
                i64::try_from(i128::from(points) * 1000 / total).unwrap_or(i64::MAX)
            }
        }
    }

    /// The least and the most that the kernel can have printed as the score of a row that had
    /// `held` fewer resident pages than the table says.
    fn score_range(&self, report: &OomReport, row: usize, held: Pages) -> Option<(i64, i64)> {
        let row = self.rows.get(row)?;
        let adj = row.oom_score_adj.unwrap_or(ScoreAdj::NONE);
        let of = |row: &TaskRow, total: Pages| self.printed(self.points(row, adj, total), total);
        let least = TaskRow { rss: row.rss.map(|rss| rss.saturating_sub(held)), ..row.clone() };
        let [total, other] = [self.total()?, self.totals.most.unwrap_or(BOUNDLESS)];
        let least = of(&least, total).min(of(&least, other));
        let most = match self.most_of(row, report) {
            Some(most) => of(&most, total).max(of(&most, other)),
            None => 1000,
        };
        Some((least, most))
    }

    /// The row with the most that columns it lacks can hold: the swap and the page tables of the
    /// whole machine. `None` when the text does not bound them.
    fn most_of(&self, row: &TaskRow, report: &OomReport) -> Option<TaskRow> {
        let mut most = row.clone();
        let Formula::PerMille(rules) = self.formula else { return Some(most) };
        let memory = report.memory.as_ref();
        if most.swapents.is_none() {
            let swap = memory?.swap;
            let used = swap.total?.saturating_sub(swap.free?);
            most.swapents = Some(self.page_size.pages_in(used));
        }
        if most.nr_ptes.is_none() && rules.page_tables != PageTables::Ignored {
            most.nr_ptes = Some(memory?.counters.pagetables?.count());
        }
        Some(most)
    }

    /// The same rules with another bonus for the privileged.
    fn with_root(&self, root: RootBonus) -> Election<'a> {
        let mut other = self.clone();
        if let Formula::Pages(rules) = &mut other.formula {
            rules.root = root;
        }
        other
    }

    fn has_root_bonus(&self) -> bool {
        match self.formula {
            Formula::Points(_) | Formula::PerMille(_) => true,
            Formula::Pages(rules) => rules.root != RootBonus::Nothing,
        }
    }
}

/// `constrained_alloc()` and `mem_cgroup_get_max()`: RAM and swap of the machine or of the allowed
/// nodes; or the group's limit and the swap it may use.
fn totals(report: &OomReport, ran_out: &RanOut, release: Release, page_size: PageSize) -> Totals {
    let memory = report.memory.as_ref();
    let pages = |bytes: Bytes| page_size.pages_in(bytes);
    let swap = memory.and_then(|memory| memory.swap.total).map(pages);
    let exactly = |total: Option<Pages>| Totals { least: total, most: total };
    match ran_out {
        RanOut::Cgroup(_) => {
            let block = report.memcg.as_ref();
            let limit =
                |of: Option<facts::oom_report::MemcgUsage>| of.and_then(|usage| usage.limit);
            let at = |limit: Option<Limit<Bytes>>| match limit {
                Some(Limit::At(bytes)) => Some(pages(bytes)),
                _ => None,
            };
            let memory_limit = at(limit(block.and_then(|block| block.memory)));
            let both = at(limit(block.and_then(|block| block.memory_swap)));
            let swap_limit = at(limit(block.and_then(|block| block.swap)));
            let most = match (memory_limit, both, swap_limit, swap) {
                (_, Some(both), _, None) => Some(both),
                (Some(limit), Some(both), _, Some(swap)) => {
                    Some(limit.saturating_add(swap).min(both))
                }
                (Some(limit), None, Some(most), _) => Some(limit.saturating_add(most)),
                (Some(limit), None, None, Some(swap)) => Some(limit.saturating_add(swap)),
                _ => None,
            };
            let least = match (memory_limit, both) {
                (Some(limit), Some(both)) => Some(limit.min(both)),
                (limit, both) => limit.or(both),
            };
            // With both figures of the machine at hand the most is what it is.
            Totals { least: if swap.is_some() { most.or(least) } else { least }, most }
        }
        RanOut::Cpuset(_) | RanOut::MemoryPolicy(_) => exactly(memory.and_then(|memory| {
            let present = memory.zones.iter().filter_map(|zone| zone.counters.present).map(pages);
            let nodes = present.reduce(Pages::saturating_add)?;
            nodes.checked_add(swap.unwrap_or(Pages::ZERO))
        })),
        RanOut::Machine | RanOut::Nothing | RanOut::Unknown => exactly(memory.and_then(|memory| {
            memory::managed(memory, release, page_size)?.checked_add(swap.unwrap_or(Pages::ZERO))
        })),
    }
}

/// Whom the kernel chose: the first it killed, or that one's parent where a child died for it.
fn chosen(report: &OomReport) -> (Option<&Kill>, Option<Pid>) {
    let kill = report.kills.first();
    (kill, kill.and_then(|kill| kill.chosen_pid).or_else(|| report.victim_pid()))
}

/// Why the scores did not matter. Free swap is less than none while an area is being switched off.
fn not_by_score(report: &OomReport, kill: Option<&Kill>, pid: Option<Pid>) -> Option<NotByScore> {
    if kill.is_some_and(|kill| kill.cause == Some(KillCause::AllocatingTask)) {
        return Some(NotByScore::AllocatingTask);
    }
    let lacking = report.memory.as_ref().is_some_and(|memory| memory.swap.lacking.is_some());
    (lacking && pid.is_some() && pid == report.reporter.pid).then_some(NotByScore::Swapoff)
}

pub(super) fn choice(
    report: &OomReport,
    election: Option<&Election<'_>>,
    release: Release,
    page_size: PageSize,
) -> Option<Choice> {
    let table = report.tasks.as_ref().filter(|table| !table.rows.is_empty())?;
    let Some(election) = election else { return Some(unscored(&table.rows, page_size)) };
    let total = election.total();
    let computed_with = total.unwrap_or(Pages::ZERO);
    let order = election.order(computed_with, Change::default());
    let shown = |pages: Pages| pages.to_bytes_saturating(page_size);
    let needs_total = matches!(election.formula, Formula::PerMille(_))
        || table.rows.iter().any(|row| row.oom_score_adj.is_some_and(|adj| adj.get() != 0));
    let computable = total.is_some() || !needs_total;
    let score = |index: usize, points: Option<i64>| {
        scored(&table.rows[index], points, election, computed_with, page_size)
    };
    let sure = election.sure_winner();
    let winner = sure.or_else(|| Some(order.first()?.0).filter(|_| computable));
    let (kill, pid) = chosen(report);
    let row = pid.and_then(|pid| election.row_of(pid));
    let not_by_score = not_by_score(report, kill, pid);
    let agrees = match (winner, pid, not_by_score) {
        (Some(winner), Some(_), None) if row == Some(winner) => Some(true),
        // Another is chosen whatever the total, or the total is known. Where the victim's row is cut
        // off, those of others may be, too.
        (Some(_), Some(_), None) if sure.is_some() && row.is_some() => Some(false),
        _ => None,
    };
    let without =
        election.winner(computed_with, Change { no_adjustments: true, ..Change::default() });
    let logged = kill.and_then(|kill| kill.score);
    let scored_row = row.filter(|_| computable && has_printed_score(release));
    let [computed, behind] =
        [Pages::ZERO, HELD_BACK].map(|held| election.score_range(report, scored_row?, held));
    let score_at_choice = behind
        .filter(|_| holds_back(release) && computed.is_some_and(|(_, most)| logged < Some(most)));
    let mut immune: Vec<usize> =
        (0..table.rows.len()).filter(|&index| election.is_immune(&table.rows[index])).collect();
    immune.sort_by_key(|&index| std::cmp::Reverse(table.rows[index].rss));
    let mut choice = Choice {
        formula: Some(election.formula.words()),
        total: total.map(shown),
        total_at_most: election.totals.most.map(shown),
        rows: order.iter().map(|&(i, points)| score(i, computable.then_some(points))).collect(),
        immune: immune.iter().map(|&index| score(index, None)).collect(),
        predicted: winner.and_then(|winner| election.task(winner)),
        agrees,
        not_by_score,
        rank_of_chosen: row
            .and_then(|row| order.iter().position(|&(i, _)| i == row))
            .map(|at| at + 1),
        margin: match order.as_slice() {
            [first, second, ..] if computable => Some(first.1.saturating_sub(second.1)),
            _ => None,
        },
        without_adjustments: without
            .filter(|without| winner.is_some_and(|winner| winner != *without))
            .and_then(|without| election.task(without)),
        logged_score: logged,
        computed_score: computed,
        score_at_choice: score_at_choice.filter(|_| logged.is_some() && computed != behind),
        kernel_fault: None,
        doubts: Vec::new(),
    };
    if agrees == Some(false) {
        choice.kernel_fault = kernel_fault(report, election, row, release);
    }
    let tolerated = choice.score_at_choice.or(computed);
    let wrong_score = matches!(
        (logged, tolerated), (Some(logged), Some((from, to))) if logged < from - 1 || logged > to + 1);
    let depends = agrees.is_none() && not_by_score.is_none() && pid.is_some();
    let wrong = agrees == Some(false) && choice.kernel_fault.is_none();
    if wrong || wrong_score || depends {
        choice.doubts = doubts(election, row, logged, &order, release);
    }
    Some(choice)
}

/// The known fault of this kernel with which it would choose as it did.
fn kernel_fault(
    report: &OomReport,
    election: &Election<'_>,
    chosen: Option<usize>,
    release: Release,
) -> Option<KernelFault> {
    let version = report.reporter.version.as_ref()?.escaped();
    if !compares_unsigned(release, &version) {
        return None;
    }
    // A kernel with this fault has the formula of 5.9, where points have no floor.
    let mut faulty = election.clone();
    if let Formula::Pages(rules) = &mut faulty.formula {
        rules.floor = None;
    }
    let order = faulty.order(faulty.total()?, Change::default());
    let first = order.iter().max_by_key(|(_, points)| points.cast_unsigned())?;
    (Some(first.0) == chosen).then_some(KernelFault::UnsignedPoints)
}

/// Pages that a thread's own counters hold back before they are added to its process's
/// (`TASK_RSS_EVENTS_THRESH` in `mm/memory.c`). The table is printed after the choice, and printing
/// takes long enough for them to be added.
const HELD_BACK: Pages = Pages::new(64);

/// `SPLIT_RSS_COUNTING`, 2.6.34 to 6.1.
fn holds_back(release: Release) -> bool {
    release >= Release::old(2, 6, 34) && release < Release::new(6, 2)
}

/// The score was printed from 2.6.36 as one of these formulas has it, to 5.0.
fn has_printed_score(release: Release) -> bool {
    release >= Release::old(2, 6, 36) && release < Release::new(5, 1)
}

/// The tasks of a table whose scores cannot be computed, the largest first.
fn unscored(rows: &[TaskRow], page_size: PageSize) -> Choice {
    let mut shown: Vec<TaskScore> = rows.iter().map(|row| plain(row, page_size)).collect();
    shown.sort_by_key(|row| std::cmp::Reverse(row.resident));
    Choice {
        formula: None,
        total: None,
        total_at_most: None,
        rows: shown,
        immune: Vec::new(),
        predicted: None,
        agrees: None,
        not_by_score: None,
        rank_of_chosen: None,
        margin: None,
        without_adjustments: None,
        logged_score: None,
        computed_score: None,
        score_at_choice: None,
        kernel_fault: None,
        doubts: Vec::new(),
    }
}

fn plain(row: &TaskRow, page_size: PageSize) -> TaskScore {
    let bytes = |pages: Option<Pages>| pages.map(|pages| pages.to_bytes_saturating(page_size));
    let tables = match (row.nr_ptes, row.nr_pmds) {
        (Some(ptes), pmds) => Some(Pages::new(ptes.saturating_add(pmds.unwrap_or(0)))),
        _ => None,
    };
    TaskScore {
        pid: row.pid,
        tgid: row.tgid,
        uid: row.uid,
        name: row.name.clone(),
        points: None,
        points_of_adjustment: None,
        resident: bytes(row.rss),
        swap: bytes(row.swapents),
        page_tables: row.pgtables.or(bytes(tables)),
        oom_score_adj: row.oom_score_adj,
    }
}

fn scored(
    row: &TaskRow,
    points: Option<i64>,
    election: &Election<'_>,
    total: Pages,
    page_size: PageSize,
) -> TaskScore {
    let per_adjustment = match election.formula {
        Formula::Pages(_) => i64::try_from(total.count() / 1000).unwrap_or(i64::MAX),
        Formula::PerMille(_) | Formula::Points(_) => 1,
    };
    let worth = row.oom_score_adj.map(|adj| adj.get().saturating_mul(per_adjustment));
    TaskScore {
        points,
        points_of_adjustment: worth.filter(|_| points.is_some()),
        ..plain(row, page_size)
    }
}

/// Possible reasons for a difference, those that can be tried first.
fn doubts(
    election: &Election<'_>,
    row: Option<usize>,
    logged: Option<i64>,
    order: &[(usize, i64)],
    release: Release,
) -> Vec<Doubt> {
    let Some(row) = row else { return vec![Doubt::NotInTable] };
    let mut doubts = Vec::new();
    let total = election.total().unwrap_or(Pages::ZERO);
    let agrees = |election: &Election<'_>, total: Pages| {
        let adj = election.rows[row].oom_score_adj.unwrap_or(ScoreAdj::NONE);
        let printed = election.printed(election.points(&election.rows[row], adj, total), total);
        election.winner(total, Change::default()) == Some(row)
            && logged.is_none_or(|logged| (logged - 1..=logged + 1).contains(&printed))
    };
    if agrees(election, election.ends()[1]) {
        doubts.push(Doubt::Total);
    }
    let others = [RootBonus::OfTotal, RootBonus::OfUsage, RootBonus::Nothing];
    if election.has_root_bonus() && others.iter().any(|&r| agrees(&election.with_root(r), total)) {
        doubts.push(Doubt::RootBonus);
    }
    if matches!(election.formula, Formula::PerMille(_)) {
        doubts.push(Doubt::ColumnsMissing);
    }
    // Per-cpu parts of the counters are folded in batches since 6.2.
    let approximate = release >= Release::new(6, 2) && release < Release::new(7, 0);
    let gap = order.first().map_or(0, |first| first.1)
        - order.iter().find(|(index, _)| *index == row).map_or(0, |&(_, points)| points);
    if approximate && gap.abs() < 4096 {
        doubts.push(Doubt::CountersApproximate);
    }
    if doubts.is_empty() && gap.abs() < 1024 {
        doubts.push(Doubt::ReadAtDifferentMoments);
    }
    if election.winner(total, Change::default()) != Some(row) {
        doubts.push(Doubt::Unseen);
    }
    doubts
}

/// What the scores of this election lack.
pub(super) fn gaps(election: &Election<'_>, ran_out: &RanOut) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if election.rows.iter().all(|row| row.swapents.is_none()) {
        gaps.push(Gap::SwapOfTasks);
    }
    let adjusted =
        election.rows.iter().any(|row| row.oom_score_adj.is_some_and(|adj| adj.get() != 0));
    let range = election.totals.least != election.totals.most;
    if matches!(ran_out, RanOut::Cgroup(_)) && range && adjusted {
        gaps.push(Gap::SwapOfMachine);
    }
    if election.has_root_bonus() {
        gaps.push(Gap::Capabilities);
    }
    gaps
}
