//! One report while its lines come in.

use facts::oom_report::{LineKind, OomReport, Record, ShowMem, SourceLine, TaskRow};
use units::Pid;

use crate::record::{Context, Item, task_row};
use crate::transport::Caller;
use crate::{Problem, Trouble};

/// One report while its lines come in.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) caller: Option<Caller>,
    pub(super) context: Context,
    pub(super) report: OomReport,
    pub(super) problems: Vec<Problem>,
    pub(super) sysrq: bool,
    /// Rows that came before any header: they are read at the end, by what they have in common.
    pub(super) rows: Vec<(u64, Vec<u8>)>,
    pub(super) last: Last,
    /// The zone that per-cpu lines belong to.
    pub(super) per_cpu_zone: Option<usize>,
    /// The zone that the last line about one was about.
    pub(super) zone: usize,
    /// How many lines are kept, up to the last that was understood.
    understood: usize,
}

/// What further figures belong to.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Last {
    #[default]
    Nothing,
    Node(usize),
    Zone(usize),
}

impl Builder {
    pub(super) fn new(caller: Option<Caller>) -> Self {
        Builder { caller, ..Builder::default() }
    }

    pub(super) fn first_line(&self) -> u64 {
        self.report.lines.first().map_or(0, |line| line.number)
    }

    pub(super) fn last_line(&self) -> u64 {
        self.report.lines.last().map_or(0, |line| line.number)
    }

    /// Keeps lines of the text; those after the last that was understood are dropped in the end.
    pub(super) fn keep(&mut self, lines: &mut Vec<SourceLine>, understood: bool) {
        self.report.lines.append(lines);
        if understood {
            self.understood = self.report.lines.len();
        }
    }

    /// Keeps a row of the table and its line.
    pub(super) fn keep_row(&mut self, mut line: SourceLine, row: TaskRow) {
        let rows = &mut self.report.tasks.get_or_insert_default().rows;
        line.records.push(Record::Task(rows.len()));
        rows.push(row);
        self.report.lines.push(line);
        self.understood = self.report.lines.len();
    }

    /// Whether all there is of it is `Mem-Info:`, the head of what is not in the text.
    pub(super) fn says_nothing(&self) -> bool {
        let OomReport { memory, lines, .. } = &self.report;
        memory.as_ref().is_some_and(|memory| *memory == ShowMem::default())
            && self.problems.is_empty()
            && self.rows.is_empty()
            && lines.iter().flat_map(|line| line.records.iter()).all(|r| *r == Record::MemInfo)
    }

    pub(super) fn drop_tail(&mut self) {
        self.report.lines.truncate(self.understood);
    }

    pub(super) fn problem(
        &mut self,
        line: u64,
        trouble: Trouble,
        expected: &'static str,
        found: &[u8],
    ) {
        self.problems.push(Problem::new(line, trouble, expected, found));
    }

    /// Text behind what was understood of a line.
    pub(super) fn leftover(&mut self, line: u64, item: &Item<'_>, text: &[u8]) {
        let text = text.trim_ascii();
        // A remark that whoever published the line put behind it.
        let remark = [&b"//"[..], b"<--", b"<==", b"# "].iter().any(|mark| text.starts_with(mark));
        if text.is_empty() || remark {
            return;
        }
        let trouble = if is_cut(text) { Trouble::Cut } else { Trouble::Unread };
        self.problem(line, trouble, expectation(item), text);
    }

    /// Whether a row ends with a name that the report has shown before.
    pub(super) fn knows_name_at_end(&self, row: &[u8]) -> bool {
        let Some(columns) = self.context.columns else { return false };
        let Some((row, _, true)) = task_row(row, columns) else { return false };
        let asked = self.report.trigger.iter().filter_map(|trigger| trigger.comm.as_ref());
        let rows = self.report.tasks.iter().flat_map(|tasks| &tasks.rows);
        asked
            .chain(rows.filter_map(|row| row.name.as_ref()))
            .any(|name| row.name.as_ref() == Some(name))
    }

    pub(super) fn has_victim(&self, pid: Option<Pid>) -> bool {
        self.report.kills.iter().any(|kill| kill.pid == pid || kill.chosen_pid == pid)
            || self.report.oom_kill.as_ref().is_some_and(|line| line.pid == pid)
    }

    /// Whether the item must belong to the next report, because this one has it already.
    pub(super) fn is_closed_by(&self, item: &Item<'_>) -> bool {
        let report = &self.report;
        match item {
            Item::Trigger(_) => true,
            Item::MemInfo => {
                report.memory.is_some() || report.oom_kill.is_some() || !report.kills.is_empty()
            }
            Item::TasksHeader(_) | Item::TasksTitle => {
                let started = |kind| report.lines.iter().any(|line| line.kind == kind);
                !report.kills.is_empty()
                    || report.tasks.as_ref().is_some_and(|tasks| !tasks.rows.is_empty())
                    || !self.rows.is_empty()
                    || (matches!(item, Item::TasksTitle) && started(LineKind::Tasks))
            }
            Item::OomKill(_) => report.oom_kill.is_some() || !report.kills.is_empty(),
            Item::Kill(kill) => {
                let Some(last) = report.kills.last() else { return false };
                let announced = last.chosen_pid.is_some() && last.pid.is_none();
                let completes = announced && kill.chosen_pid.is_none();
                !completes && report.group_kill.is_none()
            }
            Item::MemcgTask { .. } => {
                report.memcg.as_ref().is_some_and(|memcg| memcg.memory.is_some())
            }
            Item::MemcgUsage(crate::record::UsageOf::Memory, _) => {
                report.memcg.as_ref().is_some_and(|memcg| memcg.memory.is_some())
            }
            _ => false,
        }
    }
}

/// What should stand where something else did.
fn expectation(item: &Item<'_>) -> &'static str {
    match item {
        Item::Trigger(_) => "gfp_mask, nodemask, order and an adjustment",
        Item::MemcgUsage(..) => "usage, limit and failcnt",
        Item::MemcgStats { .. } => "figures of a memory cgroup such as `cache:12KB`",
        Item::Global(_) => "counters such as `free:1234`",
        Item::Node { .. } | Item::Zone { .. } | Item::Figures(_) => "figures such as `free:1234kB`",
        Item::LowmemReserve(_) => "pages of reserve",
        Item::Buddy { .. } => "free blocks such as `12*4kB (UM)` and their sum",
        Item::TasksHeader(_) => "names of columns, up to `name`",
        Item::Task { .. } => "the columns of the table and a name of at most 15 bytes",
        Item::OomKill(_) => "`oom_memcg` or `global_oom`, and `task_memcg`",
        Item::Kill(_) | Item::Reaper(_) => "figures such as `anon-rss:1234kB`",
        Item::Swap(_) => "counts of the swap cache",
        _ => "the end of the line",
    }
}

/// Whether the rest of a line ends in the mark of a pager or of a person, or with a name whose
/// value is gone.
fn is_cut(text: &[u8]) -> bool {
    let marks = [&b"..."[..], "\u{2026}".as_bytes(), b">"];
    marks.iter().any(|mark| text.ends_with(mark)) || (text.ends_with(b":") && !text.contains(&b' '))
}
