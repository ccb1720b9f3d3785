//! Mappings of huge pages of the pool.

use world::{Errno, MapFlags};

use super::HugeFile;
use crate::calls::mmap::Mmap;
use crate::ctx::{Answer, Ctx};
use crate::files::{File, FileKind};
use crate::page::{HUGE, HUGE_BYTES, PAGE, PAGE_BITS};
use crate::place::Wanted;
use crate::range_map::RangeSet;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

/// `MAP_HUGE_SHIFT`: the flags above hold the logarithm of a size.
const SIZE_SHIFT: u32 = 26;

impl Ctx<'_> {
    /// `hugetlb_file_setup()`: the file behind `MAP_ANONYMOUS | MAP_HUGETLB`, and its length.
    pub(crate) fn huge_file(&mut self, call: &Mmap) -> Answer<(usize, u64)> {
        let size = call.flags.0 >> SIZE_SHIFT & 0x3f;
        if size != 0 && size != HUGE_BYTES.ilog2() {
            return Err(Errno::EINVAL);
        }
        let len = call.len.checked_next_multiple_of(HUGE_BYTES).ok_or(Errno::EINVAL)?;
        let inode = self.store.next_inode();
        let file = self.store.add_file(File {
            name: "/anon_hugepage (deleted)".to_owned(),
            device: (0, 15),
            inode,
            len,
            kind: FileKind::Hugetlb,
            promised: None,
            blocks: RangeSet::default(),
            opens: 0,
            linked: false,
        });
        self.store.pool.files.insert(file, HugeFile::default());
        Ok((self.store.add_open(file, true, true), len))
    }

    /// `hugetlb_get_unmapped_area()`.
    pub(crate) fn huge_area(&mut self, wanted: &Wanted) -> Answer {
        let mask = HUGE_BYTES - 1;
        if wanted.len & mask != 0 {
            return Err(Errno::EINVAL);
        }
        if wanted.flags.has(MapFlags::FIXED) {
            if wanted.addr & mask != 0 {
                return Err(Errno::EINVAL);
            }
            return self.plain_area(wanted);
        }
        if wanted.addr != 0
            && let Some(addr) = wanted.addr.checked_next_multiple_of(HUGE_BYTES)
            && let Some(end) = addr.checked_add(wanted.len)
            && end <= self.mm.layout.task_size
            && self.mm.intersection(addr, end).is_none()
        {
            return Ok(addr);
        }
        // Room to move up to the next boundary, from below or from above.
        let slack = mask & !(PAGE - 1);
        let len = wanted.len.checked_add(slack).ok_or(Errno::ENOMEM)?;
        let found = self.plain_area(&Wanted { addr: 0, len, ..*wanted })?;
        Ok(if self.mm.layout.top_down { (found + slack) & !mask } else { (found + mask) & !mask })
    }

    /// `hugetlbfs_file_mmap()` and `hugetlb_reserve_pages()`: the promise of a new mapping.
    pub(crate) fn promise_huge(
        &mut self,
        open: usize,
        vm: VmFlags,
        pgoff: u64,
        pages: u64,
    ) -> Answer<()> {
        if vm.has(VmFlags::NORESERVE) {
            return Ok(());
        }
        let file = self.store.opens[open].file;
        let (first, end) = (pgoff / HUGE, (pgoff + pages) / HUGE);
        self.reserve_huge(end - first)?;
        let owner = (!vm.has(VmFlags::MAYSHARE)).then_some(self.rest.mm);
        if let Some(known) = self.store.pool.files.get_mut(&file) {
            known.owner = owner;
            known.reserved.add(first, end);
        }
        Ok(())
    }

    /// What goes when `start..end` of a mapping does, beside its pages.
    pub(crate) fn unmap_huge(&mut self, vma: &Vma) {
        if let Some((file, first, end)) = places(self.store, vma) {
            self.store.unmap_huge(self.rest.mm, file, first, end);
        }
    }
}

/// The file of a mapping of huge pages, and which of its places the mapping shows.
pub(crate) fn places(store: &crate::store::Store, vma: &Vma) -> Option<(usize, u64, u64)> {
    let Backing::File(open) = vma.backing else { return None };
    if !vma.has(VmFlags::HUGETLB) {
        return None;
    }
    let pages = (vma.end - vma.start) >> PAGE_BITS;
    Some((store.opens[open].file, vma.pgoff / HUGE, (vma.pgoff + pages) / HUGE))
}
