//! Steps about the whole machine, and growth.

use world::{Access, Call, Content, Control, MapFlags, Prot};

use super::args::{self, Args};
use super::scope::{Kind, Scope};
use super::steps::new_name;
use super::{Checker, MOST_ROUNDS, machine};
use crate::number::{Number, number};
use crate::problem::Problem;
use crate::program::{
    Bind, CallPlan, Expr, Handle, HandleId, Length, Op, Part, Range, Slot, Step, Term, TouchPlan,
};
use crate::source::Span;
use crate::tree::Text;
use crate::words::StepWord;

/// What `grow` maps and touches in one step when it does not say.
const PIECE: u64 = 1 << 20;

impl Checker<'_> {
    /// A step that writes to a file of the machine.
    pub(super) fn control(&mut self, word: StepWord, args: &mut Args<'_>) -> Result<Op, Problem> {
        Ok(match word {
            StepWord::Sysctl => {
                let setting = machine::sysctl(args)?;
                Op::Control(Control::Sysctl(setting.name), setting.value)
            }
            StepWord::Sys => {
                let setting = machine::sys(args)?;
                Op::Control(Control::Sys(setting.name), setting.value)
            }
            StepWord::Cgroup => {
                let path = args.need("its path")?;
                machine::cgroup_path(path)?;
                self.cgroups.push(path.clone());
                let file = args.need("the file")?;
                machine::cgroup_file(file)?;
                let value = machine::cgroup_value(args.need("the value")?)?;
                let control = Control::Cgroup { path: path.text.clone(), file: file.text.clone() };
                Op::Control(control, value)
            }
            StepWord::SysRq => {
                let key = args.need("which key")?;
                if key.text.len() != 1 || !key.text.bytes().all(|b| b.is_ascii_alphanumeric()) {
                    return Err(Problem::new(key.span, format!("`{}` is no key", key.text))
                        .label("one letter: `f` calls the OOM killer, `m` prints memory"));
                }
                Op::Control(Control::SysRq, key.text.clone())
            }
            StepWord::WatchPressure => self.watch_pressure(args)?,
            StepWord::DropCaches => {
                let what = args::signed(args.need("which")?, 1, 3)?;
                Op::Control(Control::Sysctl("vm.drop_caches".to_owned()), what.to_string())
            }
            _ => Op::Control(Control::SysRq, "s".to_owned()),
        })
    }

    /// `watch-pressure`: what a monitor writes to a file of pressure.
    fn watch_pressure(&mut self, args: &mut Args<'_>) -> Result<Op, Problem> {
        let span = args.span();
        let whose = args.need("`memory`, or the path of a cgroup")?;
        let control = if whose.text == "memory" {
            Control::Pressure
        } else {
            machine::cgroup_path(whose)?;
            self.cgroups.push(whose.clone());
            Control::Cgroup { path: whose.text.clone(), file: "memory.pressure".to_owned() }
        };
        let microseconds = |word: &Text| Ok::<_, Problem>(args::time(word)? / 1000);
        let some = args.prop("some").map(microseconds).transpose()?;
        let full = args.prop("full").map(microseconds).transpose()?;
        let window = args.prop("window").map(microseconds).transpose()?;
        let (line, stall) = match (some, full) {
            (Some(stall), None) => ("some", stall),
            (None, Some(stall)) => ("full", stall),
            _ => {
                return Err(Problem::new(span, "how long a stall wakes the monitor?")
                    .label("expected either `some=150ms` or `full=150ms`"));
            }
        };
        let window = window.ok_or_else(|| {
            Problem::new(span, "within which time?").label("`window=1s` is missing")
        })?;
        Ok(Op::Control(control, format!("{line} {stall} {window}")))
    }

    /// `grow`: a loop of a mapping, accesses to it, and sleep.
    pub(super) fn grow(
        &mut self,
        args: &mut Args<'_>,
        scope: &mut Scope,
        steps: &mut Vec<Step>,
    ) -> Result<(), Problem> {
        let span = args.span();
        let name = new_name(args)?;
        let size = args.next().map(piece).transpose()?;
        let by = args.prop("by").map_or(Ok(Number::Plain(PIECE)), piece)?;
        let every = args.prop("every").map(args::time).transpose()?;
        let until = args.prop("until");
        if let Some(word) = until
            && !matches!(word.text.as_str(), "killed" | "fails")
        {
            return Err(Problem::new(word.span, format!("it does not grow until `{}`", word.text))
                .label("expected `killed` or `fails`; a size stands behind the name"));
        }
        let (count, rest) = match (size, until) {
            (Some(size), None) => pieces(size, by, span)?,
            (None, Some(_)) => (None, None),
            (Some(_), Some(word)) => {
                return Err(Problem::new(word.span, "a size and `until=`, too")
                    .label("either of them is the end"));
            }
            (None, None) => {
                return Err(Problem::new(span, "how far does it grow?")
                    .label("a size is missing")
                    .help("write `grow NAME 64MiB`, or `grow NAME until=killed`"));
            }
        };
        let access = if args.flag("read-only") { Access::Read } else { Access::Write };
        let mut flags = MapFlags::ANONYMOUS;
        flags = flags.with(if args.flag("shared") { MapFlags::SHARED } else { MapFlags::PRIVATE });
        if args.flag("locked") {
            flags = flags.with(MapFlags::LOCKED);
        }
        let handle = scope.give(&mut self.names, &name.text, Kind::Memory);
        let begin = steps.len();
        self.push(steps, Op::Loop { count, until_fails: true, end: 0 }, span);
        self.piece(steps, (handle, by, flags, access), span);
        if let Some(every) = every {
            self.push(steps, Op::Sleep(every), span);
        }
        let last = steps.len();
        self.push(steps, Op::Next(begin), span);
        if let Some(Step { op: Op::Loop { end, .. }, .. }) = steps.get_mut(begin) {
            *end = last;
        }
        if let Some(rest) = rest {
            self.piece(steps, (handle, rest, flags, access), span);
        }
        Ok(())
    }

    /// Maps a piece and touches it.
    fn piece(
        &mut self,
        steps: &mut Vec<Step>,
        (handle, size, flags, access): (HandleId, Number, MapFlags, Access),
        span: Span,
    ) {
        let len = match size {
            Number::Plain(bytes) => Term::Number(bytes),
            Number::Pages(count) => Term::Pages(count),
        };
        let prot = Prot::READ.with(Prot::WRITE);
        let call = CallPlan {
            call: Call::Mmap { addr: 0, len: 0, prot, flags, fd: -1, offset: 0 },
            slots: vec![(Slot::Len, Expr { terms: vec![(false, len)], span })],
            bind: Bind::Range(handle),
        };
        self.push(steps, Op::Call(call), span);
        let whole = Term::Handle { handle: Handle::Latest(handle), part: Part::Whole };
        let touch = TouchPlan {
            range: Range {
                start: Expr { terms: vec![(false, whole.clone())], span },
                len: Length::ToEndOf(whole),
            },
            access,
            content: Content::OneByte,
            every: None,
            random: None,
        };
        self.push(steps, Op::Touch(touch), span);
    }
}

/// A size that is known when the scenario is read.
fn piece(word: &Text) -> Result<Number, Problem> {
    match number(&word.text) {
        Ok(Number::Plain(0) | Number::Pages(0)) => {
            Err(Problem::new(word.span, "nothing grows by nothing").label("more than 0"))
        }
        Ok(number) => Ok(number),
        Err(message) => Err(Problem::new(word.span, message).label("no size")),
    }
}

/// How many pieces make up a size, and the rest of it.
fn pieces(size: Number, by: Number, span: Span) -> Result<(Option<u64>, Option<Number>), Problem> {
    let (count, rest) = match (size, by) {
        (Number::Plain(size), Number::Plain(by)) => (size / by, Number::Plain(size % by)),
        (Number::Pages(size), Number::Pages(by)) => (size / by, Number::Pages(size % by)),
        _ => {
            return Err(Problem::new(span, "a size in pages, and one in bytes")
                .label("how many bytes a page has is not known here"));
        }
    };
    if count > MOST_ROUNDS {
        return Err(Problem::new(span, format!("{count} pieces would take too long"))
            .label(format!("at most {MOST_ROUNDS}"))
            .help("larger pieces: `by=64MiB`"));
    }
    let rest = (!matches!(rest, Number::Plain(0) | Number::Pages(0))).then_some(rest);
    Ok((Some(count), rest))
}
