//! How long a task that is above `memory.high` waits (`calculate_high_delay()`, 5.4 and later).

/// `calculate_overage()`: by how much `high` is exceeded, in 2²⁰ths of it.
pub fn overage(usage: u64, high: u64) -> u64 {
    let high = high.max(1);
    let over = u128::from(usage.saturating_sub(high)) << 20;
    u64::try_from(over / u128::from(high)).unwrap_or(u64::MAX)
}

/// `calculate_high_delay()`: the penalty in ticks for `pages` charged while the worst ancestor was
/// over by `overage`. The caller adds memory's and swap's, lets it be at most two seconds, and
/// forgets it when it is a hundredth of a second or less.
pub fn delay_jiffies(pages: u64, overage: u64, hz: u64, batch: u64) -> u64 {
    // As in the kernel, where the square of what is possible still fits.
    let penalty = overage.wrapping_mul(overage).wrapping_mul(hz) >> 20 >> 14;
    penalty.wrapping_mul(pages) / batch.max(1)
}
