//! Calls as the requests that the actor understands, and its answers as what the calls gave back.

use actor::{Op, POKE_LEN, Request, handles, image};
use world::{Access, Call, Content, Errno, Fault, Returned, Stop, Touch, Touched};

/// Something that a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It makes a system call.
    Call(Call),
    /// It accesses memory.
    Touch(Touch),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// What the call gave back.
    Returned(Returned),
    /// How far the accesses came.
    Touched(Touched),
}

/// What the answers to the requests of a step mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The last answer is the register.
    Value,
    /// The last answer is the id of a new segment.
    Segment,
    /// The answers add up, until one is short of `SCRATCH_LEN`; the first of this.
    Sum { first: u64 },
    /// Each two are a call of `mincore` and what it wrote.
    Residency,
    /// A touch.
    Touch,
    /// Known without asking.
    Known(Errno),
}

/// Bytes that one call reads or writes at most: a request of the lab's for each page of them.
const MOST_AT_ONCE: u64 = 1 << 30;
/// The scratches full that a `pwrite` writes with one call; what is longer is written page by page.
const MOST_SEGMENTS: u64 = 64;
/// Most pages that one `mincore` may ask about.
const MOST_RESIDENCY: u64 = 8 * image::SCRATCH_LEN;
/// Where user addresses end on x86-64 with four levels of tables.
const USER_END: u64 = (1 << 47) - 4096;

/// The requests for one step by context `context`; the error says why there are none.
pub(super) fn requests(
    step: &Step,
    context: u64,
    segments: &[i32],
    files: usize,
) -> Result<(Vec<Request>, Meaning), String> {
    match step {
        Step::Touch(touch) => Ok((vec![touch_request(touch)], Meaning::Touch)),
        Step::Call(call) => call_requests(call, context, segments, files),
    }
}

pub(super) fn touch_request(touch: &Touch) -> Request {
    let kind = match touch.access {
        Access::Read => 0,
        Access::Write => 1,
        Access::Execute => 2,
    };
    let (content, seed) = match touch.content {
        Content::OneByte => (0, 0),
        Content::Byte(byte) => (1, u64::from(byte)),
        Content::Random(seed) => (2, seed),
    };
    let args = [touch.addr, touch.count, touch.stride, kind, content, seed, 0];
    Request { op: Op::Touch, args }
}

fn system_call(number: u64, args: &[u64]) -> Request {
    let mut words = [0; 7];
    words[0] = number;
    for (word, arg) in words[1..].iter_mut().zip(args) {
        *word = *arg;
    }
    Request { op: Op::Call, args: words }
}

/// Requests that put `bytes` at the start of the scratch.
pub(super) fn poke(bytes: &[u8]) -> Vec<Request> {
    let piece = |(number, piece): (usize, &[u8])| {
        let mut args = [0; 7];
        args[0] = (number * POKE_LEN) as u64;
        args[1] = piece.len() as u64;
        for (word, bytes) in args[2..].iter_mut().zip(piece.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_ne_bytes(whole);
        }
        Request { op: Op::Poke, args }
    };
    bytes.chunks(POKE_LEN).enumerate().map(piece).collect()
}

/// A descriptor as a register; the actor's own are none that the program has.
fn handle(fd: i32) -> u64 {
    let fd = if fd >= actor::HANDLES { actor::HANDLES - 1 } else { fd };
    i64::from(fd).cast_unsigned()
}

fn call_requests(
    call: &Call,
    context: u64,
    segments: &[i32],
    files: usize,
) -> Result<(Vec<Request>, Meaning), String> {
    let scratch = image::scratch(context);
    let one = |number: u64, args: &[u64]| Ok((vec![system_call(number, args)], Meaning::Value));
    match *call {
        Call::Mmap { addr, len, prot, flags, fd, offset } => {
            one(9, &[addr, len, prot.0.into(), flags.0.into(), handle(fd), offset])
        }
        Call::Munmap { addr, len } => one(11, &[addr, len]),
        Call::Mprotect { addr, len, prot } => one(10, &[addr, len, prot.0.into()]),
        Call::Mremap { addr, old_len, new_len, flags, new_addr } => {
            one(25, &[addr, old_len, new_len, flags.0.into(), new_addr])
        }
        Call::Madvise { addr, len, advice } => {
            one(28, &[addr, len, i64::from(advice.0).cast_unsigned()])
        }
        Call::Brk { addr } => one(12, &[addr]),
        Call::Mlock { addr, len } => one(149, &[addr, len]),
        Call::Mlock2 { addr, len, flags } => one(325, &[addr, len, flags.into()]),
        Call::Munlock { addr, len } => one(150, &[addr, len]),
        Call::Mlockall { flags } => one(151, &[flags.0.into()]),
        Call::Munlockall => one(152, &[]),
        Call::Msync { addr, len, flags } => one(26, &[addr, len, flags.0.into()]),
        Call::Mincore { addr, len } => residency_requests(addr, len, scratch),
        Call::Setrlimit { resource, soft, hard } => {
            let mut bytes = soft.to_ne_bytes().to_vec();
            bytes.extend(hard.to_ne_bytes());
            let mut all = poke(&bytes);
            all.push(system_call(302, &[0, resource.number().into(), scratch, 0]));
            Ok((all, Meaning::Value))
        }
        Call::Open { file, flags } => {
            if file >= files {
                return Err(format!("there is no file {file}; the scenario has {files}"));
            }
            let number = handles::FILES as usize + file;
            let mut all = poke(format!("/proc/self/fd/{number}\0").as_bytes());
            let here = i64::from(libc::AT_FDCWD).cast_unsigned();
            all.push(system_call(257, &[here, scratch, flags.0.into(), 0o666]));
            Ok((all, Meaning::Value))
        }
        Call::MemfdCreate { flags } => {
            let mut all = poke(b"memfd\0");
            all.push(system_call(319, &[scratch, flags.0.into()]));
            Ok((all, Meaning::Value))
        }
        Call::Close { fd } => one(3, &[handle(fd)]),
        Call::Pread { fd, offset, len } => pieces(17, fd, offset, len, scratch),
        Call::Pwrite { fd, offset, len } => written(fd, offset, len, scratch),
        Call::Ftruncate { fd, len } => one(77, &[handle(fd), len]),
        Call::Fallocate { fd, mode, offset, len } => {
            one(285, &[handle(fd), mode.into(), offset, len])
        }
        Call::Fsync { fd } => one(74, &[handle(fd)]),
        Call::Fadvise { fd, offset, len, advice } => {
            one(221, &[handle(fd), offset, len, i64::from(advice).cast_unsigned()])
        }
        Call::Shmget { len } => Ok((vec![system_call(29, &[0, len, 0o600])], Meaning::Segment)),
        Call::Shmat { id, addr, flags } => match segment(id, segments) {
            Some(id) => one(30, &[id, addr, flags.into()]),
            None => Ok((Vec::new(), Meaning::Known(Errno::EINVAL))),
        },
        Call::Shmdt { addr } => one(67, &[addr]),
        Call::ShmRemove { id } => match segment(id, segments) {
            Some(id) => one(31, &[id, 0, 0]),
            None => Ok((Vec::new(), Meaning::Known(Errno::EINVAL))),
        },
        Call::SetOomScoreAdj { .. } | Call::RunOn { .. } => {
            Err("written through a file of the kernel's".to_owned())
        }
        Call::SetMempolicy { mode, nodes, max_node } => {
            let (mut all, mask) = mask(nodes, max_node, scratch);
            all.push(system_call(238, &[mode.0.into(), mask, max_node]));
            Ok((all, Meaning::Value))
        }
        Call::Mbind { addr, len, mode, nodes, max_node, flags } => {
            let (mut all, mask) = mask(nodes, max_node, scratch);
            all.push(system_call(237, &[addr, len, mode.0.into(), mask, max_node, flags.0.into()]));
            Ok((all, Meaning::Value))
        }
        Call::Mseal { addr, len, flags } => one(462, &[addr, len, flags]),
        // PR_SET_MDWE
        Call::DenyWriteExec { flags } => one(157, &[65, flags, 0, 0, 0]),
        Call::Swapon { .. } | Call::Swapoff { .. } => {
            Err(format!("this machine is not ours to change: `{call}`"))
        }
    }
}

/// A mask of nodes where the kernel finds it: as many words as it reads, the others of which are 0.
fn mask(nodes: u64, max_node: u64, scratch: u64) -> (Vec<Request>, u64) {
    if nodes == 0 && max_node == 0 {
        return (Vec::new(), 0);
    }
    let words = max_node.div_ceil(64).clamp(1, image::SCRATCH_LEN / 8);
    let mut bytes = nodes.to_ne_bytes().to_vec();
    bytes.resize(usize::try_from(words).unwrap_or(1) * 8, 0);
    (poke(&bytes), scratch)
}

/// The requests that switch the swap on this device on or off; `None`: another call.
pub(super) fn swap_requests(
    call: &Call,
    device: &str,
    context: u64,
) -> Option<(Vec<Request>, Meaning)> {
    let scratch = image::scratch(context);
    let args = match *call {
        Call::Swapon { priority, .. } => {
            // SWAP_FLAG_PREFER
            let priority = priority.and_then(|priority| u64::try_from(priority).ok());
            (167, [scratch, priority.map_or(0, |priority| 0x8000 | priority)])
        }
        Call::Swapoff { .. } => (168, [scratch, 0]),
        _ => return None,
    };
    let mut all = poke(format!("{device}\0").as_bytes());
    all.push(system_call(args.0, &args.1));
    Some((all, Meaning::Value))
}

/// The kernel's id of a segment, as a register.
fn segment(id: i32, segments: &[i32]) -> Option<u64> {
    let id = *segments.get(usize::try_from(id).ok()?)?;
    u64::try_from(id).ok()
}

/// `mincore` in pieces of what fits into the scratch.
fn residency_requests(
    addr: u64,
    len: u64,
    scratch: u64,
) -> Result<(Vec<Request>, Meaning), String> {
    let refused = !addr.is_multiple_of(4096)
        || addr.checked_add(len).is_none_or(|end| end > USER_END)
        || len == 0;
    if refused {
        // The kernel says no before it writes anything.
        return Ok((vec![system_call(27, &[addr, len, scratch])], Meaning::Value));
    }
    if len.div_ceil(4096) > MOST_RESIDENCY {
        return Err(format!("mincore over {len} bytes is more than the actor has room for"));
    }
    let mut all = Vec::new();
    let mut at = 0;
    while at < len {
        let piece = (len - at).min(image::SCRATCH_LEN * 4096);
        all.push(system_call(27, &[addr + at, piece, scratch]));
        all.push(Request { op: Op::Peek, args: [0, piece.div_ceil(4096), 0, 0, 0, 0, 0] });
        at += piece;
    }
    Ok((all, Meaning::Residency))
}

/// `pwrite`, as the one call that a program makes, for file systems keep together what is written in one go:
/// what does not fit into the scratch is written from there several times (`pwritev`).
fn written(
    fd: i32,
    offset: u64,
    len: u64,
    scratch: u64,
) -> Result<(Vec<Request>, Meaning), String> {
    let segments = len.div_ceil(image::SCRATCH_LEN);
    if segments > MOST_SEGMENTS {
        return pieces(18, fd, offset, len, scratch);
    }
    if segments <= 1 {
        let write = system_call(18, &[handle(fd), scratch, len, offset]);
        return Ok((vec![write], Meaning::Value));
    }
    let mut bytes = Vec::new();
    let mut left = len;
    while left > 0 {
        let some = left.min(image::SCRATCH_LEN);
        bytes.extend(scratch.to_ne_bytes());
        bytes.extend(some.to_ne_bytes());
        left -= some;
    }
    let mut all = poke(&bytes);
    all.push(system_call(296, &[handle(fd), scratch, segments, offset, 0]));
    Ok((all, Meaning::Value))
}

/// `pread` or `pwrite` in pieces of the scratch, which end where pages do: no page is used by two of them.
fn pieces(
    number: u64,
    fd: i32,
    offset: u64,
    len: u64,
    scratch: u64,
) -> Result<(Vec<Request>, Meaning), String> {
    let fd = handle(fd);
    if len > MOST_AT_ONCE {
        return Err(format!(
            "a read or write of {len} bytes is more than the {MOST_AT_ONCE} that the actor does at once"
        ));
    }
    let first = len.min(image::SCRATCH_LEN - offset % image::SCRATCH_LEN);
    let mut all = vec![system_call(number, &[fd, scratch, first, offset])];
    let mut at = first;
    while at < len {
        let piece = (len - at).min(image::SCRATCH_LEN);
        all.push(system_call(number, &[fd, scratch, piece, offset.wrapping_add(at)]));
        at += piece;
    }
    Ok((all, Meaning::Sum { first }))
}

/// The register's value as a result.
pub(super) fn value(register: u64) -> Result<u64, Errno> {
    match u16::try_from(register.wrapping_neg()) {
        Ok(errno @ 1..=4095) => Err(Errno(errno)),
        _ => Ok(register),
    }
}

/// What a touch's answer says.
pub(super) fn touched(answer: &actor::Answer) -> Touched {
    let signal = u8::try_from(answer.signal).unwrap_or(u8::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "an i32 widened by the actor")]
    let code = answer.code.cast_signed() as i32;
    let stopped =
        (signal != 0).then_some(Stop::Signal(Fault { signal, code, address: answer.address }));
    Touched { done: answer.value, stopped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_the_last_page_of_values() {
        assert_eq!(value(12_u64.wrapping_neg()), Err(Errno::ENOMEM));
        assert_eq!(value(4095_u64.wrapping_neg()), Err(Errno(4095)));
        assert_eq!(value(4096_u64.wrapping_neg()), Ok(4096_u64.wrapping_neg()));
        assert_eq!(value(0), Ok(0));
    }

    #[test]
    fn a_write_of_some_pages_is_one_call() {
        let call = |len| {
            let (requests, _) = written(3, 100, len, 0x1000).unwrap();
            let calls: Vec<[u64; 7]> = requests
                .into_iter()
                .filter(|request| request.op == Op::Call)
                .map(|request| request.args)
                .collect();
            calls
        };
        assert_eq!(call(4096), [[18, 3, 0x1000, 4096, 100, 0, 0]]);
        assert_eq!(call(4096 * 2 + 1), [[296, 3, 0x1000, 3, 100, 0, 0]]);
        assert_eq!(call(4096 * 64 + 1).len(), 65);
    }

    #[test]
    fn descriptors_of_the_actor_are_not_the_programs() {
        assert_eq!(handle(-1), u64::MAX);
        assert_eq!(handle(3), 3);
        assert_eq!(handle(handles::SOCKET), 499);
    }
}
