//! `oomph map` as a user meets it, on address spaces of the last twenty years and on hostile ones.
//! `UPDATE_EXPECT=1 cargo test -p oomph --test map` rewrites the pictures.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use expect_test::{ExpectFile, expect_file};

fn oomph(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.args(args).env_clear().env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command.output().expect("the program starts")
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

/// A directory shaped like /proc with one process, 7, that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str, comm: &str, file: &str, text: impl AsRef<[u8]>) -> Dir {
        let path = std::env::temp_dir().join(format!("oomph-map-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("7")).expect("a temporary directory");
        fs::write(path.join("version"), "Linux version 2.6.18 (a@b) (gcc) #1\n").expect("a file");
        let stat = format!(
            "7 ({comm}) S 0 7 7 0 -1 4194304 0 0 0 0 1 1 0 0 20 0 1 0 100 4096000 250 \
             18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        fs::write(path.join("7/stat"), stat).expect("a file");
        fs::write(path.join("7").join(file), text).expect("a file");
        Dir(path)
    }

    fn map(&self, args: &[&str]) -> String {
        let from = self.0.to_str().expect("UTF-8");
        let all: Vec<&str> = ["map", "7", "--from", from].iter().chain(args).copied().collect();
        // The directory's name differs from run to run; a shorter one shortens no line.
        stdout(&oomph(&all)).replace(from, "DIR")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn published(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/maps").join(name);
    fs::read_to_string(path.with_extension("maps")).expect("published maps")
}

fn check(name: &str, comm: &str, expected: &ExpectFile) {
    let dir = Dir::new(name, comm, "maps", published(name));
    let picture = dir.map(&[]);
    let text: Vec<&str> = picture.lines().filter(|line| !line.contains("DIR")).collect();
    expected.assert_eq(&(text.join("\n") + "\n"));
}

#[test]
fn published_address_spaces_are_drawn() {
    check("cat-i386", "cat", &expect_file!["snapshots/map-cat-i386.txt"]);
    check("loop-i386", "loop", &expect_file!["snapshots/map-loop-i386.txt"]);
    check("init-i386", "init", &expect_file!["snapshots/map-init-i386.txt"]);
    check("memtest-i386", "memtest", &expect_file!["snapshots/map-memtest-i386.txt"]);
    check("memtest-x86_64", "memtest", &expect_file!["snapshots/map-memtest-x86_64.txt"]);
}

#[test]
fn six_block_regions_hold_3056_blocks() {
    // Each malloc(1 MiB) is a mapping of 0x101000 bytes; neighbours merge.
    let dir = Dir::new("blocks", "loop", "maps", published("loop-i386"));
    let report: serde_json::Value = serde_json::from_str(&dir.map(&["--json"])).expect("JSON");
    let blocks: u64 = report["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|item| item["region"]["segment"] == "anonymous")
        .map(|item| item["region"]["size"].as_u64().expect("bytes") / 0x10_1000)
        .sum();
    assert_eq!(blocks, 3056);
}

const SMAPS: &str = "\
00400000-00401000 r-xp 00000000 08:01 7                                  /bin/x
Size:                  4 kB
Rss:                   4 kB
Shared_Clean:          4 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:         0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me 
00401000-00402000 rwxp 00001000 08:01 7                                  /bin/x
Size:                  4 kB
Rss:                   4 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:         4 kB
Swap:                  0 kB
VmFlags: rd wr ex mr mw me ac 
00500000-04500000 rw-p 00000000 00:00 0                                  [heap]
Size:              65536 kB
Rss:               24576 kB
Shared_Clean:       4096 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:     20480 kB
Swap:              16384 kB
VmFlags: rd wr mr mw me ac zz 
7ffffff00000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
Size:               1020 kB
Rss:                   0 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:         0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me gd ac 
";

#[test]
fn boxes_are_filled_as_smaps_says() {
    let dir = Dir::new("fill", "x", "smaps", SMAPS);
    expect_file!["snapshots/map-fill.txt"].assert_eq(&dir.map(&[]));
    expect_file!["snapshots/map-fill-linear-ascending.txt"]
        .assert_eq(&dir.map(&["--linear", "--ascending"]));
    expect_file!["snapshots/map-locate.txt"].assert_eq(&dir.map(&["--locate", "0x401abc"]));
    // The line that names the directory is cut where the picture ends.
    let svg = dir.map(&["--svg", "-"]);
    let lines: Vec<&str> = svg.lines().filter(|line| !line.contains("in 4 regions")).collect();
    expect_file!["snapshots/map-fill.svg"].assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn hostile_names_stay_names() {
    let maps = b"08048000-0804c000 r-xp 00000000 16:41 130592 /bin/<b>\"&\x1b[2J\xff \xe2\x80\xae\\012 (deleted)\n\
        0804c000-0804d000 rw-p 00000000 16:41 9 /lib/]]>--><script>alert(1)</script>.so\n";
    let dir = Dir::new("hostile", "<i>&\x1b]0;x", "maps", maps);
    for args in [&[][..], &["--svg", "-"], &["--json"]] {
        let text = dir.map(args);
        let wild = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!text.contains(wild), "{args:?}: {text}");
    }
    let svg = dir.map(&["--svg", "-"]);
    assert!(!svg.contains("<script") && !svg.contains("<b>") && !svg.contains("<i>"), "{svg}");
}

/// Regions and gaps in turn, each of the sizes seen in real programs.
fn many(regions: u64) -> String {
    let mut maps = String::new();
    let mut at = 0x1_0000_u64;
    for i in 0..regions {
        let end = at + (1 + i * i % 61) * 4096;
        let perms = ["rw-p", "r--p", "---p"][usize::try_from(i % 3).expect("small")];
        let _ = writeln!(maps, "{at:08x}-{end:08x} {perms} 00000000 00:00 0 ");
        at = end + (i % 5) * 4096;
    }
    maps
}

#[test]
fn thousands_of_regions_are_drawn_together_and_none_is_lost() {
    let dir = Dir::new("many", "many", "maps", many(8000));
    let picture = dir.map(&[]);
    assert!(picture.lines().count() < 400, "{}", picture.lines().count());
    // Those that are told in a title, and those drawn one by one.
    let told: usize = picture
        .lines()
        .filter_map(|line| {
            let words = line.split_once("┌ ").or_else(|| line.split_once("├ "))?.1;
            let (number, rest) = words.split_once(" region")?;
            rest.starts_with(['s', ' '])
                .then(|| number.replace(' ', "").parse::<usize>().expect("number"))
        })
        .sum();
    let drawn = picture
        .lines()
        .filter(|line| [" rw-p ", " r--p ", " ---p "].iter().any(|perms| line.contains(perms)))
        .count();
    assert_eq!(told + drawn, 8000, "{picture}");
    assert_eq!(dir.map(&["--all"]).matches("-p ").count(), 8000);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let fill = Dir::new("narrow", "x", "smaps", SMAPS);
    let from = fill.0.to_str().expect("UTF-8");
    for columns in [40, 60, 80, 200] {
        let output = Command::new(env!("CARGO_BIN_EXE_oomph"))
            .args(["map", "7", "--from", from])
            .env_clear()
            .env("LC_ALL", "C")
            .env("COLUMNS", columns.to_string())
            .output()
            .expect("the program starts");
        let text = stdout(&output);
        assert!(text.is_ascii());
        for line in text.lines() {
            assert!(line.len() <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn our_own_address_space_is_drawn_with_every_region() {
    let pid = std::process::id().to_string();
    let report = oomph(&["map", &pid, "--json"]);
    let report: serde_json::Value = serde_json::from_str(stdout(&report)).expect("JSON");
    let items = report["items"].as_array().expect("items");
    let names = |name: &str| items.iter().any(|item| item["region"]["name"] == name);
    assert!(names("[stack]") && items.iter().any(|i| i["region"]["segment"] == "program"));
    let mut at = 0;
    for item in items {
        let item = item.get("region").or_else(|| item.get("gap")).expect("one of two");
        let address = |field: &str| {
            let text = item[field].as_str().expect("an address").trim_start_matches("0x");
            u64::from_str_radix(text, 16).expect("hexadecimal")
        };
        assert_eq!(address("start"), at);
        at = address("end");
    }
    assert!(stdout(&oomph(&["map", &pid])).contains("stack"));
}

#[test]
fn what_is_not_there_is_said() {
    let dir = Dir::new("absent", "x", "maps", SMAPS.lines().next().expect("a line"));
    let from = dir.0.to_str().expect("UTF-8");
    let refused = |args: &[&str]| {
        let output = oomph(args);
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let gone = refused(&["map", "8", "--from", from]);
    assert!(gone.starts_with("error: no process 8 in directory"), "{gone}");
    assert!(refused(&["map", "7", "--locate", "stack"]).contains("hexadecimal address"));
    assert!(refused(&["map"]).contains("<PID>"));
    // A last line without its end was cut, and is not believed.
    let picture = dir.map(&[]);
    assert!(picture.contains("a whole line (the text ends inside this one)"), "{picture}");
}

#[test]
fn the_machines_memory_is_drawn_or_it_is_said_who_may_see_it() {
    let text = oomph(&["map", "--physical"]);
    let text = stdout(&text);
    assert!(text.contains("Zones"), "{text}");
    assert!(
        text.contains("System RAM") || text.contains("root") || text.contains("Not read"),
        "{text}"
    );
    let svg = oomph(&["map", "--physical", "--svg", "-"]);
    let svg = stdout(&svg);
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("Zones"),
        "{svg}"
    );
}

/// A process that holds still, and ends with the test.
struct Still(std::process::Child);

impl Still {
    fn new() -> Still {
        let mut child = Command::new("sh")
            .args(["-c", "echo ready; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut line = [0; 6];
        std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut line)
            .expect("a line");
        // It is still once it waits in the read of `cat`, under that name.
        let stat = format!("/proc/{}/stat", child.id());
        while !fs::read_to_string(&stat).expect("a process").contains("(cat) S") {
            std::thread::yield_now();
        }
        Still(child)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn pages_in_memory_are_what_the_kernel_counts_as_resident() {
    let still = Still::new();
    let pid = still.0.id().to_string();
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(stdout(&oomph(args))).expect("JSON")
    };
    let pages = json(&["map", &pid, "--pages", "--json"]);
    let map = json(&["map", &pid, "--json"]);
    let mut compared = 0;
    for region in pages["regions"].as_array().expect("regions") {
        // Pages of the kernel and of devices are in page tables and in no count.
        let segment = region["segment"].as_str().expect("a word");
        if matches!(segment, "vvar" | "vdso" | "vsyscall" | "device") {
            continue;
        }
        let items = map["items"].as_array().expect("items");
        let same = items.iter().find(|item| item["region"]["start"] == region["start"]);
        let fill = &same.expect("the region in the map")["region"]["fill"];
        let bytes = |value: &serde_json::Value| value.as_u64().expect("bytes");
        let totals = &region["totals"];
        assert_eq!(
            bytes(&totals["anon"]) + bytes(&totals["file"]),
            bytes(&fill["private"]) + bytes(&fill["shared"]),
            "{region}"
        );
        assert_eq!(bytes(&totals["swapped"]), bytes(&fill["swapped"]), "{region}");
        compared += 1;
    }
    assert!(compared > 5, "{pages}");
}

#[test]
fn single_pages_of_a_capture_are_not_invented() {
    let dir = Dir::new("pages", "x", "smaps", SMAPS);
    let output = oomph(&["map", "7", "--pages", "--from", dir.0.to_str().expect("UTF-8")]);
    let words = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(words.contains("does not tell of single pages"), "{words}");
}
