#include "care/folder.h"

#include "base/dir.h"
#include "base/log.h"
#include "base/whole.h"
#include "codec/kept.h"
#include "codec/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_LETTERS = 16, TRIES = 10, LIFE_BYTES = 20 };
#define LIFE_FILE "life"

/* ---- folders ---- */

/* Whoever holds the lock of a folder is its Corps' Env 0, alive; or about to remove it, because nobody was. */
static bool lock_folder(int fd) {
    struct stat st;
    return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0;
}

static void remove_if_dead(int directory, const char *path, const char *name) {
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    bool goes_on = faccessat(fd, LIFE_FILE, F_OK, 0) == 0; /* on another host, or soon */
    if (!goes_on && lock_folder(fd)) {
        char dead[CORPS__KEEP_DIRECTORY_BYTES + 32];
        snprintf(dead, sizeof dead, "%s/%s", path, name);
        corps__dir_remove(dead);
    }
    close(fd);
}

static void remove_dead(int directory, const char *path, const char *own) {
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL; entry = readdir(dir)) {
        bool is_folder = strlen(entry->d_name) == ID_LETTERS && strspn(entry->d_name, "0123456789abcdef") == ID_LETTERS;
        if (is_folder && strcmp(entry->d_name, own) != 0) {
            remove_if_dead(directory, path, entry->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* Another Corps may be removing what it takes for a dead one's, as long as it is not locked. */
static enum corps_err make_folder(struct corps__folder *folder) {
    for (int i = 0; i < TRIES; i++) {
        int fd;
        enum corps_err err = corps__whole_open(folder->path, &fd);
        if (err != CORPS_OK) {
            return err;
        }
        if (lock_folder(fd)) {
            folder->fd = fd;
            return CORPS_OK;
        }
        close(fd);
        usleep(1000);
    }
    return corps_error_set(CORPS_ERR_SYSTEM, "the directory %s is in use by another process", folder->path);
}

/* ---- a Corps that goes on on other hosts ---- */

/* 0: none yet. */
static uint64_t read_life(int fd) {
    char text[LIFE_BYTES + 1] = "";
    return pread(fd, text, LIFE_BYTES, 0) == LIFE_BYTES ? strtoull(text, NULL, 10) : 0;
}

static enum corps_err over(const struct corps__folder *folder, uint64_t life) {
    return corps_error_set(CORPS_ERR_CLOSED,
                           "%s is life %llu's of this Corps, and this one is life %llu: it is over, and keeps nothing "
                           "any more",
                           folder->path, (unsigned long long)life, (unsigned long long)folder->life);
}

/* Says in which life the Corps is, if that is news. In place, so that whoever has the file open sees it. */
static enum corps_err enter_life(struct corps__folder *folder, bool is_owner) {
    folder->life_fd = openat(folder->fd, LIFE_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (folder->life_fd < 0) {
        return corps_error_system("cannot open %s/%s", folder->path, LIFE_FILE);
    }
    uint64_t life = read_life(folder->life_fd);
    char text[LIFE_BYTES + 1];
    snprintf(text, sizeof text, "%020llu", (unsigned long long)folder->life);
    if (life > folder->life) {
        return over(folder, life);
    }
    if (is_owner && life < folder->life &&
        (pwrite(folder->life_fd, text, LIFE_BYTES, 0) != LIFE_BYTES || fsync(folder->life_fd) != 0)) {
        return corps_error_system("cannot write %s/%s", folder->path, LIFE_FILE);
    }
    return CORPS_OK;
}

/* Its lock counts on one host alone, and may still be a former life's that is stopped: so what says whose the folder is
 * is the file in it. */
static enum corps_err take_folder(struct corps__folder *folder) {
    struct stat st;
    for (int i = 0; i < TRIES; i++) {
        enum corps_err err = corps__whole_open(folder->path, &folder->fd);
        err = err == CORPS_OK ? enter_life(folder, true) : err;
        if (err != CORPS_OK || (fstat(folder->fd, &st) == 0 && st.st_nlink > 0)) {
            return err;
        }
        close(folder->life_fd); /* somebody took it for a dead one's */
        close(folder->fd);
    }
    return corps_error_set(CORPS_ERR_SYSTEM, "the directory %s is removed again and again by others", folder->path);
}

enum corps_err corps__folder_open(struct corps__folder *folder, const char *directory, uint64_t corps_id, bool is_owner,
                                  uint64_t life) {
    char own[ID_LETTERS + 1];
    snprintf(own, sizeof own, "%016llx", (unsigned long long)corps_id);
    snprintf(folder->path, sizeof folder->path, "%s/%s", directory, own);
    folder->corps_id = corps_id;
    folder->life_fd = -1;
    folder->life = life;
    int fd;
    enum corps_err err = corps__whole_open(directory, &fd);
    if (err != CORPS_OK) {
        return err;
    }
    if (is_owner) {
        remove_dead(fd, directory, own);
        err = life > 0 ? take_folder(folder) : make_folder(folder);
    } else {
        err = corps__whole_open(folder->path, &folder->fd);
        err = err == CORPS_OK && life > 0 ? enter_life(folder, false) : err;
    }
    close(fd);
    return err;
}

void corps__folder_remove(struct corps__folder *folder) {
    if (folder->fd >= 0) {
        corps__dir_remove(folder->path);
        close(folder->fd);
        folder->fd = -1;
        if (folder->life_fd >= 0) {
            close(folder->life_fd);
            folder->life_fd = -1;
        }
    }
}

/* ---- files ---- */

static void name_of(unsigned env, uint32_t conc, char name[CORPS__WHOLE_NAME_BYTES]) {
    snprintf(name, CORPS__WHOLE_NAME_BYTES, "%u.%u", env, conc);
}

/* ["checkpoint", id of the Corps, env, conc, class, state] */
enum corps_err corps__folder_keep(const struct corps__folder *folder, unsigned env, uint32_t conc,
                                  const char *class_name, const struct corps_value *state) {
    uint64_t life = folder->life_fd >= 0 ? read_life(folder->life_fd) : 0;
    if (life > folder->life) {
        return over(folder, life);
    }
    struct corps_value items[] = {corps_str("checkpoint"), corps_int((int64_t)folder->corps_id),
                                  corps_int(env),          corps_int(conc),
                                  corps_str(class_name),   *state};
    struct corps_value record = corps_array(items, sizeof items / sizeof items[0]);
    uint8_t *data;
    size_t bytes;
    enum corps_err err = corps__kept_encode(&record, CORPS__FOLDER_BYTES_MAX, &data, &bytes);
    if (err != CORPS_OK) {
        return err;
    }
    char name[CORPS__WHOLE_NAME_BYTES];
    name_of(env, conc, name);
    err = corps__whole_write(folder->fd, name, data, bytes);
    free(data);
    return err;
}

static bool is_of(const struct corps_value *record, uint64_t corps_id, unsigned env, uint32_t conc,
                  const char *class_name) {
    const struct corps_value *class = corps_value_item(record, 4);
    const struct corps_value *state = corps_value_item(record, 5);
    return corps__record_is(record, "checkpoint") && (uint64_t)corps__record_int(record, 1, 0) == corps_id &&
           corps__record_int(record, 2, -1) == (int64_t)env && corps__record_int(record, 3, -1) == (int64_t)conc &&
           class != NULL && class->kind == CORPS_STR && class->count == strlen(class_name) &&
           memcmp(class->str, class_name, class->count) == 0 && state != NULL && state->kind == CORPS_ARRAY;
}

static struct corps_box *state_of(struct corps_box *box) {
    struct corps_box *state = NULL;
    (void)!corps_box_of(corps_value_item(corps_box_root(box), 5), &state);
    return state;
}

struct corps_box *corps__folder_find(const struct corps__folder *folder, unsigned env, uint32_t conc,
                                     const char *class_name) {
    char name[CORPS__WHOLE_NAME_BYTES];
    name_of(env, conc, name);
    uint8_t *data;
    size_t bytes;
    struct corps_box *box = NULL;
    struct corps_box *state = NULL;
    enum corps_err err = corps__whole_read(folder->fd, name, CORPS__FOLDER_BYTES_MAX, &data, &bytes);
    if (err == CORPS_OK && data == NULL) {
        return NULL;
    }
    if (err == CORPS_OK) {
        err = corps__kept_decode(data, bytes, &box);
        free(data);
    }
    if (err == CORPS_OK && is_of(corps_box_root(box), folder->corps_id, env, conc, class_name)) {
        state = state_of(box);
    } else if (err == CORPS_OK) {
        (void)!corps_error_set(CORPS_ERR_CORRUPT, "it is another Worker's");
    }
    if (state == NULL) {
        corps__log(CORPS_LOG_WARN, "checkpoint_lost",
                   CORPS__LOG_FIELDS(CORPS__LOG_INT("conc", conc), CORPS__LOG_TEXT("class", class_name)),
                   "Worker L%u:M%u.%u (class %s) starts without its checkpoint %s/%s: %s", env, env, conc, class_name,
                   folder->path, name, corps_error_detail());
    }
    corps_box_unref(box);
    return state;
}

void corps__folder_drop(const struct corps__folder *folder, unsigned env, uint32_t conc) {
    char name[CORPS__WHOLE_NAME_BYTES];
    name_of(env, conc, name);
    corps__whole_remove(folder->fd, name);
}
