//! The seam to a model of the C library's allocator.

use std::fmt;

use world::{Errno, ProcessId, World, WorldError};

/// What `malloc` and its relatives ask: an allocator for each process, which asks the world for
/// memory in turn.
pub trait Heap {
    /// `malloc(3)`: the address, or the error that the C library gives.
    fn malloc(
        &mut self,
        world: &mut dyn World,
        process: ProcessId,
        size: u64,
    ) -> Result<Result<u64, Errno>, HeapError>;

    /// `calloc(3)`.
    fn calloc(
        &mut self,
        world: &mut dyn World,
        process: ProcessId,
        count: u64,
        size: u64,
    ) -> Result<Result<u64, Errno>, HeapError>;

    /// `realloc(3)`.
    fn realloc(
        &mut self,
        world: &mut dyn World,
        process: ProcessId,
        address: u64,
        size: u64,
    ) -> Result<Result<u64, Errno>, HeapError>;

    /// `free(3)`.
    fn free(
        &mut self,
        world: &mut dyn World,
        process: ProcessId,
        address: u64,
    ) -> Result<(), HeapError>;

    /// A child got a copy of its parent's memory, and so of its allocator.
    fn forked(&mut self, parent: ProcessId, child: ProcessId);

    /// A child of vfork uses its parent's allocator in its parent's place.
    fn borrowed(&mut self, parent: ProcessId, child: ProcessId);

    /// A thread got its parent's allocator.
    fn shared(&mut self, parent: ProcessId, child: ProcessId);

    /// A fresh image.
    fn exec(&mut self, process: ProcessId);
}

/// Why an allocator could not answer.
#[derive(Debug)]
pub enum HeapError {
    /// The world failed.
    World(WorldError),
    /// The request is one that the C library ends a program for, such as a double free; its words.
    Abort(String),
}

impl From<WorldError> for HeapError {
    fn from(error: WorldError) -> HeapError {
        HeapError::World(error)
    }
}

impl fmt::Display for HeapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeapError::World(error) => error.fmt(f),
            HeapError::Abort(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for HeapError {}
