#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum corps_err corps__whole_open(const char *path, int *directory) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return corps_error_system("cannot make the directory %s", path);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum corps_err err = corps_error_system("cannot use the directory %s", path);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    if (st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        close(fd);
        return corps_error_set(CORPS_ERR_DENIED,
                               st.st_uid != geteuid()
                                   ? "the directory %s belongs to another user; name one of this user's"
                                   : "others may write to the directory %s: chmod go-w it, or name another",
                               path);
    }
    *directory = fd;
    return CORPS_OK;
}

static enum corps_err write_all(int fd, const uint8_t *data, size_t bytes) {
    while (bytes > 0) {
        ssize_t done = write(fd, data, bytes);
        if (done < 0 && errno != EINTR) {
            return CORPS_ERR_SYSTEM;
        }
        data += done > 0 ? done : 0;
        bytes -= done > 0 ? (size_t)done : 0;
    }
    return CORPS_OK;
}

enum corps_err corps__whole_write(int directory, const char *name, const void *data, size_t bytes) {
    char beside[CORPS__WHOLE_NAME_BYTES + 8];
    snprintf(beside, sizeof beside, ".%s.new", name);
    int fd = openat(directory, beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return corps_error_system("cannot make the file %s", beside);
    }
    bool good = write_all(fd, data, bytes) == CORPS_OK && fsync(fd) == 0;
    enum corps_err err = good ? CORPS_OK : corps_error_system("cannot write the file %s", beside);
    if (close(fd) != 0 && err == CORPS_OK) {
        err = corps_error_system("cannot write the file %s", beside);
    }
    if (err == CORPS_OK && renameat(directory, beside, directory, name) != 0) {
        err = corps_error_system("cannot name the file %s", name);
    }
    if (err != CORPS_OK) {
        unlinkat(directory, beside, 0);
        return err;
    }
    return fsync(directory) == 0 ? CORPS_OK : corps_error_system("cannot write the directory of %s", name);
}

static enum corps_err read_all(int fd, const char *name, uint8_t *data, size_t bytes) {
    size_t at = 0;
    while (at < bytes) {
        ssize_t done = read(fd, data + at, bytes - at);
        if (done == 0 || (done < 0 && errno != EINTR)) {
            return done == 0 ? corps_error_set(CORPS_ERR_SYSTEM, "the file %s became shorter", name)
                             : corps_error_system("cannot read the file %s", name);
        }
        at += done > 0 ? (size_t)done : 0;
    }
    return CORPS_OK;
}

static enum corps_err check_file(const struct stat *st, const char *name, size_t bytes_max) {
    if (!S_ISREG(st->st_mode) || st->st_uid != geteuid() || (st->st_mode & 022) != 0) {
        return corps_error_set(CORPS_ERR_DENIED, "%s is no file of this user's that nobody else may write to", name);
    }
    return (uint64_t)st->st_size <= bytes_max
               ? CORPS_OK
               : corps_error_set(CORPS_ERR_TOO_LARGE, "the file %s has more than %zu bytes", name, bytes_max);
}

enum corps_err corps__whole_read(int directory, const char *name, size_t bytes_max, uint8_t **data, size_t *bytes) {
    *data = NULL;
    *bytes = 0;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? CORPS_OK : corps_error_system("cannot open the file %s", name);
    }
    struct stat st;
    enum corps_err err =
        fstat(fd, &st) == 0 ? check_file(&st, name, bytes_max) : corps_error_system("cannot look at the file %s", name);
    uint8_t *content = err == CORPS_OK ? malloc((size_t)st.st_size + 1) : NULL;
    if (err == CORPS_OK) {
        err = content != NULL ? read_all(fd, name, content, (size_t)st.st_size)
                              : corps_error_set(CORPS_ERR_NO_MEMORY, "no memory for the file %s", name);
    }
    close(fd);
    if (err != CORPS_OK) {
        free(content);
        return err;
    }
    *data = content;
    *bytes = (size_t)st.st_size;
    return CORPS_OK;
}

void corps__whole_remove(int directory, const char *name) {
    unlinkat(directory, name, 0);
}
