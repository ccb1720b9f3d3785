//! Calls of the allocator as data, and as the 24 bytes that the driver reads.

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Malloc = 1,
    Calloc,
    Realloc,
    Free,
    Memalign,
    AlignedAlloc,
    PosixMemalign,
    Valloc,
    Pvalloc,
    Usable,
    Trim,
    Mallopt,
    Mallinfo,
    Stats,
    Info,
    Sbrk,
    Limit,
    Exit,
    Wall,
    Spawn,
    Touch,
}

/// One call: by which thread, about which slot, and its two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) code: Code,
    pub(super) thread: u8,
    /// For `Free`: the slot is kept, so that it can be freed again.
    pub(super) keep: bool,
    pub(super) slot: u32,
    pub(super) a: u64,
    pub(super) b: u64,
}

impl Op {
    pub(super) fn new(code: Code, slot: u32, a: u64, b: u64) -> Op {
        Op { code, thread: 0, keep: false, slot, a, b }
    }

    pub(super) fn malloc(slot: u32, size: u64) -> Op {
        Op::new(Code::Malloc, slot, size, 0)
    }

    pub(super) fn free(slot: u32) -> Op {
        Op::new(Code::Free, slot, 0, 0)
    }

    pub(super) fn report(code: Code) -> Op {
        Op::new(code, 0, 0, 0)
    }

    pub(super) fn by(self, thread: u8) -> Op {
        Op { thread, ..self }
    }

    pub(super) fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[0] = self.code as u8;
        bytes[1] = self.thread;
        bytes[2] = u8::from(self.keep);
        bytes[4..8].copy_from_slice(&self.slot.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.a.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.b.to_le_bytes());
        bytes
    }

    /// Numbers the driver answers with.
    pub(super) fn answers(&self) -> usize {
        if self.code == Code::Mallinfo { 10 } else { 2 }
    }
}
