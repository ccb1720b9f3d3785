//! Runs what a scenario says on real kernels, and compares what was seen of it.
//!
//! [`HostWorld`] performs calls and touches in real processes: each is the actor, a static program of
//! a few pages without a heap, at addresses that are not randomised. They get what the limits of the
//! scenario allow and end with the lab.
//!
//! [`vm::VmWorld`] does the same on a kernel in a virtual machine, which is the scenario's own: it may
//! run out of memory.
//!
//! [`recording::Recorded`] answers as such a machine once did.
//!
//! [`compare`] sets two observations side by side, field by field.
//!
//! # What this crate does not do
//! It knows no rule of the kernel. What a difference means is for the reader.

mod actors;
pub mod allocator;
mod booted;
pub mod compare;
mod host;
mod model;
pub mod recording;
mod sampled;
mod side_by_side;
pub mod stated;
#[path = "host/sys.rs"]
mod sys;
mod timeline;
pub mod vm;

pub use actors::{Done, Step};
pub use booted::Booted;
pub use host::{FencedWorld, Files, HostConfig, HostWorld, unavailable};
pub use model::HostModel;
pub use side_by_side::{
    Performed, Place, Plan, Stated, boot_of, in_machine, in_recording, side_by_side,
};
pub use timeline::timeline;
