//! The kinds of zones.

/// A kind of zone, from the lowest up. A page wanted from one may come from any below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ZoneKind {
    /// Below 16 MiB (x86).
    Dma,
    /// Below 4 GiB (64-bit).
    Dma32,
    /// What the kernel maps directly.
    Normal,
    /// What it does not (32-bit).
    HighMem,
    /// Only pages that can be moved away.
    Movable,
    /// Memory on devices; the allocator never hands it out.
    Device,
}

impl ZoneKind {
    /// The zone of this name in `/proc/zoneinfo`.
    pub fn of(name: &str) -> Option<ZoneKind> {
        Some(match name.trim() {
            "DMA" => ZoneKind::Dma,
            "DMA32" => ZoneKind::Dma32,
            "Normal" => ZoneKind::Normal,
            "HighMem" => ZoneKind::HighMem,
            "Movable" => ZoneKind::Movable,
            "Device" => ZoneKind::Device,
            _ => return None,
        })
    }

    /// Whether pages of a process may come from it: all but device memory.
    pub fn serves_users(self) -> bool {
        self != ZoneKind::Device
    }
}
