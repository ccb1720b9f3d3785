use super::check::agreement;
use super::picture::{map_over_time, picture};
use super::player::{Player, rules_for, space_for, space_under};
use super::report::{Named, report};
use super::setting::{Order, Setting, lifo, tunables};
use super::sweep::{candidates, grid, play, sweep};
use crate::plan::Plan;
use crate::read::{Facts, Format, open};
use expect_test::expect;
use malloc::{AddressSpace, Rules, Tunables};
use rules::heap::HeapReport;
use std::fmt::Write as _;
use std::io::Cursor;

fn plan(text: String) -> Plan {
    Plan::new(&mut open(Cursor::new(text.into_bytes())).expect("a trace"))
}

/// Many blocks, one small one above them, and then the blocks freed, oldest first.
fn survivor_above(blocks: u32) -> Plan {
    let mut text = format!("0\n{}\n{}\n1\n", blocks + 1, 2 * blocks + 1);
    for block in 0..blocks {
        let _ = writeln!(text, "a {block} 32000");
    }
    let _ = writeln!(text, "a {blocks} 100");
    for block in 0..blocks {
        let _ = writeln!(text, "f {block}");
    }
    plan(text)
}

fn told_of(plan: &Plan) -> HeapReport {
    let facts = Facts::default();
    let named = Named { origin: "x", format: Format::Rep, facts: &facts };
    report(plan, named, rules_for(&facts), &Setting::default(), &space_for(&facts))
}

#[test]
fn one_survivor_above_freed_blocks_keeps_all_of_them() {
    let told = told_of(&survivor_above(1000));
    let pin = &told.at_end.pins[0];
    expect![
        "1 blocks of 112 B, allocated by call 1001 for 100 B, above 30.5 MiB; trimmable 30.6 MiB"
    ]
    .assert_eq(&format!(
        "{} blocks of {}, allocated by call {} for {}, above {}; trimmable {}",
        pin.blocks,
        pin.bytes,
        pin.lowest_call.expect("known"),
        pin.lowest_size.expect("known"),
        pin.below,
        told.at_end.trimmable
    ));
    // 1000 chunks of 32,016 bytes less the survivor's part of the top; the figure of the real
    // library for 10,000 of them is 320,294,144.
    let ten = told_of(&survivor_above(10_000));
    let free = ten.end.unsorted.get() + ten.end.binned.get() + ten.end.top.get();
    assert_eq!(free, 320_294_144);
}

#[test]
fn a_trace_played_by_the_rules_of_a_32_bit_release_has_a_heap_of_32_bits() {
    let facts = Facts::default();
    let named = Named { origin: "x", format: Format::Rep, facts: &facts };
    let rules = Rules::GLIBC_2_3_I386;
    let space = space_under(&facts, &rules);
    let told = report(&survivor_above(10_000), named, rules, &Setting::default(), &space);
    let free = told.end.unsorted.get() + told.end.binned.get() + told.end.top.get();
    assert_eq!(free, 320_085_912);
    // All of it is one heap, grown by the break.
    assert_eq!(told.peak_held.held, told.end.heap);
}

#[test]
fn what_is_held_and_not_live_adds_up() {
    let told = told_of(&survivor_above(100));
    for waste in [&told.worst, &told.at_end] {
        let parts = [waste.overhead, waste.between, waste.cached, waste.top];
        let sum: u64 = parts.iter().map(|part| part.get()).sum();
        assert_eq!(sum, waste.moment.held.get() - waste.moment.live.get());
    }
    assert_eq!(told.peak_live.live.get(), 100 * 32_000 + 100);
    assert_eq!(survivor_above(100).peak_live(), told.peak_live.live.get());
    assert_eq!(told.end.live.get(), 100);
    assert_eq!(told.samples.last().map(|moment| moment.call), Some(201));
}

#[test]
fn frees_newest_first_give_the_heap_back_when_the_survivor_lies_below() {
    let mut text = "0\n101\n201\n1\na 100 100\n".to_owned();
    (0..100).for_each(|block| _ = writeln!(text, "a {block} 32000"));
    (0..100).for_each(|block| _ = writeln!(text, "f {block}"));
    let plan = plan(text);
    let space = space_for(&Facts::default());
    let lifo = Setting { order: Order::Lifo, ..Setting::default() };
    let recorded = play(&plan, Rules::GLIBC_2_36, &Setting::default(), space.clone());
    let newest_first = play(&plan, Rules::GLIBC_2_36, &lifo, space);
    assert_eq!(recorded.peak, newest_first.peak);
    assert!(newest_first.mean < recorded.mean, "{newest_first:?} {recorded:?}");
}

#[test]
fn trimming_gives_back_pages_between_live_blocks_until_they_are_used_again() {
    let plan = survivor_above(100);
    let space = space_for(&Facts::default());
    let trimmed = Setting { trim_at: 201, ..Setting::default() };
    let verdict = play(&plan, Rules::GLIBC_2_36, &trimmed, space.clone());
    assert!(verdict.end < 16 << 10, "{verdict:?}");
    // The same blocks again behind the trim: their pages count again.
    let mut text = "0\n101\n301\n1\n".to_owned();
    (0..101).for_each(|block| {
        _ = writeln!(text, "a {block} {}", if block == 100 { 100 } else { 32000 });
    });
    (0..100).for_each(|block| _ = writeln!(text, "f {block}"));
    (0..100).for_each(|block| _ = writeln!(text, "a {block} 32000"));
    let verdict = play(&self::plan(text), Rules::GLIBC_2_36, &trimmed, space);
    assert!((3_200_000..3_400_000).contains(&verdict.end), "{verdict:?}");
}

#[test]
fn a_sweep_gives_the_same_results_as_settings_one_by_one() {
    let plan = survivor_above(20);
    let space = space_for(&Facts::default());
    let settings = candidates(&plan, &Tunables::default(), 30);
    let mut told = Vec::new();
    let swept = sweep(&plan, Rules::GLIBC_2_36, &settings, &space, |done| told.push(done));
    assert_eq!(told, (1..=settings.len()).collect::<Vec<_>>());
    for (setting, result) in settings.iter().zip(&swept) {
        let alone = play(&plan, Rules::GLIBC_2_36, setting, space.clone());
        assert_eq!((result.peak.get(), result.mean.get()), (alone.peak, alone.mean), "{setting:?}");
    }
    assert!(swept[0].played && swept.iter().filter(|result| result.played).count() == 1);
    assert!(grid(&plan, &Tunables::default()).len() > 1000);
}

/// A trace of two threads with times, by a small generator.
fn busy(seed: u64) -> Plan {
    let mut state = seed;
    let mut below = |end: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    };
    let mut text = "oomph-heap-trace 1 text\nbrk 0x555555559000\nglibc 2.36\n\n".to_owned();
    let (mut live, mut next, mut at) = (Vec::new(), 0x1000_u64, 0);
    for _ in 0..2000 {
        at += below(50);
        let thread = below(2);
        let most = [200, 9000, 300_000][usize::try_from(below(3)).expect("small")];
        let size = below(most);
        let _ = match below(7) {
            0..3 => {
                live.push(next);
                writeln!(text, "{thread} {at} malloc {size} = {next:#x}")
            }
            3 if !live.is_empty() => {
                let old = std::mem::replace(&mut live[0], next);
                writeln!(text, "{thread} {at} realloc {old:#x} {} = {next:#x}", size + 1)
            }
            _ if !live.is_empty() => {
                let old =
                    live.swap_remove(usize::try_from(below(live.len() as u64)).expect("small"));
                writeln!(text, "{thread} {at} free {old:#x}")
            }
            _ => Ok(()),
        };
        next += 16;
    }
    plan(text)
}

/// What [`play`] does, written down call by call.
fn slowly(plan: &Plan, setting: &Setting, space: AddressSpace) -> (u64, u64, u64, u64) {
    let steps = match setting.order {
        Order::Recorded => plan.steps.clone(),
        Order::Lifo => lifo(&plan.steps),
    };
    let mut player = Player::new(plan, Rules::GLIBC_2_36, &setting.tunables, space);
    let (mut peak, mut sum, mut lasted) = (0, 0_u128, 0_u128);
    for (at, step) in steps.iter().enumerate() {
        player.step(step).expect("sound calls");
        peak = peak.max(player.held());
        let done = at as u64 + 1;
        if setting.trim_at == done
            || setting.trim_every > 0 && done.is_multiple_of(setting.trim_every)
        {
            player.trim();
        }
        let next = plan.at_us.get(at + 1).copied().unwrap_or(plan.at_us[at]);
        sum += u128::from(player.held()) * u128::from(next - plan.at_us[at]);
        lasted += u128::from(next - plan.at_us[at]);
    }
    let mean = u64::try_from(sum / lasted).expect("an average");
    (peak, mean, player.held(), player.heap().kernel().calls())
}

#[test]
fn a_sweep_finds_what_is_found_call_by_call() {
    for seed in 1..4 {
        let plan = busy(seed);
        assert_eq!((plan.problem_count, plan.threads), (0, 2));
        let space = space_for(&Facts::default());
        let mut settings = candidates(&plan, &Tunables::default(), 700);
        settings.push(Setting { trim_every: 7, trim_at: 21, ..Setting::default() });
        settings.extend(grid(&plan, &Tunables::default()).into_iter().step_by(41));
        let swept = sweep(&plan, Rules::GLIBC_2_36, &settings, &space, |_| {});
        assert_eq!(swept.len(), settings.len());
        for (setting, found) in settings.iter().zip(&swept) {
            let found = (found.peak.get(), found.mean.get(), found.end.get(), found.system_calls);
            assert_eq!(found, slowly(&plan, setting, space.clone()), "{seed} {setting:?}");
        }
    }
}

#[test]
fn tunables_that_are_printed_are_read_back() {
    let set =
        Tunables { mmap_threshold: Some(65536), tcache_count: Some(0), ..Tunables::default() };
    assert_eq!(tunables(&set.value()), Ok(set));
    assert_eq!(
        tunables("glibc.rtld.x=1:glibc.malloc.top_pad=0x10").map(|t| t.top_pad),
        Ok(Some(16))
    );
    assert!(tunables("glibc.malloc.top_pad=many").is_err());
}

#[test]
fn a_picture_has_every_byte_of_the_heap_in_one_cell() {
    let plan = survivor_above(50);
    let facts = Facts::default();
    let named = Named { origin: "x", format: Format::Rep, facts: &facts };
    let setting = Setting::default();
    let with = (Rules::GLIBC_2_36, &setting);
    for cells in [1, 7, 4096] {
        let picture = picture(&plan, named, with, &space_for(&facts), (75, cells));
        let arena = &picture.arenas[0];
        let bytes: u64 = arena.cells.iter().map(rules::heap::Cell::bytes).sum();
        assert_eq!(bytes, arena.end - arena.start);
        assert!(arena.cells.len() <= cells);
        assert_eq!(arena.live_blocks, 50 + 1 - 24);
    }
    let map = map_over_time(&plan, named, with, &space_for(&facts), (40, 20));
    assert_eq!(map.columns.len(), 40);
    assert!(map.columns.iter().all(|column| column.cells.len() <= 20));
}

#[test]
fn an_address_that_differs_is_found_and_named() {
    let text = "oomph-heap-trace 1 text\nbrk 0x555555559000\nglibc 2.36\n\n\
                0 - malloc 24 = 0x5555555592a0\n0 - malloc 24 = 0x5555555592c0\n0 - malloc 24 = 0x77\n";
    let mut ops = open(Cursor::new(text.as_bytes().to_vec())).expect("a trace");
    let plan = Plan::new(&mut ops);
    let facts = ops.facts();
    let found = agreement(&plan, rules_for(&facts), &Tunables::default(), space_for(&facts));
    assert_eq!((found.main_equal, found.main), (2, 3));
    let first = found.first.expect("one differs");
    assert_eq!((first.call, first.recorded), (3, 0x77));
}

#[test]
fn a_trace_that_frees_what_it_never_had_is_played_without_that_call() {
    let plan = plan("0\n1\n3\n1\na 0 10\nf 0\nf 0\n".to_owned());
    assert_eq!(plan.steps.len(), 2);
    expect!["call 3: expected a block that lives, found free of 0x0"]
        .assert_eq(&plan.problems[0].to_string());
}
