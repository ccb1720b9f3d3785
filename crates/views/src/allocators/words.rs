//! Plain words for what the report says.

use facts::signal;
use rules::allocators::{
    Absent, Against, AllocatorsReport, Column, End, Failure, LEAST_RUNS, Verdict, Watched,
    WhyWithout, Without,
};

use super::processes;
use crate::style::Style;
use crate::text;

/// Columns that a name may take.
const NAME: usize = 18;
/// Columns of a label on a page.
const LABEL: usize = 10;

pub(super) fn machine(report: &AllocatorsReport) -> String {
    let machine = &report.machine;
    let mut parts = vec![format!("Linux {} {}", machine.kernel, machine.architecture)];
    if let Some(cpus) = machine.cpus {
        parts.push(format!("{cpus} CPU{}", if cpus == 1 { "" } else { "s" }));
    }
    parts.extend(machine.libc.iter().map(ToString::to_string));
    let huge = machine.huge_pages.as_ref().map_or("unknown".to_owned(), ToString::to_string);
    parts.push(format!("transparent huge pages: {huge}"));
    parts.join(", ")
}

pub(super) fn runs(report: &AllocatorsReport) -> String {
    let few = |runs: u64| runs < LEAST_RUNS;
    if few(report.repeat) {
        return format!(
            "{} of each: too few repeats to tell what is chance, and so differences stand in brackets",
            report.repeat
        );
    }
    let brackets = if report.columns.iter().any(|column| few(column.runs)) {
        "; in brackets: too few repeats to tell"
    } else {
        ""
    };
    format!(
        "{} of each, in turn; medians, and from the least to the most. `same`: the medians differ by no more \
         than runs do among themselves{brackets}",
        report.repeat
    )
}

/// A name in a table.
pub(super) fn name(column: &Column, style: &Style) -> String {
    text::cut(&style.name(&column.name), NAME, style.signs().cut)
}

/// A name as a label.
pub(super) fn short_name(column: &Column, style: &Style) -> String {
    text::cut(&style.name(&column.name), LABEL, style.signs().cut)
}

/// `+15 %`, `same`; with a question mark where it is not known whether that is a difference.
pub(super) fn against(against: Option<Against>) -> String {
    let Some(Against { verdict, by }) = against else { return "?".to_owned() };
    let percent = |sign: &str, word: &str| match by {
        Some(by) if by.hundredths() < 1000 => format!("{sign}{by:.1}"),
        Some(by) => format!("{sign}{by:.0}"),
        None => word.to_owned(),
    };
    match verdict {
        Verdict::More => percent("+", "more"),
        Verdict::Less => percent("-", "less"),
        Verdict::NoDifference => "same".to_owned(),
        Verdict::Unknown => match by {
            Some(_) => format!("({})", percent("", "")),
            None => "?".to_owned(),
        },
    }
}

pub(super) fn failure(name: &str, failure: &Failure) -> String {
    let runs =
        if failure.runs == 1 { "1 run".to_owned() } else { format!("{} runs", failure.runs) };
    let how = match failure.end {
        End::Exit(code) => format!("ended with exit code {code}"),
        End::Signal(number) => match u8::try_from(number).ok().and_then(signal::name) {
            Some(name) => format!("ended by signal {number} ({name})"),
            None => format!("ended by signal {number}"),
        },
        End::Unknown => "ended nobody knows how".to_owned(),
    };
    format!("under {name} {runs} {how}; not counted")
}

pub(super) fn without(name: &str, without: &Without, style: &Style) -> String {
    let why = match without.why {
        WhyWithout::Static => "it is linked statically, and no loader runs that could preload",
        WhyWithout::Go => "it is written in Go, which has an allocator of its own",
        WhyWithout::Privileged => "it runs with more rights than who starts it",
        WhyWithout::OtherLibc => "it was made for another C library",
        WhyWithout::OtherMachine => "it was made for another processor or word size",
        WhyWithout::Environment => "whoever started it took LD_PRELOAD out of its environment",
        WhyWithout::Unknown => "it is not known why",
    };
    format!(
        "Under {name} {} of {} ran without it: {why}.",
        processes(without.processes),
        style.name(&without.program),
    )
}

pub(super) fn absent(absent: &Absent, style: &Style) -> String {
    let mut text = format!("{} has {}", absent.install, absent.library);
    if !absent.unfit.is_empty() {
        let unfit: Vec<String> = absent.unfit.iter().map(|path| style.name(path)).collect();
        text = format!("{text}; {} is for another processor or word size", unfit.join(", "));
    }
    text
}

pub(super) fn watched(watched: Watched) -> &'static str {
    match watched {
        Watched::Traced => {
            "every process was stopped at its end and looked at: PEAK is exact, and what was \
             loaded is known"
        }
        Watched::Sampled => {
            "processes were looked at now and then: of what was short-lived PEAK may be too low, \
             and what was loaded unknown"
        }
    }
}

pub(super) fn samples(report: &AllocatorsReport) -> String {
    let rounds: u64 = report.columns.iter().map(|column| column.samples.rounds).sum();
    let cost: u64 = report.columns.iter().map(|column| column.samples.cost_us).sum();
    let looked_at: u64 = report.columns.iter().map(|column| column.looked_at).sum();
    let each = cost.checked_div(rounds).unwrap_or(0);
    format!(
        "ANON, HUGE and TREE are the most of {rounds} looks between, of {each} us each; a peak \
         between two looks is not in them. The maps of {} were read.",
        processes(looked_at)
    )
}
