//! What a person read in the logs.

use crate::Stop;
use std::fs;
use std::path::Path;

/// A row of `index.tsv`; empty columns are `None`.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the columns are yes and no")]
pub(super) struct Row {
    pub(super) file: String,
    pub(super) complete: bool,
    pub(super) has_table: bool,
    pub(super) has_memory: bool,
    pub(super) release: Option<String>,
    pub(super) victim_name: Option<String>,
    pub(super) victim_pid: Option<String>,
    pub(super) score: Option<String>,
    /// The log is not the kernel's.
    pub(super) foreign: bool,
}

/// The rows of `index.tsv` in `dir`; none if there is no such file.
pub(super) fn read(dir: &Path) -> Result<Vec<Row>, Stop> {
    let path = dir.join("index.tsv");
    if !path.is_file() {
        println!("no {}: victims are not compared", path.display());
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path)
        .map_err(|err| format!("cannot read {}: {err}", path.display()))?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    Ok(lines.map(|line| row(&names, line)).collect())
}

fn row(names: &[&str], line: &str) -> Row {
    let values: Vec<&str> = line.split('\t').collect();
    let column = |name: &str| {
        let at = names.iter().position(|known| *known == name)?;
        values.get(at).map(|value| value.trim()).filter(|value| !value.is_empty())
    };
    let is = |name, what| column(name) == Some(what);
    Row {
        file: column("file").unwrap_or_default().to_owned(),
        complete: is("complete", "yes"),
        has_table: is("has_task_table", "yes"),
        has_memory: is("has_meminfo", "yes"),
        release: column("kernel_version").map(str::to_owned),
        victim_name: column("victim_name").map(str::to_owned),
        victim_pid: column("victim_pid").map(str::to_owned),
        score: column("logged_score").map(str::to_owned),
        foreign: is("kernel_version", "userspace") || is("kernel_version", "android"),
    }
}
