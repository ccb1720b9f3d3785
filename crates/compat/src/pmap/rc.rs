//! The rc file of `pmap -c` and `-C`: which fields to show.

use std::io::{self, Read};

use super::Fields;
use super::args::{Options, Rc};
use crate::Call;

/// Bytes of the file that are read.
const MOST: u64 = 1 << 20;
/// Bytes of a line that are looked at.
const LONGEST: usize = 1024;
/// Bytes of the name of a field.
const LONGEST_NAME: usize = 31;

/// Reads the rc file that the options name into them; false when the program stops here.
pub(super) fn read(options: &mut Options, call: &mut Call<'_>) -> io::Result<bool> {
    let path = match &options.rc {
        None => return Ok(true),
        Some(Rc::File(path)) => path.clone(),
        Some(Rc::Home) => {
            let Some(home) = call.host.home() else {
                writeln!(call.err, "pmap: HOME variable undefined")?;
                return Ok(false);
            };
            format!("{home}/.pmaprc")
        }
    };
    let mut text = Vec::new();
    let file = call.host.file(&path);
    if file.and_then(|file| file.take(MOST).read_to_end(&mut text)).is_err() {
        let what = if options.rc == Some(Rc::Home) { "~/.pmaprc" } else { "the rc file" };
        writeln!(call.err, "pmap: couldn't read {what}")?;
        return Ok(false);
    }
    let mut fields = Fields::new();
    for complaint in parse(&text, &mut fields, &mut options.path) {
        writeln!(call.err, "pmap: {complaint}")?;
    }
    options.fields = Some(fields);
    Ok(true)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Unsupported,
    Fields,
    Mapping,
}

fn parse(text: &[u8], fields: &mut Fields, path: &mut bool) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut section = Section::None;
    for (number, line) in (1..).zip(text.split(|&b| b == b'\n')) {
        let syntax = || format!("syntax error found in the config - line {number}");
        let mut line = line;
        if line.len() >= LONGEST {
            complaints.push(format!("config line too long - line {number}"));
            line = &line[..LONGEST];
        }
        let mut rest = trimmed(line);
        if let [b'[', ..] = rest {
            if let Some(tail) = rest.strip_prefix(b"[Fields Display]") {
                section = Section::Fields;
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix(b"[Mapping]") {
                section = Section::Mapping;
                rest = tail;
            } else if let Some(end) = rest.iter().position(|&b| b == b']') {
                section = Section::Unsupported;
                complaints.push(format!("unsupported section found in the config - line {number}"));
                rest = &rest[end + 1..];
            } else {
                complaints.push(syntax());
                rest = b"";
            }
            rest = trimmed(rest);
            if !matches!(rest, [] | [b'#', ..]) {
                complaints.push(syntax());
            }
        }
        if matches!(rest, [] | [b'#', ..]) {
            continue;
        }
        let mut words = rest.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty());
        let (Some(name), tail) = (words.next(), words.next()) else { continue };
        if matches!(section, Section::Fields | Section::Mapping)
            && tail.is_some_and(|tail| !tail.starts_with(b"#"))
        {
            complaints.push(syntax());
        }
        match section {
            Section::Fields => {
                fields.insert(name[..name.len().min(LONGEST_NAME)].to_vec());
            }
            Section::Mapping if name == b"ShowPath" => *path = !*path,
            Section::Mapping | Section::Unsupported => {}
            Section::None => complaints.push(syntax()),
        }
    }
    complaints
}

fn trimmed(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    &line[blanks..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_the_path_are_asked_for_by_name() {
        let text = b"# rc\n[Fields Display]\n\n #Size\nRss # why\n  Pss\n[Mapping]\nShowPath\n";
        let (mut fields, mut path) = (Fields::new(), false);
        assert_eq!(parse(text, &mut fields, &mut path), Vec::<String>::new());
        let mut names: Vec<_> = fields.into_iter().collect();
        names.sort();
        assert_eq!((names, path), (vec![b"Pss".to_vec(), b"Rss".to_vec()], true));
    }

    #[test]
    fn what_is_not_understood_is_named_by_its_line() {
        let (mut fields, mut path) = (Fields::new(), true);
        let text = b"early\n[Other] x\nignored\n[Mapping\n[Fields Display]\nRss Pss\n";
        assert_eq!(
            parse(text, &mut fields, &mut path),
            [
                "syntax error found in the config - line 1",
                "unsupported section found in the config - line 2",
                "syntax error found in the config - line 2",
                "syntax error found in the config - line 4",
                "syntax error found in the config - line 6",
            ]
        );
        assert!(path);
    }
}
