//! `oomph replay`: which kind of trace it is, its text says.

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
    Err(Failure::new(format!("`{name}` is no log that can be played"))
        .because(&Unlike)
        .hint("`strace -f -e trace=memory,process -o FILE PROGRAM` makes one"))
}

/// What was expected of a text.
#[derive(Debug)]
struct Unlike;

impl std::fmt::Display for Unlike {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "expected lines of strace such as `brk(NULL) = 0x5581…`, found none in the first 200",
        )
    }
}

impl std::error::Error for Unlike {}

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
