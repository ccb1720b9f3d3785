//! Whose a line without a pid is.
//!
//! With `-f` and a terminal strace writes `[pid 123]` only while there is more than one process: a
//! line without it belongs to the one that is left.

use std::collections::BTreeSet;

/// Who lives, as far as the lines tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Processes {
    /// Who the log begins with.
    root: u32,
    living: BTreeSet<u32>,
    last: u32,
}

impl Processes {
    /// `root` is the first pid that no line announces, or 0.
    pub(crate) fn new(root: u32) -> Processes {
        Processes { root, living: BTreeSet::from([root]), last: root }
    }

    /// The process of a line.
    pub(crate) fn of_line(&mut self, pid: Option<u32>) -> u32 {
        let pid = pid.unwrap_or_else(|| match self.living.first() {
            Some(&only) if self.living.len() == 1 => only,
            _ if self.living.contains(&self.root) => self.root,
            _ => self.last,
        });
        self.living.insert(pid);
        self.last = pid;
        pid
    }

    pub(crate) fn came(&mut self, pid: u32) {
        self.living.insert(pid);
    }

    pub(crate) fn went(&mut self, pid: u32) {
        self.living.remove(&pid);
    }
}
