//! The mappings of one process, from any source.

use facts::{Mapping, Missing, Name, Task, Why};
use proctext::{MappingStream, MappingText};
use units::{Bytes, Pages, Pid};

use crate::{Place, Refusal, TaskFile, Tree};

/// The mappings of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessMap {
    /// The process.
    pub pid: Pid,
    /// Its name (`comm`).
    pub name: Option<Name>,
    /// Path of its program.
    pub program: Option<Name>,
    /// Its mappings, in the order of the kernel.
    pub mappings: Vec<Mapping>,
    /// Whether sizes were left out because reading them would have taken too long; then so long,
    /// in milliseconds.
    pub too_slow_ms: Option<u64>,
    /// What could not be read.
    pub missing: Vec<Missing>,
}

/// How long the kernel may be kept busy with the page tables of one process, while that process
/// waits to change its mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// Milliseconds.
    pub most_ms: u64,
}

/// Time the kernel takes to walk the page tables of a gibibyte, in milliseconds: measured on 6.18
/// with 4 KiB pages; huge pages take a tenth of it.
const MS_PER_GIB: u64 = 11;

/// Reads the mappings of a process: `smaps`, or `maps` where that is refused, absent, or would take
/// longer than allowed. `Err` is that the process is not there, or nothing of it may be read.
pub fn process_map(tree: &mut dyn Tree, pid: Pid, stall: Stall) -> Result<ProcessMap, Refusal> {
    let mut missing = Vec::new();
    let mut text = Vec::new();
    let stat = Place::Task(pid, TaskFile::Stat);
    let name = match tree.read(stat, &mut text) {
        Ok(()) => {
            let mut task = Task::unknown(pid);
            proctext::stat(&text, &mut task, &stat.to_string(), &mut missing);
            task.comm
        }
        // A process that is not there has no directory.
        Err(Refusal::Absent) if tree.owner(pid) == Err(Refusal::Gone) => return Err(Refusal::Gone),
        Err(Refusal::Gone) => return Err(Refusal::Gone),
        Err(_) => None,
    };
    let page_size = tree.about().page_size.unwrap_or(units::PageSize::KIB_4);
    let expected = if tree.about().live { walk_ms(tree, pid, page_size) } else { None };
    let too_slow_ms = expected.filter(|&ms| ms > stall.most_ms);
    let mut map = ProcessMap {
        pid,
        name,
        program: tree.program(pid),
        mappings: Vec::new(),
        too_slow_ms,
        missing,
    };
    if too_slow_ms.is_none() {
        match read(tree, pid, TaskFile::Smaps, &mut map) {
            Ok(()) => return Ok(map),
            Err(Refusal::Gone) => return Err(Refusal::Gone),
            Err(refusal) => {
                let place = Place::Task(pid, TaskFile::Smaps).to_string();
                map.missing.push(Missing { place, why: Why::from(&refusal) });
            }
        }
        map.mappings.clear();
    }
    read(tree, pid, TaskFile::Maps, &mut map)?;
    Ok(map)
}

/// What walking the page tables would take.
fn walk_ms(tree: &mut dyn Tree, pid: Pid, page_size: units::PageSize) -> Option<u64> {
    let mut text = Vec::new();
    tree.read(Place::Task(pid, TaskFile::Statm), &mut text).ok()?;
    let resident = text.split(|&b| b == b' ').nth(1)?;
    let resident: u64 = std::str::from_utf8(resident).ok()?.parse().ok()?;
    let bytes = Pages::new(resident).to_bytes(page_size).unwrap_or(Bytes::new(u64::MAX));
    Some((bytes.get() >> 20).saturating_mul(MS_PER_GIB) >> 10)
}

fn read(
    tree: &mut dyn Tree,
    pid: Pid,
    file: TaskFile,
    map: &mut ProcessMap,
) -> Result<(), Refusal> {
    let place = Place::Task(pid, file);
    let mut stream = MappingStream::new(&place.to_string());
    let mut visit = |mapping: &MappingText<'_>| map.mappings.push(mapping.to_mapping());
    tree.read_pieces(place, &mut |piece| stream.feed(piece, &mut visit))?;
    map.missing.extend(stream.finish(&mut visit));
    Ok(())
}
