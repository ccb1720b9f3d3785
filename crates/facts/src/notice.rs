//! What programs beside the kernel's OOM killer print about memory that ran out.
//!
//! A [`Notice`] is one such line: who wrote it, what it says was done, to whom, and with which
//! figures. Some of these programs kill by themselves, before the kernel would; others only tell
//! what the kernel did, or what became of it. [`Act`] keeps them apart, because "who killed my
//! service" is the question.

use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Percent, Pid, ScoreAdj};

use crate::Name;

/// One line about missing memory that is not part of a kernel's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Notice {
    /// Its line in the text, from 1.
    pub line: u64,
    /// When it was printed.
    pub when: When,
    /// Who wrote it.
    pub speaker: Speaker,
    /// What it says was done.
    pub act: Act,
    /// The process.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
    /// Its user.
    pub uid: Option<u32>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<ScoreAdj>,
    /// The unit of systemd.
    pub unit: Option<Name>,
    /// The cgroup's path.
    pub cgroup: Option<Name>,
    /// The container's id.
    pub container: Option<Name>,
    /// The pod, as `namespace/name`.
    pub pod: Option<Name>,
    /// The signal that was sent.
    pub signal: Option<Name>,
    /// The reason, in the words of the line.
    pub reason: Option<Name>,
    /// How many: processes that died, or lines that were left out.
    pub count: Option<u64>,
    /// What was measured, and the limits it was held against.
    pub figures: Vec<Figure>,
    /// The line itself, without its prefix.
    pub text: Name,
}

/// When a line was printed, as far as the line tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct When {
    /// Microseconds since boot.
    pub boot_us: Option<u64>,
    /// The date or time of day, as it stood there.
    pub time: Option<Name>,
    /// The machine that the line names.
    pub host: Option<Name>,
}

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The kernel, about its own log: lines that were left out.
    Kernel,
    /// systemd: what became of a unit.
    Systemd,
    /// systemd-oomd, which kills cgroups by swap use or pressure.
    SystemdOomd,
    /// earlyoom, which kills by available memory.
    Earlyoom,
    /// The kubelet.
    Kubelet,
    /// containerd.
    Containerd,
    /// dockerd.
    Dockerd,
    /// node-problem-detector, which repeats the kernel's line.
    NodeProblemDetector,
    /// Android's lowmemorykiller, a driver of kernels to 4.11: it kills before the OOM killer.
    LowMemoryKiller,
    /// Android's lmkd, which follows it.
    Lmkd,
    /// A shell, about one of its jobs.
    Shell,
    /// journald or rsyslog, about lines it did not get.
    Logger,
}

/// What a line says was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The speaker itself killed.
    Killed,
    /// The speaker itself asked a process to end (`SIGTERM`).
    Terminated,
    /// The kubelet ended a pod.
    Evicted,
    /// The speaker tells of a kill of the kernel.
    ToldOfKill,
    /// The speaker tells of a kill, of the kernel or of systemd-oomd: systemd's result `oom-kill`.
    ToldOfEither,
    /// The speaker tells of a kill of systemd-oomd.
    ToldOfOomd,
    /// Something ended by signal 9; who killed it is not said.
    Ended,
    /// Memory is short, and nothing was killed for it yet.
    Warned,
    /// Lines of the kernel are missing.
    LeftOut,
}

impl Act {
    /// Whether the speaker itself killed.
    pub fn kills(self) -> bool {
        matches!(self, Act::Killed | Act::Terminated | Act::Evicted)
    }
}

/// A figure of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Figure {
    /// What it is of.
    pub of: FigureOf,
    /// How much.
    pub value: FigureValue,
}

/// What a figure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FigureOf {
    /// Memory that could be had.
    MemoryAvailable,
    /// The mark that it fell below.
    MemoryAvailableLimit,
    /// Memory in use.
    MemoryUsed,
    /// All memory.
    MemoryTotal,
    /// Free swap.
    SwapFree,
    /// The mark that it fell below.
    SwapFreeLimit,
    /// Swap in use.
    SwapUsed,
    /// All swap.
    SwapTotal,
    /// The mark that use rose above.
    UsedLimit,
    /// Share of time that tasks waited for memory.
    Pressure,
    /// The mark that it rose above.
    PressureLimit,
    /// For how long it stayed there.
    PressureFor,
    /// Resident memory of the victim.
    Resident,
    /// Swapped-out memory of the victim.
    Swapped,
    /// Pages of files that could be dropped.
    FileCache,
    /// The mark that they fell below.
    FileCacheLimit,
    /// Free memory above what is reserved; may be negative.
    FreeAboveReserve,
    /// The victim's score, by the killer's own measure.
    Score,
    /// How long the victim took to end.
    EndedAfter,
    /// A pod's request for memory.
    Requested,
}

/// A figure, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FigureValue {
    /// Bytes.
    Bytes(Bytes),
    /// Bytes that may be fewer than none.
    SignedBytes(i64),
    /// A share.
    Percent(Percent),
    /// Microseconds.
    Micros(u64),
    /// A number without a unit.
    Number(i64),
}
