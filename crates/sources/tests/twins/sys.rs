//! A process that shares the address space of this one.

/// A process that sleeps in this one's address space, until the value is dropped.
#[derive(Debug)]
pub(crate) struct Twin {
    pid: libc::pid_t,
    /// It stands on this.
    _stack: Box<[u128]>,
}

/// Bytes of its stack, in units of the alignment that stacks need.
const STACK: usize = (64 << 10) / size_of::<u128>();

impl Twin {
    /// `None` where the kernel or a container does not allow it.
    pub(crate) fn new() -> Option<Twin> {
        let mut stack = vec![0_u128; STACK].into_boxed_slice();
        let top = stack.as_mut_ptr_range().end;
        #[expect(unsafe_code, reason = "there is no safe way to share an address space")]
        // SAFETY: The new process runs `sleep_for_ever` alone, on a stack of its own that is aligned,
        // grows down from `top` and lives as long as the process: `drop` waits for its end before it
        // frees the stack. Without `CLONE_SETTLS` it shares the storage of this thread, of which
        // `sleep_for_ever` uses nothing but `errno`, and that only when a signal comes.
        let pid = unsafe {
            libc::clone(
                sleep_for_ever,
                top.cast(),
                libc::CLONE_VM | libc::SIGCHLD,
                std::ptr::null_mut(),
            )
        };
        (pid > 0).then_some(Twin { pid, _stack: stack })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.cast_unsigned()
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "the process is none that the standard library made")]
        // SAFETY: The process is a child that nobody else waits for, so its number is its own; a null
        // pointer tells `waitpid` to store nothing.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}

extern "C" fn sleep_for_ever(_: *mut libc::c_void) -> libc::c_int {
    loop {
        let (nothing, none) = (std::ptr::null::<libc::c_void>(), 0_usize);
        #[expect(unsafe_code, reason = "the C library's own `pause` asks whether it is cancelled")]
        // SAFETY: No descriptors, no time-out and no mask: the kernel reads no memory and waits for a
        // signal.
        unsafe {
            libc::syscall(libc::SYS_ppoll, nothing, none, nothing, nothing, none);
        }
    }
}
