//! Counting, and naming what failed.

use super::index::Row;
use facts::Release;
use facts::oom_report::{LineKind, OomReport};
use klog::{Found, Problem, Trouble};
use rules::gfp;
use std::fmt::Write;

/// A share that has a goal.
#[derive(Debug, Default)]
pub(super) struct Share {
    good: usize,
    all: usize,
    failed: Vec<String>,
}

impl Share {
    pub(super) fn count(&mut self, good: bool, failure: impl FnOnce() -> String) {
        self.all += 1;
        if good {
            self.good += 1;
        } else {
            self.failed.push(failure());
        }
    }

    /// Prints it; true when the goal, in percent, is reached.
    pub(super) fn print(&self, what: &str, goal: Option<usize>) -> bool {
        let Share { good, all, failed } = self;
        if *all == 0 {
            println!("{what:<58} none to count");
            return true;
        }
        let reached = goal.is_none_or(|goal| good * 100 >= goal * all);
        let hundredths = good * 10_000 / all;
        let share = format!("{}.{:02} %", hundredths / 100, hundredths % 100);
        let goal = match goal {
            Some(goal) if reached => format!("at least {goal} %, held"),
            Some(goal) => format!("at least {goal} %, MISSED"),
            None => String::new(),
        };
        println!("{what:<58} {good:>4} of {all:<4} {share:>9}   {goal}");
        for failure in failed {
            println!("    {failure}");
        }
        reached
    }
}

/// What was found in all files.
#[derive(Debug, Default)]
pub(super) struct Tally {
    files: usize,
    lines: usize,
    reports: usize,
    complete: usize,
    /// Complete reports in which every line of a section was understood.
    clean: Share,
    /// As above, of all reports.
    clean_all: Share,
    /// Lines inside sections that were understood.
    understood: Share,
    complete_files: Share,
    tables: Share,
    memory: Share,
    pids: Share,
    names: Share,
    scores: Share,
    page_sizes: Share,
    /// Names of gfp flags equal to the kernel's own, where the release is known.
    gfp: Share,
    /// Where it is not: some release prints them.
    gfp_any: Share,
}

impl Tally {
    pub(super) fn add(&mut self, file: &str, found: &[Found], row: Option<&Row>) {
        self.files += 1;
        let mut complete = false;
        for Found { report, problems } in found {
            self.reports += 1;
            self.lines += report.lines.len();
            let unread = unread(report, problems);
            let place = report.lines.first().map_or(0, |line| line.number);
            if is_complete(report) {
                complete = true;
                self.complete += 1;
                self.clean
                    .count(unread.is_empty(), || format!("{file}:{place}: {}", first(&unread)));
            }
            self.clean_all
                .count(unread.is_empty(), || format!("{file}:{place}: {}", first(&unread)));
            if report.memory.as_ref().is_some_and(|m| m.zones.iter().any(|z| z.buddy.is_some())) {
                self.page_sizes.count(report.page_size.is_some(), || format!("{file}:{place}"));
            }
            self.gfp(file, report, row);
            self.understood.all += report.lines.len();
            self.understood.good += report.lines.len() - report.unknown_lines().count();
        }
        let Some(row) = row.filter(|row| !row.foreign) else { return };
        if row.complete {
            self.complete_files.count(complete, || file.to_owned());
        }
        if row.has_table {
            let has = found.iter().any(|f| {
                f.report.tasks.as_ref().is_some_and(|t| !t.rows.is_empty() || t.columns.is_some())
            });
            self.tables.count(has, || file.to_owned());
        }
        if row.has_memory {
            let has = found.iter().any(|f| f.report.memory.is_some() || f.report.memcg.is_some());
            self.memory.count(has, || file.to_owned());
        }
        self.victims(file, found, row);
    }

    fn gfp(&mut self, file: &str, report: &OomReport, row: Option<&Row>) {
        let Some(gfp) = report.trigger.as_ref().and_then(|trigger| trigger.gfp.as_ref()) else {
            return;
        };
        let Some(names) = gfp.names.as_ref().map(ToString::to_string) else { return };
        let config = gfp::Config::default();
        let indexed = || row.and_then(|row| release(row.release.as_deref()?));
        let Some(release) = report.reporter.release.or_else(indexed) else {
            let any = RELEASES.iter().any(|&(major, minor)| {
                gfp::names(gfp.mask, Release::new(major, minor), config) == names
            });
            self.gfp_any.count(any, || format!("{file}: {:#x}({names})", gfp.mask));
            return;
        };
        // linux-next under a release's candidates holds what the release after it will have.
        let next =
            report.reporter.version.as_ref().is_some_and(|v| v.to_string().contains("-next-"));
        let release = if next { Release { minor: release.minor + 1, ..release } } else { release };
        let ours = gfp::names(gfp.mask, release, config);
        self.gfp.count(ours == names, || {
            format!("{file}: Linux {release} prints {:#x}({names}), we {ours}", gfp.mask)
        });
    }

    fn victims(&mut self, file: &str, found: &[Found], row: &Row) {
        let kills = || found.iter().flat_map(|found| &found.report.kills);
        let reports = || found.iter().map(|found| &found.report);
        let seen = || {
            let mut text = String::new();
            for report in reports() {
                let pid = report.victim_pid().map_or_else(|| "?".to_owned(), |pid| pid.to_string());
                let name = report.victim_name().map_or_else(|| "?".to_owned(), ToString::to_string);
                let _ = write!(text, " {pid} ({name})");
            }
            text
        };
        if let Some(pid) = &row.victim_pid {
            let read =
                reports().any(|r| r.victim_pid().is_some_and(|read| read.to_string() == *pid));
            self.pids.count(read, || format!("{file}: {pid}, found{}", seen()));
        }
        if let Some(name) = &row.victim_name {
            let read =
                reports().any(|r| r.victim_name().is_some_and(|read| read.to_string() == *name));
            self.names.count(read, || format!("{file}: {name}, found{}", seen()));
        }
        if let Some(score) = &row.score {
            let read =
                kills().any(|kill| kill.score.is_some_and(|read| read.to_string() == *score));
            self.scores.count(read, || format!("{file}: {score}, found{}", seen()));
        }
    }

    pub(super) fn summary(&self) -> String {
        let Tally { files, reports, complete, lines, .. } = self;
        format!("{reports} reports of {lines} lines in {files} files, {complete} of them complete,")
    }

    /// Prints every share; true when all goals are reached.
    pub(super) fn print(&self) -> bool {
        let mut good =
            self.clean.print("complete reports without an unread line in a section", Some(98));
        good &= self.clean_all.print("the same of all reports, cut ones included", None);
        self.understood.print("lines from the first to the last of a report, understood", None);
        good &= self.complete_files.print("complete by index.tsv, and found complete", Some(98));
        good &= self.tables.print("task table by index.tsv, and found", Some(98));
        good &= self.memory.print("memory by index.tsv, and found", Some(98));
        good &= self.pids.print("victim's pid as in index.tsv", Some(98));
        good &= self.names.print("victim's name as in index.tsv", Some(98));
        good &= self.scores.print("logged score as in index.tsv", Some(98));
        good &= self.page_sizes.print("page size told by the free blocks", Some(98));
        good &= self.gfp.print("gfp names as the kernel printed them", Some(100));
        good &=
            self.gfp_any.print("the same, release unknown: some release prints them", Some(100));
        good
    }
}

/// A release of each layout of the bits since the kernel prints names.
const RELEASES: [(u16, u16); 12] = [
    (4, 6),
    (4, 8),
    (4, 10),
    (4, 13),
    (4, 15),
    (4, 18),
    (5, 1),
    (5, 14),
    (5, 18),
    (6, 3),
    (6, 9),
    (6, 14),
];

/// The release in words such as `~4.18 el8/4.19`; `None` when only its first number is told.
fn release(words: &str) -> Option<Release> {
    words.trim_start_matches('~').parse().ok()
}

/// Header, a table with a row, and a victim or a panic.
pub(super) fn is_complete(report: &OomReport) -> bool {
    report.trigger.is_some()
        && report.tasks.as_ref().is_some_and(|tasks| !tasks.rows.is_empty())
        && (!report.kills.is_empty() || report.panic.is_some())
}

/// What was not read: lines between two of the same section, and parts of lines.
fn unread(report: &OomReport, problems: &[Problem]) -> Vec<String> {
    let mut unread: Vec<String> = problems
        .iter()
        .filter(|problem| problem.trouble == Trouble::Unread)
        .map(ToString::to_string)
        .collect();
    let telling =
        |kind: LineKind| !matches!(kind, LineKind::Unknown | LineKind::Blank | LineKind::Foreign);
    // Between single messages others are at home; these are no sections.
    let single = |kind: LineKind| {
        matches!(kind, LineKind::Header | LineKind::Kill | LineKind::Reaper | LineKind::Panic)
    };
    for (at, line) in report.lines.iter().enumerate() {
        if line.kind != LineKind::Unknown {
            continue;
        }
        let before =
            report.lines[..at].iter().rev().map(|line| line.kind).find(|kind| telling(*kind));
        let after = report.lines[at..].iter().map(|line| line.kind).find(|kind| telling(*kind));
        if before.is_some_and(|kind| !single(kind)) && before == after {
            unread.push(format!("line {}: unread `{}`", line.number, line.text));
        }
    }
    unread
}

fn first(unread: &[String]) -> String {
    match unread {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}
