//! `cargo xtask fuzz-malloc`: the model of the allocator beside the real one.
//!
//! Random traces are played on the machine's own C library by a small driver and on the model.
//! Compared are every address, absolute, with randomisation off; what `malloc_usable_size` says
//! of it; all ten fields of `mallinfo2`; the texts of `malloc_stats` and `malloc_info`; and with
//! `--strace` every memory system call with arguments and result.

mod compare;
mod directed;
mod library;
mod misuse;
mod mix;
#[cfg(feature = "mutants")]
mod mutants;
mod op;
mod play;
mod real;
mod scenario;
mod shrink;
#[cfg(test)]
mod tests;

use crate::{Stop, needs, repository};
use compare::{Equal, Setting};
use library::ORIGINS;
use malloc::Rules;
use mix::Mix;
use op::Op;
use real::Library;
use std::env;

const GCC: needs::Need =
    needs::Need { program: "gcc", package: "gcc", why: "builds the driver of the real malloc" };
const STRACE: needs::Need =
    needs::Need { program: "strace", package: "strace", why: "lists the memory system calls" };

/// What the command line says.
struct Options {
    ops: u64,
    seed: u64,
    mixes: Vec<Mix>,
    strace: bool,
    /// Releases, all there are if empty.
    releases: Vec<String>,
    /// Part of the name of a kind of traces.
    only: String,
    fetch: bool,
    #[cfg(feature = "mutants")]
    mutants: bool,
    /// Operations of one trace.
    length: usize,
}

/// Set for the run that does the work.
const INNER: &str = "OOMPH_FUZZ_MALLOC";

/// Runs the comparison, by this chore built with optimisation, and for `--mutants` with rules
/// that can be broken.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    if env::var_os(INNER).is_none() {
        let mut cargo = repository::cargo();
        cargo.args(["run", "--quiet", "--release", "--package", "xtask", "--bin", "xtask"]);
        if args.iter().any(|arg| arg == "--mutants") {
            cargo.args(["--features", "mutants"]);
        }
        cargo.args(["--", "fuzz-malloc"]).args(args).env(INNER, "1");
        let status = cargo.status().map_err(|err| format!("cannot start cargo: {err}"))?;
        return Ok(status.success());
    }
    let done = compare(args);
    real::clean();
    done
}

fn compare(args: &[String]) -> Result<bool, Stop> {
    let options = options(args)?;
    let needed: &[_] = if options.strace { &[GCC, STRACE] } else { &[GCC] };
    if let Some(need) = needs::provide(needed).first() {
        return Err(format!("{} is missing, package {}", need.program, need.package));
    }
    let libraries = libraries(&options)?;
    #[cfg(feature = "mutants")]
    if options.mutants {
        return mutants::run(&libraries[0]);
    }
    let mut sum = Equal::default();
    let mut any = false;
    for library in &libraries {
        if library.rules == Rules::GLIBC_2_36 && "misuse".contains(&options.only) {
            any = true;
            for check in misuse::levels(library) {
                let mut setting = Setting::new(library);
                setting.tunables.check = check;
                let level = check.map_or(String::new(), |level| format!(" check={level}"));
                for misuse in misuse::all(check) {
                    let name = misuse.name;
                    match misuse.compare(&setting)? {
                        Ok(said) => println!("2.36 misuse{level}: {name}: {said}"),
                        Err(how) => {
                            println!("2.36 misuse{level}: {name}: {how}");
                            return Ok(false);
                        }
                    }
                }
            }
        }
        for directed in directed::all(&library.rules) {
            let name = format!("{} {}", library.rules.name, directed.name);
            if !name.contains(&options.only) {
                continue;
            }
            let mut setting = Setting::new(library);
            setting.tunables = directed.tunables;
            setting.strace = options.strace;
            let Some(equal) = one(&name, &setting, &directed.ops)? else { return Ok(false) };
            any = true;
            sum.add(equal);
            println!("{name:<60} {} ops, {} calls", equal.ops, equal.calls);
        }
    }
    let mut seed = options.seed;
    while sum.ops < options.ops {
        for library in &libraries {
            for scenario in scenario::all(library, &options.mixes, seed, options.length) {
                if !scenario.name.contains(&options.only) {
                    continue;
                }
                let mut setting = Setting::new(scenario.library);
                setting.tunables = scenario.tunables;
                setting.addresses_only = scenario.checked;
                setting.strace = options.strace;
                let name = format!("{} seed {seed}", scenario.name);
                let trace = scenario.plan.trace();
                let Some(equal) = one(&name, &setting, &trace)? else { return Ok(false) };
                sum.add(equal);
                println!(
                    "{:<60} seed {seed}: {} ops, {} calls; together {} ops, {} calls equal",
                    scenario.name, equal.ops, equal.calls, sum.ops, sum.calls
                );
            }
        }
        if sum.ops == 0 && any {
            break;
        }
        if sum.ops == 0 {
            return Err(format!("no kind of traces is called `{}`", options.only));
        }
        seed += 1;
    }
    println!("{} operations and {} system calls without a difference", sum.ops, sum.calls);
    Ok(true)
}

/// Compares one trace; on a difference shrinks it and prints it.
fn one(name: &str, setting: &Setting<'_>, trace: &[Op]) -> Result<Option<Equal>, Stop> {
    let difference = match setting.compare(trace)? {
        Ok(equal) => return Ok(Some(equal)),
        Err(difference) => difference,
    };
    let at = difference.at.map_or_else(|| "the end".to_owned(), |at| format!("operation {at}"));
    println!("{name}: differs at {at}");
    println!("  {}", difference.text);
    let (ops, difference) = shrink::shrink(setting, trace, &difference)?;
    println!("{} operations are enough, {}:", ops.len(), setting.tunables);
    for op in ops.iter().take(200) {
        println!("  {op:?}");
    }
    println!("  {}", difference.text);
    Ok(None)
}

fn libraries(options: &Options) -> Result<Vec<Library>, Stop> {
    let mut libraries = Vec::new();
    for origin in ORIGINS {
        let name = origin.rules.name;
        let wanted = options.releases.iter().any(|release| release == name);
        if !wanted && !options.releases.is_empty() {
            continue;
        }
        if options.fetch {
            origin.fetch()?;
        }
        match origin.library() {
            Ok(library) => libraries.push(library),
            Err(why) if wanted => return Err(why),
            Err(why) => println!("{name} left out: {why}"),
        }
    }
    if libraries.is_empty() {
        return Err("no library to compare with".to_owned());
    }
    Ok(libraries)
}

fn options(args: &[String]) -> Result<Options, Stop> {
    let mut options = Options {
        ops: 1_000_000,
        seed: 1,
        mixes: Mix::ALL.to_vec(),
        strace: false,
        releases: Vec::new(),
        only: String::new(),
        fetch: false,
        #[cfg(feature = "mutants")]
        mutants: false,
        length: 200_000,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            "--ops" => options.ops = parse(value()?)?,
            "--seed" => options.seed = parse(value()?)?,
            "--length" => options.length = parse(value()?)?,
            "--mix" => {
                let name = value()?;
                options.mixes.retain(|mix| mix.name() == name);
            }
            "--release" => options.releases.push(value()?.clone()),
            "--only" => options.only.clone_from(value()?),
            "--strace" => options.strace = true,
            "--fetch" => options.fetch = true,
            #[cfg(feature = "mutants")]
            "--mutants" => options.mutants = true,
            other => return Err(format!("fuzz-malloc does not know `{other}`")),
        }
    }
    if options.mixes.is_empty() {
        return Err("no mix is called so: small, mid, mixed, large, huge".to_owned());
    }
    Ok(options)
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Stop> {
    text.parse().map_err(|_| format!("expected a number, found `{text}`"))
}
