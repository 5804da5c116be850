#include "measure/steps.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__

#include "measure/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <time.h>

enum {
    THREADS_MAX = 256,
    STRETCHES_MAX = 256,
    STRETCHES_FEWEST = 5,
    STEPS_BETWEEN_LOOKS = 64, /* at what else has become ready */
    TIMED_AFTER_MS = 20,
};

enum state {
    RUNS,   /* has been let go, and has not stopped again */
    SLEEPS, /* the same, in a system call that waits */
    READY,  /* stands, and may go on */
    GONE,
};

/* One thread, in the process that steps. */
struct stepped {
    pid_t id;
    enum state state;
    uint64_t at;   /* address of the instruction that it executes next */
    uint64_t turn; /* when it became ready */
    int signal;    /* to be delivered when it goes on */
    bool first;    /* of the first of the processes */
    bool calls;    /* that instruction is a system call */
    bool timed;    /* is ready because time has passed, and for nothing else */
    bool jumping;  /* runs to the end of an instruction that repeats itself, by a breakpoint of the processor */
};

struct lab_steps {
    pid_t stepper;
    int fd; /* to read: one byte, 1, once it steps; at the end the counts */
    struct stepped threads[THREADS_MAX];
    size_t count;
    pid_t first;                   /* of the processes */
    bool adds_first;               /* its threads are being added */
    uint64_t *marks;               /* how often whoever asks has marked: in memory that both have */
    uint64_t seen_marks;           /* … as far as the process that steps has seen */
    struct lab_step_counts counts; /* of the stretch that goes on */
    bool timed; /* in it a thread went on because time had passed: the counts are not what they would be again */
    struct lab_step_counts
        stretches[STRETCHES_MAX]; /* that are over and none of the kind, the fewest instructions first */
    size_t stretch_count, timed_count;
    uint64_t turns;
};

/* ---- in the process that steps: forked from one with threads, so nothing here takes memory or a lock ---- */

static volatile sig_atomic_t is_over;

static void on_over(int number) {
    (void)number;
    is_over = 1;
}

static bool moves_bytes(int64_t system_call) {
    static const int64_t calls[] = {SYS_read,
                                    SYS_write,
                                    SYS_readv,
                                    SYS_writev,
                                    SYS_pread64,
                                    SYS_pwrite64,
                                    SYS_sendto,
                                    SYS_recvfrom,
                                    SYS_sendmsg,
                                    SYS_recvmsg,
                                    SYS_splice,
                                    SYS_tee,
                                    SYS_sendfile,
                                    SYS_vmsplice,
                                    SYS_process_vm_readv,
                                    SYS_process_vm_writev,
                                    SYS_mq_timedreceive};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (calls[i] == system_call) {
            return true;
        }
    }
    return false;
}

static void count_call(struct lab_step_counts *counts, const struct user_regs_struct *registers) {
    int64_t call = (int64_t)registers->orig_rax;
    int64_t result = (int64_t)registers->rax;
    counts->system_calls++;
    if (result > 0 && moves_bytes(call)) {
        counts->bytes += (uint64_t)result;
    } else if (result == 0 && call == SYS_mq_timedsend) { /* tells no length */
        counts->bytes += registers->rdx;
    }
}

static struct stepped *thread_of(struct lab_steps *steps, pid_t id) {
    for (size_t i = 0; i < steps->count; i++) {
        if (steps->threads[i].id == id) {
            return &steps->threads[i];
        }
    }
    if (steps->count == THREADS_MAX) {
        _exit(1);
    }
    bool first = syscall(SYS_tgkill, steps->first, id, 0) == 0; /* it is a thread of that process */
    steps->threads[steps->count] = (struct stepped){.id = id, .first = first};
    return &steps->threads[steps->count++];
}

static void set_breakpoint(pid_t id, uint64_t address, bool on) {
    if (on) {
        ptrace(PTRACE_POKEUSER, id, offsetof(struct user, u_debugreg[0]), address);
    }
    ptrace(PTRACE_POKEUSER, id, offsetof(struct user, u_debugreg[7]), on ? 1L : 0L); /* 1: on executing address 0's */
}

/* Of a string instruction, which a prefix repeats; 0 when it is none. */
static unsigned repeated_bytes(uint64_t code) {
    bool repeats = (code & 0xff) == 0xf3 || (code & 0xff) == 0xf2;
    return !repeats ? 0 : ((code >> 8) & 0xf0) == 0x40 ? 3 : 2; /* with a prefix for 64 bits between */
}

/* Has this system call ended because its time was over? */
static bool time_was_over(const struct user_regs_struct *registers) {
    int64_t call = (int64_t)registers->orig_rax;
    int64_t result = (int64_t)registers->rax;
    return (call == SYS_futex && result == -ETIMEDOUT) || call == SYS_nanosleep || call == SYS_clock_nanosleep ||
           (result == 0 && (call == SYS_poll || call == SYS_ppoll || call == SYS_epoll_wait ||
                            call == SYS_epoll_pwait || call == SYS_epoll_pwait2));
}

/* A stretch is over: keeps it where its number of instructions places it. */
static void end_stretch(struct lab_steps *steps) {
    bool whole = steps->seen_marks > 0 && !steps->timed;
    size_t at = steps->stretch_count;
    if (whole && at < STRETCHES_MAX) {
        for (; at > 0 && steps->stretches[at - 1].instructions > steps->counts.instructions; at--) {
            steps->stretches[at] = steps->stretches[at - 1];
        }
        steps->stretches[at] = steps->counts;
        steps->stretch_count++;
    }
    steps->timed_count += steps->seen_marks > 0 && steps->timed;
    steps->counts = (struct lab_step_counts){0};
    steps->timed = false;
}

static void look_at_marks(struct lab_steps *steps) {
    uint64_t marks = __atomic_load_n(steps->marks, __ATOMIC_ACQUIRE);
    if (marks != steps->seen_marks) {
        end_stretch(steps);
        steps->seen_marks = marks;
    }
}

/* A step has been made. */
static void count_step(struct lab_steps *steps, struct stepped *thread) {
    struct user_regs_struct registers;
    look_at_marks(steps);
    if (ptrace(PTRACE_GETREGS, thread->id, 0, &registers) != 0) {
        return;
    }
    errno = 0;
    uint64_t code = (uint64_t)ptrace(PTRACE_PEEKTEXT, thread->id, registers.rip, 0);
    bool again = registers.rip == thread->at;
    unsigned bytes = again && errno == 0 && !thread->jumping ? repeated_bytes(code) : 0;
    if (thread->jumping) {
        set_breakpoint(thread->id, 0, false);
    }
    thread->jumping = bytes > 0;
    if (bytes > 0) {
        set_breakpoint(thread->id, registers.rip + bytes, true);
    }
    steps->counts.instructions += !again;
    steps->counts.first_instructions += !again && thread->first;
    thread->timed = false;
    if ((int64_t)registers.orig_rax >= 0) { /* the step was a system call */
        count_call(&steps->counts, &registers);
        thread->timed = thread->state == SLEEPS && time_was_over(&registers);
    }
    thread->at = registers.rip;
    thread->calls = (code & 0xffff) == 0x050f;
}

/* What waitpid told of a thread. */
static void take(struct lab_steps *steps, pid_t id, int status) {
    struct stepped *thread = thread_of(steps, id);
    if (!WIFSTOPPED(status)) {
        thread->state = GONE;
        return;
    }
    bool stop = status >> 16 != 0; /* by us, or it has just started */
    thread->signal = stop || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    if (!stop && WSTOPSIG(status) == SIGTRAP) {
        count_step(steps, thread);
    }
    thread->calls = thread->calls || stop; /* a call may begin anew */
    thread->state = READY;
    thread->turn = ++steps->turns;
}

/* Is the thread asleep in a system call? Only then has it no more to do by itself. */
static bool sleeps(pid_t id) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    const char *after_name = strrchr(text, ')');
    return after_name != NULL && strncmp(after_name, ") S", 3) == 0;
}

/* Lets a thread make one step. Returns once it stands again or sleeps. */
static void step_once(struct lab_steps *steps, struct stepped *thread) {
    int status;
    bool calls = thread->calls;
    thread->state = RUNS;
    thread->calls = false;
    ptrace(thread->jumping ? PTRACE_CONT : PTRACE_SINGLESTEP, thread->id, 0, thread->signal);
    while (thread->state == RUNS && !is_over) {
        pid_t id = waitpid(thread->id, &status, __WALL | (calls ? WNOHANG : 0));
        if (id > 0) {
            take(steps, id, status);
        } else if (id < 0 && errno != EINTR) {
            thread->state = GONE;
        } else if (calls && sleeps(thread->id)) {
            thread->state = SLEEPS;
        } else if (calls) {
            sched_yield();
        }
    }
}

/* Does any that slept wait for a processor alone? On a crowded machine that takes its time. */
static bool any_wakes(const struct lab_steps *steps) {
    for (size_t i = 0; i < steps->count; i++) {
        if (steps->threads[i].state == SLEEPS && !sleeps(steps->threads[i].id)) {
            return true;
        }
    }
    return false;
}

/* The thread that has been ready for longest. */
static struct stepped *next_of(struct lab_steps *steps, bool timed) {
    struct stepped *found = NULL;
    for (size_t i = 0; i < steps->count; i++) {
        struct stepped *thread = &steps->threads[i];
        bool may = thread->state == READY && thread->timed == timed;
        found = may && (found == NULL || thread->turn < found->turn) ? thread : found;
    }
    return found;
}

/* One thread at a time goes on until it sleeps, as on one processor where nobody is interrupted: then who waits for
 * whom, and how often it looks before it sleeps, is the same each time. Threads that time alone has woken wait until
 * nobody else has anything to do: for those that are stepped time flies. */
static bool schedule(struct lab_steps *steps) {
    const struct timespec moment = {0, 1000000};
    struct stepped *thread = NULL;
    unsigned waited_ms = 0;
    while (!is_over) {
        int status;
        pid_t id;
        while ((id = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
            take(steps, id, status);
        }
        if (id < 0 && errno != EINTR) {
            return false;
        }
        thread = thread != NULL && thread->state == READY ? thread : next_of(steps, false);
        if (thread == NULL && waited_ms >= TIMED_AFTER_MS && (thread = next_of(steps, true)) != NULL) {
            steps->timed = true;
        }
        waited_ms = thread == NULL && !any_wakes(steps) ? waited_ms + 1 : 0;
        if (thread == NULL) {
            nanosleep(&moment, NULL);
        }
        for (unsigned i = 0; thread != NULL && thread->state == READY && i < STEPS_BETWEEN_LOOKS && !is_over; i++) {
            step_once(steps, thread);
        }
    }
    return true;
}

/* A step's signal that nobody has taken yet would end the process once it is let go. */
static bool trap_is_pending(pid_t id) {
    struct __ptrace_peeksiginfo_args all = {.off = 0, .flags = 0, .nr = 16};
    siginfo_t pending[16];
    long count = ptrace(PTRACE_PEEKSIGINFO, id, &all, pending);
    for (long i = 0; i < count; i++) {
        if (pending[i].si_signo == SIGTRAP) {
            return true;
        }
    }
    return false;
}

static void detach(struct stepped *thread, int signal_number) {
    if (thread->jumping) {
        set_breakpoint(thread->id, 0, false);
    }
    ptrace(PTRACE_DETACH, thread->id, 0, signal_number);
    thread->state = GONE;
}

static void let_all_go(struct lab_steps *steps) {
    size_t left = 0;
    for (size_t i = 0; i < steps->count; i++) {
        struct stepped *thread = &steps->threads[i];
        if (thread->state == READY) {
            detach(thread, thread->signal);
        } else if (thread->state != GONE) {
            left += ptrace(PTRACE_INTERRUPT, thread->id, 0, 0) == 0;
        }
    }
    while (left > 0) {
        int status;
        pid_t id = waitpid(-1, &status, __WALL);
        if (id < 0 && errno != EINTR) {
            break;
        }
        struct stepped *thread = id > 0 ? thread_of(steps, id) : NULL;
        if (thread == NULL || thread->state == GONE) {
            continue;
        }
        bool stop = WIFSTOPPED(status) && status >> 16 != 0;
        if (stop && trap_is_pending(id)) {
            ptrace(PTRACE_CONT, id, 0, 0); /* which brings it */
            continue;
        }
        detach(thread, stop || !WIFSTOPPED(status) || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
        left--;
    }
}

static bool seize_all(struct lab_steps *steps) {
    int status;
    for (size_t i = 0; i < steps->count; i++) {
        steps->threads[i].state = GONE;
    }
    for (size_t i = 0; i < steps->count; i++) {
        struct stepped *thread = &steps->threads[i];
        if (ptrace(PTRACE_SEIZE, thread->id, 0, PTRACE_O_TRACECLONE) != 0) {
            return false;
        }
        thread->state = RUNS;
        if (ptrace(PTRACE_INTERRUPT, thread->id, 0, 0) != 0 || waitpid(thread->id, &status, __WALL) < 0) {
            return false;
        }
        take(steps, thread->id, status);
    }
    return true;
}

static _Noreturn void step(struct lab_steps *steps, int fd) {
    const uint8_t began = 1;
    sigset_t none;
    struct sigaction action = {.sa_handler = on_over};
    sigemptyset(&none);
    sigaction(SIGUSR1, &action, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool ok = seize_all(steps) && write(fd, &began, sizeof began) == (ssize_t)sizeof began && schedule(steps);
    let_all_go(steps);
    look_at_marks(steps);
    ok = ok && steps->stretch_count >= STRETCHES_FEWEST && steps->stretch_count >= steps->timed_count;
    const struct lab_step_counts *typical = &steps->stretches[steps->stretch_count / 8];
    ok = ok && write(fd, typical, sizeof *typical) == (ssize_t)sizeof *typical;
    _exit(ok ? 0 : 1);
}

/* ---- in the process that asks ---- */

static bool add_thread(void *arg, pid_t thread) {
    struct lab_steps *steps = arg;
    if (steps->count == THREADS_MAX) {
        return false;
    }
    steps->threads[steps->count++] = (struct stepped){.id = thread, .first = steps->adds_first};
    return true;
}

static bool read_all(int fd, void *out, size_t bytes) {
    size_t filled = 0;
    ssize_t got = 1;
    while (filled < bytes && (got > 0 || (got < 0 && errno == EINTR))) {
        got = read(fd, (uint8_t *)out + filled, bytes - filled);
        filled += got > 0 ? (size_t)got : 0;
    }
    return filled == bytes;
}

static void release(struct lab_steps *steps) {
    if (steps != NULL && steps->marks != MAP_FAILED) {
        munmap(steps->marks, sizeof *steps->marks);
    }
    free(steps);
}

static void finish(struct lab_steps *steps) {
    while (steps->stepper > 0 && waitpid(steps->stepper, NULL, 0) < 0 && errno == EINTR) {
    }
    close(steps->fd);
    release(steps);
}

struct lab_steps *lab_steps_begin(const pid_t *pids, size_t count) {
    int ends[2];
    uint8_t began = 0;
    struct lab_steps *steps = count > 0 ? calloc(1, sizeof *steps) : NULL;
    bool all = steps != NULL;
    if (all) {
        steps->first = pids[0];
        steps->marks = mmap(NULL, sizeof *steps->marks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        all = steps->marks != MAP_FAILED;
    }
    for (size_t i = 0; all && i < count; i++) {
        steps->adds_first = i == 0;
        all = lab_threads_walk(pids[i], add_thread, steps);
    }
    if (!all || pipe2(ends, O_CLOEXEC) != 0) {
        release(steps);
        return NULL;
    }
    steps->fd = ends[0];
    steps->stepper = _Fork(); /* no handlers of fork: nothing of the core runs in the copy */
    if (steps->stepper == 0) {
        step(steps, ends[1]);
    }
    close(ends[1]);
    if (steps->stepper < 0 || !read_all(steps->fd, &began, sizeof began)) {
        finish(steps);
        return NULL;
    }
    return steps;
}

void lab_steps_mark(struct lab_steps *steps) {
    __atomic_fetch_add(steps->marks, 1, __ATOMIC_RELEASE);
}

bool lab_steps_end(struct lab_steps *steps, struct lab_step_counts *counts) {
    if (steps == NULL) {
        return false;
    }
    kill(steps->stepper, SIGUSR1); /* our own child, not yet waited for */
    bool ok = read_all(steps->fd, counts, sizeof *counts);
    finish(steps);
    return ok;
}

#else

struct lab_steps *lab_steps_begin(const pid_t *pids, size_t count) {
    (void)pids;
    (void)count;
    return NULL;
}

void lab_steps_mark(struct lab_steps *steps) {
    (void)steps;
}

bool lab_steps_end(struct lab_steps *steps, struct lab_step_counts *counts) {
    (void)steps;
    (void)counts;
    return false;
}

#endif
