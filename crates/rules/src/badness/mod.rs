//! The badness score: which task the kernel would kill first.
//!
//! [`badness`] is a pure function of a [`Formula`], one task's figures ([`Subject`]) and the total
//! of the domain that ran out, the machine or one memory cgroup. [`points`] is the same without the
//! account of how it came about, and allocates nothing. Where the figures came from is the caller's
//! business.
//!
//! # What it follows
//! `badness()` and, since 2.6.36, `oom_badness()` in `mm/oom_kill.c`; `proc_oom_score()` in
//! `fs/proc/base.c` for what `/proc/PID/oom_score` prints. The eras, each a [`Formula`] chosen once
//! by [`Formula::for_release`]:
//!
//! | releases | points are made of |
//! |---|---|
//! | 2.4 | address space, divided by rough roots of CPU and run time, nice, root, raw I/O |
//! | 2.6.0–2.6.10 | the same with exact roots |
//! | 2.6.11–2.6.35 | and children's address spaces, shifted by `oom_adj` |
//! | 2.6.36–3.4 | resident and swapped memory in thousandths of the total, plus `oom_score_adj` |
//! | 3.5–5.8 | resident, swap and page tables in pages, plus `oom_score_adj` thousandths of the total, at least 1 |
//! | 5.9– | the same without a floor: negative points compete |
//!
//! The change to pages came with "mm, oom: normalize oom scores to oom_score_adj scale only for
//! userspace", in May 2012 after 3.4; the bonus of 3 % "on current usage" in January 2014 after
//! 3.13, and in the stable releases of 6 February 2014 (3.10.29, 3.12.10, 3.13.2).
//!
//! # What it leaves out
//! Whether a task may be chosen at all is [`crate::eligible`]'s question. The wrap of a 32-bit
//! kernel's arithmetic: the points of 2.6 shifted by a large `oom_adj`, and `int` thousandths
//! before 3.2 for a task of over 2³¹/1000 pages (8 GiB), overflow there and saturate at 2⁶³ here.
//! CPU time until 2.6.31 was the thread's own and is the process's here.

mod formula;
mod math;
mod oom_score;
mod score;
mod subject;

#[cfg(test)]
mod tests;

pub use formula::{
    Children, Formula, OldAdj, OldPrivilege, PageTables, PagesFormula, PerMilleFormula,
    PointsFormula, RootBonus, Roots,
};
pub use math::{isqrt, isqrt24, shift_hz};
pub use oom_score::proc_oom_score;
pub use score::{Badness, badness, points, replay};
pub use subject::{ChildrenVm, Subject};
