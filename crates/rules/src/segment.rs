//! What the parts of an address space are for, told by evidence.
//!
//! The kernel labels few mappings itself (`[heap]`, `[stack]`, `[vdso]`), and old kernels fewer.
//! The rest is told by the file that is mapped, by permissions, and by what lies beside it. How it
//! is known goes with the answer ([`Evidence`]); where nothing tells, the mapping is just anonymous.

use std::collections::BTreeMap;

use facts::{Mapping, Name};
use schemars::JsonSchema;
use serde::Serialize;

/// What a mapping is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// The program's own file.
    Program,
    /// A shared library.
    Library,
    /// The dynamic loader, ld.so.
    Loader,
    /// The heap that `brk` moves.
    Heap,
    /// A heap of the C library for a further thread.
    Arena,
    /// The first thread's stack.
    Stack,
    /// The stack of another thread.
    ThreadStack,
    /// Anonymous memory, from `mmap`.
    Anonymous,
    /// Memory shared between processes that no file on a disk backs.
    SharedMemory,
    /// A file of data.
    File,
    /// Memory of a device or of a driver.
    Device,
    /// Functions of the kernel that run in the process.
    Vdso,
    /// Data of the kernel for them.
    Vvar,
    /// The fixed page of the same purpose, on x86-64.
    Vsyscall,
    /// A mapping under another label of the kernel.
    Special,
    /// Small and not accessible, to catch what runs into it.
    Guard,
    /// Large and not accessible: addresses kept for later.
    Reserved,
}

/// Which part of a program's or library's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Code.
    Text,
    /// Constants, and tables that are read only once the program runs.
    ReadOnly,
    /// Variables with a first value.
    Data,
    /// Variables without a first value: anonymous memory right behind the data.
    Bss,
    /// Not accessible: between text and data of a library.
    Hole,
}

/// How it is known what a mapping is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The kernel says so: a label, a flag, an address that is fixed.
    Kernel,
    /// The file and the permissions.
    File,
    /// What lies right beside it.
    Neighbour,
    /// A guess, from its size and its place.
    Guess,
    /// Nothing tells more.
    None,
}

/// A mapping's purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// What it is for.
    pub segment: Segment,
    /// Which part of a program's or library's file.
    pub part: Option<Part>,
    /// How that is known.
    pub evidence: Evidence,
    /// Mappings of one file that lie together, with the bss behind them, have the same number.
    pub object: usize,
}

/// The x86-64 vsyscall page, `VSYSCALL_ADDR`.
pub const VSYSCALL: u64 = 0xffff_ffff_ff60_0000;

/// Up to this size, what is not accessible is taken for a guard.
const MOST_GUARD: u64 = 1 << 20;

/// `HEAP_MAX_SIZE` of glibc on 64-bit machines: where a thread's heap begins, and what is reserved
/// for it.
const ARENA: u64 = 64 << 20;

/// The usual size of a thread's stack: the usual soft limit of the stack.
const THREAD_STACK: u64 = 8 << 20;

/// Names mappings, which are given in ascending order. `exe` is the path of the program's file,
/// where that is known; otherwise the file with code right below the heap is taken, or else the
/// lowest that looks like no library.
pub fn segments(mappings: &[Mapping], exe: Option<&Name>) -> Vec<Named> {
    let files = Files::of(mappings, exe);
    let mut named: Vec<Named> = Vec::with_capacity(mappings.len());
    for (index, mapping) in mappings.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|i| Some((mappings.get(i)?, named.get(i)?)));
        let next = mappings.get(index + 1);
        let (segment, part, evidence) = of(mapping, before, next, &files);
        let object = match before {
            Some((other, name)) if same_object(mapping, part, other) => name.object,
            Some((_, name)) => name.object + 1,
            None => 0,
        };
        named.push(Named { segment, part, evidence, object });
    }
    unlabelled(mappings, &mut named);
    named
}

type Answer = (Segment, Option<Part>, Evidence);

fn of(
    mapping: &Mapping,
    before: Option<(&Mapping, &Named)>,
    next: Option<&Mapping>,
    files: &Files,
) -> Answer {
    if let Some(segment) = label(mapping.name.as_bytes()) {
        return (segment, None, Evidence::Kernel);
    }
    if mapping.start.0 == VSYSCALL {
        return (Segment::Vsyscall, None, Evidence::Kernel);
    }
    if is_backed(mapping) {
        return of_file(mapping, files);
    }
    if mapping.has_flag("gd") == Some(true) {
        return (Segment::Stack, None, Evidence::Kernel);
    }
    let touching = before.filter(|(other, _)| other.end == mapping.start);
    if let Some((_, name)) = touching
        && mapping.perms.write()
        && !mapping.perms.shared()
        && name.part == Some(Part::Data)
    {
        return (name.segment, Some(Part::Bss), Evidence::Neighbour);
    }
    if mapping.perms.none() {
        let small = mapping.size() <= MOST_GUARD;
        return (if small { Segment::Guard } else { Segment::Reserved }, None, Evidence::File);
    }
    if mapping.perms.write() && !mapping.perms.shared() {
        if is_arena(mapping, next) {
            return (Segment::Arena, None, Evidence::Guess);
        }
        if touching.is_some_and(|(guard, _)| is_thread_stack(mapping, guard)) {
            return (Segment::ThreadStack, None, Evidence::Guess);
        }
    }
    (Segment::Anonymous, None, Evidence::None)
}

/// What the kernel says itself. `arch_vma_name()`, `show_map_vma()`; `[stack:TID]` from 3.4 to 4.4.
fn label(name: &[u8]) -> Option<Segment> {
    Some(match name {
        b"[heap]" => Segment::Heap,
        b"[stack]" => Segment::Stack,
        b"[vdso]" => Segment::Vdso,
        b"[vsyscall]" => Segment::Vsyscall,
        _ if name.starts_with(b"[stack:") => Segment::ThreadStack,
        _ if name.starts_with(b"[vvar") => Segment::Vvar,
        _ if name.starts_with(b"[anon:") => Segment::Anonymous,
        _ if name.starts_with(b"[anon_shmem:") => Segment::SharedMemory,
        [b'[', .., b']'] => Segment::Special,
        _ => return None,
    })
}

/// Whether there is a file behind it, if only inside the kernel.
fn is_backed(mapping: &Mapping) -> bool {
    mapping.is_file() || mapping.name.as_bytes().starts_with(b"/")
}

fn of_file(mapping: &Mapping, files: &Files) -> Answer {
    let path = mapping.name.as_bytes();
    let shared: [&[u8]; 4] = [b"/dev/zero (deleted)", b"/memfd:", b"/SYSV", b"/dev/shm/"];
    if shared.iter().any(|start| path.starts_with(start)) {
        return (Segment::SharedMemory, None, Evidence::File);
    }
    let driver = ["pf", "io", "mm"].iter().any(|code| mapping.has_flag(code) == Some(true));
    if driver || path.starts_with(b"/dev/") || path.starts_with(b"anon_inode:") {
        return (Segment::Device, None, Evidence::File);
    }
    let Some(segment) = files.segment(mapping) else {
        return (Segment::File, None, Evidence::File);
    };
    let perms = mapping.perms;
    let part = if perms.write() {
        Part::Data
    } else if perms.execute() {
        Part::Text
    } else if perms.read() {
        Part::ReadOnly
    } else {
        Part::Hole
    };
    (segment, Some(part), Evidence::File)
}

fn same_object(mapping: &Mapping, part: Option<Part>, before: &Mapping) -> bool {
    let touching = before.end == mapping.start;
    match part {
        Some(Part::Bss) => true,
        _ if is_backed(mapping) => file(mapping) == file(before) && is_backed(before),
        // Kernel data and functions are one thing.
        _ => touching && mapping.name.as_bytes().starts_with(b"[v") && label_family(before),
    }
}

fn label_family(mapping: &Mapping) -> bool {
    mapping.name.as_bytes().starts_with(b"[v")
}

/// glibc places the heaps of further threads at multiples of their largest size and keeps the rest
/// of it inaccessible.
fn is_arena(mapping: &Mapping, next: Option<&Mapping>) -> bool {
    let end = mapping.start.0.checked_add(ARENA);
    mapping.start.0.is_multiple_of(ARENA)
        && next.is_some_and(|rest| {
            rest.start == mapping.end
                && rest.perms.none()
                && !is_backed(rest)
                && Some(rest.end.0) == end
        })
}

/// A guard page below, and either the kernel's own mark of what was mapped as a stack
/// (`MAP_STACK` gives `nh` since 6.7), or the usual size.
fn is_thread_stack(mapping: &Mapping, guard: &Mapping) -> bool {
    guard.perms.none()
        && !is_backed(guard)
        && guard.size() <= MOST_GUARD
        && (mapping.has_flag("nh") == Some(true)
            || mapping.size() == THREAD_STACK
            || mapping.size().checked_add(guard.size()) == Some(THREAD_STACK))
}

/// Kernels before 2.6.12 or so label nothing: the stack is then the highest writable memory above
/// all files, and a page of code without file is the vdso.
fn unlabelled(mappings: &[Mapping], named: &mut [Named]) {
    let last_file = mappings.iter().rposition(is_backed);
    let above = last_file.map_or(0, |i| i + 1);
    let has = |named: &[Named], segment| named.iter().any(|n| n.segment == segment);
    let plain = |named: &[Named], i: usize| named[i].segment == Segment::Anonymous;
    if last_file.is_none() {
        return;
    }
    if !has(named, Segment::Stack)
        && let Some(i) = (above..mappings.len()).rev().find(|&i| {
            plain(named, i) && mappings[i].perms.write() && mappings[i].name == Name::default()
        })
    {
        named[i].segment = Segment::Stack;
        named[i].evidence = Evidence::Guess;
    }
    if !has(named, Segment::Vdso)
        && let Some(i) = (above..mappings.len()).find(|&i| {
            plain(named, i)
                && mappings[i].perms.execute()
                && !mappings[i].perms.write()
                && mappings[i].size() <= 64 << 10
        })
    {
        named[i].segment = Segment::Vdso;
        named[i].evidence = Evidence::Guess;
    }
}

type FileId<'a> = (u32, u32, u64, &'a [u8]);

fn file(mapping: &Mapping) -> FileId<'_> {
    (mapping.dev.major, mapping.dev.minor, mapping.inode, mapping.name.as_bytes())
}

/// Which files are programs and libraries.
struct Files<'a>(BTreeMap<FileId<'a>, Segment>);

impl<'a> Files<'a> {
    fn of(mappings: &'a [Mapping], exe: Option<&Name>) -> Files<'a> {
        let mut code = BTreeMap::new();
        let mut program = None;
        let heap = mappings.iter().position(|m| m.name.as_bytes() == b"[heap]");
        for (index, mapping) in mappings.iter().enumerate() {
            if !is_backed(mapping) || !mapping.perms.execute() {
                continue;
            }
            let path = undeleted(mapping.name.as_bytes());
            let base = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
            let segment = if is_loader(base) { Segment::Loader } else { Segment::Library };
            code.entry(file(mapping)).or_insert(segment);
            let own = match (exe, heap) {
                (Some(exe), _) => path == undeleted(exe.as_bytes()),
                // The last of them below the heap stays.
                (None, Some(heap)) => index < heap && !is_library(base),
                (None, None) => program.is_none() && !is_library(base),
            };
            if own && segment != Segment::Loader {
                program = Some(file(mapping));
            }
        }
        if let Some(program) = program {
            code.insert(program, Segment::Program);
        }
        Files(code)
    }

    fn segment(&self, mapping: &Mapping) -> Option<Segment> {
        self.0.get(&file(mapping)).copied()
    }
}

fn undeleted(path: &[u8]) -> &[u8] {
    path.strip_suffix(b" (deleted)").unwrap_or(path)
}

fn is_library(base: &[u8]) -> bool {
    base.windows(4).any(|w| w == b".so.") || base.ends_with(b".so")
}

/// `ld-2.3.3.so`, `ld-linux-x86-64.so.2`, `ld.so.1`, `ld64.so.1`, `ld-musl-x86_64.so.1`.
fn is_loader(base: &[u8]) -> bool {
    is_library(base)
        && (base.starts_with(b"ld-") || base.starts_with(b"ld.") || base.starts_with(b"ld64"))
}

#[cfg(test)]
#[path = "segment_tests.rs"]
mod tests;
