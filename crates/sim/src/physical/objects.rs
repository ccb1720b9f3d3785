//! What processes cost the kernel: objects in slabs, which share pages, stacks, the top page table.
//!
//! # What it follows
//! `calculate_order()`, `set_min_partial()` and `set_cpu_partial()` in `mm/slub.c`: how many objects lie in a
//! slab, and how many empty slabs a cache keeps. Which objects a process has, and how large they
//! are, was counted in `/proc/slabinfo` of Debian's 6.1 and 6.12 while 128 processes started
//! (`crates/sim/tests/data/process-objects.txt`): each is a small static program with two sockets and room
//! for 1024 descriptors, as the lab's actor is.
//!
//! # What it leaves out
//! Which object lies in which slab: those that are freed are taken for neighbours.

use facts::Release;
use rules::layout::Arch;

use super::Physical;
use crate::config::MachineConfig;
use crate::ctx::Ctx;
use crate::physical::{For, NoMemory};

/// What takes objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A process, its mappings aside.
    Process,
    /// A thread beside the first.
    Thread,
    /// A mapping (`vm_area_struct`).
    Mapping,
}

/// A kind of object: its name, its bytes on 6.1 and on 6.12 (0: it has none of them), how many a process and
/// a thread have, and whether it is in `SReclaimable`.
type Kind = (&'static str, [u64; 2], [u64; 2], bool);

#[rustfmt::skip]
const KINDS: [Kind; 24] = [
    ("task_struct", [6144, 6208], [1, 1], false),
    ("signal_cache", [1152, 1152], [1, 0], false),
    ("sighand_cache", [2112, 2112], [1, 0], false),
    ("files_cache", [704, 704], [1, 0], false),
    ("mm_struct", [1152, 1408], [1, 0], false),
    ("cred", [192, 192], [2, 0], false),
    ("pid", [128, 128], [1, 1], false),
    ("maple_node", [256, 256], [1, 0], false),
    ("anon_vma_chain", [64, 64], [4, 0], false),
    ("anon_vma", [104, 104], [3, 0], false),
    ("filp", [256, 192], [3, 0], false),
    ("lsm_file_cache", [24, 48], [3, 0], false),
    ("lsm_inode_cache", [32, 88], [4, 0], false),
    ("UNIX", [1024, 1024], [2, 0], false),
    ("sock_inode_cache", [832, 832], [2, 0], true),
    ("vmap_area", [64, 72], [2, 2], false),
    ("kmalloc-cg-8k", [8192, 8192], [1, 0], false),
    ("kmalloc-cg-512", [512, 512], [1, 0], false),
    ("kmalloc-cg-64", [64, 64], [1, 0], false),
    ("kmalloc-cg-16", [16, 16], [2, 0], false),
    ("kmalloc-96", [96, 96], [1, 1], false),
    ("kmalloc-16", [16, 16], [2, 1], false),
    ("proc_inode_cache", [712, 704], [2, 0], true),
    ("dentry", [192, 192], [4, 0], true),
];
/// `vm_area_struct`, and since 6.4 its lock (`vma_lock`), bytes.
const MAPPING: [[u64; 2]; 2] = [[152, 176], [0, 40]];

const PAGE: u64 = 4096;
/// `slub_max_order`.
const MAX_ORDER: u32 = 3;
/// Pages of a stack.
const STACK: u64 = 4;
/// The top page table, with the kernel's own beside it (`CONFIG_PAGE_TABLE_ISOLATION`).
const TOP: u64 = 2;

/// A cache of objects of one kind (`struct kmem_cache`).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cache {
    /// Objects in a slab, and its pages.
    per_slab: u64,
    pages: u64,
    /// Empty slabs that stay.
    kept: u64,
    /// Objects of a process, of a thread and of a mapping.
    of: [u64; 3],
    reclaimable: bool,
    used: u64,
    slabs: u64,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Objects {
    caches: Vec<Cache>,
}

/// Pages that objects took or gave back: of slab that cannot be reclaimed, and of slab that is called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SlabPages {
    pub(crate) plain: u64,
    pub(crate) reclaimable: u64,
}

impl SlabPages {
    fn sum(self) -> u64 {
        self.plain + self.reclaimable
    }
}

impl Objects {
    /// None where it is not known what objects the release has: then processes cost whole pages.
    pub(crate) fn of(config: &MachineConfig) -> Objects {
        let stated = config.physical.as_ref().and_then(|profile| profile.per_process).is_some();
        if stated || !is_known(config.release, config.arch) {
            return Objects::default();
        }
        let column = usize::from(config.release >= Release::new(6, 12));
        let kinds = KINDS.iter().map(|(_, sizes, counts, reclaimable)| {
            (sizes[column], [counts[0], counts[1], 0], *reclaimable)
        });
        let mapping = MAPPING.iter().map(|sizes| (sizes[column], [0, 0, 1], false));
        let caches = kinds.chain(mapping).filter(|(size, ..)| *size > 0);
        let mut objects = Objects {
            caches: caches
                .map(|(size, of, kind)| Cache::new(size, of, kind, config.cpus))
                .collect(),
        };
        // Processes that have been and gone have left slabs behind.
        let before = config.physical.as_ref().map_or(0, |profile| profile.processes_before);
        for _ in 0..before {
            objects.take(Holder::Process, 1);
            objects.take(Holder::Mapping, 7);
        }
        for _ in 0..before {
            objects.give(Holder::Process, 1);
            objects.give(Holder::Mapping, 7);
        }
        objects
    }

    /// Pages of all slabs that processes have or have left behind.
    #[cfg(test)]
    pub(crate) fn pages(&self) -> u64 {
        self.caches.iter().map(|cache| cache.slabs * cache.pages).sum()
    }

    fn is_counted(&self) -> bool {
        !self.caches.is_empty()
    }

    /// Objects for so many holders, and the pages that take them.
    fn take(&mut self, holder: Holder, count: u64) -> SlabPages {
        self.change(holder, |cache, of| {
            cache.used += of * count;
            let more = cache.used.div_ceil(cache.per_slab).saturating_sub(cache.slabs);
            cache.slabs += more;
            more
        })
    }

    /// Their objects are free; pages of slabs that are not kept.
    fn give(&mut self, holder: Holder, count: u64) -> SlabPages {
        self.change(holder, |cache, of| {
            cache.used = cache.used.saturating_sub(of * count);
            let needed = cache.used.div_ceil(cache.per_slab);
            let fewer = cache.slabs.saturating_sub(needed + cache.kept);
            cache.slabs -= fewer;
            fewer
        })
    }

    /// Does something with each cache that this holder has objects of; the pages of the slabs.
    fn change(
        &mut self,
        holder: Holder,
        mut slabs: impl FnMut(&mut Cache, u64) -> u64,
    ) -> SlabPages {
        let mut pages = SlabPages::default();
        for cache in &mut self.caches {
            let of = cache.of[holder as usize];
            if of == 0 {
                continue;
            }
            let some = slabs(cache, of) * cache.pages;
            if cache.reclaimable {
                pages.reclaimable += some;
            } else {
                pages.plain += some;
            }
        }
        pages
    }
}

/// Whether the objects of its processes were counted.
pub fn is_known(release: Release, arch: Arch) -> bool {
    release >= Release::new(6, 1) && matches!(arch, Arch::X86_64 | Arch::Ia32)
}

impl Cache {
    fn new(size: u64, of: [u64; 3], reclaimable: bool, cpus: u32) -> Cache {
        let order = calculate_order(size, cpus);
        let pages = 1 << order;
        let per_slab = (pages * PAGE / size).max(1);
        // `set_cpu_partial()`: objects on a processor's list, as slabs that are half full (5.16).
        let objects = match size {
            PAGE.. => 6,
            1024.. => 24,
            256.. => 52,
            _ => 120,
        };
        let min_partial = u64::from(size.ilog2() / 2).clamp(5, 10);
        let kept = min_partial + u64::div_ceil(objects * 2, per_slab);
        Cache { per_slab, pages, kept, of, reclaimable, used: 0, slabs: 0 }
    }
}

/// `calculate_order()`: the smallest order of a slab that holds enough objects and wastes little.
fn calculate_order(size: u64, cpus: u32) -> u32 {
    let most = (PAGE << MAX_ORDER) / size;
    // `fls()` of the number of processors.
    let wanted = 4 * u64::from(u32::BITS - cpus.leading_zeros() + 1);
    let mut objects = wanted.min(most);
    while objects > 1 {
        for fraction in [16, 8, 4] {
            let smallest = (objects * size).div_ceil(PAGE).next_power_of_two().ilog2();
            let fits = |order: &u32| {
                let slab = PAGE << order;
                slab % size <= slab / fraction
            };
            if let Some(order) = (smallest..=MAX_ORDER).find(fits) {
                return order;
            }
        }
        objects -= 1;
    }
    size.div_ceil(PAGE).next_power_of_two().ilog2()
}

impl Physical {
    /// The objects of a process or thread are free, and its stack.
    pub(crate) fn give_process(&mut self, holder: Holder) {
        if !self.objects.is_counted() {
            let pages = self.profile.per_process.unwrap_or(0);
            self.give_kernel(pages);
            return;
        }
        let pages = self.objects.give(holder, 1);
        self.slab.unreclaimable = self.slab.unreclaimable.saturating_sub(pages.plain);
        self.slab.unpin(pages.reclaimable);
        let top = if holder == Holder::Process { TOP } else { 0 };
        self.give_kernel(pages.sum() + STACK + top);
    }

    /// An address space has so many mappings now, and not `before`.
    pub(crate) fn settle_mappings(&mut self, before: u64, now: u64) {
        if now > before {
            let pages = self.objects.take(Holder::Mapping, now - before);
            self.slab.unreclaimable += pages.plain;
            self.seize_kernel(pages.sum());
        } else if before > now {
            let pages = self.objects.give(Holder::Mapping, before - now);
            self.slab.unreclaimable = self.slab.unreclaimable.saturating_sub(pages.plain);
            self.give_kernel(pages.sum());
        }
    }
}

/// What the kernel needs for one more process or thread, beside page tables.
pub(crate) fn process_pages(ctx: &mut Ctx<'_>, holder: Holder) -> Result<(), NoMemory> {
    let Some(physical) = ctx.store.frames.physical.as_deref_mut() else { return Ok(()) };
    let (pages, need) = if physical.objects.is_counted() {
        let pages = physical.objects.take(holder, 1);
        let top = if holder == Holder::Process { TOP } else { 0 };
        (pages, pages.sum() + STACK + top)
    } else {
        (SlabPages::default(), physical.profile.per_process.unwrap_or(0))
    };
    physical.slab.unreclaimable += pages.plain;
    physical.slab.pin(pages.reclaimable);
    let mut got = 0;
    while got < need {
        match ctx.kernel_pages(need - got, For::KernelOwn) {
            Ok(pages) => got += pages,
            Err(none) => {
                if let Some(physical) = ctx.store.frames.physical.as_deref_mut() {
                    // Slabs that were made for it stay as others do.
                    physical.seize_kernel(need - got);
                    physical.give_process(holder);
                }
                return Err(none);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: &str = include_str!("../../tests/data/process-objects.txt");

    /// Lines of the measured table of one kernel: its name, and the numbers.
    fn lines(kernel: &str) -> impl Iterator<Item = (String, Vec<u64>)> {
        let lines = MEASURED.lines().filter(|line| !line.starts_with('#'));
        let of = lines.map(|line| line.split(' ').collect::<Vec<_>>());
        let of = of.filter(move |words| words[0] == kernel).map(|words| {
            let name = if words[1] == "meminfo" { words[2] } else { words[1] };
            (name.to_owned(), words.iter().filter_map(|word| word.parse().ok()).collect())
        });
        of.collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn slabs_hold_as_many_objects_as_slabinfo_says() {
        for (name, numbers) in lines("6.1").chain(lines("6.12")).filter(|(_, all)| all.len() >= 8) {
            // The kernel's name comes first, when it is a number.
            let [.., size, per_slab, pages, _, _, _, _, _] = numbers[..] else { panic!("{name}") };
            let cache = Cache::new(size, [1, 1, 1], false, 1);
            assert_eq!((cache.per_slab, cache.pages), (per_slab, pages), "{name} of {size}");
        }
    }

    #[test]
    fn slabs_grow_with_processes_as_they_did() {
        for (kernel, release) in [("6.1", Release::new(6, 1)), ("6.12", Release::new(6, 12))] {
            let mut config = MachineConfig::new(release, Arch::X86_64, 1 << 16, 0);
            config.physical = Some(crate::Profile::default());
            let mut objects = Objects::of(&config);
            let mut pages = SlabPages::default();
            let mut at_16 = pages;
            for process in 0..128 {
                if process == 16 {
                    at_16 = pages;
                }
                for some in [objects.take(Holder::Process, 1), objects.take(Holder::Mapping, 7)] {
                    pages.plain += some.plain;
                    pages.reclaimable += some.reclaimable;
                }
            }
            let measured = |what: &str| {
                let (_, kib) = lines(kernel).find(|(name, _)| name == what).unwrap();
                (kib[kib.len() - 1] - kib[kib.len() - 4]) / 4
            };
            // Of 720 pages; half a slab of the largest objects is 4.
            let plain = pages.plain - at_16.plain;
            assert!(plain.abs_diff(measured("SUnreclaim")) <= 24, "{kernel}: {plain}");
            let reclaimable = pages.reclaimable - at_16.reclaimable;
            assert!(reclaimable.abs_diff(measured("SReclaimable")) <= 6, "{kernel}: {reclaimable}");
        }
    }
}
