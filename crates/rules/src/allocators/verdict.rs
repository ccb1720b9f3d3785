//! What to conclude, for somebody who reads nothing else.

use super::report::{AgainstFirst, Column};
use super::spread::{Against, LEAST_RUNS, Spread, Verdict};

/// One or two sentences: who needs the least memory, and who the least time.
pub(super) fn verdict(columns: &[Column]) -> String {
    let Some((first, others)) = columns.split_first() else {
        return "Nothing was run.".to_owned();
    };
    if others.is_empty() {
        return format!("There is nothing to hold {} against.", first.name);
    }
    if first.hwm.is_none() {
        return format!("No run under {} can be counted, so that nothing can be said.", first.name);
    }
    let measured: Vec<&Column> = others.iter().filter(|column| column.hwm.is_some()).collect();
    if measured.is_empty() {
        return format!("No run under anything but {} can be counted.", first.name);
    }
    let told: Vec<&Column> =
        measured.into_iter().filter(|column| column.runs >= LEAST_RUNS).collect();
    if first.runs < LEAST_RUNS || told.is_empty() {
        return format!(
            "Too few repeats to tell: with fewer than {LEAST_RUNS} runs of each, a difference may well be \
             chance."
        );
    }
    let name = first.name.to_string();
    let memory = part(&told, &name, |c| c.hwm, |a| a.hwm, "needs the least memory", "memory");
    let time = part(&told, &name, |c| c.wall_us, |a| a.wall, "takes the least time", "time");
    format!("{memory} {time}")
}

fn part(
    columns: &[&Column],
    first: &str,
    figure: fn(&Column) -> Option<Spread>,
    of: fn(&AgainstFirst) -> Option<Against>,
    best: &str,
    what: &str,
) -> String {
    let against = |column: &Column| column.against.as_ref().and_then(of);
    let has = |verdict: Verdict| {
        move |column: &&&Column| against(column).is_some_and(|found| found.verdict == verdict)
    };
    let least = columns
        .iter()
        .filter(has(Verdict::Less))
        .min_by_key(|column| figure(column).map_or(u64::MAX, |spread| spread.median));
    if let Some(least) = least {
        let by = against(least).and_then(|found| found.by);
        let by = by.map(|by| format!(", {by:.0} less than {first}")).unwrap_or_default();
        return format!("{} {best}{by}.", least.name);
    }
    let known = columns.iter().filter(|column| against(column).is_some()).count();
    let more = columns.iter().filter(has(Verdict::More)).count();
    if known == 0 {
        format!("Nothing is known of {what}.")
    } else if more == known {
        format!("{first} {best}.")
    } else if more == 0 {
        format!("In {what} none differs from {first} by more than runs do among themselves.")
    } else {
        format!("None takes less {what} than {first} by more than runs differ among themselves.")
    }
}
