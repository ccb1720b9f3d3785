//! `docs/scenario.md` has every word of the code between its markers, and every example is a
//! scenario without mistakes. `UPDATE_EXPECT=1 cargo test -p oomph-scenario` rewrites it.

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
