use super::*;
use facts::{Perms, Share};

fn source() -> SourceLine {
    SourceLine {
        origin: "test".into(),
        kernel: None,
        release: None,
        taken_at: None,
        page_size: 4096,
        page_size_known: true,
    }
}

fn mapping(start: u64, end: u64) -> Mapping {
    Mapping {
        start: Address(start),
        end: Address(end),
        perms: Perms::from_text(*b"rw-p").unwrap(),
        ..Mapping::default()
    }
}

fn report(mappings: &[Mapping], locate: Option<u64>) -> MapReport {
    map(MapInput {
        source: source(),
        machine: Some("x86_64"),
        pid: None,
        name: None,
        exe: None,
        mappings: mappings.to_vec(),
        locate,
        unread: Vec::new(),
    })
}

/// Every address from 0 to the end is in exactly one item, and every size is that of its item.
fn assert_covers(report: &MapReport) {
    let mut at = 0;
    let mut mapped = 0_u64;
    for item in &report.items {
        assert_eq!(item.start(), at, "{item:?}");
        assert!(item.end() >= at);
        at = item.end();
        let size = match item {
            Item::Region(region) => {
                mapped += region.size.get();
                region.size
            }
            Item::Gap(gap) => gap.size,
        };
        assert_eq!(size.get(), item.end() - item.start());
    }
    assert!(at >= report.user_end.0);
    assert_eq!(report.totals.mapped.get(), mapped);
}

#[test]
fn eight_thousand_regions_and_their_gaps_cover_every_address_once() {
    let mut at = 0x1_0000;
    let mut seed = 1_u64;
    let mut mappings = Vec::new();
    for _ in 0..8000 {
        // xorshift, so that the test is the same everywhere
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        at += (seed % 3) * 4096;
        let end = at + (1 + (seed >> 8) % 64) * 4096;
        mappings.push(mapping(at, end));
        at = end;
    }
    let report = report(&mappings, None);
    assert_eq!(report.totals.regions, 8000);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert_covers(&report);
}

#[test]
fn overlapping_unordered_and_empty_mappings_are_still_drawn_once() {
    let mappings = [
        mapping(0x5000, 0x9000),
        mapping(0x1000, 0x6000),
        mapping(0x2000, 0x3000),
        mapping(0x9000, 0x9000),
        mapping(u64::MAX - 0xfff, u64::MAX),
        mapping(0, 0x1000),
    ];
    let report = report(&mappings, None);
    assert_covers(&report);
    assert!(report.notes[0].starts_with("2 of the mappings overlap"), "{:?}", report.notes);
    assert_eq!(report.items.last().map(Item::end), Some(u64::MAX));
}

#[test]
fn no_mapping_at_all_is_one_gap() {
    let report = report(&[], Some(0x10));
    assert_covers(&report);
    assert_eq!((report.items.len(), report.totals.fill), (1, None));
    assert_eq!(report.located.unwrap().item, Some(0));
}

#[test]
fn an_address_is_found_with_its_offset_in_the_file() {
    let mut file = mapping(0x40_0000, 0x41_0000);
    file.inode = 7;
    file.offset = 0x2000;
    let heap = mapping(0x50_0000, 0x51_0000);
    let mappings = [file, heap];
    let at = |address| {
        let report = report(&mappings, Some(address));
        let located = report.located.unwrap();
        let found = located.item.and_then(|i| report.items[i].region().map(|r| r.start.0));
        (found, located.into, located.file_offset)
    };
    assert_eq!(at(0x40_0000), (Some(0x40_0000), Some(0), Some(0x2000)));
    assert_eq!(at(0x40_ffff), (Some(0x40_0000), Some(0xffff), Some(0x1_1fff)));
    assert_eq!(at(0x41_0000), (None, Some(0), None));
    assert_eq!(at(0x50_0010), (Some(0x50_0000), Some(0x10), None));
    assert_eq!(at(u64::MAX), (None, None, None));
}

#[test]
fn the_fill_adds_up_to_the_size_whatever_the_kernel_says() {
    let shares = |clean: u64, dirty: u64, shared: u64, swap: Option<u64>| {
        let mut shares = Shares::default();
        shares.set(Share::PrivateClean, Bytes::new(clean));
        shares.set(Share::PrivateDirty, Bytes::new(dirty));
        shares.set(Share::SharedClean, Bytes::new(shared));
        shares.set(Share::SharedDirty, Bytes::ZERO);
        if let Some(swap) = swap {
            shares.set(Share::Swap, Bytes::new(swap));
        }
        shares
    };
    let sum = |fill: Fill| {
        fill.private.get()
            + fill.shared.get()
            + fill.absent.get()
            + fill.swapped.map_or(0, Bytes::get)
    };
    let usual = fill(0x8000, &shares(0x1000, 0x2000, 0x1000, Some(0x1000))).unwrap();
    assert_eq!((usual.private.get(), usual.absent.get()), (0x3000, 0x3000));
    assert_eq!(sum(usual), 0x8000);
    let grown = fill(0x2000, &shares(0, u64::MAX, 5, Some(9))).unwrap();
    assert_eq!(sum(grown), 0x2000);
    let old = fill(0x2000, &shares(0, 0x1000, 0, None)).unwrap();
    assert_eq!((old.swapped, old.absent.get()), (None, 0x1000));
    assert_eq!(fill(0x2000, &Shares::default()), None);
}

#[test]
fn flags_are_in_words_and_unknown_codes_stay() {
    let mut one = mapping(0x1000, 0x2000);
    one.vmflags = Some("rd zz".into());
    let report = report(&[one], None);
    assert_eq!(report.items[1].region().unwrap().flags.as_deref(), Some("rd zz"));
    let rd = Flag { code: "rd".into(), words: Some("may be read") };
    assert_eq!(report.flag_words, [rd, Flag { code: "zz".into(), words: None }]);
}
