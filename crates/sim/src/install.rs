//! An image becomes an address space.

use crate::anon::Chain;
use crate::files::{File, FileKind};
use crate::frames::file_base;
use crate::image::{Image, ImageBacking, ImageMapping, ImagePage};
use crate::mm::Mm;
use crate::page::{ANON, FILE, PAGE, PAGE_BITS, Pte, SHMEM, What};
use crate::range_map::RangeSet;
use crate::store::Store;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

impl Image {
    /// The kernel's own mappings end at `to` and not at `from`, if they end there.
    pub(crate) fn move_special(&mut self, from: u64, to: u64) {
        let special = |mapping: &ImageMapping| matches!(mapping.backing, ImageBacking::Special(_));
        let top =
            self.mappings.iter().filter(|mapping| special(mapping)).map(|mapping| mapping.end);
        if top.max() != Some(from) {
            return;
        }
        for mapping in self.mappings.iter_mut().filter(|mapping| special(mapping)) {
            mapping.start = mapping.start.wrapping_sub(from).wrapping_add(to);
            mapping.end = mapping.end.wrapping_sub(from).wrapping_add(to);
        }
    }

    /// A stack is no larger than its limit, at first; what is used of it stays.
    pub(crate) fn trim_stack(&mut self, limit: u64) {
        for mapping in &mut self.mappings {
            let size = mapping.end - mapping.start;
            let used = mapping.pages.iter().map(|pages| pages.first).min();
            let (Some(used), true) = (used, mapping.flags.has(VmFlags::GROWSDOWN)) else {
                continue;
            };
            let cut = size.saturating_sub(limit & !(PAGE - 1)) / PAGE;
            let cut = cut.min(used);
            mapping.start += cut * PAGE;
            self.peaks.0 = self.peaks.0.saturating_sub(cut);
            for pages in &mut mapping.pages {
                pages.first -= cut;
            }
        }
    }

    /// How many pages it takes at most, with their page tables.
    pub(crate) fn pages(&self) -> u64 {
        let mapped = |mapping: &ImageMapping| (mapping.end - mapping.start) >> PAGE_BITS;
        let need = |mapping: &ImageMapping| match mapping.backing {
            ImageBacking::File { .. } => mapped(mapping),
            _ => mapping.pages.iter().map(|run| run.count.min(mapped(mapping))).sum(),
        };
        let pages: u64 = self.mappings.iter().map(need).sum();
        pages + pages / 64 + 3 * self.mappings.len() as u64
    }

    /// Puts the image's mappings and pages into an empty address space.
    pub(crate) fn install(&self, store: &mut Store, mm: &mut Mm) {
        for mapping in &self.mappings {
            place(store, mm, mapping, self.in_memory);
        }
        for &address in &self.empty_tables {
            mm.tables.make(address, address + 1);
        }
        store.frames.pay_tables(mm);
        store.frames.pay_mappings(mm);
        // What an exec puts on the stack is not a fault of the new program's own.
        let mut pages = [mm.rss[ANON].saturating_sub(1), mm.rss[FILE], mm.rss[SHMEM], 0];
        if mm.unsynced.counts_by_processor() {
            pages[ANON] = mm.rss[ANON];
        }
        let call = u64::from(store.rules.counts_call_faults);
        mm.unsynced.made(self.exec_faults.0.saturating_sub(call).max(pages.iter().sum()), pages);
        mm.hiwater_vm = self.peaks.0;
        mm.hiwater_rss = self.peaks.1;
    }
}

fn place(store: &mut Store, mm: &mut Mm, mapping: &ImageMapping, in_memory: bool) {
    let ImageMapping { start, end, flags, .. } = *mapping;
    let mut pgoff = start >> PAGE_BITS;
    let mut has_close = false;
    let backing = match &mapping.backing {
        ImageBacking::Anon => Backing::Anon,
        ImageBacking::Special(special) => {
            (pgoff, has_close) = (0, true);
            Backing::Special(*special)
        }
        ImageBacking::File { name, device, inode, offset } => {
            pgoff = offset >> PAGE_BITS;
            let open = open(store, mm, name, (*device, *inode), in_memory);
            let file = store.opens[open].file;
            let last = offset + (end - start);
            store.files[file].len = store.files[file].len.max(last);
            store.hold(open);
            let pages = (end - start) >> PAGE_BITS;
            if in_memory {
                store.hand_over(file, pgoff, pages);
            }
            // What a running program maps was read not long ago.
            store.fill(file, pgoff, pages, true);
            Backing::File(open)
        }
    };
    let pages = (end - start) >> PAGE_BITS;
    mm.account(flags, pages, true);
    if flags.has(VmFlags::ACCOUNT) {
        store.committed += pages;
    }
    if flags.has(VmFlags::LOCKED) {
        mm.locked_vm += pages;
    }
    let mut chain = Chain::default();
    if mapping.pages.iter().any(|pages| pages.what == ImagePage::Anon) {
        store.anons.prepare(&mut chain, None);
    }
    let policy = None;
    mm.vmas.insert(start, Vma { start, end, flags, pgoff, backing, chain, has_close, policy });
    mm.holes.take(start, end);
    for run in &mapping.pages {
        put(store, mm, mapping, backing, pgoff, run.first, run.count, run.what);
    }
}

/// The open file of that name, one for all mappings of an exec's file.
fn open(
    store: &mut Store,
    mm: &Mm,
    name: &str,
    (device, inode): ((u32, u32), u64),
    in_memory: bool,
) -> usize {
    let same = |open: usize| {
        let file = store.file(open);
        file.name == name && file.device == device && file.inode == inode
    };
    if let Some(open) = mm.vmas.values().filter_map(Vma::open_file).find(|open| same(*open)) {
        return open;
    }
    let known = store
        .files
        .iter()
        .position(|file| file.name == name && file.device == device && file.inode == inode);
    let memory = ["/memfd:", "/dev/shm/", "/SYSV", "/dev/zero"];
    let kind = if in_memory || memory.iter().any(|start| name.starts_with(start)) {
        FileKind::Memfd
    } else {
        FileKind::Disk
    };
    let file = known.unwrap_or_else(|| {
        store.add_file(File {
            name: name.to_owned(),
            device,
            inode,
            len: 0,
            kind,
            promised: None,
            blocks: RangeSet::default(),
            opens: 0,
            linked: true,
        })
    });
    store.add_open(file, true, false)
}

#[allow(clippy::too_many_arguments, reason = "a run of pages of a mapping, spelled out")]
fn put(
    store: &mut Store,
    mm: &mut Mm,
    mapping: &ImageMapping,
    backing: Backing,
    pgoff: u64,
    first: u64,
    count: u64,
    what: ImagePage,
) {
    let pages = (mapping.end - mapping.start) >> PAGE_BITS;
    let count = count.min(pages.saturating_sub(first));
    let page = (mapping.start >> PAGE_BITS) + first;
    let writable = mapping.flags.has(VmFlags::WRITE);
    let plain =
        Pte { what: What::Zero, frame: 0, writable: false, dirty: false, young: true, huge: false };
    let pte = match (what, backing) {
        (ImagePage::Zero, _) => plain,
        (ImagePage::Special, _) => Pte { what: What::Special, ..plain },
        (ImagePage::File(maps), Backing::File(open)) => {
            let file = store.opens[open].file;
            let shmem = store.files[file].is_shmem();
            store.fill(file, pgoff + first, count, true);
            let frame = file_base(file) + pgoff + first;
            if shmem {
                // Somebody wrote it there.
                store.frames.mark_dirty(frame, count);
            }
            store.mapped_elsewhere(frame, count, maps);
            store.frames.map(frame, count);
            Pte { what: if shmem { What::Shmem } else { What::File }, frame, ..plain }
        }
        (ImagePage::File(maps), _) => {
            // A page of the kernel's that is counted: the vdso.
            store.config.vdso_users = store.config.vdso_users.max(maps);
            let mut frame = 0;
            for index in (first..first + count).rev() {
                frame = store.vdso_frame(index);
            }
            Pte { what: What::File, frame, ..plain }
        }
        (ImagePage::Anon, _) => {
            let grant = store.frames.seize_for(mm.memcg, count);
            let frame = store.frames.anonymous(count, false, grant, (mm.key, page));
            store.written.add(frame, frame + count);
            if mapping.flags.has(VmFlags::GROWSDOWN) && first + count == pages {
                // The program's name and its arguments: each finds the page by `get_arg_page()`,
                // which counts as a use, and the second makes it active.
                store.frames.accessed(frame + count - 1, 1);
                store.frames.accessed(frame + count - 1, 1);
            }
            Pte { what: What::Anon, frame, writable, dirty: true, ..plain }
        }
    };
    mm.tables.make(page * PAGE, (page + count) * PAGE);
    if let Some(kind) = pte.rss() {
        mm.rss[kind] += count;
    }
    mm.pages.set(page, count, pte);
}

#[cfg(test)]
mod tests {
    use facts::Release;
    use rules::layout::Arch;
    use world::{ProcessSpec, World};

    use super::*;
    use crate::machine::Machine;
    use crate::{MachineConfig, Profile};

    #[test]
    fn the_page_of_a_programs_arguments_is_active_and_no_other_of_its_own() {
        for release in ["4.4", "6.1", "6.12"] {
            let release: Release = release.parse().unwrap();
            let profile = Profile::of(release, Arch::X86_64, 256);
            let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
            // With lists of two ages, on which a new page is inactive since 5.9.
            let new_is_active = release < Release::new(5, 9);
            let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
            let id = machine.start(&ProcessSpec::new("p", 1000)).unwrap();
            let mm = &machine.mms[&machine.living(id).unwrap().mm];
            let own = mm.pages.iter().filter(|(_, _, pte)| pte.what == What::Anon);
            let frames = &machine.store.frames.map;
            let last = mm.vmas.values().rfind(|vma| vma.has(VmFlags::GROWSDOWN)).unwrap();
            let arguments = (last.end >> PAGE_BITS) - 1;
            let mut seen = 0;
            for (page, len, pte) in own {
                for at in 0..len {
                    let (_, frame) = frames.get(pte.frame + at).unwrap();
                    let active = page + at == arguments || new_is_active;
                    assert_eq!(frame.active, active, "{release} {:#x}", (page + at) * PAGE);
                    seen += u64::from(page + at == arguments);
                }
            }
            assert_eq!(seen, 1, "{release}");
        }
    }
}
