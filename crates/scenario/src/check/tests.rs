use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::{MAX_BYTES, Source, check};

fn mistakes(text: &str, expected: &Expect) {
    let problems = check(&Source::new("t.kdl", text)).expect_err("a mistake");
    expected.assert_eq(&problems.to_string());
}

/// The messages alone, for rows of small mistakes.
fn message(text: &str) -> String {
    match check(&Source::new("t.kdl", text)) {
        Ok(_) => "no mistake".to_owned(),
        Err(problems) => {
            let list: Vec<&str> = problems.list().iter().map(|p| p.message.as_str()).collect();
            list.join("; ")
        }
    }
}

fn in_process(step: &str) -> String {
    message(&format!("process p {{ mmap block 1MiB; memfd scratch; checkpoint c; {step} }}"))
}

#[test]
fn several_mistakes_are_drawn_at_once() {
    mistakes(
        "machine { ram 256MiBB }\nprocess p {\n    mmapp a 1MiB\n    touch a\n    touch blok\n    \
         expect VmRss is 8 KiB\n}\n",
        &expect![[r"
            t.kdl:1:15: error: expected a size such as `1MiB`, `8 KiB`, `3 pages` or `0x1000`, found `256MiBB`
             1 | machine { ram 256MiBB }
               |               ^^^^^^^ no size
            t.kdl:3:5: error: there is no step `mmapp`
             3 |     mmapp a 1MiB
               |     ^^^^^ not known in the block of a process
               = help: did you mean `mmap`?
            t.kdl:5:11: error: nothing is named `blok`
             5 |     touch blok
               |           ^^^^ not given by any step before
            t.kdl:6:12: error: nothing is named `VmRss`
             6 |     expect VmRss is 8 KiB
               |            ^^^^^ not given by any step before
               = help: did you mean `VmRSS`?
        "]],
    );
}

#[test]
fn broken_kdl_is_drawn_at_its_place_in_the_text() {
    mistakes(
        "process p {\n    mmap a 1MiB 8KiB \"open\n}\n",
        &expect![[r#"
            t.kdl:2:22: error: this text is never closed
             2 |     mmap a 1MiB 8KiB "open
               |                      ^^^^^ a quote is missing at its end
        "#]],
    );
}

#[test]
fn a_number_apart_from_its_unit_is_one_size() {
    assert_eq!(
        in_process("mmap a 8 KiB; mmap b 1.5 GiB; touch block+8 KiB 3 pages; sleep 1 s"),
        "no mistake"
    );
    assert_eq!(in_process("mmap a 8 \"KiB\""), "`mmap` does not take `KiB`");
}

#[test]
fn mistakes_say_what_was_expected() {
    for (step, expected) in [
        ("mmap", "`mmap` lacks a name"),
        ("mmap a", "`mmap` lacks its size"),
        ("mmap heap 1MiB", "`heap` has a meaning already"),
        ("mmap a-b 1MiB", "`a-b` cannot be a name"),
        ("mmap VmRSS 1MiB", "`VmRSS` has a meaning already"),
        ("mmap a 1MiB read-only read-write", "`read-write` does not go with the rest"),
        ("mmap a 1MiB file=block", "`block` is a range of memory"),
        ("mmap a 1MiB ofset=3", "`mmap` has no option `ofset=`"),
        ("mmap a 1MiB at=1 at=2", "`at=` is said twice"),
        ("munmap 0x1000", "an address alone is no range"),
        ("set-mempolicy bind nodes=1-x", "`1-x` are no nodes"),
        ("set-mempolicy bund nodes=1", "there is no memory policy `bund`"),
        ("mbind 0x1000 bind nodes=1", "an address alone is no range"),
        ("touch scratch", "`scratch` is an open file, and has no address"),
        ("touch block+", "a sum lacks a term"),
        ("touch block.strat", "there is no value `strat`"),
        ("mprotect block", "`mprotect` lacks the protection"),
        ("madvise block dontneeed", "there is no advice `dontneeed`"),
        ("repeat 3", "`repeat` lacks its block"),
        ("repeat 3 {}", "this loop has no steps"),
        (
            "repeat 1000000000000000000 { munlockall }",
            "1000000000000000000 rounds would take too long",
        ),
        (
            "repeat 99999999999999999999 { munlockall }",
            "expected a number, found `99999999999999999999`",
        ),
        ("until done { munlockall }", "a loop ends when something fails"),
        ("touch block random=1000000000000", "so many accesses would take too long"),
        ("fill block byte=256", "`256` is no byte"),
        ("fill block byte=1 random", "two contents at once"),
        ("free block", "`block` did not come from the C library"),
        ("wait q", "no process is named `q`"),
        ("kill q", "no process is named `q`"),
        ("kill p SIGFOO", "there is no signal `SIGFOO`"),
        ("sleep 3", "expected a time such as `10ms`, `2 s` or `1min`, found `3`"),
        ("open f data", "no file is named `data`"),
        ("expect", "`expect` lacks what is expected"),
        ("expect VmRSS", "nothing is stated"),
        ("expect VmRSS equals 3", "there is no relation `equals`"),
        ("expect fails ENOMEMM", "there is no error `ENOMEMM`"),
        ("expect VmRSS grew 3 since=d", "no checkpoint before is named `d`"),
        ("expect VmRSS at-least 3 within=2", "`expect` has no option `within=`"),
        ("expect p alive now", "`expect` does not take `now`"),
        ("expect signal SIGSEGV SEGV_FOO", "there is no code of a signal `SEGV_FOO`"),
        ("expect perms block rwx", "`rwx` are no permissions"),
        ("expect maps { 1000-0 }", "`1000-0` is no range of addresses"),
        ("expect block.len is 1MiB on=moon", "there is no place to run on `moon`"),
        ("exit 300", "expected a number from 0 to 255, found `300`"),
        ("setrlimit cpu 3", "there is no limit `cpu`"),
        ("print #true", "no word takes true, false or null"),
        ("mmap a (u8)1", "scenarios have no type annotations"),
        ("mmap a 1MiB { touch a }", "`mmap` has no block"),
        ("grow a", "how far does it grow?"),
        ("grow a 1MiB until=killed", "a size and `until=`, too"),
        ("grow a until=full", "it does not grow until `full`"),
        ("grow a 1GiB by=1", "1073741824 pieces would take too long"),
        ("grow a 3 pages by=1MiB", "a size in pages, and one in bytes"),
        ("sysctl vm.swapiness 3", "there is no setting `vm.swapiness`"),
        ("sysctl vm.swappiness many", "`vm.swappiness` takes a number, not `many`"),
        ("cgroup \"/web\" memory.max 3", "there is no cgroup `/web`"),
        ("sys \"../x\" 3", "`../x` is no file below /sys"),
        ("sysrq ff", "`ff` is no key"),
        ("drop-caches 4", "expected a number from 1 to 3, found `4`"),
        ("expect zone.DMA33.low is 3", "there is no zone `DMA33`"),
        ("expect zone.DMA32 is 3", "there is no value `zone.DMA32`"),
        ("expect meminfo.memfree is 3", "there is no value `meminfo.memfree`"),
        ("expect p.x.VmRSS is 3", "`p.x.VmRSS` is no value of a process"),
        ("expect log has \"x\"", "there is no claim about the log `has`"),
        ("expect log constraint disk", "there is no constraint `disk`"),
        ("expect killed-first q", "no process is named `q`"),
        ("expect cgroup \"/\" memory.current", "`/` is no path of a cgroup"),
    ] {
        assert_eq!(in_process(step), expected, "{step}");
    }
}

#[test]
fn mistakes_at_the_top_say_what_was_expected() {
    for (text, expected) in [
        ("", "nothing happens: there is no process"),
        ("mmap a 1MiB", "there is no word `mmap`"),
        ("ram 3", "there is no word `ram`"),
        ("process p {}; process p {}", "two processes are named `p`"),
        ("process p { fork p {} }", "two processes are named `p`"),
        ("process \"a b\" {}", "`a b` cannot be a name"),
        ("process p adj=2000 {}", "expected a number from -1000 to 1000, found `2000`"),
        ("process p", "`process` lacks its block"),
        ("seed 1; seed 2; process p {}", "this is said already"),
        ("machine { kernel 6.1o }; process p {}", "`6.1o` is no release of Linux"),
        ("machine { arch amd64 }; process p {}", "there is no architecture `amd64`"),
        ("machine { ram 1GiB; ram 2GiB }; process p {}", "`ram` is said already"),
        ("machine { page-size 5000 }; process p {}", "pages are never 5000 large"),
        ("machine { cgroup web }; process p {}", "`web` is no path of a cgroup"),
        (
            "machine { layout \"1000-2000 rwxp\\n1800-3000 rwxp\" }; process p {}",
            "the lines of a layout rise and do not overlap",
        ),
        ("file f 3 pages; process p {}", "pages have no size here"),
        ("expect VmRSS is 3; process p {}", "this is about one process, and none is meant here"),
        ("expect fails; process p {}", "this is about one process, and none is meant here"),
        ("expect p.VmRSS grew 3 since=c; process p {}", "no checkpoint before is named `c`"),
        ("process p cgroup=\"/web\" {}", "there is no cgroup `/web`"),
        ("machine { zone DMA32 }; process p {}", "`zone` lacks `managed=`"),
        ("machine { zone DMA33 managed=3 }; process p {}", "there is no zone `DMA33`"),
        ("machine { zone DMA managed=5kB }; process p {}", "`5kB` is no whole number of pages"),
        (
            "machine { lowmemorykiller minfree=1,2 adj=3 }; process p {}",
            "1 adjustments for 2 levels",
        ),
        (
            "machine { cgroup \"/a\" { memory.max } }; process p {}",
            "a file of a cgroup takes one value",
        ),
        ("machine { cgroup \"/a\" { max 3 } }; process p {}", "`max` is no file of a cgroup"),
        ("runs-on moon; process p {}", "there is no place to run on `moon`"),
        ("tolerance fre 1%; process p {}", "there is no quantity `fre`"),
        ("tolerance free; process p {}", "`tolerance` lacks a share such as `2%` or a size"),
        ("tolerance free 1% 1MiB 3; process p {}", "`tolerance` does not take `3`"),
        ("tolerance free 1%\ntolerance free 2%\nprocess p {}", "this is said twice"),
    ] {
        assert_eq!(message(text), expected, "{text}");
    }
}

#[test]
fn a_tolerance_is_a_share_or_a_size_or_both() {
    let text =
        "tolerance free 1%\ntolerance \"kill point\" 0.5% 4MiB\ntolerance badness 96\nprocess p {}";
    let scenario = check(&Source::new("t", text)).expect("a scenario");
    let all: Vec<_> = scenario.tolerances.iter().map(|t| (t.milli_percent, t.amount)).collect();
    assert_eq!(all, [(1000, 0), (500, 4 << 20), (0, 96)]);
}

#[test]
fn names_of_processes_may_be_used_before_they_are_given() {
    assert_eq!(message("process a { wait b }\nprocess b { sleep 1ms }"), "no mistake");
}

#[test]
fn a_step_with_a_mistake_still_gives_its_name() {
    assert_eq!(
        in_process("mmap a 1MiBB; touch a; munmap a"),
        "expected a size such as `1MiB`, `8 KiB`, `3 pages` or `0x1000`, found `1MiBB`"
    );
}

#[test]
fn hostile_texts_are_refused_and_not_followed() {
    for (text, expected) in [
        ("a {".repeat(10_000), "blocks are nested more than 64 deep"),
        ("/*".repeat(10_000), "comments are nested more than 64 deep"),
        (" ".repeat(MAX_BYTES + 1), "a scenario of 1048577 bytes is too long"),
        (
            format!("process p {{ touch {} }}", "1+".repeat(10_000) + "1"),
            "a sum of more than 16 terms",
        ),
    ] {
        assert_eq!(message(&text), expected);
    }
    // What comes of these does not matter, as long as it comes.
    for text in [
        "(".repeat(10_000),
        "[".repeat(10_000),
        "\"".repeat(10_001),
        "#".repeat(10_000),
        "a=".repeat(10_000),
        "/-".repeat(10_000),
        "\\\n".repeat(10_000),
    ] {
        message(&text);
    }
}

#[test]
fn many_mistakes_are_counted_and_the_first_ones_shown() {
    let text = format!("process p {{ {} }}", "mmapp a;".repeat(50));
    let problems = check(&Source::new("t", text)).expect_err("mistakes");
    assert_eq!((problems.diagnostics().count(), problems.left_out()), (20, 30));
    assert!(problems.to_string().ends_with("t: 30 more mistakes\n"));
}

/// Texts of the words that scenarios are made of, in an order that makes no sense.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "process",
        "p",
        "{",
        "}",
        "mmap",
        "block",
        "1MiB",
        "8",
        "KiB",
        "touch",
        "expect",
        "is",
        "grew",
        "since=c",
        "checkpoint",
        "c",
        "repeat",
        "3",
        "until",
        "fails",
        "fork",
        "q",
        ";",
        "\n",
        "\"",
        "-",
        "+4KiB",
        "block+8KiB",
        "block.end",
        "block.3.Rss",
        "0x",
        "machine",
        "layout",
        "maps",
        "at=block",
        "=",
        "#true",
        "é",
        "99999999999999999999",
        "//",
        "/-",
        "brk",
        "-1page",
        "machine.MemFree",
        "q.VmRSS",
        "(u8)1",
        "let",
        "print",
        "free",
        "mremap",
        "to=",
        "grow",
        "until=killed",
        "cgroup",
        "\"/web\"",
        "memory.max",
        "log",
        "contains",
        "zone.DMA32.low",
        "count=3",
        "q.0",
        "sysctl",
        "vm.swappiness",
        "deaths",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..60)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_checker_panic(text in soup()) {
        if let Err(problems) = check(&Source::new("t", &*text)) {
            for problem in problems.list() {
                prop_assert!(text.get(problem.span.start..problem.span.end).is_some(), "{problem:?}");
            }
            prop_assert!(!problems.to_string().is_empty());
        }
    }

    #[test]
    fn arbitrary_text_makes_the_checker_not_panic(text in any::<String>()) {
        let _ = check(&Source::new("t", &*text)).map_err(|problems| problems.to_string());
    }
}
