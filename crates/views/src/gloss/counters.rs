//! The counters of the machine and of its nodes.

use facts::oom_report::{GlobalCounters, NodeCounters, Record};
use units::{Bytes, Pages};

use super::{Gloss, Glosses, has, list};
use crate::amount;

impl Glosses<'_> {
    pub(super) fn mem_info(&self) -> Option<Gloss> {
        let free = self.memory().and_then(|memory| memory.counters.free);
        let free = free.map_or(String::new(), |free| format!(" {} were free.", self.bytes(free)));
        Gloss::plain(format!(
            "From here: all memory of the machine at that moment, counted in pages of {} KiB.{free}",
            self.page_size.kib()
        ))
    }

    /// What the named counters on this line are.
    pub(super) fn counters(&self, text: &[u8]) -> Option<Gloss> {
        let counters = &self.memory()?.counters;
        let mut parts = Vec::new();
        for key in keys(text, GlobalCounters::KEYS) {
            let (Some(pages), Some(words)) = (counters.get(key), words(key)) else { continue };
            if pages > Pages::ZERO || matches!(key, "free" | "inactive_file" | "active_file") {
                parts.push(format!("{key} {}, {words}", self.bytes(pages)));
            }
        }
        if parts.is_empty() {
            return Gloss::plain("All of these are zero.");
        }
        Gloss::plain(format!("{}.", parts.join("; ")))
    }

    pub(super) fn node(&self, at: usize) -> Option<Gloss> {
        let node = self.memory()?.nodes.get(at)?;
        let counters = &node.counters;
        let sum = |keys: [&str; 2]| -> Option<Bytes> {
            let both = keys.map(|key| counters.get(key));
            both.into_iter().flatten().reduce(Bytes::saturating_add)
        };
        let mut parts = Vec::new();
        let mut say = |bytes: Option<Bytes>, words: &str, always: bool| {
            if let Some(bytes) = bytes.filter(|&bytes| always || bytes > Bytes::ZERO) {
                parts.push(format!("{bytes} {words}"));
            }
        };
        say(sum(["active_anon", "inactive_anon"]), "of programs' own memory (anon)", true);
        say(sum(["active_file", "inactive_file"]), "of files (the cache)", true);
        say(counters.get("unevictable"), "locked", false);
        say(counters.get("shmem"), "of tmpfs and shared memory, part of anon", false);
        say(counters.get("writeback"), "being written to disk", false);
        say(counters.get("kernel_stack"), "of stacks in the kernel", false);
        say(counters.get("pagetables"), "of page tables", false);
        say(counters.get("Balloon"), "given back to the hypervisor", false);
        let which = match node.node {
            Some(node) => format!("All zones of node {node} together"),
            None => "All zones together".to_owned(),
        };
        let gave_up = match node.all_unreclaimable {
            Some(true) => {
                " all_unreclaimable? yes: reclaim has given up here, nothing more can be taken."
            }
            Some(false) => " all_unreclaimable? no: reclaim had not yet given up here.",
            None => "",
        };
        Gloss::plain(format!("{which}: {}.{gave_up}", list(&parts)))
    }

    pub(super) fn per_cpu_of(&self, at: usize) -> Option<Gloss> {
        let zone = self.memory()?.zones.get(at)?;
        Gloss::plain(format!(
            "Free pages that each CPU keeps at hand in zone {}: few, and not the problem.",
            zone.name
        ))
    }

    /// What carries a line on: its counters, if it has some.
    pub(super) fn continued(record: Record, text: &[u8]) -> Option<Gloss> {
        if record == Record::Registers {
            let program = (has(text, "RIP: ") || has(text, "EIP: ")) && !has(text, "EFLAGS");
            return program
                .then(|| {
                    Gloss::plain(
                        "Where the program was, and the CPU's registers: for whoever debugs the \
                         kernel; nothing about memory.",
                    )
                })
                .flatten();
        }
        let node = keys(text, NodeCounters::KEYS).count() > 0;
        node.then(|| Gloss::plain("The line before goes on here.")).flatten()
    }
}

/// The names of counters on a line, in its order.
fn keys<'k>(text: &[u8], known: &'k [&'k str]) -> impl Iterator<Item = &'k str> + use<'k> {
    let mut found: Vec<(usize, &str)> = known
        .iter()
        .filter_map(|key| {
            let at = text.windows(key.len() + 1).enumerate().position(|(at, part)| {
                let starts = at == 0 || !is_word(text[at - 1]);
                starts
                    && part.ends_with(b":")
                    && part.eq_ignore_ascii_case(format!("{key}:").as_bytes())
            })?;
            Some((at, *key))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, key)| key)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn words(key: &str) -> Option<&'static str> {
    Some(match key {
        "active_anon" => "programs' own memory (heap, stacks) used lately",
        "inactive_anon" => "the same, not used lately: goes to swap first, if there is any",
        "isolated_anon" | "isolated_file" => "taken off the lists by reclaim at that moment",
        "active_file" => "pages of files used lately",
        "inactive_file" => "pages of files not used lately: what reclaim takes first",
        "active" => "pages of programs and files used lately",
        "inactive" => "the same, not used lately",
        "unevictable" => "locked: reclaim may not take it",
        "dirty" => "pages of files that must be written to disk before they can be taken",
        "writeback" => "pages being written right now",
        "unstable" => "written to an NFS server that has not confirmed it",
        "slab" => "the kernel's own objects",
        "slab_reclaimable" => "the kernel's own objects that it can give back (names, inodes)",
        "slab_unreclaimable" => "the kernel's own objects that it cannot give back",
        "mapped" => "pages of files that programs have mapped (counted above already)",
        "shmem" => "tmpfs and shared memory (counted as anon): stays until deleted",
        "pagetables" => "the tables that say where each program's pages are",
        "sec_pagetables" => "such tables of virtual machines and devices",
        "bounce" => "copies for devices that cannot reach all memory",
        "kernel_misc_reclaimable" => "other things of the kernel that it can give back",
        "free" => "in all zones together, whatever it is kept for",
        "free_pcp" => "free too, kept at hand by the CPUs",
        "free_cma" => "of the free, kept for devices that need it in one piece",
        _ => return None,
    })
}

/// Points of a score as an amount or as thousandths.
pub(super) fn share_of(part: Bytes, whole: Bytes) -> String {
    amount::share(part, whole).map_or(String::new(), |share| format!(" ({share})"))
}
