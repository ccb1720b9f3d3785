//! Writes POSIX `ustar`, with `pax` records where a name or a number does not fit.

use std::io::{self, Write};

use super::BLOCK;

/// What a member's header says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) path: &'a [u8],
    /// Permission bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Name of the owner; empty when unknown.
    pub(crate) user: &'a [u8],
    /// Seconds since the epoch.
    pub(crate) mtime: u64,
}

/// Writes members one after the other.
pub(crate) struct TarWriter<W: Write> {
    out: W,
    written: u64,
}

/// The largest number of seven octal digits, which is what an id has room for.
const MOST_ID: u32 = 0o777_7777;
/// The largest number of eleven octal digits: sizes and times.
const MOST_SIZE: u64 = 0o777_7777_7777;

impl<W: Write> TarWriter<W> {
    pub(crate) fn new(out: W) -> TarWriter<W> {
        TarWriter { out, written: 0 }
    }

    /// A directory.
    pub(crate) fn directory(&mut self, entry: Entry<'_>) -> io::Result<()> {
        self.header(entry, b'5', 0)
    }

    /// A file with its content.
    pub(crate) fn file(&mut self, entry: Entry<'_>, content: &[u8]) -> io::Result<()> {
        self.header(entry, b'0', content.len() as u64)?;
        self.content(content)
    }

    /// The two blocks that end an archive; the writer and how many bytes it got.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64)> {
        self.put(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok((self.out, self.written))
    }

    fn header(&mut self, entry: Entry<'_>, kind: u8, size: u64) -> io::Result<()> {
        let mut records = Vec::new();
        let split = split(entry.path);
        if split.is_none() {
            record(&mut records, "path", entry.path);
        }
        if entry.uid > MOST_ID {
            record(&mut records, "uid", entry.uid.to_string().as_bytes());
        }
        if entry.gid > MOST_ID {
            record(&mut records, "gid", entry.gid.to_string().as_bytes());
        }
        if size > MOST_SIZE {
            record(&mut records, "size", size.to_string().as_bytes());
        }
        if !records.is_empty() {
            let about = Entry { path: b"pax", mode: 0o444, uid: 0, gid: 0, user: b"", ..entry };
            self.put(&block((b"", b"pax"), about, b'x', records.len() as u64))?;
            self.content(&records)?;
        }
        // Readers without pax see the end of the path, which tells more than its beginning.
        let tail = &entry.path[entry.path.len().saturating_sub(100)..];
        self.put(&block(split.unwrap_or((b"", tail)), entry, kind, size))
    }

    fn content(&mut self, content: &[u8]) -> io::Result<()> {
        self.put(content)?;
        let padding = content.len().next_multiple_of(BLOCK) - content.len();
        self.put(&[0; BLOCK][..padding])
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}

/// Prefix and name, where the path fits: at most 155 and 100 bytes, divided at a slash.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    let slash = (0..path.len().min(156)).rev().find(|&at| path[at] == b'/')?;
    let (prefix, name) = (&path[..slash], &path[slash + 1..]);
    (!prefix.is_empty() && !name.is_empty() && name.len() <= 100).then_some((prefix, name))
}

/// `length key=value\n`, where the length counts its own digits.
fn record(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    out.extend_from_slice(format!("{length} {key}=").as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn block((prefix, name): (&[u8], &[u8]), entry: Entry<'_>, kind: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, format!("{:07o}", entry.mode & 0o7777).as_bytes());
    put(108, format!("{:07o}", entry.uid.min(MOST_ID)).as_bytes());
    put(116, format!("{:07o}", entry.gid.min(MOST_ID)).as_bytes());
    put(124, format!("{:011o}", size.min(MOST_SIZE)).as_bytes());
    put(136, format!("{:011o}", entry.mtime.min(MOST_SIZE)).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(265, &entry.user[..entry.user.len().min(31)]);
    put(345, prefix);
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for (value, expected) in [("a", "9 path=a\n"), ("ab", "11 path=ab\n")] {
            let mut out = Vec::new();
            record(&mut out, "path", value.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = Vec::new();
        record(&mut out, "path", &[b'x'; 200]);
        assert!(out.starts_with(b"210 path=x"));
        assert_eq!(out.len(), 210);
    }

    #[test]
    fn long_paths_are_divided_at_a_slash_or_not_at_all() {
        let long = [b"a/".repeat(60), b"name".to_vec()].concat();
        let (prefix, name) = split(&long).unwrap();
        assert_eq!([prefix, b"/", name].concat(), long);
        assert_eq!(split(&[b'a'; 101]), None);
        assert_eq!(split(&[b"/".to_vec(), vec![b'a'; 100]].concat()), None);
        assert_eq!(split(&[vec![b'a'; 156], b"/b".to_vec()].concat()), None);
        assert_eq!(split(&[b'a'; 100]), Some((&b""[..], &[b'a'; 100][..])));
    }
}
