//! A machine that is the scenario's own: what the lab does with one beside performing a scenario.

use world::{Setup, World, WorldError};

/// A machine with a kernel of its own: in QEMU, or as it was recorded.
pub trait Booted: World {
    /// Arranges swap, cgroups and the file system, ahead of [`World::setup`], which then writes settings
    /// alone: what these take of the machine's memory is the machine's and not the scenario's.
    ///
    /// # Errors
    /// What the machine refused.
    fn prepare(&mut self, setup: &Setup) -> Result<(), WorldError>;

    /// How many processors it has.
    fn cpus(&self) -> u32;

    /// What was added to its kernel's command line.
    fn parameters(&self) -> &[String];

    /// A file of the machine, by its path.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&mut self, path: &str) -> Result<Vec<u8>, WorldError>;

    /// Writes to a file of the machine.
    ///
    /// # Errors
    /// When the machine refuses.
    fn write(&mut self, path: &str, text: &str) -> Result<(), WorldError>;

    /// The kernel's log since the machine was switched on, as far as it is kept.
    ///
    /// # Errors
    /// When the machine does not answer.
    fn boot_log(&mut self) -> Result<String, WorldError>;

    /// Ends all processes.
    fn clear(&mut self);

    /// Told when it has been measured and the scenario is about to begin.
    fn measured(&mut self) {}
}
