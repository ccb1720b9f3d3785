//! A tar as a machine's files.

use std::fs::File;
use std::io;

use facts::{Missing, Why};
use units::Pid;

use super::index::{self, Index, Member, NotATar, read_up_to};
use crate::unread::Unread;
use crate::{About, Owner, Place, Refusal, Tree, manifest};

/// A capture in a plain tar: our own, one of `smemcap`, or one made by hand of a copy of `/proc`.
#[derive(Debug)]
pub struct TarTree {
    file: File,
    index: Index,
    about: About,
    unread: Unread,
    /// Whether it was made of a source that does not tell who owns what.
    partial: bool,
    path: Vec<u8>,
}

impl TarTree {
    /// Reads the archive's headers. `origin` is how it is called, already escaped.
    pub(crate) fn open(file: File, origin: String) -> io::Result<Result<TarTree, NotATar>> {
        let index = match index::index(&file)? {
            Ok(index) => index,
            Err(not) => return Ok(Err(not)),
        };
        let about = About { origin, taken_at: index.latest, ..About::default() };
        let mut tree = TarTree {
            file,
            index,
            about,
            unread: Unread::default(),
            partial: false,
            path: Vec::new(),
        };
        let mut text = Vec::new();
        if tree.read_member(manifest::MANIFEST.as_bytes(), &mut text).is_ok() {
            tree.about.taken_at = None;
            manifest::parse(&text, &mut tree.about, &mut tree.index.problems);
            tree.partial = !tree.about.complete;
        }
        if !tree.index.ended && !tree.index.members.keys().all(|name| is_of_smemcap(name)) {
            let why = Why::Failed("cut: the end of the capture is lacking".to_owned());
            tree.index.problems.push(Missing { place: "archive".to_owned(), why });
            tree.about.complete = false;
            tree.about.cut = true;
        }
        if tree.read_member(crate::unread::UNREAD.as_bytes(), &mut text).is_ok() {
            tree.unread = Unread::parse(&text, &mut tree.index.problems);
        }
        Ok(Ok(tree))
    }

    /// Whether there is anything in it that the project reads.
    pub(crate) fn looks_like_proc(&self) -> bool {
        self.index.members.contains_key(&b"meminfo"[..])
            || self
                .index
                .pids
                .iter()
                .any(|(pid, _)| self.index.members.contains_key(format!("{pid}/stat").as_bytes()))
    }

    /// How many members it has, and the first of them by name.
    pub(crate) fn members(&self) -> (usize, Option<&[u8]>) {
        (self.index.members.len(), self.index.members.keys().next().map(|k| &**k))
    }

    fn read_member(&self, path: &[u8], buf: &mut Vec<u8>) -> Result<(), Refusal> {
        buf.clear();
        let (offset, size) = match self.index.members.get(path) {
            None => return Err(Refusal::Absent),
            Some(Member::Refused(refusal)) => return Err(refusal.clone()),
            Some(&Member::Stored { offset, size }) => (offset, size),
        };
        let most = crate::dir::most(path);
        let len = usize::try_from(size).ok().filter(|_| size <= most);
        let Some(len) = len else { return Err(Refusal::TooLarge { size, most }) };
        buf.resize(len, 0);
        let there = read_up_to(&self.file, buf, offset)
            .map_err(|e| e.raw_os_error().map_or(Refusal::Damaged, Refusal::System))?;
        if there < len {
            return Err(Refusal::Strange(format!(
                "expected {len} bytes, found {there}: the archive became shorter"
            )));
        }
        Ok(())
    }
}

/// Whether `smemcap` stores a file of this name. Its archives have no end that could be lacking.
fn is_of_smemcap(name: &[u8]) -> bool {
    let last = name.rsplit(|&b| b == b'/').next().unwrap_or_default();
    matches!(last, b"meminfo" | b"version" | b"smaps" | b"cmdline" | b"stat")
}

impl Tree for TarTree {
    fn read(&mut self, place: Place<'_>, buf: &mut Vec<u8>) -> Result<(), Refusal> {
        let mut path = std::mem::take(&mut self.path);
        place.write_path(&mut path);
        let read = match self.read_member(&path, buf) {
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
        let (mut offset, size) = match self.index.members.get(&path[..]) {
            None => return Err(self.unread.why(&path)),
            Some(Member::Refused(refusal)) => return Err(refusal.clone()),
            Some(&Member::Stored { offset, size }) => (offset, size),
        };
        let mut left = size;
        let mut buf = vec![0; crate::fs::PIECE];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(buf.len()).min(buf.len());
            let there = read_up_to(&self.file, &mut buf[..want], offset)
                .map_err(|e| e.raw_os_error().map_or(Refusal::Damaged, Refusal::System))?;
            if there == 0 {
                return Err(Refusal::Strange(format!(
                    "expected {size} bytes, {left} of them are missing: the archive became shorter"
                )));
            }
            piece(&buf[..there]);
            offset += there as u64;
            left -= there as u64;
        }
        Ok(())
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Refusal> {
        Ok(self.index.pids.keys().copied().collect())
    }

    fn owner(&mut self, pid: Pid) -> Result<Owner, Refusal> {
        self.index
            .pids
            .get(&pid)
            .ok_or(Refusal::Gone)?
            .filter(|_| !self.partial)
            .ok_or(Refusal::Absent)
    }

    fn about(&mut self) -> About {
        self.about.clone()
    }

    fn problems(&self) -> &[Missing] {
        &self.index.problems
    }
}
