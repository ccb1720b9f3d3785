//! Why the heap holds more than is live: where the rest is, and what keeps it from being given back.

use super::player::Player;
use crate::plan::{Plan, Verb};
use malloc::{ChunkState, ChunkView};
use rules::heap::{Pin, Waste};
use std::collections::HashMap;
use units::Bytes;

/// Pins that are told of.
const MOST_PINS: usize = 5;

/// Where what is held and not live is, `done` calls into the plan.
pub(crate) fn waste(player: &Player, plan: &Plan, done: usize) -> Waste {
    let figures = player.heap().figures();
    let released = player.heap().kernel().released();
    let chunks: Vec<ChunkView> = player
        .heap()
        .chunks()
        .filter(|chunk| chunk.arena == 0 && chunk.state != ChunkState::Mmapped)
        .collect();
    let mut trimmed = player.clone();
    trimmed.trim();
    let is_free = |chunk: &&ChunkView| is_free(chunk.state);
    Waste {
        moment: player.moment(plan, done),
        overhead: Bytes::new(
            (figures.in_use + figures.mmapped.bytes).saturating_sub(player.live()),
        ),
        between: Bytes::new(
            (figures.unsorted.bytes + figures.binned.bytes).saturating_sub(released),
        ),
        cached: Bytes::new(figures.tcache.bytes + figures.fast.bytes),
        top: Bytes::new(figures.top.bytes),
        released: Bytes::new(released),
        trimmable: Bytes::new(player.held().saturating_sub(trimmed.held())),
        pins: pins(player, &chunks, plan, done),
        free_chunks: chunks.iter().filter(is_free).count() as u64,
        live_blocks: chunks.iter().filter(|chunk| chunk.state == ChunkState::Live).count() as u64,
    }
}

fn is_free(state: ChunkState) -> bool {
    matches!(state, ChunkState::Unsorted | ChunkState::Binned)
}

/// From the end of the main heap downwards: runs of free memory, and what is above them.
fn pins(player: &Player, chunks: &[ChunkView], plan: &Plan, done: usize) -> Vec<Pin> {
    let (mut blocks, mut cached, mut bytes, mut joined) = (0, 0, 0, 0);
    let mut lowest: Option<ChunkView> = None;
    let mut found: Vec<(Pin, ChunkView)> = Vec::new();
    for chunk in chunks.iter().rev() {
        match chunk.state {
            ChunkState::Top | ChunkState::Fence | ChunkState::Mmapped => {}
            ChunkState::Unsorted | ChunkState::Binned => {
                joined += chunk.size;
                let Some(lowest) = lowest else { continue };
                let pin = Pin {
                    blocks,
                    cached_blocks: cached,
                    bytes: Bytes::new(bytes),
                    below: Bytes::new(chunk.size),
                    joined: Bytes::new(joined),
                    lowest_call: None,
                    lowest_size: None,
                    lowest_address: lowest.ptr.addr(),
                };
                found.push((pin, lowest));
            }
            ChunkState::Live | ChunkState::CacheTable | ChunkState::Tcache | ChunkState::Fast => {
                blocks += 1;
                bytes += chunk.size;
                cached += u64::from(matches!(chunk.state, ChunkState::Tcache | ChunkState::Fast));
                lowest = Some(*chunk);
            }
        }
    }
    found.sort_by_key(|(pin, _)| std::cmp::Reverse(pin.below));
    found.truncate(MOST_PINS);
    found.sort_by_key(|(pin, _)| pin.blocks);
    let numbers: HashMap<u64, usize> =
        player.blocks().map(|(number, ptr)| (ptr.addr(), number)).collect();
    found
        .into_iter()
        .map(|(mut pin, chunk)| {
            if let Some(&number) = numbers.get(&chunk.ptr.addr()) {
                pin.lowest_call = allocated_by(plan, number, done);
                pin.lowest_size = Some(Bytes::new(player.requested(number)));
            }
            pin
        })
        .collect()
}

/// The call that returned a block last.
pub(crate) fn allocated_by(plan: &Plan, block: usize, done: usize) -> Option<u64> {
    let steps = plan.steps.get(..done)?;
    let returns =
        |verb: Verb| matches!(verb, Verb::Malloc | Verb::Calloc | Verb::Realloc | Verb::Aligned(_));
    let at = steps.iter().rposition(|s| s.block as usize == block && returns(s.verb))?;
    Some(at as u64 + 1)
}
