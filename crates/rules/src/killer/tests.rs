use super::*;

fn killer(release: &str) -> Killer {
    Killer::for_release(release.parse().unwrap())
}

#[test]
fn sharers_die_live_and_die_again() {
    use Sharers::{Die, DieUnlessDisabled, Live};
    for (release, sharers) in [
        ("2.4.22", Die),
        ("2.6.31", Die),
        ("2.6.32", Live),
        ("2.6.36", Live),
        ("2.6.37", Die),
        ("3.0", Die),
        ("3.1", DieUnlessDisabled),
        ("4.7", DieUnlessDisabled),
        ("4.8", Die),
        ("7.2", Die),
    ] {
        assert_eq!(killer(release).sharers, sharers, "{release}");
    }
}

#[test]
fn old_kernels_are_patient() {
    assert!(killer("2.4.22").patience.is_some_and(|patience| patience.while_swap_is_full));
    assert!(killer("2.6.10").patience.is_some_and(|patience| !patience.while_swap_is_full));
    assert_eq!(killer("2.6.11").patience, None);
    assert_eq!(killer("2.6.10").pending, Pending::PassedOver);
    assert_eq!(killer("2.6.11").pending, Pending::Waits);
}

#[test]
fn the_reaper_comes_with_4_6_and_waits_since_5_18() {
    let delay = |release| killer(release).reaper.map(|reaper| reaper.delay);
    assert_eq!(delay("4.5"), None);
    assert_eq!(delay("4.6"), Some(0));
    assert_eq!(delay("5.17"), Some(0));
    assert_eq!(delay("5.18"), Some(2_000_000_000));
}

#[test]
fn settings_come_with_their_releases() {
    for (release, allocating, panic, groups, order) in [
        ("2.6.17", false, PanicRule::None, false, 0),
        ("2.6.18", false, PanicRule::Plain, false, 0),
        ("2.6.22", false, PanicRule::Compulsory, false, 0),
        ("2.6.24", true, PanicRule::Compulsory, false, 0),
        ("4.2", true, PanicRule::Compulsory, false, 0),
        ("4.3", true, PanicRule::Compulsory, false, -1),
        ("4.19", true, PanicRule::Compulsory, true, -1),
    ] {
        let killer = killer(release);
        assert_eq!(killer.allocating_task, allocating, "{release}");
        assert_eq!(killer.panic, panic, "{release}");
        assert_eq!(killer.groups, groups, "{release}");
        assert_eq!(killer.manual_order, order, "{release}");
    }
}

#[test]
fn whose_own_nodes_ran_out_died_without_a_choice() {
    for (release, policy, cpuset) in [
        ("2.6.15", false, false),
        ("2.6.16", true, true),
        ("2.6.23", true, true),
        ("2.6.24", true, false),
        ("2.6.35", true, false),
        ("2.6.36", false, false),
    ] {
        let killer = killer(release);
        assert_eq!(
            (killer.policy_kills_asker, killer.cpuset_kills_asker),
            (policy, cpuset),
            "{release}"
        );
    }
}

#[test]
fn the_printed_score_is_of_1000_since_3_5() {
    assert_eq!(killer("2.6.38").printed_score(829, Pages::new(144_500)), 829);
    // The published row: 99945 resident, 238 of page tables, 19731 swapped.
    assert_eq!(killer("3.6.11").printed_score(99_945 + 238 + 19_731, Pages::new(144_500)), 829);
    assert_eq!(killer("3.6.11").printed_score(5, Pages::ZERO), 5000);
}
