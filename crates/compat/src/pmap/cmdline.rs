//! The command line of a process as the procps library prints it.

use units::Pid;

use crate::{Machine, ProcFile, text};

/// Bytes the library reads of a command line.
const MOST: usize = 128 * 1024;
/// Bytes of a `comm` it keeps.
const MOST_COMM: usize = 63;

/// The arguments with blanks between them, or `[comm]` when there are none.
pub(super) fn text(machine: &mut dyn Machine, pid: Pid, stat: &[u8], utf8: bool) -> Vec<u8> {
    let arguments = text::read(machine, ProcFile::Cmdline(pid), MOST).unwrap_or_default();
    let shown = if arguments.is_empty() {
        bracketed(stat, utf8)
    } else {
        escaped(c_string(&joined(arguments)), MOST - 1, utf8)
    };
    if shown.is_empty() { b"?".to_vec() } else { shown }
}

fn joined(mut text: Vec<u8>) -> Vec<u8> {
    if text.len() == MOST {
        text.pop();
    }
    let end = text.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    for byte in &mut text[..end] {
        if matches!(byte, b'\n' | 0) {
            *byte = b' ';
        }
    }
    if text.last() == Some(&b' ') {
        text.pop();
    }
    text
}

fn c_string(text: &[u8]) -> &[u8] {
    text.split(|&b| b == 0).next().unwrap_or_default()
}

fn bracketed(stat: &[u8], utf8: bool) -> Vec<u8> {
    let Some(open) = stat.iter().position(|&b| b == b'(') else { return Vec::new() };
    let Some(close) = stat.iter().rposition(|&b| b == b')') else { return Vec::new() };
    let comm = escaped(stat.get(open + 1..close).unwrap_or_default(), MOST_COMM, utf8);
    let mut shown = Vec::with_capacity(comm.len() + 12);
    shown.push(b'[');
    // Escaped a second time, as in the library.
    shown.extend(escaped(&comm, MOST, utf8));
    shown.push(b']');
    if stat.get(close + 2) == Some(&b'Z') {
        shown.extend_from_slice(b" <defunct>");
    }
    shown
}

/// What the library does to text from outside: control characters become `?`, and in another locale
/// than UTF-8, or from the first damaged character on, `.` while every byte above ASCII becomes `?`.
fn escaped(text: &[u8], most: usize, utf8: bool) -> Vec<u8> {
    let mut out = text[..text.len().min(most)].to_vec();
    let mut at = 0;
    while utf8 && at < out.len() {
        let len = match out[at] {
            0..0x80 => 1,
            0xc2..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0..0xf5 => 4,
            _ => break,
        };
        if at + len > out.len() {
            break;
        }
        if out[at] < 0x20 || out[at] == 0x7f {
            out[at] = b'?';
        }
        at += len;
    }
    for byte in &mut out[at..] {
        match *byte {
            0x80.. => *byte = b'?',
            ..0x20 | 0x7f => *byte = b'.',
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_joined_by_blanks_and_lines_too() {
        assert_eq!(joined(b"a\0b\nc\0\0".to_vec()), b"a b c\0\0");
        assert_eq!(joined(b"a\0b ".to_vec()), b"a b");
        assert_eq!(joined(b"\0".to_vec()), b"\0");
    }

    #[test]
    fn a_process_without_arguments_is_its_name_in_brackets() {
        assert_eq!(bracketed(b"7 (a) b) S 1", true), b"[a) b]");
        assert_eq!(bracketed(b"7 (dead) Z 1", true), b"[dead] <defunct>");
        assert_eq!(bracketed(b"7", true), b"");
    }

    #[test]
    fn the_first_damaged_character_ends_the_belief_in_utf8() {
        assert_eq!(escaped("ü\x1bx".as_bytes(), 99, true), "ü?x".as_bytes());
        assert_eq!(escaped(b"a\x1b\xff\x1b\xc3\xbc", 99, true), b"a??.??");
        assert_eq!(escaped("ü\x1bx".as_bytes(), 99, false), b"??.x");
    }
}
