//! `cargo xtask tidy`: what the project promises of itself and no compiler checks.
//!
//! * The picture of the crates: who may depend on whom ([`PICTURE`]).
//! * Every crate takes the workspace's lints, and these deny unsafe code.
//! * Every dependency of the workspace has a comment that says what it is for.
//! * No source file is longer than [`LONGEST`] lines, and none holds left-over marks of work.

mod crates;
mod text;

#[cfg(test)]
mod tests;

use crate::{Stop, repository};
use std::fs;
use std::path::Path;

/// Lines after which a source file is more than one idea.
const LONGEST: usize = 800;

/// Each crate of ours, and the crates of ours it may be built from.
const PICTURE: &[(&str, &[&str])] = &[
    ("oomph-units", &[]),
    ("oomph-facts", &["oomph-units"]),
    ("oomph-rules", &["oomph-units", "oomph-facts"]),
    ("oomph-proctext", &["oomph-units", "oomph-facts"]),
    ("oomph-klog", &["oomph-units", "oomph-facts"]),
    ("oomph-sources", &["oomph-units", "oomph-facts", "oomph-proctext", "oomph-klog"]),
    ("oomph-compat", &["oomph-units"]),
    ("oomph-malloc", &["oomph-units"]),
    ("oomph-heap-trace", &["oomph-units", "oomph-rules", "oomph-malloc"]),
    ("oomph-views", &["oomph-units", "oomph-facts", "oomph-rules", "oomph-scenario"]),
    ("oomph-world", &["oomph-units"]),
    ("oomph-actor", &[]),
    ("oomph-scenario", &["oomph-units", "oomph-facts", "oomph-world"]),
    ("oomph-sim", &["oomph-units", "oomph-facts", "oomph-rules", "oomph-klog", "oomph-world"]),
    ("oomph-strace", &["oomph-units", "oomph-facts", "oomph-rules", "oomph-world", "oomph-sim"]),
    (
        "oomph-lab",
        &[
            "oomph-units",
            "oomph-facts",
            "oomph-rules",
            "oomph-proctext",
            "oomph-klog",
            "oomph-malloc",
            "oomph-world",
            "oomph-scenario",
            "oomph-sim",
            "oomph-actor",
        ],
    ),
    ("oomph-trial", &["oomph-units", "oomph-facts", "oomph-rules"]),
    (
        "oomph",
        &[
            "oomph-units",
            "oomph-facts",
            "oomph-rules",
            "oomph-proctext",
            "oomph-klog",
            "oomph-sources",
            "oomph-views",
            "oomph-compat",
            "oomph-world",
            "oomph-scenario",
            "oomph-sim",
            "oomph-malloc",
            "oomph-strace",
            "oomph-lab",
            "oomph-heap-trace",
            "oomph-trial",
        ],
    ),
    (
        "xtask",
        &[
            "oomph-units",
            "oomph-facts",
            "oomph-rules",
            "oomph-klog",
            "oomph-malloc",
            "oomph-heap-trace",
            "oomph-world",
            "oomph-scenario",
            "oomph-actor",
            "oomph-lab",
            "oomph-sim",
            "oomph-strace",
        ],
    ),
];

/// Prints what is untidy; true when nothing is.
pub(crate) fn run() -> Result<bool, Stop> {
    let found = check(&repository::root())?;
    for line in &found {
        println!("untidy: {line}");
    }
    Ok(found.is_empty())
}

/// Everything untidy in the repository at `root`, one sentence each.
fn check(root: &Path) -> Result<Vec<String>, Stop> {
    let mut found = Vec::new();
    let manifest = read(&root.join("Cargo.toml"))?;
    found.extend(crates::workspace_manifest(&manifest));
    let metadata = crates::metadata(root)?;
    found.extend(crates::picture(&metadata, PICTURE));
    for path in crates::manifests(&metadata) {
        let text = read(Path::new(&path))?;
        found.extend(crates::member_manifest(&path, &text));
    }
    for top in ["crates", "xtask", "tests", "fuzz"] {
        walk(&root.join(top), &mut |path| {
            if path.extension().is_some_and(|extension| extension == "rs") {
                found.extend(text::source(&path.display().to_string(), &read(path)?, LONGEST));
            }
            Ok(())
        })?;
    }
    let prefix = format!("{}/", root.display());
    Ok(found.into_iter().map(|line| line.replace(&prefix, "")).collect())
}

/// Calls `visit` with every file under `dir`, in the order of their names; nothing if it is absent.
fn walk(dir: &Path, visit: &mut impl FnMut(&Path) -> Result<(), Stop>) -> Result<(), Stop> {
    if !dir.is_dir() {
        return Ok(());
    }
    let entries =
        fs::read_dir(dir).map_err(|err| format!("cannot list {}: {err}", dir.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, visit)?;
        } else {
            visit(&path)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Stop> {
    fs::read_to_string(path).map_err(|err| format!("cannot read {}: {err}", path.display()))
}
