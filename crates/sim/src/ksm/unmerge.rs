//! Merged pages become pages of each process's own again.

use super::Place;
use crate::ctx::Ctx;
use crate::fault::Step;
use crate::machine::Machine;
use crate::page::{PAGE_BITS, What};

impl Ctx<'_> {
    /// `unmerge_ksm_pages()` of `start..end`, bytes, of the mapping at `at`: each is copied. `counts`: the
    /// faults are the process's own. Ends early where there is no memory for a copy.
    pub(crate) fn unmerge(&mut self, at: u64, start: u64, end: u64, counts: bool) {
        let (first, last) = (start >> PAGE_BITS, end >> PAGE_BITS);
        for (page, len, pte) in self.mm.pages.within(first, last) {
            let zero = pte.what == What::Zero && pte.dirty && !pte.huge;
            if zero && !self.store.ksm.rules.counts_zero_pages {
                continue;
            }
            if !zero && pte.what != What::Anon {
                continue;
            }
            for by in 0..len {
                if !zero && !self.store.ksm.is_ksm(pte.frame + by) {
                    continue;
                }
                let old = crate::page::Pte { frame: if zero { 0 } else { pte.frame + by }, ..pte };
                if self.copy(at, page + by, 1, old).is_err() {
                    return;
                }
                if self.store.rules.protect_upgrades {
                    // Not by a write since 6.2: the first one faults.
                    self.mm.pages.update(page + by, page + by + 1, |_, pte| pte.writable = false);
                }
                if counts && self.store.rules.counts_call_faults {
                    self.count_faults(Step::minor(1, 1));
                }
            }
        }
    }
}

impl Machine {
    /// `unmerge_and_remove_all_rmap_items()`: 2 was written to `run`.
    pub(crate) fn unmerge_all(&mut self) {
        let mms: Vec<usize> = self.store.ksm.slots.iter().map(|slot| slot.mm).collect();
        for mm in mms {
            let alive = |process: &crate::machine::Process| process.ended.is_none();
            let owner =
                self.processes.iter().position(|process| process.mm == mm && alive(process));
            let owner = owner.and_then(|index| u32::try_from(index).ok()).map(world::ProcessId);
            if let Some(owner) = owner {
                let done = self.with(owner, |ctx| {
                    let mergeable = crate::vm_flags::VmFlags::MERGEABLE;
                    let vmas: Vec<(u64, u64)> = ctx
                        .mm
                        .vmas
                        .values()
                        .filter(|vma| vma.has(mergeable))
                        .map(|vma| (vma.start, vma.end))
                        .collect();
                    for (start, end) in vmas {
                        ctx.unmerge(start, start, end, false);
                    }
                });
                // It lives: nothing else fails.
                drop(done);
            }
        }
        let ksm = &mut self.store.ksm;
        for slot in 0..ksm.slots.len() {
            ksm.forget(slot, 0, u64::MAX);
        }
        let dead: Vec<usize> =
            ksm.slots.iter().map(|slot| slot.mm).filter(|mm| !self.mms.contains_key(mm)).collect();
        let ksm = &mut self.store.ksm;
        ksm.slots.retain(|slot| !dead.contains(&slot.mm));
        ksm.stable.clear();
        ksm.by_bytes.clear();
        ksm.chains.clear();
        ksm.unstable.clear();
        (ksm.cursor, ksm.shared, ksm.sharing, ksm.unshared) = (None, 0, 0, 0);
        self.pay_ksm();
        let ksm = &self.store.ksm;
        debug_assert!(
            ksm.slots.iter().all(|slot| slot.items.values().all(|item| item.place == Place::None))
        );
    }
}
