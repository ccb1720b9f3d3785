//! Whatever a log says, it is read and played without a panic.

use std::fmt::Write as _;

use facts::Name;
use oomph_strace::{Log, Options, parse, replay};
use proptest::prelude::*;

fn survives(text: &[u8]) -> Log {
    let log = parse(text);
    replay(&log, &Name::from("log"), Options::default()).expect("the machine goes on");
    log
}

const LOG: &str = "\
7 execve(\"/bin/x\", [\"x\"], 0x7ffd00000000 /* 9 vars */) = 0
7 brk(NULL) = 0x555555561000
7 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7000000
7 mmap(NULL, 186064, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3</usr/lib/libx.so.1>, 0) = 0x7ffff6fd2000
7 mmap(0x7ffff6fd9000, 110592, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED, 3, 0x7000) = 0x7ffff6fd9000
7 clone(child_stack=0x7ffff6fff000, flags=CLONE_VM|CLONE_THREAD|CLONE_SIGHAND) = 8
8 mmap(NULL, 134217728, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0 <unfinished ...>
7 munmap(0x7ffff7000000, 8192) = 0
8 <... mmap resumed>) = 0x7fffeee00000
8 mremap(0x7fffeee00000, 4096, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, 0x7fffe0000000) = 0x7fffe0000000
7 brk(0x555555582000) = 0x555555582000
7 mprotect(0x555555555000, 4096, PROT_READ) = 0
7 madvise(0x7ffff6fd2000, 4096, MADV_DONTNEED) = 0
7 fork() = 9
9 prlimit64(0, RLIMIT_AS, {rlim_cur=1024*1024, rlim_max=RLIM64_INFINITY}, NULL) = 0
9 +++ killed by SIGKILL +++
8 +++ exited with 0 +++
7 exit_group(0) = ?
7 +++ exited with 0 +++
";

/// Numbers at which something ends.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("NULL".to_owned()),
        Just("-1".to_owned()),
        Just("0xffffffffffffffff".to_owned()),
        Just("0xfffffffffffff000".to_owned()),
        Just("0x7ffffffff000".to_owned()),
        Just("0x7fffffffe000".to_owned()),
        Just("0x8000000000000000".to_owned()),
        (0_u64..64).prop_map(|bit| format!("{:#x}", 1_u64 << bit)),
        any::<u64>().prop_map(|number| number.to_string()),
        (0_u64..1 << 20).prop_map(|page| format!("{:#x}", 0x7fff_0000_0000 + page * 4096)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_bytes_are_read(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        survives(&text);
    }

    #[test]
    fn any_words_of_logs_are_read(
        words in proptest::collection::vec(
            prop_oneof![
                Just("7 "), Just("[pid 8] "), Just("mmap("), Just("brk("), Just("NULL"), Just(", "),
                Just(")"), Just(" = "), Just("0x7ffff7000000"), Just("<unfinished ...>"), Just("\n"),
                Just("<... mmap resumed>"), Just("execve(\"/x\""), Just("\""), Just("fork("),
                Just("-1 ENOMEM"), Just("8"), Just("+++ exited with 0 +++"), Just("4096"), Just("é"),
                Just("strace: Process 9 attached"), Just("3</a>"), Just("MAP_PRIVATE|MAP_ANONYMOUS"),
            ],
            0..80,
        ),
    ) {
        survives(words.concat().as_bytes());
    }

    #[test]
    fn a_log_that_is_cut_and_changed_is_played(
        cuts in proptest::collection::vec((0_usize..LOG.len(), any::<u8>()), 0..6),
        end in 0_usize..=LOG.len(),
    ) {
        let mut text = LOG.as_bytes().to_vec();
        for (at, byte) in cuts {
            text[at] = byte;
        }
        text.truncate(end);
        survives(&text);
    }

    #[test]
    fn numbers_of_any_size_are_played(
        calls in proptest::collection::vec((0_usize..10, number(), number(), number(), number(), 7_u32..9), 1..20),
    ) {
        let mut text: String = LOG.lines().take(6).fold(String::new(), |text, line| text + line + "\n");
        for (kind, a, b, c, result, pid) in calls {
            let call = match kind {
                0 => format!("mmap(NULL, {b}, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)"),
                1 => format!("mmap({a}, {b}, PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)"),
                2 => format!("mmap({a}, {b}, PROT_READ, MAP_SHARED, 3</x>, {c})"),
                3 => format!("brk({a})"),
                4 => format!("mremap({a}, {b}, {c}, MREMAP_MAYMOVE)"),
                5 => format!("mremap({a}, {b}, {c}, MREMAP_MAYMOVE|MREMAP_FIXED, {b})"),
                6 => format!("munmap({a}, {b})"),
                7 => format!("mprotect({a}, {b}, PROT_READ)"),
                8 => format!("madvise({a}, {b}, MADV_DONTNEED)"),
                _ => format!("mlock({a}, {b})"),
            };
            let _ = writeln!(text, "{pid} {call} = {result}");
        }
        survives(text.as_bytes());
    }
}

#[test]
fn the_log_that_is_changed_is_right_as_it_is() {
    assert_eq!(survives(LOG.as_bytes()).problems, []);
}
