//! One page of a process.

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
