//! The command line of `pmap`.

use std::io::{self, Write};

use units::Pid;

use super::Fields;
use crate::getopt::{self, Arg, Known, flag, valued};

const KNOWN: &[Known] = &[
    flag(b'x', Some(b'x'), Some("extended")),
    flag(b'X', Some(b'X'), None),
    flag(b'r', Some(b'r'), None),
    flag(b'd', Some(b'd'), Some("device")),
    flag(b'q', Some(b'q'), Some("quiet")),
    valued(b'A', Some(b'A'), Some("range")),
    flag(b'h', Some(b'h'), Some("help")),
    flag(b'V', Some(b'V'), Some("version")),
    flag(b'c', Some(b'c'), Some("read-rc")),
    valued(b'C', Some(b'C'), Some("read-rc-from")),
    flag(b'n', Some(b'n'), Some("create-rc")),
    valued(b'N', Some(b'N'), Some("create-rc-to")),
    flag(b'p', Some(b'p'), Some("show-path")),
];

/// Where the fields to show are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rc {
    Home,
    File(String),
}

/// What to print and how.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that is there or not")]
pub(super) struct Options {
    pub(super) extended: bool,
    /// How often `-X` was given.
    pub(super) every: u32,
    pub(super) device: bool,
    pub(super) quiet: bool,
    pub(super) path: bool,
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) rc: Option<Rc>,
    /// What the rc file asks for.
    pub(super) fields: Option<Fields>,
}

/// Why nothing is printed.
pub(super) enum Stop {
    Help,
    Version,
    Usage(Option<String>),
    Wrong(String),
}

/// Options and processes. The outer error is one of writing the warnings.
pub(super) fn parse(
    args: &[String],
    err: &mut dyn Write,
) -> io::Result<Result<(Options, Vec<Pid>), Stop>> {
    if args.is_empty() {
        return Ok(Err(Stop::Usage(None)));
    }
    let mut options = Options { high: u64::MAX, ..Options::default() };
    let (found, wrong) = getopt::parse(args, KNOWN);
    let mut operands = Vec::new();
    // -c, -C, -d, -n, -N, -x, -X: each counts once however often it is given.
    let mut modes = [false; 7];
    for arg in found {
        let (id, value) = match arg {
            Arg::Option(id, value) => (id, value),
            Arg::Operand(operand) => {
                operands.push(operand);
                continue;
            }
        };
        if let Some(mode) = b"cCdnNxX".iter().position(|&mode| mode == id) {
            modes[mode] = true;
        }
        match id {
            b'x' => options.extended = true,
            b'X' => options.every += 1,
            b'r' => writeln!(err, "pmap: option -r is ignored as SunOS compatibility")?,
            b'd' => options.device = true,
            b'q' => options.quiet = true,
            b'p' => options.path = true,
            b'A' if range(&value, &mut options).is_none() => {
                let complaint = format!("failed to parse argument: '{value}'");
                return Ok(Err(Stop::Wrong(complaint)));
            }
            b'h' => return Ok(Err(Stop::Help)),
            b'V' => return Ok(Err(Stop::Version)),
            b'c' => options.rc = options.rc.take().or(Some(Rc::Home)),
            b'C' => options.rc = Some(Rc::File(value)),
            _ => {}
        }
    }
    if let Some(complaint) = wrong {
        return Ok(Err(Stop::Usage(Some(complaint))));
    }
    Ok(finish(options, &operands, modes))
}

fn finish(
    options: Options,
    operands: &[String],
    modes: [bool; 7],
) -> Result<(Options, Vec<Pid>), Stop> {
    let wrong = |complaint: &str| Err(Stop::Wrong(complaint.to_owned()));
    if modes.into_iter().filter(|&given| given).count() > 1 {
        return wrong("options -c, -C, -d, -n, -N, -x, -X are mutually exclusive");
    }
    let [_, _, _, create_home, create_file, _, _] = modes;
    if create_home || create_file {
        if options.quiet || options.path {
            return wrong("options -p, -q are mutually exclusive with -n, -N");
        }
        if !operands.is_empty() {
            return wrong("too many arguments");
        }
        return wrong("rc files are read (-c, -C), not written");
    }
    if operands.is_empty() {
        return wrong("argument missing");
    }
    let mut pids = Vec::new();
    for operand in operands {
        let (below_proc, text) = match operand.strip_prefix("/proc/") {
            Some(rest) => (true, rest),
            None => (false, operand.as_str()),
        };
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            if below_proc {
                continue;
            }
            return Err(Stop::Usage(None));
        }
        let pid = number(text).filter(|pid| (1..=0x7fff_ffff).contains(pid));
        let pid = pid.and_then(|pid| u32::try_from(pid).ok()).ok_or(Stop::Usage(None))?;
        pids.push(Pid::new(pid));
    }
    Ok((options, pids))
}

/// As C reads a number of any base: `0x1f`, `017`, `15`.
fn number(text: &str) -> Option<u64> {
    let (digits, base) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    digits.chars().all(|c| c.is_digit(base)).then_some(())?;
    u64::from_str_radix(digits, base).ok()
}

/// `LOW,HIGH`, either of which may be missing, or one address for both.
fn range(text: &str, options: &mut Options) -> Option<()> {
    let (low, high) = text.split_once(',').unwrap_or((text, text));
    if !low.is_empty() {
        options.low = hexadecimal(low)?;
    }
    if !high.is_empty() {
        options.high = hexadecimal(high)?;
    }
    Some(())
}

/// As `strtoul` to base 16: blanks and a prefix before it are allowed, what is too large is the
/// largest.
fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.trim_start();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits);
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    Some(u64::from_str_radix(digits, 16).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pids(words: &str) -> Option<Vec<u32>> {
        let args: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let parsed = parse(&args, &mut Vec::new()).unwrap();
        parsed.ok().map(|(_, pids)| pids.into_iter().map(Pid::get).collect())
    }

    #[test]
    fn processes_are_named_by_number_or_path() {
        assert_eq!(pids("1 /proc/2 0x10 010"), Some(vec![1, 2, 16, 8]));
        assert_eq!(pids("1 /proc/self"), Some(vec![1]));
        for words in ["self", "0", "1x", "-1", "2147483648", "09"] {
            assert_eq!(pids(words), None, "{words}");
        }
    }

    #[test]
    fn ranges_may_be_open_at_either_end() {
        for (text, expected) in [
            ("10", Some((0x10, 0x10))),
            ("10,", Some((0x10, u64::MAX))),
            (",0x20", Some((0, 0x20))),
            ("10,ffffffffffffffffff", Some((0x10, u64::MAX))),
            ("zz", None),
            ("1,2,3", None),
        ] {
            let mut options = Options { high: u64::MAX, ..Options::default() };
            let read = range(text, &mut options).map(|()| (options.low, options.high));
            assert_eq!(read, expected, "{text}");
        }
    }
}
