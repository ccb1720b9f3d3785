//! The same task in several tables: what it held then, and how fast it grew.

use std::collections::BTreeMap;

use facts::{Name, When};
use units::{Bytes, Pid};

use super::clock;
use super::report::{Growth, Sighting};
use crate::explain::{ExplainReport, Task, TaskScore};

/// Tasks of a table that are remembered, the largest first.
const OF_A_TABLE: usize = 32;
/// Tasks that are remembered in all.
const REMEMBERED: usize = 4096;
/// Tasks that are listed.
const LISTED: usize = 20;

/// A task's sightings in one boot.
#[derive(Debug)]
struct Seen {
    name: Name,
    pid: Pid,
    first: (Sighting, When),
    last: (Sighting, When),
}

/// The tables so far.
#[derive(Debug, Default)]
pub(super) struct Tables {
    seen: BTreeMap<(Pid, Name), Seen>,
    grown: Vec<Growth>,
}

/// The tasks that held most, of a report.
pub(super) fn largest(explained: &ExplainReport) -> Vec<(Task, Bytes)> {
    let Some(choice) = &explained.choice else { return Vec::new() };
    let held = |row: &TaskScore| {
        let swap = row.swap.unwrap_or(Bytes::ZERO);
        row.resident.and_then(|resident| resident.checked_add(swap))
    };
    let mut all: Vec<(&TaskScore, Bytes)> = choice
        .rows
        .iter()
        .chain(&choice.immune)
        .filter_map(|row| Some((row, held(row)?)))
        .collect();
    all.sort_by_key(|(_, held)| std::cmp::Reverse(*held));
    all.truncate(OF_A_TABLE);
    all.into_iter()
        .map(|(row, held)| (Task { pid: row.tgid.or(row.pid), name: row.name.clone() }, held))
        .collect()
}

impl Tables {
    /// Takes what the largest tasks of a report held.
    pub(super) fn see(&mut self, incident: u64, when: &When, held: Vec<(Task, Bytes)>) {
        for (task, held) in held {
            let (Some(pid), Some(name)) = (task.pid, task.name) else { continue };
            let now = (Sighting { incident, held }, when.clone());
            let key = (pid, name.clone());
            if let Some(seen) = self.seen.get_mut(&key) {
                seen.last = now;
                continue;
            }
            if self.seen.len() >= REMEMBERED {
                // Whoever has been away long was not among the largest since.
                self.forget(incident);
            }
            if self.seen.len() < REMEMBERED {
                self.seen.insert(key, Seen { name, pid, first: now.clone(), last: now });
            }
        }
    }

    /// Process ids begin anew.
    pub(super) fn reboot(&mut self) {
        for seen in std::mem::take(&mut self.seen).into_values() {
            self.grown.extend(growth(seen));
        }
        self.shorten();
    }

    /// What grew most.
    pub(super) fn finish(mut self) -> Vec<Growth> {
        self.reboot();
        self.grown
    }

    /// Forgets whom the last 100 incidents did not show.
    fn forget(&mut self, incident: u64) {
        let old = |seen: &Seen| seen.last.0.incident.saturating_add(100) < incident;
        let gone: Vec<(Pid, Name)> =
            self.seen.iter().filter(|(_, seen)| old(seen)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            let seen = self.seen.remove(&key);
            self.grown.extend(seen.and_then(growth));
        }
        self.shorten();
    }

    fn shorten(&mut self) {
        self.grown.sort_by_key(|one| std::cmp::Reverse(one.grew));
        self.grown.truncate(LISTED);
    }
}

fn growth(seen: Seen) -> Option<Growth> {
    let Seen { name, pid, first: (from, began), last: (to, ended) } = seen;
    (from.incident != to.incident).then_some(())?;
    let grew = i64::try_from(to.held.get()).ok()? - i64::try_from(from.held.get()).ok()?;
    (grew > 0).then_some(())?;
    let per_hour = clock::between(&began, &ended, true).filter(|us| *us > 0).and_then(|us| {
        let per_hour = i128::from(grew) * 3_600_000_000 / i128::from(us);
        i64::try_from(per_hour).ok()
    });
    Some(Growth { task: Task { pid: Some(pid), name: Some(name) }, from, to, grew, per_hour })
}
