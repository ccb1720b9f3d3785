//! The logs of real kernels that were driven out of memory: all of them is understood, and printed
//! for the same release every line comes out as the kernel wrote it.

use std::fs;
use std::path::{Path, PathBuf};

use facts::oom_report::{LineKind, OomReport};
use oomph_klog::{Found, print, reports};

fn logs() -> Vec<PathBuf> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let mut logs: Vec<PathBuf> = fs::read_dir(&captures)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("kill.log"))
        .filter(|path| path.is_file())
        .collect();
    logs.sort();
    assert!(!logs.is_empty(), "no kill.log in {}", captures.display());
    logs
}

/// The lines of a report without their prefixes, but for the call trace, which has addresses.
fn plain(report: &OomReport) -> Vec<String> {
    let told = |kind| !matches!(kind, LineKind::Trace | LineKind::Blank | LineKind::Foreign);
    let lines = report.lines.iter().filter(|line| told(line.kind));
    lines.map(|line| without_time(&String::from_utf8_lossy(line.text.as_bytes()))).collect()
}

/// The text behind `<4>[    1.234567] `.
fn without_time(line: &str) -> String {
    let line = line.trim_start_matches(|c: char| c == '<' || c.is_ascii_digit() || c == '>');
    let text =
        line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, t)| t);
    text.trim_end().to_owned()
}

#[test]
fn real_kernels_are_understood_to_the_last_line() {
    for path in logs() {
        let found = reports(&fs::read(&path).unwrap());
        assert!(!found.is_empty(), "{}", path.display());
        for Found { report, problems } in found {
            assert_eq!(problems, [], "{}", path.display());
            let unknown: Vec<_> = report.unknown_lines().collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
        }
    }
}

#[test]
fn what_is_printed_is_what_the_kernel_wrote() {
    let mut compared = 0;
    for path in logs() {
        for Found { mut report, .. } in reports(&fs::read(&path).unwrap()) {
            let Some(release) = report.reporter.release else { continue };
            let expected = plain(&report);
            report.reporter = <_>::default();
            let text = print(&report, release);
            let printed: Vec<String> = String::from_utf8_lossy(&text)
                .lines()
                .map(|line| line.trim_end().to_owned())
                .collect();
            for (ours, theirs) in printed.iter().zip(&expected) {
                assert_eq!(ours, theirs, "{}", path.display());
            }
            assert_eq!(printed.len(), expected.len(), "{}", path.display());
            compared += expected.len();
        }
    }
    assert!(compared > 100, "{compared}");
}
