//! Which C libraries can be run here: the machine's own, and others that Debian carries, unpacked
//! beside it and run with their own loader.

use super::real::Library;
use crate::{Stop, repository};
use malloc::Rules;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a library comes from: the rules it is held against, the suite and the package of Debian.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) rules: Rules,
    suite: &'static str,
    package: &'static str,
}

/// The libraries there are packages of. The first is the machine's own, if it is of this release.
pub(super) const ORIGINS: &[Origin] = &[
    Origin { rules: Rules::GLIBC_2_36, suite: "bookworm", package: "libc6" },
    Origin { rules: Rules::GLIBC_2_36_I386, suite: "bookworm", package: "libc6-i386" },
    Origin { rules: Rules::GLIBC_2_31, suite: "bullseye", package: "libc6" },
    Origin { rules: Rules::GLIBC_2_31_I386, suite: "bullseye", package: "libc6-i386" },
    Origin { rules: Rules::GLIBC_2_41, suite: "trixie", package: "libc6" },
    Origin { rules: Rules::GLIBC_2_41_I386, suite: "trixie", package: "libc6-i386" },
    Origin { rules: Rules::GLIBC_2_43, suite: "forky", package: "libc6" },
];

impl Origin {
    fn root(&self) -> PathBuf {
        let name = format!("{}-{}", self.suite, self.package);
        repository::target().join("fuzz-malloc/libraries").join(name)
    }

    /// The library's file and its loader, if they are here.
    fn files(&self) -> Option<(PathBuf, PathBuf)> {
        let (libc, loader): (&[_], _) = match self.rules.word {
            4 => (&["usr/lib32", "lib32"], "ld-linux.so.2"),
            _ => (&["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"], "ld-linux-x86-64.so.2"),
        };
        let roots = [self.root(), PathBuf::from("/")];
        for root in roots {
            if root == Path::new("/") && !self.is_own() {
                continue;
            }
            let dirs = libc.iter().map(|dir| root.join(dir));
            let found = dirs.map(|dir| (dir.join("libc.so.6"), dir.join(loader)));
            let mut found = found.filter(|(libc, loader)| libc.is_file() && loader.is_file());
            if let Some(found) = found.next() {
                return Some(found);
            }
        }
        None
    }

    /// Whether the machine's own library is of this release and machine.
    fn is_own(&self) -> bool {
        let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let release = self.rules.name.split('-').next().unwrap_or_default();
        version.is_ok_and(|version| version.trim() == format!("glibc {release}"))
    }

    /// The library with its driver, or why it cannot be had.
    pub(super) fn library(&self) -> Result<Library, Stop> {
        let (libc, loader) = self
            .files()
            .ok_or_else(|| format!("no library {} here; `--fetch` gets it", self.rules.name))?;
        Library::build(self.rules, &libc, &loader)
    }

    /// Gets the package from Debian's archive and unpacks it, if it is not here.
    pub(super) fn fetch(&self) -> Result<(), Stop> {
        if self.files().is_some() {
            return Ok(());
        }
        let state = repository::target().join("fuzz-malloc/apt").join(self.suite);
        for part in ["lists/partial", "cache/archives/partial", "fetched"] {
            make(&state.join(part))?;
        }
        let sources = state.join("sources.list");
        let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let line =
            format!("deb [signed-by={keys}] http://deb.debian.org/debian {} main\n", self.suite);
        fs::write(&sources, line)
            .map_err(|err| format!("cannot write {}: {err}", sources.display()))?;
        let apt = |args: &[&str]| {
            let mut apt = Command::new("apt-get");
            let dir = state.display();
            for option in [
                format!("Dir::Etc::sourcelist={}", sources.display()),
                "Dir::Etc::sourceparts=-".to_owned(),
                format!("Dir::State::lists={dir}/lists"),
                // What is installed here must not be preferred.
                "Dir::State::status=/dev/null".to_owned(),
                format!("Dir::Cache={dir}/cache"),
                "APT::Sandbox::User=root".to_owned(),
                "Acquire::Languages=none".to_owned(),
            ] {
                apt.args(["-o", &option]);
            }
            succeed(apt.arg("-q").args(args).current_dir(state.join("fetched")))
        };
        if !state.join("updated").is_file() {
            apt(&["update"])?;
            let _ = fs::write(state.join("updated"), "");
        }
        apt(&["download", self.package])?;
        let debs = fs::read_dir(state.join("fetched")).into_iter().flatten().flatten();
        let mut debs = debs.map(|entry| entry.path());
        let prefix = format!("{}_", self.package);
        let deb = debs
            .find(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
            })
            .ok_or_else(|| format!("apt-get download {} left no file", self.package))?;
        make(&self.root())?;
        succeed(Command::new("dpkg").arg("-x").arg(deb).arg(self.root()))
    }
}

fn make(dir: &Path) -> Result<(), Stop> {
    fs::create_dir_all(dir).map_err(|err| format!("cannot create {}: {err}", dir.display()))
}

fn succeed(command: &mut Command) -> Result<(), Stop> {
    let name = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} failed: {status}")),
        Err(err) => Err(format!("cannot start {name}: {err}")),
    }
}
