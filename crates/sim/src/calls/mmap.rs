//! `mmap(2)`: `do_mmap()` and `mmap_region()`, 6.18.

use rules::layout::Arch;
use world::{Errno, MapFlags, Prot};

use crate::ctx::{Answer, Ctx};
use crate::files::{File, FileKind};
use crate::page::{PAGE, PAGE_BITS, page_align};
use crate::place::Wanted;
use crate::range_map::RangeSet;
use crate::space::Candidate;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

/// The arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mmap {
    pub(crate) addr: u64,
    pub(crate) len: u64,
    pub(crate) prot: Prot,
    pub(crate) flags: MapFlags,
    pub(crate) fd: i32,
    pub(crate) offset: u64,
}

/// `LEGACY_MAP_MASK`: what `MAP_SHARED` knew before 4.15, and `MAP_SHARED_VALIDATE` still accepts.
const LEGACY: u32 = 0x1
    | 0x2
    | 0x10
    | 0x20
    | 0x100
    | 0x800
    | 0x1000
    | 0x2000
    | 0x4000
    | 0x8000
    | 0x1_0000
    | 0x2_0000
    | 0x4_0000
    | 0x40
    | 0x80
    | 0x7c00_0000;

/// The type bits of the flags.
const TYPE: u32 = 0xf;

/// `calc_vm_prot_bits()`.
pub(crate) fn prot_bits(prot: Prot) -> VmFlags {
    VmFlags(u64::from(prot.0) & VmFlags::ACCESS.0)
}

impl Ctx<'_> {
    /// The system call.
    pub(crate) fn mmap(&mut self, call: &Mmap) -> Answer {
        let x86 = matches!(self.store.config.arch, Arch::X86_64 | Arch::I386 | Arch::Ia32);
        if call.offset & (PAGE - 1) != 0 && x86 {
            return Err(Errno::EINVAL);
        }
        let mut call = *call;
        let open = if call.flags.has(MapFlags::ANONYMOUS) {
            if call.flags.has(MapFlags::HUGETLB) {
                let (open, len) = self.huge_file(&call)?;
                call.len = len;
                Some(open)
            } else {
                None
            }
        } else {
            let open = self.task.fds.get(&call.fd).ok_or(Errno::EBADF)?.open;
            if call.flags.has(MapFlags::HUGETLB) {
                return Err(Errno::EINVAL);
            }
            Some(open)
        };
        let fresh = call.flags.has(MapFlags::ANONYMOUS).then_some(open).flatten();
        if let Some(open) = fresh {
            self.store.hold(open);
        }
        let done = self.do_mmap(&call, open);
        if let Some(open) = fresh {
            self.store.release_open(open);
        }
        let (address, populate) = done?;
        if populate {
            self.populate(address, address + page_align(call.len));
        }
        Ok(address)
    }

    /// `do_mmap()`: the address, and whether it is to be populated.
    pub(crate) fn do_mmap(&mut self, call: &Mmap, open: Option<usize>) -> Answer<(u64, bool)> {
        let mut flags = call.flags;
        if call.len == 0 {
            return Err(Errno::EINVAL);
        }
        let noreplace = self.store.rules.fixed_noreplace && flags.has(MapFlags::FIXED_NOREPLACE);
        if noreplace {
            flags = flags.with(MapFlags::FIXED);
        }
        let mut addr = call.addr;
        if !flags.has(MapFlags::FIXED) {
            addr &= !(PAGE - 1);
            if addr != 0 {
                addr = addr.max(page_align(self.store.config.lowest_address()));
            }
        }
        let len = page_align(call.len);
        if len == 0 {
            return Err(Errno::ENOMEM);
        }
        let pages = len >> PAGE_BITS;
        let mut pgoff = call.offset >> PAGE_BITS;
        if pgoff.checked_add(pages).is_none() {
            return Err(Errno::EOVERFLOW);
        }
        if self.mm.map_count() > self.map_count_max() {
            return Err(Errno::ENOMEM);
        }
        let huge = open.is_some_and(|open| self.store.file(open).kind == FileKind::Hugetlb);
        let mut vm = prot_bits(call.prot)
            .with(self.flag_bits(flags))
            .with(self.mm.def_flags)
            .with(VmFlags::MAY);
        addr = self.get_unmapped_area(&Wanted {
            addr,
            len,
            pgoff: if open.is_some() { pgoff } else { 0 },
            open,
            flags,
        })?;
        if noreplace && self.mm.intersection(addr, addr + len).is_some() {
            return Err(Errno::EEXIST);
        }
        if flags.has(MapFlags::LOCKED) && !self.can_lock() {
            return Err(Errno::EPERM);
        }
        if !self.may_lock(vm, len) {
            return Err(Errno::EAGAIN);
        }
        if let Some(open) = open {
            vm = self.file_flags(open, flags, call.prot, vm, pgoff, len)?;
            if huge {
                vm = vm.with(VmFlags::HUGETLB).with(VmFlags::DONTEXPAND);
                pgoff = 0;
            }
        } else {
            vm = self.anonymous_flags(flags, vm)?;
            pgoff = if vm.has(VmFlags::SHARED) { 0 } else { addr >> PAGE_BITS };
        }
        if flags.has(MapFlags::NORESERVE) && !self.store.never_overcommits() {
            vm = vm.with(VmFlags::NORESERVE);
        }
        self.mmap_region(addr, len, vm, pgoff, open)?;
        let wants = flags.has(MapFlags::POPULATE) && !flags.has(MapFlags::NONBLOCK);
        Ok((addr, vm.has(VmFlags::LOCKED) || wants))
    }

    /// `calc_vm_flag_bits()`.
    fn flag_bits(&self, flags: MapFlags) -> VmFlags {
        let mut vm = VmFlags::NONE;
        for (flag, bit) in [
            (MapFlags::GROWSDOWN, VmFlags::GROWSDOWN),
            (MapFlags::LOCKED, VmFlags::LOCKED),
            (MapFlags::SYNC, VmFlags::SYNC),
        ] {
            if flags.has(flag) {
                vm = vm.with(bit);
            }
        }
        if flags.has(MapFlags::STACK) && self.store.rules.map_stack_no_huge {
            vm = vm.with(VmFlags::NOHUGEPAGE);
        }
        vm
    }

    fn file_flags(
        &self,
        open: usize,
        flags: MapFlags,
        prot: Prot,
        mut vm: VmFlags,
        pgoff: u64,
        len: u64,
    ) -> Answer<VmFlags> {
        let (read, write) = (self.store.opens[open].read, self.store.opens[open].write);
        // `file_mmap_ok()`: MAX_LFS_FILESIZE for files and shared memory.
        let most = i64::MAX.unsigned_abs();
        if len > most || pgoff > (most - len) >> PAGE_BITS {
            return Err(Errno::EOVERFLOW);
        }
        let kind = flags.0 & TYPE;
        match kind {
            1 | 3 => {
                let known = if kind == 1 { flags.0 & LEGACY } else { flags.0 };
                // The type itself counts as known; `FOP_MMAP_SYNC` of ext4 and xfs makes another one so.
                let sync =
                    if self.store.file(open).kind == FileKind::Disk { MapFlags::SYNC.0 } else { 0 };
                if known & !(LEGACY | sync | TYPE & 3) != 0 {
                    return Err(Errno::EOPNOTSUPP);
                }
                if prot.has(Prot::WRITE) && !write {
                    return Err(Errno::EACCES);
                }
                vm = vm.with(VmFlags::SHARED).with(VmFlags::MAYSHARE);
                if !write {
                    vm = vm.without(VmFlags::MAYWRITE.with(VmFlags::SHARED));
                }
            }
            2 => {}
            _ => return Err(Errno::EINVAL),
        }
        if !read {
            return Err(Errno::EACCES);
        }
        if vm.has(VmFlags::GROWSDOWN) {
            return Err(Errno::EINVAL);
        }
        Ok(vm)
    }

    fn anonymous_flags(&self, flags: MapFlags, vm: VmFlags) -> Answer<VmFlags> {
        let down = vm.has(VmFlags::GROWSDOWN);
        match flags.0 & TYPE {
            1 if down => Err(Errno::EINVAL),
            1 => Ok(vm.with(VmFlags::SHARED).with(VmFlags::MAYSHARE)),
            8 if self.store.rules.droppable => {
                if flags.any(MapFlags::LOCKED.with(MapFlags::HUGETLB)) || down {
                    return Err(Errno::EINVAL);
                }
                let droppable = VmFlags::DROPPABLE
                    .with(VmFlags::NORESERVE)
                    .with(VmFlags::WIPEONFORK)
                    .with(VmFlags::DONTDUMP);
                Ok(vm.with(droppable))
            }
            2 => Ok(vm),
            _ => Err(Errno::EINVAL),
        }
    }

    /// `mmap_region()`.
    pub(crate) fn mmap_region(
        &mut self,
        addr: u64,
        len: u64,
        mut vm: VmFlags,
        pgoff: u64,
        open: Option<usize>,
    ) -> Answer<()> {
        let end = addr + len;
        let pages = len >> PAGE_BITS;
        if self.denies_exec(vm, vm) {
            return Err(Errno::EACCES);
        }
        let old = self.gather(addr, end)?;
        let (mut old_pages, mut old_accounted) = (0, 0);
        for at in &old {
            let vma = self.vma(*at);
            old_pages += vma.pages();
            if vma.has(VmFlags::ACCOUNT) {
                old_accounted += vma.pages();
            }
        }
        if !self.may_expand(vm, pages - old_pages) {
            return Err(Errno::ENOMEM);
        }
        if vm.accountable() && !vm.has(VmFlags::HUGETLB) {
            // What is replaced pays for what replaces it.
            if pages > old_accounted {
                self.promise(pages - old_accounted)?;
            }
            for at in &old {
                self.change(*at, |vma| vma.flags = vma.flags.without(VmFlags::ACCOUNT));
            }
            vm = vm.with(VmFlags::ACCOUNT);
        }
        self.finish_unmap(&old, addr, end);
        if vm.has(VmFlags::SYNC)
            && open.is_some_and(|open| self.store.file(open).kind == FileKind::Disk)
        {
            // `daxdev_mapping_supported()`; what was there is gone.
            if vm.has(VmFlags::ACCOUNT) {
                self.store.forget(pages);
            }
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(open) = open.filter(|_| vm.has(VmFlags::HUGETLB)) {
            self.promise_huge(open, vm, pgoff, pages)?;
        }
        let shared_anonymous = open.is_none() && vm.has(VmFlags::SHARED);
        if shared_anonymous {
            let open = self.shared_object(len, vm)?;
            self.insert(addr, end, vm, 0, Backing::File(open));
        } else {
            let backing = open.map_or(Backing::Anon, Backing::File);
            let range = Candidate {
                start: addr,
                end,
                flags: vm,
                pgoff,
                backing,
                chain: crate::anon::Chain::default(),
            };
            if self.merge_new(&range, false).is_none() {
                self.insert(addr, end, vm, pgoff, backing);
            }
        }
        self.mm.account(vm, pages, true);
        self.store.droppable |= vm.has(VmFlags::DROPPABLE);
        if vm.has(VmFlags::LOCKED) {
            if vm.any(VmFlags::DROPPABLE.with(VmFlags::HUGETLB)) {
                // `vma_supports_mlock()`: what can go at any time is not locked.
                self.change(addr, |vma| vma.flags = vma.flags.without(VmFlags::LOCKED_MASK));
            } else {
                self.mm.locked_vm += pages;
            }
        }
        Ok(())
    }

    /// `shmem_zero_setup()`.
    fn shared_object(&mut self, len: u64, vm: VmFlags) -> Answer<usize> {
        let promised = if vm.has(VmFlags::NORESERVE) {
            None
        } else {
            self.promise(len >> PAGE_BITS)?;
            Some(len >> PAGE_BITS)
        };
        let inode = self.store.next_inode();
        let file = self.store.add_file(File {
            name: "/dev/zero (deleted)".to_owned(),
            device: (0, 1),
            inode,
            len,
            kind: FileKind::SharedAnon,
            promised,
            blocks: RangeSet::default(),
            opens: 0,
            linked: false,
        });
        Ok(self.store.add_open(file, true, true))
    }

    /// Puts a new mapping where nothing is.
    pub(crate) fn insert(
        &mut self,
        start: u64,
        end: u64,
        flags: VmFlags,
        pgoff: u64,
        backing: Backing,
    ) {
        if let Backing::File(open) = backing {
            self.store.hold(open);
        }
        let chain = crate::anon::Chain::default();
        let vma = Vma { start, end, flags, pgoff, backing, chain, has_close: false };
        self.mm.vmas.insert(start, vma);
        self.mm.holes.take(start, end);
    }
}
