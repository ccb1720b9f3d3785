//! The pool of huge pages: memory that is set aside, and mappings that are promised parts of it.
//!
//! # What it follows
//! `mm/hugetlb.c` and `fs/hugetlbfs/inode.c`, 2.6.32 to 6.18: `__nr_hugepages_store_common()`,
//! `hugetlb_acct_memory()`, `hugetlb_reserve_pages()`, `alloc_hugetlb_folio()`, `free_huge_folio()`,
//! `hugetlb_fault()`, `copy_hugetlb_page_range()`, for the one size of 2 MiB.
//!
//! # What it leaves out
//! Nodes (pages come from wherever there are any), pages of 1 GiB, hugetlbfs that is mounted, cgroups
//! of the controller `hugetlb`, tables of the second level that processes share, compaction: what is
//! free counts as whole blocks.

mod fault;
mod map;

pub(crate) use map::places;

use std::collections::BTreeMap;

use world::Errno;

use crate::ctx::Ctx;
use crate::machine::Machine;
use crate::page::HUGE;
use crate::physical::{For, Mark, NOWHERE, Physical, Type};
use crate::range_map::RangeSet;

/// What a file of huge pages has been promised and has.
#[derive(Debug, Clone, Default)]
pub(crate) struct HugeFile {
    /// Whose promise it is: an address space's, of a private mapping; `None`: the file's.
    owner: Option<usize>,
    /// Places that are promised and have no page yet, in huge pages.
    reserved: RangeSet,
    /// Pages of the file, by their place.
    pages: BTreeMap<u64, u64>,
}

/// `struct hstate`. All numbers count huge pages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    /// The zone of each page (`nr_huge_pages` of them).
    zones: Vec<u8>,
    /// `free_huge_pages`.
    pub(crate) free: u64,
    /// `resv_huge_pages`: free ones that are promised.
    pub(crate) reserved: u64,
    /// `surplus_huge_pages`: more than `nr_hugepages` asks for.
    pub(crate) surplus: u64,
    /// `nr_overcommit_hugepages`.
    pub(crate) overcommit: u64,
    /// Page tables and files that have a page, by its number.
    users: BTreeMap<u64, u32>,
    next: u64,
    pub(crate) files: BTreeMap<usize, HugeFile>,
}

impl Pool {
    /// `nr_huge_pages`.
    pub(crate) fn total(&self) -> u64 {
        self.zones.len() as u64
    }

    /// `persistent_huge_pages()`.
    fn persistent(&self) -> u64 {
        self.total() - self.surplus.min(self.total())
    }

    /// How many page tables and files have a page.
    pub(crate) fn users(&self, page: u64) -> u32 {
        self.users.get(&(page / HUGE)).copied().unwrap_or(0)
    }

    /// One more page table or file has a page.
    fn hold(&mut self, page: u64) {
        *self.users.entry(page / HUGE).or_default() += 1;
    }

    /// A page of the pool's is somebody's: the number of its first small page.
    fn hand_out(&mut self) -> u64 {
        self.next += 1;
        self.users.insert(self.next, 1);
        self.next * HUGE
    }

    /// The last page that came is not the pool's any more; its zone.
    fn shed(&mut self) -> u8 {
        self.zones.pop().unwrap_or(NOWHERE)
    }
}

/// A huge page leaves the pool.
fn give(physical: Option<&mut Physical>, zone: u8) {
    if let Some(physical) = physical {
        physical.give(zone, HUGE, Type::Movable);
    }
}

impl crate::store::Store {
    /// One page table or file less has each of these pages, `count` small ones from `page` on.
    pub(crate) fn let_go_of_huge(&mut self, page: u64, count: u64) {
        for number in page / HUGE..(page + count).div_ceil(HUGE) {
            let Some(users) = self.pool.users.get_mut(&number) else { continue };
            *users -= 1;
            if *users > 0 {
                continue;
            }
            self.pool.users.remove(&number);
            // `free_huge_folio()`.
            if self.pool.surplus > 0 {
                self.pool.surplus -= 1;
                let zone = self.pool.shed();
                give(self.frames.physical.as_deref_mut(), zone);
            } else {
                self.pool.free += 1;
            }
        }
    }

    /// One more page table has each of these pages.
    pub(crate) fn hold_huge(&mut self, page: u64, count: u64) {
        for number in page / HUGE..(page + count).div_ceil(HUGE) {
            self.pool.hold(number * HUGE);
        }
    }

    /// `return_unused_surplus_pages()`: so many promises are not needed any more.
    fn unreserve_huge(&mut self, count: u64) {
        let count = count.min(self.pool.reserved);
        self.pool.reserved -= count;
        for _ in 0..count.min(self.pool.surplus).min(self.pool.free) {
            self.pool.free -= 1;
            self.pool.surplus -= 1;
            let zone = self.pool.shed();
            give(self.frames.physical.as_deref_mut(), zone);
        }
    }

    /// A file of huge pages goes.
    pub(crate) fn drop_huge_file(&mut self, file: usize) {
        let Some(gone) = self.pool.files.remove(&file) else { return };
        self.unreserve_huge(gone.reserved.total());
        for page in gone.pages.into_values() {
            self.let_go_of_huge(page, HUGE);
        }
    }

    /// Promises of a private mapping that nobody used go with it: places of its file.
    pub(crate) fn unmap_huge(&mut self, mm: usize, file: usize, first: u64, end: u64) {
        let Some(known) = self.pool.files.get_mut(&file) else { return };
        if known.owner == Some(mm) {
            let unused = known.reserved.take(first, end);
            self.unreserve_huge(unused);
        }
    }
}

impl Ctx<'_> {
    /// `alloc_fresh_hugetlb_folio()`: a huge page from the allocator; false when there is none.
    fn fresh_huge(&mut self) -> bool {
        let zone = loop {
            let Some(physical) = self.store.frames.physical.as_deref_mut() else { break NOWHERE };
            let taken = physical
                .grab(HUGE, For::Huge, Mark::Low)
                .or_else(|| physical.grab(HUGE, For::Huge, Mark::Min));
            if let Some(grant) = taken {
                break grant.zone;
            }
            if self.reclaim_directly(For::User) == 0 || self.rest.dying {
                return false;
            }
        };
        self.store.pool.zones.push(zone);
        true
    }

    /// `hugetlb_acct_memory()` of more: so many are promised, of free ones or of surplus.
    fn reserve_huge(&mut self, count: u64) -> Result<(), Errno> {
        let pool = &self.store.pool;
        let missing = (pool.reserved + count).saturating_sub(pool.free);
        for done in 0..missing {
            // `gather_surplus_pages()`.
            let pool = &self.store.pool;
            if pool.surplus >= pool.overcommit || !self.fresh_huge() {
                for _ in 0..done {
                    self.store.pool.surplus -= 1;
                    self.store.pool.free -= 1;
                    let zone = self.store.pool.shed();
                    give(self.store.frames.physical.as_deref_mut(), zone);
                }
                return Err(Errno::ENOMEM);
            }
            self.store.pool.surplus += 1;
            self.store.pool.free += 1;
        }
        self.store.pool.reserved += count;
        Ok(())
    }

    /// `alloc_hugetlb_folio()`: a page, a promised one if it was; its number.
    fn take_huge(&mut self, promised: bool) -> Option<u64> {
        let pool = &mut self.store.pool;
        if promised && pool.free > 0 {
            pool.reserved = pool.reserved.saturating_sub(1);
            pool.free -= 1;
        } else if pool.free > pool.reserved {
            pool.free -= 1;
        } else if pool.surplus < pool.overcommit && self.fresh_huge() {
            self.store.pool.surplus += 1;
        } else {
            return None;
        }
        Some(self.store.pool.hand_out())
    }
}

impl Machine {
    /// Writes to the pool's settings; `None`: it is not one of them.
    pub(crate) fn control_pool(&mut self, name: &str, value: &str) -> Option<Result<(), Errno>> {
        let number = || value.trim().parse::<u64>().map_err(|_| Errno::EINVAL);
        match name {
            "vm.nr_hugepages" => Some(number().map(|count| self.set_pool(count))),
            "vm.nr_overcommit_hugepages" => {
                Some(number().map(|count| self.store.pool.overcommit = count))
            }
            _ => None,
        }
    }

    /// `set_max_huge_pages()`: as many as can be had, or as can be spared.
    fn set_pool(&mut self, count: u64) {
        self.as_kernel(|ctx| {
            while ctx.store.pool.surplus > 0 && count > ctx.store.pool.persistent() {
                ctx.store.pool.surplus -= 1;
            }
            while count > ctx.store.pool.persistent() && ctx.fresh_huge() {
                ctx.store.pool.free += 1;
            }
            let pool = &ctx.store.pool;
            let least = count.max(pool.reserved + pool.total() - pool.free);
            while least < ctx.store.pool.persistent() && ctx.store.pool.free > 0 {
                ctx.store.pool.free -= 1;
                let zone = ctx.store.pool.shed();
                give(ctx.store.frames.physical.as_deref_mut(), zone);
            }
            while count < ctx.store.pool.persistent() {
                ctx.store.pool.surplus += 1;
            }
        });
    }
}

#[cfg(test)]
mod tests;
