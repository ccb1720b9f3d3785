//! The whole.

use std::collections::BTreeMap;

use units::{Bytes, PageSize, Pages};

use crate::{Cgroups, Kernel, Meminfo, Missing, Name, PressureFile, Sysctls, Task, Vmstat, Zone};

/// From where the machine was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Viewpoint {
    /// Effective user id of the reader.
    pub euid: Option<u32>,
    /// Whether the reader is in the first pid namespace, so that pid 1 is the machine's own init.
    pub first_pid_namespace: Option<bool>,
    /// Path of the memory cgroup that the reader lives in.
    pub cgroup: Option<Name>,
    /// Whether processes are known to be lacking: the end of a capture that was cut.
    pub cut: bool,
}

/// One machine at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it comes from, for people: `this machine`, `capture web1.tar`; already escaped.
    pub origin: String,
    /// The kernel's words about itself.
    pub kernel: Kernel,
    /// Machine, as `uname -m` prints it.
    pub machine: Option<Name>,
    /// Size of a page.
    pub page_size: PageSize,
    /// Whether the source said so; otherwise 4 KiB was assumed.
    pub page_size_known: bool,
    /// Clock ticks a second in `/proc` (`USER_HZ`): 100 on every architecture of today.
    pub user_hz: u32,
    /// Seconds since the epoch, when it was taken.
    pub taken_at: Option<u64>,
    /// Seconds since boot.
    pub uptime_s: Option<u64>,
    /// From where it was seen.
    pub viewpoint: Viewpoint,
    /// `/proc/meminfo`.
    pub meminfo: Meminfo,
    /// `/proc/zoneinfo`; empty when it could not be read.
    pub zones: Vec<Zone>,
    /// `/proc/vmstat`; empty when it could not be read.
    pub vmstat: Vmstat,
    /// `/proc/sys/vm`.
    pub sysctls: Sysctls,
    /// `/proc/pressure/memory`.
    pub pressure: PressureFile,
    /// Pages of swap areas (`/proc/swaps`), all together.
    pub swap_areas: Option<Pages>,
    /// The swap areas on zram (`/proc/swaps`), all together; `None` when there are none.
    pub zram_swap: Option<SwapUse>,
    /// Processes, in the order they were read.
    pub tasks: Vec<Task>,
    /// Memory cgroups.
    pub cgroups: Cgroups,
    /// Names of the user ids that appear.
    pub users: BTreeMap<u32, Name>,
    /// What could not be read.
    pub missing: Vec<Missing>,
}

/// How full swap areas are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SwapUse {
    /// Their size.
    pub size: Bytes,
    /// What of it is in use.
    pub used: Bytes,
}

impl Snapshot {
    /// A machine of which nothing is known yet: 4 KiB pages assumed, `USER_HZ` 100.
    pub fn unknown(origin: impl Into<String>) -> Snapshot {
        Snapshot {
            origin: origin.into(),
            kernel: Kernel::default(),
            machine: None,
            page_size: PageSize::KIB_4,
            page_size_known: false,
            user_hz: 100,
            taken_at: None,
            uptime_s: None,
            viewpoint: Viewpoint::default(),
            meminfo: Meminfo::default(),
            zones: Vec::new(),
            vmstat: Vmstat::default(),
            sysctls: Sysctls::default(),
            pressure: PressureFile::default(),
            swap_areas: None,
            zram_swap: None,
            tasks: Vec::new(),
            cgroups: Cgroups::default(),
            users: BTreeMap::new(),
            missing: Vec::new(),
        }
    }

    /// The name of a user id, if the source knew one.
    pub fn user(&self, uid: u32) -> Option<&Name> {
        self.users.get(&uid)
    }
}
