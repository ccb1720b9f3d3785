//! What `/proc` says of the model, in the kernel's own format.

mod machine;
mod maps;
mod smaps;
mod status;

pub(crate) use machine::{
    buddyinfo, endless_meminfo, endless_vmstat, is_numa, kinds, meminfo, node_meminfo, numastat,
    protection, swaps, vmstat, zone_name, zone_value, zoneinfo,
};
pub(crate) use maps::maps;
pub(crate) use smaps::{rollup, smaps};
pub(crate) use status::{Identity, stat, statm, status};
