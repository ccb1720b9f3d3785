//! One line a mapping: plain, `-x` and `-d`.

use std::io::{self, Write};

use super::args::Options;
use super::scan::{self, Head};
use super::{Process, Shown};
use crate::printable::ascii;
use crate::{Call, ProcFile, text};

/// The buffer a line is read into by the real program.
const PIECE: usize = 1024;

/// Sums for the footer: bytes but for the last two, which are KiB.
#[derive(Debug, Default)]
struct Totals {
    shared: u64,
    readonly: u64,
    writeable: u64,
    rss: u64,
    dirty: u64,
}

/// A row of `-x` that waits for its sizes.
#[derive(Debug, Default)]
struct Pending {
    start: u64,
    length: u64,
    perms: Vec<u8>,
    /// None when no row waits.
    name: Option<Vec<u8>>,
    rss: u64,
    dirty: [u64; 2],
}

pub(super) fn print(
    process: &Process,
    options: &Options,
    call: &mut Call<'_>,
) -> io::Result<Shown> {
    let pid = process.tgid;
    let mut rows = Rows {
        process,
        options,
        kept: call.bugs.kept(),
        begun: false,
        ended: false,
        in_range: true,
        totals: Totals::default(),
        head: Head::default(),
        row: Pending::default(),
        out: &mut *call.out,
        written: Ok(()),
    };
    let part = rows.kept.then_some(PIECE);
    let file = if options.extended { ProcFile::Smaps(pid) } else { ProcFile::Maps(pid) };
    let mut read = text::lines(call.machine, file, part, &mut |line| rows.line(line));
    if matches!((&read, file), (Err(error), ProcFile::Maps(_)) if error.kind() == io::ErrorKind::NotFound)
    {
        // The lines of `maps` are in `smaps` too.
        let smaps = ProcFile::Smaps(pid);
        read = text::lines(call.machine, smaps, part, &mut |line| rows.line(line));
    }
    // A process that goes away ends its maps early: what there is is printed.
    if read.is_err() && !rows.begun {
        return Ok(Shown::Unreadable);
    }
    rows.finish()?;
    Ok(Shown::Whole)
}

/// The rows of one process, on their way out.
#[expect(clippy::struct_excessive_bools, reason = "each is a step of its own in the reading")]
struct Rows<'a> {
    process: &'a Process,
    options: &'a Options,
    kept: bool,
    /// Whether a line has come, and the header gone out.
    begun: bool,
    /// Whether the range lies behind us.
    ended: bool,
    in_range: bool,
    totals: Totals,
    head: Head,
    row: Pending,
    out: &'a mut dyn Write,
    written: io::Result<()>,
}

impl Rows<'_> {
    fn line(&mut self, line: &[u8]) {
        if self.written.is_ok() && !self.ended {
            self.written = self.header().and_then(|()| self.row(line));
        }
    }

    fn header(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) || self.options.quiet {
            return Ok(());
        }
        if self.options.extended {
            self.out.write_all(b"Address           Kbytes     RSS   Dirty Mode  Mapping\n")
        } else if self.options.device {
            self.out
                .write_all(b"Address           Kbytes Mode  Offset           Device    Mapping\n")
        } else {
            Ok(())
        }
    }

    fn row(&mut self, line: &[u8]) -> io::Result<()> {
        let options = self.options;
        if matches!(line.first(), Some(b'A'..=b'Z')) {
            return if options.extended { self.size(line) } else { Ok(()) };
        }
        if self.head.scan(line) < 7 && !self.kept {
            return Ok(());
        }
        let (start, end) = (self.head.start, self.head.end);
        if end.wrapping_sub(1) < options.low {
            self.in_range = false;
            return Ok(());
        }
        if options.high < start {
            self.ended = true;
            return Ok(());
        }
        self.in_range = true;
        let text = ascii(line);
        let length = end.wrapping_sub(start);
        let mut perms = mode(&mut self.head.perms, length, &mut self.totals);
        if !self.kept {
            perms = ascii(&perms);
        }
        let name = name(&text, &self.head, self.process, options, length);
        let head = &self.head;
        if options.extended {
            self.row = Pending { start, length, perms, name: Some(name), ..self.row };
            return Ok(());
        }
        let out = &mut self.out;
        write!(out, "{start:016x} ")?;
        if options.device {
            write!(out, "{:>7} ", length >> 10)?;
            padded(&perms, *out)?;
            write!(out, " {:016x} {:03x}:{:05x} ", head.offset, head.major, head.minor)?;
        } else {
            write!(out, "{:>6}K ", length >> 10)?;
            out.write_all(&perms)?;
            out.write_all(b" ")?;
        }
        out.write_all(&name)?;
        out.write_all(b"\n")
    }

    fn finish(mut self) -> io::Result<()> {
        self.header()?;
        self.written?;
        if self.options.quiet { Ok(()) } else { footer(&self.totals, self.options, self.out) }
    }

    /// A line of sizes in `-x`. The row is printed when `Swap` is seen, the last it waits for.
    fn size(&mut self, line: &[u8]) -> io::Result<()> {
        let row = &mut self.row;
        let mut rest = line;
        let Some(name) = scan::set(&mut rest, 20, false, |b| b != b':') else { return Ok(()) };
        let Some(mut rest) = rest.strip_prefix(b":") else { return Ok(()) };
        let Some(value) = scan::decimal(&mut rest) else { return Ok(()) };
        let counts = self.in_range || self.kept;
        let add = |sum: &mut u64| {
            if counts {
                *sum = sum.wrapping_add(value);
            }
        };
        match name {
            b"Rss" => {
                row.rss = value;
                add(&mut self.totals.rss);
            }
            b"Shared_Dirty" => {
                row.dirty[0] = value;
                add(&mut self.totals.dirty);
            }
            b"Private_Dirty" => {
                row.dirty[1] = value;
                add(&mut self.totals.dirty);
            }
            b"Swap" => {
                let row = std::mem::take(row);
                if let Some(name) = &row.name {
                    let (start, size, rss) = (row.start, row.length >> 10, row.rss);
                    let dirty = row.dirty[0].wrapping_add(row.dirty[1]);
                    write!(self.out, "{start:016x} {size:>7} {rss:>7} {dirty:>7} ")?;
                    padded(&row.perms, self.out)?;
                    self.out.write_all(b" ")?;
                    self.out.write_all(name)?;
                    self.out.write_all(b"\n")?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Right-aligned in five columns.
fn padded(text: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&b"     "[..5_usize.saturating_sub(text.len())])?;
    out.write_all(text)
}

/// The permissions as printed: five characters, private shown as `-`. The mapping is added up.
fn mode(perms: &mut Vec<u8>, length: u64, totals: &mut Totals) -> Vec<u8> {
    // The real program writes into its buffer, where a line that is none finds it.
    perms.resize(5, 0);
    let sum = match (perms[3], perms[1]) {
        (b's', _) => Some(&mut totals.shared),
        (b'p', b'w') => Some(&mut totals.writeable),
        (b'p', _) => Some(&mut totals.readonly),
        _ => None,
    };
    if let Some(sum) = sum {
        *sum = sum.wrapping_add(length);
    }
    if perms[3] == b'p' {
        perms[3] = b'-';
    }
    perms[4] = b'-';
    let end = perms.iter().position(|&b| b == 0).unwrap_or(perms.len());
    perms[..end].to_vec()
}

fn name(line: &[u8], head: &Head, process: &Process, options: &Options, length: u64) -> Vec<u8> {
    // SysV shared memory is files `/SYSV` and its key in a file system without device. The real
    // program makes a segment of its own to learn the number of that device.
    let sysv = head.major == 0
        && head.perms.get(3) == Some(&b's')
        && line.windows(5).any(|window| window == b"/SYSV")
        && line.ends_with(b" (deleted)");
    if sysv {
        return format!("  [ shmid=0x{:x} ]", head.inode).into_bytes();
    }
    if let Some(slash) = line.iter().rposition(|&b| b == b'/') {
        let first = line.iter().position(|&b| b == b'/').unwrap_or(slash);
        let from = match (options.path, slash + 1 < line.len()) {
            (true, _) => first,
            (false, true) => slash + 1,
            (false, false) => slash,
        };
        return line[from..].to_vec();
    }
    if head.start <= process.stack && process.stack <= head.start.wrapping_add(length) {
        return b"  [ stack ]".to_vec();
    }
    b"  [ anon ]".to_vec()
}

fn footer(totals: &Totals, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let Totals { shared, readonly, writeable, rss, dirty } = totals;
    let all = shared.wrapping_add(*writeable).wrapping_add(*readonly) >> 10;
    if options.extended {
        out.write_all(b"---------------- ------- ------- ------- \n")?;
        writeln!(out, "total kB         {all:>7} {rss:>7} {dirty:>7}")
    } else if options.device {
        let (writeable, shared) = (writeable >> 10, shared >> 10);
        writeln!(out, "mapped: {all}K    writeable/private: {writeable}K    shared: {shared}K")
    } else {
        writeln!(out, " total {all:>16}K")
    }
}
