//! The machine as it is built.

use facts::{CgroupVersion, OvercommitMode, Release};
use rules::layout::Arch;

use crate::profile::Profile;
use crate::unsynced::{Counting, Unsynced};

/// When anonymous memory gets huge pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Huge {
    /// Wherever they fit.
    Always,
    /// Where `madvise` asked for them.
    Madvise,
    /// Nowhere.
    Never,
}

/// How fast the disks of a machine are, on which files and swap areas are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// From the end of a request to the word that it is done, nanoseconds.
    pub request: u64,
    /// What each page takes, nanoseconds.
    pub page: u64,
    /// Whether a page is there when the call returns (`SWP_SYNCHRONOUS_IO`: RAM disks, persistent memory):
    /// reading from swap such a disk brings no neighbours, and nothing stays in the swap cache (4.15).
    pub synchronous: bool,
}

impl Disk {
    /// A disk that has everything at once, but is not known to.
    pub const INSTANT: Disk = Disk { request: 0, page: 0, synchronous: false };
    /// A RAM disk.
    pub const RAM: Disk = Disk { request: 0, page: 0, synchronous: true };
    /// A solid-state disk: 20 µs a request, 2 GB a second.
    pub const SOLID: Disk = Disk { request: 20_000, page: 2_000, synchronous: false };
}

/// A machine: everything that a process's view of memory follows from.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the kernel's of that name")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineConfig {
    /// The kernel's release.
    pub release: Release,
    /// The kind of address space that its processes get.
    pub arch: Arch,
    /// `MemTotal`, pages.
    pub ram: u64,
    /// `SwapTotal`, pages.
    pub swap: u64,
    /// `vm.overcommit_memory`.
    pub overcommit: OvercommitMode,
    /// `vm.overcommit_ratio`.
    pub overcommit_ratio: u64,
    /// `vm.overcommit_kbytes`.
    pub overcommit_kbytes: u64,
    /// `vm.admin_reserve_kbytes`.
    pub admin_reserve_kbytes: u64,
    /// `vm.user_reserve_kbytes`.
    pub user_reserve_kbytes: u64,
    /// Pages promised to processes that the model does not have.
    pub committed_elsewhere: u64,
    /// `vm.max_map_count`.
    pub max_map_count: u64,
    /// `vm.mmap_min_addr`, bytes: below it only `CAP_SYS_RAWIO` may map.
    pub mmap_min_addr: u64,
    /// `CONFIG_LSM_MMAP_MIN_ADDR`, bytes: no mapping is placed below it by the kernel's own choice,
    /// whatever `vm.mmap_min_addr` says.
    pub lsm_mmap_min_addr: u64,
    /// `stack_guard_gap`, pages.
    pub stack_guard_gap: u64,
    /// `transparent_hugepage/enabled`.
    pub huge: Huge,
    /// `transparent_hugepage/use_zero_page`.
    pub huge_zero_page: bool,
    /// `vm.legacy_va_layout`.
    pub legacy_layout: bool,
    /// `kernel.randomize_va_space`: 0 nothing, 1 all but the heap, 2 all. 0 unless it is set, though
    /// kernels start with 2.
    pub randomize_va_space: u8,
    /// Seed of randomised addresses; `None`: programs run with the personality `ADDR_NO_RANDOMIZE`.
    pub aslr_seed: Option<u64>,
    /// `vm.mmap_rnd_bits`, or `vm.mmap_rnd_compat_bits` for 32-bit programs; `None`: what the kernel
    /// has by itself.
    pub mmap_rnd_bits: Option<u32>,
    /// Processors.
    pub cpus: u32,
    /// Whether processors have protection keys, which adds a line to `smaps`.
    pub protection_keys: bool,
    /// Whether the kernel marks pages as softly dirty (`CONFIG_MEM_SOFT_DIRTY`): `sd` in `smaps`.
    pub soft_dirty: bool,
    /// Whether `[vsyscall]` is listed in `maps`.
    pub vsyscall: bool,
    /// `read_ahead_kb` of the disk that files are on, pages: what a fault on a page that is not in
    /// memory reads around it.
    pub read_ahead: u64,
    /// Whether the file system keeps files in folios of more than a page, as ext4 does since 6.16; the model
    /// has them of 6.18 on, where memory never ends.
    pub large_folios: bool,
    /// How long a task runs before another has its turn, nanoseconds: a tick, where a page takes as long as
    /// it does on a machine of today (see [`Disk`]).
    pub turn: u64,
    /// The disks that swap areas and files are on.
    pub disk: Disk,
    /// Which pages of `[vvar]` can be read, one bit each: not those of namespaces of time and of
    /// architectures that are not there.
    pub vvar_pages: u64,
    /// Which pages of `[vvar_vclock]` can be read: the hypervisor's clock, if it has one.
    pub vclock_pages: u64,
    /// How many processes outside the model map the pages of the vdso.
    pub vdso_users: u32,
    /// Whether programs fork with `CLONE_PARENT`, as the lab's actor does: no child's parent is who
    /// made it, and so none is known to borrow its parent's memory (`in_vfork()`).
    pub siblings: bool,
    /// Default soft and hard `RLIMIT_STACK`, bytes.
    pub stack_limit: (u64, u64),
    /// Default soft and hard `RLIMIT_MEMLOCK`, bytes.
    pub memlock_limit: (u64, u64),
    /// `major:minor` of the file system that the scenario's files are on.
    pub file_device: (u32, u32),
    /// The hierarchy that the memory controller is in.
    pub cgroups: CgroupVersion,
    /// Whether pages are reclaimed by generation (`/sys/kernel/mm/lru_gen/enabled`): possible since 6.1,
    /// and how Debian, Fedora, Arch and others build 6.12; off where nobody says so.
    pub lru_gen: bool,
    /// What the kernel has made of its RAM, which then is all there is; `None`: memory never ends,
    /// and nothing is reclaimed.
    pub physical: Option<Profile>,
}

impl MachineConfig {
    /// The kernel's `mmap_min_addr`: the lowest address that a mapping is placed at.
    pub fn lowest_address(&self) -> u64 {
        self.mmap_min_addr.max(self.lsm_mmap_min_addr)
    }

    /// How its kernel counts resident pages.
    pub(crate) fn unsynced(&self) -> Unsynced {
        Unsynced::new(Counting::of(self.release, self.arch, self.cpus))
    }

    /// A machine with the memory of a profile, which ends. Huge pages are off below 512 MiB, as the
    /// kernel has it (`hugepage_init()`, 2.6.38).
    pub fn with_memory(release: Release, arch: Arch, profile: Profile) -> MachineConfig {
        let ram = profile.managed();
        let mut config = MachineConfig::new(release, arch, ram, 0);
        if ram < 131_072 {
            config.huge = Huge::Never;
        }
        // `init_user_reserve()` and `init_admin_reserve()` go by what is free while the kernel starts.
        let at_init = profile.zones.iter().map(|zone| zone.managed_at_init).sum::<u64>();
        // So much of it was in use by then (measured on seven sizes of 6.1).
        let free_kib = at_init.saturating_sub(1430 + at_init / 2740) * 4;
        config.admin_reserve_kbytes = (free_kib / 32).min(8192);
        config.user_reserve_kbytes = (free_kib / 32).min(131_072);
        config.committed_elsewhere = profile.committed;
        config.disk = Disk::SOLID;
        config.physical = Some(profile);
        config
    }

    /// A machine as this release would have booted it, with so many pages of RAM and of swap.
    pub fn new(release: Release, arch: Arch, ram: u64, swap: u64) -> MachineConfig {
        let since = |major, minor| release >= Release::new(major, minor);
        let free_kib = ram.saturating_mul(4);
        MachineConfig {
            release,
            arch,
            ram,
            swap,
            overcommit: OvercommitMode::Heuristic,
            overcommit_ratio: 50,
            overcommit_kbytes: 0,
            admin_reserve_kbytes: (free_kib / 32).min(8192),
            user_reserve_kbytes: (free_kib / 32).min(131_072),
            committed_elsewhere: 0,
            max_map_count: if release >= Release::old(2, 6, 31) { 65_530 } else { 65_536 },
            mmap_min_addr: if since(2, 6) && release >= Release::old(2, 6, 23) { 4096 } else { 0 },
            lsm_mmap_min_addr: lsm_min_addr(release, arch),
            stack_guard_gap: 256,
            huge: if since(2, 6) && release >= Release::old(2, 6, 38) {
                Huge::Madvise
            } else {
                Huge::Never
            },
            huge_zero_page: since(3, 8),
            legacy_layout: false,
            randomize_va_space: 0,
            aslr_seed: None,
            mmap_rnd_bits: None,
            cpus: 1,
            protection_keys: false,
            soft_dirty: false,
            vsyscall: arch == Arch::X86_64,
            read_ahead: 32,
            large_folios: false,
            turn: 4_000_000,
            disk: Disk::INSTANT,
            vvar_pages: if since(6, 13) { 0b0101 } else { 0b0011 },
            vclock_pages: 0b01,
            vdso_users: 0,
            siblings: false,
            stack_limit: (8 << 20, u64::MAX),
            memlock_limit: if since(5, 16) { (8 << 20, 8 << 20) } else { (64 << 10, 64 << 10) },
            file_device: (8, 1),
            cgroups: if since(4, 5) { CgroupVersion::V2 } else { CgroupVersion::V1 },
            lru_gen: false,
            physical: None,
        }
    }
}

/// `CONFIG_LSM_MMAP_MIN_ADDR` as distributions set it, since 2.6.31.
fn lsm_min_addr(release: Release, arch: Arch) -> u64 {
    if release < Release::old(2, 6, 31) {
        return 0;
    }
    match arch {
        Arch::X86_64 | Arch::I386 | Arch::Ia32 => 65_536,
        Arch::Arm | Arch::Arm64 => 32_768,
    }
}
