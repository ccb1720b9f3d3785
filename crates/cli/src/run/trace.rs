//! `oomph trace`: runs a command with the library that records its calls of malloc.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use facts::Name;
use heap_trace::recorder::{self, Program};
use rustix::fs::{MemfdFlags, memfd_create};
use units::Bytes;

use super::progress::Progress;
use crate::args::TraceArgs;
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::talk;

/// Less is no trace.
const LEAST: u64 = 2 << 20;

pub(super) fn run(args: &TraceArgs) -> Result<Outcome, Failure> {
    let Some((name, arguments)) = args.command.split_first() else {
        return Err(Failure::new("no command to trace"));
    };
    if recorder::PRELOAD.is_empty() {
        return Err(Failure::new("this build of oomph cannot trace: it is not for 64-bit x86"));
    }
    if args.limit.get() < LEAST {
        return Err(Failure::new(format!("a trace cannot be limited to {}", args.limit))
            .hint(format!("{} is the least", Bytes::new(LEAST))));
    }
    let path = find(name)?;
    check(&path, 0)?;
    let output = place(&args.output, args.force)?;
    let library = library()?;
    let mut preload =
        OsString::from(format!("/proc/{}/fd/{}", std::process::id(), library.as_raw_fd()));
    if let Some(others) = env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        preload.push(":");
        preload.push(others);
    }
    let child = Command::new(&path)
        .args(arguments)
        .env("LD_PRELOAD", preload)
        .env(recorder::FILE_VARIABLE, &output)
        .env(recorder::LIMIT_VARIABLE, args.limit.get().to_string())
        .spawn()
        .map_err(|error| Failure::new(format!("cannot run `{}`", shown(&path))).because(&error))?;
    let pid = child.id();
    let status = wait(child, &output)?;
    finish(&output, pid, &path)?;
    Ok(Outcome::OtherProgram(code(status)))
}

fn shown(path: &Path) -> Name {
    Name::new(path.as_os_str().as_encoded_bytes())
}

/// The file of a command, as the shell finds it.
fn find(name: &OsStr) -> Result<PathBuf, Failure> {
    let path = Path::new(name);
    if name.as_encoded_bytes().contains(&b'/') {
        return Ok(path.to_owned());
    }
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
    };
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths)
        .map(|folder| folder.join(path))
        .find(is_program)
        .ok_or_else(|| Failure::new(format!("no program `{}` in PATH", shown(path))))
}

/// Refuses what the library cannot be loaded into.
fn check(path: &Path, depth: u32) -> Result<(), Failure> {
    let cannot = |why: &dyn std::error::Error| {
        Failure::new(format!("cannot trace `{}`", shown(path))).because(why)
    };
    let file = fs::read(path).map_err(|error| cannot(&error))?;
    let meta = fs::metadata(path).map_err(|error| cannot(&error))?;
    let mut capability = [0; 64];
    let capable = rustix::fs::getxattr(path, "security.capability", &mut capability).is_ok();
    if meta.mode() & 0o6000 != 0 || capable {
        return Err(Failure::new(format!(
            "cannot trace `{}`: it runs with the rights of its file (setuid, setgid or capabilities), \
             and the loader lets nothing be put before such a program",
            shown(path)
        )));
    }
    match recorder::program(&file).map_err(|unfit| cannot(&unfit))? {
        Program::Glibc => Ok(()),
        Program::Script(_) if depth >= 4 => {
            Err(Failure::new(format!("cannot trace `{}`: scripts run by scripts", shown(path))))
        }
        Program::Script(interpreter) => check(&find(OsStr::new(&interpreter))?, depth + 1),
    }
}

/// Where the trace will be; what was there goes away only if that is wanted.
fn place(file: &Path, force: bool) -> Result<PathBuf, Failure> {
    let cannot =
        |error: &io::Error| Failure::new(format!("cannot write `{}`", shown(file))).because(error);
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| cannot(&error))?;
    let Some(name) = file.file_name() else {
        return Err(Failure::new(format!("`{}` is not the name of a file", shown(file))));
    };
    let path = folder.join(name);
    if path.symlink_metadata().is_ok() {
        if !force {
            return Err(Failure::new(format!("`{}` is there already", shown(file)))
                .hint("--force replaces it"));
        }
        fs::remove_file(&path).map_err(|error| cannot(&error))?;
    }
    // Now rather than when the program has run.
    File::create_new(&path).and_then(|_| fs::remove_file(&path)).map_err(|error| cannot(&error))?;
    Ok(path)
}

/// The library, in memory: the loader finds it by our number, so that no file is left behind.
fn library() -> Result<File, Failure> {
    let make = || -> io::Result<File> {
        let mut file = File::from(memfd_create("oomph-preload", MemfdFlags::CLOEXEC)?);
        file.write_all(recorder::PRELOAD)?;
        Ok(file)
    };
    make().map_err(|error| Failure::new("cannot make the library that records").because(&error))
}

/// Waits for the program, and says how large its trace is meanwhile.
fn wait(mut child: Child, output: &Path) -> Result<ExitStatus, Failure> {
    let progress = Progress::new();
    loop {
        let ended = child
            .try_wait()
            .map_err(|error| Failure::new("cannot wait for the program").because(&error))?;
        if let Some(status) = ended {
            progress.tell(true, String::new);
            return Ok(status);
        }
        progress.tell(false, || {
            let size = fs::metadata(output).map_or(0, |meta| meta.len());
            format!("recording: {} of trace", Bytes::new(size))
        });
        thread::sleep(Duration::from_millis(20));
    }
}

/// Cuts the room that was not used, and says what there is.
fn finish(output: &Path, pid: u32, path: &Path) -> Result<(), Failure> {
    let mut traces = vec![output.to_owned()];
    let prefix = output.file_name().map(|name| [name.as_encoded_bytes(), b"."].concat());
    if let (Some(folder), Some(prefix)) = (output.parent(), prefix) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        traces.extend(entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().map(OsStr::as_encoded_bytes).unwrap_or_default();
            name.strip_prefix(prefix.as_slice())
                .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
        }));
    }
    let mut recorded = 0;
    for trace in &traces {
        let cut = || -> io::Result<Option<(u64, u64)>> {
            let file = match File::options().read(true).write(true).open(trace) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            let (bytes, calls) = recorder::length(file.metadata()?.len(), |at| {
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).map(|()| byte[0])
            })?;
            file.set_len(bytes)?;
            Ok(Some((bytes, calls)))
        };
        let cut = cut().map_err(|error| {
            Failure::new(format!("cannot finish `{}`", shown(trace))).because(&error)
        })?;
        if let Some((bytes, calls)) = cut {
            recorded += 1;
            talk(format_args!("{}: {calls} calls, {}\n", shown(trace), Bytes::new(bytes)));
        }
    }
    if recorded == 0 {
        return Err(Failure::new(format!(
            "nothing was recorded of `{}` (pid {pid}): it called malloc never, or the library was not loaded",
            shown(path)
        )));
    }
    Ok(())
}

/// As a shell tells it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
