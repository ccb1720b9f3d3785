//! What many runs come to, as plain data.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use units::Bytes;

use super::{Kind, Value};

/// Name and version of the format.
pub const SCHEMA: &str = "oomph.variations/1";

/// Many runs of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VariationsReport {
    /// Name and version of this format.
    pub schema: &'static str,
    /// The file.
    pub scenario: String,
    /// What the scenario says it shows.
    pub title: Option<String>,
    /// Where everything random started.
    pub seed: u64,
    /// The places whose values differ from run to run.
    pub varied: Vec<VariedRow>,
    /// What came of all of them.
    pub summary: Summary,
    /// Who died how often, the most often first.
    pub victims: Vec<VictimRow>,
    /// The least or the greatest value with which nobody dies (`--find`); null: not asked for.
    pub found: Option<FoundRow>,
    /// Every run, in order.
    pub runs: Vec<RunRow>,
}

/// A place whose values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VariedRow {
    /// As it was named: `process.web.grow`.
    pub place: String,
    /// Which values it takes, as they were given.
    pub values: String,
    /// Where it decides who lives; null: nobody died, or somebody died in each run.
    pub edge: Option<EdgeRow>,
}

/// How survival goes with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EdgeRow {
    /// The least value with which everybody lived.
    pub least_survived: AmountRow,
    /// The greatest value with which everybody lived.
    pub greatest_survived: AmountRow,
    /// The least value with which somebody died.
    pub least_died: AmountRow,
    /// The greatest value with which somebody died.
    pub greatest_died: AmountRow,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AmountRow {
    /// As a scenario has it.
    pub text: String,
    /// The number.
    pub amount: i64,
    /// Whether it is bytes.
    pub bytes: bool,
}

impl From<Value> for AmountRow {
    fn from(value: Value) -> AmountRow {
        AmountRow {
            text: value.to_string(),
            amount: value.amount,
            bytes: value.kind == Kind::Bytes,
        }
    }
}

/// What came of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Summary {
    /// How many runs there were.
    pub runs: u64,
    /// In how many nobody was killed for lack of memory.
    pub survived: u64,
    /// In how many somebody was.
    pub died: u64,
    /// In how many the kernel panicked.
    pub panicked: u64,
    /// How many could not be done.
    pub failed: u64,
    /// In how many every expectation came true.
    pub as_expected: u64,
    /// What the first victim had touched when it was killed: the least, over all runs with one.
    pub kill_point_least: Option<Bytes>,
    /// … in the middle.
    pub kill_point_median: Option<Bytes>,
    /// … the most.
    pub kill_point_most: Option<Bytes>,
}

/// Who died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VictimRow {
    /// The name; several processes may have it.
    pub process: String,
    /// In how many runs one of that name was killed.
    pub runs: u64,
    /// In how many it was the first.
    pub first: u64,
    /// How many were killed, over all runs.
    pub killed: u64,
}

/// Where the edge is, by bisection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FoundRow {
    /// The place.
    pub place: String,
    /// The value next to the edge with which nobody dies; null: somebody always does.
    pub survives: Option<AmountRow>,
    /// The value next to it with which somebody does; null: nobody ever does.
    pub dies: Option<AmountRow>,
    /// How many runs it took.
    pub runs: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nobody was killed for lack of memory.
    Survived,
    /// Somebody was.
    Died,
    /// The kernel panicked.
    Panicked,
    /// It could not be done.
    Failed,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunRow {
    /// Its number, from 0.
    pub run: u64,
    /// The values, in the order of the places.
    pub values: Vec<AmountRow>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whom the OOM killer chose, in this order.
    pub victims: Vec<String>,
    /// What the first of them had touched.
    pub kill_point: Option<Bytes>,
    /// Virtual time at the end, in nanoseconds.
    pub time_ns: u64,
    /// How many steps were done.
    pub steps: u64,
    /// Lines of expectations that did not come true.
    pub broken: Vec<usize>,
    /// Why it could not be done; null: it was.
    pub failure: Option<String>,
}

impl VariationsReport {
    /// From the runs.
    pub fn of(
        scenario: String,
        title: Option<String>,
        seed: u64,
        varied: Vec<(String, String)>,
        runs: Vec<RunRow>,
    ) -> VariationsReport {
        let varied = varied
            .into_iter()
            .enumerate()
            .map(|(at, (place, values))| VariedRow { place, values, edge: edge(&runs, at) })
            .collect();
        VariationsReport {
            schema: SCHEMA,
            scenario,
            title,
            seed,
            varied,
            summary: summary(&runs),
            victims: victims(&runs),
            found: None,
            runs,
        }
    }
}

fn edge(runs: &[RunRow], at: usize) -> Option<EdgeRow> {
    let of = |survived: bool| {
        let matching = runs.iter().filter(move |run| match run.outcome {
            Outcome::Survived => survived,
            Outcome::Died | Outcome::Panicked => !survived,
            Outcome::Failed => false,
        });
        let values = matching.filter_map(|run| run.values.get(at));
        let least = values.clone().min_by_key(|value| value.amount)?.clone();
        let greatest = values.max_by_key(|value| value.amount)?.clone();
        Some((least, greatest))
    };
    let (least_survived, greatest_survived) = of(true)?;
    let (least_died, greatest_died) = of(false)?;
    Some(EdgeRow { least_survived, greatest_survived, least_died, greatest_died })
}

fn summary(runs: &[RunRow]) -> Summary {
    let count = |outcome| runs.iter().filter(|run| run.outcome == outcome).count() as u64;
    let mut points: Vec<Bytes> = runs.iter().filter_map(|run| run.kill_point).collect();
    points.sort_unstable();
    let done = runs.iter().filter(|run| run.outcome != Outcome::Failed);
    Summary {
        runs: runs.len() as u64,
        survived: count(Outcome::Survived),
        died: count(Outcome::Died),
        panicked: count(Outcome::Panicked),
        failed: count(Outcome::Failed),
        as_expected: done.filter(|run| run.broken.is_empty()).count() as u64,
        kill_point_least: points.first().copied(),
        kill_point_median: points.get(points.len() / 2).copied(),
        kill_point_most: points.last().copied(),
    }
}

fn victims(runs: &[RunRow]) -> Vec<VictimRow> {
    let mut all: BTreeMap<&str, VictimRow> = BTreeMap::new();
    for run in runs {
        let mut seen: Vec<&str> = Vec::new();
        for (order, name) in run.victims.iter().enumerate() {
            let row = all.entry(name).or_insert_with(|| VictimRow {
                process: name.clone(),
                runs: 0,
                first: 0,
                killed: 0,
            });
            row.killed += 1;
            row.first += u64::from(order == 0);
            if !seen.contains(&name.as_str()) {
                row.runs += 1;
                seen.push(name);
            }
        }
    }
    let mut all: Vec<VictimRow> = all.into_values().collect();
    all.sort_by(|a, b| b.runs.cmp(&a.runs).then_with(|| a.process.cmp(&b.process)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u64, amount: i64, victims: &[&str], point: Option<u64>) -> RunRow {
        RunRow {
            run: number,
            values: vec![Value { amount, kind: Kind::Bytes }.into()],
            outcome: if victims.is_empty() { Outcome::Survived } else { Outcome::Died },
            victims: victims.iter().map(|name| (*name).to_owned()).collect(),
            kill_point: point.map(Bytes::new),
            time_ns: 0,
            steps: 1,
            broken: Vec::new(),
            failure: None,
        }
    }

    #[test]
    fn who_died_how_often_and_where_the_edge_is_follow_from_the_runs() {
        let runs = vec![
            run(0, 4096, &[], None),
            run(1, 12288, &["web", "db", "web"], Some(7)),
            run(2, 8192, &["db"], Some(5)),
            run(3, 6144, &[], None),
        ];
        let varied = vec![("process.web.grow".to_owned(), "4KiB..12KiB".to_owned())];
        let report = VariationsReport::of("t".to_owned(), None, 1, varied, runs);
        let summary = report.summary;
        assert_eq!((summary.runs, summary.survived, summary.died), (4, 2, 2));
        assert_eq!(summary.kill_point_median, Some(Bytes::new(7)));
        let edge = report.varied[0].edge.as_ref().expect("an edge");
        assert_eq!((edge.greatest_survived.amount, edge.least_died.amount), (6144, 8192));
        let victims: Vec<_> = report
            .victims
            .iter()
            .map(|v| (v.process.as_str(), v.runs, v.first, v.killed))
            .collect();
        assert_eq!(victims, [("db", 2, 1, 2), ("web", 1, 1, 2)]);
    }

    #[test]
    fn there_is_no_edge_where_nobody_died() {
        let report = VariationsReport::of(
            String::new(),
            None,
            1,
            vec![<_>::default()],
            vec![run(0, 1, &[], None)],
        );
        assert_eq!(report.varied[0].edge, None);
    }
}
