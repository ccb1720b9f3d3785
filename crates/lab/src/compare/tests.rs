use super::*;

fn maps(text: &str) -> Observation {
    Observation { maps: Some(text.as_bytes().to_vec()), ..Observation::default() }
}

fn smaps(text: &str) -> Observation {
    Observation { smaps: Some(text.as_bytes().to_vec()), ..Observation::default() }
}

fn found(left: &Observation, right: &Observation, allowed: &Tolerances) -> Vec<String> {
    observations(left, right, allowed).iter().map(ToString::to_string).collect()
}

const ONE: &str = "1000-2000 rw-p 00000000 00:00 0 \n";
const TWO: &str = "2000-3000 r--p 00001000 08:01 77                 /tmp/a/data (deleted)\n";

#[test]
fn device_inode_and_folder_are_one_machines() {
    let other = "2000-3000 r--p 00001000 09:02 78 /elsewhere/data\n";
    let same =
        found(&maps(&format!("{ONE}{TWO}")), &maps(&format!("{ONE}{other}")), &Tolerances::none());
    assert_eq!(same, Vec::<String>::new());
}

#[test]
fn a_mapping_that_one_does_not_have_is_found() {
    assert_eq!(
        found(&maps(&format!("{ONE}{TWO}")), &maps(TWO), &Tolerances::none()),
        ["maps: 1000-2000 rw-p 0  and nothing"]
    );
    assert_eq!(
        found(&maps(TWO), &maps(&format!("{ONE}{TWO}")), &Tolerances::none()),
        ["maps: nothing and 1000-2000 rw-p 0 "]
    );
    assert_eq!(
        found(&maps(ONE), &maps(&ONE.replace("rw-p", "r--p")), &Tolerances::none()),
        ["maps: 1000-2000 rw-p 0  and 1000-2000 r--p 0 "]
    );
}

#[test]
fn values_of_a_mapping_are_compared_within_their_tolerance() {
    let left = smaps(&format!("{TWO}Size:                  4 kB\nRss:                   4 kB\n"));
    let right = smaps(&format!("{TWO}Size:                  4 kB\nRss:                   0 kB\n"));
    assert_eq!(
        found(&left, &right, &Tolerances::none()),
        ["smaps 2000-3000 data Rss: 4 kB and 0 kB"]
    );
    let allowed = Tolerances::none().allow("smaps", "Rss", 4);
    assert!(found(&left, &right, &allowed).is_empty());
    let allowed = Tolerances::none().allow("smaps", "Rss", 3);
    assert_eq!(found(&left, &right, &allowed).len(), 1);
    // The second is less, and may be, or is greater.
    let less = Tolerances::none().allow_less("smaps", "Rss", 3).allow_less("smaps", "Rss", 1);
    assert!(found(&left, &right, &less).is_empty());
    assert_eq!(found(&right, &left, &less).len(), 1);
    let greater = Tolerances::none().allow_greater("smaps", "Rss", 4);
    assert_eq!(found(&left, &right, &greater).len(), 1);
    assert!(found(&right, &left, &greater).is_empty());
}

#[test]
fn a_line_that_one_does_not_print_is_found_unless_it_is_ignored() {
    let left = smaps(&format!("{TWO}Rss:                   4 kB\nLocked:                0 kB\n"));
    let right = smaps(&format!("{TWO}Rss:                   4 kB\n"));
    assert_eq!(
        found(&left, &right, &Tolerances::none()),
        ["smaps 2000-3000 data Locked: 0 kB and nothing"]
    );
    assert_eq!(
        found(&right, &left, &Tolerances::none()),
        ["smaps 2000-3000 data Locked: nothing and 0 kB"]
    );
    assert!(found(&left, &right, &Tolerances::none().ignore("smaps", "Locked")).is_empty());
}

#[test]
fn numbers_are_compared_by_their_names() {
    let left = Observation {
        status: Some(b"Name:\ta\nVmPeak:\t     140 kB\nVmRSS:\t     16 kB\n".to_vec()),
        statm: Some(b"35 4 4 4 0 33 0\n".to_vec()),
        stat: Some(b"7 (a b) c) S 1 2 3 4 5 6 41 0 2 0 1 1 0 0 20 0 1 0 9 143360 4 0\n".to_vec()),
        oom_score: Some(b"666\n".to_vec()),
        ..Observation::default()
    };
    let mut right = left.clone();
    assert!(observations(&left, &right, &Tolerances::none()).is_empty());
    right.status = Some(b"Name:\tb\nVmPeak:\t     144 kB\nVmRSS:\t     16 kB\n".to_vec());
    right.statm = Some(b"36 4 4 4 0 33 0\n".to_vec());
    right.stat = Some(b"9 (a) S 1 2 3 4 5 6 42 0 3 0 1 1 0 0 20 0 1 0 9 143360 4 0\n".to_vec());
    right.oom_score = Some(b"667\n".to_vec());
    assert_eq!(
        found(&left, &right, &Tolerances::none()),
        [
            "status VmPeak: 140 kB and 144 kB",
            "statm size: 35 and 36",
            "stat minflt: 41 and 42",
            "stat majflt: 2 and 3",
            "oom_score value: 666 and 667"
        ]
    );
}
