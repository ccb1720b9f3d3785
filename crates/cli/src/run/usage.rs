//! `oomph usage`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use facts::{Name, Survey};
use regex_lite::Regex;
use rules::usage::{Field, Grouping, UsageFilter, UsageOptions};
use sources::{Ask, Ground, Head, Source};
use views::UsageView;
use views::json;

use super::{machine, progress::Progress};
use crate::args::{Global, UsageArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(args: &UsageArgs, global: &Global, out: &mut Output) -> Result<Outcome, Failure> {
    let filters = Filters::new(args)?;
    let mut source =
        machine::open_whole(&global.from, "mappings, so that nothing tells shared pages apart")?;
    loop {
        let survey = survey(&mut source, args, &filters);
        let options = UsageOptions {
            by: args.by.into(),
            sort: args.sort,
            reverse: args.reverse,
            top: args.top,
            filters: filters.words(),
        };
        let report = rules::usage::usage(&survey, &options);
        drop(survey);
        if let Some(file) = &args.svg {
            write_picture(file, &views::usage_svg(&report))?;
        }
        let text = if global.json {
            json::to_string(&report, out.layout())
                .map_err(|error| Failure::new("cannot write the report as JSON").because(&error))?
        } else if args.csv {
            views::usage_csv(&report, args.columns.as_deref())
        } else {
            let view = UsageView { columns: args.columns.clone(), unit: args.unit.into() };
            views::usage(&report, &view, out.style())
        };
        let redraw = args.watch.is_some() && out.is_terminal();
        if redraw {
            out.more_data(b"\x1b[H\x1b[2J")?;
        }
        let listens = out.more_data(text.as_bytes())?;
        match args.watch {
            Some(pause) if listens => thread::sleep(Duration::from_secs_f64(pause.0)),
            _ if args.strict && report.unread.is_some() => return Ok(Outcome::Partly),
            _ => return Ok(Outcome::Done),
        }
    }
}

/// The patterns, ready for use.
struct Filters {
    name: Option<Regex>,
    user: Option<Regex>,
    mapping: Option<Regex>,
    cgroup: Option<Regex>,
}

impl Filters {
    fn new(args: &UsageArgs) -> Result<Filters, Failure> {
        let regex = |option: &str, pattern: &Option<String>| {
            let compiled = pattern.as_deref().map(Regex::new).transpose();
            compiled.map_err(|error| {
                Failure::new(format!("`{option}` is not a regular expression")).because(&error)
            })
        };
        Ok(Filters {
            name: regex("--name", &args.name)?,
            user: regex("--user", &args.user)?,
            mapping: regex("--mapping", &args.mapping)?,
            cgroup: regex("--cgroup", &args.cgroup)?,
        })
    }

    /// Names are matched as they are shown: what could move a cursor is escaped.
    fn keeps(&self, head: &Head<'_>) -> bool {
        let process = head.process;
        let matches = |regex: &Regex, name: Option<&Name>| {
            name.is_some_and(|name| regex.is_match(&name.escaped()))
        };
        let name = self.name.as_ref().is_none_or(|regex| {
            [&process.comm, &process.command].into_iter().any(|name| matches(regex, name.as_ref()))
        });
        let user = self.user.as_ref().is_none_or(|regex| {
            matches(regex, head.user)
                || process.uid.is_some_and(|uid| regex.is_match(&uid.to_string()))
        });
        let cgroup =
            self.cgroup.as_ref().is_none_or(|regex| matches(regex, process.cgroup.as_ref()));
        name && user && cgroup
    }

    fn words(&self) -> Vec<UsageFilter> {
        let all = [
            ("name", &self.name),
            ("user", &self.user),
            ("mapping", &self.mapping),
            ("cgroup", &self.cgroup),
        ];
        let some = all.into_iter().filter_map(|(on, regex)| Some((on, regex.as_ref()?)));
        some.map(|(on, regex)| {
            let pattern = Name::from(regex.as_str()).escaped().into_owned();
            UsageFilter { on, pattern }
        })
        .collect()
    }
}

fn survey(source: &mut Source, args: &UsageArgs, filters: &Filters) -> Survey {
    let by = Grouping::from(args.by);
    let shows =
        |field| args.sort == field || args.columns.as_ref().is_some_and(|c| c.contains(&field));
    let cgroups = matches!(by, Grouping::Cgroup | Grouping::Unit)
        || filters.cgroup.is_some()
        || shows(Field::Cgroup)
        || shows(Field::Unit);
    let mut keep_mapping = |name: &[u8]| match (&filters.mapping, name) {
        (None, _) => true,
        (Some(regex), b"") => regex.is_match("[anon]"),
        (Some(regex), name) => regex.is_match(&Name::new(name).escaped()),
    };
    let progress = Progress::new();
    let mut ask = Ask {
        ground: if by == Grouping::Mapping { Ground::Mappings } else { Ground::Processes },
        // Mappings are of all; who maps them is only asked for by filters.
        heads: by != Grouping::Mapping || filters.name.is_some() || filters.user.is_some(),
        cgroups,
        max_stall_us: args.max_stall.saturating_mul(1000),
        keep: &mut |head| filters.keeps(head),
        keep_mapping: filters.mapping.is_some().then_some(&mut keep_mapping),
        progress: &mut |done, of| {
            progress.tell(done == of, || format!("reading process {done} of {of}"));
        },
    };
    sources::survey(source.tree(), &mut ask)
}

fn write_picture(path: &Path, picture: &str) -> Result<(), Failure> {
    let write = || fs::File::create(path)?.write_all(picture.as_bytes());
    write().map_err(|error| {
        let shown = Name::new(path.as_os_str().as_encoded_bytes());
        Failure::new(format!("cannot write `{shown}`")).because(&error)
    })
}
