//! `/proc/PID/smaps` and `smaps_rollup`, summed up.

use facts::Missing;
use units::Bytes;

use crate::line::{Report, kib, lines, split_once};

/// Sums over all mappings of a process. `None` where the kernel does not print the line, or where
/// one mapping's could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SmapsTotals {
    /// `Rss`: resident.
    pub rss: Option<Bytes>,
    /// `Pss` (2.6.25): resident, each page divided by the number of its users.
    pub pss: Option<Bytes>,
    /// `Private_Clean` and `Private_Dirty`: resident and used by nobody else.
    pub private: Option<Bytes>,
    /// `Swap` (2.6.26).
    pub swap: Option<Bytes>,
    /// `Anonymous` (2.6.37).
    pub anonymous: Option<Bytes>,
    /// Mappings; 1 for a `smaps_rollup`.
    pub mappings: u64,
}

/// The sums of `smaps` (2.6.14) or `smaps_rollup` (4.14). Lines it does not know are passed over.
///
/// An empty text is no mapping at all: a process without address space. A text cut between two
/// mappings cannot be told from a whole one.
pub fn smaps_totals(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> SmapsTotals {
    let mut report = Report::new(place, problems);
    let [mut rss, mut pss, mut clean, mut dirty, mut swap, mut anonymous] = [Sum::default(); 6];
    let mut mappings = 0_u64;
    let whole = report.whole_lines(text);
    let mut last = 0;
    for (number, line) in lines(whole) {
        last = number;
        // Names of lines begin with a capital, addresses do not: they are lower-case hexadecimal.
        if matches!(line, [b'0'..=b'9' | b'a'..=b'f', ..]) {
            mappings += 1;
            continue;
        }
        let Some((name, value)) = split_once(line, b':') else {
            report.malformed(number, "a mapping, or a name and a colon", line);
            continue;
        };
        let sum = match name {
            b"Rss" => &mut rss,
            b"Pss" => &mut pss,
            b"Private_Clean" => &mut clean,
            b"Private_Dirty" => &mut dirty,
            b"Swap" => &mut swap,
            b"Anonymous" => &mut anonymous,
            _ => continue,
        };
        match kib(value) {
            Some(size) => sum.add(size),
            None => report.malformed(number, "a size in kB", line),
        }
    }
    let mut total = |name: &str, sum: Sum| {
        let total = sum.total(mappings);
        if sum.overflow {
            report.malformed(last, format_args!("a sum of `{name}:` of 64 bits"), b"a larger one");
        } else if total.is_none() && sum.lines > 0 {
            let found = format!("{} lines, {mappings} mappings", sum.lines);
            report.malformed(last, format_args!("one `{name}:` a mapping"), found.as_bytes());
        }
        total
    };
    let halves = (total("Private_Clean", clean), total("Private_Dirty", dirty));
    let private = match halves {
        (Some(_), Some(_)) => total("Private_", clean.with(dirty)),
        _ => None,
    };
    SmapsTotals {
        rss: total("Rss", rss),
        pss: total("Pss", pss),
        private,
        swap: total("Swap", swap),
        anonymous: total("Anonymous", anonymous),
        mappings,
    }
}

/// A sum that knows of how many lines it is one.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    size: u64,
    lines: u64,
    overflow: bool,
}

impl Sum {
    fn add(&mut self, size: Bytes) {
        self.lines += 1;
        *self = self.with(Sum { size: size.get(), ..Sum::default() });
    }

    /// The sum of both, over as many lines as `self`.
    fn with(self, other: Sum) -> Sum {
        let (size, overflow) = self.size.overflowing_add(other.size);
        Sum { size, lines: self.lines, overflow: self.overflow || other.overflow || overflow }
    }

    /// The sum, if every mapping had its line.
    fn total(self, mappings: u64) -> Option<Bytes> {
        (self.lines == mappings && mappings > 0 && !self.overflow).then_some(Bytes::new(self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &[u8] = include_bytes!("../tests/data/6.18/smaps");

    fn parse(text: &[u8]) -> (SmapsTotals, Vec<String>) {
        let mut problems = Vec::new();
        let totals = smaps_totals(text, "smaps", &mut problems);
        (totals, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn mappings_are_summed() {
        let (totals, problems) = parse(THREE);
        assert_eq!(
            totals,
            SmapsTotals {
                rss: Bytes::from_kib(36),
                pss: Bytes::from_kib(36),
                private: Bytes::from_kib(36),
                swap: Some(Bytes::ZERO),
                anonymous: Some(Bytes::ZERO),
                mappings: 3,
            }
        );
        assert!(problems.is_empty());
    }

    #[test]
    fn a_rollup_is_one_mapping() {
        let (totals, problems) = parse(include_bytes!("../tests/data/6.18/smaps_rollup"));
        assert!(problems.is_empty());
        assert_eq!((totals.mappings, totals.rss), (1, Bytes::from_kib(1748)));
    }

    #[test]
    fn a_process_without_address_space_has_no_sums() {
        assert_eq!(parse(b""), (SmapsTotals::default(), vec![]));
    }

    #[test]
    fn lines_that_an_old_kernel_does_not_print_are_unknown_without_complaint() {
        let (totals, problems) = parse(
            b"08048000-0804c000 r-xp 00000000 03:01 9 /bin/a b: c\nSize: 16 kB\nRss: 8 kB\n\
              Shared_Clean: 0 kB\nShared_Dirty: 0 kB\nPrivate_Clean: 8 kB\nPrivate_Dirty: 0 kB\n",
        );
        assert_eq!(totals.private, Bytes::from_kib(8));
        assert_eq!((totals.pss, totals.swap, problems.len()), (None, None, 0));
    }

    #[test]
    fn a_sum_with_a_part_missing_is_unknown() {
        let cut = THREE.windows(5).rposition(|bytes| bytes == b"\nPss:").unwrap() + 1;
        let (totals, problems) = parse(&THREE[..cut]);
        assert_eq!((totals.rss, totals.pss), (Bytes::from_kib(36), None));
        assert!(
            problems.iter().any(|p| p.contains("expected one `Pss:` a mapping")),
            "{problems:?}"
        );
    }

    #[test]
    fn a_sum_that_does_not_fit_is_unknown() {
        let half = "0-1\nRss: 9007199254740992 kB\n".repeat(2);
        let (totals, problems) = parse(half.as_bytes());
        assert_eq!(totals.rss, None);
        assert_eq!(problems.len(), 1);
        let halves =
            "0-1\nPrivate_Clean: 9007199254740992 kB\nPrivate_Dirty: 9007199254740992 kB\n";
        let (totals, problems) = parse(halves.as_bytes());
        assert_eq!(totals.private, None);
        assert_eq!(problems.len(), 1);
    }
}
