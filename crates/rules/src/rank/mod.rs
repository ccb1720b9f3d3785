//! The kernel's kill order over all processes of a machine or of one memory cgroup.

mod report;

pub use report::{
    Domain, Effect, Frees, Immune, ImmuneRow, RankReport, RankRow, SourceLine, Step, StepKind,
};
