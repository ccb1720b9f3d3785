use super::*;

const V6_12: Release = Release::new(6, 12);

/// Lists as a zone of so many managed pages and this low mark has them.
fn lists(release: Release, managed: u64, low: u64, count: u64) -> Pcp {
    let mut pcp = Pcp::new(release, managed, count);
    pcp.resize(release, low, managed, 1);
    pcp
}

/// Free lists whose blocks nobody keeps.
fn pool(free: &mut u64) -> Pool<'_> {
    Pool::new(free, None)
}

#[test]
fn batches_are_those_that_kernels_print() {
    for (managed, expected) in [(3840, 1), (50_910, 15), (116_484, 31), (244_158, 63)] {
        assert_eq!(lists(Release::new(6, 1), managed, 0, 0).batch, expected, "{managed}");
    }
}

#[test]
fn refills_and_the_length_grow_as_on_6_12() {
    // `/proc/zoneinfo` of DMA32 while a process touched 256 MiB, 256 pages a line: free pages, `high:`.
    // The list had some 230 pages for processes to begin with.
    let seen = [(44_345, 2257), (43_925, 2677), (43_445, 3157), (43_445, 3157), (42_965, 3637)];
    let mut pcp = lists(V6_12, 48_880, 531, 230);
    pcp.high = 2212;
    let mut free = 44_390;
    for expected in seen {
        let above = Above { limit: 531, high: 637 };
        assert_eq!(pcp.take(256, Type::Movable, above, &mut pool(&mut free)), 256);
        assert_eq!((free, pcp.high), expected);
    }
    // And after 30,000 more, of which it had 6110 in the end.
    pcp.take(30_000, Type::Movable, Above { limit: 531, high: 637 }, &mut pool(&mut free));
    assert_eq!(pcp.high, 6110);
}

#[test]
fn what_the_last_refill_took_beyond_the_mark_stays_on_the_list() {
    let mut pcp = lists(V6_12, 48_880, 531, 0);
    let mut free = 46_000;
    let above = Above { limit: 425, high: 637 };
    let got = pcp.take(u64::MAX, Type::Movable, above, &mut pool(&mut free));
    assert_eq!(got + free + pcp.count(), 46_000);
    // 6.12 had 293 and 367 pages free, and 479 of 707 and 931 on the list.
    assert!(free <= 425, "{free}");
    assert!(pcp.count() > 400 && pcp.count() < 480, "{}", pcp.count());
    let before = pcp.clone();
    assert_eq!(pcp.take(1, Type::Movable, above, &mut pool(&mut free)), 0);
    assert_eq!(pcp, before);
    // A page above the mark, and all of them can be had.
    free = 426;
    assert_eq!(pcp.take(u64::MAX, Type::Movable, above, &mut pool(&mut free)), before.count() + 1);
}

#[test]
fn the_list_is_at_its_least_length_after_the_exit_of_who_had_everything() {
    // Zone, its marks, free pages and those on the list before the kill, and afterwards, on 6.12.
    for (managed, low, high, before, after) in [
        (48_880, 531, 637, (293, [228, 479], 6110), (46_178, 342)),
        (50_752, 531, 637, (412, [200, 209], 6284), (46_435, 114)),
        (3840, 41, 242, (223, [0, 26], 479), (3787, 20)),
    ] {
        let (mut free, [unmovable, movable], length) = before;
        let mut pcp = lists(V6_12, managed, low, movable);
        pcp.lists[0] = unmovable;
        pcp.high = length;
        pcp.below_high = true;
        let freed = after.0 + after.1 - free - unmovable - movable;
        pcp.give(freed, Type::Movable, high, &mut pool(&mut free));
        assert_eq!(pcp.high, low);
        assert!(pcp.count() < low, "{} of {low}", pcp.count());
        assert_eq!(free + pcp.count(), after.0 + after.1);
        assert!(!pcp.below_high);
    }
}

#[test]
fn a_list_that_nobody_needs_gives_back_what_is_not_for_processes_first() {
    let mut pcp = lists(V6_12, 48_880, 531, 2000);
    pcp.lists[0] = 300;
    pcp.high = 2212;
    let mut free = 40_000;
    // An eighth of its length, but no more than 32 batches beyond what is on it.
    assert!(pcp.decay(&mut pool(&mut free)));
    assert_eq!((pcp.high, pcp.lists, free), (1936, [0, 1936, 0], 40_364));
    while pcp.decay(&mut pool(&mut free)) {}
    assert_eq!((pcp.high, pcp.count()), (531, 531));
    let mut old = lists(Release::new(6, 1), 48_880, 531, 2000);
    assert!(!old.decay(&mut pool(&mut free)));
}

#[test]
fn many_pages_at_once_are_as_one_after_the_other() {
    let releases = [Release::old(2, 4, 20), Release::old(2, 6, 18), Release::new(5, 10)];
    for release in releases.into_iter().chain([Release::new(6, 1), V6_12]) {
        for (managed, low, mut free, listed) in
            [(3840, 41, 3800, 7), (50_752, 531, 50_000, 100), (244_158, 13_860, 200_000, 2000)]
        {
            let above = Above { limit: low, high: low + low / 4 };
            let mut bulk = lists(release, managed, low, listed);
            let (mut single, mut single_free) = (bulk.clone(), free);
            for (want, kind) in [
                (free / 2, Type::Movable),
                (50, Type::Unmovable),
                (free / 3, Type::Movable),
                (u64::MAX, Type::Movable),
            ] {
                let got = bulk.take(want, kind, above, &mut pool(&mut free));
                let mut count = 0;
                while count < want && single.take(1, kind, above, &mut pool(&mut single_free)) == 1
                {
                    count += 1;
                }
                assert_eq!((got, free), (count, single_free), "{release:?} {managed} {want}");
                assert_eq!(bulk, single, "{release:?} {managed} {want}");
            }
            for (pages, kind) in
                [(300, Type::Movable), (40, Type::Unmovable), (managed / 2, Type::Movable)]
            {
                bulk.give(pages, kind, above.high, &mut pool(&mut free));
                for _ in 0..pages {
                    single.give(1, kind, above.high, &mut pool(&mut single_free));
                }
                assert_eq!((&bulk, free), (&single, single_free), "{release:?} {managed} {pages}");
            }
        }
    }
}

#[test]
fn huge_pages_come_in_pairs_since_5_14() {
    for (release, left) in [(Release::new(5, 10), 0), (Release::new(6, 1), 1), (V6_12, 1)] {
        let mut pcp = lists(release, 244_158, 13_860, 0);
        let mut free = 100_000;
        let above = Above { limit: 13_860, high: 16_632 };
        assert_eq!(pcp.take_huge(1, above, &mut pool(&mut free)), 1);
        assert_eq!((pcp.huge, free), (left, 100_000 - HUGE * (1 + left)), "{release:?}");
    }
}
