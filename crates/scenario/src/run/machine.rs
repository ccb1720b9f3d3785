//! The machine as it is seen while a scenario runs: its files, its log, and who died.

use std::rc::Rc;

use world::{Control, End, ProcessId};

use super::proc;
use super::progress::Monitor;
use crate::program::{NameId, Quantity};
use crate::words::Unit;

/// Files of the machine and its log at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineSeen {
    /// Files by the path that a capture gives them; empty when the machine is not the scenario's.
    pub files: Vec<(String, Vec<u8>)>,
    /// What the kernel has logged.
    pub log: Vec<u8>,
    /// Why the kernel's log is not known, if so.
    pub no_log: Option<String>,
    /// How often monitors of pressure were woken so far.
    pub woken: Vec<Woken>,
}

/// A monitor of pressure, as it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woken {
    /// The cgroup; `None`: the machine.
    pub cgroup: Option<String>,
    /// `some` or `full`.
    pub line: String,
    /// How often it was woken.
    pub times: u64,
}

impl Woken {
    pub(super) fn of(monitor: &Monitor) -> Woken {
        let cgroup = match &monitor.file {
            Control::Cgroup { path, .. } => Some(path.trim_end_matches('/').to_owned()),
            _ => None,
        };
        let line = monitor.request.split(' ').next().unwrap_or_default().to_owned();
        Woken { cgroup, line, times: monitor.woken }
    }
}

/// The field of pressure that is not the kernel's: how often monitors were woken.
const WOKEN: &str = "woken";

/// A process that the OOM killer chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// Who.
    pub process: ProcessId,
    /// Its name.
    pub name: NameId,
    /// Which of that name, from 0.
    pub nth: usize,
    /// How it ended.
    pub end: End,
    /// The step that was being done.
    pub step: u64,
    /// Whose step it was.
    pub during: Option<ProcessId>,
    /// Virtual time in nanoseconds.
    pub time: u64,
    /// What its accesses had reached, in bytes.
    pub touched: u64,
}

impl MachineSeen {
    fn file(&self, path: &str) -> Option<std::borrow::Cow<'_, str>> {
        let found = self.files.iter().find(|(name, _)| name == path);
        found.map(|(_, text)| String::from_utf8_lossy(text))
    }

    /// A value; `None` when this kernel does not report it.
    pub fn value(&self, quantity: &Quantity) -> Option<u64> {
        match quantity {
            Quantity::Meminfo(name) => meminfo(&self.file("meminfo")?, name),
            Quantity::Vmstat(name) => spaced(&self.file("vmstat")?, name),
            Quantity::Zone { node, zone, field } => {
                in_zone(&self.file("zoneinfo")?, *node, zone, field)
            }
            Quantity::Node { node, field } => {
                let file =
                    |name: &str| self.file(&format!("sys/devices/system/node/node{node}/{name}"));
                let head = format!("Node {node} ");
                let text = file("meminfo")?;
                let lines = text.lines().filter_map(|line| line.strip_prefix(&head));
                let lines: Vec<&str> = lines.collect();
                meminfo(&lines.join("\n"), field).or_else(|| spaced(&file("numastat")?, field))
            }
            Quantity::Ksm(name) => {
                self.file(&format!("sys/kernel/mm/ksm/{name}"))?.trim().parse().ok()
            }
            Quantity::Pressure([_, line, field]) if field == WOKEN => self.woken(None, line),
            Quantity::Pressure([what, line, field]) => {
                pressure(&self.file(&format!("pressure/{what}"))?, line, field)
            }
            Quantity::Cgroup { path, key } => self.of_cgroup(path, key),
        }
    }

    /// How often those were woken who watch a cgroup, or the machine; `None`: nobody watches.
    fn woken(&self, cgroup: Option<&str>, line: &str) -> Option<u64> {
        let its = |one: &&Woken| one.cgroup.as_deref() == cgroup && one.line == line;
        self.woken.iter().filter(its).map(|one| one.times).reduce(|sum, times| sum + times)
    }

    fn of_cgroup(&self, path: &str, key: &str) -> Option<u64> {
        let folders = ["sys/fs/cgroup", "sys/fs/cgroup/memory"];
        let path = path.trim_end_matches('/');
        let watched = key.strip_prefix("memory.pressure.").and_then(|key| key.split_once('.'));
        if let Some((line, WOKEN)) = watched {
            return self.woken(Some(path), line);
        }
        let find = |file: &str| {
            folders.iter().find_map(|folder| self.file(&format!("{folder}{path}/{file}")))
        };
        if let Some(text) = find(key) {
            return match text.trim() {
                "max" => Some(u64::MAX),
                number => number.parse().ok(),
            };
        }
        let (file, name) = key.rsplit_once('.')?;
        if let Some(text) = find(file) {
            return spaced(&text, name);
        }
        let (file, line) = file.rsplit_once('.')?;
        pressure(&find(file)?, line, name)
    }

    /// Lines of the log that have a text.
    pub fn lines_with(&self, wanted: &str) -> u64 {
        let text = String::from_utf8_lossy(&self.log);
        text.lines().filter(|line| line.contains(wanted)).count() as u64
    }

    /// The constraint that the latest report names, as it is printed.
    pub fn constraint(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.log);
        let mut found = None;
        for line in text.lines() {
            if let Some((_, rest)) = line.split_once("oom-kill:constraint=") {
                found = rest.split(',').next().map(str::to_owned);
            }
        }
        found
    }
}

/// Whether a value is bytes or a count.
pub(super) fn unit(quantity: &Quantity) -> Unit {
    match quantity {
        Quantity::Meminfo(name) if !name.starts_with("HugePages_") => Unit::Bytes,
        Quantity::Node { field, .. } if field.starts_with(char::is_uppercase) => Unit::Bytes,
        Quantity::Cgroup { key, .. } => {
            let counts = [".events", ".oom.group", ".failcnt", ".swappiness", ".oom_control"];
            let line = key.strip_prefix("memory.stat.");
            let event = line.is_some_and(|line| {
                line.starts_with("pg") || line.starts_with("workingset") || line.starts_with("thp_")
            });
            if event
                || key.starts_with("memory.pressure.")
                || counts.iter().any(|count| key.contains(count))
            {
                Unit::Count
            } else {
                Unit::Bytes
            }
        }
        _ => Unit::Count,
    }
}

/// A line of `meminfo`; `Active_anon` is `Active(anon)`.
fn meminfo(text: &str, name: &str) -> Option<u64> {
    proc::keyed(text.as_bytes(), name).or_else(|| {
        let (stem, kind) = name.split_once('_')?;
        proc::keyed(text.as_bytes(), &format!("{stem}({kind})"))
    })
}

/// The number behind a name and a space.
pub(super) fn spaced(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        (key == name).then(|| value.trim().parse().ok()).flatten()
    })
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`: an average is given in hundredths.
fn pressure(text: &str, line: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' '))?;
    let value = line.split(' ').find_map(|part| part.strip_prefix(field)?.strip_prefix('='))?;
    match value.split_once('.') {
        Some((whole, hundredths)) if hundredths.len() == 2 => {
            whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths.parse().ok()?)
        }
        _ => value.parse().ok(),
    }
}

/// A line of a zone in `zoneinfo`.
fn in_zone(text: &str, node: Option<u32>, zone: &str, field: &str) -> Option<u64> {
    let mut inside = false;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("Node ") {
            let (number, name) = rest.split_once(", zone")?;
            let number: u32 = number.trim().parse().ok()?;
            if inside {
                return None;
            }
            inside = name.trim() == zone && node.is_none_or(|node| node == number);
        } else if inside {
            let line = line.trim();
            let line = line.strip_prefix("pages ").unwrap_or(line);
            if let Some(rest) = line.strip_prefix("protection: (") {
                if let Some(nth) = field.strip_prefix("protection.") {
                    let numbers = rest.trim_end_matches(')').split(',');
                    return numbers.map(str::trim).nth(nth.parse().ok()?)?.parse().ok();
                }
            } else if let Some((key, value)) = line.split_once(char::is_whitespace)
                && key == field
            {
                return value.trim().parse().ok();
            }
        }
    }
    None
}

/// A look at the machine that several share.
pub(super) type Shared = Rc<MachineSeen>;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> MachineSeen {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        MachineSeen {
            files: vec![
                file("meminfo", "MemFree:  10 kB\nActive(anon):  3 kB\nHugePages_Total: 4\n"),
                file("vmstat", "pgfault 12\noom_kill 1\n"),
                file(
                    "zoneinfo",
                    "Node 0, zone      DMA\n  pages free     3840\n        min      10\n        \
                     protection: (0, 3019, 24090)\nNode 0, zone    DMA32\n  pages free     77\n        \
                     low      20\nNode 1, zone    DMA32\n  pages free     5\n",
                ),
                file("sys/fs/cgroup/web/memory.current", "4096\n"),
                file("sys/fs/cgroup/web/memory.max", "max\n"),
                file("sys/fs/cgroup/web/memory.events", "low 0\noom_kill 2\n"),
                file("sys/fs/cgroup/memory/old/memory.failcnt", "9\n"),
                file("sys/kernel/mm/ksm/pages_sharing", "51\n"),
                file("pressure/memory", "some avg10=1.25 avg60=0.00 avg300=0.00 total=77\n"),
            ],
            log: b"a\n[ 1.0] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)\n".to_vec(),
            no_log: None,
            woken: vec![
                Woken { cgroup: None, line: "some".to_owned(), times: 2 },
                Woken { cgroup: Some("/web".to_owned()), line: "full".to_owned(), times: 3 },
                Woken { cgroup: Some("/web".to_owned()), line: "full".to_owned(), times: 4 },
            ],
        }
    }

    #[test]
    fn values_are_found_where_the_kernel_prints_them() {
        let seen = seen();
        let zone = |node, zone: &str, field: &str| {
            let (zone, field) = (zone.to_owned(), field.to_owned());
            seen.value(&Quantity::Zone { node, zone, field })
        };
        let cgroup = |path: &str, key: &str| {
            seen.value(&Quantity::Cgroup { path: path.to_owned(), key: key.to_owned() })
        };
        let pressure = |field: &str| {
            let parts = ["memory", "some", field].map(str::to_owned);
            seen.value(&Quantity::Pressure(parts))
        };
        assert_eq!(seen.value(&Quantity::Meminfo("MemFree".into())), Some(10 << 10));
        assert_eq!(seen.value(&Quantity::Meminfo("Active_anon".into())), Some(3 << 10));
        assert_eq!(seen.value(&Quantity::Vmstat("oom_kill".into())), Some(1));
        assert_eq!(seen.value(&Quantity::Ksm("pages_sharing".into())), Some(51));
        assert_eq!(zone(None, "DMA", "free"), Some(3840));
        assert_eq!(zone(None, "DMA", "protection.1"), Some(3019));
        assert_eq!(zone(None, "DMA32", "low"), Some(20));
        assert_eq!(zone(Some(1), "DMA32", "free"), Some(5));
        assert_eq!(zone(Some(1), "DMA32", "low"), None);
        assert_eq!(zone(None, "Normal", "free"), None);
        assert_eq!(cgroup("/web", "memory.current"), Some(4096));
        assert_eq!(cgroup("/web", "memory.max"), Some(u64::MAX));
        assert_eq!(cgroup("/web", "memory.events.oom_kill"), Some(2));
        assert_eq!(cgroup("/web", "memory.events.high"), None);
        assert_eq!(cgroup("/old", "memory.failcnt"), Some(9));
        assert_eq!(pressure("total"), Some(77));
        assert_eq!(pressure("woken"), Some(2));
        assert_eq!(cgroup("/web/", "memory.pressure.full.woken"), Some(7));
        assert_eq!(cgroup("/web", "memory.pressure.some.woken"), None, "nobody watches");
        assert_eq!(pressure("avg10"), Some(125));
        assert_eq!(seen.constraint().as_deref(), Some("CONSTRAINT_MEMCG"));
        assert_eq!(seen.lines_with("oom-kill"), 1);
    }

    #[test]
    fn a_line_of_one_zone_is_never_taken_from_the_next() {
        let field = "low".to_owned();
        let zone = Quantity::Zone { node: None, zone: "DMA".to_owned(), field };
        assert_eq!(seen().value(&zone), None);
    }
}
