use super::*;
use serde_json::json;

#[test]
fn this_repository_is_tidy() {
    let found = check(&repository::root()).expect("the repository can be read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_edge_outside_the_picture_is_found_and_one_for_tests_is_not() {
    let metadata = json!({"packages": [
        {"name": "a", "dependencies": [
            {"name": "b", "path": "/b", "kind": null},
            {"name": "c", "path": "/c", "kind": "dev"},
            {"name": "elsewhere", "kind": null},
        ]},
        {"name": "b", "dependencies": [{"name": "a", "path": "/a", "kind": "build"}]},
        {"name": "new", "dependencies": []},
    ]});
    let picture: &[(&str, &[&str])] = &[("a", &["b"]), ("b", &[])];
    assert_eq!(
        crates::picture(&metadata, picture),
        [
            "b depends on a, which the picture does not allow",
            "the crate new is not in the picture of the crates"
        ]
    );
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let manifest = "\
[workspace.dependencies]
# Why one and two are here.
one = \"1\"
two = { version = \"2\" }

three = \"3\"

[workspace.lints.rust]
unsafe_code = \"deny\"
";
    assert_eq!(
        crates::workspace_manifest(manifest),
        ["the dependency three has no comment above it that gives the reason"]
    );
}

#[test]
fn a_workspace_that_allows_unsafe_code_is_found() {
    assert_eq!(
        crates::workspace_manifest("[workspace.lints.rust]\nunsafe_code = \"warn\"\n"),
        ["the lints of the workspace do not deny unsafe code"]
    );
}

#[test]
fn a_crate_with_its_own_version_or_without_the_lints_is_found() {
    let manifest = "[dependencies]\nserde.workspace = true\nlibc = \"0.2\"\n";
    assert_eq!(
        crates::member_manifest("x/Cargo.toml", manifest),
        [
            "x/Cargo.toml: `libc = \"0.2\"` does not take its version from the workspace",
            "x/Cargo.toml does not take the lints of the workspace"
        ]
    );
    let good = "[dependencies]\nserde.workspace = true\n[lints]\nworkspace = true\n";
    assert!(crates::member_manifest("x/Cargo.toml", good).is_empty());
}

#[test]
fn unsafe_code_outside_the_files_for_it_is_found() {
    let text = format!("#![expect({}, reason = \"\")]\n", "unsafe_code");
    assert_eq!(text::source("a/sys.rs", &text, 10), Vec::<String>::new());
    assert_eq!(
        text::source("a/b.rs", &text, 10),
        ["a/b.rs:1: unsafe code stands in `sys.rs` alone"]
    );
}

#[test]
fn a_long_file_and_left_over_marks_are_found() {
    assert_eq!(
        text::source("a.rs", "1\n2\n3\n", 2),
        ["a.rs has 3 lines; more than 2 are more than one idea"]
    );
    let left_over = concat!("fn f() {\n    to", "do!()\n}\n");
    assert_eq!(
        text::source("a.rs", left_over, 9),
        [concat!("a.rs:2: `to", "do!(` is unfinished work")]
    );
}
