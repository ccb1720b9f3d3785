//! What is known of an address space beside the model.

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
    /// The file of the last mapping of a descriptor without a name.
    pub(super) unnamed: Option<usize>,
}

impl Space {
    /// One that begins with an `execve`.
    pub(super) fn fresh() -> Space {
        Space { whole: true, ..Space::default() }
    }

    /// The log maps a range.
    pub(super) fn maps(&mut self, start: u64, len: u64) {
        let end = start.saturating_add(len).next_multiple_of(4096).max(start);
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
            unnamed: self.unnamed,
            ..Space::default()
        }
    }
}
