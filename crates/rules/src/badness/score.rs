//! The arithmetic of the formulas, with or without an account of its steps.

use units::{OomAdj, Pages};

use super::formula::{
    Children, Formula, OldAdj, OldPrivilege, PageTables, PagesFormula, PerMilleFormula,
    PointsFormula, RootBonus, Roots,
};
use super::{Subject, isqrt, isqrt24, shift_hz};
use crate::rank::{Effect, Step, StepKind};

/// A score and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badness {
    /// The kernel's internal score; the largest dies.
    pub points: i64,
    /// What was taken into account, in the kernel's order; see [`replay`]. What changes nothing is
    /// left out.
    pub steps: Vec<Step>,
}

/// The score of a task that can be chosen, and how it came about.
///
/// `total` is what the domain has: RAM and swap of the machine, or the limit of a cgroup. Formulas
/// before 2.6.36 do not read it.
pub fn badness(formula: &Formula, subject: &Subject, total: Pages) -> Badness {
    let mut steps = Vec::with_capacity(6);
    let points = score(formula, subject, total, &mut steps);
    Badness { points, steps }
}

/// The score alone: the same number as [`badness`] finds, without allocating.
pub fn points(formula: &Formula, subject: &Subject, total: Pages) -> i64 {
    score(formula, subject, total, &mut Unrecorded)
}

/// What the steps of a score lead to, from nothing.
pub fn replay(steps: &[Step]) -> i64 {
    steps.iter().fold(0, |points, step| apply(points, step.effect))
}

/// One effect, saturating where the kernel's arithmetic would overflow.
fn apply(points: i64, effect: Effect) -> i64 {
    match effect {
        Effect::Add(n) => points.saturating_add(n),
        Effect::Multiply(n) => points.saturating_mul(signed(n)),
        Effect::Divide(n) => points.checked_div_euclid(signed(n)).unwrap_or(points),
        Effect::Set(n) => n,
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Who is told of the steps.
trait Record {
    fn step(&mut self, step: Step);
}

impl Record for Vec<Step> {
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}

struct Unrecorded;

impl Record for Unrecorded {
    fn step(&mut self, _: Step) {}
}

/// Points in the making.
struct Tally<'a, R> {
    points: i64,
    record: &'a mut R,
}

impl<R: Record> Tally<'_, R> {
    /// The first step, recorded even when it is 0: every score starts from something.
    fn base(&mut self, what: StepKind, n: u64) {
        self.take(what, Effect::Add(signed(n)));
    }

    fn add(&mut self, what: StepKind, n: i64) {
        if n != 0 {
            self.take(what, Effect::Add(n));
        }
    }

    fn multiply(&mut self, what: StepKind, n: u64) {
        if n != 1 {
            self.take(what, Effect::Multiply(n));
        }
    }

    fn divide(&mut self, what: StepKind, n: u64) {
        if n > 1 {
            self.take(what, Effect::Divide(n));
        }
    }

    fn set(&mut self, what: StepKind, n: i64) {
        self.take(what, Effect::Set(n));
    }

    fn take(&mut self, what: StepKind, effect: Effect) {
        self.points = apply(self.points, effect);
        self.record.step(Step { what, effect, after: self.points });
    }
}

fn score<R: Record>(formula: &Formula, s: &Subject, total: Pages, record: &mut R) -> i64 {
    let mut tally = Tally { points: 0, record };
    match formula {
        Formula::Points(rules) => points_without_unit(rules, s, &mut tally),
        Formula::PerMille(rules) => per_mille(*rules, s, total.count(), &mut tally),
        Formula::Pages(rules) => pages(rules, s, total.count(), &mut tally),
    }
    tally.points
}

/// 2.4 to 2.6.35: `badness()`.
fn points_without_unit<R: Record>(rules: &PointsFormula, s: &Subject, tally: &mut Tally<'_, R>) {
    tally.base(StepKind::TotalVm, s.total_vm);
    if s.origin && rules.roots == Roots::Exact {
        // `PF_SWAPOFF`: picked at once until 2.6.18, `ULONG_MAX` since.
        return tally.set(StepKind::Origin, i64::MAX);
    }
    match rules.children {
        Children::Ignored => {}
        Children::Whole => tally.add(StepKind::Children, signed(s.children.whole)),
        Children::HalfAndOne => tally.add(StepKind::Children, signed(s.children.halves)),
    }

    // CPU time in tens of seconds, run time in thousands.
    let shift = shift_hz(rules.hz);
    let cpu = s.cpu_jiffies >> (shift + 3);
    match rules.roots {
        Roots::Rough => {
            tally.divide(StepKind::CpuTime, isqrt24(cpu));
            tally.divide(StepKind::RunTime, isqrt24(isqrt24(s.age_jiffies >> (shift + 10))));
        }
        Roots::Exact => {
            tally.divide(StepKind::CpuTime, isqrt(cpu));
            tally.divide(StepKind::RunTime, isqrt(isqrt(s.age_s >> 10)));
        }
    }

    if s.nice > 0 {
        tally.multiply(StepKind::Nice, 2);
    }
    let privileged = s.caps.sys_admin()
        || match rules.privileged {
            OldPrivilege::AdminOrRoot => s.root,
            OldPrivilege::AdminOrResource => s.caps.sys_resource(),
        };
    if privileged {
        tally.divide(StepKind::Privileged, 4);
    }
    if s.caps.sys_rawio() {
        tally.divide(StepKind::RawIo, 4);
    }
    if rules.other_nodes && s.other_nodes {
        tally.divide(StepKind::OtherNodes, 8);
    }
    if let Some(adj) = rules.oom_adj {
        shift_by_oom_adj(adj, s.oom_adj, tally);
    }
}

fn shift_by_oom_adj<R: Record>(rule: OldAdj, adj: OomAdj, tally: &mut Tally<'_, R>) {
    let power = 1 << adj.get().unsigned_abs();
    if adj.get() > 0 {
        if rule == OldAdj::ShiftAtLeastOne && tally.points == 0 {
            tally.set(StepKind::OomAdj, 1);
        }
        tally.multiply(StepKind::OomAdj, power);
    } else {
        tally.divide(StepKind::OomAdj, power);
    }
}

/// 2.6.36 to 3.4: `oom_badness()` in thousandths.
fn per_mille<R: Record>(rules: PerMilleFormula, s: &Subject, total: u64, tally: &mut Tally<'_, R>) {
    if s.origin {
        return tally.set(StepKind::Origin, 1000);
    }
    usage(rules.page_tables, s, tally);
    tally.multiply(StepKind::PerMille, 1000);
    // A cgroup may have a limit of 0.
    tally.divide(StepKind::PerMille, total);
    if s.caps.sys_admin() {
        tally.add(StepKind::Privileged, -30);
    }
    tally.add(StepKind::OomScoreAdj, s.oom_score_adj.get());
    if tally.points <= 0 {
        tally.set(StepKind::Bounds, 1);
    } else if tally.points > 1000 {
        tally.set(StepKind::Bounds, 1000);
    }
}

/// 3.5 and later: `oom_badness()` in pages.
fn pages<R: Record>(rules: &PagesFormula, s: &Subject, total: u64, tally: &mut Tally<'_, R>) {
    if s.origin {
        return tally.set(StepKind::Origin, i64::MAX);
    }
    usage(rules.page_tables, s, tally);
    // Divided first, and so cut, before it is multiplied.
    let thousandth = signed(total / 1000);
    if s.caps.sys_admin() {
        let bonus = match rules.root {
            RootBonus::OfTotal => thousandth.saturating_mul(30),
            RootBonus::OfUsage => tally.points.saturating_mul(3) / 100,
            RootBonus::Nothing => 0,
        };
        tally.add(StepKind::Privileged, -bonus);
    }
    tally.add(StepKind::OomScoreAdj, s.oom_score_adj.get().saturating_mul(thousandth));
    if let Some(floor) = rules.floor
        && tally.points < floor
    {
        tally.set(StepKind::Bounds, floor);
    }
}

/// What a task uses, since 2.6.36.
fn usage<R: Record>(page_tables: PageTables, s: &Subject, tally: &mut Tally<'_, R>) {
    tally.base(StepKind::Resident, s.rss);
    tally.add(StepKind::Swap, signed(s.swap));
    let tables = match page_tables {
        PageTables::Ignored => 0,
        PageTables::Ptes | PageTables::All => s.ptes,
        PageTables::PtesAndPmds => s.ptes.saturating_add(s.pmds),
    };
    tally.add(StepKind::PageTables, signed(tables));
}
