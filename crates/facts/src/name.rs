//! Names that come from outside and may contain anything.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// A name from outside: a process's `comm`, a path, a cgroup, a user. Any bytes but NUL.
///
/// Printing it (`{}`), in text and in JSON, escapes what could move a cursor or break a line:
/// control characters, bytes that are not UTF-8, invisible and direction-changing characters, and
/// the backslash itself, as `\n`, `\x1b`, `\u{202e}`, `\\`. So the printed form is lossless.
#[derive(Clone, JsonSchema)]
#[schemars(with = "String")]
pub struct Name(Kept);

/// As many bytes as make a name no larger than it is without them: every `comm` has fewer.
const SHORT: usize = 22;

/// Where a name's bytes are: there are many names, and most of them are short or parts of a log.
#[derive(Clone)]
enum Kept {
    Here { length: u8, bytes: [u8; SHORT] },
    Alone(Box<[u8]>),
    Within { text: Arc<Vec<u8>>, from: u32, length: u32 },
}

impl Name {
    /// A name from the bytes the kernel gave.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Name(Kept::here(&bytes).unwrap_or_else(|| Kept::Alone(bytes.into_boxed_slice())))
    }

    /// A name from the bytes the kernel gave, which are copied.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Name(Kept::here(bytes).unwrap_or_else(|| Kept::Alone(bytes.into())))
    }

    /// The bytes at these places of a text, which is kept as long as the name is; those that are in
    /// it.
    pub fn within(text: &Arc<Vec<u8>>, range: Range<usize>) -> Self {
        let end = range.end.min(text.len());
        let bytes = text.get(range.start..end).unwrap_or_default();
        let kept = Kept::here(bytes).or_else(|| {
            let (from, length) = (range.start.try_into().ok()?, bytes.len().try_into().ok()?);
            Some(Kept::Within { text: Arc::clone(text), from, length })
        });
        Name(kept.unwrap_or_else(|| Kept::Alone(bytes.into())))
    }

    /// The bytes as they were.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kept::Here { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Kept::Alone(bytes) => bytes,
            Kept::Within { text, from, length } => {
                let from = *from as usize;
                text.get(from..from.saturating_add(*length as usize)).unwrap_or_default()
            }
        }
    }

    /// The name as text that is safe on a terminal; see [`Name`].
    pub fn escaped(&self) -> Cow<'_, str> {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) if !text.chars().any(must_escape) => Cow::Borrowed(text),
            _ => Cow::Owned(self.escape()),
        }
    }

    fn escape(&self) -> String {
        let mut out = String::with_capacity(self.as_bytes().len() + 8);
        for chunk in self.as_bytes().utf8_chunks() {
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

impl Kept {
    fn here(bytes: &[u8]) -> Option<Kept> {
        let length =
            u8::try_from(bytes.len()).ok().filter(|length| usize::from(*length) <= SHORT)?;
        let mut here = [0; SHORT];
        here.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Kept::Here { length, bytes: here })
    }
}

impl Default for Name {
    fn default() -> Self {
        Name::copy_of(b"")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
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
        Name::copy_of(text.as_bytes())
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
    fn a_name_is_its_bytes_wherever_they_are_kept() {
        let text = Arc::new((0..=255).collect::<Vec<u8>>());
        for length in [0, 1, 15, SHORT, SHORT + 1, 200] {
            let bytes = &text[7..7 + length];
            let all = [
                Name::new(bytes),
                Name::copy_of(bytes),
                Name::within(&text, 7..7 + length),
                Name::within(&Arc::new(bytes.to_vec()), 0..length),
            ];
            for name in &all {
                assert_eq!((name.as_bytes(), name), (bytes, &all[0]));
                assert_eq!(name.cmp(&Name::from("\u{8}")), bytes.cmp(b"\x08"));
            }
        }
        assert_eq!(Name::within(&text, 250..300).as_bytes(), &text[250..]);
        assert_eq!(Name::within(&text, 300..310), Name::default());
        assert_eq!(size_of::<Name>(), 24);
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
