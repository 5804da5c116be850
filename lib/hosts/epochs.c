#include "hosts/epochs.h"

#include "base/whole.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_BYTES = 96, NAME_BYTES = 32, TRIES = 100 };

struct corps__epochs_held {
    struct corps__epochs_held *next;
    uint64_t corps_id, number;
    uint32_t host;
    int64_t from_ns;
    int lock_fd;
};

static void name_of(uint64_t corps_id, const char *what, char name[NAME_BYTES]) {
    snprintf(name, NAME_BYTES, "%016" PRIx64 ".%s", corps_id, what);
}

enum corps_err corps__epochs_open(struct corps__epochs *epochs, const char *directory) {
    *epochs = (struct corps__epochs){.directory = -1, .watch = -1};
    enum corps_err err = corps__whole_open(directory, &epochs->directory);
    if (err != CORPS_OK) {
        return err;
    }
    epochs->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    /* A record takes its name; a process that held a lock lets go of it. */
    if (epochs->watch >= 0 &&
        inotify_add_watch(epochs->watch, directory, IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE) < 0) {
        close(epochs->watch);
        epochs->watch = -1; /* then one asks */
    }
    return CORPS_OK;
}

void corps__epochs_close(struct corps__epochs *epochs) {
    while (epochs->held != NULL) {
        struct corps__epochs_held *held = epochs->held;
        epochs->held = held->next;
        close(held->lock_fd);
        free(held);
    }
    if (epochs->watch >= 0) {
        close(epochs->watch);
    }
    if (epochs->directory >= 0) {
        close(epochs->directory);
    }
    *epochs = (struct corps__epochs){.directory = -1, .watch = -1};
}

/* ---- what stands in the files ---- */

static void epoch_text(const struct corps__epoch *epoch, char text[RECORD_BYTES]) {
    snprintf(text, RECORD_BYTES, "epoch %" PRIu64 " host %" PRIu32 "%s\n", epoch->number, epoch->host,
             epoch->is_given ? " given" : "");
}

static enum corps_err read_epoch(const struct corps__epochs *epochs, uint64_t corps_id, struct corps__epoch *epoch) {
    char name[NAME_BYTES];
    uint8_t *data = NULL;
    size_t bytes = 0;
    name_of(corps_id, "epoch", name);
    enum corps_err err = corps__whole_read(epochs->directory, name, RECORD_BYTES - 1, &data, &bytes);
    if (err != CORPS_OK || data == NULL) {
        *epoch = (struct corps__epoch){0};
        return err;
    }
    char text[RECORD_BYTES] = "";
    char again[RECORD_BYTES];
    memcpy(text, data, bytes);
    free(data);
    epoch->is_given = strstr(text, " given") != NULL;
    if (sscanf(text, "epoch %" SCNu64 " host %" SCNu32, &epoch->number, &epoch->host) == 2 && epoch->number > 0) {
        epoch_text(epoch, again);
        if (strcmp(text, again) == 0) {
            return CORPS_OK;
        }
    }
    return corps_error_set(
        CORPS_ERR_CORRUPT,
        "the record %s of this Corps' lives is damaged; remove it when nothing of the Corps runs any more", name);
}

static enum corps_err write_epoch(const struct corps__epochs *epochs, uint64_t corps_id,
                                  const struct corps__epoch *epoch) {
    char name[NAME_BYTES];
    char text[RECORD_BYTES];
    name_of(corps_id, "epoch", name);
    epoch_text(epoch, text);
    return corps__whole_write(epochs->directory, name, text, strlen(text));
}

static enum corps_err write_about(const struct corps__epochs *epochs, uint64_t corps_id, const char *about) {
    char name[NAME_BYTES];
    name_of(corps_id, "about", name);
    return corps__whole_write(epochs->directory, name, about, strlen(about));
}

/* What a first life is claimed with: there before its epoch is. */
static enum corps_err write_first(const struct corps__epochs *epochs, const struct corps__epochs_claim *claim) {
    char name[NAME_BYTES];
    enum corps_err err = write_about(epochs, claim->corps_id, claim->about);
    name_of(claim->corps_id, "record", name);
    return err == CORPS_OK ? corps__whole_write(epochs->directory, name, claim->record, claim->record_bytes) : err;
}

enum corps_err corps__epochs_read(const struct corps__epochs *epochs, uint64_t corps_id, const char *what,
                                  uint8_t **data, size_t *bytes) {
    char name[NAME_BYTES];
    name_of(corps_id, what, name);
    enum corps_err err = corps__whole_read(epochs->directory, name, SIZE_MAX, data, bytes);
    if (err == CORPS_OK && *data == NULL) {
        return corps_error_set(CORPS_ERR_UNKNOWN, "there is no file %s: this Corps never was here, or it has ended",
                               name);
    }
    if (err == CORPS_OK) {
        (*data)[*bytes] = 0; /* which has room for it */
    }
    return err;
}

/* ---- the lock ---- */

/* Does the name still stand for what was opened? Whoever ends a Corps removes it. */
static bool is_named(const struct corps__epochs *epochs, const char *name, int fd) {
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && fstatat(epochs->directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

static enum corps_err take_lock(const struct corps__epochs *epochs, uint64_t corps_id, int *lock_fd) {
    char name[NAME_BYTES];
    name_of(corps_id, "lock", name);
    for (int i = 0; i < TRIES; i++) {
        int fd = openat(epochs->directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return corps_error_system("cannot open %s", name);
        }
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
            bool is_busy = errno == EAGAIN || errno == EACCES;
            enum corps_err err = is_busy ? CORPS_ERR_AGAIN : corps_error_system("cannot lock %s", name);
            close(fd);
            return err;
        }
        if (is_named(epochs, name, fd)) {
            *lock_fd = fd;
            return CORPS_OK;
        }
        close(fd);
    }
    return CORPS_ERR_AGAIN; /* others come and go there */
}

/* Does somebody hold it? Asks, and locks nothing: who looks must not keep anybody from claiming. */
static bool is_locked(const struct corps__epochs *epochs, uint64_t corps_id) {
    char name[NAME_BYTES];
    name_of(corps_id, "lock", name);
    int fd = openat(epochs->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return false;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return locked;
}

/* ---- operations ---- */

static struct corps__epochs_held *find_held(const struct corps__epochs *epochs, uint64_t corps_id) {
    struct corps__epochs_held *held = epochs->held;
    while (held != NULL && held->corps_id != corps_id) {
        held = held->next;
    }
    return held;
}

uint64_t corps__epochs_held_number(const struct corps__epochs *epochs, uint64_t corps_id) {
    const struct corps__epochs_held *held = find_held(epochs, corps_id);
    return held != NULL ? held->number : 0;
}

static void read_watch(const struct corps__epochs *epochs) {
    char events[1024];
    while (epochs->watch >= 0 && read(epochs->watch, events, sizeof events) > 0) {
    }
}

enum corps_err corps__epochs_find(struct corps__epochs *epochs, uint64_t corps_id, struct corps__epoch *epoch,
                                  bool *is_held) {
    read_watch(epochs); /* before it looks: what comes later is told */
    bool held = find_held(epochs, corps_id) != NULL || is_locked(epochs, corps_id);
    enum corps_err err = read_epoch(epochs, corps_id, epoch);
    *is_held = held;
    return err;
}

/* ---- all of them ---- */

struct row {
    uint64_t corps_id;
    struct corps__epoch epoch;
    bool is_held;
};

struct rows {
    struct row *at;
    size_t count, room;
};

static bool id_of(const char *name, uint64_t *corps_id) {
    char again[NAME_BYTES];
    if (sscanf(name, "%16" SCNx64, corps_id) != 1) {
        return false;
    }
    name_of(*corps_id, "epoch", again);
    return strcmp(name, again) == 0;
}

static enum corps_err add_row(const struct corps__epochs *epochs, uint64_t corps_id, struct rows *rows) {
    if (rows->count == rows->room) {
        size_t room = 2 * rows->room + 16;
        struct row *more = reallocarray(rows->at, room, sizeof *more);
        if (more == NULL) {
            return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to list the Corps");
        }
        rows->at = more;
        rows->room = room;
    }
    struct row row = {.corps_id = corps_id};
    row.is_held = find_held(epochs, corps_id) != NULL || is_locked(epochs, corps_id);
    enum corps_err err = read_epoch(epochs, corps_id, &row.epoch);
    if (err == CORPS_OK && row.epoch.number > 0) { /* else it has ended since it was seen */
        rows->at[rows->count++] = row;
    }
    return err;
}

static enum corps_err gather(const struct corps__epochs *epochs, struct rows *rows) {
    int fd = openat(epochs->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
    if (files == NULL) {
        enum corps_err err = corps_error_system("cannot list the directory of Corps' lives");
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    enum corps_err err = CORPS_OK;
    uint64_t corps_id;
    for (struct dirent *file; err == CORPS_OK && (file = readdir(files)) != NULL;) {
        err = id_of(file->d_name, &corps_id) ? add_row(epochs, corps_id, rows) : CORPS_OK;
    }
    closedir(files);
    return err;
}

static int by_id(const void *left, const void *right) {
    uint64_t a = ((const struct row *)left)->corps_id, b = ((const struct row *)right)->corps_id;
    return (a > b) - (a < b);
}

enum corps_err corps__epochs_each(struct corps__epochs *epochs,
                                  void (*each)(void *arg, uint64_t corps_id, const struct corps__epoch *epoch,
                                               bool is_held),
                                  void *arg) {
    struct rows rows = {0};
    read_watch(epochs);
    enum corps_err err = gather(epochs, &rows);
    if (err == CORPS_OK && rows.count > 0) {
        qsort(rows.at, rows.count, sizeof rows.at[0], by_id);
    }
    for (size_t i = 0; err == CORPS_OK && i < rows.count; i++) {
        each(arg, rows.at[i].corps_id, &rows.at[i].epoch, rows.at[i].is_held);
    }
    free(rows.at);
    return err;
}

/* ---- claims ---- */

/* With the lock: is it its turn, and is that remembered? */
static enum corps_err enter(const struct corps__epochs *epochs, struct corps__epochs_held *held,
                            const struct corps__epochs_claim *claim) {
    struct corps__epoch last;
    enum corps_err err = read_epoch(epochs, held->corps_id, &last);
    if (err == CORPS_OK && last.number != claim->number - 1) {
        err = corps_error_set(CORPS_ERR_MOVED,
                              "the last life of this Corps is %" PRIu64 ", so %" PRIu64 " is not the next one",
                              last.number, claim->number);
    }
    if (err == CORPS_OK && claim->number == 1) {
        err = write_first(epochs, claim);
    }
    if (err == CORPS_OK) {
        err = write_epoch(epochs, held->corps_id, &(struct corps__epoch){.number = claim->number, .host = claim->host});
    }
    if (err == CORPS_OK) {
        held->number = claim->number;
        held->host = claim->host;
        held->from_ns = last.number > 0 && !last.is_given ? claim->now_ns + claim->wait_ns : claim->now_ns;
    }
    return err;
}

static enum corps_err hold(struct corps__epochs *epochs, uint64_t corps_id, struct corps__epochs_held **out) {
    struct corps__epochs_held *held = malloc(sizeof *held);
    if (held == NULL) {
        return corps_error_set(CORPS_ERR_NO_MEMORY, "no memory to own a Corps");
    }
    *held = (struct corps__epochs_held){.corps_id = corps_id, .lock_fd = -1};
    enum corps_err err = take_lock(epochs, corps_id, &held->lock_fd);
    if (err != CORPS_OK) {
        free(held);
        return err;
    }
    *out = held;
    return CORPS_OK;
}

enum corps_err corps__epochs_take(struct corps__epochs *epochs, const struct corps__epochs_claim *claim,
                                  int64_t *from_ns) {
    if (claim->number == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the first life of a Corps is 1, not 0");
    }
    struct corps__epochs_held *held = find_held(epochs, claim->corps_id);
    bool is_new = held == NULL;
    enum corps_err err = is_new ? hold(epochs, claim->corps_id, &held) : CORPS_OK;
    if (err == CORPS_OK && held->number != claim->number) { /* else it was answered before, and the answer was lost */
        err = enter(epochs, held, claim);
    }
    if (err != CORPS_OK) {
        if (is_new && held != NULL) {
            close(held->lock_fd);
            free(held);
        }
        return err;
    }
    if (is_new) {
        held->next = epochs->held;
        epochs->held = held;
    }
    *from_ns = held->from_ns;
    return CORPS_OK;
}

static enum corps_err let_go(struct corps__epochs *epochs, struct corps__epochs_held *held) {
    struct corps__epochs_held **at = &epochs->held;
    while (*at != held) {
        at = &(*at)->next;
    }
    *at = held->next;
    close(held->lock_fd);
    free(held);
    return CORPS_OK;
}

static enum corps_err not_held(uint64_t corps_id) {
    return corps_error_set(CORPS_ERR_CLOSED, "this host does not hold the Corps %016" PRIx64, corps_id);
}

enum corps_err corps__epochs_note(struct corps__epochs *epochs, uint64_t corps_id, const char *about) {
    return find_held(epochs, corps_id) != NULL ? write_about(epochs, corps_id, about) : not_held(corps_id);
}

enum corps_err corps__epochs_give(struct corps__epochs *epochs, uint64_t corps_id) {
    struct corps__epochs_held *held = find_held(epochs, corps_id);
    if (held == NULL) {
        return not_held(corps_id);
    }
    const struct corps__epoch given = {.number = held->number, .host = held->host, .is_given = true};
    enum corps_err err = write_epoch(epochs, corps_id, &given);
    return err == CORPS_OK ? let_go(epochs, held) : err;
}

enum corps_err corps__epochs_end(struct corps__epochs *epochs, uint64_t corps_id) {
    /* The lock is the last, while it is held: nobody can have locked this one. */
    static const char *const files[] = {"epoch", "record", "about", "lock"};
    struct corps__epochs_held *held = find_held(epochs, corps_id);
    if (held == NULL) {
        return not_held(corps_id);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[NAME_BYTES];
        name_of(corps_id, files[i], name);
        corps__whole_remove(epochs->directory, name);
    }
    return let_go(epochs, held);
}
