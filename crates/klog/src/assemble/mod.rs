//! From lines to reports: joining what was wrapped, parting what was interleaved.

mod apply;
mod builder;
mod figures;
mod finish;
mod name;
mod record_place;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use facts::Name;
use facts::oom_report::{LineKind, OomReport, Record, Records, SourceLine, Stamp};

use crate::Problem;
use crate::record::{self, Context, Item, More, task_row};
use crate::transport::{Caller, Origin, Peeled, RawStamp};
use builder::Builder;

/// A record longer than this is not carried on: the kernel's have 1 KiB. Every line that carries one on is
/// read with all before it, so this also bounds what hostile text can cost.
const LONGEST_RECORD: usize = 4 << 10;

/// Takes lines one by one and keeps the reports they make.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    open: Vec<Builder>,
    closed: Vec<Builder>,
    pending: Option<Pending>,
    /// A SysRq whose report has not begun.
    sysrq: Option<SourceLine>,
    /// What a record was kept in that has been routed, for the next.
    spare: (Vec<u8>, Vec<SourceLine>),
}

/// A record that further lines may carry on.
#[derive(Debug)]
struct Pending {
    body: Vec<u8>,
    origin: Origin,
    caller: Option<Caller>,
    /// How its last line was broken, if it was.
    next: Next,
    lines: Vec<SourceLine>,
}

/// A line as the assembler gets it.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// Its number in the text.
    pub(crate) number: u64,
    /// As it stood there.
    pub(crate) raw: Raw<'a>,
    /// What it says and who said it.
    pub(crate) peeled: Peeled<'a>,
    /// How the next line could carry it on.
    pub(crate) next: Next,
    /// It begins with a blank.
    pub(crate) starts_blank: bool,
    /// It carries on a record that was printed with newlines in it.
    pub(crate) inner: bool,
}

/// A line in its text, which the reports share.
#[derive(Debug, Clone)]
pub(crate) struct Raw<'a> {
    pub(crate) text: &'a Arc<Vec<u8>>,
    pub(crate) range: Range<usize>,
}

impl Raw<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.text[self.range.clone()]
    }
}

/// How a line was broken, if it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next line carries it on, inside a word.
    Glued,
    /// The next line carries it on, after a blank.
    GluedAfterBlank,
    /// It ends with a blank, as mailers leave it where they break lines.
    AfterBlank,
    /// It does not tell.
    Unknown,
}

impl Pending {
    /// Whether its last line was printed at this moment by this caller.
    fn is_of(&self, stamp: Option<RawStamp<'_>>, caller: Option<Caller>) -> bool {
        let last = self.lines.last().and_then(|line| line.stamp.as_ref());
        caller == self.caller && stamp.is_some() && last == stamp.map(Stamp::from).as_ref()
    }
}

impl Assembler {
    /// Takes the next line.
    pub(crate) fn push(&mut self, line: Line<'_>) {
        let Line { number, raw, peeled, next, starts_blank, inner } = line;
        let Peeled { body, origin, stamp, caller, .. } = peeled;
        let source = || SourceLine {
            number,
            kind: LineKind::Unknown,
            stamp: stamp.map(Stamp::from),
            records: Records::new(),
            text: Name::within(raw.text, raw.range.clone()),
        };
        if let Some(pending) = &mut self.pending {
            let room = pending.body.len() < LONGEST_RECORD;
            let joined = match pending.next {
                Next::Glued | Next::GluedAfterBlank if room => {
                    if pending.next == Next::GluedAfterBlank || starts_blank {
                        pending.body.push(b' ');
                    }
                    pending.body.extend_from_slice(body);
                    true
                }
                _ => {
                    (origin == Origin::Bare && !inner && carries_on(&self.open, pending, body))
                        || (name::could_go_on(&pending.body, body)
                            && match origin {
                                Origin::Kernel => !inner && pending.is_of(stamp, caller),
                                Origin::Bare => inner || starts_blank,
                                Origin::Program => false,
                            }
                            && name::goes_on(&self.open, pending, body))
                }
            };
            if joined {
                pending.next = next;
                if pending.lines.last().is_none_or(|last| last.number != number) {
                    pending.lines.push(source());
                }
                return;
            }
        }
        let before = self.pending.take();
        // What stands on one line of the text is one line of the report.
        let (caller, same) = match &before {
            Some(before) if origin == Origin::Bare => {
                let same = before.lines.last().is_some_and(|last| last.number == number);
                (before.caller, same)
            }
            _ => (caller, false),
        };
        // A bare line after another program's may still be the kernel's.
        let (mut kept, mut lines) = std::mem::take(&mut self.spare);
        kept.extend_from_slice(body);
        if !same {
            lines.push(source());
        }
        let pending = Pending { body: kept, origin, caller, next, lines };
        if let Some(mut before) = before {
            self.route(&mut before);
            before.body.clear();
            before.lines.clear();
            self.spare = (before.body, before.lines);
        }
        self.pending = Some(pending);
    }

    /// Whether the last line read was of a task table whose columns are known.
    pub(crate) fn is_in_table(&self) -> bool {
        let context = self.open.last().map_or_else(Context::default, |last| last.context);
        context.section == Some(LineKind::Tasks) && context.columns.is_some()
    }

    /// Nothing carries on the last line.
    pub(crate) fn settle(&mut self) {
        if let Some(mut pending) = self.pending.take() {
            self.route(&mut pending);
        }
    }

    /// Takes a row of the table that the newest report is in, if `body` is one and nothing besides:
    /// what [`Assembler::push`] does with it when nothing carries on the line before or this one.
    pub(crate) fn push_row(
        &mut self,
        number: u64,
        raw: &Raw<'_>,
        micros: u64,
        body: &[u8],
    ) -> bool {
        // Blanks at the end of a line tell how it goes on.
        let ends_blank = body.last().is_none_or(u8::is_ascii_whitespace);
        if !self.is_in_table() || self.pending.is_some() || ends_blank {
            return false;
        }
        let Some(builder) = self.open.last_mut() else { return false };
        let Some(columns) = builder.context.columns else { return false };
        let Some((row, done, true)) = task_row(body, columns) else { return false };
        if done != body.len() {
            return false;
        }
        let line = SourceLine {
            number,
            kind: LineKind::Tasks,
            stamp: Some(Stamp::Boot(micros)),
            records: Records::new(),
            text: Name::within(raw.text, raw.range.clone()),
        };
        builder.keep_row(line, row);
        true
    }

    /// Everything found, in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<(OomReport, Vec<Problem>)> {
        self.settle();
        let mut all = self.closed;
        all.append(&mut self.open);
        all.retain(|builder| !builder.says_nothing());
        all.sort_by_key(Builder::first_line);
        all.into_iter().map(Builder::finish).collect()
    }

    fn target(&self, caller: Option<Caller>) -> Option<usize> {
        target(&self.open, caller)
    }

    /// Gives a record to the report it belongs to.
    fn route(&mut self, pending: &mut Pending) {
        let &mut Pending { ref body, origin, caller, ref mut lines, .. } = pending;
        let target = self.target(caller);
        if origin == Origin::Program {
            self.keep(target.or(self.open.len().checked_sub(1)), lines, LineKind::Foreign);
            return;
        }
        if is_blank(body) {
            self.keep(target, lines, LineKind::Blank);
            return;
        }
        let context = target.map_or_else(Context::default, |at| self.open[at].context);
        let Some(reading) = record::read(body, context) else {
            let last = self.open.len().checked_sub(1);
            // Every line of the table begins with a bracket: a stamped one without is not of it.
            let between = context.section == Some(LineKind::Tasks)
                && context.columns.is_some()
                && origin == Origin::Kernel
                && !body.starts_with(b"[");
            let kind =
                if target.is_some() && !between { LineKind::Unknown } else { LineKind::Foreign };
            self.keep(target.or(last), lines, kind);
            return;
        };
        for line in &mut *lines {
            line.kind = reading.item.kind();
        }
        if let Item::SysRq = reading.item {
            self.sysrq = lines.pop();
            if let Some(line) = &mut self.sysrq {
                line.records.push(Record::SysRq);
            }
            return;
        }
        let number = lines.first().map_or_else(|| self.last_number(), |line| line.number);
        let Some(at) = self.place(&reading.item, target, caller, reading.strong) else {
            let last = self.open.len().checked_sub(1);
            self.keep(last, lines, LineKind::Foreign);
            return;
        };
        let sysrq = if matches!(reading.item, Item::Trigger(_)) { self.sysrq.take() } else { None };
        let leftover = &body.trim_ascii()[reading.consumed.min(body.trim_ascii().len())..];
        let builder = match at {
            Place::Open(at) => &mut self.open[at],
            Place::Closed(at) => &mut self.closed[at],
        };
        if let Some(sysrq) = sysrq {
            builder.sysrq = true;
            builder.keep(&mut vec![sysrq], true);
        }
        let taken = lines.len();
        builder.keep(lines, true);
        builder.leftover(number, &reading.item, leftover);
        let record = record_place::of(&reading.item);
        builder.apply(reading.item, number);
        builder.place_record(record, taken);
    }

    fn last_number(&self) -> u64 {
        self.open.last().map_or(0, Builder::last_line)
    }

    fn keep(&mut self, at: Option<usize>, lines: &mut Vec<SourceLine>, kind: LineKind) {
        for line in &mut *lines {
            line.kind = kind;
        }
        if let Some(at) = at {
            self.open[at].keep(lines, false);
        }
    }

    /// The report an item belongs to; a new one where it begins one.
    fn place(
        &mut self,
        item: &Item<'_>,
        target: Option<usize>,
        caller: Option<Caller>,
        strong: bool,
    ) -> Option<Place> {
        if let Item::Reaper(line) = item {
            let pid = finish::reaped_pid(line);
            let killed = |builder: &Builder| pid.is_some() && builder.has_victim(pid);
            if let Some(at) = self.open.iter().rposition(killed) {
                return Some(Place::Open(at));
            }
            if let Some(at) = self.closed.iter().rposition(killed) {
                return Some(Place::Closed(at));
            }
        }
        match target {
            Some(at) if !self.open[at].is_closed_by(item) => return Some(Place::Open(at)),
            Some(at) => {
                let done = self.open.remove(at);
                self.closed.push(done);
            }
            None if !strong => return None,
            None => {}
        }
        self.open.push(Builder::new(caller));
        Some(Place::Open(self.open.len() - 1))
    }
}

enum Place {
    Open(usize),
    Closed(usize),
}

/// The open report of this caller; lines that do not say who printed them belong to the newest.
fn target(open: &[Builder], caller: Option<Caller>) -> Option<usize> {
    match caller {
        None => open.len().checked_sub(1),
        Some(_) => open
            .iter()
            .rposition(|builder| builder.caller == caller)
            .or_else(|| open.iter().rposition(|builder| builder.caller.is_none())),
    }
}

/// Whether a bare line carries the record before it on; if so, it is added to it.
fn carries_on(open: &[Builder], pending: &mut Pending, body: &[u8]) -> bool {
    let full = pending.body.len() + body.len() > LONGEST_RECORD;
    if pending.origin == Origin::Program || full || is_blank(body) || pending.body.is_empty() {
        return false;
    }
    let context = target(open, pending.caller).map_or_else(Context::default, |at| open[at].context);
    let own = record::read(body, context);
    // Figures and registers may be a line's end as well as lines; anything else stands alone.
    let part =
        |item: &Item<'_>| matches!(item, Item::Figures(_) | Item::Global(_) | Item::Registers);
    if own.as_ref().is_some_and(|own| own.strong || !part(&own.item)) {
        return false;
    }
    let Some(before) = record::read(&pending.body, context) else { return false };
    let (more, understood) = (before.more, before.consumed);
    let kind = before.item.kind();
    // The words of a stack stand on lines of their own, below the machine's name.
    if own.is_some() && matches!(before.item, Item::Cpu(_) | Item::Hardware(_) | Item::Taints(_)) {
        return false;
    }
    let summary = matches!(before.item, Item::OomKill(_));
    let row = matches!(before.item, Item::Task { .. }) && more == More::No;
    if more == More::No && !row {
        return false;
    }
    // Lines are broken at blanks, and in words only where there is none for long.
    let between: &[&[u8]] = match pending.next {
        Next::AfterBlank | Next::GluedAfterBlank => &[b" "],
        _ if summary => &[b"", b" "],
        _ => &[b" ", b""],
    };
    let old = pending.body.len();
    for between in between {
        pending.body.extend_from_slice(between);
        pending.body.extend_from_slice(body);
        let joined = record::read(&pending.body, context).is_some_and(|joined| {
            let whole = joined.consumed == pending.body.trim_ascii_end().len();
            joined.item.kind() == kind
                && (whole || (more == More::Wanted && joined.consumed > understood.max(old)))
        });
        // A row that has a name already goes on only to make a name that is known.
        let known = !row || {
            let at = target(open, pending.caller);
            at.is_some_and(|at| open[at].knows_name_at_end(&pending.body))
        };
        if joined && known {
            return true;
        }
        pending.body.truncate(old);
    }
    false
}

/// Nothing, or what people put between parts of a report.
fn is_blank(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.is_empty()
        || body.starts_with(b"```")
        || body.starts_with(b"{{<")
        || matches!(
            body,
            b"..." | b"[...]" | b"[ ... ]" | b"(...)" | b"(...snipped...)" | b"<snip>" | b"[snip]"
        )
}
