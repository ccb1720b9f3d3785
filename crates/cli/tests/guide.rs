//! The guide to reports, `docs/explain.md`, shows what the program says of reports that lie in this
//! repository. `UPDATE_EXPECT=1 cargo test -p oomph --test guide` takes it anew.

#[path = "guide/reports.rs"]
mod reports;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

/// The reports of the guide: the name it has there, and its log.
const REPORTS: [(&str, &str); 5] = [
    ("old", "tests/data/logs/2.6.32-server.log"),
    ("highmem", "tests/data/captures/6.1-i386-1g/kill.log"),
    ("numa", "tests/data/captures/6.1-512m-two-nodes/kill.log"),
    ("group", "tests/data/captures/6.12-256m-cgroup2/kill.log"),
    ("fragmented", "tests/data/logs/5.15-fragmented.log"),
];
/// Columns of the guide's texts.
const COLUMNS: &str = "96";
/// A page larger than this is not kept.
const LARGEST_PAGE: usize = 150 << 10;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn oomph(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(args)
        .current_dir(root())
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", COLUMNS)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Holds a file to what it should be, or writes it.
fn hold(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        if fs::read_to_string(&file).is_ok_and(|found| found == expected) {
            return;
        }
        fs::write(file, expected).expect("a file of this repository");
    } else {
        let found = fs::read_to_string(file).unwrap_or_default();
        assert!(found == expected, "{path}: UPDATE_EXPECT=1 cargo test -p oomph --test guide");
    }
}

/// Makes the logs before anything reads them: tests run beside one another.
fn made_logs() {
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        hold("tests/data/logs/2.6.32-server.log", &reports::server());
        hold("tests/data/logs/5.15-fragmented.log", &reports::fragmented());
    });
}

#[test]
fn the_logs_of_kernels_not_at_hand_are_what_those_kernels_print() {
    made_logs();
    for text in [reports::server(), reports::fragmented()] {
        let found = klog::reports(text.as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].problems, []);
        assert_eq!(found[0].report.unknown_lines().count(), 0);
        let explained = rules::explain(&found[0].report, None);
        let choice = explained.choice.as_ref().expect("a table");
        assert_ne!(choice.agrees, Some(false));
        let memory = explained.memory.expect("Mem-Info");
        assert_eq!(memory.remainder_is, Some(rules::explain::Remainder::Ordinary));
    }
}

#[test]
fn the_guide_shows_what_the_program_says() {
    made_logs();
    let path = "docs/explain.md";
    let guide = fs::read_to_string(root().join(path)).expect("the guide");
    let mut made = guide.clone();
    for (name, log) in REPORTS {
        for (kind, text) in [
            ("explained", oomph(&["explain", log])),
            ("annotated", oomph(&["explain", "--annotate", log])),
        ] {
            let start = format!("<!-- {kind}: {name} -->\n");
            let (before, rest) = made.split_once(&start).unwrap_or_else(|| panic!("no {start}"));
            let (_, after) = rest.split_once("<!-- end -->\n").expect("an end");
            // Only the lines: where the log lies is said around them.
            let text = text.strip_prefix(log).map_or(&*text, |text| text.trim_start_matches(", "));
            made = format!("{before}{start}```text\n{text}```\n<!-- end -->\n{after}");
        }
    }
    hold(path, &made);
}

#[test]
fn the_pages_beside_the_guide_are_those_of_its_reports() {
    made_logs();
    for (name, log) in REPORTS {
        let page = oomph(&["explain", "--html", "-", log]);
        assert!(page.len() < LARGEST_PAGE, "{name}: {} bytes", page.len());
        hold(&format!("docs/explain/{name}.html"), &page);
    }
}

#[test]
fn every_option_of_explain_is_in_the_guide() {
    let help = oomph(&["explain", "--help"]);
    let guide = fs::read_to_string(root().join("docs/explain.md")).expect("the guide");
    let options = help.split_whitespace().filter(|word| word.starts_with("--"));
    for option in options {
        let option = option.trim_end_matches([',', '.', ']', ')', '`', ';']);
        let global = ["--from", "--color", "--kernel", "--json", "--help", "--version"];
        assert!(
            global.contains(&option) || guide.contains(&format!("`{option}")),
            "{option} is not in docs/explain.md"
        );
    }
}
