//! Rules that random programs found: each was wrong or missing once, and measured on 6.18.

mod common;

use common::{call, mmap, spec, touch};
use facts::Release;
use oomph_sim::{Huge, Image, Machine, MachineConfig};
use rules::layout::Arch;
use world::{
    Access, Advice, Call, Content, Errno, FileSpec, ForkKind, MapFlags, OpenFlags, ProcessId, Prot,
    RemapFlags, Touch, World,
};

const PAGE: u64 = 4096;
const HUGE: u64 = 2 << 20;
const COLD: Advice = Advice(20);
const PAGEOUT: Advice = Advice(21);
const COLLAPSE: Advice = Advice(25);
const POPULATE_WRITE: Advice = Advice(23);
const GUARD_INSTALL: Advice = Advice(102);
/// Where mappings of huge pages are asked for.
const AT: u64 = 0x4000_0000;

/// A machine that makes huge pages wherever it can, with a file of so many pages in memory.
fn machine(release: &str, file_pages: u64) -> (Machine, ProcessId) {
    machine_with(release, file_pages, true)
}

/// As [`machine`], whose file is on a disk or in memory.
fn machine_with(release: &str, file_pages: u64, tmpfs: bool) -> (Machine, ProcessId) {
    let release: Release = release.parse().unwrap();
    let mut config = MachineConfig::new(release, Arch::X86_64, 4 << 18, 0);
    config.huge = Huge::Madvise;
    let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
    let file = FileSpec { name: "file".to_owned(), len: file_pages * PAGE, tmpfs };
    machine.files(&[file]).unwrap();
    let process = machine.start(&spec(1000)).unwrap();
    (machine, process)
}

/// A mapping of so many bytes at [`AT`] that wants huge pages.
fn huge(machine: &mut Machine, process: ProcessId, len: u64) {
    let Call::Mmap { prot, flags, fd, offset, .. } = mmap(len) else { unreachable!() };
    let flags = flags.with(MapFlags::FIXED);
    let map = Call::Mmap { addr: AT, len, prot, flags, fd, offset };
    call(machine, process, &map).unwrap();
    advise(machine, process, len, Advice(14)).unwrap();
}

fn advise(
    machine: &mut Machine,
    process: ProcessId,
    len: u64,
    advice: Advice,
) -> Result<u64, Errno> {
    call(machine, process, &Call::Madvise { addr: AT, len, advice })
}

/// A field of `smaps`, kB, of the mapping that starts there.
fn field(machine: &mut Machine, process: ProcessId, start: u64, name: &str) -> u64 {
    let text = machine.observe(process).unwrap().smaps.unwrap();
    let text = String::from_utf8(text).unwrap();
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("{start:08x}-")));
    let line = lines.find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')));
    line.unwrap().split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// `Rss` of five pages of a file after a hole of it was punched.
fn left_of_five(offset: u64, len: u64) -> u64 {
    let (mut machine, process) = machine("6.18", 5);
    let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    let flags = MapFlags::PRIVATE;
    let map = Call::Mmap { addr: 0, len: 5 * PAGE, prot: Prot::READ, flags, fd, offset: 0 };
    let addr = call(&mut machine, process, &map).unwrap();
    let (access, content) = (Access::Read, Content::OneByte);
    let read = Touch { addr, count: 5, stride: PAGE, access, content };
    machine.touch(process, &read).unwrap();
    let punch = Call::Fallocate { fd, mode: 3, offset, len };
    call(&mut machine, process, &punch).unwrap();
    field(&mut machine, process, addr, "Rss") / 4
}

#[test]
fn a_hole_within_the_first_page_unmaps_what_lies_behind_its_start() {
    assert_eq!(left_of_five(0, 0x214), 0);
    assert_eq!(left_of_five(0x100, 0x214), 1);
    assert_eq!(left_of_five(PAGE, 0x214), 5);
    assert_eq!(left_of_five(PAGE, 2 * PAGE), 3);
}

#[test]
fn calls_mark_the_entry_of_a_huge_page_and_not_the_page() {
    let (mut machine, parent) = machine("6.18", 0);
    huge(&mut machine, parent, HUGE);
    advise(&mut machine, parent, HUGE, POPULATE_WRITE).unwrap();
    assert_eq!(field(&mut machine, parent, AT, "Referenced"), 2048);
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(field(&mut machine, child, AT, "Referenced"), 0);
}

#[test]
fn an_access_to_a_cold_huge_page_marks_all_of_it() {
    let (mut machine, process) = machine("6.18", 0);
    huge(&mut machine, process, HUGE);
    touch(&mut machine, process, AT, 1);
    advise(&mut machine, process, HUGE, COLD).unwrap();
    assert_eq!(field(&mut machine, process, AT, "Referenced"), 0);
    touch(&mut machine, process, AT + 7 * PAGE, 1);
    assert_eq!(field(&mut machine, process, AT, "Referenced"), 2048);
}

#[test]
fn droppable_memory_is_dropped_when_it_is_paged_out_though_it_was_written() {
    let (mut machine, process) = machine("6.18", 0);
    let Call::Mmap { prot, fd, offset, .. } = mmap(0) else { unreachable!() };
    let flags = MapFlags::DROPPABLE.with(MapFlags::ANONYMOUS).with(MapFlags::FIXED);
    let map = Call::Mmap { addr: AT, len: 4 * PAGE, prot, flags, fd, offset };
    call(&mut machine, process, &map).unwrap();
    touch(&mut machine, process, AT, 4);
    assert_eq!(field(&mut machine, process, AT, "Rss"), 16);
    advise(&mut machine, process, 2 * PAGE, PAGEOUT).unwrap();
    assert_eq!(field(&mut machine, process, AT, "Rss"), 8);
}

/// kB of huge pages after a collapse of two blocks of which only the second was touched.
fn collapsed(release: &str) -> (Result<u64, Errno>, u64) {
    let (mut machine, process) = machine(release, 0);
    huge(&mut machine, process, 2 * HUGE);
    advise(&mut machine, process, 2 * HUGE, Advice(15)).unwrap();
    touch(&mut machine, process, AT + HUGE + PAGE, 1);
    advise(&mut machine, process, 2 * HUGE, Advice(14)).unwrap();
    let answer = advise(&mut machine, process, 2 * HUGE, COLLAPSE);
    (answer, field(&mut machine, process, AT, "AnonHugePages"))
}

#[test]
fn collapse_ends_at_a_block_in_which_nothing_was_touched_up_to_6_19() {
    assert_eq!(collapsed("6.18"), (Err(Errno::EINVAL), 0));
    assert_eq!(collapsed("7.0"), (Err(Errno::EINVAL), 2048));
}

/// kB that are left of a huge page of which two pages were written, and of huge pages.
fn split(release: &str, len: u64, advice: Advice) -> (u64, u64) {
    let (mut machine, process) = machine(release, 0);
    huge(&mut machine, process, HUGE);
    touch(&mut machine, process, AT + 9 * PAGE, 2);
    advise(&mut machine, process, len, advice).unwrap();
    let rss = field(&mut machine, process, AT, "Rss");
    (rss, field(&mut machine, process, AT, "AnonHugePages"))
}

#[test]
fn what_holds_only_zeros_leaves_a_huge_page_that_advice_splits_since_6_12() {
    assert_eq!(split("6.18", PAGE, COLD), (8, 0));
    assert_eq!(split("6.1", PAGE, COLD), (2048, 0));
    assert_eq!(split("6.18", HUGE, COLD), (2048, 2048));
    assert_eq!(split("6.18", HUGE, PAGEOUT), (8, 0));
}

#[test]
fn memory_that_was_used_twice_and_then_locked_is_referenced() {
    let (mut machine, parent) = machine("6.18", 0);
    let addr = call(&mut machine, parent, &mmap(8 * PAGE)).unwrap();
    for _ in 0..2 {
        let populate = Call::Madvise { addr, len: 8 * PAGE, advice: POPULATE_WRITE };
        call(&mut machine, parent, &populate).unwrap();
    }
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(field(&mut machine, child, addr, "Referenced"), 0);
    call(&mut machine, parent, &Call::Mlock { addr, len: 8 * PAGE }).unwrap();
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(field(&mut machine, child, addr, "Referenced"), 32);
}

#[test]
fn locked_memory_that_is_unmapped_stays_referenced_for_others() {
    let (mut machine, parent) = machine("6.18", 0);
    let Call::Mmap { addr, prot, fd, offset, .. } = mmap(0) else { unreachable!() };
    let flags = MapFlags::SHARED.with(MapFlags::ANONYMOUS);
    let map = Call::Mmap { addr, len: 16 * PAGE, prot, flags, fd, offset };
    let addr = call(&mut machine, parent, &map).unwrap();
    // Guards make a fork copy the entries.
    let guard = Call::Madvise { addr, len: PAGE, advice: GUARD_INSTALL };
    call(&mut machine, parent, &guard).unwrap();
    let (locked, len) = (addr + 8 * PAGE, 8 * PAGE);
    call(&mut machine, parent, &Call::Mlock { addr: locked, len }).unwrap();
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    call(&mut machine, parent, &Call::Munmap { addr: locked, len }).unwrap();
    assert_eq!(field(&mut machine, child, locked, "Referenced"), 32);
}

#[test]
fn a_page_that_a_call_makes_writable_in_place_may_fault_once_more() {
    let (mut machine, parent) = machine("6.18", 0);
    let addr = call(&mut machine, parent, &mmap(2 * PAGE)).unwrap();
    touch(&mut machine, parent, addr, 2);
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    touch(&mut machine, parent, addr, 2);
    // The child alone has these now; it has read the first.
    let (access, content) = (Access::Read, Content::OneByte);
    machine.touch(child, &Touch { addr, count: 1, stride: PAGE, access, content }).unwrap();
    assert_eq!(machine.uncertain(child).unwrap().stale_entries, 0);
    call(&mut machine, child, &Call::Mlock { addr, len: 2 * PAGE }).unwrap();
    assert_eq!(machine.uncertain(child).unwrap().stale_entries, 1);
    assert_eq!(machine.uncertain(parent).unwrap().stale_entries, 0);
}

/// `Referenced` of two pages of a file, kB, as a child sees them that has used neither; `reads` are where
/// the parent read, and how much.
fn referenced_after_reads(tmpfs: bool, reads: &[(u64, u64)]) -> u64 {
    let (mut machine, parent) = machine_with("6.18", 3, tmpfs);
    let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
    let fd = i32::try_from(call(&mut machine, parent, &open).unwrap()).unwrap();
    for &(offset, len) in reads {
        call(&mut machine, parent, &Call::Pread { fd, offset, len }).unwrap();
    }
    let (prot, flags) = (Prot::READ.with(Prot::WRITE), MapFlags::PRIVATE);
    let map = Call::Mmap { addr: 0, len: 3 * PAGE, prot, flags, fd, offset: 0 };
    let addr = call(&mut machine, parent, &map).unwrap();
    let (access, content) = (Access::Read, Content::OneByte);
    machine.touch(parent, &Touch { addr, count: 2, stride: PAGE, access, content }).unwrap();
    // A page of its own makes a fork copy the entries.
    touch(&mut machine, parent, addr + 2 * PAGE, 1);
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    field(&mut machine, child, addr, "Referenced")
}

/// How many kB of [`referenced_after_reads`] the reads make more or less.
fn reads_change(tmpfs: bool, reads: &[(u64, u64)]) -> i64 {
    let of = |reads| i64::try_from(referenced_after_reads(tmpfs, reads)).unwrap();
    of(reads) - of(&[])
}

#[test]
fn a_read_that_goes_on_in_the_same_page_of_a_disk_does_not_use_it_again() {
    assert_eq!(reads_change(false, &[(0, PAGE)]), 4);
    assert_eq!(reads_change(false, &[(0, 100), (100, PAGE - 100)]), 4);
    assert_eq!(reads_change(false, &[(0, PAGE), (PAGE, PAGE), (0, PAGE)]), 4);
}

#[test]
fn a_read_uses_shared_memory_where_it_reads_the_beginning_of_a_page() {
    let whole = reads_change(true, &[(0, PAGE)]);
    assert_ne!(whole, 0);
    assert_eq!(reads_change(true, &[(100, 100)]), 0);
    assert_eq!(reads_change(true, &[(100, PAGE)]), whole);
}

#[test]
fn pages_that_are_copied_for_a_locked_mapping_are_not_locked_themselves() {
    let (mut machine, parent) = machine("6.18", 0);
    let addr = call(&mut machine, parent, &mmap(8 * PAGE)).unwrap();
    let populate = Call::Madvise { addr, len: 8 * PAGE, advice: POPULATE_WRITE };
    call(&mut machine, parent, &populate).unwrap();
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    // The child gets pages of its own in place of those that it had locked.
    call(&mut machine, child, &Call::Mlock { addr, len: 8 * PAGE }).unwrap();
    // Used for the second time, what was shared becomes active, and is not marked any more.
    call(&mut machine, parent, &populate).unwrap();
    let other = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(field(&mut machine, other, addr, "Referenced"), 0);
}

/// Maps a file of a disk, some of whose pages have been written to, and pages it out; then `use_it` with an
/// open file, a read-only and a writable private mapping, all from the file's beginning on. The pages that
/// are mapped where another page of the file is read afterwards, kB.
fn mapped_after_paging_out(
    pages: u64,
    written: &[u64],
    use_it: impl Fn(&mut Machine, ProcessId, i32, [u64; 2]),
) -> u64 {
    let (mut machine, process) = machine_with("6.18", pages, false);
    let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    for page in written {
        let write = Call::Pwrite { fd, offset: page * PAGE, len: 100 };
        call(&mut machine, process, &write).unwrap();
    }
    let mut map = |prot| {
        let (len, flags) = (pages * PAGE, MapFlags::PRIVATE);
        let map = Call::Mmap { addr: 0, len, prot, flags, fd, offset: 0 };
        call(&mut machine, process, &map).unwrap()
    };
    let (read, private) = (map(Prot::READ), map(Prot::READ.with(Prot::WRITE)));
    read_at(&mut machine, process, read, 1);
    let out = Call::Madvise { addr: read, len: pages * PAGE, advice: PAGEOUT };
    call(&mut machine, process, &out).unwrap();
    use_it(&mut machine, process, fd, [read, private]);
    read_at(&mut machine, process, read, 1);
    field(&mut machine, process, read, "Rss")
}

fn read_at(machine: &mut Machine, process: ProcessId, addr: u64, count: u64) {
    let (access, content) = (Access::Read, Content::OneByte);
    machine.touch(process, &Touch { addr, count, stride: PAGE, access, content }).unwrap();
}

#[test]
fn a_page_that_could_not_be_paged_out_is_not_mapped_along_before_it_is_used() {
    let all = |_: &mut Machine, _, _, _| ();
    assert_eq!(mapped_after_paging_out(8, &[2, 5], all), 6 * 4);
    let fault = |machine: &mut Machine, process, _, [_, private]: [u64; 2]| {
        touch(machine, process, private + 2 * PAGE, 1);
    };
    // What has been read for it begins with a page that asks for more in its turn.
    assert_eq!(mapped_after_paging_out(8, &[2, 5], fault), 6 * 4);
    assert_eq!(mapped_after_paging_out(8, &[2, 3, 4, 5, 6, 7], fault), 3 * 4);
    let call = |machine: &mut Machine, process, fd, _| {
        let (offset, len) = (2 * PAGE, 3 * PAGE);
        call(machine, process, &Call::Pread { fd, offset, len }).unwrap();
    };
    assert_eq!(mapped_after_paging_out(8, &[2, 3, 4, 5, 6, 7], call), 5 * 4);
}

#[test]
fn a_page_that_could_not_be_paged_out_asks_for_what_follows_it() {
    let (mut machine, process) = machine_with("6.18", 8, false);
    let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    call(&mut machine, process, &Call::Pwrite { fd, offset: 2 * PAGE, len: 100 }).unwrap();
    let (len, prot, flags) = (8 * PAGE, Prot::READ, MapFlags::PRIVATE);
    let map = Call::Mmap { addr: 0, len, prot, flags, fd, offset: 0 };
    let addr = call(&mut machine, process, &map).unwrap();
    read_at(&mut machine, process, addr, 1);
    call(&mut machine, process, &Call::Madvise { addr, len, advice: PAGEOUT }).unwrap();
    let mut there = |process| {
        let seen = machine.call(process, &Call::Mincore { addr, len }).unwrap().residency;
        read_at(&mut machine, process, addr + 2 * PAGE, 1);
        seen
    };
    assert_eq!(there(process), [0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(there(process), [0, 0, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_fault_on_a_page_that_is_yet_to_be_read_comes_back_for_its_neighbours() {
    let (mut machine, process) = machine_with("6.18", 7, false);
    let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    for len in [100, 3 * PAGE + 100] {
        call(&mut machine, process, &Call::Ftruncate { fd, len }).unwrap();
    }
    // Of the page at the old end, which is a hole, nothing is read yet.
    call(&mut machine, process, &Call::Pwrite { fd, offset: 6 * PAGE, len: 100 }).unwrap();
    let (len, prot, flags) = (4 * PAGE, Prot::READ, MapFlags::PRIVATE);
    let map = Call::Mmap { addr: 0, len, prot, flags, fd, offset: 3 * PAGE };
    let addr = call(&mut machine, process, &map).unwrap();
    read_at(&mut machine, process, addr, 1);
    assert_eq!(field(&mut machine, process, addr, "Rss"), 8);
    assert_eq!(field(&mut machine, process, addr, "Private_Dirty"), 4);
}

#[test]
fn pages_that_a_call_locks_and_uses_again_may_become_active_before_they_are_known_to_be_locked() {
    let (mut machine, parent) = machine("6.18", 0);
    let flags = MapFlags::SHARED.with(MapFlags::ANONYMOUS);
    let map = Call::Mmap { addr: 0, len: 8 * PAGE, prot: Prot::READ, flags, fd: -1, offset: 0 };
    let addr = call(&mut machine, parent, &map).unwrap();
    read_at(&mut machine, parent, addr, 8);
    let populate = Call::Madvise { addr, len: 4 * PAGE, advice: Advice(22) };
    call(&mut machine, parent, &populate).unwrap();
    let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
    assert_eq!(machine.uncertain(parent).unwrap().batched, 0);
    call(&mut machine, child, &Call::Mlock { addr, len: 8 * PAGE }).unwrap();
    assert_eq!(machine.uncertain(parent).unwrap().batched, 4);
}

#[test]
fn what_another_task_has_just_made_may_not_be_paged_out() {
    let paged_out_by = |other: bool| {
        let (mut machine, parent) = machine("6.18", 0);
        let flags = MapFlags::SHARED.with(MapFlags::ANONYMOUS);
        let map = Call::Mmap { addr: 0, len: 8 * PAGE, prot: Prot::READ, flags, fd: -1, offset: 0 };
        let addr = call(&mut machine, parent, &map).unwrap();
        read_at(&mut machine, parent, addr, 8);
        let thread = machine.fork(parent, ForkKind::Thread).unwrap().unwrap();
        let who = if other { thread } else { parent };
        let out = Call::Madvise { addr, len: 3 * PAGE, advice: PAGEOUT };
        call(&mut machine, who, &out).unwrap();
        machine.uncertain(parent).unwrap().off_list
    };
    assert_eq!(paged_out_by(true), 3);
    assert_eq!(paged_out_by(false), 0);
}

#[test]
fn clearing_the_page_at_the_old_end_of_a_file_uses_it() {
    let referenced = |less: u64, grows: bool| {
        let (mut machine, parent) = machine_with("6.18", 4, false);
        let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
        let fd = i32::try_from(call(&mut machine, parent, &open).unwrap()).unwrap();
        call(&mut machine, parent, &Call::Ftruncate { fd, len: 4 * PAGE - less }).unwrap();
        if grows {
            let write = Call::Pwrite { fd, offset: 6 * PAGE, len: PAGE };
            call(&mut machine, parent, &write).unwrap();
        }
        let (prot, flags) = (Prot::READ.with(Prot::WRITE), MapFlags::PRIVATE);
        let map = Call::Mmap { addr: 0, len: 4 * PAGE, prot, flags, fd, offset: 0 };
        let addr = call(&mut machine, parent, &map).unwrap();
        read_at(&mut machine, parent, addr, 4);
        // A page of its own makes a fork copy the entries, which are old then.
        touch(&mut machine, parent, addr, 1);
        let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
        field(&mut machine, child, addr, "Referenced")
    };
    let none = referenced(0, true);
    assert_eq!(referenced(100, false), none + 4);
    // The second use makes it active, and takes the mark away.
    assert_eq!(referenced(100, true), none);
}

#[test]
fn what_is_used_in_order_or_at_random_counts_as_used_no_longer_than_it_is_mapped() {
    let referenced = |release: &str, advice: i32, how: Option<i32>| {
        let (mut machine, parent) = machine_with(release, 4, false);
        let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
        let fd = i32::try_from(call(&mut machine, parent, &open).unwrap()).unwrap();
        if let Some(advice) = how {
            let whole = Call::Fadvise { fd, offset: 0, len: 0, advice };
            call(&mut machine, parent, &whole).unwrap();
        }
        let map = |prot| {
            let (len, flags) = (4 * PAGE, MapFlags::PRIVATE);
            Call::Mmap { addr: 0, len, prot, flags, fd, offset: 0 }
        };
        let (prot, len) = (Prot::READ.with(Prot::WRITE), 4 * PAGE);
        let used = call(&mut machine, parent, &map(Prot::READ)).unwrap();
        let seen = call(&mut machine, parent, &map(prot)).unwrap();
        let (from, advice) = (used + PAGE, Advice(advice));
        call(&mut machine, parent, &Call::Madvise { addr: from, len: PAGE, advice }).unwrap();
        read_at(&mut machine, parent, used, 4);
        call(&mut machine, parent, &Call::Munmap { addr: used, len }).unwrap();
        read_at(&mut machine, parent, seen, 4);
        // A page of its own makes a fork copy the entries, which are old then.
        touch(&mut machine, parent, seen, 1);
        let child = machine.fork(parent, ForkKind::Fork).unwrap().unwrap();
        field(&mut machine, child, seen, "Referenced")
    };
    let (normal, random, sequential, noreuse) = (0, 1, 2, Some(5));
    let all = referenced("6.18", normal, None);
    assert_eq!(referenced("6.18", random, None), all - 4);
    assert_eq!(referenced("6.18", sequential, None), all - 4);
    assert_eq!(referenced("6.18", normal, noreuse), all - 12);
    assert_eq!(referenced("6.2", random, None), all);
    assert_eq!(referenced("6.2", sequential, None), all - 4);
    assert_eq!(referenced("6.2", normal, noreuse), all);
}

#[test]
fn no_hole_lies_behind_the_largest_offset_of_a_disk() {
    let (mut machine, process) = machine_with("6.18", 4, false);
    let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
    let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
    let most = 1_u64 << 44;
    let (len, prot, flags) = (2 * PAGE, Prot::READ.with(Prot::WRITE), MapFlags::SHARED);
    let map = Call::Mmap { addr: 0, len, prot, flags, fd, offset: most - 2 * PAGE };
    let addr = call(&mut machine, process, &map).unwrap();
    let mut remove = |page: u64| {
        let (addr, len) = (addr + page * PAGE, PAGE);
        call(&mut machine, process, &Call::Madvise { addr, len, advice: Advice(9) })
    };
    assert_eq!(remove(0), Ok(0));
    assert_eq!(remove(1), Err(Errno::EFBIG));
}

#[test]
fn a_fork_that_is_refused_has_copied_what_lies_before() {
    let release: Release = "6.18".parse().unwrap();
    let config = MachineConfig::new(release, Arch::X86_64, 4 << 18, 0);
    let mut image = Image::tiny(release, Arch::X86_64);
    let (access, content) = (Access::Write, Content::OneByte);
    let own = Touch { addr: 0x40_1000, count: 1, stride: PAGE, access, content };
    image.after_fork = vec![own];
    let mut machine = Machine::new(config, image);
    let process = machine.start(&spec(1000)).unwrap();
    let mut map = |addr: u64, len: u64, more: MapFlags| {
        let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(more);
        let prot = Prot::READ.with(Prot::WRITE);
        call(&mut machine, process, &Call::Mmap { addr, len, prot, flags, fd: -1, offset: 0 })
    };
    // What is replaced is promised already, but not to a child.
    map(AT, 3 << 30, MapFlags::FIXED).unwrap();
    map(AT, 5 << 30, MapFlags::FIXED).unwrap();
    let faults = |machine: &mut Machine| {
        let stat = String::from_utf8(machine.observe(process).unwrap().stat.unwrap()).unwrap();
        stat.split_whitespace().nth(9).unwrap().parse::<u64>().unwrap()
    };
    let before = faults(&mut machine);
    assert_eq!(machine.fork(process, ForkKind::Fork).unwrap(), Err(Errno::ENOMEM));
    assert_eq!(faults(&mut machine), before + 1);
}

#[test]
fn a_huge_page_that_was_freed_lazily_leaves_its_table_when_it_is_paged_out() {
    let (mut machine, process) = machine("6.18", 0);
    let (prot, len) = (Prot::READ.with(Prot::WRITE), HUGE);
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(MapFlags::FIXED);
    let map = Call::Mmap { addr: AT, len, prot, flags, fd: -1, offset: 0 };
    call(&mut machine, process, &map).unwrap();
    let advise = |machine: &mut Machine, advice| {
        call(machine, process, &Call::Madvise { addr: AT, len, advice: Advice(advice) }).unwrap();
    };
    advise(&mut machine, 14);
    touch(&mut machine, process, AT, 1);
    let tables = common::status(&mut machine, process, "VmPTE");
    advise(&mut machine, 8);
    advise(&mut machine, 21);
    assert_eq!(field(&mut machine, process, AT, "Rss"), 0);
    assert_eq!(common::status(&mut machine, process, "VmPTE"), tables);
}

#[test]
fn a_move_that_makes_shorter_asks_for_a_promise_of_what_it_cuts_off_since_6_15() {
    let moved = |release: &str, old_len: u64| {
        let (mut machine, process) = machine(release, 0);
        let (prot, len) = (Prot::READ.with(Prot::WRITE), 16 * PAGE);
        let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(MapFlags::FIXED);
        let map = Call::Mmap { addr: AT, len, prot, flags, fd: -1, offset: 0 };
        call(&mut machine, process, &map).unwrap();
        let flags = RemapFlags::MAYMOVE.with(RemapFlags::FIXED);
        let (new_len, new_addr) = (8 * PAGE, 0x20_0000_0000);
        let step = Call::Mremap { addr: AT, old_len, new_len, flags, new_addr };
        call(&mut machine, process, &step)
    };
    assert_eq!(moved("6.18", 16 * PAGE), Ok(0x20_0000_0000));
    assert_eq!(moved("6.18", 32 << 30), Err(Errno::ENOMEM));
    assert_eq!(moved("6.14", 32 << 30), Ok(0x20_0000_0000));
}

#[test]
fn a_page_that_was_written_since_it_was_freed_lazily_is_dirty_once_it_could_not_be_paged_out() {
    for paged_out in [false, true] {
        let (mut machine, process) = machine("6.18", 0);
        let (prot, len) = (Prot::READ.with(Prot::WRITE), PAGE);
        let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(MapFlags::FIXED);
        let map = Call::Mmap { addr: AT, len, prot, flags, fd: -1, offset: 0 };
        call(&mut machine, process, &map).unwrap();
        let advise = |machine: &mut Machine, process, advice| {
            let step = Call::Madvise { addr: AT, len, advice: Advice(advice) };
            call(machine, process, &step).unwrap();
        };
        touch(&mut machine, process, AT, 1);
        advise(&mut machine, process, 8);
        touch(&mut machine, process, AT, 1);
        if paged_out {
            advise(&mut machine, process, 21);
        }
        // A page that is dirty by itself stays so while others have it, too.
        let child = machine.fork(process, ForkKind::Fork).unwrap().unwrap();
        advise(&mut machine, child, 8);
        let dirty = if paged_out { 4 } else { 0 };
        assert_eq!(field(&mut machine, child, AT, "Shared_Dirty"), dirty, "{paged_out}");
    }
}
