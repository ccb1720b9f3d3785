//! The files of a cgroup: which there are, and what they say.

use std::fmt::Write;

use facts::Release;

use super::{CgroupVersion, Event, Events, MemcgId, Memcgs, Stat};

/// A file of a cgroup, with the release that it came with.
const V2: [(&str, Release); 19] = [
    ("cgroup.procs", Release::new(4, 5)),
    ("memory.current", Release::new(4, 5)),
    ("memory.min", Release::new(4, 18)),
    ("memory.low", Release::new(4, 5)),
    ("memory.high", Release::new(4, 5)),
    ("memory.max", Release::new(4, 5)),
    ("memory.peak", Release::new(5, 19)),
    ("memory.oom.group", Release::new(4, 19)),
    ("memory.events", Release::new(4, 5)),
    ("memory.events.local", Release::new(5, 2)),
    ("memory.stat", Release::new(4, 5)),
    ("memory.swap.current", Release::new(4, 5)),
    ("memory.swap.high", Release::new(5, 8)),
    ("memory.swap.max", Release::new(4, 5)),
    ("memory.swap.peak", Release::new(6, 5)),
    ("memory.swap.events", Release::new(4, 18)),
    ("memory.pressure", Release::new(4, 20)),
    ("cgroup.controllers", Release::new(4, 5)),
    ("cgroup.subtree_control", Release::new(4, 5)),
];

/// Those of v1; all are older than what the model's v1 is measured against.
const V1: [&str; 16] = [
    "cgroup.procs",
    "memory.usage_in_bytes",
    "memory.limit_in_bytes",
    "memory.max_usage_in_bytes",
    "memory.failcnt",
    "memory.memsw.usage_in_bytes",
    "memory.memsw.limit_in_bytes",
    "memory.memsw.max_usage_in_bytes",
    "memory.memsw.failcnt",
    "memory.soft_limit_in_bytes",
    "memory.kmem.usage_in_bytes",
    "memory.stat",
    "memory.swappiness",
    "memory.oom_control",
    "memory.use_hierarchy",
    "tasks",
];

/// What the machine knows and the tree does not.
#[allow(missing_debug_implementations, reason = "closures")]
pub(crate) struct Around<'a, F: Fn(MemcgId) -> Stat> {
    /// Each cgroup's own pages.
    pub(crate) own: &'a F,
    /// Pids in it.
    pub(crate) procs: &'a dyn Fn(MemcgId) -> Vec<u32>,
    /// `vm.swappiness`.
    pub(crate) swappiness: u64,
    /// The time, nanoseconds.
    pub(crate) now: u64,
}

impl Memcgs {
    /// Names of the files that a cgroup of this release has.
    pub(crate) fn files(&self, id: MemcgId) -> Vec<&'static str> {
        match self.version {
            CgroupVersion::V1 => V1.to_vec(),
            CgroupVersion::V2 => V2
                .iter()
                .filter(|(name, since)| {
                    let in_root = !name.starts_with("memory.")
                        || matches!(*name, "memory.stat" | "memory.pressure");
                    self.release >= *since && (id != MemcgId::ROOT || in_root)
                })
                .map(|(name, _)| *name)
                .collect(),
        }
    }

    /// Whether it has this file.
    pub(crate) fn has_file(&self, id: MemcgId, file: &str) -> bool {
        self.files(id).contains(&file)
    }

    /// The text of a file.
    pub(crate) fn read<F: Fn(MemcgId) -> Stat>(
        &mut self,
        id: MemcgId,
        file: &str,
        around: &Around<'_, F>,
    ) -> Option<String> {
        if !self.has_file(id, file) {
            return None;
        }
        match file {
            "cgroup.procs" | "tasks" => {
                let mut text = String::new();
                for pid in (around.procs)(id) {
                    let _ = writeln!(text, "{pid}");
                }
                return Some(text);
            }
            "memory.stat" => return Some(self.stat_text(id, around.own)),
            "memory.pressure" => return Some(self.get_mut(id).psi.text(around.now)),
            "cgroup.controllers" => return Some("memory\n".to_owned()),
            "cgroup.subtree_control" => {
                let shared = !self.get(id).children.is_empty();
                return Some(if shared { "memory\n" } else { "\n" }.to_owned());
            }
            _ => {}
        }
        match self.version {
            CgroupVersion::V2 => self.read_v2(id, file),
            CgroupVersion::V1 => self.read_v1(id, file, around),
        }
    }

    fn read_v2(&self, id: MemcgId, file: &str) -> Option<String> {
        let memcg = self.get(id);
        let amount = |pages: u64| format!("{}\n", pages * 4096);
        let limit =
            |pages: u64| if pages >= self.most { "max\n".to_owned() } else { amount(pages) };
        Some(match file {
            "memory.current" => amount(memcg.memory.usage),
            "memory.min" => limit(memcg.memory.min),
            "memory.low" => limit(memcg.memory.low),
            "memory.high" => limit(memcg.memory.high),
            "memory.max" => limit(memcg.memory.max),
            "memory.peak" => amount(memcg.memory.peak),
            "memory.oom.group" => format!("{}\n", u8::from(memcg.oom_group)),
            "memory.events" => self.events_text(&memcg.events),
            "memory.events.local" => self.events_text(&memcg.local),
            "memory.swap.current" => amount(memcg.swap.usage),
            "memory.swap.high" => limit(memcg.swap.high),
            "memory.swap.max" => limit(memcg.swap.max),
            "memory.swap.peak" => amount(memcg.swap.peak),
            "memory.swap.events" => {
                let mut text = String::new();
                if self.rules.swap_high {
                    let _ = writeln!(text, "high {}", memcg.events.get(Event::SwapHigh));
                }
                let _ = writeln!(text, "max {}", memcg.events.get(Event::SwapMax));
                let _ = writeln!(text, "fail {}", memcg.events.get(Event::SwapFail));
                text
            }
            _ => return None,
        })
    }

    fn events_text(&self, events: &Events) -> String {
        let since = |major, minor| self.release >= Release::new(major, minor);
        let mut text = String::new();
        for (name, event, there) in [
            ("low", Some(Event::Low), true),
            ("high", Some(Event::High), true),
            ("max", Some(Event::Max), true),
            ("oom", Some(Event::Oom), true),
            ("oom_kill", Some(Event::OomKill), since(4, 13)),
            ("oom_group_kill", Some(Event::OomGroupKill), self.rules.oom_group_event),
            ("sock_throttled", None, since(6, 19)),
        ] {
            if there {
                let _ = writeln!(text, "{name} {}", event.map_or(0, |event| events.get(event)));
            }
        }
        text
    }

    fn read_v1<F: Fn(MemcgId) -> Stat>(
        &self,
        id: MemcgId,
        file: &str,
        around: &Around<'_, F>,
    ) -> Option<String> {
        let memcg = self.get(id);
        let amount = |pages: u64| format!("{}\n", pages * 4096);
        // The root's usage is what its figures sum up to, the kernel's own aside (`mem_cgroup_usage()`).
        let sum = |swap: bool| {
            let total = self.total(id, around.own);
            total.anon + total.file + if swap { total.swap } else { 0 }
        };
        let root = id == MemcgId::ROOT;
        Some(match file {
            "memory.usage_in_bytes" if root => amount(sum(false)),
            "memory.memsw.usage_in_bytes" if root => amount(sum(true)),
            "memory.usage_in_bytes" => amount(memcg.memory.usage),
            "memory.limit_in_bytes" => amount(memcg.memory.max),
            "memory.max_usage_in_bytes" => amount(memcg.memory.peak),
            "memory.failcnt" => format!("{}\n", memcg.memory.failures),
            "memory.memsw.usage_in_bytes" => amount(memcg.swap.usage),
            "memory.memsw.limit_in_bytes" => amount(memcg.swap.max),
            "memory.memsw.max_usage_in_bytes" => amount(memcg.swap.peak),
            "memory.memsw.failcnt" => format!("{}\n", memcg.swap.failures),
            "memory.soft_limit_in_bytes" => amount(memcg.soft_limit),
            "memory.kmem.usage_in_bytes" => {
                amount(self.subtree(id).iter().map(|at| self.get(*at).kernel).sum())
            }
            "memory.swappiness" => format!("{}\n", memcg.swappiness.unwrap_or(around.swappiness)),
            "memory.oom_control" => {
                let mut text = format!(
                    "oom_kill_disable {}\nunder_oom {}\n",
                    u8::from(memcg.oom_kill_disable),
                    u8::from(memcg.under_oom)
                );
                if self.release >= Release::new(4, 13) {
                    let _ = writeln!(text, "oom_kill {}", memcg.local.get(Event::OomKill));
                }
                text
            }
            "memory.use_hierarchy" => "1\n".to_owned(),
            _ => return None,
        })
    }
}
