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

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Option<String> {
        version(text.as_bytes()).release.map(|release| release.to_string())
    }

    #[test]
    fn the_release_is_found_in_both_files() {
        let text = "Linux version 2.6.32-754.el6.x86_64 (mockbuild@x) (gcc) #1 SMP\n";
        assert_eq!(release(text).as_deref(), Some("2.6.32"));
        assert_eq!(version(text.as_bytes()).text, Some(Name::from(text.trim())));
        assert_eq!(release("6.1.0-50-cloud-amd64\n").as_deref(), Some("6.1.0"));
    }

    #[test]
    fn a_cut_version_is_not_an_older_kernel() {
        assert_eq!(release("Linux version 6.1"), None);
        assert_eq!(release("Linux version"), None);
        assert_eq!(release("Darwin"), None);
        assert_eq!(version(b" \n"), Kernel::default());
        assert_eq!(version(b"\xff 6.1\n").release, None);
    }
}
