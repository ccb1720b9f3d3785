//! The summary, the kills, and what comes of them.

use facts::Name;
use facts::oom_report::{Constraint, Kill, KillCause, OomKillLine, OomReport, ReaperLine};
use units::{Bytes, Pid};

use super::{Printer, v, v2};

impl Printer {
    pub(super) fn killing(&mut self, report: &OomReport) {
        if let Some(line) = report.oom_kill.as_ref().filter(|_| self.since(v(5, 0))) {
            self.summary(line);
        }
        for (at, kill) in report.kills.iter().enumerate() {
            self.kill(kill);
            if at == 0
                && let Some(group) = report.group_kill.as_ref().filter(|_| self.since(v(4, 19)))
            {
                self.put("Tasks in ");
                self.put(group.as_bytes());
                self.line(" are going to be killed due to memory.oom.group set");
            }
        }
        if self.since(v(5, 9)) {
            for victim in &report.skipped {
                self.cause(victim.cause.as_ref());
                self.put("OOM victim ");
                self.numbered(victim.pid, victim.name.as_ref());
                self.line(" is already exiting. Skip killing the task");
            }
        }
        if self.since(v(4, 6)) {
            report.reaper.iter().for_each(|line| self.reaper(line));
        }
        if let Some(panic) = &report.panic {
            self.put(if panic.panicked { "Kernel panic - not syncing: " } else { "" });
            self.line(panic.text.as_bytes());
        }
    }

    fn summary(&mut self, line: &OomKillLine) {
        self.put("oom-kill:constraint=");
        match &line.constraint {
            None | Some(Constraint::None) => self.put("CONSTRAINT_NONE"),
            Some(Constraint::Cpuset) => self.put("CONSTRAINT_CPUSET"),
            Some(Constraint::MemoryPolicy) => self.put("CONSTRAINT_MEMORY_POLICY"),
            Some(Constraint::Memcg) => self.put("CONSTRAINT_MEMCG"),
            Some(Constraint::Other(name)) => self.put(name.as_bytes()),
        }
        self.field(",nodemask=", line.nodemask.as_ref());
        self.field(",cpuset=", line.cpuset.as_ref());
        self.field(",mems_allowed=", line.mems_allowed.as_ref());
        if line.global {
            self.put(",global_oom");
        } else {
            self.field(",oom_memcg=", line.oom_memcg.as_ref());
        }
        self.field(",task_memcg=", line.task_memcg.as_ref());
        self.field(",task=", line.task.as_ref());
        if let Some(pid) = line.pid {
            self.put(format!(",pid={pid}"));
        }
        if let Some(uid) = line.uid {
            self.put(format!(",uid={}", uid.cast_signed()));
        }
        self.end();
    }

    fn field(&mut self, label: &str, value: Option<&Name>) {
        if let Some(value) = value {
            self.put(label);
            self.put(value.as_bytes());
        }
    }

    fn cause(&mut self, cause: Option<&KillCause>) {
        match cause {
            None => return,
            Some(KillCause::OutOfMemory) => self.put("Out of memory"),
            Some(KillCause::AllocatingTask) => {
                self.put("Out of memory (oom_kill_allocating_task)");
            }
            Some(KillCause::MemoryCgroup) => self.put("Memory cgroup out of memory"),
            Some(KillCause::Other(text)) => self.put(text.as_bytes()),
        }
        self.put(": ");
    }

    /// `%d (%s)`
    fn numbered(&mut self, pid: Option<Pid>, name: Option<&Name>) {
        self.put(format!("{} (", pid.map_or(0, Pid::get)));
        self.field("", name);
        self.put(")");
    }

    fn kill(&mut self, kill: &Kill) {
        if self.before(v2(16)) {
            if let Some(pid) = kill.pid {
                self.put("Out of Memory: Killed process ");
                self.numbered(Some(pid), kill.name.as_ref());
                self.line(".");
            }
            return;
        }
        if let Some(pid) = kill.chosen_pid.filter(|_| self.before(v(5, 1))) {
            self.announce(kill, pid);
        }
        if self.since(v2(37)) && self.before(v(4, 4)) {
            for (pid, name) in &kill.sharing {
                self.put("Kill process ");
                self.numbered(Some(*pid), Some(name));
                self.line(" sharing same memory");
            }
        }
        let Some(pid) = kill.pid else { return };
        let one_line = self.since(v(5, 1)) || self.before(v2(19));
        self.cause(kill.cause.as_ref().filter(|_| one_line));
        self.put("Killed process ");
        self.numbered(Some(pid), kill.name.as_ref());
        if self.before(v2(19)) {
            self.put(".");
        }
        if self.since(v2(33)) {
            self.sizes(kill);
        }
        self.end();
    }

    fn announce(&mut self, kill: &Kill, pid: Pid) {
        let (word, end) = if self.before(v2(19)) {
            ("Kill", " and children.")
        } else if self.before(v2(36)) {
            ("kill", " or a child")
        } else {
            ("Kill", " or sacrifice child")
        };
        if self.before(v2(19)) {
            self.put("Out of Memory: ");
        } else {
            self.cause(kill.cause.as_ref());
        }
        self.put(format!("{word} process "));
        self.numbered(Some(pid), kill.chosen_name.as_ref());
        self.line(format!(" score {}{end}", kill.score.unwrap_or(0)));
    }

    fn sizes(&mut self, kill: &Kill) {
        let old = self.before(v2(36));
        let mut between = " ";
        let sizes = [
            (if old { "vsz" } else { "total-vm" }, kill.total_vm),
            ("anon-rss", kill.anon_rss),
            ("file-rss", kill.file_rss),
            ("shmem-rss", kill.shmem_rss.filter(|_| self.since(v(4, 5)))),
        ];
        for (name, size) in sizes {
            if let Some(size) = size {
                self.put(format!("{between}{name}:{}kB", size.kib()));
                between = ", ";
            }
        }
        if self.since(v(5, 4)) {
            if let Some(uid) = kill.uid {
                self.put(format!("{between}UID:{uid}"));
            }
            if let Some(size) = kill.pgtables {
                self.put(format!(" pgtables:{}kB", size.kib()));
            }
            if let Some(adj) = kill.oom_score_adj {
                self.put(format!(" oom_score_adj:{adj}"));
            }
        }
    }

    fn reaper(&mut self, line: &ReaperLine) {
        match line {
            ReaperLine::Reaped(reaped) => {
                self.put("oom_reaper: reaped process ");
                self.numbered(reaped.pid, reaped.name.as_ref());
                let mut between = ", now ";
                let sizes = [
                    ("anon-rss", reaped.anon_rss),
                    ("file-rss", reaped.file_rss),
                    ("shmem-rss", reaped.shmem_rss),
                ];
                for (name, size) in sizes {
                    if let Some(size) = size {
                        self.put(format!("{between}{name}:{}kB", Bytes::kib(size)));
                        between = ", ";
                    }
                }
                self.end();
            }
            ReaperLine::UnableToReap { pid, name } => {
                self.reaper_failed("oom_reaper: unable to reap pid:", *pid, name.as_ref());
            }
            ReaperLine::GivingUp { pid, name } => {
                self.reaper_failed("oom_reaper: giving up pid:", *pid, name.as_ref());
            }
            ReaperLine::Pinned { pid, name, by_pid, by_name } => {
                self.put("oom killer ");
                self.numbered(*pid, name.as_ref());
                self.put(" has mm pinned by ");
                self.numbered(*by_pid, by_name.as_ref());
                self.end();
            }
        }
    }

    fn reaper_failed(&mut self, words: &str, pid: Option<Pid>, name: Option<&Name>) {
        self.put(words);
        self.numbered(pid, name);
        self.end();
    }
}
