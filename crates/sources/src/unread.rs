//! `oomph/unread` of a capture: which files could not be read when it was made, and why.
//!
//! Lines of `reason path`, the reason first because a path may contain anything but a line end.

use std::collections::BTreeMap;

use facts::{Missing, Why};

use crate::Refusal;

/// Path in a capture.
pub(crate) const UNREAD: &str = "oomph/unread";

/// The list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    files: BTreeMap<Box<[u8]>, Refusal>,
}

impl Unread {
    /// Adds a file, unless it is just not there.
    pub(crate) fn add(&mut self, path: &[u8], refusal: Refusal) {
        if refusal != Refusal::Absent {
            self.files.insert(path.into(), refusal);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Why a file that is not in the capture could not be read; `Absent` where the list is silent.
    pub(crate) fn why(&self, path: &[u8]) -> Refusal {
        self.files.get(path).cloned().unwrap_or(Refusal::Absent)
    }

    /// The text of the list.
    pub(crate) fn print(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (path, refusal) in &self.files {
            text.extend_from_slice(refusal.word().as_bytes());
            text.push(b' ');
            text.extend_from_slice(path);
            text.push(b'\n');
        }
        text
    }

    /// Reads the list.
    pub(crate) fn parse(text: &[u8], problems: &mut Vec<Missing>) -> Unread {
        let mut unread = Unread::default();
        for (number, line) in text.split(|&b| b == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let blank = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
            let refusal = std::str::from_utf8(&line[..blank]).ok().and_then(|w| w.parse().ok());
            match (refusal, line.get(blank + 1..)) {
                (Some(refusal), Some(path)) => unread.add(path, refusal),
                _ => problems.push(Missing {
                    place: UNREAD.to_owned(),
                    why: Why::Malformed {
                        line: number + 1,
                        expected: "a reason and a path".to_owned(),
                        found: format!("{} bytes of something else", line.len()),
                    },
                }),
            }
        }
        unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_back() {
        let mut unread = Unread::default();
        unread.add(b"1/smaps", Refusal::Denied);
        unread.add(b"oomph/cgroup/a: b/memory.pressure", Refusal::Unsupported);
        unread.add(b"zoneinfo", Refusal::Absent);
        let mut problems = Vec::new();
        let read = Unread::parse(&unread.print(), &mut problems);
        assert_eq!(read, unread);
        assert_eq!(read.why(b"1/smaps"), Refusal::Denied);
        assert_eq!(read.why(b"zoneinfo"), Refusal::Absent);
        assert_eq!(problems, []);
    }

    #[test]
    fn a_line_without_a_reason_is_named() {
        let mut problems = Vec::new();
        Unread::parse(b"denied 1/smaps\nwhatever\n", &mut problems);
        assert_eq!(
            problems[0].to_string(),
            "oomph/unread: line 2: expected a reason and a path, found 8 bytes of something else"
        );
    }
}
