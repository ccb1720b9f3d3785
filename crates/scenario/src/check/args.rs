//! The arguments and options of one node, taken one by one; what nobody took is a mistake.

use crate::number::{Number, milli_percent, number};
use crate::problem::Problem;
use crate::source::Span;
use crate::tree::{Node, Text};
use crate::words::Entry;

/// What stands behind a word.
pub(super) struct Args<'n> {
    node: &'n Node,
    /// The form, as the message shows it.
    form: &'static str,
    options: &'static [(&'static str, &'static str)],
    next: usize,
    taken: Vec<&'n str>,
    flags: Vec<&'n Text>,
}

impl<'n> Args<'n> {
    /// The arguments of a node, whose options are those in the table. Options without a value may
    /// stand anywhere behind the word.
    pub(super) fn new<W>(node: &'n Node, entry: &'static Entry<W>) -> Args<'n> {
        Args {
            node,
            form: entry.form,
            options: entry.options,
            next: 0,
            taken: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// The arguments behind the first `skip`, where these decide what may follow; options that any
    /// of them may have are `taken`.
    pub(super) fn behind<W>(
        node: &'n Node,
        entry: &'static Entry<W>,
        skip: usize,
        taken: &'n str,
    ) -> Args<'n> {
        let mut args = Args::new(node, entry);
        args.next = skip;
        args.taken.push(taken);
        args
    }

    /// Where the node is.
    pub(super) fn span(&self) -> Span {
        self.node.span
    }

    /// The next argument, whether it is an option or not.
    pub(super) fn raw(&mut self) -> Option<&'n Text> {
        let word = self.node.args.get(self.next)?;
        self.next += 1;
        Some(word)
    }

    fn is_option(&self, word: &Text) -> bool {
        !word.quoted && self.options.iter().any(|(name, _)| *name == word.text)
    }

    /// The next argument that is no option. The first one never is: a handle may be named as one.
    pub(super) fn next(&mut self) -> Option<&'n Text> {
        while let Some(word) = self.node.args.get(self.next) {
            self.next += 1;
            if self.next > 1 && self.is_option(word) {
                self.flags.push(word);
            } else {
                return Some(word);
            }
        }
        None
    }

    /// The next argument, if there is one that is no option, without taking it.
    pub(super) fn peek(&self) -> Option<&'n Text> {
        self.node.args.iter().skip(self.next).find(|word| !self.is_option(word))
    }

    /// The next argument, which must be there.
    pub(super) fn need(&mut self, what: &str) -> Result<&'n Text, Problem> {
        let end = self.node.span.end;
        self.next().ok_or_else(|| {
            Problem::new(self.node.name.span, format!("`{}` lacks {what}", self.node.name.text))
                .label(if end == self.node.name.span.end { "alone" } else { "more is needed" })
                .help(format!("written `{}`", self.form))
        })
    }

    /// Whether an option without a value is there. To be asked when all arguments are taken.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.any_flag(&[name]).is_some()
    }

    /// Which of these options is there; the first that was written.
    pub(super) fn any_flag(&mut self, names: &[&'static str]) -> Option<&'n Text> {
        debug_assert!(names.iter().all(|name| self.options.iter().any(|(n, _)| n == name)));
        while let Some(word) = self.node.args.get(self.next).filter(|word| self.is_option(word)) {
            self.next += 1;
            self.flags.push(word);
        }
        let found = self.flags.iter().position(|word| names.contains(&word.text.as_str()))?;
        let word = self.flags.get(found).copied();
        self.flags.remove(found);
        word
    }

    /// The value of an option (`name` without its `=`).
    pub(super) fn prop(&mut self, name: &'static str) -> Option<&'n Text> {
        debug_assert!(
            self.options.iter().any(|(option, _)| option.strip_suffix('=') == Some(name)),
            "{name} is not in the table"
        );
        self.taken.push(name);
        self.node.props.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
    }

    /// The block, which must be there.
    pub(super) fn block(&self) -> Result<&'n [Node], Problem> {
        self.node.children.as_deref().ok_or_else(|| {
            Problem::new(self.node.span, format!("`{}` lacks its block", self.node.name.text))
                .label("nothing in braces follows")
                .help(format!("written `{}`", self.form))
        })
    }

    /// Every argument, option and block that nobody took is a mistake.
    pub(super) fn finish(mut self, has_block: bool, problems: &mut Vec<Problem>) {
        let name = &self.node.name.text;
        let options = || self.options.iter().map(|(option, _)| *option);
        while let Some(word) = self.next() {
            let problem =
                Problem::new(word.span, format!("`{name}` does not take `{}`", word.text))
                    .label("not known here")
                    .help(format!("written `{}`", self.form));
            problems.push(match crate::problem::nearest(&word.text, options()) {
                Some(_) => problem.suggest(&word.text, options()),
                None => problem,
            });
        }
        for word in &self.flags {
            problems.push(
                Problem::new(word.span, format!("`{}` does not go with the rest", word.text))
                    .label("twice, or against another option"),
            );
        }
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in &self.node.props {
            if !self.taken.contains(&key.text.as_str()) {
                let keys = self.options.iter().filter_map(|(option, _)| option.strip_suffix('='));
                let known: Vec<&str> = keys.collect();
                let problem =
                    Problem::new(key.span, format!("`{name}` has no option `{}=`", key.text))
                        .label("not known here");
                problems.push(if known.is_empty() {
                    problem.help(format!("written `{}`", self.form))
                } else {
                    problem.suggest(&key.text, known)
                });
            }
            if seen.contains(&key.text.as_str()) {
                problems.push(
                    Problem::new(key.span.to(value.span), format!("`{}=` is said twice", key.text))
                        .label("the second time"),
                );
            }
            seen.push(&key.text);
        }
        if let (false, Some(_)) = (has_block, &self.node.children) {
            problems.push(
                Problem::new(self.node.span, format!("`{name}` has no block"))
                    .label("braces follow")
                    .help(format!("written `{}`", self.form)),
            );
        }
    }
}

/// A plain number.
pub(super) fn whole(word: &Text) -> Result<u64, Problem> {
    match number(&word.text) {
        Ok(Number::Plain(value)) if !word.quoted => Ok(value),
        _ => Err(Problem::new(word.span, format!("expected a number, found `{}`", word.text))
            .label("no number")),
    }
}

/// A number that may be negative, from `low` to `high`.
pub(super) fn signed(word: &Text, low: i64, high: i64) -> Result<i64, Problem> {
    let value = word.text.replace('_', "").parse::<i64>().ok();
    value.filter(|value| (low..=high).contains(value)).ok_or_else(|| {
        Problem::new(
            word.span,
            format!("expected a number from {low} to {high}, found `{}`", word.text),
        )
        .label("not in range")
    })
}

/// A size in bytes, where no page size is known.
pub(super) fn size(word: &Text) -> Result<u64, Problem> {
    match number(&word.text) {
        Ok(Number::Plain(value)) => Ok(value),
        Ok(Number::Pages(_)) => Err(Problem::new(word.span, "pages have no size here")
            .label("expected a size such as `64KiB`")),
        Err(message) => Err(Problem::new(word.span, message).label("no size")),
    }
}

/// A time in nanoseconds.
pub(super) fn time(word: &Text) -> Result<u64, Problem> {
    crate::number::time(&word.text)
        .map_err(|message| Problem::new(word.span, message).label("no time"))
}

/// A percentage in thousandths, if it is one.
pub(super) fn percent(word: &Text) -> Result<Option<u64>, Problem> {
    if !word.text.ends_with('%') {
        return Ok(None);
    }
    milli_percent(&word.text).map(Some).ok_or_else(|| {
        Problem::new(word.span, format!("expected a percentage, found `{}`", word.text))
            .label("such as `2%` or `0.5%`")
    })
}

/// The word among these.
pub(super) fn one_of<T: Copy>(
    word: &Text,
    names: &'static [(&'static str, T)],
    what: &str,
) -> Result<T, Problem> {
    if let Some(&(_, value)) = names.iter().find(|(name, _)| *name == word.text) {
        return Ok(value);
    }
    let all: Vec<String> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
    let problem = Problem::new(word.span, format!("there is no {what} `{}`", word.text))
        .label(format!("expected {}", all.join(", ")));
    Err(problem.suggest(&word.text, names.iter().map(|(name, _)| *name)))
}
