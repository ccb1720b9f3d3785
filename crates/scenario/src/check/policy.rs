//! Steps about nodes: `set-mempolicy`, `mbind`, `run-on`.

use world::{BindFlags, Call, PolicyMode};

use super::Checker;
use super::args::{self, Args};
use super::scope::Scope;
use super::steps::{bits, call, on_range};
use crate::problem::Problem;
use crate::program::Op;
use crate::tree::Text;

/// What `max_node` is so that the whole word of the mask counts.
const WHOLE: u64 = 65;

const BIND_FLAGS: &[(&str, BindFlags)] =
    &[("strict", BindFlags::STRICT), ("move", BindFlags::MOVE), ("move-all", BindFlags::MOVE_ALL)];

/// The number of the mode that a word is.
fn named(word: &Text) -> Result<u32, Problem> {
    let names = PolicyMode::NAMES.iter();
    let found = names.clone().find(|(_, name, _)| *name == word.text);
    found.map(|(.., number)| *number).ok_or_else(|| {
        Problem::new(word.span, format!("there is no memory policy `{}`", word.text))
            .label("expected a mode")
            .suggest(&word.text, names.map(|(_, name, _)| *name))
    })
}

/// A mode with its flags, and nodes: mask and how much of it counts.
fn policy(args: &mut Args<'_>) -> Result<(PolicyMode, u64, u64), Problem> {
    let mut mode = match args.prop("mode") {
        Some(word) => bits(word)?,
        None => named(args.need("the mode")?)?,
    };
    for (_, name, bit) in PolicyMode::FLAGS {
        if args.flag(name) {
            mode |= bit;
        }
    }
    let nodes = match (args.prop("nodes"), args.prop("mask")) {
        (Some(word), _) => nodes(word)?,
        (None, Some(word)) => args::whole(word)?,
        (None, None) => 0,
    };
    let max_node = args.prop("max-node").map_or(Ok(WHOLE), args::whole)?;
    Ok((PolicyMode(mode), nodes, max_node))
}

/// `0-1,3` as a mask; `none`.
fn nodes(word: &Text) -> Result<u64, Problem> {
    let wrong = || {
        Problem::new(word.span, format!("`{}` are no nodes", word.text))
            .label("expected numbers from 0 to 63: `1`, `0-2`, `0,3`, or `none`")
    };
    if word.text == "none" {
        return Ok(0);
    }
    let mut mask = 0;
    for part in word.text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.parse::<u32>().ok().filter(|node| *node < 64);
        let (first, last) = number(first).zip(number(last)).ok_or_else(wrong)?;
        if first > last {
            return Err(wrong());
        }
        mask |= (first..=last).fold(0, |mask, node| mask | 1 << node);
    }
    Ok(mask)
}

impl Checker<'_> {
    pub(super) fn set_mempolicy(args: &mut Args<'_>) -> Result<Op, Problem> {
        let (mode, nodes, max_node) = policy(args)?;
        Ok(call(Call::SetMempolicy { mode, nodes, max_node }))
    }

    pub(super) fn mbind(&self, args: &mut Args<'_>, scope: &Scope) -> Result<Op, Problem> {
        let range = self.range(args, scope, true)?;
        let (mode, nodes, max_node) = policy(args)?;
        let mut flags = BindFlags(0);
        for &(name, flag) in BIND_FLAGS {
            if args.flag(name) {
                flags = flags.with(flag);
            }
        }
        let flags = args.prop("flags").map_or(Ok(flags), |word| bits(word).map(BindFlags))?;
        Ok(on_range(Call::Mbind { addr: 0, len: 0, mode, nodes, max_node, flags }, range))
    }
}

/// `run-on NODE`, and `node=` of a process.
pub(super) fn run_on(word: &Text) -> Result<Op, Problem> {
    let node = u32::try_from(args::signed(word, 0, 1023)?).unwrap_or(0);
    Ok(call(Call::RunOn { node }))
}
