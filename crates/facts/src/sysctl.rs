//! The settings under `/proc/sys/vm` that decide what happens when memory runs out.

use schemars::JsonSchema;
use serde::Serialize;
use units::Bytes;

/// `vm.overcommit_memory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OvercommitMode {
    /// 0: refuse only what is plainly impossible.
    Heuristic,
    /// 1: refuse nothing.
    Always,
    /// 2: refuse what exceeds `CommitLimit`.
    Never,
}

impl OvercommitMode {
    /// The mode of this number, if there is one.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => OvercommitMode::Heuristic,
            1 => OvercommitMode::Always,
            2 => OvercommitMode::Never,
            _ => return None,
        })
    }

    /// The number in `/proc/sys/vm/overcommit_memory`.
    pub fn number(self) -> u8 {
        match self {
            OvercommitMode::Heuristic => 0,
            OvercommitMode::Always => 1,
            OvercommitMode::Never => 2,
        }
    }
}

/// `/proc/sys/vm/*`, each `None` when the kernel has no such file or it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sysctls {
    /// `overcommit_memory`.
    pub overcommit_memory: Option<OvercommitMode>,
    /// `overcommit_ratio`, percent of RAM.
    pub overcommit_ratio: Option<u64>,
    /// `overcommit_kbytes` (3.14); replaces the ratio when not 0.
    pub overcommit_kbytes: Option<Bytes>,
    /// `admin_reserve_kbytes` (3.10).
    pub admin_reserve_kbytes: Option<Bytes>,
    /// `user_reserve_kbytes` (3.10).
    pub user_reserve_kbytes: Option<Bytes>,
    /// `min_free_kbytes`.
    pub min_free_kbytes: Option<Bytes>,
    /// `watermark_scale_factor` (4.6), in units of 1/10000 of a zone.
    pub watermark_scale_factor: Option<u64>,
    /// `lowmem_reserve_ratio`, one number a zone from the lowest up.
    pub lowmem_reserve_ratio: Option<Vec<u64>>,
    /// `swappiness`.
    pub swappiness: Option<u64>,
    /// `panic_on_oom`: 0 kill, 1 panic unless confined, 2 always panic.
    pub panic_on_oom: Option<u64>,
    /// `oom_kill_allocating_task`.
    pub oom_kill_allocating_task: Option<bool>,
    /// `oom_dump_tasks`.
    pub oom_dump_tasks: Option<bool>,
}
