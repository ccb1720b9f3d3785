use super::*;

const NOW: Release = Release::new(6, 12);

fn made(mode: u32, nodes: u64, allowed: u64) -> Result<Option<Mempolicy>, Invalid> {
    Request::new(NOW, mode, nodes, 65)?.policy(allowed)
}

fn policy(mode: u32, nodes: u64) -> Mempolicy {
    made(mode, nodes, 0b1111).unwrap().unwrap()
}

#[test]
fn nodes_that_are_not_there_are_left_out_and_none_is_refused() {
    assert_eq!(made(2, 0b110, 0b11).unwrap().unwrap().nodes, 0b10);
    assert_eq!(made(2, 0b100, 0b11), Err(Invalid));
    assert_eq!(made(2, 0, 0b11), Err(Invalid));
    assert_eq!(made(0, 1, 0b11), Err(Invalid));
    assert_eq!(made(0, 0, 0b11), Ok(None));
}

#[test]
fn preferring_nothing_is_preferring_the_local_node() {
    assert_eq!(policy(1, 0).mode, Mode::Local);
    assert_eq!(policy(4, 0), policy(1, 0));
    assert_eq!(made(4, 1, 1), Err(Invalid));
    assert_eq!(made(1 | STATIC, 0, 1), Err(Invalid));
    // One node is preferred, the lowest.
    assert_eq!(policy(1, 0b1100).nodes, 0b100);
}

#[test]
fn a_release_knows_the_modes_of_its_time() {
    let knows = |release, mode| Request::new(release, mode, 1, 65).is_ok();
    for (mode, first, before) in [
        (4, Release::new(3, 8), Release::new(3, 7)),
        (5, Release::new(5, 15), Release::new(5, 14)),
        (6, Release::new(6, 9), Release::new(6, 8)),
        (3 | STATIC, Release::old(2, 6, 26), Release::old(2, 6, 25)),
        (2 | BALANCING, Release::new(5, 12), Release::new(5, 11)),
    ] {
        assert!(knows(first, mode), "{mode:#x} on {first}");
        assert!(!knows(before, mode), "{mode:#x} on {before}");
    }
    assert!(!knows(NOW, 7));
    assert!(!knows(NOW, 2 | STATIC | RELATIVE));
    assert!(!knows(NOW, 3 | BALANCING));
}

#[test]
fn the_last_bit_of_a_mask_does_not_count() {
    assert_eq!(nodes_of(0b11, 2), Ok(1));
    assert_eq!(nodes_of(0b11, 1), Ok(0));
    assert_eq!(nodes_of(u64::MAX, 65), Ok(u64::MAX));
    assert_eq!(nodes_of(1, 0), Err(Invalid));
    assert_eq!(nodes_of(0, 0), Ok(0));
    assert_eq!(nodes_of(1, 32_769), Ok(1));
    assert_eq!(nodes_of(1, 32_770), Err(Invalid));
}

#[test]
fn pages_take_turns_by_their_index() {
    let plain = policy(3, 0b1010);
    let turns: Vec<_> = (0..5).filter_map(|index| plain.turn(index, |_| 9)).collect();
    assert_eq!(turns, [1, 3, 1, 3, 1]);
    let weighted = policy(6, 0b11);
    let weight = |node| if node == 0 { 3 } else { 0 };
    let turns: Vec<_> = (0..6).filter_map(|index| weighted.turn(index, weight)).collect();
    assert_eq!(turns, [0, 0, 0, 1, 0, 0]);
    assert_eq!(policy(2, 1).turn(0, |_| 1), None);
    assert_eq!(plain.next_after(None), Some(1));
    assert_eq!(plain.next_after(Some(1)), Some(3));
    assert_eq!(plain.next_after(Some(3)), Some(1));
}

#[test]
fn relative_nodes_are_counted_among_those_allowed() {
    let made = made(2 | RELATIVE, 0b101, 0b1110).unwrap().unwrap();
    assert_eq!(made.nodes, 0b1010);
    // The fourth of three is the first again.
    assert_eq!(onto(0b1000, 0b1110), 0b10);
}

#[test]
fn a_policy_follows_its_cpuset() {
    let after = |mode: u32, nodes, now| {
        let mut policy = policy(mode, nodes);
        policy.rebind(0b1111, now);
        policy.nodes
    };
    assert_eq!(after(2, 0b10, 0b1100), 0b1000);
    assert_eq!(after(2 | STATIC, 0b10, 0b1110), 0b10);
    assert_eq!(after(2 | STATIC, 0b10, 0b1100), 0b1100);
    assert_eq!(after(2 | RELATIVE, 0b10, 0b1100), 0b1000);
    assert_eq!(after(1, 0b10, 0b1100), 0b10);
}

#[test]
fn only_who_is_bound_elsewhere_is_of_no_concern() {
    assert!(!policy(2, 0b10).reaches(NOW, 0b01));
    assert!(policy(2, 0b11).reaches(NOW, 0b01));
    assert!(policy(3, 0b10).reaches(NOW, 0b01));
    assert!(!policy(3, 0b10).reaches(Release::new(5, 14), 0b01));
    assert!(policy(1, 0b10).reaches(NOW, 0b01));
}

#[test]
fn policies_print_as_numa_maps_has_them() {
    assert_eq!(policy(2, 0b1011).to_string(), "bind:0-1,3");
    assert_eq!(policy(1, 0b10).to_string(), "prefer:1");
    assert_eq!(policy(4, 0).to_string(), "local");
    assert_eq!(policy(3 | STATIC, 0b11).to_string(), "interleave=static:0-1");
    assert_eq!(policy(2 | STATIC | BALANCING, 1).to_string(), "bind=static|balancing:0");
    assert_eq!(policy(5, 0b11).to_string(), "prefer (many):0-1");
}

#[test]
fn lists_of_nodes_are_read_as_the_kernel_reads_them() {
    assert_eq!(parse("0-1,3\n"), Some(0b1011));
    assert_eq!(parse(""), Some(0));
    assert_eq!(parse("1-x"), None);
    assert_eq!(parse("64"), None);
    assert_eq!(list(0b1011), "0-1,3");
    assert_eq!(list(u64::MAX), "0-63");
    assert_eq!(list(0), "");
}
