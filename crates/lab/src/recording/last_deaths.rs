//! Who was killed right before a kernel panicked.
//!
//! A machine that panics answers nothing any more: its last victims are in its log alone. Where a recording
//! does not say who of the scenario they were, their names do, as far as only one of that name was left.

use world::ProcessId;

/// The name of a process in the kernel's log has so many bytes at most (`TASK_COMM_LEN - 1`).
const MOST: usize = 15;

/// Those of the `living` that the reports in a log name as killed, in its order, beside those of the names `told`
/// who are known to be dead.
pub(super) fn in_log(
    log: &[u8],
    told: &[String],
    living: &[(ProcessId, String)],
) -> Vec<ProcessId> {
    let mut told: Vec<&[u8]> = told.iter().map(|name| in_short(name)).collect();
    let mut living: Vec<_> = living.iter().map(|(id, name)| (*id, in_short(name))).collect();
    let (mut pids, mut found) = (Vec::new(), Vec::new());
    for kill in klog::reports(log).into_iter().flat_map(|found| found.report.kills) {
        let (Some(pid), Some(name)) = (kill.pid, kill.name) else { continue };
        // One that does not die at once may be chosen again.
        if pids.contains(&pid) {
            continue;
        }
        pids.push(pid);
        if let Some(at) = told.iter().position(|known| *known == name.as_bytes()) {
            told.remove(at);
            continue;
        }
        let mut of_that_name =
            living.iter().enumerate().filter(|(_, (_, known))| *known == name.as_bytes());
        if let (Some((at, _)), None) = (of_that_name.next(), of_that_name.next()) {
            found.push(living.remove(at).0);
        }
    }
    found
}

fn in_short(name: &str) -> &[u8] {
    &name.as_bytes()[..name.len().min(MOST)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(victims: &[(u32, &str)]) -> Vec<u8> {
        let reports = victims.iter().map(|(pid, name)| {
            format!(
                "[    5.001190] hog invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), \
                 order=0, oom_score_adj=0\n\
                 [    5.948272] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
                 task_memcg=/,task={name},pid={pid},uid=0\n\
                 [    5.948496] Out of memory: Killed process {pid} ({name}) total-vm:22768kB, anon-rss:124kB, \
                 file-rss:0kB, shmem-rss:20kB, UID:0 pgtables:68kB oom_score_adj:0\n"
            )
        });
        reports.collect::<String>().into_bytes()
    }

    fn found(victims: &[(u32, &str)], told: &[&str], living: &[&str]) -> Vec<u32> {
        let told: Vec<String> = told.iter().map(|name| (*name).to_owned()).collect();
        let living: Vec<_> =
            (10..).map(ProcessId).zip(living.iter().map(|name| (*name).to_owned())).collect();
        in_log(&log(victims), &told, &living).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn a_victim_that_is_in_the_log_alone_is_found_by_its_name() {
        let victims = [(1, "a"), (2, "b"), (3, "c"), (4, "d")];
        assert_eq!(found(&victims, &["a", "b"], &["d", "c", "hog"]), [11, 10]);
        assert_eq!(found(&victims[..2], &["a", "b"], &["d", "c", "hog"]), [0; 0]);
    }

    #[test]
    fn who_was_chosen_twice_died_once() {
        assert_eq!(found(&[(1, "a"), (1, "a")], &["a"], &["b"]), [0; 0]);
        assert_eq!(found(&[(1, "a"), (2, "a")], &["a"], &["a"]), [10]);
    }

    #[test]
    fn a_name_that_two_have_says_nothing() {
        assert_eq!(found(&[(1, "a")], &[], &["a", "a"]), [0; 0]);
    }

    #[test]
    fn long_names_are_as_the_kernel_cuts_them() {
        assert_eq!(found(&[(1, "abcdefghijklmno")], &[], &["abcdefghijklmnopq"]), [10]);
    }
}
