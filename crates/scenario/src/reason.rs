//! What an error means, by the call that gave it.

use world::{Call, Errno, Stop};

use crate::run::{Failed, What};

/// What a failure means; `None` where its word says it.
pub(crate) fn of(what: &What) -> Option<&'static str> {
    match (what, what.failed()?) {
        (What::Call(call, _), Failed::Error(errno)) => of_call(call, errno),
        (What::Forked(..), Failed::Error(Errno::ENOMEM)) => Some(
            "the child's private writable memory could not be promised a second time, or there is \
             no memory for its tables",
        ),
        (What::Forked(..), Failed::Error(Errno::EAGAIN)) => Some("a limit on processes"),
        (What::Heap(..), Failed::Error(Errno::ENOMEM)) => {
            Some("the kernel refused what the allocator asked of it")
        }
        (_, Failed::Stopped(Stop::Signal(fault))) => match (fault.signal, fault.code) {
            (11, 1) => Some("nothing is mapped there, or a stack could not grow to it"),
            (11, 2) => Some("something is mapped there that may not be accessed so"),
            (11, 128) => Some("no address that the processor accepts; it does not tell which"),
            (7, 2) => Some("the page is beyond the end of the mapped file"),
            _ => None,
        },
        (_, Failed::Stopped(Stop::Killed)) => {
            Some("the process was killed, most likely for lack of memory")
        }
        _ => None,
    }
}

fn of_call(call: &Call, errno: Errno) -> Option<&'static str> {
    Some(match (call, errno) {
        (Call::Mmap { .. }, Errno::ENOMEM) => {
            "no such hole in the address space, a limit (RLIMIT_AS, RLIMIT_DATA, max_map_count), or \
             more than the kernel promises (overcommit)"
        }
        (Call::Mmap { len: 0, .. }, Errno::EINVAL) => "no length",
        (Call::Mmap { .. }, Errno::EINVAL) => {
            "an address or offset that is not at a page, or flags that do not go together"
        }
        (Call::Mmap { .. }, Errno::EACCES) => "the file is not open for that",
        (Call::Mmap { .. }, Errno::EEXIST) => "something is mapped there already",
        (Call::Mmap { .. }, Errno::EPERM) => "an address below mmap_min_addr, or a sealed file",
        (Call::Mmap { .. } | Call::Mremap { .. }, Errno::EAGAIN) => {
            "more locked memory than RLIMIT_MEMLOCK allows"
        }
        (Call::Brk { .. }, Errno::ENOMEM) => {
            "the break did not move: something is in the way, a limit (RLIMIT_DATA, RLIMIT_AS), or \
             more than the kernel promises"
        }
        (Call::Munmap { .. }, Errno::ENOMEM) => {
            "the hole would split a mapping in two, and there are max_map_count already"
        }
        (Call::Mprotect { .. } | Call::Madvise { .. } | Call::Msync { .. }, Errno::ENOMEM) => {
            "a part of the range is not mapped, a split would make too many mappings, or more than \
             the kernel promises"
        }
        (Call::Mprotect { .. }, Errno::EACCES) => {
            "the mapping may never get this protection: a shared file is not open for writing"
        }
        (Call::Mremap { .. }, Errno::ENOMEM) => {
            "no room to grow in place and it may not move, a limit, or more than the kernel promises"
        }
        (Call::Mremap { .. }, Errno::EFAULT) => {
            "the old range is not mapped, or reaches beyond one mapping"
        }
        (Call::Mlock { .. } | Call::Mlock2 { .. } | Call::Mlockall { .. }, Errno::ENOMEM) => {
            "more than RLIMIT_MEMLOCK allows, or a part of the range is not mapped"
        }
        (
            Call::Munmap { .. }
            | Call::Mprotect { .. }
            | Call::Mremap { .. }
            | Call::Madvise { .. },
            Errno::EINVAL,
        ) => "an address that is not at a page, no length, or arguments that do not go together",
        (_, Errno::EBADF) => "no such file is open",
        (_, Errno::ENOSYS) => "this world does not have that call",
        _ => return None,
    })
}
