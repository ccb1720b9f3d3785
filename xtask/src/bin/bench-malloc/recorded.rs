//! A recorded program: what one play of it costs, and a thousand.

use super::{median, row, sys};
use heap_trace::{Facts, Named, Plan, Setting, Tunables};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

/// Settings of the sweep.
const SETTINGS: usize = 1000;

/// Prints the lines of a trace.
pub(super) fn measure(trace: &Path) -> Result<(), String> {
    let mut plan = Plan::default();
    let mut known = None;
    let mut failed = None;
    let reading = median(|| {
        let begin = sys::cpu_seconds();
        match read(trace) {
            Ok((read, facts, format)) => {
                plan = read;
                known = Some((facts, format));
            }
            Err(why) => failed = Some(why),
        }
        sys::cpu_seconds() - begin
    });
    if let Some(why) = failed {
        return Err(why);
    }
    let (facts, format) = known.ok_or("it was not read")?;
    let calls = plan.steps.len();
    if calls == 0 {
        return Err("it has no call of malloc".to_owned());
    }
    println!();
    println!(
        "{calls} calls, {} threads: {}",
        plan.threads,
        facts.command.as_deref().unwrap_or("a recorded program").lines().next().unwrap_or_default()
    );
    let (rules, space) = (heap_trace::rules_for(&facts), heap_trace::space_for(&facts));
    let setting = Setting::default();
    row("read", calls, reading, "");
    let model = median(|| {
        let begin = sys::cpu_seconds();
        let _ = heap_trace::play(&plan, rules, &setting, space.clone());
        sys::cpu_seconds() - begin
    });
    row("model", calls, model, "");
    let real = median(|| sys::play_plan(&plan));
    row("real", calls, real, "");
    let report = median(|| {
        let begin = sys::cpu_seconds();
        let named = Named { origin: "", format, facts: &facts };
        let _ = heap_trace::report(&plan, named, rules, &setting, &space);
        sys::cpu_seconds() - begin
    });
    row("report", calls, report, "");

    let mut settings = heap_trace::grid(&plan, &Tunables::default());
    settings.truncate(SETTINGS);
    let (wall, cpu) = (Instant::now(), sys::cpu_seconds_of_all());
    let results = heap_trace::sweep(&plan, rules, &settings, &space, |_| {});
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), sys::cpu_seconds_of_all() - cpu);
    row("sweep", calls * settings.len(), cpu, "");
    println!(
        "{} settings, {} of them without an end: {wall:.1} s on {} processors, of which this program had {cpu:.1} s of \
         processor time; most memory it had so far: {}",
        settings.len(),
        results.len(),
        std::thread::available_parallelism().map_or(1, usize::from),
        peak()
    );
    Ok(())
}

fn read(trace: &Path) -> Result<(Plan, Facts, heap_trace::Format), String> {
    let file = File::open(trace).map_err(|err| err.to_string())?;
    let mut ops = heap_trace::open(BufReader::new(file)).map_err(|problem| problem.to_string())?;
    let plan = Plan::new(&mut ops);
    Ok((plan, ops.facts(), ops.format()))
}

/// `VmHWM` of this process, as the kernel prints it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |value| value.trim().to_owned())
}
