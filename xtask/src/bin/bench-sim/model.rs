//! The simulated machine playing events, and machines that are full.

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};

use facts::{OvercommitMode, Release};
use rules::layout::Arch;
use sim::{Image, Machine, MachineConfig};
use world::{
    Access, Call, Content, ForkKind, MapFlags, ProcessId, ProcessSpec, Prot, Touch, World as _,
};

use super::trace::{self, Event, GROWTH, GUARD, PAGES, World, writable, written};

const PAGE: u64 = 4096;
const LEN: u64 = PAGES as u64 * PAGE;
const GUARD_AT: u64 = GUARD as u64 * PAGE;
/// Mappings of each process of a full machine, and the MiB of each.
const MAPPINGS: u64 = 100;
const MAPPING: u64 = 20;
/// Processes of a full machine: together just below 1 TiB.
const PROCESSES: u64 = 520;

/// A process on a machine of its own.
#[derive(Debug)]
pub(super) struct Model {
    machine: Machine,
    process: ProcessId,
    slots: Vec<u64>,
    brk: u64,
}

impl Model {
    /// On a machine with 2 TiB.
    pub(super) fn start() -> Result<Model, Box<dyn Error>> {
        Model::with_ram(2 << 28)
    }

    fn with_ram(ram: u64) -> Result<Model, Box<dyn Error>> {
        let release = Release::new(6, 18);
        let mut config = MachineConfig::new(release, Arch::X86_64, ram, 0);
        config.overcommit = OvercommitMode::Always;
        let mut machine = Machine::new(config, Image::tiny(release, Arch::X86_64));
        let process = machine.start(&spec())?;
        let brk = machine.call(process, &Call::Brk { addr: 0 })?.value.unwrap_or(0);
        Ok(Model { machine, process, slots: Vec::new(), brk })
    }

    /// The break as it was at the start.
    pub(super) fn brk(&self) -> u64 {
        self.brk
    }

    /// Maps so many bytes; where.
    pub(super) fn map(&mut self, len: u64) -> Result<u64, Box<dyn Error>> {
        self.call(&map(len, true))
    }

    /// Writes to so many pages.
    pub(super) fn touch(
        &mut self,
        addr: u64,
        count: u64,
        stride: u64,
    ) -> Result<(), Box<dyn Error>> {
        self.access(Touch { addr, count, stride, access: Access::Write, content: Content::OneByte })
    }

    fn access(&mut self, touch: Touch) -> Result<(), Box<dyn Error>> {
        match self.machine.touch(self.process, &touch)?.stopped {
            None => Ok(()),
            Some(stop) => Err(format!("a touch was stopped: {stop:?}").into()),
        }
    }

    fn call(&mut self, call: &Call) -> Result<u64, Box<dyn Error>> {
        let value = self.machine.call(self.process, call)?.value;
        value.map_err(|errno| format!("{call:?} failed: {errno}").into())
    }

    /// The call that an event is, if it is one, and what it gave back.
    pub(super) fn perform(&mut self, event: Event) -> Result<Option<(Call, u64)>, Box<dyn Error>> {
        let at = |slot: usize| self.slots.get(slot).copied().unwrap_or(0);
        let call = match event {
            Event::Map(slot) => map(LEN, writable(slot)),
            Event::Unmap(slot) => Call::Munmap { addr: at(slot), len: LEN },
            Event::Guard(slot) => {
                Call::Mprotect { addr: at(slot) + GUARD_AT, len: PAGE, prot: Prot::NONE }
            }
            Event::Release(slot) => {
                Call::Mprotect { addr: at(slot) + GUARD_AT, len: PAGE, prot: rights(slot) }
            }
            Event::Touch(slot, count) => {
                let access = if written(slot) { Access::Write } else { Access::Read };
                let (addr, stride, content) = (at(slot), PAGE, Content::OneByte);
                self.access(Touch { addr, count, stride, access, content })?;
                return Ok(None);
            }
            Event::Grow => Call::Brk { addr: self.brk + GROWTH },
            Event::Shrink => Call::Brk { addr: self.brk },
        };
        let value = self.call(&call)?;
        if let Event::Map(slot) = event {
            if self.slots.len() <= slot {
                self.slots.resize(slot + 1, 0);
            }
            self.slots[slot] = value;
        }
        Ok(Some((call, value)))
    }
}

impl World for Model {
    fn event(&mut self, event: Event) -> Result<(), Box<dyn Error>> {
        self.perform(event).map(drop)
    }
}

/// A machine of 1 TiB, filled by many processes with many mappings each; what `/proc` says of it.
pub(super) fn fill() -> Result<String, Box<dyn Error>> {
    let mut model = Model::with_ram(1 << 28)?;
    for number in 0..PROCESSES {
        if number > 0 {
            model.process = model.machine.start(&spec())?;
        }
        for mapping in 0..MAPPINGS {
            let at = model.call(&map(MAPPING << 20, true))?;
            model.touch(at, MAPPING << 8, PAGE)?;
            // Or the next one would be merged with it.
            let prot = if mapping % 2 == 0 { Prot::READ } else { Prot::READ.with(Prot::WRITE) };
            model.call(&Call::Mprotect { addr: at, len: MAPPING << 20, prot })?;
        }
    }
    Ok(model.summary())
}

/// Every other page of 1 GiB: as many runs as there are accesses.
pub(super) fn scatter() -> Result<String, Box<dyn Error>> {
    let mut model = Model::with_ram(1 << 28)?;
    let at = model.map(1 << 30)?;
    model.touch(at, 1 << 17, 2 * PAGE)?;
    Ok(model.summary())
}

impl Model {
    fn summary(&self) -> String {
        let maps = self.machine.maps(self.process).unwrap_or_default();
        let lines = super::log::count_lines(&maps);
        let processes = self.process.0 + 1;
        format!("{processes} processes, {lines} mappings in the last")
    }
}

/// A hash of everything that a run gives back and shows.
pub(super) fn hash() -> Result<u64, Box<dyn Error>> {
    const SLOTS: usize = 1700;
    let mut model = Model::start()?;
    let mut all = DefaultHasher::new();
    for slot in 0..SLOTS {
        model.event(Event::Map(slot))?;
    }
    for (number, event) in trace::events(SLOTS, 200_000).into_iter().enumerate() {
        if let Some((_, value)) = model.perform(event)? {
            value.hash(&mut all);
        }
        if number.is_multiple_of(20_000) {
            format!("{:?}", model.machine.observe(model.process)?).hash(&mut all);
            if let Ok(child) = model.machine.fork(model.process, ForkKind::Fork)? {
                format!("{:?}", model.machine.observe(child)?).hash(&mut all);
            }
        }
    }
    Ok(all.finish())
}

pub(super) fn spec() -> ProcessSpec {
    ProcessSpec::new("bench", 0)
}

fn rights(slot: usize) -> Prot {
    if writable(slot) { Prot::READ.with(Prot::WRITE) } else { Prot::READ }
}

fn map(len: u64, writable: bool) -> Call {
    let prot = if writable { Prot::READ.with(Prot::WRITE) } else { Prot::READ };
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);
    Call::Mmap { addr: 0, len, prot, flags, fd: -1, offset: 0 }
}
