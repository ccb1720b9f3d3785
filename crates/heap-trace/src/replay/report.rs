//! The report of a trace.

use super::check::Counter;
use super::player::Player;
use super::setting::Setting;
use super::sizes::sizes;
use super::sweep::Weights;
use super::waste::waste;
use crate::plan::{Plan, Verb};
use crate::read::{Facts, Format};
use malloc::{AddressSpace, Evidence, Ptr, Rules};
use rules::heap::{Above, Axis, HeapReport, Moment, SettingResult, Waste};
use units::{Bytes, Percent};

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Where the trace comes from.
    pub origin: &'a str,
    /// Who recorded it.
    pub format: Format,
    /// What it says of its process.
    pub facts: &'a Facts,
}

/// Moments of a report.
const SAMPLES: usize = 480;
/// Percent of what is live that is held.
const THRESHOLDS: [u32; 4] = [125, 150, 200, 400];

/// Plays a plan and tells what happened. [`HeapReport::settings`] is left empty.
pub fn report(
    plan: &Plan,
    named: Named<'_>,
    rules: Rules,
    setting: &Setting,
    space: &AddressSpace,
) -> HeapReport {
    let mut run = Run::new(plan, rules, setting, space);
    run.play();
    let end = run.player.moment(plan, run.done);
    let at_end = waste(&run.player, plan, run.done);
    let mut look =
        Look { plan, player: Player::new(plan, rules, &setting.tunables, space.clone()) };
    let (mut worst, mut peak_live, mut peak_held) =
        (Waste::default(), Moment::default(), Moment::default());
    let mut stops = [run.worst.1, run.peak_live.1, run.peak_held.2];
    stops.sort_unstable();
    let mut done = 0;
    for stop in stops {
        look.go(done, stop);
        done = stop;
        if stop == run.worst.1 {
            worst = waste(&look.player, plan, stop);
        }
        if stop == run.peak_live.1 {
            peak_live = look.player.moment(plan, stop);
        }
        if stop == run.peak_held.2 {
            peak_held = look.player.moment(plan, stop);
        }
    }
    let has_addresses = matches!(named.format, Format::Own | Format::GlibcBinary);
    HeapReport {
        schema: rules::heap::SCHEMA,
        origin: named.origin.to_owned(),
        recorder: named.format.to_string(),
        command: plain(named.facts.command.as_deref()),
        glibc: rules.name.to_owned(),
        exact: rules.evidence == Evidence::Exact,
        tunables: setting.tunables.value(),
        calls: plan.steps.len() as u64,
        failed: plan.failed,
        threads: plan.threads,
        duration_us: plan.at_us.last().zip(plan.at_us.first()).map(|(last, first)| last - first),
        averaged_over: if run.weights.are_time() { Axis::Time } else { Axis::Calls },
        agreement: has_addresses.then_some(run.compared.agreement),
        peak_live,
        peak_held,
        mean_live: mean(run.sum_live, run.weight),
        mean_held: mean(run.sum_held, run.weight),
        end,
        samples: run.samples,
        above: THRESHOLDS
            .iter()
            .zip(run.above)
            .filter_map(|(&percent, part)| Some(Above { percent, share: share(part, run.weight)? }))
            .collect(),
        worst,
        at_end,
        sizes: sizes(plan, run.peak_live.1),
        settings: Vec::<SettingResult>::new(),
        loses: named.format.loses().iter().map(|&text| text.to_owned()).collect(),
        problems: plan.problems.iter().map(ToString::to_string).collect(),
        problem_count: plan.problem_count,
        cut: plain(named.facts.cut.as_deref()),
        abort: run.abort,
    }
}

/// Foreign text without control characters.
pub(crate) fn plain(text: Option<&str>) -> Option<String> {
    text.map(|text| text.chars().flat_map(escaped).collect())
}

/// Control characters of foreign text, escaped.
fn escaped(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

fn mean(sum: u128, weight: u128) -> Bytes {
    Bytes::new(u64::try_from(sum.checked_div(weight).unwrap_or(0)).unwrap_or(u64::MAX))
}

fn share(part: u128, whole: u128) -> Option<Percent> {
    let hundredths = (part * 10_000).checked_div(whole)?;
    u32::try_from(hundredths).ok().map(Percent::from_hundredths)
}

/// The heap behind so many calls.
pub(crate) fn played(
    plan: &Plan,
    rules: Rules,
    setting: &Setting,
    space: &AddressSpace,
    calls: usize,
) -> Player {
    let mut player = Player::new(plan, rules, &setting.tunables, space.clone());
    for step in plan.steps.iter().take(calls) {
        if player.step(step).is_err() {
            break;
        }
    }
    player
}

/// A second play, to stop at what the first found.
struct Look<'a> {
    plan: &'a Plan,
    player: Player,
}

impl Look<'_> {
    fn go(&mut self, from: usize, to: usize) {
        for step in &self.plan.steps[from..to] {
            if self.player.step(step).is_err() {
                return;
            }
        }
    }
}

struct Run<'a> {
    plan: &'a Plan,
    weights: Weights<'a>,
    player: Player,
    compared: Counter,
    done: usize,
    samples: Vec<Moment>,
    /// Most that was live, and behind how many calls.
    peak_live: (u64, usize),
    /// Most that was held, the live then, and behind how many calls.
    peak_held: (u64, u64, usize),
    /// Most that was held and not live, and behind how many calls.
    worst: (u64, usize),
    sum_live: u128,
    sum_held: u128,
    weight: u128,
    above: [u128; THRESHOLDS.len()],
    abort: Option<String>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, rules: Rules, setting: &Setting, space: &AddressSpace) -> Run<'a> {
        Run {
            plan,
            weights: Weights::new(plan),
            player: Player::new(plan, rules, &setting.tunables, space.clone()),
            compared: Counter::new(&rules),
            done: 0,
            samples: vec![Moment::default()],
            peak_live: (0, 0),
            peak_held: (0, 0, 0),
            worst: (0, 0),
            sum_live: 0,
            sum_held: 0,
            weight: 0,
            above: [0; THRESHOLDS.len()],
            abort: None,
        }
    }

    fn play(&mut self) {
        let calls = self.plan.steps.len();
        for at in 0..calls {
            let step = &self.plan.steps[at];
            let returned = match self.player.step(step) {
                Ok(returned) => returned,
                Err(abort) => {
                    self.abort = Some(abort.message);
                    return;
                }
            };
            self.done = at + 1;
            if !matches!(step.verb, Verb::Free | Verb::Trim | Verb::Mallopt(_) | Verb::ThreadExit) {
                let end = self.player.heap().kernel().heap_end();
                let mapped = returned.is_some_and(|ptr| self.player.heap().is_mapped(ptr));
                self.compared.compare(
                    (at, mapped),
                    self.plan.returned[at],
                    returned.map(Ptr::addr),
                    end,
                );
            }
            self.measure(at);
            // Evenly, and the last one.
            if self.done * SAMPLES / calls != at * SAMPLES / calls {
                self.samples.push(self.player.moment(self.plan, self.done));
            }
        }
    }

    fn measure(&mut self, at: usize) {
        let (live, held) = (self.player.live(), self.player.held());
        if live > self.peak_live.0 {
            self.peak_live = (live, self.done);
        }
        if (held, live) > (self.peak_held.0, self.peak_held.1) {
            self.peak_held = (held, live, self.done);
        }
        let idle = held.saturating_sub(live);
        if idle > self.worst.0 {
            self.worst = (idle, self.done);
        }
        let lasted = u128::from(self.weights.of(at));
        self.sum_live += u128::from(live) * lasted;
        self.sum_held += u128::from(held) * lasted;
        self.weight += lasted;
        for (sum, percent) in self.above.iter_mut().zip(THRESHOLDS) {
            if u128::from(held) * 100 > u128::from(live) * u128::from(percent) {
                *sum += lasted;
            }
        }
    }
}
