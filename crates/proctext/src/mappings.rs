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
//! stood in its place before, 16 bytes at once, its number is read from 8 bytes at once, and only
//! else it is looked at byte by byte.

use facts::{Address, Device, Mapping, Missing, Name, OtherField, Perms, Share, Shares};
use memchr::memchr;
use units::Bytes;

use crate::line::{Report, decimal, kept, kib, split_once};

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
    /// The text of the device, the inode and the name in the first line before, and what it said.
    backing: (Vec<u8>, Device, u64),
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
    seen: [(u128, Usual); MOST_PLACES],
    next: usize,
}

/// What a line says whose place is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usual {
    /// Nothing that can be read at once.
    Other,
    Size(Share),
    ThpEligible,
    ProtectionKey,
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
            backing: (Vec::new(), Device::default(), 0),
            vmflags: Vec::new(),
            has_vmflags: false,
            shares: Shares::default(),
            has_shares: false,
            usual: 0,
            places: Places { seen: [(0, Usual::Other); MOST_PLACES], next: 0 },
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
            if self.open.is_some() {
                text = self.usual_lines(text);
            }
            let Some(end) = memchr(b'\n', text) else { return text };
            self.line += 1;
            self.one_line(&text[..end], visit);
            text = &text[end + 1..];
        }
    }

    /// Takes the lines that stand where they stood in the mapping before, and are well-formed; what
    /// is left.
    #[inline]
    fn usual_lines<'t>(&mut self, mut text: &'t [u8]) -> &'t [u8] {
        let begin = self.places.next;
        let mut next = begin;
        for &(name, usual) in self.places.seen.get(begin..).unwrap_or_default() {
            // The kernel's own column widths: 16, 8, and ` kB` with a newline or that alone.
            let Some((found, rest)) = text.split_first_chunk::<16>() else { break };
            let Some((number, rest)) = rest.split_first_chunk::<8>() else { break };
            if u128::from_ne_bytes(*found) != name {
                break;
            }
            let Some(value) = eight_columns(*number) else { break };
            if let Usual::Size(share) = usual {
                let Some((b" kB\n", rest)) = rest.split_first_chunk::<4>() else { break };
                // Of eight digits: it fits.
                self.shares.set(share, Bytes::new(value << 10));
                text = rest;
            } else {
                let Some(rest) = rest.strip_prefix(b"\n") else { break };
                match usual {
                    Usual::ThpEligible => self.shares.thp_eligible = Some(value),
                    Usual::ProtectionKey => self.shares.protection_key = Some(value),
                    Usual::Size(_) | Usual::Other => break,
                }
                text = rest;
            }
            next += 1;
        }
        self.places.next = next;
        self.line += next - begin;
        self.has_shares |= next > begin;
        text
    }

    fn one_line(&mut self, line: &[u8], visit: &mut impl FnMut(&MappingText<'_>)) {
        // Names of lines begin with a capital, addresses do not: they are lower-case hexadecimal.
        if matches!(line, [b'0'..=b'9' | b'a'..=b'f', ..]) {
            self.close(visit);
            self.open = self.head(line);
            if self.open.is_none() {
                self.malformed("a mapping: addresses, permissions, offset, device and inode", line);
            }
            return;
        }
        if let Some(flags) = line.strip_prefix(b"VmFlags:")
            && self.open.is_some()
        {
            self.vmflags.clear();
            self.vmflags.extend_from_slice(flags.trim_ascii());
            self.has_vmflags = true;
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
        self.has_shares = true;
        let share = Share::from_text(name);
        self.places.learn(line, Usual::of(name, share));
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

    /// `08048000-0804c000 r-xp 00000000 16:41 1080084    /bin/cat`.
    fn head(&mut self, line: &[u8]) -> Option<Head> {
        let (start, rest) = hexadecimal_until(b'-', line)?;
        let (end, rest) = hexadecimal_until(b' ', rest)?;
        let (perms, rest) = rest.split_first_chunk::<4>()?;
        let (offset, rest) = hexadecimal_until(b' ', rest.strip_prefix(b" ")?)?;
        let perms = Perms::from_text(*perms)?;
        // Mappings of one file follow one another.
        if self.backing.0 != rest || rest.is_empty() {
            let (dev, inode, name) = backing(rest)?;
            self.name.clear();
            self.name.extend_from_slice(name);
            self.backing.0.clear();
            self.backing.0.extend_from_slice(rest);
            (self.backing.1, self.backing.2) = (dev, inode);
        }
        let (dev, inode) = (self.backing.1, self.backing.2);
        (start <= end).then_some(Head { start, end, perms, offset, dev, inode })
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
    fn learn(&mut self, line: &[u8], usual: Usual) {
        if let Some(place) = self.seen.get_mut(self.next) {
            *place = match line.first_chunk::<16>() {
                // The colon belongs to what is compared: a longer name may begin the same.
                Some(name) if name.contains(&b':') => (u128::from_ne_bytes(*name), usual),
                _ => (0, Usual::Other),
            };
        }
        self.next += 1;
    }
}

impl Usual {
    fn of(name: &[u8], share: Option<Share>) -> Usual {
        match (share, name) {
            (Some(share), _) => Usual::Size(share),
            (None, b"THPeligible") => Usual::ThpEligible,
            (None, b"ProtectionKey") => Usual::ProtectionKey,
            (None, _) => Usual::Other,
        }
    }
}

/// A number in eight columns, blanks before it: all columns at once, each in a byte of a `u64`.
#[inline]
fn eight_columns(text: [u8; 8]) -> Option<u64> {
    const BLANKS: u64 = u64::from_le_bytes(*b"        ");
    const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
    // The first column is the lowest byte. Blanks before the number become zeros.
    let text = u64::from_le_bytes(text);
    let leading = (text ^ BLANKS).trailing_zeros() & !7;
    let blanks = 1_u64.checked_shl(leading)? - 1;
    let digits = (text ^ ZEROS) & !blanks;
    // A byte over 9 has one of its upper four bits set, or gets one when 6 is added.
    if (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 != 0 {
        return None;
    }
    // Two, four and eight neighbours become one number; what is carried over is masked away.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// `16:41 1080084    /bin/cat`.
fn backing(text: &[u8]) -> Option<(Device, u64, &[u8])> {
    let (major, rest) = hexadecimal_until(b':', text)?;
    let (minor, rest) = hexadecimal_until(b' ', rest)?;
    let inode = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
    let (inode, name) = rest.split_at(inode);
    let blanks = name.iter().position(|&b| b != b' ').unwrap_or(name.len());
    let dev = Device { major: u32::try_from(major).ok()?, minor: u32::try_from(minor).ok()? };
    Some((dev, decimal(inode)?, &name[blanks..]))
}

/// The value of each byte as a hexadecimal digit, and [`NO_DIGIT`] of all others.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};
const NO_DIGIT: u8 = 0xff;

/// A hexadecimal number of at most 64 bits, and what stands behind the byte that ends it.
#[inline]
fn hexadecimal_until(stop: u8, text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, &byte) in text.iter().enumerate().take(17) {
        // A table: which bytes are letters, nobody can foretell.
        let digit = DIGITS[usize::from(byte)];
        if digit == NO_DIGIT {
            return (byte == stop && at > 0).then(|| (number, &text[at + 1..]));
        }
        if at == 16 {
            return None;
        }
        number = number << 4 | u64::from(digit);
    }
    None
}

#[cfg(test)]
#[path = "mappings_tests.rs"]
mod tests;
