//! What the question "in what state is each page of this process" is answered with.

use facts::{Address, Missing, Name, PageRun, Perms};
use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Pid};

use crate::rank::SourceLine;
use crate::segment::Segment;

/// The pages of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PagesReport {
    /// Name and version of this format: `oomph.pages/1`.
    pub schema: &'static str,
    /// Where it comes from.
    pub source: SourceLine,
    /// The process.
    pub pid: Pid,
    /// Its name.
    pub name: Option<Name>,
    /// Region by region, ascending.
    pub regions: Vec<RegionPages>,
    /// Sums over all regions.
    pub totals: PageTotals,
    /// What else a reader must know, one sentence each.
    pub notes: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Missing>,
}

/// The pages of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegionPages {
    /// First address.
    pub start: Address,
    /// First address after it.
    pub end: Address,
    /// What may be done with it.
    pub perms: Perms,
    /// What it is for.
    pub segment: Segment,
    /// What the kernel prints as its name; `null` when nothing.
    pub name: Option<Name>,
    /// Sums over its runs.
    pub totals: PageTotals,
    /// Runs of pages in memory or in swap, ascending; what lies between them was never touched, was
    /// given back, or is of a file and not in memory.
    pub runs: Vec<PageRun>,
}

/// Sums of pages in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct PageTotals {
    /// Regions.
    pub regions: usize,
    /// Runs.
    pub runs: usize,
    /// Addresses, bytes.
    pub mapped: Bytes,
    /// Anonymous and in memory, bytes; the page of zeros is not in it.
    pub anon: Bytes,
    /// Of files or shared memory, and in memory, bytes.
    pub file: Bytes,
    /// In swap, bytes.
    pub swapped: Bytes,
    /// The page of zeros, bytes of addresses; it costs nothing.
    pub zero: Bytes,
    /// In huge pages, bytes; in the sums above as well.
    pub huge: Bytes,
    /// Changed since the marks were last cleared, bytes; in the sums above as well.
    pub soft_dirty: Bytes,
    /// Guard pages, bytes.
    pub guard: Bytes,
}

impl PageTotals {
    /// Adds the pages of another region.
    pub fn add(&mut self, other: &PageTotals) {
        self.regions += other.regions;
        self.runs += other.runs;
        for (sum, size) in [
            (&mut self.mapped, other.mapped),
            (&mut self.anon, other.anon),
            (&mut self.file, other.file),
            (&mut self.swapped, other.swapped),
            (&mut self.zero, other.zero),
            (&mut self.huge, other.huge),
            (&mut self.soft_dirty, other.soft_dirty),
            (&mut self.guard, other.guard),
        ] {
            *sum = sum.saturating_add(size);
        }
    }
}
