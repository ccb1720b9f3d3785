//! `free` of procps-ng 4.0.2.
//!
//! # What it follows
//! `used` is `MemTotal` less `MemAvailable`, `cache` is `Cached` and `SReclaimable`, `shared` is
//! `Shmem`; a kernel without `MemAvailable` (before 3.14) has `MemFree` in its place, and so has one
//! whose `MemAvailable` is larger than its `MemTotal`, as in some containers. A line that is not there is 0, as
//! in the real program.

use std::io::{self, Write};
use std::time::Duration;

use crate::getopt::{self, Arg, Known, flag, valued};
use crate::{Call, Machine, meminfo};

const KNOWN: &[Known] = &[
    flag(b'b', Some(b'b'), Some("bytes")),
    flag(1, None, Some("kilo")),
    flag(2, None, Some("mega")),
    flag(3, None, Some("giga")),
    flag(4, None, Some("tera")),
    flag(5, None, Some("peta")),
    flag(b'k', Some(b'k'), Some("kibi")),
    flag(b'm', Some(b'm'), Some("mebi")),
    flag(b'g', Some(b'g'), Some("gibi")),
    flag(6, None, Some("tebi")),
    flag(7, None, Some("pebi")),
    flag(b'h', Some(b'h'), Some("human")),
    flag(8, None, Some("si")),
    flag(b'l', Some(b'l'), Some("lohi")),
    flag(b't', Some(b't'), Some("total")),
    flag(b'v', Some(b'v'), Some("committed")),
    valued(b's', Some(b's'), Some("seconds")),
    valued(b'c', Some(b'c'), Some("count")),
    flag(b'w', Some(b'w'), Some("wide")),
    flag(9, None, Some("help")),
    flag(b'V', Some(b'V'), Some("version")),
];

const HELP: &str = "\
Usage: oomph compat free [options]

What free of procps-ng 4.0.2 prints, about any source (`oomph --from SOURCE compat free`).

 -b -k -m -g, --bytes --kibi --mebi --gibi --tebi --pebi   in this unit
     --kilo --mega --giga --tera --peta                    in this unit, by 1000
 -h, --human       in the unit that fits; --si by 1000
 -l, --lohi        low and high memory
 -t, --total       RAM and swap together
 -v, --committed   commit limit and what is committed
 -w, --wide        buffers and cache apart
 -s N, --seconds N   again every N seconds
 -c N, --count N     N times
";

/// Prints what `free` would; the result is its exit status.
pub fn free(args: &[String], call: &mut Call<'_>) -> io::Result<u8> {
    let options = match options(args) {
        Ok(options) => options,
        Err(Stop::Help) => {
            call.out.write_all(HELP.as_bytes())?;
            return Ok(0);
        }
        Err(Stop::Version) => {
            call.out.write_all(b"free from procps-ng 4.0.2\n")?;
            return Ok(0);
        }
        Err(Stop::Usage(complaint)) => {
            if let Some(complaint) = complaint {
                writeln!(call.err, "free: {complaint}")?;
            }
            call.err.write_all(HELP.as_bytes())?;
            return Ok(1);
        }
        Err(Stop::Wrong(complaint)) => {
            writeln!(call.err, "free: {complaint}")?;
            return Ok(1);
        }
    };
    let mut rounds = options.count;
    loop {
        let memory = match Memory::read(call.machine) {
            Ok(memory) => memory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                writeln!(call.err, "free: Memory information file /proc/meminfo does not exist")?;
                return Ok(1);
            }
            Err(_) => {
                writeln!(call.err, "free: Unable to create meminfo structure")?;
                return Ok(1);
            }
        };
        print(&memory, &options, call.out)?;
        call.out.flush()?;
        if let Some(rounds) = &mut rounds {
            *rounds -= 1;
            if *rounds < 1 {
                return Ok(0);
            }
        }
        if !options.repeat {
            return Ok(0);
        }
        call.out.write_all(b"\n")?;
        call.out.flush()?;
        call.host.sleep(options.interval);
    }
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that is there or not")]
struct Options {
    /// None is the default; 1 is bytes, 2 KiB, and so on.
    exponent: Option<i32>,
    human: bool,
    si: bool,
    lohi: bool,
    total: bool,
    committed: bool,
    wide: bool,
    repeat: bool,
    interval: Duration,
    count: Option<i64>,
}

enum Stop {
    Help,
    Version,
    /// The complaint, and how the program is used.
    Usage(Option<String>),
    Wrong(String),
}

fn options(args: &[String]) -> Result<Options, Stop> {
    let mut options = Options { interval: Duration::from_secs(1), ..Options::default() };
    let (found, wrong) = getopt::parse(args, KNOWN);
    let mut operands = false;
    for arg in found {
        let (id, value) = match arg {
            Arg::Option(id, value) => (id, value),
            Arg::Operand(_) => {
                operands = true;
                continue;
            }
        };
        let unit = match id {
            b'b' => Some(1),
            b'k' | 1 => Some(2),
            b'm' | 2 => Some(3),
            b'g' | 3 => Some(4),
            4 | 6 => Some(5),
            5 | 7 => Some(6),
            _ => None,
        };
        if unit.is_some() {
            if options.exponent.is_some() {
                return Err(Stop::Wrong("Multiple unit options don't make sense.".to_owned()));
            }
            options.exponent = unit;
        }
        match id {
            1..=5 | 8 => options.si = true,
            b'h' => options.human = true,
            b'l' => options.lohi = true,
            b't' => options.total = true,
            b'v' => options.committed = true,
            b'w' => options.wide = true,
            b's' => {
                options.repeat = true;
                options.interval = seconds(&value)?;
            }
            b'c' => {
                options.repeat = true;
                options.count = Some(count(&value)?);
            }
            9 => return Err(Stop::Help),
            b'V' => return Err(Stop::Version),
            _ => {}
        }
    }
    match wrong {
        Some(complaint) => Err(Stop::Usage(Some(complaint))),
        None if operands => Err(Stop::Usage(None)),
        None => Ok(options),
    }
}

/// Digits with a point or a comma among them, in any locale.
fn seconds(text: &str) -> Result<Duration, Stop> {
    let number = text.trim_start();
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, number.strip_prefix('+').unwrap_or(number)),
    };
    let plain = digits.replacen(',', ".", 1);
    let well_formed = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && plain.bytes().filter(|&b| b == b'.').count() <= 1;
    let parsed = match plain.as_str() {
        "" | "." => Some(0.0),
        _ if well_formed => plain.parse::<f64>().ok(),
        _ => None,
    };
    match parsed.filter(|_| !text.is_empty()) {
        None => {
            let invalid = if text.is_empty() { "" } else { ": Invalid argument" };
            Err(Stop::Wrong(format!("seconds argument failed: '{text}'{invalid}")))
        }
        Some(number) => {
            let micros = number * sign * 1e6;
            if micros < 1.0 {
                let complaint = format!("seconds argument `{text}' is not positive number");
                return Err(Stop::Wrong(complaint));
            }
            // The real one's `usleep` takes 32 bits of microseconds: 71 minutes at most.
            Ok(Duration::try_from_secs_f64(micros / 1e6).unwrap_or(Duration::MAX))
        }
    }
}

fn count(text: &str) -> Result<i64, Stop> {
    let failed = |why: &str| Stop::Wrong(format!("failed to parse count argument: '{text}'{why}"));
    let range = ": Numerical result out of range";
    let number = text.trim_start();
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(failed(""));
    }
    match number.parse::<i64>() {
        Ok(count) if count >= 1 => Ok(count),
        _ => Err(failed(range)),
    }
}

/// What is printed, in KiB.
#[derive(Debug, Default, Clone, Copy)]
struct Memory {
    total: u64,
    used: u64,
    free: u64,
    shared: u64,
    buffers: u64,
    cache: u64,
    available: u64,
    low: [u64; 3],
    high: [u64; 3],
    swap: [u64; 3],
    commit_limit: u64,
    committed: u64,
}

impl Memory {
    fn read(machine: &mut dyn Machine) -> io::Result<Memory> {
        let text = meminfo::read(machine)?;
        if text.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Memory::parse(&text))
    }

    fn parse(text: &[u8]) -> Memory {
        let mut memory = Memory::default();
        let (mut cached, mut reclaimable) = (0_u64, 0_u64);
        for line in text.split(|&b| b == b'\n') {
            let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
            let value = number(&line[colon + 1..]);
            match &line[..colon] {
                b"MemTotal" => memory.total = value,
                b"MemFree" => memory.free = value,
                b"MemAvailable" => memory.available = value,
                b"Buffers" => memory.buffers = value,
                b"Cached" => cached = value,
                b"SReclaimable" => reclaimable = value,
                b"Shmem" => memory.shared = value,
                b"LowTotal" => memory.low[0] = value,
                b"LowFree" => memory.low[2] = value,
                b"HighTotal" => memory.high[0] = value,
                b"HighFree" => memory.high[2] = value,
                b"SwapTotal" => memory.swap[0] = value,
                b"SwapFree" => memory.swap[2] = value,
                b"CommitLimit" => memory.commit_limit = value,
                b"Committed_AS" => memory.committed = value,
                _ => {}
            }
        }
        memory.cache = cached.wrapping_add(reclaimable);
        if memory.available == 0 || memory.available > memory.total {
            memory.available = memory.free;
        }
        memory.used = match memory.total.checked_sub(memory.available) {
            Some(used) => used,
            None => memory.total.wrapping_sub(memory.free),
        };
        if memory.low[0] == 0 {
            memory.low = [memory.total, 0, memory.free];
        }
        for [total, used, free] in [&mut memory.low, &mut memory.high, &mut memory.swap] {
            *used = total.saturating_sub(*free);
        }
        memory
    }
}

/// As `strtoul` reads it: 0 where there is none.
fn number(text: &[u8]) -> u64 {
    let text = text.trim_ascii_start();
    let digits = text.iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0, |number: u64, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    })
}

fn print(memory: &Memory, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let head = if options.wide {
        "               total        used        free      shared     buffers       cache   available"
    } else {
        "               total        used        free      shared  buff/cache   available"
    };
    writeln!(out, "{head}")?;
    let mut row = |label: &str, amounts: &[u64]| -> io::Result<()> {
        write!(out, "{label:<9}")?;
        for (at, &amount) in amounts.iter().enumerate() {
            let blank = if at == 0 { "" } else { " " };
            write!(out, "{blank}{:>11}", scaled(amount, options))?;
        }
        writeln!(out)
    };
    let Memory { total, used, free, shared, buffers, cache, available, .. } = *memory;
    if options.wide {
        row("Mem:", &[total, used, free, shared, buffers, cache, available])?;
    } else {
        row("Mem:", &[total, used, free, shared, buffers.wrapping_add(cache), available])?;
    }
    if options.lohi {
        row("Low:", &memory.low)?;
        row("High:", &memory.high)?;
    }
    row("Swap:", &memory.swap)?;
    if options.total {
        let [swap_total, swap_used, swap_free] = memory.swap;
        row(
            "Total:",
            &[
                total.wrapping_add(swap_total),
                used.wrapping_add(swap_used),
                free.wrapping_add(swap_free),
            ],
        )?;
    }
    if options.committed {
        let (limit, committed) = (memory.commit_limit, memory.committed);
        // Wraps when more is committed than the limit; printed as a negative number.
        row("Comm:", &[limit, committed, limit.wrapping_sub(committed)])?;
    }
    Ok(())
}

/// An amount of KiB as a column shows it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the real program divides in floating point and cuts"
)]
fn scaled(kib: u64, options: &Options) -> String {
    let base: i64 = if options.si { 1000 } else { 1024 };
    let bytes = kib.wrapping_mul(1024).cast_signed();
    let over = |power: i32| bytes as f64 / (base as f64).powi(power);
    if !options.human {
        return match options.exponent {
            None => (bytes / base).to_string(),
            Some(1) => bytes.to_string(),
            Some(exponent) => (over(exponent - 1) as i64).to_string(),
        };
    }
    let mut text = format!("{bytes}B");
    if text.len() <= 4 {
        return text;
    }
    let (room, suffix) = if options.si { (4, "") } else { (5, "i") };
    for (power, unit) in (1..).zip(['K', 'M', 'G', 'T', 'P']) {
        text = format!("{:.1}{unit}{suffix}", f64::from(over(power) as f32));
        if text.len() <= room {
            return text;
        }
        text = format!("{}{unit}{suffix}", over(power) as i64);
        if text.len() <= room {
            return text;
        }
    }
    text
}
