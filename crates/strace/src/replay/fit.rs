//! The kernel whose rules explain a log best, and the report.

use facts::{Name, OvercommitMode, Release};
use rules::layout::Arch;
use rules::replay::{KernelBy, SCHEMA, Score, StraceReport};
use sim::MachineConfig;
use world::{Call, WorldError};

use super::player::{Played, Player, number};
use crate::entry::{Log, Outcome, What};

/// How a log is played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The release of the kernel that the log was made on; `None`: the one that explains it best.
    pub kernel: Option<Release>,
    /// The last line to play; `None`: all of it.
    pub until: Option<usize>,
}

/// Releases that place mappings differently, the newest first.
fn releases() -> [Release; 5] {
    [
        Release::new(6, 18),
        Release::new(6, 8),
        Release::new(6, 1),
        Release::new(4, 4),
        Release::new(3, 2),
    ]
}

/// Plays a log, and says how well the model did.
///
/// # Errors
/// The machine refuses to go on, which is a mistake of this program.
pub fn replay(
    log: &Log,
    origin: &Name,
    options: Options,
) -> Result<(StraceReport, Played), WorldError> {
    let arch = arch(log);
    let given = options.kernel.map(|release| [release]);
    let releases = releases();
    let candidates: &[Release] = given.as_ref().map_or(&releases, |one| one);
    let mut best: Option<(Release, bool, Played)> = None;
    for &release in candidates {
        for aligned in [true, false] {
            let played = Player::new(log, config(release, arch), aligned).run(usize::MAX)?;
            let score = total(&played);
            let known = best.as_ref().map(|(_, _, known)| total(known).all().equal);
            if known.is_none_or(|known| score.all().equal > known) {
                best = Some((release, aligned, played));
            }
            if score.all().is_whole() {
                break;
            }
        }
        if best.as_ref().is_some_and(|(_, _, played)| total(played).all().is_whole()) {
            break;
        }
    }
    let (release, aligned, whole) = match best {
        Some((release, aligned, played)) => (release, aligned, Some(played)),
        None => (candidates[0], true, None),
    };
    let played = match (whole, options.until) {
        (Some(whole), None) => whole,
        (_, until) => {
            let until = until.unwrap_or(usize::MAX);
            Player::new(log, config(release, arch), aligned).run(until)?
        }
    };
    let by = if options.kernel.is_some() { KernelBy::Given } else { KernelBy::Fitted };
    let report = StraceReport {
        schema: SCHEMA,
        origin: origin.clone(),
        kernel: release,
        kernel_by: by,
        files_aligned: aligned,
        lines: number(log.lines),
        score: total(&played),
        programs: played.programs.clone(),
        differences: played.differences.clone(),
        races: played.races.clone(),
        anchors: played.anchors.clone(),
        assumed: played.assumed.clone(),
        outside: played.outside.clone(),
        problems: Played::unreadable(log),
    };
    Ok((report, played))
}

fn total(played: &Played) -> Score {
    let mut all = Score::default();
    for program in &played.programs {
        all.add(&program.score);
    }
    all
}

/// The kind of address space that the addresses of a log belong to.
fn arch(log: &Log) -> Arch {
    let mut highest = 0;
    for entry in &log.entries {
        if let (
            What::Memory { call: Call::Mmap { .. } | Call::Brk { .. }, .. },
            Outcome::Value(at),
        ) = (&entry.what, entry.outcome)
        {
            highest = highest.max(at);
        }
    }
    match highest {
        _ if log.mode_32bit => Arch::Ia32,
        1..0xc000_0000 => Arch::I386,
        0xc000_0000..0x1_0000_0000 => Arch::Ia32,
        0x8000_0000_0000.. => Arch::Arm64,
        _ => Arch::X86_64,
    }
}

/// A machine that refuses nothing for want of memory: a log does not say how much there was.
fn config(release: Release, arch: Arch) -> MachineConfig {
    let sixteen_gib = 16 << 18;
    let mut config = MachineConfig::new(release, arch, sixteen_gib, 0);
    config.overcommit = OvercommitMode::Always;
    config.memlock_limit = (u64::MAX, u64::MAX);
    config
}
