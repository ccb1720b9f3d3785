//! The running kernel playing events on this process's own memory.
#![expect(unsafe_code, reason = "mmap, munmap, mprotect and brk of the kernel, and accesses")]

use std::error::Error;
use std::io;
use std::ptr;

use super::trace::{Event, GROWTH, GUARD, PAGES, World, writable, written};

const PAGE: usize = 4096;
const LEN: usize = PAGES * PAGE;

/// Mappings of this process; they end with the value.
#[derive(Debug)]
pub(super) struct Kernel {
    slots: Vec<*mut libc::c_void>,
    /// The break as it was. Nothing here allocates before it is that again.
    brk: i64,
}

impl Kernel {
    pub(super) fn start(slots: usize) -> Kernel {
        Kernel { slots: vec![ptr::null_mut(); slots], brk: brk(0) }
    }
}

impl World for Kernel {
    fn event(&mut self, event: Event) -> Result<(), Box<dyn Error>> {
        match event {
            Event::Map(slot) => {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                // SAFETY: a new mapping where there is none.
                let at = unsafe { libc::mmap(ptr::null_mut(), LEN, rights(slot), flags, -1, 0) };
                let failed = at == libc::MAP_FAILED;
                self.slots[slot] = if failed { ptr::null_mut() } else { at };
                result(if failed { -1 } else { 0 })
            }
            Event::Unmap(slot) => {
                // SAFETY: the slot's own mapping, which nothing refers to.
                let failed = unsafe { libc::munmap(self.slots[slot], LEN) };
                self.slots[slot] = ptr::null_mut();
                result(failed)
            }
            Event::Guard(slot) => result(self.protect(slot, libc::PROT_NONE)),
            Event::Release(slot) => result(self.protect(slot, rights(slot))),
            Event::Touch(slot, pages) => {
                for page in 0..usize::try_from(pages)?.min(PAGES) {
                    let at = self.slots[slot].cast::<u8>().wrapping_add(page * PAGE);
                    if written(slot) {
                        // SAFETY: a byte of the slot's mapping, which may be written.
                        unsafe { ptr::write_volatile(at, 1) };
                    } else {
                        // SAFETY: a byte of the slot's mapping, which may be read.
                        let _ = unsafe { ptr::read_volatile(at) };
                    }
                }
                Ok(())
            }
            Event::Grow => moved(self.brk + i64::try_from(GROWTH)?),
            Event::Shrink => moved(self.brk),
        }
    }
}

impl Kernel {
    fn protect(&self, slot: usize, prot: i32) -> i32 {
        let at = self.slots[slot].wrapping_byte_add(GUARD * PAGE);
        // SAFETY: a page of the slot's mapping, which nothing refers to.
        unsafe { libc::mprotect(at, PAGE, prot) }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        brk(self.brk);
        for &at in self.slots.iter().filter(|at| !at.is_null()) {
            // SAFETY: as above.
            unsafe { libc::munmap(at, LEN) };
        }
    }
}

/// Maps so many pages, writes to each, and unmaps them; never in huge pages.
pub(super) fn touch(pages: usize) -> Result<(), Box<dyn Error>> {
    let (len, flags) = (pages * PAGE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping where there is none.
    let at = unsafe { libc::mmap(ptr::null_mut(), len, rights, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return result(-1);
    }
    // SAFETY: the mapping made above. Kernels without huge pages refuse it, which is as good.
    let _ = unsafe { libc::madvise(at, len, libc::MADV_NOHUGEPAGE) };
    for page in 0..pages {
        // SAFETY: a byte of it.
        unsafe { ptr::write_volatile(at.cast::<u8>().wrapping_add(page * PAGE), 1) };
    }
    // SAFETY: nothing refers to it.
    result(unsafe { libc::munmap(at, len) })
}

fn rights(slot: usize) -> i32 {
    if writable(slot) { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ }
}

/// `brk` as the kernel has it: the break as it is then.
fn brk(to: i64) -> i64 {
    // SAFETY: the break goes up from where it was and comes back, with nothing allocated between.
    unsafe { libc::syscall(libc::SYS_brk, to) }
}

fn moved(to: i64) -> Result<(), Box<dyn Error>> {
    if brk(to) == to { Ok(()) } else { Err("the break did not move".into()) }
}

fn result(failed: i32) -> Result<(), Box<dyn Error>> {
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
}
