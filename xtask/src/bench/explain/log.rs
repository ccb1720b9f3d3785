//! The log that is read: lines of a server, and reports among them.

use std::io::{self, Write};

/// From one report to the next.
const BETWEEN: usize = 64 << 20;

/// Writes so many bytes, in pieces of a mebibyte or more; the number of reports among them.
pub(super) fn write(into: &mut dyn Write, size: usize) -> io::Result<usize> {
    const LINES: [&str; 6] = [
        "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.7 DST=198.51.100.2 LEN=40 PROTO=TCP SPT=41712 DPT=23",
        "sshd[81234]: Connection closed by authenticating user root 203.0.113.9 port 51234 [preauth]",
        "systemd[1]: Started Session 48213 of User deploy.",
        "kernel: docker0: port 3(veth256dc82) entered forwarding state",
        "nginx: 198.51.100.77 - - \"GET /api/v1/rooms/4711/messages?limit=50 HTTP/1.1\" 200 5316 \"-\"",
        "CRON[70012]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    ];
    let mut piece = Vec::with_capacity(2 << 20);
    let (mut written, mut reports, mut line) = (0, 0, 0usize);
    while written < size {
        piece.clear();
        if written / BETWEEN >= reports {
            piece.extend_from_slice(&report(line, 100));
            reports += 1;
        }
        while piece.len() < 1 << 20 {
            writeln!(piece, "Sep 22 16:22:{:02} web7 {}", line % 60, LINES[line % LINES.len()])?;
            line += 1;
        }
        into.write_all(&piece)?;
        written += piece.len();
    }
    into.flush()?;
    Ok(reports)
}

/// A report as Linux 6.8 prints it, with a table of so many tasks.
pub(super) fn report(number: usize, tasks: usize) -> Vec<u8> {
    let mut lines = vec![
        "java invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0".to_owned(),
        "CPU: 3 PID: 4711 Comm: java Not tainted 6.8.0-50-generic #51-Ubuntu".to_owned(),
        "Call Trace:".to_owned(),
    ];
    for frame in
        ["dump_stack_lvl", "dump_header", "oom_kill_process", "out_of_memory", "do_user_addr_fault"]
    {
        lines.push(format!(" {frame}+0x76/0xa0"));
    }
    lines.push("Mem-Info:".to_owned());
    for counters in [
        "active_anon:1188242 inactive_anon:2426193 isolated_anon:0",
        " active_file:51 inactive_file:569 isolated_file:0",
        " unevictable:170 dirty:0 writeback:0",
        " slab_reclaimable:12144 slab_unreclaimable:29054",
        " mapped:16222 shmem:21579 pagetables:11237",
        " sec_pagetables:0 bounce:0",
        " kernel_misc_reclaimable:0",
        " free:33089 free_pcp:2144 free_cma:0",
    ] {
        lines.push(counters.to_owned());
    }
    for zone in ["DMA", "DMA32", "Normal"] {
        lines.push(format!("Node 0 {zone} free:59036kB boost:0kB min:59236kB low:74044kB high:88852kB reserved_highatomic:0KB active_anon:3831976kB inactive_anon:8849716kB active_file:204kB inactive_file:2276kB unevictable:680kB writepending:0kB present:13618688kB managed:13270156kB mlocked:80kB bounce:0kB free_pcp:7124kB local_pcp:0kB free_cma:0kB"));
        lines.push("lowmem_reserve[]: 0 0 12959 12959 12959".to_owned());
    }
    for zone in ["DMA", "DMA32", "Normal"] {
        lines.push(format!("Node 0 {zone}: 2*4kB (UM) 651*8kB (U) 1488*16kB (UE) 491*32kB (UE) 104*64kB (UE) 39*128kB (UE) 6*256kB (U) 1*512kB (U) 0*1024kB 0*2048kB 0*4096kB = 58432kB"));
    }
    for rest in [
        "24128 total pagecache pages",
        "1945 pages in swap cache",
        "Free swap  = 0kB",
        "Total swap = 1048572kB",
        "3892604 pages RAM",
        "0 pages HighMem/MovableOnly",
        "104366 pages reserved",
        "0 pages hwpoisoned",
        "Tasks state (memory values in pages):",
    ] {
        lines.push(rest.to_owned());
    }
    lines.push("[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name".to_owned());
    for pid in 500..500 + tasks {
        lines.push(format!("[{pid:>7}]  1000 {pid:>5}    11496      352      288       64         0    81920        0             0 task{pid}"));
    }
    lines.push("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/user.slice,task=java,pid=4711,uid=1000".to_owned());
    lines.push(format!("Out of memory: Killed process {} (java) total-vm:14682724kB, anon-rss:13556964kB, file-rss:200kB, shmem-rss:0kB, UID:1000 pgtables:28576kB oom_score_adj:0", 4711 + number % 7));
    let mut text = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        text.extend_from_slice(
            format!("Sep 22 16:22:28 web7 kernel: [  842.{at:06}] {line}\n").as_bytes(),
        );
    }
    text
}
