//! Steps about files and shared segments.

use world::{Call, MemfdFlags, OpenFlags};

use super::Checker;
use super::args::{self, Args};
use super::scope::{Kind, Scope};
use super::steps::{FILE, bits, new_name, number_or_handle};
use crate::problem::Problem;
use crate::program::{Bind, CallPlan, Op, Slot};
use crate::words::StepWord;

const SEGMENT: &[Kind] = &[Kind::Segment];

const FILE_ADVICES: &[(&str, i32)] = &[
    ("normal", 0),
    ("random", 1),
    ("sequential", 2),
    ("willneed", 3),
    ("dontneed", 4),
    ("noreuse", 5),
];

impl Checker<'_> {
    pub(super) fn about_file(
        &mut self,
        word: StepWord,
        args: &mut Args<'_>,
        scope: &mut Scope,
    ) -> Result<Op, Problem> {
        if matches!(word, StepWord::Open | StepWord::Memfd) {
            return self.new_file(word, args, scope);
        }
        let name = args.need("the open file")?;
        let mut slots = vec![(Slot::Fd, number_or_handle(scope, name, FILE)?)];
        let (fd, offset, len) = (-1, 0, 0);
        let call = match word {
            StepWord::Close => Call::Close { fd },
            StepWord::Fsync => Call::Fsync { fd },
            StepWord::Fadvise => {
                let names = ["normal", "random", "sequential", "willneed", "dontneed", "noreuse"];
                if let Some(size) = args.next() {
                    slots.push((Slot::Len, scope.expr(&self.names, size)?));
                }
                let advice = args.any_flag(&names).ok_or_else(|| {
                    Problem::new(args.span(), "`fadvise` lacks the advice")
                        .label("such as `dontneed` or `willneed`")
                })?;
                let advice = args::one_of(advice, FILE_ADVICES, "advice")?;
                Call::Fadvise { fd, offset, len, advice }
            }
            _ => {
                slots.push((Slot::Len, scope.expr(&self.names, args.need("the size")?)?));
                match word {
                    StepWord::Pread => Call::Pread { fd, offset, len },
                    StepWord::Pwrite => Call::Pwrite { fd, offset, len },
                    StepWord::Fallocate => {
                        let hole = if args.flag("punch-hole") { 3 } else { 0 };
                        let keep = u32::from(args.flag("keep-size"));
                        let given = args.prop("mode").map(bits).transpose()?;
                        Call::Fallocate { fd, mode: given.unwrap_or(hole | keep), offset, len }
                    }
                    _ => Call::Ftruncate { fd, len },
                }
            }
        };
        if matches!(
            word,
            StepWord::Pread | StepWord::Pwrite | StepWord::Fallocate | StepWord::Fadvise
        ) && let Some(word) = args.prop("offset")
        {
            slots.push((Slot::Offset, scope.expr(&self.names, word)?));
        }
        Ok(Op::Call(CallPlan { call, slots, bind: Bind::Nothing }))
    }

    fn new_file(
        &mut self,
        word: StepWord,
        args: &mut Args<'_>,
        scope: &mut Scope,
    ) -> Result<Op, Problem> {
        let name = new_name(args)?;
        let call = if word == StepWord::Memfd {
            let mut flags = MemfdFlags(0);
            if args.flag("allow-sealing") {
                flags = flags.with(MemfdFlags::ALLOW_SEALING);
            }
            if args.flag("cloexec") {
                flags = flags.with(MemfdFlags::CLOEXEC);
            }
            let given = args.prop("flags").map(bits).transpose()?;
            Call::MemfdCreate { flags: given.map_or(flags, MemfdFlags) }
        } else {
            let word = args.need("which file")?;
            let file = self.files.iter().position(|file| file.name == word.text);
            let file = file.ok_or_else(|| {
                Problem::new(word.span, format!("no file is named `{}`", word.text))
                    .label("expected a file of this scenario")
                    .suggest(&word.text, self.files.iter().map(|file| file.name.as_str()))
            })?;
            let mut flags = match args.any_flag(&["for-reading", "for-writing"]) {
                Some(word) if word.text == "for-reading" => OpenFlags::RDONLY,
                Some(_) => OpenFlags::WRONLY,
                None => OpenFlags::RDWR,
            };
            for (name, flag) in [
                ("append", OpenFlags::APPEND),
                ("truncate", OpenFlags::TRUNC),
                ("create", OpenFlags::CREAT),
            ] {
                if args.flag(name) {
                    flags = flags.with(flag);
                }
            }
            let given = args.prop("flags").map(bits).transpose()?;
            Call::Open { file, flags: given.map_or(flags, OpenFlags) }
        };
        let handle = scope.give(&mut self.names, &name.text, Kind::File);
        Ok(Op::Call(CallPlan { call, slots: Vec::new(), bind: Bind::Number(handle) }))
    }

    pub(super) fn shared(
        &mut self,
        word: StepWord,
        args: &mut Args<'_>,
        scope: &mut Scope,
    ) -> Result<Op, Problem> {
        match word {
            StepWord::Shmget => {
                let name = new_name(args)?;
                let len = scope.expr(&self.names, args.need("its size")?)?;
                let handle = scope.give(&mut self.names, &name.text, Kind::Segment);
                Ok(Op::Call(CallPlan {
                    call: Call::Shmget { len: 0 },
                    slots: vec![(Slot::Len, len)],
                    bind: Bind::Segment(handle),
                }))
            }
            StepWord::Shmat => {
                let name = new_name(args)?;
                let word = args.need("the segment")?;
                let segment = scope.handle(word, SEGMENT).ok();
                let mut slots = vec![(Slot::Id, number_or_handle(scope, word, SEGMENT)?)];
                if let Some(word) = args.prop("at") {
                    slots.push((Slot::Addr, scope.expr(&self.names, word)?));
                }
                let flags = if args.flag("read-only") { 0o10000 } else { 0 };
                let flags = args.prop("flags").map_or(Ok(flags), bits)?;
                let handle = scope.give(&mut self.names, &name.text, Kind::Memory);
                Ok(Op::Call(CallPlan {
                    call: Call::Shmat { id: 0, addr: 0, flags },
                    slots,
                    bind: match segment {
                        Some(segment) => Bind::Attached { handle, segment },
                        None => Bind::Number(handle),
                    },
                }))
            }
            StepWord::Shmdt => {
                let start = scope.address(&self.names, args.need("which")?)?;
                Ok(Op::Call(CallPlan {
                    call: Call::Shmdt { addr: 0 },
                    slots: vec![(Slot::Addr, start)],
                    bind: Bind::Nothing,
                }))
            }
            _ => {
                let word = args.need("the segment")?;
                let segment = number_or_handle(scope, word, SEGMENT)?;
                Ok(Op::Call(CallPlan {
                    call: Call::ShmRemove { id: 0 },
                    slots: vec![(Slot::Id, segment)],
                    bind: Bind::Nothing,
                }))
            }
        }
    }
}
