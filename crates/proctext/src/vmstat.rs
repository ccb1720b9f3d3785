//! `/proc/vmstat`.

use facts::{Missing, Vmstat};

use crate::line::{Report, kept, lines, name_and_number};

/// `/proc/vmstat`, any release: every line is kept.
pub fn vmstat(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Vmstat {
    let mut report = Report::new(place, problems);
    let text = report.some_lines(text, "`nr_free_pages` and its like");
    let mut vmstat = Vmstat { lines: Vec::with_capacity(text.len() / 20) };
    for (number, line) in lines(text) {
        match name_and_number(line) {
            Some((name, value)) => vmstat.lines.push((kept(name), value)),
            None => report.malformed(number, "a name and a number", line),
        }
    }
    vmstat
}
