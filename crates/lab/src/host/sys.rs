//! What the standard library has no safe function for: sockets of packets that carry descriptors,
//! files in memory, and what a process must do to itself between fork and exec.
#![expect(unsafe_code, reason = "system calls, each with its reason below")]

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

use crate::actors::kernel::WaitStatus;

/// The value of a call, or the error behind -1.
fn checked(value: libc::c_int) -> io::Result<libc::c_int> {
    if value < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

/// A file in memory.
pub(crate) fn memfd(name: &CStr) -> io::Result<File> {
    // SAFETY: the name ends with a zero byte.
    let fd = checked(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// A pair of sockets that keep the bounds of messages; receiving gives up after `seconds`.
pub(crate) fn socket_pair(seconds: i64) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the array has room for both.
    checked(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    // SAFETY: both are new and nobody else's.
    let pair = unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) };
    let limit = libc::timeval { tv_sec: seconds, tv_usec: 0 };
    let len = u32::try_from(size_of_val(&limit)).unwrap_or_default();
    // SAFETY: the option takes a timeval of this length.
    checked(unsafe {
        libc::setsockopt(
            pair.0.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const limit).cast(),
            len,
        )
    })?;
    Ok(pair)
}

/// Sends one message, with a descriptor if there is one.
pub(crate) fn send(socket: &OwnedFd, bytes: &[u8], along: Option<&impl AsFd>) -> io::Result<()> {
    let mut slice =
        libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = [0_u64; 3];
    // SAFETY: a header of zeros is one that says nothing.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    if let Some(along) = along {
        header.msg_control = control.as_mut_ptr().cast();
        // SAFETY: the buffer has room for a header and one descriptor: 16 + 4, padded to 24 bytes.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(4) as _;
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(4) as _;
            libc::CMSG_DATA(first).cast::<RawFd>().write_unaligned(along.as_fd().as_raw_fd());
        }
    }
    // SAFETY: all that the header points at lives until the call is done.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_NOSIGNAL) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Receives one message; its length, 0 when the other end is closed.
pub(crate) fn receive(socket: &OwnedFd, into: &mut [u8]) -> io::Result<usize> {
    loop {
        // SAFETY: the kernel writes into the slice, as far as it goes.
        let got =
            unsafe { libc::recv(socket.as_raw_fd(), into.as_mut_ptr().cast(), into.len(), 0) };
        match usize::try_from(got) {
            Ok(len) => return Ok(len),
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error if error.raw_os_error() == Some(libc::ECONNRESET) => return Ok(0),
                error => return Err(error),
            },
        }
    }
}

/// Kills a process that is a child of this one, or was.
pub(crate) fn kill(pid: i32, signal: i32) {
    // SAFETY: sends a signal; the pid is one of our children that has not been waited for.
    unsafe { libc::kill(pid, signal) };
}

/// How a child ended, if it did. With `wait`, when it did.
pub(crate) fn wait(pid: i32, wait: bool) -> io::Result<Option<WaitStatus>> {
    loop {
        let mut status = 0;
        let flags = if wait { 0 } else { libc::WNOHANG };
        // SAFETY: the kernel writes the status.
        let got = unsafe { libc::waitpid(pid, &raw mut status, flags) };
        if got == 0 {
            return Ok(None);
        }
        if got > 0 {
            return Ok(Some(WaitStatus::from_word(status)));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Removes a segment of shared memory.
pub(crate) fn remove_segment(id: i32) {
    // SAFETY: `IPC_RMID` takes no buffer.
    unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) };
}

/// Whether this process may switch off the randomisation of addresses: some containers forbid it.
pub(crate) fn may_fix_addresses() -> bool {
    // SAFETY: asks, and sets what was there.
    unsafe {
        let now = libc::personality(0xffff_ffff);
        let Ok(persona) = libc::c_ulong::try_from(now) else { return false };
        let randomise_not = libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
        let may = libc::personality(persona | randomise_not) >= 0;
        libc::personality(persona);
        may
    }
}

/// Lets `command` keep descriptors under the numbers beside them, put everything at the same
/// addresses each time, and end with the thread that starts it.
pub(crate) fn set_up(command: &mut Command, mut handles: Vec<(RawFd, RawFd)>) {
    // SAFETY: cannot fail.
    let parent = unsafe { libc::getpid() };
    // SAFETY: what runs between fork and exec makes system calls only: no allocation, no lock.
    unsafe {
        command.pre_exec(move || {
            checked(libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong))?;
            keep(&mut handles, parent)?;
            // What else is open here would take numbers from the program. Kernels before 5.9 keep it.
            let highest = handles.iter().map(|&(_, to)| to).max().unwrap_or(2);
            libc::syscall(libc::SYS_close_range, 3, actor::HANDLES - 1, 0);
            libc::syscall(libc::SYS_close_range, highest + 1, libc::c_int::MAX, 0);
            Ok(())
        });
    }
}

/// Lets `command` keep descriptors under the numbers beside them and end with the thread that starts
/// it.
pub(crate) fn bind(command: &mut Command, mut handles: Vec<(RawFd, RawFd)>) {
    // SAFETY: cannot fail.
    let parent = unsafe { libc::getpid() };
    // SAFETY: as above.
    unsafe {
        command.pre_exec(move || keep(&mut handles, parent));
    }
}

/// # Safety
/// Runs between fork and exec, in a process that is about to become another program.
unsafe fn keep(handles: &mut [(RawFd, RawFd)], parent: libc::pid_t) -> io::Result<()> {
    // SAFETY: numbers; the descriptors are the caller's.
    unsafe {
        // First out of the way, for a number that is asked for may be another's.
        for (from, _) in handles.iter_mut() {
            *from = checked(libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, 850))?;
        }
        for &(from, to) in handles.iter() {
            checked(libc::dup2(from, to))?;
        }
        checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
        if libc::getppid() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

/// The hard limit that this process has.
pub(crate) fn hard_limit(number: u32) -> u64 {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes the limit.
    unsafe { libc::prlimit64(0, number as _, ptr::null(), &raw mut limit) };
    limit.rlim_max
}

/// The effective user of this process.
pub(crate) fn own_uid() -> u32 {
    // SAFETY: cannot fail.
    unsafe { libc::geteuid() }
}

/// Whether a file has an event that `poll(2)` tells of as urgent, as files of pressure do.
pub(crate) fn has_event(file: &impl AsFd) -> bool {
    let mut entry =
        libc::pollfd { fd: file.as_fd().as_raw_fd(), events: libc::POLLPRI, revents: 0 };
    // SAFETY: one entry, which lives until the call is over.
    let found = unsafe { libc::poll(&raw mut entry, 1, 0) };
    found > 0 && entry.revents & libc::POLLPRI != 0
}
