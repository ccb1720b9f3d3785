//! What a program asked of `malloc`, and what became of its heap.
//!
//! [`open`] reads a trace of any recorder as a stream of [`Op`]s. A [`Plan`] is the same with every block
//! numbered, which can be played on the model of glibc's allocator as often as one likes: once with
//! the settings it was recorded under, for the [`report`], and under others, for what would
//! change it ([`sweep`]).
//!
//! # What it leaves out
//! Which pages a program touched: what the heap holds is an upper bound of what it costs in memory. Threads are
//! played in the order of the trace, as if no lock was ever waited for.

mod op;
mod plan;
mod problem;
mod read;
pub mod recorder;
mod replay;

pub use op::{Aligned, Op, What};
pub use plan::{Plan, Step, Verb};
pub use problem::{Place, Problem};
pub use read::{Facts, Format, Ops, open};
pub use replay::check::{Agreement, Difference, agreement};
pub use replay::meter::Meter;
pub use replay::picture::{map_over_time, picture};
pub use replay::player::{Player, rules_for, space_for, space_under};
pub use replay::report::{Named, report};
pub use replay::setting::{Order, Setting, tunables};
pub use replay::sweep::{Verdict, candidates, grid, play, sweep};

// What callers need of the model.
pub use malloc::{AddressSpace, Rules, Tunables};
