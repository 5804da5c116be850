#include "launch.h"

#include "agent.h"

#include "codec/record.h"
#include "hosts/hosts_file.h"
#include "page.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HASH_BYTES = 32,
    READ_BYTES = 256 << 10,
    KNOWN_COUNT = 64, /* files whose hashes are remembered */
    CONTROL_FD = 3,   /* as in process/boot.h */
    CHILD_FD_MIN = 10,
};

extern char **environ;

/* ---- hashes ---- */

/* A file as it was when its hash was taken: another one has another time of change. */
struct known {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed, modified;
    uint8_t hash[HASH_BYTES];
};
static struct known known[KNOWN_COUNT];
static unsigned known_next;

static bool same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static const struct known *find_known(const struct stat *st) {
    for (unsigned i = 0; i < KNOWN_COUNT; i++) {
        const struct known *file = &known[i];
        if (file->ino == st->st_ino && file->dev == st->st_dev && file->size == st->st_size &&
            same_time(file->changed, st->st_ctim) && same_time(file->modified, st->st_mtim)) {
            return file;
        }
    }
    return NULL;
}

static bool hash_descriptor(int fd, uint8_t hash[HASH_BYTES]) {
    uint8_t *buffer = malloc(READ_BYTES);
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    ssize_t got = -1;
    while (buffer != NULL && (got = read(fd, buffer, READ_BYTES)) > 0) {
        crypto_generichash_update(&state, buffer, (size_t)got);
    }
    crypto_generichash_final(&state, hash, HASH_BYTES);
    free(buffer);
    return got == 0;
}

static enum corps_err hash_file(const char *path, uint8_t hash[HASH_BYTES]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum corps_err err = corps_error_system("%s cannot be read on this host; install it there", path);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    const struct known *before = find_known(&st);
    bool whole = true;
    if (before != NULL) {
        memcpy(hash, before->hash, HASH_BYTES);
    } else if ((whole = hash_descriptor(fd, hash))) {
        struct known *slot = &known[known_next++ % KNOWN_COUNT];
        *slot = (struct known){st.st_dev, st.st_ino, st.st_size, st.st_ctim, st.st_mtim, {0}};
        memcpy(slot->hash, hash, HASH_BYTES);
    }
    close(fd);
    return whole ? CORPS_OK : corps_error_system("%s cannot be read on this host", path);
}

static enum corps_err check_file(const struct corps_value *path_value, const struct corps_value *wanted) {
    char path[PATH_MAX];
    uint8_t hash[HASH_BYTES];
    if (!corps__text_take(path_value, path, sizeof path) || path[0] != '/' || wanted == NULL ||
        wanted->kind != CORPS_BIN || wanted->count != HASH_BYTES) {
        return corps_error_set(CORPS_ERR_INVALID, "the order names a file without an absolute path or without a hash");
    }
    enum corps_err err = hash_file(path, hash);
    if (err == CORPS_OK && memcmp(hash, wanted->bin, HASH_BYTES) != 0) {
        char here[CORPS__HASH_TEXT_BYTES], there[CORPS__HASH_TEXT_BYTES];
        corps__hash_text(hash, here);
        corps__hash_text(wanted->bin, there);
        err =
            corps_error_set(CORPS_ERR_INVALID,
                            "%s is another one here (hash %s) than where the Corps was created (%s); install the same",
                            path, here, there);
    }
    return err;
}

enum corps_err agent_launch_check(const struct corps_value *launch) {
    const struct corps_value *files = corps_value_get(launch, "files");
    enum corps_err err = check_file(corps_value_get(launch, "program"), corps_value_get(launch, "hash"));
    for (size_t i = 0; err == CORPS_OK && files != NULL && files->kind == CORPS_ARRAY && i < files->count; i++) {
        const struct corps_value *file = corps_value_item(files, i);
        err = check_file(corps_value_item(file, 0), corps_value_item(file, 1));
    }
    return err;
}

/* ---- starting ---- */

/* A list of texts that ends with NULL; one piece of memory. */
struct texts {
    char **list;
    size_t count;
};

static bool add_text(struct texts *texts, const char *name, size_t name_bytes, const char *value, size_t value_bytes) {
    char *text = malloc(name_bytes + value_bytes + 2);
    if (text == NULL) {
        return false;
    }
    memcpy(text, name, name_bytes);
    size_t at = name_bytes;
    if (value != NULL) {
        text[at++] = '=';
        memcpy(text + at, value, value_bytes);
        at += value_bytes;
    }
    text[at] = '\0';
    texts->list[texts->count++] = text;
    texts->list[texts->count] = NULL;
    return true;
}

static void free_texts(struct texts *texts) {
    for (size_t i = 0; i < texts->count; i++) {
        free(texts->list[i]);
    }
    free(texts->list);
}

static bool is_text(const struct corps_value *value) {
    return value != NULL && value->kind == CORPS_STR && memchr(value->str, '\0', value->count) == NULL;
}

static enum corps_err no_memory(void) {
    return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to start an Env");
}

static enum corps_err take_arguments(const struct corps_value *launch, struct texts *texts) {
    const struct corps_value *argv = corps_value_get(launch, "argv");
    size_t count = argv != NULL && argv->kind == CORPS_ARRAY ? argv->count : 0;
    texts->list = calloc(count + 1, sizeof *texts->list);
    if (texts->list == NULL) {
        return no_memory();
    }
    for (size_t i = 0; i < count; i++) {
        const struct corps_value *text = corps_value_item(argv, i);
        if (!is_text(text)) {
            return corps_error_set(CORPS_ERR_INVALID, "the order's arguments are no texts");
        }
        if (!add_text(texts, text->str, text->count, NULL, 0)) {
            return no_memory();
        }
    }
    return count > 0 ? CORPS_OK : corps_error_set(CORPS_ERR_INVALID, "the order has no arguments");
}

/* Is it set by what was ordered, or by the agent itself? */
static bool is_replaced(const char *variable, const struct corps_value *map) {
    size_t bytes = strcspn(variable, "=");
    static const char *const own[] = {"CORPS_BOOT_FD", AGENT_PAGE_VARIABLE, "CORPS_AGENT"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strlen(own[i]) == bytes && memcmp(own[i], variable, bytes) == 0) {
            return true;
        }
    }
    for (size_t i = 0; map != NULL && map->kind == CORPS_MAP && i < map->count; i++) {
        const struct corps_value *key = corps_value_open(&map->entries[i].key);
        if (key->kind == CORPS_STR && key->count == bytes && memcmp(key->str, variable, bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* The agent's own environment, since that is the host's, under what was ordered. */
static enum corps_err take_environment(const struct corps_value *launch, struct texts *texts) {
    const struct corps_value *map = corps_value_get(launch, "environ");
    size_t count = map != NULL && map->kind == CORPS_MAP ? map->count : 0;
    size_t own = 0;
    while (environ[own] != NULL) {
        own++;
    }
    texts->list = calloc(own + count + 4, sizeof *texts->list);
    bool made = texts->list != NULL && add_text(texts, "CORPS_BOOT_FD", 13, "3", 1) &&
                add_text(texts, AGENT_PAGE_VARIABLE, strlen(AGENT_PAGE_VARIABLE), "4", 1) &&
                add_text(texts, "CORPS_AGENT", 11, agent.socket_path, strlen(agent.socket_path));
    for (size_t i = 0; made && i < own; i++) {
        made = is_replaced(environ[i], map) || add_text(texts, environ[i], strlen(environ[i]), NULL, 0);
    }
    for (size_t i = 0; made && i < count; i++) {
        const struct corps_value *key = corps_value_open(&map->entries[i].key);
        const struct corps_value *value = corps_value_open(&map->entries[i].value);
        if (!is_text(key) || !is_text(value) || key->count == 0 || memchr(key->str, '=', key->count) != NULL) {
            return corps_error_set(CORPS_ERR_INVALID, "the order's environment is no map of texts");
        }
        made = add_text(texts, key->str, key->count, value->str, value->count);
    }
    return made ? CORPS_OK : no_memory();
}

static enum corps_err spawn(const char *program, const char *cwd, char **argv, char **environment, int fd, int page_fd,
                            int *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    if (cwd[0] != '\0') {
        posix_spawn_file_actions_addchdir_np(&actions, cwd);
    }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, fd, CONTROL_FD);
    posix_spawn_file_actions_adddup2(&actions, page_fd, AGENT_PAGE_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, AGENT_PAGE_FD + 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A group of its own: what a terminal sends its job is for the agent, which ends Envs in order. */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int failed = posix_spawn(pid, program, &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        errno = failed;
        return corps_error_system("cannot start %s in the directory %s", program, cwd[0] != '\0' ? cwd : ".");
    }
    return CORPS_OK;
}

enum corps_err agent_launch(const struct corps_value *launch, int fd, int page_fd, int *pid) {
    char program[PATH_MAX], cwd[PATH_MAX] = "";
    const struct corps_value *where = corps_value_get(launch, "cwd");
    if (!corps__text_take(corps_value_get(launch, "program"), program, sizeof program) ||
        (where != NULL && where->kind != CORPS_NIL && !corps__text_take(where, cwd, sizeof cwd))) {
        return corps_error_set(CORPS_ERR_INVALID, "the order names no program, or no directory to start it in");
    }
    struct stat st;
    if (cwd[0] != '\0' && (stat(cwd, &st) != 0 || !S_ISDIR(st.st_mode))) {
        cwd[0] = '\0'; /* not every host has every directory: then it begins where the agent is */
    }
    struct texts argv = {0}, environment = {0};
    enum corps_err err = take_arguments(launch, &argv);
    err = err == CORPS_OK ? take_environment(launch, &environment) : err;
    err = err == CORPS_OK ? spawn(program, cwd, argv.list, environment.list, fd, page_fd, pid) : err;
    free_texts(&argv);
    free_texts(&environment);
    return err;
}

enum corps_err agent_launch_channel(int *own_fd, int *child_fd) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return corps_error_system("cannot make a control channel");
    }
    if (pair[1] < CHILD_FD_MIN) {
        int low = pair[1];
        pair[1] = fcntl(low, F_DUPFD_CLOEXEC, CHILD_FD_MIN);
        close(low);
    }
    if (pair[1] < 0) {
        enum corps_err err = corps_error_system("no descriptor for a control channel");
        close(pair[0]);
        return err;
    }
    *own_fd = pair[0];
    *child_fd = pair[1];
    return CORPS_OK;
}
