//! What a program can ask of Linux about memory, and what can be seen of it afterwards.
//!
//! One vocabulary for three worlds: the model, real processes on the running kernel, and a kernel in
//! a virtual machine. A [`Call`] is a system call with its arguments as numbers, as the kernel gets
//! them; a [`Touch`] is what a program does without asking. [`World`] is what can perform them;
//! what comes out ([`Returned`], [`Touched`], [`Observation`]) is compared field by field.
//!
//! # What this crate does not do
//! It performs nothing and knows no rule. Numbers of flags are those of x86, ARM and arm64, which
//! agree on every flag named here (`include/uapi/asm-generic/mman*.h`).

mod call;
mod control;
mod errno;
mod flags;
mod observation;
mod process;
mod text;
mod touch;
#[allow(clippy::module_inception, reason = "the trait is what the crate is about")]
mod world;

pub use call::{Call, Returned};
pub use control::{Control, Setup, SwapSpec};
pub use errno::Errno;
pub use flags::{
    Advice, BindFlags, LockFlags, MapFlags, MemfdFlags, OpenFlags, PolicyMode, Prot, RemapFlags,
    SyncFlags,
};
pub use observation::Observation;
pub use process::{FileSpec, ForkKind, Limits, ProcessId, ProcessSpec, Resource};
pub use touch::{Access, Content, Fault, Stop, Touch, Touched};
pub use world::{End, World, WorldError};
