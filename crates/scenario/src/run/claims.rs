//! Whether what was expected is so.

use facts::signal;
use units::Bytes;
use world::End;

use super::eval::NoValue;
use super::event::{Failed, Verdict};
use super::state::Activity;
use super::{Death, Run, Stop, proc};
use crate::program::{
    Claim, Expect, Expr, MapLine, Part, Range, Relation, State, Term, Tolerance, Who,
};
use crate::source::Span;
use crate::words::Unit;

impl Run<'_> {
    pub(super) fn judge(
        &mut self,
        index: usize,
        expect: &Expect,
        span: Span,
    ) -> Result<Verdict, Stop> {
        let wanted = self.scenario.source.at(span);
        let wanted = wanted.strip_prefix("expect").unwrap_or(wanted).trim().to_owned();
        if !expect.on.is_empty() && !expect.on.contains(&self.options.arm) {
            return Ok(Verdict { held: None, wanted, found: String::new() });
        }
        let (held, found) = match self.claim(index, &expect.claim, span) {
            Ok(found) => found,
            Err(NoValue::Unknown(why)) => (false, why),
            Err(NoValue::Stop(stop)) => return Err(stop),
        };
        Ok(Verdict { held: Some(held), wanted, found })
    }

    fn claim(
        &mut self,
        index: usize,
        claim: &Claim,
        span: Span,
    ) -> Result<(bool, String), NoValue> {
        let last = self.so_far.processes.get(index).map(|process| process.last).unwrap_or_default();
        let came = match (last.any, last.failed) {
            (false, _) => "nothing that can fail was done before".to_owned(),
            (true, None) => "it succeeded".to_owned(),
            (true, Some(failed)) => failed.to_string(),
        };
        match claim {
            Claim::Fails(wanted) => {
                let held = match (last.failed, wanted) {
                    (Some(Failed::Error(found)), Some(wanted)) => found == *wanted,
                    (Some(_), None) => true,
                    _ => false,
                };
                Ok((held, came))
            }
            Claim::Succeeds => Ok((last.any && last.failed.is_none(), came)),
            Claim::Signal { signal, code, at } => {
                let at = match at {
                    Some(at) => Some(self.sum(index, at, None)?),
                    None => None,
                };
                let held = last.fault().is_some_and(|fault| {
                    fault.signal == *signal
                        && code.is_none_or(|code| fault.code == code)
                        && at.is_none_or(|at| i128::from(fault.address) == at)
                });
                Ok((held, came))
            }
            Claim::Compare { left, relation, right, within } => {
                self.compare(index, left, relation, right, within.as_ref())
            }
            Claim::Process(who, state) => self.became(*who, *state),
            Claim::KilledFirst(_)
            | Claim::Deaths(_)
            | Claim::Log { .. }
            | Claim::Constraint(_)
            | Claim::Panicked(_) => self.of_kills(claim, span),
            Claim::Maps { lines, exactly } => self.maps(index, lines, *exactly, span),
            Claim::Perms(range, perms) => {
                let mappings = self.overlapping(index, range, span)?;
                let held = !mappings.is_empty() && mappings.iter().all(|(_, _, p)| p == perms);
                let found: Vec<&str> = mappings.iter().map(|(_, _, p)| p.as_str()).collect();
                let found =
                    if found.is_empty() { "nothing is mapped".to_owned() } else { found.join(" ") };
                Ok((held, found))
            }
            Claim::Mapped(range) => {
                let (start, len) = self.range(index, range)?;
                let mappings = self.overlapping(index, range, span)?;
                let mut at = start;
                for (from, to, _) in &mappings {
                    if *from <= at {
                        at = at.max(*to);
                    }
                }
                let held = at >= start.saturating_add(len);
                Ok((held, if held { "mapped".into() } else { format!("a hole at {at:#x}") }))
            }
            Claim::Unmapped(range) => {
                let mappings = self.overlapping(index, range, span)?;
                let found = match mappings.first() {
                    Some((start, end, perms)) => format!("{start:x}-{end:x} {perms}"),
                    None => "nothing is mapped".to_owned(),
                };
                Ok((mappings.is_empty(), found))
            }
        }
    }

    /// Claims about what the OOM killer did, and the log.
    fn of_kills(&mut self, claim: &Claim, span: Span) -> Result<(bool, String), NoValue> {
        match claim {
            Claim::KilledFirst(who) => {
                let first = self.so_far.deaths.first().map(|death| self.death_name(death));
                let held = self.so_far.deaths.first().is_some_and(|death| is_who(death, *who));
                let found =
                    first.map_or("nobody was chosen".into(), |name| format!("it was {name}"));
                Ok((held, found))
            }
            Claim::Deaths(order) => {
                let held = order.len() == self.so_far.deaths.len()
                    && order
                        .iter()
                        .zip(&self.so_far.deaths)
                        .all(|(who, death)| is_who(death, *who));
                let found: Vec<String> = self
                    .so_far
                    .deaths
                    .iter()
                    .take(20)
                    .map(|death| self.death_name(death))
                    .collect();
                let more = self.so_far.deaths.len().saturating_sub(20);
                Ok((
                    held,
                    match (found.is_empty(), more) {
                        (true, _) => "nobody was chosen".to_owned(),
                        (false, 0) => found.join(" "),
                        (false, more) => format!("{} and {more} more", found.join(" ")),
                    },
                ))
            }
            Claim::Log { text, times } => {
                let found = self.machine(span)?.lines_with(text);
                let held = times.map_or(found > 0, |times| found == times);
                Ok((
                    held,
                    match found {
                        0 => "no line has it".to_owned(),
                        1 => "one line has it".to_owned(),
                        found => format!("{found} lines have it"),
                    },
                ))
            }
            Claim::Constraint(wanted) => match self.machine(span)?.constraint() {
                Some(found) => Ok((found == wanted.in_log(), format!("it is {found}"))),
                None => Ok((false, "the log names none".to_owned())),
            },
            Claim::Panicked(text) => Ok(match (&self.so_far.panic, text) {
                (Some(words), Some(text)) => (words.contains(text.as_str()), words.clone()),
                (Some(words), None) => (true, words.clone()),
                (None, _) => (false, "it did not".to_owned()),
            }),
            // Every other claim is judged where this is called from.
            _ => Ok((false, String::new())),
        }
    }

    fn death_name(&self, death: &Death) -> String {
        let name = self.scenario.names.get(death.name.0).map_or("?", String::as_str);
        match self.all_of(Who { name: death.name, nth: None }).len() {
            1 => name.to_owned(),
            _ => format!("{name}.{}", death.nth),
        }
    }

    /// Whether every process that is meant lives, or ended so.
    fn became(&mut self, who: Who, state: State) -> Result<(bool, String), NoValue> {
        let all = self.all_of(who);
        let mut ends = Vec::new();
        for &index in &all {
            self.look_alive(index)?;
            let activity = self.so_far.processes.get(index).map(|process| process.activity);
            ends.push(match activity {
                Some(Activity::Dead(end)) => Some(end),
                _ => None,
            });
        }
        let held = !ends.is_empty() && ends.iter().all(|&end| is_state(end, state));
        let found = match ends.as_slice() {
            [] => "there was no such process".to_owned(),
            &[end] => ended(end),
            _ => {
                let others = ends.iter().filter(|&&end| !is_state(end, state)).count();
                let other = ends.iter().find(|&&end| !is_state(end, state)).copied();
                match other {
                    Some(end) => {
                        format!("of {others} of {} this is not so: {}", all.len(), ended(end))
                    }
                    None => format!("all {}", all.len()),
                }
            }
        };
        Ok((held, found))
    }

    /// The mappings that touch a range: start, end, permissions.
    fn overlapping(
        &mut self,
        index: usize,
        range: &Range,
        span: Span,
    ) -> Result<Vec<(u64, u64, String)>, NoValue> {
        let (start, len) = self.range(index, range)?;
        let end = start.saturating_add(len);
        let Some(seen) = self.observe(index, span)? else {
            return Err(NoValue::Unknown("the process is dead".to_owned()));
        };
        Ok(proc::mappings(seen.maps.as_deref().unwrap_or_default())
            .into_iter()
            .filter(|mapping| mapping.start < end && mapping.end > start)
            .map(|mapping| (mapping.start, mapping.end, mapping.perms.to_owned()))
            .collect())
    }

    fn maps(
        &mut self,
        index: usize,
        lines: &[MapLine],
        exactly: bool,
        span: Span,
    ) -> Result<(bool, String), NoValue> {
        let Some(seen) = self.observe(index, span)? else {
            return Err(NoValue::Unknown("the process is dead".to_owned()));
        };
        let found = proc::mappings(seen.maps.as_deref().unwrap_or_default());
        let matches = |line: &MapLine, mapping: &proc::Mapping<'_>| {
            mapping.start == line.start
                && mapping.end == line.end
                && line.perms.as_ref().is_none_or(|perms| perms == mapping.perms)
                && line.name.as_ref().is_none_or(|name| name == mapping.name)
        };
        for line in lines {
            if !found.iter().any(|mapping| matches(line, mapping)) {
                let near: Vec<String> = found
                    .iter()
                    .filter(|mapping| mapping.start < line.end && mapping.end > line.start)
                    .map(shown)
                    .collect();
                let near = if near.is_empty() { "nothing".to_owned() } else { near.join(", ") };
                let wanted = format!("{:08x}-{:08x}", line.start, line.end);
                return Ok((false, format!("in place of {wanted} there is {near}")));
            }
        }
        if let (true, Some(more)) =
            (exactly, found.iter().find(|mapping| !lines.iter().any(|line| matches(line, mapping))))
        {
            return Ok((false, format!("there is {}, too", shown(more))));
        }
        Ok((true, format!("{} lines", lines.len())))
    }

    fn compare(
        &mut self,
        index: usize,
        left: &Expr,
        relation: &Relation,
        right: &Expr,
        within: Option<&Tolerance>,
    ) -> Result<(bool, String), NoValue> {
        let wanted = self.sum(index, right, None)?;
        let now = self.sum(index, left, None)?;
        let past = match relation {
            Relation::Grew(since) | Relation::Shrank(since) => {
                let own = match self.so_far.processes.get(index) {
                    Some(process) => process.checkpoint.clone(),
                    None => self.so_far.latest_checkpoint.clone(),
                };
                let name = since
                    .clone()
                    .or(own)
                    .ok_or_else(|| NoValue::Unknown("no checkpoint was reached".to_owned()))?;
                Some(self.sum(index, left, Some(&name))?)
            }
            _ => None,
        };
        let slack = match within {
            None => 0,
            Some(Tolerance::Amount(amount)) => self.sum(index, amount, None)?,
            Some(Tolerance::MilliPercent(share)) => {
                wanted.saturating_abs().saturating_mul(i128::from(*share)) / 100_000
            }
        };
        let near = |found: i128| (found - wanted).abs() <= slack;
        let held = match (relation, past) {
            (Relation::IsNot, _) => now != wanted,
            (Relation::AtLeast, _) => now >= wanted,
            (Relation::AtMost, _) => now <= wanted,
            (Relation::Grew(_), Some(past)) => near(now - past),
            (Relation::Shrank(_), Some(past)) => near(past - now),
            _ => near(now),
        };
        let found = match past {
            None => in_unit(left, now),
            Some(past) => {
                let (more, word) =
                    if now >= past { (now - past, "grew") } else { (past - now, "shrank") };
                let text = |value| in_unit(left, value);
                if more == 0 {
                    format!("it is {}, as it was", text(now))
                } else {
                    format!("it {word} by {}, from {} to {}", text(more), text(past), text(now))
                }
            }
        };
        Ok((held, found))
    }
}

fn is_who(death: &Death, who: Who) -> bool {
    death.name == who.name && who.nth.is_none_or(|nth| nth == death.nth)
}

fn shown(mapping: &proc::Mapping<'_>) -> String {
    let text =
        format!("{:08x}-{:08x} {} {}", mapping.start, mapping.end, mapping.perms, mapping.name);
    text.trim_end().to_owned()
}

fn is_state(end: Option<End>, state: State) -> bool {
    match (end, state) {
        (None, State::Alive)
        | (Some(End::Signal(9)), State::Killed)
        | (Some(End::Exit(_)), State::Exited(None)) => true,
        (Some(End::Exit(status)), State::Exited(Some(wanted))) => status == wanted,
        (Some(End::Signal(signal)), State::Signal(wanted)) => signal == wanted,
        _ => false,
    }
}

fn ended(end: Option<End>) -> String {
    match end {
        None => "it lives".to_owned(),
        Some(End::Exit(status)) => format!("it exited with status {status}"),
        Some(End::Signal(9)) => "it was killed".to_owned(),
        Some(End::Signal(signal)) => format!("it was ended by {}", signal::named(signal)),
    }
}

/// A value as people read it, in the unit of the first of its terms that has one.
pub(super) fn in_unit(expr: &Expr, value: i128) -> String {
    let bytes = expr.terms.iter().any(|(_, term)| match term {
        Term::OfProcess(_, field) | Term::OfMapping(_, field) | Term::OfMachine(field) => {
            proc::unit(field) == Unit::Bytes
        }
        Term::OfFile(quantity) => super::machine::unit(quantity) == Unit::Bytes,
        Term::Handle { part: Part::Len, .. } => true,
        _ => false,
    });
    let address = matches!(
        expr.terms.first(),
        Some((false, Term::Handle { part: Part::Whole | Part::Start | Part::End, .. }))
    );
    match (bytes, address) {
        (true, _) => amount(value),
        (_, true) => format!("{value:#x}"),
        _ => value.to_string(),
    }
}

/// Bytes as the kernel prints them, and as people read them.
pub(super) fn amount(value: i128) -> String {
    let size = u64::try_from(value.unsigned_abs()).unwrap_or(u64::MAX);
    let sign = if value < 0 { "-" } else { "" };
    if size % 1024 == 0 && size >= 1 << 20 {
        format!("{sign}{} kB ({})", size / 1024, Bytes::new(size))
    } else if size % 1024 == 0 {
        format!("{sign}{} kB", size / 1024)
    } else {
        format!("{sign}{size} bytes")
    }
}
