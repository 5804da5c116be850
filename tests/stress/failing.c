/* Preloaded: makes one call of the C library fail, or all from one on, in one process of a Corps.
 *
 * FAILING=KIND:K or KIND:K+ (all from the K-th on) · FAILING_IN=program or the number of an Env · FAILING_REACHED=FILE,
 * made when it has happened · FAILING_TRACE=1 writes to stderr where. KIND: memory (ENOMEM), descriptor (EMFILE),
 * thread and process (EAGAIN), file (ENOSPC: a directory, file or socket of a name), segment (ENOSPC, ENOMEM: shared
 * memory), queue (EMFILE). Counted from the start of an Env's process, in the program from failing_begin on.
 * Without FAILING a process says itself what of its memory fails, by failing_next. With FAILING_ENDS=1 a process that
 * is ended by a fault, or by abort, says where, and where memory failed last. */

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kind { NONE, MEMORY, DESCRIPTOR, THREAD, PROCESS, FILES, SEGMENT, QUEUE, KINDS };
static const char *const kind_names[KINDS] = {"none",    "memory", "descriptor", "thread",
                                              "process", "file",   "segment",    "queue"};

static enum kind failing;
static _Atomic long nth;
static _Atomic bool armed;
static bool all_after, ends_are_told;
static _Atomic long calls;
static _Thread_local bool tracing; /* what that calls does not fail */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

/* ---- which process, and which call ---- */

/* "corps-env" TAG NUMBER is what an Env of a C program is called. */
static bool is_meant(const char *where) {
    char line[512];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (bytes <= 0) {
        return false;
    }
    line[bytes] = '\0';
    if (strcmp(line, "corps-env") != 0) {
        return false; /* the program begins by itself */
    }
    const char *tag = line + strlen(line) + 1;
    return strcmp(tag + strlen(tag) + 1, where) == 0;
}

enum { DEPTH = 40 };
static void *last_stack[DEPTH]; /* of what failed last */
static int last_depth;

/* The stack of whoever broke, in one line a frame, and then the end that it would have had. */
static void say_where(int number) {
    static const char *const names[] = {[SIGSEGV] = "SIGSEGV", [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS"};
    void *stack[DEPTH];
    tracing = true;
    dprintf(STDERR_FILENO, "failing: process %d ends by %s at\n", (int)getpid(), names[number]);
    backtrace_symbols_fd(stack, backtrace(stack, DEPTH), STDERR_FILENO);
    dprintf(STDERR_FILENO, "failing: where memory failed:\n");
    backtrace_symbols_fd(last_stack, last_depth, STDERR_FILENO);
    dprintf(STDERR_FILENO, "failing: end of stacks\n");
    signal(number, SIG_DFL);
    raise(number);
}

__attribute__((constructor)) static void read_environment(void) {
    ends_are_told = getenv("FAILING_ENDS") != NULL;
    if (ends_are_told) {
        (void)backtrace(last_stack, 1); /* loads what it needs */
        const int numbers[] = {SIGSEGV, SIGABRT, SIGBUS};
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            signal(numbers[i], say_where);
        }
    }
    const char *what = getenv("FAILING");
    const char *where = getenv("FAILING_IN");
    const char *colon = what != NULL ? strchr(what, ':') : NULL;
    if (colon == NULL || where == NULL) {
        return;
    }
    for (unsigned i = 1; i < KINDS; i++) {
        if (strlen(kind_names[i]) == (size_t)(colon - what) &&
            strncmp(what, kind_names[i], strlen(kind_names[i])) == 0) {
            failing = (enum kind)i;
        }
    }
    char *end;
    nth = strtol(colon + 1, &end, 10);
    all_after = *end == '+';
    armed = is_meant(where);
}

void failing_begin(void);
void failing_begin(void) {
    const char *where = getenv("FAILING_IN");
    armed = failing != NONE && where != NULL && strcmp(where, "program") == 0;
}

/* The nth allocation of memory of this process from now on fails; 0: none. How many were asked for since the last time.
 */
long failing_next(long number);
long failing_next(long number) {
    armed = false;
    long before = atomic_exchange(&calls, 0);
    failing = MEMORY;
    nth = number;
    armed = number > 0;
    return before;
}

static void say_reached(void) {
    const char *path = getenv("FAILING_REACHED");
    long fd = path != NULL ? syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        syscall(SYS_close, (int)fd);
    }
    if (getenv("FAILING_TRACE") != NULL) {
        void *stack[24];
        tracing = true;
        backtrace_symbols_fd(stack, backtrace(stack, 24), STDERR_FILENO);
        tracing = false;
    }
}

static bool fails(enum kind kind, int error) {
    if (!armed || failing != kind || tracing) {
        return false;
    }
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (number != nth && !(all_after && number > nth)) {
        return false;
    }
    if (number == nth) {
        say_reached();
    }
    if (ends_are_told) {
        tracing = true;
        last_depth = backtrace(last_stack, DEPTH);
        tracing = false;
    }
    errno = error;
    return true;
}

/* ---- memory ---- */

void *malloc(size_t bytes) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
    return bytes > 0 && fails(MEMORY, ENOMEM) ? NULL : __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return fails(MEMORY, ENOMEM) ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes) {
    *out = fails(MEMORY, ENOMEM) ? NULL : __libc_memalign(alignment, bytes);
    return *out != NULL ? 0 : ENOMEM;
}

/* ---- everything else: the next function of this name ---- */

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

int socket(int domain, int type, int protocol) {
    return fails(DESCRIPTOR, EMFILE) ? -1 : NEXT(int (*)(int, int, int), "socket")(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int pair[2]) {
    return fails(DESCRIPTOR, EMFILE) ? -1
                                     : NEXT(int (*)(int, int, int, int *), "socketpair")(domain, type, protocol, pair);
}

int accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags) {
    return fails(DESCRIPTOR, EMFILE)
               ? -1
               : NEXT(int (*)(int, struct sockaddr *, socklen_t *, int), "accept4")(fd, address, bytes, flags);
}

int eventfd(unsigned start, int flags) {
    return fails(DESCRIPTOR, EMFILE) ? -1 : NEXT(int (*)(unsigned, int), "eventfd")(start, flags);
}

int epoll_create1(int flags) {
    return fails(DESCRIPTOR, EMFILE) ? -1 : NEXT(int (*)(int), "epoll_create1")(flags);
}

int pipe2(int ends[2], int flags) {
    return fails(DESCRIPTOR, EMFILE) ? -1 : NEXT(int (*)(int *, int), "pipe2")(ends, flags);
}

int memfd_create(const char *name, unsigned flags) {
    return fails(DESCRIPTOR, EMFILE) ? -1 : NEXT(int (*)(const char *, unsigned), "memfd_create")(name, flags);
}

static int open_with(const char *name, const char *path, int flags, mode_t mode) {
    if (fails(DESCRIPTOR, EMFILE) || ((flags & O_CREAT) != 0 && fails(FILES, ENOSPC))) {
        return -1;
    }
    return NEXT(int (*)(const char *, int, ...), name)(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    return open_with("open", path, flags, mode);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg) {
    typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    return fails(THREAD, EAGAIN) ? EAGAIN : NEXT(create_fn *, "pthread_create")(thread, attributes, run, arg);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]) {
    typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                         char *const[], char *const[]);
    return fails(PROCESS, EAGAIN) ? EAGAIN
                                  : NEXT(spawn_fn *, "posix_spawnp")(pid, file, actions, attributes, argv, environment);
}

int mkdir(const char *path, mode_t mode) {
    return fails(FILES, ENOSPC) ? -1 : NEXT(int (*)(const char *, mode_t), "mkdir")(path, mode);
}

int mkfifo(const char *path, mode_t mode) {
    return fails(FILES, ENOSPC) ? -1 : NEXT(int (*)(const char *, mode_t), "mkfifo")(path, mode);
}

int rename(const char *from, const char *to) {
    return fails(FILES, ENOSPC) ? -1 : NEXT(int (*)(const char *, const char *), "rename")(from, to);
}

int bind(int fd, const struct sockaddr *address, socklen_t bytes) {
    return address->sa_family == AF_UNIX && fails(FILES, ENOSPC)
               ? -1
               : NEXT(int (*)(int, const struct sockaddr *, socklen_t), "bind")(fd, address, bytes);
}

int ftruncate(int fd, off_t bytes) {
    return fails(SEGMENT, ENOSPC) ? -1 : NEXT(int (*)(int, off_t), "ftruncate")(fd, bytes);
}

int posix_fallocate(int fd, off_t from, off_t bytes) {
    return fails(SEGMENT, ENOSPC) ? ENOSPC : NEXT(int (*)(int, off_t, off_t), "posix_fallocate")(fd, from, bytes);
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
    typedef void *map_fn(void *, size_t, int, int, int, off_t);
    return fd >= 0 && (flags & MAP_SHARED) != 0 && fails(SEGMENT, ENOMEM)
               ? MAP_FAILED
               : NEXT(map_fn *, "mmap")(at, bytes, protection, flags, fd, offset);
}

mqd_t mq_open(const char *name, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
    struct mq_attr *attributes = (flags & O_CREAT) != 0 ? va_arg(list, struct mq_attr *) : NULL;
    va_end(list);
    return fails(QUEUE, EMFILE)
               ? (mqd_t)-1
               : NEXT(mqd_t(*)(const char *, int, mode_t, struct mq_attr *), "mq_open")(name, flags, mode, attributes);
}
