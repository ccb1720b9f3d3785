//! `smaps` as smem reads it.

use units::Pid;

use crate::{Machine, ProcFile, text};

/// Sizes of one mapping, or sums of them, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) size: u64,
    pub(super) rss: u64,
    pub(super) pss: u64,
    pub(super) private_clean: u64,
    pub(super) private_dirty: u64,
    pub(super) swap: u64,
}

impl Sizes {
    pub(super) fn add(&mut self, other: &Sizes) {
        for (sum, part) in [
            (&mut self.size, other.size),
            (&mut self.rss, other.rss),
            (&mut self.pss, other.pss),
            (&mut self.private_clean, other.private_clean),
            (&mut self.private_dirty, other.private_dirty),
            (&mut self.swap, other.swap),
        ] {
            *sum = sum.saturating_add(part);
        }
    }

    pub(super) fn uss(&self) -> u64 {
        self.private_clean.saturating_add(self.private_dirty)
    }

    fn set(&mut self, name: &[u8], value: u64) {
        match name {
            b"Size" => self.size = value,
            b"Rss" => self.rss = value,
            b"Pss" => self.pss = value,
            b"Private_Clean" => self.private_clean = value,
            b"Private_Dirty" => self.private_dirty = value,
            b"Swap" => self.swap = value,
            _ => {}
        }
    }
}

/// What was in a file at all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) text: bool,
    pub(super) pss: bool,
}

/// Why a file was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Unreadable,
    /// The real program stumbles over a line.
    Crash,
}

/// Name of mappings without one.
const ANONYMOUS: &[u8] = b"<anonymous>";

/// Gives each mapping to `each`, with its name: the first word of it.
pub(super) fn read(
    machine: &mut dyn Machine,
    pid: Pid,
    kept: bool,
    each: &mut dyn FnMut(&[u8], &Sizes),
) -> Result<Seen, Stop> {
    let mut reading = Reading {
        each,
        seen: Seen::default(),
        start: None,
        name: Vec::new(),
        sizes: Sizes::default(),
    };
    let mut crash = Ok(());
    text::lines(machine, ProcFile::Smaps(pid), None, &mut |line| {
        reading.seen.text = true;
        if !kept {
            reading.line(line);
        } else if crash.is_ok() {
            crash = reading.as_python(line);
        }
    })
    .map_err(|_| Stop::Unreadable)?;
    crash?;
    reading.flush();
    Ok(reading.seen)
}

struct Reading<'a> {
    each: &'a mut dyn FnMut(&[u8], &Sizes),
    seen: Seen,
    /// The mapping that is being read.
    start: Option<u64>,
    name: Vec<u8>,
    sizes: Sizes,
}

impl Reading<'_> {
    fn flush(&mut self) {
        if self.start.is_some() {
            (self.each)(&self.name, &self.sizes);
        }
    }

    fn begin(&mut self, start: u64, name: Option<&[u8]>) {
        // A second mapping at the same address takes the place of the first.
        if self.start != Some(start) {
            self.flush();
        }
        self.start = Some(start);
        self.name.clear();
        self.name.extend_from_slice(name.unwrap_or(ANONYMOUS));
        self.sizes = Sizes::default();
    }

    /// A line of the kernel's: names of sizes begin with a capital, addresses do not.
    fn line(&mut self, line: &[u8]) {
        if matches!(line, [b'0'..=b'9' | b'a'..=b'f', ..]) {
            let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let start = words.next().and_then(|range| {
                let dash = range.iter().position(|&b| b == b'-')?;
                hexadecimal(&range[..dash])
            });
            if let Some(start) = start {
                self.begin(start, words.nth(4));
            }
            return;
        }
        // Six names count, and they begin with three letters.
        if !matches!(line, [b'P' | b'R' | b'S', ..]) {
            return;
        }
        let Some(colon) = line.iter().position(|&b| b == b':') else { return };
        let name = &line[..colon];
        self.seen.pss |= name.starts_with(b"Pss");
        if self.start.is_some()
            && let Some(value) = line[colon + 1..].trim_ascii().strip_suffix(b" kB")
            && let Some(value) = decimal(value.trim_ascii_end())
        {
            self.sizes.set(name, value);
        }
    }

    /// A line as Python's text files, `splitlines` and `split` take it apart.
    fn as_python(&mut self, line: &[u8]) -> Result<(), Stop> {
        let line = std::str::from_utf8(line).map_err(|_| Stop::Crash)?;
        if line.is_ascii() && !line.bytes().any(|b| b < b' ' && b != b'\t') {
            return self.python_line(line);
        }
        line.split(ends_line).try_for_each(|line| self.python_line(line))
    }

    fn python_line(&mut self, line: &str) -> Result<(), Stop> {
        let words = || line.split(is_blank).filter(|word| !word.is_empty());
        let first = words().next().ok_or(Stop::Crash)?;
        if words().next_back() == Some("kB") {
            self.seen.pss |= first.starts_with("Pss");
            let value = words().nth(1).and_then(|value| decimal(value.as_bytes()));
            let (Some(value), Some(_)) = (value, self.start) else { return Err(Stop::Crash) };
            // The last character goes, whatever it is.
            let mut name = first.chars();
            name.next_back();
            self.sizes.set(name.as_str().as_bytes(), value);
        } else if first.contains('-') && !first.contains(':') {
            let (start, end) = first.split_once('-').ok_or(Stop::Crash)?;
            let start = hexadecimal(start.as_bytes()).ok_or(Stop::Crash)?;
            hexadecimal(end.as_bytes()).ok_or(Stop::Crash)?;
            words().nth(4).ok_or(Stop::Crash)?;
            self.begin(start, words().nth(5).map(str::as_bytes));
        }
        Ok(())
    }
}

fn ends_line(c: char) -> bool {
    matches!(c, '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

fn decimal(text: &[u8]) -> Option<u64> {
    number(text, 10)
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    number(text, 16)
}

fn number(text: &[u8], base: u32) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, &byte| {
        let digit = char::from(byte).to_digit(base)?;
        number.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::OneFile;

    fn mappings(text: &str, kept: bool) -> Result<Vec<(String, u64)>, Stop> {
        let mut found = Vec::new();
        let mut machine = OneFile(text.as_bytes().to_vec());
        read(&mut machine, Pid::new(1), kept, &mut |name, sizes| {
            found.push((String::from_utf8_lossy(name).into_owned(), sizes.rss));
        })?;
        Ok(found)
    }

    #[test]
    fn mappings_are_named_by_the_first_word_of_their_path() {
        let text =
            "1-2 r--p 0 fe:00 5 /a b\nRss: 8 kB\nVmFlags: rd\n2-3 rw-p 0 00:00 0 \nRss: 4 kB\n";
        let expected = vec![("/a".to_owned(), 8), ("<anonymous>".to_owned(), 4)];
        assert_eq!(mappings(text, false), Ok(expected.clone()));
        assert_eq!(mappings(text, true), Ok(expected));
    }

    #[test]
    fn a_second_mapping_at_the_same_place_replaces_the_first() {
        let text = "1-2 r--p 0 fe:00 5 /a\nRss: 8 kB\n1-2 r--p 0 fe:00 5 /b\nRss: 4 kB\n";
        let expected = vec![("/b".to_owned(), 4)];
        assert_eq!(mappings(text, false), Ok(expected.clone()));
        assert_eq!(mappings(text, true), Ok(expected));
    }

    #[test]
    fn odd_paths_stop_the_real_program_and_not_ours() {
        for path in ["/a kB", "/a\u{c}"] {
            let text = format!("1-2 r--p 0 fe:00 5 {path}\nRss: 8 kB\n");
            assert_eq!(mappings(&text, true), Err(Stop::Crash), "{path:?}");
            assert_eq!(mappings(&text, false), Ok(vec![("/a".to_owned(), 8)]), "{path:?}");
        }
    }
}
