#include "cli/cli.h"

#include "cell/cell.h"
#include "cell/near.h"
#include "payload/payloads.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CORPS_PYTHON_EXECUTABLE
#define CORPS_PYTHON_EXECUTABLE "python3"
#endif

void lab_say(const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "corps-lab: %s\n", text);
}

int lab_usage(const struct lab_command *command, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "corps-lab %s: %s (more: corps-lab %s --help)\n", command->name, text, command->name);
    return LAB_EXIT_USAGE;
}

/* What getopt_long did not take: an unknown option, the beginning of several, or a value where none belongs. */
static int refuse_option(const struct lab_command *command, const char *word, const struct option *options) {
    char name[LAB_NEAR_WORD_BYTES];
    char text[LAB_NEAR_TEXT_BYTES];
    struct lab_near near;
    bool begins = false;
    if (strncmp(word, "--", 2) != 0) {
        return lab_usage(command, "there is no option %s", word);
    }
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    lab_near_begin(&near, name);
    for (const struct option *option = options; option->name != NULL; option++) {
        char right[LAB_NEAR_WORD_BYTES];
        snprintf(right, sizeof right, "--%s", option->name);
        if (strcmp(right, name) == 0) {
            return lab_usage(command, "%s takes no value", name);
        }
        begins = begins || strncmp(right, name, strlen(name)) == 0;
        lab_near_try(&near, right);
    }
    const char *pairs = strcmp(command->name, "cell") == 0 ? "" : strcmp(command->name, "run") == 0 ? "--only " : NULL;
    const struct lab_cell_field *field;
    for (unsigned i = 0; pairs != NULL && (field = lab_cell_field_at(i)) != NULL; i++) {
        if (strcmp(field->name, name + 2) == 0) {
            return lab_usage(command, "there is no option %s; write %s%s=VALUE", name, pairs, field->name);
        }
    }
    return lab_usage(command, begins ? "option %s may mean several%s" : "there is no option %s%s", name,
                     lab_near_text(&near, text));
}

int lab_cli_next(const struct lab_command *command, int argc, char **argv, const struct option *options, int *status) {
    opterr = 0; /* one line in our own form */
    int value = getopt_long(argc, argv, ":h", options, NULL);
    switch (value) {
    case -1:
        return LAB_CLI_END;
    case LAB_CLI_HELP:
        printf("usage: corps-lab %s %s\n\n%s.\n%s", command->name, command->arguments, command->summary,
               command->help != NULL ? command->help : "");
        *status = LAB_EXIT_OK;
        return LAB_CLI_EXIT;
    case ':':
        *status = lab_usage(command, "%s needs a value", argv[optind - 1]);
        return LAB_CLI_EXIT;
    case '?':
        *status = refuse_option(command, argv[optind - 1], options);
        return LAB_CLI_EXIT;
    default:
        return value;
    }
}

bool lab_cli_number(const struct lab_command *command, const char *option, const char *text, uint64_t min, uint64_t max,
                    uint64_t *number) {
    uint64_t value;
    if (lab_parse_count(text, max, &value) && value >= min) {
        *number = value;
        return true;
    }
    lab_usage(command, "%s must be a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'", option, min, max, text);
    return false;
}

static bool python_is_gone(void) {
    return CORPS_PYTHON_EXECUTABLE[0] == '/' && access(CORPS_PYTHON_EXECUTABLE, X_OK) != 0;
}

void lab_choose_python(void) {
    const char *chosen = getenv("CORPS_PYTHON");
    if ((chosen == NULL || chosen[0] == '\0') && python_is_gone()) {
        setenv("CORPS_PYTHON", lab_python(), 1);
    }
}

const char *lab_python(void) {
    const char *chosen = getenv("CORPS_PYTHON");
    if (chosen != NULL && chosen[0] != '\0') {
        return chosen;
    }
    return python_is_gone() ? "python3" : CORPS_PYTHON_EXECUTABLE;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads to the end of file; what does not fit is thrown away. False when the time is over. */
static bool read_all(int fd, int64_t end_ms, char *out, size_t bytes) {
    size_t used = 0;
    for (;;) {
        char chunk[4096];
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = end_ms - now_ms();
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready <= 0) {
            if (ready < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got <= 0) {
            out[used] = '\0';
            return got == 0;
        }
        size_t take = used + (size_t)got < bytes ? (size_t)got : bytes - 1 - used;
        memcpy(out + used, chunk, take);
        used += take;
    }
}

static pid_t start(char *const argv[], int out_fd) {
    pid_t pid = fork();
    if (pid == 0) {
        int null_fd = open("/dev/null", O_RDWR);
        if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(null_fd, 2) < 0) {
            _exit(127);
        }
        execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

bool lab_capture(char *const argv[], unsigned seconds, char *out, size_t bytes) {
    int fds[2];
    out[0] = '\0';
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return false;
    }
    pid_t pid = start(argv, fds[1]);
    close(fds[1]);
    bool whole = pid > 0 && read_all(fds[0], now_ms() + (int64_t)seconds * 1000, out, bytes);
    close(fds[0]);
    if (pid < 0) {
        return false;
    }
    if (!whole) {
        kill(pid, SIGKILL); /* our own child, not yet waited for */
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    for (size_t length = strlen(out); length > 0 && out[length - 1] == '\n'; length--) {
        out[length - 1] = '\0';
    }
    return whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
