//! Names of signals, by the numbers of every architecture but Alpha, MIPS, PA-RISC and SPARC.

/// Signals that end a process that does not handle them, by name (`include/uapi/asm-generic/signal.h`;
/// `sig_kernel_ignore()` and `sig_kernel_stop()` have the others).
pub const ENDING: &[(&str, u8)] = &[
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGSTKFLT", 16),
    ("SIGXCPU", 24),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", 31),
];

/// Signals that stop a process, let it go on, or pass it by.
const OTHER: &[(&str, u8)] = &[
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGURG", 23),
    ("SIGWINCH", 28),
];

/// The first signal that has no name of its own.
const REAL_TIME: u8 = 32;
/// The last signal (`_NSIG`).
const LAST: u8 = 64;

fn all() -> impl Iterator<Item = &'static (&'static str, u8)> {
    ENDING.iter().chain(OTHER)
}

/// The name of a signal, as `strace` prints it (`SIGRT_2` for a real-time one); `None`: there is no such
/// signal.
#[must_use]
pub fn name(signal: u8) -> Option<String> {
    if (REAL_TIME..=LAST).contains(&signal) {
        return Some(format!("SIGRT_{}", signal - REAL_TIME));
    }
    let found = all().find(|(_, number)| *number == signal);
    found.map(|(name, _)| (*name).to_owned())
}

/// The number of a signal of that name; `None`: there is no such signal.
#[must_use]
pub fn number(name: &str) -> Option<u8> {
    if let Some(above) = name.strip_prefix("SIGRT_") {
        let above: u8 = above.parse().ok()?;
        return above.checked_add(REAL_TIME).filter(|number| *number <= LAST);
    }
    all().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// A signal by its name, or by its number where it has none.
#[must_use]
pub fn named(signal: u8) -> String {
    name(signal).unwrap_or_else(|| format!("signal {signal}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_found_by_its_name_and_nothing_else_is() {
        for signal in 1..=LAST {
            assert_eq!(number(&name(signal).unwrap()), Some(signal));
        }
        assert_eq!(name(0), None);
        assert_eq!(name(65), None);
        assert_eq!(number("SIGRT_33"), None);
        assert_eq!(number("SIGRT_300"), None);
        assert_eq!(number("SIGNAL"), None);
        assert_eq!(named(200), "signal 200");
    }
}
