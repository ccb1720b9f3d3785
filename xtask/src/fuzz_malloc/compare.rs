//! One trace on both, and the first thing that differs.

use super::op::{Code, Op};
use super::play::{Answer, Player};
use super::real::{Library, Run};
use crate::Stop;
use malloc::Tunables;
use std::fmt::Write;

/// What was compared and found equal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Equal {
    pub(super) ops: u64,
    pub(super) calls: u64,
}

impl Equal {
    pub(super) fn add(&mut self, more: Equal) {
        self.ops += more.ops;
        self.calls += more.calls;
    }
}

/// The first difference.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// The number of the operation, if it can be told.
    pub(super) at: Option<usize>,
    pub(super) text: String,
}

/// Everything but the trace that a comparison depends on.
#[derive(Debug, Clone)]
pub(super) struct Setting<'a> {
    pub(super) library: &'a Library,
    pub(super) tunables: Tunables,
    pub(super) strace: bool,
    /// Compare addresses alone: the debugging library knows the size that was asked for, and
    /// has statistics of its own.
    pub(super) addresses_only: bool,
    #[cfg(feature = "mutants")]
    pub(super) mutant: Option<malloc::Mutant>,
}

impl<'a> Setting<'a> {
    pub(super) fn new(library: &'a Library) -> Setting<'a> {
        Setting {
            library,
            tunables: Tunables::default(),
            strace: false,
            addresses_only: false,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// Plays a trace on the library.
    pub(super) fn run(&self, ops: &[Op]) -> Result<Run, Stop> {
        self.library.run(ops, &self.tunables, self.strace)
    }

    /// The model where the library was.
    pub(super) fn player(&self, run: &Run) -> Player {
        let layout = run.start.layout;
        #[cfg(feature = "mutants")]
        let layout = {
            let aligned = self.mutant != Some(malloc::Mutant::HugePagesNotAligned);
            malloc::Layout { huge_aligned: layout.huge_aligned && aligned, ..layout }
        };
        let player = Player::new(self.library.rules, &self.tunables, layout, &run.start.taken);
        #[cfg(feature = "mutants")]
        let player = {
            let mut player = player;
            player.heap.break_rule(self.mutant);
            player
        };
        player
    }

    /// Plays a trace on both.
    pub(super) fn compare(&self, ops: &[Op]) -> Result<Result<Equal, Difference>, Stop> {
        let run = self.run(ops)?;
        Ok(self.compare_with(ops, &run))
    }

    /// Plays a trace on the model and holds it against what the library did.
    pub(super) fn compare_with(&self, ops: &[Op], run: &Run) -> Result<Equal, Difference> {
        let mut player = self.player(run);
        let mut answers = &run.answers[..];
        let mut seen = 0;
        for (at, op) in ops.iter().enumerate() {
            let differs = |text| Difference { at: Some(at), text };
            let answer = match player.play(op) {
                Ok(answer) => answer,
                Err(abort) => return Err(differs(format!("{op:?}: the model ends: {abort}"))),
            };
            let Some((real, rest)) = answers.split_at_checked(op.answers()) else {
                let why = run.failure.as_deref().unwrap_or("its answers end here");
                return Err(differs(format!("{op:?}: the model goes on, but {why}")));
            };
            answers = rest;
            let equal = match answer {
                _ if self.addresses_only => match op.code {
                    Code::Mallinfo | Code::Trim | Code::Mallopt | Code::Usable => true,
                    Code::PosixMemalign => real == answer.numbers(),
                    _ => real[0] == answer.numbers()[0],
                },
                Answer::Two(first, second) => real == [first, second],
                // Before 2.33 there is only `mallinfo`, which is cut to an int.
                Answer::Info(fields) if self.library.rules.has_mallinfo2() => real == fields,
                Answer::Info(fields) => real == fields.map(|field| field & 0xffff_ffff),
            };
            if !equal {
                let text = format!("{op:?}\n  real  {real:x?}\n  model {:x?}", answer.numbers());
                return Err(differs(text));
            }
            if let Some(real) = &run.calls {
                let calls = player.heap.kernel().calls();
                for call in &calls[seen..] {
                    let line = call.to_string();
                    let real = real.get(seen).map_or("nothing", String::as_str);
                    if line != real {
                        let text =
                            format!("{op:?}, system call {seen}\n  real  {real}\n  model {line}");
                        return Err(differs(text));
                    }
                    seen += 1;
                }
            } else {
                player.heap.kernel_mut().take();
            }
        }
        let whole = |text| Difference { at: None, text };
        if let Some(real) = run.calls.as_ref().and_then(|calls| calls.get(seen)) {
            return Err(whole(format!("one more system call of the library: {real}")));
        }
        for (what, real, model) in
            [("malloc_stats", &run.stats, &player.stats), ("malloc_info", &run.info, &player.info)]
        {
            if let Some(text) = first_line(real, model)
                && !self.addresses_only
            {
                return Err(whole(format!("{what}: {text}")));
            }
        }
        if let Some(failure) = &run.failure {
            return Err(whole(failure.clone()));
        }
        Ok(Equal { ops: ops.len() as u64, calls: seen as u64 })
    }
}

fn first_line(real: &str, model: &str) -> Option<String> {
    if real == model {
        return None;
    }
    let mut text = String::new();
    let pairs = real.lines().zip(model.lines()).enumerate();
    for (number, (real, model)) in pairs {
        if real != model {
            let _ = write!(text, "line {}\n  real  {real}\n  model {model}", number + 1);
            return Some(text);
        }
    }
    Some(format!("{} lines, the model {}", real.lines().count(), model.lines().count()))
}
