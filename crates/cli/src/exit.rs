//! Exit codes: all of them, and nowhere else.
//!
//! With `--check` they follow the convention of monitoring plugins (Nagios and its relatives), under
//! which 2 is "critical" and 3 "unknown"; without it, that of ordinary programs, under which 2 is
//! wrong usage. So everything that goes wrong is 3 as soon as `--check` stands on the command line:
//! a check that could not check must never look like an alarm, nor like peace.

use std::process::ExitCode;

use rules::status::Level;

/// Which convention holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convention {
    /// 0 done, 1 failed, 2 wrong usage.
    Program,
    /// 0 calm, 1 near, 2 at the wall, 3 cannot tell.
    Check,
}

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for was done.
    Done,
    /// Done as far as it could be read, and that is not enough (`--strict`).
    Partly,
    /// The machine was judged, and the judgement is the answer (`--check`).
    Judged(Level),
    /// A kernel's choice was checked and is not the one its rules make (`explain --verify`).
    Disagrees,
    /// What `oomph compat` stands in for ended with this status.
    OtherProgram(u8),
    /// It could not be done.
    Failed,
    /// The command line makes no sense.
    WrongUsage,
}

/// Every code with its meaning, as the manual prints them.
pub(crate) const DOCUMENTED: &[(&str, &str)] = &[
    ("0", "Done. With --check: calm."),
    ("1", "Failed: a message on standard error says what and why. With --check: near."),
    ("2", "Wrong usage. With --check: at the wall."),
    ("0, 1", "Behind `explain --verify`: every choice checks out, or one does not (or it failed)."),
    ("1, 2, 42, 255", "Behind `compat`: as smem, pmap and free end."),
    (
        "3",
        "With --check: cannot tell. Every error and wrong usage is this, too. With --strict: the \
         answer is there, but some of it could not be read.",
    ),
];

/// The code of an outcome.
pub(crate) fn code(outcome: Outcome, convention: Convention) -> ExitCode {
    ExitCode::from(number(outcome, convention))
}

fn number(outcome: Outcome, convention: Convention) -> u8 {
    match (convention, outcome) {
        (_, Outcome::OtherProgram(status)) => status,
        (_, Outcome::Done | Outcome::Judged(Level::Calm)) => 0,
        (_, Outcome::Judged(Level::Near) | Outcome::Disagrees)
        | (Convention::Program, Outcome::Failed) => 1,
        (_, Outcome::Judged(Level::AtTheWall)) | (Convention::Program, Outcome::WrongUsage) => 2,
        (_, Outcome::Judged(Level::Unknown) | Outcome::Partly)
        | (Convention::Check, Outcome::Failed | Outcome::WrongUsage) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_could_not_check_is_neither_alarm_nor_peace() {
        for outcome in [Outcome::Failed, Outcome::WrongUsage, Outcome::Judged(Level::Unknown)] {
            assert_eq!(number(outcome, Convention::Check), 3, "{outcome:?}");
        }
    }

    #[test]
    fn levels_are_the_codes_of_monitoring_plugins() {
        let levels = [Level::Calm, Level::Near, Level::AtTheWall, Level::Unknown];
        let codes = levels.map(|level| number(Outcome::Judged(level), Convention::Check));
        assert_eq!(codes, [0, 1, 2, 3]);
    }

    #[test]
    fn without_check_only_mistakes_are_not_zero() {
        let outcomes = [Outcome::Done, Outcome::Failed, Outcome::WrongUsage];
        assert_eq!(outcomes.map(|outcome| number(outcome, Convention::Program)), [0, 1, 2]);
    }
}
