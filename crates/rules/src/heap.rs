//! What `oomph replay` says about a trace of `malloc`: what the program asked for, what the heap held,
//! why it held more, and which settings change it. Plain data; it is made where the model of the
//! allocator runs.
//!
//! Calls are numbered from 1 in the order of the trace. *Live* is what the program asked for and did not
//! free, as it asked, without the allocator's overhead. *Held* is what the kernel gave the heap: a
//! bound on the memory it costs, reached when every page of it was touched.

use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, Percent};

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.replay-heap/1";
/// Name and version of the format of `--at`.
pub const PICTURE_SCHEMA: &str = "oomph.heap-picture/1";

/// A trace, played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeapReport {
    /// Name and version of this format: `oomph.replay-heap/1`.
    pub schema: &'static str,
    /// The trace.
    pub origin: String,
    /// Who recorded it.
    pub recorder: String,
    /// What was run; `null` when the trace does not tell.
    pub command: Option<String>,
    /// The release of glibc that was played.
    pub glibc: String,
    /// Whether the model of that release was compared with the real library, and equal.
    pub exact: bool,
    /// `GLIBC_TUNABLES` it was played with; empty is glibc's defaults.
    pub tunables: String,
    /// Calls that were played.
    pub calls: u64,
    /// Calls that failed when they were recorded, and were not played.
    pub failed: u64,
    /// Threads that allocate.
    pub threads: u32,
    /// Microseconds from the first call to the last; `null` when the trace does not tell.
    pub duration_us: Option<u64>,
    /// What averages are over.
    pub averaged_over: Axis,
    /// How the model's addresses compare with the recorded ones; `null` when there are none.
    pub agreement: Option<AddressAgreement>,
    /// When most was live.
    pub peak_live: Moment,
    /// When most was held.
    pub peak_held: Moment,
    /// The average of what was live.
    pub mean_live: Bytes,
    /// The average of what was held.
    pub mean_held: Bytes,
    /// Behind the last call.
    pub end: Moment,
    /// From the first call to the last, evenly.
    pub samples: Vec<Moment>,
    /// How much of the run the heap held more than so many times what was live.
    pub above: Vec<Above>,
    /// Where what is held and not live was, when that was most.
    pub worst: Waste,
    /// The same behind the last call.
    pub at_end: Waste,
    /// Requests by size, ascending.
    pub sizes: Vec<SizeClass>,
    /// The same calls under other settings, the best first; the first of `played` is as recorded.
    pub settings: Vec<SettingResult>,
    /// What this kind of trace does not tell, one sentence each.
    pub loses: Vec<String>,
    /// What is wrong with the trace; of many the first.
    pub problems: Vec<String>,
    /// How many things are wrong with it.
    pub problem_count: u64,
    /// Why the recording ended before the program did; `null` when it did not.
    pub cut: Option<String>,
    /// What glibc would have said when it ended the process; `null` when it did not.
    pub abort: Option<String>,
}

/// What an average is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Time.
    Time,
    /// Calls, since the trace has no times.
    Calls,
}

/// The model's addresses beside the recorded ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AddressAgreement {
    /// Blocks of the main heap that are at the recorded address.
    pub main_equal: u64,
    /// Blocks of the main heap.
    pub main: u64,
    /// Blocks with mappings of their own and of thread arenas that are at the recorded place within their page or arena.
    pub other_equal: u64,
    /// Such blocks.
    pub other: u64,
    /// The first call that differs.
    pub first: Option<AddressDifference>,
}

/// A call that returned another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AddressDifference {
    /// The call.
    pub call: u64,
    /// What was recorded.
    pub recorded: u64,
    /// What the model returned; `null` when nothing.
    pub modelled: Option<u64>,
}

/// The heap behind one call. What is free is in bytes of chunks, with their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Moment {
    /// The call; 0 is before the first.
    pub call: u64,
    /// Microseconds since the recording began.
    pub us: Option<u64>,
    /// Asked for and not freed.
    pub live: Bytes,
    /// Given by the kernel: `heap` and `mmapped`, less what `malloc_trim` gave back inside.
    pub held: Bytes,
    /// Of the heap: what the break and thread arenas have.
    pub heap: Bytes,
    /// In mappings of single blocks.
    pub mmapped: Bytes,
    /// Freed, and kept by the caches of threads.
    pub tcache: Bytes,
    /// Freed, and kept by the fast lists.
    pub fast: Bytes,
    /// Freed, and not sorted yet.
    pub unsorted: Bytes,
    /// Freed, and in bins.
    pub binned: Bytes,
    /// Free at the end of an arena.
    pub top: Bytes,
}

/// How much of the run was above a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Above {
    /// More than so many percent of what was live was held.
    pub percent: u32,
    /// Share of the run.
    pub share: Percent,
}

/// Why more is held than is live. The parts add up to `held - live`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Waste {
    /// The heap at this moment.
    pub moment: Moment,
    /// Headers and rounding of live blocks, tables of caches, and fences.
    pub overhead: Bytes,
    /// Freed chunks between live ones: unsorted and in bins.
    pub between: Bytes,
    /// In the caches of threads and in the fast lists, which are not merged with their neighbours.
    pub cached: Bytes,
    /// The free ends of arenas.
    pub top: Bytes,
    /// Given back inside the heap by `malloc_trim`, not part of the sum: it is not held.
    pub released: Bytes,
    /// Of all this, what `malloc_trim(0)` would give back here.
    pub trimmable: Bytes,
    /// What lies below the last live blocks of the main heap; the fewest blocks first.
    pub pins: Vec<Pin>,
    /// Free chunks of the main heap outside caches, and live blocks there.
    pub free_chunks: u64,
    /// Live blocks in the main heap.
    pub live_blocks: u64,
}

/// Live blocks at the end of the main heap that keep the free memory below them from being trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pin {
    /// How many blocks.
    pub blocks: u64,
    /// Of these, how many are freed already and kept by a cache or a fast list.
    pub cached_blocks: u64,
    /// Their bytes, with headers.
    pub bytes: Bytes,
    /// Free memory up to the next live block below, which would join the end of the heap without
    /// them.
    pub below: Bytes,
    /// The same with all that lies between them: what would join the end of the heap.
    pub joined: Bytes,
    /// The call that allocated the lowest of them; `null` for the allocator's own.
    pub lowest_call: Option<u64>,
    /// Bytes that it asked for.
    pub lowest_size: Option<Bytes>,
    /// Its address.
    pub lowest_address: u64,
}

/// Requests of one range of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SizeClass {
    /// The largest size of the class, bytes; `null` for the last.
    pub up_to: Option<Bytes>,
    /// Calls that allocated.
    pub requests: u64,
    /// Bytes that they asked for.
    pub bytes: Bytes,
    /// Blocks that lived when most was live.
    pub live_blocks: u64,
    /// Their bytes.
    pub live: Bytes,
    /// Blocks that were never freed.
    pub never_freed: u64,
}

/// The same calls under a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SettingResult {
    /// The value of `GLIBC_TUNABLES`; empty for glibc's defaults.
    pub tunables: String,
    /// What the program itself would do otherwise, such as freeing in another order or calling
    /// `malloc_trim`; `null` when nothing.
    pub change: Option<String>,
    /// Whether this is what was recorded.
    pub played: bool,
    /// Most that was held.
    pub peak: Bytes,
    /// The average of what was held.
    pub mean: Bytes,
    /// Held behind the last call.
    pub end: Bytes,
    /// System calls about memory.
    pub system_calls: u64,
}

/// The heap behind one call, as a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeapPicture {
    /// Name and version of this format: `oomph.heap-picture/1`.
    pub schema: &'static str,
    /// The trace.
    pub origin: String,
    /// What was run; `null` when the trace does not tell.
    pub command: Option<String>,
    /// The heap's figures.
    pub moment: Moment,
    /// Calls of the trace.
    pub calls: u64,
    /// The arenas; the main one first.
    pub arenas: Vec<ArenaPicture>,
    /// Blocks with mappings of their own, the largest first; of many the first.
    pub mapped: Vec<MappedBlock>,
    /// How many of those there are.
    pub mapped_blocks: u64,
}

/// A piece of memory without a gap that belongs to an arena.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArenaPicture {
    /// Which arena: 0 is the main one.
    pub arena: usize,
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// Bytes of a cell; the last may be smaller.
    pub cell: Bytes,
    /// Cells, ascending.
    pub cells: Vec<Cell>,
    /// Live blocks.
    pub live_blocks: u64,
    /// Free chunks, without those of caches.
    pub free_chunks: u64,
    /// Bytes of the largest of them.
    pub largest_free: Bytes,
}

/// What a stretch of the heap is, bytes of chunks with their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Cell {
    /// The program's, and the allocator's own tables.
    pub live: u64,
    /// In the caches of threads.
    pub tcache: u64,
    /// In fast lists.
    pub fast: u64,
    /// Free, unsorted or in bins.
    pub free: u64,
    /// The free end.
    pub top: u64,
}

impl Cell {
    /// Its bytes.
    pub fn bytes(&self) -> u64 {
        self.live + self.tcache + self.fast + self.free + self.top
    }

    /// Adds another.
    pub fn add(&mut self, other: Cell) {
        self.live += other.live;
        self.tcache += other.tcache;
        self.fast += other.fast;
        self.free += other.free;
        self.top += other.top;
    }
}

/// A block with a mapping of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MappedBlock {
    /// Its address.
    pub address: u64,
    /// Bytes of the mapping.
    pub size: Bytes,
    /// The call that allocated it.
    pub call: Option<u64>,
}

/// The main heap from the first call to the last: what was where, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeapHistory {
    /// The trace.
    pub origin: String,
    /// What was run; `null` when the trace does not tell.
    pub command: Option<String>,
    /// The first address.
    pub start: u64,
    /// Bytes of a row.
    pub row: Bytes,
    /// Moments, each with a column of cells from the first address upwards; what was not held is absent or empty.
    pub columns: Vec<HistoryColumn>,
    /// Calls of the trace.
    pub calls: u64,
}

/// One moment of the main heap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HistoryColumn {
    /// The heap's figures.
    pub moment: Moment,
    /// From the first address upwards.
    pub cells: Vec<Cell>,
}
