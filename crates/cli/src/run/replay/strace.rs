//! Logs of strace.

use facts::Name;
use rules::map::MapInput;
use rules::rank::SourceLine;
use strace::{Log, Options, Played, What};
use units::Pid;
use views::map::Drawing;

use super::save;
use crate::args::{Global, ReplayArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use crate::run::print_json;
use crate::run::saved::Saving;

pub(super) fn run(
    text: &[u8],
    name: &Name,
    args: &ReplayArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let log = strace::parse(text);
    if let Some(line) = args.at.filter(|line| *line == 0 || *line > log.lines) {
        return Err(Failure::new(format!(
            "`{name}` has lines 1 to {}, and none is numbered {line}",
            log.lines
        )));
    }
    let options = Options { kernel: global.kernel, until: None };
    let (report, _) = strace::replay(&log, name, options).map_err(cannot)?;
    let line = args.at.unwrap_or_else(|| before_the_end(&log));
    let options = Options { kernel: Some(report.kernel), until: Some(line) };
    let saving = |path| Saving {
        path,
        force: args.force,
        origin: format!("replay of {name}"),
        keep: save::known,
    };
    if let Some(path) = &args.save {
        saving(path).check()?;
        let (_, mut played) = strace::replay(&log, name, options).map_err(cannot)?;
        saving(path).save(&mut played.machine)?;
    }
    if global.json {
        print_json(&report, out)?;
        return Ok(Outcome::Done);
    }
    let rows = if args.all { usize::MAX } else { ROWS };
    let mut page = views::strace_replay(&report, rows, out.style());
    if !args.no_map {
        let (_, played) = strace::replay(&log, name, options).map_err(cannot)?;
        page.push_str(&picture(&played, line, name, args, out));
    }
    out.data(page.as_bytes())?;
    Ok(Outcome::Done)
}

/// Rows of a list, unless all are asked for.
const ROWS: usize = 20;

fn cannot(error: impl std::error::Error) -> Failure {
    Failure::new("the simulated machine stopped").because(&error)
}

/// The last line before the first process of the log ends, or the last line.
fn before_the_end(log: &Log) -> usize {
    let root = log.entries.first().map(|entry| entry.pid);
    let ended = log.entries.iter().find(|entry| {
        Some(entry.pid) == root && matches!(entry.what, What::Ended(_) | What::Exiting)
    });
    ended.map_or(log.lines, |entry| entry.line.saturating_sub(1)).max(1)
}

/// The address space of the process that a line is about.
fn picture(played: &Played, line: usize, name: &Name, args: &ReplayArgs, out: &Output) -> String {
    let Some((pid, program, maps)) = played.last_maps() else {
        return format!("\nNo process is left at line {line}; --at draws an earlier one.\n");
    };
    let mut unread = Vec::new();
    let mappings = proctext::mappings(&maps, "maps", &mut unread);
    let release = played.machine.config().release;
    let report = rules::map(MapInput {
        source: SourceLine {
            origin: format!("`{name}` at line {line}"),
            kernel: None,
            release: Some(release),
            taken_at: None,
            page_size: 4096,
            page_size_known: false,
        },
        machine: None,
        pid: (pid != 0).then(|| Pid::new(pid)),
        name: program.as_ref().map(last_part),
        exe: program,
        mappings,
        locate: None,
        unread,
    });
    let drawing = Drawing {
        most: if args.all { None } else { Drawing::default().most },
        ..Drawing::default()
    };
    format!("\n{}", views::map::map(&report, drawing, out.style()))
}

/// What stands behind the last slash.
fn last_part(path: &Name) -> Name {
    let bytes = path.as_bytes();
    let start = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    Name::new(&bytes[start..])
}
