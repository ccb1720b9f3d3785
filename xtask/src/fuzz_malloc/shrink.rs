//! The shortest trace that still differs, or nearly.

use super::compare::{Difference, Setting};
use super::op::{Code, Op};
use crate::Stop;
use std::time::{Duration, Instant};

/// What may be spent on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Removes what the difference does not need.
pub(super) fn shrink(
    setting: &Setting<'_>,
    ops: &[Op],
    first: &Difference,
) -> Result<(Vec<Op>, Difference), Stop> {
    let mut ops = ops.to_vec();
    if let Some(at) = first.at {
        ops.truncate(at + 1);
    }
    let mut difference = first.clone();
    let begin = Instant::now();
    let mut width = ops.len() / 2;
    while width > 0 && begin.elapsed() < PATIENCE {
        let mut start = 0;
        while start < ops.len() && begin.elapsed() < PATIENCE {
            let end = (start + width).min(ops.len());
            // Without these the driver would wait for threads that do not exist.
            let needed = |op: &&Op| matches!(op.code, Code::Spawn | Code::Exit);
            let kept = ops[start..end].iter().filter(needed);
            let fewer: Vec<Op> =
                ops[..start].iter().chain(kept).chain(&ops[end..]).copied().collect();
            if fewer.len() < ops.len()
                && let Err(found) = setting.compare(&fewer)?
            {
                ops = fewer;
                if let Some(at) = found.at {
                    ops.truncate(at + 1);
                }
                difference = found;
            } else {
                start = end;
            }
        }
        width /= 2;
    }
    Ok((ops, difference))
}
