//! What stands before a call on its line: who, when, where.

/// A line without its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Who, if the line says so.
    pub(crate) pid: Option<u32>,
    pub(crate) rest: &'a str,
}

/// Takes off `[pid 123] ` or `123 ` (each perhaps with `<name>`), times of `-t`, `-tt`, `-ttt` and
/// `-r`, `[00007f…]` of `-i` and `[ 9]` of `-n`.
pub(crate) fn split(line: &str) -> Line<'_> {
    let mut rest = line.trim_start();
    let mut pid = None;
    // The name of a call, as most lines begin.
    if rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        return Line { pid, rest: rest.trim_end() };
    }
    if let Some(inner) = rest.strip_prefix("[pid ")
        && let Some((number, after)) = inner.split_once(']')
        && let Some(number) = leading_pid(number.trim())
    {
        (pid, rest) = (Some(number), after.trim_start());
    } else if let Some((number, after)) = leading(rest) {
        (pid, rest) = (Some(number), after);
    }
    loop {
        rest = rest.trim_start();
        // `-tt -r`: `12:00:00.5 (+     0.000081)`.
        if let Some(inner) = rest.strip_prefix("(+")
            && let Some((time, after)) = inner.split_once(')')
            && is_time(time.trim())
        {
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('[')
            && let Some((word, after)) = inner.split_once(']')
            && after.starts_with(' ')
            && !word.trim().is_empty()
            && word.trim().bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'?')
        {
            rest = after;
        } else if let Some((word, after)) = word(rest)
            && is_time(word)
        {
            rest = after;
        } else {
            return Line { pid, rest: rest.trim_end() };
        }
    }
}

fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(' ')?;
    Some((&text[..end], text[end..].trim_start()))
}

/// `123 ` or `123<gdb worker> ` at the beginning.
fn leading(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at(digits);
    let after = match after.strip_prefix('<') {
        Some(name) => name.split_once("> ")?.1,
        None => after.strip_prefix(' ')?,
    };
    Some((number.parse().ok()?, after.trim_start()))
}

/// `123` or `123<bash>`.
fn leading_pid(word: &str) -> Option<u32> {
    let number = match word.split_once('<') {
        Some((number, name)) if name.ends_with('>') => number,
        Some(_) => return None,
        None => word,
    };
    if number.bytes().all(|byte| byte.is_ascii_digit()) { number.parse().ok() } else { None }
}

/// `12:00:00`, `12:00:00.123456`, `1795183112.446022`, `0.000123`.
fn is_time(word: &str) -> bool {
    !word.is_empty()
        && word.contains([':', '.'])
        && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, pid: Option<u32>) {
        assert_eq!(split(line), Line { pid, rest: "brk(NULL) = 0x1" }, "{line}");
    }

    #[test]
    fn every_kind_of_prefix_is_taken_off() {
        check("brk(NULL) = 0x1", None);
        check("[pid 18873] brk(NULL) = 0x1", Some(18873));
        check("[pid   873] brk(NULL) = 0x1", Some(873));
        check("[pid 873<bash>] 12:00:01 brk(NULL) = 0x1", Some(873));
        check("18873 brk(NULL) = 0x1", Some(18873));
        check("18873<sh> brk(NULL) = 0x1", Some(18873));
        check("18873<gdb worker> brk(NULL) = 0x1", Some(18873));
        check("873   13:58:32.410897 brk(NULL) = 0x1", Some(873));
        check("13:58:32 brk(NULL) = 0x1", None);
        check("1795183112.446022 brk(NULL) = 0x1", None);
        check("     0.000123 brk(NULL) = 0x1", None);
        check("7 13:58:32.4 (+     0.000123) brk(NULL) = 0x1", Some(7));
        check("[00007f3a12b45c07] brk(NULL) = 0x1", None);
        check("7 12:00:01 [  12] [00007f3a12b45c07] brk(NULL) = 0x1", Some(7));
    }
}
