//! What the question "what happened here, and is it one story" is answered with.

use facts::{Name, Notice, Speaker};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Pid};

use crate::explain::{Cause, Event, RanOut, Task};

/// Name and version of this format.
pub const SCHEMA: &str = "oomph.timeline/1";

/// Several kills, in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct TimelineReport {
    /// Name and version of this format: `oomph.timeline/1`.
    pub schema: &'static str,
    /// Every report of the kernel and every kill of another program; log by log, each in its order.
    pub incidents: Vec<Incident>,
    /// Incidents that are counted below and not listed: the oldest of more than 10 000.
    pub not_listed: u64,
    /// The kernel's reports.
    pub reports: u64,
    /// Processes that the kernel killed.
    pub kernel_kills: u64,
    /// Kills of other programs, by program.
    pub other_kills: Vec<KillsBy>,
    /// Boots that the logs show, summed over the logs.
    pub boots: u64,
    /// Reports that the kernel left out by its rate limit, as far as it says.
    pub left_out: u64,
    /// Kills in quick succession.
    pub storms: Vec<Storm>,
    /// Names and cgroups that died more than once, the most frequent first.
    pub repeated: Vec<Repeated>,
    /// Tasks that were in more than one table, those that grew most first; at most 20.
    pub growth: Vec<Growth>,
    /// Lines that tell of a kill that is not in the log.
    pub without_report: Vec<Notice>,
}

/// Kills of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KillsBy {
    /// The program.
    pub killer: Speaker,
    /// How many.
    pub kills: u64,
}

/// One report of the kernel, or one kill of another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Incident {
    /// Its place in the list, from 1.
    pub number: u64,
    /// The log it stands in.
    pub log: Name,
    /// Its first line there, from 1.
    pub first_line: Option<u64>,
    /// Its last line.
    pub last_line: Option<u64>,
    /// The machine that its lines name.
    pub host: Option<Name>,
    /// Which boot of the log, from 1.
    pub boot: u64,
    /// Microseconds since boot.
    pub boot_us: Option<u64>,
    /// The date or time of day, as it stood there.
    pub time: Option<Name>,
    /// Microseconds since the incident before it in the same log; `null` when their times cannot be
    /// compared, and across a reboot without dates.
    pub since_last_us: Option<u64>,
    /// Who killed.
    pub killer: Killer,
    /// The kernel's report, where it is one.
    pub report: Option<KernelPart>,
    /// The line of the other program, where it is that.
    pub notice: Option<Notice>,
    /// Who was killed.
    pub victims: Vec<Casualty>,
    /// The cgroup of the first victim, or the one that was killed as a whole.
    pub cgroup: Option<Name>,
    /// Reports that the kernel says it left out just before.
    pub left_out_before: u64,
    /// Lines of other programs about the same event.
    pub echoes: Vec<Echo>,
}

/// Who killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Killer {
    /// The kernel's OOM killer.
    Kernel,
    /// Another program; the kernel's OOM killer had no part in it.
    Other(Speaker),
}

/// What an incident has only when the kernel reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KernelPart {
    /// The number of the report, as `--report` counts.
    pub number: u64,
    /// What the kernel did.
    pub event: Event,
    /// What ran out.
    pub ran_out: RanOut,
    /// Why the request could not be served.
    pub cause: Cause,
    /// Who asked for memory.
    pub asked: Option<Task>,
    /// Whether these rules choose the same victim.
    pub agrees: Option<bool>,
    /// How much of the report is in the log.
    pub extent: Extent,
    /// An earlier victim that still held memory in this report's table.
    pub earlier_victim_holds: Option<Casualty>,
    /// The kernel's words about itself.
    pub kernel: Option<Name>,
}

/// How much of a report is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// From its first line to its outcome.
    Whole,
    /// Its beginning is missing: the ring buffer or a rotation took it.
    HeadMissing,
    /// Its outcome is missing: the machine stopped, or the log ends.
    TailMissing,
    /// Both are missing.
    MiddleOnly,
    /// Nothing but the kill: the kernel prints so few reports a second, and further kills bare.
    KillLineOnly,
}

/// One that was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Casualty {
    /// Process id.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
    /// Its resident memory when it was killed, bytes.
    pub resident: Option<Bytes>,
}

/// A line of another program about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Echo {
    /// By what it is known to belong here.
    pub joined_by: JoinedBy,
    /// The line.
    pub notice: Notice,
}

/// By what a line is known to belong to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinedBy {
    /// Both name the same process.
    Pid,
    /// The container's id is in the victim's cgroup.
    Container,
    /// The unit is in the path of the victim's cgroup.
    Unit,
    /// Only the time: it came within seconds and names nothing that contradicts.
    Time,
}

/// Kills in quick succession.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Storm {
    /// The first incident.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The number of the first's report.
    pub first_report: u64,
    /// The number of the last's.
    pub last_report: u64,
    /// Processes killed.
    pub kills: u64,
    /// From the first to the last, microseconds.
    pub lasted_us: Option<u64>,
    /// How often a further kill came before the memory of an earlier victim was back.
    pub before_memory_was_back: u64,
}

/// A name in a cgroup that died more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Repeated {
    /// The victims' name.
    pub name: Name,
    /// Their cgroup, without what changes from start to start (container ids, pod ids).
    pub cgroup: Option<Name>,
    /// How often.
    pub kills: u64,
    /// The first incident.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The least resident memory at a kill, bytes.
    pub least: Option<Bytes>,
    /// The most.
    pub most: Option<Bytes>,
}

/// A task that was in more than one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Growth {
    /// The task.
    pub task: Task,
    /// Where it was seen first.
    pub from: Sighting,
    /// Where last.
    pub to: Sighting,
    /// How much more it held, bytes.
    pub grew: i64,
    /// The same by the hour; `null` when the times are unknown or equal.
    pub per_hour: Option<i64>,
}

/// A task in the table of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sighting {
    /// The incident.
    pub incident: u64,
    /// Resident and swapped-out memory, bytes.
    pub held: Bytes,
}
