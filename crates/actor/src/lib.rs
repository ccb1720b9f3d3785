//! The actor: a small static program that does to memory what it is told, and nothing else.
//!
//! This crate holds what both ends agree on: the requests, the answers and the addresses of the
//! actor's image. The program itself is in `program/`, the first process of virtual machines in `init/`;
//! they have no standard library, no heap and no
//! libc, so `crates/lab/build.rs` builds it by calling the compiler, and the lab carries it inside.
//!
//! # Why it is so small
//! What is compared is an address space. Of the actor's there are, after an exec, its four mappings
//! at addresses that do not change from build to build ([`image`]), the stack, and what the kernel
//! puts into each process (vvar, vdso). It has written every page of its own data before it takes the
//! first request, so none of its own doings shows up later as a fault or a resident page.
//!
//! # How it is talked to
//! Over a socket of type `SOCK_SEQPACKET`: one message is a batch of [`Request`]s, done in their
//! order; one message back holds an [`Answer`] for each. A batch costs two switches of context however
//! long it is. Between two batches it waits, and its parent may look at it in `/proc`.
#![no_std]

pub mod image;
pub mod remote;
mod wire;

pub use wire::{
    ANSWER_LEN, Answer, CLONE_FORK, CLONE_THREAD, CLONE_VFORK, HANDLES, MOST_REQUESTS, Op,
    POKE_LEN, REQUEST_LEN, Request, handles,
};
