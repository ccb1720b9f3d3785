//! The model playing a trace, with the answers the driver would give.

use super::op::{Code, Op};
use malloc::{
    Abort, AddressSpace, Heap, Kernel, Layout, Mallopt, Map, Prot, Ptr, Recording, Rules, ThreadId,
    Tunables,
};

/// A process of the model.
pub(super) struct Player {
    pub(super) heap: Heap<Recording<AddressSpace>>,
    slots: Vec<Option<Ptr>>,
    threads: Vec<(ThreadId, Option<Ptr>)>,
    checked: bool,
    /// What went to standard error and standard output.
    pub(super) stats: String,
    pub(super) info: String,
}

impl Player {
    pub(super) fn new(
        rules: Rules,
        tunables: &Tunables,
        layout: Layout,
        taken: &[(u64, u64)],
    ) -> Player {
        let space = AddressSpace::new(layout, taken.iter().copied());
        Player {
            heap: Heap::new(rules, tunables, Recording::new(space)),
            slots: Vec::new(),
            threads: vec![(ThreadId::MAIN, None); 256],
            checked: tunables.check.is_some_and(|level| level > 0),
            stats: String::new(),
            info: String::new(),
        }
    }

    /// Performs one call; the numbers the driver answers with.
    pub(super) fn play(&mut self, op: &Op) -> Result<Answer, Abort> {
        let slot = op.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, None);
        }
        let t = self.threads[usize::from(op.thread)].0;
        let (a, b) = (self.cut(op.a), self.cut(op.b));
        let heap = &mut self.heap;
        let block = match op.code {
            Code::Malloc => heap.malloc(t, a)?,
            Code::Calloc => heap.calloc(t, a, b)?,
            Code::Realloc => {
                let block = heap.realloc(t, self.slots[slot], a)?;
                if block.is_some() || a == 0 {
                    self.slots[slot] = block;
                }
                return Ok(self.block(block));
            }
            Code::Free => {
                let block = self.slots[slot];
                if !op.keep {
                    self.slots[slot] = None;
                }
                let block = match (block, op.a) {
                    (Some(block), by) if by != 0 => {
                        Some(Ptr::foreign(block.addr().wrapping_add(by)))
                    }
                    (block, _) => block,
                };
                heap.free(t, block)?;
                return Ok(Answer::Two(0, 0));
            }
            Code::Memalign => heap.memalign(t, a, b)?,
            Code::AlignedAlloc => heap.aligned_alloc(t, a, b)?,
            Code::PosixMemalign => {
                let got = heap.posix_memalign(t, a, b)?;
                self.slots[slot] = got.ok();
                let number =
                    got.err().map_or(0, |errno| u64::try_from(errno.number()).unwrap_or(0));
                return Ok(Answer::Two(number, got.map_or(0, Ptr::addr)));
            }
            Code::Valloc => heap.valloc(t, a)?,
            Code::Pvalloc => heap.pvalloc(t, a)?,
            Code::Usable => self.slots[slot],
            _ => return self.other(t, op, a, b),
        };
        self.slots[slot] = block;
        Ok(self.block(block))
    }

    fn other(&mut self, t: ThreadId, op: &Op, a: u64, b: u64) -> Result<Answer, Abort> {
        let heap = &mut self.heap;
        Ok(match op.code {
            Code::Trim => Answer::Two(heap.trim(a).into(), 0),
            Code::Mallopt => {
                #[expect(clippy::cast_possible_truncation, reason = "the driver casts as well")]
                let (param, value) = (Mallopt::from_number(op.a as i32), op.b as i32);
                Answer::Two(heap.mallopt(param, value).into(), 0)
            }
            Code::Mallinfo => Answer::Info(heap.mallinfo2().fields().map(|(_, value)| value)),
            Code::Stats => {
                let text = heap.malloc_stats();
                self.stats.push_str(&text);
                Answer::Two(0, 0)
            }
            Code::Info => {
                let text = heap.malloc_info();
                self.info.push_str(&text);
                Answer::Two(0, 0)
            }
            Code::Sbrk => {
                let word = heap.rules().word;
                let before = heap.foreign_sbrk(op.a.cast_signed());
                Answer::Two(before.unwrap_or(u64::MAX >> (64 - 8 * word)), 0)
            }
            Code::Limit => {
                heap.kernel_mut().inner_mut().set_limit(Some(op.a));
                Answer::Two(0, 0)
            }
            Code::Wall => {
                let space = heap.kernel_mut().inner_mut();
                let at = (space.heap_end() + a).next_multiple_of(4096);
                let wall = space.mmap(Some(at), b, Prot::None, Map::Fixed);
                Answer::Two(wall.unwrap_or(u64::MAX), 0)
            }
            Code::Spawn => {
                let thread = heap.spawn(t, 1)?;
                self.threads[op.slot as usize] = thread;
                Answer::Two(0, 0)
            }
            Code::Exit => {
                heap.thread_exit(t)?;
                // The first thread joins it and frees what its creator allocated.
                let table = self.threads[usize::from(op.thread)].1.take();
                heap.free(ThreadId::MAIN, table)?;
                Answer::Two(0, 0)
            }
            Code::Touch => {
                if let Some(block) = self.slots[op.slot as usize]
                    && (self.checked || a == heap.usable_size(Some(block)))
                {
                    heap.overflow(block, b);
                }
                Answer::Two(0, 0)
            }
            _ => Answer::Two(0, 0),
        })
    }

    /// A number as a `size_t` of the modelled process.
    fn cut(&self, value: u64) -> u64 {
        value & (u64::MAX >> (64 - 8 * self.heap.rules().word))
    }

    fn block(&self, block: Option<Ptr>) -> Answer {
        Answer::Two(block.map_or(0, Ptr::addr), self.heap.usable_size(block))
    }
}

/// What one call answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Two(u64, u64),
    Info([u64; 10]),
}

impl Answer {
    pub(super) fn numbers(&self) -> Vec<u64> {
        match self {
            Answer::Two(first, second) => vec![*first, *second],
            Answer::Info(fields) => fields.to_vec(),
        }
    }
}
