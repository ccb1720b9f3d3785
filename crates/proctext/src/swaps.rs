//! `/proc/swaps`.

use facts::{Missing, SwapUse};
use units::Bytes;

use crate::line::{Report, decimal, lines, signed, words};

/// Size of all swap areas in `/proc/swaps` together; nothing but the head line is no swap.
///
/// Rows are read from the right, because older kernels print a file's name unescaped and with
/// ` (deleted)`. One unreadable row makes the sum unknown. A file cut after a row's newline cannot
/// be told from a whole one.
pub fn swaps(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Option<Bytes> {
    let mut report = Report::new(place, problems);
    let expected_head = "the head line `Filename Type Size Used Priority`";
    let whole = report.some_lines(text, expected_head);
    let mut rows = lines(whole);
    let (_, head) = rows.next()?;
    if words(head).next() != Some(b"Filename") {
        report.malformed(1, expected_head, head);
        return None;
    }
    let mut total = (whole.len() == text.len()).then_some(Bytes::ZERO);
    for (number, row) in rows {
        let Some(size) = size(row) else {
            report.malformed(number, "a name, `file` or `partition`, and three numbers", row);
            total = None;
            continue;
        };
        let Some(sum) = total else { continue };
        total = sum.checked_add(size);
        if total.is_none() {
            report.malformed(number, "areas whose sum fits in 64 bits", row);
        }
    }
    total
}

/// The areas on zram in `/proc/swaps`, all together; `None` when there are none. Rows that
/// [`swaps`] complains about are passed over.
pub fn zram_swaps(text: &[u8]) -> Option<SwapUse> {
    let rows = lines(text).filter(|(_, row)| row.starts_with(b"/dev/zram"));
    rows.filter_map(|(_, row)| usage(row)).reduce(|a, b| SwapUse {
        size: a.size.saturating_add(b.size),
        used: a.used.saturating_add(b.used),
    })
}

fn size(row: &[u8]) -> Option<Bytes> {
    usage(row).map(|usage| usage.size)
}

/// `NAME TYPE SIZE USED PRIORITY`, sizes in KiB.
fn usage(row: &[u8]) -> Option<SwapUse> {
    let mut from_right = words(row).rev();
    let _priority = signed(from_right.next()?)?;
    let used = Bytes::from_kib(decimal(from_right.next()?)?)?;
    let size = Bytes::from_kib(decimal(from_right.next()?)?)?;
    matches!(from_right.next()?, b"file" | b"partition").then_some(())?;
    from_right.next()?;
    Some(SwapUse { size, used })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> (Option<Bytes>, Vec<String>) {
        let mut problems = Vec::new();
        let total = swaps(text, "swaps", &mut problems);
        (total, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn areas_on_zram_are_summed_apart() {
        let text = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
            /dev/zram0                              partition\t65532\t\t15160\t\t100\n\
            /dev/zram1                              partition\t1000\t\t40\t\t100\n\
            /dev/sda2                               partition\t999999\t\t1\t\t-2\n\
            /dev/zram2                              partition\tx\t\t1\t\t-2\n";
        let kib = |kib| Bytes::from_kib(kib).unwrap();
        assert_eq!(zram_swaps(text), Some(SwapUse { size: kib(66_532), used: kib(15_200) }));
        assert_eq!(zram_swaps(b"Filename\n/dev/sda2 partition 9 1 -2\n"), None);
    }

    const THREE: &[u8] = include_bytes!("../tests/data/6.18/swaps");

    #[test]
    fn areas_add_up_whatever_their_names() {
        assert_eq!(parse(THREE), (Bytes::from_kib(1_048_572 + 524_284 + 131_068), vec![]));
        assert_eq!(
            parse(include_bytes!("../tests/data/4.4/swaps")),
            (Bytes::from_kib(2_097_148), vec![])
        );
        let unescaped = b"Filename\tType\tSize\tUsed\tPriority\n\
            /a swap file 7 (deleted)                file\t\t64\t0\t-1\n";
        assert_eq!(parse(unescaped), (Bytes::from_kib(64), vec![]));
    }

    #[test]
    fn a_head_line_alone_is_no_swap() {
        assert_eq!(
            parse(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
            (Some(Bytes::ZERO), vec![])
        );
    }

    #[test]
    fn text_without_head_line_is_unknown() {
        for text in [&b""[..], b"\n", b"/dev/vda2 partition 1 0 -2\n"] {
            let (total, problems) = parse(text);
            assert_eq!((total, problems.len()), (None, 1));
        }
    }

    #[test]
    fn one_unreadable_area_makes_the_sum_unknown() {
        let mut text = THREE.to_vec();
        text.extend(b"/dev/vdb partition -5 0 -2\n");
        let (total, problems) = parse(&text);
        assert_eq!(total, None);
        assert_eq!(
            problems,
            ["swaps: line 5: expected a name, `file` or `partition`, and three numbers, \
              found /dev/vdb partition -5 0 -2"]
        );
        let mut text = THREE.to_vec();
        text.extend(b"/dev/vdb partition 18014398509481983 0 -2\n");
        let (total, problems) = parse(&text);
        assert_eq!((total, problems.len()), (None, 1));
    }

    #[test]
    fn a_cut_inside_a_line_makes_the_sum_unknown() {
        for cut in 0..THREE.len() {
            let (total, problems) = parse(&THREE[..cut]);
            if cut == 0 || THREE[cut - 1] != b'\n' {
                assert_eq!((total, problems.len()), (None, 1), "cut at {cut}");
            }
        }
    }
}
