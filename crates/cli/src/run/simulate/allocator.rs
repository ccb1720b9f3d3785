//! `malloc` and its relatives on the simulated machine: the model of glibc asks the model of Linux.

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
pub(super) fn rules(scenario: &Scenario) -> Result<Rules, Problems> {
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

/// The simulated machine, which the run and every allocator ask in turn.
#[derive(Clone)]
pub(super) struct Shared(Rc<RefCell<sim::Machine>>);

impl Shared {
    pub(super) fn new(machine: sim::Machine) -> Shared {
        Shared(Rc::new(RefCell::new(machine)))
    }

    /// Does something with the machine, which asks nobody back.
    pub(super) fn with<T>(&self, run: impl FnOnce(&mut sim::Machine) -> T) -> T {
        run(&mut self.0.borrow_mut())
    }
}

impl World for Shared {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        self.with(|machine| machine.files(files))
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        self.with(|machine| machine.start(spec))
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        self.with(|machine| machine.call(process, call))
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        self.with(|machine| machine.touch(process, touch))
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        self.with(|machine| machine.fork(process, kind))
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        self.with(|machine| machine.exec(process))
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.with(|machine| machine.end(process, how))
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.with(|machine| machine.sleep(nanoseconds))
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.with(|machine| machine.observe(process))
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        self.with(|machine| machine.alive(process))
    }

    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.with(|machine| machine.setup(setup))
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        self.with(|machine| machine.control(what, value))
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

    fn panicked(&mut self) -> Option<String> {
        self.with(World::panicked)
    }
}

/// The kernel of one process, as its allocator sees it.
#[derive(Clone)]
struct Bridge {
    world: Shared,
    process: ProcessId,
    /// What went wrong in the world itself; the allocator sees a refusal meanwhile.
    broken: Option<String>,
}

impl Bridge {
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

impl Kernel for Bridge {
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
        self.world.with(|machine| machine.config().cpus)
    }

    fn never_overcommits(&self) -> bool {
        let never = facts::OvercommitMode::Never;
        self.world.with(|machine| machine.config().overcommit == never)
    }
}

/// The allocator of one memory, with what it gave.
#[derive(Clone)]
struct Own {
    heap: GlibcHeap<Bridge>,
    live: BTreeMap<u64, Ptr>,
}

/// An allocator for each process; threads share one.
pub(super) struct Heaps {
    rules: Rules,
    world: Shared,
    memories: Vec<Own>,
    /// Which one a process has, and which thread of it the process is.
    of: BTreeMap<ProcessId, (usize, ThreadId)>,
}

/// What a request gives: an address, or the error that the program sees.
type Given = Result<Result<u64, Errno>, HeapError>;

impl Heaps {
    pub(super) fn new(rules: Rules, world: Shared) -> Heaps {
        Heaps { rules, world, memories: Vec::new(), of: BTreeMap::new() }
    }

    fn make(&mut self, process: ProcessId) -> (usize, ThreadId) {
        let kernel = Bridge { world: self.world.clone(), process, broken: None };
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
        run: impl FnOnce(&mut Own, ThreadId) -> Result<T, malloc::Abort>,
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
        let own_mapping = end.is_multiple_of(4096) && ptr.addr() % 4096 == self.rules.header();
        let mut places = vec![ptr.addr().saturating_sub(word)];
        if !own_mapping {
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

impl Heap for Heaps {
    fn malloc(&mut self, _: &mut dyn World, process: ProcessId, size: u64) -> Given {
        let ptr = self.ask(process, |own, thread| own.heap.malloc(thread, size))?;
        self.given(process, ptr)
    }

    fn calloc(&mut self, _: &mut dyn World, process: ProcessId, count: u64, size: u64) -> Given {
        let ptr = self.ask(process, |own, thread| own.heap.calloc(thread, count, size))?;
        self.given(process, ptr)
    }

    fn realloc(&mut self, _: &mut dyn World, process: ProcessId, address: u64, size: u64) -> Given {
        let ptr = self.ask(process, |own, thread| {
            let old = own.live.get(&address).copied();
            let old = old.or_else(|| (address != 0).then(|| Ptr::foreign(address)));
            let new = own.heap.realloc(thread, old, size)?;
            if new.is_some() {
                own.live.remove(&address);
            }
            Ok(new)
        })?;
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
            .and_then(|&(at, thread)| self.memories.get(at).map(|own| (own.clone(), thread)));
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
