//! The same command under several allocators, as one page.

mod tables;
mod words;

use rules::allocators::{AllocatorsReport, Column, Watched};

use crate::amount;
use crate::page::Page;
use crate::style::Style;

/// What the command costs under each allocator.
pub fn allocators(report: &AllocatorsReport, style: &Style) -> String {
    let mut page = Page::new(style);
    let command: Vec<String> = report.command.iter().map(|word| style.name(word)).collect();
    page.heading("Allocators", &command.join(" "));
    page.sentence(&report.verdict);
    page.labelled("where", &words::machine(report));
    page.labelled("runs", &words::runs(report));
    tables::resident(&mut page, report);
    tables::parts(&mut page, report);
    tables::time(&mut page, report);
    foot(&mut page, report);
    page.finish()
}

/// What stands on its own is said in sentences, and only where there is something to say.
fn foot(page: &mut Page<'_>, report: &AllocatorsReport) {
    settings(page, report);
    for column in &report.columns {
        let name = page.style.name(&column.name);
        for failure in &column.failures {
            page.heading("Failed", &words::failure(&name, failure));
            for line in failure.last_words.as_bytes().split(|&byte| byte == b'\n') {
                if !line.is_empty() {
                    page.under(&page.style.name(&facts::Name::new(line)));
                }
            }
        }
    }
    not_loaded(page, report);
    if !report.absent.is_empty() {
        let names: Vec<&str> = report.absent.iter().map(|absent| absent.name.as_str()).collect();
        page.heading("Not here", &format!("{}: not installed", names.join(", ")));
        for absent in &report.absent {
            page.labelled(&absent.name, &words::absent(absent, page.style));
        }
    }
    page.heading("Measured", words::watched(report.watched));
    page.under(&words::samples(report));
    if report.watched == Watched::Sampled {
        page.under("What an empty program costs cannot be seen that way, and is unknown.");
    }
    for note in &report.notes {
        page.under(note);
    }
    if report.interrupted {
        page.under("It was interrupted: runs are missing.");
    }
}

/// What the columns are, where their name does not say it all.
fn settings(page: &mut Page<'_>, report: &AllocatorsReport) {
    let set: Vec<&Column> = report
        .columns
        .iter()
        .filter(|column| column.library.is_some() || !column.environment.is_empty())
        .collect();
    if set.is_empty() {
        return;
    }
    page.heading("Set", "so for each run");
    for column in set {
        let library = column.library.iter().map(|l| format!("LD_PRELOAD={}", page.style.name(l)));
        let rest = column.environment.iter().map(|setting| page.style.name(setting));
        let all: Vec<String> = library.chain(rest).collect();
        page.labelled(&words::short_name(column, page.style), &all.join(" "));
    }
}

fn not_loaded(page: &mut Page<'_>, report: &AllocatorsReport) {
    let some = report.columns.iter().any(|column| {
        !column.without.is_empty() || !column.others.is_empty() || !column.left_over.is_empty()
    });
    if !some {
        return;
    }
    page.heading("Beware", "");
    for column in &report.columns {
        let name = page.style.name(&column.name);
        for without in &column.without {
            page.sentence(&words::without(&name, without, page.style));
        }
        if !column.others.is_empty() {
            let others: Vec<String> = column.others.iter().map(|o| page.style.name(o)).collect();
            page.sentence(&format!(
                "Under {name} the command brought {} along as well.",
                others.join(", ")
            ));
        }
        if !column.left_over.is_empty() {
            let left: Vec<String> = column.left_over.iter().map(|l| page.style.name(l)).collect();
            page.sentence(&format!(
                "Under {name} processes outlived the command and were ended: {}.",
                left.join(", ")
            ));
        }
    }
}

/// Of a number of processes.
fn processes(count: u64) -> String {
    amount::count(usize::try_from(count).unwrap_or(usize::MAX), "process", "processes")
}

#[cfg(test)]
mod tests;
