//! Two real processes in one address space.
#![expect(clippy::print_stdout, reason = "tests say what was skipped")]

mod sys;

use facts::{Measure, MemoryOf, Survey, TwinsBy};
use oomph_sources::{Ask, Ground, Head, LiveTree, survey};
use units::Pid;

/// This process and its twin, and nobody else.
fn look(pids: [Pid; 2], ground: Ground) -> Option<Survey> {
    let mut tree = LiveTree::open().ok()?;
    Some(survey(
        &mut tree,
        &mut Ask {
            ground,
            heads: true,
            cgroups: false,
            max_stall_us: u64::MAX,
            keep: &mut |head: &Head<'_>| pids.contains(&head.process.pid),
            keep_mapping: None,
            progress: &mut |_, _| {},
        },
    ))
}

#[test]
fn a_process_in_the_address_space_of_another_is_counted_with_it() {
    let Some(twin) = sys::Twin::new() else {
        println!("skipped: a process may not share an address space here");
        return;
    };
    let pids = [Pid::new(std::process::id()), Pid::new(twin.pid())];
    let Some(both) = look(pids, Ground::Processes) else {
        println!("skipped: there is no /proc");
        return;
    };
    if both.twins_by != TwinsBy::Kernel {
        println!("skipped: the kernel does not compare address spaces here (kcmp)");
        return;
    }
    assert_eq!(both.processes.len(), 2, "{:?}", both.machine.missing);
    let (first, second) = (&both.processes[0], &both.processes[1]);
    assert!(matches!(first.memory, MemoryOf::Shares(_)), "{first:?}");
    assert_eq!(second.memory, MemoryOf::Twin(first.pid));

    // Each mapping once, too.
    let mapped = look(pids, Ground::Mappings).and_then(|survey| survey.mappings);
    let mapped = mapped.expect("mappings were asked for");
    assert!(mapped.iter().all(|mapping| mapping.processes == 1), "{mapped:?}");
    let resident = |measure| mapped.iter().filter_map(|m| m.amounts.get(measure)).max();
    assert!(resident(Measure::Rss).is_some_and(|rss| rss.get() > 0));

    // Whoever is alone again has no twin.
    drop(twin);
    let alone = look(pids, Ground::Processes).expect("there was a /proc before");
    assert_eq!(alone.processes.len(), 1);
    assert!(matches!(alone.processes[0].memory, MemoryOf::Shares(_)));
}
