//! What is known of an address space beside the model.

use super::anchor::Anchors;

/// An address space.
#[derive(Debug, Clone, Default)]
pub(super) struct Space {
    /// Whether the log tells of it from its beginning.
    pub(super) whole: bool,
    /// Ranges that the log mapped, whether or not they still are.
    mapped: Vec<(u64, u64)>,
    /// Calls that have begun and not ended.
    pub(super) open: usize,
    /// Calls that ended, by their place among the entries, and wait for those that have not.
    pub(super) waiting: Vec<usize>,
    /// Where the heap begins.
    pub(super) heap: Option<u64>,
    /// Where mappings are placed below.
    pub(super) base: Option<u64>,
    /// The file of the last mapping of a descriptor without a name.
    pub(super) unnamed: Option<usize>,
}

impl Space {
    /// One that begins with an `execve`.
    pub(super) fn fresh() -> Space {
        Space { whole: true, ..Space::default() }
    }

    /// With what the anchors tell.
    pub(super) fn anchored(mut self, anchors: &Anchors) -> Space {
        self.heap = anchors.heap.map(|(start, _, _)| start);
        self.base = anchors.base.map(|(base, _)| base);
        self
    }

    /// The log maps a range.
    pub(super) fn maps(&mut self, start: u64, len: u64) {
        let end = page_up(start.saturating_add(len));
        if let Some(last) = self.mapped.last_mut()
            && start <= last.1
            && end >= last.0
        {
            *last = (last.0.min(start), last.1.max(end));
        } else {
            self.mapped.push((start, end));
        }
    }

    /// Whether the log ever mapped a part of a range.
    pub(super) fn ever_mapped(&self, start: u64, end: u64) -> bool {
        self.mapped.iter().any(|(from, to)| *from < end && start < *to)
    }

    /// What a fork copies.
    pub(super) fn copy(&self) -> Space {
        Space {
            whole: self.whole,
            mapped: self.mapped.clone(),
            heap: self.heap,
            base: self.base,
            unnamed: self.unnamed,
            ..Space::default()
        }
    }
}

/// The end of the page that an address is in, or the last that there is.
pub(super) fn page_up(address: u64) -> u64 {
    address.checked_next_multiple_of(4096).unwrap_or(!4095)
}
