//! Page tables that are in no counter: the levels above those that `PageTables` has.

use facts::{Release, Task};

use super::figures::Figures;
use super::tree::with;
use super::{Exactness, Line, LineKind};

/// `pagetable_pgd_ctor()`: the top level is in `NR_PAGETABLE`.
const TOP_COUNTED: Release = Release::new(6, 14);
/// `pagetable_pud_ctor()`: the third level is.
const THIRD_COUNTED: Release = Release::new(6, 7);
/// `preallocate_vmalloc_pages()`: the kernel takes every third-level table of vmalloc at boot, one
/// for each of the 64 entries of the top level that vmalloc's 32 TiB fill.
const PREALLOCATED: Release = Release::new(5, 8);
const PREALLOCATED_BYTES: i64 = 64 * TABLE;
/// `PGD_ALLOCATION_ORDER`: with `CONFIG_PAGE_TABLE_ISOLATION` the top level has a second half,
/// whether the processor needs it or not.
const ISOLATION: Release = Release::new(4, 15);

const TABLE: i64 = 4096;
/// An address space has its program and heap under one entry of the top level, and its stack and
/// libraries under another.
const THIRD_LEVELS: i64 = 2;

/// What the address spaces and the kernel have of the uncounted levels, on x86-64.
///
/// In a trace of the page allocator, 13 address spaces on 6.1 and 6.12 had 104 KiB of top levels,
/// and on 6.1 another 104 KiB of third levels: what is computed here. The tables taken for vmalloc
/// are older than such a trace; that they are counted shows in 6.12's `PageTables`, which is 228 KiB
/// above the sum of `VmPTE`. Other machines' top levels stay in the remainder.
pub(super) fn uncounted(figures: &mut Figures<'_>) -> Option<Line> {
    let release = figures.release().filter(|&release| release < TOP_COUNTED)?;
    figures.snapshot.machine.as_ref().filter(|machine| machine.as_bytes() == b"x86_64")?;
    let tasks = figures.snapshot.tasks.iter().filter(|task| has_address_space(task));
    let spaces = i64::try_from(tasks.count()).ok().filter(|&spaces| spaces > 0)?;
    let mut each = if release >= ISOLATION { 2 * TABLE } else { TABLE };
    let mut kernel = 0;
    if release < THIRD_COUNTED {
        each += THIRD_LEVELS * TABLE;
        if release >= PREALLOCATED {
            kernel = PREALLOCATED_BYTES;
        }
    }
    let bytes = spaces.saturating_mul(each).saturating_add(kernel);
    let from = "number of address spaces, times the levels that this release does not count";
    Some(with(LineKind::UpperPageTables, bytes, Exactness::Estimated, from))
}

/// Kernel threads have none of their own, and zombies none any more.
fn has_address_space(task: &Task) -> bool {
    task.is_kernel_thread() != Some(true)
        && (task.vm_rss.is_some() || task.rss.is_some_and(|rss| rss.count() > 0))
}
