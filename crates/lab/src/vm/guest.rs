//! A booted machine: its window, its bell, its console, and the emulator that it lives in.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::Duration;

use actor::remote::{COUNT, DONE, RING, RING_BACK, STEPS, VALUES};

use super::batch::{Batch, Place, Ref};

/// How long the machine may take for one batch. A touch that thrashes takes seconds.
const PATIENCE: Duration = Duration::from_secs(300);

/// What stands where no step has left a value: none that a system call returns.
const NO_VALUE: u64 = 0x8000_0000_0000_0001;

/// A machine that runs. It ends with the value.
#[derive(Debug)]
pub(super) struct Guest {
    child: RefCell<Child>,
    window: File,
    console: File,
    bell: UnixStream,
    /// Why nothing more can be asked of it.
    over: RefCell<Option<String>>,
    /// Descriptors that nobody needs any more.
    closing: RefCell<Vec<u64>>,
    /// Batches so far.
    batches: Cell<u64>,
}

/// The values of a batch's steps, as far as it came.
#[derive(Debug)]
pub(super) struct Values(Vec<u64>);

impl Values {
    /// How many steps were done.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of a step, or its error.
    pub(super) fn get(&self, Ref(step): Ref) -> io::Result<u64> {
        let Some(&value) = self.0.get(step) else {
            return Err(io::Error::other("a step before it failed"));
        };
        match i32::try_from(value.wrapping_neg()) {
            Ok(errno @ 1..=4095) => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(value),
        }
    }
}

impl Guest {
    /// A machine that has just been started, when its init rings.
    pub(super) fn new(
        child: Child,
        window: File,
        console: File,
        bell: UnixStream,
        patience: Duration,
    ) -> io::Result<Guest> {
        let guest = Guest {
            child: RefCell::new(child),
            window,
            console,
            bell,
            over: RefCell::new(None),
            closing: RefCell::new(Vec::new()),
            batches: Cell::new(0),
        };
        guest.hear(patience)?;
        Ok(guest)
    }

    /// Performs a batch.
    pub(super) fn perform(&self, batch: &Batch) -> io::Result<Values> {
        self.close_unneeded()?;
        self.perform_only(batch)
    }

    fn perform_only(&self, batch: &Batch) -> io::Result<Values> {
        if let Some(why) = &*self.over.borrow() {
            return Err(io::Error::other(why.clone()));
        }
        let (steps, data) = batch.parts();
        let count = batch.len() as u64;
        self.window.write_all_at(data, actor::remote::DATA)?;
        self.window.write_all_at(steps, STEPS)?;
        self.window.write_all_at(&count.to_ne_bytes(), COUNT)?;
        let none: Vec<u8> = (0..batch.len()).flat_map(|_| NO_VALUE.to_ne_bytes()).collect();
        self.window.write_all_at(&none, VALUES)?;
        self.batches.set(self.batches.get() + 1);
        let rung = (&self.bell).write_all(&RING);
        rung.or_else(|error| self.lost(&error))?;
        self.hear(PATIENCE)?;
        let mut word = [0; 8];
        self.window.read_exact_at(&mut word, DONE)?;
        let done = usize::try_from(u64::from_ne_bytes(word).min(count)).unwrap_or_default();
        self.values(done)
    }

    /// The values of a batch that the machine did not survive.
    pub(super) fn values_so_far(&self, batch: &Batch) -> io::Result<Values> {
        self.values(batch.len())
    }

    fn values(&self, most: usize) -> io::Result<Values> {
        let mut bytes = vec![0; most * 8];
        self.window.read_exact_at(&mut bytes, VALUES)?;
        let number = |word: &[u8]| u64::from_ne_bytes(word.try_into().unwrap_or_default());
        let numbers = bytes.chunks_exact(8).map(number);
        Ok(Values(numbers.take_while(|number| *number != NO_VALUE).collect()))
    }

    /// What steps wrote at a place, as far as `len`.
    pub(super) fn read(&self, place: Place, len: u64) -> io::Result<Vec<u8>> {
        let len = usize::try_from(len.min(place.len)).unwrap_or_default();
        let mut bytes = vec![0; len];
        self.window.read_exact_at(&mut bytes, place.offset)?;
        Ok(bytes)
    }

    /// A descriptor of init's is not needed any more.
    pub(super) fn close_some_time(&self, descriptor: u64) {
        self.closing.borrow_mut().push(descriptor);
    }

    fn close_unneeded(&self) -> io::Result<()> {
        let closing: Vec<u64> = self.closing.borrow_mut().drain(..).collect();
        for some in closing.chunks(500) {
            let mut batch = Batch::default();
            for &descriptor in some {
                batch.call(libc::SYS_close, [descriptor.into()]);
            }
            self.perform_only(&batch)?;
        }
        Ok(())
    }

    /// How many batches there have been.
    pub(super) fn batches(&self) -> u64 {
        self.batches.get()
    }

    /// What the console has shown from `offset` on.
    pub(super) fn console(&self, offset: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut piece = [0; 16 << 10];
        while let Ok(len @ 1..) = self.console.read_at(&mut piece, offset + bytes.len() as u64) {
            bytes.extend_from_slice(&piece[..len]);
        }
        bytes
    }

    /// Why nothing more can be asked of it; `None`: it runs.
    pub(super) fn over(&self) -> Option<String> {
        self.over.borrow().clone()
    }

    /// Waits for init to ring back.
    fn hear(&self, patience: Duration) -> io::Result<()> {
        self.bell.set_read_timeout(Some(patience))?;
        let mut byte = [0];
        loop {
            match (&self.bell).read(&mut byte) {
                Ok(1) if byte[0] == RING_BACK => return Ok(()),
                // Noise of the line while the machine boots.
                Ok(1..) => {}
                Ok(0) => return self.lost(&io::Error::other("the machine has ended")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    let seconds = patience.as_secs();
                    let why = format!("the machine has not answered for {seconds} s");
                    return self.lost(&io::Error::other(why));
                }
                Err(error) => return self.lost(&error),
            }
        }
    }

    /// The end of the machine: notes why, ends the emulator.
    fn lost<T>(&self, error: &io::Error) -> io::Result<T> {
        let status = self.end();
        let console = String::from_utf8_lossy(&self.console(0)).into_owned();
        let why = panic_of(&console).map_or_else(
            || {
                let last = last_line(&console);
                let told = if last.is_empty() {
                    "it has printed nothing".to_owned()
                } else {
                    format!("the last that it printed is `{}`", facts::Name::new(last.as_bytes()))
                };
                let status = status.map(|code| format!(" (status {code})")).unwrap_or_default();
                format!("{error}{status}; {told}")
            },
            |panic| format!("the kernel has panicked: {panic}"),
        );
        *self.over.borrow_mut() = Some(why.clone());
        Err(io::Error::other(why))
    }

    /// Ends the emulator; its exit status, if it ended by itself.
    fn end(&self) -> Option<i32> {
        let mut child = self.child.borrow_mut();
        let status = child.try_wait().ok().flatten();
        if status.is_none() {
            // Both fail only when it is gone.
            let _ = child.kill();
            let _ = child.wait();
        }
        status.and_then(|status| status.code()).filter(|code| *code != 0)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the kernel says when it panics: the text behind `Kernel panic - not syncing: `.
pub(super) fn panic_of(console: &str) -> Option<String> {
    let (_, behind) = console.split_once("Kernel panic - not syncing: ")?;
    Some(behind.lines().next().unwrap_or_default().trim().to_owned())
}

fn last_line(console: &str) -> &str {
    console.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_by_its_own_words() {
        let console = "[    1.0] a\r\n[    2.0] Kernel panic - not syncing: Out of memory: system-wide \
                       panic_on_oom is enabled\r\n[    2.1] CPU: 0\r\n";
        assert_eq!(
            panic_of(console).as_deref(),
            Some("Out of memory: system-wide panic_on_oom is enabled")
        );
        assert_eq!(panic_of("[    1.0] a\r\n"), None);
    }

    #[test]
    fn the_last_line_is_one_with_words() {
        assert_eq!(last_line("a\r\nb\r\n\r\n"), "b");
        assert_eq!(last_line(""), "");
    }
}
