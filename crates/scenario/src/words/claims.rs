//! What `expect` can state.

use super::Entry;

/// A claim with a word of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table beside it says what each is")]
pub enum ClaimWord {
    Fails,
    Succeeds,
    Signal,
    Mapped,
    Unmapped,
    Perms,
    Maps,
    MapsExactly,
    KilledFirst,
    Deaths,
    Log,
    Panicked,
}

/// Claims with a word of their own.
pub const CLAIMS: &[Entry<ClaimWord>] = &[
    Entry {
        word: ClaimWord::Fails,
        name: "fails",
        form: "expect fails [ERROR]",
        says: "The call before it failed; with this error, if one is named. A break that did not \
               move fails with ENOMEM, as the C library has it.",
        options: &[],
        example: "mmap block 0\nexpect fails EINVAL",
    },
    Entry {
        word: ClaimWord::Succeeds,
        name: "succeeds",
        form: "expect succeeds",
        says: "The call or the accesses before it did what was asked.",
        options: &[],
        example: "mmap block 1MiB\nexpect succeeds",
    },
    Entry {
        word: ClaimWord::Signal,
        name: "signal",
        form: "expect signal SIGNAL [CODE] [at=ADDRESS]",
        says: "The access before it got this signal, with this si_code and si_addr. The process \
               goes on: its handler leaves out the rest of the accesses.",
        options: &[("at=", "the address the signal names")],
        example: "mmap block 1 page\nmunmap block\nread block.start\nexpect signal SIGSEGV \
                  SEGV_MAPERR at=block",
    },
    Entry {
        word: ClaimWord::Mapped,
        name: "mapped",
        form: "expect mapped RANGE",
        says: "Something is mapped at every address of the range.",
        options: &[],
        example: "mmap block 1MiB\nexpect mapped block",
    },
    Entry {
        word: ClaimWord::Unmapped,
        name: "unmapped",
        form: "expect unmapped RANGE",
        says: "Nothing is mapped at any address of the range.",
        options: &[],
        example: "mmap block 1MiB\nmunmap block\nexpect unmapped block",
    },
    Entry {
        word: ClaimWord::Perms,
        name: "perms",
        form: "expect perms RANGE rw-p",
        says: "Every mapping in the range has these permissions, as /proc/PID/maps prints them.",
        options: &[],
        example: "mmap block 1MiB read-only\nexpect perms block r--p",
    },
    Entry {
        word: ClaimWord::Maps,
        name: "maps",
        form: "expect maps { START-END [PERMS] [NAME] … }",
        says: "Each of these lines is in /proc/PID/maps. Permissions and name are compared where \
               they are written.",
        options: &[],
        example: "mmap block 1MiB at=0x10000000 fixed\nexpect maps {\n    10000000-10100000 \
                  rw-p\n}",
    },
    Entry {
        word: ClaimWord::MapsExactly,
        name: "maps-exactly",
        form: "expect maps-exactly { START-END [PERMS] [NAME] … }",
        says: "These are all the lines of /proc/PID/maps.",
        options: &[],
        example: "machine {\n    arch i386\n    kernel 6.1\n}\n\nprocess demo {\n    expect maps-exactly {\n        08048000-08049000 r-xp \"/actor\"\n        08049000-0804a000 rw-p \"/actor\"\n        bffdf000-c0000000 rw-p \"[stack]\"\n    }\n}",
    },
    Entry {
        word: ClaimWord::KilledFirst,
        name: "killed-first",
        form: "expect killed-first PROCESS",
        says: "The OOM killer's first victim is a process of that name.",
        options: &[],
        example: "machine {\n    ram 256MiB\n    sysctl vm.overcommit_memory 1\n}\n\nprocess demo {\n    mmap block 1GiB\n    touch block\n}\n\nexpect killed-first demo",
    },
    Entry {
        word: ClaimWord::Deaths,
        name: "deaths",
        form: "expect deaths [PROCESS …]",
        says: "These are the OOM killer's victims so far, in this order, and there is no other; without \
               a name, nobody.",
        options: &[],
        example: "mmap block 1MiB\ntouch block\nexpect deaths",
    },
    Entry {
        word: ClaimWord::Log,
        name: "log",
        form: "expect log contains|lacks TEXT [times=NUMBER] | expect log constraint none|memcg|cpuset|memory-policy",
        says: "What the kernel has logged since the scenario began: whether a line has that text, or \
               what the latest report of the OOM killer gives as the constraint (5.0 and later).",
        options: &[
            ("contains", "some line has it"),
            ("lacks", "no line has it"),
            ("constraint", "the latest report has this one"),
            ("times=", "exactly so many lines have it"),
        ],
        example: "mmap block 1MiB\ntouch block\nexpect log lacks \"Out of memory\"",
    },
    Entry {
        word: ClaimWord::Panicked,
        name: "panicked",
        form: "expect panicked [TEXT]",
        says: "The kernel has panicked, and said this. A panic ends the run: only claims at the top of \
               the file come after it.",
        options: &[],
        example: "machine {\n    ram 256MiB\n    sysctl vm.overcommit_memory 1\n    sysctl vm.panic_on_oom 1\n}\n\nprocess demo {\n    mmap block 1GiB\n    touch block\n}\n\nexpect panicked \"Out of memory\"",
    },
];

/// How values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table beside it says what each is")]
pub enum RelationWord {
    Is,
    IsNot,
    AtLeast,
    AtMost,
    Grew,
    Shrank,
    Unchanged,
}

const WITHIN: (&str, &str) =
    ("within=", "by how much it may differ: a size, a count, or a percentage such as `2%`");
const SINCE: (&str, &str) =
    ("since=", "the checkpoint it is compared with; without it, the latest of this process");

/// Relations of values.
pub const RELATIONS: &[Entry<RelationWord>] = &[
    Entry {
        word: RelationWord::Is,
        name: "is",
        form: "expect VALUE is VALUE [within=AMOUNT]",
        says: "The two are equal.",
        options: &[WITHIN],
        example: "mmap block 1MiB\ntouch block\nexpect block.Rss is 1MiB",
    },
    Entry {
        word: RelationWord::IsNot,
        name: "is-not",
        form: "expect VALUE is-not VALUE",
        says: "The two differ.",
        options: &[],
        example: "mmap one 1MiB\nmmap two 1MiB\nexpect one is-not two",
    },
    Entry {
        word: RelationWord::AtLeast,
        name: "at-least",
        form: "expect VALUE at-least VALUE",
        says: "The first is equal or greater.",
        options: &[],
        example: "mmap block 1MiB\nexpect VmSize at-least 1MiB",
    },
    Entry {
        word: RelationWord::AtMost,
        name: "at-most",
        form: "expect VALUE at-most VALUE",
        says: "The first is equal or less.",
        options: &[],
        example: "expect VmRSS at-most 16MiB",
    },
    Entry {
        word: RelationWord::Grew,
        name: "grew",
        form: "expect VALUE grew AMOUNT [since=CHECKPOINT] [within=AMOUNT]",
        says: "It is greater by so much than it was at a checkpoint.",
        options: &[SINCE, WITHIN],
        example: "checkpoint before\nmmap block 1MiB\nexpect VmSize grew 1MiB since=before",
    },
    Entry {
        word: RelationWord::Shrank,
        name: "shrank",
        form: "expect VALUE shrank AMOUNT [since=CHECKPOINT] [within=AMOUNT]",
        says: "It is less by so much than it was at a checkpoint.",
        options: &[SINCE, WITHIN],
        example: "mmap block 1MiB\ncheckpoint before\nmunmap block\nexpect VmSize shrank 1MiB",
    },
    Entry {
        word: RelationWord::Unchanged,
        name: "unchanged",
        form: "expect VALUE unchanged [since=CHECKPOINT] [within=AMOUNT]",
        says: "It is what it was at a checkpoint.",
        options: &[SINCE, WITHIN],
        example: "checkpoint before\nmmap block 64MiB noreserve\nexpect RssAnon unchanged",
    },
];

/// What can have become of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the table beside it says what each is")]
pub enum StateWord {
    Alive,
    Killed,
    Exited,
    Ended,
}

/// States of processes.
pub const STATES: &[Entry<StateWord>] = &[
    Entry {
        word: StateWord::Alive,
        name: "alive",
        form: "expect PROCESS alive",
        says: "It lives. Of several with that name: all of them.",
        options: &[],
        example: "fork child {\n    sleep 1ms\n}\nexpect child alive",
    },
    Entry {
        word: StateWord::Killed,
        name: "killed",
        form: "expect PROCESS killed",
        says: "It was ended by SIGKILL: by `kill`, or by the OOM killer. Of several with that name: \
               all of them.",
        options: &[],
        example: "fork child {\n    sleep 1s\n}\nkill child\nwait child\nexpect child killed",
    },
    Entry {
        word: StateWord::Exited,
        name: "exited",
        form: "expect PROCESS exited [STATUS]",
        says: "It ended by itself; with this status, if one is named.",
        options: &[],
        example: "fork child {\n    exit 3\n}\nwait child\nexpect child exited 3",
    },
    Entry {
        word: StateWord::Ended,
        name: "ended",
        form: "expect PROCESS ended SIGNAL",
        says: "It was ended by this signal.",
        options: &[],
        example: "fork child {\n    sleep 1s\n}\nkill child SIGTERM\nwait child\nexpect child \
                  ended SIGTERM",
    },
];
