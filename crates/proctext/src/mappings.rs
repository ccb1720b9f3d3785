//! `/proc/PID/maps`, `smaps` and `smaps_rollup`, mapping by mapping.
//!
//! The text is fed in pieces of any size, as `read` returns them, and a visitor is called for each
//! mapping. What is held is one mapping and one line, however many mappings there are.
//!
//! # What it follows
//! `show_map_vma()` and `__show_smap()` in `fs/proc/task_mmu.c`, 2.6.14 and later. Lines are known
//! by their names, so a release may add, drop and reorder them; names that are not known are kept.
//!
//! # How it is fast
//! Reading `smaps` is work for the kernel, and parsing must stay a few percent of it. Nearly all
//! lines are 28 bytes: a name in 16 columns, a number in 8, ` kB` and a newline; and each mapping
//! has the same lines in the same order as the one before. So a line is compared with the one that
//! stood in its place before, 16 bytes at once, and only else looked at byte by byte.

use facts::{Address, Device, Mapping, Missing, Name, OtherField, Perms, Share, Shares};
use memchr::memchr;
use units::Bytes;

use crate::line::{Report, decimal, hexadecimal, kept, kib, split_once};

/// Longest line that is believed. A path has at most 4096 bytes, each of which may be written as
/// four.
const LONGEST: usize = 64 << 10;

/// Lines of one mapping whose places are remembered.
const MOST_PLACES: usize = 40;

/// One mapping as it stands in the text, valid until the next is read.
#[derive(Debug)]
pub struct MappingText<'a> {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// What may be done with it.
    pub perms: Perms,
    /// Where in the file it begins, bytes.
    pub offset: u64,
    /// Device of the file.
    pub dev: Device,
    /// Inode of the file; 0 when there is none.
    pub inode: u64,
    /// The name behind the inode, as the kernel printed it.
    pub name: &'a [u8],
    /// The sizes; `None` when there were none, as in `maps`.
    pub shares: Option<&'a Shares>,
    /// Text of `VmFlags`; `None` when there was no such line.
    pub vmflags: Option<&'a [u8]>,
}

impl MappingText<'_> {
    /// The mapping, to keep.
    pub fn to_mapping(&self) -> Mapping {
        Mapping {
            start: Address(self.start),
            end: Address(self.end),
            perms: self.perms,
            offset: self.offset,
            dev: self.dev,
            inode: self.inode,
            name: Name::new(self.name),
            shares: self.shares.cloned(),
            vmflags: self.vmflags.map(|flags| Name::new(flags).escaped().into()),
        }
    }
}

/// All mappings of a whole text of `maps` or `smaps`.
pub fn mappings(text: &[u8], place: &str, problems: &mut Vec<Missing>) -> Vec<Mapping> {
    let mut all = Vec::new();
    let mut visit = |mapping: &MappingText<'_>| all.push(mapping.to_mapping());
    let mut stream = MappingStream::new(place);
    stream.feed(text, &mut visit);
    problems.extend(stream.finish(&mut visit));
    all
}

/// A text of `maps` or `smaps` that comes in pieces.
#[derive(Debug)]
pub struct MappingStream {
    place: String,
    problems: Vec<Missing>,
    /// The start of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Whether the rest of a line that is too long is being passed over.
    skipping: bool,
    /// Lines so far.
    line: usize,
    /// The mapping whose lines are being read.
    open: Option<Head>,
    name: Vec<u8>,
    vmflags: Vec<u8>,
    has_vmflags: bool,
    shares: Shares,
    has_shares: bool,
    /// Which sizes the mapping before had.
    usual: u32,
    places: Places,
}

/// The numbers of a mapping's first line.
#[derive(Debug, Clone, Copy)]
struct Head {
    start: u64,
    end: u64,
    perms: Perms,
    offset: u64,
    dev: Device,
    inode: u64,
}

/// Which line stood where in the mapping before.
#[derive(Debug)]
struct Places {
    seen: [(u128, Option<Share>); MOST_PLACES],
    next: usize,
}

impl MappingStream {
    /// A text of which nothing has come yet; `place` is the path its problems are reported under.
    pub fn new(place: &str) -> MappingStream {
        MappingStream {
            place: place.to_owned(),
            problems: Vec::new(),
            carry: Vec::new(),
            skipping: false,
            line: 0,
            open: None,
            name: Vec::new(),
            vmflags: Vec::new(),
            has_vmflags: false,
            shares: Shares::default(),
            has_shares: false,
            usual: 0,
            places: Places { seen: [(0, None); MOST_PLACES], next: 0 },
        }
    }

    /// Begins another text, and keeps the room and what was learnt of the kernel's lines. What was
    /// left of the text before is dropped.
    pub fn restart(&mut self, place: &str) {
        self.place.clear();
        self.place.push_str(place);
        self.problems.clear();
        self.carry.clear();
        self.skipping = false;
        self.line = 0;
        self.open = None;
        self.usual = 0;
        self.forget();
    }

    /// What the lines of a mapping said.
    fn forget(&mut self) {
        self.has_vmflags = false;
        if self.has_shares {
            self.shares.clear();
            self.has_shares = false;
        }
        self.places.next = 0;
    }

    /// The next piece of the text. `visit` is called for each mapping that is complete.
    pub fn feed(&mut self, mut piece: &[u8], visit: &mut impl FnMut(&MappingText<'_>)) {
        if self.skipping || !self.carry.is_empty() {
            let end = memchr(b'\n', piece);
            let (head, rest) = piece.split_at(end.map_or(piece.len(), |end| end + 1));
            piece = rest;
            if !self.skipping {
                if self.carry.len() + head.len() > LONGEST {
                    self.too_long();
                } else {
                    self.carry.extend_from_slice(head);
                }
            }
            if end.is_none() {
                return;
            }
            if self.skipping {
                self.skipping = false;
                self.line += 1;
            } else {
                let carry = std::mem::take(&mut self.carry);
                self.lines(&carry, visit);
                self.carry = carry;
            }
            self.carry.clear();
        }
        let rest = self.lines(piece, visit);
        if rest.len() > LONGEST {
            self.too_long();
        } else {
            self.carry.extend_from_slice(rest);
        }
    }

    /// The text is over. What was wrong with it.
    pub fn finish(mut self, visit: &mut impl FnMut(&MappingText<'_>)) -> Vec<Missing> {
        self.end(visit)
    }

    /// As [`MappingStream::finish`], for a stream that is used again.
    pub fn end(&mut self, visit: &mut impl FnMut(&MappingText<'_>)) -> Vec<Missing> {
        if !self.carry.is_empty() {
            self.line += 1;
            let cut = std::mem::take(&mut self.carry);
            self.malformed("a whole line (the text ends inside this one)", &cut);
            self.carry = cut;
        } else if self.open.is_some() && self.usual & !self.shares_known() != 0 {
            // Between two lines of a mapping: the mapping before had more of them.
            self.malformed("further lines of this mapping", b"the end of the text");
        }
        self.close(visit);
        self.carry.clear();
        std::mem::take(&mut self.problems)
    }

    fn shares_known(&self) -> u32 {
        if self.has_shares { self.shares.known() } else { 0 }
    }

    /// Takes the whole lines of `text`; what is left.
    fn lines<'t>(
        &mut self,
        mut text: &'t [u8],
        visit: &mut impl FnMut(&MappingText<'_>),
    ) -> &'t [u8] {
        loop {
            if let Some(line) = text.first_chunk::<28>()
                && self.usual_line(line)
            {
                text = &text[28..];
                continue;
            }
            let Some(end) = memchr(b'\n', text) else { return text };
            self.line += 1;
            self.one_line(&text[..end], visit);
            text = &text[end + 1..];
        }
    }

    /// Takes a line that stands where it stood in the mapping before, and is well-formed.
    #[inline]
    fn usual_line(&mut self, line: &[u8; 28]) -> bool {
        let Some(&(name, Some(share))) = self.places.seen.get(self.places.next) else {
            return false;
        };
        // The kernel's own column widths: 16, 8, and ` kB` with a newline.
        let (found, rest) = line.split_at(16);
        let (number, unit) = rest.split_at(8);
        if unit != b" kB\n" || as_u128(found) != name || self.open.is_none() {
            return false;
        }
        let Some(value) = eight_columns(number) else { return false };
        let Some(size) = Bytes::from_kib(value) else { return false };
        self.shares.set(share, size);
        self.has_shares = true;
        self.places.next += 1;
        self.line += 1;
        true
    }

    fn one_line(&mut self, line: &[u8], visit: &mut impl FnMut(&MappingText<'_>)) {
        // Names of lines begin with a capital, addresses do not: they are lower-case hexadecimal.
        if matches!(line, [b'0'..=b'9' | b'a'..=b'f', ..]) {
            self.close(visit);
            match head(line) {
                Some((head, name)) => {
                    self.open = Some(head);
                    self.name.clear();
                    self.name.extend_from_slice(name);
                }
                None => self
                    .malformed("a mapping: addresses, permissions, offset, device and inode", line),
            }
            return;
        }
        let Some((name, value)) = split_once(line, b':') else {
            self.malformed("a mapping, or a name and a colon", line);
            return;
        };
        if self.open.is_none() {
            // Behind a first line that could not be read, each of its further lines would be
            // reported too.
            if self.problems.is_empty() {
                self.malformed("a mapping before its sizes", line);
            }
            return;
        }
        if name == b"VmFlags" {
            self.vmflags.clear();
            self.vmflags.extend_from_slice(value.trim_ascii());
            self.has_vmflags = true;
            return;
        }
        self.has_shares = true;
        let share = Share::from_text(name);
        self.places.learn(line, share);
        if let Some(share) = share {
            match kib(value) {
                Some(size) => self.shares.set(share, size),
                None => self.malformed("a size in kB", line),
            }
            return;
        }
        let value = value.trim_ascii();
        let (digits, is_kib) = match value.strip_suffix(b" kB") {
            Some(digits) => (digits.trim_ascii_end(), true),
            None => (value, false),
        };
        let Some(number) = decimal(digits) else {
            self.malformed("a number behind the colon", line);
            return;
        };
        match (name, is_kib) {
            (b"THPeligible", false) => self.shares.thp_eligible = Some(number),
            (b"ProtectionKey", false) => self.shares.protection_key = Some(number),
            _ => {
                let other = OtherField { name: kept(name), value: number, kib: is_kib };
                self.shares.other.push(other);
            }
        }
    }

    /// Hands out the mapping whose lines are all there.
    fn close(&mut self, visit: &mut impl FnMut(&MappingText<'_>)) {
        if let Some(head) = self.open.take() {
            visit(&MappingText {
                start: head.start,
                end: head.end,
                perms: head.perms,
                offset: head.offset,
                dev: head.dev,
                inode: head.inode,
                name: &self.name,
                shares: self.has_shares.then_some(&self.shares),
                vmflags: self.has_vmflags.then_some(&self.vmflags),
            });
            self.usual = self.shares_known();
        }
        self.forget();
    }

    #[cold]
    fn too_long(&mut self) {
        let start = std::mem::take(&mut self.carry);
        self.line += 1;
        self.malformed("a line of at most 64 KiB", &start);
        self.line -= 1;
        self.carry.clear();
        self.skipping = true;
    }

    #[cold]
    fn malformed(&mut self, expected: &str, found: &[u8]) {
        Report::resumed(&self.place, &mut self.problems).malformed(self.line, expected, found);
    }
}

impl Places {
    /// Remembers which line stands here.
    fn learn(&mut self, line: &[u8], share: Option<Share>) {
        if let Some(place) = self.seen.get_mut(self.next) {
            *place = match line.first_chunk::<16>() {
                Some(name) => (u128::from_ne_bytes(*name), share.filter(|_| name.contains(&b':'))),
                None => (0, None),
            };
        }
        self.next += 1;
    }
}

#[inline]
fn as_u128(bytes: &[u8]) -> u128 {
    bytes.first_chunk::<16>().map_or(0, |b| u128::from_ne_bytes(*b))
}

/// A number in eight columns, blanks before it.
#[inline]
fn eight_columns(text: &[u8]) -> Option<u64> {
    if text == b"       0" {
        return Some(0);
    }
    let start = text.iter().position(|&b| b != b' ')?;
    decimal(&text[start..])
}

/// `08048000-0804c000 r-xp 00000000 16:41 1080084    /bin/cat`.
fn head(line: &[u8]) -> Option<(Head, &[u8])> {
    let (start, rest) = split_once(line, b'-')?;
    let (end, rest) = split_once(rest, b' ')?;
    let (perms, rest) = rest.split_first_chunk::<4>()?;
    let (offset, rest) = split_once(rest.strip_prefix(b" ")?, b' ')?;
    let (major, rest) = split_once(rest, b':')?;
    let (minor, rest) = split_once(rest, b' ')?;
    let (inode, name) = match memchr(b' ', rest) {
        Some(end) => rest.split_at(end),
        None => (rest, &[][..]),
    };
    let head = Head {
        start: hexadecimal(start)?,
        end: hexadecimal(end)?,
        perms: Perms::from_text(*perms)?,
        offset: hexadecimal(offset)?,
        dev: Device {
            major: u32::try_from(hexadecimal(major)?).ok()?,
            minor: u32::try_from(hexadecimal(minor)?).ok()?,
        },
        inode: decimal(inode)?,
    };
    let blanks = name.iter().position(|&b| b != b' ').unwrap_or(name.len());
    (head.start <= head.end).then_some((head, &name[blanks..]))
}

#[cfg(test)]
#[path = "mappings_tests.rs"]
mod tests;
