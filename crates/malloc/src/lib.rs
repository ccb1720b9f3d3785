//! An exact model of glibc's allocator.
//!
//! [`Heap`] answers `malloc`, `calloc`, `realloc`, `free` and their kin as glibc does: with the same
//! addresses, the same statistics and the same system calls in the same order. It asks a
//! [`Kernel`] for memory; [`AddressSpace`] is one that places mappings as Linux does. Everything is plain
//! data, so a heap can be cloned and led into two futures, and no real memory is used but the
//! 40 bytes of a record for each chunk.
//!
//! ```
//! use oomph_malloc::{AddressSpace, Heap, Layout, Rules, ThreadId, Tunables};
//!
//! let space = AddressSpace::new(Layout::X86_64, []);
//! let mut heap = Heap::new(Rules::GLIBC_2_36, &Tunables::default(), space);
//! let first = heap.malloc(ThreadId::MAIN, 1)?.expect("there is memory");
//! let second = heap.malloc(ThreadId::MAIN, 1)?.expect("there is memory");
//! assert_eq!(second.addr() - first.addr(), 32);
//! heap.free(ThreadId::MAIN, Some(first))?;
//! # Ok::<(), oomph_malloc::Abort>(())
//! ```
//!
//! # What it follows
//! `malloc/malloc.c` and `malloc/arena.c` of the release that [`Rules`] names. `cargo xtask fuzz-malloc` runs
//! the model beside the machine's own library.
//!
//! # What it leaves out
//! The contents of memory: which pages are touched, what `perturb` fills, and faults that only damaged
//! contents would show. Races between threads: one call is done before the next begins, and no
//! lock is ever held by another. `fork`, memory tagging, and libraries loaded into a namespace of
//! their own.

mod abort;
mod chunk;
mod filed;
mod heap;
mod kernel;
mod mutant;
mod recording;
mod rules;
mod space;
mod tunables;

pub use abort::{Abort, Complaint, End};
pub use heap::{ChunkState, ChunkView, Figures, Heap, MallInfo, Ptr, Tally, ThreadId, Thresholds};
pub use kernel::{Advice, Errno, Kernel, Map, Prot};
#[doc(hidden)]
pub use mutant::Mutant;
pub use recording::{Ask, Call, Recording};
pub use rules::{Evidence, Rules, TcacheRules};
pub use space::{AddressSpace, Layout};
pub use tunables::{Mallopt, Tunables};
