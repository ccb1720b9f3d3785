use super::*;

/// DMA32 of 256 MiB before a process had touched anything, 6.12.
const SEEN: FreeBlocks = FreeBlocks {
    node: 0,
    kind: ZoneKind::Dma32,
    free: [
        [0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 0],
        [1, 2, 2, 2, 1, 2, 2, 2, 3, 1, 40],
        [1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0],
    ],
    blocks: [10, 108, 2],
};

fn free(known: &FreeBlocks) -> u64 {
    let of = |counts: &[u64; ORDERS]| -> u64 {
        counts.iter().enumerate().map(|(order, count)| count << order).sum()
    };
    known.free.iter().map(of).sum()
}

fn buddy(release: Release) -> Buddy {
    Buddy::new(release, &SEEN, free(&SEEN))
}

/// Every block is where it may be, and everything is counted.
fn check(buddy: &Buddy) {
    let mut end = 0;
    let mut pages = [0; 3];
    for (&at, entry) in &buddy.free {
        assert!(at >= end, "blocks overlap at {at}");
        assert_eq!(at % (1 << entry.order), 0);
        end = at + (1 << entry.order);
        pages[entry.kind as usize] += 1 << entry.order;
        assert_eq!(buddy.lists[entry.kind as usize][entry.order].get(&entry.place), Some(&at));
        let other = buddy.free.get(&(at ^ (1 << entry.order)));
        let merged = other.is_none_or(|other| other.order != entry.order);
        assert!(merged || entry.order + 1 >= ORDERS, "{at} and its buddy did not merge");
    }
    assert_eq!(pages, buddy.pages);
    let mut held: Vec<(u64, u64)> = buddy.held.iter().flatten().copied().collect();
    held.sort_unstable();
    let total: u64 = held.iter().map(|(_, len)| len).sum();
    assert_eq!(total + buddy.total(), buddy.types.len() as u64 * HUGE, "every page is somewhere");
    assert!(held.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "and only there");
}

#[test]
fn blocks_are_those_that_were_counted() {
    let buddy = buddy(Release::new(6, 12));
    check(&buddy);
    let sums: Vec<u64> =
        (0..ORDERS).map(|order| SEEN.free.iter().map(|kind| kind[order]).sum()).collect();
    assert_eq!(buddy.orders().to_vec(), sums);
    assert_eq!(buddy.letters()[0], "ME");
    assert_eq!(buddy.letters()[9], "UME");
    assert_eq!(buddy.letters()[10], "M");
}

#[test]
fn the_smallest_block_of_the_type_goes_first_and_is_split() {
    let mut buddy = buddy(Release::new(6, 12));
    assert_eq!(buddy.take(Type::Movable, 2), 2);
    check(&buddy);
    // The single page, and half of a pair.
    assert_eq!(buddy.orders()[..2], [2, 1]);
    assert_eq!(buddy.take(Type::Movable, 1025), 1025);
    check(&buddy);
    assert!(!buddy.is_boosted());
}

#[test]
fn who_takes_everything_and_goes_leaves_it_as_it_was() {
    for release in [Release::new(6, 1), Release::new(6, 12)] {
        let mut buddy = buddy(release);
        let own = buddy.own(Type::Movable);
        assert_eq!(buddy.take(Type::Movable, own), own);
        check(&buddy);
        buddy.give(Type::Movable, own);
        check(&buddy);
        let sums: Vec<u64> =
            (0..ORDERS).map(|order| SEEN.free.iter().map(|kind| kind[order]).sum()).collect();
        assert_eq!(buddy.orders().to_vec(), sums);
    }
}

#[test]
fn a_type_without_blocks_takes_pageblocks_of_others_and_the_marks_are_raised() {
    for release in [Release::new(6, 1), Release::new(6, 12)] {
        let mut buddy = buddy(release);
        let all = buddy.total();
        let own = buddy.own(Type::Movable);
        buddy.take(Type::Movable, own);
        // A whole pageblock is no reason.
        buddy.take(Type::Movable, 1);
        assert!(!buddy.is_boosted());
        assert_eq!(buddy.own(Type::Movable), HUGE - 1);
        check(&buddy);
        // The rest lies in pageblocks that others have pages in.
        buddy.take(Type::Movable, all - own - 1);
        assert!(buddy.boosts() > 0);
        assert_eq!(buddy.total(), 0);
        assert_eq!(buddy.take(Type::Movable, 1), 0);
        check(&buddy);
    }
}

#[test]
fn unmovable_pages_take_a_pageblock_and_not_a_page_of_another_type() {
    let mut buddy = buddy(Release::new(6, 12));
    let own = buddy.own(Type::Unmovable);
    buddy.take(Type::Unmovable, own);
    let types = |buddy: &Buddy| buddy.types.iter().filter(|kind| **kind == Type::Unmovable).count();
    let before = types(&buddy);
    assert_eq!(buddy.take(Type::Unmovable, 1), 1);
    assert_eq!(types(&buddy), before + 2);
    assert_eq!(buddy.own(Type::Unmovable), 2 * HUGE - 1);
    check(&buddy);
}

#[test]
fn huge_pages_need_whole_blocks() {
    let mut buddy = buddy(Release::new(6, 1));
    // All that there are, of all types.
    assert_eq!(buddy.take_huge(1000), 40 * 2 + 3);
    assert!(buddy.total() > 2 * HUGE);
    check(&buddy);
    buddy.give(Type::Movable, 2 * HUGE);
    assert_eq!(buddy.take_huge(1000), 2);
    check(&buddy);
}

#[test]
fn whatever_is_taken_and_given_is_somewhere() {
    for release in [Release::new(6, 1), Release::new(6, 12)] {
        let mut buddy = buddy(release);
        let mut state = 1_u64;
        let mut roll = |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % sides
        };
        let mut out = [0; 3];
        for _ in 0..3000 {
            let kind = TYPES[usize::try_from(roll(3)).unwrap()];
            let at = kind as usize;
            if roll(2) == 0 {
                let want = 1 + roll(2000);
                let there = buddy.total();
                let got = buddy.take(kind, want);
                assert_eq!(got, want.min(there));
                out[at] += got;
            } else {
                let pages = roll(out[at] + 1);
                buddy.give(kind, pages);
                out[at] -= pages;
            }
        }
        check(&buddy);
        assert_eq!(buddy.total() + out.iter().sum::<u64>(), free(&SEEN));
    }
}
