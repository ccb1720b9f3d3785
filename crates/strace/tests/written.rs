//! Logs written by hand: each shows one thing that recorded ones show rarely.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use facts::{Name, Release};
use oomph_strace::{Options, parse, replay};
use rules::replay::{RaceOrder, StraceReport};

fn play(text: &str) -> StraceReport {
    let log = parse(text.as_bytes());
    replay(&log, &Name::from("log"), Options::default()).expect("the machine goes on").0
}

/// What differs and what could not be read, one line each, below the score of what the kernel chose.
fn check(text: &str, expected: &Expect) {
    let report = play(text);
    let chosen = report.score.chosen();
    let mut lines = format!("{} of {}\n", chosen.equal, chosen.total);
    for found in &report.differences {
        let _ = writeln!(lines, "line {}: {} not {}", found.line, found.log, found.model);
    }
    for found in &report.problems {
        let (line, expected) = (found.line, &found.expected);
        let _ = writeln!(lines, "line {line}: expected {expected}, found {}", found.found);
    }
    expected.assert_eq(&lines);
}

const BEGIN: &str = "\
7 execve(\"/bin/x\", [\"x\"], 0x7ffd00000000 /* 9 vars */) = 0
7 brk(NULL) = 0x555555561000
7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7000000
7 clone(child_stack=0x7ffff6fff000, flags=CLONE_VM|CLONE_THREAD|CLONE_SIGHAND) = 8
";

#[test]
fn what_overlaps_is_tried_in_other_orders() {
    // Thread 8 asked second and was told first; its place says that it was served second.
    let text = format!(
        "{BEGIN}7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n\
         8 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6ffe000\n\
         7 <... mmap resumed>) = 0x7ffff6fff000\n"
    );
    check(
        &text,
        &expect![[r"
        2 of 2
    "]],
    );
    let races = play(&text).races;
    assert_eq!(races.len(), 1);
    assert_eq!(races[0].order, RaceOrder::Other);
    let lines: Vec<u64> = races[0].calls.iter().map(|call| call.line).collect();
    assert_eq!(lines, [5, 6]);
}

#[test]
fn an_order_that_the_lines_forbid_is_not_tried() {
    // The same places, but the first call ended before the second began.
    let text = format!(
        "{BEGIN}7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6ffe000\n\
         8 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6fff000\n"
    );
    check(
        &text,
        &expect![[r"
        1 of 2
        line 5: 0x7ffff6ffe000 not 0x7ffff6fff000
    "]],
    );
    assert_eq!(play(&text).races, []);
}

#[test]
fn a_race_that_nothing_explains_is_named() {
    let text = format!(
        "{BEGIN}7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n\
         8 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6ff0000\n\
         7 <... mmap resumed>) = 0x7ffff6fff000\n"
    );
    check(
        &text,
        &expect![[r"
        1 of 2
        line 6: 0x7ffff6ff0000 not 0x7ffff6fff000
    "]],
    );
    let report = play(&text);
    assert_eq!(report.races[0].order, RaceOrder::None);
    assert!(report.differences[0].raced);
}

#[test]
fn the_model_follows_the_log_after_a_difference() {
    let text = format!(
        "{BEGIN}7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6000000\n\
         7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6fff000\n\
         7 munmap(0x7ffff6000000, 4096) = 0\n\
         7 brk(0x555555582000) = 0x555555582000\n"
    );
    check(
        &text,
        &expect![[r"
        2 of 3
        line 5: 0x7ffff6000000 not 0x7ffff6fff000
    "]],
    );
}

#[test]
fn damaged_lines_are_named_and_the_rest_is_played() {
    check(
        "7 execve(\"/bin/x\", [\"x\"], 0x7ffd00000000 /* 9 vars */) = 0\n\
         7 brk(NULL) = 0x555555561000\n\
         7 mmap(NULL, 8192, PROT_READ|PROT_WRI\n\
         7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_NONSENSE, -1, 0) = 0x7ffff7000000\n\
         7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6ffe000\n\
         7 munmap(0x7ffff7000000, twelve) = 0\n\
         7 brk(0x555555582000) = yes\n\
         Segmentation fault\n\
         7 <... futex resumed>) = 0\n\
         7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6ffd000\n",
        &expect![[r"
            1 of 1
            line 3: expected `) = RESULT` at the end of the call, found mmap(NULL, 8192, PROT_READ|PROT_WRI
            line 4: expected `MAP_…` flags, found MAP_PRIVATE|MAP_NONSENSE
            line 6: expected a length in bytes, found twelve
            line 7: expected a value, `?`, or `-1` and an error, found yes
            line 8: expected `NAME(ARGUMENTS) = RESULT`, found Segmentation fault
            line 9: expected a line before that begins this call, found <... futex resumed>) = 0
        "]],
    );
}

#[test]
fn the_release_is_found_that_explains_the_log() {
    // 2 MiB below 0x7ffff7001000: on a boundary of huge pages since 6.7, as high as it goes before.
    let begin = BEGIN.replace("0x7ffff7000000", "0x7ffff7001000");
    let placed = |at| {
        let flags = "PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0";
        play(&format!("{begin}7 mmap(NULL, 2097152, {flags}) = {at}\n"))
    };
    let report = placed("0x7ffff6e00000");
    assert_eq!((report.kernel, report.differences.len()), (Release::new(6, 18), 0));
    let report = placed("0x7ffff6e01000");
    assert_eq!((report.kernel, report.differences.len()), (Release::new(6, 1), 0));
}

#[test]
fn a_forked_child_has_its_parents_memory_from_its_first_line_on() {
    check(
        "7 execve(\"/bin/x\", [\"x\"], 0x7ffd00000000 /* 9 vars */) = 0\n\
         7 brk(NULL) = 0x555555561000\n\
         7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7000000\n\
         7 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD <unfinished ...>\n\
         8 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6fff000\n\
         7 <... clone resumed>, child_tidptr=0x1) = 8\n\
         7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6fff000\n\
         8 munmap(0x7ffff7000000, 8192) = 0\n\
         8 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7000000\n\
         8 +++ exited with 0 +++\n\
         7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6ffe000\n",
        &expect![[r"
            4 of 4
        "]],
    );
}

#[test]
fn another_program_is_noticed_where_its_execve_was_not_recorded() {
    check(
        "brk(NULL) = 0x555555561000\n\
         mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7000000\n\
         brk(NULL) = 0x55aaaa000000\n\
         mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7fab00000000\n\
         mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7faafffff000\n",
        &expect![[r"
            1 of 1
        "]],
    );
}

#[test]
fn names_of_arguments_and_numbers_for_flags_say_the_same() {
    check(
        "7 execve(pathname=\"/bin/x\", argv=[\"x\"], envp=0x7ffd00000000 /* 9 vars */) = 0\n\
         7 brk(brk=NULL) = 0x555555561000\n\
         7 mmap(addr=NULL, length=8192, prot=0x3 /* PROT_READ|PROT_WRITE */, flags=0x22, fd=-1, offset=0) = 0x7ffff7000000\n\
         7 mmap(addr=NULL, length=4096, prot=0x1, flags=0x22, fd=-1, offset=0) = 0x7ffff6fff000\n\
         7 mremap(old_address=0x7ffff6fff000, old_size=4096, new_size=8192, flags=MREMAP_MAYMOVE) = 0x7ffff6ffd000\n\
         7 brk(brk=0x555555582000) = 0x555555582000\n",
        &expect![[r"
            3 of 3
        "]],
    );
}

#[test]
fn a_flag_without_a_name_hides_none_behind_it() {
    check(
        &format!(
            "{BEGIN}7 mmap(NULL, 4096, PROT_READ, 0x8 /* MAP_??? */|MAP_ANONYMOUS, -1, 0) = 0x7ffff6fff000\n"
        ),
        &expect![[r"
        1 of 1
    "]],
    );
}

/// Calls whose answers are not compared, by why.
fn outside(text: &str) -> Vec<(String, u64)> {
    let report = play(text);
    assert!(report.differences.is_empty(), "{:?}", report.differences);
    report.outside.iter().map(|found| (found.name.clone(), found.calls)).collect()
}

#[test]
fn what_hangs_on_the_pool_of_huge_pages_is_not_compared() {
    let text = format!(
        "{BEGIN}7 memfd_create(\"x\", MFD_HUGETLB|21<<MFD_HUGE_SHIFT) = 3\n\
         7 mmap(NULL, 2097152, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = -1 ENOMEM (Cannot allocate memory)\n\
         7 mmap(NULL, 2097152, PROT_READ|PROT_WRITE, MAP_SHARED, 3</memfd:x>(deleted), 0) = 0x7ffff6c00000\n\
         7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6fff000\n"
    );
    assert_eq!(outside(&text), [("mmap of huge pages".to_owned(), 2)]);
}

#[test]
fn whether_pages_can_be_collapsed_is_the_programs_doing() {
    let text = format!(
        "{BEGIN}7 mmap(NULL, 4194304, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6c00000\n\
         7 madvise(0x7ffff6c00000, 2097152, MADV_COLLAPSE) = 0\n"
    );
    assert_eq!(outside(&text), [("madvise(MADV_COLLAPSE)".to_owned(), 1)]);
}

#[test]
fn what_is_free_above_the_first_mapping_no_log_tells() {
    let text = format!(
        "{BEGIN}7 mmap(NULL, 1073741824, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffffa000000\n"
    );
    assert_eq!(outside(&text), [("mmap above all that the log tells of".to_owned(), 1)]);
}

#[test]
fn sealed_and_forbidden_memory_answers_as_it_did() {
    // The number of `mseal` is all that older ones of strace know of it.
    let text = format!(
        "{BEGIN}7 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff6ffe000\n\
         7 syscall_0x1ce(0x7ffff6ffe000, 0x1000, 0, 0, 0, 0) = 0\n\
         7 mprotect(0x7ffff6ffe000, 4096, PROT_READ|PROT_WRITE) = -1 EPERM (Operation not permitted)\n\
         7 madvise(0x7ffff6ffe000, 4096, MADV_DONTNEED) = -1 EPERM (Operation not permitted)\n\
         7 madvise(0x7ffff6fff000, 4096, MADV_DONTNEED) = 0\n\
         7 munmap(0x7ffff6ffe000, 8192) = -1 EPERM (Operation not permitted)\n\
         7 prctl(0x41 /* PR_??? */, 0x1, 0, 0, 0) = 0\n\
         7 mprotect(0x7ffff6fff000, 4096, PROT_READ|PROT_EXEC) = -1 EACCES (Permission denied)\n\
         7 mmap(NULL, 4096, PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 EACCES (Permission denied)\n\
         7 memfd_create(\"x\", MFD_ALLOW_SEALING) = 3\n\
         7 fcntl(3, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) = 0\n\
         7 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0) = 0x7ffff6ffd000\n\
         7 mprotect(0x7ffff6ffd000, 4096, PROT_READ|PROT_WRITE) = -1 EACCES (Permission denied)\n"
    );
    let report = play(&text);
    assert_eq!((report.differences.len(), report.score.others.total), (0, 8), "{report:?}");
}

#[test]
fn what_lies_at_address_0_was_mapped_by_root() {
    check(
        &format!(
            "{BEGIN}7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0\n"
        ),
        &expect![[r"
        0 of 0
    "]],
    );
}
