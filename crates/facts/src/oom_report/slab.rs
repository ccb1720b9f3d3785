//! The dump of slab caches (4.15).

use units::Bytes;

use crate::Name;

/// `Unreclaimable slab info`: printed when such slab outweighs all that could be reclaimed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlabDump {
    /// The kernel wanted to print it and could not take the lock.
    pub refused: bool,
    /// The caches, in the kernel's order.
    pub caches: Vec<SlabCache>,
}

/// One cache; merged caches appear under one of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlabCache {
    /// Its name.
    pub name: Name,
    /// In objects that are in use.
    pub used: Option<Bytes>,
    /// In all of its pages.
    pub total: Option<Bytes>,
}
