#include "cli/export.h"

#include "cli/places.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORM_COUNT = 3 };

static const char *const forms[FORM_COUNT] = {"--export-csv", "--export-markdown", "--export-json"};

static const char *target(const struct lab_exports *exports, size_t form) {
    const char *const all[FORM_COUNT] = {exports->csv, exports->markdown, exports->json};
    return all[form];
}

bool lab_export_option(int option, const char *value, struct lab_exports *exports) {
    switch (option) {
    case LAB_EXPORT_CSV:
        exports->csv = value;
        return true;
    case LAB_EXPORT_MARKDOWN:
        exports->markdown = value;
        return true;
    case LAB_EXPORT_JSON:
        exports->json = value;
        return true;
    default:
        return false;
    }
}

bool lab_export_wanted(const struct lab_exports *exports) {
    return exports->csv != NULL || exports->markdown != NULL || exports->json != NULL;
}

static unsigned to_stdout(const struct lab_exports *exports) {
    unsigned count = 0;
    for (size_t i = 0; i < FORM_COUNT; i++) {
        count += target(exports, i) != NULL && strcmp(target(exports, i), "-") == 0;
    }
    return count;
}

bool lab_export_to_stdout(const struct lab_exports *exports) {
    return to_stdout(exports) > 0;
}

/* Why the file could not be written; 0 when nothing speaks against it. */
static int obstacle(const char *path) {
    struct stat st;
    char folder[PATH_MAX];
    if (stat(path, &st) == 0) {
        return S_ISDIR(st.st_mode) ? EISDIR : access(path, W_OK) == 0 ? 0 : errno;
    }
    if (snprintf(folder, sizeof folder, "%s", path) >= PATH_MAX) {
        return ENAMETOOLONG;
    }
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        strcpy(folder, ".");
    } else {
        slash[slash == folder] = '\0';
    }
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

bool lab_export_check(const struct lab_command *command, const struct lab_exports *exports) {
    if (to_stdout(exports) > 1) {
        lab_usage(command, "only one export can go to standard output; name files for the others");
        return false;
    }
    for (size_t i = 0; i < FORM_COUNT; i++) {
        const char *path = target(exports, i);
        int why = path != NULL && strcmp(path, "-") != 0 ? obstacle(path) : 0;
        if (why != 0) {
            lab_usage(command, "%s %s: %s; name a file that can be written", forms[i], path, strerror(why));
            return false;
        }
    }
    return true;
}

static void start(const struct lab_exports *exports, const char *lines_path) {
    char script[PATH_MAX];
    char python[PATH_MAX];
    const char *argv[2 * FORM_COUNT + 5];
    size_t count = 0;
    snprintf(python, sizeof python, "%s", lab_python());
    argv[count++] = python;
    argv[count++] = lab_place("report/start.py", script);
    argv[count++] = "export";
    argv[count++] = lines_path;
    for (size_t i = 0; i < FORM_COUNT; i++) {
        if (target(exports, i) != NULL) {
            argv[count++] = forms[i];
            argv[count++] = target(exports, i);
        }
    }
    argv[count] = NULL;
    lab_tell_program();
    lab_hold_signals();
    execvp(python, (char *const *)argv);
    lab_say("cannot start %s: %s; name an interpreter in CORPS_PYTHON", python, strerror(errno));
    _exit(LAB_EXIT_FAILURE);
}

bool lab_export_write(const struct lab_exports *exports, const char *lines_path) {
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        start(exports, lines_path);
    }
    if (pid < 0) {
        lab_say("cannot export: %s", strerror(errno));
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
