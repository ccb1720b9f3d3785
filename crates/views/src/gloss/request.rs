//! The head of a report: who asked for what, from where.

use std::fmt::Write as _;

use facts::oom_report::TriggerKind;
use rules::explain::Cause;

use super::{Gloss, Glosses, frames};

impl Glosses<'_> {
    pub(super) fn sysrq(&self) -> Option<Gloss> {
        if self.explained.cause == Cause::Manual {
            return Gloss::key(
                "A person asked for a kill (SysRq f, or `echo f > /proc/sysrq-trigger`): whatever \
                 was free, somebody dies.",
            );
        }
        Gloss::plain("A person pressed a SysRq key.")
    }

    /// The first line: who asked, how much, and what the flags say.
    pub(super) fn trigger(&self) -> Option<Gloss> {
        let trigger = self.report.trigger.as_ref()?;
        if trigger.kind == TriggerKind::ShowMemory {
            return Gloss::plain("A person asked to see the memory; nothing failed.");
        }
        let asked = self.explained.asked.as_ref();
        let who = match &trigger.comm {
            Some(name) => format!("`{name}`"),
            None => "Somebody".to_owned(),
        };
        let size = match asked.and_then(|asked| Some((asked.order?, asked.bytes?))) {
            Some((0, bytes)) => format!("one page ({bytes}; order=0)"),
            Some((order, bytes)) => {
                format!("2^{order} pages in one block ({bytes}; order={order})")
            }
            None => "memory".to_owned(),
        };
        let mut text = match trigger.kind {
            TriggerKind::AllocationFailure => format!(
                "{who} asked for {size} and got nothing. The request fails; nobody is killed for \
                 that."
            ),
            _ if trigger.order == Some(-1) => {
                "order=-1: nobody asked for memory, a person asked for a kill.".to_owned()
            }
            _ if self.explained.cause == Cause::Manual => {
                "Nobody asked for memory: a person asked for a kill.".to_owned()
            }
            _ if self.explained.group.is_some() => format!(
                "{who} asked for {size}, its cgroup was at its limit, and so somebody in it has to \
                 die. This is who asked next, not necessarily who used too much."
            ),
            _ => format!(
                "{who} asked for {size}, there was none, and so somebody has to die. This is who \
                 asked next, not necessarily who used too much."
            ),
        };
        if self.explained.group.is_some() {
            text.push_str(
                " gfp_mask says how the kernel may wait while it charges the cgroup, not what the \
                 page is for.",
            );
        } else if let Some(flags) = asked.and_then(|asked| asked.gfp_names.as_ref()) {
            let words: Vec<String> = flags
                .to_string()
                .split('|')
                .filter_map(|flag| Some(format!("{flag}: {}", flag_words(flag)?)))
                .collect();
            if !words.is_empty() {
                let printed = trigger.gfp.as_ref().is_some_and(|gfp| gfp.names.is_some());
                let lead = if printed { "gfp_mask is what kind:" } else { "gfp_mask means" };
                _ = write!(text, " {lead} {}.", words.join("; "));
            }
        }
        if let Some(zone) = asked.and_then(|asked| asked.highest_zone)
            && self.explained.group.is_none()
        {
            _ = write!(text, " It may come from zone {zone} or a lower one.");
        }
        if let Some(adj) = trigger.oom_score_adj {
            _ = write!(
                text,
                " oom_score_adj={} is the asker's own setting (-1000: never killed; 1000: first).",
                adj.get()
            );
        } else if let Some(adj) = trigger.oom_adj {
            _ = write!(
                text,
                " The last number, {}, is the asker's own setting (-17: never killed; 15: first).",
                adj.get()
            );
        }
        Gloss::key(text)
    }

    pub(super) fn cpuset(&self) -> Option<Gloss> {
        let trigger = self.report.trigger.as_ref()?;
        let name = trigger.cpuset.as_ref()?;
        let nodes = trigger.mems_allowed.as_ref();
        let nodes =
            nodes.map_or(String::new(), |nodes| format!(": it may take memory of node {nodes}"));
        let name = match name.as_bytes() {
            b"/" => "no cpuset of its own".to_owned(),
            _ => format!("cpuset `{name}`"),
        };
        Gloss::plain(format!("The asker has {name}{nodes}."))
    }

    pub(super) fn cpu(&self) -> Option<Gloss> {
        let reporter = &self.report.reporter;
        let mut text = match (&reporter.comm, reporter.pid) {
            (Some(name), Some(pid)) => format!("Process {pid} (`{name}`) printed this"),
            _ => "Who printed this".to_owned(),
        };
        if let Some(cpu) = reporter.cpu {
            _ = write!(text, " on CPU {cpu}");
        }
        if let Some(release) = reporter.release {
            _ = write!(
                text,
                "; the kernel is Linux {release}, whose rules of choosing a victim hold"
            );
        }
        text.push('.');
        if let Some(taint) = &reporter.taint {
            let taint = taint.to_string();
            if taint == "Not tainted" {
                text.push_str(" Not tainted: only the kernel's own code has run in it.");
            } else {
                let letters = taint.strip_prefix("Tainted:").unwrap_or(&taint);
                let words: Vec<String> = letters
                    .chars()
                    .filter_map(|letter| Some(format!("{letter}: {}", taint_words(letter)?)))
                    .collect();
                if !words.is_empty() {
                    _ = write!(text, " Tainted, {}.", words.join("; "));
                }
            }
        }
        Gloss::plain(text)
    }

    pub(super) fn frame(&self, at: usize) -> Option<Gloss> {
        let trace = &self.report.reporter.trace;
        let name = trace.get(at)?.to_string();
        let words = frames::words(&name)?;
        // Said once: several functions are about one subject.
        let same = |before: &facts::Name| frames::words(&before.to_string()) == Some(words);
        if trace.iter().take(at).any(same) {
            return None;
        }
        Gloss::plain(format!("{words}."))
    }

    /// What the request was bound to, as nodes.
    pub(super) fn nodes_words(nodes: &facts::Name) -> Option<String> {
        (nodes.as_bytes() != b"(null)").then(|| format!("bound to node {nodes}"))
    }
}

/// What a flag of a request means; `None` for those that say nothing about memory.
fn flag_words(flag: &str) -> Option<&'static str> {
    Some(match flag.trim() {
        "GFP_KERNEL" => "memory for the kernel itself, which may wait and write things out",
        "GFP_KERNEL_ACCOUNT" => "memory for the kernel, charged to the asker's cgroup",
        "GFP_USER" => "memory that the kernel shares with a program",
        "GFP_HIGHUSER" => "memory for a program, from any zone",
        "GFP_HIGHUSER_MOVABLE" => {
            "memory for a program, from any zone, which may be moved elsewhere later"
        }
        "GFP_TRANSHUGE" | "GFP_TRANSHUGE_LIGHT" => {
            "a huge page for a program, if it is easy to get"
        }
        "GFP_TEMPORARY" => "memory for a short time",
        "GFP_NOFS" => "for the kernel, which may not call a file system to get it",
        "GFP_NOIO" => "for the kernel, which may not start any input or output to get it",
        "GFP_ATOMIC" => "for the kernel, at once: it can wait for nothing",
        "GFP_NOWAIT" => "without waiting",
        "GFP_DMA" | "__GFP_DMA" => "from the lowest 16 MiB, for old devices",
        "GFP_DMA32" | "__GFP_DMA32" => "from the lowest 4 GiB, for 32-bit devices",
        "__GFP_HIGHMEM" => "also from memory that the kernel cannot address directly",
        "__GFP_MOVABLE" => "may be moved elsewhere later",
        "__GFP_RECLAIMABLE" => "can be given back on demand",
        "__GFP_ZERO" => "filled with zeroes",
        "__GFP_COMP" => "pages that stay together",
        "__GFP_ACCOUNT" => "charged to the asker's cgroup",
        "__GFP_WRITE" => "will be written to soon",
        "__GFP_HARDWALL" => "only from the nodes of its cpuset",
        "__GFP_THISNODE" => "from this node and no other",
        "__GFP_NOFAIL" => "must not fail, however long it takes",
        "__GFP_NORETRY" => "may fail after one try",
        "__GFP_RETRY_MAYFAIL" | "__GFP_REPEAT" => "tries hard and may then fail",
        "__GFP_NOWARN" => "without a message when it fails",
        "__GFP_HIGH" => "may take a part of the reserve",
        "__GFP_MEMALLOC" => "may take all of the reserve, because it will free more",
        "__GFP_NOMEMALLOC" => "may take nothing of the reserve",
        "__GFP_IO" => "may start input and output",
        "__GFP_FS" => "may call file systems",
        "__GFP_DIRECT_RECLAIM" | "__GFP_WAIT" => "may wait and free memory itself",
        "__GFP_KSWAPD_RECLAIM" => "wakes the kernel's reclaim in the background",
        "__GFP_RECLAIM" => "may wait for reclaim",
        _ => return None,
    })
}

fn taint_words(letter: char) -> Option<&'static str> {
    Some(match letter {
        'P' => "a proprietary module",
        'O' => "a module from outside the kernel's tree",
        'E' => "an unsigned module",
        'C' => "a driver of the staging area",
        'F' => "a module loaded by force",
        'W' => "a warning earlier",
        'D' => "the kernel crashed earlier",
        'L' => "a CPU hung earlier",
        'B' => "a damaged page was seen",
        'M' => "the hardware reported a fault",
        'K' => "live patches",
        'I' => "a workaround for firmware",
        'X' => "a module that the vendor supports",
        'T' => "an unusual build",
        _ => return None,
    })
}
