//! `cargo xtask fuzz-malloc`: the model of the allocator beside the real one.
//!
//! Random traces are played on the machine's own C library by a small driver and on the model.
//! Compared are every address, absolute, with randomisation off; what `malloc_usable_size` says
//! of it; all ten fields of `mallinfo2`; the texts of `malloc_stats` and `malloc_info`; and with
//! `--strace` every memory system call with arguments and result.

mod compare;
mod mix;
mod op;
mod play;
mod real;

use crate::{Stop, needs};
use compare::Setting;
use malloc::Rules;
use mix::{Mix, Plan};
use real::Library;
use std::path::Path;

const GCC: needs::Need =
    needs::Need { program: "gcc", package: "gcc", why: "builds the driver of the real malloc" };
const STRACE: needs::Need =
    needs::Need { program: "strace", package: "strace", why: "lists the memory system calls" };

/// Runs the comparison.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    let mut ops = 1_000_000_usize;
    let mut seed = 1;
    let mut strace = false;
    let mut mixes = Mix::ALL.to_vec();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            "--ops" => ops = parse(value()?)?,
            "--seed" => seed = parse(value()?)?,
            "--mix" => {
                let name = value()?;
                mixes.retain(|mix| mix.name() == name);
            }
            "--strace" => strace = true,
            other => return Err(format!("fuzz-malloc does not know `{other}`")),
        }
    }
    if let Some(need) = needs::provide(if strace { &[GCC, STRACE] } else { &[GCC] }).first() {
        return Err(format!("{} is missing, package {}", need.program, need.package));
    }
    let library = Library::build(
        Rules::GLIBC_2_36,
        Path::new("/lib/x86_64-linux-gnu/libc.so.6"),
        Path::new("/lib64/ld-linux-x86-64.so.2"),
    )?;
    let mut done = 0;
    let mut setting = Setting::new(&library);
    setting.strace = strace;
    while done < ops {
        for mix in &mixes {
            let plan = Plan::new(*mix, seed, ops.min(300_000));
            let trace = plan.trace();
            match setting.compare(&trace)? {
                Ok(equal) => {
                    println!(
                        "{:<6} seed {seed}: {} ops, {} calls equal",
                        mix.name(),
                        equal.ops,
                        equal.calls
                    );
                }
                Err(difference) => {
                    println!(
                        "{:<6} seed {seed}: op {:?}: {}",
                        mix.name(),
                        difference.at,
                        difference.text
                    );
                    return Ok(false);
                }
            }
            done += trace.len();
        }
        seed += 1;
    }
    Ok(true)
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Stop> {
    text.parse().map_err(|_| format!("expected a number, found `{text}`"))
}
