//! What was done to single lines: quoting, string literals, JSON, newlines written as codes.

use std::borrow::Cow;

use super::json;

/// A line without what was put around it.
#[derive(Debug)]
pub(crate) struct Unwrapped<'a> {
    /// The line, or the lines it was made of; those after the first carry it on.
    pub(crate) text: Cow<'a, [u8]>,
    /// `text` holds newlines that were written as codes.
    pub(crate) several: bool,
    /// The program that a structured log names, if it names one.
    pub(crate) program: Option<Cow<'a, [u8]>>,
}

/// Takes off quote marks, a string literal's quotes, or the JSON around the message.
pub(crate) fn unwrap(line: &[u8]) -> Unwrapped<'_> {
    let mut text = line.trim_ascii();
    while let Some(rest) = text.strip_prefix(b">") {
        text = rest.trim_ascii_start();
    }
    // The arrow some publishers put before the rest of a line they wrapped.
    if let Some(rest) = text.strip_prefix("\u{21aa}".as_bytes()) {
        text = rest;
    }
    if text.starts_with(b"{")
        && text.ends_with(b"}")
        && let Some(message) = json::message(text)
    {
        let several = message.text.contains(&b'\n');
        let program = message.program.map(Cow::Owned);
        return Unwrapped { text: Cow::Owned(message.text), several, program };
    }
    let literal = text.strip_suffix(b",").unwrap_or(text);
    if literal.len() > 2 && literal.starts_with(b"\"") && literal.ends_with(b"\"") {
        let inner = json::string(&literal[1..]).map(|(inner, _)| inner);
        if let Some(inner) = inner {
            let several = inner.contains(&b'\n');
            return Unwrapped { text: Cow::Owned(inner), several, program: None };
        }
    }
    match newline_codes(text) {
        Some(lines) => Unwrapped { text: Cow::Owned(lines), several: true, program: None },
        None => Unwrapped { text: Cow::Borrowed(text), several: false, program: None },
    }
}

/// `#012`, `\x0a` and `\n` as newlines, but only in the records that the kernel prints with
/// newlines: the machine-wide counters and a memory cgroup's figures. Elsewhere they may be part
/// of a name.
fn newline_codes(text: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr2(b'#', b'\\', text)?;
    for code in [&b"#012"[..], b"\\x0a", b"\\n"] {
        let mut cuts = memchr::memmem::find_iter(text, code);
        let Some(first) = cuts.next() else { continue };
        let head = &text[..first];
        let counters = memchr::memmem::rfind(head, b"isolated_anon:").is_some()
            || memchr::memmem::rfind(head, b"unstable:").is_some()
            || memchr::memmem::rfind(head, b"ctive:").is_some()
            || head.ends_with(b"Mem-Info:");
        let figures = head.rsplit(u8::is_ascii_whitespace).next().is_some_and(|word| {
            !word.is_empty() && word.iter().all(u8::is_ascii_digit) && cuts.count() > 3
        });
        if counters || figures {
            let mut lines = Vec::with_capacity(text.len());
            let mut last = 0;
            for at in memchr::memmem::find_iter(text, code) {
                lines.extend_from_slice(&text[last..at]);
                lines.push(b'\n');
                last = at + code.len();
            }
            lines.extend_from_slice(&text[last..]);
            return Some(lines);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, text: &str) {
        assert_eq!(String::from_utf8_lossy(&unwrap(line.as_bytes()).text), text);
    }

    #[test]
    fn quotes_of_mails_and_literals_come_off() {
        check("> > [ 1.0] x", "[ 1.0] x");
        check(">>> kernel: x", "kernel: x");
        check("\t\t\"sh \\\"x\\\" invoked\",", "sh \"x\" invoked");
        check("\u{21aa}gfp_mask=0xd0", "gfp_mask=0xd0");
    }

    #[test]
    fn a_name_may_hold_the_code_of_a_newline() {
        check("[ 12] 0 12 1 1 0 0 0 a#012b", "[ 12] 0 12 1 1 0 0 0 a#012b");
        check("active_anon:1 isolated_anon:0#012 free:1", "active_anon:1 isolated_anon:0\n free:1");
    }

    #[test]
    fn json_gives_its_message() {
        let line = br#"{"a":{"MESSAGE":"no"},"SYSLOG_IDENTIFIER":"kernel","MESSAGE":"Mem-Info:"}"#;
        let unwrapped = unwrap(line);
        assert_eq!(&*unwrapped.text, b"Mem-Info:");
        assert_eq!(unwrapped.program.as_deref(), Some(&b"kernel"[..]));
    }
}
