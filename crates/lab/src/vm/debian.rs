//! Kernels from Debian's archive, unpacked but not installed, without root.
//!
//! apt is given lists and a cache of its own below the lab's cache, so packages of another architecture
//! can be fetched and the machine's own apt is left as it is. What is fetched is checked by apt: each
//! package's checksum against the index, the index's against the archive's signature.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ::world::WorldError;

/// Of which Debian architecture a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 32-bit x86; its kernels are those with PAE.
    I386,
}

impl Arch {
    /// As Debian names it.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::I386 => "i386",
        }
    }

    /// How names of its kernels end.
    fn ending(self) -> &'static str {
        match self {
            Arch::Amd64 => "-cloud-amd64",
            Arch::I386 => "-686-pae",
        }
    }
}

/// What is being done while somebody waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The archive's lists are fetched.
    Lists,
    /// A package is fetched.
    Fetching {
        /// Its name.
        package: String,
        /// Bytes so far.
        done: u64,
        /// Bytes in all, if the index says so.
        total: Option<u64>,
    },
    /// A package is unpacked.
    Unpacking(String),
}

/// Debian's archive for one architecture.
#[derive(Debug)]
pub struct Archive {
    arch: Arch,
    dir: PathBuf,
}

/// A kernel's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Its image, as boot loaders take it.
    pub image: PathBuf,
    /// `lib/modules/RELEASE`; `None`: its modules are not known.
    pub modules: Option<PathBuf>,
    /// The package it is from, or its path.
    pub package: String,
}

/// The folder where kernels are kept: `oomph/kernels` below `$XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
/// When there is neither.
pub fn cache() -> Result<PathBuf, WorldError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let base = base.ok_or_else(|| {
        WorldError("there is no folder for kernels: neither XDG_CACHE_HOME nor HOME is set".into())
    })?;
    Ok(base.join("oomph/kernels"))
}

impl Archive {
    /// The archive, with what has been fetched from it in a folder of `cache`.
    pub fn new(arch: Arch, cache: &Path) -> Archive {
        Archive { arch, dir: cache.join(arch.name()) }
    }

    /// The newest kernel of a series, `6.1`, that is already here.
    pub fn cached(&self, series: &str) -> Option<Kernel> {
        let here = self.unpacked().into_iter().filter(|name| self.is_kernel(name, series));
        Some(self.files_of(&here.max_by_key(version)?))
    }

    /// The newest kernel of a series; one that is already here is preferred.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn kernel(
        &self,
        series: &str,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Kernel, WorldError> {
        if let Some(kernel) = self.cached(series) {
            return Ok(kernel);
        }
        let arch = self.arch.name();
        let pattern =
            format!("^linux-image-{}\\..*{}$", series.replace('.', "\\."), self.arch.ending());
        let found = self.search(&pattern, progress)?;
        let newest = found.into_iter().filter(|name| self.is_kernel(name, series));
        let package = newest.max_by_key(version).ok_or_else(|| {
            WorldError(format!(
                "apt knows no kernel {series} for {arch}: its sources name no archive of Debian that has one"
            ))
        })?;
        self.package(&package, progress)?;
        Ok(self.files_of(&package))
    }

    /// Whether a package is a kernel of that series, for machines of the cloud, not for real time.
    fn is_kernel(&self, name: &str, series: &str) -> bool {
        name.strip_prefix(&format!("linux-image-{series}."))
            .and_then(|rest| rest.strip_suffix(self.arch.ending()))
            .is_some_and(|middle| middle.starts_with(|c: char| c.is_ascii_digit()))
            && !name.contains("-rt-")
    }

    fn files_of(&self, package: &str) -> Kernel {
        let root = self.dir.join(package);
        let release = package.trim_start_matches("linux-image-");
        Kernel {
            image: root.join(format!("boot/vmlinuz-{release}")),
            modules: Some(root.join(format!("lib/modules/{release}"))),
            package: package.to_owned(),
        }
    }

    /// Where the files of `package` are, after fetching and unpacking it if need be.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn package(
        &self,
        package: &str,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<PathBuf, WorldError> {
        let root = self.dir.join(package);
        if root.is_dir() {
            return Ok(root);
        }
        self.update(progress)?;
        // One's own, so that two at the same time do not meet.
        let fetch = Removed(self.dir.join(format!(".fetch-{}", std::process::id())));
        make(&fetch.0)?;
        self.fetch(package, &fetch.0, progress)?;
        let deb = fs::read_dir(&fetch.0)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .ok_or_else(|| WorldError(format!("`apt-get download {package}` left no file")))?;
        progress(&Progress::Unpacking(package.to_owned()));
        // Unpacked beside and renamed, so that a folder of that name is always whole.
        let partial = fetch.0.join("unpacked");
        run(Command::new("dpkg").arg("-x").arg(&deb).arg(&partial), "dpkg")?;
        match fs::rename(&partial, &root) {
            // Somebody else was faster.
            Err(_) if root.is_dir() => {}
            renamed => renamed.map_err(|error| cannot("keep", &root, &error))?,
        }
        Ok(root)
    }

    fn fetch(
        &self,
        package: &str,
        folder: &Path,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(), WorldError> {
        let uris = self
            .apt("apt-get")
            .args(["-q", "download", "--print-uris", package])
            .output()
            .map_err(|error| no_apt(&error))?;
        let total = size_of(&String::from_utf8_lossy(&uris.stdout));
        let mut apt = self.apt("apt-get");
        apt.args(["-q", "download", package]).current_dir(folder);
        apt.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = Ended(apt.spawn().map_err(|error| no_apt(&error))?);
        loop {
            let ended = child.0.try_wait().map_err(|error| no_apt(&error))?;
            let sizes = fs::read_dir(folder).into_iter().flatten().flatten();
            let done = sizes.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
            let package = package.to_owned();
            progress(&Progress::Fetching { package, done, total });
            match ended {
                None => std::thread::sleep(Duration::from_millis(100)),
                Some(status) if status.success() => return Ok(()),
                Some(_) => return Err(failed(&mut child.0)),
            }
        }
    }

    fn unpacked(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }

    fn search(
        &self,
        pattern: &str,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Vec<String>, WorldError> {
        self.update(progress)?;
        let output = self
            .apt("apt-cache")
            .args(["search", "--names-only", pattern])
            .output()
            .map_err(|error| no_apt(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect())
    }

    /// Fetches the lists once. A list that could not be fetched is no reason to stop: what is
    /// wanted may be in another.
    fn update(&self, progress: &mut dyn FnMut(&Progress)) -> Result<(), WorldError> {
        let done = self.dir.join(".apt/lists/updated");
        if done.is_file() {
            return Ok(());
        }
        for part in [".apt/lists/partial", ".apt/archives/partial"] {
            make(&self.dir.join(part))?;
        }
        progress(&Progress::Lists);
        let mut apt = self.apt("apt-get");
        apt.args(["-q", "update"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = apt.status().map_err(|error| no_apt(&error))?;
        if status.success() {
            fs::write(&done, "").map_err(|error| cannot("write", &done, &error))?;
        }
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        let dir = self.dir.join(".apt");
        let dir = dir.display();
        for option in [
            format!("APT::Architecture={}", self.arch.name()),
            format!("APT::Architectures={}", self.arch.name()),
            format!("Dir::State::lists={dir}/lists"),
            format!("Dir::Cache={dir}"),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ] {
            apt.args(["-o", &option]);
        }
        apt
    }
}

/// A folder that goes with the value.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What apt said when it failed.
fn failed(child: &mut Child) -> WorldError {
    let mut said = String::new();
    if let Some(mut from) = child.stderr.take() {
        // What apt said is all there is to tell; without it that it failed is told.
        let _ = io::Read::read_to_string(&mut from, &mut said);
    }
    let line = said.lines().find(|line| line.starts_with("E:")).unwrap_or("it says nothing");
    let line = facts::Name::new(line.trim_start_matches("E:").trim().as_bytes());
    WorldError(format!("apt-get cannot fetch from Debian's archive: {line}"))
}

/// The size in a line of `apt-get download --print-uris`: `'URI' FILE SIZE HASH`.
fn size_of(uris: &str) -> Option<u64> {
    let line = uris.lines().find(|line| line.starts_with('\''))?;
    line.rsplit('\'').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// The numbers in a package's name: the order of versions, of names that differ only in them.
#[expect(clippy::ptr_arg, reason = "used as a key function of an iterator of String")]
fn version(name: &String) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

fn run(command: &mut Command, name: &str) -> Result<(), WorldError> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(WorldError(format!("`{name}` failed: {status}"))),
        Err(error) => Err(WorldError(format!(
            "cannot start `{name}`: {error}; kernels are fetched by Debian's tools, or named by their \
             path: `vm:/boot/vmlinuz`"
        ))),
    }
}

fn no_apt(error: &io::Error) -> WorldError {
    WorldError(format!(
        "cannot start apt: {error}; kernels are fetched by Debian's tools, or named by their path: \
         `vm:/boot/vmlinuz`"
    ))
}

fn make(path: &Path) -> Result<(), WorldError> {
    fs::create_dir_all(path).map_err(|error| cannot("create", path, &error))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> WorldError {
    let path = facts::Name::new(path.as_os_str().as_encoded_bytes());
    WorldError(format!("cannot {what} `{path}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_is_the_one_with_the_greatest_numbers() {
        let names = ["linux-image-6.1.0-9-cloud-amd64", "linux-image-6.1.0-47-cloud-amd64"];
        let newest = names.map(str::to_owned).into_iter().max_by_key(version);
        assert_eq!(newest.as_deref(), Some(names[1]));
    }

    #[test]
    fn a_series_is_not_another_that_begins_like_it() {
        let archive = Archive::new(Arch::Amd64, Path::new("/nowhere"));
        assert!(archive.is_kernel("linux-image-6.1.0-9-cloud-amd64", "6.1"));
        assert!(!archive.is_kernel("linux-image-6.12.9+deb12-cloud-amd64", "6.1"));
        assert!(!archive.is_kernel("linux-image-6.1-cloud-amd64", "6.1"));
        assert!(!archive.is_kernel("linux-image-6.1.0-9-rt-cloud-amd64", "6.1"));
        assert_eq!(archive.cached("6.1"), None);
    }

    #[test]
    fn the_size_of_a_package_is_behind_its_name() {
        let line = "'http://deb.debian.org/a_1%2b2.deb' a_1+2.deb 26713492 SHA256:e7d02b\n";
        assert_eq!(size_of(line), Some(26_713_492));
        assert_eq!(size_of("W: nothing\n"), None);
    }
}
