//! How broken up the free memory of a zone is, from its free blocks by order.
//!
//! Both figures are the kernel's own (`mm/vmstat.c`, since 2.6.35, in debugfs as `extfrag/`), in
//! thousandths. They say different things: [`unusable_index`] how much of the free memory is in
//! blocks too small for a request; [`fragmentation_index`] why a request fails.

use units::Pages;

/// Free pages in blocks: `counts[order]` blocks of 2^order pages each. `None` on overflow.
pub fn free_pages(counts: &[u64]) -> Option<Pages> {
    blocks(counts, 0).map(Pages::new)
}

/// Pages in blocks of `order` and above.
fn blocks(counts: &[u64], from: usize) -> Option<u64> {
    counts.iter().enumerate().skip(from).try_fold(0_u64, |sum, (order, &count)| {
        let size = 1_u64.checked_shl(u32::try_from(order).ok()?)?;
        sum.checked_add(count.checked_mul(size)?)
    })
}

/// Share of the free memory that is in blocks too small for a request of `order`, in thousandths:
/// `unusable_free_index()`. A zone with nothing free has 1000. `None` on overflow.
pub fn unusable_index(counts: &[u64], order: usize) -> Option<u32> {
    let free = blocks(counts, 0)?;
    if free == 0 {
        return Some(1000);
    }
    let unusable = u128::from(free - blocks(counts, order)?);
    u32::try_from(unusable * 1000 / u128::from(free)).ok()
}

/// What the fragmentation index says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fragmentation {
    /// It would not fail: a block is large enough (the kernel's -1000).
    Fits,
    /// It would fail; why, in thousandths: towards 0, or below, because memory is short, towards
    /// 1000 because it is broken up. Above `vm.extfrag_threshold` (500) the kernel compacts memory.
    Fails(i64),
}

/// Why a request of `order` would fail: `__fragmentation_index()`. `None` on overflow, or for an
/// order beyond 63.
pub fn fragmentation_index(counts: &[u64], order: usize) -> Option<Fragmentation> {
    let requested = 1_u64.checked_shl(u32::try_from(order).ok()?)?;
    let free = blocks(counts, 0)?;
    let number = counts.iter().try_fold(0_u64, |sum, &n| sum.checked_add(n))?;
    if number == 0 {
        return Some(Fragmentation::Fails(0));
    }
    if counts.iter().skip(order).any(|&count| count > 0) {
        return Some(Fragmentation::Fits);
    }
    let share = (1000 + u128::from(free) * 1000 / u128::from(requested)) / u128::from(number);
    Some(Fragmentation::Fails(1000 - i64::try_from(share).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // A sysrq-m of the days of 4 kB to 4 MB blocks: DMA, 10064 kB.
    const DMA: [u64; 11] = [122, 63, 45, 9, 2, 0, 1, 1, 1, 1, 1];

    #[test]
    fn blocks_add_up_to_what_the_kernel_says_is_free() {
        assert_eq!(free_pages(&DMA), Some(Pages::new(10064 / 4)));
        let normal = [6196, 4435, 3053, 1624, 663, 202, 41, 6, 0, 0, 1];
        assert_eq!(free_pages(&normal), Some(Pages::new(247_032 / 4)));
    }

    #[test]
    fn a_request_that_would_succeed_has_no_reason_to_fail() {
        assert_eq!(fragmentation_index(&DMA, 10), Some(Fragmentation::Fits));
        assert_eq!(unusable_index(&DMA, 0), Some(0));
        assert_eq!(unusable_index(&DMA, 10), Some((2516 - 1024) * 1000 / 2516));
    }

    #[test]
    fn the_reason_leans_towards_shortage_or_towards_fragmentation() {
        // One page free, 512 wanted: memory is short.
        assert_eq!(fragmentation_index(&[1], 9), Some(Fragmentation::Fails(-1)));
        // A quarter million single pages: memory is broken up. 1000 - (1000 + 512000)/262144.
        assert_eq!(fragmentation_index(&[262_144], 9), Some(Fragmentation::Fails(999)));
        assert_eq!(unusable_index(&[262_144], 9), Some(1000));
        assert_eq!(fragmentation_index(&[0; 11], 3), Some(Fragmentation::Fails(0)));
        assert_eq!(unusable_index(&[0; 11], 3), Some(1000));
    }

    #[test]
    fn numbers_that_no_machine_has_are_refused() {
        assert_eq!(free_pages(&[u64::MAX, 1]), None);
        assert_eq!(unusable_index(&[0, u64::MAX], 0), None);
        assert_eq!(fragmentation_index(&[u64::MAX, 1], 3), None);
        assert_eq!(fragmentation_index(&[1], 64), None);
        assert_eq!(free_pages(&[0; 65]), None);
    }
}
