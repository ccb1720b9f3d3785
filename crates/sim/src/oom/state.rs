//! What the OOM killer remembers.

use std::fmt;

use facts::Release;
use rules::killer::{Killer, LowMemory};
use world::End;

use crate::log::Log;

/// State of the OOM killer, its settings and the kernel's log.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// The release's rules.
    pub(crate) killer: Killer,
    /// `vm.panic_on_oom`: 0, 1 or 2.
    pub(crate) panic_on_oom: u8,
    /// `vm.oom_kill_allocating_task`.
    pub(crate) kill_allocating_task: bool,
    /// `vm.oom_dump_tasks`.
    pub(crate) dump_tasks: bool,
    /// Android's driver, where it is loaded.
    pub(crate) lowmemory: Option<LowMemory>,
    /// Until when it waits for its last victim, nanoseconds.
    pub(crate) lowmemory_until: u64,
    /// Who switches swap off (`set_current_oom_origin()`), by the leader of its threads.
    pub(crate) origin: Option<usize>,
    /// The kernel's log.
    pub(crate) log: Log,
    /// Who died by the kernel's hand since the world last asked, by index.
    pub(crate) deaths: Vec<(usize, End)>,
    /// Why the machine stands still.
    pub(crate) halted: Option<Halt>,
    /// `oom_kill` of `/proc/vmstat`: kills ever.
    pub(crate) kills: u64,
    /// When it was asked in a row first and last, and when it last killed (to 2.6.10).
    pub(crate) asked: Asked,
}

/// The clock of the patient releases, nanoseconds; `None`: never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    pub(crate) killed: Option<u64>,
}

/// A victim that has been sent its signal and has not gone yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Victim {
    /// When it was killed, nanoseconds.
    pub(crate) since: u64,
    /// Its memory was taken away, or cannot be: nobody waits for it any more (`MMF_OOM_SKIP`).
    pub(crate) skip: bool,
    /// The signal.
    pub(crate) signal: u8,
}

/// Why a machine stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The kernel panicked, with these words.
    Panic(String),
    /// All wait for a victim that cannot go.
    Deadlock {
        /// The victim's name.
        victim: String,
        /// Its pid.
        pid: u32,
    },
}

impl Halt {
    /// What a panicking kernel says behind `not syncing: `; of a deadlock, what is the matter.
    pub(crate) fn words(&self) -> String {
        match self {
            Halt::Panic(words) => words.clone(),
            Halt::Deadlock { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::Panic(words) => write!(f, "the kernel has panicked: {words}"),
            Halt::Deadlock { victim, pid } => write!(
                f,
                "memory has run out, and the kernel waits for the victim {pid} ({victim}), which \
                 cannot go and which no reaper takes memory from before 4.6"
            ),
        }
    }
}

impl State {
    /// As a release boots.
    pub(crate) fn new(release: Release) -> State {
        let killer = Killer::for_release(release);
        State {
            killer,
            panic_on_oom: 0,
            kill_allocating_task: false,
            dump_tasks: killer.dumps_tasks,
            lowmemory: None,
            lowmemory_until: 0,
            origin: None,
            log: Log::default(),
            deaths: Vec::new(),
            halted: None,
            kills: 0,
            asked: Asked::default(),
        }
    }
}
