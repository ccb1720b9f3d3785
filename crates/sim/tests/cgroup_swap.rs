//! Cgroups that reclaim and swap, beside two real kernels.

mod common;

use common::groups::{enters, field, grow, measured, number, set};
use facts::{CgroupVersion, Release};
use oomph_sim::{Image, Machine, MachineConfig, Profile};
use rules::layout::Arch;
use world::{Setup, SwapSpec, World};

fn machine(release: Release, groups: &[&str]) -> Machine {
    let profile = Profile::of(release, Arch::X86_64, 512);
    let mut config = MachineConfig::with_memory(release, Arch::X86_64, profile);
    config.cgroups = CgroupVersion::V2;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let cgroups = groups.iter().map(|path| (*path).to_owned()).collect();
    let swap = vec![SwapSpec { len: 128 << 20, priority: None, zram: false }];
    machine.setup(&Setup { cgroups, swap, ..Setup::default() }).unwrap();
    machine
}

#[test]
fn explore() {
    for release in [Release::new(6, 1), Release::new(6, 12)] {
        let mut m = machine(release, &["/s1"]);
        set(&mut m, "/s1", "memory.max", "12M").unwrap();
        set(&mut m, "/s1", "memory.swap.max", "4M").unwrap();
        let p = enters(&mut m, "/s1");
        let (t, k) = grow(&mut m, p, 10_000);
        println!("{release} S1 touched {t} {k}");
        for f in [
            "memory.events",
            "memory.swap.events",
            "memory.swap.current",
            "memory.peak",
            "memory.pressure",
        ] {
            println!("  {f} {}", common::groups::read(&mut m, "/s1", f).replace('\n', ";"));
        }
        println!(
            "  scan {} steal {}",
            field(&mut m, "/s1", "memory.stat", "pgscan"),
            field(&mut m, "/s1", "memory.stat", "pgsteal")
        );
        let mut m = machine(release, &["/s1"]);
        set(&mut m, "/s1", "memory.high", "8M").unwrap();
        let p = enters(&mut m, "/s1");
        let (t, k) = grow(&mut m, p, 4096);
        println!("{release} S2 touched {t} {k}");
        for f in ["memory.events", "memory.current", "memory.swap.current", "memory.pressure"] {
            println!("  {f} {}", common::groups::read(&mut m, "/s1", f).replace('\n', ";"));
        }
        println!(
            "  scan {} steal {}",
            field(&mut m, "/s1", "memory.stat", "pgscan"),
            field(&mut m, "/s1", "memory.stat", "pgsteal")
        );
        for min in [false, true] {
            for (a, b) in [("8M", "0"), ("max", "0"), ("8M", "4M"), ("2M", "2M")] {
                let mut m = machine(release, &["/p", "/p/a", "/p/b", "/p/c"]);
                set(&mut m, "/p", "memory.max", "24M").unwrap();
                let file = if min { "memory.min" } else { "memory.low" };
                set(&mut m, "/p/a", file, a).unwrap();
                set(&mut m, "/p/b", file, b).unwrap();
                for g in ["/p/a", "/p/b", "/p/c"] {
                    let p = enters(&mut m, g);
                    grow(&mut m, p, 2560);
                }
                let n = |m: &mut Machine, g: &str| number(m, g, "memory.current");
                println!(
                    "{release} P {file} {a} {b}: {} {} {} {} max {} low {}",
                    n(&mut m, "/p"),
                    n(&mut m, "/p/a"),
                    n(&mut m, "/p/b"),
                    n(&mut m, "/p/c"),
                    field(&mut m, "/p", "memory.events", "max"),
                    field(&mut m, "/p", "memory.events", "low")
                );
            }
        }
        let mut m = machine(release, &["/r"]);
        let p = enters(&mut m, "/r");
        grow(&mut m, p, 2560);
        println!("R {}", number(&mut m, "/r", "memory.current"));
        println!("{:?}", set(&mut m, "/r", "memory.reclaim", "4M"));
        println!(
            "R {} {} scan {}",
            number(&mut m, "/r", "memory.current"),
            number(&mut m, "/r", "memory.swap.current"),
            field(&mut m, "/r", "memory.stat", "pgscan")
        );
    }
    let _ = measured;
}
