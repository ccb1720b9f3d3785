//! Plain words for what the map says in enums.

use rules::map::{GapKind, Region};
use rules::segment::{Evidence, Part, Segment};

pub(super) fn segment(segment: Segment) -> &'static str {
    match segment {
        Segment::Program => "program",
        Segment::Library => "library",
        Segment::Loader => "loader",
        Segment::Heap => "heap",
        Segment::Arena => "malloc arena",
        Segment::Stack => "stack",
        Segment::ThreadStack => "thread stack",
        Segment::Anonymous => "anonymous",
        Segment::SharedMemory => "shared memory",
        Segment::File => "file",
        Segment::Device => "device",
        Segment::Vdso => "vdso",
        Segment::Vvar => "vvar",
        Segment::Vsyscall => "vsyscall",
        Segment::Special => "special",
        Segment::Guard => "guard",
        Segment::Reserved => "reserved",
    }
}

pub(super) fn part(part: Part) -> &'static str {
    match part {
        Part::Text => "text",
        Part::ReadOnly => "constants",
        Part::Data => "data",
        Part::Bss => "bss",
        Part::Hole => "hole",
    }
}

pub(super) fn gap(kind: GapKind) -> &'static str {
    match kind {
        GapKind::Null => "free; its first pages stay so, for null pointers to fault",
        GapKind::AboveHeap => "free; the heap grows into it",
        GapKind::BelowStack => "free; the stack grows into it",
        GapKind::Free => "free",
        GapKind::Kernel => "beyond the process's addresses",
    }
}

/// What one region of an object is: its part, or what it is for where that differs.
pub(super) fn row(region: &Region, first: &Region) -> &'static str {
    match region.part {
        Some(name) => part(name),
        None if is_kernel(region) && first.segment == Segment::Vvar => segment(region.segment),
        None => "",
    }
}

fn is_kernel(region: &Region) -> bool {
    matches!(region.segment, Segment::Vdso | Segment::Vvar)
}

/// A guess is marked as one.
pub(super) fn guessed(region: &Region) -> &'static str {
    if region.evidence == Evidence::Guess { "?" } else { "" }
}

/// What an object is called: what it is for, and its name if that says more.
pub(super) fn title(region: &Region) -> (String, Option<String>) {
    if region.segment == Segment::Vvar {
        // The two lie together, in one box.
        return ("vdso and vvar".to_owned(), None);
    }
    let what = format!("{}{}", segment(region.segment), guessed(region));
    let name = region.name.as_ref().map(|name| name.escaped().into_owned());
    let label = name.as_deref().and_then(|n| n.strip_prefix('[')?.strip_suffix(']'));
    match (label, name.as_deref()) {
        (Some(label), _) if what == label => (what, None),
        (_, Some(_)) => (what, name),
        (_, None) => (what, None),
    }
}
