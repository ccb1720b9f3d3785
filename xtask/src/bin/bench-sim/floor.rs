//! An ordered map of ranges and nothing else: the least that a model of mappings does.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;

use super::trace::{self, Event, World, writable};

const PAGES: u64 = trace::PAGES as u64;
const GUARD: u64 = trace::GUARD as u64;

/// Ranges by their first page: the page after the last, and the rights.
#[derive(Debug, Default)]
pub(super) struct Floor {
    ranges: BTreeMap<u64, (u64, u64)>,
    brk: u64,
}

impl World for Floor {
    fn event(&mut self, event: Event) -> Result<(), Box<dyn Error>> {
        let first = |slot: usize| slot as u64 * PAGES;
        match event {
            Event::Map(slot) => {
                let at = first(slot);
                self.ranges.insert(at, (at + PAGES, writable(slot).into()));
            }
            Event::Unmap(slot) => {
                self.ranges.remove(&first(slot)).ok_or("nothing there")?;
            }
            Event::Guard(slot) => {
                let at = first(slot);
                let rights = writable(slot).into();
                self.ranges.insert(at, (at + GUARD, rights));
                self.ranges.insert(at + GUARD, (at + GUARD + 1, 2));
                self.ranges.insert(at + GUARD + 1, (at + PAGES, rights));
            }
            Event::Release(slot) => {
                let at = first(slot);
                self.ranges.remove(&(at + GUARD));
                self.ranges.remove(&(at + GUARD + 1));
                self.ranges.insert(at, (at + PAGES, writable(slot).into()));
            }
            Event::Touch(slot, pages) => {
                let found = self.ranges.range(..=first(slot)).next_back();
                black_box((found, pages));
            }
            Event::Grow | Event::Shrink => self.brk = black_box(self.brk ^ 1),
        }
        Ok(())
    }
}
