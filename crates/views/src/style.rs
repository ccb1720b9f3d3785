//! What the terminal can do, and the few accents that are put on text.

use std::fmt::Write as _;

use facts::Name;
use rules::status::Level;

/// What the reader's terminal can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; `None` when the reader is not one. Then sentences are wrapped at 80
    /// and names are left whole.
    pub width: Option<usize>,
    /// Characters it can show.
    pub charset: Charset,
    /// Whether to write colours. Nothing is told by colour alone.
    pub color: bool,
}

/// Characters a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// ASCII alone. Everything else is escaped: in an 8-bit locale the bytes of a harmless UTF-8
    /// character can be a terminal's control codes.
    Ascii,
    /// UTF-8.
    Utf8,
}

/// An accent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accent {
    Heading,
    Dim,
    Calm,
    Near,
    Wall,
}

impl From<Level> for Accent {
    fn from(level: Level) -> Accent {
        match level {
            Level::Calm => Accent::Calm,
            Level::Near => Accent::Near,
            Level::AtTheWall => Accent::Wall,
            Level::Unknown => Accent::Heading,
        }
    }
}

/// The signs that differ between character sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    /// Taken, perhaps, likely, sure: the lighter, the freer.
    pub(crate) bar: [&'static str; 4],
    pub(crate) to: &'static str,
    pub(crate) at_most: &'static str,
    pub(crate) differs: &'static str,
    pub(crate) cut: &'static str,
    /// Points at something.
    pub(crate) mark: &'static str,
}

const UTF8: Signs =
    Signs {
        bar: ["█", "▓", "▒", "░"], to: "–", at_most: "≤", differs: "≠", cut: "…", mark: "►"
    };
const ASCII: Signs =
    Signs { bar: ["#", "+", "-", "."], to: "-", at_most: "<=", differs: "!=", cut: "~", mark: ">" };

/// Below this nothing is arranged any more; lines simply get longer than the terminal.
const NARROWEST: usize = 40;

impl Style {
    /// Columns that sentences may take.
    pub(crate) fn columns(&self) -> usize {
        self.width.unwrap_or(80).max(NARROWEST)
    }

    pub(crate) fn signs(&self) -> &'static Signs {
        match self.charset {
            Charset::Utf8 => &UTF8,
            Charset::Ascii => &ASCII,
        }
    }

    /// A name from outside, safe on this terminal.
    pub(crate) fn name(&self, name: &Name) -> String {
        self.plain(&name.escaped())
    }

    /// Text with every character that this terminal cannot show escaped.
    pub(crate) fn plain(&self, text: &str) -> String {
        if self.charset == Charset::Utf8 || text.is_ascii() {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            match c {
                '–' => out.push('-'),
                '…' => out.push_str("..."),
                c if c.is_ascii() => out.push(c),
                c => _ = write!(out, "\\u{{{:x}}}", u32::from(c)),
            }
        }
        out
    }

    /// `text` with an accent, if colours are wanted.
    pub(crate) fn paint(&self, accent: Accent, text: &str) -> String {
        use anstyle::{AnsiColor, Style as Ansi};
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let style = match accent {
            Accent::Heading => Ansi::new().bold(),
            Accent::Dim => Ansi::new().dimmed(),
            Accent::Calm => AnsiColor::Green.on_default(),
            Accent::Near => AnsiColor::Yellow.on_default().bold(),
            Accent::Wall => AnsiColor::Red.on_default().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}
