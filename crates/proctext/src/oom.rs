//! `/proc/PID/oom_score`, `oom_score_adj` and `oom_adj`.

use facts::{Missing, Task};
use units::{OomAdj, ScoreAdj};

use crate::line::{decimal, signed};
use crate::number::one;

/// `/proc/PID/oom_score`: the kernel's own verdict, an unsigned number in every release.
pub fn oom_score(text: &[u8], task: &mut Task, place: &str, problems: &mut Vec<Missing>) {
    if let Some(score) = one(text, "a score", place, problems, decimal) {
        task.oom_score = Some(score);
    }
}

/// `/proc/PID/oom_score_adj` (2.6.36).
pub fn oom_score_adj(text: &[u8], task: &mut Task, place: &str, problems: &mut Vec<Missing>) {
    let parse = |word: &[u8]| ScoreAdj::new(signed(word)?).ok();
    if let Some(adj) = one(text, "oom_score_adj in -1000..=1000", place, problems, parse) {
        task.oom_score_adj = Some(adj);
    }
}

/// `/proc/PID/oom_adj`, the interface before 2.6.36 and, converted by the kernel, ever since.
pub fn oom_adj(text: &[u8], task: &mut Task, place: &str, problems: &mut Vec<Missing>) {
    let parse = |word: &[u8]| OomAdj::new(signed(word)?).ok();
    if let Some(adj) = one(text, "oom_adj in -17..=15", place, problems, parse) {
        task.oom_adj = Some(adj);
    }
}

#[cfg(test)]
mod tests {
    use units::Pid;

    use super::*;

    type Parse = fn(&[u8], &mut Task, &str, &mut Vec<Missing>);

    fn read(parse: Parse, text: &str) -> (Task, Vec<String>) {
        let mut task = Task::unknown(Pid::new(1));
        let mut problems = Vec::new();
        parse(text.as_bytes(), &mut task, "p", &mut problems);
        (task, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn scores_and_adjustments_are_read() {
        assert_eq!(read(oom_score, "1333\n").0.oom_score, Some(1333));
        assert_eq!(read(oom_score_adj, "-1000\n").0.oom_score_adj, Some(ScoreAdj::NEVER));
        assert_eq!(read(oom_adj, "-17\n").0.oom_adj, Some(OomAdj::NEVER));
    }

    #[test]
    fn numbers_out_of_range_are_unknown() {
        let (task, problems) = read(oom_score_adj, "1001\n");
        assert_eq!(task.oom_score_adj, None);
        assert_eq!(problems, ["p: line 1: expected oom_score_adj in -1000..=1000, found 1001"]);
        let (task, problems) = read(oom_score, "-1\n");
        assert_eq!((task.oom_score, problems.len()), (None, 1));
        let (task, problems) = read(oom_adj, "");
        assert_eq!(task.oom_adj, None);
        assert_eq!(problems, ["p: expected oom_adj in -17..=15, found nothing"]);
    }
}
