//! Lines of other programs about the same event: [`NoticeScanner`] finds them in a log.
//!
//! Some of these programs kill by themselves before the kernel does (systemd-oomd, earlyoom,
//! Android's lowmemorykiller and lmkd, the kubelet's evictions); others tell what the kernel did or
//! what became of a unit or a container (systemd, containerd, Docker, the kubelet,
//! node-problem-detector, shells); and loggers say which of the kernel's lines they left out. Each
//! line is named as what it is; to which kill it belongs is for the rules to find.
//!
//! # What it follows
//! systemd 229 to 258, earlyoom 0.1 to 1.8, the kubelet 1.8 to 1.34, containerd 1.0 to 2.1, Docker's
//! events, node-problem-detector's `kernel-monitor`, `drivers/staging/android/lowmemorykiller.c`
//! 2.6.29 to 4.11 and its vendors' descendants, lmkd of Android 8 to 15, bash.
//!
//! # What it leaves out
//! Lines that every restart prints (`Scheduled restart job`), and whatever needs a program's debug
//! output to be switched on.

mod android;
mod containers;
mod daemons;
mod lost;
mod scan;
mod systemd;
mod take;

#[cfg(test)]
mod tests;

use facts::{Act, Figure, Name, Notice, Speaker, When};

use crate::cursor::Cursor;
use crate::transport::{self, Origin, Peeled, RawStamp};
pub(crate) use scan::Notices;
pub use scan::{NoticeScanner, notices};

/// Words of which every line that is looked for holds one.
pub(crate) const ANCHORS: [&[u8]; 22] = [
    b"OOM killer",
    b"'oom-kill'",
    b"status=9/KILL",
    b"process(es) in this unit",
    b"due to memory ",
    b"due to swap ",
    b"mem avail:",
    b"ow memory! ",
    b"sending SIG",
    b"Killing process",
    b" exited after ",
    b"viction manager:",
    b"OOM encountered",
    b"OOMKill",
    b"TaskOOM",
    b"asks/oom",
    b"container oom ",
    b"lowmemorykiller",
    b"lmkd",
    b" Killed  ",
    b"s suppressed",
    b"essages dropped",
];
/// Lines after the first of a record that was printed with newlines in it.
const MORE_LINES: u32 = 10;

/// What lines before may say about the next.
#[derive(Debug, Default)]
struct Memory {
    /// A record that further lines carry on, and how many more may.
    open: Option<(Notice, u32)>,
    /// earlyoom's last figures.
    earlyoom: Vec<Figure>,
    /// What the kubelet's last eviction was to free.
    evicting: Option<Name>,
}

/// When a line was printed, and on which machine.
pub fn when(line: &[u8]) -> When {
    let unwrapped = transport::unwrap(line);
    let first = unwrapped.text.split(|&b| b == b'\n').next().unwrap_or_default();
    when_of(&transport::peel(first))
}

fn when_of(peeled: &Peeled<'_>) -> When {
    When {
        boot_us: match peeled.stamp {
            Some(RawStamp::Boot(us)) => Some(us),
            _ => None,
        },
        time: peeled.wall.map(Name::new),
        host: peeled.host.map(Name::new),
    }
}

/// A line without its prefix, and who says it.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    body: &'a [u8],
    /// The program that the prefix names.
    program: Option<&'a [u8]>,
    origin: Origin,
}

impl Said<'_> {
    /// Whether one of these may have said it: it did, or the line does not tell.
    fn by(&self, programs: &[&[u8]]) -> bool {
        match self.program {
            Some(program) => programs.contains(&program),
            None => true,
        }
    }
}

fn read(said: &Said<'_>, memory: &mut Memory) -> Option<Notice> {
    lost::read(said)
        .or_else(|| android::read(said))
        .or_else(|| systemd::read(said))
        .or_else(|| daemons::read(said, memory))
        .or_else(|| containers::read(said, memory))
}

/// `systemd[1]` → `systemd`.
fn program_name(tag: &[u8]) -> &[u8] {
    tag.split(|&b| b == b'[').next().unwrap_or(tag)
}

/// `systemd[1]: ` before the text, as programs write it that log into the kernel's buffer.
fn own_tag(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memmem::find(body, b"]: ")?;
    let (tag, rest) = (&body[..at], &body[at + 3..]);
    let open = memchr::memchr(b'[', tag)?;
    let (program, pid) = (&tag[..open], &tag[open + 1..]);
    let named = !program.is_empty()
        && program.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (named && crate::cursor::decimal(pid).is_some()).then_some((program, rest))
}

fn notice(speaker: Speaker, act: Act) -> Notice {
    Notice {
        line: 0,
        when: When::default(),
        speaker,
        act,
        pid: None,
        name: None,
        uid: None,
        oom_score_adj: None,
        unit: None,
        cgroup: None,
        container: None,
        pod: None,
        signal: None,
        reason: None,
        count: None,
        figures: Vec::new(),
        text: Name::default(),
    }
}

/// A reader of the rest of `text` behind the first `words`.
fn behind<'a>(text: &'a [u8], words: &[u8]) -> Option<Cursor<'a>> {
    let at = memchr::memmem::find(text, words)?;
    Some(Cursor::new(&text[at + words.len()..]))
}
