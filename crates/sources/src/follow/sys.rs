//! Hearing a person's interrupt, so that what is half read is still told.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on `SIGINT` and `SIGTERM` are remembered instead of ending the program at once; a wait
/// ends early by them.
pub(super) fn catch_interrupts() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let handler: extern "C" fn(libc::c_int) = remember;
        #[expect(unsafe_code, reason = "there is no safe wrapper of sigaction(2)")]
        // SAFETY: all bytes of `sigaction` may be zero: no flags, so that waits are interrupted, and
        // an empty mask. The handler stores to an atomic, which a handler may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Whether one has come.
pub(super) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

extern "C" fn remember(_signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}
