//! Who printed the report: the lines of `dump_stack()`.

use units::Pid;

use crate::{Name, Release};

/// The task and machine that printed the report, from `dump_stack_print_info()`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reporter {
    /// The cpu it ran on (3.10).
    pub cpu: Option<u32>,
    /// Effective user (6.11).
    pub uid: Option<u32>,
    /// The task.
    pub pid: Option<Pid>,
    /// The task's name.
    pub comm: Option<Name>,
    /// A crash kernel is loaded (4.16).
    pub kdump_loaded: bool,
    /// `Not tainted`, or `Tainted:` and its letters.
    pub taint: Option<Name>,
    /// From the release to the end of the line, as printed: `6.8.0-50-generic #51-Ubuntu`.
    pub version: Option<Name>,
    /// The release in it. It says who built the kernel, not which lines it prints.
    pub release: Option<Release>,
    /// The taints spelled out (6.11).
    pub taints: Option<Name>,
    /// `Hardware name:`.
    pub hardware: Option<Name>,
    /// `Workqueue:`.
    pub workqueue: Option<Name>,
    /// The functions of the call trace, innermost first, without addresses: `out_of_memory`.
    pub trace: Vec<Name>,
}
