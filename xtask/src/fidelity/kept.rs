//! Results in a file, a line of JSON each.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::goals::{ALL, Row};
use super::{Results, Run};
use crate::Stop;

/// Adds a result.
pub(super) fn add(path: &Path, run: &Run, package: &str, title: &str) -> Result<(), Stop> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    writeln!(file, "{}", line(run, package, title))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn line(run: &Run, package: &str, title: &str) -> Value {
    let rows = match &run.result {
        Err(why) => json!(why),
        Ok(rows) => {
            rows.iter().map(|row| json!([row.goal.name(), row.held, row.of, row.worst])).collect()
        }
    };
    json!([run.series, package, run.scenario, title, rows])
}

/// All results of some files. Of a scenario on a kernel the latest counts.
pub(super) fn read(paths: &[PathBuf]) -> Result<Results, Stop> {
    let mut results = Results { kernels: Vec::new(), scenarios: Vec::new(), runs: Vec::new() };
    for path in paths {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        for (number, line) in (1..).zip(text.lines()) {
            let value = serde_json::from_str(line).unwrap_or_default();
            take(&mut results, &value)
                .ok_or_else(|| format!("{}:{number}: this is no result", path.display()))?;
        }
    }
    results.scenarios.sort();
    Ok(results)
}

fn take(results: &mut Results, value: &Value) -> Option<()> {
    let [series, package, scenario, title, rows] = value.as_array()?.as_slice() else {
        return None;
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let result = match rows {
        Value::String(why) => Err(why.clone()),
        _ => Ok(rows.as_array()?.iter().map(row).collect::<Option<Vec<Row>>>()?),
    };
    let run = Run { scenario: text(scenario)?, series: text(series)?, result };
    let kernel = (run.series.clone(), text(package)?);
    if !results.kernels.contains(&kernel) {
        results.kernels.push(kernel);
    }
    let named = (run.scenario.clone(), text(title)?);
    if !results.scenarios.contains(&named) {
        results.scenarios.push(named);
    }
    let same = |other: &Run| (&other.scenario, &other.series) == (&run.scenario, &run.series);
    results.runs.retain(|other| !same(other));
    results.runs.push(run);
    Some(())
}

fn row(value: &Value) -> Option<Row> {
    let [goal, held, of, worst] = value.as_array()?.as_slice() else { return None };
    let goal = ALL.into_iter().find(|known| goal.as_str() == Some(known.name()))?;
    Some(Row::known(goal, held.as_u64()?, of.as_u64()?, worst.as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::goals::Goal;

    #[test]
    fn a_result_is_read_back_as_it_was_and_the_latest_counts() {
        let mut results = Results { kernels: Vec::new(), scenarios: Vec::new(), runs: Vec::new() };
        let rows = vec![Row::known(Goal::Victims, 0, 1, "a and b".to_owned())];
        for result in [Err("no machine".to_owned()), Ok(rows.clone())] {
            let run = Run { scenario: "s".to_owned(), series: "6.1".to_owned(), result };
            assert_eq!(take(&mut results, &line(&run, "linux-image", "A title")), Some(()));
        }
        assert_eq!(results.runs.len(), 1);
        assert_eq!(results.runs[0].result, Ok(rows));
        assert_eq!(results.kernels, [("6.1".to_owned(), "linux-image".to_owned())]);
        assert_eq!(take(&mut results, &json!(["6.1"])), None);
    }
}
