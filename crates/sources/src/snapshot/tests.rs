//! What becomes of files that are there, not there, refused, and half there.

use facts::{CgroupVersion, Name, PressureFile, Snapshot, Why};
use units::{Bytes, Limit, PageSize, Pid};

use super::*;
use crate::testing::Machine;
use crate::{Owner, Refusal};

fn pids(snapshot: &Snapshot) -> Vec<u32> {
    snapshot.tasks.iter().map(|task| task.pid.get()).collect()
}

fn missing(snapshot: &Snapshot) -> Vec<String> {
    snapshot.missing.iter().map(ToString::to_string).collect()
}

fn group<'a>(snapshot: &'a Snapshot, path: &str) -> &'a facts::Cgroup {
    &snapshot.cgroups.groups[&Name::from(path)]
}

#[test]
fn a_whole_machine_is_read_without_anything_missing() {
    let mut machine = Machine::example();
    for path in ["", "/init.scope", "/user.slice", "/user.slice/me"] {
        machine.put(&format!("oomph/cgroup{path}/memory.oom.group"), "0\n");
    }
    let snapshot = snapshot(&mut machine, &Want::rank());
    assert_eq!(missing(&snapshot), [""; 0]);
    assert_eq!(pids(&snapshot), [1, 2, 300]);
    let shell = &snapshot.tasks[2];
    assert_eq!(shell.comm, Some(Name::from("ba) (sh")));
    assert_eq!(shell.uid, Some(1000));
    assert_eq!(shell.swap, Some(Bytes::new(8192)));
    assert_eq!(shell.cgroup, Some(Name::from("/user.slice/me")));
    assert_eq!(snapshot.user(1000), Some(&Name::from("ann")));
    assert_eq!(snapshot.uptime_s, Some(1069));
    assert_eq!(snapshot.viewpoint.cgroup, Some(Name::from("/user.slice/me")));
    assert_eq!(snapshot.sysctls.lowmem_reserve_ratio, Some(vec![256, 256, 32, 0, 0]));
    assert_eq!(snapshot.sysctls.panic_on_oom, None);
    assert_eq!(snapshot.zones[0].min, Some(units::Pages::new(1000)));
}

#[test]
fn a_live_machine_is_never_asked_for_mappings() {
    let mut machine = Machine::example();
    machine.files.remove("300/status");
    for want in [Want::status(), Want::rank()] {
        snapshot(&mut machine, &want);
    }
    assert!(machine.was_asked("300/stat"));
    assert!(!machine.asked.iter().any(|path| path.contains("smaps")));
}

#[test]
fn of_a_kernel_thread_only_its_name_is_read_unless_all_is_wanted() {
    let mut machine = Machine::example();
    let status = snapshot(&mut machine, &Want::status());
    assert!(!machine.was_asked("2/status") && !machine.was_asked("2/oom_score"));
    assert_eq!(status.tasks[1].comm, Some(Name::from("kthreadd")));
    assert_eq!(status.tasks[1].is_kernel_thread(), Some(true));
    assert_eq!(status.tasks[1].oom_score, None);

    let rank = snapshot(&mut machine, &Want::rank());
    assert_eq!(rank.tasks[1].oom_score, Some(667));
}

#[test]
fn oom_adj_is_asked_for_only_where_oom_score_adj_is_not_there() {
    let mut machine = Machine::example();
    snapshot(&mut machine, &Want::status());
    assert!(!machine.asked.iter().any(|path| path.ends_with("/oom_adj")));

    machine.files.remove("300/oom_score_adj");
    let old = snapshot(&mut machine, &Want::status());
    assert!(old.tasks[2].oom_adj.is_some());
    assert_eq!(old.tasks[2].oom_score_adj, None);
    assert!(!missing(&old).iter().any(|text| text.contains("oom_")));
}

#[test]
fn a_process_that_goes_away_while_it_is_read_is_left_out() {
    for refusal in [Refusal::Gone, Refusal::Absent] {
        for file in ["stat", "status", "oom_score", "oom_score_adj", "cgroup"] {
            let mut machine = Machine::example();
            machine.gone.push(300);
            machine
                .files
                .retain(|path, _| !path.starts_with("300/") || path < &format!("300/{file}"));
            machine.refuse(&format!("300/{file}"), refusal.clone());
            let snapshot = snapshot(&mut machine, &Want::rank());
            assert_eq!(pids(&snapshot), [1, 2], "{file}");
            assert!(!missing(&snapshot).iter().any(|text| text.contains("300")), "{file}");
        }
    }
}

#[test]
fn a_process_that_may_not_be_read_stays_with_what_its_owner_tells() {
    let mut machine = Machine::example();
    machine.refuse("300/stat", Refusal::Denied);
    let snapshot = snapshot(&mut machine, &Want::rank());
    let task = &snapshot.tasks[2];
    assert_eq!((task.pid, task.uid), (Pid::new(300), Some(1000)));
    assert_eq!((task.rss, task.comm.as_ref()), (None, None));
    assert!(missing(&snapshot).contains(&"300/stat: permission denied".to_owned()));
}

#[test]
fn one_refused_file_leaves_the_others_of_its_process() {
    let mut machine = Machine::example();
    machine.refuse("300/status", Refusal::Denied).refuse("1/status", Refusal::Denied);
    let snapshot = snapshot(&mut machine, &Want::rank());
    let task = &snapshot.tasks[2];
    assert_eq!(task.swap, None);
    assert_eq!(task.oom_score, Some(667));
    let expected = "1/status and the same of 1 more processes: permission denied";
    assert!(missing(&snapshot).contains(&expected.to_owned()), "{:?}", missing(&snapshot));
}

#[test]
fn what_every_kernel_has_is_named_when_it_is_not_there() {
    let mut machine = Machine { about: Machine::example().about, ..Machine::default() };
    let snapshot = snapshot(&mut machine, &Want::status());
    let missing = missing(&snapshot);
    for file in ["meminfo", "zoneinfo", "vmstat", "uptime", "sys/kernel/osrelease"] {
        assert!(missing.contains(&format!("{file}: not there")), "{file} in {missing:?}");
    }
    assert_eq!(snapshot.tasks, []);
    assert_eq!(snapshot.cgroups.version, None);
    assert_eq!(snapshot.vmstat.get("oom_kill"), None);
}

#[test]
fn the_four_ways_of_having_no_pressure_are_told_apart() {
    let file = "pressure/memory";
    let mut machine = Machine::example();
    let pressure = |machine: &mut Machine| snapshot(machine, &Want::status()).pressure;
    assert_eq!(pressure(&mut machine), PressureFile::Absent);
    assert_eq!(pressure(machine.refuse(file, Refusal::Unsupported)), PressureFile::Disabled);
    assert_eq!(pressure(machine.refuse(file, Refusal::Denied)), PressureFile::Denied);
    assert_eq!(pressure(machine.put(file, "nonsense\n")), PressureFile::Unknown);
    machine.files.remove(file);
    machine.about.complete = false;
    assert_eq!(pressure(&mut machine), PressureFile::Unknown);
}

#[test]
fn a_group_without_limit_costs_two_reads_below_a_quiet_one() {
    let mut machine = Machine::example();
    machine.put("oomph/cgroup/a/memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n");
    for n in 0..100 {
        machine.process(1000 + n, "w", 0, 0, &format!("/a/{n}"));
        machine.put(&format!("oomph/cgroup/a/{n}/memory.max"), "max\n");
        machine.put(&format!("oomph/cgroup/a/{n}/memory.oom.group"), "1\n");
    }
    let snapshot = snapshot(&mut machine, &Want::status());
    let reads = machine.asked.iter().filter(|path| path.starts_with("oomph/cgroup/a/7/"));
    assert_eq!(
        reads.collect::<Vec<_>>(),
        ["oomph/cgroup/a/7/memory.max", "oomph/cgroup/a/7/memory.oom.group"]
    );
    assert_eq!(group(&snapshot, "/a/7").max, Some(Limit::Max));
    assert_eq!(group(&snapshot, "/a/7").oom_group, Some(true));
    assert_eq!(group(&snapshot, "/a/7").current, None);
}

#[test]
fn kills_are_read_where_the_group_above_counts_some() {
    let mut machine = Machine::example();
    machine.process(400, "w", 0, 0, "/a/b/c");
    machine.put("oomph/cgroup/a/memory.events", "oom 1\noom_kill 3\n");
    machine.put("oomph/cgroup/a/b/memory.events", "oom 1\noom_kill 0\n");
    machine.put("oomph/cgroup/a/b/c/memory.events", "oom 1\noom_kill 9\n");
    let snapshot = snapshot(&mut machine, &Want::status());
    assert_eq!(group(&snapshot, "/a").events.oom_kill, Some(3));
    assert_eq!(group(&snapshot, "/a/b").events.oom_kill, Some(0));
    // Its parent counts for it, too.
    assert_eq!(group(&snapshot, "/a/b/c").events.oom_kill, None);
}

#[test]
fn groups_with_a_limit_and_the_readers_own_are_read_whole() {
    let mut machine = Machine::example();
    machine.process(400, "w", 0, 0, "/limited");
    machine.process(401, "w", 0, 0, "/asked/for");
    for path in ["/limited", "/user.slice", "/user.slice/me", "/asked", "/asked/for", "/init.scope"]
    {
        machine.put(&format!("oomph/cgroup{path}/memory.max"), "max\n");
        machine.put(&format!("oomph/cgroup{path}/memory.current"), "4096\n");
    }
    machine.put("oomph/cgroup/limited/memory.max", "8192\n");
    let want = Want { groups: vec![Name::from("/asked/for")], ..Want::status() };
    let snapshot = snapshot(&mut machine, &want);
    for path in ["/limited", "/user.slice", "/user.slice/me", "/asked", "/asked/for"] {
        assert_eq!(group(&snapshot, path).current, Some(Bytes::new(4096)), "{path}");
    }
    assert_eq!(group(&snapshot, "/limited").max, Some(Limit::At(Bytes::new(8192))));
    assert_eq!(group(&snapshot, "/init.scope").current, None);
}

#[test]
fn version_1_beside_a_unified_hierarchy_without_memory_is_version_1() {
    let mut machine = Machine::example();
    machine.put("self/cgroup", "4:memory:/job\n1:cpu:/\n0::/\n");
    machine.put("300/cgroup", "4:memory:/job\n0::/elsewhere\n");
    machine.put("oomph/cgroup/job/memory.limit_in_bytes", "9223372036854771712\n");
    machine.put("oomph/cgroup/job/memory.usage_in_bytes", "5000\n");
    machine.put("oomph/cgroup/job/memory.memsw.usage_in_bytes", "7000\n");
    machine.put("oomph/cgroup/job/memory.oom_control", "oom_kill_disable 1\nunder_oom 0\n");
    machine.put("oomph/cgroup/job/memory.use_hierarchy", "0\n");
    let snapshot = snapshot(&mut machine, &Want::status());
    assert_eq!(snapshot.cgroups.version, Some(CgroupVersion::V1));
    assert_eq!(snapshot.tasks[2].cgroup, Some(Name::from("/job")));
    let job = group(&snapshot, "/job");
    assert_eq!(job.max, Some(Limit::Max));
    assert_eq!(job.oom_kill_disable, Some(true));
    assert_eq!(job.use_hierarchy, Some(false));
    assert_eq!(job.swap_current, Some(Bytes::new(2000)));
}

#[test]
fn a_hierarchy_without_the_memory_controller_counts_for_nothing() {
    let mut machine = Machine::example();
    machine.put("oomph/cgroup/cgroup.controllers", "cpu pids\n");
    let snapshot = snapshot(&mut machine, &Want::status());
    assert_eq!(snapshot.cgroups, facts::Cgroups::default());
    assert_eq!(snapshot.tasks[2].cgroup, None);
    assert_eq!(snapshot.viewpoint.cgroup, None);
    assert_eq!(missing(&snapshot), [""; 0]);
}

#[test]
fn groups_that_cannot_be_seen_are_named_once() {
    let mut machine = Machine::example();
    machine.files.retain(|path, _| !path.starts_with("oomph/cgroup/"));
    machine.put("300/cgroup", "0::/../outside\n");
    let snapshot = snapshot(&mut machine, &Want::status());
    assert_eq!(missing(&snapshot), ["files of memory cgroups: not there"]);
    assert_eq!(group(&snapshot, "/../outside"), &facts::Cgroup::default());
}

#[test]
fn a_mount_that_does_not_show_the_readers_own_group_is_named() {
    let mut machine = Machine::example();
    machine.files.remove("oomph/cgroup/user.slice/me/cgroup.controllers");
    machine.put("oomph/cgroup/init.scope/memory.max", "max\n");
    let snapshot = snapshot(&mut machine, &Want::status());
    let expected = "memory cgroup /user.slice/me, which this process is in: not there";
    assert_eq!(missing(&snapshot), [expected]);
}

#[test]
fn a_capture_without_status_is_filled_from_owners_and_mappings() {
    let mut machine = Machine::example();
    machine.about.live = false;
    machine.about.complete = false;
    machine.about.page_size = None;
    machine.files.retain(|path, _| !path.ends_with("/status"));
    for pid in [1, 300] {
        machine.put(
            &format!("{pid}/smaps"),
            "08048000-08056000 r-xp 00000000 03:0c 64593 /bin/a\nRss: 4000 kB\nAnonymous: 12 kB\n\
             Swap: 4 kB\n09048000-09056000 rw-p 00000000 00:00 0\nRss: 0 kB\nAnonymous: 8 kB\n\
             Swap: 0 kB\n",
        );
    }
    machine.process(301, "denied", 0, 5, "/");
    machine.files.remove("301/status");
    machine.put("301/smaps", "");
    machine.owners.insert(300, Owner { uid: 77, gid: 7 });
    let snapshot = snapshot(&mut machine, &Want::rank());
    let task = &snapshot.tasks[2];
    assert_eq!((task.uid, task.swap), (Some(77), Some(Bytes::new(4096))));
    assert_eq!(task.rss_anon, Some(Bytes::new(20 << 10)));
    assert_eq!((task.vm_pte, task.euid), (None, None));
    assert_eq!(snapshot.tasks[3].swap, None);
    let missing = missing(&snapshot);
    assert!(missing.contains(&"301/smaps: empty, though the process has memory".to_owned()));
    assert!(
        missing.contains(&"1/status and the same of 3 more processes: not there".to_owned()),
        "{missing:?}"
    );
    // Two processes are too few to tell the page size from.
    assert_eq!((snapshot.page_size, snapshot.page_size_known), (PageSize::KIB_4, false));
}

#[test]
fn empty_files_of_a_process_are_not_taken_for_zeros() {
    let mut machine = Machine::example();
    machine.put("1/stat", "").put("300/status", "").put("300/oom_score", "");
    let snapshot = snapshot(&mut machine, &Want::rank());
    assert_eq!(pids(&snapshot), [2, 300]);
    let task = &snapshot.tasks[1];
    assert_eq!((task.oom_score, task.swap), (None, None));
    let gone = snapshot.missing.iter().filter(|m| m.why == Why::Gone).count();
    assert_eq!(gone, 2);
}
