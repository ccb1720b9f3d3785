//! `docs/scenario.md` has every word of the code between its markers, and every example is a
//! scenario without mistakes. `UPDATE_EXPECT=1 cargo test -p oomph-scenario` rewrites it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use oomph_scenario::words::{examples, grammar, reference};
use oomph_scenario::{Source, check};

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenario.md");
    let document = fs::read_to_string(&path).expect("docs/scenario.md");
    let (start, end) = ("<!-- words: generated -->\n", "<!-- words: end -->\n");
    let (before, rest) = document.split_once(start).expect("the first marker");
    let (_, after) = rest.split_once(end).expect("the second marker");
    let current = format!("{before}{start}\n{}{end}{after}", reference());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, current).expect("docs/scenario.md can be written");
    } else {
        assert!(
            document == current,
            "docs/scenario.md is old; UPDATE_EXPECT=1 cargo test -p oomph-scenario"
        );
    }
}

#[test]
fn every_example_is_without_mistakes() {
    let examples = examples();
    assert!(examples.len() > 70, "only {} examples", examples.len());
    for (word, text) in examples {
        assert!(text.contains(word), "the example of `{word}` does without it:\n{text}");
        if let Err(problems) = check(&Source::new(word, &*text)) {
            panic!("{problems}\n{text}");
        }
    }
}

#[test]
fn the_grammar_has_every_word() {
    let grammar = grammar();
    for (word, _) in examples() {
        assert!(
            grammar.contains(&format!("<{word}> ::="))
                || grammar.contains(&format!("<expect {word}> ::=")),
            "{word}"
        );
    }
}

#[test]
fn every_scenario_of_the_library_is_without_mistakes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("scenarios/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "kdl") {
            let text = fs::read_to_string(&path).expect("a scenario");
            if let Err(problems) = check(&Source::new(path.display().to_string(), text)) {
                panic!("{problems}");
            }
            count += 1;
        }
    }
    assert!(count > 0, "there are no scenarios");
}

/// Chapters of the library, by the number that their first scenario has.
const CHAPTERS: &[(u32, &str, &str)] = &[
    (
        1,
        "One process and its address space",
        "What is promised, what is delivered, what is refused.",
    ),
    (34, "Memory runs out", "What takes memory, what does not, and what gives way."),
    (43, "Who is chosen", "Adjustments, and what once counted."),
    (49, "Cgroups", "Walls of one's own, and floors."),
    (56, "The machine's memory", "Zones, nodes, reserves, swap."),
    (65, "The kill", "Other ways to choose, and what comes after."),
    (71, "Published figures", "Numbers that were printed, from the machine they were printed of."),
    (76, "Then and now", "What differs between releases, and the rest."),
];

#[test]
fn the_course_lists_every_scenario_with_what_it_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut files: Vec<String> = fs::read_dir(&folder)
        .expect("scenarios/")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".kdl"))
        .collect();
    files.sort();
    let mut text = String::from(
        "# A course on how Linux runs out of memory\n\n\
         Each file is a lesson: read its comments, then run it with `oomph simulate FILE`. Every\n\
         `expect` in it is a test, of the model and, where the lesson says `runs-on … vm`, of a real\n\
         kernel (`oomph lab --on model,vm:6.1 FILE`).\n",
    );
    let mut chapters = CHAPTERS.iter().peekable();
    for file in files {
        let number: u32 = file.get(..2).and_then(|n| n.parse().ok()).expect("a number");
        while let Some((_, title, says)) = chapters.next_if(|(first, ..)| *first <= number) {
            let _ = write!(text, "\n## {title}\n\n{says}\n\n");
        }
        let path = folder.join(&file);
        let source = Source::new(&*file, fs::read_to_string(&path).expect("a scenario"));
        let scenario = check(&source).unwrap_or_else(|problems| panic!("{problems}"));
        let shows = scenario.title.unwrap_or_else(|| panic!("{file} has no title"));
        let _ = writeln!(text, "* [{}]({file}): {shows}.", file.trim_end_matches(".kdl"));
    }
    let course = folder.join("README.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&course, text).expect("scenarios/README.md can be written");
    } else {
        assert_eq!(fs::read_to_string(&course).unwrap_or_default(), text, "UPDATE_EXPECT=1");
    }
}
