#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `corps-lab report`, `compare`, `recommend`, `validate`, `publish`: Python programs that get all the arguments as they
 * are. */

#ifndef LAB_REPORT_DIR
#define LAB_REPORT_DIR "experiments/report"
#endif

int lab_command_python(const struct lab_command *command, int argc, char **argv) {
    char script[PATH_MAX];
    char python[PATH_MAX];
    snprintf(script, sizeof script, "%s/%s.py", LAB_REPORT_DIR, command->name);
    if (access(script, R_OK) != 0) { /* a study of its own, in a folder beside */
        snprintf(script, sizeof script, "%s/../%s/%s.py", LAB_REPORT_DIR, command->name, command->name);
    }
    snprintf(python, sizeof python, "%s", lab_python());
    if (access(script, R_OK) != 0) {
        lab_say("cannot read %s: %s; run corps-lab where it was built", script, strerror(errno));
        return LAB_EXIT_FAILURE;
    }
    char **arguments = calloc((size_t)argc + 2, sizeof *arguments);
    if (arguments == NULL) {
        lab_say("out of memory");
        return LAB_EXIT_FAILURE;
    }
    arguments[0] = python;
    arguments[1] = script;
    memcpy(arguments + 2, argv + 1, (size_t)argc * sizeof *arguments); /* with the NULL at the end */
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) > 0) {
        setenv("CORPS_LAB", self, 1); /* compare measures with this program */
    }
    fflush(stdout);
    execvp(python, arguments);
    lab_say("cannot start %s: %s; name an interpreter in CORPS_PYTHON", python, strerror(errno));
    free(arguments);
    return LAB_EXIT_FAILURE;
}
