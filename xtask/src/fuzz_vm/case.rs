//! A random machine and what lives on it: made from a seed, written as a scenario.

use std::fmt::Write as _;

use crate::fuzz_host::Random;

/// A machine that several scenarios can be performed on, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// RAM in MiB.
    ram: u64,
    /// Swap on a disk in MiB; 0: none.
    swap: u64,
    cpus: u64,
    /// What watermarks are computed from anew: a machine whose marks were set once is another one than one
    /// whose marks are those of its boot.
    marks: Vec<(&'static str, u64)>,
}

impl Shape {
    pub(crate) fn random(random: &mut Random) -> Shape {
        Shape {
            ram: random.one(&[160, 192, 224, 256]),
            swap: random.one(&[0, 0, 0, 24, 48]),
            cpus: random.one(&[1, 1, 1, 2]),
            marks: match random.below(10) {
                0..5 => Vec::new(),
                5..8 => vec![("vm.min_free_kbytes", random.between(1, 12) * 1024)],
                _ => vec![("vm.watermark_scale_factor", random.one(&[1, 50, 200]))],
            },
        }
    }
}

/// A scenario in parts that can be left out one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    shape: Shape,
    settings: Vec<(&'static str, u64)>,
    groups: Vec<Group>,
    holders: Vec<Holder>,
    hog: Hog,
}

/// A cgroup; sizes in MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    path: String,
    max: Option<u64>,
    low: Option<u64>,
    min: Option<u64>,
    swap_max: Option<u64>,
    together: bool,
}

/// Who a process is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Who {
    uid: u64,
    nice: i64,
    adj: i64,
    /// The cgroup's path; empty: none.
    group: String,
}

/// A process that takes some memory and holds still.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    name: String,
    who: Who,
    kib: u64,
    how: How,
}

/// What kind of memory it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Anonymous, in one mapping.
    Anonymous,
    /// Anonymous, a MiB at a time, in turns with the others.
    Grown,
    /// Shared with nobody else, which counts as shared memory.
    Shared,
    /// Anonymous and locked.
    Locked,
    /// Anonymous, with a child that has copied half of it.
    Forked,
    /// A page in every 2 MiB, so that page tables weigh as much as what they are for.
    Tables,
    /// Only read.
    Read,
}

/// The process that grows until somebody dies, and on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hog {
    who: Who,
    /// MiB at a time.
    by: u64,
    /// MiB after which it stops; `None`: until it is killed or refused.
    most: Option<u64>,
}

impl Case {
    pub(crate) fn random(shape: Shape, random: &mut Random) -> Case {
        let settings = settings(random);
        let groups = if random.chance(45) { groups(&shape, random) } else { Vec::new() };
        // Where promises may be refused, everybody grows: a step on memory that is not there is none.
        let strict = settings.contains(&("vm.overcommit_memory", 2));
        let count = random.between(1, 8);
        // All of them together have room, mostly.
        let most = shape.ram * 1024 * 6 / 10 / count;
        let holders = (0..count)
            .map(|number| Holder {
                name: format!("p{number}"),
                who: who(&groups, 30, random),
                kib: random.between(64, most.max(65)) / 4 * 4,
                how: if strict { How::Grown } else { how(random) },
            })
            .collect();
        let mut hog = Hog {
            who: who(&groups, 55, random),
            by: random.one(&[1, 2, 4, 8]),
            most: random.chance(15).then(|| random.between(shape.ram / 4, shape.ram)),
        };
        // Nobody else may be left to kill.
        if hog.who.adj == -1000 && random.chance(90) {
            hog.who.adj = -999;
        }
        Case { shape, settings, groups, holders, hog }
    }

    /// Whether its machine has swap.
    pub(crate) fn has_swap(&self) -> bool {
        self.shape.swap > 0
    }

    /// The scenario.
    pub(crate) fn text(&self, title: &str) -> String {
        let mut text = format!("title \"{title}\"\nruns-on model vm\n\nmachine {{\n");
        let Shape { ram, swap, cpus, marks } = &self.shape;
        let _ = writeln!(text, "    ram {ram}MiB");
        if *swap > 0 {
            let _ = writeln!(text, "    swap {swap}MiB");
        }
        let _ = writeln!(text, "    cpus {cpus}");
        let _ =
            writeln!(text, "    // Lists of two ages, as the model has them, on every release.");
        let _ = writeln!(text, "    sys \"kernel/mm/lru_gen/enabled\" 0");
        let _ = writeln!(text, "    // Marks do not follow from what was in the machine before.");
        let _ = writeln!(text, "    sysctl vm.watermark_boost_factor 0");
        for (name, value) in marks.iter().chain(&self.settings) {
            let _ = writeln!(text, "    sysctl {name} {value}");
        }
        for group in &self.groups {
            let _ = write!(text, "    cgroup \"{}\"", group.path);
            let sizes = [
                ("max", group.max),
                ("low", group.low),
                ("min", group.min),
                ("swap-max", group.swap_max),
            ];
            for (name, mib) in sizes {
                if let Some(mib) = mib {
                    let _ = write!(text, " {name}={mib}MiB");
                }
            }
            let _ = writeln!(text, "{}", if group.together { " oom-group" } else { "" });
        }
        text.push_str("}\n");
        for holder in &self.holders {
            let _ = writeln!(text, "\nprocess {}{} {{", holder.name, holder.who.text());
            text.push_str(&holder.steps());
            text.push_str("}\n");
        }
        let Hog { who, by, most } = &self.hog;
        let end = most.map_or("until=killed".to_owned(), |mib| format!("{mib}MiB"));
        let _ = writeln!(
            text,
            "\n// Everybody else holds still by now.\nprocess hog start=10ms{} {{\n    grow all {end} by={by}MiB\n}}",
            who.text()
        );
        text
    }

    /// Cases with a part less, the larger parts first.
    pub(crate) fn smaller(&self) -> Vec<Case> {
        let mut all = Vec::new();
        let half = self.holders.len() / 2;
        if half > 0 {
            let (first, second) = self.holders.split_at(half);
            all.push(Case { holders: second.to_vec(), ..self.clone() });
            all.push(Case { holders: first.to_vec(), ..self.clone() });
        }
        if !self.groups.is_empty() {
            let mut case = self.clone();
            case.groups.clear();
            for who in case.everybody() {
                who.group.clear();
            }
            all.push(case);
        }
        if self.settings.len() > 1 {
            all.push(Case { settings: Vec::new(), ..self.clone() });
        }
        for at in 0..self.settings.len() {
            let mut case = self.clone();
            case.settings.remove(at);
            all.push(case);
        }
        for at in 0..self.holders.len() {
            let mut case = self.clone();
            case.holders.remove(at);
            all.push(case);
        }
        for at in 0..self.holders.len() {
            let mut case = self.clone();
            case.holders[at].how = How::Anonymous;
            all.push(case);
        }
        let mut plain = self.clone();
        for who in plain.everybody() {
            *who = Who { uid: 1000, nice: 0, adj: who.adj, group: who.group.clone() };
        }
        all.push(plain);
        if self.shape.cpus > 1 {
            all.push(Case { shape: Shape { cpus: 1, ..self.shape.clone() }, ..self.clone() });
        }
        all.retain(|case| case != self);
        all
    }

    fn everybody(&mut self) -> impl Iterator<Item = &mut Who> {
        let holders = self.holders.iter_mut().map(|holder| &mut holder.who);
        holders.chain([&mut self.hog.who])
    }
}

impl Who {
    fn text(&self) -> String {
        let mut text = format!(" uid={}", self.uid);
        for (name, value) in [("nice", self.nice), ("adj", self.adj)] {
            if value != 0 {
                let _ = write!(text, " {name}={value}");
            }
        }
        if !self.group.is_empty() {
            let _ = write!(text, " cgroup=\"{}\"", self.group);
        }
        text
    }
}

impl Holder {
    fn steps(&self) -> String {
        let kib = self.kib;
        match self.how {
            How::Anonymous => format!("    mmap own {kib}KiB\n    touch own\n"),
            How::Grown => format!("    grow own {kib}KiB\n"),
            How::Shared => format!("    mmap own {kib}KiB shared\n    touch own\n"),
            How::Locked => format!("    mmap own {kib}KiB\n    mlock own\n"),
            How::Forked => {
                let half = (kib / 8 * 4).max(4);
                format!(
                    "    mmap own {kib}KiB\n    touch own\n    fork {}c {{\n        touch own {half}KiB\n    }}\n",
                    self.name
                )
            }
            How::Tables => {
                // Two pages for each 2 MiB: one that is touched, one of page tables.
                let mib = (kib / 8 * 2).max(2);
                format!("    mmap own {mib}MiB noreserve\n    touch own every=2MiB\n")
            }
            How::Read => format!("    mmap own {kib}KiB\n    read own\n"),
        }
    }
}

fn who(groups: &[Group], inside: u64, random: &mut Random) -> Who {
    let adj = match random.below(100) {
        0..50 => 0,
        50..70 => random.between(0, 600).cast_signed() - 300,
        70..78 => -1000,
        78..90 => random.between(100, 1000).cast_signed(),
        90..93 => 1000,
        _ => -random.between(1, 999).cast_signed(),
    };
    let leaf = |group: &&Group| {
        let begin = format!("{}/", group.path);
        !groups.iter().any(|other| other.path.starts_with(&begin))
    };
    let leaves: Vec<&Group> = groups.iter().filter(leaf).collect();
    let group = if !leaves.is_empty() && random.chance(inside) {
        random.one(&leaves).path.clone()
    } else {
        String::new()
    };
    Who {
        uid: random.one(&[0, 1000, 1000, 1000, 33]),
        nice: random.one(&[0, 0, 0, 10, -5]),
        adj,
        group,
    }
}

fn how(random: &mut Random) -> How {
    match random.below(100) {
        0..45 => How::Anonymous,
        45..60 => How::Grown,
        60..70 => How::Shared,
        70..78 => How::Locked,
        78..88 => How::Forked,
        88..95 => How::Tables,
        _ => How::Read,
    }
}

fn groups(shape: &Shape, random: &mut Random) -> Vec<Group> {
    let mut all = Vec::new();
    for name in ["a", "b", "c"].into_iter().take(usize::try_from(random.between(1, 3)).unwrap_or(1))
    {
        let mut of = |path: String, most: u64| Group {
            path,
            max: random.chance(65).then(|| random.between(most / 8, most)),
            low: random.chance(15).then(|| random.between(1, most / 2)),
            min: random.chance(15).then(|| random.between(1, most / 2)),
            swap_max: random.chance(20).then(|| random.between(0, 16)),
            together: random.chance(30),
        };
        let most = shape.ram / 2;
        all.push(of(format!("/{name}"), most));
        let below = (of(format!("/{name}/x"), most / 2), of(format!("/{name}/y"), most / 2));
        if random.chance(25) {
            all.extend([below.0, below.1]);
        }
    }
    all
}

fn settings(random: &mut Random) -> Vec<(&'static str, u64)> {
    let mut all = Vec::new();
    let mut maybe = |percent, name, values: &[u64]| {
        if random.chance(percent) {
            all.push((name, random.one(values)));
        }
    };
    maybe(25, "vm.swappiness", &[0, 1, 10, 100, 200]);
    maybe(12, "vm.overcommit_memory", &[1, 2]);
    maybe(10, "vm.overcommit_ratio", &[60, 80, 100, 120]);
    maybe(10, "vm.oom_kill_allocating_task", &[1]);
    maybe(5, "vm.oom_dump_tasks", &[0]);
    maybe(2, "vm.panic_on_oom", &[1, 2]);
    maybe(10, "vm.page-cluster", &[0, 5]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(seed: u64) -> Case {
        let mut random = Random::new(seed);
        Case::random(Shape::random(&mut random), &mut random)
    }

    #[test]
    fn every_case_is_a_scenario_without_mistakes() {
        for seed in 0..500 {
            let text = case(seed).text("t");
            let source = scenario::Source::new("t", text.clone());
            if let Err(problems) = scenario::check(&source) {
                panic!("seed {seed}: {problems}\n{text}");
            }
        }
    }

    #[test]
    fn a_seed_is_always_the_same_case() {
        assert_eq!(case(7), case(7));
        assert_ne!(case(7).text("t"), case(8).text("t"));
    }

    #[test]
    fn smaller_cases_are_others_and_scenarios_too() {
        let case = (0..1000).map(case).find(|case| case.groups.len() > 1 && case.holders.len() > 3);
        let case = case.expect("one with cgroups");
        let smaller = case.smaller();
        assert!(smaller.len() > 5);
        for less in smaller {
            assert_ne!(less, case);
            let text = less.text("t");
            assert!(scenario::check(&scenario::Source::new("t", text.clone())).is_ok(), "{text}");
        }
    }
}
