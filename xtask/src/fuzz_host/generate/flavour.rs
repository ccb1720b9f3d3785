//! What single programs do more of than others, and the calls about it.

use world::{Call, MapFlags, MemfdFlags, OpenFlags, Prot, SyncFlags};

use super::{Generator, HUGE, PAGE};
use crate::fuzz_host::random::Random;

/// What a program is about besides everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Nothing more than anything else.
    Plain,
    /// Huge pages: aligned mappings, advice, what splits them and puts them together.
    Huge,
    /// Files and shared memory.
    Files,
    /// Processes and threads.
    Family,
}

impl Flavour {
    pub(super) fn choose(random: &mut Random) -> Flavour {
        match random.below(100) {
            0..50 => Flavour::Plain,
            50..70 => Flavour::Huge,
            70..90 => Flavour::Files,
            _ => Flavour::Family,
        }
    }
}

impl Generator<'_> {
    /// What is about huge pages.
    pub(super) fn huge_call(&mut self) -> Option<Call> {
        let random = &mut self.random;
        let block = 0x5000_0000 + random.below(16) * HUGE;
        let len = random.between(1, 2) * HUGE + random.below(3) * PAGE;
        match random.below(8) {
            0 => {
                let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);
                let flags = if random.chance(50) { flags.with(MapFlags::FIXED) } else { flags };
                let addr = block.wrapping_sub(random.below(3) * PAGE);
                let prot = if random.chance(85) { Prot(3) } else { Prot(1) };
                if self.known().locks_future && !self.spend(len / PAGE) {
                    return None;
                }
                let safe = self.may_lose(addr, len);
                safe.then_some(Call::Mmap { addr, len, prot, flags, fd: -1, offset: 0 })
            }
            1 | 2 => {
                let (addr, len) = self.range();
                self.advise(addr, len, 14)
            }
            3 => {
                let (addr, len) = self.range();
                let (addr, len) = if self.random.chance(70) {
                    (addr / HUGE * HUGE, len.min(1 << 40).next_multiple_of(HUGE))
                } else {
                    (addr, len)
                };
                self.advise(addr, len.min(3 * HUGE), 25)
            }
            _ => {
                let (addr, len) = self.range();
                let advice = self.random.one(&[4, 8, 15, 20, 21, 22, 23, 24, 102, 103]);
                self.advise(addr, len, advice)
            }
        }
    }

    /// What is about files and shared memory.
    pub(super) fn about_files(&mut self) -> Option<Call> {
        match self.random.below(10) {
            0..5 => self.file_call(),
            5..7 => self.shm_call(),
            7 => {
                let (addr, len) = self.rough_range();
                Some(Call::Msync { addr, len, flags: SyncFlags(self.random.one(&[1, 2, 4, 6])) })
            }
            _ => {
                let fd = self.fd();
                let flags = self.random.one(&[MapFlags::PRIVATE, MapFlags::SHARED]);
                let (len, offset) =
                    (self.random.between(1, 24) * PAGE, self.random.below(12) * PAGE);
                let prot = self.random.one(&[Prot(1), Prot(3), Prot(3), Prot(2), Prot(5)]);
                if self.known().locks_future && !self.spend(len / PAGE) {
                    return None;
                }
                Some(Call::Mmap { addr: 0, len, prot, flags, fd, offset })
            }
        }
    }

    pub(super) fn file_call(&mut self) -> Option<Call> {
        let random = &mut self.random;
        let (offset, len) =
            (random.below(20) * PAGE + random.one(&[0, 0, 100]), random.between(1, 6 * PAGE));
        let choice = random.below(16);
        let memfd = self.mask.allows("memfd");
        Some(match choice {
            0..3 if self.files > 0 => {
                let file = usize::try_from(self.random.below(self.files as u64)).unwrap_or(0);
                let flags = self.random.one(&[
                    OpenFlags::RDWR,
                    OpenFlags::RDWR,
                    OpenFlags::RDONLY,
                    OpenFlags::WRONLY,
                ]);
                Call::Open { file, flags }
            }
            0..5 if memfd && self.known().fds.len() < 12 => {
                Call::MemfdCreate { flags: MemfdFlags::CLOEXEC }
            }
            5 => Call::Close { fd: self.fd() },
            6 | 7 => Call::Pread { fd: self.fd(), offset, len },
            8 | 9 => Call::Pwrite { fd: self.fd(), offset, len },
            10..13 => Call::Ftruncate { fd: self.fd(), len: self.random.below(40 * PAGE) },
            13 => {
                let mode = self.random.one(&[0, 1, 3, 3]);
                Call::Fallocate { fd: self.fd(), mode, offset, len }
            }
            14 => Call::Fsync { fd: self.fd() },
            // What is read again after pages were dropped is read ahead, which is not modelled.
            _ if self.disk => {
                let advice = self.random.one(&[3, 3, 5, 6]);
                Call::Fadvise { fd: self.fd(), offset, len, advice }
            }
            _ => {
                let (offset, len) = if self.random.chance(50) { (0, 0) } else { (offset, len) };
                let advice = self.random.one(&[0, 1, 2, 3, 3, 4, 4, 4, 5, 6]);
                Call::Fadvise { fd: self.fd(), offset, len, advice }
            }
        })
        .filter(|call| self.mask.allows_call(call))
    }

    pub(super) fn shm_call(&mut self) -> Option<Call> {
        let id = i32::try_from(self.random.below(u64::try_from(self.segments + 1).unwrap_or(1)))
            .unwrap_or(0);
        let (addr, len) = self.rough_range();
        Some(match self.random.below(10) {
            0..2 if self.segments < 6 => Call::Shmget { len: self.random.between(0, 20 * PAGE) },
            9 => Call::ShmRemove { id },
            7 | 8 => Call::Shmdt { addr },
            _ => {
                let flags = self.random.one(&[0, 0, 0x1000, 0x2000, 0x4000]);
                let addr = if self.random.chance(60) { 0 } else { addr };
                if flags == 0x4000 && !self.may_lose(addr, len.max(20 * PAGE)) {
                    return None;
                }
                Call::Shmat { id, addr, flags }
            }
        })
    }
}
