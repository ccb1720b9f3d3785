//! Options as GNU `getopt_long` takes them: clustered, abbreviated, in any order among operands.

/// One option a program knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) short: Option<u8>,
    pub(crate) long: Option<&'static str>,
    pub(crate) value: bool,
    /// What the program's own code calls it.
    pub(crate) id: u8,
}

/// An option without value.
pub(crate) const fn flag(id: u8, short: Option<u8>, long: Option<&'static str>) -> Known {
    Known { short, long, value: false, id }
}

/// An option with a value.
pub(crate) const fn valued(id: u8, short: Option<u8>, long: Option<&'static str>) -> Known {
    Known { short, long, value: true, id }
}

/// What was found on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    Option(u8, String),
    Operand(String),
}

/// The arguments in order: options first seen first, operands after them as `getopt_long` leaves
/// them. On the first one that is wrong, what was understood before it, and the sentence that the C
/// library prints.
pub(crate) fn parse(args: &[String], known: &[Known]) -> (Vec<Arg>, Option<String>) {
    let mut found = Vec::new();
    let mut operands = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let wrong = if arg == "--" {
            operands.extend(rest.by_ref().cloned().map(Arg::Operand));
            None
        } else if let Some(long) = arg.strip_prefix("--") {
            long_option(long, known, &mut rest, &mut found).err()
        } else if arg.len() > 1 && arg.starts_with('-') {
            cluster(&arg[1..], known, &mut rest, &mut found).err()
        } else {
            operands.push(Arg::Operand(arg.clone()));
            None
        };
        if wrong.is_some() {
            return (found, wrong);
        }
    }
    found.append(&mut operands);
    (found, None)
}

fn long_option<'a>(
    text: &str,
    known: &[Known],
    rest: &mut impl Iterator<Item = &'a String>,
    found: &mut Vec<Arg>,
) -> Result<(), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let candidates: Vec<(&Known, &str)> = known
        .iter()
        .filter_map(|option| Some((option, option.long?)))
        .filter(|(_, long)| long.starts_with(name))
        .collect();
    let exact = candidates.iter().find(|(_, long)| *long == name);
    let (option, long) = match (exact, candidates.as_slice()) {
        (Some(&exact), _) | (None, &[exact]) => exact,
        (None, []) => return Err(format!("unrecognized option '--{name}'")),
        (None, many) => {
            let names: Vec<_> = many.iter().map(|(_, long)| format!("'--{long}'")).collect();
            let names = names.join(" ");
            return Err(format!("option '--{name}' is ambiguous; possibilities: {names}"));
        }
    };
    let value = match (option.value, value) {
        (false, Some(_)) => return Err(format!("option '--{long}' doesn't allow an argument")),
        (false, None) => String::new(),
        (true, Some(value)) => value,
        (true, None) => {
            rest.next().ok_or_else(|| format!("option '--{long}' requires an argument"))?.clone()
        }
    };
    found.push(Arg::Option(option.id, value));
    Ok(())
}

fn cluster<'a>(
    letters: &str,
    known: &[Known],
    rest: &mut impl Iterator<Item = &'a String>,
    found: &mut Vec<Arg>,
) -> Result<(), String> {
    for (at, letter) in letters.char_indices() {
        let option = u8::try_from(letter)
            .ok()
            .and_then(|byte| known.iter().find(|option| option.short == Some(byte)))
            .ok_or_else(|| format!("invalid option -- '{letter}'"))?;
        if !option.value {
            found.push(Arg::Option(option.id, String::new()));
            continue;
        }
        let joined = &letters[at + letter.len_utf8()..];
        let value = if joined.is_empty() {
            rest.next().ok_or_else(|| format!("option requires an argument -- '{letter}'"))?.clone()
        } else {
            joined.to_owned()
        };
        found.push(Arg::Option(option.id, value));
        break;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] = &[
        flag(b'x', Some(b'x'), Some("extended")),
        valued(b'A', Some(b'A'), Some("range")),
        flag(b'c', Some(b'c'), Some("read-rc")),
        valued(b'C', None, Some("read-rc-from")),
    ];

    fn args(words: &str) -> (Vec<Arg>, Option<String>) {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        parse(&words, KNOWN)
    }

    fn option(id: u8, value: &str) -> Arg {
        Arg::Option(id, value.to_owned())
    }

    #[test]
    fn options_are_clustered_abbreviated_and_mixed_with_operands() {
        let (found, wrong) = args("7 -xA1 --ext --ra=2 --read-rc --range 3 -- -x");
        assert_eq!(wrong, None);
        assert_eq!(
            found,
            [
                option(b'x', ""),
                option(b'A', "1"),
                option(b'x', ""),
                option(b'A', "2"),
                option(b'c', ""),
                option(b'A', "3"),
                Arg::Operand("7".to_owned()),
                Arg::Operand("-x".to_owned()),
            ]
        );
    }

    #[test]
    fn complaints_are_those_of_the_c_library() {
        for (words, complaint) in [
            ("-z", "invalid option -- 'z'"),
            ("--foo", "unrecognized option '--foo'"),
            ("-A", "option requires an argument -- 'A'"),
            ("--range", "option '--range' requires an argument"),
            ("--extended=1", "option '--extended' doesn't allow an argument"),
            ("--re", "option '--re' is ambiguous; possibilities: '--read-rc' '--read-rc-from'"),
        ] {
            assert_eq!(args(words).1.as_deref(), Some(complaint), "{words}");
        }
    }
}
