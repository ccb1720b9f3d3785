//! The actor: performs on its own memory what it is told over a socket.
//!
//! Built by `crates/lab/build.rs`: no standard library, no libc, no heap. See the crate's `src/lib.rs`
//! for what it promises about its memory.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[path = "../src/image.rs"]
#[allow(dead_code, reason = "the lab uses the rest")]
mod image;
mod sys;
#[path = "../src/wire.rs"]
#[allow(dead_code, reason = "the lab uses the rest")]
mod wire;

use sys::Context;
use wire::{ANSWER_LEN, Answer, Op, REQUEST_LEN, Request};

/// Takes batches from the socket of `context` until the other end is closed.
fn serve(mut context: Context) -> ! {
    context.answer_one(Answer::value(sys::own_id()));
    loop {
        let Some(len) = context.receive() else { sys::exit_thread(0) };
        let mut written = 0;
        let mut at = 0;
        while at + REQUEST_LEN <= len {
            let request = context.request(at);
            at += REQUEST_LEN;
            let (answer, extra) = match request {
                Some(request) => perform(&mut context, &request),
                None => (Answer::value(sys::error(sys::ENOSYS)), None),
            };
            written += context.write_answer(written, answer, extra);
        }
        context.send(written);
    }
}

/// Does one request. What comes second is a range of the scratch that goes along.
fn perform(context: &mut Context, request: &Request) -> (Answer, Option<(usize, usize)>) {
    let [a, b, c, d, e, f, g] = request.args;
    match request.op {
        Op::Call => (Answer::value(sys::call(a, [b, c, d, e, f, g])), None),
        Op::Touch => (touch(context, a, b, c, d, (e, f)), None),
        Op::Poke => {
            let bytes = [c, d, e, f, g].map(u64::to_ne_bytes);
            context.poke(a as usize, bytes.as_flattened(), b as usize);
            (Answer::value(0), None)
        }
        Op::Peek => (Answer::value(b), Some((a as usize, b as usize))),
        Op::Fork => (Answer::value(context.fork(a, b)), None),
        Op::Place => (Answer::value(context.place(a)), None),
        Op::Exec => (Answer::value(context.exec()), None),
    }
}

/// Accesses memory.
fn touch(
    context: &mut Context,
    addr: u64,
    count: u64,
    stride: u64,
    kind: u64,
    content: (u64, u64),
) -> Answer {
    if kind < 2 && (content.0 == 0 || kind == 0) {
        return sys::access(addr, count, stride, kind);
    }
    let mut at = addr;
    for done in 0..count {
        let answer = if kind == 2 { context.execute(at) } else { sys::access(at, 1, stride, 1) };
        if answer.signal != 0 {
            return Answer { value: done, ..answer };
        }
        if kind == 1 {
            sys::fill_page(at, content);
        }
        at = at.wrapping_add(stride);
    }
    Answer::value(count)
}

const _: () = assert!(ANSWER_LEN == 32 && REQUEST_LEN == 64);
