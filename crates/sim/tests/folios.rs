//! Files of disks in large folios, as ext4 of 6.18 keeps them: measured there with `/proc/kpageflags`.

mod common;

use common::{call, spec, touch};
use facts::Release;
use oomph_sim::{Image, Machine, MachineConfig};
use rules::layout::Arch;
use world::{
    Access, Advice, Call, Content, FileSpec, MapFlags, OpenFlags, ProcessId, Prot, SyncFlags,
    Touch, World,
};

const PAGE: u64 = 4096;
const PAGEOUT: Advice = Advice(21);
const POPULATE_READ: Advice = Advice(22);
/// `FALLOC_FL_PUNCH_HOLE` and `FALLOC_FL_KEEP_SIZE`.
const PUNCH: u32 = 3;

/// A process with an empty file of a disk open, on a file system with large folios.
struct Opened {
    machine: Machine,
    process: ProcessId,
    fd: i32,
}

impl Opened {
    fn on(release: &str, large_folios: bool) -> Opened {
        let release: Release = release.parse().unwrap();
        let mut config = MachineConfig::new(release, Arch::X86_64, 4 << 18, 0);
        config.large_folios = large_folios;
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        machine.files(&[FileSpec { name: "file".to_owned(), len: 0, tmpfs: false }]).unwrap();
        let process = machine.start(&spec(1000)).unwrap();
        let open = Call::Open { file: 0, flags: OpenFlags::RDWR };
        let fd = i32::try_from(call(&mut machine, process, &open).unwrap()).unwrap();
        Opened { machine, process, fd }
    }

    fn new() -> Opened {
        Opened::on("6.18", true)
    }

    fn call(&mut self, step: &Call) -> u64 {
        call(&mut self.machine, self.process, step).unwrap()
    }

    /// Writes in one go.
    fn write(&mut self, first: u64, pages: u64) {
        self.call(&Call::Pwrite { fd: self.fd, offset: first * PAGE, len: pages * PAGE });
    }

    fn sync(&mut self) {
        self.call(&Call::Fsync { fd: self.fd });
    }

    fn map(&mut self, first: u64, pages: u64, prot: Prot, flags: MapFlags) -> u64 {
        let (len, offset) = (pages * PAGE, first * PAGE);
        self.call(&Call::Mmap { addr: 0, len, prot, flags, fd: self.fd, offset })
    }

    /// Maps from the beginning of the file on, to be read.
    fn map_read(&mut self, pages: u64) -> u64 {
        self.map(0, pages, Prot::READ, MapFlags::SHARED)
    }

    fn read(&mut self, addr: u64) {
        let (access, content) = (Access::Read, Content::OneByte);
        let touch = Touch { addr, count: 1, stride: PAGE, access, content };
        self.machine.touch(self.process, &touch).unwrap();
    }

    /// A field of `smaps` of the mapping that begins there, pages.
    fn pages(&mut self, addr: u64, field: &str) -> u64 {
        let text = self.machine.observe(self.process).unwrap().smaps.unwrap();
        let text = String::from_utf8(text).unwrap();
        let from = text.split_once(&format!("{addr:08x}-")).unwrap().1;
        let line = from.lines().find(|line| line.starts_with(&format!("{field}:"))).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 4
    }

    fn in_memory(&mut self, addr: u64, pages: u64) -> String {
        let step = Call::Mincore { addr, len: pages * PAGE };
        let seen = self.machine.call(self.process, &step).unwrap().residency;
        seen.iter().map(|page| if page & 1 == 1 { '1' } else { '0' }).collect()
    }

    /// The lengths of the folios, as far as a write through a mapping makes the whole of each dirty.
    fn folios(&mut self, pages: u64) -> Vec<u64> {
        self.sync();
        let (prot, flags) = (Prot::READ.with(Prot::WRITE), MapFlags::SHARED);
        let all = self.map_read(pages);
        self.call(&Call::Madvise { addr: all, len: pages * PAGE, advice: POPULATE_READ });
        let mut lengths = Vec::new();
        let mut page = 0;
        while page < pages {
            let one = self.map(page, 1, prot, flags);
            touch(&mut self.machine, self.process, one, 1);
            let len = self.pages(all, "Private_Dirty") + self.pages(all, "Shared_Dirty");
            lengths.push(len);
            self.call(&Call::Munmap { addr: one, len: PAGE });
            self.sync();
            page += len;
        }
        self.call(&Call::Munmap { addr: all, len: pages * PAGE });
        lengths
    }
}

#[test]
fn what_is_written_in_one_go_is_kept_in_folios_of_up_to_its_length() {
    let lengths = |at: u64, bytes: u64, pages: u64| {
        let mut file = Opened::new();
        file.call(&Call::Pwrite { fd: file.fd, offset: at, len: bytes });
        file.folios(pages)
    };
    assert_eq!(lengths(0, 8 * PAGE, 8), [8]);
    assert_eq!(lengths(PAGE, 8 * PAGE, 9), [1, 1, 2, 4, 1]);
    assert_eq!(lengths(100, 7 * PAGE, 8), [4, 2, 1, 1]);
    assert_eq!(lengths(0, 2 * PAGE - 1, 2), [1, 1]);
}

#[test]
fn what_is_there_already_makes_folios_smaller() {
    let mut file = Opened::new();
    file.write(2, 1);
    file.write(0, 8);
    assert_eq!(file.folios(8), [2, 1, 1, 4]);
}

#[test]
fn other_releases_and_file_systems_keep_single_pages() {
    for (release, large_folios) in [("6.17", true), ("6.18", false)] {
        let mut file = Opened::on(release, large_folios);
        file.write(0, 4);
        assert_eq!(file.folios(4), [1; 4], "{release}");
    }
}

#[test]
fn a_file_that_gets_shorter_splits_the_folio_that_its_end_lies_in() {
    let mut file = Opened::new();
    file.write(0, 16);
    file.sync();
    file.call(&Call::Ftruncate { fd: file.fd, len: 5 * PAGE + 100 });
    assert_eq!(file.folios(6), [4, 1, 1]);
}

#[test]
fn a_dirty_folio_stays_behind_the_end_of_its_file() {
    let mut file = Opened::new();
    let addr = file.map_read(20);
    for clean in [true, false] {
        file.write(0, 16);
        if clean {
            file.sync();
        }
        file.call(&Call::Ftruncate { fd: file.fd, len: 5 * PAGE });
        let there = if clean { "11111000000000000000" } else { "11111111111111110000" };
        assert_eq!(file.in_memory(addr, 20), there, "clean: {clean}");
        file.call(&Call::Ftruncate { fd: file.fd, len: 0 });
        assert_eq!(file.in_memory(addr, 20), "0".repeat(20));
    }
}

#[test]
fn a_hole_splits_a_clean_folio_at_both_ends_and_leaves_a_dirty_one() {
    let mut file = Opened::new();
    let addr = file.map_read(16);
    let hole = Call::Fallocate { fd: file.fd, mode: PUNCH, offset: 5 * PAGE, len: 2 * PAGE };
    file.write(0, 16);
    file.call(&hole);
    assert_eq!(file.in_memory(addr, 16), "1".repeat(16));
    file.sync();
    file.call(&hole);
    assert_eq!(file.in_memory(addr, 16), "1111100111111111");
    assert_eq!(file.folios(16), [4, 1, 1, 1, 1, 8]);
}

#[test]
fn a_folio_is_split_when_all_of_it_that_was_dirty_has_gone() {
    let mut file = Opened::new();
    let addr = file.map_read(8);
    file.write(0, 8);
    for (len, there) in [(4, "11111111"), (2, "11111111")] {
        file.call(&Call::Ftruncate { fd: file.fd, len: len * PAGE });
        assert_eq!(file.in_memory(addr, 8), there);
    }
    file.sync();
    file.write(1, 1);
    file.call(&Call::Ftruncate { fd: file.fd, len: PAGE });
    assert_eq!(file.in_memory(addr, 8), "10000000");
}

#[test]
fn a_split_drops_what_lies_behind_the_end_of_the_file() {
    let mut file = Opened::new();
    let addr = file.map_read(16);
    file.write(0, 16);
    file.call(&Call::Ftruncate { fd: file.fd, len: 9 * PAGE });
    file.sync();
    assert_eq!(file.in_memory(addr, 16), "1".repeat(16));
    let mut punch = |page: u64| {
        let (offset, len) = (page * PAGE, PAGE);
        file.call(&Call::Fallocate { fd: file.fd, mode: PUNCH, offset, len });
        file.in_memory(addr, 16)
    };
    // The upper half begins before the end.
    assert_eq!(punch(2), "1101111111111111");
    assert_eq!(punch(8), "1101111100000000");
}

#[test]
fn a_part_that_is_paged_out_unmaps_the_whole_of_a_clean_folio_which_stays_in_memory() {
    let mut file = Opened::new();
    file.write(0, 16);
    file.sync();
    let addr = file.map_read(16);
    file.read(addr);
    assert_eq!(file.pages(addr, "Rss"), 16);
    let out = |first: u64, pages: u64| Call::Madvise {
        addr: addr + first * PAGE,
        len: pages * PAGE,
        advice: PAGEOUT,
    };
    file.call(&out(5, 2));
    assert_eq!(file.pages(addr, "Rss"), 0);
    assert_eq!(file.in_memory(addr, 16), "1".repeat(16));
    assert_eq!(file.folios(16), [1; 16]);
}

#[test]
fn a_part_that_is_paged_out_leaves_a_dirty_folio_as_it_is_and_all_of_it_is_unmapped() {
    let mut file = Opened::new();
    file.write(0, 16);
    let addr = file.map_read(16);
    file.read(addr);
    let mut out = |first: u64, pages: u64| {
        let (addr, len) = (addr + first * PAGE, pages * PAGE);
        file.call(&Call::Madvise { addr, len, advice: PAGEOUT });
        file.pages(addr - first * PAGE, "Rss")
    };
    assert_eq!(out(5, 2), 16);
    assert_eq!(out(0, 16), 0);
    assert_eq!(file.folios(16), [16]);
}

#[test]
fn a_fault_maps_the_whole_folio_where_it_fits() {
    let mut file = Opened::new();
    file.write(0, 32);
    file.sync();
    let whole = file.map_read(32);
    file.read(whole + 3 * PAGE);
    assert_eq!(file.pages(whole, "Rss"), 32);
    let part = file.map(2, 8, Prot::READ, MapFlags::SHARED);
    file.read(part);
    assert_eq!(file.pages(part, "Rss"), 8);
    let apart = file.map(2, 8, Prot::READ.with(Prot::WRITE), MapFlags::SHARED);
    touch(&mut file.machine, file.process, apart, 1);
    assert_eq!(file.pages(apart, "Rss"), 1, "a write has no neighbours");
}

#[test]
fn what_is_written_back_of_a_folio_is_all_of_it() {
    let mut file = Opened::new();
    file.write(0, 8);
    let addr = file.map(0, 8, Prot::READ, MapFlags::SHARED);
    file.read(addr);
    assert_eq!(file.pages(addr, "Private_Dirty"), 8);
    file.call(&Call::Msync { addr: addr + PAGE, len: PAGE, flags: SyncFlags::SYNC });
    assert_eq!(file.pages(addr, "Private_Dirty"), 0);
}

#[test]
fn what_a_page_that_asks_for_more_reads_comes_in_folios_of_four_pages() {
    let mut file = Opened::new();
    for page in 0..20 {
        file.write(page, 1);
    }
    file.sync();
    file.write(2, 1);
    let addr = file.map_read(20);
    file.read(addr);
    file.read(addr + 16 * PAGE);
    file.call(&Call::Madvise { addr, len: 20 * PAGE, advice: PAGEOUT });
    file.read(addr + 2 * PAGE);
    assert_eq!(file.folios(20), [1, 1, 1, 1, 4, 4, 4, 4]);
}
