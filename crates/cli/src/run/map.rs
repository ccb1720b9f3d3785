//! `oomph map`.

use std::fs;
use std::path::Path;

use rules::map::{MapInput, MapReport};
use rules::pages::PagesInput;
use rules::physical::PhysicalInput;
use rules::rank::SourceLine;
use sources::{Refusal, Stall};
use units::Pid;
use views::map::{Drawing, Order, Scale};

use super::{machine, print_json};
use crate::args::{Global, MapArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(args: &MapArgs, global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    let order = if args.ascending { Order::Ascending } else { Order::Descending };
    let Some(pid) = args.pid.map(Pid::new) else { return physical(order, args, global, out) };
    if args.pages {
        return pages(pid, args, global, out);
    }
    let report = process(pid, args, global)?;
    let drawing = Drawing {
        order,
        scale: if args.linear { Scale::Linear } else { Scale::Log },
        most: if args.all { None } else { Drawing::default().most },
    };
    if global.json {
        print_json(&report, out)?;
    } else if let Some(file) = &args.svg {
        write_svg(&views::map::map_svg(&report, drawing), file, out)?;
    } else {
        let picture = views::map::map(&report, drawing, out.style());
        out.data(picture.as_bytes())?;
    }
    Ok(Outcome::Done)
}

fn physical(
    order: Order,
    args: &MapArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let physical = machine::open_whole(&global.from, "map of the memory")?.physical();
    let report = rules::physical(&PhysicalInput {
        snapshot: &physical.snapshot,
        iomem: physical.iomem.as_deref(),
        buddyinfo: physical.buddyinfo.as_deref(),
    });
    if global.json {
        print_json(&report, out)?;
    } else if let Some(file) = &args.svg {
        write_svg(&views::map::physical_svg(&report, order), file, out)?;
    } else {
        out.data(views::map::physical(&report, order, out.style()).as_bytes())?;
    }
    Ok(Outcome::Done)
}

fn process(pid: Pid, args: &MapArgs, global: &Global) -> Result<MapReport, Failure> {
    let mut source = machine::open_whole(&global.from, "mappings")?;
    let identity = source.identity();
    let stall = Stall { most_ms: args.max_stall };
    let map = source
        .process_map(pid, stall)
        .map_err(|refusal| cannot(pid, &identity.origin, &refusal))?;
    let mut unread = identity.missing.clone();
    unread.extend(map.missing);
    let machine = identity.machine.as_ref().map(|name| name.escaped().into_owned());
    let mut report = rules::map(MapInput {
        source: SourceLine::from(&identity),
        machine: machine.as_deref(),
        pid: Some(pid),
        name: map.name,
        exe: map.program,
        mappings: map.mappings,
        locate: args.locate,
        unread,
    });
    if let Some(ms) = map.too_slow_ms {
        report.notes.push(format!(
            "Sizes were left out: the kernel would have walked page tables for about {ms} ms; \
             --max-stall {ms} allows it."
        ));
    }
    Ok(report)
}

fn pages(pid: Pid, args: &MapArgs, global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    let mut source = machine::open_whole(&global.from, "mappings")?;
    let identity = source.identity();
    let origin = &identity.origin;
    let stall = Stall { most_ms: args.max_stall };
    let map = source.process_map(pid, stall).map_err(|refusal| cannot(pid, origin, &refusal))?;
    let pages = source.pages(pid, &map.mappings).map_err(|refusal| match refusal {
        Refusal::Unsupported => Failure::new(format!("{origin} does not tell of single pages"))
            .hint("only a running machine does; leave --pages out"),
        other => cannot(pid, origin, &other),
    })?;
    let mut unread = map.missing;
    unread.extend(pages.missing);
    let report = rules::pages(PagesInput {
        source: SourceLine::from(&identity),
        pid,
        name: map.name,
        exe: map.program,
        mappings: &map.mappings,
        runs: &pages.runs,
        frames: pages.frames,
        unread,
    });
    if global.json {
        print_json(&report, out)?;
    } else {
        out.data(views::map::pages(&report, args.all, out.style()).as_bytes())?;
    }
    Ok(Outcome::Done)
}

fn cannot(pid: Pid, origin: &str, refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::Gone => Failure::new(format!("no process {pid} in {origin}")),
        Refusal::Absent => Failure::new(format!("{origin} has no mappings of process {pid}"))
            .hint("a capture holds them unless it was made with --light"),
        Refusal::Denied => {
            Failure::new(format!("cannot read the mappings of process {pid}: permission denied"))
                .hint("they are shown to the process's own user and to root")
        }
        other => Failure::new(format!("cannot read the mappings of process {pid}: {other}")),
    }
}

pub(super) fn write_svg(svg: &str, file: &Path, out: &mut Output) -> Result<(), Failure> {
    if file == Path::new("-") {
        return out.data(svg.as_bytes());
    }
    fs::write(file, svg)
        .map_err(|error| Failure::new(format!("cannot write `{}`", file.display())).because(&error))
}
