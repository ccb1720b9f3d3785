//! What a comparison says of victims, and of quantities.

use std::fmt;

use scenario::comparison::{ArmRow, ComparisonReport};

/// In which way a case came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The same victims, and every step the same.
    Same,
    /// The same victims, and a step that came out otherwise.
    Steps,
    /// Other victims, but the same when the kernel was asked again.
    Undecided,
    /// Other victims.
    Victims,
    /// It could not be performed, or not to its end.
    Stopped,
}

/// What came of a case.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// Whether somebody was killed on the real kernel, or it panicked.
    pub(super) kills: bool,
    /// Who died on the model, and on the real kernel.
    victims: [String; 2],
    /// What differed, or why it was not performed.
    notes: Vec<String>,
    pub(super) quantities: Vec<Apart>,
}

/// A quantity that was compared.
#[derive(Debug, Clone)]
pub(super) struct Apart {
    /// What, without the numbers and names of one case.
    pub(super) what: String,
    pub(super) within: bool,
    pub(super) distance: u64,
    /// With both values.
    shown: String,
}

impl Verdict {
    /// The same, of a kernel that does not choose so every time.
    pub(super) fn undecided(self) -> Verdict {
        Verdict { kind: Kind::Undecided, ..self }
    }

    /// Whether a quantity is too far apart.
    pub(super) fn is_apart(&self) -> bool {
        self.quantities.iter().any(|quantity| !quantity.within)
    }

    pub(super) fn stopped(why: String) -> Verdict {
        Verdict {
            kind: Kind::Stopped,
            kills: false,
            victims: Default::default(),
            notes: vec![why],
            quantities: Vec::new(),
        }
    }

    pub(super) fn of(report: &ComparisonReport) -> Verdict {
        let [model, real] = report.arms.as_slice() else {
            return Verdict::stopped(format!("there are {} arms", report.arms.len()));
        };
        for arm in [model, real] {
            if let Some(why) = &arm.stopped {
                return Verdict::stopped(format!("{}: {why}", arm.arm));
            }
        }
        let dead = [dead(model), dead(real)];
        // How far somebody came before the end is a quantity; whether a step was refused is none.
        let steps: Vec<String> = report
            .steps
            .iter()
            .filter_map(|row| {
                let [Some(one), Some(other)] = row.values.as_slice() else { return None };
                let refused = [one, other].map(|text| text.contains("= -1 "));
                (refused[0] != refused[1])
                    .then(|| format!("{} {}: {one} and {other}", row.process, row.text))
            })
            .collect();
        let kind = match (dead[0] == dead[1], steps.is_empty()) {
            (true, true) => Kind::Same,
            (true, false) => Kind::Steps,
            (false, _) => Kind::Victims,
        };
        let quantities = report.quantities.iter().filter_map(|row| {
            let [Some(one), Some(other)] = row.values else { return None };
            let moment = row.moment.split(' ').next().unwrap_or_default();
            // Of the machine since its boot, which may have seen other scenarios.
            if row.what == "vmstat oom_kill" {
                return None;
            }
            let what = match row.what.split_once(' ') {
                Some((group, rest)) if group.starts_with('/') => format!("cgroup {rest}"),
                Some(("badness", "of hog")) => "badness of the hog".to_owned(),
                Some(("badness", _)) => "badness of the others".to_owned(),
                _ if row.what.ends_with("bytes touched") => "bytes touched".to_owned(),
                _ => row.what.clone(),
            };
            Some(Apart {
                what: format!("{moment}: {what}"),
                within: row.within?,
                shown: format!("{} {}: {one} and {other}", row.moment, row.what),
                distance: one.abs_diff(other),
            })
        });
        Verdict {
            kind,
            kills: !real.deaths.is_empty() || real.panic.is_some(),
            victims: dead,
            quantities: quantities.collect(),
            notes: steps,
        }
    }
}

/// Who died, in this order, and the panic.
fn dead(arm: &ArmRow) -> String {
    let names = arm.deaths.iter().map(|death| match death.nth {
        0 => death.process.clone(),
        nth => format!("{}.{nth}", death.process),
    });
    let panic = arm.panic.iter().map(|words| format!("panic ({words})"));
    let all: Vec<String> = names.chain(panic).collect();
    if all.is_empty() { "nobody".to_owned() } else { all.join(" ") }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Stopped => write!(f, "not performed")?,
            Kind::Same => write!(f, "same: {}", self.victims[0])?,
            Kind::Steps => write!(f, "same victims ({}), other steps", self.victims[0])?,
            Kind::Undecided | Kind::Victims => {
                write!(f, "VICTIMS DIFFER: model {}; kernel {}", self.victims[0], self.victims[1])?;
            }
        }
        for note in self.notes.iter().take(4) {
            write!(f, "\n         {note}")?;
        }
        let far: Vec<&str> = self
            .quantities
            .iter()
            .filter(|quantity| !quantity.within)
            .map(|quantity| quantity.shown.as_str())
            .collect();
        if !far.is_empty() {
            write!(f, "\n         apart: {}", far.join("; "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use scenario::comparison::{DeathRow, SCHEMA, StepRow};

    use super::*;

    fn arm(dead: &[&str], panic: Option<&str>) -> ArmRow {
        let deaths =
            dead.iter().map(|name| DeathRow { process: (*name).to_owned(), nth: 0, step: 1 });
        ArmRow {
            arm: "model".to_owned(),
            kernel: None,
            steps: 1,
            stopped: None,
            claims: 0,
            broken: Vec::new(),
            deaths: deaths.collect(),
            panic: panic.map(str::to_owned),
        }
    }

    fn verdict(arms: [ArmRow; 2], step: [&str; 2]) -> Verdict {
        Verdict::of(&ComparisonReport {
            schema: SCHEMA,
            scenario: "t".to_owned(),
            title: None,
            arms: arms.into(),
            equal: None,
            differences: Vec::new(),
            quantities: Vec::new(),
            steps: vec![StepRow {
                process: "hog".to_owned(),
                line: None,
                text: "grow".to_owned(),
                times: 1,
                values: step.map(|text| Some(text.to_owned())).into(),
                equal: false,
            }],
            curves: Vec::new(),
        })
    }

    #[test]
    fn the_order_of_victims_counts() {
        let same = ["done", "done"];
        let of =
            |one: &[&str], other: &[&str]| verdict([arm(one, None), arm(other, None)], same).kind;
        assert_eq!(of(&["a", "b"], &["a", "b"]), Kind::Same);
        assert_eq!(of(&["a", "b"], &["b", "a"]), Kind::Victims);
        assert_eq!(of(&["a"], &[]), Kind::Victims);
    }

    #[test]
    fn a_panic_is_an_end_like_another() {
        let found = verdict([arm(&[], Some("x")), arm(&[], None)], ["done", "done"]);
        assert_eq!((found.kind, found.kills), (Kind::Victims, false));
    }

    #[test]
    fn how_far_somebody_came_is_no_step_and_a_refusal_is() {
        let of = |step| verdict([arm(&["a"], None), arm(&["a"], None)], step).kind;
        assert_eq!(of(["done", "43 done, then killed"]), Kind::Same);
        assert_eq!(of(["mmap() = 0x1000", "mmap() = -1 ENOMEM"]), Kind::Steps);
    }

    #[test]
    fn what_stopped_is_not_compared() {
        let stopped = ArmRow { stopped: Some("no".to_owned()), ..arm(&[], None) };
        assert_eq!(verdict([stopped, arm(&["a"], None)], ["", ""]).kind, Kind::Stopped);
    }
}
