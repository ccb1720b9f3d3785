//! Arguments of a call, apart.

/// `NAME(ARGS…) = RESULT`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: Vec<&'a str>,
    /// What follows the closing bracket and `=`; `None` when the line ends before.
    pub(crate) result: Option<&'a str>,
}

/// Takes a line apart; `None` when it is no call.
pub(crate) fn parts(text: &str) -> Option<Parts<'_>> {
    let open = text.find('(')?;
    let name = &text[..open];
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(word) || name.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let inner = &text[open + 1..];
    let (args, rest) = split(inner);
    let result = rest.and_then(|rest| rest.trim_start().strip_prefix('='));
    Some(Parts { name, args, result: result.map(str::trim) })
}

/// The arguments up to the bracket that closes them, and what follows it.
fn split(inner: &str) -> (Vec<&str>, Option<&str>) {
    let bytes = inner.as_bytes();
    let mut args = Vec::new();
    let (mut start, mut at, mut depth) = (0, 0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = inner[at..].find("*/").map_or(bytes.len(), |end| at + end + 1);
            }
            // A path of `-y` begins right behind its descriptor.
            b'<' if at > 0
                && bytes[at - 1].is_ascii_alphanumeric()
                && bytes.get(at + 1) != Some(&b'<') =>
            {
                at = end_of_path(bytes, at);
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' if depth == 0 => {
                push(&mut args, &inner[start..at]);
                return (args, Some(&inner[at + 1..]));
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                push(&mut args, &inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    push(&mut args, inner.get(start..).unwrap_or_default());
    (args, None)
}

fn push<'a>(args: &mut Vec<&'a str>, arg: &'a str) {
    let arg = arg.trim();
    if !arg.is_empty() {
        args.push(arg);
    }
}

/// The quote that ends the string which begins at `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The bracket that ends a path; sockets have arrows and brackets inside (`3<TCP:[1->2]>`).
fn end_of_path(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'<' => depth += 1,
            b'>' if bytes[at - 1] != b'-' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

/// An argument without its name (`-N`) and without comments.
pub(crate) fn bare(arg: &str) -> &str {
    if !arg.bytes().any(|byte| byte == b'/' || byte == b'=') {
        return arg.trim();
    }
    let arg = arg.split_once("/*").map_or(arg, |(value, _)| value).trim();
    match arg.split_once('=') {
        Some((name, value))
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
                && !name.as_bytes()[0].is_ascii_digit() =>
        {
            value.trim()
        }
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_quotes_comments_and_paths_hide_commas() {
        let parts = parts(
            r#"x("a,(\")", [1, 2], {a=1, b=f(2, 3)}, 3</tmp/a,b)>, 0x1 /* A, B) */, 4) = 7 <0.1>"#,
        )
        .unwrap();
        assert_eq!(parts.name, "x");
        assert_eq!(
            parts.args,
            [r#""a,(\")""#, "[1, 2]", "{a=1, b=f(2, 3)}", "3</tmp/a,b)>", "0x1 /* A, B) */", "4"]
        );
        assert_eq!(parts.result, Some("7 <0.1>"));
    }

    #[test]
    fn a_call_that_does_not_end_has_no_result() {
        assert_eq!(parts("brk(0x1").unwrap().result, None);
        assert_eq!(parts("brk(0x1)").unwrap().result, None);
        assert_eq!(parts("hello world"), None);
        assert_eq!(parts("9x(1) = 2"), None);
    }

    #[test]
    fn shifts_are_no_paths() {
        assert_eq!(parts("m(21<<MAP_HUGE_SHIFT, 2) = 1").unwrap().args.len(), 2);
    }

    #[test]
    fn names_of_arguments_are_left_out() {
        assert_eq!(bare("addr=NULL"), "NULL");
        assert_eq!(bare("0x3 /* PROT_READ */"), "0x3");
        assert_eq!(bare("\"a=b\""), "\"a=b\"");
    }
}
