//! The simulated machine: address spaces and demand paging, equal to Linux's.
//!
//! A [`Machine`] is a [`world::World`]: processes start in it, make calls, touch memory, fork and
//! are looked at, and what comes out is compared with what a real kernel does. Every rule cites the
//! kernel function it follows; a rule that releases changed is chosen when the machine is built.
//!
//! Cost follows events and not bytes: pages in one state, made one after the other, are one run,
//! and so are their page tables and their frames. A touch of every n-th page of untouched memory is
//! as many runs as it has accesses.
//!
//! Memory ends where [`MachineConfig::physical`] says what there is of it: pages come out of zones,
//! age on lists, are reclaimed and swapped out, and somebody is killed when nothing else helps.
//! Without it memory never ends, and no page leaves it unless a call says so.
//!
//! # What it leaves out
//! Randomised addresses. The rest is in `DIVERGENCES.md`.

mod anon;
mod calls;
mod config;
mod controls;
mod cpuset;
mod ctx;
mod fault;
mod file_fault;
mod files;
mod fill;
mod folio;
mod fork;
mod frames;
mod fresh;
mod holes;
mod hugetlb;
mod image;
mod install;
mod ksm;
mod log;
mod machine;
mod memcg;
mod mm;
mod move_pages;
mod oom;
mod page;
mod pages;
mod physical;
mod place;
mod policy;
mod proc;
mod profile;
mod psi;
mod random;
mod range_map;
mod read_ahead;
mod rules_of;
mod sorted;
mod space;
mod split;
mod store;
mod tables;
mod thp;
mod touch;
mod tree;
mod uncertain;
mod unsynced;
mod vm_flags;
mod vma;

pub use config::{Disk, Huge, MachineConfig};
pub use image::{BadImage, Image, ImageBacking, ImageMapping, ImagePage, ImagePages};
pub use machine::Machine;
pub use mm::Segments;
pub use physical::FreeBlocks;
pub use physical::objects::is_known as knows_objects;
pub use profile::{Profile, StoredProfile, ZoneProfile};
pub use tree::TreeFile;
pub use uncertain::Uncertain;
pub use vm_flags::{Kind, VmFlags};
pub use vma::Special;
