//! `memory.events` and version 1's `memory.oom_control`.

use facts::{CgroupEvents, Missing};

use crate::line::{Report, lines, name_and_number};

/// `memory.events` of cgroup v2 (4.2). Names it does not know are passed over.
pub fn memory_events(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> CgroupEvents {
    let mut events = CgroupEvents::default();
    each(text, place, problems, |name, count| match name {
        b"max" => events.max = Some(count),
        b"high" => events.high = Some(count),
        b"oom" => events.oom = Some(count),
        b"oom_kill" => events.oom_kill = Some(count),
        b"oom_group_kill" => events.oom_group_kill = Some(count),
        _ => {}
    });
    events
}

/// `memory.oom_control` of cgroup v1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OomControl {
    /// Whether tasks wait instead of dying (2.6.35).
    pub oom_kill_disable: Option<bool>,
    /// Whether the group is out of memory now.
    pub under_oom: Option<bool>,
    /// Processes killed in this group (4.13).
    pub oom_kill: Option<u64>,
}

/// `memory.oom_control` of cgroup v1, as `mem_cgroup_oom_control_read()` prints it.
pub fn oom_control(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> OomControl {
    let mut control = OomControl::default();
    each(text, place, problems, |name, count| match name {
        b"oom_kill_disable" => control.oom_kill_disable = Some(count != 0),
        b"under_oom" => control.under_oom = Some(count != 0),
        b"oom_kill" => control.oom_kill = Some(count),
        _ => {}
    });
    control
}

/// Hands every `name number` line to `take`.
pub(crate) fn each<'t>(
    text: &'t [u8],
    place: &str,
    problems: &mut Vec<Missing>,
    mut take: impl FnMut(&'t [u8], u64),
) {
    let mut report = Report::new(place, problems);
    for (number, line) in lines(report.some_lines(text, "lines of a name and a number")) {
        match name_and_number(line) {
            Some((name, count)) => take(name, count),
            None => report.malformed(number, "a name and a number", line),
        }
    }
}
