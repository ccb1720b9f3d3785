//! `/proc/PID/maps`: `show_map_vma()` in `fs/proc/task_mmu.c`.

use std::fmt::Write;

use facts::Release;

use crate::mm::Mm;
use crate::page::PAGE_BITS;
use crate::store::Store;
use crate::vm_flags::VmFlags;
use crate::vma::{Backing, Vma};

/// The address of `[vsyscall]`.
pub(super) const VSYSCALL: u64 = 0xffff_ffff_ff60_0000;

/// The whole file.
pub(crate) fn maps(store: &Store, mm: &Mm) -> Vec<u8> {
    let mut text = String::new();
    for vma in mm.vmas.values() {
        header(&mut text, store, mm, vma);
    }
    if store.config.vsyscall {
        vsyscall(&mut text);
    }
    text.into_bytes()
}

/// The line of `[vsyscall]`, which is in no list of mappings.
pub(super) fn vsyscall(text: &mut String) {
    line(text, 8, VSYSCALL, VSYSCALL + 4096, VmFlags::EXEC, 0, (0, 0), 0, Some("[vsyscall]"));
}

/// One mapping's line.
pub(super) fn header(text: &mut String, store: &Store, mm: &Mm, vma: &Vma) {
    let width = if store.config.arch.is_64bit() { 8 } else { 4 };
    let (mut offset, mut device, mut inode) = (0, (0, 0), 0);
    if let Backing::File(open) = vma.backing {
        let file = store.file(open);
        (offset, device, inode) = (vma.pgoff << PAGE_BITS, file.device, file.inode);
    } else if store.release() < Release::old(2, 6, 28) {
        offset = vma.pgoff << PAGE_BITS;
    }
    let mut start = vma.start;
    // One page inside the mapping was its guard, and was not shown.
    if vma.has(VmFlags::GROWSDOWN)
        && store.release() >= Release::old(2, 6, 36)
        && store.release() < Release::new(4, 12)
    {
        start += 4096;
    }
    let name = name(store, mm, vma);
    line(text, width, start, vma.end, vma.flags, offset, device, inode, name.as_deref());
}

/// What a mapping is called.
pub(super) fn name(store: &Store, mm: &Mm, vma: &Vma) -> Option<String> {
    match vma.backing {
        Backing::File(open) => return Some(store.file(open).name.clone()),
        Backing::Special(special) => return Some(special.name().to_owned()),
        Backing::Anon => {}
    }
    let segments = &mm.segments;
    let heap = if store.rules.strict_heap_label {
        vma.start < segments.brk && vma.end > segments.start_brk
    } else {
        vma.start <= segments.brk && vma.end >= segments.start_brk
    };
    if heap && segments.brk > 0 {
        return Some("[heap]".to_owned());
    }
    let stack = vma.start <= segments.start_stack && vma.end >= segments.start_stack;
    stack.then(|| "[stack]".to_owned())
}

#[allow(clippy::too_many_arguments, reason = "the columns of the line")]
fn line(
    text: &mut String,
    pointer: usize,
    start: u64,
    end: u64,
    flags: VmFlags,
    offset: u64,
    device: (u32, u32),
    inode: u64,
    name: Option<&str>,
) {
    let from = text.len();
    let letter = |flag, letter| if flags.has(flag) { letter } else { '-' };
    let (r, w, x) =
        (letter(VmFlags::READ, 'r'), letter(VmFlags::WRITE, 'w'), letter(VmFlags::EXEC, 'x'));
    let s = if flags.has(VmFlags::MAYSHARE) { 's' } else { 'p' };
    let (major, minor) = device;
    let _ = write!(
        text,
        "{start:08x}-{end:08x} {r}{w}{x}{s} {offset:08x} {major:02x}:{minor:02x} {inode} "
    );
    if let Some(name) = name {
        let width = 25 + pointer * 6 - 1;
        let used = text.len() - from;
        let _ = write!(text, "{:pad$} {}", "", name, pad = width.saturating_sub(used));
    }
    text.push('\n');
}
