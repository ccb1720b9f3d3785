//! Options as Python's `optparse` takes them.

/// What to print and how.
#[derive(Debug, Default, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that is there or not")]
pub(super) struct Options {
    pub(super) no_header: bool,
    pub(super) columns: Option<String>,
    pub(super) totals: bool,
    pub(super) autosize: bool,
    pub(super) realmem: Option<String>,
    pub(super) kernel: Option<String>,
    pub(super) mappings: bool,
    pub(super) users: bool,
    pub(super) system: bool,
    pub(super) process_filter: Option<String>,
    pub(super) map_filter: Option<String>,
    pub(super) user_filter: Option<String>,
    pub(super) numeric: bool,
    pub(super) sort: Option<String>,
    pub(super) reverse: bool,
    pub(super) percent: bool,
    pub(super) abbreviate: bool,
    pub(super) source: Option<String>,
    /// `--pie` or `--bar` was given.
    pub(super) chart: bool,
}

/// Why nothing is printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Help,
    Wrong(String),
}

/// Short name (blank for none), long name, whether it takes a value.
const KNOWN: [(char, &str, bool); 21] = [
    ('h', "help", false),
    ('H', "no-header", false),
    ('c', "columns", true),
    ('t', "totals", false),
    ('a', "autosize", false),
    ('R', "realmem", true),
    ('K', "kernel", true),
    ('m', "mappings", false),
    ('u', "users", false),
    ('w', "system", false),
    ('P', "processfilter", true),
    ('M', "mapfilter", true),
    ('U', "userfilter", true),
    ('n', "numeric", false),
    ('s', "sort", true),
    ('r', "reverse", false),
    ('p', "percent", false),
    ('k', "abbreviate", false),
    ('S', "source", true),
    (' ', "pie", true),
    (' ', "bar", true),
];

pub(super) fn parse(args: &[String]) -> Result<Options, Stop> {
    let mut options = Options::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            break;
        }
        if let Some(text) = arg.strip_prefix("--") {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let (long, takes) = long(name)?;
            let value = match (takes, value) {
                (false, Some(_)) => {
                    return Err(Stop::Wrong(format!("--{long} option does not take a value")));
                }
                (false, None) => String::new(),
                (true, Some(value)) => value.to_owned(),
                (true, None) => rest.next().ok_or_else(|| missing(&format!("--{long}")))?.clone(),
            };
            set(&mut options, long, value)?;
        } else if let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            for (at, letter) in letters.char_indices() {
                let known = KNOWN.iter().find(|known| known.0 == letter && letter != ' ');
                let Some(&(_, long, takes)) = known else {
                    return Err(Stop::Wrong(format!("no such option: -{letter}")));
                };
                if !takes {
                    set(&mut options, long, String::new())?;
                    continue;
                }
                let joined = &letters[at + letter.len_utf8()..];
                let value = if joined.is_empty() {
                    rest.next().ok_or_else(|| missing(&format!("-{letter}")))?.clone()
                } else {
                    joined.to_owned()
                };
                set(&mut options, long, value)?;
                break;
            }
        }
        // What is no option is ignored.
    }
    Ok(options)
}

fn missing(option: &str) -> Stop {
    Stop::Wrong(format!("{option} option requires 1 argument"))
}

/// The option that begins so.
fn long(name: &str) -> Result<(&'static str, bool), Stop> {
    let exact = KNOWN.iter().find(|known| known.1 == name);
    let mut starting: Vec<_> = KNOWN.iter().filter(|known| known.1.starts_with(name)).collect();
    match (exact, starting.as_slice()) {
        (Some(known), _) | (None, &[known]) => Ok((known.1, known.2)),
        (None, []) => Err(Stop::Wrong(format!("no such option: --{name}"))),
        (None, _) => {
            starting.sort_by_key(|known| known.1);
            let names: Vec<_> = starting.iter().map(|known| format!("--{}", known.1)).collect();
            Err(Stop::Wrong(format!("ambiguous option: --{name} ({}?)", names.join(", "))))
        }
    }
}

fn set(options: &mut Options, long: &str, value: String) -> Result<(), Stop> {
    // An empty value is as good as none to Python.
    let text = Some(value).filter(|value| !value.is_empty());
    match long {
        "help" => return Err(Stop::Help),
        "no-header" => options.no_header = true,
        "columns" => options.columns = text,
        "totals" => options.totals = true,
        "autosize" => options.autosize = true,
        "realmem" => options.realmem = text,
        "kernel" => options.kernel = text,
        "mappings" => options.mappings = true,
        "users" => options.users = true,
        "system" => options.system = true,
        "processfilter" => options.process_filter = text,
        "mapfilter" => options.map_filter = text,
        "userfilter" => options.user_filter = text,
        "numeric" => options.numeric = true,
        "sort" => options.sort = text,
        "reverse" => options.reverse = true,
        "percent" => options.percent = true,
        "abbreviate" => options.abbreviate = true,
        "source" => options.source = text,
        _ => options.chart = true,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &str) -> Result<Options, Stop> {
        parse(&words.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_clustered_joined_and_abbreviated() {
        let options = words("-tkcpid ignored --sor pss --rev --column=x -- -z").unwrap();
        assert!(options.totals && options.abbreviate && options.reverse);
        assert_eq!(options.columns.as_deref(), Some("x"));
        assert_eq!(options.sort.as_deref(), Some("pss"));
    }

    #[test]
    fn complaints_are_those_of_optparse() {
        for (line, complaint) in [
            ("-z", "no such option: -z"),
            ("--foo", "no such option: --foo"),
            ("-c", "-c option requires 1 argument"),
            ("--col", "--columns option requires 1 argument"),
            ("--s x", "ambiguous option: --s (--sort, --source, --system?)"),
            ("--totals=3", "--totals option does not take a value"),
        ] {
            assert_eq!(words(line).unwrap_err(), Stop::Wrong(complaint.to_owned()));
        }
    }
}
