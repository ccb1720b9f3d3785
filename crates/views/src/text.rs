//! Columns of text: measuring, cutting, padding, wrapping. Escape sequences of colours count
//! nothing; there can be no others, since everything from outside is escaped.

use unicode_width::UnicodeWidthChar;

/// Columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    let mut columns = 0;
    let mut in_sequence = false;
    for c in text.chars() {
        match c {
            '\x1b' => in_sequence = true,
            'm' if in_sequence => in_sequence = false,
            _ if in_sequence => {}
            c => columns += c.width().unwrap_or(0),
        }
    }
    columns
}

/// `text` (without colours) in at most `columns`, ended by `sign` where something was cut off.
pub(crate) fn cut(text: &str, columns: usize, sign: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(sign));
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        out.push(c);
    }
    out.push_str(sign);
    out
}

/// `text` (without colours) in at most `columns`, begun by `sign` where something was cut off.
pub(crate) fn cut_front(text: &str, columns: usize, sign: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(sign));
    let mut used = 0;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        start = at;
    }
    format!("{sign}{}", &text[start..])
}

/// `text` padded on the right.
pub(crate) fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// `text` padded on the left.
pub(crate) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Lines of at most `columns`, broken at spaces; a word longer than that is broken where it must.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for mut word in words(text) {
        let needed = width(&word);
        if used > 0 && used + 1 + needed > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        while used == 0 && width(&word) > columns && !word.contains('\x1b') {
            let head = cut(&word, columns, "");
            if head.is_empty() {
                break;
            }
            word = word.split_off(head.len());
            lines.push(head);
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        used += width(&word);
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// Words, a number with all its digits and together with its unit.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match words.last_mut() {
            Some(last)
                if last.ends_with(|c: char| c.is_ascii_digit())
                    && (is_unit(word) || is_group(last, word)) =>
            {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Whether three more digits of `before` follow: `1 234`.
fn is_group(before: &str, word: &str) -> bool {
    let digits = word.trim_end_matches([',', ';', '.', ':', ')']);
    let last = before.rsplit(' ').next().unwrap_or(before).trim_start_matches(['(', '-', '+']);
    digits.len() == 3
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=3).contains(&last.len())
        && last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches([',', ';', '.', ':', ')']);
    matches!(
        word,
        "B" | "KiB" | "MiB" | "GiB" | "TiB" | "PiB" | "EiB" | "%" | "s" | "min" | "h" | "d"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_no_columns_and_wide_characters_take_two() {
        assert_eq!(width("\x1b[1mab\x1b[0m"), 2);
        assert_eq!(width("数据"), 4);
        assert_eq!(width("e\u{301}"), 1);
    }

    #[test]
    fn a_cut_text_never_exceeds_its_columns() {
        assert_eq!(cut("abcdef", 6, "…"), "abcdef");
        assert_eq!(cut("abcdefg", 6, "…"), "abcde…");
        assert_eq!(cut("数据库", 4, "…"), "数…");
        assert_eq!(cut("abc", 0, ""), "");
    }

    #[test]
    fn a_text_cut_in_front_keeps_its_end() {
        assert_eq!(cut_front("abcdef", 6, "…"), "abcdef");
        assert_eq!(cut_front("abcdefg", 6, "…"), "…cdefg");
        assert_eq!(cut_front("数据库", 4, "…"), "…库");
        assert_eq!(cut_front("abc", 0, ""), "");
    }

    #[test]
    fn lines_break_at_spaces_and_inside_words_that_are_too_long() {
        assert_eq!(wrap("one two three", 9), ["one two", "three"]);
        assert_eq!(wrap("see /a/very/long/path now", 10), ["see", "/a/very/lo", "ng/path", "now"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("free of 1.5 GiB, 31 % left", 10), ["free of", "1.5 GiB,", "31 % left"]);
        assert_eq!(wrap("in all (12 345 678) of", 12), ["in all", "(12 345 678)", "of"]);
        assert_eq!(wrap("pid 1665 318 of", 8), ["pid 1665", "318 of"]);
    }
}
