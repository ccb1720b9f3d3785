//! Traces of many recorders, known by their first bytes.

mod glibc;
mod heaptrack;
mod lines;
mod mtrace;
mod own;
mod rep;
mod unpack;

#[cfg(test)]
mod tests;

use crate::op::Op;
use crate::problem::{Place, Problem, quoted};
use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// Who recorded a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `oomph trace`.
    Own,
    /// glibc's `mtrace(3)`.
    Mtrace,
    /// A trace of the malloc laboratory of CS:APP.
    Rep,
    /// glibc's trace utilities: 64 bytes a call.
    GlibcBinary,
    /// heaptrack, as its library writes it.
    HeaptrackRaw,
    /// heaptrack, as its interpreter passes it on.
    Heaptrack,
}

impl Format {
    /// What a trace of this recorder does not tell, one sentence each.
    pub fn loses(self) -> &'static [&'static str] {
        match self {
            Format::Own | Format::GlibcBinary => &[],
            Format::Mtrace => &[
                "mtrace writes calloc and memalign as malloc, and no thread: addresses are not \
                 those of the program.",
                "The library that records allocates, too.",
            ],
            Format::Rep => &["A .rep trace knows malloc, realloc and free, and one thread."],
            Format::HeaptrackRaw => &[
                "heaptrack writes calloc and memalign as malloc, realloc as free and malloc, and no \
                 thread: addresses are not those of the program.",
            ],
            Format::Heaptrack => &[
                "heaptrack writes calloc and memalign as malloc, realloc as free and malloc, and no \
                 thread: addresses are not those of the program.",
                "An interpreted trace has no addresses either: of the blocks that one place \
                 allocated with one size, the newest is taken to be freed first. `heaptrack --raw` keeps them.",
            ],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Own => "oomph trace",
            Format::Mtrace => "mtrace",
            Format::Rep => "CS:APP .rep",
            Format::GlibcBinary => "glibc trace utilities",
            Format::HeaptrackRaw => "heaptrack, raw",
            Format::Heaptrack => "heaptrack, interpreted",
        })
    }
}

/// What a trace says of its process; `None` where it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Process number.
    pub pid: Option<u32>,
    /// What was run, with its arguments.
    pub command: Option<String>,
    /// Bytes of a page.
    pub page: Option<u64>,
    /// Where the heap began.
    pub brk: Option<u64>,
    /// Processors that the process could use.
    pub cpus: Option<u32>,
    /// The C library's release, such as `2.36`.
    pub glibc: Option<String>,
    /// `GLIBC_TUNABLES`, as it stood in the environment.
    pub tunables: Option<String>,
    /// Why the recording ended before the process did.
    pub cut: Option<String>,
}

/// A trace, call by call. A problem does not end it unless nothing can be read behind it.
pub struct Ops {
    format: Format,
    inner: Box<dyn Source>,
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ops").field("format", &self.format).finish_non_exhaustive()
    }
}

/// What reads one format.
trait Source {
    fn next(&mut self) -> Option<Result<Op, Problem>>;
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

impl Ops {
    /// Who recorded it.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What the trace says of its process; all of it only at the end.
    pub fn facts(&self) -> Facts {
        self.inner.facts()
    }
}

impl Iterator for Ops {
    type Item = Result<Op, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next()
    }
}

type Stream = Box<dyn BufRead>;

/// Bytes that are enough to know any format.
const HEAD: u64 = 4096;

/// Reads a trace, packed by gzip or Zstandard or not.
///
/// # Errors
/// A [`Problem`] at its start if it is none of the known traces; failures of reading are problems,
/// too.
pub fn open(input: impl Read + 'static) -> Result<Ops, Problem> {
    let mut stream: Stream = Box::new(BufReader::with_capacity(1 << 16, input));
    // What is packed may have been packed before.
    for _ in 0..3 {
        let mut head = Vec::new();
        (&mut stream)
            .take(HEAD)
            .read_to_end(&mut head)
            .map_err(|error| failed(Place::Byte(0), &error))?;
        let whole = Box::new(Cursor::new(head.clone()).chain(stream));
        match unpack::packer(&head) {
            Some(packer) => stream = unpack::unpacked(packer, whole),
            None => return known(&head, whole),
        }
    }
    Err(Problem::new(Place::Byte(0), "a trace", "an archive in an archive in an archive"))
}

fn known(head: &[u8], whole: Stream) -> Result<Ops, Problem> {
    let (format, inner): (Format, Box<dyn Source>) = if own::is(head) {
        (Format::Own, own::open(whole)?)
    } else if glibc::is(head) {
        (Format::GlibcBinary, Box::new(glibc::Records::new(whole)))
    } else if let Some(raw) = heaptrack::is(head) {
        let format = if raw { Format::HeaptrackRaw } else { Format::Heaptrack };
        (format, Box::new(heaptrack::Lines::new(whole)))
    } else if mtrace::is(head) {
        (Format::Mtrace, Box::new(mtrace::Lines::new(whole)))
    } else if rep::is(head) {
        (Format::Rep, Box::new(rep::Lines::new(whole)))
    } else {
        let first = head.split(|b| *b == b'\n').next().unwrap_or_default();
        let expected =
            "a trace of malloc (oomph trace, mtrace, .rep, glibc's trace utilities, heaptrack)";
        return Err(Problem::new(Place::Byte(0), expected, quoted(first)));
    };
    Ok(Ops { format, inner })
}

/// Fills a record as far as the trace goes: how many bytes there were.
fn fill(stream: &mut Stream, record: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < record.len() {
        match stream.read(&mut record[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn failed(place: Place, error: &io::Error) -> Problem {
    Problem::new(place, "more of the trace", format!("a failure of reading ({error})"))
}
