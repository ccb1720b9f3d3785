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

#[cfg(test)]
mod tests {
    use units::Bytes;

    use super::*;

    fn parse(text: &str) -> (Meminfo, Vec<String>) {
        let mut problems = Vec::new();
        let info = meminfo(text.as_bytes(), "meminfo", &mut problems);
        (info, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn todays_meminfo_is_read_whole() {
        let (info, problems) = parse(include_str!("../tests/data/6.18/meminfo"));
        assert!(problems.is_empty());
        assert_eq!(info.get(Field::MemTotal), Bytes::from_kib(24_684_092));
        assert_eq!(info.get(Field::VmallocTotal), Bytes::from_kib(34_359_738_367));
        assert_eq!(info.get(Field::Hugetlb), Some(Bytes::ZERO));
        assert_eq!(info.get(Field::HighTotal), None);
        assert_eq!(info.hugepages_total, Some(0));
        let other: Vec<&str> = info.other.iter().map(|other| &*other.name).collect();
        assert_eq!(
            other,
            [
                "VmallocChunk",
                "ShmemPmdMapped",
                "FilePmdMapped",
                "HugePages_Rsvd",
                "HugePages_Surp",
                "DirectMap4k",
                "DirectMap2M",
                "DirectMap1G"
            ]
        );
        assert!(info.other[0].kib && !info.other[3].kib);
    }

    #[test]
    fn the_table_in_bytes_of_2_4_is_no_field() {
        let (info, problems) = parse(include_str!("../tests/data/2.4.22/meminfo"));
        assert!(problems.is_empty());
        assert_eq!(info.get(Field::MemTotal), Bytes::from_kib(257_604));
        assert_eq!(info.get(Field::SwapFree), Bytes::from_kib(501_168));
        let other: Vec<_> = info.other.iter().map(|o| (&*o.name, o.value)).collect();
        assert_eq!(other, [("MemShared", 0)]);
    }

    #[test]
    fn what_is_not_a_size_is_named_and_the_rest_is_read() {
        let (info, problems) = parse(
            "MemTotal:       x kB\nMemFree:  7\nBuffers: 18446744073709551615 kB\n\x1b[2J\n\
             : 5\nCached: 12 kB\nSwapTot",
        );
        assert_eq!(
            problems,
            [
                "meminfo: line 7: expected a whole line (the text ends inside this one), \
                 found SwapTot",
                "meminfo: line 1: expected a size in kB behind `MemTotal:`, found x kB",
                "meminfo: line 2: expected a size in kB behind `MemFree:`, found 7",
                "meminfo: line 3: expected a size in kB behind `Buffers:`, found \
                 18446744073709551615 kB",
                "meminfo: line 4: expected a name, a colon and a number, found \\x1b[2J",
            ]
        );
        assert_eq!(info.iter().count(), 1);
        assert_eq!(info.get(Field::Cached), Bytes::from_kib(12));
    }

    #[test]
    fn the_order_of_lines_does_not_matter() {
        let text = include_str!("../tests/data/6.18/meminfo");
        let backwards: String = text.lines().rev().flat_map(|line| [line, "\n"]).collect();
        let (forth, back) = (parse(text).0, parse(&backwards).0);
        assert!(forth.iter().eq(back.iter()));
    }

    #[test]
    fn an_empty_file_says_so() {
        assert_eq!(parse("").1, ["meminfo: expected `MemTotal:` and its like, found nothing"]);
    }
}
