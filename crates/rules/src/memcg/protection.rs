//! What `memory.min` and `memory.low` protect (`page_counter_calculate_protection()`,
//! `mem_cgroup_protected()` before 5.7).

use super::Protection;

/// One level of the calculation: a cgroup, its parent and all of the parent's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sibling {
    /// What it uses.
    pub usage: u64,
    /// What it asks for: `memory.min` or `memory.low`.
    pub setting: u64,
    /// What the parent uses.
    pub parent_usage: u64,
    /// What of the parent is protected in effect.
    pub parent_effective: u64,
    /// Of each child of the parent the lesser of usage and setting, together.
    pub siblings: u64,
}

/// `effective_protection()`: what of a cgroup is protected in effect, that is not a child of the
/// cgroup which reclaim works in (there it is the setting). `recursive`: the file system was mounted
/// with `memory_recursiveprot`.
pub fn effective(rules: Protection, recursive: bool, at: Sibling) -> u64 {
    let Sibling { usage, setting, parent_usage, parent_effective, siblings } = at;
    let scale = |part: u64, of: u64, whole: u64| {
        let scaled = u128::from(part) * u128::from(of) / u128::from(whole.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    let protected = usage.min(setting);
    match rules {
        Protection::None => 0,
        Protection::Threshold => setting.min(parent_effective),
        Protection::Scaled => {
            let most = setting.min(parent_effective);
            if most == 0 || protected == 0 || siblings == 0 {
                return most;
            }
            most.min(scale(parent_effective, protected, siblings))
        }
        Protection::Proportional => {
            if siblings > parent_effective {
                return scale(protected, parent_effective, siblings);
            }
            let shares = recursive
                && parent_effective > siblings
                && parent_usage > siblings
                && usage > protected;
            if !shares {
                return protected;
            }
            let unclaimed = parent_effective - siblings;
            protected + scale(unclaimed, usage - protected, parent_usage - siblings)
        }
    }
}

/// What reclaim does with a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Passes over it: all of it is protected by `memory.min`.
    Min,
    /// Passes over it, and comes back if it finds nothing elsewhere.
    Low,
    /// Scans it.
    Scan {
        /// All of it was protected by `memory.low`: the event `low`.
        breaks_low: bool,
        /// Part of it is left alone that a second pass would scan.
        holds_back: bool,
        /// Pages that are left alone, of `size`.
        protected: u64,
        /// The larger of usage and protection.
        size: u64,
    },
}

impl View {
    /// How much of a list is scanned that would be scanned to `scan` pages without protection
    /// (`apply_proportional_protection()`).
    pub fn scan(self, scan: u64) -> u64 {
        match self {
            View::Min | View::Low => 0,
            View::Scan { protected: 0, .. } => scan,
            View::Scan { protected, size, .. } => {
                let less = u128::from(scan) * u128::from(protected) / (u128::from(size) + 1);
                scan.saturating_sub(u64::try_from(less).unwrap_or(u64::MAX)).max(32)
            }
        }
    }
}

/// What reclaim does with a cgroup of that usage and effective `min` and `low`, in its first pass or
/// in the second (`memcg_low_reclaim`), which takes what `low` protects.
pub fn view(rules: Protection, usage: u64, min: u64, low: u64, second: bool) -> View {
    if min >= usage && min > 0 {
        return View::Min;
    }
    let below_low = low >= usage && low > 0;
    if below_low && !second {
        return View::Low;
    }
    let (mut protected, mut holds_back) = (0, false);
    if rules == Protection::Proportional && (min > 0 || low > 0) {
        protected = min;
        if !second && low > min {
            (protected, holds_back) = (low, true);
        }
    }
    View::Scan { breaks_low: below_low, holds_back, protected, size: usage.max(protected) }
}
