//! What a machine was asked and answered, in a file, so that it need not be booted again.
//!
//! [`Recorder`] performs everything on a machine and writes it down; [`Recorded`] gives the same answers
//! to the same questions in the same order, and says so where a scenario asks for something else.
//!
//! # The file
//! Lines of JSON, packed by gzip. The first is an object: the scenario with its text, the kernel, the
//! machine. Each of the others is a list of a question, in words, and its answer. What nearly always has
//! the same answer stands there only where it has another one: who has died, who has ended, whether the
//! kernel has panicked. The same run gives the same bytes.
//!
//! Beside what was asked, the file has other files of `/proc` as they were when the machine had been
//! measured ([`ALSO`]), so that it can answer what nobody asked at the time.

mod last_deaths;
mod recorded;
mod recorder;
mod words;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use world::WorldError;

use crate::vm::Boot;

pub use recorded::Recorded;
pub use recorder::Recorder;

/// The version of the format.
const VERSION: u64 = 1;
/// Longest recording that is read, in bytes before packing.
const MOST_BYTES: u64 = 1 << 30;
/// How files of recordings end.
const ENDING: &str = ".jsonl.gz";

/// Files that are kept as they were when the machine had been measured. None that changes something by
/// being read, as `lowmem_reserve_ratio` does: `lowmem_reserve_ratio_sysctl_handler()` computes the
/// reserves anew, from the zones as they are by then.
pub const ALSO: &[&str] = &[
    "/proc/meminfo",
    "/proc/zoneinfo",
    "/proc/buddyinfo",
    "/proc/pagetypeinfo",
    "/proc/slabinfo",
    "/proc/vmstat",
    "/proc/vmallocinfo",
    "/proc/modules",
    "/proc/cmdline",
    "/sys/kernel/mm/lru_gen/enabled",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/proc/sys/vm/admin_reserve_kbytes",
    "/proc/sys/vm/compaction_proactiveness",
    "/proc/sys/vm/dirty_background_bytes",
    "/proc/sys/vm/dirty_background_ratio",
    "/proc/sys/vm/dirty_bytes",
    "/proc/sys/vm/dirty_expire_centisecs",
    "/proc/sys/vm/dirty_ratio",
    "/proc/sys/vm/dirty_writeback_centisecs",
    "/proc/sys/vm/extfrag_threshold",
    "/proc/sys/vm/laptop_mode",
    "/proc/sys/vm/min_free_kbytes",
    "/proc/sys/vm/oom_dump_tasks",
    "/proc/sys/vm/oom_kill_allocating_task",
    "/proc/sys/vm/overcommit_kbytes",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/overcommit_ratio",
    "/proc/sys/vm/page-cluster",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/vm/percpu_pagelist_high_fraction",
    "/proc/sys/vm/swappiness",
    "/proc/sys/vm/user_reserve_kbytes",
    "/proc/sys/vm/vfs_cache_pressure",
    "/proc/sys/vm/watermark_boost_factor",
    "/proc/sys/vm/watermark_scale_factor",
    "/proc/sys/vm/zone_reclaim_mode",
];

/// What is known of a recording before its first answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario.
    pub text: String,
    /// How the world was asked for: `6.1`.
    pub series: String,
    /// The package that the kernel is from.
    pub package: String,
    /// Processors.
    pub cpus: u32,
    /// What was added to the kernel's command line.
    pub parameters: Vec<String>,
    /// Whether memory was looked at meanwhile, for pictures.
    pub curves: bool,
    /// Why this kernel cannot perform the scenario, which is all that it answered.
    pub refused: Option<String>,
}

/// A recording: its header, and questions with their answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What it is of.
    pub header: Header,
    lines: Vec<(String, Value)>,
}

impl Recording {
    /// An empty one.
    pub(crate) fn new(header: Header) -> Recording {
        Recording { header, lines: Vec::new() }
    }

    /// That a kernel cannot perform a scenario, and why: the scenario with its text, the kernel as it was
    /// asked for and its package.
    pub fn of_refusal(
        (scenario, text): (&str, &str),
        (series, package): (&str, &str),
        boot: &Boot,
        why: &WorldError,
    ) -> Recording {
        Recording::new(Header {
            scenario: scenario.to_owned(),
            text: text.to_owned(),
            series: series.to_owned(),
            package: package.to_owned(),
            cpus: boot.cpus,
            parameters: boot.parameters.clone(),
            curves: false,
            refused: Some(why.0.clone()),
        })
    }

    /// The name of the file for a scenario on a kernel: `49-cgroup-limit.vm-6.1.jsonl.gz`.
    pub fn file_name(scenario: &str, series: &str) -> String {
        let plain = |text: &str| {
            let stem = text.rsplit('/').next().unwrap_or_default();
            let stem = stem.strip_suffix(".kdl").unwrap_or(stem);
            let kept =
                |c: char| if c.is_ascii_alphanumeric() || "-_.+".contains(c) { c } else { '_' };
            stem.chars().map(kept).collect::<String>()
        };
        format!("{}.vm-{}{ENDING}", plain(scenario), plain(series))
    }

    /// The recordings of a scenario in a folder, in the order of their names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn of_scenario(folder: &Path, scenario: &str) -> io::Result<Vec<PathBuf>> {
        let whole = Recording::file_name(scenario, "");
        let begin = whole.strip_suffix(ENDING).unwrap_or(&whole);
        let mut found = Recording::in_folder(folder)?;
        found.retain(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begin))
        });
        Ok(found)
    }

    /// All recordings in a folder, in the order of their names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING)) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        let mut packed = flate2::GzBuilder::new().mtime(0).write(file, flate2::Compression::new(6));
        let Header { scenario, text, series, package, cpus, parameters, curves, refused } =
            &self.header;
        let mut head = json!({
            "oomph-recording": VERSION,
            "scenario": scenario,
            "series": series,
            "package": package,
            "cpus": cpus,
            "parameters": parameters,
            "curves": curves,
            "text": text,
        });
        if let Some(why) = refused {
            head["refused"] = why.as_str().into();
        }
        writeln!(packed, "{head}")?;
        for (question, answer) in &self.lines {
            writeln!(packed, "{}", json!([question, answer]))?;
        }
        packed.finish()?.flush()
    }

    /// Reads one.
    ///
    /// # Errors
    /// A sentence that names the file, and the line that is no part of a recording.
    pub fn load(path: &Path) -> Result<Recording, WorldError> {
        let shown = facts::Name::new(path.as_os_str().as_encoded_bytes()).to_string();
        let cannot = |error: io::Error| WorldError(format!("cannot read `{shown}`: {error}"));
        let file = File::open(path).map_err(cannot)?;
        let mut text = String::new();
        let unpacked = flate2::read::MultiGzDecoder::new(file);
        unpacked.take(MOST_BYTES).read_to_string(&mut text).map_err(cannot)?;
        read(&text).map_err(|why| WorldError(format!("`{shown}` is no recording: {why}")))
    }
}

fn read(text: &str) -> Result<Recording, String> {
    let mut lines = (1..).zip(text.lines());
    let (_, first) = lines.next().ok_or("it is empty")?;
    let first: Value = serde_json::from_str(first).map_err(|error| format!("line 1: {error}"))?;
    match first.get("oomph-recording").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(other) => return Err(format!("its format is {other}, and {VERSION} is known here")),
        None => return Err("line 1: expected the header of a recording".to_owned()),
    }
    let header = header(&first).ok_or("line 1: a field of the header is missing")?;
    let mut recording = Recording::new(header);
    for (number, line) in lines {
        let (question, answer) = serde_json::from_str(line).map_err(|error| {
            format!("line {number}: expected a question and its answer: {error}")
        })?;
        recording.lines.push((question, answer));
    }
    Ok(recording)
}

fn header(first: &Value) -> Option<Header> {
    let text = |name: &str| first.get(name)?.as_str().map(str::to_owned);
    let parameters = first.get("parameters")?.as_array()?.iter();
    Some(Header {
        scenario: text("scenario")?,
        text: text("text")?,
        series: text("series")?,
        package: text("package")?,
        cpus: u32::try_from(first.get("cpus")?.as_u64()?).ok()?,
        parameters: parameters
            .map(|word| word.as_str().map(str::to_owned))
            .collect::<Option<Vec<String>>>()?,
        curves: first.get("curves").and_then(Value::as_bool).unwrap_or(true),
        refused: text("refused"),
    })
}

#[cfg(test)]
mod tests;
