#include "base/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct search {
    const char *file;
    int flags;
    char *reason;
    size_t reason_bytes;
};

static void *open_in(const struct search *search, const char *folder) {
    char path[PATH_MAX];
    int bytes = snprintf(path, sizeof path, "%s/%s", folder, search->file);
    if (bytes < 0 || (size_t)bytes >= sizeof path || access(path, R_OK) != 0) {
        return NULL;
    }
    void *handle = dlopen(path, search->flags);
    if (handle == NULL) {
        snprintf(search->reason, search->reason_bytes, "%s", dlerror());
    }
    return handle;
}

static void *open_beside_this(const struct search *search) {
    static const char here = 0; /* in the same file as this code */
    Dl_info info;
    if (dladdr(&here, &info) == 0 || info.dli_fname == NULL) {
        return NULL;
    }
    /* Of what is linked into a program the name is as it was called by: found in PATH, it says nothing. */
    const char *name = strchr(info.dli_fname, '/') != NULL ? info.dli_fname : "/proc/self/exe";
    char folder[PATH_MAX];
    char real[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", realpath(name, real) != NULL ? real : name);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        return NULL;
    }
    *slash = '\0';
    void *handle = open_in(search, folder);
    if (handle == NULL && strlen(folder) + 7 < sizeof folder) {
        strcat(folder, "/corps");
        handle = open_in(search, folder);
    }
    return handle;
}

void *corps__module_open(const char *file, bool global, char *reason, size_t reason_bytes) {
    struct search search = {file, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL), reason, reason_bytes};
    const char *named = getenv("CORPS_PLUGIN_PATH");
    snprintf(reason, reason_bytes, "not found");
    void *handle = named != NULL && named[0] != '\0' ? open_in(&search, named) : NULL;
    if (handle == NULL) {
        handle = open_beside_this(&search);
    }
#ifdef CORPS_PLUGIN_FOLDER
    if (handle == NULL) {
        handle = open_in(&search, CORPS_PLUGIN_FOLDER);
    }
#endif
    return handle;
}

void *corps__module_symbol(void *handle, const char *name) {
    return dlsym(handle, name);
}
