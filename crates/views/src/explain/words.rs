//! Plain words for what the explanation says in enums.

use rules::explain::{Cause, Doubt, Gap, Holder, KernelFault, Remainder};

/// Why the request could not be served, behind "asked for … and"; `None` when that is unknown.
pub(super) fn cause(cause: &Cause) -> Option<String> {
    Some(match cause {
        Cause::Exhausted => {
            "no zone that it may use had a page left above its mark `min` and its reserve"
                .to_owned()
        }
        Cause::ReclaimStalled => {
            "reclaim found nothing more: a zone had pages above its mark `min`, but none \
             above `high`, as the last test before a kill demands"
                .to_owned()
        }
        Cause::LowZone { elsewhere } => format!(
            "the zones that it may use were empty, while {elsewhere} were free in zones that it may \
             not use"
        ),
        Cause::Fragmented { order } => {
            format!("single pages could be had, but no free block of order {order} that it may use")
        }
        Cause::OnlyContiguousAreas { bytes } => {
            format!("what was free lay in contiguous memory areas ({bytes}), which it may not use")
        }
        Cause::OnlyAtomicReserve { bytes } => {
            format!("what was free is reserved for atomic requests ({bytes})")
        }
        Cause::NothingMissing
        | Cause::PageFault
        | Cause::GroupLimit
        | Cause::GroupSwapLimit
        | Cause::Manual
        | Cause::Unknown => return None,
    })
}

pub(crate) fn holder(holder: Holder) -> &'static str {
    match holder {
        Holder::Anonymous => "anonymous memory",
        Holder::Shmem => "tmpfs, shared memory",
        Holder::FileCache => "file cache",
        Holder::Lists => "anonymous memory and files",
        Holder::Unevictable => "unevictable",
        Holder::SlabReclaimable => "slab, reclaimable",
        Holder::SlabUnreclaimable => "slab, unreclaimable",
        Holder::Slab => "slab",
        Holder::KernelStacks => "kernel stacks",
        Holder::PageTables => "page tables",
        Holder::SecondaryPageTables => "guests' page tables",
        Holder::HugePages => "huge page pools",
        Holder::HugePagesFree => "unused",
        Holder::Free => "free",
        Holder::FreePerCpu => "free, per-cpu lists",
        Holder::Compressed => "compressed (zsmalloc)",
        Holder::Balloon => "balloon",
        Holder::Graphics => "graphics drivers",
        Holder::OtherReclaimable => "kernel, reclaimable",
        Holder::PerCpuData => "per-cpu data",
        Holder::Sockets => "network buffers",
        Holder::Kernel => "kernel memory",
    }
}

pub(crate) fn remainder(remainder: Remainder) -> &'static str {
    match remainder {
        Remainder::Ordinary => "drivers, per-cpu data, pages on their way: ordinary",
        Remainder::Unaccounted => "no counter of the report knows it: a driver or a leak",
        Remainder::Overcounted => "the counters overlap, or were read at different moments",
    }
}

pub(crate) fn kernel_fault(fault: KernelFault) -> &'static str {
    match fault {
        KernelFault::UnsignedPoints => {
            "this kernel chose wrongly: linux-next of July 2020 compared points without their sign, \
             so that a task with fewer than none came before all others; 5.9 does not"
        }
    }
}

pub(crate) fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::NotInTable => "the victim is not in the table: the text is cut there",
        Doubt::Total => "with the most that the total can be, these rules agree",
        Doubt::RootBonus => {
            "with another bonus for root, these rules agree: privileges are not in the text, and \
             vendors took that rule over at other times"
        }
        Doubt::ColumnsMissing => "swap and page tables count and are not in this table",
        Doubt::CountersApproximate => {
            "the counters of these releases are approximations, and the two are near"
        }
        Doubt::ReadAtDifferentMoments => {
            "the kernel read its counters a moment before it printed them"
        }
        Doubt::Unseen => {
            "the first by these rules was perhaps dying already or bound to other nodes, or this \
             kernel chooses otherwise: what would tell is not in the text"
        }
    }
}

pub(crate) fn gap(gap: Gap) -> &'static str {
    match gap {
        Gap::Header => "who asked for what: the first line (`invoked oom-killer`) would tell",
        Gap::MemInfo => "where the machine's memory was: the block `Mem-Info` would tell",
        Gap::MemInfoOfGroup => {
            "the machine's memory: reports about cgroups do not print it (since 3.9)"
        }
        Gap::TotalRam => {
            "how much RAM there is: `pages RAM` has a digit too many or too few for the zones, \
             whose sum was taken"
        }
        Gap::GroupBlock => "usage and limit of the cgroup: the lines `memory: usage` would tell",
        Gap::GroupStats => {
            "what the cgroup's memory is: the block `Memory cgroup stats` would tell"
        }
        Gap::Zones => "which zone was short: the lines of the zones would tell",
        Gap::Reserve => {
            "whether a zone passes: which of its printed reserves holds depends on how the kernel \
             was built"
        }
        Gap::Table => "scores: the table of tasks would tell",
        Gap::KillLine => "who was killed: the line `Killed process` would tell",
        Gap::Release => {
            "by whose rules: the line `CPU: … Comm: …` names the release; --kernel sets it"
        }
        Gap::PageSize => "the size of a page: 4 KiB assumed; the lines of free blocks would tell",
        Gap::OldScore => {
            "scores: before 2.6.36 they also depend on CPU time, run time, nice and children"
        }
        Gap::SwapOfTasks => "how much of each task was swapped: this table has no such column",
        Gap::SwapOfMachine => {
            "exact scores: the machine's swap is part of the total, and reports about cgroups do \
             not print it"
        }
        Gap::Capabilities => {
            "who was privileged: capabilities are not printed, user 0 was taken for it"
        }
        Gap::Children => "which children there were: the table names no parents",
    }
}
