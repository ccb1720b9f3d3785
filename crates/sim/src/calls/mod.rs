//! System calls, one file each; errors come in the kernel's order of checks.

mod brk;
mod madvise;
mod mlock;
pub(crate) mod mmap;
mod mprotect;
mod mremap;
