//! Which names a step may use, and what they stand for.

use std::collections::BTreeMap;

use crate::number::{Number, number};
use crate::problem::Problem;
use crate::program::{Expr, Handle, HandleId, Image, Last, NameId, Part, Quantity, Term, Who};
use crate::source::Span;
use crate::tree::{Text, is_unit};
use crate::words::{self, Field};

/// What a handle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A range of addresses.
    Memory,
    /// A range that the C library gave.
    Chunk,
    /// An open file.
    File,
    /// A System V segment.
    Segment,
    /// What a step would have given that has a mistake: nothing more is said about it.
    Unknown,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::Memory => "a range of memory",
            Kind::Chunk => "memory of the C library",
            Kind::File => "an open file",
            Kind::Segment => "a shared segment",
            Kind::Unknown => "unknown",
        }
    }
}

/// The names a program knows at one of its steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    handles: BTreeMap<String, (HandleId, Kind)>,
    /// Checkpoints that came before, in this program or in its parents'.
    pub(super) checkpoints: Vec<String>,
}

/// Names of the whole scenario.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Handles, by their [`HandleId`].
    pub(super) handles: Vec<String>,
    /// Processes, by their [`NameId`].
    pub(super) processes: Vec<String>,
}

impl Names {
    pub(super) fn process(&self, name: &str) -> Option<NameId> {
        self.processes.iter().position(|known| known == name).map(NameId)
    }

    /// Processes as they are named: `web`, `web.3`.
    pub(super) fn who(&self, text: &str) -> Option<Who> {
        match text.split_once('.') {
            None => self.process(text).map(|name| Who { name, nth: None }),
            Some((name, nth)) => {
                let digits = !nth.is_empty() && nth.bytes().all(|b| b.is_ascii_digit());
                let nth = digits.then(|| nth.parse().ok()).flatten()?;
                self.process(name).map(|name| Who { name, nth: Some(nth) })
            }
        }
    }
}

/// Names that are taken.
const RESERVED: &[&str] = &[
    "heap", "stack", "text", "vdso", "machine", "fails", "meminfo", "vmstat", "zone", "ksm",
    "pressure", "cgroup", "node",
];

/// Why this cannot be the name of a checkpoint, which no value is mistaken for, if it cannot.
pub(super) fn refuse_shape(word: &Text) -> Option<Problem> {
    let text = &word.text;
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !first || !plain || text.len() > 64 {
        return Some(
            Problem::new(word.span, format!("`{text}` cannot be a name"))
                .label("expected a name")
                .help("names are letters, digits and `_`, and start with a letter"),
        );
    }
    None
}

/// Why this cannot be a name, if it cannot.
pub(super) fn refuse_name(word: &Text) -> Option<Problem> {
    let text = &word.text;
    if let Some(problem) = refuse_shape(word) {
        return Some(problem);
    }
    let field = |list: &[Field]| list.iter().any(|field| field.name == text);
    if RESERVED.contains(&text.as_str())
        || is_unit(text)
        || field(words::PROCESS_FIELDS)
        || field(words::VALUES)
    {
        return Some(
            Problem::new(word.span, format!("`{text}` has a meaning already"))
                .label("this name is taken")
                .help("choose another name"),
        );
    }
    None
}

impl Scope {
    /// Gives a name; the id is the same whenever one program gives it again.
    pub(super) fn give(&mut self, names: &mut Names, name: &str, kind: Kind) -> HandleId {
        if let Some(&(id, known)) = self.handles.get(name)
            && known == kind
        {
            return id;
        }
        let id = HandleId(names.handles.len());
        names.handles.push(name.to_owned());
        self.handles.insert(name.to_owned(), (id, kind));
        id
    }

    /// Gives a name that a step with a mistake would have given.
    pub(super) fn forgive(&mut self, names: &mut Names, word: &Text) {
        if refuse_name(word).is_none() && !self.handles.contains_key(&word.text) {
            self.give(names, &word.text, Kind::Unknown);
        }
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        self.handles.keys().map(String::as_str)
    }

    /// A handle of one of these kinds, as a name that has no dots and no sums.
    pub(super) fn handle(&self, word: &Text, kinds: &[Kind]) -> Result<HandleId, Problem> {
        match self.handles.get(&word.text) {
            Some(&(id, kind)) if kind == Kind::Unknown || kinds.contains(&kind) => Ok(id),
            Some(&(_, kind)) => {
                Err(Problem::new(word.span, format!("`{}` is {}", word.text, kind.words()))
                    .label(format!("expected {}", kinds.first().map_or("", |kind| kind.words()))))
            }
            None => Err(Problem::new(word.span, format!("nothing is named `{}`", word.text))
                .label("not given by any step before")
                .suggest(&word.text, self.known())),
        }
    }

    /// The kind of a handle that was given.
    pub(super) fn kind(&self, id: HandleId) -> Option<Kind> {
        self.handles.values().find(|(known, _)| *known == id).map(|&(_, kind)| kind)
    }

    /// Whether a handle is what the C library gave.
    pub(super) fn is_chunk(&self, handle: Handle) -> bool {
        match handle {
            Handle::Latest(id) | Handle::Nth(id, _) => {
                matches!(self.kind(id), Some(Kind::Chunk | Kind::Unknown))
            }
            Handle::Heap | Handle::Image(_) => false,
        }
    }

    /// A sum that is an address: open files and segments have none.
    pub(super) fn address(&self, names: &Names, word: &Text) -> Result<Expr, Problem> {
        let expr = self.expr(names, word)?;
        for (_, term) in &expr.terms {
            if let Term::Handle { handle: Handle::Latest(id) | Handle::Nth(id, _), .. } = term
                && let Some(kind @ (Kind::File | Kind::Segment)) = self.kind(*id)
            {
                return Err(Problem::new(
                    word.span,
                    format!("`{}` is {}, and has no address", word.text, kind.words()),
                )
                .label("expected memory"));
            }
        }
        Ok(expr)
    }

    /// A sum.
    pub(super) fn expr(&self, names: &Names, word: &Text) -> Result<Expr, Problem> {
        if word.quoted {
            return Err(Problem::new(word.span, "a text in quotes is no value")
                .label("expected a size, an address or a name"));
        }
        let mut terms = Vec::new();
        let mut rest = word.text.as_str();
        let mut at = word.span.start;
        let mut minus = false;
        if let Some(tail) = rest.strip_prefix(['+', '-']) {
            minus = rest.starts_with('-');
            rest = tail;
            at += 1;
        }
        loop {
            let len = rest.find(['+', '-']).unwrap_or(rest.len());
            let (text, tail) = rest.split_at(len);
            // Where `8 KiB` was joined, places in the text are not places in the word.
            let exact = word.span.end - word.span.start == word.text.len();
            let span = if exact { Span::new(at, len) } else { word.span };
            terms.push((minus, self.term(names, text, span)?));
            if terms.len() > 16 {
                return Err(Problem::new(word.span, "a sum of more than 16 terms")
                    .label("too long to be meant"));
            }
            let Some(sign) = tail.chars().next() else { break };
            minus = sign == '-';
            rest = tail.get(1..).unwrap_or("");
            at += len + 1;
        }
        Ok(Expr { terms, span: word.span })
    }

    fn term(&self, names: &Names, text: &str, span: Span) -> Result<Term, Problem> {
        if text.is_empty() {
            return Err(Problem::new(span, "a sum lacks a term")
                .label("expected a size, an address or a name"));
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return match number(text) {
                Ok(Number::Plain(value)) => Ok(Term::Number(value)),
                Ok(Number::Pages(count)) => Ok(Term::Pages(count)),
                Err(message) => Err(Problem::new(span, message).label("no size")),
            };
        }
        let (name, rest) = match text.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        if let Some(handle) = self.named(name) {
            return handle_term(handle, rest, span);
        }
        match (name, rest) {
            ("machine", Some(field)) => known_field(words::MACHINE_FIELDS, field, span)
                .map(|()| Term::OfMachine(field.to_owned())),
            ("meminfo" | "vmstat" | "zone" | "node" | "ksm" | "pressure", Some(field)) => {
                quantity(name, field, span).map(Term::OfFile)
            }
            (_, Some(field)) if names.process(name).is_some() => {
                let (who, field) = match field.rsplit_once('.') {
                    Some((nth, field)) => (names.who(&format!("{name}.{nth}")), field),
                    None => (names.who(name), field),
                };
                let who = who.ok_or_else(|| {
                    Problem::new(span, format!("`{text}` is no value of a process"))
                        .label("written `NAME.VmRSS`, or `NAME.0.VmRSS` for the first of several")
                })?;
                known_field(words::PROCESS_FIELDS, field, span)
                    .map(|()| Term::OfProcess(Some(who), field.to_owned()))
            }
            (_, None) if words::PROCESS_FIELDS.iter().any(|field| field.name == name) => {
                Ok(Term::OfProcess(None, name.to_owned()))
            }
            ("result", None) => Ok(Term::Last(Last::Result)),
            ("done", None) => Ok(Term::Last(Last::Done)),
            ("rounds", None) => Ok(Term::Last(Last::Rounds)),
            ("resident", None) => Ok(Term::Last(Last::Resident)),
            _ => {
                let fields = words::PROCESS_FIELDS.iter().chain(words::VALUES).map(|f| f.name);
                let processes = names.processes.iter().map(String::as_str);
                let images =
                    ["heap", "stack", "text", "vdso", "machine", "meminfo", "vmstat", "zone"];
                let known = self.known().chain(processes).chain(fields).chain(images);
                let problem = Problem::new(span, format!("nothing is named `{name}`"))
                    .label("not given by any step before");
                Err(problem.suggest(name, known))
            }
        }
    }

    fn named(&self, name: &str) -> Option<Handle> {
        match name {
            "heap" => Some(Handle::Heap),
            "stack" => Some(Handle::Image(Image::Stack)),
            "text" => Some(Handle::Image(Image::Text)),
            "vdso" => Some(Handle::Image(Image::Vdso)),
            _ => self.handles.get(name).map(|&(id, _)| Handle::Latest(id)),
        }
    }
}

/// `block`, `block.end`, `block.3`, `block.3.end`, `block.Rss`.
fn handle_term(handle: Handle, rest: Option<&str>, span: Span) -> Result<Term, Problem> {
    let Some(rest) = rest else { return Ok(Term::Handle { handle, part: Part::Whole }) };
    if let Handle::Latest(id) = handle {
        let (index, after) = match rest.split_once('.') {
            Some((index, after)) => (index, Some(after)),
            None => (rest, None),
        };
        if index.starts_with(|c: char| c.is_ascii_digit()) {
            let nth: usize = index.parse().map_err(|_| {
                Problem::new(span, format!("`{index}` is no number of a handle"))
                    .label("`block.0` is the first of that name")
            })?;
            return handle_term(Handle::Nth(id, nth), after, span);
        }
    }
    match rest {
        "start" => Ok(Term::Handle { handle, part: Part::Start }),
        "end" => Ok(Term::Handle { handle, part: Part::End }),
        "len" => Ok(Term::Handle { handle, part: Part::Len }),
        _ => known_field(words::MAPPING_FIELDS, rest, span)
            .map(|()| Term::OfMapping(handle, rest.to_owned())),
    }
}

/// `meminfo.MemFree`, `zone.DMA32.low`, `zone.1.Normal.free`, `pressure.memory.some.total`.
fn quantity(file: &str, rest: &str, span: Span) -> Result<Quantity, Problem> {
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let wrong = |expected: &str| {
        Problem::new(span, format!("there is no value `{file}.{rest}`"))
            .label(format!("written {expected}"))
    };
    match file {
        "meminfo" if plain(rest) => {
            let known = words::MACHINE_FIELDS.iter().map(|field| field.name);
            let near = crate::problem::nearest(rest, known);
            // Lines that are not in the table are looked for; slips of lines that are, are not.
            match near {
                Some(name) if name != rest && name.eq_ignore_ascii_case(rest) => {
                    Err(wrong("as in /proc/meminfo").suggest(rest, [name]))
                }
                _ => Ok(Quantity::Meminfo(rest.to_owned())),
            }
        }
        "vmstat" if plain(rest) => Ok(Quantity::Vmstat(rest.to_owned())),
        "node" => {
            let (node, field) = rest.split_once('.').ok_or_else(|| wrong("`node.1.MemFree`"))?;
            match node.parse() {
                Ok(node) if plain(field) => Ok(Quantity::Node { node, field: field.to_owned() }),
                _ => Err(wrong("`node.1.MemFree`")),
            }
        }
        "ksm" if plain(rest) => Ok(Quantity::Ksm(rest.to_owned())),
        "pressure" => {
            let parts: Vec<&str> = rest.split('.').collect();
            match parts.as_slice() {
                [what, line, field] if parts.iter().all(|part| plain(part)) => {
                    Ok(Quantity::Pressure([what, line, field].map(|part| (*part).to_owned())))
                }
                _ => Err(wrong("`pressure.memory.some.total`")),
            }
        }
        "zone" => {
            let (node, rest) = match rest.split_once('.') {
                Some((node, rest)) if node.bytes().all(|b| b.is_ascii_digit()) => {
                    (node.parse().ok(), rest)
                }
                _ => (None, rest),
            };
            let (zone, field) = rest.split_once('.').ok_or_else(|| wrong("`zone.DMA32.low`"))?;
            let zones = ["DMA", "DMA32", "Normal", "HighMem", "Movable"];
            if !zones.contains(&zone) {
                return Err(Problem::new(span, format!("there is no zone `{zone}`"))
                    .label("expected DMA, DMA32, Normal, HighMem or Movable")
                    .suggest(zone, zones));
            }
            let name = field.strip_prefix("protection.").unwrap_or(field);
            if !plain(name) {
                return Err(wrong("`zone.DMA32.low`"));
            }
            let (zone, field) = (zone.to_owned(), field.to_owned());
            Ok(Quantity::Zone { node, zone, field })
        }
        _ => Err(wrong("as the reference lists them")),
    }
}

fn known_field(fields: &[Field], name: &str, span: Span) -> Result<(), Problem> {
    if fields.iter().any(|field| field.name == name) {
        return Ok(());
    }
    let known = fields.iter().map(|field| field.name).chain(["start", "end", "len"]);
    Err(Problem::new(span, format!("there is no value `{name}`"))
        .label("cannot be looked up")
        .suggest(name, known))
}
