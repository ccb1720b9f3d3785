//! The sentences around the table.

use facts::{Backing, LeftAlone, Name};
use rules::cache::{CacheReport, CacheRow, HolderRow, LeftRow};
use units::Bytes;

use super::{Amounts, is_told};
use crate::amount;
use crate::style::Style;

/// How amounts are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units<'a> {
    pub(super) amounts: Amounts,
    pub(super) style: &'a Style,
}

impl Units<'_> {
    /// For sentences.
    pub(super) fn long(self, bytes: Bytes) -> String {
        match self.amounts {
            Amounts::Human => bytes.to_string(),
            Amounts::Bytes => format!("{} B", bytes.get()),
        }
    }

    /// For columns; `?` when unknown.
    pub(super) fn cell(self, bytes: Option<Bytes>) -> String {
        match (self.amounts, bytes) {
            (Amounts::Bytes, Some(bytes)) => bytes.get().to_string(),
            (_, bytes) => amount::cell(bytes, self.style),
        }
    }
}

pub(super) fn found(report: &CacheReport) -> String {
    let files = amount::grouped(report.found.files);
    let asked = amount::grouped(report.asked.files);
    let place = match report.asked.paths.as_slice() {
        [] => "that processes hold".to_owned(),
        [path] => format!("below {path}"),
        [path, rest @ ..] => format!("below {path} and {} more", paths(rest)),
    };
    let word = if report.asked.files == 1 { "file" } else { "files" };
    format!("in {files} of {asked} {word} {place}")
}

fn paths(rest: &[Name]) -> String {
    amount::count(rest.len(), "path", "paths")
}

pub(super) fn memory(report: &CacheReport, units: Units<'_>) -> String {
    let ramfs = report.found.in_ramfs;
    let swap = "in tmpfs, memfds and shared memory: can only be swapped out";
    match (report.found.in_shared_memory, ramfs) {
        (Bytes::ZERO, _) => "in ramfs: stays".to_owned(),
        (_, Bytes::ZERO) => swap.to_owned(),
        (_, ramfs) => format!("{swap}; {} of it in ramfs, which stays", units.long(ramfs)),
    }
}

pub(super) fn no_file(report: &CacheReport, units: Units<'_>) -> String {
    let part =
        |bytes: Option<Bytes>| bytes.map_or_else(|| "?".to_owned(), |bytes| units.long(bytes));
    let rest = &report.rest;
    let other = if report.found.in_shared_memory > Bytes::ZERO { "other " } else { "" };
    format!(
        "block devices {}, {other}shared memory {}",
        part(rest.block_devices),
        part(rest.shared_memory),
    )
}

pub(super) fn elsewhere(report: &CacheReport) -> &'static str {
    if report.asked.paths.is_empty() {
        "files that no process holds; `oomph cache --cross /` looks for them"
    } else {
        "files elsewhere, or deleted, or held by the kernel alone"
    }
}

/// What is known of the cached pages beside their number; empty when nothing is.
pub(super) fn more(report: &CacheReport, units: Units<'_>) -> String {
    let found = &report.found;
    let mut told = Vec::new();
    let mut tell = |bytes: Option<Bytes>, what: &str| {
        if let Some(bytes) = bytes.filter(|&bytes| bytes > Bytes::ZERO) {
            told.push(format!("{} {what}", units.long(bytes)));
        }
    };
    tell(found.dirty, "not yet written");
    tell(found.writeback, "being written");
    tell(Some(found.in_deleted), "in deleted files");
    tell(found.evicted, "more was there and was evicted");
    tell(found.recently_evicted, "of that lately");
    if found.dirty.is_none() && is_told(report) && found.files > 0 {
        told.push("on overlays the kernel does not tell what is dirty or evicted".to_owned());
    }
    told.join(", ")
}

/// What is special about a row: `tmpfs`, `deleted`.
pub(super) fn mark(row: &CacheRow) -> &'static str {
    match row.backing {
        _ if row.deleted > Bytes::ZERO && row.deleted == row.cached => "deleted",
        Some(Backing::Swap) => "memory",
        Some(Backing::Nothing) => "ramfs",
        Some(Backing::Filesystem) => "",
        None => "mixed",
    }
}

/// Holders by name: `nginx ×4, systemd`.
pub(super) fn holders(row: &CacheRow, most: usize, style: &Style) -> String {
    let mut names: Vec<(String, u64)> = Vec::new();
    for HolderRow { name, pid, .. } in &row.held_by {
        let name = name.as_ref().map_or_else(|| format!("pid {pid}"), |name| style.name(name));
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => names.push((name, 1)),
        }
    }
    let all = row.holders.unwrap_or(0);
    let shown: u64 = names.iter().take(most).map(|(_, count)| count).sum();
    let mut words: Vec<String> = names
        .into_iter()
        .take(most)
        .map(|(name, count)| if count > 1 { format!("{name} x{count}") } else { name })
        .collect();
    if all > shown {
        words.push(format!("+{}", all - shown));
    }
    words.join(" ")
}

pub(super) fn hidden(count: u64) -> String {
    let processes = if count == 1 {
        "1 process".to_owned()
    } else {
        format!("{} processes", amount::grouped(count))
    };
    format!("{processes} of others: what they hold may not be seen")
}

pub(super) fn left_alone(row: &LeftRow, style: &Style) -> String {
    let count = usize::try_from(row.count).unwrap_or(usize::MAX);
    let number = |one: &str, many: &str| amount::count(count, one, many);
    let what = match row.why {
        LeftAlone::NotPermitted => format!(
            "{}: not permitted; the kernel tells only owners, writers and root",
            number("file", "files")
        ),
        LeftAlone::DirectoryNotPermitted => {
            format!("{}: not permitted to be read", number("directory", "directories"))
        }
        LeftAlone::OtherFilesystem => format!(
            "{} of other filesystems; `--cross` walks into them",
            number("directory", "directories")
        ),
        LeftAlone::Remote => format!(
            "{} on the network or in FUSE, which can hang; name the path to look there",
            number("place", "places")
        ),
        LeftAlone::Overlay => format!(
            "{}, whose pages are those of their layers; name the path to look there",
            number("overlay", "overlays")
        ),
        LeftAlone::MadeUp => format!(
            "{} whose files the kernel makes up: there is no page cache behind them",
            number("filesystem", "filesystems")
        ),
        LeftAlone::HugePages => {
            format!("{} of huge pages, which are not page cache", number("place", "places"))
        }
        LeftAlone::Automount => {
            format!("{}, not triggered", number("automount", "automounts"))
        }
        LeftAlone::NotAFile => {
            format!("{}: neither file nor directory", number("name", "names"))
        }
        LeftAlone::SymbolicLink => {
            format!("{}, not followed", number("symbolic link", "symbolic links"))
        }
        LeftAlone::Absent => format!("{}: not there", number("path", "paths")),
        LeftAlone::TooLong => format!("{} of more than 4096 bytes", number("path", "paths")),
        LeftAlone::Changed => {
            format!("{} that changed while looked at", number("name", "names"))
        }
        LeftAlone::TooLarge => {
            format!("{} of more than 256 GiB, too slow to ask by mincore", number("file", "files"))
        }
        LeftAlone::Failed => format!("{} that failed", number("place", "places")),
    };
    let few: Vec<String> = row.first.iter().map(|name| style.name(name)).collect();
    let more = if count > few.len() { ", …" } else { "" };
    format!("{what} ({}{more})", few.join(", "))
}
