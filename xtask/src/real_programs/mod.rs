//! `cargo xtask real-programs`: programs of this machine at real work, recorded by `oomph trace` and played by
//! `oomph replay`, which compares the address of every block.

mod work;

use crate::{Stop, repository};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use work::Work;

pub(crate) use work::{EVERY_OBJECT, PYTHON};

/// Records and plays every program that is here, or those named; true when every block of all is where
/// the model puts it.
pub(crate) fn run(names: &[String]) -> Result<bool, Stop> {
    let folder = repository::target().join("real-programs");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)
        .map_err(|err| format!("cannot make {}: {err}", folder.display()))?;
    let works = work::all(&folder)?;
    if let Some(name) = names.iter().find(|name| works.iter().all(|work| work.name != **name)) {
        let known: Vec<_> = works.iter().map(|work| work.name).collect();
        return Err(format!("no work is called `{name}`; there are {}", known.join(", ")));
    }
    let oomph = oomph()?;
    println!(
        "{:<22}{:>10}{:>9}{:>13}{:>13}{:>13}  {:<11}of these",
        "", "processes", "threads", "calls", "blocks", "equal", "glibc"
    );
    let mut sum = Sum::default();
    let mut differences = Vec::new();
    let mut unordered = 0;
    for work in works.iter().filter(|work| names.is_empty() || names.iter().any(|n| n == work.name))
    {
        if !Path::new(work.program).exists() {
            println!("{:<22}not installed", work.name);
            continue;
        }
        match play(&oomph, work, &folder) {
            Ok((one, found)) => {
                println!("{}", one.row(work.name));
                differences.extend(found);
                if work.threads_end {
                    unordered += one.blocks - one.equal;
                }
                sum.add(&one);
            }
            Err(why) => println!("{:<22}{why}", work.name),
        }
    }
    println!("{}", sum.row("all"));
    for difference in &differences {
        println!("    {difference}");
    }
    if unordered > 0 {
        println!(
            "{unordered} blocks differ where threads end while others allocate: when glibc empties their \
             caches is not recorded"
        );
    }
    let _ = fs::remove_dir_all(&folder);
    Ok(sum.blocks > 0 && sum.blocks == sum.equal + unordered)
}

/// The program itself, as users have it.
pub(crate) fn oomph() -> Result<PathBuf, Stop> {
    let status = repository::cargo()
        .args(["build", "--quiet", "--release", "--package", "oomph", "--bin", "oomph"])
        .status()
        .map_err(|err| format!("cannot start cargo: {err}"))?;
    if !status.success() {
        return Err("oomph could not be built".to_owned());
    }
    Ok(repository::target().join("release").join("oomph"))
}

/// Records a command; the traces of its process and of the programs it started.
pub(crate) fn record(
    oomph: &Path,
    trace: &Path,
    command: &[&str],
    variables: &[(&str, &str)],
) -> Result<Vec<PathBuf>, Stop> {
    let output = Command::new(oomph)
        .args(["trace", "--force", "-o"])
        .arg(trace)
        .arg("--")
        .args(command)
        .env_remove("GLIBC_TUNABLES")
        .env_remove("LD_PRELOAD")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|err| format!("cannot start {}: {err}", oomph.display()))?;
    let name = trace.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = trace.parent().unwrap_or(Path::new("."));
    let entries =
        fs::read_dir(folder).map_err(|err| format!("cannot read {}: {err}", folder.display()))?;
    let mut traces: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            file == name
                || file.strip_prefix(&name).is_some_and(|rest| {
                    rest.strip_prefix('.').is_some_and(|pid| pid.parse::<u32>().is_ok())
                })
        })
        .collect();
    traces.sort();
    if traces.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("not recorded: {}", said.lines().next().unwrap_or("no reason given")));
    }
    Ok(traces)
}

fn play(oomph: &Path, work: &Work, folder: &Path) -> Result<(Sum, Vec<String>), Stop> {
    let mut command = vec![work.program];
    command.extend(work.arguments.iter().map(String::as_str));
    let traces = record(oomph, &folder.join("trace"), &command, work.variables)?;
    let mut sum = Sum::default();
    let mut differences = Vec::new();
    for trace in &traces {
        let output = Command::new(oomph)
            .args(["replay", "--json", "--no-what-if"])
            .arg(trace)
            .output()
            .map_err(|err| format!("cannot start {}: {err}", oomph.display()))?;
        if output.status.success() {
            let report: Value = serde_json::from_slice(&output.stdout)
                .map_err(|err| format!("oomph replay printed no JSON: {err}"))?;
            sum.add(&Sum::of(&report));
            differences.extend(difference(work.name, &report));
        } else {
            // A process that never called malloc leaves a trace without a call.
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if !said.contains("has no call of malloc") {
                return Err(said.lines().next().unwrap_or("replay failed").to_owned());
            }
        }
        let _ = fs::remove_file(trace);
    }
    Ok((sum, differences))
}

/// What differs in a report, in a sentence.
fn difference(name: &str, report: &Value) -> Option<String> {
    let agreement = &report["agreement"];
    let first = agreement.get("first").filter(|first| !first.is_null())?;
    let hex = |value: &Value| value.as_u64().map_or("no block".to_owned(), |at| format!("{at:#x}"));
    Some(format!(
        "{name} ({}): call {} is the first that differs: recorded {}, the model says {}",
        report["command"].as_str().unwrap_or("unknown command"),
        first["call"],
        hex(&first["recorded"]),
        hex(&first["modelled"])
    ))
}

/// What was compared.
#[derive(Debug, Default)]
struct Sum {
    processes: u64,
    threads: u64,
    calls: u64,
    blocks: u64,
    equal: u64,
    /// Those with mappings of their own or in thread arenas, which are compared within a page or an arena.
    elsewhere: u64,
    glibc: String,
}

impl Sum {
    fn of(report: &Value) -> Sum {
        let agreement = &report["agreement"];
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        Sum {
            processes: 1,
            threads: number(&report["threads"]),
            calls: number(&report["calls"]),
            blocks: number(&agreement["main"]) + number(&agreement["other"]),
            equal: number(&agreement["main_equal"]) + number(&agreement["other_equal"]),
            elsewhere: number(&agreement["other"]),
            glibc: format!(
                "{}{}",
                report["glibc"].as_str().unwrap_or("?"),
                if report["exact"] == Value::Bool(true) { "" } else { " (source)" }
            ),
        }
    }

    fn add(&mut self, other: &Sum) {
        self.processes += other.processes;
        self.threads += other.threads;
        self.calls += other.calls;
        self.blocks += other.blocks;
        self.equal += other.equal;
        self.elsewhere += other.elsewhere;
        self.glibc.clone_from(&other.glibc);
    }

    fn row(&self, name: &str) -> String {
        format!(
            "{name:<22}{:>10}{:>9}{:>13}{:>13}{:>13}  {:<11}{} elsewhere than in the main heap",
            self.processes,
            self.threads,
            self.calls,
            self.blocks,
            self.equal,
            self.glibc,
            self.elsewhere
        )
    }
}
