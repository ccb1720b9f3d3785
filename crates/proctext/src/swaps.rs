//! `/proc/swaps`.

use facts::Missing;
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
        let size = size(row);
        if size.is_none() {
            report.malformed(number, "a name, `file` or `partition`, and three numbers", row);
        }
        total = total.zip(size).and_then(|(total, size)| total.checked_add(size));
    }
    total
}

/// `NAME TYPE SIZE USED PRIORITY`, sizes in KiB.
fn size(row: &[u8]) -> Option<Bytes> {
    let mut from_right = words(row).rev();
    let _priority = signed(from_right.next()?)?;
    let _used = decimal(from_right.next()?)?;
    let size = Bytes::from_kib(decimal(from_right.next()?)?)?;
    matches!(from_right.next()?, b"file" | b"partition").then_some(())?;
    from_right.next()?;
    Some(size)
}
