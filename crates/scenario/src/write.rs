//! Steps as a scenario says them: what a generator made, or a trace, becomes a text to keep.

use std::fmt::Write as _;

use world::{Access, Call, Content, Control, Setup, Touch};

/// A step with all its arguments as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A call.
    Call(Call),
    /// Accesses.
    Touch(Touch),
    /// Something written to a file that changes the machine.
    Control(Control, String),
}

/// A step as a line of a scenario, without the line's end. `name` is what is given where the step
/// gives a name, and `files` are the names of the scenario's files. `None` for what no word says: a
/// file that is not there, a descriptor that is negative (but of no file), an advice to a file that
/// has no name.
pub fn written(step: &Written, name: &str, files: &[&str]) -> Option<String> {
    match step {
        Written::Call(call) => self::call(call, name, files),
        Written::Touch(touch) => Some(self::touch(touch)),
        Written::Control(what, value) => control(what, value),
    }
}

/// How a machine is arranged, as lines for the block of `machine`. `None` for what no word says.
pub fn written_setup(setup: &Setup) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    for swap in &setup.swap {
        let word = if swap.zram { "zram" } else { "swap" };
        let priority = swap.priority.map_or_else(String::new, |n| format!(" priority={n}"));
        lines.push(format!("{word} {}{priority}", swap.len));
    }
    for path in &setup.cgroups {
        let files = setup.controls.iter().filter_map(|(what, value)| match what {
            Control::Cgroup { path: of, file } if of == path => Some(format!("{file} {value}")),
            _ => None,
        });
        let files: Vec<String> = files.collect();
        let block =
            if files.is_empty() { String::new() } else { format!(" {{ {} }}", files.join("; ")) };
        lines.push(format!("cgroup {}{block}", quoted(path)?));
    }
    for (what, value) in &setup.controls {
        match what {
            Control::Cgroup { path, .. } if setup.cgroups.contains(path) => {}
            Control::Cgroup { .. } | Control::SysRq => return None,
            Control::Sysctl(_) | Control::Sys(_) => lines.push(control(what, value)?),
        }
    }
    Some(lines)
}

fn control(what: &Control, value: &str) -> Option<String> {
    Some(match what {
        Control::Sysctl(name) => format!("sysctl {name} {}", quoted(value)?),
        Control::Sys(path) => format!("sys {} {}", quoted(path)?, quoted(value)?),
        Control::Cgroup { path, file } => {
            format!("cgroup {} {file} {}", quoted(path)?, quoted(value)?)
        }
        Control::SysRq => format!("sysrq {value}"),
    })
}

/// In quotes, where a word could be misread; what would need an escape is not written.
fn quoted(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !text.is_empty() && text.bytes().all(plain) {
        return Some(text.to_owned());
    }
    let harmless = |c: char| !c.is_control() && !matches!(c, '"' | '\\');
    text.chars().all(harmless).then(|| format!("\"{text}\""))
}

fn call(call: &Call, name: &str, files: &[&str]) -> Option<String> {
    let file = |fd: i32| u32::try_from(fd).ok();
    Some(match call {
        Call::Mmap { addr, len, prot, flags, fd, offset } => {
            let mut line = format!("mmap {name} {len} prot={:#x} flags={:#x}", prot.0, flags.0);
            if *addr != 0 {
                let _ = write!(line, " at={addr:#x}");
            }
            if *fd != -1 {
                let _ = write!(line, " file={}", file(*fd)?);
            }
            if *offset != 0 {
                let _ = write!(line, " offset={offset:#x}");
            }
            line
        }
        Call::Munmap { addr, len } => format!("munmap {addr:#x} {len}"),
        Call::Mprotect { addr, len, prot } => {
            format!("mprotect {addr:#x} {len} prot={:#x}", prot.0)
        }
        Call::Mremap { addr, old_len, new_len, flags, new_addr } => {
            let to = if *new_addr == 0 { String::new() } else { format!(" to={new_addr:#x}") };
            format!("mremap {addr:#x} {new_len} old={old_len} flags={:#x}{to}", flags.0)
        }
        Call::Madvise { addr, len, advice } => {
            format!("madvise {addr:#x} {len} advice={}", advice.0)
        }
        Call::Brk { addr } => format!("brk {addr:#x}"),
        Call::Mlock { addr, len } => format!("mlock {addr:#x} {len}"),
        Call::Mlock2 { addr, len, flags } => format!("mlock {addr:#x} {len} flags={flags:#x}"),
        Call::Munlock { addr, len } => format!("munlock {addr:#x} {len}"),
        Call::Mlockall { flags } => format!("mlockall flags={:#x}", flags.0),
        Call::Munlockall => "munlockall".to_owned(),
        Call::Msync { addr, len, flags } => format!("msync {addr:#x} {len} flags={:#x}", flags.0),
        Call::Mincore { addr, len } => format!("mincore {addr:#x} {len}"),
        Call::Setrlimit { resource, soft, hard } => {
            let word = match resource {
                world::Resource::Data => "data",
                world::Resource::Stack => "stack",
                world::Resource::Memlock => "memlock",
                world::Resource::AddressSpace => "as",
            };
            format!("setrlimit {word} {soft} hard={hard}")
        }
        Call::Open { file, flags } => {
            format!("open {name} {} flags={:#x}", files.get(*file)?, flags.0)
        }
        Call::MemfdCreate { flags } => format!("memfd {name} flags={:#x}", flags.0),
        Call::Close { fd } => format!("close {}", file(*fd)?),
        Call::Pread { fd, offset, len } => format!("pread {} {len} offset={offset}", file(*fd)?),
        Call::Pwrite { fd, offset, len } => format!("pwrite {} {len} offset={offset}", file(*fd)?),
        Call::Ftruncate { fd, len } => format!("ftruncate {} {len}", file(*fd)?),
        Call::Fallocate { fd, mode, offset, len } => {
            format!("fallocate {} {len} mode={mode:#x} offset={offset}", file(*fd)?)
        }
        Call::Fsync { fd } => format!("fsync {}", file(*fd)?),
        Call::Fadvise { fd, offset, len, advice } => {
            let names = ["normal", "random", "sequential", "willneed", "dontneed", "noreuse"];
            let word = usize::try_from(*advice).ok().and_then(|advice| names.get(advice))?;
            format!("fadvise {} {len} {word} offset={offset}", file(*fd)?)
        }
        Call::Shmget { len } => format!("shmget {name} {len}"),
        Call::Shmat { id, addr, flags } => {
            let at = if *addr == 0 { String::new() } else { format!(" at={addr:#x}") };
            format!("shmat {name} {} flags={flags:#x}{at}", file(*id)?)
        }
        Call::Shmdt { addr } => format!("shmdt {addr:#x}"),
        Call::ShmRemove { id } => format!("shmrm {}", file(*id)?),
        Call::SetOomScoreAdj { adj } => format!("oom_score_adj {adj}"),
        Call::Mseal { addr, len, flags } => format!("mseal {addr:#x} {len} flags={flags:#x}"),
        Call::DenyWriteExec { flags } => format!("mdwe flags={flags:#x}"),
        Call::Swapon { area, priority } => {
            let priority = priority.map_or_else(String::new, |n| format!(" priority={n}"));
            format!("swapon {area}{priority}")
        }
        Call::Swapoff { area } => format!("swapoff {area}"),
    })
}

fn touch(touch: &Touch) -> String {
    let Touch { addr, count, stride, access, content } = *touch;
    // As many accesses as asked for: the last one is in the range, the one behind it is not.
    let len = count.saturating_mul(stride);
    match (access, content) {
        (Access::Execute, _) => format!("exec-at {addr:#x}"),
        (Access::Read, _) => format!("read {addr:#x} {len} every={stride}"),
        (Access::Write, Content::OneByte) => format!("write {addr:#x} {len} every={stride}"),
        (Access::Write, Content::Byte(byte)) => {
            format!("fill {addr:#x} {len} byte={byte} every={stride}")
        }
        (Access::Write, Content::Random(seed)) => {
            format!("fill {addr:#x} {len} random seed={seed} every={stride}")
        }
    }
}

#[cfg(test)]
mod tests {
    use world::{
        Advice, End, Errno, FileSpec, ForkKind, LockFlags, MapFlags, MemfdFlags, Observation,
        OpenFlags, ProcessId, ProcessSpec, Prot, RemapFlags, Resource, Returned, SyncFlags,
        Touched, World, WorldError,
    };

    use super::*;
    use crate::run::{Options, run};
    use crate::{Source, check};

    /// A world that writes down what it is asked, and agrees.
    #[derive(Default)]
    struct Notes(Vec<Written>, Setup);

    impl World for Notes {
        fn files(&mut self, _: &[FileSpec]) -> Result<(), WorldError> {
            Ok(())
        }
        fn start(&mut self, _: &ProcessSpec) -> Result<ProcessId, WorldError> {
            Ok(ProcessId(0))
        }
        fn call(&mut self, _: ProcessId, call: &Call) -> Result<Returned, WorldError> {
            // The break is asked for before it is moved.
            if *call != (Call::Brk { addr: 0 }) {
                self.0.push(Written::Call(call.clone()));
            }
            Ok(Returned::plain(Ok(0)))
        }
        fn touch(&mut self, _: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
            self.0.push(Written::Touch(*touch));
            Ok(Touched { done: touch.count, stopped: None })
        }
        fn fork(
            &mut self,
            _: ProcessId,
            _: ForkKind,
        ) -> Result<Result<ProcessId, Errno>, WorldError> {
            Ok(Err(Errno::EAGAIN))
        }
        fn exec(&mut self, _: ProcessId) -> Result<(), WorldError> {
            Ok(())
        }
        fn end(&mut self, _: ProcessId, _: End) -> Result<(), WorldError> {
            Ok(())
        }
        fn sleep(&mut self, _: u64) -> Result<(), WorldError> {
            Ok(())
        }
        fn observe(&mut self, _: ProcessId) -> Result<Observation, WorldError> {
            Ok(Observation::default())
        }
        fn alive(&mut self, _: ProcessId) -> Result<Option<End>, WorldError> {
            Ok(None)
        }
        fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
            self.1 = setup.clone();
            Ok(())
        }
        fn control(
            &mut self,
            what: &Control,
            value: &str,
        ) -> Result<Result<(), Errno>, WorldError> {
            self.0.push(Written::Control(what.clone(), value.to_owned()));
            Ok(Ok(()))
        }
    }

    /// How a machine may be arranged, by every word.
    fn arranged() -> Setup {
        let swap = |len, priority, zram| world::SwapSpec { len, priority, zram };
        let cgroup = |file: &str, value: &str| {
            let (path, file) = ("/a-1/b".to_owned(), file.to_owned());
            (Control::Cgroup { path, file }, value.to_owned())
        };
        Setup {
            swap: vec![swap(8192, Some(7), false), swap(4096, None, true)],
            cgroups: vec!["/a-1".to_owned(), "/a-1/b".to_owned()],
            controls: vec![
                (Control::Sysctl("vm.lowmem_reserve_ratio".to_owned()), "256 256 32".to_owned()),
                (Control::Sys("kernel/mm/ksm/run".to_owned()), "1".to_owned()),
                cgroup("memory.max", "8192"),
                cgroup("memory.swap.max", "max"),
            ],
        }
    }

    fn every_kind() -> Vec<Written> {
        let (addr, len, fd, offset) = (0x7000_1000, 8192, 5, 4096);
        let calls = [
            Call::Mmap { addr, len, prot: Prot(7), flags: MapFlags(3), fd, offset },
            Call::Mmap {
                addr: 0,
                len: 0,
                prot: Prot(0x100_0001),
                flags: MapFlags(0),
                fd: -1,
                offset: 0,
            },
            Call::Munmap { addr, len },
            Call::Mprotect { addr, len, prot: Prot(0x200_0004) },
            Call::Mremap { addr, old_len: 1, new_len: 2, flags: RemapFlags(7), new_addr: 0x1000 },
            Call::Mremap { addr, old_len: 0, new_len: 0, flags: RemapFlags(0), new_addr: 0 },
            Call::Madvise { addr, len, advice: Advice(77) },
            Call::Brk { addr },
            Call::Mlock { addr, len },
            Call::Mlock2 { addr, len, flags: 3 },
            Call::Munlock { addr, len },
            Call::Mlockall { flags: LockFlags(12) },
            Call::Munlockall,
            Call::Msync { addr, len, flags: SyncFlags(9) },
            Call::Mincore { addr, len },
            Call::Setrlimit { resource: Resource::Data, soft: 1, hard: u64::MAX },
            Call::Open { file: 1, flags: OpenFlags(0o1102) },
            Call::MemfdCreate { flags: MemfdFlags(6) },
            Call::Close { fd },
            Call::Pread { fd, offset, len },
            Call::Pwrite { fd, offset, len },
            Call::Ftruncate { fd, len },
            Call::Fallocate { fd, mode: 3, offset, len },
            Call::Fsync { fd },
            Call::Fadvise { fd, offset, len, advice: 4 },
            Call::Shmget { len },
            Call::Shmat { id: 2, addr, flags: 0o10000 },
            Call::Shmdt { addr },
            Call::ShmRemove { id: 2 },
            Call::SetOomScoreAdj { adj: -17 },
            Call::Mseal { addr, len, flags: 1 },
            Call::DenyWriteExec { flags: 3 },
            Call::Swapon { area: 1, priority: Some(7) },
            Call::Swapon { area: 0, priority: None },
            Call::Swapoff { area: 1 },
        ];
        let touch = |access, content, count, stride| {
            Written::Touch(Touch { addr, count, stride, access, content })
        };
        let touches = [
            touch(Access::Read, Content::OneByte, 3, 4096),
            touch(Access::Write, Content::OneByte, 1, 1),
            touch(Access::Write, Content::Byte(9), 2, 8192),
            touch(Access::Write, Content::Random(9), 2, 4096),
            touch(Access::Execute, Content::OneByte, 1, 4096),
        ];
        let controls = arranged()
            .controls
            .into_iter()
            .chain([(Control::SysRq, "f".to_owned())])
            .map(|(what, value)| Written::Control(what, value));
        calls.into_iter().map(Written::Call).chain(touches).chain(controls).collect()
    }

    #[test]
    fn what_is_written_is_read_and_performed_as_it_was() {
        let steps = every_kind();
        let lines: Vec<String> = steps
            .iter()
            .enumerate()
            .map(|(at, step)| written(step, &format!("h{at}"), &["one", "two"]).expect("a line"))
            .collect();
        let machine = written_setup(&arranged()).expect("lines");
        let text = format!(
            "machine {{\n{}\n}}\nfile one 1MiB\nfile two 2MiB\nprocess p {{\n{}\n}}\n",
            machine.join("\n"),
            lines.join("\n")
        );
        let scenario =
            check(&Source::new("t", text)).unwrap_or_else(|problems| panic!("{problems}"));
        let mut notes = Notes::default();
        run(&scenario, &mut notes, None, &Options::model(), &mut ()).expect("it runs");
        for (wanted, found) in steps.iter().zip(&notes.0) {
            assert_eq!(found, wanted);
        }
        assert_eq!(notes.0.len(), steps.len());
        assert_eq!(notes.1, arranged());
    }

    #[test]
    fn what_no_word_says_is_not_written() {
        let unknown = Written::Call(Call::Open { file: 9, flags: OpenFlags(0) });
        assert_eq!(written(&unknown, "h", &[]), None);
        assert_eq!(written(&Written::Call(Call::Close { fd: -1 }), "h", &[]), None);
    }
}
