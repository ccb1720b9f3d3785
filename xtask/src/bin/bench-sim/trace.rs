//! What programs do, as events on numbered mappings, so that several worlds can play the same.

use std::error::Error;

/// Pages of a mapping.
pub(super) const PAGES: usize = 8;
/// The page of it whose protection changes.
pub(super) const GUARD: usize = 3;
/// Bytes that the break moves by.
pub(super) const GROWTH: u64 = 64 << 10;
/// Mappings that are written to are below this one: the real kernel is to give little memory.
const WRITTEN: usize = 512;

/// Something that a program does to the mapping of that number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// Maps it wherever there is room.
    Map(usize),
    /// Removes it.
    Unmap(usize),
    /// Takes all rights from a page of it, which makes three of one mapping.
    Guard(usize),
    /// Gives them back, which makes one of three.
    Release(usize),
    /// Accesses so many pages of it.
    Touch(usize, u64),
    /// Moves the break up.
    Grow,
    /// Moves the break back.
    Shrink,
}

/// What plays events.
pub(super) trait World {
    /// Plays one; that something failed ends the measurement.
    fn event(&mut self, event: Event) -> Result<(), Box<dyn Error>>;
}

/// Neighbours differ in it, or they would be one mapping.
pub(super) fn writable(slot: usize) -> bool {
    slot.is_multiple_of(2)
}

/// Whether a touch writes.
pub(super) fn written(slot: usize) -> bool {
    writable(slot) && slot < WRITTEN
}

/// So many events, on mappings that are all there.
pub(super) fn events(slots: usize, count: usize) -> Vec<Event> {
    let mut random = 0x9e37_79b9_7f4a_7c15;
    let mut all = Vec::with_capacity(count + 6);
    let mut grown = false;
    while all.len() < count {
        let (slot, other) = (below(&mut random, slots), below(&mut random, slots));
        let pages = 1 + below(&mut random, 8) as u64;
        all.extend([Event::Unmap(slot), Event::Map(slot), Event::Touch(slot, pages)]);
        all.extend([Event::Guard(other), Event::Release(other)]);
        all.push(if grown { Event::Shrink } else { Event::Grow });
        grown = !grown;
    }
    all
}

/// A number below `end`, by xorshift64*.
fn below(random: &mut u64, end: usize) -> usize {
    *random ^= *random >> 12;
    *random ^= *random << 25;
    *random ^= *random >> 27;
    let word = random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
    usize::try_from(word).unwrap_or(0) % end.max(1)
}
