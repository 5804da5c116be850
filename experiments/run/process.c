#include "run/process.h"

#include "cell/cell.h"
#include "hosts/agents.h"
#include "trial/fields.h"

#include "base/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TRIAL_FD = 3,
    ARGS_MAX = LAB_CELL_KEY_COUNT + 8,
    GRACE_MS = 2000,           /* between SIGTERM and SIGKILL, and for what is left to end by itself */
    LINE_BYTES_MAX = 64 << 20, /* a longer line is no trial's */
};

struct trial {
    pid_t pid;
    int pidfd;
    int line_fd; /* anonymous memory: the trial's line */
    int text_fd; /* the same: what it and its Envs print */
    int status;
    bool timed_out;
    bool left_processes;
};

/* ---- signals ---- */

bool lab_signals_begin(struct lab_signals *signals, char error[LAB_ERROR_BYTES]) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    *signals = (struct lab_signals){.fd = -1};
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 ||
        (signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        snprintf(error, LAB_ERROR_BYTES, "cannot prepare for signals: %s", strerror(errno));
        return false;
    }
    signal(SIGPIPE, SIG_IGN); /* whoever reads the progress may leave */
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write */
    return true;
}

void lab_signals_end(struct lab_signals *signals) {
    if (signals->fd >= 0) {
        close(signals->fd);
    }
    signals->fd = -1;
}

bool lab_signals_look(struct lab_signals *signals) {
    struct signalfd_siginfo info;
    if (signals->received == 0 && read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        signals->received = (int)info.ssi_signo;
    }
    return signals->received != 0;
}

/* ---- starting ---- */

struct arguments {
    char *argv[ARGS_MAX];
    char pairs[ARGS_MAX][LAB_CELL_VALUE_BYTES + 64];
};

static void make_arguments(const struct lab_cell *cell, struct arguments *arguments) {
    static char program[] = "corps-lab", command[] = "cell", option[] = "--trial-fd", number[] = "3", end[] = "--";
    char *const head[] = {program, command, option, number, end};
    size_t count = sizeof head / sizeof head[0];
    memcpy(arguments->argv, head, sizeof head);
    const struct lab_cell_field *field;
    for (unsigned i = 0; (field = lab_cell_field_at(i)) != NULL && count < ARGS_MAX - 1; i++) {
        char value[LAB_CELL_VALUE_BYTES];
        lab_cell_get(cell, field->name, value);
        /* Another program may be older than a key: it is told of it only where that matters, and never of its arm. */
        bool silent =
            (field->newer && strcmp(value, "0") == 0) || (strcmp(field->name, "arm") == 0 && strcmp(value, "b") == 0);
        if (value[0] != '\0' && !silent) {
            char *pair = arguments->pairs[count];
            snprintf(pair, sizeof arguments->pairs[0], "%s=%s", field->name, value);
            arguments->argv[count++] = pair;
        }
    }
    arguments->argv[count] = NULL;
}

/* In the new process. Only what is safe between fork and exec. */
static _Noreturn void become_trial(const struct trial *trial, const char *program, char *const *argv, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    int null_fd = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || setsid() < 0 || null_fd < 0) {
        _exit(127);
    }
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Copies above the standard numbers first, so that none is overwritten before it is used. */
    int line_fd = fcntl(trial->line_fd, F_DUPFD, 10);
    int text_fd = fcntl(trial->text_fd, F_DUPFD, 10);
    if (line_fd < 0 || text_fd < 0 || dup2(null_fd, 0) < 0 || dup2(text_fd, 1) < 0 || dup2(text_fd, 2) < 0 ||
        dup2(line_fd, TRIAL_FD) < 0) {
        _exit(127);
    }
    closefrom(TRIAL_FD + 1);
    execv(program, argv);
    _exit(127);
}

static bool start(struct trial *trial, const char *program, const struct lab_cell *cell, char error[LAB_ERROR_BYTES]) {
    static struct arguments arguments; /* 40 KiB, and trials run one at a time */
    *trial = (struct trial){.pidfd = -1, .text_fd = -1};
    make_arguments(cell, &arguments);
    trial->line_fd = memfd_create("line", MFD_CLOEXEC);
    trial->text_fd = memfd_create("text", MFD_CLOEXEC);
    pid_t parent = getpid();
    trial->pid = trial->line_fd < 0 || trial->text_fd < 0 ? -1 : fork();
    if (trial->pid == 0) {
        become_trial(trial, program != NULL ? program : "/proc/self/exe", arguments.argv, parent);
    }
    trial->pidfd = trial->pid > 0 ? pidfd_open(trial->pid, 0) : -1;
    if (trial->pidfd < 0) {
        snprintf(error, LAB_ERROR_BYTES, "cannot start a trial: %s", strerror(errno));
        if (trial->pid > 0) {
            kill(trial->pid, SIGKILL); /* our own child, not yet waited for */
            waitpid(trial->pid, NULL, 0);
        }
        return false;
    }
    return true;
}

/* ---- ending ---- */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(long ms) {
    struct timespec pause = {0, ms * 1000000};
    nanosleep(&pause, NULL);
}

/* Waits until the trial's first process has ended, a signal has come or the time is over. True when it has ended. */
static bool await_end(const struct trial *trial, struct lab_signals *signals, int64_t end_ms) {
    for (;;) {
        struct pollfd fds[2] = {{.fd = trial->pidfd, .events = POLLIN},
                                {.fd = signals != NULL ? signals->fd : -1, .events = POLLIN}};
        int64_t left = end_ms - now_ms();
        int ready = poll(fds, 2, left > 0 ? (int)(left < 3600000 ? left : 3600000) : 0);
        if (fds[0].revents != 0) {
            return true;
        }
        if ((signals != NULL && fds[1].revents != 0 && lab_signals_look(signals)) || (ready == 0 && left <= 0)) {
            return false;
        }
    }
}

/* Processes of the trial's group, apart from ended ones that nobody has waited for. As the inheritor of orphans this
 * process waits for those. */
static bool group_lives(pid_t group) {
    while (waitpid(-group, NULL, WNOHANG) > 0) {
    }
    return kill(-group, 0) == 0;
}

static bool await_group(pid_t group, int64_t end_ms) {
    while (group_lives(group)) {
        if (now_ms() >= end_ms) {
            return false;
        }
        pause_ms(2);
    }
    return true;
}

/* Kills the trial if it has not ended, waits for it, and sees to it that its group is gone. */
static void end(struct trial *trial, bool ended) {
    if (!ended) {
        kill(-trial->pid, SIGTERM);
        if (!await_end(trial, NULL, now_ms() + GRACE_MS)) {
            kill(-trial->pid, SIGKILL);
        }
    }
    while (waitpid(trial->pid, &trial->status, 0) < 0 && errno == EINTR) {
    }
    if (!await_group(trial->pid, now_ms() + GRACE_MS)) {
        trial->left_processes = ended;
        kill(-trial->pid, SIGKILL);
        await_group(trial->pid, now_ms() + GRACE_MS);
    }
}

static void finish(struct trial *trial) {
    const int fds[] = {trial->pidfd, trial->line_fd, trial->text_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

/* ---- what came out ---- */

static json_t *read_line(const struct trial *trial) {
    struct stat st;
    if (fstat(trial->line_fd, &st) != 0 || st.st_size <= 0 || st.st_size > LINE_BYTES_MAX) {
        return NULL;
    }
    char *text = malloc((size_t)st.st_size);
    json_t *line = NULL;
    if (text != NULL && pread(trial->line_fd, text, (size_t)st.st_size, 0) == st.st_size) {
        line = json_loadb(text, (size_t)st.st_size, 0, NULL);
    }
    free(text);
    if (!json_is_object(line) || !json_is_boolean(json_object_get(line, "ok"))) {
        json_decref(line);
        return NULL;
    }
    return line;
}

/* The last line that the trial printed, after ": ", or "". */
static void last_words(const struct trial *trial, char *out, size_t bytes) {
    char text[1024];
    struct stat st;
    out[0] = '\0';
    if (fstat(trial->text_fd, &st) != 0 || st.st_size <= 0) {
        return;
    }
    off_t begin = st.st_size > (off_t)sizeof text - 1 ? st.st_size - ((off_t)sizeof text - 1) : 0;
    ssize_t got = pread(trial->text_fd, text, sizeof text - 1, begin);
    while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == ' ')) {
        got--;
    }
    if (got > 0) {
        text[got] = '\0';
        const char *line = strrchr(text, '\n');
        snprintf(out, bytes, ": %.500s", line != NULL ? line + 1 : text);
    }
}

static json_t *failed_line(const struct trial *trial, const struct lab_cell *cell, double timeout_s) {
    char words[600];
    last_words(trial, words, sizeof words);
    if (trial->timed_out) {
        return lab_line(cell, lab_fields_failed("no result within %g s; the trial was killed%s", timeout_s, words));
    }
    if (WIFSIGNALED(trial->status)) {
        int number = WTERMSIG(trial->status);
        const char *name = sigabbrev_np(number);
        return lab_line(cell,
                        lab_fields_failed("killed by signal %d (SIG%s)%s", number, name != NULL ? name : "?", words));
    }
    return lab_line(cell, lab_fields_failed("ended with status %d and no result%s", WEXITSTATUS(trial->status), words));
}

/* Figures of a trial that left processes running are not to be trusted. */
static json_t *line_of(const struct trial *trial, const struct lab_cell *cell, double timeout_s) {
    json_t *line = trial->timed_out ? NULL : read_line(trial);
    if (line == NULL) {
        return failed_line(trial, cell, timeout_s);
    }
    if (trial->left_processes && json_is_true(json_object_get(line, "ok"))) {
        json_decref(line);
        line = lab_line(cell, lab_fields_failed("the trial left processes running after its end; they were killed"));
    }
    return line;
}

enum lab_outcome lab_process_run(struct lab_signals *signals, const char *program, const struct lab_cell *cell,
                                 double timeout_s, json_t **line, char error[LAB_ERROR_BYTES]) {
    struct trial trial;
    *line = NULL;
    if (!start(&trial, program, cell, error)) {
        finish(&trial);
        return LAB_OUTCOME_BROKEN;
    }
    bool ended = await_end(&trial, signals, now_ms() + (int64_t)(timeout_s * 1000));
    trial.timed_out = !ended && signals->received == 0;
    end(&trial, ended);
    enum lab_outcome outcome = signals->received != 0 && !ended ? LAB_OUTCOME_STOPPED : LAB_OUTCOME_LINE;
    if (outcome == LAB_OUTCOME_LINE) {
        *line = line_of(&trial, cell, timeout_s);
    }
    if (outcome == LAB_OUTCOME_STOPPED || !json_is_true(json_object_get(*line, "ok"))) {
        corps__dir_clean(true, NULL, NULL); /* of what was killed; those that live keep theirs */
        lab_agents_clean();
    }
    finish(&trial);
    return outcome;
}
