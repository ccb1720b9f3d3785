//! Kernels and busybox from Debian's archive, unpacked but not installed, without root.
//!
//! apt is given lists and a cache of its own under the target directory, so packages of another
//! architecture can be fetched and the machine's own apt is left as it is.

use super::machines::Arch;
use crate::Stop;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's archive for one architecture.
#[derive(Debug)]
pub(super) struct Archive {
    arch: &'static str,
    dir: PathBuf,
}

/// A kernel's files.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) image: PathBuf,
    /// `lib/modules/RELEASE`.
    pub(super) modules: PathBuf,
    pub(super) package: String,
}

impl Archive {
    pub(super) fn new(arch: Arch, cache: &Path) -> Result<Archive, Stop> {
        let arch = match arch {
            Arch::Amd64 => "amd64",
            Arch::I386 => "i386",
        };
        let dir = cache.join(arch);
        for part in ["lists/partial", "apt/archives/partial", "packages"] {
            fs::create_dir_all(dir.join(part))
                .map_err(|err| format!("cannot create {}/{part}: {err}", dir.display()))?;
        }
        Ok(Archive { arch, dir })
    }

    /// The newest kernel of a series, `6.1`; one that is already unpacked is preferred.
    pub(super) fn kernel(&self, series: &str) -> Result<Kernel, Stop> {
        let ending = if self.arch == "amd64" { "-cloud-amd64" } else { "-686-pae" };
        let start = format!("linux-image-{series}.");
        let fits = |name: &str| {
            name.strip_prefix(&start)
                .and_then(|rest| rest.strip_suffix(ending))
                .is_some_and(|middle| middle.starts_with(|c: char| c.is_ascii_digit()))
                && !name.contains("-rt-")
        };
        let package =
            match self.unpacked().into_iter().filter(|name| fits(name)).max_by_key(version) {
                Some(package) => package,
                None => self
                    .search(&format!("^{start}.*{ending}$").replace('+', "."))?
                    .into_iter()
                    .filter(|name| fits(name))
                    .max_by_key(version)
                    .ok_or_else(|| format!("Debian has no kernel {series} for {}", self.arch))?,
            };
        let root = self.package(&package)?;
        let release = package.trim_start_matches("linux-image-").to_owned();
        Ok(Kernel {
            image: root.join(format!("boot/vmlinuz-{release}")),
            modules: root.join(format!("lib/modules/{release}")),
            package,
        })
    }

    /// The static busybox.
    pub(super) fn busybox(&self) -> Result<PathBuf, Stop> {
        Ok(self.package("busybox-static")?.join("bin/busybox"))
    }

    /// Where the files of `package` are, after fetching and unpacking it if need be.
    fn package(&self, package: &str) -> Result<PathBuf, Stop> {
        let root = self.dir.join("packages").join(package);
        if root.is_dir() {
            return Ok(root);
        }
        self.update()?;
        let fetch = self.dir.join("fetch");
        let _ = fs::remove_dir_all(&fetch);
        fs::create_dir_all(&fetch)
            .map_err(|err| format!("cannot create {}: {err}", fetch.display()))?;
        println!("fetching {package}:{}", self.arch);
        run(self.apt("apt-get").args(["-q", "download", package]).current_dir(&fetch))?;
        let deb = fs::read_dir(&fetch)
            .ok()
            .and_then(|mut entries| entries.next()?.ok())
            .ok_or_else(|| format!("apt-get download {package} left no file"))?;
        // Unpacked beside and renamed, so that a directory of that name is always whole.
        let partial = fetch.join("unpacked");
        run(Command::new("dpkg").arg("-x").arg(deb.path()).arg(&partial))?;
        fs::rename(&partial, &root)
            .map_err(|err| format!("cannot keep {}: {err}", root.display()))?;
        let _ = fs::remove_dir_all(&fetch);
        Ok(root)
    }

    fn unpacked(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join("packages")).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }

    fn search(&self, pattern: &str) -> Result<Vec<String>, Stop> {
        self.update()?;
        let output = self
            .apt("apt-cache")
            .args(["search", "--names-only", pattern])
            .output()
            .map_err(|err| format!("cannot start apt-cache: {err}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect())
    }

    /// Fetches the lists once. A list that could not be fetched is no reason to stop: what is
    /// wanted may be in another.
    fn update(&self) -> Result<(), Stop> {
        let done = self.dir.join("lists/updated");
        if done.is_file() {
            return Ok(());
        }
        println!("fetching Debian's lists for {}", self.arch);
        let status = self.apt("apt-get").args(["-q", "update"]).status();
        status
            .map_err(|err| format!("cannot start apt-get: {err}; this needs a Debian machine"))?;
        fs::write(&done, "").map_err(|err| format!("cannot write {}: {err}", done.display()))
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        let dir = self.dir.display();
        for option in [
            format!("APT::Architecture={}", self.arch),
            format!("APT::Architectures={}", self.arch),
            format!("Dir::State::lists={dir}/lists"),
            format!("Dir::Cache={dir}/apt"),
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ] {
            apt.args(["-o", &option]);
        }
        apt
    }
}

/// The numbers in a package's name: the order of versions, of names that differ only in them.
#[expect(clippy::ptr_arg, reason = "used as a key function of an iterator of String")]
fn version(name: &String) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

fn run(command: &mut Command) -> Result<(), Stop> {
    let name = command.get_program().display().to_string();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} failed: {status}")),
        Err(err) => Err(format!("cannot start {name}: {err}")),
    }
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
}
