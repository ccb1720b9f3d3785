//! How far apart two worlds may be.

/// What a [`Tolerance`] is about: quantities of `oomph lab`'s comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measured {
    /// Bytes that a process had touched when somebody was killed.
    KillPoint,
    /// Free and available memory, in files and in reports.
    Free,
    /// Anonymous memory, and what victims have of it.
    Anonymous,
    /// Pages of files.
    Cache,
    /// Swap in use, and its cache.
    Swap,
    /// What cgroups have.
    Cgroups,
    /// Scores of tasks in reports, in points.
    Badness,
    /// What the kernel itself takes: slab, stacks, page tables.
    Kernel,
}

impl Measured {
    /// Every quantity with its name.
    pub const NAMES: &'static [(&'static str, Measured)] = &[
        ("kill point", Measured::KillPoint),
        ("free", Measured::Free),
        ("anonymous", Measured::Anonymous),
        ("cache", Measured::Cache),
        ("swap", Measured::Swap),
        ("cgroups", Measured::Cgroups),
        ("badness", Measured::Badness),
        ("kernel", Measured::Kernel),
    ];
}

/// How far a quantity of one world may be from that of the real one: the share or the amount, whichever
/// is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// Which quantity.
    pub what: Measured,
    /// In thousandths of a percent of the real value.
    pub milli_percent: u64,
    /// In bytes; points, where it is a score.
    pub amount: u64,
}

impl Tolerance {
    /// What is allowed where the real value is this, in the value's own unit.
    pub fn allowed(&self, real: u64) -> u64 {
        let share = u128::from(real) * u128::from(self.milli_percent) / 100_000;
        u64::try_from(share).unwrap_or(u64::MAX).max(self.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_or_the_amount_is_allowed_whichever_is_more() {
        let of = |milli_percent, amount, real| {
            Tolerance { what: Measured::Free, milli_percent, amount }.allowed(real)
        };
        assert_eq!(of(2500, 0, 1000), 25);
        assert_eq!(of(2500, 100, 1000), 100);
        assert_eq!(of(100_000, 0, u64::MAX), u64::MAX);
        assert_eq!(of(u64::MAX, 0, u64::MAX), u64::MAX);
    }
}
