//! Any bytes as any file of `/proc` and cgroupfs. The first byte says which, so that the fuzzer
//! learns one at a time.
#![no_main]

use facts::Task;
use libfuzzer_sys::fuzz_target;
use units::{PageSize, Pid};

fuzz_target!(|input: (u8, &[u8])| {
    let (which, text) = input;
    let mut problems = Vec::new();
    let mut task = Task::unknown(Pid::new(7));
    let (place, size, out) = ("file", PageSize::KIB_4, &mut problems);
    match which % 29 {
        0 => drop(proctext::meminfo(text, place, out)),
        1 => drop(proctext::zoneinfo(text, place, out)),
        2 => drop(proctext::vmstat(text, place, out)),
        3 => proctext::status(text, &mut task, place, out),
        4 => proctext::stat(text, &mut task, place, out),
        5 => drop(proctext::mappings(text, place, out)),
        6 => drop(proctext::smaps_totals(text, place, out)),
        7 => drop(proctext::mountinfo(text, place, out)),
        8 => drop(proctext::memory_events(text, place, out)),
        9 => drop(proctext::oom_control(text, place, out)),
        10 => drop(proctext::memory_stat_v2(text, place, out)),
        11 => drop(proctext::memory_stat_v1(text, place, out)),
        12 => drop(proctext::iomem(text, place, out)),
        13 => drop(proctext::iomem_totals(text, place, out)),
        14 => drop(proctext::buddyinfo(text, place, out)),
        15 => drop(proctext::numbers(text, place, out)),
        16 => drop(proctext::limit_v2(text, place, out)),
        17 => drop(proctext::limit_v1(text, size, place, out)),
        18 => drop(proctext::pressure(text, place, out)),
        19 => drop(proctext::slabinfo(text, size, place, out)),
        20 => drop(proctext::swaps(text, place, out)),
        21 => drop(proctext::zram_swaps(text)),
        22 => drop(proctext::zram(text, "zram0", place, out)),
        23 => drop(proctext::boot_log(text, size)),
        24 => drop(proctext::memory_cgroup(text)),
        25 => drop(proctext::version(text)),
        26 => drop(proctext::has_stacks(text)),
        27 => proctext::filesystems(text).for_each(drop),
        _ => proctext::pagemap(text, false).for_each(drop),
    }
});
