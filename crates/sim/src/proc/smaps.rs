//! `/proc/PID/smaps` and `smaps_rollup`: `smap_gather_stats()`, `__show_smap()` and
//! `show_smap_vma_flags()` in `fs/proc/task_mmu.c`.

use std::fmt::Write;

use facts::Release;

use super::maps::{header, vsyscall};
use crate::mm::Mm;
use crate::page::{HUGE, HUGE_BYTES, PAGE, Pte, What};
use crate::store::Store;
use crate::vm_flags::VmFlags;
use crate::vma::Vma;

/// Bits below one byte in a proportional share.
const SHIFT: u32 = 12;

/// What the pages of one mapping add up to, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
    pub(crate) pss_dirty: u64,
    pub(crate) pss_anon: u64,
    pub(crate) pss_file: u64,
    pub(crate) pss_shmem: u64,
    pub(crate) pss_locked: u64,
    pub(crate) shared_clean: u64,
    pub(crate) shared_dirty: u64,
    pub(crate) private_clean: u64,
    pub(crate) private_dirty: u64,
    pub(crate) referenced: u64,
    pub(crate) anonymous: u64,
    pub(crate) lazyfree: u64,
    pub(crate) anon_huge: u64,
    pub(crate) swap: u64,
    pub(crate) swap_pss: u64,
    pub(crate) ksm: u64,
    pub(crate) shared_hugetlb: u64,
    pub(crate) private_hugetlb: u64,
}

impl Share {
    /// Adds up the pages of one mapping.
    pub(crate) fn of(store: &Store, mm: &Mm, vma: &Vma) -> Share {
        let mut share = Share::default();
        for (_, len, pte) in mm.pages_of(vma) {
            share.add(store, vma, len, pte);
        }
        share
    }

    fn add(&mut self, store: &Store, vma: &Vma, len: u64, pte: Pte) {
        if pte.what == What::Swap {
            for (count, refs) in store.frames.slots(pte.frame, len) {
                self.swap += count * PAGE;
                self.swap_pss += (PAGE << SHIFT) / u64::from(refs.max(1)) * count;
            }
        }
        if pte.what == What::Hugetlb {
            // A page that its file has as well is counted once more than it is mapped.
            let mut page = pte.frame;
            while page < pte.frame + len {
                let cached = u32::from(vma.has(VmFlags::MAYSHARE));
                if store.pool.users(page).saturating_sub(cached) > 1 {
                    self.shared_hugetlb += HUGE_BYTES;
                } else {
                    self.private_hugetlb += HUGE_BYTES;
                }
                page += HUGE;
            }
        }
        if !pte.counted() {
            return;
        }
        if pte.huge {
            self.anon_huge += len * PAGE;
        }
        self.ksm += store.ksm.stable_within(pte.frame, len) * PAGE;
        for (_, count, known) in store.frames.map.iter_within(pte.frame, pte.frame + len) {
            self.add_pages(vma, pte, known, count, u64::from(known.maps));
        }
    }

    fn add_pages(
        &mut self,
        vma: &Vma,
        pte: Pte,
        known: crate::frames::Frame,
        count: u64,
        maps: u64,
    ) {
        let size = count * PAGE;
        let dirty = pte.dirty || known.dirty;
        self.rss += size;
        if pte.what == What::Anon {
            self.anonymous += size;
            if !known.swapbacked && !dirty {
                self.lazyfree += size;
            }
        }
        if pte.young || known.referenced {
            self.referenced += size;
        }
        let pss = (PAGE << SHIFT) / maps.max(1) * count;
        self.pss += pss;
        match pte.what {
            What::Anon => self.pss_anon += pss,
            What::Shmem => self.pss_shmem += pss,
            _ => self.pss_file += pss,
        }
        if vma.has(VmFlags::LOCKED) {
            self.pss_locked += pss;
        }
        if dirty {
            self.pss_dirty += pss;
        }
        *match (maps < 2, dirty) {
            (true, true) => &mut self.private_dirty,
            (true, false) => &mut self.private_clean,
            (false, true) => &mut self.shared_dirty,
            (false, false) => &mut self.shared_clean,
        } += size;
    }

    fn sum(&mut self, other: &Share) {
        self.rss += other.rss;
        self.pss += other.pss;
        self.pss_dirty += other.pss_dirty;
        self.pss_anon += other.pss_anon;
        self.pss_file += other.pss_file;
        self.pss_shmem += other.pss_shmem;
        self.pss_locked += other.pss_locked;
        self.shared_clean += other.shared_clean;
        self.shared_dirty += other.shared_dirty;
        self.private_clean += other.private_clean;
        self.private_dirty += other.private_dirty;
        self.referenced += other.referenced;
        self.anonymous += other.anonymous;
        self.lazyfree += other.lazyfree;
        self.anon_huge += other.anon_huge;
        self.swap += other.swap;
        self.swap_pss += other.swap_pss;
        self.ksm += other.ksm;
        self.shared_hugetlb += other.shared_hugetlb;
        self.private_hugetlb += other.private_hugetlb;
    }

    fn print(&self, text: &mut String, release: Release, rolled: bool) {
        let since = |major, minor| release >= Release::new(major, minor);
        let old = |patch| release >= Release::old(2, 6, patch);
        let mut row = |name: &str, bytes: u64, from: bool| {
            if from {
                let _ = writeln!(text, "{:<16}{:>8} kB", format!("{name}:"), bytes >> 10);
            }
        };
        let pss = |value: u64| value >> SHIFT;
        row("Rss", self.rss, true);
        row("Pss", pss(self.pss), old(25));
        row("Pss_Dirty", pss(self.pss_dirty), since(6, 0));
        if rolled {
            row("Pss_Anon", pss(self.pss_anon), since(5, 3));
            row("Pss_File", pss(self.pss_file), since(5, 3));
            row("Pss_Shmem", pss(self.pss_shmem), since(5, 3));
        }
        row("Shared_Clean", self.shared_clean, old(14));
        row("Shared_Dirty", self.shared_dirty, old(14));
        row("Private_Clean", self.private_clean, old(14));
        row("Private_Dirty", self.private_dirty, old(14));
        row("Referenced", self.referenced, old(22));
        row("Anonymous", self.anonymous, old(37));
        row("KSM", self.ksm, since(6, 6));
        row("LazyFree", self.lazyfree, since(4, 12));
        row("AnonHugePages", self.anon_huge, old(39));
        row("ShmemPmdMapped", 0, since(4, 8));
        row("FilePmdMapped", 0, since(5, 4));
        row("Shared_Hugetlb", self.shared_hugetlb, since(4, 4));
        row("Private_Hugetlb", self.private_hugetlb, since(4, 4));
        row("Swap", self.swap, old(26));
        row("SwapPss", pss(self.swap_pss), since(4, 3));
        row("Locked", pss(self.pss_locked), old(39));
    }
}

/// `/proc/PID/smaps`.
pub(crate) fn smaps(store: &Store, mm: &Mm) -> Vec<u8> {
    let mut text = String::new();
    for vma in mm.vmas.values() {
        header(&mut text, store, mm, vma);
        entry(
            &mut text,
            store,
            vma.end - vma.start,
            vma.flags,
            &Share::of(store, mm, vma),
            eligible(store, vma),
        );
    }
    if store.config.vsyscall {
        vsyscall(&mut text);
        entry(&mut text, store, 4096, VmFlags::EXEC, &Share::default(), false);
    }
    text.into_bytes()
}

/// `/proc/PID/smaps_rollup`, since 4.14.
pub(crate) fn rollup(store: &Store, mm: &Mm) -> Vec<u8> {
    let mut text = String::new();
    let mut sum = Share::default();
    for vma in mm.vmas.values() {
        sum.sum(&Share::of(store, mm, vma));
    }
    let start = mm.vmas.values().next().map_or(0, |vma| vma.start);
    let end = mm.vmas.values().next_back().map_or(0, |vma| vma.end);
    let head = format!("{start:08x}-{end:08x} ---p 00000000 00:00 0 ");
    let _ = writeln!(text, "{head:<72} [rollup]");
    sum.print(&mut text, store.release(), true);
    text.into_bytes()
}

fn entry(
    text: &mut String,
    store: &Store,
    size: u64,
    flags: VmFlags,
    share: &Share,
    eligible: bool,
) {
    let release = store.release();
    let since = |major, minor| release >= Release::new(major, minor);
    let _ = writeln!(text, "Size:           {:>8} kB", size >> 10);
    if release >= Release::old(2, 6, 29) {
        let size = if flags.has(VmFlags::HUGETLB) { 2048 } else { 4 };
        let _ =
            writeln!(text, "KernelPageSize:     {size:>4} kB\nMMUPageSize:        {size:>4} kB");
    }
    share.print(text, release, false);
    if since(5, 0) {
        let _ = writeln!(text, "THPeligible:           {}", u8::from(eligible));
    }
    if store.config.protection_keys && since(4, 9) {
        text.push_str("ProtectionKey:         0\n");
    }
    if since(3, 8) {
        text.push_str("VmFlags: ");
        for (flag, code) in VmFlags::CODES {
            if flags.has(*flag) {
                text.push_str(code);
                text.push(' ');
            }
        }
        text.push('\n');
    }
}

/// `thp_vma_allowable_orders()` as `smaps` asks it: an aligned huge page fits at the end.
fn eligible(store: &Store, vma: &Vma) -> bool {
    use crate::config::Huge;
    let wanted = match store.config.huge {
        Huge::Always => true,
        Huge::Madvise => vma.has(VmFlags::HUGEPAGE),
        Huge::Never => false,
    };
    wanted && crate::thp::fits_at_end(vma) && vma.is_anonymous() && !vma.has(VmFlags::NOHUGEPAGE)
}
