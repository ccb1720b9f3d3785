//! Any bytes as a kernel's log: read as a whole and in pieces, explained, looked at as at a machine,
//! and printed again.
#![no_main]

use facts::Release;
use klog::Scanner;
use libfuzzer_sys::fuzz_target;
use rules::rank::Domain;

fuzz_target!(|input: (u16, &[u8])| {
    let (size, text) = input;
    let whole: Vec<_> = klog::reports(text).into_iter().map(|found| found.report).collect();
    let mut pieces = Vec::new();
    let mut scanner = Scanner::new();
    for piece in text.chunks(usize::from(size).max(1)) {
        scanner.feed(piece, &mut |found: klog::Found| pieces.push(found.report));
    }
    scanner.finish(&mut |found| pieces.push(found.report));
    assert_eq!(whole, pieces);
    for report in &whole {
        rules::explain(report, None);
        let machine = rules::machine_of_report(report, String::new(), None);
        let domain = machine.group.map_or(Domain::Machine, Domain::Cgroup);
        rules::rank::rank(&machine.snapshot, &domain, None);
        rules::ledger::ledger(&machine.snapshot, &machine.account);
        let release = report.reporter.release.unwrap_or(Release::new(6, 12));
        let printed = klog::print(report, release);
        klog::reports(&printed);
    }
});
