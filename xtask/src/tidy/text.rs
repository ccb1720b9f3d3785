//! What may not stand in a source file.

/// Marks of unfinished work and of one person's machine. In two halves, so that this file is not
/// itself untidy.
const MARKS: &[(&str, &str, &str)] = &[
    ("todo", "!(", "unfinished work"),
    ("unimplemented", "!(", "unfinished work"),
    ("dbg", "!(", "a left-over of debugging"),
    ("FIX", "ME", "unfinished work"),
    ("XX", "X:", "unfinished work"),
    ("/root", "/", "a path of one machine"),
];

/// The lint that keeps unsafe code out.
const UNSAFE: &str = "unsafe_code";

/// What is untidy in the file `name` with this `text`.
pub(super) fn source(name: &str, text: &str, longest: usize) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > longest {
        found.push(format!("{name} has {lines} lines; more than {longest} are more than one idea"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let lifts =
            ["expect(", "allow("].iter().any(|start| line.contains(&format!("{start}{UNSAFE}")));
        if lifts && !name.ends_with("/sys.rs") {
            found.push(format!("{name}:{number}: unsafe code stands in `sys.rs` alone"));
        }
        for (head, tail, what) in MARKS {
            if line.match_indices(head).any(|(at, _)| line[at + head.len()..].starts_with(tail)) {
                found.push(format!("{name}:{number}: `{head}{tail}` is {what}"));
            }
        }
    }
    found
}
