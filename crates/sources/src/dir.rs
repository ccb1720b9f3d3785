//! A directory shaped like `/proc`: an extracted capture, or a copy of `/proc`.

use facts::Missing;
use rustix::fd::OwnedFd;
use rustix::fs::{Dir, FileType, Mode, OFlags, fstat, openat};
use units::Pid;

use crate::fs::{PIECE, Until, pieces, read_to_end};
use crate::place::TaskPath;
use crate::unread::{UNREAD, Unread};
use crate::{About, Owner, Place, Refusal, TaskFile, Tree, manifest};

/// Most that is read of one file.
pub(crate) const MOST: u64 = 16 << 20;
/// Most that is read of one process's `smaps`: half a million mappings.
pub(crate) const MOST_SMAPS: u64 = 512 << 20;

/// Most that is read of the file at this path of a capture.
pub(crate) fn most(path: &[u8]) -> u64 {
    if path.ends_with(b"/smaps") { MOST_SMAPS } else { MOST }
}

/// A directory of stored files. Nothing in it is trusted: only plain files are read, and links are
/// followed to directories only.
#[derive(Debug)]
pub struct DirTree {
    dir: OwnedFd,
    about: About,
    unread: Unread,
    problems: Vec<Missing>,
    path: Vec<u8>,
}

impl DirTree {
    /// A directory that is open. `origin` is how it is called, already escaped.
    pub(crate) fn at(dir: OwnedFd, origin: String) -> DirTree {
        let about = About { origin, ..About::default() };
        let mut tree = DirTree {
            dir,
            about,
            unread: Unread::default(),
            problems: Vec::new(),
            path: Vec::new(),
        };
        let mut text = Vec::new();
        if tree.read_path(manifest::MANIFEST.as_bytes(), &mut text).is_ok() {
            manifest::parse(&text, &mut tree.about, &mut tree.problems);
        }
        if tree.read_path(UNREAD.as_bytes(), &mut text).is_ok() {
            tree.unread = Unread::parse(&text, &mut tree.problems);
        }
        tree
    }

    /// Whether there is anything in it that the project reads.
    pub(crate) fn looks_like_proc(&self) -> bool {
        let mut text = Vec::new();
        self.read_path(b"meminfo", &mut text).is_ok()
            || pids(&self.dir).is_ok_and(|pids| {
                pids.iter().any(|&pid| {
                    let path = TaskPath::new(pid, Some(TaskFile::Stat));
                    self.read_path(path.as_str().as_bytes(), &mut text).is_ok()
                })
            })
    }

    fn read_path(&self, path: &[u8], buf: &mut Vec<u8>) -> Result<(), Refusal> {
        buf.clear();
        read_to_end(&self.open_path(path)?, Until::End, most(path), buf)
    }

    fn open_path(&self, path: &[u8]) -> Result<OwnedFd, Refusal> {
        if path.split(|&b| b == b'/').any(|part| part == b"..") {
            return Err(Refusal::Absent);
        }
        // Opening a pipe would wait for its writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match openat(&self.dir, path, flags, Mode::empty()) {
            Err(rustix::io::Errno::LOOP) => {
                return Err(Refusal::Strange("expected a file, found a symbolic link".to_owned()));
            }
            other => other?,
        };
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(Refusal::Strange("expected a file, found something else".to_owned()));
        }
        Ok(file)
    }
}

impl Tree for DirTree {
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut path = std::mem::take(&mut self.path);
        place.write_path(&mut path);
        let read = match self.read_path(&path, buf) {
            Err(Refusal::Absent) => Err(self.unread.why(&path)),
            other => other,
        };
        self.path = path;
        read
    }

    fn read_pieces(
        &mut self,
        place: Place<'_>,
        piece: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        let mut path = Vec::new();
        place.write_path(&mut path);
        match self.open_path(&path) {
            Err(Refusal::Absent) => Err(self.unread.why(&path)),
            Err(other) => Err(other),
            Ok(file) => pieces(&file, PIECE, most(&path), &mut Vec::new(), piece),
        }
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        pids(&self.dir)
    }

    /// Absent for every process that is there: whoever made the copy owns it.
    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal> {
        let path = TaskPath::new(pid, None);
        match rustix::fs::statat(&self.dir, path.as_c_str(), rustix::fs::AtFlags::empty()) {
            Ok(_) => Err(Refusal::Absent),
            Err(rustix::io::Errno::NOENT) => Err(Refusal::Gone),
            Err(errno) => Err(errno.into()),
        }
    }

    fn about(&mut self) -> About {
        self.about.clone()
    }

    fn problems(&self) -> &[Missing] {
        &self.problems
    }
}

/// The numbers among the names in a directory, ascending.
pub(crate) fn pids(dir: &OwnedFd) -> Result<Vec<Pid>, Refusal> {
    let mut pids = Vec::new();
    for entry in Dir::read_from(dir)? {
        if let Some(pid) = pid(entry?.file_name().to_bytes()) {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

/// A process id as the kernel writes it: digits, without a zero before them.
pub(crate) fn pid(name: &[u8]) -> Option<Pid> {
    if !matches!(name, [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit)) {
        return None;
    }
    std::str::from_utf8(name).ok()?.parse().ok().map(Pid::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_kernel_would_write_are_processes() {
        assert_eq!(pid(b"4194304"), Some(Pid::new(4_194_304)));
        for name in ["", "0", "01", "1a", "self", "-1", "+1", "99999999999", "1 "] {
            assert_eq!(pid(name.as_bytes()), None, "{name}");
        }
    }
}
