//! Every field of `smaps` as a column: `-X`, `-XX` and `-c`.
//!
//! Columns are as wide as the widest thing in them, so all rows are known before the first is
//! printed. The real program reads `smaps` twice; its page tables are walked once here, and the rows
//! are kept packed: see [`Rows`].

use std::io::{self, Write};

use units::Pid;

use super::args::Options;
use super::rows::Rows;
use super::{Shown, scan};
use crate::printable::{ascii, printable};
use crate::{Call, ProcFile, text};

/// Bytes of a mapping's name that are shown.
const LONGEST_NAME: usize = 127;
/// The buffer a line is read into by the real program.
const PIECE: usize = 1024;

/// Columns that are kept; kernels print about 25.
const MOST_COLUMNS: usize = 200;

/// Fields that `-X` leaves to `-XX`.
const UNIMPORTANT: [&[u8]; 8] = [
    b"AnonHugePages",
    b"KernelPageSize",
    b"MMUPageSize",
    b"Shared_Dirty",
    b"Private_Dirty",
    b"Shared_Clean",
    b"Private_Clean",
    b"VmFlags",
];

/// The columns of sizes. The real program keeps them, and their totals, from one process to the
/// next.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: Vec<u8>,
    /// Its name as printed, as long.
    shown: Vec<u8>,
    /// As the mapping that was read last has it; a mapping without the field repeats it.
    value: Vec<u8>,
    total: u64,
    width: usize,
}

/// The texts of a mapping before its sizes.
const HEAD: [&str; 5] = ["Address", "Perm", "Offset", "Device", "Inode"];
/// Behind them: flags and name.
const FLAGS: usize = HEAD.len();
const NAME: usize = FLAGS + 1;
const SIZES: usize = NAME + 1;

pub(super) fn print(
    table: &mut Table,
    pid: Pid,
    options: &Options,
    call: &mut Call<'_>,
) -> io::Result<Shown> {
    let mut reading = Reading {
        table,
        options,
        kept: call.bugs.kept(),
        rows: Rows::default(),
        widths: [0; HEAD.len()],
        flags_width: None,
        mapping: Mapping::default(),
        next_column: 0,
        begun: false,
        complaint: None,
    };
    let read = text::lines(call.machine, ProcFile::Smaps(pid), None, &mut |line| {
        reading.line(line);
    });
    if read.is_err() && !reading.begun {
        return Ok(Shown::Unreadable);
    }
    reading.keep();
    if let Some(complaint) = reading.complaint {
        writeln!(call.err, "pmap: {complaint}")?;
        return Ok(Shown::Stopped);
    }
    reading.print(call.out)?;
    Ok(Shown::Whole)
}

/// The mapping that is being read.
#[derive(Debug, Default)]
struct Mapping {
    head: [Vec<u8>; HEAD.len()],
    flags: Vec<u8>,
    name: Vec<u8>,
    /// Whether there is one.
    open: bool,
    /// Whether its flags were read, behind which a new mapping must begin.
    closed: bool,
}

struct Reading<'a> {
    table: &'a mut Table,
    options: &'a Options,
    kept: bool,
    rows: Rows,
    widths: [usize; HEAD.len()],
    /// None until a mapping has flags.
    flags_width: Option<usize>,
    mapping: Mapping,
    next_column: usize,
    /// Whether a line has come.
    begun: bool,
    /// Why the real program stops.
    complaint: Option<String>,
}

impl Reading<'_> {
    fn shows(&self, name: &[u8]) -> bool {
        if self.options.every == 1 {
            return !UNIMPORTANT.contains(&name);
        }
        self.options.fields.as_ref().is_none_or(|fields| fields.contains(name))
    }

    fn line(&mut self, line: &[u8]) {
        self.begun = true;
        if self.complaint.is_some() {
            return;
        }
        if self.mapping.open && !self.mapping.closed {
            if let Some((name, value)) = scan::detail(line) {
                self.complaint = self.size(name, value, line).err();
                return;
            }
            if let Some(flags) = flags(line) {
                self.flags_width = Some(self.flags_width.unwrap_or_default().max(flags.len()));
                self.mapping.flags = flags.to_vec();
                self.mapping.closed = true;
                return;
            }
        }
        if self.begin(line).is_none() && self.kept {
            self.complaint = Some("Unknown format in smaps file!".to_owned());
        }
    }

    /// The first line of a mapping.
    fn begin(&mut self, line: &[u8]) -> Option<()> {
        let line = &line[..line.len().min(PIECE - 1)];
        let mut rest = line;
        let digits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let start = scan::set(&mut rest, 20, false, digits)?;
        rest = rest.strip_prefix(b"-")?;
        scan::set(&mut rest, 20, false, digits)?;
        let perms = scan::word(&mut rest, 31)?;
        let offset = scan::set(&mut rest, 20, true, digits)?;
        let device = scan::set(&mut rest, 63, true, |b| digits(b) || b == b':')?;
        let inode = scan::word(&mut rest, 20)?;
        let name = rest.trim_ascii_start();
        self.keep();
        let text = if self.kept { <[u8]>::to_vec } else { ascii };
        self.mapping.head = [start, perms, offset, device, inode].map(text);
        self.mapping.name = name[..name.len().min(LONGEST_NAME)].to_vec();
        self.mapping.open = true;
        self.mapping.closed = false;
        self.next_column = 0;
        if !self.kept {
            self.mapping.flags.clear();
            for column in &mut self.table.columns {
                column.value.clear();
            }
        }
        for (width, text) in self.widths.iter_mut().zip(&self.mapping.head) {
            *width = text.len().max(*width);
        }
        Some(())
    }

    /// Keeps the mapping that was read as a row.
    fn keep(&mut self) {
        let mapping = &mut self.mapping;
        if !std::mem::take(&mut mapping.open) {
            return;
        }
        let head = mapping.head.iter().chain([&mapping.flags, &mapping.name]);
        let values = self.table.columns.iter().map(|column| &column.value);
        self.rows.push(head.chain(values).map(Vec::as_slice));
    }

    /// A size of the mapping. Kernels print the same sizes in the same order for every mapping; a
    /// file that does not stops the real program.
    fn size(&mut self, name: &[u8], value: &[u8], line: &[u8]) -> Result<(), String> {
        if !self.shows(name) {
            return Ok(());
        }
        let columns = &mut self.table.columns;
        let mut at = self.next_column;
        if columns.get(at).is_none_or(|column| column.name != name) {
            if at < columns.len() && self.kept {
                let line = printable(line);
                return Err(format!(
                    "ERROR: inconsistent detail field in smaps file, line:\n {line}\n"
                ));
            }
            at = columns.iter().position(|column| column.name == name).unwrap_or(columns.len());
            if at == columns.len() {
                if at == MOST_COLUMNS {
                    return Ok(());
                }
                let width = if self.options.quiet { 0 } else { name.len() };
                let shown = if self.kept { name.to_vec() } else { ascii(name) };
                let (name, value) = (name.to_vec(), Vec::new());
                columns.push(Column { name, shown, value, total: 0, width });
            }
        }
        self.next_column = at + 1;
        let column = &mut columns[at];
        column.value = value.to_vec();
        let mut digits = value;
        column.total = column.total.wrapping_add(scan::decimal(&mut digits).unwrap_or_default());
        if self.options.quiet {
            column.width = column.width.max(value.len());
        }
        Ok(())
    }

    fn print(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let quiet = self.options.quiet;
        let any = !self.rows.is_empty();
        let shown = [
            true,
            self.shows(b"Perm"),
            self.shows(b"Offset"),
            self.shows(b"Device"),
            self.shows(b"Inode"),
        ];
        let flags = self.flags_width.filter(|_| self.shows(b"VmFlags"));
        let mapping = self.shows(b"Mapping");
        if !quiet {
            for column in &mut self.table.columns {
                column.width = column.width.max(column.total.to_string().len());
            }
        }
        let mut flags_width = flags.unwrap_or_default();
        if any && !quiet {
            for ((title, width), _) in
                HEAD.iter().zip(&mut self.widths).zip(shown).filter(|(_, shown)| *shown)
            {
                *width = title.len().max(*width);
                write!(out, "{title:>width$} ", width = *width)?;
            }
            for column in &self.table.columns {
                aligned(&column.shown, column.width, out)?;
                out.write_all(b" ")?;
            }
            if flags.is_some() {
                flags_width = flags_width.max("VmFlags".len());
                write!(out, "{:>flags_width$} ", "VmFlags")?;
            }
            out.write_all(if mapping { b"Mapping\n" } else { b"\n" })?;
        }
        let mut rows = self.rows.unpacked();
        while let Some(row) = rows.next() {
            for at in (0..HEAD.len()).filter(|&at| shown[at]) {
                if at > 0 {
                    out.write_all(b" ")?;
                }
                aligned(row.get(at).unwrap_or_default(), self.widths[at], out)?;
            }
            for (at, column) in self.table.columns.iter().enumerate() {
                out.write_all(b" ")?;
                let late: &[u8] = if self.kept { &column.value } else { b"" };
                aligned(row.get(SIZES + at).unwrap_or(late), column.width, out)?;
            }
            if flags.is_some() {
                out.write_all(b" ")?;
                aligned(row.get(FLAGS).unwrap_or_default(), flags_width, out)?;
            }
            if mapping {
                out.write_all(b" ")?;
                let name = row.get(NAME).unwrap_or_default();
                let base = name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
                let name = &name[if self.options.path { 0 } else { base }..];
                if self.kept {
                    out.write_all(name)?;
                } else {
                    out.write_all(printable(name).as_bytes())?;
                }
            }
            out.write_all(b"\n")?;
        }
        if quiet || self.table.columns.is_empty() {
            return Ok(());
        }
        let gap = (0..HEAD.len()).filter(|&at| shown[at]).map(|at| self.widths[at] + 1).sum();
        write!(out, "{:gap$}", "")?;
        for column in &self.table.columns {
            write!(out, "{:=>width$} ", "", width = column.width)?;
        }
        write!(out, "\n{:gap$}", "")?;
        for column in &self.table.columns {
            write!(out, "{:>width$} ", column.total, width = column.width)?;
        }
        out.write_all(b"KB \n")
    }
}

/// `VmFlags: %127[a-z ]`, without the blank at its end.
fn flags(line: &[u8]) -> Option<&[u8]> {
    let mut rest = line.strip_prefix(b"VmFlags:")?;
    let flags = scan::set(&mut rest, 127, true, |b| b.is_ascii_lowercase() || b == b' ')?;
    Some(flags.strip_suffix(b" ").unwrap_or(flags))
}

/// Right-aligned by bytes.
fn aligned(text: &[u8], width: usize, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{:1$}", "", width.saturating_sub(text.len()))?;
    out.write_all(text)
}
