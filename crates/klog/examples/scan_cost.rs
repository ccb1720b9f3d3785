//! What finding reports costs: gigabytes a second over a log of other lines, beside reading the same
//! file and beside `grep -F` on it, and microseconds for each report.
//!
//! `cargo run --release -p oomph-klog --example scan_cost [MEBIBYTES [LOG…]]` writes a log of that
//! size (1024 by default) into the directory for temporary files, with a report every 64 MiB, and
//! takes the best of nine rounds. Each LOG, or a report of its own without one, is then read over and
//! over.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use oomph_klog::{Scanner, reports};

const ROUNDS: u32 = 9;
const PIECE: usize = 256 << 10;

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let size = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(1024usize) << 20;
    let mut out = io::stdout().lock();
    let path = std::env::temp_dir().join(format!("oomph-scan-cost-{}", std::process::id()));
    let written = write_log(&path, size)?;
    writeln!(out, "{} MiB of other lines, {written} reports", size >> 20)?;
    let result = scan(&mut out, &path, size);
    fs::remove_file(&path)?;
    result?;
    let logs: Vec<String> = args.collect();
    if logs.is_empty() {
        return each(&mut out, "a report of 150 lines", &report(1));
    }
    logs.iter().try_for_each(|log| each(&mut out, log, &fs::read(log)?))
}

fn scan(out: &mut impl Write, path: &Path, size: usize) -> io::Result<()> {
    let mut rate = |what: &str, time: Duration| {
        // Bytes in a nanosecond are gigabytes in a second.
        let hundredths = size as u128 * 100 / time.as_nanos().max(1);
        writeln!(out, "{what:<44}{:>5}.{:02} GB/s", hundredths / 100, hundredths % 100)
    };
    let mut piece = vec![0; PIECE];
    rate(
        "reading alone",
        best(|| {
            in_pieces(path, &mut piece, |text| {
                black_box(text);
            })
        })?,
    )?;
    let grep = best(|| {
        let mut grep = Command::new("grep");
        grep.args(["-c", "-F", "invoked oom-killer"]).arg(path).stdout(Stdio::piped());
        grep.output().map(drop)
    });
    match grep {
        Ok(time) => rate("grep -c -F \"invoked oom-killer\"", time)?,
        Err(error) => writeln!(io::stderr(), "no grep to compare with: {error}")?,
    }
    let mut found = 0;
    let time = best(|| {
        found = 0;
        let mut scanner = Scanner::new();
        let mut count = |_| found += 1;
        in_pieces(path, &mut piece, |text| scanner.feed(text, &mut count))?;
        scanner.finish(&mut count);
        Ok(())
    })?;
    rate(&format!("scanner, {found} reports"), time)?;
    writeln!(out, "peak memory of this program: {} KiB", peak())
}

fn in_pieces(path: &Path, piece: &mut [u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(path)?;
    loop {
        match file.read(piece)? {
            0 => return Ok(()),
            read => each(&piece[..read]),
        }
    }
}

fn best(mut run: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn each(out: &mut impl Write, what: &str, text: &[u8]) -> io::Result<()> {
    const TIMES: u64 = 100;
    let found = reports(text).len();
    let mut least = u64::MAX;
    for _ in 0..ROUNDS {
        let start = on_cpu();
        for _ in 0..TIMES {
            black_box(reports(black_box(text)));
        }
        least = least.min((on_cpu() - start) / TIMES / 1000);
    }
    let lines = text.split(|&b| b == b'\n').count();
    writeln!(out, "{what}: {least} µs on the cpu, {found} reports in {lines} lines")
}

/// Nanoseconds this program has run: others on the machine do not count.
fn on_cpu() -> u64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// Kilobytes at most in memory, of this process.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("?").trim().trim_end_matches(" kB").to_owned()
}

/// Writes lines of a server's log; the number of reports among them.
fn write_log(path: &Path, size: usize) -> io::Result<usize> {
    const LINES: [&str; 6] = [
        "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.7 DST=198.51.100.2 LEN=40 PROTO=TCP SPT=41712 DPT=23",
        "sshd[81234]: Connection closed by authenticating user root 203.0.113.9 port 51234 [preauth]",
        "systemd[1]: Started Session 48213 of User deploy.",
        "kernel: docker0: port 3(veth256dc82) entered forwarding state",
        "nginx: 198.51.100.77 - - \"GET /api/v1/rooms/4711/messages?limit=50 HTTP/1.1\" 200 5316 \"-\"",
        "CRON[70012]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)",
    ];
    let mut file = io::BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut written, mut reports, mut line) = (0, 0, 0usize);
    while written < size {
        if written / (64 << 20) >= reports {
            let text = report(line);
            file.write_all(&text)?;
            written += text.len();
            reports += 1;
        }
        let text = format!("Sep 22 16:22:{:02} web7 {}\n", line % 60, LINES[line % LINES.len()]);
        file.write_all(text.as_bytes())?;
        written += text.len();
        line += 1;
    }
    file.flush()?;
    Ok(reports)
}

/// A report as Linux 6.8 prints it, with a table of 100 tasks.
fn report(number: usize) -> Vec<u8> {
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
    for pid in 500..600 {
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
