//! How much of the command's memory was live at most: what a trace or the user says.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;

use heap_trace::Plan;
use units::Bytes;

use super::name;
use crate::failure::Failure;

/// The live bytes, and a sentence on where they come from.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) peak: Bytes,
    pub(super) note: Option<String>,
}

/// Takes a size as it is, and anything else for the name of a trace.
pub(super) fn find(given: &OsStr) -> Result<Live, Failure> {
    if let Some(peak) = given.to_str().and_then(|text| text.parse().ok()) {
        return Ok(Live { peak, note: None });
    }
    let shown = name(given);
    let file = File::open(given).map_err(|error| {
        Failure::new(format!("`{shown}` is no size, and as a trace it cannot be read"))
            .because(&error)
    })?;
    let mut ops = heap_trace::open(BufReader::new(file)).map_err(|problem| {
        Failure::new(format!("`{shown}` is neither a size nor a trace of malloc"))
            .because(&problem)
            .hint("`oomph trace -o FILE -- COMMAND` makes one")
    })?;
    let plan = Plan::new(&mut ops);
    let facts = ops.facts();
    if plan.steps.is_empty() {
        return Err(Failure::new(format!("`{shown}` has no call of malloc")));
    }
    let peak = Bytes::new(plan.peak_live());
    let mut note = format!("The live bytes, {peak} at most, are those of the trace {shown}");
    if let Some(command) = facts.command {
        let _ = write!(note, ", recorded of `{}`", command.escape_debug());
    }
    note.push_str(": one process.");
    if facts.cut.is_some() || plan.problem_count > 0 {
        note.push_str(" The trace is not whole, and so they may be too few.");
    }
    Ok(Live { peak, note: Some(note) })
}
