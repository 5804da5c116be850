#include "base/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LAST_TRIES = 20, PATIENT_TRIES = 150, KEPT_TRIES = 10, LAST_PAUSE_US = 10000 };

static bool is_own_directory(const char *path, mode_t forbidden) {
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & forbidden) == 0;
}

enum corps_err corps__dir_base(char *out, size_t bytes) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    /* A path too long for a socket's address would fail later: fall back to the short one. */
    if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < 40 && is_own_directory(runtime, 022)) {
        snprintf(out, bytes, "%s/corps", runtime);
    } else {
        snprintf(out, bytes, "/tmp/corps-%u", (unsigned)geteuid());
    }
    if (mkdir(out, 0700) != 0 && errno != EEXIST) {
        return corps_error_system("cannot make the directory %s; set XDG_RUNTIME_DIR to a directory of yours", out);
    }
    if (!is_own_directory(out, 077)) {
        return corps_error_set(CORPS_ERR_DENIED,
                               "%s is not a private directory of this user; remove it, or set XDG_RUNTIME_DIR", out);
    }
    return CORPS_OK;
}

static enum corps_err take_lock(const char *lock, int flags, int *lock_fd) {
    int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (fd < 0) {
        return corps_error_system("cannot open %s", lock);
    }
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
        enum corps_err err = corps_error_system("cannot lock %s", lock);
        close(fd);
        return err;
    }
    *lock_fd = fd;
    return CORPS_OK;
}

enum corps_err corps__dir_path(uint64_t corps_id, char path[CORPS__DIR_BYTES]) {
    char base[CORPS__DIR_BYTES];
    enum corps_err err = corps__dir_base(base, sizeof base);
    if (err != CORPS_OK) {
        return err;
    }
    int length = snprintf(path, CORPS__DIR_BYTES, "%s/%016llx", base, (unsigned long long)corps_id);
    if (length < 0 || (size_t)length >= CORPS__DIR_BYTES) {
        return corps_error_set(CORPS_ERR_TOO_LARGE, "the runtime directory %s is too long; set XDG_RUNTIME_DIR", base);
    }
    return CORPS_OK;
}

enum corps_err corps__dir_create(const char *path, int *lock_fd) {
    if (mkdir(path, 0700) != 0) {
        return corps_error_system("cannot make the directory %s", path);
    }
    /* Locked before it has its name: nobody ever sees a lock that could be taken alone. */
    char lock[CORPS__DIR_BYTES + 8];
    char unnamed[CORPS__DIR_BYTES + 16];
    snprintf(lock, sizeof lock, "%s/lock", path);
    snprintf(unnamed, sizeof unnamed, "%s.new", lock);
    int fd = -1;
    enum corps_err err = take_lock(unnamed, O_CREAT | O_EXCL, &fd);
    if (err == CORPS_OK && rename(unnamed, lock) != 0) {
        err = corps_error_system("cannot make %s", lock);
        close(fd);
    }
    if (err == CORPS_OK) {
        *lock_fd = fd;
    } else {
        corps__dir_remove(path);
    }
    return err;
}

enum corps_err corps__dir_join(const char *path, int *lock_fd) {
    char lock[CORPS__DIR_BYTES + 8];
    snprintf(lock, sizeof lock, "%s/lock", path);
    return take_lock(lock, 0, lock_fd);
}

enum corps_err corps__dir_keep(const char *path, int *keeper_fd) {
    char keeper[CORPS__DIR_BYTES + 8];
    snprintf(keeper, sizeof keeper, "%s/keeper", path);
    int fd = open(keeper, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum corps_err err = corps_error_system("cannot lock %s", keeper);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    *keeper_fd = fd;
    return CORPS_OK;
}

/* A file of the directory that is there to be locked. */
static int open_lock(const char *path, const char *name) {
    char lock[CORPS__DIR_BYTES + 300];
    snprintf(lock, sizeof lock, "%s/%s", path, name);
    return open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
}

/* Could it be locked like this? Closes it. */
static bool is_free(int fd, int how) {
    bool free_now = flock(fd, how | LOCK_NB) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return free_now;
}

static bool is_kept(const char *path) {
    int fd = open_lock(path, "keeper");
    return fd >= 0 && !is_free(fd, LOCK_SH) && errno == EWOULDBLOCK;
}

/* Without memory of its own, as a process ends that has none left. */
void corps__dir_remove(const char *path) {
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0) {
        return;
    }
    _Alignas(struct dirent64) char entries[2048];
    for (ssize_t bytes; (bytes = getdents64(dir, entries, sizeof entries)) > 0;) {
        for (ssize_t at = 0; at < bytes;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
                unlinkat(dir, entry->d_name, 0);
            }
            at += entry->d_reclen;
        }
    }
    close(dir);
    rmdir(path);
}

bool corps__dir_is_deserted(const char *path) {
    int fd = open_lock(path, "lock");
    return fd < 0 || is_free(fd, LOCK_EX);
}

/* Has the Corps of this directory no living process? A directory without a lock file is one that is just being made, or
 * whose removal was cut short: it counts as dead once it is a minute old. */
static bool is_dead(const char *path) {
    int fd = open_lock(path, "lock");
    if (fd < 0) {
        struct stat st;
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return errno == ENOENT && stat(path, &st) == 0 && now.tv_sec - st.st_mtime > 60;
    }
    return is_free(fd, LOCK_EX) && !is_kept(path);
}

void corps__dir_remove_dead(const char *path) {
    if (is_dead(path)) {
        corps__dir_remove(path);
    }
}

void corps__dir_remove_last(const char *path, bool patient) {
    char lock[CORPS__DIR_BYTES + 8];
    snprintf(lock, sizeof lock, "%s/lock", path);
    for (int i = 0; i < (patient ? PATIENT_TRIES : LAST_TRIES) && access(path, F_OK) == 0; i++) {
        if (i >= KEPT_TRIES && is_kept(path)) {
            return; /* whoever keeps it has not died with us: it goes on with it, and removes it */
        }
        if (access(lock, F_OK) != 0) {
            corps__dir_remove(path); /* what another one has begun to remove, or to make before it was killed */
        } else {
            corps__dir_remove_dead(path);
        }
        usleep(i > 0 ? LAST_PAUSE_US : 0);
    }
}

/* Calls each(path, name, arg) for every directory of Corps below the base. */
static enum corps_err each_directory(void (*each)(const char *path, const char *name, void *arg), void *arg) {
    char base[CORPS__DIR_BYTES];
    enum corps_err err = corps__dir_base(base, sizeof base);
    if (err != CORPS_OK) {
        return err;
    }
    DIR *dir = opendir(base);
    if (dir == NULL) {
        return corps_error_system("cannot read %s", base);
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[CORPS__DIR_BYTES + 260];
        snprintf(path, sizeof path, "%s/%s", base, entry->d_name);
        if (entry->d_name[0] != '.' && is_own_directory(path, 0)) {
            each(path, entry->d_name, arg);
        }
    }
    closedir(dir);
    return CORPS_OK;
}

struct cleaning {
    bool remove_them;
    void (*each)(const char *path, bool removed, void *arg);
    void *arg;
    int found;
};

static void clean_one(const char *path, const char *name, void *arg) {
    struct cleaning *cleaning = arg;
    (void)name;
    if (!is_dead(path)) {
        return;
    }
    cleaning->found++;
    if (cleaning->remove_them) {
        corps__dir_remove(path);
    }
    if (cleaning->each != NULL) {
        cleaning->each(path, cleaning->remove_them, cleaning->arg);
    }
}

int corps__dir_clean(bool remove_them, void (*each)(const char *path, bool removed, void *arg), void *arg) {
    struct cleaning cleaning = {remove_them, each, arg, 0};
    return each_directory(clean_one, &cleaning) == CORPS_OK ? cleaning.found : -1;
}

struct living {
    void (*each)(const char *path, const char *name, void *arg);
    void *arg;
};

static void tell_living(const char *path, const char *name, void *arg) {
    const struct living *living = arg;
    if (!corps__dir_is_deserted(path)) {
        living->each(path, name, living->arg);
    }
}

enum corps_err corps__dir_living(void (*each)(const char *path, const char *name, void *arg), void *arg) {
    struct living living = {each, arg};
    return each_directory(tell_living, &living);
}
