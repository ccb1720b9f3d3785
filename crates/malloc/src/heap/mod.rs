//! The heap of one process: what programs call, and what is behind it.

mod aligned;
mod arena;
mod misuse;
mod release;
mod report;
mod resize;
mod search;
mod state;
mod system;
mod thread_heap;
mod view;

pub use report::MallInfo;
pub use state::Tally;
pub use view::{ChunkState, ChunkView, Figures, Thresholds};

use crate::abort::{Abort, Complaint};
use crate::chunk::{Chunks, Id, Kind};
use crate::kernel::{Advice, Errno, Kernel};
use crate::mutant::Mutant;
use crate::rules::Rules;
use crate::tunables::{Mallopt, Tunables};
use state::{Arena, Mappings, Settings, Thread};

/// A block of the heap: its address, and the record that is found by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ptr {
    addr: u64,
    id: Id,
}

impl Ptr {
    /// A pointer from elsewhere, which the heap did not hand out: freeing it is a mistake that
    /// glibc answers in its own way.
    pub fn foreign(addr: u64) -> Ptr {
        Ptr { addr, id: Id::NONE }
    }

    /// What the program holds.
    pub fn addr(self) -> u64 {
        self.addr
    }
}

/// A thread of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(u32);

impl ThreadId {
    /// The first thread.
    pub const MAIN: ThreadId = ThreadId(0);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// glibc's allocator in one process, over the kernel `K`.
///
/// Plain data: a clone is the same heap with a future of its own.
#[derive(Debug, Clone)]
pub struct Heap<K> {
    rules: Rules,
    // From the rules and the kernel, since every call needs them.
    min_chunk: u64,
    min_large: u64,
    align_shift: u32,
    page: u64,
    set: Settings,
    kernel: K,
    chunks: Chunks,
    arenas: Vec<Arena>,
    threads: Vec<Thread>,
    maps: Mappings,
    /// What is in the caches of all threads.
    cached: Tally,
    /// What the C library takes for the break: `__curbrk`.
    brk: Option<u64>,
    /// `SINGLE_THREAD_P` is false for good once there was a second thread.
    multi_threaded: bool,
    /// `aligned_heap_area`.
    spare_area: Option<u64>,
    /// Arenas without a thread, newest last.
    free_arenas: Vec<usize>,
    /// `next_to_use`.
    next_arena: usize,
    /// `narenas_limit`, 0 as long as it is not known.
    arena_limit: u64,
    abort: Option<Box<Abort>>,
    smashed: Vec<misuse::Smashed>,
    complaints: Vec<Complaint>,
    #[cfg(feature = "mutants")]
    mutant: Option<Mutant>,
}

impl<K: Kernel> Heap<K> {
    /// The heap of a process that has not allocated anything yet.
    ///
    /// With the tunable `check` from 1 on, every call is checked. Up to 2.26 its level, `MALLOC_CHECK_`, says what
    /// follows a mistake: see [`Rules::check_levels`]. Since 2.34 it is the heap of the debugging library,
    /// `libc_malloc_debug.so.0`, and 1, 2 and 3 are the same; without that library loaded first, the tunable does
    /// nothing.
    pub fn new(rules: Rules, tunables: &Tunables, kernel: K) -> Heap<K> {
        let mut main = Thread::new(&rules);
        main.arena = Some(0);
        Heap {
            rules,
            min_chunk: rules.min_chunk(),
            min_large: rules.min_large(),
            align_shift: rules.align.trailing_zeros(),
            page: kernel.page_size(),
            set: Settings::new(&rules, tunables, &kernel),
            kernel,
            chunks: Chunks::new(),
            arenas: vec![Arena::new(true)],
            threads: vec![main],
            maps: Mappings::new(),
            cached: Tally::default(),
            brk: None,
            multi_threaded: false,
            spare_area: None,
            free_arenas: Vec::new(),
            next_arena: 0,
            arena_limit: 0,
            abort: None,
            smashed: Vec::new(),
            complaints: Vec::new(),
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// `malloc(3)`; `None` is `ENOMEM`.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    #[inline]
    pub fn malloc(&mut self, thread: ThreadId, size: u64) -> Result<Option<Ptr>, Abort> {
        let id = self.malloc_chunk(thread.index(), size);
        self.handed_out(id)
    }

    /// `calloc(3)`; `None` is `ENOMEM`.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn calloc(&mut self, thread: ThreadId, n: u64, size: u64) -> Result<Option<Ptr>, Abort> {
        let most = if self.rules.refuses_late { u64::MAX } else { self.rules.most() };
        let bytes = n.checked_mul(size).filter(|bytes| *bytes <= most);
        let Some(bytes) = bytes else { return Ok(None) };
        let t = thread.index();
        let takes = self.rules.tcache.is_some_and(|tcache| tcache.calloc_takes);
        let id = if takes || self.broken(Mutant::CallocTakesFromTcache) {
            self.malloc_chunk(t, bytes)
        } else {
            if !self.threads[t].cached && !self.cache_comes_late() {
                self.make_cache(t);
            }
            self.arena_malloc(t, bytes)
        };
        self.handed_out(id)
    }

    /// `realloc(3)`; `None` is `ENOMEM`, or that `ptr` was freed because `size` is 0.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn realloc(
        &mut self,
        thread: ThreadId,
        ptr: Option<Ptr>,
        size: u64,
    ) -> Result<Option<Ptr>, Abort> {
        let Some(ptr) = ptr else { return self.malloc(thread, size) };
        if size == 0 {
            return self.free(thread, Some(ptr)).map(|()| None);
        }
        let t = thread.index();
        let Some(id) = self.live(ptr) else {
            let abort = self.misused_by_realloc(ptr);
            self.judge(abort, ptr)?;
            // The hooks then allocate, the library itself does not.
            return if self.set.checked { self.malloc(thread, size) } else { Ok(None) };
        };
        if !self.smashed.is_empty()
            && let Err(abort) = self.check_realloc(id)
        {
            self.judge(abort, ptr)?;
            return if self.set.checked { self.malloc(thread, size) } else { Ok(None) };
        }
        let mapped = self.chunks[id].kind == Kind::Mapped;
        // The debugging library has a `realloc` of its own, which moves such a block.
        let keeps = self.rules.realloc_keeps && !self.set.checked;
        if keeps
            && let Some(spare) = self.usable_size(Some(ptr)).checked_sub(size)
            && (spare < 2 * self.rules.word
                || mapped && self.rules.realloc_keeps_page && spare <= self.page)
        {
            return Ok(Some(ptr));
        }
        if !mapped && !self.threads[t].cached && !self.cache_comes_late() {
            self.make_cache(t);
        }
        let padded = size.saturating_add(self.set.checked.into());
        let Some(nb) = self.rules.chunk_for(padded) else { return Ok(None) };
        if mapped {
            let id = self.realloc_mapped(t, id, nb, size);
            return self.handed_out(id);
        }
        let mut new = self.int_realloc(t, id, nb);
        if new.is_none() && !self.alone() && !self.set.checked {
            new = self.malloc_chunk(t, size);
            if new.is_some() {
                self.free_inside(t, id);
            }
        }
        self.handed_out(new)
    }

    /// `free(3)`.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    #[inline]
    pub fn free(&mut self, thread: ThreadId, ptr: Option<Ptr>) -> Result<(), Abort> {
        let Some(ptr) = ptr else { return Ok(()) };
        let Some(id) = self.live(ptr) else {
            let abort = self.misused_by_free(thread, ptr);
            return self.judge(abort, ptr);
        };
        if !self.smashed.is_empty()
            && let Err(abort) = self.check_free(thread.index(), id)
        {
            return self.judge(abort, ptr);
        }
        self.free_chunk(thread.index(), id);
        self.check()
    }

    /// `memalign(3)`, of which `aligned_alloc(3)` is another name up to 2.37; `None` is `ENOMEM`
    /// or `EINVAL`.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn memalign(
        &mut self,
        thread: ThreadId,
        alignment: u64,
        size: u64,
    ) -> Result<Option<Ptr>, Abort> {
        let id = self.memalign_chunk(thread.index(), alignment, size);
        self.handed_out(id)
    }

    /// `aligned_alloc(3)`; `None` is `ENOMEM` or `EINVAL`.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn aligned_alloc(
        &mut self,
        thread: ThreadId,
        alignment: u64,
        size: u64,
    ) -> Result<Option<Ptr>, Abort> {
        if self.rules.aligned_alloc_checks && !alignment.is_power_of_two() {
            return Ok(None);
        }
        self.memalign(thread, alignment, size)
    }

    /// `posix_memalign(3)`, with the number it returns if that is not 0.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn posix_memalign(
        &mut self,
        thread: ThreadId,
        alignment: u64,
        size: u64,
    ) -> Result<Result<Ptr, Errno>, Abort> {
        let words = alignment / self.rules.word;
        if !alignment.is_multiple_of(self.rules.word) || !words.is_power_of_two() {
            return Ok(Err(Errno::Invalid));
        }
        Ok(self.memalign(thread, alignment, size)?.ok_or(Errno::NoMemory))
    }

    /// `valloc(3)`; `None` is `ENOMEM`.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn valloc(&mut self, thread: ThreadId, size: u64) -> Result<Option<Ptr>, Abort> {
        self.memalign(thread, self.page, size)
    }

    /// `pvalloc(3)`; `None` is `ENOMEM`.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn pvalloc(&mut self, thread: ThreadId, size: u64) -> Result<Option<Ptr>, Abort> {
        let rounded = size.checked_add(self.page - 1).filter(|sum| self.rules.wrap(*sum) == *sum);
        let Some(rounded) = rounded else { return Ok(None) };
        // The mask is off by one, so an even size keeps bit 0; no chunk is larger for it.
        self.memalign(thread, self.page, rounded & self.rules.wrap((self.page - 1).wrapping_neg()))
    }

    /// `malloc_usable_size(3)`, 0 for what is not a live block.
    pub fn usable_size(&self, ptr: Option<Ptr>) -> u64 {
        let Some(id) = ptr.and_then(|ptr| self.live(ptr)) else { return 0 };
        let chunk = &self.chunks[id];
        match chunk.kind {
            Kind::Mapped if !self.rules.mapped_header => chunk.size - self.rules.header(),
            _ => chunk.size - self.rules.word,
        }
    }

    /// `malloc_trim(3)`: whether anything was given back.
    pub fn trim(&mut self, pad: u64) -> bool {
        self.start();
        let mut given = false;
        for a in self.arena_ring() {
            self.consolidate(a);
            for (addr, len) in self.whole_pages(a) {
                let _ = self.kernel.madvise(addr, len, Advice::DontNeed);
                given = true;
            }
            if a == 0 {
                given |= self.trim_top(pad);
            }
        }
        given
    }

    /// `mallopt(3)`: whether it returns 1.
    pub fn mallopt(&mut self, param: Mallopt, value: i32) -> bool {
        self.start();
        if !self.broken(Mutant::MalloptDoesNotConsolidate) {
            self.consolidate(0);
        }
        if self.broken(Mutant::MaxFastNotRounded)
            && param == Mallopt::MxFast
            && (0..160).contains(&value)
        {
            self.set.max_fast = u64::from(value.unsigned_abs());
            return true;
        }
        if self.broken(Mutant::MalloptKeepsThresholdMoving) {
            let dynamic = self.set.dynamic;
            let done = self.set.mallopt(&self.rules, param, value);
            self.set.dynamic = dynamic;
            return done;
        }
        self.set.mallopt(&self.rules, param, value)
    }

    /// A second or later thread: `pthread_create(3)` as the allocator sees it, which is a `calloc`
    /// by `creator` for the new thread's `modules` with thread-local variables (the C library is
    /// one). The stack comes from elsewhere.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn spawn(
        &mut self,
        creator: ThreadId,
        modules: u64,
    ) -> Result<(ThreadId, Option<Ptr>), Abort> {
        self.multi_threaded = true;
        // The table has 14 spare entries, its length and a generation, each of two words.
        let table = self.calloc(creator, modules.saturating_add(16), 2 * self.rules.word)?;
        Ok((self.attach_thread(), table))
    }

    /// A thread that allocates, without the `calloc` of its creation.
    pub fn attach_thread(&mut self) -> ThreadId {
        self.multi_threaded = true;
        ThreadId(u32::try_from(self.add_thread()).unwrap_or(u32::MAX))
    }

    /// The end of a thread: its cache is emptied, its arena may be another's.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    pub fn thread_exit(&mut self, thread: ThreadId) -> Result<(), Abort> {
        self.end_thread(thread.index());
        self.check()
    }

    /// `sbrk(2)` by the program itself, behind the allocator's back: the break before, `None` if
    /// it could not be moved.
    pub fn foreign_sbrk(&mut self, by: i64) -> Option<u64> {
        self.sbrk(by)
    }

    /// Mistakes that were noticed and let pass, in order.
    pub fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    /// The rules it follows.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The kernel below it.
    pub fn kernel(&self) -> &K {
        &self.kernel
    }

    /// The kernel below it, to be changed from outside.
    pub fn kernel_mut(&mut self) -> &mut K {
        &mut self.kernel
    }

    /// Breaks one rule from now on.
    #[cfg(feature = "mutants")]
    pub fn break_rule(&mut self, mutant: Option<Mutant>) {
        self.mutant = mutant;
    }

    /// Whether a rule is broken on purpose.
    #[cfg(feature = "mutants")]
    #[inline]
    fn broken(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// No rule is.
    #[cfg(not(feature = "mutants"))]
    #[inline]
    #[expect(clippy::unused_self, reason = "the feature `mutants` needs it")]
    const fn broken(&self, _: Mutant) -> bool {
        false
    }

    /// `__libc_malloc`.
    #[inline]
    fn malloc_chunk(&mut self, t: usize, size: u64) -> Id {
        let Some(nb) = self.rules.chunk_for(size) else {
            return if self.rules.refuses_late { self.arena_malloc(t, size) } else { Id::NONE };
        };
        if !self.threads[t].cached
            && !self.cache_comes_late()
            && !self.broken(Mutant::TableComesLate)
        {
            if self.set.checked {
                return self.arena_malloc(t, size);
            }
            self.make_cache(t);
        }
        if let Some(list) = self.cache_list(t, nb)
            && self.threads[t].counts[list] > 0
        {
            return self.cache_get(t, list);
        }
        self.arena_malloc(t, size)
    }

    /// `_int_malloc` in the thread's arena, and in another if that has no memory.
    fn arena_malloc(&mut self, t: usize, size: u64) -> Id {
        if self.set.checked {
            // One byte more, for the mark at the end; always from the main arena.
            return self.int_malloc(t, Some(0), size.saturating_add(1));
        }
        if self.alone() && !self.broken(Mutant::RetryWhenSingleThreaded) {
            return self.int_malloc(t, Some(0), size);
        }
        let arena = self.arena_get(t, size);
        let id = self.int_malloc(t, arena, size);
        match arena {
            Some(a) if id.is_none() && !self.broken(Mutant::NoRetryInAnotherArena) => {
                let arena = self.arena_retry(t, a, size);
                self.int_malloc(t, arena, size)
            }
            _ => id,
        }
    }

    /// `SINGLE_THREAD_P`, where the release looks at it.
    fn alone(&self) -> bool {
        !self.multi_threaded && self.rules.single_thread_path
    }

    /// The chunk of a live block.
    #[inline]
    fn live(&self, ptr: Ptr) -> Option<Id> {
        let chunk = self.chunks.get(ptr.id)?;
        let live = matches!(chunk.kind, Kind::Live | Kind::Mapped);
        (live && chunk.addr + self.rules.header() == ptr.addr).then_some(ptr.id)
    }

    #[inline]
    fn handed_out(&mut self, id: Id) -> Result<Option<Ptr>, Abort> {
        self.check()?;
        if id.is_none() {
            return Ok(None);
        }
        Ok(Some(Ptr { addr: self.chunks[id].addr + self.rules.header(), id }))
    }

    #[inline]
    fn check(&self) -> Result<(), Abort> {
        match &self.abort {
            None => Ok(()),
            Some(abort) => Err(Abort::clone(abort)),
        }
    }

    #[cold]
    fn fail(&mut self, message: &'static str) {
        self.abort = Some(Box::new(Abort::new(message)));
    }

    /// `ptmalloc_init`: nothing that could be seen from outside.
    #[expect(clippy::unused_self, reason = "where other releases do something")]
    fn start(&self) {}
}
