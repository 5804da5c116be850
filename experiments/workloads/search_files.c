#include "workloads/search_files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* ---- listing ---- */

static enum corps_err add(struct search_files *files, const char *path) {
    if (files->count == files->capacity) {
        size_t capacity = files->capacity * 2 + 256;
        char **grown = realloc(files->paths, capacity * sizeof *grown);
        if (grown == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the list of files");
        }
        files->paths = grown;
        files->capacity = capacity;
    }
    files->paths[files->count] = strdup(path);
    if (files->paths[files->count] == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the list of files");
    }
    files->count++;
    return CORPS_OK;
}

enum corps_err search_files_list(const char *root, struct search_files *files) {
    char *const roots[] = {(char *)(uintptr_t)root, NULL}; /* fts does not write to it */
    *files = (struct search_files){.paths = NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    if (walk == NULL) {
        return corps_error_system("cannot list %s", root);
    }
    enum corps_err err = CORPS_OK;
    while (err == CORPS_OK) {
        errno = 0;
        FTSENT *entry = fts_read(walk);
        if (entry == NULL) {
            err = errno == 0 ? CORPS_OK : corps_error_system("cannot list %s", root);
            break;
        }
        if (entry->fts_info == FTS_F) {
            err = S_ISREG(entry->fts_statp->st_mode) ? add(files, entry->fts_path) : CORPS_OK;
        } else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
            errno = entry->fts_errno;
            err = corps_error_system("cannot read %s", entry->fts_path);
        }
    }
    fts_close(walk);
    return err;
}

void search_files_finish(struct search_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        free(files->paths[i]);
    }
    free(files->paths);
    *files = (struct search_files){.paths = NULL};
}

/* ---- running a program ---- */

struct child {
    pid_t pid;
    int output;
    char *text; /* standard output and standard error, NUL-terminated; malloc'd */
    size_t bytes;
    int status;
};

static enum corps_err start_search_files(struct child *child, char *const *arguments, char *const *environment) {
    int pair[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return corps_error_system("cannot make a pipe for %s", arguments[0]);
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 2);
    int failed = posix_spawnp(&child->pid, arguments[0], &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    if (failed != 0) {
        close(pair[0]);
        errno = failed;
        return corps_error_system("cannot start %s", arguments[0]);
    }
    child->output = pair[0];
    return CORPS_OK;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum corps_err collect(struct child *child, const char *program) {
    enum { PATIENCE_MS = 60000, PIECE_BYTES = 65536 };
    int64_t end_ms = now_ms() + PATIENCE_MS;
    for (;;) {
        struct pollfd readable = {.fd = child->output, .events = POLLIN};
        int64_t left_ms = end_ms - now_ms();
        char *grown = realloc(child->text, child->bytes + PIECE_BYTES + 1);
        if (grown == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the output of %s", program);
        }
        child->text = grown;
        if (left_ms <= 0) {
            return corps_error_set(CORPS_ERR_TIMEOUT, "%s did not end within a minute", program);
        }
        if (poll(&readable, 1, (int)left_ms) <= 0) {
            continue;
        }
        ssize_t n = read(child->output, child->text + child->bytes, PIECE_BYTES);
        if (n < 0 && errno != EINTR) {
            return corps_error_system("cannot read the output of %s", program);
        }
        child->bytes += n > 0 ? (size_t)n : 0;
        child->text[child->bytes] = '\0';
        if (n == 0) {
            return CORPS_OK;
        }
    }
}

/* Runs a program to its end. The caller frees child->text, also after an error. */
static enum corps_err run_program(struct child *child, char *const *arguments, char *const *environment) {
    *child = (struct child){.pid = 0};
    enum corps_err err = start_search_files(child, arguments, environment);
    if (err != CORPS_OK) {
        return err;
    }
    err = collect(child, arguments[0]);
    close(child->output);
    if (err != CORPS_OK) {
        kill(child->pid, SIGKILL);
    }
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR) {
    }
    return err;
}

/* ---- where Python's library is ---- */

static bool is_library(const char *path) {
    char file[4200];
    snprintf(file, sizeof file, "%.4090s/os.py", path);
    return access(file, R_OK) == 0;
}

static bool ask_python(char *out, size_t out_bytes) {
    const char *python = getenv("CORPS_PYTHON");
    char *const arguments[] = {(char *)(uintptr_t)(python != NULL && python[0] != '\0' ? python : "python3"),
                               (char[]){"-c"}, (char[]){"import sysconfig; print(sysconfig.get_path('stdlib'))"}, NULL};
    struct child child;
    bool known = false;
    if (run_program(&child, arguments, environ) == CORPS_OK && child.status == 0 && child.text != NULL) {
        child.text[strcspn(child.text, "\n")] = '\0';
        known = is_library(child.text) && snprintf(out, out_bytes, "%s", child.text) < (int)out_bytes;
    }
    free(child.text);
    return known;
}

enum corps_err search_default_path(char *out, size_t out_bytes) {
    glob_t found;
    bool known = false;
    if (glob("/usr/lib/python3.*", GLOB_ONLYDIR, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && !known; i++) {
            known = is_library(found.gl_pathv[i]) && snprintf(out, out_bytes, "%s", found.gl_pathv[i]) < (int)out_bytes;
        }
        globfree(&found);
    }
    return known || ask_python(out, out_bytes)
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_UNKNOWN, "found no Python standard library; choose a directory with path=");
}

/* ---- what grep says ---- */

/* With -Z every line is "path NUL count newline", whatever the path holds. */
static bool add_up(const struct child *child, uint64_t *total, uint64_t *files) {
    const char *end = child->text + child->bytes;
    for (const char *at = child->text; at < end;) {
        const char *nul = memchr(at, '\0', (size_t)(end - at));
        const char *line_end = nul != NULL ? memchr(nul, '\n', (size_t)(end - nul)) : NULL;
        if (line_end == NULL) {
            return false;
        }
        *total += strtoull(nul + 1, NULL, 10);
        (*files)++;
        at = line_end + 1;
    }
    return true;
}

enum corps_err search_ask_grep(const char *pattern, const char *root, uint64_t *total, uint64_t *files) {
    char *const arguments[] = {(char[]){"grep"},
                               (char[]){"-rcaEHZ"},
                               (char[]){"-e"},
                               (char *)(uintptr_t)pattern,
                               (char[]){"--"},
                               (char *)(uintptr_t)root,
                               NULL};
    const char *path = getenv("PATH");
    char path_setting[4096];
    snprintf(path_setting, sizeof path_setting, "PATH=%s", path != NULL ? path : "/usr/bin:/bin");
    char *const environment[] = {path_setting, (char[]){"LC_ALL=C"}, NULL};
    struct child child;
    enum corps_err err = run_program(&child, arguments, environment);
    *total = 0;
    *files = 0;
    /* 0: lines were found, 1: none; anything else is a complaint */
    if (err == CORPS_OK && (!WIFEXITED(child.status) || WEXITSTATUS(child.status) > 1)) {
        child.text[strcspn(child.text, "\n")] = '\0';
        err = corps_error_set(CORPS_ERR_INVALID, "grep cannot check this search: %.300s", child.text);
    } else if (err == CORPS_OK && !add_up(&child, total, files)) {
        err = corps_error_set(CORPS_ERR_CORRUPT, "the output of grep is not what -cZ gives");
    }
    free(child.text);
    return err;
}
