//! What kernels work out of their zones: watermarks, and what lower zones keep back; and of equal pages.

use facts::Zone;
use scenario::comparison::Unit;
use scenario::run::MachineSeen;
use units::Pages;

use super::machine::Quantity;

/// What is read from a zone.
type Of = fn(&Zone) -> Option<u64>;

/// What follows from sizes and settings alone, so that it is the same.
const EXACT: [(&str, Of); 4] = [
    ("min", |zone| mark(zone, zone.min)),
    ("low", |zone| mark(zone, zone.low)),
    ("high", |zone| mark(zone, zone.high)),
    ("managed", |zone| count(zone.managed)),
];

/// A watermark without the boost (5.0 and later), which is part of it as it is printed: that follows from
/// how free pages lie, and passes.
fn mark(zone: &Zone, mark: Option<Pages>) -> Option<u64> {
    Some(mark?.count().saturating_sub(count(zone.boost).unwrap_or(0)))
}

fn count(pages: Option<Pages>) -> Option<u64> {
    pages.map(Pages::count)
}

/// Watermarks and protection of every zone with memory; the second machine is the real one.
pub fn zones(one: &MachineSeen, real: &MachineSeen) -> Vec<Quantity> {
    let (ours, theirs) = (zones_of(one), zones_of(real));
    let mut all = Vec::new();
    for zone in theirs.iter().filter(|zone| count(zone.managed) > Some(0)) {
        let Some(other) =
            ours.iter().find(|other| other.node == zone.node && other.name == zone.name)
        else {
            continue;
        };
        let mut push = |what: String, values| {
            let what = format!("zoneinfo {} {} {what}", zone.node, zone.name);
            all.push(Quantity { what, unit: Unit::Count, values, allowed: Some(0) });
        };
        for (what, of) in EXACT {
            push(what.to_owned(), [of(other), of(zone)]);
        }
        let boosts = [other.boost, zone.boost].map(count);
        if boosts != [Some(0), Some(0)] && boosts != [None, None] {
            let what = format!("zoneinfo {} {} boost", zone.node, zone.name);
            all.push(Quantity { what, unit: Unit::Count, values: boosts, allowed: None });
        }
        let mut push = |what: String, values| {
            let what = format!("zoneinfo {} {} {what}", zone.node, zone.name);
            all.push(Quantity { what, unit: Unit::Count, values, allowed: Some(0) });
        };
        for (at, kept) in zone.protection.iter().enumerate() {
            let value = other.protection.get(at).map(|kept| kept.count());
            push(format!("protection {at}"), [value, Some(kept.count())]);
        }
    }
    all
}

/// Counters of KSM, where any page is merged: what they come to once everything has been scanned.
pub fn ksm(one: &MachineSeen, real: &MachineSeen) -> Vec<Quantity> {
    const COUNTERS: [&str; 3] = ["pages_shared", "pages_sharing", "pages_unshared"];
    let value = |seen: &MachineSeen, name: &str| {
        let path = format!("sys/kernel/mm/ksm/{name}");
        let (_, text) = seen.files.iter().find(|(known, _)| *known == path)?;
        String::from_utf8_lossy(text).trim().parse::<u64>().ok()
    };
    let all = COUNTERS.map(|name| Quantity {
        what: format!("ksm {name}"),
        unit: Unit::Count,
        values: [value(one, name), value(real, name)],
        allowed: Some(0),
    });
    let any = all.iter().any(|quantity| quantity.values.iter().flatten().any(|value| *value > 0));
    if any { all.into() } else { Vec::new() }
}

fn zones_of(seen: &MachineSeen) -> Vec<Zone> {
    let text = seen.files.iter().find(|(name, _)| name == "zoneinfo").map(|(_, text)| text);
    proctext::zoneinfo(text.map_or(&[][..], Vec::as_slice), "zoneinfo", &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(low: u64) -> MachineSeen {
        boosted(low, 0)
    }

    fn boosted(low: u64, boost: u64) -> MachineSeen {
        let text = format!(
            "Node 0, zone    DMA32\n  pages free     45000\n        boost    {boost}\n        min      2657\n        \
             low      {low}\n        high     3985\n        spanned  61407\n        present  61407\n        \
             managed  52068\n        cma      0\n        protection: (0, 7)\n"
        );
        MachineSeen {
            files: vec![("zoneinfo".to_owned(), text.into_bytes())],
            ..MachineSeen::default()
        }
    }

    #[test]
    fn watermarks_are_the_same_or_differ() {
        let wrong = |one, real| {
            let all = zones(&seen(one), &seen(real));
            assert_eq!(all.len(), 6, "{all:?}");
            let differs = |quantity: &&Quantity| quantity.within() != Some(true);
            all.iter().filter(differs).map(|quantity| quantity.what.clone()).collect::<Vec<_>>()
        };
        assert_eq!(wrong(3321, 3321), [""; 0]);
        assert_eq!(wrong(3321, 3322), ["zoneinfo 0 DMA32 low"]);
    }

    #[test]
    fn a_boost_is_shown_beside_the_marks_that_it_is_part_of() {
        let all = zones(&boosted(2700, 0), &boosted(3212, 512));
        let of = |what: &str| {
            let found = all.iter().find(|quantity| quantity.what.ends_with(what));
            found.map(|quantity| (quantity.values, quantity.within()))
        };
        assert_eq!(of("low"), Some(([Some(2700), Some(2700)], Some(true))));
        assert_eq!(of("boost"), Some(([Some(0), Some(512)], None)));
    }
}
