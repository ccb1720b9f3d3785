//! The kernel's kill order over all processes of a machine or of one memory cgroup.
//!
//! [`rank`] answers in full; [`Ranking`] holds the order and makes rows on demand.
//!
//! # What it leaves out
//! The task that runs out: its cpuset and memory policy narrow the choice on NUMA machines, and in
//! 2.6.19 to 2.6.35 tasks whose nodes do not meet its own count an eighth. A snapshot has no such
//! task. Turning swap off and unmerging KSM pages, which make a task the first choice, are in no
//! file either. In a cgroup the kernel walks its groups one by one; ties are broken here as if all
//! its processes stood in one list. Swap is read from `VmSwap`, an exact sum since 6.16, where the
//! kernel reads an approximate counter until 6.19. When an old kernel's figures are put to a newer
//! kernel's formula or the other way round, `VmPTE` counts the levels it counted where it was read.

mod domain;
mod frees;
mod inputs;
mod ranking;
mod report;
pub(crate) mod selection;
mod source;

#[cfg(test)]
mod tests;

use facts::{Release, Snapshot};

pub use ranking::Ranking;
pub use report::{
    Domain, Effect, Frees, Immune, ImmuneRow, RankReport, RankRow, SourceLine, Step, StepKind,
};

/// The kill order of `domain` by the rules of `release`, or of the snapshot's own kernel.
pub fn rank(snapshot: &Snapshot, domain: &Domain, release: Option<Release>) -> RankReport {
    Ranking::new(snapshot, domain, release).report()
}
