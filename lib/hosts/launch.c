#include "hosts/launch.h"

#include "process/boot.h"
#include "process/fleet.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { HASH_BYTES = 32, ENVIRON_MAX = 64 };

enum corps_err corps__file_hash(const char *path, uint8_t hash[HASH_BYTES]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return corps_error_system("cannot read %s", path);
    }
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    uint8_t part[65536];
    ssize_t done;
    while ((done = read(fd, part, sizeof part)) > 0) {
        crypto_generichash_update(&state, part, (size_t)done);
    }
    enum corps_err err = done == 0 ? CORPS_OK : corps_error_system("cannot read %s", path);
    close(fd);
    crypto_generichash_final(&state, hash, HASH_BYTES);
    return err;
}

/* Where the program is; corps-env for a module. */
static enum corps_err program_path(const struct corps *corps, char path[PATH_MAX]) {
    char described[PATH_MAX];
    corps__env_program(&corps->settings, described);
    if (realpath(described, path) == NULL) {
        return corps_error_system("cannot find the program of Envs (%s)", described);
    }
    return CORPS_OK;
}

/* Corps' own variables go along, but for those that are of this host or this process. */
static bool travels(const char *variable) {
    static const char *const stay[] = {CORPS__BOOT_VARIABLE "=", "CORPS_AGENT=", "CORPS_MODULE="};
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++) {
        if (strncmp(variable, stay[i], strlen(stay[i])) == 0) {
            return false;
        }
    }
    return strncmp(variable, "CORPS_", 6) == 0 && strchr(variable, '=') != NULL;
}

static size_t environment(const struct corps *corps, struct corps_box *box, struct corps_entry *entries) {
    size_t count = 0;
    for (char **at = environ; *at != NULL && count < ENVIRON_MAX - 1; at++) {
        const char *equals = strchr(*at, '=');
        size_t length = equals != NULL ? (size_t)(equals - *at) : 0;
        char *name = travels(*at) ? corps_box_alloc(box, length + 1) : NULL;
        if (name != NULL) {
            memcpy(name, *at, length);
            name[length] = '\0';
            entries[count++] = (struct corps_entry){corps_str(name), corps_str(equals + 1)};
        }
    }
    if (corps->settings.module[0] != '\0') {
        entries[count++] = (struct corps_entry){corps_str("CORPS_MODULE"), corps_str(corps->settings.module)};
    }
    return count;
}

static enum corps_err describe(const struct corps *corps, struct corps_box *box, struct corps_value *launch) {
    char path[PATH_MAX];
    char cwd[PATH_MAX];
    uint8_t hash[HASH_BYTES];
    uint8_t module_hash[HASH_BYTES];
    bool has_module = corps->settings.module[0] != '\0';
    enum corps_err err = program_path(corps, path);
    err = err == CORPS_OK ? corps__file_hash(path, hash) : err;
    err = err == CORPS_OK && has_module ? corps__file_hash(corps->settings.module, module_hash) : err;
    if (err == CORPS_OK && getcwd(cwd, sizeof cwd) == NULL) {
        err = corps_error_system("the working directory is not known");
    }
    if (err != CORPS_OK) {
        return err;
    }
    struct corps_entry variables[ENVIRON_MAX];
    const struct corps_value argv[] = {corps_str("corps-env"), corps_str(corps->settings.tag)};
    const struct corps_value file[] = {corps_str(corps->settings.module), corps_bin(module_hash, sizeof module_hash)};
    const struct corps_value files[] = {corps_array(file, 2)};
    const struct corps_entry entries[] = {
        {corps_str("program"), corps_str(path)},
        {corps_str("hash"), corps_bin(hash, sizeof hash)},
        {corps_str("argv"), corps_array(argv, 2)},
        {corps_str("cwd"), corps_str(cwd)},
        {corps_str("environ"), corps_map(variables, environment(corps, box, variables))},
        {corps_str("files"), corps_array(files, has_module ? 1 : 0)},
    };
    const struct corps_value map = corps_map(entries, sizeof entries / sizeof entries[0]);
    return corps_box_copy(box, &map, launch);
}

enum corps_err corps__launch_value(const struct corps *corps, struct corps_box *box, struct corps_value *launch) {
    void *arg;
    corps__launch_describe_fn describes = corps__launch_describe(&arg);
    return describes != NULL ? describes(arg, box, launch) : describe(corps, box, launch);
}

enum corps_err corps__launch_without(struct corps_box *box, struct corps_value *launch, const char *key) {
    if (launch->kind != CORPS_MAP) {
        return corps_error_set(CORPS_ERR_INVALID, "how Envs are started on other hosts was not described by a map");
    }
    struct corps_entry *entries = corps_box_alloc(box, (launch->count + 1) * sizeof *entries);
    if (entries == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to say how Envs are started on other hosts");
    }
    size_t count = 0;
    for (size_t i = 0; i < launch->count; i++) {
        const struct corps_value *its = corps_value_open(&launch->entries[i].key);
        bool is_it = its->kind == CORPS_STR && its->count == strlen(key) && memcmp(its->str, key, its->count) == 0;
        if (!is_it) {
            entries[count++] = launch->entries[i];
        }
    }
    *launch = corps_map(entries, count);
    return CORPS_OK;
}
