//! `malloc` and its relatives: the model of glibc asks a world, the model of Linux or a real kernel.
//!
//! On a real kernel the allocator is the model's all the same: what it asks of the kernel and which of
//! its own words it writes are performed for real, by the process that the request is of. That it asks
//! for the same as the library does is for `cargo xtask fuzz-malloc` to show.
//!
//! # What it leaves out
//! `calloc` writes nothing into memory that was given before and that nobody wrote then.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use malloc::{Heap as GlibcHeap, Kernel, Map, Ptr, Rules, ThreadId, Tunables};
use scenario::run::{Heap, HeapError};
use scenario::{Arch, Problem, Problems, Scenario};
use world::{
    Access, Advice, Call, Content, Control, End, Errno, FileSpec, ForkKind, MapFlags, Observation,
    ProcessId, ProcessSpec, Prot, RemapFlags, Returned, Setup, Touch, Touched, World, WorldError,
};

/// The glibc whose `malloc` programs have when a scenario names none.
const RELEASE: &str = "2.36";

/// The rules of the glibc that a scenario names.
///
/// # Errors
/// A release that is not known, with its place in the text.
pub fn rules(scenario: &Scenario) -> Result<Rules, Problems> {
    let named = scenario.machine.libc.as_ref();
    let release = named.map_or(RELEASE, |libc| libc.value.as_str());
    let narrow = matches!(scenario.machine.arch, Some(Arch::I386 | Arch::Arm));
    let name = if narrow { format!("{release}-i386") } else { release.to_owned() };
    Rules::named(&name).ok_or_else(|| {
        let span = named.map(|libc| libc.span).unwrap_or_default();
        let all = Rules::ALL.iter().map(|rules| rules.name);
        let known: Vec<&str> = all
            .filter_map(|name| match name.strip_suffix("-i386") {
                Some(release) if narrow => Some(release),
                None if !narrow => Some(name),
                _ => None,
            })
            .collect();
        let problem = Problem::at(
            span,
            format!("the allocator of glibc {release} is not known here"),
            format!("known are {}", known.join(", ")),
        );
        Problems::in_source(scenario.source.clone(), vec![problem])
    })
}

/// A world, which the run and every allocator ask in turn.
#[derive(Debug)]
pub struct Shared<W>(Rc<RefCell<W>>);

impl<W> Clone for Shared<W> {
    fn clone(&self) -> Shared<W> {
        Shared(Rc::clone(&self.0))
    }
}

impl<W> Shared<W> {
    /// A world that several hold.
    pub fn new(world: W) -> Shared<W> {
        Shared(Rc::new(RefCell::new(world)))
    }

    /// Does something with the world, which asks nobody back.
    pub fn with<T>(&self, run: impl FnOnce(&mut W) -> T) -> T {
        run(&mut self.0.borrow_mut())
    }

    /// The world itself, when nobody else holds it any more.
    pub fn into_inner(self) -> Option<W> {
        Rc::into_inner(self.0).map(RefCell::into_inner)
    }
}

/// What the library asks about the machine once, and not through memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Processors.
    pub cpus: u32,
    /// Whether `vm.overcommit_memory` is 2.
    pub never_overcommits: bool,
}

impl About {
    /// What a simulated machine says.
    pub fn of(machine: &sim::Machine) -> About {
        let config = machine.config();
        About {
            cpus: config.cpus,
            never_overcommits: config.overcommit == facts::OvercommitMode::Never,
        }
    }
}

impl<W: World> World for Shared<W> {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        self.with(|world| world.files(files))
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        self.with(|world| world.start(spec))
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        self.with(|world| world.call(process, call))
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        self.with(|world| world.touch(process, touch))
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        self.with(|world| world.fork(process, kind))
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        self.with(|world| world.exec(process))
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.with(|world| world.end(process, how))
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.with(|world| world.sleep(nanoseconds))
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.with(|world| world.observe(process))
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        self.with(|world| world.alive(process))
    }

    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.with(|world| world.setup(setup))
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        self.with(|world| world.control(what, value))
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        self.with(World::machine)
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        self.with(World::log)
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        self.with(World::deaths)
    }

    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        self.with(World::woken)
    }

    fn panicked(&mut self) -> Option<String> {
        self.with(World::panicked)
    }
}

/// The kernel of one process, as its allocator sees it.
#[derive(Debug)]
struct Bridge<W> {
    world: Shared<W>,
    process: ProcessId,
    about: fn(&W) -> Option<About>,
    given: About,
    /// What went wrong in the world itself; the allocator sees a refusal meanwhile.
    broken: Option<String>,
}

impl<W> Clone for Bridge<W> {
    fn clone(&self) -> Bridge<W> {
        Bridge { world: self.world.clone(), broken: self.broken.clone(), ..*self }
    }
}

impl<W> Bridge<W> {
    fn about(&self) -> About {
        self.world.with(|world| (self.about)(world)).unwrap_or(self.given)
    }
}

impl<W: World> Bridge<W> {
    fn call(&mut self, call: &Call) -> Result<u64, malloc::Errno> {
        match self.world.call(self.process, call) {
            Ok(returned) => returned.value.map_err(|errno| match errno {
                Errno::EINVAL => malloc::Errno::Invalid,
                _ => malloc::Errno::NoMemory,
            }),
            Err(error) => {
                self.broken = Some(error.0);
                Err(malloc::Errno::NoMemory)
            }
        }
    }
}

fn prot(prot: malloc::Prot) -> Prot {
    match prot {
        malloc::Prot::None => Prot::NONE,
        malloc::Prot::ReadWrite => Prot::READ.with(Prot::WRITE),
    }
}

impl<W: World> Kernel for Bridge<W> {
    fn brk(&mut self, to: u64) -> u64 {
        self.call(&Call::Brk { addr: to }).unwrap_or(0)
    }

    fn mmap(
        &mut self,
        hint: Option<u64>,
        len: u64,
        protection: malloc::Prot,
        how: Map,
    ) -> Result<u64, malloc::Errno> {
        let more = match how {
            Map::Plain => MapFlags(0),
            Map::NoReserve => MapFlags::NORESERVE,
            Map::Fixed => MapFlags::FIXED,
            Map::Huge { size_flags } => MapFlags::HUGETLB.with(MapFlags(size_flags)),
        };
        self.call(&Call::Mmap {
            addr: hint.unwrap_or(0),
            len,
            prot: prot(protection),
            flags: MapFlags::PRIVATE.with(MapFlags::ANONYMOUS).with(more),
            fd: -1,
            offset: 0,
        })
    }

    fn munmap(&mut self, addr: u64, len: u64) -> Result<(), malloc::Errno> {
        self.call(&Call::Munmap { addr, len }).map(|_| ())
    }

    fn mremap(&mut self, addr: u64, old_len: u64, new_len: u64) -> Result<u64, malloc::Errno> {
        let flags = RemapFlags::MAYMOVE;
        self.call(&Call::Mremap { addr, old_len, new_len, flags, new_addr: 0 })
    }

    fn mprotect(
        &mut self,
        addr: u64,
        len: u64,
        protection: malloc::Prot,
    ) -> Result<(), malloc::Errno> {
        self.call(&Call::Mprotect { addr, len, prot: prot(protection) }).map(|_| ())
    }

    fn madvise(
        &mut self,
        addr: u64,
        len: u64,
        advice: malloc::Advice,
    ) -> Result<(), malloc::Errno> {
        let advice = match advice {
            malloc::Advice::DontNeed => Advice(4),
            malloc::Advice::HugePage => Advice(14),
        };
        self.call(&Call::Madvise { addr, len, advice }).map(|_| ())
    }

    fn cpus(&self) -> u32 {
        self.about().cpus
    }

    fn never_overcommits(&self) -> bool {
        self.about().never_overcommits
    }
}

/// The allocator of one memory, with what it gave.
struct Own<W: World> {
    heap: GlibcHeap<Bridge<W>>,
    live: BTreeMap<u64, Ptr>,
}

impl<W: World> Own<W> {
    fn copied(&self) -> Own<W> {
        Own { heap: self.heap.clone(), live: self.live.clone() }
    }
}

/// An allocator for each process; threads share one.
#[expect(missing_debug_implementations, reason = "it holds a function")]
pub struct Heaps<W: World> {
    rules: Rules,
    world: Shared<W>,
    about: fn(&W) -> Option<About>,
    given: About,
    memories: Vec<Own<W>>,
    /// Which one a process has, and which thread of it the process is.
    of: BTreeMap<ProcessId, (usize, ThreadId)>,
}

/// What a request gives: an address, or the error that the program sees.
type Given = Result<Result<u64, Errno>, HeapError>;

impl Heaps<sim::Machine> {
    /// Allocators of the processes of a simulated machine.
    pub fn simulated(rules: Rules, world: Shared<sim::Machine>) -> Heaps<sim::Machine> {
        let given = world.with(|machine| About::of(machine));
        let about = |machine: &sim::Machine| Some(About::of(machine));
        Heaps { about, ..Heaps::new(rules, world, given) }
    }
}

impl<W: World> Heaps<W> {
    /// Allocators of the processes of a world, with what is known of its machine.
    pub fn new(rules: Rules, world: Shared<W>, given: About) -> Heaps<W> {
        let (memories, of) = (Vec::new(), BTreeMap::new());
        Heaps { rules, world, about: |_| None, given, memories, of }
    }

    /// The same allocators, of a copy of their world.
    #[must_use]
    pub fn on(&self, world: &Shared<W>) -> Heaps<W> {
        let copy = |own: &Own<W>| {
            let mut own = own.copied();
            own.heap.kernel_mut().world = world.clone();
            own
        };
        Heaps {
            world: world.clone(),
            memories: self.memories.iter().map(copy).collect(),
            of: self.of.clone(),
            ..*self
        }
    }

    fn make(&mut self, process: ProcessId) -> (usize, ThreadId) {
        let (about, given) = (self.about, self.given);
        let kernel = Bridge { world: self.world.clone(), process, about, given, broken: None };
        let heap = GlibcHeap::new(self.rules, &Tunables::default(), kernel);
        self.memories.push(Own { heap, live: BTreeMap::new() });
        let own = (self.memories.len() - 1, ThreadId::MAIN);
        self.of.insert(process, own);
        own
    }

    /// Runs a request in the allocator of a process.
    fn ask<T>(
        &mut self,
        process: ProcessId,
        run: impl FnOnce(&mut Own<W>, ThreadId) -> Result<T, malloc::Abort>,
    ) -> Result<T, HeapError> {
        let known = self.of.get(&process).copied();
        let (at, thread) = known.unwrap_or_else(|| self.make(process));
        let own = self
            .memories
            .get_mut(at)
            .ok_or_else(|| WorldError("this process has no allocator".to_owned()))?;
        own.heap.kernel_mut().process = process;
        let result = run(own, thread);
        if let Some(message) = own.heap.kernel_mut().broken.take() {
            return Err(WorldError(message).into());
        }
        result.map_err(|abort| HeapError::Abort(abort.message))
    }

    /// Keeps what was given, and writes what the allocator writes there: the sizes of the block and of
    /// what follows it.
    fn given(&mut self, process: ProcessId, ptr: Option<Ptr>) -> Given {
        let Some(ptr) = ptr else { return Ok(Err(Errno::ENOMEM)) };
        let word = self.rules.header() / 2;
        let usable = self.ask(process, |own, _| {
            own.live.insert(ptr.addr(), ptr);
            Ok(own.heap.usable_size(Some(ptr)))
        })?;
        // A block with a mapping of its own has nothing behind it.
        let end = ptr.addr().saturating_add(usable);
        let mut places = vec![ptr.addr().saturating_sub(word)];
        if !self.has_mapping(ptr.addr(), usable) {
            places.push(end);
        }
        for addr in places {
            let touch = Touch {
                addr,
                count: 1,
                stride: 1,
                access: Access::Write,
                content: Content::OneByte,
            };
            self.world.touch(process, &touch)?;
        }
        Ok(Ok(ptr.addr()))
    }
}

impl<W: World> Heaps<W> {
    /// Whether a block has a mapping of its own: it ends where a page does, and begins behind a header.
    fn has_mapping(&self, addr: u64, usable: u64) -> bool {
        let end = addr.saturating_add(usable);
        end.is_multiple_of(4096) && addr % 4096 == self.rules.header()
    }

    /// `realloc` writes what was in the old block into the new one, unless the kernel moved its
    /// mapping. The old one is gone by now, and reading it is left out.
    fn copied(
        &mut self,
        process: ProcessId,
        (from, before): (u64, u64),
        ptr: Ptr,
    ) -> Result<(), HeapError> {
        let addr = ptr.addr();
        let usable = self.ask(process, |own, _| Ok(own.heap.usable_size(Some(ptr))))?;
        let len = before.min(usable);
        let moved = self.has_mapping(from, before) && self.has_mapping(addr, usable);
        if moved || len == 0 {
            return Ok(());
        }
        let count = (addr % 4096 + len - 1) / 4096 + 1;
        let (access, content) = (Access::Write, Content::OneByte);
        let touch = Touch { addr, count, stride: 4096, access, content };
        self.world.touch(process, &touch)?;
        Ok(())
    }
}

impl<W: World> Heap for Heaps<W> {
    fn malloc(&mut self, _: &mut dyn World, process: ProcessId, size: u64) -> Given {
        let ptr = self.ask(process, |own, thread| own.heap.malloc(thread, size))?;
        self.given(process, ptr)
    }

    fn calloc(&mut self, _: &mut dyn World, process: ProcessId, count: u64, size: u64) -> Given {
        let ptr = self.ask(process, |own, thread| own.heap.calloc(thread, count, size))?;
        self.given(process, ptr)
    }

    fn realloc(&mut self, _: &mut dyn World, process: ProcessId, address: u64, size: u64) -> Given {
        let mut before = 0;
        let ptr = self.ask(process, |own, thread| {
            let old = own.live.get(&address).copied();
            before = old.map_or(0, |old| own.heap.usable_size(Some(old)));
            let old = old.or_else(|| (address != 0).then(|| Ptr::foreign(address)));
            let new = own.heap.realloc(thread, old, size)?;
            if new.is_some() {
                own.live.remove(&address);
            }
            Ok(new)
        })?;
        if let Some(ptr) = ptr.filter(|ptr| ptr.addr() != address) {
            self.copied(process, (address, before), ptr)?;
        }
        self.given(process, ptr)
    }

    fn free(
        &mut self,
        _: &mut dyn World,
        process: ProcessId,
        address: u64,
    ) -> Result<(), HeapError> {
        self.ask(process, |own, thread| {
            // A pointer that was freed already keeps its name, so that the library can tell.
            let ptr = own.live.get(&address).copied().unwrap_or_else(|| Ptr::foreign(address));
            own.heap.free(thread, Some(ptr))
        })
    }

    fn forked(&mut self, parent: ProcessId, child: ProcessId) {
        let copy = self
            .of
            .get(&parent)
            .and_then(|&(at, thread)| self.memories.get(at).map(|own| (own.copied(), thread)));
        if let Some((own, thread)) = copy {
            self.memories.push(own);
            self.of.insert(child, (self.memories.len() - 1, thread));
        }
    }

    fn borrowed(&mut self, parent: ProcessId, child: ProcessId) {
        let known = self.of.get(&parent).copied();
        let own = known.unwrap_or_else(|| self.make(parent));
        self.of.insert(child, own);
    }

    fn shared(&mut self, parent: ProcessId, child: ProcessId) {
        let known = self.of.get(&parent).copied();
        let (at, _) = known.unwrap_or_else(|| self.make(parent));
        if let Some(own) = self.memories.get_mut(at) {
            let thread = own.heap.attach_thread();
            self.of.insert(child, (at, thread));
        }
    }

    fn exec(&mut self, process: ProcessId) {
        self.of.remove(&process);
    }
}
