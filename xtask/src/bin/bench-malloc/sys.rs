//! The real allocator playing a trace.
#![expect(unsafe_code, reason = "malloc, free and clock_gettime of the C library")]

use super::{Call, FREE};
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

/// Processor time of this thread so far.
pub(super) fn cpu_seconds() -> f64 {
    // SAFETY: a structure of numbers may be all zero.
    let mut now: libc::timespec = unsafe { mem::zeroed() };
    // SAFETY: the call writes the structure and keeps no pointer.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    assert_eq!(failed, 0, "Linux has a clock for each thread");
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53")]
    let seconds = now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9;
    seconds
}
