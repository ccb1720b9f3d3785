//! How alarming each wall and each pressure figure is.

use facts::{CgroupVersion, PressureFile};
use units::Percent;

use super::{Level, StatusOptions, Threshold, Wall, WallKind};

/// One judgement: how alarming, and the threshold that was passed, if one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) level: Level,
    pub(super) passed: Option<Threshold>,
}

/// Judges a wall; `None` when its distance is unknown, or its capacity where a share is asked for.
///
/// Being slowed down (`memory.high`) is near at most.
pub(super) fn wall(wall: &Wall, options: &StatusOptions) -> Option<Judgement> {
    let left = wall.distance?;
    let needs_capacity = |threshold| matches!(threshold, Threshold::Share(_));
    if wall.capacity.is_none() && (needs_capacity(options.near) || needs_capacity(options.wall)) {
        return None;
    }
    let passed = |threshold: Threshold| threshold.passed(left, wall.capacity).then_some(threshold);
    let (level, passed) = match (passed(options.wall), passed(options.near)) {
        (Some(_), near) if slows_down(wall) => (Level::Near, near.or(Some(options.wall))),
        (Some(threshold), _) => (Level::AtTheWall, Some(threshold)),
        (None, Some(threshold)) => (Level::Near, Some(threshold)),
        (None, None) => (Level::Calm, None),
    };
    Some(Judgement { level, passed })
}

/// Whether a wall only slows down those who reach it: `memory.high`.
pub(super) fn slows_down(wall: &Wall) -> bool {
    !wall.kills && matches!(wall.kind, WallKind::Cgroup { version: CgroupVersion::V2, .. })
}

/// Judges a pressure file; the share that was judged, and the least that is as alarming.
pub(super) fn pressure(
    file: PressureFile,
    options: &StatusOptions,
) -> Option<(Level, Percent, Percent)> {
    let PressureFile::Known(pressure) = file else { return None };
    let full = pressure.full?.avg10;
    if full >= options.wall_full_pressure {
        Some((Level::AtTheWall, full, options.wall_full_pressure))
    } else if full >= options.near_full_pressure {
        Some((Level::Near, full, options.near_full_pressure))
    } else {
        None
    }
}
