//! What a call is, by its name and arguments.

use world::{Advice, Call, LockFlags, MapFlags, MemfdFlags, Prot, RemapFlags, Resource, SyncFlags};

use crate::args::bare;
use crate::entry::{FileName, Spawn, What};
use crate::value::{descriptor, flags, number, string};

/// An argument that is not what it should be: what was expected, and what stands there.
pub(crate) type Bad<'a> = (&'static str, &'a str);

/// Arguments, by their place.
struct Args<'a>(&'a [&'a str]);

impl<'a> Args<'a> {
    fn text(&self, index: usize, expected: &'static str) -> Result<&'a str, Bad<'a>> {
        self.0.get(index).copied().ok_or((expected, "end of the arguments"))
    }

    fn take<T>(
        &self,
        index: usize,
        expected: &'static str,
        read: impl Fn(&'a str) -> Option<T>,
    ) -> Result<T, Bad<'a>> {
        let text = self.text(index, expected)?;
        read(text).ok_or((expected, text))
    }

    fn address(&self, index: usize) -> Result<u64, Bad<'a>> {
        self.take(index, "an address", number)
    }

    fn len(&self, index: usize) -> Result<u64, Bad<'a>> {
        self.take(index, "a length in bytes", number)
    }

    fn prot(&self, index: usize) -> Result<Prot, Bad<'a>> {
        let named = |name: &str| match name {
            "PROT_SEM" => Some(8),
            _ => Prot::from_name(name).map(|flag| flag.0),
        };
        self.take(index, "`PROT_…` flags", |text| flags(text, named)).map(Prot)
    }

    fn range(&self) -> Result<(u64, u64), Bad<'a>> {
        Ok((self.address(0)?, self.len(1)?))
    }
}

/// Reads a call.
pub(crate) fn read<'a>(name: &'a str, args: &'a [&'a str]) -> Result<What, Bad<'a>> {
    let args = Args(args);
    let plain = |call| Ok(What::Memory { call, file: FileName::None });
    match name {
        "mmap" | "mmap2" | "old_mmap" => mmap(name, &args),
        "brk" => plain(Call::Brk { addr: args.address(0)? }),
        "mremap" => plain(mremap(&args)?),
        "munmap" => {
            let (addr, len) = args.range()?;
            plain(Call::Munmap { addr, len })
        }
        "mprotect" | "pkey_mprotect" => {
            let (addr, len) = args.range()?;
            plain(Call::Mprotect { addr, len, prot: args.prot(2)? })
        }
        "madvise" => {
            let (addr, len) = args.range()?;
            let advice = args.take(2, "an `MADV_…` advice", |text| {
                flags(text, |name| Advice::from_name(name)?.0.try_into().ok())
            })?;
            plain(Call::Madvise { addr, len, advice: Advice(i32::try_from(advice).unwrap_or(-1)) })
        }
        "mlock" => {
            let (addr, len) = args.range()?;
            plain(Call::Mlock { addr, len })
        }
        "mlock2" => {
            let (addr, len) = args.range()?;
            let named = |name: &str| (name == "MLOCK_ONFAULT").then_some(1);
            let flags = args.take(2, "`MLOCK_…` flags", |text| flags(text, named))?;
            plain(Call::Mlock2 { addr, len, flags })
        }
        "munlock" => {
            let (addr, len) = args.range()?;
            plain(Call::Munlock { addr, len })
        }
        "mlockall" => {
            let named = |name: &str| LockFlags::from_name(name).map(|flag| flag.0);
            let flags = args.take(0, "`MCL_…` flags", |text| flags(text, named))?;
            plain(Call::Mlockall { flags: LockFlags(flags) })
        }
        "munlockall" => plain(Call::Munlockall),
        "msync" => {
            let (addr, len) = args.range()?;
            let named = |name: &str| SyncFlags::from_name(name).map(|flag| flag.0);
            let flags = args.take(2, "`MS_…` flags", |text| flags(text, named))?;
            plain(Call::Msync { addr, len, flags: SyncFlags(flags) })
        }
        "mincore" => {
            let (addr, len) = args.range()?;
            plain(Call::Mincore { addr, len })
        }
        // Older ones of strace know it by its number alone.
        "mseal" | "syscall_0x1ce" => {
            let (addr, len) = args.range()?;
            let flags = args.take(2, "flags", number)?;
            plain(Call::Mseal { addr, len, flags })
        }
        "prctl"
            if args.0.first().is_some_and(|what| matches!(bare(what), "PR_SET_MDWE" | "0x41")) =>
        {
            deny_write_exec(&args)
        }
        "prlimit64" | "prlimit" if args.0.first().is_some_and(|pid| bare(pid) == "0") => {
            Ok(rlimit(name, args.0.get(1), args.0.get(2)))
        }
        "setrlimit" => Ok(rlimit(name, args.0.first(), args.0.get(1))),
        "execve" => Ok(exec(args.0.first())),
        "execveat" => Ok(exec(args.0.get(1))),
        "fork" => Ok(What::Spawn(Spawn::Copy)),
        "vfork" => Ok(What::Spawn(Spawn::Shared)),
        "clone" | "clone2" | "clone3" => Ok(spawn(args.0)),
        "open" | "creat" => Ok(opened(name, args.0.first())),
        "openat" | "openat2" => Ok(opened(name, args.0.get(1))),
        "memfd_create" => memfd(&args),
        "fchmod" => {
            let (fd, _) = args.take(0, "a descriptor", descriptor)?;
            let mode = args.take(1, "a mode", number)?;
            Ok(What::Mode { fd, executable: mode & 0o111 != 0 })
        }
        "fcntl" | "fcntl64" if args.0.get(1).is_some_and(|what| bare(what) == "F_ADD_SEALS") => {
            sealed(name, &args)
        }
        "close" => {
            let (fd, _) = args.take(0, "a descriptor", descriptor)?;
            Ok(What::Close { fd })
        }
        "exit" | "exit_group" | "_exit" => Ok(What::Exiting),
        "shmat" | "shmdt" | "io_setup" | "io_destroy" | "remap_file_pages" | "map_shadow_stack" => {
            Ok(What::Outside { name: name.to_owned() })
        }
        _ => Ok(What::Other { name: name.to_owned() }),
    }
}

fn mmap<'a>(name: &str, args: &Args<'a>) -> Result<What, Bad<'a>> {
    let (addr, len) = args.range()?;
    let prot = args.prot(2)?;
    let named = |name: &str| match name {
        "MAP_FILE" => Some(0),
        "MAP_ANON" => Some(MapFlags::ANONYMOUS.0),
        "MAP_ABOVE4G" => Some(0x80),
        "MAP_UNINITIALIZED" => Some(0x400_0000),
        _ => MapFlags::from_name(name).map(|flag| flag.0),
    };
    let flags = MapFlags(args.take(3, "`MAP_…` flags", |text| flags(text, named))?);
    let (fd, path) = args.take(4, "a descriptor", descriptor)?;
    let mut offset = args.take(5, "an offset", number)?;
    // Older releases of strace print the offset of mmap2 in pages, as the kernel gets it.
    if name == "mmap2" && !offset.is_multiple_of(4096) {
        offset = offset.saturating_mul(4096);
    }
    let file = match path {
        _ if flags.has(MapFlags::ANONYMOUS) => FileName::None,
        Some(path) => FileName::Path(path),
        None => FileName::Unnamed,
    };
    Ok(What::Memory { call: Call::Mmap { addr, len, prot, flags, fd, offset }, file })
}

/// `prctl(PR_SET_MDWE, flags, 0, 0, 0)`; with other arguments behind, the kernel refuses it.
fn deny_write_exec<'a>(args: &Args<'a>) -> Result<What, Bad<'a>> {
    let named = |name: &str| match name {
        "PR_MDWE_REFUSE_EXEC_GAIN" => Some(1),
        "PR_MDWE_NO_INHERIT" => Some(2),
        _ => None,
    };
    let flags = args.take(1, "`PR_MDWE_…` flags", |text| flags(text, named))?;
    let rest = args.0.iter().skip(2).all(|arg| number(arg) == Some(0));
    Ok(if rest {
        What::Memory { call: Call::DenyWriteExec { flags: u64::from(flags) }, file: FileName::None }
    } else {
        What::Other { name: "prctl".to_owned() }
    })
}

fn mremap<'a>(args: &Args<'a>) -> Result<Call, Bad<'a>> {
    let named = |name: &str| RemapFlags::from_name(name).map(|flag| flag.0);
    let flags = RemapFlags(args.take(3, "`MREMAP_…` flags", |text| flags(text, named))?);
    let moves = flags.any(RemapFlags::FIXED.with(RemapFlags::DONTUNMAP));
    // Printed only where it counts.
    let new_addr = if moves && args.0.len() > 4 { args.address(4)? } else { 0 };
    Ok(Call::Mremap {
        addr: args.address(0)?,
        old_len: args.len(1)?,
        new_len: args.len(2)?,
        flags,
        new_addr,
    })
}

fn exec(path: Option<&&str>) -> What {
    What::Exec { path: path.and_then(|path| string(path)).unwrap_or_default() }
}

fn opened(name: &str, path: Option<&&str>) -> What {
    match path.and_then(|path| string(path)) {
        Some(path) => {
            let huge = path.starts_with("/dev/hugepages/");
            What::Open { path, huge, executable: false }
        }
        None => What::Other { name: name.to_owned() },
    }
}

fn memfd<'a>(args: &Args<'a>) -> Result<What, Bad<'a>> {
    // A pointer that leads nowhere.
    let Some(name) = string(args.text(0, "a name in quotes")?) else {
        return Ok(What::Other { name: "memfd_create".to_owned() });
    };
    let named = |name: &str| match name {
        "MFD_NOEXEC_SEAL" => Some(8),
        "MFD_EXEC" => Some(16),
        _ => MemfdFlags::from_name(name).map(|flag| flag.0),
    };
    let flags = args.take(1, "`MFD_…` flags", |text| flags(text, named))?;
    let huge = MemfdFlags(flags).has(MemfdFlags::HUGETLB);
    let executable = flags & 8 == 0;
    Ok(What::Open { path: format!("/memfd:{name} (deleted)"), huge, executable })
}

/// `F_SEAL_WRITE` and `F_SEAL_FUTURE_WRITE`, which `F_SEAL_EXEC` implies of what may be executed.
fn sealed<'a>(name: &str, args: &Args<'a>) -> Result<What, Bad<'a>> {
    let (fd, _) = args.take(0, "a descriptor", descriptor)?;
    let named = |name: &str| match name {
        "F_SEAL_SEAL" => Some(1),
        "F_SEAL_SHRINK" => Some(2),
        "F_SEAL_GROW" => Some(4),
        "F_SEAL_WRITE" => Some(8),
        "F_SEAL_FUTURE_WRITE" => Some(16),
        "F_SEAL_EXEC" => Some(32),
        _ => None,
    };
    let seals = args.take(2, "`F_SEAL_…` flags", |text| flags(text, named))?;
    Ok(if seals & (8 | 16 | 32) != 0 {
        What::Sealed { fd, implied: seals & (8 | 16) == 0 }
    } else {
        What::Other { name: name.to_owned() }
    })
}

/// `CLONE_VM`, `CLONE_THREAD`.
fn spawn(args: &[&str]) -> What {
    let (mut shares, mut thread) = (false, false);
    let all = args.iter().flat_map(|arg| arg.trim_matches(['{', '}']).split(", "));
    for text in all.filter_map(|arg| arg.split_once("flags=").map(|(_, flags)| flags)) {
        for word in text.split(['|', ' ', ',', '}']) {
            match word {
                "CLONE_VM" => shares = true,
                "CLONE_THREAD" => thread = true,
                _ => {
                    if let Some(bits) = number(word) {
                        shares |= bits & 0x100 != 0;
                        thread |= bits & 0x1_0000 != 0;
                    }
                }
            }
        }
    }
    What::Spawn(match (thread, shares) {
        (true, _) => Spawn::Thread,
        (false, true) => Spawn::Shared,
        (false, false) => Spawn::Copy,
    })
}

/// A limit that is set and concerns memory; anything else is a call like others.
fn rlimit(name: &str, resource: Option<&&str>, limits: Option<&&str>) -> What {
    let other = What::Other { name: name.to_owned() };
    let resource = match resource.map(|text| bare(text)) {
        Some("RLIMIT_DATA" | "0x2") => Resource::Data,
        Some("RLIMIT_STACK" | "0x3") => Resource::Stack,
        Some("RLIMIT_MEMLOCK" | "0x8") => Resource::Memlock,
        Some("RLIMIT_AS" | "0x9") => Resource::AddressSpace,
        _ => return other,
    };
    let field = |key: &str| {
        let (_, after) = limits?.split_once(key)?;
        number(after.split([',', '}']).next()?.trim())
    };
    match (field("rlim_cur="), field("rlim_max=")) {
        (Some(soft), Some(hard)) => {
            What::Memory { call: Call::Setrlimit { resource, soft, hard }, file: FileName::None }
        }
        _ => other,
    }
}
