//! One call: what the model answers, whether the log agrees, and what is done when it does not.

use rules::replay::Difference;
use sim::Machine;
use world::{Advice, Call, Errno, MapFlags, Prot, World, WorldError};

use super::describe;
use super::mapped::{ANONYMOUS, missing, perform};
use super::player::{Player, Tracee, Verdict, number};
use super::program::{count, is_fixed};
use super::space::page_up;
use crate::entry::{FileName, Outcome, What};

impl Player<'_> {
    /// Whether an entry's answer is compared: not where it hangs on what no log tells.
    pub(super) fn judged(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        let unknown = matches!(entry.outcome, Outcome::Unknown | Outcome::Error(Errno(0)));
        matches!(entry.what, What::Memory { .. }) && !unknown && self.untold(index).is_none()
    }

    /// What an answer hangs on that no log tells, in the words of the report.
    fn untold(&self, index: usize) -> Option<&'static str> {
        let entry = &self.entries[index];
        let What::Memory { call, file } = &entry.what else { return None };
        let from_file = *file != FileName::None;
        match (entry.outcome, call) {
            (_, Call::Mmap { flags, .. })
                if flags.has(MapFlags::HUGETLB) || self.huge.contains(&index) =>
            {
                Some("mmap of huge pages")
            }
            (Outcome::Error(error), Call::Mmap { .. })
                if from_file && error != Errno::ENOMEM && error != Errno::EEXIST =>
            {
                Some("mmap refused by a file")
            }
            // Below the stack and between what `execve` mapped.
            (Outcome::Value(at), Call::Mmap { addr: 0, flags, .. })
                if !is_fixed(*flags) && self.is_above_the_first(entry.pid, at) =>
            {
                Some("mmap above all that the log tells of")
            }
            // Where it is written to.
            (Outcome::Error(Errno::EFAULT), Call::Mincore { .. }) => Some("mincore into no memory"),
            // Which pages there are is the program's doing.
            (_, Call::Madvise { advice, .. })
                if Advice::from_name("MADV_COLLAPSE") == Some(*advice) =>
            {
                Some("madvise(MADV_COLLAPSE)")
            }
            _ => None,
        }
    }

    /// Whether an address lies above the first mapping of a program that the log tells of, below which
    /// all others are placed as long as there is room.
    fn is_above_the_first(&self, pid: u32, address: u64) -> bool {
        let space = self.tracees.get(&pid).and_then(|tracee| self.spaces.get(tracee.space));
        space.is_some_and(|space| space.whole && space.base.is_some_and(|base| address >= base))
    }

    /// Makes a call on a machine and compares. What must have been mapped is assumed.
    pub(super) fn attempt(
        &mut self,
        index: usize,
        on: Option<&mut Machine>,
    ) -> Result<Verdict, WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(Verdict::Equal) };
        let Some(tracee) = self.tracees.get(&entry.pid).copied() else {
            return Ok(Verdict::Equal);
        };
        let file = self.mapped(index);
        let trial = on.is_some();
        let machine = on.unwrap_or(&mut self.machine);
        let mut answer = perform(machine, tracee.id, call, file)?;
        if let (Err(_), Outcome::Value(_), false) = (answer, entry.outcome, trial) {
            let space = &self.spaces[tracee.space];
            let missing = missing(&self.machine, tracee.id, call, space);
            for &(start, end) in &missing {
                self.assume(tracee, entry.line, start, end)?;
            }
            if !missing.is_empty() {
                answer = perform(&mut self.machine, tracee.id, call, file)?;
            }
        }
        if let (false, Ok(model), Outcome::Value(log)) = (trial, answer, entry.outcome)
            && let Call::Mmap { addr, len, flags, .. } = *call
            && model != log
            && model == addr & !4095
            && !is_fixed(flags)
            && !self.spaces[tracee.space].ever_mapped(model, model.saturating_add(len))
        {
            // The hint was refused, so something is there: the program itself, which no line maps.
            self.machine.call(tracee.id, &Call::Munmap { addr: model, len })?;
            self.assume(tracee, entry.line, model, model.saturating_add(4096))?;
            answer = perform(&mut self.machine, tracee.id, call, file)?;
        }
        Ok(match (entry.outcome, answer) {
            (Outcome::Value(log), Ok(model)) if log == model => Verdict::Equal,
            (Outcome::Error(log), Err(model)) if log == model => Verdict::Equal,
            // What is there says why it was refused, and no line says what is there.
            (Outcome::Error(_), Err(_))
                if !missing(&self.machine, tracee.id, call, &self.spaces[tracee.space])
                    .is_empty() =>
            {
                Verdict::Untold
            }
            _ => Verdict::Differs(answer),
        })
    }

    /// Counts an answer, and puts the model where the log is when it differs.
    pub(super) fn commit(
        &mut self,
        index: usize,
        verdict: Verdict,
        raced: bool,
    ) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(()) };
        let Some(tracee) = self.tracees.get(&entry.pid).copied() else { return Ok(()) };
        self.remember(tracee, call, entry.outcome);
        let anchor = self.anchored.remove(&index).is_some();
        if verdict == Verdict::Untold {
            self.outside("change of what no line maps", entry.line);
            return Ok(());
        }
        if let Some(program) = self.out.programs.get_mut(tracee.program) {
            if anchor {
                program.score.anchors += 1;
            } else {
                count(&mut program.score, call, verdict == Verdict::Equal);
            }
        }
        let Verdict::Differs(answer) = verdict else { return Ok(()) };
        if !anchor {
            self.out.differences.push(Difference {
                line: number(entry.line),
                pid: (entry.pid != 0).then_some(entry.pid),
                call: call.to_string(),
                log: describe::outcome(entry.outcome),
                model: describe::answer(answer),
                raced,
                attached: !self.spaces[tracee.space].whole,
            });
        }
        self.correct(index, tracee, answer)
    }

    /// An entry whose answer is not compared: where it mapped something, something is there.
    pub(super) fn take_over(&mut self, index: usize) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(()) };
        let Some(tracee) = self.tracees.get(&entry.pid).copied() else { return Ok(()) };
        if entry.outcome != Outcome::Unknown {
            let name = self.untold(index).unwrap_or("call that failed otherwise");
            self.outside(name, entry.line);
        }
        self.remember(tracee, call, entry.outcome);
        self.correct(index, tracee, Err(Errno::ENOMEM))
    }

    fn remember(&mut self, tracee: Tracee, call: &Call, outcome: Outcome) {
        let Outcome::Value(value) = outcome else { return };
        let space = &mut self.spaces[tracee.space];
        match *call {
            Call::Mmap { len, .. } => space.maps(value, len),
            Call::Mremap { new_len, .. } => space.maps(value, new_len),
            Call::Brk { addr } if addr == value => {
                let start = space.heap.unwrap_or(value).min(value);
                space.maps(start, value - start);
            }
            _ => {}
        }
    }

    /// Puts the model where the log is.
    fn correct(
        &mut self,
        index: usize,
        tracee: Tracee,
        answer: Result<u64, Errno>,
    ) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let What::Memory { call, .. } = &entry.what else { return Ok(()) };
        let Outcome::Value(log) = entry.outcome else { return Ok(()) };
        let id = tracee.id;
        match *call {
            Call::Mmap { addr, len, prot, flags, fd, offset }
                if !is_fixed(flags) || answer.is_err() =>
            {
                if let Ok(model) = answer {
                    self.machine.call(id, &Call::Munmap { addr: model, len })?;
                    // What is mapped and not in the log is learned as it shows.
                    let end = page_up(log.saturating_add(len));
                    let whole = self.spaces[tracee.space].whole && !self.damaged;
                    let there = page_up(model.saturating_add(len));
                    if !whole && addr == 0 && end < there {
                        self.assume(tracee, entry.line, end, there)?;
                    }
                }
                let flags = flags
                    .without(MapFlags::FIXED_NOREPLACE.with(MapFlags::HUGETLB))
                    .with(MapFlags::FIXED);
                let call = Call::Mmap { addr: log, len, prot, flags, fd, offset };
                let file = self.mapped(index);
                perform(&mut self.machine, id, &call, file)?.ok();
            }
            Call::Mremap { addr, old_len, new_len, .. } => {
                if let Ok(model) = answer {
                    self.machine.call(id, &Call::Munmap { addr: model, len: new_len })?;
                }
                self.machine.call(id, &Call::Munmap { addr, len: old_len })?;
                let flags = ANONYMOUS.with(MapFlags::FIXED);
                let prot = Prot::READ.with(Prot::WRITE);
                let call = Call::Mmap { addr: log, len: new_len, prot, flags, fd: -1, offset: 0 };
                self.machine.call(id, &call)?;
            }
            Call::Brk { .. } => {
                self.machine.call(id, &Call::Brk { addr: log })?;
            }
            _ => {}
        }
        Ok(())
    }
}
