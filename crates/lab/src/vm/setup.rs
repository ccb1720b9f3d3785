//! What a scenario arranges: swap, cgroups, settings, files.

use std::io;

use ::world::{Control, FileSpec, Setup, SwapSpec};

use super::batch::{Batch, Then};
use super::boot::CgroupVersion;
use super::disk;
use super::kernel::{CGROUPS, Handle, There};
use super::modules::Module;
use crate::actors::kernel::Kernel;

/// Where the disk with files is mounted, and where files in memory are.
const DISK: &str = "/disk";
const MEMORY: &str = "/shm";

/// What a disk is for, in the order of the machine's slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disk {
    /// A swap area of this many bytes, and its header.
    Swap(u64),
    /// An empty file system in this many bytes.
    Files(u64),
}

impl Disk {
    /// Its size in bytes.
    pub fn len(self) -> u64 {
        match self {
            Disk::Swap(len) => len.saturating_add(disk::BLOCK),
            Disk::Files(len) => len,
        }
    }

    /// Whether it has no bytes at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The disks that a scenario needs: for its swap areas, and one for all its files that are on one.
    pub fn of(setup: &Setup, files: &[FileSpec]) -> Vec<Disk> {
        let swap = setup.swap.iter().filter(|swap| !swap.zram);
        let mut disks: Vec<Disk> = swap.map(|swap| Disk::Swap(swap.len)).collect();
        if files.iter().any(|file| !file.tmpfs) {
            let lens = files.iter().filter(|file| !file.tmpfs).map(|file| file.len);
            disks.push(Disk::Files(disk::room_for_files(lens)));
        }
        disks
    }
}

/// Where a control is in the machine.
pub(super) fn path_of(control: &Control) -> String {
    match control {
        Control::Sysctl(name) => format!("/proc/sys/{}", name.replace('.', "/")),
        Control::Cgroup { path, file } => {
            format!("{CGROUPS}{}/{file}", path.trim_end_matches('/'))
        }
        Control::Sys(path) => format!("/sys/{}", path.trim_start_matches('/')),
        Control::SysRq => "/proc/sysrq-trigger".to_owned(),
    }
}

/// The device of each disk, by the slot that it was put into. Which is found first is chance.
pub(super) fn devices(kernel: &There, disks: usize) -> io::Result<Vec<String>> {
    let mut devices = vec![String::new(); disks];
    // Controllers are looked for in the background.
    for _ in 0..200 {
        let names: Vec<String> = (0..disks).map(|number| format!("nvme{number}n1")).collect();
        let paths: Vec<String> =
            names.iter().map(|name| format!("/sys/block/{name}/device/serial")).collect();
        for (name, serial) in names.iter().zip(kernel.read_all(&paths)?) {
            let Ok(serial) = serial else { continue };
            let serial = String::from_utf8_lossy(&serial);
            let number = serial.trim().strip_prefix("disk").and_then(|text| text.parse().ok());
            if let Some(device) = number.and_then(|number: usize| devices.get_mut(number)) {
                *device = format!("/dev/{name}");
            }
        }
        if devices.iter().all(|device| !device.is_empty() && kernel.exists(device)) {
            return Ok(devices);
        }
        kernel.sleep(10_000_000)?;
    }
    Err(io::Error::other("the machine does not find its disks"))
}

/// Loads modules, in their order.
pub(super) fn load(kernel: &There, modules: &[Module], parameters: &str) -> io::Result<()> {
    for (name, content) in modules {
        let mut batch = Batch::default();
        if !batch.fits(1, content.len() as u64 + 256) {
            return Err(io::Error::other(format!("the module {name} is too large")));
        }
        let image = batch.bytes(content);
        let parameters = batch.text(if name == "zram" { parameters } else { "" });
        batch.call(libc::SYS_init_module, [image.into(), image.len.into(), parameters.into()]);
        match kernel.one(&batch) {
            Err(error) if error.raw_os_error() != Some(libc::EEXIST) => {
                return Err(io::Error::other(format!("cannot load the module {name}: {error}")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Switches swap areas on; `devices` are those on disks, in their order. Gives the device of each.
pub(super) fn swap(
    kernel: &There,
    areas: &[SwapSpec],
    devices: &[String],
) -> io::Result<Vec<String>> {
    let (mut disks, mut compressed) = (devices.iter(), 0);
    let mut all = Vec::with_capacity(areas.len());
    for area in areas {
        let device = if area.zram {
            let name = format!("zram{compressed}");
            compressed += 1;
            let size = (area.len + disk::BLOCK).to_string();
            kernel.write(&format!("/sys/block/{name}/disksize"), &size)?;
            let device = format!("/dev/{name}");
            kernel.write_bytes(&device, &disk::swap_header(area.len))?;
            device
        } else {
            disks.next().cloned().ok_or_else(|| io::Error::other("there is no disk for swap"))?
        };
        let mut batch = Batch::default();
        let path = batch.text(&device);
        // SWAP_FLAG_PREFER
        let flags = area.priority.and_then(|priority| u64::try_from(priority).ok());
        let flags = flags.map_or(0, |priority| 0x8000 | priority);
        batch.call(libc::SYS_swapon, [path.into(), flags.into()]);
        kernel.one(&batch).map_err(|error| {
            io::Error::other(format!("cannot switch on swap of {} bytes: {error}", area.len))
        })?;
        all.push(device);
    }
    Ok(all)
}

/// Makes cgroups; of version 2 those that have children let them have limits.
pub(super) fn cgroups(kernel: &There, setup: &Setup, version: CgroupVersion) -> io::Result<()> {
    let (paths, v2) = (&setup.cgroups, version == CgroupVersion::V2);
    let of_cpusets = |control: &Control| match control {
        Control::Cgroup { file, .. } => file.starts_with("cpuset."),
        _ => false,
    };
    let cpusets = setup.controls.iter().any(|(control, _)| of_cpusets(control));
    let lets = if cpusets { "+memory +cpuset" } else { "+memory" };
    if cpusets && v2 {
        kernel.write(&format!("{CGROUPS}/cgroup.subtree_control"), lets)?;
    }
    for path in paths {
        make_folder(kernel, &format!("{CGROUPS}{path}"))?;
        let begin = format!("{}/", path.trim_end_matches('/'));
        if v2 && paths.iter().any(|other| other.starts_with(&begin)) {
            kernel.write(&format!("{CGROUPS}{begin}cgroup.subtree_control"), lets)?;
        }
    }
    Ok(())
}

fn make_folder(kernel: &There, path: &str) -> io::Result<()> {
    let mut batch = Batch::default();
    let place = batch.text(path);
    batch.call(libc::SYS_mkdir, [place.into(), 0o755.into()]);
    kernel
        .one(&batch)
        .map(|_| ())
        .map_err(|error| io::Error::other(format!("cannot make {path}: {error}")))
}

/// Removes cgroups, children first; those whose last process has just ended are tried again.
pub(super) fn remove_cgroups(kernel: &There, paths: &[String]) -> io::Result<()> {
    for path in paths.iter().filter(|path| !path.trim_matches('/').is_empty()) {
        let mut tries = 0;
        loop {
            let mut batch = Batch::default();
            let place = batch.text(&format!("{CGROUPS}{path}"));
            batch.call(libc::SYS_rmdir, [place.into()]);
            match kernel.one(&batch) {
                Ok(_) => break,
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && tries < 100 => {
                    tries += 1;
                    kernel.sleep(10_000_000)?;
                }
                Err(error) => {
                    return Err(io::Error::other(format!("cannot remove {path}: {error}")));
                }
            }
        }
    }
    Ok(())
}

/// Mounts the disk with files.
pub(super) fn mount(kernel: &There, device: &str) -> io::Result<()> {
    let mut batch = Batch::default();
    let (device, place) = (batch.text(device), batch.text(DISK));
    let (kind, data) = (batch.text("ext4"), batch.text(""));
    // MS_NOATIME
    batch.call(
        libc::SYS_mount,
        [device.into(), place.into(), kind.into(), 1024.into(), data.into()],
    );
    kernel.one(&batch).map(|_| ())
}

/// Makes the scenario's files: on the disk without a page in memory, on tmpfs with all.
pub(super) fn files(kernel: &There, files: &[FileSpec]) -> io::Result<Vec<Handle>> {
    let mut made = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let folder = format!("{}/{number}", if file.tmpfs { MEMORY } else { DISK });
        make_folder(kernel, &folder)?;
        // The name is the scenario's; nothing of it may lead out of the folder.
        let name: String =
            file.name.chars().map(|c| if c == '/' || c == '\0' { '_' } else { c }).collect();
        let name = if name.starts_with('.') { format!("_{name}") } else { name };
        let mut batch = Batch::default();
        let path = batch.text(&format!("{folder}/{name}"));
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        let flags = u64::try_from(flags).unwrap_or_default();
        let open = batch.step(
            libc::SYS_open.cast_unsigned(),
            [path.into(), flags.into(), 0o666.into()],
            Then::UnlessError,
        );
        // What was asked for, whatever the mask.
        let allowed = batch.step(
            libc::SYS_fchmod.cast_unsigned(),
            [open.into(), 0o666.into()],
            Then::UnlessError,
        );
        let len = file.len.into();
        let filled = if file.tmpfs {
            let args = [open.into(), 0.into(), 0.into(), len];
            batch.step(libc::SYS_fallocate.cast_unsigned(), args, Then::Next)
        } else {
            batch.step(libc::SYS_ftruncate.cast_unsigned(), [open.into(), len], Then::Next)
        };
        let values = kernel.guest.perform(&batch)?;
        let handle = kernel.handle(values.get(open)?);
        values.get(allowed)?;
        if file.len > 0 {
            values.get(filled)?;
        }
        made.push(handle);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_lie_where_the_machine_has_them() {
        let cgroup = Control::Cgroup { path: "/web/a".to_owned(), file: "memory.max".to_owned() };
        assert_eq!(path_of(&cgroup), "/cgroup/web/a/memory.max");
        let root = Control::Cgroup { path: "/".to_owned(), file: "memory.stat".to_owned() };
        assert_eq!(path_of(&root), "/cgroup/memory.stat");
        assert_eq!(
            path_of(&Control::Sysctl("vm.drop_caches".to_owned())),
            "/proc/sys/vm/drop_caches"
        );
        assert_eq!(
            path_of(&Control::Sys("kernel/mm/ksm/run".to_owned())),
            "/sys/kernel/mm/ksm/run"
        );
    }

    #[test]
    fn each_swap_area_has_a_disk_and_all_files_together_one() {
        let swap = |len, zram| SwapSpec { len, priority: None, zram };
        let setup =
            Setup { swap: vec![swap(1 << 20, false), swap(2 << 20, true)], ..Setup::default() };
        let file = |len, tmpfs| FileSpec { name: "a".to_owned(), len, tmpfs };
        assert_eq!(Disk::of(&setup, &[file(5, true)]), [Disk::Swap(1 << 20)]);
        let disks = Disk::of(&Setup::default(), &[file(8 << 20, false), file(1, false)]);
        assert!(matches!(disks[..], [Disk::Files(len)] if len > 9 << 20 && len < 32 << 20));
    }
}
