//! `oomph explain` over several reports, other programs' lines, many logs, and logs that grow.

mod fed;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use expect_test::expect_file;

/// A report of a real kernel.
fn kill_log(capture: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    fs::read_to_string(root.join(capture).join("kill.log")).expect("a log of a real kernel")
}

fn captures() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures");
    let entries = fs::read_dir(root).expect("tests/data/captures").filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("kill.log").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.args(args).env_clear().env("LC_ALL", "C.UTF-8").env("COLUMNS", "80");
    command
}

fn oomph(args: &[&str], input: &str) -> Output {
    fed::run(&mut command(args), input.as_bytes())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A directory of its own that goes away with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("oomph-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        Place(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A day of a machine as syslog keeps it: kills of the kernel and what others say of them, a kill of
/// systemd-oomd, one of earlyoom, reports that were left out, and a reboot.
fn day() -> String {
    let container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let report = |time: &str, boot: u32, pid: u32, name: &str, group: &str, mib: u32| {
        let kb = mib * 1024;
        let pages = mib * 256;
        let lines = [
            format!("{name} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"),
            "Tasks state (memory values in pages):".to_owned(),
            "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name".to_owned(),
            format!("[ {pid:6}]  1000 {pid:5} {pages:8} {pages:8} {pages:8} 0 0 65536 0 0 {name}"),
            format!("[    900]     0   900 {0:8} {0:8} {0:8} 0 0 65536 0 0 agent", boot * 10),
            format!("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg={group},task={name},pid={pid},uid=1000"),
            format!("Out of memory: Killed process {pid} ({name}) total-vm:{kb}kB, anon-rss:{kb}kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:64kB oom_score_adj:0"),
        ];
        lines.map(|line| format!("Mar  4 {time} box kernel: [{boot:5}.000000] {line}\n")).concat()
    };
    let says = |time: &str, line: &str| format!("Mar  4 {time} box {line}\n");
    [
        report("05:00:00", 1000, 41, "shop", "/system.slice/shop.service", 700),
        says("05:00:00", "systemd[1]: shop.service: A process of this unit has been killed by the OOM killer."),
        says("05:00:00", "systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL"),
        says("05:00:00", "systemd[1]: shop.service: Failed with result 'oom-kill'."),
        says("05:00:05", "CRON[7]: (root) CMD (true)").repeat(80),
        says("06:00:00", "systemd-oomd[70]: Killed /user.slice/game.scope due to memory pressure for /user.slice being 81.00% > 50.00% for > 20s with reclaim activity"),
        says("06:00:00", "systemd[900]: game.scope: systemd-oomd killed 3 process(es) in this unit."),
        says("06:30:00", "earlyoom[5]: mem avail:   120 of  7800 MiB ( 1.54%), swap free:    0 of    0 MiB ( 0.00%)"),
        says("06:30:00", "earlyoom[5]: low memory! at or below SIGTERM limits: mem 10.00%, swap 10.00%"),
        says("06:30:00", "earlyoom[5]: sending SIGTERM to process 77 uid 1000 \"tab\": oom_score 801, oom_score_adj 300, VmRSS 512 MiB, cmdline \"tab\""),
        says("06:30:05", "CRON[7]: (root) CMD (true)").repeat(80),
        report("07:00:00", 8200, 42, "shop", "/system.slice/shop.service", 900),
        report("07:00:03", 8203, 43, "web", &format!("/kubepods/cri-{container}.scope"), 300),
        says("07:00:04", &format!("containerd[9]: time=\"2025\" level=info msg=\"TaskOOM event container_id:\\\"{container}\\\"\"")),
        says("07:00:08", "kernel: [ 8208.000000] oom_kill_process: 12 callbacks suppressed"),
        says("07:00:08", "kernel: [ 8208.000000] Out of memory: Killed process 44 (web) total-vm:1024kB, anon-rss:1024kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:64kB oom_score_adj:0"),
        says("07:30:00", "systemd[1]: other.service: A process of this unit has been killed by the OOM killer."),
        says("07:30:05", "CRON[7]: (root) CMD (true)").repeat(80),
        report("08:00:00", 60, 45, "shop", "/system.slice/shop.service", 800),
    ]
    .concat()
}

#[test]
fn a_day_is_told_as_one_story() {
    let output = oomph(&["explain", "--timeline", "-"], &day());
    assert!(output.status.success(), "{output:?}");
    let path = format!("{}/tests/snapshots/incidents-day.txt", env!("CARGO_MANIFEST_DIR"));
    expect_file![path].assert_eq(text(&output.stdout));
    // The same before the last report in full.
    let full = oomph(&["explain", "-"], &day());
    assert!(text(&full.stdout).starts_with(text(&output.stdout)));
    assert!(text(&full.stdout).contains("\nReport 5 of 5\nKILLED: "));
}

#[test]
fn the_csv_of_a_day_has_a_line_for_each_kill() {
    let output = oomph(&["explain", "--csv", "-"], &day());
    let path = format!("{}/tests/snapshots/incidents-day.csv", env!("CARGO_MANIFEST_DIR"));
    expect_file![path].assert_eq(&text(&output.stdout).replace("\r\n", "\n"));
    assert_eq!(text(&output.stdout).matches("\r\n").count(), 8);
}

#[test]
fn a_timeline_is_json_too() {
    let output = oomph(&["explain", "--timeline", "--json", "-"], &day());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["schema"], "oomph.timeline/1");
    assert_eq!(report["incidents"].as_array().map(Vec::len), Some(7));
    assert_eq!(report["incidents"][1]["killer"]["other"], "systemd_oomd");
    assert_eq!(report["incidents"][0]["echoes"][0]["joined_by"], "unit");
    assert_eq!(report["boots"], 2);
}

/// The fields of RFC 4180.
fn fields(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let row = rows.last_mut().expect("a row");
        let field = row.last_mut().expect("a field");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {
                chars.next();
                rows.push(vec![String::new()]);
            }
            c => field.push(c),
        }
    }
    rows.pop();
    rows
}

#[test]
fn names_with_commas_quotes_and_escapes_stay_one_field() {
    let hostile = day().replace("shop.service", "a,b\"c=\x1b[2Jd.service");
    let output = oomph(&["explain", "--csv", "-"], &hostile);
    assert!(!text(&output.stdout).contains('\x1b'));
    let rows = fields(text(&output.stdout));
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{rows:?}");
    let column = rows[0].iter().position(|name| name == "victim_cgroup").expect("the column");
    assert_eq!(rows[1][column], "/system.slice/a,b\"c=\\x1b[2Jd.service");
}

#[test]
fn many_logs_are_told_in_their_order() {
    let place = Place::new("many");
    let mut args = vec!["explain".to_owned(), "--csv".to_owned()];
    let mut expected = Vec::new();
    for round in 0..4 {
        for (at, capture) in captures().iter().enumerate() {
            let path = place.file(&format!("{round}-{at}.log"));
            // Of different lengths, so that threads end in another order than they began.
            let noise = "[    1.000000] usb 1-1: new device\n".repeat((9 - at % 9) * 2000);
            fs::write(&path, noise + &kill_log(capture)).expect("a log");
            args.push(path.to_str().expect("UTF-8").to_owned());
            expected.push(path.to_str().expect("UTF-8").to_owned());
        }
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = oomph(&args, "");
    assert!(output.status.success(), "{output:?}");
    let logs: Vec<String> =
        fields(text(&output.stdout)).into_iter().skip(1).map(|mut row| row.remove(0)).collect();
    assert_eq!(logs, expected);
    assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
    // And by name on the screen.
    let args: Vec<&str> = args.iter().copied().filter(|arg| *arg != "--csv").collect();
    let listed = oomph(&args, "");
    let shown: Vec<&str> =
        text(&listed.stdout).lines().filter(|line| line.starts_with('/')).collect();
    assert_eq!(shown, expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_log_that_is_missing_stops_and_is_named() {
    let output = oomph(&["explain", "--csv", "-", "/nonexistent/kern.log"], &day());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: cannot read `/nonexistent/kern.log`\n"));
}

/// Reads lines until one begins so, and returns it.
fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, start: &str) -> String {
    lines.map(|line| line.expect("a line")).find(|line| line.starts_with(start)).expect("the line")
}

struct Following {
    child: Child,
    out: std::io::Lines<BufReader<ChildStdout>>,
    talk: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

fn following(log: &str) -> Following {
    let mut child = command(&["explain", "--follow", log])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("oomph starts");
    let out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut talk = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    until(&mut talk, "following ");
    Following { child, out, talk }
}

#[test]
fn a_report_is_explained_as_soon_as_it_has_ended_and_half_of_one_at_the_end() {
    let mut live = following("-");
    let mut input = live.child.stdin.take().expect("a pipe");
    let log = kill_log(&captures()[0]);
    // In two halves, and nothing after it: only quiet tells that it has ended.
    let (head, tail) = log.split_at(log.len() / 2);
    input.write_all(head.as_bytes()).unwrap();
    input.write_all(tail.as_bytes()).unwrap();
    until(&mut live.out, "KILLED: ");
    input.write_all(head.as_bytes()).unwrap();
    drop(input);
    until(&mut live.out, "Report 2");
    assert!(live.child.wait().unwrap().success());
    assert!(live.talk.next().is_none());
}

#[test]
fn a_file_is_followed_across_its_rotation_until_an_interrupt() {
    let place = Place::new("follow");
    let path = place.file("kern.log");
    fs::write(&path, kill_log(&captures()[1])).unwrap();
    let mut live = following(path.to_str().expect("UTF-8"));
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(kill_log(&captures()[0]).as_bytes()).unwrap();
    // What was there before is not told.
    assert_eq!(until(&mut live.out, "Report "), "Report 1");
    until(&mut live.out, "KILLED: ");
    fs::rename(&path, place.file("kern.log.1")).unwrap();
    File::create(&path).unwrap().write_all(kill_log(&captures()[2]).as_bytes()).unwrap();
    assert_eq!(until(&mut live.out, "Report "), "Report 2");
    until(&mut live.out, "KILLED: ");
    let pid = i32::try_from(live.child.id()).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::INT).unwrap();
    assert!(live.child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_ends_it_though_nothing_happens() {
    let live = following("-");
    let Following { mut child, out, talk } = live;
    let input = child.stdin.take();
    drop(out);
    assert!(child.wait().unwrap().success());
    drop((input, talk));
}

/// A `journalctl` that says what it was asked for in a file, and prints a log.
fn journalctl(place: &Place, log: &str) {
    fs::write(place.file("journal.txt"), log).unwrap();
    let dir = place.0.display();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{dir}/asked'\nwhile IFS= read -r line; do printf '%s\\n' \"$line\"; done < '{dir}/journal.txt'\n"
    );
    let path = place.file("journalctl");
    // Written under another name: a program that is open for writing cannot be started.
    fs::write(place.file("script"), script).unwrap();
    fs::set_permissions(place.file("script"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(place.file("script"), path).unwrap();
}

#[test]
fn without_a_file_the_journal_is_read_with_the_lines_of_others() {
    let place = Place::new("journal");
    journalctl(&place, &day());
    let output = command(&["explain"]).env("PATH", &place.0).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains("+ systemd: killed by the kernel: shop.service"));
    let asked = fs::read_to_string(place.file("asked")).unwrap();
    let last = asked.lines().last().expect("it was asked");
    for word in ["--boot", "_TRANSPORT=kernel", "SYSLOG_IDENTIFIER=systemd-oomd"] {
        assert!(last.contains(word), "{last}");
    }
    let file = place.file("system@1.journal");
    fs::write(&file, "LPKSHHRH").unwrap();
    let file = file.to_str().expect("UTF-8");
    let output = command(&["explain", file]).env("PATH", &place.0).output().unwrap();
    assert!(text(&output.stdout).contains("Report 5 of 5"), "{output:?}");
    let asked = fs::read_to_string(place.file("asked")).unwrap();
    assert!(asked.lines().last().expect("it was asked").contains(&format!("--file={file}")));
}

#[test]
fn a_journal_without_its_program_is_told_in_words() {
    let place = Place::new("no-journal");
    let file = place.file("system.journal");
    fs::write(&file, "LPKSHHRH").unwrap();
    let file = file.to_str().expect("UTF-8");
    let output = command(&["explain", file]).env("PATH", &place.0).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("caused by: cannot run journalctl, which reads the journal"), "{said}");
    assert!(said.contains("hint: "), "{said}");
}
