//! Android's lowmemorykiller, where it is loaded: it kills while there is still some memory.
//!
//! # What it follows
//! `lowmem_shrink()` and `lowmem_scan()`, by [`rules::killer::LowMemory`]. Reclaim asks it each time
//! that it shrinks slab.

use std::fmt::Write;

use facts::Release;
use rules::killer::{LowMemory, Pressure, Reached, legacy_adj};

use crate::ctx::Ctx;
use crate::mm::Mm;

use super::kill::{pid, strike};
use super::{Outcome, Parts};

/// For how long it waits for a victim to go, nanoseconds.
const PATIENCE: u64 = 1_000_000_000;

/// Kills if a level is reached. `asker` is on whose behalf memory is reclaimed.
pub(crate) fn shrink(parts: &mut Parts<'_>, pressure: &Pressure, asker: Option<usize>) -> Outcome {
    let Some(levels) = parts.store.oom.lowmemory.clone() else { return Outcome::Nothing };
    let release = parts.store.release();
    let Some(reached) = levels.reached(release, pressure) else { return Outcome::Nothing };
    let dying = (0..parts.processes.len()).any(|index| parts.processes[index].victim.is_some());
    if dying && parts.store.clock < parts.store.oom.lowmemory_until {
        return Outcome::Nothing;
    }
    let mut best: Option<(usize, (i64, u64))> = None;
    for group in parts.groups() {
        let process = &parts.processes[group];
        let adj = LowMemory::adjustment(release, legacy_adj(process.adj), process.adj);
        let rss = parts.key_of(group).and_then(|key| parts.mm(key)).map_or(0, Mm::rss_said);
        let stands = adj >= reached.adj && rss > 0 && process.victim.is_none();
        if stands && best.is_none_or(|(_, best)| LowMemory::prefers((adj, rss), best)) {
            best = Some((group, (adj, rss)));
        }
    }
    let Some((victim, (adj, rss))) = best else { return Outcome::Nothing };
    say(parts, victim, adj, rss, &reached, asker);
    let mut ended = Vec::new();
    strike(parts, victim, 9, &mut ended);
    parts.store.oom.lowmemory_until = parts.store.clock.saturating_add(PATIENCE);
    match asker {
        Some(asker) if ended.contains(&asker) => Outcome::AskerDies,
        _ => Outcome::Killed,
    }
}

impl Ctx<'_> {
    /// Android's driver looks whether there is enough, as often as slab is shrunk.
    pub(crate) fn ask_lowmemorykiller(&mut self, kswapd: bool) {
        let asker = Some(self.rest.process).filter(|&asker| !kswapd && asker != usize::MAX);
        let mut parts = self.parts();
        let Some(counters) = parts.counters() else { return };
        let pressure = Pressure {
            free: counters.free(),
            reserve: counters.total_reserve,
            file: counters.sum(|node| node.file),
            shmem: counters.sum(|node| node.shmem),
            swap_cache: counters.sum(|node| node.swap_cached),
        };
        shrink(&mut parts, &pressure, asker);
        let acting = self.rest.processes.get(self.rest.process);
        self.rest.dying |= acting.is_some_and(|acting| acting.ended.is_some());
    }
}

/// One line at first; from 4.8 on several, with the reason.
fn say(
    parts: &mut Parts<'_>,
    victim: usize,
    adj: i64,
    rss: u64,
    reached: &Reached,
    asker: Option<usize>,
) {
    let mut text = String::new();
    let name = &parts.processes[victim].name;
    let victim = pid(victim);
    if parts.store.release() < Release::new(4, 8) {
        // The driver named itself once it printed by `pr_info()`.
        let itself = parts.store.release() >= Release::new(3, 10);
        let prefix = if itself { "lowmemorykiller: " } else { "" };
        let _ = writeln!(text, "{prefix}send sigkill to {victim} ({name}), adj {adj}, size {rss}");
    } else {
        let kib = |pages: i64| pages.saturating_mul(4);
        let asks = asker.map_or("kswapd0", |asker| parts.processes[asker].name.as_str());
        let asker = asker.map_or(30, |asker| pid(asker).get());
        let limit = i64::try_from(reached.minfree.count()).unwrap_or(i64::MAX);
        let _ = writeln!(
            text,
            "lowmemorykiller: Killing '{name}' ({victim}), adj {adj},\n   to free {}kB on behalf \
             of '{asks}' ({asker}) because\n   cache {}kB is below limit {}kB for oom_score_adj {}\n   \
             Free memory is {}kB above reserved",
            rss.saturating_mul(4),
            kib(reached.left.file),
            kib(limit),
            reached.adj,
            kib(reached.left.free),
        );
    }
    let now = parts.store.clock;
    parts.store.oom.log.add(now, text.as_bytes());
}
