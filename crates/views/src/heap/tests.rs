use std::fmt::Write as _;
use std::io::Cursor;

use expect_test::{Expect, expect, expect_file};
use heap_trace::{Facts, Format, Named, Order, Plan, Rules, Setting, Tunables};
use rules::heap::{HeapHistory, HeapPicture, HeapReport};

use super::*;
use crate::style::Charset;

/// A program that fills a table, keeps one small block behind it, frees the table but every tenth of
/// it, and has a large block for a while.
fn trace() -> String {
    let mut text = "oomph-heap-trace 1 text\ncommand ./table --fill\nbrk 0x555555559000\ncpus 2\n\
                    glibc 2.36\npid 7\n\n"
        .to_owned();
    let mut at = 0;
    let mut call = |what: String| {
        at += 250;
        let _ = writeln!(text, "0 {at} {what}");
    };
    for block in 1..=400 {
        call(format!("malloc {} = {block:#x}", 900 + 40 * (block % 5)));
    }
    call("malloc 100 = 0x1000".to_owned());
    call("malloc 400000 = 0x1001".to_owned());
    for block in (1..=400).filter(|block| block % 10 != 0) {
        call(format!("free {block:#x}"));
    }
    call("free 0x1001".to_owned());
    for block in 0..30 {
        call(format!("malloc 24 = {:#x}", 0x2000 + block));
        call(format!("free {:#x}", 0x2000 + block));
    }
    text
}

struct Played {
    plan: Plan,
    facts: Facts,
}

fn played(text: &str) -> Played {
    let mut ops = heap_trace::open(Cursor::new(text.as_bytes().to_vec())).expect("a trace");
    let plan = Plan::new(&mut ops);
    Played { plan, facts: ops.facts() }
}

impl Played {
    fn named(&self) -> Named<'_> {
        // The names of blocks in these traces are no addresses.
        Named { origin: "table.trace", format: Format::Heaptrack, facts: &self.facts }
    }

    fn report(&self) -> HeapReport {
        let (rules, setting) = (heap_trace::rules_for(&self.facts), Setting::default());
        let space = heap_trace::space_for(&self.facts);
        heap_trace::report(&self.plan, self.named(), rules, &setting, &space)
    }

    fn swept(&self, settings: &[Setting]) -> HeapReport {
        let space = heap_trace::space_for(&self.facts);
        let mut report = self.report();
        report.settings =
            heap_trace::sweep(&self.plan, Rules::GLIBC_2_36, settings, &space, |_| {});
        report.settings.sort_by_key(|result| (result.mean, result.peak, result.system_calls));
        report
    }

    fn picture(&self, call: usize) -> HeapPicture {
        let with = (Rules::GLIBC_2_36, &Setting::default());
        let space = heap_trace::space_for(&self.facts);
        heap_trace::picture(&self.plan, self.named(), with, &space, (call, 1 << 14))
    }

    fn history(&self) -> HeapHistory {
        let with = (Rules::GLIBC_2_36, &Setting::default());
        let space = heap_trace::space_for(&self.facts);
        heap_trace::map_over_time(&self.plan, self.named(), with, &space, (60, 30))
    }
}

fn style(width: usize, charset: Charset) -> Style {
    Style { width: Some(width), charset, color: false }
}

fn settings() -> Vec<Setting> {
    let with = |tunables| Setting { tunables, ..Setting::default() };
    let none = Tunables::default();
    vec![
        Setting::default(),
        with(Tunables { tcache_count: Some(0), ..none }),
        with(Tunables { top_pad: Some(16 << 20), ..none }),
        with(Tunables { top_pad: Some(0), trim_threshold: Some(65536), ..none }),
        with(Tunables { mmap_threshold: Some(1 << 20), ..none }),
        with(Tunables { arena_max: Some(1), ..none }),
        Setting { order: Order::Lifo, ..Setting::default() },
        Setting { trim_every: 100, ..Setting::default() },
    ]
}

fn check(text: &str, expect: &Expect) {
    expect.assert_eq(text);
}

#[test]
fn the_screen_says_what_was_held_why_and_what_would_change_it() {
    let report = played(&trace()).swept(&settings());
    check(
        &heap(&report, 12, &style(80, Charset::Utf8)),
        &expect![[r"
            The heap held at most 788 KiB where at most 773 KiB were live; on average
              503 KiB for 359 KiB; at the end 396 KiB for 35.2 KiB.
              table.trace, recorded by heaptrack, interpreted: ./table --fill
              823 calls of 1 thread in 205 ms; glibc 2.36, default settings

            OVER TIME    dark is live, light is held beside it; more than 4.0 times what was
                         live for 11 % of the time
                 788Ki │                                ██░░░░░░░░░░░░░░░░░░░░░░░░░░░░
                       │                                █████████░░░░░░░░░░░░░░░░░░░░░
                       │                                ████████████████░░░░░░░░░░░░░░
                       │                                ██████████████████████░░░░░░░░
                 433Ki │                                █████████████████████████████░
                       │                      ░░░░░░░░████████████████████████████████░░░░░
                       │                      ░███████████████████████████████████████░░░░░
                       │           ░░░░░██████████████████████████████████████████████░░░░░
                       │░░░░░░░░░░████████████████████████████████████████████████████░░░░░
                       │███████████████████████████████████████████████████████████████████
                        call 1                                                     call 823

            WHY          behind call 762, 788 KiB are held, 362 KiB of it not live
                  425Ki  54 %  live: asked for and not freed
                  326Ki  41 %  freed, in 47 chunks between 41 live blocks of the main heap
                 26.6Ki   3 %  freed, kept by the caches of threads and the fast lists
                 6.50Ki  <1 %  free at the end of the heap
                 2.49Ki  <1 %  headers, rounding, and tables of the allocator
              44.1 KiB of free memory lie below the last 6 blocks at the end of the heap,
              4.56 KiB together; the lowest is 900 B that call 360 allocated: without them
              it would join the free end and could be trimmed.
              malloc_trim(0) here would give back 156 KiB.

            AT THE END   behind call 823, 396 KiB are held, 360 KiB of it not live
                 35.2Ki   8 %  live: asked for and not freed
                  326Ki  82 %  freed, in 47 chunks between 41 live blocks of the main heap
                 26.7Ki   6 %  freed, kept by the caches of threads and the fast lists
                 6.50Ki   1 %  free at the end of the heap
                 1.12Ki  <1 %  headers, rounding, and tables of the allocator
              44.1 KiB of free memory lie below the last 6 blocks at the end of the heap,
              4.56 KiB together; the lowest is 900 B that call 360 allocated: without them
              it would join the free end and could be trimmed.
              malloc_trim(0) here would give back 156 KiB.

            WHAT IF      the same calls under 7 other settings: the best tunables hold
                         469 KiB on average instead of 503 KiB
                PEAK  AVERAGE     END  CALLS  SETTING
               788Ki    331Ki   396Ki      6  frees that follow each other made newest first
               784Ki    469Ki   392Ki    101  GLIBC_TUNABLES=glibc.malloc.top_pad=0:glibc.m…
               784Ki    479Ki   240Ki     89  malloc_trim(0) every 100 calls
               788Ki    503Ki   396Ki      6  (as recorded)
               912Ki    566Ki   520Ki      6  GLIBC_TUNABLES=glibc.malloc.mmap_threshold=10…
              16.0Mi   16.0Mi  16.0Mi      2  GLIBC_TUNABLES=glibc.malloc.top_pad=16777216
              least on average, and lowest peak: GLIBC_TUNABLES=glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=65536
              2 settings would change nothing

            SIZES        what was asked for
               UP TO  REQUESTS   BYTES  AT PEAK   BYTES  NEVER FREED
                 32B        30    720B        0       0            0  ██
                128B         1    100B        1    100B            1  █
              1.00Ki       320   300Ki      320   300Ki           40  ████████████████████
              2.00Ki        80  82.8Ki       80  82.8Ki            0  █████
               512Ki         1   390Ki        1   390Ki            0  █

            DOUBTS
              - heaptrack writes calloc and memalign as malloc, realloc as free and malloc,
                and no thread: addresses are not those of the program.
              - An interpreted trace has no addresses either: of the blocks that one place
                allocated with one size, the newest is taken to be freed first. `heaptrack
                --raw` keeps them.
        "]],
    );
}

#[test]
fn a_sweep_shows_as_many_rows_as_wanted_and_lines_to_paste_whole() {
    let report = played(&trace()).swept(&settings());
    let text = heap(&report, 3, &style(80, Charset::Utf8));
    let (_, table) = text.split_once("WHAT IF").expect("a table");
    let (table, _) = table.split_once("SIZES").expect("sizes behind it");
    check(
        &format!("WHAT IF{table}"),
        &expect![[r"
            WHAT IF      the same calls under 7 other settings: the best tunables hold
                         469 KiB on average instead of 503 KiB
               PEAK  AVERAGE    END  CALLS  SETTING
              788Ki    331Ki  396Ki      6  frees that follow each other made newest first
              784Ki    469Ki  392Ki    101  GLIBC_TUNABLES=glibc.malloc.top_pad=0:glibc.mal…
              784Ki    479Ki  240Ki     89  malloc_trim(0) every 100 calls
              788Ki    503Ki  396Ki      6  (as recorded)
              least on average, and lowest peak: GLIBC_TUNABLES=glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=65536
              2 settings more; --all shows them; 2 settings would change nothing

        "]],
    );
}

#[test]
fn what_the_recorder_lost_and_what_ended_the_process_is_said() {
    let mut report = played("0\n2\n3\n1\na 0 10\nf 1\na 1 100\n").report();
    report.abort = Some("free(): invalid pointer".to_owned());
    report.cut = Some("the file had no room for more".to_owned());
    report.loses = vec!["Where blocks were is not recorded.".to_owned()];
    check(
        &heap(&report, 12, &style(80, Charset::Ascii)),
        &expect![[r"
        glibc ended the process: free(): invalid pointer. The heap held at most
          132 KiB where at most 110 B were live; on average 132 KiB for 60 B; at the end
          132 KiB for 110 B.
          table.trace, recorded by heaptrack, interpreted
          2 calls of 1 thread; glibc 2.36, default settings

        OVER TIME    dark is live, light is held beside it; more than 4.0 times what was
                     live for 100 % of the calls
             132Ki |                       ............................................
                   |                       ............................................
                   |                       ............................................
                   |                       ............................................
            72.5Ki |                       ............................................
                   |                       ............................................
                   |                       ............................................
                   |                       ............................................
                   |                       ............................................
                   |                       ############################################
                    call 1                                                       call 2

        WHY          behind call 1, 132 KiB are held, 131 KiB of it not live
                10B  <1 %  live: asked for and not freed
              131Ki  99 %  free at the end of the heap
               678B  <1 %  headers, rounding, and tables of the allocator
          malloc_trim(0) here would give back 128 KiB.

        AT THE END   behind call 2, 132 KiB are held, 131 KiB of it not live
               110B  <1 %  live: asked for and not freed
              131Ki  99 %  free at the end of the heap
               690B  <1 %  headers, rounding, and tables of the allocator
          malloc_trim(0) here would give back 128 KiB.

        SIZES        what was asked for
          UP TO  REQUESTS  BYTES  AT PEAK  BYTES  NEVER FREED
            16B         1    10B        1    10B            1  ####################
           128B         1   100B        1   100B            1  ####################

        DOUBTS
          - Where blocks were is not recorded.
          - The recording ended before the program did: the file had no room for more.
          - call 2: expected a block that lives, found free of 0x1
    "]],
    );
}

#[test]
fn the_heap_behind_a_call_is_drawn_to_scale() {
    let played = played(&trace());
    check(
        &heap_picture(&played.picture(500), &style(80, Charset::Utf8)),
        &expect![[r"
            Behind call 500 of 823: 678 KiB live, 788 KiB held.
              █ ▓ ▒ live, wholly to a little; · free; t in a cache; f in a fast list; – the
              free end

            MAIN HEAP    396 KiB, 303 live blocks, 18 free chunks, the largest 8.82 KiB
                555555559000  ▓ttt·ttt·▓▒tt·tttt·▓▒tt·tttt▒▓tt
                555555561000  t·t···▓▓···t····▓▒···t····█····t
                555555569000  ···▒▓········▓▓········▓▒·······
                555555571000  ▒▓·······▓██████████████████████
                555555579000  ████████████████████████████████
                555555581000  ████████████████████████████████
                555555589000  ████████████████████████████████
                555555591000  ████████████████████████████████
                555555599000  ████████████████████████████████
                5555555a1000  ████████████████████████████████
                5555555a9000  ████████████████████████████████
                5555555b1000  ████████████████████████████████
                5555555b9000  █████▓––––––
                              a sign is 1.00 KiB, a row 32.0 KiB

            MAPPED       1 block, 392 KiB
                  392Ki  7ffff7f9d010  call 402
        "]],
    );
    check(
        &heap_picture(&played.picture(860), &style(60, Charset::Ascii)),
        &expect![[r"
            Behind call 823 of 823: 35.2 KiB live, 396 KiB held.
              # + - live, wholly to a little; . free; t in a cache; f in
              a fast list; _ the free end

            MAIN HEAP    396 KiB, 41 live blocks, 47 free chunks, the
                         largest 8.82 KiB
                555555559000  +ttt.ttt.+-tt.tttt.+-tt.tttt-+tt
                555555561000  t.t...++...t....+-...t....#....t
                555555569000  ...-+........++........+-.......
                555555571000  -+........-+........+-........#.
                555555579000  .......-+........++........+-...
                555555581000  ....-+........-+........+-......
                555555589000  ..#-.......-+........++........+
                555555591000  -........#........-+........+-..
                555555599000  ......+-.......-+........++.....
                5555555a1000  ...+-........#........-+........
                5555555a9000  +-........+-.......-+........++.
                5555555b1000  .......+-........#........-+....
                5555555b9000  ....++______
                              a sign is 1.00 KiB, a row 32.0 KiB
        "]],
    );
}

#[test]
fn the_pictures_are_these_documents() {
    let played = played(&trace());
    expect_file!["snapshots/heap.svg"].assert_eq(&heap_svg(&played.picture(500)));
    expect_file!["snapshots/heap-time.svg"].assert_eq(&heap_time_svg(&played.history()));
}

#[test]
fn no_line_but_those_to_paste_is_wider_than_the_terminal_and_ascii_stays_ascii() {
    let report = played(&trace()).swept(&settings());
    for width in [60, 80, 132] {
        let text = heap(&report, usize::MAX, &style(width, Charset::Ascii));
        assert!(text.is_ascii(), "{text}");
        let mut lines = text.lines().filter(|line| !line.contains("GLIBC_TUNABLES="));
        assert_eq!(lines.find(|line| line.len() > width), None, "{text}");
    }
}

#[test]
fn names_from_a_trace_cannot_steer_a_terminal_or_a_page() {
    let text = trace().replace("./table --fill", "./x\u{1b}[31m<script>&");
    let played = played(&text);
    let screen = heap(&played.report(), 12, &style(80, Charset::Utf8));
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
    for svg in [heap_svg(&played.picture(10)), heap_time_svg(&played.history())] {
        assert!(!svg.contains('\u{1b}') && !svg.contains("<script"), "{svg}");
    }
}
