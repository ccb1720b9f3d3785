//! Reports as JSON, and the documentation of the format from the same types.
//!
//! Amounts are bytes, spans are seconds, `null` is unknown. Each report names its format in
//! `schema` (`oomph.status/1`): new fields may appear under the same number; a field that is
//! renamed, removed or changes its meaning raises it.

use std::fmt::Write as _;

use rules::allocators::AllocatorsReport;
use rules::cache::CacheReport;
use rules::explain::ExplainReport;
use rules::heap::{HeapPicture, HeapReport};
use rules::ledger::LedgerReport;
use rules::ledger_diff::LedgerDiffReport;
use rules::map::MapReport;
use rules::pages::PagesReport;
use rules::physical::PhysicalReport;
use rules::rank::RankReport;
use rules::replay::StraceReport;
use rules::status::StatusReport;
use rules::timeline::TimelineReport;
use rules::usage::UsageReport;
use scenario::comparison::ComparisonReport;
use scenario::report::SimulationReport;
use scenario::vary::VariationsReport;
use schemars::{Schema, schema_for};
use serde::Serialize;
use serde_json::Value;

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Indented, for people.
    Pretty,
    /// One line a report, for programs.
    Line,
}

/// The report as JSON, a newline at its end.
///
/// # Errors
/// None with the reports of this program, whose map keys are all text; the signature is
/// `serde_json`'s.
pub fn to_string<T: Serialize>(report: &T, layout: Layout) -> serde_json::Result<String> {
    let mut text = match layout {
        Layout::Pretty => serde_json::to_string_pretty(report)?,
        Layout::Line => serde_json::to_string(report)?,
    };
    text.push('\n');
    Ok(text)
}

/// A documented format.
#[derive(Debug)]
pub struct Format {
    /// Its name among the others: `ledger-diff`.
    pub name: &'static str,
    /// What prints it, in a sentence without its full stop.
    pub says: &'static str,
    title: &'static str,
    schema: fn() -> Schema,
}

/// All of them.
pub const FORMATS: &[Format] = &[
    Format {
        name: "status",
        says: "What `oomph status --json` prints",
        title: "oomph.status/1",
        schema: || schema_for!(StatusReport),
    },
    Format {
        name: "rank",
        says: "What `oomph rank --json` prints",
        title: "oomph.rank/1",
        schema: || schema_for!(RankReport),
    },
    Format {
        name: "usage",
        says: "What `oomph usage --json` prints",
        title: "oomph.usage/1",
        schema: || schema_for!(UsageReport),
    },
    Format {
        name: "cache",
        says: "What `oomph cache --json` prints",
        title: "oomph.cache/1",
        schema: || schema_for!(CacheReport),
    },
    Format {
        name: "map",
        says: "What `oomph map PID --json` prints",
        title: "oomph.map/1",
        schema: || schema_for!(MapReport),
    },
    Format {
        name: "pages",
        says: "What `oomph map PID --pages --json` prints",
        title: "oomph.pages/1",
        schema: || schema_for!(PagesReport),
    },
    Format {
        name: "physical",
        says: "What `oomph map --physical --json` prints",
        title: "oomph.physical/1",
        schema: || schema_for!(PhysicalReport),
    },
    Format {
        name: "ledger",
        says: "What `oomph ledger --json` prints",
        title: rules::ledger::SCHEMA,
        schema: || schema_for!(LedgerReport),
    },
    Format {
        name: "ledger-diff",
        says: "What `oomph ledger --diff … --json` prints",
        title: rules::ledger_diff::SCHEMA,
        schema: || schema_for!(LedgerDiffReport),
    },
    Format {
        name: "explain",
        says: "What `oomph explain --json` prints, for each report",
        title: rules::explain::SCHEMA,
        schema: || schema_for!(ExplainReport),
    },
    Format {
        name: "timeline",
        says: "What `oomph explain --timeline --json` prints",
        title: rules::timeline::SCHEMA,
        schema: || schema_for!(TimelineReport),
    },
    Format {
        name: "simulation",
        says: "What `oomph simulate --json` prints",
        title: scenario::report::SCHEMA,
        schema: || schema_for!(SimulationReport),
    },
    Format {
        name: "variations",
        says: "What `oomph simulate --vary … --json` prints",
        title: scenario::vary::SCHEMA,
        schema: || schema_for!(VariationsReport),
    },
    Format {
        name: "replay-strace",
        says: "What `oomph replay --json` prints for a log of strace",
        title: rules::replay::SCHEMA,
        schema: || schema_for!(StraceReport),
    },
    Format {
        name: "comparison",
        says: "What `oomph lab --json` prints, for each scenario",
        title: scenario::comparison::SCHEMA,
        schema: || schema_for!(ComparisonReport),
    },
    Format {
        name: "replay-heap",
        says: "What `oomph replay --json` prints for a trace of malloc",
        title: rules::heap::SCHEMA,
        schema: || schema_for!(HeapReport),
    },
    Format {
        name: "heap-picture",
        says: "What `oomph replay --at N --json` prints for one",
        title: rules::heap::PICTURE_SCHEMA,
        schema: || schema_for!(HeapPicture),
    },
    Format {
        name: "compare-allocators",
        says: "What `oomph compare-allocators --json` prints",
        title: rules::allocators::SCHEMA,
        schema: || schema_for!(AllocatorsReport),
    },
];

impl Format {
    /// The one of that name.
    pub fn named(name: &str) -> Option<&'static Format> {
        FORMATS.iter().find(|format| format.name == name)
    }
}

/// The JSON Schema (draft 2020-12) of a format.
pub fn schema(format: &Format) -> Value {
    let mut schema = (format.schema)();
    schema.insert("title".to_owned(), format.title.into());
    schema.to_value()
}

/// Every field of a format as Markdown tables, one a type.
pub fn fields(format: &Format) -> String {
    let schema = schema(format);
    let mut out = String::new();
    let empty = serde_json::Map::new();
    let types = schema.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    describe(&mut out, schema["title"].as_str().unwrap_or("report"), &schema);
    for (name, kind) in types {
        describe(&mut out, name, kind);
    }
    out
}

fn describe(out: &mut String, name: &str, kind: &Value) {
    let _ = writeln!(out, "### {name}\n");
    if let Some(words) = kind["description"].as_str() {
        let _ = writeln!(out, "{}\n", one_line(words));
    }
    if let Some(properties) = kind["properties"].as_object() {
        let _ = writeln!(out, "| field | type | meaning |\n|---|---|---|");
        for (field, property) in properties {
            let meaning = property["description"].as_str().map(one_line).unwrap_or_default();
            let _ = writeln!(out, "| `{field}` | {} | {meaning} |", type_of(property));
        }
        out.push('\n');
    } else if let Some(variants) = kind["oneOf"].as_array() {
        let _ = writeln!(out, "| value | meaning |\n|---|---|");
        for variant in variants {
            variant_rows(out, variant);
        }
        out.push('\n');
    } else if let Some(pattern) = kind["type"].as_str() {
        let _ = writeln!(out, "Type: {pattern}.\n");
    }
}

fn variant_rows(out: &mut String, variant: &Value) {
    let meaning = variant["description"].as_str().map(one_line).unwrap_or_default();
    if let Some(word) = variant["const"].as_str() {
        let _ = writeln!(out, "| `\"{word}\"` | {meaning} |");
    } else if let Some(words) = variant["enum"].as_array() {
        for word in words.iter().filter_map(Value::as_str) {
            let _ = writeln!(out, "| `\"{word}\"` | {meaning} |");
        }
    } else if let Some(object) = variant["properties"].as_object() {
        for (key, inner) in object {
            let _ = writeln!(out, "| `{{\"{key}\": …}}` with {} | {meaning} |", type_of(inner));
            for (field, property) in inner["properties"].as_object().into_iter().flatten() {
                let meaning = property["description"].as_str().map(one_line).unwrap_or_default();
                let kind = type_of(property);
                let _ = writeln!(out, "| — its `{field}`: {kind} | {meaning} |");
            }
        }
    }
}

/// The type of a property in words: `integer or null`, `list of [RankRow](#rankrow)`.
fn type_of(property: &Value) -> String {
    if let Some(reference) = property["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(options) = property["anyOf"].as_array() {
        return options.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    match &property["type"] {
        Value::String(kind) if kind == "array" => {
            format!("list of {}", type_of(&property["items"]))
        }
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => "object".to_owned(),
    }
}

/// Doc comments wrap; a table's cell does not. Bars would end the cell, and the square brackets of
/// Rust's links point nowhere here.
fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
        .replace(['[', ']'], "")
}
