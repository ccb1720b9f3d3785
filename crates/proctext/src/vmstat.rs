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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_kept() {
        let text = include_bytes!("../tests/data/6.18/vmstat");
        let mut problems = Vec::new();
        let vmstat = vmstat(text, "vmstat", &mut problems);
        assert_eq!(problems, []);
        assert_eq!(vmstat.lines.len(), 192);
        assert_eq!(vmstat.get("oom_kill"), Some(0));
        assert_eq!(vmstat.get("no_such"), None);
    }

    #[test]
    fn a_cut_counter_is_not_a_smaller_one() {
        let mut problems = Vec::new();
        let vmstat = vmstat(b"pgpgin 12\noom_kill 1", "vmstat", &mut problems);
        assert_eq!(vmstat.get("oom_kill"), None);
        assert_eq!(problems.len(), 1);
    }
}
