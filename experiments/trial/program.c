#include "trial/program.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_MS = 2000, STEP_MS = 2 }; /* for what ends by itself after the program */

/* In the new process. Only what is safe between fork and exec. */
static _Noreturn void become(const struct lab_program *program, int out_fd, int words_fd, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(out_fd, 1) < 0 || (program->alone && dup2(words_fd, 2) < 0) ||
        (program->cpus != NULL && sched_setaffinity(0, sizeof *program->cpus, program->cpus) != 0)) {
        _exit(127);
    }
    execvp(program->argv[0], program->argv);
    _exit(127);
}

/* True when it has ended within the patience. */
static bool await(pid_t pid, unsigned patience_s, int *status) {
    struct pollfd fd = {.fd = patience_s > 0 ? pidfd_open(pid, 0) : -1, .events = POLLIN};
    int ready = 1;
    if (fd.fd >= 0) {
        while ((ready = poll(&fd, 1, (int)patience_s * 1000)) < 0 && errno == EINTR) {
        }
        close(fd.fd);
    }
    if (ready == 0) {
        kill(pid, SIGKILL); /* our own child, not yet waited for */
    }
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) {
    }
    return ready != 0;
}

static void kill_children(void) {
    char path[64];
    int64_t pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%" SCNd64, &pid) == 1) {
        kill((pid_t)pid, SIGKILL);
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* Waits for orphans, and kills those that do not end. False when one had to be killed. */
static bool outlive(bool patient) {
    const struct timespec step = {0, STEP_MS * 1000000L};
    bool killed = false;
    for (unsigned waited_ms = patient ? 0 : GRACE_MS; waited_ms < 2 * GRACE_MS; waited_ms += STEP_MS) {
        pid_t ended;
        while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (ended < 0) {
            return !killed; /* none is left */
        }
        if (waited_ms >= GRACE_MS) {
            kill_children();
            killed = true;
        }
        nanosleep(&step, NULL);
    }
    return false;
}

static void read_words(int fd, char *out, size_t bytes) {
    char text[1024];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t begin = size > (off_t)sizeof text - 1 ? size - ((off_t)sizeof text - 1) : 0;
    ssize_t got = size > 0 ? pread(fd, text, sizeof text - 1, begin) : 0;
    out[0] = '\0';
    while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == ' ')) {
        got--;
    }
    if (got > 0) {
        text[got] = '\0';
        const char *line = strrchr(text, '\n');
        snprintf(out, bytes, "%.*s", (int)bytes - 1, line != NULL ? line + 1 : text);
    }
}

static json_t *read_answer(int fd) {
    json_t *answer = lseek(fd, 0, SEEK_SET) == 0 ? json_loadfd(fd, 0, NULL) : NULL;
    if (!json_is_object(answer)) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

static void run(const struct lab_program *program, int out_fd, int words_fd, struct lab_program_end *end) {
    pid_t parent = getpid();
    if (program->alone) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(program, out_fd, words_fd, parent);
    }
    if (pid > 0) {
        end->timed_out = !await(pid, program->patience_s, &end->status);
    }
    if (program->alone) {
        end->left_processes = !outlive(!end->timed_out);
        read_words(words_fd, end->words, sizeof end->words);
    }
}

json_t *lab_program_run(const struct lab_program *program, struct lab_program_end *end) {
    int out_fd = memfd_create("answer", MFD_CLOEXEC);
    int words_fd = memfd_create("words", MFD_CLOEXEC);
    json_t *answer = NULL;
    *end = (struct lab_program_end){.status = -1};
    if (out_fd >= 0 && words_fd >= 0) {
        run(program, out_fd, words_fd, end);
        answer = read_answer(out_fd);
    }
    if (out_fd >= 0) {
        close(out_fd);
    }
    if (words_fd >= 0) {
        close(words_fd);
    }
    return answer;
}
