//! What `/proc/PID/oom_score` makes of the points.

use units::Pages;

use super::Formula;

/// What `/proc/PID/oom_score` prints for a task of so many `points`, or for one that can never be
/// chosen (`None`). `total` is the machine's, RAM and swap: the file knows no cgroup.
///
/// `None` for kernels that have no such file (before 2.6.11). `proc_oom_score()` in
/// `fs/proc/base.c`: the points themselves until 3.4; thousandths of the total from 3.5 to 5.8;
/// since 5.9 two thirds of 1000 plus the thousandths, so that negative points stay positive.
pub fn proc_oom_score(formula: &Formula, points: Option<i64>, total: Pages) -> Option<u64> {
    let total = i128::from(total.count().max(1));
    let Some(points) = points else {
        return formula.has_oom_score().then_some(0);
    };
    let shown = match formula {
        Formula::Points(rules) if rules.oom_adj.is_none() => return None,
        Formula::Points(_) | Formula::PerMille(_) => i128::from(points),
        Formula::Pages(rules) if rules.floor.is_some() => i128::from(points) * 1000 / total,
        Formula::Pages(_) => (1000 + i128::from(points) * 1000 / total) * 2 / 3,
    };
    Some(u64::try_from(shown.max(0)).unwrap_or(u64::MAX))
}
