//! What the kernel has made of the RAM that a scenario states.

use facts::Release;
use rules::layout::Arch;
use rules::watermark::ZoneKind;
use scenario::{Held, MachineSpec, Problem, ZoneSpec};
use sim::{Profile, StoredProfile, ZoneProfile};
use units::{Bytes, PageSize};

/// RAM when a scenario states none.
const RAM: Bytes = Bytes::new(1 << 30);

fn pages(bytes: Bytes) -> u64 {
    PageSize::KIB_4.pages_in(bytes).count()
}

/// The memory of the machine: zones as they are stated, or as a kernel of that release makes them.
///
/// # Errors
/// A boot that is not known.
pub(super) fn profile(
    spec: &MachineSpec,
    release: Release,
    arch: Arch,
) -> Result<Profile, Problem> {
    let stored = stored(spec)?;
    let ram = spec.ram.or(spec.mem_total).unwrap_or(RAM);
    let mut profile = match stored {
        Some(stored) => stored.profile,
        None => Profile::of(release, arch, ram.get() >> 20),
    };
    if !spec.zones.is_empty() {
        profile.zones = spec.zones.iter().map(zone).collect();
    }
    if let Some(total) = spec.mem_total {
        let highest = profile.zones.last().map(|zone| zone.kind);
        resize(&mut profile, pages(total), highest);
    }
    if spec.nodes.len() > 1 {
        profile.zones = split(&profile.zones, &spec.nodes);
    }
    if let Some(held) = &spec.held {
        hold(&mut profile, held, spec.zones.is_empty());
    }
    Ok(profile)
}

/// The measured boot that a scenario names.
///
/// # Errors
/// It is not known, or another size of RAM is stated.
pub(super) fn stored(spec: &MachineSpec) -> Result<Option<StoredProfile>, Problem> {
    let Some(name) = &spec.profile else { return Ok(None) };
    let Some(stored) = StoredProfile::named(&name.value) else {
        let all: Vec<&str> = StoredProfile::all().map(|stored| stored.name).collect();
        let (first, last) = (all.first().unwrap_or(&""), all.last().unwrap_or(&""));
        let message = format!("no boot is known as `{}`", name.value);
        let label = format!("there are {}, from `{first}` to `{last}`", all.len());
        let problem = Problem::at(name.span, message, label);
        return Err(problem.nearest(&name.value, all.iter().copied()));
    };
    if let Some(ram) = spec.ram.filter(|ram| ram.get() >> 20 != stored.mib) {
        let message =
            format!("`{}` is a machine of {} MiB, and not of {ram}", name.value, stored.mib);
        return Err(Problem::at(name.span, message, "leave `ram` out"));
    }
    Ok(Some(stored))
}

fn zone(spec: &ZoneSpec) -> ZoneProfile {
    let kind = match spec.name.as_str() {
        "DMA" => ZoneKind::Dma,
        "DMA32" => ZoneKind::Dma32,
        "HighMem" => ZoneKind::HighMem,
        "Movable" => ZoneKind::Movable,
        _ => ZoneKind::Normal,
    };
    let managed = spec.managed;
    let present = spec.present.or(spec.spanned).unwrap_or(managed).max(managed);
    let pcp = spec.pcp.unwrap_or(0).min(managed);
    ZoneProfile {
        node: spec.node,
        kind,
        spanned: spec.spanned.unwrap_or(present).max(present),
        present,
        managed_at_init: spec.managed_at_init.unwrap_or(managed).min(managed),
        managed,
        free: spec.free.unwrap_or(managed).min(managed - pcp),
        pcp,
    }
}

/// Makes `MemTotal` what it is known to be, in the highest zone.
fn resize(profile: &mut Profile, total: u64, highest: Option<ZoneKind>) {
    let now = profile.managed();
    let Some(zone) = profile.zones.iter_mut().rfind(|zone| Some(zone.kind) == highest) else {
        return;
    };
    if total >= now {
        let more = total - now;
        for amount in [
            &mut zone.managed,
            &mut zone.managed_at_init,
            &mut zone.free,
            &mut zone.present,
            &mut zone.spanned,
        ] {
            *amount = amount.saturating_add(more);
        }
    } else {
        let less = now - total;
        for amount in [&mut zone.managed, &mut zone.managed_at_init, &mut zone.free] {
            *amount = amount.saturating_sub(less);
        }
    }
}

/// Divides zones among nodes, which follow each other by address: a node has of each zone what lies
/// between its first address and its last. What is in use stays on the first.
fn split(zones: &[ZoneProfile], nodes: &[Bytes]) -> Vec<ZoneProfile> {
    let total: u64 = zones.iter().map(|zone| zone.present).sum();
    let sizes: u128 = nodes.iter().map(|node| u128::from(node.get())).sum();
    let share = |node: &Bytes| {
        u64::try_from(u128::from(total) * u128::from(node.get()) / sizes.max(1)).unwrap_or(total)
    };
    let mut all = Vec::new();
    let mut left = zones.to_vec();
    for (number, node) in (0u32..).zip(nodes) {
        let is_last = usize::try_from(number).is_ok_and(|at| at + 1 == nodes.len());
        let mut room = if is_last { u64::MAX } else { share(node) };
        for zone in &mut left {
            let part = cut(zone, room, number);
            room -= part.present.min(room);
            if part.present > 0 {
                all.push(part);
            }
        }
    }
    all
}

/// Takes so many present pages out of a zone.
fn cut(zone: &mut ZoneProfile, most: u64, node: u32) -> ZoneProfile {
    let present = zone.present.min(most);
    if present == zone.present {
        let rest = ZoneProfile { node, ..zone.clone() };
        *zone = ZoneProfile { managed: 0, free: 0, pcp: 0, present: 0, spanned: 0, ..zone.clone() };
        zone.managed_at_init = 0;
        return rest;
    }
    let part = |amount: u64| {
        let share = u128::from(amount) * u128::from(present) / u128::from(zone.present.max(1));
        u64::try_from(share).unwrap_or(amount)
    };
    let managed = part(zone.managed);
    // What is in use stays with the first part.
    let used = zone.managed.saturating_sub(zone.free).saturating_sub(zone.pcp);
    let pcp = part(zone.pcp);
    let piece = ZoneProfile {
        node,
        kind: zone.kind,
        spanned: present,
        present,
        managed_at_init: part(zone.managed_at_init),
        managed,
        free: managed.saturating_sub(used).saturating_sub(pcp),
        pcp,
    };
    zone.present -= present;
    zone.spanned = zone.spanned.saturating_sub(present);
    zone.managed -= piece.managed;
    zone.managed_at_init = zone.managed_at_init.saturating_sub(piece.managed_at_init);
    zone.pcp = zone.pcp.saturating_sub(pcp);
    zone.free = zone.free.saturating_sub(piece.free).min(zone.managed.saturating_sub(zone.pcp));
    piece
}

/// What is in use after boot. More than the model would have it comes out of what is free, unless
/// zones say what is free.
fn hold(profile: &mut Profile, held: &Held, takes: bool) {
    let before = sum(profile);
    for (stated, amount) in [
        (held.slab_reclaimable, &mut profile.slab_reclaimable),
        (held.slab_unreclaimable, &mut profile.slab_unreclaimable),
        (held.kernel_stack, &mut profile.kernel_stack),
        (held.page_tables, &mut profile.page_tables),
        (held.anon, &mut profile.anon),
        (held.file, &mut profile.file),
        (held.unevictable, &mut profile.unevictable),
        (held.committed, &mut profile.committed),
    ] {
        if let Some(stated) = stated {
            *amount = pages(stated);
        }
    }
    if let Some(stated) = held.per_process {
        profile.per_process = Some(pages(stated));
    }
    let after = sum(profile);
    if takes {
        let mut more = after.saturating_sub(before);
        for zone in profile.zones.iter_mut().rev() {
            let some = more.min(zone.free);
            zone.free -= some;
            more -= some;
        }
    }
}

fn sum(profile: &Profile) -> u64 {
    [
        profile.slab_reclaimable,
        profile.slab_unreclaimable,
        profile.kernel_stack,
        profile.page_tables,
        profile.anon,
        profile.file,
        profile.unevictable,
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::{Source, check};

    fn of(machine: &str) -> Profile {
        let text = format!("machine {{ {machine} }}\nprocess p {{ munlockall }}");
        let scenario =
            check(&Source::new("t", text)).unwrap_or_else(|problems| panic!("{problems}"));
        profile(&scenario.machine, Release::new(6, 1), Arch::X86_64).expect("a profile")
    }

    #[test]
    fn memory_that_is_stated_as_a_total_is_that_total() {
        assert_eq!(of("ram 256MiB; mem-total 200MiB").managed(), 51_200);
        assert_eq!(of("ram 256MiB; mem-total 255MiB").managed(), 65_280);
        assert_eq!(of("ram 256MiB").managed(), 55_908);
    }

    #[test]
    fn nodes_share_the_zones_by_address_and_lose_nothing() {
        let whole = of("ram 1GiB");
        let two = of("node 512MiB; node 512MiB");
        assert_eq!(two.managed(), whole.managed());
        let free = |profile: &Profile| profile.zones.iter().map(|zone| zone.free).sum::<u64>();
        assert_eq!(free(&two), free(&whole));
        let kinds: Vec<_> = two.zones.iter().map(|zone| (zone.node, zone.kind)).collect();
        assert_eq!(kinds, [(0, ZoneKind::Dma), (0, ZoneKind::Dma32), (1, ZoneKind::Dma32)]);
        let second = two.zones.last().expect("a zone");
        assert!(second.managed.abs_diff(two.managed() / 2) < 4096, "{second:?}");
    }

    #[test]
    fn what_is_held_comes_out_of_what_is_free() {
        let (plain, held) = (of("ram 256MiB"), of("ram 256MiB; held file=20MiB"));
        let free = |profile: &Profile| profile.zones.iter().map(|zone| zone.free).sum::<u64>();
        assert_eq!((held.file, free(&plain) - free(&held)), (5120, 5120));
    }

    #[test]
    fn zones_are_as_they_are_stated() {
        let profile = of("zone DMA managed=3840 pcp=5; zone Normal managed=4000 free=1MiB node=1");
        let [dma, normal] = profile.zones.as_slice() else { panic!("{:?}", profile.zones) };
        assert_eq!((dma.free, dma.pcp, dma.present), (3835, 5, 3840));
        assert_eq!((normal.node, normal.free, normal.managed_at_init), (1, 256, 4000));
    }
}
