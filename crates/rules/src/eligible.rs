//! Who can never be chosen, and why.
//!
//! # What it follows
//! `select_bad_process()` and `oom_unkillable_task()` in `mm/oom_kill.c`: the machine's init and
//! threads of the kernel (since 2.6.11), tasks without an address space, and the setting that
//! says never. [`Eligibility`] is plain data, chosen once by [`Eligibility::for_release`].
//!
//! # What it leaves out
//! What a snapshot cannot show: victims already reaped (`MMF_OOM_SKIP`), children of `vfork` that
//! still borrow their parent's memory (4.8), tasks bound to memory nodes other than those that ran
//! out, and, from 2.6.37 to 3.0, tasks that share their memory with one at -1000.

use facts::{Release, Snapshot, Task};
use units::{OomAdj, ScoreAdj};

use crate::rank::Immune;

/// Whom a release never chooses. Plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eligibility {
    /// Whether the machine's init is spared (2.6.11).
    pub spares_init: bool,
    /// The setting by which a process is excepted.
    pub setting: Setting,
    /// Whether a score of 0 is never chosen (until 2.6.10).
    pub spares_zero: bool,
}

/// The setting that moves a process in the order, or excepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// There is none (before 2.6.11).
    None,
    /// `oom_adj`, never at -17 (2.6.11 to 2.6.35).
    OomAdj,
    /// `oom_score_adj`, never at -1000 (2.6.36).
    OomScoreAdj,
}

impl Eligibility {
    /// The rules of today's kernels.
    pub const TODAY: Eligibility =
        Eligibility { spares_init: true, setting: Setting::OomScoreAdj, spares_zero: false };

    /// The rules of a mainline release.
    pub fn for_release(release: Release) -> Eligibility {
        let since = |patch| release >= Release::old(2, 6, patch);
        Eligibility {
            spares_init: since(11),
            setting: if since(36) {
                Setting::OomScoreAdj
            } else if since(11) {
                Setting::OomAdj
            } else {
                Setting::None
            },
            spares_zero: !since(11),
        }
    }

    /// Why the process can never be chosen; `None` if it can. `points` is its score; `is_init` is
    /// [`is_machines_init`]'s answer.
    pub fn immune(
        &self,
        is_init: bool,
        oom_adj: OomAdj,
        oom_score_adj: ScoreAdj,
        points: i64,
    ) -> Option<Immune> {
        if is_init && self.spares_init {
            return Some(Immune::Init);
        }
        match self.setting {
            Setting::OomAdj if oom_adj == OomAdj::NEVER => return Some(Immune::Disabled),
            Setting::OomScoreAdj if oom_score_adj == ScoreAdj::NEVER => {
                return Some(Immune::Adjusted);
            }
            _ => {}
        }
        (self.spares_zero && points <= 0).then_some(Immune::ZeroScore)
    }
}

/// Whether a process has memory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressSpace {
    /// It is a thread of the kernel.
    Kernel,
    /// It has none: a zombie, or one on its way out.
    Gone,
    /// It has one, or nothing says otherwise.
    Own,
}

/// Whether a process has memory of its own. `kernel` is the release that printed its figures: the
/// flag by which threads of the kernel are known meant something else before 2.6.27.
pub fn address_space(task: &Task, kernel: Option<Release>) -> AddressSpace {
    let flag_is_known = kernel.is_none_or(|r| r >= Release::old(2, 6, 27));
    if flag_is_known && task.is_kernel_thread() == Some(true) {
        return AddressSpace::Kernel;
    }
    // The first thread of a process may be a zombie while others live on in its memory.
    let dead = matches!(task.state, Some('Z' | 'X' | 'x'));
    let others_live = dead && task.threads.is_some_and(|n| n > 1);
    if others_live {
        return AddressSpace::Own;
    }
    // Figures of memory there can be none of; a process that runs maps at least its stack.
    let nothing = task.vsize.is_some_and(|v| v.get() == 0) && task.vm_rss.is_none();
    if dead || nothing { AddressSpace::Gone } else { AddressSpace::Own }
}

/// Whether a process is the machine's own init, which is never chosen: pid 1 as seen from the first
/// pid namespace. The pid 1 of any other namespace is a process like others.
///
/// Where it is unknown from which namespace the snapshot was taken, an `oom_score` above 0 proves
/// that the process can be chosen (since 2.6.36; older kernels printed a score for init as well).
pub fn is_machines_init(snapshot: &Snapshot, task: &Task) -> bool {
    if task.pid.get() != 1 {
        return false;
    }
    snapshot.viewpoint.first_pid_namespace.unwrap_or_else(|| {
        let proves = snapshot.kernel.release.is_none_or(|r| r >= Release::old(2, 6, 36));
        !(proves && task.oom_score.is_some_and(|score| score > 0))
    })
}

/// Whether processes of the machine are hidden from the list: those outside of the reader's pid
/// namespace, and those of other users under `hidepid`. Without hiding, pid 1 is always there.
pub(crate) fn some_are_hidden(snapshot: &Snapshot) -> bool {
    snapshot.viewpoint.first_pid_namespace == Some(false)
        || !snapshot.tasks.iter().any(|task| task.pid.get() == 1)
}

#[cfg(test)]
mod tests {
    use facts::TaskFlags;
    use units::{Bytes, Pid};

    use super::*;

    fn why(release: &str, is_init: bool, adj: i64, score_adj: i64, points: i64) -> Option<Immune> {
        Eligibility::for_release(release.parse().unwrap()).immune(
            is_init,
            OomAdj::new(adj).unwrap(),
            ScoreAdj::new(score_adj).unwrap(),
            points,
        )
    }

    #[test]
    fn each_era_spares_its_own() {
        for (release, init, never_adj, never_score_adj, zero) in [
            ("2.4.22", None, None, None, Some(Immune::ZeroScore)),
            ("2.6.9", None, None, None, Some(Immune::ZeroScore)),
            ("2.6.11", Some(Immune::Init), Some(Immune::Disabled), None, None),
            ("2.6.35", Some(Immune::Init), Some(Immune::Disabled), None, None),
            ("2.6.36", Some(Immune::Init), None, Some(Immune::Adjusted), None),
            ("6.18", Some(Immune::Init), None, Some(Immune::Adjusted), None),
        ] {
            assert_eq!(why(release, true, 0, 0, 5), init, "{release}");
            assert_eq!(why(release, false, -17, 0, 5), never_adj, "{release}");
            assert_eq!(why(release, false, 0, -1000, 5), never_score_adj, "{release}");
            assert_eq!(why(release, false, 0, 0, 0), zero, "{release}");
            assert_eq!(why(release, false, -16, -999, 5), None, "{release}");
        }
    }

    #[test]
    fn todays_rules_are_those_of_the_newest_release() {
        assert_eq!(Eligibility::for_release(Release::new(7, 2)), Eligibility::TODAY);
    }

    #[test]
    fn pid_1_of_a_container_is_a_process_like_others() {
        let mut snapshot = Snapshot::unknown("test");
        let mut task = Task::unknown(Pid::new(1));
        assert!(is_machines_init(&snapshot, &task));
        task.oom_score = Some(666);
        assert!(!is_machines_init(&snapshot, &task));
        snapshot.viewpoint.first_pid_namespace = Some(true);
        assert!(is_machines_init(&snapshot, &task));
        snapshot.viewpoint.first_pid_namespace = Some(false);
        task.oom_score = Some(0);
        assert!(!is_machines_init(&snapshot, &task));
    }

    #[test]
    fn an_old_kernels_score_for_init_proves_nothing() {
        let mut snapshot = Snapshot::unknown("test");
        snapshot.kernel.release = Some(Release::old(2, 6, 32));
        let mut task = Task::unknown(Pid::new(1));
        task.oom_score = Some(40);
        assert!(is_machines_init(&snapshot, &task));
    }

    #[test]
    fn zombies_have_no_memory_unless_a_thread_lives_on() {
        let mut task = Task::unknown(Pid::new(7));
        assert_eq!(address_space(&task, None), AddressSpace::Own);
        task.state = Some('Z');
        task.vsize = Some(Bytes::ZERO);
        assert_eq!(address_space(&task, None), AddressSpace::Gone);
        task.threads = Some(3);
        assert_eq!(address_space(&task, None), AddressSpace::Own);
    }

    #[test]
    fn the_kernel_thread_flag_is_believed_since_2_6_27() {
        let mut task = Task::unknown(Pid::new(7));
        task.flags = Some(TaskFlags(0x0020_0000));
        task.vsize = Some(Bytes::new(4096));
        for (kernel, expected) in [
            (None, AddressSpace::Kernel),
            (Some(Release::old(2, 6, 27)), AddressSpace::Kernel),
            (Some(Release::old(2, 6, 26)), AddressSpace::Own),
        ] {
            assert_eq!(address_space(&task, kernel), expected);
        }
    }
}
