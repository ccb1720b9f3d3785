//! Processes and threads of the log: where each begins, whose memory it uses, what it executes.

use std::collections::BTreeMap;

use facts::Name;
use rules::replay::{Anchor, AnchorKind};
use units::ScoreAdj;
use world::{Call, ForkKind, Limits, ProcessId, ProcessSpec, World, WorldError};

use super::anchor::{self, Anchors};
use super::player::{Player, Tracee, number};
use super::program::program;
use super::space::Space;
use crate::entry::{Entry, Outcome, Spawn, What};

impl Player<'_> {
    /// The process of a pid: known, or begun by a call that has not ended yet, or there before.
    pub(super) fn tracee(&mut self, pid: u32, index: usize) -> Result<Tracee, WorldError> {
        if !self.tracees.contains_key(&pid) {
            self.spawn(pid)?;
        }
        if let Some(tracee) = self.tracees.get(&pid)
            && self.machine.alive(tracee.id)?.is_none()
        {
            return Ok(*tracee);
        }
        let entry = &self.entries[index];
        if let Some(tracee) = self.stranger(pid, index)? {
            return Ok(tracee);
        }
        // The first thing that a program does is to ask for its break.
        let whole = is_first_brk(entry);
        let anchors = anchor::find(self.entries, index, pid, whole);
        self.anchored(&anchors);
        self.machine.set_image(anchors.image());
        let id = self.start()?;
        let space = if whole { Space::fresh() } else { Space::default() };
        self.spaces.push(space.anchored(&anchors));
        self.descriptors.push(BTreeMap::new());
        if !matches!(entry.what, What::Exec { .. }) {
            self.out.programs.push(program(pid, None, !whole, number(entry.line)));
        }
        let tracee = Tracee {
            id,
            space: self.spaces.len() - 1,
            descriptors: self.descriptors.len() - 1,
            program: self.out.programs.len().saturating_sub(1),
            leads: true,
        };
        self.tracees.insert(pid, tracee);
        Ok(tracee)
    }

    /// A process that begins with the machine's image.
    pub(super) fn start(&mut self) -> Result<ProcessId, WorldError> {
        self.machine.start(&ProcessSpec {
            name: "traced".to_owned(),
            uid: self.uid,
            nice: 0,
            adj: ScoreAdj::default(),
            limits: Limits::default(),
            cgroup: None,
        })
    }

    /// A pid that no line announces, while others are there: a thread of the last one, since `-p`
    /// takes all threads of a process; or its child, when it runs another program later.
    pub(super) fn stranger(
        &mut self,
        pid: u32,
        index: usize,
    ) -> Result<Option<Tracee>, WorldError> {
        let Some(parent) = self.last.and_then(|last| self.tracees.get(&last)).copied() else {
            return Ok(None);
        };
        if self.machine.alive(parent.id)?.is_some() || is_first_brk(&self.entries[index]) {
            return Ok(None);
        }
        self.outside("process whose beginning is not in the log", self.entries[index].line);
        let later = &self.entries[index..];
        let execs = later
            .iter()
            .filter(|entry| entry.pid == pid)
            .any(|entry| is_first_brk(entry) || matches!(entry.what, What::Exec { .. }));
        self.child(pid, parent, if execs { Spawn::Copy } else { Spawn::Thread })?;
        Ok(self.tracees.get(&pid).copied())
    }

    pub(super) fn anchored(&mut self, anchors: &Anchors) {
        if let Some((_, address, at)) = anchors.heap {
            self.anchor(at, AnchorKind::Heap, address);
        }
        if let Some((address, at)) = anchors.base {
            self.anchor(at, AnchorKind::MmapBase, address);
        }
    }

    pub(super) fn anchor(&mut self, at: usize, what: AnchorKind, address: u64) {
        self.anchored.insert(at, what);
        self.out.anchors.push(Anchor { line: number(self.entries[at].line), what, address });
    }

    /// A break never moves by itself: where `brk(NULL)` tells of another one than there was, another
    /// program runs, whose `execve` is not in the log (`-e trace=memory`).
    pub(super) fn silent_exec(
        &mut self,
        index: usize,
        tracee: Tracee,
        call: &Call,
    ) -> Result<Tracee, WorldError> {
        let entry = &self.entries[index];
        let (Call::Brk { addr: 0 }, Outcome::Value(log)) = (call, entry.outcome) else {
            return Ok(tracee);
        };
        if !self.guesses || entry.line != entry.end {
            return Ok(tracee);
        }
        self.settle(tracee.space)?;
        if self.machine.call(tracee.id, call)?.value == Ok(log) {
            return Ok(tracee);
        }
        self.exec(index, index, tracee, "")?;
        Ok(self.tracees.get(&entry.pid).copied().unwrap_or(tracee))
    }

    /// A program begins with an entry; `from` is the first entry that is its own.
    pub(super) fn exec(
        &mut self,
        index: usize,
        from: usize,
        tracee: Tracee,
        path: &str,
    ) -> Result<(), WorldError> {
        let entry = &self.entries[index];
        let anchors = anchor::find(self.entries, from, entry.pid, true);
        self.anchored(&anchors);
        self.machine.set_image(anchors.image());
        // A thread goes on under the number of its process; where the lines that say so are missing,
        // it begins anew.
        let id = if tracee.leads {
            self.machine.exec(tracee.id)?;
            tracee.id
        } else {
            self.start()?
        };
        self.machine.rename(id, path.rsplit('/').next().unwrap_or(path));
        self.spaces.push(Space::fresh().anchored(&anchors));
        let path = (!path.is_empty()).then(|| Name::from(path));
        self.out.programs.push(program(entry.pid, path, false, number(entry.line)));
        let tracee = Tracee {
            id,
            space: self.spaces.len() - 1,
            program: self.out.programs.len() - 1,
            leads: true,
            ..tracee
        };
        self.tracees.insert(entry.pid, tracee);
        Ok(())
    }

    /// Makes a child when its first line comes, or when the call that makes it returns, whichever is
    /// first.
    pub(super) fn spawn(&mut self, child: u32) -> Result<(), WorldError> {
        let Some(index) = self.spawns.get_mut(&child).and_then(Vec::pop) else { return Ok(()) };
        let entry = &self.entries[index];
        let What::Spawn(kind) = entry.what else { return Ok(()) };
        if entry.pid == child {
            return Ok(());
        }
        let parent = self.tracee(entry.pid, index)?;
        self.child(child, parent, kind)
    }

    pub(super) fn child(
        &mut self,
        child: u32,
        parent: Tracee,
        kind: Spawn,
    ) -> Result<(), WorldError> {
        self.settle(parent.space)?;
        let made = self.machine.fork(
            parent.id,
            match kind {
                Spawn::Copy => ForkKind::Fork,
                Spawn::Shared => ForkKind::Vfork,
                Spawn::Thread => ForkKind::Thread,
            },
        )?;
        let Ok(id) = made else { return Ok(()) };
        let mut tracee = Tracee { id, leads: kind != Spawn::Thread, ..parent };
        if kind == Spawn::Thread {
            if let Some(program) = self.out.programs.get_mut(parent.program) {
                program.threads += 1;
            }
        } else {
            self.descriptors.push(self.descriptors[parent.descriptors].clone());
            tracee.descriptors = self.descriptors.len() - 1;
        }
        if kind == Spawn::Copy {
            self.spaces.push(self.spaces[parent.space].copy());
            tracee.space = self.spaces.len() - 1;
        }
        self.tracees.insert(child, tracee);
        Ok(())
    }
}

/// `brk(NULL)` with a result, on one line.
fn is_first_brk(entry: &Entry) -> bool {
    matches!(entry.what, What::Memory { call: Call::Brk { addr: 0 }, .. })
        && matches!(entry.outcome, Outcome::Value(_))
        && entry.line == entry.end
}
