//! The reference and the grammar, made from the tables.

use std::fmt::Write as _;

use super::{
    CLAIMS, Entry, FILE_VALUES, Field, MACHINE, MACHINE_FIELDS, MAPPING_FIELDS, PROCESS_FIELDS,
    Place, RELATIONS, STATES, STEPS, SYSCTLS, TOP, VALUES,
};

/// Chapters of the reference: heading, where its words stand, and its first sentence.
const CHAPTERS: &[(&str, &str)] = &[
    ("At the top", "What a file is made of. The order does not matter."),
    ("The machine", "What stands in the block of `machine`."),
    ("Steps", "What stands in the block of a process, in the order in which it is done."),
    ("What `expect` can state", "Of the step before it, or of what is mapped."),
    ("How values compare", "`expect VALUE RELATION VALUE`."),
    ("What became of a process", "`expect PROCESS STATE`."),
];

/// Every word with what it means, its options and an example, in Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    for (number, (title, says)) in CHAPTERS.iter().enumerate() {
        let _ = write!(out, "## {title}\n\n{says}\n\n");
        match number {
            0 => entries(&mut out, TOP, Place::Top),
            1 => entries(&mut out, MACHINE, Place::Machine),
            2 => entries(&mut out, STEPS, Place::Step),
            3 => entries(&mut out, CLAIMS, Place::Step),
            4 => entries(&mut out, RELATIONS, Place::Step),
            _ => entries(&mut out, STATES, Place::Step),
        }
    }
    out.push_str("## Values\n\n");
    for (says, fields) in [
        (
            "Of a process: bare (`VmRSS`) of the one whose step it is, with a name (`child.VmRSS`) \
             of another.",
            PROCESS_FIELDS,
        ),
        (
            "Of the mappings that the range of a handle touches: `block.Rss`. What the kernel has \
             merged into one mapping counts as a whole.",
            MAPPING_FIELDS,
        ),
        ("Of the machine: `machine.MemFree`.", MACHINE_FIELDS),
        ("Of the program itself.", VALUES),
    ] {
        let _ = write!(out, "{says}\n\n| value | is |\n|---|---|\n");
        for Field { name, says, .. } in fields {
            let _ = writeln!(out, "| `{name}` | {says} |");
        }
        out.push('\n');
    }
    out.push_str(
        "In files of the machine; it need not be alive whose step it is.\n\n| value | is |\n|---|---|\n",
    );
    for (name, says) in FILE_VALUES {
        let _ = writeln!(out, "| `{name}` | {says} |");
    }
    out.push_str(
        "\n## Settings\n\nNames for `sysctl`. In brackets: what it is without being set.\n\n\
         | setting | is |\n|---|---|\n",
    );
    for setting in SYSCTLS {
        let _ = writeln!(out, "| `{}` | {} |", setting.name, setting.says);
    }
    out.push('\n');
    out
}

fn entries<W>(out: &mut String, table: &[Entry<W>], place: Place) {
    for entry in table {
        let _ = write!(out, "### `{}`\n\n`{}`\n\n{}\n\n", entry.name, entry.form, entry.says);
        if !entry.options.is_empty() {
            for (name, says) in entry.options {
                let _ = writeln!(out, "* `{name}`: {says}");
            }
            out.push('\n');
        }
        if !entry.example.is_empty() {
            let whole = super::whole_example(place, entry.example);
            let _ = write!(out, "```kdl\n{whole}```\n\n");
        }
    }
}

/// Every example as a whole scenario, with the word that it is of.
pub fn examples() -> Vec<(&'static str, String)> {
    fn of<W>(table: &[Entry<W>], place: Place) -> impl Iterator<Item = (&'static str, String)> {
        table
            .iter()
            .filter(|entry| !entry.example.is_empty())
            .map(move |entry| (entry.name, super::whole_example(place, entry.example)))
    }
    of(TOP, Place::Top)
        .chain(of(MACHINE, Place::Machine))
        .chain(of(STEPS, Place::Step))
        .chain(of(CLAIMS, Place::Step))
        .chain(of(RELATIONS, Place::Step))
        .chain(of(STATES, Place::Step))
        .collect()
}

/// A grammar for editors: which words stand where, which options each has. One rule a line, names
/// in angle brackets, what may be left out in brackets, what may come again followed by `*`.
pub fn grammar() -> String {
    let mut out = String::from(
        "# Scenarios of oomph: KDL 2 (https://kdl.dev), where a word that starts with a digit needs\n\
         # no quotes. What is not in angle brackets stands in the text as it is; `OPTION=` takes a\n\
         # value. Options may stand in any order.\n\n\
         <scenario> ::= ( ",
    );
    let all = |table: &mut dyn Iterator<Item = &'static str>| {
        table.map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" | ")
    };
    let _ = write!(out, "{} )*\n\n", all(&mut super::names(TOP)));
    rules(&mut out, TOP, "");
    let _ = write!(out, "\n<in machine> ::= ( {} )*\n\n", all(&mut super::names(MACHINE)));
    rules(&mut out, MACHINE, "");
    let _ = write!(out, "\n<steps> ::= ( {} )*\n\n", all(&mut super::names(STEPS)));
    rules(&mut out, STEPS, "");
    out.push('\n');
    rules(&mut out, CLAIMS, "expect ");
    rules(&mut out, RELATIONS, "expect ");
    rules(&mut out, STATES, "expect ");
    out.push('\n');
    for (name, fields) in [
        ("value of a process", PROCESS_FIELDS),
        ("value of a handle", MAPPING_FIELDS),
        ("value of machine", MACHINE_FIELDS),
        ("value of the program", VALUES),
    ] {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let _ = writeln!(out, "<{name}> ::= {}", names.join(" | "));
    }
    let files: Vec<&str> = FILE_VALUES.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(out, "<value of a file> ::= {}", files.join(" | "));
    let settings: Vec<&str> = SYSCTLS.iter().map(|setting| setting.name).collect();
    let _ = writeln!(out, "<setting> ::= {}", settings.join(" | "));
    out.push_str(
        "\n<size> ::= number [ B | KiB | MiB | GiB | TiB | kB | pages ]\n\
         <time> ::= number ( ns | us | ms | s | min )\n\
         <range> ::= handle | handle+size [ size ] | address size\n\
         <sum> ::= ( size | handle | handle.start | handle.end | handle.len | handle.N | value ) \
         [ ( + | - ) <sum> ]\n",
    );
    out
}

fn rules<W>(out: &mut String, table: &[Entry<W>], before: &str) {
    for entry in table {
        let _ = write!(out, "<{before}{}> ::= {}", entry.name, entry.form);
        let options: Vec<&str> = entry.options.iter().map(|(name, _)| *name).collect();
        if !options.is_empty() {
            let _ = write!(out, "    # options: {}", options.join(" "));
        }
        out.push('\n');
    }
}
