//! The formulas, as data: which kernel computes what.

use facts::Release;

/// How a kernel release computes badness. Plain data, chosen once by [`Formula::for_release`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formula {
    /// Points without unit (before 2.6.36).
    Points(PointsFormula),
    /// Thousandths of the total (2.6.36 to 3.4).
    PerMille(PerMilleFormula),
    /// Pages (since 3.5).
    Pages(PagesFormula),
}

/// The family of formulas before 2.6.36: the address space, moved by factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointsFormula {
    /// How square roots are taken, and which clock run time is read from.
    pub roots: Roots,
    /// Timer frequency of the kernel: a matter of its configuration, so an input.
    pub hz: u32,
    /// Whether children add to their parent.
    pub children: Children,
    /// Who is privileged.
    pub privileged: OldPrivilege,
    /// Whether tasks on other nodes count an eighth (2.6.19; until then they were skipped).
    pub other_nodes: bool,
    /// What `oom_adj` does; `None` before 2.6.11, where there is no such setting.
    pub oom_adj: Option<OldAdj>,
}

/// Thousandths of RAM and swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMilleFormula {
    /// Which page tables count (2.6.39).
    pub page_tables: PageTables,
}

/// Pages, moved by thousandths of the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagesFormula {
    /// Which page tables count.
    pub page_tables: PageTables,
    /// What `CAP_SYS_ADMIN` is worth.
    pub root: RootBonus,
    /// The least a task that can be chosen may score; `None` since 5.9.
    pub floor: Option<i64>,
    /// Whether resident pages are summed exactly over all CPUs, as `VmRSS` shows them, instead of
    /// read from the approximate counters that `/proc/PID/stat` shows.
    pub exact_counters: bool,
}

/// Square roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roots {
    /// [`super::isqrt24`], at least 1; run time in jiffies (2.4).
    Rough,
    /// [`super::isqrt`], not divided by when 0; run time in seconds (2.6).
    Exact,
}

/// What children add to their parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Children {
    /// Nothing (before 2.6.11).
    Ignored,
    /// Their address space (2.6.11 to 2.6.15).
    Whole,
    /// Half of it and a page (2.6.16 to 2.6.35).
    HalfAndOne,
}

/// Whose points are quartered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldPrivilege {
    /// `CAP_SYS_ADMIN`, or real or effective user id 0 (until 2.6.24).
    AdminOrRoot,
    /// `CAP_SYS_ADMIN` or `CAP_SYS_RESOURCE` (2.6.25 to 2.6.35).
    AdminOrResource,
}

/// What `oom_adj` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldAdj {
    /// Shifts the points (2.6.11 to 2.6.21).
    Shift,
    /// Shifts the points; upwards, 0 points become 1 first (2.6.22 to 2.6.35).
    ShiftAtLeastOne,
}

/// Which page tables count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageTables {
    /// None (until 2.6.38).
    Ignored,
    /// The lowest level, `nr_ptes` (2.6.39 to 3.19).
    Ptes,
    /// The two lowest levels, `nr_ptes` and `nr_pmds` (4.0 to 4.14).
    PtesAndPmds,
    /// All levels, `pgtables_bytes` (4.15).
    All,
}

/// What `CAP_SYS_ADMIN` is worth, since 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootBonus {
    /// 30 less of `oom_score_adj`: 3 % of the total (until 3.13).
    OfTotal,
    /// 3 % of its own use (3.14 to 4.16).
    OfUsage,
    /// Nothing (4.17).
    Nothing,
}

impl Formula {
    /// The formula of today's kernels.
    pub const TODAY: Formula = Formula::Pages(PagesFormula {
        page_tables: PageTables::All,
        root: RootBonus::Nothing,
        floor: None,
        exact_counters: true,
    });

    /// The formula of a mainline release, with the timer frequency its configuration had by default
    /// (2.4: 100, until 2.6.12: 1000, then 250).
    pub fn for_release(release: Release) -> Formula {
        let since = |major, minor, patch| release >= Release::old(major, minor, patch);
        if since(3, 5, 0) {
            Formula::Pages(PagesFormula {
                page_tables: if since(4, 15, 0) {
                    PageTables::All
                } else if since(4, 0, 0) {
                    PageTables::PtesAndPmds
                } else {
                    PageTables::Ptes
                },
                root: if since(4, 17, 0) {
                    RootBonus::Nothing
                } else if since(3, 14, 0) || bonus_of_usage_backported(release) {
                    RootBonus::OfUsage
                } else {
                    RootBonus::OfTotal
                },
                floor: (!since(5, 9, 0)).then_some(1),
                // In 7.1 and not in 6.19; it was taken up for 7.0.
                exact_counters: since(7, 0, 0),
            })
        } else if since(2, 6, 36) {
            Formula::PerMille(PerMilleFormula {
                page_tables: if since(2, 6, 39) { PageTables::Ptes } else { PageTables::Ignored },
            })
        } else {
            Formula::Points(PointsFormula {
                // 2.5 was 2.6 in the making.
                roots: if since(2, 5, 0) { Roots::Exact } else { Roots::Rough },
                hz: if since(2, 6, 13) {
                    250
                } else if since(2, 5, 0) {
                    1000
                } else {
                    100
                },
                children: if since(2, 6, 16) {
                    Children::HalfAndOne
                } else if since(2, 6, 11) {
                    Children::Whole
                } else {
                    Children::Ignored
                },
                privileged: if since(2, 6, 25) {
                    OldPrivilege::AdminOrResource
                } else {
                    OldPrivilege::AdminOrRoot
                },
                other_nodes: since(2, 6, 19),
                oom_adj: if since(2, 6, 22) {
                    Some(OldAdj::ShiftAtLeastOne)
                } else {
                    since(2, 6, 11).then_some(OldAdj::Shift)
                },
            })
        }
    }

    /// The formula in one line.
    pub fn words(&self) -> &'static str {
        match self {
            Formula::Points(rules) => match (rules.oom_adj, rules.children) {
                (None, _) => {
                    "address space in pages, divided by roots of CPU and run time, doubled if nice, \
                     a quarter if privileged and again with raw I/O"
                }
                (Some(_), Children::HalfAndOne) => {
                    "address space in pages plus half of the children's, divided by roots of CPU \
                     and run time, doubled if nice, a quarter if privileged and again with raw I/O, \
                     times 2 to the power of oom_adj"
                }
                (Some(_), _) => {
                    "address space in pages plus the children's, divided by roots of CPU and run \
                     time, doubled if nice, a quarter if privileged and again with raw I/O, times 2 \
                     to the power of oom_adj"
                }
            },
            Formula::PerMille(PerMilleFormula { page_tables: PageTables::Ignored }) => {
                "thousandths of the total that are resident or swapped, less 30 for root, plus \
                 oom_score_adj, from 1 to 1000"
            }
            Formula::PerMille(_) => {
                "thousandths of the total that are resident, swapped or page tables, less 30 for \
                 root, plus oom_score_adj, from 1 to 1000"
            }
            Formula::Pages(rules) => match (rules.root, rules.floor) {
                (RootBonus::OfTotal, _) => {
                    "pages resident, swapped and of page tables, plus oom_score_adj (less 30 for \
                     root) thousandths of the total, at least 1"
                }
                (RootBonus::OfUsage, _) => {
                    "pages resident, swapped and of page tables, less 3 % for root, plus \
                     oom_score_adj thousandths of the total, at least 1"
                }
                (RootBonus::Nothing, Some(_)) => {
                    "pages resident, swapped and of page tables, plus oom_score_adj thousandths of \
                     the total, at least 1"
                }
                (RootBonus::Nothing, None) => {
                    "pages resident, swapped and of page tables, plus oom_score_adj thousandths of \
                     the total"
                }
            },
        }
    }

    /// Whether a kernel of this formula has `/proc/PID/oom_score` (2.6.11).
    pub fn has_oom_score(&self) -> bool {
        !matches!(self, Formula::Points(PointsFormula { oom_adj: None, .. }))
    }

    /// The same formula on a kernel whose timer ticks `hz` times a second (before 2.6.36; later
    /// formulas know no time).
    #[must_use]
    pub fn with_hz(self, hz: u32) -> Formula {
        match self {
            Formula::Points(rules) => Formula::Points(PointsFormula { hz, ..rules }),
            other => other,
        }
    }
}

/// Stable releases that took the bonus of 3 % of usage before 3.14 did.
fn bonus_of_usage_backported(release: Release) -> bool {
    let Release { major, minor, patch } = release;
    match (major, minor) {
        (3, 10) => patch >= 29,
        (3, 12) => patch >= 10,
        (3, 13) => patch >= 2,
        _ => false,
    }
}
