//! The real library: the driver built against it, and one run of it.

use super::op::Op;
use crate::{Stop, repository};
use malloc::{Layout, Rules, Tunables};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A C library that can be run here.
#[derive(Debug, Clone)]
pub(crate) struct Library {
    pub(super) rules: Rules,
    driver: PathBuf,
    /// The debugging library, if the release has one of its own.
    debugging: Option<PathBuf>,
}

/// What the kernel had put where before the first call.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) layout: Layout,
    pub(super) taken: Vec<(u64, u64)>,
}

/// One run of the driver.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) start: Start,
    pub(super) answers: Vec<u64>,
    pub(super) stats: String,
    pub(super) info: String,
    /// The system calls as strace prints them, if it was asked for.
    pub(super) calls: Option<Vec<String>>,
    /// How it ended, if not well.
    pub(super) failure: Option<String>,
}

/// Where everything of this run is kept.
pub(super) fn workplace() -> Result<PathBuf, Stop> {
    let dir = repository::target().join("fuzz-malloc").join(std::process::id().to_string());
    fs::create_dir_all(&dir).map_err(|err| format!("cannot make {}: {err}", dir.display()))?;
    Ok(dir)
}

/// Removes it.
pub(super) fn clean() {
    if let Ok(dir) = workplace() {
        let _ = fs::remove_dir_all(dir);
    }
}

impl Library {
    /// Builds the driver against `libc` with the loader beside it.
    pub(super) fn build(rules: Rules, libc: &Path, loader: &Path) -> Result<Library, Stop> {
        let driver = workplace()?.join(format!("driver-{}", rules.name));
        let source = repository::root().join("xtask/drivers/malloc_driver.c");
        let lib_dir = libc.parent().unwrap_or(libc);
        let mut gcc = Command::new("gcc");
        gcc.args(["-O1", "-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-pie"]);
        gcc.args(["-fno-pic", "-no-pie", "-nostdlib", "-nostartfiles", "-fcf-protection=none"]);
        gcc.arg(if rules.word == 4 { "-m32" } else { "-m64" }).arg("-o").arg(&driver);
        gcc.arg(source).arg(libc);
        // Before 2.34 threads were a library of their own.
        let threads = lib_dir.join("libpthread.so.0");
        if threads.is_file() && fs::metadata(&threads).is_ok_and(|file| file.len() > 40_000) {
            gcc.arg(threads);
        }
        gcc.arg(format!("-Wl,--dynamic-linker={}", loader.display()));
        gcc.arg(format!("-Wl,-rpath={},--allow-shlib-undefined", lib_dir.display()));
        let output = gcc.output().map_err(|err| format!("cannot start gcc: {err}"))?;
        if !output.status.success() {
            return Err(format!(
                "the driver for {} could not be built: {}",
                rules.name,
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        let debugging = Some(lib_dir.join("libc_malloc_debug.so.0"));
        let debugging = debugging.filter(|path| path.is_file());
        Ok(Library { rules, driver, debugging })
    }

    /// The debugging library of this release.
    pub(super) fn debugging(&self) -> Option<&Path> {
        self.debugging.as_deref()
    }

    /// Plays `ops` on the real library.
    pub(super) fn run(&self, ops: &[Op], tunables: &Tunables, strace: bool) -> Result<Run, Stop> {
        let dir = workplace()?;
        let path = |name: &str| dir.join(name);
        let bytes: Vec<u8> = ops.iter().flat_map(Op::bytes).collect();
        fs::write(path("ops"), bytes).map_err(|err| format!("cannot write the trace: {err}"))?;
        let tracer = "strace -f -qq -o calls \
                      -e trace=brk,mmap,mmap2,munmap,mremap,madvise,mprotect -e signal=none";
        let preload = match &self.debugging {
            Some(debugging) if tunables.check.is_some() => {
                format!("env LD_PRELOAD={}", debugging.display())
            }
            _ => String::new(),
        };
        let script = format!(
            "ulimit -s 8192; ulimit -c 0; exec timeout 900 {} {preload} \"$0\" 3<ops 4>answers 1>info 2>stats",
            if strace { tracer } else { "" }
        );
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).arg(&self.driver).current_dir(&dir);
        shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if !tunables.value().is_empty() {
            shell.env("GLIBC_TUNABLES", tunables.value());
        }
        let status = shell.status().map_err(|err| format!("cannot start sh: {err}"))?;
        let read = |name: &str| {
            fs::read(path(name)).map_err(|err| format!("cannot read {name} of the driver: {err}"))
        };
        let (start, answers) = self.answers(&read("answers")?)?;
        let calls = if strace { Some(calls(&lossy(&read("calls")?))) } else { None };
        let failure = (!status.success()).then(|| match status.signal() {
            Some(6) => "the driver was ended by SIGABRT".to_owned(),
            Some(11) => "the driver was ended by SIGSEGV".to_owned(),
            _ => format!("the driver ended with {status}"),
        });
        let info = lossy(&read("info")?);
        Ok(Run { start, answers, stats: lossy(&read("stats")?), info, calls, failure })
    }

    fn answers(&self, bytes: &[u8]) -> Result<(Start, Vec<u64>), Stop> {
        let cut = || "the driver's answers are cut".to_owned();
        let (brk, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
        let (maps, rest) = text(rest).ok_or_else(cut)?;
        let (statm, rest) = text(rest).ok_or_else(cut)?;
        let numbers = rest
            .chunks_exact(8)
            .map(|word| word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let start = self.start(u64::from_le_bytes(*brk), &maps, &statm)?;
        Ok((start, numbers.collect()))
    }

    fn start(&self, brk: u64, maps: &str, statm: &str) -> Result<Start, Stop> {
        let mut layout = if self.rules.word == 4 { Layout::I386 } else { Layout::X86_64 };
        let mut taken = Vec::new();
        for line in maps.lines() {
            let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            let range = range.and_then(|(start, end)| {
                let number = |text| u64::from_str_radix(text, 16).ok();
                Some((number(start)?, number(end)?))
            });
            let (start, end) =
                range.ok_or_else(|| format!("maps: expected a range, found `{line}`"))?;
            if end > layout.task_size {
                continue;
            }
            // The stack keeps a gap of 256 pages below it.
            let guard = if line.ends_with("[stack]") { 256 * 4096 } else { 0 };
            taken.push((start - guard, end));
        }
        let pages: Option<u64> = statm.split(' ').next().and_then(|pages| pages.parse().ok());
        layout.brk = brk;
        layout.mapped_before = pages.ok_or("statm: expected a number")? * 4096;
        layout.floor = number("/proc/sys/vm/mmap_min_addr").unwrap_or(4096).max(4096);
        layout.memory_and_swap = memory_and_swap();
        layout.cpus = std::thread::available_parallelism()
            .ok()
            .and_then(|cpus| u32::try_from(cpus.get()).ok())
            .unwrap_or(1);
        layout.thp_madvise = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
            .is_ok_and(|modes| modes.contains("[madvise]"));
        layout.huge_page = meminfo("Hugepagesize").map(|kib| kib * 1024);
        layout.never_overcommits = number("/proc/sys/vm/overcommit_memory") == Some(2);
        Ok(Start { layout, taken })
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    Some((lossy(text), rest))
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn meminfo(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn memory_and_swap() -> Option<u64> {
    Some((meminfo("MemTotal")? + meminfo("SwapTotal")?) * 1024)
}

/// The memory calls between the driver's two marks, without the number of the thread.
fn calls(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        // strace aligns the result.
        let (call, result) = call.rsplit_once(" = ").unwrap_or((call, ""));
        let result = result.split(" (").next().unwrap_or(result);
        format!("{} = {result}", call.trim_end().replacen("mmap2(", "mmap(", 1))
    });
    let mark = |line: &String| line.starts_with("munmap(0x1000, 0)");
    let mut lines = lines.skip_while(|line| !mark(line));
    lines.next();
    let mut kept: Vec<String> = lines.take_while(|line| !mark(line)).collect();
    // A wall is the driver's own doing: it asks where the break is, then maps.
    while let Some(at) = kept.iter().position(|line| line.contains("MAP_FIXED_NOREPLACE")) {
        kept.drain(at.saturating_sub(1)..=at);
    }
    kept
}
