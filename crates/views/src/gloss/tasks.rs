//! The table of tasks.

use facts::Release;
use facts::oom_report::{TaskColumns, TaskRow};
use rules::explain::{Choice, TaskScore};
use units::{OomAdj, ScoreAdj};

use super::{Gloss, Glosses};
use crate::amount;

impl Glosses<'_> {
    pub(super) fn tasks_header(&self) -> Option<Gloss> {
        let columns = self.report.tasks.as_ref()?.columns;
        let mut text = if self.explained.source.rules_of < Release::old(2, 6, 36) {
            "total_vm is address space, promised and perhaps never used: kernels before 2.6.36 go by \
             it. rss is what is in memory"
        } else {
            "total_vm is address space: promised, not used, and it does not count. rss is what is \
             in memory and counts"
        }
        .to_owned();
        match columns {
            Some(TaskColumns::SplitRss) => text.push_str(
                ", made of rss_anon (its own), rss_file (of files), rss_shmem (shared). \
                 pgtables_bytes, in bytes, and swapents, in pages, count too",
            ),
            Some(TaskColumns::PgtablesBytes) => text.push_str(
                ". pgtables_bytes (page tables, in bytes) and swapents (in swap) count too",
            ),
            Some(TaskColumns::PtesPmds | TaskColumns::Ptes) => text.push_str(
                ". nr_ptes (pages of page tables) and swapents (pages in swap) count too",
            ),
            Some(TaskColumns::CpuAdj | TaskColumns::CpuAdjScoreAdj) | None => {}
        }
        text.push_str(match columns {
            Some(TaskColumns::CpuAdj) => ". oom_adj moves the score: -17 never killed, 15 first.",
            _ => {
                ". oom_score_adj moves the score by thousandths of the whole: -1000 never killed, \
                  1000 first."
            }
        });
        Gloss::plain(text)
    }

    pub(super) fn task(&self, at: usize) -> Option<Gloss> {
        let row = self.report.tasks.as_ref()?.rows.get(at)?;
        let name = row.name.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let mut parts = Vec::new();
        if let Some(rss) = row.rss {
            parts.push(format!("{} in memory", self.bytes(rss)));
        }
        let score = self.score(row);
        if let Some(swap) = score.and_then(|(_, row)| row.swap).filter(|swap| swap.get() > 0) {
            parts.push(format!("{swap} in swap"));
        }
        if let Some(tables) = score.and_then(|(_, row)| row.page_tables)
            && tables.get() > 0
        {
            parts.push(format!("{tables} of page tables"));
        }
        if let Some(adj) = row.oom_score_adj.filter(|&adj| adj != ScoreAdj::NONE) {
            parts.push(format!("adjusted by {:+}", adj.get()));
        } else if let Some(adj) = row.oom_adj.filter(|adj| adj.get() != 0) {
            parts.push(format!("adjusted by {:+}", adj.get()));
        }
        let mut text = format!("{name}: {}.", parts.join(", "));
        let victim = self.is_victim(row);
        if let (Some((Some(rank), _)), Some(choice)) = (score, self.choice()) {
            text.push_str(&self.place(rank, choice));
        } else if row.pid.is_some_and(|pid| self.immune.contains_key(&pid)) {
            text.push_str(" Cannot be chosen.");
        }
        if row.oom_adj == Some(OomAdj::NEVER) {
            text.push_str(" Cannot be chosen.");
        }
        if victim {
            text.push_str(" THIS ONE WAS KILLED.");
        }
        let chosen = !victim && self.is_parent(row);
        if chosen {
            text.push_str(" This one was chosen, and a child of it was killed in its place.");
        }
        Gloss::key_if(victim || chosen, text)
    }

    fn choice(&self) -> Option<&Choice> {
        self.explained.choice.as_ref()
    }

    fn place(&self, rank: usize, choice: &Choice) -> String {
        let Some(row) = choice.rows.get(rank) else { return String::new() };
        let Some(points) = row.points else { return String::new() };
        let unit = if self.explained.source.rules_of >= Release::new(3, 5) {
            " pages"
        } else {
            " of 1000"
        };
        let signed = |points: i64| {
            let sign = if points < 0 { "-" } else { "" };
            format!("{sign}{}", amount::grouped(points.unsigned_abs()))
        };
        let worth = match row.points_of_adjustment.filter(|&worth| worth != 0) {
            Some(worth) => format!(" ({} of it by the adjustment)", signed(worth)),
            None => String::new(),
        };
        format!(
            " Score {}{unit}{worth}, place {} of {}.",
            signed(points),
            rank + 1,
            choice.rows.len()
        )
    }

    /// The row of the choice that is this task's, and its place if it can be chosen.
    fn score(&self, row: &TaskRow) -> Option<(Option<usize>, &TaskScore)> {
        let choice = self.choice()?;
        let pid = row.pid?;
        if let Some(&at) = self.ranks.get(&pid) {
            return Some((Some(at), choice.rows.get(at)?));
        }
        Some((None, choice.immune.get(*self.immune.get(&pid)?)?))
    }

    /// Whether it was chosen and a child died.
    fn is_parent(&self, row: &TaskRow) -> bool {
        let parents = self.explained.victims.iter().filter_map(|victim| victim.instead_of.as_ref());
        parents.into_iter().any(|task| task.pid.is_some() && task.pid == row.pid)
    }

    fn is_victim(&self, row: &TaskRow) -> bool {
        self.explained
            .victims
            .iter()
            .any(|victim| victim.pid.is_some() && (victim.pid == row.pid || victim.pid == row.tgid))
    }
}
