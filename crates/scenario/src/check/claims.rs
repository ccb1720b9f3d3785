//! What `expect` states.

use world::Errno;

use super::Checker;
use super::args::{self, Args};
use super::scope::Scope;
use super::steps::SIGNALS;
use crate::problem::Problem;
use crate::program::{Arm, Claim, Expect, Expr, MapLine, Relation, State, Term, Tolerance};
use crate::tree::{Node, Text};
use crate::words::{self, CLAIMS, ClaimWord, Entry, RELATIONS, RelationWord, STATES, StateWord};

/// Codes of signals by the names of `siginfo`.
const CODES: &[(&str, i32)] = &[
    ("SEGV_MAPERR", 1),
    ("SEGV_ACCERR", 2),
    ("SEGV_PKUERR", 4),
    ("BUS_ADRALN", 1),
    ("BUS_ADRERR", 2),
    ("BUS_MCEERR_AR", 4),
    ("ILL_ILLOPN", 2),
    ("SI_KERNEL", 128),
];

/// The option that every claim may have.
const ON: &str = "on";

/// Reads an `expect`.
pub(super) fn expect(
    checker: &mut Checker<'_>,
    node: &Node,
    args: &mut Args<'_>,
    scope: &Scope,
) -> Result<Expect, Problem> {
    let first = args.need("what is expected")?;
    let on = args.prop(ON).map_or(Ok(Vec::new()), arms)?;
    if let Some(entry) = words::find(CLAIMS, &first.text) {
        let mut args = Args::behind(node, entry, 1, ON);
        let claim = own_word(checker, &mut args, entry.word, scope)?;
        let block = matches!(entry.word, ClaimWord::Maps | ClaimWord::MapsExactly);
        args.finish(block, checker.problems);
        return Ok(Expect { claim, on });
    }
    // Every other claim needs a relation or a state behind what it is about.
    let second = args.next().ok_or_else(|| {
        Problem::new(first.span, "nothing is stated")
            .label("a value or a process alone")
            .help("written `expect VALUE is VALUE`, `expect PROCESS alive`, `expect fails ENOMEM`…")
    })?;
    let claim = if let Some(entry) = words::find(STATES, &second.text) {
        process(checker, node, entry, first)?
    } else if let Some(entry) = words::find(RELATIONS, &second.text) {
        compare(checker, node, entry, first, scope)?
    } else {
        let known = words::names(RELATIONS).chain(words::names(STATES));
        return Err(Problem::new(second.span, format!("there is no relation `{}`", second.text))
            .label("expected `is`, `at-least`, `grew`… or `alive`, `killed`…")
            .suggest(&second.text, known));
    };
    Ok(Expect { claim, on })
}

fn own_word(
    checker: &mut Checker<'_>,
    args: &mut Args<'_>,
    word: ClaimWord,
    scope: &Scope,
) -> Result<Claim, Problem> {
    Ok(match word {
        ClaimWord::Fails => Claim::Fails(args.next().map(errno).transpose()?),
        ClaimWord::Succeeds => Claim::Succeeds,
        ClaimWord::Signal => {
            let signal = args::one_of(args.need("which signal")?, SIGNALS, "signal")?;
            let code = args
                .next()
                .map(|word| args::one_of(word, CODES, "code of a signal"))
                .transpose()?;
            let at = args.prop("at").map(|word| scope.expr(&checker.names, word)).transpose()?;
            Claim::Signal { signal, code, at }
        }
        ClaimWord::Mapped => Claim::Mapped(checker.range(args, scope, true)?),
        ClaimWord::Unmapped => Claim::Unmapped(checker.range(args, scope, true)?),
        ClaimWord::Perms => {
            let range = checker.range(args, scope, false)?;
            let perms = args.need("the permissions")?;
            check_perms(perms)?;
            Claim::Perms(range, perms.text.clone())
        }
        ClaimWord::Maps | ClaimWord::MapsExactly => {
            let mut lines = Vec::new();
            for node in args.block()? {
                let line = map_line(node);
                lines.extend(checker.ok(line));
            }
            Claim::Maps { lines, exactly: word == ClaimWord::MapsExactly }
        }
    })
}

fn process(
    checker: &mut Checker<'_>,
    node: &Node,
    entry: &'static Entry<StateWord>,
    name: &Text,
) -> Result<Claim, Problem> {
    let id = checker.process_named(name)?;
    let mut args = Args::behind(node, entry, 2, ON);
    let state = match entry.word {
        StateWord::Alive => State::Alive,
        StateWord::Killed => State::Killed,
        StateWord::Exited => {
            let status = args.next().map(|word| args::signed(word, 0, 255)).transpose()?;
            State::Exited(status.and_then(|status| i32::try_from(status).ok()))
        }
        StateWord::Ended => {
            State::Signal(args::one_of(args.need("which signal")?, SIGNALS, "signal")?)
        }
    };
    args.finish(false, checker.problems);
    Ok(Claim::Process(id, state))
}

fn compare(
    checker: &mut Checker<'_>,
    node: &Node,
    entry: &'static Entry<RelationWord>,
    first: &Text,
    scope: &Scope,
) -> Result<Claim, Problem> {
    let left = scope.expr(&checker.names, first)?;
    let mut args = Args::behind(node, entry, 2, ON);
    let right = if entry.word == RelationWord::Unchanged {
        Expr { terms: vec![(false, Term::Number(0))], span: first.span }
    } else {
        scope.expr(&checker.names, args.need("what it is compared with")?)?
    };
    let past =
        matches!(entry.word, RelationWord::Grew | RelationWord::Shrank | RelationWord::Unchanged);
    let since = if past { since(&mut args, scope)? } else { None };
    let relation = match entry.word {
        RelationWord::Is => Relation::Is,
        RelationWord::IsNot => Relation::IsNot,
        RelationWord::AtLeast => Relation::AtLeast,
        RelationWord::AtMost => Relation::AtMost,
        RelationWord::Grew | RelationWord::Unchanged => Relation::Grew(since),
        RelationWord::Shrank => Relation::Shrank(since),
    };
    let within = if past || entry.word == RelationWord::Is {
        args.prop("within").map(|word| tolerance(checker, word, scope)).transpose()?
    } else {
        None
    };
    args.finish(false, checker.problems);
    Ok(Claim::Compare { left, relation, right, within })
}

fn since(args: &mut Args<'_>, scope: &Scope) -> Result<Option<String>, Problem> {
    match args.prop("since") {
        Some(word) if scope.checkpoints.contains(&word.text) => Ok(Some(word.text.clone())),
        Some(word) => {
            Err(Problem::new(word.span, format!("no checkpoint before is named `{}`", word.text))
                .label("not reached yet")
                .suggest(&word.text, scope.checkpoints.iter().map(String::as_str)))
        }
        None if scope.checkpoints.is_empty() => {
            Err(Problem::new(args.span(), "there is no checkpoint to compare with")
                .label("compared with what?")
                .help("write `checkpoint NAME` before the steps whose effect is meant"))
        }
        None => Ok(None),
    }
}

fn tolerance(checker: &Checker<'_>, word: &Text, scope: &Scope) -> Result<Tolerance, Problem> {
    match args::percent(word)? {
        Some(thousandths) => Ok(Tolerance::MilliPercent(thousandths)),
        None => scope.expr(&checker.names, word).map(Tolerance::Amount),
    }
}

fn arms(word: &Text) -> Result<Vec<Arm>, Problem> {
    word.text
        .split(',')
        .map(|name| {
            let part = Text { text: name.trim().to_owned(), span: word.span, quoted: false };
            args::one_of(&part, Arm::NAMES, "place to run on")
        })
        .collect()
}

fn errno(word: &Text) -> Result<Errno, Problem> {
    Errno::from_name(&word.text).ok_or_else(|| {
        Problem::new(word.span, format!("there is no error `{}`", word.text))
            .label("expected a name of errno(3) such as ENOMEM")
            .suggest(&word.text, Errno::NAMES.iter().map(|(name, _)| *name))
    })
}

/// `08048000-08049000`.
pub(super) fn address_range(word: &Text) -> Result<(u64, u64), Problem> {
    let parse = |text: &str| {
        let hex = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
    };
    word.text
        .split_once('-')
        .and_then(|(start, end)| Some((parse(start)?, parse(end)?)))
        .filter(|(start, end)| start < end)
        .ok_or_else(|| {
            Problem::new(word.span, format!("`{}` is no range of addresses", word.text))
                .label("expected one as /proc/PID/maps prints it: `08048000-08049000`")
        })
}

/// `rw-p`.
pub(super) fn check_perms(word: &Text) -> Result<(), Problem> {
    let allowed = [b"r-", b"w-", b"x-", b"ps"];
    let well = word.text.len() == 4
        && word.text.bytes().zip(allowed).all(|(found, allowed)| allowed.contains(&found));
    if well {
        return Ok(());
    }
    Err(Problem::new(word.span, format!("`{}` are no permissions", word.text))
        .label("expected them as /proc/PID/maps prints them: `rw-p`"))
}

fn map_line(node: &Node) -> Result<MapLine, Problem> {
    let (start, end) = address_range(&node.name)?;
    let perms = node.args.first().map(|word| check_perms(word).map(|()| word.text.clone()));
    if let Some(word) = node.args.get(2) {
        return Err(Problem::new(word.span, "a line of `maps` is a range, permissions and a name")
            .label("one word too many"));
    }
    Ok(MapLine {
        start,
        end,
        perms: perms.transpose()?,
        name: node.args.get(1).map(|word| word.text.clone()),
        span: node.span,
    })
}
