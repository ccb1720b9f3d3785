//! Pages that were evicted and come back: `lru_gen_eviction()` and `lru_gen_refault()` in
//! `mm/workingset.c`.

use super::tiers::tier_of;
use super::{Aged, kind};
use crate::frames::Frame;
use crate::physical::Physical;
use crate::physical::lru::Owner;

/// How a page comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Back {
    /// It would have stayed, had there been a little more memory: it is in use.
    pub(crate) active: bool,
    /// It was in use when it went (`PG_workingset`).
    pub(crate) workingset: bool,
    /// `LRU_REFS_MASK`.
    pub(crate) uses: u8,
    /// What `workingset_activate_*` counts.
    pub(crate) activated: bool,
}

impl Back {
    /// What its pages know of their age.
    pub(crate) fn aged(self) -> Aged {
        Aged { workingset: self.workingset, uses: self.uses, ..Aged::NEW }
    }
}

/// Set in what is remembered of a page: it is a generation and not an age.
const TOKEN: u64 = 1 << 63;
/// Bits of a token below the generation: how often calls had used it.
const REFS: u32 = 3;

/// What is remembered of the `by`th page after one that this is remembered of.
pub(crate) fn later(age: u64, by: u64) -> u64 {
    if age & TOKEN == 0 { age + by } else { age }
}

impl Physical {
    /// `lru_gen_eviction()`: what is remembered of pages that go.
    pub(in crate::physical) fn evicted_in_generation(
        &mut self,
        owner: Owner,
        frame: &Frame,
        count: u64,
    ) -> u64 {
        let (kind, refs) = (kind(frame), frame.aged.refs());
        let generations = self.lru.generations(owner);
        generations.tiers.evicted(kind, tier_of(refs), count);
        TOKEN | generations.min[kind] << REFS | u64::from(refs)
    }

    /// `lru_gen_refault()`: pages come back that this was remembered of. Those whose generation is still
    /// the oldest were evicted too early.
    pub(in crate::physical) fn refault_in_generation(
        &mut self,
        token: u64,
        owner: Owner,
        kind: usize,
        count: u64,
    ) -> Back {
        let in_fault = self.in_fault;
        if token & TOKEN == 0 {
            return Back::default();
        }
        let generations = self.lru.generations(owner);
        let refs = u8::try_from(token & ((1 << REFS) - 1)).unwrap_or(0);
        if (token & !TOKEN) >> REFS != generations.min[kind] {
            return Back::default();
        }
        generations.tiers.refaulted(kind, tier_of(refs), count);
        let restored = in_fault || refs >= 3;
        // A page that was spared is what counts as activated before 6.3.
        let activated = self.orders_memcgs();
        let names = [
            ["workingset_activate_anon", "workingset_restore_anon"],
            ["workingset_activate_file", "workingset_restore_file"],
        ];
        self.count(names[kind][0], if activated { count } else { 0 });
        self.count(names[kind][1], if restored { count } else { 0 });
        Back { active: false, workingset: restored, uses: if restored { 3 } else { 0 }, activated }
    }
}
