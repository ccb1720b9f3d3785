//! Profiles of boots that were measured, by their names.

use facts::Release;
use rules::watermark::ZoneKind;

use super::{Profile, ZoneProfile};

/// What `cargo xtask boot-profiles` wrote.
const FILES: [&str; 2] = [
    include_str!("../../data/profiles/debian-6.1-x86-64.txt"),
    include_str!("../../data/profiles/debian-6.12-x86-64.txt"),
];

/// A boot that was measured: Debian's cloud kernel on x86-64, in QEMU without devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProfile {
    /// `6.1-256m-2cpu`.
    pub name: &'static str,
    /// The kernel's release.
    pub release: Release,
    /// RAM that the machine was given, MiB.
    pub mib: u64,
    /// Its processors.
    pub cpus: u32,
    /// What the kernel had made of it.
    pub profile: Profile,
}

impl StoredProfile {
    /// Every one that there is, by release and size.
    pub fn all() -> impl Iterator<Item = StoredProfile> {
        FILES.iter().flat_map(|text| text.split("\nmachine ").skip(1).filter_map(parse))
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<StoredProfile> {
        StoredProfile::all().find(|stored| stored.name == name)
    }
}

fn parse(block: &'static str) -> Option<StoredProfile> {
    let mut lines = block.lines();
    let name = lines.next()?.trim();
    let mut parts = name.split('-');
    let release = parts.next()?.parse().ok()?;
    let mib = parts.next()?.strip_suffix('m')?.parse().ok()?;
    let cpus = parts.next()?.strip_suffix("cpu")?.parse().ok()?;
    let mut profile = Profile::default();
    for line in lines {
        let mut words = line.split_whitespace();
        let Some(word) = words.next() else { continue };
        if word == "zone" {
            profile.zones.push(zone(words)?);
            continue;
        }
        let value = words.next()?.parse().ok()?;
        if word == "per-process" {
            profile.per_process = Some(value);
            continue;
        }
        let field = match word {
            "slab-reclaimable" => &mut profile.slab_reclaimable,
            "slab-unreclaimable" => &mut profile.slab_unreclaimable,
            "kernel-stack" => &mut profile.kernel_stack,
            "page-tables" => &mut profile.page_tables,
            "anon" => &mut profile.anon,
            "file" => &mut profile.file,
            "unevictable" => &mut profile.unevictable,
            "committed" => &mut profile.committed,
            _ => continue,
        };
        *field = value;
    }
    Some(StoredProfile { name, release, mib, cpus, profile })
}

/// `0 DMA spanned 4095 present 3998 init 3840 managed 3840 free 3808 pcp 0`.
fn zone<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<ZoneProfile> {
    let node = words.next()?.parse().ok()?;
    let kind = match words.next()? {
        "DMA" => ZoneKind::Dma,
        "DMA32" => ZoneKind::Dma32,
        "HighMem" => ZoneKind::HighMem,
        "Movable" => ZoneKind::Movable,
        "Normal" => ZoneKind::Normal,
        _ => return None,
    };
    let mut zone = ZoneProfile {
        node,
        kind,
        spanned: 0,
        present: 0,
        managed_at_init: 0,
        managed: 0,
        free: 0,
        pcp: 0,
    };
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        let field = match name {
            "spanned" => &mut zone.spanned,
            "present" => &mut zone.present,
            "init" => &mut zone.managed_at_init,
            "managed" => &mut zone.managed,
            "free" => &mut zone.free,
            "pcp" => &mut zone.pcp,
            _ => continue,
        };
        *field = value.parse().ok()?;
    }
    Some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measured_boot_is_there_whole() {
        let all: Vec<StoredProfile> = StoredProfile::all().collect();
        let written = FILES.iter().map(|text| text.matches("\nmachine ").count()).sum::<usize>();
        assert_eq!(all.len(), written);
        assert!(all.len() >= 24);
        for stored in &all {
            let Profile { zones, committed, per_process, .. } = &stored.profile;
            assert!(
                zones.len() >= 2 && *committed > 0 && *per_process > Some(0),
                "{}",
                stored.name
            );
            let managed = stored.profile.managed();
            assert!(managed < stored.mib * 256 && managed > stored.mib * 170, "{}", stored.name);
            for zone in zones {
                assert!(zone.free + zone.pcp <= zone.managed, "{}", stored.name);
                assert!(
                    zone.managed_at_init > 0 && zone.managed <= zone.present,
                    "{}",
                    stored.name
                );
            }
        }
    }

    #[test]
    fn one_is_found_by_its_name() {
        let stored = StoredProfile::named("6.1-256m-2cpu").unwrap();
        assert_eq!((stored.mib, stored.cpus), (256, 2));
        assert_eq!(stored.profile.zones[1].free, 45_863);
        assert_eq!(StoredProfile::named("6.1-256m"), None);
    }
}
