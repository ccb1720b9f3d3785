//! Incidents for spreadsheets and fleets: one line each, the columns documented and stable.

use facts::Name;
use rules::explain::{Cause, Event, RanOut};
use rules::timeline::{Extent, Incident};
use units::Bytes;

use super::killer;
use crate::csv;

/// The columns and what they hold. New ones come behind the last.
pub const INCIDENT_COLUMNS: [(&str, &str); 28] = [
    ("log", "The log's name, as it was given."),
    ("line", "The first line of the incident in it, from 1."),
    ("report", "The number of the kernel's report, as `--report` counts."),
    ("host", "The machine that the line names."),
    ("boot", "Which boot of the log, from 1."),
    ("boot_us", "Microseconds since boot."),
    ("time", "The date or time of day, as it stood there."),
    ("since_last_us", "Microseconds since the incident before it in the same log."),
    ("killer", "`kernel`, or the program that killed instead of it."),
    (
        "event",
        "`kill`, `panic`, `nobody_to_kill`, `already_dying`, `allocation_failure`, `show_memory`, `unknown`.",
    ),
    ("ran_out", "`machine`, `cgroup`, `cpuset`, `memory_policy`, `nothing`, `unknown`."),
    ("limit_cgroup", "The cgroup whose limit was hit, or the list of nodes."),
    ("cause", "As `cause` of `--json`."),
    ("asked_pid", "Who asked for memory."),
    ("asked_name", "Its name."),
    ("victims", "How many processes were killed."),
    ("victim_pid", "The first of them."),
    ("victim_name", "Its name."),
    ("victim_resident", "Its resident memory, bytes."),
    ("victim_cgroup", "Its cgroup."),
    ("agrees", "`true` when these rules choose the same victim, `false` when another."),
    ("extent", "`whole`, `head_missing`, `tail_missing`, `middle_only`, `kill_line_only`."),
    ("left_out_before", "Reports that the kernel says it left out just before."),
    ("earlier_victim_pid", "An earlier victim that still held memory."),
    ("earlier_victim_held", "How much, bytes."),
    ("units", "Units of systemd that tell of it, with blanks between them."),
    ("containers", "Containers that tell of it, with blanks between them."),
    ("kernel", "The kernel's words about itself."),
];

/// The first line: the columns' names.
pub fn incident_csv_head() -> String {
    let mut out = String::new();
    csv::line(&mut out, INCIDENT_COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    out
}

/// One incident as a line; fields are empty where nothing is known.
pub fn incident_csv(incident: &Incident) -> String {
    let part = incident.report.as_ref();
    let asked = part.and_then(|part| part.asked.as_ref());
    let first = incident.victims.first();
    let earlier = part.and_then(|part| part.earlier_victim_holds.as_ref());
    let (ran_out, group) = part.map_or(("", None), |part| ran_out(&part.ran_out));
    let fields: [String; INCIDENT_COLUMNS.len()] = [
        incident.log.to_string(),
        shown(incident.first_line),
        shown(part.map(|part| part.number)),
        shown(incident.host.as_ref()),
        incident.boot.to_string(),
        shown(incident.boot_us),
        shown(incident.time.as_ref()),
        shown(incident.since_last_us),
        killer(incident.killer).to_owned(),
        part.map_or("kill", |part| event(part.event)).to_owned(),
        ran_out.to_owned(),
        shown(group),
        part.map_or("", |part| cause(&part.cause)).to_owned(),
        shown(asked.and_then(|asked| asked.pid)),
        shown(asked.and_then(|asked| asked.name.as_ref())),
        incident.victims.len().to_string(),
        shown(first.and_then(|victim| victim.pid)),
        shown(first.and_then(|victim| victim.name.as_ref())),
        shown(first.and_then(|victim| victim.resident).map(Bytes::get)),
        shown(incident.cgroup.as_ref()),
        shown(part.and_then(|part| part.agrees)),
        part.map_or("", |part| extent(part.extent)).to_owned(),
        incident.left_out_before.to_string(),
        shown(earlier.and_then(|earlier| earlier.pid)),
        shown(earlier.and_then(|earlier| earlier.resident).map(Bytes::get)),
        echoed(incident, |notice| notice.unit.as_ref()),
        echoed(incident, |notice| notice.container.as_ref()),
        shown(part.and_then(|part| part.kernel.as_ref())),
    ];
    let mut out = String::new();
    csv::line(&mut out, fields.into_iter());
    out
}

fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// What the lines of other programs name, each once.
fn echoed<'a>(
    incident: &'a Incident,
    name: impl Fn(&'a facts::Notice) -> Option<&'a Name>,
) -> String {
    let mut all: Vec<String> = Vec::new();
    for echo in &incident.echoes {
        if let Some(name) = name(&echo.notice).map(ToString::to_string)
            && !all.contains(&name)
        {
            all.push(name);
        }
    }
    all.join(" ")
}

fn event(event: Event) -> &'static str {
    match event {
        Event::Kill => "kill",
        Event::Panic => "panic",
        Event::NobodyToKill => "nobody_to_kill",
        Event::AlreadyDying => "already_dying",
        Event::AllocationFailure => "allocation_failure",
        Event::ShowMemory => "show_memory",
        Event::Unknown => "unknown",
    }
}

fn ran_out(what: &RanOut) -> (&'static str, Option<&Name>) {
    match what {
        RanOut::Machine => ("machine", None),
        RanOut::Cgroup(path) => ("cgroup", path.as_ref()),
        RanOut::Cpuset(nodes) => ("cpuset", nodes.as_ref()),
        RanOut::MemoryPolicy(nodes) => ("memory_policy", nodes.as_ref()),
        RanOut::Nothing => ("nothing", None),
        RanOut::Unknown => ("unknown", None),
    }
}

fn cause(cause: &Cause) -> &'static str {
    match cause {
        Cause::Exhausted => "exhausted",
        Cause::ReclaimStalled => "reclaim_stalled",
        Cause::LowZone { .. } => "low_zone",
        Cause::Fragmented { .. } => "fragmented",
        Cause::OnlyContiguousAreas { .. } => "only_contiguous_areas",
        Cause::OnlyAtomicReserve { .. } => "only_atomic_reserve",
        Cause::NothingMissing => "nothing_missing",
        Cause::PageFault => "page_fault",
        Cause::GroupLimit => "group_limit",
        Cause::GroupSwapLimit => "group_swap_limit",
        Cause::Manual => "manual",
        Cause::Unknown => "unknown",
    }
}

fn extent(extent: Extent) -> &'static str {
    match extent {
        Extent::Whole => "whole",
        Extent::HeadMissing => "head_missing",
        Extent::TailMissing => "tail_missing",
        Extent::MiddleOnly => "middle_only",
        Extent::KillLineOnly => "kill_line_only",
    }
}
