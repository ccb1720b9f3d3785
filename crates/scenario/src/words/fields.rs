//! What can be looked at, by the names that `/proc` has for it.

/// What a field counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; the kernel prints kB.
    Bytes,
    /// Things.
    Count,
}

/// Where a field is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldOf {
    /// `/proc/PID/status`.
    Status,
    /// `/proc/PID/smaps_rollup`.
    Rollup,
    /// `/proc/PID/stat`, by its number as `proc(5)` counts.
    Stat(usize),
    /// `/proc/PID/oom_score`.
    OomScore,
    /// The lines of `/proc/PID/maps`.
    MapsLines,
    /// `Private_Clean` and `Private_Dirty` together.
    Uss,
    /// `/proc/PID/smaps`, summed over mappings.
    Smaps,
    /// `/proc/PID/numa_maps`, summed over mappings.
    NumaMaps,
    /// `/proc/meminfo`.
    Meminfo,
    /// `/proc/vmstat`.
    Vmstat,
    /// What the program itself saw.
    Program,
    /// What the run knows of every process of a name, dead or alive.
    Run,
}

/// A value that can be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Where it is looked up.
    pub of: FieldOf,
    /// What it counts.
    pub unit: Unit,
    /// What it is.
    pub says: &'static str,
}

const fn field(name: &'static str, of: FieldOf, unit: Unit, says: &'static str) -> Field {
    Field { name, of, unit, says }
}

use FieldOf::{Meminfo, Rollup, Run, Smaps, Stat, Status, Vmstat};
use Unit::{Bytes, Count};

/// What a process has. Bare (`VmRSS`) of the process whose step it is; `child.VmRSS` of another.
pub const PROCESS_FIELDS: &[Field] = &[
    field("VmPeak", Status, Bytes, "the largest VmSize there was"),
    field("VmSize", Status, Bytes, "all mappings: what was promised"),
    field("VmLck", Status, Bytes, "locked"),
    field("VmPin", Status, Bytes, "pinned for devices"),
    field("VmHWM", Status, Bytes, "the largest VmRSS there was"),
    field("VmRSS", Status, Bytes, "resident: what was delivered"),
    field("RssAnon", Status, Bytes, "resident, of no file"),
    field("RssFile", Status, Bytes, "resident, of files"),
    field("RssShmem", Status, Bytes, "resident, of shared memory and tmpfs"),
    field("VmData", Status, Bytes, "writable private mappings"),
    field("VmStk", Status, Bytes, "stack"),
    field("VmExe", Status, Bytes, "the program's text"),
    field("VmLib", Status, Bytes, "text of libraries"),
    field("VmPTE", Status, Bytes, "page tables"),
    field("VmSwap", Status, Bytes, "swapped out"),
    field("HugetlbPages", Status, Bytes, "huge pages of the pool"),
    field("Rss", Rollup, Bytes, "resident, counted page by page"),
    field("Pss", Rollup, Bytes, "resident, shared pages divided by how many share them"),
    field("Pss_Anon", Rollup, Bytes, "the part of Pss that is of no file"),
    field("Pss_File", Rollup, Bytes, "the part of Pss that is of files"),
    field("Pss_Shmem", Rollup, Bytes, "the part of Pss that is of shared memory"),
    field("Shared_Clean", Rollup, Bytes, "mapped by others too, unchanged"),
    field("Shared_Dirty", Rollup, Bytes, "mapped by others too, written"),
    field("Private_Clean", Rollup, Bytes, "mapped by nobody else, unchanged"),
    field("Private_Dirty", Rollup, Bytes, "mapped by nobody else, written"),
    field("Referenced", Rollup, Bytes, "accessed lately"),
    field("Anonymous", Rollup, Bytes, "of no file"),
    field("LazyFree", Rollup, Bytes, "given back by MADV_FREE, and still there"),
    field("AnonHugePages", Rollup, Bytes, "in huge pages"),
    field("Swap", Rollup, Bytes, "swapped out"),
    field("SwapPss", Rollup, Bytes, "swapped out, divided by how many share it"),
    field("Locked", Rollup, Bytes, "locked"),
    field(
        "Uss",
        FieldOf::Uss,
        Bytes,
        "Private_Clean and Private_Dirty together: nobody else has it",
    ),
    field("minflt", Stat(10), Count, "minor faults so far"),
    field("majflt", Stat(12), Count, "major faults so far"),
    field("oom_score", FieldOf::OomScore, Count, "how much the OOM killer would like it"),
    field("mappings", FieldOf::MapsLines, Count, "lines of /proc/PID/maps"),
    field(
        "touched",
        Run,
        Bytes,
        "what its accesses reached so far, a page each: when it was killed, the point at which; of \
         several with that name, all together",
    ),
    field("killed", Run, Count, "how many of that name SIGKILL has ended"),
    field("living", Run, Count, "how many of that name live"),
];

/// Values in files of the machine, with how they are written and what they are.
pub const FILE_VALUES: &[(&str, &str)] = &[
    ("meminfo.NAME", "a line of /proc/meminfo: `meminfo.MemFree`; `Active_anon` is Active(anon)"),
    ("vmstat.NAME", "a line of /proc/vmstat: `vmstat.pgmajfault`"),
    (
        "zone.ZONE.NAME",
        "a line of /proc/zoneinfo, a count of pages as there: `zone.DMA32.low`, `zone.Normal.free`, \
         `zone.DMA.protection.1` (against the second zone); `zone.1.Normal.free` is on node 1",
    ),
    (
        "node.NUMBER.NAME",
        "a line of what /sys/devices/system/node says of a NUMA node, in `meminfo` or `numastat`, where \
         there are several: `node.1.MemFree`, `node.0.numa_miss`",
    ),
    ("ksm.NAME", "a file of /sys/kernel/mm/ksm: `ksm.pages_sharing`"),
    (
        "pressure.memory.some.total",
        "a field of /proc/pressure/memory, in microseconds; `woken` is how often those were woken whom \
         `watch-pressure memory` set to watch",
    ),
    (
        "cgroup PATH FILE[.NAME]",
        "a file of a cgroup: `expect cgroup \"/web\" memory.current at-most 64MiB`, or a line of it: \
         `expect cgroup \"/web\" memory.events.oom_kill is 1`",
    ),
];

/// What the mappings in the range of a handle have: `block.Rss`. Neighbours that the kernel merged
/// into one mapping count as a whole.
pub const MAPPING_FIELDS: &[Field] = &[
    field("Size", Smaps, Bytes, "how large they are"),
    field("Rss", Smaps, Bytes, "resident"),
    field("Pss", Smaps, Bytes, "resident, shared pages divided by how many share them"),
    field("Pss_Dirty", Smaps, Bytes, "the written part of Pss"),
    field("Shared_Clean", Smaps, Bytes, "mapped by others too, unchanged"),
    field("Shared_Dirty", Smaps, Bytes, "mapped by others too, written"),
    field("Private_Clean", Smaps, Bytes, "mapped by nobody else, unchanged"),
    field("Private_Dirty", Smaps, Bytes, "mapped by nobody else, written"),
    field("Referenced", Smaps, Bytes, "accessed lately"),
    field("Anonymous", Smaps, Bytes, "of no file"),
    field("KSM", Smaps, Bytes, "merged by KSM"),
    field("LazyFree", Smaps, Bytes, "given back by MADV_FREE, and still there"),
    field("AnonHugePages", Smaps, Bytes, "in huge pages"),
    field("ShmemPmdMapped", Smaps, Bytes, "shared memory in huge pages"),
    field("FilePmdMapped", Smaps, Bytes, "files in huge pages"),
    field("Swap", Smaps, Bytes, "swapped out"),
    field("SwapPss", Smaps, Bytes, "swapped out, divided by how many share it"),
    field("Locked", Smaps, Bytes, "locked"),
    field("Uss", FieldOf::Uss, Bytes, "Private_Clean and Private_Dirty together"),
    field("mappings", FieldOf::MapsLines, Count, "how many mappings the range touches"),
    field("N0", FieldOf::NumaMaps, Bytes, "resident on NUMA node 0, where there are several"),
    field("N1", FieldOf::NumaMaps, Bytes, "on node 1"),
    field("N2", FieldOf::NumaMaps, Bytes, "on node 2"),
    field("N3", FieldOf::NumaMaps, Bytes, "on node 3"),
];

/// What the machine has: `machine.MemFree`.
pub const MACHINE_FIELDS: &[Field] = &[
    field("MemTotal", Meminfo, Bytes, "RAM without what the kernel keeps for itself"),
    field("MemFree", Meminfo, Bytes, "in no use at all"),
    field("MemAvailable", Meminfo, Bytes, "what the kernel thinks can be had without swapping"),
    field("Buffers", Meminfo, Bytes, "page cache of devices"),
    field("Cached", Meminfo, Bytes, "page cache of files, and shared memory"),
    field("SwapCached", Meminfo, Bytes, "in RAM and in swap"),
    field("Active", Meminfo, Bytes, "used lately"),
    field("Inactive", Meminfo, Bytes, "not used lately"),
    field("Unevictable", Meminfo, Bytes, "cannot be reclaimed"),
    field("Mlocked", Meminfo, Bytes, "locked"),
    field("SwapTotal", Meminfo, Bytes, "swap"),
    field("SwapFree", Meminfo, Bytes, "swap in no use"),
    field("Dirty", Meminfo, Bytes, "written to files, and not yet to disk"),
    field("AnonPages", Meminfo, Bytes, "mapped, of no file"),
    field("Mapped", Meminfo, Bytes, "mapped, of files"),
    field("Shmem", Meminfo, Bytes, "shared memory and tmpfs"),
    field("Slab", Meminfo, Bytes, "objects of the kernel"),
    field("KernelStack", Meminfo, Bytes, "stacks of the kernel"),
    field("PageTables", Meminfo, Bytes, "page tables"),
    field("CommitLimit", Meminfo, Bytes, "how much may be promised in mode 2"),
    field("Committed_AS", Meminfo, Bytes, "how much is promised"),
    field("AnonHugePages", Meminfo, Bytes, "in huge pages"),
    field("HugePages_Total", Meminfo, Count, "huge pages in the pool"),
    field("HugePages_Free", Meminfo, Count, "huge pages in the pool, in no use"),
    field("pgfault", Vmstat, Count, "page faults so far"),
    field("pgmajfault", Vmstat, Count, "major ones so far"),
    field("thp_fault_alloc", Vmstat, Count, "huge pages given on a fault so far"),
    field("oom_kill", Vmstat, Count, "processes killed for lack of memory so far"),
];

/// What the program itself saw.
pub const VALUES: &[Field] = &[
    field("result", FieldOf::Program, Count, "what the last call returned"),
    field("done", FieldOf::Program, Count, "how many accesses the last touch did"),
    field(
        "rounds",
        FieldOf::Program,
        Count,
        "how many rounds the last loop did in which nothing failed",
    ),
    field("resident", FieldOf::Program, Count, "how many pages the last mincore found in memory"),
];
