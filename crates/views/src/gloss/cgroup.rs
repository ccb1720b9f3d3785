//! The lines of a memory cgroup.

use std::fmt::Write as _;

use facts::oom_report::{MemcgUsage, Record};
use rules::explain::Cause;
use units::{Bytes, Limit};

use super::{Gloss, Glosses};
use crate::amount;

impl Glosses<'_> {
    pub(super) fn memcg_task(&self) -> Option<Gloss> {
        let block = self.report.memcg.as_ref()?;
        let limit = block.limit_group.as_ref();
        let task = block.task_group.as_ref();
        let text = match (task, limit) {
            (Some(task), Some(limit)) if task == limit => {
                format!("The cgroup {limit} reached its limit, and the victim is one of its own.")
            }
            (Some(task), Some(limit)) => format!(
                "The cgroup {limit} reached its limit. The victim is in {task}, below it: the limit \
                 of a group holds for all groups in it."
            ),
            (None, Some(limit)) => format!("The cgroup {limit} reached its limit."),
            (Some(task), None) => format!("The task is in the cgroup {task}."),
            (None, None) => return None,
        };
        Gloss::key(text)
    }

    pub(super) fn memcg_usage(&self, record: Record) -> Option<Gloss> {
        let block = self.report.memcg.as_ref()?;
        let (usage, what) = match record {
            Record::MemcgMemory => (block.memory?, "The cgroup's memory"),
            Record::MemcgMemorySwap => (block.memory_swap?, "Memory and swap together"),
            Record::MemcgSwap => (block.swap?, "The cgroup's swap"),
            _ => (block.kmem?, "What the kernel keeps for the cgroup, part of its memory"),
        };
        let key = match self.explained.cause {
            Cause::GroupLimit => record == Record::MemcgMemory,
            Cause::GroupSwapLimit => record == Record::MemcgMemorySwap,
            _ => false,
        };
        let mut text = format!("{what}: {}", state(usage));
        let full = matches!((usage.usage, usage.limit), (Some(usage), Some(Limit::At(limit)))
            if usage.saturating_add(Bytes::new(1 << 20)) >= limit);
        if key && full {
            text.push_str(". It is full: that is what ran out");
        }
        if record == Record::MemcgSwap && usage.limit == Some(Limit::At(Bytes::ZERO)) {
            text.push_str(": nothing of it may be swapped out");
        }
        match usage.failcnt {
            Some(0) | None => {}
            Some(count) => {
                _ = write!(
                    text,
                    ". failcnt: the limit stopped it {} since the group was made",
                    amount::count(usize::try_from(count).unwrap_or(usize::MAX), "time", "times")
                );
            }
        }
        text.push('.');
        Gloss::key_if(key, text)
    }

    pub(super) fn memcg_stats(&self, at: usize) -> Option<Gloss> {
        let stats = self.report.memcg.as_ref()?.stats.get(at)?;
        let path = stats.path.as_ref();
        let of = path.map_or(String::new(), |path| format!(" of the cgroup {path}"));
        if stats.counters.0.is_empty() {
            return Gloss::plain(format!("From here the figures{of}, with those below it."));
        }
        let figure = |name: &str, words: &str| {
            let bytes = stats.counters.get(name).filter(|&bytes| bytes > 0)?;
            Some(format!("{} {words}", Bytes::new(bytes)))
        };
        // On one line in kilobytes up to 5.2; one a line after it.
        let parts: Vec<String> = [
            figure("rss", "of programs' own memory (rss)"),
            figure("anon", "of programs' own memory (anon)"),
            figure("cache", "of files and tmpfs (cache)"),
            figure("file", "of files and tmpfs (file)"),
            figure("shmem", "of it tmpfs and shared memory"),
            figure("swap", "in swap"),
            figure("kernel", "of the kernel's own"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() {
            return Gloss::plain(format!("What the memory{of} is: nothing of note."));
        }
        Gloss::plain(format!("What the memory{of} is: {}.", parts.join(", ")))
    }

    pub(super) fn memcg_stat(&self, stats: usize, counter: usize) -> Option<Gloss> {
        let block = self.report.memcg.as_ref()?;
        let (name, value) = block.stats.get(stats)?.counters.0.get(counter)?;
        let name = name.to_string();
        let (words, is_size) = stat_words(&name)?;
        if *value == 0 && !matches!(name.as_str(), "anon" | "file" | "rss" | "cache" | "shmem") {
            return None;
        }
        if !is_size {
            return Gloss::plain(format!(
                "{words}: {} since the group was made.",
                amount::grouped(*value)
            ));
        }
        let whole = block.memory.and_then(|memory| memory.usage);
        let share = whole
            .filter(|_| matches!(name.as_str(), "anon" | "file" | "rss" | "cache" | "kernel"))
            .and_then(|whole| amount::share(Bytes::new(*value), whole))
            .map_or(String::new(), |share| format!(", {share} of its memory"));
        let key = matches!(name.as_str(), "anon" | "file" | "rss" | "cache" | "shmem" | "kernel")
            && whole.is_some_and(|whole| *value > whole.get() / 2);
        Gloss::key_if(key, format!("{words}: {}{share}.", Bytes::new(*value)))
    }

    pub(super) fn protection(&self) -> Option<Gloss> {
        let protection = self.report.protection?;
        let amount = |bytes: Option<Bytes>| amount::long(bytes);
        Gloss::plain(format!(
            "What cgroups keep from reclaim: {} that are never taken (memory.min) and {} that are \
             taken last (memory.low). What is protected cannot help the others.",
            amount(protection.min),
            amount(protection.low)
        ))
    }
}

fn state(usage: MemcgUsage) -> String {
    let limit = match usage.limit {
        Some(Limit::At(limit)) => format!("of at most {limit}"),
        Some(Limit::Max) => "without a limit of its own".to_owned(),
        None => "of a limit that is not in the text".to_owned(),
    };
    format!("{} {limit}", amount::long(usage.usage))
}

/// What a figure of a cgroup means, and whether it is a size.
fn stat_words(name: &str) -> Option<(&'static str, bool)> {
    let size = |words| Some((words, true));
    let count = |words| Some((words, false));
    match name.strip_prefix("total_").unwrap_or(name) {
        "anon" | "rss" => size("Programs' own memory (heap, stacks), which only swap could take"),
        "file" | "cache" => size("Pages of files, and tmpfs"),
        "kernel" => size("What the kernel keeps for the group"),
        "kernel_stack" => size("Of that, stacks of its tasks"),
        "pagetables" => size("Of that, page tables"),
        "sec_pagetables" => size("Page tables of guests and devices"),
        "percpu" => size("Of that, data kept once for each CPU"),
        "sock" => size("Network buffers"),
        "vmalloc" => size("Of that, large areas of the kernel"),
        "shmem" => size("tmpfs and shared memory, counted as file but only swap could take it"),
        "zswap" => size("Compressed copies of what was swapped out"),
        "zswapped" => size("What those copies were before"),
        "file_mapped" | "mapped_file" => size("Files' pages that programs have mapped"),
        "file_dirty" | "dirty" => size("Files' pages not yet written to disk"),
        "file_writeback" | "writeback" => size("Files' pages being written now"),
        "swap" => size("In swap"),
        "swapcached" => size("In swap and in memory at once"),
        "anon_thp" | "rss_huge" => size("Of programs' memory, in huge pages"),
        "inactive_anon" => size("Programs' memory not used lately"),
        "active_anon" => size("Programs' memory used lately"),
        "inactive_file" => size("Files' pages not used lately: the first that reclaim takes"),
        "active_file" => size("Files' pages used lately"),
        "unevictable" => size("Locked: reclaim may not take it"),
        "slab_reclaimable" => size("Kernel's objects that can be given back"),
        "slab_unreclaimable" => size("Kernel's objects that cannot be given back"),
        "slab" => size("Kernel's objects in all"),
        "hierarchical_memory_limit" => {
            size("The lowest limit on memory, of it or a group above it")
        }
        "hierarchical_memsw_limit" => size("The lowest limit on memory and swap together"),
        "pgfault" => count("Page faults"),
        "pgmajfault" => count("Page faults that had to read from a disk or from swap"),
        "pgscan" => count("Pages that reclaim looked at"),
        "pgsteal" => count("Pages that reclaim could take"),
        "workingset_refault_anon" => count("Pages that came back from swap soon after they went"),
        "workingset_refault_file" => {
            count("Pages of files that had to be read again soon after they were dropped")
        }
        "workingset_refault" => count("Pages that came back soon after they were dropped"),
        "oom_kill" => count("Kills for want of memory"),
        _ => None,
    }
}
