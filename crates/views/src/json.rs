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
use schemars::schema_for;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// What `oomph status --json` prints.
    Status,
    /// What `oomph rank --json` prints.
    Rank,
    /// What `oomph usage --json` prints.
    Usage,
    /// What `oomph cache --json` prints.
    Cache,
    /// What `oomph map PID --json` prints.
    Map,
    /// What `oomph map PID --pages --json` prints.
    Pages,
    /// What `oomph map --physical --json` prints.
    Physical,
    /// What `oomph ledger --json` prints.
    Ledger,
    /// What `oomph ledger --diff … --json` prints.
    LedgerDiff,
    /// What `oomph explain --json` prints, for each report.
    Explain,
    /// What `oomph explain --timeline --json` prints.
    Timeline,
    /// What `oomph simulate --json` prints.
    Simulation,
    /// What `oomph simulate --vary … --json` prints.
    Variations,
    /// What `oomph replay --json` prints for a log of strace.
    ReplayStrace,
    /// What `oomph lab --json` prints, for each scenario.
    Comparison,
    /// What `oomph replay --json` prints for a trace of malloc.
    ReplayHeap,
    /// What `oomph replay --at N --json` prints for one.
    HeapPicture,
    /// What `oomph compare-allocators --json` prints.
    CompareAllocators,
}

/// The JSON Schema (draft 2020-12) of a format.
pub fn schema(format: Format) -> Value {
    let mut schema = match format {
        Format::Status => schema_for!(StatusReport),
        Format::Rank => schema_for!(RankReport),
        Format::Usage => schema_for!(UsageReport),
        Format::Cache => schema_for!(CacheReport),
        Format::Map => schema_for!(MapReport),
        Format::Pages => schema_for!(PagesReport),
        Format::Physical => schema_for!(PhysicalReport),
        Format::Ledger => schema_for!(LedgerReport),
        Format::LedgerDiff => schema_for!(LedgerDiffReport),
        Format::Explain => schema_for!(ExplainReport),
        Format::Timeline => schema_for!(TimelineReport),
        Format::Simulation => schema_for!(SimulationReport),
        Format::Variations => schema_for!(VariationsReport),
        Format::ReplayStrace => schema_for!(StraceReport),
        Format::Comparison => schema_for!(ComparisonReport),
        Format::ReplayHeap => schema_for!(HeapReport),
        Format::HeapPicture => schema_for!(HeapPicture),
        Format::CompareAllocators => schema_for!(AllocatorsReport),
    };
    let title = match format {
        Format::Status => "oomph.status/1",
        Format::Rank => "oomph.rank/1",
        Format::Usage => "oomph.usage/1",
        Format::Cache => "oomph.cache/1",
        Format::Map => "oomph.map/1",
        Format::Pages => "oomph.pages/1",
        Format::Physical => "oomph.physical/1",
        Format::Ledger => rules::ledger::SCHEMA,
        Format::LedgerDiff => rules::ledger_diff::SCHEMA,
        Format::Explain => rules::explain::SCHEMA,
        Format::Timeline => rules::timeline::SCHEMA,
        Format::Simulation => scenario::report::SCHEMA,
        Format::Variations => scenario::vary::SCHEMA,
        Format::ReplayStrace => rules::replay::SCHEMA,
        Format::Comparison => scenario::comparison::SCHEMA,
        Format::ReplayHeap => rules::heap::SCHEMA,
        Format::HeapPicture => rules::heap::PICTURE_SCHEMA,
        Format::CompareAllocators => rules::allocators::SCHEMA,
    };
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// Every field of a format as Markdown tables, one a type.
pub fn fields(format: Format) -> String {
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
