//! Pages of files and shared memory that may still wait to be put on a list that is reclaimed from.
//!
//! # What it follows
//! `folio_add_lru()` in `mm/swap.c`: each processor puts what was made there on the lists in batches of 31, and
//! before that for calls that look at lists. Until then nobody on another processor can page it out.
//!
//! # What it leaves out
//! Which processors tasks run on: what a task made last may wait for all others, and never for itself.

/// `PAGEVEC_SIZE`.
const BATCH: u64 = 31;
/// Runs that are remembered, of all tasks together.
const MOST: usize = 128;

/// What tasks made last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fresh(Vec<Made>);

#[derive(Debug, Clone, Copy)]
struct Made {
    task: usize,
    first: u64,
    count: u64,
}

impl Fresh {
    /// A task has made these frames.
    pub(crate) fn made(&mut self, task: usize, first: u64, count: u64) {
        let kept = count.min(BATCH);
        let mut room = BATCH - kept;
        for made in self.0.iter_mut().rev().filter(|made| made.task == task) {
            let lost = made.count.saturating_sub(room);
            (made.first, made.count) = (made.first + lost, made.count - lost);
            room -= made.count;
        }
        self.0.push(Made { task, first: first + count - kept, count: kept });
        self.0.retain(|made| made.count > 0);
        if self.0.len() > MOST {
            self.0.remove(0);
        }
    }

    /// How many of these frames others than this task made last.
    pub(crate) fn of_others(&self, task: usize, first: u64, count: u64) -> u64 {
        let others = self.0.iter().filter(|made| made.task != task);
        others
            .map(|made| {
                let end = (made.first + made.count).min(first + count);
                end.saturating_sub(made.first.max(first))
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_made_its_last_31_pages_last() {
        let mut fresh = Fresh::default();
        fresh.made(1, 100, 20);
        fresh.made(2, 500, 40);
        fresh.made(1, 200, 20);
        assert_eq!(fresh.of_others(2, 100, 9), 0);
        assert_eq!(fresh.of_others(2, 100, 20), 11);
        assert_eq!(fresh.of_others(2, 0, 1000), 31);
        assert_eq!(fresh.of_others(1, 0, 1000), 31);
        assert_eq!(fresh.of_others(1, 500, 10), 1);
    }
}
