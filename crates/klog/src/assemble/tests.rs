//! What belongs together, and what does not.

use facts::oom_report::Reporter;

use crate::reports;

/// Who reported, behind a header and before a table that make it a report.
fn reporter(lines: &str) -> Reporter {
    let text = format!(
        "cc1 invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0\n{lines}\nCall Trace:\n \
         [<ffffffff8151a000>] dump_stack+0x19/0x1b\n\
         Out of memory: Kill process 7 (cc1) score 9 or sacrifice child\n"
    );
    let mut all = reports(text.as_bytes());
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).report.reporter
}

/// As kernels to 4.8 print the stack below the machine's name, here without times.
const WORDS: &str = "ffff880221a3d000 00000000deadbeef ffff88021fb03b08 ffffffff8151a000\n \
                     ffff88021fb03b98 ffffffff81515f50 0000000000000206 ffffffff81062f20";

#[test]
fn words_of_a_stack_are_no_part_of_the_machines_name() {
    let cpu = "CPU: 3 PID: 7 Comm: cc1 Not tainted 3.12.0 #4";
    let hardware = "Hardware name: Maker Model/Board, BIOS 1.0 01/02/2014";
    for lines in [
        format!("{cpu}\n{hardware}\n {WORDS}"),
        format!("{cpu}\n{hardware} \n{WORDS}"),
        format!("\"{cpu}\",\n\"{hardware}\",\n\" {}\",", WORDS.replace('\n', "\",\n\"")),
        format!("> {cpu}\n> {hardware}\n> {}", WORDS.replace('\n', "\n> ")),
    ] {
        let reporter = reporter(&lines);
        let name = reporter.hardware.as_ref().map(ToString::to_string);
        assert_eq!(name.as_deref(), Some("Maker Model/Board, BIOS 1.0 01/02/2014"), "{lines}");
        assert_eq!(reporter.trace.len(), 1);
    }
}

#[test]
fn words_of_a_stack_are_no_part_of_the_version() {
    for cpu in [
        "CPU: 3 PID: 7 Comm: cc1 Not tainted 3.12.0 #4",
        "Pid: 7, comm: cc1 Tainted: G        W    3.12.0 #4",
    ] {
        for lines in [format!("{cpu}\n{WORDS}"), format!("{cpu} \n {WORDS}")] {
            let version = reporter(&lines).version.map(|version| version.to_string());
            assert_eq!(version.as_deref(), Some("3.12.0 #4"), "{lines}");
        }
    }
}

#[test]
fn a_version_and_a_machines_name_that_were_wrapped_are_whole() {
    let lines = "CPU: 3 PID: 7 Comm: cc1 Not tainted \n3.12.0-9-generic #4-Maker\n\
                 Hardware name: Maker Model/Board,\nBIOS 1.0 01/02/2014\n ";
    let reporter = reporter(&format!("{lines}{WORDS}"));
    let text = |name: &Option<facts::Name>| name.as_ref().map(ToString::to_string);
    assert_eq!(text(&reporter.version).as_deref(), Some("3.12.0-9-generic #4-Maker"));
    let hardware = "Maker Model/Board, BIOS 1.0 01/02/2014";
    assert_eq!(text(&reporter.hardware).as_deref(), Some(hardware));
}
