//! `cargo xtask bench cache [PATH…]`: what `oomph cache` costs over walking and asking.

use super::measure;
use super::sample::Sample;
use super::{build, row};
use crate::{Stop, needs};
use std::path::Path;

/// Rounds that are counted, and rounds before them that are not.
const ROUNDS: usize = 15;
const WARM_UP: usize = 2;

const VMTOUCH: needs::Need = needs::Need {
    program: "vmtouch",
    package: "vmtouch",
    why: "is what people use to see which files are cached",
};

/// Measures `oomph cache` on these paths, `/usr/lib` if there are none.
pub(super) fn run(paths: &[String]) -> Result<bool, Stop> {
    let with_vmtouch = needs::provide(&[VMTOUCH]).is_empty();
    let oomph = build("oomph", "oomph")?;
    let floor = build("xtask", "bench-cache-floor")?;
    let default = ["/usr/lib".to_owned()];
    let paths = if paths.is_empty() { &default } else { paths };
    let own_args: Vec<String> = ["cache".to_owned()].iter().chain(paths).cloned().collect();
    let vmtouch = Path::new("vmtouch");

    let (mut own, mut least, mut other) = (Runs::default(), Runs::default(), Runs::default());
    for round in 0..WARM_UP + ROUNDS {
        let counted = round >= WARM_UP;
        own.add(counted, &oomph, &own_args)?;
        least.add(counted, &floor, paths)?;
        if with_vmtouch {
            other.add(counted, vmtouch, paths)?;
        }
    }
    println!("oomph {}, {ROUNDS} rounds", own_args.join(" "));
    println!("floor: list, open, cachestat, fstat, close, in one thread");
    println!();
    println!("{:<28}{:>10}   {:>17}   aim", "", "median", "least to most");
    row("CPU time, ratio", "", &own.cpu_over(&least), Some(1.3));
    row("wall time, ratio", "", &own.wall_over(&least), Some(1.3));
    own.print("oomph");
    least.print("floor");
    if with_vmtouch {
        other.print("vmtouch");
    }
    row("peak memory", "MiB", &Sample::new(vec![measure::peak_memory(&oomph, &own_args)?]), None);
    Ok(true)
}

/// Milliseconds of some runs.
#[derive(Debug, Default)]
struct Runs {
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

impl Runs {
    fn add(&mut self, counted: bool, program: &Path, args: &[String]) -> Result<(), Stop> {
        let (cpu, wall) = measure::cpu_of_threads(program, args)?;
        if counted {
            self.cpu.push(cpu);
            self.wall.push(wall);
        }
        Ok(())
    }

    fn print(&self, name: &str) {
        row(&format!("CPU time, {name}"), "ms", &Sample::new(self.cpu.clone()), None);
        row(&format!("wall time, {name}"), "ms", &Sample::new(self.wall.clone()), None);
    }

    fn cpu_over(&self, floor: &Runs) -> Sample {
        Sample::new(self.cpu.iter().zip(&floor.cpu).map(|(own, floor)| own / floor).collect())
    }

    fn wall_over(&self, floor: &Runs) -> Sample {
        Sample::new(self.wall.iter().zip(&floor.wall).map(|(own, floor)| own / floor).collect())
    }
}
