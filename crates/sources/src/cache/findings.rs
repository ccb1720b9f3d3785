//! What was found: each inode once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use facts::{Backing, CachedFile, CachedPages, Examples, LeftAlone, Name};
use rustix::io::Errno;

use super::filesystems::Kind;
use super::meta::Meta;

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    dev: u64,
    ino: u64,
    changed: (i64, i64),
}

impl Key {
    /// The layers of two overlays may be the same, and then their files are the same pages under
    /// different devices; what tells them apart is the inode with the time of its last change.
    pub(super) fn new(meta: &Meta, kind: Kind) -> Key {
        if kind == Kind::Layered {
            Key { dev: u64::MAX, ino: meta.ino, changed: meta.changed }
        } else {
            Key { dev: meta.dev, ino: meta.ino, changed: (0, 0) }
        }
    }
}

/// A file as one thread found it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) meta: Meta,
    pub(super) backing: Backing,
    pub(super) pages: CachedPages,
    /// A place in the finder's own list of directories.
    pub(super) directory: u32,
    pub(super) name: Name,
}

/// What one thread found.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) directories: Vec<Name>,
    pub(super) files: Vec<Found>,
    pub(super) left_alone: BTreeMap<LeftAlone, Examples>,
    pub(super) asked: u64,
    pub(super) walked: u64,
}

impl Share {
    /// Something was left alone.
    pub(super) fn leave(
        &mut self,
        why: LeftAlone,
        errno: Option<Errno>,
        path: impl FnOnce() -> Vec<u8>,
    ) {
        leave(&mut self.left_alone, why, errno, path);
    }
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// There is nothing of it, or it was left alone.
    Nothing,
    /// It has this place among the files.
    At(u32),
}

impl Known {
    /// Its place, if it has one.
    pub(super) fn place(self) -> Option<u32> {
        match self {
            Known::Nothing => None,
            Known::At(place) => Some(place),
        }
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) directories: Vec<Name>,
    pub(super) files: Vec<CachedFile>,
    pub(super) left_alone: BTreeMap<LeftAlone, Examples>,
    pub(super) asked: u64,
    pub(super) walked: u64,
    known: HashMap<Key, Known>,
    by_directory: HashMap<Name, u32>,
}

impl Findings {
    /// Adds what a thread found.
    pub(super) fn add(&mut self, share: Share) {
        self.asked += share.asked;
        self.walked += share.walked;
        for (why, examples) in share.left_alone {
            self.left_alone.entry(why).or_default().append(examples);
        }
        let first = number(self.directories.len());
        self.directories.extend(share.directories);
        self.known.reserve(share.files.len());
        self.files.reserve(share.files.len());
        for found in share.files {
            let Entry::Vacant(place) = self.known.entry(found.key) else { continue };
            place.insert(Known::At(number(self.files.len())));
            self.files.push(file(
                &found.meta,
                found.backing,
                found.pages,
                Some(first + found.directory),
                found.name,
            ));
        }
    }

    /// What is known of a file; `None` for one that was not met before.
    pub(super) fn known(&self, key: &Key) -> Option<Known> {
        self.known.get(key).copied()
    }

    /// A file of which there is nothing, or that was left alone.
    pub(super) fn add_nothing(&mut self, key: Key) {
        self.known.insert(key, Known::Nothing);
    }

    /// A file that was found by whoever holds it.
    pub(super) fn add_held(
        &mut self,
        key: Key,
        meta: &Meta,
        backing: Backing,
        pages: CachedPages,
        path: HeldPath,
    ) -> u32 {
        let directory = path.directory.map(|dir| {
            *self.by_directory.entry(dir).or_insert_with_key(|dir| {
                self.directories.push(dir.clone());
                number(self.directories.len() - 1)
            })
        });
        let place = number(self.files.len());
        self.files.push(file(meta, backing, pages, directory, path.name));
        self.known.insert(key, Known::At(place));
        place
    }

    /// Something was left alone.
    pub(super) fn leave(
        &mut self,
        why: LeftAlone,
        errno: Option<Errno>,
        path: impl FnOnce() -> Vec<u8>,
    ) {
        leave(&mut self.left_alone, why, errno, path);
    }
}

/// The path of a file that somebody holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeldPath {
    pub(super) directory: Option<Name>,
    pub(super) name: Name,
}

impl HeldPath {
    /// From what the kernel prints for an open file. One without a name left ends in ` (deleted)`;
    /// one on a filesystem that is mounted nowhere is in no directory.
    pub(super) fn new(printed: &[u8], links: u64, mounted: bool) -> HeldPath {
        let path = match printed.strip_suffix(b" (deleted)") {
            Some(path) if links == 0 => path,
            _ => printed,
        };
        if !mounted {
            let name = path.strip_prefix(b"/").unwrap_or(path);
            // Shared anonymous memory has this path inside the kernel (`shmem_zero_setup()`).
            let name = if name == b"dev/zero" { b"[shared anonymous]" } else { name };
            return HeldPath { directory: None, name: Name::new(name) };
        }
        let (directory, name) = split(path);
        HeldPath { directory: Some(Name::new(directory)), name: Name::new(name) }
    }
}

/// The directory and the name of a path.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(0) => (b"/", &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b".", path),
    }
}

fn leave(
    all: &mut BTreeMap<LeftAlone, Examples>,
    why: LeftAlone,
    errno: Option<Errno>,
    path: impl FnOnce() -> Vec<u8>,
) {
    all.entry(why).or_default().add(|| {
        let mut path = path();
        if let Some(errno) = errno {
            path.extend_from_slice(format!(": {errno}").as_bytes());
        }
        Name::new(path)
    });
}

fn file(
    meta: &Meta,
    backing: Backing,
    pages: CachedPages,
    directory: Option<u32>,
    name: Name,
) -> CachedFile {
    CachedFile {
        directory,
        name,
        size: meta.size,
        uid: meta.uid,
        links: meta.links,
        backing,
        pages,
        held_by: Vec::new(),
    }
}

/// A place in a list; there are not four thousand million of anything here.
pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(printed: &str, links: u64, mounted: bool) -> (Option<String>, String) {
        let path = HeldPath::new(printed.as_bytes(), links, mounted);
        (path.directory.map(|d| d.to_string()), path.name.to_string())
    }

    #[test]
    fn held_files_are_named_as_people_know_them() {
        let some = |dir: &str, name: &str| (Some(dir.to_owned()), name.to_owned());
        let none = |name: &str| (None, name.to_owned());
        assert_eq!(held("/var/log/a", 1, true), some("/var/log", "a"));
        assert_eq!(held("/vmlinuz", 1, true), some("/", "vmlinuz"));
        assert_eq!(held("/tmp/a (deleted)", 0, true), some("/tmp", "a"));
        assert_eq!(held("/tmp/a (deleted)", 1, true), some("/tmp", "a (deleted)"));
        assert_eq!(held("/memfd:x (deleted)", 0, false), none("memfd:x"));
        assert_eq!(held("/dev/zero (deleted)", 0, false), none("[shared anonymous]"));
    }
}
