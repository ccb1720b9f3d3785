//! `/proc/version` and `/proc/sys/kernel/osrelease`.

use facts::{Kernel, Name};

use crate::line::words;

/// The kernel of `/proc/version` (`Linux version 6.1.0 (…) …`) or of an `osrelease` (`6.1.0`).
///
/// The release is `None` when the text has none, or may have been cut inside it.
pub fn version(text: &[u8]) -> Kernel {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Kernel::default();
    }
    let word = match text.strip_prefix(b"Linux version ") {
        // In `/proc/version` something always follows; a release at the end of it was cut.
        Some(rest) => words(rest).next().filter(|word| word.len() < rest.trim_ascii().len()),
        None => words(text).next(),
    };
    let release =
        word.and_then(|word| std::str::from_utf8(word).ok()).and_then(|word| word.parse().ok());
    Kernel { text: Some(Name::new(text)), release }
}
