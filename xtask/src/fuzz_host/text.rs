//! Programs as text: one line an action, much as strace would write it.
//!
//! ```text
//! limits stack=0x800000 memlock=0x800000
//! file 0x5000 tmpfs
//! 0 mmap(0x0, 0x2000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0)
//! 0 touch(0x7ffff7fbd000, 2, 0x1000, write)
//! 0 fork()
//! 1 exit(0)
//! ```
//! What follows a `#` is for people.

use std::fmt;

use lab::Step;
use world::{
    Access, Advice, Call, Content, End, ForkKind, Limits, LockFlags, MapFlags, MemfdFlags,
    OpenFlags, Prot, RemapFlags, Resource, SyncFlags, Touch,
};

use super::program::{Action, Program, Setup, What};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.setup.root {
            writeln!(f, "root")?;
        }
        if self.setup.comb > 0 {
            writeln!(f, "comb {}", self.setup.comb)?;
        }
        let Limits { data, stack, memlock, address_space } = self.setup.limits;
        let limits =
            [("data", data), ("stack", stack), ("memlock", memlock), ("as", address_space)];
        for (name, limit) in limits {
            if let Some(limit) = limit {
                writeln!(f, "limit {name} {limit:#x}")?;
            }
        }
        for (len, tmpfs) in &self.setup.files {
            writeln!(f, "file {len:#x} {}", if *tmpfs { "tmpfs" } else { "disk" })?;
        }
        for action in &self.actions {
            writeln!(f, "{action}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.process)?;
        match &self.what {
            What::Step(Step::Call(call)) => write_call(f, call),
            What::Step(Step::Touch(touch)) => write_touch(f, touch),
            What::Fork(ForkKind::Fork) => write!(f, "fork()"),
            What::Fork(ForkKind::Vfork) => write!(f, "vfork()"),
            What::Fork(ForkKind::Thread) => write!(f, "thread()"),
            What::Exec => write!(f, "exec()"),
            What::End(End::Exit(status)) => write!(f, "exit({status})"),
            What::End(End::Signal(signal)) => write!(f, "killed({signal})"),
        }
    }
}

fn write_touch(f: &mut fmt::Formatter<'_>, touch: &Touch) -> fmt::Result {
    let access = match touch.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Execute => "execute",
    };
    write!(f, "touch({:#x}, {}, {:#x}, {access}", touch.addr, touch.count, touch.stride)?;
    match touch.content {
        Content::OneByte => write!(f, ")"),
        Content::Byte(byte) => write!(f, ", byte {byte})"),
        Content::Random(seed) => write!(f, ", random {seed})"),
    }
}

fn write_call(f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
    match *call {
        Call::Mmap { addr, len, prot, flags, fd, offset } => {
            write!(f, "mmap({addr:#x}, {len:#x}, {prot}, {flags}, {fd}, {offset:#x})")
        }
        Call::Munmap { addr, len } => write!(f, "munmap({addr:#x}, {len:#x})"),
        Call::Mprotect { addr, len, prot } => write!(f, "mprotect({addr:#x}, {len:#x}, {prot})"),
        Call::Mremap { addr, old_len, new_len, flags, new_addr } => {
            write!(f, "mremap({addr:#x}, {old_len:#x}, {new_len:#x}, {flags}, {new_addr:#x})")
        }
        Call::Madvise { addr, len, advice } => write!(f, "madvise({addr:#x}, {len:#x}, {advice})"),
        Call::Brk { addr } => write!(f, "brk({addr:#x})"),
        Call::Mlock { addr, len } => write!(f, "mlock({addr:#x}, {len:#x})"),
        Call::Mlock2 { addr, len, flags } => write!(f, "mlock2({addr:#x}, {len:#x}, {flags})"),
        Call::Munlock { addr, len } => write!(f, "munlock({addr:#x}, {len:#x})"),
        Call::Mlockall { flags } => write!(f, "mlockall({flags})"),
        Call::Munlockall => write!(f, "munlockall()"),
        Call::Msync { addr, len, flags } => write!(f, "msync({addr:#x}, {len:#x}, {flags})"),
        Call::Mincore { addr, len } => write!(f, "mincore({addr:#x}, {len:#x})"),
        Call::Setrlimit { resource, soft, hard } => {
            write!(f, "setrlimit({resource}, {soft:#x}, {hard:#x})")
        }
        Call::Open { file, flags } => write!(f, "open({file}, {flags})"),
        Call::MemfdCreate { flags } => write!(f, "memfd_create({flags})"),
        Call::Close { fd } => write!(f, "close({fd})"),
        Call::Pread { fd, offset, len } => write!(f, "pread({fd}, {offset:#x}, {len:#x})"),
        Call::Pwrite { fd, offset, len } => write!(f, "pwrite({fd}, {offset:#x}, {len:#x})"),
        Call::Ftruncate { fd, len } => write!(f, "ftruncate({fd}, {len:#x})"),
        Call::Fallocate { fd, mode, offset, len } => {
            write!(f, "fallocate({fd}, {mode}, {offset:#x}, {len:#x})")
        }
        Call::Fsync { fd } => write!(f, "fsync({fd})"),
        Call::Fadvise { fd, offset, len, advice } => {
            write!(f, "fadvise({fd}, {offset:#x}, {len:#x}, {advice})")
        }
        Call::Shmget { len } => write!(f, "shmget({len:#x})"),
        Call::Shmat { id, addr, flags } => write!(f, "shmat({id}, {addr:#x}, {flags:#x})"),
        Call::Shmdt { addr } => write!(f, "shmdt({addr:#x})"),
        Call::ShmRemove { id } => write!(f, "shm_remove({id})"),
        Call::SetOomScoreAdj { adj } => write!(f, "set_oom_score_adj({adj})"),
        Call::Mseal { addr, len, flags } => write!(f, "mseal({addr:#x}, {len:#x}, {flags:#x})"),
        Call::DenyWriteExec { flags } => write!(f, "mdwe({flags:#x})"),
        // No program of the fuzzer's makes these.
        Call::Swapon { .. } | Call::Swapoff { .. } => write!(f, "{call}"),
    }
}

/// The program that a text is.
///
/// # Errors
/// The line that is none, and what was expected.
pub(crate) fn parse(text: &str) -> Result<Program, String> {
    let mut program = Program::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        parse_line(line, &mut program)
            .map_err(|expected| format!("line {number}: expected {expected}, found `{line}`"))?;
    }
    Ok(program)
}

fn parse_line(line: &str, program: &mut Program) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["root"] => program.setup.root = true,
        ["comb", pages] => program.setup.comb = number(pages)?,
        ["limit", name, value] => parse_limit(name, number(value)?, &mut program.setup)?,
        ["file", len, kind @ ("tmpfs" | "disk")] => {
            program.setup.files.push((number(len)?, kind == "tmpfs"));
        }
        _ => program.actions.push(parse_action(line)?),
    }
    Ok(())
}

fn parse_limit(name: &str, value: u64, setup: &mut Setup) -> Result<(), String> {
    let limit = match name {
        "data" => &mut setup.limits.data,
        "stack" => &mut setup.limits.stack,
        "memlock" => &mut setup.limits.memlock,
        "as" => &mut setup.limits.address_space,
        _ => return Err("one of data, stack, memlock, as".to_owned()),
    };
    *limit = Some(value);
    Ok(())
}

fn parse_action(line: &str) -> Result<Action, String> {
    let form = || "a process and a call: `0 munmap(0x1000, 0x1000)`".to_owned();
    let (process, call) = line.split_once(' ').ok_or_else(form)?;
    let process = process.parse().map_err(|_| form())?;
    let (name, rest) = call.trim().split_once('(').ok_or_else(form)?;
    let inner = rest.strip_suffix(')').ok_or_else(form)?;
    let texts: Vec<&str> =
        inner.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
    let what = parse_what(name, &texts)?;
    Ok(Action { process, what })
}

fn parse_what(name: &str, texts: &[&str]) -> Result<What, String> {
    let status = || texts.first().and_then(|text| text.parse().ok()).ok_or("a number");
    Ok(match name {
        "fork" => What::Fork(ForkKind::Fork),
        "vfork" => What::Fork(ForkKind::Vfork),
        "thread" => What::Fork(ForkKind::Thread),
        "exec" => What::Exec,
        "exit" => What::End(End::Exit(status()?)),
        "killed" => What::End(End::Signal(u8::try_from(status()?).map_err(|_| "a signal")?)),
        "touch" => What::Step(Step::Touch(parse_touch(texts)?)),
        _ => What::Step(Step::Call(parse_call(name, texts)?)),
    })
}

fn parse_touch(texts: &[&str]) -> Result<Touch, String> {
    let (fixed, content) =
        texts.split_at_checked(4).ok_or("an address, a count, a stride, a kind")?;
    let access = match fixed[3] {
        "read" => Access::Read,
        "write" => Access::Write,
        "execute" => Access::Execute,
        _ => return Err("read, write or execute".to_owned()),
    };
    let content = match content.first().map(|text| text.split_once(' ')) {
        None => Content::OneByte,
        Some(Some(("byte", byte))) => {
            Content::Byte(u8::try_from(number(byte)?).map_err(|_| "a byte")?)
        }
        Some(Some(("random", seed))) => Content::Random(number(seed)?),
        Some(_) => return Err("`byte` or `random` and a number".to_owned()),
    };
    Ok(Touch {
        addr: number(fixed[0])?,
        count: number(fixed[1])?,
        stride: number(fixed[2])?,
        access,
        content,
    })
}

fn parse_call(name: &str, texts: &[&str]) -> Result<Call, String> {
    let text = |at: usize| texts.get(at).copied().ok_or(format!("argument {} of {name}", at + 1));
    let n = |at: usize| number(text(at)?);
    let signed =
        |at: usize| -> Result<i32, String> { text(at)?.parse().map_err(|_| "a number".to_owned()) };
    let small = |at: usize| u32::try_from(n(at)?).map_err(|_| "a small number".to_owned());
    let flags = |at: usize, names: &[(&str, u32)]| bits(text(at)?, names);
    Ok(match name {
        "mmap" => Call::Mmap {
            addr: n(0)?,
            len: n(1)?,
            prot: Prot(flags(2, Prot::NAMES)?),
            flags: MapFlags(flags(3, MapFlags::NAMES)?),
            fd: signed(4)?,
            offset: n(5)?,
        },
        "munmap" => Call::Munmap { addr: n(0)?, len: n(1)? },
        "mprotect" => {
            Call::Mprotect { addr: n(0)?, len: n(1)?, prot: Prot(flags(2, Prot::NAMES)?) }
        }
        "mremap" => Call::Mremap {
            addr: n(0)?,
            old_len: n(1)?,
            new_len: n(2)?,
            flags: RemapFlags(flags(3, RemapFlags::NAMES)?),
            new_addr: n(4)?,
        },
        "madvise" => Call::Madvise { addr: n(0)?, len: n(1)?, advice: advice(text(2)?)? },
        "brk" => Call::Brk { addr: n(0)? },
        "mlock" => Call::Mlock { addr: n(0)?, len: n(1)? },
        "mlock2" => Call::Mlock2 { addr: n(0)?, len: n(1)?, flags: small(2)? },
        "munlock" => Call::Munlock { addr: n(0)?, len: n(1)? },
        "mlockall" => Call::Mlockall { flags: LockFlags(flags(0, LockFlags::NAMES)?) },
        "munlockall" => Call::Munlockall,
        "msync" => {
            Call::Msync { addr: n(0)?, len: n(1)?, flags: SyncFlags(flags(2, SyncFlags::NAMES)?) }
        }
        "mincore" => Call::Mincore { addr: n(0)?, len: n(1)? },
        "setrlimit" => Call::Setrlimit { resource: resource(text(0)?)?, soft: n(1)?, hard: n(2)? },
        "open" => Call::Open {
            file: usize::try_from(n(0)?).map_err(|_| "the number of a file")?,
            flags: OpenFlags(flags(1, OpenFlags::NAMES)?),
        },
        "memfd_create" => Call::MemfdCreate { flags: MemfdFlags(flags(0, MemfdFlags::NAMES)?) },
        "close" => Call::Close { fd: signed(0)? },
        "pread" => Call::Pread { fd: signed(0)?, offset: n(1)?, len: n(2)? },
        "pwrite" => Call::Pwrite { fd: signed(0)?, offset: n(1)?, len: n(2)? },
        "ftruncate" => Call::Ftruncate { fd: signed(0)?, len: n(1)? },
        "fallocate" => {
            Call::Fallocate { fd: signed(0)?, mode: small(1)?, offset: n(2)?, len: n(3)? }
        }
        "fsync" => Call::Fsync { fd: signed(0)? },
        "fadvise" => {
            Call::Fadvise { fd: signed(0)?, offset: n(1)?, len: n(2)?, advice: signed(3)? }
        }
        "shmget" => Call::Shmget { len: n(0)? },
        "shmat" => Call::Shmat { id: signed(0)?, addr: n(1)?, flags: small(2)? },
        "shmdt" => Call::Shmdt { addr: n(0)? },
        "shm_remove" => Call::ShmRemove { id: signed(0)? },
        "mseal" => Call::Mseal { addr: n(0)?, len: n(1)?, flags: n(2)? },
        "mdwe" => Call::DenyWriteExec { flags: n(0)? },
        "set_oom_score_adj" => Call::SetOomScoreAdj { adj: signed(0)? },
        _ => return Err("the name of a call".to_owned()),
    })
}

fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "a number".to_owned())
}

fn bits(text: &str, names: &[(&str, u32)]) -> Result<u32, String> {
    let mut all = 0;
    for part in text.split('|') {
        let known = names.iter().find(|(name, _)| *name == part).map(|&(_, bit)| bit);
        let bit = match known {
            Some(bit) => bit,
            None => number(part)
                .ok()
                .and_then(|bit| u32::try_from(bit).ok())
                .ok_or("names of flags joined by `|`, or a number")?,
        };
        all |= bit;
    }
    Ok(all)
}

fn advice(text: &str) -> Result<Advice, String> {
    Advice::from_name(text)
        .or_else(|| text.parse().ok().map(Advice))
        .ok_or_else(|| "an advice".to_owned())
}

fn resource(text: &str) -> Result<Resource, String> {
    [Resource::Data, Resource::Stack, Resource::Memlock, Resource::AddressSpace]
        .into_iter()
        .find(|resource| resource.to_string() == text)
        .ok_or_else(|| "a limit: RLIMIT_DATA, _STACK, _MEMLOCK or _AS".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_LINE: &str = "\
root
comb 12
limit data 0x1000
limit stack 0x800000
limit memlock 0xffffffffffffffff
limit as 0x2000
file 0x5000 tmpfs
file 0x1 disk
0 mmap(0x1000, 0x2000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0)
0 mmap(0x1000, 0x2000, PROT_NONE, 0x0, 3, 0x1000)
0 munmap(0x0, 0xffffffffffffffff)
0 mprotect(0x1000, 0x1000, PROT_READ|0x10)
0 mremap(0x1000, 0x1000, 0x2000, MREMAP_MAYMOVE|MREMAP_FIXED, 0x5000)
0 madvise(0x1000, 0x1000, MADV_DONTNEED)
0 madvise(0x1000, 0x1000, 77)
0 brk(0x422000)
0 mlock(0x1000, 0x1)
0 mlock2(0x1000, 0x1, 1)
0 munlock(0x1000, 0x1)
0 mlockall(MCL_CURRENT|MCL_FUTURE)
0 munlockall()
0 msync(0x1000, 0x1, MS_SYNC)
0 mincore(0x1000, 0x1)
0 setrlimit(RLIMIT_AS, 0x1000, 0x2000)
0 open(1, O_RDWR|O_CREAT)
0 memfd_create(MFD_CLOEXEC)
0 close(-1)
0 pread(3, 0x0, 0x1)
0 pwrite(3, 0x0, 0x1)
0 ftruncate(3, 0x1)
0 fallocate(3, 3, 0x0, 0x1)
0 fsync(3)
0 fadvise(3, 0x0, 0x1, 4)
0 shmget(0x1000)
0 shmat(0, 0x0, 0x1000)
0 shmdt(0x1000)
0 shm_remove(0)
0 set_oom_score_adj(-5)
1 touch(0x1000, 3, 0x1000, read)
1 touch(0x1000, 3, 0x1000, write, byte 7)
1 touch(0x1000, 3, 0x1000, execute)
1 touch(0x1000, 3, 0x1000, write, random 99)
0 fork()
0 vfork()
0 thread()
0 exec()
1 exit(0)
2 killed(9)
";

    #[test]
    fn every_line_is_read_as_it_was_written() {
        let program = parse(EVERY_LINE).expect("every line is one");
        assert_eq!(program.to_string(), EVERY_LINE);
    }

    #[test]
    fn what_is_no_call_is_named_with_its_line() {
        assert_eq!(
            parse("# a remark\n0 munmap(0x1000, 0x1000)\n0 mumap(1, 2)\n"),
            Err("line 3: expected the name of a call, found `0 mumap(1, 2)`".to_owned())
        );
        assert_eq!(
            parse("0 munmap(0x1000)"),
            Err("line 1: expected argument 2 of munmap, found `0 munmap(0x1000)`".to_owned())
        );
    }
}
