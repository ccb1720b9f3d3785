//! Which arena a thread uses: `arena_get2`, `arena_get_retry`, `reused_arena`, and the end of a
//! thread.

use super::Heap;
use super::state::{Thread, tcache_bin};
use crate::chunk::{Id, Kind};
use crate::kernel::Kernel;
use crate::mutant::Mutant;

impl<K: Kernel> Heap<K> {
    /// `arena_get`: the thread's arena, or one chosen now for a request of `size` bytes.
    #[inline]
    pub(super) fn arena_get(&mut self, t: usize, size: u64) -> Option<usize> {
        self.threads[t].arena.or_else(|| self.arena_get2(t, size))
    }

    fn arena_get2(&mut self, t: usize, size: u64) -> Option<usize> {
        if let Some(a) = self.free_arenas.pop() {
            self.arenas[a].attached = 1;
            self.detach(t);
            self.threads[t].arena = Some(a);
            return Some(a);
        }
        let count = self.arenas.len() as u64;
        if self.arena_limit == 0 {
            if self.set.arena_max != 0 {
                self.arena_limit = self.set.arena_max;
            } else if count > self.set.arena_test {
                let cpus = u64::from(self.kernel.cpus().max(1));
                self.arena_limit = cpus * self.rules.arenas_per_cpu;
            }
        }
        // As long as there is no limit, it is one less than nothing.
        let more = u64::from(self.broken(Mutant::ArenaLimitOneMore));
        if count <= self.rules.wrap(self.arena_limit.wrapping_sub(1)).saturating_add(more) {
            return self.new_arena(t, size);
        }
        Some(self.reuse_arena(t))
    }

    /// `reused_arena`: the next in turn; nobody holds its lock here.
    fn reuse_arena(&mut self, t: usize) -> usize {
        let a = self.next_arena;
        self.detach(t);
        self.free_arenas.retain(|&free| free != a);
        self.arenas[a].attached += 1;
        self.threads[t].arena = Some(a);
        self.next_arena = self.arena_after(a);
        a
    }

    /// The ring of arenas: the main one, then the newest to the oldest.
    pub(super) fn arena_after(&self, a: usize) -> usize {
        if self.broken(Mutant::ArenasOldestFirst) {
            return (a + 1) % self.arenas.len();
        }
        a.checked_sub(1).unwrap_or(self.arenas.len() - 1)
    }

    /// The arenas in that order, from the main one.
    pub(super) fn arena_ring(&self) -> impl Iterator<Item = usize> + use<K> {
        let oldest_first = self.broken(Mutant::StatsOldestArenaFirst);
        let count = self.arenas.len();
        let others = (1..count).map(move |at| if oldest_first { at } else { count - at });
        std::iter::once(0).chain(others)
    }

    /// `arena_get_retry`, after `a` had no memory: the main arena, or from that another one.
    pub(super) fn arena_retry(&mut self, t: usize, a: usize, size: u64) -> Option<usize> {
        if a == 0 { self.arena_get2(t, size) } else { Some(0) }
    }

    pub(super) fn detach(&mut self, t: usize) {
        if let Some(a) = self.threads[t].arena {
            self.arenas[a].attached = self.arenas[a].attached.saturating_sub(1);
        }
    }

    /// `tcache_init`: the table of the thread's cache, if it is not there yet and there is memory.
    #[cold]
    pub(super) fn make_cache(&mut self, t: usize) {
        if self.set.checked {
            return;
        }
        let Some(mut tcache) = self.rules.tcache.filter(|_| !self.threads[t].exited) else {
            return;
        };
        if self.broken(Mutant::TableIsLarger) {
            tcache.table += 16;
        }
        let arena = self.arena_get(t, tcache.table);
        let mut id = self.int_malloc(t, arena, tcache.table);
        if id.is_none()
            && let Some(a) = arena
        {
            let arena = self.arena_retry(t, a, tcache.table);
            id = self.int_malloc(t, arena, tcache.table);
        }
        if id.is_some() {
            self.threads[t].cached = true;
            self.threads[t].table = id;
        }
    }

    /// Whether the table of the cache is made only when something is to go there.
    #[inline]
    pub(super) fn cache_comes_late(&self) -> bool {
        self.rules.tcache.is_some_and(|tcache| tcache.comes_late)
    }

    /// `tcache_init` since 2.42, once for each thread: in arena `a` in the middle of `_int_malloc`, or else
    /// anywhere.
    #[cold]
    fn make_late_cache(&mut self, t: usize, a: Option<usize>) {
        let thread = &mut self.threads[t];
        if thread.refused || thread.exited || self.set.checked {
            return;
        }
        thread.refused = true;
        let Some(tcache) = self.rules.tcache.filter(|_| self.set.tcache_count > 0) else { return };
        let id = match a {
            // What is handed over is a chunk's size already.
            Some(a) => {
                let rounded = self.rules.chunk_for(tcache.table).unwrap_or(tcache.table);
                self.int_malloc(t, Some(a), rounded)
            }
            None => self.arena_malloc(t, tcache.table),
        };
        if id.is_some() {
            self.threads[t].cached = true;
            self.threads[t].table = id;
        }
    }

    /// The same in the middle of `_int_malloc`; the list for a chunk of `nb` bytes afterwards.
    pub(super) fn cache_list_inside(&mut self, t: usize, a: usize, nb: u64) -> Option<usize> {
        if !self.threads[t].cached && self.cache_comes_late() {
            self.make_late_cache(t, Some(a));
        }
        self.cache_list(t, nb)
    }

    /// `__malloc_arena_thread_freeres`.
    pub(super) fn end_thread(&mut self, t: usize) {
        let thread = &mut self.threads[t];
        thread.exited = true;
        let cached = std::mem::replace(&mut thread.cached, false);
        if cached && !self.broken(Mutant::ExitKeepsCache) {
            for list in 0..self.threads[t].lists.len() {
                loop {
                    let id = self.threads[t].lists[list];
                    if id.is_none() {
                        break;
                    }
                    self.cache_get(t, list);
                    self.free_chunk(t, id);
                }
            }
            let table = std::mem::replace(&mut self.threads[t].table, Id::NONE);
            if table.is_some() {
                self.free_chunk(t, table);
            }
        }
        if let Some(a) = self.threads[t].arena.take() {
            self.arenas[a].attached = self.arenas[a].attached.saturating_sub(1);
            if self.arenas[a].attached == 0 && !self.broken(Mutant::ExitKeepsArena) {
                self.free_arenas.push(a);
            }
        }
    }

    /// `free` of a chunk that is surely live.
    pub(super) fn free_chunk(&mut self, t: usize, id: Id) {
        if self.chunks[id].kind == Kind::Mapped {
            if self.set.checked {
                self.unmap(id);
            } else {
                self.free_mapped(id);
            }
        } else {
            if !self.threads[t].cached {
                if !self.cache_comes_late() {
                    self.make_cache(t);
                } else if tcache_bin(&self.rules, self.chunks[id].size) < self.set.tcache_bins {
                    self.make_late_cache(t, None);
                }
            }
            self.int_free(t, id);
        }
    }

    pub(super) fn add_thread(&mut self) -> usize {
        self.threads.push(Thread::new(&self.rules));
        self.threads.len() - 1
    }
}
