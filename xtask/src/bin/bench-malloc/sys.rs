//! The real allocator playing a trace.
#![expect(unsafe_code, reason = "malloc, free and clock_gettime of the C library")]

use super::{Call, FREE};
use heap_trace::{Plan, Step, Verb};
use std::{mem, ptr};

/// Plays a trace on the C library this program is linked with; the seconds of processor time it took.
pub(super) fn play(calls: &[Call], slots: usize) -> f64 {
    let mut blocks = vec![ptr::null_mut(); slots];
    let begin = cpu_seconds();
    for call in calls {
        let block = &mut blocks[call.slot as usize];
        if call.size == FREE {
            // SAFETY: what is in a slot came from malloc and was not freed since; null is allowed.
            unsafe { libc::free(*block) };
            *block = ptr::null_mut();
        } else {
            // SAFETY: malloc may be called with any size.
            *block = unsafe { libc::malloc(call.size as libc::size_t) };
        }
    }
    let time = cpu_seconds() - begin;
    for block in blocks {
        // SAFETY: as above.
        unsafe { libc::free(block) };
    }
    time
}

/// Plays a recorded plan on the C library, all of it in this thread; the seconds of processor time it took.
pub(super) fn play_plan(plan: &Plan) -> f64 {
    let mut blocks = vec![ptr::null_mut(); plan.blocks as usize];
    let begin = cpu_seconds();
    for step in &plan.steps {
        if let Some(block) = blocks.get_mut(step.block as usize) {
            *block = perform(step, *block);
        }
    }
    let time = cpu_seconds() - begin;
    for block in blocks {
        // SAFETY: what is left came from malloc and was not freed since; null is allowed.
        unsafe { libc::free(block) };
    }
    time
}

/// One call; what the block is afterwards.
fn perform(step: &Step, block: *mut libc::c_void) -> *mut libc::c_void {
    let size = libc::size_t::try_from(step.size).unwrap_or(libc::size_t::MAX);
    let second = libc::size_t::try_from(step.second).unwrap_or(libc::size_t::MAX);
    match step.verb {
        // SAFETY: malloc may be called with any size.
        Verb::Malloc => unsafe { libc::malloc(size) },
        // SAFETY: calloc may be called with any numbers.
        Verb::Calloc => unsafe { libc::calloc(size, second) },
        // SAFETY: the block came from these functions and was not freed since, or is null.
        Verb::Realloc => unsafe { libc::realloc(block, size) },
        // SAFETY: memalign may be called with any numbers.
        Verb::Aligned(_) => unsafe { libc::memalign(second.max(16), size) },
        Verb::Free => {
            // SAFETY: as for realloc; the caller forgets the block.
            unsafe { libc::free(block) };
            ptr::null_mut()
        }
        Verb::Trim | Verb::Mallopt(_) | Verb::ThreadExit => block,
    }
}

/// Processor time of all threads of this process so far.
pub(super) fn cpu_seconds_of_all() -> f64 {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Processor time of this thread so far.
pub(super) fn cpu_seconds() -> f64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn clock(clock: libc::clockid_t) -> f64 {
    // SAFETY: a structure of numbers may be all zero.
    let mut now: libc::timespec = unsafe { mem::zeroed() };
    // SAFETY: the call writes the structure and keeps no pointer.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut now) };
    assert_eq!(failed, 0, "Linux has clocks for threads and processes");
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53")]
    let seconds = now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9;
    seconds
}
