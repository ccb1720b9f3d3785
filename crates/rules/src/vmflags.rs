//! The codes of `VmFlags` in `/proc/PID/smaps`, in words.
//!
//! `show_smap_vma_flags()` in `fs/proc/task_mmu.c`, since 3.8: two letters for each bit of
//! `vm_flags`, in the order of the bits, which the letters outlive. Some codes exist on one
//! architecture only. A code that is not in the table is from a later release, and is shown as it is.

use facts::Release;

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmFlag {
    /// Two letters.
    pub code: &'static str,
    /// What it says, in a few words.
    pub words: &'static str,
    /// First release that prints it.
    pub since: Release,
    /// First release that does not print it any more.
    pub until: Option<Release>,
}

/// The code, if this program knows it.
pub fn vmflag(code: &str) -> Option<&'static VmFlag> {
    VMFLAGS.iter().find(|flag| flag.code == code)
}

const fn flag(code: &'static str, major: u16, minor: u16, words: &'static str) -> VmFlag {
    VmFlag { code, words, since: Release::new(major, minor), until: None }
}

const fn gone(flag: VmFlag, major: u16, minor: u16) -> VmFlag {
    VmFlag { until: Some(Release::new(major, minor)), ..flag }
}

/// Every code of every release.
pub const VMFLAGS: &[VmFlag] = &[
    flag("rd", 3, 8, "may be read"),
    flag("wr", 3, 8, "may be written"),
    flag("ex", 3, 8, "may be executed"),
    flag("sh", 3, 8, "writes are shared"),
    flag("mr", 3, 8, "reading may be allowed later"),
    flag("mw", 3, 8, "writing may be allowed later"),
    flag("me", 3, 8, "execution may be allowed later"),
    flag("ms", 3, 8, "of a shared mapping"),
    flag("gd", 3, 8, "grows down, as stacks do"),
    flag("pf", 3, 8, "page frames without bookkeeping, mapped by a driver"),
    gone(flag("dw", 3, 8, "the file could not be written while it was mapped"), 5, 15),
    gone(flag("nl", 3, 8, "pages of the file in another order"), 4, 0),
    gone(flag("mp", 3, 19, "bounds tables of Intel MPX"), 5, 6),
    flag("lo", 3, 8, "locked in memory"),
    flag("io", 3, 8, "memory of a device"),
    flag("sr", 3, 8, "read in sequence, by advice"),
    flag("rr", 3, 8, "read at random, by advice"),
    flag("dc", 3, 8, "not copied by fork"),
    flag("de", 3, 8, "cannot be made larger by mremap"),
    flag("ac", 3, 8, "counted by overcommit"),
    flag("nr", 3, 8, "no swap reserved"),
    flag("ht", 3, 8, "pages of hugetlbfs"),
    flag("sf", 4, 15, "page faults wait until the file is safe on its medium"),
    flag("ar", 3, 8, "a mark of the architecture"),
    flag("wf", 4, 14, "empty in the child after fork"),
    flag("dd", 3, 8, "left out of core dumps"),
    flag("bt", 5, 8, "branch targets are guarded (arm64)"),
    flag("sd", 3, 11, "changed since the marks were last cleared"),
    flag("mm", 3, 8, "pages with and without bookkeeping, mapped by a driver"),
    flag("hg", 3, 8, "huge pages, by advice"),
    flag("nh", 3, 8, "no huge pages, by advice"),
    flag("mg", 3, 8, "may be merged with equal pages (KSM)"),
    flag("um", 4, 3, "userfaultfd hears of pages that are missing"),
    flag("uw", 4, 3, "userfaultfd hears of writes to protected pages"),
    flag("mt", 5, 10, "memory is tagged (arm64)"),
    flag("ui", 5, 13, "userfaultfd hears of pages that are only not mapped"),
    flag("lf", 6, 2, "locked in memory once it is touched"),
    flag("ss", 6, 6, "a shadow stack of return addresses"),
    flag("sl", 6, 10, "sealed: cannot be unmapped or changed"),
    flag("dp", 6, 11, "may be dropped when memory is short"),
    flag("gu", 6, 19, "may contain guard pages"),
    flag("??", 3, 8, "a mark for which that kernel has no letters"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_two_letters_and_is_there_once() {
        for (index, flag) in VMFLAGS.iter().enumerate() {
            assert_eq!(flag.code.len(), 2, "{flag:?}");
            assert!(!flag.words.is_empty());
            assert_eq!(VMFLAGS.iter().position(|f| f.code == flag.code), Some(index));
            assert!(flag.since >= Release::new(3, 8));
            assert!(flag.until.is_none_or(|until| until > flag.since), "{flag:?}");
            assert_eq!(vmflag(flag.code), Some(flag));
        }
        assert_eq!(vmflag("zz"), None);
    }

    #[test]
    fn the_codes_of_the_kernels_of_three_decades_are_known() {
        let ever = "rd wr ex sh mr mw me ms gd pf dw nl mp lo io sr rr dc de ac nr ht sf ar wf dd bt \
                    sd mm hg nh mg um uw mt ui lf ss sl dp gu ??";
        assert_eq!(ever.split(' ').count(), VMFLAGS.len());
        for code in ever.split(' ') {
            assert!(vmflag(code).is_some(), "{code}");
        }
    }
}
