//! Strings of KDL 2: bare words, quoted, raw, and over several lines.

use super::reader::{Reader, Skip};
use crate::source::Span;

/// Ends a line.
pub(super) fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Space within a line.
pub(super) fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// How many bytes the bare word at the start has.
pub(super) fn bare(text: &str) -> usize {
    text.find(|c: char| {
        is_newline(c)
            || is_space(c)
            || c.is_control()
            || matches!(c, '"' | '#' | '/' | '\\' | '{' | '}' | '(' | ')' | '[' | ']' | ';' | '=')
            || matches!(c, '\u{feff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
    .unwrap_or(text.len())
}

/// A string in quotes, on one line or between three on several.
pub(super) fn quoted(reader: &mut Reader<'_>) -> Result<String, Skip> {
    if reader.rest().starts_with("\"\"\"") {
        return lines(reader, "\"\"\"", 3, true);
    }
    let start = reader.place();
    reader.advance(1);
    let mut out = String::new();
    while let Some(c) = reader.peek() {
        match c {
            '"' => {
                reader.advance(1);
                return Ok(out);
            }
            '\\' => escape(reader, &mut out)?,
            c if is_newline(c) => break,
            c => {
                out.push(c);
                reader.advance(c.len_utf8());
            }
        }
    }
    let span = Span { start, end: reader.place() };
    reader.wrong(span, "this text is never closed", "a quote is missing at its end")
}

/// `#"…"#`, in which nothing is escaped.
pub(super) fn raw(reader: &mut Reader<'_>, hashes: usize) -> Result<String, Skip> {
    let fence = "#".repeat(hashes);
    let triple = reader.rest().get(hashes..).is_some_and(|rest| rest.starts_with("\"\"\""));
    if triple {
        return lines(reader, &format!("\"\"\"{fence}"), hashes + 3, false);
    }
    let start = reader.place();
    reader.advance(hashes + 1);
    let rest = reader.rest();
    let line = rest.find(is_newline).unwrap_or(rest.len());
    let line = rest.get(..line).unwrap_or("");
    let close = format!("\"{fence}");
    if let Some(end) = line.find(&close) {
        reader.advance(end + close.len());
        return Ok(line.get(..end).unwrap_or("").to_owned());
    }
    reader.advance(line.len());
    let span = Span { start, end: reader.place() };
    reader.wrong(span, "this text is never closed", "a quote is missing at its end")
}

/// Text over several lines: the first line break and the space that stands before the closing
/// quotes, in every line, are no part of it.
fn lines(reader: &mut Reader<'_>, close: &str, open: usize, escapes: bool) -> Result<String, Skip> {
    let start = reader.place();
    let opens = Span::new(start, open);
    reader.advance(open);
    if !reader.peek().is_some_and(is_newline) {
        return reader.wrong(
            opens,
            "three quotes start a text of several lines",
            "its first line is the one below",
        );
    }
    let rest = reader.rest();
    let Some(end) = end_of(rest, close, escapes) else {
        reader.advance(rest.len());
        return reader.wrong(opens, "this text is never closed", "opens here");
    };
    let inside = rest.get(..end).unwrap_or("").replace("\r\n", "\n");
    reader.advance(end + close.len());
    let all: Vec<&str> = inside.split(is_newline).collect();
    let (Some(indent), Some(body)) = (all.last(), all.get(1..all.len().saturating_sub(1))) else {
        return Ok(String::new());
    };
    if !indent.chars().all(is_space) {
        let span = Span::new(reader.place().saturating_sub(close.len()), close.len());
        return reader.wrong(
            span,
            "the quotes that close a text of several lines stand alone",
            "put them in a line of their own",
        );
    }
    let mut out = Vec::new();
    for line in body {
        match line.strip_prefix(indent) {
            Some(line) => out.push(line),
            None if line.chars().all(is_space) => out.push(""),
            None => {
                return reader.wrong(
                    opens,
                    "a line is indented less than the quotes that close the text",
                    "in this text",
                );
            }
        }
    }
    let out = out.join("\n");
    if !escapes || !out.contains('\\') {
        return Ok(out);
    }
    // Escapes are worked out in what is left; their places are those of the whole text.
    let mut problems = Vec::new();
    let mut inner = Reader::new(&out, &mut problems);
    let mut text = String::new();
    while let Some(c) = inner.peek() {
        if c == '\\' {
            if escape(&mut inner, &mut text).is_err() {
                return reader.wrong(opens, "a `\\` that escapes nothing", "in this text");
            }
        } else {
            text.push(c);
            inner.advance(c.len_utf8());
        }
    }
    Ok(text)
}

/// Where the closing quotes are, which a `\` before them would make part of the text.
fn end_of(text: &str, close: &str, escapes: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with(close) {
            return Some(at);
        }
        let mut chars = rest.chars();
        let c = chars.next()?;
        at += c.len_utf8();
        if escapes && c == '\\' {
            at += chars.next().map_or(0, char::len_utf8);
        }
    }
}

/// A `\` and what it escapes.
fn escape(reader: &mut Reader<'_>, out: &mut String) -> Result<(), Skip> {
    let start = reader.place();
    reader.advance(1);
    let Some(c) = reader.peek() else {
        return reader.wrong(Span::new(start, 1), "a `\\` that escapes nothing", "here");
    };
    if is_space(c) || is_newline(c) {
        while let Some(c) = reader.peek().filter(|&c| is_space(c) || is_newline(c)) {
            reader.advance(c.len_utf8());
        }
        return Ok(());
    }
    reader.advance(c.len_utf8());
    out.push(match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        's' => ' ',
        '\\' | '"' => c,
        'u' => {
            let rest = reader.rest();
            let digits = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let digits = digits.map(|(digits, _)| digits).filter(|digits| digits.len() <= 6);
            let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            let Some(c) = code.and_then(char::from_u32) else {
                let span = Span::new(start, 2);
                return reader.wrong(span, "expected a character such as `\\u{e9}`", "no such one");
            };
            reader.advance(digits.map_or(0, str::len) + 2);
            c
        }
        _ => {
            let span = Span { start, end: reader.place() };
            return reader.wrong(span, "a `\\` that escapes nothing", "no such escape");
        }
    });
    Ok(())
}
