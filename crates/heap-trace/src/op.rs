//! One call of the allocator, as a recorder saw it.

/// One call, with what it returned.
///
/// Blocks have names: their addresses, or numbers where the recorder keeps no addresses. A name is
/// used again once its block was freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// Which thread called; numbered as they first appear. 0 where the recorder does not tell.
    pub thread: u32,
    /// Microseconds since the recording began, where the recorder tells.
    pub at_us: Option<u64>,
    /// What was called.
    pub what: What,
}

/// What was called. `ptr` is the name of the block that was returned, `None` if the call failed or
/// freed.
#[expect(missing_docs, reason = "the arguments are those of the C functions")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Malloc { size: u64, ptr: Option<u64> },
    Calloc { n: u64, size: u64, ptr: Option<u64> },
    Realloc { old: Option<u64>, size: u64, ptr: Option<u64> },
    Free { ptr: u64 },
    Aligned { by: Aligned, align: u64, size: u64, ptr: Option<u64> },
    Trim { pad: u64 },
    Mallopt { param: i32, value: i32 },
    ThreadExit,
}

/// The functions that align; they differ in what they refuse and how they round.
#[expect(missing_docs, reason = "the names are those of the C functions")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aligned {
    Memalign,
    AlignedAlloc,
    PosixMemalign,
    Valloc,
    Pvalloc,
}

impl Op {
    /// A call of a recorder that knows neither threads nor times.
    pub(crate) fn bare(what: What) -> Op {
        Op { thread: 0, at_us: None, what }
    }
}
