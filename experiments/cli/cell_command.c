#include "cell/cell.h"
#include "cli/cell_text.h"
#include "cli/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* `corps-lab cell`: one trial in this process. */

static bool read_cell(const struct lab_command *command, char **pairs, struct lab_cell *cell) {
    char error[LAB_ERROR_BYTES];
    lab_cell_init(cell);
    for (; *pairs != NULL; pairs++) {
        if (!lab_cell_set_pair(cell, *pairs, error)) {
            lab_usage(command, "%s", error);
            return false;
        }
    }
    lab_cell_finish(cell);
    const char *why = lab_cell_impossible(cell, error);
    if (why != NULL) {
        lab_usage(command, "%s", why);
    }
    return why == NULL;
}

static bool write_all(int fd, const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t wrote = write(fd, text, left);
        if (wrote < 0 && errno != EINTR) {
            return false;
        }
        text += wrote > 0 ? wrote : 0;
        left -= wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

/* ---- the command ---- */

enum { TRIAL_FD = 1, JSON };

struct cell_options {
    uint64_t fd; /* where `run` wants the line, or standard output */
    bool json;
    struct lab_exports exports;
};

/* False with *status when the command is to end. */
static bool read_options(const struct lab_command *command, int argc, char **argv, struct cell_options *chosen,
                         int *status) {
    static const struct option options[] = {{"trial-fd", required_argument, NULL, TRIAL_FD},
                                            {"json", no_argument, NULL, JSON},
                                            LAB_EXPORT_OPTIONS,
                                            LAB_CLI_HELP_OPTION,
                                            {0}};
    int option;
    *chosen = (struct cell_options){.fd = STDOUT_FILENO};
    while ((option = lab_cli_next(command, argc, argv, options, status)) != LAB_CLI_END) {
        if (option == LAB_CLI_EXIT) {
            return false;
        }
        chosen->json = chosen->json || option == JSON;
        if (option == TRIAL_FD && !lab_cli_number(command, "--trial-fd", optarg, 1, 1023, &chosen->fd)) {
            *status = LAB_EXIT_USAGE;
            return false;
        }
        lab_export_option(option, optarg, &chosen->exports);
    }
    if (!lab_export_check(command, &chosen->exports)) {
        *status = LAB_EXIT_USAGE;
        return false;
    }
    return true;
}

/* The line goes to memory without a name, from where the report's program reads it. */
static bool export(const struct lab_exports *exports, const char *text) {
    char path[64];
    int fd = memfd_create("corps-lab", 0); /* the program inherits it */
    if (fd < 0 || !write_all(fd, text)) {
        lab_say("cannot export: %s", strerror(errno));
        return false;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool ok = lab_export_write(exports, path);
    close(fd);
    return ok;
}

/* People at a terminal get a summary, programs the line. */
static bool show(const struct cell_options *options, const struct lab_cell *cell, const json_t *line,
                 const char *text) {
    if (options->fd == STDOUT_FILENO && lab_export_to_stdout(&options->exports)) {
        return true;
    }
    if (options->fd == STDOUT_FILENO && !options->json && isatty(STDOUT_FILENO)) {
        lab_cell_print(cell, line, stdout);
        return fflush(stdout) == 0;
    }
    return write_all((int)options->fd, text);
}

int lab_command_cell(const struct lab_command *command, int argc, char **argv) {
    struct lab_cell cell;
    struct cell_options options;
    int status = LAB_EXIT_OK;
    if (!read_options(command, argc, argv, &options, &status)) {
        return status;
    }
    if (options.fd != STDOUT_FILENO) {
        fcntl((int)options.fd, F_SETFD, FD_CLOEXEC);
    }
    if (!read_cell(command, argv + optind, &cell)) {
        return LAB_EXIT_USAGE;
    }
    json_t *line = lab_line(&cell, lab_trial(&cell));
    bool ok = json_is_true(json_object_get(line, "ok"));
    char *text = lab_line_text(line);
    if (text == NULL || !show(&options, &cell, line, text)) {
        lab_say("cannot write the trial's line: %s", strerror(errno));
        ok = false;
    } else if (!ok && options.fd == STDOUT_FILENO) {
        const char *reason = json_string_value(json_object_get(line, "error"));
        lab_say("the trial failed: %s", reason != NULL ? reason : "no reason given");
    }
    if (text != NULL && lab_export_wanted(&options.exports)) {
        ok = export(&options.exports, text) && ok;
    }
    free(text);
    json_decref(line);
    return ok ? LAB_EXIT_OK : LAB_EXIT_FAILURE;
}
