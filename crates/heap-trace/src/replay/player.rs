//! A plan, step by step on the model.

use super::meter::Meter;
use crate::op::Aligned;
use crate::plan::{Plan, Step, Verb};
use crate::read::Facts;
use malloc::{Abort, AddressSpace, Heap, Layout, Ptr, Rules, ThreadId, Tunables};
use rules::heap::Moment;
use units::Bytes;

/// The heap of a plan behind some of its calls.
#[derive(Debug, Clone)]
pub struct Player {
    heap: Heap<Meter>,
    /// The blocks that live, by number.
    blocks: Vec<Option<Ptr>>,
    requested: Vec<u64>,
    threads: Vec<Option<ThreadId>>,
    live: u64,
    held: u64,
    system_calls: u64,
}

/// The rules for a trace: those of its release if the model has them, or else of the nearest older.
/// Without a release, those of 2.36.
pub fn rules_for(facts: &Facts) -> Rules {
    let minor = |name: &str| name.strip_prefix("2.")?.split(['.', '-']).next()?.parse::<u32>().ok();
    let Some(wanted) = facts.glibc.as_deref().and_then(minor) else { return Rules::GLIBC_2_36 };
    let wide = Rules::ALL.iter().filter(|rules| rules.word == 8);
    let not_newer = wide.filter_map(|rules| Some((minor(rules.name)?, rules)));
    not_newer
        .filter(|(minor, _)| *minor <= wanted)
        .max_by_key(|(minor, _)| *minor)
        .map_or(Rules::GLIBC_2_12, |(_, rules)| *rules)
}

/// The address space of a trace: its heap where the trace says, nothing else mapped.
pub fn space_for(facts: &Facts) -> AddressSpace {
    space_under(facts, &Rules::GLIBC_2_36)
}

/// The same for a program of the rules' machine: 32-bit ones have a heap within 4 GiB.
pub fn space_under(facts: &Facts, rules: &Rules) -> AddressSpace {
    let mut layout = if rules.word == 4 { Layout::I386 } else { Layout::X86_64 };
    layout.brk = facts
        .brk
        .filter(|brk| (layout.floor..layout.mmap_base).contains(brk))
        .unwrap_or(layout.brk);
    layout.cpus = facts.cpus.unwrap_or(layout.cpus);
    AddressSpace::new(layout, [])
}

impl Player {
    /// A heap before the first call.
    pub fn new(plan: &Plan, rules: Rules, tunables: &Tunables, space: AddressSpace) -> Player {
        Player::sized((plan.blocks, plan.threads), rules, tunables, space)
    }

    /// The same, for so many blocks and threads.
    pub(crate) fn sized(
        (blocks, threads): (u32, u32),
        rules: Rules,
        tunables: &Tunables,
        space: AddressSpace,
    ) -> Player {
        Player {
            heap: Heap::new(rules, tunables, Meter::new(space)),
            blocks: vec![None; blocks as usize],
            requested: vec![0; blocks as usize],
            threads: vec![None; threads as usize],
            live: 0,
            held: 0,
            system_calls: 0,
        }
    }

    /// Makes one call; the block that was returned.
    ///
    /// # Errors
    /// [`Abort`] if glibc would end the process here.
    #[inline]
    pub fn step(&mut self, step: &Step) -> Result<Option<Ptr>, Abort> {
        let thread = self.thread(usize::from(step.thread));
        let at = step.block as usize;
        let returned = match step.verb {
            Verb::Free => {
                let ptr = self.blocks.get_mut(at).and_then(Option::take);
                self.heap.free(thread, ptr)?;
                self.resize(at, 0);
                None
            }
            Verb::Malloc => self.heap.malloc(thread, step.size)?,
            Verb::Calloc => self.heap.calloc(thread, step.size, step.second)?,
            Verb::Realloc => {
                let old = self.blocks.get(at).copied().flatten();
                let new = self.heap.realloc(thread, old, step.size)?;
                // A failed one leaves the block as it was; one to nothing frees it.
                if new.is_none() && step.size != 0 {
                    self.weigh();
                    return Ok(None);
                }
                new
            }
            Verb::Aligned(by) => match by {
                Aligned::Memalign => self.heap.memalign(thread, step.second, step.size)?,
                Aligned::AlignedAlloc => self.heap.aligned_alloc(thread, step.second, step.size)?,
                Aligned::PosixMemalign => {
                    self.heap.posix_memalign(thread, step.second, step.size)?.ok()
                }
                Aligned::Valloc => self.heap.valloc(thread, step.size)?,
                Aligned::Pvalloc => self.heap.pvalloc(thread, step.size)?,
            },
            Verb::Trim => {
                self.release(step.size);
                None
            }
            Verb::Mallopt(param) => {
                let [a, b, c, d, ..] = step.second.to_le_bytes();
                self.heap.mallopt(param, i32::from_le_bytes([a, b, c, d]));
                None
            }
            Verb::ThreadExit => {
                if thread != ThreadId::MAIN {
                    self.heap.thread_exit(thread)?;
                    self.threads[usize::from(step.thread)] = None;
                }
                None
            }
        };
        if let Some(requested) = step.requested() {
            if let Some(slot) = self.blocks.get_mut(at) {
                *slot = returned;
            }
            self.resize(at, if returned.is_some() { requested } else { 0 });
            if let Some(ptr) = returned
                && self.heap.kernel().released() > 0
            {
                let end = ptr.addr() + self.heap.usable_size(returned);
                self.heap.kernel_mut().used(ptr.addr() - 16, end);
                self.system_calls = u64::MAX;
            }
        }
        self.weigh();
        Ok(returned)
    }

    /// `malloc_trim(0)`, which the plan does not have.
    pub fn trim(&mut self) {
        self.release(0);
        self.weigh();
    }

    fn release(&mut self, pad: u64) {
        self.heap.kernel_mut().trimming(true);
        self.heap.trim(pad);
        self.heap.kernel_mut().trimming(false);
    }

    /// What is held changes only when the kernel is asked.
    #[inline]
    fn weigh(&mut self) {
        let calls = self.heap.kernel().calls();
        if calls != self.system_calls {
            self.system_calls = calls;
            self.held = self.heap.figures().held().saturating_sub(self.heap.kernel().released());
        }
    }

    #[inline]
    fn resize(&mut self, block: usize, to: u64) {
        if let Some(size) = self.requested.get_mut(block) {
            self.live = self.live.wrapping_sub(*size).wrapping_add(to);
            *size = to;
        }
    }

    #[inline]
    fn thread(&mut self, number: usize) -> ThreadId {
        match self.threads.get(number).copied().flatten() {
            Some(thread) => thread,
            None if number == 0 => ThreadId::MAIN,
            None => {
                let thread = self.heap.attach_thread();
                if let Some(slot) = self.threads.get_mut(number) {
                    *slot = Some(thread);
                }
                thread
            }
        }
    }

    /// Bytes asked for and not freed.
    #[inline]
    pub fn live(&self) -> u64 {
        self.live
    }

    /// Bytes the kernel gave, less those that were given back in place.
    #[inline]
    pub fn held(&self) -> u64 {
        self.held
    }

    /// The heap itself.
    pub fn heap(&self) -> &Heap<Meter> {
        &self.heap
    }

    /// Bytes that a block was asked with.
    pub fn requested(&self, block: usize) -> u64 {
        self.requested.get(block).copied().unwrap_or(0)
    }

    /// The blocks that live, by number.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, Ptr)> + '_ {
        self.blocks.iter().enumerate().filter_map(|(number, ptr)| Some((number, (*ptr)?)))
    }

    /// The heap's figures, `done` calls into the plan.
    pub fn moment(&self, plan: &Plan, done: usize) -> Moment {
        let figures = self.heap.figures();
        Moment {
            call: done as u64,
            us: done.checked_sub(1).and_then(|last| plan.at_us.get(last).copied()),
            live: Bytes::new(self.live),
            held: Bytes::new(self.held),
            heap: Bytes::new(figures.system),
            mmapped: Bytes::new(figures.mmapped.bytes),
            tcache: Bytes::new(figures.tcache.bytes),
            fast: Bytes::new(figures.fast.bytes),
            unsorted: Bytes::new(figures.unsorted.bytes),
            binned: Bytes::new(figures.binned.bytes),
            top: Bytes::new(figures.top.bytes),
        }
    }
}
