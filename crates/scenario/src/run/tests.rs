use std::collections::BTreeMap;

use world::{
    Call, End, Errno, Fault, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Stop, Touch, Touched, World, WorldError,
};

use super::*;
use crate::{Source, check};

/// A world with no rules but these: mappings lie one after another, touched pages are resident,
/// more than 64 MiB is refused.
#[derive(Default)]
struct Toy {
    processes: Vec<ToyProcess>,
    slept: u64,
    order: Vec<String>,
}

#[derive(Clone, Default)]
struct ToyProcess {
    name: String,
    /// Start and length, with the touched pages.
    maps: BTreeMap<u64, (u64, u64)>,
    brk: u64,
    end: Option<End>,
}

const MOST: u64 = 64 << 20;

impl World for Toy {
    fn files(&mut self, _: &[FileSpec]) -> Result<(), WorldError> {
        Ok(())
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        self.order.push(format!("start {} at {}", spec.name, self.slept));
        let name = spec.name.clone();
        self.processes.push(ToyProcess { name, brk: 0x1000_0000, ..ToyProcess::default() });
        Ok(ProcessId(u32::try_from(self.processes.len()).unwrap() - 1))
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        let own = &mut self.processes[process.0 as usize];
        let value = match call {
            Call::Mmap { len: 0, .. } => Err(Errno::EINVAL),
            Call::Mmap { len, .. } => {
                let size: u64 = own.maps.values().map(|&(len, _)| len).sum();
                let next = own.maps.iter().next_back().map(|(&start, &(len, _))| start + len);
                let at = next.unwrap_or(0x7000_0000);
                if size + len > MOST {
                    Err(Errno::ENOMEM)
                } else {
                    own.maps.insert(at, (*len, 0));
                    self.order.push(format!("{} maps", own.name));
                    Ok(at)
                }
            }
            Call::Munmap { addr, .. } => Ok(own.maps.remove(addr).map_or(0, |_| 0)),
            Call::Brk { addr: 0 } => Ok(own.brk),
            Call::Brk { addr } => {
                if *addr < 0x1100_0000 {
                    own.brk = *addr;
                }
                Ok(own.brk)
            }
            _ => Err(Errno::ENOSYS),
        };
        Ok(Returned::plain(value))
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        let own = &mut self.processes[process.0 as usize];
        let found = own
            .maps
            .iter_mut()
            .find(|(start, (len, _))| (**start..**start + *len).contains(&touch.addr));
        let Some((_, (_, touched))) = found else {
            let fault = Fault { signal: 11, code: 1, address: touch.addr };
            return Ok(Touched { done: 0, stopped: Some(Stop::Signal(fault)) });
        };
        *touched = (*touched).max(touch.count);
        Ok(Touched { done: touch.count, stopped: None })
    }

    fn fork(
        &mut self,
        process: ProcessId,
        _: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let copy = self.processes[process.0 as usize].clone();
        self.processes.push(copy);
        Ok(Ok(ProcessId(u32::try_from(self.processes.len()).unwrap() - 1)))
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        self.processes[process.0 as usize].maps.clear();
        Ok(())
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.processes[process.0 as usize].end = Some(how);
        Ok(())
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.slept += nanoseconds;
        Ok(())
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        let own = &self.processes[process.0 as usize];
        let size: u64 = own.maps.values().map(|&(len, _)| len).sum();
        let rss: u64 = own.maps.values().map(|&(_, touched)| touched * 4).sum();
        let line = |(start, (len, _)): (&u64, &(u64, u64))| {
            format!("{start:x}-{:x} rw-p 0 0:0 0\n", start + len)
        };
        let maps = own.maps.iter().map(line).collect::<Vec<_>>().concat();
        let status = format!("VmSize: {} kB\nVmRSS: {rss} kB\n", size / 1024);
        Ok(Observation {
            maps: Some(maps.into_bytes()),
            status: Some(status.into_bytes()),
            ..Observation::default()
        })
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        Ok(self.processes[process.0 as usize].end)
    }
}

struct Ran {
    finish: Finish,
    trace: String,
    verdicts: Vec<Verdict>,
    order: Vec<String>,
}

fn options() -> Options {
    Options { most_steps: 100_000, ..Options::model() }
}

fn run_with(text: &str, options: &Options) -> Result<Ran, String> {
    let scenario = check(&Source::new("t.kdl", text)).map_err(|problems| problems.to_string())?;
    let mut world = Toy::default();
    let mut events: Vec<Event> = Vec::new();
    let finish = run(&scenario, &mut world, None, options, &mut events)
        .map_err(|error| error.to_string())?;
    let trace = events
        .iter()
        .map(|event| {
            let name = &scenario.names[event.name.0];
            format!("{} {name}: {}\n", event.step, asked(event, &scenario))
        })
        .collect::<Vec<_>>()
        .concat();
    let verdicts = events
        .into_iter()
        .filter_map(|event| match event.what {
            What::Expected(verdict) => Some(verdict),
            _ => None,
        })
        .collect();
    Ok(Ran { finish, trace, verdicts, order: world.order })
}

fn ran(text: &str) -> Ran {
    run_with(text, &options()).unwrap_or_else(|error| panic!("{error}"))
}

/// Every claim of a scenario holds.
fn all_hold(text: &str) {
    let ran = ran(text);
    assert!(!ran.verdicts.is_empty(), "nothing was claimed");
    let failed: Vec<_> = ran.verdicts.iter().filter(|v| v.held != Some(true)).collect();
    assert!(failed.is_empty(), "{failed:?}\n{}", ran.trace);
}

fn in_process(body: &str) -> String {
    format!("process p {{\n{body}\n}}")
}

#[test]
fn steps_are_traced_as_strace_prints_them() {
    let ran = ran(&in_process("mmap block 1MiB\ntouch block\nmmap none 0\nexpect fails EINVAL"));
    expect_test::expect![[r"
        0 p: starts
        1 p: mmap(NULL, 1048576, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = 0x70000000
        2 p: write 0x70000000, 256 times, every 4096 = done
        3 p: mmap(NULL, 0, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = -1 EINVAL
        4 p: expect fails EINVAL: yes
        0 p: has done its steps
    "]]
    .assert_eq(&ran.trace);
    assert_eq!(ran.finish.steps, 4);
}

#[test]
fn handles_take_part_in_sums() {
    all_hold(&in_process(
        "mmap a 1MiB
         mmap b 8 KiB
         expect b is a.end
         expect b.end is a+1MiB+8KiB
         expect a.len-8 KiB is 1016KiB
         let middle a+4KiB 3 pages
         expect middle.end is a+16KiB",
    ));
}

#[test]
fn values_grow_since_a_checkpoint() {
    all_hold(&in_process(
        "checkpoint before
         mmap a 1MiB
         expect VmSize grew 1MiB since=before
         touch a 3 pages
         expect VmRSS grew 12KiB
         expect VmRSS is 10KiB within=20%
         expect mappings is 1",
    ));
}

#[test]
fn what_does_not_hold_says_what_was_found() {
    let ran = ran(&in_process(
        "mmap a 1MiB\nexpect VmSize is 2MiB\nexpect VmSwap is 0\nexpect fails\nexpect VmRSS is 0 on=host",
    ));
    let found: Vec<_> = ran.verdicts.iter().map(|v| (v.held, v.found.as_str())).collect();
    assert_eq!(
        found,
        [
            (Some(false), "1024 kB (1.00 MiB)"),
            (Some(false), "`VmSwap` is not reported here"),
            (Some(false), "it succeeded"),
            (None, "")
        ]
    );
}

#[test]
fn a_loop_ends_when_a_step_fails() {
    all_hold(&in_process(
        "until fails {
             mmap block 1MiB
             repeat 2 { touch block }
         }
         expect fails ENOMEM
         expect rounds is 64
         expect block.0.end is block.1
         expect block.63 is block",
    ));
}

#[test]
fn loops_in_loops_count_their_own_rounds() {
    let ran =
        ran(&in_process("repeat 3 { repeat 4 { mmap a 4KiB }; touch a }\nrepeat 0 { mmap a 1 }"));
    assert_eq!(ran.finish.steps, 15);
}

#[test]
fn a_break_that_did_not_move_failed() {
    all_hold(&in_process(
        "brk +1MiB
         expect succeeds
         expect heap.len is 1MiB
         brk +1GiB
         expect fails ENOMEM
         brk -512KiB
         expect heap.len is 512KiB",
    ));
}

#[test]
fn signals_are_claims() {
    all_hold(&in_process(
        "mmap a 4KiB
         munmap a
         read a.start
         expect signal SIGSEGV SEGV_MAPERR at=a
         expect done is 0",
    ));
}

#[test]
fn processes_take_turns_and_time_passes_when_all_sleep() {
    let ran = ran("process one { mmap a 1; sleep 2ms; mmap a 1 }
                   process two start=1ms { mmap a 1; mmap a 1 }
                   process three { mmap a 1; mmap a 1 }");
    assert_eq!(
        ran.order,
        [
            "start one at 0",
            "start three at 0",
            "one maps",
            "three maps",
            "three maps",
            "start two at 1000000",
            "two maps",
            "two maps",
            "one maps",
        ]
    );
    assert_eq!(ran.finish.time, 2_000_000);
}

#[test]
fn a_parent_of_vfork_waits_and_one_of_fork_does_not() {
    all_hold(
        "process p {
             vfork child { mmap a 1; exit 3 }
             expect child exited 3
             fork other { mmap a 1; sleep 1s }
             expect other alive
             kill other
             wait other
             expect other killed
         }",
    );
}

#[test]
fn those_who_wait_for_each_other_are_told() {
    let error = run_with("process a { wait b }\nprocess b { wait a }", &options()).err().unwrap();
    assert!(error.contains("waits for what waits for it"), "{error}");
}

#[test]
fn endless_loops_are_given_up() {
    let error = run_with(&in_process("until fails { sleep 1ms }"), &options()).err().unwrap();
    assert!(error.contains("more than 100000 steps"), "{error}");
}

#[test]
fn a_run_stops_where_it_is_told_to() {
    let text = in_process("repeat 10 { mmap a 4KiB }");
    let ran = run_with(&text, &Options { stop_at: Some(3), ..options() }).ok().unwrap();
    assert_eq!((ran.finish.steps, ran.finish.stopped), (3, true));
    let ran = run_with(&text, &Options { stop_at: Some(10), ..options() }).ok().unwrap();
    assert_eq!(ran.finish.steps, 10);
}

#[test]
fn random_accesses_are_the_same_every_time() {
    let text = in_process("mmap a 1MiB\ntouch a random=5 seed=3\nexpect done is 5");
    assert_eq!(ran(&text).trace, ran(&text).trace);
    all_hold(&text);
}

#[test]
fn malloc_without_an_allocator_is_an_honest_error() {
    let error = run_with(&in_process("malloc a 1MiB"), &options()).err().unwrap();
    assert!(error.contains("there is none here"), "{error}");
}

#[test]
fn a_handle_whose_step_failed_stands_for_nothing() {
    let error = run_with(&in_process("mmap a 0\ntouch a"), &options()).err().unwrap();
    assert!(error.contains("`a` stands for nothing"), "{error}");
}
