//! `/sys/kernel/mm/lru_gen`: generations are switched on and off.

use world::Errno;

use crate::ctx::Ctx;
use crate::frames::{Frame, Frames};
use crate::machine::Machine;
use crate::physical::lru::Lru;
use crate::physical::{List, Physical};
use crate::vm_flags::VmFlags;

/// `LRU_GEN_CORE`, `LRU_GEN_MM_WALK`, `LRU_GEN_NONLEAF_YOUNG`.
const CAPS: u32 = 7;

/// What `enabled` is set to: `y`, `n`, or bits.
fn caps(value: &str) -> Result<u32, Errno> {
    let value = value.trim();
    match value.chars().next() {
        Some('n' | 'N') => Ok(0),
        Some('y' | 'Y') => Ok(CAPS),
        _ => value
            .strip_prefix("0x")
            .map_or_else(|| value.parse(), |digits| u32::from_str_radix(digits, 16))
            .map_err(|_| Errno::EINVAL),
    }
}

impl Machine {
    /// Writes to a file there (`enabled_store()`, `min_ttl_ms_store()`); kernels before 6.1 have none.
    pub(crate) fn control_generations(&mut self, path: &str, value: &str) -> Result<(), Errno> {
        if self.store.config.release < facts::Release::new(6, 1) {
            return Ok(());
        }
        match path {
            "kernel/mm/lru_gen/enabled" => {
                let caps = caps(value)?;
                self.store.config.lru_gen = caps & 1 != 0;
                self.store.frames.set_generational(caps & 1 != 0);
                if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                    physical.lru.walks = caps & 2 != 0;
                }
            }
            "kernel/mm/lru_gen/min_ttl_ms" => {
                let ms: u32 = value.trim().parse().map_err(|_| Errno::EINVAL)?;
                if let Some(physical) = self.store.frames.physical.as_deref_mut() {
                    physical.lru.min_ttl = u64::from(ms) * 1_000_000;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Frames {
    /// `lru_gen_change_state()`: every page moves from lists of the one sort to those of the other, the
    /// oldest first.
    fn set_generational(&mut self, on: bool) {
        let Some(physical) = self.physical.as_deref() else { return };
        if physical.has_generations() == on {
            return;
        }
        let listed = self.map.iter().filter(|(_, _, frame)| frame.lru != 0);
        let mut runs: Vec<(List, u64, u64, u64)> = listed
            .map(|(first, len, frame)| (physical.list_of(frame), frame.lru, first, len))
            .collect();
        runs.sort_unstable();
        for &(list, _, first, len) in &runs {
            self.relist(first, len, |physical, at, len, frame| {
                physical.delist(at, len, frame);
                *frame =
                    Frame { aged: super::Aged::NEW, active: list.is_active(), lru: 0, ..*frame };
            });
        }
        if let Some(physical) = self.physical.as_deref_mut() {
            let Lru { generational, vecs, .. } = &mut physical.lru;
            *generational = on;
            for vec in vecs.values_mut() {
                vec.generations = None;
            }
        }
        for (_, _, first, len) in runs {
            self.relist(first, len, Physical::enlist);
        }
    }
}

impl Ctx<'_> {
    /// `lru_gen_enter_fault()`: pages that a fault makes are of the youngest generation, but in mappings
    /// that are read in no order, or once.
    pub(crate) fn enter_fault(&mut self, at: u64) {
        let once = VmFlags::RAND_READ.with(VmFlags::SEQ_READ);
        let recent = !self.vma(at).flags.any(once);
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.in_fault = recent;
        }
    }

    /// `lru_gen_exit_fault()`.
    pub(crate) fn leave_fault(&mut self) {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.in_fault = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_takes_letters_and_bits() {
        assert_eq!(caps("y\n"), Ok(7));
        assert_eq!(caps("n"), Ok(0));
        assert_eq!(caps("0x0007\n"), Ok(7));
        assert_eq!(caps("1"), Ok(1));
        assert_eq!(caps("maybe"), Err(Errno::EINVAL));
    }
}
