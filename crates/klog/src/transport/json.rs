//! As much of JSON as a log line needs: the message of an object.

/// The message of a structured log line.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: Vec<u8>,
    pub(super) program: Option<Vec<u8>>,
}

/// Names under which log shippers keep the message, the most specific first.
const MESSAGES: [&[u8]; 6] = [b"MESSAGE", b"message", b"msg", b"log", b"textPayload", b"line"];
const PROGRAMS: [&[u8]; 4] = [b"SYSLOG_IDENTIFIER", b"appname", b"ident", b"program"];
/// Deeper objects are not looked into.
const DEEPEST: usize = 16;

/// The message in an object's top level.
pub(super) fn message(object: &[u8]) -> Option<Message> {
    let mut rest = object.strip_prefix(b"{")?;
    let mut best: Option<(usize, Vec<u8>)> = None;
    let mut program = None;
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        let Some(after) = rest.strip_prefix(b"\"") else { break };
        let (key, after) = string(after)?;
        rest = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, after) = value(rest)?;
        rest = after;
        let Some(value) = value else { continue };
        if let Some(rank) = MESSAGES.iter().position(|name| *name == key) {
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, value));
            }
        } else if PROGRAMS.contains(&&*key) {
            program = Some(value);
        }
    }
    best.map(|(_, text)| Message { text, program })
}

/// A string or an array of bytes, which is how journald writes what is not UTF-8; other values
/// are passed over.
fn value(text: &[u8]) -> Option<(Option<Vec<u8>>, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"\"") {
        return string(rest).map(|(value, rest)| (Some(value), rest));
    }
    if let Some(rest) = text.strip_prefix(b"[")
        && let Some(end) = memchr::memchr(b']', rest)
        && let Some(bytes) = bytes(&rest[..end])
    {
        return Some((Some(bytes), &rest[end + 1..]));
    }
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => {
                let (_, rest) = string(&text[at + 1..])?;
                at = text.len() - rest.len();
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > DEEPEST {
                    return None;
                }
            }
            b'}' | b']' | b',' if depth == 0 => break,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    Some((None, &text[at..]))
}

fn bytes(list: &[u8]) -> Option<Vec<u8>> {
    list.split(|&b| b == b',')
        .map(|item| crate::cursor::decimal(item.trim_ascii()).and_then(|n| u8::try_from(n).ok()))
        .collect()
}

/// The rest of a string after its first quote, and what follows its last.
pub(super) fn string(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest)?;
        out.extend_from_slice(&rest[..at]);
        if rest[at] == b'"' {
            return Some((out, &rest[at + 1..]));
        }
        let escape = *rest.get(at + 1)?;
        rest = &rest[at + 2..];
        match escape {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => {
                let (c, after) = unicode(rest)?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
            other => out.push(other),
        }
    }
}

fn unicode(text: &[u8]) -> Option<(char, &[u8])> {
    let unit = |text: &[u8]| {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let high = unit(text)?;
    let rest = &text[4..];
    if (0xd800..0xdc00).contains(&high)
        && let Some(second) = rest.strip_prefix(b"\\u")
        && let Some(low) = unit(second)
        && (0xdc00..0xe000).contains(&low)
    {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return Some((char::from_u32(code)?, &second[4..]));
    }
    Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_are_not_utf8_come_as_numbers() {
        let message = message(br#"{"n":[1,[2]],"MESSAGE":[77, 255],"x":null}"#).unwrap();
        assert_eq!(message.text, b"M\xff");
    }

    #[test]
    fn pairs_of_escapes_make_one_character() {
        assert_eq!(string(br#"\ud83d\ude00\ud83dx" y"#).unwrap().0, "😀\u{fffd}x".as_bytes());
    }

    #[test]
    fn a_cut_object_has_no_message() {
        for cut in
            [&b"{"[..], b"{\"message\":\"x", b"{\"message\"", b"{\"a\":[[[[[[[[[[[[[[[[[[[[["]
        {
            assert!(message(cut).is_none());
        }
    }
}
