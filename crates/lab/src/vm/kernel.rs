//! The kernel of a machine, as actors need it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use actor::image;
use actor::remote::SPAWN;
use world::Observation;

use super::batch::{Batch, Place, Then};
use super::guest::Guest;
use crate::Files;
use crate::actors::kernel::{Kernel, WaitStatus, piece_of};
use crate::host::observe::{NAMES, observation};

/// Where cgroups of version 2 are mounted.
pub(super) const CGROUPS: &str = "/cgroup";
/// Room for the text of one small file of `/proc`.
pub(super) const ROOM: u64 = 64 << 10;
/// Room for a text with a paragraph for each mapping.
const LARGE_ROOM: u64 = 1 << 20;
/// Seconds of the machine's own time after which an actor that does not answer is taken for lost.
const PATIENCE: i64 = 240;

/// A descriptor of init's.
#[derive(Debug)]
pub(super) struct Handle {
    guest: Rc<Guest>,
    number: u64,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.guest.close_some_time(self.number);
    }
}

/// The kernel that runs in a guest.
#[derive(Debug)]
pub(super) struct There {
    pub(super) guest: Rc<Guest>,
    /// The devices of its swap areas, in their order.
    pub(super) swap: RefCell<Vec<String>>,
}

impl There {
    /// A descriptor of init's as a value that closes it.
    pub(super) fn handle(&self, number: u64) -> Handle {
        Handle { guest: Rc::clone(&self.guest), number }
    }

    /// Performs a batch of one step; its value.
    pub(super) fn one(&self, batch: &Batch) -> io::Result<u64> {
        let values = self.guest.perform(batch)?;
        values.get(super::batch::Ref(batch.len().saturating_sub(1)))
    }

    /// Starts the actor that others are forked from; its number.
    pub(super) fn spawn(&self, socket: &Handle) -> io::Result<i32> {
        let mut batch = Batch::default();
        batch.step(SPAWN, [socket.number.into()], Then::Next);
        Ok(i32::try_from(self.one(&batch)?).unwrap_or(i32::MAX))
    }

    /// Writes to a file at once.
    pub(super) fn write_bytes(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut batch = Batch::default();
        let path = batch.text(path);
        let bytes = batch.bytes(bytes);
        batch.write_file(path, bytes);
        self.one(&batch).map(|_| ())
    }

    /// Opens a file of pressure, writes what a monitor asks for, and keeps it open.
    pub(super) fn watch(&self, path: &str, request: &str) -> io::Result<Handle> {
        let mut batch = Batch::default();
        let path = batch.text(path);
        let flags = u64::try_from(libc::O_RDWR | libc::O_NONBLOCK).unwrap_or_default();
        let here = i64::from(libc::AT_FDCWD).cast_unsigned();
        batch.call(libc::SYS_openat, [here.into(), path.into(), flags.into(), 0.into()]);
        let file = self.handle(self.one(&batch)?);
        let mut batch = Batch::default();
        // The last byte is not read (`psi_write()`): it is the 0 behind the text.
        let request = batch.text(request);
        batch.call(libc::SYS_write, [file.number.into(), request.into(), request.len.into()]);
        self.one(&batch)?;
        Ok(file)
    }

    /// Which of these files of pressure have an event.
    pub(super) fn woken(&self, files: &[Handle]) -> io::Result<Vec<bool>> {
        let mut batch = Batch::default();
        // `struct pollfd`: a descriptor, POLLPRI, and what is found.
        let entry = |file: &Handle| file.number & 0xffff_ffff | 2 << 32;
        let entries: Vec<u64> = files.iter().map(entry).collect();
        let list = batch.bytes(&words(&entries));
        batch.call(libc::SYS_poll, [list.into(), (files.len() as u64).into(), 0.into()]);
        self.one(&batch)?;
        let found = self.guest.read(list, list.len)?;
        Ok(found.chunks_exact(8).map(|entry| entry[6] & 2 != 0).collect())
    }

    /// Reads several files at once.
    pub(super) fn read_all(&self, paths: &[String]) -> io::Result<Vec<io::Result<Vec<u8>>>> {
        let mut texts = Vec::with_capacity(paths.len());
        for some in paths.chunks(40) {
            let mut batch = Batch::default();
            let places: Vec<Place> = some.iter().map(|path| batch.text(path)).collect();
            let steps: Vec<_> = places
                .into_iter()
                .map(|path| {
                    let room = batch.room(ROOM);
                    (batch.read_file(path, room), room)
                })
                .collect();
            let values = self.guest.perform(&batch)?;
            for (step, room) in steps {
                texts.push(values.get(step).and_then(|len| self.guest.read(room, len)));
            }
        }
        Ok(texts)
    }
}

impl Kernel for There {
    type Handle = Handle;
    type Folder = ();

    fn swap_area(&self, area: u8) -> Option<String> {
        self.swap.borrow().get(usize::from(area)).cloned()
    }

    fn pair(&self) -> io::Result<(Handle, Handle)> {
        let mut batch = Batch::default();
        let pair = batch.room(16);
        let kind = u64::try_from(libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC).unwrap_or_default();
        batch.call(libc::SYS_socketpair, [1.into(), kind.into(), 0.into(), pair.into()]);
        self.one(&batch)?;
        let bytes = self.guest.read(pair, 8)?;
        let number = |at: usize| {
            let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
            u64::from(u32::from_ne_bytes(word.unwrap_or_default()))
        };
        let (ours, theirs) = (self.handle(number(0)), self.handle(number(4)));
        let mut batch = Batch::default();
        let limit = batch.bytes(&words(&[PATIENCE.cast_unsigned(), 0]));
        // SOL_SOCKET, SO_RCVTIMEO.
        let args = [ours.number.into(), 1.into(), 20.into(), limit.into(), 16.into()];
        batch.call(libc::SYS_setsockopt, args);
        self.one(&batch)?;
        Ok((ours, theirs))
    }

    fn send(&self, socket: &Handle, bytes: &[u8], along: Option<&Handle>) -> io::Result<()> {
        let mut batch = Batch::default();
        let bytes = batch.bytes(bytes);
        let slice = batch.bytes(&words(&[bytes.address(), bytes.len]));
        // A header of 16 bytes (length 20, SOL_SOCKET, SCM_RIGHTS) and a descriptor, padded.
        let control = along.map(|along| {
            let mut control = words(&[20, 1 | 1 << 32, along.number]);
            control.truncate(24);
            batch.bytes(&control)
        });
        let (control, len) = control.map_or((0, 0), |control| (control.address(), 24));
        let header = batch.bytes(&words(&[0, 0, slice.address(), 1, control, len, 0]));
        // MSG_NOSIGNAL
        batch.call(libc::SYS_sendmsg, [socket.number.into(), header.into(), 0x4000.into()]);
        self.one(&batch).map(|_| ())
    }

    fn receive(&self, socket: &Handle) -> io::Result<Vec<u8>> {
        let mut batch = Batch::default();
        let room = batch.room(image::ANSWERS_LEN);
        let args =
            [socket.number.into(), room.into(), room.len.into(), 0.into(), 0.into(), 0.into()];
        batch.call(libc::SYS_recvfrom, args);
        match self.one(&batch) {
            Ok(len) => self.guest.read(room, len),
            Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => Ok(Vec::new()),
            Err(error) => Err(late(error)),
        }
    }

    fn exchange(&self, socket: &Handle, messages: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
        let mut answers = Vec::with_capacity(messages.len());
        let mut rest = messages;
        while !rest.is_empty() {
            let most = usize::try_from(WINDOW_ROOM / (image::REQUESTS_LEN + image::ANSWERS_LEN));
            let (some, others) = rest.split_at(rest.len().min(most.unwrap_or(1)));
            rest = others;
            let mut batch = Batch::default();
            let places: Vec<Place> = some.iter().map(|message| batch.bytes(message)).collect();
            let mut steps = Vec::new();
            for message in places {
                let room = batch.room(image::ANSWERS_LEN);
                let send = [
                    socket.number.into(),
                    message.into(),
                    message.len.into(),
                    0x4000.into(),
                    0.into(),
                    0.into(),
                ];
                let told = batch.step(libc::SYS_sendto.cast_unsigned(), send, Then::UnlessError);
                let args = [
                    socket.number.into(),
                    room.into(),
                    room.len.into(),
                    0.into(),
                    0.into(),
                    0.into(),
                ];
                let got = batch.step(libc::SYS_recvfrom.cast_unsigned(), args, Then::UnlessNothing);
                steps.push((told, got, room));
            }
            let values = match self.guest.perform(&batch) {
                Err(_) if self.guest.over().is_some() => self.guest.values_so_far(&batch)?,
                values => values?,
            };
            for (told, got, room) in steps {
                if values.len() <= told.0 {
                    return Ok(answers);
                }
                if let Err(error) = values.get(told) {
                    if crate::actors::kernel::gone(&error) {
                        return Ok(answers);
                    }
                    return Err(error);
                }
                if values.len() <= got.0 {
                    return Ok(answers);
                }
                match values.get(got) {
                    Ok(0) => return Ok(answers),
                    Ok(len) => answers.push(self.guest.read(room, len)?),
                    Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => {
                        return Ok(answers);
                    }
                    Err(error) => return Err(late(error)),
                }
            }
        }
        Ok(answers)
    }

    fn wait(&self, pid: i32, wait: bool) -> io::Result<Option<WaitStatus>> {
        let mut batch = Batch::default();
        let status = batch.room(16);
        let pid = i64::from(pid).cast_unsigned();
        let flags = u64::from(!wait);
        batch.call(libc::SYS_wait4, [pid.into(), status.into(), flags.into(), 0.into()]);
        if self.one(&batch)? == 0 {
            return Ok(None);
        }
        let bytes = self.guest.read(status, 4)?;
        let word = i32::from_ne_bytes(bytes.try_into().unwrap_or_default());
        Ok(Some(WaitStatus::from_word(word)))
    }

    fn kill(&self, pid: i32, signal: i32) {
        let number = |number: i32| i64::from(number).cast_unsigned();
        let mut batch = Batch::default();
        batch.call(libc::SYS_kill, [number(pid).into(), number(signal).into()]);
        // It fails when the process or the machine is gone.
        let _ = self.one(&batch);
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        self.write_bytes(path, text.as_bytes())
    }

    fn exists(&self, path: &str) -> bool {
        let mut batch = Batch::default();
        let path = batch.text(path);
        batch.call(libc::SYS_access, [path.into(), 0.into()]);
        self.one(&batch).is_ok()
    }

    fn hard_limit(&self, number: u32) -> u64 {
        let mut batch = Batch::default();
        let room = batch.room(16);
        let args = [0.into(), u64::from(number).into(), 0.into(), room.into()];
        batch.call(libc::SYS_prlimit64, args);
        let bytes = self.one(&batch).and_then(|_| self.guest.read(room, 16));
        let hard = bytes.ok().and_then(|bytes| Some(u64::from_ne_bytes(*bytes.last_chunk()?)));
        hard.unwrap_or(u64::MAX)
    }

    fn is_root(&self) -> bool {
        true
    }

    fn cgroups(&self) -> Option<Rc<str>> {
        Some(Rc::from(CGROUPS))
    }

    fn is_over(&self) -> bool {
        self.guest.over().is_some()
    }

    fn protects_actors(&self) -> bool {
        true
    }

    fn piece(&self, count: u64) -> u64 {
        piece_of(count)
    }

    fn observe(&self, (): &mut (), pid: i32, files: Files) -> io::Result<Observation> {
        let mut batch = Batch::default();
        let wanted: Vec<(usize, Place)> = (0..NAMES.len())
            .filter(|&place| files.has(Files::one(place)))
            .map(|place| (place, batch.text(&format!("/proc/{pid}/{}", NAMES[place]))))
            .collect();
        let steps: Vec<_> = wanted
            .into_iter()
            .map(|(place, path)| {
                let large = matches!(NAMES[place], "maps" | "smaps" | "numa_maps");
                let room = batch.room(if large { LARGE_ROOM } else { ROOM });
                (place, batch.read_file(path, room), room)
            })
            .collect();
        let values = self.guest.perform(&batch)?;
        let mut texts: [Option<Vec<u8>>; 8] = Default::default();
        for (place, step, room) in steps {
            let len = values.get(step)?;
            if len == room.len {
                let name = NAMES[place];
                return Err(io::Error::other(format!("{name} is longer than {len} bytes")));
            }
            texts[place] = Some(self.guest.read(room, len)?);
        }
        Ok(observation(texts))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut texts = self.read_all(&[path.to_owned()])?;
        texts.pop().unwrap_or_else(|| Err(io::Error::other("nothing was read")))
    }

    fn remove_segment(&self, id: i32) {
        let mut batch = Batch::default();
        let id = i64::from(id).cast_unsigned();
        batch.call(libc::SYS_shmctl, [id.into(), 0.into(), 0.into()]);
        // It fails when the segment or the machine is gone.
        let _ = self.one(&batch);
    }

    fn sleep(&self, nanoseconds: u64) -> io::Result<()> {
        const SECOND: u64 = 1_000_000_000;
        let mut left = nanoseconds;
        while left > 0 {
            let some = left.min(60 * SECOND);
            left -= some;
            let mut batch = Batch::default();
            let time = batch.bytes(&words(&[some / SECOND, some % SECOND]));
            batch.call(libc::SYS_nanosleep, [time.into(), 0.into()]);
            self.one(&batch)?;
        }
        Ok(())
    }
}

/// Bytes of the window for messages and answers, with room to spare.
const WINDOW_ROOM: u64 = 3 << 20;

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Says what a time limit of a socket means.
fn late(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EAGAIN) => {
            io::Error::other(format!("no answer in {PATIENCE} s of the machine's own time"))
        }
        _ => error,
    }
}
