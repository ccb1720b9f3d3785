//! Starting QEMU, so that nothing of it outlives the lab.
//!
//! Everything that the emulator and the lab share is a file without a name (in memory, or on a disk but
//! unlinked) that QEMU opens through `/proc/self/fd`, or a socket. The emulator gets SIGKILL when the
//! thread that started it ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use actor::remote::{ACTOR, WINDOW_LEN};
use world::WorldError;

use super::cpio::Cpio;
use super::disk;
use super::guest::Guest;
use super::modules::Module;
use super::setup::Disk;
use crate::actors::PROGRAM;
use crate::sys;

/// The first process of the machine; empty where it is not known how to build it.
const INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init.elf"));
/// The emulator.
const QEMU: &str = "qemu-system-x86_64";
/// How long a boot may take. On a busy machine it takes half a minute.
const BOOT: Duration = Duration::from_secs(240);
/// How long one may take with KVM, which takes a second or does not work.
const BOOT_KVM: Duration = Duration::from_secs(5);
/// The kernel's command line: what it says goes to the first serial line, of which it waits for each
/// byte, so that it says little until it has booted; a panic ends the machine; nothing is placed by
/// chance; nothing is looked for that is not there; a timer that is late, as those of emulators are, is
/// none that does not work.
const PARAMETERS: &str = "console=ttyS0 loglevel=4 printk.time=1 panic=-1 nokaslr \
                          cryptomgr.notests i8042.noaux i8042.nokbd no_timer_check";
/// Descriptors for the emulator start here.
const FIRST: RawFd = 400;

/// A machine to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's image.
    pub kernel: PathBuf,
    /// RAM in bytes, whole MiB, of each NUMA node; processors are shared among them.
    pub nodes: Vec<u64>,
    /// Processors.
    pub cpus: u32,
    /// Disks, in the order of their slots.
    pub disks: Vec<Disk>,
    /// Modules that a setup may need, dependencies first.
    pub modules: Vec<Module>,
    /// What is added to the kernel's command line.
    pub parameters: Vec<String>,
    /// Which version of memory cgroups is mounted.
    pub cgroups: CgroupVersion,
}

/// A version of memory cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CgroupVersion {
    /// A hierarchy of its own.
    V1,
    /// The unified hierarchy.
    #[default]
    V2,
}

/// Why there can be no machine here; `None` when there can.
pub fn unavailable() -> Option<String> {
    if INIT.is_empty() || PROGRAM.is_empty() {
        return Some("there is no actor for this processor, only for x86-64".to_owned());
    }
    let mut version = Command::new(QEMU);
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match version.status() {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("`{QEMU} --version` failed: {status}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!(
            "`{QEMU}` is missing; Debian and Ubuntu have it in the package qemu-system-x86"
        )),
        Err(error) => Some(format!("cannot start `{QEMU}`: {error}")),
    }
}

/// Boots a machine and waits for its init.
pub(super) fn boot(boot: &Boot) -> Result<Guest, WorldError> {
    if let Some(why) = unavailable() {
        return Err(WorldError(why));
    }
    if !boot.kernel.is_file() {
        let path = facts::Name::new(boot.kernel.as_os_str().as_encoded_bytes());
        return Err(WorldError(format!("there is no kernel `{path}`")));
    }
    let said = |error: io::Error| WorldError(format!("cannot boot a machine: {error}"));
    if kvm_works(boot)
        && let Ok(guest) = start(boot, "kvm", BOOT_KVM)
    {
        return Ok(guest);
    }
    start(boot, "tcg", BOOT).map_err(said)
}

/// Whether KVM boots a machine; asked once.
fn kvm_works(boot: &Boot) -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| {
        let device = OpenOptions::new().read(true).write(true).open("/dev/kvm");
        let small = Boot { nodes: vec![128 << 20], cpus: 1, disks: Vec::new(), ..boot.clone() };
        device.is_ok() && start(&small, "kvm", BOOT_KVM).is_ok()
    })
}

fn start(boot: &Boot, accelerator: &str, patience: Duration) -> io::Result<Guest> {
    let window = sys::memfd(c"oomph-window")?;
    window.set_len(WINDOW_LEN)?;
    let console = sys::memfd(c"oomph-console")?;
    let mut initial = sys::memfd(c"oomph-initrd")?;
    initial.write_all(&initial_files())?;
    let (bell, theirs) = UnixStream::pair()?;
    let mut given: Vec<OwnedFd> = vec![
        window.try_clone()?.into(),
        console.try_clone()?.into(),
        initial.into(),
        theirs.into(),
    ];
    for &disk in &boot.disks {
        given.push(prepared(disk)?.into());
    }
    let mut qemu = Command::new(QEMU);
    arguments(&mut qemu, boot, accelerator);
    let handles = given.iter().map(AsRawFd::as_raw_fd).zip(FIRST..).collect();
    sys::bind(&mut qemu, handles);
    let child = qemu.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    drop(given);
    Guest::new(child, window, console, bell, patience)
}

fn arguments(qemu: &mut Command, boot: &Boot, accelerator: &str) {
    let open = |place: RawFd| format!("/proc/self/fd/{}", FIRST + place);
    let mib = |bytes: u64| bytes >> 20;
    let ram: u64 = boot.nodes.iter().sum();
    qemu.args(["-accel", accelerator, "-machine", "pc"]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    qemu.args(["-m", &format!("{}M", mib(ram)), "-smp", &boot.cpus.to_string()]);
    if boot.nodes.len() > 1 {
        for (node, &len) in boot.nodes.iter().enumerate() {
            let len = mib(len);
            qemu.args(["-object", &format!("memory-backend-ram,size={len}M,id=ram{node}")]);
            // As many processors on each as go round, one behind the other.
            let (many, all) = (boot.nodes.len(), boot.cpus.max(1) as usize);
            let here = |cpu: &usize| cpu * many / all == node;
            let cpus: Vec<String> = (0..all).filter(here).map(|cpu| cpu.to_string()).collect();
            let cpus = cpus.iter().fold(String::new(), |text, cpu| text + ",cpus=" + cpu);
            qemu.args(["-numa", &format!("node,nodeid={node}{cpus},memdev=ram{node}")]);
        }
    }
    qemu.arg("-kernel").arg(&boot.kernel).args(["-initrd", &open(2)]);
    let mut parameters = PARAMETERS.to_owned();
    for parameter in &boot.parameters {
        parameters.push(' ');
        parameters.push_str(parameter);
    }
    qemu.args(["-append", &parameters]);
    let window = format!(
        "memory-backend-file,id=window,share=on,size={}M,mem-path={}",
        mib(WINDOW_LEN),
        open(0)
    );
    qemu.args(["-object", &window, "-device", "ivshmem-plain,memdev=window,addr=0x10"]);
    qemu.args(["-chardev", &format!("file,id=console,path={}", open(1))]);
    qemu.args(["-serial", "chardev:console"]);
    qemu.args(["-chardev", &format!("socket,id=bell,fd={}", FIRST + 3)]);
    qemu.args(["-serial", "chardev:bell"]);
    for (number, place) in (0..boot.disks.len()).zip(4..) {
        let file = open(place);
        let drive = format!("file={file},if=none,format=raw,cache=unsafe,id=disk{number}");
        let device =
            format!("nvme,drive=disk{number},serial=disk{number},addr={:#x}", 0x11 + number);
        qemu.args(["-drive", &drive, "-device", &device]);
    }
}

/// The machine's first files: init and the actor.
fn initial_files() -> Vec<u8> {
    let mut cpio = Cpio::default();
    for directory in ["cgroup", "dev", "disk", "proc", "shm", "sys"] {
        cpio.directory(directory);
    }
    cpio.program("init", INIT);
    let actor = String::from_utf8_lossy(ACTOR);
    cpio.program(actor.trim_end_matches('\0'), PROGRAM);
    cpio.finish()
}

/// A disk as it is when the machine is switched on.
fn prepared(disk: Disk) -> io::Result<File> {
    let file = nameless(&std::env::temp_dir(), disk.len())?;
    match disk {
        Disk::Swap(len) => file.write_all_at(&disk::swap_header(len), 0)?,
        Disk::Files(len) => disk::make_file_system(&file, len)?,
    }
    Ok(file)
}

/// A file without a name.
fn nameless(folder: &Path, len: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let file = if let Ok(file) = options.clone().custom_flags(libc::O_TMPFILE).open(folder) {
        file
    } else {
        // Not every file system can.
        let path = folder.join(format!("oomph-disk-{}", std::process::id()));
        let file = options.create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        file
    };
    file.set_len(len)?;
    Ok(file)
}
