//! Which part of the score a call belongs to.

use facts::Name;
use rules::replay::{Program, Score};
use world::{Call, MapFlags};

/// Counts an answer.
pub(super) fn count(score: &mut Score, call: &Call, equal: bool) {
    let tally = match call {
        Call::Mmap { flags, .. } if is_fixed(*flags) => &mut score.others,
        Call::Mmap { addr: 0, .. } => &mut score.mmap,
        Call::Mmap { .. } => &mut score.hinted,
        Call::Brk { .. } => &mut score.brk,
        Call::Mremap { .. } => &mut score.mremap,
        _ => &mut score.others,
    };
    tally.count(equal);
}

/// Whether the address is an order.
pub(super) fn is_fixed(flags: MapFlags) -> bool {
    flags.any(MapFlags::FIXED.with(MapFlags::FIXED_NOREPLACE))
}

/// A program of which nothing was compared yet.
pub(super) fn program(pid: u32, path: Option<Name>, attached: bool, line: u64) -> Program {
    let pid = (pid != 0).then_some(pid);
    Program { pid, path, attached, line, threads: 0, score: Score::default() }
}
