//! `/proc/buddyinfo`.

use facts::{FreeBlocks, Missing};

use crate::line::{Report, decimal, kept, lines, split_once, words};

/// `/proc/buddyinfo`: free blocks of each zone by order. `frag_show_print()` in `mm/vmstat.c`, 2.6
/// and later. The number of orders is the kernel's (`MAX_ORDER`): 11 on most, 10 to 64 on others.
pub fn buddyinfo(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Vec<FreeBlocks> {
    let mut report = Report::new(place, problems);
    let expected = "`Node 0, zone`, a name and counts";
    let mut zones = Vec::new();
    for (number, line) in lines(report.some_lines(text, expected)) {
        match zone(line) {
            Some(zone) => zones.push(zone),
            None => report.malformed(number, expected, line),
        }
    }
    zones
}

/// `Node 0, zone      DMA      0      1 …`.
fn zone(line: &[u8]) -> Option<FreeBlocks> {
    let (node, rest) = split_once(line.strip_prefix(b"Node ")?, b',')?;
    let mut words = words(rest);
    if words.next()? != b"zone" {
        return None;
    }
    let node = u32::try_from(decimal(node.trim_ascii())?).ok()?;
    let name = kept(words.next()?);
    let counts: Vec<u64> = words.map(decimal).collect::<Option<_>>()?;
    (!counts.is_empty() && counts.len() <= 64).then_some(FreeBlocks { node, name, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_by_order() {
        let mut problems = Vec::new();
        let text =
            b"Node 0, zone      DMA      0      1      3 \nNode 1, zone   Normal    649 619 576\n";
        let zones = buddyinfo(text, "buddyinfo", &mut problems);
        assert_eq!(problems, []);
        assert_eq!(
            zones[1],
            FreeBlocks { node: 1, name: "Normal".into(), counts: vec![649, 619, 576] }
        );
        assert_eq!(zones[0].counts, [0, 1, 3]);
    }

    #[test]
    fn a_cut_line_is_not_believed() {
        let mut problems = Vec::new();
        let zones = buddyinfo(b"Node 0, zone DMA 1 2\nNode 0, zone DMA32 1 2", "b", &mut problems);
        assert_eq!((zones.len(), problems.len()), (1, 1));
        for bad in ["Node 0, zone DMA\n", "Node x, zone DMA 1\n", "Node 0, zone DMA 1 x\n", "\n"] {
            let mut problems = Vec::new();
            assert_eq!(buddyinfo(bad.as_bytes(), "b", &mut problems), [], "{bad}");
            assert_eq!(problems.len(), 1, "{bad}");
        }
    }
}
