//! What the model prints and whom it kills, beside real kernels: `tests/data/captures`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{call, mmap, spec, touch};
use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig, Profile, ZoneProfile};
use rules::layout::Arch;
use rules::watermark::ZoneKind;
use sources::{Place, Want};
use units::{Pages, ScoreAdj};
use world::{ProcessId, ProcessSpec, World};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures").join(name)
}

/// Name, architecture and RAM in MiB of the captures with one processor and no huge pages put aside.
const CAPTURES: &[(&str, Arch, u64)] = &[
    ("6.1-256m", Arch::X86_64, 256),
    ("6.1-1g-swap", Arch::X86_64, 1024),
    ("6.1-512m-two-nodes", Arch::X86_64, 512),
    ("6.1-i386-1g", Arch::I386, 1024),
    ("6.12-1g", Arch::X86_64, 1024),
    ("6.12-256m-swap", Arch::X86_64, 256),
];

fn file(name: &str, file: &str) -> String {
    let path = folder(name).join("capture.tar");
    let mut source = sources::open(path.to_str().unwrap()).unwrap();
    let mut text = Vec::new();
    source.tree().read(Place::Machine(file), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// A machine with the zones of a capture.
fn like(name: &str, arch: Arch) -> Machine {
    let path = folder(name).join("capture.tar");
    let seen = sources::open(path.to_str().unwrap()).unwrap().snapshot(&Want::rank());
    let release = seen.kernel.release.unwrap();
    let count = |pages: Option<Pages>| pages.map_or(0, Pages::count);
    let zones = seen.zones.iter().filter(|zone| count(zone.present) > 0).map(|zone| ZoneProfile {
        node: zone.node,
        kind: ZoneKind::of(&zone.name).unwrap(),
        spanned: count(zone.spanned),
        present: count(zone.present),
        managed_at_init: count(zone.managed),
        managed: count(zone.managed),
        free: count(zone.free),
        pcp: count(zone.pcp),
    });
    let profile = Profile { zones: zones.collect(), ..Profile::default() };
    let mut config = MachineConfig::with_memory(release, arch, profile);
    config.swap = seen.meminfo.get(facts::Field::SwapTotal).map_or(0, |total| total.get() / 4096);
    Machine::new(config, Image::tiny(release, arch))
}

fn ours(machine: &mut Machine, file: &str) -> String {
    let files = machine.machine().unwrap();
    let (_, text) = files.into_iter().find(|(name, _)| name == file).unwrap();
    String::from_utf8(text).unwrap()
}

/// A text with every number replaced: what is left is layout.
fn layout(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut out = String::new();
        let mut digits = false;
        // A number that follows a letter or an underscore is part of a name.
        let mut before = ' ';
        for letter in line.chars() {
            let named = before.is_ascii_alphabetic() || before == '_';
            if letter.is_ascii_digit() && (digits || !named) {
                if !digits {
                    out.push('#');
                }
                digits = true;
            } else {
                digits = false;
                out.push(letter);
            }
            before = letter;
        }
        out
    };
    text.lines().map(line).collect()
}

#[test]
fn zoneinfo_has_the_lines_of_real_kernels() {
    for &(name, arch, _) in CAPTURES {
        let mut machine = like(name, arch);
        let theirs = file(name, "zoneinfo");
        pretty_assertions(name, &layout(&ours(&mut machine, "zoneinfo")), &layout(&theirs));
    }
}

#[test]
fn vmstat_has_the_names_of_real_kernels() {
    for &(name, arch, _) in CAPTURES {
        let mut machine = like(name, arch);
        // Options that this kernel was built with and the model's is not.
        let optional = ["zswpin", "zswpout"];
        let names = |text: &str| -> Vec<String> {
            let names = text.lines().filter_map(|line| line.split(' ').next());
            names.filter(|name| !optional.contains(name)).map(str::to_owned).collect()
        };
        let theirs = file(name, "vmstat");
        pretty_assertions(name, &names(&ours(&mut machine, "vmstat")), &names(&theirs));
    }
}

#[test]
fn meminfo_has_the_lines_of_real_kernels() {
    for &(name, arch, _) in CAPTURES {
        let mut machine = like(name, arch);
        let optional = |name: &str| {
            matches!(name, "Zswap" | "Zswapped" | "HardwareCorrupted") || name.starts_with("Direct")
        };
        // Label and width: numbers are right-aligned, and none here has more than eight digits.
        let labels = |text: &str| -> Vec<(String, usize)> {
            let lines = text.lines().map(|line| (line.split(':').next().unwrap(), line.len()));
            lines.filter(|(name, _)| !optional(name)).map(|(n, l)| (n.to_owned(), l)).collect()
        };
        let theirs = file(name, "meminfo");
        pretty_assertions(name, &labels(&ours(&mut machine, "meminfo")), &labels(&theirs));
    }
}

#[test]
fn buddyinfo_and_swaps_have_the_lines_of_real_kernels() {
    // Numbers in columns: only how many there are is of interest.
    let columns = |text: &str| -> Vec<String> {
        layout(text)
            .iter()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    for &(name, arch, _) in CAPTURES {
        let mut machine = like(name, arch);
        let text = ours(&mut machine, "buddyinfo");
        let theirs = file(name, "buddyinfo");
        pretty_assertions(name, &columns(&text), &columns(&theirs));
        assert_eq!(
            text.lines().map(str::len).collect::<Vec<_>>(),
            theirs.lines().map(str::len).collect::<Vec<_>>()
        );
        pretty_assertions(
            name,
            &layout(&ours(&mut machine, "swaps")),
            &layout(&file(name, "swaps")),
        );
    }
}

fn pretty_assertions<T: PartialEq + std::fmt::Debug>(name: &str, ours: &[T], theirs: &[T]) {
    let differs = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
    if let Some(at) = differs {
        let some = |all: &[T]| format!("{:#?}", &all[at.saturating_sub(2)..all.len().min(at + 3)]);
        panic!("{name}, line {}: ours {}\ntheirs {}", at + 1, some(ours), some(theirs));
    }
    assert_eq!(ours.len(), theirs.len(), "{name}: {:?}", theirs.get(ours.len()));
}

/// `SwapTotal` of a capture, kB.
fn swap_of(name: &str) -> u64 {
    let meminfo = file(name, "meminfo");
    let line = meminfo.lines().find(|line| line.starts_with("SwapTotal:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Starts what stood in the table of a real kill, but for the program that grew, and lets one grow.
/// Who dies first?
fn victim(name: &str, arch: Arch, mib: u64, swap_kib: u64) -> (String, String) {
    let log = fs::read(folder(name).join("kill.log")).unwrap();
    let real = klog::reports(&log).remove(0).report;
    let release: Release = real.reporter.release.unwrap();
    let mut config = MachineConfig::with_memory(release, arch, Profile::of(release, arch, mib));
    config.overcommit = facts::OvercommitMode::Always;
    let mut machine = Machine::new(config, Image::tiny(release, arch));
    if swap_kib > 0 {
        let area = world::SwapSpec { len: swap_kib << 10, priority: None, zram: false };
        machine.setup(&world::Setup { swap: vec![area], ..world::Setup::default() }).unwrap();
    }
    let mut hog: Option<ProcessId> = None;
    for row in &real.tasks.as_ref().unwrap().rows {
        let row_name = row.name.as_ref().unwrap().escaped().into_owned();
        let grows = row_name == "hog";
        let process = machine
            .start(&ProcessSpec {
                name: row_name,
                adj: row.oom_score_adj.unwrap_or(ScoreAdj::NONE),
                ..spec(row.uid.unwrap())
            })
            .unwrap();
        if grows {
            hog = Some(process);
            continue;
        }
        let own = machine.observe(process).unwrap().statm.unwrap();
        let own: u64 = String::from_utf8(own).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let all = row.rss.unwrap().count() + row.swapents.map_or(0, Pages::count);
        let pages = all.saturating_sub(own);
        let addr = call(&mut machine, process, &mmap(pages << 12)).unwrap();
        touch(&mut machine, process, addr, pages);
    }
    let hog = hog.unwrap();
    while machine.deaths().unwrap().is_empty() {
        let addr = call(&mut machine, hog, &mmap(1 << 20)).unwrap();
        if touch(&mut machine, hog, addr, 256).stopped.is_some() {
            break;
        }
    }
    let log = machine.log().unwrap();
    let ours = klog::reports(&log).remove(0).report;
    assert_eq!(
        same_lines(&log),
        same_lines(&fs::read(folder(name).join("kill.log")).unwrap()),
        "{name}"
    );
    let victim = |report: &facts::oom_report::OomReport| {
        report.victim_name().unwrap().escaped().into_owned()
    };
    (victim(&ours), victim(&real))
}

/// The lines of a report from `Mem-Info:` to the kill, without numbers, letters of migrate types,
/// the rows of tasks, and what depends on options of the kernel.
fn same_lines(log: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(log).into_owned();
    let body = text.lines().map(|line| line.split_once("] ").map_or(line, |(_, body)| body));
    let from = body.skip_while(|line| *line != "Mem-Info:");
    let mut lines: Vec<String> = Vec::new();
    let mut rows = false;
    for line in from {
        if line.starts_with("oom-kill:") {
            rows = false;
        }
        if !rows && !line.ends_with("pages hwpoisoned") {
            let mut layout = layout(line).concat();
            if let Some(start) = line.find(": ").filter(|_| line.contains("*4kB ")) {
                line[..start].clone_into(&mut layout);
            }
            let end = layout.find(",task=").or_else(|| layout.find(" (")).unwrap_or(layout.len());
            let yes = layout[..end].replace("all_unreclaimable? yes", "all_unreclaimable? no");
            lines.push(yes);
        }
        if line.starts_with("[  pid  ]") {
            rows = true;
        }
        if line.starts_with("Out of memory: Killed") {
            break;
        }
    }
    assert!(lines.len() > 25, "{lines:#?}");
    lines
}

#[test]
fn the_victims_of_real_kernels_die() {
    for (name, arch, mib, swap) in [
        ("6.1-256m", Arch::X86_64, 256, 0),
        ("6.1-i386-1g", Arch::I386, 1024, 0),
        ("6.12-1g", Arch::X86_64, 1024, 0),
        ("6.1-1g-swap", Arch::X86_64, 1024, 98_300),
        ("6.12-256m-swap", Arch::X86_64, 256, swap_of("6.12-256m-swap")),
    ] {
        let (ours, theirs) = victim(name, arch, mib, swap);
        assert_eq!(ours, theirs, "{name}");
    }
}
