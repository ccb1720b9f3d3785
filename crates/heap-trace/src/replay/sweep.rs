//! The same calls under many settings.

use super::player::Player;
use super::setting::{Order, Setting, lifo};
use crate::plan::{Plan, Step, Verb};
use malloc::{AddressSpace, Rules, Thresholds, Tunables};
use rules::heap::SettingResult;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use units::Bytes;

/// What a plan holds under a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Most bytes held.
    pub peak: u64,
    /// The average of the bytes held, over time if the trace tells it, or else over calls.
    pub mean: u64,
    /// Bytes held at the end.
    pub end: u64,
    /// System calls about memory.
    pub system_calls: u64,
    /// What glibc said if it ended the process.
    pub abort: Option<String>,
}

/// How long the state behind each call lasted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights<'a> {
    at_us: &'a [u64],
}

impl<'a> Weights<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Weights<'a> {
        let lasts = plan.at_us.last() > plan.at_us.first();
        Weights { at_us: if lasts { &plan.at_us } else { &[] } }
    }

    pub(crate) fn are_time(&self) -> bool {
        !self.at_us.is_empty()
    }

    /// From the call at one index to that at another.
    fn between(&self, from: usize, to: usize) -> u64 {
        match (self.at_us.get(from), self.at_us.get(to)) {
            (Some(from), Some(to)) => to.saturating_sub(*from),
            _ => to.saturating_sub(from) as u64,
        }
    }

    /// The index that the state behind the last of so many calls lasts to.
    fn last(&self, done: usize) -> usize {
        if self.are_time() { done.saturating_sub(1) } else { done }
    }

    /// Of the call at this index.
    #[inline]
    pub(crate) fn of(&self, at: usize) -> u64 {
        match (self.at_us.get(at), self.at_us.get(at + 1)) {
            (Some(now), Some(next)) => next - now,
            (Some(_), None) => 0,
            _ => 1,
        }
    }
}

/// Plays a plan under a setting.
pub fn play(plan: &Plan, rules: Rules, setting: &Setting, space: AddressSpace) -> Verdict {
    let steps = match setting.order {
        Order::Recorded => plan.steps.clone(),
        Order::Lifo => lifo(&plan.steps),
    };
    Course::new(plan, steps).play(plan, rules, setting, space).0
}

/// The calls of a plan with the numbers of freed blocks given out again, so that what is known of the blocks
/// stays as small as what lives at once.
struct Course {
    steps: Vec<Step>,
    blocks: u32,
}

impl Course {
    /// Of the calls of a plan, which may be in another order.
    fn new(plan: &Plan, steps: Vec<Step>) -> Course {
        let mut course = Course { steps, blocks: 0 };
        let mut numbers: Vec<Option<u32>> = vec![None; plan.blocks as usize];
        let mut vacant = Vec::new();
        for step in &mut course.steps {
            let Some(number) = numbers.get_mut(step.block as usize) else { continue };
            if step.requested().is_some() {
                step.block = *number.get_or_insert_with(|| {
                    vacant.pop().unwrap_or_else(|| {
                        course.blocks += 1;
                        course.blocks - 1
                    })
                });
            } else if step.verb == Verb::Free {
                // A block that does not live is none of the player's either.
                step.block = number.take().unwrap_or(u32::MAX);
                vacant.extend((step.block != u32::MAX).then_some(step.block));
            }
        }
        course
    }

    /// What is held, and which thresholds would have made no difference.
    fn play(
        &self,
        plan: &Plan,
        rules: Rules,
        setting: &Setting,
        space: AddressSpace,
    ) -> (Verdict, Thresholds) {
        let weights = Weights::new(plan);
        let mut player =
            Player::sized((self.blocks, plan.threads), rules, &setting.tunables, space);
        let (mut peak, mut sum, mut held, mut since) = (0, 0_u128, 0, 0);
        let mut trim_next = if setting.trim_every > 0 { setting.trim_every } else { u64::MAX };
        let mut abort = None;
        let mut done = 0;
        for (at, step) in self.steps.iter().enumerate() {
            if let Err(error) = player.step(step) {
                abort = Some(error.message);
                break;
            }
            done = at + 1;
            peak = peak.max(player.held());
            let calls = done as u64;
            if calls == setting.trim_at || calls == trim_next {
                player.trim();
                if calls == trim_next {
                    trim_next = trim_next.saturating_add(setting.trim_every);
                }
            }
            // It seldom changes; what was held lasted until this call.
            if player.held() != held {
                sum += u128::from(held) * u128::from(weights.between(since, at));
                (held, since) = (player.held(), at);
            }
        }
        let last = if abort.is_some() { done } else { weights.last(done) };
        sum += u128::from(held) * u128::from(weights.between(since, last));
        let mean = sum.checked_div(weights.between(0, last).into()).unwrap_or(0);
        let verdict = Verdict {
            peak,
            mean: u64::try_from(mean).unwrap_or(u64::MAX),
            end: player.held(),
            system_calls: player.heap().kernel().calls(),
            abort,
        };
        (verdict, player.heap().thresholds())
    }
}

/// Settings that differ in nothing but the two thresholds.
struct Family {
    /// With the thresholds left out.
    like: Setting,
    /// Their numbers.
    members: Vec<usize>,
}

fn families(settings: &[Setting]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for (at, setting) in settings.iter().enumerate() {
        let mut like = *setting;
        (like.tunables.mmap_threshold, like.tunables.trim_threshold) = (None, None);
        match families.iter_mut().find(|family| family.like == like) {
            Some(family) => family.members.push(at),
            None => families.push(Family { like, members: vec![at] }),
        }
    }
    families
}

/// Whether thresholds that do not move would have done what others did.
fn same(wanted: &Thresholds, noted: &Thresholds) -> bool {
    !wanted.dynamic
        && noted.same_mmap.contains(&wanted.mmap)
        && noted.same_trim.contains(&wanted.trim)
}

/// Plays a plan under many settings on all processors; `watch` is told how many are done. The results are in the
/// order of the settings.
///
/// A setting whose thresholds would have answered every comparison of another as that one did is not played again.
pub fn sweep(
    plan: &Plan,
    rules: Rules,
    settings: &[Setting],
    space: &AddressSpace,
    mut watch: impl FnMut(usize),
) -> Vec<SettingResult> {
    let recorded = Course::new(plan, plan.steps.clone());
    let any_lifo = settings.iter().any(|setting| setting.order == Order::Lifo);
    let newest_first = any_lifo.then(|| Course::new(plan, lifo(&plan.steps)));
    let run = |setting: &Setting| {
        let course = match setting.order {
            Order::Recorded => &recorded,
            Order::Lifo => newest_first.as_ref().unwrap_or(&recorded),
        };
        course.play(plan, rules, setting, space.clone())
    };
    let families = families(settings);
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(families.len());
    let mut results: Vec<(usize, Verdict)> = Vec::with_capacity(settings.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (send, next, families, run) = (send.clone(), &next, &families, &run);
            scope.spawn(move || {
                while let Some(family) = families.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut played: Vec<(Verdict, Thresholds)> = Vec::new();
                    for at in &family.members {
                        let setting = &settings[*at];
                        let fresh = Player::sized((0, 0), rules, &setting.tunables, space.clone());
                        let wanted = fresh.heap().thresholds();
                        let known = played.iter().find(|(_, noted)| same(&wanted, noted));
                        let verdict = if let Some((verdict, _)) = known {
                            verdict.clone()
                        } else {
                            let (verdict, noted) = run(setting);
                            if !wanted.dynamic {
                                played.push((verdict.clone(), noted));
                            }
                            verdict
                        };
                        if send.send((*at, verdict)).is_err() {
                            return;
                        }
                    }
                }
            });
        }
        drop(send);
        for result in &receive {
            results.push(result);
            watch(results.len());
        }
    });
    results.sort_by_key(|(at, _)| *at);
    // A setting under which glibc ends the process says nothing.
    results
        .into_iter()
        .filter(|(at, verdict)| *at == 0 || verdict.abort.is_none())
        .map(|(at, verdict)| SettingResult {
            tunables: settings[at].tunables.value(),
            change: settings[at].change(),
            played: at == 0,
            peak: Bytes::new(verdict.peak),
            mean: Bytes::new(verdict.mean),
            end: Bytes::new(verdict.end),
            system_calls: verdict.system_calls,
        })
        .collect()
}

/// What is worth trying with any trace: `base` itself first, then one thing changed at a time.
pub fn candidates(plan: &Plan, base: &Tunables, worst: u64) -> Vec<Setting> {
    let with = |change: &dyn Fn(&mut Tunables)| {
        let mut tunables = *base;
        change(&mut tunables);
        Setting { tunables, ..Setting::default() }
    };
    let as_is = Setting { tunables: *base, ..Setting::default() };
    let mut settings = vec![as_is];
    for size in [32 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20, 32 << 20] {
        settings.push(with(&|t| t.mmap_threshold = Some(size)));
    }
    // Just below the size that most bytes are asked with.
    if let Some(size) = commonest(plan) {
        settings.push(with(&|t| t.mmap_threshold = Some(size)));
    }
    for size in [64 << 10, 128 << 10, 1 << 20] {
        settings.push(with(&|t| t.trim_threshold = Some(size)));
    }
    for size in [0, 1 << 20, 16 << 20] {
        settings.push(with(&|t| t.top_pad = Some(size)));
    }
    settings.push(with(&|t| t.tcache_count = Some(0)));
    settings.push(with(&|t| t.mxfast = Some(0)));
    settings.push(with(&|t| {
        t.tcache_count = Some(0);
        t.mxfast = Some(0);
    }));
    settings.push(with(&|t| {
        t.mmap_threshold = Some(64 << 10);
        t.trim_threshold = Some(64 << 10);
        t.top_pad = Some(0);
    }));
    if plan.threads > 1 {
        settings.push(with(&|t| t.arena_max = Some(1)));
        settings.push(with(&|t| t.arena_max = Some(2)));
    }
    let lasts = plan.steps.len() as u64;
    settings.push(Setting { order: Order::Lifo, ..as_is });
    if worst > 0 {
        settings.push(Setting { trim_at: worst, ..as_is });
    }
    for times in [100, 10] {
        if lasts >= times {
            settings.push(Setting { trim_every: lasts / times, ..as_is });
        }
    }
    let mut different: Vec<Setting> = Vec::with_capacity(settings.len());
    for setting in settings {
        if !different.contains(&setting) {
            different.push(setting);
        }
    }
    different
}

/// The lower end of the class of sizes that most bytes are asked with, from 4 KiB on.
fn commonest(plan: &Plan) -> Option<u64> {
    let mut classes = [0_u64; 64];
    for size in plan.steps.iter().filter_map(Step::requested) {
        let class = &mut classes[size.max(1).ilog2() as usize];
        *class = class.saturating_add(size);
    }
    let best = (12..40).max_by_key(|class| classes[*class])?;
    (classes[best] > 0).then_some(1 << best)
}

/// Every combination of the tunables that matter: `base` itself first.
pub fn grid(plan: &Plan, base: &Tunables) -> Vec<Setting> {
    let sizes = |list: &[u64]| -> Vec<Option<u64>> {
        std::iter::once(None).chain(list.iter().copied().map(Some)).collect()
    };
    let (kib, mib) = (1_u64 << 10, 1_u64 << 20);
    let mmap =
        sizes(&[32 * kib, 64 * kib, 128 * kib, 256 * kib, 512 * kib, mib, 4 * mib, 32 * mib]);
    let trim = sizes(&[16 * kib, 64 * kib, 128 * kib, 512 * kib, 2 * mib, 16 * mib]);
    let pad = sizes(&[0, 16 * kib, 64 * kib, 512 * kib, 2 * mib]);
    let tcache = sizes(&[0, 2]);
    let fast = sizes(&[0]);
    let arenas = if plan.threads > 1 { sizes(&[1, 2]) } else { vec![None] };
    let mut settings = Vec::new();
    for arena_max in arenas {
        for &mxfast in &fast {
            for &tcache_count in &tcache {
                for &top_pad in &pad {
                    for &trim_threshold in &trim {
                        for &mmap_threshold in &mmap {
                            let tunables = Tunables {
                                mmap_threshold: mmap_threshold.or(base.mmap_threshold),
                                trim_threshold: trim_threshold.or(base.trim_threshold),
                                top_pad: top_pad.or(base.top_pad),
                                tcache_count: tcache_count.or(base.tcache_count),
                                mxfast: mxfast.or(base.mxfast),
                                arena_max: arena_max.or(base.arena_max),
                                ..*base
                            };
                            settings.push(Setting { tunables, ..Setting::default() });
                        }
                    }
                }
            }
        }
    }
    settings
}
