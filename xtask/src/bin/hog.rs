//! Touches anonymous memory 256 KiB at a time until the kernel kills somebody for it.
//!
//! After each step it writes `touched BYTES` over the start of `/run/touched`: the steps that were
//! complete before the kill, whoever the victim was. Under strict overcommit no kill comes; then it
//! writes `refused` and ends. It runs in the machines of `cargo xtask capture-vm`, nowhere else.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

const STEP: usize = 256 * 1024;
/// The allocator's header needs a few bytes of the last page: with them a step is 64 whole pages.
const ASK: usize = STEP - 4096;

fn main() -> ExitCode {
    match exhaust() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn exhaust() -> std::io::Result<()> {
    let vmstat = File::open("/proc/vmstat")?;
    let report = File::create("/run/touched")?;
    // Everything is opened and sized beforehand: a step allocates its own memory and no other.
    let mut text = vec![0; 64 * 1024];
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(1 << 16);
    let before = kills(&vmstat, &mut text)?;
    let mut touched: usize = 0;
    loop {
        let mut step = Vec::new();
        if step.try_reserve_exact(ASK).is_err() {
            return report.write_all_at(format!("touched {touched:<12}\nrefused\n").as_bytes(), 0);
        }
        step.resize(ASK, 1_u8);
        held.push(black_box(step));
        if kills(&vmstat, &mut text)? != before {
            return Ok(());
        }
        touched += STEP;
        report.write_all_at(format!("touched {touched:<12}\n").as_bytes(), 0)?;
    }
}

/// How many tasks the kernel has killed for want of memory.
fn kills(vmstat: &File, text: &mut [u8]) -> std::io::Result<u64> {
    let length = vmstat.read_at(text, 0)?;
    let text = text.get(..length).unwrap_or_default();
    let count = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"oom_kill "));
    Ok(count
        .unwrap_or_default()
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0, |sum: u64, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))))
}
