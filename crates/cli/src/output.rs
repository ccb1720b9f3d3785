//! The streams: data on standard output, talk on standard error, and what the terminal can do.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};

use views::json::Layout;
use views::{Charset, Style};

use crate::args::ColorWhen;
use crate::failure::Failure;

/// Where data goes, and how it is to look there; decided once.
#[derive(Debug)]
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    terminal: bool,
    style: Style,
}

impl Output {
    /// Looks at standard output and the environment.
    pub(crate) fn new(color: ColorWhen) -> Output {
        let out = io::stdout().lock();
        let terminal = out.is_terminal();
        let style = Style {
            width: width(&out, terminal),
            charset: charset(),
            color: wants_color(color, terminal),
        };
        Output { out: BufWriter::with_capacity(1 << 16, out), terminal, style }
    }

    pub(crate) fn style(&self) -> &Style {
        &self.style
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// JSON is indented for people alone.
    pub(crate) fn layout(&self) -> Layout {
        if self.terminal { Layout::Pretty } else { Layout::Line }
    }

    /// The stream itself, for data that is written piece by piece.
    pub(crate) fn stream(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Writes data and sees it off. A reader that has gone away has what it wanted.
    pub(crate) fn data(&mut self, data: &[u8]) -> Result<(), Failure> {
        match self.out.write_all(data).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new("cannot write to standard output").because(&error))
            }
            _ => Ok(()),
        }
    }
}

/// Writes to standard error; when that fails there is nobody left to tell.
pub(crate) fn talk(message: impl Display) {
    let _ = write!(io::stderr().lock(), "{message}");
}

/// The terminal's width; without one, `COLUMNS`, which `watch` sets for what it runs.
fn width(out: &StdoutLock<'_>, terminal: bool) -> Option<usize> {
    let size = if terminal { rustix::termios::tcgetwinsize(out).ok() } else { None };
    size.map(|s| usize::from(s.ws_col))
        .filter(|&columns| columns > 0)
        .or_else(|| env::var("COLUMNS").ok()?.parse().ok().filter(|&columns: &usize| columns > 0))
        .or(terminal.then_some(80))
}

/// What the locale says, in the order of `setlocale(3)`.
fn charset() -> Charset {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_default()
        .to_ascii_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") { Charset::Utf8 } else { Charset::Ascii }
}

/// `--color` before `NO_COLOR` (<https://no-color.org>) before `CLICOLOR_FORCE` before the terminal.
fn wants_color(color: ColorWhen, terminal: bool) -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    match color {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto if is_set("NO_COLOR") => false,
        ColorWhen::Auto if is_set("CLICOLOR_FORCE") => {
            env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0")
        }
        ColorWhen::Auto => terminal && env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}
