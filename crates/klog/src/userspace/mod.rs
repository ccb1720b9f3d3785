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
mod systemd;
mod take;

#[cfg(test)]
mod tests;

use aho_corasick::packed;
use facts::{Act, Figure, Name, Notice, Speaker, When};

use crate::cursor::Cursor;
use crate::transport::{self, Origin, Peeled, RawStamp};

/// Words of which every line that is looked for holds one.
const ANCHORS: [&[u8]; 22] = [
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
/// A line is cut here.
const LONGEST_LINE: usize = 64 << 10;
/// Lines after the first of a record that was printed with newlines in it.
const MORE_LINES: u32 = 10;

/// Finds lines of other programs in a log that comes in pieces of any size.
///
/// It holds one line and what the last few lines said; so its memory is bounded whatever the log.
#[derive(Debug)]
pub struct NoticeScanner {
    anchors: Option<packed::Searcher>,
    /// The line that is not complete.
    kept: Vec<u8>,
    /// Number of the first line not looked at.
    number: u64,
    /// The rest of a line that was too long is passed over.
    skipping: bool,
    memory: Memory,
}

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

impl Default for NoticeScanner {
    fn default() -> Self {
        NoticeScanner::new()
    }
}

impl NoticeScanner {
    /// A scanner at the beginning of a text.
    pub fn new() -> Self {
        NoticeScanner {
            anchors: packed::Searcher::new(ANCHORS),
            kept: Vec::new(),
            number: 1,
            skipping: false,
            memory: Memory::default(),
        }
    }

    /// Takes the next piece of the text; `found` gets what it completes.
    pub fn feed(&mut self, mut piece: &[u8], found: &mut impl FnMut(Notice)) {
        if self.skipping {
            let Some(end) = memchr::memchr(b'\n', piece) else { return };
            piece = &piece[end + 1..];
            self.number += 1;
            self.skipping = false;
        }
        if !self.kept.is_empty() {
            let end = memchr::memchr(b'\n', piece).map_or(piece.len(), |at| at + 1);
            let room = LONGEST_LINE.saturating_sub(self.kept.len());
            self.kept.extend_from_slice(&piece[..end.min(room)]);
            let whole = piece[..end].ends_with(b"\n");
            piece = &piece[end..];
            if !whole && self.kept.len() < LONGEST_LINE {
                return;
            }
            let line = std::mem::take(&mut self.kept);
            self.look(&line, found);
            if whole {
                // Cut before its newline, it was not counted with its text.
                self.number += u64::from(!line.ends_with(b"\n"));
            } else {
                self.skipping = true;
                return;
            }
        }
        let end = memchr::memrchr(b'\n', piece).map_or(0, |at| at + 1);
        self.look(&piece[..end], found);
        let rest = &piece[end..];
        if rest.len() >= LONGEST_LINE {
            self.look(&rest[..LONGEST_LINE], found);
            self.skipping = true;
        } else {
            self.kept.extend_from_slice(rest);
        }
    }

    /// Hands out a record that further lines might have carried on: nothing has come for a while.
    pub fn settle(&mut self, found: &mut impl FnMut(Notice)) {
        if let Some((open, _)) = self.memory.open.take() {
            found(open);
        }
    }

    /// Ends the text; `found` gets what was still open.
    pub fn finish(mut self, found: &mut impl FnMut(Notice)) {
        let text = std::mem::take(&mut self.kept);
        self.look(&text, found);
        self.settle(found);
    }

    /// Looks through `text`, which begins at line `self.number`.
    fn look(&mut self, text: &[u8], found: &mut impl FnMut(Notice)) {
        let mut at = 0;
        while at < text.len() {
            let start = if self.memory.open.is_some() {
                at
            } else {
                let Some(hit) = self.anchor(&text[at..]) else { break };
                memchr::memrchr(b'\n', &text[at..at + hit]).map_or(at, |newline| at + newline + 1)
            };
            self.number += newlines(&text[at..start]);
            let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |n| start + n + 1);
            self.read(&text[start..end], found);
            self.number += newlines(&text[start..end]);
            at = end;
        }
        self.number += newlines(&text[at..]);
    }

    fn anchor(&self, text: &[u8]) -> Option<usize> {
        match &self.anchors {
            Some(searcher) => searcher.find(text).map(|hit| hit.start()),
            None => ANCHORS.iter().filter_map(|word| memchr::memmem::find(text, word)).min(),
        }
    }

    fn read(&mut self, line: &[u8], found: &mut impl FnMut(Notice)) {
        let unwrapped = transport::unwrap(line);
        let mut texts = unwrapped.text.split(|&b| b == b'\n');
        let peeled = transport::peel(texts.next().unwrap_or_default());
        let mut body = peeled.body;
        let mut program = unwrapped.program.as_deref().or(peeled.tag).map(program_name);
        if let Some((own, rest)) = own_tag(body) {
            program = Some(own);
            body = rest;
        }
        if let Some((mut notice, left)) = self.memory.open.take() {
            if android::carry_on(&mut notice, body) {
                if left > 1 {
                    self.memory.open = Some((notice, left - 1));
                } else {
                    found(notice);
                }
                return;
            }
            found(notice);
        }
        let said = Said { body, program, origin: peeled.origin };
        let Some(mut draft) = read(&said, &mut self.memory) else { return };
        // A record with newlines in it stands on one line of JSON.
        let rest: Vec<&[u8]> = texts.take(MORE_LINES as usize).collect();
        draft.line = self.number;
        draft.when = when_of(&peeled);
        draft.text = Name::new(body);
        if draft.speaker == Speaker::LowMemoryKiller {
            let carried = rest.iter().filter(|text| android::carry_on(&mut draft, text)).count();
            if carried == 0 {
                self.memory.open = Some((draft, MORE_LINES));
                return;
            }
        }
        found(draft);
    }
}

/// All such lines of a text, in its order.
pub fn notices(text: &[u8]) -> Vec<Notice> {
    let mut all = Vec::new();
    let mut found = |one| all.push(one);
    let mut scanner = NoticeScanner::new();
    scanner.feed(text, &mut found);
    scanner.finish(&mut found);
    all
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

fn newlines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// A reader of the rest of `text` behind the first `words`.
fn behind<'a>(text: &'a [u8], words: &[u8]) -> Option<Cursor<'a>> {
    let at = memchr::memmem::find(text, words)?;
    Some(Cursor::new(&text[at + words.len()..]))
}
