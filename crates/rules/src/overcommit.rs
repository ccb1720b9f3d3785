//! Overcommit: how much memory may be promised, and which request is refused.
//!
//! # What it follows
//! `__vm_enough_memory()` and `vm_commit_limit()` in `mm/util.c` (`mm/mmap.c` before 3.15, and in
//! `security/commoncap.c` before 2.6.15), Linux 2.4 to today. All counts are pages.
//!
//! # What it leaves out
//! The kernel tests an approximate sum of what is committed; here the sum is exact. Which mappings
//! are accounted at all is not this module's question.

use facts::{Field, OvercommitMode, Release, Snapshot};
use units::{Bytes, Pages};

/// What the strict limit follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitInput {
    /// `MemTotal`.
    pub total_ram: Pages,
    /// All pools of huge pages: `Hugetlb`, or `HugePages_Total` times their size.
    pub hugetlb: Pages,
    /// `SwapTotal`.
    pub total_swap: Pages,
    /// `vm.overcommit_ratio`, percent; 50 unless set.
    pub ratio: u64,
    /// `vm.overcommit_kbytes` in pages; 0 unless set, and then the ratio counts. Since 3.14.
    pub fixed: Pages,
}

/// `CommitLimit`, pages: what may be promised in mode 2, before reserves.
///
/// `vm_commit_limit()` since 3.14, inline before: `(RAM - huge pages) * ratio / 100 + swap`, or
/// `overcommit_kbytes + swap` where that is set.
pub fn commit_limit(release: Release, input: CommitInput) -> Pages {
    ram_part(release, input).saturating_add(input.total_swap)
}

fn ram_part(release: Release, input: CommitInput) -> Pages {
    if input.fixed > Pages::ZERO && release >= Release::new(3, 14) {
        return input.fixed;
    }
    let base = input.total_ram.saturating_sub(input.hugetlb).count();
    let part = u128::from(base) * u128::from(input.ratio) / 100;
    Pages::new(u64::try_from(part).unwrap_or(u64::MAX))
}

/// What the strict limit of a snapshot follows from; `None` if a number is missing.
pub fn commit_input(snapshot: &Snapshot) -> Option<CommitInput> {
    let meminfo = &snapshot.meminfo;
    let sysctls = &snapshot.sysctls;
    let pages = |bytes: Bytes| snapshot.page_size.pages_in(bytes);
    // Without a `Hugetlb` line (before 4.16) only the pool of the default size is known.
    let pool = || {
        let size = meminfo.get(Field::Hugepagesize).unwrap_or_default();
        Bytes::new(meminfo.hugepages_total.unwrap_or(0).saturating_mul(size.get()))
    };
    let fixed = pages(sysctls.overcommit_kbytes.unwrap_or_default());
    Some(CommitInput {
        total_ram: pages(meminfo.get(Field::MemTotal)?),
        hugetlb: pages(meminfo.get(Field::Hugetlb).unwrap_or_else(pool)),
        total_swap: pages(meminfo.get(Field::SwapTotal)?),
        ratio: match sysctls.overcommit_ratio {
            None if fixed > Pages::ZERO => 0,
            ratio => ratio?,
        },
        fixed,
    })
}

/// The strict limit of a snapshot: as printed, or by the rules of the release where the kernel does
/// not print it (before 2.6.10).
pub fn commit_limit_of(snapshot: &Snapshot, release: Release) -> Option<Bytes> {
    let computed = || commit_limit(release, commit_input(snapshot)?).to_bytes(snapshot.page_size);
    snapshot.meminfo.get(Field::CommitLimit).or_else(computed)
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// Whether it has `CAP_SYS_ADMIN`.
    pub privileged: bool,
    /// Its address space (`VmSize`).
    pub total_vm: Pages,
}

/// What is kept back from promises, so that somebody can still log in and put things right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserves {
    /// `vm.admin_reserve_kbytes` in pages (3.10).
    pub admin: Pages,
    /// `vm.user_reserve_kbytes` in pages (3.10).
    pub user: Pages,
}

/// What mode 2 allows this asker to see committed, pages: a request is granted while the sum after
/// it is less.
///
/// `__vm_enough_memory()`: up to 3.8 those without `CAP_SYS_ADMIN` lose 1/32 of the RAM part, and
/// everyone 1/32 of their own address space (since 2.6.11); since 3.10 `admin_reserve_kbytes`, and
/// at most `user_reserve_kbytes` of the latter.
pub fn strict_allowance(
    release: Release,
    input: CommitInput,
    reserves: Reserves,
    asker: Asker,
) -> Pages {
    let with_reserves = release >= Release::new(3, 10);
    let mut allowed = ram_part(release, input);
    if !with_reserves && !asker.privileged {
        allowed = allowed.saturating_sub(Pages::new(allowed.count() / 32));
    }
    allowed = allowed.saturating_add(input.total_swap);
    if with_reserves && !asker.privileged {
        allowed = allowed.saturating_sub(reserves.admin);
    }
    let own = Pages::new(asker.total_vm.count() / 32);
    if with_reserves {
        allowed.saturating_sub(own.min(reserves.user))
    } else if release >= Release::old(2, 6, 11) {
        allowed.saturating_sub(own)
    } else {
        allowed
    }
}

/// The machine as mode 0 looks at it, pages. Since 5.2 only RAM and swap count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Machine {
    /// `MemTotal`.
    pub total_ram: Pages,
    /// `SwapTotal`.
    pub total_swap: Pages,
    /// `MemFree`.
    pub free: Pages,
    /// All page cache: `Cached`, `Buffers` and `SwapCached`.
    pub file: Pages,
    /// `Shmem`: since 3.1 not taken for free.
    pub shmem: Pages,
    /// `SwapFree`.
    pub free_swap: Pages,
    /// Slab that can be reclaimed, and since 4.20 the rest of `KReclaimable`.
    pub reclaimable: Pages,
    /// [`crate::reserve::totalreserve_pages`], since 2.6.17.
    pub totalreserve: Pages,
}

/// Everything a request is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    /// For mode 0.
    pub machine: Machine,
    /// For mode 2.
    pub strict: CommitInput,
    /// What is kept back.
    pub reserves: Reserves,
    /// What is committed before the request.
    pub committed: Pages,
}

/// Whether a request of so many accountable pages is granted; otherwise it fails with `ENOMEM`.
///
/// `__vm_enough_memory()`, `vm_enough_memory()` in 2.4 and 2.6.0 to 2.6.14. 2.4 knew no strict mode:
/// whatever was not 0 granted everything.
pub fn grants(
    release: Release,
    mode: OvercommitMode,
    books: &Books,
    asker: Asker,
    pages: Pages,
) -> bool {
    let knows_strict = release >= Release::old(2, 6, 0);
    match mode {
        OvercommitMode::Heuristic => {
            guess(release, &books.machine, books.reserves.admin, asker.privileged, pages)
        }
        OvercommitMode::Never if knows_strict => {
            let allowed = strict_allowance(release, books.strict, books.reserves, asker);
            books.committed.saturating_add(pages) < allowed
        }
        OvercommitMode::Always | OvercommitMode::Never => true,
    }
}

/// Mode 0. What is committed already does not matter in any release.
fn guess(
    release: Release,
    machine: &Machine,
    admin: Pages,
    privileged: bool,
    pages: Pages,
) -> bool {
    let since = |major, minor| release >= Release::new(major, minor);
    let Machine { total_ram, total_swap, free, file, shmem, free_swap, reclaimable, totalreserve } =
        *machine;
    let less_a_32nd = |n: Pages| {
        if privileged { n } else { n.saturating_sub(Pages::new(n.count() / 32)) }
    };
    if since(5, 2) {
        return pages <= total_ram.saturating_add(total_swap);
    }
    if since(3, 1) {
        let all = [free, file, free_swap, reclaimable].into_iter().sum::<Pages>();
        let all = all.saturating_sub(shmem);
        if all <= totalreserve {
            return false;
        }
        let all = all.saturating_sub(totalreserve);
        let all = if !since(3, 10) {
            less_a_32nd(all)
        } else if privileged {
            all
        } else {
            all.saturating_sub(admin)
        };
        return all > pages;
    }
    let cache = [file, free_swap, reclaimable].into_iter().sum::<Pages>();
    if release < Release::old(2, 6, 0) {
        return cache.saturating_add(free) > pages;
    }
    let cache = less_a_32nd(cache);
    if cache > pages {
        return true;
    }
    let keeps_reserve = release >= Release::old(2, 6, 17);
    if keeps_reserve && free <= totalreserve {
        return false;
    }
    let kept = if keeps_reserve { totalreserve } else { Pages::ZERO };
    cache.saturating_add(less_a_32nd(free.saturating_sub(kept))) > pages
}

/// The largest single request that mode 0 grants, where that is a fixed number: all RAM and swap
/// together, since 5.2 (`__vm_enough_memory()`).
pub fn largest_guess(release: Release, total_ram: Pages, total_swap: Pages) -> Option<Pages> {
    (release >= Release::new(5, 2)).then(|| total_ram.saturating_add(total_swap))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        text.parse().unwrap()
    }

    fn pages(count: u64) -> Pages {
        Pages::new(count)
    }

    fn strict(total_ram: u64, total_swap: u64, ratio: u64) -> CommitInput {
        CommitInput {
            total_ram: pages(total_ram),
            hugetlb: Pages::ZERO,
            total_swap: pages(total_swap),
            ratio,
            fixed: Pages::ZERO,
        }
    }

    fn limit(of: &str, input: CommitInput) -> u64 {
        commit_limit(release(of), input).count()
    }

    #[test]
    fn half_of_256_mb_and_256_mb_of_swap_is_384_mb() {
        // Published figure A7.
        let mib_256 = 65_536;
        assert_eq!(limit("2.6.18", strict(mib_256, mib_256, 50)) * 4096, 384 << 20);
        assert_eq!(limit("6.18", strict(mib_256, mib_256, 50)) * 4096, 384 << 20);
    }

    #[test]
    fn commit_limits_of_measured_machines_are_met() {
        for (total_kib, limit_kib) in [
            (94_800, 47_400),
            (223_632, 111_816),
            (481_296, 240_648),
            (996_624, 498_312),
            (2_027_280, 1_013_640),
            (4_022_276, 2_011_136),
            (5_935_120, 2_967_560),
            (24_684_092, 12_342_044),
        ] {
            assert_eq!(limit("6.1", strict(total_kib / 4, 0, 50)) * 4, limit_kib);
        }
    }

    #[test]
    fn huge_pages_are_taken_off_before_the_ratio() {
        let input = CommitInput { hugetlb: pages(1000), ..strict(3000, 10, 50) };
        assert_eq!(limit("6.1", input), 1010);
        let more_than_all = CommitInput { hugetlb: pages(4000), ..input };
        assert_eq!(limit("6.1", more_than_all), 10);
    }

    #[test]
    fn a_fixed_limit_replaces_the_ratio_since_3_14() {
        let input = CommitInput { fixed: pages(7), ..strict(3000, 10, 50) };
        assert_eq!(limit("3.14", input), 17);
        assert_eq!(limit("3.13", input), 1510);
    }

    fn allowance(of: &str, privileged: bool, total_vm: u64) -> u64 {
        let reserves = Reserves { admin: pages(2048), user: pages(500) };
        let asker = Asker { privileged, total_vm: pages(total_vm) };
        strict_allowance(release(of), strict(64_000, 1000, 50), reserves, asker).count()
    }

    #[test]
    fn reserves_changed_from_shares_to_sizes_in_3_10() {
        assert_eq!(allowance("6.18", true, 0), 33_000);
        assert_eq!(allowance("6.18", false, 0), 33_000 - 2048);
        assert_eq!(allowance("6.18", false, 320), 33_000 - 2048 - 10);
        assert_eq!(allowance("6.18", true, 1 << 40), 33_000 - 500);
        assert_eq!(allowance("3.8", false, 320), 32_000 - 1000 + 1000 - 10);
        assert_eq!(allowance("3.8", true, 320), 33_000 - 10);
        assert_eq!(allowance("2.6.9", true, 320), 33_000);
    }

    fn largest(of: &str, mode: OvercommitMode, privileged: bool) -> u64 {
        let books = Books {
            machine: Machine {
                total_ram: pages(10_000),
                total_swap: pages(5000),
                free: pages(1000),
                file: pages(3000),
                shmem: pages(300),
                free_swap: pages(4000),
                reclaimable: pages(500),
                totalreserve: pages(200),
            },
            strict: strict(10_000, 5000, 50),
            reserves: Reserves { admin: pages(64), user: pages(32) },
            committed: pages(600),
        };
        let asker = Asker { privileged, total_vm: Pages::ZERO };
        let granted = |n: u64| grants(release(of), mode, &books, asker, pages(n));
        // What is granted is granted up to a size; the largest is found by halving.
        let (mut yes, mut no) = (0, 1 << 40);
        while no - yes > 1 {
            let middle = yes + (no - yes) / 2;
            if granted(middle) { yes = middle } else { no = middle }
        }
        yes
    }

    #[test]
    fn the_heuristic_grants_what_its_release_takes_for_free() {
        let heuristic = |of, privileged| largest(of, OvercommitMode::Heuristic, privileged);
        assert_eq!(heuristic("2.4.22", false), 3000 + 4000 + 500 + 1000 - 1);
        let cache = 7500 - 7500 / 32;
        assert_eq!(heuristic("2.6.11", true), 8500 - 1);
        assert_eq!(heuristic("2.6.11", false), cache + 1000 - 1000 / 32 - 1);
        assert_eq!(heuristic("2.6.32", true), 7500 + 800 - 1);
        assert_eq!(heuristic("2.6.32", false), cache + 800 - 800 / 32 - 1);
        assert_eq!(heuristic("3.8", false), 8000 - 8000 / 32 - 1);
        assert_eq!(heuristic("3.10", true), 8000 - 1);
        assert_eq!(heuristic("5.1", false), 8000 - 64 - 1);
        assert_eq!(heuristic("5.2", false), 15_000);
        assert_eq!(largest_guess(release("5.2"), pages(10_000), pages(5000)), Some(pages(15_000)));
        assert_eq!(largest_guess(release("5.1"), pages(10_000), pages(5000)), None);
    }

    #[test]
    fn strict_mode_counts_what_is_committed() {
        let never = |of, privileged| largest(of, OvercommitMode::Never, privileged);
        assert_eq!(never("6.18", true), 10_000 - 600 - 1);
        assert_eq!(never("6.18", false), 10_000 - 64 - 600 - 1);
        assert_eq!(never("2.4.22", false), (1 << 40) - 1);
        assert_eq!(largest("6.18", OvercommitMode::Always, false), (1 << 40) - 1);
    }

    #[test]
    fn the_limit_is_computed_where_the_kernel_does_not_print_it() {
        let mut s = Snapshot::unknown("test");
        let limit = |s: &Snapshot| commit_limit_of(s, release("2.6.9")).map(Bytes::kib);
        assert_eq!(limit(&s), None);
        s.meminfo.set(Field::MemTotal, Bytes::new(256 << 20));
        s.meminfo.set(Field::SwapTotal, Bytes::new(256 << 20));
        assert_eq!(limit(&s), None, "the ratio is not known");
        s.sysctls.overcommit_ratio = Some(50);
        assert_eq!(limit(&s), Some(384 << 10));
        s.meminfo.hugepages_total = Some(16);
        s.meminfo.set(Field::Hugepagesize, Bytes::new(4 << 20));
        assert_eq!(limit(&s), Some(352 << 10));
        s.meminfo.set(Field::CommitLimit, Bytes::new(1 << 20));
        assert_eq!(limit(&s), Some(1 << 10));
    }

    #[test]
    fn hostile_numbers_do_not_overflow() {
        let max = Pages::new(u64::MAX);
        let input = CommitInput {
            total_ram: max,
            hugetlb: Pages::ZERO,
            total_swap: max,
            ratio: u64::MAX,
            fixed: Pages::ZERO,
        };
        for of in ["2.4.22", "2.6.11", "2.6.32", "3.8", "4.19", "6.18"] {
            assert_eq!(commit_limit(release(of), input), max);
        }
    }
}
