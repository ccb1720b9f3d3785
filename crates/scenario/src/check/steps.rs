//! Steps of processes.

use facts::signal;
use world::{
    Access, Advice, Call, Content, ForkKind, LockFlags, MapFlags, Prot, RemapFlags, Resource,
    SyncFlags,
};

use super::args::{self, Args};
use super::scope::{Kind, Scope, refuse_name, refuse_shape};
use super::{Checker, MOST_ROUNDS, claims};
use crate::problem::Problem;
use crate::program::{
    Bind, Break, CallPlan, Expr, HandleId, HeapPlan, Length, Op, Part, Range, Shown, Slot, Step,
    Term, TouchPlan, Who,
};
use crate::source::Span;
use crate::tree::{Node, Text};
use crate::words::{self, STEPS, StepWord};

const MEMORY: &[Kind] = &[Kind::Memory];
/// Kinds of handles that a file can be named by.
pub(super) const FILE: &[Kind] = &[Kind::File];

const PROTECTIONS: &[(&str, Prot)] = &[
    ("read-write", Prot(3)),
    ("read-only", Prot(1)),
    ("read-exec", Prot(5)),
    ("read-write-exec", Prot(7)),
    ("write-only", Prot(2)),
    ("exec-only", Prot(4)),
    ("no-access", Prot(0)),
];

const MAP_FLAGS: &[(&str, MapFlags)] = &[
    ("fixed", MapFlags::FIXED),
    ("fixed-noreplace", MapFlags::FIXED_NOREPLACE),
    ("noreserve", MapFlags::NORESERVE),
    ("populate", MapFlags::POPULATE),
    ("locked", MapFlags::LOCKED),
    ("growsdown", MapFlags::GROWSDOWN),
    ("below-2GiB", MapFlags::BIT32),
    ("hugetlb", MapFlags::HUGETLB),
    ("stack", MapFlags::STACK),
    ("nonblock", MapFlags::NONBLOCK),
];

const RESOURCES: &[(&str, Resource)] = &[
    ("as", Resource::AddressSpace),
    ("data", Resource::Data),
    ("stack", Resource::Stack),
    ("memlock", Resource::Memlock),
];

impl Checker<'_> {
    /// Checks one step, and what is in its block; adds them.
    pub(super) fn step(&mut self, node: &Node, scope: &mut Scope, steps: &mut Vec<Step>) {
        let Some(entry) = words::find(STEPS, &node.name.text) else {
            let problem =
                Problem::new(node.name.span, format!("there is no step `{}`", node.name.text))
                    .label("not known in the block of a process");
            self.problems.push(problem.suggest(&node.name.text, words::names(STEPS)));
            self.forgive(node, scope);
            // What is in its block may be wrong, too, or give names that later steps use.
            for node in node.children.as_deref().unwrap_or_default() {
                self.step(node, scope, steps);
            }
            return;
        };
        let mut args = Args::new(node, entry);
        if entry.word == StepWord::Expect {
            let expect = claims::expect(self, node, &mut args, scope);
            if let Some(expect) = self.ok(expect) {
                self.push(steps, Op::Expect(expect), node.span);
            }
            return;
        }
        let block = matches!(
            entry.word,
            StepWord::Fork
                | StepWord::Vfork
                | StepWord::Thread
                | StepWord::Repeat
                | StepWord::Until
        );
        let result = match entry.word {
            StepWord::Fork => self.fork(ForkKind::Fork, &mut args, scope, steps),
            StepWord::Vfork => self.fork(ForkKind::Vfork, &mut args, scope, steps),
            StepWord::Thread => self.fork(ForkKind::Thread, &mut args, scope, steps),
            StepWord::Repeat | StepWord::Until => {
                self.round_about(entry.word, &mut args, scope, steps)
            }
            StepWord::Grow => self.grow(&mut args, scope, steps),
            word => self.plain(word, &mut args, scope).map(|op| {
                self.push(steps, op, node.span);
            }),
        };
        if self.ok(result).is_some() {
            args.finish(block, self.problems);
        } else {
            self.forgive(node, scope);
        }
    }

    /// A step with a mistake may have given a name that others use.
    fn forgive(&mut self, node: &Node, scope: &mut Scope) {
        if let Some(name) = node.args.first() {
            scope.forgive(&mut self.names, name);
        }
        if node.name.text.starts_with("checkp") {
            scope.checkpoints.extend(node.args.first().map(|name| name.text.clone()));
        }
    }

    fn fork(
        &mut self,
        kind: ForkKind,
        args: &mut Args<'_>,
        scope: &Scope,
        steps: &mut Vec<Step>,
    ) -> Result<(), Problem> {
        let name = args.need("the child's name")?;
        let Some(id) = self.names.process(&name.text) else { return Ok(()) };
        let block = args.block()?;
        let program = self.program(id, Some(kind), block.iter(), &mut scope.clone());
        self.push(steps, Op::Fork { kind, program }, args.span());
        Ok(())
    }

    fn round_about(
        &mut self,
        word: StepWord,
        args: &mut Args<'_>,
        scope: &mut Scope,
        steps: &mut Vec<Step>,
    ) -> Result<(), Problem> {
        let (count, until_fails) = if word == StepWord::Repeat {
            let word = args.need("how often")?;
            let count = args::whole(word)?;
            if count > MOST_ROUNDS {
                return Err(Problem::new(word.span, format!("{count} rounds would take too long"))
                    .label(format!("at most {MOST_ROUNDS}")));
            }
            (Some(count), false)
        } else {
            let condition = args.need("when it ends")?;
            if condition.text != "fails" {
                return Err(Problem::new(condition.span, "a loop ends when something fails")
                    .label("expected `fails`"));
            }
            (None, true)
        };
        let block = args.block()?;
        if block.is_empty() {
            return Err(Problem::new(args.span(), "this loop has no steps").label("nothing to do"));
        }
        let begin = steps.len();
        self.push(steps, Op::Loop { count, until_fails, end: 0 }, args.span());
        for node in block {
            self.step(node, scope, steps);
        }
        let last = steps.len();
        self.push(steps, Op::Next(begin), args.span());
        if let Some(Step { op: Op::Loop { end, .. }, .. }) = steps.get_mut(begin) {
            *end = last;
        }
        Ok(())
    }

    /// A step without a block.
    fn plain(
        &mut self,
        word: StepWord,
        args: &mut Args<'_>,
        scope: &mut Scope,
    ) -> Result<Op, Problem> {
        match word {
            StepWord::Mmap => self.mmap(args, scope),
            StepWord::Mprotect => {
                let range = self.range(args, scope, true)?;
                let prot = protection(args)?.ok_or_else(|| {
                    Problem::new(args.span(), "`mprotect` lacks the protection")
                        .label("such as `read-only` or `no-access`")
                })?;
                Ok(on_range(Call::Mprotect { addr: 0, len: 0, prot }, range))
            }
            StepWord::Mremap => self.mremap(args, scope),
            StepWord::Brk => self.brk(args, scope),
            StepWord::Munmap
            | StepWord::Madvise
            | StepWord::Mlock
            | StepWord::Munlock
            | StepWord::Msync
            | StepWord::Mincore => self.about_range(word, args, scope),
            StepWord::Mlockall => lock_all(args),
            StepWord::Munlockall => Ok(call(Call::Munlockall)),
            StepWord::Touch | StepWord::Write => self.touch(Access::Write, args, scope),
            StepWord::Read => self.touch(Access::Read, args, scope),
            StepWord::Fill => self.fill(args, scope),
            StepWord::ExecAt => self.exec_at(args, scope),
            StepWord::Malloc | StepWord::Calloc | StepWord::Realloc | StepWord::Free => {
                self.heap(word, args, scope)
            }
            StepWord::Exec => Ok(Op::Exec),
            StepWord::Exit => Ok(Op::Exit(match args.next() {
                Some(word) => {
                    args::signed(word, 0, 255)?;
                    scope.expr(&self.names, word)?
                }
                None => number(0, args.span()),
            })),
            StepWord::Kill => self.kill(args),
            StepWord::Wait => {
                let word = args.need("for whom")?;
                Ok(Op::Wait(self.process_named(word)?))
            }
            StepWord::Sleep => Ok(Op::Sleep(args::time(args.need("how long")?)?)),
            StepWord::Setrlimit => self.setrlimit(args, scope),
            StepWord::OomScoreAdj => {
                let adj = args::signed(args.need("the number")?, -100_000, 100_000)?;
                let adj = i32::try_from(adj).unwrap_or(0);
                Ok(call(Call::SetOomScoreAdj { adj }))
            }
            StepWord::Open
            | StepWord::Close
            | StepWord::Pread
            | StepWord::Pwrite
            | StepWord::Ftruncate
            | StepWord::Fallocate
            | StepWord::Fsync
            | StepWord::Fadvise
            | StepWord::Memfd => self.about_file(word, args, scope),
            StepWord::Shmget | StepWord::Shmat | StepWord::Shmdt | StepWord::Shmrm => {
                self.shared(word, args, scope)
            }
            StepWord::Let => {
                let name = new_name(args)?;
                let range = self.range(args, scope, false)?;
                let handle = scope.give(&mut self.names, &name.text, Kind::Memory);
                Ok(Op::Let { handle, range })
            }
            StepWord::Print => self.print(args, scope),
            StepWord::Sysctl
            | StepWord::Cgroup
            | StepWord::Sys
            | StepWord::SysRq
            | StepWord::DropCaches
            | StepWord::Sync => self.control(word, args),
            StepWord::Checkpoint => {
                let name = args.need("a name")?;
                if let Some(problem) = refuse_shape(name) {
                    return Err(problem);
                }
                scope.checkpoints.push(name.text.clone());
                self.checkpoints.push(name.text.clone());
                Ok(Op::Checkpoint(name.text.clone()))
            }
            // These have blocks, and are checked by `step`.
            StepWord::Fork
            | StepWord::Vfork
            | StepWord::Thread
            | StepWord::Repeat
            | StepWord::Until
            | StepWord::Grow
            | StepWord::Expect => Err(Problem::new(args.span(), "this word needs a block")),
        }
    }

    fn exec_at(&self, args: &mut Args<'_>, scope: &Scope) -> Result<Op, Problem> {
        let start = scope.address(&self.names, args.need("the address")?)?;
        Ok(Op::Touch(TouchPlan {
            range: Range { start, len: Length::OneByte },
            access: Access::Execute,
            content: Content::OneByte,
            every: None,
            random: None,
        }))
    }

    fn print(&self, args: &mut Args<'_>, scope: &Scope) -> Result<Op, Problem> {
        let mut shown = Vec::new();
        while let Some(word) = args.raw() {
            shown.push(if word.quoted {
                Shown::Text(word.text.clone())
            } else {
                Shown::Value(scope.expr(&self.names, word)?)
            });
        }
        Ok(Op::Print(shown))
    }

    pub(super) fn process_named(&self, word: &Text) -> Result<Who, Problem> {
        self.names.who(&word.text).ok_or_else(|| {
            Problem::new(word.span, format!("no process is named `{}`", word.text))
                .label("expected a process")
                .suggest(&word.text, self.names.processes.iter().map(String::as_str))
        })
    }

    /// A range: where it starts and how far it reaches. A single byte will do unless `sized`.
    pub(super) fn range(
        &self,
        args: &mut Args<'_>,
        scope: &Scope,
        sized: bool,
    ) -> Result<Range, Problem> {
        let word = args.need("the range")?;
        let start = scope.address(&self.names, word)?;
        let size = args.peek().filter(|word| {
            word.text.starts_with(|c: char| c.is_ascii_digit()) || word.text.contains(".len")
        });
        if let Some(size) = size {
            args.next();
            let len = scope.expr(&self.names, size)?;
            return Ok(Range { start, len: Length::Bytes(len) });
        }
        match start.terms.first() {
            Some((false, term @ Term::Handle { part: Part::Whole, .. })) => {
                let len = Length::ToEndOf(term.clone());
                Ok(Range { start, len })
            }
            _ if sized => Err(Problem::new(word.span, "an address alone is no range")
                .label("how many bytes from here?")
                .help("a range is a handle (`block`), or an address and a size (`0x1000 4KiB`)")),
            _ => Ok(Range { start, len: Length::OneByte }),
        }
    }

    fn mmap(&mut self, args: &mut Args<'_>, scope: &mut Scope) -> Result<Op, Problem> {
        let name = new_name(args)?;
        let len = scope.expr(&self.names, args.need("its size")?)?;
        let prot = protection(args)?.unwrap_or(Prot::READ.with(Prot::WRITE));
        let mut flags = match args.any_flag(&["shared", "private", "droppable"]) {
            Some(word) if word.text == "shared" => MapFlags::SHARED,
            Some(word) if word.text == "droppable" => MapFlags::DROPPABLE,
            _ => MapFlags::PRIVATE,
        };
        for &(name, flag) in MAP_FLAGS {
            if args.flag(name) {
                flags = flags.with(flag);
            }
        }
        let mut slots = vec![(Slot::Len, len)];
        match args.prop("file") {
            Some(word) => {
                slots.push((Slot::Fd, number_or_handle(scope, word, FILE)?));
            }
            None => flags = flags.with(MapFlags::ANONYMOUS),
        }
        for (option, slot) in [("offset", Slot::Offset), ("at", Slot::Addr)] {
            if let Some(word) = args.prop(option) {
                slots.push((slot, scope.expr(&self.names, word)?));
            }
        }
        if let Some(word) = args.prop("flags") {
            flags = MapFlags(bits(word)?);
        }
        let prot = args.prop("prot").map_or(Ok(prot), |word| bits(word).map(Prot))?;
        let handle = scope.give(&mut self.names, &name.text, Kind::Memory);
        let call = Call::Mmap { addr: 0, len: 0, prot, flags, fd: -1, offset: 0 };
        Ok(Op::Call(CallPlan { call, slots, bind: Bind::Range(handle) }))
    }

    fn mremap(&mut self, args: &mut Args<'_>, scope: &mut Scope) -> Result<Op, Problem> {
        let word = args.need("the mapping")?;
        let start = scope.address(&self.names, word)?;
        let new_len = scope.expr(&self.names, args.need("its new size")?)?;
        let mut flags = RemapFlags(0);
        if args.flag("may-move") {
            flags = flags.with(RemapFlags::MAYMOVE);
        }
        if args.flag("dontunmap") {
            flags = flags.with(RemapFlags::DONTUNMAP).with(RemapFlags::MAYMOVE);
        }
        let whole = match start.terms.as_slice() {
            [(false, Term::Handle { handle, part: Part::Whole })] => Some(*handle),
            _ => None,
        };
        let old_len = match (args.prop("old"), whole) {
            (Some(word), _) => scope.expr(&self.names, word)?,
            (None, Some(handle)) => Expr {
                terms: vec![(false, Term::Handle { handle, part: Part::Len })],
                span: word.span,
            },
            (None, None) => {
                return Err(Problem::new(word.span, "how much of it is moved?")
                    .label("not a whole handle")
                    .help("`old=SIZE` says how long the old mapping is"));
            }
        };
        let mut slots = vec![(Slot::Addr, start), (Slot::OldLen, old_len), (Slot::NewLen, new_len)];
        if let Some(word) = args.prop("to") {
            flags = flags.with(RemapFlags::FIXED).with(RemapFlags::MAYMOVE);
            slots.push((Slot::NewAddr, scope.expr(&self.names, word)?));
        }
        if let Some(word) = args.prop("flags") {
            flags = RemapFlags(bits(word)?);
        }
        let bind = match scope.handle(word, MEMORY) {
            Ok(handle) => Bind::Moved(handle),
            Err(_) => Bind::Nothing,
        };
        let call = Call::Mremap { addr: 0, old_len: 0, new_len: 0, flags, new_addr: 0 };
        Ok(Op::Call(CallPlan { call, slots, bind }))
    }

    fn brk(&mut self, args: &mut Args<'_>, scope: &Scope) -> Result<Op, Problem> {
        let word = args.need("where it goes")?;
        let mut expr = scope.expr(&self.names, word)?;
        let relative = word.text.starts_with(['+', '-']);
        Ok(Op::Brk(match expr.terms.first_mut() {
            Some((minus, _)) if relative && *minus => {
                *minus = false;
                Break::Down(expr)
            }
            _ if relative => Break::Up(expr),
            _ => Break::To(expr),
        }))
    }

    /// The calls that are about a range, and little else.
    fn about_range(
        &mut self,
        word: StepWord,
        args: &mut Args<'_>,
        scope: &mut Scope,
    ) -> Result<Op, Problem> {
        let range = self.range(args, scope, true)?;
        let (addr, len) = (0, 0);
        let call = match word {
            StepWord::Madvise => {
                let advice = match args.prop("advice") {
                    Some(word) => i32::try_from(args::signed(word, -1, 10_000)?).unwrap_or(-1),
                    None => advice(args.need("the advice")?)?.0,
                };
                Call::Madvise { addr, len, advice: Advice(advice) }
            }
            StepWord::Mlock => {
                let onfault = args.flag("onfault").then_some(1);
                match args.prop("flags").map(bits).transpose()?.or(onfault) {
                    Some(flags) => Call::Mlock2 { addr, len, flags },
                    None => Call::Mlock { addr, len },
                }
            }
            StepWord::Munlock => Call::Munlock { addr, len },
            StepWord::Mincore => Call::Mincore { addr, len },
            StepWord::Msync => {
                let mut flags = SyncFlags(0);
                for (name, flag) in [
                    ("async", SyncFlags::ASYNC),
                    ("sync", SyncFlags::SYNC),
                    ("invalidate", SyncFlags::INVALIDATE),
                ] {
                    if args.flag(name) {
                        flags = flags.with(flag);
                    }
                }
                let given = args.prop("flags").map(bits).transpose()?;
                Call::Msync { addr, len, flags: given.map_or(flags, SyncFlags) }
            }
            _ => Call::Munmap { addr, len },
        };
        Ok(on_range(call, range))
    }

    fn touch(&mut self, access: Access, args: &mut Args<'_>, scope: &Scope) -> Result<Op, Problem> {
        let range = self.range(args, scope, false)?;
        let every = args.prop("every").map(|word| scope.expr(&self.names, word)).transpose()?;
        let seed = args.prop("seed").map(args::whole).transpose()?;
        let random = match args.prop("random") {
            Some(word) => {
                let count = args::whole(word)?;
                if count > MOST_ROUNDS {
                    return Err(Problem::new(word.span, "so many accesses would take too long")
                        .label(format!("at most {MOST_ROUNDS}")));
                }
                Some((count, seed))
            }
            None => None,
        };
        Ok(Op::Touch(TouchPlan { range, access, content: Content::OneByte, every, random }))
    }

    fn fill(&mut self, args: &mut Args<'_>, scope: &Scope) -> Result<Op, Problem> {
        let range = self.range(args, scope, true)?;
        let every = args.prop("every").map(|word| scope.expr(&self.names, word)).transpose()?;
        let seed = args.prop("seed").map_or(Ok(1), args::whole)?;
        let content = match (args.prop("byte"), args.any_flag(&["zeros", "random"])) {
            (Some(word), None) => {
                let byte = u8::try_from(args::whole(word)?).map_err(|_| {
                    Problem::new(word.span, format!("`{}` is no byte", word.text))
                        .label("expected a number from 0 to 255")
                })?;
                Content::Byte(byte)
            }
            (Some(word), Some(_)) => {
                return Err(Problem::new(word.span, "two contents at once")
                    .label("either a byte, or `zeros`, or `random`"));
            }
            (None, Some(word)) if word.text == "random" => Content::Random(seed),
            (None, _) => Content::Byte(0),
        };
        Ok(Op::Touch(TouchPlan { range, access: Access::Write, content, every, random: None }))
    }

    fn heap(
        &mut self,
        word: StepWord,
        args: &mut Args<'_>,
        scope: &mut Scope,
    ) -> Result<Op, Problem> {
        Ok(Op::Heap(match word {
            StepWord::Malloc => {
                let name = new_name(args)?;
                let size = scope.expr(&self.names, args.need("its size")?)?;
                HeapPlan::Malloc(scope.give(&mut self.names, &name.text, Kind::Chunk), size)
            }
            StepWord::Calloc => {
                let name = new_name(args)?;
                let count = scope.expr(&self.names, args.need("how many")?)?;
                let size = scope.expr(&self.names, args.need("their size")?)?;
                let handle = scope.give(&mut self.names, &name.text, Kind::Chunk);
                HeapPlan::Calloc(handle, count, size)
            }
            StepWord::Realloc => {
                let handle = scope.handle(args.need("which")?, &[Kind::Chunk])?;
                HeapPlan::Realloc(handle, scope.expr(&self.names, args.need("its size")?)?)
            }
            _ => {
                let word = args.need("which")?;
                match scope.expr(&self.names, word)?.terms.as_slice() {
                    [(false, term @ Term::Handle { handle, part: Part::Whole })]
                        if scope.is_chunk(*handle) =>
                    {
                        HeapPlan::Free(term.clone())
                    }
                    _ => {
                        return Err(Problem::new(
                            word.span,
                            format!("`{}` did not come from the C library", word.text),
                        )
                        .label("expected what `malloc`, `calloc` or `realloc` gave"));
                    }
                }
            }
        }))
    }

    fn kill(&mut self, args: &mut Args<'_>) -> Result<Op, Problem> {
        let first = args.next();
        let process = first.map(|word| self.names.who(&word.text));
        let (to, signal) = match (first, process) {
            (Some(_), Some(Some(id))) => (Some(id), args.next()),
            (Some(word), _) if word.text.starts_with("SIG") => (None, Some(word)),
            (Some(word), _) => {
                return Err(self
                    .process_named(word)
                    .err()
                    .unwrap_or_else(|| Problem::new(word.span, "expected a process")));
            }
            (None, _) => (None, None),
        };
        let signal = signal.map_or(Ok(9), |word| args::one_of(word, signal::ENDING, "signal"))?;
        Ok(Op::Kill { to, signal })
    }

    fn setrlimit(&mut self, args: &mut Args<'_>, scope: &Scope) -> Result<Op, Problem> {
        let resource = args::one_of(args.need("which limit")?, RESOURCES, "limit")?;
        let value = |word: &Text| {
            if word.text == "unlimited" {
                Ok(number(u64::MAX, word.span))
            } else {
                scope.expr(&self.names, word)
            }
        };
        let soft = value(args.need("the limit")?)?;
        let hard = args.prop("hard").map_or(Ok(soft.clone()), value)?;
        Ok(Op::Call(CallPlan {
            call: Call::Setrlimit { resource, soft: 0, hard: 0 },
            slots: vec![(Slot::Soft, soft), (Slot::Hard, hard)],
            bind: Bind::Nothing,
        }))
    }
}

fn lock_all(args: &mut Args<'_>) -> Result<Op, Problem> {
    let mut flags = LockFlags(0);
    let each = [
        ("current", LockFlags::CURRENT),
        ("future", LockFlags::FUTURE),
        ("onfault", LockFlags::ONFAULT),
    ];
    while let Some(word) = args.raw() {
        let flag = each.iter().find(|(name, _)| *name == word.text);
        let (_, flag) = flag.ok_or_else(|| {
            Problem::new(word.span, format!("`mlockall` does not take `{}`", word.text))
                .label("expected `current`, `future` or `onfault`")
        })?;
        flags = flags.with(*flag);
    }
    let given = args.prop("flags").map(bits).transpose()?;
    Ok(call(Call::Mlockall { flags: given.map_or(flags, LockFlags) }))
}

pub(super) fn call(call: Call) -> Op {
    Op::Call(CallPlan { call, slots: Vec::new(), bind: Bind::Nothing })
}

fn on_range(call: Call, range: Range) -> Op {
    let span = range.start.span;
    let len = match range.len {
        Length::Bytes(len) => len,
        Length::OneByte => number(1, span),
        Length::ToEndOf(term) => to_end(&term, &range.start),
    };
    let slots = vec![(Slot::Addr, range.start), (Slot::Len, len)];
    Op::Call(CallPlan { call, slots, bind: Bind::Nothing })
}

/// The end of a handle without where the range starts.
pub(super) fn to_end(term: &Term, start: &Expr) -> Expr {
    let mut terms = Vec::new();
    if let Term::Handle { handle, .. } = term {
        terms.push((false, Term::Handle { handle: *handle, part: Part::End }));
    }
    terms.extend(start.terms.iter().map(|(minus, term)| (!minus, term.clone())));
    Expr { terms, span: start.span }
}

fn number(value: u64, span: Span) -> Expr {
    Expr { terms: vec![(false, Term::Number(value))], span }
}

pub(super) fn handle_value(id: HandleId, span: Span) -> Expr {
    let handle = crate::program::Handle::Latest(id);
    Expr { terms: vec![(false, Term::Handle { handle, part: Part::Whole })], span }
}

pub(super) fn new_name<'n>(args: &mut Args<'n>) -> Result<&'n Text, Problem> {
    let word = args.need("a name")?;
    match refuse_name(word) {
        Some(problem) => Err(problem),
        None => Ok(word),
    }
}

/// A handle of one of these kinds, or a plain number in its place.
pub(super) fn number_or_handle(
    scope: &Scope,
    word: &Text,
    kinds: &[Kind],
) -> Result<Expr, Problem> {
    if word.text.starts_with(|c: char| c.is_ascii_digit()) {
        return args::whole(word).map(|value| number(value, word.span));
    }
    scope.handle(word, kinds).map(|id| handle_value(id, word.span))
}

fn protection(args: &mut Args<'_>) -> Result<Option<Prot>, Problem> {
    let names: Vec<&'static str> = PROTECTIONS.iter().map(|(name, _)| *name).collect();
    let word = args.any_flag(&names);
    if let Some(word) = args.prop("prot") {
        return bits(word).map(|bits| Some(Prot(bits)));
    }
    word.map(|word| args::one_of(word, PROTECTIONS, "protection")).transpose()
}

pub(super) fn bits(word: &Text) -> Result<u32, Problem> {
    u32::try_from(args::whole(word)?).map_err(|_| {
        Problem::new(word.span, format!("`{}` is more than 32 bits hold", word.text))
            .label("too large for flags")
    })
}

/// `dontneed` is `MADV_DONTNEED`, `populate-write` is `MADV_POPULATE_WRITE`.
fn advice(word: &Text) -> Result<Advice, Problem> {
    let name = format!("MADV_{}", word.text.replace('-', "_").to_ascii_uppercase());
    let lower = word.text.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_'));
    match Advice::from_name(&name) {
        Some(advice) if lower => Ok(advice),
        _ => {
            let known: Vec<String> = Advice::NAMES
                .iter()
                .map(|(name, _)| {
                    name.trim_start_matches("MADV_").to_ascii_lowercase().replace('_', "-")
                })
                .collect();
            Err(Problem::new(word.span, format!("there is no advice `{}`", word.text))
                .label("expected one of madvise(2), in small letters")
                .suggest(&word.text, known.iter().map(String::as_str)))
        }
    }
}
