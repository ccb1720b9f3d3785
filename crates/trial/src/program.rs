//! What a command is, before it runs: a script, static, privileged, for another C library.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use facts::Name;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{ElfFile, FileHeader, ProgramHeader};
use object::read::{FileKind, ReadCache, ReadRef};
use object::{Endianness, Object, ObjectSection, ObjectSymbol};

/// A program as the kernel loads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it is; of a script the interpreter's place.
    pub path: PathBuf,
    /// The script, when it is one.
    pub script: Option<PathBuf>,
    /// Who loads it; `None` when it is linked statically.
    pub loader: Option<Interpreter>,
    /// Kind of processor and word size: programs and libraries fit together when these are equal.
    pub machine: (u16, bool),
    /// Libraries that it names itself.
    pub needed: Vec<OsString>,
    /// It defines `malloc` for all its libraries.
    pub own_malloc: bool,
    /// It was compiled by Go.
    pub go: bool,
    /// It gets more rights than who starts it.
    pub privileged: bool,
}

/// The program that loads another one and its libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter(pub PathBuf);

impl Interpreter {
    /// Whether it is musl's.
    pub fn is_musl(&self) -> bool {
        let name = self.0.file_name().unwrap_or_default().as_encoded_bytes();
        name.starts_with(b"ld-musl")
    }

    /// Whether it is the loader of Android's C library.
    pub fn is_bionic(&self) -> bool {
        self.0.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"linker"))
    }
}

/// Why a command cannot be run at all.
#[derive(Debug)]
pub enum NotFound {
    /// No directory of `PATH` has it.
    InPath(Name),
    /// The file cannot be read.
    Unreadable(Name, io::Error),
    /// It is no program and no script.
    NoProgram(Name),
    /// Its interpreters are scripts themselves, too often.
    Scripts(Name),
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotFound::InPath(name) => write!(f, "no directory of PATH has a program `{name}`"),
            NotFound::Unreadable(path, error) => write!(f, "`{path}` cannot be read: {error}"),
            NotFound::NoProgram(path) => {
                write!(f, "`{path}` is neither an ELF program nor a script that begins with `#!`")
            }
            NotFound::Scripts(path) => {
                write!(f, "`{path}` is a script whose interpreter is one, and so on, too often")
            }
        }
    }
}

impl std::error::Error for NotFound {}

/// Why no other allocator can be put before a program's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is linked statically.
    Static,
    /// It is linked statically, and compiled by Go, which has an allocator of its own.
    StaticGo,
    /// It gets more rights than who starts it.
    Privileged,
    /// It was made for another C library than glibc.
    OtherLibc,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::Static => "it is linked statically, so that no loader runs that could preload",
            Unfit::StaticGo => {
                "it is written in Go, which has an allocator of its own, and linked statically"
            }
            Unfit::Privileged => {
                "it runs with more rights than who starts it (set-user-id, set-group-id or file \
                 capabilities), and then the loader refuses to preload"
            }
            Unfit::OtherLibc => "it was made for another C library than glibc",
        })
    }
}

/// Interpreters of interpreters that the kernel follows (`exec_binprm()`).
const DEEPEST: usize = 5;

impl Program {
    /// What `command` would run.
    pub fn find(command: &OsStr) -> Result<Program, NotFound> {
        let first = in_path(command)?;
        let mut path = first.clone();
        for _ in 0..=DEEPEST {
            match Program::read(&path)? {
                Content::Elf(program) => {
                    let script = (path != first).then(|| first.clone());
                    return Ok(Program { script, ..program });
                }
                // `#!/usr/bin/env python3` is env, which becomes python3 itself; what it is going to be
                // is found as env finds it.
                Content::Script(interpreter, Some(argument)) if is_env(&interpreter) => {
                    path = in_path(&argument)?;
                }
                Content::Script(interpreter, _) => path = interpreter,
            }
        }
        Err(NotFound::Scripts(name(&first)))
    }

    /// What the file at `path` is; not a script.
    pub(crate) fn at(path: &Path) -> Option<Program> {
        match Program::read(path) {
            Ok(Content::Elf(program)) => Some(program),
            _ => None,
        }
    }

    fn read(path: &Path) -> Result<Content, NotFound> {
        let cannot = |error| NotFound::Unreadable(name(path), error);
        let mut file = File::open(path).map_err(cannot)?;
        let status = file.metadata().map_err(cannot)?;
        if status.is_dir() {
            return Err(NotFound::NoProgram(name(path)));
        }
        let mut start = Vec::new();
        file.by_ref().take(256).read_to_end(&mut start).map_err(cannot)?;
        if let Some((interpreter, argument)) = shebang(&start) {
            return Ok(Content::Script(interpreter, argument));
        }
        // Only the pages that are looked at are read.
        let cache = ReadCache::new(file);
        let mut program = inspect(&cache).ok_or_else(|| NotFound::NoProgram(name(path)))?;
        path.clone_into(&mut program.path);
        program.privileged = is_privileged(path, &status);
        Ok(Content::Elf(program))
    }

    /// Whether another allocator can be put before its own.
    pub fn unfit(&self) -> Option<Unfit> {
        match &self.loader {
            None if self.go => Some(Unfit::StaticGo),
            None => Some(Unfit::Static),
            Some(loader) if loader.is_musl() || loader.is_bionic() => Some(Unfit::OtherLibc),
            Some(_) => self.privileged.then_some(Unfit::Privileged),
        }
    }
}

#[derive(Debug)]
enum Content {
    Elf(Program),
    Script(PathBuf, Option<OsString>),
}

fn name(path: &Path) -> Name {
    Name::new(path.as_os_str().as_bytes())
}

/// As `execvp` looks for it.
fn in_path(command: &OsStr) -> Result<PathBuf, NotFound> {
    if command.as_bytes().contains(&b'/') {
        return Ok(PathBuf::from(command));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let runs = |path: &PathBuf| {
        rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
    };
    env::split_paths(&path)
        .map(|directory| directory.join(command))
        .find(runs)
        .ok_or_else(|| NotFound::InPath(Name::new(command.as_bytes())))
}

/// Interpreter and argument of a script. Of the argument the first word that is no option and no
/// assignment: what `env` would run.
fn shebang(start: &[u8]) -> Option<(PathBuf, Option<OsString>)> {
    let line = start.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let interpreter = PathBuf::from(OsString::from_vec(words.next()?.to_vec()));
    let argument = words.find(|word| !word.starts_with(b"-") && !word.contains(&b'='));
    Some((interpreter, argument.map(|word| OsString::from_vec(word.to_vec()))))
}

fn is_env(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new("env"))
}

/// Whether the kernel would mark the program's start as one that the loader must be careful with
/// (`AT_SECURE`, `bprm_creds_from_file()`): other ids than ours, or capabilities that we have not.
fn is_privileged(path: &Path, status: &fs::Metadata) -> bool {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let mode = status.mode();
    let other_user = mode & 0o4000 != 0 && status.uid() != uid;
    let other_group = mode & 0o2010 == 0o2010 && status.gid() != gid;
    let mut value = [0_u8; 64];
    let capabilities = uid != 0
        && rustix::fs::getxattr(path, "security.capability", &mut value).is_ok_and(|n| n > 0);
    other_user || other_group || capabilities
}

fn inspect<'data>(data: impl ReadRef<'data>) -> Option<Program> {
    match FileKind::parse(data).ok()? {
        FileKind::Elf32 => inspect_elf::<FileHeader32<Endianness>, _>(data, false),
        FileKind::Elf64 => inspect_elf::<FileHeader64<Endianness>, _>(data, true),
        _ => None,
    }
}

fn inspect_elf<'data, Elf, R>(data: R, is_64: bool) -> Option<Program>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = Elf::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let machine = header.e_machine(endian);
    // A file without sections is no less a program.
    let file = ElfFile::<'data, Elf, R>::parse(data).ok();
    let mut loader = None;
    for segment in header.program_headers(endian, data).ok()? {
        if segment.p_type(endian) == elf::PT_INTERP {
            let path = segment.interpreter(endian, data).ok().flatten()?;
            loader = Some(Interpreter(PathBuf::from(OsString::from_vec(path.to_vec()))));
        }
    }
    let mut needed = Vec::new();
    if let Some(table) = file.as_ref().and_then(|file| file.elf_dynamic_table().ok()) {
        for entry in &table {
            if entry.tag == elf::DT_NEEDED
                && let Ok(library) = entry.string(table.strings())
            {
                needed.push(OsString::from_vec(library.to_vec()));
            }
        }
    }
    let mut go = false;
    let mut own_malloc = false;
    if let Some(file) = &file {
        for section in file.sections() {
            let name = section.name_bytes().unwrap_or_default();
            go |= name == b".go.buildinfo" || name == b".note.go.buildid";
        }
        for symbol in file.dynamic_symbols() {
            own_malloc |= symbol.is_definition() && symbol.name_bytes() == Ok(b"malloc");
        }
    }
    Some(Program {
        path: PathBuf::new(),
        script: None,
        loader,
        machine: (machine.0, is_64),
        needed,
        own_malloc,
        go,
        privileged: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_script_is_what_runs() {
        let found = |line: &str| {
            let (path, argument) = shebang(line.as_bytes())?;
            Some((
                path.display().to_string(),
                argument.map(|a| a.into_string().unwrap_or_default()),
            ))
        };
        let of = |path: &str, argument: Option<&str>| {
            Some((path.to_owned(), argument.map(ToOwned::to_owned)))
        };
        assert_eq!(found("#!/bin/sh\nexit"), of("/bin/sh", None));
        assert_eq!(
            found("#! /usr/bin/env -S A=1 python3 -u\n"),
            of("/usr/bin/env", Some("python3"))
        );
        assert_eq!(found("\x7fELF"), None);
        assert_eq!(found("#!\n"), None);
    }

    #[test]
    fn this_test_is_a_program_of_this_machine() {
        let own = Program::at(Path::new("/proc/self/exe")).expect("an ELF program");
        assert_eq!(own.machine.1, cfg!(target_pointer_width = "64"));
        assert!(!own.go && !own.own_malloc);
        if cfg!(target_env = "gnu") {
            assert!(own.loader.is_some() && own.unfit().is_none());
            let needed = |name: &OsString| name.as_bytes().starts_with(b"libc.so");
            assert!(own.needed.iter().any(needed), "{own:?}");
        }
    }

    #[test]
    fn a_script_is_read_through_to_its_interpreter() {
        let place = env::temp_dir().join(format!("oomph-script-{}", std::process::id()));
        fs::write(&place, "#!/usr/bin/env sh\n").unwrap();
        let program = Program::find(place.as_os_str());
        let _ = fs::remove_file(&place);
        let program = program.unwrap();
        assert_eq!(program.script, Some(place));
        assert!(program.path.ends_with("sh"), "{program:?}");
    }

    #[test]
    fn what_is_no_program_is_said_to_be_none() {
        let sentence = |command: &str| Program::find(OsStr::new(command)).unwrap_err().to_string();
        assert_eq!(
            sentence("no such\tprogram"),
            "no directory of PATH has a program `no such\\tprogram`"
        );
        assert!(sentence("/proc/version").starts_with("`/proc/version` is neither"));
        assert!(sentence("/proc").contains("/proc"));
    }

    #[test]
    fn a_damaged_program_is_no_program_and_no_panic() {
        let whole = fs::read("/proc/self/exe").unwrap();
        for length in [0, 4, 16, 63, 64, 65, 200, 1000, 5000] {
            let cut = &whole[..length.min(whole.len())];
            // Whatever it is, it is something.
            let _ = inspect(cut);
        }
        let mut wrong = whole[..4096.min(whole.len())].to_vec();
        for place in 16..wrong.len().min(400) {
            let before = wrong[place];
            wrong[place] = 0xff;
            let _ = inspect(wrong.as_slice());
            wrong[place] = before;
        }
    }
}
