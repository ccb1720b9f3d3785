//! What of init is not plain Rust: its start, system calls, the window. x86-64.
#![expect(
    unsafe_code,
    reason = "without libc, each of these is a matter of registers and addresses"
)]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;
use core::ptr;

use crate::remote::{ACTOR, RING, RING_BACK, WINDOW, WINDOW_LEN};
use crate::wire::handles;

const SYS_READ: u64 = 0;
const SYS_WRITE: u64 = 1;
const SYS_CLOSE: u64 = 3;
const SYS_MMAP: u64 = 9;
const SYS_IOCTL: u64 = 16;
const SYS_DUP2: u64 = 33;
const SYS_FORK: u64 = 57;
const SYS_EXECVE: u64 = 59;
const SYS_EXIT: u64 = 60;
const SYS_PERSONALITY: u64 = 135;
const SYS_MLOCKALL: u64 = 151;
const SYS_MOUNT: u64 = 165;
const SYS_REBOOT: u64 = 169;
const SYS_OPENAT: u64 = 257;

const AT_FDCWD: u64 = -100_i64 as u64;
const O_RDWR: u64 = 2;
const O_WRONLY: u64 = 1;
const O_NOCTTY: u64 = 0o400;
const O_CLOEXEC: u64 = 0o2_000_000;
const ADDR_NO_RANDOMIZE: u64 = 0x4_0000;

global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    start = sym start,
);

/// A system call; the value as the kernel returned it.
pub fn call(number: u64, args: [u64; 6]) -> u64 {
    let [a, b, c, d, e, f] = args;
    let value;
    // SAFETY: init's own calls are below; those of the lab concern the window and other processes.
    unsafe {
        asm!("syscall", inlateout("rax") number => value, in("rdi") a, in("rsi") b, in("rdx") c,
             in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    value
}

/// Whether a value is an error.
pub fn failed(value: u64) -> bool {
    value > 4096_u64.wrapping_neg()
}

/// The word at this offset of the window.
pub fn word(offset: u64) -> u64 {
    if offset > WINDOW_LEN - 8 {
        return 0;
    }
    // SAFETY: the window is mapped, and the offset lies in it.
    unsafe { ptr::with_exposed_provenance::<u64>((WINDOW + offset) as usize).read_volatile() }
}

/// Writes the word at this offset of the window.
pub fn set_word(offset: u64, value: u64) {
    if offset > WINDOW_LEN - 8 {
        return;
    }
    let to = ptr::with_exposed_provenance_mut::<u64>((WINDOW + offset) as usize);
    // SAFETY: the window is mapped, and the offset lies in it.
    unsafe { to.write_volatile(value) };
}

fn address<T: ?Sized>(of: &T) -> u64 {
    (&raw const *of).cast::<u8>().expose_provenance() as u64
}

fn open(path: u64, flags: u64) -> u64 {
    call(SYS_OPENAT, [AT_FDCWD, path, flags | O_CLOEXEC, 0, 0, 0])
}

/// Waits until the lab has rung.
pub fn wait_for_ring(bell: u64) {
    let rings = [0_u8; RING.len()];
    let mut heard = 0;
    while heard < RING.len() as u64 {
        let left = RING.len() as u64 - heard;
        let got = call(SYS_READ, [bell, address(&rings), left, 0, 0, 0]);
        if !failed(got) {
            heard += got;
        }
    }
}

/// Tells the lab that a batch is done.
pub fn ring_back(bell: u64) {
    call(SYS_WRITE, [bell, address(&[RING_BACK]), 1, 0, 0, 0]);
}

/// Reads a file to its end.
pub fn read_file(path: u64, to: u64, room: u64) -> u64 {
    let fd = open(path, 0);
    if failed(fd) {
        return fd;
    }
    let mut len = 0;
    let value = loop {
        let got = call(SYS_READ, [fd, to + len, room - len, 0, 0, 0]);
        if failed(got) {
            break got;
        }
        len += got;
        if got == 0 || len == room {
            break len;
        }
    };
    call(SYS_CLOSE, [fd, 0, 0, 0, 0, 0]);
    value
}

/// Writes to a file at once.
pub fn write_file(path: u64, from: u64, len: u64) -> u64 {
    let fd = open(path, O_WRONLY);
    if failed(fd) {
        return fd;
    }
    let value = call(SYS_WRITE, [fd, from, len, 0, 0, 0]);
    call(SYS_CLOSE, [fd, 0, 0, 0, 0, 0]);
    value
}

/// Starts the actor with this socket.
pub fn spawn(socket: u64) -> u64 {
    let made = call(SYS_FORK, [0; 6]);
    if made != 0 {
        return made;
    }
    call(SYS_PERSONALITY, [ADDR_NO_RANDOMIZE, 0, 0, 0, 0, 0]);
    call(SYS_DUP2, [socket, handles::SOCKET as u64, 0, 0, 0, 0]);
    let program = open(address(ACTOR), 0);
    call(SYS_DUP2, [program, handles::PROGRAM as u64, 0, 0, 0, 0]);
    let null = open(address(b"/dev/null\0"), O_RDWR);
    for number in 0..3 {
        call(SYS_DUP2, [null, number, 0, 0, 0, 0]);
    }
    const { assert!(handles::SOCKET == 501) };
    let arguments = [address(b"actor\0"), address(b"501\0"), 0];
    let environment = [0_u64];
    call(SYS_EXECVE, [address(ACTOR), address(&arguments), address(&environment), 0, 0, 0]);
    loop {
        call(SYS_EXIT, [127, 0, 0, 0, 0, 0]);
    }
}

/// Where the machine's first process begins.
extern "C" fn start() -> ! {
    let mount = |kind: &[u8], place: &[u8]| {
        call(SYS_MOUNT, [address(kind), address(place), address(kind), 0, 0, 0]);
    };
    mount(b"devtmpfs\0", b"/dev\0");
    mount(b"sysfs\0", b"/sys\0");
    // What is mapped now; the window is a device's and needs no locking.
    call(SYS_MLOCKALL, [1, 0, 0, 0, 0, 0]);
    // The lab puts the device there.
    let device = open(address(b"/sys/bus/pci/devices/0000:00:10.0/resource2\0"), O_RDWR);
    let window = call(SYS_MMAP, [WINDOW, WINDOW_LEN, 3, 0x11, device, 0]);
    let bell = open(address(b"/dev/ttyS1\0"), O_RDWR | O_NOCTTY);
    if window != WINDOW || failed(bell) {
        give_up(b"oomph: the machine has no channel to the lab\n");
    }
    // `struct termios`: no processing of any kind; 8 bits, readable, 115200 baud.
    let mut settings = [0_u8; 60];
    settings[8..12].copy_from_slice(&(0x1002_u32 | 0o60 | 0o200 | 0o4000).to_ne_bytes());
    // VMIN: a read waits for one byte.
    settings[17 + 6] = 1;
    call(SYS_IOCTL, [bell, 0x5402, address(&settings), 0, 0, 0]);
    crate::serve(bell)
}

/// Says why on the console, and switches the machine off.
fn give_up(why: &[u8]) -> ! {
    call(SYS_WRITE, [1, address(why), why.len() as u64, 0, 0, 0]);
    loop {
        call(SYS_REBOOT, [0xfee1_dead, 0x2812_1969, 0x4321_fedc, 0, 0, 0]);
    }
}

/// The compiler calls it for assignments of arrays.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the contract of memcpy is the caller's.
    unsafe {
        asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") len => _,
             options(nostack));
    }
    to
}

/// The compiler calls it to zero arrays.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // SAFETY: the contract of memset is the caller's.
    unsafe {
        asm!("rep stosb", inout("rdi") to => _, in("al") byte as u8, inout("rcx") len => _,
             options(nostack));
    }
    to
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    give_up(b"oomph: init has panicked\n")
}
