//! Foreign text on its way to a terminal or a script.

/// Text in which every character that could move the cursor, break a line or hide what follows is a
/// `?`, and so is every byte that is not UTF-8. As many columns as before.
pub(crate) fn printable(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        out.extend(chunk.valid().chars().map(|c| if is_unsafe(c) { '?' } else { c }));
        out.extend(chunk.invalid().iter().map(|_| '?'));
    }
    out
}

/// What the kernel prints in ASCII, with a `?` for each byte that it would not print.
pub(crate) fn ascii(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| if matches!(byte, b' '..=b'~') { byte } else { b'?' }).collect()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_becomes_a_question_mark() {
        assert_eq!(printable("a\n\x1b[2J\u{202e}ü".as_bytes()), "a??[2J?ü");
        assert_eq!(printable(b"\xff\xfe."), "??.");
    }
}
