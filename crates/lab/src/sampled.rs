//! A world that is looked at while it goes, for pictures.
//!
//! Touches are cut into parts, so that one that takes all memory is seen to do so: which parts, and where
//! the looks are, follows from the scenario alone, so that it is the same on every world.

use world::{
    Call, Control, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Setup, Touch, Touched, World, WorldError,
};

/// Looks at most.
const MOST: usize = 600;
/// Accesses of a part of a touch at least.
const PART: u64 = 256;
/// Parts of a touch at most.
const PARTS: u64 = 48;

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Parts of steps that were done before.
    pub(crate) at: u64,
    /// Bytes: free, anonymous, cached, swapped out.
    pub(crate) bytes: [u64; 4],
}

/// What the numbers of a [`Sample`] are.
pub(crate) const NAMES: [&str; 4] = ["free", "anonymous", "cache", "swap"];

/// A world, and what was seen of its memory. `look` reads `/proc/meminfo`.
pub(crate) struct Sampled<'a, W: World> {
    world: &'a mut W,
    look: fn(&mut W) -> Option<Vec<u8>>,
    at: u64,
    /// A look after so many parts.
    every: u64,
    pub(crate) samples: Vec<Sample>,
}

impl<'a, W: World> Sampled<'a, W> {
    pub(crate) fn new(world: &'a mut W, look: fn(&mut W) -> Option<Vec<u8>>) -> Sampled<'a, W> {
        Sampled { world, look, at: 0, every: 1, samples: Vec::new() }
    }

    /// Parts of steps that were done.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// A part of a step was done.
    fn did(&mut self) {
        self.at += 1;
        if !self.at.is_multiple_of(self.every) {
            return;
        }
        let text = (self.look)(self.world);
        if let Some(bytes) = text.and_then(|text| sample(&String::from_utf8_lossy(&text))) {
            self.samples.push(Sample { at: self.at, bytes });
        }
        if self.samples.len() >= MOST {
            // Every second one is kept, and from now on taken.
            self.every *= 2;
            let every = self.every;
            self.samples.retain(|sample| sample.at.is_multiple_of(every));
        }
    }
}

/// The four amounts of a text of meminfo.
fn sample(text: &str) -> Option<[u64; 4]> {
    let bytes = |name| crate::model::line(text, name).map(|kib: u64| kib.saturating_mul(1024));
    let swap = bytes("SwapTotal")?.saturating_sub(bytes("SwapFree")?);
    Some([bytes("MemFree")?, bytes("AnonPages")?, bytes("Cached")?, swap])
}

impl<W: World> World for Sampled<'_, W> {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        self.world.files(files)
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        let started = self.world.start(spec);
        self.did();
        started
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        let returned = self.world.call(process, call);
        self.did();
        returned
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        let part = touch.count.div_ceil(PARTS).max(PART);
        let mut done = 0;
        loop {
            let count = part.min(touch.count - done);
            let addr = touch.addr.wrapping_add(done.wrapping_mul(touch.stride));
            let some = self.world.touch(process, &Touch { addr, count, ..*touch })?;
            self.did();
            done += some.done;
            if some.stopped.is_some() || done >= touch.count || some.done < count {
                return Ok(Touched { done, stopped: some.stopped });
            }
        }
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let child = self.world.fork(process, kind);
        self.did();
        child
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        let done = self.world.exec(process);
        self.did();
        done
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        let done = self.world.end(process, how);
        self.did();
        done
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        let slept = self.world.sleep(nanoseconds);
        self.did();
        slept
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.world.observe(process)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        self.world.alive(process)
    }

    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.world.setup(setup)
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        let written = self.world.control(what, value);
        self.did();
        written
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        self.world.machine()
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        self.world.log()
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        self.world.deaths()
    }

    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        self.world.woken()
    }

    fn panicked(&mut self) -> Option<String> {
        self.world.panicked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_swap_is_no_sample() {
        assert_eq!(sample("MemFree: 4 kB\nAnonPages: 8 kB\nCached: 1 kB\n"), None);
        let text =
            "MemFree: 4 kB\nAnonPages: 8 kB\nCached: 1 kB\nSwapTotal: 9 kB\nSwapFree: 7 kB\n";
        assert_eq!(sample(text), Some([4096, 8192, 1024, 2048]));
    }
}
