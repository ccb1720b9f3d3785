//! From characters to nodes.

use super::string::{self, is_newline, is_space};
use super::{Node, Text, joined};
use crate::problem::Problem;
use crate::source::{MAX_DEPTH, Span};

/// Reads a text from front to back, once.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    problems: &'a mut Vec<Problem>,
    /// Whether it was said why blocks end with the text.
    cut: bool,
}

/// The rest of a line cannot be read; what is wrong was said.
pub(super) struct Skip;

/// What stands in a node behind its name.
enum Entry {
    Arg(Text),
    Prop(Text, Text),
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, problems: &'a mut Vec<Problem>) -> Reader<'a> {
        Reader { text, at: 0, problems, cut: false }
    }

    pub(super) fn document(mut self) -> Vec<Node> {
        if self.rest().starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
        }
        let mut nodes = Vec::new();
        loop {
            nodes.extend(self.nodes(0));
            if self.peek().is_none() {
                return nodes;
            }
            // Only a brace ends a list of nodes before its time.
            let span = Span::new(self.at, 1);
            self.say(
                Problem::new(span, "this brace closes nothing").label("no block is open here"),
            );
            self.at += 1;
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.text.len());
    }

    pub(super) fn say(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Says what is wrong here; the rest of the line is for the caller to skip.
    pub(super) fn wrong<T>(&mut self, span: Span, message: &str, label: &str) -> Result<T, Skip> {
        self.say(Problem::new(span, message).label(label));
        Err(Skip)
    }

    /// The character here as a place.
    fn here(&self) -> Span {
        Span::new(self.at, self.peek().map_or(0, char::len_utf8))
    }

    /// Nodes up to the end of the text, or to a brace that closes, which is not passed.
    fn nodes(&mut self, depth: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        loop {
            if self.space(true).is_err() {
                self.skip_line();
                continue;
            }
            match self.peek() {
                None | Some('}') => return nodes,
                Some(';') => self.at += 1,
                Some(_) => {
                    let taken_out = self.slashdash();
                    match self.node(depth) {
                        Ok(node) if !taken_out => nodes.push(node),
                        Ok(_) => {}
                        Err(Skip) => self.skip_line(),
                    }
                }
            }
        }
    }

    /// `/-`, and the space behind it.
    fn slashdash(&mut self) -> bool {
        let found = self.rest().starts_with("/-");
        if found {
            self.at += 2;
            // What is wrong with that space is found again by who reads on.
            let _ = self.space(true);
        }
        found
    }

    fn node(&mut self, depth: usize) -> Result<Node, Skip> {
        self.no_annotation()?;
        let Some(name) = self.string()? else {
            let here = self.here();
            return self.wrong(here, "expected a word", "no word starts like this");
        };
        let mut span = name.span;
        let mut args = Vec::new();
        let mut props = Vec::new();
        let mut children = None;
        loop {
            let before = self.at;
            self.space(false)?;
            match self.peek() {
                None | Some(';' | '}') => break,
                Some(c) if is_newline(c) => break,
                Some(_) => {}
            }
            let taken_out = self.slashdash();
            if self.peek() == Some('{') {
                let block = self.block(depth)?;
                if !taken_out && children.replace(block).is_some() {
                    let here = Span::new(before, 1);
                    return self.wrong(here, "a second block", "a word has one block at most");
                }
                continue;
            }
            if children.is_some() && !taken_out {
                let here = self.here();
                return self.wrong(
                    here,
                    "something stands behind a block",
                    "expected the end of the line or `;`",
                );
            }
            if before == self.at {
                let here = self.here();
                return self.wrong(here, "two words without space between", "the second one");
            }
            match self.entry()? {
                _ if taken_out => {}
                Entry::Arg(word) => {
                    span = span.to(word.span);
                    args.push(word);
                }
                Entry::Prop(key, value) => {
                    span = span.to(value.span);
                    props.push((key, value));
                }
            }
        }
        Ok(Node { name, args: joined(args), props, children, span })
    }

    fn block(&mut self, depth: usize) -> Result<Vec<Node>, Skip> {
        let open = self.here();
        if depth >= MAX_DEPTH {
            self.say(
                Problem::new(open, format!("blocks are nested more than {MAX_DEPTH} deep"))
                    .label("this one opens too deep"),
            );
            // Nothing below can be made sense of.
            self.cut = true;
            self.at = self.text.len();
            return Err(Skip);
        }
        self.at += 1;
        let nodes = self.nodes(depth + 1);
        if self.peek() == Some('}') {
            self.at += 1;
        } else if !self.cut {
            self.cut = true;
            self.say(Problem::new(open, "this block is never closed").label("opens here"));
        }
        Ok(nodes)
    }

    fn entry(&mut self) -> Result<Entry, Skip> {
        self.no_annotation()?;
        let Some(word) = self.string()? else {
            let here = self.here();
            return self.wrong(here, "expected a word", "no word starts like this");
        };
        if self.peek() != Some('=') {
            return Ok(Entry::Arg(word));
        }
        self.at += 1;
        self.no_annotation()?;
        if let Some(value) = self.string()? {
            return Ok(Entry::Prop(word, value));
        }
        let span = word.span.to(Span::new(self.at, 0));
        self.wrong(span, &format!("`{}=` lacks its value", word.text), "expected a value")
    }

    fn no_annotation(&mut self) -> Result<(), Skip> {
        if self.peek() != Some('(') {
            return Ok(());
        }
        let len = self.rest().find([')', '\n']).map_or(1, |end| end + 1);
        let span = Span::new(self.at, len);
        self.say(
            Problem::new(span, "scenarios have no type annotations")
                .label("this one says nothing")
                .help("sizes carry their unit: `1MiB`, `8 KiB`, `3 pages`"),
        );
        Err(Skip)
    }

    /// A word, with quotes or without.
    fn string(&mut self) -> Result<Option<Text>, Skip> {
        let start = self.at;
        let rest = self.rest();
        if rest.starts_with('"') {
            let text = string::quoted(self)?;
            return Ok(Some(self.text_from(start, text)));
        }
        if rest.starts_with('#') {
            let hashes = rest.bytes().take_while(|&b| b == b'#').count();
            if rest.as_bytes().get(hashes) == Some(&b'"') {
                let text = string::raw(self, hashes)?;
                return Ok(Some(self.text_from(start, text)));
            }
            let word = rest.get(1..).and_then(|rest| rest.get(..string::bare(rest)));
            let span = Span::new(start, 1 + word.map_or(0, str::len));
            self.say(
                Problem::new(span, "no word takes true, false or null")
                    .label("a value of KDL that scenarios do not have")
                    .help("options are said by naming them, and left out otherwise"),
            );
            return Err(Skip);
        }
        let len = string::bare(rest);
        if len == 0 {
            return Ok(None);
        }
        let word = rest.get(..len).unwrap_or("");
        let span = Span::new(start, len);
        if matches!(word, "true" | "false" | "null" | "inf" | "-inf" | "nan") {
            return self.wrong(
                span,
                &format!("`{word}` is no word"),
                "KDL keeps this one for itself",
            );
        }
        self.at += len;
        Ok(Some(Text { text: word.to_owned(), span, quoted: false }))
    }

    fn text_from(&self, start: usize, text: String) -> Text {
        Text { text, span: Span { start, end: self.at }, quoted: true }
    }

    /// Passes space and comments; with `lines`, ends of lines as well.
    fn space(&mut self, lines: bool) -> Result<(), Skip> {
        loop {
            let rest = self.rest();
            match self.peek() {
                Some(c) if is_space(c) || (lines && is_newline(c)) => self.at += c.len_utf8(),
                Some('/') if rest.starts_with("//") => {
                    self.at += rest.find(is_newline).unwrap_or(rest.len());
                }
                Some('/') if rest.starts_with("/*") => self.comment()?,
                Some('\\') => self.continued()?,
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), Skip> {
        let open = Span::new(self.at, 2);
        let mut depth = 0usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
                if depth > MAX_DEPTH {
                    self.cut = true;
                    self.at = self.text.len();
                    return self.wrong(
                        open,
                        &format!("comments are nested more than {MAX_DEPTH} deep"),
                        "in this comment",
                    );
                }
            } else if rest.starts_with("*/") {
                depth = depth.saturating_sub(1);
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else if let Some(c) = rest.chars().next() {
                self.at += c.len_utf8();
            } else {
                self.cut = true;
                return self.wrong(open, "this comment is never closed", "opens here");
            }
        }
    }

    /// A `\` goes on in the next line; a comment may stand behind it.
    fn continued(&mut self) -> Result<(), Skip> {
        self.at += 1;
        loop {
            let rest = self.rest();
            match self.peek() {
                None => return Ok(()),
                Some(c) if is_newline(c) => {
                    self.at += if rest.starts_with("\r\n") { 2 } else { c.len_utf8() };
                    return Ok(());
                }
                Some(c) if is_space(c) => self.at += c.len_utf8(),
                Some('/') if rest.starts_with("//") => {
                    self.at += rest.find(is_newline).unwrap_or(rest.len());
                }
                Some('/') if rest.starts_with("/*") => self.comment()?,
                Some(_) => {
                    let here = self.here();
                    return self.wrong(
                        here,
                        "something stands behind a `\\`",
                        "the line goes on below; only a comment may stand here",
                    );
                }
            }
        }
    }

    /// Passes the rest of a line that cannot be read, but no brace: blocks stay what they are.
    fn skip_line(&mut self) {
        let start = self.at;
        let rest = self.rest();
        self.at += rest.find(|c| is_newline(c) || c == '}').unwrap_or(rest.len());
        // A brace that opens in what was skipped closes there as well, or below.
        let skipped = self.text.get(start..self.at).unwrap_or("");
        if skipped.contains('{') && self.peek() == Some('}') {
            self.at += 1;
        }
    }
}
