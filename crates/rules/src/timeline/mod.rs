//! Several kills of a log: their order, what repeats, what grew, and what other programs said.
//!
//! [`Timeline`] takes explained reports and [`Notice`]s as a log is read and gives a
//! [`TimelineReport`]. Each notice is attached to the kill it tells of: by the process, by the
//! container's id or the unit in the victim's cgroup, or, when it names nothing, by seconds. What
//! another program killed by itself is an incident of its own, so that nobody takes systemd-oomd's
//! victims for the kernel's.
//!
//! # What it follows
//! The kernel prints at most 10 reports in 5 seconds (`oom_kill_process()`, `DEFAULT_RATELIMIT_*`)
//! and kills on; a bare kill line among reports is such a kill. A clock since boot that goes back is
//! a reboot, and so is another kernel.
//!
//! # What it leaves out
//! It does not know when one log continues another: each is a story of its own, in the order given.
//!
//! # Memory
//! It keeps the last 10 000 incidents, of each a few hundred bytes, and the last 4096 tasks that
//! were among the 32 largest of a table.

mod clock;
mod growth;
mod join;
mod report;
mod storm;

#[cfg(test)]
mod tests;

pub use report::{
    Casualty, Echo, Extent, Growth, Incident, JoinedBy, KernelPart, Killer, KillsBy, Repeated,
    SCHEMA, Sighting, Storm, TimelineReport,
};

use std::collections::{BTreeMap, VecDeque};

use facts::oom_report::OomReport;
use facts::{Act, Name, Notice, When};
use units::{Bytes, Pid};

use crate::explain::{Event, ExplainReport, Task};
use growth::Tables;
use storm::Storms;

/// Incidents that are kept.
const KEPT: usize = 10_000;
/// Incidents that a line may still belong to.
const OPEN: usize = 64;
/// Lines that wait for their report: a report is handed over when it has ended.
const WAITING: usize = 512;
/// Lines without a report that are listed.
const WITHOUT_REPORT: usize = 100;
/// Names and cgroups that are counted.
const NAMES: usize = 4096;

/// Takes reports and lines of other programs in the order of their logs.
#[derive(Debug, Default)]
pub struct Timeline {
    report: TimelineReport,
    kept: VecDeque<Incident>,
    /// Incidents of this log that lines may still belong to, in the order of the text.
    open: VecDeque<Incident>,
    waiting: VecDeque<Notice>,
    log: Name,
    /// The last incident's time, and the boot that it was of.
    last: Option<(When, u64)>,
    boot: u64,
    /// The kernel's words about itself, when it last printed them.
    kernel: Option<Name>,
    left_out: u64,
    numbers: u64,
    repeated: BTreeMap<(Name, Option<Name>), Repeated>,
    tables: Tables,
    storms: Storms,
}

impl Timeline {
    /// One without incidents.
    pub fn new() -> Self {
        Timeline {
            report: TimelineReport { schema: SCHEMA, ..TimelineReport::default() },
            ..Timeline::default()
        }
    }

    /// Another log begins.
    pub fn begin(&mut self, log: Name) {
        self.end_log();
        self.log = log;
    }

    /// Takes a report of the kernel and when its first line was printed.
    pub fn report(&mut self, report: &OomReport, explained: &ExplainReport, when: &When) {
        self.report.reports += 1;
        let victims: Vec<Casualty> = explained.victims.iter().map(casualty).collect();
        let part = KernelPart {
            number: self.report.reports,
            event: explained.event,
            ran_out: explained.ran_out.clone(),
            cause: explained.cause.clone(),
            asked: explained
                .asked
                .as_ref()
                .map(|asker| Task { pid: asker.pid, name: asker.name.clone() }),
            agrees: explained.choice.as_ref().and_then(|choice| choice.agrees),
            extent: extent(report, explained),
            earlier_victim_holds: None,
            kernel: explained.source.kernel.clone(),
        };
        let cgroup = report
            .oom_kill
            .as_ref()
            .and_then(|line| line.task_memcg.clone())
            .or_else(|| report.memcg.as_ref().and_then(|block| block.task_group.clone()))
            .or_else(|| explained.group.as_ref().and_then(|group| group.path.clone()));
        let incident = Incident {
            number: 0,
            log: self.log.clone(),
            first_line: explained.source.first_line,
            last_line: explained.source.last_line,
            host: when.host.clone(),
            boot: 0,
            boot_us: when.boot_us,
            time: when.time.clone(),
            since_last_us: None,
            killer: Killer::Kernel,
            report: Some(part),
            notice: None,
            victims,
            cgroup,
            left_out_before: 0,
            echoes: Vec::new(),
        };
        let first = explained.source.first_line.unwrap_or(u64::MAX);
        // What other programs killed before.
        while let Some(at) = self.waiting.iter().position(|n| n.act.kills() && n.line < first) {
            if let Some(notice) = self.waiting.remove(at) {
                self.take(notice);
            }
        }
        let held = growth::largest(explained);
        self.place(incident, held);
        if self.open.len() > OPEN {
            self.take_waiting(first);
        }
        self.close();
    }

    /// Takes a line of another program.
    pub fn notice(&mut self, notice: Notice) {
        self.waiting.push_back(notice);
        if self.waiting.len() > WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.take(oldest);
        }
    }

    /// Incidents that no further line will be attached to; every one is handed out once, and those
    /// handed out are not in the report of [`Timeline::finish`].
    pub fn settled(&mut self) -> impl Iterator<Item = Incident> + '_ {
        self.kept.drain(..)
    }

    /// Ends the last log.
    pub fn finish(mut self) -> TimelineReport {
        self.end_log();
        let mut report = self.report;
        report.incidents = self.kept.into();
        report.storms = self.storms.finish();
        report.growth = self.tables.finish();
        report.repeated = self.repeated.into_values().filter(|one| one.kills > 1).collect();
        report.repeated.sort_by(|a, b| b.kills.cmp(&a.kills).then(a.first.cmp(&b.first)));
        report
    }

    /// Gives an incident its number, its boot and its distance; reports come after lines of other
    /// programs that stand behind them, so the place is found by line.
    fn place(&mut self, mut incident: Incident, held: Vec<(Task, Bytes)>) {
        let when = when(&incident);
        let back = matches!(
            (self.last.as_ref().and_then(|(last, _)| last.boot_us), when.boot_us),
            (Some(last), Some(now)) if now.saturating_add(REORDERED_US) < last
        );
        let kernel = incident.report.as_ref().and_then(|part| part.kernel.as_ref());
        let other = matches!((kernel, &self.kernel), (Some(now), Some(last)) if now != last);
        if let Some(kernel) = kernel {
            self.kernel = Some(kernel.clone());
        }
        if self.boot == 0 || back || other {
            self.boot += 1;
            self.report.boots += 1;
            self.tables.reboot();
            self.storms.reboot();
        }
        incident.boot = self.boot;
        if let Some((last, boot)) = &self.last {
            incident.since_last_us = clock::between(last, &when, *boot == self.boot);
        }
        self.numbers += 1;
        incident.number = self.numbers;
        incident.left_out_before = std::mem::take(&mut self.left_out);
        if let Some(part) = &mut incident.report {
            self.report.kernel_kills += incident.victims.len() as u64;
            let holds = self.storms.earlier_victim(&held, &incident.victims);
            part.earlier_victim_holds = holds;
            self.tables.see(incident.number, &when, held);
        } else if let Killer::Other(killer) = incident.killer {
            match self.report.other_kills.iter_mut().find(|one| one.killer == killer) {
                Some(one) => one.kills += 1,
                None => self.report.other_kills.push(KillsBy { killer, kills: 1 }),
            }
        }
        self.storms.see(&incident, &when);
        self.count(&incident);
        self.last = Some((when, self.boot));
        self.open.push_back(incident);
    }

    /// Keeps those that no further line belongs to.
    fn close(&mut self) {
        while self.open.len() > OPEN {
            if let Some(oldest) = self.open.pop_front() {
                self.keep(oldest);
            }
        }
    }

    fn keep(&mut self, incident: Incident) {
        self.kept.push_back(incident);
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            self.report.not_listed += 1;
        }
    }

    fn end_log(&mut self) {
        // Kills first: lines before and after them may tell of them.
        let (kills, others): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|n| n.act.kills());
        for notice in kills.into_iter().chain(others) {
            self.take(notice);
        }
        while let Some(incident) = self.open.pop_front() {
            self.keep(incident);
        }
        self.report.left_out += std::mem::take(&mut self.left_out);
        self.last = None;
        self.kernel = None;
        self.boot = 0;
        self.tables.reboot();
        self.storms.reboot();
    }

    /// Takes the lines before this one out of the queue.
    fn take_waiting(&mut self, before: u64) {
        let all = std::mem::take(&mut self.waiting);
        for notice in all {
            if notice.line < before {
                self.take(notice);
            } else {
                self.waiting.push_back(notice);
            }
        }
    }

    fn take(&mut self, notice: Notice) {
        if notice.act.kills() {
            let incident = own(&notice, self.log.clone());
            self.place(incident, Vec::new());
            self.close();
        } else {
            self.attach(notice);
        }
    }

    /// Attaches a line to the incident it belongs to.
    fn attach(&mut self, notice: Notice) {
        if notice.act == Act::LeftOut {
            let count = notice.count.unwrap_or(0);
            self.report.left_out = self.report.left_out.saturating_add(count);
            let before = |incident: &&mut Incident| incident.first_line > Some(notice.line);
            if let Some(incident) = self.open.iter_mut().find(before) {
                incident.left_out_before = incident.left_out_before.saturating_add(count);
            }
            return;
        }
        let best = self
            .open
            .iter()
            .enumerate()
            .filter_map(|(at, incident)| {
                let (by, distance) = join::joins(&notice, incident)?;
                Some((by, distance, at))
            })
            .min();
        if let Some((joined_by, _, at)) = best {
            self.open[at].echoes.push(Echo { joined_by, notice });
        } else if matches!(notice.act, Act::ToldOfKill | Act::ToldOfEither)
            && self.report.without_report.len() < WITHOUT_REPORT
        {
            self.report.without_report.push(notice);
        }
    }

    fn count(&mut self, incident: &Incident) {
        for victim in &incident.victims {
            let Some(name) = &victim.name else { continue };
            let key = (name.clone(), incident.cgroup.as_ref().map(join::lasting));
            if self.repeated.len() >= NAMES && !self.repeated.contains_key(&key) {
                continue;
            }
            let one = self.repeated.entry(key).or_insert_with_key(|(name, cgroup)| Repeated {
                name: name.clone(),
                cgroup: cgroup.clone(),
                kills: 0,
                first: incident.number,
                last: incident.number,
                least: victim.resident,
                most: victim.resident,
            });
            one.kills += 1;
            one.last = incident.number;
            one.least = one.least.into_iter().chain(victim.resident).min();
            one.most = one.most.into_iter().chain(victim.resident).max();
        }
    }
}

/// Lines of several CPUs may be printed out of order; a reboot goes back farther.
const REORDERED_US: u64 = 5_000_000;

fn when(incident: &Incident) -> When {
    When { boot_us: incident.boot_us, time: incident.time.clone(), host: incident.host.clone() }
}

/// A kill of another program as an incident.
fn own(notice: &Notice, log: Name) -> Incident {
    let resident = notice.figures.iter().find_map(|figure| match (figure.of, figure.value) {
        (facts::FigureOf::Resident, facts::FigureValue::Bytes(bytes)) => Some(bytes),
        _ => None,
    });
    let named = notice.pid.is_some() || notice.name.is_some();
    let victims = named.then(|| Casualty { pid: notice.pid, name: notice.name.clone(), resident });
    Incident {
        number: 0,
        log,
        first_line: Some(notice.line),
        last_line: Some(notice.line),
        host: notice.when.host.clone(),
        boot: 0,
        boot_us: notice.when.boot_us,
        time: notice.when.time.clone(),
        since_last_us: None,
        killer: Killer::Other(notice.speaker),
        report: None,
        victims: victims.into_iter().collect(),
        cgroup: notice.cgroup.clone(),
        left_out_before: 0,
        echoes: Vec::new(),
        notice: Some(notice.clone()),
    }
}

fn casualty(victim: &crate::explain::Victim) -> Casualty {
    let parts = [victim.anon, victim.file, victim.shmem];
    let resident = parts.iter().flatten().try_fold(Bytes::ZERO, |sum, part| sum.checked_add(*part));
    Casualty {
        pid: victim.pid,
        name: victim.name.clone(),
        resident: resident.filter(|_| victim.anon.is_some()),
    }
}

/// How much of a report is there.
fn extent(report: &OomReport, explained: &ExplainReport) -> Extent {
    let head = report.trigger.is_some();
    let tail = explained.event != Event::Unknown;
    let body = report.memory.is_some() || report.tasks.is_some() || report.memcg.is_some();
    match (head, tail) {
        (true, true) => Extent::Whole,
        (true, false) => Extent::TailMissing,
        (false, true) if !body && report.oom_kill.is_none() => Extent::KillLineOnly,
        (false, true) => Extent::HeadMissing,
        (false, false) => Extent::MiddleOnly,
    }
}

/// The processes that an incident killed.
fn pids(incident: &Incident) -> impl Iterator<Item = Pid> + '_ {
    incident.victims.iter().filter_map(|victim| victim.pid)
}
