#include "cli/places.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* meson.build says what these are. */
#ifndef LAB_SOURCE_DIR
#define LAB_SOURCE_DIR "."
#define LAB_BUILD_DIR "build"
#define LAB_CONCS "build/experiments/python/lab_concs.so"
#define LAB_FROM_BIN ""
#define LAB_PREFIX "/usr/local"
#define LAB_DATA_DIR "share/corps/lab"
#define LAB_MODULE_DIR "lib/corps"
#define LAB_PACKAGE_DIR ""
#endif

struct places {
    bool built;            /* the program lies in its build folder */
    char folder[PATH_MAX]; /* in which the program lies */
    char prefix[PATH_MAX]; /* of the installation */
    char data[PATH_MAX + 32];
};

static bool is_there(const char *path) {
    return access(path, R_OK) == 0;
}

/* `name` below `folder`, unless it is a whole path itself. False where the path is too long. */
static bool join(const char *folder, const char *name, char out[PATH_MAX]) {
    const char *format = name[0] == '/' ? "%.0s%s" : "%s/%s";
    return snprintf(out, PATH_MAX, format, folder, name) < PATH_MAX;
}

static void find_program(struct places *places) {
    ssize_t length = readlink("/proc/self/exe", places->folder, sizeof places->folder - 1);
    places->folder[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(places->folder, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

static const struct places *find(void) {
    static struct places places;
    char report[PATH_MAX + 64];
    if (places.data[0] != '\0') {
        return &places;
    }
    find_program(&places);
    places.built = strcmp(places.folder, LAB_BUILD_DIR) == 0;
    if (!places.built && LAB_FROM_BIN[0] != '\0' && join(places.folder, LAB_FROM_BIN, places.prefix) &&
        snprintf(places.data, sizeof places.data, "%s/%s", places.prefix, LAB_DATA_DIR) > 0 &&
        snprintf(report, sizeof report, "%s/report", places.data) > 0 && is_there(report)) {
        return &places;
    }
    snprintf(places.prefix, sizeof places.prefix, "%s", LAB_PREFIX);
    char data[PATH_MAX];
    bool installed = !places.built && join(LAB_PREFIX, LAB_DATA_DIR, data) && is_there(data);
    snprintf(places.data, sizeof places.data, "%s", installed ? data : LAB_SOURCE_DIR "/experiments");
    return &places;
}

const char *lab_place(const char *name, char out[PATH_MAX]) {
    if (snprintf(out, PATH_MAX, "%s/%s", find()->data, name) >= PATH_MAX) {
        out[0] = '\0';
    }
    return out;
}

const char *lab_source_folder(void) {
    return find()->built ? LAB_SOURCE_DIR : NULL;
}

const char *lab_program_path(const char *name, char out[PATH_MAX]) {
    if (!join(find()->folder, name, out)) {
        out[0] = '\0';
    }
    return out;
}

const char *lab_module_path(const char *name, char out[PATH_MAX]) {
    char folder[PATH_MAX];
    if (find()->built || !join(find()->prefix, LAB_MODULE_DIR, folder) || !join(folder, name, out) || !is_there(out)) {
        char path[PATH_MAX];
        snprintf(folder, sizeof folder, "%s/experiments/raw", LAB_BUILD_DIR);
        out[0] = '\0';
        (void)(join(folder, name, path) && strcpy(out, path));
    }
    return out;
}

const char *lab_concs_path(char out[PATH_MAX]) {
    const char *name = strrchr(LAB_CONCS, '/');
    char folder[PATH_MAX];
    if (find()->built || !join(find()->prefix, LAB_MODULE_DIR, folder) ||
        snprintf(out, PATH_MAX, "%s%s", folder, name != NULL ? name : "/" LAB_CONCS) >= PATH_MAX || !is_there(out)) {
        snprintf(out, PATH_MAX, "%s", LAB_CONCS);
    }
    return out;
}

bool lab_package_folder(char out[PATH_MAX]) {
    char probe[PATH_MAX + 32];
    bool known = find()->built ? join(find()->folder, "lib/python", out)
                               : LAB_PACKAGE_DIR[0] != '\0' && join(find()->prefix, LAB_PACKAGE_DIR, out);
    return known && snprintf(probe, sizeof probe, "%s/corps/__init__.py", out) > 0 && is_there(probe);
}

const char *lab_matrix_place(const char *given, char out[PATH_MAX]) {
    static const char *const endings[] = {"", ".yaml"};
    if (access(given, F_OK) == 0 || strchr(given, '/') != NULL) {
        return given;
    }
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[PATH_MAX];
        if (snprintf(name, sizeof name, "matrices/%s%s", given, endings[i]) < PATH_MAX &&
            is_there(lab_place(name, out))) {
            return out;
        }
    }
    return given;
}

const char *lab_matrix_near(const char *given, char text[LAB_NEAR_TEXT_BYTES]) {
    struct lab_near near;
    char folder[PATH_MAX];
    const char *slash = strrchr(given, '/');
    lab_near_begin(&near, slash != NULL ? slash + 1 : given);
    DIR *matrices = opendir(lab_place("matrices", folder));
    for (const struct dirent *entry; matrices != NULL && (entry = readdir(matrices)) != NULL;) {
        lab_near_try(&near, entry->d_name);
    }
    if (matrices != NULL) {
        closedir(matrices);
    }
    return lab_near_text(&near, text);
}
