//! The records of glibc's trace utilities (`mtrace.h` of branch `dj/malloc`): 64 bytes a call, in
//! the byte order of the machine, of which the first says so.

use super::{Source, Stream, failed, fill};
use crate::op::{Aligned, Op, What};
use crate::problem::{Place, Problem};
use std::collections::HashMap;

const RECORD: usize = 64;
/// The type of the first record, and what its first pointer is.
const MAGIC: (u8, u64) = (255, 0x1234);

pub(super) fn is(head: &[u8]) -> bool {
    order(head).is_some()
}

#[derive(Debug, Clone, Copy)]
enum Endian {
    Little,
    Big,
}

fn order(head: &[u8]) -> Option<Endian> {
    let record = head.get(..RECORD)?;
    [Endian::Little, Endian::Big]
        .into_iter()
        .find(|order| kind(record) == MAGIC.0 && word(record, 8, *order) == MAGIC.1)
}

/// The first byte in memory of the second number, on either kind of machine.
fn kind(record: &[u8]) -> u8 {
    record[4]
}

fn word(record: &[u8], at: usize, order: Endian) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&record[at..at + 8]);
    match order {
        Endian::Little => u64::from_le_bytes(bytes),
        Endian::Big => u64::from_be_bytes(bytes),
    }
}

pub(super) struct Records {
    stream: Stream,
    order: Endian,
    at: u64,
    threads: HashMap<u32, u32>,
    ended: bool,
}

impl Records {
    pub(super) fn new(stream: Stream) -> Records {
        Records { stream, order: Endian::Little, at: 0, threads: HashMap::new(), ended: false }
    }

    /// Numbers threads as they appear.
    fn thread(&mut self, record: &[u8]) -> u32 {
        let mut id = [0; 4];
        id.copy_from_slice(&record[..4]);
        let next = u32::try_from(self.threads.len()).unwrap_or(u32::MAX);
        *self.threads.entry(u32::from_ne_bytes(id)).or_insert(next)
    }
}

impl Source for Records {
    fn next(&mut self) -> Option<Result<Op, Problem>> {
        while !self.ended {
            let mut record = [0; RECORD];
            let place = Place::Byte(self.at);
            let filled = match fill(&mut self.stream, &mut record) {
                Ok(filled) => filled,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(failed(place, &error)));
                }
            };
            if filled < RECORD {
                self.ended = true;
                let expected = format!("a record of {RECORD} bytes");
                return (filled > 0)
                    .then(|| Err(Problem::new(place, expected, format!("{filled} bytes"))));
            }
            self.at += RECORD as u64;
            if let Some(order) = order(&record) {
                self.order = order;
                continue;
            }
            let order = self.order;
            let [ptr1, ptr2, size, size2] = [8, 16, 24, 32].map(|at| word(&record, at, order));
            let ptr = (ptr2 != 0).then_some(ptr2);
            let aligned = |by, align| What::Aligned { by, align, size, ptr };
            let what = match kind(&record) {
                0 => continue,
                1 => What::Malloc { size, ptr },
                2 => What::Calloc { n: 1, size, ptr },
                3 if ptr1 == 0 => continue,
                3 => What::Free { ptr: ptr1 },
                4 => What::Realloc { old: (ptr1 != 0).then_some(ptr1), size, ptr },
                5 => aligned(Aligned::Memalign, size2),
                6 => aligned(Aligned::Valloc, 0),
                7 => aligned(Aligned::Pvalloc, 0),
                8 => aligned(Aligned::PosixMemalign, size2),
                other => {
                    let found = format!("{other}");
                    return Some(Err(Problem::new(place, "a type of call from 1 to 8", found)));
                }
            };
            let thread = self.thread(&record);
            return Some(Ok(Op { thread, at_us: None, what }));
        }
        None
    }
}
