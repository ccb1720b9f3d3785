//! What each kind of line adds to a report.

use facts::Name;
use facts::oom_report::{
    AllocationSites, HugePool, Kill, MemcgBlock, MemcgStats, NodeMemory, OomReport, PcpCpu,
    PcpList, Reporter, ShowMem, SlabDump, Swap, TaskRow, TaskTable, Totals, ZoneMemory,
};
use units::{Pages, Pid};

use super::builder::{Builder, Last};
use super::figures;
use crate::Trouble;
use crate::record::{CpuLine, Item, Total, UsageOf};

const NUMBER: &str = "a number below 2^64 bytes";

impl Builder {
    /// Adds what the line `number` says.
    pub(super) fn apply(&mut self, item: Item<'_>, number: u64) {
        self.context.section = Some(item.kind());
        match item {
            Item::Trigger(mut trigger) => {
                trigger.sysrq |= self.sysrq;
                self.report.trigger = Some(*trigger);
            }
            Item::CompactionDisabled => {
                self.report.trigger.get_or_insert_default().compaction_disabled = true;
            }
            Item::Cpuset { cpuset, mems } => {
                let trigger = self.report.trigger.get_or_insert_default();
                trigger.cpuset = Some(Name::new(cpuset));
                trigger.mems_allowed = mems.map(Name::new);
            }
            Item::Cpu(line) => cpu(&mut self.report.reporter, &line),
            Item::Taints(text) => self.report.reporter.taints = Some(Name::new(text)),
            Item::Hardware(text) => self.report.reporter.hardware = Some(Name::new(text)),
            Item::Workqueue(text) => self.report.reporter.workqueue = Some(Name::new(text)),
            Item::Frame(function) => self.report.reporter.trace.push(Name::new(function)),
            Item::MemcgTask { .. }
            | Item::MemcgUsage(..)
            | Item::MemcgStats { .. }
            | Item::MemcgStat(..) => self.memcg(&item, number),
            Item::Protection(protection) => self.report.protection = Some(protection),
            Item::Task { body, row } => self.task(body, row, number),
            Item::TasksTitle => {
                self.report.tasks.get_or_insert_default();
            }
            Item::TasksHeader(columns) => {
                self.report.tasks.get_or_insert_default().columns = columns;
                self.context.columns = columns;
            }
            Item::SlabStart | Item::SlabHeader => {
                self.report.slab.get_or_insert_default();
            }
            Item::SlabRefused => {
                self.report.slab = Some(SlabDump { refused: true, caches: Vec::new() });
            }
            Item::Slab(cache) => self.report.slab.get_or_insert_default().caches.push(cache),
            Item::OomKill(line) => self.report.oom_kill = Some(*line),
            Item::Kill(kill) => add_kill(&mut self.report, *kill),
            Item::Sharing { pid, name } => {
                if self.report.kills.is_empty() {
                    self.report.kills.push(Kill::default());
                }
                if let (Some(kill), Some(pid)) = (self.report.kills.last_mut(), pid) {
                    kill.sharing.push((Pid::new(pid), Name::new(name)));
                }
            }
            Item::GroupKill(group) => self.report.group_kill = Some(Name::new(group)),
            Item::Reaper(line) => self.report.reaper.push(line),
            Item::Skipped(victim) => self.report.skipped.push(victim),
            Item::Panic(panic) => {
                // The panic says more than the warning before it.
                if self.report.panic.as_ref().is_none_or(|known| !known.panicked) {
                    self.report.panic = Some(panic);
                }
            }
            Item::SysRq | Item::TraceStart | Item::Registers | Item::Suppressed => {}
            memory => self.memory(memory, number),
        }
    }

    fn memcg(&mut self, item: &Item<'_>, number: u64) {
        let memcg: &mut MemcgBlock = self.report.memcg.get_or_insert_default();
        let mut wrong = Vec::new();
        match item {
            Item::MemcgTask { task, limit } => {
                memcg.task_group = task.map(Name::new).or(memcg.task_group.take());
                memcg.limit_group = limit.map(Name::new).or(memcg.limit_group.take());
            }
            Item::MemcgUsage(of, usage) => {
                let slot = match of {
                    UsageOf::Memory => &mut memcg.memory,
                    UsageOf::MemorySwap => &mut memcg.memory_swap,
                    UsageOf::Swap => &mut memcg.swap,
                    UsageOf::Kmem => &mut memcg.kmem,
                };
                *slot = Some(*usage);
            }
            Item::MemcgStats { path, figures } => {
                let mut stats =
                    MemcgStats { path: Some(Name::new(*path)), ..MemcgStats::default() };
                wrong = figures::memcg(figures, &mut stats.counters);
                memcg.stats.push(stats);
            }
            Item::MemcgStat(name, value) => {
                if memcg.stats.is_empty() {
                    memcg.stats.push(MemcgStats::default());
                }
                if let Some(stats) = memcg.stats.last_mut() {
                    stats.counters.0.push((Name::new(*name), *value));
                }
            }
            _ => {}
        }
        self.wrong(number, &wrong);
    }

    fn wrong(&mut self, number: u64, wrong: &[Vec<u8>]) {
        for text in wrong {
            self.problem(number, Trouble::TooLarge, NUMBER, text);
        }
    }

    fn task(&mut self, body: &[u8], row: Option<Box<TaskRow>>, number: u64) {
        let table: &mut TaskTable = self.report.tasks.get_or_insert_default();
        match row {
            Some(row) => table.rows.push(*row),
            None => self.rows.push((number, body.to_vec())),
        }
    }

    fn memory(&mut self, item: Item<'_>, number: u64) {
        let memory: &mut ShowMem = self.report.memory.get_or_insert_default();
        let mut wrong = Vec::new();
        match item {
            Item::FreePages { free, highmem } => {
                memory.free = free;
                memory.free_highmem = highmem;
            }
            Item::Global(text) => wrong = figures::global(text, &mut memory.counters),
            Item::PerCpuOf { node, zone } => {
                let at = zone_at(memory, node, zone, |zone| zone.per_cpu.is_empty());
                self.per_cpu_zone = Some(at);
                self.zone = at;
            }
            Item::PerCpu { cpu, lists, cold } => {
                if let Some(zone) = self.per_cpu_zone.and_then(|at| memory.zones.get_mut(at)) {
                    per_cpu(&mut zone.per_cpu, cpu, lists, cold);
                }
            }
            Item::Node { node, figures } => {
                let mut line = NodeMemory { node, ..NodeMemory::default() };
                wrong = figures::node(figures, &mut line);
                memory.nodes.push(line);
                self.last = Last::Node(memory.nodes.len() - 1);
            }
            Item::Zone { node, zone, figures } => {
                let at = zone_at(memory, node, zone, |zone| zone.counters.free.is_none());
                wrong = figures::zone(figures, &mut memory.zones[at]);
                self.last = Last::Zone(at);
                self.zone = at;
            }
            Item::Figures(text) => match self.last {
                Last::Node(at) => wrong = figures::node(text, &mut memory.nodes[at]),
                Last::Zone(at) => wrong = figures::zone(text, &mut memory.zones[at]),
                Last::Nothing => {}
            },
            Item::LowmemReserve(pages) => {
                if let Last::Zone(at) = self.last {
                    memory.zones[at].lowmem_reserve = pages;
                    self.zone = at;
                }
            }
            Item::Buddy { node, zone, buddy } => {
                let at = zone_at(memory, node, zone, |zone| zone.buddy.is_none());
                memory.zones[at].buddy = Some(buddy);
                self.zone = at;
            }
            Item::HugePool(pool) => memory.huge_pools.push(HugePool { ..pool }),
            Item::PageCache(pages) => memory.pagecache = Some(pages),
            Item::Swap(swap) => merge_swap(&mut memory.swap, swap),
            Item::Total(total, pages) => *total_slot(&mut memory.totals, total) = Some(pages),
            Item::AllocationsStart(profiling) => {
                memory.allocations = Some(AllocationSites { profiling, sites: Vec::new() });
            }
            Item::Allocation(site) => {
                memory.allocations.get_or_insert_default().sites.push(site);
            }
            _ => {}
        }
        self.wrong(number, &wrong);
    }
}

fn cpu(reporter: &mut Reporter, line: &CpuLine<'_>) {
    reporter.cpu = line.cpu;
    reporter.uid = line.uid;
    reporter.pid = line.pid;
    reporter.comm = line.comm.map(Name::new);
    reporter.kdump_loaded = line.kdump_loaded;
    reporter.taint = line.taint.map(Name::new);
    reporter.version = line.version.map(Name::new);
    reporter.release = line
        .version
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| text.split_ascii_whitespace().next())
        .and_then(|word| word.parse().ok());
}

/// The zone of this node and name that has no such line yet; a new one if all have.
fn zone_at(
    memory: &mut ShowMem,
    node: Option<u32>,
    name: &[u8],
    lacks: impl Fn(&ZoneMemory) -> bool,
) -> usize {
    let same = |zone: &ZoneMemory| zone.node == node && zone.name.as_bytes() == name && lacks(zone);
    memory.zones.iter().position(same).unwrap_or_else(|| {
        let zone = ZoneMemory { node, name: Name::new(name), ..ZoneMemory::default() };
        memory.zones.push(zone);
        memory.zones.len() - 1
    })
}

fn per_cpu(cpus: &mut Vec<PcpCpu>, cpu: u32, lists: [Option<PcpList>; 2], cold_only: bool) {
    let [hot, cold] = lists;
    if cold_only && let Some(known) = cpus.last_mut().filter(|known| known.cpu == cpu) {
        known.cold = cold;
    } else {
        cpus.push(PcpCpu { cpu, hot: hot.unwrap_or_default(), cold });
    }
}

fn merge_swap(known: &mut Swap, new: Swap) {
    known.cached = new.cached.or(known.cached);
    known.add = new.add.or(known.add);
    known.delete = new.delete.or(known.delete);
    known.find = new.find.or(known.find);
    known.race = new.race.or(known.race);
    known.free = new.free.or(known.free);
    known.lacking = new.lacking.or(known.lacking);
    known.total = new.total.or(known.total);
}

fn total_slot(totals: &mut Totals, total: Total) -> &mut Option<Pages> {
    match total {
        Total::Ram => &mut totals.ram,
        Total::Highmem => &mut totals.highmem,
        Total::Reserved => &mut totals.reserved,
        Total::Shared => &mut totals.shared,
        Total::NonShared => &mut totals.non_shared,
        Total::SwapCached => &mut totals.swap_cached,
        Total::PagetableCache => &mut totals.pagetable_cache,
        Total::CmaReserved => &mut totals.cma_reserved,
        Total::Hwpoisoned => &mut totals.hwpoisoned,
        Total::Free => &mut totals.free,
        Total::Slab => &mut totals.slab,
        Total::Dirty => &mut totals.dirty,
        Total::Writeback => &mut totals.writeback,
        Total::Mapped => &mut totals.mapped,
        Total::Pagetables => &mut totals.pagetables,
    }
}

/// To 5.0 a kill has two lines; the second completes the first.
fn add_kill(report: &mut OomReport, kill: Kill) {
    if let Some(last) = report.kills.last_mut()
        && last.pid.is_none()
        && last.chosen_pid.is_some()
        && kill.chosen_pid.is_none()
    {
        let Kill { chosen_pid, chosen_name, score, cause, sharing, .. } = std::mem::take(last);
        let cause = kill.cause.clone().or(cause);
        *last = Kill { cause, chosen_pid, chosen_name, score, sharing, ..kill };
        return;
    }
    report.kills.push(kill);
}
