//! Machines with cgroups.

use facts::{CgroupVersion, Release};
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use units::ScoreAdj;
use world::{Control, Errno, ProcessId, ProcessSpec, Setup, Stop, World};

use super::{call, mmap, spec, touch};

pub(crate) fn machine(release: Release, version: CgroupVersion, groups: &[&str]) -> Machine {
    let profile = Profile::of(release, Arch::X86_64, 512);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.cgroups = version;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let cgroups = groups.iter().map(|path| (*path).to_owned()).collect();
    machine.setup(&Setup { cgroups, ..Setup::default() }).unwrap();
    machine
}

pub(crate) fn v2(groups: &[&str]) -> Machine {
    machine(Release::new(6, 12), CgroupVersion::V2, groups)
}

pub(crate) fn set(machine: &mut Machine, path: &str, file: &str, value: &str) -> Result<(), Errno> {
    let control = Control::Cgroup { path: path.to_owned(), file: file.to_owned() };
    machine.control(&control, value).unwrap()
}

pub(crate) fn read(machine: &mut Machine, path: &str, file: &str) -> String {
    let files = machine.machine().unwrap();
    let end = format!("{path}/{file}");
    let found = files.into_iter().find(|(name, _)| name.ends_with(&end));
    String::from_utf8(found.unwrap_or_else(|| panic!("no {end}")).1).unwrap()
}

pub(crate) fn number(machine: &mut Machine, path: &str, file: &str) -> u64 {
    read(machine, path, file).trim().parse().unwrap()
}

pub(crate) fn field(machine: &mut Machine, path: &str, file: &str, key: &str) -> u64 {
    let text = read(machine, path, file);
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {key}")).parse().unwrap()
}

pub(crate) fn start(machine: &mut Machine, name: &str, cgroup: &str, adj: i64) -> ProcessId {
    let adj = ScoreAdj::new(adj).unwrap();
    let cgroup = Some(cgroup.to_owned());
    machine.start(&ProcessSpec { name: name.to_owned(), adj, cgroup, ..spec(0) }).unwrap()
}

/// Touches so much; how many pages until it was killed, or all.
pub(crate) fn grow(machine: &mut Machine, process: ProcessId, pages: u64) -> (u64, bool) {
    let addr = call(machine, process, &mmap(pages * 4096)).unwrap();
    let touched = touch(machine, process, addr, pages);
    (touched.done, touched.stopped == Some(Stop::Killed))
}

const MEASURED: &str = include_str!("../data/cgroup2-vm.txt");

/// The numbers of the measured lines that begin with this word, by release.
pub(crate) fn measured(word: &str) -> Vec<(Release, Vec<f64>)> {
    let mut release = Release::new(0, 0);
    let mut found = Vec::new();
    for line in MEASURED.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        match words.next() {
            Some("release") => release = words.next().unwrap().parse().unwrap(),
            Some(first) if first == word => {
                found.push((release, words.filter_map(|word| word.parse().ok()).collect()));
            }
            _ => {}
        }
    }
    assert_eq!(found.len(), 2, "{word}");
    found
}

/// A process that enters the cgroup once it is there.
pub(crate) fn enters(machine: &mut Machine, path: &str) -> ProcessId {
    let process = start(machine, "hog", "/", 0);
    let pid = machine.pid(process).to_string();
    set(machine, path, "cgroup.procs", &pid).unwrap();
    process
}
