//! What a line of a report says, in plain words, with this report's figures in the sentence.
//!
//! [`Glosses::of`] is a pure function of a line and its report. The words are for somebody who reads
//! such a report for the first time: each field by its meaning, amounts in the units people use,
//! and, where the line decides something, what it decides.
//!
//! # What it leaves out
//! Judgement. What is concluded is in the [`ExplainReport`] and only retold here.

mod cgroup;
mod counters;
mod death;
mod frames;
mod request;
mod rest;
mod tasks;
mod zones;

use std::collections::HashMap;

use facts::OomReport;
use facts::oom_report::{LineKind, Record, ShowMem, SourceLine};
use rules::explain::ExplainReport;
use units::{Bytes, PageSize, Pages, Pid};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gloss {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The verdict hangs on it.
    Key,
    /// It says something.
    Plain,
    /// Nothing could be made of it.
    Unknown,
}

#[expect(clippy::unnecessary_wraps, reason = "all who call these answer with an Option")]
impl Gloss {
    fn key(text: impl Into<String>) -> Option<Gloss> {
        Some(Gloss { text: text.into(), tone: Tone::Key })
    }

    fn plain(text: impl Into<String>) -> Option<Gloss> {
        Some(Gloss { text: text.into(), tone: Tone::Plain })
    }

    fn key_if(key: bool, text: impl Into<String>) -> Option<Gloss> {
        if key { Gloss::key(text) } else { Gloss::plain(text) }
    }
}

/// What the lines of one report say.
#[derive(Debug)]
pub(crate) struct Glosses<'a> {
    report: &'a OomReport,
    explained: &'a ExplainReport,
    page_size: PageSize,
    /// Where in the kill order a task stands: rows of `choice.rows`, by pid.
    ranks: HashMap<Pid, usize>,
    immune: HashMap<Pid, usize>,
}

impl<'a> Glosses<'a> {
    pub(crate) fn new(report: &'a OomReport, explained: &'a ExplainReport) -> Self {
        let choice = explained.choice.as_ref();
        let by_pid = |rows: &[rules::explain::TaskScore]| {
            let pids = rows.iter().enumerate();
            pids.filter_map(|(at, row)| Some((row.pid?, at))).collect::<HashMap<_, _>>()
        };
        Glosses {
            report,
            explained,
            page_size: PageSize::new(explained.source.page_size).unwrap_or(PageSize::KIB_4),
            ranks: choice.map(|choice| by_pid(&choice.rows)).unwrap_or_default(),
            immune: choice.map(|choice| by_pid(&choice.immune)).unwrap_or_default(),
        }
    }

    /// What a line says; `None` where there is nothing to say.
    pub(crate) fn of(&self, line: &SourceLine) -> Option<Gloss> {
        match line.kind {
            LineKind::Unknown => {
                return Some(Gloss {
                    text:
                        "Not a line that this program knows in a report; nothing is taken from it."
                            .to_owned(),
                    tone: Tone::Unknown,
                });
            }
            LineKind::Blank | LineKind::Foreign => return None,
            _ => {}
        }
        let all: Vec<Gloss> =
            line.records.iter().filter_map(|record| self.record(*record, line)).collect();
        let tone =
            if all.iter().any(|one| one.tone == Tone::Key) { Tone::Key } else { Tone::Plain };
        let text: Vec<String> = all.into_iter().map(|one| one.text).collect();
        (!text.is_empty()).then(|| Gloss { text: text.join(" "), tone })
    }

    fn record(&self, record: Record, line: &SourceLine) -> Option<Gloss> {
        let text = line.text.as_bytes();
        match record {
            Record::SysRq => self.sysrq(),
            Record::Trigger => self.trigger(),
            Record::CompactionDisabled => Gloss::plain(
                "This kernel was built without compaction: it cannot make large blocks out of \
                 scattered free pages, so large requests fail early.",
            ),
            Record::Cpuset => self.cpuset(),
            Record::Cpu => self.cpu(),
            Record::Taints => Gloss::plain("The letters of “tainted”, spelled out."),
            Record::Hardware => Gloss::plain("The machine, as its firmware calls it."),
            Record::Workqueue => Gloss::plain(
                "The kernel asked for itself, in a work queue: no program is to blame for this \
                 request.",
            ),
            Record::TraceStart => Gloss::plain(
                "How the kernel got here: each function was called by the one under it, so it is \
                 read from the bottom up.",
            ),
            Record::Frame(at) => self.frame(at),
            Record::Registers | Record::Continued | Record::Figures => {
                Self::continued(record, text)
            }
            Record::MemcgTask => self.memcg_task(),
            Record::MemcgMemory
            | Record::MemcgMemorySwap
            | Record::MemcgSwap
            | Record::MemcgKmem => self.memcg_usage(record),
            Record::MemcgStats(at) => self.memcg_stats(at),
            Record::MemcgStat(stats, counter) => self.memcg_stat(stats, counter),
            Record::Protection => self.protection(),
            Record::MemInfo => self.mem_info(),
            Record::FreePages => Gloss::plain("All free memory of the machine, in every zone."),
            Record::Counters => self.counters(text),
            Record::PerCpuOf(at) => self.per_cpu_of(at),
            Record::PerCpu(_) | Record::TasksTitle => self.introduction(record),
            Record::Node(at) => self.node(at),
            Record::Zone(at) => self.zone(at),
            Record::LowmemReserve(at) => self.reserve(at),
            Record::Buddy(at) => self.buddy(at),
            Record::EmptyZone => Gloss::plain("This zone has no memory."),
            Record::HugePool(at) => self.huge_pool(at),
            Record::PageCache => self.page_cache(),
            Record::Swap => self.swap(text),
            Record::Total => self.total(text),
            Record::AllocationsStart => Gloss::plain(
                "Which places in the kernel's own source hold most memory; sizes, how many \
                 allocations, file and line.",
            ),
            Record::Allocation(at) => self.allocation(at),
            Record::SlabStart => Gloss::plain(
                "The kernel prints its own caches only when what they hold and cannot give back \
                 outweighs all that programs and files have: look for a leak here.",
            ),
            Record::SlabHeader => Gloss::plain(
                "Name of the cache; what is used of it; what it takes in all, with the gaps.",
            ),
            Record::SlabRefused => Gloss::plain(
                "The kernel's caches hold much and cannot give it back, and their list could not \
                 be printed at that moment.",
            ),
            Record::Slab(at) => self.slab(at),
            Record::TasksHeader => self.tasks_header(),
            Record::Task(at) => self.task(at),
            Record::UnreadTask => Gloss::plain("A row of the task table without its columns."),
            Record::OomKill => self.oom_kill(),
            Record::Kill(at) => self.kill(at),
            Record::Sharing => Gloss::plain(
                "This process shares all its memory with the victim, so it had to die too.",
            ),
            Record::GroupKill => self.group_kill(),
            Record::Reaper(at) => self.reaper(at),
            Record::Skipped(at) => self.skipped(at),
            Record::Panic => self.panic(),
            Record::Suppressed => Gloss::plain(
                "The kernel prints at most ten such reports in five seconds: so many messages were \
                 left out here. Kills go on all the same.",
            ),
        }
    }

    fn memory(&self) -> Option<&'a ShowMem> {
        self.report.memory.as_ref()
    }

    fn bytes(&self, pages: Pages) -> Bytes {
        pages.to_bytes_saturating(self.page_size)
    }
}

/// `a, b and c`.
fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Whether `text` holds this word.
fn has(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|part| part == word.as_bytes())
}
