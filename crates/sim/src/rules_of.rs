//! The rules that a release chooses, once, when the machine is built.

use facts::Release;

/// When an anonymous mapping may become part of its neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnonMerge {
    /// Either has no pages yet, or both share their identity: up to 2.6.35.
    Either,
    /// The one that is there shares its identity with nobody, or with the new one: up to 6.16.
    Single,
    /// One of them has no pages yet and the other none of a parent's: since 6.17.
    Uncowed,
}

/// Rules by release.
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that one release changed")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) anon_merge: AnonMerge,
    /// A read of untouched memory maps the page of zeros (not 2.6.24 to 2.6.31).
    pub(crate) zero_page: bool,
    /// A read fault maps cached neighbours (3.15).
    pub(crate) fault_around: bool,
    /// `RLIMIT_DATA` limits all private writable mappings (4.7).
    pub(crate) data_limit_all: bool,
    /// `mprotect` gives back the promise of an untouched mapping (6.7).
    pub(crate) unprotect_uncharges: bool,
    /// `MADV_DONTNEED` frees emptied page tables (6.14, x86-64).
    pub(crate) reclaims_tables: bool,
    /// The heap starts anew at the first break, and never grows out of bss (6.1).
    pub(crate) heap_apart: bool,
    /// `MAP_STACK` means no huge pages (6.7).
    pub(crate) map_stack_no_huge: bool,
    /// Faults taken inside calls are counted (5.9).
    pub(crate) counts_call_faults: bool,
    /// Labels of `[heap]` need an overlap and no mere touching (6.6).
    pub(crate) strict_heap_label: bool,
    /// `MAP_FIXED_NOREPLACE` exists (4.17).
    pub(crate) fixed_noreplace: bool,
    /// A mapping that got guards is marked, and mappings merge in spite of the mark (6.19, and stable
    /// 6.18 somewhere from 6.18.3 to 6.18.44).
    pub(crate) marks_guards: bool,
    /// `mremap` to a fixed address moves all mappings of a range (6.17).
    pub(crate) moves_many: bool,
    /// A fault on code that is not in memory reads from the page on, within the mapping (6.16).
    pub(crate) reads_code_onwards: bool,
    /// Faults on mappings of files hold the lock of the mapping alone at first, and one that comes back
    /// counts as major only where it waited for a page (6.7).
    pub(crate) faults_by_mapping: bool,
    /// What is unmapped where accesses are said to be at random, or not to be repeated, does not count as used
    /// (6.3).
    pub(crate) knows_recency: bool,
    /// `mremap` to a fixed address that also makes shorter asks for a promise of what it cut off (6.15).
    pub(crate) charges_shrunk: bool,
    /// `MAP_DROPPABLE` exists (6.11).
    pub(crate) droppable: bool,
    /// A signal tells that a guard page was hit, and `MADV_GUARD_INSTALL` exists (6.13).
    pub(crate) guards: bool,
    /// `mprotect` makes entries writable at once that may be (6.2).
    pub(crate) protect_upgrades: bool,
    /// Of a huge page it is known whether others map any of it, and not only whether somebody maps the same
    /// pages of it (`folio_maybe_mapped_shared()`, 6.15).
    pub(crate) knows_who_maps: bool,
    /// Of a huge page that is split, what holds only zeros becomes the page of zeros (6.12).
    pub(crate) split_drops_zeros: bool,
    /// Who goes on after a fork, of parent and child on one processor.
    pub(crate) after_fork: AfterFork,
    /// Locked pages are unlocked one by one as their entries go, and not all before (5.18).
    pub(crate) unlocks_late: bool,
    /// `MADV_COLLAPSE` goes on behind a block in which nothing was ever touched (7.0).
    pub(crate) collapses_past_nothing: bool,
}

/// Who goes on after a fork, of parent and child on one processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFork {
    /// The child (up to 2.6.31, where `sched_child_runs_first` is 1).
    Child,
    /// The parent.
    Parent,
    /// The parent, unless the fork has used up its slice: then the child, whose first deadline is the
    /// earlier one (`EEVDF`, since 6.6: `place_entity()`, `pick_eevdf()`).
    WhoHasTime,
}

impl Rules {
    pub(crate) fn of(release: Release) -> Rules {
        let since = |major, minor| release >= Release::new(major, minor);
        let old = |patch| release >= Release::old(2, 6, patch);
        Rules {
            anon_merge: if since(6, 17) {
                AnonMerge::Uncowed
            } else if old(36) {
                AnonMerge::Single
            } else {
                AnonMerge::Either
            },
            zero_page: !old(24) || old(32),
            fault_around: since(3, 15),
            data_limit_all: since(4, 7),
            unprotect_uncharges: since(6, 7),
            reclaims_tables: since(6, 14),
            heap_apart: since(6, 1),
            map_stack_no_huge: since(6, 7),
            counts_call_faults: since(5, 9),
            strict_heap_label: since(6, 6),
            fixed_noreplace: since(4, 17),
            marks_guards: release >= Release::old(6, 18, 3),
            moves_many: since(6, 17),
            reads_code_onwards: since(6, 16),
            faults_by_mapping: since(6, 7),
            knows_recency: since(6, 3),
            charges_shrunk: since(6, 15),
            droppable: since(6, 11),
            guards: since(6, 13),
            protect_upgrades: since(6, 2),
            knows_who_maps: since(6, 15),
            split_drops_zeros: since(6, 12),
            after_fork: if since(6, 6) {
                AfterFork::WhoHasTime
            } else if old(32) {
                AfterFork::Parent
            } else {
                AfterFork::Child
            },
            unlocks_late: since(5, 18),
            collapses_past_nothing: since(7, 0),
        }
    }
}
