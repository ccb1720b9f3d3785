//! The ledger's three identities on the running kernel and on captures of others.
#![expect(clippy::print_stdout, reason = "tests say what was measured and what was skipped")]

use std::fs;
use std::path::{Path, PathBuf};

use facts::{Account, Snapshot};
use rules::ledger::{LedgerReport, Line, LineKind, RemainderLevel, ledger};
use sources::{AccountWant, Want};

/// What a kernel takes in whole pages and tells nowhere, on a machine that is too small for half a
/// percent to hold it.
const AT_BOOT: i64 = 1 << 20;

fn look(spec: &str, mappings: bool) -> (Snapshot, Account) {
    let mut source = sources::open(spec).unwrap_or_else(|error| panic!("{spec}: {error}"));
    let mut snapshot = source.snapshot(&Want::ledger());
    let want = AccountWant { shares: true, mappings, most_stall_ms: 1000 };
    let account = sources::account(source.tree(), &mut snapshot, want);
    (snapshot, account)
}

fn captures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path().join("capture.tar")).filter(|p| p.is_file()).collect();
    found.sort();
    found
}

fn adds_up(line: &Line) {
    for (_, line) in line.walk() {
        if let Some(last) = line.children.last() {
            let sum: i64 = line.children.iter().map(|child| child.bytes).sum();
            assert_eq!(sum, line.bytes, "{}", line.label());
            assert_eq!(last.kind, LineKind::Rest);
        }
    }
}

fn machine(report: &LedgerReport) -> &Line {
    report.machine.as_ref().expect("MemTotal is known")
}

#[test]
fn every_captured_machine_is_accounted_for() {
    let captures = captures();
    if captures.is_empty() {
        println!("no captures in tests/data/captures; skipped");
    }
    for path in captures {
        let spec = path.to_str().expect("this repository's paths are UTF-8");
        let (snapshot, account) = look(spec, true);
        let report = ledger(&snapshot, &account);
        adds_up(machine(&report));
        assert_eq!(report.implausible, [], "{spec}");
        let total = report.total.expect("MemTotal is known").get().cast_signed();
        let remainder = report.verdict.remainder.expect("the account is whole");
        let kib = remainder / 1024;
        println!(
            "{}: Linux {}: {kib} KiB of {} KiB in no counter, {}",
            path.parent().and_then(Path::file_name).unwrap_or_default().display(),
            snapshot.kernel.release.expect("a release"),
            total / 1024,
            report.verdict.share.expect("a share"),
        );
        assert_eq!(report.verdict.level, RemainderLevel::Normal, "{spec}: {kib} KiB");
        assert!(remainder.abs() <= total / 200, "{spec}: {kib} KiB");
        // Light captures hold no mappings.
        match &report.shares {
            None => println!("    no shares in it"),
            Some(shares) => {
                println!("    {}", shares.text);
                let both = shares.both.expect("Pss is known since 2.6.25");
                assert!(both.holds, "{spec}: {both:?}");
                let half_a_percent = both.counter.get() / 200;
                let moved = both.drift.expect("read again at the end").get();
                assert!(
                    both.difference.unsigned_abs() <= half_a_percent.max(moved),
                    "{spec}: {both:?}"
                );
                println!("    together open by {} of {half_a_percent}", both.difference);
            }
        }
        for group in &report.cgroups {
            adds_up(&group.line);
        }
    }
}

/// The running machine may be busy: it is looked at a few times until it was still enough to tell.
#[test]
fn this_machine_is_accounted_for() {
    let mut seen = Vec::new();
    for _ in 0..10 {
        let (snapshot, account) = look("live", false);
        let report = ledger(&snapshot, &account);
        adds_up(machine(&report));
        for group in &report.cgroups {
            adds_up(&group.line);
        }
        if report.verdict.level == RemainderLevel::Unknown {
            println!("not enough can be read here; skipped: {}", report.verdict.text);
            return;
        }
        let total = report.total.expect("MemTotal is known").get().cast_signed();
        let remainder = report.verdict.remainder.expect("the account is whole");
        let drift = report.drift.map_or(0, |drift| drift.bytes);
        seen.push((remainder / 1024, drift / 1024));
        if remainder.abs() <= (total / 200).max(AT_BOOT) {
            println!("KiB in no counter, KiB moved meanwhile: {seen:?}");
            return;
        }
    }
    panic!("more than 0.5 % in no counter, each time (KiB, KiB moved meanwhile): {seen:?}");
}

#[test]
fn the_processes_shares_are_what_this_kernel_counts() {
    let mut seen = Vec::new();
    for _ in 0..10 {
        let (snapshot, account) = look("live", false);
        let Some(shares) = ledger(&snapshot, &account).shares else {
            println!("no share can be read here; skipped");
            return;
        };
        let identities: Vec<_> =
            [shares.anon, shares.mapped, shares.both].into_iter().flatten().collect();
        assert!(!identities.is_empty(), "AnonPages and Mapped are known");
        if identities.iter().all(|identity| identity.holds) {
            println!("{}", shares.text);
            return;
        }
        seen.push(shares);
    }
    panic!("{seen:#?}");
}
