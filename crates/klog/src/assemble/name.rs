//! Names with newlines in them.
//!
//! A task may call itself anything, and the kernel prints it as it is. What prints its records begins
//! each line of one with the same prefix (`record_print_text()`, and `dmesg`), or indents it
//! (`journalctl`). So the rest of a name looks like a line of its own, printed at the same moment.
//!
//! # What it leaves out
//! The first line of a report and `CPU: … Comm: …`: what stands before and behind a name there may be
//! anything, too.

use super::builder::Builder;
use super::{LONGEST_RECORD, Pending, is_blank, target};
use crate::record::{self, Context, Item, LONGEST_NAME, More};

/// Records that end behind a name, which is closed.
const CLOSED: [&[u8]; 7] = [
    b"Out of memory",
    b"Out of Memory",
    b"Memory cgroup out of memory",
    b"Killed process",
    b"Kill process",
    b"oom-kill:",
    b"oom_reaper: ",
];

/// Whether `before` may end inside a name and `body` carry it on, by how they begin: nearly no two
/// lines do.
pub(super) fn could_go_on(before: &[u8], body: &[u8]) -> bool {
    match before.first() {
        Some(b'[') => body.len() < LONGEST_NAME && !body.starts_with(b"["),
        Some(b'O' | b'M' | b'K' | b'o') => CLOSED.iter().any(|words| before.starts_with(words)),
        _ => false,
    }
}

/// Whether a line printed at the same moment carries on the name at the end of the record before it;
/// if so, it is added to it.
pub(super) fn goes_on(open: &[Builder], pending: &mut Pending, body: &[u8]) -> bool {
    if is_blank(body) || pending.body.len() + body.len() > LONGEST_RECORD {
        return false;
    }
    let context = target(open, pending.caller).map_or_else(Context::default, |at| open[at].context);
    let Some(before) = record::read(&pending.body, context) else { return false };
    let row = matches!(before.item, Item::Task { row: Some(_), .. });
    let kind = before.item.kind();
    // A row's name needs no end; other records have one, and lack it.
    let ends_in_name = if row { before.more == More::No } else { before.more == More::Wanted };
    let alone = record::read(body, context);
    if !ends_in_name || alone.is_some_and(|own| own.strong || row) {
        return false;
    }
    let old = pending.body.len();
    pending.body.push(b'\n');
    pending.body.extend_from_slice(body);
    let joined = record::read(&pending.body, context).is_some_and(|joined| {
        joined.item.kind() == kind && joined.consumed == pending.body.trim_ascii_end().len()
    });
    if !joined {
        pending.body.truncate(old);
    }
    joined
}

#[cfg(test)]
mod tests {
    use facts::Name;
    use facts::oom_report::{LineKind, OomReport, Record};

    use crate::reports;

    const HEAD: &str =
        "[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name";

    fn row(name: &str) -> String {
        format!("[   4711]     0  4711        1        1        0        0             0 {name}")
    }

    fn lines(of: &[String], prefix: &str) -> OomReport {
        let text: Vec<String> = of.iter().map(|line| format!("{prefix}{line}")).collect();
        let text = text.join("\n");
        let mut found = reports(text.as_bytes());
        assert_eq!(found.len(), 1, "{text}");
        let found = found.remove(0);
        assert_eq!(found.problems, []);
        found.report
    }

    #[test]
    fn a_newline_in_a_name_is_part_of_it() {
        let kill = "Out of memory: Killed process 4711 (a\nb) total-vm:4kB, anon-rss:4kB";
        let summary = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,\
                       mems_allowed=0,global_oom,task_memcg=/a,task=a\nb,pid=4711,uid=0";
        let table = [HEAD.to_owned(), row("first"), row("a\nb"), row("last")].join("\n");
        let whole = [table, summary.to_owned(), kill.to_owned()].join("\n");
        let split: Vec<String> = whole.lines().map(str::to_owned).collect();
        for prefix in ["[   12.000001] ", "Sep 22 16:22:28 web7 kernel: [   12.000001] "] {
            let report = lines(&split, prefix);
            let name = Some(Name::from("a\nb"));
            let table = report.tasks.as_ref().unwrap();
            assert_eq!(table.rows.len(), 3);
            assert_eq!(table.rows[1].name, name);
            assert_eq!(report.oom_kill.as_ref().unwrap().task, name);
            assert_eq!(report.kills[0].name, name);
            assert_eq!(report.kills.len(), 1);
            let rest = &report.lines[3];
            assert_eq!((rest.kind, &rest.records[..]), (LineKind::Tasks, &[Record::Continued][..]));
        }
    }

    #[test]
    fn an_indented_rest_of_a_name_is_part_of_it() {
        let text = [HEAD, &row("first"), &row("a"), "              b", &row("last")];
        let text = text.map(|line| match line.trim_start() {
            "b" => line.to_owned(),
            _ => format!("Sep 22 16:22:28 web7 kernel: {line}"),
        });
        let report = lines(&text, "");
        assert_eq!(report.tasks.unwrap().rows[1].name, Some(Name::from("a\nb")));
    }

    #[test]
    fn what_is_no_rest_of_a_name_stays_a_line_of_its_own() {
        let check = |between: &str, time: &str| {
            let before = [HEAD, &row("first"), &row("0123456789")];
            let before = before.map(|line| format!("[   12.000001] {line}\n")).concat();
            let last = row("last");
            let text = format!("{before}[   12.{time}] {between}\n[   12.000009] {last}\n");
            let report = reports(text.as_bytes()).remove(0).report;
            let rows = report.tasks.unwrap().rows;
            assert_eq!(rows.len(), 3, "{text}");
            assert_eq!(rows[1].name, Some(Name::from("0123456789")), "{text}");
            // It is kept, and nothing is made of it.
            assert_eq!(report.lines[3].kind, LineKind::Foreign, "{text}");
        };
        // Too long for a name, and printed at another moment.
        check("too long", "000001");
        check("abc", "000002");
    }
}
