//! How a release chooses among the scored: ties, and the child that dies in its parent's place.

use facts::Release;

/// How a release chooses. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Who wins among equals.
    pub ties: Ties,
    /// Whether a child dies in place of the chosen.
    pub child: Sacrifice,
}

/// Who wins among equals, in the order of the task list, which is that of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// The older.
    First,
    /// The younger.
    Last,
}

/// Which child dies in place of the chosen process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sacrifice {
    /// None.
    No,
    /// The oldest (2.6.11 to 2.6.35).
    Oldest,
    /// The one with the highest score (2.6.36 to 5.0).
    Worst,
}

/// How a kernel that was never released compares points, where that is wrong.
///
/// linux-next of July 2020 (`5.8.0-rcN-next-DATE`) already let points be negative, as 5.9 does, and
/// still held the most so far in an `unsigned long`: in `oom_evaluate_task()` every negative score
/// was above every positive one. Told by the version, since no release has it.
pub(crate) fn compares_unsigned(release: Release, version: &str) -> bool {
    (release.major, release.minor) == (5, 8) && version.contains("-next-")
}

impl Selection {
    /// The rules of today's kernels.
    pub const TODAY: Selection = Selection { ties: Ties::Last, child: Sacrifice::No };

    /// `select_bad_process()`, `oom_evaluate_task()` and `oom_kill_process()`. From 3.14 to 4.6 and
    /// from 4.9 to 5.2 an equal replaces only a choice that leads no thread group; processes are
    /// led by the thread listed first, so among processes the first wins.
    pub fn for_release(release: Release) -> Selection {
        let since = |major, minor| release >= Release::new(major, minor);
        Selection {
            ties: if since(5, 3) || (since(4, 7) && !since(4, 9)) {
                Ties::Last
            } else {
                Ties::First
            },
            child: if since(5, 1) || release < Release::old(2, 6, 11) {
                Sacrifice::No
            } else if release >= Release::old(2, 6, 36) {
                Sacrifice::Worst
            } else {
                Sacrifice::Oldest
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_linux_next_before_5_9_compared_unsigned() {
        let next = "5.8.0-rc4-next-20200710 #1";
        assert!(compares_unsigned(Release::new(5, 8), next));
        assert!(!compares_unsigned(Release::new(5, 8), "5.8.0-rc4 #1"));
        assert!(!compares_unsigned(Release::new(5, 9), "5.9.0-rc4-next-20200910 #1"));
    }

    #[test]
    fn ties_and_children_change_with_the_release() {
        use Sacrifice::{No, Oldest, Worst};
        for (release, ties, child) in [
            ("2.4.22", Ties::First, No),
            ("2.6.10", Ties::First, No),
            ("2.6.11", Ties::First, Oldest),
            ("2.6.35", Ties::First, Oldest),
            ("2.6.36", Ties::First, Worst),
            ("3.13", Ties::First, Worst),
            ("4.6", Ties::First, Worst),
            ("4.7", Ties::Last, Worst),
            ("4.8.17", Ties::Last, Worst),
            ("4.9", Ties::First, Worst),
            ("5.0", Ties::First, Worst),
            ("5.1", Ties::First, No),
            ("5.2", Ties::First, No),
            ("5.3", Ties::Last, No),
            ("7.2", Ties::Last, No),
        ] {
            assert_eq!(
                Selection::for_release(release.parse().unwrap()),
                Selection { ties, child },
                "{release}"
            );
        }
        assert_eq!(Selection::for_release(Release::new(7, 2)), Selection::TODAY);
    }
}
