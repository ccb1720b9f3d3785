use super::*;

#[test]
fn amounts_are_read_as_memparse_reads_them() {
    assert_eq!(memparse("4096"), Ok(4096));
    assert_eq!(memparse("64k"), Ok(65_536));
    assert_eq!(memparse("0x10K"), Ok(16_384));
    assert_eq!(memparse("010"), Ok(8));
    assert_eq!(memparse(""), Ok(0));
    assert_eq!(memparse("M"), Ok(0));
    for bad in ["x", "-1", "1KB", "1.5G", "12 ", "08", "max", "0x"] {
        assert_eq!(memparse(bad), Err(BadAmount), "{bad}");
    }
}

#[test]
fn a_limit_is_rounded_down_to_pages() {
    let most = (1 << 51) - 1;
    assert_eq!(parse_limit(" 8392704\n", "max", most), Ok(2049));
    assert_eq!(parse_limit("8393608", "max", most), Ok(2049));
    assert_eq!(parse_limit("max\n", "max", most), Ok(most));
    assert_eq!(parse_limit("-1", "-1", most), Ok(most));
    assert_eq!(parse_limit("max", "-1", most), Err(BadAmount));
    assert_eq!(parse_limit("16E", "max", most), Ok(0), "it wraps, as the kernel's does");
}

fn sibling(usage: u64, setting: u64, parent: (u64, u64), siblings: u64) -> Sibling {
    Sibling { usage, setting, parent_usage: parent.0, parent_effective: parent.1, siblings }
}

#[test]
fn protection_is_shared_in_proportion_when_children_ask_for_too_much() {
    let rules = Protection::Proportional;
    // Two children that use and ask for 100 and 300 of a parent's 200.
    assert_eq!(effective(rules, true, sibling(100, 100, (400, 200), 400)), 50);
    assert_eq!(effective(rules, true, sibling(300, 300, (400, 200), 400)), 150);
    // Asking for more than one uses is worth nothing.
    assert_eq!(effective(rules, true, sibling(100, 1000, (400, 200), 400)), 50);
}

#[test]
fn unclaimed_protection_goes_to_children_only_with_recursiveprot() {
    let rules = Protection::Proportional;
    let child = sibling(300, 0, (400, 200), 100);
    assert_eq!(effective(rules, false, child), 0);
    // 100 are unclaimed, and this child has all of the 300 that are unprotected.
    assert_eq!(effective(rules, true, child), 100);
    let claimed = sibling(100, 100, (400, 200), 100);
    assert_eq!(effective(rules, true, claimed), 100);
}

#[test]
fn releases_before_5_4_cap_and_scale() {
    assert_eq!(effective(Protection::Threshold, true, sibling(300, 250, (400, 200), 0)), 200);
    assert_eq!(effective(Protection::Scaled, true, sibling(300, 250, (500, 200), 500)), 100);
    assert_eq!(effective(Protection::Scaled, true, sibling(300, 0, (500, 200), 500)), 0);
}

#[test]
fn reclaim_passes_over_what_is_protected() {
    let rules = Protection::Proportional;
    assert_eq!(view(rules, 100, 100, 0, true), View::Min);
    assert_eq!(view(rules, 100, 0, 100, false), View::Low);
    let second = view(rules, 100, 0, 100, true);
    assert!(matches!(second, View::Scan { breaks_low: true, protected: 0, .. }));
    let half = view(rules, 1000, 0, 500, false);
    assert_eq!(half.scan(1001), 1001 - 1001 * 500 / 1001);
    assert_eq!(half.scan(40), 32, "at least a cluster");
    assert_eq!(view(rules, 1000, 0, 0, false).scan(40), 40);
    assert_eq!(view(Protection::Scaled, 1000, 0, 500, false).scan(64), 64);
}

#[test]
fn a_task_far_above_high_waits_two_seconds_for_a_batch() {
    // A tenth above: 0.1² in 2⁻²⁰ths, times HZ, by the scale of 2¹⁴.
    let tenth = overage(1100, 1000);
    assert_eq!(tenth, (100 << 20) / 1000);
    assert_eq!(delay_jiffies(64, tenth, 250, 64), (tenth * tenth * 250) >> 34);
    assert_eq!(delay_jiffies(64, tenth, 250, 64), 159);
    assert_eq!(delay_jiffies(32, tenth, 250, 64), 79);
    assert_eq!(overage(1000, 1000), 0);
    assert_eq!(overage(5, 0), 4 << 20);
}

#[test]
fn rules_change_with_the_releases_that_changed_them() {
    let of = |major, minor| MemcgRules::of(Release::new(major, minor));
    assert_eq!((of(6, 0).batch, of(6, 1).batch), (32, 64));
    assert_eq!((of(5, 8).retries, of(5, 9).retries), (5, 16));
    assert_eq!(of(4, 17).protection, Protection::Threshold);
    assert_eq!(of(5, 3).protection, Protection::Scaled);
    assert_eq!((of(6, 15).stock_slots, of(6, 18).stock_slots), (1, 7));
}
