//! `/proc/iomem`.

use facts::{IoRange, Missing, Name};

use crate::line::{Report, hexadecimal, lines, split_once};

/// `/proc/iomem`: ranges of physical addresses, each indented by two blanks a level under the one
/// it is part of. `r_show()` in `kernel/resource.c`, 2.4 and later.
///
/// Since 4.6 a reader without `CAP_SYS_ADMIN` sees the names and only zeros for addresses
/// (`show_iomem_addresses`); such ranges have no addresses here.
pub fn iomem(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Vec<IoRange> {
    let mut report = Report::new(place, problems);
    let mut ranges = Vec::new();
    for (number, line) in
        lines(report.some_lines(text, "`00001000-0009fbff : System RAM` and its like"))
    {
        match range(line) {
            Some(range) => ranges.push(range),
            None => report.malformed(number, "two addresses, a colon and a name", line),
        }
    }
    // One range of zeros would be the first byte of the machine; nothing but zeros hides them.
    if ranges.iter().all(|range| range.addresses == Some((0, 0))) {
        for range in &mut ranges {
            range.addresses = None;
        }
    }
    ranges
}

/// `  01000000-02209987 : Kernel code`.
fn range(line: &[u8]) -> Option<IoRange> {
    let indent = line.iter().position(|&b| b != b' ')?;
    let (start, rest) = split_once(&line[indent..], b'-')?;
    let (last, name) = split_once(rest, b' ')?;
    let name = name.strip_prefix(b": ")?;
    let (start, last) = (hexadecimal(start)?, hexadecimal(last)?);
    let level = indent / 2;
    (start <= last && level < 64).then(|| IoRange {
        level,
        addresses: Some((start, last)),
        name: Name::new(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IOMEM: &[u8] = b"\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
00100000-bfffffff : System RAM
  01000000-02209987 : Kernel code
c0001000-eebfffff : PCI Bus 0000:00
100000000-63fffffff : System RAM
4000000000-7fffffffff : PCI Bus 0000:00
  4000000000-400007ffff : 0000:00:01.0
    4000000000-400007ffff : virtio-pci-modern
";

    fn parsed(text: &[u8]) -> (Vec<IoRange>, Vec<String>) {
        let mut problems = Vec::new();
        let ranges = iomem(text, "iomem", &mut problems);
        (ranges, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn ranges_keep_their_level_and_their_names() {
        let (ranges, problems) = parsed(IOMEM);
        assert_eq!((ranges.len(), problems.len()), (9, 0));
        let code = &ranges[3];
        assert_eq!((code.level, code.addresses), (1, Some((0x0100_0000, 0x0220_9987))));
        assert_eq!((ranges[8].level, ranges[8].name.clone()), (2, Name::from("virtio-pci-modern")));
        assert_eq!(ranges[5].addresses, Some((1 << 32, 0x6_3fff_ffff)));
    }

    #[test]
    fn zeros_shown_to_those_without_privilege_are_not_addresses() {
        let (ranges, problems) =
            parsed(b"00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n");
        assert_eq!(problems.len(), 0);
        assert!(ranges.iter().all(|r| r.addresses.is_none()));
        assert_eq!(ranges.len(), 2);
    }

    #[test]
    fn damaged_lines_are_named() {
        let (ranges, problems) = parsed(b"00001000-0009fbff : System RAM\n2-1 : x\nhello\n00-0");
        assert_eq!(ranges.len(), 1);
        assert_eq!(problems.len(), 3);
        assert!(parsed(b"").1[0].contains("found nothing"));
    }
}
