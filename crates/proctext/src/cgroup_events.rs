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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_and_unknown_ones_passed_over() {
        let text = include_bytes!("../tests/data/6.18/memory.events");
        let mut problems = Vec::new();
        let events = memory_events(text, "memory.events", &mut problems);
        let expected = CgroupEvents {
            max: Some(120),
            high: Some(3),
            oom: Some(2),
            oom_kill: Some(5),
            oom_group_kill: Some(1),
        };
        assert_eq!((events, problems), (expected, vec![]));
    }

    #[test]
    fn what_the_kernel_does_not_count_is_unknown() {
        let mut problems = Vec::new();
        let control = oom_control(b"oom_kill_disable 1\nunder_oom 0\n", "o", &mut problems);
        let expected =
            OomControl { oom_kill_disable: Some(true), under_oom: Some(false), oom_kill: None };
        assert_eq!((control, problems), (expected, vec![]));
    }

    #[test]
    fn an_empty_file_says_so() {
        let mut problems = Vec::new();
        assert_eq!(memory_events(b"", "e", &mut problems), CgroupEvents::default());
        assert_eq!(problems.len(), 1);
    }
}
