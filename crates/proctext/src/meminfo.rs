//! `/proc/meminfo`.

use facts::{Field, Meminfo, Missing, OtherField};

use crate::line::{Report, decimal, kept, kib, lines, split_once};

/// `/proc/meminfo`, any release.
///
/// Lines it does not know are kept. The table in bytes that 2.4 prints first (`total: used: free:`,
/// `Mem:`, `Swap:`) repeats what follows in kB and is skipped.
pub fn meminfo(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Meminfo {
    let mut report = Report::new(place, problems);
    let mut info = Meminfo::default();
    let mut next = 0;
    for (number, line) in lines(report.some_lines(text, "`MemTotal:` and its like")) {
        let Some((name, value)) = split_once(line, b':') else {
            report.malformed(number, "a name, a colon and a number", line);
            continue;
        };
        if matches!(name, b"Mem" | b"Swap") || name.trim_ascii_start() == b"total" {
            continue;
        }
        if let Some(field) = field(name, &mut next) {
            match kib(value) {
                Some(size) => info.set(field, size),
                None => report.malformed(
                    number,
                    format_args!("a size in kB behind `{}:`", field.text()),
                    value.trim_ascii(),
                ),
            }
            continue;
        }
        let value = value.trim_ascii();
        let (count, is_kib) = match value.strip_suffix(b" kB") {
            Some(count) => (count.trim_ascii_end(), true),
            None => (value, false),
        };
        let Some(count) = decimal(count) else {
            report.malformed(number, "a number behind the colon", line);
            continue;
        };
        match (name, is_kib) {
            (b"HugePages_Total", false) => info.hugepages_total = Some(count),
            (b"HugePages_Free", false) => info.hugepages_free = Some(count),
            _ => info.other.push(OtherField { name: kept(name), value: count, kib: is_kib }),
        }
    }
    info
}

/// The field of this name. `next` is where it is looked for first: the kernel's order hardly
/// changes, so a line is mostly found at once.
fn field(name: &[u8], next: &mut usize) -> Option<Field> {
    let (before, after) = Field::ALL.split_at(*next);
    let found = after.iter().chain(before).position(|f| f.text().as_bytes() == name)?;
    let index = (*next + found) % Field::ALL.len();
    *next = (index + 1) % Field::ALL.len();
    Field::ALL.get(index).copied()
}
