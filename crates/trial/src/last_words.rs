//! The end of what a command writes to standard error, in bounded memory.

use std::io::{self, Read};
use std::thread;

/// Bytes that are kept.
const KEPT: usize = 2048;

/// Reads until the last writer is gone, and keeps the end.
pub(crate) fn listen(pipe: io::PipeReader) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || keep_the_end(pipe))
}

fn keep_the_end(mut from: impl Read) -> Vec<u8> {
    let mut kept = Vec::with_capacity(2 * KEPT);
    let mut piece = [0; KEPT];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => {
                kept.extend_from_slice(&piece[..length]);
                let excess = kept.len().saturating_sub(KEPT);
                kept.drain(..excess);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    kept
}

/// The last lines, at most so many.
pub(crate) fn last_lines(text: &[u8], most: usize) -> &[u8] {
    let text = text.trim_ascii();
    let mut ends = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    match ends.nth(most.saturating_sub(1)) {
        Some((place, _)) => &text[place + 1..],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_much_output_is_kept() {
        let much: Vec<u8> = (0..100_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let kept = keep_the_end(much.as_slice());
        assert_eq!(kept.len(), KEPT);
        assert_eq!(last_lines(&kept, 2), b"99998\n99999");
    }

    #[test]
    fn fewer_lines_than_wanted_are_all_there() {
        assert_eq!(last_lines(b"one\ntwo\n", 3), b"one\ntwo");
        assert_eq!(last_lines(b"", 3), b"");
    }
}
