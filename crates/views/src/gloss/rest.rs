//! Huge pages, page cache, swap, totals, the kernel's own caches.

use facts::oom_report::Record;
use units::{Bytes, Pages};

use super::counters::share_of;
use super::{Gloss, Glosses, has};
use crate::amount;

impl Glosses<'_> {
    pub(super) fn huge_pool(&self, at: usize) -> Option<Gloss> {
        let pool = self.memory()?.huge_pools.get(at)?;
        let (Some(total), Some(size)) = (pool.total, pool.size) else {
            return Gloss::plain("A pool of huge pages.");
        };
        let sized = |pages: u64| Bytes::new(size.get().saturating_mul(pages));
        if total == 0 {
            return Gloss::plain(format!(
                "No huge pages of {size} are set aside on node {}: nothing is lost here.",
                pool.node
            ));
        }
        let free = pool.free.unwrap_or(0);
        let text = format!(
            "{} huge pages of {size} are set aside on node {}: {} that ordinary programs cannot \
             have, {} of it unused.",
            amount::grouped(total),
            pool.node,
            sized(total),
            sized(free)
        );
        Gloss::key_if(free > 0, text)
    }

    pub(super) fn page_cache(&self) -> Option<Gloss> {
        let pages = self.memory()?.pagecache?;
        Gloss::plain(format!(
            "All pages of files, tmpfs and shared memory, and the swap cache: {}.",
            self.bytes(pages)
        ))
    }

    pub(super) fn swap(&self, text: &[u8]) -> Option<Gloss> {
        let swap = &self.memory()?.swap;
        if has(text, "Free swap") {
            let free = swap.free?;
            return match (free, swap.total) {
                (_, Some(Bytes::ZERO)) => Gloss::plain("No swap is free, because there is none."),
                (Bytes::ZERO, _) => Gloss::key("Swap is full."),
                (free, Some(total)) if free.get() < total.get() / 20 => {
                    Gloss::key(format!("Swap is all but full: {free} left."))
                }
                (free, Some(total)) => Gloss::plain(format!(
                    "{free} of swap were still free{}: swap was not the limit.",
                    share_of(free, total)
                )),
                (free, None) => Gloss::plain(format!("{free} of swap were free.")),
            };
        }
        if has(text, "Total swap") {
            return match swap.total? {
                Bytes::ZERO => Gloss::key(
                    "There is no swap: heap and stacks of programs must stay in memory, whatever \
                     happens.",
                ),
                total => Gloss::plain(format!("Swap in all: {total}.")),
            };
        }
        if has(text, "Swap cache stats") || has(text, "Swap cache:") {
            return Gloss::plain(
                "Pages that ever went to swap and came back: large and growing numbers mean that \
                 the machine was busy swapping.",
            );
        }
        let cached = swap.cached?;
        if cached == Pages::ZERO {
            return None;
        }
        Gloss::plain(format!(
            "In memory and in swap at once, so quick to take: {}.",
            self.bytes(cached)
        ))
    }

    /// One of the counts at the end of `show_mem()`.
    pub(super) fn total(&self, text: &[u8]) -> Option<Gloss> {
        let totals = &self.memory()?.totals;
        let size = |pages: Option<Pages>| pages.map(|pages| self.bytes(pages));
        let text = if has(text, "HighMem") || has(text, "HIGHMEM") {
            match size(totals.highmem)? {
                Bytes::ZERO => "No memory that the kernel cannot address directly.".to_owned(),
                high => format!(
                    "{high} of it lie high: the kernel cannot use them for itself (32-bit), or they \
                     are for what can be moved."
                ),
            }
        } else if has(text, "cma reserved") {
            format!("{} in contiguous areas for devices.", size(totals.cma_reserved)?)
        } else if has(text, "hwpoisoned") {
            match size(totals.hwpoisoned)? {
                Bytes::ZERO => return None,
                poisoned => format!("{poisoned} put out of use because of memory faults."),
            }
        } else if has(text, "pagetable cache") {
            return None;
        } else if has(text, "non-shared") {
            format!("{} used by one process, or by the kernel.", size(totals.non_shared)?)
        } else if has(text, "shared") {
            format!("{} used by several processes.", size(totals.shared)?)
        } else if has(text, "reserved") {
            format!(
                "{} of that never given to the allocator: the kernel itself, firmware, crash kernel.",
                size(totals.reserved)?
            )
        } else if has(text, "RAM") {
            format!("All physical memory that the kernel knows: {}.", size(totals.ram)?)
        } else {
            return None;
        };
        Gloss::plain(text)
    }

    pub(super) fn allocation(&self, at: usize) -> Option<Gloss> {
        let place = self.memory()?.allocations.as_ref()?.sites.get(at)?;
        let size =
            place.bytes.map_or_else(|| place.size_text.to_string(), |bytes| bytes.to_string());
        let calls = place
            .calls
            .map_or(String::new(), |calls| format!(" in {} allocations", amount::grouped(calls)));
        Gloss::plain(format!("{size}{calls}, asked for at {}.", place.place))
    }

    pub(super) fn slab(&self, at: usize) -> Option<Gloss> {
        let cache = self.report.slab.as_ref()?.caches.get(at)?;
        let (used, total) = (cache.used?, cache.total?);
        let managed = self.explained.memory.as_ref().and_then(|memory| memory.total);
        let share = managed.map_or(String::new(), |managed| share_of(total, managed));
        let large = managed.is_some_and(|managed| total.get() > managed.get() / 10);
        Gloss::key_if(
            large,
            format!("The kernel's `{}`: {total}{share}, {used} of it in use.", cache.name),
        )
    }

    /// What is said once at the beginning of a part.
    pub(super) fn introduction(&self, record: Record) -> Option<Gloss> {
        if record != Record::TasksTitle {
            return None;
        }
        let who = if self.explained.group.is_some() {
            "every process of the cgroup"
        } else {
            "every process but the kernel's own threads and init"
        };
        Gloss::plain(format!(
            "Who could be killed: {who}. Sizes are in pages of {} KiB.",
            self.page_size.kib()
        ))
    }
}
