//! A memory cgroup around everything that a scenario does on this kernel.
//!
//! It has as much memory as the scenario's machine, and is there before the first process: what runs out
//! is the fence, and not this machine. The scenario's cgroups are below it.
//!
//! Where this machine has cgroups of version 1, limits are written to their files of that version, and
//! read from there; what only version 2 has is refused by name.
//!
//! # Nothing stays behind
//! The cgroups are removed when the fence is dropped, after everybody in it has ended. Those of a lab that
//! was killed are empty, and the next lab removes them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use facts::CgroupVersion;
use world::{Control, Setup, WorldError};

/// How the folder of a fence begins; the number of the lab's process follows.
const NAME: &str = "oomph-lab-";
/// Where processes are that the scenario puts into no cgroup.
const REST: &str = "/rest";
/// How often it is tried to remove a cgroup whose last process is about to go.
const TRIES: u32 = 500;

/// A fence, and the scenario's cgroups in it.
#[derive(Debug)]
pub(crate) struct Fence {
    /// Its folder.
    folder: PathBuf,
    version: CgroupVersion,
    /// Every cgroup below it, parents first, by its path in the scenario.
    cgroups: Vec<String>,
    /// What the scenario's cgroups were given as `memory.max`, where that is a number.
    limits: Vec<(String, u64)>,
}

impl Fence {
    /// Makes a fence of so many bytes of RAM and of swap, with the scenario's cgroups.
    ///
    /// # Errors
    /// Why there can be none here.
    pub(crate) fn new(ram: u64, swap: u64, cgroups: &[String]) -> Result<Fence, WorldError> {
        afford(ram, swap)?;
        let (parent, version) = parent()?;
        clear(&parent);
        let folder = parent.join(format!("{NAME}{}-{}", std::process::id(), unique()));
        make(&folder)?;
        let mut fence = Fence { folder, version, cgroups: Vec::new(), limits: Vec::new() };
        match version {
            CgroupVersion::V1 => {
                fence.write("", "memory.limit_in_bytes", &ram.to_string())?;
                // Not every kernel counts swap.
                if fence.folder.join("memory.memsw.limit_in_bytes").exists() {
                    let both = ram.saturating_add(swap).to_string();
                    fence.write("", "memory.memsw.limit_in_bytes", &both)?;
                }
            }
            CgroupVersion::V2 => {
                fence.write("", "memory.max", &ram.to_string())?;
                if fence.folder.join("memory.swap.max").exists() {
                    fence.write("", "memory.swap.max", &swap.to_string())?;
                }
                fence.write("", "cgroup.subtree_control", "+memory")?;
            }
        }
        for path in std::iter::once(REST).chain(cgroups.iter().map(String::as_str)) {
            let path = path.trim_end_matches('/');
            make(&fence.place(path))?;
            fence.cgroups.push(path.to_owned());
            let begin = format!("{path}/");
            if version == CgroupVersion::V2 && cgroups.iter().any(|other| other.starts_with(&begin))
            {
                fence.write(path, "cgroup.subtree_control", "+memory")?;
            }
        }
        Ok(fence)
    }

    /// Where the scenario's cgroups are.
    pub(crate) fn root(&self) -> String {
        self.folder.display().to_string()
    }

    /// Its name in the kernel's log.
    pub(crate) fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where a process goes that is to be in this cgroup.
    pub(crate) fn cgroup_of(cgroup: Option<&String>) -> String {
        cgroup.map_or_else(|| REST.to_owned(), |path| path.trim_end_matches('/').to_owned())
    }

    pub(super) fn place(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, file: &str, text: &str) -> Result<(), WorldError> {
        let place = self.place(path).join(file);
        fs::write(&place, text).map_err(|error| {
            WorldError(format!("cannot write `{text}` to {}: {error}", place.display()))
        })
    }

    /// Writes what the scenario's machine is arranged with; what is not about its cgroups is passed over,
    /// since this machine is what it is.
    pub(crate) fn arrange(&mut self, setup: &Setup) -> Result<(), WorldError> {
        for (control, value) in &setup.controls {
            if let Control::Cgroup { path, file } = control {
                let (file, value) = self.translated(path, file, value)?;
                self.write(path, &file, &value)?;
            }
        }
        Ok(())
    }

    /// Writes to a file of a cgroup.
    pub(crate) fn control(
        &mut self,
        path: &str,
        file: &str,
        value: &str,
    ) -> Result<io::Result<()>, WorldError> {
        let (file, value) = self.translated(path, file, value)?;
        Ok(fs::write(self.place(path).join(file), value))
    }

    /// The file and the value that mean the same here.
    fn translated(
        &mut self,
        path: &str,
        file: &str,
        value: &str,
    ) -> Result<(String, String), WorldError> {
        let number = || value.trim().parse::<u64>().ok();
        if self.version == CgroupVersion::V2 || file.ends_with("_in_bytes") {
            return Ok((file.to_owned(), value.to_owned()));
        }
        let unlimited = || number().map_or("-1".to_owned(), |number| number.to_string());
        match file {
            "memory.max" => {
                if let Some(number) = number() {
                    self.limits.push((path.to_owned(), number));
                }
                Ok(("memory.limit_in_bytes".to_owned(), unlimited()))
            }
            // Version 1 limits both together.
            "memory.swap.max" => {
                let limit = self.limits.iter().rfind(|(known, _)| known == path);
                match (limit, number()) {
                    (_, None) => Ok(("memory.memsw.limit_in_bytes".to_owned(), "-1".to_owned())),
                    (Some((_, ram)), Some(swap)) => {
                        let both = ram.saturating_add(swap).to_string();
                        Ok(("memory.memsw.limit_in_bytes".to_owned(), both))
                    }
                    (None, Some(_)) => Err(WorldError(
                        "a limit of swap needs one of memory where cgroups are of version 1".into(),
                    )),
                }
            }
            _ if file.starts_with("memory.") => Err(WorldError(format!(
                "this machine has memory cgroups of version 1, which have no `{file}`"
            ))),
            _ => Ok((file.to_owned(), value.to_owned())),
        }
    }

    /// Files of the scenario's cgroups, by the path that a capture gives them; in the words of version 2,
    /// as far as version 1 has what they say, unless it is their `own` files that are wanted.
    pub(crate) fn files(&self, own: bool) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for path in self.cgroups.iter().filter(|path| *path != REST) {
            match self.version {
                CgroupVersion::V2 => {
                    for file in crate::vm::CGROUP_FILES {
                        if let Ok(text) = fs::read(self.place(path).join(file)) {
                            all.push((format!("sys/fs/cgroup{path}/{file}"), text));
                        }
                    }
                }
                CgroupVersion::V1 if own => all.extend(self.files_v1(path)),
                CgroupVersion::V1 => all.extend(self.in_words_of_v2(path)),
            }
        }
        all
    }

    fn files_v1(&self, path: &str) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for file in crate::vm::CGROUP_V1_FILES {
            if let Ok(text) = fs::read(self.place(path).join(file)) {
                all.push((format!("sys/fs/cgroup/memory{path}/{file}"), text));
            }
        }
        all
    }

    fn in_words_of_v2(&self, path: &str) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        let number = |file: &str| self.number(path, file);
        let mut add = |file: &str, text: Option<String>| {
            let text = text.map(|text| (format!("sys/fs/cgroup{path}/{file}"), text.into_bytes()));
            all.extend(text);
        };
        let usage = number("memory.usage_in_bytes");
        add("memory.current", usage.map(|bytes| format!("{bytes}\n")));
        let both = number("memory.memsw.usage_in_bytes");
        let swap = both.zip(usage).map(|(both, usage)| both.saturating_sub(usage));
        add("memory.swap.current", swap.map(|bytes| format!("{bytes}\n")));
        // There each counts its own, here those below it too.
        let begin = format!("{path}/");
        let below = self.cgroups.iter().filter(|other| *other == path || other.starts_with(&begin));
        let kills = below.map(|path| self.field(path, "memory.oom_control", "oom_kill"));
        let kills = kills.sum::<Option<u64>>();
        add("memory.events", kills.map(|kills| format!("oom_kill {kills}\n")));
        let stat = |name: &str| self.field(path, "memory.stat", name);
        let (anon, file) = (stat("total_rss"), stat("total_cache"));
        add(
            "memory.stat",
            anon.zip(file).map(|(anon, file)| format!("anon {anon}\nfile {file}\n")),
        );
        all
    }

    fn number(&self, path: &str, file: &str) -> Option<u64> {
        fs::read_to_string(self.place(path).join(file)).ok()?.trim().parse().ok()
    }

    /// A line of a file that has a name and a number in each.
    fn field(&self, path: &str, file: &str, name: &str) -> Option<u64> {
        let text = fs::read_to_string(self.place(path).join(file)).ok()?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(known, _)| *known == name)?.1.trim().parse().ok()
    }

    /// How many have been killed in it.
    pub(crate) fn kills(&self) -> u64 {
        match self.version {
            // Every cgroup counts its own.
            CgroupVersion::V1 => {
                let below = self.cgroups.iter().map(String::as_str);
                let all = below.chain([""]);
                all.filter_map(|path| self.field(path, "memory.oom_control", "oom_kill")).sum()
            }
            CgroupVersion::V2 => self.field("", "memory.events", "oom_kill").unwrap_or(0),
        }
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        let below = self.cgroups.iter().rev().map(|path| self.place(path));
        for folder in below.chain([self.folder.clone()]).collect::<Vec<_>>() {
            remove(&folder, TRIES);
        }
    }
}

fn remove(folder: &Path, tries: u32) {
    for _ in 0..tries {
        match fs::remove_dir(folder) {
            // Whoever was killed is about to go.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                std::thread::sleep(Duration::from_millis(2));
            }
            _ => return,
        }
    }
}

/// Removes fences of labs that are gone.
fn clear(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(NAME).and_then(|rest| rest.split('-').next());
        let Some(pid) = pid else { continue };
        if !Path::new("/proc").join(pid).exists() {
            remove_tree(&entry.path());
        }
    }
}

fn remove_tree(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    remove(folder, 1);
}

fn make(folder: &Path) -> Result<(), WorldError> {
    fs::create_dir(folder).map_err(|error| {
        WorldError(format!("cannot make the cgroup {}: {error}", folder.display()))
    })
}

/// Refuses a fence that this machine could not fill without being short itself.
fn afford(ram: u64, swap: u64) -> Result<(), WorldError> {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let bytes = |name| crate::model::line(&text, name).unwrap_or(0).saturating_mul(1024);
    let available = bytes("MemAvailable");
    if ram > available / 2 {
        return Err(WorldError(format!(
            "the scenario's machine has {} MiB, and of this one {} MiB are available: half of them may \
             be used",
            ram >> 20,
            available >> 20
        )));
    }
    if swap > bytes("SwapFree") {
        return Err(WorldError(format!(
            "the scenario's machine has {} MiB of swap, and this one {} MiB that are free",
            swap >> 20,
            bytes("SwapFree") >> 20
        )));
    }
    Ok(())
}

/// Where a fence can be: below the lab's own cgroup, or, where cgroups that have processes have none below
/// them, beside it.
fn parent() -> Result<(PathBuf, CgroupVersion), WorldError> {
    let no = |why: &str| WorldError(format!("there is no memory cgroup to be had here: {why}"));
    let read = |path| fs::read_to_string(path).map_err(|error| no(&format!("{path}: {error}")));
    let (own, mounts) = (read("/proc/self/cgroup")?, read("/proc/self/mountinfo")?);
    let v1 = own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next()?;
        controllers.split(',').any(|name| name == "memory").then(|| parts.next()).flatten()
    });
    if let Some(path) = v1 {
        let mount = mount(&mounts, "cgroup", Some("memory")).ok_or_else(|| no("not mounted"))?;
        return Ok((below(&mount, path), CgroupVersion::V1));
    }
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).ok_or_else(|| no("none"))?;
    let mount = mount(&mounts, "cgroup2", None).ok_or_else(|| no("not mounted"))?;
    let folder = below(&mount, path);
    let parent =
        if folder == mount { folder } else { folder.parent().unwrap_or(&mount).to_owned() };
    let lets = fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
    if !lets.split_whitespace().any(|name| name == "memory") {
        return Err(no("those below the lab's parent have no limits of memory"));
    }
    Ok((parent, CgroupVersion::V2))
}

fn below(mount: &Path, path: &str) -> PathBuf {
    let folder = mount.join(path.trim_start_matches('/'));
    // In a container the mount may begin lower than the path says.
    if folder.is_dir() { folder } else { mount.to_owned() }
}

/// Where a file system of this kind is mounted, with this among its options.
fn mount(mounts: &str, kind: &str, option: Option<&str>) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (before, behind) = line.split_once(" - ")?;
        let mut behind = behind.split(' ');
        let here = behind.next()? == kind
            && option.is_none_or(|option| {
                behind.nth(1).is_some_and(|all| all.split(',').any(|name| name == option))
            });
        here.then(|| before.split(' ').nth(4).map(PathBuf::from)).flatten()
    })
}

/// A number that no other fence of this process has.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
30 25 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct
36 30 0:32 / /sys/fs/cgroup/memory rw,relatime shared:14 - cgroup cgroup rw,memory
42 30 0:38 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate
";

    fn fence(version: CgroupVersion) -> Fence {
        let folder = PathBuf::from("/nowhere/oomph");
        Fence { folder, version, cgroups: Vec::new(), limits: Vec::new() }
    }

    #[test]
    fn each_version_is_found_where_it_is_mounted() {
        let found = mount(MOUNTS, "cgroup", Some("memory"));
        assert_eq!(found.as_deref(), Some(Path::new("/sys/fs/cgroup/memory")));
        let found = mount(MOUNTS, "cgroup2", None);
        assert_eq!(found.as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(mount(MOUNTS, "cgroup", Some("hugetlb")), None);
    }

    #[test]
    fn limits_of_version_2_have_files_in_version_1() {
        let mut old = fence(CgroupVersion::V1);
        let mut of = |file: &str, value: &str| old.translated("/a", file, value).map_err(|e| e.0);
        let pair = |file: &str, value: &str| Ok((file.to_owned(), value.to_owned()));
        assert!(of("memory.swap.max", "5").is_err_and(|why| why.contains("needs one of memory")));
        assert_eq!(of("memory.max", "max"), pair("memory.limit_in_bytes", "-1"));
        assert_eq!(of("memory.max", "4096"), pair("memory.limit_in_bytes", "4096"));
        assert_eq!(of("memory.swap.max", "5"), pair("memory.memsw.limit_in_bytes", "4101"));
        assert!(of("memory.oom.group", "1").is_err_and(|why| why.contains("memory.oom.group")));
        let same = fence(CgroupVersion::V2).translated("/a", "memory.oom.group", "1");
        assert_eq!(same.map_err(|e| e.0), pair("memory.oom.group", "1"));
    }

    #[test]
    fn a_fence_that_this_machine_could_not_fill_is_refused() {
        let said = afford(u64::MAX, 0).err().map(|error| error.0).unwrap_or_default();
        assert!(said.contains("half of them may be used"), "{said}");
        let said = afford(0, u64::MAX).err().map(|error| error.0).unwrap_or_default();
        assert!(said.contains("of swap, and this one"), "{said}");
    }
}
