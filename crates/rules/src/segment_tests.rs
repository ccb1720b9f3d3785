use super::*;
use facts::{Address, Device, Perms};

fn mapping(start: u64, end: u64, perms: &str, inode: u64, name: &str) -> Mapping {
    Mapping {
        start: Address(start),
        end: Address(end),
        perms: Perms::from_text(perms.as_bytes().try_into().unwrap()).unwrap(),
        inode,
        dev: Device { major: 8, minor: 1 },
        name: Name::from(name),
        ..Mapping::default()
    }
}

fn named(mappings: &[Mapping]) -> Vec<(Segment, Option<Part>, Evidence)> {
    segments(mappings, None).iter().map(|n| (n.segment, n.part, n.evidence)).collect()
}

#[test]
fn files_are_told_by_their_permissions_and_bss_by_its_neighbour() {
    let mappings = [
        mapping(0x40_0000, 0x40_1000, "r--p", 7, "/bin/x"),
        mapping(0x40_1000, 0x40_2000, "r-xp", 7, "/bin/x"),
        mapping(0x40_2000, 0x40_3000, "rw-p", 7, "/bin/x"),
        mapping(0x40_3000, 0x40_4000, "rw-p", 0, ""),
        mapping(0x50_0000, 0x50_1000, "rw-p", 0, "[heap]"),
        mapping(0x7000_0000, 0x7000_1000, "r-xp", 8, "/lib/libc.so.6"),
        mapping(0x7000_1000, 0x7000_2000, "---p", 8, "/lib/libc.so.6"),
        mapping(0x7100_0000, 0x7100_1000, "r-xp", 9, "/lib64/ld-linux-x86-64.so.2"),
        mapping(0x7200_0000, 0x7200_1000, "r--p", 10, "/usr/lib/locale/locale-archive"),
    ];
    assert_eq!(
        named(&mappings),
        [
            (Segment::Program, Some(Part::ReadOnly), Evidence::File),
            (Segment::Program, Some(Part::Text), Evidence::File),
            (Segment::Program, Some(Part::Data), Evidence::File),
            (Segment::Program, Some(Part::Bss), Evidence::Neighbour),
            (Segment::Heap, None, Evidence::Kernel),
            (Segment::Library, Some(Part::Text), Evidence::File),
            (Segment::Library, Some(Part::Hole), Evidence::File),
            (Segment::Loader, Some(Part::Text), Evidence::File),
            (Segment::File, None, Evidence::File),
        ]
    );
    let objects: Vec<usize> = segments(&mappings, None).iter().map(|n| n.object).collect();
    assert_eq!(objects, [0, 0, 0, 0, 1, 2, 2, 3, 4]);
}

#[test]
fn the_program_is_the_file_that_the_link_names() {
    let mappings = [
        mapping(0x40_0000, 0x40_1000, "r-xp", 7, "/opt/plugin"),
        mapping(0x50_0000, 0x50_1000, "r-xp", 8, "/opt/host (deleted)"),
    ];
    let of =
        |exe: Option<&Name>| segments(&mappings, exe).iter().map(|n| n.segment).collect::<Vec<_>>();
    assert_eq!(of(None), [Segment::Program, Segment::Library]);
    let exe = Name::from("/opt/host");
    assert_eq!(of(Some(&exe)), [Segment::Library, Segment::Program]);
}

#[test]
fn thread_stacks_are_guessed_only_with_a_guard_and_a_size_or_a_mark() {
    let guard = mapping(0x7000_0000, 0x7000_1000, "---p", 0, "");
    let mut stack = mapping(0x7000_1000, 0x7000_1000 + (8 << 20), "rw-p", 0, "");
    let segment = |stack: &Mapping| named(&[guard.clone(), stack.clone()])[1];
    assert_eq!(segment(&stack), (Segment::ThreadStack, None, Evidence::Guess));
    stack.end = Address(0x7010_0000);
    assert_eq!(segment(&stack).0, Segment::Anonymous);
    stack.vmflags = Some("rd wr mr mw me ac nh".into());
    assert_eq!(segment(&stack).0, Segment::ThreadStack);
    stack.start = Address(0x7000_2000);
    assert_eq!(segment(&stack).0, Segment::Anonymous, "the guard does not touch it");
}

#[test]
fn arenas_are_guessed_from_their_alignment_and_the_rest_of_it() {
    let start = 0x7fff_0000_0000;
    let arena = mapping(start, start + 0x2_1000, "rw-p", 0, "");
    let rest = mapping(start + 0x2_1000, start + (64 << 20), "---p", 0, "");
    assert_eq!(
        named(&[arena.clone(), rest.clone()]),
        [(Segment::Arena, None, Evidence::Guess), (Segment::Reserved, None, Evidence::File)]
    );
    let short = Mapping { end: Address(start + (32 << 20)), ..rest };
    assert_eq!(named(&[arena, short])[0].0, Segment::Anonymous);
}

#[test]
fn labels_flags_and_fixed_addresses_are_the_kernels_word() {
    let mut grows = mapping(0x7fff_0000_0000, 0x7fff_0002_1000, "rw-p", 0, "");
    grows.vmflags = Some("rd wr mr mw me gd ac".into());
    assert_eq!(named(&[grows])[0], (Segment::Stack, None, Evidence::Kernel));
    for (name, segment) in [
        ("[stack:4711]", Segment::ThreadStack),
        ("[vvar_vclock]", Segment::Vvar),
        ("[anon:dalvik-main space]", Segment::Anonymous),
        ("[anon_shmem:x]", Segment::SharedMemory),
        ("[uprobes]", Segment::Special),
    ] {
        let found = named(&[mapping(0x1000, 0x2000, "rw-p", 0, name)])[0];
        assert_eq!(found, (segment, None, Evidence::Kernel), "{name}");
    }
    let vsyscall = mapping(VSYSCALL, VSYSCALL + 4096, "--xp", 0, "");
    assert_eq!(named(&[vsyscall])[0].0, Segment::Vsyscall);
}

#[test]
fn memory_shared_without_a_file_is_told_from_files_and_devices() {
    for (name, segment) in [
        ("/dev/zero (deleted)", Segment::SharedMemory),
        ("/memfd:pulseaudio (deleted)", Segment::SharedMemory),
        ("/SYSV00000000 (deleted)", Segment::SharedMemory),
        ("/dev/shm/x", Segment::SharedMemory),
        ("/dev/dri/card0", Segment::Device),
        ("anon_inode:[perf_event]", Segment::Device),
        ("/home/a/data.db", Segment::File),
    ] {
        assert_eq!(named(&[mapping(0x1000, 0x2000, "rw-s", 5, name)])[0].0, segment, "{name}");
    }
}
