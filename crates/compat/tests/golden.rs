//! Our output against that of the real programs about the same machines. `cargo xtask golden` runs
//! these and keeps what they print.
#![expect(clippy::print_stdout, reason = "how many are the same is worth seeing")]

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

/// Compares all cases but those for which `skip` says that a bug shows in them.
fn compare(tree: &str, program: &str, bugs: Bugs, skip: fn(&str) -> bool) {
    let mut machine = Directory::stored(tree).expect("the machine is there");
    let mut cases = cases(&format!("{tree}-{program}"));
    assert!(cases.len() > 10, "{} cases", cases.len());
    cases.retain(|case| !skip(&case.line));
    let mut differ = Vec::new();
    let mut same = 0;
    for case in &cases {
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
    compare("tame", "smem", Bugs::Fixed, |_| false);
    compare("tame", "smem", Bugs::Kept, |_| false);
}

#[test]
fn smem_differs_in_nothing_but_its_bugs() {
    compare("hostile", "smem", Bugs::Kept, |_| false);
}

#[test]
fn pmap_prints_the_same_about_a_tame_machine() {
    compare("tame", "pmap", Bugs::Fixed, |line| adds_up_processes(line) || adds_up_below(line));
    compare("tame", "pmap", Bugs::Kept, |_| false);
}

/// Whether the columns of one process show in those of another.
fn adds_up_processes(line: &str) -> bool {
    let pids = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit() || c == '/');
    line.contains(" -X") && line.split(' ').filter(pids).count() > 1
}

/// Whether mappings below a range show in its totals.
fn adds_up_below(line: &str) -> bool {
    line.contains(" -x -A")
}

#[test]
fn pmap_adds_up_the_mappings_of_a_range() {
    let mut machine = Directory::stored("tame").expect("the machine is there");
    let printed = pmap(&["-x", "-A", "7f1200026000,", "2088"], &mut machine);
    let text = String::from_utf8(printed.out).expect("text");
    let columns = |line: &str| -> Vec<u64> {
        line.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect()
    };
    let mut sums = [0; 3];
    for line in text.lines().skip(2).take_while(|line| !line.starts_with('-')) {
        for (sum, size) in sums.iter_mut().zip(columns(line)) {
            *sum += size;
        }
    }
    let last = text.lines().last().expect("a footer").replace("total kB", "total");
    assert_eq!(columns(&last), sums, "{text}");
    assert!(sums.iter().all(|&sum| sum > 0), "{text}");
}

#[test]
fn pmap_prints_each_of_several_processes_as_if_alone() {
    let mut machine = Directory::stored("tame").expect("the machine is there");
    let mut alone = Vec::new();
    for pid in ["1", "7", "2088"] {
        alone.extend(pmap(&["-X", pid], &mut machine).out);
    }
    let together = pmap(&["-X", "1", "7", "2088"], &mut machine);
    assert_eq!(String::from_utf8_lossy(&together.out), String::from_utf8_lossy(&alone));
}

fn pmap(args: &[&str], machine: &mut Directory) -> Printed {
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    run("pmap", &args, true, machine, Bugs::Fixed)
}

#[test]
fn pmap_differs_in_nothing_but_its_bugs() {
    compare("hostile", "pmap", Bugs::Kept, |_| false);
}

#[test]
fn no_name_moves_the_cursor_breaks_a_row_or_hides_a_process() {
    let mut machine = Directory::stored("hostile").expect("the machine is there");
    for name in ["smem", "pmap"] {
        for case in cases(&format!("hostile-{name}")) {
            let ours = case.ours(&mut machine, Bugs::Fixed);
            let odd = |b: &u8| (*b < b' ' || *b == 0x7f) && *b != b'\n';
            assert!(!ours.out.iter().any(odd), "{}", case.line);
        }
    }
    let all: Vec<String> = ["-c", "pid name command"].map(str::to_owned).into();
    let ours = run("smem", &all, true, &mut machine, Bugs::Fixed);
    let text = String::from_utf8(ours.out).expect("text");
    let mut pids: Vec<&str> =
        text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    pids.sort_by_key(|pid| pid.parse::<u32>().expect("every row begins with a pid"));
    let expected: Vec<String> = [1].into_iter().chain(21..=33).map(|pid| pid.to_string()).collect();
    assert_eq!(pids, expected);
    assert!(text.contains("ev)il (x                 evil?second line ?[2Jcleare"), "{text}");
    assert!(text.contains("[hidden]"), "{text}");
    assert!(text.contains("titled: no end"), "{text}");
}

#[test]
fn smem_by_mapping_survives_any_path() {
    let mut machine = Directory::stored("hostile").expect("the machine is there");
    let args: Vec<String> = ["-m", "-c", "map avguss"].map(str::to_owned).into();
    let ours = run("smem", &args, true, &mut machine, Bugs::Fixed);
    let text = String::from_utf8(ours.out).expect("text");
    assert_eq!(ours.status, 0);
    for name in ["/tmp/x ", "/tmp/form ", "/tmp/caf??[31mred ", "[heap] "] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
    }
}

#[test]
fn smem_by_user_knows_virtual_size_from_shares() {
    let mut machine = Directory::stored("tame").expect("the machine is there");
    let mut smem = |bugs| {
        let args: Vec<String> =
            ["-u", "-H", "-U", "alice", "-c", "vss pss"].map(str::to_owned).into();
        let out = run("smem", &args, true, &mut machine, bugs).out;
        let text = String::from_utf8(out).expect("text");
        text.split_whitespace().map(|size| size.parse().expect("a size")).collect::<Vec<u64>>()
    };
    let (kept, fixed) = (smem(Bugs::Kept), smem(Bugs::Fixed));
    assert_eq!(kept[0], kept[1]);
    assert_eq!(fixed[0], 2 * 1916, "two processes of the size that pmap prints");
}

#[test]
fn a_machine_without_meminfo_is_complained_about() {
    let args = ["-S", "nothing"].map(str::to_owned);
    let mut machine = Directory::stored("tame").expect("the machine is there");
    let ours = run("smem", &args, true, &mut machine, Bugs::Fixed);
    assert_eq!((ours.status, ours.out.len()), (1, 0));
    assert!(String::from_utf8_lossy(&ours.err).starts_with("smem: nothing: "));
}

#[test]
fn free_prints_the_same_about_any_machine() {
    for tree in ["tame", "hostile"] {
        compare(tree, "free", Bugs::Fixed, |_| false);
        compare(tree, "free", Bugs::Kept, |_| false);
    }
}
