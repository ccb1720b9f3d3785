//! The block of a memory cgroup.

use facts::oom_report::{MemcgBlock, MemcgProtection, MemcgStats, MemcgUsage};
use units::Limit;

use super::{Printer, v, v2};

impl Printer {
    pub(super) fn memcg(&mut self, memcg: &MemcgBlock) {
        if self.since(v2(30)) && self.before(v(5, 0)) {
            self.groups(memcg);
        }
        if self.since(v2(30)) {
            self.usage("memory", memcg.memory.as_ref());
            self.usage("memory+swap", memcg.memory_swap.as_ref());
            self.usage("swap", memcg.swap.as_ref().filter(|_| self.since(v(5, 3))));
            self.usage("kmem", memcg.kmem.as_ref().filter(|_| self.since(v(3, 8))));
        }
        if self.since(v(3, 9)) {
            for stats in &memcg.stats {
                self.stats(stats);
            }
        }
    }

    fn groups(&mut self, memcg: &MemcgBlock) {
        match (&memcg.task_group, &memcg.limit_group) {
            (Some(task), Some(limit)) => {
                self.put("Task in ");
                self.put(task.as_bytes());
                // From 3.15 to 3.17 the pieces came as lines.
                if self.since(v(3, 15)) && self.before(v(3, 18)) {
                    self.end();
                }
                self.put(" killed as a result of limit of ");
                self.line(limit.as_bytes());
            }
            (None, Some(limit)) if self.since(v(4, 1)) => {
                self.put("Memory limit reached of cgroup ");
                self.line(limit.as_bytes());
            }
            _ => {}
        }
    }

    fn usage(&mut self, label: &str, usage: Option<&MemcgUsage>) {
        let Some(MemcgUsage { usage: Some(usage), limit: Some(limit), failcnt: Some(failcnt) }) =
            usage
        else {
            return;
        };
        let limit = match limit {
            Limit::At(bytes) => bytes.kib(),
            // The largest number of bytes with a sign, then without one (seen in 3.13), then the
            // largest number of whole pages.
            Limit::Max if self.before(v(3, 12)) => (1 << 53) - 1,
            Limit::Max if self.before(v(3, 19)) => (1 << 54) - 1,
            Limit::Max => (1 << 53) - 4,
        };
        self.line(format!("{label}: usage {}kB, limit {limit}kB, failcnt {failcnt}", usage.kib()));
    }

    fn stats(&mut self, stats: &MemcgStats) {
        let path = stats.path.clone().unwrap_or_default();
        self.put("Memory cgroup stats for ");
        self.put(path.as_bytes());
        self.put(":");
        if self.before(v(5, 3)) {
            for (name, bytes) in &stats.counters.0 {
                self.put(" ");
                self.put(name.as_bytes());
                self.put(format!(":{}KB", bytes / 1024));
            }
            self.end();
            return;
        }
        self.end();
        for (name, value) in &stats.counters.0 {
            self.put(name.as_bytes());
            self.line(format!(" {value}"));
        }
    }

    pub(super) fn protection(&mut self, protection: MemcgProtection) {
        let MemcgProtection { min: Some(min), low: Some(low) } = protection else { return };
        if self.since(v(6, 19)) {
            let (min, low) = (min.kib(), low.kib());
            self.line(format!("Memory cgroup min protection {min}kB -- low protection {low}kB"));
        }
    }
}
