//! `meminfo`, and the memory that percentages are of.

use std::collections::HashMap;

use super::value::Num;
use super::{Failure, Run};
use crate::meminfo;

/// The lines of `meminfo` that are sizes, by their names in lower case, in KiB.
pub(super) struct Meminfo(HashMap<String, u64>);

impl Meminfo {
    pub(super) fn read(run: &mut Run<'_, '_>) -> Result<Meminfo, Failure> {
        let text = meminfo::read(run.machine())
            .map_err(|error| Failure::Unreadable(format!("cannot read meminfo: {error}")))?;
        Ok(Meminfo(parse(&text)))
    }

    /// A line, which the real program cannot do without.
    pub(super) fn line(&self, name: &str) -> Result<Num, Failure> {
        let size = self.0.get(&name.to_lowercase()).copied();
        size.map(|size| Num::Int(size.into()))
            .ok_or_else(|| Failure::Crash(format!("meminfo has no line `{name}`")))
    }
}

/// Lines of a name, a colon, blanks, a number and ` kB`.
fn parse(text: &[u8]) -> HashMap<String, u64> {
    let line = |line: &[u8]| {
        let line = std::str::from_utf8(line).ok()?;
        let (name, rest) = line.rsplit_once(':')?;
        let number = rest.trim_start();
        let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
        let well_formed = !name.is_empty()
            && !name.contains(char::is_whitespace)
            && number.len() < rest.len()
            && number[digits.len()..].starts_with(" kB");
        Some((name.to_lowercase(), digits.parse().ok()?)).filter(|_| well_formed)
    };
    text.split(|&b| b == b'\n').filter_map(line).collect()
}

/// All memory: what `-R` says, or `MemTotal`. In KiB.
pub(super) fn total(run: &mut Run<'_, '_>, meminfo: &Meminfo) -> Result<Num, Failure> {
    match &run.options.realmem {
        None => meminfo.line("MemTotal"),
        Some(text) => from_units(text).map(|bytes| Num::Float(bytes / 1024.0)),
    }
}

/// A number and its unit, in bytes.
fn from_units(text: &str) -> Result<f64, Failure> {
    let units = [
        ("k", 10),
        ("K", 10),
        ("kB", 10),
        ("KB", 10),
        ("M", 20),
        ("MB", 20),
        ("G", 30),
        ("GB", 30),
        ("T", 40),
        ("TB", 40),
    ];
    for (unit, power) in units {
        if let Some(number) = text.strip_suffix(unit) {
            let number: f64 = number.trim().parse().map_err(|_| {
                Failure::Crash(format!("expected a number before the unit, found `{number}`"))
            })?;
            let bytes = (number * 2_f64.powi(power)).trunc();
            return if bytes.is_finite() {
                Ok(bytes)
            } else {
                Err(Failure::Crash(format!("`{text}` is not a size")))
            };
        }
    }
    let complaint = "Memory size should be written with units, for example 1024M";
    Err(Failure::Told(complaint.to_owned(), 255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sizes_are_taken_from_meminfo() {
        let lines =
            parse(b"MemTotal:  16 kB\nActive(anon): 4 kB\nHugePages_Total: 3\nBad 5 kB\nX:7 kB\n");
        let mut names: Vec<_> = lines.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["active(anon)", "memtotal"]);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(from_units("1.5G").ok(), Some(1_610_612_736.0));
        assert_eq!(from_units("2kB").ok(), Some(2048.0));
        assert!(matches!(from_units("12"), Err(Failure::Told(_, 255))));
        assert!(matches!(from_units("xM"), Err(Failure::Crash(_))));
    }
}
