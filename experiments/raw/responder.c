#include "raw/responder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- what a process uses ---- */

static double ns_of(struct timeval time) {
    return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

void raw_snapshot_take(struct raw_snapshot *snapshot) {
    struct rusage usage;
    struct timespec used;
    getrusage(RUSAGE_SELF, &usage);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    *snapshot = (struct raw_snapshot){
        .cpu_ns = (double)used.tv_sec * 1e9 + (double)used.tv_nsec,
        .user_ns = ns_of(usage.ru_utime),
        .system_ns = ns_of(usage.ru_stime),
        .voluntary = (double)usage.ru_nvcsw,
        .involuntary = (double)usage.ru_nivcsw,
        .page_faults = (double)usage.ru_minflt,
        .peak_rss_bytes = (double)usage.ru_maxrss * 1024,
    };
}

struct raw_snapshot raw_snapshot_between(const struct raw_snapshot *before, const struct raw_snapshot *after) {
    return (struct raw_snapshot){
        .cpu_ns = after->cpu_ns - before->cpu_ns,
        .user_ns = after->user_ns - before->user_ns,
        .system_ns = after->system_ns - before->system_ns,
        .voluntary = after->voluntary - before->voluntary,
        .involuntary = after->involuntary - before->involuntary,
        .page_faults = after->page_faults - before->page_faults,
        .peak_rss_bytes = after->peak_rss_bytes,
    };
}

/* ---- the watchdog ---- */

static volatile sig_atomic_t rang;
static pid_t watched_pid;
static struct timespec watch_end;
static bool seen_ended; /* at an earlier ring */

static void on_alarm(int signal_number) {
    (void)signal_number;
    rang = 1;
}

bool raw_must_stop(struct raw_channel *channel) {
    if (!rang) {
        return false;
    }
    rang = 0;
    siginfo_t info = {0};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (waitid(P_PID, (id_t)watched_pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0) {
        /* Its last message may have come since the caller looked: the caller looks again before the next ring. */
        bool before = seen_ended;
        seen_ended = true;
        snprintf(channel->error, sizeof channel->error, "%s", before ? "the responder has ended" : "");
        return before;
    }
    if (now.tv_sec > watch_end.tv_sec) {
        snprintf(channel->error, sizeof channel->error, "the responder does not answer");
        return true;
    }
    return false;
}

/* The timer rings again and again, so that a ring between a check and a system call's sleep is made good. */
static bool watch(struct raw_responder *responder, struct raw_channel *channel, unsigned max_ms) {
    struct sigaction action = {.sa_handler = on_alarm}; /* no SA_RESTART: a sleeping system call must end */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct itimerval timer = {.it_interval.tv_usec = 250000, .it_value.tv_usec = 250000};
    rang = 0;
    seen_ended = false;
    watched_pid = responder->pid;
    clock_gettime(CLOCK_MONOTONIC, &watch_end);
    watch_end.tv_sec += 10 + 2 * (time_t)(max_ms / 1000);
    if (sigaction(SIGPIPE, &ignore, &responder->old_pipe) != 0 ||
        sigaction(SIGALRM, &action, &responder->old_action) != 0) {
        return raw_fail(channel, "sigaction");
    }
    if (setitimer(ITIMER_REAL, &timer, &responder->old_timer) != 0) {
        return raw_fail(channel, "setitimer");
    }
    responder->watched = true;
    return true;
}

static void unwatch(struct raw_responder *responder) {
    if (responder->watched) {
        setitimer(ITIMER_REAL, &responder->old_timer, NULL);
        sigaction(SIGALRM, &responder->old_action, NULL);
        sigaction(SIGPIPE, &responder->old_pipe, NULL);
        responder->watched = false;
    }
}

/* ---- placement ---- */

/* The processor for `side`, or -1 when the kernel decides. */
static int processor_for(const cpu_set_t *allowed, const char *placement, int side) {
    if (strcmp(placement, "unpinned") == 0) {
        return -1;
    }
    int wanted = strcmp(placement, "cross") == 0 ? side : 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, allowed) && wanted-- == 0) {
            return (int)cpu;
        }
    }
    return -1;
}

bool raw_place(struct raw_channel *channel, const cpu_set_t *allowed, const char *placement, int side) {
    int cpu = processor_for(allowed, placement, side);
    cpu_set_t one;
    CPU_ZERO(&one);
    if (cpu < 0) {
        return true;
    }
    CPU_SET((size_t)cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 || raw_fail(channel, "sched_setaffinity");
}

/* ---- the responder ---- */

static void answer(const struct raw_mechanism *mechanism, struct raw_channel *channel, struct raw_page *page) {
    static uint8_t message[RAW_BYTES_MAX];
    uint64_t number = 0;
    uint64_t expected = 0;
    while (number != RAW_STOP && mechanism->receive(channel, message)) {
        memcpy(&number, message, sizeof number);
        if (number >= RAW_MARK) {
            raw_snapshot_take(&page->snapshots[number == RAW_STOP]);
        } else if ((number & ~RAW_ONE_WAY) != expected++) {
            snprintf(channel->error, sizeof channel->error, "message %llu came instead of %llu",
                     (unsigned long long)(number & ~RAW_ONE_WAY), (unsigned long long)(expected - 1));
            break;
        }
        if (number < RAW_MARK && (number & RAW_ONE_WAY) != 0) {
            continue;
        }
        if (!mechanism->send(channel, message)) {
            break;
        }
    }
    memcpy(page->error, channel->error, sizeof page->error);
}

static void close_side(struct raw_channel *channel, int side) {
    if (channel->read_fd[side] >= 0) {
        close(channel->read_fd[side]);
    }
    if (channel->write_fd[side] >= 0 && channel->write_fd[side] != channel->read_fd[side]) {
        close(channel->write_fd[side]);
    }
    channel->read_fd[side] = channel->write_fd[side] = -1;
}

/* In the child: never returns to the caller's code. */
static void serve(const struct raw_responder *responder, const struct raw_mechanism *mechanism,
                  struct raw_channel *channel, const char *placement, pid_t parent) {
    channel->side = 1;
    /* A parent that died before this call gave no signal: look. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        _exit(1);
    }
    /* The other side's must go, or no end of file is ever seen. */
    if (!mechanism->shared_ends) {
        close_side(channel, 0);
    }
    if (raw_place(channel, &responder->allowed, placement, 1)) {
        answer(mechanism, channel, responder->page);
    } else {
        memcpy(responder->page->error, channel->error, sizeof responder->page->error);
    }
    _exit(responder->page->error[0] == '\0' ? 0 : 1);
}

static bool prepare(struct raw_responder *responder, struct raw_channel *channel, const char *placement) {
    *responder = (struct raw_responder){.pid = 0};
    channel->read_fd[0] = channel->read_fd[1] = channel->write_fd[0] = channel->write_fd[1] = -1;
    if (sched_getaffinity(0, sizeof responder->allowed, &responder->allowed) != 0) {
        return raw_fail(channel, "sched_getaffinity");
    }
    if (strcmp(placement, "cross") == 0 && CPU_COUNT(&responder->allowed) < 2) {
        snprintf(channel->error, sizeof channel->error, "placement=cross needs two processors; one is allowed");
        return false;
    }
    void *page = mmap(NULL, sizeof(struct raw_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return raw_fail(channel, "mmap");
    }
    responder->page = page;
    channel->shared = &responder->page->shared;
    /* Numbers begin at 0, which is what the memory holds: "nothing came yet" must differ. */
    atomic_store(&channel->shared->slots[0].number, UINT64_MAX - 2);
    atomic_store(&channel->shared->slots[1].number, UINT64_MAX - 2);
    channel->seen = UINT64_MAX - 2;
    return true;
}

bool raw_responder_start(struct raw_responder *responder, const struct raw_mechanism *mechanism,
                         struct raw_channel *channel, const char *placement, unsigned max_ms) {
    if (!prepare(responder, channel, placement)) {
        return false;
    }
    responder->mechanism = mechanism;
    if (!mechanism->open(channel)) {
        return false;
    }
    if (mechanism->alone) {
        responder->placed = true;
        return raw_place(channel, &responder->allowed, placement, 0);
    }
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        serve(responder, mechanism, channel, placement, parent);
    }
    if (pid < 0) {
        return raw_fail(channel, "fork");
    }
    responder->pid = pid;
    if (!mechanism->shared_ends) {
        close_side(channel, 1);
    }
    responder->placed = true;
    return raw_place(channel, &responder->allowed, placement, 0) && watch(responder, channel, max_ms);
}

/* Reaps the responder; it was told to stop, or is killed first. */
static int reap(struct raw_responder *responder, struct raw_channel *channel, bool done) {
    int status = 0;
    if (!done) {
        kill(responder->pid, SIGKILL);
    }
    while (waitpid(responder->pid, &status, 0) < 0 && errno == EINTR) {
        if (raw_must_stop(channel)) {
            kill(responder->pid, SIGKILL);
        }
    }
    responder->pid = 0;
    return status;
}

enum { ENDING_MS = 200 };

/* Has it ended by itself? Its end of a channel closes a moment before the kernel says that it has ended. */
static bool has_ended(const struct raw_responder *responder, int patience_ms) {
    for (int ms = 0;; ms++) {
        siginfo_t info = {0};
        if (waitid(P_PID, (id_t)responder->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0 ||
            ms >= patience_ms) {
            return info.si_pid != 0;
        }
        usleep(1000);
    }
}

bool raw_responder_end(struct raw_responder *responder, struct raw_channel *channel, bool done) {
    if (responder->pid == 0) {
        return done;
    }
    bool had_ended = has_ended(responder, done ? 0 : ENDING_MS);
    int status = reap(responder, channel, done);
    if (WIFSIGNALED(status) && (done || had_ended)) {
        snprintf(channel->error, sizeof channel->error, "the responder was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        return false;
    }
    if (responder->page->error[0] != '\0') {
        memcpy(channel->error, responder->page->error, sizeof channel->error);
        return false;
    }
    return true;
}

void raw_responder_finish(struct raw_responder *responder, struct raw_channel *channel) {
    if (responder->pid != 0) {
        reap(responder, channel, false);
    }
    unwatch(responder);
    if (responder->placed) {
        sched_setaffinity(0, sizeof responder->allowed, &responder->allowed);
    }
    if (responder->mechanism != NULL && responder->mechanism->close != NULL) {
        responder->mechanism->close(channel);
    }
    close_side(channel, 0);
    close_side(channel, 1);
    if (responder->page != NULL) {
        munmap(responder->page, sizeof *responder->page);
        channel->shared = NULL;
    }
}
