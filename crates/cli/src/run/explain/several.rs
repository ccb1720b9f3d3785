//! What is printed of the reports of logs, as they are read or when all have been.
//!
//! Only what will be printed is kept: the report that is to be explained, and the timeline's short
//! account of the last 10 000.

use std::fmt::Write as _;
use std::fs;

use facts::Name;
use rules::timeline::{Timeline, TimelineReport};
use sources::{Journal, Log, LogError};

use super::pages::{Pages, wants_lines};
use super::parallel::Take;
use super::print_json;
use super::read::{Found, Read, place, unreadable};
use crate::args::{ExplainArgs, Global};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::{Output, talk};

/// The reports so far.
#[derive(Debug)]
pub(super) struct Several<'a> {
    args: &'a ExplainArgs,
    global: &'a Global,
    out: &'a mut Output,
    /// Whether reports are to be named by their log.
    places: bool,
    place: String,
    timeline: Timeline,
    count: usize,
    of_this_log: usize,
    /// The report that will be printed at the end: its number, its log and itself.
    kept: Option<(usize, String, Box<Read>)>,
    pages: Pages,
    disagrees: bool,
    /// The columns' names are printed.
    headed: bool,
}

/// How reports are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The timeline, and one report in full.
    One,
    /// Each report in full, then the timeline.
    All,
    /// Each report as JSON.
    Json,
    /// The timeline alone.
    Timeline,
    /// Each incident as a line of CSV.
    Csv,
    /// Reports with their lines.
    Pages,
}

impl<'a> Several<'a> {
    pub(super) fn new(
        args: &'a ExplainArgs,
        global: &'a Global,
        places: bool,
        out: &'a mut Output,
    ) -> Self {
        Several {
            headed: false,
            args,
            global,
            out,
            places,
            place: String::new(),
            timeline: Timeline::new(),
            count: 0,
            of_this_log: 0,
            kept: None,
            pages: Pages::default(),
            disagrees: false,
        }
    }

    fn form(&self) -> Form {
        match self.args {
            ExplainArgs { csv: true, .. } => Form::Csv,
            ExplainArgs { timeline: true, .. } => Form::Timeline,
            args if wants_lines(args) => Form::Pages,
            _ if self.global.json => Form::Json,
            ExplainArgs { all: true, .. } => Form::All,
            _ => Form::One,
        }
    }

    fn report(&mut self, read: Box<Read>) -> Result<(), Failure> {
        self.count += 1;
        self.of_this_log += 1;
        self.timeline.report(&read.report, &read.explained, &read.when);
        let choice = read.explained.choice.as_ref();
        self.disagrees |= choice.and_then(|choice| choice.agrees) == Some(false);
        let wanted = self.args.report.is_none_or(|number| number == self.count);
        match self.form() {
            Form::Json if wanted => print_json(&read.explained, self.out),
            Form::All => {
                let text = self.in_full(self.count, None, &self.place, &read);
                self.out.data(text.as_bytes())
            }
            Form::Pages => self.pages.push(self.args, self.count, &self.place, read, self.out),
            Form::One if wanted => {
                self.kept = Some((self.count, self.place.clone(), read));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A report in full, under its number if there are others.
    fn in_full(&self, number: usize, of: Option<usize>, place: &str, read: &Read) -> String {
        let mut text = String::new();
        let place = if self.places { format!(", {place}") } else { String::new() };
        match of {
            Some(1) => {}
            Some(of) => {
                let _ = writeln!(text, "\nReport {number} of {of}{place}");
            }
            None if number == 1 => {
                let _ = writeln!(text, "Report {number}{place}");
            }
            None => {
                let _ = writeln!(text, "\nReport {number}{place}");
            }
        }
        text.push_str(&views::explained(&read.explained, self.out.style()));
        text
    }

    /// Prints the incidents that are settled, as CSV.
    fn csv(&mut self) -> Result<(), Failure> {
        if self.form() != Form::Csv {
            return Ok(());
        }
        let lines: String = self.timeline.settled().map(|one| views::incident_csv(&one)).collect();
        if lines.is_empty() { Ok(()) } else { self.csv_lines(&lines) }
    }

    fn csv_lines(&mut self, lines: &str) -> Result<(), Failure> {
        if !self.headed {
            self.headed = true;
            self.out.data(views::incident_csv_head().as_bytes())?;
        }
        self.out.data(lines.as_bytes())
    }

    /// Prints what is left.
    pub(super) fn finish(mut self, logs: &[Log]) -> Result<Outcome, Failure> {
        let form = self.form();
        let timeline = std::mem::take(&mut self.timeline).finish();
        if let Some(number) = self.args.report
            && !(1..=self.count).contains(&number)
        {
            let reports = match self.count {
                0 => "none".to_owned(),
                1 => "1 report".to_owned(),
                count => format!("{count} reports"),
            };
            return Err(Failure::new(format!("no report {number}: found {reports}")));
        }
        match form {
            Form::Json => {}
            Form::Pages => {
                if self.count == 0 && self.args.annotate {
                    self.out.data(nothing(logs).as_bytes())?;
                }
                self.pages.finish(self.args, &timeline, self.count, self.out)?;
            }
            Form::Csv => {
                let lines: String = timeline.incidents.iter().map(views::incident_csv).collect();
                self.csv_lines(&lines)?;
            }
            Form::Timeline if self.global.json => print_json(&timeline, self.out)?,
            Form::One | Form::All | Form::Timeline => {
                let text = self.text(form, &timeline, logs);
                self.out.data(text.as_bytes())?;
            }
        }
        let wrong = self.args.verify && self.disagrees;
        Ok(if wrong { Outcome::Disagrees } else { Outcome::Done })
    }

    fn text(&self, form: Form, timeline: &TimelineReport, logs: &[Log]) -> String {
        let style = self.out.style();
        let mut text = String::new();
        if self.count == 0 {
            text.push_str(&nothing(logs));
        }
        let other = timeline
            .incidents
            .iter()
            .any(|one| one.report.is_none() || !one.echoes.is_empty() || one.left_out_before > 0);
        let several = self.count > 1 || other || !timeline.without_report.is_empty();
        if several || (form == Form::Timeline && self.count > 0) {
            if form == Form::All && self.count > 0 {
                text.push('\n');
            }
            text.push_str(&views::timeline(timeline, self.places, style));
        }
        if let Some((number, place, read)) = &self.kept {
            let of = if several { self.count.max(2) } else { 1 };
            if several && self.count == 1 {
                text.push('\n');
                text.push_str(&views::explained(&read.explained, style));
            } else {
                text.push_str(&self.in_full(*number, Some(of), place, read));
            }
        }
        text
    }
}

impl Take for Several<'_> {
    fn begin(&mut self, log: &Log) {
        self.place = place(log);
        self.of_this_log = 0;
        self.timeline.begin(Name::from(self.place.as_str()));
    }

    fn is_shown_at_once(&self) -> bool {
        self.out.is_terminal() && !matches!(self.form(), Form::One | Form::Timeline)
    }

    fn found(&mut self, found: Found) -> Result<(), Failure> {
        match found {
            Found::Report(read) => self.report(read)?,
            Found::Notice(notice) => self.timeline.notice(*notice),
        }
        self.csv()
    }

    /// What was read before a log broke is kept; standard error says that it broke.
    fn end(&mut self, log: &Log, result: Result<(), LogError>) -> Result<(), Failure> {
        match result {
            Ok(()) => Ok(()),
            Err(error @ LogError::Read { .. }) if self.of_this_log > 0 => {
                let failure =
                    Failure::new(format!("`{}` could not be read to its end", place(log)));
                talk(failure.because(&error));
                Ok(())
            }
            Err(error) => Err(unreadable(log, &error)),
        }
    }
}

/// No report is an answer, and a good one.
fn nothing(logs: &[Log]) -> String {
    let places: Vec<String> = logs.iter().map(place).collect();
    let places = match places.len() {
        0..=5 => places.join(", "),
        n => format!("{n} logs"),
    };
    let empty = |log: &Log| match log {
        Log::File(path) => fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == 0),
        Log::Input | Log::Ring | Log::Journal(_) => false,
    };
    let why = match logs {
        [log] if empty(log) => ": it is empty",
        [_, _, ..] if logs.iter().all(empty) => ": they are empty",
        _ => "",
    };
    let mut text = format!("No OOM report in {places}{why}.\n");
    if logs.contains(&Log::Ring) {
        text.push_str(
            "The ring buffer forgets; `journalctl -k | oomph explain -` reads what was kept.\n",
        );
    } else if logs.contains(&Log::Journal(Journal::Machine)) {
        text.push_str(
            "That is since this machine was started; `journalctl -k -b -1 | oomph explain -` reads \
             the time before.\n",
        );
    }
    text
}
