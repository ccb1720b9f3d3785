//! What a line is, behind its prefix.

use facts::signal;
use world::{End, Errno};

use crate::entry::Outcome;

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A call from its name to its result.
    Whole(&'a str),
    /// A call up to `<unfinished ...>`.
    Begun(&'a str),
    /// What follows `<... mmap resumed>`, and the name.
    Resumed(&'a str, &'a str),
    /// `+++ exited with 0 +++`.
    Ended(End),
    /// `+++ superseded by execve in pid 123 +++`: that thread goes on under the number of this line.
    Superseded(u32),
    /// `--- SIGCHLD {…} ---`.
    Signal(&'a str),
    /// `strace: Process 123 attached`.
    Attached(u32),
    /// `[ Process PID=123 runs in 32 bit mode. ]`.
    Mode32,
    /// What strace says about itself, and stacks of `-k`.
    Talk,
}

/// Reads a line without its prefix; `Err` is what was expected.
pub(crate) fn kind(text: &str) -> Result<Kind<'_>, &'static str> {
    if let Some(inner) = text.strip_prefix("+++ ") {
        let inner = inner.strip_suffix(" +++").ok_or("`+++` at the end of the line")?;
        return ended(inner).ok_or("`exited with STATUS` or `killed by SIGNAL`");
    }
    if let Some(inner) = text.strip_prefix("--- ") {
        return Ok(Kind::Signal(inner.split([' ', '{']).next().unwrap_or_default()));
    }
    if let Some(inner) = text.strip_prefix("<... ") {
        let (name, rest) = inner.split_once(" resumed>").ok_or("`NAME resumed>`")?;
        return Ok(Kind::Resumed(name, rest));
    }
    if let Some(said) = text.strip_prefix("strace: ") {
        let attached = said.strip_prefix("Process ").and_then(|s| s.strip_suffix(" attached"));
        let pid = attached.and_then(|pid| pid.parse().ok());
        return Ok(pid.map_or(Kind::Talk, Kind::Attached));
    }
    if let Some(said) = text.strip_prefix("Process ")
        && let Some(pid) = said.split(' ').next().and_then(|pid| pid.parse().ok())
    {
        let attached = said.ends_with(" attached");
        return Ok(if attached { Kind::Attached(pid) } else { Kind::Talk });
    }
    if text.starts_with("[ Process PID=") {
        let narrow = text.contains("runs in 32 bit mode");
        return Ok(if narrow { Kind::Mode32 } else { Kind::Talk });
    }
    if text.is_empty() || text.starts_with("> ") || text.starts_with(" > ") {
        return Ok(Kind::Talk);
    }
    match text.strip_suffix("<unfinished ...>") {
        Some(begun) => Ok(Kind::Begun(begun)),
        None => Ok(Kind::Whole(text)),
    }
}

fn ended(inner: &str) -> Option<Kind<'_>> {
    if let Some(status) = inner.strip_prefix("exited with ") {
        return status.parse().ok().map(|status| Kind::Ended(End::Exit(status)));
    }
    if let Some(pid) = inner.strip_prefix("superseded by execve in pid ") {
        return pid.parse().ok().map(Kind::Superseded);
    }
    let name = inner.strip_prefix("killed by ")?.split(' ').next()?;
    Some(Kind::Ended(End::Signal(signal::number(name)?)))
}

/// What stands behind `=`.
pub(crate) fn outcome(text: &str) -> Option<Outcome> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    if first == "?" {
        return Some(Outcome::Unknown);
    }
    if first == "-1" {
        let name = words.next()?;
        return match Errno::from_name(name) {
            Some(errno) => Some(Outcome::Error(errno)),
            // An error that calls about memory do not give keeps no name.
            None if name.starts_with('E') => Some(Outcome::Error(Errno(0))),
            None => None,
        };
    }
    let number = first.split('<').next().unwrap_or(first);
    crate::value::number(number).map(Outcome::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_told_apart() {
        assert_eq!(kind("brk(NULL) = 0x1"), Ok(Kind::Whole("brk(NULL) = 0x1")));
        assert_eq!(kind("wait4(-1,  <unfinished ...>"), Ok(Kind::Begun("wait4(-1,  ")));
        assert_eq!(kind("<... mmap resumed>) = 0x1"), Ok(Kind::Resumed("mmap", ") = 0x1")));
        assert_eq!(kind("+++ exited with 3 +++"), Ok(Kind::Ended(End::Exit(3))));
        assert_eq!(
            kind("+++ killed by SIGSEGV (core dumped) +++"),
            Ok(Kind::Ended(End::Signal(11)))
        );
        assert_eq!(kind("+++ superseded by execve in pid 7 +++"), Ok(Kind::Superseded(7)));
        assert_eq!(kind("--- SIGCHLD {si_signo=SIGCHLD} ---"), Ok(Kind::Signal("SIGCHLD")));
        assert_eq!(kind("strace: Process 18 attached"), Ok(Kind::Attached(18)));
        assert_eq!(kind("Process 18 attached"), Ok(Kind::Attached(18)));
        assert_eq!(kind("[ Process PID=3 runs in 32 bit mode. ]"), Ok(Kind::Mode32));
        assert_eq!(kind(" > /usr/lib/x(brk+0xb) [0xf]"), Ok(Kind::Talk));
        assert!(kind("+++ exited with 3").is_err());
    }

    #[test]
    fn outcomes_are_values_errors_and_unknown() {
        assert_eq!(outcome("0x7f <0.0001>"), Some(Outcome::Value(0x7f)));
        assert_eq!(outcome("18873<bash>"), Some(Outcome::Value(18873)));
        assert_eq!(outcome("0 (flags)"), Some(Outcome::Value(0)));
        assert_eq!(
            outcome("-1 ENOMEM (Cannot allocate memory)"),
            Some(Outcome::Error(Errno::ENOMEM))
        );
        assert_eq!(outcome("-1 EINPROGRESS (x)"), Some(Outcome::Error(Errno(0))));
        assert_eq!(outcome("? ERESTARTSYS (x)"), Some(Outcome::Unknown));
        assert_eq!(outcome(""), None);
        assert_eq!(outcome("-1"), None);
    }
}
