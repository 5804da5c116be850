#include "hosts/epochs.h"

#include "base/whole.h"

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

/* ---- the record ---- */

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
    if (sscanf(text, "epoch %" SCNu64 " host %" SCNu32, &epoch->number, &epoch->host) == 2 && epoch->number > 0) {
        snprintf(again, sizeof again, "epoch %" PRIu64 " host %" PRIu32 "\n", epoch->number, epoch->host);
        if (strcmp(text, again) == 0) {
            return CORPS_OK;
        }
    }
    return corps_error_set(
        CORPS_ERR_CORRUPT,
        "the record %s of this Corps' lives is damaged; remove it when nothing of the Corps runs any more", name);
}

static enum corps_err write_epoch(const struct corps__epochs *epochs, uint64_t corps_id, uint64_t number,
                                  uint32_t host) {
    char name[NAME_BYTES];
    char text[RECORD_BYTES];
    name_of(corps_id, "epoch", name);
    int length = snprintf(text, sizeof text, "epoch %" PRIu64 " host %" PRIu32 "\n", number, host);
    return corps__whole_write(epochs->directory, name, text, (size_t)length);
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

/* With the lock: is it its turn, and is that remembered? */
static enum corps_err enter(const struct corps__epochs *epochs, struct corps__epochs_held *held, uint64_t number,
                            uint32_t host, int64_t now_ns, int64_t wait_ns) {
    struct corps__epoch last;
    enum corps_err err = read_epoch(epochs, held->corps_id, &last);
    if (err == CORPS_OK && last.number != number - 1) {
        err = corps_error_set(CORPS_ERR_MOVED,
                              "the last life of this Corps is %" PRIu64 ", so %" PRIu64 " is not the next one",
                              last.number, number);
    }
    err = err == CORPS_OK ? write_epoch(epochs, held->corps_id, number, host) : err;
    if (err == CORPS_OK) {
        held->number = number;
        held->from_ns = last.number > 0 ? now_ns + wait_ns : now_ns;
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

enum corps_err corps__epochs_take(struct corps__epochs *epochs, uint64_t corps_id, uint64_t number, uint32_t host,
                                  int64_t now_ns, int64_t wait_ns, int64_t *from_ns) {
    if (number == 0) {
        return corps_error_set(CORPS_ERR_INVALID, "the first life of a Corps is 1, not 0");
    }
    struct corps__epochs_held *held = find_held(epochs, corps_id);
    bool is_new = held == NULL;
    enum corps_err err = is_new ? hold(epochs, corps_id, &held) : CORPS_OK;
    if (err == CORPS_OK && held->number != number) { /* else it was answered before, and the answer was lost */
        err = enter(epochs, held, number, host, now_ns, wait_ns);
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

void corps__epochs_end(struct corps__epochs *epochs, uint64_t corps_id) {
    struct corps__epochs_held **at = &epochs->held;
    while (*at != NULL && (*at)->corps_id != corps_id) {
        at = &(*at)->next;
    }
    struct corps__epochs_held *held = *at;
    if (held == NULL) {
        return;
    }
    char name[NAME_BYTES];
    name_of(corps_id, "epoch", name);
    corps__whole_remove(epochs->directory, name);
    name_of(corps_id, "lock", name);
    (void)!unlinkat(epochs->directory, name, 0); /* while it is held: nobody can have locked this one */
    *at = held->next;
    close(held->lock_fd);
    free(held);
}
