//! `oomph generate`: what packagers need, from the same definitions.

use std::fs;
use std::path::Path;

use facts::Name;
use views::json;

use super::print_json;
use crate::args::{self, Generate};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::manual;
use crate::output::Output;

pub(super) fn run(what: &Generate, out: &mut Output) -> Result<Outcome, Failure> {
    match what {
        Generate::Man { dir: Some(dir) } => manuals(dir)?,
        Generate::Man { dir: None } => {
            let pages = manual::pages().map_err(|error| cannot_render(&error))?;
            let main = pages.first().map_or(&[][..], |page| &page.text);
            out.data(main)?;
        }
        Generate::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut args::definition(), "oomph", &mut script);
            out.data(&script)?;
        }
        Generate::JsonSchema { report } => {
            print_json(&json::schema(report), out)?;
        }
        Generate::ScenarioGrammar => out.data(scenario::words::grammar().as_bytes())?,
    }
    Ok(Outcome::Done)
}

fn cannot_render(error: &std::io::Error) -> Failure {
    Failure::new("cannot render the manual").because(error)
}

/// Writes every page into the directory, which is made if it is not there.
fn manuals(dir: &Path) -> Result<(), Failure> {
    let cannot = |path: &Path, error| {
        Failure::new(format!("cannot write `{}`", Name::new(path.as_os_str().as_encoded_bytes())))
            .because(&error)
    };
    fs::create_dir_all(dir).map_err(|error| cannot(dir, error))?;
    for page in manual::pages().map_err(|error| cannot_render(&error))? {
        let path = dir.join(&page.file);
        fs::write(&path, &page.text).map_err(|error| cannot(&path, error))?;
    }
    Ok(())
}
