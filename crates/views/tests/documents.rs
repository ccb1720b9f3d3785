//! The documented fields are those of the code: `docs/json.md` between its markers.
//! `UPDATE_EXPECT=1 cargo test -p oomph-views` rewrites them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use oomph_views::INCIDENT_COLUMNS;
use oomph_views::json::{FORMATS, fields};

#[test]
fn the_document_of_the_json_format_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
    let document = fs::read_to_string(&path).expect("docs/json.md");
    let mut current = document.clone();
    for format in FORMATS {
        let name = format.name;
        let (start, end) =
            (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->\n"));
        let (before, rest) = current.split_once(&start).expect("the first marker");
        let (_, after) = rest.split_once(&end).expect("the second marker");
        current = format!("{before}{start}\n{}{end}{after}", fields(format));
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, current).expect("docs/json.md can be written");
    } else {
        assert!(
            document == current,
            "docs/json.md is old; UPDATE_EXPECT=1 cargo test -p oomph-views"
        );
    }
}

#[test]
fn the_columns_of_incidents_are_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/incidents.md");
    let document = fs::read_to_string(&path).expect("docs/incidents.md");
    let (start, end) = ("<!-- csv: generated -->\n", "<!-- csv: end -->\n");
    let (before, rest) = document.split_once(start).expect("the first marker");
    let (_, after) = rest.split_once(end).expect("the second marker");
    let mut table = String::from("\n| column | holds |\n|---|---|\n");
    for (name, holds) in INCIDENT_COLUMNS {
        let _ = writeln!(table, "| `{name}` | {holds} |");
    }
    let current = format!("{before}{start}{table}\n{end}{after}");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, current).expect("docs/incidents.md can be written");
    } else {
        assert!(
            document == current,
            "docs/incidents.md is old; UPDATE_EXPECT=1 cargo test -p oomph-views"
        );
    }
}
