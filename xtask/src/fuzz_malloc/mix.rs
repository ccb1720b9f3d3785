//! Random traces.

use super::op::{Code, Op};

/// A small generator of random numbers (xorshift64*), the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of `choices`, which are not empty.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// A number below `len`, which fits since that does.
    #[expect(clippy::cast_possible_truncation, reason = "less than len")]
    fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Which sizes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    Small,
    Mid,
    Mixed,
    Large,
    Huge,
}

impl Mix {
    pub(crate) const ALL: [Mix; 5] = [Mix::Small, Mix::Mid, Mix::Mixed, Mix::Large, Mix::Huge];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Mix::Small => "small",
            Mix::Mid => "mid",
            Mix::Mixed => "mixed",
            Mix::Large => "large",
            Mix::Huge => "huge",
        }
    }

    pub(crate) fn size(self, random: &mut Random) -> u64 {
        match self {
            Mix::Small => random.below(301),
            Mix::Mid => match random.below(4) {
                0 => random.below(1100),
                1 => random.below(5000),
                _ => random.below(70_000),
            },
            Mix::Mixed => match random.below(100) {
                0..70 => random.below(600),
                70..90 => random.below(9000),
                90..97 => random.below(100_000),
                _ => random.below(300_000),
            },
            Mix::Large => match random.below(3) {
                0 => 900 + random.below(3000),
                _ => random.below(300_000),
            },
            Mix::Huge => match random.below(10) {
                0..5 => random.below(4000),
                5..8 => random.below(1 << 20),
                8 => (1 + random.below(20)) * (2 << 20) - random.below(3) * 24,
                _ => random.below(40 << 20),
            },
        }
    }

    /// Bytes that may be live at once.
    fn most_live(self) -> u64 {
        match self {
            Mix::Huge => 160 << 20,
            _ => 64 << 20,
        }
    }
}

/// What a random trace is made of.
#[expect(clippy::struct_excessive_bools, reason = "independent of each other")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(super) mix: Mix,
    pub(super) seed: u64,
    pub(super) ops: usize,
    /// Threads beside the first, who all allocate and free each other's blocks.
    pub(super) threads: u8,
    /// Whether the first thread allocates too.
    pub(super) main_too: bool,
    /// Whether `mallopt` is called now and then.
    pub(super) mallopts: bool,
    /// Whether the break is moved behind the allocator's back now and then.
    pub(super) sbrks: bool,
    /// Whether threads end and others begin.
    pub(super) exits: bool,
    /// Calls between two reports.
    pub(super) report_every: u64,
    /// Bytes of `RLIMIT_AS`.
    pub(super) limit: Option<u64>,
}

impl Plan {
    pub(super) fn new(mix: Mix, seed: u64, ops: usize) -> Plan {
        Plan {
            mix,
            seed,
            ops,
            threads: 0,
            main_too: true,
            mallopts: false,
            sbrks: false,
            exits: false,
            report_every: 2000,
            limit: None,
        }
    }

    /// The trace.
    pub(crate) fn trace(&self) -> Vec<Op> {
        let mut maker = Maker {
            plan: *self,
            random: Random::new(self.seed),
            live: Vec::new(),
            empty: (0..SLOTS).rev().collect(),
            bytes: 0,
            growing: true,
            thread: 0,
            running: Vec::new(),
            ops: Vec::with_capacity(self.ops + 64),
        };
        maker.make();
        maker.ops
    }
}

const SLOTS: u32 = 100_000;

struct Maker {
    plan: Plan,
    random: Random,
    /// Slots in use and what was asked for.
    live: Vec<(u32, u64)>,
    empty: Vec<u32>,
    bytes: u64,
    growing: bool,
    thread: u8,
    running: Vec<u8>,
    ops: Vec<Op>,
}

impl Maker {
    fn make(&mut self) {
        if let Some(limit) = self.plan.limit {
            self.push(Op::new(Code::Limit, 0, limit, 0));
        }
        for thread in 1..=self.plan.threads {
            self.push(Op::new(Code::Spawn, u32::from(thread), 0, 0));
            self.running.push(thread);
        }
        while self.ops.len() < self.plan.ops {
            self.step();
        }
        for code in [Code::Mallinfo, Code::Stats, Code::Info] {
            self.push(Op::report(code));
        }
    }

    fn push(&mut self, op: Op) {
        self.ops.push(op.by(self.thread));
    }

    fn step(&mut self) {
        let random = &mut self.random;
        if random.one_in(1500) {
            self.growing = !self.growing;
        }
        if self.plan.threads > 0 && random.one_in(12) {
            self.change_thread();
        }
        let random = &mut self.random;
        if random.one_in(self.plan.report_every) {
            let code = random.pick(&[Code::Mallinfo, Code::Stats, Code::Info]);
            return self.push(Op::report(code));
        }
        if random.one_in(500) && !self.live.is_empty() {
            let at = random.index(self.live.len());
            let slot = self.live[at].0;
            return self.push(Op::new(Code::Usable, slot, 0, 0));
        }
        if random.one_in(30_000) {
            let pad = random.pick(&[0, 0, 1 << 16, 1 << 20]);
            return self.push(Op::new(Code::Trim, 0, pad, 0));
        }
        if self.plan.mallopts && random.one_in(400) {
            return self.mallopt();
        }
        if self.plan.sbrks && random.one_in(3000) {
            let by = random.pick(&[16, 4096, 5000, 1, 70_000]);
            return self.push(Op::new(Code::Sbrk, 0, by, 0));
        }
        let grows = if self.growing { 62 } else { 42 };
        let full = self.bytes > self.plan.mix.most_live() || self.empty.is_empty();
        match random.below(100) {
            0..12 if !self.live.is_empty() => self.resize(),
            roll if (roll < 12 + grows || self.live.is_empty()) && !full => self.allocate(),
            _ if !self.live.is_empty() => self.release(),
            _ => self.allocate(),
        }
    }

    fn allocate(&mut self) {
        let Some(slot) = self.empty.pop() else { return };
        let random = &mut self.random;
        let size = self.plan.mix.size(random);
        let align = 1 << random.below(14);
        let op = match random.below(200) {
            0..30 => {
                let n = 1 + random.below(4);
                Op::new(Code::Calloc, slot, n, size / n)
            }
            30..36 => Op::new(Code::Memalign, slot, align, size),
            36 => Op::new(Code::Memalign, slot, random.below(5000), size),
            37 => Op::new(Code::AlignedAlloc, slot, align, size),
            38 => Op::new(Code::PosixMemalign, slot, align, size),
            39 => Op::new(Code::Valloc, slot, size, 0),
            40 => Op::new(Code::Pvalloc, slot, size, 0),
            41 if random.one_in(20) => Op::new(Code::Memalign, slot, 1 << random.below(26), size),
            42 if random.one_in(20) => Op::malloc(slot, u64::MAX - random.below(5000)),
            43 if random.one_in(20) => Op::malloc(slot, (1 << 62) + random.below(5000)),
            _ => Op::malloc(slot, size),
        };
        self.live.push((slot, size));
        self.bytes += size;
        self.push(op);
    }

    fn release(&mut self) {
        let len = self.live.len();
        // The newest, the oldest, any: programs free in all these orders.
        let at = match self.random.below(4) {
            0 => len - 1,
            1 => len - 1 - self.random.index(len.min(8)),
            _ => self.random.index(len),
        };
        let (slot, size) = self.live.swap_remove(at);
        self.bytes -= size;
        self.empty.push(slot);
        self.push(Op::free(slot));
    }

    fn resize(&mut self) {
        let at = self.random.index(self.live.len());
        let (slot, old) = self.live[at];
        let size = match self.random.below(5) {
            0 => old + self.random.below(64),
            1 => old / 2,
            2 => old + old / 2,
            3 if self.random.one_in(10) => 0,
            _ => self.plan.mix.size(&mut self.random),
        };
        let size = if size > 40 << 20 { 1 << 20 } else { size };
        self.live[at].1 = size;
        self.bytes = self.bytes - old + size;
        self.push(Op::new(Code::Realloc, slot, size, 0));
    }

    fn mallopt(&mut self) {
        let random = &mut self.random;
        let sizes = [0, 1, 24, 64, 100, 4096, 65_536, 131_072, 300_000, 1 << 20, 1 << 25];
        let size = random.pick(&sizes);
        let (param, value) = match random.below(8) {
            0 | 1 => (1_i32, random.pick(&[0, 1, 16, 40, 64, 80, 88, 128, 160, 161])),
            2 => (-1, size),
            3 => (-2, size),
            4 => (-3, size),
            5 => (-4, random.pick(&[0, 1, 5, 100, 65_536])),
            6 => (-6, random.below(2)),
            _ => (-5 + 100 * i32::from(random.one_in(2)), 1),
        };
        #[expect(clippy::cast_sign_loss, reason = "the driver casts it back")]
        let param = param as u64;
        self.push(Op::new(Code::Mallopt, 0, param, value));
    }

    fn change_thread(&mut self) {
        if self.plan.exits && self.random.one_in(120) && self.running.len() > 1 {
            let at = self.random.index(self.running.len());
            let thread = self.running.swap_remove(at);
            self.ops.push(Op::report(Code::Exit).by(thread));
            let before = std::mem::replace(&mut self.thread, 0);
            self.push(Op::new(Code::Spawn, u32::from(thread), 0, 0));
            self.running.push(thread);
            self.thread = before;
        }
        let first = u64::from(!self.plan.main_too);
        let number = first + self.random.below(u64::from(self.plan.threads) + 1 - first);
        #[expect(clippy::cast_possible_truncation, reason = "at most 64 threads")]
        let number = number as u8;
        self.thread = number;
    }
}
