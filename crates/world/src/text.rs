//! Calls as text.

use std::fmt;

use crate::{Call, MapFlags};

/// As strace prints them; a file of the scenario by its place in the list.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self))
    }
}

fn text(call: &Call) -> String {
    match call {
        Call::Mmap { addr, len, prot, flags, fd, offset } => {
            let fd = if flags.has(MapFlags::ANONYMOUS) { -1 } else { *fd };
            format!("mmap({}, {len}, {prot}, {flags}, {fd}, {offset:#x})", address(*addr))
        }
        Call::Munmap { addr, len } => format!("munmap({addr:#x}, {len})"),
        Call::Mprotect { addr, len, prot } => format!("mprotect({addr:#x}, {len}, {prot})"),
        Call::Mremap { addr, old_len, new_len, flags, new_addr } => {
            let to = if *new_addr == 0 { String::new() } else { format!(", {new_addr:#x}") };
            let flags = if flags.0 == 0 { "0".to_owned() } else { flags.to_string() };
            format!("mremap({addr:#x}, {old_len}, {new_len}, {flags}{to})")
        }
        Call::Madvise { addr, len, advice } => format!("madvise({addr:#x}, {len}, {advice})"),
        Call::Brk { addr } => format!("brk({})", address(*addr)),
        Call::Mlock { addr, len } => format!("mlock({addr:#x}, {len})"),
        Call::Mlock2 { addr, len, flags } => format!("mlock2({addr:#x}, {len}, {flags})"),
        Call::Munlock { addr, len } => format!("munlock({addr:#x}, {len})"),
        Call::Mlockall { flags } => format!("mlockall({flags})"),
        Call::Munlockall => "munlockall()".to_owned(),
        Call::Msync { addr, len, flags } => format!("msync({addr:#x}, {len}, {flags})"),
        Call::Mincore { addr, len } => format!("mincore({addr:#x}, {len})"),
        Call::Setrlimit { resource, soft, hard } => {
            let limit = |value: &u64| match value {
                &u64::MAX => "RLIM_INFINITY".to_owned(),
                value => value.to_string(),
            };
            format!("setrlimit({resource}, {{rlim_cur={}, rlim_max={}}})", limit(soft), limit(hard))
        }
        Call::Open { file, flags } => format!("open(file {file}, {flags})"),
        Call::MemfdCreate { flags } => {
            let flags = if flags.0 == 0 { "0".to_owned() } else { flags.to_string() };
            format!("memfd_create(\"oomph\", {flags})")
        }
        Call::Close { fd } => format!("close({fd})"),
        Call::Pread { fd, offset, len } => format!("pread64({fd}, …, {len}, {offset})"),
        Call::Pwrite { fd, offset, len } => format!("pwrite64({fd}, …, {len}, {offset})"),
        Call::Ftruncate { fd, len } => format!("ftruncate({fd}, {len})"),
        Call::Fallocate { fd, mode, offset, len } => {
            format!("fallocate({fd}, {mode}, {offset}, {len})")
        }
        Call::Fsync { fd } => format!("fsync({fd})"),
        Call::Fadvise { fd, offset, len, advice } => {
            format!("fadvise64({fd}, {offset}, {len}, {advice})")
        }
        Call::Shmget { len } => format!("shmget(IPC_PRIVATE, {len}, IPC_CREAT|0600)"),
        Call::Shmat { id, addr, flags } => format!("shmat({id}, {}, {flags:#o})", address(*addr)),
        Call::Shmdt { addr } => format!("shmdt({addr:#x})"),
        Call::ShmRemove { id } => format!("shmctl({id}, IPC_RMID, NULL)"),
        Call::SetOomScoreAdj { adj } => format!("write(\"/proc/self/oom_score_adj\", \"{adj}\")"),
        Call::Mseal { addr, len, flags } => format!("mseal({addr:#x}, {len}, {flags})"),
        Call::DenyWriteExec { flags } => format!("prctl(PR_SET_MDWE, {flags:#x})"),
        Call::Swapon { area, priority } => {
            let flags = priority
                .map_or_else(|| "0".to_owned(), |priority| format!("SWAP_FLAG_PREFER|{priority}"));
            format!("swapon(area {area}, {flags})")
        }
        Call::Swapoff { area } => format!("swapoff(area {area})"),
    }
}

/// An address as an argument.
fn address(addr: u64) -> String {
    if addr == 0 { "NULL".to_owned() } else { format!("{addr:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Advice, Prot, RemapFlags};

    #[test]
    fn a_call_prints_as_strace_prints_it() {
        let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);
        let prot = Prot::READ.with(Prot::WRITE);
        let call = Call::Mmap { addr: 0, len: 8192, prot, flags, fd: -1, offset: 0 };
        let text = "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0)";
        assert_eq!(call.to_string(), text);
        let call = Call::Madvise { addr: 0x1000, len: 4096, advice: Advice(4) };
        assert_eq!(call.to_string(), "madvise(0x1000, 4096, MADV_DONTNEED)");
        let (flags, addr) = (RemapFlags::MAYMOVE, 0x1000);
        let call = Call::Mremap { addr, old_len: 1, new_len: 2, flags, new_addr: 0 };
        assert_eq!(call.to_string(), "mremap(0x1000, 1, 2, MREMAP_MAYMOVE)");
    }
}
