//! Requests by size.

use crate::plan::{Plan, Verb};
use rules::heap::SizeClass;
use units::Bytes;

/// The largest size of each class but the last: 16 bytes, doubled up to 64 MiB.
const CLASSES: usize = 23;

fn class(size: u64) -> usize {
    let doublings = size.max(1).next_power_of_two().trailing_zeros() as usize;
    doublings.saturating_sub(4).min(CLASSES)
}

/// Requests by size; what lives is counted behind `peak` calls.
pub(crate) fn sizes(plan: &Plan, peak: usize) -> Vec<SizeClass> {
    let mut classes: Vec<SizeClass> = (0..=CLASSES)
        .map(|class| SizeClass {
            up_to: (class < CLASSES).then(|| Bytes::new(16 << class)),
            requests: 0,
            bytes: Bytes::ZERO,
            live_blocks: 0,
            live: Bytes::ZERO,
            never_freed: 0,
        })
        .collect();
    let mut live: Vec<Option<u64>> = vec![None; plan.blocks as usize];
    for (at, step) in plan.steps.iter().enumerate() {
        if let Some(size) = step.requested() {
            let class = &mut classes[class(size)];
            class.requests += 1;
            class.bytes = class.bytes.saturating_add(Bytes::new(size));
            live[step.block as usize] = Some(size);
        } else if step.verb == Verb::Free {
            live[step.block as usize] = None;
        }
        if at + 1 == peak {
            for size in live.iter().flatten() {
                let class = &mut classes[class(*size)];
                class.live_blocks += 1;
                class.live = class.live.saturating_add(Bytes::new(*size));
            }
        }
    }
    for size in live.iter().flatten() {
        classes[class(*size)].never_freed += 1;
    }
    classes.retain(|class| class.requests > 0);
    classes
}
