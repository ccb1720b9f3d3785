//! Archives that are strange, damaged or made to harm.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::{
    AccountWant, Moment, Options, Owner, Place, Refusal, TaskFile, Tree, Want, account, capture,
    snapshot, testing,
};
use units::{Bytes, Pid};

/// A v7 header with the given name, type and the text of the numeric fields.
fn header(name: &[u8], kind: u8, fields: [&[u8]; 5]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name);
    // In the order of their places, so that one that is too long is overwritten by the next.
    for (at, field) in [100, 108, 116, 124, 136].into_iter().zip(fields) {
        block[at..at + field.len()].copy_from_slice(field);
    }
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A member with a plain header.
fn member(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let size = format!("{:011o}\0", content.len());
    let fields = [&b"0000444\0"[..], b"0001750\0", b"0000144\0", size.as_bytes(), b"15277775721\0"];
    let mut bytes = header(name, kind, fields).to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..rest + 9).find(|n| n - n.to_string().len() == rest).unwrap();
        let _ = writeln!(text, "{length} {key}={value}");
    }
    member(b"pax", b'x', text.as_bytes())
}

/// A file that is gone when the test is over.
fn file(bytes: &[u8]) -> File {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name =
        format!("oomph-tar-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path: PathBuf = std::env::temp_dir().join(name);
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn open(bytes: &[u8]) -> TarTree {
    TarTree::open(file(bytes), "test".to_owned()).unwrap().unwrap()
}

fn problems(tree: &TarTree) -> Vec<String> {
    tree.problems().iter().map(ToString::to_string).collect()
}

fn read(tree: &mut TarTree, place: Place<'_>) -> Result<String, Refusal> {
    let mut buf = Vec::new();
    tree.read(place, &mut buf).map(|()| String::from_utf8(buf).unwrap())
}

const MEMINFO: Place<'static> = Place::Machine("meminfo");
const STAT_7: Place<'static> = Place::Task(Pid::new(7), TaskFile::Stat);

#[test]
fn names_may_start_where_people_start_them() {
    for name in ["meminfo", "./meminfo", "proc/meminfo", "./proc/meminfo", "/proc/meminfo"] {
        let mut tree = open(&member(name.as_bytes(), b'0', b"x"));
        assert_eq!(read(&mut tree, MEMINFO), Ok("x".to_owned()), "{name}");
        assert!(problems(&tree).is_empty(), "{name}");
    }
}

#[test]
fn an_archive_without_end_is_whole() {
    let bytes = [member(b"7", b'5', b""), member(b"7/stat", b'0', b"x")].concat();
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, STAT_7), Ok("x".to_owned()));
    assert_eq!(tree.owner(Pid::new(7)), Ok(Owner { uid: 1000, gid: 100 }));
    assert_eq!(problems(&tree), [""; 0]);
}

#[test]
fn what_follows_the_end_is_not_read() {
    let bytes = [member(b"meminfo", b'0', b"x"), vec![0; 2 * BLOCK], member(b"7/stat", b'0', b"x")]
        .concat();
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, STAT_7), Err(Refusal::Absent));
    assert_eq!(tree.pids(), Ok(vec![]));
}

#[test]
fn smemcaps_garbage_is_survived() {
    // It prints numbers of up to 11 digits into fields of 8 bytes; the next field overwrites the
    // rest and the NUL.
    let fields: [&[u8]; 5] =
        [b"37777777456\0", b"60140000\0", b"14030060\0", b"00000000000\0", b"0\0"];
    let bytes = [
        member(b"1", b'5', b""),
        header(b"1/smaps", b'0', fields).to_vec(),
        member(b"1/cmdline", b'0', b"init\0"),
    ]
    .concat();
    let mut tree = open(&bytes);
    let smaps = Place::Task(Pid::new(1), TaskFile::Smaps);
    assert_eq!(read(&mut tree, smaps), Ok(String::new()));
    assert_eq!(
        read(&mut tree, Place::Task(Pid::new(1), TaskFile::Cmdline)),
        Ok("init\0".to_owned())
    );
    assert_eq!(tree.owner(Pid::new(1)), Ok(Owner { uid: 1000, gid: 100 }));
    assert_eq!(problems(&tree), [""; 0]);
}

#[test]
fn an_owner_that_is_garbage_is_unknown() {
    let fields: [&[u8]; 5] = [b"0000555\0", b"x000000\0", b"0000000\0", b"00000000000\0", b"0\0"];
    let mut tree = open(&header(b"7", b'5', fields));
    assert_eq!(tree.owner(Pid::new(7)), Err(Refusal::Absent));
    assert_eq!(tree.owner(Pid::new(8)), Err(Refusal::Gone));
}

#[test]
fn long_names_and_large_numbers_are_read_in_both_dialects() {
    let name = format!("oomph/cgroup/{}/memory.max", "a/".repeat(80).trim_end_matches('/'));
    let group = name.strip_prefix("oomph/cgroup").unwrap().strip_suffix("/memory.max").unwrap();
    let gnu = [
        member(b"././@LongLink", b'L', &[name.as_bytes(), b"\0"].concat()),
        member(&name.as_bytes()[..99], b'0', b"1\n"),
    ];
    let pax = [pax(&[("path", &name)]), member(b"short", b'0', b"1\n")];
    for bytes in [gnu, pax] {
        let mut tree = open(&bytes.concat());
        assert_eq!(read(&mut tree, Place::Group(group.as_bytes(), "memory.max")), Ok("1\n".into()));
    }
    let owner = [self::pax(&[("uid", "4294967294"), ("gid", "3000000")]), member(b"7", b'5', b"")];
    let mut tree = open(&owner.concat());
    assert_eq!(tree.owner(Pid::new(7)), Ok(Owner { uid: 4_294_967_294, gid: 3_000_000 }));
}

#[test]
fn a_damaged_header_is_named_and_the_next_one_found() {
    let mut bytes = [
        member(b"meminfo", b'0', b"x"),
        member(b"vmstat", b'0', b"y"),
        member(b"7/stat", b'0', b"z"),
    ]
    .concat();
    bytes[2 * BLOCK + 3] ^= 1;
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, STAT_7), Ok("z".to_owned()));
    assert_eq!(
        problems(&tree),
        [
            "archive at byte 1024: expected a tar header, found something else; 1024 bytes are passed over"
        ]
    );
}

#[test]
fn a_cut_member_is_named_with_what_it_lacks() {
    let mut bytes =
        [member(b"meminfo", b'0', b"x"), member(b"7/stat", b'0', &[b'y'; 2000])].concat();
    bytes.truncate(3 * BLOCK + 100);
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, MEMINFO), Ok("x".to_owned()));
    assert_eq!(read(&mut tree, STAT_7), Err(Refusal::Damaged));
    assert_eq!(problems(&tree), ["7/stat: cut: 1900 of 2000 bytes are lacking"]);
}

#[test]
fn archives_that_smemcap_writes_have_no_end_and_others_have() {
    let cut = |files: &[&[u8]]| {
        let bytes: Vec<u8> = files.iter().flat_map(|name| member(name, b'0', b"x")).collect();
        let mut whole = bytes.clone();
        whole.resize(bytes.len() + 2 * BLOCK, 0);
        assert!(!open(&whole).about().cut, "{files:?}");
        open(&bytes).about().cut
    };
    assert!(!cut(&[b"meminfo", b"version", b"7/smaps", b"7/cmdline", b"7/stat"]));
    assert!(cut(&[b"meminfo", b"vmstat"]));
    assert!(cut(&[b"meminfo", b"7/stat", b"7/status"]));
}

#[test]
fn a_cut_header_is_named() {
    let mut bytes = [member(b"meminfo", b'0', b"x"), member(b"7/stat", b'0', b"y")].concat();
    bytes.truncate(2 * BLOCK + 10);
    assert_eq!(
        problems(&open(&bytes)),
        ["archive at byte 1024: cut inside a header: 10 bytes of 512 are there"]
    );
}

#[test]
fn a_size_beyond_the_file_hides_no_member_that_follows() {
    let fields: [&[u8]; 5] = [b"0000444\0", b"0\0", b"0\0", b"37777777777\0", b"0\0"];
    let end = vec![0; 2 * BLOCK];
    let bytes =
        [header(b"vmstat", b'0', fields).to_vec(), member(b"meminfo", b'0', b"x"), end].concat();
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, MEMINFO), Ok("x".to_owned()));
    assert_eq!(
        problems(&tree),
        ["vmstat: a size of 4294967295 bytes, and the next member follows at once"]
    );
}

#[test]
fn enormous_sizes_do_not_overflow() {
    let huge: &[&[u8]] =
        &[&[0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255], b"77777777777\0"];
    for size in huge {
        let fields: [&[u8]; 5] = [b"0000444\0", b"0\0", b"0\0", size, b"0\0"];
        for kind in [b'0', b'L', b'x', b'S', b'g', b'5'] {
            let bytes =
                [member(b"meminfo", b'0', b"x"), header(b"vmstat", kind, fields).to_vec()].concat();
            let mut tree = open(&bytes);
            assert_eq!(read(&mut tree, MEMINFO), Ok("x".to_owned()));
        }
    }
    let pax_size =
        [pax(&[("size", "18446744073709551615")]), member(b"meminfo", b'0', b"x")].concat();
    assert_eq!(read(&mut open(&pax_size), MEMINFO), Err(Refusal::Damaged));
}

#[test]
fn names_that_lead_out_are_passed_over() {
    let bytes = [
        member(b"../meminfo", b'0', b"x"),
        member(b"7/../../meminfo", b'0', b"x"),
        member(b"proc/../meminfo", b'0', b"x"),
    ]
    .concat();
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, MEMINFO), Err(Refusal::Absent));
    assert_eq!(problems(&tree).len(), 3);
    assert_eq!(
        problems(&tree)[0],
        "archive at byte 0: passed over `../meminfo`, which leads out of the archive"
    );
}

#[test]
fn of_members_of_one_name_the_last_is_taken() {
    let bytes = [member(b"meminfo", b'0', b"old"), member(b"./meminfo", b'0', b"new")].concat();
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, MEMINFO), Ok("new".to_owned()));
    assert_eq!(
        problems(&tree),
        ["archive: 1 members are there more than once; the last of each is taken"]
    );
}

#[test]
fn sparse_members_are_refused_and_their_blocks_skipped() {
    let mut sparse = member(b"vmstat", b'S', b"data");
    sparse[482] = 1;
    sparse[148..156].copy_from_slice(b"        ");
    let sum: u32 = sparse[..BLOCK].iter().map(|&b| u32::from(b)).sum();
    sparse[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    // One block of further holes, before the data.
    let holes = [b'1'; BLOCK - 8].iter().copied().chain([0; 8]).collect::<Vec<u8>>();
    let (head, data) = sparse.split_at(BLOCK);
    let bytes = [head, &holes, data, &member(b"meminfo", b'0', b"x"), &[0; 2 * BLOCK]].concat();
    let mut tree = open(&bytes);
    assert!(matches!(read(&mut tree, Place::Machine("vmstat")), Err(Refusal::Strange(_))));
    assert_eq!(read(&mut tree, MEMINFO), Ok("x".to_owned()));
    assert_eq!(problems(&tree), [""; 0]);

    let pax_sparse = [
        pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.name", "meminfo")]),
        member(b"GNUSparseFile.0/meminfo", b'0', b"x"),
    ];
    let mut tree = open(&pax_sparse.concat());
    assert!(matches!(read(&mut tree, MEMINFO), Err(Refusal::Strange(_))));
}

#[test]
fn problems_beyond_a_number_are_counted_only() {
    let mut bytes = Vec::new();
    for _ in 0..200 {
        bytes.extend(member(b"../x", b'0', b""));
    }
    let shown = problems(&open(&bytes));
    assert_eq!(shown.len(), 51);
    assert_eq!(shown[50], "archive: 150 more problems");
}

#[test]
fn links_and_devices_are_not_files() {
    for kind in [b'1', b'2', b'3', b'4', b'6', b'V'] {
        let bytes = [member(b"meminfo", kind, b""), member(b"7/stat", b'0', b"x")].concat();
        let mut tree = open(&bytes);
        assert_eq!(read(&mut tree, MEMINFO), Err(Refusal::Absent));
        assert_eq!(read(&mut tree, STAT_7), Ok("x".to_owned()));
    }
}

#[test]
fn bytes_without_a_header_are_not_a_tar() {
    for bytes in [vec![0; 4 * BLOCK], vec![b'x'; 10], vec![b'x'; 3 * BLOCK]] {
        assert!(TarTree::open(file(&bytes), String::new()).unwrap().is_err());
    }
}

/// A capture of the example machine.
fn captured() -> Vec<u8> {
    let mut bytes = Vec::new();
    let summary =
        capture(&mut testing::Machine::example(), &mut bytes, Options::default()).unwrap();
    assert_eq!(summary.bytes, bytes.len() as u64);
    assert_eq!(summary.processes, 3);
    bytes
}

#[test]
fn a_capture_reads_back_as_the_same_facts() {
    let mut machine = testing::Machine::example();
    machine.refuse("pressure/memory", Refusal::Unsupported);
    machine.refuse("300/oom_score", Refusal::Denied);
    machine.refuse("1/smaps", Refusal::Denied);
    machine.refuse("oomph/cgroup/user.slice/me/memory.pressure", Refusal::Denied);
    machine.put("oomph/cgroup/user.slice/me/memory.max", "123456789\n");
    machine.put("oomph/cgroup/user.slice/memory.stat", "anon 4096\n");
    let long = format!("/{}", "x".repeat(240));
    machine.process(4_194_304, "big\npid\x1b", 0, 4_000_000_000, &long);
    machine.put(&format!("oomph/cgroup{long}/memory.max"), "4096\n");

    let mut bytes = Vec::new();
    let summary = capture(&mut machine, &mut bytes, Options::default()).unwrap();
    assert_eq!(summary.unread, 4);
    let mut tree = open(&bytes);
    assert_eq!(problems(&tree), [""; 0]);
    assert_eq!(
        tree.owner(Pid::new(4_194_304)),
        Ok(Owner { uid: 4_000_000_000, gid: 4_000_000_000 })
    );
    for want in [Want::status(), Want::rank()] {
        assert_eq!(snapshot(&mut tree, &want), snapshot(&mut machine, &want));
    }
    // A capture of the capture is the capture.
    let mut again = Vec::new();
    capture(&mut tree, &mut again, Options::default()).unwrap();
    assert!(again == bytes);
}

#[test]
fn totals_are_captured_again_and_the_sum_of_mappings_with_them() {
    let mut machine = testing::Machine::example();
    machine.put("300/smaps", "00400000-00401000 r-xp 0 00:01 7 /bin/x\nPss: 4 kB\n");
    machine.put("300/smaps_rollup", "00400000-00401000 ---p 0 00:00 0 [rollup]\nPss_Anon: 3 kB\n");
    machine.put("2/smaps", "");
    machine.refuse("2/smaps_rollup", Refusal::Gone);
    let mut bytes = Vec::new();
    let summary = capture(&mut machine, &mut bytes, Options::default()).unwrap();
    assert_eq!(summary.unread, 0);
    let mut tree = open(&bytes);
    let meminfo = read(&mut tree, Place::Machine("meminfo"));
    assert!(meminfo.is_ok());
    for moment in [Moment::AfterTotals, Moment::AtEnd] {
        assert_eq!(read(&mut tree, Place::Again(moment)), meminfo);
    }
    let mut taken = snapshot(&mut tree, &Want::ledger());
    let want = AccountWant { shares: true, mappings: true, most_stall_ms: 0 };
    let account = account(&mut tree, &mut taken, want);
    assert_eq!(account.again.as_ref(), Some(&taken.meminfo));
    assert_eq!(account.around_shares, Some((taken.meminfo.clone(), taken.meminfo.clone())));
    let share = account.shares.iter().find(|share| share.pid == Pid::new(300)).unwrap();
    assert_eq!(share.shares.as_ref().unwrap().pss_anon(), Some(Bytes::new(3072)));
    assert_eq!(account.mappings.len(), 1);
}

#[test]
fn a_capture_cut_anywhere_never_panics_and_is_named_as_cut() {
    let whole = captured();
    let sizes = (0..whole.len()).step_by(BLOCK).flat_map(|at| [at, at + 1, at + 300]);
    let mut all = 0;
    for size in sizes.filter(|&size| size < whole.len()) {
        let Ok(mut tree) = TarTree::open(file(&whole[..size]), "test".to_owned()).unwrap() else {
            assert!(size < BLOCK);
            continue;
        };
        let snapshot = snapshot(&mut tree, &Want::rank());
        // A cut between two members of the first few cannot be told from an archive without end.
        if tree.about().page_size.is_some() && size < whole.len() - BLOCK {
            assert!(!tree.about().complete);
            assert!(tree.about().cut && snapshot.viewpoint.cut, "cut at {size}");
            assert_ne!(tree.problems(), [], "cut at {size}");
        }
        all = all.max(snapshot.tasks.len());
    }
    assert_eq!(all, 3);
}

#[test]
fn a_capture_with_any_byte_changed_never_panics() {
    let whole = captured();
    // Every byte of the first headers, and then one in each stretch.
    for at in (0..2 * BLOCK).chain((0..whole.len()).step_by(97)) {
        for flip in [0x01, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            if let Ok(mut tree) = TarTree::open(file(&bytes), "test".to_owned()).unwrap() {
                snapshot(&mut tree, &Want::rank());
            }
        }
    }
}

#[test]
fn secrets_and_mappings_can_be_left_out() {
    let mut machine = testing::Machine::example();
    machine.put("300/smaps", "");
    let options =
        Options { smaps: crate::Smaps::LeaveOut, command_lines: crate::CommandLines::LeaveOut };
    let mut bytes = Vec::new();
    capture(&mut machine, &mut bytes, options).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"--secret"));
    let mut tree = open(&bytes);
    assert_eq!(read(&mut tree, Place::Task(Pid::new(300), TaskFile::Smaps)), Err(Refusal::Absent));
    assert_eq!(read(&mut tree, Place::Task(Pid::new(300), TaskFile::Cmdline)), Ok(String::new()));
    assert!(!machine.was_asked("300/smaps"));
}

#[test]
fn members_are_in_the_order_of_smemcap_with_the_machine_before_the_processes() {
    let bytes = captured();
    let names: Vec<String> = (0..bytes.len() / BLOCK)
        .filter_map(|n| header::Header::parse(bytes[n * BLOCK..][..BLOCK].try_into().unwrap()))
        .map(|header| String::from_utf8(header.name).unwrap())
        .collect();
    assert_eq!(names[..5], ["meminfo", "version", "oomph/manifest", "vmstat", "zoneinfo"]);
    let process = names.iter().position(|name| name == "300").unwrap();
    assert_eq!(names[process + 1..][..2], ["300/cmdline", "300/stat"]);
    assert_eq!(bytes.len() % BLOCK, 0);
    assert!(bytes.ends_with(&[0; 2 * BLOCK]));
}
