//! The manual pages, from the definition of the command line.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args;
use crate::exit;

/// When the manual last changed, as mdoc(7) wants it.
const DATE: &str = "2026-11-20";

/// A manual page.
#[derive(Debug)]
pub(crate) struct Page {
    /// `oomph-rank.1`.
    pub(crate) file: String,
    /// The page in roff.
    pub(crate) text: Vec<u8>,
}

/// The main page first, then one a command.
pub(crate) fn pages() -> io::Result<Vec<Page>> {
    let mut command = args::definition();
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    pages.push(page(command)?);
    for child in command.get_subcommands().filter(|c| c.get_name() != "help") {
        collect(child, pages)?;
    }
    Ok(())
}

fn page(command: &Command) -> io::Result<Page> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let examples = command.get_after_long_help().map(ToString::to_string);
    // Examples get a section of their own, where their lines stay lines.
    let bare = command.clone().after_long_help("").after_help("");
    let man = Man::new(bare).manual("oomph").date(DATE);
    let file = man.get_filename();
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    let mut text = single_space(&text);
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    exit_status(&mut text)?;
    if name == "oomph" {
        environment(&mut text)?;
    }
    if let Some(examples) = examples {
        section_of_lines("EXAMPLES", &examples, &mut text)?;
    }
    Ok(Page { file, text })
}

/// Two line breaks in a row, which clap_mangen writes before possible values, as the one empty line
/// that they mean.
fn single_space(roff: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(roff).replace(".br\n\n.br\n", ".sp\n").into_bytes()
}

fn exit_status(out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in exit::DOCUMENTED {
        roff.control("TP", []);
        roff.text([bold(*code)]);
        roff.text([roman(*meaning)]);
    }
    roff.to_writer(out)
}

const ENVIRONMENT: &[(&str, &str)] = &[
    ("NO_COLOR", "When set and not empty, no colours; --color goes before it."),
    ("CLICOLOR_FORCE", "When set and not 0, colours even when the output is not a terminal."),
    ("COLUMNS", "The width, where the terminal does not tell it."),
    ("LC_ALL, LC_CTYPE, LANG", "Whether the terminal shows UTF-8; otherwise output is ASCII."),
];

fn environment(out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in ENVIRONMENT {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*meaning)]);
    }
    roff.to_writer(out)
}

/// Lines as they are; the first one is the heading that the section has already.
fn section_of_lines(title: &str, lines: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    roff.control("nf", []);
    for line in lines.lines().skip(1) {
        roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
    }
    roff.control("fi", []);
    roff.to_writer(out)
}
