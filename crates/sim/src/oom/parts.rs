//! What the OOM killer reaches: everybody, the one that asks among them.

use std::collections::BTreeMap;

use crate::ctx::{Ctx, Rest, Task};
use crate::machine::{Machine, Process};
use crate::mm::Mm;
use crate::physical::counters::Counters;
use crate::store::Store;

/// All processes and all memory.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) store: &'a mut Store,
    /// Address spaces, but for the current one.
    pub(crate) mms: &'a mut BTreeMap<usize, Mm>,
    /// Processes, in the order in which they came to be.
    pub(crate) processes: &'a mut Vec<Process>,
    /// Who acts; its memory and its task are out of their places.
    pub(crate) current: Option<Current<'a>>,
}

/// Who acts.
#[derive(Debug)]
pub(crate) struct Current<'a> {
    pub(crate) mm: &'a mut Mm,
    pub(crate) task: &'a mut Task,
    /// Which address space it is.
    pub(crate) key: usize,
    /// Which process or thread.
    pub(crate) process: usize,
    /// The leader of its threads.
    pub(crate) group: usize,
}

impl Parts<'_> {
    /// What the kernel counts; `None` on a machine whose memory never ends.
    pub(crate) fn counters(&self) -> Option<Counters> {
        let current = self.current.as_ref().map(|current| &*current.mm);
        let tasks = self.processes.iter().filter(|process| process.ended.is_none()).count();
        Counters::of(self.store, self.mms.values().chain(current), tasks as u64)
    }

    /// An address space.
    pub(crate) fn mm(&self, key: usize) -> Option<&Mm> {
        match &self.current {
            Some(current) if current.key == key => Some(current.mm),
            _ => self.mms.get(&key),
        }
    }

    /// Runs something in an address space that is not the current one, or in that.
    pub(crate) fn within(&mut self, key: usize, run: impl FnOnce(&mut Ctx<'_>)) {
        if let Some(current) = self.current.as_mut().filter(|current| current.key == key) {
            let rest = Rest {
                mms: self.mms,
                processes: self.processes,
                mm: key,
                process: current.process,
                group: current.group,
                dying: false,
            };
            run(&mut Ctx { store: self.store, mm: current.mm, task: current.task, rest });
            return;
        }
        let Some(mut mm) = self.mms.remove(&key) else { return };
        let rest = Rest {
            mms: self.mms,
            processes: self.processes,
            mm: key,
            process: usize::MAX,
            group: usize::MAX,
            dying: false,
        };
        let mut task = Task::default();
        run(&mut Ctx { store: self.store, mm: &mut mm, task: &mut task, rest });
        self.mms.insert(key, mm);
    }

    /// What belongs to a process as a whole.
    pub(crate) fn task(&self, group: usize) -> Option<&Task> {
        match &self.current {
            Some(current) if current.group == group => Some(current.task),
            _ => self.processes.get(group).map(|process| &process.task),
        }
    }

    /// The leader of a process's threads, by index.
    pub(crate) fn group(&self, index: usize) -> usize {
        self.processes.get(index).map_or(index, |process| Machine::index(process.group))
    }

    /// Processes of which a thread lives, by their leaders, in the order of the task list.
    pub(crate) fn groups(&self) -> Vec<usize> {
        (0..self.processes.len())
            .filter(|&index| self.group(index) == index && self.thread_with_memory(index).is_some())
            .collect()
    }

    /// `find_lock_task_mm()`: the leader, or the first of its threads that lives.
    pub(crate) fn thread_with_memory(&self, group: usize) -> Option<usize> {
        let lives =
            |index: usize| self.processes.get(index).is_some_and(|process| process.ended.is_none());
        if lives(group) {
            return Some(group);
        }
        (group..self.processes.len()).find(|&index| self.group(index) == group && lives(index))
    }

    /// Other processes that use the same memory.
    pub(crate) fn sharers(&self, group: usize) -> Vec<usize> {
        let Some(key) = self.key_of(group) else { return Vec::new() };
        let groups = self.groups().into_iter();
        groups.filter(|&other| other != group && self.key_of(other) == Some(key)).collect()
    }

    /// Which address space a process uses.
    pub(crate) fn key_of(&self, group: usize) -> Option<usize> {
        self.thread_with_memory(group).map(|thread| self.processes[thread].mm)
    }

    /// The children of a process, the oldest first.
    pub(crate) fn children(&self, group: usize) -> Vec<usize> {
        let groups = self.groups().into_iter();
        groups
            .filter(|&child| self.processes[child].parent.map(Machine::index) == Some(group))
            .collect()
    }
}

impl Ctx<'_> {
    /// Everything, with this one acting.
    pub(crate) fn parts(&mut self) -> Parts<'_> {
        Parts {
            store: self.store,
            mms: self.rest.mms,
            processes: self.rest.processes,
            current: Some(Current {
                mm: self.mm,
                task: self.task,
                key: self.rest.mm,
                process: self.rest.process,
                group: self.rest.group,
            }),
        }
    }
}

impl Machine {
    /// Everything, with nobody acting.
    pub(crate) fn parts(&mut self) -> Parts<'_> {
        Parts {
            store: &mut self.store,
            mms: &mut self.mms,
            processes: &mut self.processes,
            current: None,
        }
    }
}
