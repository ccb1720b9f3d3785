//! A report as the kernel of a release prints it, without prefixes.
//!
//! The simulator's kernel log is printed here, and every row of the formats has its sample here:
//! what is printed is read back without loss.
//!
//! # What it follows
//! `dump_header()`, `oom_kill_process()`, `__oom_kill_process()` and `dump_tasks()` in
//! `mm/oom_kill.c`; `show_free_areas()` and `show_mem()` in `mm/page_alloc.c`, `lib/show_mem.c` and,
//! since 6.5, `mm/show_mem.c`; `mem_cgroup_print_oom_meminfo()` in `mm/memcontrol.c`; 2.6.9 to 7.1.
//! A release in which a line changed is that of the first tree it was seen in; in gaps between the
//! trees that were looked at it may be one or two releases early or late.
//!
//! # What it leaves out
//! Fields that are `None`, fields the release does not print, and addresses in the call trace.

mod header;
mod kill;
mod memcg;
mod memory;
pub mod rows;

#[cfg(test)]
pub(crate) mod sample;
mod tasks;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod variants;

use facts::Release;
use facts::oom_report::OomReport;

/// The lines of a report, each with its newline. A task's or group's name is printed byte for byte,
/// so the text need not be UTF-8.
pub fn print(report: &OomReport, release: Release) -> Vec<u8> {
    let mut out = Printer { text: Vec::with_capacity(16 << 10), release };
    out.header(report);
    out.reporter(&report.reporter);
    if let Some(memcg) = &report.memcg {
        out.memcg(memcg);
    }
    if let Some(memory) = &report.memory {
        out.memory(memory);
    }
    if let Some(slab) = &report.slab {
        out.slab(slab);
    }
    if let Some(protection) = &report.protection {
        out.protection(*protection);
    }
    if let Some(tasks) = &report.tasks {
        out.tasks(tasks);
    }
    out.killing(report);
    out.text
}

/// The text so far, and the release it is printed for.
struct Printer {
    text: Vec<u8>,
    release: Release,
}

/// A release since 3.0.
const fn v(major: u16, minor: u16) -> Release {
    Release::new(major, minor)
}

/// A release of 2.6.
const fn v2(patch: u16) -> Release {
    Release::old(2, 6, patch)
}

impl Printer {
    /// The release is this one or later.
    fn since(&self, release: Release) -> bool {
        self.release >= release
    }

    /// The release is before this one.
    fn before(&self, release: Release) -> bool {
        self.release < release
    }

    fn put(&mut self, text: impl AsRef<[u8]>) {
        self.text.extend_from_slice(text.as_ref());
    }

    fn line(&mut self, text: impl AsRef<[u8]>) {
        self.put(text);
        self.end();
    }

    fn end(&mut self) {
        self.text.push(b'\n');
    }
}
