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
