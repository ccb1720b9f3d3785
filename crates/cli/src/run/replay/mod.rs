//! `oomph replay`: which kind of trace it is, its text says.

mod heap;
mod save;
mod strace;

use std::path::Path;

use facts::Name;
use sources::Log;

use crate::args::{Global, ReplayArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(
    args: &ReplayArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let text = read(&args.file)?;
    let name = shown(&args.file);
    if ::strace::looks_like_strace(&text) {
        return strace::run(&text, &name, args, global, out);
    }
    heap::run(text, &name, args, global, out)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let log = if file == Path::new("-") { Log::Input } else { Log::File(file.to_owned()) };
    let mut text = Vec::new();
    sources::read_log(&log, &mut |piece| text.extend_from_slice(piece))
        .map_err(|error| Failure::new(format!("cannot read `{}`", shown(file))).because(&error))?;
    Ok(text)
}

/// A path, safe on a terminal.
fn shown(path: &Path) -> Name {
    if path == Path::new("-") {
        return Name::from("standard input");
    }
    Name::new(path.as_os_str().as_encoded_bytes())
}
