//! `/proc/PID/status`, `statm` and `stat`: `task_mem()`, `task_statm()` and `do_task_stat()`.

use std::fmt::Write;

use facts::Release;

use crate::ctx::Task;
use crate::mm::Mm;
use crate::page::{ANON, FILE, PAGE, SHMEM, What, page_align};
use crate::store::Store;
use crate::unsynced::{KINDS, SWAP};

/// A tick of `USER_HZ`, nanoseconds.
const TICK: u64 = 10_000_000;

/// Who a process is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    pub(crate) nice: i8,
    /// When it was started, and how long it has run: nanoseconds.
    pub(crate) started: u64,
    pub(crate) cpu: u64,
    pub(crate) threads: u32,
}

/// Bytes of code (`VmExe`) and of other programs' code (`VmLib`).
fn text_and_lib(mm: &Mm) -> (u64, u64) {
    let (start, end) = mm.segments.code;
    let text = page_align(end).saturating_sub(start & !(PAGE - 1)).min(mm.exec_vm * PAGE);
    (text, mm.exec_vm * PAGE - text)
}

/// `/proc/PID/status`.
pub(crate) fn status(store: &Store, mm: &Mm, task: &Task, who: &Identity) -> Vec<u8> {
    let mut text = String::new();
    let release = store.release();
    let since = |major, minor| release >= Release::new(major, minor);
    let (pid, parent, uid) = (who.pid, who.ppid, task.uid);
    let _ = writeln!(
        text,
        "Name:\t{}\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\n\
         PPid:\t{parent}\nTracerPid:\t0\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n\
         Gid:\t{uid}\t{uid}\t{uid}\t{uid}\nFDSize:\t64\nGroups:\t ",
        who.name
    );
    if since(6, 8) {
        text.push_str("Kthread:\t0\n");
    }
    let mut row = |name: &str, pages: u64, from: bool| {
        if from {
            let _ = writeln!(text, "{name}:\t{:>8} kB", pages * 4);
        }
    };
    let (exe, lib) = text_and_lib(mm);
    let rss = seen(store, mm);
    let of_pool = mm.pages.iter().filter(|(_, _, pte)| pte.what == What::Hugetlb);
    let huge_pool = of_pool.map(|(_, len, _)| len).sum();
    let all = rss[ANON] + rss[FILE] + rss[SHMEM];
    let old_data = mm.total_vm.saturating_sub(mm.stack_vm);
    row("VmPeak", mm.hiwater_vm.max(mm.total_vm), release >= Release::old(2, 6, 15));
    row("VmSize", mm.total_vm, true);
    row("VmLck", mm.locked_vm, true);
    row("VmPin", 0, since(3, 2));
    row("VmHWM", mm.hiwater_rss.max(all), release >= Release::old(2, 6, 15));
    row("VmRSS", all, true);
    row("RssAnon", rss[ANON], since(4, 5));
    row("RssFile", rss[FILE], since(4, 5));
    row("RssShmem", rss[SHMEM], since(4, 5));
    row("VmData", if since(4, 5) { mm.data_vm } else { old_data }, true);
    row("VmStk", mm.stack_vm, true);
    row("VmExe", exe / PAGE, true);
    row("VmLib", lib / PAGE, true);
    let tables = if since(4, 15) { mm.tables.count() } else { mm.tables.level(0) };
    row("VmPTE", tables, release >= Release::old(2, 6, 10));
    row("VmPMD", mm.tables.level(1), since(4, 0) && !since(4, 15));
    row("VmSwap", rss[SWAP], release >= Release::old(2, 6, 34));
    row("HugetlbPages", huge_pool, since(4, 4));
    if since(4, 15) {
        text.push_str("CoreDumping:\t0\n");
    }
    if since(5, 0) {
        text.push_str("THP_enabled:\t1\n");
    }
    let caps: u64 = if task.privileged() { 0x1ff_ffff_ffff } else { 0 };
    let _ = writeln!(
        text,
        "Threads:\t{}\nSigQ:\t0/0\nCapInh:\t{:016x}\nCapPrm:\t{caps:016x}\nCapEff:\t{caps:016x}\n\
         CapBnd:\t{:016x}",
        who.threads, 0, 0x1ff_ffff_ffff_u64
    );
    text.into_bytes()
}

/// `/proc/PID/statm`.
pub(crate) fn statm(store: &Store, mm: &Mm) -> Vec<u8> {
    let since_4_5 = store.release() >= Release::new(4, 5);
    let data = if since_4_5 { mm.data_vm + mm.stack_vm } else { mm.total_vm };
    let text = text_and_lib(mm).0 / PAGE;
    let rss = seen(store, mm);
    let shared = rss[FILE] + rss[SHMEM];
    let all = rss[ANON] + shared;
    format!("{} {all} {shared} {text} 0 {data} 0\n", mm.total_vm).into_bytes()
}

/// Resident pages by kind, and those in swap: what `get_mm_counter()` says up to 6.15, and since 6.16 what
/// there is (`get_mm_counter_sum()`).
fn seen(store: &Store, mm: &Mm) -> [u64; KINDS] {
    let [anon, file, shmem] = mm.rss;
    if store.release() >= Release::new(6, 16) {
        return [anon, file, shmem, mm.swap_entries()];
    }
    [ANON, FILE, SHMEM, SWAP].map(|kind| mm.said(kind))
}

/// `/proc/PID/stat`.
pub(crate) fn stat(store: &Store, mm: &Mm, task: &Task, who: &Identity) -> Vec<u8> {
    let segments = &mm.segments;
    let rss = seen(store, mm)[..SWAP].iter().sum::<u64>();
    let (pid, parent, nice) = (who.pid, who.ppid, i32::from(who.nice));
    format!(
        "{pid} ({}) S {parent} {pid} {pid} 0 -1 4194304 {} 0 {} 0 {} 0 0 0 {} {nice} {} 0 {} {} {} \
         18446744073709551615 {} {} {} 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 {} {} {} 0 0 0 0 0\n",
        who.name,
        task.min_flt,
        task.maj_flt,
        who.cpu / TICK,
        20 + nice,
        who.threads,
        who.started / TICK,
        mm.total_vm * PAGE,
        rss,
        segments.code.0,
        segments.code.1,
        segments.start_stack,
        segments.data.0,
        segments.data.1,
        segments.start_brk,
    )
    .into_bytes()
}
