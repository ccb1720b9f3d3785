//! What `/proc` says of a process that is being measured.

use std::fs;
use std::path::PathBuf;

/// What one process has, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) anon: u64,
    /// `VmHWM`, where it was read.
    pub(crate) hwm: Option<u64>,
}

/// `/proc/PID/statm`: cheap, as the kernel keeps these counters. `None` when the process is gone, or
/// has no memory any more.
pub(crate) fn statm(pid: u32, page: u64) -> Option<Memory> {
    from_statm(&fs::read_to_string(format!("/proc/{pid}/statm")).ok()?, page)
}

/// Resident, of which of files and shared memory, in pages: `proc_pid_statm()`, since 2.6.
fn from_statm(text: &str, page: u64) -> Option<Memory> {
    let mut fields = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (rss, shared) = (fields.next()?.ok()?, fields.next()?.ok()?);
    if rss == 0 {
        return None;
    }
    let bytes = |pages: u64| pages.saturating_mul(page);
    Some(Memory { rss: bytes(rss), anon: bytes(rss.saturating_sub(shared)), hwm: None })
}

/// `/proc/PID/status` as text; of a thread, too.
pub(crate) fn status(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/status")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What `status` says of memory; `RssAnon` is there since 4.5.
pub(crate) fn memory_in(status: &str) -> Option<Memory> {
    Some(Memory {
        rss: kib(status, "VmRSS:")?,
        anon: kib(status, "RssAnon:")?,
        hwm: kib(status, "VmHWM:"),
    })
}

/// The process that a thread belongs to.
pub(crate) fn tgid_in(status: &str) -> Option<u32> {
    field(status, "Tgid:")?.parse().ok()
}

/// `AnonHugePages` of all mappings, bytes; the kernel walks page tables for it. Since 4.14.
pub(crate) fn huge(pid: u32) -> Option<u64> {
    kib(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "AnonHugePages:")
}

/// Bytes of a line in KiB.
fn kib(text: &str, name: &str) -> Option<u64> {
    let value = field(text, name)?.strip_suffix("kB")?.trim_end();
    value.parse::<u64>().ok()?.checked_mul(1024)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// Files that are mapped, each once; `None` when the process is gone or may not be looked at.
pub(crate) fn mapped_files(pid: u32) -> Option<Vec<Vec<u8>>> {
    let maps = fs::read(format!("/proc/{pid}/maps")).ok()?;
    (!maps.is_empty()).then(|| files_in(&maps))
}

/// The sixth field of each line, where it is a path: it begins behind blanks and may hold blanks.
fn files_in(maps: &[u8]) -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = Vec::new();
    for line in maps.split(|&byte| byte == b'\n') {
        let Some(start) = line.iter().position(|&byte| byte == b'/') else { continue };
        if files.last().is_none_or(|last| last != &line[start..]) {
            files.push(line[start..].to_vec());
        }
    }
    files
}

/// Whether the environment of a process preloads this file.
pub(crate) fn preloads(pid: u32, library: &[u8]) -> Option<bool> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|&byte| byte == 0);
    let value = variables.find_map(|variable| variable.strip_prefix(b"LD_PRELOAD="));
    Some(value.is_some_and(|value| value.split(|b| b" :".contains(b)).any(|part| part == library)))
}

/// The program a process runs: where it was found, and a path at which it can be opened.
pub(crate) fn program(pid: u32) -> (Option<PathBuf>, PathBuf) {
    let link = PathBuf::from(format!("/proc/{pid}/exe"));
    (fs::read_link(&link).ok(), link)
}

/// What a process calls itself.
pub(crate) fn comm(pid: u32) -> Option<Vec<u8>> {
    let mut comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    comm.pop_if(|last| *last == b'\n');
    Some(comm)
}

/// When a process began, in ticks since boot: tells it from another one with its number.
pub(crate) fn start(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Whether a process has ended and only waits to be waited for.
pub(crate) fn is_zombie(pid: u32) -> bool {
    let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else { return false };
    let stat = String::from_utf8_lossy(&stat);
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// The children of a process, of all its threads (`CONFIG_PROC_CHILDREN`).
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_memory_is_what_is_resident_and_not_shared() {
        let found = from_statm("1000 300 100 10 0 500 0\n", 4096).unwrap();
        assert_eq!((found.rss, found.anon), (300 * 4096, 200 * 4096));
        // Counters are summed over CPUs one after the other.
        assert_eq!(from_statm("1000 300 301 10 0 500 0\n", 4096).map(|m| m.anon), Some(0));
        // A process that has given its memory back prints zeros.
        assert_eq!(from_statm("0 0 0 0 0 0 0\n", 4096), None);
        assert_eq!(from_statm("", 4096), None);
        assert_eq!(from_statm("x y z", 4096), None);
    }

    #[test]
    fn sizes_of_status_are_kib() {
        let text =
            "Name:\ta\nTgid:\t12\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\nRssAnon:\t 512 kB\n";
        let memory = memory_in(text).unwrap();
        assert_eq!((memory.hwm, memory.rss, memory.anon), (Some(2 << 20), 1 << 20, 512 << 10));
        assert_eq!(tgid_in(text), Some(12));
        assert_eq!(memory_in("VmHWM:\t99999999999999999999 kB\n"), None);
    }

    #[test]
    fn paths_in_maps_may_hold_blanks() {
        let maps = b"55d0-55d1 r--p 00000000 fe:00 12                 /usr/my lib/a.so\n\
                     55d1-55d2 r-xp 00000000 fe:00 12                 /usr/my lib/a.so\n\
                     55d2-55d3 rw-p 00000000 00:00 0                  [heap]\n\
                     55d3-55d4 rw-p 00000000 00:00 0\n";
        assert_eq!(files_in(maps), [b"/usr/my lib/a.so".to_vec()]);
    }

    #[test]
    fn this_process_can_be_looked_at() {
        let own = std::process::id();
        let page = rustix::param::page_size() as u64;
        assert!(statm(own, page).is_some_and(|memory| memory.anon > 0 && memory.anon < memory.rss));
        let status = status(own).unwrap();
        assert_eq!(tgid_in(&status), Some(own));
        assert!(mapped_files(own).is_some_and(|files| !files.is_empty()));
        assert!(start(own).is_some());
    }
}
