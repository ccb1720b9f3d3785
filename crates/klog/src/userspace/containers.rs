//! The kubelet, containerd, Docker and node-problem-detector.

use facts::{Act, Name, Notice, Speaker};

use super::{Memory, Said, behind, notice, take};
use crate::cursor::Cursor;

pub(super) fn read(said: &Said<'_>, memory: &mut Memory) -> Option<Notice> {
    let body = said.body;
    let has = |words: &[u8]| memchr::memmem::find(body, words).is_some();
    if has(b"viction manager:") {
        return eviction(body, memory);
    }
    if has(b"topic=/tasks/oom") || has(b"container oom ") {
        let mut found = notice(Speaker::Dockerd, Act::ToldOfKill);
        found.container = container(body);
        found.name = value(body, b"(image=").and(value(body, b" name=")).map(Name::new);
        return found.container.is_some().then_some(found);
    }
    if has(b"TaskOOM") {
        let mut found = notice(Speaker::Containerd, Act::ToldOfKill);
        found.container = container(body);
        return found.container.is_some().then_some(found);
    }
    if let Some(cursor) = behind(body, b"System OOM encountered") {
        return Some(system_oom(cursor));
    }
    if let Some(cursor) = behind(body, b"OOMKilling") {
        return repeated(cursor.rest);
    }
    let told = has(b"OOMKilled") && !has(b"OOMKilled:false") && !has(b"\"OOMKilled\":false");
    told.then(|| {
        let mut found = notice(Speaker::Kubelet, Act::ToldOfKill);
        found.container = container(body);
        found.pod = value(body, b"pod=").map(Name::new);
        found
    })
}

/// `"Eviction manager: must evict pod(s) to reclaim" resourceName="memory"` and, until 1.18,
/// `eviction manager: must evict pod(s) to reclaim memory`; then the same of a pod that was.
fn eviction(body: &[u8], memory: &mut Memory) -> Option<Notice> {
    if let Some(cursor) = behind(body, b"must evict pod(s) to reclaim") {
        let resource = value(cursor.rest, b"resourceName=")
            .unwrap_or_else(|| cursor.rest.trim_ascii())
            .trim_ascii();
        memory.evicting = Some(Name::new(resource));
        let mut found = notice(Speaker::Kubelet, Act::Warned);
        found.reason = Some(Name::new([b"must evict to reclaim ", resource].concat()));
        return (resource == b"memory").then_some(found);
    }
    let mut found = notice(Speaker::Kubelet, Act::Evicted);
    if memchr::memmem::find(body, b"pod is evicted successfully").is_some() {
        found.pod = value(body, b"pod=").map(Name::new);
    } else {
        // `eviction manager: pod NAME_NAMESPACE(UID) is evicted successfully`
        let cursor = behind(body, b"viction manager: pod ")?;
        let end = memchr::memmem::find(cursor.rest, b" is evicted successfully")?;
        let pod = cursor.rest[..end].split(|&b| b == b'(').next().unwrap_or_default();
        found.pod = Some(match memchr::memrchr(b'_', pod) {
            Some(at) => Name::new([&pod[at + 1..], b"/", &pod[..at]].concat()),
            None => Name::new(pod),
        });
    }
    let other = memory.evicting.as_ref().is_some_and(|what| what.as_bytes() != b"memory");
    found.reason =
        memory.evicting.as_ref().map(|what| Name::new([b"to reclaim ", what.as_bytes()].concat()));
    (!other).then_some(found)
}

/// `System OOM encountered, victim process: NAME, pid: 12`.
fn system_oom(mut cursor: Cursor<'_>) -> Notice {
    let mut found = notice(Speaker::Kubelet, Act::ToldOfKill);
    if cursor.eat(b", victim process: ") {
        let text = cursor.rest;
        match memchr::memmem::rfind(text, b", pid: ") {
            Some(at) => {
                found.name = Some(Name::new(&text[..at]));
                found.pid = take::pid(&mut Cursor::new(&text[at + 7..]));
            }
            None => found.name = Some(Name::new(text.trim_ascii())),
        }
    }
    found
}

/// `OOMKilling … Memory cgroup out of memory: Killed process 12 (name) total-vm:…`.
fn repeated(text: &[u8]) -> Option<Notice> {
    let mut cursor = behind(text, b"Kill")?;
    let known = cursor.eat(b"ed process ") || cursor.eat(b" process ");
    known.then_some(())?;
    let mut found = notice(Speaker::NodeProblemDetector, Act::ToldOfKill);
    found.pid = Some(take::pid(&mut cursor)?);
    if cursor.eat_after_blanks(b"(") {
        let ends = [&b") total-vm"[..], b") score", b")"];
        let end = ends.iter().find_map(|words| memchr::memmem::rfind(cursor.rest, words));
        found.name = end.map(|end| Name::new(&cursor.rest[..end]));
    }
    Some(found)
}

/// The first word of 64 hexadecimal digits, or of 12 where a container's id is announced.
fn container(text: &[u8]) -> Option<Name> {
    let hex = |b: &u8| b.is_ascii_hexdigit();
    text.split(|b| !hex(b)).find(|word| word.len() == 64).map(Name::new).or_else(|| {
        let rest = behind(text, b"container oom ")?;
        let word = rest.rest.split(|b| !hex(b)).next().unwrap_or_default();
        (word.len() >= 12).then(|| Name::new(word))
    })
}

/// What stands behind `key`, in quotes or up to a blank or bracket.
fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let rest = behind(text, key)?.rest;
    let (rest, quoted) = match rest.strip_prefix(b"\\\"").or_else(|| rest.strip_prefix(b"\"")) {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let ends = |b: &u8| match b {
        b'"' | b'\\' => true,
        b' ' | b',' | b')' => !quoted,
        _ => false,
    };
    let end = rest.iter().position(ends).unwrap_or(rest.len());
    (end > 0).then_some(&rest[..end])
}
