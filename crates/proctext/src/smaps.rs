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
        if total.is_none() && sum.lines > 0 {
            let found = format!("{} lines, {mappings} mappings", sum.lines);
            report.malformed(last, format_args!("one `{name}:` a mapping"), found.as_bytes());
        }
        total
    };
    let private = match (total("Private_Clean", clean), total("Private_Dirty", dirty)) {
        (Some(clean), Some(dirty)) => clean.checked_add(dirty),
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
        let (sum, overflow) = self.size.overflowing_add(size.get());
        self.size = sum;
        self.overflow |= overflow;
        self.lines += 1;
    }

    /// The sum, if every mapping had its line.
    fn total(self, mappings: u64) -> Option<Bytes> {
        (self.lines == mappings && mappings > 0 && !self.overflow).then_some(Bytes::new(self.size))
    }
}
