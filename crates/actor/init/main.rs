//! Init: the first process of a virtual machine, which does for the lab what it is told.
//!
//! Built by `crates/lab/build.rs` like the actor, with which it is all that is in the machine: no shell,
//! no library. It arranges no more than the channel (see `src/remote.rs`); file systems, modules, swap,
//! cgroups and processes are the lab's steps. Its own memory is a few pages, which are locked: it takes
//! none while the machine runs out of it.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[path = "../src/remote.rs"]
#[allow(dead_code, reason = "the lab uses the rest")]
mod remote;
mod sys;
#[path = "../src/wire.rs"]
#[allow(dead_code, reason = "the actor and the lab use it")]
mod wire;

use remote::{
    COUNT, DONE, ENDS_ON_ERROR, ENDS_ON_NOTHING, FROM_BITS, MOST_STEPS, READ_FILE, SPAWN, STEP_LEN,
    STEPS, VALUES, WRITE_FILE,
};

/// Performs batches for ever.
fn serve(bell: u64) -> ! {
    sys::ring_back(bell);
    loop {
        sys::wait_for_ring(bell);
        let count = sys::word(COUNT).min(MOST_STEPS);
        let mut done = 0;
        while done < count {
            let (value, last) = step(done);
            sys::set_word(VALUES + done * 8, value);
            done += 1;
            if last {
                break;
            }
        }
        sys::set_word(DONE, done);
        sys::ring_back(bell);
    }
}

/// Performs one step: its value, and whether the batch ends behind it.
fn step(number: u64) -> (u64, bool) {
    let at = STEPS + number * STEP_LEN;
    let word = |place: u64| sys::word(at + place * 8);
    let (what, from) = (word(0), word(7));
    let mut args = [0; 6];
    let mut place = 0;
    for arg in &mut args {
        let earlier = from >> (place * FROM_BITS) & ((1 << FROM_BITS) - 1);
        *arg = if earlier == 0 { word(place + 1) } else { sys::word(VALUES + (earlier - 1) * 8) };
        place += 1;
    }
    let value = match what & 0xffff_ffff {
        READ_FILE => sys::read_file(args[0], args[1], args[2]),
        WRITE_FILE => sys::write_file(args[0], args[1], args[2]),
        SPAWN => sys::spawn(args[0]),
        call => sys::call(call, args),
    };
    let failed = sys::failed(value);
    let ends = (what & ENDS_ON_ERROR != 0 && failed) || (what & ENDS_ON_NOTHING != 0 && value == 0);
    (value, ends)
}
