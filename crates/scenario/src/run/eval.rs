//! Values of sums, as things are.

use world::{Call, End, Observation};

use super::state::{Activity, Process, Value};
use super::{MachineSeen, Run, Stop, proc};
use crate::problem::Problem;
use crate::program::{
    Expr, Handle, HandleId, Image, Last, Length, Part, Quantity, Range, Term, Who,
};
use crate::source::Span;

/// Why a sum has no value.
pub(super) enum NoValue {
    /// This kernel does not report it, or the process is dead: a claim about it does not hold.
    Unknown(String),
    /// The run cannot go on.
    Stop(Stop),
}

impl From<Stop> for NoValue {
    fn from(stop: Stop) -> NoValue {
        NoValue::Stop(stop)
    }
}

impl From<Problem> for NoValue {
    fn from(problem: Problem) -> NoValue {
        NoValue::Stop(Stop::Problem(problem))
    }
}

impl Run<'_> {
    /// A value that a step cannot do without.
    pub(super) fn value(&mut self, index: usize, expr: &Expr) -> Result<u64, Stop> {
        let value = match self.sum(index, expr, None) {
            Ok(value) => value,
            Err(NoValue::Stop(stop)) => return Err(stop),
            Err(NoValue::Unknown(why)) => {
                return Err(Problem::new(expr.span, "this has no value here").label(why).into());
            }
        };
        u64::try_from(value).map_err(|_| {
            let what = if value < 0 { "less than nothing" } else { "more than 64 bits hold" };
            Problem::new(expr.span, format!("this comes to {value}, {what}")).label("here").into()
        })
    }

    /// The value of a sum: now, or at a checkpoint.
    pub(super) fn sum(
        &mut self,
        index: usize,
        expr: &Expr,
        at: Option<&str>,
    ) -> Result<i128, NoValue> {
        let mut sum = 0i128;
        for (minus, term) in &expr.terms {
            let value = i128::from(self.term(index, term, expr.span, at)?);
            sum = if *minus { sum - value } else { sum + value };
        }
        Ok(sum)
    }

    fn term(
        &mut self,
        index: usize,
        term: &Term,
        span: Span,
        at: Option<&str>,
    ) -> Result<u64, NoValue> {
        match term {
            Term::Number(value) => Ok(*value),
            Term::Pages(count) => count.checked_mul(self.options.page.bytes()).ok_or_else(|| {
                Problem::new(span, "so many pages are more than 64 bits hold").into()
            }),
            Term::Handle { handle, part } => {
                let value = self.handle(index, *handle, span)?;
                Ok(match part {
                    Part::Whole | Part::Start => value.start,
                    Part::End => value.start.wrapping_add(value.len),
                    Part::Len => value.len,
                })
            }
            Term::OfProcess(who, field) if at.is_none() && proc::is_of_run(field) => {
                Ok(self.of_run(index, *who, field))
            }
            Term::OfProcess(who, field) => {
                let whose = self.whose(index, *who)?;
                let seen = self.look(whose, span, at)?;
                proc::of_process(&seen, field).ok_or_else(|| unknown(field))
            }
            Term::OfMachine(field) => {
                let own = Quantity::Meminfo(field.clone());
                let quantity =
                    if proc::is_event(field) { Quantity::Vmstat(field.clone()) } else { own };
                self.of_files(index, &quantity, field, span, at)
            }
            Term::OfFile(quantity) => {
                let name = self.scenario.source.at(span).to_owned();
                self.of_files(index, quantity, &name, span, at)
            }
            Term::OfMapping(handle, field) => {
                let value = self.handle(index, *handle, span)?;
                let seen = self.look(index, span, at)?;
                let end = value.start.saturating_add(value.len);
                proc::of_range(&seen, field, value.start, end).ok_or_else(|| unknown(field))
            }
            Term::Last(last) => {
                let known = self.so_far.processes.get(index).map(|process| process.last);
                let known = known.unwrap_or_default();
                Ok(match last {
                    Last::Result => known.result,
                    Last::Done => known.done,
                    Last::Rounds => known.rounds,
                    Last::Resident => known.resident,
                })
            }
        }
    }

    fn whose(&self, index: usize, who: Option<Who>) -> Result<usize, NoValue> {
        let Some(who) = who else { return Ok(index) };
        self.one_of(who).ok_or_else(|| {
            let name = self.scenario.names.get(who.name.0).map_or("", String::as_str);
            let nth = who.nth.map_or_else(String::new, |nth| format!(".{nth}"));
            NoValue::Unknown(format!("there is no process `{name}{nth}` yet"))
        })
    }

    /// What the run itself knows of every process that is meant.
    fn of_run(&self, index: usize, who: Option<Who>, field: &str) -> u64 {
        let all = who.map_or_else(|| vec![index], |who| self.all_of(who));
        let all = all.into_iter().filter_map(|index| self.so_far.processes.get(index));
        match field {
            "touched" => all.map(|process| process.touched).fold(0, u64::saturating_add),
            "killed" => {
                let killed = Activity::Dead(End::Signal(9));
                all.filter(|process| process.activity == killed).count() as u64
            }
            _ => all.filter(|p| !matches!(p.activity, Activity::Dead(_))).count() as u64,
        }
    }

    /// A number in a file of the machine: now, or at a checkpoint. Where the world has no files of
    /// the machine, what was seen with a process has to do.
    fn of_files(
        &mut self,
        index: usize,
        quantity: &Quantity,
        name: &str,
        span: Span,
        at: Option<&str>,
    ) -> Result<u64, NoValue> {
        let machine = match at {
            None => self.machine(span)?,
            Some(checkpoint) => {
                let Some(moment) = self.so_far.moments.get(checkpoint) else {
                    let words = format!("checkpoint `{checkpoint}` was not reached");
                    return Err(NoValue::Unknown(words));
                };
                std::rc::Rc::clone(&moment.machine)
            }
        };
        if !machine.files.is_empty() {
            return machine.value(quantity).ok_or_else(|| unknown(name));
        }
        let witness = if index < self.so_far.processes.len() {
            index
        } else {
            let lives = |p: &Process| !matches!(p.activity, Activity::Dead(_));
            self.so_far.processes.iter().position(lives).unwrap_or(index)
        };
        let seen = self.look(witness, span, at)?;
        let files = MachineSeen { files: seen.machine.clone(), ..MachineSeen::default() };
        files.value(quantity).ok_or_else(|| unknown(name))
    }

    /// What a process looks like now, or looked like at a checkpoint.
    fn look(
        &mut self,
        index: usize,
        span: Span,
        at: Option<&str>,
    ) -> Result<std::rc::Rc<Observation>, NoValue> {
        match at {
            None => self
                .observe(index, span)?
                .ok_or_else(|| NoValue::Unknown("the process is dead".to_owned())),
            Some(name) => {
                let moment = self.so_far.moments.get(name);
                moment.and_then(|moment| moment.processes.get(&index).cloned()).ok_or_else(|| {
                    NoValue::Unknown(format!("checkpoint `{name}` did not see this process"))
                })
            }
        }
    }

    /// What a handle stands for.
    pub(super) fn handle(
        &mut self,
        index: usize,
        handle: Handle,
        span: Span,
    ) -> Result<Value, NoValue> {
        let table = self.so_far.processes.get(index).map_or(0, |process| process.table);
        let not_given = |id: HandleId, nth: Option<usize>| {
            let name = self.scenario.handles.get(id.0).map_or("", String::as_str);
            let name = nth.map_or(name.to_owned(), |nth| format!("{name}.{nth}"));
            Problem::new(span, format!("`{name}` stands for nothing"))
                .label("the step that gives it was not done, or failed")
        };
        match handle {
            Handle::Latest(id) => {
                let value = self.so_far.tables.get(table).and_then(|table| table.latest(id));
                value.ok_or_else(|| not_given(id, None).into())
            }
            Handle::Nth(id, nth) => {
                let value = self.so_far.tables.get(table).and_then(|table| table.nth(id, nth));
                value.ok_or_else(|| not_given(id, Some(nth)).into())
            }
            Handle::Heap => {
                let (start, end) = self.heap_range(index, span)?;
                Ok(Value { start, len: end.saturating_sub(start) })
            }
            Handle::Image(image) => self.image(index, image, span),
        }
    }

    fn image(&mut self, index: usize, image: Image, span: Span) -> Result<Value, NoValue> {
        let seen = self.look(index, span, None)?;
        let maps = seen.maps.as_deref().unwrap_or_default();
        let found = proc::mappings(maps).into_iter().find(|mapping| match image {
            Image::Stack => mapping.name == "[stack]",
            Image::Vdso => mapping.name == "[vdso]",
            Image::Text => mapping.perms.contains('x') && mapping.name.starts_with('/'),
        });
        let name = match image {
            Image::Stack => "stack",
            Image::Vdso => "vdso",
            Image::Text => "text",
        };
        let found = found
            .ok_or_else(|| NoValue::Unknown(format!("there is no `{name}` in /proc/PID/maps")))?;
        Ok(Value { start: found.start, len: found.end.saturating_sub(found.start) })
    }

    /// The break that the process began with, and the break. Asking moves nothing.
    pub(super) fn heap_range(&mut self, index: usize, span: Span) -> Result<(u64, u64), Stop> {
        let (id, table) = match self.so_far.processes.get(index) {
            Some(process) => (process.id, process.table),
            None => return Ok((0, 0)),
        };
        let known = self.so_far.tables.get(table).and_then(|table| table.heap);
        if let Some((start, Some(at))) = known {
            return Ok((start, at));
        }
        let returned = self
            .world
            .call(id, &Call::Brk { addr: 0 })
            .map_err(|error| Stop::World(span, error))?;
        let at = returned.value.map_err(|errno| {
            Stop::Problem(Problem::new(span, format!("the world has no break: {errno}")))
        })?;
        if let Some(table) = self.so_far.tables.get_mut(table) {
            table.heap = Some((known.map_or(at, |(start, _)| start), Some(at)));
        }
        Ok((known.map_or(at, |(start, _)| start), at))
    }

    /// Where a range starts, and how long it is.
    pub(super) fn range(&mut self, index: usize, range: &Range) -> Result<(u64, u64), Stop> {
        let start = self.value(index, &range.start)?;
        let len = match &range.len {
            Length::OneByte => 1,
            Length::Bytes(len) => self.value(index, len)?,
            Length::ToEndOf(term) => {
                let Term::Handle { handle, .. } = term else { return Ok((start, 1)) };
                let end = match self.handle(index, *handle, range.start.span) {
                    Ok(value) => value.start.wrapping_add(value.len),
                    Err(NoValue::Stop(stop)) => return Err(stop),
                    Err(NoValue::Unknown(why)) => {
                        return Err(Problem::new(range.start.span, "this has no value here")
                            .label(why)
                            .into());
                    }
                };
                end.checked_sub(start).ok_or_else(|| {
                    Problem::new(range.start.span, "this starts behind the end of the handle")
                        .label("how many bytes from here?")
                })?
            }
        };
        Ok((start, len))
    }
}

fn unknown(field: &str) -> NoValue {
    NoValue::Unknown(format!("`{field}` is not reported here"))
}
