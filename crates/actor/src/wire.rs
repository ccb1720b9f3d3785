//! Requests and answers as bytes.

/// Bytes of a request.
pub const REQUEST_LEN: usize = 64;
/// Bytes of an answer.
pub const ANSWER_LEN: usize = 32;
/// Requests that fit in one batch.
pub const MOST_REQUESTS: usize = 64;
/// Bytes that one [`Op::Poke`] carries.
pub const POKE_LEN: usize = 40;

/// The lowest number that the actor uses for descriptors of its own; below are those of the program.
pub const HANDLES: i32 = 500;

/// Descriptors that the actor is started with.
pub mod handles {
    /// The actor's program, for exec.
    pub const PROGRAM: i32 = super::HANDLES;
    /// The socket of the first process.
    pub const SOCKET: i32 = super::HANDLES + 1;
    /// The first of the scenario's files.
    pub const FILES: i32 = super::HANDLES + 10;
    /// Where sockets go that come later.
    pub const SOCKETS: i32 = super::HANDLES + 200;
}

/// Flags of `clone(2)` for a fork: `CLONE_PARENT|SIGCHLD`. The child becomes the lab's, which can
/// wait for it, and not the actor's.
pub const CLONE_FORK: u64 = 0x8000 | 0x11;
/// For a vfork: and `CLONE_VM|CLONE_VFORK`.
pub const CLONE_VFORK: u64 = CLONE_FORK | 0x100 | 0x4000;
/// For a thread: `CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM`.
pub const CLONE_THREAD: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000;

/// What is asked for. The arguments are those of [`Request::args`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Op {
    /// A system call: number, six arguments. Answer: the value in the register.
    Call = 1,
    /// Accesses: address, count, stride, kind (0 read, 1 write, 2 execute), content (0 one byte, 1 this
    /// byte, 2 random), byte or seed. Answer: how many were done, and the signal that ended it.
    Touch = 2,
    /// Writes bytes to the scratch: offset, length, bytes.
    Poke = 3,
    /// Reads bytes of the scratch: offset, length. They follow the answer, padded to eight.
    Peek = 4,
    /// Makes a process, a vfork child or a thread: flags of `clone(2)`, context (0: a copy of the
    /// memory). The message carries its socket. Answer: the number of the process or the error; the
    /// new one says the same on its own socket when it is ready.
    Fork = 5,
    /// Gives the descriptor that came with the message this number.
    Place = 7,
    /// Replaces the image by a fresh one. An answer comes when the fresh one is ready.
    Exec = 6,
}

impl Op {
    /// The operation of that number.
    pub const fn from_number(number: u64) -> Option<Op> {
        match number {
            1 => Some(Op::Call),
            2 => Some(Op::Touch),
            3 => Some(Op::Poke),
            4 => Some(Op::Peek),
            5 => Some(Op::Fork),
            6 => Some(Op::Exec),
            7 => Some(Op::Place),
            _ => None,
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub op: Op,
    /// With what.
    pub args: [u64; 7],
}

impl Request {
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; REQUEST_LEN] {
        let mut bytes = [0; REQUEST_LEN];
        let words = core::iter::once(self.op as u64).chain(self.args);
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// The request in `bytes`; `None` for a number that is no operation.
    pub fn from_bytes(bytes: &[u8; REQUEST_LEN]) -> Option<Request> {
        let mut words = [0; 8];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(place.try_into().unwrap_or_default());
        }
        let [op, args @ ..] = words;
        Some(Request { op: Op::from_number(op)?, args })
    }
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer {
    /// The value in the register, or how much was done.
    pub value: u64,
    /// The signal that an access got; 0 is none.
    pub signal: u64,
    /// Its `si_code`, as a 32-bit number with a sign.
    pub code: u64,
    /// Its `si_addr`.
    pub address: u64,
}

impl Answer {
    /// An answer that is a value.
    pub const fn value(value: u64) -> Answer {
        Answer { value, signal: 0, code: 0, address: 0 }
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; ANSWER_LEN] {
        let mut bytes = [0; ANSWER_LEN];
        let words = [self.value, self.signal, self.code, self.address];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// The answer in `bytes`.
    pub fn from_bytes(bytes: &[u8; ANSWER_LEN]) -> Answer {
        let mut words = [0; 4];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(place.try_into().unwrap_or_default());
        }
        let [value, signal, code, address] = words;
        Answer { value, signal, code, address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_survive_the_wire() {
        let request = Request { op: Op::Peek, args: [1, 2, 3, 4, 5, 6, u64::MAX] };
        assert_eq!(Request::from_bytes(&request.to_bytes()), Some(request));
        let answer = Answer { value: 9, signal: 11, code: 1, address: 0x1000 };
        assert_eq!(Answer::from_bytes(&answer.to_bytes()), answer);
    }

    #[test]
    fn an_unknown_number_is_no_request() {
        assert_eq!(Request::from_bytes(&[7; REQUEST_LEN]), None);
    }
}
