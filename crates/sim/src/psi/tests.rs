use super::*;

const SECOND: u64 = 1_000_000_000;

fn averages(group: &mut Group, now: u64) -> String {
    group.text(now).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_group_that_never_stalled_prints_zeros() {
    let mut group = Group::new(250);
    group.pass(0, 100 * SECOND, State::Runs);
    assert_eq!(
        group.text(100 * SECOND),
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n\
         full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    );
}

#[test]
fn the_total_is_exact_and_the_average_waits_for_its_sample() {
    let mut group = Group::new(250);
    group.pass(0, SECOND / 2, State::Stalls);
    assert_eq!(averages(&mut group, SECOND), "some avg10=0.00 avg60=0.00 avg300=0.00 total=500000");
    // After one period of 2.004 s: 24 %, of which a fifth shows.
    let after = averages(&mut group, 3 * SECOND);
    assert_eq!(after, "some avg10=4.34 avg60=0.78 avg300=0.16 total=500000");
}

#[test]
fn ten_minutes_of_stalls_are_a_hundred_percent_of_ten_seconds() {
    let mut group = Group::new(250);
    group.pass(0, 600 * SECOND, State::Stalls);
    let text = averages(&mut group, 600 * SECOND);
    assert!(text.starts_with("some avg10=100.00 avg60=100.00 avg300=8"), "{text}");
}

#[test]
fn cutting_time_into_pieces_changes_nothing() {
    let mut whole = Group::new(250);
    let mut pieces = Group::new(250);
    let mut now = 0;
    for step in 0..500_u64 {
        let state =
            [State::Runs, State::Stalls, State::Idle][usize::try_from(step % 3).unwrap_or(0)];
        let long = (step * 7919 % 97 + 1) * 10_000_000;
        whole.pass(now, now + long, state);
        for piece in 0..10 {
            pieces.pass(now + long / 10 * piece, now + long / 10 * (piece + 1), state);
        }
        now += long;
    }
    assert_eq!(whole.text(now), pieces.text(now));
}

#[test]
fn what_idles_long_forgets() {
    let mut group = Group::new(250);
    group.pass(0, 60 * SECOND, State::Stalls);
    let text = averages(&mut group, 10_000 * SECOND);
    assert!(text.starts_with("some avg10=0.00 avg60=0.00 avg300=0.00 total=60000000"), "{text}");
}

#[test]
fn a_monitor_is_woken_once_a_window_while_a_task_stalls_and_not_by_one_that_runs() {
    let release = Release::new(6, 12);
    let request = Request::parse("some 150000 1000000", release).unwrap();
    let mut group = Group::new(250);
    let monitor = group.watch(request, release, 0);
    group.pass(0, 5 * SECOND, State::Runs);
    assert!(!group.woken(monitor, 5 * SECOND));
    let mut events = 0;
    for tenth in 50..150 {
        let now = tenth * SECOND / 10;
        group.pass(now, now + SECOND / 10, State::Stalls);
        events += u32::from(group.woken(monitor, now + SECOND / 10));
    }
    assert!((9..=10).contains(&events), "{events}");
    // What came while nobody asked is told once.
    group.pass(15 * SECOND, 25 * SECOND, State::Stalls);
    assert!(group.woken(monitor, 25 * SECOND));
    assert!(!group.woken(monitor, 25 * SECOND));
}

#[test]
fn a_monitor_changes_nothing_about_the_averages() {
    let release = Release::new(6, 1);
    let request = Request::parse("full 100000 500000", release).unwrap();
    let (mut plain, mut watched) = (Group::new(250), Group::new(250));
    watched.watch(request, release, 0);
    for step in 0..300 {
        let now = step * SECOND / 7;
        let state = if step % 3 == 0 { State::Stalls } else { State::Runs };
        plain.pass(now, now + SECOND / 11, state);
        watched.pass(now, now + SECOND / 11, state);
        assert_eq!(plain.text(now + SECOND / 11), watched.text(now + SECOND / 11));
    }
}
