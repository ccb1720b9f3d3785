//! What happens to logs, and worse.

use super::random::Random;

/// No text grows beyond this.
const LONGEST: usize = 256 << 10;

/// Words that mean something to some part of the reader.
const WORDS: [&str; 40] = [
    "oom-killer:",
    "invoked oom-killer: gfp_mask=",
    "Mem-Info:",
    "Killed process ",
    "Out of memory: Killed process 1 (x) total-vm:1kB, anon-rss:",
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)",
    ",task=",
    ",pid=",
    ",oom_memcg=/",
    "Tasks state (memory values in pages):",
    "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
    "[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
    "[      1]     0     1        1        1        0        0             0 init",
    "Node 0 Normal free:1kB",
    "Node 0 Normal: 1*4kB (UME) 0*8kB = 4kB",
    "lowmem_reserve[]: 0 0 0",
    "active_anon:1 inactive_anon:2 isolated_anon:0",
    "Memory cgroup stats for /a:",
    "memory: usage 1kB, limit 2kB, failcnt 3",
    "Task in /a killed as a result of limit of /b",
    "oom_reaper: reaped process 1 (x), now anon-rss:",
    "Unreclaimable slab info:",
    "Call Trace:",
    "CPU: 0 PID: 1 Comm: x Not tainted 6.1.0 #1",
    "sysrq: Manual OOM execution",
    "Kernel panic - not syncing: ",
    "[ 1234.567890] ",
    "[ 1234.567890][ T17] ",
    "Dec  9 09:47:52 host kernel: ",
    "4,1234,5678901,-;",
    "{\"MESSAGE\":\"",
    "\"}",
    "#012",
    "\\n",
    "=3D",
    "=\n",
    "<div>&nbsp;",
    "\u{a0}",
    "> ",
    "\u{202e}\u{1b}[2J\0",
];

/// Numbers at which arithmetic breaks.
const NUMBERS: [&str; 10] = [
    "0",
    "-1",
    "1",
    "4294967295",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "99999999999999999999999999",
];

/// One of the texts after a few things have happened to it.
pub(super) fn mutant(texts: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut text = texts[random.below(texts.len())].clone();
    for _ in 0..=random.below(12) {
        change(&mut text, texts, random);
        text.truncate(LONGEST);
    }
    text
}

fn change(text: &mut Vec<u8>, texts: &[Vec<u8>], random: &mut Random) {
    let at = random.below(text.len() + 1);
    match random.below(16) {
        0 => {
            if let Some(byte) = text.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => text.insert(at, random.byte()),
        2 => {
            let end = (at + random.below(40)).min(text.len());
            text.drain(at..end);
        }
        3 => {
            text.splice(at..at, random.one_of(&WORDS).bytes());
        }
        4 | 5 => number(text, at, random),
        6 => text.truncate(at),
        7 => {
            text.drain(..at);
        }
        8 => lines(text, random, |lines, random| {
            let (from, to) = (random.below(lines.len()), random.below(lines.len()));
            lines.swap(from, to);
        }),
        9 => lines(text, random, |lines, random| {
            let again = lines[random.below(lines.len())].clone();
            for _ in 0..=random.below(200) {
                lines.insert(random.below(lines.len()), again.clone());
            }
        }),
        10 => lines(text, random, |lines, random| {
            lines.remove(random.below(lines.len()));
        }),
        11 => wrap(text, random),
        12 => {
            // Another one is spliced in.
            let other = &texts[random.below(texts.len())];
            let from = random.below(other.len());
            let part = &other[from..(from + random.below(2000)).min(other.len())];
            text.splice(at..at, part.iter().copied());
        }
        13 => interleave(text, &texts[random.below(texts.len())], random),
        14 => {
            let prefix = random.one_of(&WORDS);
            lines(text, random, |lines, _| {
                for line in lines {
                    line.splice(0..0, prefix.bytes());
                }
            });
        }
        _ => {
            let from = random.byte();
            let to = random.byte();
            for byte in text.iter_mut().filter(|byte| **byte == from) {
                *byte = to;
            }
        }
    }
}

/// Another number in place of the first behind a place.
fn number(text: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(start) = text[at..].iter().position(u8::is_ascii_digit) else { return };
    let start = at + start;
    let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.splice(start..start + digits, random.one_of(&NUMBERS).bytes());
}

fn lines(
    text: &mut Vec<u8>,
    random: &mut Random,
    change: impl FnOnce(&mut Vec<Vec<u8>>, &mut Random),
) {
    let mut lines: Vec<Vec<u8>> = text.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    change(&mut lines, random);
    *text = lines.join(&b'\n');
}

/// Lines broken as a mailer does, at some width.
fn wrap(text: &mut Vec<u8>, random: &mut Random) {
    let width = 20 + random.below(100);
    let mut out = Vec::with_capacity(text.len() + text.len() / width);
    let mut column = 0;
    for &byte in text.iter() {
        column = if byte == b'\n' { 0 } else { column + 1 };
        if column > width && byte == b' ' {
            out.push(b'\n');
            column = 0;
        } else {
            out.push(byte);
        }
    }
    *text = out;
}

/// Lines of two texts, as two CPUs print them.
fn interleave(text: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let mut out = Vec::with_capacity(text.len() + other.len());
    let mut others = other.split_inclusive(|&b| b == b'\n').peekable();
    for line in text.split_inclusive(|&b| b == b'\n') {
        while others.peek().is_some() && random.below(2) == 0 {
            out.extend_from_slice(others.next().unwrap_or_default());
        }
        out.extend_from_slice(line);
    }
    others.for_each(|line| out.extend_from_slice(line));
    *text = out;
}
