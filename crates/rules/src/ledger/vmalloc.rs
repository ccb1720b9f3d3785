//! vmalloc and the stacks of threads inside the kernel, which may lie in it.

use facts::Field::{FileHugePages, KernelStack, VmallocUsed};
use facts::Release;

use super::figures::Figures;
use super::tree::{exact, with};
use super::{Exactness, Line, LineKind};

pub(super) struct Kernel {
    pub(super) lines: Vec<Line>,
    pub(super) untold: Vec<String>,
}

pub(super) fn vmalloc_and_stacks(figures: &mut Figures<'_>, told: Option<bool>) -> Kernel {
    let stacks = figures.field(KernelStack);
    let vmalloc = counted(figures);
    let mut untold = Vec::new();
    if stacks.is_none() {
        untold.push("stacks of threads inside the kernel (counted since 2.6.32)".to_owned());
    }
    if vmalloc.is_none() {
        untold.push("vmalloc: modules, large tables (memory counted since 5.3)".to_owned());
    }
    let stack_line = |bytes| exact(LineKind::KernelStacks, bytes, "meminfo KernelStack");
    let lines = match (vmalloc, stacks) {
        (None, stacks) => stacks.map(stack_line).into_iter().collect(),
        (Some(vmalloc), None) => vec![exact(LineKind::Vmalloc, vmalloc, "meminfo VmallocUsed")],
        (Some(vmalloc), Some(stacks)) => {
            let line = exact(LineKind::Vmalloc, vmalloc, "meminfo VmallocUsed");
            match within(figures, told, vmalloc, stacks) {
                Inside::Yes => vec![line.made_of(vec![stack_line(stacks)])],
                Inside::Likely => {
                    let from = "meminfo KernelStack; this kernel usually has them in vmalloc";
                    let inside = with(LineKind::KernelStacks, stacks, Exactness::Estimated, from);
                    vec![line.made_of(vec![inside])]
                }
                Inside::No => vec![line, stack_line(stacks)],
            }
        }
    };
    Kernel { lines, untold }
}

/// `VmallocUsed`, where it is memory: `vmalloc_nr_pages()` since 5.3 (and in vendors' kernels that
/// print more than 0 from 4.4 on). Before 4.4 it was address space, mapped devices included.
fn counted(figures: &mut Figures<'_>) -> Option<i64> {
    let bytes = figures.field(VmallocUsed)?;
    let counts = match figures.release() {
        Some(release) if release >= Release::new(5, 3) => true,
        Some(release) if release >= Release::new(4, 4) => bytes > 0,
        Some(_) => false,
        None => figures.snapshot.meminfo.get(FileHugePages).is_some(),
    };
    counts.then_some(bytes)
}

enum Inside {
    Yes,
    Likely,
    No,
}

/// Whether stacks are in vmalloc (`CONFIG_VMAP_STACK`): by what somebody saw in
/// `/proc/vmallocinfo` or the kernel's configuration; else not if they would not fit; else by
/// machine and release, because it is on by default where it exists.
fn within(figures: &Figures<'_>, told: Option<bool>, vmalloc: i64, stacks: i64) -> Inside {
    match told {
        Some(true) => return Inside::Yes,
        Some(false) => return Inside::No,
        None if stacks > vmalloc => return Inside::No,
        None => {}
    }
    let machine = figures.snapshot.machine.as_ref().map(facts::Name::as_bytes);
    let since = match machine {
        None | Some(b"x86_64" | b"aarch64" | b"s390x") => Release::new(5, 3),
        Some(b"riscv64") => Release::new(5, 17),
        Some(m) if m.starts_with(b"arm") => Release::new(5, 18),
        Some(_) => return Inside::No,
    };
    match figures.release() {
        Some(release) if release < since => Inside::No,
        _ => Inside::Likely,
    }
}
