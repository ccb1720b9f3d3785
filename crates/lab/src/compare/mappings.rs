//! `maps`, `smaps`, `smaps_rollup`.

use super::{Difference, Tolerances, fields};

/// The first line of a mapping, without what is one machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapLine<'a> {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// `rwxp`.
    pub perms: &'a str,
    /// Offset in the file, bytes.
    pub offset: u64,
    /// Last part of the name, without `(deleted)`; empty for anonymous memory.
    pub name: &'a str,
}

impl<'a> MapLine<'a> {
    /// The line, if it is one.
    fn parse(line: &'a str) -> Option<MapLine<'a>> {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let hexadecimal = |text: &str| u64::from_str_radix(text, 16).ok();
        let (perms, rest) = rest.split_once(' ')?;
        let (offset, rest) = rest.split_once(' ')?;
        let (_device, rest) = rest.split_once(' ')?;
        let name = rest.split_once(' ').map_or("", |(_inode, name)| name.trim_start());
        let name = name.strip_suffix(" (deleted)").unwrap_or(name);
        Some(MapLine {
            start: hexadecimal(start)?,
            end: hexadecimal(end)?,
            perms,
            offset: hexadecimal(offset)?,
            name: name.rsplit('/').next().unwrap_or(name),
        })
    }
}

impl std::fmt::Display for MapLine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let MapLine { start, end, perms, offset, name } = self;
        write!(f, "{start:x}-{end:x} {perms} {offset:x} {name}")?;
        Ok(())
    }
}

/// The mappings of a text of `maps`; lines that are none are passed over.
pub fn map_lines(text: &[u8]) -> Vec<MapLine<'_>> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.lines().filter_map(MapLine::parse).collect()
}

/// Whether two texts of `maps` name the same mappings.
pub fn same_mappings(left: &[u8], right: &[u8]) -> bool {
    left == right || map_lines(left) == map_lines(right)
}

/// Lines that only one of the two has.
pub(super) fn maps(left: &[u8], right: &[u8], found: &mut Vec<Difference>) {
    if left == right {
        return;
    }
    let (left, right) = (map_lines(left), map_lines(right));
    let mut difference = |left: Option<&MapLine<'_>>, right: Option<&MapLine<'_>>| {
        let text = |line: Option<&MapLine<'_>>| line.map(ToString::to_string);
        let (left, right) = (text(left), text(right));
        let (mapping, field) = (String::new(), String::new());
        found.push(Difference { file: "maps", mapping, field, left, right });
    };
    let (mut a, mut b) = (left.iter().peekable(), right.iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (None, None) => return,
            (Some(one), Some(other)) if one == other => {
                a.next();
                b.next();
            }
            (Some(one), Some(other)) if one.start == other.start => {
                difference(a.next(), b.next());
            }
            (Some(one), Some(other)) if one.start > other.start => difference(None, b.next()),
            (None, Some(_)) => difference(None, b.next()),
            (Some(_), _) => difference(a.next(), None),
        }
    }
}

/// One mapping of `smaps` with its fields.
struct Part<'a> {
    head: MapLine<'a>,
    fields: Vec<(String, String)>,
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut all: Vec<Part<'_>> = Vec::new();
    for line in text.lines() {
        let names_field = line.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
        if !names_field {
            all.extend(MapLine::parse(line).map(|head| Part { head, fields: Vec::new() }));
        } else if let (Some(part), Some((name, value))) = (all.last_mut(), line.split_once(':')) {
            let value = value.trim();
            // Whether a page was written since somebody asked the kernel to watch: nobody asks here.
            let value = if name == "VmFlags" { value.trim_end_matches(" sd") } else { value };
            part.fields.push((name.to_owned(), value.to_owned()));
        }
    }
    all
}

/// Fields that differ in mappings that both have; mappings that only one has.
pub(super) fn smaps(
    file: &'static str,
    left: &[u8],
    right: &[u8],
    allowed: &Tolerances,
    found: &mut Vec<Difference>,
) {
    if left == right {
        return;
    }
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    let (left, right) = (parts(text(left)), parts(text(right)));
    let mut others = right.iter().peekable();
    for part in &left {
        while let Some(other) = others.next_if(|other| other.head.start < part.head.start) {
            lonely(file, None, Some(other), found);
        }
        match others.next_if(|other| other.head.start == part.head.start) {
            Some(other) => {
                let MapLine { start, end, name, .. } = part.head;
                let title = format!("{start:x}-{end:x} {name}");
                if part.head != other.head && file == "smaps" {
                    lonely(file, Some(part), Some(other), found);
                }
                let (mut one, mut two) = (part.fields.clone(), other.fields.clone());
                if name == "[vdso]" {
                    one.retain(|(field, _)| !of_sharers(field));
                    two.retain(|(field, _)| !of_sharers(field));
                }
                fields(file, title.trim_end(), &one, &two, allowed, found);
            }
            None => lonely(file, Some(part), None, found),
        }
    }
    for other in others {
        lonely(file, None, Some(other), found);
    }
}

/// Whether a value of the vdso's depends on who else on the machine has it mapped.
fn of_sharers(field: &str) -> bool {
    ["Pss", "Shared_", "Private_"].iter().any(|start| field.starts_with(start))
}

fn lonely(
    file: &'static str,
    left: Option<&Part<'_>>,
    right: Option<&Part<'_>>,
    found: &mut Vec<Difference>,
) {
    let text = |part: Option<&Part<'_>>| part.map(|part| part.head.to_string());
    let (left, right) = (text(left), text(right));
    found.push(Difference { file, mapping: String::new(), field: String::new(), left, right });
}
