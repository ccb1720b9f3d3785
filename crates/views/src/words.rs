//! Plain words for what reports say in enums.

use facts::OvercommitMode;
use rules::rank::{Domain, Immune, StepKind};
use rules::status::{Certainty, Level, PartKind, PressureState};

use crate::style::Style;

pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::Unknown => "UNKNOWN",
        Level::Calm => "CALM",
        Level::Near => "NEAR",
        Level::AtTheWall => "AT THE WALL",
    }
}

pub(crate) fn part(kind: PartKind) -> &'static str {
    match kind {
        PartKind::FreeAboveMin => "free",
        PartKind::PerCpuLists => "per-cpu",
        PartKind::CleanCache => "file cache",
        PartKind::MappedCache => "running programs' files",
        PartKind::DirtyCache => "unwritten file cache",
        PartKind::ReclaimableSlab => "kernel caches",
        PartKind::Swap => "room in swap",
    }
}

pub(crate) fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Sure => "sure",
        Certainty::Likely => "likely",
        Certainty::Perhaps => "perhaps",
    }
}

pub(crate) fn pressure(state: PressureState) -> &'static str {
    match state {
        PressureState::Known => "reported without figures",
        PressureState::NotInThisKernel => {
            "unknown: this kernel does not report it (before 4.20, or built without it)"
        }
        PressureState::Disabled => {
            "unknown: switched off on this machine (`psi=1` at boot enables it)"
        }
        PressureState::Denied => "unknown: permission denied",
        PressureState::Unknown => "unknown: the source does not say",
    }
}

pub(crate) fn overcommit(mode: OvercommitMode) -> &'static str {
    match mode {
        OvercommitMode::Heuristic => "heuristic (0): refuses only what is plainly impossible",
        OvercommitMode::Always => "always (1): refuses nothing",
        OvercommitMode::Never => "strict (2): refuses what exceeds the limit",
    }
}

pub(crate) fn immune(why: Immune) -> &'static str {
    match why {
        Immune::Init => "is init",
        Immune::KernelThread => "is a thread of the kernel",
        Immune::NoMemory => "has no memory of its own",
        Immune::Adjusted => "oom_score_adj is -1000",
        Immune::Disabled => "oom_adj is -17",
        Immune::ZeroScore => "its score is 0",
    }
}

pub(crate) fn step(kind: StepKind) -> &'static str {
    match kind {
        StepKind::TotalVm => "size of its address space",
        StepKind::Children => "address spaces of its children",
        StepKind::CpuTime => "CPU time it has used",
        StepKind::RunTime => "time since it started",
        StepKind::Nice => "it is nice to others",
        StepKind::Privileged => "it is privileged",
        StepKind::RawIo => "it talks to hardware",
        StepKind::OtherNodes => "its memory is on other nodes",
        StepKind::OomAdj => "oom_adj",
        StepKind::Resident => "resident in RAM",
        StepKind::Swap => "in swap",
        StepKind::PageTables => "page tables",
        StepKind::PerMille => "from pages to thousandths of the total",
        StepKind::OomScoreAdj => "oom_score_adj",
        StepKind::Bounds => "floor or ceiling of the formula",
        StepKind::Origin => "a swapoff is at work: chosen before all others",
    }
}

/// `the machine`, `cgroup /a`.
pub(crate) fn domain(domain: &Domain, style: &Style) -> String {
    match domain {
        Domain::Machine => "the machine".to_owned(),
        Domain::Cgroup(path) => format!("cgroup {}", style.name(path)),
    }
}
