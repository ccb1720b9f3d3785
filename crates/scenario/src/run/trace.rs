//! Steps as `strace` prints them.

use std::fmt::Write as _;

use facts::signal;
use world::{Access, Call, Content, End, ForkKind, Stop, Touch, Touched};

use super::event::{Event, What};
use crate::Scenario;

/// What was asked, and what came of it, on one line.
pub fn asked(event: &Event, scenario: &Scenario) -> String {
    let name = |id: crate::program::NameId| scenario.names.get(id.0).map_or("?", String::as_str);
    match &event.what {
        What::Started => "starts".to_owned(),
        What::Call(call, returned) => {
            let mut line = call_text(call, scenario);
            match (returned.value, event.what.failed()) {
                (Ok(value), None) => {
                    let _ = write!(line, " = {}", value_text(call, value));
                }
                (Ok(value), Some(failed)) => {
                    let _ = write!(line, " = {} ({failed})", value_text(call, value));
                }
                (Err(errno), _) => {
                    let _ = write!(line, " = -1 {errno}");
                }
            }
            if !returned.residency.is_empty() {
                let resident = returned.residency.iter().filter(|&&page| page & 1 == 1).count();
                let _ = write!(line, " [{resident} of {}]", returned.residency.len());
            }
            line
        }
        What::Touch { touch, touched, random } => touch_text(touch, *touched, *random),
        What::Heap(text, Ok(address)) => format!("{text} = {address:#x}"),
        What::Heap(text, Err(errno)) => format!("{text} = NULL {errno}"),
        What::Forked(kind, result) => {
            let call = match kind {
                ForkKind::Fork => "fork()",
                ForkKind::Vfork => "vfork()",
                ForkKind::Thread => "clone(CLONE_VM|CLONE_THREAD)",
            };
            match result {
                Ok(child) => format!("{call} = process {}", child.0),
                Err(errno) => format!("{call} = -1 {errno}"),
            }
        }
        What::Exec => "execve() = 0".to_owned(),
        What::Ends(End::Exit(status)) => format!("exit_group({status})"),
        What::Ends(End::Signal(signal)) => format!("kill(self, {})", signal::named(*signal)),
        What::Killed(victim, signal, result) => match result {
            Ok(()) => format!("kill({}, {}) = 0", name(*victim), signal::named(*signal)),
            Err(errno) => {
                format!("kill({}, {}) = -1 {errno}", name(*victim), signal::named(*signal))
            }
        },
        What::Control(what, value, result) => match result {
            Ok(()) => format!("echo {value} > {what}"),
            Err(errno) => format!("echo {value} > {what} = -1 {errno}"),
        },
        What::Sleeps(time) => format!("sleep {}", time_text(*time)),
        What::Waits(other) => format!("wait for {}", name(*other)),
        What::Said(text) => format!("\"{text}\""),
        What::Named(start, len) => format!("{start:#x}, {len} bytes"),
        What::Checkpoint(checkpoint, seen) => {
            format!("checkpoint {checkpoint}: {} seen", seen.len())
        }
        What::Machine(checkpoint, seen) => {
            format!("checkpoint {checkpoint}: {} files of the machine", seen.files.len())
        }
        What::Chosen(death) => {
            let kib = death.touched / 1024;
            format!("+++ killed by the OOM killer at {kib} kB +++")
        }
        What::Panicked(words) => format!("+++ {words} +++"),
        What::Expected(verdict) => match verdict.held {
            Some(true) => format!("expect {}: yes", verdict.wanted),
            Some(false) => format!("expect {}: NO, {}", verdict.wanted, verdict.found),
            None => format!("expect {}: not here", verdict.wanted),
        },
        What::Died(End::Exit(status)) => format!("+++ exited with {status} +++"),
        What::Died(End::Signal(signal)) => format!("+++ killed by {} +++", signal::named(*signal)),
        What::Done => "has done its steps".to_owned(),
    }
}

/// A time as people read it.
pub(crate) fn time_text(nanoseconds: u64) -> String {
    for (unit, size) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] {
        if nanoseconds >= size && nanoseconds.is_multiple_of(size) {
            return format!("{} {unit}", nanoseconds / size);
        }
    }
    format!("{nanoseconds} ns")
}

fn value_text(call: &Call, value: u64) -> String {
    match call {
        Call::Mmap { .. } | Call::Mremap { .. } | Call::Brk { .. } | Call::Shmat { .. } => {
            format!("{value:#x}")
        }
        _ => value.to_string(),
    }
}

fn call_text(call: &Call, scenario: &Scenario) -> String {
    match call {
        Call::Open { file, flags } => {
            let name = scenario.files.get(*file).map_or("?", |file| file.name.as_str());
            format!("open(\"{name}\", {flags})")
        }
        call => call.to_string(),
    }
}

fn touch_text(touch: &Touch, touched: Touched, random: bool) -> String {
    let verb = match (touch.access, touch.content) {
        (Access::Read, _) => "read",
        (Access::Execute, _) => "jump to",
        (Access::Write, Content::OneByte) => "write",
        (Access::Write, _) => "fill",
    };
    let mut line = if touch.count == 1 && !random {
        format!("{verb} {:#x}", touch.addr)
    } else {
        let order = if random { " at random" } else { "" };
        format!("{verb} {:#x}, {} times{order}, every {}", touch.addr, touch.count, touch.stride)
    };
    match touched.stopped {
        None => line.push_str(" = done"),
        Some(Stop::Signal(fault)) => {
            let _ = write!(line, " = {} done, then {fault}", touched.done);
        }
        Some(Stop::Killed) => {
            let _ = write!(line, " = {} done, then killed", touched.done);
        }
    }
    line
}
