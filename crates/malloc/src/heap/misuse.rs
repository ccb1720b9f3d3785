//! What glibc does with a pointer that is not a live block, and with a block written past its end.
//!
//! The model has no contents of memory, so it knows the mistakes that show by addresses alone: freeing twice, freeing
//! what was never handed out, and, if told by [`Heap::overflow`], a damaged size of the
//! next chunk. Unknown bytes, such as those in the middle of a block, are taken to be 0.
//! The order of the checks is `_int_free`'s, and it decides which message appears.

use super::{Heap, Ptr, ThreadId};
use crate::abort::{Abort, Complaint, End};
use crate::chunk::{Id, Kind};
use crate::kernel::Kernel;

/// What an overflow writes: the letter A, as in the attacks and bug reports everybody knows.
const FILL: u8 = b'A';

/// A chunk whose size was overwritten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Smashed {
    id: Id,
    addr: u64,
    /// The size and flags that are in its place.
    word: u64,
}

impl<K: Kernel> Heap<K> {
    /// The program writes `bytes` letters A beyond the usable bytes of a block. The model damages
    /// the size of the chunk above, which is what glibc's checks look at.
    ///
    /// A block with a mapping of its own has nothing above it; the write would hit another mapping
    /// or a fault. Where every call is checked, a mark stands behind what was asked for, and the first
    /// byte beyond that hits it; the model then leaves the chunk above as it is.
    pub fn overflow(&mut self, ptr: Ptr, bytes: u64) {
        let Some(id) = self.live(ptr).filter(|id| self.chunks[*id].kind == Kind::Live) else {
            return;
        };
        if self.set.checked {
            let addr = self.chunks[id].addr;
            self.smashed.extend((bytes > 0).then_some(Smashed { id, addr, word: 0 }));
            return;
        }
        let above = self.chunks[id].above;
        if above.is_none() || bytes == 0 {
            return;
        }
        let chunk = &self.chunks[above];
        let mut word = (chunk.size | 1).to_le_bytes();
        let written = usize::try_from(bytes.min(self.rules.word)).unwrap_or(0);
        word[..written].fill(FILL);
        let addr = chunk.addr;
        self.smashed.push(Smashed { id: above, addr, word: u64::from_le_bytes(word) });
    }

    /// The damaged size of a chunk, if that is larger than the arena, which glibc notices.
    #[cold]
    fn smashed_size(&self, id: Id) -> Option<u64> {
        let chunk = self.chunks.get(id)?;
        let word = self
            .smashed
            .iter()
            .rev()
            .find(|smashed| smashed.id == id && smashed.addr == chunk.addr)?
            .word;
        let size = word & !7;
        (size >= self.arenas[usize::from(chunk.arena)].system).then_some(size)
    }

    /// `malloc_printerr`: a mistake ends the process, or is noted and the call does nothing, as
    /// `MALLOC_CHECK_` says.
    #[cold]
    pub(super) fn judge(&mut self, abort: Abort, ptr: Ptr) -> Result<(), Abort> {
        let action = self.set.action;
        match (abort.end, action.says, action.ends) {
            (End::Aborted, false, true) => Err(Abort { end: End::AbortedSilently, ..abort }),
            (End::Aborted, printed, false) => {
                let message = abort.message;
                self.complaints.push(Complaint { message, addr: ptr.addr, printed });
                Ok(())
            }
            _ => Err(abort),
        }
    }

    /// Whether the mark behind a checked block was overwritten (`mem2chunk_check`).
    fn unmarked(&self, id: Id) -> bool {
        let addr = self.chunks[id].addr;
        self.smashed.iter().any(|smashed| smashed.id == id && smashed.addr == addr)
    }

    /// The checks of `free` on a live chunk in a heap with damage.
    #[cold]
    pub(super) fn check_free(&self, t: usize, id: Id) -> Result<(), Abort> {
        if self.set.checked {
            let sound = !self.unmarked(id);
            return if sound { Ok(()) } else { Err(Abort::new("free(): invalid pointer")) };
        }
        let chunk = &self.chunks[id];
        if chunk.kind == Kind::Mapped {
            return Ok(());
        }
        let arena = &self.arenas[usize::from(chunk.arena)];
        if self.smashed_size(id).is_some() {
            return Err(if arena.contiguous {
                Abort::new("double free or corruption (out)")
            } else {
                Abort::faulted("free() reads the chunk above, far outside the heap")
            });
        }
        if self.cache_room(t, chunk.size) || self.smashed_size(chunk.above).is_none() {
            return Ok(());
        }
        Err(Abort::new(if chunk.size <= self.set.max_fast {
            "free(): invalid next size (fast)"
        } else {
            "free(): invalid next size (normal)"
        }))
    }

    /// The checks of `realloc` on a live chunk in a heap with damage.
    #[cold]
    pub(super) fn check_realloc(&self, id: Id) -> Result<(), Abort> {
        if self.set.checked {
            let sound = !self.unmarked(id);
            return if sound { Ok(()) } else { Err(Abort::new("realloc(): invalid pointer")) };
        }
        let chunk = &self.chunks[id];
        if chunk.kind == Kind::Mapped {
            return Ok(());
        }
        if self.smashed_size(id).is_some() {
            return Err(Abort::new("realloc(): invalid old size"));
        }
        if self.smashed_size(chunk.above).is_some() {
            return Err(Abort::new("realloc(): invalid next size"));
        }
        Ok(())
    }

    /// The check of the size of an unsorted chunk or of top; false ends the search.
    #[cold]
    pub(super) fn check_size(&mut self, id: Id, message: &'static str) -> bool {
        let smashed = !self.set.checked && self.smashed_size(id).is_some();
        if smashed {
            self.fail(message);
        }
        !smashed
    }

    fn cache_room(&self, t: usize, size: u64) -> bool {
        self.cache_list(t, size)
            .is_some_and(|list| self.threads[t].counts[list] < self.set.tcache_count)
    }

    /// `free` of what is not a live block.
    #[cold]
    pub(super) fn misused_by_free(&self, thread: ThreadId, ptr: Ptr) -> Abort {
        let t = thread.index();
        if !ptr.addr.is_multiple_of(self.rules.align) {
            return Abort::new("free(): invalid pointer");
        }
        let at = ptr.addr.wrapping_sub(self.rules.header());
        let Some(id) = self.chunk_around(at) else { return self.outside(ptr, "free()") };
        if self.set.checked {
            // The mark behind what was freed is gone.
            return Abort::new("free(): invalid pointer");
        }
        let chunk = &self.chunks[id];
        if matches!(chunk.kind, Kind::Live | Kind::Mapped | Kind::Fence) && chunk.addr != at {
            return Abort::new("free(): invalid pointer");
        }
        // A chunk that was merged still has the size it had.
        let size = if chunk.addr == at { Some(chunk.size) } else { self.stale_size(ptr) };
        let Some(size) = size else { return Abort::unnoticed("free() of memory that is free") };
        if let Some(list) = self.cache_list(t, size) {
            if chunk.kind == Kind::Tcache && self.in_cache(t, list, id) {
                return Abort::new("free(): double free detected in tcache 2");
            }
            if self.threads[t].counts[list] < self.set.tcache_count {
                return Abort::unnoticed("freed twice: the cache hands it out twice");
            }
        }
        let arena = &self.arenas[usize::from(chunk.arena)];
        if size <= self.set.max_fast {
            return if arena.fast[self.fast_index(size)] == id {
                Abort::new("double free or corruption (fasttop)")
            } else {
                Abort::unnoticed("freed twice: the fast list has become a ring")
            };
        }
        if chunk.addr == at && chunk.kind == Kind::Top {
            return Abort::new("double free or corruption (top)");
        }
        let end = if arena.top.is_some() { self.chunks[arena.top].end() } else { 0 };
        if arena.contiguous && at + size >= end {
            return Abort::new("double free or corruption (out)");
        }
        if chunk.kind == Kind::Tcache {
            return Abort::unnoticed("freed twice: it is free and in a cache");
        }
        Abort::new("double free or corruption (!prev)")
    }

    /// `realloc` of what is not a live block.
    #[cold]
    pub(super) fn misused_by_realloc(&self, ptr: Ptr) -> Abort {
        let at = ptr.addr.wrapping_sub(self.rules.header());
        let aligned = ptr.addr.is_multiple_of(self.rules.align);
        match self.chunk_around(at) {
            _ if !aligned => Abort::new("realloc(): invalid pointer"),
            None => self.outside(ptr, "realloc()"),
            Some(_) if self.set.checked => Abort::new("realloc(): invalid pointer"),
            Some(id) if self.chunks[id].addr != at && self.stale_size(ptr).is_none() => {
                Abort::new("realloc(): invalid pointer")
            }
            Some(_) => Abort::unnoticed("realloc() of a block that was freed"),
        }
    }

    /// A pointer to memory that is not the heap's, or not any more.
    fn outside(&self, ptr: Ptr, call: &str) -> Abort {
        if self.chunks.get(ptr.id).is_some() {
            Abort::faulted(&format!("{call} reads the header of a block whose memory is unmapped"))
        } else {
            Abort::new(&format!("{call}: invalid pointer"))
        }
    }

    /// The size a freed block had, if its record was not needed since.
    fn stale_size(&self, ptr: Ptr) -> Option<u64> {
        let chunk = self.chunks.get(ptr.id)?;
        let same = chunk.kind == Kind::Vacant && chunk.addr + self.rules.header() == ptr.addr;
        same.then_some(chunk.size)
    }

    fn in_cache(&self, t: usize, list: usize, id: Id) -> bool {
        let mut at = self.threads[t].lists[list];
        while at.is_some() {
            if at == id {
                return true;
            }
            at = self.chunks[at].next;
        }
        false
    }

    /// The chunk that holds an address, which is looked for one by one.
    fn chunk_around(&self, addr: u64) -> Option<Id> {
        let mut used = self.chunks.used();
        used.find(|(_, chunk)| chunk.addr <= addr && addr < chunk.end()).map(|(id, _)| id)
    }
}
