//! Virtual machines for scenarios, kept as long as the next scenario needs the same one; or what such
//! machines answered once.

use std::fs;
use std::path::{Path, PathBuf};

use lab::recording::Recording;
use lab::vm::debian::{Arch, Archive, Kernel, cache};
use lab::vm::{Boot, VmWorld};
use lab::{Booted as _, Performed, boot_of, in_machine, in_recording};
use scenario::Scenario;
use world::WorldError;

use crate::Stop;

/// Kernels when none is named.
pub(crate) const SERIES: [&str; 2] = ["6.1", "6.12"];
/// Behind the name of a series: as Debian boots it, with multi-generational LRU where it has that.
pub(crate) const AS_BOOTED: &str = "-lru_gen";
/// Scenarios that one machine performs at most.
const MOST: u32 = 40;

/// A kernel, and the machine that it runs on now.
pub(crate) struct Bench {
    series: String,
    steady: bool,
    source: From,
    booted: Option<Booted>,
    /// Where what machines answer is recorded.
    record: Option<PathBuf>,
    /// What the model's kernel and the real one logged of the last scenario.
    logs: Vec<Vec<u8>>,
}

/// Where answers come from.
enum From {
    Kernel(Kernel),
    /// A folder of recordings, and the package that they are of.
    Recordings(PathBuf, String),
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
        let plain = series.strip_suffix(AS_BOOTED).unwrap_or(series);
        let kernel = Archive::new(Arch::Amd64, &cache).kernel(plain, &mut |_| {});
        Ok(Bench::of(series, steady, From::Kernel(kernel.map_err(|error| error.0)?)))
    }

    /// A bench that answers from the recordings in a folder; `None`: there are none of this series.
    pub(crate) fn recorded(series: &str, folder: &Path) -> Result<Option<Bench>, Stop> {
        let Some(first) = recordings(folder, series)?.into_iter().next() else { return Ok(None) };
        let package = Recording::load(&first).map_err(|error| error.0)?.header.package;
        Ok(Some(Bench::of(series, false, From::Recordings(folder.to_owned(), package))))
    }

    fn of(series: &str, steady: bool, source: From) -> Bench {
        let series = series.to_owned();
        Bench { series, steady, source, booted: None, record: None, logs: Vec::new() }
    }

    /// Records what machines answer from now on in a folder.
    pub(crate) fn record(&mut self, folder: &Path) -> Result<(), Stop> {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        self.record = Some(folder.to_owned());
        Ok(())
    }

    /// The package that the kernel is from.
    pub(crate) fn package(&self) -> &str {
        match &self.source {
            From::Kernel(kernel) => &kernel.package,
            From::Recordings(_, package) => package,
        }
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
        let mut world = VmWorld::boot(&boot)?;
        if !self.series.ends_with(AS_BOOTED) {
            // Lists of two ages. Not every kernel has others.
            let _ = world.write("/sys/kernel/mm/lru_gen/enabled", "0");
        }
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
        let performed = match &self.source {
            From::Kernel(kernel) => {
                let boot = boot_of(scenario, kernel)?;
                self.perform_in(scenario, &boot)?
            }
            From::Recordings(folder, _) => {
                let file = Recording::file_name(scenario.source.name(), &self.series);
                let file = folder.join(file);
                if !file.exists() {
                    // One that a kernel cannot perform has none.
                    return Err(WorldError("this kernel has answered nothing to it".to_owned()));
                }
                in_recording(scenario, Recording::load(&file)?)?
            }
        };
        self.logs.clone_from(&performed.logs);
        Ok(performed)
    }

    fn perform_in(&mut self, scenario: &Scenario, boot: &Boot) -> Result<Performed, WorldError> {
        let record = self
            .record
            .as_ref()
            .map(|folder| folder.join(Recording::file_name(scenario.source.name(), &self.series)));
        // What is in a file system stays there.
        let reusable = scenario.files.is_empty();
        let usable = self.booted.take().filter(|booted| {
            reusable && booted.boot == *boot && booted.uses < MOST && !booted.world.has_panicked()
        });
        let ready = usable.and_then(|mut booted| {
            let reset = booted.world.reset();
            reset.is_ok().then_some(booted)
        });
        let kernel = (self.series.as_str(), self.package());
        let mut booted = match ready {
            Some(booted) => booted,
            None => self.boot(boot.clone()).or_else(|why| {
                // A fuzzer asks again.
                if let Some(file) = record.as_ref().filter(|_| !self.steady) {
                    let source = (scenario.source.name(), scenario.source.text());
                    let refusal = Recording::of_refusal(source, kernel, boot, &why);
                    refusal.save(file).map_err(|error| WorldError(error.to_string()))?;
                }
                Err(why)
            })?,
        };
        booted.uses += 1;
        // Those of a fuzzer are not drawn.
        let curves = !self.steady;
        let world = &mut booted.world;
        let performed = in_machine(scenario, world, kernel, curves, record.as_deref())?;
        // A machine that holds files is one scenario's.
        self.booted = Some(booted).filter(|_| reusable);
        Ok(performed)
    }
}

/// The recordings of a series in a folder, in the order of their names.
pub(crate) fn recordings(folder: &Path, series: &str) -> Result<Vec<PathBuf>, Stop> {
    let all = Recording::in_folder(folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    // No name of a file is the name of another with something before it.
    let end = Recording::file_name("", series);
    let of = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&end))
    };
    Ok(all.into_iter().filter(of).collect())
}
