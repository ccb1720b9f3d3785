//! Traces of malloc.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use facts::Name;
use heap_trace::{Facts, Format, Named, Plan, Rules, Setting};

use crate::args::{Global, ReplayArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;
use crate::run::print_json;
use crate::run::progress::Progress;

/// Rows of a list, unless all are asked for.
const ROWS: usize = 12;
/// Cells of an arena's picture.
const CELLS: usize = 1 << 14;
/// Columns and rows of the map over time.
const MAP: (usize, usize) = (420, 210);

pub(super) fn run(
    text: Vec<u8>,
    name: &Name,
    args: &ReplayArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let mut ops = heap_trace::open(Cursor::new(text)).map_err(|problem| {
        Failure::new(format!("`{name}` is neither a log of strace nor a trace of malloc"))
            .because(&problem)
            .hint(
                "`strace -f -e trace=memory,process -o FILE PROGRAM` makes the one, `oomph trace -o \
                 FILE -- PROGRAM` the other",
            )
    })?;
    let progress = Progress::new();
    let plan = Plan::watched(&mut ops, |calls| {
        if calls.is_multiple_of(1 << 16) {
            progress.tell(false, || format!("reading: {calls} calls"));
        }
    });
    progress.tell(true, String::new);
    let trace = Trace { format: ops.format(), facts: ops.facts(), name, plan };
    if trace.plan.steps.is_empty() {
        return Err(match trace.plan.problems.first() {
            Some(problem) => {
                Failure::new(format!("`{name}` has no call that can be played")).because(problem)
            }
            None => Failure::new(format!("`{name}` has no call of malloc")),
        });
    }
    let rules = rules(args.glibc.as_deref(), &trace.facts)?;
    let setting = setting(args.tunables.as_deref(), &trace.facts)?;
    pictures(&trace, args, rules, &setting, global, out)
}

struct Trace<'a> {
    format: Format,
    facts: Facts,
    name: &'a Name,
    plan: Plan,
}

fn rules(release: Option<&str>, facts: &Facts) -> Result<Rules, Failure> {
    let Some(release) = release else { return Ok(heap_trace::rules_for(facts)) };
    Rules::named(release).ok_or_else(|| {
        let known: Vec<_> = Rules::ALL.iter().map(|rules| rules.name).collect();
        Failure::new(format!("no rules of glibc `{}`", release.escape_debug()))
            .hint(format!("there are {}", known.join(", ")))
    })
}

fn setting(given: Option<&str>, facts: &Facts) -> Result<Setting, Failure> {
    let value = given.or(facts.tunables.as_deref()).unwrap_or_default();
    let tunables = match heap_trace::tunables(value.trim_start_matches("GLIBC_TUNABLES=")) {
        Ok(tunables) => tunables,
        // What the program was started with, glibc has read in its own way.
        Err(_) if given.is_none() => heap_trace::Tunables::default(),
        Err(error) => return Err(Failure::new(format!("cannot set these tunables: {error}"))),
    };
    Ok(Setting { tunables, ..Setting::default() })
}

fn pictures(
    trace: &Trace<'_>,
    args: &ReplayArgs,
    rules: Rules,
    setting: &Setting,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let plan = &trace.plan;
    let origin = trace.name.to_string();
    let named = Named { origin: &origin, format: trace.format, facts: &trace.facts };
    let space = heap_trace::space_under(&trace.facts, &rules);
    let calls = plan.steps.len();
    if let Some(at) = args.at.filter(|at| *at > calls) {
        return Err(Failure::new(format!("`{}` has {calls} calls, not {at}", trace.name)));
    }
    if let Some(file) = &args.svg_time {
        let map = heap_trace::map_over_time(plan, named, (rules, setting), &space, MAP);
        write(file, &views::heap_time_svg(&map), out)?;
    }
    if args.svg.is_some() || args.at.is_some() {
        let size = (args.at.unwrap_or(calls), CELLS);
        let picture = heap_trace::picture(plan, named, (rules, setting), &space, size);
        if let Some(file) = &args.svg {
            write(file, &views::heap_svg(&picture), out)?;
        } else if global.json {
            print_json(&picture, out)?;
        } else {
            out.data(views::heap_picture(&picture, out.style()).as_bytes())?;
        }
        return Ok(Outcome::Done);
    }
    if args.svg_time.is_some() {
        return Ok(Outcome::Done);
    }
    let mut report = heap_trace::report(plan, named, rules, setting, &space);
    if !args.no_what_if {
        let mut settings =
            heap_trace::candidates(plan, &setting.tunables, report.worst.moment.call);
        if args.sweep {
            let more = heap_trace::grid(plan, &setting.tunables);
            settings.extend(more.into_iter().skip(1));
        }
        let progress = Progress::new();
        let all = settings.len();
        report.settings = heap_trace::sweep(plan, rules, &settings, &space, |done| {
            progress.tell(false, || format!("{} {done} of {all} settings", bar(done, all)));
        });
        progress.tell(true, String::new);
        report.settings.sort_by_key(|result| (result.mean, result.peak, result.system_calls));
    }
    if global.json {
        print_json(&report, out)?;
    } else {
        let rows = if args.all { usize::MAX } else { ROWS };
        out.data(views::heap(&report, rows, out.style()).as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// How far it is, in 30 columns.
fn bar(done: usize, all: usize) -> String {
    let columns = done * 30 / all.max(1);
    format!("[{}{}]", "#".repeat(columns), ".".repeat(30 - columns.min(30)))
}

fn write(file: &Path, svg: &str, out: &mut Output) -> Result<(), Failure> {
    if file == Path::new("-") {
        return out.data(svg.as_bytes());
    }
    fs::write(file, svg).map_err(|error| {
        let name = Name::new(file.as_os_str().as_encoded_bytes());
        Failure::new(format!("cannot write `{name}`")).because(&error)
    })
}
