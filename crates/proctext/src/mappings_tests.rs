use super::*;
use facts::Why;

const SMAPS: &str = "\
55bbf0d51000-55bbf0d53000 r--p 00000000 fe:00 247282                     /usr/bin/head
Size:                  8 kB
KernelPageSize:        4 kB
Rss:                   8 kB
Pss:                   8 kB
Private_Hugetlb:       0 kB
THPeligible:           0
VmFlags: rd mr mw me 
7ffcbe252000-7ffcbe273000 rw-p 00000000 00:00 0                          [stack]
Size:                132 kB
KernelPageSize:        4 kB
Rss:                  16 kB
Pss:                  12 kB
Private_Hugetlb:    2048 kB
THPeligible:           1
VmFlags: rd wr mr mw me gd ac zz
";

fn parsed(text: &[u8]) -> (Vec<Mapping>, Vec<String>) {
    let mut problems = Vec::new();
    let all = mappings(text, "1/smaps", &mut problems);
    (all, problems.iter().map(ToString::to_string).collect())
}

fn only(line: &str) -> Mapping {
    let (mut all, problems) = parsed(format!("{line}\n").as_bytes());
    assert_eq!(problems, Vec::<String>::new(), "{line}");
    assert_eq!(all.len(), 1, "{line}");
    all.pop().unwrap()
}

#[test]
fn sizes_and_flags_belong_to_the_mapping_above_them() {
    let (all, problems) = parsed(SMAPS.as_bytes());
    assert_eq!(problems, Vec::<String>::new());
    let [file, stack] = &all[..] else { panic!("{all:?}") };
    assert_eq!(file.name, Name::from("/usr/bin/head"));
    assert_eq!((file.dev.major, file.dev.minor, file.inode), (0xfe, 0, 247_282));
    let shares = file.shares.as_ref().unwrap();
    assert_eq!((shares.rss(), shares.swap()), (Bytes::from_kib(8), None));
    assert_eq!(file.vmflags.as_deref(), Some("rd mr mw me"));
    let shares = stack.shares.as_ref().unwrap();
    assert_eq!((shares.rss(), shares.pss()), (Bytes::from_kib(16), Bytes::from_kib(12)));
    assert_eq!(shares.private_hugetlb(), Bytes::from_kib(2048));
    assert_eq!(shares.thp_eligible, Some(1));
    assert_eq!(stack.has_flag("zz"), Some(true));
    assert_eq!(stack.perms.to_string(), "rw-p");
}

#[test]
fn pieces_of_any_size_say_the_same_as_the_whole() {
    let (whole, _) = parsed(SMAPS.as_bytes());
    for size in 1..200 {
        let mut stream = MappingStream::new("x");
        let mut all = Vec::new();
        let mut visit = |m: &MappingText<'_>| all.push(m.to_mapping());
        for piece in SMAPS.as_bytes().chunks(size) {
            stream.feed(piece, &mut visit);
        }
        assert_eq!(stream.finish(&mut visit), [], "pieces of {size}");
        assert_eq!(all, whole, "pieces of {size}");
    }
}

#[test]
fn a_text_cut_anywhere_is_noticed_or_whole() {
    for cut in 1..SMAPS.len() {
        let (all, problems) = parsed(&SMAPS.as_bytes()[..cut]);
        let text = &SMAPS[..cut];
        // Whole after a mapping; and after the sizes of the first, which nothing was before.
        let between = text.ends_with('\n') && (all.len() < 2 || text.ends_with("2048 kB\n"));
        let behind_sizes = text.ends_with("THPeligible:           1\n");
        assert!(between || behind_sizes || !problems.is_empty(), "cut at {cut}: {all:?}");
    }
    let cut = SMAPS.find("Private_Hugetlb:    2048").unwrap();
    assert_eq!(
        parsed(&SMAPS.as_bytes()[..cut]).1,
        ["1/smaps: line 13: expected further lines of this mapping, found the end of the text"]
    );
}

#[test]
fn names_keep_every_byte_the_kernel_printed() {
    for (line, name) in [
        ("08048000-0804c000 r-xp 00000000 16:41 130592 /bin/cat", "/bin/cat"),
        ("08048000-0804c000 r-xp 00000000 16:41 130592     /a b  (deleted)", "/a b  (deleted)"),
        ("08048000-0804c000 r-xp 00000000 16:41 130592 /trailing  ", "/trailing  "),
        ("08048000-0804c000 r-xp 00000000 16:41 130592 /new\\012line", "/new\\012line"),
        ("08048000-0804c000 r-xp 00000000 16:41 130592 /a: b", "/a: b"),
        ("0804d000-0804e000 rwxp 0804d000 00:00 0 [heap]", "[heap]"),
        ("004cf000-004d1000 rwxp 004cf000 00:00 0", ""),
        ("004cf000-004d1000 rwxp 004cf000 00:00 0 ", ""),
        (
            "00400000-00401000 rw-s 00000000 00:01 5  /SYSV00000000 (deleted)",
            "/SYSV00000000 (deleted)",
        ),
        ("00400000-00401000 rw-p 00000000 00:00 0  [anon:Rss:  8 kB]", "[anon:Rss:  8 kB]"),
    ] {
        assert_eq!(only(line).name, Name::from(name), "{line}");
    }
    let (all, problems) = parsed(b"08048000-0804c000 r-xp 00000000 16:41 130592 /\xff\x1b[2J\n");
    assert_eq!((all[0].name.as_bytes(), problems.len()), (&b"/\xff\x1b[2J"[..], 0));
}

#[test]
fn addresses_of_both_widths_and_of_the_upper_half_are_read() {
    let vsyscall = only("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]");
    assert_eq!(vsyscall.start.0, 0xffff_ffff_ff60_0000);
    assert_eq!(vsyscall.size(), 4096);
    let empty = only("7fff5fc9b000-7fff5fc9b000 rw-p 00000000 00:00 0");
    assert_eq!(empty.size(), 0);
    let device = only("7f0000000000-7f0000001000 rw-s 100000000 103:fffff 18446744073709551615 /x");
    assert_eq!((device.dev.major, device.dev.minor), (0x103, 0xf_ffff));
    assert_eq!((device.offset, device.inode), (1 << 32, u64::MAX));
}

#[test]
fn damaged_lines_are_reported_and_the_rest_is_read() {
    let (all, problems) = parsed(
        b"08048000-0804c000 r-xp 00000000 16:41 130592 /bin/cat\n\
          0804c000-0804b000 rwxp 00003000 16:41 130592 /bin/cat\n\
          Rss: 4 kB\n\
          0804d000-0804e000 rwxq 00003000 16:41 130592 /bin/cat\n\
          hello\n\
          0804e000-0804f000 rwxp 00003000 16:41 130592\n\
          Rss:                  x4 kB\n\
          Frob:                 12 kB\n\
          Nob:                   3\n",
    );
    assert_eq!(all.len(), 2);
    let shares = all[1].shares.as_ref().unwrap();
    assert_eq!(shares.rss(), None);
    assert_eq!(
        shares.other,
        [
            OtherField { name: "Frob".into(), value: 12, kib: true },
            OtherField { name: "Nob".into(), value: 3, kib: false }
        ]
    );
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems[0].contains("line 2: expected a mapping"), "{problems:?}");
    assert!(problems[3].contains("line 7: expected a size in kB"), "{problems:?}");
}

#[test]
fn a_line_without_end_does_not_fill_memory() {
    let mut stream = MappingStream::new("x");
    let mut count = 0;
    let mut visit = |_: &MappingText<'_>| count += 1;
    for _ in 0..1000 {
        stream.feed(&[b'a'; 4096], &mut visit);
        assert!(stream.carry.capacity() <= 2 * LONGEST);
    }
    stream.feed(b"\n08048000-0804c000 r-xp 00000000 16:41 130592 /bin/cat\n", &mut visit);
    let problems = stream.finish(&mut visit);
    assert_eq!(count, 1);
    let Why::Malformed { line: 1, expected, .. } = &problems[0].why else { panic!("{problems:?}") };
    assert_eq!((problems.len(), expected.as_str()), (1, "a line of at most 64 KiB"));
}

#[test]
fn a_stream_that_is_used_again_forgets_the_text_before() {
    let mut stream = MappingStream::new("1/smaps");
    let mut all = Vec::new();
    let mut visit = |m: &MappingText<'_>| all.push(m.to_mapping());
    stream.feed(&SMAPS.as_bytes()[..300], &mut visit);
    stream.restart("2/maps");
    stream.feed(b"08048000-0804c000 r-xp 00000000 16:41 130592 /bin/cat\n", &mut visit);
    assert_eq!(stream.end(&mut visit), []);
    stream.restart("3/smaps");
    stream.feed(SMAPS.as_bytes(), &mut visit);
    assert_eq!(stream.end(&mut visit), []);
    let again = all.split_off(all.len() - 2);
    assert_eq!(again, parsed(SMAPS.as_bytes()).0);
    assert_eq!((all[0].shares.as_ref(), all[0].vmflags.as_ref()), (None, None));
}

#[test]
fn our_own_maps_are_read_without_loss() {
    let text = std::fs::read("/proc/self/maps").unwrap();
    let (all, problems) = parsed(&text);
    assert_eq!(problems, Vec::<String>::new());
    let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap().split(|&b| b == b'\n').collect();
    assert_eq!(all.len(), lines.len());
    for (mapping, line) in all.iter().zip(lines) {
        let mut printed = format!(
            "{:08x}-{:08x} {} {:08x} {:02x}:{:02x} {} ",
            mapping.start,
            mapping.end,
            mapping.perms,
            mapping.offset,
            mapping.dev.major,
            mapping.dev.minor,
            mapping.inode
        )
        .into_bytes();
        if !mapping.name.as_bytes().is_empty() {
            let column = line.len() - mapping.name.as_bytes().len();
            printed.resize(printed.len().max(column), b' ');
            printed.extend_from_slice(mapping.name.as_bytes());
        }
        assert_eq!(String::from_utf8_lossy(&printed), String::from_utf8_lossy(line));
    }
}

#[test]
fn a_number_in_eight_columns_is_read_as_byte_by_byte() {
    for number in [0, 1, 9, 10, 99, 808, 1234, 56_789, 987_654, 1_234_567, 99_999_999] {
        let columns = format!("{number:>8}");
        let columns = columns.as_bytes().first_chunk().unwrap();
        assert_eq!(eight_columns(*columns), Some(number));
    }
    let zeros = format!("{:>8}", "0012");
    assert_eq!(eight_columns(*zeros.as_bytes().first_chunk().unwrap()), Some(12));
    for place in 0..8 {
        for byte in 0..=u8::MAX {
            let mut columns = *b"12345678";
            columns[place] = byte;
            // A blank is well-formed where nothing but blanks stands before it.
            let blank = place == 0 && byte == b' ';
            let well_formed = byte.is_ascii_digit() || blank;
            assert_eq!(eight_columns(columns).is_some(), well_formed, "{columns:?}");
        }
    }
    assert_eq!(eight_columns(*b"        "), None);
    assert_eq!(eight_columns(*b"       -"), None);
    assert_eq!(eight_columns(*b"  12  34"), None);
    assert_eq!(eight_columns(*b"      1 "), None);
}

#[test]
fn lines_without_a_unit_are_read_where_they_stood_before() {
    let head = "7000-8000 rw-p 00000000 00:00 0\n";
    let lines = |eligible: &str, key: u64| {
        let size = "Size:                  4 kB\n";
        format!("{head}{size}THPeligible:    {eligible}\nProtectionKey:  {key:>8}\n")
    };
    let text = lines("       1", 7) + &lines("       0", 12) + &lines("       x", 3);
    let (all, problems) = parsed(text.as_bytes());
    let read: Vec<_> = all
        .iter()
        .map(|mapping| mapping.shares.as_ref().unwrap())
        .map(|shares| (shares.thp_eligible, shares.protection_key))
        .collect();
    assert_eq!(read, [(Some(1), Some(7)), (Some(0), Some(12)), (None, Some(3))]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("11"), "{problems:?}");
}

#[test]
fn a_first_line_that_stops_before_its_device_is_reported() {
    for line in ["7000-8000 rw-p 00000000 ", "7000-8000 rw-p 00000000", "7000-8000 rw-p 0 00:00 "] {
        let (all, problems) = parsed(format!("{line}\n").as_bytes());
        assert_eq!((all.len(), problems.len()), (0, 1), "{line}");
    }
}

#[test]
fn a_mapping_is_of_its_own_file_whatever_was_mapped_before() {
    let lines = [
        "1000-2000 r--p 00000000 fe:00 11                         /a",
        "2000-3000 r-xp 00001000 fe:00 11                         /a",
        "3000-4000 r--p 00000000 fe:00 12                         /a",
        "4000-3000 r--p 00000000 fe:01 13                         /wrong",
        "5000-6000 rw-p 00000000 fe:01 13                         /wrong",
        "6000-7000 rw-p 00000000 00:00 0 ",
        "7000-8000 rw-p 00000000 fe:00 11                         /a",
    ];
    let (all, problems) = parsed((lines.join("\n") + "\n").as_bytes());
    let read: Vec<_> = all
        .iter()
        .map(|m| (m.start.0, m.dev.minor, m.inode, m.name.escaped().into_owned()))
        .collect();
    let expected = [
        (0x1000, 0, 11, "/a"),
        (0x2000, 0, 11, "/a"),
        (0x3000, 0, 12, "/a"),
        (0x5000, 1, 13, "/wrong"),
        (0x6000, 0, 0, ""),
        (0x7000, 0, 11, "/a"),
    ];
    assert_eq!(
        read,
        expected.map(|(start, minor, inode, name)| (start, minor, inode, name.to_owned()))
    );
    assert_eq!(problems.len(), 1, "{problems:?}");
}
