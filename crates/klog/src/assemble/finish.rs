//! What only the whole report tells: columns without a header, page size, names with commas.

use facts::Name;
use facts::oom_report::{OomKillLine, OomReport, ReaperLine};
use units::{Bytes, PageSize, Pages, Pid};

use super::builder::Builder;
use crate::record::{guess_columns, limited_name, task_row};
use crate::{Problem, Trouble};

impl Builder {
    /// The report, and what of it could not be read.
    pub(super) fn finish(mut self) -> (OomReport, Vec<Problem>) {
        self.drop_tail();
        self.rows_without_header();
        let report = &mut self.report;
        let name = report.kills.last().and_then(|kill| kill.name.clone());
        if let (Some(line), Some(name)) = (&mut report.oom_kill, name) {
            settle_commas(line, &name);
        }
        report.page_size = page_size(report);
        (self.report, self.problems)
    }

    fn rows_without_header(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return;
        }
        let Some(columns) = guess_columns(&rows.iter().map(|(_, row)| &row[..])) else {
            for (line, row) in &rows {
                self.problem(*line, Trouble::Unread, "a row whose columns can be told", row);
            }
            return;
        };
        let table = self.report.tasks.get_or_insert_default();
        let late: Vec<_> = std::mem::take(&mut table.rows);
        let mut read = Vec::new();
        for (line, row) in &rows {
            if let Some((row, _, _)) = task_row(row, columns) {
                table.rows.push(row);
                read.push(*line);
            }
        }
        table.rows.extend(late);
        table.columns = table.columns.or(Some(columns));
        self.renumber_rows(&read);
    }
}

/// `,task=` may be part of the victim's name or of its cgroup; the kill line knows the name.
fn settle_commas(line: &mut OomKillLine, name: &Name) {
    let (Some(group), Some(task)) = (&line.task_memcg, &line.task) else { return };
    let name = limited_name(name.as_bytes());
    if task.as_bytes() == name {
        return;
    }
    let text = [group.as_bytes(), b",task=", task.as_bytes()].concat();
    let end = [b",task=", name].concat();
    if let Some(group) = text.strip_suffix(&end[..]) {
        line.task_memcg = Some(Name::new(group));
        line.task = Some(Name::new(name));
    }
}

pub(super) fn reaped_pid(line: &ReaperLine) -> Option<Pid> {
    match line {
        ReaperLine::Reaped(reaped) => reaped.pid,
        ReaperLine::UnableToReap { pid, .. }
        | ReaperLine::GivingUp { pid, .. }
        | ReaperLine::Pinned { pid, .. } => *pid,
    }
}

/// The size of a page: of the smallest free block, or what makes kB and pages of the same thing
/// agree.
fn page_size(report: &OomReport) -> Option<PageSize> {
    let memory = report.memory.as_ref();
    let block = memory
        .iter()
        .flat_map(|memory| &memory.zones)
        .filter_map(|zone| zone.buddy.as_ref()?.blocks.first())
        .find_map(|blocks| PageSize::new(blocks.size.get()));
    block.or_else(|| of_counters(report)).or_else(|| of_victim(report))
}

/// The node lines in kB over the machine's counters in pages, where both name the same memory.
fn of_counters(report: &OomReport) -> Option<PageSize> {
    let memory = report.memory.as_ref()?;
    ["active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable"].iter().find_map(
        |key| {
            let mut bytes = Bytes::ZERO;
            for node in &memory.nodes {
                bytes = bytes.checked_add(node.counters.get(key)?)?;
            }
            ratio(bytes, memory.counters.get(key)?)
        },
    )
}

/// The kill line in kB over the table in pages.
fn of_victim(report: &OomReport) -> Option<PageSize> {
    let rows = &report.tasks.as_ref()?.rows;
    report.kills.iter().find_map(|kill| {
        let row = rows.iter().find(|row| row.pid == kill.pid || row.tgid == kill.pid)?;
        ratio(kill.total_vm?, row.total_vm?)
    })
}

fn ratio(bytes: Bytes, pages: Pages) -> Option<PageSize> {
    let size = bytes.get().checked_div(pages.count())?;
    PageSize::new(size).filter(|size| pages.to_bytes(*size) == Some(bytes) && bytes.get() > 0)
}
