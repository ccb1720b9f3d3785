//! Who dies when memory has run out.
//!
//! [`out_of_memory`] is asked by whoever could not get a page and reclaim could not help. It decides
//! as the machine's release does ([`rules::killer::Killer`]), kills, takes the victim's memory away
//! and writes the kernel's report into the log.
//!
//! # What it follows
//! `out_of_memory()` and everything below it in `mm/oom_kill.c`, 2.4.22 to 7.2.
//!
//! # Order
//! Processes are looked at in the order in which they came to be, which is that of the kernel's task
//! list; a process's children likewise. Nothing else decides between equals but the release's rule
//! for ties.

mod control;
mod exit;
mod gate;
pub(crate) mod group;
mod kill;
mod lowmemory;
mod parts;
mod reap;
mod select;
mod state;
mod subject;

#[cfg(test)]
mod tests;

pub(crate) use gate::{constraint, decide};
pub(crate) use kill::pid as pid_of;
#[cfg(test)]
pub(crate) use lowmemory::shrink as lowmemory_shrink;
pub(crate) use parts::Parts;
pub(crate) use reap::due as reap_due;
pub(crate) use select::listed;
pub(crate) use state::{Halt, State, Victim};
pub(crate) use subject::{machine_total, oom_score, points_of, subject_of};

use rules::watermark::ZoneKind;

use crate::ctx::Ctx;
pub(crate) use crate::memcg::MemcgId;

/// A request for memory that could not be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Its flags by their names, as [`rules::gfp`] has them; those that a release does not have are
    /// left out.
    pub(crate) gfp: &'static str,
    /// 2^order pages.
    pub(crate) order: u32,
    /// The highest zone that would do.
    pub(crate) highest_zone: ZoneKind,
    /// What has no memory left.
    pub(crate) scope: Scope,
    /// Which process asked; `None`: none did, the kernel's own work.
    pub(crate) asker: Option<usize>,
    /// A person asked for a kill (SysRq f).
    pub(crate) sysrq: bool,
}

/// What has no memory left.
#[allow(dead_code, reason = "who binds requests says so: cgroups, cpusets, policies")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of it.
    Machine,
    /// A memory cgroup.
    Memcg(MemcgId),
    /// The nodes of the asker's cpuset.
    Cpuset(Vec<u32>),
    /// The nodes of its memory policy.
    Mempolicy(Vec<u32>),
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Others died, and their memory is free: try again.
    Killed,
    /// The asker is among the dead; what it has is freed when it has unwound.
    AskerDies,
    /// The machine stands still: [`State::halted`] says why.
    Panic,
    /// Nobody died: not yet, or not for this request.
    Nothing,
}

/// `out_of_memory()`, on behalf of who acts.
pub(crate) fn out_of_memory(ctx: &mut Ctx<'_>, request: &Request) -> Outcome {
    decide(&mut ctx.parts(), request)
}
