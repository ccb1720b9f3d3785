//! The text of a scenario, and the places in it.
//!
//! Scenarios are KDL 2 with one liberty: a word that starts with a digit needs no quotes. KDL itself
//! takes `1MiB`, `6.1.192` and `08048000-08049000` for broken numbers. [`Source::quoted`] is the
//! text with quotes around such words, for the KDL parser; places it reports are mapped back.

use crate::problem::Problem;

/// Longest text of a scenario, in bytes. Programs that need more are made of loops.
pub const MAX_BYTES: usize = 4 << 20;

/// Deepest nesting of blocks and of comments.
pub const MAX_DEPTH: usize = 64;

/// A place in the text: bytes from `start` to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From `start`, `len` bytes.
    pub(crate) fn new(start: usize, len: usize) -> Span {
        Span { start, end: start.saturating_add(len) }
    }

    /// From the start of this one to the end of `other`.
    pub(crate) fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The text of a scenario with its name and where its lines start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    lines: Vec<usize>,
}

impl Source {
    /// A text, by the name it has in messages.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(at, _)| at + 1))
            .collect();
        Source { name: name.into(), text, lines }
    }

    /// The name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= byte).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..byte.min(self.text.len())).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// A line without its end, by its number from 1.
    pub fn line(&self, number: usize) -> &str {
        let start = number.checked_sub(1).and_then(|at| self.lines.get(at)).copied();
        let rest = start.and_then(|start| self.text.get(start..)).unwrap_or("");
        rest.split(['\n', '\r']).next().unwrap_or("")
    }

    /// What stands at a place.
    pub fn at(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// The text as KDL has it, with the places where quotes were put in.
    pub(crate) fn quoted(&self) -> Result<Quoted, Problem> {
        if self.text.len() > MAX_BYTES {
            return Err(Problem::new(
                Span::default(),
                format!("a scenario of {} bytes is too long", self.text.len()),
            )
            .label(format!("at most {MAX_BYTES} bytes are read")));
        }
        Lexer { text: &self.text, at: 0, depth: 0, out: Quoted::default(), copied: 0 }.run()
    }
}

/// The text for the KDL parser.
#[derive(Debug, Default)]
pub(crate) struct Quoted {
    pub(crate) text: String,
    /// Places in `text` of the quotes that the scenario does not have, rising.
    inserted: Vec<usize>,
}

impl Quoted {
    /// Where a place in [`Quoted::text`] is in the scenario.
    pub(crate) fn original(&self, offset: usize, len: usize) -> Span {
        let back = |at: usize| at - self.inserted.partition_point(|&quote| quote < at);
        Span { start: back(offset), end: back(offset.saturating_add(len)) }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    copied: usize,
    out: Quoted,
}

impl Lexer<'_> {
    fn run(mut self) -> Result<Quoted, Problem> {
        while let Some(c) = self.peek() {
            match c {
                '"' => self.string(),
                '#' if self.raw_string() => {}
                '/' if self.rest().starts_with("//") => self.line_comment(),
                '/' if self.rest().starts_with("/*") => self.block_comment()?,
                '{' => self.open()?,
                '}' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.at += 1;
                }
                c if ends_word(c) => self.at += c.len_utf8(),
                _ => self.word(),
            }
        }
        self.copy();
        Ok(self.out)
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Copies what was passed.
    fn copy(&mut self) {
        self.out.text.push_str(self.text.get(self.copied..self.at).unwrap_or(""));
        self.copied = self.at;
    }

    fn quote(&mut self) {
        self.copy();
        self.out.inserted.push(self.out.text.len());
        self.out.text.push('"');
    }

    fn open(&mut self) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::new(
                Span::new(self.at, 1),
                format!("blocks are nested more than {MAX_DEPTH} deep"),
            )
            .label("this one opens too deep"));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self) {
        let len = self.rest().find(ends_word).unwrap_or(self.rest().len());
        let word = self.rest().get(..len).unwrap_or("");
        let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            self.quote();
            self.at += len;
            self.quote();
        } else {
            self.at += len;
        }
    }

    fn string(&mut self) {
        let triple = self.rest().starts_with("\"\"\"");
        let fence = if triple { "\"\"\"" } else { "\"" };
        self.at += fence.len();
        while let Some(c) = self.peek() {
            if self.rest().starts_with(fence) {
                self.at += fence.len();
                return;
            }
            self.at += c.len_utf8();
            if c == '\\' {
                self.at += self.peek().map_or(0, char::len_utf8);
            } else if c == '\n' && !triple {
                return;
            }
        }
    }

    /// `#"…"#` and its relatives; whether there was one.
    fn raw_string(&mut self) -> bool {
        let hashes = self.rest().bytes().take_while(|&b| b == b'#').count();
        let quotes = self.rest().bytes().skip(hashes).take_while(|&b| b == b'"').count();
        if quotes == 0 {
            self.at += hashes;
            return true;
        }
        let quotes = if quotes >= 3 { 3 } else { 1 };
        let end = format!("{}{}", "\"".repeat(quotes), "#".repeat(hashes));
        self.at += hashes + quotes;
        self.at += self.rest().find(&end).map_or(self.rest().len(), |at| at + end.len());
        true
    }

    fn line_comment(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    fn block_comment(&mut self) -> Result<(), Problem> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
                if depth > MAX_DEPTH {
                    return Err(Problem::new(
                        Span::new(start, 2),
                        format!("comments are nested more than {MAX_DEPTH} deep"),
                    )
                    .label("in this comment"));
                }
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else {
                match self.peek() {
                    Some(c) => self.at += c.len_utf8(),
                    None => return Ok(()),
                }
            }
        }
    }
}

/// Characters that no bare word of KDL has.
fn ends_word(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '"' | '#' | '/' | '\\' | '{' | '}' | '(' | ')' | '[' | ']' | ';' | '=')
        || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        Source::new("t", text).quoted().unwrap().text
    }

    #[test]
    fn words_that_start_with_a_digit_get_quotes() {
        assert_eq!(quoted("mmap a 1MiB b=8KiB {x 3}"), "mmap a \"1MiB\" b=\"8KiB\" {x \"3\"}");
        assert_eq!(quoted("brk -4KiB +1 a-1 0x10"), "brk \"-4KiB\" \"+1\" a-1 \"0x10\"");
    }

    #[test]
    fn strings_and_comments_stay_as_they_are() {
        for text in [
            "a \"1MiB \\\" 2\" // 3MiB\n",
            "/* 1 /* 2 */ 3 */ a",
            "a #\"1 \" 2\"# b",
            "a \"\"\"\n1 \" 2\n\"\"\"",
            "a #true #-inf",
            "a \"1\n",
        ] {
            assert_eq!(quoted(text), text);
        }
    }

    #[test]
    fn places_are_mapped_back() {
        let text = "a 1MiB b 2 c";
        let quoted = Source::new("t", text).quoted().unwrap();
        for word in ["1MiB", "2", "c", "b"] {
            let with_quotes = format!("\"{word}\"");
            let (at, len) = match quoted.text.find(&with_quotes) {
                Some(at) => (at, with_quotes.len()),
                None => (quoted.text.find(word).unwrap(), word.len()),
            };
            let span = quoted.original(at, len);
            assert_eq!(&text[span.start..span.end], word);
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = "a {".repeat(MAX_DEPTH + 1);
        assert!(Source::new("t", deep).quoted().is_err());
        let comment = "/*".repeat(MAX_DEPTH + 1);
        assert!(Source::new("t", comment).quoted().is_err());
        assert!(Source::new("t", "a {".repeat(MAX_DEPTH)).quoted().is_ok());
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("t", "a\nbé c\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(6), (2, 4));
        assert_eq!(source.line(2), "bé c");
        assert_eq!(source.line(9), "");
    }
}
