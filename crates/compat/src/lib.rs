//! What smem, pmap and free print, byte for byte, about any source.
//!
//! People's scripts call these programs and cut their output at columns. So each function here
//! takes the same arguments and writes the same bytes as the real program would from the same
//! files: smem 1.5 under Python 3, and pmap and free of procps-ng 4.0.2, in the C locale. The files come
//! through [`Machine`]; where they are stored is the caller's business.
//!
//! # What it follows
//! The arithmetic too: smem adds up sizes that the kernel truncated to KiB mapping by mapping, and
//! `free` divides in floating point. [`BUGS`] lists what is not copied, with reasons; with
//! [`Bugs::Kept`] these are copied as well, so that one can see that nothing else differs.
//!
//! # What it leaves out
//! Help texts and the wording of some complaints on standard error are our own. It opens no file and
//! has no format of its own.

mod bugs;
mod free;
mod getopt;
mod machine;
mod meminfo;
mod pmap;
mod printable;
mod smem;
mod text;

pub use bugs::{BUGS, Bug, Bugs};
pub use free::free;
pub use machine::{Host, Machine, ProcFile, ReadSeek};
pub use pmap::pmap;
pub use smem::smem;

use std::io::Write;

/// One call of a program.
#[expect(missing_debug_implementations, reason = "streams and sources have none")]
pub struct Call<'a> {
    /// The machine that is looked at.
    pub machine: &'a mut dyn Machine,
    /// The computer that looks.
    pub host: &'a mut dyn Host,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
    /// Whether the bugs of the real program are copied.
    pub bugs: Bugs,
}
