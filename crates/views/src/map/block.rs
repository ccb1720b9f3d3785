//! What is drawn as one: the regions of an object, a gap, or many small regions folded together.

use rules::map::{Fill, Gap, Item, MapReport, Region};
use rules::segment::Segment;
use units::Bytes;

/// Gaps from this size on are never folded away.
const LARGE_GAP: u64 = 1 << 30;

/// Regions of one object that are drawn one by one.
const MOST_ROWS: usize = 12;

/// Something drawn as one. Blocks ascend, and cover the same addresses as the report's items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block<'a> {
    /// Regions of one object, side by side.
    Object(Vec<&'a Region>),
    /// A gap.
    Gap(&'a Gap),
    /// Regions and gaps too many to draw.
    Fold(Fold),
}

/// Regions and gaps drawn as one box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fold {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) regions: usize,
    /// Addresses in regions.
    pub(super) mapped: Bytes,
    pub(super) gaps: usize,
    /// Addresses in gaps.
    pub(super) unmapped: Bytes,
    /// The largest gap.
    pub(super) largest_gap: Bytes,
    pub(super) fill: Option<Fill>,
}

impl Block<'_> {
    pub(super) fn start(&self) -> u64 {
        match self {
            Block::Object(regions) => regions.first().map_or(0, |r| r.start.0),
            Block::Gap(gap) => gap.start.0,
            Block::Fold(fold) => fold.start,
        }
    }

    pub(super) fn end(&self) -> u64 {
        match self {
            Block::Object(regions) => regions.last().map_or(0, |r| r.end.0),
            Block::Gap(gap) => gap.end.0,
            Block::Fold(fold) => fold.end,
        }
    }

    /// Whether it is drawn as a box.
    pub(super) fn is_box(&self) -> bool {
        !matches!(self, Block::Gap(_))
    }
}

/// The blocks of a report; those beyond the first `most` by importance are folded together.
pub(super) fn blocks(report: &MapReport, most: Option<usize>) -> Vec<Block<'_>> {
    let objects = objects(&report.items);
    let number = objects.iter().filter(|block| block.is_box()).count();
    let crowded = |block: &Block<'_>| matches!(block, Block::Object(r) if r.len() > MOST_ROWS);
    let Some(most) = most.filter(|&most| number > most || objects.iter().any(crowded)) else {
        return objects;
    };
    let located = report.located.and_then(|l| l.item).and_then(|i| report.items.get(i));
    let at = located.map(Item::start);
    let mut order: Vec<usize> = (0..objects.len()).filter(|&i| objects[i].is_box()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(importance(&objects[i], at)));
    let mut kept = vec![false; objects.len()];
    for &i in order.iter().take(most) {
        kept[i] = !crowded(&objects[i]);
    }
    for (i, block) in objects.iter().enumerate() {
        if let Block::Gap(gap) = block {
            let beside = |j: Option<usize>| j.and_then(|j| kept.get(j)).is_none_or(|&kept| kept);
            kept[i] = gap.size.get() >= LARGE_GAP
                || at == Some(gap.start.0)
                || beside(i.checked_sub(1))
                || beside(Some(i + 1).filter(|&j| j < objects.len()));
        }
    }
    fold(objects, &kept)
}

/// The stack and its like before all others; then the large before the small.
fn importance(block: &Block<'_>, located: Option<u64>) -> (u8, u64) {
    let Block::Object(regions) = block else { return (0, 0) };
    let size = regions.iter().map(|r| r.size.get()).fold(0, u64::saturating_add);
    let rank = regions
        .iter()
        .map(|region| match region.segment {
            _ if Some(region.start.0) == located => 4,
            Segment::Program | Segment::Heap | Segment::Stack => 3,
            Segment::Loader | Segment::Vdso => 2,
            _ => 0,
        })
        .max()
        .unwrap_or(0);
    (rank, size)
}

fn objects(items: &[Item]) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for item in items {
        match (item, blocks.last_mut()) {
            (Item::Gap(gap), _) => blocks.push(Block::Gap(gap)),
            (Item::Region(region), Some(Block::Object(regions)))
                if regions.last().is_some_and(|last| last.object == region.object) =>
            {
                regions.push(region);
            }
            (Item::Region(region), _) => blocks.push(Block::Object(vec![region])),
        }
    }
    blocks
}

/// Folds what is not kept, run by run. One object or one gap alone stays as it is.
fn fold<'a>(blocks: Vec<Block<'a>>, kept: &[bool]) -> Vec<Block<'a>> {
    let mut out = Vec::new();
    let mut run: Vec<Block<'a>> = Vec::new();
    for (block, &kept) in blocks.into_iter().zip(kept) {
        if kept {
            close(&mut run, &mut out);
            out.push(block);
        } else {
            run.push(block);
        }
    }
    close(&mut run, &mut out);
    out
}

fn close<'a>(run: &mut Vec<Block<'a>>, out: &mut Vec<Block<'a>>) {
    // Gaps at either end stay gaps.
    let first = run.iter().position(Block::is_box).unwrap_or(run.len());
    let end = run.iter().rposition(Block::is_box).map_or(first, |last| last + 1);
    let tail = run.split_off(end);
    let middle = run.split_off(first);
    out.append(run);
    match &middle[..] {
        [] => {}
        [Block::Object(regions)] if regions.len() <= MOST_ROWS => out.extend(middle),
        many => out.push(Block::Fold(sum(many))),
    }
    out.extend(tail);
}

fn sum(blocks: &[Block<'_>]) -> Fold {
    let zero = Fill { swapped: Some(Bytes::ZERO), ..Fill::default() };
    let mut fold = Fold {
        start: blocks.first().map_or(0, Block::start),
        end: blocks.last().map_or(0, Block::end),
        regions: 0,
        mapped: Bytes::ZERO,
        gaps: 0,
        unmapped: Bytes::ZERO,
        largest_gap: Bytes::ZERO,
        fill: Some(zero),
    };
    for block in blocks {
        match block {
            Block::Gap(gap) => {
                fold.gaps += 1;
                fold.unmapped = fold.unmapped.saturating_add(gap.size);
                fold.largest_gap = fold.largest_gap.max(gap.size);
            }
            Block::Object(regions) => {
                for region in regions {
                    fold.regions += 1;
                    fold.mapped = fold.mapped.saturating_add(region.size);
                    fold.fill = fold.fill.zip(region.fill).map(|(a, b)| a.plus(b));
                }
            }
            Block::Fold(_) => {}
        }
    }
    fold
}
