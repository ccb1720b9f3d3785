//! The task table.

use facts::oom_report::{TaskColumns, TaskRow, TaskTable};
use units::{Bytes, Pages, Pid};

use super::{Printer, rows, v};

impl Printer {
    pub(super) fn tasks(&mut self, table: &TaskTable) {
        let Some(columns) = rows::columns(self.release) else { return };
        let wide = self.since(v(4, 19));
        if wide {
            self.line("Tasks state (memory values in pages):");
        }
        self.put(if wide { "[  pid  ]" } else { "[ pid ]" });
        self.put("   uid  tgid total_vm      rss ");
        self.line(match columns {
            TaskColumns::CpuAdj => "cpu oom_adj name",
            TaskColumns::CpuAdjScoreAdj => "cpu oom_adj oom_score_adj name",
            TaskColumns::Ptes => "nr_ptes swapents oom_score_adj name",
            TaskColumns::PtesPmds => "nr_ptes nr_pmds swapents oom_score_adj name",
            TaskColumns::PgtablesBytes => "pgtables_bytes swapents oom_score_adj name",
            TaskColumns::SplitRss => {
                "rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name"
            }
        });
        for row in &table.rows {
            self.row(row, columns, if wide { 7 } else { 5 });
        }
    }

    fn row(&mut self, row: &TaskRow, columns: TaskColumns, width: usize) {
        let pid = |pid: Option<Pid>| pid.map_or(0, Pid::get);
        let pages = |pages: Option<Pages>| pages.map_or(0, Pages::count);
        let uid = row.uid.unwrap_or(0).cast_signed();
        let (tgid, total_vm, rss) = (pid(row.tgid), pages(row.total_vm), pages(row.rss));
        self.put(format!("[{:>width$}] {uid:>5} {tgid:>5} {total_vm:>8} {rss:>8}", pid(row.pid)));
        let adj = row.oom_score_adj.map_or(0, units::ScoreAdj::get);
        let old_adj = row.oom_adj.map_or(0, units::OomAdj::get);
        let cpu = row.cpu.unwrap_or(0);
        let (ptes, pmds) = (row.nr_ptes.unwrap_or(0), row.nr_pmds.unwrap_or(0));
        let tables = row.pgtables.map_or(0, Bytes::get);
        let swap = pages(row.swapents);
        self.put(match columns {
            TaskColumns::CpuAdj => format!(" {cpu:>3}     {old_adj:>3}"),
            TaskColumns::CpuAdjScoreAdj => format!(" {cpu:>3}     {old_adj:>3}         {adj:>5}"),
            TaskColumns::Ptes => format!(" {ptes:>7} {swap:>8}         {adj:>5}"),
            TaskColumns::PtesPmds => format!(" {ptes:>7} {pmds:>7} {swap:>8}         {adj:>5}"),
            TaskColumns::PgtablesBytes => format!(" {tables:>8} {swap:>8}         {adj:>5}"),
            TaskColumns::SplitRss => {
                let (anon, file, shmem) =
                    (pages(row.rss_anon), pages(row.rss_file), pages(row.rss_shmem));
                format!(" {anon:>8} {file:>8} {shmem:>9} {tables:>8} {swap:>8}         {adj:>5}")
            }
        });
        self.put(" ");
        self.line(row.name.clone().unwrap_or_default().as_bytes());
    }
}
