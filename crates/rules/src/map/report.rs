//! What the question "what lies where in this process" is answered with.

use facts::{Address, Missing, Name, Perms};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Pid};

use crate::address_space::EndBy;
use crate::rank::SourceLine;
use crate::segment::{Evidence, Part, Segment};

/// An address space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MapReport {
    /// Name and version of this format: `oomph.map/1`.
    pub schema: &'static str,
    /// Where it comes from.
    pub source: SourceLine,
    /// The process.
    pub pid: Option<Pid>,
    /// Its name.
    pub name: Option<Name>,
    /// First address that the process cannot use.
    pub user_end: Address,
    /// How that is known.
    pub user_end_by: EndBy,
    /// Regions and the gaps between them, ascending from address 0: every address below the end, and
    /// below the end of the last region, is in exactly one of them.
    pub items: Vec<Item>,
    /// Every code of `VmFlags` that a region has, in words.
    pub flag_words: Vec<Flag>,
    /// Sums over all regions.
    pub totals: Totals,
    /// Where the address that was asked for lies.
    pub located: Option<Located>,
    /// What else a reader must know, one sentence each.
    pub notes: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Missing>,
}

/// A region or a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// A mapping.
    Region(Box<Region>),
    /// Addresses without one.
    Gap(Gap),
}

impl Item {
    /// First address.
    pub fn start(&self) -> u64 {
        match self {
            Item::Region(region) => region.start.0,
            Item::Gap(gap) => gap.start.0,
        }
    }

    /// First address after it.
    pub fn end(&self) -> u64 {
        match self {
            Item::Region(region) => region.end.0,
            Item::Gap(gap) => gap.end.0,
        }
    }

    /// The region, if it is one.
    pub fn region(&self) -> Option<&Region> {
        match self {
            Item::Region(region) => Some(region),
            Item::Gap(_) => None,
        }
    }
}

/// A mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Region {
    /// First address.
    pub start: Address,
    /// First address after it.
    pub end: Address,
    /// How many addresses, bytes.
    pub size: Bytes,
    /// What may be done with it.
    pub perms: Perms,
    /// What it is for.
    pub segment: Segment,
    /// Which part of a program's or library's file.
    pub part: Option<Part>,
    /// How that is known.
    pub evidence: Evidence,
    /// Regions of one file that lie together have the same number.
    pub object: usize,
    /// What the kernel prints as its name; `null` when nothing.
    pub name: Option<Name>,
    /// Where in the file it begins, bytes; `null` when no file is mapped.
    pub file_offset: Option<u64>,
    /// Device of the file, as two hexadecimal numbers; `null` when no file is mapped.
    pub device: Option<String>,
    /// Inode of the file; `null` when no file is mapped.
    pub inode: Option<u64>,
    /// What its addresses hold; `null` when only `maps` could be read.
    pub fill: Option<Fill>,
    /// Resident, each page divided by the number of its mappings, bytes.
    pub pss: Option<Bytes>,
    /// The codes of `VmFlags`, blanks between them, which `flag_words` puts into words; `null` when
    /// the kernel does not print them.
    pub flags: Option<Box<str>>,
}

/// What the addresses of a region hold. The parts add up to the region's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Fill {
    /// Resident and mapped here alone, bytes.
    pub private: Bytes,
    /// Resident and mapped elsewhere too, bytes.
    pub shared: Bytes,
    /// In swap, bytes; `null` where the kernel does not say (before 2.6.26).
    pub swapped: Option<Bytes>,
    /// The rest: never touched, or given back, or of a file and not in memory, bytes.
    pub absent: Bytes,
}

impl Fill {
    /// Sums of two; unknown when one of them is.
    #[must_use]
    pub fn plus(self, other: Fill) -> Fill {
        Fill {
            private: self.private.saturating_add(other.private),
            shared: self.shared.saturating_add(other.shared),
            swapped: match (self.swapped, other.swapped) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                _ => None,
            },
            absent: self.absent.saturating_add(other.absent),
        }
    }
}

/// A code of `VmFlags`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Flag {
    /// Two letters.
    pub code: String,
    /// What they say; `null` when this program does not know them.
    pub words: Option<&'static str>,
}

/// Addresses without a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Gap {
    /// First address.
    pub start: Address,
    /// First address after it.
    pub end: Address,
    /// How many addresses, bytes.
    pub size: Bytes,
    /// What it is.
    pub kind: GapKind,
}

/// What a gap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// Begins at address 0, so that a null pointer faults.
    Null,
    /// Right above the heap, which grows into it.
    AboveHeap,
    /// Right below a stack, which grows into it as far as its limit allows.
    BelowStack,
    /// Free.
    Free,
    /// Beyond what a process may use.
    Kernel,
}

/// Sums over all regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Number of regions.
    pub regions: usize,
    /// Number of gaps.
    pub gaps: usize,
    /// Addresses in regions, bytes; fixed pages of the kernel are in it.
    pub mapped: Bytes,
    /// What the addresses hold; `null` when one region's is unknown.
    pub fill: Option<Fill>,
    /// Sum of the proportional shares, bytes; `null` when one region's is unknown.
    pub pss: Option<Bytes>,
}

/// Where an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Located {
    /// The address.
    pub address: Address,
    /// Index in `items`; `null` when it is above them all.
    pub item: Option<usize>,
    /// Bytes from the start of that item.
    pub into: Option<u64>,
    /// Where in the file the address is, bytes; `null` when no file is mapped there.
    pub file_offset: Option<u64>,
}
