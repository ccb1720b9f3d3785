//! Everything that is not plain Rust: start, system calls, signals, stacks. x86-64.
#![expect(
    unsafe_code,
    reason = "without libc, each of these is a matter of registers and addresses"
)]

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;
use core::ptr;

use crate::image;
use crate::wire::{ANSWER_LEN, Answer, CLONE_FORK, CLONE_THREAD, REQUEST_LEN, Request, handles};

pub const ENOSYS: u64 = 38;

const READ_WRITE_PAGE: u64 = 4096;
const SYS_RT_SIGACTION: u64 = 13;
const SYS_RECVMSG: u64 = 47;
const SYS_SENDTO: u64 = 44;
const SYS_DUP2: u64 = 33;
const SYS_CLONE: u64 = 56;
const SYS_EXIT: u64 = 60;
const SYS_FCNTL: u64 = 72;
const SYS_CLOSE: u64 = 3;
const SYS_SIGALTSTACK: u64 = 131;
const SYS_PRCTL: u64 = 157;
const SYS_GETTID: u64 = 186;
const SYS_EXIT_GROUP: u64 = 231;
const SYS_EXECVEAT: u64 = 322;

const SIGILL: u64 = 4;
const SIGTRAP: u64 = 5;
const SIGBUS: u64 = 7;
const SIGFPE: u64 = 8;
const SIGSEGV: u64 = 11;

/// The buffers of all contexts; nothing else may be in `.bss`.
#[repr(C, align(4096))]
struct Contexts([[u8; image::CONTEXT_LEN as usize]; image::CONTEXTS as usize]);

static mut CONTEXTS: Contexts =
    Contexts([[0; image::CONTEXT_LEN as usize]; image::CONTEXTS as usize]);

/// The end of the stack that the process began with.
#[unsafe(link_section = ".data")]
static mut STACK_TOP: u64 = 0;

/// What [`Context::execute`] leaves for the handler, which must find its way back whatever the
/// executed instruction did to the registers.
#[repr(C)]
struct Execution {
    /// Not 0 while an instruction somewhere else is being executed.
    active: u64,
    /// The stack pointer to return to.
    stack: u64,
    /// Where the jump goes.
    target: u64,
    signal: u64,
    code: u64,
    address: u64,
}

#[unsafe(no_mangle)]
#[unsafe(link_section = ".data")]
static mut EXECUTION: Execution =
    Execution { active: 0, stack: 0, target: 0, signal: 0, code: 0, address: 0 };

global_asm!(
    // The kernel enters here with the arguments on the stack.
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    // access(rdi addr, rsi count, rdx stride, rcx write, r8 *Answer). The handler sends a fault to
    // access_fault with r9 signal, r10 code, r11 address.
    ".globl actor_access",
    "actor_access:",
    "xor eax, eax",
    "xor r9d, r9d",
    "xor r10d, r10d",
    "xor r11d, r11d",
    "test rcx, rcx",
    "jnz 3f",
    "2:",
    "cmp rax, rsi",
    "jae 5f",
    "movzx ecx, byte ptr [rdi]",
    "add rdi, rdx",
    "inc rax",
    "jmp 2b",
    "3:",
    "cmp rax, rsi",
    "jae 5f",
    "mov byte ptr [rdi], 1",
    "add rdi, rdx",
    "inc rax",
    "jmp 3b",
    ".globl actor_access_fault",
    "actor_access_fault:",
    "5:",
    "mov [r8], rax",
    "mov [r8+8], r9",
    "mov [r8+16], r10",
    "mov [r8+24], r11",
    "ret",
    // execute(rdi target, rsi a writable byte): jumps there with the trap flag set, so that at most
    // one instruction is executed. No register names the target, so that whatever is executed there
    // is not taken for a failed fetch when it writes through one.
    ".globl actor_execute",
    "actor_execute:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "lea rax, [rip + EXECUTION]",
    "mov [rax+8], rsp",
    "mov [rax+16], rdi",
    "mov qword ptr [rax], 1",
    "mov rax, rsi",
    "mov rbx, rsi",
    "mov rcx, rsi",
    "mov rdx, rsi",
    "mov rdi, rsi",
    "mov rbp, rsi",
    "pushfq",
    "or qword ptr [rsp], 0x100",
    "popfq",
    "jmp qword ptr [rip + EXECUTION + 16]",
    ".globl actor_execute_back",
    "actor_execute_back:",
    "cld",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    // clone_vm(rdi flags, rsi stack, rdx word): the child calls {child} with the word.
    ".globl actor_clone_vm",
    "actor_clone_vm:",
    "sub rsi, 16",
    "mov [rsi], rdx",
    "mov qword ptr [rsi+8], 0",
    "xor edx, edx",
    "xor r10d, r10d",
    "xor r8d, r8d",
    "mov eax, 56",
    "syscall",
    "test rax, rax",
    "jz 2f",
    "ret",
    "2:",
    "xor ebp, ebp",
    "pop rdi",
    "pop rax",
    "call {child}",
    "ud2",
    ".globl actor_restore",
    "actor_restore:",
    "mov eax, 15",
    "syscall",
    start = sym start,
    child = sym child,
);

unsafe extern "C" {
    fn actor_access(addr: u64, count: u64, stride: u64, write: u64, answer: *mut Answer4);
    fn actor_access_fault();
    fn actor_execute(target: u64, byte: u64);
    fn actor_execute_back();
    fn actor_clone_vm(flags: u64, stack: u64, word: u64) -> u64;
    fn actor_restore();
}

/// Four words as `actor_access` writes them.
#[repr(C)]
struct Answer4([u64; 4]);

/// A system call; the value as the kernel returned it.
pub fn call(number: u64, args: [u64; 6]) -> u64 {
    let [a, b, c, d, e, f] = args;
    let value;
    // SAFETY: what the call does to memory is the wish of whoever runs the actor, who leaves the
    // image and the top of the stack alone.
    unsafe {
        asm!("syscall", inlateout("rax") number => value, in("rdi") a, in("rsi") b, in("rdx") c,
             in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    value
}

/// The register's value for an error.
pub const fn error(errno: u64) -> u64 {
    errno.wrapping_neg()
}

fn failed(value: u64) -> bool {
    value > error(4096)
}

/// The number of the calling thread.
pub fn own_id() -> u64 {
    call(SYS_GETTID, [0; 6])
}

/// Ends the calling thread, and with the last one the process.
pub fn exit_thread(status: u64) -> ! {
    loop {
        call(SYS_EXIT, [status, 0, 0, 0, 0, 0]);
    }
}

fn exit_process(status: u64) -> ! {
    loop {
        call(SYS_EXIT_GROUP, [status, 0, 0, 0, 0, 0]);
    }
}

/// Reads or writes one byte `count` times.
pub fn access(addr: u64, count: u64, stride: u64, write: u64) -> Answer {
    let mut words = Answer4([0; 4]);
    // SAFETY: the accesses that are not allowed end in the handler, which leads to the end of
    // `actor_access`; those that are allowed are the wish of whoever runs the actor.
    unsafe { actor_access(addr, count, stride, write, &raw mut words) };
    let Answer4([value, signal, code, address]) = words;
    Answer { value, signal, code, address }
}

/// Fills the page at `addr`, which has just been written: content 1 with the byte, 2 at random.
pub fn fill_page(addr: u64, content: (u64, u64)) {
    let page = addr & !(READ_WRITE_PAGE - 1);
    let mut state = content.1 ^ page ^ 0x9e37_79b9_7f4a_7c15;
    for at in (page..page + READ_WRITE_PAGE).step_by(8) {
        let word = if content.0 == 1 {
            (content.1 & 0xff) * 0x0101_0101_0101_0101
        } else {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        // SAFETY: the page is writable, for a byte of it has just been written.
        unsafe { ptr::with_exposed_provenance_mut::<u64>(at as usize).write_volatile(word) };
    }
}

/// One flow of control: its socket and its buffers.
pub struct Context {
    index: u64,
    socket: u64,
    /// A socket that came with the last batch.
    came: Option<u64>,
}

#[repr(C)]
struct Slice(u64, u64);

#[repr(C)]
struct MessageHeader {
    name: u64,
    name_len: u64,
    slices: u64,
    slices_len: u64,
    control: u64,
    control_len: u64,
    flags: u64,
}

impl Context {
    fn base(&self) -> u64 {
        (&raw mut CONTEXTS).expose_provenance() as u64 + self.index * image::CONTEXT_LEN
    }

    fn answers(&self) -> u64 {
        self.base() + image::REQUESTS_LEN
    }

    fn scratch(&self) -> u64 {
        self.answers() + image::ANSWERS_LEN
    }

    fn signal_stack(&self) -> u64 {
        self.scratch() + image::SCRATCH_LEN
    }

    fn stack_end(&self) -> u64 {
        self.base() + image::CONTEXT_LEN
    }

    /// Waits for a batch and returns its length; `None` when nobody will send one.
    pub fn receive(&mut self) -> Option<usize> {
        let slice = Slice(self.base(), image::REQUESTS_LEN);
        let control = [0_u64; 4];
        let mut header = MessageHeader {
            name: 0,
            name_len: 0,
            slices: (&raw const slice).expose_provenance() as u64,
            slices_len: 1,
            control: (&raw const control).expose_provenance() as u64,
            control_len: 24,
            flags: 0,
        };
        let at = (&raw mut header).expose_provenance() as u64;
        let len = call(SYS_RECVMSG, [self.socket, at, 0, 0, 0, 0]);
        if len == 0 || failed(len) {
            return None;
        }
        // SAFETY: both were written by the kernel behind the compiler's back.
        let (got, came) = unsafe {
            ((&raw const header.control_len).read_volatile(), (&raw const control).read_volatile())
        };
        self.came = None;
        if got >= 20 {
            let low = came[2] & 0xffff_ffff;
            let high = call(SYS_FCNTL, [low, 0, handles::SOCKETS as u64, 0, 0, 0]);
            call(SYS_CLOSE, [low, 0, 0, 0, 0, 0]);
            self.came = Some(high);
        }
        Some(len as usize)
    }

    /// The request at this offset of the batch.
    pub fn request(&self, at: usize) -> Option<Request> {
        let from = ptr::with_exposed_provenance::<[u8; REQUEST_LEN]>(self.base() as usize + at);
        // SAFETY: a batch lies whole in the buffer of requests.
        Request::from_bytes(&unsafe { from.read_volatile() })
    }

    /// Adds an answer and a range of the scratch behind `at`; how many bytes that is.
    pub fn write_answer(&self, at: usize, answer: Answer, extra: Option<(usize, usize)>) -> usize {
        let room = image::ANSWERS_LEN as usize;
        if at + ANSWER_LEN > room {
            return 0;
        }
        let to = self.answers() as usize + at;
        // SAFETY: the answer fits.
        unsafe {
            ptr::with_exposed_provenance_mut::<[u8; ANSWER_LEN]>(to)
                .write_volatile(answer.to_bytes());
        }
        let Some((offset, len)) = extra else { return ANSWER_LEN };
        let padded = len.next_multiple_of(8);
        if offset + len > image::SCRATCH_LEN as usize || at + ANSWER_LEN + padded > room {
            return ANSWER_LEN;
        }
        // SAFETY: both ranges lie in their buffers.
        unsafe {
            copy(self.scratch() as usize + offset, to + ANSWER_LEN, len);
        }
        ANSWER_LEN + padded
    }

    /// Sends what has been answered.
    pub fn send(&self, len: usize) {
        call(SYS_SENDTO, [self.socket, self.answers(), len as u64, 0x4000, 0, 0]);
    }

    /// Sends one answer.
    pub fn answer_one(&self, answer: Answer) {
        let len = self.write_answer(0, answer, None);
        self.send(len);
    }

    /// Writes the first `len` of `bytes` into the scratch.
    pub fn poke(&self, offset: usize, bytes: &[u8], len: usize) {
        if len <= bytes.len() && offset + len <= image::SCRATCH_LEN as usize {
            // SAFETY: both ranges lie in their buffers.
            unsafe {
                copy(bytes.as_ptr().expose_provenance(), self.scratch() as usize + offset, len)
            };
        }
    }

    /// Executes what is at `target`: one instruction at most.
    pub fn execute(&mut self, target: u64) -> Answer {
        let state = &raw mut EXECUTION;
        // SAFETY: the handler leads back to the end of `actor_execute`, whatever happens at the
        // target. One flow of control executes at a time, for the lab waits for its answer.
        unsafe {
            (&raw mut (*state).signal).write_volatile(0);
            (&raw mut (*state).code).write_volatile(0);
            (&raw mut (*state).address).write_volatile(0);
            actor_execute(target, self.scratch());
            (&raw mut (*state).active).write_volatile(0);
            Answer {
                value: 0,
                signal: (&raw const (*state).signal).read_volatile(),
                code: (&raw const (*state).code).read_volatile(),
                address: (&raw const (*state).address).read_volatile(),
            }
        }
    }

    /// Makes a copy of the process, or with a context a flow of control in the same memory.
    pub fn fork(&mut self, flags: u64, index: u64) -> u64 {
        let Some(socket) = self.came.take() else { return error(9) };
        if flags == CLONE_FORK {
            let made = call(SYS_CLONE, [flags, 0, 0, 0, 0, 0]);
            own_every_page();
            if made == 0 {
                keep_only(socket);
                die_with_parent();
                serve_as(self.index, socket);
            }
            call(SYS_CLOSE, [socket, 0, 0, 0, 0, 0]);
            return made;
        }
        if index == 0 || index >= image::CONTEXTS {
            return error(22);
        }
        let shares_handles = flags == CLONE_THREAD;
        let own_handles = u64::from(!shares_handles);
        let child = Context { index, socket, came: None };
        let word = index | socket << 16 | own_handles << 32;
        // SAFETY: the child has a stack of its own, and the context is not in use.
        let made = unsafe { actor_clone_vm(flags, child.stack_end(), word) };
        if !shares_handles || failed(made) {
            call(SYS_CLOSE, [socket, 0, 0, 0, 0, 0]);
        }
        made
    }

    /// Gives the descriptor that came with the batch this number.
    pub fn place(&mut self, number: u64) -> u64 {
        let Some(came) = self.came.take() else { return error(9) };
        let placed = call(SYS_DUP2, [came, number, 0, 0, 0, 0]);
        call(SYS_CLOSE, [came, 0, 0, 0, 0, 0]);
        placed
    }

    /// Starts the program anew, with the same socket; returns only when that failed.
    pub fn exec(&self) -> u64 {
        let mut number = *b"000\0";
        let mut left = self.socket;
        for digit in number[..3].iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        let address = |bytes: &[u8]| bytes.as_ptr().expose_provenance() as u64;
        let arguments = [address(b"actor\0"), address(&number), 0];
        let environment = [0_u64];
        let pointer = |words: &[u64]| words.as_ptr().expose_provenance() as u64;
        let empty = address(b"\0");
        let program = handles::PROGRAM as u64;
        call(SYS_EXECVEAT, [program, empty, pointer(&arguments), pointer(&environment), 0x1000, 0])
    }
}

/// Where a flow of control in shared memory begins.
extern "C" fn child(word: u64) -> ! {
    let socket = word >> 16 & 0xffff;
    if word >> 32 != 0 {
        keep_only(socket);
        die_with_parent();
    }
    serve_as(word & 0xffff, socket)
}

/// Closes the sockets that a new process has of its parent's flows of control, whose end would not be
/// seen otherwise. Those that come later have the lowest free numbers from [`handles::SOCKETS`] on.
fn keep_only(socket: u64) {
    let later = handles::SOCKETS as u64;
    let all = (later..later + 4 * image::CONTEXTS).chain([handles::SOCKET as u64]);
    for other in all.filter(|&other| other != socket) {
        call(SYS_CLOSE, [other, 0, 0, 0, 0, 0]);
    }
}

fn serve_as(index: u64, socket: u64) -> ! {
    let context = Context { index, socket, came: None };
    set_signal_stack(&context);
    crate::serve(context)
}

/// Where the program begins; `stack` holds the arguments as `execve` put them.
unsafe extern "C" fn start(stack: *const u64) -> ! {
    // SAFETY: argc and then argv, by the ABI; the lab gives two arguments.
    let socket = unsafe {
        if stack.read() < 2 {
            exit_process(101)
        }
        let top = (stack.expose_provenance() as u64 | 4095) + 1;
        (&raw mut STACK_TOP).write_volatile(top);
        decimal(ptr::with_exposed_provenance(stack.add(2).read() as usize))
    };
    own_every_page();
    handle_signals();
    serve_as(0, socket)
}

/// Reads one page in each mapping of the file and writes every page of the variables and of the
/// top of the stack, so that nothing of it is untouched or shared with another process.
fn own_every_page() {
    for page in (image::TEXT..image::DATA).step_by(4096) {
        // SAFETY: the page is part of the image, and readable.
        unsafe { ptr::with_exposed_provenance::<u8>(page as usize).read_volatile() };
    }
    for page in (image::DATA..image::END).step_by(4096) {
        own(page);
    }
    // SAFETY: written once, at the start.
    let top = unsafe { (&raw const STACK_TOP).read_volatile() };
    for page in 1..=image::STACK_PAGES_WRITTEN {
        own(top - page * 4096);
    }
}

/// Writes a byte of a page as it is, without reading it first: one fault and not two.
fn own(page: u64) {
    // SAFETY: the page is writable and ours; the byte keeps its value.
    unsafe { asm!("lock or byte ptr [{}], 0", in(reg) page, options(nostack)) };
}

/// The number that stands there in decimal.
unsafe fn decimal(mut text: *const u8) -> u64 {
    let mut number = 0_u64;
    loop {
        // SAFETY: the caller's text ends with a zero byte.
        let byte = unsafe { text.read() };
        if !byte.is_ascii_digit() {
            return number;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        text = text.wrapping_add(1);
    }
}

fn die_with_parent() {
    call(SYS_PRCTL, [1, 9, 0, 0, 0, 0]);
}

fn set_signal_stack(context: &Context) {
    let stack = [context.signal_stack(), 0, image::SIGNAL_STACK_LEN];
    call(SYS_SIGALTSTACK, [stack.as_ptr().expose_provenance() as u64, 0, 0, 0, 0, 0]);
}

fn handle_signals() {
    // SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER
    let flags = 4 | 0x0800_0000 | 0x4000_0000 | 0x0400_0000;
    let handler = handler as extern "C" fn(u64, *const u8, *mut u8) as usize as u64;
    let restorer = actor_restore as unsafe extern "C" fn() as usize as u64;
    let action = [handler, flags, restorer, 0];
    let at = action.as_ptr().expose_provenance() as u64;
    for signal in [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV] {
        call(SYS_RT_SIGACTION, [signal, at, 0, 8, 0, 0]);
    }
}

/// Registers in `ucontext.uc_mcontext`, as numbers of words.
const R8: usize = 0;
const R9: usize = 1;
const R10: usize = 2;
const R11: usize = 3;
const RSP: usize = 15;
const RIP: usize = 16;
const FLAGS: usize = 17;
const TRAP_FLAG: u64 = 0x100;

extern "C" fn handler(signal: u64, info: *const u8, context: *mut u8) {
    // SAFETY: the kernel hands a siginfo and a ucontext; the registers are its word 5 and following.
    let (code, address, registers) = unsafe {
        let code = info.add(8).cast::<i32>().read();
        let address = info.add(16).cast::<u64>().read();
        (code as i64 as u64, address, context.add(40).cast::<u64>())
    };
    let state = &raw mut EXECUTION;
    // SAFETY: as above; the state is ours.
    unsafe {
        let from = actor_access as *const () as u64;
        let fault = actor_access_fault as *const () as u64;
        let at = registers.add(RIP).read();
        if (from..fault).contains(&at) {
            registers.add(R9).write(signal);
            registers.add(R10).write(code);
            registers.add(R11).write(address);
            registers.add(RIP).write(fault);
            // What the answer is written through survives in r8.
            let _ = registers.add(R8).read();
            return;
        }
        if (*state).active == 0 {
            exit_process(100 + signal);
        }
        let target = (*state).target;
        if signal == SIGTRAP && at == target {
            // The jump itself was traced; the fetch comes now.
            return;
        }
        // A jump out of canonical addresses faults where it stands, or at its target.
        let own_code = (image::TEXT..image::RODATA).contains(&at) && at != target;
        // An instruction that was fetched may fail for its own reasons: that is no concern here.
        let canonical = (target.cast_signed() << 16 >> 16) == target.cast_signed();
        let refused = signal == SIGSEGV || signal == SIGBUS;
        let fetch = refused
            && (own_code || (at == target && (address == target || (code == 128 && !canonical))));
        if fetch {
            (*state).signal = signal;
            (*state).code = code;
            (*state).address = address;
        }
        registers.add(RSP).write((*state).stack);
        registers.add(RIP).write(actor_execute_back as *const () as u64);
        let flags = registers.add(FLAGS);
        flags.write(flags.read() & !TRAP_FLAG);
    }
}

/// Copies bytes, one by one, so that no library is asked to.
unsafe fn copy(from: usize, to: usize, len: usize) {
    for at in 0..len {
        // SAFETY: the caller's ranges are valid.
        unsafe {
            let byte = ptr::with_exposed_provenance::<u8>(from + at).read_volatile();
            ptr::with_exposed_provenance_mut::<u8>(to + at).write_volatile(byte);
        }
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
    exit_process(102)
}
