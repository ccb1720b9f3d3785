//! `cargo xtask fence-vm`: `oomph lab --on model,host` on machines with cgroups of version 2.
//!
//! The lab's fence is a cgroup of the machine that it runs on. Each kernel boots in QEMU as a machine of
//! somebody's own: a disk, swap, cgroups of version 2, a shell in a session. There [`CASES`] are performed one
//! after the other, among them such as cannot be: without the right to make cgroups, without limits of memory
//! below the session's parent, without swap, and by a lab that is killed meanwhile. Behind each of them no
//! program may be left, and no cgroup but where the case says so.

use std::path::PathBuf;
use std::time::Duration;

use lab::vm::cpio::Cpio;
use lab::vm::debian::{Arch, Archive, Kernel};

use super::machines::{Machine, PLAIN};
use super::{qemu, read, show_end_of, stop, system, told};
use crate::{Stop, needs, repository};

const INIT: &[u8] = include_bytes!("guest/fence.sh");
/// All cases take a minute or two.
const LIMIT: Duration = Duration::from_secs(900);
const KERNELS: &[&str] = &["6.1", "6.12"];

/// What is performed in a machine.
struct Case {
    name: &'static str,
    /// The words of a shell.
    words: &'static str,
    /// `None`: what is compared may be too far apart.
    exit: Option<u8>,
    /// What is printed among other things.
    says: &'static [&'static str],
    /// Fences that stay, for the next lab to remove.
    fences: u32,
}

const EQUAL: Case = Case {
    name: "",
    words: "",
    exit: Some(0),
    says: &["EQUAL: within what is allowed", "Who was killed", "on host: "],
    fences: 0,
};

const CASES: &[Case] = &[
    Case { name: "limit", words: "oomph lab /49-* --on model,host", ..EQUAL },
    Case {
        name: "swap",
        // khugepaged puts huge pages together while the scenario sleeps, and the model does not.
        words: "echo never >$HUGE; oomph lab /50-* --on model,host; exit=$?; echo always >$HUGE; (exit $exit)",
        ..EQUAL
    },
    Case { name: "nested", words: "oomph lab /51-* --on model,host", ..EQUAL },
    Case { name: "group", words: "oomph lab /52-* --on model,host", ..EQUAL },
    Case {
        name: "pressure",
        words: "oomph lab /90-* --on model,host",
        // Nobody is killed.
        says: &["EQUAL: within what is allowed", "memory.pressure.some.woken at-least 5: yes"],
        ..EQUAL
    },
    Case {
        name: "delegated",
        words: "echo 0 >$CG/user/session/cgroup.procs; su -s /bin/sh www -c 'oomph lab /49-* --on model,host'",
        // Only root may read the kernel's log.
        says: &[
            "EQUAL: within what is allowed",
            "Who was killed",
            "host expect log constraint memcg: not here",
        ],
        ..EQUAL
    },
    Case {
        name: "not-allowed",
        words: "su -s /bin/sh www -c 'oomph lab /49-* --on host'",
        says: &["cannot make the cgroup", "Permission denied"],
        ..EQUAL
    },
    Case {
        name: "no-limits-there",
        words: "echo -memory >$CG/user/cgroup.subtree_control; echo 0 >$CG/user/session/cgroup.procs; \
                oomph lab /49-* --on host; echo +memory >$CG/user/cgroup.subtree_control",
        says: &["have no limits of memory"],
        ..EQUAL
    },
    Case {
        name: "no-swap",
        words: "swapoff /dev/zram0; oomph lab /50-* --on host; swapon /dev/zram0",
        says: &["of swap, and this one 0 MiB"],
        ..EQUAL
    },
    Case {
        name: "killed",
        words: "oomph lab /49-* --on host & lab=$!; \
                until grep -q . $CG/oomph-lab-$lab-0/web/cgroup.procs 2>/dev/null; do sleep 0.1; done; \
                kill -9 $lab; wait $lab; true",
        says: &[],
        fences: 1,
        ..EQUAL
    },
    Case { name: "afterwards", words: "oomph lab /51-* --on model,host", ..EQUAL },
];

/// What a case came to.
#[derive(Debug, Default)]
struct Outcome {
    printed: Vec<String>,
    exit: Option<u8>,
    programs: Option<u32>,
    fences: Option<u32>,
}

/// Performs the cases that `args` name, or all.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let (mut kernels, mut names, mut program, mut shows) = (Vec::new(), Vec::new(), None, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--kernel" => kernels.push(args.next().ok_or("--kernel needs a series")?.as_str()),
            "--oomph" => program = Some(PathBuf::from(args.next().ok_or("--oomph needs a file")?)),
            "--show" => shows = true,
            name => names.push(name),
        }
    }
    let cases: Vec<&Case> =
        CASES.iter().filter(|case| names.is_empty() || names.contains(&case.name)).collect();
    if let Some(name) = names.iter().find(|name| !CASES.iter().any(|case| case.name == **name)) {
        let all: Vec<_> = CASES.iter().map(|case| case.name).collect();
        return Err(format!("there is no case `{name}`; there are {}", all.join(", ")));
    }
    let absent = needs::provide(&[qemu::need(Arch::Amd64)]);
    if let Some(need) = absent.first() {
        return Err(format!("{} is missing, package {}", need.program, need.package));
    }
    let cache = repository::target().join("vm");
    let program = match program {
        Some(program) => program,
        None => super::build(&cache, "oomph", "oomph")?,
    };
    let program = read(&program)?;
    let archive = Archive::new(Arch::Amd64, &lab::vm::debian::cache().map_err(stop)?);
    let mut held = true;
    for series in if kernels.is_empty() { KERNELS } else { &kernels } {
        let kernel = archive.kernel(series, &mut told()).map_err(stop)?;
        println!("== {}", kernel.package);
        let initial = initial_files(&archive, &kernel, &program, &cases)?;
        let scratch = qemu::Scratch::new(&cache)?;
        let machine = Machine { memory_mib: 1024, file_mib: 64, ..PLAIN };
        let booted = qemu::boot(&machine, &kernel.image, &initial, &scratch, LIMIT);
        let text = String::from_utf8_lossy(&scratch.read("capture")?).into_owned();
        for case in &cases {
            held &= judge(case, &outcome(&text, case.name), shows);
        }
        let console = String::from_utf8_lossy(&scratch.read("console")?).into_owned();
        if booted.is_err() || !console.contains("guest: finished") {
            show_end_of(&console);
        }
        booted?;
    }
    Ok(held)
}

fn initial_files(
    archive: &Archive,
    kernel: &Kernel,
    program: &[u8],
    cases: &[&Case],
) -> Result<Vec<u8>, Stop> {
    let (mut cpio, modules): (Cpio, _) = system(archive, kernel, &["lzo_rle", "lz4", "zram"])?;
    cpio.program("init", INIT);
    cpio.program("bin/oomph", program);
    let names: Vec<_> = modules.iter().map(|(name, _)| name.as_str()).collect();
    cpio.file("params", format!("MODULES='{}'\n", names.join(" ")).as_bytes());
    let lines = cases.iter().map(|case| format!("{} {}\n", case.name, case.words));
    cpio.file("cases", lines.collect::<String>().as_bytes());
    for name in [
        "49-cgroup-limit.kdl",
        "50-cgroup-limit-with-swap.kdl",
        "51-nested-limits.kdl",
        "52-oom-group.kdl",
        "90-who-is-told-of-pressure.kdl",
    ] {
        cpio.file(name, &read(&repository::root().join("scenarios").join(name))?);
    }
    Ok(cpio.finish())
}

/// What stands behind `case NAME`.
fn outcome(text: &str, name: &str) -> Outcome {
    let mut found = Outcome::default();
    let head = format!("case {name}");
    let lines = text.lines().map(str::trim_end);
    for line in lines.skip_while(|line| *line != head).skip(1) {
        let number = |what: &str| line.strip_prefix(what).map(str::trim);
        if let Some(code) = number("exit ") {
            found.exit = code.parse().ok();
        } else if let Some(count) = number("left programs ") {
            found.programs = count.parse().ok();
        } else if let Some(count) = number("left cgroups ") {
            found.fences = count.parse().ok();
            break;
        } else {
            found.printed.push(line.to_owned());
        }
    }
    found
}

/// Prints whether a case came to what it should, and if not, or if it `shows` them all, what was printed.
fn judge(case: &Case, outcome: &Outcome, shows: bool) -> bool {
    // Sentences are broken where lines end.
    let all = outcome.printed.join(" ");
    let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed = |words: &str| all.contains(words);
    let mut wrong: Vec<String> = Vec::new();
    let mut number = |what: &str, found: Option<u32>, wanted: u32| {
        if found != Some(wanted) {
            let found = found.map_or("nothing".to_owned(), |found| found.to_string());
            wrong.push(format!("{what}: {found}, expected {wanted}"));
        }
    };
    if let Some(exit) = case.exit {
        number("exit", outcome.exit.map(u32::from), exit.into());
    }
    number("programs left", outcome.programs, 0);
    number("cgroups left", outcome.fences, case.fences);
    wrong.extend(
        case.says.iter().filter(|words| !printed(words)).map(|words| format!("no `{words}`")),
    );
    let held = wrong.is_empty();
    println!("{}: {}", case.name, if held { "as expected".to_owned() } else { wrong.join("; ") });
    if shows || !held {
        for line in &outcome.printed {
            println!("  | {line}");
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
case limit\r
EQUAL: within what is allowed, in 131 steps; all 10\r
  claims hold.\r
Who was killed for lack of memory\r
  on host: web\r
exit 0\r
left programs 0\r
left cgroups 0\r
case killed\r
exit 1\r
left programs 2\r
left cgroups 1\r
";

    fn case(name: &str) -> &'static Case {
        CASES.iter().find(|case| case.name == name).unwrap_or(&CASES[0])
    }

    #[test]
    fn a_case_is_what_stands_behind_its_name() {
        let found = outcome(TEXT, "killed");
        assert_eq!((found.exit, found.programs, found.fences), (Some(1), Some(2), Some(1)));
        assert!(found.printed.is_empty());
        assert!(outcome(TEXT, "limit").printed.len() == 4);
    }

    #[test]
    fn a_program_that_is_left_is_not_as_expected() {
        assert!(judge(case("limit"), &outcome(TEXT, "limit"), false));
        assert!(!judge(case("killed"), &outcome(TEXT, "killed"), false));
        assert!(!judge(case("group"), &outcome(TEXT, "group"), false), "never performed");
    }
}
