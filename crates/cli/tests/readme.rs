//! The picture in the README is what the program prints for a capture of this repository.
//! `UPDATE_EXPECT=1 cargo test -p oomph --test readme` takes it anew.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_picture_is_real() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(["--from", "capture.tar"])
        .current_dir(root.join("tests/data/captures/6.12-256m-swap"))
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "80")
        .output()
        .expect("the program starts");
    let screen = String::from_utf8(output.stdout).expect("UTF-8");

    let path = root.join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md");
    let (start, end) = ("<!-- picture -->\n```text\n", "```\n<!-- end of picture -->\n");
    let (before, rest) = readme.split_once(start).expect("the first marker");
    let (shown, after) = rest.split_once(end).expect("the second marker");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{before}{start}{screen}{end}{after}")).expect("README.md");
    } else {
        assert_eq!(shown, screen, "UPDATE_EXPECT=1 cargo test -p oomph --test readme");
    }
}
