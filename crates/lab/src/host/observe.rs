//! Reading `/proc/PID`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use world::Observation;

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
    /// All that every machine has.
    pub const ALL: Files = Files(127);
    /// `numa_maps`: walks the page tables.
    pub const NUMA_MAPS: Files = Files(128);

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Files) -> Files {
        Files(self.0 | others.0)
    }

    /// The file of this place in [`NAMES`].
    pub(crate) const fn one(place: usize) -> Files {
        Files(1 << place)
    }

    /// Whether all of `others` are among these.
    pub const fn has(self, others: Files) -> bool {
        self.0 & others.0 == others.0
    }
}

/// The open folder of one process; files are opened once and read again from their start.
#[derive(Debug, Default)]
pub(crate) struct ProcFolder {
    open: [Option<File>; 8],
    buffer: Vec<u8>,
}

/// Files of `/proc/PID`, in the order of the bits of [`Files`].
pub(crate) const NAMES: [&str; 8] =
    ["maps", "smaps", "smaps_rollup", "status", "statm", "stat", "oom_score", "numa_maps"];

/// An observation of those texts, in the order of [`NAMES`].
pub(crate) fn observation(texts: [Option<Vec<u8>>; 8]) -> Observation {
    let [maps, smaps, smaps_rollup, status, statm, stat, oom_score, numa_maps] = texts;
    let machine = Vec::new();
    let seen = Observation { maps, smaps, smaps_rollup, status, statm, ..Observation::default() };
    Observation { stat, oom_score, numa_maps, machine, ..seen }
}

impl ProcFolder {
    pub(crate) fn observe(&mut self, pid: i32, files: Files) -> io::Result<Observation> {
        let mut texts: [Option<Vec<u8>>; 8] = Default::default();
        for (number, text) in texts.iter_mut().enumerate() {
            if files.has(Files::one(number)) {
                *text = Some(self.read(pid, number)?);
            }
        }
        Ok(observation(texts))
    }

    fn read(&mut self, pid: i32, number: usize) -> io::Result<Vec<u8>> {
        if self.open[number].is_none() {
            let path = format!("/proc/{pid}/{}", NAMES[number]);
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
