/* A file in memory that holds an input, for readers that take a path. */
#ifndef CORPS_FUZZ_FILE_H
#define CORPS_FUZZ_FILE_H

#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

struct file {
    int fd;
    char path[32];
};

static inline void file_make(struct file *file) {
    file->fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(file->fd >= 0);
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
}

/* Puts the bytes behind what stands there up to `at`. */
static inline void file_write(const struct file *file, size_t at, const void *data, size_t bytes) {
    must(ftruncate(file->fd, (off_t)at) == 0);
    must(pwrite(file->fd, data, bytes, (off_t)at) == (ssize_t)bytes);
}

#endif
