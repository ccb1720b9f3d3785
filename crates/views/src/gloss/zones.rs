//! Zones, their reserves and their free blocks, with the allocator's test on this request.

use std::fmt::Write as _;

use facts::oom_report::{Buddy, ZoneMemory};
use rules::explain::{Cause, ZoneTest};
use units::{Bytes, Pages};

use super::{Gloss, Glosses, list};
use crate::amount;

impl Glosses<'_> {
    fn zone_at(&self, at: usize) -> Option<(&ZoneMemory, Option<&ZoneTest>)> {
        let zone = self.memory()?.zones.get(at)?;
        Some((zone, self.explained.zones.get(at).filter(|tested| tested.zone == zone.name)))
    }

    pub(super) fn zone(&self, at: usize) -> Option<Gloss> {
        let (zone, tested) = self.zone_at(at)?;
        let name = zone_name(zone);
        let counters = &zone.counters;
        let managed = counters.managed.or(counters.present);
        if managed == Some(Bytes::ZERO) {
            return Gloss::plain(format!("{name} has no memory."));
        }
        let of = managed.map_or(String::new(), |managed| format!(" of {managed}"));
        let mut text = format!("{name}: {} free{of}.", amount::long(counters.free));
        let mut key = false;
        match tested {
            Some(tested) if tested.eligible == Some(true) => {
                let (words, fails) = self.verdict(tested);
                text.push(' ');
                text.push_str(&words);
                key = fails;
            }
            Some(tested) if tested.eligible == Some(false) => {
                let highest = self.explained.asked.as_ref().and_then(|asked| asked.highest_zone);
                let from = highest.map_or(String::new(), |zone| {
                    format!(", which must come from {zone} or lower")
                });
                _ = write!(text, " No help for this request{from}.");
            }
            _ => {
                if let (Some(min), Some(high)) = (counters.min, counters.high) {
                    _ = write!(text, " Its marks: min {min}, high {high}.");
                }
            }
        }
        if let Some(boost) = counters.boost.filter(|&boost| boost > Bytes::ZERO) {
            _ = write!(text, " The marks are raised by {boost} for a while (boost).");
        }
        if zone.all_unreclaimable == Some(true) {
            text.push_str(" Reclaim has given up here.");
        }
        if at == self.first_zone() {
            text.push_str(
                " The marks: below low the kernel starts to reclaim in the background, up to high; \
                 below min ordinary requests get nothing.",
            );
        }
        Gloss::key_if(key, text)
    }

    fn first_zone(&self) -> usize {
        let zones = self.memory().map_or(&[][..], |memory| &memory.zones);
        zones.iter().position(|zone| zone.counters.min.is_some()).unwrap_or(0)
    }

    /// The test in words, and whether the zone fails it.
    fn verdict(&self, tested: &ZoneTest) -> (String, bool) {
        let mut text = String::new();
        let taken: Vec<String> = [
            (tested.free_cma.filter(|_| !self.may_use_cma()), "in contiguous areas for devices"),
            (tested.highatomic, "kept for urgent requests"),
        ]
        .into_iter()
        .filter_map(|(bytes, words)| Some((bytes?, words)))
        .filter(|(bytes, _)| *bytes > Bytes::ZERO)
        .map(|(bytes, words)| format!("{bytes} {words}"))
        .collect();
        let usable = tested.usable.map(|bytes| {
            let sign = if bytes < 0 { "-" } else { "" };
            format!("{sign}{}", Bytes::new(bytes.unsigned_abs()))
        });
        let usable = usable.unwrap_or_else(|| "?".to_owned());
        if !taken.is_empty() {
            _ = write!(text, "Without {} that leaves {usable}. ", list(&taken));
        }
        let needed = |mark: Option<Bytes>, name: &str| match (mark, tested.reserve) {
            (Some(mark), Some(Bytes::ZERO) | None) => format!("{name} ({mark})"),
            (Some(mark), Some(reserve)) => {
                format!("{name} + reserve ({mark} + {reserve} = {})", mark.saturating_add(reserve))
            }
            (None, _) => name.to_owned(),
        };
        let (min, high) = (needed(tested.min, "min"), needed(tested.high, "high"));
        match (tested.above_high, tested.above_min, tested.single_above_min) {
            (Some(true), ..) => {
                _ = write!(text, "{usable} is above {high}: this zone was not the problem.");
                (text, false)
            }
            (Some(false), Some(true), _) => {
                _ = write!(
                    text,
                    "{usable} is above {min}, so this zone would do while reclaim went on; but the \
                     last test before a kill demands more than {high}."
                );
                (text, true)
            }
            (Some(false), Some(false), Some(true)) => {
                let size = self.explained.asked.as_ref().and_then(|asked| asked.bytes);
                _ = write!(
                    text,
                    "There are single pages above {min}, but no free block of {}: what is free lies \
                     in pieces that are too small.",
                    amount::long(size)
                );
                (text, true)
            }
            (Some(false), Some(false), _) => {
                _ = write!(text, "{usable} is not above {min}: nothing can be had here.");
                (text, true)
            }
            _ => {
                if has_marks(tested) {
                    _ = write!(text, "Its marks: {min}, {high}. ");
                }
                text.push_str("Whether that is enough cannot be told from the text.");
                (text, false)
            }
        }
    }

    fn may_use_cma(&self) -> bool {
        self.explained.asked.as_ref().and_then(|asked| asked.movable) == Some(true)
    }

    pub(super) fn reserve(&self, at: usize) -> Option<Gloss> {
        let (zone, tested) = self.zone_at(at)?;
        let pages = zone.lowmem_reserve.as_ref()?;
        let mut text = match pages.iter().max() {
            None | Some(&Pages::ZERO) => {
                return Gloss::plain("Nothing of this zone is kept back for those who need it.");
            }
            Some(_) if at == self.first_zone() => {
                "Pages kept back in this zone from requests that could as well use a higher one: \
                 the n-th number is for requests that may use the n-th zone. "
                    .to_owned()
            }
            Some(_) => String::new(),
        };
        match tested.and_then(|tested| tested.reserve) {
            Some(Bytes::ZERO) => text.push_str("Nothing is kept back from this request."),
            Some(reserve) => {
                _ = write!(
                    text,
                    "From this request {reserve} are kept back here, and stay free while it fails."
                );
            }
            None => text.push_str("Which of them holds for this request is not in the text."),
        }
        Gloss::plain(text)
    }

    pub(super) fn buddy(&self, at: usize) -> Option<Gloss> {
        let (zone, tested) = self.zone_at(at)?;
        let buddy = zone.buddy.as_ref()?;
        let largest = buddy.blocks.iter().rev().find(|blocks| blocks.count > 0);
        let Some(largest) = largest else {
            return Gloss::plain(format!("{}: not one free block.", zone_name(zone)));
        };
        let mut text = format!(
            "The free memory of {} by the size of its pieces; the largest: {} of {}",
            zone_in(zone),
            amount::grouped(largest.count),
            largest.size
        );
        if let Some(total) = buddy.total {
            _ = write!(text, ", all together {total}");
        }
        text.push('.');
        let mut key = false;
        if let (Cause::Fragmented { order }, Some(tested)) = (&self.explained.cause, tested)
            && tested.eligible == Some(true)
        {
            let size = self.explained.asked.as_ref().and_then(|asked| asked.bytes);
            let usable = amount::long(tested.largest_block);
            _ = write!(
                text,
                " Order {order} needs a piece of {}; the largest that this request may take has \
                 {usable}.",
                amount::long(size)
            );
            key = true;
        }
        let letters = letters(buddy);
        if !letters.is_empty() && at == self.first_zone() {
            _ = write!(text, " The letters say for whom: {letters}.");
        }
        Gloss::key_if(key, text)
    }
}

fn has_marks(tested: &ZoneTest) -> bool {
    tested.min.is_some() && tested.high.is_some()
}

/// The letters of the line, spelled out.
fn letters(buddy: &Buddy) -> String {
    let printed: Vec<u8> = buddy
        .blocks
        .iter()
        .filter_map(|blocks| blocks.types.as_ref())
        .flat_map(|types| types.as_bytes().iter().copied())
        .collect();
    let known = [
        (b'U', "U the kernel, cannot be moved"),
        (b'M', "M programs, can be moved"),
        (b'E', "E the kernel, can be given back"),
        (b'R', "R a reserve"),
        (b'H', "H urgent requests only"),
        (b'C', "C contiguous areas for devices"),
        (b'I', "I taken aside"),
    ];
    let words: Vec<&str> = known
        .iter()
        .filter(|(letter, _)| printed.contains(letter))
        .map(|(_, words)| *words)
        .collect();
    words.join("; ")
}

pub(super) fn zone_name(zone: &ZoneMemory) -> String {
    match zone.node {
        Some(node) => format!("Zone {} of node {node}", zone.name),
        None => format!("Zone {}", zone.name),
    }
}

fn zone_in(zone: &ZoneMemory) -> String {
    match zone.node {
        Some(node) => format!("zone {} of node {node}", zone.name),
        None => format!("zone {}", zone.name),
    }
}
