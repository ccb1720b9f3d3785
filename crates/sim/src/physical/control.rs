//! Settings that reclaim and the allocator look at: files below `/proc/sys/vm`, and swap areas.

use world::{Errno, SwapSpec};

use super::{Physical, Swap};
use crate::frames::file_base;
use crate::machine::Machine;
use crate::range_map::RangeMap;

impl Machine {
    /// These areas, if there are any, take the place of what the machine was built with.
    pub(crate) fn replace_swap(&mut self, areas: &[SwapSpec]) {
        if areas.is_empty() {
            return;
        }
        self.store.config.swap = 0;
        let release = self.store.config.release;
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            let cluster = physical.swap.cluster;
            physical.swap = Swap::new(release);
            physical.swap.cluster = cluster;
        }
        for area in areas {
            self.add_swap(area);
        }
    }

    /// `swapon(2)`.
    pub(crate) fn add_swap(&mut self, spec: &SwapSpec) {
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            physical.swap.add(spec);
            self.store.config.swap = physical.swap.total();
        } else {
            self.store.config.swap += spec.len >> 12;
        }
    }

    /// Writes to a setting of memory's; `None`: it is not one.
    pub(crate) fn control_memory(&mut self, name: &str, value: &str) -> Option<Result<(), Errno>> {
        let number = || value.trim().parse::<u64>().map_err(|_| Errno::EINVAL);
        if name == "vm.drop_caches" {
            return Some(number().and_then(|which| self.drop_caches(which)));
        }
        let Some(physical) = self.store.frames.physical.as_deref_mut() else {
            return is_known(name).then_some(Ok(()));
        };
        if name == "vm.lowmem_reserve_ratio" {
            return Some(physical.set_ratios(value));
        }
        is_known(name).then(|| number().and_then(|value| physical.set(name, value)))
    }

    /// `drop_caches_sysctl_handler()`: 1 clean pages of files that nobody maps, 2 slab, 3 both.
    fn drop_caches(&mut self, which: u64) -> Result<(), Errno> {
        if which == 0 || which & !7 != 0 {
            return Err(Errno::EINVAL);
        }
        if which & 1 != 0 {
            for file in 0..self.store.files.len() {
                self.drop_clean_pages(file);
            }
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            if which & 1 != 0 {
                physical.count("drop_pagecache", 1);
            }
            if which & 2 != 0 {
                physical.drop_slab();
                physical.count("drop_slab", 1);
            }
        }
        Ok(())
    }

    /// `invalidate_mapping_pages()` of a whole file.
    fn drop_clean_pages(&mut self, file: usize) {
        if self.store.files[file].is_shmem() || file == self.store.vdso {
            return;
        }
        let base = file_base(file);
        let clean: Vec<(u64, u64)> = self
            .store
            .frames
            .map
            .iter_within(base, base + (1 << 40))
            .filter(|(_, _, known)| known.maps == 0 && !known.dirty && !known.unevictable)
            .map(|(frame, len, _)| (frame, len))
            .collect();
        for (frame, len) in clean {
            self.store.frames.remove(frame, frame + len);
        }
        if let Some(physical) = self.store.frames.physical.as_deref_mut() {
            // What was evicted before is forgotten as well.
            physical.shadows = RangeMap::default();
        }
    }
}

fn is_known(name: &str) -> bool {
    let Some(name) = name.strip_prefix("vm.") else { return false };
    matches!(
        name,
        "min_free_kbytes"
            | "watermark_scale_factor"
            | "watermark_boost_factor"
            | "lowmem_reserve_ratio"
            | "swappiness"
            | "page-cluster"
            | "vfs_cache_pressure"
            | "dirty_ratio"
            | "dirty_background_ratio"
            | "dirty_bytes"
            | "dirty_background_bytes"
            | "dirty_expire_centisecs"
            | "dirty_writeback_centisecs"
    )
}

impl Physical {
    fn set(&mut self, name: &str, value: u64) -> Result<(), Errno> {
        let within = |most: u64| if value <= most { Ok(value) } else { Err(Errno::EINVAL) };
        let most_swappy = if self.release >= facts::Release::new(5, 8) { 200 } else { 100 };
        match name {
            "vm.min_free_kbytes" => {
                self.min_free_kbytes = value;
                self.user_min_free = value;
                self.set_marks(|zone| zone.managed);
            }
            "vm.watermark_scale_factor" => {
                if !(1..=3000).contains(&value) {
                    return Err(Errno::EINVAL);
                }
                self.scale_factor = value;
                self.set_marks(|zone| zone.managed);
            }
            "vm.watermark_boost_factor" => {
                self.zones.iter_mut().for_each(|zone| zone.boost_factor = value);
            }
            "vm.swappiness" => self.swappiness = within(most_swappy)?,
            "vm.page-cluster" => self.swap.cluster = u32::try_from(within(31)?).unwrap_or(31),
            "vm.vfs_cache_pressure" => self.slab.pressure = value,
            "vm.dirty_ratio" => {
                self.writeback.ratio = within(100)?;
                self.writeback.limit = 0;
            }
            "vm.dirty_background_ratio" => {
                self.writeback.background_ratio = within(100)?;
                self.writeback.background_limit = 0;
            }
            "vm.dirty_bytes" => self.writeback.limit = value.div_ceil(4096),
            "vm.dirty_background_bytes" => self.writeback.background_limit = value.div_ceil(4096),
            "vm.dirty_writeback_centisecs" => self.writeback.interval_centisecs = value,
            "vm.dirty_expire_centisecs" => self.writeback.expire_centisecs = value,
            _ => {}
        }
        Ok(())
    }

    /// `lowmem_reserve_ratio_sysctl_handler()`: a number for each zone that the kernel was built with.
    fn set_ratios(&mut self, value: &str) -> Result<(), Errno> {
        let numbers: Result<Vec<u64>, _> = value.split_whitespace().map(str::parse).collect();
        let numbers = numbers.map_err(|_| Errno::EINVAL)?;
        // Without DMA32 on 32 bits, and without high memory on 64.
        let high = self.zones.iter().any(|zone| zone.kind == rules::watermark::ZoneKind::HighMem);
        let places: &[usize] = if high { &[0, 2, 3, 4] } else { &[0, 1, 2, 4] };
        for (&place, number) in places.iter().zip(numbers) {
            self.ratios[place] = number;
        }
        self.set_reserves(|zone| zone.managed);
        Ok(())
    }
}
