//! `oomph lab` as a user calls it: scenarios on the model and on this kernel, mistakes on its command
//! line, worlds that cannot be had.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_oomph"))
        .arg("lab")
        .args(arguments)
        .env_remove("COLUMNS")
        .env("LC_ALL", "C.UTF-8")
        // No kernel of the user's is used, and none is fetched.
        .env("XDG_CACHE_HOME", "/nowhere")
        .output()
        .expect("oomph starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A scenario of this test, in a file.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("oomph-lab-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a folder for files");
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path in words")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Whether processes of the scenario may be had here, or the reason printed.
#[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
fn skipped(output: &Output) -> bool {
    let said = text(&output.stderr);
    // Some containers forbid what the host's world needs.
    let skipped = said.contains("cannot run the scenario here");
    if skipped {
        println!("skipped: {said}");
    }
    skipped
}

#[test]
fn what_the_c_library_asks_for_is_performed_on_this_kernel() {
    let file = File::new(
        "malloc.kdl",
        "runs-on model host
process demo {
    malloc small 50KiB
    touch small
    malloc wall 10
    realloc small 90KiB
    expect heap.Rss is 108KiB
    malloc large 300KiB
    touch large
    realloc large 600KiB
    checkpoint grown
    expect large.Rss is 300KiB
    fork child { free small; checkpoint below }
    wait child
    free large
    free wall
    checkpoint freed
}
",
    );
    let both = lab(&["--on", "model,host", file.path()]);
    if skipped(&both) {
        return;
    }
    let said = text(&both.stdout);
    assert!(said.starts_with("EQUAL: in 17 steps; all 4 claims hold.\n"), "{said}");
    assert_eq!(both.status.code(), Some(0));
}

const SMALL: &str = "runs-on model host
process demo {
    mmap block 64KiB
    touch block 3 pages
    expect block.Rss is 12KiB
    munmap block
}
";

#[test]
fn a_scenario_is_the_same_on_the_model_and_on_this_kernel() {
    let file = File::new("small.kdl", SMALL);
    let both = lab(&["--on", "model,host", file.path()]);
    if skipped(&both) {
        return;
    }
    let said = text(&both.stdout);
    assert_eq!(both.status.code(), Some(0), "{said}{}", text(&both.stderr));
    let first = said.lines().next().unwrap_or_default();
    assert!(first == "EQUAL: in 4 steps; all 2 claims hold.", "{said}");
    assert!(said.contains("  =    4  demo  write 0x"), "{said}");
}

#[test]
fn as_json_it_names_both_worlds_and_every_step() {
    let file = File::new("json.kdl", SMALL);
    let both = lab(&["--json", file.path()]);
    if skipped(&both) {
        return;
    }
    let report: serde_json::Value = serde_json::from_slice(&both.stdout).expect("JSON");
    assert_eq!(report["schema"], "oomph.comparison/2");
    assert_eq!(report["arms"][0]["arm"], "model");
    assert_eq!(report["arms"][1]["arm"], "host");
    assert_eq!(report["equal"], true);
    let steps = report["steps"].as_array().expect("steps");
    assert!(steps.iter().all(|step| step["values"].as_array().is_some_and(|all| all.len() == 2)));
    assert_eq!(report["quantities"].as_array().map(Vec::len), Some(0));
}

#[test]
fn the_page_is_written_beside_the_text() {
    let file = File::new("page.kdl", SMALL);
    let page = File::new("page.html", "");
    let one = lab(&["--on", "model", "--html", page.path(), file.path()]);
    if skipped(&one) {
        return;
    }
    assert_eq!(one.status.code(), Some(0), "{}", text(&one.stderr));
    assert!(text(&one.stdout).starts_with("ONE WORLD ONLY: "), "{}", text(&one.stdout));
    let html = std::fs::read_to_string(&page.0).expect("a page");
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("write 0x"), "{html}");
    let several = lab(&["--html", page.path(), file.path(), file.path()]);
    assert_eq!(several.status.code(), Some(1));
    assert!(text(&several.stderr).contains("makes the page of one scenario"));
}

#[test]
fn a_claim_that_does_not_hold_is_told_by_the_exit_code() {
    let wrong = SMALL.replace("is 12KiB", "is 16KiB");
    let file = File::new("wrong.kdl", &wrong);
    let both = lab(&["--on", "model", file.path()]);
    if skipped(&both) {
        return;
    }
    assert_eq!(both.status.code(), Some(1));
    let said = text(&both.stdout);
    assert!(said.contains("line 5 on model: wanted "), "{said}");
}

#[test]
fn a_world_that_the_scenario_leaves_out_is_said_to_be_left_out() {
    for (says, why) in [
        ("runs-on model vm\n", "on host: the scenario's `runs-on` leaves it out"),
        ("", "on host: without cgroups, nothing keeps the scenario from"),
    ] {
        let file = File::new("model.kdl", &SMALL.replace("runs-on model host\n", says));
        let both = lab(&["--on", "model,host", file.path()]);
        let said = text(&both.stdout);
        assert!(said.contains(why), "{said}");
        assert!(said.starts_with("ONE WORLD ONLY: "), "{said}");
        assert_eq!(both.status.code(), Some(0));
    }
}

#[test]
fn a_world_that_is_none_is_named_with_those_that_are() {
    for (world, why) in [
        ("mars", "it is model, host, vm:KERNEL or recorded:PATH"),
        ("vm:six", "behind `vm:` comes a series such as 6.1"),
        ("vm:", "behind `vm:` comes a series such as 6.1"),
        ("vm:6.1-i386", "is for x86-64"),
    ] {
        let refused = lab(&["--on", world, "nothing.kdl"]);
        assert_eq!(refused.status.code(), Some(2), "{world}");
        let said = text(&refused.stderr);
        assert!(said.contains(why), "{world}: {said}");
    }
}

#[test]
fn a_kernel_that_is_not_there_is_a_sentence_or_the_emulator_is() {
    let file = File::new("vm.kdl", "runs-on model vm\nprocess demo {\n    mmap block 1MiB\n}\n");
    let refused = lab(&["--on", "vm:/nowhere/vmlinuz", file.path()]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    let known =
        ["there is no kernel `/nowhere/vmlinuz`", "`qemu-system-x86_64` is missing", "actor"];
    assert!(known.iter().any(|words| said.contains(words)), "{said}");
}

#[test]
fn a_folder_for_kernels_that_cannot_be_made_is_named() {
    if Path::new("/nowhere").exists() {
        return;
    }
    let file = File::new("cache.kdl", "runs-on vm\nprocess demo {\n    mmap block 1MiB\n}\n");
    // Root could make the folder; nobody can make one below a file.
    let refused = Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(["lab", "--on", "vm:6.1", file.path()])
        .env("XDG_CACHE_HOME", file.path())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("oomph starts");
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    let known = ["cannot create `", "`qemu-system-x86_64` is missing", "actor", "cannot start apt"];
    assert!(known.iter().any(|words| said.contains(words)), "{said}");
}

/// The emulator that a process has started, if it has.
fn emulator_of(parent: u32) -> Option<u32> {
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.into_iter().find(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(") ") else { return false };
        let is_child = rest.split(' ').nth(1) == Some(&parent.to_string());
        is_child && name.contains("(qemu-system-")
    })
}

/// Whether a process runs; one that is dead and not yet waited for does not.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[test]
#[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
fn the_emulator_dies_with_the_lab() {
    use lab::vm::debian::{Arch, Archive, cache};
    let kernel = cache().ok().and_then(|cache| Archive::new(Arch::Amd64, &cache).cached("6.1"));
    if let Some(why) = lab::vm::unavailable() {
        println!("skipped: {why}");
        return;
    }
    let Some(kernel) = kernel else {
        println!("skipped: there is no kernel 6.1 in the cache");
        return;
    };
    let file = File::new("sleep.kdl", "runs-on vm\nprocess demo {\n    sleep 600s\n}\n");
    let world = format!("vm:{}", kernel.image.display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(["lab", "--on", &world, file.path()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("oomph starts");
    let pause = || std::thread::sleep(std::time::Duration::from_millis(50));
    // The first one may be a trial of KVM, which ends by itself.
    let emulator = (0..600).find_map(|_| {
        pause();
        emulator_of(child.id())
    });
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    let emulator = emulator.expect("an emulator");
    assert!((0..600).any(|_| {
        pause();
        !runs(emulator)
    }));
}
