//! `oomph usage` on this machine and on captures.
#![expect(clippy::print_stdout, reason = "tests say what was compared and what was skipped")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn oomph(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.arg("usage").args(args).env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    oomph(args).output().expect("the program starts")
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn report(args: &[&str]) -> Value {
    let output = run(&[args, &["--json"]].concat());
    serde_json::from_str(&text(&output)).expect("JSON")
}

/// A directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("oomph-usage-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary directory");
        Dir(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that has mapped these files and read every page of them; `None` without Python.
fn mapping_process(files: &[String]) -> Option<Running> {
    let script = "import mmap, sys\n\
                  held = []\n\
                  for path in sys.argv[1:]:\n\
                  \x20   with open(path, 'rb') as f:\n\
                  \x20       m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n\
                  \x20       sum(m[i] for i in range(0, len(m), 4096))\n\
                  \x20       held.append(m)\n\
                  print('ready', flush=True)\n\
                  sys.stdin.read()\n";
    let child = Command::new("python3")
        .args(["-c", script])
        .args(files)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut running = Running(child.ok()?);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take()?).read_line(&mut line).ok()?;
    (line == "ready\n").then_some(running)
}

/// Whole 64 KiB, to the nearest: the kernel drops fractions of a KiB.
fn units_of_64(bytes: u64) -> u64 {
    (bytes + (32 << 10)) >> 16
}

/// The example of `docs/usage.md` with three real processes and three files of known sizes: 64 times
/// as large, so that they are whole pages on every machine.
#[test]
fn private_memory_and_parts_of_what_is_shared_add_up_to_250_kib() {
    let dir = Dir::new("example");
    let file = |name: &str, kib: usize| {
        let path = dir.path(name);
        fs::write(&path, vec![b'x'; (64 * kib) << 10]).expect("a file");
        path
    };
    let (one, two, three) = (file("one", 100), file("two", 200), file("three", 150));
    let all = [vec![one, two.clone(), three.clone()], vec![two, three.clone()], vec![three]];
    let processes: Option<Vec<Running>> = all.iter().map(|files| mapping_process(files)).collect();
    let Some(processes) = processes else {
        println!("skipped: there is no python3");
        return;
    };
    let pattern = format!("oomph-usage-{}-example/", std::process::id());
    let report = report(&["--mapping", &pattern]);
    let sizes: BTreeMap<u64, (u64, u64, u64)> = report["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| {
            // Those that could not be read have no sizes.
            let kib = |name: &str| Some(units_of_64(row[name].as_u64()?));
            Some((row["pid"].as_u64()?, (kib("uss")?, kib("pss")?, kib("rss")?)))
        })
        .collect();
    let found: Vec<_> = processes.iter().map(|p| sizes.get(&p.0.id().into()).copied()).collect();
    assert_eq!(found, [Some((100, 250, 450)), Some((0, 150, 350)), Some((0, 50, 150))]);
    assert_eq!(report["total"]["pss"].as_u64().map(units_of_64), Some(450));

    let by = self::report(&["--by", "mapping", "--mapping", &pattern]);
    let users: Vec<_> = by["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["processes"].as_u64(), row["pss"].as_u64().map(units_of_64)))
        .collect();
    assert_eq!(users, [(Some(2), Some(200)), (Some(3), Some(150)), (Some(1), Some(100))]);
}

/// A process with as many mappings as it is allowed, but no more than 60,000; how many.
fn process_of_many_mappings() -> Option<(Running, u64)> {
    // Neighbours that may be used differently stay two mappings.
    let script = "import mmap, sys\n\
                  held, uses = [], [mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE]\n\
                  kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS\n\
                  try:\n\
                  \x20   for i in range(60000):\n\
                  \x20       held.append(mmap.mmap(-1, mmap.PAGESIZE, kind, uses[i % 2]))\n\
                  except OSError: del held[-100:]\n\
                  print(len(held), flush=True)\n\
                  sys.stdin.read()\n";
    let child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut running = Running(child.ok()?);
    let mut line = String::new();
    BufReader::new(running.0.stdout.take()?).read_line(&mut line).ok()?;
    Some((running, line.trim().parse().ok()?))
}

/// The kernel gives the program no more than 8 MiB to write to (`RLIMIT_DATA`, private mappings
/// since 4.7), and lets it read a process whose `smaps` is five times as long.
#[test]
fn eight_mib_are_enough_however_many_mappings_a_process_has() {
    let Some((process, count)) = process_of_many_mappings() else {
        println!("skipped: there is no python3");
        return;
    };
    if count < 30_000 {
        println!("skipped: a process may have only {count} mappings here");
        return;
    }
    let limited = |args: &[&str]| -> Value {
        let output = Command::new("sh")
            .args(["-c", "ulimit -d 8192 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_oomph")])
            .args(["usage", "--json", "--max-stall", "60000"])
            .args(args)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .expect("sh starts");
        serde_json::from_str(&text(&output)).expect("JSON")
    };
    let by_name = limited(&["--by", "mapping"]);
    let rows = by_name["rows"].as_array().expect("rows");
    let mappings: u64 = rows.iter().filter_map(|row| row["mappings"].as_u64()).sum();
    assert!(mappings >= count, "{mappings} mappings, of {count} in one process");

    let own = u64::from(process.0.id());
    for args in [&[][..], &["--mapping", "."]] {
        let report = limited(args);
        let rows = report["rows"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["pid"].as_u64() == Some(own));
        assert!(row.is_some_and(|row| row["pss"].is_u64()), "{row:?}");
    }
}

/// What one look at this machine says, and what the kernel counted before and after it, in KiB.
#[derive(Debug)]
struct Sum {
    /// What all processes but the program itself have a share in.
    others: i64,
    /// What processes that may not be read have at most, if that is known.
    unread: Option<i64>,
    before: i64,
    after: i64,
}

impl Sum {
    /// Whether the shares are what was counted, within half a percent and what changed meanwhile.
    fn adds_up(&self) -> bool {
        let counted = i64::midpoint(self.before, self.after);
        let slack = counted / 200 + (self.before - self.after).abs();
        self.others <= counted + slack
            && self.unread.is_none_or(|unread| self.others + unread >= counted - slack)
    }
}

/// `None` where the kernel tells no shares.
fn sum_of_shares() -> Option<Sum> {
    let counted = || -> i64 {
        let text = fs::read_to_string("/proc/meminfo").expect("meminfo");
        let field = |name: &str| -> i64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the field");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        field("AnonPages:") + field("Mapped:")
    };
    let before = counted();
    let child = oomph(&["--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the program starts");
    let own = u64::from(child.id());
    let output = child.wait_with_output().expect("the program ends");
    let after = counted();
    let report: Value = serde_json::from_str(&text(&output)).expect("JSON");
    if report["check"].is_null() {
        return None;
    }
    let kib = |value: &Value| i64::try_from(value.as_u64()? / 1024).ok();
    // What the program alone had mapped was counted neither before nor after it ran.
    let rows = report["rows"].as_array().expect("rows");
    let itself = rows.iter().find(|row| row["pid"].as_u64() == Some(own)).expect("its own row");
    let others = kib(&report["total"]["pss"]).expect("a sum") - kib(&itself["uss"]).expect("a uss");
    let unread =
        if report["unread"].is_null() { Some(0) } else { kib(&report["unread"]["at_most"]) };
    Some(Sum { others, unread, before, after })
}

/// All shares together are what the kernel counts as mapped, on a machine that is still.
#[test]
fn shares_add_up_to_what_the_kernel_counts() {
    let mut seen = Vec::new();
    for _ in 0..20 {
        let Some(sum) = sum_of_shares() else {
            println!("skipped: this kernel tells no shares");
            return;
        };
        if sum.adds_up() {
            return;
        }
        seen.push(sum);
    }
    // Other containers' processes are in the machine's counters and not in this namespace.
    if fs::read_link("/proc/self/ns/pid")
        .is_ok_and(|link| link.to_str() != Some("pid:[4026531836]"))
    {
        println!("skipped: not the first pid namespace: {seen:?}");
        return;
    }
    panic!("KiB of shares, unread, and counted before and after: {seen:?}");
}

#[test]
fn every_grouping_and_format_works_on_this_machine() {
    for by in ["process", "program", "user", "cgroup", "unit", "mapping", "tree"] {
        let shown = text(&run(&["--by", by, "--top", "3"]));
        assert!(shown.starts_with("Memory by "), "{shown}");
        let report = report(&["--by", by]);
        assert_eq!(report["schema"], "oomph.usage/1");
        assert_eq!(report["by"], by);
        assert!(!report["rows"].as_array().expect("rows").is_empty());
        let csv = text(&run(&["--by", by, "--csv"]));
        assert!(csv.starts_with("pid,user,unit,"), "{csv}");
    }
    let own = report(&["--name", "^oomph$"]);
    assert_eq!(own["rows"][0]["name"], "oomph");
    assert!(own["check"].is_null());
}

#[test]
fn a_picture_is_written_beside_the_answer() {
    let dir = Dir::new("picture");
    let file = dir.path("usage.svg");
    text(&run(&["--by", "program", "--svg", &file]));
    let picture = fs::read_to_string(&file).expect("the picture");
    assert!(picture.starts_with("<svg xmlns=") && picture.ends_with("</svg>\n"));
    let refused = run(&["--svg", &dir.path("no/such/usage.svg")]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    for (args, code, words) in [
        (&["--name", "("][..], 1, "`--name` is not a regular expression"),
        (&["--sort", "frob"], 2, "expected one of pid, user, unit"),
        (&["--watch", "0"], 2, "expected seconds from 0.1 to 86400"),
        (&["--by", "moon"], 2, "possible values: process, program"),
    ] {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn strict_is_3_where_a_share_is_unknown() {
    let dir = Dir::new("strict");
    let file = |path: &str, text: &str| {
        let path = dir.path(path);
        fs::create_dir_all(PathBuf::from(&path).parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    file("meminfo", "MemTotal: 1048576 kB\n");
    let tail = "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
    let stat =
        format!("77 (x) S 0 1 1 0 -1 4194304 0 0 0 0 1 1 0 0 20 0 1 0 100 4096000 250 {tail}\n");
    file("77/stat", &stat);
    file("77/status", "Name:\tx\nUid:\t0\t0\t0\t0\nVmRSS:\t1000 kB\nRssAnon:\t600 kB\n");
    let from = dir.path("");
    let output = run(&["--from", &from]);
    let shown = text(&output);
    assert!(shown.contains("≤1000Ki"), "{shown}");
    assert!(shown.contains("1 process, at most 1000 KiB: not there"), "{shown}");
    assert_eq!(run(&["--from", &from, "--strict"]).status.code(), Some(3));
    file("77/smaps_rollup", "1-2 ---p 0 0:0 0 [rollup]\nRss: 1000 kB\nPss: 500 kB\n");
    let shown = text(&run(&["--from", &from, "--strict"]));
    assert!(shown.contains("500Ki"), "{shown}");
}

#[test]
fn watching_ends_when_nobody_reads() {
    let mut watching = oomph(&["--watch", "0.1", "--top", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = watching.stdout.take().expect("its output");
    let mut some = [0; 64];
    out.read_exact(&mut some).expect("a first round");
    drop(out);
    let status = watching.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_capture_of_smemcap_is_read() {
    let Ok(output) = Command::new("smemcap").stderr(Stdio::null()).output() else {
        println!("skipped: there is no smemcap");
        return;
    };
    let dir = Dir::new("smemcap");
    let tar = dir.path("smemcap.tar");
    fs::File::create(&tar).and_then(|mut f| f.write_all(&output.stdout)).expect("the capture");
    let report = report(&["--from", &tar]);
    let row = &report["rows"][0];
    assert!(row["pss"].is_u64() || row["unread"].is_object(), "{row}");
    // At least what smemcap itself had, whoever is asking.
    assert!(report["total"]["pss"].as_u64() > Some(64 << 10), "{}", report["total"]);
    let by = self::report(&["--from", &tar, "--by", "mapping"]);
    assert_eq!(by["total"]["pss"], report["total"]["pss"], "all mappings are all processes");
}

/// Captures of other kernels: what all mappings add up to is what all processes do.
#[test]
fn captures_of_other_kernels_add_up() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let mut with_shares = 0;
    for entry in fs::read_dir(dir).expect("the captures") {
        let tar = entry.expect("a capture").path().join("capture.tar");
        let Some(from) = tar.to_str().filter(|_| tar.exists()) else { continue };
        let processes = report(&["--from", from]);
        let mappings = report(&["--from", from, "--by", "mapping"]);
        let total = |report: &Value, size: &str| report["total"][size].as_u64();
        for size in ["uss", "rss"] {
            assert_eq!(total(&processes, size), total(&mappings, size), "{from}: {size}");
        }
        // `smaps` rounds the share of each mapping down to a KiB, `smaps_rollup` only the sum.
        let of_mappings = total(&mappings, "pss").expect("a total");
        let of_processes = total(&processes, "pss").expect("a total");
        let lost = of_processes.checked_sub(of_mappings).expect("rounding loses, it never adds");
        assert!(lost <= of_processes / 500, "{from}: {of_mappings} of {of_processes}");
        let rows = processes["rows"].as_array().expect("rows");
        with_shares += usize::from(rows.iter().any(|row| row["pss"].as_u64() > Some(0)));
        let counted = processes["check"]["percent"].as_f64();
        println!("{from}: {} processes, {counted:?} % of what is mapped", rows.len());
    }
    assert!(with_shares > 0, "some capture has shares");
}

/// As nobody: other users' processes have bounds and none is dropped.
#[test]
fn other_users_processes_have_bounds() {
    let root = fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    });
    let setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    if !root || !setpriv {
        println!("skipped: needs root and setpriv");
        return;
    }
    // A copy where everybody may run it.
    let dir = Dir::new("nobody");
    let program = dir.path("oomph");
    fs::copy(env!("CARGO_BIN_EXE_oomph"), &program).expect("a copy");
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", &program, "usage", "--json"])
        .stdin(Stdio::null())
        .output()
        .expect("setpriv starts");
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return;
    };
    let mine = std::process::id();
    let rows = report["rows"].as_array().expect("rows");
    let Some(row) = rows.iter().find(|row| row["pid"].as_u64() == Some(mine.into())) else {
        println!("skipped: the processes of others are hidden");
        return;
    };
    assert!(row["pss"].is_null(), "{row}");
    assert!(row["unread"]["at_most"].as_u64() > Some(0), "{row}");
    assert_eq!(row["unread"]["why"][0], "permission denied");
}
