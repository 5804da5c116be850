/* A process is killed, waited for, and started again: this very program, which writes what it was told into a pipe and
 * does nothing else. What heals an Env cannot be quicker. */
#include "raw/process.h"

#include "measure/histogram.h"
#include "measure/noise.h"
#include "raw/responder.h"
#include "trial/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REST_MS = 5, PATIENCE_MS = 10000 }; /* between a start and the next kill, as in workloads/heal.c; for a start */

static const char started_word[] = "raw-process-started";

struct trial {
    const struct lab_cell *cell;
    struct raw_channel channel; /* its error, and the descriptors */
    cpu_set_t allowed;
    pid_t pid; /* 0 when there is none */
    struct lab_histogram *histogram;
    uint64_t next, messages, total_ns;
};

/* ---- in the process that is started ---- */

bool raw_process_is_started(int argc, char **argv) {
    return argc == 3 && strcmp(argv[1], started_word) == 0;
}

int raw_process_main(char **argv) {
    uint64_t number = strtoull(argv[2], NULL, 10);
    char nothing;
    if (write(STDOUT_FILENO, &number, sizeof number) != sizeof number) {
        return 1;
    }
    while (read(STDIN_FILENO, &nothing, 1) > 0) {
    }
    return 0;
}

/* Between fork and exec. */
static _Noreturn void become(struct trial *trial, uint64_t number, pid_t parent) {
    char self[] = "/proc/self/exe", word[sizeof started_word], text[24];
    memcpy(word, started_word, sizeof word);
    snprintf(text, sizeof text, "%" PRIu64, number);
    char *argv[] = {self, word, text, NULL};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && dup2(trial->channel.read_fd[1], 0) == 0 &&
        dup2(trial->channel.write_fd[1], 1) == 1 &&
        raw_place(&trial->channel, &trial->allowed, trial->cell->placement, 1)) {
        execv(self, argv);
    }
    _exit(127);
}

/* ---- in the process that measures ---- */

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool start(struct trial *trial, uint64_t number) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(trial, number, parent);
    }
    trial->pid = pid > 0 ? pid : 0;
    return pid > 0 || raw_fail(&trial->channel, "fork");
}

static void end(struct trial *trial) {
    if (trial->pid != 0) {
        kill(trial->pid, SIGKILL);
        while (waitpid(trial->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        trial->pid = 0;
    }
}

static bool hear(struct trial *trial, uint64_t number) {
    struct pollfd fd = {.fd = trial->channel.read_fd[0], .events = POLLIN};
    uint64_t told = 0;
    if (poll(&fd, 1, PATIENCE_MS) != 1 || read(fd.fd, &told, sizeof told) != sizeof told || told != number) {
        snprintf(trial->channel.error, sizeof trial->channel.error, "process %llu, just started, says %s",
                 (unsigned long long)number, told == 0 ? "nothing" : "something else");
        return false;
    }
    return true;
}

static bool one(struct trial *trial, bool timed) {
    const struct timespec rest = {0, REST_MS * 1000000L};
    nanosleep(&rest, NULL);
    uint64_t number = ++trial->next;
    uint64_t begin = now_ns();
    end(trial);
    if (!start(trial, number) || !hear(trial, number)) {
        return false;
    }
    uint64_t took_ns = now_ns() - begin;
    if (timed) {
        lab_histogram_record(trial->histogram, took_ns);
        trial->total_ns += took_ns;
        trial->messages++;
    }
    return true;
}

static bool enough(const struct trial *trial, uint64_t begin) {
    uint64_t passed_ns = now_ns() - begin;
    return passed_ns >= (uint64_t)trial->cell->max_ms * 1000000u ||
           (trial->messages >= trial->cell->min_count && passed_ns >= (uint64_t)trial->cell->min_ms * 1000000u);
}

static bool measure(struct trial *trial) {
    bool good = true;
    for (unsigned i = 0; good && i <= trial->cell->warmup_count; i++) { /* the first kills nobody */
        good = one(trial, false);
    }
    uint64_t begin = now_ns();
    while (good && (trial->messages == 0 || !enough(trial, begin))) {
        good = one(trial, true);
    }
    return good;
}

static json_t *fields_of(const struct trial *trial, const struct lab_noise *noise) {
    struct lab_measures measures = {
        .messages = trial->messages,
        .seconds = (double)trial->total_ns / 1e9,
        .histogram = trial->histogram,
        .latencies = (double)lab_histogram_records(trial->histogram),
        .size_bytes = sizeof(uint64_t),
        .cpu_ns = -1,
        .system_share = -1,
        .voluntary = -1,
        .involuntary = -1,
        .page_faults = -1,
        .peak_rss_bytes = -1,
        .bytes_each = -1,
        .wire_bytes = sizeof(uint64_t),
    };
    json_t *flags = json_array();
    if (trial->messages < trial->cell->min_count) {
        json_array_append_new(flags, json_string("short"));
    }
    json_t *notes = json_pack("[s]", "a message is one kill; latency is from SIGKILL until the next process, this same "
                                     "program, has written its first bytes into a pipe; seconds is their sum");
    return lab_fields_of(&measures, flags, notes, lab_noise_end(noise, flags));
}

static bool open_pipes(struct raw_channel *channel) {
    channel->read_fd[0] = channel->read_fd[1] = channel->write_fd[0] = channel->write_fd[1] = -1;
    return raw_pipe.open(channel);
}

json_t *raw_process_trial(const struct lab_cell *cell) {
    struct trial trial = {.cell = cell, .histogram = lab_histogram_create()};
    struct lab_noise noise;
    lab_noise_begin(&noise);
    bool good = trial.histogram != NULL && sched_getaffinity(0, sizeof trial.allowed, &trial.allowed) == 0 &&
                open_pipes(&trial.channel) && raw_place(&trial.channel, &trial.allowed, cell->placement, 0) &&
                measure(&trial);
    end(&trial);
    sched_setaffinity(0, sizeof trial.allowed, &trial.allowed);
    json_t *fields =
        good ? fields_of(&trial, &noise) : lab_fields_failed("%s: %s", cell->transport, trial.channel.error);
    for (int side = 0; side < 2; side++) {
        close(trial.channel.read_fd[side]);
        close(trial.channel.write_fd[side]);
    }
    lab_histogram_destroy(trial.histogram);
    return fields;
}

const struct raw_mechanism raw_process = {
    .name = "raw:process",
    .summary = "a process is killed and started again, until its first bytes (workload=heal)",
    .can_block = true,
    .starts = true,
};
