//! Text of `/proc` and cgroupfs, and the facts in it.
//!
//! Every function here is given the bytes of one file and yields what they say. `place` is the
//! path that problems are reported under, already escaped.
//!
//! # What it promises
//! * Damaged or unfamiliar text is input: what is there is parsed, and each thing that is not as
//!   the kernel prints it becomes a [`facts::Missing`] that names the line, what was expected and
//!   what was found. No text makes it panic, overflow, or turn "not there" into 0.
//! * The kernel ends every line with a newline. A last line without one was cut, and a cut number
//!   looks like a smaller number; so it is reported and not believed. Files that hold a single
//!   value (`memory.max`, `oom_score`, most of `/proc/sys`) are exempt, because tools trim them.
//! * A sum (pages on per-cpu lists, swap areas, `smaps`) is unknown when one of its parts could
//!   not be read.
//! * One pass over the bytes and no allocation but for what is kept: a machine has hundreds of
//!   processes, and their `status` is read each time.
//!
//! # What it does not do
//! It opens no file and judges nothing.

mod boot_log;
mod buddyinfo;
mod cgroup_events;
mod cgroup_stat;
mod filesystems;
mod iomem;
mod iomem_totals;
mod line;
mod mappings;
mod meminfo;
mod mountinfo;
mod number;
mod oom;
mod pagemap;
mod passwd;
mod pressure;
mod proc_cgroup;
mod slabinfo;
mod smaps;
mod stat;
mod status;
mod swaps;
mod uptime;
mod version;
mod vmallocinfo;
mod vmstat;
mod zoneinfo;
mod zram;

#[cfg(test)]
mod properties;

pub use boot_log::{boot_log, is_about_boot};
pub use buddyinfo::buddyinfo;
pub use cgroup_events::{OomControl, memory_events, oom_control};
pub use cgroup_stat::{memory_stat_v1, memory_stat_v2};
pub use filesystems::filesystems;
pub use iomem::iomem;
pub use iomem_totals::iomem_totals;
pub use mappings::{MappingStream, MappingText, mappings};
pub use meminfo::meminfo;
pub use mountinfo::{Mount, mountinfo};
pub use number::{bytes, limit_v1, limit_v2, number, numbers};
pub use oom::{oom_adj, oom_score, oom_score_adj};
pub use pagemap::{numbers as page_numbers, pagemap};
pub use passwd::passwd;
pub use pressure::pressure;
pub use proc_cgroup::{CgroupLine, memory_cgroup, proc_cgroup};
pub use slabinfo::slabinfo;
pub use smaps::{SmapsTotals, smaps_totals};
pub use stat::stat;
pub use status::status;
pub use swaps::{swaps, zram_swaps};
pub use uptime::uptime;
pub use version::version;
pub use vmallocinfo::has_stacks;
pub use vmstat::vmstat;
pub use zoneinfo::zoneinfo;
pub use zram::zram;
