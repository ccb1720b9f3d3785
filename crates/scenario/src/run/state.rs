//! What a run knows of each process.

use std::collections::BTreeMap;
use std::rc::Rc;

use world::{End, Fault, ProcessId, Stop};

use super::event::Failed;
use crate::program::{HandleId, NameId, ProgramId, Who};

/// A process of the run.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) id: ProcessId,
    pub(super) name: NameId,
    pub(super) program: ProgramId,
    /// The next step.
    pub(super) at: usize,
    /// How many steps of the text it has come to, loops or not.
    pub(super) reached: usize,
    pub(super) loops: Vec<Round>,
    pub(super) activity: Activity,
    /// Which table its handles are in.
    pub(super) table: usize,
    /// A child of vfork that has neither exec'd nor ended.
    pub(super) borrows: bool,
    pub(super) last: Last,
    /// Its latest checkpoint, or its parent's before the fork.
    pub(super) checkpoint: Option<String>,
    pub(super) steps: u64,
    /// What its accesses have reached, in bytes.
    pub(super) touched: u64,
}

/// What a process is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Ready,
    /// Until this time.
    Sleeps(u64),
    WaitsFor(Who),
    /// Its memory, to that child.
    Lends(usize),
    Done,
    Dead(End),
}

/// A loop that a process is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    end: usize,
    left: Option<u64>,
    until_fails: bool,
    done: u64,
}

/// What just happened to a process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last {
    /// Whether anything did that can fail.
    pub(super) any: bool,
    pub(super) failed: Option<Failed>,
    pub(super) result: u64,
    pub(super) done: u64,
    pub(super) resident: u64,
    pub(super) rounds: u64,
}

impl Last {
    pub(super) fn fault(&self) -> Option<Fault> {
        match self.failed {
            Some(Failed::Stopped(Stop::Signal(fault))) => Some(fault),
            _ => None,
        }
    }
}

impl Process {
    pub(super) fn new(id: ProcessId, name: NameId, program: ProgramId, table: usize) -> Process {
        Process {
            id,
            name,
            program,
            at: 0,
            reached: 0,
            loops: Vec::new(),
            activity: Activity::Ready,
            table,
            borrows: false,
            last: Last::default(),
            checkpoint: None,
            steps: 0,
            touched: 0,
        }
    }

    /// Enters the loop that it stands at.
    pub(super) fn enter(&mut self, count: Option<u64>, until_fails: bool, end: usize) {
        if count == Some(0) {
            self.last.rounds = 0;
            self.at = end + 1;
            return;
        }
        self.loops.push(Round { end, left: count, until_fails, done: 0 });
        self.at += 1;
    }

    /// Ends a round of the innermost loop, which starts at `begin`.
    pub(super) fn again(&mut self, begin: usize) {
        let Some(round) = self.loops.last_mut() else {
            self.at += 1;
            return;
        };
        round.done += 1;
        round.left = round.left.map(|left| left.saturating_sub(1));
        if round.left == Some(0) {
            self.last.rounds = round.done;
            self.at = round.end + 1;
            self.loops.pop();
        } else {
            self.at = begin + 1;
        }
    }

    /// Leaves the innermost loop that ends by a failure, if it is in one.
    pub(super) fn break_out(&mut self) -> bool {
        let Some(at) = self.loops.iter().rposition(|round| round.until_fails) else {
            return false;
        };
        let round = self.loops.get(at).copied();
        self.loops.truncate(at);
        if let Some(round) = round {
            self.last.rounds = round.done;
            self.at = round.end + 1;
        }
        true
    }
}

/// What a handle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Value {
    /// First byte, or a number.
    pub(super) start: u64,
    /// Length in bytes.
    pub(super) len: u64,
}

/// Most values that are remembered of one name.
pub(super) const MOST_VALUES: usize = 1 << 20;

/// The handles of one memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    values: BTreeMap<HandleId, Rc<Vec<Value>>>,
    /// The latest, which may be past what is remembered.
    latest: BTreeMap<HandleId, Value>,
    /// The break that it began with, and the break where it is known.
    pub(super) heap: Option<(u64, Option<u64>)>,
}

impl Table {
    pub(super) fn set(&mut self, id: HandleId, value: Value) {
        self.latest.insert(id, value);
        let values = Rc::make_mut(self.values.entry(id).or_default());
        if values.len() < MOST_VALUES {
            values.push(value);
        }
    }

    /// Replaces the latest: the same thing lies elsewhere.
    pub(super) fn replace(&mut self, id: HandleId, value: Value) {
        let before = self.latest.insert(id, value);
        let values = Rc::make_mut(self.values.entry(id).or_default());
        if let Some(last) = values.last_mut().filter(|last| Some(**last) == before) {
            *last = value;
        }
    }

    pub(super) fn latest(&self, id: HandleId) -> Option<Value> {
        self.latest.get(&id).copied()
    }

    pub(super) fn nth(&self, id: HandleId, nth: usize) -> Option<Value> {
        self.values.get(&id)?.get(nth).copied()
    }
}
