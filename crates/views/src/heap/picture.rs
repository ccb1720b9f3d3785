//! The heap behind one call, on a terminal.

use rules::heap::{ArenaPicture, Cell, HeapPicture};
use units::Bytes;

use crate::amount::{count, grouped, short};
use crate::page::Page;
use crate::style::{Accent, Charset, Style};

/// Rows of an arena at most.
const ROWS: usize = 24;
/// Mapped blocks that are listed.
const MAPPED: usize = 8;
/// Arenas that are drawn.
const ARENAS: usize = 6;

/// The heap, from its lowest address on.
pub fn heap_picture(picture: &HeapPicture, style: &Style) -> String {
    let mut page = Page::new(style);
    let moment = &picture.moment;
    page.hanging(
        "",
        &format!(
            "Behind call {} of {}: {} live, {} held.",
            grouped(moment.call),
            grouped(picture.calls),
            moment.live,
            moment.held
        ),
        2,
    );
    let key = match style.charset {
        Charset::Utf8 => {
            "█ ▓ ▒ live, wholly to a little; · free; t in a cache; f in a fast list; – the free end"
        }
        Charset::Ascii => {
            "# + - live, wholly to a little; . free; t in a cache; f in a fast list; _ the free end"
        }
    };
    page.sentence(&style.paint(Accent::Dim, key));
    for arena in picture.arenas.iter().take(ARENAS) {
        draw(&mut page, arena);
    }
    if picture.arenas.len() > ARENAS {
        let more = picture.arenas.len() - ARENAS;
        page.sentence(&format!("and {} of arenas", count(more, "more piece", "more pieces")));
    }
    if picture.mapped_blocks > 0 {
        let blocks = usize::try_from(picture.mapped_blocks).unwrap_or(usize::MAX);
        page.heading(
            "MAPPED",
            &format!("{}, {}", count(blocks, "block", "blocks"), moment.mmapped),
        );
        for block in picture.mapped.iter().take(MAPPED) {
            let call = block.call.map_or("?".to_owned(), grouped);
            page.line(&format!("  {:>9}  {:x}  call {call}", short(block.size), block.address));
        }
    }
    page.finish()
}

fn draw(page: &mut Page<'_>, arena: &ArenaPicture) {
    let title =
        if arena.arena == 0 { "MAIN HEAP".to_owned() } else { format!("ARENA {}", arena.arena) };
    let blocks = usize::try_from(arena.live_blocks).unwrap_or(usize::MAX);
    let free = usize::try_from(arena.free_chunks).unwrap_or(usize::MAX);
    page.heading(
        &title,
        &format!(
            "{}, {}, {}, the largest {}",
            Bytes::new(arena.end.saturating_sub(arena.start)),
            count(blocks, "live block", "live blocks"),
            count(free, "free chunk", "free chunks"),
            arena.largest_free
        ),
    );
    let columns = page.style.columns().saturating_sub(18).clamp(16, 128);
    let columns = 1 << columns.ilog2();
    let together = arena.cells.len().div_ceil(columns * ROWS).max(1).next_power_of_two();
    let cells: Vec<Cell> = arena
        .cells
        .chunks(together)
        .map(|cells| {
            let mut sum = Cell::default();
            for cell in cells {
                sum.add(*cell);
            }
            sum
        })
        .collect();
    let bytes = arena.cell.get().saturating_mul(together as u64);
    for (row, cells) in cells.chunks(columns).enumerate() {
        let address = arena.start.saturating_add(bytes.saturating_mul((row * columns) as u64));
        let drawn: String = cells.iter().map(|cell| sign(cell, page.style)).collect();
        page.line(&format!("  {address:>14x}  {drawn}"));
    }
    page.line(&page.style.paint(
        Accent::Dim,
        &format!(
            "  {:>14}  a sign is {}, a row {}",
            "",
            Bytes::new(bytes),
            Bytes::new(bytes * columns as u64)
        ),
    ));
}

/// What a cell looks like: how much of it is live, or else what most of it is.
fn sign(cell: &Cell, style: &Style) -> &'static str {
    let utf8 = style.charset == Charset::Utf8;
    let whole = cell.bytes();
    if whole == 0 {
        return " ";
    }
    let eighths = u128::from(cell.live) * 8 / u128::from(whole);
    if cell.live > 0 {
        return match (eighths, utf8) {
            (7.., true) => "█",
            (3..7, true) => "▓",
            (_, true) => "▒",
            (7.., false) => "#",
            (3..7, false) => "+",
            (_, false) => "-",
        };
    }
    let kinds = [
        (cell.free, if utf8 { "·" } else { "." }),
        (cell.tcache, "t"),
        (cell.fast, "f"),
        (cell.top, if utf8 { "–" } else { "_" }),
    ];
    kinds.iter().max_by_key(|(bytes, _)| *bytes).map_or(" ", |(_, sign)| sign)
}
