//! Loaded before a program by `oomph trace`: writes down every call of malloc and its kin, and leaves
//! the heap as it would be without.
//!
//! Every call goes on to glibc's own function under one lock, so that the order of the records is the order
//! of the calls. Records are stored into a window of the trace's file that is mapped and shared: they
//! survive any end of the process, and a call costs no system call. The library allocates nothing and needs
//! nothing of the C library but the functions it stands before, a clock, and keys of threads.
//!
//! A child of `fork` is not recorded, as the page with the library's state is empty there
//! (`MADV_WIPEONFORK`, since Linux 4.14). A program that is executed is, into a file of its own.
#![no_std]
#![deny(unsafe_code)]

mod sys;
mod text;
