//! A program that shows a mismatch, made smaller as long as it shows it.

use std::time::Instant;

use lab::Step;
use world::{Call, Touch};

use super::play::{Mismatch, Outcome};
use super::program::{Action, Program, What};
use lab::Done;

/// Tries at most.
const PATIENCE: usize = 3000;
/// Seconds at most.
const SECONDS: u64 = 20;

/// Plays a program and says what it shows, with what the first world answered.
pub(crate) type Judge<'a> = dyn FnMut(&Program) -> Option<(Mismatch, Vec<Outcome>)> + 'a;

/// The smallest program found that shows a mismatch of the same kind, and that mismatch.
pub(crate) fn shrink(
    program: Program,
    mismatch: Mismatch,
    judge: &mut Judge<'_>,
) -> (Program, Mismatch) {
    let mut shrinking =
        Shrinking { best: program, mismatch, judge, tries: 0, start: Instant::now() };
    shrinking.cut();
    shrinking.pin();
    loop {
        let before = shrinking.best.clone();
        shrinking.drop_actions();
        shrinking.simplify();
        shrinking.simplify_setup();
        if shrinking.best == before || shrinking.is_tired() {
            return (shrinking.best, shrinking.mismatch);
        }
    }
}

struct Shrinking<'a, 'b> {
    best: Program,
    mismatch: Mismatch,
    judge: &'a mut Judge<'b>,
    tries: usize,
    start: Instant,
}

impl Shrinking<'_, '_> {
    fn is_tired(&self) -> bool {
        self.tries >= PATIENCE || self.start.elapsed().as_secs() >= SECONDS
    }

    /// Takes `program` if it still shows the mismatch.
    fn try_one(&mut self, program: Program) -> bool {
        if self.is_tired() || program == self.best {
            return false;
        }
        self.tries += 1;
        match (self.judge)(&program) {
            Some((mismatch, _)) if mismatch.kind == self.mismatch.kind => {
                self.best = program;
                self.mismatch = mismatch;
                self.cut();
                true
            }
            _ => false,
        }
    }

    /// What comes after the mismatch was seen is of no use.
    fn cut(&mut self) {
        self.best.actions.truncate(self.mismatch.after);
    }

    /// Turns addresses that the kernel chose into hints, so that what comes later does not hang on
    /// what came before.
    fn pin(&mut self) {
        let Some((_, outcomes)) = (self.judge)(&self.best) else { return };
        let mut pinned = self.best.clone();
        for (action, outcome) in pinned.actions.iter_mut().zip(&outcomes) {
            if let (
                What::Step(Step::Call(Call::Mmap { addr: addr @ 0, .. })),
                Outcome::Done(Done::Returned(world::Returned { value: Ok(chosen), .. })),
            ) = (&mut action.what, outcome)
            {
                *addr = *chosen;
            }
        }
        self.try_one(pinned);
    }

    /// Leaves actions out, many at once first.
    fn drop_actions(&mut self) {
        let mut len = (self.best.actions.len() / 2).max(1);
        loop {
            let mut at = self.best.actions.len();
            while at > 0 {
                let from = at.saturating_sub(len);
                let mut smaller = self.best.clone();
                let end = at.min(smaller.actions.len());
                if from < end {
                    let dropped = smaller.actions.drain(from..end).collect::<Vec<_>>();
                    renumber(&mut smaller, from, &dropped);
                    self.try_one(smaller);
                }
                at = from;
            }
            if len == 1 {
                return;
            }
            len /= 2;
        }
    }

    /// Tries simpler arguments, one at a time.
    fn simplify(&mut self) {
        let mut at = 0;
        while at < self.best.actions.len() {
            let simpler = simpler(&self.best.actions[at]);
            let taken = simpler.into_iter().any(|action| {
                let mut program = self.best.clone();
                program.actions[at] = action;
                self.try_one(program)
            });
            if !taken {
                at += 1;
            }
        }
    }

    fn simplify_setup(&mut self) {
        for change in 0..7 {
            let mut program = self.best.clone();
            let setup = &mut program.setup;
            match change {
                0 => setup.limits.data = None,
                1 => setup.limits.address_space = None,
                2 => setup.limits.memlock = Some(8 << 20),
                3 => setup.limits.stack = Some(8 << 20),
                4 => setup.root = false,
                5 => setup.comb = 0,
                _ => {
                    setup.files.pop();
                }
            }
            self.try_one(program);
        }
    }
}

/// Processes have numbers by their order; when a fork is gone, those after it move up. The actions of
/// the process that is gone go too.
fn renumber(program: &mut Program, from: usize, dropped: &[Action]) {
    let is_fork = |action: &Action| matches!(action.what, What::Fork(_));
    for _ in dropped.iter().filter(|action| is_fork(action)) {
        let forks = program.actions[..from.min(program.actions.len())]
            .iter()
            .filter(|a| is_fork(a))
            .count();
        let lost = u32::try_from(forks).unwrap_or(u32::MAX) + 1;
        program.actions.retain(|action| action.process != lost);
        for action in &mut program.actions {
            if action.process > lost {
                action.process -= 1;
            }
        }
    }
}

/// Simpler forms of an action.
fn simpler(action: &Action) -> Vec<Action> {
    let process = action.process;
    let step = |step: Step| Action { process, what: What::Step(step) };
    let mut all = Vec::new();
    match &action.what {
        What::Step(Step::Touch(touch)) => {
            let counts = [1, touch.count / 2, touch.count.saturating_sub(1)];
            for count in counts.into_iter().filter(|&count| count < touch.count && count > 0) {
                all.push(step(Step::Touch(Touch { count, ..*touch })));
            }
            let content = world::Content::OneByte;
            all.push(step(Step::Touch(Touch { content, ..*touch })));
            let access = world::Access::Read;
            all.push(step(Step::Touch(Touch { access, ..*touch })));
        }
        What::Step(Step::Call(call)) => {
            all.extend(simpler_calls(call).into_iter().map(|call| step(Step::Call(call))));
        }
        _ => {}
    }
    all
}

fn simpler_calls(call: &Call) -> Vec<Call> {
    let lens = |len: u64| {
        let pages = len.div_ceil(4096);
        let mut all = vec![4096, 2 * 4096, (pages / 2) * 4096, pages.saturating_sub(1) * 4096];
        all.push(pages.saturating_mul(4096));
        all.retain(|&shorter| shorter > 0 && (shorter < len || !len.is_multiple_of(4096)));
        all
    };
    let each_bit = |bits: u32| {
        (0..32).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| bits & !(1 << bit))
    };
    let mut all = Vec::new();
    match *call {
        Call::Mmap { addr, len, prot, flags, fd, offset } => {
            for len in lens(len) {
                all.push(Call::Mmap { addr, len, prot, flags, fd, offset });
            }
            for bits in each_bit(flags.0) {
                all.push(Call::Mmap { addr, len, prot, flags: world::MapFlags(bits), fd, offset });
            }
            for bits in each_bit(prot.0) {
                all.push(Call::Mmap { addr, len, prot: world::Prot(bits), flags, fd, offset });
            }
            if offset != 0 {
                all.push(Call::Mmap { addr, len, prot, flags, fd, offset: 0 });
            }
        }
        Call::Munmap { addr, len } => {
            all.extend(lens(len).into_iter().map(|len| Call::Munmap { addr, len }));
        }
        Call::Mprotect { addr, len, prot } => {
            all.extend(lens(len).into_iter().map(|len| Call::Mprotect { addr, len, prot }));
        }
        Call::Madvise { addr, len, advice } => {
            all.extend(lens(len).into_iter().map(|len| Call::Madvise { addr, len, advice }));
        }
        Call::Mlock { addr, len } => {
            all.extend(lens(len).into_iter().map(|len| Call::Mlock { addr, len }));
        }
        Call::Mremap { addr, old_len, new_len, flags, new_addr } => {
            for old_len in lens(old_len) {
                all.push(Call::Mremap { addr, old_len, new_len, flags, new_addr });
            }
            for new_len in lens(new_len) {
                all.push(Call::Mremap { addr, old_len, new_len, flags, new_addr });
            }
        }
        Call::Mlock2 { addr, len, .. } => all.push(Call::Mlock { addr, len }),
        _ => {}
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz_host::text;

    /// Shows a mismatch while it unmaps something after a touch.
    fn judge(program: &Program) -> Option<(Mismatch, Vec<Outcome>)> {
        let texts: Vec<String> = program.actions.iter().map(ToString::to_string).collect();
        let touch = texts.iter().position(|text| text.contains("touch"))?;
        let after = touch + texts[touch..].iter().position(|text| text.contains("munmap"))? + 1;
        Some((Mismatch { after, kind: "munmap".to_owned(), lines: Vec::new() }, Vec::new()))
    }

    #[test]
    fn only_what_the_mismatch_needs_is_left() {
        let program = text::parse(
            "0 brk(0x0)\n0 touch(0x1000, 9, 0x1000, write)\n0 fork()\n1 brk(0x0)\n\
             0 munmap(0x1000, 0x9000)\n0 brk(0x0)\n",
        )
        .expect("a program");
        let (mismatch, _) = judge(&program).expect("shows it");
        let (small, _) = shrink(program, mismatch, &mut judge);
        assert_eq!(
            small.actions.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["0 touch(0x1000, 1, 0x1000, read)", "0 munmap(0x1000, 0x1000)"]
        );
    }
}
