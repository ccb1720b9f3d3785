//! Where the members of an archive are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use facts::{Missing, Name, Why};
use units::Pid;

use super::header::Header;
use super::{BLOCK, padded};
use crate::{Owner, Refusal};

/// More members than this are not indexed: a hundred thousand processes with ten files each.
const MOST_MEMBERS: usize = 1 << 20;
/// More problems than this are counted only.
const MOST_PROBLEMS: usize = 50;
/// A long name or a set of pax records may be this large.
const MOST_EXTENSION: u64 = 1 << 20;
/// Where no header is in the first so many bytes, it is not a tar.
const SEARCHED: u64 = 1 << 20;

/// Where a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Member {
    /// Its bytes.
    Stored { offset: u64, size: u64 },
    /// It is there and cannot be read.
    Refused(Refusal),
}

/// The members of an archive, without their bytes. Of members of the same name the last is kept, as
/// when the archive is extracted.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) members: BTreeMap<Box<[u8]>, Member>,
    /// Every process that the archive has a member of, and the owner of its directory.
    pub(super) pids: BTreeMap<Pid, Option<Owner>>,
    /// The latest modification time.
    pub(super) latest: Option<u64>,
    /// Whether the two blocks were there that end an archive.
    pub(super) ended: bool,
    pub(super) problems: Vec<Missing>,
}

/// It has not a single header.
#[derive(Debug)]
pub(crate) struct NotATar;

/// Reads every header of `file`.
pub(super) fn index(file: &File) -> io::Result<Result<Index, NotATar>> {
    let mut scan = Scan {
        blocks: Blocks { file, cache: vec![0; 128 * BLOCK], start: 0, len: 0 },
        length: file.metadata()?.len(),
        index: Index::default(),
        unlisted: 0,
        twice: 0,
    };
    let found = scan.run()?;
    scan.close();
    Ok(if found { Ok(scan.index) } else { Err(NotATar) })
}

struct Scan<'a> {
    blocks: Blocks<'a>,
    length: u64,
    index: Index,
    /// Problems that were not listed.
    unlisted: usize,
    /// Members that came again.
    twice: usize,
}

/// What the headers before a member say about it.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    sparse: bool,
}

impl Scan<'_> {
    /// Whether there was any header.
    fn run(&mut self) -> io::Result<bool> {
        let mut at = 0u64;
        let mut headers = 0usize;
        let mut zero_blocks = 0;
        let mut lost_at = None;
        let mut extension = Extension::default();
        while let Some(block) = self.blocks.get(at)? {
            let next = at + BLOCK as u64;
            if block.iter().all(|&b| b == 0) {
                zero_blocks += 1;
                // While searching for a header, zeros are the padding of whatever was lost.
                if zero_blocks == 2 && lost_at.is_none() && headers > 0 {
                    self.index.ended = true;
                    return Ok(true);
                }
                at = next;
                continue;
            }
            zero_blocks = 0;
            let Some(header) = Header::parse(&block) else {
                if headers == 0 && at >= SEARCHED {
                    return Ok(false);
                }
                lost_at.get_or_insert(at);
                at = next;
                continue;
            };
            headers += 1;
            if let Some(from) = lost_at.take() {
                self.lost(from, at);
            }
            if headers > MOST_MEMBERS {
                self.problem(
                    at,
                    Why::Failed(format!("more than {MOST_MEMBERS} members; the rest is not read")),
                );
                return Ok(true);
            }
            at = self.member(header, at, next, &mut extension)?;
        }
        if let Some(from) = lost_at.filter(|_| headers > 0) {
            self.lost(from, self.length);
        } else if headers > 0 && at < self.length {
            self.problem(
                at,
                Why::Failed(format!(
                    "cut inside a header: {} bytes of 512 are there",
                    self.length - at
                )),
            );
        }
        Ok(headers > 0)
    }

    /// Takes the member whose header was at `at`; where the next header should be.
    fn member(
        &mut self,
        header: Header,
        at: u64,
        data: u64,
        extension: &mut Extension,
    ) -> io::Result<u64> {
        let mut data = data;
        // Only these have bytes of their own; a size in other headers means something else.
        let has_data = !matches!(header.kind, b'1'..=b'6');
        let size = match (has_data, extension.size.or(header.size)) {
            (false, _) => 0,
            (true, Some(size)) => size,
            (true, None) => {
                let shown = Name::new(header.name.clone());
                self.problem(at, Why::Failed(format!("the size of `{shown}` is not a number")));
                *extension = Extension::default();
                return Ok(data);
            }
        };
        if header.kind == b'S' && header.sparse_continues {
            while let Some(block) = self.blocks.get(data)? {
                data += BLOCK as u64;
                if block[504] == 0 {
                    break;
                }
            }
        }
        let end = padded(size).and_then(|size| data.checked_add(size));
        let fits = data.checked_add(size).is_some_and(|end| end <= self.length);
        // Where a header follows at once, the size is wrong rather than the archive cut.
        let false_size =
            !fits && self.blocks.get(data)?.is_some_and(|b| Header::parse(&b).is_some());
        let after = if fits {
            end.unwrap_or(self.length)
        } else if false_size {
            data
        } else {
            self.length
        };

        if matches!(header.kind, b'L' | b'x' | b'X') {
            let text = if fits && size <= MOST_EXTENSION {
                self.blocks.bytes(data, size)?
            } else {
                let (what, lacking) = ("the name that follows", self.lacking(data, size));
                self.problem(at, Why::Failed(format!("{what} cannot be read: {lacking}")));
                Vec::new()
            };
            if header.kind == b'L' {
                extension.name = Some(text.split(|&b| b == 0).next().unwrap_or_default().to_vec());
            } else {
                extension.read_pax(&text);
            }
            return Ok(after);
        }
        let extension = std::mem::take(extension);
        let name = extension.name.unwrap_or(header.name);
        let Some(name) = self.normalised(&name, at) else { return Ok(after) };
        self.index.latest = self.index.latest.max(header.mtime);
        let pid = pid_of(&name);
        if header.kind == b'5' {
            let owner = Some((extension.uid.or(header.uid), extension.gid.or(header.gid)));
            if let Some(pid) = pid.filter(|_| !name.contains(&b'/')) {
                self.index.pids.insert(pid, owner.and_then(owner_of));
            }
            return Ok(after);
        }
        let member = match header.kind {
            b'0' | 0 | b'7' if extension.sparse => sparse(),
            b'0' | 0 | b'7' if fits => Member::Stored { offset: data, size },
            b'0' | 0 | b'7' => {
                let why = if false_size {
                    format!("a size of {size} bytes, and the next member follows at once")
                } else {
                    format!("cut: {}", self.lacking(data, size))
                };
                let shown = Name::new(name.clone());
                self.push(Missing { place: shown.escaped().into_owned(), why: Why::Failed(why) });
                Member::Refused(Refusal::Damaged)
            }
            b'S' => sparse(),
            _ => return Ok(after),
        };
        if let Some(pid) = pid {
            self.index.pids.entry(pid).or_default();
        }
        if self.index.members.insert(name.into_boxed_slice(), member).is_some() {
            self.twice += 1;
        }
        Ok(after)
    }

    /// The name below `/proc`, or `None` if it cannot be one.
    fn normalised(&mut self, name: &[u8], at: u64) -> Option<Vec<u8>> {
        let mut parts: Vec<&[u8]> =
            name.split(|&b| b == b'/').filter(|p| !p.is_empty() && *p != b".").collect();
        if parts.first() == Some(&&b"proc"[..]) {
            parts.remove(0);
        }
        if parts.contains(&&b".."[..]) {
            let shown = Name::new(name);
            self.problem(
                at,
                Why::Failed(format!("passed over `{shown}`, which leads out of the archive")),
            );
            return None;
        }
        (!parts.is_empty()).then(|| parts.join(&b'/'))
    }

    fn lacking(&self, data: u64, size: u64) -> String {
        let there = self.length.saturating_sub(data).min(size);
        format!("{} of {size} bytes are lacking", size - there)
    }

    fn lost(&mut self, from: u64, to: u64) {
        let bytes = to.saturating_sub(from);
        self.problem(
            from,
            Why::Failed(format!(
                "expected a tar header, found something else; {bytes} bytes are passed over"
            )),
        );
    }

    fn problem(&mut self, at: u64, why: Why) {
        self.push(Missing { place: format!("archive at byte {at}"), why });
    }

    fn push(&mut self, missing: Missing) {
        if self.index.problems.len() < MOST_PROBLEMS {
            self.index.problems.push(missing);
        } else {
            self.unlisted += 1;
        }
    }

    fn close(&mut self) {
        let mut say = |count: usize, what: &str| {
            if count > 0 {
                let why = Why::Failed(format!("{count} {what}"));
                self.index.problems.push(Missing { place: "archive".to_owned(), why });
            }
        };
        say(self.unlisted, "more problems");
        say(self.twice, "members are there more than once; the last of each is taken");
    }
}

impl Extension {
    /// Records of `length key=value\n`.
    fn read_pax(&mut self, mut text: &[u8]) {
        while let Some(blank) = text.iter().position(|&b| b == b' ') {
            let length = std::str::from_utf8(&text[..blank]).ok().and_then(|t| t.parse().ok());
            let Some((record, rest)) = length.and_then(|length| text.split_at_checked(length))
            else {
                return;
            };
            let Some(record) = record.get(blank + 1..).and_then(|r| r.strip_suffix(b"\n")) else {
                return;
            };
            let mut halves = record.splitn(2, |&b| b == b'=');
            let (key, value) = (halves.next().unwrap_or_default(), halves.next());
            let value = value.unwrap_or_default();
            let number = || std::str::from_utf8(value).ok().and_then(|t| t.parse().ok());
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"size" => self.size = number(),
                b"uid" => self.uid = number(),
                b"gid" => self.gid = number(),
                b"GNU.sparse.name" => {
                    self.name = Some(value.to_vec());
                    self.sparse = true;
                }
                key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            text = rest;
        }
    }
}

fn sparse() -> Member {
    Member::Refused(Refusal::Strange("stored as a sparse file, which is not read".to_owned()))
}

fn owner_of((uid, gid): (Option<u64>, Option<u64>)) -> Option<Owner> {
    Some(Owner { uid: u32::try_from(uid?).ok()?, gid: u32::try_from(gid?).ok()? })
}

/// The process whose directory this is in.
fn pid_of(name: &[u8]) -> Option<Pid> {
    crate::dir::pid(name.split(|&b| b == b'/').next()?)
}

/// Blocks of the file, read in pieces.
struct Blocks<'a> {
    file: &'a File,
    cache: Vec<u8>,
    start: u64,
    len: usize,
}

impl Blocks<'_> {
    /// The block at this offset; `None` where the file does not have all of it.
    fn get(&mut self, at: u64) -> io::Result<Option<[u8; BLOCK]>> {
        let within = |start: u64, len: usize| {
            let skip = usize::try_from(at.checked_sub(start)?).ok()?;
            (skip.checked_add(BLOCK)? <= len).then_some(skip)
        };
        let skip = if let Some(skip) = within(self.start, self.len) {
            skip
        } else {
            self.start = at;
            self.len = read_up_to(self.file, &mut self.cache, at)?;
            let Some(skip) = within(self.start, self.len) else { return Ok(None) };
            skip
        };
        Ok(self.cache[skip..skip + BLOCK].try_into().ok())
    }

    /// Bytes that are known to be within the file and few.
    fn bytes(&mut self, at: u64, size: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        let there = read_up_to(self.file, &mut bytes, at)?;
        bytes.truncate(there);
        Ok(bytes)
    }
}

/// Fills the buffer as far as the file goes.
pub(super) fn read_up_to(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], at.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
