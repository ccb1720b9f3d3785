//! One machine at one moment, as plain data.
//!
//! Everything the program says about memory is said about a [`Snapshot`]. Sources fill it, rules
//! read it, views print what the rules found. A field that the kernel did not report, or that could
//! not be read, is `None` and never 0; [`Snapshot::missing`] says why.
//!
//! # What this crate does not do
//! It opens no file, knows no clock and no formula. Page size, kernel release and time arrive
//! inside the snapshot, because a capture of another machine is explained by that machine's values.

mod account;
mod cgroup;
mod kernel;
mod mapping;
mod meminfo;
mod missing;
mod name;
mod notice;
pub mod oom_report;
mod page;
mod page_cache;
mod physical;
mod pressure;
mod shares;
pub mod signal;
mod snapshot;
mod sysctl;
mod task;
mod usage;
mod vmstat;
mod zone;

pub use account::{
    Account, BootLog, BootTable, HugePool, IomemTotals, MappingShare, ProcessShare, SlabCache,
    TablePlace, Zram,
};
pub use cgroup::{Cgroup, CgroupEvents, CgroupStat, CgroupVersion, Cgroups};
pub use kernel::{Kernel, Release};
pub use mapping::{Address, Device, Mapping, Perms};
pub use meminfo::{Field, Meminfo, OtherField};
pub use missing::{Missing, Why};
pub use name::Name;
pub use notice::{Act, Figure, FigureOf, FigureValue, Notice, Speaker, When};
pub use oom_report::OomReport;
pub use page::{PageEntry, PageRun, PageState};
pub use page_cache::{
    AskedBy, Backing, CachedFile, CachedPages, Examples, Hold, Holder, LeftAlone, PageCache,
};
pub use physical::{FreeBlocks, IoRange};
pub use pressure::{Pressure, PressureFile, Stall};
pub use shares::{Share, Shares};
pub use snapshot::{Snapshot, SwapUse, Viewpoint};
pub use sysctl::{OvercommitMode, Sysctls};
pub use task::{Capabilities, Task, TaskFlags};
pub use usage::{
    Amounts, Bounds, MappingUse, Measure, MemoryOf, ProcessUse, Survey, TwinsBy, Unshared,
    lost_huge_pages, walk_cost_us,
};
pub use vmstat::Vmstat;
pub use zone::Zone;
