//! A log, played on the simulated machine.
//!
//! # What is taken from the log
//! A log does not say where the kernel put things before the first call. So after each `execve` two
//! results are *anchors*: the first `brk` says where the heap begins, and the first `mmap` without a
//! hint says below which address mappings are placed, since nothing can lie between. Everything after
//! them is predicted. What a call needs and no line maps (the program itself, its interpreter) is
//! *assumed* to be there. Both are listed, and neither counts as predicted.
//!
//! # Threads
//! strace sees a call begin and end; when the kernel did its part lies in between. Calls that do not
//! overlap are played in the order of the log. Those that do are tried in that order first and, when an
//! answer differs, in every order that their beginnings and ends allow (`race`).

mod anchor;
mod answer;
mod describe;
mod fit;
mod mapped;
mod player;
mod program;
mod race;
mod space;
mod tracees;

pub use fit::{Options, replay};
pub use player::Played;
