//! Kills in quick succession, and kills before an earlier victim's memory was back.

use facts::{Name, When};
use units::{Bytes, Pid};

use super::clock;
use super::report::{Casualty, Incident, Killer, Storm};
use crate::explain::{Event, Task};

/// Kills that follow each other within this time are one storm. The OOM killer waits for its victim
/// to let go of its memory, which mostly takes much less.
const QUICK_US: u64 = 10_000_000;
/// So many kills make a storm, or two when the second came before the memory was back.
const KILLS: u64 = 3;
/// Storms that are listed.
const LISTED: usize = 100;
/// Victims that are looked for in later tables.
const VICTIMS: usize = 16;
/// An earlier victim that holds less has given its memory back.
const HOLDS: u64 = 1 << 20;

/// The storm so far.
#[derive(Debug, Default)]
pub(super) struct Storms {
    found: Vec<Storm>,
    now: Option<(Storm, When, When)>,
    victims: Vec<(Pid, Option<Name>)>,
}

impl Storms {
    /// An earlier victim among the tasks of a report that is not its victim, and what it holds.
    pub(super) fn earlier_victim(
        &self,
        held: &[(Task, Bytes)],
        now: &[Casualty],
    ) -> Option<Casualty> {
        let (task, held) = held.iter().find(|(task, held)| {
            // Numbers are used again: the name must be the same.
            held.get() >= HOLDS
                && now.iter().all(|victim| victim.pid != task.pid)
                && self
                    .victims
                    .iter()
                    .any(|(pid, name)| task.pid == Some(*pid) && task.name == *name)
        })?;
        Some(Casualty { pid: task.pid, name: task.name.clone(), resident: Some(*held) })
    }

    /// Takes the next incident.
    pub(super) fn see(&mut self, incident: &Incident, when: &When) {
        let Some(part) = &incident.report else { return };
        if incident.killer != Killer::Kernel || part.event != Event::Kill {
            return;
        }
        let kills = (incident.victims.len() as u64).max(1);
        let early = u64::from(part.earlier_victim_holds.is_some());
        let quick = self.now.as_ref().is_some_and(|(_, _, last)| {
            clock::between(last, when, true).is_some_and(|us| us <= QUICK_US) || early > 0
        });
        match &mut self.now {
            Some((storm, began, last)) if quick => {
                storm.last = incident.number;
                storm.last_report = part.number;
                storm.kills += kills;
                storm.before_memory_was_back += early;
                storm.lasted_us = clock::between(began, when, true);
                *last = when.clone();
            }
            _ => {
                self.end();
                let storm = Storm {
                    first: incident.number,
                    last: incident.number,
                    first_report: part.number,
                    last_report: part.number,
                    kills,
                    lasted_us: Some(0),
                    before_memory_was_back: 0,
                };
                self.now = Some((storm, when.clone(), when.clone()));
            }
        }
        let victims = incident.victims.iter();
        self.victims.extend(victims.filter_map(|one| Some((one.pid?, one.name.clone()))));
        let more = self.victims.len().saturating_sub(VICTIMS);
        self.victims.drain(..more);
    }

    /// Another boot: nobody lives on.
    pub(super) fn reboot(&mut self) {
        self.end();
        self.victims.clear();
    }

    pub(super) fn finish(mut self) -> Vec<Storm> {
        self.end();
        self.found
    }

    fn end(&mut self) {
        let Some((storm, ..)) = self.now.take() else { return };
        let several = storm.first != storm.last;
        let is_storm = several && (storm.kills >= KILLS || storm.before_memory_was_back > 0);
        if is_storm && self.found.len() < LISTED {
            self.found.push(storm);
        }
    }
}
