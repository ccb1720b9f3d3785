//! A trace with every block numbered, ready to be played many times.

use crate::op::{Aligned, Op, What};
use crate::problem::{Place, Problem};
use malloc::Mallopt;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A trace, ready to be played.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Its calls, in order.
    pub steps: Vec<Step>,
    /// What the recorder said each call returned; 0 for none. Of a recorder without addresses, numbers.
    pub returned: Vec<u64>,
    /// Microseconds of each call; empty if the recorder does not tell.
    pub at_us: Vec<u64>,
    /// Blocks there are, which is one more than the largest number of one.
    pub blocks: u32,
    /// Threads there are.
    pub threads: u32,
    /// What is wrong with the trace; the first of each kind, and how many there are.
    pub problems: Vec<Problem>,
    /// Problems there are.
    pub problem_count: u64,
    /// Calls that failed when they were recorded; they are not played.
    pub failed: u64,
}

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What is called.
    pub verb: Verb,
    /// By which thread.
    pub thread: u16,
    /// The block that is returned, resized or freed.
    pub block: u32,
    /// Bytes; of `calloc`, how many of [`Step::second`] bytes; of `malloc_trim`, the pad.
    pub size: u64,
    /// Of `calloc` the size of each, of an aligned one the alignment, of `mallopt` its value.
    pub second: u64,
}

/// What is called.
#[expect(missing_docs, reason = "the names are those of the C functions")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Malloc,
    Calloc,
    Realloc,
    Free,
    Aligned(Aligned),
    Trim,
    Mallopt(Mallopt),
    ThreadExit,
}

impl Step {
    /// Bytes that were asked for, if it allocates.
    pub fn requested(&self) -> Option<u64> {
        match self.verb {
            Verb::Malloc | Verb::Realloc | Verb::Aligned(_) => Some(self.size),
            Verb::Calloc => Some(self.size.saturating_mul(self.second)),
            _ => None,
        }
    }
}

/// Problems that are kept as text; of more only the number is.
const KEPT: usize = 20;

/// Threads there may be: a record has 16 bits for them.
const MOST_THREADS: u32 = 1 << 16;

impl Plan {
    /// Numbers the blocks of a trace. Problems of the trace are kept, and its sound calls are played.
    pub fn new(ops: impl Iterator<Item = Result<Op, Problem>>) -> Plan {
        Plan::watched(ops, |_| {})
    }

    /// The most that was asked for and not freed at any one time, in bytes.
    pub fn peak_live(&self) -> u64 {
        let mut sizes: Vec<u64> = vec![0; self.blocks as usize];
        let (mut live, mut peak) = (0_u64, 0);
        for step in &self.steps {
            let asked = match step.verb {
                Verb::Free => Some(0),
                _ => step.requested(),
            };
            if let Some(asked) = asked
                && let Some(size) = sizes.get_mut(step.block as usize)
            {
                live = live.saturating_sub(*size).saturating_add(asked);
                *size = asked;
                peak = peak.max(live);
            }
        }
        peak
    }

    /// The same; `watch` is told how many calls were read, after each.
    pub fn watched(
        ops: impl Iterator<Item = Result<Op, Problem>>,
        mut watch: impl FnMut(usize),
    ) -> Plan {
        let mut builder = Builder::default();
        for op in ops {
            match op {
                Ok(op) => builder.add(&op),
                Err(problem) => builder.problem(problem),
            }
            watch(builder.plan.steps.len());
        }
        let mut plan = builder.plan;
        plan.threads = u32::try_from(builder.threads.len()).unwrap_or(u32::MAX);
        if plan.at_us.len() < plan.steps.len() {
            plan.at_us = Vec::new();
        }
        plan
    }
}

#[derive(Default)]
struct Builder {
    plan: Plan,
    /// The blocks that live, by name.
    live: HashMap<u64, u32, BuildHasherDefault<Spread>>,
    threads: HashMap<u32, u16>,
    seen: u64,
}

impl Builder {
    fn problem(&mut self, problem: Problem) {
        self.plan.problem_count += 1;
        if self.plan.problems.len() < KEPT {
            self.plan.problems.push(problem);
        }
    }

    fn add(&mut self, op: &Op) {
        self.seen += 1;
        let place = Place::Op(self.seen);
        let next = self.threads.len();
        let Some(thread) = self.threads.get(&op.thread).copied().or_else(|| {
            let number = u16::try_from(next).ok()?;
            self.threads.insert(op.thread, number);
            Some(number)
        }) else {
            let found = format!("thread {}", op.thread);
            return self.problem(Problem::new(
                place,
                format!("at most {MOST_THREADS} threads"),
                found,
            ));
        };
        let step = |verb, block, size, second| Step { verb, thread, block, size, second };
        match op.what {
            What::Malloc { size, ptr } => {
                self.allocate(place, op, ptr, |block| step(Verb::Malloc, block, size, 0));
            }
            What::Calloc { n, size, ptr } => {
                self.allocate(place, op, ptr, |block| step(Verb::Calloc, block, n, size));
            }
            What::Aligned { by, align, size, ptr } => {
                self.allocate(place, op, ptr, |block| step(Verb::Aligned(by), block, size, align));
            }
            What::Realloc { old: None, size, ptr } => {
                self.allocate(place, op, ptr, |block| step(Verb::Malloc, block, size, 0));
            }
            What::Realloc { old: Some(old), size, ptr } => {
                self.reallocate(place, op, old, ptr, |block| step(Verb::Realloc, block, size, 0));
            }
            What::Free { ptr } => match self.live.remove(&ptr) {
                Some(block) => self.push(op, step(Verb::Free, block, 0, 0), 0),
                None => self.unknown(place, "free", ptr),
            },
            What::Trim { pad } => self.push(op, step(Verb::Trim, 0, pad, 0), 0),
            What::Mallopt { param, value } => {
                let verb = Verb::Mallopt(Mallopt::from_number(param));
                let value = u64::from(value.cast_unsigned());
                self.push(op, step(verb, 0, 0, value), 0);
            }
            What::ThreadExit => {
                self.push(op, step(Verb::ThreadExit, 0, 0, 0), 0);
                // The number may be given to another thread.
                self.threads.remove(&op.thread);
                self.threads.insert(u32::MAX - u32::from(thread), thread);
            }
        }
    }

    fn unknown(&mut self, place: Place, call: &str, ptr: u64) {
        let found = format!("{call} of {ptr:#x}");
        self.problem(Problem::new(place, "a block that lives", found));
    }

    fn allocate(&mut self, place: Place, op: &Op, ptr: Option<u64>, step: impl Fn(u32) -> Step) {
        let Some(ptr) = ptr else {
            self.plan.failed += 1;
            return;
        };
        if let Some(old) = self.live.get(&ptr).copied() {
            let found = format!("{ptr:#x}, which lives; it is taken to have been freed");
            self.problem(Problem::new(place, "a new block", found));
            let freed = Step { verb: Verb::Free, block: old, size: 0, second: 0, ..step(old) };
            self.push(op, freed, 0);
        }
        let block = self.plan.blocks;
        self.plan.blocks += 1;
        self.live.insert(ptr, block);
        self.push(op, step(block), ptr);
    }

    fn reallocate(
        &mut self,
        place: Place,
        op: &Op,
        old: u64,
        ptr: Option<u64>,
        step: impl Fn(u32) -> Step,
    ) {
        let Some(block) = self.live.get(&old).copied() else {
            self.unknown(place, "realloc", old);
            return self
                .allocate(place, op, ptr, |block| Step { verb: Verb::Malloc, ..step(block) });
        };
        let asked = step(block);
        match ptr {
            None if asked.size == 0 => {
                self.live.remove(&old);
                self.push(op, Step { verb: Verb::Free, ..asked }, 0);
            }
            None => self.plan.failed += 1,
            Some(ptr) => {
                self.live.remove(&old);
                if let Some(other) = self.live.insert(ptr, block) {
                    let found = format!("{ptr:#x}, which lives; it is taken to have been freed");
                    self.problem(Problem::new(place, "a new block", found));
                    self.push(op, Step { verb: Verb::Free, block: other, ..asked }, 0);
                }
                self.push(op, asked, ptr);
            }
        }
    }

    fn push(&mut self, op: &Op, step: Step, returned: u64) {
        self.plan.steps.push(step);
        self.plan.returned.push(returned);
        // Clocks of processors may differ by a little; time does not go back here.
        let last = self.plan.at_us.last().copied().unwrap_or(0);
        if let Some(at) = op.at_us
            && self.plan.at_us.len() + 1 == self.plan.steps.len()
        {
            self.plan.at_us.push(at.max(last));
        }
    }
}

/// Addresses hashed by one multiplication.
#[derive(Debug, Clone, Copy, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}
