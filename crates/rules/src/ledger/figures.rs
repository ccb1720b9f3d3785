//! The snapshot's figures, believed only as far as they can be true.

use facts::{Field, Release, Snapshot, Zone};
use units::{Bytes, Pages};

use super::Implausible;
use super::tree::{MOST, signed};

/// Figures of one machine, and those of them that were refused.
pub(super) struct Figures<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// `MemTotal`.
    pub(super) total: Option<i64>,
    pub(super) implausible: Vec<Implausible>,
}

impl<'a> Figures<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut figures = Figures { snapshot, total: None, implausible: Vec::new() };
        figures.total = snapshot
            .meminfo
            .get(Field::MemTotal)
            .and_then(|found| figures.at_most(found, MOST, || "meminfo MemTotal".to_owned()))
            .filter(|&total| total > 0);
        figures
    }

    /// `found`, unless it exceeds what there can be.
    fn at_most(
        &mut self,
        found: Bytes,
        at_most: u64,
        place: impl FnOnce() -> String,
    ) -> Option<i64> {
        if found.get() > at_most.min(MOST) {
            let place = place();
            if self.implausible.iter().all(|i| i.place != place) {
                let at_most = at_most.min(MOST);
                self.implausible.push(Implausible { place, found: found.get(), at_most });
            }
            return None;
        }
        signed(found)
    }

    /// A part of `MemTotal` from anywhere.
    pub(super) fn part(&mut self, found: Bytes, place: &str) -> Option<i64> {
        let at_most = self.total.map_or(MOST, i64::cast_unsigned);
        self.at_most(found, at_most, || place.to_owned())
    }

    /// What may lie outside `MemTotal`.
    pub(super) fn anything(&mut self, found: Bytes, place: &str) -> Option<i64> {
        self.at_most(found, MOST, || place.to_owned())
    }

    /// A line of `/proc/meminfo` that is a part of `MemTotal`.
    pub(super) fn field(&mut self, field: Field) -> Option<i64> {
        let found = self.snapshot.meminfo.get(field)?;
        self.part(found, &format!("meminfo {}", field.text()))
    }

    /// A line of `/proc/meminfo` that `facts` does not know by name.
    pub(super) fn other(&mut self, name: &str) -> Option<i64> {
        let other = self.snapshot.meminfo.other.iter().find(|o| &*o.name == name && o.kib)?;
        let found = Bytes::from_kib(other.value).unwrap_or(Bytes::new(u64::MAX));
        self.part(found, &format!("meminfo {name}"))
    }

    /// A counter of pages, of the whole machine: `vmstat`, else the sum over `zoneinfo`.
    pub(super) fn counter(&mut self, name: &str) -> Option<(i64, String)> {
        let (pages, file) = match self.snapshot.vmstat.get(name) {
            Some(pages) => (pages, "vmstat"),
            None => (zone_sum(&self.snapshot.zones, name)?, "zoneinfo"),
        };
        let from = format!("{file} {name}");
        let found = Pages::new(pages).to_bytes_saturating(self.snapshot.page_size);
        Some((self.anything(found, &from)?, from))
    }

    /// The sum of something over all zones that have memory; `None` when one does not say.
    pub(super) fn zones(&mut self, name: &str, of: impl Fn(&Zone) -> Option<Pages>) -> Option<i64> {
        let zones = &self.snapshot.zones;
        if zones.is_empty() {
            return None;
        }
        let mut sum = Pages::ZERO;
        for zone in zones {
            match of(zone) {
                Some(pages) => sum = sum.saturating_add(pages),
                None if zone.managed_or_present() == Some(Pages::ZERO) => {}
                None => return None,
            }
        }
        let found = sum.to_bytes_saturating(self.snapshot.page_size);
        self.anything(found, &format!("zoneinfo {name}, all zones"))
    }

    pub(super) fn release(&self) -> Option<Release> {
        self.snapshot.kernel.release
    }
}

fn zone_sum(zones: &[Zone], name: &str) -> Option<u64> {
    let mut counters = zones.iter().filter_map(|zone| zone.counter(name)).peekable();
    counters.peek()?;
    Some(counters.fold(0, u64::saturating_add))
}
