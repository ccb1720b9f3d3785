//! Finding reports, and lines of other programs, in text of any length, a piece at a time.

pub(crate) mod anchors;
pub(crate) mod lines;
mod reports;
#[cfg(test)]
mod tests;

use facts::Notice;

use crate::Found;
use crate::userspace::{self, Notices};
use anchors::Anchors;
use lines::Cutter;
use reports::Reports;

/// Reads a log in pieces of any size and hands out each report when it has ended.
///
/// Memory is bounded whatever the log: a report's lines, a few megabytes at most, and the last
/// piece.
#[derive(Debug)]
pub struct Scanner {
    cutter: Cutter,
    anchors: Anchors<1>,
    reports: Reports,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner::new()
    }
}

impl Scanner {
    /// A scanner at the beginning of a text.
    pub fn new() -> Self {
        Scanner {
            cutter: Cutter::new(),
            anchors: Anchors::new([&reports::ANCHORS]),
            reports: Reports::new(),
        }
    }

    /// Takes the next piece of the text; `found` gets what it completes.
    pub fn feed(&mut self, piece: &[u8], found: &mut impl FnMut(Found)) {
        let Scanner { cutter, anchors, reports } = self;
        cutter.feed(piece, &mut |lines| {
            let [hits] = anchors.search(lines.bytes);
            reports.look(lines, hits, found);
        });
    }

    /// Ends the text; `found` gets what was still open.
    pub fn finish(self, found: &mut impl FnMut(Found)) {
        let Scanner { mut cutter, mut anchors, mut reports } = self;
        cutter.finish(&mut |lines| {
            let [hits] = anchors.search(lines.bytes);
            reports.look(lines, hits, found);
        });
        reports.settle(found);
    }

    /// Bytes of the text it holds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.cutter.held() + self.reports.held()
    }
}

/// What a log holds for those who ask who died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A report of the kernel.
    Report(Box<Found>),
    /// A line of another program.
    Notice(Box<Notice>),
}

/// Reads a log once and hands out what a [`Scanner`] and a [`NoticeScanner`](crate::NoticeScanner)
/// find in it: all their words are looked for in one pass.
///
/// Memory is bounded whatever the log, as theirs is.
#[derive(Debug)]
pub struct LogScanner {
    cutter: Cutter,
    anchors: Anchors<2>,
    reports: Reports,
    notices: Notices,
}

impl Default for LogScanner {
    fn default() -> Self {
        LogScanner::new()
    }
}

impl LogScanner {
    /// A scanner at the beginning of a text.
    pub fn new() -> Self {
        LogScanner {
            cutter: Cutter::new(),
            anchors: Anchors::new([&reports::ANCHORS, &userspace::ANCHORS]),
            reports: Reports::new(),
            notices: Notices::default(),
        }
    }

    /// Takes the next piece of the text; `found` gets what it completes: a line of another program
    /// at once, a report when it has ended.
    pub fn feed(&mut self, piece: &[u8], found: &mut impl FnMut(Entry)) {
        let LogScanner { cutter, anchors, reports, notices } = self;
        cutter.feed(piece, &mut |lines| {
            let [of_reports, of_notices] = anchors.search(lines.bytes);
            notices.look(lines, of_notices, &mut |one| found(Entry::Notice(Box::new(one))));
            reports.look(lines, of_reports, &mut |one| found(Entry::Report(Box::new(one))));
        });
    }

    /// Hands out the report that is being read: nothing has come for a while, so it has ended, or
    /// the log stops in it. What comes later is read as if it began a text.
    pub fn settle_report(&mut self, found: &mut impl FnMut(Found)) {
        self.reports.settle(found);
    }

    /// Hands out a line that further lines might have carried on: nothing has come for a while.
    pub fn settle_notice(&mut self, found: &mut impl FnMut(Notice)) {
        self.notices.settle(found);
    }

    /// Whether a report is being read whose outcome, a kill or a panic, has been seen.
    pub fn has_outcome(&self) -> bool {
        self.reports.region().has_outcome()
    }

    /// Whether lines are held that may be a report.
    pub fn is_reading(&self) -> bool {
        !self.reports.region().is_empty()
    }

    /// Ends the text; `found` gets what was still open.
    pub fn finish(self, found: &mut impl FnMut(Entry)) {
        let LogScanner { mut cutter, mut anchors, mut reports, mut notices } = self;
        cutter.finish(&mut |lines| {
            let [of_reports, of_notices] = anchors.search(lines.bytes);
            notices.look(lines, of_notices, &mut |one| found(Entry::Notice(Box::new(one))));
            reports.look(lines, of_reports, &mut |one| found(Entry::Report(Box::new(one))));
        });
        notices.settle(&mut |one| found(Entry::Notice(Box::new(one))));
        reports.settle(&mut |one| found(Entry::Report(Box::new(one))));
    }
}
