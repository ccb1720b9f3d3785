//! Reports as text for people and as JSON for programs.
//!
//! Report in, text out: [`status()`] is one screen, [`rank()`] a table, [`cache()`] and [`cache_csv()`] one too, [`explain()`] one score
//! taken apart, [`json`] the documented format. What the terminal can do arrives as a [`Style`].
//!
//! Two rules hold everywhere. What is unknown prints as `?` or as a word, never as 0. And every
//! meaning survives without colour: colour only leads the eye.
//!
//! # What this crate does not do
//! It reads nothing, asks no terminal and knows no kernel rule: a number that is not in the report
//! is not on the screen, except for sums, shares and units.

mod allocators;
mod amount;
mod annotate;
mod bar;
mod cache;
mod comparison;
mod csv;
mod explain;
mod gloss;
mod heap;
mod html;
pub mod json;
mod ledger;
pub mod map;
mod page;
mod rank;
mod replay;
mod score;
mod simulate;
mod status;
mod style;
mod table;
mod text;
mod timeline;
mod usage;
mod variations;
mod words;

pub use allocators::allocators;
pub use annotate::{PageEntry, annotated};
pub use cache::{Amounts, cache, cache_csv};
pub use comparison::{comparison, comparison_page};
pub use explain::{explained, explained_verdict};
pub use heap::{heap, heap_picture, heap_svg, heap_time_svg};
pub use html::explained_html;
pub use ledger::{ledger, ledger_diff, ledger_svg};
pub use rank::{Rows, explain, rank};
pub use replay::strace_replay;
pub use simulate::{simulation, simulation_svg};
pub use status::status;
pub use style::{Charset, Style};
pub use timeline::{INCIDENT_COLUMNS, incident_csv, incident_csv_head, named, notice, timeline};
pub use usage::{SizeUnit, UsageView, usage, usage_csv, usage_svg};
pub use variations::{variations, variations_csv, variations_svg};
