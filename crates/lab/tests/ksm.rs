//! KSM of the running kernel beside the model's: the same pages, the same counters after each scan.
//!
//! Needs root, and a kernel (6.11 or later) on which nobody uses KSM: otherwise there is nothing to
//! compare, and the test says so. Settings are put back.
#![expect(clippy::print_stderr, reason = "why nothing was compared")]

use std::fs;
use std::time::{Duration, Instant};

use facts::Release;
use oomph_lab::{HostConfig, HostWorld, unavailable};
use rules::layout::Arch;
use sim::{Image, Machine, MachineConfig, Profile};
use world::{
    Access, Advice, Call, Content, Control, End, MapFlags, ProcessSpec, Prot, Touch, World,
};

const FOLDER: &str = "/sys/kernel/mm/ksm";
const MERGEABLE: Advice = Advice(12);

fn number(file: &str) -> Option<i64> {
    fs::read_to_string(format!("{FOLDER}/{file}")).ok()?.trim().parse().ok()
}

fn write(file: &str, value: i64) -> bool {
    fs::write(format!("{FOLDER}/{file}"), value.to_string()).is_ok()
}

/// Settings as they were, put back at the end.
struct Settings(Vec<(&'static str, i64)>);

impl Settings {
    fn take() -> Option<Settings> {
        let files = ["run", "pages_to_scan", "sleep_millisecs"];
        let known = files.map(|file| number(file).map(|value| (file, value)));
        Some(Settings(known.into_iter().collect::<Option<Vec<_>>>()?))
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        write("run", 2);
        for (file, value) in self.0.iter().rev() {
            write(file, *value);
        }
    }
}

/// Why nothing can be compared.
fn reason() -> Option<&'static str> {
    if unavailable().is_some() {
        return Some("there are no real processes here");
    }
    if number("pages_skipped").is_none() {
        return Some("the kernel has no KSM, or an old one");
    }
    let idle = ["run", "pages_shared", "pages_sharing", "pages_unshared", "pages_volatile"];
    if idle.iter().any(|file| number(file) != Some(0)) {
        return Some("somebody uses KSM");
    }
    if number("smart_scan") != Some(1) || number("max_page_sharing") != Some(256) {
        return Some("KSM is not as it is by default");
    }
    if write("run", 0) { None } else { Some("KSM cannot be controlled") }
}

fn release() -> Option<Release> {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    text.trim().split(['-', '+']).next()?.parse().ok()
}

fn spec() -> ProcessSpec {
    ProcessSpec::new("pages", 0)
}

/// A process with these pages, which may be merged.
fn pages(world: &mut dyn World, groups: &[(u64, Content)]) -> world::ProcessId {
    let process = world.start(&spec()).unwrap();
    let total: u64 = groups.iter().map(|(count, _)| count).sum();
    let mmap = Call::Mmap {
        addr: 0,
        len: total * 4096,
        prot: Prot::READ.with(Prot::WRITE),
        flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
        fd: -1,
        offset: 0,
    };
    let start = world.call(process, &mmap).unwrap().value.unwrap();
    // Each page by itself.
    let alone = Call::Madvise { addr: start, len: total * 4096, advice: Advice(15) };
    world.call(process, &alone).unwrap().value.unwrap();
    let mut at = start;
    for &(count, content) in groups {
        let touch = Touch { addr: at, count, stride: 4096, access: Access::Write, content };
        assert_eq!(world.touch(process, &touch).unwrap().done, count);
        at += count * 4096;
    }
    let merge = Call::Madvise { addr: start, len: total * 4096, advice: MERGEABLE };
    world.call(process, &merge).unwrap().value.unwrap();
    process
}

const COUNTERS: [&str; 4] = ["pages_shared", "pages_sharing", "pages_unshared", "pages_volatile"];

/// The counters after each of so many full scans; `None` when ksmd does not come round.
fn scans_here(count: usize) -> Option<Vec<[i64; 4]>> {
    let mut seen = Vec::new();
    let mut last = number("full_scans")?;
    write("run", 1);
    let deadline = Instant::now() + Duration::from_secs(60);
    while seen.len() < count && Instant::now() < deadline {
        let now = number("full_scans")?;
        if now > last + 1 {
            return None;
        }
        if now > last {
            seen.push(COUNTERS.map(|file| number(file).unwrap_or(-1)));
            // Read within one pause of ksmd's.
            if number("full_scans")? != now {
                return None;
            }
            last = now;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    (seen.len() == count).then_some(seen)
}

fn scans_of(machine: &mut Machine, count: usize) -> Vec<[i64; 4]> {
    let read = |machine: &mut Machine, file: &str| -> i64 {
        let path = format!("sys/kernel/mm/ksm/{file}");
        let files = machine.machine().unwrap();
        let text = &files.iter().find(|(name, _)| *name == path).unwrap().1;
        String::from_utf8_lossy(text).trim().parse().unwrap()
    };
    let mut seen = Vec::new();
    while seen.len() < count {
        let before = read(machine, "full_scans");
        while read(machine, "full_scans") == before {
            machine.sleep(1_000_000).unwrap();
        }
        seen.push(COUNTERS.map(|file| read(machine, file)));
    }
    seen
}

#[test]
fn the_running_kernel_counts_what_the_model_counts() {
    let Some(release) = release().filter(|release| *release >= Release::new(6, 11)) else {
        eprintln!("nothing was compared: the kernel is older than 6.11");
        return;
    };
    if let Some(reason) = reason() {
        eprintln!("nothing was compared: {reason}");
        return;
    }
    let Some(_settings) = Settings::take() else { return };
    let cases: [&[(u64, Content)]; 3] = [
        &[(300, Content::Byte(3)), (5, Content::OneByte), (40, Content::Random(1))],
        &[(257, Content::OneByte), (2, Content::Byte(0)), (1, Content::Byte(1))],
        &[(7, Content::Random(9)), (600, Content::Byte(255))],
    ];
    for groups in cases {
        write("run", 2);
        write("run", 0);
        write("pages_to_scan", 100_000);
        write("sleep_millisecs", 300);
        let mut real = HostWorld::new(HostConfig::default()).unwrap();
        let process = pages(&mut real, groups);
        let Some(counted) = scans_here(4) else {
            eprintln!("nothing was compared: ksmd did not come round in time");
            return;
        };
        real.end(process, End::Exit(0)).unwrap();
        let total: u64 = groups.iter().map(|(count, _)| count).sum();
        if counted.iter().any(|scan| u64::try_from(scan.iter().sum::<i64>()) != Ok(total)) {
            eprintln!("nothing was compared: somebody else's pages are among those counted");
            return;
        }

        let profile = Profile::of(release, Arch::X86_64, 512);
        let config = MachineConfig::with_memory(release, Arch::X86_64, profile);
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        pages(&mut machine, groups);
        for (file, value) in [("pages_to_scan", "100000"), ("run", "1")] {
            let control = Control::Sys(format!("kernel/mm/ksm/{file}"));
            machine.control(&control, value).unwrap().unwrap();
        }
        assert_eq!(scans_of(&mut machine, 4), counted, "{groups:?}");
    }
}
