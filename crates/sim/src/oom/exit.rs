//! How long a victim takes to go, and what the others do meanwhile.
//!
//! # What it follows
//! The signal wakes the victim, which has slept and runs at once, for half a scheduling period (3 ms of ticks of
//! 4 ms) longer than others (`place_entity()`): beginning with the victim, it and the others take turns of
//! [`crate::MachineConfig::turn`] until it has unmapped what it had. Where there is another processor, the
//! others run beside it. Its pages come back all together, when that is done: `exit_mmap()` gathers up to ten
//! thousand of them before the first is free (`mmu_gather`). Until then `oom_evaluate_task()` finds a victim that
//! has not gone, and whoever asks is told to try again.
//!
//! # What it leaves out
//! For whom the memory of the machine has run out, a victim goes at once: nothing but the number of futile
//! attempts to reclaim is seen of the difference. That victims of more than ten thousand pages give
//! the first of them back before they have gone.

use crate::ctx::Ctx;

/// What it takes, nanoseconds: a twentieth of what it is under emulation, as in `psi/costs.rs`, and the least of
/// what was measured, for a busy host only adds to it.
///
/// A page of a victim's, to be unmapped and freed: 1.0 µs, and 2.1 and 5.0 (`memory.pressure` of
/// `scenarios/51-nested-limits.kdl` on 6.1 and 6.12, less the attempts).
const UNMAP: u64 = 50;
/// An attempt to reclaim in a cgroup where there is nothing: 0.17 ms, and up to 1.3 (the same of
/// `scenarios/49-cgroup-limit.kdl`, `52-oom-group.kdl` and `67-a-cgroup-does-not-panic.kdl`).
const ATTEMPT: u64 = 8_600;
/// A question to the OOM killer, which finds that its victim has not gone: 1.26 µs, in the middle of three, by the
/// above (`oom` in `memory.events` of `scenarios/88-a-limit-below-what-is-used.kdl`).
const QUESTION: u64 = 63;

/// What passes while victims go, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// In all.
    pub(crate) time: u64,
    /// Of which others have the processor.
    others: u64,
}

impl Wait {
    /// For victims of so many pages, where turns are so long.
    fn of(pages: u64, turn: u64, cpus: u32) -> Wait {
        let exit = pages.saturating_mul(UNMAP);
        if cpus > 1 {
            return Wait { time: exit, others: exit };
        }
        let rest = exit.saturating_sub(turn.saturating_add(turn / 4 * 3));
        let turns = if turn == 0 { 0 } else { rest.div_ceil(turn) };
        let others = turns.saturating_mul(turn);
        Wait { time: exit.saturating_add(others), others }
    }

    /// Futile attempts of somebody who needs memory.
    pub(crate) fn attempts(self) -> u64 {
        self.others / ATTEMPT
    }

    /// Questions to the OOM killer of somebody who does nothing else.
    pub(crate) fn questions(self) -> u64 {
        self.others / QUESTION
    }
}

impl Ctx<'_> {
    /// What passes until those are gone that the OOM killer has just killed for this task.
    pub(crate) fn victims_go(&self) -> Wait {
        Wait::of(self.store.oom.leaving, self.store.config.turn, self.store.config.cpus)
    }
}

#[cfg(test)]
mod tests {
    use super::Wait;

    /// On the lab's machines: a tick is a twentieth of 4 ms there.
    fn check(pages: u64, attempts: u64) {
        assert_eq!(Wait::of(pages, 200_000, 1).attempts(), attempts, "{pages} pages");
    }

    #[test]
    fn a_small_victim_is_gone_before_anybody_looks() {
        check(0, 0);
        check(7000, 0);
    }

    #[test]
    fn others_try_a_turn_for_each_turn_that_a_large_victim_needs() {
        check(7001, 23);
        // 32 to 41 (`scenarios/51-nested-limits.kdl`).
        check(7696, 23);
    }

    #[test]
    fn who_does_nothing_but_ask_asks_thousands_of_times() {
        // 9539 on 6.1, 6287 and 22863 on 6.12 (`scenarios/88-a-limit-below-what-is-used.kdl`).
        assert_eq!(Wait::of(15_392, 200_000, 1).questions(), 9523);
    }

    #[test]
    fn without_turns_nobody_tries() {
        assert_eq!(Wait::of(15_392, 0, 1).attempts(), 0);
    }

    #[test]
    fn with_another_processor_others_try_all_the_time() {
        assert_eq!(Wait::of(10_000, 4_000_000, 2), Wait { time: 500_000, others: 500_000 });
        assert_eq!(Wait::of(10_000, 4_000_000, 1).attempts(), 0);
    }
}
