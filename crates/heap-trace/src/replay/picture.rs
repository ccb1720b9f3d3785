//! The heap at one moment, and the main heap over time.

use super::player::Player;
use super::report::{Named, plain, played};
use super::setting::Setting;
use super::waste::allocated_by;
use crate::plan::Plan;
use malloc::{AddressSpace, ChunkState, ChunkView, Rules};
use rules::heap::{
    ArenaPicture, Cell, HeapHistory, HeapPicture, HistoryColumn, MappedBlock, PICTURE_SCHEMA,
};
use std::collections::HashMap;
use units::Bytes;

/// Mapped blocks that a picture lists.
const MOST_MAPPED: usize = 64;

/// The heap behind so many calls, each arena in at most `cells` cells.
pub fn picture(
    plan: &Plan,
    named: Named<'_>,
    (rules, setting): (Rules, &Setting),
    space: &AddressSpace,
    (done, cells): (usize, usize),
) -> HeapPicture {
    let player = played(plan, rules, setting, space, done);
    let mut arenas: Vec<Vec<ChunkView>> = Vec::new();
    let mut mapped = Vec::new();
    for chunk in player.heap().chunks() {
        if chunk.state == ChunkState::Mmapped {
            mapped.push(chunk);
            continue;
        }
        let joins = arenas
            .last()
            .and_then(|pieces| pieces.last())
            .is_some_and(|last| last.arena == chunk.arena && last.addr + last.size == chunk.addr);
        match arenas.last_mut() {
            Some(last) if joins => last.push(chunk),
            _ => arenas.push(vec![chunk]),
        }
    }
    let numbers: HashMap<u64, usize> =
        player.blocks().map(|(number, ptr)| (ptr.addr(), number)).collect();
    mapped.sort_by_key(|chunk| std::cmp::Reverse(chunk.size));
    let mapped_blocks = mapped.len() as u64;
    mapped.truncate(MOST_MAPPED);
    HeapPicture {
        schema: PICTURE_SCHEMA,
        origin: named.origin.to_owned(),
        command: plain(named.facts.command.as_deref()),
        moment: player.moment(plan, done.min(plan.steps.len())),
        calls: plan.steps.len() as u64,
        arenas: arenas.iter().map(|chunks| arena(chunks, cells)).collect(),
        mapped: mapped
            .iter()
            .map(|chunk| MappedBlock {
                address: chunk.ptr.addr(),
                size: Bytes::new(chunk.size),
                call: numbers
                    .get(&chunk.ptr.addr())
                    .and_then(|number| allocated_by(plan, *number, done.min(plan.steps.len()))),
            })
            .collect(),
        mapped_blocks,
    }
}

fn arena(chunks: &[ChunkView], cells: usize) -> ArenaPicture {
    let start = chunks.first().map_or(0, |chunk| chunk.addr);
    let end = chunks.last().map_or(0, |chunk| chunk.addr + chunk.size);
    let most = (cells as u64).max(1);
    // Powers of two, so that a row is a round number.
    let cell = (end - start).div_ceil(most).next_power_of_two().max(16);
    let is_free =
        |chunk: &&ChunkView| matches!(chunk.state, ChunkState::Unsorted | ChunkState::Binned);
    ArenaPicture {
        arena: chunks.first().map_or(0, |chunk| chunk.arena),
        start,
        end,
        cell: Bytes::new(cell),
        cells: cells_of(chunks.iter().copied(), start, end, cell),
        live_blocks: chunks.iter().filter(|chunk| chunk.state == ChunkState::Live).count() as u64,
        free_chunks: chunks.iter().filter(is_free).count() as u64,
        largest_free: Bytes::new(chunks.iter().filter(is_free).map(|c| c.size).max().unwrap_or(0)),
    }
}

fn cells_of(chunks: impl Iterator<Item = ChunkView>, start: u64, end: u64, cell: u64) -> Vec<Cell> {
    let count = usize::try_from((end - start).div_ceil(cell)).unwrap_or(0);
    let mut cells = vec![Cell::default(); count];
    for chunk in chunks {
        let (mut at, stop) = (chunk.addr.max(start), (chunk.addr + chunk.size).min(end));
        while at < stop {
            let number = (at - start) / cell;
            let next = (start + (number + 1) * cell).min(stop);
            if let Some(cell) = usize::try_from(number).ok().and_then(|n| cells.get_mut(n)) {
                let bytes = match chunk.state {
                    ChunkState::Live
                    | ChunkState::CacheTable
                    | ChunkState::Fence
                    | ChunkState::Mmapped => &mut cell.live,
                    ChunkState::Tcache => &mut cell.tcache,
                    ChunkState::Fast => &mut cell.fast,
                    ChunkState::Unsorted | ChunkState::Binned => &mut cell.free,
                    ChunkState::Top => &mut cell.top,
                };
                *bytes += next - at;
            }
            at = next;
        }
    }
    cells
}

/// The main heap at `columns` moments, in at most `rows` rows.
pub fn map_over_time(
    plan: &Plan,
    named: Named<'_>,
    (rules, setting): (Rules, &Setting),
    space: &AddressSpace,
    (columns, rows): (usize, usize),
) -> HeapHistory {
    // The highest address that the heap will have decides the scale.
    let calls = plan.steps.len();
    let mut player = Player::new(plan, rules, &setting.tunables, space.clone());
    let start = space.heap_end();
    let mut highest = start;
    let mut system_calls = 0;
    for step in &plan.steps {
        if player.step(step).is_err() {
            break;
        }
        if player.heap().kernel().calls() != system_calls {
            system_calls = player.heap().kernel().calls();
            highest = highest.max(player.heap().kernel().heap_end());
        }
    }
    let row = (highest - start).div_ceil(rows.max(1) as u64).max(16);
    let mut player = Player::new(plan, rules, &setting.tunables, space.clone());
    let mut history = Vec::with_capacity(columns);
    for (at, step) in plan.steps.iter().enumerate() {
        if player.step(step).is_err() {
            break;
        }
        if (at + 1) * columns / calls != at * columns / calls {
            let main = player.heap().chunks().filter(|chunk| {
                chunk.arena == 0 && chunk.state != ChunkState::Mmapped && chunk.addr < highest
            });
            let end = player.heap().kernel().heap_end().max(start);
            history.push(HistoryColumn {
                moment: player.moment(plan, at + 1),
                cells: cells_of(main, start, end, row),
            });
        }
    }
    HeapHistory {
        origin: named.origin.to_owned(),
        command: plain(named.facts.command.as_deref()),
        start,
        row: Bytes::new(row),
        columns: history,
        calls: calls as u64,
    }
}
