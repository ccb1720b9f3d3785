//! The prefix of a line: level, time, caller, host and program, in the forms of dmesg, syslog,
//! journalctl, pstore, logcat, raw kmsg and others, and any of them before another.

use facts::Name;
use facts::oom_report::Stamp;

use crate::cursor::{Cursor, decimal};

/// Who printed a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// The line has no prefix: it may carry on the line before it.
    #[default]
    Bare,
    /// The prefix tells a time or a level, or says that the kernel wrote it.
    Kernel,
    /// Another program.
    Program,
}

/// The task or cpu that printed (`CONFIG_PRINTK_CALLER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    Task(u32),
    Cpu(u32),
}

/// When a line was printed, as it stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RawStamp<'a> {
    /// Microseconds since boot.
    Boot(u64),
    /// A date or a time of day.
    Wall(&'a [u8]),
}

impl From<RawStamp<'_>> for Stamp {
    fn from(raw: RawStamp<'_>) -> Stamp {
        match raw {
            RawStamp::Boot(micros) => Stamp::Boot(micros),
            RawStamp::Wall(text) => Stamp::Wall(Name::new(text)),
        }
    }
}

/// A line without its prefix.
#[derive(Debug, Default)]
pub(crate) struct Peeled<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) origin: Origin,
    pub(crate) stamp: Option<RawStamp<'a>>,
    pub(crate) caller: Option<Caller>,
    /// The date or time of day, also where a time since boot follows it.
    pub(crate) wall: Option<&'a [u8]>,
    /// The machine.
    pub(crate) host: Option<&'a [u8]>,
    /// The program and what it says of itself: `systemd[1]`.
    pub(crate) tag: Option<&'a [u8]>,
}

/// Takes prefixes off lines of one text: mostly the line before had the same date, host and program.
#[derive(Debug, Default)]
pub(crate) struct Peeler {
    /// What stood before the time since boot, from a date to `kernel:` and the blanks behind it.
    known: Vec<u8>,
}

impl Peeler {
    /// The same body, origin, time and caller that [`peel`] finds.
    pub(crate) fn peel<'a>(&mut self, line: &'a [u8]) -> Peeled<'a> {
        let text = line.trim_ascii();
        if let Some(peeled) = self.after_known(text) {
            return peeled;
        }
        let peeled = peel(line);
        self.learn(text, &peeled);
        peeled
    }

    /// The time and the body of a line that stands as the kernel printed it, behind the same date,
    /// host and program as the line before; `None` where any more must be looked at to tell.
    pub(crate) fn stamped<'a>(&self, line: &'a [u8]) -> Option<(u64, &'a [u8])> {
        /// Longer ones are none: `bracket` looks no farther.
        const LONGEST: usize = 48;
        let text = line.strip_prefix(&self.known[..])?.strip_prefix(b"[")?;
        let blanks = text.iter().take_while(|b| **b == b' ').count();
        let mut cursor = Cursor::new(&text[blanks..]);
        let seconds = cursor.number()?;
        cursor.eat(b".").then_some(())?;
        let before = cursor.rest.len();
        let micros = cursor.number()?;
        // Six digits, as `print_time()` writes them.
        let six = before - cursor.rest.len() == 6 && cursor.eat(b"] ");
        (six && text.len() - cursor.rest.len() < LONGEST).then_some(())?;
        let micros = seconds.checked_mul(1_000_000)?.checked_add(micros)?;
        Some((micros, cursor.rest))
    }

    fn after_known<'a>(&self, text: &'a [u8]) -> Option<Peeled<'a>> {
        if self.known.is_empty() {
            return None;
        }
        let rest = text.strip_prefix(&self.known[..]).filter(|rest| rest.starts_with(b"["))?;
        // A dash among the next words makes it RFC 5424.
        if memchr::memchr(b'-', rest).is_some()
            && rest
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty())
                .take(6)
                .any(|word| word == b"-")
        {
            return None;
        }
        let mut peeled = Peeled { body: rest, ..Peeled::default() };
        bracket(&mut peeled);
        matches!(peeled.stamp, Some(RawStamp::Boot(_))).then_some(())?;
        peeled.body = peeled.body.trim_ascii_start();
        parts(&mut peeled, 6);
        Some(peeled)
    }

    fn learn(&mut self, text: &[u8], peeled: &Peeled<'_>) {
        self.known.clear();
        if peeled.tag != Some(b"kernel") || !matches!(peeled.stamp, Some(RawStamp::Boot(_))) {
            return;
        }
        let Some(at) = memchr::memmem::find(text, b" kernel: ") else { return };
        let known = at + 9 + text[at + 9..].iter().take_while(|b| **b == b' ').count();
        let mut alone = Peeled { body: text, ..Peeled::default() };
        syslog(&mut alone);
        // The date, the host and the program are all there is before the time.
        if alone.body.trim_ascii_start().len() == text.len() - known
            && text[known..].starts_with(b"[")
        {
            self.known.extend_from_slice(&text[..known]);
        }
    }
}

/// Takes the prefix off.
pub(crate) fn peel(line: &[u8]) -> Peeled<'_> {
    let mut peeled = Peeled { body: line.trim_ascii(), ..Peeled::default() };
    // More than this many parts are not a prefix but somebody's joke.
    parts(&mut peeled, 8);
    peeled
}

fn parts(peeled: &mut Peeled<'_>, most: u32) {
    for _ in 0..most {
        let before = peeled.body.len();
        part(peeled);
        peeled.body = peeled.body.trim_ascii_start();
        if peeled.body.len() == before || peeled.origin == Origin::Program {
            break;
        }
    }
}

fn part(peeled: &mut Peeled<'_>) {
    let Some(&first) = peeled.body.first() else { return };
    // The kernel's own time is the last part but for the caller: what follows may be a name.
    let stamped = matches!(peeled.stamp, Some(RawStamp::Boot(_)));
    match first {
        b'[' if stamped => caller(peeled),
        _ if stamped => {}
        b'<' => level(peeled),
        b'[' => bracket(peeled),
        b'0'..=b'9' => {
            if !kmsg_record(peeled) && !times(peeled) {
                syslog(peeled);
            }
        }
        b'k' | b':' if kernel_word(peeled) => {}
        b'M' if peeled.body.starts_with(b"MESSAGE=") => {
            peeled.body = &peeled.body[8..];
            peeled.origin = Origin::Kernel;
        }
        _ => {
            if !facility(peeled) {
                syslog(peeled);
            }
        }
    }
}

/// `[ T1778]` or `[   C3]` behind the time.
fn caller(peeled: &mut Peeled<'_>) {
    let mut cursor = Cursor::new(&peeled.body[1..]);
    cursor.blanks();
    let task = cursor.eat(b"T");
    if (task || cursor.eat(b"C"))
        && peeled.caller.is_none()
        && let Some(id) = cursor.number().and_then(|n| u32::try_from(n).ok())
        && cursor.eat(b"]")
    {
        peeled.caller = Some(if task { Caller::Task(id) } else { Caller::Cpu(id) });
        peeled.body = cursor.rest;
    }
}

/// `<4>`, and RFC 5424's `<4>1 `.
fn level(peeled: &mut Peeled<'_>) {
    let mut cursor = Cursor::new(&peeled.body[1..]);
    let digits = cursor.run(|b| b.is_ascii_digit());
    if !digits.is_empty() && digits.len() <= 3 && cursor.eat(b">") {
        if cursor.rest.starts_with(b"1 2") {
            cursor.eat(b"1 ");
        }
        peeled.body = cursor.rest;
        peeled.origin = Origin::Kernel;
    }
}

/// `[  123.456789]`, `[  123.456789 <    0.000020>]`, `[  +0.002367]`, and any date in any language,
/// as `dmesg -T` prints it.
fn bracket(peeled: &mut Peeled<'_>) {
    const LONGEST: usize = 64;
    let text = &peeled.body[1..];
    let Some(end) = memchr::memchr(b']', &text[..text.len().min(LONGEST)]) else { return };
    let inner = text[..end].trim_ascii();
    let known = match inner.first() {
        Some(b'0'..=b'9') => match boot(inner) {
            Some(micros) => {
                peeled.stamp = Some(RawStamp::Boot(micros));
                true
            }
            None => peeled.stamp.is_none() && clock_at(inner).is_some() && wall(peeled, inner),
        },
        Some(b'+') => inner[1..].iter().all(|b| b.is_ascii_digit() || *b == b'.'),
        Some(_) => peeled.stamp.is_none() && clock_at(inner).is_some() && wall(peeled, inner),
        None => false,
    };
    if known {
        peeled.body = &text[end + 1..];
        peeled.origin = Origin::Kernel;
    }
}

fn wall<'a>(peeled: &mut Peeled<'a>, text: &'a [u8]) -> bool {
    peeled.stamp = Some(RawStamp::Wall(text));
    peeled.wall = Some(text);
    true
}

/// `123.456789` in microseconds; what follows a blank must be a `<delta>`.
fn boot(inner: &[u8]) -> Option<u64> {
    let mut cursor = Cursor::new(inner);
    let seconds = cursor.number()?;
    cursor.eat(b".").then_some(())?;
    let fraction = cursor.run(|b| b.is_ascii_digit());
    cursor.blanks();
    if fraction.is_empty() || fraction.len() > 9 || !(cursor.is_empty() || cursor.eat(b"<")) {
        return None;
    }
    let digits = u32::try_from(fraction.len()).ok()?;
    let scaled = decimal(fraction)?.checked_mul(1_000_000)? / 10u64.checked_pow(digits)?;
    seconds.checked_mul(1_000_000)?.checked_add(scaled)
}

/// Where a time of day `hh:mm:ss` begins, at the start of a word.
fn clock_at(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b':', text).find_map(|colon| {
        let start = colon.checked_sub(2)?;
        let clock = text.get(start..start + 8)?;
        let shape = clock
            .iter()
            .enumerate()
            .all(|(at, b)| if matches!(at, 2 | 5) { *b == b':' } else { b.is_ascii_digit() });
        let begins = start == 0 || matches!(text[start - 1], b' ' | b'T');
        (shape && begins).then_some(start)
    })
}

/// `kern  :warn  : ` of `dmesg -x`.
fn facility(peeled: &mut Peeled<'_>) -> bool {
    const FACILITIES: [&[u8]; 8] =
        [b"kern", b"user", b"mail", b"daemon", b"auth", b"syslog", b"authpriv", b"local0"];
    let mut cursor = Cursor::new(peeled.body);
    let facility = cursor.run(|b| b.is_ascii_alphanumeric());
    if !FACILITIES.contains(&facility) || !cursor.eat_after_blanks(b":") {
        return false;
    }
    cursor.blanks();
    let level = cursor.run(|b| b.is_ascii_alphabetic());
    if level.is_empty() || !cursor.eat_after_blanks(b":") {
        return false;
    }
    peeled.body = cursor.rest;
    peeled.origin = if facility == b"kern" { Origin::Kernel } else { Origin::Program };
    true
}

/// `kernel: `, `kernel: : `.
fn kernel_word(peeled: &mut Peeled<'_>) -> bool {
    let mut cursor = Cursor::new(peeled.body);
    let colon = peeled.origin == Origin::Kernel && cursor.eat(b": ");
    if colon || cursor.eat(b"kernel:") {
        peeled.body = cursor.rest;
        peeled.origin = Origin::Kernel;
        return true;
    }
    false
}

/// `6,1234,5678901,-;text`, a record of `/dev/kmsg`.
fn kmsg_record(peeled: &mut Peeled<'_>) -> bool {
    let mut cursor = Cursor::new(peeled.body);
    let mut numbers = [0; 3];
    for number in &mut numbers {
        let Some(n) = cursor.number() else { return false };
        *number = n;
        if !cursor.eat(b",") {
            return false;
        }
    }
    let fields = cursor.run(|b| b != b';' && !b.is_ascii_whitespace());
    if !cursor.eat(b";") {
        return false;
    }
    if let Some(id) = memchr::memmem::find(fields, b"caller=") {
        let id = &fields[id + 7..];
        let number = id.get(1..).and_then(decimal).and_then(|n| u32::try_from(n).ok());
        peeled.caller = match id.first() {
            Some(b'T') => number.map(Caller::Task),
            Some(b'C') => number.map(Caller::Cpu),
            _ => None,
        };
    }
    peeled.stamp = Some(RawStamp::Boot(numbers[2]));
    peeled.body = cursor.rest;
    peeled.origin = Origin::Kernel;
    true
}

/// `1 Time(s): `, of logwatch.
fn times(peeled: &mut Peeled<'_>) -> bool {
    let mut cursor = Cursor::new(peeled.body);
    let known = cursor.number().is_some() && cursor.eat(b" Time(s): ");
    if known {
        peeled.body = cursor.rest;
        peeled.origin = Origin::Kernel;
    }
    known
}

/// A date, a host and a program: `Dec  9 09:47:52 host kernel: `, `2024-05-26T06:17:40.1+02:00 host
/// kernel: `, `Thu 2025-10-23 23:13:58 EDT host kernel: `, `Wed Dec  6 23:54:11 2017 kern.warn
/// kernel: `, `19:51:01 kernel: `, logcat's `07-28 10:46:14.319   479   479 W kernel: `.
fn syslog(peeled: &mut Peeled<'_>) {
    const LONGEST_DATE: usize = 40;
    if peeled.stamp.is_some() {
        return;
    }
    let text = peeled.body;
    let Some(clock) = clock_at(&text[..text.len().min(LONGEST_DATE)]) else { return };
    let date = &text[..clock];
    if !is_date(date) {
        return;
    }
    let mut cursor = Cursor::new(&text[clock + 8..]);
    cursor.run(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'+' | b'-' | b':' | b'Z'));
    if !cursor.is_empty() && !cursor.rest[0].is_ascii_whitespace() {
        return;
    }
    let stamp = &text[..text.len() - cursor.rest.len()];
    peeled.stamp = Some(RawStamp::Wall(stamp));
    peeled.wall = Some(stamp);
    peeled.origin = Origin::Kernel;
    cursor.blanks();
    peeled.body = cursor.rest;
    // Only `dmesg --time-format=iso` writes a comma, and there is no program behind it.
    if !stamp.contains(&b',') {
        program(peeled, cursor);
    }
}

/// Words of at most 9 letters and digits, six at most between blanks.
fn is_date(text: &[u8]) -> bool {
    let (mut word, mut blanks) = (0, 0);
    for &b in text {
        match b {
            b' ' => (word, blanks) = (0, blanks + 1),
            b'-' | b'/' | b'T' | b',' | b'.' => word = 0,
            _ if b.is_ascii_alphanumeric() => word += 1,
            _ => return false,
        }
        if word > 9 || blanks > 5 {
            return false;
        }
    }
    true
}

/// `host program[pid]: `, with what stands between them in the many formats.
fn program<'a>(peeled: &mut Peeled<'a>, mut cursor: Cursor<'a>) {
    // `<34>1 2024-… host kernel - - - text`, RFC 5424.
    let dash = memchr::memchr(b'-', peeled.body).is_some();
    let mut word = || if dash { cursor.word() } else { b"" };
    let words = [word(), word(), word(), word(), word()];
    if words[2] == b"-" || (words[3] == b"-" && words[4] == b"-") {
        let own = words[1] == b"kernel";
        peeled.host = Some(words[0]);
        peeled.tag = Some(words[1]);
        peeled.origin = if own { Origin::Kernel } else { Origin::Program };
        if words[4] == b"-" {
            cursor.blanks();
            peeled.body = cursor.rest;
        }
        return;
    }
    let text = peeled.body;
    let mut at = 0;
    for _ in 0..5 {
        let word_end =
            text[at..].iter().position(u8::is_ascii_whitespace).map_or(text.len(), |n| at + n);
        let word = &text[at..word_end];
        if word.starts_with(b"[") && word.len() > 1 && at > 0 {
            // `host [ 12.345] text`: there is no program.
            peeled.body = &text[at..];
            return;
        }
        if let Some(tag) = word.strip_suffix(b":") {
            peeled.tag = Some(tag);
            peeled.host = host(&text[..at]);
            let tag = tag.split(|&b| b == b'[').next().unwrap_or(tag);
            let own = tag == b"kernel" || tag.eq_ignore_ascii_case(b"kernel");
            peeled.origin = if own { Origin::Kernel } else { Origin::Program };
            peeled.body = &text[word_end..];
            return;
        }
        at = word_end + text[word_end..].iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
        if at >= text.len() || word_end == text.len() {
            return;
        }
        if word == b":" {
            return;
        }
        if text[at..].starts_with(b": ") {
            let own = word.eq_ignore_ascii_case(b"kernel");
            peeled.tag = Some(word);
            peeled.origin = if own { Origin::Kernel } else { Origin::Program };
            peeled.body = &text[at + 2..];
            return;
        }
    }
}

/// The machine among what stands between a date and a program: its last word, but no year, no level
/// and no priority.
fn host(between: &[u8]) -> Option<&[u8]> {
    let last = between.rsplit(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
    let number = last.iter().all(u8::is_ascii_digit);
    let priority = last.len() == 1 || last.starts_with(b"kern.") || last.starts_with(b"daemon.");
    (!number && !priority).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(line: &str) -> (String, Origin) {
        let peeled = peel(line.as_bytes());
        (String::from_utf8_lossy(peeled.body).into_owned(), peeled.origin)
    }

    #[test]
    fn the_kernels_lines_are_found_behind_every_prefix() {
        for prefix in [
            "[  123.456789] ",
            "[123456.789012] ",
            "[  123.456789 <    0.000020>] ",
            "[  123.456789][ T1778] ",
            "[  123.456789][   C3] ",
            "<4>[  123.456789] ",
            "<4>",
            "kern  :warn  : [  123.456789] ",
            "kern  :info  : [Wed Dec  6 23:54:11 2017] ",
            "[Wed Dec  6 23:54:11 2017] ",
            "[Di Aug 12 03:54:03 2025] ",
            "[月  1月 26 01:49:41 2026] ",
            "[  +0.002367] ",
            "Dec  9 09:47:52 host kernel: ",
            "Dec  9 09:47:52 host kernel: [  123.456789] ",
            "Dec  9 09:47:52 kernel: ",
            "Apr 18 16:56:18 v125000100.bja kernel: : [22254386.758297] ",
            "2024-05-26T06:17:40.123456+02:00 host kernel: [ 12.345678] ",
            "2024-05-26T06:17:40+0000 host kernel: ",
            "2024-05-26 06:17:40 host kernel: ",
            "2024-05-26T06:17:40,123456+02:00 ",
            "<4>1 2024-05-26T06:17:40.123Z host kernel - - - ",
            "Thu 2025-10-23 23:13:58 EDT host kernel: ",
            "Wed Dec  6 23:54:11 2017 kern.warn kernel: [   12.345678] ",
            "19:51:01 kernel: ",
            "kernel: ",
            ">>> kernel: ",
            "4,1234,5678901,-;",
            "4,1234,5678901,-,caller=T1778;",
            "07-28 10:46:14.319   479   479 W kernel  : ",
            "1 Time(s): ",
            "MESSAGE=",
            "\t\t",
        ] {
            let line = format!("{prefix}Mem-Info:");
            let unwrapped = crate::transport::unwrap(line.as_bytes());
            let peeled = peel(&unwrapped.text);
            assert_eq!(String::from_utf8_lossy(peeled.body), "Mem-Info:", "{prefix}");
            assert_ne!(peeled.origin, Origin::Program, "{prefix}");
        }
    }

    #[test]
    fn what_the_line_before_taught_changes_nothing() {
        let prefixes = [
            "Dec  9 09:47:52 host kernel: [  123.456789] ",
            "Dec  9 09:47:52 host kernel: [  123.456789][ T1778] ",
            "Dec  9 09:47:52 host kernel: [1.5]",
            "Dec  9 09:47:52 host kernel: : [1.5] ",
            "Dec  9 09:47:52 host kernel: [ 1234]     0  ",
            "Dec  9 09:47:52 host kernel: [Wed Dec  6 23:54:11 2017] ",
            "Dec  9 09:47:52 host kernel: ",
            "Dec  9 09:47:52 host kernel:",
            "19:51:01 kernel: [ 1.5] ",
            "<4>19:51:01 host kernel: [ 1.5] ",
            "19:51:01 kernel: [ 1.5] a kernel: ",
            "19:51:01 kernel kernel: [ 1.5] ",
            "Dec  9 09:47:52 host systemd[1]: [ 1.5] ",
            "[ 1.5] ",
            "",
        ];
        let bodies =
            ["Mem-Info:", "[ T7] x", "[ 12] 0 -1000 a", "- - x", "a - - x", "a b - -", "a: b"];
        let all = prefixes.iter().flat_map(|prefix| bodies.map(|body| format!("{prefix}{body}")));
        let all: Vec<String> = all.collect();
        for before in &all {
            for line in &all {
                let mut peeler = Peeler::default();
                peeler.peel(before.as_bytes());
                let (ours, plain) = (peeler.peel(line.as_bytes()), peel(line.as_bytes()));
                assert_eq!(
                    (ours.body, ours.origin, ours.stamp, ours.caller),
                    (plain.body, plain.origin, plain.stamp, plain.caller),
                    "{line} after {before}"
                );
            }
        }
        let mut peeler = Peeler::default();
        peeler.peel(all[0].as_bytes());
        assert!(peeler.after_known(all[0].as_bytes()).is_some());
    }

    #[test]
    fn a_row_of_the_task_table_is_no_time() {
        let row = "[ 1234]     0  1234 1 2 3 4 5 a:b";
        assert_eq!(body(row), (row.to_owned(), Origin::Bare));
        assert_eq!(body("[ 12.5] [ 1234] 0"), ("[ 1234] 0".to_owned(), Origin::Kernel));
    }

    #[test]
    fn other_programs_are_told_apart() {
        let line = "Sep 22 16:22:29 mgr9 systemd-logind: Killed process 1 (x)";
        assert_eq!(body(line), ("Killed process 1 (x)".to_owned(), Origin::Program));
        let line = "Dec 14 17:13:12 systemd[2765]: run-u820.service: Failed";
        assert_eq!(body(line).1, Origin::Program);
        assert_eq!(body("daemon:info  : [ 1.0] x").1, Origin::Program);
    }

    #[test]
    fn callers_and_times_are_kept() {
        let peeled = peel(b"[ 1234.5][ T77] x");
        assert_eq!(peeled.caller, Some(Caller::Task(77)));
        assert_eq!(peeled.stamp, Some(RawStamp::Boot(1_234_500_000)));
        let peeled = peel(b"[ 12.345678901234567890] x");
        assert_eq!(peeled.body, b"[ 12.345678901234567890] x");
    }
}
