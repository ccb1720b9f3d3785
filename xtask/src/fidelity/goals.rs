//! The goals, and what a comparison says of each.

use std::fmt;

use scenario::comparison::{ArmRow, ComparisonReport, QuantityRow, Unit};

/// Something that model and kernel should have alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Goal {
    Watermarks,
    Protection,
    Totals,
    Refusals,
    Badness,
    Constraint,
    Victims,
    MemoryEvents,
    Ksm,
    Claims,
    KillPoint,
    FreeAtKill,
    Swap,
    Cache,
    CgroupShares,
    Other,
}

/// All, in the order of the table.
pub(super) const ALL: [Goal; 16] = [
    Goal::Watermarks,
    Goal::Protection,
    Goal::Totals,
    Goal::Refusals,
    Goal::Badness,
    Goal::Constraint,
    Goal::Victims,
    Goal::MemoryEvents,
    Goal::Ksm,
    Goal::Claims,
    Goal::KillPoint,
    Goal::FreeAtKill,
    Goal::Swap,
    Goal::Cache,
    Goal::CgroupShares,
    Goal::Other,
];

impl Goal {
    /// Its name in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Goal::Watermarks => "watermarks",
            Goal::Protection => "protection of zones",
            Goal::Totals => "MemTotal, CommitLimit, SwapTotal",
            Goal::Refusals => "calls granted and refused",
            Goal::Badness => "badness of every task",
            Goal::Constraint => "constraint of the report",
            Goal::Victims => "victims, in order",
            Goal::MemoryEvents => "memory.events",
            Goal::Ksm => "KSM counters",
            Goal::Claims => "claims of the scenario",
            Goal::KillPoint => "kill point",
            Goal::FreeAtKill => "free at the kill",
            Goal::Swap => "swap in use",
            Goal::Cache => "cache left",
            Goal::CgroupShares => "memory of cgroups",
            Goal::Other => "other amounts",
        }
    }

    /// What is asked of it.
    pub(super) fn asks(self) -> &'static str {
        match self {
            Goal::Badness => "exact, but for what the kernel itself leaves out of its counters",
            Goal::KillPoint | Goal::FreeAtKill => "1 % or 2 MiB",
            Goal::Swap => "3 % or 1 MiB",
            Goal::Cache => "10 % or 1 MiB",
            Goal::CgroupShares => "1 % or 512 KiB",
            Goal::Other => "as `oomph lab` allows",
            _ => "exact",
        }
    }
}

/// What came of a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) goal: Goal,
    /// How many comparisons held, of how many.
    pub(super) held: u64,
    pub(super) of: u64,
    /// The farthest that did not hold, else the farthest at all; empty: all equal.
    pub(super) worst: String,
    rank: (bool, u64),
}

impl Row {
    fn new(goal: Goal) -> Row {
        Row { goal, held: 0, of: 0, worst: String::new(), rank: (false, 0) }
    }

    /// A row of which everything is known.
    pub(super) fn known(goal: Goal, held: u64, of: u64, worst: String) -> Row {
        Row { held, of, worst, ..Row::new(goal) }
    }

    pub(super) fn holds(&self) -> bool {
        self.held == self.of
    }

    /// Counts a comparison; `apart` in its unit.
    fn add(&mut self, held: bool, apart: u64, shown: impl FnOnce() -> String) {
        self.of += 1;
        self.held += u64::from(held);
        let rank = (!held, apart);
        if rank > self.rank {
            self.rank = rank;
            self.worst = shown();
        }
    }
}

/// Every goal that the comparison of two arms, the model's first, says something of.
pub(super) fn goals(report: &ComparisonReport) -> Vec<Row> {
    let mut rows: Vec<Row> = ALL.into_iter().map(Row::new).collect();
    let [model, real] = report.arms.as_slice() else { return Vec::new() };
    let mut add = |goal: Goal, held: bool, apart: u64, shown: &dyn Fn() -> String| {
        if let Some(row) = rows.iter_mut().find(|row| row.goal == goal) {
            row.add(held, apart, shown);
        }
    };
    for row in &report.quantities {
        let Some(goal) = goal_of(row) else { continue };
        let [Some(one), Some(other)] = row.values else { continue };
        let apart = one.abs_diff(other);
        // What the lab shows without judging it is exact here.
        let held = row.within.unwrap_or(apart == 0);
        add(goal, held, apart, &|| {
            format!(
                "{}, {}: {} and {}",
                row.what,
                row.moment,
                Amount(one, row.unit),
                Amount(other, row.unit)
            )
        });
    }
    for row in &report.steps {
        let [Some(one), Some(other)] = row.values.as_slice() else { continue };
        let refused = [one, other].map(|text| text.contains("= -1 "));
        add(Goal::Refusals, refused[0] == refused[1], 1, &|| {
            format!("`{}`: {one} and {other}", row.text)
        });
    }
    // Reports that one of them has left out (`__ratelimit()`) say nothing of constraints.
    let both = |row: &QuantityRow| {
        row.moment.starts_with("report") && row.what == "free" && !row.values.contains(&None)
    };
    let reports = report.quantities.iter().filter(|row| both(row)).count();
    let constraints = report.differences.iter().filter(|row| row.what.ends_with("the constraint"));
    let mut differ = 0;
    for row in constraints {
        if let [Some(one), Some(other)] = &row.values {
            differ += 1;
            add(Goal::Constraint, false, 1, &|| format!("{one} and {other}"));
        }
    }
    for _ in differ..reports {
        add(Goal::Constraint, true, 0, &String::new);
    }
    let dead = [dead(model), dead(real)];
    add(Goal::Victims, dead[0] == dead[1], 1, &|| victims(&dead));
    let lines = |arm: &ArmRow| arm.broken.iter().map(|row| row.line).collect::<Vec<_>>();
    let broken = [lines(model), lines(real)];
    if model.claims > 0 || real.claims > 0 {
        add(Goal::Claims, broken[0] == broken[1], 1, &|| {
            let words = |arm: &ArmRow| {
                let all: Vec<String> = arm
                    .broken
                    .iter()
                    .map(|row| format!("line {}: {} ({})", row.line, row.wanted, row.found))
                    .collect();
                if all.is_empty() { "all hold".to_owned() } else { all.join(", ") }
            };
            format!("{}; {}", words(model), words(real))
        });
    }
    rows.retain(|row| row.of > 0);
    rows
}

/// Which goal a quantity belongs to; `None`: it is shown and not judged.
fn goal_of(row: &QuantityRow) -> Option<Goal> {
    let what = row.what.as_str();
    let report = row.moment.starts_with("report");
    let goal = match what {
        "meminfo MemTotal" | "meminfo CommitLimit" | "meminfo SwapTotal" => Goal::Totals,
        "meminfo SwapFree" | "swap in use" => Goal::Swap,
        "meminfo Cached" | "page cache" => Goal::Cache,
        "free" if report => Goal::FreeAtKill,
        _ if what.starts_with("zoneinfo") && what.ends_with("boost") => return None,
        _ if what.starts_with("zoneinfo") && what.contains("protection") => Goal::Protection,
        _ if what.starts_with("zoneinfo") && what.ends_with("managed") => Goal::Totals,
        _ if what.starts_with("zoneinfo") => Goal::Watermarks,
        _ if what.starts_with("badness of") => Goal::Badness,
        _ if what.ends_with("bytes touched") => Goal::KillPoint,
        _ if what.starts_with("ksm ") => Goal::Ksm,
        _ if what.contains(" memory.events ") => Goal::MemoryEvents,
        _ if what.ends_with(" memory.current") || what.ends_with(" memory.usage_in_bytes") => {
            Goal::CgroupShares
        }
        _ => {
            row.within?;
            Goal::Other
        }
    };
    Some(goal)
}

/// Who died in each; where there are many, where they begin to differ.
fn victims([one, other]: &[Vec<String>; 2]) -> String {
    const MANY: usize = 12;
    let words = |all: &[String]| match all {
        [] => "nobody".to_owned(),
        all => all.join(" "),
    };
    if one.len().max(other.len()) <= MANY {
        return format!("{} and {}", words(one), words(other));
    }
    let counts = format!("{} and {} victims", one.len(), other.len());
    match one.iter().zip(other).position(|(one, other)| one != other) {
        Some(at) => format!("{counts}, number {} is {} and {}", at + 1, one[at], other[at]),
        None if one == other => format!("{counts}, the same"),
        None => format!("{counts}, the same as far as there are"),
    }
}

/// Who died, in this order, and the panic.
fn dead(arm: &ArmRow) -> Vec<String> {
    let names = arm.deaths.iter().map(|death| match death.nth {
        0 => death.process.clone(),
        nth => format!("{}.{nth}", death.process),
    });
    names.chain(arm.panic.iter().cloned()).collect()
}

/// An amount for people.
struct Amount(u64, Unit);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Unit::Bytes => write!(f, "{} kB", self.0 / 1024),
            Unit::Count => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(values: [u64; 2], what: &str, within: Option<bool>) -> ComparisonReport {
        let arm = |name: &str| ArmRow {
            arm: name.to_owned(),
            kernel: None,
            steps: 1,
            stopped: None,
            claims: 0,
            broken: Vec::new(),
            deaths: Vec::new(),
            panic: None,
        };
        ComparisonReport {
            schema: scenario::comparison::SCHEMA,
            scenario: "t".to_owned(),
            title: None,
            arms: vec![arm("model"), arm("vm:6.1")],
            equal: None,
            differences: Vec::new(),
            quantities: vec![QuantityRow {
                between: [0, 1],
                moment: "end".to_owned(),
                what: what.to_owned(),
                unit: Unit::Count,
                values: values.map(Some),
                allowed: None,
                within,
            }],
            steps: Vec::new(),
            curves: Vec::new(),
        }
    }

    fn found(values: [u64; 2], what: &str, within: Option<bool>) -> Vec<(Goal, u64, u64)> {
        let all = goals(&report(values, what, within));
        all.iter().map(|row| (row.goal, row.held, row.of)).collect()
    }

    #[test]
    fn events_of_cgroups_are_exact_though_the_lab_does_not_judge_them() {
        let victims = (Goal::Victims, 1, 1);
        let what = "/web memory.events max";
        assert_eq!(found([5, 5], what, None), [victims, (Goal::MemoryEvents, 1, 1)]);
        assert_eq!(found([5, 6], what, None), [victims, (Goal::MemoryEvents, 0, 1)]);
    }

    #[test]
    fn what_is_only_shown_is_no_goal() {
        assert_eq!(found([5, 6], "vmstat pgfault", None), [(Goal::Victims, 1, 1)]);
    }

    #[test]
    fn the_farthest_that_does_not_hold_is_named() {
        let mut report = report([5, 6], "zoneinfo 0 DMA min", Some(false));
        let mut more = report.quantities.clone();
        more[0].values = [Some(900), Some(0)];
        more[0].within = Some(true);
        report.quantities.extend(more);
        let rows = goals(&report);
        let marks = rows.iter().find(|row| row.goal == Goal::Watermarks).expect("marks");
        assert_eq!(marks.worst, "zoneinfo 0 DMA min, end: 5 and 6");
        assert!(!marks.holds());
    }
}
