//! Memory as a bar: what is taken is dark, what can be had is light.

use units::Bytes;

use crate::style::Style;

/// A bar of `columns` over `whole`, with `parts` in the order of [`crate::style::Signs::bar`].
///
/// Each part is as long as it is large; one that is not nothing gets a column at least, at the
/// expense of the longest. `None` when the whole is nothing.
pub(crate) fn bar(parts: [Bytes; 4], columns: usize, style: &Style) -> Option<String> {
    let signs = style.signs().bar;
    let lengths = lengths(parts, columns)?;
    Some(lengths.iter().zip(signs).map(|(&n, sign)| sign.repeat(n)).collect())
}

/// How long each part is; together they are `columns`. `None` when the whole is nothing.
pub(crate) fn lengths(parts: [Bytes; 4], columns: usize) -> Option<[usize; 4]> {
    let whole: u128 = parts.iter().map(|p| u128::from(p.get())).sum();
    if whole == 0 || columns < parts.len() {
        return None;
    }
    let mut lengths = [0; 4];
    let mut before = 0;
    let mut edge = 0;
    for (length, part) in lengths.iter_mut().zip(parts) {
        before += u128::from(part.get());
        let next =
            usize::try_from((before * columns as u128 + whole / 2) / whole).unwrap_or(columns);
        *length = next - edge;
        edge = next;
    }
    for i in 0..lengths.len() {
        if lengths[i] == 0 && parts[i] > Bytes::ZERO {
            let longest = (0..lengths.len()).max_by_key(|&j| lengths[j]).unwrap_or(0);
            lengths[longest] -= 1;
            lengths[i] = 1;
        }
    }
    Some(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Charset;

    fn drawn(parts: [u64; 4]) -> Option<String> {
        bar(
            parts.map(Bytes::new),
            10,
            &Style { width: None, charset: Charset::Ascii, color: false },
        )
    }

    #[test]
    fn parts_are_as_long_as_they_are_large() {
        assert_eq!(drawn([50, 10, 20, 20]).as_deref(), Some("#####+--.."));
        assert_eq!(drawn([0, 0, 0, 7]).as_deref(), Some(".........."));
    }

    #[test]
    fn a_part_that_is_not_nothing_is_seen() {
        assert_eq!(drawn([1, 1, 1, 10_000]).as_deref(), Some("#+-......."));
        assert_eq!(drawn([u64::MAX, 0, 0, 1]).as_deref(), Some("#########."));
    }

    #[test]
    fn nothing_has_no_bar() {
        assert_eq!(drawn([0; 4]), None);
    }
}
