//! System calls, one file each; errors come in the kernel's order of checks.

mod brk;
mod collapse;
mod files;
mod madvise;
pub(crate) mod mlock;
pub(crate) mod mmap;
mod mprotect;
pub(crate) mod mremap;
pub(crate) mod seal;
mod sync;
