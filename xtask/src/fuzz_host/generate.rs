//! Random programs, biased towards where rules meet: neighbours that might merge, the edges of heap
//! and stack, pages around multiples of 2 MiB, limits.

mod flavour;

use lab::compare::MapLine;
use lab::{Done, Step};
use world::{
    Access, Advice, Call, Content, End, ForkKind, Limits, LockFlags, MapFlags, Prot, RemapFlags,
    Resource, SyncFlags, Touch,
};

use flavour::Flavour;

use super::mask::Mask;
use super::play::{Outcome, Source};
use super::program::{Action, Setup, What};
use super::random::Random;

pub(super) const PAGE: u64 = 4096;
const HUGE: u64 = 2 << 20;
/// Pages that one program may make resident; its processes together stay within 64 MiB.
const TOUCHABLE: u64 = (48 << 20) / PAGE;
/// Steps of a program with as many mappings as there may be.
const COMB_STEPS: u64 = 48;
/// Processes of one program.
const MOST_PROCESSES: usize = 4;

/// The image of the actor, which must stay as it is.
const IMAGE: (u64, u64) = (actor::image::TEXT, actor::image::END);
/// Where the stack ends.
const STACK_TOP: u64 = 0x7fff_ffff_f000;
/// Pages at the top of the stack that the actor runs on.
const OWN_STACK: u64 = (actor::image::STACK_PAGES_WRITTEN + 2) * PAGE;

/// A mapping as the generator knows it.
#[derive(Debug, Clone, Copy)]
struct Area {
    start: u64,
    end: u64,
    /// Neither the image, nor the top of the stack, nor what the kernel put there.
    free: bool,
    /// Grows down.
    stack: bool,
}

/// What the generator knows of a process.
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[derive(Debug, Clone, Default)]
struct Known {
    areas: Vec<Area>,
    /// Where the heap ends, as far as `brk` said.
    brk: u64,
    fds: Vec<i32>,
    alive: bool,
    /// Its vfork child, while that uses its memory.
    suspended_by: Option<usize>,
    is_thread: bool,
    /// The process that it is a thread of; itself otherwise.
    group: usize,
    /// Future mappings are locked, so they must be small.
    locks_future: bool,
}

/// Makes one program.
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    random: Random,
    mask: &'a Mask,
    flavour: Flavour,
    left: u64,
    processes: Vec<Known>,
    current: usize,
    segments: i32,
    files: usize,
    /// Some files are on a disk.
    disk: bool,
    /// No limit keeps root from locking everything.
    root: bool,
    touchable: u64,
    huge_advised: bool,
    /// Pages may hold anything.
    random_written: bool,
}

/// What a program starts from, at random.
pub(crate) fn setup(random: &mut Random, mask: &Mask) -> Setup {
    let stack = match random.below(10) {
        0 => 1 << 20,
        1 => 64 << 20,
        2 => 1 << 30,
        3 if mask.allows("unlimited-stack") => u64::MAX,
        4 => 132 << 10,
        _ => 8 << 20,
    };
    let memlock = if random.chance(80) { 8 << 20 } else { random.below(64) * PAGE };
    let rare = |random: &mut Random, value: u64| random.chance(8).then_some(value);
    let small = random.between(1 << 20, 64 << 20);
    let limits = Limits {
        stack: Some(stack),
        memlock: Some(memlock),
        data: rare(random, small),
        address_space: rare(random, small),
    };
    let file = |random: &mut Random| (random.between(0, 40 * PAGE), random.chance(50));
    let files = if mask.allows("files") {
        (0..random.below(3))
            .map(|_| file(random))
            .filter(|file| mask.allows(kind_of_file(*file)))
            .collect()
    } else {
        Vec::new()
    };
    let root = random.chance(10) && mask.allows("root");
    let crowded = random.below(300) == 0 && mask.allows("crowd");
    Setup { limits, root, files, comb: if crowded { crowd(random) } else { 0 } }
}

/// So many pages that with the actor's own mappings the most that there may be are about to be reached.
fn crowd(random: &mut Random) -> u64 {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    let most = most.trim().parse().unwrap_or(65_530_u64);
    // Where there may be many more, it would take too long.
    if most > 70_000 { 0 } else { most.saturating_sub(random.between(8, 24)) }
}

fn kind_of_file(file: (u64, bool)) -> &'static str {
    if file.1 { "tmpfs-files" } else { "disk-files" }
}

impl<'a> Generator<'a> {
    pub(crate) fn new(seed: u64, steps: u64, setup: &Setup, mask: &'a Mask) -> Generator<'a> {
        let first = Known { alive: true, brk: actor::image::END, ..Known::default() };
        let mut random = Random::new(seed);
        let flavour = Flavour::choose(&mut random);
        Generator {
            random,
            mask,
            flavour,
            // With as many mappings as there may be, each look takes long.
            left: if setup.comb > 0 { COMB_STEPS } else { steps },
            processes: vec![first],
            current: 0,
            segments: 0,
            files: setup.files.len(),
            disk: setup.files.iter().any(|(_, tmpfs)| !tmpfs),
            root: setup.root,
            touchable: TOUCHABLE,
            huge_advised: false,
            random_written: false,
        }
    }

    fn known(&self) -> &Known {
        &self.processes[self.current]
    }

    /// Whether a range may be taken away from the actor.
    fn may_lose(&self, addr: u64, len: u64) -> bool {
        let end = addr.saturating_add(len.saturating_add(PAGE - 1)) / PAGE * PAGE;
        let hits = |start: u64, stop: u64| addr < stop && end > start;
        let known = self.known();
        // The part of the stack that the actor runs on may by now be a mapping of its own.
        if hits(IMAGE.0, IMAGE.1) || hits(STACK_TOP - OWN_STACK, STACK_TOP) {
            return false;
        }
        if known.areas.is_empty() {
            return !hits(0x7fff_0000_0000, 0x8000_0000_0000);
        }
        !known.areas.iter().any(|area| {
            !area.free && hits(area.start, area.end) && !(area.stack && end <= area.end - OWN_STACK)
        })
    }

    /// Whether a range reaches into what the kernel put there.
    fn is_special(&self, addr: u64, len: u64) -> bool {
        let end = addr.saturating_add(len).saturating_add(PAGE - 1) / PAGE * PAGE;
        let special = |area: &Area| !area.free && !area.stack && area.start > IMAGE.1;
        let hits = |area: &Area| addr < area.end && end > area.start;
        self.known().areas.iter().any(|area| special(area) && hits(area))
    }

    /// A length in bytes, mostly some pages.
    fn len(&mut self) -> u64 {
        let locks = self.known().locks_future;
        let random = &mut self.random;
        // Lengths that are locked when they are mapped stay small.
        match random.below(if locks { 94 } else { 100 }) {
            0..60 => random.between(1, 8) * PAGE,
            60..75 => random.between(1, 64) * PAGE,
            75..85 => random.between(1, 3) * HUGE - PAGE + random.one(&[0, PAGE, PAGE, 2 * PAGE]),
            85..90 => random.between(1, 40_000),
            90..94 => 512 * PAGE / random.one(&[1, 2, 4]),
            94..97 => random.between(1, 1 << 18) * PAGE,
            97 => 1 << random.between(30, 48),
            98 => random.one(&[0, 1, u64::MAX, u64::MAX - PAGE, 1 << 47, (1 << 47) - PAGE]),
            _ => PAGE,
        }
    }

    /// Some mapping that may be lost, if there is one.
    fn area(&mut self) -> Option<(u64, u64)> {
        let free: Vec<(u64, u64)> = self
            .known()
            .areas
            .iter()
            .filter(|area| area.free)
            .map(|area| (area.start, area.end))
            .collect();
        if free.is_empty() { None } else { Some(self.random.one(&free)) }
    }

    /// A range that lies in, around or beside what is mapped.
    fn range(&mut self) -> (u64, u64) {
        let choice = self.random.below(100);
        if choice >= 92 {
            return self.odd_range();
        }
        if choice >= 84 {
            return self.edge_range();
        }
        let Some((start, end)) = self.area() else { return self.odd_range() };
        let pages = (end - start) / PAGE;
        let inside = self.random.below(pages) * PAGE;
        let part = self.random.between(1, (pages - inside / PAGE).min(600)) * PAGE;
        match choice {
            0..20 => (start, end - start),
            20..35 => (start, part.min(end - start)),
            35..50 => (end - part.min(end - start), part.min(end - start)),
            50..65 => (start + inside, part),
            65..70 => (start + inside, PAGE),
            70..76 => (start + inside, part.saturating_add(self.random.between(1, 20) * PAGE)),
            76..80 => {
                let back = self.random.between(1, 8) * PAGE;
                (start.saturating_sub(back), back + part)
            }
            _ => {
                let huge = (start + inside) / HUGE * HUGE;
                (huge, self.random.between(1, 2) * HUGE)
            }
        }
    }

    /// The edges of heap, stack and the user's addresses.
    fn edge_range(&mut self) -> (u64, u64) {
        let brk = self.known().brk / PAGE * PAGE;
        let stack = self.known().areas.iter().find(|area| area.stack).map(|area| area.start);
        let len = self.random.between(1, 6) * PAGE;
        let random = &mut self.random;
        match random.below(4) {
            0 => (brk.saturating_sub(random.below(4) * PAGE), len),
            1 => (brk + random.below(6) * PAGE, len),
            _ => {
                let stack = stack.unwrap_or(0x7fff_fffd_e000);
                let gap = random.one(&[0, 1, 2, 8, 32, 255, 256, 257, 300, 2000]);
                (stack.saturating_sub(gap * PAGE), len)
            }
        }
    }

    fn odd_range(&mut self) -> (u64, u64) {
        let len = self.len();
        let random = &mut self.random;
        let addr = match random.below(8) {
            0 => random.below(20) * PAGE,
            1 => (1 << 47) - random.below(4) * PAGE,
            2 => random.one(&[u64::MAX, u64::MAX - PAGE + 1, 1 << 63, 0xffff_8000_0000_0000]),
            3 => random.next(),
            4 => IMAGE.0 + random.below(40) * PAGE,
            5 => 0x5000_0000 + random.below(64) * HUGE,
            _ => 0x1000_0000 + random.below(2000) * PAGE,
        };
        (addr, len)
    }

    /// Address and length, sometimes not of whole pages.
    fn rough_range(&mut self) -> (u64, u64) {
        let (addr, len) = self.range();
        match self.random.below(40) {
            0 => (addr.wrapping_add(self.random.below(PAGE)), len),
            1 => (addr, len.wrapping_add(self.random.below(PAGE))),
            2 => (addr, 0),
            _ => (addr, len),
        }
    }

    fn prot(&mut self) -> Prot {
        match self.random.below(20) {
            0..12 => Prot(3),
            12..15 => Prot(1),
            15..17 => Prot(0),
            17 => Prot(5),
            18 => Prot(7),
            _ => Prot(u32::try_from(self.random.below(8)).unwrap_or(0)),
        }
    }

    fn fd(&mut self) -> i32 {
        let fds = self.known().fds.clone();
        if fds.is_empty() || self.random.chance(3) { 77 } else { self.random.one(&fds) }
    }

    fn mmap(&mut self) -> Option<Call> {
        let prot = self.prot();
        let mut flags = if self.random.chance(82) { MapFlags::PRIVATE } else { MapFlags::SHARED };
        let has_file = !self.known().fds.is_empty();
        let mut fd = -1;
        let mut offset = 0;
        if has_file && self.random.chance(20) {
            fd = self.fd();
            offset = self.random.below(6) * PAGE;
        } else {
            flags = flags.with(MapFlags::ANONYMOUS);
        }
        if self.random.chance(1) {
            offset = self.random.next() >> self.random.below(64);
        }
        let mut len = self.len();
        let mut addr = 0;
        if self.random.chance(45) {
            let (near, size) = self.rough_range();
            addr = near;
            if self.random.chance(50) {
                len = size;
            }
            let beside = self.random.below(4);
            if beside == 0 {
                addr = near.wrapping_sub(len);
            } else if beside == 1 {
                addr = near.wrapping_add(size);
            }
            match self.random.below(4) {
                0 => flags = flags.with(MapFlags::FIXED),
                1 => flags = flags.with(MapFlags::FIXED_NOREPLACE),
                _ => {}
            }
        }
        // Root may lock what it likes.
        let small = len <= 2 * HUGE && !(self.root && len > HUGE);
        for (flag, percent) in [
            (MapFlags::NORESERVE, 6),
            (MapFlags::POPULATE, if small { 4 } else { 0 }),
            (MapFlags::LOCKED, if small { 3 } else { 0 }),
            (MapFlags::GROWSDOWN, 4),
            (MapFlags::STACK, 2),
            (MapFlags::BIT32, 3),
            (MapFlags::NONBLOCK, 1),
            (MapFlags::DENYWRITE, 1),
            (MapFlags::SHARED_VALIDATE, 1),
            (MapFlags::DROPPABLE, 1),
            (MapFlags::SYNC, 1),
        ] {
            if self.random.chance(percent) && self.mask.allows(&flag.to_string()) {
                flags = flags.with(flag);
            }
        }
        if self.random.chance(1) {
            flags = MapFlags(flags.0 ^ (1 << self.random.below(17)));
        }
        if flags.any(MapFlags::HUGETLB) {
            return None;
        }
        let populates =
            flags.any(MapFlags::POPULATE.with(MapFlags::LOCKED)) || self.known().locks_future;
        if populates && !self.spend(len / PAGE) {
            return None;
        }
        if flags.has(MapFlags::FIXED) && !self.may_lose(addr, len) {
            return None;
        }
        Some(Call::Mmap { addr, len, prot, flags, fd, offset })
    }

    /// Takes pages from what may be touched; false when there are not as many.
    fn spend(&mut self, pages: u64) -> bool {
        let enough = pages <= self.touchable;
        if enough {
            self.touchable -= pages;
        }
        enough
    }

    fn mremap(&mut self) -> Option<Call> {
        let (addr, old_len) = self.rough_range();
        let new_len = match self.random.below(6) {
            0 => old_len,
            1 => old_len.wrapping_add(self.random.between(1, 10) * PAGE),
            2 => old_len / 2 / PAGE * PAGE,
            3 => old_len.saturating_mul(2),
            4 => HUGE * self.random.between(1, 2),
            _ => self.len(),
        };
        let old_len = if self.random.chance(2) { 0 } else { old_len };
        let mut flags = RemapFlags(0);
        let mut new_addr = 0;
        if self.random.chance(75) {
            flags = flags.with(RemapFlags::MAYMOVE);
        }
        if self.random.chance(25) {
            flags = flags.with(RemapFlags::FIXED);
        }
        if self.random.chance(8) && self.mask.allows("MREMAP_DONTUNMAP") {
            flags = flags.with(RemapFlags::DONTUNMAP);
        }
        if flags.any(RemapFlags::FIXED.with(RemapFlags::DONTUNMAP)) {
            let (near, size) = self.range();
            new_addr = if self.random.chance(50) { near } else { near.wrapping_add(size) };
        }
        // What is locked is populated.
        if (self.known().locks_future || self.root) && new_len > 2 * HUGE {
            return None;
        }
        if self.root && !self.spend(new_len / PAGE) {
            return None;
        }
        let safe = self.may_lose(addr, old_len.max(1))
            && (!flags.has(RemapFlags::FIXED) || self.may_lose(new_addr, new_len));
        safe.then_some(Call::Mremap { addr, old_len, new_len, flags, new_addr })
    }

    fn madvise(&mut self) -> Option<Call> {
        let (addr, len) = self.rough_range();
        let number = self.random.below(Advice::NAMES.len() as u64);
        let (_, advice) = Advice::NAMES[usize::try_from(number).unwrap_or(0)];
        let advice = if self.random.chance(1) { 99 } else { advice };
        self.advise(addr, len, advice)
    }

    /// The advice, if it is one that can be compared and does no harm.
    fn advise(&mut self, addr: u64, len: u64, advice: i32) -> Option<Call> {
        if !self.mask.allows(&Advice(advice).to_string()) {
            return None;
        }
        match advice {
            // Poisoning pages would poison the machine.
            100 | 101 => return None,
            14 | 25 => self.huge_advised = true,
            // Each guard is an entry of a page table.
            102 if len > 64 * HUGE => return None,
            _ => {}
        }
        let fills = matches!(advice, 3 | 22 | 23 | 25);
        if fills && !self.spend(len / PAGE) {
            return None;
        }
        self.may_lose(addr, len).then_some(Call::Madvise { addr, len, advice: Advice(advice) })
    }

    fn brk(&mut self) -> Call {
        let brk = self.known().brk;
        let random = &mut self.random;
        let addr = match random.below(12) {
            0 => 0,
            1 => actor::image::END,
            2 => actor::image::END - PAGE,
            3 => brk.saturating_add(HUGE),
            4 => random.next(),
            5..8 => brk.saturating_sub(random.between(1, 5 * PAGE)),
            _ => brk.saturating_add(random.between(1, 12) * PAGE / random.one(&[1, 1, 3])),
        };
        Call::Brk { addr }
    }

    fn lock(&mut self) -> Option<Call> {
        let (addr, len) = self.rough_range();
        let flags = self.random.below(8);
        match self.random.below(12) {
            0 => {
                let flags = LockFlags(u32::try_from(flags).unwrap_or(0));
                let name = if flags.any(LockFlags::FUTURE) { "MCL_FUTURE" } else { "mlockall" };
                (!self.root && self.mask.allows(name) && self.spend(2048))
                    .then_some(Call::Mlockall { flags })
            }
            1 | 2 => Some(Call::Munlockall),
            3..6 => Some(Call::Munlock { addr, len }),
            6 => {
                let flags = self.random.one(&[0, 1, 1, 1, 2]);
                self.spend(len / PAGE).then_some(Call::Mlock2 { addr, len, flags })
            }
            _ => self.spend(len / PAGE).then_some(Call::Mlock { addr, len }),
        }
    }

    fn touch(&mut self) -> Option<Touch> {
        let (addr, len) = self.range();
        let stride =
            self.random.one(&[PAGE, PAGE, PAGE, PAGE, 2 * PAGE, 16 * PAGE, HUGE, 512, 3000]);
        let count = (len / stride).clamp(1, 600);
        let count = if self.random.chance(50) { self.random.between(1, count) } else { count };
        let access = match self.random.below(20) {
            // What was written at random may be an instruction that writes somewhere.
            0 if self.mask.allows("execute") && !self.random_written => Access::Execute,
            0..8 => Access::Read,
            _ => Access::Write,
        };
        let content = match self.random.below(20) {
            0 => Content::Byte(7),
            1 => {
                self.random_written |= access == Access::Write;
                Content::Random(self.random.next())
            }
            _ => Content::OneByte,
        };
        let count = if access == Access::Execute { count.min(8) } else { count };
        let cost = if self.huge_advised && stride >= 16 * PAGE { 512 } else { 1 };
        if !self.mask.allows("special") && self.is_special(addr, count * stride) {
            return None;
        }
        // What the actor itself needs may be read, but neither written nor executed.
        let own = access != Access::Read && !self.may_lose(addr, count * stride);
        (!own && self.spend(count * cost)).then_some(Touch { addr, count, stride, access, content })
    }

    fn call(&mut self) -> Option<What> {
        if self.random.chance(30) {
            let call = match self.flavour {
                Flavour::Huge => self.huge_call()?,
                Flavour::Files => self.about_files()?,
                Flavour::Plain | Flavour::Family => return self.any_call(),
            };
            return self.mask.allows_call(&call).then_some(What::Step(Step::Call(call)));
        }
        self.any_call()
    }

    fn any_call(&mut self) -> Option<What> {
        let call = match self.random.below(100) {
            0..24 => self.mmap()?,
            24..36 => {
                let (addr, len) = self.rough_range();
                self.may_lose(addr, len).then_some(Call::Munmap { addr, len })?
            }
            36..48 => {
                let (addr, len) = self.rough_range();
                let mut prot = self.prot();
                if self.random.chance(2) {
                    prot = prot.with(Prot::GROWSDOWN);
                    // Reaches down to the start of the mapping.
                    self.area().filter(|(start, end)| (*start..*end).contains(&addr))?;
                }
                self.may_lose(addr, len).then_some(Call::Mprotect { addr, len, prot })?
            }
            48..57 => self.mremap()?,
            57..67 => self.madvise()?,
            67..72 => self.brk(),
            72..77 => self.lock()?,
            77 => {
                let (addr, len) = self.rough_range();
                let flags = SyncFlags(u32::try_from(self.random.below(8)).unwrap_or(0));
                Call::Msync { addr, len, flags }
            }
            78..81 => {
                let (addr, len) = self.rough_range();
                let len = if len > 4096 * PAGE && len < 1 << 47 { PAGE } else { len };
                if !self.mask.allows("special") && self.is_special(addr, len) {
                    return None;
                }
                Call::Mincore { addr, len }
            }
            81..87 => self.file_call()?,
            87..90 => self.shm_call()?,
            90 if self.random.chance(80) => self.limit()?,
            90 if !self.root => Call::SetOomScoreAdj { adj: self.adj() },
            _ => return Some(What::Step(Step::Touch(self.touch()?))),
        };
        self.mask.allows_call(&call).then_some(What::Step(Step::Call(call)))
    }

    fn limit(&mut self) -> Option<Call> {
        if self.root {
            return None;
        }
        let resource = self.random.one(&[
            Resource::Data,
            Resource::Stack,
            Resource::Memlock,
            Resource::AddressSpace,
        ]);
        let soft = match self.random.below(5) {
            0 => u64::MAX,
            1 => self.random.below(100) * PAGE,
            2 => self.random.between(1, 1 << 30),
            _ => self.random.between(1, 4000) * PAGE,
        };
        // What may be locked bounds what is populated.
        let soft = if resource == Resource::Memlock { soft.min(12 << 20) } else { soft };
        let hard = if self.random.chance(90) { u64::MAX } else { soft };
        self.random.chance(30).then_some(Call::Setrlimit { resource, soft, hard })
    }

    fn adj(&mut self) -> i32 {
        let adj = i32::try_from(self.random.below(2100)).unwrap_or(0);
        if self.random.chance(50) { adj } else { -adj / 2 }
    }

    /// Fork, exec, exit.
    fn family(&mut self) -> Option<What> {
        let room = self.processes.len() < MOST_PROCESSES;
        let kin = self.known().is_thread;
        match self.random.below(10) {
            0..4 if room && self.mask.allows("fork") => Some(What::Fork(ForkKind::Fork)),
            4 if room && self.mask.allows("vfork") && !kin => Some(What::Fork(ForkKind::Vfork)),
            5 if room && self.mask.allows("thread") => Some(What::Fork(ForkKind::Thread)),
            6 if self.mask.allows("exec") && !kin => Some(What::Exec),
            7 if self.current > 0 => Some(What::End(End::Exit(0))),
            8 if self.current > 0 && self.mask.allows("kill") => Some(What::End(End::Signal(9))),
            _ => None,
        }
    }
}

impl Source for Generator<'_> {
    fn next(&mut self) -> Option<Action> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        if self.random.chance(5) || !self.can_act(self.current) {
            let able: Vec<usize> =
                (0..self.processes.len()).filter(|&at| self.can_act(at)).collect();
            if able.is_empty() {
                return None;
            }
            self.current = self.random.one(&able);
        }
        for _ in 0..1000 {
            let kin = if self.flavour == Flavour::Family { 40 } else { 6 };
            let what = if self.random.below(1000) < kin { self.family() } else { self.call() };
            if let Some(what) = what {
                let process = u32::try_from(self.current).unwrap_or(u32::MAX);
                return Some(Action { process, what });
            }
        }
        None
    }

    fn learn(&mut self, action: &Action, outcome: &Outcome) {
        let at = action.process as usize;
        match (&action.what, outcome) {
            (What::Step(Step::Call(call)), Outcome::Done(Done::Returned(returned))) => {
                let Ok(value) = returned.value else { return };
                let known = &mut self.processes[at];
                match call {
                    Call::Brk { .. } => known.brk = value,
                    Call::Open { .. } | Call::MemfdCreate { .. } => {
                        known.fds.extend(i32::try_from(value));
                    }
                    Call::Close { fd } => known.fds.retain(|open| open != fd),
                    Call::Shmget { .. } => self.segments += 1,
                    Call::Mlockall { flags } => known.locks_future = flags.any(LockFlags::FUTURE),
                    Call::Munlockall => known.locks_future = false,
                    Call::Mmap { len, .. } => {
                        let end = value.saturating_add(len.next_multiple_of(PAGE));
                        known.areas.push(Area { start: value, end, free: true, stack: false });
                    }
                    _ => {}
                }
            }
            (What::Fork(kind), Outcome::Forked(Ok(_))) => {
                let mut child = self.processes[at].clone();
                child.is_thread = *kind == ForkKind::Thread;
                if !child.is_thread {
                    child.group = self.processes.len();
                }
                child.locks_future &= *kind != ForkKind::Fork;
                let new = self.processes.len();
                self.processes[at].suspended_by = (*kind == ForkKind::Vfork).then_some(new);
                child.suspended_by = None;
                self.processes.push(child);
            }
            (What::End(End::Signal(_)), _) | (What::Exec, Outcome::Killed) => {
                let group = self.processes[at].group;
                for other in 0..self.processes.len() {
                    if self.processes[other].group == group {
                        self.processes[other].alive = false;
                        self.wake(other);
                    }
                }
            }
            (What::Exec | What::End(_), _) => {
                let ended = matches!(action.what, What::End(_));
                self.processes[at].alive = !ended;
                self.processes[at].brk = actor::image::END;
                self.processes[at].areas.clear();
                self.processes[at].locks_future = false;
                if !self.processes[at].is_thread {
                    let others = self.processes.iter_mut().enumerate();
                    let threads = others.filter(|(place, other)| *place != at && other.group == at);
                    threads.for_each(|(_, other)| other.alive = false);
                }
                self.wake(at);
            }
            (_, Outcome::Killed) => self.processes[at].alive = false,
            _ => {}
        }
    }

    fn see(&mut self, process: u32, maps: &[MapLine<'_>]) {
        let area = |line: &MapLine<'_>| {
            let image = line.start >= IMAGE.0 && line.end <= IMAGE.1;
            let special = line.name.starts_with("[v") || line.name == "[stack]";
            Area {
                start: line.start,
                end: line.end,
                free: !image && !special,
                stack: line.name == "[stack]",
            }
        };
        let lines = maps.iter().filter(|line| line.start < 1 << 47);
        self.processes[process as usize].areas = lines.map(area).collect();
    }
}

impl Generator<'_> {
    fn can_act(&self, at: usize) -> bool {
        self.processes[at].alive && self.processes[at].suspended_by.is_none()
    }

    /// A vfork child is out of its parent's memory.
    fn wake(&mut self, child: usize) {
        for known in &mut self.processes {
            if known.suspended_by == Some(child) {
                known.suspended_by = None;
            }
        }
    }
}
