//! What the question "what lies where in the machine's memory" is answered with.

use facts::{Address, Missing, Name};
use schemars::JsonSchema;
use serde::Serialize;
use units::Bytes;

use crate::rank::SourceLine;

/// Physical memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PhysicalReport {
    /// Name and version of this format: `oomph.physical/1`.
    pub schema: &'static str,
    /// Where it comes from.
    pub source: SourceLine,
    /// Whether the kernel hid the addresses from the reader (since 4.6 they need
    /// `CAP_SYS_ADMIN`).
    pub addresses_hidden: bool,
    /// Ranges of physical addresses and the gaps between them, ascending from 0; empty when the
    /// addresses are hidden or unknown.
    pub items: Vec<PhysicalItem>,
    /// System RAM in them, bytes; `null` when unknown.
    pub system_ram: Option<Bytes>,
    /// The kernel's own code, constants, data and bss, bytes; `null` when unknown.
    pub kernel_image: Option<Bytes>,
    /// Zones, in the kernel's order.
    pub zones: Vec<ZoneMap>,
    /// What else a reader must know, one sentence each.
    pub notes: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Missing>,
}

/// A range or a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PhysicalItem {
    /// Something is there.
    Range(Range),
    /// Nothing is known to be there.
    Gap {
        /// First address.
        start: Address,
        /// Last address.
        last: Address,
        /// How many addresses, bytes.
        size: Bytes,
    },
}

/// A range of physical addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Range {
    /// First address.
    pub start: Address,
    /// Last address.
    pub last: Address,
    /// How many addresses, bytes.
    pub size: Bytes,
    /// How deep it lies in others: 0 at the top.
    pub level: usize,
    /// What the kernel calls it.
    pub name: Name,
    /// Which sort of thing that is.
    pub kind: RangeKind,
    /// Zones that manage addresses of it, as `node/zone`.
    pub zones: Vec<String>,
    /// What lies in it.
    pub inside: Vec<Range>,
}

/// Sorts of ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RangeKind {
    /// Memory that the kernel was given.
    Ram,
    /// The kernel itself: code, constants, data, bss, the image of a crash kernel.
    Kernel,
    /// Memory that keeps its contents without power.
    Persistent,
    /// Kept by the firmware.
    Reserved,
    /// A bus or a device.
    Device,
}

/// A zone: its marks, and its free blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ZoneMap {
    /// NUMA node.
    pub node: u32,
    /// Name.
    pub name: String,
    /// First address; `null` where the kernel does not print `start_pfn`.
    pub start: Option<Address>,
    /// First address after it.
    pub end: Option<Address>,
    /// Given to the allocator (before 3.8: present), bytes.
    pub managed: Option<Bytes>,
    /// On the free lists, bytes.
    pub free: Option<Bytes>,
    /// On lists of single CPUs, bytes; not in `free`.
    pub per_cpu: Option<Bytes>,
    /// The min watermark, bytes.
    pub min: Option<Bytes>,
    /// The low watermark, bytes.
    pub low: Option<Bytes>,
    /// The high watermark, bytes.
    pub high: Option<Bytes>,
    /// Free blocks by order; empty when unknown.
    pub orders: Vec<OrderFigures>,
}

/// Free blocks of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OrderFigures {
    /// Order: blocks of 2^order pages.
    pub order: usize,
    /// Size of a block, bytes; `null` when that is beyond 64 bits.
    pub block: Option<Bytes>,
    /// Free blocks.
    pub blocks: u64,
    /// Share of the zone's free memory in blocks too small for this order, in thousandths.
    pub unusable: Option<u32>,
    /// The kernel's fragmentation index in thousandths, where a request of this order would fail:
    /// towards 0 for want of memory, towards 1000 for want of a block. `null` when it would not.
    pub fragmentation: Option<i64>,
}
