//! Quantities of two machines at one moment, and how far apart they may be.

use scenario::comparison::Unit;
use scenario::run::MachineSeen;
use scenario::{Measured, Tolerance};

/// How far apart two values of a quantity may be: this share, in thousandths, or this amount,
/// whichever is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// Thousandths of the real value, or of the field that the share is of.
    pub share: u64,
    /// Bytes or events.
    pub amount: u64,
}

/// A quantity that is compared.
#[derive(Debug, Clone, Copy)]
struct Rule {
    file: &'static str,
    field: &'static str,
    unit: Unit,
    /// `None`: shown and not judged.
    within: Option<Within>,
    /// Of which field of the same file the share is; empty: of the value itself.
    share_of: &'static str,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

const fn meminfo(field: &'static str, share: u64, amount: u64) -> Rule {
    let within = Some(Within { share, amount });
    Rule { file: "meminfo", field, unit: Unit::Bytes, within, share_of: "" }
}

const fn shown(field: &'static str) -> Rule {
    Rule { file: "meminfo", field, unit: Unit::Bytes, within: None, share_of: "" }
}

const fn events(field: &'static str, within: Option<Within>) -> Rule {
    Rule { file: "vmstat", field, unit: Unit::Count, within, share_of: "" }
}

/// What is compared of every machine. Amounts of memory may be 1 % of all memory or 2 MiB apart, swap
/// 3 %, cached files 10 %; what the kernel computes from the machine alone is the same. (Locked are the
/// 136 KiB of the init of virtual machines, too.)
const RULES: &[Rule] = &[
    meminfo("MemTotal", 0, 0),
    Rule { share_of: "MemTotal", ..meminfo("MemFree", 10, 2 * MIB) },
    Rule { share_of: "MemTotal", ..meminfo("MemAvailable", 10, 2 * MIB) },
    meminfo("Cached", 100, MIB),
    meminfo("SwapCached", 100, 2 * MIB),
    Rule { share_of: "MemTotal", ..meminfo("AnonPages", 10, 2 * MIB) },
    meminfo("Shmem", 10, 64 * KIB),
    meminfo("Mlocked", 10, 192 * KIB),
    meminfo("PageTables", 30, 64 * KIB),
    meminfo("KernelStack", 100, 128 * KIB),
    meminfo("SReclaimable", 100, 2 * MIB),
    meminfo("SUnreclaim", 100, MIB),
    meminfo("SwapTotal", 0, 0),
    Rule { share_of: "SwapTotal", ..meminfo("SwapFree", 30, MIB) },
    meminfo("CommitLimit", 0, 0),
    meminfo("Committed_AS", 10, MIB),
    events("oom_kill", Some(Within { share: 0, amount: 0 })),
    events("pgfault", None),
    events("pgmajfault", None),
    events("pswpin", None),
    events("pswpout", None),
    events("workingset_refault_anon", None),
    events("workingset_refault_file", None),
    events("pgscan_kswapd", None),
    events("pgscan_direct", None),
    events("pgsteal_anon", None),
    events("pgsteal_file", None),
    events("pgrefill", None),
    shown("Active(anon)"),
    shown("Inactive(anon)"),
    shown("Active(file)"),
    shown("Inactive(file)"),
];

/// What is compared of every memory cgroup.
const CGROUP: &[(&str, Unit, Option<Within>)] = &[
    ("memory.current", Unit::Bytes, Some(Within { share: 10, amount: 512 * KIB })),
    ("memory.swap.current", Unit::Bytes, Some(Within { share: 30, amount: 512 * KIB })),
    ("memory.events low", Unit::Count, None),
    ("memory.events high", Unit::Count, None),
    ("memory.events max", Unit::Count, None),
    ("memory.events oom", Unit::Count, Some(Within { share: 0, amount: 0 })),
    ("memory.events oom_kill", Unit::Count, Some(Within { share: 0, amount: 0 })),
    ("memory.stat anon", Unit::Bytes, Some(Within { share: 10, amount: 512 * KIB })),
    ("memory.stat file", Unit::Bytes, Some(Within { share: 100, amount: MIB })),
    // Version 1.
    ("memory.usage_in_bytes", Unit::Bytes, Some(Within { share: 10, amount: 512 * KIB })),
    ("memory.memsw.usage_in_bytes", Unit::Bytes, Some(Within { share: 10, amount: 512 * KIB })),
    ("memory.failcnt", Unit::Count, None),
    ("memory.stat rss", Unit::Bytes, Some(Within { share: 10, amount: 512 * KIB })),
    ("memory.stat cache", Unit::Bytes, Some(Within { share: 100, amount: MIB })),
];

/// Where each version of cgroups is mounted, and a file that every cgroup of it has.
const CGROUPS: [(&str, &str); 2] =
    [("sys/fs/cgroup", "/memory.current"), ("sys/fs/cgroup/memory", "/memory.usage_in_bytes")];

/// What two machines say of one quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity {
    /// The file and the field.
    pub what: String,
    /// What the values count.
    pub unit: Unit,
    /// What each says; `None`: nothing.
    pub values: [Option<u64>; 2],
    /// How far apart they may be; `None`: not judged.
    pub allowed: Option<u64>,
}

impl Quantity {
    /// Whether they are no farther apart; `None`: not judged.
    pub fn within(&self) -> Option<bool> {
        let allowed = self.allowed?;
        match self.values {
            [Some(one), Some(other)] => Some(one.abs_diff(other) <= allowed),
            // What one of them does not report cannot be compared.
            _ => None,
        }
    }
}

impl Quantity {
    /// The same, with what a scenario allows of it, where that says something.
    #[must_use]
    pub fn tolerated(self, tolerances: &[Tolerance]) -> Quantity {
        let what = measured(&self.what);
        let found = tolerances.iter().find(|tolerance| Some(tolerance.what) == what);
        match (found, self.values[1]) {
            (Some(tolerance), Some(real)) => {
                Quantity { allowed: Some(tolerance.allowed(real)), ..self }
            }
            _ => self,
        }
    }
}

/// What a scenario calls a quantity.
fn measured(what: &str) -> Option<Measured> {
    Some(match what {
        "meminfo MemFree" | "meminfo MemAvailable" | "free" => Measured::Free,
        "meminfo AnonPages" | "anonymous on lists" | "resident of the victim" => {
            Measured::Anonymous
        }
        "meminfo Cached" | "page cache" => Measured::Cache,
        "meminfo SwapFree" | "meminfo SwapCached" | "swap in use" => Measured::Swap,
        "meminfo PageTables"
        | "meminfo KernelStack"
        | "meminfo SReclaimable"
        | "meminfo SUnreclaim" => Measured::Kernel,
        _ if what.ends_with(": bytes touched") => Measured::KillPoint,
        _ if what.starts_with("badness of ") => Measured::Badness,
        _ if what.contains(" memory.") && !what.contains(" memory.events ") => Measured::Cgroups,
        _ => return None,
    })
}

/// Every quantity that at least one of two machines reports; the second is the real one.
pub fn machines(one: &MachineSeen, real: &MachineSeen) -> Vec<Quantity> {
    let mut all = Vec::new();
    for rule in RULES {
        let value = |seen: &MachineSeen, field: &str| value(seen, rule.file, field);
        let of = if rule.share_of.is_empty() { rule.field } else { rule.share_of };
        let allowed = rule.within.map(|within| allowed(within, value(real, of)));
        let values = [value(one, rule.field), value(real, rule.field)];
        push(&mut all, format!("{} {}", rule.file, rule.field), rule.unit, values, allowed);
    }
    let names = real.files.iter().chain(&one.files).map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.collect();
    for (mount, file) in CGROUPS {
        let mut groups: Vec<&str> =
            names.iter().filter_map(|name| name.strip_suffix(file)).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            for &(what, unit, within) in CGROUP {
                let (file, field) = what.split_once(' ').unwrap_or((what, ""));
                let value = |seen: &MachineSeen| value(seen, &format!("{group}/{file}"), field);
                let values = [value(one), value(real)];
                let allowed = within.map(|within| allowed(within, values[1]));
                let shown = group.strip_prefix(mount).unwrap_or(group);
                push(&mut all, format!("{shown} {what}"), unit, values, allowed);
            }
        }
    }
    all
}

fn push(
    all: &mut Vec<Quantity>,
    what: String,
    unit: Unit,
    values: [Option<u64>; 2],
    allowed: Option<u64>,
) {
    if values != [None, None] {
        all.push(Quantity { what, unit, values, allowed });
    }
}

/// How far apart values may be, where the real one is this.
pub(super) fn allowed(within: Within, of: Option<u64>) -> u64 {
    let share = of.map_or(0, |of| of / 1000 * within.share + of % 1000 * within.share / 1000);
    share.max(within.amount)
}

/// A number of a file: a field by its name, bytes where it is in kB, or the only number there is.
fn value(seen: &MachineSeen, file: &str, field: &str) -> Option<u64> {
    let (_, text) = seen.files.iter().find(|(name, _)| name == file)?;
    let text = String::from_utf8_lossy(text);
    if field.is_empty() {
        return text.trim().parse().ok();
    }
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(field)?;
        let rest = rest.strip_prefix(':').or_else(|| rest.strip_prefix(' '))?;
        let mut words = rest.split_whitespace();
        let number: u64 = words.next()?.parse().ok()?;
        let unit = if words.next() == Some("kB") { 1024 } else { 1 };
        number.checked_mul(unit)
    })
}

/// The kill point: bytes that a process had touched when somebody was killed. 1 % or 2 MiB.
pub fn kill_point(what: String, one: u64, real: u64) -> Quantity {
    let allowed = Some(allowed(Within { share: 10, amount: 2 * MIB }, Some(real)));
    Quantity { what, unit: Unit::Bytes, values: [Some(one), Some(real)], allowed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(files: &[(&str, &str)]) -> MachineSeen {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
        MachineSeen { files: files.collect(), ..MachineSeen::default() }
    }

    fn found(one: &[(&str, &str)], real: &[(&str, &str)]) -> Vec<(String, Option<bool>)> {
        let all = machines(&seen(one), &seen(real));
        all.into_iter().map(|quantity| (quantity.what.clone(), quantity.within())).collect()
    }

    #[test]
    fn free_memory_may_be_a_hundredth_of_all_memory_apart() {
        let real = "MemTotal: 1024000 kB\nMemFree: 100000 kB\n";
        let near = "MemTotal: 1024000 kB\nMemFree: 110240 kB\n";
        let far = "MemTotal: 1024000 kB\nMemFree: 110241 kB\n";
        let verdict = |one| found(&[("meminfo", one)], &[("meminfo", real)]);
        assert_eq!(
            verdict(near),
            [
                ("meminfo MemTotal".to_owned(), Some(true)),
                ("meminfo MemFree".to_owned(), Some(true))
            ]
        );
        assert_eq!(verdict(far)[1].1, Some(false));
    }

    #[test]
    fn what_a_scenario_allows_goes_before_what_is_allowed_otherwise() {
        let tolerance = |what, milli_percent, amount| Tolerance { what, milli_percent, amount };
        let far = || kill_point("hog: bytes touched".to_owned(), 100 * MIB, 104 * MIB);
        assert_eq!(far().within(), Some(false));
        let of = |all: &[Tolerance]| far().tolerated(all).within();
        assert_eq!(of(&[tolerance(Measured::Free, 0, 9 * MIB)]), Some(false));
        assert_eq!(of(&[tolerance(Measured::KillPoint, 0, 4 * MIB)]), Some(true));
        assert_eq!(of(&[tolerance(Measured::KillPoint, 3_846, 0)]), Some(false));
        assert_eq!(of(&[tolerance(Measured::KillPoint, 3_847, 0)]), Some(true));
        assert_eq!(measured("/web memory.stat anon"), Some(Measured::Cgroups));
        assert_eq!(measured("/web memory.events max"), None);
    }

    #[test]
    fn total_memory_is_the_same() {
        let one = found(&[("meminfo", "MemTotal: 100 kB\n")], &[("meminfo", "MemTotal: 101 kB\n")]);
        assert_eq!(one, [("meminfo MemTotal".to_owned(), Some(false))]);
    }

    #[test]
    fn what_one_does_not_report_is_shown_and_not_judged() {
        let one = found(&[], &[("vmstat", "oom_kill 1\npgfault 7\n")]);
        assert_eq!(
            one,
            [("vmstat oom_kill".to_owned(), None), ("vmstat pgfault".to_owned(), None)]
        );
    }

    #[test]
    fn cgroups_are_compared_by_their_files() {
        let events = "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1\n";
        let files = |current| {
            [
                ("sys/fs/cgroup/web/memory.current", current),
                ("sys/fs/cgroup/web/memory.events", events),
            ]
        };
        let all = found(&files("8388608\n"), &files("7864320\n"));
        assert_eq!(all[0], ("/web memory.current".to_owned(), Some(true)));
        assert!(all.contains(&("/web memory.events oom_kill".to_owned(), Some(true))), "{all:?}");
        assert!(all.contains(&("/web memory.events max".to_owned(), None)), "{all:?}");
        assert_eq!(found(&files("8388608\n"), &files("7864319\n"))[0].1, Some(false));
    }

    #[test]
    fn a_kill_point_may_be_two_mebibytes_or_a_hundredth_apart() {
        assert_eq!(kill_point(String::new(), 10 * MIB, 12 * MIB).within(), Some(true));
        assert_eq!(kill_point(String::new(), 10 * MIB, 12 * MIB + 1).within(), Some(false));
        assert_eq!(kill_point(String::new(), 990 * MIB, 1000 * MIB).within(), Some(true));
        assert_eq!(kill_point(String::new(), 989 * MIB, 1000 * MIB).within(), Some(false));
    }
}
