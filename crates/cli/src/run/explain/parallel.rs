//! Many logs at once, their contents in the order of the logs.
//!
//! Each log is read by one thread; what it finds waits in a queue of a few until its turn comes, and
//! no log is begun that is far from its turn. So the memory that is held does not depend on how long
//! the logs are, nor on how many.

use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use facts::Release;
use sources::{Log, LogError};
use units::Bytes;

use super::read::{Found, read};
use crate::failure::Failure;
use crate::run::progress::Progress;

/// What waits of one log.
const QUEUE: usize = 4;
/// How many logs are read or wait, read, before their turn.
const AHEAD: usize = 16;
/// How often progress is told while nothing is found.
const TICK: Duration = Duration::from_millis(100);

/// What a thread has to say of a log.
enum Said {
    Found(Found),
    Ended(Result<(), LogError>),
}

/// How far all threads are.
#[derive(Debug, Default)]
struct Far {
    /// Bytes read of each log, unpacked.
    read: Vec<AtomicU64>,
    /// Logs read to their ends.
    done: AtomicUsize,
    /// The next log that nobody reads yet.
    next: AtomicUsize,
    /// The log whose turn it is.
    turn: Turn,
}

/// Whose turn it is, for those that wait for theirs to come near.
#[derive(Debug, Default)]
struct Turn {
    of: Mutex<usize>,
    changed: Condvar,
}

impl Turn {
    /// Waits until a log is at most [`AHEAD`] before its turn.
    fn wait_for(&self, at: usize) {
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(of, |of| at.saturating_sub(*of) > AHEAD));
    }

    /// It is the turn of this log.
    fn is_of(&self, at: usize) {
        *self.of.lock().unwrap_or_else(PoisonError::into_inner) = at;
        self.changed.notify_all();
    }
}

/// What is made of the contents.
pub(super) trait Take {
    /// A log begins.
    fn begin(&mut self, log: &Log);
    /// Whether what it finds appears on the terminal at once, where progress is shown, too.
    fn is_shown_at_once(&self) -> bool;
    /// It holds this.
    fn found(&mut self, found: Found) -> Result<(), Failure>;
    /// It has ended, or broke.
    fn end(&mut self, log: &Log, result: Result<(), LogError>) -> Result<(), Failure>;
}

/// Reads all logs and hands their contents over, one log after the other.
pub(super) fn read_all(
    logs: &[Log],
    kernel: Option<Release>,
    take: &mut impl Take,
) -> Result<(), Failure> {
    let far =
        Arc::new(Far { read: logs.iter().map(|_| AtomicU64::new(0)).collect(), ..Far::default() });
    let (senders, receivers): (Vec<_>, Vec<_>) =
        logs.iter().map(|_| sync_channel::<Said>(QUEUE)).unzip();
    let shared: Arc<[(Log, SyncSender<Said>)]> = logs.iter().cloned().zip(senders).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(logs.len());
    for _ in 0..threads {
        let (shared, far) = (Arc::clone(&shared), Arc::clone(&far));
        // Not waited for: who fails or has enough ends the program, however long the logs are.
        thread::spawn(move || {
            loop {
                let at = far.next.fetch_add(1, Ordering::Relaxed);
                let Some((log, sender)) = shared.get(at) else { return };
                far.turn.wait_for(at);
                let mut listens = true;
                let result = read(log, kernel, &far.read[at], &mut |found| {
                    listens = listens && sender.send(Said::Found(found)).is_ok();
                });
                far.done.fetch_add(1, Ordering::Relaxed);
                if sender.send(Said::Ended(result)).is_err() {
                    return;
                }
            }
        });
    }
    let progress = Progress::new();
    let sizes: Vec<Option<u64>> = logs.iter().map(size).collect();
    for (at, (log, receiver)) in logs.iter().zip(receivers).enumerate() {
        far.turn.is_of(at);
        take.begin(log);
        let result = one(&receiver, take, &progress, &|| how_far(&far, &sizes))?;
        if result.is_err() {
            progress.tell(true, String::new);
        }
        take.end(log, result)?;
    }
    progress.tell(true, String::new);
    Ok(())
}

/// Takes what one log holds.
fn one(
    receiver: &Receiver<Said>,
    take: &mut impl Take,
    progress: &Progress,
    how_far: &dyn Fn() -> String,
) -> Result<Result<(), LogError>, Failure> {
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(Said::Found(found)) => {
                progress.tell(take.is_shown_at_once(), how_far);
                take.found(found)?;
            }
            Ok(Said::Ended(result)) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => progress.tell(false, how_far),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::new("a thread that read logs has ended too early"));
            }
        }
    }
}

fn size(log: &Log) -> Option<u64> {
    match log {
        Log::File(path) => fs::metadata(path).ok().map(|meta| meta.len()),
        Log::Input | Log::Ring | Log::Journal(_) => None,
    }
}

/// `[#####     ]  50 %, 2 of 4 logs, 1.2 GiB read`; the bar counts bytes where all sizes are known,
/// and a packed log as read when it is.
fn how_far(far: &Far, sizes: &[Option<u64>]) -> String {
    const COLUMNS: u64 = 20;
    let read: Vec<u64> = far.read.iter().map(|read| read.load(Ordering::Relaxed)).collect();
    let sum = Bytes::new(read.iter().fold(0, |sum, n| u64::saturating_add(sum, *n)));
    let done = far.done.load(Ordering::Relaxed);
    let logs = match sizes.len() {
        1 => String::new(),
        all => format!("{done} of {all} logs, "),
    };
    let whole = sizes.iter().try_fold(0u64, |sum, size| sum.checked_add((*size)?));
    let bar = whole.filter(|whole| *whole > 0).map(|whole| {
        let part: u64 = read.iter().zip(sizes).map(|(n, size)| (*n).min(size.unwrap_or(0))).sum();
        let share = |of: u64| u128::from(part) * u128::from(of) / u128::from(whole);
        let filled = usize::try_from(share(COLUMNS)).unwrap_or(0);
        format!("[{:<20}] {:>3} %, ", "#".repeat(filled), share(100))
    });
    format!("{}{logs}{sum} read", bar.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_begun_when_its_turn_is_near() {
        let turn = Arc::new(Turn::default());
        turn.wait_for(AHEAD);
        let (began, heard) = sync_channel(1);
        let waits = Arc::clone(&turn);
        let thread = thread::spawn(move || {
            waits.wait_for(AHEAD + 2);
            let _ = began.send(*waits.of.lock().unwrap());
        });
        turn.is_of(1);
        turn.is_of(2);
        assert_eq!(heard.recv(), Ok(2));
        thread.join().unwrap();
    }

    #[test]
    fn the_bar_fills_by_bytes() {
        let far = Far {
            read: [50, 0].map(AtomicU64::new).into(),
            done: AtomicUsize::new(0),
            next: AtomicUsize::new(1),
            turn: Turn::default(),
        };
        assert_eq!(
            how_far(&far, &[Some(50), Some(150)]),
            "[#####               ]  25 %, 0 of 2 logs, 50 B read"
        );
        assert_eq!(how_far(&far, &[None]), "50 B read");
    }
}
