//! What a checked scenario is made of: programs of few kinds of steps, with every name resolved.
//!
//! Steps are a flat list; loops jump. What is not known before it runs (where a mapping lies, what
//! `/proc` says) is an [`Expr`], a sum of terms.

use world::{Access, Call, Content, Control, Errno, ForkKind, ProcessSpec};

use crate::source::Span;

/// A handle (what a name such as `block` stands for), by its place in
/// [`Scenario::handles`](crate::Scenario::handles).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandleId(pub usize);

/// The name of a process, by its place in [`Scenario::names`](crate::Scenario::names). Several
/// processes may come to have it, when a fork is in a loop; the name then means the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub usize);

/// Processes as a claim or a step names them: `web`, or of several with that name `web.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// Their name.
    pub name: NameId,
    /// Which of that name, from 0, in the order in which they came to be. `None`: for a value of
    /// `/proc` the latest, for what became of them every one.
    pub nth: Option<usize>,
}

/// A program, by its place in [`Scenario::programs`](crate::Scenario::programs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramId(pub usize);

/// What one process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The name of the process.
    pub name: NameId,
    /// How the process comes to be; `None`: the machine starts it.
    pub child: Option<ForkKind>,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A process that the machine starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What it is.
    pub spec: ProcessSpec,
    /// When, in nanoseconds after the scenario begins.
    pub at: u64,
    /// What it does.
    pub program: ProgramId,
    /// Where it is written.
    pub span: Span,
}

/// Something else that may become of a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Future {
    /// Its name.
    pub name: String,
    /// From which checkpoint on; `None`: from where the run is stopped, or from its end.
    pub after: Option<String>,
    /// What processes that are there do from then on.
    pub goes_on: Vec<(NameId, ProgramId)>,
    /// Who starts, counted from that moment.
    pub starts: Vec<Start>,
    /// What should be so at its end.
    pub at_end: Vec<Step>,
    /// Which programs are its own: from, and up to.
    pub programs: (usize, usize),
    /// Where it is written.
    pub span: Span,
}

/// A step with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// Where it is written.
    pub span: Span,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A system call.
    Call(CallPlan),
    /// Moves the break.
    Brk(Break),
    /// Accesses to memory.
    Touch(TouchPlan),
    /// Asks the allocator of the C library.
    Heap(HeapPlan),
    /// Makes a child that runs another program.
    Fork {
        /// How.
        kind: ForkKind,
        /// What the child does.
        program: ProgramId,
    },
    /// A fresh image.
    Exec,
    /// Ends by itself.
    Exit(Expr),
    /// Waits for time to pass, in nanoseconds.
    Sleep(u64),
    /// Sends a signal that kills.
    Kill {
        /// To whom; `None`: itself.
        to: Option<Who>,
        /// Number of the signal.
        signal: u8,
    },
    /// Waits until processes have done all their steps, or are dead.
    Wait(Who),
    /// Writes to a file that changes the machine.
    Control(Control, String),
    /// Says something.
    Print(Vec<Shown>),
    /// Looks at `/proc`, for comparison and for later.
    Checkpoint(String),
    /// Gives a range a name.
    Let {
        /// The name.
        handle: HandleId,
        /// The range.
        range: Range,
    },
    /// States what should be so.
    Expect(Expect),
    /// Starts a loop; `end` is its [`Op::Next`].
    Loop {
        /// How often; `None`: no end of its own.
        count: Option<u64>,
        /// Whether a failing step ends it.
        until_fails: bool,
        /// The step that ends it.
        end: usize,
    },
    /// Ends a round of the loop that starts at this step.
    Next(usize),
}

/// A call with what is known of it, and what must be worked out first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlan {
    /// The call, with zeros where a slot is to be filled.
    pub call: Call,
    /// What is to be filled in.
    pub slots: Vec<(Slot, Expr)>,
    /// What becomes of the result.
    pub bind: Bind,
}

/// An argument that is worked out when the step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names of the arguments of `world::Call`")]
pub enum Slot {
    Addr,
    Len,
    OldLen,
    NewLen,
    NewAddr,
    Offset,
    Fd,
    Id,
    Soft,
    Hard,
    Adj,
}

/// What becomes of a call's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bind {
    /// Nothing.
    Nothing,
    /// The handle is the range from the result, as long as the call's length.
    Range(HandleId),
    /// The handle is the range from the result, as long as the call's new length.
    Moved(HandleId),
    /// The handle is the number: a descriptor or a segment.
    Number(HandleId),
    /// The handle is the address, as long as the segment.
    Attached {
        /// The range.
        handle: HandleId,
        /// The segment.
        segment: HandleId,
    },
    /// The handle is a number with the call's length: a segment.
    Segment(HandleId),
}

/// Where the break goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// Up by so much.
    Up(Expr),
    /// Down by so much.
    Down(Expr),
    /// To an address.
    To(Expr),
}

/// A range of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// Where it starts.
    pub start: Expr,
    /// How far it reaches.
    pub len: Length,
}

/// How far a range reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Bytes(Expr),
    /// To the end of a handle.
    ToEndOf(Term),
    /// One byte.
    OneByte,
}

/// Accesses to a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchPlan {
    /// Where.
    pub range: Range,
    /// How.
    pub access: Access,
    /// What is written.
    pub content: Content,
    /// Bytes between two accesses; `None`: a page.
    pub every: Option<Expr>,
    /// So many accesses to pages at random, instead of all in order.
    pub random: Option<(u64, Option<u64>)>,
}

/// A request to the allocator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeapPlan {
    /// `malloc(3)`.
    Malloc(HandleId, Expr),
    /// `calloc(3)`: so many of that size.
    Calloc(HandleId, Expr, Expr),
    /// `realloc(3)`.
    Realloc(HandleId, Expr),
    /// `free(3)`.
    Free(Term),
}

/// A part of what is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Text as it stands.
    Text(String),
    /// A value.
    Value(Expr),
}

/// A sum of terms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expr {
    /// Each with whether it is subtracted.
    pub terms: Vec<(bool, Term)>,
    /// Where it is written.
    pub span: Span,
}

/// A part of a sum.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// A number as it is: bytes, an address, a count.
    Number(u64),
    /// So many pages.
    Pages(u64),
    /// A handle.
    Handle {
        /// Which.
        handle: Handle,
        /// Which of it.
        part: Part,
    },
    /// What `/proc` says of a process; `None`: of the one whose step it is.
    OfProcess(Option<Who>, String),
    /// What smaps says of the mappings in a handle's range.
    OfMapping(Handle, String),
    /// What `/proc` says of the machine.
    OfMachine(String),
    /// What another file of the machine says.
    OfFile(Quantity),
    /// What the last call, access or loop gave.
    Last(Last),
}

/// A number in a file of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// A line of `/proc/meminfo`.
    Meminfo(String),
    /// A line of `/proc/vmstat`.
    Vmstat(String),
    /// A line of `/proc/zoneinfo`.
    Zone {
        /// Of this node; `None`: of the first that has such a zone.
        node: Option<u32>,
        /// `DMA32`.
        zone: String,
        /// `low`; a protection is `protection` and the number of the zone that it is against.
        field: String,
    },
    /// A line of `meminfo` or `numastat` of a node.
    Node {
        /// Which.
        node: u32,
        /// `MemFree`, `numa_hit`.
        field: String,
    },
    /// A file of `/sys/kernel/mm/ksm`.
    Ksm(String),
    /// A field of `/proc/pressure`: `memory`, `some`, `total`.
    Pressure([String; 3]),
    /// A file of a cgroup, or a line of one: `memory.current`, `memory.events.oom_kill`.
    Cgroup {
        /// The cgroup.
        path: String,
        /// The file, with the name of the line behind a dot where it has several.
        key: String,
    },
}

/// A handle as a name refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handle {
    /// The latest of that name.
    Latest(HandleId),
    /// One of that name that a loop made, from 0.
    Nth(HandleId, usize),
    /// `heap`: from the break that the process began with to the break.
    Heap,
    /// `stack`, `text`, `vdso`: the mapping of an exec.
    Image(Image),
}

/// A mapping that every image has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Image {
    /// `[stack]`.
    Stack,
    /// The first executable mapping of a file.
    Text,
    /// `[vdso]`.
    Vdso,
}

/// Which of a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// As it stands: its first byte, or its number; as a range, all of it.
    Whole,
    /// Its first byte.
    Start,
    /// One past its last byte.
    End,
    /// Its length.
    Len,
}

/// What just happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Last {
    /// What the last call returned.
    Result,
    /// How many accesses the last touch did.
    Done,
    /// How many rounds the last loop did in which nothing failed.
    Rounds,
    /// How many pages the last `mincore` found.
    Resident,
}

/// What should be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// What.
    pub claim: Claim,
    /// Where it should be so; empty: everywhere.
    pub on: Vec<Arm>,
}

/// A claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The last call failed, with this error if one is named.
    Fails(Option<Errno>),
    /// The last call, access or fork did what was asked.
    Succeeds,
    /// The last access got a signal.
    Signal {
        /// Its number.
        signal: u8,
        /// `si_code`.
        code: Option<i32>,
        /// `si_addr`.
        at: Option<Expr>,
    },
    /// Two values compare so.
    Compare {
        /// What is looked at.
        left: Expr,
        /// How it compares.
        relation: Relation,
        /// With what.
        right: Expr,
        /// By how much it may differ.
        within: Option<Tolerance>,
    },
    /// Processes live, or ended so: every one of them.
    Process(Who, State),
    /// The OOM killer chose these first.
    KilledFirst(Who),
    /// The OOM killer chose these in this order, and nobody else.
    Deaths(Vec<Who>),
    /// The kernel's log has a text, or has it not.
    Log {
        /// The text.
        text: String,
        /// In how many lines; `None`: in one at least.
        times: Option<u64>,
    },
    /// The kernel's log names this constraint in its latest report.
    Constraint(Constraint),
    /// The kernel panicked, and said this, if a text is named.
    Panicked(Option<String>),
    /// Lines of `/proc/PID/maps`.
    Maps {
        /// The lines, in order.
        lines: Vec<MapLine>,
        /// Whether there are no others.
        exactly: bool,
    },
    /// The permissions of every mapping in a range.
    Perms(Range, String),
    /// Something is mapped at every address of a range.
    Mapped(Range),
    /// Nothing is mapped at any address of a range.
    Unmapped(Range),
}

/// How two values compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// Equal.
    Is,
    /// Not equal.
    IsNot,
    /// Equal or greater.
    AtLeast,
    /// Equal or less.
    AtMost,
    /// Greater by so much than at a checkpoint; `None`: the process's latest.
    Grew(Option<String>),
    /// Less by so much than at a checkpoint.
    Shrank(Option<String>),
}

/// By how much a value may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tolerance {
    /// By so many bytes, or so many.
    Amount(Expr),
    /// By so many thousandths of a percent of what is expected.
    MilliPercent(u64),
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It lives.
    Alive,
    /// SIGKILL, by the OOM killer for one.
    Killed,
    /// By itself, with this status if one is named.
    Exited(Option<i32>),
    /// By this signal.
    Signal(u8),
}

/// A line of `/proc/PID/maps` to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapLine {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// `rw-p`; `None`: whatever.
    pub perms: Option<String>,
    /// File or label; `None`: whatever.
    pub name: Option<String>,
    /// Where it is written.
    pub span: Span,
}

/// Why memory could not be had, as the summary line of a report names it (5.0 on).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constraint {
    /// The machine has none.
    None,
    /// A memory cgroup reached its limit.
    Memcg,
    /// The nodes of a cpuset have none.
    Cpuset,
    /// The nodes of a memory policy have none.
    MemoryPolicy,
}

impl Constraint {
    /// Every constraint with its word.
    pub const NAMES: &'static [(&'static str, Constraint)] = &[
        ("none", Constraint::None),
        ("memcg", Constraint::Memcg),
        ("cpuset", Constraint::Cpuset),
        ("memory-policy", Constraint::MemoryPolicy),
    ];

    /// As the kernel's log prints it.
    pub fn in_log(self) -> &'static str {
        match self {
            Constraint::None => "CONSTRAINT_NONE",
            Constraint::Memcg => "CONSTRAINT_MEMCG",
            Constraint::Cpuset => "CONSTRAINT_CPUSET",
            Constraint::MemoryPolicy => "CONSTRAINT_MEMORY_POLICY",
        }
    }
}

/// What a scenario runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arm {
    /// The simulated machine.
    Model,
    /// Real processes on the running kernel.
    Host,
    /// A kernel in a virtual machine.
    Vm,
}

impl Arm {
    /// Every arm with its word.
    pub const NAMES: &'static [(&'static str, Arm)] =
        &[("model", Arm::Model), ("host", Arm::Host), ("vm", Arm::Vm)];

    /// Its word.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, arm)| *arm == self).map_or("", |(name, _)| name)
    }
}
