//! Traces for the edges that random ones rarely meet.

use super::mix::Random;
use super::op::{Code, Op};
use malloc::{Rules, Tunables};

/// A named trace and the settings it needs.
#[derive(Debug, Clone)]
pub(super) struct Directed {
    pub(super) name: &'static str,
    pub(super) tunables: Tunables,
    pub(super) ops: Vec<Op>,
}

/// A trace in the making.
struct Maker {
    ops: Vec<Op>,
    next: u32,
}

impl Maker {
    fn new() -> Maker {
        Maker { ops: Vec::new(), next: 0 }
    }

    fn malloc(&mut self, size: u64) -> u32 {
        self.next += 1;
        self.ops.push(Op::malloc(self.next, size));
        self.next
    }

    fn free(&mut self, slot: u32) {
        self.ops.push(Op::free(slot));
    }

    fn realloc(&mut self, slot: u32, size: u64) {
        self.ops.push(Op::new(Code::Realloc, slot, size, 0));
    }

    fn call(&mut self, code: Code, a: u64, b: u64) -> u32 {
        self.next += 1;
        self.ops.push(Op::new(code, self.next, a, b));
        self.next
    }

    fn report(&mut self) {
        self.ops.extend([Code::Mallinfo, Code::Stats, Code::Info].map(Op::report));
    }
}

/// All of them.
pub(super) fn all(rules: &Rules) -> Vec<Directed> {
    let none = Tunables::default();
    let make = |name, tunables, edges: &dyn Fn(&mut Maker)| {
        let mut maker = Maker::new();
        edges(&mut maker);
        maker.report();
        Directed { name, tunables, ops: maker.ops }
    };
    let most = rules.threshold_max;
    vec![
        make("the highest threshold", none, &|maker| highest_threshold(maker, most)),
        make("top to its last byte", none, &top_edges),
        make("ten thousand unsorted", none, &many_unsorted),
        make("the flag that sticks", Tunables { top_pad: Some(0), ..none }, &sticky_flag),
        make("edges of trimming", none, &|maker| trim_edges(maker, rules)),
        make("growth into top", none, &growth_into_top),
        make("the first threshold", none, &|maker| first_threshold(maker, rules)),
        make("whole huge pages", none, &huge_pages),
        make("foreign breaks", none, &foreign_breaks),
        make("a wall above the heap", none, &wall),
        make("a wall, and no mappings", Tunables { mmap_max: Some(0), ..none }, &wall),
        make("trims", none, &trims),
        make(
            "trims without pad",
            Tunables { top_pad: Some(0), trim_threshold: Some(0), ..none },
            &trims,
        ),
        make("alignments", none, &alignments),
        make("too large", none, &too_large),
        make("last remainders", none, &last_remainders),
        make("mappings resized", none, &resized_mappings),
        make("lists of one size", none, &lists_of_one_size),
        make("heaps of a thread", none, &thread_heaps),
        make("threads without memory", none, &threads_without_memory),
        make("no memory at all", none, &no_memory),
    ]
}

fn highest_threshold(maker: &mut Maker, most: u64) {
    for by in [-8192_i64, -4096, -24, -8, 0, 8, 4096, 8192] {
        let size = most.saturating_add_signed(by) - 16;
        let block = maker.malloc(size);
        maker.free(block);
        // Below the threshold it comes from the heap.
        let probe = maker.malloc(size - 20_000);
        let small = maker.malloc(200_000);
        maker.free(probe);
        maker.free(small);
        maker.report();
    }
}

fn top_edges(maker: &mut Maker) {
    maker.malloc(24);
    for by in 0..80 {
        // What is left of top is a few bytes more or less than the request.
        let filler = maker.malloc(100_000 + by);
        let rest = 135_168 - 656 - 32 - 100_016 - by;
        let near = maker.malloc(rest.saturating_sub(40 + by % 7 * 8));
        maker.realloc(near, rest.saturating_sub(by));
        maker.realloc(filler, 64);
        maker.free(near);
        maker.free(filler);
        maker.report();
    }
}

fn many_unsorted(maker: &mut Maker) {
    for count in [9_998_u32, 9_999, 10_000, 10_001, 10_002, 10_100, 20_100] {
        let blocks: Vec<_> = (0..count).map(|_| (maker.malloc(2000), maker.malloc(24))).collect();
        for (block, _) in &blocks {
            maker.free(*block);
        }
        // The limit leaves some unsorted, and the rest of what fits comes behind them.
        maker.malloc(504);
        maker.report();
        maker.malloc(1496);
        maker.malloc(2000);
        // None of them fits, so all must be sorted before the heap grows.
        maker.malloc(2500);
        maker.malloc(1990);
        let one = maker.malloc(40_000);
        maker.malloc(70);
        maker.free(one);
        for (_, between) in blocks {
            maker.free(between);
        }
        maker.report();
    }
}

fn sticky_flag(maker: &mut Maker) {
    // What is left of top differs from round to round, so that once it is too small.
    for round in 0..8 {
        let fast: Vec<_> = (0..8).map(|_| maker.malloc(40)).collect();
        for _ in 0..16 * round {
            maker.malloc(24);
        }
        let pairs: Vec<_> = (0..10_050).map(|_| (maker.malloc(984), maker.malloc(24))).collect();
        for (block, _) in pairs {
            maker.free(block);
        }
        // Fast chunks are put in and all taken out again; the flag stays.
        for block in &fast {
            maker.free(*block);
        }
        for _ in 0..7 {
            maker.malloc(40);
        }
        maker.call(Code::Calloc, 1, 40);
        maker.malloc(1000);
        maker.report();
        maker.malloc(1000);
        maker.report();
        for _ in 0..40 {
            maker.malloc(984);
        }
    }
}

fn trim_edges(maker: &mut Maker, rules: &Rules) {
    // Top begins at every offset in a page once.
    for by in 0..256 {
        let low = maker.malloc(2000 + 16 * by);
        let blocks = [maker.malloc(120_000), maker.malloc(120_000)];
        for block in blocks.into_iter().rev() {
            maker.free(block);
        }
        maker.free(low);
    }
    // Top is as large as the threshold, and a little more or less.
    maker.call(Code::Mallopt, (-2_i64).cast_unsigned(), 0);
    for by in 0..300 {
        let threshold = 80_000 + 16 * by;
        maker.call(Code::Mallopt, (-1_i64).cast_unsigned(), threshold);
        let block = maker.malloc(threshold - rules.word);
        maker.free(block);
        let block = maker.malloc(threshold - 2000);
        maker.malloc(24);
        maker.free(block);
        let block = maker.malloc(threshold + 4096 - 400);
        maker.free(block);
    }
}

fn first_threshold(maker: &mut Maker, rules: &Rules) {
    // So little is left of top that the threshold decides.
    maker.malloc(10_000);
    for by in [0, 16, 32, -16, -32, 0_i64] {
        maker.malloc(((128 << 10) - rules.word).saturating_add_signed(by));
        maker.report();
    }
}

fn growth_into_top(maker: &mut Maker) {
    let block = maker.malloc(1000);
    for by in 0..8600 {
        maker.realloc(block, 1000 + 16 * by);
    }
}

fn huge_pages(maker: &mut Maker) {
    const HUGE: u64 = 2 << 20;
    let mut blocks = Vec::new();
    for times in 1..12_u64 {
        for by in [0_u64, 8, 16, 24, 4072, 4088, 4096] {
            blocks.push(maker.malloc(times * HUGE - by));
        }
        if times % 3 == 0 {
            for block in blocks.drain(..).step_by(2) {
                maker.free(block);
            }
        }
        let block = maker.malloc(times * HUGE - 24);
        maker.realloc(block, 2 * times * HUGE - 24);
        maker.realloc(block, 3 * times * HUGE - 4096);
    }
}

fn foreign_breaks(maker: &mut Maker) {
    for by in [16_u64, 1, 4096, 5000, 70_000, 8, 40, 131_072] {
        let before = maker.malloc(20_000);
        maker.call(Code::Sbrk, by, 0);
        let blocks: Vec<_> = (0..9).map(|_| maker.malloc(30_000)).collect();
        maker.report();
        maker.free(before);
        for block in blocks {
            maker.free(block);
        }
        maker.call(Code::Trim, 0, 0);
        maker.call(Code::Sbrk, by, 0);
        maker.malloc(100);
        maker.report();
    }
}

fn wall(maker: &mut Maker) {
    maker.malloc(100);
    // The driver puts a mapping so far above the break.
    maker.call(Code::Wall, 1 << 20, 4096);
    let mut random = Random::new(5);
    let mut blocks = Vec::new();
    for _ in 0..400 {
        blocks.push(maker.malloc(random.below(60_000)));
        if random.one_in(3) {
            let at = usize::try_from(random.below(blocks.len() as u64)).unwrap_or(0);
            maker.free(blocks.swap_remove(at));
        }
        if random.one_in(40) {
            maker.report();
        }
    }
    for block in blocks {
        maker.free(block);
    }
    maker.malloc(1_000_000);
    maker.call(Code::Trim, 0, 0);
    maker.malloc(50_000);
}

fn trims(maker: &mut Maker) {
    maker.call(Code::Trim, 0, 0);
    for size in [4096_u64, 5000, 20_000, 60_000, 100_000] {
        let blocks: Vec<_> = (0..12).map(|_| (maker.malloc(size), maker.malloc(24))).collect();
        for (block, _) in &blocks {
            maker.free(*block);
        }
        maker.call(Code::Trim, 0, 0);
        let sorted = maker.malloc(size + 50_000);
        let other = maker.malloc(900);
        maker.call(Code::Trim, 4096, 0);
        maker.free(sorted);
        maker.free(other);
        maker.call(Code::Trim, 0, 0);
        // Chunks of one size from different bins, sorted and unsorted.
        let more: Vec<_> =
            (0..6).map(|n| (maker.malloc(4090 + 600 * n), maker.malloc(40))).collect();
        let twins: Vec<_> = (0..5).map(|_| (maker.malloc(9000), maker.malloc(40))).collect();
        for (block, _) in more.iter().chain(&twins) {
            maker.free(*block);
        }
        maker.malloc(120_000);
        maker.call(Code::Trim, 0, 0);
        maker.call(Code::Trim, 1 << 20, 0);
        maker.report();
    }
    // Top is used up to its least size, and then trimmed.
    for by in 0..40_u64 {
        let big = maker.malloc(100_000 + 16 * by);
        let rest = maker.malloc(30_000 + 8 * by);
        maker.call(Code::Trim, 0, 0);
        let more = maker.malloc(4096 - 16 * by);
        maker.call(Code::Trim, 0, 0);
        maker.free(rest);
        maker.free(more);
        maker.free(big);
    }
    // So much is free at the end that the threshold is met to the byte.
    for by in 0..40_u64 {
        let low = maker.malloc(66_000 + 16 * by);
        let high = maker.malloc(64_800 - 16 * by);
        maker.free(low);
        maker.free(high);
        maker.malloc(8 + 16 * by);
    }
}

fn alignments(maker: &mut Maker) {
    let mut random = Random::new(9);
    let mut blocks = Vec::new();
    for power in 0..22_u64 {
        for by in [0_i64, -1, 1] {
            let align = (1_u64 << power).saturating_add_signed(by);
            for code in [Code::Memalign, Code::AlignedAlloc, Code::PosixMemalign] {
                for size in [0, 1, 24, 25, 100, 1000, random.below(200_000)] {
                    blocks.push(maker.call(code, align, size));
                }
            }
        }
        for size in [0, 1, 4095, 4096, 4097, 100_000] {
            blocks.push(maker.call(Code::Valloc, size, 0));
            blocks.push(maker.call(Code::Pvalloc, size, 0));
        }
        let kept = blocks.split_off(blocks.len() / 2);
        for block in std::mem::replace(&mut blocks, kept) {
            maker.free(block);
        }
    }
    for align in [1 << 31, 1 << 62, 1 << 63, (1 << 63) + 1, u64::MAX] {
        maker.call(Code::Memalign, align, 100);
        maker.call(Code::PosixMemalign, align, 100);
        maker.call(Code::AlignedAlloc, align, 100);
    }
}

fn too_large(maker: &mut Maker) {
    for size in [1 << 31, (1 << 31) - 1, 1 << 46, 1 << 62, 1 << 63, (1 << 63) - 1] {
        for by in [0_u64, 1, 17, 33, 4096, 131_073, 140_000] {
            let size = u64::wrapping_sub(size, by);
            maker.malloc(size);
            maker.call(Code::Calloc, 1, size);
            maker.call(Code::Calloc, size, 2);
            maker.call(Code::Pvalloc, size, 0);
            maker.call(Code::Memalign, 64, size);
            let block = maker.malloc(100);
            maker.realloc(block, size);
        }
    }
    maker.call(Code::Pvalloc, u64::MAX, 0);
    maker.malloc(u64::MAX);
}

fn last_remainders(maker: &mut Maker) {
    for by in 0..60_u64 {
        let block = maker.malloc(4000);
        let other = maker.malloc(2000 + 16 * by);
        maker.malloc(24);
        maker.free(block);
        // Cut again and again from one remainder, to the last bytes of it.
        let mut cut = Vec::new();
        for _ in 0..3 {
            cut.push(maker.malloc(1100));
        }
        for size in [200, 136, 56 + 8 * (by % 10), 40, 24 + 16 * (by % 3), 24] {
            cut.push(maker.malloc(size));
        }
        maker.free(other);
        cut.push(maker.malloc(300));
        cut.push(maker.malloc(1200 + by));
        cut.push(maker.malloc(100));
        for block in cut.into_iter().step_by(2) {
            maker.free(block);
        }
    }
}

fn resized_mappings(maker: &mut Maker) {
    let mut blocks = Vec::new();
    for by in 0..30_u64 {
        let block = maker.malloc(200_000 + 4096 * by);
        maker.realloc(block, 300_000 + 1000 * by);
        maker.realloc(block, 1000);
        maker.realloc(block, 5000 + 64 * by);
        maker.realloc(block, 2_000_000);
        maker.realloc(block, 150_000);
        let aligned = maker.call(Code::Memalign, 1 << (by % 20), 300_000);
        maker.realloc(aligned, 500_000);
        blocks.extend([block, aligned]);
        if by % 4 == 3 {
            maker.free(blocks.swap_remove(1));
        }
        maker.report();
    }
    for block in blocks {
        maker.free(block);
    }
}

fn lists_of_one_size(maker: &mut Maker) {
    for size in [24_u64, 100, 136, 500, 1000, 1032, 1040, 1100, 3000, 50_000] {
        for round in 0..3 {
            let blocks: Vec<_> = (0..24).map(|_| (maker.malloc(size), maker.malloc(40))).collect();
            for (block, _) in &blocks {
                maker.free(*block);
            }
            // Sorted by a request that none of them fits, or not sorted.
            if round > 0 {
                maker.malloc(size + 1000);
                maker.malloc(120_000);
            }
            let mut taken = Vec::new();
            for n in 0..24 {
                taken.push(match n % 3 {
                    0 => maker.call(Code::Calloc, 1, size),
                    1 => maker.malloc(size.saturating_sub(16)),
                    _ => maker.malloc(size),
                });
            }
            for block in taken {
                maker.free(block);
            }
            for (_, between) in blocks {
                maker.free(between);
            }
            maker.report();
        }
    }
}

fn thread_heaps(maker: &mut Maker) {
    maker.ops.push(Op::new(Code::Spawn, 1, 0, 0));
    let start = maker.ops.len();
    let mut random = Random::new(11);
    // The threshold is kept high, so that all comes from heaps of 64 MiB.
    maker.call(Code::Mallopt, (-3_i64).cast_unsigned(), 1 << 30);
    let mut blocks = Vec::new();
    for round in 0..4_u64 {
        for _ in 0..12 {
            blocks.push(maker.malloc((9 << 20) + random.below(1 << 21)));
            blocks.push(maker.malloc(random.below(3000)));
        }
        maker.report();
        // Then from the newest to the oldest, or in any order.
        while let Some(last) = blocks.len().checked_sub(1) {
            let at = if round % 2 == 0 {
                last
            } else {
                usize::try_from(random.below(last as u64 + 1)).unwrap_or(0)
            };
            maker.free(blocks.swap_remove(at));
        }
        maker.report();
        for size in [(64 << 20) - 2400, (64 << 20) - 200, (64 << 20) - 64, 70 << 20] {
            let block = maker.malloc(size);
            maker.free(block);
        }
        // Small pieces up to the end of a heap of 1 MiB, as it is on i386.
        for _ in 0..300 {
            blocks.push(maker.malloc(5000 + random.below(5000)));
        }
        while let Some(block) = blocks.pop() {
            maker.free(block);
        }
        maker.report();
    }
    for op in &mut maker.ops[start..] {
        op.thread = 1;
    }
}

fn threads_without_memory(maker: &mut Maker) {
    for thread in 1..=4 {
        maker.ops.push(Op::new(Code::Spawn, thread, 0, 0));
    }
    maker.malloc(100);
    let mut random = Random::new(13);
    let start = maker.ops.len();
    maker.call(Code::Limit, 200 << 20, 0);
    let mut blocks = Vec::new();
    for _ in 0..3000 {
        blocks.push(maker.malloc(random.below(150_000)));
        if random.one_in(3) {
            let at = usize::try_from(random.below(blocks.len() as u64)).unwrap_or(0);
            maker.free(blocks.swap_remove(at));
        }
        if random.one_in(50) {
            blocks.push(maker.call(Code::Memalign, 4096, random.below(90_000)));
        }
    }
    for (number, op) in maker.ops[start..].iter_mut().enumerate() {
        op.thread = u8::try_from(number / 7 % 5).unwrap_or(0);
    }
}

fn no_memory(maker: &mut Maker) {
    // Not even for the table of the cache; what is tried in other arenas shows.
    maker.call(Code::Limit, 4096, 0);
    for size in [24, 1000, 200_000, 24] {
        maker.malloc(size);
        maker.call(Code::Calloc, 1, size);
    }
    maker.call(Code::Limit, 1 << 40, 0);
    let block = maker.malloc(24);
    maker.free(block);
    maker.call(Code::Limit, 4096, 0);
    let kept: Vec<_> = (0..40).map(|n| maker.malloc(5000 * n)).collect();
    for block in kept {
        maker.realloc(block, 90_000);
        maker.free(block);
    }
}
