//! The machine's totals and settings.

use std::collections::BTreeSet;

use facts::{Kernel, Name, OvercommitMode, PressureFile, Snapshot, Why};
use units::{Bytes, PageSize};

use super::page_size;
use super::reader::{Need, Reader};
use crate::{Place, Refusal};

use Need::{Always, Optional};

/// Reads everything that is not about processes or groups.
pub(super) fn read(reader: &mut Reader<'_>, snapshot: &mut Snapshot, page_size: Option<PageSize>) {
    let file = Place::Machine;
    if let Some(meminfo) = reader.read(file("meminfo"), Always, proctext::meminfo) {
        snapshot.meminfo = meminfo;
    }
    if let Some(zones) = reader.read(file("zoneinfo"), Always, proctext::zoneinfo) {
        snapshot.zones = zones;
    }
    if let Some(vmstat) = reader.read(file("vmstat"), Always, proctext::vmstat) {
        snapshot.vmstat = vmstat;
    }
    snapshot.kernel = kernel(reader);
    snapshot.uptime_s =
        reader.read(file("uptime"), Always, |text, _, _| proctext::uptime(text)).flatten();
    snapshot.pressure = pressure(reader, file("pressure/memory"));
    if let Some(size) = page_size.or_else(|| page_size::of_totals(snapshot)) {
        snapshot.page_size = size;
        snapshot.page_size_known = true;
    }
    // Absent where the kernel is built without swap.
    let mut zram = None;
    let swap = reader.read_value(file("swaps"), Optional, |text, place, problems| {
        zram = proctext::zram_swaps(text);
        proctext::swaps(text, place, problems)
    });
    snapshot.zram_swap = zram;
    snapshot.swap_areas = swap.map(|bytes| snapshot.page_size.pages_in(bytes));
    sysctls(reader, snapshot);
}

pub(super) fn kernel(reader: &mut Reader<'_>) -> Kernel {
    let version = |text: &[u8], _: &str, _: &mut Vec<_>| proctext::version(text);
    let kernel = reader.read(Place::Machine("version"), Optional, version).unwrap_or_default();
    if kernel.release.is_some() {
        return kernel;
    }
    let osrelease = Place::Machine("sys/kernel/osrelease");
    reader.read(osrelease, Always, version).filter(|k| k.release.is_some()).unwrap_or(kernel)
}

/// A pressure file. That there is none is an answer where the source is complete.
pub(super) fn pressure(reader: &mut Reader<'_>, place: Place<'_>) -> PressureFile {
    let refusal = match reader.try_read_with(place) {
        Ok((text, problems)) => return proctext::pressure(text, &place.to_string(), problems),
        Err(refusal) => refusal,
    };
    match refusal {
        Refusal::Absent if reader.complete => PressureFile::Absent,
        Refusal::Absent => PressureFile::Unknown,
        Refusal::Unsupported => PressureFile::Disabled,
        Refusal::Denied => PressureFile::Denied,
        other => {
            reader.refused(place, Optional, &other);
            PressureFile::Unknown
        }
    }
}

fn sysctls(reader: &mut Reader<'_>, snapshot: &mut Snapshot) {
    let mut number = |path, need| reader.read_value(Place::Machine(path), need, proctext::number);
    let mode = number("sys/vm/overcommit_memory", Always);
    let mut kib = |path| number(path, Optional).and_then(Bytes::from_kib);
    let overcommit_kbytes = kib("sys/vm/overcommit_kbytes");
    let admin_reserve_kbytes = kib("sys/vm/admin_reserve_kbytes");
    let user_reserve_kbytes = kib("sys/vm/user_reserve_kbytes");
    let min_free_kbytes = kib("sys/vm/min_free_kbytes");
    let overcommit_ratio = number("sys/vm/overcommit_ratio", Optional);
    let watermark_scale_factor = number("sys/vm/watermark_scale_factor", Optional);
    let swappiness = number("sys/vm/swappiness", Optional);
    let panic_on_oom = number("sys/vm/panic_on_oom", Optional);
    let oom_kill_allocating_task = number("sys/vm/oom_kill_allocating_task", Optional);
    let oom_dump_tasks = number("sys/vm/oom_dump_tasks", Optional);
    let ratio = Place::Machine("sys/vm/lowmem_reserve_ratio");
    snapshot.sysctls = facts::Sysctls {
        overcommit_memory: mode.and_then(OvercommitMode::from_number),
        overcommit_ratio,
        overcommit_kbytes,
        admin_reserve_kbytes,
        user_reserve_kbytes,
        min_free_kbytes,
        watermark_scale_factor,
        lowmem_reserve_ratio: reader.read_value(ratio, Optional, proctext::numbers),
        swappiness,
        panic_on_oom,
        oom_kill_allocating_task: oom_kill_allocating_task.map(|n| n != 0),
        oom_dump_tasks: oom_dump_tasks.map(|n| n != 0),
    };
    if let (Some(mode), None) = (mode, snapshot.sysctls.overcommit_memory) {
        reader.missing(
            "sys/vm/overcommit_memory".to_owned(),
            Why::Malformed { line: 1, expected: "0, 1 or 2".to_owned(), found: mode.to_string() },
        );
    }
}

/// Names of the user ids that were seen.
///
/// From `/etc/passwd` only: other sources of names are daemons and servers, and waiting for an
/// answer from the network while memory is out is how tools hang.
pub(super) fn users(reader: &mut Reader<'_>, snapshot: &mut Snapshot) {
    let ids = snapshot.tasks.iter().flat_map(|task| [task.uid, task.euid]);
    let seen: BTreeSet<u32> = ids.flatten().chain(snapshot.viewpoint.euid).collect();
    let users = reader.read(Place::Users, Optional, |text, _, _| {
        let mut users = std::collections::BTreeMap::new();
        for (uid, name) in proctext::passwd(text).filter(|(uid, _)| seen.contains(uid)) {
            // The first line of an id is the one that the C library finds.
            users.entry(uid).or_insert_with(|| Name::new(name));
        }
        users
    });
    snapshot.users = users.unwrap_or_default();
}
