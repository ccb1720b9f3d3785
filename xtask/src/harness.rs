//! Reads along with what `cargo test -- --show-output` prints.
//!
//! The harness prints one `test result:` line for each test program, and what the tests themselves
//! printed. A test that finds a tool missing prints `skipped: …` and passes; those lines are kept,
//! so that a pass which proved nothing is not silent. The rest of the output of passed tests is not
//! shown again.

use crate::tally::Tally;

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) tally: Tally,
    /// Tests marked `#[ignore]`.
    pub(crate) ignored: u32,
    /// Full names of failed tests.
    pub(crate) failures: Vec<String>,
    /// The `skipped: …` lines, with the test that said so where it is known.
    pub(crate) skipped: Vec<String>,
    in_output_of_passed: bool,
    speaking: Option<String>,
}

impl Reading {
    /// Takes one line; returns whether the reader at the terminal wants to see it.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.in_output_of_passed = false;
            self.tally.passed = self.tally.passed.saturating_add(before(counts, " passed"));
            self.tally.failed = self.tally.failed.saturating_add(before(counts, " failed"));
            self.ignored = self.ignored.saturating_add(before(counts, " ignored"));
            return true;
        }
        if line == "successes:" {
            self.in_output_of_passed = true;
            return false;
        }
        if line == "failures:" {
            self.in_output_of_passed = false;
            return true;
        }
        if self.in_output_of_passed {
            return self.line_of_passed(line);
        }
        if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
        true
    }

    fn line_of_passed(&mut self, line: &str) -> bool {
        let heading = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(name) = heading {
            self.speaking = Some(name.to_owned());
        }
        if let Some(why) = line.strip_prefix("skipped: ") {
            let who = self.speaking.as_deref().unwrap_or("a test");
            self.skipped.push(format!("{who}: {why}"));
            return true;
        }
        false
    }
}

/// The number that stands before `word` in `3 passed; 1 failed; …`; 0 where there is none.
fn before(counts: &str, word: &str) -> u32 {
    counts
        .find(word)
        .and_then(|end| counts.get(..end))
        .and_then(|head| head.rsplit(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Reading, Vec<&str>) {
        let mut reading = Reading::default();
        let shown = text.lines().filter(|line| reading.line(line)).collect();
        (reading, shown)
    }

    const TWO_PROGRAMS: &str = "\
running 2 tests
test a::one ... ok
test a::two ... ok

successes:

---- a::one stdout ----
skipped: zsh is not installed
chatter


successes:
    a::one
    a::two

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

running 3 tests
test b::three ... ok
test b::four ... FAILED
test b::five ... ignored

failures:

---- b::four stdout ----
left: 1

failures:
    b::four

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    #[test]
    fn results_of_all_programs_add_up() {
        let (reading, _) = read(TWO_PROGRAMS);
        assert_eq!(reading.tally, Tally { passed: 3, failed: 1 });
        assert_eq!(reading.ignored, 1);
    }

    #[test]
    fn failures_are_named_once() {
        let (reading, _) = read(TWO_PROGRAMS);
        assert_eq!(reading.failures, ["b::four"]);
    }

    #[test]
    fn a_skip_is_kept_with_the_name_of_its_test() {
        let (reading, _) = read(TWO_PROGRAMS);
        assert_eq!(reading.skipped, ["a::one: zsh is not installed"]);
    }

    #[test]
    fn chatter_of_passed_tests_is_hidden_and_of_failed_ones_shown() {
        let (_, shown) = read(TWO_PROGRAMS);
        assert!(!shown.contains(&"chatter"));
        assert!(shown.contains(&"left: 1"));
        assert!(shown.contains(&"test b::three ... ok"));
    }
}
