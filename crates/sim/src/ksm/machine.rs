//! KSM of a machine: its files, and what processes ask of it.

use rules::layout::Arch;
use world::{Content, Errno, Touch};

use super::{Ksm, places};
use crate::ctx::Ctx;
use crate::machine::Machine;
use crate::page::{PAGE, What, page_of};
use crate::tree::TreeFile;

impl Machine {
    /// Root writes to a file below `/sys/kernel/mm/ksm`.
    pub(crate) fn control_ksm(&mut self, path: &str, value: &str) -> Result<(), Errno> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let release = self.store.release();
        if !Ksm::files(release).any(|known| known == file) {
            return Err(Errno::ENOENT);
        }
        if self.store.ksm.write(file, value, self.store.clock)? {
            self.unmerge_all();
        }
        Ok(())
    }

    /// The files of `/sys/kernel/mm/ksm`, while anything is known of any page, or ksmd runs.
    pub(crate) fn ksm_files(&self) -> Vec<TreeFile> {
        if self.store.ksm.unused() {
            return Vec::new();
        }
        let zeros = self.zero_pages();
        Ksm::files(self.store.release())
            .filter_map(|file| {
                let text = self.store.ksm.read(file, zeros)?;
                Some((format!("sys/kernel/mm/ksm/{file}"), text.into_bytes()))
            })
            .collect()
    }

    /// What is known of pages takes memory of the kernel's: 64 bytes each, half of that on 32 bits.
    pub(super) fn pay_ksm(&mut self) {
        let ksm = &mut self.store.ksm;
        let small = matches!(self.store.config.arch, Arch::I386 | Arch::Arm);
        let now = ksm.slab_pages(if small { 32 } else { 64 });
        let before = std::mem::replace(&mut ksm.paid, now);
        let Some(physical) = self.store.frames.physical.as_deref_mut() else { return };
        physical.slab.unreclaimable = (physical.slab.unreclaimable + now).saturating_sub(before);
        if now > before {
            physical.seize_kernel(now - before);
        } else {
            physical.give_kernel(before - now);
        }
    }

    /// `ksm_zero_pages`: pages of zeros that were merged and are still.
    fn zero_pages(&self) -> u64 {
        if !self.store.ksm.rules.counts_zero_pages {
            return 0;
        }
        let merged = |mm: &crate::mm::Mm| {
            let zero = |pte: &crate::page::Pte| pte.what == What::Zero && pte.dirty && !pte.huge;
            mm.pages.iter().filter(|(_, _, pte)| zero(pte)).map(|(_, len, _)| len).sum::<u64>()
        };
        self.mms.values().map(merged).sum()
    }
}

impl Ctx<'_> {
    /// What is in pages that have just been written to, `done` accesses from `touch`'s first on.
    pub(crate) fn note_content(&mut self, touch: &Touch, from: u64, done: u64) {
        let Touch { addr, stride, content, .. } = *touch;
        if done == 0 || self.store.frames.physical.is_none() {
            return;
        }
        let step = |by: u64| stride.checked_mul(by).and_then(|by| addr.checked_add(by));
        if stride == PAGE {
            let Some(at) = step(from) else { return };
            let place = [u16::try_from(at % PAGE).unwrap_or(0)];
            self.note_pages(page_of(at), done, content, &place);
            return;
        }
        let mut next = from;
        while next < from + done {
            let Some(at) = step(next) else { return };
            let places = places(at, stride, from + done - next);
            self.note_pages(page_of(at), 1, content, &places);
            let same = if stride < PAGE { places.len() as u64 } else { 1 };
            next += if stride == 0 { done } else { same.max(1) };
        }
    }

    fn note_pages(&mut self, page: u64, count: u64, content: Content, places: &[u16]) {
        for (at, len, pte) in self.mm.pages.within(page, page + count) {
            // It may have been swapped out since: its frame's number stays its name.
            if matches!(pte.what, What::Anon | What::Swap) {
                self.store.contents.write(pte.frame, len, at, content, places);
            }
        }
    }
}
