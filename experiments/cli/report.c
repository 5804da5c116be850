#include "cli/cli.h"
#include "cli/places.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `corps-lab report`, `compare`, `recommend`, `validate`, `publish` …: Python programs that get all the arguments as
 * they are. report/start.py starts them. */

void lab_tell_program(void) {
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) > 0) {
        setenv("CORPS_LAB", self, 1);
    }
}

void lab_hold_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int lab_command_python(const struct lab_command *command, int argc, char **argv) {
    char script[PATH_MAX];
    char python[PATH_MAX];
    char name[32];
    lab_place("report/start.py", script);
    snprintf(python, sizeof python, "%s", lab_python());
    snprintf(name, sizeof name, "%s", command->name);
    if (access(script, R_OK) != 0) {
        lab_say("cannot read %s: %s; run corps-lab where it was built or installed", script, strerror(errno));
        return LAB_EXIT_FAILURE;
    }
    char **arguments = calloc((size_t)argc + 3, sizeof *arguments);
    if (arguments == NULL) {
        lab_say("out of memory");
        return LAB_EXIT_FAILURE;
    }
    arguments[0] = python;
    arguments[1] = script;
    arguments[2] = name;
    memcpy(arguments + 3, argv + 1, (size_t)argc * sizeof *arguments); /* with the NULL at the end */
    lab_tell_program();
    fflush(stdout);
    lab_hold_signals();
    execvp(python, arguments);
    lab_say("cannot start %s: %s; name an interpreter in CORPS_PYTHON", python, strerror(errno));
    free(arguments);
    return LAB_EXIT_FAILURE;
}
