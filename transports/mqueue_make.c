#include "mqueue_make.h"

#include "reopen.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>

enum { MESSAGES_MAX = 64 }; /* more than that helps nothing, and a user has few */

static long kernel_limit(const char *name) {
    char path[64];
    long value = 0;
    snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fscanf(file, "%ld", &value) != 1) {
            value = 0;
        }
        fclose(file);
    }
    return value;
}

enum corps_err corps__mqueue_make(size_t wanted_count, struct corps__mqueue *made) {
    long count_max = kernel_limit("msg_max");
    long bytes_max = kernel_limit("msgsize_max");
    if (count_max <= 0 || bytes_max < CORPS__MQUEUE_MESSAGE_BYTES_MIN) {
        return corps_error_set(CORPS_ERR_UNSUPPORTED,
                               "this kernel offers no POSIX message queues (/proc/sys/fs/mqueue)");
    }
    if (wanted_count > (size_t)count_max) {
        return corps_error_set(
            CORPS_ERR_LIMIT,
            "a message queue of %zu messages was asked for, and the kernel allows %ld; ask for less, or "
            "raise it: sysctl fs.mqueue.msg_max=%zu",
            wanted_count, count_max, wanted_count);
    }
    struct mq_attr attributes = {.mq_maxmsg = wanted_count > 0           ? (long)wanted_count
                                              : count_max < MESSAGES_MAX ? count_max
                                                                         : MESSAGES_MAX,
                                 .mq_msgsize = bytes_max};
    uint64_t random;
    randombytes_buf(&random, sizeof random);
    char name[40];
    snprintf(name, sizeof name, "/corps-%016llx", (unsigned long long)random);
    made->queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0600, &attributes);
    if (made->queue < 0) {
        return errno == EMFILE || errno == ENOSPC
                   ? corps_error_set(
                         CORPS_ERR_LIMIT,
                         "the kernel allows no further message queue of %ld × %ld bytes; raise ulimit -q or "
                         "fs.mqueue.queues_max",
                         attributes.mq_maxmsg, attributes.mq_msgsize)
                   : corps_error_system("cannot make a message queue of %ld × %ld bytes", attributes.mq_maxmsg,
                                        attributes.mq_msgsize);
    }
    mq_unlink(name);
    made->message_bytes = (size_t)attributes.mq_msgsize;
    corps__reopen_allow(made->queue);
    enum corps_err err = corps__reopen(made->queue, O_WRONLY, &made->handed);
    if (err != CORPS_OK) {
        mq_close(made->queue);
    }
    return err;
}
