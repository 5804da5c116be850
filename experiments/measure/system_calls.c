#include "measure/system_calls.h"
#include "measure/threads.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS_MAX = 256 };

struct lab_calls {
    uint64_t tracepoint;
    int fds[THREADS_MAX];
    size_t count;
};

/* The tracepoint's number; 0 when it cannot be read. */
static uint64_t tracepoint(void) {
    static const char *const places[] = {"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
                                         "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id"};
    unsigned long long number = 0;
    for (size_t i = 0; number == 0 && i < sizeof places / sizeof places[0]; i++) {
        FILE *file = fopen(places[i], "re");
        if (file != NULL) {
            number = fscanf(file, "%llu", &number) == 1 ? number : 0;
            fclose(file);
        }
    }
    return number;
}

static bool add_thread(void *arg, pid_t thread) {
    struct lab_calls *calls = arg;
    struct perf_event_attr attributes = {.type = PERF_TYPE_TRACEPOINT,
                                         .size = sizeof attributes,
                                         .config = calls->tracepoint,
                                         .inherit = 1,
                                         .disabled = 1};
    int fd = calls->count < THREADS_MAX
                 ? (int)syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)
                 : -1;
    if (fd >= 0) {
        calls->fds[calls->count++] = fd;
    }
    return fd >= 0;
}

static void finish(struct lab_calls *calls) {
    for (size_t i = 0; i < calls->count; i++) {
        close(calls->fds[i]);
    }
    free(calls);
}

struct lab_calls *lab_calls_begin(const pid_t *pids, size_t count) {
    uint64_t number = tracepoint();
    struct lab_calls *calls = number != 0 && count > 0 ? calloc(1, sizeof *calls) : NULL;
    bool all = calls != NULL;
    if (all) {
        calls->tracepoint = number;
    }
    for (size_t i = 0; all && i < count; i++) {
        all = lab_threads_walk(pids[i], add_thread, calls);
    }
    for (size_t i = 0; all && i < calls->count; i++) {
        all = ioctl(calls->fds[i], PERF_EVENT_IOC_ENABLE, 0) == 0;
    }
    if (!all && calls != NULL) {
        finish(calls);
    }
    return all ? calls : NULL;
}

bool lab_calls_end(struct lab_calls *calls, uint64_t *count) {
    if (calls == NULL) {
        return false;
    }
    bool all = true;
    *count = 0;
    for (size_t i = 0; i < calls->count; i++) {
        (void)ioctl(calls->fds[i], PERF_EVENT_IOC_DISABLE, 0);
    }
    for (size_t i = 0; i < calls->count; i++) {
        uint64_t one = 0;
        all = read(calls->fds[i], &one, sizeof one) == (ssize_t)sizeof one && all;
        *count += one;
    }
    finish(calls);
    return all;
}
