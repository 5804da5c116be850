/* Two POSIX message queues, unlinked as soon as they are open: nothing is left behind. */
#include "raw/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>

static int open_queue(const struct raw_channel *channel, unsigned number) {
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 2, .mq_msgsize = (long)channel->bytes};
    snprintf(name, sizeof name, "/corps-raw-%d-%u", (int)getpid(), number);
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | (channel->spin ? O_NONBLOCK : 0), 0600, &attributes);
    if (queue != (mqd_t)-1) {
        mq_unlink(name);
    }
    return queue;
}

/* On Linux a queue's descriptor is a file descriptor, so the caller may close it as one. */
static bool open_queues(struct raw_channel *channel) {
    for (unsigned side = 0; side < 2; side++) {
        int queue = open_queue(channel, side);
        if (queue < 0) {
            return raw_fail(channel, "mq_open (see ulimit -q and /proc/sys/fs/mqueue)");
        }
        channel->write_fd[side] = queue;
        channel->read_fd[1 - side] = queue;
    }
    return true;
}

static bool send_message(struct raw_channel *channel, const uint8_t *message) {
    while (mq_send(channel->write_fd[channel->side], (const char *)message, channel->bytes, 0) != 0) {
        if (errno != EINTR && errno != EAGAIN) {
            return raw_fail(channel, "mq_send");
        }
        if (raw_must_stop(channel)) {
            return false;
        }
    }
    return true;
}

static bool receive_message(struct raw_channel *channel, uint8_t *message) {
    for (;;) {
        ssize_t n = mq_receive(channel->read_fd[channel->side], (char *)message, channel->bytes, NULL);
        if (n == (ssize_t)channel->bytes) {
            return true;
        }
        if (n >= 0) {
            snprintf(channel->error, sizeof channel->error, "mq_receive gave %zd bytes instead of %zu", n,
                     channel->bytes);
            return false;
        }
        if (errno != EINTR && errno != EAGAIN) {
            return raw_fail(channel, "mq_receive");
        }
        if (raw_must_stop(channel)) {
            return false;
        }
    }
}

const struct raw_mechanism raw_mqueue = {
    .name = "raw:mqueue",
    .summary = "two POSIX message queues",
    .can_block = true,
    .can_spin = true,
    .shared_ends = true,
    .limit = "/proc/sys/fs/mqueue/msgsize_max",
    .open = open_queues,
    .send = send_message,
    .receive = receive_message,
};
