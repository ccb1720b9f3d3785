//! An address space.

use std::collections::BTreeMap;

use rules::layout::{Arch, Layout};

use crate::holes::Holes;
use crate::memcg::MemcgId;
use crate::page::{PAGE_BITS, Pte};
use crate::range_map::RangeMap;
use crate::sorted::{Sorted, Spot};
use crate::tables::Tables;
use crate::unsynced::{SWAP, Unsynced};
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
    pub(crate) vmas: Sorted<Vma>,
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
    /// Pages of files that faults mapped along with the one that they waited for, and that may have come
    /// from the disk too late for that.
    pub(crate) on_the_way: u64,
    /// Pages that were paged out and may be mapped still: they were on no list yet.
    pub(crate) off_list: u64,
    /// What the kernel's counters leave out of these.
    pub(crate) unsynced: Unsynced,
    pub(crate) hiwater_rss: u64,
    pub(crate) hiwater_vm: u64,
    /// Flags of every new mapping (`mlockall`).
    pub(crate) def_flags: VmFlags,
    /// `PR_SET_MDWE`: what was asked for.
    pub(crate) mdwe: u64,
    /// Where the next search starts, up to 3.6.
    pub(crate) free_area_cache: u64,
    pub(crate) cached_hole_size: u64,
    /// What `vmas` leaves free.
    pub(crate) holes: Holes,
    /// Processes and threads that use it.
    pub(crate) users: u32,
    /// Page tables that memory was taken for.
    pub(crate) tables_paid: u64,
    /// Mappings that the kernel has objects for.
    pub(crate) mappings_paid: u64,
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
    pub(crate) fn new(arch: Arch, layout: Layout, segments: Segments, unsynced: Unsynced) -> Mm {
        Mm {
            vmas: Sorted::default(),
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
            on_the_way: 0,
            off_list: 0,
            unsynced,
            hiwater_rss: 0,
            hiwater_vm: 0,
            def_flags: VmFlags::NONE,
            mdwe: 0,
            free_area_cache: layout.mmap_base,
            cached_hole_size: u64::MAX,
            holes: Holes::everything(),
            users: 1,
            tables_paid: 0,
            mappings_paid: 0,
            key: usize::MAX,
            swapped: 0,
            memcg: MemcgId::ROOT,
            tables_of: BTreeMap::new(),
        }
    }

    /// Looks anew at what the mappings leave free.
    pub(crate) fn find_holes(&mut self) {
        self.holes = Holes::between(self.vmas.values().map(|vma| (vma.start, vma.end)));
    }

    /// Whether `holes` says what the mappings leave free; of few mappings, since each is looked at.
    #[cfg(debug_assertions)]
    pub(crate) fn holes_are_right(&self) -> bool {
        let right = || Holes::between(self.vmas.values().map(|vma| (vma.start, vma.end)));
        self.vmas.len() > 200 || self.holes.iter().eq(right().iter())
    }

    pub(crate) fn map_count(&self) -> u64 {
        self.vmas.len() as u64
    }

    /// The place of the first mapping that ends above `address`.
    pub(crate) fn spot(&self, address: u64) -> Spot {
        let spot = self.vmas.spot(address);
        match self.vmas.previous(spot) {
            Some(before) if self.vmas.at(before).is_some_and(|(_, vma)| vma.end > address) => {
                before
            }
            _ => spot,
        }
    }

    /// The first mapping that starts at `address` or above it.
    pub(crate) fn from(&self, address: u64) -> Option<&Vma> {
        self.vmas.at(self.vmas.spot(address)).map(|(_, vma)| vma)
    }

    /// The first mapping that ends above `address` (`find_vma()`).
    pub(crate) fn find(&self, address: u64) -> Option<&Vma> {
        self.vmas.at(self.spot(address)).map(|(_, vma)| vma)
    }

    /// The mapping that holds `address`.
    pub(crate) fn at(&self, address: u64) -> Option<&Vma> {
        self.find(address).filter(|vma| vma.start <= address)
    }

    /// The first mapping that touches `start..end`.
    pub(crate) fn intersection(&self, start: u64, end: u64) -> Option<&Vma> {
        self.find(start).filter(|vma| vma.start < end)
    }

    /// The mapping before the one at `start`, or before that address.
    pub(crate) fn before(&self, start: u64) -> Option<&Vma> {
        self.vmas.before(self.vmas.spot(start)).map(|(_, vma)| vma)
    }

    /// The mapping after the one at `start`, or after that address.
    pub(crate) fn after(&self, start: u64) -> Option<&Vma> {
        self.from(start.saturating_add(1))
    }

    /// Where the mappings that touch `start..end` begin.
    pub(crate) fn starts(&self, start: u64, end: u64) -> Vec<u64> {
        let from = self.vmas.onwards(self.spot(start));
        from.map(|(at, _)| at).take_while(|&at| at < end && start < end).collect()
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

    /// `get_mm_counter()`: resident pages of a kind as the kernel says them.
    pub(crate) fn said(&self, kind: usize) -> u64 {
        let pages = if kind == SWAP { self.swapped } else { self.rss[kind] };
        pages.saturating_add_signed(-self.unsynced.left_out(kind))
    }

    /// `get_mm_rss()`: resident pages as the kernel says them.
    pub(crate) fn rss_said(&self) -> u64 {
        (0..SWAP).map(|kind| self.said(kind)).sum()
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
