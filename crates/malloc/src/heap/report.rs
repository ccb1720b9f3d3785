//! `mallinfo2`, `malloc_stats` and `malloc_info`, byte for byte.

use super::Heap;
use super::state::Tally;
use crate::kernel::Kernel;
use crate::mutant::Mutant;
use std::fmt::Write;

/// `struct mallinfo2`: statistics, all in bytes but for the three counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MallInfo {
    /// Memory of all arenas, mapped blocks not included.
    pub arena: u64,
    /// Free chunks, one top for each arena included.
    pub ordblks: u64,
    /// Chunks in the fast lists.
    pub smblks: u64,
    /// Blocks with a mapping of their own.
    pub hblks: u64,
    /// The bytes of these.
    pub hblkhd: u64,
    /// Always 0.
    pub usmblks: u64,
    /// Bytes in the fast lists.
    pub fsmblks: u64,
    /// Bytes in use, those in the caches of threads included.
    pub uordblks: u64,
    /// Bytes that are free.
    pub fordblks: u64,
    /// Bytes of the main arena's top.
    pub keepcost: u64,
}

impl MallInfo {
    /// The ten fields in the order of the structure, with their names.
    pub fn fields(&self) -> [(&'static str, u64); 10] {
        [
            ("arena", self.arena),
            ("ordblks", self.ordblks),
            ("smblks", self.smblks),
            ("hblks", self.hblks),
            ("hblkhd", self.hblkhd),
            ("usmblks", self.usmblks),
            ("fsmblks", self.fsmblks),
            ("uordblks", self.uordblks),
            ("fordblks", self.fordblks),
            ("keepcost", self.keepcost),
        ]
    }
}

impl<K: Kernel> Heap<K> {
    /// `mallinfo2(3)`.
    pub fn mallinfo2(&mut self) -> MallInfo {
        self.start();
        let mut sum = MallInfo::default();
        for a in 0..self.arenas.len() {
            self.add_arena(a, &mut sum);
        }
        sum
    }

    fn add_arena(&self, a: usize, sum: &mut MallInfo) {
        let arena = &self.arenas[a];
        let top = self.top_size(a);
        let Tally { count, bytes } = arena.unsorted_tally;
        let free = top + bytes + arena.filed_tally.bytes + arena.fast_tally.bytes;
        sum.arena += arena.system;
        sum.ordblks += 1 + count + arena.filed_tally.count;
        sum.smblks += arena.fast_tally.count;
        sum.fsmblks += arena.fast_tally.bytes;
        sum.fordblks += free;
        sum.uordblks = sum.uordblks.wrapping_add(arena.system.wrapping_sub(free));
        if a == 0 {
            sum.hblks = self.maps.count.into();
            sum.hblkhd = self.maps.bytes;
            sum.keepcost = top;
        }
    }

    /// What `malloc_stats(3)` prints on standard error.
    #[expect(clippy::cast_possible_truncation, reason = "glibc cuts these to 32 bits")]
    pub fn malloc_stats(&mut self) -> String {
        self.start();
        let mut text = String::new();
        let mut system = self.maps.bytes as u32;
        let mut used = system;
        for (number, a) in self.arena_ring().enumerate() {
            let mut info = MallInfo::default();
            self.add_arena(a, &mut info);
            let (arena_system, arena_used) = (info.arena as u32, info.uordblks as u32);
            let _ = write!(
                text,
                "Arena {number}:\nsystem bytes     = {arena_system:>10}\n\
                 in use bytes     = {arena_used:>10}\n",
            );
            system = system.wrapping_add(arena_system);
            used = used.wrapping_add(arena_used);
        }
        let _ = write!(
            text,
            "Total (incl. mmap):\nsystem bytes     = {system:>10}\nin use bytes     = {used:>10}\n\
             max mmap regions = {:>10}\nmax mmap bytes   = {:>10}\n",
            self.maps.peak_count, self.maps.peak_bytes,
        );
        text
    }

    /// What `malloc_info(3)` prints.
    pub fn malloc_info(&mut self) -> String {
        self.start();
        let mut text = String::from("<malloc version=\"1\">\n");
        let mut sum = Totals { has_fast: self.rules.fast_lists, ..Totals::default() };
        for (number, a) in self.arena_ring().enumerate() {
            let _ = write!(text, "<heap nr=\"{number}\">\n<sizes>\n");
            let own = self.arena_info(a, &mut text);
            text.push_str("</sizes>\n");
            own.write(&mut text, None);
            if a != 0 {
                let heaps = self.arenas[a].heaps.len();
                let _ = writeln!(text, "<aspace type=\"subheaps\" size=\"{heaps}\"/>");
            }
            text.push_str("</heap>\n");
            sum.add(&own);
        }
        sum.write(&mut text, Some((self.maps.count, self.maps.bytes)));
        text.push_str("</malloc>\n");
        text
    }

    /// The sizes of one arena as elements, and its totals.
    fn arena_info(&self, a: usize, text: &mut String) -> Totals {
        let arena = &self.arenas[a];
        for (list, head) in arena.fast.iter().enumerate() {
            let mut count = 0_u64;
            let mut id = *head;
            while id.is_some() {
                count += 1;
                id = self.chunks[id].next;
            }
            if count > 0 {
                let size = (list as u64 + 2) * 2 * self.rules.word;
                let from = size - (self.rules.align - 1);
                let line = SizeLine { from, to: size, total: count * size, count };
                line.write(text, "size");
            }
        }
        // Bins are counted with the flag of the chunk below that is in use, which is 1.
        let mut lines: Vec<(u64, SizeLine)> = Vec::new();
        let mut key = 0;
        while let Some((found, head)) = arena.filed.at_least(key) {
            let size = found * self.rules.align;
            let count = self.ring_len(head);
            let bin = self.rules.bin(size);
            let more = SizeLine { from: size + 1, to: size + 1, total: count * (size + 1), count };
            match lines.last_mut() {
                Some((last, line)) if *last == bin => line.add(&more),
                _ => lines.push((bin, more)),
            }
            key = found + 1;
        }
        for (_, line) in &lines {
            line.write(text, "size");
        }
        if let Some(line) = self.unsorted_line(a) {
            line.write(text, "unsorted");
        }
        let Tally { count, bytes } = arena.unsorted_tally;
        let filed = arena.filed_tally;
        let (total, accessible) = match &arena.heaps[..] {
            [] => (arena.system, arena.system),
            heaps => (
                heaps.iter().map(|heap| heap.size).sum(),
                heaps.iter().map(|heap| heap.accessible).sum(),
            ),
        };
        Totals {
            has_fast: self.rules.fast_lists,
            fast: arena.fast_tally,
            rest: Tally {
                count: 1 + count + filed.count,
                bytes: self.top_size(a) + bytes + count + filed.bytes + filed.count,
            },
            system: (arena.system, arena.peak_system),
            aspace: (total, accessible),
        }
    }

    fn unsorted_line(&self, a: usize) -> Option<SizeLine> {
        let head = self.arenas[a].unsorted;
        let mut sum: Option<SizeLine> = None;
        let mut id = head;
        while id.is_some() {
            let chunk = &self.chunks[id];
            let size = chunk.size + u64::from(!self.broken(Mutant::InfoWithoutFlag));
            let line = SizeLine { from: size, to: size, total: size, count: 1 };
            match &mut sum {
                Some(sum) => sum.add(&line),
                None => sum = Some(line),
            }
            id = chunk.next;
            if id == head {
                break;
            }
        }
        sum
    }

    fn ring_len(&self, head: crate::chunk::Id) -> u64 {
        let mut count = 1;
        let mut id = self.chunks[head].next;
        while id != head {
            count += 1;
            id = self.chunks[id].next;
        }
        count
    }
}

/// One element of sizes.
struct SizeLine {
    from: u64,
    to: u64,
    total: u64,
    count: u64,
}

impl SizeLine {
    fn add(&mut self, other: &SizeLine) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.total += other.total;
        self.count += other.count;
    }

    fn write(&self, text: &mut String, element: &str) {
        let SizeLine { from, to, total, count } = self;
        let _ = writeln!(
            text,
            "  <{element} from=\"{from}\" to=\"{to}\" total=\"{total}\" count=\"{count}\"/>"
        );
    }
}

#[derive(Default)]
struct Totals {
    /// Whether the release has fast lists to tell of.
    has_fast: bool,
    fast: Tally,
    rest: Tally,
    system: (u64, u64),
    aspace: (u64, u64),
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        for (sum, more) in [(&mut self.fast, other.fast), (&mut self.rest, other.rest)] {
            sum.count += more.count;
            sum.bytes += more.bytes;
        }
        for (sum, more) in [(&mut self.system, other.system), (&mut self.aspace, other.aspace)] {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
    }

    fn write(&self, text: &mut String, mmap: Option<(u32, u64)>) {
        let mut total = |kind: &str, count: i128, bytes: u64| {
            let _ = writeln!(text, "<total type=\"{kind}\" count=\"{count}\" size=\"{bytes}\"/>");
        };
        if self.has_fast {
            total("fast", self.fast.count.into(), self.fast.bytes);
        }
        total("rest", self.rest.count.into(), self.rest.bytes);
        if let Some((count, bytes)) = mmap {
            total("mmap", count.into(), bytes);
        }
        let _ = write!(
            text,
            "<system type=\"current\" size=\"{}\"/>\n<system type=\"max\" size=\"{}\"/>\n\
             <aspace type=\"total\" size=\"{}\"/>\n<aspace type=\"mprotect\" size=\"{}\"/>\n",
            self.system.0, self.system.1, self.aspace.0, self.aspace.1,
        );
    }
}
