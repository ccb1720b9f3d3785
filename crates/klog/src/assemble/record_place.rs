//! Which place of the report a line's figures went to.

use facts::oom_report::{OomReport, Record};

use super::builder::Builder;
use crate::record::{Item, UsageOf};

/// What a line says, before its place is known.
pub(super) fn of(item: &Item<'_>) -> Record {
    match item {
        Item::SysRq => Record::SysRq,
        Item::Trigger(_) => Record::Trigger,
        Item::CompactionDisabled => Record::CompactionDisabled,
        Item::Cpuset { .. } => Record::Cpuset,
        Item::Cpu(_) => Record::Cpu,
        Item::Taints(_) => Record::Taints,
        Item::Hardware(_) => Record::Hardware,
        Item::Workqueue(_) => Record::Workqueue,
        Item::TraceStart => Record::TraceStart,
        Item::Frame(_) => Record::Frame(0),
        Item::Registers => Record::Registers,
        Item::MemcgTask { .. } => Record::MemcgTask,
        Item::MemcgUsage(UsageOf::Memory, _) => Record::MemcgMemory,
        Item::MemcgUsage(UsageOf::MemorySwap, _) => Record::MemcgMemorySwap,
        Item::MemcgUsage(UsageOf::Swap, _) => Record::MemcgSwap,
        Item::MemcgUsage(UsageOf::Kmem, _) => Record::MemcgKmem,
        Item::MemcgStats { .. } => Record::MemcgStats(0),
        Item::MemcgStat(..) => Record::MemcgStat(0, 0),
        Item::Protection(_) => Record::Protection,
        Item::MemInfo => Record::MemInfo,
        Item::FreePages { .. } => Record::FreePages,
        Item::Global(_) => Record::Counters,
        Item::PerCpuOf { .. } => Record::PerCpuOf(0),
        Item::PerCpu { .. } => Record::PerCpu(0),
        Item::Node { .. } => Record::Node(0),
        Item::Zone { .. } => Record::Zone(0),
        Item::Figures(_) => Record::Figures,
        Item::LowmemReserve(_) => Record::LowmemReserve(0),
        Item::Buddy { .. } => Record::Buddy(0),
        Item::EmptyZone => Record::EmptyZone,
        Item::HugePool(_) => Record::HugePool(0),
        Item::PageCache(_) => Record::PageCache,
        Item::Swap(_) => Record::Swap,
        Item::Total(..) | Item::OtherTotal => Record::Total,
        Item::AllocationsStart(_) => Record::AllocationsStart,
        Item::Allocation(_) => Record::Allocation(0),
        Item::SlabStart => Record::SlabStart,
        Item::SlabHeader => Record::SlabHeader,
        Item::SlabRefused => Record::SlabRefused,
        Item::Slab(_) => Record::Slab(0),
        Item::TasksTitle => Record::TasksTitle,
        Item::TasksHeader(_) => Record::TasksHeader,
        Item::Task { row: Some(_), .. } => Record::Task(0),
        Item::Task { row: None, .. } => Record::UnreadTask,
        Item::OomKill(_) => Record::OomKill,
        Item::Kill(_) => Record::Kill(0),
        Item::Sharing { .. } => Record::Sharing,
        Item::GroupKill(_) => Record::GroupKill,
        Item::Reaper(_) => Record::Reaper(0),
        Item::Skipped(_) => Record::Skipped(0),
        Item::Panic(_) => Record::Panic,
        Item::Suppressed => Record::Suppressed,
    }
}

impl Builder {
    /// Notes on the last `taken` lines, or on the last one if the record has none of its own, what
    /// was just added to the report.
    pub(super) fn place_record(&mut self, record: Record, taken: usize) {
        let record = placed(record, &self.report, self.zone);
        let from = self.report.lines.len().saturating_sub(taken.max(1));
        for (nth, line) in self.report.lines[from..].iter_mut().enumerate() {
            line.records.push(if nth == 0 { record } else { Record::Continued });
        }
    }

    /// Rows that waited for their columns stand before all others now; `read` are the lines of those
    /// that could be read.
    pub(super) fn renumber_rows(&mut self, read: &[u64]) {
        let mut late = read.iter().enumerate();
        let mut next = late.next();
        for line in &mut self.report.lines {
            for record in line.records.iter_mut() {
                match record {
                    Record::Task(at) => *at += read.len(),
                    Record::UnreadTask
                        if next.is_some_and(|(_, number)| *number == line.number) =>
                    {
                        *record = Record::Task(next.map_or(0, |(at, _)| at));
                        next = late.next();
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The record with the place of what was added last.
fn placed(record: Record, report: &OomReport, zone: usize) -> Record {
    let last = |length: usize| length.saturating_sub(1);
    let memory = report.memory.as_ref();
    let stats = report.memcg.as_ref().map_or(&[][..], |memcg| &memcg.stats);
    match record {
        Record::Frame(_) => Record::Frame(last(report.reporter.trace.len())),
        Record::MemcgStats(_) => Record::MemcgStats(last(stats.len())),
        Record::MemcgStat(..) => {
            let counters = stats.last().map_or(0, |stats| stats.counters.0.len());
            Record::MemcgStat(last(stats.len()), last(counters))
        }
        Record::PerCpuOf(_) => Record::PerCpuOf(zone),
        Record::PerCpu(_) => Record::PerCpu(zone),
        Record::Node(_) => Record::Node(last(memory.map_or(0, |memory| memory.nodes.len()))),
        Record::Zone(_) => Record::Zone(zone),
        Record::LowmemReserve(_) => Record::LowmemReserve(zone),
        Record::Buddy(_) => Record::Buddy(zone),
        Record::HugePool(_) => {
            Record::HugePool(last(memory.map_or(0, |memory| memory.huge_pools.len())))
        }
        Record::Allocation(_) => {
            let sites = memory.and_then(|memory| memory.allocations.as_ref());
            Record::Allocation(last(sites.map_or(0, |sites| sites.sites.len())))
        }
        Record::Slab(_) => {
            Record::Slab(last(report.slab.as_ref().map_or(0, |slab| slab.caches.len())))
        }
        Record::Task(_) => {
            Record::Task(last(report.tasks.as_ref().map_or(0, |tasks| tasks.rows.len())))
        }
        Record::Kill(_) => Record::Kill(last(report.kills.len())),
        Record::Reaper(_) => Record::Reaper(last(report.reaper.len())),
        Record::Skipped(_) => Record::Skipped(last(report.skipped.len())),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use facts::oom_report::{LineKind, Record};

    use crate::print::sample::{Filler, report};
    use crate::{print, reports};

    fn contains(text: &str, part: &str) -> bool {
        assert!(text.contains(part), "`{part}` is not in `{text}`");
        true
    }

    #[test]
    fn every_line_names_the_place_where_its_figures_went() {
        for release in ["2.6.18", "2.6.32", "3.16", "4.9", "5.15", "6.8", "7.1"] {
            let release = release.parse().unwrap();
            let text = print(&report(&mut Filler::new(7), release, false), release);
            let found = reports(&text).remove(0).report;
            let memory = found.memory.as_ref().unwrap();
            let mut placed = 0;
            for line in found.lines.iter().filter(|line| line.kind != LineKind::Blank) {
                let text = line.text.to_string();
                assert_eq!(line.records.len(), 1, "{text}");
                placed += usize::from(match line.records[0] {
                    Record::Zone(at) | Record::Buddy(at) => {
                        contains(&text, &memory.zones[at].name.to_string())
                    }
                    Record::LowmemReserve(at) => match &memory.zones[at].lowmem_reserve {
                        Some(pages) => contains(&text, &format!(" {}", pages[0].count())),
                        None => true,
                    },
                    Record::Task(at) => {
                        let row = &found.tasks.as_ref().unwrap().rows[at];
                        contains(&text, &row.pid.unwrap().to_string())
                    }
                    Record::Frame(at) => contains(&text, &found.reporter.trace[at].to_string()),
                    Record::Kill(at) => {
                        let kill = &found.kills[at];
                        let pid = kill.pid.or(kill.chosen_pid).unwrap();
                        contains(&text, "ill") && pid.get() > 0
                    }
                    _ => false,
                });
            }
            assert!(placed > 3, "{release}: {placed}");
        }
    }

    #[test]
    fn rows_that_waited_for_their_columns_are_numbered_as_they_stand() {
        let release = "5.15".parse().unwrap();
        let text = print(&report(&mut Filler::new(7), release, false), release);
        let text = String::from_utf8_lossy(&text);
        let head = text.lines().position(|line| line.contains("total_vm")).unwrap();
        let cut: Vec<&str> = text.lines().skip(head + 1).collect();
        let found = reports(cut.join("\n").as_bytes()).remove(0).report;
        let rows = &found.tasks.as_ref().unwrap().rows;
        assert!(!rows.is_empty());
        let mut seen = 0;
        for line in &found.lines {
            if let [Record::Task(at)] = line.records[..] {
                assert_eq!(at, seen);
                contains(&line.text.to_string(), &rows[at].pid.unwrap().to_string());
                seen += 1;
            }
        }
        assert_eq!(seen, rows.len());
    }
}
