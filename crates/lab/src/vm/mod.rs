//! Real kernels in virtual machines.
//!
//! A machine is booted with two programs of a few pages, init and the actor, and nothing else; the lab
//! arranges it from outside, step by step, through a window of shared memory (see
//! [`actor::remote`]). What the machine has before the first process of a scenario starts is measured,
//! so that the model can start with the same.

mod batch;
mod boot;
pub mod cpio;
pub mod debian;
mod disk;
mod guest;
mod kernel;
mod measure;
pub mod modules;
mod setup;
mod world;

pub use boot::{Boot, CgroupVersion, unavailable};
pub use measure::{Measured, Texts, measure, profile, write_profile};
pub use modules::Module;
pub use setup::Disk;
pub use world::VmWorld;
pub(crate) use world::{CGROUP_FILES, CGROUP_V1_FILES, killed};
