//! What is not the kernel's to say, but its processors' and disks'.

use world::{ProcessId, WorldError};

use crate::machine::Machine;

/// How far some numbers of a process may be from what the model says, whatever the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uncertain {
    /// Minor faults more that it may have taken on each processor. A page that a call made writable faults
    /// once more where the processor's buffer (TLB) still has its entry as it was: x86 flushes nothing when
    /// an entry allows more than before (`ptep_set_access_flags()`). So does each page of a huge page that
    /// a fault made writable (`do_huge_pmd_wp_page()`), where a virtual machine's memory is mapped in parts.
    pub stale_entries: u64,
    /// Pages of files that may not be mapped: a fault maps what is in memory around the page that it waits
    /// for (`filemap_map_pages()`), and the neighbours that it read along may come from the disk later. So may
    /// what is read because a page that was used asked for it (`page_cache_async_ra()`): until then it is not
    /// in memory for `mincore(2)`.
    pub on_the_way: u64,
    /// Pages that may be mapped still: they were paged out when another task had just made them, and may not
    /// have been on a list then, as processors put what is made there in batches of 31 (`folio_add_lru()`).
    pub off_list: u64,
    /// Pages that may be marked as referenced or not, of all processes together: a call that locks them and
    /// uses them for the second time makes them active, and takes the mark away, unless the kernel knows
    /// already that they are locked, which processors tell it in batches of 31 (`mlock_folio()`).
    pub batched: u64,
}

impl Machine {
    /// What the model cannot know of a process.
    ///
    /// # Errors
    /// There is no such process.
    pub fn uncertain(&self, process: ProcessId) -> Result<Uncertain, WorldError> {
        let found = self.process(process)?;
        let mm = self.mms.get(&found.mm);
        let (on_the_way, off_list) = mm.map_or((0, 0), |mm| (mm.on_the_way, mm.off_list));
        let stale_entries = self.process(found.group)?.task.stale;
        Ok(Uncertain { stale_entries, on_the_way, off_list, batched: self.store.batched })
    }
}
