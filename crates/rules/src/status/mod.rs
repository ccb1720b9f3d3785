//! How near a machine is to running out of memory.

mod report;

pub use report::{
    Certainty, CgroupKills, Headroom, HeadroomPart, Lately, Level, Memory, PartKind,
    PressureReport, PressureState, Promises, StatusReport, Unread, Verdict, Victims, Wall,
    WallKind,
};
