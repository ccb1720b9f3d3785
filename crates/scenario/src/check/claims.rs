//! What `expect` states.

use facts::signal;
use world::Errno;

use super::Checker;
use super::args::{self, Args};
use super::scope::Scope;
use crate::problem::Problem;
use crate::program::{
    Arm, Claim, Constraint, Expect, Expr, MapLine, Quantity, Relation, State, Term, Tolerance, Who,
};
use crate::source::Span;
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
    if first.text == "cgroup" && !first.quoted {
        let claim = cgroup(checker, node, args, scope)?;
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
        let left = scope.expr(&checker.names, first)?;
        compare(checker, (node, entry, 2), left, scope)?
    } else {
        let known = words::names(RELATIONS).chain(words::names(STATES));
        return Err(Problem::new(second.span, format!("there is no relation `{}`", second.text))
            .label("expected `is`, `at-least`, `grew`… or `alive`, `killed`…")
            .suggest(&second.text, known));
    };
    Ok(Expect { claim, on })
}

/// `cgroup "/web" memory.events.oom_kill is 1`.
fn cgroup(
    checker: &mut Checker<'_>,
    node: &Node,
    args: &mut Args<'_>,
    scope: &Scope,
) -> Result<Claim, Problem> {
    let path = args.need("its path")?;
    super::machine::cgroup_path(path)?;
    checker.cgroups.push(path.clone());
    let key = args.need("its file")?;
    super::machine::cgroup_file(key)?;
    let relation = args.need("a relation such as `is`")?;
    let Some(entry) = words::find(RELATIONS, &relation.text) else {
        return Err(Problem::new(
            relation.span,
            format!("there is no relation `{}`", relation.text),
        )
        .label("expected `is`, `at-least`, `grew`…")
        .suggest(&relation.text, words::names(RELATIONS)));
    };
    let quantity = Quantity::Cgroup { path: path.text.clone(), key: key.text.clone() };
    let span = path.span.to(key.span);
    let left = Expr { terms: vec![(false, Term::OfFile(quantity))], span };
    compare(checker, (node, entry, 4), left, scope)
}

/// Where a claim is about a process that is not named, if it is; the empty place when it is about the
/// step before.
pub(super) fn needs_process(claim: &Claim) -> Option<Span> {
    let own = |expr: &Expr| {
        let bare = expr.terms.iter().any(|(_, term)| {
            matches!(
                term,
                Term::OfProcess(None, _)
                    | Term::Handle { .. }
                    | Term::OfMapping(..)
                    | Term::Last(_)
            )
        });
        bare.then_some(expr.span)
    };
    match claim {
        Claim::Fails(_) | Claim::Succeeds | Claim::Signal { .. } | Claim::Maps { .. } => {
            Some(Span::default())
        }
        Claim::Perms(range, _) | Claim::Mapped(range) | Claim::Unmapped(range) => {
            Some(range.start.span)
        }
        Claim::Compare { left, right, within, .. } => {
            own(left).or_else(|| own(right)).or_else(|| match within {
                Some(Tolerance::Amount(amount)) => own(amount),
                _ => None,
            })
        }
        _ => None,
    }
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
            let signal = args::one_of(args.need("which signal")?, signal::ENDING, "signal")?;
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
        ClaimWord::KilledFirst => {
            Claim::KilledFirst(checker.process_named(args.need("which process")?)?)
        }
        ClaimWord::Deaths => {
            let mut order = Vec::new();
            while let Some(word) = args.next() {
                order.push(checker.process_named(word)?);
            }
            Claim::Deaths(order)
        }
        ClaimWord::Log => log(args)?,
        ClaimWord::Panicked => Claim::Panicked(args.next().map(|word| word.text.clone())),
    })
}

fn log(args: &mut Args<'_>) -> Result<Claim, Problem> {
    const FORMS: &[(&str, u8)] = &[("contains", 0), ("lacks", 1), ("constraint", 2)];
    let missing = Problem::new(args.span(), "what of the log?")
        .label("expected `contains`, `lacks` or `constraint`");
    let form = args.raw().ok_or(missing)?;
    let form = args::one_of(form, FORMS, "claim about the log")?;
    let word = args.raw().ok_or_else(|| {
        Problem::new(args.span(), "`log` lacks what it should have").label("more is needed")
    })?;
    if form == 2 {
        return args::one_of(word, Constraint::NAMES, "constraint").map(Claim::Constraint);
    }
    let times =
        if form == 1 { Some(0) } else { args.prop("times").map(args::whole).transpose()? };
    Ok(Claim::Log { text: word.text.clone(), times })
}

fn process(
    checker: &mut Checker<'_>,
    node: &Node,
    entry: &'static Entry<StateWord>,
    name: &Text,
) -> Result<Claim, Problem> {
    let who: Who = checker.process_named(name)?;
    let mut args = Args::behind(node, entry, 2, ON);
    let state = match entry.word {
        StateWord::Alive => State::Alive,
        StateWord::Killed => State::Killed,
        StateWord::Exited => {
            let status = args.next().map(|word| args::signed(word, 0, 255)).transpose()?;
            State::Exited(status.and_then(|status| i32::try_from(status).ok()))
        }
        StateWord::Ended => {
            State::Signal(args::one_of(args.need("which signal")?, signal::ENDING, "signal")?)
        }
    };
    args.finish(false, checker.problems);
    Ok(Claim::Process(who, state))
}

/// A comparison, whose relation is the word at `skip - 1`.
fn compare(
    checker: &mut Checker<'_>,
    (node, entry, skip): (&Node, &'static Entry<RelationWord>, usize),
    left: Expr,
    scope: &Scope,
) -> Result<Claim, Problem> {
    let mut args = Args::behind(node, entry, skip, ON);
    let right = if entry.word == RelationWord::Unchanged {
        Expr { terms: vec![(false, Term::Number(0))], span: left.span }
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
