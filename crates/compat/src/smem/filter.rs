//! The patterns of `-P`, `-U` and `-M`.

use regex::Regex;

use super::args::Options;

/// Patterns; none passes everything.
#[derive(Debug)]
pub(super) struct Filters {
    pub(super) process: Option<Regex>,
    pub(super) user: Option<Regex>,
    mapping: Option<Regex>,
}

impl Filters {
    pub(super) fn new(options: &Options) -> Result<Filters, String> {
        let compile = |pattern: &Option<String>| pattern.as_deref().map(compile).transpose();
        Ok(Filters {
            process: compile(&options.process_filter)?,
            user: compile(&options.user_filter)?,
            mapping: compile(&options.map_filter)?,
        })
    }

    pub(super) fn process_passes(&self, text: &[u8]) -> bool {
        passes(self.process.as_ref(), text)
    }

    pub(super) fn user_passes(&self, text: &[u8]) -> bool {
        passes(self.user.as_ref(), text)
    }

    pub(super) fn mapping_passes(&self, text: &[u8]) -> bool {
        passes(self.mapping.as_ref(), text)
    }
}

fn passes(pattern: Option<&Regex>, text: &[u8]) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(&String::from_utf8_lossy(text)))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(&translated(pattern)).map_err(|error| {
        // The library's sentence has several lines, the last of which says what is wrong.
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default();
        format!("cannot use the pattern `{}`: {why}", shown(pattern))
    })
}

/// A pattern for a terminal.
fn shown(pattern: &str) -> String {
    crate::printable::printable(pattern.as_bytes())
}

/// Python's pattern in the words of our library: brackets, braces and operators that Python takes
/// for themselves get a backslash.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    // Inside of a class, how many characters it has.
    let mut class: Option<usize> = None;
    while let Some(c) = rest.next() {
        if c == '\\' {
            match rest.next() {
                Some('Z') if class.is_none() => out.push_str("\\z"),
                Some(next) => out.extend(['\\', next]),
                None => out.push('\\'),
            }
            class = class.map(|length| length + 1);
            continue;
        }
        match (class, c) {
            (None, '[') => {
                out.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                class = Some(0);
            }
            (None, '{') if !quantifies(rest.clone()) => out.push_str("\\{"),
            (None, _) => out.push(c),
            (Some(1..), ']') => {
                out.push(']');
                class = None;
            }
            (Some(length), _) => {
                if matches!(c, '[' | ']' | '&' | '~') {
                    out.push('\\');
                }
                out.push(c);
                class = Some(length + 1);
            }
        }
    }
    out
}

/// Whether `3}`, `3,}`, `,3}` or `3,4}` follows.
fn quantifies(rest: impl Iterator<Item = char>) -> bool {
    let mut inside = String::new();
    for c in rest {
        match c {
            '}' => return !inside.is_empty() && inside != "," && inside.matches(',').count() <= 1,
            '0'..='9' | ',' => inside.push(c),
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_python() {
        for (pattern, matching, other) in [
            ("^/usr", "/usr/bin", "x/usr"),
            ("a{2}", "aa", "a{2}"),
            ("a{b", "a{b", "ab"),
            ("[[]x", "[x", "x"),
            ("[]]x", "]x", "x"),
            ("[^]]x", "ax", "]x"),
            ("[a&&b]x", "&x", "cx"),
            (r"\Ax\Z", "x", "xx"),
            ("(?i)SSH", "sshd", "bash"),
        ] {
            let regex = compile(pattern).unwrap();
            assert!(regex.is_match(matching), "{pattern} {matching}");
            assert!(!regex.is_match(other), "{pattern} {other}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_named() {
        let message = compile("(x").unwrap_err();
        assert!(message.starts_with("cannot use the pattern `(x`: error: "), "{message}");
        assert!(compile(r"(a)\1").is_err());
    }
}
