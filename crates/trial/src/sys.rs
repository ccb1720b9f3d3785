//! The system calls that have no safe wrapper. The only unsafe code of this crate.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on `SIGINT`, `SIGTERM` and `SIGHUP` are remembered instead of ending the program at once, so
/// that it can end what it started.
pub fn catch_interrupts() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let handler: extern "C" fn(libc::c_int) = remember;
        #[expect(unsafe_code, reason = "there is no safe wrapper of sigaction(2)")]
        // SAFETY: all bytes of `sigaction` may be zero: no flags, so that waits are interrupted, and
        // an empty mask. The handler stores to an atomic, which a handler may. What is ignored, as
        // under nohup(1), stays so.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &raw mut before);
            if before.sa_sigaction != libc::SIG_IGN {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler as libc::sighandler_t;
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        }
    }
}

/// Whether one has come.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

extern "C" fn remember(_signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// The command ends when we do; and if so wanted, it asks to be traced by the thread that starts it,
/// and stops before its first instruction.
pub(crate) fn prepare(command: &mut Command, traced: bool) {
    let in_child = move || {
        #[expect(unsafe_code, reason = "there is no safe wrapper of prctl(2) and ptrace(2)")]
        // SAFETY: neither call takes a pointer that is used: `PR_SET_PDEATHSIG` takes a number and
        // `PTRACE_TRACEME` ignores what follows.
        let answer = unsafe {
            let none = std::ptr::null_mut::<libc::c_void>();
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if traced { libc::ptrace(libc::PTRACE_TRACEME, 0, none, none) } else { 0 }
        };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    #[expect(unsafe_code, reason = "what runs between fork and exec is the caller's promise")]
    // SAFETY: the closure makes two system calls and reads `errno`; it takes no lock and allocates
    // nothing.
    unsafe {
        command.pre_exec(in_child);
    }
}

/// What became of a process, or of a thread that is traced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) pid: u32,
    pub(crate) status: libc::c_int,
    pub(crate) usage: Usage,
}

/// What a process and those it waited for have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) user_us: u64,
    pub(crate) system_us: u64,
    pub(crate) minor_faults: u64,
    pub(crate) major_faults: u64,
    /// `ru_maxrss`, bytes: the highest resident memory of one process of them. What it was before
    /// `execve` counts, too, and so this is at least what the process had that started it.
    pub(crate) max_rss: u64,
}

/// Waits until something becomes of `pid`, or of any child or tracee of this thread.
pub(crate) fn wait(pid: Option<u32>) -> io::Result<Change> {
    let which = match pid {
        Some(pid) => libc::pid_t::try_from(pid).map_err(io::Error::other)?,
        None => -1,
    };
    let mut status = 0;
    #[expect(unsafe_code, reason = "there is no safe wrapper of wait4(2)")]
    // SAFETY: all bytes of `rusage` may be zero, and both pointers are to locals that outlive the
    // call.
    let (found, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let options = libc::__WALL | libc::__WNOTHREAD;
        (libc::wait4(which, &raw mut status, options, &raw mut usage), usage)
    };
    let pid = u32::try_from(found).map_err(|_| io::Error::last_os_error())?;
    Ok(Change { pid, status, usage: usage_of(&usage) })
}

// `c_long` and `time_t` are 64 bits wide on some machines only.
#[allow(clippy::useless_conversion, reason = "the types differ between machines")]
fn usage_of(usage: &libc::rusage) -> Usage {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let time = |time: libc::timeval| {
        let seconds = number(i64::from(time.tv_sec));
        seconds.saturating_mul(1_000_000).saturating_add(number(i64::from(time.tv_usec)))
    };
    Usage {
        user_us: time(usage.ru_utime),
        system_us: time(usage.ru_stime),
        minor_faults: number(i64::from(usage.ru_minflt)),
        major_faults: number(i64::from(usage.ru_majflt)),
        max_rss: number(i64::from(usage.ru_maxrss)).saturating_mul(1024),
    }
}

/// Has a stopped tracee tell of its end, of new images, and of new processes and threads, which are
/// traced as well; and has all end when this process does.
pub(crate) fn trace_the_tree(pid: u32) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACEEXIT
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_EXITKILL;
    ask(libc::PTRACE_SETOPTIONS, pid, options)
}

/// Lets a stopped tracee go on, with this signal (0 is none).
pub(crate) fn go_on(pid: u32, signal: libc::c_int) -> io::Result<()> {
    ask(libc::PTRACE_CONT, pid, signal)
}

#[allow(clippy::allow_attributes, reason = "the type of the request differs between C libraries")]
fn ask(request: Request, pid: u32, data: libc::c_int) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let none = std::ptr::null_mut::<libc::c_void>();
    let data = libc::c_long::from(data);
    #[expect(unsafe_code, reason = "there is no safe wrapper of ptrace(2)")]
    // SAFETY: these requests take a number as their last argument; no memory of ours is touched.
    let answer = unsafe { libc::ptrace(request, pid, none, data) };
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What `ptrace` takes as its request: the C libraries disagree.
#[cfg(target_env = "gnu")]
type Request = libc::c_uint;
/// What `ptrace` takes as its request: the C libraries disagree.
#[cfg(not(target_env = "gnu"))]
type Request = libc::c_int;

/// Whether a tracee is stopped because its whole group is, instead of by a signal of its own
/// (`PTRACE_GETSIGINFO` then has nothing to tell).
pub(crate) fn is_group_stop(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    let none = std::ptr::null_mut::<libc::c_void>();
    #[expect(unsafe_code, reason = "there is no safe wrapper of ptrace(2)")]
    // SAFETY: all bytes of `siginfo_t` may be zero, and the kernel writes at most one of it into a
    // local that outlives the call.
    let answer = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::ptrace(libc::PTRACE_GETSIGINFO, pid, none, &raw mut info)
    };
    answer == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}
