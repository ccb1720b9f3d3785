//! `oomph compare-allocators`.

mod columns;
mod live;
mod notes;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use facts::Name;
use rules::allocators::{ColumnRuns, Comparison, Run, Watched};
use trial::{Output as Streams, Program, Setup, Watching};

use super::print_json;
use super::progress::Progress;
use crate::args::{CompareAllocatorsArgs, Global};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use columns::Planned;

pub(super) fn run(
    args: &CompareAllocatorsArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    if global.from != "live" {
        return Err(
            Failure::new("a command can only be run on this machine").hint("leave `--from` out")
        );
    }
    let Some(command) = args.command.first() else {
        return Err(Failure::new("there is no command"));
    };
    let program = Program::find(command)
        .map_err(|error| Failure::new(format!("cannot run `{}`", name(command))).because(&error))?;
    if let Some(unfit) = program.unfit() {
        return Err(Failure::new(format!(
            "no other allocator can be put before `{}`'s own: {unfit}",
            name(program.path.as_os_str())
        )));
    }
    if let Some(input) = &args.input {
        // Said once, here, and not by each run.
        std::fs::File::open(input).map_err(|error| {
            Failure::new(format!("cannot read `{}`", name(input.as_os_str()))).because(&error)
        })?;
    }
    let live = args.live.as_deref().map(live::find).transpose()?;
    let plan = columns::plan(args, &program)?;
    trial::catch_interrupts();
    let mut runner = Runner {
        args,
        program: &program,
        empty: empty_program(&program),
        watching: if args.no_ptrace { Watching::Sample } else { Watching::Trace },
        progress: Progress::new(),
        done: 0,
        all: usize::from(args.repeat) * plan.columns.len(),
    };
    let measured = runner.run_all(&plan.columns)?;
    let interrupted = trial::interrupted();
    runner.progress.tell(true, String::new);
    let watched = match runner.watching {
        Watching::Trace => Watched::Traced,
        Watching::Sample => Watched::Sampled,
    };
    let mut notes = notes::before(&program, runner.empty.is_some() || watched == Watched::Sampled);
    if watched == Watched::Sampled && !args.no_ptrace {
        notes.push("Tracing (ptrace) is not permitted here.".to_owned());
    }
    notes.extend(plan.notes);
    notes.extend(live.as_ref().and_then(|live| live.note.clone()));
    let report = rules::allocators::compare(Comparison {
        machine: trial::machine::machine(program.loader.as_ref()),
        command: args.command.iter().map(|word| name(word)).collect(),
        program: name(program.path.as_os_str()),
        repeat: u64::from(args.repeat),
        watched,
        live: live.map(|live| live.peak),
        columns: measured,
        absent: plan.absent,
        interrupted,
        notes,
    });
    if global.json {
        print_json(&report, out)?;
    } else {
        out.data(views::allocators(&report, out.style()).as_bytes())?;
    }
    judge(&report)
}

/// A run that failed is a failure, after all figures were told.
fn judge(report: &rules::allocators::AllocatorsReport) -> Result<Outcome, Failure> {
    if report.interrupted {
        return Err(Failure::new("interrupted: runs are missing"));
    }
    let failed: Vec<String> = report
        .columns
        .iter()
        .filter(|column| !column.failures.is_empty())
        .map(|column| column.name.to_string())
        .collect();
    if failed.is_empty() {
        return Ok(Outcome::Done);
    }
    let command = report.command.first().map(ToString::to_string).unwrap_or_default();
    Err(Failure::new(format!("`{command}` failed under {}", failed.join(", "))))
}

fn name(text: &OsStr) -> Name {
    Name::new(text.as_bytes())
}

/// A program that does nothing, of the same kind as the command; its cost is the allocator's own.
fn empty_program(program: &Program) -> Option<Program> {
    let found = Program::find(OsStr::new("true")).ok()?;
    let alike = found.machine == program.machine && found.loader == program.loader;
    (alike && found.unfit().is_none() && found.script.is_none()).then_some(found)
}

/// Runs everything, a round at a time.
#[derive(Debug)]
struct Runner<'a> {
    args: &'a CompareAllocatorsArgs,
    program: &'a Program,
    empty: Option<Program>,
    watching: Watching,
    progress: Progress,
    done: usize,
    all: usize,
}

impl Runner<'_> {
    /// Each round runs every column once and begins one further on, so that what changes with time
    /// (caches that fill, a clock that slows down) falls on all of them.
    fn run_all(&mut self, columns: &[Planned]) -> Result<Vec<ColumnRuns>, Failure> {
        let mut measured: Vec<ColumnRuns> = columns.iter().map(Planned::column).collect();
        for round in 0..usize::from(self.args.repeat) {
            for step in 0..columns.len() {
                let place = (round + step) % columns.len();
                let (Some(planned), Some(column)) = (columns.get(place), measured.get_mut(place))
                else {
                    continue;
                };
                if trial::interrupted() {
                    return Ok(measured);
                }
                self.progress.tell(false, || {
                    format!("run {} of {}: {}", self.done + 1, self.all, planned.name)
                });
                if let Some(base) = self.empty_run(planned) {
                    column.base.push(base);
                }
                let run = self.command_run(planned)?;
                self.done += 1;
                // What was broken off says nothing of the allocator.
                if trial::interrupted() {
                    return Ok(measured);
                }
                column.runs.push(run);
            }
        }
        Ok(measured)
    }

    fn command_run(&mut self, planned: &Planned) -> Result<Run, Failure> {
        let output = if self.args.show_output { Streams::Shown } else { Streams::Dropped };
        let setup = Setup {
            command: self.args.command.clone(),
            machine: self.program.machine,
            library: planned.library.clone(),
            environment: planned.environment.clone(),
            input: self.args.input.clone(),
            output,
        };
        self.try_run(&setup).map_err(|error| {
            let command = self.args.command.first().map(|word| name(word)).unwrap_or_default();
            Failure::new(format!("cannot run `{command}` under {}", planned.name)).because(&error)
        })
    }

    /// An empty program that cannot be run leaves its cost unknown.
    fn empty_run(&mut self, planned: &Planned) -> Option<Run> {
        let program = self.empty.as_ref()?;
        if self.watching == Watching::Sample {
            // It is over before anybody could have looked.
            return None;
        }
        let setup = Setup {
            command: vec![program.path.clone().into_os_string()],
            machine: program.machine,
            library: planned.library.clone(),
            environment: planned.environment.clone(),
            input: None,
            output: Streams::Dropped,
        };
        self.try_run(&setup).ok()
    }

    /// Where tracing is not permitted, once and for all without.
    fn try_run(&mut self, setup: &Setup) -> io::Result<Run> {
        match trial::run(setup, self.watching) {
            Err(_) if self.watching == Watching::Trace && self.done == 0 => {
                let run = trial::run(setup, Watching::Sample)?;
                self.watching = Watching::Sample;
                Ok(run)
            }
            answer => answer,
        }
    }
}
