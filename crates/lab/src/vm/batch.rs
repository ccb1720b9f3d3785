//! Steps for the init of a machine, gathered and written as it reads them.

use actor::remote::{
    DATA, ENDS_ON_ERROR, ENDS_ON_NOTHING, FROM_BITS, MOST_STEPS, READ_FILE, STEP_LEN, WINDOW,
    WINDOW_LEN, WRITE_FILE,
};

/// An argument of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arg {
    /// This number.
    Is(u64),
    /// The value of an earlier step.
    Of(Ref),
}

impl From<u64> for Arg {
    fn from(number: u64) -> Arg {
        Arg::Is(number)
    }
}

impl From<Ref> for Arg {
    fn from(step: Ref) -> Arg {
        Arg::Of(step)
    }
}

impl From<Place> for Arg {
    fn from(place: Place) -> Arg {
        Arg::Is(place.address())
    }
}

/// A step of a batch, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ref(pub(super) usize);

/// A place in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Where, counted from the start of the window.
    pub(super) offset: u64,
    /// Its length.
    pub(super) len: u64,
}

impl Place {
    /// Its address in the machine.
    pub(super) fn address(self) -> u64 {
        WINDOW + self.offset
    }
}

/// What a step does to the rest of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The next step follows, whatever came of it.
    Next,
    /// An error ends the batch.
    UnlessError,
    /// An error or 0 ends the batch.
    UnlessNothing,
}

/// A batch that grows.
#[derive(Debug, Default)]
pub(super) struct Batch {
    steps: Vec<u8>,
    data: Vec<u8>,
    /// How many bytes beyond `data` are for what steps write.
    rooms: u64,
}

impl Batch {
    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.steps.len() / usize::try_from(STEP_LEN).unwrap_or(64)
    }

    /// Whether `steps` more steps with `bytes` more bytes fit.
    pub(super) fn fits(&self, steps: u64, bytes: u64) -> bool {
        self.len() as u64 + steps <= MOST_STEPS && self.end().saturating_add(bytes) <= WINDOW_LEN
    }

    fn end(&self) -> u64 {
        DATA + self.data.len() as u64 + self.rooms
    }

    /// Puts bytes into the window. All of these come before the first [`Batch::room`].
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Place {
        debug_assert_eq!(self.rooms, 0, "bytes come before rooms");
        let place = Place { offset: self.end(), len: bytes.len() as u64 };
        self.data.extend_from_slice(bytes);
        self.data.resize(self.data.len().next_multiple_of(16), 0);
        place
    }

    /// Puts a path or a word into the window, with a zero byte behind it.
    pub(super) fn text(&mut self, text: &str) -> Place {
        let bytes: Vec<u8> = text.bytes().take_while(|byte| *byte != 0).chain([0]).collect();
        self.bytes(&bytes)
    }

    /// Keeps room for what a step writes.
    pub(super) fn room(&mut self, len: u64) -> Place {
        let place = Place { offset: self.end(), len };
        self.rooms += len.next_multiple_of(16);
        place
    }

    /// Adds a step.
    pub(super) fn step<const N: usize>(&mut self, what: u64, args: [Arg; N], then: Then) -> Ref {
        let rule = match then {
            Then::Next => 0,
            Then::UnlessError => ENDS_ON_ERROR,
            Then::UnlessNothing => ENDS_ON_ERROR | ENDS_ON_NOTHING,
        };
        let mut words = [0; 8];
        words[0] = what | rule;
        for (place, arg) in args.into_iter().enumerate().take(6) {
            match arg {
                Arg::Is(number) => words[place + 1] = number,
                Arg::Of(Ref(step)) => {
                    words[7] |= (step as u64 + 1) << (place as u64 * FROM_BITS);
                }
            }
        }
        self.steps.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        Ref(self.len() - 1)
    }

    /// Adds a system call.
    pub(super) fn call<const N: usize>(&mut self, number: i64, args: [Arg; N]) -> Ref {
        self.step(number.cast_unsigned(), args, Then::Next)
    }

    /// Adds the reading of a file.
    pub(super) fn read_file(&mut self, path: Place, room: Place) -> Ref {
        self.step(READ_FILE, [path.into(), room.into(), room.len.into()], Then::Next)
    }

    /// Adds the writing of a file.
    pub(super) fn write_file(&mut self, path: Place, bytes: Place) -> Ref {
        self.step(WRITE_FILE, [path.into(), bytes.into(), bytes.len.into()], Then::Next)
    }

    /// Its steps and its data, as they are put into the window.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        (&self.steps, &self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_is_an_earlier_value_is_named_by_its_step_plus_one() {
        let mut batch = Batch::default();
        let path = batch.text("/proc/meminfo");
        let open = batch.call(257, [0.into(), path.into()]);
        batch.step(0, [open.into(), 7.into(), open.into()], Then::UnlessNothing);
        let (steps, data) = batch.parts();
        let word = |at: usize| {
            steps[at * 8..at * 8 + 8].try_into().map(u64::from_ne_bytes).unwrap_or_default()
        };
        assert_eq!(word(0), 257);
        assert_eq!(word(2), WINDOW + DATA);
        assert_eq!(word(8), ENDS_ON_ERROR | ENDS_ON_NOTHING);
        assert_eq!((word(9), word(10)), (0, 7));
        assert_eq!(word(15), 1 | 1 << (2 * FROM_BITS));
        assert_eq!(data, b"/proc/meminfo\0\0\0");
    }

    #[test]
    fn rooms_lie_behind_the_data_and_end_with_the_window() {
        let mut batch = Batch::default();
        let text = batch.text("abc");
        let room = batch.room(100);
        assert_eq!((text.offset, room.offset), (DATA, DATA + 16));
        assert!(batch.fits(1, WINDOW_LEN - DATA - 16 - 112));
        assert!(!batch.fits(1, WINDOW_LEN - DATA - 16 - 111));
        assert!(!batch.fits(MOST_STEPS + 1, 0));
    }
}
