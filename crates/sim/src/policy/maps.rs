//! `/proc/PID/numa_maps`.
//!
//! # What it follows
//! `show_numa_map()` and `gather_stats()` in `fs/proc/task_mmu.c`, 6.1 and 6.12.

use std::collections::BTreeMap;
use std::fmt::Write;

use rules::mempolicy::Mempolicy;

use world::ProcessId;

use crate::machine::Machine;
use crate::mm::Mm;
use crate::page::What;
use crate::store::Store;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

/// What is counted of a mapping.
#[derive(Debug, Default)]
struct Counts {
    pages: u64,
    anon: u64,
    active: u64,
    writeback: u64,
    dirty: u64,
    swap_cache: u64,
    most_maps: u64,
    nodes: BTreeMap<u32, u64>,
}

/// The file of a process whose task has this policy.
fn numa_maps(store: &Store, mm: &Mm, task: Option<Mempolicy>) -> Vec<u8> {
    let mut text = String::new();
    for vma in mm.vmas.values() {
        let policy = own_policy(store, vma).or(task);
        let policy = policy.map_or_else(|| "default".to_owned(), |policy| policy.to_string());
        let _ = write!(text, "{:08x} {policy}", vma.start);
        match vma.backing {
            Backing::File(open) => {
                let name = store.file(open).name.replace('\\', "\\134").replace(' ', "\\040");
                let _ = write!(text, " file={name}");
            }
            Backing::Anon if holds(vma, (mm.segments.start_brk, mm.segments.brk)) => {
                text.push_str(" heap");
            }
            Backing::Anon
                if vma.start <= mm.segments.start_stack && vma.end >= mm.segments.start_stack =>
            {
                text.push_str(" stack");
            }
            _ => {}
        }
        if vma.has(VmFlags::HUGETLB) {
            text.push_str(" huge");
        }
        let counts = count(store, mm, vma);
        print(&mut text, vma, &counts);
        text.push('\n');
    }
    text.into_bytes()
}

impl Machine {
    /// `numa_maps` of a process on a machine with several nodes.
    pub(crate) fn numa_maps(&self, id: ProcessId) -> Option<Vec<u8>> {
        let process = self.process(id).ok()?;
        let physical = self.store.frames.physical.as_deref()?;
        if physical.memory_nodes().count_ones() < 2 {
            return None;
        }
        Some(numa_maps(&self.store, self.mms.get(&process.mm)?, process.policy.policy))
    }
}

/// `vma_is_initial_heap()`.
fn holds(vma: &Vma, (start, end): (u64, u64)) -> bool {
    vma.start < end && vma.end > start
}

/// `__get_vma_policy()` of its first page.
fn own_policy(store: &Store, vma: &Vma) -> Option<Mempolicy> {
    if let Backing::File(open) = vma.backing
        && store.file(open).is_shmem()
    {
        let shared = store.policies.shared.get(&store.opens[open].file);
        return shared.and_then(|shared| shared.get(vma.pgoff)).map(|(_, shared)| shared.0);
    }
    vma.policy
}

fn count(store: &Store, mm: &Mm, vma: &Vma) -> Counts {
    let mut counts = Counts::default();
    let physical = store.frames.physical.as_deref();
    let node = |zone: u8| {
        let zone = physical.and_then(|physical| physical.zones.get(usize::from(zone)));
        zone.map_or(0, |zone| zone.node)
    };
    for (_, len, pte) in mm.pages_of(vma).filter(|(_, _, pte)| pte.counted()) {
        let vdso = crate::frames::file_of(pte.frame).is_some_and(|(file, _)| file == store.vdso);
        if vdso {
            // Reserved (`can_gather_numa_stats()`).
            continue;
        }
        for (at, some, frame) in store.frames.map.iter_within(pte.frame, pte.frame + len) {
            counts.pages += some;
            *counts.nodes.entry(node(frame.zone)).or_default() += some;
            counts.most_maps = counts.most_maps.max(u64::from(frame.maps));
            if pte.dirty || frame.dirty {
                counts.dirty += some;
            }
            if pte.what == What::Anon {
                counts.anon += some;
                if store.frames.swapped(at) {
                    counts.swap_cache += some;
                }
            }
            let listed = physical.map_or(frame.list(), |physical| physical.list_of(&frame));
            if listed.is_active() || frame.unevictable {
                counts.active += some;
            }
            if frame.writeback {
                counts.writeback += some;
            }
        }
    }
    counts
}

fn print(text: &mut String, vma: &Vma, counts: &Counts) {
    if counts.pages == 0 {
        return;
    }
    let mut put = |name: &str, value: u64, shown: bool| {
        if shown {
            let _ = write!(text, " {name}={value}");
        }
    };
    put("anon", counts.anon, counts.anon > 0);
    put("dirty", counts.dirty, counts.dirty > 0);
    put("mapped", counts.pages, counts.pages != counts.anon && counts.pages != counts.dirty);
    put("mapmax", counts.most_maps, counts.most_maps > 1);
    put("swapcache", counts.swap_cache, counts.swap_cache > 0);
    let huge = vma.has(VmFlags::HUGETLB);
    put("active", counts.active, counts.active < counts.pages && !huge);
    put("writeback", counts.writeback, counts.writeback > 0);
    for (node, pages) in &counts.nodes {
        put(&format!("N{node}"), *pages, true);
    }
    put("kernelpagesize_kB", if huge { 2048 } else { 4 }, true);
}
