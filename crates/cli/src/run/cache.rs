//! `oomph cache`.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use facts::{LeftAlone, PageCache};
use rules::cache::{By, CacheOptions, CacheReport, SortBy};
use sources::{CacheProgress, CacheQuestion};
use views::Amounts;

use super::print_json;
use crate::args::{CacheArgs, CacheBy, CacheSort, Global};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};

/// Rows for people, unless they say how many.
const TOP: usize = 20;
/// How often somebody who waits is told how far it is.
const TICK: Duration = Duration::from_millis(200);

pub(super) fn run(args: &CacheArgs, global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    if global.from != "live" {
        return Err(Failure::new("the page cache of another machine cannot be asked about")
            .hint("only the running kernel tells what it has cached; leave `--from` out"));
    }
    let question =
        CacheQuestion { paths: args.paths.clone(), cross: args.cross, ..CacheQuestion::default() };
    let found = ask(&question)?;
    let report = rules::cache(&found, &options(args, global));
    if global.json {
        print_json(&report, out)?;
    } else if args.csv {
        out.data(views::cache_csv(&report).as_bytes())?;
    } else {
        let amounts = if args.bytes { Amounts::Bytes } else { Amounts::Human };
        out.data(views::cache(&report, amounts, out.style()).as_bytes())?;
    }
    judge(&report)
}

fn options(args: &CacheArgs, global: &Global) -> CacheOptions {
    let for_programs = global.json || args.csv;
    CacheOptions {
        by: match args.by {
            CacheBy::File => By::File,
            CacheBy::Directory => By::Directory,
            CacheBy::Process => By::Process,
            CacheBy::Extension => By::Extension,
        },
        depth: args.depth.map(usize::from),
        sort: match args.sort {
            CacheSort::Cached => SortBy::Cached,
            CacheSort::Dirty => SortBy::Dirty,
            CacheSort::Evicted => SortBy::Evicted,
            CacheSort::Size => SortBy::Size,
            CacheSort::Files => SortBy::Files,
            CacheSort::Name => SortBy::Name,
        },
        top: match args.top {
            None if for_programs => None,
            None => Some(TOP),
            Some(0) => None,
            top => top,
        },
        min: args.min,
    }
}

/// A path that could not be looked at at all is a failure, after the others were reported.
fn judge(report: &CacheReport) -> Result<Outcome, Failure> {
    let absent = report
        .left_alone
        .iter()
        .find(|left| matches!(left.why, LeftAlone::Absent | LeftAlone::SymbolicLink));
    let Some(left) = absent else { return Ok(Outcome::Done) };
    let path = left.first.first().map(ToString::to_string).unwrap_or_default();
    Err(match left.why {
        LeftAlone::Absent => Failure::new(format!("`{path}` is not there")),
        _ => Failure::new(format!("`{path}` is a symbolic link, which is not followed"))
            .hint(format!("`{path}/` is the directory that it leads to")),
    })
}

/// Asks the kernel, and tells somebody who waits at a terminal how far it is.
fn ask(question: &CacheQuestion) -> Result<PageCache, Failure> {
    let progress = CacheProgress::default();
    let found = if io::stderr().is_terminal() {
        thread::scope(|scope| {
            let (done, waiting) = mpsc::channel::<()>();
            let progress = &progress;
            scope.spawn(move || {
                let mut told = false;
                while waiting.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    let (files, cached) = (progress.asked(), progress.cached());
                    talk(format_args!("\r\x1b[K{files} files, {cached} cached"));
                    told = true;
                }
                if told {
                    talk("\r\x1b[K");
                }
            });
            let found = sources::page_cache(question, progress);
            drop(done);
            found
        })
    } else {
        sources::page_cache(question, &progress)
    };
    found.map_err(|refusal| Failure::new(format!("cannot look into /proc: {refusal}")))
}
