//! A program: what some processes do, one step after the other.

use lab::Step;
use units::ScoreAdj;
use world::{Call, End, FileSpec, ForkKind, Limits, MapFlags, ProcessSpec, Prot};

/// A program with all that it needs to be run again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Program {
    /// Who runs it, and under which limits.
    pub(crate) setup: Setup,
    /// What is done.
    pub(crate) actions: Vec<Action>,
}

/// What a program starts from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Setup {
    /// Limits of the first process.
    pub(crate) limits: Limits,
    /// Whether it runs as root, where this can be had.
    pub(crate) root: bool,
    /// Files: their sizes, and whether they live in memory.
    pub(crate) files: Vec<(u64, bool)>,
    /// Pages in a row that the first process maps and gives other rights to every second of, before
    /// anything else: as many mappings.
    pub(crate) comb: u64,
}

/// Where the pages of [`Setup::comb`] lie.
const COMB: u64 = 0x1000_0000_0000;

/// One thing that one process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// Which process, by the order in which they came to be.
    pub(crate) process: u32,
    /// What it does.
    pub(crate) what: What,
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A call or a touch.
    Step(Step),
    /// It makes another process.
    Fork(ForkKind),
    /// It starts anew.
    Exec,
    /// It ends.
    End(End),
}

/// The user that programs run as when they are not root's: nobody.
const NOBODY: u32 = 65_534;

impl Setup {
    /// The first process.
    pub(crate) fn process(&self) -> ProcessSpec {
        let own = rustix::process::geteuid().as_raw();
        // Root of a container may not be the root that the model knows.
        let root = self.root && has_every_capability();
        ProcessSpec {
            name: "actor".to_owned(),
            uid: if own == 0 && !root { NOBODY } else { own },
            nice: 0,
            adj: ScoreAdj::default(),
            limits: self.limits,
            cgroup: None,
        }
    }

    /// The calls that make so many mappings.
    pub(crate) fn comb(&self) -> impl Iterator<Item = Step> + '_ {
        let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(MapFlags::FIXED);
        let flags = flags.with(MapFlags::NORESERVE);
        let len = self.comb * 4096;
        let map = Call::Mmap { addr: COMB, len, prot: Prot::NONE, flags, fd: -1, offset: 0 };
        let teeth = (1..self.comb).step_by(2).map(|page| Call::Mprotect {
            addr: COMB + page * 4096,
            len: 4096,
            prot: Prot::READ,
        });
        (self.comb > 0).then_some(map).into_iter().chain(teeth).map(Step::Call)
    }

    /// The files.
    pub(crate) fn files(&self) -> Vec<FileSpec> {
        let file = |(number, &(len, tmpfs)): (usize, &(u64, bool))| FileSpec {
            name: format!("file{number}"),
            len,
            tmpfs,
        };
        self.files.iter().enumerate().map(file).collect()
    }
}

/// Whether this process may do everything that a rule about memory asks for. Programs of root's do not
/// change limits, so `CAP_SYS_RESOURCE` is not among it.
fn has_every_capability() -> bool {
    /// `CAP_IPC_LOCK`, `CAP_SYS_RAWIO`, `CAP_SYS_ADMIN`.
    const NEEDED: u64 = 1 << 14 | 1 << 17 | 1 << 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    set.is_some_and(|set| set & NEEDED == NEEDED)
}
