//! `cargo xtask corpus [DIR]`: how much of real kernel logs is understood.
//!
//! DIR holds logs, one or more reports in each, and an `index.tsv` that says what a person read in
//! them: `file`, `complete`, `victim_name`, `victim_pid`, `logged_score`. Without DIR it is
//! `$OOMPH_CORPUS`, or `../shared/data/oom-logs` beside the repository.
//!
//! What each share is of is printed with it ([`DEFINITIONS`]); exceptions are listed by name, and
//! follow from rules that a report's own lines decide, never from a file's name.

mod choice;
mod index;
mod tally;

use crate::{Stop, repository};
use choice::Choices;
use klog::{Found, Scanner};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use tally::Tally;

/// What is counted.
const DEFINITIONS: &str = "\
A report is complete when the text has its first line, a row of its table, and a kill or a panic.
A line is unread when it stands between two of the same section and nothing could be made of it,
or of a part of it. A victim counts when the report is complete, the kernel is 2.6.36 or later, and
the table is whole: its heading and the row of the chosen are there (the kernel prints the table
between choosing and killing). It is good when the rules choose the same, or when the explanation
names why this kernel did not go by points, or goes wrong. A logged score counts when the text
leaves at most 5 thousandths open; it is good when it is exact, one off, or in what is left open.
";

/// Measures; true when every goal is reached, or when there is nothing to measure.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let Some(dir) = directory(args) else {
        println!("no logs to measure: give a directory, or set OOMPH_CORPUS");
        return Ok(true);
    };
    let index = index::read(&dir)?;
    let mut tally = Tally::default();
    let mut choices = Choices::default();
    for path in logs(&dir)? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text =
            fs::read(&path).map_err(|err| format!("cannot read {}: {err}", path.display()))?;
        let found = scan(&text);
        choices.add(&file, &found);
        tally.add(&file, &found, index.iter().find(|row| row.file == file));
    }
    println!("{} in {}", tally.summary(), dir.display());
    print!("{DEFINITIONS}");
    let read = tally.print();
    Ok(choices.print() && read)
}

fn directory(args: &[String]) -> Option<PathBuf> {
    if let Some(dir) = args.first() {
        return Some(PathBuf::from(dir));
    }
    let set = env::var_os("OOMPH_CORPUS").map(PathBuf::from);
    set.or_else(|| Some(repository::root().join("../shared/data/oom-logs")))
        .filter(|dir| dir.is_dir())
}

fn logs(dir: &Path) -> Result<Vec<PathBuf>, Stop> {
    let entries =
        fs::read_dir(dir).map_err(|err| format!("cannot list {}: {err}", dir.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| path.extension().is_none_or(|kind| kind != "tsv" && kind != "md"))
        .collect();
    paths.sort();
    Ok(paths)
}

/// The reports of a text that comes in pieces, as from a pipe.
fn scan(text: &[u8]) -> Vec<Found> {
    let mut all = Vec::new();
    let mut scanner = Scanner::new();
    for piece in text.chunks(64 << 10) {
        scanner.feed(piece, &mut |one| all.push(one));
    }
    scanner.finish(&mut |one| all.push(one));
    all
}
