//! Questions as words, and answers as JSON and back.
//!
//! A question is only ever compared with another one, so that words will do. Of an answer nothing is
//! lost: bytes that are no text are kept as numbers.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use world::{
    Access, Call, Content, Control, End, Errno, Fault, FileSpec, ForkKind, Limits, Observation,
    ProcessId, ProcessSpec, Returned, Setup, Stop, Touch, Touched,
};

/// What stands in place of an answer where the world itself failed.
const FAILED: &str = "failed";

// Questions.

pub(super) fn start(spec: &ProcessSpec) -> String {
    let ProcessSpec { name, uid, nice, adj, limits, cgroup } = spec;
    let Limits { data, stack, memlock, address_space } = limits;
    let mut words = format!("start {name} uid={uid} nice={nice} adj={adj}");
    let all = [("data", data), ("stack", stack), ("memlock", memlock), ("as", address_space)];
    for (name, limit) in all {
        if let Some(limit) = limit {
            let _ = write!(words, " {name}={limit}");
        }
    }
    if let Some(cgroup) = cgroup {
        let _ = write!(words, " cgroup={cgroup}");
    }
    words
}

pub(super) fn files(files: &[FileSpec]) -> String {
    let one = |FileSpec { name, len, tmpfs }: &FileSpec| {
        format!(" {name}={len}{}", if *tmpfs { " in memory" } else { "" })
    };
    let all: String = files.iter().map(one).collect();
    format!("files{all}")
}

pub(super) fn call(process: ProcessId, call: &Call) -> String {
    format!("{} {call}", process.0)
}

pub(super) fn touch(process: ProcessId, touch: &Touch) -> String {
    let Touch { addr, count, stride, access, content } = touch;
    let access = match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Execute => "execute",
    };
    let content = match content {
        Content::OneByte => String::new(),
        Content::Byte(byte) => format!(" byte {byte}"),
        Content::Random(seed) => format!(" random {seed}"),
    };
    format!("{} {access}s {count} × {stride} from {addr:#x}{content}", process.0)
}

pub(super) fn fork(process: ProcessId, kind: ForkKind) -> String {
    let kind = match kind {
        ForkKind::Fork => "fork",
        ForkKind::Vfork => "vfork",
        ForkKind::Thread => "thread",
    };
    format!("{} makes a {kind}", process.0)
}

pub(super) fn exec(process: ProcessId) -> String {
    format!("{} execs", process.0)
}

pub(super) fn end(process: ProcessId, how: End) -> String {
    format!("{} ends by {}", process.0, words_of_end(how))
}

pub(super) fn observe(process: ProcessId) -> String {
    format!("look at {}", process.0)
}

pub(super) fn ended(process: ProcessId) -> String {
    format!("{} has ended", process.0)
}

pub(super) fn sleep(nanoseconds: u64) -> String {
    format!("sleep {nanoseconds} ns")
}

pub(super) fn control(what: &Control, value: &str) -> String {
    format!("write {value:?} to {what}")
}

pub(super) fn setup(verb: &str, setup: &Setup) -> String {
    let Setup { swap, cgroups, controls } = setup;
    let mut words = verb.to_owned();
    for area in swap {
        let priority = area.priority.map_or(String::new(), |number| format!(" priority {number}"));
        let kind = if area.zram { "zram" } else { "swap" };
        let _ = write!(words, "; {kind} {}{priority}", area.len);
    }
    for path in cgroups {
        let _ = write!(words, "; cgroup {path}");
    }
    for (what, value) in controls {
        let _ = write!(words, "; {what} = {value}");
    }
    words
}

pub(super) fn read_file(path: &str) -> String {
    format!("read {path}")
}

pub(super) fn also(path: &str) -> String {
    format!("also {path}")
}

pub(super) const DEATHS: &str = "killed";
pub(super) const WOKEN: &str = "woken";
pub(super) const PANICKED: &str = "panicked";
pub(super) const MACHINE: &str = "look at the machine";
pub(super) const LOG: &str = "read the log";
pub(super) const BOOT_LOG: &str = "read the log of the boot";

// Answers.

/// An answer, or the sentence that the world failed with.
pub(super) fn result<T, E: ToString>(
    result: &Result<T, E>,
    answer: impl FnOnce(&T) -> Value,
) -> Value {
    match result {
        Ok(value) => answer(value),
        Err(error) => json!({ FAILED: error.to_string() }),
    }
}

/// The sentence that the world failed with, if this says so.
pub(super) fn failed(answer: &Value) -> Option<&str> {
    answer.as_object()?.get(FAILED)?.as_str()
}

/// Bytes as text where they are text.
pub(super) fn bytes(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| json!(bytes), Value::from)
}

pub(super) fn to_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(numbers) => {
            numbers.iter().map(|number| u8::try_from(number.as_u64()?).ok()).collect()
        }
        _ => None,
    }
}

pub(super) fn process(ProcessId(id): ProcessId) -> Value {
    json!(id)
}

pub(super) fn to_process(value: &Value) -> Option<ProcessId> {
    Some(ProcessId(u32::try_from(value.as_u64()?).ok()?))
}

/// A value, or `{"errno": 12}`.
pub(super) fn errno<T>(result: &Result<T, Errno>, value: impl FnOnce(&T) -> Value) -> Value {
    match result {
        Ok(done) => value(done),
        Err(Errno(number)) => json!({ "errno": number }),
    }
}

pub(super) fn to_errno<T>(
    value: &Value,
    done: impl FnOnce(&Value) -> Option<T>,
) -> Option<Result<T, Errno>> {
    match value.as_object().and_then(|object| object.get("errno")) {
        Some(number) => Some(Err(Errno(u16::try_from(number.as_u64()?).ok()?))),
        None => done(value).map(Ok),
    }
}

pub(super) fn returned(returned: &Returned) -> Value {
    let value = errno(&returned.value, |number| json!(number));
    if returned.residency.is_empty() { value } else { json!([value, returned.residency]) }
}

pub(super) fn to_returned(value: &Value) -> Option<Returned> {
    let (value, residency) = match value.as_array().map(Vec::as_slice) {
        Some([value, residency]) => (value, to_bytes(residency)?),
        Some(_) => return None,
        None => (value, Vec::new()),
    };
    Some(Returned { value: to_errno(value, Value::as_u64)?, residency })
}

pub(super) fn touched(Touched { done, stopped }: &Touched) -> Value {
    match stopped {
        None => json!(done),
        Some(Stop::Killed) => json!([done, "killed"]),
        Some(Stop::Signal(Fault { signal, code, address })) => {
            json!([done, signal, code, address])
        }
    }
}

pub(super) fn to_touched(value: &Value) -> Option<Touched> {
    let (done, stopped) = match value.as_array().map(Vec::as_slice) {
        None => (value, None),
        Some([done, killed]) if killed == "killed" => (done, Some(Stop::Killed)),
        Some([done, signal, code, address]) => {
            let fault = Fault {
                signal: u8::try_from(signal.as_u64()?).ok()?,
                code: i32::try_from(code.as_i64()?).ok()?,
                address: address.as_u64()?,
            };
            (done, Some(Stop::Signal(fault)))
        }
        Some(_) => return None,
    };
    Some(Touched { done: done.as_u64()?, stopped })
}

fn words_of_end(end: End) -> String {
    match end {
        End::Exit(status) => format!("exit {status}"),
        End::Signal(signal) => format!("signal {signal}"),
    }
}

pub(super) fn of_end(end: End) -> Value {
    json!(words_of_end(end))
}

pub(super) fn to_end(value: &Value) -> Option<End> {
    match value.as_str()?.split_once(' ')? {
        ("exit", status) => status.parse().ok().map(End::Exit),
        ("signal", signal) => signal.parse().ok().map(End::Signal),
        _ => None,
    }
}

pub(super) fn deaths(deaths: &[(ProcessId, End)]) -> Value {
    deaths.iter().map(|&(id, end)| json!([process(id), of_end(end)])).collect()
}

pub(super) fn to_deaths(value: &Value) -> Option<Vec<(ProcessId, End)>> {
    let one = |value: &Value| match value.as_array()?.as_slice() {
        [id, end] => Some((to_process(id)?, to_end(end)?)),
        _ => None,
    };
    value.as_array()?.iter().map(one).collect()
}

pub(super) fn to_numbers(value: &Value) -> Option<Vec<u32>> {
    value.as_array()?.iter().map(|number| number.as_u64()?.try_into().ok()).collect()
}

pub(super) fn named(files: &[(String, Vec<u8>)]) -> Value {
    files.iter().map(|(name, text)| json!([name, bytes(text)])).collect()
}

pub(super) fn to_named(value: &Value) -> Option<Vec<(String, Vec<u8>)>> {
    let one = |value: &Value| match value.as_array()?.as_slice() {
        [name, text] => Some((name.as_str()?.to_owned(), to_bytes(text)?)),
        _ => None,
    };
    value.as_array()?.iter().map(one).collect()
}

pub(super) fn observation(seen: &Observation) -> Value {
    let Observation { maps, smaps, smaps_rollup, status, statm, stat, oom_score, .. } = seen;
    let Observation { numa_maps, machine, .. } = seen;
    let files = [
        ("maps", maps),
        ("smaps", smaps),
        ("smaps_rollup", smaps_rollup),
        ("status", status),
        ("statm", statm),
        ("stat", stat),
        ("oom_score", oom_score),
        ("numa_maps", numa_maps),
    ];
    let mut object = Map::new();
    for (name, text) in files {
        if let Some(text) = text {
            object.insert(name.to_owned(), bytes(text));
        }
    }
    if !machine.is_empty() {
        object.insert("machine".to_owned(), named(machine));
    }
    Value::Object(object)
}

pub(super) fn to_observation(value: &Value) -> Option<Observation> {
    let object = value.as_object()?;
    let file = |name: &str| object.get(name).and_then(to_bytes);
    Some(Observation {
        maps: file("maps"),
        smaps: file("smaps"),
        smaps_rollup: file("smaps_rollup"),
        status: file("status"),
        statm: file("statm"),
        stat: file("stat"),
        oom_score: file("oom_score"),
        numa_maps: file("numa_maps"),
        machine: object.get("machine").map_or(Some(Vec::new()), to_named)?,
    })
}
