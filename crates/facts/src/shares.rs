//! The sizes that `smaps` prints for one mapping, or for a whole process.

use std::fmt;

use units::Bytes;

use crate::OtherField;

macro_rules! shares {
    ($($variant:ident $method:ident $text:literal $doc:literal,)*) => {
        /// A line of `/proc/PID/smaps` that is a size.
        ///
        /// `__show_smap()` in `fs/proc/task_mmu.c`; each says since which release. The kernel
        /// prints `kB` and means KiB; here every one is [`Bytes`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Share {
            $(#[doc = $doc] $variant,)*
        }

        impl Share {
            /// Every known line, in today's order.
            pub const ALL: &[Share] = &[$(Share::$variant,)*];

            /// The name the kernel prints before the colon.
            pub const fn text(self) -> &'static str {
                match self { $(Share::$variant => $text,)* }
            }

            /// The line of this name.
            pub fn from_text(text: &[u8]) -> Option<Share> {
                $(if text == $text.as_bytes() { return Some(Share::$variant); })*
                None
            }
        }

        impl Shares {
            $(#[doc = $doc] pub fn $method(&self) -> Option<Bytes> { self.get(Share::$variant) })*
        }
    };
}

shares! {
    Size size "Size" "Address space, resident or not (2.6.14).",
    KernelPageSize kernel_page_size "KernelPageSize" "Size of the pages the kernel uses here (2.6.29).",
    MmuPageSize mmu_page_size "MMUPageSize" "Size of the pages the hardware uses here (2.6.29).",
    Rss rss "Rss" "Resident (2.6.14); huge pages of hugetlbfs are not in it.",
    Pss pss "Pss" "Resident, each page divided by the number of its mappings (2.6.25).",
    PssDirty pss_dirty "Pss_Dirty" "The dirty part of `Pss` (6.0).",
    PssAnon pss_anon "Pss_Anon" "The anonymous part of `Pss`; in `smaps_rollup` only (5.3).",
    PssFile pss_file "Pss_File" "The file part of `Pss`; in `smaps_rollup` only (5.3).",
    PssShmem pss_shmem "Pss_Shmem" "The shared-memory part of `Pss`; in `smaps_rollup` only (5.3).",
    SharedClean shared_clean "Shared_Clean" "Resident, mapped more than once, unchanged (2.6.14).",
    SharedDirty shared_dirty "Shared_Dirty" "Resident, mapped more than once, changed (2.6.14).",
    PrivateClean private_clean "Private_Clean" "Resident, mapped here alone, unchanged (2.6.14).",
    PrivateDirty private_dirty "Private_Dirty" "Resident, mapped here alone, changed (2.6.14).",
    Referenced referenced "Referenced" "Marked as used since the mark was last cleared (2.6.22).",
    Anonymous anonymous "Anonymous" "Resident and not of a file, or a private copy of one (2.6.37).",
    Ksm ksm "KSM" "Resident and merged by KSM, the zero page included (6.6).",
    LazyFree lazy_free "LazyFree" "Given up with `MADV_FREE`, not yet taken (4.12).",
    AnonHuge anon_huge "AnonHugePages" "Anonymous memory in huge pages (2.6.38).",
    ShmemPmd shmem_pmd "ShmemPmdMapped" "Shared memory in huge pages (4.8).",
    FilePmd file_pmd "FilePmdMapped" "Page cache in huge pages (5.4).",
    SharedHugetlb shared_hugetlb "Shared_Hugetlb" "hugetlbfs pages mapped more than once; in no other sum (4.4).",
    PrivateHugetlb private_hugetlb "Private_Hugetlb" "hugetlbfs pages mapped here alone; in no other sum (4.4).",
    Swap swap "Swap" "Anonymous memory in swap (2.6.26), and shared memory (4.3).",
    SwapPss swap_pss "SwapPss" "The same, each slot divided by the number of its users; shared memory is not in it (4.3).",
    Locked locked "Locked" "Locked by `mlock`, of `Pss` (2.6.39).",
}

/// The sizes of one mapping, or of a whole process. A line that was not there is `None`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Shares {
    sizes: [u64; Share::ALL.len()],
    known: u32,
    /// `THPeligible` (5.0): whether huge pages may be used here.
    pub thp_eligible: Option<u64>,
    /// `ProtectionKey` (4.9).
    pub protection_key: Option<u64>,
    /// Lines this program does not know, in the kernel's order.
    pub other: Vec<OtherField>,
}

impl Shares {
    /// The value of a line, `None` if the kernel did not print it or it could not be read.
    #[inline]
    pub fn get(&self, share: Share) -> Option<Bytes> {
        let index = share as usize;
        (self.known & (1 << index) != 0).then(|| Bytes::new(self.sizes[index]))
    }

    /// Sets a line.
    #[inline]
    pub fn set(&mut self, share: Share, value: Bytes) {
        let index = share as usize;
        self.sizes[index] = value.get();
        self.known |= 1 << index;
    }

    /// Forgets every line, and keeps the room for them.
    #[inline]
    pub fn clear(&mut self) {
        // A size that is not known is zero, so that equality is that of what is known.
        *self = Shares { other: std::mem::take(&mut self.other), ..Shares::default() };
        self.other.clear();
    }

    /// Adds the lines of another mapping. What either of them lacks, the sum lacks: a sum over a
    /// part would look like the sum. Page sizes and unknown lines are dropped, since adding them
    /// means nothing.
    pub fn add(&mut self, other: &Shares) {
        const NOT_ADDED: u32 =
            1 << Share::KernelPageSize as usize | 1 << Share::MmuPageSize as usize;
        let both = self.known & other.known & !NOT_ADDED;
        let mut known = 0;
        for (index, (sum, size)) in self.sizes.iter_mut().zip(other.sizes).enumerate() {
            match sum.checked_add(size) {
                Some(total) if both & (1 << index) != 0 => {
                    *sum = total;
                    known |= 1 << index;
                }
                _ => *sum = 0,
            }
        }
        self.known = known;
        self.thp_eligible = None;
        self.protection_key = None;
        self.other.clear();
    }

    /// Which lines there are: a bit for each [`Share`], in the order of [`Share::ALL`].
    pub fn known(&self) -> u32 {
        self.known
    }

    /// The known lines that are present, in today's order.
    pub fn iter(&self) -> impl Iterator<Item = (Share, Bytes)> + '_ {
        Share::ALL.iter().filter_map(|&share| Some((share, self.get(share)?)))
    }

    /// Resident and mapped nowhere else (USS): what ending the process gives back at least.
    /// hugetlbfs pages are not in it.
    pub fn private(&self) -> Option<Bytes> {
        self.private_clean()?.checked_add(self.private_dirty()?)
    }

    /// Resident and mapped elsewhere too.
    pub fn shared(&self) -> Option<Bytes> {
        self.shared_clean()?.checked_add(self.shared_dirty()?)
    }

    /// hugetlbfs pages, which the kernel counts in no resident size; `None` before 4.4.
    pub fn hugetlb(&self) -> Option<Bytes> {
        self.shared_hugetlb()?.checked_add(self.private_hugetlb()?)
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(k, v)| (k.text(), v.kib()))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_lacks_what_one_of_its_parts_lacks() {
        let mut sum = Shares::default();
        sum.set(Share::Rss, Bytes::new(4096));
        sum.set(Share::Pss, Bytes::new(4096));
        let mut one = Shares::default();
        one.set(Share::Rss, Bytes::new(8192));
        sum.add(&one);
        assert_eq!((sum.rss(), sum.pss()), (Some(Bytes::new(12288)), None));
        one.set(Share::Rss, Bytes::new(u64::MAX));
        sum.add(&one);
        assert_eq!(sum.rss(), None);
    }

    #[test]
    fn every_line_has_its_own_bit_and_its_own_name() {
        assert!(Share::ALL.len() <= 32);
        for (index, &share) in Share::ALL.iter().enumerate() {
            assert_eq!(share as usize, index);
            assert_eq!(Share::from_text(share.text().as_bytes()), Some(share));
        }
        assert_eq!(Share::from_text(b"Frob"), None);
    }
}
