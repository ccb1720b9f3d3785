//! The task table (`dump_tasks()`).

use facts::oom_report::{LineKind, TaskColumns, TaskRow};
use units::{Bytes, OomAdj, Pages, Pid, ScoreAdj};

use super::{Context, Item, More, Reading, consumed, name};
use crate::cursor::Cursor;

/// `uid tgid total_vm rss`, before the columns that changed.
const FIXED: usize = 4;

pub(super) fn read_title(body: &[u8]) -> Option<Reading<'_>> {
    body.starts_with(b"Tasks state (memory values in pages):")
        .then(|| Reading::whole(Item::TasksTitle, body))
}

/// A line that begins with `[`: the table's header or one of its rows.
pub(super) fn read(body: &[u8], context: Context) -> Option<Reading<'_>> {
    let mut cursor = Cursor::new(body);
    cursor.eat(b"[").then_some(())?;
    cursor.blanks();
    if cursor.eat(b"pid") {
        cursor.eat_after_blanks(b"]").then_some(())?;
        return Some(header(body, cursor));
    }
    cursor.number()?;
    cursor.eat_after_blanks(b"]").then_some(())?;
    // Columns of which none was printed yet are wanted; without a header the numbers are counted.
    let columns = context.columns;
    let (row, done, complete) = if let Some(columns) = columns {
        let (row, done, complete) = task_row(body, columns)?;
        (Some(Box::new(row)), done, complete)
    } else {
        let found = numbers(cursor.rest).0.len();
        let inside = context.section == Some(LineKind::Tasks) && found > 2;
        if found < 6 && !inside {
            return None;
        }
        (None, body.len(), found >= 6)
    };
    let more = if complete { More::No } else { More::Wanted };
    Some(Reading { item: Item::Task { body, row }, consumed: done, more, strong: true })
}

fn header<'a>(body: &'a [u8], mut cursor: Cursor<'a>) -> Reading<'a> {
    const KNOWN: [&[u8]; 14] = [
        b"uid",
        b"tgid",
        b"total_vm",
        b"rss",
        b"rss_anon",
        b"rss_file",
        b"rss_shmem",
        b"cpu",
        b"oom_adj",
        b"nr_ptes",
        b"nr_pmds",
        b"pgtables_bytes",
        b"swapents",
        b"name",
    ];
    let mut words: Vec<&[u8]> = Vec::with_capacity(12);
    let mut done = cursor.rest;
    loop {
        let word = cursor.word();
        // The name of the adjustment has been seen misspelt.
        if !KNOWN.contains(&word) && !word.ends_with(b"score_adj") {
            break;
        }
        words.push(word);
        done = cursor.rest;
    }
    let has = |word: &[u8]| words.contains(&word);
    let columns = if has(b"rss_anon") {
        Some(TaskColumns::SplitRss)
    } else if has(b"nr_pmds") {
        Some(TaskColumns::PtesPmds)
    } else if has(b"nr_ptes") {
        Some(TaskColumns::Ptes)
    } else if has(b"pgtables_bytes") {
        Some(TaskColumns::PgtablesBytes)
    } else if words.iter().any(|word| word.ends_with(b"score_adj")) {
        Some(TaskColumns::CpuAdjScoreAdj)
    } else if has(b"oom_adj") {
        Some(TaskColumns::CpuAdj)
    } else {
        None
    };
    let more = if has(b"name") { More::No } else { More::Wanted };
    let item = Item::TasksHeader(columns);
    Reading { item, consumed: consumed(body, done), more, strong: true }
}

/// The numbers at the front, as many as there are, and what follows them.
fn numbers(text: &[u8]) -> (Vec<i64>, &[u8]) {
    let mut cursor = Cursor::new(text);
    let mut numbers = Vec::with_capacity(10);
    loop {
        let before = cursor;
        match cursor.signed() {
            Some(n) if cursor.rest.first().is_none_or(u8::is_ascii_whitespace) => numbers.push(n),
            _ => return (numbers, before.rest),
        }
    }
}

fn count(columns: TaskColumns) -> usize {
    FIXED
        + match columns {
            TaskColumns::CpuAdj => 2,
            TaskColumns::CpuAdjScoreAdj | TaskColumns::Ptes | TaskColumns::PgtablesBytes => 3,
            TaskColumns::PtesPmds => 4,
            TaskColumns::SplitRss => 6,
        }
}

/// A row with these columns: what it says, how much of it was understood, and whether it has a name.
pub(crate) fn task_row(body: &[u8], columns: TaskColumns) -> Option<(TaskRow, usize, bool)> {
    let mut cursor = Cursor::new(body);
    cursor.eat(b"[").then_some(())?;
    cursor.blanks();
    let pid = pid(i64::try_from(cursor.number()?).ok());
    cursor.eat_after_blanks(b"]").then_some(())?;
    let wanted = count(columns);
    let mut values = [None; 10];
    let mut found = 0;
    while found < wanted {
        if let Some(n) = cursor.short_number() {
            values[found] = Some(n);
            found += 1;
            continue;
        }
        let before = cursor;
        match cursor.signed() {
            Some(n) if cursor.rest.first().is_none_or(u8::is_ascii_whitespace) => {
                values[found] = Some(n);
                found += 1;
            }
            _ => {
                cursor = before;
                break;
            }
        }
    }
    let complete = found == wanted && !cursor.rest.trim_ascii().is_empty();
    let mut row = fill(columns, &values);
    row.pid = pid;
    if found < wanted {
        return Some((row, consumed(body, cursor.rest), false));
    }
    // The kernel prints one blank; the name may begin with more.
    cursor.eat(b" ");
    let text = limited_name(cursor.rest);
    if complete {
        row.name = Some(name(text));
    }
    Some((row, consumed(body, cursor.rest) + text.len(), complete))
}

/// Bytes that a task's name can have (`TASK_COMM_LEN`, without its NUL).
pub(crate) const LONGEST_NAME: usize = 15;

/// At most the 15 bytes a name can have; bytes that `dmesg` wrote as `\x1b` count as one.
pub(crate) fn limited_name(text: &[u8]) -> &[u8] {
    let mut at = 0;
    for _ in 0..LONGEST_NAME {
        at += match &text[at.min(text.len())..] {
            [b'\\', b'x', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => 4,
            [] => 0,
            _ => 1,
        };
    }
    &text[..at.min(text.len())]
}

fn fill(columns: TaskColumns, values: &[Option<i64>; 10]) -> TaskRow {
    let unsigned = |at: usize| values[at].and_then(|n| u64::try_from(n).ok());
    let pages = |at| unsigned(at).map(Pages::new);
    let adj = |at: usize| values[at].and_then(|n| ScoreAdj::new(n).ok());
    let old_adj = |at: usize| values[at].and_then(|n| OomAdj::new(n).ok());
    let cpu = |at| unsigned(at).and_then(|n| u32::try_from(n).ok());
    let mut row = TaskRow {
        uid: values[0].and_then(uid),
        tgid: pid(values[1]),
        total_vm: pages(2),
        rss: pages(3),
        ..TaskRow::default()
    };
    match columns {
        TaskColumns::CpuAdj => {
            row.cpu = cpu(4);
            row.oom_adj = old_adj(5);
        }
        TaskColumns::CpuAdjScoreAdj => {
            row.cpu = cpu(4);
            row.oom_adj = old_adj(5);
            row.oom_score_adj = adj(6);
        }
        TaskColumns::Ptes => {
            row.nr_ptes = unsigned(4);
            row.swapents = pages(5);
            row.oom_score_adj = adj(6);
        }
        TaskColumns::PtesPmds => {
            row.nr_ptes = unsigned(4);
            row.nr_pmds = unsigned(5);
            row.swapents = pages(6);
            row.oom_score_adj = adj(7);
        }
        TaskColumns::PgtablesBytes => {
            row.pgtables = unsigned(4).map(Bytes::new);
            row.swapents = pages(5);
            row.oom_score_adj = adj(6);
        }
        TaskColumns::SplitRss => {
            row.rss_anon = pages(4);
            row.rss_file = pages(5);
            row.rss_shmem = pages(6);
            row.pgtables = unsigned(7).map(Bytes::new);
            row.swapents = pages(8);
            row.oom_score_adj = adj(9);
        }
    }
    row
}

fn pid(n: Option<i64>) -> Option<Pid> {
    n.and_then(|n| u32::try_from(n).ok()).map(Pid::new)
}

/// Users are printed as `%d`, so the high half of them is negative.
pub(super) fn uid(n: i64) -> Option<u32> {
    u32::try_from(n).ok().or_else(|| i32::try_from(n).ok().map(i32::cast_unsigned))
}

/// The columns of rows whose header is not in the text, from how many numbers all of them have and
/// what these are: page tables come in bytes of whole pages, `oom_adj` is small.
pub(crate) fn guess_columns<'a>(
    rows: &(impl Iterator<Item = &'a [u8]> + Clone),
) -> Option<TaskColumns> {
    let split = |row: &'a [u8]| {
        let at = memchr::memchr(b']', row)?;
        Some(numbers(&row[at + 1..]))
    };
    // A name may be a number, and the number of another name may end its row.
    let least = rows
        .clone()
        .filter_map(split)
        .map(
            |(numbers, rest)| {
                if rest.trim_ascii().is_empty() { numbers.len() - 1 } else { numbers.len() }
            },
        )
        .min()?;
    let all = |test: &dyn Fn(&[i64]) -> bool| {
        rows.clone().filter_map(split).all(|(numbers, _)| test(&numbers))
    };
    match least.checked_sub(FIXED)? {
        2 => Some(TaskColumns::CpuAdj),
        4 => Some(TaskColumns::PtesPmds),
        6 => Some(TaskColumns::SplitRss),
        3 if all(&|n| n[4] % 1024 == 0 && n[4] >= 0) && !all(&|n| n[4] == 0) => {
            Some(TaskColumns::PgtablesBytes)
        }
        3 if all(&|n| (-17..=15).contains(&n[5]) && (n[5] == 0) == (n[6] == 0)) => {
            // Cpu numbers are small where page tables of a whole machine are not.
            let cpus = all(&|n| (0..4096).contains(&n[4])) && !all(&|n| n[4] >= 2);
            Some(if cpus { TaskColumns::CpuAdjScoreAdj } else { TaskColumns::Ptes })
        }
        3 => Some(TaskColumns::Ptes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_a_number_stays_a_name() {
        let (row, done, complete) =
            task_row(b"[   2102]     0  2102  1 2 3 4 5 6 7 -250 531", TaskColumns::SplitRss)
                .unwrap();
        assert!(complete);
        assert_eq!(done, 45);
        assert_eq!(row.name, Some(name(b"531")));
        assert_eq!(row.oom_score_adj, ScoreAdj::new(-250).ok());
    }

    #[test]
    fn a_user_printed_below_zero_is_the_high_half() {
        assert_eq!(uid(-17), Some(4_294_967_279));
        assert_eq!(uid(4_294_967_296), None);
    }

    #[test]
    fn columns_are_told_from_rows_alone() {
        let guess = |rows: &[&'static str]| guess_columns(&rows.iter().map(|row| row.as_bytes()));
        assert_eq!(
            guess(&["[ 1] 0 1 262 16 1 0 0 wrapper", "[ 2] 0 2 583 166 0 -17 -1000 sshd"]),
            Some(TaskColumns::CpuAdjScoreAdj)
        );
        assert_eq!(
            guess(&["[ 19417] 0 19417 3010 169 8 0 0 start", "[ 9] 0 9 1 1 9 46 0 x"]),
            Some(TaskColumns::Ptes)
        );
        assert_eq!(
            guess(&["[ 1] 0 1 42446 630 98304 0 0 systemd", "[ 9] 0 9 1 1 57344 46 0 531"]),
            Some(TaskColumns::PgtablesBytes)
        );
        assert_eq!(guess(&["[ 1] 0 1"]), None);
    }
}
