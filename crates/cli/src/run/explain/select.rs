//! Which reports are printed.

use std::ops::Range;

use crate::args::{ExplainArgs, Global};
use crate::failure::Failure;

/// Which of the reports are printed in full.
pub(super) fn select(
    args: &ExplainArgs,
    global: &Global,
    count: usize,
) -> Result<Range<usize>, Failure> {
    match args.report {
        Some(number) if (1..=count).contains(&number) => Ok(number - 1..number),
        Some(number) => {
            let reports = if count == 1 { "1 report" } else { &format!("{count} reports") };
            Err(Failure::new(format!("no report {number}: found {reports}")))
        }
        None if args.all || global.json => Ok(0..count),
        None => Ok(count - 1..count),
    }
}
