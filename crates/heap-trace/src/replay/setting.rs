//! What could be otherwise: glibc's tunables, when `malloc_trim` is called, and the order of frees.

use crate::plan::{Step, Verb};
use malloc::Tunables;

/// A way to play a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Setting {
    /// glibc's own settings.
    pub tunables: Tunables,
    /// Call `malloc_trim(0)` behind every so many calls; 0 is never.
    pub trim_every: u64,
    /// Call `malloc_trim(0)` behind this call, numbered from 1; 0 is never.
    pub trim_at: u64,
    /// In which order neighbouring frees are made.
    pub order: Order,
}

/// The order of frees that follow each other without an allocation between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As recorded.
    #[default]
    Recorded,
    /// The newest block first.
    Lifo,
}

impl Setting {
    /// What the program would do otherwise; `None` if nothing.
    pub fn change(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.order == Order::Lifo {
            parts.push("frees that follow each other made newest first".to_owned());
        }
        if self.trim_every > 0 {
            parts.push(format!("malloc_trim(0) every {} calls", self.trim_every));
        }
        if self.trim_at > 0 {
            parts.push(format!("malloc_trim(0) once, behind call {}", self.trim_at));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// The same calls with the newest block first wherever one thread frees several in a row.
pub(crate) fn lifo(steps: &[Step]) -> Vec<Step> {
    let mut steps = steps.to_vec();
    for run in steps.chunk_by_mut(freed_together) {
        if run.len() > 1 {
            // Blocks are numbered as they are allocated.
            run.sort_by_key(|step| std::cmp::Reverse(step.block));
        }
    }
    steps
}

fn freed_together(a: &Step, b: &Step) -> bool {
    a.verb == Verb::Free && b.verb == Verb::Free && a.thread == b.thread
}

/// Reads the value of `GLIBC_TUNABLES`; what is not of `malloc` is left out, as glibc does with what
/// it does not know.
///
/// # Errors
/// A sentence if a number of `glibc.malloc` is none.
pub fn tunables(value: &str) -> Result<Tunables, String> {
    let mut tunables = Tunables::default();
    for part in value.split(':').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let Some(name) = name.strip_prefix("glibc.malloc.") else { continue };
        let value = value.trim();
        let number = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => value.parse().ok(),
        };
        let number = number.ok_or_else(|| {
            format!("expected a number for glibc.malloc.{name}, found `{}`", value.escape_debug())
        })?;
        let int = i32::try_from(number).ok();
        match name {
            "check" => tunables.check = u8::try_from(number).ok(),
            "top_pad" => tunables.top_pad = Some(number),
            "perturb" => tunables.perturb = int,
            "mmap_threshold" => tunables.mmap_threshold = Some(number),
            "trim_threshold" => tunables.trim_threshold = Some(number),
            "mmap_max" => tunables.mmap_max = int,
            "hugetlb" => tunables.hugetlb = Some(number),
            "mxfast" => tunables.mxfast = Some(number),
            "tcache_max" => tunables.tcache_max = Some(number),
            "tcache_count" => tunables.tcache_count = Some(number),
            "tcache_unsorted_limit" => tunables.tcache_unsorted_limit = Some(number),
            "arena_max" => tunables.arena_max = Some(number),
            "arena_test" => tunables.arena_test = Some(number),
            other => {
                return Err(format!(
                    "glibc has no tunable `glibc.malloc.{}`",
                    other.escape_debug()
                ));
            }
        }
    }
    Ok(tunables)
}
