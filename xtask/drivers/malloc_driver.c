/* Plays a list of allocator calls on the C library it is linked with.
 *
 * Operations come from file descriptor 3, 24 bytes each; what they returned goes to file descriptor 4.
 * malloc_stats writes to standard error and malloc_info to standard output, as they would anyway. All buffers are static
 * and all input and output is by plain system calls, so the heap sees the operations and nothing
 * else. There is no start-up code but the few instructions below, so that the program can be
 * linked with the libc.so.6 of any release and of i386 without its headers.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ssize_t;
typedef struct FILE FILE;

struct mallinfo2_ { size_t field[10]; };
struct mallinfo_ { int field[10]; };
struct op { u8 code, thread; u16 flag; u32 slot; u64 a, b; };

/* Without it the library of i386 takes this for a program of 1997 and gives it streams of then. */
const int _IO_stdin_used = 0x20001;

extern FILE *stdout, *stderr;
extern char **environ;
void *malloc(size_t), *calloc(size_t, size_t), *realloc(void *, size_t);
void *memalign(size_t, size_t), *aligned_alloc(size_t, size_t);
void *valloc(size_t), *pvalloc(size_t);
void free(void *);
int posix_memalign(void **, size_t, size_t);
size_t malloc_usable_size(void *);
int malloc_trim(size_t), mallopt(int, int), malloc_info(int, FILE *);
void malloc_stats(void);
struct mallinfo2_ mallinfo2(void) __attribute__((weak));
struct mallinfo_ mallinfo(void);
void *sbrk(ssize_t);
int setvbuf(FILE *, char *, int, size_t), fflush(FILE *);
long syscall(long, ...);
ssize_t read(int, void *, size_t), write(int, const void *, size_t);
int open(const char *, int, ...), close(int);
int execve(const char *, char *const *, char *const *);
int personality(unsigned long);
void _exit(int) __attribute__((noreturn));
int pthread_create(unsigned long *, const void *, void *(*)(void *), void *);
int pthread_join(unsigned long, void **);
int pthread_attr_init(void *), pthread_attr_setstack(void *, void *, size_t);

#ifdef __x86_64__
__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rdx, %r9\n pop %rsi\n mov %rsp, %rdx\n"
        "and $-16, %rsp\n push %rax\n push %rsp\n xor %r8d, %r8d\n xor %ecx, %ecx\n"
        "mov $main, %rdi\n call __libc_start_main\n hlt\n");
enum { SYS_BRK = 12, SYS_MUNMAP = 11, SYS_MMAP = 9, SYS_FUTEX = 202, SYS_PRLIMIT = 302 };
#else
__asm__(".globl _start\n_start: xor %ebp, %ebp\n pop %esi\n mov %esp, %ecx\n and $-16, %esp\n"
        "push %eax\n push %esp\n push %edx\n push $0\n push $0\n push %ecx\n push %esi\n"
        "push $main\n call __libc_start_main\n hlt\n");
enum { SYS_BRK = 45, SYS_MUNMAP = 91, SYS_MMAP = 192, SYS_FUTEX = 240, SYS_PRLIMIT = 340 };
#endif

enum { SLOTS = 1 << 18, THREADS = 64, STACK = 64 << 10, AT_ONCE = 4096 };
enum {
    END, MALLOC, CALLOC, REALLOC, FREE, MEMALIGN, ALIGNED_ALLOC, POSIX_MEMALIGN, VALLOC, PVALLOC,
    USABLE, TRIM, MALLOPT, MALLINFO, STATS, INFO, SBRK, LIMIT, EXIT, WALL, SPAWN, TOUCH
};

static void *slots[SLOTS];
static char stacks[THREADS][STACK] __attribute__((aligned(4096)));
static unsigned long handles[THREADS];
static struct op ops[AT_ONCE];
static u32 have, at;
static u64 out[1 << 15];
static u32 filled;
static char text[1 << 16];
static volatile u32 turn;

static void put_bytes(const void *bytes, size_t len)
{
    const char *from = bytes;
    while (len > 0) {
        ssize_t done = write(4, from, len);
        if (done <= 0)
            _exit(3);
        from += done;
        len -= done;
    }
}

static void flush_out(void)
{
    put_bytes(out, filled * sizeof *out);
    filled = 0;
}

static void put(u64 value)
{
    if (filled == sizeof out / sizeof *out)
        flush_out();
    out[filled++] = value;
}

/* The next operation, without going past it. */
static struct op *next(void)
{
    if (at == have) {
        char *into = (char *)ops;
        size_t got = 0;
        ssize_t done;
        while (got < sizeof ops && (done = read(3, into + got, sizeof ops - got)) > 0)
            got += done;
        have = got / sizeof *ops;
        at = 0;
        if (have == 0) {
            ops[0].code = END;
            ops[0].thread = 0;
            have = 1;
        }
    }
    return &ops[at];
}

static void put_file(const char *path)
{
    u64 len = 0;
    ssize_t done;
    int fd = open(path, 0);
    while ((done = read(fd, text + len, sizeof text - len)) > 0)
        len += done;
    close(fd);
    put_bytes(&len, sizeof len);
    put_bytes(text, len);
}

static void wait_turn(u32 mine)
{
    u32 now;
    while ((now = turn) != mine)
        syscall(SYS_FUTEX, &turn, 0, now, (void *)0, (void *)0, 0);
}

static void give_turn(u32 to)
{
    turn = to;
    syscall(SYS_FUTEX, &turn, 1, 1 << 20, (void *)0, (void *)0, 0);
}

static void *worker(void *);

static void result(void *block)
{
    put((size_t)block);
    put(malloc_usable_size(block));
}

static void perform(struct op *op)
{
    void **slot = &slots[op->slot % SLOTS];
    void *block;
    size_t a = op->a, b = op->b;
    switch (op->code) {
    case MALLOC: *slot = malloc(a); break;
    case CALLOC: *slot = calloc(a, b); break;
    case REALLOC:
        block = realloc(*slot, a);
        if (block != 0 || a == 0)
            *slot = block;
        result(block);
        return;
    case FREE:
        block = *slot;
        /* With a flag the slot stays, so that the block can be freed again. */
        if (op->flag == 0)
            *slot = 0;
        free((char *)block + (ssize_t)op->a);
        put(0);
        put(0);
        return;
    case MEMALIGN: *slot = memalign(a, b); break;
    case ALIGNED_ALLOC: *slot = aligned_alloc(a, b); break;
    case POSIX_MEMALIGN:
        block = 0;
        put(posix_memalign(&block, a, b));
        *slot = block;
        put((size_t)block);
        return;
    case VALLOC: *slot = valloc(a); break;
    case PVALLOC: *slot = pvalloc(a); break;
    case USABLE: break;
    case TRIM: put(malloc_trim(a)); put(0); return;
    case MALLOPT: put(mallopt((int)op->a, (int)op->b)); put(0); return;
    case MALLINFO:
        if (mallinfo2) {
            struct mallinfo2_ info = mallinfo2();
            for (int i = 0; i < 10; i++)
                put(info.field[i]);
        } else {
            struct mallinfo_ info = mallinfo();
            for (int i = 0; i < 10; i++)
                put((u32)info.field[i]);
        }
        return;
    case STATS: malloc_stats(); put(0); put(0); return;
    case INFO: malloc_info(0, stdout); fflush(stdout); put(0); put(0); return;
    case SBRK: put((size_t)sbrk((ssize_t)op->a)); put(0); return;
    case LIMIT: {
        u64 limit[2] = { op->a, ~0ull };
        put(syscall(SYS_PRLIMIT, 0, 9, limit, (void *)0));
        put(0);
        return;
    }
    case WALL: {
        /* A mapping so far above the break, of which the library does not know. */
        size_t at_least = (size_t)syscall(SYS_BRK, 0) + a;
        put((size_t)syscall(SYS_MMAP, (at_least + 4095) & -4096ul, b, 0, 0x100022, -1, 0));
        put(0);
        return;
    }
    case TOUCH: {
        char *byte = *slot;
        for (u64 i = 0; byte != 0 && i < op->b; i++)
            byte[op->a + i] = 'A';
        put(0);
        put(0);
        return;
    }
    case SPAWN: {
        u64 attr[8];
        pthread_attr_init(attr);
        pthread_attr_setstack(attr, stacks[op->slot], STACK);
        put(pthread_create(&handles[op->slot], attr, worker, (void *)(size_t)op->slot));
        put(0);
        return;
    }
    default: _exit(4);
    }
    result(*slot);
}

/* Performs operations as thread `mine` until another's turn has come; false at its end. */
static int play(u32 mine)
{
    for (;;) {
        struct op *op = next();
        if (op->code == END || op->thread != mine)
            return 1;
        at++;
        if (op->code == EXIT)
            return 0;
        perform(op);
    }
}

static void *worker(void *number)
{
    u32 mine = (size_t)number;
    for (;;) {
        wait_turn(mine);
        if (!play(mine)) {
            /* The first thread waits for the end of this one. */
            give_turn(THREADS + mine);
            return 0;
        }
        give_turn(next()->code == END ? 0 : next()->thread);
    }
}

int main(int argc, char **argv)
{
    enum { NO_RANDOM = 0x40000 };
    int persona = personality(0xffffffff);
    if (argc > 0 && !(persona & NO_RANDOM)) {
        personality(persona | NO_RANDOM);
        execve("/proc/self/exe", argv, environ);
        _exit(5);
    }
    setvbuf(stdout, text, 0, sizeof text);
    u64 brk = (size_t)syscall(SYS_BRK, 0);
    put_bytes(&brk, sizeof brk);
    put_file("/proc/self/maps");
    put_file("/proc/self/statm");
    /* For the list of system calls: here it begins. */
    syscall(SYS_MUNMAP, 4096, 0);
    for (;;) {
        while (turn != 0) {
            u32 now = turn;
            if (now > THREADS) {
                pthread_join(handles[now - THREADS], (void **)0);
                put(0);
                put(0);
                turn = next()->code == END ? 0 : next()->thread;
                if (turn != 0)
                    give_turn(turn);
            } else {
                syscall(SYS_FUTEX, &turn, 0, now, (void *)0, (void *)0, 0);
            }
        }
        play(0);
        if (next()->code == END)
            break;
        give_turn(next()->thread);
    }
    syscall(SYS_MUNMAP, 4096, 0);
    flush_out();
    _exit(0);
}
