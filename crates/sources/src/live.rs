//! The running kernel's `/proc`, and its cgroups where they are mounted.

use std::cmp::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use facts::{Mapping, Missing, Name, Why};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, openat, readlinkat, statat};
use units::{PageSize, Pid};

use crate::fs::{PIECE, Until, open_dir, pieces_at, read_at, smaps_request};
use crate::place::TaskPath;
use crate::{About, Owner, Place, ProcessPages, Refusal, TaskFile, Tree, dir, mounts, pages, sys};

/// A mounted procfs.
///
/// Files of processes are opened relative to it, by names built on the stack. Between the files of
/// one process the number is not pinned: it could only be another process's if all others were used
/// up in those microseconds.
#[derive(Debug)]
pub struct LiveTree {
    proc: OwnedFd,
    /// Whether it is `/proc` itself, so that `/etc/passwd` belongs to it.
    own: bool,
    memory: Option<MemoryMount>,
    origin: String,
    problems: Vec<Missing>,
    path: Vec<u8>,
    /// Room for a piece of a large file.
    piece: Vec<u8>,
}

#[derive(Debug)]
struct MemoryMount {
    dir: OwnedFd,
    root: Vec<u8>,
    mount_point: Vec<u8>,
}

/// The inode of the first pid namespace: `PROC_PID_INIT_INO` in `include/linux/proc_ns.h`, since 3.8.
const FIRST_PID_NAMESPACE: &[u8] = b"pid:[4026531836]";

impl LiveTree {
    /// This machine, at `/proc`.
    pub fn open() -> Result<LiveTree, Refusal> {
        let proc = mounted(open_dir("/proc")?)?;
        Ok(LiveTree::at(proc, true, "this machine".to_owned()))
    }

    /// A procfs that is open: this machine's, or one of another pid namespace mounted somewhere.
    pub(crate) fn at(proc: OwnedFd, own: bool, origin: String) -> LiveTree {
        let mut tree = LiveTree {
            proc,
            own,
            memory: None,
            origin,
            problems: Vec::new(),
            path: Vec::new(),
            piece: Vec::new(),
        };
        tree.look_around();
        tree
    }

    /// Looks for the memory hierarchy. Its absence is no problem here: whoever asks for a group is
    /// told that it is absent.
    fn look_around(&mut self) {
        let mut text = Vec::new();
        let version = match self.read(Place::Machine("self/cgroup"), &mut text) {
            Ok(()) => proctext::memory_cgroup(&text).map(|(version, _)| version),
            Err(_) => None,
        };
        if self.read(Place::Machine("self/mountinfo"), &mut text).is_err() {
            return;
        }
        self.look_for_hidden(&text);
        let mounts = proctext::mountinfo(&text, "self/mountinfo", &mut self.problems);
        let mount = version.and_then(|version| mounts::memory_mount(&mounts, version));
        let Some(mount) = mount else { return };
        match open_dir(mount.mount_point.as_slice()) {
            Ok(dir) => {
                self.memory = Some(MemoryMount {
                    dir,
                    root: mount.root.clone(),
                    mount_point: mount.mount_point.clone(),
                });
            }
            Err(errno) => self.problems.push(Missing {
                place: Name::new(mount.mount_point.clone()).escaped().into_owned(),
                why: Why::from(&Refusal::from(errno)),
            }),
        }
    }

    /// Says so when the mount option `hidepid` hides other users' processes (3.3).
    fn look_for_hidden(&mut self, mountinfo: &[u8]) {
        // Process 1 is another's unless the reader is privileged.
        if hides_others(mountinfo) && self.own && self.owner(Pid::new(1)).is_err() {
            self.problems.push(Missing {
                place: "processes of other users, which the mount option hidepid hides".to_owned(),
                why: Why::Denied,
            });
        }
    }

    fn read_group(&mut self, group: &[u8], file: &str, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        let memory = self.memory.as_ref().ok_or(Refusal::Absent)?;
        let below = mounts::below(&memory.root, group).ok_or(Refusal::Absent)?;
        self.path.clear();
        self.path.extend_from_slice(below);
        if !below.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(file.as_bytes());
        let flags = OFlags::empty();
        match read_at(&memory.dir, self.path.as_slice(), flags, Until::End, dir::MOST, buf) {
            // The group was removed after it was opened (`kernfs` revokes the file).
            Err(Refusal::System(errno)) if errno == rustix::io::Errno::NODEV.raw_os_error() => {
                Err(Refusal::Absent)
            }
            other => other,
        }
    }
}

/// What is left of the kernel's log: `/dev/kmsg` (3.5) gives a record a `read`, and `EAGAIN` behind
/// the last; `EPIPE` where records were overwritten meanwhile.
fn kernel_log(buf: &mut Vec<u8>) -> Result<(), Refusal> {
    const MOST_RECORDS: usize = 50_000;
    buf.clear();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open("/dev/kmsg", flags, Mode::empty())?;
    let mut record = [0; 8192];
    for _ in 0..MOST_RECORDS {
        match rustix::io::read(&file, &mut record) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => break,
            Ok(n) => buf.extend_from_slice(&record[..n]),
            Err(rustix::io::Errno::PIPE | rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

impl Tree for LiveTree {
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        let flags = OFlags::empty();
        match place {
            Place::Task(pid, TaskFile::Smaps) => {
                buf.clear();
                let path = TaskPath::new(pid, Some(TaskFile::Smaps));
                let (room, most) = (&mut self.piece, dir::MOST_SMAPS);
                pieces_at(&self.proc, path.as_c_str(), smaps_request(), most, room, &mut |piece| {
                    buf.extend_from_slice(piece);
                })
            }
            Place::Task(pid, file) => {
                let path = TaskPath::new(pid, Some(file));
                let until = if file.is_one_piece() { Until::ShortRead } else { Until::End };
                read_at(&self.proc, path.as_c_str(), flags, until, dir::MOST_SMAPS, buf)
            }
            Place::Machine(path) => read_at(&self.proc, path, flags, Until::End, dir::MOST, buf),
            Place::Again(_) => read_at(&self.proc, "meminfo", flags, Until::End, dir::MOST, buf),
            Place::Group(group, file) => self.read_group(group, file, buf),
            Place::Users if self.own => {
                read_at(&self.proc, "/etc/passwd", flags, Until::End, dir::MOST, buf)
            }
            Place::Sys(path) if self.own => {
                let path = format!("/sys/{path}");
                read_at(&self.proc, path.as_str(), flags, Until::End, dir::MOST, buf)
            }
            Place::KernelLog if self.own => kernel_log(buf),
            Place::Users | Place::Sys(_) | Place::KernelLog => Err(Refusal::Absent),
        }
    }

    fn read_pieces(
        &mut self,
        place: Place<'_>,
        piece: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        if let Place::Task(pid, file) = place {
            let path = TaskPath::new(pid, Some(file));
            let size = if file == TaskFile::Smaps { smaps_request() } else { PIECE };
            return pieces_at(&self.proc, path.as_c_str(), size, u64::MAX, &mut self.piece, piece);
        }
        let mut buf = Vec::new();
        self.read(place, &mut buf)?;
        piece(&buf);
        Ok(())
    }

    fn pages(&mut self, pid: Pid, mappings: &[Mapping]) -> Result<ProcessPages, Refusal> {
        let open = |path: String| {
            openat(&self.proc, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        };
        let files = pages::Files {
            pagemap: open(format!("{pid}/pagemap"))?,
            kpageflags: open("kpageflags".to_owned()),
            kpagecount: open("kpagecount".to_owned()),
        };
        let page = PageSize::new(rustix::param::page_size() as u64).unwrap_or(PageSize::KIB_4);
        pages::read(&files, mappings, page)
    }

    fn program(&mut self, pid: Pid) -> Option<Name> {
        let path = format!("{pid}/exe");
        let link = readlinkat(&self.proc, path, Vec::new()).ok()?;
        Some(Name::new(link.into_bytes()))
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        dir::pids(&self.proc)
    }

    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal> {
        match statat(&self.proc, TaskPath::new(pid, None).as_c_str(), AtFlags::empty()) {
            Ok(stat) => Ok(Owner { uid: stat.st_uid, gid: stat.st_gid }),
            Err(rustix::io::Errno::NOENT) => Err(Refusal::Gone),
            Err(errno) => Err(errno.into()),
        }
    }

    fn about(&mut self) -> About {
        let namespace = readlinkat(&self.proc, c"self/ns/pid", Vec::new());
        About {
            origin: self.origin.clone(),
            live: true,
            complete: true,
            cut: false,
            page_size: PageSize::new(rustix::param::page_size() as u64),
            user_hz: u32::try_from(rustix::param::clock_ticks_per_second()).ok(),
            machine: Some(Name::new(rustix::system::uname().machine().to_bytes())),
            taken_at: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs()),
            euid: Some(rustix::process::geteuid().as_raw()),
            // The link is about the reader; a procfs mounted elsewhere may be of another namespace.
            first_pid_namespace: namespace
                .ok()
                .filter(|_| self.own)
                .map(|link| link.as_bytes() == FIRST_PID_NAMESPACE),
            memory_mount: self.memory.as_ref().map(|m| Name::new(m.mount_point.clone())),
        }
    }

    fn compare_address_spaces(&mut self, a: Pid, b: Pid) -> Option<Ordering> {
        // The numbers of another namespace's processes are not the caller's.
        if self.own { sys::compare_address_spaces(a, b) } else { None }
    }

    fn problems(&self) -> &[Missing] {
        &self.problems
    }
}

/// A directory that is a procfs, or does as one because it has its files.
fn mounted(proc: OwnedFd) -> Result<OwnedFd, Refusal> {
    if !is_procfs(&proc) && statat(&proc, c"meminfo", AtFlags::empty()).is_err() {
        return Err(Refusal::Strange("a directory where no procfs is mounted".to_owned()));
    }
    Ok(proc)
}

/// Whether the directory is a mounted procfs (`PROC_SUPER_MAGIC`) and not a copy of one.
pub(crate) fn is_procfs(dir: &OwnedFd) -> bool {
    rustix::fs::fstatfs(dir).is_ok_and(|fs| fs.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Whether `/proc` is mounted so that other users' processes are not listed. Of several mounts the
/// last one is on top.
fn hides_others(mountinfo: &[u8]) -> bool {
    let mut mounts = mountinfo.split(|&b| b == b'\n').filter_map(|line| {
        let mut words = line.split(|&b| b == b' ');
        (words.nth(4) == Some(b"/proc")).then(|| words.next_back().unwrap_or_default())
    });
    mounts.next_back().is_some_and(|options| {
        options.split(|&b| b == b',').any(|option| {
            // Words since 5.8, numbers before.
            matches!(
                option,
                b"hidepid=2" | b"hidepid=4" | b"hidepid=invisible" | b"hidepid=ptraceable"
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_procfs_is_no_machine() {
        let here = open_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
        let found = mounted(here).map(|_| ()).unwrap_err();
        assert_eq!(found.to_string(), "a directory where no procfs is mounted");
    }

    #[test]
    fn the_topmost_mount_of_proc_says_whether_processes_are_hidden() {
        let plain = "45 43 0:21 / /proc rw,relatime - proc proc rw\n";
        let hiding = "63 45 0:39 / /proc rw - proc proc rw,gid=5,hidepid=invisible\n";
        let old = "63 45 0:39 / /proc rw - proc proc rw,hidepid=2\n";
        let denying = "63 45 0:39 / /proc rw - proc proc rw,hidepid=1\n";
        let elsewhere = "63 45 0:39 / /mnt/proc rw - proc proc rw,hidepid=2\n";
        let hides = |texts: &[&str]| hides_others(texts.concat().as_bytes());
        assert!(hides(&[hiding]) && hides(&[old]) && hides(&[plain, hiding]));
        assert!(!hides(&[plain]) && !hides(&[denying]) && !hides(&[hiding, plain]));
        assert!(!hides(&[plain, elsewhere]) && !hides(&[]));
    }
}
