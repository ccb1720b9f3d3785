//! `name:number` and `name:numberkB`, as the lines of `Mem-Info` hold them.

use crate::cursor::Cursor;

/// One figure of such a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `name:number` with the unit behind it, empty if there is none.
    Figure { name: &'a [u8], value: u64, unit: &'a [u8] },
    /// A number that 64 bits do not hold, or that is negative.
    Overflow { name: &'a [u8], text: &'a [u8] },
    /// `all_unreclaimable? yes`.
    Unreclaimable(bool),
}

/// Hands every figure to `each`, up to the first word that is none; the number of bytes understood.
pub(crate) fn tokens<'a>(text: &'a [u8], mut each: impl FnMut(Token<'a>)) -> usize {
    let mut cursor = Cursor::new(text);
    let mut done = 0;
    loop {
        cursor.blanks();
        let Some(token) = token(&mut cursor) else { return done };
        each(token);
        done = text.len() - cursor.rest.len();
    }
}

fn token<'a>(cursor: &mut Cursor<'a>) -> Option<Token<'a>> {
    if cursor.eat(b"all_unreclaimable?") {
        return match cursor.word() {
            b"yes" => Some(Token::Unreclaimable(true)),
            b"no" => Some(Token::Unreclaimable(false)),
            _ => None,
        };
    }
    let name = cursor.run(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'(' | b')' | b'-'));
    if name.is_empty() || !name[0].is_ascii_alphabetic() || !cursor.eat_after_blanks(b":") {
        return None;
    }
    cursor.blanks();
    let before = cursor.rest;
    let Some(value) = cursor.number() else {
        cursor.eat(b"-");
        let digits = cursor.run(|b| b.is_ascii_digit());
        if digits.is_empty() {
            return None;
        }
        let text = &before[..before.len() - cursor.rest.len()];
        unit(cursor)?;
        return Some(Token::Overflow { name, text });
    };
    Some(Token::Figure { name, value, unit: unit(cursor)? })
}

/// `kB`, `KB` or nothing, and then a blank or the end. Copying breaks even this word: `k B`.
fn unit<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let before = cursor.rest;
    let mut unit = cursor.run(|b| b.is_ascii_alphabetic());
    if matches!(unit, b"k" | b"K") && cursor.eat_after_blanks(b"B") {
        unit = b"kB";
    }
    if !matches!(unit, b"" | b"kB" | b"KB") {
        cursor.rest = before;
        return None;
    }
    if cursor.rest.first().is_none_or(u8::is_ascii_whitespace) {
        Some(unit)
    } else {
        cursor.rest = before;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_end_where_other_words_begin() {
        let mut seen = Vec::new();
        let text = b"isolated(file) :0kB mapped:12 all_unreclaimable? no   //  613 - x";
        let done = tokens(text, |token| seen.push(token));
        assert_eq!(&text[..done], b"isolated(file) :0kB mapped:12 all_unreclaimable? no");
        assert_eq!(
            seen,
            [
                Token::Figure { name: b"isolated(file)", value: 0, unit: b"kB" },
                Token::Figure { name: b"mapped", value: 12, unit: b"" },
                Token::Unreclaimable(false),
            ]
        );
    }

    #[test]
    fn a_cut_unit_is_not_understood() {
        assert_eq!(tokens(b"free:12kB min:34k", |_| {}), 9);
        assert_eq!(tokens(b"free:12>", |_| {}), 0);
    }
}
