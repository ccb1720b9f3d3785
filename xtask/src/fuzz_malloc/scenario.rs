//! The kinds of traces: which library, which settings, how many threads.

use super::mix::{Mix, Plan};
use super::real::Library;
use malloc::Tunables;

/// A kind of trace.
#[derive(Debug, Clone)]
pub(super) struct Scenario<'a> {
    pub(super) name: String,
    pub(super) library: &'a Library,
    pub(super) tunables: Tunables,
    pub(super) plan: Plan,
    /// Whether the debugging library is loaded.
    pub(super) checked: bool,
}

/// The settings that are tried, one at a time.
fn tunables(number: u64) -> Tunables {
    let none = Tunables::default();
    let all = [
        Tunables { tcache_count: Some(0), ..none },
        Tunables { tcache_count: Some(127), tcache_max: Some(512), ..none },
        Tunables { tcache_unsorted_limit: Some(3), ..none },
        Tunables { mxfast: Some(0), ..none },
        Tunables { mxfast: Some(160), ..none },
        Tunables { top_pad: Some(0), ..none },
        Tunables { mmap_threshold: Some(4096), trim_threshold: Some(8192), ..none },
        Tunables { mmap_max: Some(2), ..none },
        Tunables { arena_max: Some(1), perturb: Some(85), ..none },
        Tunables { hugetlb: Some(1), ..none },
        Tunables { hugetlb: Some(2), ..none },
        Tunables { arena_test: Some(1), top_pad: Some(1 << 20), ..none },
    ];
    let at = usize::try_from(number).unwrap_or(0) % all.len();
    all[at]
}

/// All kinds for one library, with random numbers from `seed`, of some `ops` operations each.
pub(super) fn all<'a>(
    library: &'a Library,
    mixes: &[Mix],
    seed: u64,
    ops: usize,
) -> Vec<Scenario<'a>> {
    let mut scenarios = Vec::new();
    for (number, mix) in (0..).zip(mixes) {
        // Large blocks cost the real library time, which small ones use better.
        let ops = match mix {
            Mix::Small | Mix::Mid | Mix::Mixed => ops,
            Mix::Large => ops / 2,
            Mix::Huge => ops / 10,
        };
        let plan = Plan::new(*mix, seed, ops);
        let narrow = library.rules.word == 4;
        // A process of 32 bits has no room for many threads' heaps and large blocks.
        let crowd = if narrow { 7 } else { 24 };
        let limit = [30, 120, 250, 400][usize::try_from(seed + number).unwrap_or(0) % 4] << 20;
        let fewer = Plan { ops: ops / 4, ..plan };
        let mut add = |name: &str, tunables: Tunables, plan: Plan| {
            let name = format!("{} {name} {}", library.rules.name, mix.name());
            let checked = tunables.check.is_some();
            scenarios.push(Scenario { name, library, tunables, plan, checked });
        };
        let none = Tunables::default();
        add("main arena", none, plan);
        let thread = Plan { threads: 1, main_too: false, ..fewer };
        add("thread arena", none, thread);
        add("3 threads", none, Plan { threads: 3, exits: true, ..fewer });
        add("many threads", none, Plan { threads: crowd, exits: true, ..fewer });
        add("mallopt", none, Plan { mallopts: true, ..fewer });
        add("mallopt and threads", none, Plan { mallopts: true, threads: 3, ..fewer });
        add("foreign sbrk", none, Plan { sbrks: true, ..fewer });
        let set = tunables(seed.wrapping_mul(5).wrapping_add(number));
        add(&format!("{} in", set.value()), set, fewer);
        if library.debugging().is_some() {
            let check = u8::try_from(1 + (seed + number) % 3).unwrap_or(3);
            add("checked", Tunables { check: Some(check), ..none }, Plan { ops: ops / 8, ..plan });
        }
        let threads = if number % 2 == 0 { 0 } else { 2 };
        let short = Plan { limit: Some(limit), ops: ops / 10, ..fewer };
        add(&format!("limit {}M", limit >> 20), none, Plan { threads, ..short });
        add(
            &format!("limit {}M thread", limit >> 20),
            none,
            Plan { limit: short.limit, ops: ops / 10, ..thread },
        );
    }
    scenarios
}
