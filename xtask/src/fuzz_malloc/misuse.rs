//! Programs that misuse the heap: what the model says of them, and what the real library does.

use super::compare::Setting;
use super::op::{Code, Op};
use super::real::Library;
use crate::Stop;
use malloc::End;

/// A few calls of which the last is a mistake that shows.
pub(super) struct Misuse {
    pub(super) name: &'static str,
    ops: Vec<Op>,
}

fn again(slot: u32) -> Op {
    Op { keep: true, ..Op::free(slot) }
}

fn overflow(slot: u32, usable: u64) -> Op {
    Op::new(Code::Touch, slot, usable, 8)
}

fn realloc(slot: u32, size: u64) -> Op {
    Op::new(Code::Realloc, slot, size, 0)
}

/// Fills the cache's list of a size with blocks from slot 100 on.
fn full_cache(size: u64) -> Vec<Op> {
    let blocks = 100..107;
    blocks.clone().map(|slot| Op::malloc(slot, size)).chain(blocks.map(Op::free)).collect()
}

/// Blocks of a size in slots 1 to 3, then a full list of the cache.
fn beside_full_cache(size: u64) -> Vec<Op> {
    let mut ops: Vec<Op> = (1..4).map(|slot| Op::malloc(slot, size)).collect();
    ops.extend(full_cache(size));
    ops
}

fn after(mut ops: Vec<Op>, last: &[Op]) -> Vec<Op> {
    ops.extend_from_slice(last);
    ops
}

/// Without the debugging library, and with it, where it is, at each level of `MALLOC_CHECK_`.
pub(super) fn levels(library: &Library) -> Vec<Option<u8>> {
    let checked = (0..4).map(Some).filter(|_| library.debugging().is_some());
    std::iter::once(None).chain(checked).collect()
}

/// All of them. The sizes are those of 64-bit programs; where every call is checked, overflows begin
/// behind what was asked for, where the mark is.
pub(super) fn all(check: Option<u8>) -> Vec<Misuse> {
    let usable = if check.is_some_and(|level| level > 0) { 2000 } else { 2008 };
    let two = || vec![Op::malloc(1, 2000), Op::malloc(2, 2000)];
    let three = || after(two(), &[Op::malloc(3, 2000)]);
    let make = |name, ops| Misuse { name, ops };
    vec![
        make("freed twice, cached", vec![Op::malloc(1, 40), again(1), again(1)]),
        make("freed twice, fast", after(beside_full_cache(40), &[again(1), again(1)])),
        make("freed twice, unsorted", after(beside_full_cache(200), &[again(1), again(1)])),
        make("freed twice, binned", after(three(), &[again(1), Op::malloc(4, 3000), again(1)])),
        make("freed twice, top", after(two(), &[again(2), again(2)])),
        make("freed twice, inside top", after(two(), &[again(2), Op::free(1), again(2)])),
        make("freed twice, mapped", vec![Op::malloc(1, 300_000), again(1), again(1)]),
        make("misaligned", vec![Op::malloc(1, 40), Op { a: 8, ..again(1) }]),
        make("inside a block", vec![Op::malloc(1, 400), Op { a: 160, ..again(1) }]),
        make("overflow, fast", after(beside_full_cache(40), &[overflow(1, 40), again(1)])),
        make("overflow, normal", after(beside_full_cache(200), &[overflow(1, 200), again(1)])),
        make("overflow, next freed", after(three(), &[overflow(1, usable), again(2)])),
        make("overflow into top", vec![Op::malloc(1, 40), overflow(1, 40), Op::malloc(2, 100)]),
        make(
            "overflow into unsorted",
            after(three(), &[again(2), overflow(1, usable), Op::malloc(4, 3000)]),
        ),
        make("overflow, then realloc", after(three(), &[overflow(1, usable), realloc(1, 5000)])),
        make("overflow, next realloc", after(three(), &[overflow(1, usable), realloc(2, 5000)])),
    ]
}

impl Misuse {
    /// Plays it on both; what they say if they agree, else how they differ.
    pub(super) fn compare(&self, setting: &Setting<'_>) -> Result<Result<String, String>, Stop> {
        let run = setting.run(&self.ops)?;
        let mut player = setting.player(&run);
        let abort = self.ops.iter().find_map(|op| player.play(op).err());
        // The debugging library does not end the line.
        let checked = setting.tunables.check.is_some_and(|level| level > 0);
        let line_end = if checked { "" } else { "\n" };
        let (signal, said) = match &abort {
            None => ("nothing", String::new()),
            Some(abort) => match abort.end {
                End::Aborted => ("SIGABRT", format!("{}{line_end}", abort.message)),
                End::AbortedSilently => ("SIGABRT", String::new()),
                End::Faulted => ("SIGSEGV", String::new()),
                End::Unnoticed => ("nothing", String::new()),
            },
        };
        let message = abort.map_or("is not noticed".to_owned(), |abort| abort.message);
        let ended = run.failure.unwrap_or_else(|| "nothing".to_owned());
        if ended.contains(signal) && run.stats == said {
            Ok(Ok(format!("{signal} {message}")))
        } else {
            let model = format!("{signal} {said:?}");
            Ok(Err(format!("real {ended} {:?}, model {model}", run.stats)))
        }
    }
}
