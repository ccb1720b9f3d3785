//! What each kind of step does.

use std::collections::BTreeMap;
use std::rc::Rc;

use world::{Call, End, Errno, ForkKind, ProcessId, Stop as Stopped, Touch, Touched};

use super::event::{Failed, What};
use super::heap::HeapError;
use super::state::{Activity, Process, Value};
use super::{Run, Stop};
use crate::problem::Problem;
use crate::program::{
    Bind, Break, CallPlan, Claim, HeapPlan, Op, ProgramId, Shown, Slot, Term, TouchPlan,
};
use crate::source::Span;
use crate::vary::random;

impl Run<'_> {
    /// Does a step that is no loop.
    pub(super) fn perform(&mut self, index: usize, op: &Op, span: Span) -> Result<(), Stop> {
        if !matches!(op, Op::Expect(_) | Op::Checkpoint(_) | Op::Print(_) | Op::Let { .. }) {
            self.changed();
        }
        let Some(id) = self.so_far.processes.get(index).map(|process| process.id) else {
            return Ok(());
        };
        match op {
            Op::Call(plan) => self.call(index, id, plan, span),
            Op::Brk(to) => self.brk(index, id, to, span),
            Op::Touch(plan) => self.touch(index, id, plan, span),
            Op::Heap(plan) => self.allocate(index, id, plan, span),
            Op::Fork { kind, program } => self.fork(index, id, *kind, *program, span),
            Op::Exec => {
                self.world.exec(id).map_err(|error| Stop::World(span, error))?;
                if let Some(heap) = self.heap.as_deref_mut() {
                    heap.exec(id);
                }
                self.fresh_image(index);
                self.happened(index, span, What::Exec);
                Ok(())
            }
            Op::Exit(status) => {
                let status = self.value(index, status)?;
                let end = End::Exit(i32::try_from(status & 0xff).unwrap_or(0));
                self.end(index, id, end, span)
            }
            Op::Sleep(span_of_time) => {
                let until = self.so_far.time.saturating_add(*span_of_time);
                self.set_activity(index, Activity::Sleeps(until));
                self.happened(index, span, What::Sleeps(*span_of_time));
                Ok(())
            }
            Op::Kill { to: None, signal } => self.end(index, id, End::Signal(*signal), span),
            Op::Kill { to: Some(who), signal } => {
                let mut result = Err(Errno::ESRCH);
                for victim in self.all_of(*who) {
                    if self.look_alive(victim)? {
                        let victim =
                            self.so_far.processes.get(victim).map_or(id, |process| process.id);
                        self.world
                            .end(victim, End::Signal(*signal))
                            .map_err(|error| Stop::World(span, error))?;
                        result = Ok(());
                    }
                }
                self.happened(index, span, What::Killed(who.name, *signal, result));
                Ok(())
            }
            Op::Wait(who) => {
                self.set_activity(index, Activity::WaitsFor(*who));
                self.happened(index, span, What::Waits(who.name));
                Ok(())
            }
            Op::Control(what, value) => {
                let result =
                    self.world.control(what, value).map_err(|error| Stop::World(span, error))?;
                let what = What::Control(what.clone(), value.clone(), result);
                self.happened(index, span, what);
                Ok(())
            }
            Op::Print(words) => self.print(index, words, span),
            Op::Checkpoint(name) => self.checkpoint(index, name, span),
            Op::Let { handle, range } => {
                let (start, len) = self.range(index, range)?;
                self.set(index, *handle, Value { start, len });
                self.happened(index, span, What::Named(start, len));
                Ok(())
            }
            Op::Expect(expect) => {
                let verdict = self.judge(index, expect, span)?;
                let step = self.so_far.step;
                self.tell(index, step, span, What::Expected(verdict), true);
                Ok(())
            }
            // Loops are done where whose turn it is decides.
            Op::Loop { .. } | Op::Next(_) => Ok(()),
        }
    }

    fn set_activity(&mut self, index: usize, activity: Activity) {
        if let Some(process) = self.so_far.processes.get_mut(index) {
            process.activity = activity;
        }
    }

    fn set(&mut self, index: usize, handle: crate::program::HandleId, value: Value) {
        let table = self.so_far.processes.get(index).map_or(0, |process| process.table);
        if let Some(table) = self.so_far.tables.get_mut(table) {
            table.set(handle, value);
        }
    }

    /// Tells of a step, keeps what it gave for `expect`, and leaves a loop that ends by a failure.
    fn happened(&mut self, index: usize, span: Span, what: What) {
        let failed = what.failed();
        let can_fail = matches!(
            what,
            What::Call(..)
                | What::Touch { .. }
                | What::Heap(..)
                | What::Forked(..)
                | What::Control(..)
                | What::Killed(..)
        );
        let foreseen = failed.is_some() && self.is_foreseen(index);
        let Some(process) = self.so_far.processes.get_mut(index) else { return };
        if can_fail {
            process.last.any = true;
            process.last.failed = failed;
        }
        match &what {
            What::Call(_, returned) => {
                if let Ok(value) = returned.value {
                    process.last.result = value;
                }
                if !returned.residency.is_empty() {
                    let resident = returned.residency.iter().filter(|&&page| page & 1 == 1);
                    process.last.resident = resident.count() as u64;
                }
            }
            What::Heap(_, Ok(address)) => process.last.result = *address,
            What::Touch { touched, .. } => process.last.done = touched.done,
            _ => {}
        }
        let broke_out = failed.is_some() && process.break_out();
        let step = self.so_far.step;
        self.tell(index, step, span, what, foreseen || broke_out);
    }

    /// Whether a claim about a failure follows the step.
    fn is_foreseen(&self, index: usize) -> bool {
        let Some(process) = self.so_far.processes.get(index) else { return false };
        let program = self.scenario.programs.get(process.program.0);
        let next = program.into_iter().flat_map(|program| program.steps.iter().skip(process.at));
        next.map_while(|step| match &step.op {
            Op::Expect(expect) => Some(&expect.claim),
            _ => None,
        })
        .any(|claim| matches!(claim, Claim::Fails(_) | Claim::Signal { .. }))
    }

    fn call(
        &mut self,
        index: usize,
        id: ProcessId,
        plan: &CallPlan,
        span: Span,
    ) -> Result<(), Stop> {
        let mut call = plan.call.clone();
        for (slot, expr) in &plan.slots {
            let value = self.value(index, expr)?;
            fill(&mut call, *slot, value);
        }
        let returned = self.world.call(id, &call).map_err(|error| Stop::World(span, error))?;
        if let Ok(value) = returned.value {
            self.bind(index, plan.bind, &call, value);
        }
        self.happened(index, span, What::Call(call, returned));
        Ok(())
    }

    fn bind(&mut self, index: usize, bind: Bind, call: &Call, value: u64) {
        let table = self.so_far.processes.get(index).map_or(0, |process| process.table);
        match bind {
            Bind::Nothing => {}
            Bind::Range(handle) => {
                let len = if let Call::Mmap { len, .. } = call { *len } else { 0 };
                self.set(index, handle, Value { start: value, len });
            }
            Bind::Moved(handle) => {
                let len = if let Call::Mremap { new_len, .. } = call { *new_len } else { 0 };
                if let Some(table) = self.so_far.tables.get_mut(table) {
                    table.replace(handle, Value { start: value, len });
                }
            }
            Bind::Number(handle) => self.set(index, handle, Value { start: value, len: 0 }),
            Bind::Segment(handle) => {
                let len = if let Call::Shmget { len } = call { *len } else { 0 };
                self.set(index, handle, Value { start: value, len });
            }
            Bind::Attached { handle, segment } => {
                let segment = self.so_far.tables.get(table).and_then(|table| table.latest(segment));
                let len = segment.map_or(0, |segment| segment.len);
                self.set(index, handle, Value { start: value, len });
            }
        }
    }

    fn brk(&mut self, index: usize, id: ProcessId, to: &Break, span: Span) -> Result<(), Stop> {
        let (start, now) = self.heap_range(index, span)?;
        let addr = match to {
            Break::Up(by) => {
                let by = self.value(index, by)?;
                now.checked_add(by).ok_or_else(|| {
                    Problem::new(span, "so far up are no addresses").label("beyond 64 bits")
                })?
            }
            Break::Down(by) => {
                let by = self.value(index, by)?;
                now.checked_sub(by).ok_or_else(|| {
                    Problem::new(span, "so far down are no addresses").label("below zero")
                })?
            }
            Break::To(address) => self.value(index, address)?,
        };
        let call = Call::Brk { addr };
        let returned = self.world.call(id, &call).map_err(|error| Stop::World(span, error))?;
        let table = self.so_far.processes.get(index).map_or(0, |process| process.table);
        if let (Ok(value), Some(table)) = (returned.value, self.so_far.tables.get_mut(table)) {
            table.heap = Some((start, Some(value)));
        }
        self.happened(index, span, What::Call(call, returned));
        Ok(())
    }

    fn touch(
        &mut self,
        index: usize,
        id: ProcessId,
        plan: &TouchPlan,
        span: Span,
    ) -> Result<(), Stop> {
        let (addr, len) = self.range(index, &plan.range)?;
        let stride = match &plan.every {
            Some(every) => self.value(index, every)?,
            None => self.options.page.bytes(),
        };
        if stride == 0 {
            return Err(Problem::new(span, "the accesses would never come to an end")
                .label("`every=` is 0 here")
                .into());
        }
        let count = len.div_ceil(stride);
        let mut touch = Touch { addr, count, stride, access: plan.access, content: plan.content };
        let touched = match plan.random {
            _ if count == 0 => Touched { done: 0, stopped: None },
            None => self.world.touch(id, &touch).map_err(|error| Stop::World(span, error))?,
            Some((times, seed)) => {
                let seed = seed.unwrap_or_else(|| {
                    self.options.seed.unwrap_or(self.scenario.seed).wrapping_add(self.so_far.step)
                });
                let touched = self.at_random(id, touch, times, seed, span)?;
                touch.count = times;
                touched
            }
        };
        let random = plan.random.is_some();
        // One access to a page, or several to the same: what they reach is pages at most.
        let each = stride.min(self.options.page.bytes());
        if let Some(process) = self.so_far.processes.get_mut(index) {
            let reached = touched.done.saturating_mul(each);
            process.touched = process.touched.saturating_add(reached);
        }
        self.happened(index, span, What::Touch { touch, touched, random });
        Ok(())
    }

    fn at_random(
        &mut self,
        id: ProcessId,
        range: Touch,
        times: u64,
        mut seed: u64,
        span: Span,
    ) -> Result<Touched, Stop> {
        for done in 0..times {
            let place = random(&mut seed) % range.count;
            let addr = range.addr.wrapping_add(place.wrapping_mul(range.stride));
            let one = Touch { addr, count: 1, ..range };
            let touched = self.world.touch(id, &one).map_err(|error| Stop::World(span, error))?;
            if touched.stopped.is_some() {
                return Ok(Touched { done, stopped: touched.stopped });
            }
        }
        Ok(Touched { done: times, stopped: None })
    }

    fn allocate(
        &mut self,
        index: usize,
        id: ProcessId,
        plan: &HeapPlan,
        span: Span,
    ) -> Result<(), Stop> {
        if self.heap.is_none() {
            return Err(Problem::new(span, "this needs an allocator, and there is none here")
                .label("only the allocator itself knows what it asks of the kernel")
                .help("`mmap` and `brk` ask the kernel directly")
                .into());
        }
        let table = self.so_far.processes.get(index).map_or(0, |process| process.table);
        // `heap` is where the break was before the allocator moved it.
        self.heap_range(index, span)?;
        // Everything is worked out before the allocator is borrowed.
        let (text, handle, old, count, size) = match plan {
            HeapPlan::Malloc(handle, size) => {
                let size = self.value(index, size)?;
                (format!("malloc({size})"), Some(*handle), 0, 1, size)
            }
            HeapPlan::Calloc(handle, count, size) => {
                let count = self.value(index, count)?;
                let size = self.value(index, size)?;
                (format!("calloc({count}, {size})"), Some(*handle), 0, count, size)
            }
            HeapPlan::Realloc(handle, size) => {
                let size = self.value(index, size)?;
                let old = self.so_far.tables.get(table).and_then(|table| table.latest(*handle));
                let old = old.map_or(0, |value| value.start);
                (format!("realloc({old:#x}, {size})"), Some(*handle), old, 1, size)
            }
            HeapPlan::Free(term) => {
                let expr = crate::program::Expr { terms: vec![(false, term.clone())], span };
                let old = self.value(index, &expr)?;
                (format!("free({old:#x})"), None, old, 1, 0)
            }
        };
        let Some(heap) = self.heap.as_deref_mut() else { return Ok(()) };
        let world = &mut *self.world;
        let result = match plan {
            HeapPlan::Malloc(..) => heap.malloc(world, id, size),
            HeapPlan::Calloc(..) => heap.calloc(world, id, count, size),
            HeapPlan::Realloc(..) => heap.realloc(world, id, old, size),
            HeapPlan::Free(_) => heap.free(world, id, old).map(|()| Ok(0)),
        };
        let result = result.map_err(|error| match error {
            HeapError::World(error) => Stop::World(span, error),
            HeapError::Abort(words) => Stop::Problem(
                Problem::new(span, format!("the C library ends the program: {words}"))
                    .label("here"),
            ),
        })?;
        if let (Ok(start), Some(handle)) = (result, handle) {
            let value = Value { start, len: size.saturating_mul(count) };
            if let (HeapPlan::Realloc(..), Some(table)) = (plan, self.so_far.tables.get_mut(table))
            {
                table.replace(handle, value);
            } else {
                self.set(index, handle, value);
            }
        }
        // What the allocator did with the break is not what this run did.
        if let Some(table) = self.so_far.tables.get_mut(table) {
            table.heap = table.heap.map(|(start, _)| (start, None));
        }
        self.happened(index, span, What::Heap(text, result));
        Ok(())
    }

    fn fork(
        &mut self,
        index: usize,
        id: ProcessId,
        kind: ForkKind,
        program: ProgramId,
        span: Span,
    ) -> Result<(), Stop> {
        if self.so_far.processes.len() >= MOST_PROCESSES {
            return Err(Problem::new(span, format!("more than {MOST_PROCESSES} processes"))
                .label("given up here")
                .into());
        }
        let result = self.world.fork(id, kind).map_err(|error| Stop::World(span, error))?;
        if let Ok(child) = result {
            let parent = self.so_far.processes.get(index);
            let (table, checkpoint) =
                parent.map(|parent| (parent.table, parent.checkpoint.clone())).unwrap_or_default();
            let table = if kind == ForkKind::Fork {
                let copy = self.so_far.tables.get(table).cloned().unwrap_or_default();
                self.so_far.tables.push(copy);
                self.so_far.tables.len() - 1
            } else {
                table
            };
            if let Some(heap) = self.heap.as_deref_mut() {
                match kind {
                    ForkKind::Fork => heap.forked(id, child),
                    ForkKind::Vfork => heap.borrowed(id, child),
                    ForkKind::Thread => heap.shared(id, child),
                }
            }
            if let Some(plan) = self.scenario.programs.get(program.0) {
                let mut process = Process::new(child, plan.name, program, table);
                process.checkpoint = checkpoint;
                process.borrows = kind == ForkKind::Vfork;
                self.so_far.processes.push(process);
            }
            if kind == ForkKind::Vfork {
                self.set_activity(index, Activity::Lends(self.so_far.processes.len() - 1));
            }
        }
        self.happened(index, span, What::Forked(kind, result));
        Ok(())
    }

    fn fresh_image(&mut self, index: usize) {
        let table = self.so_far.processes.get(index).map_or(0, |process| process.table);
        // Handles keep their addresses: whoever uses them sees what is there now.
        let mut copy = self.so_far.tables.get(table).cloned().unwrap_or_default();
        copy.heap = None;
        let own = self.so_far.tables.len();
        self.so_far.tables.push(copy);
        if let Some(process) = self.so_far.processes.get_mut(index) {
            process.table = own;
            process.borrows = false;
        }
    }

    fn end(&mut self, index: usize, id: ProcessId, end: End, span: Span) -> Result<(), Stop> {
        self.world.end(id, end).map_err(|error| Stop::World(span, error))?;
        self.set_activity(index, Activity::Dead(end));
        self.happened(index, span, What::Ends(end));
        Ok(())
    }

    fn print(&mut self, index: usize, words: &[Shown], span: Span) -> Result<(), Stop> {
        let mut said = Vec::new();
        for word in words {
            said.push(match word {
                Shown::Text(text) => text.clone(),
                Shown::Value(expr) => match self.shown(index, expr) {
                    Ok(text) => text,
                    Err(super::eval::NoValue::Unknown(why)) => format!("({why})"),
                    Err(super::eval::NoValue::Stop(stop)) => return Err(stop),
                },
            });
        }
        self.happened(index, span, What::Said(said.join(" ")));
        Ok(())
    }

    fn checkpoint(&mut self, index: usize, name: &str, span: Span) -> Result<(), Stop> {
        let mut moment = BTreeMap::new();
        let mut all = Vec::new();
        for other in 0..self.so_far.processes.len() {
            if let Some(seen) = self.observe(other, span)? {
                let id = self.so_far.processes.get(other).map(|process| process.id);
                all.extend(id.map(|id| (id, Rc::clone(&seen))));
                moment.insert(other, seen);
            }
        }
        let machine = self.machine(span)?;
        let kept = super::Moment { processes: moment, machine: Rc::clone(&machine) };
        self.so_far.moments.insert(name.to_owned(), kept);
        self.so_far.latest_checkpoint = Some(name.to_owned());
        self.passed = self.stops.iter().position(|stop| *stop == name);
        if let Some(process) = self.so_far.processes.get_mut(index) {
            process.checkpoint = Some(name.to_owned());
        }
        self.happened(index, span, What::Checkpoint(name.to_owned(), all));
        if !machine.files.is_empty() {
            self.happened(index, span, What::Machine(name.to_owned(), machine));
        }
        Ok(())
    }

    /// A value as people read it: addresses in hexadecimal, sizes with their unit.
    fn shown(
        &mut self,
        index: usize,
        expr: &crate::program::Expr,
    ) -> Result<String, super::eval::NoValue> {
        let value = self.sum(index, expr, None)?;
        Ok(match expr.terms.first() {
            Some((_, Term::Handle { part: crate::program::Part::Len, .. })) => {
                super::claims::amount(value)
            }
            Some((_, Term::Handle { .. } | Term::Last(crate::program::Last::Result))) => {
                format!("{value:#x}")
            }
            _ => super::claims::in_unit(expr, value),
        })
    }
}

/// Most processes of a run.
const MOST_PROCESSES: usize = 100_000;

/// Puts a value where it belongs.
fn fill(call: &mut Call, slot: Slot, value: u64) {
    let fd_value = i32::try_from(value).unwrap_or(-1);
    match (call, slot) {
        (
            Call::Mmap { addr, .. }
            | Call::Munmap { addr, .. }
            | Call::Mprotect { addr, .. }
            | Call::Mremap { addr, .. }
            | Call::Madvise { addr, .. }
            | Call::Mlock { addr, .. }
            | Call::Mlock2 { addr, .. }
            | Call::Munlock { addr, .. }
            | Call::Msync { addr, .. }
            | Call::Mincore { addr, .. }
            | Call::Mseal { addr, .. }
            | Call::Shmat { addr, .. }
            | Call::Shmdt { addr },
            Slot::Addr,
        ) => *addr = value,
        (
            Call::Mmap { len, .. }
            | Call::Munmap { len, .. }
            | Call::Mprotect { len, .. }
            | Call::Madvise { len, .. }
            | Call::Mlock { len, .. }
            | Call::Mlock2 { len, .. }
            | Call::Munlock { len, .. }
            | Call::Msync { len, .. }
            | Call::Mincore { len, .. }
            | Call::Mseal { len, .. }
            | Call::Pread { len, .. }
            | Call::Pwrite { len, .. }
            | Call::Ftruncate { len, .. }
            | Call::Fallocate { len, .. }
            | Call::Fadvise { len, .. }
            | Call::Shmget { len },
            Slot::Len,
        ) => *len = value,
        (
            Call::Mmap { offset, .. }
            | Call::Pread { offset, .. }
            | Call::Pwrite { offset, .. }
            | Call::Fallocate { offset, .. }
            | Call::Fadvise { offset, .. },
            Slot::Offset,
        ) => *offset = value,
        (
            Call::Mmap { fd, .. }
            | Call::Close { fd }
            | Call::Pread { fd, .. }
            | Call::Pwrite { fd, .. }
            | Call::Ftruncate { fd, .. }
            | Call::Fallocate { fd, .. }
            | Call::Fsync { fd }
            | Call::Fadvise { fd, .. },
            Slot::Fd,
        ) => *fd = fd_value,
        (Call::Shmat { id, .. } | Call::ShmRemove { id }, Slot::Id) => *id = fd_value,
        (Call::Mremap { old_len, .. }, Slot::OldLen) => *old_len = value,
        (Call::Mremap { new_len, .. }, Slot::NewLen) => *new_len = value,
        (Call::Mremap { new_addr, .. }, Slot::NewAddr) => *new_addr = value,
        (Call::Setrlimit { soft, .. }, Slot::Soft) => *soft = value,
        (Call::Setrlimit { hard, .. }, Slot::Hard) => *hard = value,
        _ => debug_assert!(false, "the checker gives no call a slot that it does not have"),
    }
}

impl Failed {
    /// Whether the process is gone by it.
    pub fn is_death(self) -> bool {
        matches!(self, Failed::Stopped(Stopped::Killed))
    }
}
