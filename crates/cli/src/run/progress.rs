//! How far a long reading is, on standard error, where that is a terminal.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::output::talk;

/// A line that is written over itself.
#[derive(Debug)]
pub(super) struct Progress {
    terminal: bool,
    begin: Instant,
    shown: Cell<Option<Instant>>,
}

impl Progress {
    /// Readings that take less are not talked about.
    const PATIENCE: Duration = Duration::from_millis(500);
    const PAUSE: Duration = Duration::from_millis(100);

    pub(super) fn new() -> Progress {
        let terminal = std::io::stderr().is_terminal();
        Progress { terminal, begin: Instant::now(), shown: Cell::new(None) }
    }

    /// Says how far it is, now and then; at the end the line goes away.
    pub(super) fn tell(&self, is_done: bool, how_far: impl FnOnce() -> String) {
        if !self.terminal {
            return;
        }
        if is_done {
            if self.shown.take().is_some() {
                talk("\r\x1b[K");
            }
            return;
        }
        let now = Instant::now();
        let due = match self.shown.get() {
            None => now.duration_since(self.begin) >= Self::PATIENCE,
            Some(last) => now.duration_since(last) >= Self::PAUSE,
        };
        if due {
            self.shown.set(Some(now));
            talk(format_args!("\r{}\x1b[K", how_far()));
        }
    }
}
