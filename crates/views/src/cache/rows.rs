//! The table.

use facts::LeftAlone;
use rules::cache::{By, CacheReport, CacheRow};
use units::Bytes;

use super::words::{self, Units};
use crate::amount;
use crate::page::Page;
use crate::rank::user;
use crate::style::{Accent, Style};
use crate::table::{Align, Table};
use crate::text;

/// Columns of a bar.
const BAR: usize = 8;
/// Columns of those who hold a file.
const HELD_BY: usize = 18;
/// Columns that names get at the expense of other columns.
const NAME: usize = 28;
/// Holders told by name.
const NAMES: usize = 2;

pub(super) fn section(page: &mut Page<'_>, report: &CacheReport, units: Units<'_>) {
    let (one, many) = match report.by {
        By::File => ("file", "files"),
        By::Directory => ("directory", "directories"),
        By::Process => ("process", "processes"),
        By::Extension => ("extension", "extensions"),
    };
    let mut title = many.to_owned();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let rows = &report.rows;
    if rows.is_empty() {
        let why = if report.more.rows > 0 {
            format!("none so large; {} are smaller", amount::grouped(report.more.rows))
        } else if report.left_alone.iter().any(|left| left.why == LeftAlone::NotPermitted) {
            "none that the kernel tells of".to_owned()
        } else {
            "none with a page in the cache".to_owned()
        };
        return page.heading(&title, &why);
    }
    let all = (rows.len() as u64).saturating_add(report.more.rows);
    let what = if report.more.rows == 0 {
        amount::count(rows.len(), one, many)
    } else {
        let rest = units.long(report.more.cached);
        format!("{} of {}; the others have {rest}", rows.len(), amount::grouped(all))
    };
    page.heading(&title, &what);
    let mut table = table(report, units);
    let last = ("  ", head(report.by));
    let wanted = names_wanted(rows);
    let dropped = table.narrow_for(
        page.style,
        &["", "USER", "NOTE", "DIRTY", "SIZE", "HELD BY"],
        last.0,
        wanted,
    );
    let room = table.room_for(last.0, page.style);
    let names = rows.iter().map(|row| name(row, report.by, room, page.style));
    table.column(last.0, last.1, Align::Left, names);
    page.table(&table);
    let dropped: Vec<&str> = dropped.iter().copied().filter(|head| !head.is_empty()).collect();
    if !dropped.is_empty() {
        let words =
            format!("no room for {}; a wider terminal or --json has them", dropped.join(", "));
        page.sentence(&page.style.paint(Accent::Dim, &words));
    }
}

/// Columns that the names want: what most paths of a machine need to be told apart.
fn names_wanted(rows: &[CacheRow]) -> usize {
    let longest = rows.iter().filter_map(|row| row.name.as_ref()).map(|n| n.escaped().len()).max();
    longest.unwrap_or(0).min(NAME)
}

fn head(by: By) -> &'static str {
    match by {
        By::File => "FILE",
        By::Directory => "DIRECTORY",
        By::Process => "PROCESS",
        By::Extension => "EXTENSION",
    }
}

/// All columns but the last.
fn table(report: &CacheReport, units: Units<'_>) -> Table {
    let (rows, style) = (&report.rows, units.style);
    let column = |f: &dyn Fn(&CacheRow) -> String| rows.iter().map(f).collect::<Vec<_>>();
    let largest = rows.iter().map(|row| row.cached).max().unwrap_or_default();
    let mut table = Table::new(1);
    table.column("", "CACHED", Align::Right, column(&|r| units.cell(Some(r.cached))));
    table.column(" ", "", Align::Left, column(&|r| bar(r.cached, largest, style)));
    match report.by {
        By::File => {
            table.column(" ", "OF IT", Align::Right, column(&|r| of_it(r)));
        }
        By::Process => {
            table.column("  ", "ALONE", Align::Right, column(&|r| alone(r, units)));
            table.column("  ", "FILES", Align::Right, column(&|r| amount::grouped(r.files)));
            table.column("  ", "PID", Align::Right, column(&pid));
        }
        By::Directory | By::Extension => {
            table.column("  ", "SIZE", Align::Right, column(&|r| units.cell(Some(r.size))));
            table.column("  ", "FILES", Align::Right, column(&|r| amount::grouped(r.files)));
        }
    }
    if rows.iter().any(|r| r.dirty.is_some_and(|dirty| dirty > Bytes::ZERO)) {
        table.column("  ", "DIRTY", Align::Right, column(&|r| units.cell(r.dirty)));
    }
    if rows.iter().any(|r| !words::mark(r).is_empty()) {
        table.column("  ", "NOTE", Align::Left, column(&|r| words::mark(r).to_owned()));
    }
    if matches!(report.by, By::File | By::Process) {
        let users = column(&|r| match r.uid {
            Some(_) => user(r.user.as_ref(), r.uid, style),
            None => String::new(),
        });
        table.column("  ", "USER", Align::Left, users);
    }
    if rows.iter().any(|r| r.holders.is_some_and(|holders| holders > 0)) {
        let held = |row: &CacheRow| {
            let names = words::holders(row, NAMES, style);
            text::cut(&names, HELD_BY, style.signs().cut)
        };
        table.column("  ", "HELD BY", Align::Left, column(&held));
    }
    table
}

/// How much of a file is cached; a huge page can reach beyond its end.
fn of_it(row: &CacheRow) -> String {
    let cached = row.cached.min(row.size);
    amount::share(cached, row.size).unwrap_or_else(|| "?".to_owned())
}

fn alone(row: &CacheRow, units: Units<'_>) -> String {
    row.alone.map_or_else(String::new, |alone| units.cell(Some(alone)))
}

fn pid(row: &CacheRow) -> String {
    row.pid.map_or_else(String::new, |pid| pid.to_string())
}

fn bar(part: Bytes, largest: Bytes, style: &Style) -> String {
    let whole = u128::from(largest.get().max(1));
    let columns = (u128::from(part.get()) * BAR as u128).div_ceil(whole);
    style.signs().bar[0].repeat(usize::try_from(columns).unwrap_or(BAR).min(BAR))
}

fn name(row: &CacheRow, by: By, room: Option<usize>, style: &Style) -> String {
    let Some(name) = &row.name else {
        return match by {
            By::File => "?",
            By::Directory => "(in no directory)",
            By::Process if row.pid.is_some() => "?",
            By::Process => "(nobody)",
            By::Extension => "(none)",
        }
        .to_owned();
    };
    let name = style.name(name);
    match room {
        // The end of a path tells more than its beginning.
        Some(room) if matches!(by, By::File | By::Directory) => {
            text::cut_front(&name, room, style.signs().cut)
        }
        _ => name,
    }
}
