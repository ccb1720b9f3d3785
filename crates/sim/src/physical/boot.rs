//! Marks and reserves, as the kernel computes them at boot and again when it is told to.
//!
//! `init_per_zone_wmark_min()`, `__setup_per_zone_wmarks()`, `setup_per_zone_lowmem_reserve()` in
//! `mm/page_alloc.c`, `set_recommended_min_free_kbytes()` in `mm/khugepaged.c`. The numbers of boot
//! follow from what was managed then, those of a later write from what is managed now.

use rules::reserve::{default_ratio, lowmem_reserve};
use rules::watermark::{
    WatermarkRules, ZoneKind, free_buffer_pages, khugepaged_min_free_kbytes, lowpages,
    min_free_kbytes, zone_marks,
};
use units::{PageSize, Pages};

use super::Physical;
use super::zones::{KINDS, Zone, class};
use crate::config::Huge;
use crate::page::HUGE;
use crate::policy::cpus_of;

/// Pages below which a kernel boots without huge pages: 512 MiB (`hugepage_init()`).
const LEAST_FOR_HUGE: u64 = 512 << 8;

impl Physical {
    /// Everything that follows from the zones as they were while the kernel came up.
    pub(super) fn set_up(&mut self, huge: Huge, asked: Option<u64>) {
        self.ratios = KINDS.map(|kind| default_ratio(self.release, kind));
        self.set_reserves(|zone| zone.managed_at_init);
        let at_boot = self.boot_min_free(huge);
        self.min_free_kbytes = asked.unwrap_or(at_boot);
        if asked.is_none_or(|asked| asked == at_boot) {
            self.set_marks(|zone| zone.managed_at_init);
        } else {
            // Somebody wrote it, later.
            self.set_marks(|zone| zone.managed);
        }
    }

    /// `min_free_kbytes` as the kernel and khugepaged choose it; 0 where there is no such thing.
    fn boot_min_free(&mut self, huge: Huge) -> u64 {
        let low = |zone: &&Zone| zone.kind <= ZoneKind::Normal;
        let lowmem: u64 = self.zones.iter().filter(low).map(|zone| zone.managed_at_init).sum();
        let own = min_free_kbytes(self.release, lowmem * 4).unwrap_or(0);
        // `hugepage_init()` leaves it at that where huge pages would not pay, and up to 5.15 where they are off.
        let total: u64 = self.zones.iter().map(|zone| zone.managed_at_init).sum();
        let again = self.release >= facts::Release::new(5, 16) && total >= LEAST_FOR_HUGE;
        if huge == Huge::Never && !again {
            return own;
        }
        // The marks that khugepaged finds are those of the kernel's own choice.
        self.min_free_kbytes = own;
        self.set_marks(|zone| zone.managed_at_init);
        let buffer = free_buffer_pages(
            self.zones
                .iter()
                .filter(low)
                .map(|zone| (Pages::new(zone.managed_at_init), zone.marks.high)),
        );
        if huge == Huge::Never {
            // `calculate_min_free_kbytes()`, by which the marks count as used.
            return min_free_kbytes(self.release, buffer.count() * 4).unwrap_or(own);
        }
        let zones = self.populated();
        khugepaged_min_free_kbytes(own, zones, Pages::new(HUGE), buffer, PageSize::KIB_4)
    }

    /// Somebody wrote to `transparent_hugepage/enabled`: `start_stop_khugepaged()` has
    /// `set_recommended_min_free_kbytes()` raise `min_free_kbytes` where huge pages are on, and since 5.16
    /// work it out anew where they are off, both from what is managed now.
    pub(crate) fn huge_pages_set(&mut self, huge: Huge) {
        if huge == Huge::Never && self.release < facts::Release::new(5, 16) {
            return;
        }
        let low = |zone: &&Zone| zone.kind <= ZoneKind::Normal;
        let buffer = free_buffer_pages(
            self.zones.iter().filter(low).map(|zone| (Pages::new(zone.managed), zone.marks.high)),
        );
        self.min_free_kbytes = if huge == Huge::Never {
            let own = min_free_kbytes(self.release, buffer.count() * 4).unwrap_or(0);
            if own > self.user_min_free { own } else { self.min_free_kbytes }
        } else {
            let zones = self.populated();
            let (block, size) = (Pages::new(HUGE), PageSize::KIB_4);
            khugepaged_min_free_kbytes(self.min_free_kbytes, zones, block, buffer, size)
        };
        self.set_marks(|zone| zone.managed);
    }

    /// Zones that `set_recommended_min_free_kbytes()` counts.
    fn populated(&self) -> u64 {
        let all = self.release < facts::Release::new(4, 16);
        let counts = |zone: &&Zone| zone.managed > 0 && (all || zone.kind <= ZoneKind::Normal);
        self.zones.iter().filter(counts).count() as u64
    }

    /// `__setup_per_zone_wmarks()`.
    pub(super) fn set_marks(&mut self, managed: impl Fn(&Zone) -> u64) {
        let mut rules = WatermarkRules::of(self.release);
        rules.movable_is_high |= self.zones.iter().any(|zone| zone.kind == ZoneKind::HighMem);
        let sized = |zone: &Zone| (zone.kind, Pages::new(managed(zone)));
        let low = lowpages(&rules, self.zones.iter().map(sized));
        let min_free = Pages::new(self.min_free_kbytes >> 2);
        let marks: Vec<_> = self
            .zones
            .iter()
            .map(|zone| {
                let (kind, pages) = sized(zone);
                zone_marks(&rules, kind, pages, low, min_free, self.scale_factor)
            })
            .collect();
        let nodes: Vec<u32> = self.nodes().into_iter().collect();
        for (zone, marks) in self.zones.iter_mut().zip(marks) {
            zone.marks = marks;
            zone.boost = 0;
            // `zone_set_pageset_high_and_batch()`: of its own node, if that has any.
            let here = match cpus_of(zone.node, self.cpus, &nodes) {
                0 => self.cpus,
                here => here,
            };
            zone.pcp.resize(self.release, zone.marks.low.count(), zone.managed, here);
        }
        self.total_reserve = self.zones.iter().map(reserved).sum();
    }

    /// `setup_per_zone_lowmem_reserve()`, node by node.
    pub(super) fn set_reserves(&mut self, managed: impl Fn(&Zone) -> u64) {
        let nodes: std::collections::BTreeSet<u32> =
            self.zones.iter().map(|zone| zone.node).collect();
        for node in nodes {
            let mut sizes = [Pages::ZERO; super::zones::CLASSES];
            for zone in self.zones.iter().filter(|zone| zone.node == node) {
                sizes[class(zone.kind)] = Pages::new(managed(zone));
            }
            let rows = lowmem_reserve(self.release, &sizes, &self.ratios);
            for zone in self.zones.iter_mut().filter(|zone| zone.node == node) {
                for (kept, row) in zone.protection.iter_mut().zip(&rows[class(zone.kind)]) {
                    *kept = row.count();
                }
            }
        }
        self.total_reserve = self.zones.iter().map(reserved).sum();
    }
}

/// What `calculate_totalreserve_pages()` counts of a zone.
fn reserved(zone: &Zone) -> u64 {
    let largest = zone.protection.iter().copied().max().unwrap_or(0);
    zone.managed.min(largest.saturating_add(zone.marks.high.count()))
}

#[cfg(test)]
mod tests {
    use rules::layout::Arch;
    use world::{Control, World};

    use super::*;
    use crate::{Image, Machine, MachineConfig, Profile, ZoneProfile};

    /// Marks of DMA32 on a machine as Debian's 6.1 makes of 256 MiB, before and after the write.
    fn high(release: facts::Release, huge: &str) -> [u64; 2] {
        let zone = |kind, spanned, present, managed_at_init, managed, free| ZoneProfile {
            node: 0,
            kind,
            spanned,
            present,
            managed_at_init,
            managed,
            free,
            pcp: 0,
        };
        let zones = vec![
            zone(ZoneKind::Dma, 4095, 3998, 3840, 3840, 3808),
            zone(ZoneKind::Dma32, 61_408, 61_408, 49_914, 52_068, 45_828),
        ];
        let profile = Profile { zones, ..Profile::default() };
        let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let seen = |machine: &Machine| {
            let physical = machine.store.frames.physical.as_deref().expect("memory");
            physical.zones[1].marks.high.count()
        };
        let before = seen(&machine);
        let file = Control::Sys("kernel/mm/transparent_hugepage/enabled".to_owned());
        machine.control(&file, huge).expect("a world").expect("a setting");
        [before, seen(&machine)]
    }

    #[test]
    fn switching_huge_pages_off_computes_the_marks_from_what_is_managed_now() {
        // As 6.1 prints them.
        assert_eq!(high(facts::Release::new(6, 1), "never"), [643, 654]);
    }

    #[test]
    fn before_5_16_switching_them_off_left_the_marks_alone() {
        let [before, after] = high(facts::Release::new(5, 10), "never");
        assert_eq!(before, after);
    }

    #[test]
    fn switching_them_on_raises_the_marks() {
        let [before, after] = high(facts::Release::new(6, 1), "always");
        assert!(after > before * 2, "{before} {after}");
    }
}
