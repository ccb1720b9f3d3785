//! What the ledger needs beside a snapshot.

use facts::{
    Account, BootLog, HugePool, MappingShare, Meminfo, Missing, Name, ProcessShare, Shares,
    Snapshot, Task, Why,
};
use proctext::{MappingStream, MappingText};
use units::{Bytes, Pid};

use crate::{Moment, Place, Refusal, TaskFile, Tree};

/// What to read. Shares cost the machine: about 11 ms for each GiB of small pages, less than one
/// for huge pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountWant {
    /// The processes' shares.
    pub shares: bool,
    /// The mappings' shares, too: `smaps` instead of `smaps_rollup`, at twice the cost.
    pub mappings: bool,
    /// How long, in milliseconds, the page tables of one process of a live machine may be walked;
    /// above that it is left unread, with its resident size as a bound.
    pub most_stall_ms: u64,
}

/// Readings of a live machine until two of them agree.
pub(crate) const READINGS: usize = 12;
/// They agree when no figure moved by more than this part of `MemTotal`.
const STILL: u64 = 5000;
/// Time the kernel takes to walk the page tables of a gibibyte in small pages (measured on 6.18).
const MS_PER_GIB: u64 = 11;

/// Reads it, and reads the totals of a live machine again and again until it was still meanwhile:
/// the snapshot then has those. A capture has its second readings in it, if it is one of ours.
pub fn account(tree: &mut dyn Tree, snapshot: &mut Snapshot, want: AccountWant) -> Account {
    let live = tree.about().live;
    let mut reader = Reader { tree, buf: Vec::new(), missing: Vec::new() };
    let mut account = Account::default();
    if want.shares {
        let before = if live { reader.meminfo() } else { Some(snapshot.meminfo.clone()) };
        let tasks = std::mem::take(&mut snapshot.tasks);
        for task in &tasks {
            if task.is_kernel_thread() != Some(true) {
                let limit = live.then_some(want.most_stall_ms);
                reader.process(task, limit, want.mappings || !live, &mut account);
            }
        }
        snapshot.tasks = tasks;
        account.around_shares =
            before.and_then(|before| Some((before, reader.again(Moment::AtEnd)?)));
    }
    let size = snapshot.page_size;
    account.iomem =
        reader.parse(Place::Machine("iomem"), proctext::iomem_totals).unwrap_or_default();
    account.caches = reader
        .parse(Place::Machine("slabinfo"), |text, place, problems| {
            proctext::slabinfo(text, size, place, problems)
        })
        .unwrap_or_default();
    account.vmap_stack = match reader.read(Place::Machine("vmallocinfo")) {
        Ok(text) => proctext::has_stacks(text),
        Err(_) => None,
    };
    account.boot = match reader.read(Place::KernelLog) {
        Ok(text) => proctext::boot_log(text, size),
        Err(_) => BootLog::default(),
    };
    reader.pools(&mut account.pools);
    for name in ZRAM {
        let path = format!("block/{name}/mm_stat");
        let parse = |text: &[u8], place: &str, problems: &mut Vec<Missing>| {
            proctext::zram(text, name, place, problems)
        };
        account.zram.extend(reader.parse(Place::Sys(&path), parse).flatten());
    }
    account.again = if live { reader.totals(snapshot) } else { reader.again(Moment::AfterTotals) };
    account.missing = reader.missing;
    account
}

/// Devices that are looked for; there is one on most machines with zram.
const ZRAM: [&str; 4] = ["zram0", "zram1", "zram2", "zram3"];
/// Sizes of huge pages of all architectures, KiB.
const POOLS: [u64; 8] = [64, 512, 1024, 2048, 16384, 32768, 1_048_576, 16_777_216];

/// The files of `/sys` that are read, for captures.
pub(crate) fn sys_files() -> Vec<String> {
    let pools = POOLS.iter().flat_map(|kib| {
        ["nr_hugepages", "free_hugepages"]
            .map(|file| format!("kernel/mm/hugepages/hugepages-{kib}kB/{file}"))
    });
    pools.chain(ZRAM.iter().map(|name| format!("block/{name}/mm_stat"))).collect()
}

struct Reader<'a> {
    tree: &'a mut dyn Tree,
    buf: Vec<u8>,
    missing: Vec<Missing>,
}

impl Reader<'_> {
    fn read(&mut self, place: Place<'_>) -> Result<&[u8], Refusal> {
        self.tree.read(place, &mut self.buf)?;
        Ok(&self.buf)
    }

    /// Reads and parses; a file that is not there says nothing.
    fn parse<T>(
        &mut self,
        place: Place<'_>,
        parse: impl FnOnce(&[u8], &str, &mut Vec<Missing>) -> T,
    ) -> Option<T> {
        match self.tree.read(place, &mut self.buf) {
            Ok(()) => Some(parse(&self.buf, &place.to_string(), &mut self.missing)),
            Err(Refusal::Absent | Refusal::Gone) => None,
            Err(refusal) => {
                self.missing.push(Missing { place: place.to_string(), why: Why::from(&refusal) });
                None
            }
        }
    }

    fn meminfo(&mut self) -> Option<Meminfo> {
        self.parse(Place::Machine("meminfo"), proctext::meminfo)
    }

    /// Totals between two readings that agree, or the quietest of a dozen; the second of the two.
    fn totals(&mut self, snapshot: &mut Snapshot) -> Option<Meminfo> {
        let mut best: Option<(u64, Meminfo)> = None;
        for _ in 0..READINGS {
            let before = self.meminfo()?;
            let zones = self.parse(Place::Machine("zoneinfo"), proctext::zoneinfo)?;
            let vmstat = self.parse(Place::Machine("vmstat"), proctext::vmstat)?;
            let after = self.meminfo()?;
            let moved = moved(&before, &after);
            if best.as_ref().is_none_or(|(least, _)| moved < *least) {
                snapshot.meminfo = before;
                snapshot.zones = zones;
                snapshot.vmstat = vmstat;
                best = Some((moved, after));
            }
            if is_still(&snapshot.meminfo, moved) {
                break;
            }
        }
        best.map(|(_, after)| after)
    }

    fn again(&mut self, moment: Moment) -> Option<Meminfo> {
        self.parse(Place::Again(moment), proctext::meminfo)
    }

    fn process(
        &mut self,
        task: &Task,
        most_ms: Option<u64>,
        mappings: bool,
        account: &mut Account,
    ) {
        // A zombie has no memory lines.
        if task.vm_rss.is_none() && task.rss.is_none_or(|rss| rss.count() == 0) {
            return;
        }
        let rss = task.vm_rss;
        let mut process = ProcessShare {
            pid: task.pid,
            start_ticks: task.start_ticks,
            name: task.comm.clone(),
            cgroup: task.cgroup.clone(),
            rss,
            rss_anon: task.rss_anon,
            shares: None,
            twin_of: None,
        };
        let ms = rss.map_or(0, |rss| (rss.get() >> 20).saturating_mul(MS_PER_GIB) >> 10);
        if most_ms.is_none_or(|most| ms <= most) {
            let mapped = mappings.then(|| {
                self.smaps(task.pid, TaskFile::Smaps, Some((task, &mut account.mappings)))
            });
            // A capture has both files, and this one tells anonymous memory from files. Of a live
            // machine, it would be a second walk.
            let read = match mapped {
                Some(mapped) if most_ms.is_some() => mapped,
                mapped => match self.smaps(task.pid, TaskFile::SmapsRollup, None) {
                    // Before 4.14.
                    Err(Refusal::Absent) => {
                        mapped.unwrap_or_else(|| self.smaps(task.pid, TaskFile::Smaps, None))
                    }
                    other => other,
                },
            };
            match read {
                Ok(shares) => process.shares = shares,
                Err(Refusal::Gone) => return,
                Err(_) => {}
            }
        }
        account.shares.push(process);
    }

    /// The sums of a process's mappings; `None` where it has none, or some could not be understood.
    fn smaps(
        &mut self,
        pid: Pid,
        file: TaskFile,
        keep: Option<(&Task, &mut Vec<MappingShare>)>,
    ) -> Result<Option<Shares>, Refusal> {
        let place = Place::Task(pid, file);
        let mut sum: Option<Shares> = None;
        let mut kept = Vec::new();
        let keeps = keep.is_some();
        let mut visit = |mapping: &MappingText<'_>| {
            let Some(shares) = mapping.shares else { return };
            match &mut sum {
                Some(sum) => sum.add(shares),
                None => sum = Some(shares.clone()),
            }
            if let Some(pss) = shares.pss().filter(|&pss| keeps && pss > Bytes::ZERO) {
                kept.push((Name::new(mapping.name), pss));
            }
        };
        let mut stream = MappingStream::new(&place.to_string());
        self.tree.read_pieces(place, &mut |piece| stream.feed(piece, &mut visit))?;
        let problems = stream.finish(&mut visit);
        let whole = problems.is_empty();
        self.missing.extend(problems);
        if let Some((task, out)) = keep {
            out.extend(kept.into_iter().map(|(mapping, pss)| MappingShare {
                pid,
                start_ticks: task.start_ticks,
                process: task.comm.clone(),
                mapping,
                pss,
            }));
        }
        Ok(sum.filter(|_| whole))
    }

    fn pools(&mut self, pools: &mut Vec<HugePool>) {
        for kib in POOLS {
            let dir = format!("kernel/mm/hugepages/hugepages-{kib}kB");
            let mut number = |file: &str| {
                self.parse(Place::Sys(&format!("{dir}/{file}")), proctext::number).flatten()
            };
            let (Some(total), Some(page)) = (number("nr_hugepages"), Bytes::from_kib(kib)) else {
                continue;
            };
            pools.push(HugePool { page, total, free: number("free_hugepages") });
        }
    }
}

/// Whether totals that moved so much are those of one moment.
pub(crate) fn is_still(totals: &Meminfo, moved: u64) -> bool {
    moved <= totals.get(facts::Field::MemTotal).map_or(0, Bytes::get) / STILL
}

/// The largest change of a figure of the sum.
pub(crate) fn moved(before: &Meminfo, after: &Meminfo) -> u64 {
    use facts::Field::{Active, Inactive, MemFree, Slab, Unevictable};
    [MemFree, Active, Inactive, Unevictable, Slab]
        .into_iter()
        .filter_map(|field| Some(before.get(field)?.get().abs_diff(after.get(field)?.get())))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use units::PageSize;

    use super::*;

    #[test]
    fn every_size_of_huge_pages_is_a_size() {
        assert!(POOLS.iter().all(|kib| kib.is_power_of_two()));
        assert!(sys_files().iter().all(|path| !path.starts_with('/')));
        // The page size of a machine is not among them.
        assert!(POOLS.iter().all(|&kib| kib > PageSize::KIB_4.kib()));
    }
}
