//! Where the actor's image lies. `program/layout.ld` puts it there, and the lab checks the program
//! that was built against these numbers.

/// First address of the code, `r-x`, from the file.
pub const TEXT: u64 = 0x40_0000;
/// First address of the constants, `r--`, from the file. The code ends here.
pub const RODATA: u64 = 0x40_4000;
/// First address of the variables with a value, `rw-`, from the file. The constants end here.
pub const DATA: u64 = 0x40_5000;
/// First address of the variables without a value, `rw-`, from no file. The data end here.
pub const BSS: u64 = 0x40_6000;
/// First address after the image, where the heap begins without randomisation.
pub const END: u64 = BSS + CONTEXTS * CONTEXT_LEN;

/// Flows of control that the actor has room for: the process itself, and its threads and vfork
/// children, which use its memory.
pub const CONTEXTS: u64 = 4;
/// Bytes of one context.
pub const CONTEXT_LEN: u64 =
    REQUESTS_LEN + ANSWERS_LEN + SCRATCH_LEN + SIGNAL_STACK_LEN + STACK_LEN;

/// Bytes for requests; the first part of a context.
pub const REQUESTS_LEN: u64 = 0x1000;
/// Bytes for answers.
pub const ANSWERS_LEN: u64 = 0x2000;
/// Bytes for what calls read and write (paths, `mincore`'s vector, what goes to files).
pub const SCRATCH_LEN: u64 = 0x1000;
/// Bytes of the stack of signals.
pub const SIGNAL_STACK_LEN: u64 = 0x2000;
/// Bytes of the stack of a thread or vfork child.
pub const STACK_LEN: u64 = 0x1000;

/// Where the scratch bytes of a context are.
pub const fn scratch(context: u64) -> u64 {
    BSS + context * CONTEXT_LEN + REQUESTS_LEN + ANSWERS_LEN
}

/// Pages at the top of the stack that the actor writes before it takes the first request: those
/// that hold its arguments and its frames.
pub const STACK_PAGES_WRITTEN: u64 = 2;
