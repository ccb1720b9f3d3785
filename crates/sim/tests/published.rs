//! Kills that the literature prints, on the simulated machine.

mod common;

use common::{call, mmap, spec, touch};
use facts::{Capabilities, Release};
use oomph_sim::{Image, Machine, MachineConfig};
use rules::badness::{Formula, Subject, points};
use rules::killer::Killer;
use rules::layout::Arch;
use units::{Pages, ScoreAdj};
use world::{Control, ProcessId, ProcessSpec, World};

fn machine(release: &str, ram: u64, swap: u64) -> Machine {
    let release: Release = release.parse().unwrap();
    let config = MachineConfig::new(release, Arch::X86_64, ram, swap);
    Machine::new(config, Image::tiny(release, Arch::X86_64))
}

fn start(machine: &mut Machine, name: &str, adj: i64) -> ProcessId {
    let adj = ScoreAdj::new(adj).unwrap();
    machine.start(&ProcessSpec { name: name.to_owned(), adj, ..spec(1000) }).unwrap()
}

/// Two figures of `statm`: the address space and what is resident, pages.
fn statm(machine: &mut Machine, id: ProcessId) -> [u64; 2] {
    let text = String::from_utf8(machine.observe(id).unwrap().statm.unwrap()).unwrap();
    let mut numbers = text.split(' ').map(|number| number.parse().unwrap());
    [numbers.next().unwrap(), numbers.next().unwrap()]
}

fn log_of_kill(machine: &mut Machine) -> String {
    machine.control(&Control::SysRq, "f").unwrap().unwrap();
    String::from_utf8(machine.log().unwrap()).unwrap()
}

#[test]
fn a_score_of_the_points_era_is_the_address_space() {
    // "Out of memory: kill process 3412 (oom2) score 136919 or a child".
    let mut machine = machine("2.6.32", 1 << 18, 0);
    let process = start(&mut machine, "oom2", 0);
    let [vm, _] = statm(&mut machine, process);
    call(&mut machine, process, &mmap((136_919 - vm) << 12)).unwrap();
    let log = log_of_kill(&mut machine);
    let line = "Out of memory: kill process 1000 (oom2) score 136919 or a child";
    assert!(log.contains(line), "{log}");
}

#[test]
fn three_hundred_and_four_with_75_megabytes_is_an_adjustment_of_300() {
    // 4.4 on 8 GB: "Kill process 9742 (chrome) score 304 …", anon-rss:25372kB, file-rss:50412kB.
    let mut machine = machine("4.4", 1 << 21, 1 << 21);
    let process = start(&mut machine, "chrome", 300);
    let [_, own] = statm(&mut machine, process);
    let pages = (25_372 + 50_412) / 4 - own;
    let addr = call(&mut machine, process, &mmap(pages << 12)).unwrap();
    touch(&mut machine, process, addr, pages);
    let log = log_of_kill(&mut machine);
    assert!(log.contains("Kill process 1000 (chrome) score 304 or sacrifice child"), "{log}");
}

#[test]
fn eight_hundred_and_twenty_nine_is_what_the_published_row_scores() {
    // 3.6.11 on ARM: rss 99945, nr_ptes 238, swapents 19731, for every total of 464.4 to 465 MB of RAM
    // with 99 MB of swap.
    let killer = Killer::for_release("3.6.11".parse().unwrap());
    let subject = Subject { rss: 99_945, ptes: 238, swap: 19_731, ..Subject::default() };
    for total in [144_475, 144_648] {
        let total = Pages::new(total);
        let points = points(&killer.formula, &subject, total);
        assert_eq!(killer.printed_score(points, total), 829);
    }
    for total in [144_474, 144_649] {
        let total = Pages::new(total);
        let points = points(&killer.formula, &subject, total);
        assert_ne!(killer.printed_score(points, total), 829);
    }
}

#[test]
fn daemons_at_minus_1000_are_never_chosen() {
    for era in ["2.6.36", "3.6.11", "4.4", "6.1"] {
        let mut machine = machine(era, 1 << 17, 0);
        for name in ["udevd", "dhclient"] {
            let daemon = start(&mut machine, name, -1000);
            let addr = call(&mut machine, daemon, &mmap(64 << 20)).unwrap();
            touch(&mut machine, daemon, addr, 64 << 8);
        }
        let small = start(&mut machine, "sh", 0);
        let log = log_of_kill(&mut machine);
        assert_eq!(machine.deaths().unwrap()[0].0, small, "{era}");
        assert!(log.contains("(sh)"), "{era}: {log}");
    }
}

#[test]
fn the_rewrite_takes_30_from_root_and_the_share_is_of_ram_and_swap() {
    let formula = Formula::for_release("2.6.36".parse().unwrap());
    let total = Pages::new(100_000);
    let of = |rss, root: bool| {
        let caps = if root { Capabilities(1 << 21) } else { Capabilities(0) };
        points(&formula, &Subject { rss, caps, ..Subject::default() }, total)
    };
    assert_eq!(of(100_000, false), 1000);
    assert_eq!(of(0, false), 1);
    assert_eq!(of(50_000, true), 470);
}
