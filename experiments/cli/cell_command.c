#include "cell/cell.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int lab_command_cell(const struct lab_command *command, int argc, char **argv) {
    enum { TRIAL_FD = 1 };
    static const struct option options[] = {
        {"trial-fd", required_argument, NULL, TRIAL_FD}, /* where `run` wants the line */
        LAB_CLI_HELP_OPTION,
        {0},
    };
    struct lab_cell cell;
    int status = LAB_EXIT_OK;
    int option;
    uint64_t fd = STDOUT_FILENO;
    while ((option = lab_cli_next(command, argc, argv, options, &status)) != LAB_CLI_END) {
        if (option == LAB_CLI_EXIT) {
            return status;
        }
        if (!lab_cli_number(command, "--trial-fd", optarg, 1, 1023, &fd)) {
            return LAB_EXIT_USAGE;
        }
        fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    }
    if (!read_cell(command, argv + optind, &cell)) {
        return LAB_EXIT_USAGE;
    }
    json_t *line = lab_line(&cell, lab_trial(&cell));
    bool ok = json_is_true(json_object_get(line, "ok"));
    char *text = lab_line_text(line);
    if (text == NULL || !write_all((int)fd, text)) {
        lab_say("cannot write the trial's line: %s", strerror(errno));
        ok = false;
    } else if (!ok && fd == STDOUT_FILENO) {
        const char *reason = json_string_value(json_object_get(line, "error"));
        lab_say("the trial failed: %s", reason != NULL ? reason : "no reason given");
    }
    free(text);
    json_decref(line);
    return ok ? LAB_EXIT_OK : LAB_EXIT_FAILURE;
}
