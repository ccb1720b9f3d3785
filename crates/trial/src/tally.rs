//! What was seen of all processes of one run, put together.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use facts::Name;
use rules::allocators::{KNOWN, Samples, WhyWithout, Without};
use std::os::unix::ffi::OsStrExt;

use crate::process::{self, Memory};
use crate::program::Program;

/// How much more anonymous memory a process must have than when huge pages were last asked about,
/// for them to be asked about again: the kernel walks page tables to answer.
const GROWTH_PERCENT: u64 = 25;

/// One process while it lives.
#[derive(Debug, Clone, Default)]
struct Seen {
    last: Memory,
    /// When it began, to tell it from another one with its number.
    start: Option<u64>,
    /// Anonymous memory when huge pages were last asked about.
    asked_at: u64,
    /// What was last found of its image.
    image: Option<Image>,
}

/// Whether one image of one process had the library.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Image {
    With,
    Without(Name, WhyWithout),
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The library that should be in every process, as the kernel prints its path.
    library: Option<Vec<u8>>,
    machine: Option<(u16, bool)>,
    live: BTreeMap<u32, Seen>,
    pub(crate) hwm: Option<u64>,
    pub(crate) rss: Option<u64>,
    pub(crate) anon: Option<u64>,
    pub(crate) huge: Option<u64>,
    pub(crate) processes: u64,
    pub(crate) looked_at: u64,
    /// Processes that were not looked at when they ended.
    pub(crate) ended_unseen: u64,
    without: BTreeMap<(Name, WhyWithout), u64>,
    others: Vec<Name>,
    pub(crate) left_over: Vec<Name>,
    pub(crate) samples: Samples,
    /// When the command itself ended.
    pub(crate) root_ended: Option<Instant>,
    pub(crate) is_over: bool,
}

fn raise(most: &mut Option<u64>, value: u64) {
    *most = Some(most.map_or(value, |most| most.max(value)));
}

impl Tally {
    pub(crate) fn new(library: Option<&Path>, machine: (u16, bool)) -> Tally {
        let library = library.map(|path| path.as_os_str().as_bytes().to_vec());
        Tally { library, machine: Some(machine), ..Tally::default() }
    }

    pub(crate) fn live(&self) -> Vec<u32> {
        self.live.keys().copied().collect()
    }

    /// A process that was not there before; nothing if it was.
    pub(crate) fn begin(&mut self, pid: u32) {
        if let std::collections::btree_map::Entry::Vacant(place) = self.live.entry(pid) {
            place.insert(Seen { start: process::start(pid), ..Seen::default() });
            self.processes += 1;
        }
    }

    /// Whether a number still stands for the process that was seen under it.
    pub(crate) fn is_still(&self, pid: u32) -> bool {
        self.live.get(&pid).is_some_and(|seen| {
            let now = process::start(pid);
            now.is_some() && now == seen.start
        })
    }

    /// It runs another program now.
    pub(crate) fn new_image(&mut self, pid: u32) {
        if let Some(seen) = self.live.get_mut(&pid) {
            *seen = Seen { start: seen.start, ..Seen::default() };
        }
    }

    /// It is gone; what was last seen of its image counts.
    pub(crate) fn end(&mut self, pid: u32) {
        let Some(seen) = self.live.remove(&pid) else { return };
        match seen.image {
            Some(image) => {
                self.looked_at += 1;
                if let Image::Without(program, why) = image {
                    *self.without.entry((program, why)).or_default() += 1;
                }
            }
            None => self.ended_unseen += 1,
        }
    }

    /// What a process has now.
    pub(crate) fn has(&mut self, pid: u32, memory: Memory) {
        let Some(seen) = self.live.get_mut(&pid) else { return };
        seen.last = memory;
        raise(&mut self.hwm, memory.hwm.unwrap_or(memory.rss).max(memory.rss));
        let sum = |part: fn(&Memory) -> u64| {
            self.live.values().fold(0_u64, |sum, seen| sum.saturating_add(part(&seen.last)))
        };
        let (rss, anon) = (sum(|memory| memory.rss), sum(|memory| memory.anon));
        raise(&mut self.rss, rss);
        raise(&mut self.anon, anon);
    }

    /// It has given its memory back, and is about to be gone.
    pub(crate) fn has_nothing(&mut self, pid: u32) {
        if let Some(seen) = self.live.get_mut(&pid) {
            seen.last = Memory::default();
        }
    }

    /// Whether so much is there by now that huge pages are worth a question.
    pub(crate) fn has_grown(&self, pid: u32) -> bool {
        self.live.get(&pid).is_some_and(|seen| {
            let before = seen.asked_at.saturating_add(seen.asked_at / 100 * GROWTH_PERCENT);
            seen.last.anon > before.max(1 << 20)
        })
    }

    /// What `smaps_rollup` said.
    pub(crate) fn huge_pages(&mut self, pid: u32, huge: Option<u64>) {
        if let Some(seen) = self.live.get_mut(&pid) {
            seen.asked_at = seen.last.anon;
        }
        if let Some(huge) = huge {
            raise(&mut self.huge, huge);
        }
    }

    /// Whether the image of a process has still to be looked at.
    pub(crate) fn is_unseen(&self, pid: u32) -> bool {
        self.live.get(&pid).is_some_and(|seen| seen.image.is_none())
    }

    /// Looks at which files a process has mapped.
    pub(crate) fn look_at(&mut self, pid: u32) {
        let Some(files) = process::mapped_files(pid) else { return };
        let is_there = self.library.as_ref().is_none_or(|library| files.contains(library));
        let image = if is_there {
            Image::With
        } else {
            // The loader may not be done yet: a program with a loader has a C library.
            let is_loaded = |file: &Vec<u8>| {
                let name = file.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
                name.starts_with(b"libc.") || name.starts_with(b"libc-")
            };
            let loader = Program::at(&process::program(pid).1).and_then(|program| program.loader);
            if loader.is_some_and(|l| !l.is_musl() && !l.is_bionic())
                && !files.iter().any(is_loaded)
            {
                return;
            }
            self.without(pid)
        };
        for file in files {
            if Some(&file) != self.library.as_ref() && is_allocator(&file) {
                let file = Name::new(file);
                if !self.others.contains(&file) {
                    self.others.push(file);
                }
            }
        }
        if let Some(seen) = self.live.get_mut(&pid) {
            seen.image = Some(image);
        }
    }

    fn without(&self, pid: u32) -> Image {
        let (path, link) = process::program(pid);
        let name = path.as_ref().map_or(&link, |path| path).as_os_str().as_bytes().to_vec();
        let why = match Program::at(&link) {
            Some(program) if program.loader.is_none() && program.go => WhyWithout::Go,
            Some(program) if program.loader.is_none() => WhyWithout::Static,
            Some(program) if Some(program.machine) != self.machine => WhyWithout::OtherMachine,
            Some(program) => match program.unfit() {
                Some(crate::Unfit::OtherLibc) => WhyWithout::OtherLibc,
                Some(crate::Unfit::Privileged) => WhyWithout::Privileged,
                _ => self.why_by_environment(pid),
            },
            None => WhyWithout::Unknown,
        };
        Image::Without(Name::new(name), why)
    }

    fn why_by_environment(&self, pid: u32) -> WhyWithout {
        let preloads = self.library.as_ref().and_then(|library| process::preloads(pid, library));
        if preloads == Some(false) { WhyWithout::Environment } else { WhyWithout::Unknown }
    }

    pub(crate) fn all_without(&self) -> Vec<Without> {
        let row = |(&(ref program, why), &processes): (&(Name, WhyWithout), &u64)| Without {
            program: program.clone(),
            why,
            processes,
        };
        self.without.iter().map(row).collect()
    }

    /// Libraries of other allocators. Two libraries of one allocator belong together.
    pub(crate) fn others(&self) -> Vec<Name> {
        let own = self.library.as_deref().and_then(allocator);
        let is_other = |file: &&Name| allocator(file.as_bytes()) != own;
        self.others.iter().filter(is_other).cloned().collect()
    }
}

fn is_allocator(path: &[u8]) -> bool {
    allocator(path).is_some()
}

/// Which allocator a library is of, by its name: `libtcmalloc.so.4`, `libtbbmalloc.so.2`.
fn allocator(path: &[u8]) -> Option<&'static str> {
    let file = path.rsplit(|&byte| byte == b'/').next()?.strip_prefix(b"lib")?;
    KNOWN.iter().map(|known| known.name).find(|name| file.starts_with(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: u32 = u32::MAX;

    fn tally() -> Tally {
        Tally::new(None, (0, true))
    }

    #[test]
    fn sums_are_of_those_that_live_at_once() {
        let mut tally = tally();
        let memory = |rss, anon| Memory { rss, anon, hwm: None };
        tally.begin(NONE);
        tally.has(NONE, memory(100, 60));
        tally.begin(NONE - 1);
        tally.has(NONE - 1, memory(50, 30));
        tally.end(NONE);
        tally.begin(NONE - 2);
        tally.has(NONE - 2, memory(70, 10));
        assert_eq!((tally.rss, tally.anon, tally.hwm), (Some(150), Some(90), Some(100)));
        assert_eq!(tally.processes, 3);
    }

    #[test]
    fn what_was_never_seen_is_unknown_and_not_nothing() {
        let mut tally = tally();
        tally.begin(NONE);
        tally.end(NONE);
        assert_eq!((tally.rss, tally.anon, tally.hwm, tally.huge), (None, None, None, None));
        assert_eq!((tally.ended_unseen, tally.looked_at), (1, 0));
    }

    #[test]
    fn huge_pages_are_asked_about_only_after_growth() {
        let mut tally = tally();
        let memory = |anon| Memory { rss: anon, anon, hwm: None };
        tally.begin(NONE);
        tally.has(NONE, memory(100 << 20));
        assert!(tally.has_grown(NONE));
        tally.huge_pages(NONE, Some(2 << 20));
        tally.has(NONE, memory(110 << 20));
        assert!(!tally.has_grown(NONE));
        tally.has(NONE, memory(130 << 20));
        assert!(tally.has_grown(NONE));
        assert_eq!(tally.huge, Some(2 << 20));
    }

    #[test]
    fn a_library_that_is_not_there_is_missed_in_this_very_process() {
        let own = std::process::id();
        let mut tally = Tally::new(Some(Path::new("/nowhere/libmissed.so")), (0, true));
        tally.begin(own);
        tally.look_at(own);
        tally.end(own);
        let without = tally.all_without();
        assert_eq!((without.len(), tally.looked_at), (1, 1));
        // The machine was given as one that does not exist.
        let why =
            if cfg!(target_env = "gnu") { WhyWithout::OtherMachine } else { WhyWithout::Static };
        assert_eq!(without[0].why, why);
    }

    #[test]
    fn libraries_of_allocators_are_known_by_name() {
        assert_eq!(allocator(b"/usr/lib/libtbbmalloc.so.2.8"), Some("tbbmalloc"));
        assert_eq!(allocator(b"/usr/lib/libtcmalloc.so.4"), Some("tcmalloc"));
        assert_eq!(allocator(b"/usr/lib/libc.so.6"), None);
    }
}
