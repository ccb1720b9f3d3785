//! The rows as CSV (RFC 4180), for spreadsheets: bytes, and nothing where something is unknown.

use std::fmt::Write as _;

use facts::{Backing, Name};
use rules::cache::{CacheReport, CacheRow};
use units::Bytes;

const HEAD: &str = "name,pid,files,cached,alone,size,dirty,writeback,evicted,recently_evicted,\
    backing,deleted,uid,user,holders";

/// The rows of a report, one a line. Names are escaped as everywhere, so that a row is a line.
pub fn cache_csv(report: &CacheReport) -> String {
    let mut out = String::with_capacity(64 * (report.rows.len() + 1));
    out.push_str(HEAD);
    out.push_str("\r\n");
    for row in &report.rows {
        line(&mut out, row);
    }
    out
}

fn line(out: &mut String, row: &CacheRow) {
    let bytes = |bytes: Option<Bytes>| number(bytes.map(Bytes::get));
    let cells = [
        quoted(row.name.as_ref()),
        number(row.pid.map(|pid| pid.get().into())),
        row.files.to_string(),
        row.cached.get().to_string(),
        bytes(row.alone),
        row.size.get().to_string(),
        bytes(row.dirty),
        bytes(row.writeback),
        bytes(row.evicted),
        bytes(row.recently_evicted),
        backing(row.backing).to_owned(),
        row.deleted.get().to_string(),
        number(row.uid.map(u64::from)),
        quoted(row.user.as_ref()),
        number(row.holders),
    ];
    let _ = write!(out, "{}\r\n", cells.join(","));
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn backing(backing: Option<Backing>) -> &'static str {
    match backing {
        Some(Backing::Filesystem) => "filesystem",
        Some(Backing::Swap) => "swap",
        Some(Backing::Nothing) => "nothing",
        None => "",
    }
}

fn quoted(name: Option<&Name>) -> String {
    name.map_or_else(String::new, |name| format!("\"{}\"", name.escaped().replace('"', "\"\"")))
}
