//! One pass finds what a pass of each reader finds.

use facts::Release;
use proptest::prelude::*;

use super::anchors::next_hit;
use super::*;
use crate::print::print;
use crate::print::sample::{Filler, report};
use crate::{NoticeScanner, notices, reports};

#[test]
fn no_word_of_one_reader_begins_a_word_of_the_other() {
    // At one place a search for all words finds only one of them.
    for of_reports in reports::ANCHORS {
        for of_notices in userspace::ANCHORS {
            assert!(!of_reports.starts_with(of_notices) && !of_notices.starts_with(of_reports));
        }
    }
}

#[test]
fn a_word_inside_another_is_found() {
    const WORDS: [&[&[u8]]; 2] = [&[b"oom-kill"], &[b"'oom-kill'", b"killer"]];
    let mut anchors = Anchors::new(WORDS);
    let text = b"a service with 'oom-kill' and an oom-killer in it, long enough to be searched";
    let [first, second] = anchors.search(text).clone();
    assert_eq!(first, [16, 33]);
    assert_eq!(second, [15, 37]);
    let mut hits = &first[..];
    assert_eq!(next_hit(&mut hits, 16), Some(16));
    assert_eq!(next_hit(&mut hits, 17), Some(33));
    assert_eq!(next_hit(&mut hits, 34), None);
}

fn one_pass(text: &[u8], size: usize) -> (Vec<Found>, Vec<Notice>) {
    let (mut found, mut said) = (Vec::new(), Vec::new());
    let mut take = |entry| match entry {
        Entry::Report(one) => found.push(*one),
        Entry::Notice(one) => said.push(*one),
    };
    let mut scanner = LogScanner::new();
    text.chunks(size).for_each(|piece| scanner.feed(piece, &mut take));
    scanner.finish(&mut take);
    (found, said)
}

fn two_passes(text: &[u8], size: usize) -> (Vec<Found>, Vec<Notice>) {
    let (mut found, mut said) = (Vec::new(), Vec::new());
    let mut scanner = Scanner::new();
    text.chunks(size).for_each(|piece| scanner.feed(piece, &mut |one| found.push(one)));
    scanner.finish(&mut |one| found.push(one));
    let mut scanner = NoticeScanner::new();
    text.chunks(size).for_each(|piece| scanner.feed(piece, &mut |one| said.push(one)));
    scanner.finish(&mut |one| said.push(one));
    (found, said)
}

/// Lines of the kernel, of other programs, of neither, and parts of any of them.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let whole = (0u64..9, any::<bool>()).prop_map(|(seed, memcg)| {
        let release = Release::new(6, 8);
        let text = print(&report(&mut Filler::new(seed), release, memcg), release);
        let lines = text.split_inclusive(|&byte| byte == b'\n');
        lines.flat_map(|line| [&b"[ 12.345678] "[..], line].concat()).collect::<Vec<u8>>()
    });
    let words: Vec<&'static [u8]> =
        reports::ANCHORS.into_iter().chain(userspace::ANCHORS).collect();
    let line = prop_oneof![
        Just("Mar  4 05:06:07 box systemd[1]: a.service: Failed with result 'oom-kill'.\n"),
        Just("[ 1.0] lowmemorykiller: Killing 'a' (1), adj 2,\n"),
        Just("[ 1.0]    to free 1kB on behalf of 'b' (2) because\n"),
        Just("mem avail: 1 of 2 MiB ( 3.00%), swap free: 4 of 5 MiB ( 6.00%)\n"),
        Just("sending SIGTERM to process 1 uid 2 \"n\": badness 3, VmRSS 4 MiB\n"),
        Just(
            "[ 1.0] oom_reaper: reaped process 7 (a), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n"
        ),
        Just("[ 1.0] oom_kill_process: 1 callbacks suppressed\n"),
        Just("./x: line 1: 7 Killed  y\n"),
        Just("noise\n"),
        Just("\n"),
    ];
    prop_oneof![
        2 => whole.clone(),
        2 => (whole, any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(
            |(text, from, to)| {
                let (from, to) = (from.index(text.len()), to.index(text.len()));
                text[from.min(to)..from.max(to)].to_vec()
            }
        ),
        6 => line.prop_map(|line| line.as_bytes().to_vec()),
        2 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        2 => (0usize..300).prop_map(|times| b"[ 1.0] eth0: link is up\n".repeat(times)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn one_pass_finds_what_two_passes_find(
        parts in prop::collection::vec(part(), 0..12), size in 1usize..9000,
    ) {
        let text = parts.concat();
        let both = two_passes(&text, text.len().max(1));
        prop_assert_eq!(&both, &(reports(&text), notices(&text)));
        prop_assert_eq!(&two_passes(&text, size), &both);
        prop_assert_eq!(&one_pass(&text, size), &both);
    }
}
