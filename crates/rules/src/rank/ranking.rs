//! The kill order itself; rows are made of it on demand.

use std::cmp::Reverse;

use facts::{Release, Snapshot, Task};
use units::{Bytes, Pages, Pid};

use super::domain::{Totals, contains};
use super::frees::Sharing;
use super::inputs::{Inputs, oom_adj, oom_score_adj};
use super::selection::{Sacrifice, Selection, Ties};
use super::{Domain, Immune, ImmuneRow, RankReport, RankRow, SourceLine};
use crate::badness::{Formula, badness, points, proc_oom_score};
use crate::eligible::{AddressSpace, Eligibility, Setting, address_space, is_machines_init};

/// Name and version of the report's format.
const SCHEMA: &str = "oomph.rank/1";

/// The kill order of a domain: everything is scored and sorted, nothing is written out yet.
///
/// [`Ranking::rows`] makes rows one by one, so that whoever wants the first five pays for five;
/// [`Ranking::report`] makes them all.
#[derive(Debug)]
pub struct Ranking<'a> {
    snapshot: &'a Snapshot,
    domain: Domain,
    rules_of: Option<Release>,
    formula: Formula,
    totals: Totals,
    inputs: Inputs<'a>,
    sharing: Sharing,
    order: Vec<Place<'a>>,
    immune: Vec<(&'a Task, Immune)>,
    without_memory: usize,
    unreadable: Vec<Pid>,
    notes: Vec<String>,
}

/// One who can be chosen.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    points: i64,
    base: u64,
    task: &'a Task,
}

impl Place<'_> {
    /// Place in the task list: the order of creation.
    fn created(&self) -> (u64, Pid) {
        (self.task.start_ticks.unwrap_or(0), self.task.pid)
    }
}

impl<'a> Ranking<'a> {
    /// Scores and sorts the processes of a domain by the rules of `release`, or of the snapshot's
    /// own kernel; where neither is known, by today's.
    pub fn new(snapshot: &'a Snapshot, domain: &Domain, release: Option<Release>) -> Ranking<'a> {
        let mut notes = Vec::new();
        let rules_of = release.or(snapshot.kernel.release);
        if rules_of.is_none() {
            notes.push("The kernel's release is unknown: today's rules were applied.".to_owned());
        }
        if snapshot.viewpoint.first_pid_namespace == Some(false) {
            notes.push(
                "Seen from inside a pid namespace, such as a container's: processes outside of it \
                 are not listed, and the kernel may choose one of them."
                    .to_owned(),
            );
        }
        let formula = rules_of.map_or(Formula::TODAY, Formula::for_release);
        let eligibility = rules_of.map_or(Eligibility::TODAY, Eligibility::for_release);
        let selection = rules_of.map_or(Selection::TODAY, Selection::for_release);
        let mut ranking = Ranking {
            snapshot,
            domain: domain.clone(),
            rules_of,
            formula,
            totals: Totals::of(snapshot, domain, &mut notes),
            inputs: Inputs::new(snapshot, formula),
            sharing: Sharing::of(snapshot),
            order: Vec::with_capacity(snapshot.tasks.len()),
            immune: Vec::new(),
            without_memory: 0,
            unreadable: Vec::new(),
            notes,
        };
        ranking.score(eligibility);
        match selection.ties {
            Ties::First => ranking.order.sort_unstable_by_key(|p| (Reverse(p.points), p.created())),
            Ties::Last => ranking.order.sort_unstable_by_key(|p| Reverse((p.points, p.created()))),
        }
        ranking.immune.sort_by_key(|(task, _)| Reverse(size(snapshot, task)));
        ranking.note_the_sacrificed_child(selection.child);
        ranking
    }

    /// How many can be chosen.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nobody can be chosen.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Those who can be chosen with their points, the first victim first, without making rows.
    pub fn order(&self) -> impl ExactSizeIterator<Item = (&'a Task, i64)> + '_ {
        self.order.iter().map(|place| (place.task, place.points))
    }

    /// Those who can be chosen, the first victim first; each row is made when asked for.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = RankRow> + '_ {
        self.order.iter().enumerate().map(|(i, place)| self.row(i + 1, place))
    }

    /// Those who can never be chosen and have memory, the largest first; made when asked for.
    pub fn immune(&self) -> impl ExactSizeIterator<Item = ImmuneRow> + '_ {
        self.immune.iter().map(|&(task, why)| self.immune_row(task, why))
    }

    /// The formula that was applied.
    pub fn formula(&self) -> &Formula {
        &self.formula
    }

    /// The release whose rules were applied; `None` when it is unknown and today's were assumed.
    pub fn rules_of(&self) -> Option<Release> {
        self.rules_of
    }

    /// What scores are measured against; `None` if unknown, or if the formula does not ask.
    pub fn total(&self) -> Option<Bytes> {
        match self.formula {
            Formula::Points(_) => None,
            _ => self.totals.domain.map(|t| t.to_bytes_saturating(self.snapshot.page_size)),
        }
    }

    /// Threads of the kernel and processes without memory.
    pub fn without_memory(&self) -> usize {
        self.without_memory
    }

    /// Processes whose memory could not be read at all.
    pub fn unreadable(&self) -> &[Pid] {
        &self.unreadable
    }

    /// What else a reader must know to trust the order.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The whole report.
    pub fn report(&self) -> RankReport {
        RankReport {
            schema: SCHEMA,
            source: SourceLine::from(self.snapshot),
            rules_of: self.rules_of,
            formula: self.formula.words(),
            domain: self.domain.clone(),
            total: self.total(),
            rows: self.rows().collect(),
            immune: self.immune().collect(),
            without_memory: self.without_memory,
            unreadable: self.unreadable.clone(),
            missing: self.snapshot.missing.clone(),
            notes: self.notes.clone(),
        }
    }

    fn score(&mut self, eligibility: Eligibility) {
        let total = self.totals.domain.unwrap_or_default();
        let (mut homeless, mut converted) = (0_usize, false);
        for task in &self.snapshot.tasks {
            match contains(&self.snapshot.cgroups, &self.domain, task) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    let own = address_space(task, self.snapshot.kernel.release);
                    homeless += usize::from(own == AddressSpace::Own);
                    continue;
                }
            }
            if address_space(task, self.snapshot.kernel.release) != AddressSpace::Own {
                self.without_memory += 1;
                continue;
            }
            let Some(base) = self.inputs.base(task) else {
                self.unreadable.push(task.pid);
                continue;
            };
            converted |= match eligibility.setting {
                Setting::None => false,
                Setting::OomAdj => task.oom_adj.is_none() && oom_adj(task).is_some(),
                Setting::OomScoreAdj => {
                    task.oom_score_adj.is_none() && oom_score_adj(task).is_some()
                }
            };
            let subject = self.inputs.subject(task, base);
            let points = points(&self.formula, &subject, total);
            let init = is_machines_init(self.snapshot, task);
            match eligibility.immune(init, subject.oom_adj, subject.oom_score_adj, points) {
                Some(why) => self.immune.push((task, why)),
                None => self.order.push(Place { points, base, task }),
            }
        }
        match homeless {
            0 => {}
            1 => self.notes.push("The cgroup of 1 process is unknown; it is left out.".to_owned()),
            n => self
                .notes
                .push(format!("The cgroup of {n} processes is unknown; they are left out.")),
        }
        if converted {
            self.notes.push(match eligibility.setting {
                Setting::OomAdj => "oom_adj was computed from oom_score_adj, as the kernel's own \
                                    legacy file does."
                    .to_owned(),
                _ => "oom_score_adj was computed from oom_adj, as the kernel's own legacy file \
                      does."
                    .to_owned(),
            });
        }
        if let Formula::Points(rules) = self.formula {
            self.notes.push(format!(
                "The timer frequency of the kernel is unknown: {} Hz, the default, was assumed.",
                rules.hz
            ));
        }
    }

    /// Until 5.0 a child may die in place of the chosen process.
    fn note_the_sacrificed_child(&mut self, rule: Sacrifice) {
        let Some(chosen) = self.order.first() else { return };
        let children = self.order.iter().filter(|p| p.task.ppid == Some(chosen.task.pid));
        let child = match rule {
            Sacrifice::No => None,
            Sacrifice::Oldest => children.min_by_key(|p| p.created()),
            Sacrifice::Worst => children.max_by_key(|p| (p.points, Reverse(p.created()))),
        };
        if let Some(Place { task, .. }) = child {
            let name = task.comm.as_ref().map_or_else(String::new, |n| format!(" ({n})"));
            self.notes.push(format!(
                "This kernel kills a child in place of the chosen process: {}{name} would die, \
                 unless it shares the memory of {}.",
                task.pid, chosen.task.pid
            ));
        }
    }

    fn row(&self, rank: usize, place: &Place<'_>) -> RankRow {
        let task = place.task;
        let subject = self.inputs.subject(task, place.base);
        let total = self.totals.domain.unwrap_or_default();
        let scored = badness(&self.formula, &subject, total);
        let mut assumed = self.inputs.assumed(task);
        let reads_total = !matches!(self.formula, Formula::Points(_));
        if reads_total && self.totals.domain.is_none() {
            assumed.push("total");
        }
        // The file under /proc knows no cgroup: it measures against the machine.
        let machine = self.totals.machine.or((!reads_total).then_some(Pages::ZERO));
        let predicted_oom_score = machine.filter(|_| assumed.is_empty()).and_then(|machine| {
            let points = points(&self.formula, &subject, machine);
            proc_oom_score(&self.formula, Some(points), machine)
        });
        RankRow {
            rank,
            pid: task.pid,
            name: task.comm.clone(),
            uid: task.uid,
            user: task.uid.and_then(|uid| self.snapshot.user(uid)).cloned(),
            points: scored.points,
            steps: scored.steps,
            predicted_oom_score,
            oom_score: task.oom_score,
            oom_score_adj: task.oom_score_adj,
            oom_adj: task.oom_adj,
            resident: resident(self.snapshot, task),
            resident_anon: task.rss_anon,
            swap: task.swap,
            page_tables: page_tables(task),
            frees: self.sharing.frees(task),
            cgroup: task.cgroup.clone(),
            assumed,
        }
    }

    fn immune_row(&self, task: &Task, why: Immune) -> ImmuneRow {
        ImmuneRow {
            pid: task.pid,
            name: task.comm.clone(),
            uid: task.uid,
            user: task.uid.and_then(|uid| self.snapshot.user(uid)).cloned(),
            why,
            resident: resident(self.snapshot, task),
            swap: task.swap,
            page_tables: page_tables(task),
            oom_score: task.oom_score,
            oom_score_adj: task.oom_score_adj,
            cgroup: task.cgroup.clone(),
        }
    }
}

fn resident(snapshot: &Snapshot, task: &Task) -> Option<Bytes> {
    task.vm_rss.or_else(|| task.rss.map(|rss| rss.to_bytes_saturating(snapshot.page_size)))
}

fn page_tables(task: &Task) -> Option<Bytes> {
    task.vm_pte.map(|ptes| ptes.saturating_add(task.vm_pmd.unwrap_or_default()))
}

fn size(snapshot: &Snapshot, task: &Task) -> Bytes {
    resident(snapshot, task).unwrap_or_default().saturating_add(task.swap.unwrap_or_default())
}
