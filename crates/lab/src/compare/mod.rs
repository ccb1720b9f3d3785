//! Two observations side by side, field by field.
//!
//! # What counts as equal
//! Mappings are compared by their addresses, permissions, offset and the last part of their name; the
//! device and the inode are numbers of one machine, and so is the folder a file lies in. Of `smaps`
//! every line is compared, of `status` the lines about memory, of `statm` all, of `stat` the faults and
//! the sizes.
//!
//! The flag `sd` of `VmFlags` is passed over: it is about who watches writes, and nobody does.
//!
//! A [`Tolerances`] says for a field how far apart its values may be; without one they are equal or
//! different.

pub mod machine;
mod mappings;
mod numbers;
pub mod report;
pub mod tasks;
pub mod zones;

use std::fmt;

use facts::Release;
use rules::rss::{Printed, rss_slack};
use world::Observation;

pub use mappings::{MapLine, map_lines, same_mappings};

/// One field that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file of `/proc/PID`.
    pub file: &'static str,
    /// The mapping, where the file has one per mapping; empty otherwise.
    pub mapping: String,
    /// The field; empty for a whole line.
    pub field: String,
    /// What the first has; `None`: nothing.
    pub left: Option<String>,
    /// What the second has.
    pub right: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)?;
        for part in [&self.mapping, &self.field] {
            if !part.is_empty() {
                write!(f, " {part}")?;
            }
        }
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, ": {} and {}", side(&self.left), side(&self.right))
    }
}

/// How far apart values may be, by file and field.
#[derive(Debug, Clone, Default)]
pub struct Tolerances(Vec<(String, String, Apart)>);

/// How far the second of two values may be below the first, and above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Apart {
    below: u64,
    above: u64,
}

impl Apart {
    const ANY: Apart = Apart { below: u64::MAX, above: u64::MAX };

    fn allows(self, left: u64, right: u64) -> bool {
        left.saturating_sub(right) <= self.below && right.saturating_sub(left) <= self.above
    }
}

impl Tolerances {
    /// None: equal or different.
    pub fn none() -> Tolerances {
        Tolerances::default()
    }

    /// What the kernel does not count exactly.
    ///
    /// * Resident pages in `stat` and in `VmHWM`, which leave out what processors have not yet added to
    ///   the sum ([`rules::rss`], 6.2 on), and the score that follows.
    /// * What `smaps_rollup` says of shared pages, by the two of the vdso: who else on the machine has them
    ///   mapped is nobody's business here.
    pub fn of_counters(cpus: u32) -> Tolerances {
        let pages = rss_slack(Release::new(6, 18), cpus, 1, Printed::Quick).total().below;
        Tolerances::none()
            .allow("stat", "rss", pages)
            .allow("status", "VmHWM", pages * 4)
            .allow("oom_score", "value", 1)
            .allow("smaps_rollup", "Pss", 8)
            .allow("smaps_rollup", "Pss_File", 8)
            .allow("smaps_rollup", "Shared_Clean", 8)
            .allow("smaps_rollup", "Private_Clean", 8)
    }

    /// And what kernels of virtual machines do not, whatever their release: until 6.1 a task adds what it
    /// counted to its memory's sum every 64 faults (`SPLIT_RSS_COUNTING`), each of which may map 16
    /// pages of a file around it. Minor faults follow from which pages of a file were read together.
    #[must_use]
    pub fn of_machines(self) -> Tolerances {
        let pages = 64 * 16;
        self.allow("statm", "resident", pages)
            .allow("statm", "shared", pages)
            .allow("status", "VmRSS", pages * 4)
            .allow("status", "RssAnon", 64 * 4)
            .allow("status", "RssFile", pages * 4)
            .allow("status", "RssShmem", pages * 4)
            .allow("status", "VmHWM", pages * 4)
            .allow("stat", "rss", pages)
            .allow("oom_score", "value", 8)
            .actor_in_memory()
    }

    /// The actor's program lies on a tmpfs there, whose pages are dirty and count as shared memory; of
    /// the five that are shared, the model says that they are a disk's.
    fn actor_in_memory(self) -> Tolerances {
        ["smaps", "smaps_rollup"].into_iter().fold(self, |all, file| {
            ["Pss", "Pss_Dirty", "Pss_File", "Pss_Shmem", "Shared_Clean", "Shared_Dirty"]
                .into_iter()
                .fold(all, |all, field| all.allow(file, field, 20))
        })
    }

    /// And what it does not after `MADV_FREE`, `MADV_COLD` and `MADV_PAGEOUT`, which mark pages in batches of
    /// 31 per processor
    /// (`folio_mark_lazyfree()`) that are worked off some time later.
    #[must_use]
    pub fn after_batches(self, cpus: u32) -> Tolerances {
        let apart = 31 * 4 * u64::from(cpus);
        ["smaps", "smaps_rollup"].into_iter().fold(self, |all, file| {
            all.allow(file, "LazyFree", apart).allow(file, "Referenced", apart)
        })
    }

    /// And what it does not where so many pages of files were on their way from a disk when a fault mapped
    /// what was in memory around another page.
    #[must_use]
    pub fn on_the_way(self, pages: u64) -> Tolerances {
        if pages == 0 {
            return self;
        }
        let kib = pages.saturating_mul(4);
        // What one process lacks is another's alone.
        let of_mappings = ["Pss", "Private_Clean", "Shared_Clean", "Referenced"];
        ["smaps", "smaps_rollup"]
            .into_iter()
            .fold(self, |all, file| {
                let all = all.allow_less(file, "Rss", kib);
                of_mappings.into_iter().fold(all, |all, field| all.allow_more(file, field, kib))
            })
            .allow_more("smaps_rollup", "Pss_File", kib)
            .allow_less("status", "VmRSS", kib)
            .allow_less("status", "RssFile", kib)
            .allow_less("status", "VmHWM", kib)
            .allow_less("statm", "resident", pages)
            .allow_less("statm", "shared", pages)
            .allow_less("stat", "rss", pages)
    }

    /// And what it does not where so many pages may not have been paged out, for they were on no list yet.
    #[must_use]
    pub fn off_list(self, pages: u64) -> Tolerances {
        if pages == 0 {
            return self;
        }
        let kib = pages.saturating_mul(4);
        // What one process has still is not another's alone.
        let of_mappings = [
            "Pss",
            "Pss_Dirty",
            "Private_Clean",
            "Private_Dirty",
            "Shared_Clean",
            "Shared_Dirty",
            "Referenced",
        ];
        let all = ["smaps", "smaps_rollup"].into_iter().fold(self, |all, file| {
            let all = all.allow_greater(file, "Rss", kib);
            of_mappings.into_iter().fold(all, |all, field| all.allow_more(file, field, kib))
        });
        let all = all
            .allow_more("smaps_rollup", "Pss_File", kib)
            .allow_more("smaps_rollup", "Pss_Shmem", kib)
            .allow_greater("statm", "resident", pages)
            .allow_greater("statm", "shared", pages)
            .allow_greater("stat", "rss", pages);
        ["VmRSS", "RssFile", "RssShmem", "VmHWM"]
            .into_iter()
            .fold(all, |all, field| all.allow_greater("status", field, kib))
    }

    /// Lets `field` of `file` be up to `apart` apart, in the unit that the file prints.
    #[must_use]
    pub fn allow(mut self, file: &str, field: &str, apart: u64) -> Tolerances {
        self.0.push((file.to_owned(), field.to_owned(), Apart { below: apart, above: apart }));
        self
    }

    /// Lets `field` of `file` be `apart` more apart than it may be already.
    #[must_use]
    pub fn allow_more(self, file: &str, field: &str, apart: u64) -> Tolerances {
        self.allow_less(file, field, apart).allow_greater(file, field, apart)
    }

    /// Lets the second `field` of `file` be so much more below the first than it may be already.
    #[must_use]
    pub fn allow_less(mut self, file: &str, field: &str, by: u64) -> Tolerances {
        let known = self.rule(file, field).unwrap_or_default();
        let apart = Apart { below: known.below.saturating_add(by), ..known };
        self.0.push((file.to_owned(), field.to_owned(), apart));
        self
    }

    /// Lets the second `field` of `file` be so much more above the first than it may be already.
    #[must_use]
    pub fn allow_greater(mut self, file: &str, field: &str, by: u64) -> Tolerances {
        let known = self.rule(file, field).unwrap_or_default();
        let apart = Apart { above: known.above.saturating_add(by), ..known };
        self.0.push((file.to_owned(), field.to_owned(), apart));
        self
    }

    /// Passes over a field.
    #[must_use]
    pub fn ignore(self, file: &str, field: &str) -> Tolerances {
        self.allow(file, field, u64::MAX)
    }

    /// Whether two texts of this field count as equal.
    fn equal(&self, file: &str, field: &str, left: &str, right: &str) -> bool {
        if left == right {
            return true;
        }
        let Some(apart) = self.rule(file, field) else { return false };
        let number = |text: &str| text.split_whitespace().next()?.parse::<u64>().ok();
        match (number(left), number(right)) {
            (Some(left), Some(right)) => apart.allows(left, right),
            _ => apart == Apart::ANY,
        }
    }

    /// How far apart this field may be, where anything is said of it.
    fn rule(&self, file: &str, field: &str) -> Option<Apart> {
        let rule = self.0.iter().rfind(|(of, name, _)| of == file && name == field);
        rule.map(|&(_, _, apart)| apart)
    }

    fn ignores(&self, file: &str, field: &str) -> bool {
        self.0.iter().any(|(of, name, apart)| of == file && name == field && *apart == Apart::ANY)
    }
}

/// Every field that is not the same in both, of the files that both have.
pub fn observations(
    left: &Observation,
    right: &Observation,
    allowed: &Tolerances,
) -> Vec<Difference> {
    let mut found = Vec::new();
    if let (Some(left), Some(right)) = (&left.maps, &right.maps) {
        mappings::maps(left, right, &mut found);
    }
    if let (Some(left), Some(right)) = (&left.smaps, &right.smaps) {
        mappings::smaps("smaps", left, right, allowed, &mut found);
    }
    if let (Some(left), Some(right)) = (&left.smaps_rollup, &right.smaps_rollup) {
        mappings::smaps("smaps_rollup", left, right, allowed, &mut found);
    }
    let numbers: [(&str, _, _, numbers::Reader); 4] = [
        ("status", &left.status, &right.status, numbers::status),
        ("statm", &left.statm, &right.statm, numbers::statm),
        ("stat", &left.stat, &right.stat, numbers::stat),
        ("oom_score", &left.oom_score, &right.oom_score, numbers::single),
    ];
    for (file, left, right, read) in numbers {
        if let (Some(left), Some(right)) = (left, right) {
            fields(file, "", &read(left), &read(right), allowed, &mut found);
        }
    }
    found
}

/// Adds the fields of two lists that differ. Fields come in the same order in both, mostly.
fn fields(
    file: &'static str,
    mapping: &str,
    left: &[(String, String)],
    right: &[(String, String)],
    allowed: &Tolerances,
    found: &mut Vec<Difference>,
) {
    let value = |side: &[(String, String)], at: usize, name: &str| match side.get(at) {
        Some((field, value)) if field == name => Some(value.clone()),
        _ => side.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()),
    };
    let mut differ = |field: &str, left: Option<String>, right: Option<String>| {
        let equal = match (&left, &right) {
            (Some(left), Some(right)) => allowed.equal(file, field, left, right),
            _ => allowed.ignores(file, field),
        };
        if !equal {
            let (mapping, field) = (mapping.to_owned(), field.to_owned());
            found.push(Difference { file, mapping, field, left, right });
        }
    };
    for (at, (name, text)) in left.iter().enumerate() {
        differ(name, Some(text.clone()), value(right, at, name));
    }
    for (name, text) in right {
        if !left.iter().any(|(field, _)| field == name) {
            differ(name, None, Some(text.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
