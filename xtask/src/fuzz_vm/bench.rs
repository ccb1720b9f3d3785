//! Virtual machines for scenarios, kept as long as the next scenario needs the same one.

use std::fs;
use std::path::Path;

use lab::vm::debian::{Arch, Archive, Kernel, cache};
use lab::vm::{Boot, VmWorld};
use lab::{Performed, boot_of, in_machine};
use scenario::Scenario;
use world::WorldError;

use crate::Stop;

/// Kernels when none is named.
pub(crate) const SERIES: [&str; 2] = ["6.1", "6.12"];
/// Scenarios that one machine performs at most.
const MOST: u32 = 40;

/// A kernel, and the machine that it runs on now.
pub(crate) struct Bench {
    series: String,
    steady: bool,
    kernel: Kernel,
    booted: Option<Booted>,
    /// What the model's kernel and the real one logged of the last scenario.
    logs: Vec<Vec<u8>>,
}

struct Booted {
    boot: Boot,
    world: VmWorld,
    uses: u32,
}

impl Bench {
    /// A bench for a series. A steady one has machines whose watermarks are not boosted, which follows from
    /// how free pages lie, and so from what scenarios have done before.
    pub(crate) fn new(series: &str, steady: bool) -> Result<Bench, Stop> {
        let cache = cache().map_err(|error| error.0)?;
        let kernel = Archive::new(Arch::Amd64, &cache).kernel(series, &mut |_| {});
        let kernel = kernel.map_err(|error| error.0)?;
        Ok(Bench { series: series.to_owned(), steady, kernel, booted: None, logs: Vec::new() })
    }

    /// The package that the kernel is from.
    pub(crate) fn package(&self) -> &str {
        &self.kernel.package
    }

    pub(crate) fn series(&self) -> &str {
        &self.series
    }

    /// Whether a kernel of that series is here.
    pub(crate) fn is_cached(series: &str) -> Result<bool, Stop> {
        let cache = cache().map_err(|error| error.0)?;
        Ok(Archive::new(Arch::Amd64, &cache).cached(series).is_some())
    }

    fn boot(&self, boot: Boot) -> Result<Booted, WorldError> {
        let world = VmWorld::boot(&boot)?;
        // The model has lists of two ages. Not every kernel has others.
        let _ = world.write("/sys/kernel/mm/lru_gen/enabled", "0");
        if self.steady {
            world.write("/proc/sys/vm/watermark_boost_factor", "0")?;
        }
        Ok(Booted { world, boot, uses: 0 })
    }

    /// Ends the machine, if there is one.
    pub(crate) fn let_go(&mut self) {
        self.booted = None;
    }

    /// Writes what both kernels logged last.
    pub(crate) fn write_logs(&self, folder: &Path, name: &str) {
        for (log, arm) in self.logs.iter().zip(["model", "real"]) {
            let path = folder.join(format!("{name}.{arm}.log"));
            if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(&path, log)) {
                println!("cannot write {}: {error}", path.display());
            }
        }
    }

    /// Performs a scenario on the model and in a machine: the same one as the last, if it will do.
    pub(crate) fn perform(&mut self, scenario: &Scenario) -> Result<Performed, WorldError> {
        let boot = boot_of(scenario, &self.kernel)?;
        // What is in a file system stays there.
        let reusable = scenario.files.is_empty();
        let usable = self.booted.take().filter(|booted| {
            reusable && booted.boot == boot && booted.uses < MOST && !booted.world.has_panicked()
        });
        let ready = usable.and_then(|mut booted| {
            let reset = booted.world.reset();
            reset.is_ok().then_some(booted)
        });
        let mut booted = match ready {
            Some(booted) => booted,
            None => self.boot(boot)?,
        };
        booted.uses += 1;
        let performed = in_machine(scenario, &mut booted.world, &self.series)?;
        self.logs.clone_from(&performed.logs);
        // A machine that holds files is one scenario's.
        self.booted = Some(booted).filter(|_| reusable);
        Ok(performed)
    }
}
