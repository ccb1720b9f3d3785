//! The memory of a program as it starts.

use facts::Release;
use rules::layout::Arch;
use world::Touch;

use crate::mm::Segments;
use crate::vm_flags::VmFlags;
use crate::vma::Special;

/// What a page of an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImagePage {
    /// The page of zeros.
    Zero,
    /// A page of the program's own, written to.
    Anon,
    /// A page of the mapped file, mapped by so many others as well.
    File(u32),
    /// A page of the kernel's without bookkeeping.
    Special,
}

/// Pages of a mapping that are there from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagePages {
    /// The first, counted from the start of the mapping.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// What they are.
    pub what: ImagePage,
}

/// What a mapping of an image is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageBacking {
    /// Nothing.
    Anon,
    /// A file.
    File {
        /// As `maps` prints it.
        name: String,
        /// Major and minor number of its device.
        device: (u32, u32),
        /// Its inode number.
        inode: u64,
        /// Bytes into it, a multiple of the page size.
        offset: u64,
    },
    /// The kernel.
    Special(Special),
}

/// A mapping of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageMapping {
    /// First byte.
    pub start: u64,
    /// First byte behind it.
    pub end: u64,
    /// Its flags.
    pub flags: VmFlags,
    /// Where its pages come from.
    pub backing: ImageBacking,
    /// Those that are there.
    pub pages: Vec<ImagePages>,
}

/// The mappings that an exec makes, with the pages that are in memory when the program gets to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// In rising order.
    pub mappings: Vec<ImageMapping>,
    /// Where code, data, heap and stack are.
    pub segments: Segments,
    /// Whether the file systems of its files are in memory (tmpfs).
    pub in_memory: bool,
    /// Page tables that are there without a page in them, by the address of what they cover.
    pub empty_tables: Vec<u64>,
    /// Faults taken until then: minor, major.
    pub faults: (u64, u64),
    /// Faults that an exec of it takes from then on: minor, major.
    pub exec_faults: (u64, u64),
    /// `VmPeak` and `VmHWM` until then, pages, where they are more than what is there.
    pub peaks: (u64, u64),
    /// Where mappings are placed below, when it is not where the release would put it without
    /// randomisation.
    pub mmap_base: Option<u64>,
    /// What the program does to its memory after a fork, on both sides.
    pub after_fork: Vec<Touch>,
    /// Descriptors that are open: new files get the next one.
    pub first_fd: i32,
    /// Further descriptors that are open.
    pub other_fds: Vec<i32>,
}

/// What is wrong with the text of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadImage {
    /// Line, from 1.
    pub line: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl std::fmt::Display for BadImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: expected {}", self.line, self.expected)
    }
}

impl std::error::Error for BadImage {}

impl Image {
    /// A small static program without a C library: one page each of code and data at the addresses that
    /// linkers choose, a stack of 33 pages (21 up to 2.6.32), and nothing of the kernel's (`[vdso]`).
    pub fn tiny(release: Release, arch: Arch) -> Image {
        let text = match arch {
            Arch::X86_64 | Arch::Arm64 => 0x40_0000,
            Arch::I386 | Arch::Ia32 => 0x0804_8000,
            Arch::Arm => 0x1_0000,
        };
        let file = |offset| ImageBacking::File {
            name: "/actor".to_owned(),
            device: (8, 1),
            inode: 2,
            offset,
        };
        let touched = |what| vec![ImagePages { first: 0, count: 1, what }];
        let read = VmFlags::READ.with(VmFlags::MAY);
        let stack_top = match arch {
            Arch::Ia32 => 0xffff_e000,
            other => other.task_size(),
        };
        let old_stack = release < Release::old(2, 6, 33);
        let stack_pages = if old_stack { 21 } else { 33 };
        let write = VmFlags::WRITE.with(VmFlags::ACCOUNT);
        Image {
            mappings: vec![
                ImageMapping {
                    start: text,
                    end: text + 0x1000,
                    flags: read.with(VmFlags::EXEC),
                    backing: file(0),
                    pages: touched(ImagePage::File(0)),
                },
                ImageMapping {
                    start: text + 0x1000,
                    end: text + 0x2000,
                    flags: read.with(write),
                    backing: file(0x1000),
                    pages: touched(ImagePage::Anon),
                },
                ImageMapping {
                    start: stack_top - stack_pages * 0x1000,
                    end: stack_top,
                    flags: read.with(write).with(VmFlags::GROWSDOWN),
                    backing: ImageBacking::Anon,
                    pages: vec![ImagePages {
                        first: stack_pages - 1,
                        count: 1,
                        what: ImagePage::Anon,
                    }],
                },
            ],
            segments: Segments {
                code: (text, text + 0x1000),
                data: (text + 0x1000, text + 0x2000),
                start_brk: text + 0x2000,
                brk: text + 0x2000,
                start_stack: stack_top - 0x400,
            },
            in_memory: false,
            empty_tables: Vec::new(),
            faults: (0, 0),
            exec_faults: (0, 0),
            peaks: (0, 0),
            mmap_base: None,
            after_fork: Vec::new(),
            first_fd: 3,
            other_fds: Vec::new(),
        }
    }

    /// The mappings of a `maps` or `smaps` file, of any release. Flags follow from the letters and
    /// names; in `smaps` of 3.8 and later from `VmFlags`, and what `Rss` and `Anonymous` say is there
    /// is put at the start of each mapping (the end of a stack), since the file does not tell where.
    pub fn parse(text: &[u8]) -> Result<Image, BadImage> {
        let text = String::from_utf8_lossy(text);
        let mut image = Image { first_fd: 3, ..Image::default() };
        let (mut rss, mut anonymous) = (0, 0);
        // Whether the lines that follow are about the last mapping taken.
        let mut current = false;
        for (number, line) in text.lines().enumerate() {
            let bad = |expected| BadImage { line: number + 1, expected };
            let mut words = line.split_ascii_whitespace();
            let Some(first) = words.next() else { continue };
            if let Some(name) = first.strip_suffix(':') {
                let Some(mapping) = image.mappings.last_mut().filter(|_| current) else { continue };
                let value = words.next().unwrap_or("");
                match name {
                    "Rss" => rss = kib(value).ok_or(bad("a size"))?,
                    "Anonymous" => anonymous = kib(value).ok_or(bad("a size"))?,
                    "VmFlags" => {
                        mapping.flags = codes(line.trim_start_matches("VmFlags:"));
                        resident(mapping, rss / 4, anonymous / 4);
                        (rss, anonymous) = (0, 0);
                    }
                    _ => {}
                }
                continue;
            }
            let mapping = mapping(line).ok_or(bad("`start-end rwxp offset major:minor inode`"))?;
            current = mapping.is_some();
            if let Some(mapping) = mapping {
                image.add(mapping);
            }
        }
        Ok(image)
    }

    fn add(&mut self, (mapping, name): (ImageMapping, String)) {
        let segments = &mut self.segments;
        match name.as_str() {
            "[heap]" => (segments.start_brk, segments.brk) = (mapping.start, mapping.end),
            "[stack]" => segments.start_stack = mapping.end - 0x400,
            _ if matches!(mapping.backing, ImageBacking::File { .. }) => {
                // The first program in the map is the one that runs.
                if mapping.flags.has(VmFlags::EXEC) && segments.code == (0, 0) {
                    segments.code = (mapping.start, mapping.end);
                } else if mapping.flags.has(VmFlags::WRITE) && segments.data == (0, 0) {
                    segments.data = (mapping.start, mapping.end);
                    segments.start_brk = mapping.end;
                    segments.brk = mapping.end;
                }
            }
            _ => {}
        }
        self.mappings.push(mapping);
    }
}

fn kib(word: &str) -> Option<u64> {
    word.parse().ok()
}

fn codes(text: &str) -> VmFlags {
    let mut flags = VmFlags::NONE;
    for word in text.split_ascii_whitespace() {
        if let Some((flag, _)) = VmFlags::CODES.iter().find(|(_, code)| *code == word) {
            flags = flags.with(*flag);
        }
    }
    flags
}

/// Puts the pages that `smaps` counts somewhere.
fn resident(mapping: &mut ImageMapping, rss: u64, anonymous: u64) {
    let pages = (mapping.end - mapping.start) / 4096;
    let anonymous = anonymous.min(pages);
    let file = rss.saturating_sub(anonymous).min(pages - anonymous);
    let down = mapping.flags.has(VmFlags::GROWSDOWN);
    let first = if down { pages - anonymous } else { 0 };
    if anonymous > 0 {
        mapping.pages.push(ImagePages { first, count: anonymous, what: ImagePage::Anon });
    }
    if file > 0 {
        mapping.pages.push(ImagePages { first: anonymous, count: file, what: ImagePage::File(0) });
    }
}

/// A line of `maps`; `Some(None)` is one that is no mapping of the process's own.
#[allow(clippy::option_option, reason = "a line may be wrong, or right and of no use")]
fn mapping(line: &str) -> Option<Option<(ImageMapping, String)>> {
    let mut rest = line;
    let mut word = || {
        let trimmed = rest.trim_start();
        let end = trimmed.find(' ').unwrap_or(trimmed.len());
        let (word, left) = trimmed.split_at(end);
        rest = left;
        word
    };
    let (start, end) = word().split_once('-')?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let (start, end) = (hex(start)?, hex(end)?);
    let letters = word().as_bytes();
    let offset = hex(word())?;
    let (major, minor) = word().split_once(':')?;
    let device = (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?);
    let inode: u64 = word().parse().ok()?;
    let name = rest.trim().to_owned();
    if letters.len() != 4 || start >= end || start % 4096 != 0 {
        return None;
    }
    if name == "[vsyscall]" || start >= 1 << 56 || end % 4096 != 0 {
        return Some(None);
    }
    let mut flags = VmFlags::MAY;
    for (letter, flag) in [(b'r', VmFlags::READ), (b'w', VmFlags::WRITE), (b'x', VmFlags::EXEC)] {
        if letters.contains(&letter) {
            flags = flags.with(flag);
        }
    }
    let shared = letters[3] == b's';
    if shared {
        flags = flags.with(VmFlags::MAYSHARE);
        if flags.has(VmFlags::WRITE) {
            flags = flags.with(VmFlags::SHARED);
        }
    }
    let backing = match name.as_str() {
        "[vvar]" => ImageBacking::Special(Special::Vvar),
        "[vvar_vclock]" => ImageBacking::Special(Special::VvarClock),
        "[vdso]" => ImageBacking::Special(Special::Vdso),
        _ if inode != 0 || name.starts_with('/') => {
            ImageBacking::File { name: name.clone(), device, inode, offset }
        }
        _ => ImageBacking::Anon,
    };
    if matches!(backing, ImageBacking::Special(Special::Vvar | Special::VvarClock)) {
        let special =
            VmFlags::PFNMAP.with(VmFlags::IO).with(VmFlags::DONTEXPAND).with(VmFlags::DONTDUMP);
        flags = flags.with(special);
    }
    if name == "[stack]" {
        flags = flags.with(VmFlags::GROWSDOWN);
    }
    if flags.accountable() {
        flags = flags.with(VmFlags::ACCOUNT);
    }
    let pages = Vec::new();
    Some(Some((ImageMapping { start, end, flags, backing, pages }, name)))
}
