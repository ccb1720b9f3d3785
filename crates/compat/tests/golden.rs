//! Our output against that of the real programs about the same machines. `cargo xtask golden` runs
//! these and keeps what they print.

mod common;

use std::fs;

use common::{Directory, Printed, data, run};
use oomph_compat::Bugs;

/// One command line and what the real program printed.
struct Case {
    line: String,
    status: u8,
    out: Vec<u8>,
}

impl Case {
    fn ours(&self, machine: &mut Directory, bugs: Bugs) -> Printed {
        let words = words(&self.line);
        let (utf8, words) = match words.split_first() {
            Some((first, rest)) if first == "LC_ALL=C" => (false, rest),
            _ => (true, words.as_slice()),
        };
        run(&words[0], &words[1..], utf8, machine, bugs)
    }
}

/// As the shell splits it: blanks, and single quotes that keep them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn cases(name: &str) -> Vec<Case> {
    let golden = fs::read(data().join("golden").join(name)).expect("the golden output is there");
    let mut rest = golden.as_slice();
    let mut cases = Vec::new();
    while !rest.is_empty() {
        let mut line = || {
            let end = rest.iter().position(|&b| b == b'\n').expect("a whole line");
            let line = String::from_utf8(rest[..end].to_vec()).expect("text");
            rest = &rest[end + 1..];
            line
        };
        let command = line().strip_prefix("$ ").expect("a command").to_owned();
        let head = line();
        let (status, bytes) = head
            .strip_prefix("# exit ")
            .and_then(|head| head.strip_suffix(" bytes")?.split_once(", "))
            .expect("a status and a length");
        let bytes: usize = bytes.parse().expect("a length");
        cases.push(Case {
            line: command,
            status: status.parse().expect("a status"),
            out: rest[..bytes].to_vec(),
        });
        rest = &rest[bytes + 1..];
    }
    cases
}

/// Compares all cases; a case for which `expected` has another opinion is compared with that.
fn compare(tree: &str, program: &str, bugs: Bugs, ends_the_real_one: &[&str]) {
    let mut machine = Directory::stored(tree).expect("the machine is there");
    let cases = cases(&format!("{tree}-{program}"));
    let mut differ = Vec::new();
    let mut same = 0;
    for case in &cases {
        if ends_the_real_one.contains(&case.line.as_str()) {
            assert!(case.out.is_empty() && case.status != 0, "{} is no longer so", case.line);
            continue;
        }
        let ours = case.ours(&mut machine, bugs);
        if ours.out == case.out && ours.status == case.status {
            same += 1;
        } else {
            differ.push(format!(
                "$ {}\n--- real, exit {}\n{}\n--- ours, exit {}\n{}{}",
                case.line,
                case.status,
                String::from_utf8_lossy(&case.out),
                ours.status,
                String::from_utf8_lossy(&ours.out),
                String::from_utf8_lossy(&ours.err),
            ));
        }
    }
    println!("{tree} {program} {bugs:?}: {same} of {} byte for byte", cases.len());
    assert!(
        differ.is_empty(),
        "{} differ, such as\n{}",
        differ.len(),
        differ[..differ.len().min(3)].join("\n")
    );
}

#[test]
fn smem_prints_the_same_about_a_tame_machine() {
    compare("tame", "smem", Bugs::Fixed, &[]);
    compare("tame", "smem", Bugs::Kept, &[]);
}

#[test]
fn smem_differs_in_nothing_but_its_bugs() {
    compare("hostile", "smem", Bugs::Kept, &[]);
}

#[test]
fn pmap_prints_the_same_about_a_tame_machine() {
    compare("tame", "pmap", Bugs::Fixed, &[]);
    compare("tame", "pmap", Bugs::Kept, &[]);
}

#[test]
fn pmap_differs_in_nothing_but_its_bugs() {
    compare("hostile", "pmap", Bugs::Kept, &[]);
}

#[test]
fn free_prints_the_same_about_any_machine() {
    for tree in ["tame", "hostile"] {
        compare(tree, "free", Bugs::Fixed, &[]);
        compare(tree, "free", Bugs::Kept, &[]);
    }
}
