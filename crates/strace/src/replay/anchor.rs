//! What an address space is begun with: the results that the log is the first to tell.

use sim::{Image, ImageBacking, ImageMapping, Segments, VmFlags};
use world::{Call, MapFlags};

use super::space::page_up;
use crate::entry::{Entry, FileName, Outcome, What};

/// What huge pages cover on x86-64 and arm64 with pages of 4 KiB.
const HUGE: u64 = 2 << 20;

/// The two anchors of an address space, each with the place of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Anchors {
    /// Lowest address of the heap, the break, and the entry that tells.
    pub(super) heap: Option<(u64, u64, usize)>,
    /// Where mappings end, and the entry that tells.
    pub(super) base: Option<(u64, usize)>,
}

/// Looks ahead from an `execve`, or from the first entry of a process that was there before.
pub(super) fn find(entries: &[Entry], from: usize, pid: u32, whole: bool) -> Anchors {
    let mut anchors = Anchors::default();
    let mut settled = false;
    for (index, entry) in entries.iter().enumerate().skip(from) {
        if entry.pid != pid {
            continue;
        }
        let Outcome::Value(value) = entry.outcome else {
            if matches!(entry.what, What::Ended(_)) {
                break;
            }
            continue;
        };
        match &entry.what {
            What::Exec { .. } => break,
            What::Memory { call: Call::Brk { .. }, .. } => match &mut anchors.heap {
                None => anchors.heap = Some((value, value, index)),
                // Of a process that ran before, the heap may begin below its first break.
                Some((start, _, _)) if !whole => *start = (*start).min(value),
                Some(_) => {}
            },
            What::Memory { call: Call::Mmap { addr: 0, len, flags, .. }, file }
                if !flags.any(MapFlags::FIXED.with(MapFlags::FIXED_NOREPLACE))
                    && !flags.has(MapFlags::BIT32) =>
            {
                let end = page_up(value.saturating_add(*len));
                let higher = anchors.base.is_none_or(|(base, _)| end > base);
                if !settled && higher {
                    anchors.base = Some((end, index));
                }
                // One that may have been put on a boundary of huge pages, below a gap, does not
                // tell; neither does any of a process whose holes are not known.
                let may_align = value.is_multiple_of(HUGE) || *file != FileName::None;
                let aligned = *len >= HUGE && may_align;
                settled |= whole && !aligned;
            }
            _ => {}
        }
    }
    anchors
}

impl Anchors {
    /// The memory of a program of which nothing else is known.
    pub(super) fn image(&self) -> Image {
        let mut image = Image { first_fd: 3, ..Image::default() };
        if let Some((start, brk, _)) = self.heap {
            let start = start & !4095;
            image.segments = Segments { start_brk: start, brk, ..Segments::default() };
            let end = page_up(brk);
            if end > start {
                let flags =
                    VmFlags::READ.with(VmFlags::WRITE).with(VmFlags::MAY).with(VmFlags::ACCOUNT);
                image.mappings.push(ImageMapping {
                    start,
                    end,
                    flags,
                    backing: ImageBacking::Anon,
                    pages: Vec::new(),
                });
            }
        }
        image.mmap_base = self.base.map(|(base, _)| base);
        image
    }
}
