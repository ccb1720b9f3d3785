//! Scenarios of a whole machine, on one that is small enough to follow.

use world::{
    Call, Control, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Setup, Stop, Touch, Touched, World, WorldError,
};

use super::*;
use crate::{Source, check};

/// A machine of 64 pages: who has most of them dies when there are none left. With `panic_on_oom`
/// it panics instead.
#[derive(Default)]
struct Small {
    setup: Option<Setup>,
    written: Vec<(Control, String)>,
    /// Pages, adjustment and end of each process.
    processes: Vec<(u64, i64, Option<End>)>,
    dead: Vec<(ProcessId, End)>,
    log: String,
    panic: Option<String>,
    clock: u64,
}

const PAGES: u64 = 64;

impl Small {
    fn used(&self) -> u64 {
        self.processes.iter().map(|(pages, ..)| pages).sum()
    }

    fn sysctl(&self, name: &str) -> Option<&str> {
        let setup = self.setup.iter().flat_map(|setup| &setup.controls);
        setup
            .chain(&self.written)
            .filter(|(control, _)| *control == Control::Sysctl(name.to_owned()))
            .map(|(_, value)| value.as_str())
            .next_back()
    }

    fn kill(&mut self) {
        if self.sysctl("vm.panic_on_oom") == Some("1") {
            self.panic = Some("Kernel panic - not syncing: Out of memory".to_owned());
            return;
        }
        let most = self.processes.iter().enumerate().filter(|(_, (_, _, end))| end.is_none());
        let Some((index, _)) =
            most.max_by_key(|(_, (pages, adj, _))| i64::try_from(*pages).unwrap() + adj)
        else {
            return;
        };
        let end = End::Signal(9);
        self.processes[index] = (0, 0, Some(end));
        let id = ProcessId(u32::try_from(index).unwrap());
        self.dead.push((id, end));
        self.log += "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null)\n";
        self.log.push_str("Out of memory: Killed process\n");
    }

    fn answers(&self) -> Result<(), WorldError> {
        match &self.panic {
            Some(_) => Err(WorldError("the machine does not answer".to_owned())),
            None => Ok(()),
        }
    }
}

impl World for Small {
    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.setup = Some(setup.clone());
        Ok(())
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        if *what == Control::SysRq && value == "f" {
            self.kill();
        }
        self.written.push((what.clone(), value.to_owned()));
        let refused = *what == Control::Sysctl("vm.swappiness".to_owned()) && value == "201";
        Ok(if refused { Err(Errno::EINVAL) } else { Ok(()) })
    }

    fn files(&mut self, _: &[FileSpec]) -> Result<(), WorldError> {
        Ok(())
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        self.processes.push((1, spec.adj.get(), None));
        Ok(ProcessId(u32::try_from(self.processes.len()).unwrap() - 1))
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        self.answers()?;
        assert_eq!(self.processes[process.0 as usize].2, None, "the dead make no calls");
        let value = match call {
            Call::Mmap { .. } => Ok(0x10_0000),
            _ => Err(Errno::ENOSYS),
        };
        Ok(Returned::plain(value))
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        self.answers()?;
        let index = process.0 as usize;
        for done in 0..touch.count {
            if self.used() >= PAGES {
                self.kill();
                self.answers()?;
            }
            if self.processes[index].2.is_some() {
                return Ok(Touched { done, stopped: Some(Stop::Killed) });
            }
            self.processes[index].0 += 1;
        }
        Ok(Touched { done: touch.count, stopped: None })
    }

    fn fork(&mut self, _: ProcessId, _: ForkKind) -> Result<Result<ProcessId, Errno>, WorldError> {
        Ok(Err(Errno::EAGAIN))
    }

    fn exec(&mut self, _: ProcessId) -> Result<(), WorldError> {
        Ok(())
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.processes[process.0 as usize] = (0, 0, Some(how));
        Ok(())
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.clock += nanoseconds;
        Ok(())
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.answers()?;
        let (pages, ..) = self.processes[process.0 as usize];
        let status = format!("VmRSS: {} kB\n", pages * 4).into_bytes();
        Ok(Observation { status: Some(status), ..Observation::default() })
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        Ok(self.processes[process.0 as usize].2)
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        self.answers()?;
        let free = PAGES.saturating_sub(self.used()) * 4;
        let events = format!("oom_kill {}\n", self.log.matches("Out of memory").count());
        Ok(vec![
            ("meminfo".to_owned(), format!("MemFree: {free} kB\n").into_bytes()),
            ("sys/fs/cgroup/web/memory.events".to_owned(), events.into_bytes()),
        ])
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        Ok(self.log.clone().into_bytes())
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        Ok(std::mem::take(&mut self.dead))
    }

    fn panicked(&mut self) -> Option<String> {
        self.panic.clone()
    }
}

fn run_on(world: &mut Small, text: &str) -> (Finish, Vec<Event>) {
    let scenario = check(&Source::new("t", text)).unwrap_or_else(|problems| panic!("{problems}"));
    let mut events: Vec<Event> = Vec::new();
    let options = Options::model();
    let finish = run(&scenario, world, None, &options, &mut events)
        .unwrap_or_else(|error| panic!("{error}"));
    (finish, events)
}

/// Every claim of a scenario holds; how many there were.
fn all_hold(text: &str) -> usize {
    let (_, events) = run_on(&mut Small::default(), text);
    let verdicts: Vec<&Verdict> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Expected(verdict) => Some(verdict),
            _ => None,
        })
        .collect();
    let failed: Vec<_> = verdicts.iter().filter(|v| v.held != Some(true)).collect();
    assert!(failed.is_empty(), "{failed:?}");
    verdicts.len()
}

#[test]
fn who_is_killed_by_anothers_step_is_told_at_that_step() {
    let (finish, events) = run_on(
        &mut Small::default(),
        "process big { mmap block 40 pages; touch block; sleep 1s }
         process small start=1ms { mmap block 30 pages; touch block }",
    );
    let [death] = finish.deaths.as_slice() else { panic!("{:?}", finish.deaths) };
    assert_eq!((death.process, death.during), (ProcessId(0), Some(ProcessId(1))));
    assert_eq!((death.step, death.touched), (5, 40 * 4096));
    let at = events.iter().position(|event| matches!(event.what, What::Chosen(_))).unwrap();
    assert_eq!((events[at].process, events[at].step), (ProcessId(0), 5));
    let before = &events[at - 1];
    assert!(matches!(before.what, What::Touch { .. }) && before.process == ProcessId(1));
}

#[test]
fn claims_at_the_top_are_looked_at_when_everything_is_over() {
    let claims = all_hold(
        "machine { cgroup \"/web\" max=1MiB }
         expect hog killed
         expect killed-first hog
         expect deaths hog
         expect hog.touched is 61 pages
         expect bystander alive
         expect bystander.VmRSS is 8KiB
         expect meminfo.MemFree is 248KiB
         expect log contains \"Out of memory\" times=1
         expect log lacks \"panic\"
         expect log constraint none
         expect cgroup \"/web\" memory.events.oom_kill is 1
         process hog { grow pieces until=killed by=1page }
         process bystander { mmap one 1 page; touch one }",
    );
    assert_eq!(claims, 11);
}

#[test]
fn many_processes_of_one_name_are_meant_together_or_one_by_one() {
    let claims = all_hold(
        "process worker count=3 apart=1ms { mmap one 2 pages; touch one; sleep 10ms }
         process hog start=5ms adj=-100 { mmap block 57 pages; touch block }
         process last start=6ms { wait worker; expect worker.2 killed; expect worker.killed is 1 }
         expect worker.living is 2
         expect worker.0 alive
         expect worker.touched is 6 pages
         expect deaths worker.2",
    );
    assert_eq!(claims, 6);
}

#[test]
fn processes_of_one_name_that_did_not_end_alike_are_told_apart() {
    let (_, events) = run_on(
        &mut Small::default(),
        "process worker count=2 { sleep 1ms }
         process other { kill worker.1 }
         expect worker killed",
    );
    let found = events.iter().find_map(|event| match &event.what {
        What::Expected(verdict) => Some((verdict.held, verdict.found.as_str())),
        _ => None,
    });
    assert_eq!(found, Some((Some(false), "of 1 of 2 this is not so: it lives")));
}

#[test]
fn a_panic_ends_the_run_and_is_its_result() {
    let text = "machine { sysctl vm.panic_on_oom 1 }
                process hog { grow pieces until=killed by=16pages }
                process other { sleep 1h }
                expect panicked \"not syncing\"
                expect deaths";
    let text = text.replace("1h", "60min");
    let (finish, events) = run_on(&mut Small::default(), &text);
    assert_eq!(finish.panic.as_deref(), Some("Kernel panic - not syncing: Out of memory"));
    assert_eq!(finish.time, 0);
    assert!(events.iter().any(|event| matches!(event.what, What::Panicked(_))));
    assert_eq!(all_hold(&text), 2);
}

#[test]
fn a_machine_is_arranged_in_one_order_and_changed_by_steps() {
    let mut world = Small::default();
    let (_, events) = run_on(
        &mut world,
        "machine {
             swap 8MiB priority=3
             zram 4MiB
             sysctl vm.swappiness 10
             huge-pages never
             ksm pages-to-scan=500 sleep=10ms
             lowmemorykiller minfree=1024,4MiB adj=0,529
             cgroup \"/a/b\" max=1MiB oom-group { memory.swap.high 64KiB }
         }
         process p {
             sysctl vm.swappiness 201
             expect fails EINVAL
             cgroup \"/a/b\" memory.max max
             sys \"kernel/mm/ksm/run\" 0
             drop-caches 3
             sync
             expect succeeds
         }",
    );
    let setup = world.setup.expect("it was arranged");
    let swap: Vec<_> = setup.swap.iter().map(|s| (s.len >> 20, s.priority, s.zram)).collect();
    assert_eq!(swap, [(8, Some(3), false), (4, None, true)]);
    assert_eq!(setup.cgroups, ["/a", "/a/b"]);
    let shown = |controls: &[(Control, String)]| {
        controls.iter().map(|(what, value)| format!("{what} {value}")).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&setup.controls),
        [
            "vm.swappiness 10",
            "/sys/kernel/mm/transparent_hugepage/enabled never",
            "/sys/kernel/mm/ksm/pages_to_scan 500",
            "/sys/kernel/mm/ksm/sleep_millisecs 10",
            "/sys/kernel/mm/ksm/run 1",
            "/sys/module/lowmemorykiller/parameters/adj 0,529",
            "/sys/module/lowmemorykiller/parameters/minfree 1024,1024",
            "/a/b/memory.max 1048576",
            "/a/b/memory.oom.group 1",
            "/a/b/memory.swap.high 65536",
        ]
    );
    assert_eq!(
        shown(&world.written),
        [
            "vm.swappiness 201",
            "/a/b/memory.max max",
            "/sys/kernel/mm/ksm/run 0",
            "vm.drop_caches 3",
            "/proc/sysrq-trigger s",
        ]
    );
    let verdicts: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Expected(verdict) => verdict.held,
            _ => None,
        })
        .collect();
    assert_eq!(verdicts, [true, true]);
}

#[test]
fn what_the_machine_had_at_a_checkpoint_is_kept() {
    let claims = all_hold(
        "process p {
             checkpoint before
             mmap block 10 pages
             touch block
             expect meminfo.MemFree shrank 10 pages since=before
             checkpoint after
         }
         expect machine.MemFree shrank 10 pages since=before
         expect meminfo.MemFree unchanged",
    );
    assert_eq!(claims, 3);
}

#[test]
fn growth_gives_others_their_turn_and_has_a_rest() {
    let (finish, events) = run_on(
        &mut Small::default(),
        "process a { grow piece 10pages by=4pages }
         process b { grow piece 8pages by=4pages every=1ms }",
    );
    let touches: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Touch { touch, .. } => Some((event.process.0, touch.count)),
            _ => None,
        })
        .collect();
    assert_eq!(touches, [(0, 4), (1, 4), (0, 4), (0, 2), (1, 4)]);
    assert_eq!(finish.processes[0].touched, 10 * 4096);
    assert_eq!(finish.time, 2_000_000);
}

#[test]
fn the_host_is_not_arranged() {
    let text = "machine { swap 1MiB }\nprocess p { mmap block 1 page }";
    let scenario = check(&Source::new("t", text)).unwrap_or_else(|problems| panic!("{problems}"));
    let mut world = Small::default();
    let options = Options { arm: Arm::Host, ..Options::model() };
    run(&scenario, &mut world, None, &options, &mut ()).expect("it runs");
    assert_eq!(world.setup, None);
}
