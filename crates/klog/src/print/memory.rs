//! `Mem-Info` and what follows it.

use std::fmt::Write;

use facts::oom_report::{
    AllocationSites, Buddy, NodeMemory, OtherCounter, PcpCpu, PcpList, ShowMem, SlabDump, Swap,
    Totals, ZoneMemory,
};
use units::Pages;

use super::{Printer, rows, v, v2};

impl Printer {
    pub(super) fn memory(&mut self, memory: &ShowMem) {
        self.line(if self.before(v2(27)) { "Mem-info:" } else { "Mem-Info:" });
        if self.before(v(4, 1)) {
            // Where any zone has lists; those without pages were said to be empty at first.
            let told = memory.zones.iter().any(|zone| !zone.per_cpu.is_empty());
            let empty = told && self.before(v2(19));
            for zone in memory.zones.iter().filter(|zone| empty || !zone.per_cpu.is_empty()) {
                self.zone_name(zone);
                if zone.per_cpu.is_empty() {
                    self.line(" per-cpu: empty");
                    continue;
                }
                self.line(" per-cpu:");
                zone.per_cpu.iter().for_each(|cpu| self.per_cpu(cpu));
            }
        }
        if let Some(free) = memory.free.filter(|_| self.before(v2(19))) {
            let high = memory.free_highmem.map_or(0, units::Bytes::kib);
            self.end();
            self.line(format!("Free pages: {:>11}kB ({high}kB HighMem)", free.kib()));
        }
        self.counters(memory);
        if self.since(v(4, 8)) {
            memory.nodes.iter().for_each(|node| self.node(node));
        }
        for zone in memory.zones.iter().filter(|zone| zone.counters.free.is_some()) {
            self.zone(zone);
        }
        for zone in &memory.zones {
            if let Some(buddy) = &zone.buddy {
                self.buddy(zone, buddy);
            }
        }
        if self.since(v(3, 10)) {
            for pool in &memory.huge_pools {
                let mut line = format!("Node {}", pool.node);
                let fields = [
                    ("total", pool.total, ""),
                    ("free", pool.free, ""),
                    ("surp", pool.surplus, ""),
                    ("size", pool.size.map(units::Bytes::kib), "kB"),
                ];
                for (name, value, unit) in fields {
                    if let Some(value) = value {
                        let _ = write!(line, " hugepages_{name}={value}{unit}");
                    }
                }
                self.line(line);
            }
        }
        if let Some(pages) = memory.pagecache.filter(|_| self.since(v2(25))) {
            self.count(Some(pages), "total pagecache pages");
        }
        self.swap(&memory.swap);
        self.totals(&memory.totals);
        if let Some(allocations) = memory.allocations.as_ref().filter(|_| self.since(v(6, 10))) {
            self.allocations(allocations);
        }
    }

    fn counters(&mut self, memory: &ShowMem) {
        let mut lines: Vec<String> = Vec::new();
        for row in rows::global(self.release) {
            let figures: Vec<String> = row
                .split(' ')
                .filter_map(|name| {
                    let value = memory.counters.get(&name.to_ascii_lowercase())?;
                    Some(format!("{name}:{}", value.count()))
                })
                .collect();
            if !figures.is_empty() {
                let blank = if lines.is_empty() { "" } else { " " };
                lines.push(format!("{blank}{}", figures.join(" ")));
            }
        }
        if let Some(last) = lines.last_mut() {
            others(last, &memory.counters.other);
        }
        for line in lines {
            self.line(line);
        }
    }

    fn node(&mut self, node: &NodeMemory) {
        let mut line = format!("Node {}", node.node.unwrap_or(0));
        for name in rows::node(self.release) {
            let huge = matches!(name, "shmem_thp" | "shmem_pmdmapped" | "anon_thp");
            let blank = if huge && self.before(v(6, 6)) { " " } else { "" };
            match name {
                "pages_scanned" => figure(&mut line, name, "", node.pages_scanned, ""),
                "all_unreclaimable" => unreclaimable(&mut line, node.all_unreclaimable),
                _ => {
                    let value = node.counters.get(name).map(units::Bytes::kib);
                    figure(&mut line, name, blank, value, "kB");
                }
            }
        }
        others(&mut line, &node.counters.other);
        self.line(line);
    }

    fn zone_name(&mut self, zone: &ZoneMemory) {
        if let Some(node) = zone.node {
            self.put(format!("Node {node} "));
        }
        self.put(zone.name.as_bytes());
    }

    fn zone(&mut self, zone: &ZoneMemory) {
        self.zone_name(zone);
        let mut line = String::new();
        for name in rows::zone(self.release) {
            match name {
                "pages_scanned" => figure(&mut line, name, "", zone.pages_scanned, ""),
                "all_unreclaimable" => unreclaimable(&mut line, zone.all_unreclaimable),
                _ => {
                    let capital = matches!(name, "reserved_highatomic" | "free_highatomic");
                    let unit = if capital { "KB" } else { "kB" };
                    let value = zone.counters.get(name).map(units::Bytes::kib);
                    figure(&mut line, name, "", value, unit);
                }
            }
        }
        others(&mut line, &zone.counters.other);
        self.line(line);
        if let Some(reserve) = &zone.lowmem_reserve {
            self.put(if self.before(v2(11)) { "protections[]:" } else { "lowmem_reserve[]:" });
            for pages in reserve {
                self.put(format!(" {}", pages.count()));
            }
            self.end();
        }
    }

    fn buddy(&mut self, zone: &ZoneMemory, buddy: &Buddy) {
        self.zone_name(zone);
        self.put(":");
        for blocks in &buddy.blocks {
            self.put(format!(" {}*{}kB", blocks.count, blocks.size.kib()));
            if let Some(types) = blocks.types.as_ref().filter(|_| self.since(v(3, 8))) {
                self.put(" (");
                self.put(types.as_bytes());
                self.put(")");
            }
        }
        if let Some(total) = buddy.total {
            self.put(format!(" = {}kB", total.kib()));
        }
        self.end();
    }

    fn per_cpu(&mut self, line: &PcpCpu) {
        let PcpCpu { cpu, hot, cold } = line;
        if self.before(v2(19)) {
            let hot = self.old_list(*cpu, "hot", hot);
            self.line(hot);
            if let Some(cold) = cold {
                let cold = self.old_list(*cpu, "cold", cold);
                self.line(cold);
            }
            return;
        }
        let list = |list: &PcpList| {
            let [high, batch, used] = [list.high, list.batch, list.used].map(|n| n.unwrap_or(0));
            format!("hi:{high:>5}, btch:{batch:>4} usd:{used:>4}")
        };
        match cold {
            Some(cold) if self.before(v2(25)) => {
                self.line(format!("CPU {cpu:>4}: Hot: {}   Cold: {}", list(hot), list(cold)));
            }
            _ => self.line(format!("CPU {cpu:>4}: {}", list(hot))),
        }
    }

    /// `cpu 0 hot: low 2, high 6, batch 1`, since 2.6.13 with ` used:3`, since 2.6.16 without `low`.
    fn old_list(&self, cpu: u32, name: &str, list: &PcpList) -> String {
        let low = list.low.filter(|_| self.before(v2(16)));
        let fields = [("low", low), ("high", list.high), ("batch", list.batch)];
        let fields: Vec<String> =
            fields.iter().filter_map(|(name, n)| n.map(|n| format!("{name} {n}"))).collect();
        let used = match list.used.filter(|_| self.since(v2(13))) {
            Some(used) => format!(" used:{used}"),
            None => String::new(),
        };
        format!("cpu {cpu} {name}: {}{used}", fields.join(", "))
    }

    fn count(&mut self, pages: Option<Pages>, what: &str) {
        if let Some(pages) = pages {
            self.line(format!("{} {what}", pages.count()));
        }
    }

    fn swap(&mut self, swap: &Swap) {
        let stats = self.since(v2(27));
        self.count(swap.cached.filter(|_| stats), "pages in swap cache");
        if let (Some(add), Some(delete), Some((found, all))) = (swap.add, swap.delete, swap.find)
            && self.before(v(6, 0))
        {
            let label = if stats { "Swap cache stats" } else { "Swap cache" };
            let race = match swap.race.filter(|_| self.before(v2(23))) {
                Some((a, b)) => format!(", race {a}+{b}"),
                None => String::new(),
            };
            self.line(format!("{label}: add {add}, delete {delete}, find {found}/{all}{race}"));
        }
        if let Some(lacking) = swap.lacking.filter(|_| self.since(v2(11))) {
            self.line(format!("Free swap  = -{}kB", lacking.kib()));
        } else if let Some(free) = swap.free {
            if self.since(v2(11)) {
                self.line(format!("Free swap  = {}kB", free.kib()));
            } else {
                self.line(format!("Free swap:       {:>6}kB", free.kib()));
            }
        }
        if let Some(total) = swap.total.filter(|_| self.since(v2(11))) {
            self.line(format!("Total swap = {}kB", total.kib()));
        }
    }

    fn totals(&mut self, totals: &Totals) {
        if self.before(v2(27)) {
            self.count(totals.ram, "pages of RAM");
            self.count(totals.highmem, "pages of HIGHMEM");
            self.count(totals.reserved, "reserved pages");
            self.count(totals.shared, "pages shared");
            self.count(totals.swap_cached, "pages swap cached");
            return;
        }
        let counted = self.before(v(3, 12));
        self.count(totals.ram, "pages RAM");
        self.count(
            totals.highmem,
            if counted { "pages HighMem" } else { "pages HighMem/MovableOnly" },
        );
        self.count(totals.reserved, "pages reserved");
        self.count(totals.shared.filter(|_| counted), "pages shared");
        self.count(totals.non_shared.filter(|_| counted), "pages non-shared");
        self.count(totals.cma_reserved.filter(|_| self.since(v(3, 19))), "pages cma reserved");
        let cache = totals.pagetable_cache.filter(|_| self.before(v(5, 4)));
        self.count(cache, "pages in pagetable cache");
        self.count(totals.hwpoisoned.filter(|_| self.since(v(3, 14))), "pages hwpoisoned");
    }

    fn allocations(&mut self, allocations: &AllocationSites) {
        match allocations.profiling.filter(|_| self.since(v(6, 19))) {
            Some(on) => {
                let word = if on { "on" } else { "off" };
                self.line(format!("Memory allocations (profiling is currently turned {word}):"));
            }
            None => self.line("Memory allocations:"),
        }
        for site in &allocations.sites {
            let calls = site.calls.unwrap_or(0);
            let size = String::from_utf8_lossy(site.size_text.as_bytes()).into_owned();
            self.put(format!("{size:>12} {calls:>8} "));
            self.line(site.place.as_bytes());
        }
    }

    pub(super) fn slab(&mut self, slab: &SlabDump) {
        if self.before(v(4, 15)) {
            return;
        }
        if slab.refused {
            self.line("excessive unreclaimable slab but cannot dump stats");
            return;
        }
        self.line("Unreclaimable slab info:");
        self.line("Name                      Used          Total");
        for cache in &slab.caches {
            let kib = |size: Option<units::Bytes>| size.map_or(0, units::Bytes::kib);
            let name = cache.name.as_bytes();
            self.put(name);
            self.put(" ".repeat(17usize.saturating_sub(name.len())));
            self.line(format!(" {:>10}KB {:>10}KB", kib(cache.used), kib(cache.total)));
        }
    }
}

fn figure(line: &mut String, name: &str, blank: &str, value: Option<u64>, unit: &str) {
    if let Some(value) = value {
        let _ = write!(line, " {name}:{blank}{value}{unit}");
    }
}

/// What vendors count.
fn others(line: &mut String, others: &[OtherCounter]) {
    for OtherCounter { name, value, unit } in others {
        let _ = write!(line, " {name}:{value}{unit}");
    }
}

fn unreclaimable(line: &mut String, value: Option<bool>) {
    if let Some(value) = value {
        let _ = write!(line, " all_unreclaimable? {}", if value { "yes" } else { "no" });
    }
}
