//! Reading `/proc/PID`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use world::{Observation, WorldError};

/// A choice of files of `/proc/PID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files(u8);

impl Files {
    /// None.
    pub const NONE: Files = Files(0);
    /// `maps`: cheap.
    pub const MAPS: Files = Files(1);
    /// `smaps`: walks the page tables.
    pub const SMAPS: Files = Files(2);
    /// `smaps_rollup`: walks them too.
    pub const SMAPS_ROLLUP: Files = Files(4);
    /// `status`.
    pub const STATUS: Files = Files(8);
    /// `statm`.
    pub const STATM: Files = Files(16);
    /// `stat`.
    pub const STAT: Files = Files(32);
    /// `oom_score`.
    pub const OOM_SCORE: Files = Files(64);
    /// All.
    pub const ALL: Files = Files(127);

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Files) -> Files {
        Files(self.0 | others.0)
    }

    /// Whether all of `others` are among these.
    pub const fn has(self, others: Files) -> bool {
        self.0 & others.0 == others.0
    }
}

/// The open folder of one process; files are opened once and read again from their start.
#[derive(Debug, Default)]
pub(super) struct ProcFolder {
    pid: i32,
    open: [Option<File>; 7],
    buffer: Vec<u8>,
}

const NAMES: [&str; 7] = ["maps", "smaps", "smaps_rollup", "status", "statm", "stat", "oom_score"];

impl ProcFolder {
    pub(super) fn new(pid: i32) -> ProcFolder {
        ProcFolder { pid, ..ProcFolder::default() }
    }

    /// Opens everything anew next time: an open file keeps showing the memory of before an exec.
    pub(super) fn forget(&mut self) {
        self.open = Default::default();
    }

    pub(super) fn observe(&mut self, files: Files) -> Result<Observation, WorldError> {
        let mut texts: [Option<Vec<u8>>; 7] = Default::default();
        for (number, text) in texts.iter_mut().enumerate() {
            if files.has(Files(1 << number)) {
                *text = Some(self.read(number).map_err(|error| {
                    WorldError(format!("cannot read /proc/{}/{}: {error}", self.pid, NAMES[number]))
                })?);
            }
        }
        let [maps, smaps, smaps_rollup, status, statm, stat, oom_score] = texts;
        let machine = Vec::new();
        Ok(Observation { maps, smaps, smaps_rollup, status, statm, stat, oom_score, machine })
    }

    fn read(&mut self, number: usize) -> io::Result<Vec<u8>> {
        if self.open[number].is_none() {
            let path = format!("/proc/{}/{}", self.pid, NAMES[number]);
            self.open[number] = Some(File::open(path)?);
        }
        let Some(file) = &self.open[number] else { return Ok(Vec::new()) };
        if self.buffer.is_empty() {
            self.buffer.resize(32 << 10, 0);
        }
        let mut text = Vec::new();
        loop {
            let got = file.read_at(&mut self.buffer, text.len() as u64)?;
            if got == 0 {
                return Ok(text);
            }
            text.extend_from_slice(&self.buffer[..got]);
        }
    }
}
