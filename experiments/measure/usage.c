#include "measure/usage.h"
#include "measure/threads.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Reads a small file of /proc whole. False when it cannot be read. */
static bool read_text(const char *path, char *out, size_t out_bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    size_t filled = 0;
    ssize_t got;
    while (filled < out_bytes - 1 && (got = read(fd, out + filled, out_bytes - 1 - filled)) > 0) {
        filled += (size_t)got;
    }
    close(fd);
    out[filled] = '\0';
    return filled > 0;
}

/* The number after "key:" at the beginning of a line; 0 when there is none. */
static uint64_t field(const char *text, const char *key) {
    size_t key_bytes = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line != text;
        if (strncmp(line, key, key_bytes) == 0 && line[key_bytes] == ':') {
            return strtoull(line + key_bytes + 1, NULL, 10);
        }
    }
    return 0;
}

/* minflt is field 10, utime and stime are 14 and 15; the name in field 2 may hold anything, so count from its last
 * bracket. */
static bool read_ticks(pid_t pid, struct lab_usage *usage) {
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_text(path, text, sizeof text)) {
        return false;
    }
    const char *after_name = strrchr(text, ')');
    unsigned long long faults, user, system_ticks;
    if (after_name == NULL || sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %llu %*u %*u %*u %llu %llu", &faults,
                                     &user, &system_ticks) != 3) {
        return false;
    }
    usage->page_faults = faults;
    usage->user_ticks = user;
    usage->system_ticks = system_ticks;
    return true;
}

struct of_process {
    pid_t pid;
    struct lab_usage *usage;
};

static bool add_switches(void *arg, pid_t thread) {
    const struct of_process *of = arg;
    char path[64];
    char text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)of->pid, (int)thread);
    if (read_text(path, text, sizeof text)) { /* else: it has ended */
        of->usage->voluntary += field(text, "voluntary_ctxt_switches");
        of->usage->involuntary += field(text, "nonvoluntary_ctxt_switches");
    }
    return true;
}

bool lab_usage_read(pid_t pid, struct lab_usage *usage) {
    memset(usage, 0, sizeof *usage);
    clockid_t clock;
    struct timespec used;
    char path[64];
    char text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    if (pid <= 0 || !read_ticks(pid, usage) || !read_text(path, text, sizeof text) ||
        clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        memset(usage, 0, sizeof *usage);
        return false;
    }
    /* The status of a process counts the switches of its first thread alone, hence the walk. */
    (void)lab_threads_walk(pid, add_switches, &(struct of_process){.pid = pid, .usage = usage});
    usage->peak_rss_bytes = field(text, "VmHWM") * 1024;
    usage->cpu_ns = (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
    return true;
}

bool lab_usage_read_all(const pid_t *pids, size_t count, struct lab_usage *sum) {
    memset(sum, 0, sizeof *sum);
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        struct lab_usage one;
        all = lab_usage_read(pids[i], &one) && all;
        sum->cpu_ns += one.cpu_ns;
        sum->user_ticks += one.user_ticks;
        sum->system_ticks += one.system_ticks;
        sum->voluntary += one.voluntary;
        sum->involuntary += one.involuntary;
        sum->page_faults += one.page_faults;
        sum->peak_rss_bytes += one.peak_rss_bytes;
    }
    return all;
}

static uint64_t less(uint64_t after, uint64_t before) {
    return after > before ? after - before : 0;
}

struct lab_usage lab_usage_between(const struct lab_usage *before, const struct lab_usage *after) {
    return (struct lab_usage){
        .cpu_ns = less(after->cpu_ns, before->cpu_ns),
        .user_ticks = less(after->user_ticks, before->user_ticks),
        .system_ticks = less(after->system_ticks, before->system_ticks),
        .voluntary = less(after->voluntary, before->voluntary),
        .involuntary = less(after->involuntary, before->involuntary),
        .page_faults = less(after->page_faults, before->page_faults),
        .peak_rss_bytes = after->peak_rss_bytes,
    };
}

uint64_t lab_usage_steal_ns(void) {
    char text[512]; /* the first line is enough */
    unsigned long long steal = 0;
    if (!read_text("/proc/stat", text, sizeof text) ||
        sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1) {
        return 0;
    }
    return steal * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double spin_and_see(void) {
    enum { SPIN_NS = 5000000, GAP_NS = 100000 };
    uint64_t begin = now_ns();
    uint64_t last = begin;
    uint64_t lost = 0;
    while (last - begin < SPIN_NS) {
        uint64_t now = now_ns();
        if (now - last >= GAP_NS) {
            lost += now - last;
        }
        last = now;
    }
    return (double)lost / (double)(last - begin);
}

size_t lab_usage_sentinel(double *lost, size_t cpu_count_max) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return 0;
    }
    size_t written = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE && written < cpu_count_max; cpu++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (CPU_ISSET(cpu, &allowed) && sched_setaffinity(0, sizeof one, &one) == 0) {
            lost[written++] = spin_and_see();
        }
    }
    if (sched_setaffinity(0, sizeof allowed, &allowed) != 0) {
        return 0;
    }
    return written;
}
