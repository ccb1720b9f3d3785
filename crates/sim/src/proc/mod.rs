//! What `/proc` says of the model, in the kernel's own format.

mod machine;
mod maps;
mod smaps;
mod status;

pub(crate) use machine::{meminfo, vmstat};
pub(crate) use maps::maps;
pub(crate) use smaps::{rollup, smaps};
pub(crate) use status::{Identity, stat, statm, status};
