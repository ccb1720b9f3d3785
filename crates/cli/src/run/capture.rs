//! `oomph capture`: the only command that writes a file.

use std::io;
use std::path::Path;

use facts::Name;
use sources::{CaptureError, CaptureSummary, CommandLines, Options, Smaps};
use units::Bytes;

use super::machine;
use crate::args::{CaptureArgs, Global};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};

pub(super) fn run(
    args: &CaptureArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let options = Options {
        smaps: if args.light { Smaps::LeaveOut } else { Smaps::Include },
        command_lines: if args.no_cmdline { CommandLines::LeaveOut } else { CommandLines::Include },
    };
    let to_stdout = args.file == Path::new("-");
    if to_stdout && out.is_terminal() {
        return Err(Failure::new("a tar is not for a terminal")
            .hint("`oomph capture FILE`, or send it somewhere: `oomph capture - | ssh …`"));
    }
    if !to_stdout && !args.force && args.file.symlink_metadata().is_ok_and(|m| m.is_file()) {
        return Err(Failure::new(format!("`{}` is there already", shown(&args.file)))
            .hint("`--force` replaces it"));
    }
    let mut source = machine::open_whole(&global.from, "files to keep")?;
    let tree = source.tree();
    let summary = if to_stdout {
        match sources::capture(tree, out.stream(), options) {
            // A reader that has gone away has what it wanted.
            Err(CaptureError::Write { error, .. }) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(Outcome::Done);
            }
            other => other,
        }
    } else {
        sources::capture_to_file(tree, &args.file, options)
    };
    let summary = summary.map_err(|error| {
        let failure = Failure::new(error.to_string());
        match std::error::Error::source(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        }
    })?;
    talk(words(&summary, &args.file, to_stdout));
    Ok(Outcome::Done)
}

fn words(summary: &CaptureSummary, file: &Path, to_stdout: bool) -> String {
    let place = if to_stdout { "standard output".to_owned() } else { shown(file).to_string() };
    let size = Bytes::new(summary.bytes);
    let count =
        |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let mut words =
        format!("{place}: {}, {size}", count(summary.processes, "process", "processes"));
    if summary.unread > 0 {
        words = format!("{words}; {} could not be read", count(summary.unread, "file", "files"));
    }
    words.push('\n');
    words
}

/// A path, safe on a terminal.
fn shown(path: &Path) -> Name {
    Name::new(path.as_os_str().as_encoded_bytes())
}
