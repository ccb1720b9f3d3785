//! Names that come from outside and may contain anything.

use std::borrow::Cow;
use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A name from outside: a process's `comm`, a path, a cgroup, a user. Any bytes but NUL.
///
/// Printing it (`{}`), in text and in JSON, escapes what could move a cursor or break a line:
/// control characters, bytes that are not UTF-8, invisible and direction-changing characters, and
/// the backslash itself, as `\n`, `\x1b`, `\u{202e}`, `\\`. So the printed form is lossless.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, JsonSchema)]
#[schemars(with = "String")]
pub struct Name(Box<[u8]>);

impl Name {
    /// A name from the bytes the kernel gave.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Name(bytes.into().into_boxed_slice())
    }

    /// The bytes as they were.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as text that is safe on a terminal; see [`Name`].
    pub fn escaped(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.chars().any(must_escape) => Cow::Borrowed(text),
            _ => Cow::Owned(self.escape()),
        }
    }

    fn escape(&self) -> String {
        let mut out = String::with_capacity(self.0.len() + 8);
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\t' => out.push_str("\\t"),
                    '\r' => out.push_str("\\r"),
                    c if c.is_ascii() && must_escape(c) => {
                        let _ = write!(out, "\\x{:02x}", u32::from(c));
                    }
                    c if must_escape(c) => {
                        let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
                    }
                    c => out.push(c),
                }
            }
            for byte in chunk.invalid() {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
        out
    }
}

/// Characters that move the cursor, hide, or reorder what follows them; and the escape itself.
fn must_escape(c: char) -> bool {
    c == '\\'
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Name::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.escaped())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escaped())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.escaped())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass_unchanged_without_allocating() {
        let name = Name::from("Web Content (müsli)");
        assert!(matches!(name.escaped(), Cow::Borrowed("Web Content (müsli)")));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let name = Name::new(&b"a\x1b[2Jb\nc\\d\xffe\xc2\x9b"[..]);
        assert_eq!(name.to_string(), r"a\x1b[2Jb\nc\\d\xffe\u{9b}");
    }

    #[test]
    fn direction_overrides_are_shown_as_what_they_are() {
        assert_eq!(Name::from("evil\u{202e}gpj").to_string(), r"evil\u{202e}gpj");
    }
}
