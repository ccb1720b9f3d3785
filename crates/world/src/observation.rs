//! What is seen of a process.

/// A process as `/proc` shows it at one moment: the text of its files as the kernel printed them, or
/// as the model prints them. `None`: not asked for, or the process is gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// `/proc/PID/maps`.
    pub maps: Option<Vec<u8>>,
    /// `/proc/PID/smaps`.
    pub smaps: Option<Vec<u8>>,
    /// `/proc/PID/smaps_rollup`.
    pub smaps_rollup: Option<Vec<u8>>,
    /// `/proc/PID/status`.
    pub status: Option<Vec<u8>>,
    /// `/proc/PID/statm`.
    pub statm: Option<Vec<u8>>,
    /// `/proc/PID/stat`: minor and major faults among others.
    pub stat: Option<Vec<u8>>,
    /// `/proc/PID/oom_score`.
    pub oom_score: Option<Vec<u8>>,
    /// `/proc/PID/numa_maps`: where there are several nodes.
    pub numa_maps: Option<Vec<u8>>,
    /// Files of the whole machine, by their path below `/proc` (`meminfo`, `vmstat`, …).
    pub machine: Vec<(String, Vec<u8>)>,
}
