//! The pages of a live process, in runs.
//!
//! `PAGEMAP_SCAN` (6.7) finds runs of pages that are in memory or in swap, whatever the reader's
//! privilege, and passes over what was never touched. Before it, `pagemap` is read page by page,
//! and only where `smaps` says that there is something. What a frame is used for, and how often it
//! is mapped, stands in `kpageflags` and `kpagecount`, which root alone may read.

mod sys;

use facts::{Address, Mapping, Missing, PageEntry, PageRun, PageState, Why};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, pread};
use units::PageSize;

use crate::Refusal;
use sys::category;

/// Pages of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessPages {
    /// Runs of pages that are in memory, in swap, or guards, ascending.
    pub runs: Vec<PageRun>,
    /// Whether the kernel told which frames they are.
    pub frames: bool,
    /// Whether the runs were found by `PAGEMAP_SCAN`.
    pub scanned: bool,
    /// What could not be read.
    pub missing: Vec<Missing>,
}

/// The files that tell of pages; those of frames are there for root alone.
pub(crate) struct Files {
    pub(crate) pagemap: OwnedFd,
    pub(crate) kpageflags: Result<OwnedFd, Errno>,
    pub(crate) kpagecount: Result<OwnedFd, Errno>,
}

/// Runs found by one scan.
const REGIONS: usize = 512;

/// Entries read at once.
const ENTRIES: u64 = 4096;

const ANY: u64 = category::PRESENT | category::SWAPPED;
const ALL: u64 = ANY | category::FILE | category::ZERO | category::HUGE | category::SOFT_DIRTY;

/// Bits of `kpageflags` (`include/uapi/linux/kernel-page-flags.h`).
const KPF_HUGE: u64 = 1 << 17;
const KPF_KSM: u64 = 1 << 21;
const KPF_THP: u64 = 1 << 22;
const KPF_ZERO_PAGE: u64 = 1 << 24;

pub(crate) fn read(
    files: &Files,
    mappings: &[Mapping],
    page: PageSize,
) -> Result<ProcessPages, Refusal> {
    let mut pages =
        ProcessPages { runs: Vec::new(), frames: false, scanned: true, missing: Vec::new() };
    let mut found = vec![sys::Region::default(); REGIONS];
    // With guard pages on kernels that know them (6.16), without on others.
    let mut any = ANY | category::GUARD;
    for mapping in mappings {
        // The page at the fixed address is the kernel's, not in the page tables of the process.
        if mapping.start.0 >> 63 != 0 {
            continue;
        }
        let mut from = mapping.start.0;
        while pages.scanned && from < mapping.end.0 {
            found.fill(sys::Region::default());
            let told = ALL | (any & category::GUARD);
            match sys::scan(files.pagemap.as_fd(), from, mapping.end.0, (any, told), &mut found) {
                Ok((number, end)) => {
                    for region in &found[..number] {
                        PageRun::push(&mut pages.runs, run(region));
                    }
                    // A kernel that does not advance would be asked for ever.
                    if end <= from {
                        break;
                    }
                    from = end;
                }
                Err(Errno::INVAL) if any & category::GUARD != 0 => any = ANY,
                Err(Errno::INTR) => {}
                Err(Errno::NOTTY | Errno::INVAL | Errno::NOSYS) => pages.scanned = false,
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    if pages.scanned {
        let runs = std::mem::take(&mut pages.runs);
        let ranges = runs.iter().map(|run| (run.start.0, run.end.0, Some(run.state)));
        entries(files, ranges, page, &mut pages)?;
    } else {
        pages.runs.clear();
        let touched = |m: &&Mapping| m.start.0 >> 63 == 0 && !untouched(m);
        let ranges = mappings.iter().filter(touched).map(|m| (m.start.0, m.end.0, None));
        entries(files, ranges, page, &mut pages)?;
    }
    Ok(pages)
}

/// Whether `smaps` says that nothing of it is in memory or in swap.
fn untouched(mapping: &Mapping) -> bool {
    let zero = Some(units::Bytes::ZERO);
    // The page of zeros is resident and in no sum, so this is of use for large mappings alone.
    mapping.size() > 1 << 30
        && mapping.shares.as_ref().is_some_and(|s| s.rss() == zero && s.swap() == zero)
}

fn run(region: &sys::Region) -> PageRun {
    let is = |bit: u64| region.categories & bit != 0;
    let present = is(category::PRESENT);
    PageRun {
        start: Address(region.start),
        end: Address(region.end),
        state: PageState {
            present,
            swapped: is(category::SWAPPED),
            file: is(category::FILE),
            soft_dirty: is(category::SOFT_DIRTY),
            guard: is(category::GUARD),
            exclusive: None,
            zero: present.then(|| is(category::ZERO)),
            huge: present.then(|| is(category::HUGE)),
            merged: None,
            mappings: None,
        },
    }
}

/// Reads the entries of the ranges, and what is known of their frames.
fn entries(
    files: &Files,
    ranges: impl Iterator<Item = (u64, u64, Option<PageState>)>,
    page: PageSize,
    pages: &mut ProcessPages,
) -> Result<(), Refusal> {
    let mut frames = Frames::new(files);
    let mut buf = Vec::new();
    for (start, end, known) in ranges {
        let mut at = start / page.bytes();
        let last = end / page.bytes();
        while at < last {
            let number = (last - at).min(ENTRIES);
            numbers(&files.pagemap, at, number, &mut buf)?;
            if buf.is_empty() {
                break;
            }
            for (&entry, address) in buf.iter().zip((at..).map(|n| n.saturating_mul(page.bytes())))
            {
                let entry = PageEntry(entry);
                let mut state = PageState::from(entry);
                if let Some(known) = known {
                    state.zero = known.zero;
                    state.huge = known.huge;
                    state.guard |= known.guard;
                }
                if let Some(frame) = entry.frame() {
                    pages.frames = true;
                    frames.look(frame, &mut state);
                }
                if state.present || state.swapped || state.guard {
                    let end = Address(address.saturating_add(page.bytes()));
                    PageRun::push(&mut pages.runs, PageRun { start: Address(address), end, state });
                }
            }
            at += buf.len() as u64;
        }
    }
    pages.missing.append(&mut frames.missing);
    Ok(())
}

/// What is known of frames; neighbours are read together, because they mostly come together.
struct Frames<'a> {
    flags: Window<'a>,
    counts: Window<'a>,
    missing: Vec<Missing>,
}

struct Window<'a> {
    file: Option<&'a OwnedFd>,
    first: u64,
    numbers: Vec<u64>,
}

impl<'a> Frames<'a> {
    fn new(files: &'a Files) -> Frames<'a> {
        let mut missing = Vec::new();
        let mut window = |place: &str, file: &'a Result<OwnedFd, Errno>| {
            if let Err(errno) = file {
                let why = Why::from(&Refusal::from(*errno));
                missing.push(Missing { place: place.to_owned(), why });
            }
            Window { file: file.as_ref().ok(), first: 0, numbers: Vec::new() }
        };
        let flags = window("kpageflags", &files.kpageflags);
        let counts = window("kpagecount", &files.kpagecount);
        Frames { flags, counts, missing }
    }

    fn look(&mut self, frame: u64, state: &mut PageState) {
        if let Some(flags) = self.flags.of(frame) {
            state.zero = Some(flags & KPF_ZERO_PAGE != 0);
            state.huge = Some(flags & (KPF_HUGE | KPF_THP) != 0);
            state.merged = Some(flags & KPF_KSM != 0);
        }
        state.mappings = self.counts.of(frame);
    }
}

impl Window<'_> {
    /// Numbers read at once.
    const NUMBERS: u64 = 512;

    fn of(&mut self, frame: u64) -> Option<u64> {
        let file = self.file?;
        let within = |first: u64, len: usize| {
            let index = usize::try_from(frame.checked_sub(first)?).ok()?;
            (index < len).then_some(index)
        };
        if within(self.first, self.numbers.len()).is_none() {
            self.first = frame - frame % Self::NUMBERS;
            if numbers(file, self.first, Self::NUMBERS, &mut self.numbers).is_err() {
                self.numbers.clear();
            }
        }
        within(self.first, self.numbers.len()).and_then(|i| self.numbers.get(i)).copied()
    }
}

/// Reads `number` numbers of eight bytes from the `first`th on into `out`, fewer at the end.
fn numbers(file: &OwnedFd, first: u64, number: u64, out: &mut Vec<u64>) -> Result<(), Refusal> {
    out.clear();
    let size = usize::try_from(number.saturating_mul(8)).unwrap_or(0);
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while filled < size {
        let offset = first.saturating_mul(8).saturating_add(filled as u64);
        match pread(file, &mut bytes[filled..], offset) {
            // The end; or, as an error, beyond the last frame or address.
            Ok(0) | Err(Errno::INVAL | Errno::FAULT) => break,
            Ok(n) => filled += n,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    out.extend(proctext::page_numbers(&bytes[..filled], cfg!(target_endian = "big")));
    Ok(())
}
