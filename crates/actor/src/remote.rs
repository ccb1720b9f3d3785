//! What the init of a virtual machine is told and answers.
//!
//! Both ends see the same memory, the window: the lab as a file, init as the memory of a PCI device that
//! it has mapped at [`WINDOW`]. The lab writes steps and what they need there and rings; init performs
//! the steps in their order, writes the value of each, and rings back. A step is a system call of
//! init's, one of the few operations below, or nothing that it knows.
//!
//! An argument may be the value of an earlier step of the batch, so that opening, reading and closing
//! are one batch.

/// Where the window is mapped in init; addresses in steps count from there.
pub const WINDOW: u64 = 0x1000_0000;
/// How long it is.
pub const WINDOW_LEN: u64 = 4 << 20;
/// Where the number of steps is, a word.
pub const COUNT: u64 = 0;
/// Where init says how many it performed, a word.
pub const DONE: u64 = 8;
/// Where steps begin.
pub const STEPS: u64 = 0x1000;
/// Bytes of a step: eight words.
pub const STEP_LEN: u64 = 64;
/// Most steps of a batch.
pub const MOST_STEPS: u64 = 1000;
/// Where their values begin, a word each.
pub const VALUES: u64 = STEPS + 0x1_0000;
/// Where everything else begins.
pub const DATA: u64 = VALUES + 0x2000;

/// Bytes that ring: as many as make a serial port interrupt at once.
pub const RING: [u8; 8] = *b"dingdong";
/// The byte that init rings back with.
pub const RING_BACK: u8 = b'!';

/// Reads the file of a path to its end: path, where to, room. Value: its length.
pub const READ_FILE: u64 = 0x1_0000;
/// Writes to the file of a path, at once: path, bytes, length. Value: that of `write(2)`.
pub const WRITE_FILE: u64 = 0x1_0001;
/// Starts the actor: socket. Value: the number of the process.
pub const SPAWN: u64 = 0x1_0002;

/// In the first word of a step: ends the batch behind it when its value is an error.
pub const ENDS_ON_ERROR: u64 = 1 << 32;
/// And when its value is 0.
pub const ENDS_ON_NOTHING: u64 = 1 << 33;

/// Bits of the last word of a step for each argument: 0, or one more than the step whose value it is.
pub const FROM_BITS: u64 = 10;

/// Path of the actor in the machine.
pub const ACTOR: &[u8] = b"/actor\0";

const _: () = assert!(MOST_STEPS * STEP_LEN <= VALUES - STEPS && MOST_STEPS * 8 <= DATA - VALUES);
const _: () = assert!(MOST_STEPS < 1 << FROM_BITS);
