//! `oomph/manifest` of a capture: what its files do not say.
//!
//! Lines of `key value`; unknown keys are passed over, so that later versions may add some.
//! `partial yes` says that the capture was made of a source that did not hold everything, so that a
//! file's absence and the owner of a process's directory say nothing; `cut yes`, that this source was
//! itself a capture whose end was lacking.

use std::fmt::Write as _;

use facts::{Missing, Name, Why};
use units::PageSize;

use crate::About;

/// Path in a capture.
pub(crate) const MANIFEST: &str = "oomph/manifest";
/// Version of the layout of captures.
const FORMAT: u32 = 1;

/// The manifest of a machine.
pub(crate) fn print(about: &About) -> Vec<u8> {
    let mut text = format!("format {FORMAT}\n");
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{key} {value}");
        }
    };
    line("partial", (!about.complete).then(|| "yes".to_owned()));
    line("cut", about.cut.then(|| "yes".to_owned()));
    line("page_size", about.page_size.map(|s| s.bytes().to_string()));
    line("user_hz", about.user_hz.map(|v| v.to_string()));
    line("machine", about.machine.as_ref().map(|m| m.escaped().into_owned()));
    line("taken_at", about.taken_at.map(|v| v.to_string()));
    line("euid", about.euid.map(|v| v.to_string()));
    let namespace = about.first_pid_namespace.map(|first| if first { "first" } else { "other" });
    line("pid_namespace", namespace.map(str::to_owned));
    line("memory_mount", about.memory_mount.as_ref().map(|m| m.escaped().into_owned()));
    text.into_bytes()
}

/// Reads a manifest into `about`. A line that cannot be understood is a problem and no more.
pub(crate) fn parse(text: &[u8], about: &mut About, problems: &mut Vec<Missing>) {
    let mut format = None;
    about.complete = true;
    for (number, line) in text.split(|&b| b == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let mut problem = |expected: &str| {
            let mut shown = Name::new(line).escaped().into_owned();
            if let Some((cut, _)) = shown.char_indices().nth(60) {
                shown.truncate(cut);
            }
            problems.push(Missing {
                place: MANIFEST.to_owned(),
                why: Why::Malformed {
                    line: number + 1,
                    expected: expected.to_owned(),
                    found: format!("`{shown}`"),
                },
            });
        };
        let Some((key, value)) =
            std::str::from_utf8(line).ok().and_then(|line| line.split_once(' '))
        else {
            problem("a key and a value");
            continue;
        };
        /// Keeps the value, or says what it should have been.
        macro_rules! keep {
            ($field:expr, $value:expr, $expected:literal) => {
                match $value {
                    Some(value) => $field = Some(value),
                    None => problem($expected),
                }
            };
        }
        match key {
            "format" => keep!(format, value.parse::<u32>().ok(), "the number of a format"),
            "page_size" => keep!(
                about.page_size,
                value.parse().ok().and_then(PageSize::new),
                "a page size in bytes"
            ),
            "user_hz" => keep!(
                about.user_hz,
                value.parse().ok().filter(|&hz| hz > 0),
                "clock ticks a second"
            ),
            "machine" => about.machine = Some(Name::from(value)),
            "taken_at" => {
                keep!(about.taken_at, value.parse().ok(), "seconds since the epoch");
            }
            "euid" => keep!(about.euid, value.parse().ok(), "a user id"),
            "pid_namespace" => {
                let first = match value {
                    "first" => Some(true),
                    "other" => Some(false),
                    _ => None,
                };
                keep!(about.first_pid_namespace, first, "`first` or `other`");
            }
            "cut" => about.cut = value == "yes",
            "partial" => about.complete = value != "yes",
            "memory_mount" => about.memory_mount = Some(Name::from(value)),
            _ => {}
        }
    }
    match format {
        Some(FORMAT) => {}
        found => problems.push(Missing {
            place: MANIFEST.to_owned(),
            why: Why::Malformed {
                line: 0,
                expected: format!("format {FORMAT}"),
                found: found.map_or_else(|| "none".to_owned(), |f| format!("format {f}")),
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let about = About {
            page_size: PageSize::new(65536),
            user_hz: Some(100),
            machine: Some(Name::from("aarch64")),
            taken_at: Some(1_700_000_000),
            euid: Some(0),
            first_pid_namespace: Some(false),
            memory_mount: Some(Name::from("/sys/fs/cgroup")),
            complete: true,
            ..About::default()
        };
        let (mut read, mut problems) = (About::default(), Vec::new());
        parse(&print(&about), &mut read, &mut problems);
        assert_eq!(read, about);
        assert_eq!(problems, []);
    }

    #[test]
    fn a_capture_of_a_partial_source_is_partial() {
        for complete in [true, false] {
            let about = About { complete, ..About::default() };
            let mut read = About::default();
            parse(&print(&about), &mut read, &mut Vec::new());
            assert_eq!(read.complete, complete);
        }
    }

    #[test]
    fn a_bad_line_is_named_and_the_others_are_kept() {
        let (mut read, mut problems) = (About::default(), Vec::new());
        parse(
            b"format 1\npage_size 5000\nuser_hz 0\nfuture x\neuid 7\n\xff\n",
            &mut read,
            &mut problems,
        );
        assert_eq!((read.page_size, read.user_hz, read.euid), (None, None, Some(7)));
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "oomph/manifest: line 2: expected a page size in bytes, found `page_size 5000`",
                "oomph/manifest: line 3: expected clock ticks a second, found `user_hz 0`",
                "oomph/manifest: line 6: expected a key and a value, found `\\xff`",
            ]
        );
    }

    #[test]
    fn a_later_format_is_named() {
        let mut problems = Vec::new();
        parse(b"format 2\n", &mut About::default(), &mut problems);
        assert_eq!(problems[0].to_string(), "oomph/manifest: expected format 1, found format 2");
    }
}
