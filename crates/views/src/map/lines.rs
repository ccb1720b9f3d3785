//! Signs that draw boxes.

use crate::style::{Charset, Style};

/// The lines of boxes in the characters of this terminal.
pub(super) fn lines(style: &Style) -> &'static Lines {
    if style.charset == Charset::Utf8 { &UTF8 } else { &ASCII }
}

/// Signs that draw boxes.
pub(super) struct Lines {
    pub(super) top: [&'static str; 2],
    pub(super) middle: [&'static str; 2],
    pub(super) bottom: [&'static str; 2],
    pub(super) across: &'static str,
    pub(super) down: &'static str,
    pub(super) gap: &'static str,
    pub(super) cut: &'static str,
}

const UTF8: Lines = Lines {
    top: ["┌", "┐"],
    middle: ["├", "┤"],
    bottom: ["└", "┘"],
    across: "─",
    down: "│",
    gap: "┊",
    cut: "≈",
};
const ASCII: Lines = Lines {
    top: ["+", "+"],
    middle: ["+", "+"],
    bottom: ["+", "+"],
    across: "-",
    down: "|",
    gap: ":",
    cut: "~",
};
