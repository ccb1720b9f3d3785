//! The functions that programs call, system calls, and the window into the file.
#![expect(unsafe_code, reason = "functions of C, system calls and shared memory")]

use crate::text::{Text, number};
use core::arch::{asm, global_asm};
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::{null_mut, write_volatile};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(n: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_free(ptr: *mut c_void);
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_valloc(size: usize) -> *mut c_void;
    fn __libc_pvalloc(size: usize) -> *mut c_void;
    fn __libc_mallopt(param: c_int, value: c_int) -> c_int;
    fn __errno_location() -> *mut c_int;
    fn gnu_get_libc_version() -> *const c_char;
    fn clock_gettime(clock: c_int, time: *mut [c_long; 2]) -> c_int;
}

// Before 2.34 these are of other libraries, which may not be there.
global_asm!(".weak pthread_key_create", ".weak pthread_setspecific", ".weak dlsym");
// Tables of `core` name it, and nothing here unwinds.
global_asm!(".hidden rust_eh_personality", ".global rust_eh_personality", "rust_eh_personality: ret");

/// The address of a weak symbol, 0 if there is none.
macro_rules! weak {
    ($function:ident, $name:literal) => {
        fn $function() -> usize {
            let address: usize;
            // SAFETY: reads an entry of the table of addresses, which the loader filled.
            unsafe {
                asm!(
                    concat!("mov {}, [rip + ", $name, "@GOTPCREL]"),
                    out(reg) address,
                    options(pure, readonly, nostack, preserves_flags)
                );
            }
            address
        }
    };
}

weak!(pthread_key_create, "pthread_key_create");
weak!(pthread_setspecific, "pthread_setspecific");
weak!(dlsym, "dlsym");

const EINVAL: c_int = 22;
const ENOMEM: c_int = 12;

const HEADER: usize = 4096;
const RECORD: usize = 32;
/// Bytes of the file that are mapped at once.
const WINDOW: usize = 1 << 20;
/// Threads that live at once.
const THREADS: usize = 1024;

/// What calls are numbered as in the file.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Verb {
    Malloc = 1,
    Calloc = 2,
    Realloc = 3,
    Free = 4,
    Memalign = 5,
    AlignedAlloc = 6,
    PosixMemalign = 7,
    Valloc = 8,
    Pvalloc = 9,
    Trim = 10,
    Mallopt = 11,
    ThreadExit = 12,
    Cut = 13,
}

/// All that changes. It is in memory that is empty in a child of `fork`.
struct State {
    lock: AtomicU32,
    /// Whether to record.
    on: AtomicU32,
    /// The thread that holds the lock, by its control block.
    owner: usize,
    window: *mut u8,
    /// Where in the window the next record goes.
    at: usize,
    /// Where in the file the window begins.
    offset: usize,
    /// Bytes that the file may have.
    limit: usize,
    /// Device and number of the file.
    file: [u64; 2],
    begin: u64,
    /// The release of glibc is 2.38 or later.
    strict_aligned_alloc: bool,
    key: Option<u32>,
    next_thread: u16,
    threads: [(usize, u16); THREADS],
    path: Text<4096>,
}

static STATE: AtomicPtr<State> = AtomicPtr::new(null_mut());
static BEGUN: AtomicU32 = AtomicU32::new(0);

fn call(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the callers pass what the call wants; the kernel checks the rest.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a[0], in("rsi") a[1],
            in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

const READ: usize = 0;
const CLOSE: usize = 3;
const FSTAT: usize = 5;
const MMAP: usize = 9;
const BRK: usize = 12;
const PWRITE: usize = 18;
const MADVISE: usize = 28;
const GETPID: usize = 39;
const FTRUNCATE: usize = 77;
const FUTEX: usize = 202;
const GETAFFINITY: usize = 204;
const OPENAT: usize = 257;
const FALLOCATE: usize = 285;

const AT_CWD: usize = -100_isize as usize;
const O_RDWR: usize = 2;
const O_NEW: usize = 0o100 | 0o200;
const O_CLOEXEC: usize = 0o2_000_000;

fn open(path: *const u8, flags: usize) -> Option<usize> {
    let fd = call(OPENAT, [AT_CWD, path as usize, flags | O_CLOEXEC, 0o600, 0, 0]);
    usize::try_from(fd).ok()
}

fn close(fd: usize) {
    call(CLOSE, [fd, 0, 0, 0, 0, 0]);
}

/// Device and number of a file.
fn identity(fd: usize) -> Option<[u64; 2]> {
    let mut stat = [0_u64; 18];
    let done = call(FSTAT, [fd, stat.as_mut_ptr() as usize, 0, 0, 0, 0]);
    (done == 0).then_some([stat[0], stat[1]])
}

fn map(at: usize, len: usize, flags: usize, fd: usize, offset: usize) -> Option<*mut u8> {
    let addr = call(MMAP, [at, len, 3, flags, fd, offset]);
    (addr > 0).then_some(addr as *mut u8)
}

/// Makes room in the file behind `offset` and maps it.
fn window(fd: usize, at: usize, offset: usize) -> Option<*mut u8> {
    const EOPNOTSUPP: isize = -95;
    // A full disk shows here; found while storing, it would end the program by SIGBUS.
    match call(FALLOCATE, [fd, 0, offset, WINDOW, 0, 0]) {
        0 => {}
        EOPNOTSUPP if call(FTRUNCATE, [fd, offset + WINDOW, 0, 0, 0, 0]) == 0 => {}
        _ => return None,
    }
    // MAP_SHARED, and MAP_FIXED if there is a window already.
    map(at, WINDOW, if at == 0 { 1 } else { 0x11 }, fd, offset)
}

fn now() -> u64 {
    let mut time = [0; 2];
    // SAFETY: CLOCK_MONOTONIC into two longs of our own.
    unsafe { clock_gettime(1, &raw mut time) };
    time[0] as u64 * 1_000_000 + time[1] as u64 / 1000
}

/// The control block of this thread, which is where its `fs` points.
fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: the first word of the control block is its own address on x86-64.
    unsafe { asm!("mov {}, fs:0", out(reg) pointer, options(nostack, readonly, preserves_flags)) };
    pointer
}

/// The value of a variable of the environment that the process was started with.
fn environment<const N: usize>(name: &[u8], value: &mut Text<N>) -> bool {
    let Some(fd) = open(c"/proc/self/environ".as_ptr().cast(), 0) else { return false };
    let mut buffer = [0_u8; 1024];
    // How much of the name was seen; None in another variable.
    let mut seen = Some(0);
    let mut found = false;
    'reading: loop {
        let n = call(READ, [fd, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0]);
        let Ok(n) = usize::try_from(n) else { break };
        if n == 0 {
            break;
        }
        for &byte in &buffer[..n] {
            match seen {
                _ if byte == 0 => {
                    if found {
                        break 'reading;
                    }
                    seen = Some(0);
                }
                Some(at) if at == name.len() => value.add(&[byte]),
                Some(at) if name[at] == byte => {
                    seen = Some(at + 1);
                    found = at + 1 == name.len();
                }
                _ => seen = None,
            }
        }
    }
    close(fd);
    found
}

/// The command line, spaces between its words.
fn command<const N: usize>(value: &mut Text<N>) {
    let Some(fd) = open(c"/proc/self/cmdline".as_ptr().cast(), 0) else { return };
    let mut buffer = [0_u8; 900];
    let n = call(READ, [fd, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0]);
    close(fd);
    let text = &buffer[..usize::try_from(n).unwrap_or(0)];
    let text = text.strip_suffix(b"\0").unwrap_or(text);
    for &byte in text {
        value.add(&[if byte == 0 { b' ' } else { byte }]);
    }
}

/// The state, on the first call of all; a null pointer if nothing is to be recorded.
#[cold]
fn begin() -> *mut State {
    if BEGUN.swap(1, Ordering::AcqRel) != 0 {
        // Another thread is at it; what it does is short.
        while BEGUN.load(Ordering::Acquire) == 1 {
            core::hint::spin_loop();
        }
        return STATE.load(Ordering::Acquire);
    }
    // Before the C library moves it.
    let brk = call(BRK, [0; 6]) as usize;
    let state = prepare(brk).unwrap_or(null_mut());
    STATE.store(state, Ordering::Release);
    BEGUN.store(2, Ordering::Release);
    state
}

fn prepare(brk: usize) -> Option<*mut State> {
    let size = size_of::<State>().next_multiple_of(4096);
    // MAP_PRIVATE | MAP_ANONYMOUS.
    let place: *mut State = map(0, size, 0x22, usize::MAX, 0)?.cast();
    const MADV_WIPEONFORK: usize = 18;
    if call(MADVISE, [place as usize, size, MADV_WIPEONFORK, 0, 0, 0]) != 0 {
        return None;
    }
    // SAFETY: new memory, large enough, zeroed, which is a value of every field; nobody else
    // knows it yet.
    let state = unsafe { &mut *place };
    state.path.clear();
    if !environment(b"OOMPH_TRACE_FILE=", &mut state.path) {
        return None;
    }
    let mut limit = Text::<32>::new();
    environment(b"OOMPH_TRACE_LIMIT=", &mut limit);
    state.limit = number(limit.bytes()) as usize;
    let pid = call(GETPID, [0; 6]) as u64;
    let fd = open(state.path.whole().as_ptr(), O_RDWR | O_NEW).or_else(|| {
        state.path.add_number(b".", pid, 10);
        open(state.path.whole().as_ptr(), O_RDWR | O_NEW)
    })?;
    let header = header(brk, pid, state);
    let bytes = header.whole();
    let written = call(PWRITE, [fd, bytes.as_ptr() as usize, HEADER, 0, 0, 0]);
    state.offset = HEADER;
    state.file = identity(fd)?;
    let mapped = (written == HEADER as isize).then(|| window(fd, 0, HEADER)).flatten();
    close(fd);
    state.window = mapped?;
    state.begin = now();
    let create = pthread_key_create();
    if create != 0 && pthread_setspecific() != 0 {
        type Create = unsafe extern "C" fn(*mut u32, unsafe extern "C" fn(*mut c_void)) -> c_int;
        let mut key = 0;
        // SAFETY: the address is that of the function with this signature.
        let made = unsafe { core::mem::transmute::<usize, Create>(create)(&raw mut key, thread_ends) };
        // Values of the first 32 keys are stored in the thread itself; others would allocate.
        state.key = (made == 0 && key < 32).then_some(key);
    }
    state.on.store(1, Ordering::Release);
    Some(place)
}

fn header(brk: usize, pid: u64, state: &mut State) -> Text<HEADER> {
    let mut header = Text::<HEADER>::new();
    header.add(b"oomph-heap-trace 1 binary\n");
    header.add_number(b"pid ", pid, 10);
    header.add(b"\n");
    let mut words = Text::<1024>::new();
    command(&mut words);
    header.add_line(b"command", words.bytes());
    header.add_number(b"page ", 4096, 10);
    header.add_number(b"\nbrk ", brk as u64, 16);
    let mut mask = [0_u64; 128];
    let got = call(GETAFFINITY, [0, size_of_val(&mask), mask.as_mut_ptr() as usize, 0, 0, 0]);
    if got > 0 {
        let cpus = mask.iter().map(|word| u64::from(word.count_ones())).sum();
        header.add_number(b"\ncpus ", cpus, 10);
    }
    header.add(b"\n");
    // SAFETY: the function returns a text that ends with a zero.
    let glibc = unsafe { core::ffi::CStr::from_ptr(gnu_get_libc_version()) }.to_bytes();
    header.add_line(b"glibc", glibc);
    state.strict_aligned_alloc = glibc.strip_prefix(b"2.").is_some_and(|minor| number(minor) >= 38);
    let mut tunables = Text::<1024>::new();
    if environment(b"GLIBC_TUNABLES=", &mut tunables) {
        header.add_line(b"tunables", tunables.bytes());
    }
    header.add(b"\n");
    header
}

/// The lock, held: one call and its record at a time.
struct Held {
    state: *mut State,
}

/// `None` if this call is not to be recorded.
#[inline]
fn hold() -> Option<Held> {
    let mut state = STATE.load(Ordering::Acquire);
    if state.is_null() {
        if BEGUN.load(Ordering::Acquire) == 2 {
            return None;
        }
        state = begin();
        if state.is_null() {
            return None;
        }
    }
    // SAFETY: the state lives as long as the process; its lock and switch are atomic.
    let (lock, on) = unsafe { (&(*state).lock, &(*state).on) };
    if on.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let own = thread_pointer();
    if lock.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
        // SAFETY: only this thread writes its own address there.
        if unsafe { (&raw const (*state).owner).read_volatile() } == own {
            // A handler of a signal inside a call: it must not wait for itself.
            return None;
        }
        while lock.swap(2, Ordering::Acquire) != 0 {
            call(FUTEX, [lock.as_ptr() as usize, 128, 2, 0, 0, 0]);
        }
    }
    // SAFETY: under the lock.
    unsafe { write_volatile(&raw mut (*state).owner, own) };
    Some(Held { state })
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: under the lock, which is given up here.
        unsafe {
            write_volatile(&raw mut (*self.state).owner, 0);
            let lock = &(*self.state).lock;
            if lock.swap(0, Ordering::Release) == 2 {
                call(FUTEX, [lock.as_ptr() as usize, 129, 1, 0, 0, 0]);
            }
        }
    }
}

impl Held {
    #[inline]
    fn state(&mut self) -> &mut State {
        // SAFETY: under the lock nobody else looks at it but for the lock, the switch and the
        // owner, of which the first two are atomic and the third is its own thread's.
        unsafe { &mut *self.state }
    }

    #[inline]
    fn record(&mut self, verb: Verb, ptr: usize, first: usize, second: usize) {
        let thread = self.thread();
        let state = self.state();
        if state.on.load(Ordering::Relaxed) == 0 {
            return;
        }
        let time = now().saturating_sub(state.begin);
        if state.at == WINDOW && !state.next_window() {
            return;
        }
        state.write(verb, thread, time, [ptr, first, second]);
    }

    /// The number of this thread.
    #[inline]
    fn thread(&mut self) -> u16 {
        let own = thread_pointer();
        let state = self.state();
        match state.threads.iter().take_while(|(pointer, _)| *pointer != 0).find(|(p, _)| *p == own) {
            Some((_, number)) => *number,
            None => state.new_thread(own),
        }
    }
}

/// In place of the pointer of a thread that ended.
const ENDED: usize = 1;

impl State {
    #[cold]
    fn new_thread(&mut self, own: usize) -> u16 {
        let number = self.next_thread;
        self.next_thread = number.saturating_add(1);
        if let Some(slot) = self.threads.iter_mut().find(|(pointer, _)| *pointer <= ENDED) {
            *slot = (own, number);
        }
        if let Some(key) = self.key {
            type Set = unsafe extern "C" fn(u32, usize) -> c_int;
            // SAFETY: the address is that of the function with this signature, and was there when
            // the key was made.
            unsafe { core::mem::transmute::<usize, Set>(pthread_setspecific())(key, 1) };
        }
        number
    }

    #[inline]
    fn write(&mut self, verb: Verb, thread: u16, time: u64, words: [usize; 3]) {
        // SAFETY: `at` leaves room for a record in the window.
        let place = unsafe { self.window.add(self.at) }.cast::<u64>();
        let first = verb as u64 | u64::from(thread) << 8 | time << 24;
        // SAFETY: as above; the window begins on a page and records are 32 bytes. The first word is written last,
        // so that a record that is there is whole.
        unsafe {
            write_volatile(place.add(1), words[0] as u64);
            write_volatile(place.add(2), words[1] as u64);
            write_volatile(place.add(3), words[2] as u64);
            write_volatile(place, first);
        }
        self.at += RECORD;
    }

    /// Maps the next piece of the file; false if the recording is over.
    #[cold]
    fn next_window(&mut self) -> bool {
        let next = self.offset + WINDOW;
        let over = self.limit != 0 && next + WINDOW > self.limit;
        let mapped = if over { None } else { self.follow(next) };
        if mapped.is_some() {
            self.offset = next;
            self.at = 0;
            return true;
        }
        let time = now().saturating_sub(self.begin);
        // In the place of the last call.
        self.at -= RECORD;
        self.write(Verb::Cut, 0, time, [0; 3]);
        self.on.store(0, Ordering::Release);
        false
    }

    /// The file is opened anew, since a program may close what it did not open.
    fn follow(&mut self, offset: usize) -> Option<*mut u8> {
        let fd = open(self.path.whole().as_ptr(), O_RDWR)?;
        let same = identity(fd) == Some(self.file);
        let mapped = if same { window(fd, self.window as usize, offset) } else { None };
        close(fd);
        mapped
    }
}

/// At the end of a thread, before the allocator's own part of it: called up to four times, as other
/// destructors may still allocate.
unsafe extern "C" fn thread_ends(round: *mut c_void) {
    let Some(mut held) = hold() else { return };
    const ROUNDS: usize = 4;
    if (round as usize) < ROUNDS
        && let Some(key) = held.state().key
    {
        type Set = unsafe extern "C" fn(u32, usize) -> c_int;
        // SAFETY: as where the key is first set.
        unsafe {
            core::mem::transmute::<usize, Set>(pthread_setspecific())(key, round as usize + 1);
        }
        return;
    }
    held.record(Verb::ThreadExit, 0, 0, 0);
    let own = thread_pointer();
    if let Some(slot) = held.state().threads.iter_mut().find(|(pointer, _)| *pointer == own) {
        slot.0 = ENDED;
    }
}

/// Calls the C library's function, and records it.
macro_rules! recorded {
    ($real:expr, |$held:ident, $result:ident| $record:expr) => {{
        match hold() {
            None => {
                // SAFETY: the caller's promises are those of the function that is called.
                unsafe { $real }
            }
            Some(mut $held) => {
                // SAFETY: as above.
                let $result = unsafe { $real };
                $record;
                $result
            }
        }
    }};
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    recorded!(__libc_malloc(size), |held, ptr| held.record(Verb::Malloc, ptr as usize, size, 0))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(n: usize, size: usize) -> *mut c_void {
    recorded!(__libc_calloc(n, size), |held, ptr| held.record(Verb::Calloc, ptr as usize, n, size))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    recorded!(__libc_realloc(old, size), |held, ptr| {
        held.record(Verb::Realloc, ptr as usize, size, old as usize);
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(ptr: *mut c_void) {
    if !ptr.is_null() {
        recorded!(__libc_free(ptr), |held, done| {
            let () = done;
            held.record(Verb::Free, ptr as usize, 0, 0);
        });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    recorded!(__libc_memalign(align, size), |held, ptr| {
        held.record(Verb::Memalign, ptr as usize, size, align);
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    let state = STATE.load(Ordering::Acquire);
    // SAFETY: written once before the state is known.
    let strict = !state.is_null() && unsafe { (*state).strict_aligned_alloc };
    if strict && !align.is_power_of_two() {
        // SAFETY: the address of this thread's number.
        unsafe { *__errno_location() = EINVAL };
        return null_mut();
    }
    recorded!(__libc_memalign(align, size), |held, ptr| {
        held.record(Verb::AlignedAlloc, ptr as usize, size, align);
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_multiple_of(size_of::<usize>()) || !(align / size_of::<usize>()).is_power_of_two() {
        return EINVAL;
    }
    let ptr = recorded!(__libc_memalign(align, size), |held, ptr| {
        held.record(Verb::PosixMemalign, ptr as usize, size, align);
    });
    if ptr.is_null() {
        return ENOMEM;
    }
    // SAFETY: the caller's.
    unsafe { *to = ptr };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    recorded!(__libc_valloc(size), |held, ptr| held.record(Verb::Valloc, ptr as usize, size, 0))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    recorded!(__libc_pvalloc(size), |held, ptr| held.record(Verb::Pvalloc, ptr as usize, size, 0))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mallopt(param: c_int, value: c_int) -> c_int {
    recorded!(__libc_mallopt(param, value), |held, done| {
        held.record(Verb::Mallopt, 0, param as u32 as usize, value as u32 as usize);
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_trim(pad: usize) -> c_int {
    type Find = unsafe extern "C" fn(usize, *const c_char) -> usize;
    type Trim = unsafe extern "C" fn(usize) -> c_int;
    const NEXT: usize = usize::MAX;
    let find = dlsym();
    if find == 0 {
        return 0;
    }
    // SAFETY: the address is that of `dlsym`, which finds the function behind this library.
    let trim = unsafe { core::mem::transmute::<usize, Find>(find)(NEXT, c"malloc_trim".as_ptr()) };
    if trim == 0 {
        return 0;
    }
    // SAFETY: what was found is `malloc_trim`.
    let trim = unsafe { core::mem::transmute::<usize, Trim>(trim) };
    recorded!(trim(pad), |held, done| held.record(Verb::Trim, 0, pad, 0))
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    const KILL: usize = 231;
    loop {
        call(KILL, [127, 0, 0, 0, 0, 0]);
    }
}
