use super::*;
use crate::op::What;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::io::Write as _;

fn read(text: &[u8]) -> String {
    let mut out = String::new();
    match open(Cursor::new(text.to_vec())) {
        Err(problem) => out.push_str(&problem.to_string()),
        Ok(ops) => {
            out.push_str(&ops.format().to_string());
            for op in ops {
                out.push('\n');
                match op {
                    Ok(op) => out.push_str(&format!("{} {:?}", op.thread, op.what)),
                    Err(problem) => out.push_str(&problem.to_string()),
                }
            }
        }
    }
    out
}

fn check(text: &[u8], expected: &Expect) {
    expected.assert_eq(&read(text));
}

const MTRACE: &[u8] = b"= Start\n@ ./a:[0x1195] + 0x5000 0x18\n@ ./a b:(f+0x3)[0x1] + (nil) 0x99\n\
@ ./a:[0x1] < 0x5000\n@ ./a:[0x1] > 0x6000 0x30\n@ ./a:[0x1] ! 0x6000 0x999\n\
@ ./a:[0x1] - 0x6000\nwhat\n= End\n";

#[test]
fn mtrace_is_read_and_a_damaged_line_is_named() {
    check(
        MTRACE,
        &expect![[r#"
            mtrace
            0 Malloc { size: 24, ptr: Some(20480) }
            0 Malloc { size: 153, ptr: None }
            0 Realloc { old: Some(20480), size: 48, ptr: Some(24576) }
            0 Realloc { old: Some(24576), size: 2457, ptr: None }
            0 Free { ptr: 24576 }
            line 8: expected `@ PLACE + PTR SIZE`, `- PTR`, `< PTR`, `> PTR SIZE` or `! PTR SIZE`, found `what`"#]],
    );
}

const REP: &[u8] = b"0\n2\n5\n1\na 0 10\na 1 20\nr 0 30\nf 1\n";

#[test]
fn a_rep_trace_shorter_than_it_says_is_read_and_said_to_be_cut() {
    check(
        REP,
        &expect![[r#"
            CS:APP .rep
            0 Malloc { size: 10, ptr: Some(0) }
            0 Malloc { size: 20, ptr: Some(1) }
            0 Realloc { old: Some(0), size: 30, ptr: Some(0) }
            0 Free { ptr: 1 }
            line 9: expected 5 calls, as line 3 says, found 4"#]],
    );
}

#[test]
fn heaptrack_is_read_with_addresses_and_without() {
    check(
        b"v 10400 3\nx 3 a b\nX ./a b\nI 1000 8\nt 1 0\n+ 18 1 5000\nc a\n+ 20 1 6000\n- 5000\n+ zz 1 2\n",
        &expect![[r#"
            heaptrack, raw
            0 Malloc { size: 24, ptr: Some(20480) }
            0 Malloc { size: 32, ptr: Some(24576) }
            0 Free { ptr: 20480 }
            line 10: expected hexadecimal numbers behind the letter, found `+ zz 1 2`"#]],
    );
    check(
        b"v 10400 3\ns 1 x\na 18 1\n+ 0\n+ 0\n- 0\n- 0\n- 0\n+ 7\n",
        &expect![[r#"
            heaptrack, interpreted
            0 Malloc { size: 24, ptr: Some(1) }
            0 Malloc { size: 24, ptr: Some(2) }
            0 Free { ptr: 2 }
            0 Free { ptr: 1 }
            line 8: expected an allocation that lives, found `- 0`
            line 9: expected the number of an `a` line, found `+ 7`"#]],
    );
}

fn record(thread: u32, kind: u8, numbers: [u64; 4]) -> Vec<u8> {
    let mut record = [0; 64];
    record[..4].copy_from_slice(&thread.to_le_bytes());
    record[4] = kind;
    for (at, number) in (8..).step_by(8).zip(numbers) {
        record[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    record.to_vec()
}

#[test]
fn records_of_the_trace_utilities_know_threads_and_every_function() {
    let mut trace = record(0, 255, [0x1234, 0, 8, 0]);
    trace.extend(record(70, 1, [0, 0x5000, 24, 0]));
    trace.extend(record(71, 5, [0, 0x6000, 24, 64]));
    trace.extend(record(70, 4, [0x5000, 0x7000, 48, 0]));
    trace.extend(record(71, 9, [0; 4]));
    trace.extend(&record(71, 3, [0x7000, 0, 0, 0])[..40]);
    check(
        &trace,
        &expect![[r#"
            glibc trace utilities
            0 Malloc { size: 24, ptr: Some(20480) }
            1 Aligned { by: Memalign, align: 64, size: 24, ptr: Some(24576) }
            0 Realloc { old: Some(20480), size: 48, ptr: Some(28672) }
            byte 256: expected a type of call from 1 to 8, found 9
            byte 320: expected a record of 64 bytes, found 40 bytes"#]],
    );
}

const OWN: &[u8] = b"oomph-heap-trace 1 text\npid 7\nbrk 0x1000\nglibc 2.36\n\n\
0 - malloc 24 = 0x2000\n1 5 calloc 2 3 = 0x3000\n0 6 mallopt -1 4096\n0 7 nonsense\n1 8 exit\n";

#[test]
fn our_own_text_is_read_with_its_header() {
    check(
        OWN,
        &expect![[r#"
            oomph trace
            0 Malloc { size: 24, ptr: Some(8192) }
            1 Calloc { n: 2, size: 3, ptr: Some(12288) }
            0 Mallopt { param: -1, value: 4096 }
            line 9: expected `THREAD MICROSECONDS CALL ARGUMENTS = BLOCK`, found `0 7 nonsense`
            1 ThreadExit"#]],
    );
    let mut ops = open(Cursor::new(OWN.to_vec())).expect("a trace");
    while ops.next().is_some() {}
    let facts = ops.facts();
    assert_eq!((facts.pid, facts.brk), (Some(7), Some(0x1000)));
    assert_eq!(facts.glibc.as_deref(), Some("2.36"));
}

fn binary(records: &[[u64; 4]]) -> Vec<u8> {
    let mut trace = b"oomph-heap-trace 1 binary\npid 7\n\n".to_vec();
    trace.resize(4096, 0);
    trace.extend(records.iter().flatten().flat_map(|word| word.to_le_bytes()));
    trace
}

#[test]
fn our_own_records_end_at_zeros_or_where_the_file_was_full() {
    let malloc = [1 | 3 << 8 | 55 << 24, 0x5000, 24, 0];
    let ops = open(Cursor::new(binary(&[malloc, [0; 4], malloc]))).expect("a trace");
    let ops: Vec<_> = ops.map(|op| op.expect("a call")).collect();
    let what = What::Malloc { size: 24, ptr: Some(0x5000) };
    assert_eq!(ops, [Op { thread: 3, at_us: Some(55), what }]);
    let mut full = open(Cursor::new(binary(&[malloc, [13, 0, 0, 0], malloc]))).expect("a trace");
    assert_eq!(full.by_ref().count(), 1);
    assert!(full.facts().cut.is_some());
}

#[test]
fn packed_traces_are_known_by_their_first_bytes() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(REP).expect("memory");
    assert_eq!(read(&packer.finish().expect("memory")), read(REP));
    let packed =
        ruzstd::encoding::compress_to_vec(REP, ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(read(&packed), read(REP));
}

#[test]
fn what_is_no_trace_is_said_to_be_none() {
    check(
        b"root:x:0:0\n",
        &expect![
            "byte 0: expected a trace of malloc (oomph trace, mtrace, .rep, glibc's trace utilities, heaptrack), found `root:x:0:0`"
        ],
    );
    check(
        b"",
        &expect![
            "byte 0: expected a trace of malloc (oomph trace, mtrace, .rep, glibc's trace utilities, heaptrack), found nothing"
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_damage_ends_the_program(
        which in 0_usize..6,
        cut in 0_usize..6000,
        changes in prop::collection::vec((0_usize..6000, any::<u8>()), 0..8),
    ) {
        let mut trace = match which {
            0 => MTRACE.to_vec(),
            1 => REP.to_vec(),
            2 => OWN.to_vec(),
            3 => binary(&[[1, 0x5000, 24, 0], [3, 0x6000, u64::MAX, 0x5000], [4, 0x6000, 0, 0]]),
            4 => b"v 10400 3\na 18 1\n+ 0\n- 0\n".to_vec(),
            _ => {
                let mut trace = record(0, 255, [0x1234, 0, 8, 0]);
                trace.extend(record(70, 1, [0, 0x5000, 24, 0]));
                trace
            }
        };
        for (at, byte) in changes {
            if let Some(place) = trace.get_mut(at) {
                *place = byte;
            }
        }
        trace.truncate(cut);
        if let Ok(mut ops) = open(Cursor::new(trace)) {
            let plan = crate::Plan::new(&mut ops);
            let facts = ops.facts();
            let named = crate::Named { origin: "x", format: ops.format(), facts: &facts };
            let setting = crate::Setting::default();
            let report =
                crate::report(&plan, named, crate::rules_for(&facts), &setting, &crate::space_for(&facts));
            prop_assert!(report.peak_held.held >= report.end.held);
        }
    }
}
