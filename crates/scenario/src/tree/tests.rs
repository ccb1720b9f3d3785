use std::fmt::Write as _;

use super::*;

/// The tree as text, without places.
fn tree(text: &str) -> String {
    let mut problems = Vec::new();
    let nodes = parse(&Source::new("t", text), &mut problems);
    let mut out = String::new();
    show(&nodes, &mut out);
    for problem in problems {
        let _ = write!(out, " !{}", problem.message);
    }
    out
}

fn show(nodes: &[Node], out: &mut String) {
    for node in nodes {
        let _ = write!(out, "[{:?}", node.name.text);
        for arg in &node.args {
            let _ = write!(out, " {:?}", arg.text);
        }
        for (key, value) in &node.props {
            let _ = write!(out, " {}={:?}", key.text, value.text);
        }
        if let Some(children) = &node.children {
            out.push('{');
            show(children, out);
            out.push('}');
        }
        out.push(']');
    }
}

#[test]
fn nodes_have_words_options_and_blocks() {
    assert_eq!(
        tree("a b \"c d\" x=1MiB { e; f 8 KiB } ; g\nh{i}\n"),
        r#"["a" "b" "c d" x="1MiB"{["e"]["f" "8KiB"]}]["g"]["h"{["i"]}]"#
    );
}

#[test]
fn comments_and_what_is_taken_out_is_not_there() {
    assert_eq!(tree("a /* x /* y */ */ b // c\n/- d e { f }\ng /- h i"), r#"["a" "b"]["g" "i"]"#);
    assert_eq!(tree("a \\ // goes on\n  b"), r#"["a" "b"]"#);
    assert_eq!(tree("a /- { b } { c }"), r#"["a"{["c"]}]"#);
}

#[test]
fn strings_are_those_of_kdl() {
    assert_eq!(
        tree(r###"a "x\ty\u{e9}\"" #"r\a"# ##"q"#q"## "###),
        "[\"a\" \"x\\tyé\\\"\" \"r\\\\a\" \"q\\\"#q\"]"
    );
    assert_eq!(tree("a \"\"\"\n    one\n      two\n\n    \"\"\" b"), r#"["a" "one\n  two\n" "b"]"#);
}

#[test]
fn a_line_that_cannot_be_read_leaves_the_others() {
    assert_eq!(tree("a {\n b [\n c\n}\nd"), r#"["a"{["c"]}]["d"] !expected a word"#);
    assert_eq!(tree("a \"x\nb"), r#"["b"] !this text is never closed"#);
    assert_eq!(tree("a { b"), r#"["a"{["b"]}] !this block is never closed"#);
    assert_eq!(tree("a }\nb"), r#"["a"]["b"] !this brace closes nothing"#);
    assert_eq!(tree("a /* b"), " !this comment is never closed");
    assert_eq!(tree("a b=\nc"), r#"["c"] !`b=` lacks its value"#);
    assert_eq!(tree("a\"b\""), " !two words without space between");
}

/// The tree that the `kdl` crate reads, of a text in which words that start with digits have quotes.
fn oracle(text: &str) -> Option<String> {
    let document = kdl::KdlDocument::parse_v2(text).ok()?;
    let mut out = String::new();
    show_kdl(&document, &mut out)?;
    Some(out)
}

fn show_kdl(document: &kdl::KdlDocument, out: &mut String) -> Option<()> {
    for node in document.nodes() {
        let _ = write!(out, "[{:?}", node.name().value());
        for entry in node.entries().iter().filter(|entry| entry.name().is_none()) {
            let _ = write!(out, " {:?}", entry.value().as_string()?);
        }
        for entry in node.entries() {
            if let Some(name) = entry.name() {
                let _ = write!(out, " {}={:?}", name.value(), entry.value().as_string()?);
            }
        }
        if let Some(children) = node.children() {
            out.push('{');
            show_kdl(children, out)?;
            out.push('}');
        }
        out.push(']');
    }
    Some(())
}

#[test]
fn the_kdl_crate_reads_the_same_trees() {
    for text in [
        "a b \"c d\" x=\"1MiB\" { e; f g }\nh\n",
        "a { b; c }; g",
        "h {i}",
        "h{i;}",
        "a /* x /* y */ */ b // c\n/- d e { f }\ng /- h i",
        "a \\ // goes on\n  b",
        "a \"x\\ty\\u{e9}\\\"\" #\"r\\a\"# ##\"q\"#q\"## ",
        "a \"\"\"\n    one\n      two\n\n    \"\"\" b",
        "a #\"\"\"\n  \\one\n  \"\"\"# b=c",
        "a \"one \\\n     two\"",
        "\u{feff}a é=b\nc\r\nd\u{2028}e",
        "a /- { b } { c }",
        "a-b +c d.e ~f <g >h %i",
    ] {
        assert_eq!(Some(tree(text)), oracle(text), "{text}");
    }
}
