//! An address space.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use rules::layout::{Arch, Layout};

use crate::memcg::MemcgId;
use crate::page::{PAGE_BITS, Pte};
use crate::range_map::RangeMap;
use crate::tables::Tables;
use crate::vm_flags::{Kind, VmFlags};
use crate::vma::Vma;

/// Where the parts of the program lie, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segments {
    /// Code.
    pub code: (u64, u64),
    /// Data.
    pub data: (u64, u64),
    /// Where the heap begins.
    pub start_brk: u64,
    /// Where it ends.
    pub brk: u64,
    /// Where the stack pointer was at the start.
    pub start_stack: u64,
}

/// `struct mm_struct`.
#[derive(Debug, Clone)]
pub(crate) struct Mm {
    pub(crate) vmas: BTreeMap<u64, Vma>,
    pub(crate) pages: RangeMap<Pte>,
    pub(crate) tables: Tables,
    pub(crate) layout: Layout,
    pub(crate) segments: Segments,
    pub(crate) total_vm: u64,
    pub(crate) exec_vm: u64,
    pub(crate) stack_vm: u64,
    pub(crate) data_vm: u64,
    pub(crate) locked_vm: u64,
    /// Anonymous, file, shared memory: pages.
    pub(crate) rss: [u64; 3],
    pub(crate) hiwater_rss: u64,
    pub(crate) hiwater_vm: u64,
    /// Flags of every new mapping (`mlockall`).
    pub(crate) def_flags: VmFlags,
    /// Where the next search starts, up to 3.6.
    pub(crate) free_area_cache: u64,
    pub(crate) cached_hole_size: u64,
    /// There is no hole of this many bytes, or more, at or above this address.
    pub(crate) no_hole: Option<(u64, u64)>,
    /// Processes and threads that use it.
    pub(crate) users: u32,
    /// Page tables that memory was taken for.
    pub(crate) tables_paid: u64,
    /// Its number among the address spaces.
    pub(crate) key: usize,
    /// Entries of pages in swap (`MM_SWAPENTS`).
    pub(crate) swapped: u64,
    /// Who pays for its pages: the cgroup of the process that it belongs to.
    pub(crate) memcg: MemcgId,
    /// Who pays for how many of its page tables: where it was when they were made.
    pub(crate) tables_of: BTreeMap<MemcgId, u64>,
}

impl Mm {
    pub(crate) fn new(arch: Arch, layout: Layout, segments: Segments) -> Mm {
        Mm {
            vmas: BTreeMap::new(),
            pages: RangeMap::default(),
            tables: Tables::new(arch.table_bits()),
            layout,
            segments,
            total_vm: 0,
            exec_vm: 0,
            stack_vm: 0,
            data_vm: 0,
            locked_vm: 0,
            rss: [0; 3],
            hiwater_rss: 0,
            hiwater_vm: 0,
            def_flags: VmFlags::NONE,
            free_area_cache: layout.mmap_base,
            cached_hole_size: u64::MAX,
            no_hole: None,
            users: 1,
            tables_paid: 0,
            key: usize::MAX,
            swapped: 0,
            memcg: MemcgId::ROOT,
            tables_of: BTreeMap::new(),
        }
    }

    pub(crate) fn map_count(&self) -> u64 {
        self.vmas.len() as u64
    }

    /// The first mapping that ends above `address` (`find_vma()`).
    pub(crate) fn find(&self, address: u64) -> Option<&Vma> {
        self.at(address).or_else(|| self.vmas.range(address..).next().map(|(_, vma)| vma))
    }

    /// The mapping that holds `address`.
    pub(crate) fn at(&self, address: u64) -> Option<&Vma> {
        let (_, vma) = self.vmas.range(..=address).next_back()?;
        (address < vma.end).then_some(vma)
    }

    /// The first mapping that touches `start..end`.
    pub(crate) fn intersection(&self, start: u64, end: u64) -> Option<&Vma> {
        self.find(start).filter(|vma| vma.start < end)
    }

    /// The mapping before the one at `start`, or before that address.
    pub(crate) fn before(&self, start: u64) -> Option<&Vma> {
        self.vmas.range(..start).next_back().map(|(_, vma)| vma)
    }

    /// The mapping after the one at `start`, or after that address.
    pub(crate) fn after(&self, start: u64) -> Option<&Vma> {
        self.vmas.range((Excluded(start), Unbounded)).next().map(|(_, vma)| vma)
    }

    /// Where the mappings that touch `start..end` begin.
    pub(crate) fn starts(&self, start: u64, end: u64) -> Vec<u64> {
        let mut starts = Vec::new();
        if start >= end {
            return starts;
        }
        let mut next = self.find(start);
        while let Some(vma) = next.filter(|vma| vma.start < end) {
            starts.push(vma.start);
            next = self.after(vma.start);
        }
        starts
    }

    /// `vm_stat_account()`.
    pub(crate) fn account(&mut self, flags: VmFlags, pages: u64, more: bool) {
        let change = |counter: &mut u64| {
            *counter = if more { *counter + pages } else { counter.saturating_sub(pages) };
        };
        change(&mut self.total_vm);
        match flags.kind() {
            Kind::Exec => change(&mut self.exec_vm),
            Kind::Stack => change(&mut self.stack_vm),
            Kind::Data => change(&mut self.data_vm),
            Kind::Other => {}
        }
    }

    pub(crate) fn rss_total(&self) -> u64 {
        self.rss.iter().sum()
    }

    /// Pages of it that are on swap.
    pub(crate) fn swap_entries(&self) -> u64 {
        self.swapped
    }

    pub(crate) fn note_rss(&mut self) {
        self.hiwater_rss = self.hiwater_rss.max(self.rss_total());
    }

    pub(crate) fn note_vm(&mut self) {
        self.hiwater_vm = self.hiwater_vm.max(self.total_vm);
    }

    /// Pages of `start..end`, bytes, of one mapping.
    pub(crate) fn pages_of(&self, vma: &Vma) -> impl Iterator<Item = (u64, u64, Pte)> + '_ {
        self.pages.iter_within(vma.start >> PAGE_BITS, vma.end >> PAGE_BITS)
    }
}
