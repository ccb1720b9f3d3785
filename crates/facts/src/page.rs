//! Pages of a process, one by one and in runs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::Address;

/// An entry of `/proc/PID/pagemap`, 2.6.25 and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PageEntry(pub u64);

impl PageEntry {
    /// In memory.
    pub const fn present(self) -> bool {
        self.0 & 1 << 63 != 0
    }

    /// In swap.
    pub const fn swapped(self) -> bool {
        self.0 & 1 << 62 != 0
    }

    /// Of a file, or of shared memory (3.5).
    pub const fn file(self) -> bool {
        self.0 & 1 << 61 != 0
    }

    /// A guard page (`MADV_GUARD_INSTALL`; shown since 6.15).
    pub const fn guard(self) -> bool {
        self.0 & 1 << 58 != 0
    }

    /// Write-protected by userfaultfd (5.14).
    pub const fn uffd_wp(self) -> bool {
        self.0 & 1 << 57 != 0
    }

    /// Mapped here alone (4.2).
    pub const fn exclusive(self) -> bool {
        self.0 & 1 << 56 != 0
    }

    /// Changed since the marks were last cleared (3.11).
    pub const fn soft_dirty(self) -> bool {
        self.0 & 1 << 55 != 0
    }

    /// Number of the page frame; `None` when not present, or hidden: since 4.2 those without
    /// `CAP_SYS_ADMIN` read 0, and frame 0 belongs to no process.
    pub const fn frame(self) -> Option<u64> {
        let frame = self.0 & ((1 << 55) - 1);
        if self.present() && frame != 0 { Some(frame) } else { None }
    }
}

/// What is known of a page. `None` is unknown: not told by this kernel, or to this reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "they are bits of the kernel's, all independent")]
pub struct PageState {
    /// In memory.
    pub present: bool,
    /// In swap.
    pub swapped: bool,
    /// Of a file or of shared memory; otherwise anonymous.
    pub file: bool,
    /// Changed since the marks were last cleared.
    pub soft_dirty: bool,
    /// A guard page (6.15).
    pub guard: bool,
    /// Mapped here alone.
    pub exclusive: Option<bool>,
    /// The page of zeros that all readers of untouched memory share.
    pub zero: Option<bool>,
    /// Part of a huge page.
    pub huge: Option<bool>,
    /// Merged with equal pages (KSM).
    pub merged: Option<bool>,
    /// How many mappings it has on the whole machine; root alone is told.
    pub mappings: Option<u64>,
}

/// Pages side by side in the same state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PageRun {
    /// First address.
    pub start: Address,
    /// First address after it.
    pub end: Address,
    /// The state of each of them.
    #[serde(flatten)]
    pub state: PageState,
}

impl PageRun {
    /// Adds a run behind others: one that goes on where the last ended, in the same state, makes
    /// that longer.
    pub fn push(runs: &mut Vec<PageRun>, run: PageRun) {
        match runs.last_mut() {
            Some(last) if last.end == run.start && last.state == run.state => last.end = run.end,
            _ => runs.push(run),
        }
    }
}

impl From<PageEntry> for PageState {
    fn from(entry: PageEntry) -> PageState {
        PageState {
            present: entry.present(),
            swapped: entry.swapped(),
            file: entry.file(),
            soft_dirty: entry.soft_dirty(),
            guard: entry.guard(),
            exclusive: entry.present().then(|| entry.exclusive()),
            zero: None,
            huge: None,
            merged: None,
            mappings: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_frame_is_not_frame_zero() {
        assert_eq!(PageEntry(1 << 63).frame(), None);
        assert_eq!(PageEntry(1 << 63 | 0x1234).frame(), Some(0x1234));
        assert_eq!(PageEntry(1 << 62 | 0x1234).frame(), None);
        assert!(PageEntry(1 << 61).file() && PageEntry(1 << 56).exclusive());
    }
}
