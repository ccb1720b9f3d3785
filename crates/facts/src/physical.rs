//! Physical memory: ranges of addresses, and free blocks.

use crate::Name;

/// A line of `/proc/iomem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoRange {
    /// How deep it lies in others: 0 at the top.
    pub level: usize,
    /// First and last address. `None` when the kernel hid them from the reader, who needs
    /// `CAP_SYS_ADMIN`.
    pub addresses: Option<(u64, u64)>,
    /// What is there.
    pub name: Name,
}

/// A line of `/proc/buddyinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeBlocks {
    /// NUMA node.
    pub node: u32,
    /// Zone.
    pub name: Box<str>,
    /// Free blocks of 2^order pages, by order.
    pub counts: Vec<u64>,
}
